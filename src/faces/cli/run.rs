//! `run`: crawl, alerting and console in one process.

use tokio::sync::watch;

use super::context::Context;
use super::{Exit, crawl, serve};

/// Crawls, mails what is found and serves the console, until Ctrl-C
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack run
  dyepack run --listen 127.0.0.1:9000 --source https://forum.example/

The same as crawl and serve side by side. Ctrl-C ends both: pages in flight end, nothing is lost.")]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    crawl: crawl::Args,
    #[command(flatten)]
    place: serve::Place,
}

/// Runs `run`.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let stop = watch::Sender::new(false);
    let mut running = serve::start(args.place.listen, (store, context.evidence()?), &stop, context).await?;
    serve::announce(&running, context).await?;
    let ended = Box::pin(crawl::run_beside(args.crawl, context)).await;
    stop.send_replace(true);
    running.ended().await?;
    ended
}
