//! How sources fare: judged as the watch judges them, told in plain words; and `source health`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::context::Context;
use super::output::{Format, Output, printable};
use super::source::network_word;
use super::{Exit, Failure, health};
use crate::domain::health::{Alarm, Counts, Fares, Situation, Told, tell};
use crate::domain::source::{Network, SourceId};
use crate::ports::store::{HourRow, Store};
use crate::services::watchkeeping;

/// How far back `source health` looks.
const SHOWN: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Shows how one site fares: last success, yield against its own past, why it waits, what would mend it, hours up
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dyepack source health forum.example\n  \
                        dyepack source health forum.example --format json    one line, with its hours of the last 30 days")]
pub(super) struct Args {
    /// The site, by its name in `source list`
    source: String,
}

/// Judges everything as the watch does.
pub(super) async fn judged(store: &Store, context: &Context) -> anyhow::Result<(Situation, Vec<Alarm>)> {
    let options = health::watch_options("look", store, context).await?;
    Ok(watchkeeping::judge(store, &options, context.clock.now()).await?)
}

/// What is told of one source.
pub(super) fn told_of(id: &str, (situation, alarms): (&Situation, &[Alarm]), now: Timestamp) -> Option<Told> {
    let past = situation.sources.iter().find(|past| past.id == id)?;
    let alarm = alarms.iter().find(|alarm| alarm.subject == past.label && alarm.kind.is_of_source());
    Some(tell(past, &situation.lanes_down, alarm, now))
}

/// What is shown of one source's health.
#[derive(Debug, Serialize)]
struct HealthShown<'a> {
    source: &'a str,
    label: &'a str,
    network: Network,
    #[serde(flatten)]
    told: Told,
    /// Share of the hours in which it was tried and answered; of the last 30 days.
    uptime: Option<f64>,
    gone_since: Option<Timestamp>,
    alarm: Option<&'a Alarm>,
    recent: Counts,
    before: Counts,
    hours: &'a [HourRow],
}

/// Runs `source health`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let now = context.clock.now();
    let (situation, alarms) = judged(&store, context).await?;
    let id = args.source.to_ascii_lowercase();
    let past = situation.sources.iter().find(|past| past.id == id || past.label == args.source);
    let past =
        past.ok_or_else(|| Failure::Usage(format!("there is no source {}; see: dyepack source list", args.source)))?;
    let told =
        told_of(&past.id, (&situation, &alarms), now).unwrap_or_else(|| tell(past, &situation.lanes_down, None, now));
    let hours = store.source_hours(&SourceId(past.id.clone()), now - SHOWN).await?;
    let is_failing = past.last_failure.as_ref().is_some_and(|(at, _)| Some(*at) > past.last_success_at);
    let is_alarmed = told.fares == Fares::Alarm;
    let shown = HealthShown {
        source: &past.id,
        label: &past.label,
        network: past.network,
        told,
        uptime: uptime(&hours),
        gone_since: past.last_success_at.filter(|_| is_failing),
        alarm: alarms.iter().find(|alarm| alarm.subject == past.label && alarm.kind.is_of_source()),
        recent: past.recent,
        before: past.before,
        hours: &hours,
    };
    match context.output.format() {
        Format::Json => context.output.json(&shown)?,
        Format::Table => show_health(&shown, context.output)?,
    }
    Ok(if is_alarmed { Exit::Problems } else { Exit::Done })
}

fn show_health(shown: &HealthShown<'_>, output: Output) -> anyhow::Result<()> {
    let or_nothing = |text: &str| if text.is_empty() { "nothing".to_owned() } else { printable(text) };
    output.line(format_args!("{} ({})", shown.label, network_word(shown.network)))?;
    output.line(format_args!("last success     {}", shown.told.last_success))?;
    output.line(format_args!("yield            {}", or_nothing(&shown.told.brings)))?;
    output.line(format_args!("why it waits     {}", or_nothing(&shown.told.waits)))?;
    output.line(format_args!("what would help  {}", or_nothing(&shown.told.mend)))?;
    if let Some(uptime) = shown.uptime {
        output.line(format_args!("up               {:.1} % of the hours it was tried in", uptime * 100.0))?;
    }
    let mut by_outcome: BTreeMap<&str, (u64, u64, Timestamp)> = BTreeMap::new();
    for hour in shown.hours {
        let sum = by_outcome.entry(&hour.outcome).or_insert((0, 0, hour.last_at));
        *sum = (sum.0 + hour.visits, sum.1 + hour.took_ms, sum.2.max(hour.last_at));
    }
    let rows = by_outcome.into_iter().map(|(outcome, (visits, took_ms, last_at))| {
        let each = took_ms / visits.max(1);
        vec![
            outcome.to_owned(),
            visits.to_string(),
            format!("{each} ms"),
            last_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        output.table(&["outcome", "visits", "each took", "last (UTC)"], &rows)?;
    }
    Ok(())
}

/// Returns the share of hours in which a source was tried and answered.
fn uptime(hours: &[HourRow]) -> Option<f64> {
    // What was passed over tells nothing of the site.
    let asked = hours.iter().filter(|hour| hour.outcome != "skipped");
    let tried: BTreeSet<Timestamp> = asked.map(|hour| hour.hour_at).collect();
    let up: BTreeSet<Timestamp> = hours.iter().filter(|hour| hour.is_up()).map(|hour| hour.hour_at).collect();
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    (!tried.is_empty()).then(|| number(up.len()) / number(tried.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_the_share_of_hours_that_answered() {
        let hour = |number: i64, outcome: &str| {
            let at = Timestamp::from_second(number * 3600).unwrap();
            HourRow {
                hour_at: at,
                outcome: outcome.to_owned(),
                visits: 1,
                posts: 0,
                fresh: 0,
                took_ms: 5,
                first_at: at,
                last_at: at,
            }
        };
        assert_eq!(uptime(&[]), None);
        let hours =
            [hour(1, "read"), hour(1, "timeout"), hour(2, "site-down"), hour(3, "http-503"), hour(4, "timeout")];
        assert_eq!(uptime(&hours), Some(0.5));
    }
}
