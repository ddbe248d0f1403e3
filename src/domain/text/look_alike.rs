//! Words in which letters of one script are swapped for look-alikes of another: `Тихoзepoв` with Latin o, e, p.
//!
//! A word of one script is left alone, and so is one with digits, whose neighbours decide where a number ends; but a mail
//! address is read as a whole, and a resident number may end in the Cyrillic or Greek letter, or sign, that looks like X.

use std::ops::Range;

use super::draft::Draft;
use super::map::Trace;

/// Small letters, because texts are folded; capitals that look alike count too. Cyrillic first.
const PAIRS: [(char, char); 46] = [
    ('а', 'a'),
    ('в', 'b'),
    ('с', 'c'),
    ('ԁ', 'd'),
    ('е', 'e'),
    ('һ', 'h'),
    ('н', 'h'),
    ('і', 'i'),
    ('ј', 'j'),
    ('к', 'k'),
    ('ӏ', 'l'),
    ('м', 'm'),
    ('п', 'n'),
    ('о', 'o'),
    ('р', 'p'),
    ('ԛ', 'q'),
    ('г', 'r'),
    ('ѕ', 's'),
    ('т', 't'),
    ('ц', 'u'),
    ('ѵ', 'v'),
    ('ԝ', 'w'),
    ('х', 'x'),
    ('у', 'y'),
    ('ё', 'e'),
    ('ї', 'i'),
    ('α', 'a'),
    ('β', 'b'),
    ('ε', 'e'),
    ('η', 'n'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('μ', 'm'),
    ('ν', 'v'),
    ('ο', 'o'),
    ('ρ', 'p'),
    ('σ', 'o'),
    ('τ', 't'),
    ('υ', 'u'),
    ('χ', 'x'),
    ('γ', 'y'),
    ('ω', 'w'),
    ('ζ', 'z'),
    ('ϲ', 'c'),
    ('ϳ', 'j'),
    ('δ', 'd'),
];

/// The letter X as resident numbers end in it.
const CROSSES: [char; 3] = ['х', 'χ', '×'];

fn latin(character: char) -> Option<char> {
    PAIRS.iter().find(|(foreign, _)| *foreign == character).map(|(_, latin)| *latin)
}

/// Cyrillic letters that are swapped for Latin ones in both cases; `п`, `г`, `ц` look like none in print.
fn cyrillic(character: char) -> Option<char> {
    let pair = PAIRS.iter().take(26).find(|(foreign, latin)| *latin == character && !matches!(foreign, 'һ' | 'ԁ'));
    pair.map(|(foreign, _)| *foreign).filter(|foreign| ('а'..='я').contains(foreign))
}

const fn is_foreign(character: char) -> bool {
    matches!(character, '\u{370}'..='\u{52f}')
}

/// Finds the next letter of Greek or Cyrillic that touches a Latin one, or a cross that follows a digit.
pub(super) fn next(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let is_spot_at = |at: &usize| is_spot(at.checked_sub(1).map_or(0, byte), byte(*at), byte(at + 1), byte(at + 2));
    if let Some(at) = Some(from).filter(is_spot_at) {
        return Some(at);
    }
    // Four bytes are compared at a time, for sixteen places at a time.
    let before = bytes.get(from..)?;
    let (lead, second, after) = (before.get(1..)?, before.get(2..)?, before.get(3..).unwrap_or_default());
    let chunks = before.chunks_exact(16).zip(lead.chunks_exact(16));
    let chunks = chunks.zip(second.chunks_exact(16).zip(after.chunks_exact(16)));
    let quiet = chunks.take_while(|((before, lead), (second, after))| {
        let places = before.iter().zip(*lead).zip(second.iter().zip(*after));
        !places.fold(false, |seen, ((before, lead), (second, after))| seen | is_spot(*before, *lead, *second, *after))
    });
    let start = from + 1 + 16 * quiet.count();
    (start..bytes.len()).find(is_spot_at)
}

/// Looks at the two bytes of a letter and their neighbours, without a branch.
#[expect(clippy::needless_bitwise_bool, reason = "sixteen places are looked at together")]
const fn is_spot(before: u8, lead: u8, second: u8, after: u8) -> bool {
    let is_letter = lead.wrapping_sub(0xcd) < 8;
    let touches = (before.wrapping_sub(b'a') < 26) | (after.wrapping_sub(b'a') < 26);
    let follows = before.wrapping_sub(b'0') < 10;
    let ends = after.wrapping_sub(b'0') >= 10;
    (is_letter & (touches | (follows & ends))) | ((lead == 0xc3) & (second == 0x97) & follows)
}

/// Writes a part of a text with its mixed words in one script.
pub(super) fn rewrite<T: Trace + Default>(draft: &mut Draft<'_, T>, range: Range<usize>) {
    let source = draft.source;
    let is_inner = |character: char| matches!(character, '.' | '_' | '-' | '@' | '+' | '%');
    let mut at = range.start;
    while let Some(rest) = source.get(at..range.end).filter(|rest| !rest.is_empty()) {
        let token = rest.find(|character: char| !is_letter(character) && !is_inner(character)).unwrap_or(rest.len());
        if rest.get(..token).is_some_and(|token| token.contains('@')) {
            write(draft, at..at + token, Some(Script::Latin));
            at += token;
            continue;
        }
        let word = rest.find(|character: char| !is_letter(character)).unwrap_or(rest.len());
        if word > 0 {
            let script = rest.get(..word).and_then(script_of);
            write(draft, at..at + word, script);
            at += word;
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            draft.copy(at..at + length);
            at += length;
        }
    }
}

const fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric() || is_foreign(character) || character == '×'
}

/// What a word is to be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Cyrillic,
    /// Digits with a cross at their end.
    Number,
}

fn script_of(word: &str) -> Option<Script> {
    let latins = word.chars().filter(char::is_ascii_lowercase).count();
    let foreigns = word.chars().filter(|character| is_foreign(*character)).count();
    let digits = word.chars().filter(char::is_ascii_digit).count();
    if digits > 0 {
        let is_number = digits >= 14 && latins == 0 && word.ends_with(CROSSES) && digits + 1 == word.chars().count();
        return is_number.then_some(Script::Number);
    }
    if latins == 0 || foreigns == 0 {
        return None;
    }
    let can_be_latin = word.chars().all(|character| character.is_ascii() || latin(character).is_some());
    let can_be_cyrillic = word.chars().all(|character| !character.is_ascii() || cyrillic(character).is_some());
    match (can_be_latin, can_be_cyrillic) {
        (true, true) if foreigns > latins => Some(Script::Cyrillic),
        (true, _) => Some(Script::Latin),
        (false, true) => Some(Script::Cyrillic),
        (false, false) => None,
    }
}

fn write<T: Trace + Default>(draft: &mut Draft<'_, T>, word: Range<usize>, script: Option<Script>) {
    let source = draft.source;
    for (offset, character) in source.get(word.clone()).unwrap_or_default().char_indices() {
        let own = word.start + offset..word.start + offset + character.len_utf8();
        let other = match script {
            Some(Script::Latin) => latin(character),
            Some(Script::Cyrillic) => cyrillic(character),
            Some(Script::Number) if CROSSES.contains(&character) => Some('x'),
            Some(Script::Number) | None => None,
        };
        match other {
            Some(other) => draft.replace(own, [other]),
            None => draft.copy(own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draft::rewritten;
    use super::*;

    #[test]
    fn mixed_words_become_words_of_one_script() {
        for (text, expected) in [
            ("тихoзepoв", "тихозеров"),
            ("gidеоn brаckenhоlt", "gideon brackenholt"),
            ("vаntа980@mаil.example", "vanta980@mail.example"),
            ("карта9990483834645856", "карта9990483834645856"),
            ("99586819640530876х", "99586819640530876x"),
            ("99586819640530876×", "99586819640530876x"),
            ("елисей gideon", "елисей gideon"),
            ("а123bc", "а123bc"),
        ] {
            assert_eq!(rewritten(text, rewrite), expected);
            assert!(text == expected || next(text, 0).is_some(), "{text}");
        }
    }
}
