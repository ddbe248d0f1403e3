//! Keeps a crawl from filling its disk: nothing new is begun when too little room is left to keep what it would bring.
//!
//! What is in flight may end: the room that is left is for that. Not here: the warning long before (`domain::health`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::ports::disk::{self, Room};

/// Share of the disk that is left free, one in so many parts.
const SHARE: u64 = 50;
/// At least so much is left free, however small the disk is.
const LEAST_BYTES: u64 = 2 << 20;
/// And so much is enough, however large: some large attachments at once, and the database's own journal.
const AMPLE_BYTES: u64 = 256 << 20;

/// With a budget, files are counted no more often than this, and than so many times the time it takes.
const COUNT_EVERY: Duration = Duration::from_millis(500);
const COUNT_SHARE: u32 = 20;

/// Looks after the room on one disk.
#[derive(Debug)]
pub(super) struct Guard {
    folder: Option<PathBuf>,
    budget_bytes: Option<u64>,
    /// What was counted last, and until when that is good enough.
    counted: Option<(Instant, Room)>,
    was_full: bool,
}

impl Guard {
    /// Guards the disk of a folder, which may take no more than a budget; without a folder, nothing is guarded.
    pub(super) const fn new(folder: Option<PathBuf>, budget_bytes: Option<u64>) -> Self {
        Self { folder, budget_bytes, counted: None, was_full: false }
    }

    /// Returns in words how little room is left, if it is too little. A disk that cannot be asked has room.
    pub(super) async fn shortage(&mut self) -> Option<String> {
        let folder = self.folder.clone()?;
        let room = self.room(&folder).await?;
        let is_full = room.free_bytes < floor(room.size_bytes);
        let said = format!("{:.1} MiB are left in {}", mebibytes(room.free_bytes), folder.display());
        match (self.was_full, is_full) {
            (false, true) => {
                tracing::error!("the disk is nearly full ({said}); nothing new is begun until there is room");
            }
            (true, false) => tracing::info!("there is room again ({said}); going on"),
            (true, true) | (false, false) => {}
        }
        self.was_full = is_full;
        is_full.then_some(said)
    }

    async fn room(&mut self, folder: &Path) -> Option<Room> {
        if self.budget_bytes.is_none() {
            return disk::room(folder).ok();
        }
        if let Some((_, room)) = self.counted.filter(|(until, _)| Instant::now() < *until) {
            return Some(room);
        }
        let (folder, budget, began_at) = (folder.to_owned(), self.budget_bytes, Instant::now());
        let counted = tokio::task::spawn_blocking(move || disk::room_within(&folder, budget)).await;
        let room = counted.ok()?.ok()?;
        self.counted = Some((Instant::now() + COUNT_EVERY.max(began_at.elapsed() * COUNT_SHARE), room));
        Some(room)
    }
}

fn floor(size_bytes: u64) -> u64 {
    (size_bytes / SHARE).clamp(LEAST_BYTES, AMPLE_BYTES)
}

fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_left_free_within_bounds() {
        for (size, left) in [(16 << 20, 2 << 20), (1 << 30, (1 << 30) / 50), (4 << 40, 256 << 20)] {
            assert_eq!(floor(size), left);
        }
    }

    #[tokio::test]
    async fn without_a_folder_or_a_disk_there_is_room_and_a_budget_is_kept() {
        assert_eq!(Guard::new(None, Some(1)).shortage().await, None);
        assert_eq!(Guard::new(Some(PathBuf::from("/nowhere/at/all")), None).shortage().await, None);
        let folder = tempfile::tempdir().unwrap();
        let budget = |bytes: u64| Guard::new(Some(folder.path().to_owned()), Some(bytes));
        assert_eq!(budget(5 << 20).shortage().await, None);
        assert!(budget(1 << 20).shortage().await.unwrap().contains("1.0 MiB"));
    }
}
