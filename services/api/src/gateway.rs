//! The HTTP face of the api.
//!
//! ```text
//! GET    /                     the greeting: text, or JSON for Accept: application/json
//! GET    /v1/records           a page of records in JSON: ?prefix=&page_size=&page_token=
//! GET    /v1/records/{key}     the value as it was stored, or the whole record for Accept: application/json
//! PUT    /v1/records/{key}     the body is the value; or, as application/json, {"value": "<base64>", "contentType": "…"}
//! DELETE /v1/records/{key}
//! ```

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
use tonic::{Code, Status};

use self::request::{JSON, Key, WritableRecord, wants_json};
use crate::{data_store::DataStore, error::HttpError};

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
    let greeting = data_store.greet(GreetRequest {}).await?;
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
    Ok(json(&data_store.list_records(request).await?))
}

async fn read(
    State(data_store): State<DataStore>,
    Key(key): Key,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let record = data_store.get_record(GetRecordRequest { key }).await?;
    if wants_json(&headers) {
        Ok(json(&record))
    } else {
        value(record)
    }
}

async fn write(
    State(data_store): State<DataStore>,
    Key(key): Key,
    request: Request,
) -> Result<Response, HttpError> {
    let WritableRecord(request) = WritableRecord::read(key, request).await?;
    Ok(json(&data_store.put_record(request).await?))
}

async fn delete(State(data_store): State<DataStore>, Key(key): Key) -> Result<Response, HttpError> {
    Ok(json(
        &data_store
            .delete_record(DeleteRecordRequest { key })
            .await?,
    ))
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

fn json<M: Message + Name>(message: &M) -> Response {
    (
        [(header::CONTENT_TYPE, JSON)],
        proto::to_json(message) + "\n",
    )
        .into_response()
}
