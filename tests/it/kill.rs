//! The process may be killed at any instant: what it found, it keeps; what it mailed, it does not mail again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Child;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::mail::sink::Sink;
use crate::world::forum::{Content, Forum};
use crate::world::program::Installation;
use crate::world::{canary, write_watchlist};

/// Kills of each of the four tests: two hundred in all, side by side.
const KILLS: u64 = 50;
const CANARIES: usize = 24;
const THREADS: usize = 300;

/// A small generator of numbers, so that a failing run can be repeated (`SplitMix64`).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// Threads of one to 24 posts; canaries in every seventh, one canary in several threads.
fn content() -> Content {
    let mut seeded = Seeded(7);
    let thread = |at: usize, seeded: &mut Seeded| {
        let posts = 1 + usize::try_from(seeded.below(24)).unwrap();
        (0..posts)
            .map(|post| {
                let filler = format!(
                    "Post {post} of thread {at}: order 4929 {:04} {:04}.",
                    seeded.below(9999),
                    seeded.below(9999)
                );
                if at.is_multiple_of(7) && post == posts / 2 {
                    let (email, pan, phone) = canary((at / 7) % CANARIES);
                    format!("{filler}<br />selling base, sample: Planted Person;{pan};{phone};{email}")
                } else {
                    filler
                }
            })
            .collect()
    };
    Content { threads: (0..THREADS).map(|at| thread(at, &mut seeded)).collect() }
}

fn crawl_args<'a>(watchlist: &'a str, source: &'a str, mail: &'a str) -> [&'a str; 8] {
    ["crawl", "--once", "--watchlist", watchlist, "--source", source, "--mail", mail]
}

/// Waits until the forum has answered `more` further requests, the program has ended by itself, or a second has gone.
fn wait_for_requests(child: &mut Child, forum: &Forum, more: u64) {
    let from = forum.requests.load(Ordering::SeqCst);
    let started = Instant::now();
    while forum.requests.load(Ordering::SeqCst) < from + more && started.elapsed() < Duration::from_secs(1) {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        std::thread::yield_now();
    }
}

/// What must be the same however often the program was killed.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    hits: BTreeSet<String>,
    cases: BTreeSet<(String, u64, u64)>,
    mails: BTreeMap<String, usize>,
}

fn outcome(installation: &Installation, sink: &Sink) -> Outcome {
    let hits = installation.rows(&["hit", "list"]);
    let place = |hit: &serde_json::Value| {
        ["organization", "entry", "field", "thread", "post", "start", "end"].map(|name| hit[name].to_string()).join("|")
    };
    let cases = installation.rows(&["case", "list"]);
    let case = |case: &serde_json::Value| {
        (case["state"].to_string(), case["entries"].as_u64().unwrap(), case["hits"].as_u64().unwrap())
    };
    let mut mails = BTreeMap::new();
    for message in sink.received() {
        let subject = message.header("Subject");
        // The case's id depends on which of its hits came first; what the mail says of it does not.
        let said = subject.split(" (C-").next().unwrap_or_default().to_owned();
        *mails.entry(said).or_default() += 1;
    }
    Outcome { hits: hits.iter().map(place).collect(), cases: cases.iter().map(case).collect(), mails }
}

fn crawl_to_the_end(installation: &Installation, args: &[&str]) {
    let output = installation.run(args);
    assert!(output.status.success(), "crawl: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_crawl_killed_at_two_hundred_instants_ends_like_one_left_alone_first_fifty() {
    killed(20_261_121);
}

#[test]
fn a_crawl_killed_at_two_hundred_instants_ends_like_one_left_alone_second_fifty() {
    killed(20_261_122);
}

#[test]
fn a_crawl_killed_at_two_hundred_instants_ends_like_one_left_alone_third_fifty() {
    killed(20_261_123);
}

#[test]
fn a_crawl_killed_at_two_hundred_instants_ends_like_one_left_alone_fourth_fifty() {
    killed(20_261_124);
}

/// Another process holds the database's lock for longer than anybody waits for it.
#[test]
fn a_crawl_whose_database_is_locked_for_long_ends_like_one_left_alone() {
    let forum = Forum::serve(content());
    let folder = tempfile::tempdir().unwrap();
    let watchlist = write_watchlist(folder.path(), CANARIES);
    let watchlist = Path::to_str(&watchlist).unwrap();
    let (calm, calm_sink) = (Installation::new(), Sink::start(&[]));
    crawl_to_the_end(&calm, &crawl_args(watchlist, &forum.url(), &calm_sink.url("smtp")));

    let (locked, locked_sink) = (Installation::new(), Sink::start(&[]));
    let (mail, source) = (locked_sink.url("smtp"), forum.url());
    let args = crawl_args(watchlist, &source, &mail);
    let mut child = locked.start(&args);
    wait_for_requests(&mut child, &forum, 40);
    let database = rusqlite::Connection::open(locked.data().join("dyepack.db")).unwrap();
    database.busy_timeout(Duration::from_secs(20)).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (since, requests) = (Instant::now(), forum.requests.load(Ordering::SeqCst));
    // Longer than the ten seconds that a statement waits for the lock.
    while since.elapsed() < Duration::from_secs(13) {
        assert!(child.try_wait().unwrap().is_none(), "the crawl gave up");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let meanwhile = forum.requests.load(Ordering::SeqCst) - requests;
    assert!(meanwhile < 100, "{meanwhile} pages were read that could not be recorded");
    database.execute_batch("ROLLBACK").unwrap();
    drop(database);
    assert!(child.wait().unwrap().success());
    assert_eq!(outcome(&locked, &locked_sink), outcome(&calm, &calm_sink));
}

fn killed(seed: u64) {
    let forum = Forum::serve(content());
    let folder = tempfile::tempdir().unwrap();
    let watchlist = write_watchlist(folder.path(), CANARIES);
    let watchlist = Path::to_str(&watchlist).unwrap();

    let (calm, calm_sink) = (Installation::new(), Sink::start(&[]));
    crawl_to_the_end(&calm, &crawl_args(watchlist, &forum.url(), &calm_sink.url("smtp")));
    let expected = outcome(&calm, &calm_sink);
    assert!(
        expected.hits.len() > CANARIES && !expected.mails.is_empty(),
        "the calm run found too little: {expected:?}"
    );

    let mut seeded = Seeded(seed);
    let mut kills = 0;
    while kills < KILLS {
        let (killed, killed_sink) = (Installation::new(), Sink::start(&[]));
        let (mail, source) = (killed_sink.url("smtp"), forum.url());
        let args = crawl_args(watchlist, &source, &mail);
        while kills < KILLS && kill_once(&killed, &args, &forum, &mut seeded) {
            kills += 1;
        }
        crawl_to_the_end(&killed, &args);
        assert_eq!(outcome(&killed, &killed_sink), expected, "after {kills} kills");
    }
}

/// Starts a crawl and kills it at a random instant; `false` if it had ended by itself.
fn kill_once(installation: &Installation, args: &[&str], forum: &Forum, seeded: &mut Seeded) -> bool {
    let mut child = installation.start(args);
    wait_for_requests(&mut child, forum, 1 + seeded.below(9));
    // A few instants more, so that the kill falls anywhere between two requests.
    let pause = Duration::from_micros(seeded.below(30_000));
    let started = Instant::now();
    while started.elapsed() < pause {
        std::hint::spin_loop();
    }
    let has_ended = child.try_wait().unwrap().is_some();
    child.kill().unwrap();
    child.wait().unwrap();
    !has_ended
}
