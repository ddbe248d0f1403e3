//! What stands behind a case, a page at a time: where hits lie in what was captured, and what was planted.

use std::collections::{BTreeMap, BTreeSet};

use super::within;
use crate::domain::evidence::{Capture, Exhibit};
use crate::domain::secret::Secret;
use crate::domain::watchlist::Canary;
use crate::ports::store::console::Scope;
use crate::ports::store::sql::{self, Columns, values};
use crate::ports::store::watchlists::{canary_context, parse};
use crate::ports::store::{Store, StoreError};

impl Store {
    /// Returns where the first hits of a case lie, `limit` at most, and what was captured there, by its id.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails or a capture does not open.
    pub async fn first_exhibits(
        &self,
        (scope, id): (&Scope, &str),
        limit: u32,
    ) -> Result<(Vec<Exhibit>, BTreeMap<String, Capture>), StoreError> {
        let mut connection = self.reader.acquire().await?;
        let case = within(&mut connection, scope, id).await?;
        let statement = "SELECT x.document, x.hit FROM hit h JOIN capture_hit x ON x.hit = h.id \
                         WHERE h.leak_case = $1 AND x.organization = $2 ORDER BY h.seen_at, h.id LIMIT $3";
        let rows = sql::fetch(&mut connection, statement, values![&case.id, &case.organization, limit]).await?;
        let exhibits = rows
            .iter()
            .map(|row| parse("exhibit", &row.text(1)?, &row.text(0)?))
            .collect::<Result<Vec<Exhibit>, _>>()?;
        let ids: BTreeSet<String> = exhibits.iter().map(|exhibit| exhibit.capture.clone()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let head = "SELECT id, sealed_document FROM capture WHERE purged_at IS NULL AND id IN";
        let mut captures = BTreeMap::new();
        for row in sql::fetch_in(&mut connection, head, &[], &ids).await? {
            captures.insert(row.text(0)?, self.capture(&row)?);
        }
        Ok((exhibits, captures))
    }

    /// Returns the planted values of canaries of a case's organization, by the canary's id and field. To be shown only to
    /// somebody who has said why.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails or a canary does not open.
    pub async fn planted_values(
        &self,
        (scope, id): (&Scope, &str),
        canaries: &[String],
    ) -> Result<BTreeMap<(String, String), Secret<String>>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let case = within(&mut connection, scope, id).await?;
        let head = "SELECT id, sealed_document FROM canary WHERE organization = $1 AND id IN";
        let mut planted = BTreeMap::new();
        for row in sql::fetch_in(&mut connection, head, &[(&case.organization).into()], canaries).await? {
            let name = row.text(0)?;
            let document = self.open_text(&row.bytes(1)?, &canary_context(&case.organization, &name))?;
            let canary: Canary = parse("canary", &name, document.reveal())?;
            for (field, value) in canary.fields.iter() {
                planted.insert((name.clone(), field.to_owned()), Secret::new(value.to_owned()));
            }
        }
        Ok(planted)
    }
}
