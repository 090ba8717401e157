use std::time::{Duration, UNIX_EPOCH};

use proto::{
    datastore::v1::data_store_server::DataStore,
    records::v1::{
        DeleteRecordRequest, GetRecordRequest, GreetRequest, ListRecordsRequest,
        ListRecordsResponse, PutRecordRequest, Record,
    },
};
use tonic::{Code, Request, Status};
use tonic_kube_auth::Clock;

use self::proof::mk_request;
use super::Service;
use crate::storage::Embedded;

mod conditions;
mod paging;
mod proof;
mod watching;

async fn mk_service(clock: Clock) -> Service<Embedded> {
    Service::new(Embedded::in_memory(10).await.unwrap(), clock)
}

async fn mk_stopped_service() -> Service<Embedded> {
    mk_service(Clock::stopped_at(1_000)).await
}

/// A clock that goes on by a second each time it is read.
fn mk_ticking_clock() -> Clock {
    let ticks = std::sync::atomic::AtomicU64::new(0);
    Clock::from_fn(move || {
        UNIX_EPOCH + Duration::from_secs(ticks.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
    })
}

async fn put(
    service: &Service<Embedded>,
    key: &str,
    value: impl AsRef<[u8]>,
) -> Result<Record, Status> {
    let req = mk_request(PutRecordRequest {
        key: key.to_owned(),
        value: value.as_ref().to_vec().into(),
        content_type: String::new(),
        expected_revision: None,
    });
    service.put_record(req).await.map(|rsp| rsp.into_inner())
}

async fn get(service: &Service<Embedded>, key: &str) -> Result<Record, Status> {
    let req = mk_request(GetRecordRequest {
        key: key.to_owned(),
    });
    service.get_record(req).await.map(|rsp| rsp.into_inner())
}

async fn delete(service: &Service<Embedded>, key: &str) -> Result<i64, Status> {
    let req = mk_request(DeleteRecordRequest {
        key: key.to_owned(),
        expected_revision: None,
    });
    let rsp = service.delete_record(req).await;
    rsp.map(|rsp| rsp.into_inner().revision)
}

async fn list(
    service: &Service<Embedded>,
    prefix: &str,
    page_size: i32,
    page_token: &str,
) -> Result<ListRecordsResponse, Status> {
    let req = mk_request(ListRecordsRequest {
        prefix: prefix.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
    });
    service.list_records(req).await.map(|rsp| rsp.into_inner())
}

#[tokio::test]
async fn greets_in_the_articles_words_and_says_who_the_caller_was_proven_to_be() {
    let service = mk_stopped_service().await;

    let rsp = service.greet(mk_request(GreetRequest {})).await.unwrap();

    let greeting = rsp.into_inner();
    assert_eq!(
        greeting.message,
        "Hello from data store. You have been authenticated"
    );
    let caller = greeting.caller.unwrap();
    assert_eq!(caller.username, "system:serviceaccount:api:api");
    assert_eq!(
        (caller.namespace.as_str(), caller.service_account.as_str()),
        ("api", "api")
    );
    assert_eq!(caller.audiences, ["data-store"]);
    assert_eq!(caller.expire_time.unwrap().seconds, 2_000);
}

#[tokio::test]
async fn a_put_answers_what_a_get_then_finds() {
    let service = mk_stopped_service().await;

    let put = put(&service, "a", "hi").await.unwrap();

    assert_eq!(get(&service, "a").await.unwrap(), put);
    let at = Some(prost_types::Timestamp {
        seconds: 1_000,
        nanos: 0,
    });
    assert_eq!(
        put,
        Record {
            key: "a".to_owned(),
            value: "hi".into(),
            content_type: "application/octet-stream".to_owned(),
            revision: 1,
            create_time: at,
            update_time: at,
            updated_by: "system:serviceaccount:api:api".to_owned(),
        }
    );
}

#[tokio::test]
async fn nobody_is_answered_who_was_not_proven_to_call() {
    let service = mk_stopped_service().await;
    put(&service, "a", "hi").await.unwrap();
    let key = || "a".to_owned();

    let refused = [
        service.greet(Request::new(GreetRequest {})).await.err(),
        service
            .get_record(Request::new(GetRecordRequest { key: key() }))
            .await
            .err(),
        service
            .put_record(Request::new(PutRecordRequest {
                key: key(),
                ..PutRecordRequest::default()
            }))
            .await
            .err(),
        service
            .delete_record(Request::new(DeleteRecordRequest {
                key: key(),
                expected_revision: None,
            }))
            .await
            .err(),
        service
            .list_records(Request::new(ListRecordsRequest::default()))
            .await
            .err(),
    ];

    for status in refused {
        assert_eq!(status.unwrap().code(), Code::Internal);
    }
    assert_eq!(get(&service, "a").await.unwrap().value, "hi");
}

#[tokio::test]
async fn a_replacement_keeps_the_time_of_creation_and_a_deletion_ends_it() {
    let service = mk_service(mk_ticking_clock()).await;
    let seconds = |time: Option<prost_types::Timestamp>| time.unwrap().seconds;

    let created = put(&service, "a", "1").await.unwrap();
    let replaced = put(&service, "a", "2").await.unwrap();
    let deleted = delete(&service, "a").await.unwrap();
    let again = put(&service, "a", "3").await.unwrap();

    assert_eq!(seconds(created.create_time), 0);
    assert_eq!(seconds(replaced.create_time), 0);
    assert_eq!(seconds(replaced.update_time), 1);
    assert_eq!(seconds(again.create_time), 2);
    assert_eq!(
        [created.revision, replaced.revision, deleted, again.revision],
        [1, 2, 3, 4]
    );
}

#[tokio::test]
async fn a_missing_record_is_not_found_and_not_named() {
    let service = mk_stopped_service().await;

    for status in [
        get(&service, "private").await.unwrap_err(),
        delete(&service, "private").await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.message(), "no record under that key");
    }
}

#[tokio::test]
async fn a_deletion_of_nothing_takes_no_revision() {
    let service = mk_stopped_service().await;

    delete(&service, "a").await.unwrap_err();

    assert_eq!(put(&service, "a", "").await.unwrap().revision, 1);
}

#[tokio::test]
async fn every_broken_rule_is_an_invalid_argument_that_names_its_field() {
    let service = mk_stopped_service().await;
    let long = "k".repeat(1_025);
    let typed = mk_request(PutRecordRequest {
        key: "a".to_owned(),
        content_type: "text".to_owned(),
        ..PutRecordRequest::default()
    });

    let refusals = [
        ("key", get(&service, "").await.unwrap_err()),
        ("key", delete(&service, "a\0").await.unwrap_err()),
        ("key", put(&service, &long, "").await.unwrap_err()),
        (
            "value",
            put(&service, "a", vec![0; 1_048_577]).await.unwrap_err(),
        ),
        ("content_type", service.put_record(typed).await.unwrap_err()),
        ("prefix", list(&service, &long, 0, "").await.unwrap_err()),
        ("page_size", list(&service, "", -1, "").await.unwrap_err()),
        (
            "page_size",
            list(&service, "", 1_001, "").await.unwrap_err(),
        ),
        ("page_token", list(&service, "", 0, "x").await.unwrap_err()),
    ];

    for (field, status) in refusals {
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().starts_with(field), "{status:?}");
    }
    assert_eq!(put(&service, "a", "").await.unwrap().revision, 1);
}

#[tokio::test]
async fn a_page_token_of_another_prefix_is_refused_and_told_to_start_again() {
    let service = mk_stopped_service().await;
    for key in ["a/1", "a/2"] {
        put(&service, key, "").await.unwrap();
    }
    let page = list(&service, "a/", 1, "").await.unwrap();

    let status = list(&service, "a", 1, &page.next_page_token).await;

    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("first page"), "{status:?}");
}
