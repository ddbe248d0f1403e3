//! Character references of HTML: `&amp;`, `&#52;`, `&#x34;`, with or without their semicolon where browsers allow it.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The longest name is `CounterClockwiseContourIntegral`.
const NAME_BYTES: usize = 31;

/// What a reference stands for: no reference of HTML is longer than two characters.
pub(in crate::domain) type Meaning = (char, Option<char>);

/// Tells whether a reference may begin with the `&` at a place: most are followed by something else.
pub(in crate::domain) fn may_begin(text: &[u8], at: usize) -> bool {
    text.get(at + 1).is_some_and(|next| *next == b'#' || next.is_ascii_alphabetic())
}

/// Reads the reference that `text` opens with; gives what it stands for and how many bytes it took.
pub(in crate::domain) fn entity(text: &str) -> Option<(Meaning, usize)> {
    match text.as_bytes() {
        [b'&', b'#', ..] => numeric(text.get(2..)?).map(|(character, length)| ((character, None), length + 2)),
        [b'&', first, ..] if first.is_ascii_alphabetic() => {
            named(text.get(1..)?).map(|(meaning, length)| (meaning, length + 1))
        }
        _ => None,
    }
}

fn numeric(text: &str) -> Option<(char, usize)> {
    let (radix, digits) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (16, digits),
        None => (10, text),
    };
    let length = digits.bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
    if length == 0 {
        return None;
    }
    // Leading zeros are allowed without end; neither zero nor a number that does not fit is a character.
    let code = u32::from_str_radix(digits.get(..length)?.trim_start_matches('0'), radix).unwrap_or(u32::MAX);
    let semicolon = usize::from(digits.as_bytes().get(length) == Some(&b';'));
    let character = match code {
        0x80..=0x9f => WINDOWS_1252.get(code as usize - 0x80).copied().unwrap_or('\u{fffd}'),
        _ => char::from_u32(code).unwrap_or('\u{fffd}'),
    };
    Some((character, text.len() - digits.len() + length + semicolon))
}

fn named(text: &str) -> Option<(Meaning, usize)> {
    let length = text.bytes().take(NAME_BYTES).take_while(u8::is_ascii_alphanumeric).count();
    if length < 2 {
        return None;
    }
    let name = text.get(..length)?;
    let has_semicolon = text.as_bytes().get(length) == Some(&b';');
    if has_semicolon && let Some((meaning, _)) = NAMES.get(name) {
        return Some((*meaning, length + 1));
    }
    // `&nbsp4111` is read by browsers as a space before the number.
    let [first, second, ..] = *name.as_bytes() else { return None };
    let bare = BARE.get(usize::from(first))?;
    if bare.seconds >> (second & 31) & 1 == 0 {
        return None;
    }
    let is_like =
        |bare: &str| bare.len() <= length && bare.as_bytes().get(1) == Some(&second) && name.starts_with(bare);
    bare.names.iter().find(|(bare, _)| is_like(bare)).map(|(bare, meaning)| (*meaning, bare.len()))
}

/// Names that may stand without a semicolon and begin with the same byte.
#[derive(Debug, Clone, Default)]
struct Bare {
    /// Which second bytes they have, by their lowest five bits.
    seconds: u32,
    /// Longer ones first.
    names: Vec<(&'static str, Meaning)>,
}

/// Names that may stand without a semicolon by their first byte.
static BARE: LazyLock<Vec<Bare>> = LazyLock::new(|| {
    let mut bare = vec![Bare::default(); 128];
    for (name, (meaning, _)) in NAMES.iter().filter(|(_, (_, is_bare))| *is_bare) {
        let [first, second, ..] = name.as_bytes() else { continue };
        let Some(own) = bare.get_mut(usize::from(*first)) else { continue };
        own.seconds |= 1 << (second & 31);
        own.names.push((*name, *meaning));
    }
    for own in &mut bare {
        own.names.sort_by_key(|(name, _)| usize::MAX - name.len());
    }
    bare
});

/// Name to characters, and whether it may stand without a semicolon.
static NAMES: LazyLock<HashMap<&'static str, (Meaning, bool)>> = LazyLock::new(|| {
    let line = |line: &'static str| {
        let mut words = line.split(' ');
        let name = words.next()?;
        let mut characters = words.filter_map(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
        let meaning = (characters.next()?, characters.next());
        Some((name.trim_end_matches('*'), (meaning, name.ends_with('*'))))
    };
    // The table of the HTML Standard, section 13.5: name, `*` if it needs no semicolon, code points.
    include_str!("entities.txt").lines().filter_map(line).collect()
});

/// What `&#128;` to `&#159;` mean in practice (HTML Standard, numeric character reference end state).
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_browsers_do() {
        for (written, meaning, length) in [
            ("&amp;x", "&", 5),
            ("&nbsp;4", "\u{a0}", 6),
            ("&nbsp4111", "\u{a0}", 5),
            ("&#52;1", "4", 5),
            ("&#0000052;", "4", 10),
            ("&#x34;", "4", 6),
            ("&#X3441", "\u{3441}", 7),
            ("&#150;", "–", 6),
            ("&commat;", "@", 8),
            ("&NotEqualTilde;", "\u{2242}\u{338}", 15),
            ("&#xd800;", "\u{fffd}", 8),
            ("&#0;", "\u{fffd}", 4),
            ("&#xffffffffff;", "\u{fffd}", 14),
        ] {
            let mut meaning = meaning.chars();
            let expected = ((meaning.next().unwrap(), meaning.next()), length);
            assert_eq!(entity(written), Some(expected), "{written}");
        }
        for text in ["&", "&;", "&x;", "&#;", "&#x;", "&period4", "& amp;"] {
            assert_eq!(entity(text), None, "{text}");
        }
    }
}
