//! The engine of many machines: etcd, spoken to with tonic.
//!
//! ```text
//! Etcd ─┬─ read                  pages in chunks that fit in memory
//!       ├─ write ── birth        one transaction each, on what is remembered of the record
//!       ├─ watch ── position     goes on at another member, without gap or repetition
//!       └──▶ client              one call: deadline, which member, once more or not
//!              ├─ members          the connections
//!              ├─ login            the token
//!              └─ fault            what an error means
//! address, connect   what was given, and the files it names
//! keys, row          what we are to etcd
//! ```

mod address;
mod birth;
mod client;
mod connect;
mod fault;
mod keys;
mod login;
mod members;
mod read;
mod row;
mod watch;
mod write;

use std::sync::Arc;

use futures::stream::BoxStream;
use proto::{etcd::ResponseHeader, records::v1::Record};

pub use self::address::EtcdAddress;
pub(super) use self::address::EtcdAddressError;
use self::{birth::Births, client::Client, keys::Keys, login::Login, members::Members};
use super::{Address, Delete, Event, Listing, OpenError, Page, Put, Storage, StorageError};

/// Keeps records in an etcd, below a prefix, beside those of others.
///
/// An acknowledged write is on the disks of most members. Every read is of what they agree on. One member is asked until it fails; a call
/// that it did not begin goes to the next, as does a read. A write that may have begun is never sent again: it is unavailable.
///
/// etcd decides how much history is remembered: it is compacted from outside.
#[derive(Clone, Debug)]
pub struct Etcd {
    inner: Arc<Inner>,
}

/// What the handles share.
#[derive(Debug)]
struct Inner {
    client: Client,
    keys: Keys,
    births: Births,
}

// === impl Etcd ===

impl Etcd {
    /// Reads the files that the address names. It connects when it is first used, and asks nobody before.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the file that is missing or is no certificate.
    pub async fn open(address: &EtcdAddress) -> Result<Self, OpenError> {
        let endpoints = connect::endpoints(address)
            .await
            .map_err(|problem| OpenError::new(&Address::Etcd(address.clone()), problem))?;
        if address.user.is_some() && address.tls.is_none() {
            tracing::warn!(%address, "Without TLS the password of etcd can be read on its way");
        }
        let login = address.user.clone().map(Login::new);
        Ok(Self {
            inner: Arc::new(Inner {
                client: Client::new(Members::new(endpoints), login),
                keys: Keys::new(&address.prefix),
                births: Births::new(),
            }),
        })
    }
}

impl Storage for Etcd {
    async fn get(&self, key: &str) -> Result<Option<Record>, StorageError> {
        self.inner.read(key).await
    }

    async fn list(&self, listing: Listing) -> Result<Page, StorageError> {
        self.inner.page(listing).await
    }

    async fn put(&self, put: Put) -> Result<Record, StorageError> {
        self.inner.write(put).await
    }

    async fn delete(&self, delete: Delete) -> Result<Option<i64>, StorageError> {
        self.inner.erase(delete).await
    }

    async fn watch(
        &self,
        prefix: &str,
        start: i64,
    ) -> Result<BoxStream<'static, Result<Event, StorageError>>, StorageError> {
        watch::begin(Arc::clone(&self.inner), prefix, start).await
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.inner.stand(None).await.map(drop)
    }
}

/// The revision that an answer tells.
fn revision(header: Option<&ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}
