//! Attributes cases: what the store found of a case, weighed against what its organization enrolled.
//!
//! Not here: the weighing (`domain::attribution`), the report's layout.

use std::path::PathBuf;

use crate::domain::attribution::{Findings, Report};
use crate::domain::fingerprints::Delivered;
use crate::domain::watchlist::Watchlist;
use crate::ports::store::{Attributable, Store, StoreError};
use crate::ports::vault::Vault;

/// What the caller may set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Largest probability to name a copy that did not leak.
    pub epsilon: f64,
    /// Rows that were published, if somebody knows.
    pub rows: Option<u64>,
}

/// Reports whose copy a case's rows are consistent with. A case with 10^5 finds and 100 custodians takes about a second.
///
/// # Errors
/// `NoSuchCase` if there is none; otherwise when the database fails.
pub async fn attribute_case((store, vault): (&Store, &Vault), id: &str, terms: Terms) -> Result<Report, StoreError> {
    let find = |one: &Delivered, tags: &[u64]| vault.find_tags_or_warn(one, tags);
    let found = store.attributable(id, (terms.epsilon, terms.rows), find).await?;
    let Attributable { watchlist, findings } = found.ok_or_else(|| StoreError::NoSuchCase { id: id.to_owned() })?;
    // Weighing takes long enough to hold up the others of this thread.
    Ok(tokio::task::block_in_place(|| Report::of(&watchlist, &findings)))
}

/// Computes a report again, as whoever holds the watchlist's folder can: which delivery held which record is looked up
/// anew where the folder has the files.
pub fn attribute_again(watchlist: &Watchlist, delivered: &[(PathBuf, Delivered)], given: &Findings) -> Report {
    let mut findings = given.clone();
    for (path, one) in delivered {
        let kind = one.enrolment.label.kind.as_str();
        if findings.filed.iter().any(|filed| filed.delivery == one.delivery && filed.kind == kind) {
            findings.look_up(one, |tags| Vault::find_tags_in(path, tags).ok());
        }
    }
    Report::of(watchlist, &findings)
}
