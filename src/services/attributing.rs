//! Attributes cases: what the store found of a case, weighed against what its organization enrolled.
//!
//! Not here: the weighing (`domain::attribution`), the report's layout.

use crate::domain::attribution::{Findings, FoundCanary, Report};
use crate::ports::store::{Store, StoreError};

/// What the caller may set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Largest probability to name a copy that did not leak.
    pub epsilon: f64,
    /// Rows that were published, if somebody knows.
    pub rows: Option<u64>,
}

/// Reports whose copy a case's rows are consistent with. A case with 10^5 finds and 100 custodians takes under a second.
///
/// # Errors
/// `NoSuchCase` if there is none; otherwise when the database fails.
pub async fn attribute_case(store: &Store, id: &str, terms: Terms) -> Result<Report, StoreError> {
    let finds = store.case_finds(id).await?.ok_or_else(|| StoreError::NoSuchCase { id: id.to_owned() })?;
    let missing = || StoreError::NoSuchOrganization { id: finds.organization.0.clone() };
    let watchlist = store.watchlist(&finds.organization).await?.ok_or_else(missing)?;
    let findings = Findings {
        organization: finds.organization.0.clone(),
        case: finds.case,
        epsilon: terms.epsilon,
        rows: terms.rows,
        published_by: finds.published_by.to_zoned(jiff::tz::TimeZone::UTC).date(),
        canaries: finds.canaries.into_iter().map(|(canary, bits)| FoundCanary { canary, bits }).collect(),
        others: finds.others,
    };
    // Weighing takes long enough to hold up the others of this thread.
    Ok(tokio::task::block_in_place(|| Report::of(&watchlist, &findings)))
}
