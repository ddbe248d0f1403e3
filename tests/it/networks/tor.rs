//! A forum behind an onion service: crawled whole; and everything that may come between.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dyepack::domain::source::{Network, SourceId};
use dyepack::ports::fetch::{Answers, FetchOptions, Fetcher, Proxy};
use jiff::Timestamp;
use tokio::time::sleep;

use super::net::Net;
use super::{fetch, fetcher, forum, limits, seducer, source};
use crate::crawl::Scene;
use crate::mail::sink::free_port;
use crate::site::{Site, html};

/// Well formed, and nobody's.
const UNPUBLISHED: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";
const MISTYPED: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscrye.onion";

/// The private network and what stands behind its onion services.
struct Stage {
    net: Net,
    socks: String,
    forum: String,
    twin: String,
    seducer: String,
    deserted: String,
    guarded: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn onion_services_are_crawled_and_their_troubles_told_apart() {
    let elsewhere = Site::start(|_| html("secret")).await;
    let (board, leading_away) = (forum(12), seducer(&elsewhere.base).await);
    let port = |base: &str| base.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    let guarded = Site::start(|_| html("<p>for members</p>")).await;
    let args = [
        ("--onion", format!("80:{}", board.address.port())),
        ("--onion", format!("80:{}", board.address.port())),
        ("--onion", format!("80:{}", port(&leading_away.base))),
        ("--onion", format!("80:{}", free_port())),
        ("--auth", format!("80:{}", port(&guarded.base))),
    ];
    let args: Vec<String> = args.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
    let Some(net) = Net::start("tornet", "tor", &args) else { return };
    let onion = |number: usize| net.text(&format!("/onions/{number}/hostname"));
    let stage = Stage {
        socks: net.text("/socks_ext"),
        forum: onion(0),
        twin: onion(1),
        seducer: onion(2),
        deserted: onion(3),
        guarded: onion(4),
        net,
    };
    let fetcher = fetcher(FetchOptions { tor: Some(Proxy::socks(&stage.socks)), ..FetchOptions::default() });
    assert_eq!(fetcher.try_lane(Network::Tor).await, Ok(Answers::Tor), "it is told to be Tor, and well");
    let scene = Scene::with(&fetcher).await;
    let ids = a_forum_is_crawled_whole(&scene, &stage).await;
    each_source_has_its_own_circuit(&stage);
    troubles_are_told_apart(&fetcher, &stage).await;
    nothing_leads_off_the_onion(&fetcher, &stage).await;
    assert!(elsewhere.asked().is_empty(), "a page led us to this machine");
    an_onion_goes_and_comes_back(&fetcher, &stage).await;
    tor_goes_and_comes_back(&scene, &fetcher, &stage, &ids[0]).await;
}

async fn a_forum_is_crawled_whole(scene: &Scene, stage: &Stage) -> Vec<SourceId> {
    let mut ids = Vec::new();
    for host in [&stage.forum, &stage.twin] {
        let source = source(&format!("http://{host}/index.php"));
        scene.ports.store.add_source(&source, scene.ports.clock.now()).await.unwrap();
        ids.push(source.id);
    }
    let summary = scene.crawl().await;
    assert_eq!(summary.progress.failures, 0, "{summary:?}");
    for id in &ids {
        assert_eq!(scene.posts(id).await.len(), 12 * 3, "not all posts came");
        let hours = scene.ports.store.source_hours(id, Timestamp::UNIX_EPOCH).await.unwrap();
        assert!(hours.iter().all(|hour| hour.outcome == "read" && hour.took_ms > 0), "{hours:?}");
    }
    ids
}

/// Asks Tor itself, by its control port.
fn each_source_has_its_own_circuit(stage: &Stage) {
    let circuits = Control::connect(stage).ask("GETINFO circuit-status");
    let names = |host: &str| -> BTreeSet<String> {
        let query = format!("REND_QUERY={}", host.trim_end_matches(".onion"));
        // The network's own tool has asked too, under a name of its own.
        let of_host =
            circuits.iter().filter(|line| line.contains(&query) && line.contains("SOCKS_PASSWORD=\"dyepack\""));
        let name = |line: &String| Some(line.split_once("SOCKS_USERNAME=\"")?.1.split('"').next()?.to_owned());
        of_host.filter_map(name).collect()
    };
    let (one, other) = (names(&stage.forum), names(&stage.twin));
    assert!(!one.is_empty() && !other.is_empty(), "{circuits:?}");
    assert!(one.is_disjoint(&other), "two sources share a circuit: {one:?} {other:?}");
}

async fn troubles_are_told_apart(fetcher: &Fetcher, stage: &Stage) {
    let class = async |url: String| match fetch(fetcher, &source(&url), "").await {
        Ok(page) => page.status.to_string(),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(&stage.forum) && error.route().is_none(), "{message}");
            error.class()
        }
    };
    assert_eq!(class(format!("http://{UNPUBLISHED}/")).await, "site-unknown");
    assert_eq!(class(format!("http://{MISTYPED}/")).await, "bad-address");
    assert_eq!(class(format!("http://{}:81/", stage.forum)).await, "port-closed");
    assert_eq!(class(format!("http://{}/", stage.deserted)).await, "refused");
    assert_eq!(class(format!("http://{}/", stage.guarded)).await, "200", "with the key in Tor's own configuration");
    let address = stage.guarded.trim_end_matches(".onion");
    let mut control = Control::connect(stage);
    control.ask(&format!("ONION_CLIENT_AUTH_REMOVE {address}"));
    control.ask("SIGNAL NEWNYM");
    // Another port is another connection: one that stands needs no key.
    assert_eq!(class(format!("http://{}:81/", stage.guarded)).await, "key-wanted");
}

async fn nothing_leads_off_the_onion(fetcher: &Fetcher, stage: &Stage) {
    let source = source(&format!("http://{}/", stage.seducer));
    assert!(fetch(fetcher, &source, "").await.is_ok());
    for path in ["to-the-open-web", "to-this-machine", "to-another-onion"] {
        assert_eq!(fetch(fetcher, &source, path).await.unwrap_err().class(), "off-site", "{path}");
    }
}

async fn an_onion_goes_and_comes_back(fetcher: &Fetcher, stage: &Stage) {
    // Not asked before: Tor holds no connection to it.
    stage.net.run(&["down", &stage.seducer]);
    let fresh = source(&format!("http://{}/", stage.seducer));
    let other = self::fetcher(FetchOptions { tor: Some(Proxy::socks(&stage.socks)), ..FetchOptions::default() });
    let error = fetch(&other, &fresh, "").await.unwrap_err();
    assert!(["timeout", "site-down", "site-unknown"].contains(&error.class().as_str()), "{error}");
    assert_eq!(error.route(), None, "Tor is well, so the site is to blame");
    assert!(fetch(fetcher, &source(&format!("http://{}/", stage.forum)), "").await.is_ok());
    stage.net.run(&["up", &stage.seducer]);
    // Tor must first find that the introduction points it knows are gone.
    let deadline = Instant::now() + Duration::from_secs(100);
    while let Err(error) = fetch(&other, &fresh, "").await {
        assert!(Instant::now() < deadline, "it did not come back: {error}");
        sleep(Duration::from_millis(500)).await;
    }
}

async fn tor_goes_and_comes_back(scene: &Scene, fetcher: &Fetcher, stage: &Stage, id: &SourceId) {
    let pid = stage.net.state["roles"]["client"].as_i64().unwrap();
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    let site = source(&format!("http://{}/", stage.forum));
    let error = fetch(fetcher, &site, "").await.unwrap_err();
    assert_eq!(error.route(), Some(Network::Tor), "{error}");
    let options = FetchOptions { tor: Some(Proxy::socks(&stage.socks)), limits: limits(), ..FetchOptions::default() };
    let scene = scene.later(options);
    let before = scene.ports.store.source_hours(id, Timestamp::UNIX_EPOCH).await.unwrap();
    let crawling = scene.crawl_with_patience(Duration::from_mins(1));
    let restarting = async {
        let deadline = Instant::now() + Duration::from_secs(20);
        while scene.ports.store.lanes_down().await.unwrap().is_empty() {
            assert!(Instant::now() < deadline, "the network is not told to be down");
            sleep(Duration::from_millis(50)).await;
        }
        Tor::start(&stage.net.home("client"))
    };
    let (summary, _tor) = tokio::join!(crawling, restarting);
    assert!(summary.progress.pages > 0 && summary.progress.failures == 0, "{summary:?}");
    assert!(summary.progress.lanes_down.is_empty() && scene.ports.store.lanes_down().await.unwrap().is_empty());
    let after = scene.ports.store.source_hours(id, Timestamp::UNIX_EPOCH).await.unwrap();
    assert!(
        after.len() > before.len() && after.iter().all(|hour| ["read", "unchanged"].contains(&hour.outcome.as_str()))
    );
}

/// A connection to Tor's control port.
struct Control(BufReader<TcpStream>);

impl Control {
    fn connect(stage: &Stage) -> Self {
        let stream = TcpStream::connect(stage.net.text("/control")).unwrap();
        let cookie = std::fs::read(stage.net.text("/cookie")).unwrap();
        let cookie: String = cookie.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut control = Self(BufReader::new(stream));
        control.ask(&format!("AUTHENTICATE {cookie}"));
        control
    }

    /// Returns the lines of the answer.
    fn ask(&mut self, question: &str) -> Vec<String> {
        write!(self.0.get_mut(), "{question}\r\n").unwrap();
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let is_last = line.starts_with("250 ");
            assert!(!lines.is_empty() || line.starts_with("250"), "{question}: {line}");
            lines.push(line);
            if is_last {
                return lines;
            }
        }
    }
}

/// A Tor started again after it was killed; dropped, it ends.
struct Tor(Child);

impl Tor {
    fn start(home: &Path) -> Self {
        let torrc = home.join("torrc");
        let command = Command::new("tor")
            .args(["-f", torrc.to_str().unwrap(), "--defaults-torrc", "/dev/null", "--quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self(command.unwrap())
    }
}

impl Drop for Tor {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
