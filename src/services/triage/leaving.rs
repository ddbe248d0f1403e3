//! What is done at a case besides moving it: notes, who looks after it, silences, holds, a second person's consent.

use jiff::Timestamp;

use super::{Decided, Judge, REVEAL, TriageError, WHO_LIMIT, WHY_LIMIT, said};
use crate::ports::store::{Store, StoreError};

/// Longest note, in characters.
const NOTE_LIMIT: usize = 20_000;
/// What the audit log says where nobody said why.
const UNSAID: &str = "–";

/// Writes a note down at a case.
///
/// # Errors
/// `Unsaid` or `TooLong`; `Store` for an unknown case.
pub async fn note(
    store: &Store,
    judge: Judge<'_>,
    id: &str,
    (text, now): (&str, Timestamp),
) -> Result<(), TriageError> {
    let is_kept = |character: &char| *character == '\n' || !character.is_control();
    let text: String = text.replace("\r\n", "\n").trim().chars().filter(is_kept).collect();
    if text.is_empty() {
        return Err(TriageError::Unsaid("anything"));
    }
    if text.chars().count() > NOTE_LIMIT {
        return Err(TriageError::TooLong { what: "a note", limit: NOTE_LIMIT });
    }
    Ok(store.add_note((judge.scope, id), (judge.who, &text), now).await?)
}

/// Takes the judge's own last move back; returns whether it was not too late for that.
///
/// # Errors
/// `Store` for an unknown case.
pub async fn undo(
    store: &Store,
    judge: Judge<'_>,
    (id, number): (&str, i64),
    now: Timestamp,
) -> Result<bool, TriageError> {
    let undone = store.undo_move((judge.scope, id), number, (judge.who, "taken back"), now).await?;
    Ok(undone.is_some())
}

/// Gives a case to somebody who may see it, or to nobody, unless something was done to it that the judge has not seen.
///
/// # Errors
/// `Forbidden` for the role; `Assignee`; `Store` for an unknown case.
pub async fn assign(
    store: &Store,
    judge: Judge<'_>,
    id: &str,
    (assignee, seen): (Option<&str>, i64),
    now: Timestamp,
) -> Result<Decided, TriageError> {
    judge.must_judge()?;
    let missing = || StoreError::NoSuchCase { id: id.to_owned() };
    let (id, organization) = store.find_case(judge.scope, id).await?.ok_or_else(missing)?;
    if let Some(name) = assignee {
        let user = store.user(name).await?.filter(|user| user.name == name && user.disabled_at.is_none());
        if user.is_none_or(|user| !user.scope().covers(&organization.0)) {
            return Err(TriageError::Assignee(name.to_owned()));
        }
    }
    Ok(store.assign_case((judge.scope, &id), (assignee, seen), judge.who, now).await?.into())
}

/// Stops looking for a case's entries on a source; returns how many entries that are.
///
/// # Errors
/// `Unsaid` or `TooLong` for the reason; `Forbidden` for the role; `Store` for an unknown case.
pub async fn silence(
    store: &Store,
    judge: Judge<'_>,
    (id, source): (&str, &str),
    (why, now): (&str, Timestamp),
) -> Result<u64, TriageError> {
    let why = said("why", why, WHY_LIMIT)?;
    judge.must_judge()?;
    Ok(store.silence_entries((judge.scope, id), source, (judge.who, &why), now).await?)
}

/// Looks for what was silenced because of a case again; returns how many entries that are.
///
/// # Errors
/// `TooLong` for the reason, which may be left out; `Forbidden` for the role; `Store` for an unknown case.
pub async fn unsilence(
    store: &Store,
    judge: Judge<'_>,
    id: &str,
    (why, now): (&str, Timestamp),
) -> Result<u64, TriageError> {
    judge.must_judge()?;
    let why = said("why", if why.trim().is_empty() { UNSAID } else { why }, WHY_LIMIT)?;
    Ok(store.unsilence_entries((judge.scope, id), (judge.who, &why), now).await?)
}

/// Agrees to what another person has asked for: to see full values.
///
/// # Errors
/// `Forbidden` for the role; `NotAsked`; `Store` for an unknown case.
pub async fn second(
    store: &Store,
    judge: Judge<'_>,
    (id, asker): (&str, &str),
    now: Timestamp,
) -> Result<(), TriageError> {
    judge.must_judge()?;
    let is_asked = store.second((judge.scope, id), (REVEAL, asker), judge.who, now).await?;
    if is_asked { Ok(()) } else { Err(TriageError::NotAsked) }
}

/// Puts a case on hold, or takes the hold away, for a judge; as [`hold_case`].
///
/// # Errors
/// `Unsaid` or `TooLong` for the reason; `Forbidden` for the role; `Store` for an unknown case.
pub async fn hold(
    store: &Store,
    judge: Judge<'_>,
    (id, is_held): (&str, bool),
    (why, now): (&str, Timestamp),
) -> Result<bool, TriageError> {
    judge.must_judge()?;
    let missing = || StoreError::NoSuchCase { id: id.to_owned() };
    let (id, _) = store.find_case(judge.scope, id).await?.ok_or_else(missing)?;
    hold_case(store, (&id, is_held), (judge.who, why), now).await
}

/// Puts a case on hold, or takes the hold away; returns whether something changed or it is on hold now.
///
/// # Errors
/// `Unsaid` or `TooLong` for who and why; `Store` for an unknown case.
pub async fn hold_case(
    store: &Store,
    (id, is_held): (&str, bool),
    (who, why): (&str, &str),
    now: Timestamp,
) -> Result<bool, TriageError> {
    let who = said("who", who, WHO_LIMIT)?;
    let why = said("why", why, WHY_LIMIT)?;
    if is_held {
        store.hold_case(id, (&who, &why), now).await?;
        return Ok(true);
    }
    Ok(store.release_case(id, (&who, &why), now).await?)
}
