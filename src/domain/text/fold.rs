//! One spelling for what reads the same: compatibility forms, digits of any script, case, invisible characters.
//!
//! Runs character by character with a fast path for ASCII, Han and Hangul, so a slice of a text folds to the slice of
//! its fold. Not here: look-alikes of different scripts and Chinese numerals, which need their surroundings (`look_alike`,
//! `numeral`).

use std::sync::{LazyLock, OnceLock};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCompositionBorrowed;

use super::han::{HAN, Han};
use super::map::{NoTrace, OffsetMap, Trace};

/// Folds a text: NFKC, decimal digits of any script to ASCII, lower case, simplified Chinese, one kind of space, dash,
/// apostrophe and middle dot; invisible characters and marks that compose with nothing are dropped.
pub fn fold(source: &str) -> String {
    let mut folded = String::with_capacity(source.len());
    fold_traced(source, &mut folded, &mut NoTrace);
    folded
}

/// Folds into a buffer that is emptied first; several times faster than a new string for each page.
pub(super) fn fold_into(source: &str, folded: &mut String) {
    folded.clear();
    folded.reserve(source.len());
    fold_traced(source, folded, &mut NoTrace);
}

/// Folds and tells where each byte came from.
pub(super) fn fold_mapped(source: &str) -> (String, OffsetMap) {
    let (mut folded, mut map) = (String::with_capacity(source.len()), OffsetMap::default());
    fold_traced(source, &mut folded, &mut map);
    (folded, map)
}

fn fold_traced<T: Trace>(source: &str, folded: &mut String, trace: &mut T) {
    let han: &Han = &HAN;
    let bytes = source.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let inert = inert_end(bytes, at, han);
        if inert > at {
            let view = folded.len();
            folded.push_str(source.get(at..inert).unwrap_or_default());
            if let Some(tail) = folded.get_mut(view..) {
                tail.make_ascii_lowercase();
            }
            trace.copy(view, at, inert - at);
            at = inert;
        }
        // What changes comes in runs.
        while let Some(character) = source.get(at..).and_then(|rest| rest.chars().next()) {
            let end = at + character.len_utf8();
            fold_character(character, at..end, folded, trace);
            at = end;
            if bytes.get(at).is_none_or(|lead| is_often_inert(*lead)) {
                break;
            }
        }
    }
}

/// Tells whether most characters that begin with a byte stay as they are.
const fn is_often_inert(lead: u8) -> bool {
    matches!(lead, ..0x80 | 0xd0 | 0xd1 | 0xe3..=0xe9 | 0xeb | 0xec)
}

/// Returns where the run ends of what folds to as many bytes: ASCII, whose case is all that changes, small Cyrillic letters,
/// simplified Han from U+4000 on, hiragana, Hangul. Short loops of one script each keep the processor's guesses right.
fn inert_end(bytes: &[u8], from: usize, han: &Han) -> usize {
    let mut end = from;
    loop {
        let start = end;
        end += plain_run(bytes, end);
        while matches!(bytes.get(end), Some(0xe4..=0xe9)) && !han.is_traditional(code_of(bytes, end)) {
            end += 3;
        }
        end += match bytes.get(end) {
            Some(0xeb | 0xec) => 3,
            Some(0xe3) if matches!(code_of(bytes, end), 0x3001 | 0x3002 | 0x3041..=0x3096) => 3,
            Some(_) | None if end == start => return end,
            Some(_) | None => 0,
        };
    }
}

/// Counts bytes of ASCII, of small Cyrillic letters and of U+FFFD, which stands for bytes that are no text; sixteen at a time.
fn plain_run(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let is_plain_at = |at: usize| {
        let byte = |at: usize| rest.get(at).copied().unwrap_or_default();
        at < rest.len() && is_plain(byte(at), byte(at + 1), byte(at + 2))
    };
    // Where scripts alternate, a run is over before it is worth a look at sixteen.
    if let Some(end) = (0..4).find(|at| !is_plain_at(*at)) {
        return end;
    }
    let from = |at: usize| rest.get(at..).unwrap_or_default().chunks_exact(16);
    let quiet = from(0).zip(from(1).zip(from(2))).take_while(|(first, (second, third))| {
        let triples = first.iter().zip(second.iter().zip(*third));
        triples.fold(true, |all, (first, (second, third))| all & is_plain(*first, *second, *third))
    });
    let start = 16 * quiet.count();
    start + (start..rest.len()).take_while(|at| is_plain_at(*at)).count()
}

/// Second and third bytes follow first ones, so only those need a look.
#[expect(clippy::needless_bitwise_bool, reason = "without branches sixteen bytes are compared at once")]
const fn is_plain(first: u8, second: u8, third: u8) -> bool {
    (first < 0xc0)
        | ((first == 0xd0) & (second >= 0xb0))
        | ((first == 0xd1) & (second < 0x90))
        | ((first == 0xef) & (second == 0xbf) & (third == 0xbd))
}

/// Reads a character of three bytes.
fn code_of(bytes: &[u8], at: usize) -> u32 {
    let bits = |index: usize| u32::from(bytes.get(at + index).copied().unwrap_or_default());
    (bits(0) & 0x0f) << 12 | (bits(1) & 0x3f) << 6 | (bits(2) & 0x3f)
}

fn fold_character<T: Trace>(character: char, source: std::ops::Range<usize>, folded: &mut String, trace: &mut T) {
    if let Some(simple) = simple(character) {
        let view = folded.len();
        folded.push(simple);
        let length = folded.len() - view;
        if length == source.len() {
            trace.copy(view, source.start, length);
        } else {
            trace.atom(view, length, source);
        }
        return;
    }
    if is_ignorable(character) {
        return;
    }
    if joins_previous(character) {
        let mark = match character {
            '\u{ff9e}' => '\u{3099}',
            '\u{ff9f}' => '\u{309a}',
            _ => character,
        };
        if let Some(composed) = compose_with_last(mark, folded) {
            trace.remake(folded.len(), composed.len_utf8(), source.end);
            folded.push(composed);
            return;
        }
        if is_mark(character) {
            return;
        }
    }
    let view = folded.len();
    folded.push_str(Rare::of(character));
    let length = folded.len() - view;
    if length == source.len() && folded.get(view..).is_some_and(|made| made.chars().count() == 1) {
        trace.copy(view, source.start, length);
    } else {
        trace.atom(view, length, source);
    }
}

/// What 256 neighbouring characters fold to: the normalizer is asked once for each, because it is two hundred times slower
/// than a copy.
#[derive(Debug, Default)]
struct Rare {
    text: String,
    /// Where the fold of each character ends in the text.
    ends: Vec<usize>,
}

static RARE: [OnceLock<Rare>; 0x1100] = [const { OnceLock::new() }; 0x1100];

impl Rare {
    fn of(character: char) -> &'static str {
        let code = u32::from(character) as usize;
        let Some(block) = RARE.get(code / 256).map(|block| block.get_or_init(|| Self::read(code / 256 * 256))) else {
            return "";
        };
        let end = |index: usize| block.ends.get(index).copied().unwrap_or_default();
        let index = code % 256;
        block.text.get(index.checked_sub(1).map_or(0, end)..end(index)).unwrap_or_default()
    }

    fn read(first: usize) -> Self {
        let mut block = Self::default();
        for code in first..first + 256 {
            let character = u32::try_from(code).ok().and_then(char::from_u32);
            for normal in NFKC.normalize_iter(character.into_iter()) {
                let kept = normal.to_lowercase().filter(|lower| !is_mark(*lower) && !is_ignorable(*lower));
                block.text.extend(kept.map(unify));
            }
            block.ends.push(block.text.len());
        }
        block
    }
}

/// The characters that make up nearly all text beyond ASCII and Han, without the normalizer.
fn simple(character: char) -> Option<char> {
    match character {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xfee0).map(|ascii| ascii.to_ascii_lowercase())
        }
        'а'..='я' | 'ё' | '\u{df}'..='\u{ff}' | '\u{d7}' | '\u{fffd}' => Some(character),
        'А'..='Я' | '\u{c0}'..='\u{de}' => char::from_u32(u32::from(character) + 0x20),
        'Ё' => Some('ё'),
        '\u{3001}' | '\u{3002}' | '\u{3008}'..='\u{3011}' | '\u{3041}'..='\u{3096}' | '\u{ac00}'..='\u{d7a3}' => {
            Some(character)
        }
        '\u{a0}' | '\u{3000}' => Some(' '),
        '\u{4e00}'..='\u{9fff}' => HAN.simplified(character),
        _ => None,
    }
}

/// One character for each family of spaces, dashes, apostrophes, middle dots and digits.
fn unify(character: char) -> char {
    match character {
        '\u{1680}' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{2e3a}' | '\u{2e3b}' | '\u{301c}' | '\u{1806}' => '-',
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' | '\u{2b9}' | '\u{2032}' => '\'',
        '\u{2022}' | '\u{2027}' | '\u{2219}' | '\u{22c5}' | '\u{30fb}' => '\u{b7}',
        'ς' => 'σ',
        _ if character.is_ascii() => character,
        '\u{4e00}'..='\u{9fff}' => HAN.simplified(character).unwrap_or(character),
        _ => digit(character).or_else(|| enclosed(character)).unwrap_or(character),
    }
}

/// Digits and letters in filled circles and boxes, for which Unicode knows no plain form.
fn enclosed(character: char) -> Option<char> {
    let code = u32::from(character);
    let digit = |first: u32| char::from_digit(code - first + 1, 10);
    let letter = |first: u32| char::from_u32(u32::from('a') + code - first);
    match code {
        0x2776..=0x277e => digit(0x2776),
        0x2780..=0x2788 => digit(0x2780),
        0x278a..=0x2792 => digit(0x278a),
        0x24f5..=0x24fd => digit(0x24f5),
        0x24ff => Some('0'),
        0x1f150..=0x1f169 => letter(0x1f150),
        0x1f170..=0x1f189 => letter(0x1f170),
        _ => None,
    }
}

/// Returns the ASCII digit of a decimal digit (Nd) of any other script.
fn digit(character: char) -> Option<char> {
    let code = u32::from(character);
    // Most of what is written has no digits of its own: Latin, Greek, Cyrillic, symbols, kana, Han, Hangul.
    if matches!(code, 0x3a..0x660 | 0x1c5a..0xa620 | 0xac00..0xff10) {
        return None;
    }
    let index = DIGIT_ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    let value = code - DIGIT_ZEROS.get(index)?;
    if value < 10 { char::from_digit(value, 10) } else { None }
}

fn compose_with_last(character: char, folded: &mut String) -> Option<char> {
    let last = folded.chars().next_back()?;
    let composed = COMPOSITION.compose(last, character)?;
    folded.pop();
    Some(composed)
}

const fn joins_previous(character: char) -> bool {
    is_mark(character)
        || matches!(character, '\u{1161}'..='\u{1175}' | '\u{11a8}'..='\u{11c2}' | '\u{ff9e}' | '\u{ff9f}')
}

/// Marks of the scripts that our readers write; those of Indic and other scripts carry meaning and stay.
const fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{3099}' | '\u{309a}' | '\u{fe20}'..='\u{fe2f}')
}

/// Format characters, joiners, variation selectors and fillers: they take no place and can hide in any value.
const fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

static NFKC: LazyLock<ComposingNormalizerBorrowed<'static>> = LazyLock::new(ComposingNormalizerBorrowed::new_nfkc);
static COMPOSITION: LazyLock<CanonicalCompositionBorrowed<'static>> = LazyLock::new(CanonicalCompositionBorrowed::new);

/// The zero of each run of ten decimal digits (general category Nd), Unicode 16.
const DIGIT_ZEROS: [u32; 72] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136,
    0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50,
    0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50, 0x1ccf0, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140,
    0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_reads_the_same_folds_the_same() {
        for (written, folded) in [
            ("９９９０ ４８３８", "9990 4838"),
            ("٤١١١ ४१११ 𝟒𝟏𝟏𝟏 ④①①①", "4111 4111 4111 4111"),
            ("41\u{200b}11\u{ad}22\u{feff}33\u{fe0f}", "41112233"),
            ("4\u{336}1\u{20e3}1", "411"),
            ("SU@Post.EXAMPLE ＳＵ＠ｐｏｓｔ", "su@post.example su@post"),
            ("Елисей ТИХОЗЕРОВ, Ёлка", "елисей тихозеров, ёлка"),
            ("и\u{306} e\u{301} É", "й é é"),
            ("O’Brien–Smith\u{a0}x\u{2003}y", "o'brien-smith x y"),
            ("ｶﾞ か\u{3099} \u{1112}\u{1161}\u{11ab}", "ガ が 한"),
            ("欧阳采薇：卡号，有效。", "欧阳采薇:卡号,有效。"),
            ("İstanbul ΣΊΣΥΦΟΣ ﬁ", "istanbul σίσυφοσ fi"),
            ("歐陽採薇，龍體", "欧阳采薇,龙体"),
            ("❹➊➀⓵ 🅰🅱🅒", "4111 abc"),
        ] {
            assert_eq!(fold(written), folded, "{written}");
        }
    }

    #[test]
    fn a_full_width_number_maps_to_its_own_bytes() {
        let (folded, map) = fold_mapped("卡号９９９０\u{200b}４８３８有效");
        let at = folded.find("9990").unwrap();
        assert_eq!(map.to_source(&(at..at + 8)), 6..33);
    }

    #[test]
    fn a_composed_letter_maps_to_base_and_mark() {
        let (folded, map) = fold_mapped("abe\u{301}c");
        let at = folded.find('é').unwrap();
        assert_eq!((map.to_source(&(at..at + 2)), map.to_source(&(at + 2..at + 3))), (2..5, 5..6));
        assert_eq!(map.to_source(&(0..2)), 0..2);
    }

    proptest! {
        #[test]
        fn folding_the_source_of_a_range_gives_the_range(text in "(\\PC|[ -~]|[０-９]|\u{301}|\u{200b}|[а-яА-Я]|[一-龥]){0,60}") {
            let (folded, map) = fold_mapped(&text);
            prop_assert_eq!(&folded, &fold(&text));
            let starts: Vec<usize> = folded.char_indices().map(|(at, _)| at).chain([folded.len()]).collect();
            for pair in starts.windows(2) {
                let source = map.to_source(&(pair[0]..pair[1]));
                let whole = fold(text.get(source).unwrap());
                prop_assert!(whole.contains(folded.get(pair[0]..pair[1]).unwrap()));
            }
            for (from, to) in starts.iter().zip(starts.iter().skip(5)) {
                let view = folded.get(*from..*to).unwrap();
                if view.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    let source = map.to_source(&(*from..*to));
                    let again = fold(text.get(source).unwrap());
                    prop_assert!(again.contains(view));
                }
            }
        }
    }
}
