//! `fingerprint`: makes a file of keyed fingerprints on the organization's own machine.
#![expect(clippy::disallowed_methods, reason = "the command that opens the input it is told to")]

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::Context as _;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::context::Context;
use super::init::organization_id;
use super::output::Format;
use super::{Exit, Failure};
use crate::domain::identifier::{FingerprintKey, FingerprintKind};
use crate::domain::watchlist::OrganizationId;
use crate::ports::vault::read_key;
use crate::services::fingerprinting::{self, Existing, FingerprintingError, Only, Refused, Report, Request, Stage};
use crate::services::intake;

/// Without a terminal, a line is printed each time so many rows are hashed.
const ROWS_A_LINE: u64 = 10_000_000;

/// Makes keyed fingerprints of identifiers, on the organization's own machine
///
/// Reads delimited text (any delimiter, header or not) or plain lines, puts each value into its canonical form, hashes it
/// with the organization's key, and writes a .dpf file that says nothing without that key. Values are only ever in memory:
/// not in files, logs or messages. Rows that hold no value of the kind are counted and told by their lines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack init --organization example-bank
  dyepack fingerprint --organization example-bank --kind pan --key keys/example-bank-1.key \\
      --in customers.csv --column card_number --out watchlists/example-bank/fingerprints/pan-1.dpf
  psql -c 'COPY (SELECT card, phone FROM customer) TO STDOUT CSV HEADER' | dyepack fingerprint \\
      --organization example-bank --kind 'pan6l4|ph3l4' --key keys/example-bank-1.key \\
      --in - --column card --column phone --out pairs-1.dpf
  dyepack fingerprint --organization example-bank --kind pan --key keys/example-bank-1.key --in for-h01.csv \\
      --column card_no --watchlist watchlists/example-bank --delivery eb-d01

Exit codes: 0 made, 2 wrong use or no such rows, 3 a file could not be read or written.")]
pub(super) struct Args {
    /// Whose customers
    #[arg(long, value_name = "ID", value_parser = organization_id)]
    organization: OrganizationId,
    /// `pan`, `account`, `iban`, `resident_id`, `national_id`, `passport`, `phone`, `email`, or a pair of which masked data shows parts:
    /// `pan6l4|ph3l4`, `ph3l4|nm`, `ric6l4|nm`, `ric6l4|ph3l4` (or with - in place of |)
    #[arg(long, value_parser = kind)]
    kind: FingerprintKind,
    /// The key file that `dyepack init --organization ID` made
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What to read; `-` is standard input
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// The file to make
    #[arg(long, value_name = "FILE.dpf", required_unless_present_any = ["delivery", "holders_column"])]
    out: Option<PathBuf>,
    /// Tells who was given these rows: the input is what was handed over in this delivery; makes
    /// fingerprints/DELIVERY/KIND-EPOCH.dpf in the watchlist
    #[arg(long, value_name = "ID", requires = "watchlist", conflicts_with = "out")]
    delivery: Option<String>,
    /// The same for a whole table with a column of custodians' codes (H01|H02): makes one file for the last delivery of the
    /// dataset to each
    #[arg(long, value_name = "NAME|NUMBER", requires_all = ["watchlist", "dataset"], conflicts_with_all = ["out", "delivery"])]
    holders_column: Option<String>,
    /// The organization's watchlist, for --delivery and --holders-column
    #[arg(long, value_name = "DIR")]
    watchlist: Option<PathBuf>,
    /// The dataset that the table is, for --holders-column
    #[arg(long, value_name = "ID", requires = "holders_column")]
    dataset: Option<String>,
    /// Column by its name, or by its number from 1; for a pair two of them, in the pair's order [default: by their names]
    #[arg(long = "column", value_name = "NAME|NUMBER", value_delimiter = ',')]
    columns: Vec<String>,
    /// What stands between columns: one character, or `tab` [default: seen from the first line]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Calling code of the country whose telephone numbers are written without one
    #[arg(long, value_name = "DIGITS", value_parser = calling_code)]
    calling_code: Option<String>,
    /// Put the file in the place of one that is there
    #[arg(long)]
    force: bool,
}

/// What was made, as scripts read it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    organization: &'a str,
    kind: &'a str,
    epoch: u32,
    fingerprints: u64,
    rows: u64,
    refused: u64,
    checksum: String,
}

fn kind(text: &str) -> Result<FingerprintKind, String> {
    let words = || FingerprintKind::ALL.map(FingerprintKind::as_str).join(", ");
    FingerprintKind::parse(text).ok_or_else(|| format!("it is one of {}", words()))
}

fn delimiter(text: &str) -> Result<u8, &'static str> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && *byte != b'"' && *byte != b'\n' => Ok(*byte),
        b"tab" | b"\\t" => Ok(b'\t'),
        _ => Err("it is one ASCII character, or `tab`"),
    }
}

fn calling_code(text: &str) -> Result<String, &'static str> {
    let digits = text.trim_start_matches('+');
    let is_sound = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_sound { Ok(digits.to_owned()) } else { Err("it is one to three digits, such as 86") }
}

/// Runs the command.
///
/// # Errors
/// `Failure::Usage` where other arguments help; others when a file cannot be read or written.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let key = read_key(&args.key).map_err(|error| usage(error.to_string()))?;
    if key.organization != args.organization {
        let whose = &key.organization;
        return Err(usage(format!("{} is the key of {whose}, not of {}", args.key.display(), args.organization)));
    }
    let targets = targets(&args, &key)?;
    if targets.len() > 1 && args.input.as_os_str() == "-" {
        return Err(usage("the table is read once for each custodian: name a file, not standard input".to_owned()));
    }
    for (out, only) in targets {
        make(&args, key.clone(), (out, only), context).await?;
    }
    Ok(Exit::Done)
}

/// Lists the files to make, each with the rows that are meant.
fn targets(args: &Args, key: &FingerprintKey) -> anyhow::Result<Vec<(PathBuf, Option<Only>)>> {
    let is_of_deliveries = args.delivery.is_some() || args.holders_column.is_some();
    let Some(folder) = args.watchlist.as_ref().filter(|_| is_of_deliveries) else {
        return Ok(vec![(args.out.clone().unwrap_or_default(), None)]);
    };
    let watchlist = intake::load(folder).map_err(|problems| usage(problems.to_string()))?;
    let place = |delivery: &str| {
        let own = folder.join("fingerprints").join(delivery);
        std::fs::create_dir_all(&own).with_context(|| format!("cannot make the folder {}", own.display()))?;
        Ok::<PathBuf, anyhow::Error>(own.join(format!("{}-{}.dpf", args.kind.file_word(), key.epoch)))
    };
    let Some(column) = &args.holders_column else {
        let id = args.delivery.as_deref().unwrap_or_default();
        if !watchlist.deliveries.iter().any(|delivery| delivery.id == id) || id.contains('/') || id.starts_with('.') {
            return Err(usage(format!("deliveries.csv has no delivery {id} that can name a folder")));
        }
        return Ok(vec![(place(id)?, None)]);
    };
    let mut targets = Vec::new();
    for custodian in &watchlist.organization.custodians {
        let own = watchlist.deliveries.iter().filter(|delivery| {
            delivery.custodian == custodian.code && Some(&delivery.dataset) == args.dataset.as_ref()
        });
        if let Some(last) = own.max_by_key(|delivery| delivery.delivered_at) {
            let only = Only { column: column.clone(), code: custodian.code.clone() };
            targets.push((place(&last.id)?, Some(only)));
        }
    }
    if targets.is_empty() {
        return Err(usage("deliveries.csv has no delivery of that dataset".to_owned()));
    }
    Ok(targets)
}

async fn make(
    args: &Args,
    key: FingerprintKey,
    (out, only): (PathBuf, Option<Only>),
    context: &Context,
) -> anyhow::Result<()> {
    let (source, length) = open(&args.input)?;
    let template = "{spinner} {bytes}/{total_bytes}  {binary_bytes_per_sec}  {bar:30}  {msg}  {elapsed} left {eta}";
    let bar = context.output.bar(length, template);
    let request = Request {
        key,
        kind: args.kind,
        columns: args.columns.clone(),
        delimiter: args.delimiter,
        calling_code: args.calling_code.clone(),
        only,
        out,
        existing: if args.force { Existing::Replace } else { Existing::Keep },
    };
    let (output, shown) = (context.output, bar.clone());
    let made = spawn_blocking(move || {
        fingerprinting::make(shown.wrap_read(source), &request, &|stage| tell(stage, &shown, output))
    });
    let made = made.await.context("cannot make fingerprints")?;
    bar.finish_and_clear();
    let report = made.map_err(|error| failed(&error))?;
    show(&report, context)
}

fn open(input: &std::path::Path) -> anyhow::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if input.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(input).map_err(|error| usage(format!("cannot read {}: {error}", input.display())))?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    Ok((Box::new(file), length))
}

fn tell(stage: Stage, bar: &ProgressBar, output: super::output::Output) {
    match stage {
        Stage::Hashing(rows) => {
            bar.set_message(format!("{rows} rows"));
            // Batches are smaller than this, so that each step is told once.
            if !output.has_bars() && rows % ROWS_A_LINE < 4096 && rows >= ROWS_A_LINE {
                output.note(format_args!("{rows} rows hashed"));
            }
        }
        Stage::Writing => bar.set_message("sorted; writing"),
    }
}

fn show(report: &Report, context: &Context) -> anyhow::Result<()> {
    let Report { enrolment, rows, refused } = report;
    let label = &enrolment.label;
    match context.output.format() {
        Format::Json => context.output.json(&Row {
            organization: &label.organization.0,
            kind: label.kind.as_str(),
            epoch: label.epoch.0,
            fingerprints: enrolment.count,
            rows: *rows,
            refused: refused.count(),
            checksum: enrolment.checksum.to_string(),
        })?,
        Format::Table => context.output.line(format_args!(
            "{}: {} fingerprints of {}, epoch {}, from {rows} rows",
            label.organization, enrolment.count, label.kind, label.epoch
        ))?,
    }
    tell_refused(refused, context);
    context.output.note(format_args!(
        "next: put it into the folder fingerprints/ of the watchlist of {}, then dyepack watchlist import",
        label.organization
    ));
    Ok(())
}

fn tell_refused(refused: &Refused, context: &Context) {
    for (unfit, (count, lines)) in &refused.reasons {
        let named = lines.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let more = if *count > lines.len() as u64 { " …" } else { "" };
        let rows = if *count == 1 { "row" } else { "rows" };
        context.output.note(format_args!("{count} {rows} left out: the value {} (line {named}{more})", unfit.as_str()));
    }
}

fn failed(error: &FingerprintingError) -> anyhow::Error {
    match error {
        FingerprintingError::Rows(_) | FingerprintingError::Exists(_) | FingerprintingError::Nothing { .. } => {
            usage(format!("cannot {error}"))
        }
        FingerprintingError::Input(_) | FingerprintingError::Output { .. } | FingerprintingError::Stopped => {
            anyhow::anyhow!("cannot {error}")
        }
    }
}

fn usage(message: String) -> anyhow::Error {
    Failure::Usage(message).into()
}
