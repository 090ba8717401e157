use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use futures::future::{join, join_all};
use proto::records::v1::Record;

use super::{Waiting, answer};
use crate::storage::{
    Embedded, Put, Storage as _, StorageError,
    embedded::tests::{mk_put, mk_storage},
};

/// Has nobody serve the queue but this test.
fn hold(storage: &Embedded) {
    storage.writes.queue.line().is_served = true;
}

fn serve(storage: &Embedded) {
    storage.writes.queue.serve(&Arc::downgrade(&storage.writes));
}

fn answer_all(storage: &Embedded, batch: Vec<Waiting>) {
    let answers = storage.writes.commit(&batch);
    answer(batch, answers);
}

/// Begins something, as far as it goes without waiting.
async fn begin(future: Pin<&mut impl Future>) {
    let mut future = future;
    poll_fn(|cx| {
        let _pending = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

async fn value_of(storage: &Embedded, key: &str) -> Option<Record> {
    storage.get(key).await.unwrap()
}

#[tokio::test]
async fn writes_that_wait_together_share_one_commit() {
    let storage = mk_storage().await;
    hold(&storage);
    let mut writes = pin!(join_all(
        (0..100).map(|n| storage.put(mk_put(&format!("{n}"), "")))
    ));
    begin(writes.as_mut()).await;

    let batch = storage.writes.queue.next_batch().unwrap();
    assert_eq!(batch.len(), 100);
    answer_all(&storage, batch);

    let revisions: Vec<_> = writes
        .await
        .into_iter()
        .map(|put| put.unwrap().revision)
        .collect();
    assert_eq!(revisions, (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_write_whose_caller_is_gone_before_its_commit_never_happens() {
    let storage = mk_storage().await;
    hold(&storage);
    let mut gone = Box::pin(storage.put(mk_put("a", "1")));
    begin(gone.as_mut()).await;
    let mut stays = pin!(storage.put(mk_put("b", "2")));
    begin(stays.as_mut()).await;

    drop(gone);
    serve(&storage);

    assert_eq!(stays.await.unwrap().revision, 1);
    assert_eq!(value_of(&storage, "a").await, None);
}

#[tokio::test]
async fn a_write_whose_caller_is_gone_after_its_commit_began_happens_whole() {
    let storage = mk_storage().await;
    hold(&storage);
    let mut gone = Box::pin(storage.put(mk_put("a", "1")));
    begin(gone.as_mut()).await;

    let batch = storage.writes.queue.next_batch().unwrap();
    drop(gone);
    answer_all(&storage, batch);

    assert_eq!(value_of(&storage, "a").await.unwrap().value, "1");
}

#[tokio::test]
async fn a_refused_write_leaves_those_beside_it_alone() {
    let storage = mk_storage().await;
    hold(&storage);
    let refused = Put {
        expected: Some(7),
        ..mk_put("a", "1")
    };
    let mut writes = pin!(join(storage.put(refused), storage.put(mk_put("b", "2"))));
    begin(writes.as_mut()).await;

    serve(&storage);

    let (refused, written) = writes.await;
    assert!(matches!(refused, Err(StorageError::Differs { current: 0 })));
    assert_eq!(written.unwrap().revision, 1);
}

#[tokio::test]
async fn writers_wait_while_there_is_no_room_in_the_queue() {
    let storage = mk_storage().await;
    hold(&storage);
    let mib: Bytes = vec![0; 1024 * 1024].into();
    let put = |n: usize| Put {
        value: mib.clone(),
        ..mk_put(&format!("{n}"), "")
    };
    let mut writes = pin!(join_all((0..40).map(|n| storage.put(put(n)))));
    begin(writes.as_mut()).await;

    let batch = storage.writes.queue.next_batch().unwrap();
    let waited = batch.len();
    answer_all(&storage, batch);
    begin(writes.as_mut()).await;
    serve(&storage);

    // 32 MiB, less a little for each.
    assert_eq!(waited, 31);
    assert!(writes.await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn reads_do_not_wait_for_writes() {
    let storage = mk_storage().await;
    hold(&storage);
    let mut write = pin!(storage.put(mk_put("a", "1")));
    begin(write.as_mut()).await;

    assert_eq!(value_of(&storage, "a").await, None);
}
