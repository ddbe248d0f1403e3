//! `demo`: the whole product on this machine alone: a forum to read, a catcher for the mail, production's own code between.

pub(super) mod archive;
pub(super) mod catcher;
pub(super) mod forum;
pub(super) mod threads;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::signal;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::Exit;
use super::context::Context;
use super::output::{Output, printable};
use super::serve::{self, Place};
use crate::domain::secret::Secret;
use crate::domain::source::Source;
use crate::domain::user::Role;
use crate::domain::watchlist::Watchlist;
use crate::ports::evidence::Evidence;
use crate::ports::fetch::{FetchOptions, Fetcher, Hooks};
use crate::ports::seal::Seal;
use crate::ports::store::model::{CaseFilter, RecordPolicy};
use crate::ports::store::{InvitationKind, Store};
use crate::ports::vault::Vault;
use crate::services::intake::Confirmation;
use crate::services::{access, alerting, crawl, intake};
use catcher::CaughtMail;

/// Shows the whole product at work on this machine alone: forum, crawl, match, mail, case
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dyepack demo            keeps running until Ctrl-C\n  dyepack demo --once     ends when the mail has arrived\n\n\
                        Everything happens over loopback; nothing is left behind unless --data names a folder."
)]
pub(super) struct Args {
    /// End when the mail has arrived
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    console: Place,
}

/// The example watchlists, as the project carries them.
const WATCHLISTS: [(&str, [(&str, &str); 3]); 2] = [
    (
        "example-bank",
        [
            ("organization.toml", include_str!("../../../../watchlists/example-bank/organization.toml")),
            ("canaries.csv", include_str!("../../../../watchlists/example-bank/canaries.csv")),
            ("deliveries.csv", include_str!("../../../../watchlists/example-bank/deliveries.csv")),
        ],
    ),
    (
        "example-insurer",
        [
            ("organization.toml", include_str!("../../../../watchlists/example-insurer/organization.toml")),
            ("canaries.csv", include_str!("../../../../watchlists/example-insurer/canaries.csv")),
            ("deliveries.csv", include_str!("../../../../watchlists/example-insurer/deliveries.csv")),
        ],
    ),
];

/// Who the demo's link logs in.
const DEMO_USER: &str = "demo";

/// How long the crawl and the mails may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs `demo`.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let folder = Folder::new(context)?;
    let output = context.output.as_tables();
    let (store, evidence, watchlists) = enrol(folder.path(), context).await?;
    let [bank, insurer] = watchlists.as_slice() else { anyhow::bail!("the example watchlists are not two") };
    let site = forum::Forum {
        boards: threads::boards(),
        threads: threads::threads(bank, insurer),
        clock: context.clock.clone(),
    };
    let site = site.start().await.context("cannot start the demo's forum")?;
    let mut catcher = catcher::start().await.context("cannot start the demo's mail catcher")?;
    let url = format!("http://{}/index.php", site.address);
    output.line(format_args!(
        "forum         {url}\nmail catcher  {}\nstate         {}\n",
        catcher.address,
        folder.path().display()
    ))?;
    for watchlist in &watchlists {
        output.line(format_args!(
            "enrolled {}: {} canaries, mails to {}",
            watchlist.organization.id,
            watchlist.canaries.len(),
            watchlist
                .organization
                .contacts
                .iter()
                .map(|contact| contact.address.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ))?;
    }
    let source = Source::from_url(&url).context("cannot use the demo's forum as a source")?;
    store.add_source(&source, context.clock.now()).await?;
    let stage = Stage::new((store, evidence), &catcher.address.to_string(), context).await?;
    stage.first_pass(&mut catcher.mails, output).await?;
    stage.show_cases(output).await?;
    if args.once {
        return Ok(Exit::Done);
    }
    let stop = watch::Sender::new(false);
    let ports = (stage.crawl.store.clone(), stage.crawl.evidence.clone());
    let started = serve::start(args.console.listen, ports.clone(), &stop, context).await;
    // Something else may be there already: the demo does not mind where it is.
    let is_taken = started.is_err() && args.console.listen == serve::DEFAULT_PLACE;
    let console = if is_taken { serve::start(serve::anywhere(), ports, &stop, context).await? } else { started? };
    let token = door(&stage.crawl.store, context).await?;
    output.line(format_args!("\nconsole       {}   (this link logs you in)", serve::link(&console.base, &token)))?;
    let data = folder.path().display();
    output.line(format_args!(
        "\nWhile this runs, try in another terminal:\n  dyepack case list --data {data}\n  dyepack hit list --data {data}\n  \
         dyepack alert list --data {data}\n  dyepack source list --data {data}\n\nCtrl-C ends the demo."
    ))?;
    Box::pin(stage.keep_running()).await?;
    drop((site.server, catcher.server));
    Ok(Exit::Done)
}

/// Makes the link that logs into the demo's console as an administrator.
async fn door(store: &Store, context: &Context) -> anyhow::Result<Secret<String>> {
    let now = context.clock.now();
    if store.user(DEMO_USER).await?.is_none() {
        access::invite(store, DEMO_USER, Role::Admin, None, now).await.context("cannot add the demo's user")?;
    }
    let user = store.user(DEMO_USER).await?.context("the demo's user is gone")?.id;
    let token = access::invite_again(store, &user, InvitationKind::Door, now).await;
    token.context("cannot make the demo's link")
}

/// Where the demo keeps its state: the folder named, or one that goes away at the end.
enum Folder {
    Given(PathBuf),
    Passing(TempDir),
}

impl Folder {
    fn new(context: &Context) -> anyhow::Result<Self> {
        match &context.given_data_dir {
            Some(given) => Ok(Self::Given(given.clone())),
            None => Ok(Self::Passing(TempDir::with_prefix("dyepack-demo-").context("cannot make a temporary folder")?)),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Passing(folder) => folder.path(),
        }
    }
}

/// Writes the example watchlists out, and enrols them as `watchlist import` does.
async fn enrol(folder: &Path, context: &Context) -> anyhow::Result<(Store, Evidence, Vec<Watchlist>)> {
    let mut watchlists = Vec::new();
    for (name, files) in WATCHLISTS {
        let place = folder.join("watchlists").join(name);
        tokio::fs::create_dir_all(&place).await.with_context(|| format!("cannot make {}", place.display()))?;
        for (file, text) in files {
            tokio::fs::write(place.join(file), text).await.with_context(|| format!("cannot write {file}"))?;
        }
        let loaded = intake::load(&place);
        watchlists.push(
            loaded.map_err(|problems| anyhow::anyhow!("the example watchlist {name} is not sound:\n{problems}"))?,
        );
    }
    let seal = Seal::load_or_create(&folder.join("dyepack.key")).context("cannot keep state")?;
    let store_url = format!("sqlite:{}", folder.join("dyepack.db").display());
    let store = Store::open(&store_url, seal.clone()).await.context("cannot keep state")?;
    for watchlist in &watchlists {
        intake::import(&store, watchlist, Confirmation::Operator, context.clock.now())
            .await
            .context("cannot enrol the example watchlists")?;
    }
    Ok((store, Evidence::new(folder, seal), watchlists))
}

/// Everything that production would have: the store, a way to fetch, a way to mail.
struct Stage {
    crawl: crawl::Ports,
    alerting: alerting::Ports,
}

impl Stage {
    async fn new((store, evidence): (Store, Evidence), mail_server: &str, context: &Context) -> anyhow::Result<Self> {
        let clock = context.clock.clone();
        let mailer = super::alert::mailer(Some(&format!("smtp://{mail_server}")), context).await?;
        let mailer = mailer.context("cannot set mail up")?;
        let fetcher = Fetcher::new(FetchOptions::default(), clock.clone());
        let sandbox = super::crawl::sandbox(context)?;
        Ok(Self {
            crawl: crawl::Ports {
                store: store.clone(),
                vault: Vault::default(),
                fetcher,
                evidence,
                sandbox,
                clock: clock.clone(),
            },
            alerting: alerting::Ports {
                store,
                vault: Vault::default(),
                mailer,
                clock,
                links: None,
                hooks: Hooks::default(),
            },
        })
    }

    /// Crawls until nothing is due, sends every alert, and shows the mails as they arrive.
    async fn first_pass(&self, mails: &mut mpsc::Receiver<CaughtMail>, output: Output) -> anyhow::Result<()> {
        let (_stop, stopped) = watch::channel(false);
        let until = crawl::Until::NothingDue { patience: PATIENCE };
        let crawled =
            crawl::run(self.crawl.clone(), crawl::CrawlOptions { until, ..crawl_options() }, stopped.clone()).await?;
        let progress = &crawled.progress;
        output.line(format_args!(
            "crawled {} pages: {} posts, {} hits in {} cases ({:.1} s)\n",
            progress.pages,
            progress.posts,
            progress.hits,
            progress.cases,
            crawled.duration.as_secs_f64()
        ))?;
        let until = alerting::Until::Delivered { patience: PATIENCE };
        let sent =
            alerting::run(self.alerting.clone(), alerting::AlertingOptions { until, ..alerting_options() }, stopped)
                .await?;
        anyhow::ensure!(sent.pending == 0 && sent.sent > 0, "the mails were not delivered; see: dyepack alert list");
        for _ in 0..sent.sent {
            let mail = timeout(PATIENCE, mails.recv()).await.ok().flatten().context("a mail did not arrive")?;
            show_mail(&mail, output)?;
        }
        Ok(())
    }

    async fn show_cases(&self, output: Output) -> anyhow::Result<()> {
        let cases = self.crawl.store.cases(&CaseFilter::default()).await?;
        super::case::list(&cases, &[], output)
    }

    /// Crawls and mails as `run` does, until Ctrl-C.
    async fn keep_running(&self) -> anyhow::Result<()> {
        let (stop, stopped) = watch::channel(false);
        let crawling = crawl::run(self.crawl.clone(), crawl_options(), stopped.clone());
        let mailing = alerting::run(self.alerting.clone(), alerting_options(), stopped);
        let waiting = async {
            let told = signal::ctrl_c().await;
            stop.send_replace(true);
            told
        };
        let (told, crawled, mailed) = tokio::join!(waiting, crawling, mailing);
        told.context("cannot listen for Ctrl-C")?;
        crawled?;
        mailed?;
        Ok(())
    }
}

fn crawl_options() -> crawl::CrawlOptions {
    crawl::CrawlOptions::new("demo", RecordPolicy { settle: Duration::from_secs(1) })
}

fn alerting_options() -> alerting::AlertingOptions {
    alerting::AlertingOptions { worker: "demo".to_owned(), until: alerting::Until::Stopped }
}

/// Prints a mail as its reader sees it: who it is for, the subject, the plain text.
fn show_mail(mail: &CaughtMail, output: Output) -> anyhow::Result<()> {
    let parsed = mail_parser::MessageParser::default().parse(mail.message.as_bytes());
    let parsed = parsed.context("the mail that arrived cannot be read")?;
    let text = parsed.body_text(0).unwrap_or_default();
    output.line(format_args!("┌─ mail to {}", mail.recipients.join(", ")))?;
    output.line(format_args!("│ Subject: {}", printable(parsed.subject().unwrap_or_default())))?;
    output.line("│")?;
    for line in text.trim_end().lines() {
        output.line(format_args!("│ {}", printable(line)))?;
    }
    output.line("└─\n")?;
    Ok(())
}
