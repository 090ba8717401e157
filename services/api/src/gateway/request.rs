//! Reading what an HTTP caller sent, within limits.

use std::{collections::HashMap, time::Duration};

use axum::extract::{FromRequestParts, Path, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use proto::records::v1::PutRecordRequest;
use tokio::time;
use tonic::Code;

use crate::error::HttpError;

pub(super) const JSON: &str = "application/json";

/// How much longer than its value in base64 a body in JSON may be, for names.
const REST_OF_JSON: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// The key in the path, decoded; empty when the path ends before it.
pub(super) struct Key(pub(super) String);

/// A write, out of the path and the body.
#[derive(Debug)]
pub(super) struct WritableRecord(pub(super) PutRecordRequest);

// === impl Key ===

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        match Path::<HashMap<String, String>>::from_request_parts(parts, state).await {
            Ok(Path(mut params)) => Ok(Self(params.remove("key").unwrap_or_default())),
            Err(rejection) => Err(HttpError::bad_request(rejection.body_text())),
        }
    }
}

// === impl WritableRecord ===

impl WritableRecord {
    /// Reads the body in the form its content type names. A body too long for a value of `max_value` bytes is refused before it is read.
    pub(super) async fn read(
        key: String,
        request: Request,
        max_value: usize,
    ) -> Result<Self, HttpError> {
        let content_type = content_type(request.headers())?;
        if !is_json(&content_type) {
            let value = read_body(request, max_value, max_value).await?;
            return Ok(Self(PutRecordRequest {
                key,
                value,
                content_type,
                expected_revision: None,
            }));
        }
        // Base64 is a third longer.
        let max_body = max_value / 3 * 4 + REST_OF_JSON;
        let body = read_body(request, max_body, max_value).await?;
        let mut record: PutRecordRequest = proto::from_json(&body).map_err(|error| {
            HttpError::bad_request(format!(
                "{error}; application/json is read as {{\"value\": \"<base64>\", \"contentType\": \"…\"}}, any other content type as the value itself"
            ))
        })?;
        if !record.key.is_empty() && record.key != key {
            return Err(HttpError::bad_request(
                "the key in the body is not the key in the path",
            ));
        }
        record.key = key;
        Ok(Self(record))
    }
}

/// Whether the caller asks for JSON by name; `*/*` is no such wish.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .flat_map(|accept| accept.split(','))
        .any(is_json)
}

/// Whether a media type is `application/json`, parameters aside.
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(JSON)
}

fn content_type(headers: &HeaderMap) -> Result<String, HttpError> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (None, _) => Ok(String::new()),
        (Some(Ok(content_type)), None) => Ok(content_type.to_owned()),
        (Some(_), _) => Err(HttpError::bad_request(
            "there must be one content-type, in visible ASCII",
        )),
    }
}

async fn read_body(request: Request, limit: usize, max_value: usize) -> Result<Bytes, HttpError> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(max_value));
    }
    let body = Limited::new(request.into_body(), limit).collect();
    let Ok(body) = time::timeout(BODY_DEADLINE, body).await else {
        let message = "the body took too long to arrive";
        return Err(HttpError::new(
            StatusCode::REQUEST_TIMEOUT,
            Code::DeadlineExceeded,
            message,
        ));
    };
    match body {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(max_value)),
        Err(_broken) => Err(HttpError::bad_request("the body broke off")),
    }
}

fn too_large(max_value: usize) -> HttpError {
    let message = format!("a value has at most {max_value} bytes");
    HttpError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        Code::InvalidArgument,
        message,
    )
}

#[cfg(test)]
mod tests;
