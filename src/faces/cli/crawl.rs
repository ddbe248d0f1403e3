//! `crawl`: reads what is due and, where mail is set up, sends what is found.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{HumanBytes, ProgressBar};
use tokio::fs::OpenOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::context::Context;
use super::output::{Format, Output};
use super::source::{fetch_options, find, parse_source, with_login};
use super::{Exit, Failure, alert, health, watchlist};
use crate::domain::source::SourceId;
use crate::ports::fetch::Fetcher;
use crate::ports::memory;
use crate::ports::sandbox::{Allowance, Sandbox};
use crate::ports::store::Store;
use crate::ports::store::model::RecordPolicy;
use crate::services::alerting::{self, AlertingOptions};
use crate::services::crawl::{self, CrawlOptions, Ports, Progress, Summary, Until, Waiting};
use crate::services::evidence;
use crate::services::intake::Confirmation;

/// Time between two looks at the progress on a terminal.
const BAR_EVERY: Duration = Duration::from_millis(250);
/// Time between two lines of progress where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Reads what is due: fetches, reads, matches, records; mails what is found
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dyepack crawl --once\n  dyepack crawl --source forum.example\n  \
                        dyepack crawl --once --data /tmp/trial --watchlist watchlists/example-bank \
                        --source http://127.0.0.1:8101/ --mail smtp://127.0.0.1:2525\n  \
                        dyepack crawl --once --source https://forum.example/ --login account.toml\n\n\
                        Ctrl-C lets the pages in flight end, gives the rest back and ends; nothing is lost.")]
#[group(skip)]
pub(super) struct Args {
    /// A site to crawl, by its name, or by its URL, which adds it; given once, only this one is crawled
    #[arg(long, value_name = "SOURCE|URL")]
    source: Vec<String>,
    /// A file with the account (user and password in TOML) or the cookies to read the one --source with; chmod 600
    #[arg(long, value_name = "FILE", requires = "source")]
    login: Option<PathBuf>,
    /// End when nothing is due and every alert is delivered
    #[arg(long)]
    once: bool,
    /// Enrol this watchlist first
    #[arg(long, value_name = "DIR")]
    watchlist: Vec<PathBuf>,
    /// Where mail goes, instead of `[mail] url`: smtp://HOST:PORT
    #[arg(long, value_name = "URL")]
    mail: Option<String>,
}

/// Runs `crawl`.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    crawl(args, Sources::Needed, context).await
}

/// Crawls beside the console, in which sources are added: it waits for the first.
pub(super) async fn run_beside(args: Args, context: &Context) -> anyhow::Result<Exit> {
    crawl(args, Sources::ToCome, context).await
}

/// Whether there must be something to crawl from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sources {
    Needed,
    ToCome,
}

async fn crawl(args: Args, sources: Sources, context: &Context) -> anyhow::Result<Exit> {
    memory::take_small_pages();
    let mailer = alert::mailer(args.mail.as_deref(), context).await?;
    let store = context.open_store().await?;
    if !args.watchlist.is_empty() {
        match watchlist::import(&args.watchlist, Confirmation::Operator, context).await? {
            Exit::Done => {}
            Exit::Problems => return Ok(Exit::Problems),
        }
    }
    let source = choose_sources(&args.source, args.login.as_deref(), &store, context).await?;
    if sources == Sources::Needed {
        there_is_a_source(&store, context).await?;
    }
    let worker = Worker::name(context, &store).await?;
    let until = if args.once { Until::NothingDue { patience: CrawlOptions::PATIENCE } } else { Until::Stopped };
    let options = CrawlOptions {
        source,
        until,
        folder: Some(context.data_dir.clone()),
        budget_bytes: context.config.retention.budget_bytes(),
        ..CrawlOptions::new(worker.name.clone(), RecordPolicy { settle: context.config.alert.settle })
    };
    let ports = ports(&store, context)?;
    tidy(&store, &ports, context).await;
    let watch = health::Watch::new(mailer.clone(), &worker.name, &store, context).await?;
    let mut display = Display::new(options.progress.subscribe(), context.output);
    let stop = watch::Sender::new(false);
    let post = mailer.map(|mailer| Post { ports: alert::ports(&store, mailer, context), worker: worker.name.clone() });
    let work = Box::pin(async {
        let crawling = Box::pin(watch.beside(crawl::run(ports, options, stop.subscribe()), until));
        let crawled = match &post {
            Some(post) => post.beside(crawling).await?,
            None => crawling.await,
        };
        let delivered = match (&post, until) {
            (Some(post), Until::NothingDue { .. }) => {
                let delivered = post.deliver_all(&stop).await;
                watch.look().await;
                delivered
            }
            (Some(_), Until::Stopped) | (None, _) => Ok(()),
        };
        anyhow::Ok((crawled.context("the crawl ended early")?, delivered))
    });
    let ended = until_told(work, &stop, &mut display, context.output).await;
    display.clear();
    let (summary, delivered) = ended??;
    let exit = report(&summary, context.output)?;
    delivered?;
    if post.is_none() {
        tell_of_waiting_alerts(&store, context).await?;
    }
    Ok(exit)
}

fn ports(store: &Store, context: &Context) -> anyhow::Result<Ports> {
    Ok(Ports {
        store: store.clone(),
        vault: context.vault(),
        fetcher: Fetcher::new(fetch_options(context), context.clock.clone()),
        evidence: context.evidence()?,
        sandbox: sandbox(context)?,
        clock: context.clock.clone(),
    })
}

/// Lets go of what is left over and what is older than the rules allow; a failure is only told.
async fn tidy(store: &Store, ports: &Ports, context: &Context) {
    if let Err(error) = evidence::sweep(store, &ports.evidence).await {
        tracing::warn!(%error, "left-over evidence was not removed");
    }
    let rules = context.config.retention;
    if let Err(error) = evidence::purge(store, &ports.evidence, rules, context.clock.now()).await {
        tracing::warn!(%error, "what is older than [retention] allows was not purged");
    }
}

/// Makes the sandbox that attachments are unpacked in.
pub(super) fn sandbox(context: &Context) -> anyhow::Result<Sandbox> {
    let sandbox =
        Sandbox::of_this_program(Allowance::of_attachments()).context("cannot find this program's own file")?;
    Ok(sandbox.with_passwords(context.config.archive.passwords.iter().cloned()))
}

/// Sends what is found.
struct Post {
    ports: alerting::Ports,
    worker: String,
}

impl Post {
    /// Sends alerts for as long as the crawl runs.
    async fn beside<T>(&self, crawling: impl Future<Output = T>) -> anyhow::Result<T> {
        let stop = watch::Sender::new(false);
        let alerting = alerting::run(self.ports.clone(), self.options(alerting::Until::Stopped), stop.subscribe());
        let crawling = async {
            let crawled = crawling.await;
            stop.send_replace(true);
            crawled
        };
        let (crawled, alerted) = tokio::join!(crawling, alerting);
        alerted.context("alerts cannot be sent")?;
        Ok(crawled)
    }

    /// Sends everything that is queued, whether it has settled or not.
    async fn deliver_all(&self, stop: &watch::Sender<bool>) -> anyhow::Result<()> {
        let until = alerting::Until::Delivered { patience: CrawlOptions::PATIENCE };
        let alerted = alerting::run(self.ports.clone(), self.options(until), stop.subscribe()).await;
        let summary = alerted.context("alerts cannot be sent")?;
        if summary.dead > 0 {
            anyhow::bail!("{} given up; see: dyepack alert list", counted(summary.dead, "alert"));
        }
        let pending = summary.pending;
        if pending > 0 && !*stop.borrow() {
            anyhow::bail!(
                "{} could not be delivered yet and will be tried again by the next crawl; see: dyepack alert list",
                counted(pending, "alert")
            );
        }
        Ok(())
    }

    fn options(&self, until: alerting::Until) -> AlertingOptions {
        AlertingOptions { worker: self.worker.clone(), until }
    }
}

async fn tell_of_waiting_alerts(store: &Store, context: &Context) -> anyhow::Result<()> {
    let (waiting, output) = (store.pending_alerts(context.clock.now()).await?, context.output);
    if waiting > 0 {
        output.note(format_args!(
            "{} wait to be sent: set [mail] url in dyepack.toml, or give --mail smtp://HOST:PORT",
            counted(waiting, "alert")
        ));
    }
    Ok(())
}

/// Drives `work` to its end, showing progress; the first Ctrl-C or SIGTERM asks it to end, the second leaves at once.
async fn until_told<T>(
    work: impl Future<Output = T>,
    stop: &watch::Sender<bool>,
    display: &mut Display,
    output: Output,
) -> anyhow::Result<T> {
    let mut interrupts = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminations = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut work = pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => return Ok(ended),
            () = display.tick() => {}
            _ = interrupts.recv() => told(stop, output)?,
            _ = terminations.recv() => told(stop, output)?,
        }
    }
}

fn told(stop: &watch::Sender<bool>, output: Output) -> anyhow::Result<()> {
    if stop.send_replace(true) {
        anyhow::bail!("stopped at once; what was in flight will be read again");
    }
    output.note("stopping: pages in flight may end, the rest is given back (again: stop at once)");
    Ok(())
}

/// Adds the URLs among `names`; returns the one source to crawl, if only one was named. A login belongs to that one.
async fn choose_sources(
    names: &[String],
    login: Option<&Path>,
    store: &Store,
    context: &Context,
) -> anyhow::Result<Option<SourceId>> {
    if login.is_some() && names.len() != 1 {
        return Err(Failure::Usage("--login belongs to one --source; name exactly one".to_owned()).into());
    }
    let mut chosen = Vec::new();
    for name in names {
        let added = if name.contains("://") { Some(parse_source(name)?) } else { None };
        let known = match &added {
            Some(source) => store.source(&source.id).await?,
            None => Some(find(name, store).await?),
        };
        let is_new = known.is_none();
        let Some(mut source) = known.or(added) else { continue };
        if let Some(login) = login {
            source = with_login(source, login, context).await?;
        }
        if is_new || login.is_some() {
            store.add_source(&source, context.clock.now()).await?;
        }
        chosen.push(source.id);
    }
    let only = if chosen.len() == 1 { chosen.pop() } else { None };
    Ok(only)
}

async fn there_is_a_source(store: &Store, context: &Context) -> anyhow::Result<()> {
    if store.sources(context.clock.now()).await?.is_empty() {
        let message = "there is nothing to crawl yet; add a site with: dyepack source add https://forum.example/";
        return Err(Failure::Usage(message.to_owned()).into());
    }
    Ok(())
}

/// The name under which this process leases, and the lock that makes the name its own.
struct Worker {
    name: String,
    _lock: File,
}

impl Worker {
    /// Takes the data directory's own name, and with it the leases of a process that died; if another process has that
    /// name, takes a new one.
    async fn name(context: &Context, store: &Store) -> anyhow::Result<Self> {
        let path = context.data_dir.join("worker.lock");
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).await;
        let mut lock = opened.with_context(|| format!("cannot open {}", path.display()))?.into_std().await;
        if lock.try_lock().is_err() {
            return Ok(Self { name: fresh_name()?, _lock: lock });
        }
        let mut name = String::new();
        (&lock).take(64).read_to_string(&mut name).with_context(|| format!("cannot read {}", path.display()))?;
        if name.is_empty() {
            name = fresh_name()?;
            lock.write_all(name.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let taken_over = store.release_worker(&name).await?;
        if taken_over > 0 {
            tracing::info!(leases = taken_over, "took over what a process that died had begun");
        }
        Ok(Self { name, _lock: lock })
    }
}

fn fresh_name() -> anyhow::Result<String> {
    let mut chance = [0_u8; 8];
    getrandom::fill(&mut chance).context("the operating system gives no random numbers")?;
    Ok(format!("worker-{:016x}", u64::from_be_bytes(chance)))
}

/// Shows how far a crawl has come: a bar on a terminal, a line now and then elsewhere.
struct Display {
    progress: watch::Receiver<Progress>,
    bar: ProgressBar,
    ticks: Interval,
    output: Output,
    pages_before: u64,
    last_line: String,
}

impl Display {
    fn new(progress: watch::Receiver<Progress>, output: Output) -> Self {
        let bar = output.bar(None, "{spinner} {elapsed} {msg}");
        let every = if output.has_bars() { BAR_EVERY } else { LINE_EVERY };
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { progress, bar, ticks, output, pages_before: 0, last_line: String::new() }
    }

    /// Waits for the next moment to show something, and shows it.
    async fn tick(&mut self) {
        self.ticks.tick().await;
        let progress = self.progress.borrow().clone();
        let pages = u32::try_from(progress.pages - self.pages_before).unwrap_or(u32::MAX);
        let pages_per_second = f64::from(pages) / self.ticks.period().as_secs_f64();
        self.pages_before = progress.pages;
        let line = line(&progress);
        if self.output.has_bars() {
            self.bar.set_message(format!("{pages_per_second:.0} pages/s · {line}"));
        } else if line != self.last_line {
            self.output.note(format_args!("{line} · {pages_per_second:.0} pages/s"));
            self.last_line = line;
        }
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn line(progress: &Progress) -> String {
    let mut line = format!(
        "{} · {} · {} · {} · {}",
        counted(progress.pages, "page"),
        counted(progress.posts, "new post"),
        counted(progress.hits, "new hit"),
        counted(progress.cases, "new case"),
        HumanBytes(progress.bytes),
    );
    if progress.due > 0 {
        let _ = write!(line, " · {} due", progress.due);
    }
    if progress.failures > 0 {
        let last = progress.last_failure.as_deref().unwrap_or("?");
        let _ = write!(line, " · {} failed (last: {last})", progress.failures);
    }
    for reason in progress.lanes_down.values() {
        let _ = write!(line, " · {reason}");
    }
    match progress.waiting {
        None => {}
        Some(Waiting::Until(at)) => {
            let _ = write!(line, " · next try or visit at {}", at.strftime("%H:%M:%S UTC"));
        }
        Some(Waiting::Store) => line.push_str(" · the database does not answer; waiting for it"),
        Some(Waiting::Room) => line.push_str(" · the disk is nearly full; waiting for room"),
    }
    line
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Prints what a crawl did; one that could read nothing at all has failed.
fn report(summary: &Summary, output: Output) -> anyhow::Result<Exit> {
    let progress = &summary.progress;
    match output.format() {
        Format::Json => output.json(summary)?,
        Format::Table => {
            let (pages, unchanged) = (counted(progress.pages, "page"), progress.unchanged);
            let seconds = summary.duration.as_secs_f64();
            output.line(format_args!(
                "read {pages} ({unchanged} unchanged, {}) in {seconds:.1} s",
                HumanBytes(progress.bytes)
            ))?;
            output.line(format_args!(
                "{}, {}, {}, {}",
                counted(progress.posts, "new post"),
                counted(progress.hits, "new hit"),
                counted(progress.cases, "new case"),
                counted(progress.alerts, "new alert"),
            ))?;
            for reason in progress.lanes_down.values() {
                output.line(format_args!("{reason}; its sources wait and are not blamed"))?;
            }
            for (class, failure) in &summary.failures_by_class {
                output.line(format_args!("{class}: {} times; last: {}", failure.count, failure.last))?;
            }
            for (code, count) in &summary.oddities {
                output.line(format_args!("odd: {code}: {count} times"))?;
            }
        }
    }
    let last_failure = summary.failures_by_class.values().next().map(|failure| &failure.last);
    match progress.lanes_down.values().next().or(last_failure) {
        Some(reason) if progress.pages == 0 => {
            anyhow::bail!("nothing could be read: {reason}; see: dyepack source list")
        }
        _ => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_says_why_nothing_moves() {
        let progress = Progress { pages: 1, posts: 20, waiting: Some(Waiting::Store), ..Progress::default() };
        assert_eq!(
            line(&progress),
            "1 page · 20 new posts · 0 new hits · 0 new cases · 0 B · the database does not answer; waiting for it"
        );
    }
}
