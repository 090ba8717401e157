use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{SystemTime, UNIX_EPOCH},
};

use super::Storage;
use crate::storage::Address;

async fn mk_storage() -> Storage {
    Storage::open(&Address::Memory).await.unwrap()
}

fn now() -> SystemTime {
    UNIX_EPOCH
}

/// Begins a write and hangs up.
async fn begin_and_drop(write: impl Future) {
    let mut write = pin!(write);
    poll_fn(|cx| {
        let _pending = write.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn a_write_that_has_its_turn_happens_whole_though_its_caller_is_gone() {
    let storage = mk_storage().await;

    begin_and_drop(storage.put("a", "1".into(), "text/plain", "somebody", now())).await;
    let next = storage.put("b", "2".into(), "text/plain", "somebody", now());

    assert_eq!(next.await.unwrap().revision, 2);
    let record = storage.get("a").await.unwrap().unwrap();
    assert_eq!((record.revision, record.value), (1, "1".into()));
}

#[tokio::test]
async fn a_write_that_waits_for_its_turn_never_happens_once_its_caller_is_gone() {
    let storage = mk_storage().await;
    let turn = Arc::clone(&storage.turn).acquire_owned().await.unwrap();

    begin_and_drop(storage.put("a", "1".into(), "text/plain", "somebody", now())).await;
    drop(turn);
    let next = storage.put("b", "2".into(), "text/plain", "somebody", now());

    assert_eq!(next.await.unwrap().revision, 1);
    assert_eq!(storage.get("a").await.unwrap(), None);
}

#[tokio::test]
async fn reads_do_not_wait_for_a_write() {
    let storage = mk_storage().await;
    let _turn = Arc::clone(&storage.turn).acquire_owned().await.unwrap();

    assert_eq!(storage.get("a").await.unwrap(), None);
}
