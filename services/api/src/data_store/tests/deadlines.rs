//! By when there is an answer.

use std::time::Duration;

use proto::records::v1::{GreetRequest, PutRecordRequest, WatchRecordsRequest};
use tokio::time::Instant;
use tonic::Code;

use super::{
    client::{Client, DEADLINE, pass},
    scripted::{Script, Scripted},
};
use crate::passing::Passing;

/// What a `grpc-timeout` says.
fn parse(timeout: &str) -> Duration {
    let (number, unit) = timeout.split_at(timeout.len() - 1);
    let number = number.parse().unwrap();
    match unit {
        "n" => Duration::from_nanos(number),
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        "S" => Duration::from_secs(number),
        unit => panic!("no unit of a short time: {unit}"),
    }
}

async fn mk_server_and_client() -> (Scripted, Client) {
    let server = Scripted::start().await;
    let client = Client::of(std::slice::from_ref(&server)).await;
    (server, client)
}

#[tokio::test]
async fn the_data_store_is_told_how_long_the_caller_waits_still() {
    let (server, client) = mk_server_and_client().await;
    let given = Duration::from_secs(3);
    let passing = Passing::until(Instant::now() + given);

    client.greet(GreetRequest {}, &passing).await.unwrap();
    let request = PutRecordRequest::default();
    client.put_record(request, &passing).await.unwrap();
    let request = WatchRecordsRequest::default();
    let _watch = client.watch_records(request, &passing).await.unwrap();

    let timeouts = server.timeouts();
    assert_eq!(timeouts.len(), 3);
    for timeout in timeouts {
        let timeout = parse(&timeout.unwrap());
        assert!(timeout <= given && timeout > given / 2, "{timeout:?}");
    }
}

#[tokio::test]
async fn no_call_may_take_longer_than_the_operator_allows() {
    let (server, client) = mk_server_and_client().await;
    server.script(Script::Hold);
    let passing = Passing::until(Instant::now() + Duration::from_secs(3600));

    let passes = async {
        server.has_calls(1).await;
        pass(DEADLINE).await;
    };
    let (status, ()) = tokio::join!(client.greet(GreetRequest {}, &passing), passes);

    assert_eq!(status.unwrap_err().code(), Code::DeadlineExceeded);
    let timeout = server.timeouts().pop().flatten().unwrap();
    assert!(parse(&timeout) <= DEADLINE, "{timeout}");
}

#[tokio::test]
async fn the_callers_shorter_deadline_is_kept() {
    let (server, client) = mk_server_and_client().await;
    server.script(Script::Hold);
    let given = Duration::from_secs(1);

    let passes = async {
        server.has_calls(1).await;
        pass(given).await;
    };
    let passing = Passing::until(Instant::now() + given);
    let put = client.put_record(PutRecordRequest::default(), &passing);
    let (status, ()) = tokio::join!(put, passes);

    assert_eq!(status.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn after_the_deadline_nothing_is_sent() {
    let (server, client) = mk_server_and_client().await;
    let passed = Passing::until(Instant::now());

    let put = client
        .put_record(PutRecordRequest::default(), &passed)
        .await;
    let greeting = client.greet(GreetRequest {}, &passed).await;
    let watch = client
        .watch_records(WatchRecordsRequest::default(), &passed)
        .await;

    for status in [put.unwrap_err(), greeting.unwrap_err(), watch.unwrap_err()] {
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn the_time_before_a_repetition_counts() {
    let (server, client) = mk_server_and_client().await;
    server.script(Script::UnavailableFor(1));
    let passing = Passing::until(Instant::now() + Duration::from_secs(1));

    client.greet(GreetRequest {}, &passing).await.unwrap();

    let timeouts = server.timeouts();
    let [Some(first), Some(second)] = timeouts.as_slice() else {
        panic!("{timeouts:?}");
    };
    let less = parse(first) - parse(second);
    assert!(less >= Duration::from_millis(20), "{less:?}");
}
