//! What is left at a case: notes, silenced entries, what waits for a second person.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{acts, lock, within};
use crate::ports::store::console::Scope;
use crate::ports::store::sql::{self, Columns, values};
use crate::ports::store::triage::{Step, append};
use crate::ports::store::{Durability, Store, StoreError, ids};

/// What somebody wrote down at a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// The text, as it was typed.
    pub text: String,
}

/// An entry that is not looked for on a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// `canary`, `fingerprint`, `anchor`.
    pub kind: String,
    /// Its id.
    pub entry: String,
    /// The source.
    pub source: String,
    /// Since when.
    pub since: Timestamp,
    /// Who said so.
    pub who: String,
    /// Why.
    pub why: String,
}

/// Something that a second person must agree to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pledge {
    /// `confirmed`, `reveal`.
    pub what: String,
    /// Who asked for it.
    pub who: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// Who agreed.
    pub seconded: Option<Consent>,
}

/// A second person's consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// Whose.
    pub who: String,
    /// Since when.
    pub at: Timestamp,
}

impl Store {
    /// Writes a note down at a case.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn add_note(
        &self,
        (scope, id): (&Scope, &str),
        (who, text): (&str, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        let at = now.as_millisecond().to_string();
        let note = format!("N-{}", ids::base32(&["note/1", &case.id, who, text, &at], 16));
        let sealed = self.seal_text(text, &context(&note))?;
        let statement = "INSERT INTO case_note (id, leak_case, organization, at, who, sealed_text) \
                         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING";
        sql::execute(connection, statement, values![&note, &case.id, &case.organization, now, who, sealed]).await?;
        lock(connection, &case.id).await?;
        write.commit().await
    }

    /// Returns the notes of cases, the oldest first.
    pub(super) async fn notes_of(
        &self,
        connection: &mut AnyConnection,
        cases: &[String],
    ) -> Result<Vec<Note>, StoreError> {
        let head = "SELECT id, at, who, sealed_text FROM case_note WHERE leak_case IN";
        let mut notes = Vec::new();
        for row in sql::fetch_in(connection, head, &[], cases).await? {
            let text = self.open_text(&row.bytes(3)?, &context(&row.text(0)?))?.reveal().clone();
            notes.push(Note { at: row.time(1)?, who: row.text(2)?, text });
        }
        notes.sort_by_key(|note| note.at);
        Ok(notes)
    }

    /// Stops looking for a case's entries on a source: what is found of them there from now on is not recorded. Returns how
    /// many entries that are.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn silence_entries(
        &self,
        (scope, id): (&Scope, &str),
        source: &str,
        (who, why): (&str, &str),
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        let statement = "SELECT DISTINCT kind, entry FROM hit WHERE leak_case = $1 AND source = $2";
        let rows = sql::fetch(connection, statement, values![&case.id, source]).await?;
        let entries =
            rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<Vec<_>, StoreError>>()?;
        let silences = entries
            .into_iter()
            .map(|(kind, entry)| values![&case.organization, kind, entry, source, &case.id, now, who, why])
            .collect();
        let head = "INSERT INTO silence (organization, kind, entry, source, leak_case, since, who, why) VALUES";
        let tail = "ON CONFLICT (organization, source, kind, entry) DO NOTHING";
        let count = sql::insert(connection, (head, tail), silences).await?;
        if count > 0 {
            let why = format!("{count} entries on {source}: {why}");
            let step = Step { from: "", to: acts::SILENCED, who, why: &why };
            append(connection, (&case.organization, &case.id), step, now).await?;
        }
        write.commit().await?;
        Ok(count)
    }

    /// Looks for what was silenced in a case again; returns how many entries that are.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn unsilence_entries(
        &self,
        (scope, id): (&Scope, &str),
        (who, why): (&str, &str),
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        let ended = sql::execute(connection, "DELETE FROM silence WHERE leak_case = $1", values![&case.id]).await?;
        if ended > 0 {
            let why = format!("{ended} entries: {why}");
            let step = Step { from: "", to: acts::UNSILENCED, who, why: &why };
            append(connection, (&case.organization, &case.id), step, now).await?;
        }
        write.commit().await?;
        Ok(ended)
    }

    /// Asks for something that a second person must agree to. Asking again changes the reason.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn pledge(
        &self,
        (scope, id): (&Scope, &str),
        what: &str,
        (who, why): (&str, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        let statement = "INSERT INTO pledge (leak_case, what, who, why, at) VALUES ($1, $2, $3, $4, $5) \
                         ON CONFLICT (leak_case, what, who) DO UPDATE SET why = excluded.why, at = excluded.at, \
                         seconded_by = NULL, seconded_at = NULL";
        sql::execute(connection, statement, values![&case.id, what, who, why, now]).await?;
        let why = format!("{what}: {why}");
        append(connection, (&case.organization, &case.id), Step { from: "", to: acts::PLEDGED, who, why: &why }, now)
            .await?;
        write.commit().await
    }

    /// Returns what waits at a case for a second person.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn pledges(&self, (scope, id): (&Scope, &str)) -> Result<Vec<Pledge>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let case = within(&mut connection, scope, id).await?;
        pledges_of(&mut connection, &case.id).await
    }

    /// Agrees to what another person has asked for; false if nothing of the kind was asked by anybody else.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn second(
        &self,
        (scope, id): (&Scope, &str),
        (what, asker): (&str, &str),
        who: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        let statement = "UPDATE pledge SET seconded_by = $1, seconded_at = $2 \
                         WHERE leak_case = $3 AND what = $4 AND who = $5 AND who <> $1";
        let seconded = sql::execute(connection, statement, values![who, now, &case.id, what, asker]).await?;
        if seconded > 0 {
            let why = format!("{what}, asked for by {asker}");
            let step = Step { from: "", to: acts::SECONDED, who, why: &why };
            append(connection, (&case.organization, &case.id), step, now).await?;
        }
        write.commit().await?;
        Ok(seconded > 0)
    }
}

/// Returns what a case's silences are.
pub(super) async fn silences_of(connection: &mut AnyConnection, case: &str) -> Result<Vec<Silence>, StoreError> {
    let statement = "SELECT kind, entry, source, since, who, why FROM silence WHERE leak_case = $1 \
                     ORDER BY source, kind, entry";
    let rows = sql::fetch(connection, statement, values![case]).await?;
    let silence = |row: &AnyRow| {
        Ok(Silence {
            kind: row.text(0)?,
            entry: row.text(1)?,
            source: row.text(2)?,
            since: row.time(3)?,
            who: row.text(4)?,
            why: row.text(5)?,
        })
    };
    rows.iter().map(silence).collect()
}

/// Returns what waits at a case for a second person.
pub(super) async fn pledges_of(connection: &mut AnyConnection, case: &str) -> Result<Vec<Pledge>, StoreError> {
    let statement = "SELECT what, who, why, at, seconded_by, seconded_at FROM pledge WHERE leak_case = $1 ORDER BY at";
    let rows = sql::fetch(connection, statement, values![case]).await?;
    let pledge = |row: &AnyRow| {
        Ok(Pledge {
            what: row.text(0)?,
            who: row.text(1)?,
            why: row.text(2)?,
            at: row.time(3)?,
            seconded: row.maybe_text(4)?.zip(row.maybe_time(5)?).map(|(who, at)| Consent { who, at }),
        })
    };
    rows.iter().map(pledge).collect()
}

/// Returns the entries of an organization that are not looked for on a source, as kind and id.
pub(in crate::ports::store) async fn silenced(
    connection: &mut AnyConnection,
    organization: &str,
    source: &str,
) -> Result<BTreeSet<(String, String)>, StoreError> {
    let statement = "SELECT kind, entry FROM silence WHERE organization = $1 AND source = $2";
    let rows = sql::fetch(connection, statement, values![organization, source]).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
}

/// What a note's text is sealed for.
pub(in crate::ports::store) fn context(note: &str) -> String {
    format!("case_note/{note}")
}
