//! A refusal as its caller gets it.

use axum::response::IntoResponse as _;
use http::StatusCode;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::error::HttpError;

/// A field that is wrong, by the name that the caller wrote, and what is wrong with it. An empty name is the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    field: String,
    what: String,
}

// === impl Refusal ===

impl Refusal {
    /// A long name is told by its beginning.
    pub(super) fn of(field: impl Into<String>, what: impl Into<String>) -> Self {
        let mut field = field.into();
        if field.chars().count() > 100 {
            field = field.chars().take(100).chain(['…']).collect();
        }
        let what = what.into();
        Self { field, what }
    }

    /// What a status says, which it must say twice: in words, and in its details.
    pub(super) fn of_status(status: &Status) -> Self {
        assert_eq!(status.code(), Code::InvalidArgument);
        let violations = status
            .get_details_bad_request()
            .map(|bad| bad.field_violations);
        let refusal = match violations.unwrap_or_default().as_slice() {
            [violation] => Self::of(&violation.field, &violation.description),
            violations => {
                assert!(violations.is_empty(), "{violations:?}");
                Self::of("", status.message())
            }
        };
        assert_eq!(status.message(), refusal.words());
        refusal
    }

    /// What an answer says, which is the same in words and in its details.
    pub(super) fn of_answer(error: HttpError) -> Self {
        let body = error.json("an id");
        assert_eq!(error.into_response().status(), StatusCode::BAD_REQUEST);
        let body = serde_json::from_str::<Value>(&body).expect("an answer must be JSON");
        let at = |way: &str| body.pointer(way).and_then(Value::as_str);
        let refusal = match at("/details/0/fieldViolations/0/field") {
            Some(field) => {
                let what = at("/details/0/fieldViolations/0/description");
                Self::of(field, what.expect("a violation must be described"))
            }
            None => Self::of("", at("/message").expect("an answer must have words")),
        };
        assert_eq!(body.get("code"), Some(&json!(3)));
        assert_eq!(at("/status"), Some("INVALID_ARGUMENT"));
        assert_eq!(at("/message"), Some(refusal.words().as_str()));
        refusal
    }

    fn words(&self) -> String {
        if self.field.is_empty() {
            self.what.clone()
        } else {
            format!("{}: {}", self.field, self.what)
        }
    }
}
