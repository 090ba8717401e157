//! What is kept: records under keys, in one of two engines that promise the same.
//!
//! ```text
//! Address ─▶ Embedded   one file, or this process's memory: redb, concurrent writes sharing an fsync
//!         └▶ Etcd       one machine or many: etcd, spoken to with tonic
//! ```
//!
//! What they promise is said at [`Storage`], and `tests/conformance` holds both to it.

mod address;
mod embedded;
mod error;
mod etcd;
mod event;
mod page;

use std::{fmt, time::SystemTime};

use bytes::Bytes;
use futures::stream::BoxStream;
use proto::records::v1::Record;

pub use address::{Address, AddressError};
pub use embedded::Embedded;
pub use error::{OpenError, OpenProblem, StorageError};
pub use etcd::{Etcd, EtcdAddress};
pub use event::Event;
pub use page::{Listing, Page, PageLimits};

/// Keeps records. A clone is another handle on the same store.
///
/// Every write takes a revision above all before it, of whatever record. An acknowledged write is durable. Reads see every write that was
/// acknowledged before they began, through whatever handle or process on the same store. Keys are ordered by their bytes.
///
/// The rules of the contract for keys, values and numbers are not checked here: they hold already.
///
/// # Cancel safety
///
/// A write whose future is dropped happens whole or not at all.
pub trait Storage: Clone + fmt::Debug + Send + Sync + 'static {
    /// Reads one record.
    ///
    /// # Errors
    ///
    /// [`StorageError::Damaged`], [`StorageError::Unavailable`].
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Record>, StorageError>> + Send;

    /// Reads records in the byte order of their keys, as they were at one revision.
    ///
    /// # Errors
    ///
    /// [`StorageError::HistoryGone`] and [`StorageError::Ahead`] when the store does not remember that revision, or has not come to it;
    /// those of [`Storage::get`].
    fn list(&self, listing: Listing) -> impl Future<Output = Result<Page, StorageError>> + Send;

    /// Creates or replaces a record and answers what is stored now.
    ///
    /// # Errors
    ///
    /// [`StorageError::Differs`] when the record is not at the expected revision; [`StorageError::Full`], [`StorageError::TooLarge`];
    /// [`StorageError::Unavailable`], after which the write may have happened, or may still happen, but once at most.
    fn put(&self, put: Put) -> impl Future<Output = Result<Record, StorageError>> + Send;

    /// Deletes a record and answers the revision of the deletion; nothing when there was none, which takes no revision.
    ///
    /// # Errors
    ///
    /// As [`Storage::put`].
    fn delete(
        &self,
        delete: Delete,
    ) -> impl Future<Output = Result<Option<i64>, StorageError>> + Send;

    /// Tells each change of a key that starts with `prefix`, once and in order, from the revision `start` on, or from now on when that is 0.
    ///
    /// The stream begins with a bookmark and ends with its first error only. It holds a bounded number of changes in memory however
    /// slowly it is read; who falls behind the history gets [`StorageError::HistoryGone`].
    ///
    /// # Errors
    ///
    /// [`StorageError::HistoryGone`], [`StorageError::Ahead`], [`StorageError::Unavailable`], from here or as the first item.
    fn watch(
        &self,
        prefix: &str,
        start: i64,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<Event, StorageError>>, StorageError>> + Send;

    /// Asks whether records can be read.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`].
    fn check(&self) -> impl Future<Output = Result<(), StorageError>> + Send;
}

/// A record to be written; the rest of it is the store's to say.
#[derive(Clone, Debug)]
pub struct Put {
    /// Its name.
    pub key: String,
    /// Its new value.
    pub value: Bytes,
    /// The media type of the value.
    pub content_type: String,
    /// The username that was proven for the writer.
    pub updated_by: String,
    /// The time of the write.
    pub now: SystemTime,
    /// The revision to replace: 0 when there must be none, nothing for whatever is there.
    pub expected: Option<i64>,
}

/// A record to be deleted.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Its name.
    pub key: String,
    /// The revision to delete: 0 when there must be none, nothing for whatever is there.
    pub expected: Option<i64>,
}
