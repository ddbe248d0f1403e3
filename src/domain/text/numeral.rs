//! Numbers written in Chinese numerals, everyday or financial: `一二〇一四五〇四一九三`, `壹贰零壹肆伍零肆壹玖叁`.
//!
//! Only runs are read, so that names such as 张三 stay; digits may stand among the numerals, and separators.

use std::ops::Range;

use super::draft::Draft;
use super::map::Trace;

/// So many digits in a row are a number and no phrase.
const LEAST_DIGITS: usize = 6;
/// Separators in a row within a number.
const SEPARATORS: usize = 3;
/// A run worth a look has three numerals side by side, which are nine bytes.
const STRIDE: usize = 9;

/// Returns the digit a numeral stands for; texts are folded, so traditional forms do not occur.
const fn digit(character: char) -> Option<char> {
    Some(match character {
        '〇' | '零' | '○' | '◯' => '0',
        '一' | '壹' | '弌' | '幺' => '1',
        '二' | '贰' | '弍' => '2',
        '三' | '叁' | '弎' | '参' => '3',
        '四' | '肆' => '4',
        '五' | '伍' => '5',
        '六' | '陆' => '6',
        '七' | '柒' => '7',
        '八' | '捌' => '8',
        '九' | '玖' => '9',
        _ => return None,
    })
}

/// Finds the next place where three numerals stand side by side.
pub(super) fn next(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let numeral = |at: usize| {
        bytes.get(at..).and_then(|rest| rest.first_chunk()).is_some_and(|bytes| {
            may_be_numeral(*bytes)
                && text.get(at..at + 3).and_then(|one| one.chars().next()).is_some_and(|one| digit(one).is_some())
        })
    };
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        // Continuation bytes, or the first byte of an ideograph.
        if (0x80..=0xbf).contains(byte) || (0xe2..=0xe9).contains(byte) {
            let start = (at.saturating_sub(2)..=at).rev().find(|start| text.is_char_boundary(*start)).unwrap_or(at);
            if numeral(start) {
                let before = (1..=2).take_while(|step| start >= 3 * step && numeral(start - 3 * step)).count();
                let after = (1..=2).take_while(|step| numeral(start + 3 * step)).count();
                if before + after >= 2 {
                    return Some(start);
                }
            }
        }
        at += STRIDE;
    }
    None
}

/// Turns nearly every other character away by its last two bytes.
fn may_be_numeral([lead, second, third]: [u8; 3]) -> bool {
    let row = MAYBE.get(usize::from(second & 0x3f)).copied().unwrap_or_default();
    (0xe2..=0xe9).contains(&lead) && row >> (third & 0x3f) & 1 == 1
}

/// Bit `n` of row `m` tells whether some numeral ends in these six bits each.
static MAYBE: [u64; 64] = {
    let mut rows = [0; 64];
    let mut code = 0x2000_u32;
    while code < 0xa000 {
        if let Some(character) = char::from_u32(code)
            && digit(character).is_some()
        {
            rows[(code >> 6 & 0x3f) as usize] |= 1 << (code & 0x3f);
        }
        code += 1;
    }
    rows
};

/// Writes a part of a text with its numbers in digits.
pub(super) fn rewrite<T: Trace + Default>(draft: &mut Draft<'_, T>, range: Range<usize>) {
    let source = draft.source;
    let mut at = range.start;
    let mut written = at;
    while at < range.end {
        let Some(character) = source.get(at..range.end).and_then(|rest| rest.chars().next()) else { break };
        if !character.is_ascii_digit() && digit(character).is_none() {
            at += character.len_utf8();
            continue;
        }
        let run = Run::read(source, at..range.end);
        if run.numerals > 0 && run.digits >= LEAST_DIGITS {
            draft.copy(written..at);
            for (offset, character) in source.get(at..run.end).unwrap_or_default().char_indices() {
                let own = at + offset..at + offset + character.len_utf8();
                match digit(character) {
                    Some(digit) => draft.replace(own, [digit]),
                    None => draft.copy(own),
                }
            }
            written = run.end;
        }
        at = run.end;
    }
    draft.copy(written..range.end);
}

/// A run of digits, numerals and separators.
#[derive(Debug, Default)]
struct Run {
    /// One past its last digit or numeral.
    end: usize,
    digits: usize,
    numerals: usize,
}

impl Run {
    fn read(source: &str, range: Range<usize>) -> Self {
        let mut run = Self { end: range.start, ..Self::default() };
        let mut separators = 0;
        for (offset, character) in source.get(range.clone()).unwrap_or_default().char_indices() {
            let is_numeral = digit(character).is_some();
            if is_numeral || character.is_ascii_digit() {
                run.end = range.start + offset + character.len_utf8();
                run.digits += 1;
                run.numerals += usize::from(is_numeral);
                separators = 0;
            } else if matches!(character, ' ' | '\t' | '-' | '.' | '/' | '_' | '(' | ')' | '、' | '·')
                && separators < SEPARATORS
            {
                separators += 1;
            } else {
                break;
            }
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::super::draft::rewritten;
    use super::*;

    #[test]
    fn runs_of_numerals_are_numbers_and_names_are_not() {
        for (text, expected) in [
            ("电话一二〇一四五〇四一九三有效", "电话12014504193有效"),
            ("壹贰零壹肆伍零肆壹玖叁", "12014504193"),
            ("一二零-1450-四一九三", "120-1450-4193"),
            ("张三李四王五", "张三李四王五"),
            ("三五一二", "三五一二"),
            ("2026年一月", "2026年一月"),
        ] {
            assert_eq!(rewritten(text, rewrite), expected);
        }
        assert!(next(&format!("{}一二〇一四五", "x".repeat(100)), 0).is_some_and(|at| at >= 100));
        assert_eq!(next("张三李四，一二，三 abc", 0), None);
    }
}
