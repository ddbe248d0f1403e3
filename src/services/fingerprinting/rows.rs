//! Rows of the input: lines, or delimited text with or without a header, any delimiter; only the columns asked for are kept.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::rc::Rc;

use super::{FingerprintingError, Request};
use crate::domain::identifier::{FingerprintKind, Kind, Part};

/// Rows that go from thread to thread at once.
const BATCH_ROWS: usize = 4096;
/// A longer row means that a quote was never closed.
const ROW_LIMIT_BYTES: u64 = 1 << 20;
/// How much of the input is looked at to see its delimiter.
const LOOK_BYTES: usize = 64 << 10;
const DELIMITERS: [u8; 5] = [b',', b';', b'\t', b'|', 0x1f];

/// Values of some rows, in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    /// Where each value ends.
    ends: Vec<usize>,
    lines: Vec<u64>,
    columns: usize,
}

impl Batch {
    pub(super) const fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns each row's line and values; one that is not UTF-8 is as good as a wrong one.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u64, impl Iterator<Item = &str>)> {
        let value = |at: usize| {
            let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
            let end = self.ends.get(at).copied().unwrap_or_default();
            str::from_utf8(self.text.get(start..end).unwrap_or_default()).unwrap_or("\u{fffd}")
        };
        self.lines.iter().enumerate().map(move |(row, line)| {
            let values: Range<usize> = row * self.columns..(row + 1) * self.columns;
            (*line, values.map(value))
        })
    }
}

/// Reads rows; bounded in memory whatever the input is.
pub(super) struct Rows<R> {
    reader: csv::Reader<Guard<BufReader<R>>>,
    /// Bytes read since the last row.
    unrowed: Rc<Cell<u64>>,
    columns: Vec<usize>,
    /// The column that names who was given a row, and the code that is meant.
    only: Option<(usize, String)>,
    /// The first row, where it is not a header.
    first: Option<csv::ByteRecord>,
    record: csv::ByteRecord,
}

impl<R: Read> Rows<R> {
    /// Looks at the first row to learn the delimiter, the columns, and whether it is a header.
    pub(super) fn open(source: R, request: &Request) -> Result<Self, FingerprintingError> {
        let mut source = BufReader::with_capacity(LOOK_BYTES, source);
        let look = source.fill_buf().map_err(FingerprintingError::Input)?;
        let delimiter = request.delimiter.unwrap_or_else(|| delimiter_of(look));
        let unrowed = Rc::new(Cell::new(0));
        let guard = Guard { source, unrowed: Rc::clone(&unrowed) };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(LOOK_BYTES)
            .from_reader(guard);
        let mut rows =
            Self { reader, unrowed, columns: Vec::new(), only: None, first: None, record: csv::ByteRecord::new() };
        if !rows.advance()? {
            return Err(FingerprintingError::Rows("make fingerprints: the input is empty".to_owned()));
        }
        let first = rows.record.clone();
        let fields: Vec<String> = first.iter().map(field).collect();
        let (columns, is_header) = choose(&fields, request)?;
        rows.columns = columns;
        let only = request.only.as_ref();
        rows.only = only.map(|only| Ok((column_of(&fields, &only.column)?, only.code.clone()))).transpose()?;
        rows.first = (!is_header).then_some(first);
        Ok(rows)
    }

    /// Returns the next rows, or `None` at the end.
    pub(super) fn batch(&mut self) -> Result<Option<Batch>, FingerprintingError> {
        let mut batch = Batch { columns: self.columns.len(), ..Batch::default() };
        if let Some(first) = self.first.take().filter(|first| self.is_meant(first)) {
            add(&mut batch, &self.columns, &first);
        }
        while batch.len() < BATCH_ROWS && self.advance()? {
            if self.is_meant(&self.record) {
                add(&mut batch, &self.columns, &self.record);
            }
        }
        Ok((batch.len() > 0).then_some(batch))
    }

    /// Tells whether a row is one of those asked for.
    fn is_meant(&self, record: &csv::ByteRecord) -> bool {
        let Some((column, code)) = &self.only else { return true };
        let cell = record.get(*column).unwrap_or_default();
        cell.split(|byte| matches!(byte, b'|' | b',' | b';')).any(|one| one.trim_ascii() == code.as_bytes())
    }

    fn advance(&mut self) -> Result<bool, FingerprintingError> {
        let line = self.reader.position().line();
        let read = self.reader.read_byte_record(&mut self.record);
        self.unrowed.set(0);
        read.map_err(|error| {
            let csv::ErrorKind::Io(cause) = error.into_kind() else {
                return FingerprintingError::Rows(format!("make fingerprints: line {line} is not delimited text"));
            };
            if cause.kind() != io::ErrorKind::InvalidData {
                return FingerprintingError::Input(cause);
            }
            let reason = "make fingerprints: the row at line";
            FingerprintingError::Rows(format!("{reason} {line} does not end: is a quote missing there?"))
        })
    }
}

fn add(batch: &mut Batch, columns: &[usize], record: &csv::ByteRecord) {
    for column in columns {
        batch.text.extend_from_slice(record.get(*column).unwrap_or_default());
        batch.ends.push(batch.text.len());
    }
    batch.lines.push(record.position().map_or(0, csv::Position::line));
}

/// Returns a field of the first row, without a byte order mark.
fn field(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// Returns the delimiter that the first line holds most often outside quotes; a comma if none.
fn delimiter_of(look: &[u8]) -> u8 {
    let line = look.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let outside: Vec<u8> = line.split(|byte| *byte == b'"').step_by(2).flatten().copied().collect();
    let count = |delimiter: u8| outside.split(|byte| *byte == delimiter).count() - 1;
    let most = DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter));
    most.filter(|delimiter| count(*delimiter) > 0).unwrap_or(b',')
}

/// Finds a column by its name, or by its number from 1.
fn column_of(fields: &[String], name: &str) -> Result<usize, FingerprintingError> {
    let number = name.parse::<usize>().ok().filter(|number| (1..=fields.len()).contains(number));
    let named = || fields.iter().position(|field| field.to_lowercase() == name.to_lowercase());
    number.map(|number| number - 1).or_else(named).ok_or_else(|| {
        FingerprintingError::Rows(format!("make fingerprints: no column of the first row is called {name}"))
    })
}

/// Chooses the columns, and tells whether the first row names them.
fn choose(fields: &[String], request: &Request) -> Result<(Vec<usize>, bool), FingerprintingError> {
    let refuse = |reason: String| Err(FingerprintingError::Rows(format!("make fingerprints: {reason}")));
    let parts = request.kind.parts();
    if !request.columns.is_empty() && request.columns.len() != parts.len() {
        let (kind, wanted) = (request.kind, parts.len());
        return refuse(format!("{kind} takes {wanted} column{}", if wanted == 1 { "" } else { "s" }));
    }
    let mut columns = Vec::new();
    let mut is_header = false;
    for (at, part) in parts.iter().enumerate() {
        let named = request.columns.get(at);
        let number = named.and_then(|name| name.parse::<usize>().ok());
        let same = |field: &String| named.is_some_and(|name| field.to_lowercase() == name.to_lowercase());
        columns.push(match (named, number) {
            (Some(_), Some(number)) if (1..=fields.len()).contains(&number) => number - 1,
            (Some(name), Some(number)) if number > 0 => {
                return refuse(format!("there is no column {name}: the first row has {} columns", fields.len()));
            }
            (Some(name), _) => match fields.iter().position(same) {
                Some(column) => {
                    is_header = true;
                    column
                }
                // A row without a header holds values, which are not for telling.
                None => return refuse(format!("no column of the first row is called {name}")),
            },
            (None, _) => match fields.iter().position(|field| is_name_of(field, *part)) {
                Some(column) => {
                    is_header = true;
                    column
                }
                None if fields.len() == 1 && parts.len() == 1 => 0,
                None => {
                    return refuse("which column? name it, or number it from 1, with --column".to_owned());
                }
            },
        });
    }
    Ok((columns.clone(), is_header || is_header_by_content(fields, &columns, request.kind)))
}

/// Tells whether a first row without a known name holds words where values should be: a value has digits, or an `@`.
fn is_header_by_content(fields: &[String], columns: &[usize], kind: FingerprintKind) -> bool {
    let is_word = |field: &String| !field.contains(|character: char| character.is_numeric() || character == '@');
    columns.iter().zip(kind.parts()).all(|(column, part)| {
        *part == Part::Name || fields.get(*column).is_some_and(|field| !field.is_empty() && is_word(field))
    })
}

/// Tells whether a column's name says that it holds a part.
fn is_name_of(name: &str, part: Part) -> bool {
    let kind = match part {
        Part::Whole(kind) => kind,
        Part::CardEnds => Kind::Pan,
        Part::PhoneEnds => Kind::Phone,
        Part::ResidentEnds => Kind::ResidentId,
        Part::Name => Kind::Name,
    };
    Kind::of_field(name) == kind || name.eq_ignore_ascii_case(kind.as_str())
}

/// Refuses to go on reading when no row ends.
struct Guard<R> {
    source: R,
    unrowed: Rc<Cell<u64>>,
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.unrowed.get() > ROW_LIMIT_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = self.source.read(bytes)?;
        self.unrowed.set(self.unrowed.get() + count as u64);
        Ok(count)
    }
}
