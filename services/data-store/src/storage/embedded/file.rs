use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

use super::OpenProblem;

/// Opens a file for the engine, readable by this process's user alone when it is new.
///
/// A file that may be new is made durable in its folder too: without it, a power cut could take the file away with every record in it.
pub(super) fn open(path: &Path, create: bool) -> Result<File, OpenProblem> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .open(path)
        .map_err(|error| problem(path, create, error))?;
    if !file.metadata().map_err(OpenProblem::Io)?.is_file() {
        return Err(OpenProblem::NotAFile);
    }
    if create {
        File::open(folder_of(path))
            .and_then(|folder| folder.sync_all())
            .map_err(OpenProblem::Io)?;
    }
    Ok(file)
}

fn problem(path: &Path, create: bool, error: io::Error) -> OpenProblem {
    let folder = folder_of(path);
    match error.kind() {
        io::ErrorKind::NotFound if create || !folder.exists() => {
            OpenProblem::FolderMissing(folder.to_owned())
        }
        io::ErrorKind::NotFound => OpenProblem::FileMissing,
        io::ErrorKind::NotADirectory => OpenProblem::NotAFolder(folder.to_owned()),
        io::ErrorKind::IsADirectory => OpenProblem::NotAFile,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenProblem::PermissionDenied(error)
        }
        _ => OpenProblem::Io(error),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::{io, path::Path};

    use super::problem;
    use crate::storage::OpenProblem;

    // Asked of the mapping: a test that runs as root is denied nothing.
    #[test]
    fn a_denied_or_read_only_place_is_a_denied_permission() {
        for kind in [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::ReadOnlyFilesystem,
        ] {
            let problem = problem(Path::new("/a/file"), true, kind.into());

            assert!(
                matches!(problem, OpenProblem::PermissionDenied(_)),
                "{problem}"
            );
        }
    }
}
