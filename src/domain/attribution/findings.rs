//! What was found in a case, as far as it tells whose copy leaked: the input of a report besides the watchlist.
//!
//! Not here: where it is kept (`ports::store`), what is made of it (`report`).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ln_ours;

/// Of a hundred genuine rows so many are found among the organization's customers.
const GENUINE_RATE: f64 = 0.87;

/// What was found in a case: the input of a report besides the watchlist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// The organization's id.
    pub organization: String,
    /// The case's id.
    pub case: String,
    /// Largest probability to name a copy that did not leak.
    pub epsilon: f64,
    /// Rows that were published, if known.
    pub rows: Option<u64>,
    /// The last day on which the copy can have been taken: that of the first post, or of the first find.
    pub published_by: Date,
    /// Canaries that were found, by id.
    pub canaries: Vec<FoundCanary>,
    /// Entries that were found and tell nothing of copies: they show that rows are the organization's.
    pub others: u64,
    /// Real customers' records that were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<FoundRecord>,
    /// Deliveries of which it is enrolled which records they held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filed: Vec<Filed>,
    /// Rows that were tested and hit, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tested: Vec<Tested>,
}

/// A real customer's record that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRecord {
    /// `fp:`, the kind of fingerprint, `:` and its tag.
    pub entry: String,
    /// How its row is rendered, as `renderings::Renderings::number` gives it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub renderings: u16,
    /// Deliveries that are enrolled as having held it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// A delivery of which it is enrolled which records it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filed {
    /// Its id.
    pub delivery: String,
    /// By which kind of fingerprint.
    pub kind: String,
}

/// Rows of one kind that were looked up among the organization's customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// What was looked up.
    pub kind: String,
    /// Rows with such a value.
    pub rows: u64,
    /// Rows of them that are the organization's.
    pub hits: u64,
    /// How often anybody's rows would be.
    pub base_rate: f64,
}

impl Findings {
    /// Returns ln of how much likelier the rates of hits are if the rows are the organization's than if they are foreign:
    /// that of the kind which tells most, as one row's values are not independent.
    pub(super) fn ln_ours(&self) -> f64 {
        let each = self.tested.iter().map(|one| ln_ours(one.rows, one.hits, GENUINE_RATE, one.base_rate));
        each.fold(0.0, |most: f64, one| if one.abs() > most.abs() { one } else { most })
    }
}

/// A canary that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCanary {
    /// Its id.
    pub canary: String,
    /// The most random bits of its fields found together in one row, as [`Randomness`](super::Randomness) tells them.
    pub bits: u32,
}
