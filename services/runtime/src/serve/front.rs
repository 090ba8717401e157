//! What every call passes before it reaches a route.

use std::time::Duration;

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderValue, StatusCode, Version, header};
use tokio::time;
use tonic::Status;

use super::{host, refusal::refusal};
use crate::is_grpc;

/// How long a call may take until its answer begins. It is the last resort: callers have deadlines of their own.
pub(super) const CALL_DEADLINE: Duration = Duration::from_secs(60);

/// Refuses a call that does not say whom it is for, and ends one whose answer does not begin in time.
pub(super) async fn front(request: Request, next: Next) -> Response {
    let is_grpc = is_grpc(request.headers());
    // Where it ends is known to hyper alone: after it, `Heads` could not tell where the next head begins.
    let ends_unseen = request.version() == Version::HTTP_11
        && request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = match host::check(&request) {
        Ok(()) => match time::timeout(CALL_DEADLINE, next.run(request)).await {
            Ok(response) => response,
            Err(_elapsed) => {
                let late = Status::deadline_exceeded("the call took too long");
                refusal(is_grpc, StatusCode::GATEWAY_TIMEOUT, &late)
            }
        },
        Err(status) => refusal(is_grpc, StatusCode::BAD_REQUEST, &status),
    };
    if ends_unseen {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}
