//! `read`: shows what a recipe sees on one page, as one JSON object.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use tokio::fs;
use tokio::io::AsyncReadExt as _;
use url::Url;

use super::context::Context;
use super::{Exit, Failure};
use crate::domain::forum::{self, Engine, Overrides, PageKind, Post, Reading, ThreadRow};
use crate::domain::oddity::Oddity;
use crate::domain::page::{Asked, FetchedPage};

const LIMIT_BYTES: u64 = 64 << 20;

/// Shows what a recipe sees on a saved page
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dyepack read --url 'https://forum.example/showthread.php?tid=101' --fetched-at 2026-11-21T20:13:54Z page.html.gz\n  \
    dyepack read --recipe selectors.toml page.html")]
pub(super) struct Args {
    /// Address that the page was fetched from [default: what the page says of itself]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// When it was fetched; relative dates count from here [default: now]
    #[arg(long, value_name = "TIME")]
    fetched_at: Option<Timestamp>,
    /// Selectors to try before the recipe's own: a TOML file with them, or with a table recipe that has them
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// The page as it was received, perhaps gzipped; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    engine: Engine,
    signs: &'a [String],
    page: PageKind,
    title: &'a str,
    threads: &'a [ThreadRow],
    posts: &'a [Post],
    next: Option<&'a Url>,
    oddities: &'a [Oddity],
}

/// Runs `read`.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let raw = bytes(&args.file).await?;
    let body = if raw.starts_with(&[0x1f, 0x8b]) { unpack(&raw, &args.file)? } else { raw };
    let fetched_at = args.fetched_at.unwrap_or_else(|| context.clock.now());
    let overrides = match &args.recipe {
        Some(file) => overrides(file).await?,
        None => Overrides::default(),
    };
    let reading = tokio::task::spawn_blocking(move || read(body, args.url, fetched_at, &overrides)).await?;
    context.output.json(&Shown {
        engine: reading.engine,
        signs: &reading.signs,
        page: reading.page,
        title: &reading.title,
        threads: &reading.threads,
        posts: &reading.posts,
        next: reading.next.as_ref(),
        oddities: &reading.oddities,
    })?;
    Ok(Exit::Done)
}

/// Reads selectors from a TOML file: its table `recipe` where it has one, else the whole.
async fn overrides(file: &Path) -> anyhow::Result<Overrides> {
    let text = fs::read_to_string(file).await.with_context(|| format!("cannot open {}", file.display()))?;
    let wrong = |error: &toml::de::Error| Failure::Usage(format!("cannot read {}: {error}", file.display()));
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(&error))?;
    match table.get("recipe") {
        Some(recipe) => recipe.clone().try_into().map_err(|error| wrong(&error).into()),
        None => toml::from_str(&text).map_err(|error| wrong(&error).into()),
    }
}

fn read(body: Vec<u8>, url: Option<Url>, fetched_at: Timestamp, overrides: &Overrides) -> Reading {
    let url = url.or_else(|| forum::declared_home(&body, None)).unwrap_or_else(nowhere);
    let page = FetchedPage {
        requested: url.clone(),
        url: url.clone(),
        status: 200,
        headers: Vec::new(),
        body,
        fetched_at,
        asked: Asked::default(),
    };
    forum::read_with(&page, &url, overrides)
}

/// The address of a page that does not say where it is from (RFC 2606).
fn nowhere() -> Url {
    Url::parse("http://unknown.invalid/").expect("a constant that parses")
}

fn unpack(gzipped: &[u8], file: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let unpacked = flate2::read::MultiGzDecoder::new(gzipped).take(LIMIT_BYTES).read_to_end(&mut body);
    match unpacked {
        Ok(_) => Ok(body),
        Err(error) => Err(Failure::Usage(format!("{} is no whole gzip file ({error})", file.display()))),
    }
}

async fn bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        let input = || {
            let mut bytes = Vec::new();
            std::io::stdin().lock().take(LIMIT_BYTES).read_to_end(&mut bytes).map(|_| bytes)
        };
        return tokio::task::spawn_blocking(input).await?.context("cannot read standard input");
    }
    let opened = fs::File::open(file).await.with_context(|| format!("cannot open {}", file.display()))?;
    tokio::io::AsyncReadExt::take(opened, LIMIT_BYTES)
        .read_to_end(&mut bytes)
        .await
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(bytes)
}
