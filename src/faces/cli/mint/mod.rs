//! `mint`: makes canaries for a dataset and mixes each custodian's into its delivery.
//!
//! Runs on the organization's machine, which alone sees its table. Not here: what a canary looks like (`domain::mint`).
#![expect(clippy::disallowed_methods, reason = "the command reads and writes the organization's own files")]

mod deliver;
pub(super) mod deliveries;
mod mark;
mod plan;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::civil::Date;
use serde::Serialize;

use super::context::Context;
use super::output::Format;
use super::{Exit, Failure};
use crate::domain::mint::{Profile, Profiler, Reserved, Table};
use crate::domain::watchlist::{ORGANIZATION_LIMIT_BYTES, TABLE_LIMIT_BYTES};

/// Largest profile or sealed table that is read.
const MINT_LIMIT_BYTES: u64 = 1024 * 1024 * 1024;

/// Makes canaries that fit a table and are nobody, and marks each custodian's copy with them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack mint profile --in customers.csv --out customers.toml
  dyepack mint plan --watchlist watchlists/example-bank --dataset customers --profile customers.toml
  dyepack mint deliver --watchlist watchlists/example-bank --mint customers-2026-03-02-1a2b3c4d --custodian H07 \\
      --in customers.csv --out for-h07.csv --key keys/example-bank-1.key --by card_no --share 0.5")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Describes a CSV table by marginals and formats, without any of its rows
    #[command(after_help = "Example:\n  dyepack mint profile --in customers.csv --out customers.toml\n\n\
        Then add, under [reserved], ranges in which no real person's value lies: canaries are drawn from them.")]
    Profile {
        /// The table: CSV with a header, UTF-8
        #[arg(long = "in", value_name = "FILE")]
        input: PathBuf,
        /// Where the profile goes; it must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Draws canaries and their holders, seals the table, adds the canaries to the watchlist
    #[command(
        after_help = "Example:\n  dyepack mint plan --watchlist watchlists/example-bank --dataset customers --profile customers.toml\n\n\
        Prints the root that commits to the table: note it down, or have it notarized, before anything is delivered."
    )]
    Plan(plan::Args),
    /// Writes one custodian's copy: the table's rows with its canaries among them
    #[command(
        after_help = "Examples:\n  dyepack mint deliver --watchlist watchlists/example-bank --mint customers-2026-03-02-1a2b3c4d \
        --custodian H07 --in customers.csv --out for-h07.csv\n  … --key keys/example-bank-1.key --by card_no --share 0.5\n\n\
        With --key, real rows are marked too: each is written in renderings that a secret chooses for this copy, and with \
        --share it is in the copy or not by the same secret. Cards found in a leak then tell whose copy it was, from about \
        fifty rows on; their fingerprints must be enrolled (dyepack fingerprint). Samples whose cards and telephones are masked \
        are told by both together: --by card_no,phone marks by them, and pan6l4|ph3l4 must be enrolled; rows that are not masked \
        are then not known by their draw."
    )]
    Deliver(deliver::Args),
}

/// What `profile` did, as scripts read it.
#[derive(Debug, Serialize)]
struct Profiled<'a> {
    profile: &'a Path,
    rows: u64,
    columns: usize,
    /// Fields that canaries cannot be made for before a range is reserved.
    reserve: Vec<&'a str>,
}

/// Runs `mint`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    // Tables are long: the other workers of the runtime go on meanwhile.
    match &args.action {
        Action::Profile { input, out } => tokio::task::block_in_place(|| profile(input, out, context)),
        Action::Plan(args) => plan::run(args, context).await,
        Action::Deliver(args) => tokio::task::block_in_place(|| deliver::run(args, context)),
    }
}

fn profile(input: &Path, out: &Path, context: &Context) -> anyhow::Result<Exit> {
    let mut reader = table(input)?;
    let header = reader.headers().map_err(|error| unreadable(input, &error))?.clone();
    let mut profiler = Profiler::new(header.iter());
    let bar = context.output.bar(None, "{spinner} reading {pos} rows {elapsed}");
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| unreadable(input, &error))? {
        profiler.row(record.iter());
        bar.inc(1);
    }
    bar.finish_and_clear();
    let profile = profiler.finish();
    write_new(out, document(&profile)?.as_bytes(), 0o600)?;
    let fields = profile.columns.iter().filter_map(|column| column.field.as_deref());
    let reserve: Vec<&str> = fields.filter(|field| !matches!(*field, "name" | "address")).collect();
    match context.output.format() {
        Format::Json => {
            context.output.json(&Profiled {
                profile: out,
                rows: profile.rows,
                columns: profile.columns.len(),
                reserve,
            })?;
        }
        Format::Table => context.output.line(format_args!(
            "{}: {} rows, {} columns; add to [reserved] a range for each of: {}",
            out.display(),
            profile.rows,
            profile.columns.len(),
            reserve.join(", ")
        ))?,
    }
    Ok(Exit::Done)
}

const RESERVED_COMMENT: &str = "\
# [reserved]: ranges in which no real person's value lies; canaries are drawn from them. # is a random digit, ?? check digits.
#   pan = [\"999912##########\"]                 reserved BIN ranges of your own
#   phone = [\"+1 555 #######\"]                  numbers that you own, or that are not given out; one a country
#   email = [\"mail.your-bank.example\"]          domains of yours that take mail for any name
#   iban = [\"DE??99999999##########\"]           your own bank code
#   resident_id = [\"110103\"]                    a county abolished at least 3 years before the births; needs written consent
#   account, national_id, passport                as pan
";

fn document(profile: &Profile) -> anyhow::Result<String> {
    debug_assert!(profile.reserved == Reserved::default());
    Ok(format!("{RESERVED_COMMENT}\n{}", toml::to_string_pretty(profile).context("cannot write the profile")?))
}

/// Opens a table.
fn table(path: &Path) -> anyhow::Result<csv::Reader<File>> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_reader(file))
}

/// Reads a small file within its limit; `None` if it is not there.
fn read(path: &Path, limit: u64) -> anyhow::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, &error).into()),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > limit {
        return Err(unreadable(path, &"it is too large").into());
    }
    Ok(Some(bytes))
}

fn required(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    read(path, limit)?.ok_or_else(|| unreadable(path, &"it is not there").into())
}

fn unreadable(path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("cannot read {}: {reason}", path.display()))
}

/// Makes a file that was not there.
fn create(path: &Path, mode: u32) -> anyhow::Result<File> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    opened.map_err(|error| Failure::Usage(format!("cannot make {}: {error}", path.display())).into())
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let mut file = create(path, mode)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(|| format!("cannot write {}", path.display()))
}

/// Replaces a file whole: a crash leaves the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("csv.new");
    let _ = fs::remove_file(&beside);
    write_new(&beside, bytes, 0o600)?;
    fs::rename(&beside, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Where a mint's sealed table lies, and what it is sealed for.
fn sealed_path(watchlist: &Path, mint: &str) -> PathBuf {
    watchlist.join("mints").join(format!("{mint}.mint"))
}

fn sealed_context(mint: &str) -> String {
    format!("mint/{mint}")
}

/// Opens a mint's sealed table.
fn open_table(watchlist: &Path, mint: &str, context: &Context) -> anyhow::Result<Table> {
    let path = sealed_path(watchlist, mint);
    let sealed = required(&path, MINT_LIMIT_BYTES)?;
    let opened = context.seal()?.open(&sealed, &sealed_context(mint));
    let plain = opened.with_context(|| format!("cannot open {}", path.display()))?;
    serde_json::from_slice(&plain).with_context(|| format!("cannot read what {} holds", path.display()))
}

/// Returns the UTC day.
fn today(context: &Context) -> Date {
    context.clock.now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn organization_file(watchlist: &Path) -> anyhow::Result<Vec<u8>> {
    required(&watchlist.join("organization.toml"), ORGANIZATION_LIMIT_BYTES)
}

fn watchlist_table(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    read(path, TABLE_LIMIT_BYTES)
}
