//! Files and folders nobody else on the machine may read.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Something could not be done with a file, and with which.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path:?}")]
pub struct FileError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

// === impl FileError ===

impl FileError {
    /// For `map_err`: says what was tried with which file.
    pub(crate) fn new(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { what, path, source }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a folder of mode 0700, and those above it. One that exists keeps its mode.
pub(crate) fn make_folder(path: &Path) -> Result<(), FileError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(FileError::new("make the folder", path))
}

/// Writes a new file of mode 0600.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content));
    written.map_err(FileError::new("write", path))
}

/// Writes a file of mode 0600 so that readers see the old content or the new, never half of it.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".tmp");
    let draft = PathBuf::from(draft);
    remove_if_there(&draft)?;
    write_new(&draft, content)?;
    fs::rename(&draft, path).map_err(FileError::new("replace", path))
}

/// Reads a text file; `None` when there is none.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, FileError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("read", path)(error)),
    }
}

/// Removes a file or a link.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Does slow or blocking work off the async threads. When dropped, the work is done all the same.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("work off the async threads must not panic")
}
