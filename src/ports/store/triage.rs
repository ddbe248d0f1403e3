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
use crate::domain::source::Zone;
use crate::domain::watchlist::{Language, OrganizationId};

/// What a row of the audit log says that concerns no case, but a mint.
const COMMITTED: &str = "committed";

/// Where a case goes that becomes part of another.
pub(super) const MERGED: &str = "merged";

/// One step of a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) who: &'a str,
    pub(super) why: &'a str,
}

/// What an alert told of.
#[derive(Debug, Clone)]
pub struct Told {
    /// Whose cases.
    pub organization: String,
    /// Who was told.
    pub contact: String,
    /// The organization's language.
    pub language: Language,
    /// Its time zone.
    pub zone: Zone,
    /// The cases, with since when somebody looks after them; `None` for those that nobody has acknowledged.
    pub cases: Vec<(String, Option<Timestamp>)>,
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
        let from = locked_state(connection, &case.id).await?;
        if !from.may_move_to(to) {
            return Err(StoreError::ImpossibleMove { id: case.id, from, to });
        }
        advance(connection, (&case.organization, &case.id), (from, to), (who, why), now).await?;
        write.commit().await
    }

    /// Returns what an alert told of, as far as acknowledging it needs; `None` if there is no such alert.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn told_by(&self, alert: &str) -> Result<Option<Told>, StoreError> {
        self.read_told(&mut *self.reader.acquire().await?, alert).await
    }

    /// Moves every case that an alert told of, and that nobody has looked at yet, to acknowledged, in the name of the contact
    /// that got it. Doing it again changes nothing. Returns how things stood before; `None` if there is no such alert.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn acknowledge(&self, alert: &str, why: &str, now: Timestamp) -> Result<Option<Told>, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let Some(told) = self.read_told(connection, alert).await? else { return Ok(None) };
        for (case, _) in &told.cases {
            if locked_state(connection, case).await? == State::New {
                let step = (State::New, State::Acknowledged);
                advance(connection, (&told.organization, case), step, (&told.contact, why), now).await?;
            }
        }
        write.commit().await?;
        Ok(Some(told))
    }

    async fn read_told(&self, connection: &mut AnyConnection, alert: &str) -> Result<Option<Told>, StoreError> {
        let statement = "SELECT DISTINCT COALESCE(c.merged_into, c.id), a.organization, a.contact FROM alert a \
                         JOIN leak_case c ON c.id = a.leak_case WHERE a.id = $1 OR a.bundle = $1 ORDER BY 1";
        let rows = sql::fetch(connection, statement, values![alert]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let (organization, contact) = (first.text(1)?, first.text(2)?);
        let mut cases = Vec::new();
        for row in &rows {
            let case = row.text(0)?;
            let statement = "SELECT state, first_acknowledged_at FROM leak_case WHERE id = $1";
            let found = sql::fetch_one(connection, statement, values![&case]).await?;
            let found = found.ok_or_else(|| StoreError::damaged("case", &case))?;
            let is_new = found.text(0)? == State::New.as_str();
            let seen_at = found.maybe_time(1)?.filter(|_| !is_new);
            cases.push((case, (!is_new).then(|| seen_at.unwrap_or(Timestamp::UNIX_EPOCH))));
        }
        let enrolled = self.organization(connection, &organization).await?;
        let zone = enrolled.alerts.quiet.zone;
        Ok(Some(Told { organization, contact, language: enrolled.language, zone, cases }))
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

    /// Returns what changes with every row of the audit log, and what with every change to a watchlist; neither with anything
    /// else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revisions(&self) -> Result<(String, i64), StoreError> {
        let statement = "SELECT a.content, CAST(w.content AS BIGINT) FROM meta a CROSS JOIN meta w \
                         WHERE a.name = 'audit_head' AND w.name = 'watchlist_revision'";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![]).await?;
        let row = row.ok_or_else(|| StoreError::damaged("meta", "marks"))?;
        Ok((row.text(0)?, row.int(1)?))
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

/// Locks a case, so that two who move it follow each other, and returns where it stands.
async fn locked_state(connection: &mut AnyConnection, case: &str) -> Result<State, StoreError> {
    let statement = "UPDATE leak_case SET revision = revision + 1 WHERE id = $1";
    sql::execute(connection, statement, values![case]).await?;
    let row = sql::fetch_one(connection, "SELECT state FROM leak_case WHERE id = $1", values![case]).await?;
    let word = row.ok_or_else(|| StoreError::NoSuchCase { id: case.to_owned() })?.text(0)?;
    State::parse(&word).ok_or_else(|| StoreError::damaged("case", case))
}

/// Moves a case that is locked.
async fn advance(
    connection: &mut AnyConnection,
    (organization, case): (&str, &str),
    (from, to): (State, State),
    (who, why): (&str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    let confirmed_at = (to == State::Confirmed).then_some(now);
    let statement = "UPDATE leak_case SET state = $1, first_confirmed_at = COALESCE(first_confirmed_at, $2), \
                     first_acknowledged_at = COALESCE(first_acknowledged_at, $3) WHERE id = $4";
    sql::execute(connection, statement, values![to.as_str(), confirmed_at, now, case]).await?;
    let step = Step { from: from.as_str(), to: to.as_str(), who, why };
    append(connection, (organization, case), step, now).await
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
