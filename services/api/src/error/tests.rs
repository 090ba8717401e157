use std::time::Duration;

use axum::response::Response;
use http::{HeaderMap, header};
use tonic::{Code, Status, TimeoutExpired};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{HttpError, bad_field, from_data_store};
use crate::door::RequestId;

fn http(status: Status) -> u16 {
    HttpError::from(status).http.as_u16()
}

#[test]
fn what_is_long_does_not_come_back_in_full() {
    let long = "ü".repeat(1_000_000);

    let status = bad_field(&long, long.as_str());

    let told = format!("{}…: {}…", "ü".repeat(100), "ü".repeat(300));
    assert_eq!(status.message(), told);
}

#[test]
fn every_code_has_its_http_status() {
    for (code, expected) in [
        (Code::Ok, 200),
        (Code::Cancelled, 499),
        (Code::Unknown, 500),
        (Code::InvalidArgument, 400),
        (Code::DeadlineExceeded, 504),
        (Code::NotFound, 404),
        (Code::AlreadyExists, 409),
        (Code::PermissionDenied, 403),
        (Code::ResourceExhausted, 429),
        (Code::FailedPrecondition, 400),
        (Code::Aborted, 409),
        (Code::OutOfRange, 400),
        (Code::Unimplemented, 501),
        (Code::Internal, 500),
        (Code::Unavailable, 503),
        (Code::DataLoss, 500),
        (Code::Unauthenticated, 401),
    ] {
        assert_eq!(http(Status::new(code, "")), expected, "{code:?}");
    }
}

#[test]
fn who_is_to_wait_for_part_of_a_second_is_told_a_whole_one() {
    for (delay, seconds) in [(0, "0"), (1, "1"), (1_000, "1"), (1_001, "2")] {
        let delay = Duration::from_millis(delay);
        let details = ErrorDetails::with_retry_info(Some(delay));
        let status = Status::with_error_details(Code::Unavailable, "", details);

        let answer =
            HttpError::from(status).write(Response::default(), &RequestId::of(&HeaderMap::new()));

        assert_eq!(answer.headers()[header::RETRY_AFTER], seconds);
    }
}

#[test]
fn a_refused_api_is_a_bad_gateway_with_the_reason_as_received() {
    for code in [Code::Unauthenticated, Code::PermissionDenied] {
        let details = ErrorDetails::with_error_info("TOKEN_REVOKED", "tonic-kube-auth", []);
        let refusal = Status::with_error_details(code, "the pod is gone", details);

        let status = from_data_store(&refusal);

        assert_eq!(status.code(), Code::Internal);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("TOKEN_REVOKED", "data-store")
        );
        assert_eq!(http(status), 502);
    }
}

#[test]
fn what_the_data_store_says_of_the_request_is_passed_on() {
    let details = ErrorDetails::with_error_info("KUBERNETES_UNAVAILABLE", "tonic-kube-auth", []);
    let answer =
        Status::with_error_details(Code::Unavailable, "Kubernetes does not answer", details);

    let status = from_data_store(&answer);

    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "Kubernetes does not answer");
    assert_eq!(
        status.get_details_error_info().unwrap().reason,
        "KUBERNETES_UNAVAILABLE"
    );
}

#[test]
fn a_connection_that_fails_says_nothing_of_our_addresses() {
    let failed = Status::from_error(Box::new(std::io::Error::other("connect to 10.0.0.1")));

    let status = from_data_store(&failed);

    assert_eq!(status.code(), Code::Unavailable);
    assert!(!status.message().contains("10.0.0.1"));
    assert!(status.get_details_retry_info().is_some());
}

#[test]
fn a_deadline_that_the_channel_keeps_is_a_deadline_too() {
    let late = Status::from_error(Box::new(TimeoutExpired(())));

    let status = from_data_store(&late);

    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(http(status), 504);
}
