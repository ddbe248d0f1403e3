//! Moves by people who look at a page that may be older than the case: nobody overwrites what they have not seen.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::{acts, lock, version, within};
use crate::domain::case::State;
use crate::ports::store::console::Scope;
use crate::ports::store::sql::{self, Columns, values};
use crate::ports::store::triage::{Step, append};
use crate::ports::store::{Durability, Store, StoreError};

/// How long after a move its maker may take it back.
const UNDO: SignedDuration = SignedDuration::from_mins(15);

/// What somebody had before their eyes when they decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The case with everything that was done to it up to this row of the audit log.
    Version(i64),
    /// A line that showed this state.
    Seen(State),
}

/// How a decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// It was taken; the audit log's row.
    Done(i64),
    /// Something else was done to the case first; nothing was changed.
    Stale,
}

impl Store {
    /// Moves a case, unless somebody did something to it that the mover has not seen.
    ///
    /// # Errors
    /// `NoSuchCase`, also for one outside the scope; `ImpossibleMove`; when the database fails.
    pub async fn judge_case(
        &self,
        (scope, id): (&Scope, &str),
        (to, expected): (State, Expected),
        (who, why): (&str, &str),
        now: Timestamp,
    ) -> Result<Judged, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        lock(connection, &case.id).await?;
        let from = state(connection, &case.id).await?;
        let is_as_seen = match expected {
            Expected::Version(seen) => version(connection, &case.id).await? == seen,
            Expected::Seen(seen) => from == seen,
        };
        if !is_as_seen {
            return Ok(Judged::Stale);
        }
        if !from.may_move_to(to) {
            return Err(StoreError::ImpossibleMove { id: case.id, from, to });
        }
        let confirmed_at = (to == State::Confirmed).then_some(now);
        let statement = "UPDATE leak_case SET state = $1, first_confirmed_at = COALESCE(first_confirmed_at, $2), \
                         first_acknowledged_at = COALESCE(first_acknowledged_at, $3) WHERE id = $4";
        sql::execute(connection, statement, values![to.as_str(), confirmed_at, now, &case.id]).await?;
        let step = Step { from: from.as_str(), to: to.as_str(), who, why };
        append(connection, (&case.organization, &case.id), step, now).await?;
        sql::execute(
            connection,
            "DELETE FROM pledge WHERE leak_case = $1 AND what = $2",
            values![&case.id, to.as_str()],
        )
        .await?;
        let number = version(connection, &case.id).await?;
        write.commit().await?;
        Ok(Judged::Done(number))
    }

    /// Takes a move back: the last thing that was done to the case, by the same person, a few minutes ago at most. The case
    /// stands where it stood; the clocks that the move started stop. Both rows stay in the audit log. `None` if it is too late.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn undo_move(
        &self,
        (scope, id): (&Scope, &str),
        number: i64,
        (who, why): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<State>, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        lock(connection, &case.id).await?;
        if version(connection, &case.id).await? != number {
            return Ok(None);
        }
        let statement = "SELECT from_state, to_state, who, at FROM case_move WHERE number = $1";
        let row = sql::fetch_one(connection, statement, values![number]).await?;
        let Some(row) = row else { return Ok(None) };
        let (from, to, at) = (State::parse(&row.text(0)?), State::parse(&row.text(1)?), row.time(3)?);
        let (Some(from), Some(to)) = (from, to) else { return Ok(None) };
        if row.text(2)? != who || at + UNDO < now || from == to {
            return Ok(None);
        }
        let statement = "UPDATE leak_case SET state = $1, \
                         first_confirmed_at = CASE WHEN first_confirmed_at = $2 THEN NULL ELSE first_confirmed_at END, \
                         first_acknowledged_at = CASE WHEN first_acknowledged_at = $2 THEN NULL ELSE first_acknowledged_at END \
                         WHERE id = $3";
        sql::execute(connection, statement, values![from.as_str(), at, &case.id]).await?;
        let step = Step { from: to.as_str(), to: from.as_str(), who, why };
        append(connection, (&case.organization, &case.id), step, now).await?;
        write.commit().await?;
        Ok(Some(from))
    }

    /// Gives a case to somebody, or to nobody.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn assign_case(
        &self,
        (scope, id): (&Scope, &str),
        (assignee, expected): (Option<&str>, i64),
        who: &str,
        now: Timestamp,
    ) -> Result<Judged, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = within(connection, scope, id).await?;
        lock(connection, &case.id).await?;
        if version(connection, &case.id).await? != expected {
            return Ok(Judged::Stale);
        }
        let statement = "UPDATE leak_case SET assignee = $1 WHERE id = $2";
        sql::execute(connection, statement, values![assignee, &case.id]).await?;
        let step = Step { from: "", to: acts::ASSIGNED, who, why: assignee.unwrap_or("–") };
        append(connection, (&case.organization, &case.id), step, now).await?;
        let number = version(connection, &case.id).await?;
        write.commit().await?;
        Ok(Judged::Done(number))
    }
}

async fn state(connection: &mut AnyConnection, case: &str) -> Result<State, StoreError> {
    let row = sql::fetch_one(connection, "SELECT state FROM leak_case WHERE id = $1", values![case]).await?;
    let word = row.ok_or_else(|| StoreError::NoSuchCase { id: case.to_owned() })?.text(0)?;
    State::parse(&word).ok_or_else(|| StoreError::damaged("case", case))
}
