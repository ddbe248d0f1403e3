//! Fingerprints: making the file, opening it, looking up; beside a plain binary search and a hash set.
//!
//! `cargo bench --bench fingerprints [-- COUNT|dump [COUNT]]`; 100,000,000 of them unless told otherwise. With `dump` the
//! same number is parted among three organizations, each with a third of a million canaries beside them, and a stolen table
//! is searched from its raw bytes to its hits. Cards are invented: of a prefix that no issuer has.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench, figures for people"
)]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and files")]

mod clock;

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher as StdHasher};
use std::hint::black_box;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use clock::ClockId;
use dyepack::domain::fingerprints::{FingerprintSet, Fingerprints};
use dyepack::domain::identifier::{Epoch, Fingerprint, FingerprintKey, FingerprintKind, Hasher};
use dyepack::domain::matcher::{Document, Matcher};
use dyepack::domain::secret::Secret;
use dyepack::domain::watchlist::OrganizationId;
use dyepack::ports::vault::Vault;
use dyepack::services::fingerprinting::{self, Existing, Request};

#[path = "matcher/world.rs"]
#[expect(dead_code, reason = "the bench needs part of what benches share")]
mod world;

const USUAL_COUNT: u64 = 100_000_000;
const DUMP_BYTES: usize = 24 << 20;
const DUMP_CANARIES: usize = 1_000_000;
const PEERS_COUNT: u64 = 10_000_000;
const LOOK_UPS: u64 = 4_000_000;

fn main() {
    let count = std::env::args().skip(1).find_map(|count| count.parse().ok()).unwrap_or(USUAL_COUNT);
    if std::env::args().any(|part| part == "dump") {
        return dump(count);
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let key = FingerprintKey::new(OrganizationId("example-bank".to_owned()), Epoch(1), Secret::new([7; 32]));
    println!("{:<44} {:>14}", "", "");
    measure(&key, count, folder.path());
    if count != PEERS_COUNT {
        measure(&key, PEERS_COUNT, folder.path());
    }
    peers();
}

fn measure(key: &FingerprintKey, count: u64, folder: &Path) {
    let request = Request {
        key: key.clone(),
        kind: FingerprintKind::Pan,
        columns: Vec::new(),
        delimiter: None,
        calling_code: None,
        only: None,
        out: folder.join(format!("{count}.dpf")),
        existing: Existing::Keep,
    };
    println!("\n{count} fingerprints");
    let started = (Instant::now(), clock::seconds(ClockId::ProcessCPUTime));
    let report = fingerprinting::make(Cards::new(count), &request, &|_| {}).unwrap();
    assert_eq!((report.enrolment.count, report.refused.count()), (count, 0));
    report_seconds("file made from plain lines", started);
    println!("{:<44} {:>9} MB", "  peak memory until then", memory_mb("VmHWM:"));
    println!("{:<44} {:>9} MB", "  length of the file", std::fs::metadata(&request.out).unwrap().len() / 1_000_000);
    let before = memory_mb("VmRSS:");
    let started = (Instant::now(), clock::seconds(ClockId::ProcessCPUTime));
    let (set, _) = Vault::inspect(&request.out).unwrap();
    report_seconds("file checked and ready", started);
    println!("{:<44} {:>9} MB", "  memory held", memory_mb("VmRSS:") - before);
    let hasher = Hasher::new(key, FingerprintKind::Pan);
    // Every other one is enrolled; the order is as random as the hash.
    let asked: Vec<Fingerprint> =
        (0..LOOK_UPS).map(|at| hasher.fingerprint(&card(at * (2 * count / LOOK_UPS)))).collect();
    for threads in [1, 2] {
        look_up(&format!("look-ups one by one, {threads} thread(s)"), threads, || one_by_one(&set, &asked));
        look_up(&format!("look-ups by the hundred, {threads} thread(s)"), threads, || by_the_hundred(&set, &asked));
        look_up(&format!("with HMAC, by the hundred, {threads} thread(s)"), threads, || hashed(&hasher, &set, count));
    }
}

/// Searches a stolen table for the canaries of three organizations and then for their customers too.
fn dump(count: u64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let values = world::values(DUMP_CANARIES);
    let names = ["bank-a", "bank-b", "bank-c"];
    let (mut watchlists, mut fingerprints) = (Vec::new(), Fingerprints::default());
    for (name, own) in names.iter().zip(values.chunks(DUMP_CANARIES.div_ceil(names.len()))) {
        let mut watchlist = world::watchlist(own);
        watchlist.organization.id = OrganizationId((*name).to_owned());
        let key = FingerprintKey::new(watchlist.organization.id.clone(), Epoch(1), Secret::new([9; 32]));
        let request = Request {
            key: key.clone(),
            kind: FingerprintKind::Pan,
            columns: Vec::new(),
            delimiter: None,
            calling_code: None,
            only: None,
            out: folder.path().join(format!("{name}.dpf")),
            existing: Existing::Keep,
        };
        fingerprinting::make(Cards::new(count / names.len() as u64), &request, &|_| {}).unwrap();
        let (set, _) = Vault::inspect(&request.out).unwrap();
        assert!(fingerprints.add(&key, Arc::new(set)));
        watchlists.push(watchlist);
    }
    let text = world::dump(DUMP_BYTES, &values);
    println!("{} MB of a stolen table, {DUMP_CANARIES} canaries, {count} fingerprints", text.len() / 1_000_000);
    let canaries = Matcher::compile(&watchlists);
    search("canaries alone, from raw bytes", &canaries, &text);
    let all = canaries.with_fingerprints(&fingerprints);
    search("canaries and fingerprints, from raw bytes", &all, &text);
    println!("{:<44} {:>9} MB", "memory held", memory_mb("VmRSS:"));
}

fn search(what: &str, matcher: &Matcher, text: &str) {
    let document = Document { bytes: text.as_bytes(), name: "clients.csv", media_type: None, charset: None };
    let best = (0..3)
        .map(|_| {
            let started = clock::seconds(ClockId::ProcessCPUTime);
            let scan = black_box(matcher.scan(&document));
            (clock::seconds(ClockId::ProcessCPUTime) - started, scan)
        })
        .min_by(|one, other| one.0.total_cmp(&other.0));
    let (seconds, scan) = best.unwrap();
    let tested: u64 = scan.tested.iter().filter(|tested| tested.kind.is_none()).map(|tested| tested.values).sum();
    let found: u64 = scan.tested.iter().filter(|tested| tested.kind.is_none()).map(|tested| tested.hits).sum();
    println!(
        "{what:<44} {:>9.0} MB/s  {} hits told, {found} of {tested} values are customers'",
        text.len() as f64 / seconds / 1e6,
        scan.hits.len()
    );
}

fn one_by_one(set: &FingerprintSet, asked: &[Fingerprint]) -> u64 {
    asked.iter().filter(|fingerprint| set.contains(fingerprint)).count() as u64
}

fn by_the_hundred(set: &FingerprintSet, asked: &[Fingerprint]) -> u64 {
    let mut found = 0;
    for some in asked.chunks(100) {
        set.find_all(some, |_| found += 1);
    }
    found
}

fn hashed(hasher: &Hasher, set: &FingerprintSet, count: u64) -> u64 {
    let mut found = 0;
    let mut some = Vec::with_capacity(100);
    for at in 0..LOOK_UPS {
        some.push(hasher.fingerprint(&card(at * (2 * count / LOOK_UPS))));
        if some.len() == 100 {
            set.find_all(&some, |_| found += 1);
            some.clear();
        }
    }
    found
}

/// The same fingerprints' tags in what one would take first.
fn peers() {
    println!("\npeers, {PEERS_COUNT} tags of eight bytes");
    let tag =
        |number: u64| (u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 64) as u64;
    let asked: Vec<u64> = (0..LOOK_UPS).map(|at| tag(at * (2 * PEERS_COUNT / LOOK_UPS))).collect();
    let mut sorted: Vec<u64> = (0..PEERS_COUNT).map(tag).collect();
    sorted.sort_unstable();
    look_up("binary search, 1 thread(s)", 1, || {
        asked.iter().filter(|tag| sorted.binary_search(tag).is_ok()).count() as u64
    });
    let before = memory_mb("VmRSS:");
    let known: HashSet<u64> = sorted.iter().copied().collect();
    look_up("std HashSet (SipHash), 1 thread(s)", 1, || asked.iter().filter(|tag| known.contains(tag)).count() as u64);
    drop(known);
    let known: HashSet<u64, BuildHasherDefault<Taken>> = sorted.iter().copied().collect();
    println!("{:<44} {:>9} MB", "  memory held", memory_mb("VmRSS:").saturating_sub(before));
    look_up("HashSet without hashing, 1 thread(s)", 1, || {
        asked.iter().filter(|tag| known.contains(tag)).count() as u64
    });
}

/// A tag is a hash already.
#[derive(Default)]
struct Taken(u64);

impl StdHasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, tag: u64) {
        self.0 = tag;
    }
}

/// Tells the rate, and what one look-up costs a core: wall time says little on a shared machine.
fn look_up(what: &str, threads: u64, once: impl Fn() -> u64 + Sync) {
    let mut costs: Vec<(f64, f64)> = (0..3)
        .map(|_| {
            let (started, cpu) = (Instant::now(), clock::seconds(ClockId::ProcessCPUTime));
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| assert_eq!(black_box(once()), LOOK_UPS / 2));
                }
            });
            let all = (LOOK_UPS * threads) as f64;
            ((clock::seconds(ClockId::ProcessCPUTime) - cpu) / all * 1e9, all / started.elapsed().as_secs_f64() / 1e6)
        })
        .collect();
    costs.sort_by(|one, other| one.0.total_cmp(&other.0));
    println!("{what:<44} {:>9.1} M/s {:>7.0} ns of CPU", costs[1].1, costs[1].0);
}

fn report_seconds(what: &str, (started, cpu): (Instant, f64)) {
    println!(
        "{what:<44} {:>9.2} s   {:>7.2} s of CPU",
        started.elapsed().as_secs_f64(),
        clock::seconds(ClockId::ProcessCPUTime) - cpu
    );
}

fn memory_mb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1000
}

/// An invented card with a right check digit.
fn card(number: u64) -> [u8; 16] {
    let mut digits = *b"9999120000000000";
    let mut rest = number;
    for digit in digits.get_mut(6..15).unwrap().iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap();
        rest /= 10;
    }
    let doubled = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 = digits
        .iter()
        .take(15)
        .enumerate()
        .map(|(at, digit)| u32::from(if at % 2 == 0 { doubled(digit - b'0') } else { digit - b'0' }))
        .sum();
    digits[15] = b'0' + u8::try_from((10 - sum % 10) % 10).unwrap();
    digits
}

/// Cards, one a line.
struct Cards {
    next: u64,
    count: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl Cards {
    const fn new(count: u64) -> Self {
        Self { next: 0, count, buffer: Vec::new(), at: 0 }
    }
}

impl Read for Cards {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
            let end = self.count.min(self.next + 4096);
            for number in self.next..end {
                self.buffer.extend_from_slice(&card(number));
                self.buffer.push(b'\n');
            }
            self.next = end;
        }
        let rest = &self.buffer[self.at..];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
