//! Many sources in rotation, and one very large one: memory above the compiled watchlist, and whether shares are fair.
//!
//! `cargo bench --bench sources [-- SOURCES THREADS]` crawls SOURCES small forums (2,000), each on a loopback address of its own,
//! then one forum whose list names THREADS threads (100,000). A process of its own serves them all and is not counted.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench lays out its own world"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dyepack::domain::source::Source;
use dyepack::ports::clock::Clock;
use dyepack::ports::evidence::Evidence;
use dyepack::ports::fetch::{FetchOptions, Fetcher};
use dyepack::ports::sandbox::{Allowance, Sandbox};
use dyepack::ports::seal::Seal;
use dyepack::ports::store::Store;
use dyepack::ports::store::model::RecordPolicy;
use dyepack::ports::vault::Vault;
use dyepack::services::crawl::{self, CrawlOptions, Ports, Progress, Until};
use dyepack::services::intake;
use tokio::sync::watch;

/// Threads of each of the small forums.
const SMALL: usize = 8;
const THREADS_PER_PAGE: usize = 50;
/// Host of the large forum.
const LARGE: &str = "127.200.0.1";

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let first = args.next();
    if first.as_deref() == Some("--serve") {
        serve(args.next().unwrap().parse().unwrap());
    }
    let number = |arg: Option<String>, usual| arg.and_then(|arg| arg.parse().ok()).unwrap_or(usual);
    let (sources, threads) = (number(first, 2_000), number(args.next(), 100_000));
    let (mut server, port) = start_server(threads);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{:<44} {:>8} {:>8} {:>10} {:>12} {:>12}", "", "pages", "s", "pages/s", "watchlist MB", "above it MB");
    runtime.block_on(async {
        let hosts = (0..sources)
            .map(|number| format!("127.{}.{}.{}", 1 + number / 62_500, number / 250 % 250, 1 + number % 250));
        let hosts: Vec<String> = hosts.collect();
        crawl_all(&format!("{sources} sources of {SMALL} threads"), &hosts, port).await;
        crawl_all(&format!("one source of {threads} threads"), &[LARGE.to_owned()], port).await;
    });
    server.kill().unwrap();
    server.wait().unwrap();
}

async fn crawl_all(what: &str, hosts: &[String], port: u16) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let url = format!("sqlite:{}", folder.path().join("bench.db").display());
    let store = Store::open(&url, Seal::from_key(&[7; 32])).await.unwrap();
    let watchlist = intake::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists/example-bank")).unwrap();
    store.replace_watchlist(&watchlist, clock.now()).await.unwrap();
    let fetcher = Fetcher::new(FetchOptions::default(), clock.clone());
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_dyepack").into(), Allowance::of_attachments());
    let evidence = Evidence::new(folder.path(), Seal::from_key(&[7; 32]));
    let ports =
        Ports { store: store.clone(), vault: Vault::default(), fetcher, evidence, sandbox, clock: clock.clone() };
    // A crawl of nothing compiles the watchlist: what is resident then is not the sources'.
    run(ports.clone(), &watch::Sender::new(Progress::default())).await;
    for host in hosts {
        let mut source = Source::from_url(&format!("http://{host}:{port}/index.php")).unwrap();
        if hosts.len() > 1 {
            source.concurrency = 1;
        }
        store.add_source(&source, clock.now()).await.unwrap();
    }
    let before = resident_mb("VmRSS:");
    reset_peak();
    let progress = watch::Sender::new(Progress::default());
    let mut seen = progress.subscribe();
    let half = (hosts.len() * (SMALL + 2) / 2) as u64;
    let shares = async {
        seen.wait_for(|progress| progress.pages >= half).await.unwrap();
        counts(port)
    };
    let started = Instant::now();
    let (pages, shares) = tokio::join!(run(ports, &progress), shares);
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let rate = pages as f64 / seconds;
    let above = resident_mb("VmHWM:").saturating_sub(before);
    println!("{what:<44} {pages:>8} {seconds:>8.1} {rate:>10.0} {before:>12} {above:>12}");
    if hosts.len() > 1 {
        println!("requests to each source at half time (least, median, most): {shares}");
    }
    let size = std::fs::metadata(folder.path().join("bench.db")).unwrap().len() / 1_000_000;
    println!("database: {size} MB");
}

async fn run(ports: Ports, progress: &watch::Sender<Progress>) -> u64 {
    let mut options = CrawlOptions::new("bench", RecordPolicy { settle: Duration::from_mins(1) });
    options.until = Until::NothingDue { patience: Duration::from_secs(2) };
    options.progress = progress.clone();
    let (_stop, stopped) = watch::channel(false);
    crawl::run(ports, options, stopped).await.unwrap().progress.pages
}

fn resident_mb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Makes the kernel measure the peak anew.
fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn start_server(threads: usize) -> (Child, u16) {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--serve", &threads.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (server, line.trim().parse().unwrap())
}

/// Asks the server how often each host was asked.
fn counts(port: u16) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.write_all(b"GET /counts HTTP/1.1\r\nHost: counts\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
}

type Counts = Arc<Mutex<HashMap<String, u64>>>;

fn serve(threads: usize) -> ! {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let counts = Counts::default();
    loop {
        let (stream, _) = listener.accept().unwrap();
        let counts = Arc::clone(&counts);
        std::thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || drop(converse(&stream, threads, &counts)))
            .unwrap();
    }
}

fn converse(stream: &TcpStream, threads: usize, counts: &Counts) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(2_048, stream);
    loop {
        let (mut request, mut host) = (String::new(), String::new());
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header == "\r\n" {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("host:") {
                value.trim().split(':').next().unwrap_or_default().clone_into(&mut host);
            }
        }
        let target = request.split(' ').nth(1).unwrap_or("/");
        if target == "/counts" {
            let mut all: Vec<u64> = counts.lock().unwrap().values().copied().collect();
            all.sort_unstable();
            let at = |index: usize| all.get(index).copied().unwrap_or(0);
            let body = format!("{}, {}, {}", at(0), at(all.len() / 2), at(all.len().saturating_sub(1)));
            return (&mut &*stream).write_all(&answer("200 OK", &body));
        }
        *counts.lock().unwrap().entry(host.clone()).or_default() += 1;
        let threads = if host == LARGE { threads } else { SMALL };
        let bytes = match page(target, threads) {
            Some(body) => answer("200 OK", &body),
            None => answer("404 Not Found", "nothing here"),
        };
        (&mut &*stream).write_all(&bytes)?;
    }
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn page(target: &str, threads: usize) -> Option<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let number = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.parse::<usize>().ok());
    let body = match path {
        "/index.php" => "<strong><a href=\"forumdisplay.php?fid=2\">Databases</a></strong>".to_owned(),
        "/forumdisplay.php" => list(threads, number("page=").unwrap_or(1).max(1)),
        "/showthread.php" => {
            let tid = number("tid=").filter(|tid| *tid <= threads)?;
            format!(
                "<div class=\"post\" id=\"post_{tid}\"><strong><a href=\"member.php?action=profile&amp;uid=7\">seller</a></strong>\
                 <span class=\"post_date\">11-01-2026, 10:00 AM</span><div class=\"post_body\" id=\"pid_{tid}\">thread {tid} says \
                 nothing of note</div></div>"
            )
        }
        _ => return None,
    };
    Some(format!(
        "<!DOCTYPE html><html><head><title>Bench</title><script>var my_post_key = \"0\"; MyBB = {{}};</script></head><body>\
         {body}Powered By MyBB Current time: 11-21-2026, 08:00 PM</body></html>"
    ))
}

fn list(threads: usize, asked: usize) -> String {
    let mut rows = String::new();
    for tid in (1..=threads).skip((asked - 1) * THREADS_PER_PAGE).take(THREADS_PER_PAGE) {
        let _ = write!(
            rows,
            "<tr class=\"inline_row\"><td><span id=\"tid_{tid}\"><a href=\"showthread.php?tid={tid}\">Thread {tid}</a></span></td>\
             <td><a href=\"misc.php?action=whoposted&amp;tid={tid}\">0</a></td>\
             <td><span class=\"lastpost smalltext\">11-01-2026, 10:00 AM</span></td></tr>"
        );
    }
    let next = if asked * THREADS_PER_PAGE < threads {
        format!("<a href=\"forumdisplay.php?fid=2&amp;page={}\" class=\"pagination_next\">Next</a>", asked + 1)
    } else {
        String::new()
    };
    format!("<table><tbody>{rows}</tbody></table>{next}")
}
