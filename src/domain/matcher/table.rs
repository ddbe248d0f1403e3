//! A set of hashes of exact strings that is asked far more often than it answers.
//!
//! A bitmap turns away nearly everything; what passes it costs one look at a directory and one at a few slots. What a slot
//! stands for is a number, which the caller checks against the text, so nothing of the strings is kept here: at ten
//! million strings that is the difference between 120 MB and 500. Not here: the strings themselves (`compile`).

const SEEDS: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93, 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];
/// Bits of the bitmap per string, at least: two are set for each, so that one question in forty passes by chance.
const FILTER_BITS: usize = 12;

/// Returns the hash of bytes: two multiplications for up to sixteen of them.
///
/// It need not be secret: who does not know the strings in the table cannot aim at them, and a collision costs a comparison.
#[inline]
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let length = bytes.len() as u64;
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let state = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(head), Some(tail)) => {
            let ends = multiplied(word(head) ^ SEEDS[0], word(tail) ^ SEEDS[1] ^ length);
            let middle = bytes.get(8..bytes.len().saturating_sub(8)).unwrap_or_default();
            middle.chunks(8).fold(ends, |state, chunk| multiplied(state ^ short(chunk), SEEDS[2]))
        }
        _ => multiplied(short(bytes) ^ SEEDS[0], SEEDS[1] ^ length),
    };
    multiplied(state ^ SEEDS[2], SEEDS[3])
}

#[inline]
fn short(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Both halves of a product, folded.
#[inline]
fn multiplied(left: u64, right: u64) -> u64 {
    let (low, high) = left.carrying_mul(right, 0);
    low ^ high
}

/// Hashes, each with the number it stands for; several may share a hash.
#[derive(Debug, Default)]
pub(super) struct Table {
    filter: Filter,
    /// Where the slots of each bucket begin; one more at the end.
    directory: Vec<u32>,
    directory_shift: u32,
    slots: Vec<Slot>,
}

/// The lower half of a hash, whose upper bits name the bucket, and what it stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    tag: u32,
    meaning: u32,
}

impl Table {
    /// Builds the table from lists of hashes and what they stand for: hashes are even, so counting them into buckets does
    /// nearly all of the sorting.
    pub(super) fn build(lists: &[Vec<(u64, u32)>]) -> Self {
        let length = lists.iter().map(Vec::len).sum::<usize>();
        let pairs = || lists.iter().flatten();
        let bits = (length / 2).max(1).next_power_of_two().trailing_zeros().max(1);
        let directory_shift = 64 - bits;
        let bucket = |hash: u64| usize::try_from(hash >> directory_shift).unwrap_or_default();
        let mut filter = Filter::with_room_for(length);
        let mut directory = vec![0_u32; (1 << bits) + 1];
        for (hash, _) in pairs() {
            filter.insert(*hash);
            directory.get_mut(bucket(*hash)).into_iter().for_each(|count| *count += 1);
        }
        directory.iter_mut().fold(0, |sum, count| {
            *count += sum;
            *count
        });
        let mut slots = vec![Slot::default(); length];
        for (hash, meaning) in pairs() {
            let Some(end) = directory.get_mut(bucket(*hash)) else { continue };
            *end -= 1;
            slots
                .get_mut(*end as usize)
                .into_iter()
                .for_each(|slot| *slot = Slot { tag: tag(*hash), meaning: *meaning });
        }
        let mut table = Self { filter, directory, directory_shift, slots };
        table.sort();
        table
    }

    /// Sorts each bucket and drops what it holds twice.
    fn sort(&mut self) {
        let (mut kept, mut start) = (0, 0);
        for bucket in 1..self.directory.len() {
            let end = self.directory.get(bucket).map_or(0, |end| *end as usize);
            let slots = self.slots.get_mut(start..end).unwrap_or_default();
            slots.sort_unstable();
            let mut last = None;
            for index in start..end {
                let slot = self.slots.get(index).copied();
                if let (true, Some(slot), Some(place)) = (slot != last, slot, self.slots.get_mut(kept)) {
                    *place = slot;
                    kept += 1;
                }
                last = slot;
            }
            start = end;
            // What each bucket begins with is known; where it ends is where the next one begins now.
            self.directory.get_mut(bucket).into_iter().for_each(|end| *end = u32::try_from(kept).unwrap_or(u32::MAX));
        }
        self.slots.truncate(kept);
        self.slots.shrink_to_fit();
    }

    /// Tells whether a hash may be one of the table's.
    #[inline]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        self.filter.may_hold(hash)
    }

    /// Lists what a hash stands for; with a chance of 2⁻⁵⁰ also what another hash does.
    pub(super) fn meanings(&self, hash: u64) -> impl Iterator<Item = u32> {
        let bucket = usize::try_from(hash >> self.directory_shift).unwrap_or_default();
        let border = |index: usize| self.directory.get(index).map_or(0, |at| *at as usize);
        let slots = self.slots.get(border(bucket)..border(bucket + 1)).unwrap_or_default();
        slots.iter().filter(move |slot| slot.tag == tag(hash)).map(|slot| slot.meaning)
    }

    /// Tells whether there are no strings.
    pub(super) const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes kept.
    pub(super) const fn bytes(&self) -> usize {
        self.filter.words.len() * 8 + self.directory.len() * 4 + self.slots.len() * size_of::<Slot>()
    }
}

const fn tag(hash: u64) -> u32 {
    (hash & 0xffff_ffff) as u32
}

/// A bitmap in which both bits of a hash lie in one word, so that a question touches one line of the cache.
#[derive(Debug)]
pub(super) struct Filter {
    words: Vec<u64>,
    shift: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self::with_room_for(0)
    }
}

impl Filter {
    /// Makes an empty bitmap for so many hashes.
    pub(super) fn with_room_for(hashes: usize) -> Self {
        let words = (hashes * FILTER_BITS / 64).next_power_of_two().max(16);
        Self { words: vec![0; words], shift: 64 - words.trailing_zeros() }
    }

    pub(super) fn insert(&mut self, hash: u64) {
        let place = self.place(hash);
        if let Some(word) = self.words.get_mut(place) {
            *word |= pattern(hash);
        }
    }

    #[inline]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let pattern = pattern(hash);
        self.words.get(self.place(hash)).is_some_and(|word| word & pattern == pattern)
    }

    fn place(&self, hash: u64) -> usize {
        usize::try_from(hash >> self.shift).unwrap_or_default()
    }
}

const fn pattern(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_string_is_found_and_no_other() {
        let texts: Vec<String> = (0..5000).map(|number| format!("{:012}", number * 7919)).collect();
        let table = Table::build(&[(0..).zip(&texts).map(|(index, text)| (hash(text.as_bytes()), index)).collect()]);
        let find = |text: &str| table.meanings(hash(text.as_bytes())).collect::<Vec<_>>();
        for (index, text) in (0..).zip(&texts) {
            assert!(table.may_hold(hash(text.as_bytes())));
            assert_eq!(find(text), vec![index]);
        }
        let others = (0..5000).map(|number| format!("{:012}", number * 7919 + 1));
        assert_eq!(others.flat_map(|other| find(&other)).count(), 0);
        assert_eq!(Table::build(&[]).meanings(hash(b"x")).count(), 0);
    }

    #[test]
    fn strings_that_share_a_hash_are_all_told() {
        let lists = [
            vec![(hash(b"12345"), 3), (hash(b"12345"), 1)],
            Vec::new(),
            vec![(hash(b"54321"), 2), (hash(b"12345"), 3)],
        ];
        let table = Table::build(&lists);
        assert_eq!(table.meanings(hash(b"12345")).collect::<Vec<_>>(), vec![1, 3]);
    }

    #[test]
    fn numbers_that_follow_each_other_spread_over_the_filter() {
        let numbers: Vec<String> = (0..20_000).map(|number| format!("99991200{number:08}")).collect();
        let table = Table::build(&[(0..).zip(&numbers).map(|(index, text)| (hash(text.as_bytes()), index)).collect()]);
        let strangers = (20_000..60_000).map(|number| format!("99991200{number:08}"));
        let passed = strangers.filter(|text| table.may_hold(hash(text.as_bytes()))).count();
        assert!(passed < 2000, "{passed} of 40000");
    }

    #[test]
    fn lengths_and_every_byte_count() {
        let text = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut hashes: Vec<u64> = (0..text.len()).map(|length| hash(text.get(..length).unwrap())).collect();
        for at in 0..text.len() {
            let mut changed = text.to_vec();
            changed[at] ^= 1;
            hashes.push(hash(&changed));
        }
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 2 * text.len());
    }
}
