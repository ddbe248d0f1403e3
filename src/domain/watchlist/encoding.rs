//! Takes a file's bytes as UTF-8 text, or says at which byte that fails and how to save it again.
//!
//! Not here: guessing what an odd encoding might be (`domain::text` does that for pages; an enrolled file must be sure).

use super::problem::{Problem, Problems};

const RESAVE: &str = "save it again as UTF-8 (in a spreadsheet: export as CSV with the character set UTF-8)";

/// Returns the text of a file, or reports why it is none. A UTF-8 byte order mark is reported, and what follows is
/// returned so that it can be checked too.
pub(super) fn decode<'a>(file: &str, bytes: &'a [u8], problems: &mut Problems) -> Option<&'a str> {
    if let Some(encoding) = foreign_mark(bytes) {
        problems
            .push(Problem::new(file, format!("is {encoding}, not UTF-8 (byte order mark at byte 0)"), RESAVE).at(1, 1));
        return None;
    }
    let bytes = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => {
            problems.push(
                Problem::new(
                    file,
                    "begins with a byte order mark (bytes EF BB BF)",
                    "save it as UTF-8 without BOM, or cut the first three bytes: tail -c +4 FILE > NEW",
                )
                .at(1, 1),
            );
            rest
        }
        None => bytes,
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => {
            problems.push(zero_byte(file, text));
            None
        }
        Ok(text) => Some(text),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let before = std::str::from_utf8(valid).unwrap_or_default();
            let (line, column) = position(before, before.len());
            let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
            let reason = format!(
                "is not UTF-8: byte {byte:02X} at offset {} cannot be there (often the mark of GBK or windows-1251)",
                error.valid_up_to()
            );
            problems.push(Problem::new(file, reason, RESAVE).at(line, column));
            None
        }
    }
}

/// Returns line and character, both from 1, of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> (u64, u64) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    let characters = before.get(line_start..).unwrap_or_default().chars().count();
    (lines as u64 + 1, characters as u64 + 1)
}

fn zero_byte(file: &str, text: &str) -> Problem {
    let (line, column) = position(text, text.find('\0').unwrap_or_default());
    let zeros = text.bytes().filter(|byte| *byte == 0).count();
    let is_wide = zeros.saturating_mul(3) > text.len();
    let reason = if is_wide { "holds zero bytes, as UTF-16 does" } else { "holds a zero byte" };
    let mend = if is_wide { RESAVE } else { "remove it; text files hold none" };
    Problem::new(file, reason, mend).at(line, column)
}

fn foreign_mark(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Some("UTF-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        [0x84, 0x31, 0x95, 0x33, ..] => Some("GB18030"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Problem {
        let mut problems = Problems::default();
        decode("canaries.csv", bytes, &mut problems);
        problems.listed().first().cloned().unwrap()
    }

    #[test]
    fn a_wrong_encoding_is_refused_where_it_begins() {
        let problem = first(b"canary,name\nc1,\xD6\xD0\xCE\xC4\n");
        assert_eq!((problem.line, problem.column), (Some(2), Some(4)));
        assert!(problem.reason.contains("byte D6 at offset 15"), "{problem}");
        assert!(first(b"\xFF\xFEc\0a\0").reason.contains("UTF-16"));
        assert!(first(b"c\0a\0n\0a\0r\0y\0").reason.contains("UTF-16"));
        assert!(first(b"\xEF\xBB\xBFcanary").reason.contains("byte order mark"));
        assert_eq!(first("名\nc1,\0".as_bytes()).line, Some(2));
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(position("a\n闻人x", 8), (2, 3));
        assert_eq!(position("a\n闻人x", 4), (2, 1));
        assert_eq!(position("", 9), (1, 1));
    }
}
