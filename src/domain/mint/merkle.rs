//! The commitment to a mint's table: a salted Merkle root, published before delivery.
//!
//! It shows afterwards that the table was not made up to fit a leak, and tells nothing about a canary that is not opened.

use sha2::{Digest, Sha256};

/// A hash.
pub type Hash = [u8; 32];

/// Hashes one entry with its salt.
pub fn leaf(salt: &[u8], entry: &[u8]) -> Hash {
    let length = u64::try_from(salt.len()).unwrap_or(u64::MAX).to_le_bytes();
    Sha256::new().chain_update([0]).chain_update(length).chain_update(salt).chain_update(entry).finalize().into()
}

/// Returns the root over leaves in their order; an odd one is carried up. Leaves and nodes are hashed apart, as in RFC 6962.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut level = leaves.to_vec();
    if level.is_empty() {
        return Sha256::digest(b"").into();
    }
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => {
                    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
                }
                [lone] => *lone,
                _ => Hash::default(),
            })
            .collect();
    }
    level[0]
}

/// Writes bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_of_entry_salt_or_order_changes_the_root() {
        let entries: Vec<Hash> = (0..7_u8).map(|number| leaf(&[number; 16], &[number])).collect();
        let base = root(&entries);
        assert_eq!(root(&entries), base);
        let mut swapped = entries.clone();
        swapped.swap(2, 3);
        let mut salted = entries.clone();
        salted[6] = leaf(&[9; 16], &[6]);
        for other in [&swapped[..], &salted, &entries[..6], &[]] {
            assert_ne!(root(other), base);
        }
        assert_ne!(leaf(b"ab", b"c"), leaf(b"a", b"bc"), "a salt cannot become part of an entry");
        assert_eq!(root(&entries[..1]), entries[0]);
        assert_eq!(hex(&[0, 255]), "00ff");
    }
}
