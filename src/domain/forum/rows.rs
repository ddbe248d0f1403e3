//! Rows of a list of threads where no id tells them: an element with one thread's title and something about it.
//!
//! The last resort for themes that changed everything but the addresses.

use std::collections::HashSet;

use scraper::ElementRef;

use crate::domain::forum::dom;
use crate::domain::forum::harvest::{Harvest, Row, RowMarks};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::urls::PlaceKind;

/// A row is small; what holds more elements is a list.
const ELEMENT_LIMIT: usize = 400;

/// Reads rows by the shape of their links.
pub(super) fn read<'a>(sheet: &Sheet<'a>, harvest: &mut Harvest<'_, 'a>) {
    let mut known = HashSet::new();
    for anchor in &sheet.anchors {
        let Some(place) = anchor.place.as_ref().filter(|place| place.kind == PlaceKind::Thread) else { continue };
        let title = dom::line(anchor.element);
        let is_number = title.bytes().all(|byte| byte.is_ascii_digit());
        if !place.is_plain || !place.is_first() || title.is_empty() || is_number || known.contains(&place.key) {
            continue;
        }
        let Some(row) = around(sheet, anchor.element) else { continue };
        known.insert(&place.key);
        let author = sheet
            .anchors_in(row)
            .find(|anchor| anchor.place.as_ref().is_some_and(|place| place.kind == PlaceKind::Member))
            .map(|anchor| dom::line(anchor.element))
            .filter(|name| !name.is_empty());
        let is_title = |element: ElementRef<'_>| element.id() == anchor.element.id();
        let moments: Vec<_> = dom::elements(row)
            .filter(|inner| dom::children(*inner).next().is_none() || dom::name(*inner) == "time")
            .filter(|inner| !dom::is_within(*inner, anchor.element))
            .filter_map(|inner| sheet.moment(inner, &is_title))
            .collect();
        let replies = dom::elements(row)
            .filter(|inner| dom::children(*inner).next().is_none())
            .find_map(|inner| count(&dom::line_up_to(inner, 20)));
        let classes: String = dom::elements(row).map(dom::class).collect::<Vec<_>>().join(" ");
        let marks = RowMarks {
            sticky: ["sticky", "pinned", "stick"].iter().any(|mark| classes.contains(mark)),
            locked: ["lock", "closed"].iter().any(|mark| classes.contains(mark)),
            moved: classes.contains("moved"),
        };
        let (created, last_post) = (moments.first().copied(), moments.last().copied());
        harvest.row(Row { place, title, author, replies, created, last_post, marks });
    }
}

/// The nearest row-like element with something else in it than the title.
fn around<'a>(sheet: &Sheet<'a>, title: ElementRef<'a>) -> Option<ElementRef<'a>> {
    let is_row = |element: &ElementRef<'_>| matches!(dom::name(*element), "tr" | "li" | "article" | "tbody" | "div");
    let is_small = |element: &ElementRef<'_>| dom::elements(*element).nth(ELEMENT_LIMIT).is_none();
    dom::ancestors(title).filter(is_row).take(5).take_while(is_small).find(|row| {
        let keys: HashSet<&str> = sheet
            .anchors_in(*row)
            .filter_map(|anchor| anchor.place.as_ref())
            .filter(|place| place.kind == PlaceKind::Thread)
            .map(|place| place.key.as_str())
            .collect();
        let has_member = sheet
            .anchors_in(*row)
            .any(|anchor| anchor.place.as_ref().is_some_and(|place| place.kind == PlaceKind::Member));
        keys.len() == 1 && has_member
    })
}

/// Reads a count that stands alone: `1,234`, `5 Replies`; a date or a name is none.
pub(super) fn count(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    let first = words.next()?;
    let digits: String = first.chars().filter(|letter| !matches!(letter, ',' | '.' | '\'')).collect();
    let is_count = !digits.is_empty() && digits.len() <= 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_alone = words.next().is_none_or(|word| word.chars().all(char::is_alphabetic)) && words.next().is_none();
    if is_count && is_alone { digits.parse().ok() } else { None }
}

/// Reads the first number of a text that may say more: `Replies: 1,234 Views: 9`, `12 replies`, `1.2K`.
pub(super) fn first_count(text: &str) -> Option<u64> {
    let start = text.find(|letter: char| letter.is_ascii_digit())?;
    let rest = text.get(start..)?;
    let is_part = |letter: char| letter.is_ascii_digit() || matches!(letter, ',' | '.' | '\'' | '\u{a0}' | '\u{202f}');
    let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
    let (number, after) = rest.split_at_checked(end)?;
    let scale: u64 = match after.trim_start().chars().next() {
        Some('K' | 'k') if !after.starts_with(' ') => 1_000,
        Some('M' | 'm') if !after.starts_with(' ') => 1_000_000,
        Some(_) | None => 1,
    };
    if scale == 1 {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        return if digits.len() <= 12 { digits.parse().ok() } else { None };
    }
    let (whole, tenth) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let tenth = tenth.get(..1).unwrap_or("0").parse::<u64>().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(tenth * scale / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_among_words_are_found() {
        for (text, expected) in [
            ("Replies: 1,234 Views: 9", Some(1_234)),
            ("12 Antworten 300 Aufrufe", Some(12)),
            ("Replies 1.2K Views 8K", Some(1_200)),
            ("2M", Some(2_000_000)),
            ("12 million", Some(12)),
            ("no number", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(first_count(text), expected, "{text}");
        }
    }

    #[test]
    fn counts_stand_alone() {
        for (text, expected) in [
            ("1,234", Some(1_234)),
            ("5 Replies", Some(5)),
            ("0", Some(0)),
            ("-", None),
            ("02 Oct 2025", None),
            ("11-21-2026", None),
            ("", None),
        ] {
            assert_eq!(count(text), expected, "{text}");
        }
    }
}
