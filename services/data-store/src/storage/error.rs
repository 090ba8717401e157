use std::{error::Error, io, path::PathBuf, sync::Arc};

use super::Address;

/// Why a storage could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {address}: {problem}")]
pub struct OpenError {
    address: Address,
    #[source]
    problem: OpenProblem,
}

/// What is wrong with the place a storage was to be opened at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenProblem {
    /// The folder the file should be in does not exist.
    #[error("there is no folder {}; create it, or mount the volume that holds it", .0.display())]
    FolderMissing(PathBuf),
    /// What should be the folder is something else.
    #[error("{} is not a folder; choose another path", .0.display())]
    NotAFolder(PathBuf),
    /// The path leads to a folder, a device or a pipe.
    #[error("the path leads to a folder or a device; give the path of a file")]
    NotAFile,
    /// The file that was open before is gone.
    #[error("the file is gone; put it back, or restart to begin with an empty store")]
    FileMissing,
    /// This process may not write there.
    #[error("permission denied; let this process's user read and write the file and its folder")]
    PermissionDenied(#[source] io::Error),
    /// Another process, or another part of this one, holds the file.
    #[error("the file is in use; stop the process that has it open, or choose another path")]
    InUse,
    /// The file holds something that redb did not write.
    #[error(
        "the file is not a redb database; choose another path, or delete the file if a first start was cut off here"
    )]
    NotADatabase(#[source] Box<redb::Error>),
    /// The file is a redb database, but not of this program.
    #[error("the file is the redb database of another program; choose another path")]
    Foreign,
    /// The file's layout is of a version that this program does not know.
    #[error(
        "the file has format version {found} and this program knows version {known}; run the program that wrote it, or a newer one"
    )]
    UnknownFormat {
        /// The version in the file.
        found: i64,
        /// The version this program reads and writes.
        known: i64,
    },
    /// The file was damaged.
    #[error(
        "the file is damaged; restore it from a backup, or move it away to begin with an empty store"
    )]
    Damaged(#[source] Box<redb::Error>),
    /// The engine gave up on the file without saying why.
    #[error(
        "the file is damaged: the storage engine panicked ({0}); restore it from a backup, or move it away to begin with an empty store"
    )]
    Panicked(String),
    /// The file could not be read or written.
    #[error("the file cannot be read or written; see to the disk, or choose another path")]
    Io(#[source] io::Error),
    /// A file that the address names cannot be read.
    #[error("{} cannot be read; mount it, or let this process's user read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that the address names holds no certificate.
    #[error("{} holds no certificate; give a file of PEM", .0.display())]
    NoCertificate(PathBuf),
    /// The certificates or the key cannot be used.
    #[error("TLS is not possible with these certificates and this key; see to their files")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// The engine failed in another way.
    #[error("the storage engine failed")]
    Engine(#[source] Box<redb::Error>),
}

/// Why a storage did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// The record is not at the expected revision. Nothing was written.
    #[error("the record is at revision {current}, not at the expected one")]
    Differs {
        /// Where it is; 0 when there is none.
        current: i64,
    },
    /// The store does not remember as far back as it was asked to.
    #[error("what changed before revision {oldest} is forgotten")]
    HistoryGone {
        /// The first revision whose change is remembered.
        oldest: i64,
    },
    /// The store has not come to the revision it was asked about; it is another store's, or the store was put back to an earlier state.
    #[error("the store is at revision {last} and has not come to that one")]
    Ahead {
        /// Its last revision.
        last: i64,
    },
    /// The engine takes no record as large as this one. Nothing was written.
    #[error("the storage takes no record as large as this one")]
    TooLarge,
    /// There is no room left for a write. Nothing was written; reads go on.
    #[error("the storage is full")]
    Full(#[source] Cause),
    /// What is stored is not what was written.
    #[error("a stored record is damaged")]
    Damaged(#[source] Cause),
    /// The engine failed or did not answer. A write may have happened all the same, whole and once.
    #[error("the storage does not answer")]
    Unavailable(#[source] Cause),
    /// The runtime stopped before the operation began.
    #[error("the program is stopping")]
    Stopping,
}

type Cause = Arc<dyn Error + Send + Sync>;

// === impl OpenError ===

impl OpenError {
    pub(super) fn new(address: &Address, problem: OpenProblem) -> Self {
        Self {
            address: address.clone(),
            problem,
        }
    }

    /// What is wrong with the place.
    #[must_use]
    pub fn problem(&self) -> &OpenProblem {
        &self.problem
    }
}

// === impl OpenProblem ===

impl From<redb::Error> for OpenProblem {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::Io(ref cause) if cause.kind() == io::ErrorKind::InvalidData => {
                Self::NotADatabase(Box::new(error))
            }
            redb::Error::Io(cause) => Self::Io(cause),
            redb::Error::Corrupted(_) => Self::Damaged(Box::new(error)),
            redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. } => Self::Foreign,
            other => Self::Engine(Box::new(other)),
        }
    }
}
