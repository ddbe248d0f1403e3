//! `source test`: fetches a page once and shows what is read.

use jiff::Timestamp;
use serde::Serialize;

use super::{fetch_options, network_word, parse_source, remedy};
use crate::domain::forum::{self, PageKind, Reading, Standing};
use crate::domain::oddity::Oddity;
use crate::faces::cli::Exit;
use crate::faces::cli::context::Context;
use crate::faces::cli::output::{Format, Output, printable};
use crate::ports::fetch::{Fetched, Fetcher, Request};

/// Rows of a page that are shown.
const ROWS_SHOWN: usize = 5;

/// Fetches a page once, names the engine and shows what is read; stores nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dyepack source test https://forum.example/forumdisplay.php?fid=11")]
pub(super) struct TestArgs {
    /// The page to fetch
    url: String,
}

/// What `source test` read.
#[derive(Debug, Serialize)]
struct Tried<'a> {
    url: &'a str,
    status: u16,
    bytes: usize,
    engine: forum::Engine,
    signs: &'a [String],
    page: PageKind,
    reader: Standing,
    title: &'a str,
    threads: usize,
    posts: usize,
    links: usize,
    first_threads: &'a [forum::ThreadRow],
    first_posts: &'a [forum::Post],
    oddities: &'a [Oddity],
}

pub(super) async fn test(args: &TestArgs, context: &Context) -> anyhow::Result<Exit> {
    let source = parse_source(&args.url)?;
    let fetcher = Fetcher::new(fetch_options(context), context.clock.clone());
    context.output.note(format_args!("fetching {} once over {} …", source.id, network_word(source.network())));
    let page = match fetcher.fetch(&source, &Request::page(source.start_url.clone())).await {
        Ok(Fetched::Page(page)) => page,
        // Nothing was known of the page, so it cannot be as it was.
        Ok(Fetched::Unchanged) => anyhow::bail!("the site answered 304 to a first request"),
        Err(error) => anyhow::bail!("cannot read {}: {error}{}", source.id, remedy(&error)),
    };
    let reading = forum::read_with(&page, &source.start_url, &source.settings.recipe);
    match context.output.format() {
        Format::Json => context.output.json(&Tried {
            url: page.url.as_str(),
            status: page.status,
            bytes: page.body.len(),
            engine: reading.engine,
            signs: &reading.signs,
            page: reading.page,
            reader: reading.standing,
            title: &reading.title,
            threads: reading.threads.len(),
            posts: reading.posts.len(),
            links: reading.links.len(),
            first_threads: reading.threads.get(..ROWS_SHOWN.min(reading.threads.len())).unwrap_or_default(),
            first_posts: reading.posts.get(..ROWS_SHOWN.min(reading.posts.len())).unwrap_or_default(),
            oddities: &reading.oddities,
        })?,
        Format::Table => show(&reading, page.body.len(), context.output)?,
    }
    let has_substance = !reading.threads.is_empty() || !reading.posts.is_empty() || !reading.links.is_empty();
    Ok(if has_substance { Exit::Done } else { Exit::Problems })
}

fn show(reading: &Reading, bytes: usize, output: Output) -> anyhow::Result<()> {
    let engine = serde_json::to_value(reading.engine)?;
    let kind = serde_json::to_value(reading.page)?;
    output.line(format_args!(
        "{} · {} page · {} bytes · {:?}",
        engine.as_str().unwrap_or_default(),
        kind.as_str().unwrap_or_default(),
        bytes,
        printable(&reading.title)
    ))?;
    if !reading.signs.is_empty() {
        output.line(format_args!("told by {}", reading.signs.join(", ")))?;
    }
    output.line(format_args!(
        "{} threads, {} posts, {} links to follow",
        reading.threads.len(),
        reading.posts.len(),
        reading.links.len()
    ))?;
    let time = |at: Option<Timestamp>| at.map_or_else(|| "?".to_owned(), |at| at.to_string());
    let name = |author: &Option<String>| author.clone().unwrap_or_else(|| "?".to_owned());
    if !reading.threads.is_empty() {
        let rows: Vec<Vec<String>> = reading
            .threads
            .iter()
            .take(ROWS_SHOWN)
            .map(|row| vec![row.title.clone(), name(&row.author), time(row.last_post_at)])
            .collect();
        output.table(&["thread", "author", "last post"], &rows)?;
    }
    if !reading.posts.is_empty() {
        let start = |text: &str| text.chars().take(80).collect::<String>();
        let rows: Vec<Vec<String>> = reading
            .posts
            .iter()
            .take(ROWS_SHOWN)
            .map(|post| vec![name(&post.author), time(post.posted_at), start(&post.text)])
            .collect();
        output.table(&["author", "posted", "text"], &rows)?;
    }
    for oddity in &reading.oddities {
        output.line(format_args!("odd: {} ({})", oddity.detail, oddity.code))?;
    }
    Ok(())
}
