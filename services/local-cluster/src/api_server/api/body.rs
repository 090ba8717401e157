//! Reads a request's body: bounded, JSON or protobuf, an object, and of the kind the path promises.

use axum::{body::to_bytes, extract::Request};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::{protobuf, request_info::RequestInfo};
use crate::api_server::{failure::Failure, go, text};

/// kube-apiserver's limit.
const LIMIT: usize = 3 * 1024 * 1024;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// The only kind a request may leave out.
const OPTIONS: &str = "DeleteOptions";

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
    read_any(request, OPTIONS).await
}

async fn read_any(request: Request, kind: &str) -> Result<Value, Failure> {
    let is_protobuf = match content_type(&request) {
        None | Some(JSON) => false,
        Some(PROTOBUF) => true,
        Some(_) => return Err(Failure::unsupported_media_type()),
    };
    let bytes = to_bytes(request.into_body(), LIMIT)
        .await
        .map_err(|error| {
            tracing::debug!(%error, "Cannot read a body");
            Failure::too_large(LIMIT)
        })?;
    if bytes.is_empty() && kind == OPTIONS {
        return Ok(json!({}));
    }
    if is_protobuf {
        return protobuf::to_json(&bytes).map_err(|error| Failure::bad_request(error.to_string()));
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

/// Without its parameters.
fn content_type(request: &Request) -> Option<&str> {
    let content_type = request.headers().get(CONTENT_TYPE)?;
    let essence = content_type.to_str().unwrap_or_default().split(';').next();
    essence.map(str::trim)
}
