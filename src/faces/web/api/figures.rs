//! Figures: the overview as JSON, and `/metrics` in Prometheus' text.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::asked::Asked;
use super::json;
use super::program::Program;
use crate::faces::web::Console;
use crate::faces::web::overview::Lag;
use crate::faces::web::problem::Problem;
use crate::ports::store::console::{CaseCount, Coverage, DaySeen, Depths, HolderCount, Scope, within};

/// Where they are.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/api/v1/overview", get(overview)).route("/metrics", get(metrics))
}

/// Everything that the overview shows.
#[derive(Debug, Serialize)]
struct Overview<'a> {
    sightings: &'a [DaySeen],
    lags: &'a [Lag],
    custodians: &'a [HolderCount],
    coverage: &'a [Coverage],
    depths: Depths,
    cases: &'a [CaseCount],
}

async fn overview(
    State(console): State<Arc<Console>>,
    program: Program,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    let asked = Asked::parse(query.as_deref(), &["organization", "days"])?;
    let days = asked.number("days", 1..=366)?.unwrap_or(30);
    let organization = asked.organization()?;
    let scope = within(&program.scope, organization.as_ref()).ok_or_else(Problem::missing)?;
    let now = console.clock.now();
    let (store, memory) = (&console.store, &console.memory);
    let figures = memory.figures(store, (&scope, days as usize), now).await?;
    let (mark, _) = store.revisions().await?;
    json(&Overview {
        sightings: &figures.seen,
        lags: &figures.lags,
        custodians: &figures.holders,
        coverage: &figures.coverage,
        depths: store.depths(&scope, now).await?,
        cases: &memory.case_counts((store, mark), &scope).await?,
    })
}

async fn metrics(State(console): State<Arc<Console>>, program: Program) -> Result<Response, Problem> {
    program.reads()?;
    program.sees_all()?;
    let (store, now) = (&console.store, console.clock.now());
    let mut text = String::new();
    begin(&mut text, "dyepack_cases", "Cases that live, by organization, state and severity.");
    for count in store.case_counts(&Scope::Everything).await? {
        let severity = count.severity.map_or("unweighed", |severity| severity.as_str());
        let labels = format!(
            "organization=\"{}\",state=\"{}\",severity=\"{severity}\"",
            label(&count.organization),
            count.state.as_str()
        );
        sample(&mut text, "dyepack_cases", &labels, count.cases);
    }
    let depths = store.depths(&Scope::Everything, now).await?;
    for (name, help, value) in [
        ("dyepack_urls_due", "Addresses that are due now.", depths.due),
        ("dyepack_alerts_queued", "Alerts to be sent.", depths.alerts),
        (
            "dyepack_alerts_waiting_for_contact",
            "Alerts of organizations without a confirmed contact.",
            depths.waiting_for_contact,
        ),
        ("dyepack_alerts_dead", "Alerts that were given up.", depths.dead),
        ("dyepack_operator_mails_queued", "Mails to the operator to be sent.", depths.operator_mails),
    ] {
        begin(&mut text, name, help);
        sample(&mut text, name, "", value);
    }
    begin(&mut text, "dyepack_alarms", "What is not well now, by kind.");
    let mut alarms: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    let standing = store.standing_alarms().await?;
    for stands in &standing {
        *alarms.entry(stands.alarm.kind.word()).or_default() += 1;
    }
    for (kind, count) in alarms {
        sample(&mut text, "dyepack_alarms", &format!("kind=\"{}\"", label(kind)), count);
    }
    begin(
        &mut text,
        "dyepack_source_last_success_seconds",
        "When a page of the source was last read, seconds since 1970.",
    );
    for past in store.source_pasts(now).await? {
        if let Some(at) = past.last_success_at {
            let labels = format!("source=\"{}\"", label(&past.label));
            let seconds = u64::try_from(at.as_second()).unwrap_or(0);
            sample(&mut text, "dyepack_source_last_success_seconds", &labels, seconds);
        }
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn begin(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn sample(text: &mut String, name: &str, labels: &str, value: u64) {
    let _ =
        if labels.is_empty() { writeln!(text, "{name} {value}") } else { writeln!(text, "{name}{{{labels}}} {value}") };
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
