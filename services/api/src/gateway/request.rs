//! Reading what an HTTP caller sent, within limits.

use std::{collections::HashMap, time::Duration};

use axum::extract::{FromRequestParts, Path, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use proto::{MAX_VALUE, records::v1::PutRecordRequest};
use tokio::time;
use tonic::Code;

use crate::error::HttpError;

pub(super) const JSON: &str = "application/json";

/// A value of that size in base64 is a third longer; the rest is for names.
const MAX_JSON: usize = MAX_VALUE / 3 * 4 + 64 * 1024;

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
    /// Reads the body in the form its content type names. A body that is too long is refused before it is read.
    pub(super) async fn read(key: String, request: Request) -> Result<Self, HttpError> {
        let content_type = content_type(request.headers())?;
        if !is_json(&content_type) {
            let value = read_body(request, MAX_VALUE).await?;
            return Ok(Self(PutRecordRequest {
                key,
                value,
                content_type,
            }));
        }
        let body = read_body(request, MAX_JSON).await?;
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

async fn read_body(request: Request, limit: usize) -> Result<Bytes, HttpError> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
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
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_broken) => Err(HttpError::bad_request("the body broke off")),
    }
}

fn too_large() -> HttpError {
    let message = format!("a value has at most {MAX_VALUE} bytes");
    HttpError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        Code::InvalidArgument,
        message,
    )
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::Request};
    use http::{HeaderMap, HeaderValue, StatusCode, header};

    use super::{MAX_VALUE, WritableRecord, wants_json};

    async fn read(
        content_type: Option<&'static str>,
        body: impl Into<Body>,
    ) -> Result<(String, Vec<u8>), (StatusCode, String)> {
        let mut request = Request::new(body.into());
        if let Some(content_type) = content_type {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        match WritableRecord::read("greeting".to_owned(), request).await {
            Ok(WritableRecord(record)) => {
                assert_eq!(record.key, "greeting");
                Ok((record.content_type, record.value.to_vec()))
            }
            Err(error) => Err(error.into_test_parts()),
        }
    }

    #[tokio::test]
    async fn any_other_content_type_is_the_value_itself() {
        for content_type in [
            "text/plain",
            "image/png",
            "text/plain; charset=utf-8",
            "application/json-seq",
        ] {
            let record = read(Some(content_type), "hi").await.unwrap();

            assert_eq!(record, (content_type.to_owned(), b"hi".to_vec()));
        }
        assert_eq!(
            read(None, "hi").await.unwrap(),
            (String::new(), b"hi".to_vec())
        );
    }

    #[tokio::test]
    async fn json_is_the_request_as_proto3_writes_it() {
        for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
            let body = r#"{"value":"aGk=","contentType":"text/plain"}"#;

            let record = read(Some(content_type), body).await.unwrap();

            assert_eq!(record, ("text/plain".to_owned(), b"hi".to_vec()));
        }
    }

    #[tokio::test]
    async fn json_that_is_not_the_request_is_a_bad_request_that_says_where() {
        for (body, why) in [
            ("{", "EOF"),
            (r#"{"colour":"red"}"#, "colour"),
            (r#"{"value":"not base64!"}"#, "base64"),
            (r#"{"value":5}"#, "value"),
            (r#"{"key":"another"}"#, "key"),
            ("[]", "map"),
            ("", "EOF"),
        ] {
            let (status, message) = read(Some("application/json"), body).await.unwrap_err();

            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert!(message.contains(why), "{body}: {message}");
        }
    }

    #[tokio::test]
    async fn a_value_may_have_a_mebibyte_and_not_a_byte_more() {
        read(None, vec![0; MAX_VALUE]).await.unwrap();

        let (status, _message) = read(None, vec![0; MAX_VALUE + 1]).await.unwrap_err();

        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_body_announced_too_long_is_refused_unread() {
        let unreadable = Body::from_stream(futures::stream::once(async {
            panic!("the body must not be read");
            #[expect(unreachable_code, reason = "it names the stream's type")]
            Ok::<_, std::io::Error>(bytes::Bytes::new())
        }));
        let mut request = Request::new(unreadable);
        request
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(MAX_VALUE + 1));

        let error = WritableRecord::read("greeting".to_owned(), request)
            .await
            .unwrap_err();

        assert_eq!(error.into_test_parts().0, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn json_is_wanted_only_when_it_is_named() {
        for (accept, expected) in [
            ("application/json", true),
            ("text/html, application/json;q=0.9", true),
            ("*/*", false),
            ("application/*", false),
            ("text/plain", false),
        ] {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);

            assert_eq!(wants_json(&headers), expected, "{accept}");
        }
    }
}
