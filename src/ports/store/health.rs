//! How sources and networks fare: what each hour brought, which ways in are down, how drills went.
//!
//! One row an hour, source and outcome, so that years of history are small. Not here: what counts as unwell
//! (`domain::health`), who was told of it (`watchkeeping`).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::claims::milliseconds;
use super::model::{Outcome, ReadPage, Recorded, Visit};
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError};
use crate::domain::forum::{LinkKind, PageKind};
use crate::domain::health::{Counts, DrillRun, LaneDown, PAST, RECENT, Rests, SourcePast};
use crate::domain::source::{Network, Rest, SourceId};

const HOUR_MS: i64 = 3_600_000;
/// A post made no longer ago than this was new when it was found.
const FRESH: SignedDuration = SignedDuration::from_hours(48);
/// History older than this is dropped.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

/// What one hour brought from a source, of one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HourRow {
    /// Start of the hour.
    pub hour_at: Timestamp,
    /// `read`, `unchanged`, `unread`, `login-wanted`, `denied`, `not-found`, `skipped`, or the class of a failure.
    pub outcome: String,
    /// How often.
    pub visits: u64,
    /// Posts not seen before.
    pub posts: u64,
    /// Of them, those made lately.
    pub fresh: u64,
    /// Time spent fetching, in all.
    pub took_ms: u64,
    /// The first and the last time.
    pub first_at: Timestamp,
    /// The first and the last time.
    pub last_at: Timestamp,
}

impl HourRow {
    /// Tells whether the site answered: pages that refuse us come from a site that is up.
    pub fn is_up(&self) -> bool {
        is_page(&self.outcome) || self.outcome.starts_with("http-")
    }
}

impl Store {
    /// Returns what each hour brought from a source since then, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn source_hours(&self, source: &SourceId, since: Timestamp) -> Result<Vec<HourRow>, StoreError> {
        let statement = "SELECT hour_at, outcome, visits, posts, fresh, took_ms, first_at, last_at FROM source_hour \
                         WHERE source = $1 AND hour_at >= $2 ORDER BY hour_at, outcome";
        let values = values![&source.0, hour(since)];
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values).await?;
        rows.iter().map(hour_row).collect()
    }

    /// Returns how every source has fared, sorted by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn source_pasts(&self, now: Timestamp) -> Result<Vec<SourcePast>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let statement = "SELECT s.id, s.label, s.network, s.added_at, s.last_success_at, s.last_failure_at, s.last_failure, \
                         (SELECT MIN(f.due_at) FROM frontier f \
                          WHERE f.source = s.id AND f.due_at IS NOT NULL AND f.lease IS NULL), \
                         s.clock_ahead_ms, s.clock_seen_at, s.paused_at, s.wait_until, s.wait_reason FROM source s ORDER BY s.id";
        let rows = sql::fetch(&mut connection, statement, values![]).await?;
        let mut pasts = rows.iter().map(|row| bare_past(row, now)).collect::<Result<Vec<_>, _>>()?;
        let statement = "SELECT source, outcome, \
                         CAST(SUM(CASE WHEN hour_at >= $2 THEN visits ELSE 0 END) AS BIGINT), \
                         CAST(SUM(CASE WHEN hour_at < $2 THEN visits ELSE 0 END) AS BIGINT), \
                         CAST(SUM(CASE WHEN hour_at >= $2 THEN fresh ELSE 0 END) AS BIGINT), \
                         CAST(SUM(CASE WHEN hour_at < $2 THEN fresh ELSE 0 END) AS BIGINT), \
                         MAX(CASE WHEN fresh > 0 THEN last_at END), MIN(first_at) FROM source_hour \
                         WHERE hour_at >= $1 GROUP BY source, outcome";
        let recent_from = hour(now - RECENT);
        let rows = sql::fetch(&mut connection, statement, values![hour(now - PAST), recent_from]).await?;
        let mut by_id: BTreeMap<String, &mut SourcePast> =
            pasts.iter_mut().map(|past| (past.id.clone(), past)).collect();
        for row in rows {
            let Some(past) = by_id.get_mut(&row.text(0)?) else { continue };
            let outcome = row.text(1)?;
            count(&mut past.recent, &outcome, (row.count(2)?, row.count(4)?));
            count(&mut past.before, &outcome, (row.count(3)?, row.count(5)?));
            past.last_fresh_at = past.last_fresh_at.max(row.maybe_time(6)?);
            let lasted = Timestamp::from_millisecond(recent_from).unwrap_or(now).duration_since(row.time(7)?);
            past.before_lasted = past.before_lasted.max(lasted).min(PAST);
        }
        Ok(pasts)
    }

    /// Notes that the way into a network is down, or, without a reason, that it works.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_lane(&self, network: Network, reason: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        match reason {
            None => {
                let statement = "DELETE FROM lane_down WHERE network = $1";
                sql::execute(connection, statement, values![network.word()]).await?;
            }
            Some(reason) => {
                let statement = "INSERT INTO lane_down (network, reason, since, tried_at) VALUES ($1, $2, $3, $3) \
                                 ON CONFLICT (network) DO UPDATE SET reason = excluded.reason, tried_at = excluded.tried_at";
                sql::execute(connection, statement, values![network.word(), reason, now]).await?;
            }
        }
        write.commit().await
    }

    /// Returns the networks whose way in is down.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lanes_down(&self) -> Result<Vec<LaneDown>, StoreError> {
        let statement = "SELECT network, reason, since FROM lane_down ORDER BY network";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![]).await?;
        rows.iter()
            .map(|row| Ok(LaneDown { network: network(&row.text(0)?)?, reason: row.text(1)?, since: row.time(2)? }))
            .collect()
    }

    /// Notes how a drill went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_drill(&self, run: &DrillRun) -> Result<(), StoreError> {
        let (step, detail) = run.failure.as_ref().map_or(("", ""), |(step, detail)| (step, detail));
        let statement = "INSERT INTO drill (place, at, failed_step, detail, took_ms) VALUES ($1, $2, $3, $4, $5) \
                         ON CONFLICT (place, at) DO NOTHING";
        let mut write = self.begin(Durability::Power).await?;
        let values = values![&run.place, run.at, step, detail, run.took_ms];
        sql::execute(write.connection(), statement, values).await?;
        write.commit().await
    }

    /// Returns the last drill at each place, and when one last came through there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_drills(&self) -> Result<Vec<DrillRun>, StoreError> {
        let statement = "SELECT d.place, d.at, d.failed_step, d.detail, d.took_ms, \
                         (SELECT MAX(w.at) FROM drill w WHERE w.place = d.place AND w.failed_step = '') FROM drill d \
                         WHERE d.at = (SELECT MAX(l.at) FROM drill l WHERE l.place = d.place) ORDER BY d.place";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![]).await?;
        rows.iter()
            .map(|row| {
                let step = row.text(2)?;
                Ok(DrillRun {
                    place: row.text(0)?,
                    at: row.time(1)?,
                    failure: (!step.is_empty()).then_some((step, row.text(3)?)),
                    took_ms: row.count(4)?,
                    last_whole_at: row.maybe_time(5)?,
                })
            })
            .collect()
    }

    /// Forgets the places where no drill runs any more, and history that is too old; returns how many rows went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_history(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let oldest = hour(now - KEPT);
        let hours =
            sql::execute(write.connection(), "DELETE FROM source_hour WHERE hour_at < $1", values![oldest]).await?;
        let drills = sql::execute(write.connection(), "DELETE FROM drill WHERE at < $1", values![oldest]).await?;
        write.commit().await?;
        Ok(hours + drills)
    }
}

/// Adds a visit to its hour, in the visit's own transaction.
pub(super) async fn note_visit(
    connection: &mut AnyConnection,
    visit: &Visit,
    recorded: &Recorded,
) -> Result<(), StoreError> {
    let source = &visit.claim.source.0;
    let statement = "INSERT INTO source_hour (source, hour_at, outcome, visits, posts, fresh, took_ms, first_at, last_at) \
                     VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $7) ON CONFLICT (source, hour_at, outcome) DO UPDATE SET \
                     visits = source_hour.visits + 1, posts = source_hour.posts + excluded.posts, \
                     fresh = source_hour.fresh + excluded.fresh, took_ms = source_hour.took_ms + excluded.took_ms, \
                     last_at = excluded.last_at";
    let took = milliseconds(visit.took.min(Duration::from_hours(1)));
    let values = values![
        source,
        hour(visit.at),
        outcome(visit),
        recorded.posts,
        fresh(visit).min(recorded.posts),
        took,
        visit.at
    ];
    sql::execute(connection, statement, values).await?;
    // What was read tells it with the rest of what it changes on the source.
    let is_told = matches!(visit.outcome, Outcome::Read(_));
    if let Some(ahead) = clock_ahead(visit).filter(|_| !is_told) {
        let statement = "UPDATE source SET clock_ahead_ms = $1, clock_seen_at = $2 WHERE id = $3";
        sql::execute(connection, statement, values![ahead, visit.at, source]).await?;
    }
    Ok(())
}

/// By how many milliseconds our clock is ahead of the site's, where the visit tells.
pub(super) fn clock_ahead(visit: &Visit) -> Option<i64> {
    visit.clock_ahead.map(|ahead| i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX))
}

/// The word for how a visit went.
fn outcome(visit: &Visit) -> &str {
    match &visit.outcome {
        Outcome::Failed { class, .. } => class,
        Outcome::Unchanged => "unchanged",
        Outcome::Gone => "not-found",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Read(page) => match page.page {
            Some(PageKind::LoginRequired) => "login-wanted",
            Some(PageKind::Denied) => "denied",
            Some(PageKind::NotFound) => "not-found",
            Some(PageKind::Index | PageKind::Board | PageKind::Thread | PageKind::Other)
                if is_unread(visit.claim.link.kind, page) =>
            {
                "unread"
            }
            Some(PageKind::Index | PageKind::Board | PageKind::Thread | PageKind::Other) | None => "read",
        },
    }
}

/// Tells whether a page brought nothing of what it was followed for: then its layout is unknown.
fn is_unread(kind: LinkKind, page: &ReadPage) -> bool {
    match kind {
        LinkKind::Thread => page.posts.is_empty(),
        LinkKind::Board => page.threads.is_empty() && page.posts.is_empty(),
        LinkKind::Index => page.threads.is_empty() && page.posts.is_empty() && page.links.is_empty(),
        LinkKind::Attachment | LinkKind::Other => false,
    }
}

fn fresh(visit: &Visit) -> u64 {
    let Outcome::Read(page) = &visit.outcome else { return 0 };
    let is_fresh = |at: Timestamp| visit.at.duration_since(at) <= FRESH;
    page.posts.iter().filter(|post| post.posted_at.is_some_and(is_fresh)).count() as u64
}

fn is_page(outcome: &str) -> bool {
    matches!(outcome, "read" | "unchanged" | "unread" | "login-wanted" | "denied" | "not-found")
}

fn count(counts: &mut Counts, outcome: &str, (visits, fresh): (u64, u64)) {
    let place = match outcome {
        "read" | "unchanged" | "not-found" => &mut counts.read,
        "unread" => &mut counts.unread,
        "login-wanted" => &mut counts.login_wanted,
        "denied" => &mut counts.denied,
        // Left out on purpose: neither read nor failed.
        "skipped" => return,
        _ => &mut counts.failed,
    };
    *place += visits;
    counts.fresh += fresh;
}

fn bare_past(row: &AnyRow, now: Timestamp) -> Result<SourcePast, StoreError> {
    let failure = row.maybe_time(5)?.zip(row.maybe_text(6)?);
    let rest = row.maybe_text(12)?.and_then(|word| Rest::parse(&word));
    let rest = rest.zip(row.maybe_time(11)?.filter(|until| *until > now));
    let rests = match (row.maybe_time(10)?, rest) {
        (Some(_), _) => Some(Rests::Paused),
        (None, Some((rest, _))) if rest.needs_person() => Some(Rests::NeedsPerson(rest.words().to_owned())),
        (None, Some((rest, until))) => Some(Rests::Until(until, rest.words().to_owned())),
        (None, None) => None,
    };
    let ahead = row.maybe_int(8)?.map(SignedDuration::from_millis);
    Ok(SourcePast {
        id: row.text(0)?,
        label: row.text(1)?,
        network: network(&row.text(2)?)?,
        added_at: row.time(3)?,
        recent: Counts::default(),
        before: Counts::default(),
        before_lasted: SignedDuration::ZERO,
        last_success_at: row.maybe_time(4)?,
        last_failure: failure,
        last_fresh_at: None,
        next_due_at: row.maybe_time(7)?,
        rests,
        clock_ahead: ahead.zip(row.maybe_time(9)?),
    })
}

fn hour_row(row: &AnyRow) -> Result<HourRow, StoreError> {
    Ok(HourRow {
        hour_at: row.time(0)?,
        outcome: row.text(1)?,
        visits: row.count(2)?,
        posts: row.count(3)?,
        fresh: row.count(4)?,
        took_ms: row.count(5)?,
        first_at: row.time(6)?,
        last_at: row.time(7)?,
    })
}

fn network(word: &str) -> Result<Network, StoreError> {
    Network::ALL.into_iter().find(|network| network.word() == word).ok_or_else(|| StoreError::damaged("network", word))
}

/// Start of the hour, in milliseconds.
fn hour(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(HOUR_MS) * HOUR_MS
}
