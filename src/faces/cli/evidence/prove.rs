//! `evidence prove`: that planted records were enrolled before they leaked.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use super::super::context::Context;
use super::super::init::organization_id;
use super::super::output::Format;
use super::super::{Exit, Failure};
use super::folder::{Folder, LedgerEnd};
use crate::domain::evidence::commitment::Proof;
use crate::domain::evidence::ledger::Kind;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::{HeadRow, Store};

/// What to prove.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose record it is
    #[arg(long, value_name = "ID", value_parser = organization_id)]
    organization: OrganizationId,
    /// The record's id; repeatable
    #[arg(long, value_name = "ID", required = true)]
    canary: Vec<String>,
    /// The folder to make; it must not exist yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Manifest<'a> {
    organization: &'a str,
    canaries: &'a BTreeSet<String>,
    exported_at: String,
    tool: &'static str,
    key: String,
    files: std::collections::BTreeMap<String, String>,
    ledger: &'a LedgerEnd,
    captures: [(); 0],
    exhibits: [(); 0],
}

/// One record, as it is told.
#[derive(Serialize)]
struct Row<'a> {
    canary: &'a str,
    commitment: i64,
    number: Option<i64>,
    committed_at: Option<String>,
    /// Day of the first signed head that covers the row.
    head: Option<&'a str>,
    stamped_at: Option<String>,
}

/// Writes the folder.
pub(super) async fn run(args: &Args, store: &Store, context: &Context) -> anyhow::Result<Exit> {
    let canaries: BTreeSet<String> = args.canary.iter().cloned().collect();
    let proofs = store.canary_proofs(&args.organization, &canaries).await?;
    let missing: Vec<&str> = canaries
        .iter()
        .filter(|canary| proofs.iter().all(|proof| proof.canary != **canary))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        let (organization, missing) = (&args.organization, missing.join(", "));
        let advice = format!(
            "{organization} has enrolled no canary {missing} here, or before commitments were made: import its watchlist again"
        );
        return Err(Failure::Usage(advice).into());
    }
    let folder = Folder::begin(&args.out)?;
    let heads = store.heads().await?;
    let subjects: BTreeSet<String> = proofs.iter().map(Proof::subject).collect();
    let is_own = |entry: &crate::domain::evidence::ledger::Entry| {
        entry.kind == Kind::Canaries && subjects.contains(&entry.subject)
    };
    let ledger = folder.write_ledger(store, is_own).await?;
    let heads = folder.write_heads(&heads, &ledger)?;
    folder.write_proofs(&proofs)?;
    folder.write_program()?;
    let manifest = Manifest {
        organization: &args.organization.0,
        canaries: &canaries,
        exported_at: super::super::case::time(Some(context.clock.now())),
        tool: concat!("dyepack/", env!("CARGO_PKG_VERSION")),
        key: context.signer()?.public_key().fingerprint(),
        files: folder.digests()?,
        ledger: &ledger,
        captures: [],
        exhibits: [],
    };
    let said = folder.finish(&manifest, context).await?;
    show(&proofs, (&ledger, &heads), context)?;
    if context.output.format() == Format::Table {
        context.output.line(format_args!(
            "{}: {said}; check with: python3 {}",
            args.out.display(),
            args.out.join("check.py").display()
        ))?;
    }
    Ok(Exit::Done)
}

fn show(proofs: &[Proof], (ledger, heads): (&LedgerEnd, &[&HeadRow]), context: &Context) -> anyhow::Result<()> {
    let time = |at| super::super::case::time(Some(at));
    let row = |proof| -> Row<'_> {
        let proof: &Proof = proof;
        let found = ledger.own.get(&(Kind::Canaries, proof.subject()));
        let head = found.and_then(|(number, _)| heads.iter().find(|head| head.number >= *number));
        Row {
            canary: &proof.canary,
            commitment: proof.commitment,
            number: found.map(|(number, _)| *number),
            committed_at: found.map(|(_, at)| time(*at)),
            head: head.map(|head| head.day.as_str()),
            stamped_at: head.and_then(|head| head.stamp.as_ref()).map(|(_, at)| time(*at)),
        }
    };
    let rows: Vec<Row<'_>> = proofs.iter().map(row).collect();
    match context.output.format() {
        Format::Json => rows.iter().try_for_each(|row| context.output.json(row))?,
        Format::Table => {
            let cells = |row: &Row<'_>| {
                vec![
                    row.canary.to_owned(),
                    row.committed_at.clone().unwrap_or_default(),
                    row.number.map(|number| number.to_string()).unwrap_or_default(),
                    row.head.unwrap_or("not yet").to_owned(),
                    row.stamped_at.clone().unwrap_or_else(|| "no".to_owned()),
                ]
            };
            let headers =
                ["canary", "committed to (UTC)", "ledger row", "covered by the head of", "head stamped (UTC)"];
            context.output.table(&headers, &rows.iter().map(cells).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}
