//! `serve`: the console.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal;
use tokio::signal::unix::SignalKind;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::context::Context;
use super::{Exit, Failure};
use crate::domain::secret::Secret;
use crate::domain::user::Role;
use crate::faces::web::{self, Console, Memory, Options, SIGNED_ON};
use crate::ports::evidence::Evidence;
use crate::ports::fetch::Fetcher;
use crate::ports::store::{InvitationKind, Store};
use crate::services::access;
use crate::services::access::oidc::Provider;
use crate::services::sourcing::Reach;

/// Serves the console: triage in a browser
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dyepack serve --listen 127.0.0.1:8600\n\nIt speaks plain HTTP: for other machines put a proxy \
                        with TLS before it and set [console] url. While there is no user, a one-time link for the first \
                        administrator is printed."
)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
}

/// Where the console listens if nothing else is said.
pub(super) const DEFAULT_PLACE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8600);

/// A free port of loopback.
pub(super) const fn anywhere() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

/// Where the console listens.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Where the console listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = DEFAULT_PLACE)]
    pub(super) listen: SocketAddr,
}

/// A console that listens; its server ends when this is dropped.
pub(super) struct Running {
    /// Where people reach it, without a slash at the end.
    pub(super) base: String,
    /// Its state.
    pub(super) console: Arc<Console>,
    server: JoinSet<std::io::Result<()>>,
}

impl Running {
    /// Waits until the server has ended.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.server.join_next().await {
            ended.context("the console's server died")?.context("the console cannot listen any more")?;
        }
        Ok(())
    }
}

/// Runs `serve`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let stop = watch::Sender::new(false);
    let mut running = start(args.place.listen, (store, context.evidence()?), &stop, context).await?;
    announce(&running, context).await?;
    let mut terminated = signal::unix::signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::select! {
        ended = running.ended() => return ended.map(|()| Exit::Done),
        told = signal::ctrl_c() => told.context("cannot listen for Ctrl-C")?,
        _ = terminated.recv() => {}
    }
    stop.send_replace(true);
    running.ended().await?;
    Ok(Exit::Done)
}

/// Listens, and serves until `stop` is true.
pub(super) async fn start(
    listen: SocketAddr,
    (store, evidence): (Store, Evidence),
    stop: &watch::Sender<bool>,
    context: &Context,
) -> anyhow::Result<Running> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure::Usage(format!("the console cannot listen on {listen}: {error}; name another place with --listen"))
    })?;
    let address = listener.local_addr().context("cannot tell where the console listens")?;
    let options = context.config.console.clone();
    let base = base(&options, address);
    let fetching = super::source::fetch_options(context);
    let provider = provider(&options, &base, Fetcher::new(fetching.clone(), context.clock.clone()))?;
    // What only this machine reaches may look at this machine's own sites: a trial.
    let is_trial = address.ip().is_loopback() && options.url.is_none();
    let console = Arc::new(Console {
        store,
        evidence,
        vault: context.vault(),
        clock: context.clock.clone(),
        options,
        fetching,
        reach: if is_trial { Reach::Trial } else { Reach::Public },
        provider,
        folder: context.data_dir.clone(),
        memory: Memory::default(),
    });
    let mut server = JoinSet::new();
    let mut stopped = stop.subscribe();
    let its_console = Arc::clone(&console);
    server.spawn(web::serve(listener, its_console, async move {
        // A sender that is gone says stop, too.
        let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
    }));
    Ok(Running { base, console, server })
}

/// Prepares the organization's own login, if the settings name one.
fn provider(options: &Options, base: &str, fetcher: Fetcher) -> anyhow::Result<Option<Provider>> {
    let Some(settings) = options.oidc.clone() else { return Ok(None) };
    let redirect = url::Url::parse(&format!("{base}{SIGNED_ON}")).context("cannot tell where people come back")?;
    Ok(Some(Provider::new(settings, redirect, fetcher)))
}

/// Says where it is; while there is nobody who could log in, makes the first administrator's link.
pub(super) async fn announce(running: &Running, context: &Context) -> anyhow::Result<()> {
    context.output.note(format_args!("console  {}/", running.base));
    let store = &running.console.store;
    if store.users().await?.iter().all(|user| !user.has_password && !user.has_subject) {
        let token = first_admin("admin", store, context).await?;
        context.output.note(format_args!(
            "nobody can log in yet; the first administrator sets a password here (once, within three days):\n  {}",
            link(&running.base, &token)
        ));
    }
    Ok(())
}

/// Makes a link for an administrator, who is added if there is none of the name.
pub(super) async fn first_admin(name: &str, store: &Store, context: &Context) -> anyhow::Result<Secret<String>> {
    let now = context.clock.now();
    let token = match store.user(name).await? {
        Some(user) => access::invite_again(store, &user.id, InvitationKind::Password, now).await,
        None => access::invite(store, name, Role::Admin, None, now).await,
    };
    token.map_err(|error| anyhow::Error::new(error).context("cannot make the first administrator"))
}

/// Returns a one-time link.
pub(super) fn link(base: &str, token: &Secret<String>) -> String {
    format!("{base}/welcome/{}", token.reveal())
}

/// Where people reach the console.
pub(super) fn base(options: &Options, address: SocketAddr) -> String {
    match &options.url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{address}"),
    }
}
