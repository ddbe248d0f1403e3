//! Analysts' moves and the audit log: append-only, each row's hash covers the row before it.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::ledger::{self, Note};
use super::model::CaseMove;
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError, ids};
use crate::domain::case::State;
use crate::domain::evidence::ledger::Kind;
use crate::domain::watchlist::OrganizationId;

/// What a row of the audit log says that concerns no case, but a mint.
const COMMITTED: &str = "committed";

/// One step of a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) who: &'a str,
    pub(super) why: &'a str,
}

/// What checking the audit log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every row follows from the one before; so many there are.
    Whole {
        /// Rows checked.
        rows: u64,
    },
    /// A row was changed, removed or put in.
    Broken {
        /// The first row that does not follow.
        number: i64,
    },
}

impl Store {
    /// Moves a case and writes who, when and why into the audit log. A merged case's id moves the case it is part of.
    ///
    /// # Errors
    /// `NoSuchCase`, or `ImpossibleMove`, which lists what is possible from where the case stands.
    pub async fn move_case(
        &self,
        id: &str,
        to: State,
        (who, why): (&str, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = super::cases::living(connection, id).await?;
        // The lock first: two analysts who move one case follow each other.
        let statement = "UPDATE leak_case SET revision = revision + 1 WHERE id = $1";
        sql::execute(connection, statement, values![&case.id]).await?;
        let statement = "SELECT state FROM leak_case WHERE id = $1";
        let row = sql::fetch_one(connection, statement, values![&case.id]).await?;
        let word = row.ok_or_else(|| StoreError::NoSuchCase { id: id.to_owned() })?.text(0)?;
        let from = State::parse(&word).ok_or_else(|| StoreError::damaged("case", &case.id))?;
        if !from.may_move_to(to) {
            return Err(StoreError::ImpossibleMove { id: case.id, from, to });
        }
        let confirmed_at = (to == State::Confirmed).then_some(now);
        let statement = "UPDATE leak_case SET state = $1, first_confirmed_at = COALESCE(first_confirmed_at, $2), \
                         first_acknowledged_at = COALESCE(first_acknowledged_at, $3) WHERE id = $4";
        sql::execute(connection, statement, values![to.as_str(), confirmed_at, now, &case.id]).await?;
        let step = Step { from: from.as_str(), to: to.as_str(), who, why };
        append(connection, (&case.organization, &case.id), step, now).await?;
        write.commit().await
    }

    /// Writes the root that commits to a mint's table into the audit log, unless it is there: what was planted is fixed
    /// from then on. Returns whether it was new.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commit_mint(
        &self,
        organization: &OrganizationId,
        (mint, root): (&str, &str),
        who: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        lock_head(connection).await?;
        let why = format!("mint {mint}, root {root}");
        let statement = "SELECT COUNT(*) FROM case_move WHERE organization = $1 AND leak_case = '' AND why = $2";
        let known = sql::fetch_one(connection, statement, values![&organization.0, &why]).await?;
        if known.map_or(Ok(0), |row| row.count(0))? > 0 {
            return Ok(false);
        }
        let step = Step { from: "", to: COMMITTED, who, why: &why };
        append(connection, (&organization.0, ""), step, now).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Returns the audit log's commitments of an organization, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commitments(&self, organization: &OrganizationId) -> Result<Vec<CaseMove>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let statement = "SELECT number, at, leak_case, from_state, to_state, who, why, hash FROM case_move \
                         WHERE organization = $1 AND leak_case = '' ORDER BY number";
        let rows = sql::fetch(&mut connection, statement, values![&organization.0]).await?;
        rows.iter().map(case_move).collect()
    }

    /// Recomputes the audit log's hashes from its first row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let statement = "SELECT number, at, organization, leak_case, from_state, to_state, who, why, previous_hash, hash, \
                         (SELECT content FROM meta WHERE name = 'audit_head') FROM case_move ORDER BY number";
        let mut previous = String::new();
        let mut number = 0;
        let mut head = None;
        for row in sql::fetch(&mut connection, statement, values![]).await? {
            number += 1;
            let (from, to, who, why) = (row.text(4)?, row.text(5)?, row.text(6)?, row.text(7)?);
            let step = Step { from: &from, to: &to, who: &who, why: &why };
            let place = (row.text(2)?, row.text(3)?);
            let hash = chain(&previous, (number, row.time(1)?), (&place.0, &place.1), step);
            if row.int(0)? != number || row.text(8)? != previous || row.text(9)? != hash {
                return Ok(AuditVerdict::Broken { number });
            }
            previous = hash;
            head = row.maybe_text(10)?;
        }
        // The last rows may be missing: the head names the last one written.
        let head = match head {
            Some(head) => head,
            None => read_head(&mut connection).await?,
        };
        if head == format!("{number}:{previous}") {
            Ok(AuditVerdict::Whole { rows: u64::try_from(number).unwrap_or(0) })
        } else {
            Ok(AuditVerdict::Broken { number: number + 1 })
        }
    }
}

/// Writes a row at the end of the audit log.
pub(super) async fn append(
    connection: &mut AnyConnection,
    (organization, case): (&str, &str),
    step: Step<'_>,
    at: Timestamp,
) -> Result<(), StoreError> {
    lock_head(connection).await?;
    let head = read_head(connection).await?;
    let (number, previous) = head.split_once(':').ok_or_else(|| StoreError::damaged("audit log", "head"))?;
    let number = number.parse::<i64>().map_err(|_| StoreError::damaged("audit log", "head"))?.saturating_add(1);
    let hash = chain(previous, (number, at), (organization, case), step);
    let statement = "INSERT INTO case_move (number, at, organization, leak_case, from_state, to_state, who, why, \
                     previous_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let values = values![number, at, organization, case, step.from, step.to, step.who, step.why, previous, &hash];
    sql::execute(connection, statement, values).await?;
    let statement = "UPDATE meta SET content = $1 WHERE name = 'audit_head'";
    sql::execute(connection, statement, values![format!("{number}:{hash}")]).await?;
    let subject = number.to_string();
    let kind = if step.to == COMMITTED { Kind::Commitment } else { Kind::Move };
    let note = Note { kind, organization, subject: &subject, digest: &hash };
    ledger::append(connection, &[note], at).await
}

/// Returns the rows of the audit log that concern these cases, the oldest first.
pub(super) async fn moves_of(connection: &mut AnyConnection, cases: &[String]) -> Result<Vec<CaseMove>, StoreError> {
    let head = "SELECT number, at, leak_case, from_state, to_state, who, why, hash FROM case_move WHERE leak_case IN";
    let mut moves = Vec::new();
    for row in sql::fetch_in(connection, head, &[], cases).await? {
        moves.push(case_move(&row)?);
    }
    moves.sort_by_key(|step| step.number);
    Ok(moves)
}

pub(super) fn case_move(row: &AnyRow) -> Result<CaseMove, StoreError> {
    Ok(CaseMove {
        number: row.int(0)?,
        at: row.time(1)?,
        case: row.text(2)?,
        from: row.text(3)?,
        to: row.text(4)?,
        who: row.text(5)?,
        why: row.text(6)?,
        hash: row.text(7)?,
    })
}

/// Writing the head first locks it: rows follow each other without gaps.
async fn lock_head(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let statement = "UPDATE meta SET content = content WHERE name = 'audit_head'";
    sql::execute(connection, statement, values![]).await.map(drop)
}

async fn read_head(connection: &mut AnyConnection) -> Result<String, StoreError> {
    let row = sql::fetch_one(connection, "SELECT content FROM meta WHERE name = 'audit_head'", values![]).await?;
    row.ok_or_else(|| StoreError::damaged("audit log", "head"))?.text(0)
}

fn chain(previous: &str, (number, at): (i64, Timestamp), (organization, case): (&str, &str), step: Step<'_>) -> String {
    let (number, at) = (number.to_string(), at.as_millisecond().to_string());
    ids::digest(&["move/1", previous, &number, &at, organization, case, step.from, step.to, step.who, step.why])
}
