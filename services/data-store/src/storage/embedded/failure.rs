use std::{error::Error, sync::Arc};

use crate::storage::{OpenProblem, StorageError};

/// Why an operation on the database came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The engine works, and this is its answer.
    #[error(transparent)]
    Refused(StorageError),
    #[error(transparent)]
    Engine(redb::Error),
    #[error("the storage engine panicked: {0}")]
    Panicked(String),
    #[error("it could not be opened again after an error: {0}")]
    Reopen(#[source] OpenProblem),
    #[error("it was closed by an error of another request")]
    Closed,
    #[error("there was no room a moment ago; it is tried again soon")]
    StillFull,
}

// === impl Failure ===

impl Failure {
    /// A record is not what was written. It concerns that record alone.
    pub(super) fn damaged(what: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(StorageError::Damaged(what.into().into()))
    }

    /// Whether the engine answers nothing more until it is opened again.
    pub(super) fn is_sticky(&self) -> bool {
        match self {
            Self::Engine(error) => matches!(
                error,
                redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::Backend(_)
            ),
            // What it held while it panicked stays locked.
            Self::Panicked(_) => true,
            Self::Refused(_) | Self::Reopen(_) | Self::Closed | Self::StillFull => false,
        }
    }

    /// Whether something else broke the database; this operation might have gone well.
    pub(super) fn is_of_another(&self) -> bool {
        matches!(self, Self::Engine(redb::Error::PreviousIo) | Self::Closed)
    }

    /// Whether there was no room for it.
    pub(super) fn is_full(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match self {
            Self::Engine(redb::Error::Io(error)) => {
                matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
            }
            Self::StillFull => true,
            Self::Engine(_)
            | Self::Panicked(_)
            | Self::Refused(_)
            | Self::Reopen(_)
            | Self::Closed => false,
        }
    }
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            full if full.is_full() => Self::Full(Arc::new(full)),
            damaged @ Failure::Engine(redb::Error::Corrupted(_)) => {
                Self::Damaged(Arc::new(damaged))
            }
            other => Self::Unavailable(Arc::new(other)),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Failure {
            fn from(error: redb::$error) -> Self {
                Self::Engine(error.into())
            }
        }
    )*};
}

from_redb!(
    CommitError,
    Error,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);
