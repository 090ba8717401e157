//! What the benchmark of the storage counts with.

#[path = "../../tests/support/etcd.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is made for tests"
)]
pub(crate) mod etcd_server;

#[path = "../support/figures.rs"]
mod figures;

use std::{error::Error, io, time::UNIX_EPOCH};

use data_store::{Listing, Page, PageLimits, Put, Storage, StorageError};

pub(crate) use self::figures::{ratios, spread};

pub(crate) type AnyError = Box<dyn Error + Send + Sync>;

pub(crate) fn mk_put(key: &str, value: Vec<u8>) -> Put {
    Put {
        key: key.to_owned(),
        value: value.into(),
        content_type: "text/plain".to_owned(),
        updated_by: "system:serviceaccount:api:api".to_owned(),
        now: UNIX_EPOCH,
        expected: None,
    }
}

pub(crate) async fn list<S: Storage>(
    storage: &S,
    prefix: &str,
    records: usize,
) -> Result<Page, StorageError> {
    let listing = Listing {
        prefix: prefix.to_owned(),
        after: None,
        at: None,
        limits: PageLimits {
            records,
            bytes: usize::MAX,
        },
    };
    storage.list(listing).await
}

/// How many bytes of memory this process has.
pub(crate) fn resident() -> io::Result<f64> {
    figures::memory("self", "VmRSS")
}
