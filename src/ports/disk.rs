//! How much room there is where things are kept.

use std::io;
use std::path::Path;

/// Bytes on the file system that holds a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be written by us.
    pub free_bytes: u64,
    /// Bytes in all.
    pub size_bytes: u64,
}

/// Returns the room for a folder that may take no more than a budget; that of its file system if that is less. Costs a look at
/// every file in it, if there is a budget.
///
/// # Errors
/// What the operating system says, for instance that there is no such folder.
pub fn room_within(folder: &Path, budget_bytes: Option<u64>) -> io::Result<Room> {
    let disk = room(folder)?;
    let Some(budget) = budget_bytes else { return Ok(disk) };
    let left = budget.saturating_sub(used(folder)?);
    Ok(Room { free_bytes: disk.free_bytes.min(left), size_bytes: disk.size_bytes.min(budget) })
}

/// Adds up what the files in a folder take; what goes away meanwhile takes nothing.
fn used(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let Ok(entry) = entry else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { used(&entry.path()).unwrap_or(0) } else { metadata.len() };
    }
    Ok(bytes)
}

/// Returns the room on the file system that holds `folder`.
///
/// # Errors
/// What the operating system says, for instance that there is no such folder.
pub fn room(folder: &Path) -> io::Result<Room> {
    let told = rustix::fs::statvfs(folder)?;
    let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
    Ok(Room { free_bytes: bytes(told.f_bavail), size_bytes: bytes(told.f_blocks) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lies_on_a_disk_with_room_and_a_missing_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let found = room(folder.path()).unwrap();
        assert!(found.size_bytes > 0 && found.free_bytes <= found.size_bytes, "{found:?}");
        assert!(room(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn a_budget_is_used_up_by_what_lies_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("evidence/ab");
        std::fs::create_dir_all(&inner).unwrap();
        let kept = tempfile::NamedTempFile::new_in(&inner).unwrap().keep().unwrap();
        kept.0.set_len(3000).unwrap();
        let left = |budget| room_within(folder.path(), Some(budget)).unwrap();
        assert_eq!(left(10_000), Room { free_bytes: 7_000, size_bytes: 10_000 });
        assert_eq!(left(2_000).free_bytes, 0);
        assert_eq!(room_within(folder.path(), None).unwrap().size_bytes, room(folder.path()).unwrap().size_bytes);
    }
}
