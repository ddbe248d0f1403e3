//! Files that hold a secret: readable by their owner only, whole or not at all, never overwritten by accident.
#![expect(clippy::disallowed_methods, reason = "the key files are opened here and nowhere else")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::{SealError, hex};

/// What tells one state of a file from another: its inode, length and time of change.
pub(super) type Mark = (u64, u64, i64, i64);

/// Returns the mark of a file; `None` if it cannot be looked at.
pub(super) fn mark(path: &Path) -> Option<Mark> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Reads a secret file; `None` if there is none.
///
/// # Errors
/// `Exposed` if others may read it, `NotAKey` if it is no text, `File` if it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<String>, SealError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
            return Err(SealError::NotAKey { path: path.to_owned() });
        }
        Err(cause) => return Err(SealError::File { path: path.to_owned(), cause }),
    };
    let metadata = fs::metadata(path).map_err(|cause| SealError::File { path: path.to_owned(), cause })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SealError::Exposed { path: path.to_owned(), mode });
    }
    Ok(Some(text))
}

/// Writes a new secret file beside its place and links it there, so that a crash leaves no half file and, of two processes
/// that start together, the slower finds the file of the faster; missing folders are made. One that is there stays.
///
/// # Errors
/// `File` if it cannot be made, `Chance` if there is no randomness for a name.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), SealError> {
    let wrap = |cause| SealError::File { path: path.to_owned(), cause };
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(wrap)?;
    let beside = folder.join(format!(".key-{}", hex(&chance()?)));
    let written = write_new(&beside, text)
        .and_then(|()| fs::hard_link(&beside, path))
        .and_then(|()| File::open(folder)?.sync_all());
    let removed = fs::remove_file(&beside);
    match written {
        Ok(()) => removed.map_err(wrap),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(wrap(cause)),
    }
}

/// Puts a new text in the place of a secret file: a crash leaves the old one or the new one.
///
/// # Errors
/// As [`create`].
pub(super) fn replace(path: &Path, text: &str) -> Result<(), SealError> {
    let wrap = |cause| SealError::File { path: path.to_owned(), cause };
    let folder = folder_of(path);
    let beside = folder.join(format!(".key-{}", hex(&chance()?)));
    write_new(&beside, text)
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(wrap)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn chance() -> Result<[u8; 8], SealError> {
    let mut chance = [0_u8; 8];
    getrandom::fill(&mut chance).map_err(|_| SealError::Chance)?;
    Ok(chance)
}

pub(super) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
