//! Examples: real answers, made by what makes the answers. `tests/openapi.rs` makes each of them over a socket.

use http::StatusCode;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_kube_auth::Refusal;
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    error::{self, HttpError},
    gateway,
};

pub(super) const GREETING: &str = "Hello from data store. You have been authenticated";
pub(super) const VALUE: &str = "hi there";
const VALUE_IN_BASE64: &str = "aGkgdGhlcmU=";
const KEY: &str = "greeting";
const ACCOUNT: &str = "system:serviceaccount:api:api";

/// What a caller may have sent as its `x-request-id`.
const REQUEST_ID: &str = "an-example";

/// What a method answers when all is well.
pub(super) fn answer(method: &str) -> Value {
    match method {
        "Greet" => json!({ "message": GREETING, "caller": caller() }),
        "GetRecord" | "PutRecord" => record(),
        "DeleteRecord" => json!({ "revision": "8" }),
        "ListRecords" => json!({ "records": [record()], "revision": "7" }),
        method => unreachable!("{method} has no such answer"),
    }
}

/// A write of the record in JSON.
pub(super) fn write() -> Value {
    json!({ "value": VALUE_IN_BASE64, "contentType": "text/plain" })
}

pub(super) fn events() -> String {
    let [put, deleted] = changes();
    format!("event: put\nid: 7\ndata: {put}\n\nevent: deleted\nid: 8\ndata: {deleted}\n\n")
}

pub(super) fn lines() -> String {
    let lines = changes().map(|change| json!({ "result": change }).to_string() + "\n");
    lines.concat()
}

fn changes() -> [Value; 2] {
    [
        json!({ "revision": "7", "put": record() }),
        json!({ "revision": "8", "deleted": KEY }),
    ]
}

fn record() -> Value {
    json!({
        "key": KEY,
        "value": VALUE_IN_BASE64,
        "contentType": "text/plain",
        "revision": "7",
        "createTime": "2026-11-23T17:27:20Z",
        "updateTime": "2026-11-23T17:27:20Z",
        "updatedBy": ACCOUNT,
    })
}

fn caller() -> Value {
    json!({
        "username": ACCOUNT,
        "uid": "6cf10a35-4d7c-4d0e-9c6e-0f1f3d7f1c11",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:api", "system:authenticated"],
        "audiences": ["data-store"],
        "namespace": "api",
        "serviceAccount": "api",
        "pod": { "name": "api", "uid": "0d1f9f0e-5b43-4f0c-9f54-2c1f4c3b9a52" },
        "node": { "name": "minikube", "uid": "b5c2f0a3-8f0e-4a52-8d35-7a3f4c1e2d60" },
        "credentialId": "JTI=fd09b4bb-77e3-4688-b9a7-c17ccf44cd85",
        "expireTime": "2026-11-23T17:37:20Z",
    })
}

/// What a method answers when it refuses.
pub(super) fn refusal(status: u16) -> Value {
    let error: HttpError = match status {
        400 => error::bad_field("colour", "there is no such field").into(),
        401 => Refusal::Missing.to_status().into(),
        403 => Refusal::NotAllowed.to_status().into(),
        404 => Status::not_found("no record under that key").into(),
        406 => gateway::not_acceptable(),
        408 => gateway::late(),
        409 => at_another_revision().into(),
        412 => HttpError::with_status(StatusCode::PRECONDITION_FAILED, at_another_revision()),
        413 => gateway::too_large(proto::MAX_VALUE),
        500 => error::data_store_failed(Code::Internal).into(),
        502 => error::data_store_refuses("CALLER_NOT_ALLOWED").into(),
        503 => error::data_store_is_away().into(),
        504 => error::data_store_is_slow().into(),
        status => unreachable!("there is no refusal with the status {status}"),
    };
    serde_json::from_str(&error.json(REQUEST_ID)).expect("a refusal must be JSON")
}

/// As the data store says it.
fn at_another_revision() -> Status {
    let current = [("current_revision".to_owned(), "7".to_owned())];
    let details = ErrorDetails::with_error_info("REVISION_MISMATCH", "data-store", current);
    let message = "the record is at revision 7; read it, and try again";
    Status::with_error_details(Code::Aborted, message, details)
}
