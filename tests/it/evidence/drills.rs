//! Drills: a disk that fills up, a database that others lock, a clock that jumps. Nothing is lost, nothing is mailed twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dyepack::domain::source::Source;
use dyepack::ports::clock::Clock;
use dyepack::ports::fetch::{FetchOptions, Fetcher};
use dyepack::ports::store::model::HitFilter;
use dyepack::services::crawl::{self, CrawlOptions, Until};
use jiff::SignedDuration;

use crate::crawl::Scene;
use crate::mail::sink::Sink;
use crate::world::forum::{Content, Forum};
use crate::world::program::Installation;
use crate::world::{canary, write_watchlist};

/// Threads of one long post that does not pack well; a canary in every one, twelve canaries in all.
fn content(threads: usize, post_bytes: usize) -> Content {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = |bytes: usize| {
        let mut text = String::with_capacity(bytes);
        while text.len() < bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(text, "{:x} ", state >> 20).unwrap();
        }
        text
    };
    let mut thread = |at: usize| {
        let (email, pan, _) = canary(at % 12);
        vec![format!(
            "{}<br />selling base: Planted Person;{pan};{email}<br />{}",
            noise(post_bytes / 2),
            noise(post_bytes / 2)
        )]
    };
    Content { threads: (0..threads).map(&mut thread).collect() }
}

/// What must be the same whatever happened.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    hits: BTreeSet<String>,
    mails: BTreeMap<String, usize>,
}

fn outcome(installation: &Installation, sink: &Sink) -> Outcome {
    let hits = installation.rows(&["hit", "list"]);
    let place = |hit: &serde_json::Value| {
        ["organization", "entry", "field", "thread", "post", "start", "end"].map(|name| hit[name].to_string()).join("|")
    };
    let mut mails = BTreeMap::new();
    for message in sink.received() {
        *mails.entry(message.header("Message-ID")).or_default() += 1;
    }
    let verified = installation.rows(&["evidence", "verify"]);
    assert!(verified.iter().all(|row| row["ok"] == true), "{verified:?}");
    Outcome { hits: hits.iter().map(place).collect(), mails }
}

fn places(installation: &Installation, sink: &Sink) -> BTreeSet<String> {
    let found = outcome(installation, sink);
    assert!(found.mails.values().all(|times| *times == 1), "a mail came twice: {:?}", found.mails);
    found.hits
}

/// Where an installation lies that can be filled to the last byte; unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where nothing can be mounted.
    fn mount(at: &Path, megabytes: u32) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mount =
            |options: &str| Command::new("mount").args(["-t", "tmpfs", "-o", options, "dyepack-test"]).arg(at).output();
        let mounted = mount(&format!("size={megabytes}m")).is_ok_and(|output| output.status.success());
        mounted.then(|| Self(at.to_owned()))
    }

    fn grow(&self, megabytes: u32) {
        let size = format!("remount,size={megabytes}m");
        assert!(Command::new("mount").args(["-o", &size]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

struct Leak {
    forum: Forum,
    watchlist: PathBuf,
    _folder: tempfile::TempDir,
}

impl Leak {
    fn new(threads: usize, post_bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let watchlist = write_watchlist(folder.path(), 12);
        Self { forum: Forum::serve(content(threads, post_bytes)), watchlist, _folder: folder }
    }

    fn command(&self, installation: &Installation, sink: &Sink) -> Command {
        let (source, mail, watchlist) = (self.forum.url(), sink.url("smtp"), self.watchlist.display().to_string());
        installation.command(&["crawl", "--once", "--watchlist", &watchlist, "--source", &source, "--mail", &mail])
    }

    /// Crawls to the end; returns the exit code and what was said.
    fn crawl(&self, installation: &Installation, sink: &Sink) -> (Option<i32>, String) {
        let output = self.command(installation, sink).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The hits of a crawl that is left alone.
    fn calm(&self) -> BTreeSet<String> {
        let (installation, sink) = (Installation::new(), Sink::start(&[]));
        let (code, said) = self.crawl(&installation, &sink);
        assert_eq!(code, Some(0), "{said}");
        places(&installation, &sink)
    }
}

#[test]
fn a_disk_that_fills_up_stops_the_crawl_cleanly_and_with_more_room_it_goes_on() {
    let (installation, sink) = (Installation::new(), Sink::start(&[]));
    let Some(disk) = SmallDisk::mount(&installation.data(), 12) else {
        eprintln!("skipped: no small disk can be mounted here (this drill needs root)");
        return;
    };
    let leak = Leak::new(160, 60_000);
    let expected = leak.calm();
    let (code, said) = leak.crawl(&installation, &sink);
    assert!(code == Some(3) && said.contains("disk is nearly full") && said.contains("make room"), "{code:?} {said}");
    let halfway = places(&installation, &sink);
    assert!(!halfway.is_empty() && halfway.len() < expected.len(), "{} of {}", halfway.len(), expected.len());
    assert!(halfway.is_subset(&expected));
    let (code, _) = leak.crawl(&installation, &sink);
    assert_eq!(code, Some(3), "nothing has changed");
    let health = installation.run(&["health"]);
    assert!(health.status.code() == Some(1) && String::from_utf8_lossy(&health.stdout).contains("disk-low"));
    disk.grow(200);
    let (code, said) = leak.crawl(&installation, &sink);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(places(&installation, &sink), expected);
}

#[test]
fn a_budget_is_warned_of_and_kept_and_a_larger_one_lets_the_crawl_go_on() {
    let (installation, sink) = (Installation::new(), Sink::start(&[]));
    let budget = |mebibytes: u32| {
        fs::create_dir_all(installation.data()).unwrap();
        let text = format!("[retention]\nbudget_mib = {mebibytes}\n");
        fs::write(installation.data().join("dyepack.toml"), text).unwrap();
    };
    let leak = Leak::new(160, 60_000);
    let expected = leak.calm();
    budget(10);
    let (code, said) = leak.crawl(&installation, &sink);
    assert!(code == Some(3) && said.contains("disk is nearly full"), "{code:?} {said}");
    assert!(places(&installation, &sink).len() < expected.len());
    // At its end the database's journal has gone; the warning comes at four fifths.
    budget(5);
    let health = installation.run(&["health"]);
    let said = String::from_utf8_lossy(&health.stdout).into_owned();
    assert!(health.status.code() == Some(1) && said.contains("of the budget of 5 MiB"), "{said}");
    budget(1_000);
    let (code, said) = leak.crawl(&installation, &sink);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(places(&installation, &sink), expected);
}

#[test]
fn a_disk_that_others_fill_to_the_last_byte_loses_nothing() {
    let (installation, sink) = (Installation::new(), Sink::start(&[]));
    let Some(_disk) = SmallDisk::mount(&installation.data(), 100) else {
        eprintln!("skipped: no small disk can be mounted here (this drill needs root)");
        return;
    };
    let leak = Leak::new(120, 30_000);
    let expected = leak.calm();
    let before = leak.forum.requests.load(Ordering::SeqCst);
    let mut child = leak.command(&installation, &sink).stderr(std::process::Stdio::null()).spawn().unwrap();
    while leak.forum.requests.load(Ordering::SeqCst) < before + 20 {
        assert!(child.try_wait().unwrap().is_none(), "the crawl was over before the disk was full");
        std::thread::yield_now();
    }
    let filler = installation.data().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    let block = vec![7_u8; 64 << 10];
    while file.write_all(&block).is_ok() {}
    drop(file);
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(3), "a crawl that cannot go on says so");
    fs::remove_file(filler).unwrap();
    let (code, said) = leak.crawl(&installation, &sink);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(places(&installation, &sink), expected);
}

#[test]
fn a_database_that_another_process_locks_is_waited_for() {
    let (installation, sink) = (Installation::new(), Sink::start(&[]));
    let leak = Leak::new(120, 4_000);
    let expected = leak.calm();
    let before = leak.forum.requests.load(Ordering::SeqCst);
    let mut child = leak.command(&installation, &sink).stderr(std::process::Stdio::null()).spawn().unwrap();
    while leak.forum.requests.load(Ordering::SeqCst) < before + 20 {
        assert!(child.try_wait().unwrap().is_none(), "the crawl was over before the database was locked");
        std::thread::yield_now();
    }
    let database = rusqlite::Connection::open(installation.data().join("dyepack.db")).unwrap();
    database.busy_timeout(Duration::from_mins(1)).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Longer than a statement waits by itself.
    let locked_at = Instant::now();
    while locked_at.elapsed() < Duration::from_secs(14) {
        assert!(child.try_wait().unwrap().is_none(), "the crawl did not wait for the database");
        std::thread::sleep(Duration::from_millis(50));
    }
    database.execute_batch("COMMIT").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(places(&installation, &sink), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_ahead_and_back_loses_nothing() {
    let leak = Leak::new(100, 2_000);
    let expected = leak.calm();
    let start = jiff::Timestamp::now();
    let clock = Clock::fixed(start);
    let mut scene = Scene::with(&Fetcher::new(FetchOptions::default(), clock.clone())).await;
    scene.ports.clock = clock.clone();
    let watchlist = dyepack::services::intake::load(&leak.watchlist).unwrap();
    scene.ports.store.replace_watchlist(&watchlist, start).await.unwrap();
    scene.ports.store.add_source(&Source::from_url(&leak.forum.url()).unwrap(), start).await.unwrap();
    let before = leak.forum.requests.load(Ordering::SeqCst);
    let requests = std::sync::Arc::clone(&leak.forum.requests);
    let began_at = Instant::now();
    // Runs on, but 3 days ahead after 25 requests, and 5 days behind after 60.
    let ticking = tokio::spawn(async move {
        loop {
            let asked = requests.load(Ordering::SeqCst) - before;
            let hours = if asked < 25 {
                0
            } else if asked < 60 {
                72
            } else {
                -120
            };
            let elapsed = SignedDuration::try_from(began_at.elapsed()).unwrap();
            clock.advance_to(start + elapsed + SignedDuration::from_hours(hours));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let until = Until::NothingDue { patience: Duration::from_secs(20) };
    let options = CrawlOptions {
        until,
        ..CrawlOptions::new("test", dyepack::ports::store::model::RecordPolicy { settle: Duration::ZERO })
    };
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    crawl::run(scene.ports.clone(), options, stopped).await.unwrap();
    ticking.abort();
    let hits = scene.ports.store.hits(&HitFilter::default()).await.unwrap();
    let found: BTreeSet<(String, Option<String>)> = hits.into_iter().map(|hit| (hit.entry, hit.thread)).collect();
    let wanted: BTreeSet<(String, Option<String>)> = expected
        .iter()
        .map(|place| place.split('|').map(|part| part.trim_matches('"').to_owned()).collect::<Vec<_>>())
        .map(|parts| (parts[1].clone(), Some(parts[3].clone())))
        .collect();
    assert_eq!(found, wanted);
}
