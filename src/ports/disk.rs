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
}
