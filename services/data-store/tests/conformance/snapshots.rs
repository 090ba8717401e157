//! Lists as of a revision: later pages see nothing of what was written since the first.

use data_store::{Listing, Page, PageLimits, Storage};
use proto::records::v1::Record;
use tokio::spawn;

use crate::{
    place::Place,
    support::{WHOLE, delete, keys, last, list, mk_listing, mk_next, pages, put, put_if},
};

fn mk_paged(records: usize) -> Listing {
    Listing {
        limits: PageLimits { records, ..WHOLE },
        ..mk_listing("")
    }
}

/// Reads the first page of three records and hands over for writes, then reads the others and answers the records of all.
async fn read_around<S: Storage>(store: &S, writes: impl AsyncFnOnce(&S)) -> Vec<Record> {
    let listing = mk_paged(3);
    let first = list(store, listing.clone()).await;
    let next = mk_next(&listing, &first);
    writes(store).await;
    let rest = pages(store, next).await;
    assert!(rest.iter().all(|page| page.revision == first.revision));
    let pages = [first].into_iter().chain(rest);
    pages.flat_map(|page| page.records).collect()
}

async fn fill(store: &impl Storage) -> Vec<Record> {
    let mut records = Vec::new();
    for number in 0..9 {
        records.push(put(store, &format!("{number}"), "before").await);
    }
    records
}

pub(crate) async fn later_pages_do_not_see_what_was_created_since<P: Place>(place: &P) {
    let store = place.open().await;
    let before = fill(&store).await;

    let read = read_around(&store, async |store| {
        for key in ["00", "3+", "5", "8+", "9"] {
            put(store, key, "since").await;
        }
    });

    assert_eq!(read.await, before);
}

pub(crate) async fn later_pages_do_not_see_what_was_overwritten_since<P: Place>(place: &P) {
    let store = place.open().await;
    let before = fill(&store).await;

    let read = read_around(&store, async |store| {
        for key in ["0", "4", "4", "8"] {
            put(store, key, "since").await;
        }
    });

    assert_eq!(read.await, before);
}

pub(crate) async fn later_pages_still_see_what_was_deleted_since<P: Place>(place: &P) {
    let store = place.open().await;
    let before = fill(&store).await;

    let read = read_around(&store, async |store| {
        for number in 2..9 {
            delete(store, &format!("{number}")).await;
        }
    });

    assert_eq!(read.await, before);
}

pub(crate) async fn later_pages_see_the_old_of_what_was_created_again_since<P: Place>(place: &P) {
    let store = place.open().await;
    let before = fill(&store).await;

    let read = read_around(&store, async |store| {
        for key in ["1", "4", "7", "8"] {
            delete(store, key).await;
            put_if(store, key, 0).await.unwrap();
        }
        delete(store, "7").await;
        for key in ["50", "60"] {
            put(store, key, "").await;
            delete(store, key).await;
        }
    });

    assert_eq!(read.await, before);
}

pub(crate) async fn what_was_deleted_before_stays_so<P: Place>(place: &P) {
    let store = place.open().await;
    let mut before = fill(&store).await;
    for number in [8, 5, 3] {
        delete(&store, &before.remove(number).key).await;
    }

    let read = read_around(&store, async |store| {
        for key in ["3", "5", "8"] {
            put(store, key, "since").await;
        }
    });

    assert_eq!(read.await, before);
}

pub(crate) async fn every_revision_can_be_read_after_the_fact<P: Place>(place: &P) {
    let store = place.open().await;
    let mut shown: Vec<Page> = Vec::new();
    for step in 0..40 {
        let key = format!("{}", step * 7 % 5);
        if step % 3 == 2 {
            delete(&store, &key).await;
        } else {
            put(&store, &key, format!("{step}")).await;
        }
        shown.push(list(&store, mk_listing("")).await);
    }

    let store = place.reopen(store).await;

    for page in shown {
        let listing = Listing {
            at: Some(page.revision),
            ..mk_listing("")
        };
        assert_eq!(list(&store, listing).await, page);
    }
}

pub(crate) async fn a_list_at_the_last_revision_is_the_list<P: Place>(place: &P) {
    let store = place.open().await;
    fill(&store).await;
    delete(&store, "4").await;
    let listing = Listing {
        at: Some(last(&store).await),
        ..mk_listing("")
    };

    let now = list(&store, mk_listing("")).await;

    assert_eq!(list(&store, listing).await, now);
}

pub(crate) async fn pages_are_of_one_moment_under_concurrent_writers<P: Place>(place: &P) {
    const KEYS: usize = 6;
    const ROUNDS: usize = 20;
    let store = place.open().await;
    // One writer replaces the records in turn, so that at every moment their numbers go round without a step back but one.
    for key in 0..KEYS {
        put(&store, &format!("{key}"), "0").await;
    }
    let writer = spawn({
        let store = place.another(&store).await;
        async move {
            for round in 1..=ROUNDS {
                for key in 0..KEYS {
                    put(&store, &format!("{key}"), format!("{round}")).await;
                }
            }
        }
    });

    while !writer.is_finished() {
        let pages = pages(&store, mk_paged(2)).await;

        assert_eq!(keys(&pages).concat(), ["0", "1", "2", "3", "4", "5"]);
        let records = pages.iter().flat_map(|page| &page.records);
        let rounds: Vec<u32> = records
            .map(|record| str::from_utf8(&record.value).unwrap().parse().unwrap())
            .collect();
        let in_turn = rounds.is_sorted_by(|a, b| a >= b) && rounds[0] - rounds[KEYS - 1] <= 1;
        assert!(in_turn, "{rounds:?}");
    }
    writer.await.unwrap();
}
