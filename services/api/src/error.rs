//! What goes wrong behind the api, and how its callers are told: in gRPC, and in HTTP.

use std::{error::Error, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use proto::JsonError;
use tonic::{Code, Status, TimeoutExpired};
use tonic_kube_auth::status_json;
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::door::RequestId;

/// The `domain` of a refusal that the data store gave to the api itself.
const DATA_STORE: &str = "data-store";

/// The `domain` of what the api finds out by itself.
const API: &str = "api";

/// How many characters of a field's name, and of what is wrong with it, are told at most.
const MAX_FIELD: usize = 100;
const MAX_WHAT: usize = 300;

/// How soon a caller may try again, when that is all there is to do.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// An error as an HTTP answer: a status line, and `google.rpc.Status` in JSON.
///
/// As a response it has no body yet, and is found in the extensions: the [door](crate::door) writes it, with the request's id.
#[derive(Clone, Debug)]
pub(crate) struct HttpError {
    http: StatusCode,
    status: Status,
}

/// What the data store's answer means to a caller of the api.
///
/// A caller of the api has nothing to do with the api's own identity: when the data store refuses that, the fault is ours.
pub(crate) fn from_data_store(status: &Status) -> Status {
    // Made by the channel and not by the data store: the text is about addresses of ours.
    if let Some(source) = status.source() {
        return if is_timeout(source) {
            tracing::warn!("The data store does not answer in time");
            data_store_is_slow()
        } else {
            tracing::warn!(%status, "Cannot reach the data store");
            data_store_is_away()
        };
    }
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => {
            let info = status.get_details_error_info();
            let reason = info.map(|info| info.reason).unwrap_or_default();
            tracing::error!(
                reason,
                answer = status.message(),
                "The data store refuses the api itself"
            );
            data_store_refuses(&reason)
        }
        // What it does not explain by a reason is of its inside, or of something's between us.
        code @ (Code::Unknown | Code::Internal | Code::DataLoss | Code::Unavailable)
            if status.get_details_error_info().is_none() =>
        {
            tracing::error!(%status, "The data store failed");
            if code == Code::Unavailable {
                data_store_is_away()
            } else {
                data_store_failed(code)
            }
        }
        // As it is, without the headers it came with.
        code => Status::with_details(code, status.message(), status.details().to_vec().into()),
    }
}

/// The data store refuses our own identity, for this reason.
pub(crate) fn data_store_refuses(reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, DATA_STORE, []);
    let message = "the data store refuses the api itself";
    Status::with_error_details(Code::Internal, message, details)
}

/// The data store failed, and how is no business of our callers.
pub(crate) fn data_store_failed(code: Code) -> Status {
    Status::new(code, "the data store failed")
}

/// The data store cannot be reached.
pub(crate) fn data_store_is_away() -> Status {
    again_later("DATA_STORE_UNAVAILABLE", "the data store cannot be reached")
}

/// The data store let the deadline pass.
pub(crate) fn data_store_is_slow() -> Status {
    Status::deadline_exceeded("the data store did not answer in time")
}

/// There is no room for another.
pub(crate) fn overloaded(what: &str) -> Status {
    again_later("OVERLOADED", what)
}

/// We are about to end.
pub(crate) fn stopping() -> Status {
    again_later("STOPPING", "the api is stopping")
}

/// One field of a request is wrong, wherever it stands: in a header, the path, the query or the body. Without a name, it is the whole.
///
/// What its caller wrote comes back to it, but not all of it when that is long.
pub(crate) fn bad_field(field: &str, what: impl Into<String>) -> Status {
    let field = beginning(field, MAX_FIELD);
    let what = beginning(&what.into(), MAX_WHAT);
    if field.is_empty() {
        return Status::invalid_argument(what);
    }
    let message = format!("{field}: {what}");
    let details = ErrorDetails::with_bad_request_violation(field, what);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn again_later(reason: &str, message: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, API, []);
    details.set_retry_info(Some(RETRY_DELAY));
    Status::with_error_details(Code::Unavailable, message, details)
}

/// The caller gave no more time than has passed.
pub(crate) fn deadline_passed() -> Status {
    Status::deadline_exceeded("the deadline of the call has passed")
}

/// Whether [`from_data_store`] makes UNAVAILABLE of it.
pub(crate) fn is_unavailable(status: &Status) -> bool {
    match status.source() {
        Some(source) => !is_timeout(source),
        None => status.code() == Code::Unavailable,
    }
}

/// Whether it was the channel's own timer, which runs as long as ours and sometimes wins.
fn is_timeout(source: &(dyn Error + 'static)) -> bool {
    source.is::<TimeoutExpired>() || source.source().is_some_and(is_timeout)
}

// === impl HttpError ===

impl HttpError {
    /// The request is wrong in itself.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Status::invalid_argument(message).into()
    }

    #[cfg(test)]
    pub(crate) fn into_test_parts(self) -> (StatusCode, String) {
        (self.http, self.status.message().to_owned())
    }

    /// The request is wrong in a way that HTTP has a status of its own for.
    pub(crate) fn new(http: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self::with_status(http, Status::new(code, message))
    }

    /// The body, which names the request.
    pub(crate) fn json(&self, request_id: &str) -> String {
        let mut details = self.status.get_error_details();
        details.set_request_info(request_id, "");
        let (code, message) = (self.status.code(), self.status.message());
        status_json(&Status::with_error_details(code, message, details)) + "\n"
    }

    /// Writes it into its answer, which may have headers of its own already.
    pub(crate) fn write(&self, answer: Response, id: &RequestId) -> Response {
        let (mut head, _no_body) = answer.into_parts();
        head.status = self.http;
        head.headers.remove(header::CONTENT_LENGTH);
        head.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if let Some(delay) = self
            .status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay)
        {
            // Not a moment too soon: the header knows no parts of seconds.
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            head.headers
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Response::from_parts(head, self.json(id.as_str()).into())
    }

    /// The data store's answer means something of its own in HTTP.
    pub(crate) fn with_status(http: StatusCode, status: Status) -> Self {
        Self { http, status }
    }
}

impl From<Status> for HttpError {
    fn from(status: Status) -> Self {
        Self {
            http: http_status(&status),
            status,
        }
    }
}

impl From<JsonError> for HttpError {
    fn from(error: JsonError) -> Self {
        bad_field(&error.field, error.what).into()
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let mut response = self.http.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The map of grpc-gateway, and one case of our own: a refused api is a bad gateway.
fn http_status(status: &Status) -> StatusCode {
    match status.code() {
        Code::Ok => StatusCode::OK,
        // 499, nginx's "client closed request", which has no name of its own in RFC 9110.
        Code::Cancelled => StatusCode::from_u16(499).expect("499 must be a status code"),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal if is_about_the_api(status) => StatusCode::BAD_GATEWAY,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}

fn is_about_the_api(status: &Status) -> bool {
    status
        .get_details_error_info()
        .is_some_and(|info| info.domain == DATA_STORE)
}

#[cfg(test)]
mod tests;
