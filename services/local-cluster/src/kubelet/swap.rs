//! Writes a volume the way the kubelet does, so that a reader sees all of the old files or all of the new.
//!
//! ```text
//! tokens/..2026_11_23_17_27_20.3141592653/api-token     the content, in a folder of its own
//! tokens/..data -> ..2026_11_23_17_27_20.3141592653     swapped by one rename
//! tokens/api-token -> ..data/api-token                  never changes
//! ```
//!
//! As with the kubelet, a reader that has followed `..data` and then dawdles may find the old folder gone: it opens again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use crate::files::{FileError, make_folder, remove_if_there, write_new};

const DATA: &str = "..data";
const DRAFT: &str = "..data_tmp";

/// Content by path in the volume.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Writes `files` into `volume` in place of what is there. `stamp` is an RFC 3339 time.
pub(super) fn write(volume: &Path, files: &Files, stamp: &str) -> Result<(), FileError> {
    make_folder(volume)?;
    let random = uuid::Uuid::new_v4().as_u128() % 10_u128.pow(10);
    let stamp = stamp.trim_end_matches('Z').replace(['-', 'T', ':'], "_");
    let name = format!("..{stamp}.{random}");
    let folder = volume.join(&name);
    for (path, content) in files {
        let path = folder.join(path);
        make_folder(path.parent().unwrap_or(&folder))?;
        write_new(&path, content)?;
    }
    let draft = volume.join(DRAFT);
    remove_if_there(&draft)?;
    link(Path::new(&name), &draft)?;
    let data = volume.join(DATA);
    fs::rename(&draft, &data).map_err(FileError::new("replace", &data))?;

    let visible: BTreeSet<_> = files
        .keys()
        .filter_map(|path| path.split('/').next())
        .collect();
    for entry in &visible {
        let link_path = volume.join(entry);
        if fs::symlink_metadata(&link_path).is_err() {
            link(&Path::new(DATA).join(entry), &link_path)?;
        }
    }
    for entry in entries(volume)? {
        let entry_name = entry.file_name().unwrap_or_default().to_string_lossy();
        if entry_name.starts_with("..") {
            // Everything but what `..data` leads to: the last content, and what a crash left behind.
            if entry_name != DATA && entry_name != name {
                fs::remove_dir_all(&entry).map_err(FileError::new("remove", &entry))?;
            }
        } else if !visible.contains(&*entry_name) {
            remove_if_there(&entry)?;
        }
    }
    Ok(())
}

/// Removes a volume, and the folders above it that it leaves empty, up to `pods`.
pub(super) fn remove(volume: &Path, pods: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(volume) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(FileError::new("remove", volume)(error));
        }
        _ => {}
    }
    for folder in volume
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != pods)
    {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

/// Removes what an earlier run left for pods that are no more. What does not look like a volume is left alone.
pub(super) fn remove_orphans(
    pods: &Path,
    is_known: impl Fn(&str, &str) -> bool,
) -> Result<(), FileError> {
    make_folder(pods)?;
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    for namespace in folders(pods)? {
        for pod in folders(&namespace)? {
            if is_known(&name(&namespace), &name(&pod)) {
                continue;
            }
            for volume in folders(&pod)? {
                if volume.join(DATA).is_symlink() {
                    remove(&volume, pods)?;
                }
            }
        }
    }
    Ok(())
}

fn link(target: &Path, path: &Path) -> Result<(), FileError> {
    symlink(target, path).map_err(FileError::new("link", path))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(FileError::new("list", folder))
}

/// Real folders only: a link may lead anywhere.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut entries = entries(folder)?;
    entries.retain(|entry| entry.is_dir() && !entry.is_symlink());
    Ok(entries)
}
