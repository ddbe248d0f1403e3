//! `source list`, `source show`: how the sites fare, in plain words.

use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;

use super::find;
use crate::domain::health::{Told, ago};
use crate::domain::source::{Network, Rest, Settings};
use crate::faces::cli::context::Context;
use crate::faces::cli::output::Format;
use crate::faces::cli::{Exit, fares};
use crate::ports::store::model::SourceRow;

/// A row of `source list`.
#[derive(Debug, Serialize)]
struct Row {
    source: String,
    label: String,
    start_url: String,
    network: Network,
    engine: Option<String>,
    posts: u64,
    urls: u64,
    due: u64,
    last_success_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    last_failure: Option<String>,
    gone: u64,
    paused_at: Option<Timestamp>,
    waits_for: Option<&'static str>,
    waits_until: Option<Timestamp>,
    #[serde(flatten)]
    told: Told,
    health: String,
}

pub(super) async fn list(context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let now = context.clock.now();
    let (situation, alarms) = fares::judged(&store, context).await?;
    let listed = |row: SourceRow| {
        let told = fares::told_of(&row.source.id.0, (&situation, &alarms), now)?;
        Some(listed(row, told, now))
    };
    let rows: Vec<Row> = store.sources(now).await?.into_iter().filter_map(listed).collect();
    if rows.is_empty() {
        context.output.note("no sources yet; add one with: dyepack source add https://forum.example/");
    }
    match context.output.format() {
        Format::Json => {
            for row in &rows {
                context.output.json(row)?;
            }
        }
        Format::Table if rows.is_empty() => {}
        Format::Table => {
            let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
            context.output.table(&["source", "engine", "posts", "urls", "due", "how it fares"], &cells)?;
        }
    }
    Ok(Exit::Done)
}

fn cells(row: &Row) -> Vec<String> {
    let name = if row.label == row.source { row.source.clone() } else { format!("{} ({})", row.label, row.source) };
    vec![
        name,
        row.engine.clone().unwrap_or_else(|| "?".to_owned()),
        row.posts.to_string(),
        row.urls.to_string(),
        row.due.to_string(),
        row.health.clone(),
    ]
}

fn listed(row: SourceRow, told: Told, now: Timestamp) -> Row {
    Row {
        health: health(&row, &told, now),
        told,
        source: row.source.id.to_string(),
        network: row.source.network(),
        start_url: row.source.start_url.to_string(),
        label: row.source.label,
        engine: row.engine,
        posts: row.posts,
        urls: row.urls,
        due: row.due,
        last_success_at: row.last_success_at,
        last_failure_at: row.last_failure_at,
        last_failure: row.last_failure,
        gone: row.gone,
        paused_at: row.paused_at,
        waits_for: row.rest.map(|(rest, _)| rest.as_str()),
        waits_until: row.rest.map(|(_, until)| until).filter(|until| *until < Timestamp::MAX),
    }
}

/// Why a source is left alone on purpose; else how it fares, in plain words.
fn health(row: &SourceRow, told: &Told, now: Timestamp) -> String {
    if let Some(paused_at) = row.paused_at {
        let since = ago(paused_at, now);
        return format!("paused {since}; go on with: dyepack source resume {}", row.source.id);
    }
    row.rest.map_or_else(|| told.line(), |(rest, until)| resting(rest, until, row))
}

/// Why a source rests, until when, and what would mend it.
fn resting(rest: Rest, until: Timestamp, row: &SourceRow) -> String {
    let (words, id) = (rest.words(), &row.source.id);
    match rest {
        Rest::Captcha | Rest::TwoStep | Rest::Cookies => {
            format!("{words}; log in with a browser, export the cookies, then: dyepack source session import {id} FILE")
        }
        Rest::Refused | Rest::NoForm | Rest::LoginFile => format!(
            "{words}; mend it and run: dyepack source session forget {id}, or import cookies: dyepack source session import {id} FILE"
        ),
        Rest::Banned => format!(
            "{words}; with another account: dyepack source edit {id} --login FILE, \
                                 then: dyepack source session forget {id}"
        ),
        Rest::Hours | Rest::Requests | Rest::Bytes | Rest::Time | Rest::RetryAfter | Rest::Login => {
            format!("waits until {}: {words}", until.strftime("%F %H:%M:%S UTC"))
        }
    }
}

/// What `source show` tells.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    row: Row,
    pace_ms: u64,
    crawl_delay_ms: u64,
    concurrency: u32,
    settings: Settings,
    spent_today: SpentToday,
    session: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct SpentToday {
    requests: u64,
    bytes: u64,
    busy_ms: u64,
}

/// Shows one source.
pub(super) async fn show(name: &str, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let (source, now) = (find(name, &store).await?, context.clock.now());
    let row = store.sources(now).await?.into_iter().find(|row| row.source.id == source.id);
    let row = row.context("the source went away")?;
    let (situation, alarms) = fares::judged(&store, context).await?;
    let told = fares::told_of(&source.id.0, (&situation, &alarms), now).context("the source went away")?;
    let spent = store.spent(&source, now).await?;
    let session = store.session(&source.id).await?;
    let shown = Shown {
        pace_ms: milliseconds(source.pace),
        crawl_delay_ms: milliseconds(row.crawl_delay),
        concurrency: source.concurrency,
        row: listed(row, told, now),
        settings: source.settings,
        spent_today: SpentToday { requests: spent.requests, bytes: spent.bytes, busy_ms: milliseconds(spent.busy) },
        session: session.map(|row| row.session.state.as_str()),
    };
    match context.output.format() {
        Format::Json => context.output.json(&shown)?,
        Format::Table => {
            let document = serde_json::to_value(&shown)?;
            let rows: Vec<Vec<String>> = document
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| vec![key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)])
                .collect();
            context.output.table(&["", ""], &rows)?;
        }
    }
    Ok(Exit::Done)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::Fares;
    use crate::domain::source::Source;

    #[test]
    fn a_source_left_alone_on_purpose_says_why_and_any_other_how_it_fares() {
        let at = |second: i64| Timestamp::from_second(1_000_000 + second).unwrap();
        let row = SourceRow {
            source: Source::from_url("https://forum.example/").unwrap(),
            engine: None,
            added_at: Timestamp::UNIX_EPOCH,
            last_success_at: Some(at(0)),
            last_failure: None,
            last_failure_at: None,
            urls: 0,
            due: 0,
            posts: 0,
            paused_at: None,
            rest: None,
            crawl_delay: Duration::ZERO,
            gone: 0,
        };
        let told = Told {
            fares: Fares::Well,
            last_success: "read 10 min ago".to_owned(),
            brings: String::new(),
            waits: String::new(),
            mend: String::new(),
        };
        let paused = SourceRow { paused_at: Some(at(0)), ..row.clone() };
        let resting = |rest, until| SourceRow { rest: Some((rest, until)), ..row.clone() };
        for (row, expected) in [
            (row.clone(), "read 10 min ago"),
            (paused, "paused 60 min ago; go on with: dyepack source resume forum.example"),
            (resting(Rest::Requests, at(4_000)), "waits until 1970-01-12 14:53:20 UTC: the day's requests are spent"),
            (
                resting(Rest::Captcha, Timestamp::MAX),
                "needs a person: the site wants a captcha solved at login; log in with a browser, export the cookies, \
                 then: dyepack source session import forum.example FILE",
            ),
        ] {
            assert_eq!(health(&row, &told, at(3_600)), expected);
        }
    }
}
