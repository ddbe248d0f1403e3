//! `drill`: an invented leak goes the whole way, from a site that we serve to a mail that we catch.
//!
//! The site and the catcher are the demo's; what lies between is production's own code, settings and proxies, on a store of
//! its own that goes away. Only how it went is put on record.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::context::Context;
use super::demo::archive::zip_of;
use super::demo::catcher;
use super::demo::forum::Forum;
use super::demo::threads::{Board, DemoThread, File, Message};
use super::output::{Format, printable};
use super::source::fetch_options;
use super::{Exit, Failure, alert, crawl as crawling};
use crate::domain::health::DrillRun;
use crate::domain::source::{Network, Source};
use crate::ports::evidence::Evidence;
use crate::ports::fetch::{Fetcher, Hooks};
use crate::ports::seal::Seal;
use crate::ports::store::Store;
use crate::ports::store::model::RecordPolicy;
use crate::ports::vault::Vault;
use crate::services::drill::{self, Script, Step, Steps};
use crate::services::{alerting, crawl};

/// Longest time for the crawl, and for the mail.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest wait before it is looked again whether a drill is due.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// Where the site is read when no network lies between.
const HERE: &str = "this machine";

/// Sends an invented leak the whole way, once: fetch, recipe, matcher, case, mail; shows each step
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dyepack drill\n\nNobody is mailed and no case of yours is touched. While a crawl runs, \
                  the drill is repeated ([drill] every, 24h by default), and an alarm is raised when it does not come \
                  through. With [drill] sites and listen it also goes over your own onion service or I2P tunnel."
)]
pub(super) struct Args {}

/// How a drill went over one way.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    place: &'a str,
    ok: bool,
    took_ms: u64,
    steps: &'a [Step],
}

/// Runs `drill`.
pub(super) async fn run(_: &Args, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let mut is_whole = true;
    for (place, url) in places(context)? {
        context.output.note(format_args!("drill over {place} …"));
        let (run, steps) = once(&place, url, context).await?;
        is_whole &= run.failure.is_none();
        store.note_drill(&run).await.context("cannot put the drill on record")?;
        show(&run, &steps, context)?;
    }
    Ok(if is_whole { Exit::Done } else { Exit::Problems })
}

/// Repeats the drill for as long as it is polled.
pub(super) async fn repeat(every: Duration, store: Store, context: &Context) -> Infallible {
    loop {
        // Not at once: a crawl that is over in a moment needs no drill.
        sleep(every.min(LOOK_EVERY)).await;
        if let Err(error) = repeat_what_is_due(every, &store, context).await {
            tracing::warn!("a drill could not be begun: {error:#}");
        }
    }
}

async fn repeat_what_is_due(every: Duration, store: &Store, context: &Context) -> anyhow::Result<()> {
    let last = store.last_drills().await?;
    let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
    for (place, url) in places(context)? {
        let last_at = last.iter().find(|run| run.place == place).map(|run| run.at);
        if last_at.is_some_and(|at| context.clock.now().duration_since(at) < every) {
            continue;
        }
        let (run, _) = once(&place, url, context).await?;
        if let Some((step, detail)) = &run.failure {
            tracing::error!(place, step, "the drill did not come through: {detail}");
        }
        store.note_drill(&run).await?;
    }
    Ok(())
}

/// The ways that a drill takes: this machine, and each site of the configuration.
fn places(context: &Context) -> anyhow::Result<Vec<(String, Option<Source>)>> {
    let mut places = vec![(HERE.to_owned(), None)];
    for site in &context.config.drill.sites {
        let mut source = super::source::parse_source(site)?;
        if source.network() == Network::Open || context.config.drill.listen.is_none() {
            let advice = "[drill] sites are onion or I2P addresses of your own that lead to [drill] listen";
            return Err(Failure::Usage(advice.to_owned()).into());
        }
        // It is our own.
        source.pace = Duration::ZERO;
        places.push((format!("{} ({})", source.network().name(), source.label), Some(source)));
    }
    Ok(places)
}

/// Goes one way, once.
async fn once(place: &str, source: Option<Source>, context: &Context) -> anyhow::Result<(DrillRun, Vec<Step>)> {
    let mut chance = [0_u8; 8];
    getrandom::fill(&mut chance).context("the operating system gives no random numbers")?;
    let script = Script::new(u64::from_be_bytes(chance));
    let folder = TempDir::with_prefix("dyepack-drill-").context("cannot make a temporary folder")?;
    let store_url = format!("sqlite:{}", folder.path().join("drill.db").display());
    let seal = Seal::load_or_create(&folder.path().join("drill.key"))?;
    let store = Store::open(&store_url, seal.clone()).await?;
    let evidence = Evidence::new(folder.path(), seal);
    let at = context.clock.now();
    let mut steps = Steps::begin(context.clock.clone());
    let gone = Box::pin(go(&mut steps, (&store, &evidence, &script), source, context)).await;
    store.close().await;
    gone?;
    let failure = steps.failure().map(|step| (step.step.to_owned(), step.detail.clone()));
    let took_ms = u64::try_from(steps.took().as_millis()).unwrap_or(u64::MAX);
    let last_whole_at = failure.is_none().then_some(at);
    Ok((DrillRun { place: place.to_owned(), at, failure, took_ms, last_whole_at }, steps.ended))
}

async fn go(
    steps: &mut Steps,
    (store, evidence, script): (&Store, &Evidence, &Script),
    source: Option<Source>,
    context: &Context,
) -> anyhow::Result<()> {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let address = source.as_ref().and(context.config.drill.listen).unwrap_or(anywhere);
    let site = site(script, context).start_at(address).await;
    let Some(site) = steps.end("site", site.map(told("serves the listing")).map_err(|error| error.to_string())) else {
        return Ok(());
    };
    let source = match source {
        Some(source) => source,
        None => Source::from_url(&format!("http://{}/", site.address)).context("cannot use the drill's site")?,
    };
    let fetcher = Fetcher::new(fetch_options(context), context.clock.clone());
    if !drill::first_steps(steps, &fetcher, &source, script).await {
        return Ok(());
    }
    let ready = drill::set_up(store, script, &source, context.clock.now()).await;
    if steps.end("store", ready.map(told("keeps the organization")).map_err(|error| error.to_string())).is_none() {
        return Ok(());
    }
    let crawled = crawl_it((store, evidence), fetcher, context).await;
    let case = match crawled {
        Ok(()) => drill::case(store).await,
        Err(error) => Err(format!("{error:#}")),
    };
    let Some(case) = steps.end("crawl and case", case) else { return Ok(()) };
    let mailed = mail_it((store, script), &case, context).await.map_err(|error| format!("{error:#}"));
    steps.end("mail", mailed.and_then(|checked| checked));
    if let Some(mailer) = alert::mailer(None, context).await? {
        let knocked = mailer.knock().await;
        steps.end(
            "mail server",
            knocked.map(told(&format!("{} answers", mailer.place()))).map_err(|error| error.to_string()),
        );
    }
    drop(site.server);
    Ok(())
}

fn told<T>(detail: &str) -> impl FnOnce(T) -> (T, String) + '_ {
    move |brought| (brought, detail.to_owned())
}

fn site(script: &Script, context: &Context) -> Forum {
    let attachment = File {
        id: 1,
        name: "sample.zip",
        media_type: "application/zip",
        bytes: zip_of("sample.csv", script.table.as_bytes()),
    };
    let message = |id, author, minutes_ago, html: &str, attachment| Message {
        id,
        author,
        minutes_ago,
        html: html.to_owned(),
        signature: "",
        attachment,
    };
    let messages = vec![
        message(1, Script::SELLER, 90, &script.listing_html, Some(attachment)),
        message(2, "drill_reader", 80, "Is it still there?", None),
    ];
    Forum {
        boards: vec![Board { id: 1, name: "Databases" }],
        threads: vec![DemoThread { id: 1, board: 1, title: "Bank database for sale".to_owned(), messages }],
        clock: context.clock.clone(),
    }
}

async fn crawl_it((store, evidence): (&Store, &Evidence), fetcher: Fetcher, context: &Context) -> anyhow::Result<()> {
    let ports = crawl::Ports {
        store: store.clone(),
        vault: Vault::default(),
        evidence: evidence.clone(),
        fetcher,
        sandbox: crawling::sandbox(context)?,
        clock: context.clock.clone(),
    };
    let options = crawl::CrawlOptions {
        until: crawl::Until::NothingDue { patience: PATIENCE },
        ..crawl::CrawlOptions::new("drill", RecordPolicy { settle: Duration::ZERO })
    };
    let (_stop, stopped) = watch::channel(false);
    crawl::run(ports, options, stopped).await.map(drop).context("the crawl ended early")
}

async fn mail_it(
    (store, script): (&Store, &Script),
    case: &str,
    context: &Context,
) -> anyhow::Result<Result<((), String), String>> {
    let mut catcher = catcher::start().await.context("cannot start a mail catcher")?;
    let mailer = alert::mailer(Some(&format!("smtp://{}", catcher.address)), context).await?;
    let ports = alerting::Ports {
        store: store.clone(),
        vault: Vault::default(),
        mailer: mailer.context("cannot set mail up")?,
        clock: context.clock.clone(),
        links: None,
        hooks: Hooks::default(),
    };
    let until = alerting::Until::Delivered { patience: PATIENCE };
    let options = alerting::AlertingOptions { worker: "drill".to_owned(), until };
    let (_stop, stopped) = watch::channel(false);
    alerting::run(ports, options, stopped).await.context("the mail could not be sent")?;
    let mail = timeout(PATIENCE, catcher.mails.recv()).await.ok().flatten().context("no mail arrived")?;
    drop(catcher.server);
    let parsed = mail_parser::MessageParser::default().parse(mail.message.as_bytes());
    let parsed = parsed.context("the mail that arrived cannot be read")?;
    let text = parsed.body_text(0).unwrap_or_default();
    Ok(drill::mail(script, case, &mail.recipients, &text))
}

fn show(run: &DrillRun, steps: &[Step], context: &Context) -> anyhow::Result<()> {
    let ok = run.failure.is_none();
    match context.output.format() {
        Format::Json => context.output.json(&Shown { place: &run.place, ok, took_ms: run.took_ms, steps })?,
        Format::Table => {
            let row = |step: &Step| {
                let state = if step.ok { "ok" } else { "FAILED" };
                vec![state.to_owned(), step.step.to_owned(), format!("{} ms", step.took_ms), printable(&step.detail)]
            };
            context.output.table(&["", "step", "time", "what was seen"], &steps.iter().map(row).collect::<Vec<_>>())?;
            let end = if ok { "came through" } else { "did not come through" };
            context.output.line(format_args!("the drill over {} {end} in {} ms", run.place, run.took_ms))?;
        }
    }
    Ok(())
}
