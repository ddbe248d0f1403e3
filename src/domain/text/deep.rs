//! Spellings that only somebody who hides something uses: reversed lines, letters for digits and digits for letters.
//!
//! Tried on pages that are flagged already, because they turn innocent text into numbers.

use std::ops::Range;

use super::blob::next_run;
use super::block::{self, BLOCK_BYTES, block_at};
use super::draft::Draft;
use super::map::{OffsetMap, Trace};

/// Of nine digits at least so many are written as digits.
const LEAST_DIGITS: usize = 5;
/// Digits that count where all are written as digits, and the most bytes from one to the next: two separators, or the signs of
/// a masked number.
const NUMBER_DIGITS: usize = 9;
const APART: usize = 12;

/// Returns a line read backwards.
pub(super) fn reversed(line: &str) -> String {
    line.chars().rev().collect()
}

/// Appends a line read backwards: its bytes turned round, then those of each character turned back.
fn push_reversed(out: &mut String, line: &str) {
    let mut bytes = line.as_bytes().to_vec();
    bytes.reverse();
    let mut at = 0;
    while at < bytes.len() {
        // Most of a line is seen to be ASCII eight bytes at a time.
        if bytes.get(at..).and_then(<[u8]>::first_chunk::<8>).is_some_and(|chunk| chunk.is_ascii()) {
            at += 8;
            continue;
        }
        if bytes.get(at).is_some_and(u8::is_ascii) {
            at += 1;
            continue;
        }
        let start = at;
        let is_behind_lead = |byte: &&u8| (0x80..0xc0).contains(*byte);
        at = start + 1 + bytes.iter().skip(start).take_while(is_behind_lead).count();
        if let Some(character) = bytes.get_mut(start..at) {
            character.reverse();
        }
    }
    match std::str::from_utf8(&bytes) {
        Ok(reversed) => out.push_str(reversed),
        // Cannot be: the characters are those of the line.
        Err(_) => out.extend(line.chars().rev()),
    }
}

/// The lines of a text that may hold a value worth it, each reversed in its place.
#[derive(Debug, Default)]
pub(super) struct Reversed {
    pub(super) lines: String,
    /// Where the lines stand in the text.
    places: OffsetMap,
}

impl Reversed {
    pub(super) fn of(text: &str) -> Self {
        let mut reversed = Self::default();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if is_worth_reversing(line) {
                let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
                reversed.places.copy(reversed.lines.len(), at, line.len() + end.len());
                push_reversed(&mut reversed.lines, line);
                reversed.lines.push_str(end);
            }
            at += line.len();
        }
        reversed
    }

    /// Returns where a range of the reversed lines stands in the text.
    pub(super) fn to_source(&self, range: &Range<usize>) -> Range<usize> {
        let bytes = self.lines.as_bytes();
        let start = memchr::memrchr(b'\n', bytes.get(..range.start).unwrap_or_default()).map_or(0, |at| at + 1);
        let rest = bytes.get(range.start..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map_or(bytes.len(), |at| range.start + at);
        let there = (start + end).saturating_sub(range.end)..(start + end).saturating_sub(range.start);
        self.places.to_source(&there)
    }
}

/// Tells whether a line holds nine digits close to each other, an address or a wallet's long name.
fn is_worth_reversing(line: &str) -> bool {
    let bytes = line.as_bytes();
    if !is_worth_reading(line) {
        return false;
    }
    holds_number(bytes) || memchr::memchr(b'@', bytes).is_some() || next_run(bytes, 0).is_some()
}

/// Tells whether nine digits follow each other, no two of them far apart.
fn holds_number(bytes: &[u8]) -> bool {
    let (mut digits, mut last) = (0, 0);
    (0..bytes.len()).step_by(BLOCK_BYTES).any(|start| {
        let mut mask = block::digits(&block_at(bytes, start));
        while mask != 0 && digits < NUMBER_DIGITS {
            let at = start + mask.trailing_zeros() as usize;
            mask &= mask - 1;
            digits = if at - last <= APART { digits + 1 } else { 1 };
            last = at;
        }
        digits == NUMBER_DIGITS
    })
}

/// What counts when it is found here is a number of nine digits, an address or a wallet's long name.
pub(super) fn is_worth_reading(line: &str) -> bool {
    let bytes = line.as_bytes();
    match bytes.iter().filter(|byte| byte.is_ascii_digit()).count() {
        0 => memchr::memchr(b'@', bytes).is_some(),
        1..LEAST_DIGITS => memchr::memchr(b'@', bytes).is_some() || next_run(bytes, 0).is_some(),
        LEAST_DIGITS.. => true,
    }
}

/// Finds the next word that means something else with its digits as letters or its letters as digits.
pub(super) fn next(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut from = from;
    loop {
        let word = next_word(bytes, from..bytes.len())?;
        // A plain number means what it says.
        if bytes.get(word.clone())?.iter().all(u8::is_ascii_digit) {
            from = word.end;
            continue;
        }
        if meanings(bytes.get(word.clone())?).any(|meant| meant.is_some()) {
            return Some(word);
        }
        from = word.end;
    }
}

/// Writes letters that stand for digits as digits in words that are mostly digits, and the other way round.
pub(super) fn leet<T: Trace + Default>(draft: &mut Draft<'_, T>, range: Range<usize>) {
    let source = draft.source.as_bytes();
    let (mut at, mut written) = (range.start, range.start);
    while let Some(word) = next_word(source, at..range.end) {
        for (index, meant) in meanings(source.get(word.clone()).unwrap_or_default()).enumerate() {
            if let Some(meant) = meant {
                let place = word.start + index;
                draft.copy(written..place);
                draft.replace(place..place + 1, [meant]);
                written = place + 1;
            }
        }
        at = word.end;
    }
    draft.copy(written..range.end);
}

/// Finds the next word with a digit or a sign in it; all others mean what they say.
#[expect(clippy::needless_bitwise_bool, reason = "without branches sixteen bytes are compared at once")]
fn next_word(bytes: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    let rest = bytes.get(range)?;
    let is_odd = |byte: u8| (byte.wrapping_sub(b'0') < 10) | (byte == b'$') | (byte == b'!') | (byte == b'|');
    let quiet = rest.chunks_exact(16).take_while(|chunk| !chunk.iter().fold(false, |seen, byte| seen | is_odd(*byte)));
    let start = 16 * quiet.count();
    let at = start + rest.get(start..)?.iter().position(|byte| is_odd(*byte))?;
    let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'!' | b'|');
    let before = rest.get(..at)?.iter().rev().take_while(is_word).count();
    let after = rest.get(at..)?.iter().take_while(is_word).count();
    let offset = bytes.len() - rest.len();
    Some(offset + at - before..offset + at + after)
}

/// Tells of each byte of a word what else it means.
fn meanings(word: &[u8]) -> impl Iterator<Item = Option<char>> {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_number = digits > 1 && word.iter().all(|byte| byte.is_ascii_digit() || digit(*byte).is_some());
    word.iter().enumerate().map(move |(index, byte)| {
        if is_number {
            return digit(*byte);
        }
        let beside = [index.wrapping_sub(1), index + 1].map(|index| word.get(index));
        let is_among_letters = beside.iter().flatten().any(|byte| byte.is_ascii_alphabetic())
            && beside.iter().flatten().all(|byte| !byte.is_ascii_digit());
        letter(*byte).filter(|_| is_among_letters)
    })
}

const fn digit(letter: u8) -> Option<char> {
    Some(match letter {
        b'o' | b'd' | b'q' => '0',
        b'i' | b'l' | b'!' | b'|' => '1',
        b'z' => '2',
        b'e' => '3',
        b'a' => '4',
        b's' | b'$' => '5',
        b'g' => '9',
        b't' => '7',
        b'b' => '8',
        _ => return None,
    })
}

const fn letter(digit: u8) -> Option<char> {
    Some(match digit {
        b'0' => 'o',
        b'1' | b'!' | b'|' => 'i',
        b'3' => 'e',
        b'4' => 'a',
        b'5' | b'$' => 's',
        b'7' => 't',
        b'8' => 'b',
        b'9' => 'g',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::draft::rewritten;
    use super::*;

    #[test]
    fn letters_and_digits_stand_for_each_other() {
        for (text, expected) in [
            ("999o4838e464s8s6", "9990483834645856"),
            ("gide0n br4ckenh0lt", "gideon brackenholt"),
            ("v4nta@m4il.example", "vanta@mail.example"),
            ("version 2 of word2vec", "version 2 of word2vec"),
        ] {
            assert_eq!(rewritten(text, leet), expected);
        }
    }

    #[test]
    fn a_reversed_range_stands_where_it_was() {
        let text = "名前 123\n名前 1234567890\nabc\nabc 1234-56789";
        let reversed = Reversed::of(text);
        assert_eq!(reversed.lines, "0987654321 前名\n98765-4321 cba");
        let source = |found: &str| {
            let at = reversed.lines.find(found).unwrap();
            text.get(reversed.to_source(&(at..at + found.len())))
        };
        assert_eq!((source("cba"), source("4321"), source("前")), (Some("abc"), Some("1234"), Some("前")));
    }

    #[test]
    fn lines_that_hold_no_number_of_nine_digits_are_not_turned_round() {
        let far = "1234 5678 and so on and on 9012, or 5 and then 6 and then 7";
        assert!(
            is_worth_reversing("cid 4321******202226")
                && is_worth_reversing("1 ・・2 ・・3 ・・4 ・・5 ・・6 ・・7 ・・8 ・・9")
        );
        assert!(!is_worth_reversing(far) && is_worth_reversing("1 2 3 4 5 6 7 8 9") && is_worth_reversing("12 a@b"));
        assert!(!is_worth_reversing("12345678") && is_worth_reversing("123456789"));
    }

    #[test]
    fn only_words_that_mean_something_else_are_told() {
        assert_eq!(next("in 2026 or 1999, b2 2b", 0), None);
        assert_eq!(next("in 2026 999o4838", 0), Some(8..16));
        assert_eq!(next("so gide0n said", 3), Some(3..9));
    }
}
