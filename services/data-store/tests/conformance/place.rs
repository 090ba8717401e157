//! Where each engine keeps the records of one test.

use std::{fmt::Debug, future};

use data_store::{Address, Embedded, Etcd, Storage};
use tempfile::TempDir;

use crate::etcd_server::EtcdServer;

/// More changes than any claim makes, so that no claim outruns the history; what happens when it is outrun is claimed in `forgetting`.
const HISTORY: u32 = 1_000_000;

/// Somewhere to keep records that nobody else uses, and that goes when it goes.
pub(crate) trait Place: Debug + Sized + Send + Sync + 'static {
    /// The engine that keeps them.
    type Store: Storage;

    /// How many random sequences it is held to the model with.
    const SEQUENCES: u32;

    /// How many histories of concurrent clients are checked.
    const HISTORIES: usize;

    /// Makes an empty place.
    fn make() -> impl Future<Output = Self> + Send;

    /// Opens the store, once.
    fn open(&self) -> impl Future<Output = Self::Store> + Send;

    /// Makes another handle, as independent of the first as the engine has it.
    fn another(&self, store: &Self::Store) -> impl Future<Output = Self::Store> + Send {
        future::ready(store.clone())
    }

    /// Gives up the last handle and opens the store again, if the engine has it that records survive that.
    fn reopen(&self, store: Self::Store) -> impl Future<Output = Self::Store> + Send {
        future::ready(store)
    }
}

/// This process's memory.
#[derive(Debug)]
pub(crate) struct Memory;

/// A file.
#[derive(Debug)]
pub(crate) struct Redb {
    folder: TempDir,
}

/// An etcd of one's own.
#[derive(Debug)]
pub(crate) struct OwnEtcd {
    server: EtcdServer,
}

// === impl Memory ===

impl Place for Memory {
    type Store = Embedded;

    const SEQUENCES: u32 = 10_000;
    const HISTORIES: usize = 200;

    async fn make() -> Self {
        Self
    }

    async fn open(&self) -> Embedded {
        Embedded::in_memory(HISTORY).await.unwrap()
    }
}

// === impl Redb ===

impl Place for Redb {
    type Store = Embedded;

    const SEQUENCES: u32 = 10_000;
    const HISTORIES: usize = 200;

    async fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    async fn open(&self) -> Embedded {
        let path = self.folder.path().join("records.redb");
        Embedded::open(&path, HISTORY).await.unwrap()
    }

    async fn reopen(&self, store: Embedded) -> Embedded {
        drop(store);
        self.open().await
    }
}

// === impl OwnEtcd ===

impl Place for OwnEtcd {
    type Store = Etcd;

    // A tenth of the others': each operation is a call or more.
    const SEQUENCES: u32 = 1_000;
    const HISTORIES: usize = 20;

    async fn make() -> Self {
        let server = EtcdServer::start().await;
        Self { server }
    }

    async fn open(&self) -> Etcd {
        let Address::Etcd(address) = self.server.address("/conformance/") else {
            panic!("a server must have the address of one");
        };
        Etcd::open(&address).await.unwrap()
    }

    async fn another(&self, _store: &Etcd) -> Etcd {
        self.open().await
    }

    async fn reopen(&self, store: Etcd) -> Etcd {
        drop(store);
        self.open().await
    }
}
