//! What reading one page costs, by engine: pages of the forum sets beside the project, those that are there.
//!
//! `cargo bench --bench recipes`: pages, mean size, microseconds a page and a kilobyte, of one thread.
#![expect(clippy::print_stdout, reason = "a benchmark shows its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads files and clocks")]

use std::fs;
use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use dyepack::domain::forum;
use dyepack::domain::page::{Asked, FetchedPage};
use serde_json::Value;
use url::Url;

const ROUNDS: u32 = 5;

fn main() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/forums");
    let Ok(sets) = fs::read_dir(&shared) else {
        println!("no forum sets beside the project");
        return;
    };
    let mut sets: Vec<_> =
        sets.map(|set| set.unwrap().path()).filter(|set| set.join("captures.jsonl").is_file()).collect();
    sets.sort();
    println!("{:26} {:>6} {:>8} {:>10} {:>8}", "set", "pages", "KB", "µs/page", "µs/KB");
    for set in sets {
        measure(&set);
    }
}

/// Reads every thread and board of a set in turn; the best of some rounds.
fn measure(set: &Path) {
    let truth: Value = serde_json::from_str(&fs::read_to_string(set.join("truth.json")).unwrap()).unwrap();
    let Some(start) = truth["base_url"].as_str().and_then(|base| Url::parse(base).ok()) else { return };
    let pages: Vec<FetchedPage> =
        fs::read_to_string(set.join("captures.jsonl")).unwrap().lines().filter_map(|line| page(set, line)).collect();
    if pages.is_empty() {
        return;
    }
    let round = || {
        let begin = Instant::now();
        for page in &pages {
            black_box(forum::read(black_box(page), &start));
        }
        begin.elapsed()
    };
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or(Duration::ZERO);
    let count = u32::try_from(pages.len()).unwrap();
    let kilobytes = pages.iter().map(|page| page.body.len()).sum::<usize>() / 1_024;
    let kilobytes = u32::try_from(kilobytes).unwrap().max(1);
    println!(
        "{:26} {:>6} {:>8.1} {:>10.0} {:>8.1}",
        set.file_name().unwrap().to_string_lossy(),
        count,
        f64::from(kilobytes) / f64::from(count),
        best.as_secs_f64() * 1e6 / f64::from(count),
        best.as_secs_f64() * 1e6 / f64::from(kilobytes)
    );
}

fn page(set: &Path, line: &str) -> Option<FetchedPage> {
    let capture: Value = serde_json::from_str(line).unwrap();
    if !matches!(capture["kind"].as_str(), Some("thread" | "board")) {
        return None;
    }
    let packed = fs::read(set.join(capture["file"].as_str()?)).ok()?;
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut body).ok()?;
    let url = Url::parse(capture["request"]["url"].as_str().or(capture["url"].as_str())?).ok()?;
    let headers = Vec::new();
    Some(FetchedPage {
        requested: url.clone(),
        url,
        status: 200,
        headers,
        body,
        fetched_at: "2026-11-21T20:30:00Z".parse().unwrap(),
        asked: Asked::default(),
    })
}
