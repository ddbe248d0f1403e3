//! One way of rewriting a text, by its name; and the parts of a text that are worth it.
//!
//! Parts are lines, so that fields of one row stay together; of lines without end, what is near.

use std::ops::Range;

use super::draft::Draft;
use super::escape::{Bytes, Escape};
use super::map::Trace;
use super::{address, deep, lines, look_alike, numeral};

/// Of a line longer than this on one side of what was found, the rest is left out.
const REACH_BYTES: usize = 1024;

/// A way of rewriting text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Escape(Escape),
    Numerals,
    LookAlikes,
    Addresses,
    Lines,
    Leet,
}

const NAMES: [(Step, &str); 17] = [
    (Step::Escape(Escape::Percent(Bytes::Utf8)), "percent"),
    (Step::Escape(Escape::Percent(Bytes::Gb18030)), "percent:gb18030"),
    (Step::Escape(Escape::Percent(Bytes::Windows1251)), "percent:windows-1251"),
    (Step::Escape(Escape::Backslash(Bytes::Utf8)), "backslash"),
    (Step::Escape(Escape::Backslash(Bytes::Gb18030)), "backslash:gb18030"),
    (Step::Escape(Escape::Backslash(Bytes::Windows1251)), "backslash:windows-1251"),
    (Step::Escape(Escape::QuotedPrintable(Bytes::Utf8)), "quoted-printable"),
    (Step::Escape(Escape::QuotedPrintable(Bytes::Gb18030)), "quoted-printable:gb18030"),
    (Step::Escape(Escape::QuotedPrintable(Bytes::Windows1251)), "quoted-printable:windows-1251"),
    (Step::Escape(Escape::Entity), "entities"),
    (Step::Escape(Escape::Mojibake(Bytes::Windows1252)), "mojibake:windows-1252"),
    (Step::Escape(Escape::Mojibake(Bytes::Windows1251)), "mojibake:windows-1251"),
    (Step::Numerals, "numerals"),
    (Step::LookAlikes, "look-alikes"),
    (Step::Addresses, "addresses"),
    (Step::Lines, "lines"),
    (Step::Leet, "leet"),
];

/// What a step made of the parts that it changed, each a line.
#[derive(Debug)]
pub(super) struct Rewritten<T> {
    pub(super) text: String,
    pub(super) map: T,
    /// Whether bytes beyond ASCII were left that another charset may explain.
    pub(super) is_foreign: bool,
}

impl Step {
    /// Returns the step of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(step, _)| *step)
    }

    /// Returns the name that hits record.
    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(step, _)| *step == self).map_or("", |(_, name)| name)
    }

    /// Writes a part of a text as this step reads it.
    pub(super) fn rewrite<T: Trace + Default>(self, draft: &mut Draft<'_, T>, range: Range<usize>) {
        match self {
            Self::Escape(escape) => unescape(escape, draft, range),
            Self::Numerals => numeral::rewrite(draft, range),
            Self::LookAlikes => look_alike::rewrite(draft, range),
            Self::Addresses => address::rewrite(draft, range),
            Self::Lines => lines::rewrite(draft, range),
            Self::Leet => deep::leet(draft, range),
        }
    }

    /// Rewrites the parts of a text that this step changes, up to about `limit` bytes; `None` if there are none.
    pub(super) fn rewrite_parts<T: Trace + Default>(self, text: &str, limit: usize) -> Option<Rewritten<T>> {
        let mut draft = Draft::<T>::of(text);
        if self == Self::Lines {
            lines::rewrite_parts(&mut draft, limit);
            return (draft.changes > 0).then_some(Rewritten { text: draft.text, map: draft.trace, is_foreign: false });
        }
        let mut parts = Parts::new(self, text);
        while let Some(part) = parts.next() {
            if draft.text.len() >= limit {
                break;
            }
            let (written, changes) = (draft.text.len(), draft.changes);
            self.rewrite(&mut draft, part.clone());
            if self.is_convincing(text.get(part.clone()).unwrap_or_default(), draft.changes - changes) {
                draft.end_line(part.end);
            } else {
                draft.truncate(written);
                draft.changes = changes;
            }
        }
        let is_foreign = parts.is_foreign || draft.is_foreign;
        (draft.changes > 0 || is_foreign).then_some(Rewritten { text: draft.text, map: draft.trace, is_foreign })
    }

    /// A sign of equality with two digits of hexadecimal behind it is rarely quoted-printable; two of them are, or a line
    /// that ends in one.
    fn is_convincing(self, part: &str, changes: usize) -> bool {
        match self {
            Self::Escape(Escape::QuotedPrintable(_)) => {
                changes > 1 || (changes > 0 && (part.contains("=\n") || part.contains("=\r\n")))
            }
            Self::Leet => changes > 0 && deep::is_worth_reading(part),
            Self::Escape(_) | Self::Numerals | Self::LookAlikes | Self::Addresses | Self::Lines => changes > 0,
        }
    }
}

fn unescape<T: Trace + Default>(escape: Escape, draft: &mut Draft<'_, T>, range: Range<usize>) {
    let Some(source) = draft.source.get(..range.end) else { return };
    let (mut at, mut written) = (range.start, range.start);
    while let Some(sign) = escape.sign(source.as_bytes(), at) {
        if let Some(escaped) = escape.read(source, sign) {
            draft.copy(written..sign);
            at = sign + escaped.length;
            draft.replace(sign..at, escaped.characters.into_iter().flatten());
            written = at;
        } else {
            draft.is_foreign |= escape.is_high_byte(source, sign);
            at = sign + 1;
        }
    }
    draft.copy(written..range.end);
}

/// The parts of a text in which a step finds something, ascending.
struct Parts<'a> {
    step: Step,
    text: &'a str,
    at: usize,
    /// Where addresses may stand, the last first.
    spots: Vec<usize>,
    is_foreign: bool,
}

impl<'a> Parts<'a> {
    fn new(step: Step, text: &'a str) -> Self {
        let mut spots = if step == Step::Addresses { address::spots(text) } else { Vec::new() };
        spots.reverse();
        Self { step, text, at: 0, spots, is_foreign: false }
    }

    fn next(&mut self) -> Option<Range<usize>> {
        let spot = self.spot(self.at)?;
        let start = self.line_start(spot.start).max(self.at);
        let (mut end, mut is_line_end) = self.line_end(spot.end.max(start));
        while !is_line_end {
            match self.spot(end).filter(|more| more.start < end + REACH_BYTES) {
                Some(more) => (end, is_line_end) = self.line_end(more.end.max(end)),
                None => break,
            }
        }
        self.at = end;
        Some(start..end)
    }

    /// Finds the next thing that the step would change.
    fn spot(&mut self, from: usize) -> Option<Range<usize>> {
        let one = |at: usize| at..at + 1;
        match self.step {
            Step::Escape(escape) => self.escape(escape, from),
            Step::Numerals => numeral::next(self.text, from).map(one),
            Step::LookAlikes => look_alike::next(self.text, from).map(one),
            Step::Addresses => {
                while self.spots.last().is_some_and(|spot| *spot < from) {
                    self.spots.pop();
                }
                self.spots.last().copied().map(one)
            }
            Step::Leet => deep::next(self.text, from),
            // Its parts are no lines.
            Step::Lines => None,
        }
    }

    fn escape(&mut self, escape: Escape, from: usize) -> Option<Range<usize>> {
        let mut from = from;
        while let Some(sign) = escape.sign(self.text.as_bytes(), from) {
            if let Some(escaped) = escape.read(self.text, sign) {
                return Some(sign..sign + escaped.length);
            }
            self.is_foreign |= escape.is_high_byte(self.text, sign);
            from = sign + 1;
        }
        None
    }

    fn line_start(&self, at: usize) -> usize {
        let floor = self.boundary(at.saturating_sub(REACH_BYTES));
        let before = self.text.as_bytes().get(floor..at).unwrap_or_default();
        memchr::memrchr(b'\n', before).map_or(floor, |end| floor + end + 1)
    }

    /// Returns the end of the line or of what is near, and whether it is the line's end.
    fn line_end(&self, at: usize) -> (usize, bool) {
        let at = self.boundary(at);
        let ceiling = self.boundary(at + REACH_BYTES);
        let after = self.text.as_bytes().get(at..ceiling).unwrap_or_default();
        let is_soft = |end: usize| {
            let line = after.get(..end).unwrap_or_default();
            line.ends_with(b"=") || line.ends_with(b"=\r")
        };
        let may_be_soft = matches!(self.step, Step::Escape(Escape::QuotedPrintable(_)));
        match memchr::memchr_iter(b'\n', after).find(|end| !may_be_soft || !is_soft(*end)) {
            Some(end) => (at + end, true),
            None => (ceiling, ceiling >= self.text.len()),
        }
    }

    /// Goes on to where a character begins.
    fn boundary(&self, at: usize) -> usize {
        (at..self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::map::NoTrace;
    use super::*;

    fn parts(step: Step, text: &str) -> Option<String> {
        step.rewrite_parts::<NoTrace>(text, usize::MAX).map(|rewritten| rewritten.text)
    }

    #[test]
    fn only_lines_with_something_are_rewritten() {
        let percent = Step::Escape(Escape::Percent(Bytes::Utf8));
        assert_eq!(parts(percent, "a 100% b\npan=%39%39\nc").as_deref(), Some("pan=99\n"));
        assert_eq!(parts(percent, "100% %zz"), None);
        let printable = Step::Escape(Escape::QuotedPrintable(Bytes::Utf8));
        assert_eq!(parts(printable, "9990 4838=\n 3464=205856\nx").as_deref(), Some("9990 4838 3464 5856\n"));
        assert_eq!(parts(printable, "id=39"), None);
        let long = format!("{}%39{}", "x".repeat(5000), "y".repeat(5000));
        assert_eq!(parts(percent, &long).unwrap().len(), 2 * REACH_BYTES + 2);
    }

    #[test]
    fn every_step_has_one_name() {
        for (step, name) in NAMES {
            assert_eq!((Step::named(name), step.name()), (Some(step), name));
        }
    }
}
