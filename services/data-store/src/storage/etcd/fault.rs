//! What an error of etcd's means. etcd tells most of it in words alone.

use std::{error::Error, time::Duration};

use tonic::{Code, ConnectError, Status};

use crate::storage::StorageError;

/// Why a call came to nothing, as far as it matters to what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The member did not begin with it: it was not reached, or has no leader to ask.
    NotBegun,
    /// The token is no longer good, or there was none. The member did not begin.
    Token,
    /// Whether it was done cannot be told.
    Unclear,
    /// The member said nothing for too long; the rest is as unclear.
    Silent,
    /// The revision is forgotten.
    Compacted,
    /// The revision is still to come.
    Ahead,
    /// The answer is longer than we take.
    TooLong,
    /// The request is longer than etcd takes.
    TooLarge,
    /// etcd has no room left.
    Full,
    /// etcd refuses for another reason, and would again.
    Refused,
}

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    cause: Box<dyn Error + Send + Sync>,
}

#[derive(Debug, thiserror::Error)]
#[error("etcd did not answer within {0:?}")]
struct Silence(Duration);

/// What etcd says, by its beginning, and what it means.
const WORDS: [(&str, Kind); 10] = [
    ("etcdserver: no leader", Kind::NotBegun),
    ("etcdserver: not capable", Kind::NotBegun),
    ("etcdserver: invalid auth token", Kind::Token),
    ("etcdserver: revision of auth store is old", Kind::Token),
    ("etcdserver: user name is empty", Kind::Token),
    (
        "etcdserver: mvcc: required revision has been compacted",
        Kind::Compacted,
    ),
    (
        "etcdserver: mvcc: required revision is a future revision",
        Kind::Ahead,
    ),
    ("etcdserver: mvcc: database space exceeded", Kind::Full),
    ("etcdserver: request is too large", Kind::TooLarge),
    ("grpc: received message larger than max", Kind::TooLarge),
];

// === impl Kind ===

impl Kind {
    /// Whether another member may do better.
    pub(super) fn is_of_the_member(self) -> bool {
        matches!(self, Self::NotBegun | Self::Unclear | Self::Silent)
    }

    fn of(status: &Status) -> Self {
        let word = WORDS
            .iter()
            .find(|(words, _)| status.message().starts_with(words));
        match (word, status.code()) {
            (Some((_, kind)), _) => *kind,
            (None, _) if is_connect_error(status) => Self::NotBegun,
            // The client's own; etcd's two were found by their words.
            (None, Code::OutOfRange) => Self::TooLong,
            (
                None,
                Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Cancelled
                | Code::Unknown
                | Code::Internal
                | Code::Aborted
                | Code::ResourceExhausted,
            ) => Self::Unclear,
            (
                None,
                Code::Ok
                | Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::Unimplemented
                | Code::DataLoss
                | Code::Unauthenticated,
            ) => Self::Refused,
        }
    }
}

// === impl Fault ===

impl Fault {
    pub(super) fn new(kind: Kind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            cause: cause.into(),
        }
    }

    pub(super) fn silence(patience: Duration) -> Self {
        Self::new(Kind::Silent, Silence(patience))
    }

    /// Whatever became of a question that came before a call, the call did not begin.
    pub(super) fn of_a_question(self) -> Self {
        match self.kind {
            Kind::Unclear => Self {
                kind: Kind::NotBegun,
                ..self
            },
            _ => self,
        }
    }

    pub(super) fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.cause.as_ref()
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::new(Kind::of(&status), status)
    }
}

impl From<Fault> for StorageError {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            Kind::Full => Self::Full(fault.cause.into()),
            Kind::TooLarge => Self::TooLarge,
            Kind::NotBegun
            | Kind::Token
            | Kind::Unclear
            | Kind::Silent
            | Kind::Compacted
            | Kind::Ahead
            | Kind::TooLong
            | Kind::Refused => Self::Unavailable(fault.cause.into()),
        }
    }
}

/// Whether there was no connection to send the request on.
fn is_connect_error(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use proto::etcd::{RangeRequest, kv_client::KvClient};
    use tonic::{Code, Status, transport::Endpoint};

    use super::Kind;

    #[test]
    fn what_etcd_says_is_understood() {
        for (code, said, kind) in [
            (Code::Unavailable, "etcdserver: no leader", Kind::NotBegun),
            (Code::Unavailable, "etcdserver: not capable", Kind::NotBegun),
            (
                Code::Unavailable,
                "etcdserver: request timed out",
                Kind::Unclear,
            ),
            (
                Code::Unavailable,
                "etcdserver: leader changed",
                Kind::Unclear,
            ),
            (
                Code::ResourceExhausted,
                "etcdserver: too many requests",
                Kind::Unclear,
            ),
            (
                Code::Unauthenticated,
                "etcdserver: invalid auth token",
                Kind::Token,
            ),
            (
                Code::InvalidArgument,
                "etcdserver: revision of auth store is old",
                Kind::Token,
            ),
            (
                Code::InvalidArgument,
                "etcdserver: user name is empty",
                Kind::Token,
            ),
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted",
                Kind::Compacted,
            ),
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision is a future revision",
                Kind::Ahead,
            ),
            (
                Code::ResourceExhausted,
                "etcdserver: mvcc: database space exceeded",
                Kind::Full,
            ),
            (
                Code::InvalidArgument,
                "etcdserver: request is too large",
                Kind::TooLarge,
            ),
            (
                Code::ResourceExhausted,
                "grpc: received message larger than max (2 vs. 1)",
                Kind::TooLarge,
            ),
            (
                Code::PermissionDenied,
                "etcdserver: permission denied",
                Kind::Refused,
            ),
            (Code::DeadlineExceeded, "", Kind::Unclear),
            (Code::Unknown, "transport error", Kind::Unclear),
            (
                Code::OutOfRange,
                "Error, decoded message length too large",
                Kind::TooLong,
            ),
        ] {
            assert_eq!(Kind::of(&Status::new(code, said)), kind, "{said}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_is_known_for_a_request_that_was_not_sent() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();

        let status = KvClient::new(endpoint.connect_lazy())
            .range(RangeRequest::default())
            .await
            .unwrap_err();

        assert_eq!(Kind::of(&status), Kind::NotBegun);
    }
}
