//! Entries in the texts within a view: behind transfer layers, in odd spellings.
//!
//! What the view itself has shown already is not told again. Not here: the texts (`text`).

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::FINGERPRINT_HITS;
use super::compile::Compiled;
use super::masked;
use super::row::{Find, tie};
use super::scan::{Cut, Found, Made, TORN_BYTES, first_character, hit, print_hit};
use super::search::{finds, finds_and_prints_within};
use super::testing::{Depth, Print, Tally, Tester};
use crate::domain::span::ByteSpan;
use crate::domain::text::{Derived, Locator, Trust};

/// Where numbers of different rows meet, or letters are read as digits, shorter values are equal by chance.
const LONG_BYTES: usize = 11;

/// The search within one view.
pub(super) struct Within<'a> {
    compiled: &'a Compiled,
    pub(super) cut: &'a Cut,
    /// Entry, field, first and last byte of what was told.
    known: BTreeSet<(u32, u32, u64, u64)>,
}

impl<'a> Within<'a> {
    pub(super) const fn new(compiled: &'a Compiled, cut: &'a Cut) -> Self {
        Self { compiled, cut, known: BTreeSet::new() }
    }

    /// Tells whether nothing was found so far.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Remembers what was found at a span.
    pub(super) fn note(&mut self, find: &Find, span: ByteSpan) {
        self.known.insert((find.target.entry, find.target.field, span.start, span.end));
    }

    /// Finds entries in a text within the view.
    pub(super) fn collect<'v, F: FnOnce() -> Locator<'v>>(
        &mut self,
        derived: &Derived<'_>,
        locator: &LazyCell<Locator<'v>, F>,
        found: &mut Found,
    ) {
        let cut = self.cut.uncut();
        let is_long = |find: &Find| find.target.stands_alone && find.range.len() >= LONG_BYTES;
        let (mut finds, prints, tested) = match derived.trust {
            Trust::Full => self.search(derived.text, &cut, &mut found.tally),
            Trust::Joined => {
                let tally = (&mut found.tally, Depth::Joined);
                let (finds, prints) = finds_and_prints_within(self.compiled, derived.text, &cut, tally);
                (finds.into_iter().filter(is_long).collect(), prints, 0)
            }
            Trust::Deep => {
                let finds = finds(self.compiled, derived.text, &cut);
                (finds.into_iter().filter(is_long).collect(), Vec::new(), 0)
            }
        };
        found.repeats().bound(&mut finds);
        if finds.is_empty() && prints.is_empty() {
            return;
        }
        let tied = tie(derived.text, self.compiled, finds, self.cut.masked_rows + tested);
        if tied.is_empty() && prints.is_empty() {
            return;
        }
        let way = locator.derived(derived);
        let made = |range: &Range<usize>, row: usize| {
            let (place, row) = (way.place(range), way.start(&first_character(derived.text, row)));
            Made { text: derived.text, plain: way.unfolded(range), place, row }
        };
        for tied in &tied {
            let made = made(&tied.find.range, tied.row);
            let span = made.place.span;
            if !self.is_known(&tied.find, span) && !self.is_torn(span) {
                self.note(&tied.find, span);
                found.hits.extend(hit(self.compiled, made, self.cut, tied));
            }
        }
        let room = FINGERPRINT_HITS.saturating_sub(found.hits.len());
        for print in prints.iter().take(room) {
            let made = made(&print.range, print.row);
            if !self.is_torn(made.place.span) {
                found.hits.extend(print_hit(self.compiled, made, self.cut, print));
            }
        }
    }

    /// Returns what is found in a text that reads like any other, who is, and how many rows with masked values it has.
    fn search(&self, text: &str, cut: &Cut, tally: &mut Tally) -> (Vec<Find>, Vec<Print>, u64) {
        let (compiled, testing) = (self.compiled, &self.compiled.testing);
        let (mut finds, mut prints) = finds_and_prints_within(compiled, text, cut, (&mut *tally, Depth::Within));
        let masked = masked::Rows::of(compiled, text);
        let tested = masked.find(compiled, &mut finds);
        prints.extend(masked.test(testing, || Tester::within(testing, tally, text.as_bytes(), Depth::Within)));
        (finds, prints, tested)
    }

    /// Tells whether this was found before at an overlapping place.
    pub(super) fn is_known(&self, find: &Find, span: ByteSpan) -> bool {
        let (entry, field) = (find.target.entry, find.target.field);
        let before = self.known.range((entry, field, 0, 0)..(entry, field, span.end, 0)).next_back();
        before.is_some_and(|(_, _, _, end)| *end > span.start)
    }

    fn is_torn(&self, span: ByteSpan) -> bool {
        let torn = TORN_BYTES as u64;
        (self.cut.is_cut_before && span.start < torn)
            || (self.cut.is_cut_after && span.end + torn > self.cut.length as u64)
    }
}

/// Tells whether a folded text offers something, as far as a few words can tell.
pub(super) fn sells(text: &str) -> bool {
    static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let words = [
            "fullz",
            "cvv",
            "for sale",
            "selling",
            "leaked",
            "database",
            "dump",
            "combolist",
            "escrow",
            "telegram",
            "t.me/",
            "btc",
            "usdt",
            "出售",
            "数据",
            "料子",
            "一手",
            "продам",
            "продаю",
            "слив",
            "гарант",
            "пробив",
        ];
        // Of this kind the search is by vector instructions.
        AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words).ok()
    });
    WORDS.as_ref().is_some_and(|words| words.is_match(text))
}
