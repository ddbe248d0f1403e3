//! `evidence export`: a case as a folder that holds for itself.
#![expect(clippy::disallowed_methods, reason = "the command writes the export it is told to make")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;

use super::super::Exit;
use super::super::context::Context;
use super::super::output::Format;
use super::by_id;
use super::folder::{Folder, LedgerEnd};
use crate::domain::evidence::commitment::Proof;
use crate::domain::evidence::excerpt::excerpt;
use crate::domain::evidence::ledger::Kind;
use crate::domain::evidence::report::{self, Committed, Shown, SignedHead, Subject};
use crate::domain::evidence::{Capture, Exhibit, warc};
use crate::domain::text::replay;
use crate::domain::watchlist::OrganizationId;
use crate::ports::evidence::Evidence;
use crate::ports::store::{HeadRow, Store};
use crate::services::evidence::Dossier;

/// Writes the folder.
pub(super) async fn run(
    dossier: &Dossier,
    (store, evidence): (&Store, &Evidence),
    out: &Path,
    context: &Context,
) -> anyhow::Result<Exit> {
    let folder = Folder::begin(out)?;
    let failed = || format!("cannot write the export beside {}", out.display());
    let at = context.clock.now();
    let heads = store.heads().await?;
    write_captures(dossier, evidence, folder.path()).with_context(failed)?;
    let captures = by_id(&dossier.captures);
    let is_own = |entry: &crate::domain::evidence::ledger::Entry| {
        entry.organization == dossier.organization_id || captures.contains_key(&entry.subject)
    };
    let ledger = folder.write_ledger(store, is_own).await?;
    let heads = folder.write_heads(&heads, &ledger)?;
    let entries: BTreeSet<String> = dossier.exhibits.iter().map(|exhibit| exhibit.entry.clone()).collect();
    let organization = OrganizationId(dossier.organization_id.clone());
    let proofs = store.canary_proofs(&organization, &entries).await?;
    folder.write_proofs(&proofs)?;
    let key = context.signer()?.public_key().fingerprint();
    let page =
        report_page(dossier, evidence, &Certified { at, ledger: &ledger, heads: &heads, proofs: &proofs, key: &key })?;
    folder.write("report.html", page.as_bytes())?;
    folder.write_program()?;
    let manifest = manifest(dossier, folder.digests()?, (at, &ledger, &key));
    let said = folder.finish(&manifest, context).await?;
    let exhibits = dossier.exhibits.len();
    match context.output.format() {
        Format::Json => context.output.json(&serde_json::json!({
            "case": dossier.case, "hits": exhibits, "captures": dossier.captures.len(), "folder": out,
            "ledger_rows": ledger.rows, "ledger_hash": ledger.hash, "heads": heads.len(), "canaries": proofs.len(),
            "certified": said,
        }))?,
        Format::Table => {
            context.output.line(format_args!(
                "{}: {exhibits} hits in {} captures, {} signed heads; {said}",
                dossier.case,
                dossier.captures.len(),
                heads.len(),
            ))?;
            context.output.line(format_args!(
                "open {}, check with: python3 {}",
                out.join("report.html").display(),
                out.join("check.py").display()
            ))?;
        }
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

/// What the export is certified by.
struct Certified<'a> {
    at: Timestamp,
    ledger: &'a LedgerEnd,
    heads: &'a [&'a HeadRow],
    proofs: &'a [Proof],
    key: &'a str,
}

fn report_page(dossier: &Dossier, evidence: &Evidence, certified: &Certified<'_>) -> anyhow::Result<String> {
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
    let Certified { at, ledger, heads, proofs, key } = certified;
    let signed = |head: &&HeadRow| SignedHead {
        day: head.day.clone(),
        rows: head.number,
        signed_at: head.signed_at,
        stamped_at: head.stamp.as_ref().map(|(_, at)| *at),
    };
    let committed = |proof: &Proof| {
        let (row, at) = ledger.own.get(&(Kind::Canaries, proof.subject()))?;
        let head = heads.iter().find(|head| head.number >= *row);
        let first = dossier.exhibits.iter().filter(|exhibit| exhibit.entry == proof.canary);
        let first =
            first.filter_map(|exhibit| captures.get(exhibit.capture.as_str())).map(|capture| capture.fetched_at);
        Some(Committed {
            canary: proof.canary.clone(),
            row: *row,
            at: *at,
            head: head.map(|head| head.day.clone()),
            first_captured_at: first.min(),
        })
    };
    let subject = Subject {
        case: &dossier.case,
        organization: &dossier.organization,
        at: *at,
        ledger: (ledger.rows, &ledger.hash),
        key,
        heads: heads.iter().map(signed).collect(),
        committed: proofs.iter().filter_map(committed).collect(),
    };
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
    tool: &'static str,
    key: &'a str,
    files: BTreeMap<String, String>,
    ledger: &'a LedgerEnd,
    captures: Vec<ManifestCapture<'a>>,
    exhibits: &'a [Exhibit],
}

fn manifest<'a>(
    dossier: &'a Dossier,
    files: BTreeMap<String, String>,
    (at, ledger, key): (Timestamp, &'a LedgerEnd, &'a str),
) -> Manifest<'a> {
    let capture = |capture| ManifestCapture {
        id: Capture::id(capture),
        fetched_at_ms: capture.fetched_at.as_millisecond(),
        capture,
    };
    Manifest {
        case: &dossier.case,
        organization: &dossier.organization,
        exported_at: super::super::case::time(Some(at)),
        tool: concat!("dyepack/", env!("CARGO_PKG_VERSION")),
        key,
        files,
        ledger,
        captures: dossier.captures.iter().map(capture).collect(),
        exhibits: &dossier.exhibits,
    }
}
