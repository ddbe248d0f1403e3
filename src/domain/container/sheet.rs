//! Workbooks to lines of tab-separated cells.
//!
//! Cells are streamed: a sheet that names its last possible cell costs no more than the cells it holds.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, Xlsx};

/// The rows of one sheet.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) name: String,
    /// Lines of tab-separated cells.
    pub(super) rows: String,
    /// Whether the limit cut it off.
    pub(super) is_cut: bool,
    /// Whether it ended in an error.
    pub(super) is_broken: bool,
}

/// Columns further right than this stand beside their neighbour: only the order of cells matters to us.
const GAP_COLUMNS: u32 = 64;

/// Reads all sheets, `limit` bytes in all; `None` if the bytes are no workbook.
pub(super) fn read(bytes: &[u8], limit: u64) -> Option<Vec<Sheet>> {
    // The library is not written for hostile files; a panic of its own is one more unreadable workbook.
    catch_unwind(AssertUnwindSafe(|| read_sheets(bytes, limit))).ok().flatten()
}

fn read_sheets(bytes: &[u8], limit: u64) -> Option<Vec<Sheet>> {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).ok()?;
    let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut sheets = Vec::new();
    for name in workbook.sheet_names() {
        let sheet = read_sheet(&mut workbook, name, left);
        left = left.saturating_sub(sheet.rows.len());
        sheets.push(sheet);
    }
    if sheets.is_empty() { None } else { Some(sheets) }
}

fn read_sheet(workbook: &mut Xlsx<Cursor<&[u8]>>, name: String, limit: usize) -> Sheet {
    let mut sheet = Sheet { name, rows: String::new(), is_cut: false, is_broken: false };
    let Ok(mut cells) = workbook.worksheet_cells_reader(&sheet.name) else {
        return Sheet { is_broken: true, ..sheet };
    };
    let (mut row, mut column) = (None, 0);
    loop {
        let cell = match cells.next_cell() {
            Ok(Some(cell)) => cell,
            Ok(None) => return sheet,
            Err(_) => return Sheet { is_broken: true, ..sheet },
        };
        if sheet.rows.len() >= limit {
            return Sheet { is_cut: true, ..sheet };
        }
        let (cell_row, cell_column) = cell.get_position();
        if row.is_some_and(|row| row != cell_row) {
            sheet.rows.push('\n');
            column = 0;
        }
        if row.is_some() || cell_column > 0 {
            let gap = cell_column.saturating_sub(column).min(GAP_COLUMNS);
            sheet.rows.extend((0..gap).map(|_| '\t'));
        }
        (row, column) = (Some(cell_row), cell_column);
        write_cell(&mut sheet.rows, cell.get_value());
    }
}

fn write_cell(rows: &mut String, cell: &DataRef<'_>) {
    let text = match cell {
        DataRef::Empty | DataRef::Error(_) => return,
        DataRef::Int(number) => number.to_string(),
        // Numbers of up to 15 digits are exact; more digits were lost when the file was saved.
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < 1e18 => format!("{number:.0}"),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(time) => {
            let (year, month, day, ..) = time.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
    };
    // A cell is part of one line.
    rows.extend(text.chars().map(|character| if matches!(character, '\n' | '\r' | '\t') { ' ' } else { character }));
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::super::{Limits, unpack};

    fn workbook(sheet: &str) -> Vec<u8> {
        let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let head = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let package = "http://schemas.openxmlformats.org/package/2006/relationships";
        let files = [
            (
                "_rels/.rels",
                format!(
                    r#"{head}<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
                ),
            ),
            (
                "xl/workbook.xml",
                format!(
                    r#"{head}<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="clients" sheetId="1" r:id="r1"/></sheets></workbook>"#
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    r#"{head}<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#
                ),
            ),
            (
                "xl/worksheets/sheet1.xml",
                format!(r#"{head}<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>"#),
            ),
        ];
        for (name, content) in files {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn rows(bytes: &[u8], limits: &Limits) -> (Vec<(String, String)>, Vec<String>) {
        let mut found = Vec::new();
        let oddities = unpack("x.xlsx", bytes, limits, &mut |member| {
            found.push((member.path.to_owned(), String::from_utf8_lossy(member.bytes).into_owned()));
        });
        (found, oddities.into_iter().map(|oddity| oddity.code).collect())
    }

    #[test]
    fn a_sheet_is_lines_of_cells() {
        let sheet = concat!(
            r#"<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c><c r="C1" t="inlineStr"><is><t>a&#10;b</t></is></c></row>"#,
            r#"<row r="5"><c r="A5"><v>999048383464585</v></c><c r="B5"><v>1.5</v></c></row>"#,
        );
        let (found, oddities) = rows(&workbook(sheet), &Limits::default());
        assert_eq!(found, vec![("clients".to_owned(), "name\t\ta b\n999048383464585\t1.5".to_owned())]);
        assert_eq!(oddities, Vec::<String>::new());
    }

    #[test]
    fn a_sheet_that_names_its_last_possible_cell_costs_nothing() {
        let sheet = r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>"#;
        let (found, _) = rows(&workbook(sheet), &Limits::default());
        assert!(found[0].1.len() < 100);
    }

    #[test]
    fn a_broken_workbook_is_searched_by_its_parts() {
        let whole = workbook("<row r=\"1\"><c r=\"A1\"><v>99904838</v></c></row>");
        let mut broken = whole.clone();
        for at in memchr::memmem::find_iter(&whole, b"_rels/workbook.xml.rels") {
            broken[at] = b'X';
        }
        let (found, oddities) = rows(&broken, &Limits::default());
        assert!(!found.is_empty() && !oddities.is_empty());
    }

    #[test]
    fn a_sheet_beyond_the_limit_is_cut_or_given_by_parts() {
        let cells = "<row r=\"1\"><c r=\"A1\"><v>99904838</v></c></row>".repeat(60_000);
        let (_, oddities) = rows(&workbook(&cells), &Limits { member_bytes: 100_000, ..Limits::default() });
        assert!(!oddities.is_empty());
    }
}
