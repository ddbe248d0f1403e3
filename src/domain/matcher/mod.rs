//! Finds entries in documents: Aho-Corasick over views, candidates looked up, fields tied by row; hits out.
//!
//! Not here: which post a hit belongs to (`services::crawl`), which case (`case`).

use serde::{Deserialize, Serialize};

use crate::domain::span::ByteSpan;
use crate::domain::watchlist::OrganizationId;

/// What kind of entry was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A planted record.
    Canary,
    /// A keyed hash of a real customer's identifier.
    Fingerprint,
    /// A literal of the organization.
    Anchor,
}

/// One entry found at one span of one document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hit {
    /// Whose entry it is.
    pub organization: OrganizationId,
    /// The entry's id.
    pub entry: String,
    /// What kind of entry.
    pub kind: EntryKind,
    /// Which field of it: `pan`, `name`, `phone` ….
    pub field: String,
    /// Path inside the document: `data/part1.csv`, `sheet1`; empty for the document itself.
    pub member: String,
    /// Raw bytes of the member.
    pub span: ByteSpan,
    /// The value as it may be shown: first 6 and last 4 characters at most.
    pub masked: String,
    /// What to do with the raw bytes, in order, to read the value: `charset:gb18030`, `html`, `fold`, `digits` ….
    pub steps: Vec<String>,
    /// How surprising the row is, in bits: the information of the entry's fields found together in it.
    pub strength: u32,
    /// Which row of the member: hits of one row belong together.
    pub row: u64,
}
