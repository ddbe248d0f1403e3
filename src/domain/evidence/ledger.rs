//! The ledger: an append-only chain of hashes over captures, hits, moves, mails and what was deleted.
//!
//! An entry's hash covers what it says; a row's hash covers the entry's and the hash of the row before. So an export may
//! name the entries of one organization and only the hashes of all others, and still be followed from end to end.
//! Not here: where rows are kept (`ports::store`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a row of the ledger tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An answer was kept; the digest is that of its body.
    Capture,
    /// A hit was recorded; the digest is that of where it lies.
    Hit,
    /// A case was opened, moved or merged; the digest is that of the audit log's row.
    Move,
    /// A mail was written; the digest is that of its bytes.
    Mail,
    /// A mint was committed to; the digest is that of the audit log's row.
    Commitment,
    /// Something was deleted by a rule; the digest is that of what it was.
    Purge,
    /// Planted records were enrolled; the digest is the root that commits to them.
    Canaries,
    /// The day's head was signed; the digest is that of the head with its signature and key.
    Head,
    /// A head was time-stamped; the digest is that of the authority's answer.
    Stamp,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Capture,
        Self::Hit,
        Self::Move,
        Self::Mail,
        Self::Commitment,
        Self::Purge,
        Self::Canaries,
        Self::Head,
        Self::Stamp,
    ];

    /// Returns the word that is kept and hashed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Hit => "hit",
            Self::Move => "move",
            Self::Mail => "mail",
            Self::Commitment => "commitment",
            Self::Purge => "purge",
            Self::Canaries => "canaries",
            Self::Head => "head",
            Self::Stamp => "stamp",
        }
    }

    /// Reads the word of [`Kind::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1, without gaps.
    pub number: i64,
    /// When, in milliseconds UTC.
    pub at: i64,
    /// What it tells of.
    pub kind: Kind,
    /// Whose it is; empty for what belongs to nobody alone.
    pub organization: String,
    /// Id of what it tells of.
    pub subject: String,
    /// Digest (hex) of what it tells of.
    pub digest: String,
}

impl Entry {
    /// Hashes what the row says (hex).
    pub fn hash(&self) -> String {
        let (number, at) = (self.number.to_string(), self.at.to_string());
        let parts = ["entry/1", &number, &at, self.kind.as_str(), &self.organization, &self.subject, &self.digest];
        hash_parts(&parts)
    }

    /// Returns when it was written.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.at).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Hashes a row (hex) from the hash of the row before (empty for the first) and that of its entry.
pub fn link(previous: &str, entry_hash: &str) -> String {
    hash_parts(&["ledger/1", previous, entry_hash])
}

/// SHA-256 (hex) over parts, each behind its length in bytes (8 bytes, big-endian), so that no two lists run together.
pub fn hash_parts(parts: &[&str]) -> String {
    hex(&digest_parts(parts))
}

/// [`hash_parts`] as bytes.
pub fn digest_parts(parts: &[&str]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}

/// SHA-256 of bytes.
pub fn sha256_bytes(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of bytes, as lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            number: 7,
            at: 1_795_000_000_000,
            kind: Kind::Hit,
            organization: "example-bank".to_owned(),
            subject: "H-1".to_owned(),
            digest: "ab".to_owned(),
        }
    }

    #[test]
    fn every_field_of_an_entry_is_covered() {
        let whole = entry().hash();
        let others = [
            Entry { number: 8, ..entry() },
            Entry { at: 1, ..entry() },
            Entry { kind: Kind::Mail, ..entry() },
            Entry { organization: "example-ban".to_owned(), subject: "kH-1".to_owned(), ..entry() },
            Entry { subject: "H-2".to_owned(), ..entry() },
            Entry { digest: "ac".to_owned(), ..entry() },
        ];
        assert!(others.iter().all(|other| other.hash() != whole));
    }

    #[test]
    fn a_row_hangs_on_the_row_before() {
        let hash = entry().hash();
        assert_ne!(link("", &hash), link("00", &hash));
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.as_str()));
        }
        assert_eq!(Kind::parse("else"), None);
    }
}
