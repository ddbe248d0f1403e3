//! How rare words are spelled: which letter follows which two, so that words can be made up that look like them.
//!
//! Rare names are most of the names of a table, and none of them may be written down. A letter enters only behind two that it
//! follows in as many rows as the profile asks for. Not here: frequent words (`wording`).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::dice::{Dice, sums};

/// What stands for the end of a word.
const END: char = '\n';
/// Letters that decide about the next one.
const BEFORE: usize = 2;
const MOST_CONTEXTS: usize = 2_000;
const LONGEST: usize = 24;

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

/// A spelling made ready to draw from: a word of a length is drawn in one walk, as likely as it is among all of that length.
#[derive(Debug)]
pub(super) struct Speller {
    /// Lengths that words can have.
    lengths: Vec<(usize, f64)>,
    /// Where words start.
    start: usize,
    /// How many contexts there are.
    contexts: usize,
    ways: Ways,
}

/// The letters that may stand behind each context where so many are still to follow, the contexts behind them, and the
/// running sums of their weights.
#[derive(Debug, Default)]
struct Ways {
    /// Where each list of letters ends, by the number that is to follow and the context.
    ends: Vec<usize>,
    sums: Vec<f64>,
    letters: Vec<(char, u32)>,
}

/// What follows two letters: each letter, how likely it is, and the context behind it, if any word goes on there.
type Context = Vec<(char, f64, Option<usize>)>;

impl Speller {
    /// Prepares a spelling; `None` if no word comes to an end.
    pub(super) fn new(spelling: &Spelling) -> Option<Self> {
        let places: HashMap<&str, usize> =
            spelling.next.keys().enumerate().map(|(place, before)| (before.as_str(), place)).collect();
        let behind = |before: &str, letter: char| {
            let mut before = before.to_owned();
            push(&mut before, letter);
            places.get(before.as_str()).copied()
        };
        let context = |(before, letters): (&String, &Vec<(char, f64)>)| -> Context {
            let all: f64 = letters.iter().map(|(_, weight)| weight.max(0.0)).sum();
            let share = |weight: f64| if all > 0.0 { weight.max(0.0) / all } else { 0.0 };
            letters.iter().map(|(letter, weight)| (*letter, share(*weight), behind(before, *letter))).collect()
        };
        let contexts: Vec<Context> = spelling.next.iter().map(context).collect();
        let start = *places.get("")?;
        let ends = ends(&contexts);
        let can_end = |length: usize| length > 0 && ends.get(length).is_some_and(|ends| ends[start] > 0.0);
        let known = spelling.lengths.iter().map(|(length, weight)| (*length as usize, *weight));
        let mut lengths: Vec<(usize, f64)> = known.filter(|(length, _)| can_end(*length)).collect();
        if lengths.is_empty() {
            lengths =
                (1..=LONGEST).filter(|length| can_end(*length)).map(|length| (length, ends[length][start])).collect();
        }
        let longest = lengths.iter().map(|(length, _)| *length).max()?;
        let mut ways = Ways::default();
        for ends in ends.iter().take(longest) {
            for context in &contexts {
                ways.add(context, ends);
            }
        }
        Some(Self { lengths, start, contexts: contexts.len(), ways })
    }

    /// Adds a word that is made up to a text.
    pub(super) fn draw(&self, text: &mut String, dice: &mut Dice) {
        let length = dice.weighted(&self.lengths).map_or(0, |length| *length);
        let mut at = self.start;
        for left in (0..length).rev() {
            let Some((letter, next)) = self.ways.draw(left * self.contexts + at, dice) else { break };
            text.push(letter);
            at = next as usize;
        }
    }
}

impl Ways {
    /// Adds a list: the letters behind a context, weighed by how likely a word ends so many letters behind each.
    fn add(&mut self, context: &Context, ends: &[f64]) {
        let letters = context.iter().filter(|(letter, ..)| *letter != END);
        let ways = letters.filter_map(|(letter, share, next)| Some((*letter, share * ends.get((*next)?)?, (*next)?)));
        let ways: Vec<(char, f64, usize)> = ways.filter(|(_, weight, _)| *weight > 0.0).collect();
        self.sums.extend(sums(ways.iter().map(|(_, weight, _)| *weight)));
        self.letters.extend(ways.iter().map(|(letter, _, next)| (*letter, u32::try_from(*next).unwrap_or(u32::MAX))));
        self.ends.push(self.letters.len());
    }

    /// Draws a letter from a list, and the context behind it.
    fn draw(&self, list: usize, dice: &mut Dice) -> Option<(char, u32)> {
        let start = list.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        let range = start..*self.ends.get(list)?;
        let at = dice.among(self.sums.get(range.clone())?);
        self.letters.get(range)?.get(at).copied()
    }
}

/// Tells for each number of letters up to the longest how likely a word ends so many behind each context.
fn ends(contexts: &[Context]) -> Vec<Vec<f64>> {
    let at_once =
        |context: &Context| context.iter().filter(|(letter, ..)| *letter == END).map(|(_, share, _)| share).sum();
    let mut ends: Vec<Vec<f64>> = vec![contexts.iter().map(at_once).collect()];
    for length in 1..=LONGEST {
        let after = &ends[length - 1];
        let going_on = |context: &Context| {
            let letters = context.iter().filter(|(letter, ..)| *letter != END);
            letters.filter_map(|(_, share, next)| Some(share * after.get((*next)?)?)).sum()
        };
        let these = contexts.iter().map(going_on).collect();
        ends.push(these);
    }
    ends
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
        let spelling = Speller::new(&letters.finish((300.0, 20)).unwrap()).unwrap();
        let mut dice = Dice::new(&[1; 32], "test");
        for _ in 0..200 {
            let mut word = String::new();
            spelling.draw(&mut word, &mut dice);
            // Too few rows share what stands between two syllables, so none of the lengths that were read comes out.
            assert!((6..=7).contains(&word.len()), "{word}");
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
        assert!(Speller::new(&endless).is_none());
    }
}
