//! Moves cases, with a reason that the audit log keeps, and what else is done at a case. What is known of a case is read straight
//! from the store.

mod leaving;
mod regroup;

pub use leaving::{assign, hold, hold_case, note, second, silence, undo, unsilence};
pub use regroup::{Regrouped, merge, merge_cases, split, split_case};

use jiff::{SignedDuration, Timestamp};

use crate::domain::case::State;
use crate::domain::user::Role;
use crate::ports::store::console::Scope;
use crate::ports::store::desk::{Expected, Judged, acts};
use crate::ports::store::model::CaseDetail;
use crate::ports::store::{Store, StoreError};

/// Longest name and reason that the audit log takes, in characters.
const WHO_LIMIT: usize = 100;
const WHY_LIMIT: usize = 2_000;
/// How long a second person's consent to reveal counts.
const CONSENT: SignedDuration = SignedDuration::from_hours(1);
/// What a pledge is for.
pub const REVEAL: &str = "reveal";

/// Why a case cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum TriageError {
    /// The audit log takes no empty reason or name.
    #[error("move a case without saying {0}")]
    Unsaid(&'static str),
    /// The reason or name is too long.
    #[error("keep more than {limit} characters of {what}; shorten it")]
    TooLong {
        /// Which of the two.
        what: &'static str,
        /// Most characters.
        limit: usize,
    },
    /// The role is not enough.
    #[error("do this in your role; ask an analyst or an administrator")]
    Forbidden,
    /// Nobody of that name may look after the case.
    #[error("give the case to {0}: nobody of that name may see it")]
    Assignee(String),
    /// Nobody else has asked for what is agreed to.
    #[error("agree: nobody else has asked for it")]
    NotAsked,
    /// There is no such case, it may not go there, or the database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Moves a case and returns how it stands then.
///
/// # Errors
/// `Unsaid` or `TooLong` for who and why; `Store` for an unknown case or an impossible move, with what is possible.
pub async fn move_case(
    store: &Store,
    (id, to): (&str, State),
    (who, why): (&str, &str),
    now: Timestamp,
) -> Result<CaseDetail, TriageError> {
    let who = said("who", who, WHO_LIMIT)?;
    let why = said("why", why, WHY_LIMIT)?;
    store.move_case(id, to, (&who, &why), now).await?;
    let case = store.case(id).await?;
    case.ok_or_else(|| TriageError::Store(StoreError::NoSuchCase { id: id.to_owned() }))
}

/// Who decides at the console, and by which rules.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// Whose cases they may touch.
    pub scope: &'a Scope,
    /// Their name, for the audit log.
    pub who: &'a str,
    /// What they may do.
    pub role: Role,
    /// Whether confirming and revealing take two people.
    pub takes_two: bool,
}

/// How a decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It was taken; the audit log's row.
    Done(i64),
    /// Something else was done to the case first; nothing was changed.
    Stale,
    /// It waits for a second person.
    Waits,
}

impl Judge<'_> {
    /// Lets only those on who decide what a case is.
    fn must_judge(&self) -> Result<(), TriageError> {
        if self.role.may_judge() { Ok(()) } else { Err(TriageError::Forbidden) }
    }
}

impl From<Judged> for Decided {
    fn from(judged: Judged) -> Self {
        match judged {
            Judged::Done(number) => Self::Done(number),
            Judged::Stale => Self::Stale,
        }
    }
}

/// Tells whether a role may move a case there: members of an organization acknowledge, analysts decide.
pub const fn may_move(role: Role, from: State, to: State) -> bool {
    from.may_move_to(to) && (role.may_judge() || matches!((from, to), (State::New, State::Acknowledged)))
}

/// Moves a case, unless something was done to it that the judge has not seen. Where confirming takes two people, the first
/// one's decision waits for another's.
///
/// # Errors
/// `Unsaid` or `TooLong` for the reason; `Forbidden` for the role; `Store` for an unknown case or an impossible move.
pub async fn judge(
    store: &Store,
    judge: Judge<'_>,
    id: &str,
    (to, expected): (State, Expected),
    (why, now): (&str, Timestamp),
) -> Result<Decided, TriageError> {
    let why = said("why", why, WHY_LIMIT)?;
    if !judge.role.may_judge() {
        let missing = || StoreError::NoSuchCase { id: id.to_owned() };
        let line = store.case_line(judge.scope, id).await?.ok_or_else(missing)?;
        if !may_move(judge.role, line.state, to) {
            return Err(TriageError::Forbidden);
        }
    }
    let case = (judge.scope, id);
    let mut why = why;
    if judge.takes_two && to == State::Confirmed {
        let pledges = store.pledges(case).await?;
        let first = pledges.iter().find(|pledge| pledge.what == to.as_str() && pledge.who != judge.who);
        let Some(first) = first else {
            store.pledge(case, to.as_str(), (judge.who, &why), now).await?;
            return Ok(Decided::Waits);
        };
        why = format!("{why} (first {}: {})", first.who, first.why);
    }
    Ok(store.judge_case(case, (to, expected), (judge.who, &why), now).await?.into())
}

/// Asks to see full values, or to take evidence away: notes it in the audit log before anything is shown. Where that takes two
/// people, the first try waits for another's consent, which counts for an hour.
///
/// # Errors
/// `Unsaid` or `TooLong` for the reason; `Forbidden` for the role; `Store` for an unknown case.
pub async fn ask_to_see(
    store: &Store,
    judge: Judge<'_>,
    (id, act): (&str, &str),
    (why, now): (&str, Timestamp),
) -> Result<Decided, TriageError> {
    let why = said("why", why, WHY_LIMIT)?;
    if !judge.role.may_reveal() {
        return Err(TriageError::Forbidden);
    }
    let case = (judge.scope, id);
    if judge.takes_two {
        let pledges = store.pledges(case).await?;
        let own = pledges.iter().find(|pledge| pledge.what == REVEAL && pledge.who == judge.who);
        let consent = own.and_then(|own| own.seconded.as_ref());
        if consent.is_none_or(|consent| consent.at + CONSENT < now) {
            store.pledge(case, REVEAL, (judge.who, &why), now).await?;
            return Ok(Decided::Waits);
        }
    }
    debug_assert!([acts::REVEALED, acts::DOWNLOADED].contains(&act), "{act} shows nothing");
    Ok(Decided::Done(store.note_act(case, act, (judge.who, &why), now).await?))
}

/// Cleans what people typed: one line, no control characters.
fn said(what: &'static str, text: &str, limit: usize) -> Result<String, TriageError> {
    let words: Vec<&str> = text.split(|character: char| character.is_whitespace() || character.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return Err(TriageError::Unsaid(what));
    }
    if line.chars().count() > limit {
        return Err(TriageError::TooLong { what, limit });
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_clean_line_and_never_empty() {
        assert_eq!(said("why", " our\nrecords\u{1b}[31m ", 20).unwrap(), "our records [31m");
        assert!(matches!(said("why", " \n\t", 20), Err(TriageError::Unsaid("why"))));
        assert!(matches!(said("who", "abcdef", 5), Err(TriageError::TooLong { limit: 5, .. })));
    }
}
