//! Reads a comma-separated table strictly: one line is one row, and everything odd is reported at its line and column.
//!
//! By hand, because the `csv` crate takes an unbalanced quote for a cell that swallows the rest of the file and cannot
//! say at which character a cell starts. A test holds the two together on well-formed rows.

use std::borrow::Cow;
use std::collections::HashMap;

use super::field;
use super::problem::{Problem, Problems, shown};

/// Most columns of a table.
pub(super) const COLUMN_LIMIT: usize = 64;
/// Most rows of a table.
pub(super) const ROW_LIMIT: usize = 2_000_000;
/// Most characters of a cell.
pub(super) const CELL_LIMIT_CHARACTERS: usize = 512;

/// Pieces of a table are no shorter.
const PIECE_BYTES: usize = 1 << 20;

/// What a table must look like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Columns that must be there, in any order.
    pub(super) required: &'static [&'static str],
    /// The header a person may start from.
    pub(super) example: &'static str,
}

/// A table whose header is sound.
pub(super) struct Table<'a> {
    file: &'a str,
    names: Vec<String>,
    body: &'a str,
}

/// One row: as many cells as the header has, each of them one line of visible text.
pub(super) struct Row<'a> {
    /// Where it stands.
    pub(super) start: Start,
    raw: &'a str,
    cells: Vec<Cell<'a>>,
}

/// Where a row stands in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// Line, from 1.
    pub(super) line: u64,
    /// Bytes of the table before it, without the header.
    offset: usize,
}

/// Some rows of a table, one after another.
pub(super) struct Piece<'a> {
    start: Start,
    text: &'a str,
}

impl Piece<'_> {
    /// Returns how many rows there are at most.
    pub(super) fn rows_limit(&self) -> usize {
        usize::try_from(lines(self.text)).unwrap_or(usize::MAX).saturating_add(1).min(ROW_LIMIT)
    }
}

/// Counts the ends of lines.
fn lines(text: &str) -> u64 {
    memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64
}

struct Cell<'a> {
    text: Cow<'a, str>,
    offset: usize,
}

impl<'a> Table<'a> {
    /// Reads the header.
    pub(super) fn open(file: &'a str, text: &'a str, shape: Shape, problems: &mut Problems) -> Option<Self> {
        let (header, body) = text.split_once('\n').unwrap_or((text, ""));
        let header = header.strip_suffix('\r').unwrap_or(header);
        let before = problems.errors();
        if text.trim().is_empty() {
            problems.push(Problem::new(file, "is empty", format!("begin it with the header {}", shape.example)));
            return None;
        }
        if !text.contains('\n') && header.contains('\r') {
            let reason = "ends its lines with a lone carriage return (old Mac)";
            problems.push(Problem::new(file, reason, "save it with Unix or Windows line ends").at(1, 1));
            return None;
        }
        let names = read_header(file, header, shape, problems);
        (problems.errors() == before).then_some(Self { file, names, body })
    }

    /// Returns the column names in file order.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns all rows as one piece.
    pub(super) const fn whole(&self) -> Piece<'a> {
        Piece { start: Start { line: 2, offset: 0 }, text: self.body }
    }

    /// Cuts a long table at line ends into at most so many pieces; one with too many rows stays whole.
    pub(super) fn pieces(&self, most: usize) -> Vec<Piece<'a>> {
        let length = self.body.len().div_ceil(most.max(1)).max(PIECE_BYTES);
        let (mut pieces, mut start, mut rest) = (Vec::new(), Start { line: 2, offset: 0 }, self.body);
        while rest.len() > length {
            let Some(end) = memchr::memchr(b'\n', rest.as_bytes().get(length..).unwrap_or_default()) else { break };
            let (text, behind) = rest.split_at(length + end + 1);
            pieces.push(Piece { start, text });
            start = Start { line: start.line + lines(text), offset: start.offset + text.len() };
            rest = behind;
        }
        if start.line + lines(rest) > ROW_LIMIT as u64 {
            return vec![self.whole()];
        }
        pieces.push(Piece { start, text: rest });
        pieces
    }

    /// Returns where a column is.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| own == name)
    }

    /// Gives every sound row of a piece to `read` and reports the others; returns how many there were in all.
    pub(super) fn each_row(
        &self,
        piece: &Piece<'a>,
        problems: &mut Problems,
        mut read: impl FnMut(&Row<'a>, &mut Problems),
    ) -> usize {
        let (mut rows, mut offset) = (0, piece.start.offset);
        for (line, whole) in (piece.start.line..).zip(piece.text.split('\n')) {
            let start = Start { line, offset };
            offset += whole.len() + 1;
            let raw = whole.strip_suffix('\r').unwrap_or(whole);
            if raw.trim().is_empty() {
                continue;
            }
            rows += 1;
            if rows > ROW_LIMIT {
                let reason = format!("has more than {ROW_LIMIT} rows");
                problems.push(Problem::new(self.file, reason, "enrol fewer").at(line, 1));
                break;
            }
            if let Some(row) = self.read_row(start, raw, problems) {
                read(&row, problems);
            }
        }
        rows
    }

    fn read_row(&self, start: Start, raw: &'a str, problems: &mut Problems) -> Option<Row<'a>> {
        let line = start.line;
        let cells = match split(raw, self.names.len()) {
            Ok(cells) => cells,
            Err(error) => {
                problems.push(error.into_problem(self.file, line, raw));
                return None;
            }
        };
        if cells.len() != self.names.len() {
            let reason = format!("has {} cells where the header has {}", cells.len(), self.names.len());
            let mend = "add the missing commas, or put a value that spans cells in quotes";
            problems.push(Problem::new(self.file, reason, mend).at(line, column(raw, raw.len())));
            return None;
        }
        let row = Row { start, raw, cells };
        let before = problems.errors();
        for (index, name) in self.names.iter().enumerate() {
            if let Some((reason, mend)) = flaw(row.raw_text(index), name) {
                problems.push(self.problem(&row, index, reason, mend));
            }
        }
        (problems.errors() == before).then_some(row)
    }

    /// Returns again a row that was given to a reader.
    pub(super) fn row_at(&self, start: Start) -> Option<Row<'a>> {
        let raw = self.body.get(start.offset..)?.split('\n').next()?;
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        Some(Row { start, raw, cells: split(raw, self.names.len()).ok()? })
    }

    /// Makes a problem that points at a cell.
    pub(super) fn problem(
        &self,
        row: &Row<'_>,
        index: usize,
        reason: impl Into<String>,
        mend: impl Into<String>,
    ) -> Problem {
        let problem = Problem::new(self.file, reason, mend).at(row.start.line, row.column(index));
        match self.names.get(index) {
            Some(name) => problem.named(name),
            None => problem,
        }
    }
}

impl Row<'_> {
    /// Returns a cell without the blanks around it; empty where there is none.
    pub(super) fn text(&self, index: usize) -> &str {
        self.raw_text(index).trim()
    }

    fn raw_text(&self, index: usize) -> &str {
        self.cells.get(index).map_or("", |cell| cell.text.as_ref())
    }

    fn column(&self, index: usize) -> u64 {
        self.cells.get(index).map_or(1, |cell| column(self.raw, cell.offset))
    }
}

fn column(raw: &str, offset: usize) -> u64 {
    raw.get(..offset).unwrap_or_default().chars().count() as u64 + 1
}

fn read_header(file: &str, header: &str, shape: Shape, problems: &mut Problems) -> Vec<String> {
    let cells = match split(header, COLUMN_LIMIT) {
        Ok(cells) => cells,
        Err(error) => {
            problems.push(error.into_problem(file, 1, header));
            return Vec::new();
        }
    };
    if let Some(delimiter) = other_delimiter(&cells) {
        let reason = format!("separates its columns by {delimiter}");
        problems.push(Problem::new(file, reason, "export it again with the comma as separator").at(1, 1));
        return Vec::new();
    }
    let mut first: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        let name = cell.text.trim();
        let at = |problem: Problem| problem.at(1, column(header, cell.offset));
        if !field::is_name(name) {
            let reason = format!("column {} is called {}, which is not a column name", index + 1, shown(name));
            let mend = match name.to_ascii_lowercase() {
                lower if field::is_name(&lower) => format!("write {lower}"),
                _ => "use lower-case letters, digits and _, beginning with a letter".to_owned(),
            };
            problems.push(at(Problem::new(file, reason, mend)));
        } else if let Some(earlier) = first.insert(name.to_owned(), index) {
            let reason = format!("the column is there twice, as number {} and number {}", earlier + 1, index + 1);
            problems.push(at(Problem::new(file, reason, "remove or rename one of them").named(name)));
        }
        names.push(name.to_owned());
    }
    for name in shape.required.iter().filter(|name| !first.contains_key(**name)) {
        let mend = format!("add it to the header (cells may stay empty where allowed): {}", shape.example);
        problems.push(Problem::new(file, "the column is missing", mend).at(1, 1).named(name));
    }
    names
}

fn other_delimiter(cells: &[Cell<'_>]) -> Option<&'static str> {
    let [only] = cells else { return None };
    [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")]
        .into_iter()
        .find_map(|(delimiter, word)| only.text.contains(delimiter).then_some(word))
}

/// Tells what no cell may be, whatever its column: more than one line, unseen, over-long, or a spreadsheet formula.
fn flaw(text: &str, name: &str) -> Option<(String, &'static str)> {
    if text.is_empty() {
        return None;
    }
    if text.len() > CELL_LIMIT_CHARACTERS && text.chars().nth(CELL_LIMIT_CHARACTERS).is_some() {
        let reason = format!("has more than {CELL_LIMIT_CHARACTERS} characters");
        return Some((reason, "shorten it; a missing quote may have joined two cells"));
    }
    if text.is_ascii() {
        if let Some(control) = text.bytes().find(u8::is_ascii_control) {
            return Some((control_reason(char::from(control)), "remove it"));
        }
    } else if let Some(odd) = text.chars().find(|character| is_unseen(*character)) {
        return Some(match odd {
            '\u{FFFD}' => (
                "holds the replacement character U+FFFD: an earlier conversion lost letters here".to_owned(),
                "restore the value from its origin",
            ),
            odd if odd.is_control() => (control_reason(odd), "remove it"),
            odd => (format!("holds the invisible character U+{:04X}", u32::from(odd)), "remove it"),
        });
    }
    starts_formula(text.trim_start(), name).then(|| {
        (
            format!(
                "begins with {:?}, which a spreadsheet runs as a formula",
                text.trim_start().chars().next().unwrap_or(' ')
            ),
            "plant another value (only a phone number may begin with +)",
        )
    })
}

fn control_reason(control: char) -> String {
    match control {
        '\t' => "holds a tab".to_owned(),
        '\r' => "holds a carriage return".to_owned(),
        other => format!("holds the control character U+{:04X}", u32::from(other)),
    }
}

/// Control, zero-width and bidirectional-override characters; ZWJ and ZWNJ stay, some scripts need them.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{AD}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFD}')
}

/// OWASP's list for CSV injection, with the full-width twins that spreadsheets in East Asian locales run as well.
fn starts_formula(text: &str, name: &str) -> bool {
    let is_phone = name.contains("phone") || name.contains("mobile");
    let mut characters = text.chars();
    match characters.next() {
        Some('+' | '\u{FF0B}') if is_phone => characters.any(|character| {
            !(character.is_ascii_digit()
                || ('０'..='９').contains(&character)
                || matches!(character, ' ' | '(' | ')' | '-' | '.' | '/' | '\u{A0}'))
        }),
        Some('=' | '+' | '-' | '@' | '\u{FF1D}' | '\u{FF0B}' | '\u{FF0D}' | '\u{FF20}') => true,
        Some(_) | None => false,
    }
}

struct SplitError {
    offset: usize,
    reason: String,
    mend: &'static str,
}

impl SplitError {
    fn into_problem(self, file: &str, line: u64, raw: &str) -> Problem {
        Problem::new(file, self.reason, self.mend).at(line, column(raw, self.offset))
    }
}

/// Splits one line into at most `most` cells (RFC 4180, without line breaks in cells).
fn split(line: &str, most: usize) -> Result<Vec<Cell<'_>>, SplitError> {
    let mut cells = Vec::with_capacity(most.min(16));
    let mut offset = 0;
    loop {
        if cells.len() == most {
            let reason = format!("has more than {most} cells");
            return Err(SplitError { offset, reason, mend: "put a value that holds a comma in quotes" });
        }
        let rest = line.get(offset..).unwrap_or_default();
        let (text, used) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted, offset)?,
            None => plain(rest, offset)?,
        };
        cells.push(Cell { text, offset });
        offset += used;
        if offset >= line.len() {
            return Ok(cells);
        }
        offset += 1;
    }
}

fn plain(rest: &str, offset: usize) -> Result<(Cow<'_, str>, usize), SplitError> {
    let end = memchr::memchr(b',', rest.as_bytes()).unwrap_or(rest.len());
    let text = rest.get(..end).unwrap_or_default();
    match memchr::memchr(b'"', text.as_bytes()) {
        Some(at) => Err(SplitError {
            offset: offset + at,
            reason: "has a quote inside a cell that does not begin with one".to_owned(),
            mend: "put the whole cell in quotes and double the quotes inside it",
        }),
        None => Ok((Cow::Borrowed(text), end)),
    }
}

/// Reads a quoted cell from behind its first quote; gives the text and the bytes used, both quotes included.
fn unquote(quoted: &str, offset: usize) -> Result<(Cow<'_, str>, usize), SplitError> {
    let mut from = 0;
    let mut has_doubled = false;
    loop {
        let Some(at) = memchr::memchr(b'"', quoted.as_bytes().get(from..).unwrap_or_default()) else {
            return Err(SplitError {
                offset,
                reason: "opens a quote that does not end on this line".to_owned(),
                mend: "close it; a cell must not hold a line break, and a quote inside is doubled",
            });
        };
        let close = from + at;
        match quoted.as_bytes().get(close + 1) {
            Some(b'"') => {
                has_doubled = true;
                from = close + 2;
            }
            None | Some(b',') => {
                let text = quoted.get(..close).unwrap_or_default();
                let text = if has_doubled { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) };
                return Ok((text, close + 2));
            }
            Some(_) => {
                return Err(SplitError {
                    offset: offset + close + 2,
                    reason: "has text behind a closing quote".to_owned(),
                    mend: "double the quotes that belong to the value, or remove what follows",
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(line: &str) -> Option<Vec<String>> {
        split(line, 64).ok().map(|cells| cells.into_iter().map(|cell| cell.text.into_owned()).collect())
    }

    #[test]
    fn cells_are_split_as_rfc_4180_says() {
        for (line, expected) in [
            ("a,b", vec!["a", "b"]),
            ("a,", vec!["a", ""]),
            (",", vec!["", ""]),
            ("\"a,b\",c", vec!["a,b", "c"]),
            ("\"a\"\"b\"", vec!["a\"b"]),
            ("\"\",\"\"", vec!["", ""]),
            ("\"\"\"\"", vec!["\""]),
            ("闻人,\"知,远\"", vec!["闻人", "知,远"]),
        ] {
            assert_eq!(texts(line).unwrap(), expected, "{line}");
        }
        for line in ["\"a", "a\"b", "\"a\"b,c", "a,\"", "\"\"\""] {
            assert_eq!(texts(line), None, "{line}");
        }
    }

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_a_flaw() {
        for (text, name) in [
            ("=1+1", "name"),
            ("+cmd|' /C calc'!A0", "phone"),
            ("-2+3", "name"),
            ("@SUM(1)", "email"),
            ("＝1", "name"),
            ("  =1", "name"),
            ("+1 555-0100", "account"),
            ("\t=1", "name"),
            ("a\u{202E}b", "name"),
            ("a\u{0}b", "name"),
            ("caf\u{FFFD}", "name"),
        ] {
            assert!(flaw(text, name).is_some(), "{text:?} in {name}");
        }
        for (text, name) in
            [("+1 (212) 555-0142", "phone"), ("＋８６ １２０", "phone"), ("a=b", "name"), ("a-b", "name"), ("", "name")]
        {
            assert_eq!(flaw(text, name), None, "{text:?} in {name}");
        }
    }

    proptest! {
        #[test]
        fn well_formed_rows_read_as_the_csv_crate_reads_them(cells in prop::collection::vec("[^\\r\\n\\x00]{0,12}", 2..6)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(&cells).unwrap();
            let line = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(texts(line.trim_end_matches('\n')), Some(cells));
        }

        #[test]
        fn any_line_splits_or_is_refused_at_a_character_of_it(line in "[^\\n]{0,60}") {
            match split(&line, 8) {
                Ok(cells) => prop_assert!(cells.len() <= 8 && cells.iter().all(|cell| cell.offset <= line.len())),
                Err(error) => prop_assert!(error.offset <= line.len()),
            }
        }
    }
}
