//! `register`: who holds copies of what, on which terms, and what a leak of each would prove.

mod exposure;
mod show;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::civil::Date;
use serde::Serialize;

use super::context::Context;
use super::mint::deliveries::Deliveries;
use super::output::{Format, printable};
use super::{Exit, Failure};
use crate::domain::identifier::FingerprintKind;
use crate::domain::watchlist::{Custodian, Watchlist};
use crate::services::intake;

/// Keeps the register of third parties that hold copies, and tells what a leak of each would prove
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack register list --watchlist watchlists/example-bank
  dyepack register show H07
  dyepack register exposure --watchlist watchlists/example-bank
  dyepack register acknowledged eb-d01 --watchlist watchlists/example-bank
  dyepack register destroyed eb-d01 --at 2026-09-30 --watchlist watchlists/example-bank

The register is organization.toml and deliveries.csv of the watchlist; names in it are never mailed.")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists custodians: terms, what they hold, what is overdue
    #[command(after_help = "Example:\n  dyepack register list --watchlist watchlists/example-bank")]
    List {
        #[command(flatten)]
        from: Whose,
    },
    /// Shows one custodian with every delivery
    #[command(after_help = "Example:\n  dyepack register show H07 --watchlist watchlists/example-bank")]
    Show {
        /// The custodian's code
        code: String,
        #[command(flatten)]
        from: Whose,
    },
    /// Tells who holds how much of what, with which marks, and what leaks of 20, 200 or all rows would prove today
    #[command(after_help = "Example:\n  dyepack register exposure --watchlist watchlists/example-bank --format json")]
    Exposure {
        #[command(flatten)]
        from: Whose,
        /// Only this custodian
        #[arg(long, value_name = "CODE")]
        custodian: Option<String>,
    },
    /// Notes that a custodian acknowledged a delivery
    #[command(after_help = "Example:\n  dyepack register acknowledged eb-d01 --watchlist watchlists/example-bank")]
    Acknowledged(Noting),
    /// Notes that a delivery was given back
    #[command(after_help = "Example:\n  dyepack register returned eb-d01 --watchlist watchlists/example-bank")]
    Returned(Noting),
    /// Notes that a custodian destroyed its copy
    #[command(after_help = "Example:\n  dyepack register destroyed eb-d01 --watchlist watchlists/example-bank")]
    Destroyed(Noting),
}

/// Whose register, and where it is read
#[derive(Debug, clap::Args)]
struct Whose {
    /// The organization's watchlist [default: what is enrolled]
    #[arg(long, value_name = "DIR")]
    watchlist: Option<PathBuf>,
    /// The organization, where several are enrolled
    #[arg(long, value_name = "ID", conflicts_with = "watchlist")]
    organization: Option<String>,
    /// The day to look at [default: today, UTC]
    #[arg(long, value_name = "DATE")]
    on: Option<Date>,
}

/// What to note
#[derive(Debug, clap::Args)]
struct Noting {
    /// The delivery's id
    delivery: String,
    /// The organization's watchlist
    #[arg(long, value_name = "DIR")]
    watchlist: PathBuf,
    /// The day [default: today, UTC]
    #[arg(long, value_name = "DATE")]
    at: Option<Date>,
}

/// What was noted, as scripts read it.
#[derive(Debug, Serialize)]
struct Noted<'a> {
    delivery: &'a str,
    #[serde(rename = "noted")]
    what: &'a str,
    at: Date,
}

/// A register, and on which day it is looked at.
struct Register {
    watchlist: Watchlist,
    /// Kinds of fingerprints that are enrolled.
    kinds: Vec<FingerprintKind>,
    on: Date,
}

/// One custodian, as scripts read it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    custodian: &'a Custodian,
    deliveries: usize,
    held: usize,
    unacknowledged: usize,
    overdue: Vec<&'static str>,
}

/// Runs `register`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.action {
        Action::List { from } => list(&read(from, context).await?, context)?,
        Action::Show { code, from } => show::run(&read(from, context).await?, code, context).await?,
        Action::Exposure { from, custodian } => {
            let register = read(from, context).await?;
            tokio::task::block_in_place(|| exposure::run(&register, custodian.as_deref(), context))?;
        }
        Action::Acknowledged(noting) => note(noting, "acknowledged_at", context)?,
        Action::Returned(noting) => note(noting, "returned_at", context)?,
        Action::Destroyed(noting) => note(noting, "destroyed_at", context)?,
    }
    Ok(Exit::Done)
}

fn today(context: &Context) -> Date {
    context.clock.now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

async fn read(from: &Whose, context: &Context) -> anyhow::Result<Register> {
    let on = from.on.unwrap_or_else(|| today(context));
    if let Some(folder) = &from.watchlist {
        let folder = folder.clone();
        let read = tokio::task::spawn_blocking(move || intake::inspect(&folder)).await?;
        let watchlist = read.watchlist.ok_or_else(|| Failure::Usage(read.problems.to_string()))?;
        let kinds = read.fingerprints.iter().map(|file| file.enrolment.label.kind).collect();
        return Ok(Register { watchlist, kinds, on });
    }
    let store = context.open_store().await?;
    let mut watchlists = store.watchlists().await.context("cannot read the register")?;
    if let Some(id) = &from.organization {
        watchlists.retain(|watchlist| watchlist.organization.id.0 == *id);
    }
    let ids = watchlists.iter().map(|watchlist| watchlist.organization.id.0.as_str()).collect::<Vec<_>>().join(", ");
    let (Some(watchlist), None) = (watchlists.pop(), watchlists.pop()) else {
        let message = if ids.is_empty() {
            "no such organization is enrolled; name a watchlist's folder with --watchlist".to_owned()
        } else {
            format!("several organizations are enrolled ({ids}); name one with --organization")
        };
        return Err(Failure::Usage(message).into());
    };
    let files = store.fingerprint_files().await.context("cannot list the fingerprints")?;
    let own = files.into_iter().filter(|file| file.label.organization == watchlist.organization.id);
    Ok(Register { kinds: own.map(|file| file.label.kind).collect(), watchlist, on })
}

impl Register {
    fn row<'a>(&'a self, custodian: &'a Custodian) -> Row<'a> {
        let own = || self.watchlist.deliveries.iter().filter(|one| one.custodian == custodian.code);
        let held = own().filter(|one| one.is_held(self.on));
        Row {
            custodian,
            deliveries: own().count(),
            held: held.clone().count(),
            unacknowledged: held.clone().filter(|one| one.acknowledged_at.is_none()).count(),
            overdue: self.overdue(custodian, held.count() > 0),
        }
    }

    /// Says what of the terms has run out.
    fn overdue(&self, custodian: &Custodian, is_holding: bool) -> Vec<&'static str> {
        let terms = &custodian.engagement;
        let is_past = |day: Option<Date>| day.is_some_and(|day| day < self.on);
        let last_year = self.on.checked_sub(jiff::Span::new().days(365)).unwrap_or(self.on);
        let said = [
            (is_past(terms.qualified_until), "qualification has lapsed"),
            (is_past(terms.contract_until) && is_holding, "contract has ended, copies are still held"),
            (terms.contract_from.is_none() && is_holding, "no contract on record"),
            (terms.reviewed_at.is_none_or(|day| day < last_year) && is_holding, "not reviewed for a year"),
        ];
        said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what).collect()
    }
}

fn list(register: &Register, context: &Context) -> anyhow::Result<()> {
    let rows: Vec<Row<'_>> =
        register.watchlist.organization.custodians.iter().map(|custodian| register.row(custodian)).collect();
    match context.output.format() {
        Format::Json => rows.iter().try_for_each(|row| context.output.json(row))?,
        Format::Table => {
            let headers = ["code", "name", "purpose", "contract", "held", "unacknowledged", "overdue"];
            context.output.table(&headers, &rows.iter().map(table_row).collect::<Vec<_>>())?;
        }
    }
    if rows.is_empty() {
        context.output.note("organization.toml names no custodian; watchlists/README.md shows how");
    }
    Ok(())
}

fn table_row(row: &Row<'_>) -> Vec<String> {
    let terms = &row.custodian.engagement;
    vec![
        row.custodian.code.clone(),
        printable(&row.custodian.name),
        printable(terms.purpose.as_deref().unwrap_or_default()),
        span(terms.contract_from, terms.contract_until),
        format!("{} of {}", row.held, row.deliveries),
        row.unacknowledged.to_string(),
        row.overdue.join("; "),
    ]
}

/// `2026-01-01 to 2027-01-01`, as far as it is known.
fn span(from: Option<Date>, until: Option<Date>) -> String {
    match (from, until) {
        (None, None) => String::new(),
        (from, until) => format!("{} to {}", day(from), day(until)),
    }
}

fn day(day: Option<Date>) -> String {
    day.map_or_else(|| "…".to_owned(), |day| day.to_string())
}

fn note(noting: &Noting, column: &str, context: &Context) -> anyhow::Result<()> {
    let at = noting.at.unwrap_or_else(|| today(context));
    let mut deliveries = Deliveries::read(&noting.watchlist)?;
    if !deliveries.fill(&noting.delivery, (column, &at.to_string())) {
        let message = format!("there is no delivery {} in deliveries.csv", printable(&noting.delivery));
        return Err(Failure::Usage(message).into());
    }
    deliveries.write(&noting.watchlist)?;
    let noted = column.trim_end_matches("_at");
    match context.output.format() {
        Format::Json => context.output.json(&Noted { delivery: &noting.delivery, what: noted, at })?,
        Format::Table => context.output.line(format_args!("{}: {noted} on {at}", printable(&noting.delivery)))?,
    }
    context.output.note(format_args!("next: dyepack watchlist import {}", shown(&noting.watchlist)));
    Ok(())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
