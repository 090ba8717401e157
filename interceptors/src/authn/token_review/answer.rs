//! What the answers of Kubernetes mean. Nothing here asks; everything here reads.

use std::time::SystemTime;

use k8s_openapi::api::{
    authentication::v1::{TokenReviewStatus, UserInfo},
    authorization::v1::SubjectAccessReviewStatus,
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Audience, Identity, Refusal, authn::kubernetes::AskError};

/// What a TokenReview came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Review {
    /// The token is genuine. Which audiences it is good for is for the caller to check.
    Genuine(Identity),
    /// The token is not accepted, in Kubernetes' words.
    Refused(String),
}

/// An answer of the API server without its `spec`, which echoes the token.
#[derive(Deserialize)]
struct Answer<T> {
    kind: String,
    status: Option<T>,
}

/// Reads the answer to a TokenReview.
///
/// It is proof only when it says so in every way: `authenticated` true, no error, a user with a name. A refusal is an answer as well:
/// HTTP 201, `authenticated` absent, `error` set. Anything between is an answer that means nothing.
pub(super) fn read_review(body: &[u8]) -> Result<Review, AskError> {
    let status: TokenReviewStatus = read(body, "TokenReview")?;
    let error = status.error.filter(|error| !error.is_empty());
    match (status.authenticated.unwrap_or(false), error) {
        (true, None) => {
            let user = status
                .user
                .ok_or(AskError::Meaningless("authenticated, but no user"))?;
            identity(user, status.audiences.unwrap_or_default()).map(Review::Genuine)
        }
        (true, Some(_contradiction)) => {
            Err(AskError::Meaningless("authenticated, but with an error"))
        }
        (false, error) => Ok(Review::Refused(error.unwrap_or_default())),
    }
}

/// Reads the answer to a SelfSubjectAccessReview: whether we may. A denial wins over an allowance.
pub(super) fn read_access(body: &[u8]) -> Result<bool, AskError> {
    let status: SubjectAccessReviewStatus = read(body, "SelfSubjectAccessReview")?;
    Ok(status.allowed && !status.denied.unwrap_or(false))
}

/// What a refusal in Kubernetes' words (go-jose's, and pkg/serviceaccount's) means to the caller.
///
/// The words may change with a release: they choose among reasons that all refuse, and whatever is not known is simply rejected.
pub(super) fn classify(why: &str, audience: &Audience, expires_at: Option<SystemTime>) -> Refusal {
    /// Failures of Kubernetes' own that it reports in the place of a refusal.
    const OURS: [&str; 4] = [
        "etcdserver:",
        "context deadline exceeded",
        "connection refused",
        "timed out",
    ];
    const GONE: [&str; 2] = [
        "service account token has been invalidated",
        "service account UID (",
    ];
    if OURS.iter().any(|words| why.contains(words)) {
        return Refusal::KubernetesUnavailable;
    }
    if why.contains("is invalid for the target audiences") {
        return Refusal::AudienceMismatch {
            expected: audience.clone(),
        };
    }
    if why.contains("token has expired")
        && let Some(at) = expires_at
    {
        return Refusal::Expired { at };
    }
    let is_missing = |kind: &str| why.contains(kind) && why.contains("\" not found");
    if GONE.iter().any(|words| why.contains(words))
        || ["serviceaccounts \"", "pods \""]
            .into_iter()
            .any(is_missing)
    {
        return Refusal::Revoked;
    }
    Refusal::Rejected
}

fn read<T: DeserializeOwned>(body: &[u8], kind: &str) -> Result<T, AskError> {
    let answer: Answer<T> =
        serde_json::from_slice(body).map_err(|error| AskError::NotJson(error.classify()))?;
    if answer.kind != kind {
        return Err(AskError::Meaningless("an object of another kind"));
    }
    answer.status.ok_or(AskError::Meaningless("no status"))
}

fn identity(user: UserInfo, audiences: Vec<String>) -> Result<Identity, AskError> {
    let username = user.username.filter(|username| !username.is_empty());
    Ok(Identity {
        username: username.ok_or(AskError::Meaningless(
            "authenticated, but the user has no name",
        ))?,
        uid: user.uid.unwrap_or_default(),
        groups: user.groups.unwrap_or_default(),
        extra: user.extra.unwrap_or_default(),
        audiences,
        expires_at: None,
    })
}

#[cfg(test)]
mod tests {
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
        let body =
            br#"{"kind":"TokenReview","status":{"authenticated":true,"user":{"username":"u"}}}"#;

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
            (
                "[invalid bearer token, etcdserver: request timed out]",
                "KUBERNETES_UNAVAILABLE",
            ),
        ] {
            assert_eq!(classified(why).reason(), Some(reason), "{why}");
        }
    }

    #[test]
    fn a_denial_wins_over_an_allowance() {
        let read = |status: &str| {
            read_access(
                format!(r#"{{"kind":"SelfSubjectAccessReview","status":{status}}}"#).as_bytes(),
            )
        };

        assert!(read(r#"{"allowed":true}"#).unwrap());
        assert!(!read(r#"{"allowed":false}"#).unwrap());
        assert!(!read(r#"{"allowed":true,"denied":true}"#).unwrap());
        read("{}")
            .unwrap_or(false)
            .then(|| panic!("no answer is no allowance"));
    }
}
