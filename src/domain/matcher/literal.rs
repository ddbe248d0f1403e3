//! Names, addresses and other values that are compared as they stand, between boundaries.
//!
//! A name alone is never a hit, so most of these are looked for only where another field of their entry was found. Only
//! for entries with two such fields one of them is sought everywhere: few literals, and short ones, by an automaton; many by
//! eight bytes of each (`grams`), because an automaton of thousands waits for memory at every byte.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::grams::Grams;

/// Up to so many literals the automaton is faster.
const FEW: usize = 100;

/// Literals sought everywhere, each with the values that share it.
#[derive(Debug, Default)]
pub(super) struct Literals {
    automaton: Option<AhoCorasick>,
    /// Which literal each of the automaton's patterns is.
    patterns: Vec<u32>,
    grams: Grams,
    /// Values, and where those of each literal end.
    values: Vec<u32>,
    ends: Vec<u32>,
}

impl Literals {
    /// Prepares the search.
    ///
    /// An automaton too large for memory is left out: its entries are then found by their other fields only.
    pub(super) fn build(literals: Vec<(String, u32)>) -> Self {
        Self::with_few(literals, FEW)
    }

    fn with_few(mut literals: Vec<(String, u32)>, few: usize) -> Self {
        literals.sort_unstable();
        literals.dedup();
        let groups = literals.chunk_by(|(left, _), (right, _)| left == right);
        let texts: Vec<&str> =
            groups.clone().filter_map(|group| group.first()).map(|(text, _)| text.as_str()).collect();
        let (grams, patterns) = if texts.len() > few { Grams::build(&texts) } else { (Grams::default(), all(&texts)) };
        let short = patterns.iter().filter_map(|literal| texts.get(*literal as usize));
        let automaton = if patterns.is_empty() {
            None
        } else {
            AhoCorasick::builder().match_kind(MatchKind::Standard).build(short).ok()
        };
        let ends = groups.scan(0, |end, group| {
            *end += u32::try_from(group.len()).unwrap_or_default();
            Some(*end)
        });
        Self {
            automaton,
            patterns,
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
        let Some(automaton) = &self.automaton else { return };
        for hit in automaton.find_overlapping_iter(text) {
            if let Some(literal) = self.patterns.get(hit.pattern().as_usize()) {
                tell(hit.range(), *literal);
            }
        }
    }

    fn values_of(&self, literal: u32) -> &[u32] {
        let end = |index: usize| self.ends.get(index).map_or(0, |end| *end as usize);
        let index = literal as usize;
        self.values.get(index.checked_sub(1).map_or(0, end)..end(index)).unwrap_or_default()
    }

    /// Bytes kept.
    pub(super) fn bytes(&self) -> usize {
        let automaton = self.automaton.as_ref().map_or(0, AhoCorasick::memory_usage);
        automaton + self.grams.bytes() + 4 * (self.values.len() + self.ends.len() + self.patterns.len())
    }
}

fn all(texts: &[&str]) -> Vec<u32> {
    (0..u32::try_from(texts.len()).unwrap_or_default()).collect()
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
        fn many_literals_are_found_like_few(
            text in "(улица |дом |main |st |[0-9]{1,2} |北京|市|海淀区|é|«|-|[a-c]{1,3}){0,40}",
            literals in proptest::collection::btree_set("(улица|дом|main|北京|海淀区|é|«|-)(улица | дом|main | st|[0-9]{1,2} |市|海淀区|-){1,4}", 1..12),
        ) {
            let literals: Vec<(String, u32)> = literals.into_iter().zip(0..).collect();
            let found = |few: usize| {
                let mut found = Vec::new();
                Literals::with_few(literals.clone(), few).walk(&text, |range, value| found.push((range.start, range.end, value)));
                found.sort_unstable();
                found
            };
            prop_assert_eq!(found(0), found(usize::MAX));
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
