//! The commitment to planted records at enrolment: a salted Merkle root in the ledger, of which single records can be opened.
//!
//! A root tells nothing of a record that is not opened; one that is opened can be shown to have been enrolled before the
//! root's row was written. Not here: where openings are kept (`ports::store`).

use serde::{Deserialize, Serialize};

use crate::domain::mint::merkle::{self, Beside, Hash};
use crate::domain::watchlist::Canary;

/// A record with the salt of its leaf: who has both can compute the leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// 16 random bytes in hexadecimal digits.
    pub salt: String,
    /// The record as JSON, byte for byte.
    pub entry: String,
}

impl Opening {
    /// Salts a record.
    ///
    /// # Errors
    /// When the record cannot be written as JSON: never, for one that was read.
    pub fn of(canary: &Canary, salt: [u8; 16]) -> Result<Self, serde_json::Error> {
        Ok(Self { salt: merkle::hex(&salt), entry: serde_json::to_string(canary)? })
    }

    /// Returns its leaf.
    pub fn leaf(&self) -> Hash {
        merkle::leaf(self.salt.as_bytes(), self.entry.as_bytes())
    }
}

/// Shows that one record is under a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Whose record it is.
    pub organization: String,
    /// Its id.
    pub canary: String,
    /// Which commitment of the organization, from 1.
    pub commitment: i64,
    /// The salt and the record.
    #[serde(flatten)]
    pub opening: Opening,
    /// What stands beside the way from its leaf to the root, from below: `left:HEX` or `right:HEX`.
    pub path: Vec<String>,
    /// The root (hex), which is the digest of a row of the ledger.
    pub root: String,
}

impl Proof {
    /// Proves the record at `place` of a commitment's leaves; `None` if its opening is of another leaf.
    pub fn of(
        (organization, canary, commitment): (&str, &str, i64),
        opening: Opening,
        (leaves, place): (&[Hash], usize),
    ) -> Option<Self> {
        let path = merkle::path(leaves, place)?;
        let root = merkle::root(leaves);
        let beside = |beside: &Beside| match beside {
            Beside::Left(hash) => format!("left:{}", merkle::hex(hash)),
            Beside::Right(hash) => format!("right:{}", merkle::hex(hash)),
        };
        (merkle::climb(opening.leaf(), &path) == root).then(|| Self {
            organization: organization.to_owned(),
            canary: canary.to_owned(),
            commitment,
            opening,
            path: path.iter().map(beside).collect(),
            root: merkle::hex(&root),
        })
    }

    /// Returns the subject of the ledger's row.
    pub fn subject(&self) -> String {
        subject(&self.organization, self.commitment)
    }
}

/// Names a commitment in the ledger.
pub fn subject(organization: &str, commitment: i64) -> String {
    format!("{organization}/{commitment}")
}

/// Reads the hexadecimal digits of a leaf.
pub fn unhex(text: &str) -> Option<Hash> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    if text.len() == 64 { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(number: u8) -> Opening {
        Opening { salt: merkle::hex(&[number; 16]), entry: format!("{{\"id\":\"c{number}\"}}") }
    }

    #[test]
    fn a_record_is_proved_by_its_own_opening_only() {
        let openings: Vec<Opening> = (0..5).map(opening).collect();
        let leaves: Vec<Hash> = openings.iter().map(Opening::leaf).collect();
        let name = ("example-bank", "c3", 1);
        let proof = Proof::of(name, openings[3].clone(), (&leaves, 3)).unwrap();
        assert_eq!((proof.subject().as_str(), proof.path.len()), ("example-bank/1", 3));
        assert_eq!(proof.root, merkle::hex(&merkle::root(&leaves)));
        assert_eq!(Proof::of(name, openings[2].clone(), (&leaves, 3)), None);
        assert_eq!(Proof::of(name, openings[3].clone(), (&leaves, 9)), None);
        assert_eq!(unhex(&merkle::hex(&leaves[3])), Some(leaves[3]));
        assert_eq!(unhex("zz"), None);
    }
}
