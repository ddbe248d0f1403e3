//! What the model sees of a post: phrases by concept, their combinations, layout, and hashed words and n-grams.
//!
//! Two of three kinds have names, so that a decision can be explained; the third only says "wording".

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::fold::{is_alphabetic, is_han};
use super::layout::LineKind;
use super::post::{Part, Post};
use super::vocabulary::{Concept, THINGS};

/// Concepts that say what the writer does; their place in this table is their number.
const ACTS: [Concept; 13] = [
    Concept::Sell,
    Concept::Buy,
    Concept::Free,
    Concept::Ransom,
    Concept::News,
    Concept::Warn,
    Concept::Teach,
    Concept::Ask,
    Concept::Talk,
    Concept::Rules,
    Concept::Joke,
    Concept::Negated,
    Concept::Closed,
];

const CONCEPTS: usize = Concept::ALL.len();
const NO_ACT: usize = ACTS.len();
const NO_THING: usize = THINGS.len();
const LAST_PAIRS: usize = (THINGS.len() + 1) * (THINGS.len() + 1);
const PAIRS: usize = (ACTS.len() + 1) * (THINGS.len() + 1);

/// Head and body, said once and said in several ways.
const CONCEPT_BASE: usize = 0;
const HEAD_PAIR_BASE: usize = CONCEPT_BASE + CONCEPTS * 4;
const PAIR_BASE: usize = HEAD_PAIR_BASE + PAIRS;
const FIRST_ACT_BASE: usize = PAIR_BASE + PAIRS;
const FIRST_THING_BASE: usize = FIRST_ACT_BASE + ACTS.len() + 1;
/// The last two things of the title: in Chinese, English and Russian the last noun is what is offered, those before tell of it.
const LAST_THINGS_BASE: usize = FIRST_THING_BASE + THINGS.len() + 1;
/// What the labels say, then what board and page say.
const SETTING_BASE: usize = LAST_THINGS_BASE + LAST_PAIRS;
const LAYOUT_BASE: usize = SETTING_BASE + CONCEPTS * 2;
/// Number of features that have a name.
pub(super) const NAMED: usize = LAYOUT_BASE + Layout::ALL.len();
/// Number of hashed features.
const HASHED: u32 = 1 << 13;
/// All features, the constant one included.
pub(super) const FEATURES: usize = NAMED + HASHED as usize + 1;
/// The feature that every post has.
pub(super) const BIAS: usize = NAMED + HASHED as usize;

/// What the shape of a post says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Layout {
    PriceInHead,
    PriceInBody,
    PriceTag,
    SeveralPrices,
    ContactGiven,
    SeveralContacts,
    RowsFew,
    RowsMany,
    Columns,
    AskingHead,
    AskingBody,
    VolumeInHead,
    VolumeInBody,
    Quotes,
    LinkGiven,
    ManyLines,
    ShoutedHead,
    Separators,
    Ornaments,
    Sentences,
    Untraded,
    TitleOnly,
    Weighed,
    Answer,
}

impl Layout {
    pub(super) const ALL: [Self; 24] = [
        Self::PriceInHead,
        Self::PriceInBody,
        Self::PriceTag,
        Self::SeveralPrices,
        Self::ContactGiven,
        Self::SeveralContacts,
        Self::RowsFew,
        Self::RowsMany,
        Self::Columns,
        Self::AskingHead,
        Self::AskingBody,
        Self::VolumeInHead,
        Self::VolumeInBody,
        Self::Quotes,
        Self::LinkGiven,
        Self::ManyLines,
        Self::ShoutedHead,
        Self::Separators,
        Self::Ornaments,
        Self::Sentences,
        Self::Untraded,
        Self::TitleOnly,
        Self::Weighed,
        Self::Answer,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::PriceInHead => "a price in the title",
            Self::PriceInBody => "a price in the text",
            Self::PriceTag => "a price tag on a line of its own",
            Self::SeveralPrices => "several prices",
            Self::ContactGiven => "a contact is given",
            Self::SeveralContacts => "several contacts are given",
            Self::RowsFew => "sample rows",
            Self::RowsMany => "many sample rows",
            Self::Columns => "a list of columns",
            Self::AskingHead => "the title is a question",
            Self::AskingBody => "the text asks questions",
            Self::VolumeInHead => "an amount of records in the title",
            Self::VolumeInBody => "an amount of records in the text",
            Self::Quotes => "it answers a quotation",
            Self::LinkGiven => "a link is given",
            Self::ManyLines => "many short lines",
            Self::ShoutedHead => "the title is in capitals",
            Self::Separators => "lines of ornaments",
            Self::Ornaments => "pictograms",
            Self::Sentences => "long sentences",
            Self::Untraded => "no price, contact, amount or sample is given",
            Self::TitleOnly => "there is only a title",
            Self::Weighed => "goods are weighed",
            Self::Answer => "it is an answer",
        }
    }
}

/// What was read from the numbers and addresses of a post; the model only needs counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    pub(super) prices_in_head: usize,
    pub(super) prices_in_body: usize,
    pub(super) price_tags: usize,
    pub(super) contacts: usize,
    pub(super) volumes_in_head: usize,
    pub(super) volumes_in_body: usize,
    pub(super) links: usize,
}

/// A post as the model sees it: numbers of features with their values.
#[derive(Debug, Clone, Default)]
pub(super) struct Features {
    pub(super) active: Vec<(u32, f32)>,
}

impl Features {
    /// Extracts all features of a post.
    pub(super) fn of(post: &Post<'_>, facts: &Facts) -> Self {
        let mut features = Self { active: Vec::with_capacity(256) };
        features.concepts(&post.head, 0);
        features.concepts(&post.body, 2);
        features.combinations(post);
        features.setting(post);
        features.layout(post, facts);
        features.wording(post);
        features.add(BIAS, 1.0);
        features
    }

    fn add(&mut self, feature: usize, value: f32) {
        self.active.push((u32::try_from(feature).unwrap_or(u32::MAX), value));
    }

    fn concepts(&mut self, part: &Part<'_>, level: usize) {
        let mut seen: [Option<u32>; CONCEPTS] = [None; CONCEPTS];
        let mut twice = [false; CONCEPTS];
        for mention in &part.mentions {
            let at = mention.concept as usize;
            match seen.get(at).copied().flatten() {
                None => {
                    if let Some(slot) = seen.get_mut(at) {
                        *slot = Some(mention.phrase);
                    }
                    self.add(CONCEPT_BASE + at * 4 + level, 1.0);
                }
                Some(phrase) if phrase != mention.phrase => {
                    if let Some(slot) = twice.get_mut(at).filter(|slot| !**slot) {
                        *slot = true;
                        self.add(CONCEPT_BASE + at * 4 + level + 1, 1.0);
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Pairs of what is done and what it is about: in the title alone, and anywhere.
    fn combinations(&mut self, post: &Post<'_>) {
        let head = Profile::of(&[&post.head]);
        let all = Profile::of(&[&post.head, &post.body]);
        self.pairs(&head, HEAD_PAIR_BASE);
        self.pairs(&all, PAIR_BASE);
        let first = |table: &[Concept], none: usize| {
            post.parts()
                .into_iter()
                .flat_map(|part| &part.mentions)
                .find_map(|mention| table.iter().position(|concept| *concept == mention.concept))
                .unwrap_or(none)
        };
        self.add(FIRST_ACT_BASE + first(&ACTS, NO_ACT), 1.0);
        self.add(FIRST_THING_BASE + first(&THINGS, NO_THING), 1.0);
        let mut last = [NO_THING; 2];
        let mut end = usize::MAX;
        for mention in post.head.mentions.iter().rev() {
            let Some(thing) = THINGS.iter().position(|concept| *concept == mention.concept) else { continue };
            let [before, at] = &mut last;
            if *at == NO_THING {
                (*at, end) = (thing, mention.start);
            } else if mention.end <= end && thing != *at {
                *before = thing;
                break;
            }
        }
        let [before, at] = last;
        self.add(LAST_THINGS_BASE + before * (THINGS.len() + 1) + at, 1.0);
        self.add(LAST_THINGS_BASE + NO_THING * (THINGS.len() + 1) + at, 0.5);
    }

    /// What labels, board and page say, each concept once.
    fn setting(&mut self, post: &Post<'_>) {
        let [tags, board, page] = &post.setting;
        for (level, parts) in [(0, [tags, tags]), (1, [board, page])] {
            let mut seen = [false; CONCEPTS];
            for mention in parts.into_iter().flat_map(|part| &part.mentions) {
                if let Some(slot) = seen.get_mut(mention.concept as usize).filter(|slot| !**slot) {
                    *slot = true;
                    self.add(SETTING_BASE + mention.concept as usize * 2 + level, 1.0);
                }
            }
        }
    }

    fn pairs(&mut self, profile: &Profile, base: usize) {
        for act in profile.acts() {
            for thing in profile.things() {
                self.add(base + act * (THINGS.len() + 1) + thing, 0.7);
            }
        }
    }

    fn layout(&mut self, post: &Post<'_>, facts: &Facts) {
        let rows = post.parts().iter().map(|part| part.rows.0).sum::<usize>();
        let prose: usize = post.body.lines_of(LineKind::Prose).map(|(line, _)| line.trim().chars().count()).sum();
        let lines = post.body.lines_of(LineKind::Prose).filter(|(line, _)| !line.trim().is_empty()).count();
        let head = &post.head.words.text;
        let written = post.head.words.source(0, head.len());
        let fields = post
            .parts()
            .iter()
            .flat_map(|part| &part.mentions)
            .filter(|mention| mention.concept == Concept::Field)
            .count();
        let asks = |text: &str| {
            let has = |sign: &str| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some();
            memchr::memchr(b'?', text.as_bytes()).is_some() || (!text.is_ascii() && ["؟", "吗"].into_iter().any(has))
        };
        let shouts = written.chars().filter(char::is_ascii_uppercase).count() > 8
            && !written.chars().any(|letter| letter.is_ascii_lowercase());
        let amounts = facts.prices_in_head + facts.prices_in_body + facts.volumes_in_head + facts.volumes_in_body;
        for (layout, is_so) in [
            (Layout::Sentences, has_sentences(head) || has_sentences(&post.body.words.text)),
            (Layout::TitleOnly, post.body.words.text.trim().is_empty()),
            (Layout::Weighed, post.parts().into_iter().any(is_weighed)),
            (
                Layout::Answer,
                ["re:", "回复:", "回复：", "答复", "ответ:", "aw:"].iter().any(|start| head.starts_with(start)),
            ),
            (Layout::Untraded, amounts + facts.contacts + facts.links + rows == 0),
            (Layout::PriceInHead, facts.prices_in_head > 0),
            (Layout::PriceInBody, facts.prices_in_body > 0),
            (Layout::PriceTag, facts.price_tags > 0),
            (Layout::SeveralPrices, facts.prices_in_head + facts.prices_in_body > 2),
            (Layout::ContactGiven, facts.contacts > 0),
            (Layout::SeveralContacts, facts.contacts > 1),
            (Layout::RowsFew, rows > 0),
            (Layout::RowsMany, rows > 3),
            (Layout::Columns, fields > 3),
            (Layout::AskingHead, asks(head)),
            (Layout::AskingBody, asks(&post.body.words.text)),
            (Layout::VolumeInHead, facts.volumes_in_head > 0),
            (Layout::VolumeInBody, facts.volumes_in_body > 0),
            (Layout::Quotes, post.body.quotes > 0),
            (Layout::LinkGiven, facts.links > 0),
            (Layout::ManyLines, lines > 5 && prose / lines < 40),
            (Layout::ShoutedHead, shouts),
            (Layout::Separators, has_separators(&post.body.words.text)),
            (Layout::Ornaments, head.chars().chain(post.body.words.text.chars().take(400)).any(is_pictogram)),
        ] {
            if is_so {
                self.add(LAYOUT_BASE + layout as usize, 1.0);
            }
        }
    }

    /// Words, pairs of words, and runs of two and three Han characters, hashed; their weights together are bounded.
    fn wording(&mut self, post: &Post<'_>) {
        let mut grams = Grams::default();
        for part in post.parts() {
            for (line, _) in part.lines_of(LineKind::Prose) {
                line_grams(line, &mut grams);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of n-grams is small")]
        let value = 2.0 / (grams.count().max(16) as f32).sqrt();
        let base = u32::try_from(NAMED).unwrap_or(0);
        self.active.extend(grams.iter().map(|gram| (base + gram, value)));
    }
}

/// Which hashed n-grams a post holds, a bit each.
struct Grams([u64; HASHED as usize / 64]);

impl Default for Grams {
    fn default() -> Self {
        Self([0; HASHED as usize / 64])
    }
}

impl Grams {
    fn push(&mut self, gram: u32) {
        if let Some(word) = self.0.get_mut(gram as usize / 64) {
            *word |= 1 << (gram % 64);
        }
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        (0_u32..).zip(self.0).flat_map(|(at, mut word)| {
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

/// Which acts and things a post mentions, as bit sets.
struct Profile {
    acts: u32,
    things: u32,
}

impl Profile {
    fn of(parts: &[&Part<'_>]) -> Self {
        let mut profile = Self { acts: 0, things: 0 };
        for mention in parts.iter().flat_map(|part| &part.mentions) {
            if let Some(act) = ACTS.iter().position(|concept| *concept == mention.concept) {
                profile.acts |= 1 << act;
            } else if let Some(thing) = THINGS.iter().position(|concept| *concept == mention.concept) {
                profile.things |= 1 << thing;
            }
        }
        if profile.acts == 0 {
            profile.acts = 1 << NO_ACT;
        }
        if profile.things == 0 {
            profile.things = 1 << NO_THING;
        }
        profile
    }

    fn acts(&self) -> impl Iterator<Item = usize> {
        let acts = self.acts;
        (0..=NO_ACT).filter(move |act| acts & (1 << act) != 0)
    }

    fn things(&self) -> impl Iterator<Item = usize> {
        let things = self.things;
        (0..=NO_THING).filter(move |thing| things & (1 << thing) != 0)
    }
}

fn line_grams(line: &str, grams: &mut Grams) {
    let mut word = Fnv::NEW;
    let (mut length, mut previous) = (0, None::<Fnv>);
    let (mut last, mut before_last) = (None::<char>, None::<char>);
    let finish = |word: &mut Fnv, length: &mut usize, previous: &mut Option<Fnv>, grams: &mut Grams| {
        if *length > 1 {
            grams.push(word.bucket());
            if let Some(previous) = previous {
                grams.push(previous.then(word.0).bucket());
            }
            *previous = Some(*word);
        }
        (*word, *length) = (Fnv::NEW, 0);
    };
    for character in line.chars() {
        if is_han(character) {
            finish(&mut word, &mut length, &mut previous, grams);
            previous = None;
            if let Some(last) = last.filter(|last| is_han(*last)) {
                let pair = Fnv::NEW.with(last).with(character);
                grams.push(pair.bucket());
                if let Some(first) = before_last.filter(|first| is_han(*first)) {
                    grams.push(Fnv::NEW.with(first).with(last).with(character).bucket());
                }
            }
        } else if is_alphabetic(character) {
            word = word.with(character);
            length += 1;
        } else if character.is_numeric() {
            // Numbers differ from post to post: only that there is one counts.
            word = word.with('0');
        } else {
            finish(&mut word, &mut length, &mut previous, grams);
        }
        before_last = last;
        last = Some(character);
    }
    finish(&mut word, &mut length, &mut previous, grams);
}

/// FNV-1a over characters, for n-grams.
#[derive(Clone, Copy)]
struct Fnv(u32);

impl Fnv {
    const NEW: Self = Self(0x811c_9dc5);

    fn with(self, character: char) -> Self {
        self.then(u32::from(character))
    }

    const fn then(self, value: u32) -> Self {
        Self((self.0 ^ value).wrapping_mul(0x0100_0193))
    }

    /// A number below [`HASHED`], from all bits.
    const fn bucket(self) -> u32 {
        let mixed = self.0 ^ (self.0 >> 15);
        let mixed = mixed.wrapping_mul(0x2c1b_3c6d);
        (mixed ^ (mixed >> 13)) & (HASHED - 1)
    }
}

/// Tells whether there is a sentence of sixteen words, or of thirty Han characters, without a break for breath.
fn has_sentences(text: &str) -> bool {
    let (mut words, mut letters, mut han) = (0, 0, 0);
    for character in text.chars() {
        match character {
            'a'..='z' => letters += 1,
            ' ' => letters = 0,
            '\n' | '.' | '!' | '?' | '。' | '！' | '？' | ';' | '|' | ':' | '•' | '-' => {
                (words, letters, han) = (0, 0, 0);
            }
            _ if is_han(character) => (letters, han) = (letters + 1, han + 1),
            _ => letters += usize::from(is_alphabetic(character)),
        }
        // A word counts at its second letter.
        words += usize::from(letters == 2 && character != ' ');
        letters += usize::from(letters == 2);
        if words >= 16 || han >= 30 {
            return true;
        }
    }
    false
}

/// Tells whether a number is a weight or a dose: `112g`, `50 mg`, `1lb`.
fn is_weighed(part: &Part<'_>) -> bool {
    const UNITS: [&str; 16] =
        ["g", "gr", "gram", "grams", "kg", "kgs", "mg", "ug", "oz", "ounce", "lb", "lbs", "ml", "tabs", "caps", "克拉"];
    part.numbers.iter().any(|number| {
        let after = part.words.text.get(number.digits_end..).unwrap_or_default();
        let after = after.strip_prefix(' ').unwrap_or(after);
        let length = after.find(|sign: char| !is_alphabetic(sign)).unwrap_or(after.len());
        after.get(..length).is_some_and(|unit| UNITS.contains(&unit))
    })
}

/// Tells whether a line is drawn: the same sign several times.
fn has_separators(text: &str) -> bool {
    static DRAWN: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let drawn = ["-----", "=====", "_____", "*****", ".....", "~~~~", "━━━", "───", "•••", "▬▬"];
        AhoCorasick::new(drawn).expect("a few short words fit an automaton")
    });
    DRAWN.is_match(text)
}

const fn is_pictogram(character: char) -> bool {
    matches!(character, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}' | '\u{2b00}'..='\u{2bff}')
}

/// Returns what a named feature stands for: a concept in a place, or words for people.
pub(super) fn meaning(feature: usize) -> Option<Meaning> {
    if feature < HEAD_PAIR_BASE {
        return Some(Meaning::Said(*Concept::ALL.get(feature / 4)?));
    }
    if feature < FIRST_ACT_BASE {
        let pair = (feature - HEAD_PAIR_BASE) % PAIRS;
        let act = ACTS.get(pair / (THINGS.len() + 1)).copied();
        let thing = THINGS.get(pair % (THINGS.len() + 1)).copied();
        return Some(Meaning::Pair(act, thing));
    }
    if feature < FIRST_THING_BASE {
        return Some(Meaning::Pair(ACTS.get(feature - FIRST_ACT_BASE).copied(), None));
    }
    if feature < LAST_THINGS_BASE {
        return Some(Meaning::Pair(None, THINGS.get(feature - FIRST_THING_BASE).copied()));
    }
    if feature < SETTING_BASE {
        return Some(Meaning::Pair(None, THINGS.get((feature - LAST_THINGS_BASE) % (THINGS.len() + 1)).copied()));
    }
    if feature < LAYOUT_BASE {
        return Some(Meaning::Setting(*Concept::ALL.get((feature - SETTING_BASE) / 2)?));
    }
    Layout::ALL.get(feature.checked_sub(LAYOUT_BASE)?).map(|layout| Meaning::Shape(layout.label()))
}

/// What a named feature stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A concept was mentioned.
    Said(Concept),
    /// An act and a thing were mentioned together.
    Pair(Option<Concept>, Option<Concept>),
    /// A concept was mentioned in labels, board or page.
    Setting(Concept),
    /// The shape of the post.
    Shape(&'static str),
}
