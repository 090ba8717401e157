//! The body of a write, within limits of size and of time.

use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use proto::records::v1::PutRecordRequest;
use tokio::time;
use tonic::Code;

use crate::{error::HttpError, gateway::accept::is_json, passing::Passing};

/// How much longer than its value in base64 a body in JSON may be, for names.
const REST_OF_JSON: usize = 64 * 1024;

/// How long a body may take to arrive, unless its caller waits less.
const DEADLINE: Duration = Duration::from_secs(30);

/// Reads a write out of the body, in the form its content type names. A body too long for a value of `max_value` bytes is refused before it
/// is read.
pub(super) async fn read(
    key: String,
    request: Request,
    max_value: usize,
) -> Result<PutRecordRequest, HttpError> {
    let content_type = content_type(request.headers())?;
    if !is_json(&content_type) {
        let value = collect(request, max_value, max_value).await?;
        return Ok(PutRecordRequest {
            key,
            value,
            content_type,
            expected_revision: None,
        });
    }
    // Base64 is a third longer.
    let max_body = max_value / 3 * 4 + REST_OF_JSON;
    let body = collect(request, max_body, max_value).await?;
    let mut write: PutRecordRequest = proto::from_json(&body)?;
    if !write.key.is_empty() && write.key != key {
        return Err(crate::error::bad_field("key", "is not the key in the path").into());
    }
    write.key = key;
    Ok(write)
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

async fn collect(request: Request, limit: usize, max_value: usize) -> Result<Bytes, HttpError> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(max_value));
    }
    let deadline = Passing::found_in(request.extensions()).deadline_within(DEADLINE);
    let body = Limited::new(request.into_body(), limit).collect();
    let Ok(body) = time::timeout_at(deadline, body).await else {
        return Err(late());
    };
    match body {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(max_value)),
        Err(_broken) => Err(HttpError::bad_request("the body broke off")),
    }
}

pub(crate) fn late() -> HttpError {
    let message = "the body took too long to arrive";
    HttpError::new(StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded, message)
}

pub(crate) fn too_large(max_value: usize) -> HttpError {
    let message = format!("a value has at most {max_value} bytes");
    HttpError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        Code::InvalidArgument,
        message,
    )
}

#[cfg(test)]
mod tests;
