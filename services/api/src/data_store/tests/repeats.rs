//! Which calls are made once more, as the data store sees it.

use std::time::Duration;

use futures::future::join_all;
use proto::records::v1::{DeleteRecordRequest, GetRecordRequest, ListRecordsRequest};
use tokio::time::timeout;
use tonic::Code;

use super::{
    client::{Client, patient},
    scripted::{Script, Scripted, several},
};

#[tokio::test]
async fn what_changes_nothing_is_called_again_until_it_is_answered() {
    let server = Scripted::start().await;
    let client = Client::of(std::slice::from_ref(&server)).await;
    let twice = || server.script(Script::UnavailableFor(2));

    twice();
    client.say_hello().await.unwrap();
    twice();
    let request = GetRecordRequest::default();
    client.get_record(request, &patient()).await.unwrap();
    twice();
    let request = ListRecordsRequest::default();
    client.list_records(request, &patient()).await.unwrap();
    twice();
    client.watch().await.unwrap();

    assert_eq!(server.calls(), 4 * 3);
}

#[tokio::test]
async fn the_third_answer_is_the_last() {
    let server = Scripted::start().await;
    let client = Client::of(std::slice::from_ref(&server)).await;
    server.script(Script::Unavailable);

    let status = client.say_hello().await.unwrap_err();

    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(server.calls(), 3);
}

#[tokio::test]
async fn the_second_attempt_goes_to_another_address() {
    let servers = several(2).await;
    let client = Client::of(&servers).await;
    servers[0].script(Script::Unavailable);

    for _ in 0..10 {
        client.say_hello().await.unwrap();
    }

    assert_eq!(servers[1].calls(), 10);
}

#[tokio::test]
async fn callers_that_leave_at_once_take_no_call_of_others_with_them() {
    let server = Scripted::start().await;
    let client = Client::of(std::slice::from_ref(&server)).await;
    server.script(Script::Hold);
    let stay = async {
        let put = client.put().await;
        assert!(put.is_ok(), "{put:?}");
    };
    let leave = async {
        server.has_calls(1).await;
        for _ in 0..3 {
            let calls = join_all((0..50).map(|_| client.say_hello()));
            // As long as it takes to send them.
            let _left = timeout(Duration::from_millis(2), calls).await;
        }
        server.script(Script::Answer);
    };

    tokio::join!(stay, leave);
}

#[tokio::test]
async fn a_write_is_never_sent_twice() {
    let server = Scripted::start().await;
    let client = Client::of(std::slice::from_ref(&server)).await;
    server.script(Script::Unavailable);

    let put = client.put().await.unwrap_err();
    let request = DeleteRecordRequest::default();
    let delete = client.delete_record(request, &patient()).await.unwrap_err();

    assert_eq!(put.code(), Code::Unavailable);
    assert_eq!(delete.code(), Code::Unavailable);
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn a_write_whose_connection_is_lost_is_not_sent_elsewhere() {
    let mut servers = several(2).await;
    let client = Client::of(&servers).await;
    for server in &servers {
        server.script(Script::Hold);
    }
    let dies = async {
        let first = tokio::select! {
            () = servers[0].has_calls(1) => 0,
            () = servers[1].has_calls(1) => 1,
        };
        servers.remove(first).die().await;
    };

    let (status, ()) = tokio::join!(client.put(), dies);

    assert_eq!(status.unwrap_err().code(), Code::Unavailable);
    assert_eq!(servers[0].calls(), 0);
}

#[tokio::test]
async fn however_many_calls_fail_a_tenth_is_repeated_and_a_few_every_second() {
    let server = Scripted::start().await;
    let client = Client::of(std::slice::from_ref(&server)).await;
    server.script(Script::Unavailable);

    let answers = join_all((0..1_000).map(|_| client.say_hello())).await;

    assert!(answers.iter().all(Result::is_err));
    let repeated = server.calls() - 1_000;
    assert!((100..=100 + 3 * 10).contains(&repeated), "{repeated}");
}
