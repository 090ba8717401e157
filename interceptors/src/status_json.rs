//! A gRPC status as the JSON body of an HTTP answer.

use std::collections::BTreeMap;

use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::{BadRequest, ErrorInfo, FieldViolation, RequestInfo, RetryInfo, StatusExt as _};

/// `google.rpc.Status`, in the order a reader wants it.
#[derive(Serialize)]
struct Body<'a> {
    code: i32,
    status: &'static str,
    message: &'a str,
    details: Vec<Detail>,
}

/// `google.protobuf.Any`, in its canonical form.
#[derive(Serialize)]
#[serde(untagged)]
enum Detail {
    ErrorInfo {
        #[serde(rename = "@type")]
        type_url: &'static str,
        reason: String,
        domain: String,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<String, String>,
    },
    RetryInfo {
        #[serde(rename = "@type")]
        type_url: &'static str,
        #[serde(rename = "retryDelay")]
        retry_delay: String,
    },
    BadRequest {
        #[serde(rename = "@type")]
        type_url: &'static str,
        #[serde(rename = "fieldViolations")]
        field_violations: Vec<Violation>,
    },
    RequestInfo {
        #[serde(rename = "@type")]
        type_url: &'static str,
        #[serde(rename = "requestId")]
        request_id: String,
    },
}

#[derive(Serialize)]
struct Violation {
    field: String,
    description: String,
}

/// Writes a status as `google.rpc.Status` in JSON, with the code by name beside the code by number.
///
/// Of its details it writes `ErrorInfo`, `RetryInfo`, `BadRequest` and `RequestInfo`; others are left out.
///
/// # Panics
///
/// Never: text, numbers and maps of text always have a JSON form.
#[must_use]
pub fn status_json(status: &Status) -> String {
    let info = status
        .get_details_error_info()
        .map(|info| Detail::ErrorInfo {
            type_url: ErrorInfo::TYPE_URL,
            reason: info.reason,
            domain: info.domain,
            metadata: info.metadata.into_iter().collect(),
        });
    let delay = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay);
    let retry = delay.map(|delay| Detail::RetryInfo {
        type_url: RetryInfo::TYPE_URL,
        retry_delay: format!("{}s", delay.as_secs_f64()),
    });
    let bad_request = status
        .get_details_bad_request()
        .map(|bad| Detail::BadRequest {
            type_url: BadRequest::TYPE_URL,
            field_violations: bad.field_violations.into_iter().map(violation).collect(),
        });
    let request = status
        .get_details_request_info()
        .map(|info| Detail::RequestInfo {
            type_url: RequestInfo::TYPE_URL,
            request_id: info.request_id,
        });
    let details = [info, retry, bad_request, request];
    let body = Body {
        code: status.code() as i32,
        status: code_name(status.code()),
        message: status.message(),
        details: details.into_iter().flatten().collect(),
    };
    serde_json::to_string(&body).expect("a status must have a JSON form")
}

fn violation(of: FieldViolation) -> Violation {
    Violation {
        field: of.field,
        description: of.description,
    }
}

/// The name of a code as `google.rpc.Code` writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::status_json;
    use crate::Refusal;

    #[test]
    fn what_is_wrong_with_a_request_is_written_with_its_field_and_the_request_with_its_id() {
        let mut details = ErrorDetails::with_bad_request_violation("pageSize", "is there twice");
        details.set_request_info("an-id", "");
        let status = Status::with_error_details(Code::InvalidArgument, "no", details);

        let json = status_json(&status);

        assert_eq!(
            json,
            concat!(
                r#"{"code":3,"status":"INVALID_ARGUMENT","message":"no","details":["#,
                r#"{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"pageSize","description":"is there twice"}]},"#,
                r#"{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"an-id"}]}"#,
            )
        );
    }

    #[test]
    fn a_refusal_reads_the_same_in_json() {
        let json = status_json(&Refusal::Overloaded.to_status());

        assert_eq!(
            json,
            concat!(
                r#"{"code":14,"status":"UNAVAILABLE","#,
                r#""message":"the token could not be checked: too many checks are under way","details":["#,
                r#"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"OVERLOADED","domain":"tonic-kube-auth"},"#,
                r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1s"}]}"#,
            )
        );
    }
}
