//! `attribute`: whose copy leaked, as a report that somebody else can compute again.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::case::plain;
use super::context::Context;
use super::output::{Format, printable};
use super::{Exit, Failure};
use crate::domain::attribution::{Document, EPSILON, Report};
use crate::services::attributing::{Terms, attribute_again, attribute_case};
use crate::services::intake;

/// Largest report that is read.
const REPORT_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// Tells whose copy leaked, within a stated error, or that it cannot tell
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  dyepack attribute --case C-7F3K9Q2M
  dyepack attribute --case C-7F3K9Q2M --html report.html
  dyepack attribute --case C-7F3K9Q2M --format json > report.json
  dyepack attribute verify report.json --watchlist watchlists/example-bank"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// The case's id; upper or lower case, with or without C-
    #[arg(long, value_name = "ID", required = true)]
    case: Option<String>,
    /// Largest probability, over all copies, to name one that did not leak
    #[arg(long, value_name = "PROBABILITY", default_value_t = EPSILON, value_parser = epsilon)]
    epsilon: f64,
    /// Rows that were published, if known [default: as many as the largest dataset concerned]
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// Writes the report as one page for people
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Computes a report again from the same findings and a watchlist, and compares it to the byte
    #[command(after_help = "Example:\n  dyepack attribute verify report.json --watchlist watchlists/example-bank")]
    Verify {
        /// What attribute --format json printed
        report: PathBuf,
        /// The organization's watchlist
        #[arg(long, value_name = "DIR")]
        watchlist: PathBuf,
    },
}

/// The outcome of `verify`, as scripts read it.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    case: &'a str,
    verified: bool,
    detail: &'a str,
}

fn epsilon(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok().filter(|number| (1e-30..=0.1).contains(number));
    number.ok_or_else(|| "is not a probability between 1e-30 and 0.1, as 1e-6".to_owned())
}

/// Runs `attribute`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if let Some(Action::Verify { report, watchlist }) = &args.action {
        return verify(report, watchlist, context).await;
    }
    let case = args.case.as_deref().unwrap_or_default();
    let store = context.open_store().await?;
    let terms = Terms { epsilon: args.epsilon, rows: args.rows };
    let report = attribute_case((&store, &context.vault()), case, terms).await.map_err(plain)?;
    if let Some(path) = &args.html {
        let written = tokio::fs::write(path, Document::of(&report).html()).await;
        written.with_context(|| format!("cannot write {}", path.display()))?;
        context.output.note(format_args!("wrote {}", path.display()));
    }
    match context.output.format() {
        Format::Json => context.output.json(&report)?,
        Format::Table => {
            for line in Document::of(&report).text().lines() {
                context.output.line(printable(line))?;
            }
        }
    }
    Ok(Exit::Done)
}

async fn verify(path: &Path, folder: &Path, context: &Context) -> anyhow::Result<Exit> {
    let unreadable = |reason: String| Failure::Usage(format!("cannot read {}: {reason}", path.display()));
    let length = tokio::fs::metadata(path).await.map_err(|error| unreadable(error.to_string()))?.len();
    if length > REPORT_LIMIT_BYTES {
        return Err(unreadable("it is larger than any report".to_owned()).into());
    }
    let text = tokio::fs::read_to_string(path).await.map_err(|error| unreadable(error.to_string()))?;
    let given: Report = serde_json::from_str(&text)
        .map_err(|error| unreadable(format!("it is not what attribute --format json prints ({error})")))?;
    let folder = folder.to_owned();
    let read = tokio::task::spawn_blocking(move || intake::inspect(&folder)).await?;
    let watchlist = read.watchlist.ok_or_else(|| Failure::Usage(read.problems.to_string()))?;
    let case = given.findings.case.clone();
    let again =
        tokio::task::spawn_blocking(move || attribute_again(&watchlist, &read.delivered, &given.findings)).await?;
    let detail = difference(text.trim(), &again)?;
    match context.output.format() {
        Format::Json => context.output.json(&Outcome {
            case: &case,
            verified: detail.is_none(),
            detail: detail.unwrap_or_default(),
        })?,
        Format::Table => context.output.line(printable(&match detail {
            None => format!("verified: {}", again.line()),
            Some(detail) => format!("not verified: {detail}"),
        }))?,
    }
    Ok(if detail.is_none() { Exit::Done } else { Exit::Problems })
}

/// Tells why the report is not the one that the findings give, if it is not.
fn difference(text: &str, again: &Report) -> anyhow::Result<Option<&'static str>> {
    if serde_json::to_string(again)? == text {
        return Ok(None);
    }
    let given: Report = serde_json::from_str(text)?;
    Ok(Some(if given.build != again.build {
        "it was computed by another version; run that one"
    } else if given.table_sha256 != again.table_sha256 {
        "the watchlist is not the one it was computed from"
    } else if given.verdict != again.verdict || given.accused != again.accused {
        "the same findings name other copies"
    } else {
        "the text was changed, though the copies it names are the same"
    }))
}
