//! The whole crawl: real captured forums, with and without faults, and a small forum of our own that misbehaves.
#![expect(clippy::print_stderr, reason = "the figures of a crawl are told to whoever runs the tests")]

mod completeness;
mod loops;
mod manners;
mod rebuilt;
mod replay;
mod sessions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use dyepack::domain::source::{Source, SourceId};
use dyepack::ports::clock::Clock;
use dyepack::ports::evidence::Evidence;
use dyepack::ports::fetch::{FetchOptions, Fetcher};
use dyepack::ports::sandbox::{Allowance, Sandbox};
use dyepack::ports::seal::Seal;
use dyepack::ports::store::Store;
use dyepack::ports::store::model::{HitFilter, HitRow, PostRow, RecordPolicy};
use dyepack::ports::vault::Vault;
use dyepack::services::crawl::{self, CrawlOptions, Ports, Summary, Until};
use tempfile::TempDir;
use tokio::sync::watch;

use replay::{Replay, squeeze};

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_dyepack").into(), Allowance::of_attachments())
}

/// A store in a temporary folder and what a crawl needs beside it.
pub(crate) struct Scene {
    folder: TempDir,
    pub(crate) ports: Ports,
}

impl Scene {
    async fn new() -> Self {
        Self::with(&Fetcher::new(FetchOptions::default(), Clock::system())).await
    }

    /// A scene whose pages come by this fetcher.
    pub(crate) async fn with(fetcher: &Fetcher) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("dyepack.db").display());
        let store = Store::open(&url, Seal::from_key(&[7; 32])).await.unwrap();
        let clock = Clock::system();
        let fetcher = fetcher.clone();
        let evidence = Evidence::new(folder.path(), Seal::from_key(&[7; 32]));
        Self { folder, ports: Ports { store, vault: Vault::default(), fetcher, evidence, sandbox: sandbox(), clock } }
    }

    async fn add_source(&self, url: &str) -> SourceId {
        let source = Source::from_url(url).unwrap();
        self.ports.store.add_source(&source, self.ports.clock.now()).await.unwrap();
        source.id
    }

    /// Adds a source that is read as a member.
    async fn add_member(&self, url: &str, login: &Path) -> SourceId {
        let mut source = Source::from_url(url).unwrap();
        source.settings.login = Some(login.to_owned());
        self.add(&source).await
    }

    async fn add(&self, source: &Source) -> SourceId {
        self.ports.store.add_source(source, self.ports.clock.now()).await.unwrap();
        source.id.clone()
    }

    /// The same store as another process would open it, with a fetcher that has no cookies yet.
    async fn again(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", self.folder.path().join("dyepack.db").display());
        let store = Store::open(&url, Seal::from_key(&[7; 32])).await.unwrap();
        let fetcher = Fetcher::new(FetchOptions::default(), self.ports.clock.clone());
        Self { folder, ports: Ports { store, fetcher, ..self.ports.clone() } }
    }

    /// The same store forty days later: everything is due again.
    pub(crate) fn later(&self, options: FetchOptions) -> Self {
        let clock = Clock::shifted_to(self.ports.clock.now() + jiff::SignedDuration::from_hours(24 * 40));
        let fetcher = Fetcher::new(options, clock.clone());
        Self { folder: tempfile::tempdir().unwrap(), ports: Ports { fetcher, clock, ..self.ports.clone() } }
    }

    pub(crate) async fn crawl(&self) -> Summary {
        self.crawl_with_patience(CrawlOptions::PATIENCE).await
    }

    pub(crate) async fn crawl_with_patience(&self, patience: Duration) -> Summary {
        let options = CrawlOptions { until: Until::NothingDue { patience }, ..options() };
        let (_stop, stopped) = watch::channel(false);
        crawl::run(self.ports.clone(), options, stopped).await.unwrap()
    }

    pub(crate) async fn posts(&self, source: &SourceId) -> Vec<PostRow> {
        self.ports.store.posts(source).await.unwrap()
    }

    async fn hits(&self) -> Vec<HitRow> {
        self.ports.store.hits(&HitFilter::default()).await.unwrap()
    }
}

fn options() -> CrawlOptions {
    CrawlOptions::new("test", RecordPolicy { settle: Duration::ZERO })
}

/// Crawls a set and checks everything that must be on record; returns the scene for more.
async fn crawl_and_check(set: &str, faults: &[&str]) -> Option<(Scene, Replay, SourceId)> {
    let scene = Scene::new().await;
    let replay = Replay::start(set, faults, scene.folder.path())?;
    scene.ports.store.replace_watchlist(&replay.watchlist(), scene.ports.clock.now()).await.unwrap();
    let source = scene.add_source(&replay.base).await;
    let summary = scene.crawl().await;
    eprintln!("{set} {faults:?}: {summary:?}");
    check_posts(&replay, &scene.posts(&source).await);
    check_hits(&replay, &scene.hits().await);
    Some((scene, replay, source))
}

fn check_posts(replay: &Replay, rows: &[PostRow]) {
    let expected = replay.public_posts();
    let mut found: BTreeMap<&str, &PostRow> = BTreeMap::new();
    for row in rows {
        assert!(found.insert(&row.post, row).is_none(), "post {} is stored twice", row.post);
    }
    let mut wrong = Vec::new();
    for (id, post) in &expected {
        let Some(row) = found.get(id.as_str()) else {
            wrong.push(format!("{id}: missing"));
            continue;
        };
        if row.thread != post.thread {
            wrong.push(format!("{id}: thread {} is not {}", row.thread, post.thread));
        }
        if row.author.as_deref() != Some(post.author.as_str()) {
            wrong.push(format!("{id}: author {:?} is not {:?}", row.author, post.author));
        }
        if row.posted_at.map(|at| at.as_second() / 60) != Some(post.posted_at.as_second() / 60) {
            wrong.push(format!("{id}: time {:?} is not {}", row.posted_at, post.posted_at));
        }
        if post.text.as_ref().is_some_and(|text| squeeze(row.text.reveal()) != *text) {
            wrong.push(format!("{id}: text\n  {:?}\n  {:?}", squeeze(row.text.reveal()), post.text));
        }
    }
    let threads: BTreeSet<&str> = rows.iter().map(|row| row.thread.as_str()).collect();
    for (thread, truth) in replay.public_threads() {
        if !threads.contains(thread.as_str()) {
            wrong.push(format!("thread {thread} is missing"));
        }
        let title = rows.iter().find(|row| row.thread == thread).and_then(|row| row.thread_title.clone());
        if title.as_deref() != truth["title"].as_str() {
            wrong.push(format!("thread {thread}: title {title:?} is not {}", truth["title"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} posts are wrong:\n{}", wrong.len(), expected.len(), first_lines(&wrong));
    let unexpected: Vec<&&str> = found.keys().filter(|id| !expected.contains_key(**id)).collect();
    assert!(unexpected.is_empty(), "posts that are not there: {unexpected:?}");
}

fn first_lines(lines: &[String]) -> String {
    lines.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn check_hits(replay: &Replay, hits: &[HitRow]) {
    let planted = replay.planted();
    let place = |hit: &HitRow| (hit.entry.clone(), hit.post.clone().unwrap_or_default());
    let in_posts: BTreeSet<_> = hits.iter().filter(|hit| hit.attachment.is_none()).map(place).collect();
    let in_attachments: BTreeSet<_> = hits.iter().filter(|hit| hit.attachment.is_some()).map(place).collect();
    for (name, expected, found) in
        [("posts", &planted.in_posts, &in_posts), ("attachments", &planted.in_attachments, &in_attachments)]
    {
        let missing: Vec<_> = expected.difference(found).collect();
        eprintln!("{name}: {} of {} planted records found", expected.len() - missing.len(), expected.len());
        assert!(
            missing.len() * 100 <= expected.len(),
            "{} of {} not found in {name}: {missing:?}",
            missing.len(),
            expected.len()
        );
    }
    let masked = planted.masked.intersection(&in_posts).count();
    eprintln!("masked: {masked} of {} found", planted.masked.len());
    let is_planted = |hit: &&HitRow| match &hit.post {
        Some(_) => planted.anywhere.contains(&place(hit)),
        None => planted.threads.contains(&(hit.entry.clone(), hit.thread.clone().unwrap_or_default())),
    };
    let false_hits: Vec<_> = hits.iter().filter(|hit| !is_planted(hit)).collect();
    assert!(false_hits.is_empty(), "hits where nothing was planted: {false_hits:#?}");
}

fn check_requests(replay: &Replay) {
    let requests = replay.requests();
    let needed = replay.needed_pages();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for request in &requests {
        *counts.entry(request.as_str()).or_default() += 1;
    }
    eprintln!("{} requests for {needed} needed pages, {} distinct", requests.len(), counts.len());
    assert!(requests.len() * 10 <= needed * 13, "{} requests for {needed} pages: {counts:#?}", requests.len());
    let never = [
        "logout",
        "reply",
        "report",
        "sortby",
        "order",
        "sk=",
        "sd=",
        "sid=",
        "action=",
        "print",
        "posting",
        "highlight",
        "mode=",
        "login",
        "authorid",
        "search",
        "memberlist",
        "archiver",
        "mobile",
    ];
    for request in counts.keys() {
        let fetched_for_nothing = never.iter().find(|word| request.contains(**word));
        assert!(fetched_for_nothing.is_none(), "{request} was fetched");
    }
}

const FAULTS: [&str; 6] = ["--fail-every", "7", "--drop-every", "11", "--truncate-every", "13"];

macro_rules! captured_forum {
    ($($set:literal => $module:ident),+ $(,)?) => { $(
        mod $module {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn is_crawled_whole_politely_and_once() {
                let Some((scene, replay, source)) = crawl_and_check($set, &[]).await else { return };
                check_requests(&replay);
                crawl_again_and_find_nothing_new(&scene, &source).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn shows_its_members_board_to_members_only() {
                read_as_a_member($set).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn loses_nothing_to_failing_dropping_and_truncating_servers() {
                crawl_and_check($set, &FAULTS).await;
            }
        }
    )+ };
}

captured_forum! {
    "mybb-1.8.37" => mybb,
    "phpbb-3.3.10" => phpbb,
    "discuz-x3.4-utf8" => discuz,
}

/// Logs in with the set's account and checks that what only members may read is read, and that nothing else was done.
async fn read_as_a_member(set: &str) {
    let scene = Scene::new().await;
    let Some(replay) = Replay::start(set, &[], scene.folder.path()) else { return };
    let login = |key: &str| replay.truth["login"][key].as_str().unwrap().to_owned();
    let account = sessions::account(scene.folder.path(), &login("user"), &login("password"));
    let source = scene.add_member(&replay.base, &account).await;
    let summary = scene.crawl().await;
    eprintln!("{set} as a member: {summary:?}");
    let posts = scene.posts(&source).await;
    let expected = replay.member_posts();
    assert!(!expected.is_empty(), "{set} has nothing for members");
    let read: BTreeSet<&str> = posts.iter().map(|row| row.post.as_str()).collect();
    let missing: Vec<&String> = expected.iter().filter(|id| !read.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "posts for members that were not read: {missing:?}");
    let public: BTreeSet<String> = replay.public_posts().into_keys().collect();
    let unread = public.iter().filter(|id| !read.contains(id.as_str())).count();
    assert!(unread * 100 <= public.len(), "{unread} of {} public posts were not read as a member", public.len());
    let posted = replay.log().into_iter().filter(|row| row["method"] == "POST").count();
    assert_eq!(posted, 1, "one login and nothing else is posted");
    for row in replay.log() {
        let url = row["url"].as_str().unwrap_or_default().to_lowercase();
        let acts = ["logout", "reply", "report", "markread", "subscri", "favorite", "vote"];
        assert!(acts.iter().all(|act| !url.contains(act)), "{url} was asked for");
        assert!(row["host"].as_str().is_some_and(|host| replay.base.contains(host)), "{row}");
    }
}

/// Makes everything due again by starting from a later time, and crawls an unchanged site a second time.
async fn crawl_again_and_find_nothing_new(scene: &Scene, source: &SourceId) {
    let before = (
        scene.posts(source).await.len(),
        scene.hits().await.len(),
        scene.ports.store.pending_alerts(jiff::Timestamp::MAX).await.unwrap(),
    );
    let again = scene.later(FetchOptions::default());
    let summary = again.crawl().await;
    assert!(summary.progress.pages > 100, "nothing was read again: {summary:?}");
    assert_eq!((summary.progress.posts, summary.progress.hits, summary.progress.alerts), (0, 0, 0));
    let after = (
        scene.posts(source).await.len(),
        scene.hits().await.len(),
        scene.ports.store.pending_alerts(jiff::Timestamp::MAX).await.unwrap(),
    );
    assert_eq!(before, after);
}
