//! `hit`: what was found, where.

use super::context::Context;
use super::output::Format;
use super::{Exit, case};
use crate::domain::source::SourceId;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::model::{HitFilter, HitRow};

/// Lists what was found
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack hit list
  dyepack hit list --organization example-bank --format json
  dyepack hit list --case C-7F3K9Q2M")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists every hit on record, the latest last; values are masked, times are UTC
    #[command(after_help = "\
Example:
  dyepack hit list --case C-7F3K9Q2M --format json

A JSON line holds id, organization, entry, kind, field, case, source, url, thread, post, author, posted_at, attachment,
member, start, end (raw bytes of the member), masked, steps and seen_at.")]
    List {
        /// Only this organization's
        #[arg(long, value_name = "ID")]
        organization: Option<String>,
        /// Only this case's
        #[arg(long, value_name = "ID")]
        case: Option<String>,
        /// Only from this source
        #[arg(long, value_name = "ID")]
        source: Option<String>,
    },
}

/// Runs `hit`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let Action::List { organization, case: case_id, source } = &args.action;
    let filter = HitFilter {
        organization: organization.clone().map(OrganizationId),
        case: case_id.clone(),
        source: source.clone().map(SourceId),
    };
    let store = context.open_store().await?;
    let hits = store.hits(&filter).await.map_err(case::plain)?;
    show(&hits, context)?;
    if hits.is_empty() {
        let is_narrowed = organization.is_some() || case_id.is_some() || source.is_some();
        context.output.note(if is_narrowed {
            "no hit matches; leave out an option to see more"
        } else {
            "nothing was found yet; import a watchlist, add a source, then run: dyepack crawl"
        });
    }
    Ok(Exit::Done)
}

fn show(hits: &[HitRow], context: &Context) -> anyhow::Result<()> {
    match context.output.format() {
        Format::Json => {
            for hit in hits {
                context.output.json(hit)?;
            }
        }
        Format::Table if hits.is_empty() => {}
        Format::Table => {
            let headers = ["case", "entry", "field", "value", "source", "author", "posted", "where"];
            let rows: Vec<Vec<String>> = hits.iter().map(row).collect();
            context.output.table(&headers, &rows)?;
        }
    }
    Ok(())
}

fn row(hit: &HitRow) -> Vec<String> {
    vec![
        hit.case.clone(),
        hit.entry.clone(),
        hit.field.clone(),
        hit.masked.clone(),
        hit.source.clone(),
        hit.author.clone().unwrap_or_default(),
        case::time(hit.posted_at),
        spot(hit),
    ]
}

/// `thread 101, post 1001, dump.zip › data/part1.csv`
fn spot(hit: &HitRow) -> String {
    let parts = [
        hit.thread.as_ref().map(|thread| format!("thread {thread}")),
        hit.post.as_ref().map(|post| format!("post {post}")),
        hit.attachment.clone(),
    ];
    let place = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let place = if place.is_empty() { hit.url.clone() } else { place };
    if hit.member.is_empty() { place } else { format!("{place} › {}", hit.member) }
}
