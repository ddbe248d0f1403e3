//! Sources a page at a time, and what each brought by day. Sources are nobody's: these queries are for those who see all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{cut, page_size};
use crate::domain::source::SourceId;
use crate::ports::store::model::SourceRow;
use crate::ports::store::sources::source_row;
use crate::ports::store::sql::{self, Columns, Statement, values};
use crate::ports::store::{Store, StoreError};

const DAY_MS: i64 = 86_400_000;

/// A page of sources, sorted by id.
#[derive(Debug, Clone)]
pub struct SourcePage {
    /// The sources.
    pub sources: Vec<SourceRow>,
    /// Id of the last one; `None` on the last page.
    pub next: Option<SourceId>,
}

/// What a source brought on one day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DayYield {
    /// Start of the day.
    pub day: Timestamp,
    /// Posts not seen before.
    pub posts: u64,
    /// Of them, those made lately.
    pub fresh: u64,
    /// Visits, of whatever outcome.
    pub visits: u64,
}

impl Store {
    /// Returns a page of sources and how they fare; only those whose id or label holds `text`, if one is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn source_page(
        &self,
        text: Option<&str>,
        (after, limit): (Option<&SourceId>, u32),
        now: Timestamp,
    ) -> Result<SourcePage, StoreError> {
        let limit = page_size(limit);
        let mut statement = select(now);
        statement.bind(" WHERE s.id > ", after.map_or("", |after| after.0.as_str()));
        if let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) {
            let pattern = format!("%{}%", text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_"));
            statement.bind(" AND (LOWER(s.id) LIKE ", &pattern);
            statement.bind(" ESCAPE '!' OR LOWER(s.label) LIKE ", &pattern);
            statement.push(" ESCAPE '!')");
        }
        statement.push(" ORDER BY s.id");
        statement.bind(" LIMIT ", limit + 1);
        let mut connection = self.reader.acquire().await?;
        let rows = statement.fetch(&mut connection).await?;
        let mut sources = rows.iter().map(|row| source_row(row, now)).collect::<Result<Vec<_>, _>>()?;
        let is_more = cut(&mut sources, limit);
        let next = sources.last().filter(|_| is_more).map(|row| row.source.id.clone());
        Ok(SourcePage { sources, next })
    }

    /// Returns one source and how it fares.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn source_row_of(&self, id: &SourceId, now: Timestamp) -> Result<Option<SourceRow>, StoreError> {
        let mut statement = select(now);
        statement.bind(" WHERE s.id = ", &id.0);
        let mut connection = self.reader.acquire().await?;
        statement.fetch(&mut connection).await?.first().map(|row| source_row(row, now)).transpose()
    }

    /// Returns what each of these sources brought by day since then, the oldest day first; days without a visit are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn yields(
        &self,
        sources: &[SourceId],
        since: Timestamp,
    ) -> Result<BTreeMap<SourceId, Vec<DayYield>>, StoreError> {
        let head = "SELECT source, hour_at / 86400000, CAST(SUM(posts) AS BIGINT), CAST(SUM(fresh) AS BIGINT), \
                    CAST(SUM(visits) AS BIGINT) FROM source_hour WHERE hour_at >= $1 AND source IN";
        let ids: Vec<String> = sources.iter().map(|source| source.0.clone()).collect();
        let mut yields: BTreeMap<SourceId, Vec<DayYield>> = BTreeMap::new();
        let mut connection = self.reader.acquire().await?;
        let (groups, fixed) = ((head, "GROUP BY source, hour_at / 86400000"), values![since]);
        for row in sql::fetch_groups(&mut connection, groups, (&fixed, &ids)).await? {
            let day = Timestamp::from_millisecond(row.int(1)? * DAY_MS).unwrap_or(since);
            let of_day = DayYield { day, posts: row.count(2)?, fresh: row.count(3)?, visits: row.count(4)? };
            yields.entry(SourceId(row.text(0)?)).or_default().push(of_day);
        }
        for days in yields.values_mut() {
            days.sort_by_key(|of_day| of_day.day);
        }
        Ok(yields)
    }
}

/// Begins a statement that reads what [`source_row`] reads.
fn select(now: Timestamp) -> Statement {
    let mut statement = Statement::new(
        "SELECT s.id, s.label, s.start_url, s.pace_ms, s.concurrency, s.settings, s.engine, s.added_at, \
         s.last_success_at, s.last_failure, s.last_failure_at, s.paused_at, s.wait_until, s.wait_reason, \
         s.crawl_delay_ms, (SELECT COUNT(*) FROM frontier f WHERE f.source = s.id), ",
    );
    statement.bind("(SELECT COUNT(*) FROM frontier f WHERE f.source = s.id AND f.due_at <= ", now);
    statement.push(
        "), (SELECT COUNT(*) FROM frontier f WHERE f.source = s.id AND f.gone_at IS NOT NULL), \
         (SELECT COUNT(*) FROM post p WHERE p.source = s.id) FROM source s",
    );
    statement
}
