use data_store::{Embedded, Listing, PageLimits, Service, Storage as _};
use proto::{
    datastore::v1::data_store_server::DataStore,
    records::v1::{ListRecordsRequest, ListRecordsResponse},
};
use tonic_kube_auth::Clock;

use crate::{
    proof::mk_request,
    support::{delete, mk_memory, put},
};

const MIB: usize = 1024 * 1024;
/// More pages than any of these lists has: paging that goes on beyond goes in circles.
const MANY_PAGES: usize = 100;

async fn list(
    service: &Service<Embedded>,
    prefix: &str,
    page_size: i32,
    page_token: String,
) -> ListRecordsResponse {
    let req = ListRecordsRequest {
        prefix: prefix.to_owned(),
        page_size,
        page_token,
    };
    let rsp = service.list_records(mk_request(req)).await;
    rsp.unwrap().into_inner()
}

/// Answers the keys of every page.
async fn pages(service: &Service<Embedded>, prefix: &str, page_size: i32) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut token = String::new();
    while pages.len() < MANY_PAGES {
        let page = list(service, prefix, page_size, token).await;
        pages.push(page.records.into_iter().map(|record| record.key).collect());
        token = page.next_page_token;
        if token.is_empty() {
            return pages;
        }
    }
    panic!("the list has no end");
}

fn mk_service(storage: &Embedded) -> Service<Embedded> {
    Service::new(storage.clone(), Clock::stopped_at(0))
}

#[tokio::test]
async fn pages_over_2500_records_hold_each_once_in_byte_order() {
    let storage = mk_memory().await;
    let mut keys: Vec<_> = (0..2_500).map(|number| format!("k/{number}")).collect();
    for key in &keys {
        put(&storage, key, "").await;
    }
    put(&storage, "a", "").await;
    put(&storage, "z", "").await;
    keys.sort();
    let service = mk_service(&storage);

    for (page_size, expected) in [(0, 25), (1_000, 3), (500, 5), (999, 3)] {
        let pages = pages(&service, "k/", page_size).await;

        assert_eq!(pages.len(), expected, "no empty page at the end");
        assert_eq!(pages.concat(), keys);
    }
}

#[tokio::test]
async fn keys_are_ordered_by_their_bytes() {
    let storage = mk_memory().await;
    // Bytes, not UTF-16 units: U+FFEE sorts before U+1F600, though its unit is above the surrogates.
    let ordered = [
        "A",
        "a",
        "a!",
        "a/",
        "a/b",
        "aa",
        "b",
        "ü",
        "\u{ffee}",
        "\u{1f600}",
    ];
    for key in ordered.iter().rev() {
        put(&storage, key, "").await;
    }

    let pages = pages(&mk_service(&storage), "", 3).await;

    assert_eq!(pages.concat(), ordered);
}

#[tokio::test]
async fn a_prefix_holds_exactly_the_keys_that_start_with_it() {
    let storage = mk_memory().await;
    for key in ["a", "ab", "ab/", "ab/1", "ab0", "b"] {
        put(&storage, key, "").await;
    }
    let service = mk_service(&storage);

    assert_eq!(pages(&service, "ab/", 1).await.concat(), ["ab/", "ab/1"]);
    assert_eq!(
        pages(&service, "ab", 10).await,
        [["ab", "ab/", "ab/1", "ab0"]]
    );
    assert_eq!(pages(&service, "c", 10).await, [[""; 0]]);
}

#[tokio::test]
async fn a_page_is_cut_at_3_mib_of_keys_and_values() {
    let storage = mk_memory().await;
    for key in ["a", "b", "c", "d"] {
        put(&storage, key, vec![0; MIB]).await;
    }

    let pages = pages(&mk_service(&storage), "", 0).await;

    // Three values alone are 3 MiB; their keys are three bytes more.
    assert_eq!(pages, [["a", "b"], ["c", "d"]]);
}

#[tokio::test]
async fn a_page_of_exactly_3_mib_is_whole() {
    let storage = mk_memory().await;
    for key in ["a", "b", "c"] {
        put(&storage, key, vec![0; MIB - 1]).await;
    }

    let pages = pages(&mk_service(&storage), "", 0).await;

    assert_eq!(pages, [["a", "b", "c"]]);
}

#[tokio::test]
async fn a_record_larger_than_the_page_comes_alone() {
    let storage = mk_memory().await;
    put(&storage, "a", vec![0; 100]).await;
    put(&storage, "b", "").await;
    let limits = PageLimits {
        records: 10,
        bytes: 10,
    };
    let listing = Listing {
        prefix: String::new(),
        after: None,
        at: None,
        limits,
    };

    let page = storage.list(listing).await.unwrap();

    assert_eq!(page.records.len(), 1);
    assert!(page.has_more);
}

#[tokio::test]
async fn paging_while_records_come_and_go_stays_in_order_without_duplicates() {
    let storage = mk_memory().await;
    for number in 0..100 {
        put(&storage, &format!("{number:03}"), "").await;
    }
    let service = mk_service(&storage);
    let mut seen = Vec::new();
    let mut token = String::new();

    for _ in 0..MANY_PAGES {
        let page = list(&service, "", 7, token).await;
        let keys: Vec<_> = page.records.into_iter().map(|record| record.key).collect();
        let last = keys.last().unwrap().clone();
        // What the page ended with goes, something comes before it, and something right after it.
        delete(&storage, &last).await;
        put(&storage, &format!("{}-", keys[0]), "").await;
        put(&storage, &format!("{last}+"), "").await;
        seen.extend(keys);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }

    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    for number in 0..100 {
        assert!(seen.contains(&format!("{number:03}")), "{number}");
    }
}
