//! Ties the finds of one row together and decides which of them are hits.
//!
//! A row is a line of the view: a line of text, a table row, a record of a dump. In lines without end, what stands
//! further apart than [`ROW_BYTES`] is not one row.

use std::ops::Range;

use super::compile::{Compiled, Target};
use super::literal::find_in;
use crate::domain::identifier::STANDS_ALONE_BITS;

/// Longer records are rare, and so is the name of a canary that near its number by chance.
const ROW_BYTES: usize = 2048;

/// A spelling that was found in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Find {
    pub(super) range: Range<usize>,
    pub(super) target: Target,
    /// Whether the range was compared without its separators.
    pub(super) is_compact: bool,
}

/// A find that counts, with its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tied {
    pub(super) find: Find,
    /// Information of the distinct fields of this entry in this row.
    pub(super) strength: u32,
    /// Line of the view, from zero.
    pub(super) line: usize,
}

/// Ties finds into rows and keeps the rows that prove something.
pub(super) fn tie(text: &str, compiled: &Compiled, mut finds: Vec<Find>) -> Vec<Tied> {
    finds.sort_by_key(|find| (find.target.entry, find.target.field, find.range.start, usize::MAX - find.range.end));
    // A national form within the full one, and the same range under two spellings, are one find.
    finds.dedup_by(|later, first| {
        (later.target.entry, later.target.field) == (first.target.entry, first.target.field)
            && later.range.end <= first.range.end
    });
    finds.sort_by_key(|find| (find.target.entry, find.range.start, find.range.end));
    let mut tied = Vec::new();
    let mut rest = finds.as_slice();
    while !rest.is_empty() {
        let length = 1 + rest.windows(2).take_while(|pair| is_one_row(text, pair)).count();
        let (row, others) = rest.split_at(length);
        tied.extend(weigh(text, compiled, row));
        rest = others;
    }
    tied.sort_by_key(|tied| (tied.find.range.start, tied.find.range.end, tied.find.target));
    number_lines(text, &mut tied);
    tied
}

fn is_one_row(text: &str, pair: &[Find]) -> bool {
    let [first, second] = pair else { return false };
    let between = first.range.end.min(second.range.start)..second.range.start;
    first.target.entry == second.target.entry
        && between.len() <= ROW_BYTES
        && text.as_bytes().get(between).is_some_and(|between| memchr::memchr(b'\n', between).is_none())
}

/// Adds the companions that stand in the row; gives everything if it is enough together.
fn weigh(text: &str, compiled: &Compiled, row: &[Find]) -> Vec<Tied> {
    let (Some(first), Some(last)) = (row.first(), row.last()) else { return Vec::new() };
    let part = around(text, first.range.start..last.range.end);
    let mut finds = row.to_vec();
    let entry = compiled.entries.get(first.target.entry as usize);
    for companion in entry.map(|entry| &*entry.companions).unwrap_or_default() {
        if row.iter().any(|find| find.target.field == companion.field) {
            continue;
        }
        if let Some(range) = find_in(text, &part, &companion.spellings) {
            let target = Target { field: companion.field, bits: companion.bits, stands_alone: false, ..first.target };
            finds.push(Find { range, target, is_compact: false });
        }
    }
    let mut fields: Vec<(u32, u32)> = finds.iter().map(|find| (find.target.field, find.target.bits)).collect();
    fields.sort_unstable_by_key(|(field, bits)| (*field, u32::MAX - bits));
    fields.dedup_by_key(|(field, _)| *field);
    let strength = fields.iter().map(|(_, bits)| bits).sum();
    let is_enough =
        finds.iter().any(|find| find.target.stands_alone) || (fields.len() > 1 && strength >= STANDS_ALONE_BITS);
    if !is_enough {
        return Vec::new();
    }
    finds.into_iter().map(|find| Tied { find, strength, line: 0 }).collect()
}

/// Widens a range to its line, or to what counts as a row of a very long one.
fn around(text: &str, range: Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes();
    let floor = range.start.saturating_sub(ROW_BYTES);
    let ceiling = (range.end + ROW_BYTES).min(bytes.len());
    let before = bytes.get(floor..range.start).unwrap_or_default();
    let after = bytes.get(range.end..ceiling).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(floor, |at| floor + at + 1);
    let end = memchr::memchr(b'\n', after).map_or(ceiling, |at| range.end + at);
    start..end
}

fn number_lines(text: &str, tied: &mut [Tied]) {
    let (mut line, mut counted) = (0, 0);
    for tied in tied {
        let start = tied.find.range.start;
        let between = text.as_bytes().get(counted..start).unwrap_or_default();
        line += memchr::memchr_iter(b'\n', between).count();
        counted = start;
        tied.line = line;
    }
}
