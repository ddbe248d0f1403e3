//! Names, addresses and other values that are compared as they stand, between boundaries.
//!
//! A name alone is never a hit, so most of these are looked for only where another field of their entry was found. Only
//! for entries with two such fields one of them is sought everywhere, by an automaton.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

/// Literals sought everywhere, each with the targets that share it.
#[derive(Debug, Default)]
pub(super) struct Literals {
    automaton: Option<AhoCorasick>,
    targets: Vec<(u32, u32)>,
}

impl Literals {
    /// Builds the automaton from distinct literals, each with its range of targets.
    ///
    /// An automaton too large for memory is left out: its entries are then found by their other fields only.
    pub(super) fn build(literals: &[(&str, (u32, u32))]) -> Self {
        if literals.is_empty() {
            return Self::default();
        }
        let texts = literals.iter().map(|(text, _)| text.as_bytes());
        Self {
            automaton: AhoCorasick::builder().match_kind(MatchKind::Standard).build(texts).ok(),
            targets: literals.iter().map(|(_, targets)| *targets).collect(),
        }
    }

    /// Calls `found` with the range and the targets of every literal in a folded text, overlapping ones too.
    pub(super) fn walk(&self, text: &str, found: &mut impl FnMut(Range<usize>, (u32, u32))) {
        let Some(automaton) = &self.automaton else { return };
        for hit in automaton.find_overlapping_iter(text) {
            let targets = self.targets.get(hit.pattern().as_usize());
            if let Some(targets) = targets.filter(|_| is_bounded(text, &hit.range())) {
                found(hit.range(), *targets);
            }
        }
    }
}

/// Finds the first bounded occurrence of any of the spellings within a part of the text.
pub(super) fn find_in(text: &str, part: &Range<usize>, spellings: &[Box<str>]) -> Option<Range<usize>> {
    let haystack = text.as_bytes().get(part.clone())?;
    spellings.iter().find_map(|spelling| {
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
    use super::*;

    #[test]
    fn literals_stand_between_boundaries() {
        let texts = ["елисей тихозеров", "欧阳采薇", "12 main st", "main"];
        let literals: Vec<(&str, (u32, u32))> =
            (0_u32..).zip(texts).map(|(index, text)| (text, (index, index + 1))).collect();
        let literals = Literals::build(&literals);
        for (text, expected) in [
            ("фио: елисей тихозеров, 12 main st.", vec![0, 3, 2]),
            ("елисей тихозерова", vec![]),
            ("客户欧阳采薇的卡", vec![1]),
            ("name欧阳采薇x", vec![1]),
            ("112 main street remains", vec![3]),
        ] {
            let mut found = Vec::new();
            literals.walk(text, &mut |_, (index, _)| found.push(index));
            found.sort_unstable();
            let mut expected = expected;
            expected.sort_unstable();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_spelling_is_found_within_its_part_only() {
        let spellings = ["ivan ivanov".into(), "ivanov, ivan".into()];
        let text = "ivan ivanov; ivanov, ivan";
        assert_eq!(find_in(text, &(0..11), &spellings), Some(0..11));
        assert_eq!(find_in(text, &(5..25), &spellings), Some(13..25));
        assert_eq!(find_in(text, &(5..20), &spellings), None);
    }
}
