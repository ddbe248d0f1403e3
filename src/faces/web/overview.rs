//! The overview: charts where people would rather look than read, and a table of the same behind each.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Console;
use super::actor::Actor;
use super::chart::{Stacks, bar};
use super::layout::{Layout, Section, page};
use super::posted::Fields;
use super::problem::Problem;
use super::sites::lasted;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::console::{CaseTimes, Coverage, DaySeen, Depths, HolderCount, Scope, within};
use crate::ports::store::{Store, StoreError};

/// Days to look back, as one may choose.
const SPANS: [usize; 3] = [7, 30, 90];
/// Custodians that are drawn.
const HOLDERS: usize = 40;

/// Where it is.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/overview", get(show))
}

/// What takes long to collect of what the overview shows.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Sightings, by day, source and organization.
    pub(crate) seen: Vec<DaySeen>,
    /// How long the steps of cases took.
    pub(crate) lags: Vec<Lag>,
    /// Custodians by leaked canaries.
    pub(crate) holders: Vec<HolderCount>,
    /// When each source was last read; for those who see everything.
    pub(crate) coverage: Vec<Coverage>,
}

impl Figures {
    /// Collects what was seen in so many days before now.
    pub(super) async fn collect(
        store: &Store,
        scope: &Scope,
        (now, days): (Timestamp, usize),
    ) -> Result<Self, StoreError> {
        let since = now - SignedDuration::from_hours(24 * i64::try_from(days).unwrap_or(30));
        Ok(Self {
            seen: store.days_seen(scope, since).await?,
            lags: lags(&store.case_times(scope, since).await?),
            holders: store.holder_counts(scope).await?,
            coverage: if *scope == Scope::Everything { store.coverage().await? } else { Vec::new() },
        })
    }
}

/// How long a step of a case took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Lag {
    /// From where to where.
    pub(crate) step: &'static str,
    /// Cases that took the step.
    pub(crate) cases: usize,
    /// Half of them took no longer, in seconds.
    pub(crate) median_seconds: Option<u64>,
    /// Nine in ten of them took no longer, in seconds.
    pub(crate) ninety_seconds: Option<u64>,
}

/// Tells how long the steps from post to acknowledgement took.
pub(crate) fn lags(times: &[CaseTimes]) -> Vec<Lag> {
    let between = |step: &'static str, pair: &dyn Fn(&CaseTimes) -> Option<(Timestamp, Timestamp)>| {
        let seconds =
            |(from, to): (Timestamp, Timestamp)| u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0);
        let mut took: Vec<u64> = times.iter().filter_map(pair).map(seconds).collect();
        took.sort_unstable();
        let at = |tenths: usize| took.get((took.len() * tenths).div_ceil(10).saturating_sub(1)).copied();
        Lag { step, cases: took.len(), median_seconds: at(5), ninety_seconds: at(9) }
    };
    vec![
        between("post_to_detection", &|case| Some((case.posted_at?, case.matched_at))),
        between("detection_to_mail", &|case| Some((case.matched_at, case.mailed_at?))),
        between("mail_to_acknowledgement", &|case| Some((case.mailed_at?, case.acknowledged_at?))),
    ]
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    l: Layout,
    days: usize,
    organization: String,
    organizations: Vec<String>,
    sees_all: bool,
    by_source: Stacks,
    by_organization: Stacks,
    lags: Vec<Lag>,
    holders: Vec<HolderCount>,
    more_holders: usize,
    coverage: Vec<Coverage>,
    depths: Depths,
}

async fn show(
    State(console): State<Arc<Console>>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let days = query.get("days").parse().ok().filter(|days| SPANS.contains(days)).unwrap_or(30);
    let organization = OrganizationId::parse(query.get("organization"));
    let scope = within(&actor.scope, organization.as_ref()).ok_or_else(Problem::missing)?;
    let (store, now) = (&console.store, console.clock.now());
    let figures = console.memory.figures(store, (&scope, days), now).await?;
    let others = actor.t("others", "其他");
    let stacks = |name: &dyn Fn(&DaySeen) -> String| {
        Stacks::of_days(figures.seen.iter().map(|day| (name(day), day.day, day.sightings)), (now, days), others)
    };
    let (by_source, by_organization) =
        (stacks(&|day| day.source_label.clone()), stacks(&|day| day.organization.clone()));
    let sees_all = actor.scope == Scope::Everything;
    let organizations = if sees_all { names(&console, &actor).await? } else { Vec::new() };
    page(&OverviewPage {
        l: actor.layout(Section::Overview, actor.t("Overview", "总览")),
        days,
        organization: organization.map(|organization| organization.0).unwrap_or_default(),
        organizations,
        sees_all,
        by_source,
        by_organization,
        lags: figures.lags.clone(),
        holders: figures.holders.iter().take(HOLDERS).cloned().collect(),
        more_holders: figures.holders.len().saturating_sub(HOLDERS),
        coverage: if sees_all { figures.coverage.clone() } else { Vec::new() },
        depths: store.depths(&scope, now).await?,
    })
}

async fn names(console: &Console, actor: &Actor) -> Result<Vec<String>, Problem> {
    let organizations = console.store.organizations(&actor.scope).await?;
    Ok(organizations.into_iter().map(|organization| organization.id.0).collect())
}

impl OverviewPage {
    fn lag_name(&self, lag: &Lag) -> &'static str {
        let tongue = self.l.viewer.tongue;
        match lag.step {
            "post_to_detection" => tongue.choose("from post to detection", "从发帖到发现"),
            "detection_to_mail" => tongue.choose("from detection to mail", "从发现到邮件"),
            _ => tongue.choose("from mail to acknowledgement", "从邮件到确认收到"),
        }
    }

    fn took(&self, seconds: Option<u64>) -> String {
        let time = seconds.map(|seconds| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)));
        time.map_or_else(|| "–".to_owned(), |time| lasted(&self.l.viewer, time))
    }

    const fn spans() -> &'static [usize] {
        &SPANS
    }

    fn longest(&self) -> u64 {
        self.lags.iter().filter_map(|lag| lag.ninety_seconds).max().unwrap_or(1)
    }

    fn totals(stacks: &Stacks) -> Vec<(usize, &str, u64)> {
        let series = stacks.series.iter().enumerate();
        series.map(|(number, (name, values))| (number, name.as_str(), values.iter().sum())).collect()
    }

    /// The table behind a chart: the days on which anything was seen, each with every name's value.
    fn rows(stacks: &Stacks) -> Vec<(String, Vec<u64>)> {
        let mut rows = BTreeMap::new();
        for day in 0..stacks.days {
            let values: Vec<u64> =
                stacks.series.iter().map(|(_, values)| values.get(day).copied().unwrap_or(0)).collect();
            if values.iter().any(|value| *value > 0) {
                let at = stacks.first + SignedDuration::from_hours(24 * i64::try_from(day).unwrap_or(0));
                rows.insert(at.strftime("%Y-%m-%d").to_string(), values);
            }
        }
        rows.into_iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_are_of_the_cases_that_took_the_step() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let case = |number: i64| CaseTimes {
            posted_at: (number > 1).then(|| at(0)),
            matched_at: at(100 * number),
            mailed_at: Some(at(100 * number + 60)),
            acknowledged_at: (number == 3).then(|| at(100 * number + 360)),
        };
        let times: Vec<CaseTimes> = (1..=10).map(case).collect();
        let lags = lags(&times);
        let of = |place: usize| (lags[place].cases, lags[place].median_seconds, lags[place].ninety_seconds);
        assert_eq!(of(0), (9, Some(600), Some(1_000)));
        assert_eq!(of(1), (10, Some(60), Some(60)));
        assert_eq!(of(2), (1, Some(300), Some(300)));
        assert_eq!(super::lags(&[])[0].median_seconds, None);
    }
}
