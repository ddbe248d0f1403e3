//! The loop itself: when it ends, what it waits for, what it gives back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dyepack::domain::source::Source;
use dyepack::ports::fetch::{Fetched, Request};
use dyepack::ports::store::model::ClaimRequest;
use dyepack::services::crawl::{self, CrawlError, CrawlOptions, Until};
use tokio::sync::watch;

use super::{Scene, options};
use crate::site::{Answer, Site, html, response};

const SHORT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_crawl_with_nothing_to_do_ends_at_once() {
    let scene = Scene::new().await;
    let started = Instant::now();
    let summary = scene.crawl().await;
    assert_eq!(summary.progress.pages, 0);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_busy_site_is_asked_again_and_read() {
    let count = AtomicUsize::new(0);
    let site = Site::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::Whole(response("503 Busy", "Retry-After: 1\r\n", b"")),
        1 => Answer::Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()),
        _ => html("<p>at last</p>"),
    })
    .await;
    let scene = Scene::new().await;
    scene.add_source(&site.base).await;
    let summary = scene.crawl().await;
    assert_eq!((summary.progress.pages, summary.progress.failures), (1, 2), "{summary:?}");
    let classes: Vec<&str> = summary.failures_by_class.keys().map(String::as_str).collect();
    assert_eq!(classes, ["http-503", "truncated"]);
}

#[tokio::test]
async fn a_site_that_is_down_is_given_up_after_the_patience_and_remembered() {
    let scene = Scene::new().await;
    let source = scene.add_source("http://127.0.0.1:9/").await;
    let summary = scene.crawl_with_patience(SHORT).await;
    assert_eq!(summary.progress.pages, 0);
    assert!(summary.failures_by_class["refused"].count >= 2, "{summary:?}");
    assert!(scene.ports.store.next_due(Some(&source), &[]).await.unwrap().is_some());
}

#[tokio::test]
async fn a_page_that_is_gone_is_not_waited_for() {
    let site = Site::start(|_| Answer::Whole(response("404 Not Found", "", b""))).await;
    let scene = Scene::new().await;
    scene.add_source(&site.base).await;
    let summary = scene.crawl().await;
    let asked: Vec<String> = site.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!((asked, summary.failures_by_class["http-404"].count), (vec!["/robots.txt".into(), "/".into()], 1));
}

#[tokio::test]
async fn a_crawl_that_is_stopped_gives_its_pages_back() {
    let site = Site::start(|_| Answer::Hang(Vec::new())).await;
    let scene = Scene::new().await;
    scene.add_source(&site.base).await;
    let stop = watch::Sender::new(false);
    let stopping = CrawlOptions { drain: Duration::from_millis(50), lease: Duration::from_hours(1), ..options() };
    let crawling = crawl::run(scene.ports.clone(), stopping, stop.subscribe());
    let told = async {
        let mut poll = tokio::time::interval(Duration::from_millis(10));
        while site.asked().is_empty() {
            poll.tick().await;
        }
        stop.send_replace(true);
    };
    let (summary, ()) = tokio::join!(crawling, told);
    assert_eq!(summary.unwrap().progress.in_flight, 0);
    let request = ClaimRequest {
        worker: "other".to_owned(),
        limit: 9,
        source: None,
        without: Vec::new(),
        lease: SHORT,
        chance: 0.0,
    };
    let claims = scene.ports.store.claim(&request, scene.ports.clock.now()).await.unwrap();
    assert_eq!((claims.len(), claims[0].attempts), (1, 0));
}

#[tokio::test]
async fn a_page_that_a_dead_worker_held_is_read_when_its_lease_runs_out() {
    let site = Site::start(|_| html("<p>text</p>")).await;
    let scene = Scene::new().await;
    scene.add_source(&site.base).await;
    let request = ClaimRequest {
        worker: "dead".to_owned(),
        limit: 9,
        source: None,
        without: Vec::new(),
        lease: Duration::from_millis(500),
        chance: 0.0,
    };
    assert_eq!(scene.ports.store.claim(&request, scene.ports.clock.now()).await.unwrap().len(), 1);
    assert_eq!(scene.crawl().await.progress.pages, 1);
}

#[tokio::test]
async fn a_lease_is_held_for_as_long_as_a_slow_page_takes() {
    let site = Site::start(|_| Answer::Hang(Vec::new())).await;
    let scene = Scene::new().await;
    scene.add_source(&site.base).await;
    let stop = watch::Sender::new(false);
    let short_lease = CrawlOptions { lease: Duration::from_millis(600), drain: Duration::ZERO, ..options() };
    let crawling = crawl::run(scene.ports.clone(), short_lease, stop.subscribe());
    let others_try = async {
        let request = ClaimRequest {
            worker: "other".to_owned(),
            limit: 9,
            source: None,
            without: Vec::new(),
            lease: SHORT,
            chance: 0.0,
        };
        let mut poll = tokio::time::interval(Duration::from_millis(100));
        let mut claimed = 0;
        for _ in 0..20 {
            poll.tick().await;
            if !site.asked().is_empty() {
                claimed += scene.ports.store.claim(&request, scene.ports.clock.now()).await.unwrap().len();
            }
        }
        stop.send_replace(true);
        claimed
    };
    let (_, claimed) = tokio::join!(crawling, others_try);
    assert_eq!(claimed, 0);
}

#[tokio::test]
async fn a_store_that_is_gone_for_good_ends_the_crawl() {
    let scene = Scene::new().await;
    scene.add_source("http://127.0.0.1:9/").await;
    scene.ports.store.close().await;
    let ending = CrawlOptions { until: Until::NothingDue { patience: SHORT }, ..options() };
    let (_stop, stopped) = watch::channel(false);
    let ended = crawl::run(scene.ports.clone(), ending, stopped).await;
    assert!(matches!(ended, Err(CrawlError::Store(_))), "{ended:?}");
}

#[tokio::test]
async fn a_paced_source_is_asked_no_faster_than_its_pace() {
    let site = Site::start(|_| Answer::Cut(Vec::new())).await;
    let scene = Scene::new().await;
    let mut source = Source::from_url(&site.base).unwrap();
    source.pace = Duration::from_millis(1_500);
    scene.ports.store.add_source(&source, scene.ports.clock.now()).await.unwrap();
    let started = Instant::now();
    scene.crawl_with_patience(SHORT).await;
    let (asked, elapsed) = (u32::try_from(site.asked().len()).unwrap(), started.elapsed());
    assert!(asked >= 2 && source.pace * (asked - 1) <= elapsed + Duration::from_millis(100), "{asked} in {elapsed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_pages_are_read_as_far_as_they_can_be_and_hold_nobody_up() {
    const ODD: [&str; 8] = ["deep", "line", "nul", "attributes", "entities", "links", "cut", "liar"];
    let body = |path: &str| -> Vec<u8> {
        let repeated = |piece: &str, count: usize| piece.repeat(count).into_bytes();
        match path.trim_start_matches("/thread-") {
            "deep" => repeated("<div>", 100_000),
            "line" => repeated("word ", 400_000),
            "nul" => vec![0; 1 << 20],
            "attributes" => [b"<p ".to_vec(), repeated("a=b ", 100_000), b">".to_vec()].concat(),
            "entities" => repeated("&amp;&#x41;&nosuch;&", 50_000),
            "links" => (0..20_000)
                .flat_map(|number| format!("<a href=\"http://x{number}.example/\">x</a>").into_bytes())
                .collect(),
            "cut" => b"<html><body><div class=\"post\"><a href=\"/thread-".to_vec(),
            "liar" => [vec![0xff, 0xfe, 0x00, 0xd8], [0xc3, 0x28].repeat(10_000)].concat(),
            _ => ODD.map(|name| format!("<a href=\"/thread-{name}\">{name}</a> ")).concat().into_bytes(),
        }
    };
    let site = Site::start(move |asked| {
        Answer::Whole(response("200 OK", "Content-Type: text/html; charset=utf-8\r\n", &body(&asked.target)))
    })
    .await;
    let scene = Scene::new().await;
    let source = Source::from_url(&site.base).unwrap();
    let store = &scene.ports.store;
    store.add_source(&source, scene.ports.clock.now()).await.unwrap();
    let started = Instant::now();
    for name in ODD {
        let url = source.start_url.join(&format!("thread-{name}")).unwrap();
        let page = scene.ports.fetcher.fetch(&source, &Request::page(url)).await.unwrap();
        let Fetched::Page(page) = page else { panic!("unchanged") };
        let reading = tokio::task::spawn_blocking({
            let start_url = source.start_url.clone();
            move || dyepack::domain::forum::read(&page, &start_url)
        });
        let reading = tokio::time::timeout(Duration::from_mins(1), reading).await.expect(name).unwrap();
        assert!(reading.posts.len() < 10, "{name}");
    }
    let (_stop, stopped) = watch::channel(false);
    let ending = CrawlOptions { until: Until::NothingDue { patience: SHORT }, ..options() };
    let summary = crawl::run(scene.ports.clone(), ending, stopped).await.unwrap();
    assert!(!summary.failures_by_class.contains_key("unreadable"), "{summary:?}");
    assert!(started.elapsed() < Duration::from_mins(2), "{:?}", started.elapsed());
}
