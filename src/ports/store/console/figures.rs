//! Figures of the overview: what was seen by day, how long things took, whose copies leaked, how far reading has come.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::only;
use crate::ports::store::console::Scope;
use crate::ports::store::sql::{self, Columns, Statement, values};
use crate::ports::store::watchlists::parse;
use crate::ports::store::{Store, StoreError};

const DAY_MS: i64 = 86_400_000;
/// So many of the newest cases are enough to tell how long things take.
const TIMED: u32 = 10_000;

/// What was seen of an organization's records on a source on one day (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaySeen {
    /// Start of the day.
    pub day: Timestamp,
    /// Whose.
    pub organization: String,
    /// Where.
    pub source: String,
    /// What people see of the source.
    pub source_label: String,
    /// Places: posts, attachments, pages.
    pub sightings: u64,
}

/// The clocks of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CaseTimes {
    /// Earliest post.
    pub posted_at: Option<Timestamp>,
    /// First match.
    pub matched_at: Timestamp,
    /// First mail.
    pub mailed_at: Option<Timestamp>,
    /// When somebody first looked at it.
    pub acknowledged_at: Option<Timestamp>,
}

/// How many canaries of a custodian's copies there are, and how many of them leaked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HolderCount {
    /// Whose custodian.
    pub organization: String,
    /// Its code.
    pub custodian: String,
    /// Canaries that its copies hold, now.
    pub held: u64,
    /// Canaries of its copies that were seen, in cases that are no false positives.
    pub leaked: u64,
}

/// How far reading a source has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Which.
    pub source: String,
    /// What people see of it.
    pub label: String,
    /// Lists of threads that are read again and again.
    pub lists: u64,
    /// Of them, those never read yet.
    pub unread: u64,
    /// Since then every list was read; `None` while one was not.
    pub whole_since: Option<Timestamp>,
}

/// What waits to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Depths {
    /// Addresses that are due now.
    pub due: u64,
    /// Alerts to be sent.
    pub alerts: u64,
    /// Alerts that wait for a confirmed contact.
    pub waiting_for_contact: u64,
    /// Alerts that were given up.
    pub dead: u64,
    /// Mails to the operator.
    pub operator_mails: u64,
}

impl Store {
    /// Returns what was seen by day, organization and source since then, sorted by day.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn days_seen(&self, scope: &Scope, since: Timestamp) -> Result<Vec<DaySeen>, StoreError> {
        let mut statement = Statement::new(
            "SELECT g.day, g.organization, g.source, r.label, g.sightings FROM (SELECT seen_at / 86400000 AS day, \
             organization, source, COUNT(*) AS sightings FROM case_sighting WHERE ",
        );
        statement.bind("seen_at >= ", since);
        if let Some(organization) = only(scope) {
            statement.bind(" AND organization = ", organization);
        }
        statement.push(
            " GROUP BY seen_at / 86400000, organization, source) AS g JOIN source r ON r.id = g.source \
             ORDER BY g.day, g.organization, g.source",
        );
        let mut connection = self.reader.acquire().await?;
        let rows = statement.fetch(&mut connection).await?;
        rows.iter()
            .map(|row| {
                Ok(DaySeen {
                    day: Timestamp::from_millisecond(row.int(0)? * DAY_MS).unwrap_or(since),
                    organization: row.text(1)?,
                    source: row.text(2)?,
                    source_label: row.text(3)?,
                    sightings: row.count(4)?,
                })
            })
            .collect()
    }

    /// Returns the clocks of the cases first matched since then, of the newest ones if there are very many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_times(&self, scope: &Scope, since: Timestamp) -> Result<Vec<CaseTimes>, StoreError> {
        let mut statement = Statement::new(
            "SELECT first_posted_at, first_matched_at, first_mailed_at, first_acknowledged_at FROM leak_case \
             WHERE merged_into IS NULL",
        );
        if let Some(organization) = only(scope) {
            statement.bind(" AND organization = ", organization);
        }
        statement.bind(" AND first_matched_at >= ", since);
        statement.push(" ORDER BY first_matched_at DESC, id DESC");
        statement.bind(" LIMIT ", TIMED);
        let mut connection = self.reader.acquire().await?;
        let rows = statement.fetch(&mut connection).await?;
        rows.iter()
            .map(|row| {
                Ok(CaseTimes {
                    posted_at: row.maybe_time(0)?,
                    matched_at: row.time(1)?,
                    mailed_at: row.maybe_time(2)?,
                    acknowledged_at: row.maybe_time(3)?,
                })
            })
            .collect()
    }

    /// Returns how many canaries of each custodian's copies leaked, most first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn holder_counts(&self, scope: &Scope) -> Result<Vec<HolderCount>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let mut counts: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
        let statement = "SELECT organization, holders, COUNT(*), 0 FROM canary WHERE removed_at IS NULL \
                         AND ($1 = '' OR organization = $1) GROUP BY organization, holders";
        let mut rows = sql::fetch(&mut connection, statement, values![scope.organization()]).await?;
        // From the canaries on: entries are mostly fingerprints, and many times as many.
        let statement = "SELECT y.organization, y.holders, 0, COUNT(*) FROM canary y CROSS JOIN case_entry e \
                         CROSS JOIN leak_case c WHERE e.organization = y.organization AND e.kind = 'canary' \
                         AND e.entry = y.id AND c.id = e.leak_case AND c.state <> 'false_positive' \
                         AND ($1 = '' OR y.organization = $1) GROUP BY y.organization, y.holders";
        rows.extend(sql::fetch(&mut connection, statement, values![scope.organization()]).await?);
        for row in rows {
            let organization = row.text(0)?;
            let codes: Vec<String> = parse("canary", &organization, &row.text(1)?)?;
            for code in codes {
                let count = counts.entry((organization.clone(), code)).or_default();
                *count = (count.0 + row.count(2)?, count.1 + row.count(3)?);
            }
        }
        let mut counts: Vec<HolderCount> = counts
            .into_iter()
            .map(|((organization, custodian), (held, leaked))| HolderCount { organization, custodian, held, leaked })
            .collect();
        counts.sort_by_key(|count| std::cmp::Reverse(count.leaked));
        Ok(counts)
    }

    /// Returns how far reading each source has come, sorted by label. Sources are nobody's: for those who see all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn coverage(&self) -> Result<Vec<Coverage>, StoreError> {
        let statement = "SELECT s.id, s.label, COUNT(f.link_key), \
                         CAST(SUM(CASE WHEN f.link_key IS NOT NULL AND f.last_visited_at IS NULL THEN 1 ELSE 0 END) AS BIGINT), \
                         MIN(f.last_visited_at) FROM source s LEFT JOIN frontier f ON f.source = s.id \
                         AND f.due_at IS NOT NULL AND f.kind_rank <= 1 GROUP BY s.id, s.label ORDER BY s.label, s.id";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![]).await?;
        rows.iter()
            .map(|row| {
                let unread = row.count(3)?;
                Ok(Coverage {
                    source: row.text(0)?,
                    label: row.text(1)?,
                    lists: row.count(2)?,
                    unread,
                    whole_since: row.maybe_time(4)?.filter(|_| unread == 0),
                })
            })
            .collect()
    }

    /// Counts what waits: an organization's alerts, and for those who see all also addresses and mails to the operator.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn depths(&self, scope: &Scope, now: Timestamp) -> Result<Depths, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let mut depths = Depths::default();
        for (place, statement) in [
            (
                &mut depths.alerts,
                "SELECT COUNT(*) FROM alert WHERE ($1 = '' OR organization = $1) AND state = 'queued' AND contact <> ''",
            ),
            (
                &mut depths.waiting_for_contact,
                "SELECT COUNT(*) FROM alert WHERE ($1 = '' OR organization = $1) AND state = 'queued' AND contact = ''",
            ),
            (&mut depths.dead, "SELECT COUNT(*) FROM alert WHERE ($1 = '' OR organization = $1) AND state = 'dead'"),
        ] {
            let row = sql::fetch_one(&mut connection, statement, values![scope.organization()]).await?;
            *place = row.map_or(Ok(0), |row| row.count(0))?;
        }
        if *scope == Scope::Everything {
            let statement = "SELECT (SELECT COUNT(*) FROM frontier WHERE due_at <= $1), \
                             (SELECT COUNT(*) FROM operator_mail WHERE state = 'queued')";
            if let Some(row) = sql::fetch_one(&mut connection, statement, values![now]).await? {
                (depths.due, depths.operator_mails) = (row.count(0)?, row.count(1)?);
            }
        }
        Ok(depths)
    }
}
