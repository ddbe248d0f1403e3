//! Whether a number that is split over lines or columns may be a watched one: asked before a text is read with its lines
//! joined, which costs as much as all else in a dump and hardly ever finds anything.
//!
//! A glance at both sides of each break, which may err on one side only: it never misses what the joined text would show.
//! Not here: the joined text (`text`).

use super::compile::Compiled;
use super::table::hash;
use crate::domain::identifier::FingerprintKind;

/// Letters and digits that are looked at on each side of a break: no value is longer.
const SIDE_BYTES: usize = 64;
/// How far away they may stand.
const REACH_BYTES: usize = 192;
/// What may be looked at for each byte of a text: a table of customers takes two or three.
const BUDGET: usize = 6;
const LEAST_BUDGET: usize = 4096;

/// Tells whether halves of a watched number, or of what may be a customer's, meet in a folded text with its lines joined.
pub(super) fn may_meet(compiled: &Compiled, text: &str) -> bool {
    let checked = [FingerprintKind::Pan, FingerprintKind::ResidentId, FingerprintKind::Iban];
    let mut glance = Glance {
        compiled,
        has_checks: checked.iter().any(|kind| compiled.testing.has(*kind)),
        longest_account: compiled.testing.longest_account().unwrap_or_default(),
        bytes: [0; 2 * SIDE_BYTES],
        budget: BUDGET * text.len() + LEAST_BUDGET,
    };
    let bytes = text.as_bytes();
    glance.any_meets(bytes, |rest| memchr::memchr2(b'\n', b'|', rest))
        || glance.any_meets(bytes, |rest| memchr::memchr2(b';', b'"', rest))
}

struct Glance<'a> {
    compiled: &'a Compiled,
    /// Whether values with check digits are tested.
    has_checks: bool,
    longest_account: usize,
    /// The letters and digits around a break, which is in the middle.
    bytes: [u8; 2 * SIDE_BYTES],
    /// Bytes and values that may still be looked at; more than that, and the joined text is read instead.
    budget: usize,
}

/// The groups of letters and digits on one side of a break, from the break on.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    /// Bit `n` tells whether the last of some whole groups ends so many letters and digits from the break.
    borders: u128,
    /// Lengths of the two nearest ones.
    lengths: [usize; 2],
    groups: usize,
}

impl Glance<'_> {
    fn any_meets(&mut self, text: &[u8], next: impl Fn(&[u8]) -> Option<usize>) -> bool {
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(&next) {
            let at = from + at;
            from = at + text.iter().skip(at).take_while(|byte| is_between(**byte)).count();
            if self.budget == 0 || (self.is_likely(text, at, from) && self.meets(text, at)) {
                return true;
            }
        }
        false
    }

    /// Tells whether the nearest groups on both sides are short enough to be parts of one value: nearly all are not.
    fn is_likely(&self, text: &[u8], at: usize, end: usize) -> bool {
        let shape = &self.compiled.shape;
        let before = text.get(at.saturating_sub(REACH_BYTES)..at).unwrap_or_default();
        let group = |bytes: &mut dyn Iterator<Item = &u8>, room: usize| {
            let (mut own, mut letters) = (0, 0);
            for byte in bytes.take_while(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()) {
                letters = if byte.is_ascii_digit() { 0 } else { letters + 1 };
                own += 1;
                if own > room || letters > shape.letters {
                    return 0;
                }
            }
            own
        };
        let left = group(&mut before.iter().rev().skip_while(|byte| is_between(**byte)), shape.longest);
        left > 0 && group(&mut text.get(end..).unwrap_or_default().iter(), shape.longest.saturating_sub(left)) > 0
    }

    fn meets(&mut self, text: &[u8], at: usize) -> bool {
        let before = text.get(at.saturating_sub(REACH_BYTES)..at).unwrap_or_default();
        let after = text.get(at..(at + REACH_BYTES).min(text.len())).unwrap_or_default();
        let left = self.side(before.iter().rev().copied(), |place| SIDE_BYTES.checked_sub(place + 1));
        if left.borders == 0 {
            return false;
        }
        let right = self.side(after.iter().copied(), |place| Some(SIDE_BYTES + place));
        right.borders != 0 && (self.is_watched(&left, &right) || (self.has_checks && is_written(&left, &right)))
    }

    /// Reads one side, and writes its letters and digits to the places given for them.
    fn side(&mut self, bytes: impl Iterator<Item = u8>, place: impl Fn(usize) -> Option<usize>) -> Side {
        let shape = &self.compiled.shape;
        let mut side = Side::default();
        let (mut count, mut own, mut letters) = (0, 0, 0);
        for byte in bytes {
            self.budget = self.budget.saturating_sub(1);
            if byte.is_ascii_digit() || byte.is_ascii_lowercase() {
                letters = if byte.is_ascii_digit() { 0 } else { letters + 1 };
                own += 1;
                let slot = place(count).and_then(|place| self.bytes.get_mut(place));
                let Some(slot) = slot.filter(|_| shape.may_hold(own, letters)) else { return side };
                *slot = byte;
                count += 1;
            } else if is_between(byte) {
                side.end(count, own);
                (own, letters) = (0, 0);
            } else {
                break;
            }
        }
        side.end(count, own);
        side
    }

    fn is_watched(&mut self, left: &Side, right: &Side) -> bool {
        let mut ends = right.borders;
        while ends != 0 {
            let end = ends.trailing_zeros() as usize;
            ends &= ends - 1;
            let fitting = if self.longest_account > 0 { u128::MAX } else { self.compiled.shape.lengths >> end };
            let mut starts = left.borders & fitting;
            while starts != 0 {
                let start = starts.trailing_zeros() as usize;
                starts &= starts - 1;
                self.budget = self.budget.saturating_sub(1);
                if self.bytes.get(SIDE_BYTES - start..SIDE_BYTES + end).is_some_and(|value| self.is_value(value)) {
                    return true;
                }
            }
        }
        false
    }

    fn is_value(&self, value: &[u8]) -> bool {
        let (table, shape) = (&self.compiled.numbers, &self.compiled.shape);
        if shape.has_key_like(value) {
            let hash = hash(value);
            if table.may_hold(hash) && table.meanings(hash).next().is_some() {
                return true;
            }
        }
        value.len() <= self.longest_account && self.compiled.testing.is_account(value)
    }
}

impl Side {
    /// Notes that a group of so many letters and digits ends, if there is one.
    fn end(&mut self, count: usize, own: usize) {
        if own > 0 {
            self.borders |= 1 << count;
            self.lengths.get_mut(self.groups).into_iter().for_each(|length| *length = own);
            self.groups += 1;
        }
    }
}

/// Tells what may stand between two groups of one value in the joined text.
const fn is_between(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | b'|' | b';' | b'"' | b',' | b'-' | b'.' | b'/')
}

/// Tells whether three groups around a break are written as parts of a card, an IBAN or a resident identity number are.
fn is_written(left: &Side, right: &Side) -> bool {
    let is_like =
        |one: usize, two: usize, three: usize| matches!((one, two, three), (6, 8, 4) | (4, 6, 4 | 5) | (4, 4, 1..=4));
    let ([near, far], [next, last]) = (left.lengths, right.lengths);
    is_like(far, near, next) || is_like(near, next, last)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::scan::Cut;
    use super::super::search::{finds, finds_and_prints_within};
    use super::super::testing::{Depth, Tally};
    use super::super::{Document, Matcher};
    use super::*;
    use crate::domain::fingerprints::{FingerprintSet, Fingerprints, Label};
    use crate::domain::identifier::{AccountPattern, Epoch, FingerprintKey, Hasher};
    use crate::domain::secret::Secret;
    use crate::domain::text::{Form, Trust, View};
    use crate::domain::watchlist::{Alerts, Anchors, Canary, Language, Organization, OrganizationId, Watchlist};

    fn matcher(values: &[(&str, &str)], accounts: &[&str], customers: &[(FingerprintKind, &str)]) -> Matcher {
        let id = OrganizationId("bank".to_owned());
        let anchors = Anchors {
            account: accounts.iter().map(|pattern| AccountPattern::parse(pattern).unwrap()).collect(),
            ..Anchors::default()
        };
        let organization = Organization {
            id: id.clone(),
            name: String::new(),
            aliases: Vec::new(),
            language: Language::En,
            market_share: None,
            auditor: None,
            alerts: Alerts::default(),
            contacts: Vec::new(),
            custodians: Vec::new(),
            datasets: Vec::new(),
            anchors,
        };
        let canaries = values.iter().enumerate().map(|(index, (field, value))| Canary {
            id: format!("c{index}"),
            dataset: String::new(),
            holders: Vec::new(),
            planted_at: None,
            retired_at: None,
            p: None,
            fields: [((*field).to_owned(), (*value).to_owned())].into(),
        });
        let list = Watchlist { organization, canaries: canaries.collect(), deliveries: Vec::new() };
        let mut fingerprints = Fingerprints::default();
        for (kind, value) in customers {
            let key = FingerprintKey::new(id.clone(), Epoch(1), Secret::new([7; 32]));
            let print = Hasher::new(&key, *kind).fingerprint(value.as_bytes());
            assert!(fingerprints.add(&key, Arc::new(FingerprintSet::of(Label::of(&key, *kind), vec![print]))));
        }
        Matcher::compile(&[list]).with_fingerprints(&fingerprints)
    }

    fn found(matcher: &Matcher, text: &str) -> usize {
        matcher.scan(&Document { bytes: text.as_bytes(), name: "x.txt", media_type: None, charset: None }).hits.len()
    }

    #[test]
    fn halves_of_watched_numbers_and_of_customers_meet() {
        let matcher = matcher(
            &[("pan", "9990483834645856"), ("account", "EX6986859770124757")],
            &[r"77\d{10}"],
            &[(FingerprintKind::Pan, "4111111111111111"), (FingerprintKind::Account, "771234567890")],
        );
        for text in [
            "card 9990 4838\n3464 5856 valid",
            "9990 | 4838 | 3464 | 5856",
            "ex6986 8597\n7012 4757",
            "4111 1111\n1111 1111",
            "a|7712|34567890|b",
            "\"9990\",\"4838\",\"3464\",\"5856\"",
        ] {
            assert!(may_meet(&matcher.compiled, text), "{text}");
            assert_eq!(found(&matcher, text), 1, "{text}");
        }
        for text in
            ["12345|9990483834645856|17", "67|2003-01-02 03", "card 9990 4838\nwords 3464 5856", "4111 11\n1111 1111"]
        {
            assert!(!may_meet(&matcher.compiled, text), "{text}");
        }
    }

    fn texts() -> impl Strategy<Value = String> {
        let piece = proptest::sample::select(vec![
            "1", "2", "12", "121", "1221", "12211221", "ex", "a", "\n", "|", " | ", "\n\n", " ", "-", ".", "\t",
            "words ", ";", "\",\"",
        ]);
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn what_only_joined_lines_show_is_announced(text in texts(), values in proptest::collection::vec("(ex)?[12]{9,14}", 1..6)) {
            let values: Vec<(&str, &str)> = values.iter().map(|value| ("account", value.as_str())).collect();
            let customers = [(FingerprintKind::Pan, "2121211111111111"), (FingerprintKind::Account, "121212121212")];
            let matcher = matcher(&values, &["[12]{12}"], &customers);
            let compiled = &matcher.compiled;
            let view = View::new(text.as_bytes(), None, Form::Plain, String::new());
            let cut = Cut::whole(text.len());
            let plain = finds(compiled, &view.text, &cut);
            view.derive(&|_| true, &mut |derived| {
                if derived.trust == Trust::Joined {
                    let tally = (&mut Tally::default(), Depth::Joined);
                    let (finds, prints) = finds_and_prints_within(compiled, derived.text, &cut, tally);
                    let is_split = |range: &Range<usize>| derived.text.get(range.clone()).is_some_and(|value| !text.contains(value));
                    let is_new = |target: u32| plain.iter().all(|find| find.target.entry != target);
                    let is_shown = finds.iter().any(|find| is_new(find.target.entry))
                        || prints.iter().any(|print| is_split(&print.range));
                    assert!(!is_shown || may_meet(compiled, &view.text), "{text:?} {values:?} {finds:?} {prints:?}");
                }
            });
        }
    }
}
