//! Pairs of masked values, looked up among the fingerprints of real customers.
//!
//! `622202******1234` and `138****5678` in one row are what `pan6l4|ph3l4` was made of. A pair is formed where at least one
//! of its values is masked; the other may stand there in full, as names always do. One masked value makes no pair, so it
//! proves nothing; what pairs prove, the rates tell (`verdict`). All that one row may be read as is bounded.

use std::ops::Range;

use super::super::records::is_field;
use super::super::row::Reading;
use super::super::testing::{Pair, PairPart, Tester, Testing};
use super::token::{Number, Token};
use crate::domain::identifier::{FingerprintKind, Kind, Part, canonical, national_heads};

/// What is made of two values.
const PAIRS: [FingerprintKind; 4] =
    [FingerprintKind::Pan6l4Ph3l4, FingerprintKind::Ph3l4Nm, FingerprintKind::Ric6l4Nm, FingerprintKind::Ric6l4Ph3l4];
/// Ways to read one part of a row, and names among them.
const READINGS: usize = 6;
const NAMES: usize = 8;
/// Pairs of one kind that a row may mean.
const MEANINGS: usize = 24;
/// Bytes of a row in which the other part is sought.
const ROW_BYTES: usize = 2048;
/// Characters behind which a masked card, telephone or identity number ends.
const LAST: usize = 4;

/// Tells whether any organization has fingerprints of pairs.
pub(super) fn is_asked(testing: &Testing) -> bool {
    PAIRS.iter().any(|kind| testing.has(*kind))
}

/// Tests the pairs of one row: the record of each token, and the token.
pub(super) fn test(testing: &Testing, text: &str, row: &[(Range<usize>, Token<'_>)], tester: &mut Tester<'_>) {
    let Some((record, _)) = row.first() else { return };
    let mut parts = Parts { text, record, row, found: Vec::new() };
    for kind in PAIRS.into_iter().filter(|kind| testing.has(*kind)) {
        let [one, other] = kind.parts() else { continue };
        let [ones, others] = [*one, *other].map(|part| parts.of(part));
        let both = ones.iter().flat_map(|one| others.iter().map(move |other| (one, other)));
        let pairs: Vec<Pair> = both
            .filter(|(one, other)| one.is_masked() || other.is_masked())
            .filter(|(one, other)| {
                one.place.range.end <= other.place.range.start || other.place.range.end <= one.place.range.start
            })
            .take(MEANINGS)
            .map(|(one, other)| Pair {
                canonical: format!("{}|{}", one.canonical, other.canonical),
                parts: [one.place.clone(), other.place.clone()],
            })
            .collect();
        tester.pair(kind, &pairs, record.start);
    }
}

/// One way to read a part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    canonical: String,
    place: PairPart,
}

impl Read {
    fn is_masked(&self) -> bool {
        self.place.reading == Reading::Masked
    }
}

/// What a row holds of each part; sought once.
struct Parts<'r> {
    text: &'r str,
    record: &'r Range<usize>,
    row: &'r [(Range<usize>, Token<'r>)],
    found: Vec<(Part, Vec<Read>)>,
}

impl Parts<'_> {
    fn of(&mut self, part: Part) -> Vec<Read> {
        if let Some((_, known)) = self.found.iter().find(|(known, _)| *known == part) {
            return known.clone();
        }
        let read = if part == Part::Name { self.names() } else { self.numbers(part) };
        self.found.push((part, read.clone()));
        read
    }

    /// Masked numbers, then those that nothing hides.
    fn numbers(&self, part: Part) -> Vec<Read> {
        let mut read: Vec<Read> = Vec::new();
        for (_, token) in self.row {
            let Token::Number(numbers) = token else { continue };
            for number in numbers {
                for canonical in ends(part, number) {
                    let place = PairPart { range: number.range.clone(), reading: Reading::Masked, kind: part.kind() };
                    if read.len() < READINGS && read.iter().all(|known| known.canonical != canonical) {
                        read.push(Read { canonical, place });
                    }
                }
            }
        }
        read.extend(self.in_full(part));
        read
    }

    fn in_full(&self, part: Part) -> impl Iterator<Item = Read> {
        let (offset, row) = self.near();
        let is_within = |character: char| character.is_ascii_alphanumeric() || " -.+()".contains(character);
        let words = |(at, piece): (usize, &str)| -> Vec<(usize, usize)> {
            let words = pieces(piece, |character| character != ' ').map(|(start, word)| (at + start, word.len()));
            std::iter::once((at, piece.len())).chain(words.filter(|(_, length)| *length < piece.len())).collect()
        };
        let digits = match part {
            Part::CardEnds => Some(12..=19),
            Part::PhoneEnds => Some(10..=16),
            Part::ResidentEnds => Some(15..=18),
            Part::Whole(_) | Part::Name => None,
        };
        let written = pieces(row, is_within).flat_map(words);
        let read = written.filter_map(move |(at, length)| {
            let value = row.get(at..at + length)?;
            let count = value.bytes().filter(u8::is_ascii_digit).count();
            digits.as_ref().filter(|digits| digits.contains(&count))?;
            let canonical = part.canonical(value, None).ok()?;
            let range = offset + at..offset + at + length;
            Some(Read { canonical, place: PairPart { range, reading: Reading::Compact, kind: part.kind() } })
        });
        read.take(READINGS)
    }

    /// Whatever may be a person's name.
    fn names(&self) -> Vec<Read> {
        let (offset, row) = self.near();
        let is_han =
            |character: char| matches!(character, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' | '\u{b7}');
        let is_letter = |character: char| character.is_alphabetic() && !is_han(character);
        let is_within = |character: char| is_letter(character) || matches!(character, ' ' | '\'' | '-' | '.');
        let han = pieces(row, is_han).filter_map(|(at, piece)| {
            let name = without_label(piece);
            let length = name.chars().filter(|character| *character != '\u{b7}').count();
            let is_name = (2..=4).contains(&length) || (name.contains('\u{b7}') && (2..=16).contains(&length));
            (is_name && !is_field(name)).then(|| (at + piece.len() - name.len(), name))
        });
        let words = pieces(row, is_within).filter_map(|(at, piece)| {
            let mut name = piece.trim_start_matches([' ', '-', '.', '\'']);
            while let Some((_, rest)) = name.split_once(' ').filter(|(first, _)| is_field(first)) {
                name = rest.trim_start();
            }
            let start = at + piece.len() - name.len();
            let name = name.trim_end_matches([' ', '-', '\'']);
            let count = name.split_whitespace().count();
            ((2..=4).contains(&count) && name.len() <= 80).then_some((start, name))
        });
        let read = han.chain(words).filter_map(|(at, name)| {
            let range = offset + at..offset + at + name.len();
            let place = PairPart { range, reading: Reading::Plain, kind: Kind::Name };
            canonical(Kind::Name, name).map(|canonical| Read { canonical, place })
        });
        read.take(NAMES).collect()
    }

    /// The row, or of a long one what stands around its first masked value; and where that begins.
    fn near(&self) -> (usize, &str) {
        let first = self.row.first().map_or(self.record.start, |(_, token)| token.range().start);
        let is_edge = |at: &usize| self.text.is_char_boundary(*at);
        let start = (self.record.start.max(first.saturating_sub(ROW_BYTES))..=first).find(is_edge).unwrap_or(first);
        let end = (first..=self.record.end.min(first + ROW_BYTES)).rev().find(is_edge).unwrap_or(first);
        (start, self.text.get(start..end).unwrap_or_default())
    }
}

/// What a masked number shows of a part, in the form that was hashed.
fn ends(part: Part, number: &Number) -> Vec<String> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(last) = number.last.len().checked_sub(LAST).and_then(|at| number.last.get(at..)) else {
        return Vec::new();
    };
    let head = |first: &str, length: usize| first.get(..length).filter(|head| is_number(head)).map(str::to_owned);
    let joined = |head: String| format!("{head}{}", last.to_ascii_uppercase());
    match part {
        Part::CardEnds if is_number(last) => head(&number.first, 6).map(joined).into_iter().collect(),
        Part::PhoneEnds if is_number(last) && is_number(&number.first) => {
            national_heads(&number.first).filter_map(|first| head(first, 3)).map(joined).collect()
        }
        Part::ResidentEnds if is_number(last.trim_end_matches('x')) && !last.ends_with("xx") => {
            head(&number.first, 6).map(joined).into_iter().collect()
        }
        Part::CardEnds | Part::PhoneEnds | Part::ResidentEnds | Part::Whole(_) | Part::Name => Vec::new(),
    }
}

/// Longest parts of a text that hold nothing but such characters, and where each begins.
fn pieces(text: &str, is_inner: impl Fn(char) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(&is_inner)?;
        let rest = text.get(start..)?;
        let length = rest.find(|character| !is_inner(character)).unwrap_or(rest.len());
        at = start + length;
        rest.get(..length).map(|piece| (start, piece))
    })
}

/// `姓名张三`: a label that no sign parts from the name.
fn without_label(piece: &str) -> &str {
    ["姓名", "户名", "客户", "持卡人"].iter().find_map(|label| piece.strip_prefix(label)).unwrap_or(piece)
}
