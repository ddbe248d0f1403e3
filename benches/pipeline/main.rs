//! Pages a second and CPU seconds per 1000 pages, for the whole pipeline: fetch, read, match, store.
//!
//! `cargo bench --bench pipeline [-- PAGES [CANARIES]]` serves MyBB-shaped thread pages of about 90 KB from a process of its own,
//! fetches each of them with bare reqwest (the floor), then crawls them into a fresh SQLite store, matching against the canaries of
//! `watchlists/example-bank` and as many invented ones as are asked for; first pages as an engine sends them, mostly markup
//! (`engine`), then pages that are hardly anything but text, which no engine sends and which cost the most. CPU is this process's
//! own (user and system), so the server is not counted, nor is the enrolment. Reading and compiling the watchlist, which a crawl does
//! once, is told apart: a crawl of nothing does it alone, and its time is taken off.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench lays out its own world"
)]

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dyepack::domain::source::Source;
use dyepack::domain::watchlist::Canary;
use dyepack::ports::clock::Clock;
use dyepack::ports::evidence::Evidence;
use dyepack::ports::fetch::{FetchOptions, Fetcher};
use dyepack::ports::sandbox::{Allowance, Sandbox};
use dyepack::ports::seal::Seal;
use dyepack::ports::store::Store;
use dyepack::ports::store::model::RecordPolicy;
use dyepack::ports::vault::Vault;
use dyepack::services::{crawl, intake};
use mimalloc::MiMalloc;
use tokio::sync::watch;

mod engine;
#[path = "../../tests/it/world/forum.rs"]
#[expect(dead_code, reason = "the bench needs part of what tests share")]
mod forum;

/// What the pages are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// As an engine sends them.
    Engine,
    /// Ten long posts with hardly any markup.
    Text,
}

impl Shape {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Text => "text",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Engine => "as an engine sends them: twenty posts, an eighth of the page",
            Self::Text => "nearly all text: ten posts",
        }
    }
}

/// As in the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const POSTS_A_PAGE: usize = 10;
const PAGES_A_THREAD: usize = 10;
const POST_BYTES: usize = 8_700;

fn main() {
    let mut args = std::env::args().skip(1);
    let first = args.find(|arg| arg != "--bench");
    if first.as_deref() == Some("--serve") {
        let shape = if args.next().as_deref() == Some(Shape::Text.as_str()) { Shape::Text } else { Shape::Engine };
        serve(shape, args.next().unwrap().parse().unwrap());
    }
    let pages = first.and_then(|pages| pages.parse().ok()).unwrap_or(2000);
    let canaries = args.next().and_then(|canaries| canaries.parse().ok()).unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // As the program does.
    dyepack::ports::memory::take_small_pages();
    for shape in [Shape::Engine, Shape::Text] {
        let (_server, url) = start_server(shape, pages);
        println!("{pages} pages of threads, about 90 KB each, {}", shape.label());
        println!("{:<34} {:>8} {:>10} {:>14} {:>10}", "", "pages", "pages/s", "CPU s / 1000", "peak MB");
        runtime.block_on(async {
            floor(&url, pages).await;
            pipeline(&url, canaries).await;
        });
        scrapy(&url);
        spider(&url);
    }
}

/// Fetches every page and drops it.
async fn floor(url: &str, pages: usize) {
    dyepack::ports::tls::install();
    let client = reqwest::Client::builder().build().unwrap();
    let base = url.trim_end_matches("index.php").to_owned();
    let usage = Usage::now();
    let mut flights = tokio::task::JoinSet::new();
    for lane in 0..8 {
        let (client, base) = (client.clone(), base.clone());
        flights.spawn(async move {
            for page in (lane..pages).step_by(8) {
                let (tid, number) = (page / PAGES_A_THREAD + 1, page % PAGES_A_THREAD + 1);
                let address = format!("{base}showthread.php?tid={tid}&page={number}");
                client.get(address).send().await.unwrap().bytes().await.unwrap();
            }
        });
    }
    while flights.join_next().await.is_some() {}
    usage.report("bare reqwest, body dropped", pages as u64);
}

/// Crawls the forum from its start page until nothing is due.
async fn pipeline(url: &str, canaries: u32) {
    let folder = tempfile::tempdir().unwrap();
    let store_url = format!("sqlite:{}", folder.path().join("bench.db").display());
    let clock = Clock::system();
    let store = Store::open(&store_url, Seal::from_key(&[7; 32])).await.unwrap();
    let mut watchlist = intake::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists/example-bank")).unwrap();
    let enrolled = watchlist.canaries.len();
    watchlist.canaries.extend((0..canaries).map(invented));
    store.replace_watchlist(&watchlist, clock.now()).await.unwrap();
    println!("{enrolled} canaries and {canaries} invented ones");
    drop(watchlist);
    let usage = Usage::now();
    crawl_all(&store, folder.path()).await;
    let start = usage.spent();
    println!(
        "{:<34} {:>8} {:>10.1} CPU s, peak {} MB",
        "watchlist read and compiled",
        "once",
        start.0.as_secs_f64(),
        peak_mb()
    );
    store.add_source(&Source::from_url(url).unwrap(), clock.now()).await.unwrap();
    let usage = Usage::now();
    let summary = crawl_all(&store, folder.path()).await;
    usage.without(start).report("crawl: fetch, read, match, store", summary.progress.pages);
    println!(
        "posts {}, hits {}, failures {}",
        summary.progress.posts, summary.progress.hits, summary.progress.failures
    );
}

/// Crawls what is due.
async fn crawl_all(store: &Store, folder: &Path) -> crawl::Summary {
    let clock = Clock::system();
    let fetcher = Fetcher::new(FetchOptions::default(), clock.clone());
    let policy = RecordPolicy { settle: Duration::from_mins(1) };
    let mut options = crawl::CrawlOptions::new("bench", policy);
    options.until = crawl::Until::NothingDue { patience: Duration::from_secs(5) };
    let (_stop, stopped) = watch::channel(false);
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_dyepack").into(), Allowance::of_attachments());
    let evidence = Evidence::new(folder, Seal::from_key(&[7; 32]));
    let ports = crawl::Ports { store: store.clone(), vault: Vault::default(), fetcher, evidence, sandbox, clock };
    crawl::run(ports, options, stopped).await.unwrap()
}

/// A canary with a card of a reserved range, a telephone number and a mail address, none of which the pages hold.
fn invented(number: u32) -> Canary {
    let seed = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let fields = [
        ("pan", format!("999912{:010}", seed % 10_000_000_000)),
        ("phone", format!("+8612{:09}", seed % 1_000_000_000)),
        (
            "email",
            format!("{}.{number}@mail.example-bank.example", ["ash", "birch", "cedar", "elm"][number as usize % 4]),
        ),
    ];
    Canary {
        id: format!("x-{number}"),
        dataset: "customers".to_owned(),
        holders: vec!["H01".to_owned()],
        planted_at: "2026-01-01".parse().ok(),
        retired_at: None,
        p: None,
        fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

/// Crawls the same forum by Scrapy, which matches with pyahocorasick and keeps posts in SQLite, where a Python with both is
/// named (`DYEPACK_BENCH_PYTHON`).
fn scrapy(url: &str) {
    let what = "Scrapy, pyahocorasick, SQLite";
    let Some(python) = named("DYEPACK_BENCH_PYTHON") else {
        println!("{what:<34} skipped: DYEPACK_BENCH_PYTHON names no Python with them");
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let usage = Usage::of_children();
    let output = Command::new(python)
        .arg(root.join("benches/peers/forum.py"))
        .arg(url)
        .arg(root.join("watchlists/example-bank/canaries.csv"))
        .arg(folder.path().join("peer.db"))
        .output()
        .unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    let pages = words.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or_default();
    usage.report(what, pages);
    println!("pages, posts, hits {}", words.trim());
}

/// Follows the same forum's links by the crate spider, where `DYEPACK_BENCH_SPIDER` names the program built from
/// `benches/peers/spider`.
fn spider(url: &str) {
    let what = "spider, links alone";
    let Some(program) = named("DYEPACK_BENCH_SPIDER") else {
        println!("{what:<34} skipped: DYEPACK_BENCH_SPIDER names no program");
        return;
    };
    let usage = Usage::of_children();
    let output = Command::new(program).arg(url).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    usage.report(what, words.trim().parse().unwrap_or_default());
}

/// The process that serves the pages; ends with the bench, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A program that the environment names, if it does.
fn named(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|program| !program.is_empty())
}

fn start_server(shape: Shape, pages: usize) -> (Server, String) {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--serve", shape.as_str(), &pages.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (Server(server), url.trim().to_owned())
}

fn serve(shape: Shape, pages: usize) -> ! {
    let forum = match shape {
        Shape::Engine => forum::Forum::serve_pages(move |target| engine::page(pages, target)),
        Shape::Text => forum::Forum::serve(long_posts(pages.div_ceil(PAGES_A_THREAD))),
    };
    println!("{}", forum.url());
    loop {
        std::thread::park();
    }
}

/// Threads of ten pages of ten posts, 8.7 KB each.
fn long_posts(threads: usize) -> forum::Content {
    let words = "the quay was quiet and nobody asked for order 4929 1834 again; 没有人回答，价格不变。 ";
    let body = words.repeat(POST_BYTES / words.len());
    let post = |tid: usize, at: usize| format!("<b>{tid}/{at}</b> {body}<br />{}", tid * at);
    let thread = |tid: usize| (0..POSTS_A_PAGE * PAGES_A_THREAD).map(|at| post(tid, at)).collect();
    forum::Content { threads: (0..threads).map(thread).collect() }
}

/// CPU time and wall time since a moment.
struct Usage {
    whose: Whose,
    cpu: Duration,
    wall: Instant,
}

/// Whose time is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    /// Of children that have ended.
    Children,
}

impl Usage {
    fn now() -> Self {
        Self { whose: Whose::Own, cpu: cpu_time(Whose::Own), wall: Instant::now() }
    }

    fn of_children() -> Self {
        Self { whose: Whose::Children, cpu: cpu_time(Whose::Children), wall: Instant::now() }
    }

    /// Returns CPU time and wall time.
    fn spent(&self) -> (Duration, Duration) {
        (cpu_time(self.whose).saturating_sub(self.cpu), self.wall.elapsed())
    }

    /// Leaves out time that was spent on something else.
    fn without(self, (cpu, wall): (Duration, Duration)) -> Self {
        Self { cpu: self.cpu + cpu, wall: self.wall + wall, ..self }
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn report(&self, what: &str, pages: u64) {
        let (cpu, wall) = self.spent();
        let (cpu, wall) = (cpu.as_secs_f64(), wall.as_secs_f64());
        let peak = if self.whose == Whose::Own { peak_mb().to_string() } else { String::new() };
        let pages_float = pages.max(1) as f64;
        println!(
            "{what:<34} {pages:>8} {:>10.0} {:>14.2} {:>10}",
            pages_float / wall,
            cpu * 1000.0 / pages_float,
            peak
        );
    }
}

/// User and system time (`/proc/self/stat`, fields 14 and 15, of children 16 and 17, in ticks of 10 ms).
fn cpu_time(whose: Whose) -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let first = if whose == Whose::Own { 11 } else { 13 };
    let ticks: u64 = fields[first].parse::<u64>().unwrap() + fields[first + 1].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
