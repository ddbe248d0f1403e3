//! Moves cases, with a reason that the audit log keeps. What is known of a case is read straight from the store.

use jiff::Timestamp;

use crate::domain::case::State;
use crate::ports::store::model::CaseDetail;
use crate::ports::store::{Store, StoreError};

/// Longest name and reason that the audit log takes, in characters.
const WHO_LIMIT: usize = 100;
const WHY_LIMIT: usize = 2_000;

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
