//! The engine inside this process: redb, in one file or in memory.
//!
//! ```text
//! Embedded ─┬─ read, watch ──▶ Engine   keeps the database open; opens it again after an I/O error
//!           └─ writes ───────▶          one commit for all who wait: they share its fsync
//!                └─ apply                 what a commit does
//! layout   the tables, and the version of the file
//! ```

mod apply;
mod engine;
mod failure;
mod file;
mod layout;
mod read;
mod row;
mod watch;
mod writes;

use std::{path::Path, sync::Arc};

use futures::stream::BoxStream;
use proto::records::v1::Record;
use redb::Database;
use tokio::task::spawn_blocking;

use self::{
    engine::Engine,
    failure::Failure,
    writes::{Write, Writes, Written},
};
use super::{
    Address, Delete, Event, Listing, OpenError, OpenProblem, Page, Put, Storage, StorageError,
};

/// Keeps records in a file of this machine, which no other process can open meanwhile, or in memory.
///
/// An acknowledged write is on disk. Reads never wait for writes and see the last one committed. When a disk fails or is full, they wait
/// until the file is open again; a full disk is tried once a second at most, and less often when a large file takes long to open.
#[derive(Clone, Debug)]
pub struct Embedded {
    engine: Arc<Engine>,
    writes: Arc<Writes>,
}

// === impl Embedded ===

impl Embedded {
    /// Opens the file at `path`, and makes a new one where there is none. The last `history` changes are remembered, for those who watch
    /// them and for pages of lists.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong with the place and what to do about it.
    pub async fn open(path: &Path, history: u32) -> Result<Self, OpenError> {
        let file = path.to_owned();
        let engine = off_thread(move || Engine::in_file(file)).await;
        engine
            .map(|engine| Self::new(engine, history))
            .map_err(|problem| OpenError::new(&Address::Redb(path.to_owned()), problem))
    }

    /// Opens an empty store in memory, which ends with its last handle.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the engine fails.
    pub async fn in_memory(history: u32) -> Result<Self, OpenError> {
        let engine = off_thread(Engine::in_memory).await;
        engine
            .map(|engine| Self::new(engine, history))
            .map_err(|problem| OpenError::new(&Address::Memory, problem))
    }

    fn new(engine: Engine, history: u32) -> Self {
        let engine = Arc::new(engine);
        let writes = Arc::new(Writes::new(Arc::clone(&engine), history));
        Self { engine, writes }
    }

    async fn read<T: Send + 'static>(
        &self,
        operation: impl Fn(&Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StorageError> {
        let engine = Arc::clone(&self.engine);
        spawn_blocking(move || engine.read(operation))
            .await
            .unwrap_or(Err(Failure::Refused(StorageError::Stopping)))
            .map_err(StorageError::from)
    }
}

impl Storage for Embedded {
    async fn get(&self, key: &str) -> Result<Option<Record>, StorageError> {
        let at_once = self
            .engine
            .read_at_once(|database| read::get(database, key));
        if let Some(result) = at_once {
            return result.map_err(StorageError::from);
        }
        let key = key.to_owned();
        self.read(move |database| read::get(database, &key)).await
    }

    async fn list(&self, listing: Listing) -> Result<Page, StorageError> {
        self.read(move |database| read::list(database, &listing))
            .await
    }

    async fn put(&self, put: Put) -> Result<Record, StorageError> {
        match self.writes.write(Write::Put(put)).await? {
            Written::Put(record) => Ok(record),
            Written::Delete(_) => unreachable!("a put must be answered as one"),
        }
    }

    async fn delete(&self, delete: Delete) -> Result<Option<i64>, StorageError> {
        match self.writes.write(Write::Delete(delete)).await? {
            Written::Delete(revision) => Ok(revision),
            Written::Put(_) => unreachable!("a deletion must be answered as one"),
        }
    }

    async fn watch(
        &self,
        prefix: &str,
        start: i64,
    ) -> Result<BoxStream<'static, Result<Event, StorageError>>, StorageError> {
        watch::begin(self.clone(), prefix.to_owned(), start).await
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.read(|database| layout::Span::of(database).map(drop))
            .await
    }
}

async fn off_thread(
    open: impl FnOnce() -> Result<Engine, OpenProblem> + Send + 'static,
) -> Result<Engine, OpenProblem> {
    spawn_blocking(open)
        .await
        .unwrap_or_else(|error| Err(OpenProblem::Panicked(error.to_string())))
}

#[cfg(test)]
mod tests;
