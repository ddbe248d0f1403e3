//! Which part of a text is one record: the fields of one person or account, whatever the format that holds them.
//!
//! Nothing is parsed ahead: only where something was found, its surroundings are read. A record is an object of JSON
//! (`object`), a tuple of an `INSERT` (`tuple`), a block of `key: value` lines (`block`), a line whose quoted cell runs
//! over several, or a line; rows of HTML tables and of sheets are lines of the view. Cost is bounded by the text.
//! Not here: which finds of a record are hits (`row`).

mod block;
mod object;
mod tuple;

use std::ops::Range;

pub(super) use self::block::is_field;

use crate::domain::text::block::{BLOCK_BYTES, Block, runs};

/// Further than this from a find nothing belongs to its record, if the record is one line.
pub(super) const LINE_BYTES: usize = 2048;
/// The same where brackets or keys tell where the record ends.
const RECORD_BYTES: usize = 8192;
/// Digits in a row that may be somebody's number.
const NUMBER_DIGITS: usize = 7;
/// Lines that a quoted cell may run over.
const QUOTED_LINES: usize = 16;

/// A part of a text whose fields belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) range: Range<usize>,
    pub(super) extent: Extent,
}

/// How sure it is where a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Both ends were seen.
    Whole,
    /// A line without end, cut at [`LINE_BYTES`].
    Window,
}

/// Tells the records of one text, asked for from its beginning to its end.
#[derive(Debug)]
pub(super) struct Records<'a> {
    text: &'a str,
    current: Option<Record>,
    /// Bytes that may still be read ahead in search of ends; bounds the cost of brackets that never close.
    budget: usize,
}

impl<'a> Records<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self { text, current: None, budget: text.len().saturating_mul(8).saturating_add(64 * RECORD_BYTES) }
    }

    /// Returns the record that holds a range; the starts of the ranges asked for must not go down.
    pub(super) fn holding(&mut self, range: &Range<usize>) -> Record {
        if let Some(current) = &self.current
            && current.range.start <= range.start
            && range.end <= current.range.end
        {
            return current.clone();
        }
        let floor = self.floor(range.start);
        let found = object::holding(self, range, floor)
            .or_else(|| tuple::holding(self, range, floor))
            .or_else(|| block::holding(self.text, range, floor))
            .or_else(|| quoted(self.text, range, floor));
        let record = match found {
            Some(found) => Record { range: trimmed(self.text, found), extent: Extent::Whole },
            None => line(self.text, range),
        };
        self.current = Some(record.clone());
        record
    }

    /// What lies before belongs to other records. A window is no record, so it does not count.
    fn floor(&self, start: usize) -> usize {
        match &self.current {
            Some(Record { range, extent: Extent::Whole }) => range.end.min(start),
            Some(Record { extent: Extent::Window, .. }) | None => 0,
        }
        .max(boundary(self.text, start.saturating_sub(RECORD_BYTES)))
    }

    /// Returns what follows `from` as far as it may be read.
    fn ahead(&mut self, from: usize) -> &'a [u8] {
        let length = RECORD_BYTES.min(self.budget);
        let bytes = self.text.as_bytes();
        bytes.get(from..(from + length).min(bytes.len())).unwrap_or_default()
    }

    fn spend(&mut self, bytes: usize) {
        self.budget = self.budget.saturating_sub(bytes);
    }
}

/// Returns where the record begins that the end of a text cuts, or the text's length: who reads a file in pieces begins
/// the next piece there.
pub(super) fn unfinished(text: &str) -> usize {
    let floor = boundary(text, text.len().saturating_sub(RECORD_BYTES));
    let starts = [object::unfinished(text, floor), block::unfinished(text, floor), unfinished_quote(text, floor)];
    starts.into_iter().flatten().min().unwrap_or(text.len())
}

/// Counts the records of a folded text that could hold somebody's identifier: seven digits in a row, or an address.
pub(super) fn count(text: &str) -> u64 {
    count_bytes(text.as_bytes())
}

fn count_bytes(bytes: &[u8]) -> u64 {
    let (mut rows, mut at) = (0, 0);
    let mut sign = find_from(bytes, at, |rest| memchr::memchr(b'@', rest));
    while let Some(value) = next_number(bytes, at..sign.unwrap_or(bytes.len())).or(sign) {
        rows += 1;
        let Some(end) = record_end(bytes, value) else { break };
        at = end;
        if sign.is_some_and(|sign| sign < at) {
            sign = find_from(bytes, at, |rest| memchr::memchr(b'@', rest));
        }
    }
    rows
}

/// The same of bytes that are not decoded.
pub(super) fn count_raw(text: &[u8]) -> u64 {
    // Texts of two bytes a character are counted, too.
    if memchr::memchr(0, text).is_some() { count_wide(text) } else { count_bytes(text) }
}

fn count_wide(text: &[u8]) -> u64 {
    let (mut rows, mut digits, mut has_value) = (0, 0, false);
    let mut previous = 0;
    for byte in text.iter().copied().filter(|byte| *byte != 0) {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        has_value |= digits >= 7 || byte == b'@';
        // Between lines, tuples and objects.
        if byte == b'\n' || (byte == b',' && matches!(previous, b')' | b'}' | b']')) {
            rows += u64::from(has_value);
            has_value = false;
        }
        previous = byte;
    }
    rows + u64::from(has_value)
}

fn find_from(bytes: &[u8], from: usize, find: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    find(bytes.get(from..)?).map(|at| from + at)
}

/// Finds seven digits in a row within a range.
fn next_number(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    let bytes = bytes.get(..range.end)?;
    // Where a block ends within a number, the next begins so that it holds it whole.
    let starts = range.step_by(BLOCK_BYTES - NUMBER_DIGITS + 1);
    starts.into_iter().find_map(|start| {
        let numbers = runs(Block::at(bytes, start).digits, NUMBER_DIGITS);
        (numbers != 0).then(|| start + numbers.trailing_zeros() as usize)
    })
}

/// Returns where the next record begins: behind a line's end, or the comma between two tuples or objects.
fn record_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut from = from;
    loop {
        let at = find_from(bytes, from, |rest| memchr::memchr2(b'\n', b',', rest))?;
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        if bytes.get(at) == Some(&b'\n') || matches!(before, Some(b')' | b'}' | b']')) {
            return Some(at + 1);
        }
        from = at + 1;
    }
}

fn line(text: &str, range: &Range<usize>) -> Record {
    let bytes = text.as_bytes();
    let floor = boundary(text, range.start.saturating_sub(LINE_BYTES));
    let ceiling = boundary(text, (range.end + LINE_BYTES).min(bytes.len()));
    let before = bytes.get(floor..range.start).unwrap_or_default();
    let after = bytes.get(range.end..ceiling).unwrap_or_default();
    let (start, end) = (memchr::memrchr(b'\n', before), memchr::memchr(b'\n', after));
    let is_whole = (start.is_some() || floor == 0) && (end.is_some() || ceiling == bytes.len());
    let range = start.map_or(floor, |at| floor + at + 1)..end.map_or(ceiling, |at| range.end + at);
    Record { range: trimmed(text, range), extent: if is_whole { Extent::Whole } else { Extent::Window } }
}

/// Joins the lines of a quoted cell: `7,"12 Main St⏎Springfield",555`.
fn quoted(text: &str, range: &Range<usize>, floor: usize) -> Option<Range<usize>> {
    let own = line_around(text, range, floor)?;
    match quotes(text.get(own.clone())?) {
        Quotes::Opening => Some(own.start..closing_line(text, own.end)?),
        Quotes::Closing => Some(opening_line(text, own.start, floor)?..own.end),
        Quotes::Even => {
            let start = opening_line(text, own.start, floor)?;
            Some(start..closing_line(text, own.end)?)
        }
    }
}

fn opening_line(text: &str, before: usize, floor: usize) -> Option<usize> {
    let above = lines_above(text, before, floor).take(QUOTED_LINES);
    let found = above.map(|line| (line.start, quotes(text.get(line).unwrap_or_default())));
    found
        .into_iter()
        .find(|(_, quotes)| *quotes != Quotes::Even)
        .filter(|(_, quotes)| *quotes == Quotes::Opening)
        .map(|(start, _)| start)
}

fn closing_line(text: &str, after: usize) -> Option<usize> {
    let below = lines_below(text, after).take(QUOTED_LINES);
    let found = below.map(|line| (line.end, quotes(text.get(line).unwrap_or_default())));
    found.into_iter().find(|(_, quotes)| *quotes != Quotes::Even).map(|(end, _)| end)
}

fn unfinished_quote(text: &str, floor: usize) -> Option<usize> {
    opening_line(text, text.trim_end_matches('\n').len() + 1, floor)
}

/// What a line does to a quoted cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Even,
    Opening,
    Closing,
}

/// An opening quote begins a cell; if the odd one of a line does not, it closes what a line above opened.
fn quotes(line: &str) -> Quotes {
    let bytes = line.as_bytes();
    if memchr::memchr_iter(b'"', bytes).count().is_multiple_of(2) {
        return Quotes::Even;
    }
    let is_delimiter = |byte: u8| matches!(byte, b',' | b';' | b'\t' | b'|' | b':' | b' ');
    let mut is_inside = false;
    for at in memchr::memchr_iter(b'"', bytes) {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        if !is_inside && before.is_some_and(|byte| !is_delimiter(*byte) && *byte != b'"') {
            return Quotes::Closing;
        }
        is_inside = !is_inside;
    }
    Quotes::Opening
}

/// Returns the line of a range, not before `floor`; `None` for one without end.
fn line_around(text: &str, range: &Range<usize>, floor: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let before = bytes.get(floor..range.start)?;
    let after = bytes.get(range.end..(range.end + RECORD_BYTES).min(bytes.len()))?;
    let start = memchr::memrchr(b'\n', before).map_or(floor, |at| floor + at + 1);
    let end = memchr::memchr(b'\n', after);
    let is_whole = end.is_some() || range.end + after.len() == bytes.len();
    is_whole.then(|| start..end.map_or(bytes.len(), |at| range.end + at))
}

/// The lines above an offset at which a line begins, from below, whole and not before `floor`.
fn lines_above(text: &str, before: usize, floor: usize) -> impl Iterator<Item = Range<usize>> {
    let mut end = before;
    std::iter::from_fn(move || {
        end = end.checked_sub(1).filter(|end| *end > floor)?;
        let above = text.as_bytes().get(floor..end)?;
        let start = memchr::memrchr(b'\n', above).map_or(floor, |at| floor + at + 1);
        let line = start..end;
        end = start;
        Some(line)
    })
}

/// The lines below an offset at which a line ends, within [`RECORD_BYTES`].
fn lines_below(text: &str, after: usize) -> impl Iterator<Item = Range<usize>> {
    let ceiling = (after + RECORD_BYTES).min(text.len());
    let mut start = after;
    std::iter::from_fn(move || {
        start = Some(start + 1).filter(|start| *start < ceiling)?;
        let below = text.as_bytes().get(start..ceiling)?;
        let end = match memchr::memchr(b'\n', below) {
            Some(at) => start + at,
            None if ceiling == text.len() => ceiling,
            None => return None,
        };
        let line = start..end;
        start = end;
        Some(line)
    })
}

/// Moves an offset back to where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inside = text.get(range.clone()).unwrap_or_default();
    let start = range.start + inside.len() - inside.trim_start().len();
    start..(start + inside.trim().len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The record of each occurrence of a needle, blanks around it dropped.
    fn records_of(text: &str, needle: &str) -> Vec<String> {
        let mut records = Records::of(text);
        text.match_indices(needle)
            .map(|(at, _)| text.get(records.holding(&(at..at + needle.len())).range).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_format_has_its_records() {
        for (text, expected) in [
            ("a;NEEDLE;b\nc;x\n", vec!["a;NEEDLE;b"]),
            ("1,\"12 Main\nNEEDLE\",7\n2,x,y", vec!["1,\"12 Main\nNEEDLE\",7"]),
            ("1,\"12 Main\nx\",NEEDLE\n2,x,y", vec!["1,\"12 Main\nx\",NEEDLE"]),
            ("NEEDLE,\"12 Main\nx\",7\n2,x,y", vec!["NEEDLE,\"12 Main\nx\",7"]),
            ("1,\"a\nb\nNEEDLE\nd\",7\n2,x,y", vec!["1,\"a\nb\nNEEDLE\nd\",7"]),
            ("0,\"a\nb\",1\n1,\"c\nd\",NEEDLE\n2,\"e\nf\",3", vec!["1,\"c\nd\",NEEDLE"]),
            ("insert into t (a,b) values (1,'NEEDLE'),(2,'x'), (3,'NEEDLE');", vec!["(1,'NEEDLE')", "(3,'NEEDLE')"]),
            ("values (1,'smile :)','NEEDLE'),(2,'x')", vec!["(1,'smile :)','NEEDLE')"]),
            ("values (1,'(774) 555','NEEDLE',\n'x'),\n(2,'x');", vec!["(1,'(774) 555','NEEDLE',\n'x')"]),
            ("[[\"a\",\"NEEDLE\"],[\"b\",\"NEEDLE\"]]", vec!["[\"a\",\"NEEDLE\"]", "[\"b\",\"NEEDLE\"]"]),
            ("smith (card NEEDLE, x) and others", vec!["smith (card NEEDLE, x) and others"]),
            ("{\"a\":1,\"b\":\"NEEDLE\"}\n{\"a\":2}\n", vec!["{\"a\":1,\"b\":\"NEEDLE\"}"]),
            ("[{\"a\":1,\n\"b\":\"NEEDLE\"},{\"a\":2}]", vec!["{\"a\":1,\n\"b\":\"NEEDLE\"}"]),
            (
                "{\"n\":\"x\",\"c\":{\"p\":\"NEEDLE\"},\"d\":{\"e\":1}}",
                vec!["{\"n\":\"x\",\"c\":{\"p\":\"NEEDLE\"},\"d\":{\"e\":1}}"],
            ),
            ("{\"r\":[{\"a\":{\"b\":\"NEEDLE\"},\"c\":1},{\"a\":2}]}", vec!["{\"a\":{\"b\":\"NEEDLE\"},\"c\":1}"]),
            (
                "{\"k1\":{\"n\":1,\"p\":\"NEEDLE\"},\"k2\":{\"n\":2,\"p\":\"NEEDLE\"}}",
                vec!["{\"n\":1,\"p\":\"NEEDLE\"}", "{\"n\":2,\"p\":\"NEEDLE\"}"],
            ),
            ("if (x) { NEEDLE }\nelse { y }", vec!["if (x) { NEEDLE }"]),
            ("姓名:张三\n卡号:NEEDLE\n\n姓名:李四\n卡号:2", vec!["姓名:张三\n卡号:NEEDLE"]),
            ("name: a\ncard: 1\nname: b\ncard: NEEDLE\nname: c\ncard: 3", vec!["name: b\ncard: NEEDLE"]),
            ("name\ta\ncard\tNEEDLE\n", vec!["name\ta\ncard\tNEEDLE"]),
            ("ada\t1\nbea\tNEEDLE\ncleo\t3", vec!["bea\tNEEDLE"]),
            ("ada: 1\nbea: NEEDLE\ncleo: 3", vec!["bea: NEEDLE"]),
            ("card:\nNEEDLE\nname:\nada\n\nx", vec!["card:\nNEEDLE\nname:\nada"]),
            ("x@y.example:pass\nNEEDLE:pass2\n", vec!["NEEDLE:pass2"]),
        ] {
            assert_eq!(records_of(text, "NEEDLE"), expected, "{text}");
        }
    }

    #[test]
    fn a_line_of_thousands_of_tuples_is_as_many_records() {
        let tuples: Vec<String> = (0..5_000).map(|number| format!("({number},'NEEDLE')")).collect();
        let records = records_of(&format!("insert into t values {};", tuples.join(",")), "NEEDLE");
        assert_eq!(records, tuples);
    }

    #[test]
    fn rows_that_could_hold_an_identifier_are_counted() {
        for (text, expected) in [
            ("", 0),
            ("name,phone\nada,1234567\nbea,x@y.example\nno,123\n", 2),
            ("values (1,'1234567'),(2,'7654321'),(3,'x');", 2),
            ("[{\"a\":1234567},{\"a\":7654321}]", 2),
            ("12345\n123456\n1234567", 1),
            ("a@b 1234567, 7654321 c@d\nx\n@", 2),
        ] {
            for filler in [0, 55, 57, 60, 64, 130] {
                let text = format!("{}\n{text}", "x".repeat(filler));
                assert_eq!(count(&text), expected, "{text}");
                assert_eq!(count_raw(text.as_bytes()), expected, "{text}");
                assert_eq!(count_wide(text.as_bytes()), expected, "{text}");
            }
        }
    }

    #[test]
    fn a_record_that_a_piece_cuts_is_told() {
        for (text, expected) in [
            ("a;b\nc;d\n", ""),
            ("[{\"a\":1},\n{\"b\":1,\n\"c\":2,\n", "{\"b\":1,\n\"c\":2,\n"),
            ("x\n\nname: a\ncard: 1\n", "name: a\ncard: 1\n"),
            ("1,x\n2,\"12 main\nspringfield\n", "2,\"12 main\nspringfield\n"),
            ("1,\"a\nb\",2\n", ""),
        ] {
            assert_eq!(text.get(unfinished(text)..).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn brackets_that_never_close_cost_linear_time() {
        for piece in
            ["{\"a\":1 NEEDLE\n", "{\"a\":NEEDLE", "values (NEEDLE,", "\"NEEDLE\n", "name: NEEDLE\n", "[[NEEDLE "]
        {
            let text = piece.repeat(300_000 / piece.len());
            assert!(!records_of(&text, "NEEDLE").is_empty());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn a_record_holds_what_it_was_asked_for(text in "([{}\\[\\](),:;\"\n]|name|card|values|7|卡| ){0,80}") {
            let mut records = Records::of(&text);
            for (at, character) in text.char_indices().filter(|(_, character)| !character.is_whitespace()) {
                let record = records.holding(&(at..at + character.len_utf8()));
                prop_assert!(record.range.start <= at && at + character.len_utf8() <= record.range.end, "{:?}", record);
                prop_assert!(text.get(record.range).is_some());
            }
            prop_assert!(text.get(unfinished(&text)..).is_some());
        }
    }
}
