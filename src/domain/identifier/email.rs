//! Mail addresses: the forms in which people hide `@` and dots from robots, the canonical form, the rules.
//!
//! Not here: known addresses in a text (`matcher`).

use std::borrow::Cow;
use std::ops::Range;

use crate::domain::text::fold;

/// RFC 5321, 4.5.3.1.
const LOCAL_BYTES: usize = 64;
const HOST_BYTES: usize = 253;

/// A sign that is written out in a text: `[at]`, `(dot)`, 艾特, собака.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenSign {
    /// Where it stands, blanks around it included.
    pub range: Range<usize>,
    /// What it stands for, `@` or `.`.
    pub sign: char,
}

/// Words for a sign; in brackets all of them count, bare ones only where they are not words of every other sentence.
const AT: [&str; 7] = ["at", "@", "a", "arroba", "собака", "собачка", "艾特"];
const DOT: [&str; 6] = ["dot", ".", "punto", "точка", "点", "點"];
const BARE_AT: [&str; 5] = ["собака", "собачка", "艾特", " at ", " @ "];
const BARE_DOT: [&str; 5] = [" dot ", "точка", "点", "點", " . "];

/// No host is called so: `look at the dot on top`.
const ARTICLES: [&str; 8] = ["the", "a", "an", "this", "that", "each", "every", "one"];

/// Returns the canonical form of an address: lower case, host in ASCII, `@` and dots as signs.
pub fn canonical(value: &str) -> Option<String> {
    let folded = fold(value.trim());
    let plain = unescape(&folded);
    let bare = plain.trim().trim_start_matches("mailto:").trim_start_matches("xmpp:");
    let (local, host) = bare.rsplit_once('@')?;
    if !(1..=LOCAL_BYTES).contains(&local.len())
        || !local.chars().all(|character| character == '.' || is_atom(character))
    {
        return None;
    }
    let host = ascii_host(host)?;
    Some(format!("{local}@{host}"))
}

fn ascii_host(host: &str) -> Option<String> {
    if host.is_empty() || host.len() > HOST_BYTES || host.contains(|c: char| c.is_whitespace() || c == '/') {
        return None;
    }
    if host.is_ascii() {
        return Some(host.to_ascii_lowercase());
    }
    match url::Host::parse(host).ok()? {
        url::Host::Domain(domain) => Some(domain),
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
    }
}

/// Tells whether a canonical address follows the rules of RFC 5321 for dotted names.
pub fn is_valid(canonical: &str) -> bool {
    let Some((local, host)) = canonical.rsplit_once('@') else { return false };
    (1..=LOCAL_BYTES).contains(&local.len()) && is_local(local) && is_host(host)
}

/// RFC 5322: atoms between dots.
fn is_local(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

/// RFC 5322's characters of atoms; letters of other scripts as RFC 6531 has them.
fn is_atom(character: char) -> bool {
    character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

/// Tells whether a text is a host name of at least two labels whose last is no number.
pub fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= HOST_BYTES
        && host.contains('.')
        && host.split('.').all(is_label)
        && last.len() >= 2
        && (last.bytes().all(|byte| byte.is_ascii_alphabetic()) || last.starts_with("xn--"))
}

/// Replaces written signs of a folded text, where they stand as in an address.
pub fn unescape(folded: &str) -> Cow<'_, str> {
    let signs = written_signs(folded);
    if signs.is_empty() {
        return Cow::Borrowed(folded);
    }
    let mut plain = String::with_capacity(folded.len());
    let mut at = 0;
    for WrittenSign { range, sign } in signs {
        plain.push_str(folded.get(at..range.start).unwrap_or_default());
        plain.push(sign);
        at = range.end;
    }
    plain.push_str(folded.get(at..).unwrap_or_default());
    Cow::Owned(plain)
}

/// Lists the written signs of a folded text in order, without overlap; linear, and a few passes of a vectorised search
/// where there is none.
///
/// A sign counts only in an address: `@` between characters of one, a dot behind an `@` or another dot of the host; bare
/// words (` at `, ` dot `) only if the host goes on with a dot.
pub fn written_signs(folded: &str) -> Vec<WrittenSign> {
    let mut candidates: Vec<WrittenSign> = Vec::new();
    for open in memchr::memchr3_iter(b'[', b'(', b'{', folded.as_bytes()) {
        candidates.extend(bracketed(folded, open));
    }
    for (words, sign) in [(&BARE_AT[..], '@'), (&BARE_DOT[..], '.')] {
        for word in words {
            let found = memchr::memmem::find_iter(folded.as_bytes(), word.as_bytes());
            candidates.extend(found.map(|at| WrittenSign { range: widen(folded, at..at + word.len()), sign }));
        }
    }
    candidates.sort_by_key(|candidate| (candidate.range.start, std::cmp::Reverse(candidate.range.end)));
    keep_addresses(folded, candidates)
}

/// Reads `[at]`, `( dot )`, `{@}` at an opening bracket.
fn bracketed(folded: &str, open: usize) -> Option<WrittenSign> {
    let inner = folded.get(open + 1..)?;
    let close = inner.bytes().take(24).position(|byte| matches!(byte, b']' | b')' | b'}'))?;
    let word = inner.get(..close)?.trim();
    let sign = if AT.contains(&word) {
        '@'
    } else if DOT.contains(&word) {
        '.'
    } else {
        return None;
    };
    Some(WrittenSign { range: widen(folded, open..open + close + 2), sign })
}

/// Takes one blank on each side along: `a [at] b`.
fn widen(folded: &str, range: Range<usize>) -> Range<usize> {
    let is_blank = |at: Option<usize>| at.and_then(|at| folded.as_bytes().get(at)) == Some(&b' ');
    let start = if is_blank(range.start.checked_sub(1)) { range.start - 1 } else { range.start };
    let end = if is_blank(Some(range.end)) { range.end + 1 } else { range.end };
    start..end
}

fn keep_addresses(folded: &str, candidates: Vec<WrittenSign>) -> Vec<WrittenSign> {
    let bytes = folded.as_bytes();
    let mut kept: Vec<WrittenSign> = Vec::new();
    // The part of a host that is being read: a dot may stand in it or at its end.
    let mut host = 0..0;
    let mut waiting: Option<WrittenSign> = None;
    for candidate in candidates {
        let Range { start, end } = candidate.range;
        if kept.last().into_iter().chain(&waiting).any(|before| start < before.range.end) {
            continue;
        }
        let is_between = start.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(|byte| is_member(*byte))
            && bytes.get(end).is_some_and(|byte| is_member(*byte));
        if !is_between {
            continue;
        }
        let run =
            end + bytes.get(end..).unwrap_or_default().iter().take(HOST_BYTES).take_while(|b| is_member(**b)).count();
        if candidate.sign == '@' {
            let is_whole = bytes.get(end..run).unwrap_or_default().contains(&b'.');
            waiting = (!is_whole).then(|| candidate.clone());
            if is_whole {
                kept.push(candidate);
            }
            host = end..run;
        } else if (host.start < start && start <= host.end) || opens_host(bytes, start) {
            let waiting = waiting.take();
            let label = waiting.as_ref().and_then(|sign| folded.get(sign.range.end..start));
            if !label.is_some_and(|label| ARTICLES.contains(&label)) {
                kept.extend(waiting);
                kept.push(candidate);
                host = end..run;
            }
        }
    }
    kept
}

/// Tells whether the label before `end` follows a plain `@`.
fn opens_host(bytes: &[u8], end: usize) -> bool {
    let before = bytes.get(end.saturating_sub(LOCAL_BYTES)..end).unwrap_or_default();
    let label = before.iter().rev().take_while(|byte| is_member(**byte)).count();
    label > 0 && before.len().checked_sub(label + 1).and_then(|at| before.get(at)) == Some(&b'@')
}

/// Characters of addresses; letters beyond ASCII too.
const fn is_member(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn written_signs_are_read_in_addresses_only() {
        for (written, plain) in [
            ("a.b [at] post [dot] example", "a.b@post.example"),
            ("a.b(at)post.example", "a.b@post.example"),
            ("write a at post dot example now", "write a@post.example now"),
            ("ada{at}post(dot)co(dot)example", "ada@post.co.example"),
            ("邮箱ada艾特post.example", "邮箱ada@post.example"),
            ("ада собака почта точка рф", "ада@почта.рф"),
            ("ada собака post.example", "ada@post.example"),
            ("ada@post(dot)example", "ada@post.example"),
            ("ada @ post.example", "ada@post.example"),
            ("meet me at noon dot", "meet me at noon dot"),
            ("look at the dot on i", "look at the dot on i"),
            ("f(a) and [at] nothing", "f(a) and [at] nothing"),
            ("(dot) (at)", "(dot) (at)"),
            ("@a艾特 dot  at ", "@a艾特 dot  at "),
            ("三点半 собака лает", "三点半 собака лает"),
        ] {
            assert_eq!(unescape(written), plain, "{written}");
        }
    }

    #[test]
    fn addresses_follow_the_rules() {
        for (address, valid) in [
            ("a@b.example", true),
            ("a.b+c@post.co.example", true),
            ("квилл@xn--80a1acny.xn--p1ai", true),
            ("a..b@post.example", false),
            (".a@post.example", false),
            ("a@post", false),
            ("a@post.1", false),
            ("a@-post.example", false),
            ("a@b", false),
            ("a", false),
        ] {
            assert_eq!(is_valid(address), valid, "{address}");
        }
    }

    proptest! {
        #[test]
        fn signs_are_in_order_and_do_not_overlap(text in "(a|\\.|@| |\\[at\\]|\\(dot\\)| at | dot |艾特|собака|点|\\[|\\)){0,40}") {
            let signs = written_signs(&text);
            for pair in signs.windows(2) {
                prop_assert!(pair[0].range.end <= pair[1].range.start, "{:?}", signs);
            }
            prop_assert!(signs.iter().all(|sign| text.get(sign.range.clone()).is_some()));
            let _ = unescape(&text);
        }
    }
}
