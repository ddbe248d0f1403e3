//! `mint deliver`: one custodian's copy, its canaries among the table's rows, the rows themselves marked if there is a key.
//!
//! Two passes: one counts the rows that are given, one writes; memory holds the canaries only.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::civil::Date;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::deliveries::Deliveries;
use super::mark::{Fate, Marker, renderings};
use super::{create, open_table, table, today, unreadable, write_new};
use crate::domain::identifier::FingerprintKind;
use crate::domain::mint::{Planted, Table, merkle};
use crate::domain::watchlist::Chance;
use crate::faces::cli::context::Context;
use crate::faces::cli::output::Format;
use crate::faces::cli::{Exit, Failure};
use crate::ports::vault::read_key;

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
    /// Marks real rows: the key that their fingerprints are made with
    #[arg(long, value_name = "FILE", requires = "by")]
    key: Option<PathBuf>,
    /// The column by which a row is known when it leaks; two, as `card_no,phone`, if it is to be known when both are masked
    #[arg(long, value_name = "COLUMN", requires = "key", value_delimiter = ',', num_args = 1..=2)]
    by: Vec<String>,
    /// What it holds, as `pan` or `pan6l4|ph3l4` [default: as the profile tells]
    #[arg(long, value_name = "KIND", requires = "by")]
    kind: Option<String>,
    /// Gives each row with this probability only, by a secret choice
    #[arg(long, value_name = "0…1", requires = "key", value_parser = share)]
    share: Option<Chance>,
    /// How rows are rendered by a secret choice: all, none, or some of house,unit,dial,date,zero,case,width
    #[arg(long, value_name = "LIST", requires = "key", default_value = "all")]
    renderings: String,
    /// Which part of the dataset the table is, in words, for the register
    #[arg(long, value_name = "TEXT")]
    selector: Option<String>,
}

fn share(text: &str) -> Result<Chance, String> {
    text.parse().ok().and_then(Chance::new).ok_or_else(|| "it is a number between 0 and 1, as 0.5".to_owned())
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
    /// The share of the rows that was drawn for it.
    share: Option<f64>,
    /// Real rows whose rendering was changed.
    rendered: u64,
    /// Real rows that carry no mark, where a key is given: what they are drawn by is no valid value in them.
    unmarked: u64,
}

/// Runs `mint deliver`.
pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let minted = open_table(&args.watchlist, &args.mint, context)?;
    let copy = minted.copy_of(&args.custodian);
    if copy.is_empty() {
        return Err(Failure::Usage(format!("the mint {} has no canary for {}", args.mint, args.custodian)).into());
    }
    let marker = marker(args, &minted)?;
    let day = args.delivered_at.unwrap_or_else(|| today(context));
    let rows = count(&args.input, &minted, marker.as_ref())?;
    let bar = context.output.bar(Some(rows), "{spinner} writing {pos}/{len} rows {elapsed}");
    let file = BufWriter::with_capacity(1 << 20, create(&args.out, 0o600)?);
    let mut hashing = Hashing { file, hash: Sha256::new() };
    let mixing = Mixing { minted: &minted, rows, marker: marker.as_ref(), step: &|| bar.inc(1) };
    let written = mixing
        .mix(&args.input, copy.clone(), &mut hashing)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    let sha256 = hashing.finish().with_context(|| format!("cannot write {}", args.out.display()))?;
    bar.finish_and_clear();
    let delivery = format!("{}-{}-{day}-{}", minted.dataset, args.custodian, sha256.get(..8).unwrap_or_default());
    let suppression = PathBuf::from(format!("{}.suppress.csv", args.out.display()));
    write_new(&suppression, &suppressed(&minted, &copy)?, 0o600)?;
    register(args, &minted, marker.as_ref(), (&delivery, day, written.rows, &sha256))?;
    let delivered = Delivered {
        delivery: &delivery,
        custodian: &args.custodian,
        rows: written.rows,
        canaries: copy.len() as u64,
        sha256: &sha256,
        suppression: &suppression,
        share: args.share.map(f64::from),
        rendered: written.rendered,
        unmarked: written.unmarked,
    };
    show(args, &delivered, context)
}

fn show(args: &Args, delivered: &Delivered<'_>, context: &Context) -> anyhow::Result<Exit> {
    let output = context.output;
    match output.format() {
        Format::Json => output.json(delivered)?,
        Format::Table => {
            let Delivered { delivery, rows, sha256, canaries, rendered, .. } = delivered;
            output.line(format_args!("{delivery}: {rows} rows in {}, SHA-256 {sha256}", args.out.display()))?;
            output.line(format_args!(
                "{canaries} of them are canaries: leave those in {} out of statistics and mailings",
                delivered.suppression.display()
            ))?;
            if args.key.is_some() {
                output.line(format_args!("{rendered} real rows were rendered by this copy's own secret"))?;
            }
        }
    }
    if delivered.unmarked > 0 {
        output.note(format_args!(
            "{} rows hold no valid {}: they are in every copy and carry no mark; mend the column, or draw by another",
            delivered.unmarked,
            args.by.join(", ")
        ));
    }
    Ok(Exit::Done)
}

/// Makes what marks real rows, if a key is given.
fn marker(args: &Args, minted: &Table) -> anyhow::Result<Option<Marker>> {
    let Some(path) = &args.key else { return Ok(None) };
    let key = read_key(path).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut columns = Vec::new();
    for by in &args.by {
        columns.push(minted.columns.iter().position(|name| name == by).ok_or_else(|| {
            Failure::Usage(format!("there is no column {by}; there are {}", minted.columns.join(", ")))
        })?);
    }
    let fields = columns.iter().map(|column| minted.fields.get(*column).and_then(Option::as_deref));
    let told = match &args.kind {
        Some(kind) => FingerprintKind::parse(kind),
        None => kind_of(&fields.map(Option::unwrap_or_default).collect::<Vec<_>>()),
    };
    let kind = told.filter(|kind| kind.parts().len() == columns.len()).ok_or_else(|| {
        let by = args.by.join(", ");
        Failure::Usage(format!(
            "it is not known what {by} holds; say it with --kind, as --kind pan, or --kind 'pan6l4|ph3l4' for two columns"
        ))
    })?;
    let known = Deliveries::read(&args.watchlist)?.deal_of(&minted.dataset, &args.custodian);
    Marker::new((&key, kind), (args.share, renderings(&args.renderings)?), columns, known).map(Some)
}

/// Returns the kind of fingerprint that is made of these fields, in this order.
fn kind_of(fields: &[&str]) -> Option<FingerprintKind> {
    let is_made =
        |kind: &FingerprintKind| kind.parts().iter().map(|part| part.kind().as_str()).eq(fields.iter().copied());
    FingerprintKind::ALL.into_iter().find(is_made)
}

/// Counts the rows of a table, and checks that it is the one that was profiled.
fn count(input: &Path, minted: &Table, marker: Option<&Marker>) -> anyhow::Result<u64> {
    let mut reader = table(input)?;
    let header = reader.headers().map_err(|error| unreadable(input, &error))?;
    if !header.iter().eq(minted.columns.iter().map(String::as_str)) {
        let columns = minted.columns.join(", ");
        return Err(unreadable(input, &format!("its columns are not those of the profile: {columns}")).into());
    }
    let (mut rows, mut record) = (0, csv::ByteRecord::new());
    while reader.read_byte_record(&mut record).map_err(|error| unreadable(input, &error))? {
        rows += u64::from(marker.is_none_or(|marker| marker.fate(&record) != Fate::LeftOut));
    }
    Ok(rows)
}

/// What is mixed.
struct Mixing<'a> {
    minted: &'a Table,
    /// Real rows that are given.
    rows: u64,
    marker: Option<&'a Marker>,
    step: &'a dyn Fn(),
}

/// What was written.
#[derive(Default)]
struct Written {
    rows: u64,
    rendered: u64,
    unmarked: u64,
}

impl Mixing<'_> {
    /// Writes the rows with the canaries where they belong: by key where the table has one, else by place.
    fn mix(&self, input: &Path, mut copy: Vec<&Planted>, out: &mut impl Write) -> anyhow::Result<Written> {
        if self.minted.key.is_some() {
            copy.sort_by_key(|canary| self.key(&canary.cells));
        }
        let mut waiting = copy.into_iter().peekable();
        let mut reader = table(input)?;
        let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 20).from_writer(out);
        writer.write_byte_record(reader.byte_headers()?)?;
        let (mut written, mut row) = (Written::default(), 0);
        let (mut record, mut room) = (csv::ByteRecord::new(), csv::ByteRecord::new());
        while reader.read_byte_record(&mut record)? {
            let fate = self.marker.map_or(Fate::Plain, |marker| marker.fate(&record));
            if fate == Fate::LeftOut {
                continue;
            }
            let own = self.minted.key.and_then(|at| record.get(at));
            let own: Option<i64> = own.and_then(|cell| std::str::from_utf8(cell).ok()?.parse().ok());
            while let Some(canary) = waiting.next_if(|canary| match (self.key(&canary.cells), own) {
                (Some(theirs), Some(own)) => theirs < own,
                (None, _) | (_, None) => place(canary, self.rows) <= row,
            }) {
                self.write_canary(&mut writer, canary)?;
                written.rows += 1;
            }
            match (self.marker, fate) {
                (Some(marker), Fate::Given(bits)) => {
                    let shown = marker.render(&record, bits, &mut room);
                    written.rendered += u64::from(!std::ptr::eq(shown, &raw const record));
                    writer.write_byte_record(shown)?;
                }
                (marker, Fate::Given(_) | Fate::Plain | Fate::LeftOut) => {
                    written.unmarked += u64::from(marker.is_some());
                    writer.write_byte_record(&record)?;
                }
            }
            (row, written.rows) = (row + 1, written.rows + 1);
            (self.step)();
        }
        for canary in waiting {
            self.write_canary(&mut writer, canary)?;
            written.rows += 1;
        }
        writer.flush()?;
        Ok(written)
    }

    /// A canary is rendered as real rows are: who compares two copies sees no difference.
    fn write_canary(&self, writer: &mut csv::Writer<impl Write>, canary: &Planted) -> anyhow::Result<()> {
        let record = csv::ByteRecord::from(canary.cells.clone());
        let mut room = csv::ByteRecord::new();
        let shown = match self.marker {
            Some(marker) => marker.render(&record, marker.bits(&record), &mut room),
            None => &record,
        };
        Ok(writer.write_byte_record(shown)?)
    }

    fn key(&self, cells: &[String]) -> Option<i64> {
        self.minted.key.and_then(|at| cells.get(at)).and_then(|cell| cell.parse().ok())
    }
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
fn register(
    args: &Args,
    minted: &Table,
    marker: Option<&Marker>,
    (delivery, day, rows, sha256): (&str, Date, u64, &str),
) -> anyhow::Result<()> {
    let mut deliveries = Deliveries::read(&args.watchlist)?;
    deliveries.add(&[
        ("delivery", delivery.to_owned()),
        ("dataset", minted.dataset.clone()),
        ("custodian", args.custodian.clone()),
        ("delivered_at", day.to_string()),
        ("rows", rows.to_string()),
        ("selector", args.selector.clone().unwrap_or_default()),
        ("sha256", sha256.to_owned()),
        ("share", marker.and_then(|marker| marker.share).map(|share| share.get().to_string()).unwrap_or_default()),
        ("key", marker.map(|marker| marker.deal.text().reveal().clone()).unwrap_or_default()),
    ]);
    deliveries.write(&args.watchlist)
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
