//! The HTTP face of the api.
//!
//! ```text
//! GET    /                                       the greeting, as text or JSON
//! GET    /v1/records?prefix=&page_size=&page_token=   a page of records, as JSON
//! GET    /v1/records/{key}                       the value, as it was stored; the record, for Accept: application/json
//! PUT    /v1/records/{key}                       the value as the body; or application/json: {"value": base64, "contentType": …}
//! DELETE /v1/records/{key}
//! ```

mod body;

use axum::{
    Router,
    extract::{Path, Query, RawPathParams, Request, State, rejection::{PathRejection, QueryRejection}},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use prost::{Message, Name};
use proto::records::v1::{DeleteRecordRequest, GetRecordRequest, GreetRequest, ListRecordsRequest, PutRecordRequest, Record};
use serde::Deserialize;
use tonic::{Code, Status};

use crate::{data_store::DataStore, error::HttpError};

const JSON: &str = "application/json";

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
    Router::new()
        .route("/", get(greet))
        .route("/v1/records", get(list))
        .route("/v1/records/{*key}", get(read).put(write).delete(delete))
        // The wildcard does not match an empty key; the data store says what is wrong with one.
        .route("/v1/records/", get(read).put(write).delete(delete))
        .fallback(unknown_path)
        .method_not_allowed_fallback(async || {
            HttpError::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, "that method is not for this path; see the allow header")
        })
        .with_state(data_store)
}

async fn greet(State(data_store): State<DataStore>, headers: HeaderMap) -> Result<Response, HttpError> {
    let greeting = data_store.greet(GreetRequest {}).await?;
    Ok(if wants_json(&headers) { json(&greeting) } else { greeting.message.into_response() })
}

async fn list(State(data_store): State<DataStore>, query: Result<Query<ListQuery>, QueryRejection>) -> Result<Response, HttpError> {
    let Query(ListQuery { prefix, page_size, page_token }) = query.map_err(|rejection| HttpError::bad_request(rejection.body_text()))?;
    let page = data_store.list_records(ListRecordsRequest { prefix, page_size, page_token }).await?;
    Ok(json(&page))
}
