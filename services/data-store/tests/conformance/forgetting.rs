//! What the embedded engine says of changes that it was told not to remember.

use data_store::{Embedded, Event, Listing, Storage as _, StorageError};
use futures::StreamExt as _;

use crate::support::{Follower, in_time, last, list, mk_listing, put};

/// How many changes are remembered.
const HISTORY: u32 = 10;

/// A store that was written to more often than it remembers.
async fn mk_forgetful() -> Embedded {
    let store = Embedded::in_memory(HISTORY).await.unwrap();
    for number in 0..5 * HISTORY {
        put(&store, &format!("{:02}", number % 20), format!("{number}")).await;
    }
    store
}

/// The oldest change that an error says is remembered; fails when it says something else.
fn oldest<T>(outcome: Result<T, StorageError>) -> i64 {
    match outcome.map(drop) {
        Err(StorageError::HistoryGone { oldest }) => oldest,
        other => panic!("it should be forgotten: {other:?}"),
    }
}

async fn oldest_to_watch(store: &Embedded) -> i64 {
    match in_time(store.watch("", 1)).await {
        Ok(mut events) => oldest(in_time(events.next()).await.unwrap()),
        Err(error) => oldest::<()>(Err(error)),
    }
}

#[tokio::test]
async fn records_are_never_forgotten() {
    let store = mk_forgetful().await;

    assert_eq!(list(&store, mk_listing("")).await.records.len(), 20);
}

#[tokio::test]
async fn a_watch_from_before_the_history_is_told_where_to_begin() {
    let store = mk_forgetful().await;
    let end = last(&store).await;

    let oldest = oldest_to_watch(&store).await;

    let told = Follower::begin(&store, "", oldest).await.up_to(end).await;
    assert_eq!(told.first().map(Event::revision), Some(oldest));
    assert!(told.len() >= HISTORY as usize, "as much as was promised");
}

#[tokio::test]
async fn a_list_from_before_the_history_is_refused() {
    let store = mk_forgetful().await;
    let mk_at = |revision| Listing {
        at: Some(revision),
        ..mk_listing("")
    };

    let oldest = oldest(in_time(store.list(mk_at(1))).await);

    let page = list(&store, mk_at(oldest)).await;
    assert_eq!(page.records.len(), 20);
    assert!(page.records.iter().all(|record| record.revision <= oldest));
}

#[tokio::test]
async fn a_watch_that_falls_behind_the_history_ends_with_that() {
    let store = Embedded::in_memory(HISTORY).await.unwrap();
    let mut events = in_time(store.watch("", 0)).await.unwrap();
    for number in 0..2_000 {
        put(&store, "a", format!("{number}")).await;
    }

    let mut told = Vec::new();
    while let Some(event) = in_time(events.next()).await {
        told.push(event);
    }

    let error = told.pop().unwrap();
    assert!(oldest(error) > 1);
    let told: Vec<_> = told.into_iter().map(Result::unwrap).collect();
    assert!(told.is_sorted_by_key(Event::revision));
}
