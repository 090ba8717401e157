use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use http::header;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{ERROR_DOMAIN, Malformed, Refusal};

/// One of every kind. A new variant does not compile here; it belongs in the list as well as in the match.
fn all() -> [Refusal; 11] {
    match Refusal::Missing {
        Refusal::Missing
        | Refusal::Malformed(_)
        | Refusal::Expired { .. }
        | Refusal::AudienceMismatch { .. }
        | Refusal::Rejected
        | Refusal::Revoked
        | Refusal::NotAllowed
        | Refusal::KubernetesUnavailable
        | Refusal::VerifierMisconfigured
        | Refusal::Overloaded
        | Refusal::DeadlineExceeded => (),
    }
    [
        Refusal::Missing,
        Refusal::Malformed(Malformed::Several),
        Refusal::Expired {
            at: SystemTime::UNIX_EPOCH,
        },
        Refusal::AudienceMismatch {
            expected: "data-store".parse().unwrap(),
        },
        Refusal::Rejected,
        Refusal::Revoked,
        Refusal::NotAllowed,
        Refusal::KubernetesUnavailable,
        Refusal::VerifierMisconfigured,
        Refusal::Overloaded,
        Refusal::DeadlineExceeded,
    ]
}

#[test]
fn every_refusal_stands_in_the_table_of_outcomes() {
    let table = all().map(|refusal| {
        format!(
            "{:?} {} {}",
            refusal.code(),
            refusal.http_status().as_u16(),
            refusal.reason().unwrap_or("-")
        )
    });

    assert_eq!(
        table,
        [
            "Unauthenticated 401 TOKEN_MISSING",
            "Unauthenticated 401 TOKEN_MALFORMED",
            "Unauthenticated 401 TOKEN_EXPIRED",
            "Unauthenticated 401 AUDIENCE_MISMATCH",
            "Unauthenticated 401 TOKEN_REJECTED",
            "Unauthenticated 401 TOKEN_REVOKED",
            "PermissionDenied 403 CALLER_NOT_ALLOWED",
            "Unavailable 503 KUBERNETES_UNAVAILABLE",
            "Unavailable 503 VERIFIER_MISCONFIGURED",
            "Unavailable 503 OVERLOADED",
            "DeadlineExceeded 504 -",
        ]
    );
}

#[test]
fn a_status_carries_its_reason_and_how_long_to_wait() {
    for refusal in all() {
        let status = refusal.to_status();

        assert_eq!(status.code(), refusal.code());
        let info = status.get_details_error_info();
        assert_eq!(
            info.as_ref().map(|info| info.reason.as_str()),
            refusal.reason()
        );
        assert!(info.is_none_or(|info| info.domain == ERROR_DOMAIN));
        let delay = status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay);
        assert_eq!(delay, refusal.retry_after());
    }
}

#[test]
fn a_fault_of_ours_is_never_called_the_callers() {
    for refusal in all() {
        let ours = refusal.http_status().is_server_error();

        assert_eq!(
            ours,
            !matches!(
                refusal.code(),
                Code::Unauthenticated | Code::PermissionDenied
            ),
            "{refusal:?}"
        );
    }
}

#[test]
fn a_challenge_goes_with_every_401_and_403_and_with_nothing_else() {
    let mut challenges = HashSet::new();
    for refusal in all() {
        let headers = refusal.http_headers();

        let challenge = headers.get(header::WWW_AUTHENTICATE);
        assert_eq!(
            challenge.is_some(),
            refusal.http_status().is_client_error(),
            "{refusal:?}"
        );
        if let Some(challenge) = challenge {
            let challenge = challenge.to_str().unwrap();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
            assert_eq!(challenge.matches('"').count() % 2, 0, "{challenge}");
            assert!(
                challenges.insert(challenge.to_owned()),
                "{challenge} stands for two refusals"
            );
        }
    }
}

#[test]
fn an_expiry_in_any_year_can_be_told() {
    let second = Duration::from_secs(1);
    let end = Duration::from_secs(i64::MAX.unsigned_abs());
    for (at, told) in [
        (SystemTime::UNIX_EPOCH - second, "1970-01-01T00:00:00Z"),
        (SystemTime::UNIX_EPOCH + second, "1970-01-01T00:00:01Z"),
        (SystemTime::UNIX_EPOCH + end, "9999-12-31T23:59:59Z"),
    ] {
        assert_eq!(
            Refusal::Expired { at }.to_status().message(),
            format!("the token expired at {told}; read it anew from its file")
        );
    }
}

#[test]
fn credentials_code_never_answers_what_a_method_answers() {
    // gRFC A54 names the codes that only a method may use.
    for refusal in all() {
        assert!(
            !matches!(
                refusal.code(),
                Code::InvalidArgument
                    | Code::NotFound
                    | Code::AlreadyExists
                    | Code::FailedPrecondition
                    | Code::Aborted
                    | Code::OutOfRange
                    | Code::DataLoss
            ),
            "{refusal:?}"
        );
    }
}
