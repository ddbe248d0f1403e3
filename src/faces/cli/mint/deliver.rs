//! `mint deliver`: one custodian's copy, its canaries among the table's rows.
//!
//! Two passes: one counts the rows, one writes; memory holds the canaries only.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::civil::Date;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{create, open_table, replace, table, today, unreadable, watchlist_table, write_new};
use crate::domain::mint::{Planted, Table, merkle};
use crate::faces::cli::context::Context;
use crate::faces::cli::output::Format;
use crate::faces::cli::{Exit, Failure};

/// What to deliver
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The organization's watchlist
    #[arg(long, value_name = "DIR")]
    watchlist: PathBuf,
    /// The mint, as mint plan named it
    #[arg(long, value_name = "NAME")]
    mint: String,
    /// Who receives the copy
    #[arg(long, value_name = "CODE")]
    custodian: String,
    /// The table: CSV with the header that the profile was made from
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// Where the copy goes; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The day of the hand-over [default: today, UTC]
    #[arg(long, value_name = "DATE")]
    delivered_at: Option<Date>,
}

/// What was written, as scripts read it.
#[derive(Debug, Serialize)]
struct Delivered<'a> {
    delivery: &'a str,
    custodian: &'a str,
    rows: u64,
    canaries: u64,
    sha256: &'a str,
    suppression: &'a Path,
}

/// Runs `mint deliver`.
pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let minted = open_table(&args.watchlist, &args.mint, context)?;
    let copy = minted.copy_of(&args.custodian);
    if copy.is_empty() {
        return Err(Failure::Usage(format!("the mint {} has no canary for {}", args.mint, args.custodian)).into());
    }
    let day = args.delivered_at.unwrap_or_else(|| today(context));
    let rows = count(&args.input, &minted)?;
    let bar = context.output.bar(Some(rows), "{spinner} writing {pos}/{len} rows {elapsed}");
    let mut hashing =
        Hashing { file: BufWriter::with_capacity(1 << 20, create(&args.out, 0o600)?), hash: Sha256::new() };
    let written = mix(&args.input, (&minted, copy.clone(), rows), &mut hashing, &|| bar.inc(1))
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    let sha256 = hashing.finish().with_context(|| format!("cannot write {}", args.out.display()))?;
    bar.finish_and_clear();
    let delivery = format!("{}-{}-{day}-{}", minted.dataset, args.custodian, sha256.get(..8).unwrap_or_default());
    let suppression = PathBuf::from(format!("{}.suppress.csv", args.out.display()));
    write_new(&suppression, &suppressed(&minted, &copy)?, 0o600)?;
    register(args, &minted, (&delivery, day, written))?;
    let canaries = copy.len() as u64;
    match context.output.format() {
        Format::Json => context.output.json(&Delivered {
            delivery: &delivery,
            custodian: &args.custodian,
            rows: written,
            canaries,
            sha256: &sha256,
            suppression: &suppression,
        })?,
        Format::Table => {
            context
                .output
                .line(format_args!("{delivery}: {written} rows in {}, SHA-256 {sha256}", args.out.display()))?;
            context.output.line(format_args!(
                "{canaries} of them are canaries: leave those in {} out of statistics and mailings",
                suppression.display()
            ))?;
        }
    }
    Ok(Exit::Done)
}

/// Counts the rows of a table, and checks that it is the one that was profiled.
fn count(input: &Path, minted: &Table) -> anyhow::Result<u64> {
    let mut reader = table(input)?;
    let header = reader.headers().map_err(|error| unreadable(input, &error))?;
    if !header.iter().eq(minted.columns.iter().map(String::as_str)) {
        let columns = minted.columns.join(", ");
        return Err(unreadable(input, &format!("its columns are not those of the profile: {columns}")).into());
    }
    let (mut rows, mut record) = (0, csv::ByteRecord::new());
    while reader.read_byte_record(&mut record).map_err(|error| unreadable(input, &error))? {
        rows += 1;
    }
    Ok(rows)
}

/// Writes the rows with the canaries where they belong: by key where the table has one, else by place.
fn mix(
    input: &Path,
    (minted, mut copy, rows): (&Table, Vec<&Planted>, u64),
    out: &mut impl Write,
    step: &dyn Fn(),
) -> anyhow::Result<u64> {
    let key = |cells: &[String]| minted.key.and_then(|at| cells.get(at)).and_then(|cell| cell.parse::<i64>().ok());
    if minted.key.is_some() {
        copy.sort_by_key(|canary| key(&canary.cells));
    }
    let mut waiting = copy.into_iter().peekable();
    let mut reader = table(input)?;
    let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 20).from_writer(out);
    writer.write_byte_record(reader.byte_headers()?)?;
    let (mut written, mut row, mut record) = (0, 0, csv::ByteRecord::new());
    while reader.read_byte_record(&mut record)? {
        let own =
            minted.key.and_then(|at| record.get(at)).and_then(|cell| std::str::from_utf8(cell).ok()?.parse().ok());
        while let Some(canary) = waiting.next_if(|canary| match (key(&canary.cells), own) {
            (Some(theirs), Some(own)) => theirs < own,
            (None, _) | (_, None) => place(canary, rows) <= row,
        }) {
            writer.write_record(&canary.cells)?;
            written += 1;
        }
        writer.write_byte_record(&record)?;
        (row, written) = (row + 1, written + 1);
        step();
    }
    for canary in waiting {
        writer.write_record(&canary.cells)?;
        written += 1;
    }
    writer.flush()?;
    Ok(written)
}

/// Returns the row before which a canary stands.
fn place(canary: &Planted, rows: u64) -> u64 {
    let millionths = (canary.place.clamp(0.0, 1.0) * 1e9).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 10^9")]
    let millionths = millionths as u128;
    u64::try_from(u128::from(rows) * millionths / 1_000_000_000).unwrap_or(rows)
}

/// Lists a copy's canaries for whoever computes statistics or mails customers.
fn suppressed(minted: &Table, copy: &[&Planted]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["canary"].into_iter().chain(minted.columns.iter().map(String::as_str)))?;
    for canary in copy {
        writer.write_record([&canary.id].into_iter().chain(&canary.cells))?;
    }
    Ok(writer.into_inner()?)
}

/// Adds the delivery to the watchlist's `deliveries.csv`.
fn register(args: &Args, minted: &Table, (delivery, day, rows): (&str, Date, u64)) -> anyhow::Result<()> {
    let path = args.watchlist.join("deliveries.csv");
    let before = watchlist_table(&path)?.unwrap_or_else(|| b"delivery,dataset,custodian,delivered_at,rows\n".to_vec());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(before.as_slice());
    let header = reader.headers().map_err(|error| unreadable(&path, &error))?.clone();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&header)?;
    for record in reader.records() {
        writer.write_record(&record.map_err(|error| unreadable(&path, &error))?)?;
    }
    let (day, rows) = (day.to_string(), rows.to_string());
    let cell = |name: &str| match name {
        "delivery" => delivery.to_owned(),
        "dataset" => minted.dataset.clone(),
        "custodian" => args.custodian.clone(),
        "delivered_at" => day.clone(),
        "rows" => rows.clone(),
        _ => String::new(),
    };
    writer.write_record(header.iter().map(cell))?;
    replace(&path, &writer.into_inner()?)
}

/// A file and the digest of what went into it.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Hashing {
    /// Makes the file durable; returns the SHA-256 of it.
    fn finish(mut self) -> io::Result<String> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(merkle::hex(&self.hash.finalize()))
    }
}
