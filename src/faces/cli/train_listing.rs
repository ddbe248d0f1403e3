//! `train-listing`: trains the model of `domain::listing` from its grammar and writes the weights that are built in.
//!
//! For developers, so hidden from help: run it after a change of vocabulary, features or grammar, then build again.

use std::path::PathBuf;

use anyhow::Context as _;

use super::context::Context;
use super::{Exit, Failure};
use crate::domain::listing::training::{self, Grammar, Recipe};

/// Trains the listing model from generated texts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  dyepack train-listing --grammar training/listing --out src/domain/listing/weights.txt")]
pub(super) struct Args {
    /// Folder of grammar files, read in the order of their names
    #[arg(long, value_name = "DIR")]
    grammar: PathBuf,
    /// Where the weights are written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// All chance comes from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Texts to generate
    #[arg(long, default_value_t = 120_000)]
    texts: usize,
    /// Passes over them
    #[arg(long, default_value_t = 6)]
    passes: usize,
}

/// Runs `train-listing`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let mut paths = Vec::new();
    let mut folder = tokio::fs::read_dir(&args.grammar)
        .await
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", args.grammar.display())))?;
    while let Some(entry) = folder.next_entry().await? {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in &paths {
        let text = tokio::fs::read_to_string(path).await;
        files.push(text.with_context(|| format!("cannot read {}", path.display()))?);
    }
    let texts: Vec<&str> = files.iter().map(String::as_str).collect();
    let grammar =
        Grammar::parse(&texts).map_err(|error| Failure::Usage(format!("the grammar cannot be used: {error}")))?;
    let recipe = Recipe { seed: args.seed, texts: args.texts, passes: args.passes };
    let trained = tokio::task::spawn_blocking(move || training::train(&grammar, recipe)).await?;
    tokio::fs::write(&args.out, &trained.weights)
        .await
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    context.output.line(trained.report.trim_end())?;
    Ok(Exit::Done)
}
