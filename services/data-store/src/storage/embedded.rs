use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use proto::records::v1::Record;
use redb::Database;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    Address, OpenError, OpenProblem, Page, PageLimits, StorageError,
    engine::Engine,
    tables::{self, Write},
};

/// Keeps records. A clone is another handle on the same store.
///
/// An acknowledged write is on disk. Writes are committed one at a time in the order in which they were asked for; reads never wait for
/// them and see the last one committed. The records' rules are not checked here.
///
/// # Cancel safety
///
/// A write whose future is dropped happens whole or not at all.
#[derive(Clone, Debug)]
pub struct Storage {
    engine: Arc<Engine>,
    /// The turn to write, held by the blocking task: writers that wait occupy no thread.
    turn: Arc<Semaphore>,
}

// === impl Storage ===

impl Storage {
    /// Opens the store, and makes a new one where there is none.
    ///
    /// The whole file is read and checked, which takes as long as it is big.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong with the place and what to do about it.
    pub async fn open(address: &Address) -> Result<Self, OpenError> {
        let opened = address.clone();
        let engine = spawn_blocking(move || Engine::open(&opened))
            .await
            .unwrap_or_else(|error| {
                let problem = OpenProblem::Panicked(error.to_string());
                Err(OpenError::new(address, problem))
            })?;
        Ok(Self::new(engine))
    }

    fn new(engine: Engine) -> Self {
        Self {
            engine: Arc::new(engine),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Reads one record.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when the engine fails.
    pub async fn get(&self, key: &str) -> Result<Option<Record>, StorageError> {
        let key = key.to_owned();
        self.read(move |database| tables::get(database, &key)).await
    }

    /// Reads records in the byte order of their keys: those that start with `prefix` and, if given, come after the key `after`.
    ///
    /// One page is one snapshot; the next page sees what was written in between.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when the engine fails.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limits: PageLimits,
    ) -> Result<Page, StorageError> {
        let prefix = prefix.to_owned();
        let after = after.map(str::to_owned);
        self.read(move |database| tables::list(database, &prefix, after.as_deref(), limits))
            .await
    }

    /// Creates or replaces a record and answers what is stored now.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when the engine fails; the previous record is not lost.
    pub async fn put(
        &self,
        key: &str,
        value: Bytes,
        content_type: &str,
        updated_by: &str,
        now: SystemTime,
    ) -> Result<Record, StorageError> {
        let write = Write {
            key: key.to_owned(),
            value,
            content_type: content_type.to_owned(),
            updated_by: updated_by.to_owned(),
            now,
        };
        self.write(move |database| tables::put(database, write))
            .await
    }

    /// Deletes a record and answers the revision of the deletion; nothing when there was none, which takes no revision.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when the engine fails; the record is not lost.
    pub async fn delete(&self, key: &str) -> Result<Option<i64>, StorageError> {
        let key = key.to_owned();
        self.write(move |database| tables::delete(database, &key))
            .await
    }

    async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StorageError> {
        let engine = Arc::clone(&self.engine);
        spawn_blocking(move || engine.run(operation))
            .await
            .unwrap_or(Err(StorageError::Stopping))
    }

    async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StorageError> {
        let turn = Arc::clone(&self.turn)
            .acquire_owned()
            .await
            .expect("the turn must never be closed");
        let engine = Arc::clone(&self.engine);
        // From here on the write happens, whether or not anybody waits for it.
        spawn_blocking(move || {
            let _turn = turn;
            engine.run(operation)
        })
        .await
        .unwrap_or(Err(StorageError::Stopping))
    }
}

#[cfg(test)]
mod tests;
