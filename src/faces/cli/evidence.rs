//! `evidence`: what stands behind a case, checked and handed out.
#![expect(clippy::disallowed_methods, reason = "the command writes the export it is told to make")]

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::case::plain;
use super::context::Context;
use super::output::Format;
use super::{Exit, Failure};
use crate::domain::evidence::excerpt::excerpt;
use crate::domain::evidence::ledger::{Entry, sha256};
use crate::domain::evidence::report::{self, Shown, Subject};
use crate::domain::evidence::{Capture, Exhibit, warc};
use crate::domain::retention::Retention;
use crate::domain::text::replay;
use crate::ports::evidence::Evidence;
use crate::ports::store::Store;
use crate::services::evidence::{self, CustodyError, Dossier};

/// Lists, checks and exports what was captured behind hits
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack evidence list --case C-7F3K9Q2M
  dyepack evidence verify
  dyepack evidence export --case C-7F3K9Q2M --out evidence-C-7F3K9Q2M")]
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
    /// Checks every captured body, every hit's place, the audit log, the mails and the chain that ties them
    #[command(after_help = "\
Example:
  dyepack evidence verify

Exit code 1 means that something is not as it was written; each problem is a row.")]
    Verify,
    /// Lets go of what is older than the retention table allows; settled cases only, never one on hold
    #[command(after_help = "\
Examples:
  dyepack evidence purge --dry-run
  dyepack evidence purge

What goes leaves a row in the ledger. Keep a case whatever the rules say with: dyepack case hold ID --why TEXT")]
    Purge {
        /// Only say how much would go
        #[arg(long)]
        dry_run: bool,
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
        Action::Verify => verify(&store, &evidence, context).await,
        Action::Purge { dry_run } => purge((&store, &evidence), *dry_run, context).await,
        Action::Export { case, out } => {
            let dossier = evidence::gather(&store, case).await.map_err(shown)?;
            if dossier.exhibits.is_empty() {
                let advice = format!("nothing was captured of {}: its hits are older than evidence", dossier.case);
                return Err(Failure::Usage(advice).into());
            }
            export(&dossier, (&store, &evidence), out, context).await
        }
    }
}

async fn purge((store, evidence): (&Store, &Evidence), is_dry: bool, context: &Context) -> anyhow::Result<Exit> {
    let (rules, now) = (context.config.retention, context.clock.now());
    if rules == Retention::default() {
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

fn shown(error: CustodyError) -> anyhow::Error {
    match error {
        CustodyError::Store(error) => plain(error),
        CustodyError::Evidence(_) => anyhow::Error::new(error),
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

async fn verify(store: &Store, evidence: &Evidence, context: &Context) -> anyhow::Result<Exit> {
    let checked = evidence::verify(store, evidence).await.map_err(shown)?;
    let is_whole = checked.problems.is_empty();
    let whole = [
        ("ledger", checked.rows, "rows, each following from the one before"),
        ("captures", checked.captures, "whole"),
        ("hits", checked.hits, "where the ledger says"),
        ("moves", checked.moves, "as the ledger says"),
        ("mails", checked.mails, "as written"),
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

async fn export(
    dossier: &Dossier,
    (store, evidence): (&Store, &Evidence),
    out: &Path,
    context: &Context,
) -> anyhow::Result<Exit> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if out.exists() {
        return Err(Failure::Usage(format!("{} is there already; name a folder that is not", out.display())).into());
    }
    let failed = || format!("cannot write the export beside {}", out.display());
    // The folder appears under its name only when everything is in it.
    let beside = tempfile::Builder::new().prefix(".exporting-").tempdir_in(folder).with_context(failed)?;
    let at = context.clock.now();
    write_captures(dossier, evidence, beside.path()).with_context(failed)?;
    let ledger = write_ledger(dossier, store, beside.path()).await?;
    let page = report_page(dossier, evidence, (at, &ledger))?;
    for (name, text) in [("report.html", page.as_str()), ("check.py", report::CHECK_PROGRAM)] {
        std::fs::write(beside.path().join(name), text).with_context(failed)?;
    }
    let manifest = manifest(dossier, beside.path(), (at, &ledger))?;
    std::fs::write(beside.path().join("manifest.json"), manifest).with_context(failed)?;
    std::fs::rename(beside.keep(), out).with_context(failed)?;
    let said = format!(
        "{}: {} hits in {} captures; open {}, check with: python3 {}",
        dossier.case,
        dossier.exhibits.len(),
        dossier.captures.len(),
        out.join("report.html").display(),
        out.join("check.py").display()
    );
    match context.output.format() {
        Format::Json => context.output.json(&serde_json::json!({
            "case": dossier.case, "hits": dossier.exhibits.len(), "captures": dossier.captures.len(), "folder": out,
            "ledger_rows": ledger.rows, "ledger_hash": ledger.hash,
        }))?,
        Format::Table => context.output.line(said)?,
    }
    Ok(Exit::Done)
}

fn write_captures(dossier: &Dossier, evidence: &Evidence, folder: &Path) -> anyhow::Result<()> {
    let file = BufWriter::new(std::fs::File::create(folder.join("captures.warc.gz"))?);
    let date = dossier.captures.iter().map(|capture| capture.fetched_at).max().unwrap_or_default();
    let fields = [
        ("software", concat!("dyepack/", env!("CARGO_PKG_VERSION"))),
        ("format", "WARC File Format 1.1"),
        ("conformsTo", "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"),
        ("description", dossier.case.as_str()),
    ];
    let date = date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut writer = warc::Writer::begin(file, &date, &fields)?;
    for capture in &dossier.captures {
        let body = evidence.open(&capture.body_sha256)?;
        writer.capture(capture, &body)?;
    }
    writer.finish().into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    Ok(())
}

/// Where the ledger ends.
#[derive(Serialize)]
struct LedgerEnd {
    rows: u64,
    hash: String,
}

/// A row of `ledger.jsonl`; rows of other organizations show their hashes only.
#[derive(Serialize)]
struct LedgerLine<'a> {
    entry_hash: &'a str,
    hash: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<&'a Entry>,
}

async fn write_ledger(dossier: &Dossier, store: &Store, folder: &Path) -> anyhow::Result<LedgerEnd> {
    let mut file = BufWriter::new(std::fs::File::create(folder.join("ledger.jsonl"))?);
    let captures = by_id(&dossier.captures);
    let mut end = LedgerEnd { rows: 0, hash: String::new() };
    loop {
        let rows = store.ledger_after(i64::try_from(end.rows).unwrap_or(i64::MAX)).await?;
        let Some(last) = rows.last() else { break };
        end = LedgerEnd { rows: u64::try_from(last.entry.number).unwrap_or(0), hash: last.hash.clone() };
        for row in &rows {
            let is_own = row.entry.organization == dossier.organization_id || captures.contains_key(&row.entry.subject);
            let entry = is_own.then_some(&row.entry);
            serde_json::to_writer(&mut file, &LedgerLine { entry_hash: &row.entry_hash, hash: &row.hash, entry })?;
            file.write_all(b"\n")?;
        }
    }
    file.flush()?;
    Ok(end)
}

fn report_page(
    dossier: &Dossier,
    evidence: &Evidence,
    (at, ledger): (jiff::Timestamp, &LedgerEnd),
) -> anyhow::Result<String> {
    let captures = by_id(&dossier.captures);
    let mut shown = Vec::with_capacity(dossier.exhibits.len());
    // One body at a time, however many hits lie in it.
    let mut open: Option<(&str, Vec<u8>)> = None;
    for exhibit in &dossier.exhibits {
        let Some(capture) = captures.get(exhibit.capture.as_str()).copied() else { continue };
        if open.as_ref().is_none_or(|(digest, _)| *digest != capture.body_sha256) {
            open = Some((&capture.body_sha256, evidence.open(&capture.body_sha256)?));
        }
        let body = open.as_ref().filter(|_| exhibit.member.is_empty()).map(|(_, body)| body.as_slice());
        let charset = capture.content_type().and_then(charset);
        shown.push(Shown {
            exhibit,
            capture,
            excerpt: body.map(|body| excerpt(body, charset, exhibit.span, &exhibit.masked)),
            is_replayed: body.map(|body| replay(body, exhibit.span, &exhibit.steps).is_some()),
        });
    }
    let subject =
        Subject { case: &dossier.case, organization: &dossier.organization, at, ledger: (ledger.rows, &ledger.hash) };
    Ok(report::html(&subject, &shown))
}

fn charset(content_type: &str) -> Option<&str> {
    let parameter = content_type.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("charset="))?;
    Some(parameter.trim_matches('"'))
}

/// A capture with its identity, as the manifest has it.
#[derive(Serialize)]
struct ManifestCapture<'a> {
    id: String,
    fetched_at_ms: i64,
    #[serde(flatten)]
    capture: &'a Capture,
}

#[derive(Serialize)]
struct Manifest<'a> {
    case: &'a str,
    organization: &'a str,
    exported_at: String,
    files: BTreeMap<&'a str, String>,
    ledger: &'a LedgerEnd,
    captures: Vec<ManifestCapture<'a>>,
    exhibits: &'a [Exhibit],
}

fn manifest(dossier: &Dossier, folder: &Path, (at, ledger): (jiff::Timestamp, &LedgerEnd)) -> anyhow::Result<String> {
    let mut files = BTreeMap::new();
    for name in ["captures.warc.gz", "ledger.jsonl", "report.html", "check.py"] {
        files.insert(name, sha256(&std::fs::read(folder.join(name))?));
    }
    let capture = |capture| ManifestCapture {
        id: Capture::id(capture),
        fetched_at_ms: capture.fetched_at.as_millisecond(),
        capture,
    };
    let manifest = Manifest {
        case: &dossier.case,
        organization: &dossier.organization,
        exported_at: super::case::time(Some(at)),
        files,
        ledger,
        captures: dossier.captures.iter().map(capture).collect(),
        exhibits: &dossier.exhibits,
    };
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}
