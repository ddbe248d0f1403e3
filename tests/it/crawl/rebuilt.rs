//! Boards of engines that were rebuilt by hand, played back: they have no start page, so each board is crawled by itself.

use std::collections::BTreeMap;

use dyepack::ports::store::model::PostRow;
use jiff::{SignedDuration, Timestamp};

use super::Scene;
use super::replay::{Replay, squeeze};

/// Crawls a set; posts, authors, times and texts must be right in 95 of 100.
async fn crawl_and_compare(set: &str) {
    let folder = tempfile::tempdir().unwrap();
    let Some(replay) = Replay::start(set, &[], folder.path()) else { return };
    let mut rows: BTreeMap<String, PostRow> = BTreeMap::new();
    for board in replay.board_urls() {
        let scene = Scene::new().await;
        scene.ports.store.replace_watchlist(&replay.watchlist(), scene.ports.clock.now()).await.unwrap();
        let source = scene.add_source(&board).await;
        scene.crawl().await;
        rows.extend(scene.posts(&source).await.into_iter().map(|row| (row.post.clone(), row)));
    }
    let made: Timestamp = replay.truth["content_made_utc"].as_str().unwrap().parse().unwrap();
    let (mut right, mut all) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    let mut note = |what: &'static str, is_right: bool| {
        *all.entry(what).or_default() += 1;
        *right.entry(what).or_default() += usize::from(is_right);
    };
    for (id, post) in replay.public_posts() {
        let row = rows.get(&id);
        note("posts", row.is_some());
        let Some(row) = row else { continue };
        note("threads", row.thread == post.thread);
        note("authors", row.author.as_deref() == Some(post.author.as_str()));
        // Pages say "today" of the day on which they were made, whenever they are played back.
        if made.duration_since(post.posted_at) > SignedDuration::from_hours(48) {
            note("times", row.posted_at.map(|at| at.as_second() / 60) == Some(post.posted_at.as_second() / 60));
        }
        note("texts", post.text.is_none_or(|text| squeeze(row.text.reveal()) == text));
    }
    eprintln!(
        "{set}: {right:?} of {all:?}; {} requests for {} needed pages",
        replay.requests().len(),
        replay.needed_pages()
    );
    for (what, count) in all {
        assert!(right[what] * 100 >= count * 95, "{set}: {what} {} of {count}", right[what]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_xenforo_board_is_crawled_whole() {
    crawl_and_compare("reconstructed-xenforo").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vbulletin_board_is_crawled_whole() {
    crawl_and_compare("reconstructed-vbulletin3").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invision_board_is_crawled_whole() {
    crawl_and_compare("reconstructed-ips4").await;
}
