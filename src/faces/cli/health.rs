//! `health`: what is not well now, since when, and what would mend it; and the watch that a crawl keeps meanwhile.

use std::future::pending;

use jiff::Timestamp;
use serde::Serialize;

use super::context::Context;
use super::output::Format;
use super::{Exit, alert, drill, evidence};
use crate::domain::health::{Alarm, ago};
use crate::ports::mail::Mailer;
use crate::ports::store::Store;
use crate::services::crawl::Until;
use crate::services::evidence::heads;
use crate::services::watchkeeping::{self, Options};

/// Shows what is not well now, since when, and what would mend it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dyepack health\n\nEnds with 0 if all is well and with 1 if something is not. While a crawl \
                  runs, each of these is told once, to [operator] mail and to the webhook in [operator] hook_file, when it comes and once \
                  when it is over."
)]
pub(super) struct Args {}

/// An alarm as it is shown.
#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    alarm: &'a Alarm,
    since: Option<Timestamp>,
}

/// Runs `health`.
pub(super) async fn run(_: &Args, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let now = context.clock.now();
    let (situation, alarms) = super::fares::judged(&store, context).await?;
    let standing = store.standing_alarms().await?;
    let since = |alarm: &Alarm| {
        let is_it = |stands: &&crate::ports::store::StandingAlarm| {
            (stands.alarm.kind, &stands.alarm.subject) == (alarm.kind, &alarm.subject)
        };
        standing.iter().find(is_it).map(|stands| stands.since)
    };
    let rows: Vec<Row<'_>> = alarms.iter().map(|alarm| Row { alarm, since: since(alarm) }).collect();
    match context.output.format() {
        Format::Json => rows.iter().try_for_each(|row| context.output.json(row))?,
        Format::Table if rows.is_empty() => {
            context.output.line(format_args!("all is well: {} sources, no alarm", situation.sources.len()))?;
        }
        Format::Table => {
            let cells = |row: &Row<'_>| {
                let since = row.since.map_or("just seen".to_owned(), |at| ago(at, now));
                let Alarm { kind, subject, detail, mend } = row.alarm;
                vec![format!("{subject} {}", kind.says()), since, detail.clone(), mend.clone()]
            };
            let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
            context.output.table(&["what is not well", "since", "what was seen", "what would mend it"], &cells)?;
        }
    }
    Ok(if alarms.is_empty() { Exit::Done } else { Exit::Problems })
}

/// What is watched on this installation.
pub(super) async fn watch_options(worker: &str, store: &Store, context: &Context) -> anyhow::Result<Options> {
    // Since the last drill, or since now if none has run: then none is missing yet.
    let first = store.last_drills().await?.iter().map(|run| run.at).min();
    let since = first.unwrap_or_else(|| context.clock.now());
    Ok(Options {
        worker: worker.to_owned(),
        operator: watchkeeping::Operator {
            mail: context.config.operator.mail.clone(),
            hook: context.config.operator.hook.clone(),
        },
        folder: context.data_dir.clone(),
        budget_bytes: context.config.retention.budget_bytes(),
        drills: context.config.drill.every.map(|every| (every, since)),
    })
}

/// Watches over the crawl, signs the chain's head each day, and repeats the drill.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    ports: watchkeeping::Ports,
    options: Options,
    heads: (heads::Ports, heads::Options),
    context: &'a Context,
}

impl<'a> Watch<'a> {
    /// Prepares to watch in the name of a worker.
    pub(super) async fn new(
        mailer: Option<Mailer>,
        worker: &str,
        store: &Store,
        context: &'a Context,
    ) -> anyhow::Result<Self> {
        let options = watch_options(worker, store, context).await?;
        let hooks = alert::hooks(context);
        let ports = watchkeeping::Ports { store: store.clone(), mailer, hooks, clock: context.clock.clone() };
        let heads = (evidence::heads_ports(store, context)?, evidence::heads_options(context));
        Ok(Self { ports, options, heads, context })
    }

    /// Looks once more, when the last alerts were sent.
    pub(super) async fn look(&self) {
        if let Err(error) = watchkeeping::look(&self.ports, &self.options).await {
            tracing::warn!(%error, "the watch cannot see how things stand");
        }
    }

    /// Watches for as long as the crawl runs. One that ends by itself is looked at once, at its end.
    pub(super) async fn beside<T>(&self, crawling: impl Future<Output = T>, until: Until) -> T {
        if until != Until::Stopped {
            let crawled = crawling.await;
            // The head first: its mails go out with those of the watch.
            if let Err(error) = heads::look(&self.heads.0, &self.heads.1).await {
                tracing::warn!(%error, "the day's head cannot be signed");
            }
            self.look().await;
            return crawled;
        }
        let drilling = async {
            match self.options.drills {
                Some((every, _)) => Box::pin(drill::repeat(every, self.ports.store.clone(), self.context)).await,
                None => pending().await,
            }
        };
        // Both go on for as long as the crawl does; what they leave undone is done by the next.
        tokio::select! {
            crawled = crawling => crawled,
            never = watchkeeping::run(self.ports.clone(), self.options.clone()) => match never {},
            never = heads::run(self.heads.0.clone(), self.heads.1.clone()) => match never {},
            never = drilling => match never {},
        }
    }
}
