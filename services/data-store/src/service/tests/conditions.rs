use proto::{
    datastore::v1::data_store_server::DataStore as _,
    records::v1::{DeleteRecordRequest, PutRecordRequest, Record},
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{mk_stopped_service, proof::mk_request};
use crate::{service::Service, storage::Embedded};

async fn put(service: &Service<Embedded>, expected: Option<i64>) -> Result<Record, Status> {
    let req = mk_request(PutRecordRequest {
        key: "a".to_owned(),
        expected_revision: expected,
        ..PutRecordRequest::default()
    });
    service.put_record(req).await.map(|rsp| rsp.into_inner())
}

async fn delete(service: &Service<Embedded>, expected: Option<i64>) -> Result<i64, Status> {
    let req = mk_request(DeleteRecordRequest {
        key: "a".to_owned(),
        expected_revision: expected,
    });
    let rsp = service.delete_record(req).await;
    rsp.map(|rsp| rsp.into_inner().revision)
}

fn current(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "REVISION_MISMATCH");
    (status.code(), info.metadata["current_revision"].clone())
}

#[tokio::test]
async fn another_revision_than_the_expected_one_aborts_the_write_and_is_told() {
    let service = mk_stopped_service().await;

    let none_yet = put(&service, Some(1)).await.unwrap_err();
    let first = put(&service, Some(0)).await.unwrap();
    let there_already = put(&service, Some(0)).await.unwrap_err();
    let second = put(&service, Some(first.revision)).await.unwrap();
    let stale = delete(&service, Some(first.revision)).await.unwrap_err();

    assert_eq!(current(&none_yet), (Code::Aborted, "0".to_owned()));
    assert_eq!(current(&there_already), (Code::Aborted, "1".to_owned()));
    assert_eq!(current(&stale), (Code::Aborted, "2".to_owned()));
    assert_eq!(delete(&service, Some(second.revision)).await.unwrap(), 3);
}

#[tokio::test]
async fn a_deletion_of_what_must_not_be_there_finds_nothing() {
    let service = mk_stopped_service().await;

    let status = delete(&service, Some(0)).await.unwrap_err();

    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_negative_expected_revision_is_an_invalid_argument() {
    let service = mk_stopped_service().await;

    for status in [
        put(&service, Some(-1)).await.unwrap_err(),
        delete(&service, Some(-1)).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(
            status.message().starts_with("expected_revision"),
            "{status}"
        );
    }
}

#[tokio::test]
async fn an_operator_may_allow_other_lengths_of_values() {
    let service = mk_stopped_service().await.with_max_value(3);
    let put = async |value: &'static str| {
        let req = mk_request(PutRecordRequest {
            key: "a".to_owned(),
            value: value.into(),
            ..PutRecordRequest::default()
        });
        service.put_record(req).await
    };

    put("abc").await.unwrap();
    let status = put("abcd").await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status.message(),
        "value must be at most 3 bytes long; it has 4"
    );
}
