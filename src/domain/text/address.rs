//! Mail addresses written so that robots pass them by: `quill [at] post [dot] example`, `quill 艾特 post 点 example`,
//! `quill собака post точка example`.
//!
//! Texts are folded. What looks like an address only after this is one: ` at ` and ` dot ` need each other. Not here: whether
//! an address is anybody's (`identifier`, `matcher`).

use std::ops::Range;

use memchr::memmem;

use super::draft::Draft;
use super::map::{NoTrace, OffsetMap, Trace};

/// Words for `@`; those of ASCII stand in brackets or between blanks.
const AT: [&str; 6] = ["at", "@", "a", "艾特", "собака", "собачка"];
/// Words for the dot.
const DOT: [&str; 7] = ["dot", ".", "点", "точка", "d0t", "punto", "。"];
const BRACKETS: [(char, char); 4] = [('[', ']'), ('(', ')'), ('{', '}'), ('【', '】')];
const BLANKS: usize = 3;
const LOCAL_BYTES: usize = 64;
const LABELS: usize = 8;

/// Writes every disguised mail address of a folded text plainly; `None` if there is none.
pub fn plain_addresses(folded: &str) -> Option<String> {
    let mut draft = Draft::<NoTrace>::of(folded);
    rewrite(&mut draft, 0..folded.len());
    (draft.changes > 0).then_some(draft.text)
}

/// Does the same and tells where each byte came from.
pub fn plain_addresses_mapped(folded: &str) -> Option<(String, OffsetMap)> {
    let mut draft = Draft::<OffsetMap>::of(folded);
    rewrite(&mut draft, 0..folded.len());
    (draft.changes > 0).then_some((draft.text, draft.trace))
}

/// Finds every place where a disguised `@` may stand, ascending.
pub(super) fn spots(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut spots: Vec<usize> =
        memchr::memchr3_iter(b'[', b'(', b'{', bytes).filter(|at| at_sign(text, *at).is_some()).collect();
    spots.extend(memchr::memchr_iter(b'@', bytes).filter(|at| may_be_disguised(bytes, *at)));
    for word in [" at ", "艾特", "соба", "【"] {
        spots.extend(memmem::find_iter(bytes, word.as_bytes()));
    }
    spots.retain(|spot| disguised(text, *spot).is_some());
    spots.sort_unstable();
    spots
}

/// Tells whether an address that is not plain may have its `@` here: a word on both sides, perhaps behind blanks, and
/// something behind it that may stand for a dot.
fn may_be_disguised(bytes: &[u8], at: usize) -> bool {
    let beside = [at.checked_sub(1), Some(at + 1)].map(|beside| beside.and_then(|beside| bytes.get(beside)));
    if !beside.iter().all(|byte| byte.is_some_and(|byte| *byte == b' ' || is_local(*byte))) {
        return false;
    }
    let mut before = bytes.get(..at).unwrap_or_default().iter().rev();
    let after = bytes.get(at + 1..).unwrap_or_default();
    let lead = before.clone().take(BLANKS).take_while(|byte| **byte == b' ').count();
    let trail = after.iter().take(BLANKS).take_while(|byte| **byte == b' ').count();
    let rest = after.get(trail..).unwrap_or_default();
    let label = rest.iter().take(LOCAL_BYTES).take_while(|byte| is_label(**byte)).count();
    let is_word_before = before.nth(lead).is_some_and(|byte| is_local(*byte));
    let may_go_on = match rest.get(label) {
        // An address as it should be needs nothing.
        Some(b'.') => lead + trail > 0,
        Some(b'[' | b'(' | b'{' | b' ' | 0x80..) => true,
        Some(_) | None => false,
    };
    is_word_before && label > 0 && may_go_on
}

/// Writes a part of a text with its disguised addresses in plain form.
pub(super) fn rewrite<T: Trace + Default>(draft: &mut Draft<'_, T>, range: Range<usize>) {
    let source = draft.source;
    let Some(part) = source.get(range.clone()) else { return };
    let mut at = range.start;
    for spot in spots(part) {
        let Some(address) = disguised(part, spot) else { continue };
        for (piece, sign) in address.pieces {
            let piece = range.start + piece.start..range.start + piece.end;
            if piece.start < at {
                continue;
            }
            draft.copy(at..piece.start);
            draft.replace(piece.clone(), [sign]);
            at = piece.end;
        }
    }
    draft.copy(at..range.end);
}

/// The parts of a disguised address that stand for signs, ascending.
struct Disguised {
    pieces: Vec<(Range<usize>, char)>,
}

/// Reads the address around a disguised `@`, if there is one and it is not plain already.
fn disguised(text: &str, spot: usize) -> Option<Disguised> {
    let lead = trailing_blanks(text.get(..spot)?);
    let sign = spot - lead..at_sign(text, spot)?;
    let mut pieces = local_dots(text, sign.start)?;
    pieces.reverse();
    pieces.push((sign.clone(), '@'));
    let mut at = sign.end;
    let mut dots = 0;
    while dots < LABELS {
        let label = text.as_bytes().get(at..)?.iter().take(LOCAL_BYTES).take_while(|byte| is_label(**byte)).count();
        if label == 0 {
            // What was taken for a dot ended a sentence.
            if dots > 1 {
                pieces.pop();
            }
            dots -= usize::from(dots > 0);
            break;
        }
        at += label;
        let Some(end) = dot_sign(text, at) else { break };
        pieces.push((at..end, '.'));
        at = end;
        dots += 1;
    }
    let is_plain = pieces.iter().all(|(piece, sign)| {
        let mut own = [0; 4];
        text.get(piece.clone()) == Some(sign.encode_utf8(&mut own))
    });
    pieces.retain(|(piece, sign)| {
        let mut own = [0; 4];
        text.get(piece.clone()) != Some(sign.encode_utf8(&mut own))
    });
    (dots > 0 && !is_plain).then_some(Disguised { pieces })
}

/// Goes back over a local part; gives its disguised dots, the last first, or `None` if there is no local part.
fn local_dots(text: &str, end: usize) -> Option<Vec<(Range<usize>, char)>> {
    let mut pieces = Vec::new();
    let mut end = end;
    loop {
        let before = text.as_bytes().get(end.saturating_sub(LOCAL_BYTES)..end)?;
        let length = before.iter().rev().take_while(|byte| is_local(**byte)).count();
        if length == 0 {
            return if pieces.pop().is_some() && !pieces.is_empty() { Some(pieces) } else { None };
        }
        let start = end - length;
        let before = text.get(..start)?;
        let forms = [" dot ", "(dot)", "[dot]", "{dot}", " [dot] ", " (dot) ", "[.]", "(.)", " точка ", "点", " 点 "];
        let Some(form) = forms.iter().find(|form| before.ends_with(**form)).filter(|_| pieces.len() < LABELS) else {
            return Some(pieces);
        };
        pieces.push((start - form.len()..start, '.'));
        end = start - form.len();
    }
}

/// Returns the end of what stands for `@` at a place, blanks around it included.
fn at_sign(text: &str, at: usize) -> Option<usize> {
    sign(text, at, &AT)
}

fn dot_sign(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    if rest.starts_with('.') && !rest.starts_with(". ") {
        return Some(at + 1);
    }
    sign(text, at, &DOT)
}

/// Reads a word in brackets, or bare: an ASCII word between blanks, any other as it stands.
fn sign(text: &str, at: usize, words: &[&str]) -> Option<usize> {
    let blanks = leading_blanks(text.get(at..)?);
    let start = at + blanks;
    let rest = text.get(start..)?;
    let first = *rest.as_bytes().first()?;
    // Nearly everything ends here: neither a bracket nor how a word begins.
    if !matches!(first, b'[' | b'(' | b'{' | 0xe3) && words.iter().all(|word| word.as_bytes().first() != Some(&first)) {
        return None;
    }
    let opening = rest.chars().next()?;
    if let Some((_, closing)) = BRACKETS.iter().find(|(open, _)| *open == opening) {
        let inside = rest.get(opening.len_utf8()..)?;
        let inside_blanks = leading_blanks(inside);
        let inside = inside.get(inside_blanks..)?;
        let word = words.iter().filter(|word| inside.starts_with(**word)).max_by_key(|word| word.len())?;
        let after = inside.get(word.len()..)?;
        let more = leading_blanks(after);
        let end = start + opening.len_utf8() + inside_blanks + word.len() + more;
        return after.get(more..)?.starts_with(*closing).then(|| after_blanks(text, end + closing.len_utf8()));
    }
    let word = words.iter().filter(|word| rest.starts_with(**word)).max_by_key(|word| word.len())?;
    let end = start + word.len();
    let is_blank_before = blanks > 0 || text.get(..start)?.ends_with(' ');
    let is_free = match *word {
        "a" => false,
        "@" | "。" => true,
        "." => is_blank_before && text.get(end..)?.starts_with(' '),
        word if word.is_ascii() => is_blank_before && text.get(end..)?.starts_with(' '),
        _ => true,
    };
    is_free.then(|| after_blanks(text, end))
}

fn after_blanks(text: &str, at: usize) -> usize {
    at + text.get(at..).map_or(0, leading_blanks)
}

fn leading_blanks(text: &str) -> usize {
    text.bytes().take(BLANKS).take_while(|byte| *byte == b' ').count()
}

fn trailing_blanks(text: &str) -> usize {
    text.bytes().rev().take(BLANKS).take_while(|byte| *byte == b' ').count()
}

const fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

const fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%')
}

#[cfg(test)]
mod tests {
    use super::super::map::NoTrace;
    use super::*;

    fn plain_addresses(folded: &str) -> Option<String> {
        let mut draft = Draft::<NoTrace>::of(folded);
        rewrite(&mut draft, 0..folded.len());
        (draft.changes > 0).then_some(draft.text)
    }

    #[test]
    fn disguised_addresses_are_written_plainly() {
        for text in [
            "quill161 [at] inbox [dot] example",
            "quill161[at]inbox[dot]example",
            "quill161(at)inbox.example",
            "quill161 at inbox dot example",
            "quill161 ( at ) inbox (dot) example",
            "quill161{at}inbox{dot}example",
            "quill161艾特inbox点example",
            "quill161 艾特 inbox 点 example",
            "quill161собакаinbox.example",
            "quill161 собака inbox точка example",
            "quill161 @ inbox . example",
            "quill161@inbox[.]example",
            "quill161@inbox点example",
            "quill161【at】inbox.example",
            "quill161 (собака) inbox.example",
        ] {
            let line = format!("mail: {text}, вот");
            assert_eq!(plain_addresses(&line).as_deref(), Some("mail: quill161@inbox.example, вот"), "{text}");
        }
        assert_eq!(plain_addresses("john dot doe at inbox dot example").as_deref(), Some("john.doe@inbox.example"));
        for text in [
            "we met at noon. then",
            "look at this [at] once",
            "quill161@inbox.example",
            "@user hello",
            "a @ b",
            "(a) first (b) second",
            "собака лает",
        ] {
            assert_eq!(plain_addresses(text), None, "{text}");
        }
    }

    #[test]
    fn endless_signs_take_linear_time() {
        for piece in ["(at)", " at ", "@ ", "a@ ", "a.a[at]", "艾特", "x at x dot "] {
            let text = piece.repeat(100_000 / piece.len());
            assert!(spots(&text).len() <= text.len());
        }
    }
}
