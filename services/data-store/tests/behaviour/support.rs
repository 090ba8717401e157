use std::{
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use data_store::{Embedded, OpenError, Put, Storage as _};
use proto::records::v1::Record;
use tempfile::TempDir;

const HISTORY: u32 = 10_000;

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

    pub(crate) async fn open(&self) -> Result<Embedded, OpenError> {
        open(&self.path()).await
    }
}

pub(crate) async fn open(path: &Path) -> Result<Embedded, OpenError> {
    Embedded::open(path, HISTORY).await
}

pub(crate) async fn put(storage: &Embedded, key: &str, value: impl Into<Vec<u8>>) -> Record {
    let put = Put {
        key: key.to_owned(),
        value: value.into().into(),
        content_type: "text/plain".to_owned(),
        updated_by: "somebody".to_owned(),
        now: UNIX_EPOCH,
        expected: None,
    };
    storage.put(put).await.unwrap()
}
