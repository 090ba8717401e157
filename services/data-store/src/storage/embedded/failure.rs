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
    /// It may be found to have happened when the database is opened again.
    #[error("the commit after revision {after} failed: {error}")]
    Commit { error: redb::Error, after: i64 },
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
        use redb::Error::{Backend, Io, PreviousIo};
        // What it held while it panicked stays locked.
        matches!(self, Self::Panicked(_))
            || matches!(self.engine(), Some(Io(_) | PreviousIo | Backend(_)))
    }

    /// Whether something else broke the database; this operation might have gone well.
    pub(super) fn is_of_another(&self) -> bool {
        matches!(self, Self::Engine(redb::Error::PreviousIo) | Self::Closed)
    }

    /// Whether there was no room for it.
    pub(super) fn is_full(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match self.engine() {
            Some(redb::Error::Io(error)) => {
                matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
            }
            Some(_) | None => matches!(self, Self::StillFull),
        }
    }

    fn engine(&self) -> Option<&redb::Error> {
        match self {
            Self::Engine(error) | Self::Commit { error, .. } => Some(error),
            Self::Refused(_)
            | Self::Panicked(_)
            | Self::Reopen(_)
            | Self::Closed
            | Self::StillFull => None,
        }
    }
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            full if full.is_full() => Self::Full(Arc::new(full)),
            damaged if matches!(damaged.engine(), Some(redb::Error::Corrupted(_))) => {
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
    Error,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);
