//! Sources: their settings, whether they are read now, what a day has cost.
//!
//! Not here: which of their URLs is due (`claims`), who reads them (`sessions`), what they say to robots (`robots`).

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use url::Url;

use super::claims::milliseconds;
use super::model::{SourceRow, link_kind_word};
use super::sql::{self, Columns, values};
use super::watchlists::{json, parse};
use super::{Durability, Store, StoreError};
use crate::domain::forum::LinkKind;
use crate::domain::source::{Rest, Settings, Source, SourceId, Spent};

/// Frontier key of a source's start page.
pub const START_KEY: &str = "start";

impl Store {
    /// Adds a source and puts its start page into the frontier, due now; returns whether it is new. A known source takes
    /// the label, start URL, pace, concurrency and settings given now, and what it waited for by its old ones is forgotten;
    /// if they name another login than before, its start page is due now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_source(&self, source: &Source, now: Timestamp) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let (pace, start_url) = (milliseconds(source.pace), source.start_url.as_str());
        let is_usual = source.settings == Settings::default();
        let settings = (!is_usual).then(|| json(&source.settings)).transpose()?;
        let statement = "INSERT INTO source (id, label, start_url, pace_ms, concurrency, settings, added_at, \
                         next_allowed_at, ready_at, turn, network) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $7, 0, $8) \
                         ON CONFLICT (id) DO NOTHING";
        let network = source.network().word();
        let values = values![&source.id.0, &source.label, start_url, pace, source.concurrency, &settings, now, network];
        let is_new = sql::execute(connection, statement, values).await? > 0;
        let has_new_login = !is_new && is_new_login(connection, source).await?;
        if !is_new {
            let statement = "UPDATE source SET label = $1, start_url = $2, pace_ms = $3, concurrency = $4, settings = $5 \
                             WHERE id = $6";
            let values = values![&source.label, start_url, pace, source.concurrency, settings, &source.id.0];
            sql::execute(connection, statement, values).await?;
            let statement = "UPDATE source SET wait_until = NULL, wait_reason = NULL \
                             WHERE id = $1 AND wait_reason IN ('hours', 'budget-requests', 'budget-bytes', 'budget-time')";
            sql::execute(connection, statement, values![&source.id.0]).await?;
        }
        let statement = "INSERT INTO frontier (source, link_key, url, kind, kind_rank, found_at, due_at, attempts) \
                         VALUES ($1, $2, $3, $4, 0, $5, $5, 0) \
                         ON CONFLICT (source, link_key) DO UPDATE SET url = excluded.url";
        let values = values![&source.id.0, START_KEY, start_url, link_kind_word(LinkKind::Index), now];
        sql::execute(connection, statement, values).await?;
        if has_new_login {
            begin_anew(connection, &source.id.0, now).await?;
        }
        write.commit().await?;
        Ok(is_new)
    }

    /// Returns a source.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn source(&self, id: &SourceId) -> Result<Option<Source>, StoreError> {
        let statement = "SELECT id, label, start_url, pace_ms, concurrency, settings FROM source WHERE id = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![&id.0]).await?;
        row.map(|row| source(&row)).transpose()
    }

    /// Returns every source and how it fares, sorted by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sources(&self, now: Timestamp) -> Result<Vec<SourceRow>, StoreError> {
        let statement = "SELECT s.id, s.label, s.start_url, s.pace_ms, s.concurrency, s.settings, s.engine, s.added_at, \
                         s.last_success_at, s.last_failure, s.last_failure_at, s.paused_at, s.wait_until, s.wait_reason, \
                         s.crawl_delay_ms, \
                         (SELECT COUNT(*) FROM frontier f WHERE f.source = s.id), \
                         (SELECT COUNT(*) FROM frontier f WHERE f.source = s.id AND f.due_at <= $1), \
                         (SELECT COUNT(*) FROM frontier f WHERE f.source = s.id AND f.gone_at IS NOT NULL), \
                         (SELECT COUNT(*) FROM post p WHERE p.source = s.id) FROM source s ORDER BY s.id";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![now]).await?;
        rows.iter().map(|row| source_row(row, now)).collect()
    }

    /// Counts the URLs that are due, of one source or of all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due(&self, source: Option<&SourceId>, now: Timestamp) -> Result<u64, StoreError> {
        let only = source.map_or("", |source| source.0.as_str());
        let statement = "SELECT COUNT(*) FROM frontier WHERE due_at <= $1 AND ($2 = '' OR source = $2)";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![now, only]).await?;
        Ok(row.map(|row| row.count(0)).transpose()?.unwrap_or(0))
    }

    /// Leaves a source alone until then; a longer rest that it has already stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold(&self, source: &SourceId, rest: (Rest, Timestamp)) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        hold(write.connection(), &source.0, rest).await?;
        write.commit().await
    }

    /// Stops reading a source until it is resumed; returns whether there is such a source.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pause(&self, source: &SourceId, now: Timestamp) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let statement = "UPDATE source SET paused_at = COALESCE(paused_at, $1) WHERE id = $2";
        let changed = sql::execute(write.connection(), statement, values![now, &source.0]).await?;
        write.commit().await?;
        Ok(changed > 0)
    }

    /// Goes on reading a source that was paused or rests for whatever reason; returns whether there is such a source.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resume(&self, source: &SourceId) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let changed = free(write.connection(), &source.0).await?;
        write.commit().await?;
        Ok(changed > 0)
    }

    /// Notes what was spent on a source; the day is that of its own time zone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spend(&self, source: &Source, spending: Spent, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        spend(write.connection(), &source.id.0, source.settings.hours.day(now).0, spending).await?;
        write.commit().await
    }

    /// Returns what the running day has cost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spent(&self, source: &Source, now: Timestamp) -> Result<Spent, StoreError> {
        let day = source.settings.hours.day(now).0;
        spent(&mut *self.reader.acquire().await?, &source.id.0, day).await
    }
}

pub(super) async fn hold(
    connection: &mut AnyConnection,
    source: &str,
    (rest, until): (Rest, Timestamp),
) -> Result<(), StoreError> {
    let statement = "UPDATE source SET wait_until = $1, wait_reason = $2 \
                     WHERE id = $3 AND (wait_until IS NULL OR wait_until < $1)";
    sql::execute(connection, statement, values![until, rest.as_str(), source]).await.map(drop)
}

/// Takes away whatever keeps a source from being read.
pub(super) async fn free(connection: &mut AnyConnection, source: &str) -> Result<u64, StoreError> {
    let statement =
        "UPDATE source SET paused_at = NULL, wait_until = NULL, wait_reason = NULL, ready_at = 0 WHERE id = $1";
    sql::execute(connection, statement, values![source]).await
}

pub(super) async fn spend(
    connection: &mut AnyConnection,
    source: &str,
    day: i64,
    spending: Spent,
) -> Result<(), StoreError> {
    let statement = "INSERT INTO spending (source, day, requests, bytes, busy_ms) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT (source, day) DO UPDATE SET requests = spending.requests + excluded.requests, \
                     bytes = spending.bytes + excluded.bytes, busy_ms = spending.busy_ms + excluded.busy_ms";
    let values = values![source, day, spending.requests, spending.bytes, milliseconds(spending.busy)];
    sql::execute(connection, statement, values).await?;
    // A month is enough to look back on.
    let statement = "DELETE FROM spending WHERE source = $1 AND day < $2";
    sql::execute(connection, statement, values![source, day - 31]).await.map(drop)
}

pub(super) async fn spent(connection: &mut AnyConnection, source: &str, day: i64) -> Result<Spent, StoreError> {
    let statement = "SELECT requests, bytes, busy_ms FROM spending WHERE source = $1 AND day = $2";
    let Some(row) = sql::fetch_one(connection, statement, values![source, day]).await? else {
        return Ok(Spent::default());
    };
    Ok(Spent { requests: row.count(0)?, bytes: row.count(1)?, busy: Duration::from_millis(row.count(2)?) })
}

/// Tells whether a login is given to a source that is known without it or with another. Settings that cannot be read are
/// about to be replaced and count as none.
async fn is_new_login(connection: &mut AnyConnection, source: &Source) -> Result<bool, StoreError> {
    let id = &source.id.0;
    let row = sql::fetch_one(connection, "SELECT settings FROM source WHERE id = $1", values![id]).await?;
    let document = row.map(|row| row.maybe_text(0)).transpose()?.flatten();
    let known = settings(id, document).ok().flatten().and_then(|settings| settings.login);
    Ok(source.settings.login.is_some() && source.settings.login != known)
}

/// Makes the start page due: whoever fetches it logs in first, which makes due what was refused before.
async fn begin_anew(connection: &mut AnyConnection, source: &str, now: Timestamp) -> Result<(), StoreError> {
    let statement = "UPDATE frontier SET due_at = $1 \
                     WHERE source = $2 AND link_key = $3 AND (due_at IS NULL OR due_at > $1)";
    sql::execute(connection, statement, values![now, source, START_KEY]).await?;
    sql::execute(connection, "UPDATE source SET ready_at = 0 WHERE id = $1", values![source]).await.map(drop)
}

/// Reads the settings as they are kept; `None` for the usual ones.
pub(super) fn settings(source: &str, document: Option<String>) -> Result<Option<Settings>, StoreError> {
    document.map(|document| parse("source", source, &document)).transpose()
}

/// Reads a source and how it fares from the columns of [`Store::sources`].
pub(super) fn source_row(row: &AnyRow, now: Timestamp) -> Result<SourceRow, StoreError> {
    let wait = row.maybe_time(12)?.filter(|until| *until > now);
    let reason = row.maybe_text(13)?.as_deref().and_then(Rest::parse);
    Ok(SourceRow {
        source: source(row)?,
        engine: row.maybe_text(6)?,
        added_at: row.time(7)?,
        last_success_at: row.maybe_time(8)?,
        last_failure: row.maybe_text(9)?,
        last_failure_at: row.maybe_time(10)?,
        paused_at: row.maybe_time(11)?,
        rest: reason.zip(wait),
        crawl_delay: Duration::from_millis(row.count(14)?),
        urls: row.count(15)?,
        due: row.count(16)?,
        gone: row.count(17)?,
        posts: row.count(18)?,
    })
}

fn source(row: &AnyRow) -> Result<Source, StoreError> {
    let id = row.text(0)?;
    Ok(Source {
        label: row.text(1)?,
        start_url: Url::parse(&row.text(2)?).map_err(|_| StoreError::damaged("source", &id))?,
        pace: Duration::from_millis(row.count(3)?),
        concurrency: u32::try_from(row.int(4)?).unwrap_or(1),
        settings: settings(&id, row.maybe_text(5)?)?.unwrap_or_default(),
        id: SourceId(id),
    })
}
