//! Compound files, the container of Office documents of before 2007, as far as must be known before a library reads them: whether
//! their chains of sectors end, and whether their sheets can be as large as they say.

use std::iter;

/// From here on, a number stands for no sector of a compound file.
const NO_SECTOR: u32 = 0xffff_fffc;
/// Length of an entry of its directory, of a short sector, and from which on a stream is not short.
const ENTRY_BYTES: usize = 128;
const SHORT_SECTOR_BYTES: usize = 64;
const SHORT_BYTES: usize = 4096;
/// Kinds of records of a workbook.
const END: u16 = 0x000a;
const BOUND_SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
/// Cells of the largest sheet there can be: 65,536 rows of 256.
const MOST_CELLS: u64 = 1 << 24;
/// Records that are looked at before a workbook is opened.
const MOST_RECORDS: usize = 50_000_000;

/// A compound file's sectors and the table that chains them (MS-CFB, sections 2.2, 2.3 and 2.5).
pub(super) struct Compound<'a> {
    bytes: &'a [u8],
    sector_bytes: usize,
    table: Vec<u32>,
}

impl<'a> Compound<'a> {
    /// Reads the table; `None` if a chain does not end: the library follows a circle until no memory is left.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let sector_bytes = if bytes.get(30) == Some(&12) { 4096 } else { 512 };
        let mut file = Self { bytes, sector_bytes, table: Vec::new() };
        let sectors = bytes.len() / sector_bytes;
        // The sectors that hold the table of chains are listed in the header, then in sectors that each name the next at their
        // end.
        let mut listed = numbers(bytes.get(76..512).unwrap_or_default());
        let mut more = Some(number(bytes, 68));
        for _ in 0..sectors {
            let Some(part) = more.and_then(|number| file.sector(number)) else { break };
            listed.extend(numbers(part));
            more = listed.pop();
        }
        listed.retain(|number| *number < NO_SECTOR);
        let table = listed.iter().filter_map(|number| file.sector(*number)).flat_map(numbers);
        file.table = table.take(sectors + 1).collect();
        let short_table = file.short_table();
        (listed.len() <= sectors && !has_circle(&file.table) && !has_circle(&short_table)).then_some(file)
    }

    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = usize::try_from(number).ok()?.checked_add(1)?.checked_mul(self.sector_bytes)?;
        self.bytes.get(start..self.bytes.len().min(start.saturating_add(self.sector_bytes)))
    }

    /// Returns what a chain of sectors holds, no more than the file does.
    fn chain(&self, first: u32) -> Vec<u8> {
        let (mut whole, mut at) = (Vec::new(), first);
        for _ in 0..=self.table.len() {
            let Some(sector) = self.sector(at) else { break };
            whole.extend_from_slice(sector);
            at = self.table.get(at as usize).copied().unwrap_or(NO_SECTOR);
        }
        whole
    }

    /// Returns the table that chains short sectors, which a file need not have.
    fn short_table(&self) -> Vec<u32> {
        if number(self.bytes, 64) == 0 { Vec::new() } else { numbers(&self.chain(number(self.bytes, 60))) }
    }

    /// Returns the streams that hold a workbook (section 2.6.1): short ones lie in parts of a stream of their own.
    fn workbooks(&self) -> Vec<Vec<u8>> {
        let directory = self.chain(number(self.bytes, 48));
        let entries = || directory.chunks_exact(ENTRY_BYTES);
        let short = entries().next().map(|root| self.chain(number(root, 116))).unwrap_or_default();
        let short_table = self.short_table();
        // The library, too, takes the first of a name in any case; a hostile directory may hold thousands that name the whole file.
        let first = |name: &str| {
            let name = wide(&format!("{name}\0"));
            entries().find(|entry| entry.get(..name.len()).is_some_and(|own| own.eq_ignore_ascii_case(&name)))
        };
        let stream = |entry: &[u8]| {
            let (start, length) = (number(entry, 116), number(entry, 120) as usize);
            let mut whole =
                if length < SHORT_BYTES { short_chain(&short, &short_table, start) } else { self.chain(start) };
            whole.truncate(length);
            whole
        };
        ["Workbook", "Book"].into_iter().filter_map(first).map(stream).collect()
    }

    /// Tells whether all sheets say that they are no larger than sheets can be (MS-XLS, section 2.4.90): the library makes
    /// room at once for what they say.
    pub(super) fn has_possible_sheets(&self) -> bool {
        self.workbooks().iter().all(|stream| {
            let starts =
                records(stream).filter(|(kind, _)| *kind == BOUND_SHEET).map(|(_, data)| number(data, 0) as usize);
            let mut left = MOST_RECORDS;
            iter::once(0).chain(starts).all(|start| {
                let sheet = records(stream.get(start..).unwrap_or_default());
                for (kind, data) in sheet {
                    left -= 1;
                    if left == 0 || (kind == DIMENSIONS && !is_possible(data)) {
                        return false;
                    }
                    if kind == END && start > 0 {
                        break;
                    }
                }
                true
            })
        })
    }
}

/// Returns what a chain of short sectors holds.
fn short_chain(short: &[u8], table: &[u32], first: u32) -> Vec<u8> {
    let (mut whole, mut at) = (Vec::new(), first);
    for _ in 0..=table.len() {
        let start = (at as usize).saturating_mul(SHORT_SECTOR_BYTES);
        let Some(sector) = short.get(start..short.len().min(start.saturating_add(SHORT_SECTOR_BYTES))) else { break };
        whole.extend_from_slice(sector);
        at = table.get(at as usize).copied().unwrap_or(NO_SECTOR);
    }
    whole
}

/// Lists the records of a workbook (MS-XLS, section 2.1.4): kind and data.
fn records(stream: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = stream;
    iter::from_fn(move || {
        let &[kind, kind_high, length, length_high] = rest.first_chunk()?;
        let length = usize::from(u16::from_le_bytes([length, length_high]));
        let data = rest.get(4..)?.get(..length)?;
        rest = rest.get(4 + length..)?;
        Some((u16::from_le_bytes([kind, kind_high]), data))
    })
}

/// Tells whether a sheet may be as large as its record of dimensions says.
fn is_possible(dimensions: &[u8]) -> bool {
    let short = |at: usize| number(&[dimensions.get(at..at + 2).unwrap_or_default(), &[0, 0]].concat(), 0);
    let (first_row, rows, first_column, columns) = match dimensions.len() {
        10 => (short(0), short(2), short(4), short(6)),
        14 | 16 => (number(dimensions, 0), number(dimensions, 4), short(8), short(10)),
        _ => return true,
    };
    let first_column = if first_column > 0xff || columns < first_column { 0 } else { first_column };
    let cells = u64::from(rows.saturating_sub(first_row)) * u64::from(columns - first_column);
    rows == 0 || columns == 0 || (first_row < rows && cells <= MOST_CELLS)
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

/// Returns the number at a place; one that stands for no sector where there is none.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(NO_SECTOR, |four| u32::from_le_bytes(*four))
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).filter_map(|four| four.try_into().ok().map(u32::from_le_bytes)).collect()
}

/// Returns a text as such files hold it: UTF-16, the lower byte first.
pub(super) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
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
            assert_eq!(Compound::read(&compound(table)).is_some(), expected, "{table:?}");
        }
        // The chain of sectors that list the table may do so too, as often as there are sectors.
        let mut listed = compound([own, end, end, end]);
        listed[68..72].copy_from_slice(&2_u32.to_le_bytes());
        listed[1536..2048].fill(0xff);
        assert!(Compound::read(&listed).is_some());
        listed[1536..2048].copy_from_slice(&[2, 0, 0, 0].repeat(128));
        assert!(Compound::read(&listed).is_none());
        let mut circle = compound([own, 1, end, end]);
        circle.extend(wide("карта 9990483834645856"));
        let (found, oddities) = members("old.xls", &circle, &Limits::default());
        assert!(found.iter().any(|(_, text)| text.contains("9990483834645856")), "{found:?}");
        assert_eq!(oddities, ["container-unread"]);
    }

    /// A workbook with one sheet whose first and last row are told, in a stream of its own or in short sectors.
    fn workbook(rows: [u32; 2], is_short: bool) -> Vec<u8> {
        let record = |kind: u16, data: &[u8]| {
            let length = u16::try_from(data.len()).unwrap();
            [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
        };
        let globals = |sheet: u32| {
            let bound = [&sheet.to_le_bytes()[..], &[0, 0, 1, 0, b'a']].concat();
            [record(0x0809, &[0; 16]), record(BOUND_SHEET, &bound), record(END, &[])].concat()
        };
        let sheet = u32::try_from(globals(0).len()).unwrap();
        let dimensions = [&rows[0].to_le_bytes()[..], &rows[1].to_le_bytes(), &[0, 0, 9, 0, 0, 0]].concat();
        let sheet_records = [record(0x0809, &[0; 16]), record(DIMENSIONS, &dimensions), record(END, &[])].concat();
        let mut stream = [globals(sheet), sheet_records].concat();
        let (end, own, free) = (0xffff_fffe_u32, 0xffff_fffd, u32::MAX);
        let sector = |numbers: &[u32]| {
            let all = numbers.iter().copied().chain(iter::repeat(free)).take(128);
            all.flat_map(u32::to_le_bytes).collect::<Vec<u8>>()
        };
        let entry = |name: &str, first: u32, length: usize| {
            let mut entry = vec![0; ENTRY_BYTES];
            let name = wide(name);
            entry[..name.len()].copy_from_slice(&name);
            entry[116..120].copy_from_slice(&first.to_le_bytes());
            entry[120..124].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
            entry
        };
        let length = if is_short { stream.len() } else { SHORT_BYTES };
        let mut bytes = compound([own, end, end, end]);
        bytes.truncate(512);
        bytes[60..68].copy_from_slice(&[2, 0, 0, 0, 1, 0, 0, 0]);
        bytes.extend(sector(&[own, end, end, end, 5, 6, 7, 8, 9, 10, 11, end]));
        let directory = [
            entry("Root Entry", 3, 512),
            entry(if is_short { "WORKBOOK" } else { "Workbook" }, if is_short { 0 } else { 4 }, length),
        ]
        .concat();
        bytes.extend([directory, vec![0; 512 - 2 * ENTRY_BYTES]].concat());
        bytes.extend(sector(&[1, 2, 3, end]));
        stream.resize(SHORT_BYTES, 0);
        bytes.extend(&stream[..512]);
        bytes.extend(stream);
        bytes
    }

    #[test]
    fn a_sheet_that_says_it_is_larger_than_any_is_searched_by_its_runs() {
        for is_short in [true, false] {
            let is_opened = |rows| Compound::read(&workbook(rows, is_short)).unwrap().has_possible_sheets();
            assert!(is_opened([0, 0]) && is_opened([0, 65_536]) && is_opened([7, 8]), "{is_short}");
            assert!(!is_opened([0, 4_000_000_000]) && !is_opened([9, 3]) && !is_opened([0, 16_000_000]), "{is_short}");
            let mut large = workbook([0, 4_000_000_000], is_short);
            large.extend(wide("карта 9990483834645856"));
            let (found, oddities) = members("old.xls", &large, &Limits::default());
            assert!(found.iter().any(|(_, text)| text.contains("9990483834645856")), "{found:?}");
            assert_eq!(oddities, ["container-unread"]);
        }
    }

    #[test]
    fn of_a_name_the_first_stream_is_looked_at_once() {
        let mut bytes = workbook([0, 65_536], false);
        let directory = 2 * 512;
        let again = bytes[directory + ENTRY_BYTES..directory + 2 * ENTRY_BYTES].to_vec();
        bytes[directory + 2 * ENTRY_BYTES..directory + 3 * ENTRY_BYTES].copy_from_slice(&again);
        bytes[directory + 3 * ENTRY_BYTES..directory + 4 * ENTRY_BYTES].copy_from_slice(&again.to_ascii_uppercase());
        assert_eq!(Compound::read(&bytes).unwrap().workbooks().len(), 1);
    }
}
