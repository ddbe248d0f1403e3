//! Masked numbers and addresses in a folded text, with all that is visible of them.

use std::ops::Range;

use super::sign;

/// Groups that may stand beside the masked one: `9990 65** **** 0832`.
const GROUPS: usize = 3;
/// Groups of signs that one number has at most: `**** **** **** **** 123`.
const SIGN_GROUPS: usize = 6;
/// The longest group of a spaced number, and the longest visible part.
const GROUP_BYTES: usize = 24;

/// Something masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A number or code, in every way its neighbours may belong to it.
    Number(Vec<Number>),
    /// A mail address.
    Address(Address<'t>),
}

/// What is visible of a number, without separators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) range: Range<usize>,
    pub(super) first: String,
    pub(super) last: String,
}

/// What is visible of a mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address<'t> {
    pub(super) range: Range<usize>,
    pub(super) first: &'t str,
    pub(super) last: &'t str,
    pub(super) host: &'t str,
}

impl Token<'_> {
    pub(super) fn range(&self) -> &Range<usize> {
        match self {
            Token::Address(address) => &address.range,
            // The longest is the first.
            Token::Number(numbers) => numbers.first().map_or(&(0..0), |number| &number.range),
        }
    }
}

/// Reads all masked numbers and addresses, in ascending order.
pub(super) fn read(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut from = 0;
    while let Some((at, length)) = sign::next_run(bytes, from) {
        let hidden = at..at + length;
        from = hidden.end;
        if let Some(address) = address(text, &hidden) {
            from = address.range.end;
            tokens.push(Token::Address(address));
        } else if let Some((numbers, end)) = numbers(bytes, hidden) {
            from = end;
            tokens.push(Token::Number(numbers));
        }
    }
    tokens
}

/// Returns a masked text as it may be compared and shown: letters, digits and one star for each sign.
pub(in super::super) fn as_shown(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut shown = String::with_capacity(text.len());
    let mut skip = 0;
    for (at, character) in
        text.char_indices().filter(|(_, character)| !matches!(character, ' ' | '-' | '(' | ')' | '+'))
    {
        if at < skip {
            continue;
        }
        let run = sign::run(bytes, at);
        if run > 0 {
            let signs = run / sign::length(bytes, at).max(1);
            shown.extend(std::iter::repeat_n('*', signs));
            skip = at + run;
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Reads `su***@post.example` and `s***n@post.example`.
fn address<'t>(text: &'t str, hidden: &Range<usize>) -> Option<Address<'t>> {
    let bytes = text.as_bytes();
    let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-');
    let after = bytes.get(hidden.end..(hidden.end + GROUP_BYTES).min(bytes.len()))?;
    let last = after.iter().take_while(|byte| is_local(byte)).count();
    let at = hidden.end + last;
    if bytes.get(at) != Some(&b'@') {
        return None;
    }
    let before = bytes.get(hidden.start.saturating_sub(GROUP_BYTES)..hidden.start)?;
    let first = before.iter().rev().take_while(|byte| is_local(byte)).count();
    let host = bytes.get(at + 1..(at + 254).min(bytes.len()))?;
    let host = host.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')).count();
    let host = text.get(at + 1..at + 1 + host)?.trim_end_matches(['.', '-']);
    let range = hidden.start - first..at + 1 + host.len();
    let is_address = host.contains('.') && first > 0;
    is_address.then(|| Address {
        first: text.get(range.start..hidden.start).unwrap_or_default(),
        last: text.get(hidden.end..at).unwrap_or_default(),
        host,
        range,
    })
}

/// Reads a number around a run of signs: the group it stands in, more signs after it, and the groups of digits on both
/// sides that may belong to it or not.
fn numbers(bytes: &[u8], hidden: Range<usize>) -> Option<(Vec<Number>, usize)> {
    let before = bytes.get(hidden.start.saturating_sub(GROUP_BYTES)..hidden.start)?;
    let first = own_group(before.iter().rev());
    // The signs of a name end with its word: `B*** ***-**-1022`.
    let is_word = first > 0 && !before.iter().rev().take(first).any(u8::is_ascii_digit);
    let mut hidden = hidden;
    for _ in 0..SIGN_GROUPS {
        let Some(more) = more_signs(bytes, hidden.end).filter(|_| !is_word || first == 2) else { break };
        hidden.end = more;
    }
    let last = own_group(bytes.get(hidden.end..(hidden.end + GROUP_BYTES).min(bytes.len()))?.iter());
    let own = hidden.start - first..hidden.end + last;
    let starts = group_starts(bytes, own.start);
    let ends = group_ends(bytes, own.end);
    let mut numbers = Vec::new();
    for start in starts.iter().rev() {
        for end in ends.iter().rev() {
            let visible = |part: Range<usize>| {
                let part = bytes.get(part).unwrap_or_default().iter().filter(|byte| byte.is_ascii_alphanumeric());
                part.map(|byte| char::from(*byte)).collect::<String>()
            };
            let number =
                Number { range: *start..*end, first: visible(*start..hidden.start), last: visible(hidden.end..*end) };
            let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
            if digits(&number.last) >= super::LAST - 1 && number.last.len() >= super::LAST
                || digits(&number.first) >= super::FIRST - 1
            {
                numbers.push(number);
            }
        }
    }
    (!numbers.is_empty()).then_some((numbers, own.end))
}

/// Signs again, perhaps after one separator: `65** **** 0832`.
fn more_signs(bytes: &[u8], at: usize) -> Option<usize> {
    let next = if bytes.get(at).is_some_and(|byte| matches!(byte, b' ' | b'-')) { at + 1 } else { at };
    let run = sign::run(bytes, next);
    (run > 0).then_some(next + run)
}

/// Counts the letters and digits that stand directly beside the signs.
fn own_group<'b>(beside: impl Iterator<Item = &'b u8>) -> usize {
    beside.take_while(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()).count()
}

/// Where the number may begin: with its own group, or one to three groups of digits before.
fn group_starts(bytes: &[u8], own: usize) -> Vec<usize> {
    let mut starts = vec![own];
    let mut at = own;
    while starts.len() <= GROUPS {
        let before = bytes.get(at.saturating_sub(GROUP_BYTES)..at).unwrap_or_default();
        let gap = before.iter().rev().take_while(|byte| is_separator(**byte)).count();
        let rest = before.get(..before.len() - gap).unwrap_or_default();
        let group = rest.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let is_number = rest.get(rest.len() - group..).is_some_and(is_group);
        if !(1..=2).contains(&gap) || !is_number {
            break;
        }
        at -= gap + group;
        starts.push(at);
    }
    starts
}

fn group_ends(bytes: &[u8], own: usize) -> Vec<usize> {
    let mut ends = vec![own];
    let mut at = own;
    while ends.len() <= GROUPS {
        let after = bytes.get(at..(at + GROUP_BYTES).min(bytes.len())).unwrap_or_default();
        let gap = after.iter().take_while(|byte| is_separator(**byte)).count();
        let rest = after.get(gap..).unwrap_or_default();
        let group = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if !(1..=2).contains(&gap) || !rest.get(..group).is_some_and(is_group) {
            break;
        }
        at += gap + group;
        ends.push(at);
    }
    ends
}

/// Digits, as the groups of a spaced number have them, or the two letters that begin an account.
fn is_group(group: &[u8]) -> bool {
    let digits = group.iter().filter(|byte| byte.is_ascii_digit()).count();
    (1..=8).contains(&group.len()) && group.len() - digits <= 2 && digits > 0
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(text: &str) -> Vec<String> {
        let shown = |first: &str, last: &str| format!("{first}~{last}");
        read(text)
            .iter()
            .flat_map(|token| match token {
                Token::Address(address) => vec![shown(address.first, &format!("{}@{}", address.last, address.host))],
                Token::Number(numbers) => numbers.iter().map(|number| shown(&number.first, &number.last)).collect(),
            })
            .collect()
    }

    #[test]
    fn masked_numbers_are_read_in_every_style() {
        for (text, expected) in [
            ("622202******1234", "622202~1234"),
            ("卡622202xxxxxx1234有", "622202~1234"),
            ("622202########1234", "622202~1234"),
            ("622202...1234", "622202~1234"),
            ("6222 02** **** 1234", "622202~1234"),
            ("6222-****-****-1234", "6222~1234"),
            ("138····5678", "138~5678"),
            ("138××××5678", "138~5678"),
            ("+86 138****5678", "86138~5678"),
            ("+86 138****5678", "138~5678"),
            ("***-**-1022", "~1022"),
            ("**** **** **** 1234", "~1234"),
            ("+1 (358) ***-0191", "1358~0191"),
            ("ex6862******9740", "ex6862~9740"),
            ("11010119900101****", "11010119900101~"),
            ("su***@post.example", "su~@post.example"),
            ("mail s*****n@post.example.", "s~n@post.example"),
            ("su...@post.example", "su~@post.example"),
        ] {
            assert!(spellings(text).contains(&expected.to_owned()), "{text}: {:?}", spellings(text));
        }
    }

    #[test]
    fn what_hides_nothing_is_no_token() {
        for text in [
            "exxon",
            "wait... what",
            "a **bold** word",
            "## heading 1234",
            "x**2 + y**2",
            "***",
            "1...2",
            "...@x",
            "**@a.b",
        ] {
            assert_eq!(spellings(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_masked_text_is_shown_with_stars() {
        assert_eq!(as_shown("9990 65xx ●●●● 0832"), "999065******0832");
        assert_eq!(as_shown("su...@post.example"), "su***@post.example");
    }

    #[test]
    fn endless_signs_take_linear_time() {
        for piece in ["**", "1**", "** ", "a***@b.c ", "x", "1234**5678 ", "·", "..1"] {
            let text = piece.repeat(300_000 / piece.len());
            let _ = read(&text);
        }
    }
}
