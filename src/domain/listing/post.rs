//! A post taken apart once: folded title and text, their lines, phrases and numbers.

use std::ops::Range;

use super::excerpt;
use super::fold::Folded;
use super::layout::{self, Line, LineKind};
use super::numbers::{self, Number};
use super::vocabulary::{self, Concept, Mention};
use super::{Place, Source, Written};
use crate::domain::span::ByteSpan;

/// Bytes of a title that are read.
const TITLE_LIMIT: usize = 1_000;
/// Bytes of a text that are read: past that, it is goods rather than words.
const TEXT_LIMIT: usize = 128_000;
/// Longest first line that may be a title.
const HEADING_LIMIT: usize = 400;

/// A title or a text, folded and searched.
pub(super) struct Part<'a> {
    /// Folded, with digits and signs as written: for addresses and handles.
    pub(super) plain: Folded<'a>,
    /// Folded further, for words.
    pub(super) words: Folded<'a>,
    /// Lines of `words`.
    pub(super) lines: Vec<Line>,
    /// Phrases of `words` that are the writer's own.
    pub(super) mentions: Vec<Mention>,
    /// Numbers of `words` outside sample rows and quotations.
    pub(super) numbers: Vec<Number>,
    /// How many sample rows there are in all, and where.
    pub(super) rows: (usize, ByteSpan),
    /// How many quoted lines there are in all.
    pub(super) quotes: usize,
    place: Place,
    offset: u64,
}

/// A post.
pub(super) struct Post<'a> {
    pub(super) head: Part<'a>,
    pub(super) body: Part<'a>,
    /// Labels, name of the board, what the title of the page adds.
    pub(super) setting: [Part<'a>; 3],
}

impl<'a> Post<'a> {
    /// Takes a post apart; without a title the first line of the text counts as one.
    pub(super) fn new(written: &Written<'a>) -> Self {
        let (title, text) = (written.title, written.text);
        let page = addition(written.page, title);
        let page_at = u64::try_from(page.start).unwrap_or(0);
        let setting = [
            Part::new(written.tags, TITLE_LIMIT, Place::Tags, 0),
            Part::new(written.board, TITLE_LIMIT, Place::Board, 0),
            Part::new(written.page.get(page).unwrap_or_default(), TITLE_LIMIT, Place::Page, page_at),
        ];
        let (title, title_place, heading_at, text, text_at) = if title.trim().is_empty() {
            let (heading, body, offset) = split_heading(text);
            let lead = u64::try_from(heading.start).unwrap_or(0);
            (text.get(heading).unwrap_or_default(), Place::Text, lead, body, offset)
        } else {
            (title, Place::Title, 0, text, 0)
        };
        Self {
            head: Part::new(title, TITLE_LIMIT, title_place, heading_at),
            body: Part::new(text, TEXT_LIMIT, Place::Text, text_at),
            setting,
        }
    }

    /// Both parts, title first.
    pub(super) fn parts(&self) -> [&Part<'a>; 2] {
        [&self.head, &self.body]
    }

    /// All parts, title and text first.
    pub(super) fn all_parts(&self) -> [&Part<'a>; 5] {
        let [tags, board, page] = &self.setting;
        [&self.head, &self.body, tags, board, page]
    }
}

/// What the title of a page says beside the thread's title, which most engines repeat in it: the longer side.
fn addition(page: &str, title: &str) -> Range<usize> {
    let title = title.trim();
    let Some(at) = page.find(title).filter(|_| !title.is_empty()) else { return 0..page.len() };
    let after = at + title.len();
    if page.len() - after >= at { after..page.len() } else { 0..at }
}

/// Where the title of an untitled text lies, what follows it, and where that starts.
fn split_heading(text: &str) -> (Range<usize>, &str, u64) {
    let start = text.len() - text.trim_start().len();
    let rest = text.get(start..).unwrap_or_default();
    let first = rest.find('\n').unwrap_or(rest.len());
    let end = if first <= HEADING_LIMIT { start + first } else { start };
    (start..end, text.get(end..).unwrap_or_default(), u64::try_from(end).unwrap_or(0))
}

impl<'a> Part<'a> {
    fn new(source: &'a str, limit: usize, place: Place, offset: u64) -> Self {
        let mut plain = Folded::new(source, limit);
        let mut words = plain.unmasked();
        let mut lines = layout::lines(&words.text);
        let is_long = words.text.len() > excerpt::WHOLE_LIMIT;
        let searched = excerpt::searched(&lines, is_long).map(|line| line.range.clone());
        let mut mentions = vocabulary::mentions_in(&words.text, searched);
        vocabulary::drop_everyday(&mut mentions);
        let (rows, extent) = excerpt::extent(&lines, LineKind::Row);
        let rows = (rows, words.span(extent.start, extent.end));
        let (quotes, _) = excerpt::extent(&lines, LineKind::Quote);
        if is_long {
            let chosen = excerpt::choose(&words.text, &lines, &mentions);
            lines = excerpt::placed(&chosen, &words.text);
            mentions = excerpt::moved(&mentions, &chosen, &lines);
            let ranges: Vec<Range<usize>> = chosen.into_iter().map(|line| line.range).collect();
            let in_plain =
                |range: &Range<usize>| plain.position_of(&words, range.start)..plain.position_of(&words, range.end);
            plain = plain.excerpt(&ranges.iter().map(in_plain).collect::<Vec<_>>());
            words = words.excerpt(&ranges);
        }
        mentions.retain(|mention| match layout::kind_at(&lines, mention.start) {
            LineKind::Prose => true,
            LineKind::Row => mention.concept == Concept::Field,
            LineKind::Quote => false,
        });
        let prose = lines.iter().filter(|line| line.kind == LineKind::Prose).map(|line| line.range.clone());
        let numbers = numbers::find(&words.text, prose);
        Self { plain, words, lines, mentions, numbers, rows, quotes, place, offset }
    }

    /// Returns the kind of the line that holds a byte of `plain`.
    pub(super) fn kind_in_plain(&self, at: usize) -> LineKind {
        layout::kind_at(&self.lines, self.words.position_of(&self.plain, at))
    }

    /// Returns where the sample rows are, if there are any.
    pub(super) fn rows_source(&self) -> Option<(usize, Source)> {
        let (count, span) = self.rows;
        (count > 0).then(|| (count, self.shifted(span)))
    }

    /// Returns where a range of `words` was written.
    pub(super) fn source(&self, start: usize, end: usize) -> Source {
        self.shifted(self.words.span(start, end))
    }

    /// Returns where a range of `plain` was written.
    pub(super) fn plain_source(&self, start: usize, end: usize) -> Source {
        self.shifted(self.plain.span(start, end))
    }

    fn shifted(&self, span: ByteSpan) -> Source {
        Source { place: self.place, span: ByteSpan::new(span.start + self.offset, span.end + self.offset) }
    }

    /// Finds where a concept is first mentioned.
    pub(super) fn first(&self, concept: Concept) -> Option<&Mention> {
        self.mentions.iter().find(|mention| mention.concept == concept)
    }

    /// Which of the parts of what was written it is.
    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// Lines of one kind, as folded text with their range.
    pub(super) fn lines_of(&self, kind: LineKind) -> impl Iterator<Item = (&str, &Range<usize>)> {
        self.lines
            .iter()
            .filter(move |line| line.kind == kind)
            .filter_map(|line| Some((self.words.text.get(line.range.clone())?, &line.range)))
    }
}
