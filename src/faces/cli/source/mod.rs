//! `source`: the sites that are read, their settings and sessions, and how they fare.

mod add;
mod list;
mod session;
mod settings;
mod trial;

use super::context::Context;
use super::{Exit, Failure, fares};
use crate::domain::source::{Network, Source, SourceId};
use crate::ports::fetch::{Fault, FetchError, FetchOptions};
use crate::ports::store::Store;

pub(super) use settings::with_login;

/// Adds, lists and tries the sites that are read
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dyepack source test https://forum.example/\n  \
                        dyepack source add https://forum.example/ --settings forum.toml\n  dyepack source list\n  \
                        dyepack source session import forum.example cookies.txt")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Add(add::AddArgs),
    Edit(add::EditArgs),
    /// Lists the sites and how they fare, in plain words
    List,
    /// Shows one site: its settings, what today has cost, its session, why it waits
    Show(Named),
    /// Stops reading a site until it is resumed
    Pause(Named),
    /// Goes on reading a site that was paused or waits
    Resume(Named),
    Health(fares::Args),
    Test(trial::TestArgs),
    Session(session::Args),
}

/// One site.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dyepack source show forum.example")]
struct Named {
    /// The site, by its name or its URL
    source: String,
}

/// Runs `source`.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    match args.action {
        Action::Add(add_args) => add::add(add_args, context).await,
        Action::Edit(edit_args) => add::edit(edit_args, context).await,
        Action::List => list::list(context).await,
        Action::Show(named) => list::show(&named.source, context).await,
        Action::Pause(named) => pause(&named.source, context).await,
        Action::Resume(named) => resume(&named.source, context).await,
        Action::Health(health_args) => fares::run(&health_args, context).await,
        Action::Test(test_args) => trial::test(&test_args, context).await,
        Action::Session(session_args) => session::run(session_args, context).await,
    }
}

async fn pause(name: &str, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let source = find(name, &store).await?;
    store.pause(&source.id, context.clock.now()).await?;
    context.output.line(format_args!("{} is paused; go on with: dyepack source resume {0}", source.id))?;
    Ok(Exit::Done)
}

async fn resume(name: &str, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let source = find(name, &store).await?;
    store.resume(&source.id).await?;
    context.output.line(format_args!("{} is read again", source.id))?;
    Ok(Exit::Done)
}

/// Finds a source by its name or its URL.
///
/// # Errors
/// `Failure::Usage` if there is none.
pub(super) async fn find(name: &str, store: &Store) -> anyhow::Result<Source> {
    let id = if name.contains("://") { parse_source(name)?.id } else { SourceId(name.to_ascii_lowercase()) };
    let found = store.source(&id).await?;
    found.ok_or_else(|| Failure::Usage(format!("there is no source {name}; see: dyepack source list")).into())
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

pub(super) const fn network_word(network: Network) -> &'static str {
    match network {
        Network::Open => "open web",
        Network::Tor => "Tor",
        Network::I2p => "I2P",
    }
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
