//! One member of a document: pieces, views, finds, hits.
//!
//! Markup is viewed as a whole; plain text line by line in pieces that stay in the cache, so that memory does not grow
//! with the file.

use super::compile::{Compiled, Target};
use super::records::unfinished;
use super::row::{Find, Reading, Tied, tie};
use super::{Document, EntryKind, Hit, email, groups};
use crate::domain::identifier::{Kind, mask};
use crate::domain::span::ByteSpan;
use crate::domain::text::{COMPACT, Form, Locator, View, charset_of, piece_end};

/// Large enough that the cost of beginning a piece vanishes, small enough for the second-level cache.
const PIECE_BYTES: usize = 1 << 18;
/// What a piece repeats of the one before when it could not be cut at a line's end.
const OVERLAP_BYTES: usize = 4096;

/// Scans one member and appends its hits.
pub(super) fn scan_member(compiled: &Compiled, document: &Document<'_>, member: &str, hits: &mut Vec<Hit>) {
    let first = hits.len();
    if is_image(document.bytes) {
        return;
    }
    match form_of(document) {
        Form::Markup => {
            let view = View::new(document.bytes, document.charset, Form::Markup, String::new());
            collect(compiled, &view, &Cut::whole(member), hits);
        }
        Form::Plain => scan_pieces(compiled, document, member, hits),
    }
    if let Some(found) = hits.get_mut(first..) {
        found.sort_by(|left, right| order(left).cmp(&order(right)));
    }
    dedup_from(hits, first);
}

fn order(hit: &Hit) -> (ByteSpan, &str, &str, &str) {
    (hit.span, &hit.organization.0, &hit.entry, &hit.field)
}

/// What two pieces both hold is one hit; the piece that holds its record whole knows it better.
fn dedup_from(hits: &mut Vec<Hit>, first: usize) {
    let mut found = hits.split_off(first);
    found.dedup_by(|later, first| {
        let is_same = order(later) == order(first);
        if is_same && later.strength > first.strength {
            std::mem::swap(later, first);
        }
        is_same
    });
    hits.append(&mut found);
}

fn scan_pieces(compiled: &Compiled, document: &Document<'_>, member: &str, hits: &mut Vec<Hit>) {
    let (charset, mark_bytes) = charset_of(document.bytes, document.charset);
    let mut buffer = String::new();
    let mut cut = Cut { start: mark_bytes, ..Cut::whole(member) };
    while cut.start < document.bytes.len() {
        let piece = piece_end(document.bytes, charset, cut.start, PIECE_BYTES);
        let bytes = document.bytes.get(cut.start..piece.end).unwrap_or_default();
        cut.is_cut_after = !piece.is_line_end;
        let view = View::of_piece(bytes, charset, Form::Plain, buffer);
        collect(compiled, &view, &cut, hits);
        cut.is_cut_before = cut.is_cut_after;
        cut.start = if piece.is_line_end {
            piece.end - if piece.end < document.bytes.len() { unfinished_bytes(bytes, &view.text) } else { 0 }
        } else {
            piece.resume(OVERLAP_BYTES)
        };
        buffer = view.text;
    }
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
struct Cut<'a> {
    member: &'a str,
    /// First raw byte.
    start: usize,
    /// Whether a line was cut where it begins, so that a value may be incomplete there.
    is_cut_before: bool,
    /// The same where it ends.
    is_cut_after: bool,
}

impl<'a> Cut<'a> {
    const fn whole(member: &'a str) -> Self {
        Self { member, start: 0, is_cut_before: false, is_cut_after: false }
    }
}

fn collect(compiled: &Compiled, view: &View<'_>, cut: &Cut<'_>, hits: &mut Vec<Hit>) {
    let finds = finds(compiled, &view.text, cut);
    if finds.is_empty() {
        return;
    }
    let tied = tie(&view.text, compiled, finds);
    if tied.is_empty() {
        return;
    }
    let locator = view.locator();
    hits.extend(tied.iter().filter_map(|tied| hit(compiled, view, &locator, cut, tied)));
}

/// Finds every spelling in a folded text.
fn finds(compiled: &Compiled, text: &str, cut: &Cut<'_>) -> Vec<Find> {
    let mut finds = Vec::new();
    let mut note = |range: std::ops::Range<usize>, targets: (u32, u32), reading: Reading| {
        let is_torn = (cut.is_cut_before && range.start < 256) || (cut.is_cut_after && range.end + 256 > text.len());
        let targets: &[Target] = if is_torn { &[] } else { compiled.targets(targets) };
        finds.extend(targets.iter().map(|target| Find { range: range.clone(), target: *target, reading }));
    };
    groups::Walk::over(text.as_bytes(), &compiled.numbers, &compiled.shape, &mut |range, targets| {
        note(range, targets, Reading::Compact);
    });
    email::walk(text, &compiled.emails, &mut |range, targets| note(range, targets, Reading::Plain));
    compiled.literals.walk(text, &mut |range, targets| note(range, targets, Reading::Plain));
    finds
}

fn hit(compiled: &Compiled, view: &View<'_>, locator: &Locator<'_>, cut: &Cut<'_>, tied: &Tied) -> Option<Hit> {
    let Find { range, target, reading } = &tied.find;
    let entry = compiled.entries.get(target.entry as usize)?;
    let field = compiled.fields.get(target.field as usize)?;
    let kind = Kind::of_field(field);
    let mut place = locator.place(range);
    let masked = match reading {
        Reading::Compact => {
            place.steps.push(COMPACT.to_owned());
            let value: String = view.text.get(range.clone())?.chars().filter(char::is_ascii_alphanumeric).collect();
            mask(kind, &value)
        }
        Reading::Plain if kind == Kind::Email => mask(kind, view.text.get(range.clone())?),
        Reading::Plain => mask(kind, locator.unfolded(range)),
    };
    let row = tied.row..tied.row + view.text.get(tied.row..)?.chars().next()?.len_utf8();
    let offset = cut.start as u64;
    Some(Hit {
        organization: compiled.organizations.get(entry.organization as usize)?.clone(),
        entry: entry.id.to_string(),
        kind: EntryKind::Canary,
        field: field.clone(),
        member: cut.member.to_owned(),
        span: ByteSpan::new(offset + place.span.start, offset + place.span.end),
        masked,
        steps: place.steps,
        strength: tied.strength,
        row: offset + locator.place(&row).span.start,
    })
}

/// Tells markup from text: by declared type, by name, by how it begins.
fn form_of(document: &Document<'_>) -> Form {
    let media_type = document.media_type.unwrap_or_default();
    if media_type.contains("html") || media_type.contains("xml") {
        return Form::Markup;
    }
    let extension = document.name.rsplit(['.', '/']).next().unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "html" | "htm" | "xhtml" | "xml" | "mht" | "svg" => return Form::Markup,
        "csv" | "tsv" | "txt" | "json" | "jsonl" | "sql" | "log" | "md" => return Form::Plain,
        _ => {}
    }
    let head: Vec<u8> = document.bytes.iter().take(2048).map(u8::to_ascii_lowercase).collect();
    let openings: [&[u8]; 8] = [b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<table", b"<div", b"<meta"];
    if openings.iter().any(|opening| memchr::memmem::find(&head, opening).is_some()) {
        Form::Markup
    } else {
        Form::Plain
    }
}

/// Pictures, sound and video hold no text; their bytes would only cost time.
fn is_image(bytes: &[u8]) -> bool {
    let openings: [&[u8]; 8] =
        [b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"OggS", b"ID3", b"\x00\x00\x01\x00", b"\x1aE\xdf\xa3"];
    openings.iter().any(|opening| bytes.starts_with(opening))
}
