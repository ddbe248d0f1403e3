//! The trade's words: which phrases say what, in eleven languages, found in one pass.
//!
//! The phrases themselves are in `vocabulary/*.txt`, one concept a line; how much each says is in the model.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::{Deserialize, Serialize};

use super::fold::{fold_phrase, is_han};

const SOURCES: [&str; 5] = [
    include_str!("vocabulary/en.txt"),
    include_str!("vocabulary/zh.txt"),
    include_str!("vocabulary/ru.txt"),
    include_str!("vocabulary/more.txt"),
    include_str!("vocabulary/tagged.txt"),
];

macro_rules! concepts {
    ($($name:ident $word:literal $label:literal)*) => {
        /// What a phrase says, apart from its language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[expect(missing_docs, reason = "each is explained by its label")]
        pub enum Concept { $($name),* }

        impl Concept {
            /// Every concept.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$name),*];

            /// Returns the word that names it in the vocabulary and in the model.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// Returns what a phrase of it does, for people.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }
        }
    };
}

concepts! {
    Sell "sell" "offers for sale"
    Buy "buy" "asks to buy"
    Free "free" "gives away"
    Ransom "ransom" "speaks as an extortion group"
    News "news" "reports news"
    Warn "warn" "warns of somebody"
    Teach "teach" "teaches"
    Ask "ask" "asks a question"
    Talk "talk" "chats"
    Rules "rules" "states rules"
    Joke "joke" "jokes"
    Negated "negated" "says it is not for sale"
    Closed "closed" "says it is sold or closed"
    Database "database" "names records of people"
    Credentials "credentials" "names passwords or logs"
    Cards "cards" "names payment cards"
    Identity "identity" "names identity documents"
    Leads "leads" "names contact lists"
    Lookup "lookup" "names look-ups of people"
    Access "access" "names access to systems"
    Corporate "corporate" "names company documents"
    Accounts "accounts" "names accounts or subscriptions"
    Tool "tool" "names software"
    Service "service" "names a service"
    Goods "goods" "names other goods"
    Exchange "exchange" "changes money"
    Links "links" "lists addresses"
    Escrow "escrow" "offers escrow"
    Exclusive "exclusive" "promises exclusivity"
    Fresh "fresh" "claims to be fresh"
    Sample "sample" "offers a sample"
    Contact "contact" "asks to get in touch"
    Price "price" "talks of price"
    Terms "terms" "states terms of trade"
    Field "field" "names columns"
    Sector "sector" "names a sector"
    Place "place" "names a country"
}

/// A phrase found in a folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) concept: Concept,
    /// Which column, sector or country; empty for other concepts.
    pub(super) tag: &'static str,
    /// Folded bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Number of the phrase in the vocabulary.
    pub(super) phrase: u32,
}

struct Phrase {
    /// What it says, each with the tag of its line.
    concepts: Vec<(Concept, &'static str)>,
    is_prefix: bool,
}

struct Vocabulary {
    automaton: AhoCorasick,
    phrases: Vec<Phrase>,
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::build);

impl Vocabulary {
    fn build() -> Self {
        let (mut texts, mut phrases): (Vec<String>, Vec<Phrase>) = (Vec::new(), Vec::new());
        let mut known = std::collections::HashMap::new();
        for line in SOURCES.iter().flat_map(|source| source.lines()).filter(|line| !line.starts_with('#')) {
            let Some((word, list)) = line.split_once(": ") else { continue };
            let (word, tag) = word.split_once('/').unwrap_or((word, ""));
            let Some(concept) = Concept::ALL.into_iter().find(|concept| concept.as_str() == word) else { continue };
            for phrase in list.split('|') {
                let (phrase, is_prefix) = phrase.strip_suffix('*').map_or((phrase, false), |phrase| (phrase, true));
                let phrase = fold_phrase(phrase);
                let at = *known.entry(phrase.clone()).or_insert_with(|| {
                    texts.push(phrase);
                    phrases.push(Phrase { concepts: Vec::new(), is_prefix: false });
                    phrases.len() - 1
                });
                if let Some(entry) = phrases.get_mut(at) {
                    entry.is_prefix |= is_prefix;
                    if !entry.concepts.contains(&(concept, tag)) {
                        entry.concepts.push((concept, tag));
                    }
                }
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&texts)
            .expect("a few thousand short phrases fit an automaton");
        Self { automaton, phrases }
    }
}

/// Finds all phrases in a folded text, longest first where they overlap, in order of appearance.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let vocabulary = &*VOCABULARY;
    let mut found: Vec<(usize, usize, u32)> = vocabulary
        .automaton
        .find_overlapping_iter(text)
        .filter(|hit| {
            let is_prefix = vocabulary.phrases.get(hit.pattern().as_usize()).is_some_and(|phrase| phrase.is_prefix);
            stands_alone(text, hit.start(), hit.end(), is_prefix)
        })
        .map(|hit| (hit.start(), hit.end(), hit.pattern().as_u32()))
        .collect();
    found.sort_unstable_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1)));
    let mut covered = 0;
    let mut mentions = Vec::with_capacity(found.len());
    for (start, end, phrase) in found {
        if end <= covered {
            continue;
        }
        covered = end;
        let concepts = vocabulary.phrases.get(phrase as usize).map_or(&[][..], |phrase| &phrase.concepts);
        mentions.extend(concepts.iter().map(|&(concept, tag)| Mention { concept, tag, start, end, phrase }));
    }
    mentions
}

/// Tells whether a phrase is not a part of a longer word; Han text has no such borders.
fn stands_alone(text: &str, start: usize, end: usize, is_prefix: bool) -> bool {
    let inside = |near: Option<char>, edge: Option<char>| {
        let is_word = |character: char| character.is_alphanumeric() && !is_han(character);
        near.is_some_and(is_word) && edge.is_some_and(is_word)
    };
    let phrase = text.get(start..end).unwrap_or_default();
    let before = text.get(..start).and_then(|text| text.chars().next_back());
    let after = text.get(end..).and_then(|text| text.chars().next());
    !inside(before.filter(|sign| !sign.is_numeric()), phrase.chars().next())
        && (is_prefix || !inside(after.filter(|sign| !sign.is_numeric()), phrase.chars().next_back()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concepts_of(text: &str) -> Vec<Concept> {
        mentions(text).into_iter().map(|mention| mention.concept).collect()
    }

    #[test]
    fn every_line_of_the_vocabulary_names_a_concept() {
        for line in SOURCES.iter().flat_map(|source| source.lines()).filter(|line| !line.starts_with('#')) {
            let word = line.split_once(": ").map(|(word, _)| word.split_once('/').map_or(word, |(word, _)| word));
            assert!(word.is_some_and(|word| Concept::ALL.iter().any(|concept| concept.as_str() == word)), "{line}");
        }
    }

    #[test]
    fn the_longest_phrase_wins_where_phrases_overlap() {
        assert_eq!(concepts_of("not for sale"), [Concept::Negated]);
        assert_eq!(concepts_of("for sale"), [Concept::Sell]);
        assert_eq!(concepts_of("不出售"), [Concept::Negated]);
        assert_eq!(concepts_of("не продаю"), [Concept::Negated]);
    }

    #[test]
    fn words_inside_words_are_not_found() {
        assert!(concepts_of("dataclysm wholesaler").is_empty());
        assert!(concepts_of("база").contains(&Concept::Database));
        assert!(concepts_of("базар").is_empty());
    }
}
