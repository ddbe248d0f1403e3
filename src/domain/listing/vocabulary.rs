//! The trade's words: which phrases say what, in eleven languages, found in one pass.
//!
//! The phrases themselves are in `vocabulary/*.txt`, one concept a line; how much each says is in the model. A phrase is looked
//! up by its first bytes wherever one may start, which is at a word, not inside: an automaton over the same phrases visits every
//! byte and then drops most of what it finds (a test holds the two equal).

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::fold::{fold_phrase, is_alphabetic, is_han, latin_letters};

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
    /// Its place in the vocabulary.
    number: u32,
    text: String,
    /// What it says, each with the tag of its line.
    concepts: Vec<(Concept, &'static str)>,
    is_prefix: bool,
    /// An everyday word, which counts only near a thing of the trade.
    is_everyday: bool,
}

struct Vocabulary {
    phrases: Vec<Phrase>,
    openings: Openings,
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::build);

impl Vocabulary {
    fn build() -> Self {
        let mut phrases: Vec<Phrase> = Vec::new();
        let mut known = HashMap::new();
        for line in SOURCES.iter().flat_map(|source| source.lines()).filter(|line| !line.starts_with('#')) {
            let Some((word, list)) = line.split_once(": ") else { continue };
            let (word, tag) = word.split_once('/').unwrap_or((word, ""));
            let Some(concept) = Concept::ALL.into_iter().find(|concept| concept.as_str() == word) else { continue };
            for phrase in list.split('|') {
                let (phrase, is_everyday) = phrase.strip_suffix('~').map_or((phrase, false), |phrase| (phrase, true));
                let (phrase, is_prefix) = phrase.strip_suffix('*').map_or((phrase, false), |phrase| (phrase, true));
                let text = fold_phrase(phrase);
                let at = *known.entry(text.clone()).or_insert_with(|| {
                    let number = u32::try_from(phrases.len()).unwrap_or(u32::MAX);
                    phrases.push(Phrase { number, text, concepts: Vec::new(), is_prefix: false, is_everyday });
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
        Self { openings: Openings::of(&phrases), phrases }
    }

    /// Finds the longest phrase that stands at a place of a text, given its first eight bytes.
    fn longest_at(&self, text: &str, (at, word): (usize, u64)) -> Option<(usize, &Phrase)> {
        for (opening, key) in self.openings.keys_at(word) {
            let after = text.as_bytes().get(at + opening..).unwrap_or_default();
            for candidate in self.openings.candidates(key) {
                // Its opening stands there: the key says so.
                let tail = self.openings.tails.get(candidate.tail.clone()).unwrap_or_default();
                let end = at + opening + tail.len();
                let goes_on = tail.is_empty() || after.starts_with(tail);
                if goes_on && stands_alone(text, (at, end), candidate.is_prefix) {
                    return Some((end, self.phrases.get(candidate.phrase as usize)?));
                }
            }
        }
        None
    }
}

/// Bytes by which longer phrases are looked up.
const OPENING: usize = 6;

/// Which phrases start with which bytes: small tables that say no to nearly every place, then the phrases themselves.
struct Openings {
    /// Whether a phrase starts with a byte.
    firsts: [bool; 256],
    /// The Latin words that phrases shorter than an opening begin with; some share a bit.
    words: Bits<1024>,
    /// The first two bytes of places where a phrase of no more may be.
    pairs: Bits<1024>,
    /// The first three bytes of places where a longer phrase, shorter than an opening, may be; some share a bit.
    triples: Bits<512>,
    /// For the first two bytes of a place, how many bytes may open a phrase there: a bit for each number.
    lengths: Vec<u8>,
    /// The openings, of which some share a bit.
    may_open: Bits<4096>,
    /// Openings, found by their hash or behind it, and where the phrases with each are among `all`, the longest first.
    slots: Vec<(u64, Range<u32>)>,
    all: Vec<Candidate>,
    /// What follows the openings.
    tails: Vec<u8>,
}

/// A phrase as it is looked up.
struct Candidate {
    phrase: u32,
    is_prefix: bool,
    /// Bytes of [`Openings::tails`].
    tail: Range<usize>,
}

/// A set of small numbers.
struct Bits<const WORDS: usize>(Box<[u64; WORDS]>);

impl<const WORDS: usize> Bits<WORDS> {
    /// Bits of a number of the set.
    const WIDTH: u32 = WORDS.trailing_zeros() + 6;

    fn new() -> Self {
        Self(Box::new([0; WORDS]))
    }

    fn set(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

/// Spreads a key over so many bits by one multiplication: the keys are our own, nobody can choose them to collide.
pub(super) const fn spread(key: u64, bits: u32) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "fewer than 32 bits are asked for")]
    let number = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize;
    number
}

impl Openings {
    /// Bits of a place among the slots, which are at most a quarter full.
    const SLOT_BITS: u32 = 14;

    fn of(phrases: &[Phrase]) -> Self {
        let mut openings = Self {
            firsts: [false; 256],
            words: Bits::new(),
            pairs: Bits::new(),
            triples: Bits::new(),
            lengths: vec![0; 1 << 16],
            may_open: Bits::new(),
            slots: vec![(0, 0..0); 1 << Self::SLOT_BITS],
            all: Vec::with_capacity(phrases.len()),
            tails: Vec::new(),
        };
        let mut by_opening: BTreeMap<u64, Vec<&Phrase>> = BTreeMap::new();
        for phrase in phrases {
            let bytes = phrase.text.as_bytes();
            let opening = bytes.get(..OPENING).unwrap_or(bytes);
            let Some(first) = opening.first() else { continue };
            if let Some(opens) = openings.firsts.get_mut(usize::from(*first)) {
                *opens = true;
            }
            for pair in Self::pairs_of(opening) {
                if let Some(lengths) = openings.lengths.get_mut(pair) {
                    *lengths |= 1 << (opening.len() - 1);
                }
            }
            openings.allow(phrase);
            by_opening.entry(Self::key(opening)).or_default().push(phrase);
        }
        for (key, mut phrases) in by_opening {
            phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.text.len()));
            openings.list(key, &phrases);
        }
        openings
    }

    /// Lists the phrases with an opening.
    fn list(&mut self, key: u64, phrases: &[&Phrase]) {
        let count = |all: &[Candidate]| u32::try_from(all.len()).unwrap_or(u32::MAX);
        let first = count(&self.all);
        for phrase in phrases {
            let start = self.tails.len();
            self.tails.extend_from_slice(phrase.text.as_bytes().get(OPENING..).unwrap_or_default());
            let (phrase, is_prefix) = (phrase.number, phrase.is_prefix);
            self.all.push(Candidate { phrase, is_prefix, tail: start..self.tails.len() });
        }
        self.may_open.set(spread(key, Bits::<4096>::WIDTH));
        let from = spread(key, Self::SLOT_BITS);
        let (before, behind) = self.slots.split_at_mut_checked(from).unwrap_or_default();
        if let Some(slot) = behind.iter_mut().chain(before).find(|(known, _)| *known == 0) {
            *slot = (key, first..count(&self.all));
        }
    }

    /// Returns the phrases with an opening, the longest first.
    fn candidates(&self, key: u64) -> &[Candidate] {
        let from = spread(key, Self::SLOT_BITS);
        let (before, behind) = self.slots.split_at_checked(from).unwrap_or_default();
        let slot = behind.iter().chain(before).find(|(known, _)| *known == key || *known == 0);
        let range = slot.map_or(0..0, |(_, range)| range.start as usize..range.end as usize);
        self.all.get(range).unwrap_or_default()
    }

    /// Notes what a text may begin with where a phrase shorter than an opening stands: its first word where that is Latin and
    /// stands whole, else its first three bytes, or the two that it has.
    fn allow(&mut self, phrase: &Phrase) {
        let opening = phrase.text.as_bytes();
        if opening.len() >= OPENING {
            return;
        }
        let latin = latin_letters(opening);
        if latin > 0 && !(phrase.is_prefix && latin == opening.len()) {
            self.words.set(Self::whole_word(Self::word(opening), latin));
        } else if opening.len() >= 3 {
            self.triples.set(Self::triple(Self::word(opening)));
        } else {
            Self::pairs_of(opening).for_each(|pair| self.pairs.set(pair));
        }
    }

    /// Tells by the first eight bytes of a place, and how many Latin letters stand there, whether a phrase may.
    fn may_be_at(&self, word: u64, latin: usize) -> bool {
        self.may_open.has(spread(word >> (64 - 8 * OPENING), Bits::<4096>::WIDTH))
            || (latin > 0 && self.words.has(Self::whole_word(word, latin)))
            || self.triples.has(Self::triple(word))
            || self.pairs.has(Self::pair(word))
    }

    /// The number of a word of so many letters, told by its first eight and its length.
    fn whole_word(word: u64, letters: usize) -> usize {
        let length = u32::try_from(letters).unwrap_or(u32::MAX);
        let word = word >> (64 - 8 * length.clamp(1, 8));
        spread(word ^ u64::from(length) << 59, Bits::<1024>::WIDTH)
    }

    /// The number of the first three bytes of a place.
    const fn triple(word: u64) -> usize {
        spread(word >> 40, Bits::<512>::WIDTH)
    }

    /// The first two bytes of a place.
    const fn pair(word: u64) -> usize {
        (word >> 48) as usize
    }

    /// The first two bytes of places where a phrase may stand that opens so; one of one byte may be followed by any.
    fn pairs_of(opening: &[u8]) -> impl Iterator<Item = usize> {
        let first = Self::pair(Self::word(opening));
        first..=if opening.len() > 1 { first } else { first + 0xff }
    }

    /// The openings that a place may have, as lengths and numbers, the longest first.
    fn keys_at(&self, word: u64) -> impl Iterator<Item = (usize, u64)> {
        let mut lengths = self.lengths.get(Self::pair(word)).copied().unwrap_or_default();
        std::iter::from_fn(move || {
            while let Some(last) = lengths.checked_ilog2() {
                lengths ^= 1 << last;
                let key = word >> (56 - 8 * last);
                if self.may_open.has(spread(key, Bits::<4096>::WIDTH)) {
                    return Some((last as usize + 1, key));
                }
            }
            None
        })
    }

    /// The first eight bytes as a number, those that a short text lacks as zeros, which no phrase holds.
    fn word(rest: &[u8]) -> u64 {
        match rest.first_chunk() {
            Some(word) => u64::from_be_bytes(*word),
            None => (0..8).fold(0, |word, at| word << 8 | u64::from(rest.get(at).copied().unwrap_or_default())),
        }
    }

    fn key(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |key, byte| key << 8 | u64::from(*byte))
    }
}

/// Finds all phrases in a folded text, longest first where they overlap, in order of appearance.
#[cfg(test)]
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    mentions_in(text, std::iter::once(0..text.len()))
}

/// The same within some lines only.
pub(super) fn mentions_in(text: &str, lines: impl IntoIterator<Item = Range<usize>>) -> Vec<Mention> {
    let mut mentions = Vec::with_capacity(text.len() / 64);
    for line in lines {
        search(text, line, &mut mentions);
    }
    mentions
}

fn search(text: &str, line: Range<usize>, mentions: &mut Vec<Mention>) {
    let vocabulary = &*VOCABULARY;
    let openings = &vocabulary.openings;
    let bytes = text.as_bytes().get(..line.end).unwrap_or_default();
    let (mut at, mut covered, mut is_behind_letter) = (line.start, 0, false);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let (start, first) = (at, rest.first().copied().unwrap_or_default());
        let (width, is_letter, may_be_inside) = match first {
            // The rest of a Latin word starts nothing.
            b'a'..=b'z' => (latin_letters(rest), true, true),
            0..=0x7f => (1, false, first.is_ascii_digit()),
            // U+4000 to U+9FFF, which are Han but for a few signs.
            0xe4..=0xe9 => (3, false, false),
            _ => {
                let Some(character) = text.get(at..).and_then(|rest| rest.chars().next()) else { return };
                let is_letter = is_letter(character);
                (character.len_utf8(), is_letter, is_letter)
            }
        };
        at += width;
        // A phrase may stand at every character that is not inside a word.
        let is_inside = std::mem::replace(&mut is_behind_letter, is_letter) && may_be_inside;
        if is_inside || !openings.firsts.get(usize::from(first)).is_some_and(|opens| *opens) {
            continue;
        }
        let (word, latin) = (Openings::word(rest), if first.is_ascii_lowercase() { width } else { 0 });
        if !openings.may_be_at(word, latin) {
            continue;
        }
        let Some((end, phrase)) = vocabulary.longest_at(text, (start, word)).filter(|(end, _)| *end > covered) else {
            continue;
        };
        covered = end;
        let said = |&(concept, tag)| Mention { concept, tag, start, end, phrase: phrase.number };
        mentions.extend(phrase.concepts.iter().map(said));
    }
}

/// Bytes between an everyday word and a thing of the trade, at most, for the word to count.
const NEAR: usize = 60;

/// Drops everyday words far from all things of the trade: a boat leaks too.
pub(super) fn drop_everyday(mentions: &mut Vec<Mention>) {
    let is_everyday =
        |mention: &Mention| VOCABULARY.phrases.get(mention.phrase as usize).is_some_and(|phrase| phrase.is_everyday);
    if !mentions.iter().any(is_everyday) {
        return;
    }
    let things: Vec<(usize, usize)> = mentions
        .iter()
        .filter(|mention| THINGS.contains(&mention.concept) && !is_everyday(mention))
        .map(|mention| (mention.start, mention.end))
        .collect();
    let is_near = |mention: &Mention| {
        let after = things.partition_point(|(start, _)| *start < mention.end);
        let next = things.get(after).is_some_and(|(start, _)| start - mention.end <= NEAR);
        let before = after.checked_sub(1).and_then(|at| things.get(at));
        next || before.is_some_and(|(_, end)| mention.start.saturating_sub(*end) <= NEAR)
    };
    mentions.retain(|mention| !is_everyday(mention) || is_near(mention));
}

/// Concepts that say what a post is about.
pub(super) const THINGS: [Concept; 14] = [
    Concept::Database,
    Concept::Credentials,
    Concept::Cards,
    Concept::Identity,
    Concept::Leads,
    Concept::Lookup,
    Concept::Access,
    Concept::Corporate,
    Concept::Accounts,
    Concept::Tool,
    Concept::Service,
    Concept::Goods,
    Concept::Exchange,
    Concept::Links,
];

/// A letter of a script that sets words apart.
fn is_letter(character: char) -> bool {
    !is_han(character) && is_alphabetic(character)
}

/// Tells whether a phrase is not a part of a longer word; Han text has no such borders.
fn stands_alone(text: &str, (start, end): (usize, usize), is_prefix: bool) -> bool {
    let bytes = text.as_bytes();
    let (before, after) = (start.checked_sub(1).and_then(|before| bytes.get(before)), bytes.get(end));
    // Most stand between blanks and signs.
    let may_be_letter = |near: Option<&u8>| near.is_some_and(|near| near.is_ascii_alphabetic() || !near.is_ascii());
    let inside = |near: Option<char>, edge: Option<char>| {
        near.is_some_and(is_letter) && edge.is_some_and(|edge| !is_han(edge) && edge.is_alphanumeric())
    };
    let phrase = text.get(start..end).unwrap_or_default();
    let is_digit = |near: Option<&u8>| near.is_some_and(u8::is_ascii_digit);
    // Letters between digits are a piece of an identifier: `9f3cc33a`.
    let is_piece = phrase.len() <= 3 && is_digit(before) && is_digit(after);
    let goes_before = || {
        let near = text.get(..start).and_then(|text| text.chars().next_back());
        may_be_letter(before) && inside(near, phrase.chars().next())
    };
    let goes_on = || {
        let near = text.get(end..).and_then(|text| text.chars().next());
        may_be_letter(after) && inside(near, phrase.chars().next_back())
    };
    !is_piece && !goes_before() && (is_prefix || !goes_on())
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

    /// The same by an automaton, as an oracle.
    fn mentions_by_automaton(text: &str) -> Vec<(usize, usize, u32)> {
        let phrases = &VOCABULARY.phrases;
        let automaton = aho_corasick::AhoCorasick::new(phrases.iter().map(|phrase| &phrase.text)).unwrap();
        let mut found: Vec<(usize, usize, u32)> = automaton
            .find_overlapping_iter(text)
            .filter(|hit| stands_alone(text, (hit.start(), hit.end()), phrases[hit.pattern().as_usize()].is_prefix))
            .map(|hit| (hit.start(), hit.end(), hit.pattern().as_u32()))
            .collect();
        found.sort_unstable_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1)));
        let mut covered = 0;
        found.retain(|(_, end, _)| {
            let is_new = *end > covered;
            covered = covered.max(*end);
            is_new
        });
        found
    }

    #[test]
    fn looking_phrases_up_where_words_start_finds_what_an_automaton_finds() {
        let texts = [
            include_str!("../../../training/listing/en.txt"),
            include_str!("../../../training/listing/zh.txt"),
            include_str!("../../../training/listing/ru.txt"),
            include_str!("../../../training/listing/more.txt"),
        ];
        for text in texts {
            let text = fold_phrase(text);
            let mut looked_up: Vec<(usize, usize, u32)> =
                mentions(&text).into_iter().map(|mention| (mention.start, mention.end, mention.phrase)).collect();
            looked_up.dedup();
            assert_eq!(looked_up, mentions_by_automaton(&text));
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
    fn letters_inside_an_identifier_are_no_words() {
        assert_eq!(concepts_of("9f3cc33a 41cvv7 0x5db1"), []);
        assert_eq!(concepts_of("20k cc").len(), 1);
    }

    #[test]
    fn everyday_words_count_beside_the_goods_only() {
        let kept = |text: &str| {
            let mut found = mentions(text);
            drop_everyday(&mut found);
            found.into_iter().any(|mention| mention.concept == Concept::Free)
        };
        assert!(kept("leaked: the customer database of a bank") && kept("a database, now released"));
        assert!(!kept("two weeks by the lake, the boat leaked and the food was fine"));
    }

    #[test]
    fn words_inside_words_are_not_found() {
        assert!(concepts_of("dataclysm wholesaler").is_empty());
        assert!(concepts_of("база").contains(&Concept::Database));
        assert!(concepts_of("базар").is_empty());
    }
}
