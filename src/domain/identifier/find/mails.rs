//! Mail and Jabber addresses, their signs plain or written out.

use std::ops::Range;

use super::super::{Kind, email, handle};
use super::{Finder, Weak};

const LOCAL_BYTES: usize = 64;
const HOST_BYTES: usize = 253;
/// `logo@2x.png` is a file.
const FILES: [&str; 12] = ["png", "jpg", "jpeg", "gif", "webp", "svg", "css", "js", "ts", "html", "php", "json"];

impl Finder<'_> {
    /// Notes the addresses of the whole text.
    pub(super) fn mails(&mut self) {
        let plain = Plain::of(self.text);
        for range in addresses(&plain.text) {
            let spelling = plain.text.get(range.clone()).unwrap_or_default().to_owned();
            let host = spelling.rsplit('@').next().unwrap_or_default();
            if FILES.contains(&host.rsplit('.').next().unwrap_or_default()) {
                continue;
            }
            let range = plain.folded(range.start)..plain.folded(range.end);
            let is_jabber = handle::is_jabber_host(host) || self.words.say(range.start, Kind::Jabber);
            self.note(if is_jabber { Kind::Jabber } else { Kind::Email }, range, &spelling, Weak::Untold);
        }
    }
}

/// A text whose written signs are signs, with the way back.
struct Plain {
    text: String,
    /// From which place on the text is a copy, and of what; in order.
    copies: Vec<(usize, usize)>,
}

impl Plain {
    fn of(folded: &str) -> Self {
        let mut plain = Self { text: String::with_capacity(folded.len()), copies: vec![(0, 0)] };
        let mut at = 0;
        for email::WrittenSign { range, sign } in email::written_signs(folded) {
            plain.text.push_str(folded.get(at..range.start).unwrap_or_default());
            plain.text.push(sign);
            at = range.end;
            plain.copies.push((plain.text.len(), at));
        }
        plain.text.push_str(folded.get(at..).unwrap_or_default());
        plain
    }

    /// Returns where a place of the text stood before.
    fn folded(&self, at: usize) -> usize {
        let after = self.copies.partition_point(|(start, _)| *start <= at);
        let (start, source) =
            after.checked_sub(1).and_then(|index| self.copies.get(index)).copied().unwrap_or_default();
        source + (at - start)
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
