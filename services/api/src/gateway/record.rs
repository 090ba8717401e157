//! One record in HTTP: its value as it was stored, or the whole of it in JSON.

use axum::{
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use proto::records::v1::{DeleteRecordRequest, GetRecordRequest, Record};
use tonic::Status;

use super::{
    Gateway, Keyed, accept,
    accept::JSON,
    body,
    condition::{Condition, etag, has_already},
    json, uri,
};
use crate::{error, error::HttpError, passing::Passing};

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

pub(super) async fn read(
    State(gateway): State<Gateway>,
    passing: Passing,
    headers: HeaderMap,
    Keyed(request): Keyed<GetRecordRequest>,
) -> Result<Response, HttpError> {
    let record = gateway.data_store.get_record(request, &passing).await?;
    let revision = record.revision;
    let response = if has_already(&headers, revision) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if accept::names(&headers, JSON) {
        json(&record)
    } else {
        value(record)?
    };
    Ok(tagged(response, revision))
}

pub(super) async fn write(
    State(gateway): State<Gateway>,
    passing: Passing,
    request: Request,
) -> Result<Response, HttpError> {
    let key = uri::key(request.uri().path())?;
    if let Some((name, _value)) = uri::pairs(request.uri().query().unwrap_or_default())?.first() {
        let what = "a write has no query; what it says is in its body and its headers";
        return Err(error::bad_field(name, what).into());
    }
    let condition = Condition::of(request.headers())?;
    let mut request = body::read(key, request, gateway.data_store.limits.max_value).await?;
    condition.join("expectedRevision", &mut request.expected_revision)?;
    let written = gateway.data_store.put_record(request, &passing).await;
    let record = written.map_err(|status| condition.explain(status))?;
    Ok(tagged(json(&record), record.revision))
}

pub(super) async fn delete(
    State(gateway): State<Gateway>,
    passing: Passing,
    headers: HeaderMap,
    Keyed(mut request): Keyed<DeleteRecordRequest>,
) -> Result<Response, HttpError> {
    let condition = Condition::of(&headers)?;
    condition.join("expected_revision", &mut request.expected_revision)?;
    let deleted = gateway.data_store.delete_record(request, &passing).await;
    Ok(json(&deleted.map_err(|status| condition.explain(status))?))
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
