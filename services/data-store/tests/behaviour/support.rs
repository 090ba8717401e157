use std::{
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use data_store::{Address, OpenError, Storage};
use proto::records::v1::Record;
use tempfile::TempDir;

/// A file that is removed with the folder it is in.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder().join("records.redb")
    }

    pub(crate) async fn open(&self) -> Result<Storage, OpenError> {
        open(&self.path()).await
    }
}

pub(crate) async fn open(path: &Path) -> Result<Storage, OpenError> {
    Storage::open(&Address::Redb(path.to_owned())).await
}

pub(crate) async fn mk_memory() -> Storage {
    Storage::open(&Address::Memory).await.unwrap()
}

pub(crate) async fn put(storage: &Storage, key: &str, value: impl Into<Vec<u8>>) -> Record {
    let value = value.into().into();
    storage
        .put(key, value, "text/plain", "somebody", UNIX_EPOCH)
        .await
        .unwrap()
}
