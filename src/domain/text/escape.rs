//! Escapes that carry characters through places that allow only some: `%E5`, `\u6b27`, `&#27431;`, `=E6=AC=A7`, and text
//! that was taken for another charset on its way (`Ã©`, `РўРё`).
//!
//! Each is read where it stands and alone, so a slice cut between two of them means the same. Not here: runs in which no
//! character stands for itself (`blob`).

use std::sync::LazyLock;

use encoding_rs::{Encoding, GB18030, WINDOWS_1251, WINDOWS_1252};

use super::entity::{entity, may_begin};

/// A way of escaping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// `%E6%AC%A7`, `%u6B27`.
    Percent(Bytes),
    /// `\u6b27`, `\u{6b27}`, `\xe6\xac\xa7`, `\346\254\247`, `\n`.
    Backslash(Bytes),
    /// `=E6=AC=A7`, and `=` before a line's end.
    QuotedPrintable(Bytes),
    /// `&#27431;`, `&nbsp;`.
    Entity,
    /// UTF-8 that was read as another charset and written again.
    Mojibake(Bytes),
}

/// What escaped bytes are: the charset they are in, or were taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    Utf8,
    Gb18030,
    Windows1251,
    Windows1252,
}

/// What an escape stands for, and how many bytes it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Escaped {
    /// No character for a line break that only the transport needed.
    pub(super) characters: [Option<char>; 2],
    pub(super) length: usize,
}

impl Escaped {
    const fn one(character: char, length: usize) -> Self {
        Self { characters: [Some(character), None], length }
    }
}

impl Escape {
    /// Finds the next place where an escape may begin.
    pub(super) fn sign(self, text: &[u8], from: usize) -> Option<usize> {
        let rest = text.get(from..)?;
        let byte = match self {
            Self::Percent(_) => b'%',
            Self::Backslash(_) => b'\\',
            Self::QuotedPrintable(_) => b'=',
            Self::Entity => return next_reference(text, from),
            Self::Mojibake(Bytes::Windows1251) => return next_lead(rest).map(|at| from + at),
            Self::Mojibake(_) => 0xc3,
        };
        // Where one follows another, that takes no search.
        if rest.first() == Some(&byte) { Some(from) } else { memchr::memchr(byte, rest).map(|at| from + at) }
    }

    /// Reads the escape at a place that [`Escape::sign`] found.
    pub(super) fn read(self, text: &str, at: usize) -> Option<Escaped> {
        let rest = text.get(at..)?;
        match self {
            Self::Percent(bytes) => percent_unit(rest).or_else(|| bytes.character(rest, percent_byte)),
            Self::Backslash(bytes) => backslash(rest).or_else(|| bytes.character(rest, backslash_byte)),
            Self::QuotedPrintable(bytes) => soft_break(rest).or_else(|| bytes.character(rest, printable_byte)),
            Self::Entity => {
                entity(rest).map(|((first, second), length)| Escaped { characters: [Some(first), second], length })
            }
            Self::Mojibake(bytes) => bytes.misread(rest),
        }
    }

    /// Returns the same escape of bytes in another charset.
    pub(super) const fn in_charset(self, bytes: Bytes) -> Self {
        match self {
            Self::Percent(_) => Self::Percent(bytes),
            Self::Backslash(_) => Self::Backslash(bytes),
            Self::QuotedPrintable(_) => Self::QuotedPrintable(bytes),
            Self::Entity | Self::Mojibake(_) => self,
        }
    }

    /// Tells whether a byte beyond ASCII is escaped here, whatever charset it is in.
    pub(super) fn is_high_byte(self, text: &str, at: usize) -> bool {
        let read = match self {
            Self::Percent(_) => percent_byte,
            Self::Backslash(_) => backslash_byte,
            Self::QuotedPrintable(_) => printable_byte,
            Self::Entity | Self::Mojibake(_) => return false,
        };
        text.get(at..).and_then(read).is_some_and(|(byte, _)| byte >= 0x80)
    }
}

/// Reads one escaped byte.
type ReadByte = fn(&str) -> Option<(u8, usize)>;

impl Bytes {
    /// Reads one character out of escaped bytes.
    fn character(self, text: &str, read: ReadByte) -> Option<Escaped> {
        let (first, mut length) = read(text)?;
        if first < 0x80 {
            let is_text = first >= b' ' && first != 0x7f || matches!(first, b'\t' | b'\r' | b'\n');
            return is_text.then(|| Escaped::one(char::from(first), length));
        }
        let mut bytes = [first, 0, 0, 0];
        let count = match self {
            Self::Utf8 => utf8_length(first)?,
            Self::Gb18030 => 2,
            Self::Windows1251 | Self::Windows1252 => 1,
        };
        for byte in bytes.get_mut(1..count)? {
            let (next, more) = read(text.get(length..)?)?;
            *byte = next;
            length += more;
        }
        let bytes = bytes.get(..count)?;
        let character = match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok()?.chars().next()?,
            Self::Gb18030 => lone(GB18030, bytes)?,
            Self::Windows1251 => lone(WINDOWS_1251, bytes)?,
            Self::Windows1252 => lone(WINDOWS_1252, bytes)?,
        };
        Some(Escaped::one(character, length))
    }

    /// Reads one character whose bytes of UTF-8 were each taken for a character of this charset.
    fn misread(self, text: &str) -> Option<Escaped> {
        let table: &[char; 128] = if self == Self::Windows1251 { &READ_AS_1251 } else { &READ_AS_1252 };
        let byte = |character: char| match character {
            'А'..='я' if self == Self::Windows1251 => u8::try_from(u32::from(character) - 0x410 + 0xc0).ok(),
            '\u{a0}'..='\u{ff}' if self != Self::Windows1251 => u8::try_from(character).ok(),
            // Bytes without a meaning in the charset pass as control characters.
            '\u{80}'..='\u{9f}' => u8::try_from(character).ok(),
            _ => table.iter().position(|known| *known == character).and_then(|at| u8::try_from(at + 0x80).ok()),
        };
        let mut characters = text.chars();
        let first = characters.next()?;
        let mut length = first.len_utf8();
        let mut bytes = [byte(first)?, 0, 0, 0];
        let count = utf8_length(*bytes.first()?)?;
        for slot in bytes.get_mut(1..count)? {
            let next = characters.next().filter(|next| !next.is_ascii())?;
            *slot = byte(next).filter(|byte| byte & 0xc0 == 0x80)?;
            length += next.len_utf8();
        }
        let meant = std::str::from_utf8(bytes.get(..count)?).ok()?.chars().next()?;
        (!meant.is_control()).then(|| Escaped::one(meant, length))
    }
}

/// Finds a `&` that may begin a reference.
fn next_reference(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        if text.get(at) != Some(&b'&') {
            at += memchr::memchr(b'&', text.get(at..)?)?;
        }
        if may_begin(text, at) {
            return Some(at);
        }
        at += 1;
    }
}

/// Finds `Р` or `С`, as which the first bytes of Cyrillic letters are read; sixteen bytes at a time where there is none.
#[expect(clippy::needless_bitwise_bool, reason = "without branches sixteen bytes are compared at once")]
fn next_lead(text: &[u8]) -> Option<usize> {
    let is_lead = |first: u8, second: u8| (first == 0xd0) & (second & 0xfe == 0xa0);
    let seconds = text.get(1..)?;
    let quiet = text.chunks_exact(16).zip(seconds.chunks_exact(16)).take_while(|(first, second)| {
        !first.iter().zip(*second).fold(false, |seen, (first, second)| seen | is_lead(*first, *second))
    });
    let start = 16 * quiet.count();
    let pairs = text.get(start..)?.iter().zip(seconds.get(start..)?);
    pairs.into_iter().position(|(first, second)| is_lead(*first, *second)).map(|at| start + at)
}

const fn utf8_length(lead: u8) -> Option<usize> {
    match lead {
        0xc2..=0xdf => Some(2),
        0xe0..=0xef => Some(3),
        0xf0..=0xf4 => Some(4),
        _ => None,
    }
}

/// Decodes bytes that must be exactly one character.
fn lone(encoding: &'static Encoding, bytes: &[u8]) -> Option<char> {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    let mut characters = text.chars();
    let character = characters.next().filter(|character| *character != '\u{fffd}')?;
    characters.next().is_none().then_some(character)
}

fn table_of(encoding: &'static Encoding) -> [char; 128] {
    let mut byte = 0x7f;
    [(); 128].map(|()| {
        byte += 1;
        lone(encoding, &[byte]).unwrap_or('\0')
    })
}

static READ_AS_1251: LazyLock<[char; 128]> = LazyLock::new(|| table_of(WINDOWS_1251));
static READ_AS_1252: LazyLock<[char; 128]> = LazyLock::new(|| table_of(WINDOWS_1252));

fn number(text: &str, length: usize, radix: u32) -> Option<u32> {
    let digits = text.get(..length)?;
    if digits.bytes().all(|byte| char::from(byte).is_digit(radix)) {
        u32::from_str_radix(digits, radix).ok()
    } else {
        None
    }
}

fn hex_byte(text: &str) -> Option<u8> {
    let digit = |index: usize| char::from(*text.as_bytes().get(index)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

fn percent_byte(text: &str) -> Option<(u8, usize)> {
    Some((hex_byte(text.strip_prefix('%')?)?, 3))
}

fn printable_byte(text: &str) -> Option<(u8, usize)> {
    let digits = text.strip_prefix('=')?;
    // RFC 2045 wants upper case; in queries `=` stands before numbers and hashes in lower case.
    let is_lower = digits.bytes().take(2).any(|byte| byte.is_ascii_lowercase());
    Some((hex_byte(digits).filter(|_| !is_lower)?, 3))
}

fn backslash_byte(text: &str) -> Option<(u8, usize)> {
    let rest = text.strip_prefix('\\')?;
    if let Some(digits) = rest.strip_prefix('x') {
        return Some((hex_byte(digits)?, 4));
    }
    Some((number(rest, 3, 8).and_then(|byte| u8::try_from(byte).ok())?, 4))
}

/// A line's end that stands behind `=` is none.
fn soft_break(text: &str) -> Option<Escaped> {
    let rest = text.strip_prefix('=')?;
    let length = if rest.starts_with("\r\n") { 3 } else { 2 };
    rest.starts_with(['\r', '\n']).then_some(Escaped { characters: [None, None], length })
}

/// `%u6B27`: what JavaScript's `escape` writes.
fn percent_unit(text: &str) -> Option<Escaped> {
    utf16(text, |text| number(text.strip_prefix("%u")?, 4, 16), 6)
}

fn backslash(text: &str) -> Option<Escaped> {
    let rest = text.strip_prefix('\\')?;
    match rest.as_bytes().first()? {
        b'n' => Some(Escaped::one('\n', 2)),
        b'r' => Some(Escaped::one('\r', 2)),
        b't' => Some(Escaped::one('\t', 2)),
        b'"' => Some(Escaped::one('"', 2)),
        b'\'' => Some(Escaped::one('\'', 2)),
        b'/' => Some(Escaped::one('/', 2)),
        b'\\' => Some(Escaped::one('\\', 2)),
        b'u' if rest.as_bytes().get(1) == Some(&b'{') => {
            let digits = rest.get(2..)?;
            let length = digits.bytes().take(7).position(|byte| byte == b'}')?;
            let character = char::from_u32(number(digits, length, 16)?)?;
            Some(Escaped::one(character, length + 4))
        }
        b'u' => utf16(text, |text| number(text.strip_prefix("\\u")?, 4, 16), 6),
        b'U' => Some(Escaped::one(char::from_u32(number(rest.get(1..)?, 8, 16)?)?, 10)),
        _ => None,
    }
}

/// Reads one character written as one or two units of UTF-16.
fn utf16(text: &str, unit: impl Fn(&str) -> Option<u32>, width: usize) -> Option<Escaped> {
    let first = unit(text)?;
    if let Some(character) = char::from_u32(first) {
        return Some(Escaped::one(character, width));
    }
    let second = unit(text.get(width..)?).filter(|second| (0xdc00..0xe000).contains(second))?;
    let code = 0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
    Some(Escaped::one(char::from_u32(code)?, 2 * width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_characters() {
        for (escape, text, meant, length) in [
            (Escape::Percent(Bytes::Utf8), "%39%39", "9", 3),
            (Escape::Percent(Bytes::Utf8), "%e6%ac%a7x", "欧", 9),
            (Escape::Percent(Bytes::Utf8), "%u6B27", "欧", 6),
            (Escape::Percent(Bytes::Gb18030), "%C5%B7", "欧", 6),
            (Escape::Percent(Bytes::Windows1251), "%D2", "Т", 3),
            (Escape::Backslash(Bytes::Utf8), "\\u6b27", "欧", 6),
            (Escape::Backslash(Bytes::Utf8), "\\ud83d\\ude00", "😀", 12),
            (Escape::Backslash(Bytes::Utf8), "\\u{6b27}", "欧", 8),
            (Escape::Backslash(Bytes::Utf8), "\\U00006b27", "欧", 10),
            (Escape::Backslash(Bytes::Utf8), "\\xe6\\xac\\xa7", "欧", 12),
            (Escape::Backslash(Bytes::Utf8), "\\346\\254\\247", "欧", 12),
            (Escape::Backslash(Bytes::Utf8), "\\n9990", "\n", 2),
            (Escape::QuotedPrintable(Bytes::Utf8), "=E6=AC=A7", "欧", 9),
            (Escape::QuotedPrintable(Bytes::Utf8), "=\r\n9", "", 3),
            (Escape::Entity, "&#27431;", "欧", 8),
            (Escape::Mojibake(Bytes::Windows1252), "Ã©", "é", 4),
            (Escape::Mojibake(Bytes::Windows1251), "Рўx", "Т", 4),
        ] {
            let escaped = escape.read(text, 0).unwrap_or_else(|| panic!("{text} means nothing"));
            let characters: String = escaped.characters.iter().flatten().collect();
            assert_eq!((characters.as_str(), escaped.length), (meant, length), "{text}");
            assert_eq!(escape.sign(text.as_bytes(), 0), Some(0));
        }
        for (escape, text) in [
            (Escape::Percent(Bytes::Utf8), "%"),
            (Escape::Percent(Bytes::Utf8), "%3"),
            (Escape::Percent(Bytes::Utf8), "%D1%F4"),
            (Escape::Percent(Bytes::Utf8), "%+1"),
            (Escape::Backslash(Bytes::Utf8), "\\ud83d"),
            (Escape::Backslash(Bytes::Utf8), "\\q"),
            (Escape::Backslash(Bytes::Utf8), "\\u{}"),
            (Escape::QuotedPrintable(Bytes::Utf8), "=12"),
            (Escape::Mojibake(Bytes::Windows1252), "Ãx"),
        ] {
            assert_eq!(escape.read(text, 0), None, "{text}");
        }
    }
}
