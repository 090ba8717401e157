//! What the answers of Kubernetes mean. Nothing here asks; everything here reads.

use std::time::SystemTime;

use k8s_openapi::api::{
    authentication::v1::{self, TokenReviewStatus},
    authorization::v1::SubjectAccessReviewStatus,
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Audience, Refusal, UserInfo, authn::kubernetes::AskError};

/// What a TokenReview came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Review {
    /// The token is genuine. Which audiences it is good for is for the caller to check.
    Genuine(UserInfo),
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
pub(crate) fn read_review(body: &[u8]) -> Result<Review, AskError> {
    let status: TokenReviewStatus = read(body, "TokenReview")?;
    let error = status.error.filter(|error| !error.is_empty());
    match (status.authenticated.unwrap_or(false), error) {
        (true, None) => {
            let user = status
                .user
                .ok_or(AskError::Meaningless("authenticated, but no user"))?;
            user_info(user, status.audiences.unwrap_or_default()).map(Review::Genuine)
        }
        (true, Some(_contradiction)) => {
            Err(AskError::Meaningless("authenticated, but with an error"))
        }
        (false, Some(error)) if tells_of_a_failure(&error) => Err(AskError::Meaningless(
            "Kubernetes failed to check the token, as its own log says",
        )),
        (false, error) => Ok(Review::Refused(error.unwrap_or_default())),
    }
}

/// Whether a refusal tells of a failure of Kubernetes' own, which it reports in the place of a verdict.
///
/// What stands in quotes is the caller's, and nobody may choose to have failed Kubernetes.
fn tells_of_a_failure(why: &str) -> bool {
    const FAILURES: [&str; 4] = [
        "etcdserver:",
        "context deadline exceeded",
        "connection refused",
        "timed out",
    ];
    let mut unquoted = String::with_capacity(why.len());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for char in why.chars() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => (),
            _ => unquoted.push(char),
        }
    }
    FAILURES.iter().any(|words| unquoted.contains(words))
}

/// Reads the answer to a SelfSubjectAccessReview: whether we may. A denial wins over an allowance.
pub(super) fn read_access(body: &[u8]) -> Result<bool, AskError> {
    let status: SubjectAccessReviewStatus = read(body, "SelfSubjectAccessReview")?;
    Ok(status.allowed && !status.denied.unwrap_or(false))
}

/// What a refusal in Kubernetes' words (go-jose's, and pkg/serviceaccount's) means to the caller.
///
/// The words may change with a release: they choose among reasons that all refuse, and whatever is not known is simply rejected.
pub(crate) fn classify(why: &str, audience: &Audience, expires_at: Option<SystemTime>) -> Refusal {
    const GONE: [&str; 2] = [
        "service account token has been invalidated",
        "service account UID (",
    ];
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
    // serde reads a struct from an array as well; an answer is an object.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(AskError::Meaningless("not an object"));
    }
    if answer.kind != kind {
        return Err(AskError::Meaningless("an object of another kind"));
    }
    answer.status.ok_or(AskError::Meaningless("no status"))
}

fn user_info(user: v1::UserInfo, audiences: Vec<String>) -> Result<UserInfo, AskError> {
    let username = user.username.filter(|username| !username.is_empty());
    Ok(UserInfo {
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
mod tests;
