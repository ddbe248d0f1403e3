//! Compound files: workbooks of before 2007 to rows, other documents to the runs of text in them; binary workbooks (xlsb).

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Range, Reader, Xls, XlsError, Xlsb};
use memchr::memmem;

use super::body::{Body, read_whole};
use super::compound::{Compound, wide};
use super::{Place, Unpacker, push_inline};

/// Shorter runs of wide characters are chance.
const RUN_CHARACTERS: usize = 5;

impl Unpacker<'_> {
    pub(super) fn compound(&mut self, place: &Place, mut body: Box<dyn Body>) {
        let bytes = read_whole(&mut *body, self.order.limits.held_bytes);
        if memmem::find(&bytes, &wide("EncryptedPackage")).is_some() {
            return self.odd_locked(place);
        }
        // The library is not written for hostile files; a panic of its own is one more unreadable workbook.
        let open = || catch_unwind(AssertUnwindSafe(|| Xls::new(Cursor::new(bytes.as_slice()))));
        let may_open = |compound: &Compound<'_>| !self.order.is_careful && compound.has_possible_sheets();
        match Compound::read(&bytes).filter(may_open).map(|_| open()) {
            Some(Ok(Ok(mut book))) => {
                if self.book(place, &mut book) {
                    return;
                }
            }
            Some(Ok(Err(XlsError::Password))) => return self.odd_locked(place),
            Some(Ok(Err(_)) | Err(_)) | None => {}
        }
        self.odd("container-unread", place, "an Office document of before 2007 is searched by the runs of text in it");
        self.give_body(place, &mut *body);
        let runs = wide_runs(&bytes);
        if !runs.is_empty() && self.may_open_another(place) {
            self.give_text(&place.member(b":text"), &runs);
        }
    }

    /// Gives the sheets of a binary workbook; false if it is none.
    pub(super) fn binary_workbook(&mut self, place: &Place, body: &dyn Body) -> bool {
        let Ok(again) = body.again() else { return false };
        if self.order.is_careful {
            return false;
        }
        let opened = catch_unwind(AssertUnwindSafe(|| Xlsb::new(again)));
        let Ok(Ok(mut book)) = opened else {
            self.odd("member-unreadable", place, "a workbook cannot be read by rows; its parts are searched");
            return false;
        };
        self.book(place, &mut book)
    }

    /// Gives the sheets of a workbook; false if there are none to be read.
    fn book<R, B>(&mut self, place: &Place, book: &mut B) -> bool
    where
        R: std::io::Read + std::io::Seek,
        B: Reader<R>,
    {
        let mut given = false;
        for name in book.sheet_names() {
            if !self.may_open_another(place) {
                break;
            }
            let inner = place.member(name.as_bytes());
            let range = catch_unwind(AssertUnwindSafe(|| book.worksheet_range(&name).ok()));
            if let Ok(Some(range)) = range {
                given = true;
                self.give_text(&inner, &rows(&range));
            } else {
                self.odd("member-unreadable", &inner, "a sheet is damaged and not read");
            }
        }
        given
    }
}

fn rows(range: &Range<Data>) -> String {
    let mut rows = String::new();
    for row in range.rows() {
        let filled = row.iter().rposition(|cell| *cell != Data::Empty).map_or(0, |last| last + 1);
        for (column, cell) in row.iter().take(filled).enumerate() {
            if column > 0 {
                rows.push('\t');
            }
            write_cell(&mut rows, cell);
        }
        rows.push('\n');
    }
    rows
}

fn write_cell(rows: &mut String, cell: &Data) {
    let text = match cell {
        Data::Empty | Data::Error(_) => return,
        Data::Int(number) => number.to_string(),
        // Numbers of up to 15 digits are exact; more digits were lost when the file was saved.
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e18 => format!("{number:.0}"),
        Data::Float(number) => number.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::DateTime(time) => {
            let (year, month, day, ..) = time.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
    };
    push_inline(rows, &text);
}

/// Finds runs of text in UTF-16, as old formats store it, at even and odd places; a run a line.
fn wide_runs(bytes: &[u8]) -> String {
    let mut runs = String::new();
    for start in [0, 1] {
        let units = bytes.get(start..).unwrap_or_default().chunks_exact(2);
        let units = units.map(|unit| unit.iter().rev().fold(0_u16, |wide, byte| wide << 8 | u16::from(*byte)));
        let mut run = String::new();
        let mut close = |run: &mut String| {
            if run.chars().count() >= RUN_CHARACTERS {
                runs.push_str(run);
                runs.push('\n');
            }
            run.clear();
        };
        for unit in units {
            match char::from_u32(u32::from(unit)).filter(|character| is_written(*character)) {
                Some(character) => run.push(character),
                None if matches!(unit, 7 | 9) => run.push('\t'),
                None => close(&mut run),
            }
        }
        close(&mut run);
    }
    runs
}

/// Characters of the scripts and signs that records are written in; chance pairs of bytes rarely stay within them.
const fn is_written(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{24f}' | '\u{400}'..='\u{52f}' | '\u{2010}'..='\u{2030}'
        | '\u{3000}'..='\u{303f}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ff5e}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_wide_text_are_found_at_even_and_odd_places() {
        let mut bytes = vec![0, 0, 1];
        bytes.extend(wide("карта 9990483834645856"));
        bytes.extend([0, 0, 0, 0, 2]);
        bytes.extend(wide("欧阳采薇的卡"));
        assert!(wide_runs(&bytes).contains("карта 9990483834645856\n"));
        assert!(wide_runs(&bytes).contains("欧阳采薇的卡\n"));
        assert_eq!(wide_runs(&[0xff; 99]), "");
    }
}
