//! How a site is treated: its robots.txt, its wish to be left alone, our budget and who we say we are.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dyepack::domain::source::{Rest, Settings, Source};
use dyepack::services::crawl::CrawlOptions;

use super::Scene;
use crate::site::{Answer, Site, html, response};
use crate::world::forum::{self, Content};

const SHORT: Duration = Duration::from_secs(2);

fn content(threads: usize) -> Content {
    Content { threads: (0..threads).map(|number| vec![format!("post {number}")]).collect() }
}

/// A forum with this robots.txt.
async fn forum_with(robots: &'static str, threads: usize) -> Site {
    let content = content(threads);
    Site::start(move |asked| match asked.target.as_str() {
        "/robots.txt" => Answer::Whole(response("200 OK", "Content-Type: text/plain\r\n", robots.as_bytes())),
        target => forum::page(&content, target)
            .map_or_else(|| Answer::Whole(response("404 Not Found", "", b"")), |page| html(&page)),
    })
    .await
}

fn targets(site: &Site) -> Vec<String> {
    site.asked().into_iter().map(|asked| asked.target).collect()
}

fn with(site: &Site, settings: &str) -> Source {
    Source::from_url(&site.base).unwrap().with(Settings::parse(settings).unwrap())
}

#[tokio::test]
async fn what_robots_txt_forbids_is_not_asked_for_and_the_rest_is() {
    let site =
        forum_with("User-agent: *\nDisallow: /\n\nUser-agent: dyepack\nDisallow: /showthread.php?tid=2\n", 3).await;
    let scene = Scene::new().await;
    let source = scene.add_source(&site.base).await;
    let summary = scene.crawl().await;
    let asked = targets(&site);
    assert_eq!(asked.iter().filter(|target| *target == "/robots.txt").count(), 1, "read once");
    assert_eq!(asked.first().map(String::as_str), Some("/robots.txt"), "and first");
    assert!(!asked.iter().any(|target| target.contains("tid=2")), "{asked:?}");
    assert_eq!((scene.posts(&source).await.len(), summary.progress.skipped), (2, 1));

    let again = scene.again().await;
    again.add_source(&site.base).await;
    again.crawl().await;
    assert_eq!(targets(&site).iter().filter(|target| *target == "/robots.txt").count(), 1, "it is kept in the store");
}

#[tokio::test]
async fn a_written_reason_or_another_name_changes_what_robots_txt_says_to_us() {
    let robots = "User-agent: *\nDisallow: /\n\nUser-agent: goodbot\nAllow: /\n";
    for (settings, expected) in [
        ("", 0),
        ("[robots]\nobey = false\nreason = \"written consent of the site\"", 2),
        ("user_agent = \"goodbot/1.0 (+https://bank.example)\"", 2),
    ] {
        let site = forum_with(robots, 2).await;
        let scene = Scene::new().await;
        let source = scene.add(&with(&site, settings)).await;
        scene.crawl().await;
        assert_eq!(scene.posts(&source).await.len(), expected, "{settings}");
        let agents: Vec<_> = site.asked().iter().map(|asked| asked.header("user-agent").unwrap().to_owned()).collect();
        let product = if settings.contains("goodbot") { "goodbot/1.0 (+https://bank.example)" } else { "dyepack/" };
        assert!(agents.iter().all(|agent| agent.starts_with(product)), "{agents:?}");
    }
}

#[tokio::test]
async fn a_site_whose_robots_txt_fails_is_left_alone_until_it_is_back() {
    let count = AtomicUsize::new(0);
    let content = content(1);
    let site = Site::start(move |asked| match asked.target.as_str() {
        "/robots.txt" if count.fetch_add(1, Ordering::SeqCst) < 2 => Answer::Whole(response("500 Oops", "", b"")),
        "/robots.txt" => Answer::Whole(response("404 Not Found", "", b"")),
        target => html(&forum::page(&content, target).unwrap_or_default()),
    })
    .await;
    let scene = Scene::new().await;
    let source = scene.add_source(&site.base).await;
    scene.crawl().await;
    let asked = targets(&site);
    assert_eq!(asked[..4], ["/robots.txt", "/robots.txt", "/robots.txt", "/"], "nothing else was asked before");
    assert_eq!(scene.posts(&source).await.len(), 1);
}

#[tokio::test]
async fn the_crawl_delay_is_the_least_pace() {
    let site = forum_with("user-agent: *\ncrawl-delay: 0.4\n", 4).await;
    let scene = Scene::new().await;
    let source = scene.add_source(&site.base).await;
    let started = Instant::now();
    scene.crawl().await;
    let pages = u32::try_from(site.asked().len() - 1).unwrap();
    assert_eq!((pages, scene.posts(&source).await.len()), (6, 4), "start, board, four threads");
    let least = Duration::from_millis(400) * (pages - 1);
    assert!(started.elapsed() >= least, "{pages} pages in {:?}", started.elapsed());
}

#[tokio::test]
async fn too_many_requests_leave_the_whole_source_alone_also_after_a_restart() {
    let content = content(3);
    let is_busy = Mutex::new(true);
    let site = Site::start(move |asked| {
        let mut is_busy = is_busy.lock().unwrap();
        if asked.target.contains("tid=1") && std::mem::take(&mut *is_busy) {
            return Answer::Whole(response("429 Slow down", "Retry-After: 3600\r\n", b""));
        }
        forum::page(&content, &asked.target)
            .map_or_else(|| Answer::Whole(response("404 Not Found", "", b"")), |page| html(&page))
    })
    .await;
    let scene = Scene::new().await;
    let mut source = Source::from_url(&site.base).unwrap();
    source.concurrency = 1;
    scene.add(&source).await;
    scene.crawl_with_patience(SHORT).await;
    let asked = site.asked().len();
    scene.again().await.crawl_with_patience(SHORT).await;
    assert_eq!(site.asked().len(), asked, "another process asks nothing");
    let row = scene.ports.store.sources(scene.ports.clock.now()).await.unwrap().remove(0);
    let (rest, until) = row.rest.unwrap();
    assert_eq!(rest, Rest::RetryAfter);
    assert!(until > scene.ports.clock.now() + jiff::SignedDuration::from_mins(50));
}

#[tokio::test]
async fn a_days_requests_are_never_exceeded() {
    let site = forum_with("", 20).await;
    let scene = Scene::new().await;
    let source = scene.add(&with(&site, "[budget]\nrequests = 7\n")).await;
    scene.crawl_with_patience(SHORT).await;
    assert_eq!(site.asked().len(), 7, "{:?}", targets(&site));
    let row = scene.ports.store.sources(scene.ports.clock.now()).await.unwrap().remove(0);
    assert_eq!(row.rest.map(|(rest, _)| rest), Some(Rest::Requests));
    assert!(!scene.posts(&source).await.is_empty());
}

#[tokio::test]
async fn what_the_settings_skip_is_not_asked_for() {
    let site = forum_with("", 9).await;
    let scene = Scene::new().await;
    let source = scene.add(&with(&site, "follow = [\"/forumdisplay*\", \"/showthread*\"]\nskip = [\"*tid=4*\"]")).await;
    scene.crawl_with_patience(CrawlOptions::PATIENCE).await;
    assert!(!targets(&site).iter().any(|target| target.contains("tid=4")));
    assert_eq!(scene.posts(&source).await.len(), 8);
}
