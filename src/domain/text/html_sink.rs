//! Where unwrapped markup is written: pending breaks, white space, and the notes of where it came from.

use std::ops::Range;

use super::entity::{Meaning, entity};
use super::map::Trace;

/// Sixteen digits in base64 are a run of 22 letters and digits; words are shorter.
const ENCODED_BYTES: usize = 22;

/// Fewer digits than stand in anything that is looked for.
const FEW_DIGITS: u32 = 4;

/// Blank lines before a region: no number, run or soft line break goes on past them, for what comes before stands elsewhere.
pub(super) const BORDER: &str = "\n\n";

/// How a part of the text is read out of the raw bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Region {
    /// By tags and character references.
    Flow,
    /// By character references alone.
    Attribute,
    /// By character references and `%xx`.
    Link,
    /// As it stands: scripts, comments.
    Raw,
}

/// The break that is due before the next word; a stronger one replaces a weaker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Break {
    #[default]
    None,
    /// A block begins or ends; within a cell that has just begun it does not count.
    Block,
    /// A cell begins.
    Cell,
    /// A row begins or ends, or a line is broken by hand.
    Row,
}

/// A text that grows line by line.
#[derive(Debug, Default)]
pub(super) struct Sink<T> {
    pub(super) text: String,
    pub(super) trace: T,
    pub(super) regions: Vec<(usize, Region)>,
    pending: Break,
    has_cell: bool,
}

impl<T: Trace + Default> Sink<T> {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ..Self::default() }
    }

    pub(super) fn block(&mut self) {
        if self.pending == Break::None {
            self.pending = Break::Block;
        }
    }

    pub(super) fn row(&mut self) {
        self.pending = Break::Row;
        self.has_cell = false;
    }

    /// Breaks the line; a break inside a cell that is still empty is no new row.
    pub(super) fn line(&mut self, at: usize) {
        if self.pending == Break::Cell {
            self.flush(at);
        }
        self.pending = Break::Row;
    }

    /// Begins a cell: a tab, but before the first one of its row.
    pub(super) fn cell(&mut self, at: usize) {
        if !self.has_cell {
            self.flush(at);
            self.has_cell = true;
            return;
        }
        if self.pending == Break::Cell {
            self.flush(at);
        }
        self.pending = Break::Cell;
    }

    /// Writes text in which white space counts as browsers count it.
    pub(super) fn words(&mut self, source: &str, range: Range<usize>) {
        let bytes = source.as_bytes().get(..range.end).unwrap_or_default();
        let mut at = range.start;
        while at < range.end {
            let blank = bytes.iter().skip(at).take_while(|byte| is_blank(**byte)).count();
            if blank > 0 && self.pending == Break::None && !self.is_after_blank() {
                self.trace.atom(self.text.len(), 1, at..at + blank);
                self.text.push(' ');
            }
            at += blank;
            let end = words_end(bytes, at);
            self.preformatted(source, at..end);
            at = end;
        }
    }

    /// Writes text as it stands, after the break that is due.
    pub(super) fn preformatted(&mut self, source: &str, range: Range<usize>) {
        if let Some(piece) = source.get(range.clone()).filter(|piece| !piece.is_empty()) {
            self.flush(range.start);
            self.trace.copy(self.text.len(), range.start, piece.len());
            self.text.push_str(piece);
        }
    }

    /// Writes what a character reference stands for.
    pub(super) fn characters(&mut self, (first, second): Meaning, range: Range<usize>) {
        self.flush(range.start);
        let view = self.text.len();
        self.text.push(first);
        self.text.extend(second);
        self.trace.atom(view, self.text.len() - view, range);
    }

    /// Writes a line as it stands, if it may hold anything that is looked for.
    pub(super) fn raw(&mut self, source: &str, range: Range<usize>) {
        if source.get(range.clone()).is_some_and(is_telling) {
            self.region(Region::Raw, range.start);
            self.preformatted(source, range);
        }
    }

    /// Writes the value of an attribute as a line.
    pub(super) fn attribute_line(&mut self, source: &str, range: Range<usize>) {
        let value = source.as_bytes().get(range.clone()).unwrap_or_default();
        let is_hex = |at: usize| value.get(at).is_some_and(u8::is_ascii_hexdigit);
        let has_percent = memchr::memchr_iter(b'%', value).any(|at| is_hex(at + 1) && is_hex(at + 2));
        let region = if has_percent { Region::Link } else { Region::Attribute };
        self.region(region, range.start);
        self.attribute(source, range, region);
    }

    /// Writes the value of an attribute.
    pub(super) fn attribute(&mut self, source: &str, range: Range<usize>, region: Region) {
        let bytes = source.as_bytes().get(..range.end).unwrap_or_default();
        let mut at = range.start;
        while at < range.end {
            let rest = bytes.get(at..).unwrap_or_default();
            let special = memchr::memchr2(b'&', b'%', rest).map_or(range.end, |found| at + found);
            self.preformatted(source, at..special);
            at = special;
            let rest = source.get(at..range.end).unwrap_or_default();
            let escaped = match (rest.as_bytes().first(), region) {
                (Some(b'&'), _) => entity(rest),
                (Some(b'%'), Region::Link) => percent(rest),
                _ => None,
            };
            let length = escaped.map_or(usize::from(at < range.end), |(_, length)| length);
            match escaped {
                Some((meaning, _)) => self.characters(meaning, at..at + length),
                None => self.preformatted(source, at..at + length),
            }
            at += length;
        }
    }

    fn region(&mut self, region: Region, at: usize) {
        self.pending = Break::Row;
        self.flush(at);
        if !self.text.is_empty() {
            self.trace.atom(self.text.len(), BORDER.len(), at..at);
            self.text.push_str(BORDER);
        }
        self.regions.push((self.text.len(), region));
    }

    fn flush(&mut self, at: usize) {
        let character = match self.pending {
            Break::None => return,
            Break::Cell => '\t',
            Break::Block | Break::Row => '\n',
        };
        self.pending = Break::None;
        if character == '\t' || !self.is_at_line_start() {
            self.trace.atom(self.text.len(), 1, at..at);
            self.text.push(character);
        }
    }

    fn is_at_line_start(&self) -> bool {
        self.text.is_empty() || self.text.ends_with('\n')
    }

    fn is_after_blank(&self) -> bool {
        self.text.is_empty() || self.text.ends_with(['\n', '\t', ' '])
    }
}

/// Returns where words end that single spaces part: before any other white space. Sixteen bytes are looked at together.
#[expect(clippy::needless_bitwise_bool, reason = "without branches sixteen bytes are compared at once")]
fn words_end(bytes: &[u8], from: usize) -> usize {
    let ends = |byte: u8, next: u8| is_break(byte) | ((byte == b' ') & (is_break(next) | (next == b' ')));
    let rest = bytes.get(from..).unwrap_or_default();
    let chunks = rest.chunks_exact(16).zip(rest.get(1..).unwrap_or_default().chunks_exact(16));
    let quiet = chunks.take_while(|(chunk, next)| {
        !chunk.iter().zip(*next).fold(false, |seen, (byte, next)| seen | ends(*byte, *next))
    });
    let start = 16 * quiet.count();
    let pairs = (start..rest.len()).find(|at| {
        let byte = |at: usize| rest.get(at).copied().unwrap_or(b' ');
        ends(byte(*at), byte(at + 1))
    });
    from + pairs.unwrap_or(rest.len())
}

const fn is_blank(byte: u8) -> bool {
    byte == b' ' || is_break(byte)
}

/// White space other than a space.
#[expect(clippy::needless_bitwise_bool, reason = "as above")]
const fn is_break(byte: u8) -> bool {
    (byte == b'\t') | (byte == b'\n') | (byte == b'\r') | (byte == 0x0c)
}

/// Most attribute values and scripts hold neither a number, nor an address, nor a word beyond ASCII, nor an encoded run:
/// those are left out, and so are pictures.
#[expect(clippy::needless_bitwise_bool, reason = "as above")]
pub(super) fn is_telling(text: &str) -> bool {
    if text.starts_with("data:image/") || text.starts_with("data:font/") {
        return false;
    }
    let bytes = text.as_bytes();
    let mut digits = 0;
    // Without an early way out many bytes are compared at once.
    let tells = |chunk: &[u8]| {
        let is_sign = |byte: u8| (byte >= 0x80) | (byte == b'@') | (byte == b'%') | (byte == b'\\');
        let signs = chunk.iter().fold(false, |seen, byte| seen | is_sign(*byte));
        digits += u32::from(chunk.iter().fold(0_u8, |count, byte| count + u8::from(byte.is_ascii_digit())));
        signs || digits > FEW_DIGITS
    };
    bytes.chunks(64).any(tells) || has_encoded_run(bytes)
}

/// Tells whether so many letters and digits follow each other as an encoded number takes: one of them stands at a place that is
/// looked at.
fn has_encoded_run(bytes: &[u8]) -> bool {
    let count = |bytes: &mut dyn Iterator<Item = &u8>| {
        bytes.take(ENCODED_BYTES).take_while(|byte| byte.is_ascii_alphanumeric()).count()
    };
    (ENCODED_BYTES - 1..bytes.len()).step_by(ENCODED_BYTES).any(|at| {
        let (before, after) = bytes.split_at_checked(at).unwrap_or_default();
        let behind = count(&mut after.iter());
        behind > 0 && count(&mut before.iter().rev()) + behind >= ENCODED_BYTES
    })
}

/// Reads one character written as `%xx` bytes of UTF-8.
fn percent(text: &str) -> Option<(Meaning, usize)> {
    let byte = |index: usize| {
        let digits = text.get(3 * index..)?.strip_prefix('%')?.get(..2)?;
        if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) { u8::from_str_radix(digits, 16).ok() } else { None }
    };
    let length = match byte(0)? {
        0x00..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let bytes: Vec<u8> = (0..length).map_while(byte).collect();
    let character = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    Some(((character, None), 3 * length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, a byte at a time.
    fn is_telling_by_bytes(text: &str) -> bool {
        let mut run = 0;
        let encoded = text.bytes().any(|byte| {
            run = if byte.is_ascii_alphanumeric() { run + 1 } else { 0 };
            run >= ENCODED_BYTES
        });
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        encoded || digits >= 5 || text.bytes().any(|byte| byte >= 0x80 || b"@%\\".contains(&byte))
    }

    proptest! {
        #[test]
        fn what_tells_something_is_known_by_a_look(text in "([a-zA-Z]{1,23}|[0-9]{1,2}|[ .:/;-]{1,3}|[@%é\\\\]?){0,14}") {
            prop_assert_eq!(is_telling(&text), is_telling_by_bytes(&text));
        }

        #[test]
        fn a_run_is_found_wherever_it_stands(before in 0..70_usize, run in 18..26_usize, after in 0..30_usize) {
            let text = format!("{}{}{}", "-".repeat(before), "x".repeat(run), " ".repeat(after));
            prop_assert_eq!(is_telling(&text), run >= ENCODED_BYTES);
        }
    }
}
