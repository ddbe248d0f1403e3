//! Values of which a part is hidden: `622202******1234`, `138****5678`, `su***@post.example`, `张*三`.
//!
//! Numbers are looked up by their last four characters (or, where the end is hidden, by their first ten), addresses by host
//! and first letters, so that a value costs no more than its chance equals: one in ten thousand entries. One field proves
//! nothing: only entries that two fields of one row fit become finds, or one field and the name beside it, and whether
//! that is enough is left to `row`, by the number of hits that chance alone would give. Not here: masking (`identifier`).

mod name;
mod sign;
mod token;

use std::ops::Range;

pub(super) use self::name::find as find_name;
pub(super) use self::token::as_shown;
use self::token::{Address, Number, Token};
use super::compile::{Compiled, Target};
use super::records::Records;
use super::row::{Find, Reading};
use super::table::hash;
use crate::domain::identifier::Kind;

/// Characters of a number's end by which it is looked up.
const LAST: usize = 4;
/// Characters of a number's beginning by which it is looked up if its end is hidden.
const FIRST: usize = 10;
/// A value that so many entries fit tells too little to be looked at one by one.
const CROWD: usize = 4096;
/// A value that no more entries fit than this may be carried by the name beside it.
const FEW: usize = 16;

/// Watched values by the parts that masks leave visible.
#[derive(Debug, Default)]
pub(super) struct Index {
    bytes: Vec<u8>,
    values: Vec<Value>,
    /// Hash of a visible part and the value it belongs to, sorted.
    parts: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Value {
    start: u32,
    length: u8,
    targets: (u32, u32),
}

impl Index {
    /// Builds the index from distinct spellings, each with its range of targets.
    pub(super) fn build(numbers: &[(&str, (u32, u32))], emails: &[(&str, (u32, u32))]) -> Self {
        let mut index = Self::default();
        for (text, targets) in numbers.iter().filter(|(text, _)| text.len() > LAST + 2) {
            let value = index.push(text, *targets);
            let bytes = text.as_bytes();
            index.parts.extend(bytes.last_chunk::<LAST>().map(|last| (part(b"last", last), value)));
            index.parts.extend(bytes.first_chunk::<FIRST>().map(|first| (part(b"first", first), value)));
        }
        for (text, targets) in emails {
            let Some((local, host)) = text.rsplit_once('@') else { continue };
            let value = index.push(text, *targets);
            for length in 1..=2 {
                let head = local.as_bytes().get(..length);
                index.parts.extend(head.map(|head| (part(host.as_bytes(), head), value)));
            }
        }
        index.parts.sort_unstable();
        index
    }

    fn push(&mut self, text: &str, targets: (u32, u32)) -> u32 {
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(text.as_bytes());
        self.values.push(Value { start, length: u8::try_from(text.len()).unwrap_or(u8::MAX), targets });
        u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
    }

    /// Lists the targets of all values that a part may belong to and that `is_equal`; nothing for a crowd.
    fn fitting<'i>(
        &'i self,
        part: u32,
        is_equal: impl Fn(&[u8]) -> bool + 'i,
    ) -> impl Iterator<Item = (u32, u32)> + 'i {
        let start = self.parts.partition_point(|(known, _)| *known < part);
        let rest = self.parts.get(start..).unwrap_or_default();
        let length = rest.partition_point(|(known, _)| *known == part);
        let crowd = rest.get(..length).filter(|_| length <= CROWD).unwrap_or_default();
        crowd.iter().filter_map(move |(_, value)| {
            let value = self.values.get(*value as usize)?;
            let start = value.start as usize;
            let bytes = self.bytes.get(start..start + usize::from(value.length))?;
            is_equal(bytes).then_some(value.targets)
        })
    }
}

fn part(context: &[u8], visible: &[u8]) -> u32 {
    u32::try_from((hash(context) ^ hash(visible).rotate_left(21)) >> 32).unwrap_or_default()
}

/// Adds to the finds of a folded text the masked values that fit entries by more than one field of their row. Returns how
/// many rows were tested.
pub(super) fn add(compiled: &Compiled, text: &str, finds: &mut Vec<Find>) -> u64 {
    if compiled.masked.parts.is_empty() {
        return 0;
    }
    let tokens = token::read(text);
    let mut records = Records::of(text);
    let mut rows: Vec<(usize, Token<'_>)> =
        tokens.into_iter().map(|token| (records.holding(token.range()).range.start, token)).collect();
    rows.sort_by_key(|(row, _)| *row);
    let known = finds.len();
    let mut tested = 0;
    for row in rows.chunk_by(|(one, _), (other, _)| one == other) {
        tested += 1;
        let mut fits: Vec<(Target, Range<usize>)> = row.iter().flat_map(|(_, token)| fits(compiled, token)).collect();
        fits.sort_by_key(|(target, range)| (target.entry, target.field, range.start, range.end));
        fits.dedup_by_key(|(target, range)| (target.entry, target.field, range.start));
        let is_few = fits.len() <= FEW;
        for of_entry in fits.chunk_by(|(one, _), (other, _)| one.entry == other.entry) {
            let has_two =
                of_entry.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one.field != other.field));
            let entry = of_entry.first().map(|(target, _)| target.entry);
            let is_found =
                || finds.get(..known).is_some_and(|finds| finds.iter().any(|find| Some(find.target.entry) == entry));
            if has_two || is_few || is_found() {
                finds.extend(of_entry.iter().map(|(target, range)| Find {
                    range: range.clone(),
                    target: *target,
                    reading: Reading::Masked,
                }));
            }
        }
    }
    tested
}

/// Lists the fields that a token's visible parts fit, each worth as much as they tell.
fn fits(compiled: &Compiled, token: &Token<'_>) -> Vec<(Target, Range<usize>)> {
    let index = &compiled.masked;
    let mut fits = Vec::new();
    let mut note = |targets: (u32, u32), bits: &dyn Fn(Kind) -> u32, range: &Range<usize>| {
        for target in compiled.targets(targets) {
            let kind = compiled.fields.get(target.field as usize).map_or(Kind::Other, |field| Kind::of_field(field));
            let bits = bits(kind).min(target.bits);
            fits.push((Target { bits, stands_alone: false, ..*target }, range.clone()));
        }
    };
    match token {
        Token::Number(spellings) => {
            for number in spellings {
                let bits = |kind: Kind| number_bits(kind, number);
                for targets in numbers(index, number) {
                    note(targets, &bits, &number.range);
                }
            }
        }
        Token::Address(address) => {
            let bits = |_: Kind| address_bits(address);
            for targets in addresses(index, address) {
                note(targets, &bits, &address.range);
            }
        }
    }
    fits
}

fn numbers<'i>(index: &'i Index, number: &'i Number) -> Vec<(u32, u32)> {
    let part = match (number.last.as_bytes().last_chunk::<LAST>(), number.first.as_bytes().first_chunk::<FIRST>()) {
        (Some(last), _) => part(b"last", last),
        (None, Some(first)) => part(b"first", first),
        (None, None) => return Vec::new(),
    };
    let is_equal = |bytes: &[u8]| {
        bytes.len() > number.first.len() + number.last.len()
            && bytes.starts_with(number.first.as_bytes())
            && bytes.ends_with(number.last.as_bytes())
    };
    index.fitting(part, is_equal).collect()
}

fn addresses(index: &Index, address: &Address<'_>) -> Vec<(u32, u32)> {
    let head = address.first.as_bytes();
    let Some(head) = head.get(..head.len().min(2)).filter(|head| !head.is_empty()) else { return Vec::new() };
    let is_equal = |bytes: &[u8]| {
        let at = bytes.len().checked_sub(address.host.len() + 1);
        let Some((local, host)) = at.and_then(|at| bytes.split_at_checked(at)) else { return false };
        host.get(1..) == Some(address.host.as_bytes())
            && host.first() == Some(&b'@')
            && local.len() > address.first.len() + address.last.len()
            && local.starts_with(address.first.as_bytes())
            && local.ends_with(address.last.as_bytes())
    };
    index.fitting(part(address.host.as_bytes(), head), is_equal).collect()
}

/// Bits of a number's visible parts: a random digit is worth 3.3; what all numbers of an issuer, an operator or a region
/// share is worth little, in tenths of a bit.
fn number_bits(kind: Kind, number: &Number) -> u32 {
    let tenths = |at: usize| match (kind, at) {
        (Kind::Pan, 0..6) | (Kind::Iban, 0..8) => 0,
        (Kind::Phone, 0..3) => 10,
        // Region, then date of birth.
        (Kind::ResidentId, 0..6) => 13,
        (Kind::ResidentId, 6..14) => 17,
        _ => 33,
    };
    let first: u32 = (0..number.first.len()).map(tenths).sum();
    let last = u32::try_from(number.last.len()).unwrap_or(u32::MAX) * if kind == Kind::ResidentId { 27 } else { 33 };
    (first + last) / 10
}

/// Bits of an address's visible parts: four a letter, and hardly anything for a host that many share.
fn address_bits(address: &Address<'_>) -> u32 {
    u32::try_from(address.first.len() + address.last.len()).unwrap_or(u32::MAX).min(8) * 4 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_parts_are_worth_what_they_tell() {
        let number = |first: &str, last: &str| Number { range: 0..1, first: first.to_owned(), last: last.to_owned() };
        for (kind, first, last, bits) in [
            (Kind::Pan, "622202", "1234", 13),
            (Kind::Pan, "62220212", "1234", 19),
            (Kind::Phone, "138", "5678", 16),
            (Kind::ResidentId, "110101", "123x", 18),
            (Kind::ResidentId, "11010119900101", "", 21),
            (Kind::Account, "", "4757", 13),
        ] {
            assert_eq!(number_bits(kind, &number(first, last)), bits, "{kind:?} {first}***{last}");
        }
    }

    #[test]
    fn a_part_that_a_crowd_shares_is_passed_over() {
        let texts: Vec<String> = (0..CROWD + 10).map(|number| format!("{number:08}7777")).collect();
        let values: Vec<(&str, (u32, u32))> =
            (0..).zip(&texts).map(|(at, text)| (text.as_str(), (at, at + 1))).collect();
        let index = Index::build(&values, &[]);
        assert_eq!(index.fitting(part(b"last", b"7777"), |_| true).count(), 0);
        let few = Index::build(values.get(..9).unwrap(), &[]);
        assert_eq!(few.fitting(part(b"last", b"7777"), |_| true).count(), 9);
    }
}
