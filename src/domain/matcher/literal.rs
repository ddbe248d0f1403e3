//! Names, addresses and other values that are compared as they stand, between boundaries.
//!
//! A name alone is never a hit, so most of these are looked for only where another field of their entry was found. Only
//! for entries with two such fields one of them is sought everywhere: by eight bytes of each (`grams`), because an automaton
//! that tells overlapping finds visits every byte; those that have no such eight bytes by an automaton that need not.

use std::ops::Range;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::grams::Grams;

/// Literals sought everywhere, each with the values that share it.
#[derive(Debug, Default)]
pub(super) struct Literals {
    short: Short,
    grams: Grams,
    /// Values, and where those of each literal end.
    values: Vec<u32>,
    ends: Vec<u32>,
}

impl Literals {
    /// Prepares the search.
    ///
    /// An automaton too large for memory is left out: its entries are then found by their other fields only.
    pub(super) fn build(mut literals: Vec<(String, u32)>) -> Self {
        literals.sort_unstable();
        literals.dedup();
        let groups = literals.chunk_by(|(left, _), (right, _)| left == right);
        let texts: Vec<&str> =
            groups.clone().filter_map(|group| group.first()).map(|(text, _)| text.as_str()).collect();
        let (grams, others) = if texts.is_empty() { (Grams::default(), Vec::new()) } else { Grams::build(&texts) };
        let ends = groups.scan(0, |end, group| {
            *end += u32::try_from(group.len()).unwrap_or_default();
            Some(*end)
        });
        Self {
            short: Short::build(&texts, &others),
            grams,
            ends: ends.collect(),
            values: literals.iter().map(|(_, value)| *value).collect(),
        }
    }

    /// Calls `found` with the range and the value of every literal in a folded text, overlapping ones too.
    pub(super) fn walk(&self, text: &str, mut found: impl FnMut(Range<usize>, u32)) {
        let mut tell = |range: Range<usize>, literal: u32| {
            if is_bounded(text, &range) {
                self.values_of(literal).iter().for_each(|value| found(range.clone(), *value));
            }
        };
        self.grams.walk(text, &mut tell);
        self.short.walk(text, &mut tell);
    }

    fn values_of(&self, literal: u32) -> &[u32] {
        let end = |index: usize| self.ends.get(index).map_or(0, |end| *end as usize);
        let index = literal as usize;
        self.values.get(index.checked_sub(1).map_or(0, end)..end(index)).unwrap_or_default()
    }

    /// Bytes kept.
    pub(super) fn bytes(&self) -> usize {
        self.short.bytes() + self.grams.bytes() + 4 * (self.values.len() + self.ends.len())
    }
}

/// Literals without eight bytes of their own.
#[derive(Debug, Default)]
struct Short {
    /// Tells where the next one begins.
    automaton: Option<AhoCorasick>,
    /// Each with its number, sorted.
    literals: Vec<(Box<str>, u32)>,
    /// The lengths there are.
    lengths: Vec<usize>,
}

impl Short {
    fn build(texts: &[&str], chosen: &[u32]) -> Self {
        let literal = |number: &u32| Some((Box::from(*texts.get(*number as usize)?), *number));
        let mut literals: Vec<(Box<str>, u32)> = chosen.iter().filter_map(literal).collect();
        literals.retain(|(text, _)| !text.is_empty());
        literals.sort_unstable();
        let mut lengths: Vec<usize> = literals.iter().map(|(text, _)| text.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let patterns = literals.iter().map(|(text, _)| text.as_bytes());
        // Of this kind it searches by vector instructions where there are few, and skips ahead where there are some.
        let builder = || AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(patterns).ok();
        let automaton = if literals.is_empty() { None } else { builder() };
        Self { automaton, literals, lengths }
    }

    /// Calls `found` with the range and the number of every literal, in order of their places.
    fn walk(&self, text: &str, found: &mut impl FnMut(Range<usize>, u32)) {
        let Some(automaton) = &self.automaton else { return };
        let mut from = 0;
        while let Some(first) = automaton.find(Input::new(text).span(from..text.len())) {
            let start = first.start();
            for length in &self.lengths {
                let Some(part) = text.get(start..start + length) else { continue };
                let Ok(at) = self.literals.binary_search_by(|(literal, _)| (**literal).cmp(part)) else { continue };
                if let Some((_, number)) = self.literals.get(at) {
                    found(start..start + length, *number);
                }
            }
            from = start + 1;
        }
    }

    fn bytes(&self) -> usize {
        let texts: usize = self.literals.iter().map(|(text, _)| text.len() + size_of::<(Box<str>, u32)>()).sum();
        texts + self.automaton.as_ref().map_or(0, AhoCorasick::memory_usage)
    }
}

/// Finds the first bounded occurrence of any of the spellings within a part of the text.
pub(super) fn find_in(text: &str, part: &Range<usize>, spellings: &[String]) -> Option<Range<usize>> {
    let haystack = text.as_bytes().get(part.clone())?;
    spellings.iter().find_map(|spelling| {
        // To prepare a search costs more than to see that it is in vain.
        memchr::memchr(*spelling.as_bytes().first()?, haystack)?;
        memchr::memmem::find_iter(haystack, spelling.as_bytes())
            .map(|at| part.start + at..part.start + at + spelling.len())
            .find(|range| is_bounded(text, range))
    })
}

/// Tells whether a range neither begins nor ends within a word; Han, kana and the like have no words in this sense.
fn is_bounded(text: &str, range: &Range<usize>) -> bool {
    let inside = text.get(range.clone()).unwrap_or_default();
    let joins = |left: Option<char>, right: Option<char>| match (left, right) {
        (Some(left), Some(right)) => is_word(left) && is_word(right) && left.is_ascii() == right.is_ascii(),
        _ => false,
    };
    let before = text.get(..range.start).and_then(|text| text.chars().next_back());
    let after = text.get(range.end..).and_then(|text| text.chars().next());
    !inside.is_empty() && !joins(before, inside.chars().next()) && !joins(inside.chars().next_back(), after)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() && u32::from(character) < 0x2e80
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_stand_between_boundaries() {
        let texts = ["елисей тихозеров", "欧阳采薇", "12 main st", "main"];
        let literals = Literals::build((0..).zip(texts).map(|(index, text)| (text.to_owned(), index)).collect());
        for (text, expected) in [
            ("фио: елисей тихозеров, 12 main st.", vec![0, 3, 2]),
            ("елисей тихозерова", vec![]),
            ("客户欧阳采薇的卡", vec![1]),
            ("name欧阳采薇x", vec![1]),
            ("112 main street remains", vec![3]),
        ] {
            let mut found = Vec::new();
            literals.walk(text, |_, index| found.push(index));
            found.sort_unstable();
            let mut expected = expected;
            expected.sort_unstable();
            assert_eq!(found, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn literals_are_found_as_by_a_naive_search(
            text in "(улица |дом |main |st |[0-9]{1,2} |北京|市|海淀区|é|«|-|[a-c]{1,3}){0,40}",
            literals in proptest::collection::btree_set("(улица|дом|main|北京|海淀区|é|«|-)(улица | дом|main | st|[0-9]{1,2} |市|海淀区|-){1,4}", 1..12),
        ) {
            let literals: Vec<(String, u32)> = literals.into_iter().zip(0..).collect();
            let mut found = Vec::new();
            Literals::build(literals.clone()).walk(&text, |range, value| found.push((range.start, range.end, value)));
            found.sort_unstable();
            let mut expected = Vec::new();
            for (literal, value) in &literals {
                let starts = (0..text.len()).filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(literal)));
                let ranges = starts.map(|at| at..at + literal.len()).filter(|range| is_bounded(&text, range));
                expected.extend(ranges.map(|range| (range.start, range.end, *value)));
            }
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_spelling_is_found_within_its_part_only() {
        let spellings = ["ivan ivanov".to_owned(), "ivanov, ivan".to_owned()];
        let text = "ivan ivanov; ivanov, ivan";
        assert_eq!(find_in(text, &(0..11), &spellings), Some(0..11));
        assert_eq!(find_in(text, &(5..25), &spellings), Some(13..25));
        assert_eq!(find_in(text, &(5..20), &spellings), None);
    }
}
