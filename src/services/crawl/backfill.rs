//! Brings up to date what was recorded before sellers were marked and cases were weighed, when a crawl starts.
//!
//! Each batch commits by itself: what is interrupted goes on with the next start, and nothing is done twice.

use tokio::sync::watch;

use crate::domain::listing::{self, Listing, Written};
use crate::ports::store::model::UnmarkedPost;
use crate::ports::store::{Store, StoreError};

/// Posts or cases of one transaction.
const BATCH: u32 = 200;

/// Marks sellers and weighs cases until nothing is left or `stop` turns true.
pub(super) async fn run(store: &Store, stop: &watch::Receiver<bool>) -> Result<(), StoreError> {
    let mut posts = 0;
    while !*stop.borrow() {
        let unmarked = store.unmarked_posts(BATCH).await?;
        if unmarked.is_empty() {
            break;
        }
        posts += unmarked.len();
        let read = tokio::task::spawn_blocking(|| unmarked.into_iter().map(read_again).collect::<Vec<_>>()).await;
        let Ok(read) = read else {
            tracing::error!("posts of an earlier version could not be read: the reader panicked");
            return Ok(());
        };
        store.mark_posts(&read).await?;
    }
    let mut cases = 0;
    while !*stop.borrow() {
        match store.weigh_unweighed(BATCH).await? {
            0 => break,
            weighed => cases += weighed,
        }
    }
    if posts + cases > 0 {
        tracing::info!(posts, cases, "marked the sellers and weighed the cases that an earlier version recorded");
    }
    Ok(())
}

/// How likely a post offers stays as it was recorded: cases and mails were made by it.
fn read_again(mut unmarked: UnmarkedPost) -> UnmarkedPost {
    let written = Written {
        title: &unmarked.title,
        text: unmarked.post.text.reveal(),
        board: &unmarked.board,
        ..Written::default()
    };
    let listing = listing::read(&written);
    unmarked.post.listing = Listing { sale: unmarked.post.listing.sale, ..listing };
    unmarked
}
