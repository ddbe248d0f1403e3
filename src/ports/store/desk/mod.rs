//! The analyst's desk: what people do to cases from the console, and what they leave at them.
//!
//! Everything takes the scope of who asks; a case outside of it is `NoSuchCase`. What changes a case goes into the audit log.
//! Not here: reading lists (`console`), merging and splitting (`triage`).

pub(super) mod asides;
mod exhibits;
mod judging;
mod sheet;

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::cases::{Living, living};
use super::console::Scope;
use super::sql::{self, Columns, values};
use super::triage::{Step, append};
use super::{Durability, Store, StoreError};

pub(super) use asides::silenced;
pub use asides::{Consent, Note, Pledge, Silence};
pub use judging::{Expected, Judged};
pub use sheet::CaseSheet;

/// What divides an id from its label, and one source from the next: characters that nobody types.
const NAME_ENDS: &str = "\u{1f}";
const ROW_ENDS: &str = "\u{1e}";

/// What the audit log calls what people do besides moving a case. None is the word of a state.
pub mod acts {
    /// Somebody looks after the case.
    pub const ASSIGNED: &str = "assigned";
    /// Full values were shown.
    pub const REVEALED: &str = "revealed";
    /// Evidence was taken away.
    pub const DOWNLOADED: &str = "downloaded";
    /// Entries are not looked for on a source any more.
    pub const SILENCED: &str = "silenced";
    /// They are looked for again.
    pub const UNSILENCED: &str = "unsilenced";
    /// Something was asked for that a second person must agree to.
    pub const PLEDGED: &str = "pledged";
    /// A second person agreed.
    pub const SECONDED: &str = "seconded";
}

/// Finds the living case of an id; one outside the scope is not there.
pub(super) async fn within(connection: &mut AnyConnection, scope: &Scope, id: &str) -> Result<Living, StoreError> {
    let case = living(connection, id).await?;
    if scope.covers(&case.organization) { Ok(case) } else { Err(StoreError::NoSuchCase { id: id.to_owned() }) }
}

/// Returns the number of the audit log's last row about a case: what two people who work on it compare.
pub(super) async fn version(connection: &mut AnyConnection, case: &str) -> Result<i64, StoreError> {
    let statement = "SELECT COALESCE(MAX(number), 0) FROM case_move WHERE leak_case = $1";
    sql::fetch_one(connection, statement, values![case]).await?.map_or(Ok(0), |row| row.int(0))
}

/// Locks a case: two people who change it follow each other.
pub(super) async fn lock(connection: &mut AnyConnection, case: &str) -> Result<(), StoreError> {
    let statement = "UPDATE leak_case SET revision = revision + 1 WHERE id = $1";
    sql::execute(connection, statement, values![case]).await.map(drop)
}

impl Store {
    /// Notes an act on a case in the audit log ([`acts`]); returns the row's number.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn note_act(
        &self,
        (scope, id): (&Scope, &str),
        act: &str,
        (who, why): (&str, &str),
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        append(connection, (&case.organization, &case.id), Step { from: "", to: act, who, why }, now).await?;
        let number = version(connection, &case.id).await?;
        write.commit().await?;
        Ok(number)
    }

    /// Returns the number of the audit log's last row about a case; it grows with everything that people do to it.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn case_version(&self, (scope, id): (&Scope, &str)) -> Result<i64, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let case = within(&mut connection, scope, id).await?;
        version(&mut connection, &case.id).await
    }

    /// Returns who looks after these cases, by id; those that nobody looks after, or outside the scope, are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn assignees(&self, scope: &Scope, ids: &[String]) -> Result<BTreeMap<String, String>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let head = "SELECT id, assignee FROM leak_case WHERE assignee IS NOT NULL AND ($1 = '' OR organization = $1) \
                    AND id IN";
        let rows = sql::fetch_in(&mut connection, head, &[scope.organization().into()], ids).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Returns the open cases that somebody looks after, the newest first, `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cases_of(&self, scope: &Scope, assignee: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let statement = "SELECT id FROM leak_case WHERE assignee = $1 AND merged_into IS NULL \
                         AND ($2 = '' OR organization = $2) AND state NOT IN ('false_positive', 'closed') \
                         ORDER BY first_matched_at DESC, id LIMIT $3";
        let rows = sql::fetch(&mut connection, statement, values![assignee, scope.organization(), limit]).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Notes that somebody looked at a case's evidence.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn note_viewing(
        &self,
        (scope, id): (&Scope, &str),
        (who, what): (&str, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        let statement = "INSERT INTO viewing (at, who, organization, leak_case, what) VALUES ($1, $2, $3, $4, $5)";
        sql::execute(connection, statement, values![now, who, &case.organization, &case.id, what]).await?;
        write.commit().await
    }

    /// Returns who looked at a case's evidence, when and at what; the latest first, `limit` at most.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn viewings(
        &self,
        (scope, id): (&Scope, &str),
        limit: u32,
    ) -> Result<Vec<(Timestamp, String, String)>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let case = within(&mut connection, scope, id).await?;
        let statement = "SELECT at, who, what FROM viewing WHERE leak_case = $1 ORDER BY at DESC LIMIT $2";
        let rows = sql::fetch(&mut connection, statement, values![&case.id, limit]).await?;
        rows.iter().map(|row| Ok((row.time(0)?, row.text(1)?, row.text(2)?))).collect()
    }

    /// Returns id and label of the sources by which cases may be filtered: all of them, or those where an organization's cases
    /// were seen; by label.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn source_names(&self, scope: &Scope) -> Result<Vec<(String, String)>, StoreError> {
        // As one text: every page that lists cases asks, and hundreds of rows take longer to unpack than to find. Sources are
        // few, and what an organization has of one is the beginning of a key: `OFFSET` has PostgreSQL ask for each.
        let statement = "SELECT STRING_AGG(n.id || $2 || n.label, $3) FROM (SELECT r.id, r.label FROM source r \
                         WHERE $1 = '' OR EXISTS (SELECT 1 FROM case_sighting s WHERE s.organization = $1 \
                         AND s.source = r.id LIMIT 1 OFFSET 0) ORDER BY r.label, r.id LIMIT 500) AS n";
        let values = values![scope.organization(), NAME_ENDS, ROW_ENDS];
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values).await?;
        let names = row.map(|row| row.maybe_text(0)).transpose()?.flatten().unwrap_or_default();
        let pairs = names.split(ROW_ENDS).filter_map(|pair| pair.split_once(NAME_ENDS));
        Ok(pairs.map(|(id, label)| (id.to_owned(), label.to_owned())).collect())
    }

    /// Saves a filter under a name of the user's own; an empty query forgets it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_filter(&self, user: &str, (name, query): (&str, &str)) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = "DELETE FROM saved_filter WHERE console_user = $1 AND name = $2";
        sql::execute(connection, statement, values![user, name]).await?;
        if !query.is_empty() {
            let statement = "INSERT INTO saved_filter (console_user, name, query) VALUES ($1, $2, $3)";
            sql::execute(connection, statement, values![user, name, query]).await?;
        }
        write.commit().await
    }

    /// Returns a user's saved filters, name and query, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn saved_filters(&self, user: &str) -> Result<Vec<(String, String)>, StoreError> {
        let statement = "SELECT name, query FROM saved_filter WHERE console_user = $1 ORDER BY name";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![user]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }
}
