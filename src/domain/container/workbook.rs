//! Workbooks (xlsx) to lines of tab-separated cells, a sheet a member.
//!
//! Read by hand: numbers come digit by digit as they are stored, where a library gives a float that has lost the last
//! digits of a card; and cells are streamed, so that a sheet that names its last possible cell costs no more than the cells
//! it holds. Not here: workbooks of other formats (`sheets`, `office`).

use std::collections::{HashMap, HashSet};
use std::io::Read;

use jiff::civil::date;
use jiff::{Span, ToSpan as _};

use super::guard::Guard;
use super::office::Lines;
use super::xml::{Ending, Token, walk};
use super::zipped::Archive;
use super::{Place, Unpacker};

/// Columns further right than this stand beside their neighbour: only the order of cells matters to us.
const GAP_COLUMNS: u32 = 64;

/// What cells refer to.
#[derive(Debug, Default)]
struct Legend {
    strings: Strings,
    /// Which cell formats show a number as a date.
    dates: HashSet<usize>,
}

impl Unpacker<'_> {
    /// Gives the sheets of a workbook, hidden ones too; returns the names of the archive's members that they came from.
    pub(super) fn workbook(&mut self, place: &Place, archive: &mut Archive) -> HashSet<Vec<u8>> {
        let book = self.zip_part(place, archive, "xl/workbook.xml").unwrap_or_default();
        let relations = self.zip_part(place, archive, "xl/_rels/workbook.xml.rels").unwrap_or_default();
        let mut sheets = sheets(&book, &relations);
        let parts: Vec<String> = archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect();
        let known: HashSet<String> = sheets.iter().map(|(_, part)| part.clone()).collect();
        let is_sheet = |part: &&String| part.starts_with("xl/worksheets/") && part.strip_suffix(".xml").is_some();
        let unlisted: Vec<&String> = parts.iter().filter(is_sheet).filter(|part| !known.contains(*part)).collect();
        if !unlisted.is_empty() {
            self.odd("container-damaged", place, "a workbook holds sheets that it does not list; they are searched");
            sheets.extend(unlisted.into_iter().map(|part| (part.clone(), part.clone())));
        }
        let strings = self.zip_part(place, archive, "xl/sharedStrings.xml").unwrap_or_default();
        let styles = self.zip_part(place, archive, "xl/styles.xml").unwrap_or_default();
        let legend = Legend { strings: Strings::read(&strings), dates: date_styles(&styles) };
        drop((strings, styles));
        let mut rendered: HashSet<Vec<u8>> = HashSet::new();
        for (name, part) in sheets {
            if self.may_open_another(place) && self.sheet(place, archive, (&name, &part), &legend) == Ending::Whole {
                rendered.insert(part.into_bytes());
            }
        }
        if !rendered.is_empty() {
            rendered.extend(
                ["xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml"].map(|part| part.as_bytes().to_vec()),
            );
        }
        rendered
    }

    fn sheet(&mut self, place: &Place, archive: &mut Archive, (name, part): (&str, &str), legend: &Legend) -> Ending {
        let inner = place.member(name.as_bytes());
        let index = archive.index_for_name(part);
        let Some(member) = index.and_then(|index| archive.by_index(index).ok()) else {
            self.odd("member-unreadable", &inner, "a sheet is not where the workbook says");
            return Ending::Broken;
        };
        let packed_bytes = member.compressed_size();
        let mut guard = Guard::new(member, self, packed_bytes);
        let cut = guard.cut();
        let mut lines = Lines::begin(self.visit, &inner.path);
        let ending = rows(&mut guard, legend, &mut lines);
        lines.end();
        self.tell_cut(&inner, &cut);
        if ending == Ending::Broken {
            self.odd("member-unreadable", &inner, "a sheet is damaged; what could be read of it is searched");
        }
        ending
    }
}

/// Lists the sheets with the members that hold them.
fn sheets(book: &[u8], relations: &[u8]) -> Vec<(String, String)> {
    let mut targets = HashMap::new();
    walk(relations, &mut |token| {
        if let Token::Open("Relationship", attributes) = token
            && let (Some(id), Some(target)) = (attributes.get("Id"), attributes.get("Target"))
        {
            let part = target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned);
            targets.insert(id, part);
        }
        true
    });
    let mut sheets = Vec::new();
    walk(book, &mut |token| {
        if let Token::Open("sheet", attributes) = token
            && let Some(part) = attributes.get("id").and_then(|id| targets.get(&id))
            && part.starts_with("xl/worksheets/")
        {
            sheets.push((attributes.get("name").unwrap_or_default(), part.clone()));
        }
        true
    });
    sheets
}

/// Strings that cells refer to by number.
#[derive(Debug, Default)]
struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    fn read(xml: &[u8]) -> Self {
        let mut strings = Self::default();
        // Readings (`rPh`) repeat a string in another script.
        let (mut in_text, mut in_reading) = (false, false);
        walk(xml, &mut |token| {
            match token {
                Token::Open("t", _) => in_text = true,
                Token::Close("t") => in_text = false,
                Token::Open("rPh", _) => in_reading = true,
                Token::Close("rPh") => in_reading = false,
                Token::Text(text) if in_text && !in_reading => strings.text.push_str(text),
                Token::Close("si") => strings.ends.push(strings.text.len()),
                Token::Open(..) | Token::Close(_) | Token::Text(_) => {}
            }
            true
        });
        strings
    }

    fn get(&self, index: usize) -> Option<&str> {
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start..*self.ends.get(index)?)
    }
}

/// Finds the cell formats that show a number as a date.
fn date_styles(xml: &[u8]) -> HashSet<usize> {
    let mut custom: HashSet<u32> = HashSet::new();
    let mut dates = HashSet::new();
    let (mut in_cells, mut index) = (false, 0);
    walk(xml, &mut |token| {
        match token {
            Token::Open("numFmt", attributes) => {
                let id = attributes.get("numFmtId").and_then(|id| id.parse().ok());
                if let Some(id) = id.filter(|_| attributes.get("formatCode").is_some_and(|code| is_date_format(&code)))
                {
                    custom.insert(id);
                }
            }
            Token::Open("cellXfs", _) => in_cells = true,
            Token::Close("cellXfs") => in_cells = false,
            Token::Open("xf", attributes) if in_cells => {
                let id: u32 = attributes.get("numFmtId").and_then(|id| id.parse().ok()).unwrap_or_default();
                if matches!(id, 14..=17 | 22 | 27..=36 | 50..=58) || custom.contains(&id) {
                    dates.insert(index);
                }
                index += 1;
            }
            Token::Open(..) | Token::Close(_) | Token::Text(_) => {}
        }
        true
    });
    dates
}

/// Tells a date's format: it shows a year or a day, outside of quotes and brackets.
fn is_date_format(code: &str) -> bool {
    let (mut is_quoted, mut is_bracketed) = (false, false);
    code.chars().any(|character| {
        match character {
            '"' => is_quoted = !is_quoted,
            '[' => is_bracketed = true,
            ']' => is_bracketed = false,
            _ => {}
        }
        !is_quoted && !is_bracketed && matches!(character, 'y' | 'Y' | 'd' | 'D')
    })
}

/// A cell as its tags tell of it.
#[derive(Debug, Default)]
struct Cell {
    column: Option<u32>,
    kind: String,
    style: usize,
    text: String,
}

impl Cell {
    fn shown(&self, legend: &Legend) -> String {
        match self.kind.as_str() {
            "s" => {
                let index = self.text.trim().parse().ok();
                index.and_then(|index| legend.strings.get(index)).unwrap_or_default().to_owned()
            }
            "e" => String::new(),
            "" | "n" if legend.dates.contains(&self.style) => {
                shown_date(&self.text).unwrap_or_else(|| plain_number(&self.text))
            }
            "" | "n" => plain_number(&self.text),
            _ => self.text.clone(),
        }
    }
}

/// Writes the rows of a sheet.
fn rows(reader: &mut dyn Read, legend: &Legend, lines: &mut Lines<'_>) -> Ending {
    let mut cell = Cell::default();
    let (mut column, mut in_value, mut has_rows, mut in_row) = (0, false, false, false);
    walk(reader, &mut |token| {
        match token {
            Token::Open("row", _) => {
                if has_rows {
                    lines.newline();
                }
                (has_rows, in_row, column) = (true, true, 0);
            }
            Token::Close("row") => in_row = false,
            Token::Open("c", attributes) => {
                cell = Cell {
                    column: attributes.get("r").as_deref().and_then(column_of),
                    kind: attributes.get("t").unwrap_or_default(),
                    style: attributes.get("s").and_then(|style| style.parse().ok()).unwrap_or_default(),
                    text: String::new(),
                };
            }
            Token::Open("v" | "t", _) => in_value = true,
            Token::Close("v" | "t") => in_value = false,
            Token::Text(text) if in_value => cell.text.push_str(text),
            Token::Close("c") => {
                let at = cell.column.unwrap_or(column + 1);
                (0..at.saturating_sub(column.max(1)).min(GAP_COLUMNS)).for_each(|_| lines.tab());
                column = at.max(1);
                lines.push(&cell.shown(legend));
            }
            // Headers, footers and the like: text too, on lines of their own.
            Token::Text(text) if !in_row && !text.trim().is_empty() => {
                lines.newline();
                lines.push(text);
            }
            Token::Open(..) | Token::Close(_) | Token::Text(_) => {}
        }
        true
    })
}

/// The column of a reference like `AB12`, counted from one.
fn column_of(reference: &str) -> Option<u32> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    let column =
        letters.take(4).fold(0_u32, |column, letter| column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1);
    (column > 0).then_some(column)
}

/// Writes a number out: `1.2E+18` becomes its digits, `15.0` becomes `15`.
pub(super) fn plain_number(text: &str) -> String {
    const DIGITS: usize = 40;
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<isize>().ok()),
        None => (text, Some(0)),
    };
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all: String = [whole, fraction].concat();
    let point = exponent.and_then(|exponent| whole.len().checked_add_signed(exponent));
    let Some(point) =
        point.filter(|point| *point <= DIGITS && !all.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit()))
    else {
        return text.to_owned();
    };
    let padded = format!("{all:0<point$}");
    let (whole, fraction) = padded.split_at_checked(point).unwrap_or((&padded, ""));
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Days since the last day of 1899, as a date.
fn shown_date(text: &str) -> Option<String> {
    let days: i32 = text.trim().split('.').next()?.parse().ok()?;
    let span: Span = Span::new().try_days(days).ok()?;
    let day = date(1899, 12, 30).checked_add(span).ok()?;
    (day > date(1899, 12, 30) && day < date(9999, 12, 31).saturating_sub(1.day())).then(|| day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for (stored, shown) in [
            ("9990483834645857", "9990483834645857"),
            ("6.2220212345678901E+18", "6222021234567890100"),
            ("1.2E+18", "1200000000000000000"),
            ("622202123456789012", "622202123456789012"),
            ("15.0", "15"),
            ("1.5", "1.5"),
            ("-2.50", "-2.5"),
            ("0.05", "0.05"),
            ("5E-3", "5E-3"),
            ("1E+999", "1E+999"),
            ("1E99999999999", "1E99999999999"),
            ("n/a", "n/a"),
            ("", ""),
        ] {
            assert_eq!(plain_number(stored), shown, "{stored}");
        }
    }

    #[test]
    fn dates_are_shown_as_dates() {
        assert_eq!(shown_date("45000.5").as_deref(), Some("2023-03-15"));
        assert_eq!(shown_date("99904838346"), None);
        assert!(is_date_format("yyyy\\-mm\\-dd") && is_date_format("[$-804]d/m/yy"));
        assert!(!is_date_format("0.00 \"day\"") && !is_date_format("[Red]0") && !is_date_format("General"));
    }

    #[test]
    fn columns_are_counted_from_their_letters() {
        assert_eq!(
            ["A1", "Z9", "AB12", "XFD1048576", "7", ""].map(column_of),
            [Some(1), Some(26), Some(28), Some(16384), None, None]
        );
    }
}
