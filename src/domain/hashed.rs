//! Maps and sets of numbers that are hashes already, which are not hashed again.
//!
//! Only for hashes that nobody can choose to meet: keyed ones, or of what we made ourselves.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map by hash.
pub type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<AsItIs>>;

/// A set of hashes.
pub type HashedSet = HashSet<u64, BuildHasherDefault<AsItIs>>;

/// Makes an empty map with room for so many.
pub fn map_with_room<V>(room: usize) -> HashedMap<V> {
    HashedMap::with_capacity_and_hasher(room, BuildHasherDefault::default())
}

/// Makes an empty set with room for so many.
pub fn set_with_room(room: usize) -> HashedSet {
    HashedSet::with_capacity_and_hasher(room, BuildHasherDefault::default())
}

/// Takes a number for its own hash.
#[derive(Debug, Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
