//! A table of exact strings that is asked far more often than it answers.
//!
//! A bitmap that stays in the cache turns away nearly everything; only what passes it touches the slots, and only equal
//! bytes are an answer. Cost of a question does not depend on the number of strings.

/// Base of the polynomial hash; odd and without structure. It need not be secret: who does not know the strings in the
/// table cannot aim at them, and a collision costs a comparison.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX: u64 = 0xd6e8_feb8_6659_fd93;
/// Bits of the bitmap per string: one question in sixteen passes by chance.
const FILTER_BITS: usize = 16;

/// Hashes bytes one after another, so that the hash of a window follows from those of two prefixes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PrefixHash(u64);

impl PrefixHash {
    /// Returns the hash of the prefix that is one byte longer.
    pub(super) const fn then(self, byte: u8) -> Self {
        Self(self.0.wrapping_mul(BASE).wrapping_add(byte as u64 + 1))
    }

    /// Returns the hash of what follows `start` in this prefix; `power` is [`power`] of the length of that.
    pub(super) const fn since(self, start: Self, power: u64) -> u64 {
        self.0.wrapping_sub(start.0.wrapping_mul(power))
    }
}

/// Returns the factor by which a prefix's hash has grown after so many more bytes.
pub(super) fn power(length: usize) -> u64 {
    (0..length).fold(1, |power: u64, _| power.wrapping_mul(BASE))
}

/// Returns the hash of whole bytes.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(PrefixHash::default(), |prefix, byte| prefix.then(*byte)).0
}

/// Strings, each with a range of what it stands for.
#[derive(Debug, Default)]
pub(super) struct Table {
    bytes: Vec<u8>,
    keys: Vec<Key>,
    /// Index of a key plus one, or zero; at most half full.
    slots: Vec<u32>,
    slot_shift: u32,
    filter: Vec<u64>,
    filter_shift: u32,
}

#[derive(Debug, Clone, Copy)]
struct Key {
    start: usize,
    length: u32,
    targets: (u32, u32),
}

impl Table {
    /// Builds the table from strings in ascending order without repetition, each with its range of targets.
    pub(super) fn build<'a>(keys: impl Iterator<Item = (&'a str, (u32, u32))>) -> Self {
        let mut table = Self::default();
        for (text, targets) in keys {
            let start = table.bytes.len();
            table.bytes.extend_from_slice(text.as_bytes());
            table.keys.push(Key { start, length: u32::try_from(text.len()).unwrap_or(u32::MAX), targets });
        }
        let filter_bits = (table.keys.len() * FILTER_BITS).next_power_of_two().max(1 << 10);
        table.filter = vec![0; filter_bits / 64];
        table.filter_shift = 64 - filter_bits.trailing_zeros();
        let slots = (table.keys.len() * 2).next_power_of_two().max(2);
        table.slots = vec![0; slots];
        table.slot_shift = 64 - slots.trailing_zeros();
        for index in 0..table.keys.len() {
            table.insert(index);
        }
        table
    }

    fn insert(&mut self, index: usize) {
        let Some(hash) = self.keys.get(index).map(|key| mixed(hash(self.text(key)))) else { return };
        let bit = top_bits(hash, self.filter_shift);
        if let Some(word) = self.filter.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
        let mut slot = self.slot(hash);
        while self.slots.get(slot).is_some_and(|taken| *taken != 0) {
            slot = (slot + 1) % self.slots.len();
        }
        if let Some(free) = self.slots.get_mut(slot) {
            *free = u32::try_from(index + 1).unwrap_or_default();
        }
    }

    /// Returns the targets of the string with this hash that `is_equal`.
    pub(super) fn find(&self, hash: u64, is_equal: impl Fn(&[u8]) -> bool) -> Option<(u32, u32)> {
        let hash = mixed(hash);
        let bit = top_bits(hash, self.filter_shift);
        if self.filter.get(bit / 64)? >> (bit % 64) & 1 == 0 {
            return None;
        }
        let mut slot = self.slot(hash);
        loop {
            let index = self.slots.get(slot)?.checked_sub(1)? as usize;
            let key = self.keys.get(index)?;
            if is_equal(self.text(key)) {
                return Some(key.targets);
            }
            slot = (slot + 1) % self.slots.len();
        }
    }

    /// Tells whether there are no strings.
    pub(super) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn slot(&self, hash: u64) -> usize {
        top_bits(hash.wrapping_mul(MIX), self.slot_shift)
    }

    fn text(&self, key: &Key) -> &[u8] {
        self.bytes.get(key.start..key.start + key.length as usize).unwrap_or_default()
    }
}

/// Spreads a polynomial hash over all bits.
const fn mixed(hash: u64) -> u64 {
    (hash ^ (hash >> 32)).wrapping_mul(MIX)
}

fn top_bits(hash: u64, shift: u32) -> usize {
    usize::try_from(hash >> shift).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_string_is_found_and_no_other() {
        let texts: Vec<String> = (0..5000).map(|number| format!("{:012}", number * 7919)).collect();
        let table = Table::build((0_u32..).zip(&texts).map(|(index, text)| (text.as_str(), (index, index + 1))));
        for (index, text) in (0_u32..).zip(&texts) {
            let found = table.find(hash(text.as_bytes()), |bytes| bytes == text.as_bytes());
            assert_eq!(found, Some((index, index + 1)));
        }
        for number in 0..5000 {
            let other = format!("{:012}", number * 7919 + 1);
            assert_eq!(table.find(hash(other.as_bytes()), |bytes| bytes == other.as_bytes()), None);
        }
        assert_eq!(Table::build(std::iter::empty()).find(hash(b"x"), |_| true), None);
    }

    #[test]
    fn a_window_hashes_like_the_same_bytes_alone() {
        let text = b"ex9990483834645856";
        let prefixes: Vec<PrefixHash> = std::iter::once(PrefixHash::default())
            .chain(text.iter().scan(PrefixHash::default(), |prefix, byte| {
                *prefix = prefix.then(*byte);
                Some(*prefix)
            }))
            .collect();
        assert_eq!(prefixes[18].since(prefixes[2], power(16)), hash(&text[2..]));
    }
}
