//! Reads a request's body: bounded, JSON, an object, and of the kind the path promises.

use axum::extract::Request;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::request_info::RequestInfo;
use crate::{failure::Failure, go, text};

/// kube-apiserver's limit.
const LIMIT: usize = 3 * 1024 * 1024;

/// The body of a request that creates a `kind`.
pub(super) async fn read(
    info: &RequestInfo,
    request: Request,
    kind: &str,
) -> Result<Value, Failure> {
    if info.verb != "create" {
        return Err(Failure::method_not_allowed());
    }
    let body = read_any(request, kind).await?;
    let claimed = text(&body["kind"]);
    if !["", kind].contains(&claimed) {
        return Err(Failure::bad_request(format!(
            "{claimed} in version {} cannot be handled as a {kind}",
            go::quoted(
                text(&body["apiVersion"])
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
            )
        )));
    }
    Ok(body)
}

/// A body of any kind; an empty object when there is none, as a deletion may have none.
pub(super) async fn read_options(request: Request) -> Result<Value, Failure> {
    if request.headers().get(CONTENT_TYPE).is_none() {
        return Ok(json!({}));
    }
    read_any(request, "DeleteOptions").await
}

async fn read_any(request: Request, kind: &str) -> Result<Value, Failure> {
    let is_json = match request.headers().get(CONTENT_TYPE) {
        None => true,
        Some(content_type) => {
            let essence = content_type.to_str().unwrap_or_default().split(';').next();
            essence.is_some_and(|essence| essence.trim() == "application/json")
        }
    };
    if !is_json {
        return Err(Failure::unsupported_media_type());
    }
    let bytes = axum::body::to_bytes(request.into_body(), LIMIT)
        .await
        .map_err(|error| {
            tracing::debug!(%error, "Cannot read a body");
            Failure::too_large(LIMIT)
        })?;
    if bytes.is_empty() && kind == "DeleteOptions" {
        return Ok(json!({}));
    }
    let complain = |problem: &str| {
        Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {problem} ({})",
            go::summary(&bytes)
        ))
    };
    let body: Value = serde_json::from_slice(&bytes)
        .map_err(|error| complain(&go::json_error(&bytes, &error)))?;
    if !body.is_object() {
        return Err(complain(
            "json: cannot unmarshal into Go value of type struct",
        ));
    }
    Ok(body)
}
