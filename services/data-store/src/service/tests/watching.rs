use futures::StreamExt as _;
use proto::{
    datastore::v1::data_store_server::DataStore as _,
    records::v1::{WatchRecordsRequest, WatchRecordsResponse, watch_records_response::Change},
};
use runtime::CancellationToken;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{delete, mk_stopped_service, proof::mk_request, put};
use crate::{service::Service, storage::Embedded};

type Told = futures::stream::BoxStream<'static, Result<WatchRecordsResponse, Status>>;

async fn watch(service: &Service<Embedded>, prefix: &str, start: i64) -> Result<Told, Status> {
    let req = mk_request(WatchRecordsRequest {
        prefix: prefix.to_owned(),
        start_revision: start,
    });
    service.watch_records(req).await.map(|rsp| rsp.into_inner())
}

/// The revision, and the key that changed with whether it was put.
async fn next(told: &mut Told) -> (i64, Option<(String, bool)>) {
    let told = told.next().await.unwrap().unwrap();
    let change = told.change.map(|change| match change {
        Change::Put(record) => (record.key, true),
        Change::Deleted(key) => (key, false),
    });
    (told.revision, change)
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn a_watch_tells_puts_and_deletions_after_a_bookmark() {
    let service = mk_stopped_service().await;
    put(&service, "a/1", "").await.unwrap();
    let mut told = watch(&service, "a/", 1).await.unwrap();
    put(&service, "b", "").await.unwrap();
    delete(&service, "a/1").await.unwrap();

    assert_eq!(next(&mut told).await, (0, None));
    assert_eq!(next(&mut told).await, (1, Some(("a/1".to_owned(), true))));
    assert_eq!(next(&mut told).await, (3, Some(("a/1".to_owned(), false))));
}

#[tokio::test]
async fn history_that_is_gone_is_out_of_range_with_the_oldest_revision_there_is() {
    let service = mk_stopped_service().await;
    for _ in 0..15 {
        put(&service, "a", "").await.unwrap();
    }

    let status = watch(&service, "", 5).await.err().unwrap();

    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::OutOfRange, "HISTORY_GONE")
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata.get("oldest_revision").unwrap(), "6");
    assert!(watch(&service, "", 6).await.is_ok());
}

#[tokio::test]
async fn a_revision_to_come_or_below_zero_is_refused() {
    let service = mk_stopped_service().await;
    put(&service, "a", "").await.unwrap();

    let ahead = watch(&service, "", 3).await.err().unwrap();
    let negative = watch(&service, "", -1).await.err().unwrap();

    assert_eq!(
        (ahead.code(), reason(&ahead).as_str()),
        (Code::OutOfRange, "REVISION_AHEAD")
    );
    assert_eq!(negative.code(), Code::InvalidArgument);
    assert!(negative.message().starts_with("start_revision"));
    assert!(watch(&service, "", 2).await.is_ok());
}

#[tokio::test]
async fn a_watch_ends_when_the_data_store_stops_and_says_so() {
    let stop = CancellationToken::new();
    let service = mk_stopped_service().await.with_stop(stop.clone());
    let mut told = watch(&service, "", 0).await.unwrap();
    assert_eq!(next(&mut told).await, (0, None));

    stop.cancel();

    let end = told.next().await.unwrap().unwrap_err();
    assert_eq!(
        (end.code(), reason(&end).as_str()),
        (Code::Unavailable, "STOPPING")
    );
    assert!(told.next().await.is_none());
}
