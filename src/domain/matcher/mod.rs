//! Finds entries in documents: every watched spelling over folded views, fields tied by row; hits out.
//!
//! [`Matcher::compile`] puts all watchlists into one immutable form; [`Matcher::scan`] unpacks a document, makes views of
//! its members, finds numbers (`groups`), mail addresses (`email`) and literals (`literal`), ties them by row (`row`) and
//! tells each hit in raw bytes with the steps to read it there. Nothing that was read can make it fail.
//! Not here: which post a hit belongs to (`services::crawl`), which case (`case`).

mod compile;
mod email;
mod groups;
mod literal;
mod row;
mod scan;
mod table;

use serde::{Deserialize, Serialize};

use self::compile::Compiled;
use crate::domain::container::{Limits, unpack};
use crate::domain::oddity::Oddity;
use crate::domain::span::ByteSpan;
use crate::domain::watchlist::{OrganizationId, Watchlist};

/// All watchlists, ready to be looked for; immutable, so shared by all workers and swapped as a whole.
#[derive(Debug, Default)]
pub struct Matcher {
    compiled: Compiled,
    limits: Limits,
}

impl Matcher {
    /// Compiles watchlists; about 20 µs a canary.
    pub fn compile(watchlists: &[Watchlist]) -> Self {
        Self { compiled: Compiled::of(watchlists), limits: Limits::default() }
    }

    /// Finds entries in a document, in its members if it is a container, within the default limits.
    ///
    /// Hits come by member in the order of the container, then by place. Takes time proportional to the unpacked size:
    /// give large files to a blocking thread.
    pub fn scan(&self, document: &Document<'_>) -> Scan {
        let mut scan = Scan::default();
        let oddities = unpack(document.name, document.bytes, &self.limits, &mut |member| {
            let (media_type, charset) = if member.path.is_empty() && !member.is_unpacked {
                (document.media_type, document.charset)
            } else {
                (None, None)
            };
            let name = if member.path.is_empty() { document.name } else { member.path };
            let part = Document { bytes: member.bytes, name, media_type, charset };
            scan::scan_member(&self.compiled, &part, member.path, &mut scan.hits);
        });
        scan.oddities = oddities;
        scan
    }
}

/// Something to be searched.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The bytes as fetched or read.
    pub bytes: &'a [u8],
    /// File name or URL path, a hint.
    pub name: &'a str,
    /// Declared media type without parameters, a hint.
    pub media_type: Option<&'a str>,
    /// Declared charset, a hint.
    pub charset: Option<&'a str>,
}

/// What was found in a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Entries found.
    pub hits: Vec<Hit>,
    /// What could not be read as expected.
    pub oddities: Vec<Oddity>,
}

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
