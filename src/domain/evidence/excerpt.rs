//! What may be shown of a captured text: the hit by its mask, other people's identifiers veiled.
//!
//! A line that holds an identifier is taken for a row of somebody's data: of it only first characters are shown.

use crate::domain::identifier::identify;
use crate::domain::span::ByteSpan;
use crate::domain::text::{charset_of, decode_known, fold};

/// Raw bytes shown before and after a hit.
const REACH_BYTES: u64 = 700;
/// Most characters of either side.
const REACH_CHARACTERS: usize = 280;
/// Digits in a row from which a number is veiled even if no rule knows it.
const LONG_NUMBER: usize = 5;

/// A hit in its surroundings, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Text before the hit, veiled.
    pub before: String,
    /// The hit, masked.
    pub hit: String,
    /// Text after it, veiled.
    pub after: String,
}

/// Cuts the surroundings of a hit out of a body; `masked` stands for the hit itself.
pub fn excerpt(body: &[u8], declared: Option<&str>, span: ByteSpan, masked: &str) -> Excerpt {
    let (charset, _) = charset_of(body, declared);
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(body.len());
    let piece = |from: u64, to: u64| body.get(at(from)..at(to)).unwrap_or_default();
    let decode = |bytes: &[u8]| decode_known(bytes, charset).text.to_string();
    let before = decode(piece(span.start.saturating_sub(REACH_BYTES), span.start));
    let after = decode(piece(span.end, span.end.saturating_add(REACH_BYTES)));
    // A piece may begin within a tag.
    let within_tag = before.split_once('>').filter(|(head, _)| !head.contains('<'));
    let before = without_tags(within_tag.map_or(before.as_str(), |(_, text)| text));
    let after = without_tags(&after);
    // The rest of the hit's own line is a row, even if nothing else in it is known as an identifier.
    let (above, row_start) = before.rsplit_once('\n').unwrap_or(("", &before));
    let (row_end, below) = after.split_once('\n').unwrap_or((&after, ""));
    Excerpt {
        before: last_characters(&lines(&veil(above), &veil_row(row_start))),
        hit: masked.to_owned(),
        after: first_characters(&lines(&veil_row(row_end), &veil(below))),
    }
}

fn lines(one: &str, other: &str) -> String {
    let is_break_needed = !one.is_empty() && !other.is_empty();
    [one, if is_break_needed { "\n" } else { "" }, other].concat()
}

/// Veils the rows of a text: lines without an identifier or a long number stay as they are.
pub fn veil(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let is_row = has_long_number(line) || !identify(line).is_empty();
            if is_row { veil_row(line) } else { line.to_owned() }
        })
        .collect();
    lines.join("\n")
}

/// Veils one row: identifiers by their own masks' rules are still too much here, so of every word only its first
/// character is shown.
fn veil_row(line: &str) -> String {
    let mut veiled = String::with_capacity(line.len());
    let mut is_inside = false;
    for character in line.chars() {
        let is_word = character.is_alphanumeric();
        veiled.push(if is_word && is_inside { '•' } else { character });
        is_inside = is_word || (is_inside && matches!(character, '@' | '.' | '-' | '_' | '+'));
    }
    veiled
}

fn has_long_number(line: &str) -> bool {
    let mut digits = 0;
    for byte in fold(line).bytes() {
        if byte.is_ascii_digit() {
            digits += 1;
            if digits >= LONG_NUMBER {
                return true;
            }
        } else if !matches!(byte, b' ' | b'-' | b'.') {
            digits = 0;
        }
    }
    false
}

/// Drops tags and puts line breaks where blocks end; entities stay as they are written.
fn without_tags(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let Some((name, after)) = tag.split_once('>') else { return tidy(&text) };
        let name: String = name.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        if matches!(name.to_ascii_lowercase().as_str(), "br" | "p" | "div" | "tr" | "li" | "td" | "table" | "pre") {
            text.push('\n');
        }
        rest = after;
    }
    text.push_str(rest);
    tidy(&text)
}

/// One space for many, no empty lines, no control characters.
fn tidy(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> =
            line.split(|character: char| character.is_whitespace() || character.is_control()).collect();
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    });
    let ends_open = !text.ends_with('\n');
    let kept: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    let joined = kept.join("\n");
    if ends_open || joined.is_empty() { joined } else { joined + "\n" }
}

fn first_characters(text: &str) -> String {
    text.chars().take(REACH_CHARACTERS).collect()
}

fn last_characters(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(REACH_CHARACTERS);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_veiled_and_talk_is_not() {
        for (plain, shown) in [
            ("fresh base, pm me", "fresh base, pm me"),
            (
                "Anna Berg;anna.berg@post.example;9999 1200 4471 0031",
                "A••• B•••;a•••.••••@••••.•••••••;9••• 1••• 4••• 0•••",
            ),
            ("order 12345", "o•••• 1••••"),
            ("张三 13900000000", "张• 1••••••••••"),
        ] {
            assert_eq!(veil(plain), shown);
        }
    }

    #[test]
    fn an_excerpt_shows_the_hit_by_its_mask_and_nobody_elses_data() {
        let page = "<div>Fresh base of Example Bank<br>Bo Li;9999120044710049;bo@post.example<br>\
                    Ann Ray;<b>9999120044710031</b>;ann@post.example</div><p>price 500 USD";
        let start = page.find("9999120044710031").unwrap() as u64;
        let shown = excerpt(page.as_bytes(), None, ByteSpan::new(start, start + 16), "999912******0031");
        let whole = format!("{}[{}]{}", shown.before, shown.hit, shown.after);
        assert_eq!(
            whole,
            "Fresh base of Example Bank\nB• L•;9•••••••••••••••;b•@••••.•••••••\nA•• R••;[999912******0031];a••@••••.•••••••\nprice 500 USD"
        );
    }

    #[test]
    fn any_bytes_make_an_excerpt() {
        for body in [&b""[..], b"<", b">", b"<<<>>>", &[0xff, 0xfe, 0x00, 0x80]] {
            for span in [ByteSpan::new(0, 1), ByteSpan::new(2, 900), ByteSpan::new(u64::MAX - 1, u64::MAX)] {
                assert_eq!(excerpt(body, None, span, "m").hit, "m");
            }
        }
    }
}
