//! What a case found, as far as it tells whose copy leaked.

use jiff::Timestamp;

use super::cases::living;
use super::sql::{self, Columns, values};
use super::{Store, StoreError};
use crate::domain::watchlist::OrganizationId;

/// The entries of a case, each once, however often it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFinds {
    /// Id of the living case.
    pub case: String,
    /// Owner.
    pub organization: OrganizationId,
    /// Canaries by id, with the most information, in bits, of one row's fields.
    pub canaries: Vec<(String, u32)>,
    /// Entries of other kinds.
    pub others: u64,
    /// The earliest time at which the rows were in the open: the first post, or the first match.
    pub published_by: Timestamp,
}

impl Store {
    /// Returns what a case found; the id of a merged case leads to the one it is part of.
    ///
    /// # Errors
    /// When the database fails. A case that is not there is `None`.
    pub async fn case_finds(&self, id: &str) -> Result<Option<CaseFinds>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let case = match living(&mut connection, id).await {
            Ok(case) => case,
            Err(StoreError::NoSuchCase { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let statement = "SELECT first_posted_at, first_matched_at FROM leak_case WHERE id = $1";
        let row = sql::fetch_one(&mut connection, statement, values![&case.id]).await?;
        let row = row.ok_or_else(|| StoreError::damaged("case", &case.id))?;
        let (posted_at, matched_at) = (row.maybe_time(0)?, row.time(1)?);
        let statement = "SELECT e.entry, CAST(COALESCE(MAX(h.strength), 0) AS BIGINT) FROM case_entry e \
                         LEFT JOIN hit h ON h.leak_case = e.leak_case AND h.kind = e.kind AND h.entry = e.entry \
                         WHERE e.leak_case = $1 AND e.kind = 'canary' GROUP BY e.entry";
        let mut canaries = Vec::new();
        for row in sql::fetch(&mut connection, statement, values![&case.id]).await? {
            canaries.push((row.text(0)?, u32::try_from(row.count(1)?).unwrap_or(u32::MAX)));
        }
        canaries.sort_unstable();
        let statement = "SELECT COUNT(*) FROM case_entry WHERE leak_case = $1 AND kind <> 'canary'";
        let others = sql::fetch_one(&mut connection, statement, values![&case.id]).await?;
        Ok(Some(CaseFinds {
            organization: OrganizationId(case.organization),
            canaries,
            others: others.map_or(Ok(0), |row| row.count(0))?,
            published_by: posted_at.map_or(matched_at, |posted_at| posted_at.min(matched_at)),
            case: case.id,
        }))
    }
}
