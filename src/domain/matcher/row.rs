//! Ties the finds of one record together and decides which of them are hits.
//!
//! Where a record begins and ends is told by `records`. In lines without end, what stands further apart than
//! [`LINE_BYTES`] is not one record.

use std::ops::Range;

use super::compile::{Companion, Compiled, Target};
use super::literal::find_in;
use super::masked::find_name;
use super::records::{Extent, LINE_BYTES, Record, Records};
use crate::domain::identifier::{Kind, STANDS_ALONE_BITS};

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
    /// With signs for what is hidden.
    Masked,
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

/// What is allowed for chance where values are masked: so many hits that chance alone gives, in so many rows.
const CHANCE_BITS: u32 = 10;
/// A name in full is worth no more beside masked values: others bear it, too.
const NAME_BITS: u32 = 12;
/// A number of more digits is not met in the decimals of another by chance.
const CHANCE_DIGITS: usize = 12;
/// Digits of a decimal fraction that are more than a price or a date has.
const LONG_DECIMALS: usize = 7;
/// One masked field of a hit tells so much at least: the last three digits of a number, or its like.
const NUMBER_BITS: u32 = 10;

/// Ties finds into rows and keeps the rows that prove something; `masked_rows` tells how many rows with masked values were
/// tested so far, as many chances to be wrong.
pub(super) fn tie(text: &str, compiled: &Compiled, mut finds: Vec<Find>, masked_rows: u64) -> Vec<Tied> {
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
    let mut last = None;
    for row in held.chunk_by(|(one, find), (other, next)| {
        find.target.entry == next.target.entry && one.range.start == other.range.start
    }) {
        let Some(entry) = row.first().map(|(_, find)| find.target.entry) else { continue };
        let companions = match last.take() {
            Some((known, companions)) if known == entry => companions,
            _ => compiled.companions(entry),
        };
        tied.extend(weigh(text, (compiled, &companions), row, masked_rows));
        last = Some((entry, companions));
    }
    tied.sort_by_key(|tied| (tied.find.range.start, tied.find.range.end, tied.find.target));
    tied
}

/// Adds the companions that stand in the row; gives everything if it is enough together.
fn weigh(
    text: &str,
    (compiled, companions): (&Compiled, &[Companion]),
    row: &[(Record, Find)],
    masked_rows: u64,
) -> Vec<Tied> {
    let Some((record, first)) = row.first() else { return Vec::new() };
    let part = part(text, record, row);
    let mut finds: Vec<Find> = row.iter().map(|(_, find)| find.clone()).collect();
    for find in finds.iter_mut().filter(|find| is_decimals(text, &find.range)) {
        find.target.stands_alone = false;
    }
    for companion in companions {
        let is_found = |find: &Find| find.target.field == companion.field;
        if finds.iter().any(is_found) {
            continue;
        }
        let target = Target { field: companion.field, bits: companion.bits, stands_alone: false, ..first.target };
        if let Some(range) = find_in(text, &part, &companion.spellings) {
            finds.push(Find { range, target, reading: Reading::Plain });
        } else if kind_of(compiled, &target) == Kind::Name
            && let Some((range, bits)) = companion.spellings.iter().find_map(|name| find_name(text, &part, name))
        {
            let target = Target { bits: bits.min(companion.bits), ..target };
            finds.push(Find { range, target, reading: Reading::Masked });
        }
    }
    // What is found in full needs no masked twin.
    let full: Vec<u32> =
        finds.iter().filter(|find| find.reading != Reading::Masked).map(|find| find.target.field).collect();
    finds.retain(|find| find.reading != Reading::Masked || !full.contains(&find.target.field));
    let fields = fields(&finds, |find| find.target.bits);
    let strength = fields.iter().map(|(_, bits)| bits).sum();
    let full: Vec<Find> = finds.iter().filter(|find| find.reading != Reading::Masked).cloned().collect();
    let canaries = compiled.canaries(first.target.entry);
    let is_enough = is_enough_in_full(&full)
        || (full.len() < finds.len() && is_improbable(compiled, &finds, u64::from(canaries) * masked_rows.max(1)));
    if !is_enough {
        return Vec::new();
    }
    finds.into_iter().map(|find| Tied { find, strength, row: record.range.start }).collect()
}

/// Tells whether a find is decimals of a number, as in `14.4263302826`: tables of those hold every short number by chance.
fn is_decimals(text: &str, range: &Range<usize>) -> bool {
    let is_part = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let bytes = text.as_bytes();
    let found = bytes.get(range.clone()).unwrap_or_default();
    let digits = found.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits > CHANCE_DIGITS || !found.iter().all(|byte| is_part(&byte)) {
        return false;
    }
    let before = bytes.get(..range.start).unwrap_or_default();
    let start = range.start - before.iter().rev().take(CHANCE_DIGITS).take_while(is_part).count();
    let after = bytes.get(range.end..).unwrap_or_default();
    let end = range.end + after.iter().take(CHANCE_DIGITS).take_while(is_part).count();
    let number = bytes.get(start..end).unwrap_or_default();
    // A full stop may end the sentence.
    let number = number.strip_suffix(b".").unwrap_or(number);
    let mut parts = number.split(|byte| *byte == b'.');
    let is_international = before.get(..start).and_then(<[u8]>::last) == Some(&b'+');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(whole), Some(decimals), None) => {
            !whole.is_empty() && decimals.len() >= LONG_DECIMALS && !is_international
        }
        _ => false,
    }
}

fn is_enough_in_full(finds: &[Find]) -> bool {
    let fields = fields(finds, |find| find.target.bits);
    finds.iter().any(|find| find.target.stands_alone)
        || (fields.len() > 1 && fields.iter().map(|(_, bits)| bits).sum::<u32>() >= STANDS_ALONE_BITS)
}

/// Tells whether chance alone would hardly give a row with these visible parts, among so many pairs of a canary and a
/// tested row: fewer than 2⁻¹⁰ such hits are expected. One field alone is never enough, whatever it shows.
fn is_improbable(compiled: &Compiled, finds: &[Find], chances: u64) -> bool {
    let fields = fields(finds, |find| match (find.reading, kind_of(compiled, &find.target)) {
        (Reading::Plain, Kind::Name | Kind::Address) => find.target.bits.min(NAME_BITS),
        _ => find.target.bits,
    });
    let strength: u32 = fields.iter().map(|(_, bits)| bits).sum();
    let has_number =
        finds.iter().any(|find| find.target.bits >= NUMBER_BITS && kind_of(compiled, &find.target) != Kind::Name);
    let needed = u64::BITS - chances.leading_zeros() + CHANCE_BITS;
    fields.len() > 1 && has_number && strength >= needed
}

/// Lists the distinct fields of finds, each with the most that one of them tells.
fn fields(finds: &[Find], bits: impl Fn(&Find) -> u32) -> Vec<(u32, u32)> {
    let mut fields: Vec<(u32, u32)> = finds.iter().map(|find| (find.target.field, bits(find))).collect();
    fields.sort_unstable_by_key(|(field, bits)| (*field, u32::MAX - bits));
    fields.dedup_by_key(|(field, _)| *field);
    fields
}

fn kind_of(compiled: &Compiled, target: &Target) -> Kind {
    compiled.fields.get(target.field as usize).map_or(Kind::Other, |field| Kind::of_field(field))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_a_number_are_told_from_a_telephone_number() {
        let found = |text: &str, value: &str| {
            let start = text.find(value).unwrap();
            is_decimals(text, &(start..start + value.len()))
        };
        for text in [
            "  14.4263302826,\n",
            "14.4263302826.",
            "x=-0.4263302826;",
            "(4263302826)\n0.4263302826".split('\n').nth(1).unwrap(),
        ] {
            assert!(found(text, "4263302826"), "{text}");
        }
        assert!(found("4.263302826", "4.263302826"));
        for text in
            ["4263302826", "+1.4263302826", "tel. 4263302826", "1. 4263302826", "1.2.4263302826", "12:4263302826"]
        {
            assert!(!found(text, "4263302826"), "{text}");
        }
        assert!(!found("+1.426.330.2826", "426.330.2826") && !found("1.4111111111111111", "4111111111111111"));
        assert!(!found("14.426330", "426330"), "a price");
    }
}
