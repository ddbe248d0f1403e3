//! Compound files: workbooks of before 2007 to rows, other documents to the runs of text in them; binary workbooks (xlsb).

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Range, Reader, Xls, XlsError, Xlsb};
use memchr::memmem;

use super::body::{Body, read_whole};
use super::{Place, Unpacker, push_inline};

/// Shorter runs of wide characters are chance.
const RUN_CHARACTERS: usize = 5;
/// From here on, a number stands for no sector of a compound file.
const NO_SECTOR: u32 = 0xffff_fffc;

impl Unpacker<'_> {
    pub(super) fn compound(&mut self, place: &Place, mut body: Box<dyn Body>) {
        let bytes = read_whole(&mut *body, self.order.limits.held_bytes);
        if memmem::find(&bytes, &wide("EncryptedPackage")).is_some() {
            return self.odd_locked(place);
        }
        // The library is not written for hostile files; a panic of its own is one more unreadable workbook.
        let open = || catch_unwind(AssertUnwindSafe(|| Xls::new(Cursor::new(bytes.as_slice()))));
        match has_ends(&bytes).then(open) {
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

/// Tells whether every chain of a compound file's sectors ends (MS-CFB, sections 2.3 and 2.5): the library follows a circle
/// until no memory is left.
fn has_ends(bytes: &[u8]) -> bool {
    let sector_bytes = if bytes.get(30) == Some(&12) { 4096 } else { 512 };
    let sectors = bytes.len() / sector_bytes;
    let sector = |number: u32| {
        let start = usize::try_from(number).ok()?.checked_add(1)?.checked_mul(sector_bytes)?;
        bytes.get(start..bytes.len().min(start.saturating_add(sector_bytes)))
    };
    // The sectors that hold the table of chains are listed in the header, then in sectors that each name the next at their
    // end.
    let mut listed = numbers(bytes.get(76..512).unwrap_or_default());
    let mut more = numbers(bytes.get(68..72).unwrap_or_default()).pop();
    for _ in 0..sectors {
        let Some(part) = more.and_then(sector) else { break };
        listed.extend(numbers(part));
        more = listed.pop();
    }
    listed.retain(|number| *number < NO_SECTOR);
    let table: Vec<u32> =
        listed.iter().filter_map(|number| sector(*number)).flat_map(numbers).take(sectors + 1).collect();
    listed.len() <= sectors && !has_circle(&table)
}

/// Tells whether whoever goes on from a place to the one that it names comes back.
fn has_circle(table: &[u32]) -> bool {
    // Each walk leaves its number behind, and ends where one has been.
    let mut walks = vec![0; table.len()];
    (1..=table.len()).any(|walk| {
        let mut at = walk - 1;
        while let Some(been) = walks.get_mut(at) {
            if *been != 0 {
                return *been == walk;
            }
            *been = walk;
            at = table.get(at).and_then(|next| usize::try_from(*next).ok()).unwrap_or(usize::MAX);
        }
        false
    })
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).filter_map(|four| four.try_into().ok().map(u32::from_le_bytes)).collect()
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

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
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
    use super::super::Limits;
    use super::super::tests::members;
    use super::*;

    /// A compound file of one sector with this table of chains and two others.
    fn compound(table: [u32; 4]) -> Vec<u8> {
        let mut bytes = vec![0; 4 * 512];
        bytes[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
        bytes[26..34].copy_from_slice(&[3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
        bytes[48] = 1;
        bytes[60..512].fill(0xff);
        bytes[76..80].fill(0);
        bytes[512..1024].fill(0xff);
        for (at, next) in table.iter().enumerate() {
            bytes[512 + 4 * at..516 + 4 * at].copy_from_slice(&next.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_document_whose_sectors_run_in_a_circle_is_searched_by_its_runs() {
        let (end, own) = (0xffff_fffe, 0xffff_fffd);
        for (table, expected) in [
            ([own, end, end, end], true),
            ([own, 2, end, end], true),
            ([own, 2, 3, 3], false),
            ([own, 2, 1, end], false),
            ([0, end, end, end], false),
        ] {
            assert_eq!(has_ends(&compound(table)), expected, "{table:?}");
        }
        // The chain of sectors that list the table may do so too, as often as there are sectors.
        let mut listed = compound([own, end, end, end]);
        listed[68..72].copy_from_slice(&2_u32.to_le_bytes());
        listed[1536..2048].fill(0xff);
        assert!(has_ends(&listed));
        listed[1536..2048].copy_from_slice(&[2, 0, 0, 0].repeat(128));
        assert!(!has_ends(&listed));
        let mut circle = compound([own, 1, end, end]);
        circle.extend(wide("карта 9990483834645856"));
        let (found, oddities) = members("old.xls", &circle, &Limits::default());
        assert!(found.iter().any(|(_, text)| text.contains("9990483834645856")), "{found:?}");
        assert_eq!(oddities, ["container-unread"]);
    }

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
