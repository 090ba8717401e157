use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use redb::{
    Database, StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};

use super::{failure::Failure, file, layout};
use crate::storage::OpenProblem;

/// How much of the file is kept in memory: the engine's own default, 1 GiB, is more than most pods have.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

type Opener = Box<dyn Fn(Opening) -> Result<Database, OpenProblem> + Send + Sync>;

/// Keeps the database open. Everything here blocks.
///
/// After an I/O error, such as a full disk, redb answers nothing more until the database is opened again; so it is closed at once and
/// opened at the next operation. A panic of redb, which some damages of a file cause, becomes an error like that.
pub(super) struct Engine {
    opener: Opener,
    /// Read by operations, written to close and open; nothing while closed.
    database: RwLock<Option<Database>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// A missing file is created.
    First,
    /// A missing file is an error: an empty one would forget every record and begin again with revision 1.
    Again,
}

// === impl Engine ===

impl Engine {
    pub(super) fn in_file(path: PathBuf) -> Result<Self, OpenProblem> {
        Self::open_with(Box::new(move |opening| {
            let file = file::open(&path, opening == Opening::First)?;
            load(FileBackend::new(file).map_err(redb::Error::from)?)
        }))
    }

    pub(super) fn in_memory() -> Result<Self, OpenProblem> {
        // What was in memory is gone once the database on it is closed.
        Self::open_with(Box::new(|opening| match opening {
            Opening::First => load(InMemoryBackend::new()),
            Opening::Again => Err(OpenProblem::FileMissing),
        }))
    }

    pub(super) fn open_with(opener: Opener) -> Result<Self, OpenProblem> {
        let engine = Self {
            opener,
            database: RwLock::new(None),
        };
        engine.reopen(Opening::First)?;
        Ok(engine)
    }

    pub(super) fn run<T>(
        &self,
        operation: impl FnOnce(&Database) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.read().is_none() {
            self.reopen(Opening::Again).map_err(Failure::Reopen)?;
        }
        let result = match self.read().as_ref() {
            Some(database) => catch_unwind(AssertUnwindSafe(|| operation(database)))
                .unwrap_or_else(|panic| Err(Failure::Panicked(text_of(panic.as_ref())))),
            None => Err(Failure::Closed),
        };
        if result.as_ref().is_err_and(Failure::is_sticky) {
            self.close();
        }
        result
    }

    fn reopen(&self, opening: Opening) -> Result<(), OpenProblem> {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            let opened = catch_unwind(AssertUnwindSafe(|| (self.opener)(opening)))
                .unwrap_or_else(|panic| Err(OpenProblem::Panicked(text_of(panic.as_ref()))))?;
            *database = Some(opened);
        }
        Ok(())
    }

    fn close(&self) {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let closing = database.take();
        // After a panic of redb, closing may panic as well; there is nothing left to save.
        let _closed = catch_unwind(AssertUnwindSafe(|| drop(closing)));
    }

    // A poisoned lock guards nothing half done: the database is either there or not.
    fn read(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// Opens a database and checks all of it.
///
/// Without the check redb trusts a file that was closed in order, and a file damaged since would be found out at some later read.
/// After a crash the whole file is read anyway, so the longest start is no longer for it.
pub(super) fn load(backend: impl StorageBackend) -> Result<Database, OpenProblem> {
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .create_with_backend(backend)
        .map_err(redb::Error::from)?;
    layout::prepare(&database)?;
    Ok(database)
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests;
