//! Numbers and codes in a text, whatever separates their groups: `9990 4838-3464 5856`, `+1 (774) 555-0119`.
//!
//! Groups are maximal runs of ASCII letters and digits, so Han and Cyrillic neighbours are boundaries and a value inside a
//! longer run is none. Neighbouring groups form chains; every window of a chain that begins and ends at group borders and
//! is as long as some key is looked up. Cost grows with the text and with the number of distinct key lengths, not of keys.

use std::ops::Range;

use super::table::{PrefixHash, Table, power};

/// What all keys have in common; what does not fit is passed over without a look-up.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Bit `n` tells whether some key has `n` bytes.
    lengths: u128,
    /// [`power`] of each length.
    powers: Vec<u64>,
    longest: usize,
    /// The longest run of letters in any key: `ex6986…` has two, `gb82west…` four.
    letters: usize,
    /// The most letters that any key begins with.
    leading: usize,
}

impl Shape {
    /// Measures the keys; one of more than [`LONGEST_KEY`] bytes is never found.
    pub(super) fn of<'a>(keys: impl Iterator<Item = &'a str>) -> Self {
        let mut shape = Self::default();
        for key in keys.filter(|key| key.len() <= LONGEST_KEY) {
            shape.lengths |= 1 << key.len();
            shape.longest = shape.longest.max(key.len());
            let mut runs = key.split(|character: char| character.is_ascii_digit()).map(str::len);
            shape.leading = shape.leading.max(runs.clone().next().unwrap_or_default());
            shape.letters = shape.letters.max(runs.by_ref().max().unwrap_or_default());
        }
        shape.powers = (0..=shape.longest).map(power).collect();
        shape
    }
}

/// Longer identifiers do not exist; the walk remembers no more of a chain than twice this.
const LONGEST_KEY: usize = 64;

/// Walks over one text.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    table: &'a Table,
    shape: &'a Shape,
    text: &'a [u8],
    /// The last groups of the chain, each at its place in the chain modulo the ring's length: a key that ends here can
    /// only begin at one of them.
    ring: [Group; 2 * LONGEST_KEY],
}

/// Where a group begins: in the text, and the hash of the chain before it.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    start: usize,
    before: PrefixHash,
}

/// Where a chain ends so far.
#[derive(Debug, Default)]
struct ChainEnd {
    /// In the text.
    at: usize,
    /// Letters and digits of the chain.
    length: usize,
    prefix: PrefixHash,
    /// Bit `n` tells whether a group begins `n` letters and digits before the end.
    borders: u128,
}

impl<'a> Walk<'a> {
    /// Calls `found` with the range and the targets of every key in a folded text.
    pub(super) fn over(
        text: &'a [u8],
        table: &'a Table,
        shape: &'a Shape,
        found: &mut impl FnMut(Range<usize>, (u32, u32)),
    ) {
        if table.is_empty() {
            return;
        }
        let mut walk = Self { table, shape, text, ring: [Group::default(); 2 * LONGEST_KEY] };
        let mut at = 0;
        while let Some(digit) = next_digit(text, at) {
            let start = walk.chain_start(digit, at);
            at = walk.chain(start, found);
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// Goes back from a chain's first digit over the letters that a key may begin with; not past `floor`.
    fn chain_start(&self, digit: usize, floor: usize) -> usize {
        let letters_before = |end: usize| {
            let before = self.text.get(floor..end).unwrap_or_default();
            before.iter().rev().take_while(|byte| byte.is_ascii_lowercase()).count()
        };
        let mut letters = letters_before(digit);
        let mut start = digit - letters;
        while letters < self.shape.leading {
            let gaps = (1..=4).filter_map(|gap| start.checked_sub(gap)).filter(|from| *from > floor);
            let Some(end) = gaps.into_iter().find(|from| {
                self.byte(from - 1).is_some_and(|byte| byte.is_ascii_lowercase()) && self.gap_end(*from) == Some(start)
            }) else {
                break;
            };
            let more = letters_before(end);
            if letters + more > self.shape.leading {
                break;
            }
            letters += more;
            start = end - more;
        }
        start
    }

    /// Reads a chain and looks its windows up; returns where to go on.
    fn chain(&mut self, start: usize, found: &mut impl FnMut(Range<usize>, (u32, u32))) -> usize {
        let mut end = ChainEnd { at: start, ..ChainEnd::default() };
        loop {
            let group = end.at;
            if let Some(slot) = self.ring.get_mut(end.length % (2 * LONGEST_KEY)) {
                *slot = Group { start: group, before: end.prefix };
            }
            let mut own_letters = 0;
            while let Some(byte) = self.byte(end.at).filter(|byte| is_member(*byte)) {
                own_letters = if byte.is_ascii_digit() { 0 } else { own_letters + 1 };
                if own_letters > self.shape.letters || end.at - group >= self.shape.longest {
                    return self.group_end(end.at);
                }
                end.prefix = end.prefix.then(byte);
                end.at += 1;
            }
            let own = end.at - group;
            // A group is at most `LONGEST_KEY` long, so the shift cannot overflow.
            end.borders = (end.borders | 1) << own;
            end.length += own;
            self.look_up(&end, found);
            match self.gap_end(end.at) {
                Some(next) => end.at = next,
                None => return end.at.max(start + 1),
            }
        }
    }

    /// Looks up the windows that end where the chain ends now.
    fn look_up(&self, end: &ChainEnd, found: &mut impl FnMut(Range<usize>, (u32, u32))) {
        let mut windows = end.borders & self.shape.lengths;
        while windows != 0 {
            let bytes = windows.trailing_zeros() as usize;
            windows &= windows - 1;
            let Some(first) = end.length.checked_sub(bytes) else { return };
            let Some(group) = self.ring.get(first % (2 * LONGEST_KEY)) else { return };
            let power = self.shape.powers.get(bytes).copied().unwrap_or_default();
            let window = group.start..end.at;
            let hash = end.prefix.since(group.before, power);
            if let Some(targets) = self.table.find(hash, |key| self.is_spelled(&window, key)) {
                found(window, targets);
            }
        }
    }

    /// Tells whether the letters and digits of a range are exactly a key.
    fn is_spelled(&self, window: &Range<usize>, key: &[u8]) -> bool {
        let text = self.text.get(window.clone()).unwrap_or_default();
        text.iter().filter(|byte| is_member(**byte)).eq(key)
    }

    fn group_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.iter().position(|byte| !is_member(*byte)).unwrap_or(rest.len())
    }

    /// Returns where the next group begins if what stands at `at` may separate the groups of one value: two separators
    /// at most, or one between two spaces.
    fn gap_end(&self, at: usize) -> Option<usize> {
        let mut end = at;
        let mut separators = 0;
        let mut is_spaced = self.byte(at) == Some(b' ');
        loop {
            match self.byte(end)? {
                byte if is_member(byte) => return if separators > 0 { Some(end) } else { None },
                byte if is_separator(byte) => {
                    // ` - `: the middle must be a sign, the last a space again.
                    is_spaced &= match separators {
                        1 => byte != b' ',
                        2 => byte == b' ',
                        _ => true,
                    };
                    end += 1;
                }
                // A middle dot is two bytes of UTF-8.
                0xc2 if self.byte(end + 1) == Some(0xb7) => end += 2,
                _ => return None,
            }
            separators += 1;
            if separators > 3 || (separators == 3 && !is_spaced) {
                return None;
            }
        }
    }
}

const fn is_member(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_lowercase()
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'-' | b'.' | b'/' | b'(' | b')' | b'_' | b',')
}

/// Finds the next ASCII digit; sixteen bytes at a time where there is none.
fn next_digit(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let mut skipped = 0;
    for chunk in rest.chunks_exact(16) {
        if chunk.iter().fold(false, |seen, byte| seen | byte.is_ascii_digit()) {
            break;
        }
        skipped += 16;
    }
    let tail = rest.get(skipped..)?;
    tail.iter().position(u8::is_ascii_digit).map(|at| from + skipped + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found_in(text: &str, keys: &[&str]) -> Vec<(Range<usize>, String)> {
        let mut sorted: Vec<&str> = keys.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let table = Table::build((0_u32..).zip(&sorted).map(|(index, key)| (*key, (index, index + 1))));
        let shape = Shape::of(sorted.iter().copied());
        let mut found = Vec::new();
        Walk::over(text.as_bytes(), &table, &shape, &mut |range, (index, _)| {
            found.push((range, sorted[index as usize].to_owned()));
        });
        found.sort_by_key(|(range, key)| (range.start, range.end, key.clone()));
        found
    }

    /// Tries every pair of group borders.
    fn naive(text: &str, keys: &[&str]) -> Vec<(Range<usize>, String)> {
        let bytes = text.as_bytes();
        let is_border = |at: usize| at == 0 || at == bytes.len() || !is_member(bytes[at - 1]) || !is_member(bytes[at]);
        let is_gap = |gap: &[u8]| match gap {
            [_] | [_, _] => gap.iter().all(|byte| is_separator(*byte)),
            [b' ', middle, b' '] => is_separator(*middle) && *middle != b' ',
            _ => false,
        };
        let mut found = Vec::new();
        for start in (0..bytes.len()).filter(|at| is_border(*at) && is_member(bytes[*at])) {
            for end in (start + 1..=bytes.len()).filter(|at| is_border(*at) && is_member(bytes[*at - 1])) {
                let piece = text.get(start..end).unwrap();
                let gaps_fit = piece
                    .split(|character: char| character.is_ascii_digit() || character.is_ascii_lowercase())
                    .filter(|gap| !gap.is_empty())
                    .all(|gap| is_gap(gap.as_bytes()));
                let compact: String = piece.chars().filter(char::is_ascii_alphanumeric).collect();
                if gaps_fit && keys.contains(&compact.as_str()) {
                    found.push((start..end, compact));
                }
            }
        }
        found
    }

    #[test]
    fn separated_glued_and_bounded_values() {
        let keys = [
            "9990483834645856",
            "ex6986859770124757",
            "gb82west12345698765432",
            "17745550119",
            "7745550119",
            "000401022",
        ];
        for (text, expected) in [
            ("9990483834645856", vec!["9990483834645856"]),
            ("9990 4838 3464 5856", vec!["9990483834645856"]),
            ("9990-4838-3464-5856,", vec!["9990483834645856"]),
            ("9990 - 4838 - 3464 - 5856", vec!["9990483834645856"]),
            ("9 9 9 0 4 8 3 8 3 4 6 4 5 8 5 6", vec!["9990483834645856"]),
            ("9990·4838·3464·5856", vec!["9990483834645856"]),
            ("卡号9990483834645856有效", vec!["9990483834645856"]),
            ("x9990483834645856", vec![]),
            ("99904838346458561", vec![]),
            ("9990   4838   3464   5856", vec![]),
            ("ex6986859770124757", vec!["ex6986859770124757"]),
            ("account ex 6986 8597 7012 4757 ok", vec!["ex6986859770124757"]),
            ("iban: gb82 west 1234 5698 7654 32.", vec!["gb82west12345698765432"]),
            ("+1 (774) 555-0119", vec!["17745550119", "7745550119"]),
            ("call 774.555.0119 now", vec!["7745550119"]),
            ("000-40-1022|000401022", vec!["000401022", "000401022"]),
            ("id 12 000401022", vec!["000401022"]),
        ] {
            let found: Vec<String> = found_in(text, &keys).into_iter().map(|(_, key)| key).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn endless_chains_and_runs_take_linear_time() {
        for piece in ["1 ", "1", "a1", "12-", "1  ", "(1)", "x9 ", "ab "] {
            let text = piece.repeat(200_000 / piece.len());
            assert!(found_in(&text, &["9990483834645856", "ex6986859770124757"]).is_empty());
        }
        let text = format!("{}9990 4838 3464 5856", "7 ".repeat(20_000));
        assert_eq!(found_in(&text, &["9990483834645856"]).len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_walk_finds_what_a_naive_search_finds(text in "[12a \\-,|]{0,40}", keys in proptest::collection::vec("[12a]{2,7}", 1..6)) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).filter(|key| key.bytes().any(|b| b.is_ascii_digit())).collect();
            prop_assert_eq!(found_in(&text, &keys), naive(&text, &keys));
        }
    }
}
