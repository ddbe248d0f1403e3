//! `watchlist`: checks, enrols and lists what to look for.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::context::Context;
use super::output::Format;
use super::{Exit, Failure};
use crate::domain::watchlist::{Problems, Watchlist};
use crate::services::intake::{self, Inspection};

/// Checks, enrols and lists what to look for
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack watchlist validate watchlists/example-bank
  dyepack watchlist import watchlists
  dyepack watchlist list --format json

The format of a watchlist's files is described in watchlists/README.md.")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Says what is wrong with a watchlist's files, and changes nothing
    #[command(
        after_help = "Example:\n  dyepack watchlist validate watchlists/example-bank\n\nExit codes: 0 sound, 1 problems found, 2 wrong use."
    )]
    Validate {
        /// A watchlist's folder, or a folder of such folders
        #[arg(required = true, value_name = "DIR")]
        folders: Vec<PathBuf>,
    },
}

/// One watchlist, as scripts read it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    organization: &'a str,
    canaries: usize,
    fingerprints: usize,
    anchors: usize,
}

impl<'a> Row<'a> {
    fn of(watchlist: &'a Watchlist) -> Self {
        Self {
            organization: &watchlist.organization.id.0,
            canaries: watchlist.canaries.len(),
            fingerprints: 0,
            anchors: watchlist.organization.anchors.len(),
        }
    }
}

/// Runs `watchlist`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.action {
        Action::Validate { folders } => validate(folders, context).await,
    }
}

async fn validate(paths: &[PathBuf], context: &Context) -> anyhow::Result<Exit> {
    let (watchlists, problems) = read(paths).await?;
    show(&watchlists, context)?;
    complain(&problems, context)?;
    if problems.has_errors() {
        context.output.note(format_args!("{} to mend; nothing was changed", count(problems.errors(), "problem")));
        return Ok(Exit::Problems);
    }
    context.output.note(format_args!("{}, nothing wrong", count(watchlists.len(), "watchlist")));
    Ok(Exit::Done)
}

/// Reads every watchlist that the paths mean; those that are sound come back even if others are not.
async fn read(paths: &[PathBuf]) -> anyhow::Result<(Vec<Watchlist>, Problems)> {
    let paths = paths.to_vec();
    let reading = move || {
        let mut watchlists = Vec::new();
        let mut problems = Problems::default();
        for path in &paths {
            for folder in intake::folders(path).map_err(|wrong| Failure::Usage(wrong.to_string()))? {
                let Inspection { watchlist, problems: found } = intake::inspect(&folder);
                watchlists.extend(watchlist);
                problems.append(found);
            }
        }
        Ok((watchlists, problems))
    };
    spawn_blocking(reading).await.context("cannot read the watchlists")?
}

fn show(watchlists: &[Watchlist], context: &Context) -> anyhow::Result<()> {
    match context.output.format() {
        Format::Json => {
            for watchlist in watchlists {
                context.output.json(&Row::of(watchlist))?;
            }
        }
        Format::Table if watchlists.is_empty() => {}
        Format::Table => {
            let headers = ["organization", "name", "canaries", "fingerprints", "anchors", "custodians", "deliveries"];
            let rows: Vec<Vec<String>> = watchlists.iter().map(table_row).collect();
            context.output.table(&headers, &rows)?;
        }
    }
    Ok(())
}

fn table_row(watchlist: &Watchlist) -> Vec<String> {
    let row = Row::of(watchlist);
    let organization = &watchlist.organization;
    vec![
        row.organization.to_owned(),
        organization.name.clone(),
        row.canaries.to_string(),
        row.fingerprints.to_string(),
        row.anchors.to_string(),
        organization.custodians.len().to_string(),
        watchlist.deliveries.len().to_string(),
    ]
}

/// Prints problems as results: for people on a terminal; elsewhere as JSON, and for people on standard error.
fn complain(problems: &Problems, context: &Context) -> anyhow::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    match context.output.format() {
        Format::Json => {
            for problem in problems.listed() {
                context.output.json(problem)?;
            }
            context.output.note(problems);
        }
        Format::Table => context.output.line(problems)?,
    }
    Ok(())
}

fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
