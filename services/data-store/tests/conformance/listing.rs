//! Lists: which keys, in which order, on which pages.

use data_store::{Listing, PageLimits, Storage, StorageError};

use crate::{
    place::Place,
    support::{WHOLE, delete, in_time, keys, last, list, mk_listing, mk_next, pages, put},
};

/// In the order of their bytes, which is not that of UTF-16: U+FFEE sorts before U+1F600, though its unit is above the surrogates.
const ORDERED: [&str; 16] = [
    " ", "%", "%2F", "/", "//a", "A", "a", "a ", "a!", "a/", "a/b", "aa", "b", "ü", "\u{ffee}",
    "🦀",
];

fn mk_paged(prefix: &str, records: usize) -> Listing {
    Listing {
        limits: PageLimits { records, ..WHOLE },
        ..mk_listing(prefix)
    }
}

pub(crate) async fn nothing_is_one_empty_page<P: Place>(place: &P) {
    let store = place.open().await;
    let written = put(&store, "b", "").await.revision;

    for prefix in ["a", "bb", "ba", "c"] {
        let page = list(&store, mk_listing(prefix)).await;

        assert!(
            page.records.is_empty() && !page.has_more,
            "{prefix}: {page:?}"
        );
        assert_eq!(page.revision, written);
    }
}

pub(crate) async fn a_list_shows_what_is_got<P: Place>(place: &P) {
    let store = place.open().await;
    put(&store, "a", "1").await;
    put(&store, "b", "1").await;
    let first = put(&store, "c", "1").await;
    let second = put(&store, "a", "2").await;
    delete(&store, "b").await;

    let page = list(&store, mk_listing("")).await;

    assert_eq!(page.records, [second, first]);
}

pub(crate) async fn keys_are_ordered_by_their_bytes<P: Place>(place: &P) {
    let store = place.open().await;
    for key in ORDERED.iter().rev() {
        put(&store, key, "").await;
    }

    for records in 1..=ORDERED.len() + 1 {
        let pages = pages(&store, mk_paged("", records)).await;

        assert_eq!(keys(&pages).concat(), ORDERED);
        assert_eq!(pages.len(), ORDERED.len().div_ceil(records));
    }
}

pub(crate) async fn a_prefix_holds_exactly_the_keys_that_start_with_it<P: Place>(place: &P) {
    let store = place.open().await;
    let sharp = [
        "a\u{10ffff}",
        "a\u{10ffff}\u{10ffff}",
        "a\u{10ffff}b",
        "\u{10ffff}",
    ];
    let all: Vec<_> = ORDERED.into_iter().chain(sharp).collect();
    for key in &all {
        put(&store, key, "").await;
    }
    let prefixes = ["", "é", "a/b/", "\u{10ffff}\u{10ffff}", "a\u{10fffe}"];

    for prefix in all.iter().copied().chain(prefixes) {
        let pages = pages(&store, mk_paged(prefix, 3)).await;

        let mut expected = all.clone();
        expected.retain(|key| key.starts_with(prefix));
        expected.sort_unstable();
        assert_eq!(keys(&pages).concat(), expected, "{prefix:?}");
    }
}

pub(crate) async fn a_list_goes_on_after_any_key_there_or_not<P: Place>(place: &P) {
    let store = place.open().await;
    for key in ["a/1", "a/2", "a/3", "b"] {
        put(&store, key, "").await;
    }

    for (after, expected) in [
        ("", vec!["a/1", "a/2", "a/3"]),
        ("a/", vec!["a/1", "a/2", "a/3"]),
        ("a/1", vec!["a/2", "a/3"]),
        ("a/1\u{10ffff}", vec!["a/2", "a/3"]),
        ("a/11", vec!["a/2", "a/3"]),
        ("a/3", vec![]),
        ("a0", vec![]),
        ("c", vec![]),
    ] {
        let listing = Listing {
            after: Some(after.to_owned()),
            ..mk_listing("a/")
        };
        let page = list(&store, listing).await;

        assert_eq!(keys(&[page]).concat(), expected, "{after:?}");
    }
}

pub(crate) async fn pages_hold_each_record_once_and_none_is_empty<P: Place>(place: &P) {
    const RECORDS: usize = 60;
    let store = place.open().await;
    let mut expected: Vec<_> = (0..RECORDS).map(|number| format!("k/{number}")).collect();
    for key in &expected {
        put(&store, key, "").await;
    }
    put(&store, "a", "").await;
    put(&store, "z", "").await;
    expected.sort_unstable();

    for records in [1, 7, 20, RECORDS - 1, RECORDS, RECORDS + 1] {
        let pages = pages(&store, mk_paged("k/", records)).await;

        assert_eq!(pages.len(), RECORDS.div_ceil(records), "{records} a page");
        assert_eq!(keys(&pages).concat(), expected);
        let (full, _last) = pages.split_at(pages.len() - 1);
        assert!(full.iter().all(|page| page.records.len() == records));
    }
}

pub(crate) async fn a_page_is_cut_at_its_bytes_of_keys_and_values<P: Place>(place: &P) {
    let store = place.open().await;
    for (key, length) in [("a", 9), ("b", 9), ("c", 9), ("d", 100), ("e", 0), ("f", 0)] {
        put(&store, key, vec![0; length]).await;
    }

    for (bytes, expected) in [
        (
            1,
            vec![
                vec!["a"],
                vec!["b"],
                vec!["c"],
                vec!["d"],
                vec!["e"],
                vec!["f"],
            ],
        ),
        (
            19,
            vec![vec!["a"], vec!["b"], vec!["c"], vec!["d"], vec!["e", "f"]],
        ),
        (
            20,
            vec![vec!["a", "b"], vec!["c"], vec!["d"], vec!["e", "f"]],
        ),
        (130, vec![vec!["a", "b", "c"], vec!["d", "e", "f"]]),
        (131, vec![vec!["a", "b", "c", "d"], vec!["e", "f"]]),
        (133, vec![vec!["a", "b", "c", "d", "e", "f"]]),
    ] {
        let listing = Listing {
            limits: PageLimits { bytes, ..WHOLE },
            ..mk_listing("")
        };
        let pages = pages(&store, listing).await;

        assert_eq!(keys(&pages), expected, "{bytes} bytes a page");
    }
}

pub(crate) async fn large_records_fit_on_pages_of_their_bytes<P: Place>(place: &P) {
    const MIB: usize = 1024 * 1024;
    let store = place.open().await;
    for key in ["a", "b", "c", "d"] {
        put(&store, key, vec![0; MIB]).await;
    }
    let listing = Listing {
        limits: PageLimits {
            records: 100,
            bytes: 3 * MIB,
        },
        ..mk_listing("")
    };

    let pages = pages(&store, listing).await;

    // Three values alone are as much as a page holds; their keys are three bytes more.
    assert_eq!(keys(&pages), [["a", "b"], ["c", "d"]]);
}

pub(crate) async fn at_least_one_record_is_given<P: Place>(place: &P) {
    let store = place.open().await;
    put(&store, "a", "longer than the page").await;
    put(&store, "b", "").await;
    for (records, bytes) in [(0, 0), (0, 100), (10, 0), (10, 10), (1, 100)] {
        let listing = Listing {
            limits: PageLimits { records, bytes },
            ..mk_listing("")
        };

        let page = list(&store, listing.clone()).await;
        let next = list(&store, mk_next(&listing, &page)).await;

        assert!(page.has_more);
        assert!(!next.has_more);
        assert_eq!(keys(&[page, next]), [["a"], ["b"]]);
    }
}

pub(crate) async fn limits_may_be_as_large_as_numbers_are<P: Place>(place: &P) {
    let store = place.open().await;
    put(&store, "a", "").await;
    let listing = Listing {
        limits: PageLimits {
            records: usize::MAX,
            bytes: usize::MAX,
        },
        ..mk_listing("")
    };

    let page = list(&store, listing).await;

    assert_eq!(keys(&[page]), [["a"]]);
}

pub(crate) async fn a_list_at_a_revision_to_come_is_refused<P: Place>(place: &P) {
    let store = place.open().await;
    put(&store, "a", "").await;
    let before = last(&store).await;
    for ahead in [1, 1_000_000] {
        let listing = Listing {
            at: Some(before + ahead),
            ..mk_listing("")
        };

        let refused = in_time(store.list(listing)).await;

        let is_ahead = |error: &_| matches!(error, StorageError::Ahead { last } if *last == before);
        assert!(refused.as_ref().is_err_and(is_ahead), "{refused:?}");
    }
}
