//! Every "no", and how it travels: one table, for gRPC and for plain HTTP.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{Audience, ERROR_DOMAIN, MalformedToken, NotAJwt};

/// How long a caller should wait before it asks again, when waiting helps.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Why a call is refused.
///
/// The first group is the caller's fault, and only what the caller did can put a refusal there. The second is ours, or
/// Kubernetes', or the load's: it says nothing about the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The call carries no token.
    #[error("no token: send one as authorization: Bearer <token>")]
    Missing,
    /// The call does not carry exactly one well-formed bearer token.
    #[error("{0}")]
    Malformed(Malformed),
    /// The token has expired.
    #[error("the token expired at {}; read it anew from its file", rfc3339(*at))]
    Expired {
        /// When it did.
        at: SystemTime,
    },
    /// The token is meant for somebody else.
    #[error("the token is not meant for the audience {expected}; ask for one that is")]
    AudienceMismatch {
        /// Whom it should have been meant for.
        expected: Audience,
    },
    /// Kubernetes says the token is not genuine.
    #[error("Kubernetes does not accept the token")]
    Rejected,
    /// The pod or the service account the token was made for is gone.
    #[error("the pod or the service account of the token is gone")]
    Revoked,
    /// The token is genuine, but its owner may not do this.
    #[error("the caller is not allowed to do this")]
    NotAllowed,

    /// Kubernetes did not answer, or not in a way that means anything.
    #[error("the token could not be checked: Kubernetes does not answer")]
    KubernetesUnavailable,
    /// Kubernetes refuses to answer *us*.
    #[error("the token could not be checked: this service is not allowed to ask Kubernetes")]
    VerifierMisconfigured,
    /// As many questions are open as we allow ourselves.
    #[error("the token could not be checked: too many checks are under way")]
    Overloaded,
    /// The caller's own deadline passed before it was clear who is calling.
    #[error("the deadline passed before the token was checked")]
    DeadlineExceeded,
}

/// What is wrong with the form of a call's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The token is not one.
    #[error(transparent)]
    Token(#[from] MalformedToken),
    /// The token is no JSON Web Token, as all of Kubernetes' are.
    #[error(transparent)]
    Jwt(#[from] NotAJwt),
    /// The `authorization` header does not read `Bearer <token>`.
    #[error("the authorization header is not of the form: Bearer <token>")]
    Scheme,
    /// There are two tokens, and no way to tell which one counts.
    #[error("the call carries more than one token")]
    Several,
}

// === impl Refusal ===

impl Refusal {
    /// The `reason` of the `google.rpc.ErrorInfo`, for programs to tell refusals apart. A passed deadline has none: its code says it all.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.row().2
    }

    /// The gRPC code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.row().0
    }

    /// The HTTP status.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        self.row().1
    }

    /// Whether it is the caller's fault, and will be again. The others say nothing about the caller.
    #[must_use]
    pub fn blames_caller(&self) -> bool {
        match self {
            Self::Missing
            | Self::Malformed(_)
            | Self::Expired { .. }
            | Self::AudienceMismatch { .. }
            | Self::Rejected
            | Self::Revoked
            | Self::NotAllowed => true,
            Self::KubernetesUnavailable
            | Self::VerifierMisconfigured
            | Self::Overloaded
            | Self::DeadlineExceeded => false,
        }
    }

    /// The refusal as a gRPC status, with its `ErrorInfo` and, where waiting helps, a `RetryInfo`.
    #[must_use]
    pub fn to_status(&self) -> Status {
        let mut details = ErrorDetails::new();
        if let Some(reason) = self.reason() {
            details.set_error_info(reason, ERROR_DOMAIN, []);
        }
        if let Some(delay) = self.retry_after() {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(self.code(), self.to_string(), details)
    }

    /// The headers of the refusal as an HTTP response: `WWW-Authenticate` and `Retry-After`.
    pub(crate) fn http_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(challenge) = self.challenge() {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        if let Some(delay) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs()));
        }
        headers
    }

    /// How long to wait before asking again; nothing when waiting alone does not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::KubernetesUnavailable | Self::Overloaded => Some(RETRY_DELAY),
            Self::Missing
            | Self::Malformed(_)
            | Self::Expired { .. }
            | Self::AudienceMismatch { .. }
            | Self::Rejected
            | Self::Revoked
            | Self::NotAllowed
            | Self::VerifierMisconfigured
            | Self::DeadlineExceeded => None,
        }
    }

    /// The table.
    fn row(&self) -> (Code, StatusCode, Option<&'static str>) {
        use StatusCode as Http;
        match self {
            Self::Missing => (
                Code::Unauthenticated,
                Http::UNAUTHORIZED,
                Some("TOKEN_MISSING"),
            ),
            Self::Malformed(_) => (
                Code::Unauthenticated,
                Http::UNAUTHORIZED,
                Some("TOKEN_MALFORMED"),
            ),
            Self::Expired { .. } => (
                Code::Unauthenticated,
                Http::UNAUTHORIZED,
                Some("TOKEN_EXPIRED"),
            ),
            Self::AudienceMismatch { .. } => (
                Code::Unauthenticated,
                Http::UNAUTHORIZED,
                Some("AUDIENCE_MISMATCH"),
            ),
            Self::Rejected => (
                Code::Unauthenticated,
                Http::UNAUTHORIZED,
                Some("TOKEN_REJECTED"),
            ),
            Self::Revoked => (
                Code::Unauthenticated,
                Http::UNAUTHORIZED,
                Some("TOKEN_REVOKED"),
            ),
            Self::NotAllowed => (
                Code::PermissionDenied,
                Http::FORBIDDEN,
                Some("CALLER_NOT_ALLOWED"),
            ),
            Self::KubernetesUnavailable => (
                Code::Unavailable,
                Http::SERVICE_UNAVAILABLE,
                Some("KUBERNETES_UNAVAILABLE"),
            ),
            Self::VerifierMisconfigured => (
                Code::Unavailable,
                Http::SERVICE_UNAVAILABLE,
                Some("VERIFIER_MISCONFIGURED"),
            ),
            Self::Overloaded => (
                Code::Unavailable,
                Http::SERVICE_UNAVAILABLE,
                Some("OVERLOADED"),
            ),
            Self::DeadlineExceeded => (Code::DeadlineExceeded, Http::GATEWAY_TIMEOUT, None),
        }
    }

    /// RFC 6750, section 3: what kind of credentials would have helped. A request without any gets no error code.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("Bearer"),
            Self::Malformed(_) => Some(
                r#"Bearer error="invalid_token", error_description="not one well-formed bearer token""#,
            ),
            Self::Expired { .. } => {
                Some(r#"Bearer error="invalid_token", error_description="the token has expired""#)
            }
            Self::AudienceMismatch { .. } => Some(
                r#"Bearer error="invalid_token", error_description="the token is meant for somebody else""#,
            ),
            Self::Rejected => Some(
                r#"Bearer error="invalid_token", error_description="Kubernetes does not accept the token""#,
            ),
            Self::Revoked => Some(
                r#"Bearer error="invalid_token", error_description="the pod or the service account of the token is gone""#,
            ),
            Self::NotAllowed => Some(r#"Bearer error="insufficient_scope""#),
            Self::KubernetesUnavailable
            | Self::VerifierMisconfigured
            | Self::Overloaded
            | Self::DeadlineExceeded => None,
        }
    }
}

/// The time, or what is nearest to it among those that RFC 3339 can write. A token says of its expiry what it likes.
fn rfc3339(at: SystemTime) -> impl fmt::Display {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_seconds(at.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST))
}

#[cfg(test)]
mod tests;
