//! `evidence`: what stands behind a case, checked, certified and handed out.
//!
//! One file a subcommand where it is more than a screen: `export` and `prove` write folders that hold for themselves
//! (`folder`), `head` shows and hands out the signed heads, `rekey` changes the sealing key.

mod export;
mod folder;
mod head;
mod prove;
mod rekey;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;

use super::case::plain;
use super::context::Context;
use super::output::Format;
use super::{Exit, Failure};
use crate::domain::evidence::head::Head;
use crate::domain::evidence::{Capture, Exhibit};
use crate::ports::evidence::Evidence;
use crate::ports::signing::PublicKey;
use crate::ports::store::Store;
use crate::services::evidence::{self, CustodyError, Dossier, Known};

pub(super) use head::{heads_options, heads_ports};

/// Lists, checks, certifies and exports what was captured behind hits
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack evidence list --case C-7F3K9Q2M
  dyepack evidence verify
  dyepack evidence head
  dyepack evidence export --case C-7F3K9Q2M --out evidence-C-7F3K9Q2M
  dyepack evidence prove --organization example-bank --canary c-017 --out proof-c-017")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists where each hit of a case lies in what was captured
    #[command(after_help = "Example:\n  dyepack evidence list --case C-7F3K9Q2M --format json")]
    List {
        /// The case's id
        #[arg(long, value_name = "ID")]
        case: String,
    },
    /// Checks every captured body, every hit's place, the audit log, the mails, the heads and the chain that ties them
    #[command(after_help = "\
Examples:
  dyepack evidence verify
  dyepack evidence verify --head head-2026-11-27.eml

Exit code 1 means that something is not as it was written; each problem is a row.")]
    Verify {
        /// A head as it was mailed or handed out: the chain must lead to it, too
        #[arg(long, value_name = "FILE")]
        head: Vec<PathBuf>,
    },
    /// Shows the newest signed head of the chain, or hands one out with all that openssl needs to check it
    #[command(after_help = "\
Examples:
  dyepack evidence head
  dyepack evidence head --all
  dyepack evidence head --day 2026-11-27 --out head
  dyepack evidence head --sign

While a crawl runs, the head of each day (UTC) is signed by itself, mailed to the auditors that organizations name (auditor =
in organization.toml; [operator] mail for those that name none) and stamped by [evidence] timestamp_url.")]
    Head(head::Args),
    /// Shows by a folder that holds for itself that a planted record was enrolled before it leaked
    #[command(after_help = "\
Example:
  dyepack evidence prove --organization example-bank --canary c-017 --out proof-c-017
  python3 proof-c-017/check.py

The record itself is opened by this: it is readable in canaries.json.")]
    Prove(prove::Args),
    /// Has the time-stamping authority stamp what is not stamped yet: signed heads, or an export
    #[command(after_help = "\
Examples:
  dyepack evidence stamp
  dyepack evidence stamp evidence-C-7F3K9Q2M")]
    Stamp {
        /// A folder that `evidence export` or `evidence prove` made here
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Makes a new sealing key and seals everything anew with it; may be stopped and begun again
    #[command(after_help = "\
Examples:
  dyepack evidence rekey
  dyepack evidence rekey --forget

Whatever runs meanwhile takes the new key by itself. The old key stays in the key file, so that backups and tables of mints
still open, until --forget drops it.")]
    Rekey(rekey::Args),
    /// Lets go of what is older than the retention table allows; settled cases only, never one on hold
    #[command(after_help = "\
Examples:
  dyepack evidence purge --dry-run
  dyepack evidence purge
  dyepack evidence purge --log

What goes leaves a row in the ledger. Keep a case whatever the rules say with: dyepack case hold ID --why TEXT")]
    Purge {
        /// Only say how much would go
        #[arg(long)]
        dry_run: bool,
        /// Show what went and when; nothing goes now
        #[arg(long, conflicts_with = "dry_run")]
        log: bool,
    },
    /// Writes a folder that holds for itself: WARC, manifest, chain, report, and a program that checks them
    #[command(after_help = "\
Example:
  dyepack evidence export --case C-7F3K9Q2M --out evidence-C-7F3K9Q2M
  python3 evidence-C-7F3K9Q2M/check.py

The captures hold pages as they were published, other people's data included: handle the folder as you would the data.")]
    Export {
        /// The case's id
        #[arg(long, value_name = "ID")]
        case: String,
        /// The folder to make; it must not exist yet
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Runs `evidence`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let (store, evidence) = (context.open_store().await?, context.evidence()?);
    match &args.action {
        Action::List { case } => {
            let dossier = evidence::gather(&store, case).await.map_err(shown)?;
            list(&dossier, context)
        }
        Action::Verify { head } => verify((&store, &evidence), head, context).await,
        Action::Head(args) => head::run(args, &store, context).await,
        Action::Prove(args) => prove::run(args, &store, context).await,
        Action::Stamp { folder: Some(folder) } => folder::stamp_again(folder, context).await,
        Action::Stamp { folder: None } => head::stamp(&store, context).await,
        Action::Rekey(args) => rekey::run(args, (&store, &evidence), context).await,
        Action::Purge { log: true, .. } => purge_log(&store, context).await,
        Action::Purge { dry_run, .. } => purge((&store, &evidence), *dry_run, context).await,
        Action::Export { case, out } => {
            let dossier = evidence::gather(&store, case).await.map_err(shown)?;
            if dossier.exhibits.is_empty() {
                let advice = format!("nothing was captured of {}: its hits are older than evidence", dossier.case);
                return Err(Failure::Usage(advice).into());
            }
            export::run(&dossier, (&store, &evidence), out, context).await
        }
    }
}

async fn purge((store, evidence): (&Store, &Evidence), is_dry: bool, context: &Context) -> anyhow::Result<Exit> {
    let (rules, now) = (context.config.retention, context.clock.now());
    if rules.keeps_everything() {
        context.output.note("[retention] in the configuration has no rule: everything is kept");
    }
    let old = if is_dry {
        store.count_old(rules.cutoffs(now)).await?
    } else {
        evidence::purge(store, evidence, rules, now).await.map_err(shown)?
    };
    match context.output.format() {
        Format::Json => context.output.json(&old)?,
        Format::Table => {
            let went = if is_dry { "would go" } else { "gone" };
            context
                .output
                .line(format_args!("{} captures, {} posts, {} mails {went}", old.captures, old.posts, old.mails))?;
        }
    }
    Ok(Exit::Done)
}

async fn purge_log(store: &Store, context: &Context) -> anyhow::Result<Exit> {
    let log = store.purge_log().await?;
    match context.output.format() {
        Format::Json => log.iter().try_for_each(|row| context.output.json(row))?,
        Format::Table if log.is_empty() => context.output.note("nothing was purged yet"),
        Format::Table => {
            let cells = |row: &crate::ports::store::model::Purged| {
                let at = super::case::time(Some(row.at));
                vec![at, row.what.to_owned(), row.organization.clone(), row.subject.clone(), row.row.to_string()]
            };
            let headers = ["when (UTC)", "what", "organization", "which", "ledger row"];
            context.output.table(&headers, &log.iter().map(cells).collect::<Vec<_>>())?;
        }
    }
    Ok(Exit::Done)
}

fn shown(error: CustodyError) -> anyhow::Error {
    match error {
        CustodyError::Store(error) => plain(error),
        CustodyError::Evidence(_) | CustodyError::Seal(_) => anyhow::Error::new(error),
    }
}

/// A row of `evidence list`.
#[derive(Serialize)]
struct Row<'a> {
    hit: &'a str,
    entry: &'a str,
    field: &'a str,
    masked: &'a str,
    url: &'a str,
    captured_at: String,
    capture: &'a str,
    body_sha256: &'a str,
    body_bytes: u64,
    member: &'a str,
    start: u64,
    end: u64,
    steps: &'a [String],
}

fn list(dossier: &Dossier, context: &Context) -> anyhow::Result<Exit> {
    let captures = by_id(&dossier.captures);
    let rows: Vec<Row<'_>> = dossier
        .exhibits
        .iter()
        .filter_map(|exhibit| captures.get(exhibit.capture.as_str()).map(|capture| row(exhibit, capture)))
        .collect();
    match context.output.format() {
        Format::Json => {
            for row in &rows {
                context.output.json(row)?;
            }
        }
        Format::Table if rows.is_empty() => context.output.note("nothing was captured of this case"),
        Format::Table => {
            let headers = ["hit", "entry", "value", "found in", "captured (UTC)", "bytes", "SHA-256 of the body"];
            let cell = |row: &Row<'_>| {
                vec![
                    row.hit.to_owned(),
                    row.entry.to_owned(),
                    format!("{} {}", row.field, row.masked),
                    row.url.to_owned(),
                    row.captured_at.clone(),
                    format!("{}–{}", row.start, row.end),
                    row.body_sha256.to_owned(),
                ]
            };
            context.output.table(&headers, &rows.iter().map(cell).collect::<Vec<_>>())?;
        }
    }
    Ok(Exit::Done)
}

fn row<'a>(exhibit: &'a Exhibit, capture: &'a Capture) -> Row<'a> {
    Row {
        hit: &exhibit.hit,
        entry: &exhibit.entry,
        field: &exhibit.field,
        masked: &exhibit.masked,
        url: &capture.url,
        captured_at: super::case::time(Some(capture.fetched_at)),
        capture: &exhibit.capture,
        body_sha256: &capture.body_sha256,
        body_bytes: capture.body_bytes,
        member: &exhibit.member,
        start: exhibit.span.start,
        end: exhibit.span.end,
        steps: &exhibit.steps,
    }
}

fn by_id(captures: &[Capture]) -> BTreeMap<String, &Capture> {
    captures.iter().map(|capture| (capture.id(), capture)).collect()
}

/// A row of `evidence verify`.
#[derive(Serialize)]
struct Finding {
    check: String,
    ok: bool,
    detail: String,
}

async fn verify((store, evidence): (&Store, &Evidence), heads: &[PathBuf], context: &Context) -> anyhow::Result<Exit> {
    let known = known(heads, context).await?;
    let checked = evidence::verify(store, evidence, &known).await.map_err(shown)?;
    let is_whole = checked.problems.is_empty();
    let whole = [
        ("ledger", checked.rows, "rows, each following from the one before"),
        ("captures", checked.captures, "whole"),
        ("hits", checked.hits, "where the ledger says"),
        ("moves", checked.moves, "as the ledger says"),
        ("mails", checked.mails, "as written"),
        ("commitments", checked.commitments, "to planted records, as the ledger says"),
        ("heads", checked.heads, "signed, and the ledger leads to them"),
        ("time stamps", checked.stamps, "of these heads, as the authority gave them"),
    ];
    let counted = whole.map(|(check, count, what)| Finding {
        check: check.to_owned(),
        ok: true,
        detail: format!("{count} {what}"),
    });
    let broken = checked.problems.into_iter().map(|(check, detail)| Finding { check, ok: false, detail });
    let findings: Vec<Finding> = counted.into_iter().chain(broken).collect();
    match context.output.format() {
        Format::Json => {
            for finding in &findings {
                context.output.json(finding)?;
            }
        }
        Format::Table => {
            let verdict = |finding: &Finding| if finding.ok { "ok" } else { "BROKEN" }.to_owned();
            let cells = |finding: &Finding| vec![finding.check.clone(), verdict(finding), finding.detail.clone()];
            context.output.table(&["check", "", "detail"], &findings.iter().map(cells).collect::<Vec<_>>())?;
        }
    }
    Ok(if is_whole { Exit::Done } else { Exit::Problems })
}

/// The keys that heads may be signed with, and the heads that were brought along.
async fn known(heads: &[PathBuf], context: &Context) -> anyhow::Result<Known> {
    let mut known = Known { keys: vec![context.signer()?.public_key()], heads: Vec::new() };
    let mut files = tokio::fs::read_dir(&context.data_dir).await.context("cannot read the data directory")?;
    while let Some(file) = files.next_entry().await.context("cannot read the data directory")? {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("evidence-signing") && name.ends_with(".pub.pem") {
            let text = tokio::fs::read_to_string(file.path()).await.with_context(|| format!("cannot read {name}"))?;
            let key = PublicKey::parse(&text);
            known.keys.push(key.ok_or_else(|| Failure::Usage(format!("{name} holds no Ed25519 key in PEM")))?);
        }
    }
    for path in heads {
        let text = tokio::fs::read(path).await;
        let text = text.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))?;
        let text = String::from_utf8_lossy(&text).replace("=\r\n", "").replace("=\n", "");
        let found = Head::find(&text);
        let missing = || Failure::Usage(format!("{} holds no signed head of dyepack", path.display()));
        known.heads.push((path.display().to_string(), found.ok_or_else(missing)?));
    }
    Ok(known)
}
