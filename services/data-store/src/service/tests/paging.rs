use std::time::UNIX_EPOCH;

use futures::future::join_all;
use tonic::Code;
use tonic_kube_auth::Clock;
use tonic_types::StatusExt as _;

use super::{delete, list, put};
use crate::{
    service::Service,
    storage::{Embedded, Put, Storage as _},
};

const MIB: usize = 1024 * 1024;

async fn mk_service_with(keys: &[String], value: usize) -> Service<Embedded> {
    let storage = Embedded::in_memory(10).await.unwrap();
    let puts = keys.iter().map(|key| {
        storage.put(Put {
            key: key.clone(),
            value: vec![0; value].into(),
            content_type: "text/plain".to_owned(),
            updated_by: "somebody".to_owned(),
            now: UNIX_EPOCH,
            expected: None,
        })
    });
    assert!(join_all(puts).await.iter().all(Result::is_ok));
    Service::new(storage, Clock::stopped_at(0))
}

/// Answers the keys of every page.
async fn pages(service: &Service<Embedded>, prefix: &str, page_size: i32) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let page = list(service, prefix, page_size, &token).await.unwrap();
        pages.push(page.records.into_iter().map(|record| record.key).collect());
        token = page.next_page_token;
        if token.is_empty() {
            return pages;
        }
        assert!(pages.len() < 100, "the list has no end");
    }
}

#[tokio::test]
async fn pages_over_2500_records_hold_each_once_in_byte_order() {
    let mut keys: Vec<_> = (0..2_500).map(|number| format!("k/{number}")).collect();
    keys.push("z".to_owned());
    let service = mk_service_with(&keys, 0).await;
    keys.pop();
    keys.sort();

    for (page_size, expected) in [(0, 25), (1_000, 3), (500, 5), (999, 3)] {
        let pages = pages(&service, "k/", page_size).await;

        assert_eq!(pages.len(), expected, "no empty page at the end");
        assert_eq!(pages.concat(), keys);
    }
}

#[tokio::test]
async fn a_page_is_cut_at_3_mib_of_keys_and_values() {
    let keys = ["a", "b", "c", "d"].map(str::to_owned);

    let whole = mk_service_with(&keys[..3], MIB - 1).await;
    let cut = mk_service_with(&keys, MIB).await;

    assert_eq!(pages(&whole, "", 0).await, [["a", "b", "c"]]);
    // Three values alone are 3 MiB; their keys are three bytes more.
    assert_eq!(pages(&cut, "", 0).await, [["a", "b"], ["c", "d"]]);
}

#[tokio::test]
async fn later_pages_show_the_revision_of_the_first() {
    let keys = ["a", "b", "c"].map(str::to_owned);
    let service = mk_service_with(&keys, 0).await;
    let first = list(&service, "", 1, "").await.unwrap();

    put(&service, "b", "later").await.unwrap();
    delete(&service, "c").await.unwrap();
    put(&service, "d", "later").await.unwrap();
    let rest = list(&service, "", 0, &first.next_page_token).await.unwrap();

    assert_eq!((first.revision, rest.revision), (3, 3));
    let shown: Vec<_> = rest
        .records
        .iter()
        .map(|r| (r.key.as_str(), r.revision))
        .collect();
    assert_eq!(shown, [("b", 2), ("c", 3)]);
}

#[tokio::test]
async fn a_page_token_that_is_too_old_is_out_of_range_and_told_to_start_again() {
    let keys = ["a", "b"].map(str::to_owned);
    let service = mk_service_with(&keys, 0).await;
    let first = list(&service, "", 1, "").await.unwrap();
    for _ in 0..11 {
        put(&service, "a", "again").await.unwrap();
    }

    let status = list(&service, "", 1, &first.next_page_token)
        .await
        .unwrap_err();

    assert_eq!(status.code(), Code::OutOfRange);
    assert_eq!(
        status.get_details_error_info().unwrap().reason,
        "HISTORY_GONE"
    );
}

#[tokio::test]
async fn a_page_token_of_a_store_that_has_come_further_is_out_of_range() {
    let keys = ["a", "b"].map(str::to_owned);
    let other = mk_service_with(&keys, 0).await;
    let service = mk_service_with(&keys[..1], 0).await;
    let first = list(&other, "", 1, "").await.unwrap();

    let status = list(&service, "", 1, &first.next_page_token)
        .await
        .unwrap_err();

    assert_eq!(status.code(), Code::OutOfRange);
    assert_eq!(
        status.get_details_error_info().unwrap().reason,
        "REVISION_AHEAD"
    );
}
