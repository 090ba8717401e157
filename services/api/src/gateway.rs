//! The HTTP face of the api.
//!
//! ```text
//! GET    /                     the greeting: text, or JSON for Accept: application/json
//! GET    /v1/records           a page of records in JSON: ?prefix=&page_size=&page_token=
//! GET    /v1/records/{key}     the value as it was stored, or the whole record for Accept: application/json
//! PUT    /v1/records/{key}     the body is the value; or, as application/json, {"value": "<base64>", "contentType": "…"}
//! DELETE /v1/records/{key}
//! ```
//!
//! A record comes with its revision as an ETag; `If-Match` and `If-None-Match` are heeded.

mod condition;
mod request;

use axum::{
    Router,
    extract::{Query, Request, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use prost::{Message, Name};
use proto::records::v1::{
    DeleteRecordRequest, GetRecordRequest, GreetRequest, ListRecordsRequest, Record,
};
use serde::Deserialize;
use tokio::time::Instant;
use tonic::{Code, Status};

use self::{
    condition::{Condition, etag, has_already},
    request::{JSON, Key, WritableRecord, wants_json},
};
use crate::{
    data_store::{DEADLINE, DataStore},
    error::HttpError,
};

/// What a value may do in a browser: it is whatever somebody stored, served from our origin.
const HARMLESS: [(HeaderName, HeaderValue); 2] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox"),
    ),
];

/// The query of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ListQuery {
    prefix: String,
    page_size: i32,
    page_token: String,
}

/// The routes, and an answer for every other path and method.
pub(crate) fn routes(data_store: DataStore) -> Router {
    let record = || get(read).put(write).delete(delete);
    Router::new()
        .route("/", get(greet))
        .route("/v1/records", get(list))
        .route("/v1/records/{*key}", record())
        // The wildcard does not match an empty key; here the data store gets to say what is wrong with one.
        .route("/v1/records/", record())
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(data_store)
}

async fn greet(
    State(data_store): State<DataStore>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let greeting = data_store
        .greet(GreetRequest {}, Instant::now() + DEADLINE)
        .await?;
    Ok(if wants_json(&headers) {
        json(&greeting)
    } else {
        greeting.message.into_response()
    })
}

async fn list(
    State(data_store): State<DataStore>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(ListQuery {
        prefix,
        page_size,
        page_token,
    }) = query.map_err(|rejection| HttpError::bad_request(rejection.body_text()))?;
    let request = ListRecordsRequest {
        prefix,
        page_size,
        page_token,
    };
    Ok(json(
        &data_store
            .list_records(request, Instant::now() + DEADLINE)
            .await?,
    ))
}

async fn read(
    State(data_store): State<DataStore>,
    Key(key): Key,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let record = data_store
        .get_record(GetRecordRequest { key }, Instant::now() + DEADLINE)
        .await?;
    let revision = record.revision;
    let response = if has_already(&headers, revision) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if wants_json(&headers) {
        json(&record)
    } else {
        value(record)?
    };
    Ok(tagged(response, revision))
}

async fn write(
    State(data_store): State<DataStore>,
    Key(key): Key,
    request: Request,
) -> Result<Response, HttpError> {
    let condition = Condition::of(request.headers())?;
    let WritableRecord(mut request) =
        WritableRecord::read(key, request, data_store.max_value).await?;
    if let Some(expected) = condition.expected {
        if request
            .expected_revision
            .is_some_and(|given| given != expected)
        {
            return Err(HttpError::bad_request(
                "expectedRevision in the body is not what the headers ask for",
            ));
        }
        request.expected_revision = Some(expected);
    }
    let written = data_store
        .put_record(request, Instant::now() + DEADLINE)
        .await;
    let record = written.map_err(|status| condition.explain(status))?;
    Ok(tagged(json(&record), record.revision))
}

async fn delete(
    State(data_store): State<DataStore>,
    Key(key): Key,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let condition = Condition::of(&headers)?;
    let request = DeleteRecordRequest {
        key,
        expected_revision: condition.expected,
    };
    let deleted = data_store
        .delete_record(request, Instant::now() + DEADLINE)
        .await;
    Ok(json(&deleted.map_err(|status| condition.explain(status))?))
}

/// gRPC clients are told in gRPC, everybody else in HTTP.
async fn no_such_path(headers: HeaderMap) -> Response {
    if runtime::is_grpc(&headers) {
        return Status::unimplemented("there is no such service").into_http();
    }
    let message = "there is nothing at this path; records are at /v1/records/{key}";
    HttpError::new(StatusCode::NOT_FOUND, Code::NotFound, message).into_response()
}

async fn wrong_method() -> HttpError {
    let message = "that method is not for this path; the allow header says which are";
    HttpError::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, message)
}

/// The value as it was stored.
fn value(record: Record) -> Result<Response, HttpError> {
    let content_type = HeaderValue::try_from(record.content_type)
        .map_err(|_not_a_header| Status::internal("the stored content type is not one"))?;
    let mut response = record.value.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().extend(HARMLESS);
    Ok(response)
}

/// With the ETag of a record. The representations of one are told apart by `Accept`.
fn tagged(mut response: Response, revision: i64) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag(revision));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn json<M: Message + Name>(message: &M) -> Response {
    (
        [(header::CONTENT_TYPE, JSON)],
        proto::to_json(message) + "\n",
    )
        .into_response()
}
