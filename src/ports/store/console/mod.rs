//! What the console and the API read: pages of cases, hits, places, alerts and moves, and figures over all of them.
//!
//! Every query of a tenant's rows takes a [`Scope`]: whose rows may come back at all. Lists come in pages that begin after a
//! key, so that the last page costs as much as the first. Not here: changing anything (`triage`, `sources`, `watchlists`).

mod cases;
mod contents;
mod figures;
mod lines;
mod narrow;
mod outline;
mod records;
mod sites;

use crate::domain::watchlist::OrganizationId;

pub(super) use cases::grave;
pub use cases::{CaseCount, CaseCursor, CasePage, CaseQuery, Order};
pub use contents::{EntryPage, HitCursor, HitPage, HitQuery, SightingPage};
pub use figures::{CaseTimes, Coverage, DaySeen, Depths, HolderCount};
pub use lines::{CaseLine, SourceName};
pub use outline::{ContactStanding, OrganizationOutline};
pub use records::{AlertCursor, AlertPage, AlertQuery, AuditPage};
pub use sites::{DayYield, SourcePage};

/// Largest page.
pub const PAGE_LIMIT: u32 = 500;

/// Whose rows a query may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every organization's.
    Everything,
    /// One organization's, and nothing of another.
    Only(OrganizationId),
}

impl Scope {
    /// Tells whether an organization's rows lie within.
    pub fn covers(&self, organization: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(own) => own.0 == organization,
        }
    }

    /// Returns what a statement compares with, as `($1 = '' OR organization = $1)`: empty for everything.
    pub fn organization(&self) -> &str {
        match self {
            Self::Everything => "",
            // An empty id would open everything; no organization is called this.
            Self::Only(own) if own.0.is_empty() => "-",
            Self::Only(own) => &own.0,
        }
    }
}

/// Narrows a scope to one organization, if one is wanted; `None` if that lies outside, where nothing is to be seen.
pub fn within(scope: &Scope, wanted: Option<&OrganizationId>) -> Option<Scope> {
    match wanted {
        None => Some(scope.clone()),
        Some(wanted) => scope.covers(&wanted.0).then(|| Scope::Only(wanted.clone())),
    }
}

/// The one organization of a scope; `None` for every one.
fn only(scope: &Scope) -> Option<&str> {
    match scope {
        Scope::Everything => None,
        Scope::Only(_) => Some(scope.organization()),
    }
}

/// Takes the row beyond a page off, which was fetched to see whether there is a next page; returns whether there was one.
fn cut<T>(rows: &mut Vec<T>, limit: u32) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    is_more
}

/// A page holds one row at least.
fn page_size(limit: u32) -> u32 {
    limit.clamp(1, PAGE_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_narrowed_but_never_widened() {
        let organization = |id: &str| OrganizationId(id.to_owned());
        let own = Scope::Only(organization("example-bank"));
        assert_eq!(within(&Scope::Everything, None), Some(Scope::Everything));
        assert_eq!(within(&Scope::Everything, Some(&organization("example-bank"))), Some(own.clone()));
        assert_eq!(within(&own, None), Some(own.clone()));
        assert_eq!(within(&own, Some(&organization("other-bank"))), None);
        assert!(own.covers("example-bank") && !own.covers("other-bank") && !own.covers(""));
    }
}
