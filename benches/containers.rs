//! Containers: megabytes a second by kind, beside what their decoder alone needs; and an archive of a hundred megabytes
//! beside a million canaries, from the command to its end.
//!
//! `cargo bench --bench containers [-- kinds|zip [MB]]`. A kind's figure is of unpacked bytes and of CPU time of one thread.
//! The archive is searched by the program itself, with the machine's other work in its wall time; Python's `zipfile` with
//! pyahocorasick, told one exact spelling of each value, does the same where that is installed (`DYEPACK_BENCH_PYTHON`).
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench lays out its own world, figures for people"
)]

mod clock;

use std::collections::HashSet;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clock::ClockId;
use dyepack::domain::container::{Held, Order, Piece, unpack};
use zip::write::SimpleFileOptions;

#[path = "matcher/world.rs"]
#[expect(dead_code, reason = "the bench needs part of what benches share")]
mod world;

const KIND_BYTES: usize = 16 << 20;
const CANARIES: usize = 1_000_000;
/// A watchlist holds no more rows.
const WATCHLIST_ROWS: usize = 500_000;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let part = args.next().unwrap_or_else(|| "all".to_owned());
    let megabytes = args.next().and_then(|count| count.parse().ok()).unwrap_or(300);
    if part != "zip" {
        kinds();
    }
    if part != "kinds" {
        archive(megabytes);
    }
}

/// Unpacks the same table out of every kind of container.
fn kinds() {
    let values = world::values(10_000);
    let text = world::dump(KIND_BYTES, &values).into_bytes();
    println!("{:<12} {:>10} {:>16} {:>16}", "kind", "packed MB", "decoder, MB/s", "dyepack, MB/s");
    for (name, packed, decode) in packings(&text) {
        let size = packed.len();
        let alone = best_of_three(|| decode(&packed));
        let ours = best_of_three(|| unpacked(&format!("clients.{name}"), packed.clone()));
        let rate = |seconds: f64| text.len() as f64 / seconds / 1e6;
        println!("{name:<12} {:>10.1} {:>16.0} {:>16.0}", size as f64 / 1e6, rate(alone), rate(ours));
    }
}

/// What one kind is called, packed bytes, and the decoder that a container room would use, without anything around it.
type Packing = (&'static str, Vec<u8>, fn(&[u8]) -> u64);

fn packings(text: &[u8]) -> [Packing; 6] {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(text).unwrap();
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    bz2.write_all(text).unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "clients.csv", text).unwrap();
    [
        ("csv", text.to_vec(), plain),
        ("zip", zipped(&[("clients.csv", text)]), unzip),
        ("gz", gz.finish().unwrap(), gunzip),
        ("bz2", bz2.finish().unwrap(), bunzip2),
        ("zst", zstd::encode_all(text, 3).unwrap(), unzstd),
        ("tar", tar.into_inner().unwrap(), plain),
    ]
}

fn plain(packed: &[u8]) -> u64 {
    drained(packed)
}

fn unzip(packed: &[u8]) -> u64 {
    let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
    drained(archive.by_index(0).unwrap())
}

fn gunzip(packed: &[u8]) -> u64 {
    drained(flate2::read::GzDecoder::new(packed))
}

fn bunzip2(packed: &[u8]) -> u64 {
    drained(bzip2::read::BzDecoder::new(packed))
}

fn unzstd(packed: &[u8]) -> u64 {
    drained(zstd::stream::read::Decoder::new(packed).unwrap())
}

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn drained(mut reader: impl Read) -> u64 {
    io::copy(&mut reader, &mut io::sink()).unwrap()
}

fn unpacked(name: &str, packed: Vec<u8>) -> u64 {
    let order = Order { name: name.to_owned(), ..Order::default() };
    let mut bytes = 0;
    unpack(&order, Box::new(Held::new(packed)), &mut |piece| {
        if let Piece::Bytes(some) = piece {
            bytes += black_box(some).len() as u64;
        }
    });
    bytes
}

/// Searches an archive of four tables by the program, and by Python.
fn archive(megabytes: usize) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut known = HashSet::new();
    let mut values = world::values(6 * CANARIES + CANARIES / 100);
    values.retain(|(field, value)| *field == "pan" && known.insert(value.clone()));
    values.truncate(CANARIES);
    let tables: Vec<String> =
        values.chunks(CANARIES / 4).map(|own| world::dump(megabytes * 1_000_000 / 4, own)).collect();
    let names = ["a.csv", "b.csv", "c.csv", "d.csv"];
    let members: Vec<(&str, &[u8])> =
        names.into_iter().zip(&tables).map(|(name, table)| (name, table.as_bytes())).collect();
    let packed = zipped(&members);
    let path = folder.path().join("clients.zip");
    fs::write(&path, &packed).unwrap();
    drop(tables);
    println!("\nzip of {} MB, {megabytes} MB unpacked, {CANARIES} cards enrolled", packed.len() / 1_000_000);
    drop(packed);
    let watchlists: Vec<PathBuf> = values
        .chunks(WATCHLIST_ROWS)
        .enumerate()
        .map(|(index, own)| enrol(folder.path(), &format!("bank-{index}"), own))
        .collect();
    report("dyepack scan", scan(&watchlists).arg(&path));
    let empty = folder.path().join("empty.txt");
    fs::write(&empty, "nothing").unwrap();
    report("the same of an empty file", scan(&watchlists).arg(&empty));
    let Some(python) = std::env::var_os("DYEPACK_BENCH_PYTHON") else {
        println!("{:<36} skipped: DYEPACK_BENCH_PYTHON names no Python with pyahocorasick", "zipfile, pyahocorasick");
        return;
    };
    let literals = folder.path().join("literals");
    let spelled: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    fs::write(&literals, spelled.join("\n")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/zipped.py");
    report("zipfile, pyahocorasick", Command::new(python).arg(script).arg(&literals).arg(&path));
}

fn scan(watchlists: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dyepack"));
    command.args(["scan", "--format", "json"]);
    for watchlist in watchlists {
        command.arg("--watchlist").arg(watchlist);
    }
    command
}

fn enrol(folder: &Path, name: &str, values: &[(&str, String)]) -> PathBuf {
    let folder = folder.join(name);
    fs::create_dir(&folder).unwrap();
    let organization = format!(
        "id = \"{name}\"\nname = \"Bench Bank\"\n\n[[contact]]\naddress = \"soc@{name}.example\"\nrole = \"security\"\n\n\
         [[custodian]]\ncode = \"H01\"\nname = \"Hosting One\"\n\n[[dataset]]\nid = \"customers\"\nrows = 1000000\n"
    );
    fs::write(folder.join("organization.toml"), organization).unwrap();
    let mut table = io::BufWriter::new(File::create(folder.join("canaries.csv")).unwrap());
    writeln!(table, "canary,dataset,holders,planted_at,retired_at,pan").unwrap();
    for (index, (_, value)) in values.iter().enumerate() {
        writeln!(table, "c{index:07},customers,H01,2026-01-02,,{value}").unwrap();
    }
    table.flush().unwrap();
    folder
}

/// Runs a program; tells its wall time, its CPU time with that of its children, and how many lines it wrote.
fn report(what: &str, command: &mut Command) {
    let (started, cpu) = (Instant::now(), children_seconds());
    let output = command.output().unwrap();
    let (wall, cpu) = (started.elapsed().as_secs_f64(), children_seconds() - cpu);
    let lines = String::from_utf8_lossy(&output.stdout).lines().count();
    println!("{what:<36} {wall:>8.1} s {cpu:>8.1} CPU s {lines:>8} lines, {}", output.status);
}

fn best_of_three(work: impl Fn() -> u64) -> f64 {
    let once = |_| {
        let start = clock::seconds(ClockId::ThreadCPUTime);
        let _ = black_box(work());
        (clock::seconds(ClockId::ThreadCPUTime) - start).max(1e-6)
    };
    (0..3).map(once).min_by(f64::total_cmp).unwrap()
}

/// User and system time of children that have ended (`/proc/self/stat`, fields 16 and 17, in ticks of 10 ms).
fn children_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}
