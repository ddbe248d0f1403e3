//! Nothing is missed and nothing is asked twice: lists that grow, long threads, threads that go, watchlists that grow.

use std::sync::{Arc, Mutex};

use dyepack::domain::source::SourceId;
use dyepack::ports::clock::Clock;
use dyepack::ports::fetch::{FetchOptions, Fetcher};
use dyepack::services::crawl::Ports;
use jiff::SignedDuration;

use super::Scene;
use crate::site::{Answer, Site, html, response};
use crate::world::forum::{self, Content};
use crate::world::{canary, write_watchlist};

/// A forum that changes while it is watched.
struct Living {
    site: Site,
    content: Arc<Mutex<Content>>,
    gone: Arc<Mutex<Vec<String>>>,
}

impl Living {
    async fn open(threads: Vec<Vec<String>>) -> Self {
        let content = Arc::new(Mutex::new(Content { threads }));
        let gone = Arc::new(Mutex::new(Vec::<String>::new()));
        let (shown, missing) = (Arc::clone(&content), Arc::clone(&gone));
        let site = Site::start(move |asked| {
            let is_gone = missing.lock().unwrap().iter().any(|target| asked.target.ends_with(target.as_str()));
            let page = forum::page(&shown.lock().unwrap(), &asked.target).filter(|_| !is_gone);
            page.map_or_else(|| Answer::Whole(response("404 Not Found", "", b"gone")), |page| html(&page))
        })
        .await;
        Self { site, content, gone }
    }

    /// Addresses asked for since the first so many.
    fn asked_after(&self, before: usize) -> Vec<String> {
        self.site.asked().into_iter().skip(before).map(|asked| asked.target).collect()
    }
}

fn posts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("post {number}")).collect()
}

/// The same store some hours later, lists due, threads not.
async fn later(scene: &Scene, hours: i64) -> Scene {
    let clock = Clock::shifted_to(scene.ports.clock.now() + SignedDuration::from_hours(hours));
    let again = scene.again().await;
    let fetcher = Fetcher::new(FetchOptions::default(), clock.clone());
    Scene { folder: again.folder, ports: Ports { fetcher, clock, ..again.ports } }
}

#[tokio::test]
async fn a_long_thread_that_grew_is_read_on_from_its_last_known_page() {
    let forum = Living::open(vec![posts(45), posts(3)]).await;
    let scene = Scene::new().await;
    let source: SourceId = scene.add_source(&forum.site.base).await;
    scene.crawl().await;
    assert_eq!(scene.posts(&source).await.len(), 48);

    forum.content.lock().unwrap().threads[0] = posts(62);
    let before = forum.site.asked().len();
    later(&scene, 2).await.crawl().await;
    assert_eq!(scene.posts(&source).await.len(), 65);
    let asked = forum.asked_after(before);
    let of_thread: Vec<&String> = asked.iter().filter(|target| target.contains("tid=1")).collect();
    let pages: Vec<&str> = of_thread.iter().map(|target| target.rsplit('=').next().unwrap()).collect();
    assert_eq!(pages, ["5", "6", "7"], "only its end is read: {asked:?}");
}

#[tokio::test]
async fn threads_that_were_bumped_are_read_and_no_others() {
    let forum = Living::open(vec![posts(1); 80]).await;
    let scene = Scene::new().await;
    let source = scene.add_source(&forum.site.base).await;
    scene.crawl().await;
    // Thirty threads are bumped: the whole first page of the list and half of the second.
    for thread in &mut forum.content.lock().unwrap().threads[..30] {
        thread.push("a reply".to_owned());
    }
    let before = forum.site.asked().len();
    later(&scene, 1).await.crawl().await;
    assert_eq!(scene.posts(&source).await.len(), 110);
    let threads = forum.asked_after(before).iter().filter(|target| target.contains("showthread")).count();
    assert_eq!(threads, 30, "each bumped thread once, no other");
}

#[tokio::test]
async fn a_thread_that_goes_is_marked_and_no_failure_and_comes_back_when_it_is_bumped() {
    let forum = Living::open(vec![posts(1); 3]).await;
    let scene = Scene::new().await;
    let source = scene.add_source(&forum.site.base).await;
    scene.crawl().await;
    forum.gone.lock().unwrap().push("tid=2".to_owned());
    forum.content.lock().unwrap().threads[1].push("last words".to_owned());
    let summary = later(&scene, 2).await.crawl().await;
    assert_eq!((summary.progress.gone, summary.progress.failures), (1, 0), "{summary:?}");
    let row = scene.ports.store.sources(scene.ports.clock.now()).await.unwrap().remove(0);
    assert_eq!((row.gone, row.last_failure), (1, None));
    assert_eq!(scene.posts(&source).await.len(), 3, "what was read stays on record");

    forum.gone.lock().unwrap().clear();
    forum.content.lock().unwrap().threads[1].push("back again".to_owned());
    later(&scene, 4).await.crawl().await;
    assert_eq!(scene.posts(&source).await.len(), 5);
    let row = scene.ports.store.sources(scene.ports.clock.now()).await.unwrap().remove(0);
    assert_eq!(row.gone, 0);
}

#[tokio::test]
async fn pages_that_were_read_before_an_entry_was_enrolled_are_read_again_and_its_records_found() {
    let (email, ..) = canary(1);
    let forum = Living::open(vec![vec![format!("for sale: {email}")], posts(1), posts(1)]).await;
    let scene = Scene::new().await;
    scene.add_source(&forum.site.base).await;
    scene.crawl().await;
    assert!(scene.hits().await.is_empty());

    let folder = write_watchlist(scene.folder.path(), 3);
    let watchlist = dyepack::services::intake::load(&folder).unwrap();
    scene.ports.store.replace_watchlist(&watchlist, scene.ports.clock.now()).await.unwrap();
    let before = forum.site.asked().len();
    scene.again().await.crawl().await;
    assert_eq!(scene.hits().await.len(), 1);
    assert_eq!(forum.asked_after(before).len(), 5, "each page once: {:?}", forum.asked_after(before));
    let before = forum.site.asked().len();
    scene.again().await.crawl().await;
    assert!(forum.asked_after(before).is_empty(), "and not again");
}
