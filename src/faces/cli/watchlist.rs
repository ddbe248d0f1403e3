//! `watchlist`: checks, enrols and lists what to look for.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::context::Context;
use super::output::{Format, printable};
use super::{Exit, Failure, contact};
use crate::domain::watchlist::{Changes, Problems, Watchlist};
use crate::services::intake::{self, Confirmation, Folder, ImportReport, Inspection};

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
    /// Enrols watchlists, each whole or not at all, and says what changed
    ///
    /// If any of them has a problem, none is imported. Importing a list again changes nothing; importing an edited list
    /// puts it in the place of the organization's last one.
    #[command(
        after_help = "Example:\n  dyepack watchlist import watchlists/example-bank\n\nExit codes: 0 done, 1 problems found and nothing imported, 2 wrong use, 3 the database failed."
    )]
    Import {
        /// A watchlist's folder, or a folder of such folders
        #[arg(required = true, value_name = "DIR")]
        folders: Vec<PathBuf>,
        /// Ask new contacts by mail whether their address is right, and tell them of nothing before they have answered; without
        /// this, importing them confirms them
        #[arg(long)]
        confirm: bool,
    },
    /// Lists what is enrolled, or what the folders given hold
    #[command(after_help = "Example:\n  dyepack watchlist list --format json")]
    List {
        /// A watchlist's folder, or a folder of such folders [default: what is enrolled]
        #[arg(value_name = "DIR")]
        folders: Vec<PathBuf>,
    },
}

/// What an import did, as scripts read it.
#[derive(Debug, Serialize)]
struct ImportRow<'a> {
    #[serde(flatten)]
    watchlist: Row<'a>,
    changes: &'a Changes,
    awaited_contacts: &'a [String],
}

/// One watchlist, as scripts read it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    organization: &'a str,
    canaries: usize,
    fingerprints: u64,
    anchors: usize,
}

impl<'a> Row<'a> {
    fn of(folder: &'a Folder) -> Self {
        let watchlist = &folder.watchlist;
        Self {
            organization: &watchlist.organization.id.0,
            canaries: watchlist.canaries.len(),
            fingerprints: folder.fingerprints.iter().map(|(_, enrolment)| enrolment.count).sum(),
            anchors: watchlist.organization.anchors.len(),
        }
    }
}

/// Runs `watchlist`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.action {
        Action::Validate { folders } => validate(folders, context).await,
        Action::Import { folders, confirm } => {
            let confirmation = if *confirm { Confirmation::Awaited } else { Confirmation::Operator };
            import(folders, confirmation, context).await
        }
        Action::List { folders } if folders.is_empty() => list(context).await,
        Action::List { folders } => {
            let (folders, problems) = read(folders, context).await?;
            show(&folders, context)?;
            complain(&problems, context)?;
            Ok(if problems.has_errors() { Exit::Problems } else { Exit::Done })
        }
    }
}

/// Imports watchlists, all of them or none, and tells what changed.
pub(super) async fn import(paths: &[PathBuf], confirmation: Confirmation, context: &Context) -> anyhow::Result<Exit> {
    let (folders, problems) = read(paths, context).await?;
    complain(&problems, context)?;
    if problems.has_errors() {
        context.output.note(format_args!("{} to mend; nothing was imported", count(problems.errors(), "problem")));
        return Ok(Exit::Problems);
    }
    let store = context.open_store().await?;
    let vault = context.vault();
    let bar = context.output.bar(Some(folders.len() as u64), "{spinner} importing {pos}/{len} {msg} {elapsed}");
    for folder in &folders {
        let organization = &folder.watchlist.organization.id;
        bar.set_message(organization.0.clone());
        let report = intake::import_folder((&store, &vault), folder, confirmation, context.clock.now())
            .await
            .with_context(|| format!("cannot import {organization}"))?;
        bar.inc(1);
        if context.output.format() == Format::Json {
            context.output.json(&ImportRow {
                watchlist: Row::of(folder),
                changes: &report.changes,
                awaited_contacts: &report.awaited,
            })?;
            context.output.note(told(folder, &report));
        } else {
            bar.suspend(|| context.output.line(told(folder, &report)))?;
        }
    }
    bar.finish_and_clear();
    if confirmation == Confirmation::Awaited {
        return Box::pin(contact::send_questions(&store, None, context)).await;
    }
    Ok(Exit::Done)
}

async fn list(context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let watchlists = store.watchlists().await.context("cannot list the watchlists")?;
    let files = store.fingerprint_files().await.context("cannot list the fingerprints")?;
    let of = |watchlist: Watchlist| {
        let own = files.iter().filter(|file| file.label.organization == watchlist.organization.id);
        let fingerprints = own.map(|file| (PathBuf::new(), file.clone())).collect();
        Folder { watchlist, fingerprints, delivered: Vec::new(), roots: Vec::new() }
    };
    let folders: Vec<Folder> = watchlists.into_iter().map(of).collect();
    show(&folders, context)?;
    if folders.is_empty() {
        context.output.note("no organization is enrolled yet; try: dyepack watchlist import watchlists/example-bank");
    }
    Ok(Exit::Done)
}

/// Tells in one paragraph what an import did.
fn told(folder: &Folder, report: &ImportReport) -> String {
    let watchlist = &folder.watchlist;
    let mut parts = Vec::new();
    let changes = &report.changes;
    if report.is_new {
        parts.push(format!(
            "enrolled with {}, {} and {}",
            count(watchlist.canaries.len(), "canary"),
            count(watchlist.organization.anchors.len(), "anchor"),
            count(watchlist.organization.custodians.len(), "custodian"),
        ));
        if !changes.other.is_empty() {
            parts.push(some_of(&changes.other));
        }
    } else {
        for (ids, word) in [
            (&changes.added, "added"),
            (&changes.changed, "changed"),
            (&changes.retired, "retired"),
            (&changes.removed, "removed"),
        ] {
            if !ids.is_empty() {
                parts.push(format!("{} {word} ({})", count(ids.len(), "canary"), some_of(ids)));
            }
        }
        if !changes.other.is_empty() {
            parts.push(some_of(&changes.other));
        }
    }
    if !report.confirmed.is_empty() {
        parts.push(format!("alerts go to {}", some_of(&report.confirmed)));
    }
    if report.is_empty() {
        parts.push("nothing changed".to_owned());
    }
    let text = format!("{}: {}", report.organization, parts.join("; "));
    if report.awaited.is_empty() {
        return text;
    }
    format!(
        "{text}\n{}: not told of anything until confirmed: {}; alerts wait for them. They answer by the link or code in their mail \
         (dyepack contact confirm); when you know an address to be right, import again without --confirm",
        report.organization,
        some_of(&report.awaited)
    )
}

/// Names up to ten, and counts the rest.
fn some_of(words: &[String]) -> String {
    const NAMED: usize = 10;
    let named = words.iter().take(NAMED).map(|word| printable(word)).collect::<Vec<_>>().join(", ");
    match words.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!("{named} and {more} more"),
        Some(_) | None => named,
    }
}

async fn validate(paths: &[PathBuf], context: &Context) -> anyhow::Result<Exit> {
    let (folders, problems) = read(paths, context).await?;
    show(&folders, context)?;
    complain(&problems, context)?;
    if problems.has_errors() {
        context.output.note(format_args!("{} to mend; nothing was changed", count(problems.errors(), "problem")));
        return Ok(Exit::Problems);
    }
    context.output.note(format_args!("{}, nothing wrong", count(folders.len(), "watchlist")));
    Ok(Exit::Done)
}

/// Reads every watchlist that the paths mean; those that are sound come back even if others are not. Fingerprints whose key
/// is not here are noted.
async fn read(paths: &[PathBuf], context: &Context) -> anyhow::Result<(Vec<Folder>, Problems)> {
    let (paths, vault) = (paths.to_vec(), context.vault());
    let bar = context.output.bar(None, "{spinner} reading watchlists {elapsed}");
    let reading = move || {
        let mut folders = Vec::new();
        let mut problems = Problems::default();
        for path in &paths {
            for folder in intake::folders(path).map_err(|wrong| Failure::Usage(wrong.to_string()))? {
                let Inspection { watchlist, fingerprints, delivered, roots, problems: found } =
                    intake::inspect(&folder);
                problems.append(found);
                for file in &fingerprints {
                    intake::note_key(&file.path, &file.enrolment, &vault, &mut problems);
                }
                let fingerprints = fingerprints.into_iter().map(|file| (file.path, file.enrolment)).collect();
                folders.extend(watchlist.map(|watchlist| Folder { watchlist, fingerprints, delivered, roots }));
            }
        }
        Ok((folders, problems))
    };
    let found = spawn_blocking(reading).await.context("cannot read the watchlists")?;
    bar.finish_and_clear();
    found
}

fn show(folders: &[Folder], context: &Context) -> anyhow::Result<()> {
    match context.output.format() {
        Format::Json => {
            for folder in folders {
                context.output.json(&Row::of(folder))?;
            }
        }
        Format::Table if folders.is_empty() => {}
        Format::Table => {
            let headers = ["organization", "name", "canaries", "fingerprints", "anchors", "custodians", "deliveries"];
            let rows: Vec<Vec<String>> = folders.iter().map(table_row).collect();
            context.output.table(&headers, &rows)?;
        }
    }
    Ok(())
}

fn table_row(folder: &Folder) -> Vec<String> {
    let row = Row::of(folder);
    let organization = &folder.watchlist.organization;
    vec![
        row.organization.to_owned(),
        organization.name.clone(),
        row.canaries.to_string(),
        row.fingerprints.to_string(),
        row.anchors.to_string(),
        organization.custodians.len().to_string(),
        folder.watchlist.deliveries.len().to_string(),
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
    match (number, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {thing}s"),
    }
}
