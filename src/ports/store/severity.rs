//! How grave a case is: its facts gathered, weighed by the operator's table, and kept with the case.

use sqlx::AnyConnection;

use super::console::grave;
use super::sql::{self, Columns, values};
use super::watchlists::json;
use super::{Store, StoreError, rates};
use crate::domain::listing::Listing;
use crate::domain::matcher::Ownership;
use crate::domain::severity::Facts;

impl Store {
    /// Weighs a case by what is recorded of it now and by whose its rows are, and keeps the outcome.
    pub(super) async fn weigh(
        &self,
        connection: &mut AnyConnection,
        organization: &str,
        case: &str,
    ) -> Result<(), StoreError> {
        let organization = self.organization(connection, organization).await?;
        let verdict = rates::verdict(connection, &organization, case).await?;
        let verdict = verdict.map_or(Ownership::Unknown, |verdict| verdict.verdict);
        let assessment = self.severity.assess(Facts { verdict, ..facts(connection, case).await? });
        let statement = "UPDATE leak_case SET severity = $1, grave = $2 WHERE id = $3";
        sql::execute(connection, statement, values![json(&assessment)?, grave(assessment.severity), case])
            .await
            .map(drop)
    }
}

/// Posts that offer count: what a post that quotes or asks says of freshness and volume is not the seller's promise.
async fn facts(connection: &mut AnyConnection, case: &str) -> Result<Facts, StoreError> {
    let statement = "SELECT c.offer, (SELECT COUNT(*) FROM case_entry e WHERE e.leak_case = c.id), \
                     (SELECT COALESCE(MAX(h.strength), 0) FROM hit h WHERE h.leak_case = c.id) \
                     FROM leak_case c WHERE c.id = $1";
    let row = sql::fetch_one(connection, statement, values![case]).await?;
    let row = row.ok_or_else(|| StoreError::damaged("case", case))?;
    let statement = "SELECT COALESCE(MAX(p.is_exclusive), 0), COALESCE(MAX(p.is_fresh), 0), COALESCE(MAX(p.volume), 0) \
                     FROM case_sighting s JOIN post p ON p.source = s.source AND p.thread = s.thread AND p.id = s.post \
                     WHERE s.leak_case = $1 AND p.sale >= $2";
    let claims = sql::fetch_one(connection, statement, values![case, Listing::OFFER_FROM]).await?;
    let claim = |index| claims.as_ref().map_or(Ok(0), |row| row.count(index));
    Ok(Facts {
        offer: row.int(0)? != 0,
        exclusive: claim(0)? != 0,
        fresh: claim(1)? != 0,
        volume: claim(2)?,
        entries: row.count(1)?,
        strength: row.count(2)?,
        verdict: Ownership::Unknown,
    })
}
