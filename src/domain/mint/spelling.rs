//! How rare words are spelled: which letter follows which two, so that words can be made up that look like them.
//!
//! Rare names are most of the names of a table, and none of them may be written down. A letter enters only behind two that it
//! follows in as many rows as the profile asks for. Not here: frequent words (`wording`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dice::Dice;

/// What stands for the end of a word.
const END: char = '\n';
/// Letters that decide about the next one.
const BEFORE: usize = 2;
const MOST_CONTEXTS: usize = 2_000;
const LONGEST: usize = 24;
/// Walks that are tried until one ends as a word of the length wanted.
const TRIES: u32 = 24;

/// For the last letters of a word, `""` at its start, what may follow and how often.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spelling {
    /// How many texts hold a rare word.
    pub weight: f64,
    /// How long words are.
    pub lengths: Vec<(u32, f64)>,
    /// The letters that follow.
    pub next: BTreeMap<String, Vec<(char, f64)>>,
}

/// Counts the letters of words.
#[derive(Debug, Default)]
pub(super) struct Letters {
    next: BTreeMap<String, BTreeMap<char, u64>>,
    lengths: BTreeMap<u32, u64>,
}

impl Letters {
    /// Counts the letters of a word.
    pub(super) fn add(&mut self, word: &str) {
        let length = u32::try_from(word.chars().count()).unwrap_or(u32::MAX);
        *self.lengths.entry(length).or_default() += 1;
        let mut before = String::new();
        for letter in word.chars().take(LONGEST).chain([END]) {
            if !self.next.contains_key(&before) && self.next.len() >= MOST_CONTEXTS {
                return;
            }
            *self.next.entry(before.clone()).or_default().entry(letter).or_default() += 1;
            push(&mut before, letter);
        }
    }

    /// Returns what can be spelled by letters that follow each other in so many rows; `None` if no word can.
    pub(super) fn finish(self, (weight, least): (f64, u64)) -> Option<Spelling> {
        let next = self.next.into_iter().map(|(before, letters)| (before, shared(letters, least)));
        let next = next.filter(|(_, letters)| !letters.is_empty()).collect();
        let spelling = Spelling { weight, lengths: shared(self.lengths, least), next };
        spelling.next.contains_key("").then_some(spelling)
    }
}

/// Keeps what enough rows share, with their number.
fn shared<T>(counts: BTreeMap<T, u64>, least: u64) -> Vec<(T, f64)> {
    let number = |rows: u64| f64::from(u32::try_from(rows).unwrap_or(u32::MAX));
    counts.into_iter().filter(|(_, rows)| *rows >= least).map(|(what, rows)| (what, number(rows))).collect()
}

impl Spelling {
    /// Makes a word up, as long as words are if that comes out in time; `None` if none comes to an end.
    pub(super) fn draw(&self, dice: &mut Dice) -> Option<String> {
        let length = dice.weighted(&self.lengths).copied();
        let mut found = None;
        for _ in 0..TRIES {
            let Some(word) = self.walk(dice).filter(|word| !word.is_empty()) else { continue };
            let is_long_enough = length.is_none_or(|length| u32::try_from(word.chars().count()) == Ok(length));
            found = Some(word);
            if is_long_enough {
                break;
            }
        }
        found
    }

    fn walk(&self, dice: &mut Dice) -> Option<String> {
        let (mut word, mut before) = (String::new(), String::new());
        for _ in 0..=LONGEST {
            match *dice.weighted(self.next.get(&before)?)? {
                END => return Some(word),
                letter => {
                    word.push(letter);
                    push(&mut before, letter);
                }
            }
        }
        None
    }
}

/// Keeps the last letters.
fn push(before: &mut String, letter: char) {
    before.push(letter);
    if before.chars().count() > BEFORE {
        before.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_made_up_are_spelled_like_those_that_were_read_and_are_mostly_new() {
        let mut letters = Letters::default();
        let syllables = ["bar", "cor", "dal", "fen", "gor", "hul", "lam", "mer", "nor", "pol"];
        for one in syllables {
            for other in syllables {
                for end in ["ton", "ley", "wick"] {
                    letters.add(&format!("{one}{other}{end}"));
                }
            }
        }
        let spelling = letters.finish((300.0, 20)).unwrap();
        let mut dice = Dice::new(&[1; 32], "test");
        for _ in 0..200 {
            let word = spelling.draw(&mut dice).unwrap();
            assert!(syllables.iter().any(|syllable| word.starts_with(syllable)), "{word}");
            assert!(["ton", "ley", "wick"].iter().any(|end| word.ends_with(end)), "{word}");
        }
    }

    #[test]
    fn letters_that_few_rows_share_are_not_written_down() {
        let mut letters = Letters::default();
        (0..50).for_each(|_| letters.add("oak"));
        letters.add("zyx");
        let text = serde_json::to_string(&letters.finish((50.0, 20)).unwrap()).unwrap();
        assert!(text.contains("oa") && !text.contains('z') && !text.contains("zy"), "{text}");
        let mut few = Letters::default();
        few.add("alone");
        assert_eq!(few.finish((1.0, 20)), None);
        let endless = Spelling { weight: 1.0, lengths: Vec::new(), next: [(String::new(), vec![('a', 1.0)])].into() };
        assert_eq!(endless.draw(&mut Dice::new(&[1; 32], "test")), None);
    }
}
