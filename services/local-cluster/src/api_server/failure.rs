//! Every "no" of the API server: one type, and the `Status` object and HTTP answer it becomes.

use std::fmt;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::api_server::go;

/// An API call's failure, as Kubernetes words it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Option<Map<String, Value>>,
}

/// A resource with its API group, printed `pods` or `tokenreviews.authentication.k8s.io`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupResource<'a> {
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
}

/// One field that is wrong, and how.
#[derive(Debug)]
pub(crate) struct FieldProblem {
    reason: &'static str,
    field: String,
    message: String,
}

// === impl Failure ===

impl Failure {
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn forbidden(of: GroupResource<'_>, name: &str, why: &str) -> Self {
        let message = if of.resource.is_empty() {
            format!("forbidden: {why}")
        } else if name.is_empty() {
            format!("{of} is forbidden: {why}")
        } else {
            format!("{of} {} is forbidden: {why}", go::quoted(name))
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(of, name)
    }

    pub(crate) fn not_found(of: GroupResource<'_>, name: &str) -> Self {
        let message = format!("{of} {} not found", go::quoted(name));
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(of, name)
    }

    pub(crate) fn no_such_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).with_details([])
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message).with_details([])
    }

    pub(crate) fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json";
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    pub(crate) fn unsupported_media_type() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types include: application/json, application/vnd.kubernetes.protobuf";
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            message,
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            message,
        )
    }

    pub(crate) fn already_exists(of: GroupResource<'_>, name: &str) -> Self {
        let message = format!("{of} {} already exists", go::quoted(name));
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(of, name)
    }

    pub(crate) fn conflict(of: GroupResource<'_>, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {of} {}: {why}",
            go::quoted(name)
        );
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(of, name)
    }

    /// The event log no longer reaches back to where a watcher wants to go on: it must list again.
    pub(crate) fn expired(asked: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {asked} ({oldest})");
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// The stand-in keeps everything in memory and will not be filled without end.
    pub(crate) fn full(limit: usize) -> Self {
        let message =
            format!("the stand-in cluster holds at most {limit} objects; delete some first");
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "InternalError", message)
    }

    pub(crate) fn internal(why: &str) -> Self {
        let message = format!("Internal error occurred: {why}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message).with_details([])
    }

    pub(crate) fn unavailable() -> Self {
        let message = "the server is currently unable to handle the request";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            message,
        )
        .with_details([])
    }

    /// `kind` is a kind (`Pod`), not a resource (`pods`).
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, problem: FieldProblem) -> Self {
        let of = GroupResource {
            group,
            resource: kind,
        };
        let FieldProblem {
            reason,
            field,
            message,
        } = problem;
        let text = format!("{of} {} is invalid: {field}: {message}", go::quoted(name));
        let causes = json!([{ "reason": reason, "message": message, "field": field }]);
        let mut failure =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", text).about(of, name);
        if let Some(details) = &mut failure.details {
            details.insert("causes".to_owned(), causes);
        }
        failure
    }

    /// The HTTP status it is answered with.
    #[must_use]
    pub fn code(&self) -> StatusCode {
        self.code
    }

    /// As a `Status` object.
    pub(crate) fn to_json(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if let Some(details) = &self.details {
            status["details"] = Value::Object(details.clone());
        }
        status
    }

    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    fn about(self, of: GroupResource<'_>, name: &str) -> Self {
        self.with_details([("name", name), ("group", of.group), ("kind", of.resource)])
    }

    fn with_details<'a>(mut self, details: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let said = details.into_iter().filter(|(_, value)| !value.is_empty());
        let details = said.map(|(key, value)| (key.to_owned(), value.into()));
        self.details = Some(details.collect());
        self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.code, Json(self.to_json())).into_response()
    }
}

// === impl GroupResource ===

impl fmt::Display for GroupResource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource)?;
        if self.group.is_empty() {
            return Ok(());
        }
        write!(f, ".{}", self.group)
    }
}

// === impl FieldProblem ===

impl FieldProblem {
    /// `value` is printed as given: quote it if it is a string.
    pub(crate) fn invalid(field: impl Into<String>, value: &str, why: &str) -> Self {
        Self {
            reason: "FieldValueInvalid",
            field: field.into(),
            message: format!("Invalid value: {value}: {why}"),
        }
    }

    pub(crate) fn required(field: impl Into<String>, why: &str) -> Self {
        Self {
            reason: "FieldValueRequired",
            field: field.into(),
            message: format!("Required value: {why}"),
        }
    }
}
