//! Numbers and codes in a text, whatever separates their groups: `9990 4838-3464 5856`, `+1 (774) 555-0119`.
//!
//! Groups are maximal runs of ASCII letters and digits, so Han and Cyrillic neighbours are boundaries and a value inside a
//! longer run is none. Neighbouring groups form chains; every window of a chain that begins and ends at group borders and
//! is as long as some key is looked up. Cost grows with the text and with the number of distinct key lengths, not of keys:
//! text without digits is passed over 64 bytes at a time, a chain with fewer digits than any key has in one step.

use std::ops::Range;

use super::shape::{LONGEST_KEY, Shape};
use super::table::{Table, hash};
use crate::domain::text::block::{BLOCK_BYTES, Block, Blocks, Work, digits, runs, with_newer_instructions};

/// Room for the letters and digits of a chain; when it is used up, the last [`LONGEST_KEY`] are kept.
const CHAIN_BYTES: usize = 512;
/// Windows that are looked up together, so that the memory's answers overlap.
const BATCH: usize = 64;

/// Takes part in a walk.
pub(super) trait Listener {
    /// A range whose letters and digits hash like a key, and what that key stands for; compare them.
    fn found(&mut self, range: Range<usize>, meaning: u32);

    /// One more group of what may be one value.
    fn group(&mut self, _range: Range<usize>) {}

    /// What follows belongs to another value.
    fn cut(&mut self) {}
}

/// Walks over one text.
pub(super) struct Walk<'a, L> {
    table: &'a Table,
    shape: &'a Shape,
    text: &'a [u8],
    blocks: Blocks<'a>,
    listener: L,
    chain: Chain,
    batch: [Window; BATCH],
    batched: usize,
}

/// What was read of a chain: its letters and digits without what separates them.
struct Chain {
    bytes: [u8; CHAIN_BYTES],
    length: usize,
    /// Bit `n` tells whether a group begins `n` letters and digits before the end.
    borders: u128,
}

/// A part of a chain whose hash is to be looked up.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    hash: u64,
    /// Where it ends in the text.
    end: usize,
    /// Letters and digits.
    length: usize,
}

impl<L: Listener> Work for &mut Walk<'_, L> {
    #[expect(clippy::inline_always, reason = "the walk is compiled twice, as one function each")]
    #[inline(always)]
    fn run(self) {
        self.walk();
    }
}

impl<'a, L: Listener> Walk<'a, L> {
    /// Tells a listener what stands in a folded text.
    pub(super) fn over(text: &'a [u8], table: &'a Table, shape: &'a Shape, listener: L) {
        if shape.longest == 0 {
            return;
        }
        let chain = Chain::empty();
        let (blocks, batch) = (Blocks::of(text), [Window::default(); BATCH]);
        let mut walk = Self { table, shape, text, blocks, listener, chain, batch, batched: 0 };
        with_newer_instructions(&mut walk);
    }

    #[expect(clippy::inline_always, reason = "the walk is compiled twice, as one function each")]
    #[inline(always)]
    fn walk(&mut self) {
        let mut ahead = Digits::of(self.text, self.shape.digits_in_two_blocks());
        let mut next = ahead.next(0);
        let mut at = 0;
        while let Some(digit) = next {
            at = self.pass(digit).unwrap_or_else(|| self.read(self.chain_start(digit, at)));
            self.listener.cut();
            // Where many digits are, another look ahead is not worth it.
            let near = self.blocks.at(at).digits;
            let is_dense = near.count_ones() >= ahead.least;
            next = if is_dense { Some(at + near.trailing_zeros() as usize) } else { ahead.next(at) };
        }
        self.look_up_batch();
    }

    /// Passes over what needs no reading: a number that stands by itself, which is one window, and what has fewer digits
    /// than any key. Returns where to go on.
    #[expect(clippy::inline_always, reason = "the walk is compiled twice, as one function each")]
    #[inline(always)]
    fn pass(&mut self, digit: usize) -> Option<usize> {
        let block = self.blocks.at(digit);
        let own = block.digits.trailing_ones() as usize;
        if own < BLOCK_BYTES && self.is_alone(&block, digit, own) {
            let end = digit + own;
            if own >= self.shape.digits as usize && own <= self.shape.longest {
                self.listener.group(digit..end);
                let number = self.text.get(digit..end).unwrap_or_default();
                if own <= LONGEST_KEY && self.shape.has_key_like(number) {
                    self.note(hash(number), end, own);
                }
            }
            return Some(end);
        }
        self.too_few_digits(&block, digit)
    }

    /// Tells whether neither letters nor what may separate groups stand beside so many digits.
    #[expect(clippy::inline_always, reason = "the walk is compiled twice, as one function each")]
    #[inline(always)]
    fn is_alone(&self, block: &Block, digit: usize, own: usize) -> bool {
        let is_open = |byte: u8| is_member(byte) || is_separator(byte) || matches!(byte, 0xc2 | 0xb7);
        let before = digit.checked_sub(1).and_then(|before| self.byte(before));
        (block.members() | block.separators) >> own & 1 == 0
            && self.byte(digit + own) != Some(0xc2)
            && !before.is_some_and(is_open)
    }

    /// Tells where to go on if the digits that can belong to one key with this first one are fewer than any key has.
    #[expect(clippy::inline_always, reason = "the walk is compiled twice, as one function each")]
    #[inline(always)]
    fn too_few_digits(&self, block: &Block, digit: usize) -> Option<usize> {
        let mut run = (block.digits | block.separators).trailing_ones();
        if self.shape.has_inner_letters {
            run = (block.members() | block.separators).trailing_ones();
            run = run.min(runs(block.letters, self.shape.letters + 1).trailing_zeros());
        }
        let run = run as usize;
        let is_far = run >= BLOCK_BYTES || self.byte(digit + run) == Some(0xc2);
        let is_short = !is_far && (block.digits & low(run)).count_ones() < self.shape.digits;
        // Letters that follow without a gap belong to the same group: what stands behind them there begins no value.
        let is_inside = block.members() >> (run - 1) & 1 == 1;
        is_short.then(|| if is_inside { self.group_end(digit + run) } else { digit + run })
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// Goes back from a chain's first digit over the letters that a key may begin with; not past `floor`.
    fn chain_start(&self, digit: usize, floor: usize) -> usize {
        let before = |end: usize, is_own: fn(&u8) -> bool| {
            let before = self.text.get(floor..end).unwrap_or_default();
            before.iter().rev().take_while(|byte| is_own(byte)).count()
        };
        let letters_before = |end: usize| before(end, u8::is_ascii_lowercase);
        // The group may have begun in a block that was passed over.
        let mut letters = before(digit, |byte| is_member(*byte));
        let mut start = digit - letters;
        while letters < self.shape.leading {
            let Some(end) = self.letters_end_before(start, floor) else { break };
            let more = letters_before(end);
            if letters + more > self.shape.leading {
                break;
            }
            letters += more;
            start = end - more;
        }
        start
    }

    /// Returns where letters end that only what may separate groups parts from `start`.
    fn letters_end_before(&self, start: usize, floor: usize) -> Option<usize> {
        let is_parted = start > floor && self.byte(start - 1).is_some_and(|byte| is_separator(byte) || byte == 0xb7);
        if !is_parted {
            return None;
        }
        let ends = (start.saturating_sub(4).max(floor + 1)..start).rev();
        let end = ends.into_iter().find(|end| self.byte(end - 1).is_some_and(|byte| byte.is_ascii_lowercase()))?;
        (self.gap_end(end) == Some(start)).then_some(end)
    }

    /// Reads a chain and looks its windows up; returns where to go on.
    #[expect(clippy::inline_always, reason = "the walk is compiled twice, as one function each")]
    #[inline(always)]
    fn read(&mut self, start: usize) -> usize {
        self.chain.clear();
        let mut at = start;
        loop {
            let block = self.blocks.at(at);
            let mut own = block.members().trailing_ones() as usize;
            if own == BLOCK_BYTES {
                own = self.group_end(at) - at;
            }
            let letters = block.letters & low(own);
            let has_word = letters != 0 && runs(letters, self.shape.letters + 1) != 0;
            if has_word || own > self.shape.longest || own == 0 {
                return (at + own).max(start + 1);
            }
            self.chain.push(self.text.get(at..).unwrap_or_default(), own);
            self.listener.group(at..at + own);
            at += own;
            self.add_windows(at);
            let gap = block.separators.checked_shr(u32::try_from(own).unwrap_or(u64::BITS)).unwrap_or(0).trailing_ones()
                as usize;
            // One separator or two and then a letter or digit: that needs no second look.
            let is_plain = matches!(gap, 1 | 2) && own + gap < BLOCK_BYTES && block.members() >> (own + gap) & 1 == 1;
            let Some(next) = (if is_plain { Some(at + gap) } else { self.gap_end(at) }) else { return at };
            if self.text.get(at..next).unwrap_or_default().iter().any(|byte| matches!(byte, b',' | b'\t' | b'/' | b'_'))
            {
                self.listener.cut();
            }
            at = next;
        }
    }

    /// Notes the windows that end where the chain ends now.
    #[expect(clippy::inline_always, reason = "the walk is compiled twice, as one function each")]
    #[inline(always)]
    fn add_windows(&mut self, end: usize) {
        let mut windows = self.chain.borders & self.shape.lengths;
        if windows == 0 || !self.shape.may_end(self.chain.all()) {
            return;
        }
        while windows != 0 {
            let length = windows.trailing_zeros() as usize;
            windows &= windows - 1;
            if self.shape.may_begin(self.chain.from(length), length) {
                self.note(hash(self.chain.last(length)), end, length);
            }
        }
    }

    #[expect(clippy::inline_always, reason = "the walk is compiled twice, as one function each")]
    #[inline(always)]
    fn note(&mut self, hash: u64, end: usize, length: usize) {
        if self.batched == BATCH {
            self.look_up_batch();
        }
        if let Some(window) = self.batch.get_mut(self.batched) {
            *window = Window { hash, end, length };
            self.batched += 1;
        }
    }

    fn look_up_batch(&mut self) {
        let table = self.table;
        let batch = self.batch.get(..self.batched).unwrap_or_default();
        for window in batch.iter().filter(|window| table.may_hold(window.hash)) {
            for meaning in table.meanings(window.hash) {
                self.listener.found(window_start(self.text, window)..window.end, meaning);
            }
        }
        self.batched = 0;
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

impl Chain {
    const fn empty() -> Self {
        Self { bytes: [0; CHAIN_BYTES], length: 0, borders: 0 }
    }

    const fn clear(&mut self) {
        (self.length, self.borders) = (0, 0);
    }

    /// Appends the group of so many bytes that the text begins with; at most [`LONGEST_KEY`].
    fn push(&mut self, text: &[u8], own: usize) {
        if self.length + LONGEST_KEY > CHAIN_BYTES {
            self.bytes.copy_within(self.length - LONGEST_KEY..self.length, 0);
            self.length = LONGEST_KEY;
        }
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        match (room.first_chunk_mut::<16>(), text.first_chunk::<16>()) {
            // Copying a few bytes too many is cheaper than counting them.
            (Some(room), Some(group)) if own <= 16 => *room = *group,
            _ => room.iter_mut().zip(text.iter().take(own)).for_each(|(to, from)| *to = *from),
        }
        self.length += own;
        // A group is at most `LONGEST_KEY` long, so the shift cannot overflow.
        self.borders = (self.borders | 1) << own;
    }

    /// Returns all that is remembered.
    #[inline]
    fn all(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Returns what begins so many letters and digits before the end, and more.
    #[inline]
    fn from(&self, count: usize) -> &[u8] {
        self.bytes.get(self.length.saturating_sub(count)..).unwrap_or_default()
    }

    #[inline]
    fn last(&self, count: usize) -> &[u8] {
        self.bytes.get(self.length.saturating_sub(count)..self.length).unwrap_or_default()
    }
}

/// Goes back over as many letters and digits as a window has.
fn window_start(text: &[u8], window: &Window) -> usize {
    let before = text.get(..window.end).unwrap_or_default();
    let members = before.iter().enumerate().rev().filter(|(_, byte)| is_member(**byte));
    members.take(window.length).last().map_or(window.end, |(at, _)| at)
}

/// The lowest bits.
const fn low(count: usize) -> u64 {
    if count < BLOCK_BYTES { (1 << count) - 1 } else { u64::MAX }
}

const fn is_member(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_lowercase()
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'-' | b'.' | b'/' | b'(' | b')' | b'_' | b',')
}

/// Finds digits, 64 bytes at a time; passes over blocks that have too few of them for a key to begin there.
struct Digits<'a> {
    text: &'a [u8],
    /// How many digits the block in which a key begins and the next one have at least.
    least: u32,
    /// The block whose digits `mask` tells, less those that have been passed.
    start: usize,
    mask: u64,
    /// The digits of the next block.
    next_mask: u64,
}

impl<'a> Digits<'a> {
    fn of(text: &'a [u8], least: u32) -> Self {
        let mut digits = Self { text, least, start: 0, mask: 0, next_mask: 0 };
        digits.go_to(0);
        digits
    }

    fn go_to(&mut self, at: usize) {
        self.start = at;
        self.mask = self.look(at);
        self.next_mask = self.look(at + BLOCK_BYTES);
    }

    fn look(&self, at: usize) -> u64 {
        match self.text.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(block) => digits(block),
            None => Block::at(self.text, at).digits,
        }
    }

    /// Returns the first digit at `from` or behind it with which a key may begin; `from` never goes back.
    #[expect(clippy::inline_always, reason = "the walk is compiled twice, as one function each")]
    #[inline(always)]
    fn next(&mut self, from: usize) -> Option<usize> {
        let passed = from - self.start;
        if passed < BLOCK_BYTES {
            self.mask &= u64::MAX << passed;
        } else {
            self.go_to(from);
        }
        while self.start < self.text.len() {
            if self.mask != 0 && self.mask.count_ones() + self.next_mask.count_ones() >= self.least {
                return Some(self.start + self.mask.trailing_zeros() as usize);
            }
            self.start += BLOCK_BYTES;
            self.mask = self.next_mask;
            self.next_mask = self.look(self.start + BLOCK_BYTES);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Finds<'a> {
        text: &'a str,
        keys: &'a [&'a str],
        found: &'a mut Vec<(Range<usize>, String)>,
    }

    impl Listener for Finds<'_> {
        fn found(&mut self, range: Range<usize>, index: u32) {
            let key = self.keys[index as usize];
            let window = self.text.get(range.clone()).unwrap();
            assert!(window.bytes().filter(|byte| is_member(*byte)).eq(key.bytes()), "{window} is not {key}");
            self.found.push((range, key.to_owned()));
        }
    }

    fn found_in(text: &str, keys: &[&str]) -> Vec<(Range<usize>, String)> {
        let mut sorted: Vec<&str> = keys.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let table = Table::build(&[(0..).zip(&sorted).map(|(index, key)| (hash(key.as_bytes()), index)).collect()]);
        let mut shape = Shape::default();
        for key in &sorted {
            shape.add(key);
        }
        let mut found = Vec::new();
        Walk::over(text.as_bytes(), &table, &shape, Finds { text, keys: &sorted, found: &mut found });
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
            ("1ex6986859770124757", vec![]),
            ("4 ex6986859770124757", vec!["ex6986859770124757"]),
            ("2024-01-02 ex 6986859770124757", vec!["ex6986859770124757"]),
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

    /// Longer than a few blocks, with values across their borders.
    fn sparse() -> impl Strategy<Value = String> {
        let piece = proptest::sample::select(vec![
            "1111222",
            "12",
            "1",
            "1 2",
            "-",
            " ",
            "2222 1111-222",
            "1a2b3c",
            "卡号",
            "quiet words here ",
            "|",
            "a1",
            "1111222211112222",
        ]);
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn sparse_texts_are_searched_like_dense_ones(text in sparse(), keys in proptest::collection::vec("(1111222|222|111122|a1){1,2}[12]{0,5}", 1..4)) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            prop_assert_eq!(found_in(&text, &keys), naive(&text, &keys));
        }
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
