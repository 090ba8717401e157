//! A "no" in the language of whoever asks.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use tonic::Status;
use tonic_kube_auth::status_json;

/// The content type of every refusal over HTTP.
pub(super) const JSON: &str = "application/json";

/// Says it in gRPC as trailers alone, and in HTTP as a status with a body.
pub(super) fn refusal(is_grpc: bool, http: StatusCode, status: &Status) -> Response {
    if is_grpc {
        return status.clone().into_http();
    }
    let mut response = (http, body(status)).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// A status as the body of an HTTP answer.
pub(super) fn body(status: &Status) -> String {
    status_json(status) + "\n"
}
