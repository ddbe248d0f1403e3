//! One member of a document: pieces, views, finds, hits.
//!
//! Markup is viewed as a whole; plain text line by line in pieces that stay in the cache, so that memory does not grow
//! with the file.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::ops::Range;

use super::compile::Compiled;
use super::meet::may_meet;
use super::records::{self, unfinished};
use super::row::{Find, Reading, Tied, tie};
use super::search::{finds, finds_and_prints};
use super::testing::{Print, Tally, Tester};
use super::verdict::Premises;
use super::within::{Within, sells};
use super::{Document, EntryKind, FINGERPRINT_HITS, Hit, masked};
use crate::domain::identifier::{Kind, mask};
use crate::domain::oddity::Oddity;
use crate::domain::renderings::Renderings;
use crate::domain::span::ByteSpan;
use crate::domain::text::{COMPACT, Form, Place, View, charset_of, form_of, piece_end};
use crate::domain::watchlist::OrganizationId;

/// Large enough that the cost of beginning a piece vanishes, small enough for the second-level cache.
const PIECE_BYTES: usize = 1 << 18;
/// What a piece repeats of the one before when it could not be cut at a line's end.
const OVERLAP_BYTES: usize = 4096;
/// How near to where a line was cut a value may be incomplete.
pub(super) const TORN_BYTES: usize = 256;
/// Larger documents are dumps, in which nobody reverses lines.
const DEEP_BYTES: usize = 1 << 20;
/// So many times one field of an entry is told of a document.
const REPEATS: usize = 1024;
/// Renderings are read so far behind a value at most.
const ROW_BYTES: usize = 2048;

/// Scans one member and appends its hits; returns how many rows could hold an identifier, where that matters.
pub(super) fn scan_member(compiled: &Compiled, document: &Document<'_>, found: &mut Found) -> u64 {
    if is_image(document.bytes) {
        return 0;
    }
    let rows = match form_of(document.bytes, document.name, document.media_type) {
        Form::Markup => {
            let view = View::new(document.bytes, document.charset, Form::Markup, String::new());
            let mut cut = Cut::whole(document.bytes.len());
            collect(compiled, &Seen { view: &view, bytes: document.bytes, form: Form::Markup }, &mut cut, found);
            cut.rows
        }
        Form::Plain => scan_pieces(compiled, document, found),
    };
    put_in_order(&mut found.hits);
    // How many rows were not a canary's tells what chance explains, but it is asked only where one was found.
    let is_found = found.hits.iter().any(|hit| hit.kind == EntryKind::Canary);
    if rows == 0 && is_found { records::count_raw(document.bytes) } else { rows }
}

/// What was found in a document so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) hits: Vec<Hit>,
    pub(super) tally: Tally,
    repeats: Repeats,
}

/// How often each field of an entry stood alone so far.
#[derive(Debug, Default)]
pub(super) struct Repeats(HashMap<(u32, u32), usize>);

impl Repeats {
    /// Leaves out what was found [`REPEATS`] times: a page of nothing but one value says no more than a few lines of it.
    pub(super) fn bound(&mut self, finds: &mut Vec<Find>) {
        finds.retain(|find| {
            if !find.target.stands_alone {
                return true;
            }
            let count = self.0.entry((find.target.entry, find.target.field)).or_default();
            *count += 1;
            *count <= REPEATS
        });
    }
}

impl Found {
    /// Tells what was left out.
    pub(super) fn oddities(&self) -> Vec<Oddity> {
        let is_left_out = self.repeats.0.values().any(|count| *count > REPEATS);
        let oddity = || Oddity::new("repeats-left-out", format!("a value stands here more than {REPEATS} times"));
        is_left_out.then(oddity).into_iter().collect()
    }

    pub(super) const fn repeats(&mut self) -> &mut Repeats {
        &mut self.repeats
    }
}

/// Puts hits in the order of their places, each once.
fn put_in_order(hits: &mut Vec<Hit>) {
    hits.sort_by(|left, right| order(left).cmp(&order(right)));
    // What two pieces both hold is one hit; the piece that holds its record whole knows it better.
    hits.dedup_by(|later, first| {
        let is_same = order(later) == order(first);
        if is_same && later.strength > first.strength {
            std::mem::swap(later, first);
        }
        is_same
    });
}

fn order(hit: &Hit) -> (ByteSpan, &str, &str, &str) {
    (hit.span, &hit.organization.0, &hit.entry, &hit.field)
}

fn scan_pieces(compiled: &Compiled, document: &Document<'_>, found: &mut Found) -> u64 {
    let (charset, mark_bytes) = charset_of(document.bytes, document.charset);
    let mut buffer = String::new();
    let mut cut = Cut { start: mark_bytes, ..Cut::whole(0) };
    while cut.start < document.bytes.len() {
        let piece = piece_end(document.bytes, charset, cut.start, PIECE_BYTES);
        let bytes = document.bytes.get(cut.start..piece.end).unwrap_or_default();
        cut.length = bytes.len();
        cut.is_cut_after = !piece.is_line_end;
        cut.is_whole = cut.start == mark_bytes && piece.end == document.bytes.len();
        let view = View::of_piece(bytes, charset, Form::Plain, buffer);
        collect(compiled, &Seen { view: &view, bytes, form: Form::Plain }, &mut cut, found);
        cut.is_cut_before = cut.is_cut_after;
        cut.start = if piece.is_line_end {
            piece.end - if piece.end < document.bytes.len() { unfinished_bytes(bytes, &view.text) } else { 0 }
        } else {
            piece.resume(OVERLAP_BYTES)
        };
        buffer = view.text;
    }
    cut.rows
}

/// Counts the bytes at the end of a piece that belong to a record of several lines which goes on behind it.
fn unfinished_bytes(bytes: &[u8], view: &str) -> usize {
    let rest = view.get(unfinished(view)..).unwrap_or_default();
    let lines = memchr::memchr_iter(b'\n', rest.as_bytes()).count();
    let mut line_ends = memchr::memrchr_iter(b'\n', bytes);
    match line_ends.nth(lines) {
        // Only where lines end with the same byte in the piece as in its view, and not so that nothing would be gained.
        Some(at) if lines > 0 && at > bytes.len() / 2 && !bytes.contains(&0) => bytes.len() - at - 1,
        Some(_) | None => 0,
    }
}

/// Where a view lies in its member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// First raw byte.
    pub(super) start: usize,
    /// Raw bytes.
    pub(super) length: usize,
    /// Whether it is all of the member.
    is_whole: bool,
    /// Whether a line was cut where it begins, so that a value may be incomplete there.
    pub(super) is_cut_before: bool,
    /// The same where it ends.
    pub(super) is_cut_after: bool,
    /// Rows with masked values that were tested so far.
    pub(super) masked_rows: u64,
    /// Rows so far that could hold an identifier.
    rows: u64,
}

impl Cut {
    pub(super) const fn whole(length: usize) -> Self {
        Self { start: 0, length, is_whole: true, is_cut_before: false, is_cut_after: false, masked_rows: 0, rows: 0 }
    }
}

impl Cut {
    /// The same without its edges: of a text that was made from parts of a view.
    pub(super) const fn uncut(&self) -> Self {
        Self { is_cut_before: false, is_cut_after: false, ..*self }
    }
}

/// Finds entries in a view, and again as it reads in another charset if its own is not proven.
fn collect(compiled: &Compiled, seen: &Seen<'_>, cut: &mut Cut, found: &mut Found) {
    let text = &seen.view.text;
    if compiled.premises.iter().any(Premises::counts_rows) {
        cut.rows += records::count(text);
    }
    found.tally.begin_view();
    let (mut finds_first, mut prints) = finds_and_prints(compiled, text, cut, &mut found.tally);
    let masked = masked::Rows::of(compiled, text);
    cut.masked_rows += masked.find(compiled, &mut finds_first);
    let offset = cut.start as u64;
    let tally = &mut found.tally;
    prints.extend(masked.test(&compiled.testing, || Tester::new(&compiled.testing, tally, text.as_bytes(), offset)));
    found.repeats.bound(&mut finds_first);
    let cut = &*cut;
    let mut within = Within::new(compiled, cut);
    collect_view((compiled, seen.view), (finds_first, &prints), &mut within, found);
    if let Some(charset) = seen.view.other_charset() {
        let other = View::of_piece(seen.bytes, charset, seen.form, String::new());
        let mut again = finds(compiled, &other.text, cut);
        masked::Rows::of(compiled, &other.text).find(compiled, &mut again);
        found.repeats.bound(&mut again);
        collect_view((compiled, &other), (again, &[]), &mut within, found);
    }
}

/// A view, and what it was made of.
struct Seen<'a> {
    view: &'a View<'a>,
    bytes: &'a [u8],
    form: Form,
}

/// Tells what was found in a view, then finds entries in the texts within it.
fn collect_view(
    (compiled, view): (&Compiled, &View<'_>),
    (finds, prints): (Vec<Find>, &[Print]),
    within: &mut Within<'_>,
    found: &mut Found,
) {
    let cut = within.cut;
    let hits = &mut found.hits;
    let locator = LazyCell::new(|| view.locator());
    for tied in tie(&view.text, compiled, finds, cut.masked_rows) {
        let range = &tied.find.range;
        let place = locator.place(range);
        if within.is_known(&tied.find, place.span) {
            continue;
        }
        within.note(&tied.find, place.span);
        let row = locator.start(&first_character(&view.text, tied.row));
        let made = Made { text: &view.text, plain: locator.unfolded(range), place, row };
        hits.extend(hit(compiled, made, cut, &tied));
    }
    let room = FINGERPRINT_HITS.saturating_sub(hits.len());
    for print in prints.iter().take(room) {
        let place = locator.place(&print.range);
        let row = locator.start(&first_character(&view.text, print.row));
        let line = print.row..line_end(&view.text, print.range.end);
        let renderings = Renderings::of(locator.unfolded(&line));
        let made = Made { text: &view.text, plain: locator.unfolded(&print.range), place, row };
        hits.extend(print_hit(compiled, made, cut, print).map(|hit| Hit { renderings, ..hit }));
    }
    view.derive(&|text| may_meet(compiled, text), &mut |derived| within.collect(derived, &locator, found));
    if cut.is_whole && view.text.len() <= DEEP_BYTES && (!within.is_empty() || sells(&view.text)) {
        view.derive_deep(&mut |derived| within.collect(derived, &locator, found));
    }
}

/// Counts the spellings and the customers in a folded text, in pieces of whole lines as long as those of a document.
pub(super) fn count(compiled: &Compiled, text: &str) -> usize {
    let (mut start, mut found, mut tally) = (0, 0, Tally::default());
    while start < text.len() {
        let rest = text.as_bytes().get(start + PIECE_BYTES..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map_or(text.len(), |at| start + PIECE_BYTES + at + 1);
        let piece = text.get(start..end).unwrap_or_default();
        let (finds, prints) = finds_and_prints(compiled, piece, &Cut::whole(piece.len()), &mut tally);
        found += finds.len() + prints.len();
        start = end;
    }
    found
}

/// Returns where the line of a place ends; a row is no longer than so many bytes.
fn line_end(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    let rest = rest.get(..ROW_BYTES).unwrap_or(rest);
    let mut end = from + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// Returns the range of the character that begins at an offset.
pub(super) fn first_character(text: &str, at: usize) -> Range<usize> {
    at..at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
}

/// A find that was told in raw bytes.
pub(super) struct Made<'a> {
    /// The folded text it stands in.
    pub(super) text: &'a str,
    /// It before it was folded.
    pub(super) plain: &'a str,
    pub(super) place: Place,
    /// Where its row begins in the raw bytes of the view.
    pub(super) row: u64,
}

pub(super) fn hit(compiled: &Compiled, made: Made<'_>, cut: &Cut, tied: &Tied) -> Option<Hit> {
    let Find { range, target, reading } = &tied.find;
    let entry = compiled.entry(target.entry)?;
    let field = compiled.fields.get(target.field as usize)?;
    Some(Hit {
        organization: entry.organization.clone(),
        entry: entry.id.to_owned(),
        kind: EntryKind::Canary,
        field: field.clone(),
        strength: tied.strength,
        ..made.told(range, *reading, Kind::of_field(field), cut)?
    })
}

/// A hit of a customer tells how rare the value is; what it proves, the rates tell (`Scan::tested`).
pub(super) fn print_hit(compiled: &Compiled, made: Made<'_>, cut: &Cut, print: &Print) -> Option<Hit> {
    let (organization, kind) = compiled.testing.label(print)?;
    Some(Hit {
        organization: organization.clone(),
        entry: format!("fp:{kind}:{}", print.fingerprint),
        kind: EntryKind::Fingerprint,
        field: kind.as_str().to_owned(),
        strength: kind.bits(),
        ..made.told(&print.range, print.reading, print.shown, cut)?
    })
}

impl Made<'_> {
    /// Tells what any hit tells of its place; whose it is remains open.
    fn told(self, range: &Range<usize>, reading: Reading, kind: Kind, cut: &Cut) -> Option<Hit> {
        let mut place = self.place;
        let masked = match reading {
            Reading::Compact => {
                place.steps.push(COMPACT.to_owned());
                let value: String = self.text.get(range.clone())?.chars().filter(char::is_ascii_alphanumeric).collect();
                mask(kind, &value)
            }
            Reading::Masked => mask(kind, &masked::as_shown(self.text.get(range.clone())?)),
            Reading::Plain if kind == Kind::Email => mask(kind, self.text.get(range.clone())?),
            Reading::Plain => mask(kind, self.plain),
        };
        // What was put together from places that do not follow each other stands nowhere.
        if place.span.start >= place.span.end {
            return None;
        }
        let offset = cut.start as u64;
        Some(Hit {
            organization: OrganizationId(String::new()),
            entry: String::new(),
            kind: EntryKind::Canary,
            field: String::new(),
            member: String::new(),
            span: ByteSpan::new(offset + place.span.start, offset + place.span.end),
            masked,
            steps: place.steps,
            strength: 0,
            row: offset + self.row,
            renderings: Renderings::default(),
        })
    }
}

/// Pictures, sound and video hold no text; their bytes would only cost time.
pub(super) fn is_image(bytes: &[u8]) -> bool {
    let openings: [&[u8]; 8] =
        [b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"OggS", b"ID3", b"\x00\x00\x01\x00", b"\x1aE\xdf\xa3"];
    openings.iter().any(|opening| bytes.starts_with(opening))
}
