//! The frontier: which URL goes to which worker, for how long.
//!
//! A claim looks only at sources that can have something (`source.ready_at` is a lower bound) and need not rest, serves those
//! first that waited longest (`source.turn`), and holds each to its concurrency (live leases), its pace
//! (`source.next_allowed_at`), its hours and its budget. Not here: the sources themselves (`sources`), what a visit leaves
//! behind (`visits`), when a URL is due again (`domain::frontier`).

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use url::Url;

use super::model::{Claim, ClaimRequest, LINK_KINDS, parse_link_kind};
use super::sql::{self, Columns, Value, values};
use super::{Dialect, Durability, Store, StoreError, Write, sources};
use crate::domain::forum::{Link, LinkKind};
use crate::domain::source::{self, Network, Settings, SourceId, Spent};
use crate::ports::seal::{SealError, hex};

impl Store {
    /// Leases due URLs: index pages first, then boards, threads, attachments, others; the longest due first within each;
    /// sources take turns. May return fewer than there are when other workers hold a source at this moment.
    ///
    /// # Errors
    /// When the database fails; nothing is leased then.
    pub async fn claim(&self, request: &ClaimRequest, now: Timestamp) -> Result<Vec<Claim>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        // A look without a lock first: idle workers do not queue up writers.
        if ready_sources(&mut connection, Dialect::Sqlite, request, now).await?.is_empty() {
            return Ok(Vec::new());
        }
        drop(connection);
        let mut write = self.begin(Durability::Process).await?;
        let mut claims: Vec<Claim> = Vec::new();
        let sources = ready_sources(write.connection(), self.dialect, request, now).await?;
        let mut left = sources.len();
        let turn = next_turn(write.connection()).await?;
        for ready in sources {
            let taken = u32::try_from(claims.len()).unwrap_or(u32::MAX);
            let missing = request.limit.saturating_sub(taken);
            if missing == 0 {
                break;
            }
            let share = missing.div_ceil(u32::try_from(left).unwrap_or(u32::MAX).max(1));
            left -= 1;
            let grant = Grant { share, turn, now, chance: request.chance };
            claims.extend(self.claim_from(&mut write, &ready, request, grant).await?);
        }
        write.commit().await?;
        Ok(claims)
    }

    /// Takes up to `grant.share` URLs of one source whose row this transaction holds.
    async fn claim_from(
        &self,
        write: &mut Write,
        ready: &ReadySource,
        request: &ClaimRequest,
        grant: Grant,
    ) -> Result<Vec<Claim>, StoreError> {
        let connection = write.connection();
        let now = grant.now;
        let Some(budget) = budget(connection, ready, now).await? else { return Ok(Vec::new()) };
        let statement = "SELECT COUNT(*) FROM frontier WHERE source = $1 AND lease IS NOT NULL AND lease_until > $2";
        let row = sql::fetch_one(connection, statement, values![&ready.id, now]).await?;
        let in_flight = row.map(|row| row.count(0)).transpose()?.unwrap_or(0);
        let free = u64::from(ready.concurrency).saturating_sub(in_flight);
        let paced = if ready.pace.is_zero() { u64::MAX } else { 1 };
        let allowed = free.min(paced).min(budget).min(u64::from(grant.share));
        let until = now.checked_add(request.lease).unwrap_or(Timestamp::MAX);
        let mut claims = Vec::new();
        for kind in LINK_KINDS {
            let missing = allowed.saturating_sub(claims.len() as u64);
            if missing == 0 {
                break;
            }
            for row in due_rows(connection, self.dialect, (&ready.id, kind), (now, missing)).await? {
                let mut claim = claim_row(&row, &ready.id)?;
                claim.lease = lease_name(&request.worker)?;
                let statement = "UPDATE frontier SET lease = $1, lease_until = $2 WHERE source = $3 AND link_key = $4";
                sql::execute(connection, statement, values![&claim.lease, until, &ready.id, &claim.link.key]).await?;
                claims.push(claim);
            }
        }
        let is_exhausted = (claims.len() as u64) < allowed;
        let ready_at = if is_exhausted { earliest(connection, &ready.id).await? } else { Some(ready.ready_at) };
        let mut next_allowed_at = ready.next_allowed_at;
        if !claims.is_empty() {
            let wait = milliseconds(source::wait(ready.pace, grant.chance));
            next_allowed_at = now.as_millisecond().saturating_add(wait);
            if ready.settings.is_some() {
                let spent = Spent { requests: claims.len() as u64, ..Spent::default() };
                sources::spend(connection, &ready.id, ready.day(now), spent).await?;
            }
        }
        let statement = "UPDATE source SET ready_at = $1, next_allowed_at = $2, turn = $3 WHERE id = $4";
        sql::execute(connection, statement, values![ready_at, next_allowed_at, grant.turn, &ready.id]).await?;
        Ok(claims)
    }

    /// Holds leases longer; returns how many of them were still held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew(&self, claims: &[Claim], lease: Duration, now: Timestamp) -> Result<u64, StoreError> {
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        let mut write = self.begin(Durability::Process).await?;
        let mut held = 0;
        for claim in claims {
            let statement = "UPDATE frontier SET lease_until = $1 WHERE source = $2 AND link_key = $3 AND lease = $4";
            let values = values![until, &claim.source.0, &claim.link.key, &claim.lease];
            held += sql::execute(write.connection(), statement, values).await?;
        }
        write.commit().await?;
        Ok(held)
    }

    /// Gives leases back unused: the URLs are due as before.
    ///
    /// # Errors
    /// When the database fails; the leases run out by themselves then.
    pub async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        for claim in claims {
            let statement = "UPDATE frontier SET lease = NULL, lease_until = NULL \
                             WHERE source = $1 AND link_key = $2 AND lease = $3";
            let values = values![&claim.source.0, &claim.link.key, &claim.lease];
            sql::execute(write.connection(), statement, values).await?;
        }
        let mut sources: Vec<&String> = claims.iter().map(|claim| &claim.source.0).collect();
        sources.sort();
        sources.dedup();
        for source in sources {
            sql::execute(write.connection(), "UPDATE source SET ready_at = 0 WHERE id = $1", values![source]).await?;
        }
        write.commit().await
    }

    /// Gives back every lease that a worker of this name holds, URLs and alerts: for a worker that starts again after a
    /// crash, and only if no other process uses its name. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails; the leases run out by themselves then.
    pub async fn release_worker(&self, worker: &str) -> Result<u64, StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        let prefix = lease_prefix(worker);
        // Not LIKE: a worker's name may hold its wildcards.
        let statement = "UPDATE frontier SET lease = NULL, lease_until = NULL \
                         WHERE lease IS NOT NULL AND SUBSTR(lease, 1, LENGTH($1)) = $1";
        let released = sql::execute(connection, statement, values![&prefix]).await?;
        let statement = "UPDATE alert SET lease = NULL, lease_until = NULL \
                         WHERE lease IS NOT NULL AND SUBSTR(lease, 1, LENGTH($1)) = $1";
        let alerts = sql::execute(connection, statement, values![&prefix]).await?;
        if released > 0 {
            sql::execute(connection, "UPDATE source SET ready_at = 0", values![]).await?;
        }
        write.commit().await?;
        Ok(released + alerts)
    }

    /// Returns when the next URL of the networks that are not left out can be claimed: the earliest due time or lease expiry,
    /// not before its source's pace and rest allow; `None` when nothing can become due without a person. A time that has
    /// passed means: there is work, but its source's slots are taken
    /// (or another worker is at it); look again after a moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(
        &self,
        source: Option<&SourceId>,
        without: &[Network],
    ) -> Result<Option<Timestamp>, StoreError> {
        let only = source.map_or("", |source| source.0.as_str());
        let statement = "SELECT s.next_allowed_at, s.wait_until, \
                         (SELECT MIN(f.due_at) FROM frontier f \
                          WHERE f.source = s.id AND f.due_at IS NOT NULL AND f.lease IS NULL), \
                         (SELECT MIN(f.lease_until) FROM frontier f WHERE f.source = s.id AND f.lease IS NOT NULL) \
                         FROM source s WHERE s.ready_at IS NOT NULL AND s.paused_at IS NULL \
                         AND (s.wait_until IS NULL OR s.wait_until < $2) AND ($1 = '' OR s.id = $1) \
                         AND s.network NOT IN ($3, $4, $5)";
        let mut values = values![only, Timestamp::MAX];
        values.extend(shut(without));
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values).await?;
        let mut next: Option<Timestamp> = None;
        for row in rows {
            let earliest = [row.maybe_time(2)?, row.maybe_time(3)?].into_iter().flatten().min();
            if let Some(earliest) = earliest {
                let rested = row.maybe_time(1)?.unwrap_or(Timestamp::MIN);
                let possible = earliest.max(row.time(0)?).max(rested);
                next = Some(next.map_or(possible, |next| next.min(possible)));
            }
        }
        Ok(next)
    }
}

/// What one source may give to one request.
#[derive(Clone, Copy)]
struct Grant {
    share: u32,
    turn: i64,
    now: Timestamp,
    chance: f64,
}

/// A source that may have something due.
struct ReadySource {
    id: String,
    /// What it was given or what its robots.txt asks for, whichever is longer.
    pace: Duration,
    concurrency: u32,
    ready_at: i64,
    next_allowed_at: i64,
    settings: Option<Settings>,
}

impl ReadySource {
    fn day(&self, now: Timestamp) -> i64 {
        self.settings.as_ref().map_or(0, |settings| settings.hours.day(now).0)
    }
}

/// Returns how many requests a source may make before it has to rest; `None`, and a note on it, if it has to now.
async fn budget(
    connection: &mut AnyConnection,
    ready: &ReadySource,
    now: Timestamp,
) -> Result<Option<u64>, StoreError> {
    let Some(settings) = &ready.settings else { return Ok(Some(u64::MAX)) };
    let spent = sources::spent(connection, &ready.id, ready.day(now)).await?;
    if let Some((rest, until)) = settings.rest(&spent, now) {
        sources::hold(connection, &ready.id, (rest, until)).await?;
        return Ok(None);
    }
    Ok(Some(settings.budget.requests.map_or(u64::MAX, |limit| limit.saturating_sub(spent.requests))))
}

async fn ready_sources(
    connection: &mut AnyConnection,
    dialect: Dialect,
    request: &ClaimRequest,
    now: Timestamp,
) -> Result<Vec<ReadySource>, StoreError> {
    let only = request.source.as_ref().map_or("", |source| source.0.as_str());
    let statement = "SELECT id, pace_ms, crawl_delay_ms, concurrency, ready_at, next_allowed_at, settings FROM source \
                     WHERE ready_at IS NOT NULL AND ready_at <= $1 AND next_allowed_at <= $1 AND paused_at IS NULL \
                     AND (wait_until IS NULL OR wait_until <= $1) AND ($2 = '' OR id = $2) \
                     AND network NOT IN ($4, $5, $6) ORDER BY turn, id LIMIT CAST($3 AS BIGINT)";
    // Twice the limit: those whose slots are taken go to the end of the row and do not keep others from their turn.
    let examined = request.limit.saturating_mul(2).clamp(8, 256);
    let mut values = values![now, only, examined];
    values.extend(shut(&request.without));
    let rows = sql::fetch_locking(connection, statement, dialect.lock_suffix(), values).await?;
    rows.iter()
        .map(|row| {
            let id = row.text(0)?;
            Ok(ReadySource {
                pace: Duration::from_millis(row.count(1)?.max(row.count(2)?)),
                concurrency: u32::try_from(row.int(3)?).unwrap_or(1),
                ready_at: row.int(4)?,
                next_allowed_at: row.int(5)?,
                settings: sources::settings(&id, row.maybe_text(6)?)?,
                id,
            })
        })
        .collect()
}

/// As many values as there are networks: the words of those given, and words of none.
fn shut(networks: &[Network]) -> impl Iterator<Item = Value> + '_ {
    Network::ALL.into_iter().map(|network| Value::from(if networks.contains(&network) { network.word() } else { "" }))
}

async fn next_turn(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let row = sql::fetch_one(connection, "SELECT MAX(turn) FROM source", values![]).await?;
    Ok(row.map(|row| row.maybe_int(0)).transpose()?.flatten().unwrap_or(0).saturating_add(1))
}

async fn due_rows(
    connection: &mut AnyConnection,
    dialect: Dialect,
    (source, kind): (&str, LinkKind),
    (now, limit): (Timestamp, u64),
) -> Result<Vec<AnyRow>, StoreError> {
    // SQLite plans a statement anew for every value of a bare `LIMIT $4`; of a cast it does not look at the value.
    let statement = "SELECT link_key, url, kind, post, mark, name, thread, attempts, etag, last_modified, body_digest, \
                     due_at, last_visited_at FROM frontier \
                     WHERE source = $1 AND kind_rank = $2 AND due_at IS NOT NULL AND due_at <= $3 \
                     AND (lease IS NULL OR lease_until <= $3) ORDER BY due_at, found_at, link_key LIMIT CAST($4 AS BIGINT)";
    let values = values![source, kind_rank(kind), now, limit];
    sql::fetch_locking(connection, statement, dialect.lock_suffix(), values).await
}

fn claim_row(row: &AnyRow, source: &str) -> Result<Claim, StoreError> {
    let key = row.text(0)?;
    let damaged = || StoreError::damaged("frontier", &key);
    let link = Link {
        url: Url::parse(&row.text(1)?).map_err(|_| damaged())?,
        kind: parse_link_kind(&row.text(2)?).ok_or_else(damaged)?,
        post: row.maybe_text(3)?,
        mark: row.maybe_text(4)?,
        name: row.maybe_text(5)?,
        key: key.clone(),
    };
    let interval = row.maybe_int(12)?.map(|visited| row.int(11).map(|due| due.saturating_sub(visited))).transpose()?;
    Ok(Claim {
        source: SourceId(source.to_owned()),
        link,
        thread: row.maybe_text(6)?,
        lease: String::new(),
        attempts: u32::try_from(row.int(7)?).unwrap_or(u32::MAX),
        interval: interval.map(|interval| Duration::from_millis(u64::try_from(interval).unwrap_or(0))),
        etag: row.maybe_text(8)?,
        last_modified: row.maybe_text(9)?,
        body_digest: row.maybe_text(10)?,
    })
}

/// The earliest time at which anything of a source can be claimed, its pace aside.
async fn earliest(connection: &mut AnyConnection, source: &str) -> Result<Option<i64>, StoreError> {
    let statement = "SELECT (SELECT MIN(due_at) FROM frontier \
                     WHERE source = $1 AND due_at IS NOT NULL AND lease IS NULL), \
                     (SELECT MIN(lease_until) FROM frontier WHERE source = $1 AND lease IS NOT NULL)";
    let row = sql::fetch_one(connection, statement, values![source]).await?;
    let Some(row) = row else { return Ok(None) };
    Ok([row.maybe_int(0)?, row.maybe_int(1)?].into_iter().flatten().min())
}

pub(super) const fn kind_rank(kind: LinkKind) -> i64 {
    match kind {
        LinkKind::Index => 0,
        LinkKind::Board => 1,
        LinkKind::Thread => 2,
        LinkKind::Attachment => 3,
        LinkKind::Other => 4,
    }
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn lease_prefix(worker: &str) -> String {
    format!("{worker}/")
}

/// Names a lease: the worker and a number that no earlier life of it has used.
pub(super) fn lease_name(worker: &str) -> Result<String, StoreError> {
    let mut chance = [0_u8; 12];
    getrandom::fill(&mut chance).map_err(|_| SealError::Chance)?;
    Ok(format!("{}{}", lease_prefix(worker), hex(&chance)))
}
