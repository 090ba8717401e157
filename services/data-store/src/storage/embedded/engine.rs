use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use redb::{
    Database, StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};
use tokio::time::Instant;

use super::{failure::Failure, file, layout};
use crate::storage::OpenProblem;

/// How much of the file is kept in memory: the engine's own default, 1 GiB, is more than most pods have.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// For how long at least nothing is written after there was no room for a write.
const FULL_PAUSE: Duration = Duration::from_secs(1);
/// How many times longer that is than the database takes to open. A write to a full disk closes it, and reads wait until it is open again:
/// they wait for a sixth of the time at most.
const FULL_PAUSE_OPENINGS: u32 = 5;

/// How long a read may take on a thread that others wait for. Out of memory it takes a few microseconds.
const QUICK: Duration = Duration::from_micros(200);

/// For how long no read is tried there after one took longer, as the disk is in it.
const SLOW_PAUSE: Duration = Duration::from_secs(1);

/// How often a read begins again because something else broke the database under it.
const READ_AGAIN: usize = 3;

type Opener = Box<dyn Fn(Opening) -> Result<Database, OpenProblem> + Send + Sync>;

/// Keeps the database open. Everything here blocks.
///
/// After an I/O error, such as a full disk, redb answers nothing more until the database is opened again; so it is closed at once and
/// opened at the next operation. A panic of redb, which some damages of a file cause, becomes an error like that.
pub(super) struct Engine {
    opener: Opener,
    /// Read by operations, written to close and open.
    slot: RwLock<Slot>,
    /// When there was no room for a write, until there is again.
    full_at: Mutex<Option<Instant>>,
    /// When a read last took too long to hold up others with.
    slow_at: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Slot {
    /// Nothing while closed.
    database: Option<Database>,
    /// How often it was opened: who finds it broken closes that one, and not the next.
    openings: u64,
    /// How long it took to open.
    opened_in: Duration,
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
            slot: RwLock::default(),
            full_at: Mutex::default(),
            slow_at: Mutex::default(),
        };
        engine.open(Opening::First)?;
        Ok(engine)
    }

    /// Reads. When another operation broke the database meanwhile, the read begins again: it has no part in a write that failed.
    pub(super) fn read<T>(
        &self,
        operation: impl Fn(&Database) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        for _ in 0..READ_AGAIN {
            match self.run(&operation) {
                Err(failure) if failure.is_of_another() => {}
                result => return result,
            }
        }
        self.run(operation)
    }

    /// Reads at once, if that is likely to be quick; else, and whenever there is trouble, answers nothing, and [`Engine::read`] is to be
    /// asked on a thread that may wait.
    pub(super) fn read_at_once<T>(
        &self,
        operation: impl FnOnce(&Database) -> Result<T, Failure>,
    ) -> Option<Result<T, Failure>> {
        let slow_at = *self.slow_at.lock().unwrap_or_else(PoisonError::into_inner);
        if slow_at.is_some_and(|at| at.elapsed() < SLOW_PAUSE) {
            return None;
        }
        let slot = self.slot.try_read().ok()?;
        let database = slot.database.as_ref()?;
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| operation(database))).ok()?;
        if began.elapsed() > QUICK {
            *self.slow_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        (!result.as_ref().is_err_and(Failure::is_sticky)).then_some(result)
    }

    /// Writes, unless there was no room for it a moment ago.
    pub(super) fn write<T>(
        &self,
        operation: impl FnOnce(&Database) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.is_full() {
            return Err(Failure::StillFull);
        }
        let result = self.run(operation);
        let is_full = result.as_ref().is_err_and(Failure::is_full);
        *self.full_at.lock().unwrap_or_else(PoisonError::into_inner) = is_full.then(Instant::now);
        result
    }

    fn is_full(&self) -> bool {
        let full_at = *self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        full_at.is_some_and(|at| {
            let pause = FULL_PAUSE.max(self.slot().opened_in * FULL_PAUSE_OPENINGS);
            at.elapsed() < pause
        })
    }

    fn run<T>(
        &self,
        operation: impl FnOnce(&Database) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.slot().database.is_none() {
            self.open(Opening::Again).map_err(Failure::Reopen)?;
        }
        let slot = self.slot();
        let Some(database) = slot.database.as_ref() else {
            return Err(Failure::Closed);
        };
        let result = catch_unwind(AssertUnwindSafe(|| operation(database)))
            .unwrap_or_else(|panic| Err(Failure::Panicked(text_of(panic.as_ref()))));
        let opening = slot.openings;
        drop(slot);
        if result.as_ref().is_err_and(Failure::is_sticky) {
            self.close(opening);
        }
        result
    }

    fn open(&self, opening: Opening) -> Result<(), OpenProblem> {
        let mut slot = self.slot_mut();
        if slot.database.is_none() {
            let began = Instant::now();
            let opened = catch_unwind(AssertUnwindSafe(|| (self.opener)(opening)))
                .unwrap_or_else(|panic| Err(OpenProblem::Panicked(text_of(panic.as_ref()))))?;
            *slot = Slot {
                database: Some(opened),
                openings: slot.openings + 1,
                opened_in: began.elapsed(),
            };
        }
        Ok(())
    }

    fn close(&self, opening: u64) {
        let mut slot = self.slot_mut();
        if slot.openings != opening {
            return;
        }
        let closing = slot.database.take();
        // After a panic of redb, closing may panic as well; there is nothing left to save.
        let _closed = catch_unwind(AssertUnwindSafe(|| drop(closing)));
    }

    // A poisoned lock guards nothing half done: the database is either there or not.
    fn slot(&self) -> RwLockReadGuard<'_, Slot> {
        self.slot.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot_mut(&self) -> RwLockWriteGuard<'_, Slot> {
        self.slot.write().unwrap_or_else(PoisonError::into_inner)
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
