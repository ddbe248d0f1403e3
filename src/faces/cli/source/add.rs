//! `source add`, `source edit`.

use super::settings::SettingsArgs;
use super::{find, network_word, parse_source};
use crate::domain::source::{Network, Source};
use crate::faces::cli::Exit;
use crate::faces::cli::context::Context;

/// Adds a site; adding it again changes its settings
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dyepack source add https://forum.example/\n  \
                        dyepack source add http://127.0.0.1:8101/index.php --label \"trial forum\"\n  \
                        dyepack source add https://slow.example/ --pace 10s\n  \
                        dyepack source add https://forum.example/ --settings forum.toml --login account.toml")]
pub(super) struct AddArgs {
    /// The site's start page, in full, with https:// before it
    url: String,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Changes the settings of a site; a file replaces all of them, a flag only its own
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dyepack source edit forum.example --pace 10s\n  \
                        dyepack source edit forum.example --settings forum.toml")]
pub(super) struct EditArgs {
    /// The site, by its name or its URL
    source: String,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) async fn add(args: AddArgs, context: &Context) -> anyhow::Result<Exit> {
    let bare = parse_source(&args.url)?;
    let store = context.open_store().await?;
    // A site that is added again keeps what is not given anew, its login above all.
    let mut known = store.source(&bare.id).await?.unwrap_or_else(|| bare.clone());
    known.start_url = bare.start_url.clone();
    let source = args.settings.apply(bare, known, context).await?;
    let is_new = store.add_source(&source, context.clock.now()).await?;
    tell(if is_new { "added" } else { "is known already; its settings were updated:" }, &source, context)?;
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

pub(super) async fn edit(args: EditArgs, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let known = find(&args.source, &store).await?;
    let bare = parse_source(known.start_url.as_str())?;
    let source = args.settings.apply(bare, known, context).await?;
    store.add_source(&source, context.clock.now()).await?;
    tell("changed", &source, context)?;
    Ok(Exit::Done)
}

fn tell(done: &str, source: &Source, context: &Context) -> anyhow::Result<()> {
    context.output.line(format_args!(
        "{done} {} ({}, {}, {} at once{})",
        source.id,
        network_word(source.network()),
        if source.pace.is_zero() { "no pace".to_owned() } else { format!("one request every {:?}", source.pace) },
        source.concurrency,
        if source.settings.login.is_some() { ", read as a member" } else { "" },
    ))?;
    if let (Some(false), Some(reason)) = (source.settings.robots.obey, &source.settings.robots.reason) {
        context.output.note(format_args!("its robots.txt is not obeyed: {reason}"));
    }
    Ok(())
}
