//! A gRPC status as the JSON body of an HTTP answer.

use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorInfo, RetryInfo, StatusExt as _};

/// Writes a status as `google.rpc.Status` in JSON, with the code by name beside the code by number.
///
/// Of its details it writes `ErrorInfo` and `RetryInfo`, in the canonical form of `google.protobuf.Any`; others are left out.
#[must_use]
pub fn status_json(status: &Status) -> Value {
    let mut details = Vec::new();
    if let Some(info) = status.get_details_error_info() {
        details.push(json!({
            "@type": ErrorInfo::TYPE_URL,
            "reason": info.reason,
            "domain": info.domain,
            "metadata": info.metadata,
        }));
    }
    if let Some(delay) = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay)
    {
        details.push(json!({
            "@type": RetryInfo::TYPE_URL,
            "retryDelay": format!("{}s", delay.as_secs_f64()),
        }));
    }
    json!({
        "code": status.code() as i32,
        "status": code_name(status.code()),
        "message": status.message(),
        "details": details,
    })
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
    use serde_json::json;

    use super::status_json;
    use crate::Refusal;

    #[test]
    fn a_refusal_reads_the_same_in_json() {
        let json = status_json(&Refusal::Overloaded.to_status());

        assert_eq!(
            json,
            json!({
                "code": 14,
                "status": "UNAVAILABLE",
                "message": "the token could not be checked: too many checks are under way",
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": "OVERLOADED",
                        "domain": "tonic-kube-auth",
                        "metadata": {},
                    },
                    {
                        "@type": "type.googleapis.com/google.rpc.RetryInfo",
                        "retryDelay": "1s",
                    },
                ],
            })
        );
    }
}
