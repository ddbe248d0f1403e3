//! Ties the finds of one record together and decides which of them are hits.
//!
//! Where a record begins and ends is told by `records`. In lines without end, what stands further apart than
//! [`LINE_BYTES`] is not one record.

use std::ops::Range;

use super::compile::{Compiled, Target};
use super::literal::find_in;
use super::records::{Extent, LINE_BYTES, Record, Records};
use crate::domain::identifier::STANDS_ALONE_BITS;

/// A spelling that was found in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Find {
    pub(super) range: Range<usize>,
    pub(super) target: Target,
    pub(super) reading: Reading,
}

/// How the range of a find is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As it stands.
    Plain,
    /// Without its separators.
    Compact,
}

/// A find that counts, with its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tied {
    pub(super) find: Find,
    /// Information of the distinct fields of this entry in this row.
    pub(super) strength: u32,
    /// Where the row begins in the view.
    pub(super) row: usize,
}

/// Ties finds into rows and keeps the rows that prove something.
pub(super) fn tie(text: &str, compiled: &Compiled, mut finds: Vec<Find>) -> Vec<Tied> {
    finds.sort_by_key(|find| (find.target.entry, find.target.field, find.range.start, usize::MAX - find.range.end));
    // A national form within the full one, and the same range under two spellings, are one find.
    finds.dedup_by(|later, first| {
        (later.target.entry, later.target.field) == (first.target.entry, first.target.field)
            && later.range.end <= first.range.end
    });
    finds.sort_by_key(|find| (find.range.start, find.range.end));
    let mut records = Records::of(text);
    let mut held: Vec<(Record, Find)> = finds.into_iter().map(|find| (records.holding(&find.range), find)).collect();
    held.sort_by_key(|(record, find)| (find.target.entry, record.range.start, find.range.start, find.range.end));
    let mut tied = Vec::new();
    for row in held.chunk_by(|(one, find), (other, next)| {
        find.target.entry == next.target.entry && one.range.start == other.range.start
    }) {
        tied.extend(weigh(text, compiled, row));
    }
    tied.sort_by_key(|tied| (tied.find.range.start, tied.find.range.end, tied.find.target));
    tied
}

/// Adds the companions that stand in the row; gives everything if it is enough together.
fn weigh(text: &str, compiled: &Compiled, row: &[(Record, Find)]) -> Vec<Tied> {
    let Some((record, first)) = row.first() else { return Vec::new() };
    let part = part(text, record, row);
    let mut finds: Vec<Find> = row.iter().map(|(_, find)| find.clone()).collect();
    for companion in compiled.companions(first.target.entry) {
        if row.iter().any(|(_, find)| find.target.field == companion.field) {
            continue;
        }
        if let Some(range) = find_in(text, &part, &companion.spellings) {
            let target = Target { field: companion.field, bits: companion.bits, stands_alone: false, ..first.target };
            finds.push(Find { range, target, reading: Reading::Plain });
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
    finds.into_iter().map(|find| Tied { find, strength, row: record.range.start }).collect()
}

/// Where companions may stand: the record, or what lies near enough in a line without end.
fn part(text: &str, record: &Record, row: &[(Record, Find)]) -> Range<usize> {
    match record.extent {
        Extent::Whole => record.range.clone(),
        Extent::Window => {
            let end = row.iter().map(|(_, find)| find.range.end).max().unwrap_or(record.range.end);
            let ahead = text.as_bytes().get(end..(end + LINE_BYTES).min(text.len())).unwrap_or_default();
            let line_end = memchr::memchr(b'\n', ahead).unwrap_or(ahead.len());
            record.range.start..record.range.end.max(end + line_end)
        }
    }
}
