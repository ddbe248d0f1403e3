//! `source add`, `source list`, `source health`, `source test`: the sites that are read, and how they fare.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::context::Context;
use super::fares::{judged, told_of};
use super::output::{Format, Output};
use super::{Exit, Failure, fares};
use crate::domain::forum::{self, PageKind, Reading};
use crate::domain::health::Told;
use crate::domain::source::{Network, Source};
use crate::ports::fetch::{Fault, FetchError, FetchOptions, Fetched, Fetcher, Request};
use crate::ports::store::model::SourceRow;

/// Rows of a page that `source test` shows.
const ROWS_SHOWN: usize = 5;

/// Adds, lists and tries the sites that are read
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dyepack source test https://forum.example/\n  dyepack source add https://forum.example/\n  dyepack source list"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Add(AddArgs),
    /// Lists the sites and how they fare, in plain words
    List,
    Health(fares::Args),
    Test(TestArgs),
}

/// Adds a site; adding it again changes its pace, concurrency and label
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dyepack source add https://forum.example/\n  \
                        dyepack source add http://127.0.0.1:8101/index.php --label \"trial forum\"\n  \
                        dyepack source add https://slow.example/ --pace 10s")]
struct AddArgs {
    /// The site's start page, in full, with https:// before it
    url: String,
    /// Least time between two requests: 500ms, 2s, 1m [default: 2s; none for a loopback address]
    #[arg(long, value_parser = parse_pace)]
    pace: Option<Duration>,
    /// Requests in flight at once [default: 1; 8 for a loopback address]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrency: Option<u32>,
    /// What mails and tables call it [default: its host]
    #[arg(long)]
    label: Option<String>,
}

/// Fetches a page once, names the engine and shows what is read; stores nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dyepack source test https://forum.example/forumdisplay.php?fid=11")]
struct TestArgs {
    /// The page to fetch
    url: String,
}

/// Runs `source`.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    match args.action {
        Action::Add(add_args) => add(add_args, context).await,
        Action::List => list(context).await,
        Action::Health(health_args) => fares::run(&health_args, context).await,
        Action::Test(test_args) => test(&test_args, context).await,
    }
}

/// Reads a site's address as the user wrote it.
pub(super) fn parse_source(url: &str) -> anyhow::Result<Source> {
    Source::from_url(url).map_err(|error| Failure::Usage(format!("cannot read {url}: {error}")).into())
}

/// Takes the settings of the networks from the configuration.
pub(super) fn fetch_options(context: &Context) -> FetchOptions {
    let usual = FetchOptions::default();
    let network = &context.config.network;
    FetchOptions {
        user_agent: network.user_agent.clone().unwrap_or(usual.user_agent.clone()),
        open: network.open.clone(),
        tor: network.tor.clone(),
        i2p: network.i2p.clone(),
        ..usual
    }
}

fn parse_pace(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| "write a number and a unit: 500ms, 2s, 1m".to_owned())?;
    let seconds = match unit.trim() {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        other => return Err(format!("{other:?} is not a unit of time; use ms, s, m or h")),
    };
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|pace| *pace <= Duration::from_hours(24))
        .ok_or_else(|| "a pace lies between 0 and 24h".to_owned())
}

async fn add(args: AddArgs, context: &Context) -> anyhow::Result<Exit> {
    let mut source = parse_source(&args.url)?;
    source.pace = args.pace.unwrap_or(source.pace);
    source.concurrency = args.concurrency.unwrap_or(source.concurrency);
    source.label = args.label.unwrap_or(source.label);
    let store = context.open_store().await?;
    let is_new = store.add_source(&source, context.clock.now()).await?;
    let done = if is_new { "added" } else { "is known already; its settings were updated:" };
    context.output.line(format_args!(
        "{done} {} ({}, {}, {} at once)",
        source.id,
        network_word(source.network()),
        if source.pace.is_zero() { "no pace".to_owned() } else { format!("one request every {:?}", source.pace) },
        source.concurrency,
    ))?;
    let needs_proxy = match source.network() {
        Network::Open => None,
        Network::Tor => context.config.network.tor.is_none().then_some("tor_socks"),
        Network::I2p => context.config.network.i2p.is_none().then_some("i2p_http"),
    };
    if let Some(key) = needs_proxy {
        context.output.note(format_args!("it cannot be read yet: set {key} in [network] of dyepack.toml"));
    }
    context.output.note("next: dyepack crawl --once");
    Ok(Exit::Done)
}

/// A row of `source list`.
#[derive(Debug, Serialize)]
struct Row {
    source: String,
    label: String,
    start_url: String,
    network: Network,
    engine: Option<String>,
    posts: u64,
    urls: u64,
    due: u64,
    last_success_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    last_failure: Option<String>,
    #[serde(flatten)]
    told: Told,
    health: String,
}

async fn list(context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let now = context.clock.now();
    let (situation, alarms) = judged(&store, context).await?;
    let listed = |row: SourceRow| {
        let told = told_of(&row.source.id.0, (&situation, &alarms), now)?;
        Some(listed(row, told))
    };
    let rows: Vec<Row> = store.sources(now).await?.into_iter().filter_map(listed).collect();
    if rows.is_empty() {
        context.output.note("no sources yet; add one with: dyepack source add https://forum.example/");
    }
    match context.output.format() {
        Format::Json => {
            for row in &rows {
                context.output.json(row)?;
            }
        }
        Format::Table if rows.is_empty() => {}
        Format::Table => {
            let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
            context.output.table(&["source", "engine", "posts", "urls", "due", "how it fares"], &cells)?;
        }
    }
    Ok(Exit::Done)
}

fn cells(row: &Row) -> Vec<String> {
    let name = if row.label == row.source { row.source.clone() } else { format!("{} ({})", row.label, row.source) };
    vec![
        name,
        row.engine.clone().unwrap_or_else(|| "?".to_owned()),
        row.posts.to_string(),
        row.urls.to_string(),
        row.due.to_string(),
        row.health.clone(),
    ]
}

fn listed(row: SourceRow, told: Told) -> Row {
    Row {
        health: told.line(),
        told,
        source: row.source.id.to_string(),
        network: row.source.network(),
        start_url: row.source.start_url.to_string(),
        label: row.source.label,
        engine: row.engine,
        posts: row.posts,
        urls: row.urls,
        due: row.due,
        last_success_at: row.last_success_at,
        last_failure_at: row.last_failure_at,
        last_failure: row.last_failure,
    }
}

pub(super) const fn network_word(network: Network) -> &'static str {
    match network {
        Network::Open => "open web",
        Network::Tor => "Tor",
        Network::I2p => "I2P",
    }
}

/// What `source test` read.
#[derive(Debug, Serialize)]
struct Tried<'a> {
    url: &'a str,
    status: u16,
    bytes: usize,
    engine: forum::Engine,
    page: PageKind,
    title: &'a str,
    threads: usize,
    posts: usize,
    links: usize,
    first_threads: &'a [forum::ThreadRow],
    first_posts: &'a [forum::Post],
    oddities: &'a [crate::domain::oddity::Oddity],
}

async fn test(args: &TestArgs, context: &Context) -> anyhow::Result<Exit> {
    let source = parse_source(&args.url)?;
    let fetcher = Fetcher::new(fetch_options(context), context.clock.clone());
    context.output.note(format_args!("fetching {} once over {} …", source.id, network_word(source.network())));
    let page = match fetcher.fetch(&source, &Request::page(source.start_url.clone())).await {
        Ok(Fetched::Page(page)) => page,
        // Nothing was known of the page, so it cannot be as it was.
        Ok(Fetched::Unchanged) => anyhow::bail!("the site answered 304 to a first request"),
        Err(error) => anyhow::bail!("cannot read {}: {error}{}", source.id, remedy(&error)),
    };
    let reading = forum::read(&page, &source.start_url);
    match context.output.format() {
        Format::Json => context.output.json(&Tried {
            url: page.url.as_str(),
            status: page.status,
            bytes: page.body.len(),
            engine: reading.engine,
            page: reading.page,
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
        super::output::printable(&reading.title)
    ))?;
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

/// What to do about a failed fetch, where there is something to do.
pub(super) fn remedy(error: &FetchError) -> &'static str {
    match error {
        FetchError::Dns { .. } => "; check the host's name and this machine's resolver",
        FetchError::Refused { .. } | FetchError::Unreachable { .. } => "; check that the site is up and the port right",
        FetchError::OffSite { .. } => "; if the site has moved, add its new address as a source",
        FetchError::RouteDown { .. } => "; dyepack check says what is wrong with it",
        FetchError::Service { fault: Fault::KeyWanted | Fault::KeyWrong, .. } => {
            "; put the key that its owner gave you into Tor's ClientOnionAuthDir"
        }
        FetchError::Service { fault: Fault::BadAddress, .. } => "; compare it with where you have it from",
        FetchError::Service { fault: Fault::PortClosed, .. } => "; give the port that it offers",
        FetchError::Http { status: 401 | 403, .. } => "; it may want a login, or refuse readers like us",
        FetchError::Tls { .. } => "; its certificate is not trusted by this machine",
        FetchError::NoRoute { .. }
        | FetchError::Service { fault: Fault::Unknown | Fault::Down, .. }
        | FetchError::PrivateAddress { .. }
        | FetchError::Timeout { .. }
        | FetchError::Reset
        | FetchError::Truncated { .. }
        | FetchError::TooLarge { .. }
        | FetchError::Encoding { .. }
        | FetchError::TooManyRedirects { .. }
        | FetchError::RedirectLoop
        | FetchError::BadRedirect { .. }
        | FetchError::Http { .. }
        | FetchError::Protocol { .. }
        | FetchError::Setup { .. } => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_a_number_and_a_unit() {
        for (text, expected) in [
            ("500ms", Some(Duration::from_millis(500))),
            ("2s", Some(Duration::from_secs(2))),
            ("1.5", Some(Duration::from_millis(1500))),
            ("1m", Some(Duration::from_mins(1))),
            ("0", Some(Duration::ZERO)),
            ("-1s", None),
            ("2 fortnights", None),
            ("999h", None),
            ("", None),
        ] {
            assert_eq!(parse_pace(text).ok(), expected, "{text}");
        }
    }
}
