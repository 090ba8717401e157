//! Streams that go on for long, and calls beside them.

use std::time::Duration;

use futures::{StreamExt as _, future::join_all};
use proto::records::v1::WatchRecordsRequest;
use tokio::time::{Instant, timeout};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{
    client::{Client, DEADLINE, pass},
    scripted::{Script, Scripted},
};
use crate::passing::Passing;

const HOUR: Duration = Duration::from_secs(3600);

async fn mk_server_and_client() -> (Scripted, Client) {
    let server = Scripted::start().await;
    let client = Client::of(std::slice::from_ref(&server)).await;
    (server, client)
}

#[tokio::test]
async fn unary_calls_are_answered_while_a_thousand_watches_are_open() {
    let (server, client) = mk_server_and_client().await;
    let watches = join_all((0..1_000).map(|_| client.watch())).await;
    assert!(watches.iter().all(Result::is_ok));
    server.has_watches(1_000).await;

    let answers = join_all((0..100).map(|_| client.say_hello())).await;

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    server.has_watches(1_000).await;
}

#[tokio::test]
async fn watches_that_nobody_reads_keep_nothing_from_one_beside_them() {
    let (server, client) = mk_server_and_client().await;
    server.script(Script::Flood);
    let unread = join_all((0..20).map(|_| client.watch())).await;
    assert!(unread.iter().all(Result::is_ok));
    let read = client.watch().await.unwrap();

    let changes = timeout(DEADLINE, read.take(100).count()).await;

    assert_eq!(changes.unwrap(), 100);
}

#[tokio::test]
async fn a_watch_that_is_dropped_is_cancelled_at_the_data_store() {
    let (server, client) = mk_server_and_client().await;
    let watches = join_all((0..150).map(|_| client.watch())).await;
    server.has_watches(150).await;

    drop(watches);

    server.has_watches(0).await;
}

#[tokio::test]
async fn a_watch_goes_on_for_long_and_ends_with_an_error_when_it_breaks() {
    let (server, client) = mk_server_and_client().await;
    let mut watch = client.watch().await.unwrap();
    assert!(watch.next().await.unwrap().is_ok());
    pass(HOUR).await;
    client.say_hello().await.unwrap();
    server.has_watches(1).await;
    let calls = server.calls();

    server.die().await;
    let end = watch.next().await.unwrap().unwrap_err();

    assert_eq!(calls, 2);
    assert_eq!(end.code(), Code::Unavailable);
    let info = end.get_details_error_info().unwrap();
    assert_eq!(info.reason, "DATA_STORE_UNAVAILABLE");
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_watch_ends_at_its_deadline() {
    let (server, client) = mk_server_and_client().await;
    let request = WatchRecordsRequest::default();
    let deadline = Instant::now() + HOUR;
    let mut watch = client
        .watch_records(request, &Passing::until(deadline))
        .await
        .unwrap();
    assert!(watch.next().await.unwrap().is_ok());

    pass(HOUR).await;
    let end = watch.next().await.unwrap().unwrap_err();

    assert_eq!(end.code(), Code::DeadlineExceeded);
    assert!(watch.next().await.is_none());
    server.has_watches(0).await;
}

#[tokio::test]
async fn a_watch_must_begin_within_five_seconds() {
    let (server, client) = mk_server_and_client().await;
    server.script(Script::Hold);

    let passes = async {
        server.has_calls(1).await;
        pass(DEADLINE).await;
    };
    let (watch, ()) = tokio::join!(client.watch(), passes);

    assert_eq!(watch.unwrap_err().code(), Code::DeadlineExceeded);
}
