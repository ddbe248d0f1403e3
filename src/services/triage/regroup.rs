//! Which entries make one case, where an analyst knows better than the grouping: cases merged and split.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Judge, TriageError, WHO_LIMIT, WHY_LIMIT, said};
use crate::ports::store::console::Scope;
use crate::ports::store::model::CaseDetail;
use crate::ports::store::{Store, StoreError};

/// How merging or splitting at the console ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Regrouped {
    /// It was done; the case that holds the entries now.
    Done(String),
    /// Something else was done to the case first; nothing was changed.
    Stale,
}

impl From<Option<String>> for Regrouped {
    fn from(done: Option<String>) -> Self {
        done.map_or(Self::Stale, Self::Done)
    }
}

/// Merges a case into another, unless something was done to it that the judge has not seen.
///
/// # Errors
/// `Unsaid` or `TooLong` for the reason; `Forbidden` for the role; `Store` for unknown cases, or those that cannot be merged.
pub async fn merge(
    store: &Store,
    judge: Judge<'_>,
    (from, into, seen): (&str, &str, i64),
    (why, now): (&str, Timestamp),
) -> Result<Regrouped, TriageError> {
    judge.must_judge()?;
    let why = said("why", why, WHY_LIMIT)?;
    Ok(store.merge_cases(judge.scope, (from, into, Some(seen)), (judge.who, &why), now).await?.into())
}

/// Splits entries off a case, unless something was done to it that the judge has not seen.
///
/// # Errors
/// `Unsaid` or `TooLong` for the reason; `Forbidden` for the role; `Store` for an unknown case, or entries that it does not
/// hold.
pub async fn split(
    store: &Store,
    judge: Judge<'_>,
    (id, entries, seen): (&str, &BTreeSet<String>, i64),
    (why, now): (&str, Timestamp),
) -> Result<Regrouped, TriageError> {
    judge.must_judge()?;
    let why = said("why", why, WHY_LIMIT)?;
    Ok(store.split_case(judge.scope, (id, entries, Some(seen)), (judge.who, &why), now).await?.into())
}

/// Merges a case into another and returns how that one stands then.
///
/// # Errors
/// `Unsaid` or `TooLong` for who and why; `Store` for unknown cases, or those that cannot be merged.
pub async fn merge_cases(
    store: &Store,
    (from, into): (&str, &str),
    (who, why): (&str, &str),
    now: Timestamp,
) -> Result<CaseDetail, TriageError> {
    let who = said("who", who, WHO_LIMIT)?;
    let why = said("why", why, WHY_LIMIT)?;
    let id = store.merge_cases(&Scope::Everything, (from, into, None), (&who, &why), now).await?;
    found(store, id.unwrap_or_default()).await
}

/// Splits entries off a case and returns the case they are in then.
///
/// # Errors
/// `Unsaid` or `TooLong` for who and why; `Store` for an unknown case, or entries that it does not hold.
pub async fn split_case(
    store: &Store,
    (id, entries): (&str, &BTreeSet<String>),
    (who, why): (&str, &str),
    now: Timestamp,
) -> Result<CaseDetail, TriageError> {
    let who = said("who", who, WHO_LIMIT)?;
    let why = said("why", why, WHY_LIMIT)?;
    let id = store.split_case(&Scope::Everything, (id, entries, None), (&who, &why), now).await?;
    found(store, id.unwrap_or_default()).await
}

async fn found(store: &Store, id: String) -> Result<CaseDetail, TriageError> {
    store.case(&id).await?.ok_or(TriageError::Store(StoreError::NoSuchCase { id }))
}
