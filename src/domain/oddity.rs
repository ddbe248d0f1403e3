//! Something on a page or in a file that could not be read as expected; reported, never fatal.

use serde::{Deserialize, Serialize};

/// One thing that was odd: a stable code for machines, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddity {
    /// Stable, lower-case, dashed: `date-unread`, `hidden-content`, `member-unreadable` ….
    pub code: String,
    /// What was seen, without any identifier or post text.
    pub detail: String,
}

impl Oddity {
    /// Makes an oddity from its code and a sentence.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.to_owned(), detail: detail.into() }
    }
}
