//! A forum behind an I2P tunnel, through the router's HTTP and SOCKS proxies.

use std::time::Duration;

use dyepack::ports::clock::Clock;
use dyepack::ports::fetch::{FetchOptions, Fetcher, Proxy, TimeLimits};

use super::net::Net;
use super::{fetch, forum, limits, seducer, source};
use crate::crawl::Scene;
use crate::site::{Site, html};

/// The destination of nobody.
const NOBODY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b32.i2p";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2p_sites_are_crawled_and_a_router_s_own_pages_are_no_content() {
    let elsewhere = Site::start(|_| html("secret")).await;
    let (board, leading_away) = (forum(5), seducer(&elsewhere.base).await);
    let away = leading_away.base.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    let args = ["--site".to_owned(), board.address.port().to_string(), "--site".to_owned(), away];
    let Some(net) = Net::start("i2pnet", "i2pd", &args) else { return };
    let (forum, seducer) = (net.text("/sites/0/hostname"), net.text("/sites/1/hostname"));
    // A router gives up on a destination after 15 s, and later on a busy machine.
    let (answer, page) = (Duration::from_secs(75), Duration::from_mins(2));
    let limits = TimeLimits { connection: Duration::from_mins(1), answer, page, ..limits() };
    let through =
        |proxy| Fetcher::new(FetchOptions { i2p: Some(proxy), limits, ..FetchOptions::default() }, Clock::system());
    let http = through(Proxy::http(net.text("/http_proxy")));
    let scene = Scene::with(&http).await;
    let site = source(&format!("http://{forum}/index.php"));
    scene.ports.store.add_source(&site, scene.ports.clock.now()).await.unwrap();
    let summary = scene.crawl().await;
    assert_eq!(scene.posts(&site.id).await.len(), 5 * 3, "{summary:?}");

    let socks = through(Proxy::socks(net.text("/socks")));
    assert_eq!(fetch(&socks, &site, "").await.unwrap().status, 200);
    for fetcher in [&http, &socks] {
        let leading_away = source(&format!("http://{seducer}/"));
        for path in ["to-the-open-web", "to-this-machine"] {
            assert_eq!(fetch(fetcher, &leading_away, path).await.unwrap_err().class(), "off-site", "{path}");
        }
        let error = fetch(fetcher, &source(&format!("http://{NOBODY}/")), "").await.unwrap_err();
        assert_eq!(error.class(), "site-down", "{error}");
        assert_eq!(error.route(), None, "the router is well");
    }
    assert!(elsewhere.asked().is_empty());
}
