//! Values of which a part is hidden: `622202******1234`, `138****5678`, `su***@post.example`, `张*三`.
//!
//! Canaries: numbers are looked up by their last four characters (or, where the end is hidden, by their first ten), addresses by host
//! and first letters, so that a value costs no more than its chance equals: one in ten thousand entries. One field proves
//! nothing: only entries that two fields of one row fit become finds, or one field and the name beside it, and whether
//! that is enough is left to `row`, by the number of hits that chance alone would give. Customers: see `pair`. Not here:
//! masking (`identifier`).

mod name;
mod pair;
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
use super::testing::{Print, Tester, Testing};
use crate::domain::identifier::{Form, Kind, Needle};

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
    /// Hash of a visible part and the value it belongs to, sorted.
    parts: Vec<(u32, u32)>,
}

impl Index {
    /// Adds a spelling of a value.
    pub(super) fn add(&mut self, needle: &Needle, value: u32) {
        let bytes = needle.text.as_bytes();
        match needle.form {
            Form::Compact if bytes.len() > LAST + 2 => {
                self.parts.extend(bytes.last_chunk::<LAST>().map(|last| (part(b"last", last), value)));
                self.parts.extend(bytes.first_chunk::<FIRST>().map(|first| (part(b"first", first), value)));
            }
            Form::Email => {
                if let Some((local, host)) = needle.text.rsplit_once('@') {
                    let heads = (1..=2).filter_map(|length| local.as_bytes().get(..length));
                    self.parts.extend(heads.map(|head| (part(host.as_bytes(), head), value)));
                }
            }
            Form::Compact | Form::Literal => {}
        }
    }

    /// Adds what another one holds.
    pub(super) fn join(&mut self, other: Self) {
        self.parts.extend(other.parts);
    }

    /// Makes what was added ready to be asked.
    pub(super) fn finish(&mut self) {
        self.parts.sort_unstable();
        self.parts.dedup();
        self.parts.shrink_to_fit();
    }

    /// Bytes kept.
    pub(super) const fn bytes(&self) -> usize {
        self.parts.len() * size_of::<(u32, u32)>()
    }

    /// Lists all values that a part may belong to; nothing for a crowd.
    fn values(&self, part: u32) -> impl Iterator<Item = u32> {
        let start = self.parts.partition_point(|(known, _)| *known < part);
        let rest = self.parts.get(start..).unwrap_or_default();
        let length = rest.partition_point(|(known, _)| *known == part);
        rest.get(..length).filter(|_| length <= CROWD).unwrap_or_default().iter().map(|(_, value)| *value)
    }
}

fn part(context: &[u8], visible: &[u8]) -> u32 {
    u32::try_from((hash(context) ^ hash(visible).rotate_left(21)) >> 32).unwrap_or_default()
}

/// The masked values of a folded text, with the record that each stands in.
pub(super) struct Rows<'t> {
    text: &'t str,
    tokens: Vec<(Range<usize>, Token<'t>)>,
}

impl<'t> Rows<'t> {
    /// Reads a text; nothing where there is nothing to compare masked values with.
    pub(super) fn of(compiled: &Compiled, text: &'t str) -> Self {
        if compiled.masked.parts.is_empty() && !pair::is_asked(&compiled.testing) {
            return Self { text, tokens: Vec::new() };
        }
        let mut records = Records::of(text);
        let held = token::read(text).into_iter().map(|token| (records.holding(token.range()).range, token));
        let mut tokens: Vec<(Range<usize>, Token<'t>)> = held.collect();
        tokens.sort_by_key(|(record, _)| record.start);
        Self { text, tokens }
    }

    fn each(&self) -> impl Iterator<Item = &[(Range<usize>, Token<'t>)]> {
        self.tokens.chunk_by(|(one, _), (other, _)| one.start == other.start)
    }

    /// Adds to the finds of the text the masked values that fit canaries by more than one field of their row. Returns how
    /// many rows were tested.
    pub(super) fn find(&self, compiled: &Compiled, finds: &mut Vec<Find>) -> u64 {
        if compiled.masked.parts.is_empty() {
            return 0;
        }
        let known = finds.len();
        let mut tested = 0;
        for row in self.each() {
            tested += 1;
            let mut fits: Vec<(Target, Range<usize>)> =
                row.iter().flat_map(|(_, token)| fits(compiled, token)).collect();
            fits.sort_by_key(|(target, range)| (target.entry, target.field, range.start, range.end));
            fits.dedup_by_key(|(target, range)| (target.entry, target.field, range.start));
            let is_few = fits.len() <= FEW;
            for of_entry in fits.chunk_by(|(one, _), (other, _)| one.entry == other.entry) {
                let has_two =
                    of_entry.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one.field != other.field));
                let entry = of_entry.first().map(|(target, _)| target.entry);
                let is_found = || {
                    finds.get(..known).is_some_and(|finds| finds.iter().any(|find| Some(find.target.entry) == entry))
                };
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

    /// Tests the pairs that masked values make with others of their row.
    pub(super) fn test<'a>(&self, testing: &Testing, tester: impl FnOnce() -> Tester<'a>) -> Vec<Print> {
        if self.tokens.is_empty() || !pair::is_asked(testing) {
            return Vec::new();
        }
        let mut tester = tester();
        for row in self.each() {
            pair::test(testing, self.text, row, &mut tester);
        }
        tester.finish()
    }
}

/// Lists the fields that a token's visible parts fit, each worth as much as they tell.
fn fits(compiled: &Compiled, token: &Token<'_>) -> Vec<(Target, Range<usize>)> {
    match token {
        Token::Number(spellings) => spellings.iter().flat_map(|number| numbers(compiled, number)).collect(),
        Token::Address(address) => addresses(compiled, address),
    }
}

fn numbers(compiled: &Compiled, number: &Number) -> Vec<(Target, Range<usize>)> {
    let part = match (number.last.as_bytes().last_chunk::<LAST>(), number.first.as_bytes().first_chunk::<FIRST>()) {
        (Some(last), _) => part(b"last", last),
        (None, Some(first)) => part(b"first", first),
        (None, None) => return Vec::new(),
    };
    let is_equal = |own: &str| {
        own.len() > number.first.len() + number.last.len()
            && own.starts_with(&number.first)
            && own.ends_with(&number.last)
    };
    let values = compiled.masked.values(part);
    values
        .filter_map(|value| compiled.fitting(value, Form::Compact, is_equal))
        .map(|target| {
            let kind = compiled.fields.get(target.field as usize).map_or(Kind::Other, |field| Kind::of_field(field));
            (visible(target, number_bits(kind, number)), number.range.clone())
        })
        .collect()
}

fn addresses(compiled: &Compiled, address: &Address<'_>) -> Vec<(Target, Range<usize>)> {
    let head = address.first.as_bytes();
    let Some(head) = head.get(..head.len().min(2)).filter(|head| !head.is_empty()) else { return Vec::new() };
    let is_equal = |own: &str| {
        own.rsplit_once('@').is_some_and(|(local, host)| {
            host == address.host
                && local.len() > address.first.len() + address.last.len()
                && local.starts_with(address.first)
                && local.ends_with(address.last)
        })
    };
    let values = compiled.masked.values(part(address.host.as_bytes(), head));
    values
        .filter_map(|value| compiled.fitting(value, Form::Email, is_equal))
        .map(|target| (visible(target, address_bits(address)), address.range.clone()))
        .collect()
}

/// A field of which only so much is seen.
fn visible(target: Target, bits: u32) -> Target {
    Target { bits: bits.min(target.bits), stands_alone: false, ..target }
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
        let mut index = Index::default();
        for value in 0..u32::try_from(CROWD + 10).unwrap() {
            let text = format!("{value:08}7777");
            index.add(&Needle { form: Form::Compact, text, bits: 40, stands_alone: true }, value);
        }
        index.finish();
        assert_eq!(index.values(part(b"last", b"7777")).count(), 0);
        assert_eq!(index.values(part(b"first", b"0000000077")).count(), 1);
    }
}
