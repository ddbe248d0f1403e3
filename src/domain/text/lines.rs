//! Numbers that are split over lines, table rows or columns: `9990 4838` at the end of one, `3464 5856` on the next.
//!
//! Only where the digits at both sides are few enough to be halves of one number. What is found here must be long, because
//! numbers of different rows meet.

use std::ops::Range;

use super::draft::Draft;
use super::map::Trace;

/// The longest number that is looked for across lines: more digits beside a break are two numbers.
const DIGITS: usize = 20;
/// Bytes that may stand between two halves.
const GAP_BYTES: usize = 6;
/// How far around a break the halves may reach.
const REACH_BYTES: usize = 48;

/// Finds the next break between two halves of a number, as the range of both.
pub(super) fn next(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut from = from;
    loop {
        let at = from + memchr::memchr2(b'\n', b'|', bytes.get(from..)?)?;
        let before = bytes.get(at.saturating_sub(REACH_BYTES)..at).unwrap_or_default();
        let after = bytes.get(at..(at + REACH_BYTES).min(bytes.len())).unwrap_or_default();
        let blank = before.iter().rev().take(GAP_BYTES).take_while(|byte| is_gap(**byte)).count();
        let gap = after.iter().take(GAP_BYTES + 1).take_while(|byte| is_gap(**byte)).count();
        let left = before.iter().rev().skip(blank).take_while(|byte| byte.is_ascii_digit()).count();
        let right = after.iter().skip(gap).take_while(|byte| byte.is_ascii_digit()).count();
        from = at + gap.max(1);
        if left > 0 && right > 0 && left + right <= DIGITS && blank + gap <= GAP_BYTES {
            let reach =
                |byte: &&u8| byte.is_ascii_alphanumeric() || is_gap(**byte) || matches!(byte, b'-' | b'.' | b'/');
            let start = at - before.iter().rev().take_while(reach).count();
            let end = at + after.iter().take_while(reach).count();
            return Some(start..end);
        }
    }
}

/// Writes a part of a text with its lines joined.
pub(super) fn rewrite<T: Trace + Default>(draft: &mut Draft<'_, T>, range: Range<usize>) {
    let bytes = draft.source.as_bytes().get(..range.end).unwrap_or_default();
    let mut at = range.start;
    while at < range.end {
        let rest = bytes.get(at..).unwrap_or_default();
        let text = rest.iter().position(|byte| is_gap(*byte)).unwrap_or(rest.len());
        draft.copy(at..at + text);
        at += text;
        let rest = bytes.get(at..).unwrap_or_default();
        let gap = rest.iter().take_while(|byte| is_gap(**byte)).count();
        let is_break = rest.iter().take(gap).any(|byte| matches!(byte, b'\n' | b'|'));
        match gap {
            0 => {}
            1..=GAP_BYTES if is_break => draft.replace(at..at + gap, [' ']),
            _ => draft.copy(at..at + gap),
        }
        at += gap;
    }
}

const fn is_gap(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | b'|')
}

#[cfg(test)]
mod tests {
    use super::super::draft::rewritten;
    use super::*;

    #[test]
    fn halves_of_a_number_meet() {
        for (text, joined) in [
            ("card 9990 4838\n3464 5856 valid", Some(" 9990 4838 3464 5856 ")),
            ("9990 | 4838 | 3464 | 5856", Some("9990 4838 3464 5856")),
            ("9990\n4838\n3464\n5856", Some("9990 4838 3464 5856")),
            ("13800138000\n13900139000", None),
            ("abc\n123", None),
            ("123\n\n\n\n\n\n\n\n456", None),
        ] {
            let found = next(text, 0).map(|range| rewritten(text.get(range).unwrap(), rewrite));
            assert_eq!(found.is_some(), joined.is_some(), "{text}");
            if let (Some(found), Some(joined)) = (found, joined) {
                assert!(found.contains(joined.trim()), "{found}");
            }
        }
    }
}
