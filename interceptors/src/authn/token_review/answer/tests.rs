use std::time::{Duration, SystemTime};

use super::{Review, classify, read_access, read_review};
use crate::Refusal;

fn classified(why: &str) -> Refusal {
    let expires_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    classify(why, &"data-store".parse().unwrap(), Some(expires_at))
}

#[test]
fn a_genuine_token_tells_its_owner() {
    let body = br#"{"kind":"TokenReview","spec":{"token":"x"},"status":{"authenticated":true,"audiences":["data-store"],
        "user":{"username":"system:serviceaccount:api:api","uid":"1","groups":["g"],"extra":{"k":["v"]}}}}"#;

    let Review::Genuine(identity) = read_review(body).unwrap() else {
        panic!("it is genuine")
    };

    assert_eq!(identity.username, "system:serviceaccount:api:api");
    assert_eq!(identity.uid, "1");
    assert_eq!(identity.groups, ["g"]);
    assert_eq!(identity.extra.get("k").unwrap(), &["v"]);
    assert_eq!(identity.audiences, ["data-store"]);
}

#[test]
fn no_audiences_in_the_answer_are_none() {
    let body = br#"{"kind":"TokenReview","status":{"authenticated":true,"user":{"username":"u"}}}"#;

    let Review::Genuine(identity) = read_review(body).unwrap() else {
        panic!("it is genuine")
    };

    assert_eq!(identity.audiences, [""; 0]);
}

#[test]
fn a_refusal_is_an_answer() {
    let body = br#"{"kind":"TokenReview","status":{"user":{},"error":"invalid bearer token"}}"#;

    assert_eq!(
        read_review(body).unwrap(),
        Review::Refused("invalid bearer token".to_owned())
    );

    let body = br#"{"kind":"TokenReview","status":{"authenticated":false}}"#;

    assert_eq!(read_review(body).unwrap(), Review::Refused(String::new()));
}

#[test]
fn an_answer_that_proves_nothing_is_no_answer() {
    for body in [
        "",
        "not json",
        "null",
        "[]",
        "{}",
        r#"["TokenReview",{"authenticated":true,"user":{"username":"u"}}]"#,
        r#"{"kind":"Status","status":"Failure","code":500}"#,
        r#"{"kind":"TokenReview"}"#,
        r#"{"kind":"TokenReview","status":{"authenticated":"true"}}"#,
        r#"{"kind":"TokenReview","status":{"authenticated":true}}"#,
        r#"{"kind":"TokenReview","status":{"authenticated":true,"user":{}}}"#,
        r#"{"kind":"TokenReview","status":{"authenticated":true,"user":{"username":""}}}"#,
        r#"{"kind":"TokenReview","status":{"authenticated":true,"user":{"username":"u"},"error":"but no"}}"#,
    ] {
        let error = read_review(body.as_bytes()).unwrap_err();

        assert_eq!(error.refusal(), Refusal::KubernetesUnavailable, "{body}");
    }
}

#[test]
fn every_recorded_refusal_has_its_reason_and_a_failure_of_kubernetes_is_not_the_callers() {
    for (why, reason) in [
        ("invalid bearer token", "TOKEN_REJECTED"),
        ("", "TOKEN_REJECTED"),
        (
            "[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]",
            "TOKEN_REJECTED",
        ),
        (
            "[invalid bearer token, invalid signature, no keys found]",
            "TOKEN_REJECTED",
        ),
        (
            "[invalid bearer token, service account token is not valid yet]",
            "TOKEN_REJECTED",
        ),
        (
            "[invalid bearer token, resource name may not be empty]",
            "TOKEN_REJECTED",
        ),
        (
            "[invalid bearer token, service account token has expired]",
            "TOKEN_EXPIRED",
        ),
        (
            r#"[invalid bearer token, token audiences ["data-store"] is invalid for the target audiences ["other"]]"#,
            "AUDIENCE_MISMATCH",
        ),
        (
            r#"[invalid bearer token, serviceaccounts "departing" not found]"#,
            "TOKEN_REVOKED",
        ),
        (
            "[invalid bearer token, service account UID (a) does not match claim (b)]",
            "TOKEN_REVOKED",
        ),
        (
            "[invalid bearer token, service account token has been invalidated]",
            "TOKEN_REVOKED",
        ),
        (
            r#"[invalid bearer token, serviceaccounts "api" is forbidden: denied]"#,
            "TOKEN_REJECTED",
        ),
    ] {
        assert_eq!(classified(why).reason(), Some(reason), "{why}");
    }
}

#[test]
fn a_denial_wins_over_an_allowance() {
    let read = |status: &str| {
        read_access(format!(r#"{{"kind":"SelfSubjectAccessReview","status":{status}}}"#).as_bytes())
    };

    assert!(read(r#"{"allowed":true}"#).unwrap());
    assert!(!read(r#"{"allowed":false}"#).unwrap());
    assert!(!read(r#"{"allowed":true,"denied":true}"#).unwrap());
    read("{}")
        .unwrap_or(false)
        .then(|| panic!("no answer is no allowance"));
}

#[test]
fn a_failure_of_kubernetes_own_is_no_verdict_and_nobody_can_bring_one_about_by_its_words() {
    let read = |why: &str| {
        let status = serde_json::json!({"error": why});
        let answer = serde_json::json!({"kind": "TokenReview", "status": status});
        read_review(answer.to_string().as_bytes())
    };
    for failure in [
        "[invalid bearer token, etcdserver: request timed out]",
        r#"[invalid bearer token, Get "https://oidc/keys": dial tcp: connect: connection refused]"#,
        r#"got ["a\"b"], context deadline exceeded"#,
    ] {
        let error = read(failure).unwrap_err();

        assert_eq!(error.refusal(), Refusal::KubernetesUnavailable, "{failure}");
    }
    for refusal in [
        r#"[invalid bearer token, oidc: expected audience "x" got ["connection refused"]]"#,
        r#"got ["a\"etcdserver:"]"#,
    ] {
        let review = read(refusal).unwrap();

        assert_eq!(review, Review::Refused(refusal.to_owned()));
    }
}
