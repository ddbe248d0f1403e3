//! Numbers that are split over lines, table rows, columns or quoted cells: `9990 4838` at the end of one, `3464 5856` on the
//! next.
//!
//! Only where the digits at both sides are few enough to be halves of one number. What is found here must be long, because
//! numbers of different rows meet.

use std::ops::Range;

use super::block::{self, BLOCK_BYTES};
use super::draft::Draft;
use super::map::Trace;

/// The longest number that is looked for across lines: more digits beside a break are two numbers.
const DIGITS: usize = 20;
/// Bytes that may stand between two halves.
const GAP_BYTES: usize = 16;
/// How far around a break the halves may reach.
const REACH_BYTES: usize = 96;

/// Writes the parts of a text in which two halves of a number meet, with their lines joined; up to about `limit` bytes.
pub(super) fn rewrite_parts<T: Trace + Default>(draft: &mut Draft<'_, T>, limit: usize) {
    for part in Parts::of(draft.source) {
        if draft.text.len() >= limit {
            return;
        }
        let (written, changes) = (draft.text.len(), draft.changes);
        rewrite(draft, part.clone());
        if draft.changes > changes {
            draft.end_line(part.end);
        } else {
            draft.truncate(written);
        }
    }
}

/// The parts of a text in which two halves of a number may meet, ascending: what lies near a break between digits.
///
/// They hold nothing but ASCII letters and digits, gaps, and `-`, `.`, `/`.
struct Parts<'a> {
    bytes: &'a [u8],
    breaks: Breaks<'a>,
    from: usize,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), breaks: Breaks::of(text.as_bytes()), from: 0 }
    }
}

impl Iterator for Parts<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let at = self.breaks.next()?;
            if at >= self.from
                && let Some(part) = halves(self.bytes, at, &mut self.from)
            {
                self.from = part.end;
                return Some(part);
            }
        }
    }
}

/// Returns the range around a break that parts two halves of a number; moves `from` past what parts them.
fn halves(bytes: &[u8], at: usize, from: &mut usize) -> Option<Range<usize>> {
    let floor = *from;
    let before = bytes.get(at.saturating_sub(REACH_BYTES)..at).unwrap_or_default();
    let after = bytes.get(at..(at + REACH_BYTES).min(bytes.len())).unwrap_or_default();
    let blank = before.iter().rev().take(GAP_BYTES).take_while(|byte| is_gap(**byte)).count();
    let gap = after.iter().take(GAP_BYTES + 1).take_while(|byte| is_gap(**byte)).count();
    let left = before.iter().rev().skip(blank).take(DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    let right = after.iter().skip(gap).take(DIGITS + 1 - left).take_while(|byte| byte.is_ascii_digit()).count();
    *from = at + gap.max(1);
    if left == 0 || right == 0 || left + right > DIGITS || blank + gap > GAP_BYTES {
        return None;
    }
    let reaches = |byte: &&u8| REACHES.get(usize::from(**byte)).copied().unwrap_or_default();
    let start = at - before.iter().rev().take_while(reaches).count();
    let end = at + after.iter().take_while(reaches).count();
    Some(start.max(floor)..end)
}

/// What a part may hold.
static REACHES: [bool; 256] = {
    let mut reaches = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        reaches[byte as usize] = byte.is_ascii_alphanumeric() || is_gap(byte) || matches!(byte, b'-' | b'.' | b'/');
        byte += 1;
    }
    reaches
};

/// The breaks of a text with a digit or a blank on both sides, ascending; 64 bytes at a time.
struct Breaks<'a> {
    bytes: &'a [u8],
    /// The block whose breaks `mask` tells, less those that were told.
    start: usize,
    mask: u64,
    /// Breaks of the next block, and what may stand beside one there.
    next: (u64, u64),
    /// The last byte of the block before may stand beside a break.
    is_after_beside: bool,
}

impl<'a> Breaks<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let mut breaks = Self { bytes, start: 0, mask: 0, next: (0, 0), is_after_beside: false };
        breaks.next = breaks.look(0);
        breaks.look_ahead(0);
        breaks
    }

    fn look(&self, at: usize) -> (u64, u64) {
        match self.bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(block) => block::breaks(block),
            None => block::breaks(&block::block_at(self.bytes, at)),
        }
    }

    fn look_ahead(&mut self, start: usize) {
        let (breaks, beside) = self.next;
        self.next = self.look(start + BLOCK_BYTES);
        let after = beside >> 1 | self.next.1 << (BLOCK_BYTES - 1);
        self.mask = breaks & (beside << 1 | u64::from(self.is_after_beside)) & after;
        self.is_after_beside = beside >> (BLOCK_BYTES - 1) == 1;
        self.start = start;
    }
}

impl Iterator for Breaks<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            let start = self.start + BLOCK_BYTES;
            if start >= self.bytes.len() {
                return None;
            }
            self.look_ahead(start);
        }
        let at = self.start + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
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
        let is_break = rest.iter().take(gap).any(|byte| matches!(byte, b'\n' | b'|' | b';' | b'"'));
        match gap {
            0 => {}
            1..=GAP_BYTES if is_break => draft.replace(at..at + gap, [' ']),
            _ => draft.copy(at..at + gap),
        }
        at += gap;
    }
}

/// Tells what may stand between two halves.
const fn is_gap(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | b'|' | b';' | b'"' | b',')
}

#[cfg(test)]
mod tests {
    use super::super::map::NoTrace;
    use super::*;

    #[test]
    fn halves_of_a_number_meet() {
        for (text, joined) in [
            ("card 9990 4838\n3464 5856 valid", Some(" 9990 4838 3464 5856 ")),
            ("9990 | 4838 | 3464 | 5856", Some("9990 4838 3464 5856")),
            ("9990\n4838\n3464\n5856", Some("9990 4838 3464 5856")),
            ("9990;4838;3464;5856", Some("9990 4838 3464 5856")),
            ("\"9990\",\"4838\",\"3464\",\"5856\"", Some("9990 4838 3464 5856")),
            ("|   9990   |   4838   |   3464   |   5856   |", Some("9990 4838 3464 5856")),
            ("9990\r\n\r\n4838\r\n\r\n3464\r\n\r\n5856", Some("9990 4838 3464 5856")),
            ("13800138000\n13900139000", None),
            ("abc\n123", None),
            ("123\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n456", None),
        ] {
            for filler in [0, 50, 61, 63, 64, 100] {
                let text = format!("{}\n{text}", "x".repeat(filler));
                let mut draft = Draft::<NoTrace>::of(&text);
                rewrite_parts(&mut draft, usize::MAX);
                assert_eq!(Parts::of(&text).count() > 0, joined.is_some(), "{text}");
                match joined {
                    Some(joined) => assert!(draft.text.contains(joined.trim()), "{text}: {}", draft.text),
                    None => assert_eq!(draft.text, "", "{text}"),
                }
            }
        }
    }
}
