//! Mail and Jabber addresses, their signs plain or written out.

use std::ops::Range;

use super::super::{Kind, handle};
use super::{Finder, Weak};
use crate::domain::text::plain_addresses_mapped;

const LOCAL_BYTES: usize = 64;
const HOST_BYTES: usize = 253;
/// `logo@2x.png` is a file.
const FILES: [&str; 12] = ["png", "jpg", "jpeg", "gif", "webp", "svg", "css", "js", "ts", "html", "php", "json"];

/// `look at the dot on top` is no disguised address.
const ARTICLES: [&str; 6] = ["the.", "a.", "an.", "this.", "that.", "one."];

impl Finder<'_> {
    /// Notes the addresses of the whole text.
    pub(super) fn mails(&mut self) {
        let plain = plain_addresses_mapped(self.text);
        let text = plain.as_ref().map_or(self.text, |(plain, _)| plain.as_str());
        for range in addresses(text) {
            let spelling = text.get(range.clone()).unwrap_or_default();
            let host = spelling.rsplit('@').next().unwrap_or_default();
            let is_sentence = plain.is_some() && ARTICLES.iter().any(|article| host.starts_with(article));
            if is_sentence || FILES.contains(&host.rsplit('.').next().unwrap_or_default()) {
                continue;
            }
            let range = plain.as_ref().map_or(range.clone(), |(_, map)| map.to_source(&range));
            let is_jabber = handle::is_jabber_host(host) || self.words.say(range.start, Kind::Jabber);
            self.note(if is_jabber { Kind::Jabber } else { Kind::Email }, range, spelling, Weak::Untold);
        }
    }
}

/// Lists what stands around each `@`: the ASCII reading first, so that letters of other scripts are a boundary.
fn addresses(text: &str) -> impl Iterator<Item = Range<usize>> {
    memchr::memchr_iter(b'@', text.as_bytes()).filter_map(|at| {
        let before = text.get(..at)?;
        let after = text.get(at + 1..)?;
        let ascii = around(at, before, after, |character| character.is_ascii_alphanumeric());
        ascii.or_else(|| around(at, before, after, char::is_alphanumeric))
    })
}

fn around(at: usize, before: &str, after: &str, is_letter: fn(char) -> bool) -> Option<Range<usize>> {
    let measure = |characters: &mut dyn Iterator<Item = char>, signs: &str, most: usize| {
        let mut length = 0;
        for character in characters.take_while(|character| is_letter(*character) || signs.contains(*character)) {
            length += character.len_utf8();
            if length > most {
                break;
            }
        }
        length
    };
    let local = measure(&mut before.chars().rev(), "._+%-", LOCAL_BYTES);
    let host = measure(&mut after.chars(), ".-", HOST_BYTES);
    let local = before.get(before.len() - local..)?.trim_start_matches(['.', '-', '_', '%', '+']);
    let host = after.get(..host)?.trim_end_matches(['.', '-']);
    (!local.is_empty() && local.len() <= LOCAL_BYTES && host.contains('.'))
        .then(|| at - local.len()..at + 1 + host.len())
}
