//! Spellings that only somebody who hides something uses: reversed lines, letters for digits and digits for letters.
//!
//! Tried on pages that are flagged already, because they turn innocent text into numbers.

use std::ops::Range;

use super::draft::Draft;
use super::map::Trace;

/// Returns a line read backwards.
pub(super) fn reversed(line: &str) -> String {
    line.chars().rev().collect()
}

/// Reverses each line of a text in its place, so that offsets of lines stay.
pub(super) fn reversed_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        lines.extend(line.chars().rev());
        lines.push_str(end);
    }
    lines
}

/// Returns where a range of [`reversed_lines`] stands in the text.
pub(super) fn unreversed(lines: &str, range: &Range<usize>) -> Range<usize> {
    let bytes = lines.as_bytes();
    let start = memchr::memrchr(b'\n', bytes.get(..range.start).unwrap_or_default()).map_or(0, |at| at + 1);
    let rest = bytes.get(range.start..).unwrap_or_default();
    let end = memchr::memchr(b'\n', rest).map_or(bytes.len(), |at| range.start + at);
    (start + end).saturating_sub(range.end)..(start + end).saturating_sub(range.start)
}

/// Writes letters that stand for digits as digits in words that are mostly digits, and the other way round.
pub(super) fn leet<T: Trace + Default>(draft: &mut Draft<'_, T>, range: Range<usize>) {
    let source = draft.source;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'!' | b'|');
    let mut at = range.start;
    while let Some(rest) = source.as_bytes().get(at..range.end).filter(|rest| !rest.is_empty()) {
        let other = rest.iter().position(|byte| is_word(*byte)).unwrap_or(rest.len());
        draft.copy(at..at + other);
        at += other;
        let rest = rest.get(other..).unwrap_or_default();
        let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        let is_number = word.iter().all(|byte| byte.is_ascii_digit() || digit(*byte).is_some());
        for (index, byte) in word.iter().enumerate() {
            let beside = [index.wrapping_sub(1), index + 1].map(|index| word.get(index).copied());
            let is_among_letters = beside.iter().flatten().any(u8::is_ascii_alphabetic)
                && beside.iter().flatten().all(|byte| !byte.is_ascii_digit());
            let meant = match (is_number, digits) {
                (true, 2..) => digit(*byte),
                _ if is_among_letters => letter(*byte),
                _ => None,
            };
            match meant {
                Some(meant) => draft.replace(at + index..at + index + 1, [meant]),
                None => draft.copy(at + index..at + index + 1),
            }
        }
        at += length;
    }
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
        let text = "名前 123\nabc 456";
        let lines = reversed_lines(text);
        assert_eq!(lines, "321 前名\n654 cba");
        let at = lines.find("cba").unwrap();
        assert_eq!(text.get(unreversed(&lines, &(at..at + 3))), Some("abc"));
        assert_eq!(text.get(unreversed(&lines, &(0..3))), Some("123"));
    }
}
