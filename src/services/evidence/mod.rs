//! Custody of evidence: checks that all of it is as it was written, and gathers what an export holds.
//!
//! `check` looks at everything, `heads` signs each day's end of the ledger, `rekey` changes the sealing key. Not here: writing
//! evidence (`crawl` keeps bodies, the store writes rows), the files of an export (`faces::cli::evidence`).

mod check;
pub mod heads;
mod rekey;

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::evidence::{Capture, Exhibit};
use crate::domain::retention::Retention;
use crate::domain::watchlist::OrganizationId;
use crate::ports::evidence::{Evidence, EvidenceError};
use crate::ports::seal::SealError;
use crate::ports::store::model::Old;
use crate::ports::store::{Store, StoreError};

pub use check::{Checked, Known, verify};
pub use rekey::{Rekeyed, forget, rekey};

/// How long a body lies before it counts as left over: a visit keeps its body before it is recorded.
const LEFT_OVER_AFTER: Duration = Duration::from_hours(1);

/// Why evidence cannot be checked or gathered.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// The database failed, or there is no such case.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files cannot be used.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The key file cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// All that an export of one case holds, but for the bodies.
#[derive(Debug, Clone)]
pub struct Dossier {
    /// Id of the living case.
    pub case: String,
    /// The organization's name.
    pub organization: String,
    /// Its id.
    pub organization_id: String,
    /// Where each hit lies.
    pub exhibits: Vec<Exhibit>,
    /// What was captured, each once.
    pub captures: Vec<Capture>,
}

/// Gathers what was captured of a case.
///
/// # Errors
/// `NoSuchCase`; when the database fails.
pub async fn gather(store: &Store, case: &str) -> Result<Dossier, CustodyError> {
    let found = store.case(case).await?.ok_or_else(|| StoreError::NoSuchCase { id: case.to_owned() })?;
    let (exhibits, captures) = store.exhibits(case).await?;
    let watchlist = store.watchlist(&OrganizationId(found.row.organization.clone())).await?;
    let organization = watchlist.map_or_else(|| found.row.organization.clone(), |list| list.organization.name);
    Ok(Dossier { case: found.row.id, organization, organization_id: found.row.organization, exhibits, captures })
}

/// Removes bodies that were kept for visits that were never recorded; returns how many.
///
/// # Errors
/// When the database or the files fail; what is left is removed the next time.
pub async fn sweep(store: &Store, evidence: &Evidence) -> Result<u64, CustodyError> {
    let digests = evidence.older_than(LEFT_OVER_AFTER)?;
    let mut removed = 0;
    for digest in store.unnamed_bodies(&digests).await? {
        evidence.remove(&digest)?;
        removed += 1;
    }
    Ok(removed)
}

/// Lets go of what is older than the rules allow; returns how much went. Every capture and mail that goes leaves a row in the
/// ledger.
///
/// A body goes only after the row that lets it go is on disk; one that is left by a crash is swept up later.
///
/// # Errors
/// When the database or the files fail; what went before stays gone.
pub async fn purge(store: &Store, evidence: &Evidence, rules: Retention, now: Timestamp) -> Result<Old, CustodyError> {
    let [captured, posts, mails] = rules.cutoffs(now);
    let mut gone = Old::default();
    if let Some(cutoff) = captured {
        gone.captures = store.count_old([captured, None, None]).await?.captures;
        while let Some(bodies) = store.purge_captures(cutoff, now).await? {
            for body in bodies {
                evidence.remove(&body)?;
            }
        }
    }
    (gone.posts, gone.mails) = store.purge_texts([posts, mails], now).await?;
    Ok(gone)
}
