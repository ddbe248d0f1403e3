//! Masked names: `张*三`, `欧阳**`, `G*** B***`; looked for only beside other fields of their entry.

use std::ops::Range;

use super::sign;

/// A visible Han character of a name is worth six bits, but the family name, which comes first, four.
const HAN_BITS: u32 = 6;
const FAMILY_BITS: u32 = 4;
/// An initial.
const LETTER_BITS: u32 = 3;
/// Signs looked at in one row.
const SIGNS: usize = 64;

/// Finds a name of which characters are hidden within a part of a folded text; returns where, and what is visible of it in
/// bits.
pub(in super::super) fn find(text: &str, part: &Range<usize>, name: &str) -> Option<(Range<usize>, u32)> {
    let inside = text.get(part.clone())?;
    // Nearly no row holds a sign: ASCII ones, or what the first bytes of the others begin.
    if !inside.bytes().any(|byte| matches!(byte, b'*' | b'#' | 0xc2 | 0xc3 | 0xe2 | 0xe6)) {
        return None;
    }
    let (range, bits) = if name.contains(' ') { words(inside, name)? } else { characters(inside, name)? };
    Some((part.start + range.start..part.start + range.end, bits))
}

/// Compares character by character: as many as the name has, some of them signs.
fn characters(inside: &str, name: &str) -> Option<(Range<usize>, u32)> {
    let name: Vec<char> = name.chars().collect();
    if !(2..=6).contains(&name.len()) || !name.iter().all(|character| is_han(*character)) {
        return None;
    }
    let signs = inside.char_indices().filter(|(_, character)| is_sign(*character)).take(SIGNS);
    signs.into_iter().find_map(|(sign, _)| {
        let before: Vec<usize> =
            inside.get(..sign)?.char_indices().rev().take(name.len() - 1).map(|(at, _)| at).collect();
        // The name may begin at the sign itself or so many characters before it.
        std::iter::once(sign).chain(before).find_map(|start| {
            let rest = inside.get(start..)?;
            let shown: Vec<(usize, char)> = rest.char_indices().take(name.len()).collect();
            let is_equal = shown.len() == name.len()
                && shown.iter().zip(&name).all(|((_, shown), own)| shown == own || is_sign(*shown));
            let end = start + shown.last().map(|(at, last)| at + last.len_utf8())?;
            let is_longer = inside.get(end..)?.chars().next().is_some_and(is_sign)
                || inside.get(..start)?.chars().next_back().is_some_and(is_sign);
            let visible = shown.iter().enumerate().filter(|(_, (_, shown))| !is_sign(*shown));
            let bits: u32 = visible.map(|(at, _)| if at == 0 { FAMILY_BITS } else { HAN_BITS }).sum();
            let is_hidden = shown.iter().any(|(_, shown)| is_sign(*shown));
            (is_equal && is_hidden && !is_longer && bits > 0).then_some((start..end, bits))
        })
    })
}

/// Compares word by word: each as it is, or its first letters and signs.
fn words(inside: &str, name: &str) -> Option<(Range<usize>, u32)> {
    let name: Vec<&str> = name.split(' ').collect();
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    let is_inner = |character: char| character.is_alphabetic() || is_sign(character) || matches!(character, '\'' | '-');
    for piece in inside.split_inclusive(|character: char| !is_inner(character)) {
        let word = piece.trim_end_matches(|character: char| !is_inner(character));
        if !word.is_empty() {
            words.push((at, word));
        }
        at += piece.len();
    }
    words.windows(name.len()).find_map(|shown| {
        let bits = shown
            .iter()
            .zip(&name)
            .map(|((_, shown), own)| word_bits(shown, own))
            .try_fold(0, |sum, bits| Some(sum + bits?))?;
        let is_hidden = shown.iter().any(|(_, word)| word.chars().any(is_star));
        let is_joined =
            shown.windows(2).all(|pair| matches!(pair, [(one, word), (other, _)] if one + word.len() + 1 == *other));
        let (start, _) = shown.first()?;
        let (last, word) = shown.last()?;
        (is_hidden && is_joined).then_some((*start..last + word.len(), bits))
    })
}

fn word_bits(shown: &str, own: &str) -> Option<u32> {
    if shown == own {
        return Some(u32::try_from(own.chars().count()).unwrap_or(u32::MAX).min(8) * 3 / 2);
    }
    let visible = shown.trim_end_matches(is_star);
    let count = u32::try_from(visible.chars().count()).unwrap_or(u32::MAX);
    let is_begun = visible.len() < shown.len() && count > 0 && visible.len() < own.len() && own.starts_with(visible);
    is_begun.then(|| LETTER_BITS + (count - 1) * 3 / 2)
}

/// In Han names 某 hides a character as well.
fn is_sign(character: char) -> bool {
    let mut buffer = [0; 4];
    let bytes = character.encode_utf8(&mut buffer).as_bytes();
    character == '某' || (!matches!(character, 'x' | '.') && sign::length(bytes, 0) > 0)
}

fn is_star(character: char) -> bool {
    is_sign(character) && character != '某'
}

const fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_names_are_found_and_weighed() {
        for (text, name, expected) in [
            ("客户张*三,138****5678", "张小三", Some(("张*三", 10))),
            ("欧阳** 622202******1234", "欧阳采薇", Some(("欧阳**", 10))),
            ("*三", "张三", Some(("*三", 6))),
            ("张某三", "张小三", Some(("张某三", 10))),
            ("g*** b***, 7", "gideon brackenholt", Some(("g*** b***", 6))),
            ("gideon b***", "gideon brackenholt", Some(("gideon b***", 12))),
            ("李*三", "张小三", None),
            ("张**", "张三", None),
            ("张小三", "张小三", None),
            ("** **", "gideon brackenholt", None),
            ("g*** x***", "gideon brackenholt", None),
            ("622202******1234", "张小三", None),
        ] {
            let found = find(text, &(0..text.len()), name);
            let shown = found.map(|(range, bits)| (text.get(range).unwrap(), bits));
            assert_eq!(shown, expected, "{text} {name}");
        }
    }
}
