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
        level = above(&level);
    }
    level[0]
}

/// A node beside the way from a leaf to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// It stands to the left.
    Left(Hash),
    /// It stands to the right.
    Right(Hash),
}

/// Returns what stands beside the way from the leaf at `place` to the root, from below; `None` if there is no such leaf.
pub fn path(leaves: &[Hash], place: usize) -> Option<Vec<Beside>> {
    leaves.get(place)?;
    let (mut level, mut place, mut path) = (leaves.to_vec(), place, Vec::new());
    while level.len() > 1 {
        if place.is_multiple_of(2) {
            path.extend(level.get(place + 1).copied().map(Beside::Right));
        } else {
            path.extend(level.get(place - 1).copied().map(Beside::Left));
        }
        level = above(&level);
        place /= 2;
    }
    Some(path)
}

/// Goes from a leaf to the root.
pub fn climb(leaf: Hash, path: &[Beside]) -> Hash {
    path.iter().fold(leaf, |hash, beside| match beside {
        Beside::Left(left) => node(left, &hash),
        Beside::Right(right) => node(&hash, right),
    })
}

fn above(level: &[Hash]) -> Vec<Hash> {
    let parent = |pair: &[Hash]| match pair {
        [left, right] => node(left, right),
        [lone] => *lone,
        _ => Hash::default(),
    };
    level.chunks(2).map(parent).collect()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
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

    #[test]
    fn every_leaf_has_a_way_to_the_root_and_no_other_leaf_takes_it() {
        for count in 1..=19_u8 {
            let leaves: Vec<Hash> = (0..count).map(|number| leaf(&[number; 16], &[number])).collect();
            for place in 0..usize::from(count) {
                let way = path(&leaves, place).unwrap();
                assert_eq!(climb(leaves[place], &way), root(&leaves), "{place} of {count}");
                assert_ne!(climb(leaf(b"other", b"entry"), &way), root(&leaves));
            }
            assert_eq!(path(&leaves, usize::from(count)), None);
        }
    }
}
