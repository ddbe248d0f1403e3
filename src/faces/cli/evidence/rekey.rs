//! `evidence rekey`: a new sealing key, and everything sealed anew with it.

use anyhow::Context as _;

use super::super::context::Context;
use super::super::output::Format;
use super::super::{Exit, Failure};
use super::shown;
use crate::ports::evidence::Evidence;
use crate::ports::seal::Seal;
use crate::ports::store::Store;
use crate::services::evidence;

/// How to change the key.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Drop the old keys from the key file: what is sealed with them elsewhere (backups, tables of mints) opens no more
    #[arg(long)]
    forget: bool,
}

/// Runs `evidence rekey`.
pub(super) async fn run(
    args: &Args,
    (store, evidence): (&Store, &Evidence),
    context: &Context,
) -> anyhow::Result<Exit> {
    let seal = context.seal()?;
    let lock = context.data_dir.join("rekey.lock");
    let opened = tokio::fs::OpenOptions::new().write(true).create(true).truncate(false).open(&lock).await;
    let lock = opened.with_context(|| format!("cannot open {}", lock.display()))?.into_std().await;
    if lock.try_lock().is_err() {
        return Err(Failure::Usage("another process is changing the key; wait for it to end".to_owned()).into());
    }
    let bar = context.output.bar(None, "{spinner} {elapsed} {msg}");
    let told = |seen: u64| bar.set_message(format!("{seen} values and bodies looked at"));
    if args.forget {
        let forgotten = forget((store, evidence), &seal, told, context).await;
        bar.finish_and_clear();
        return forgotten;
    }
    let rekeyed = evidence::rekey((store, evidence), &seal, told).await;
    bar.finish_and_clear();
    let rekeyed =
        rekeyed.map_err(shown).context("the key is changed, but not everything is sealed with it yet; run it again")?;
    match context.output.format() {
        Format::Json => context.output.json(&rekeyed)?,
        Format::Table => {
            let how = if rekeyed.is_new { "a new key" } else { "the key begun before" };
            context.output.line(format_args!(
                "{} values and {} bodies sealed anew with {how}, {}; the old one stays in {} until: dyepack evidence rekey --forget",
                rekeyed.values,
                rekeyed.bodies,
                rekeyed.key,
                context.seal_path().display()
            ))?;
            for broken in &rekeyed.broken {
                context.output.line(format_args!("does not open with any key, left alone: {broken}"))?;
            }
        }
    }
    context
        .output
        .note("keep a copy of the key file apart: backups of it made before this do not open what is sealed now");
    Ok(if rekeyed.broken.is_empty() { Exit::Done } else { Exit::Problems })
}

async fn forget(
    (store, evidence): (&Store, &Evidence),
    seal: &Seal,
    told: impl FnMut(u64),
    context: &Context,
) -> anyhow::Result<Exit> {
    if seal.is_unfinished() {
        let advice = "not everything is sealed with the new key yet; end that first with: dyepack evidence rekey";
        return Err(Failure::Usage(advice.to_owned()).into());
    }
    let (looked, dropped) = evidence::forget((store, evidence), seal, told).await.map_err(shown)?;
    if let Some(broken) = looked.broken.first() {
        let advice = format!("nothing is dropped: {broken} does not open; see: dyepack evidence verify");
        return Err(Failure::Usage(advice).into());
    }
    let key = looked.key;
    match context.output.format() {
        Format::Json => context.output.json(&serde_json::json!({ "key": key, "forgotten": dropped }))?,
        Format::Table => {
            context.output.line(format_args!("{dropped} old keys dropped; {key} is the only one now"))?;
        }
    }
    Ok(Exit::Done)
}
