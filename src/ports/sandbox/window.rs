//! Collects the pieces of members into windows that the matcher can search, so that memory does not grow with a member.
//!
//! A window ends where a line ends; what was found in it is told in bytes and rows of the whole member.

use std::collections::HashSet;

use crate::domain::container::{Origin, Piece};
use crate::domain::matcher::{Document, Hit, Matcher, Scan};
use crate::domain::oddity::Oddity;
use crate::domain::text::{charset_of, piece_end};

/// Members up to this size are searched as one; of larger ones, so much at once.
const WINDOW_BYTES: usize = 16 << 20;
/// What a window repeats of the one before if a line is longer than a window.
const OVERLAP_BYTES: usize = 4096;
/// Oddities kept of one document.
const ODDITIES: usize = 100;

/// The search of one document, member by member.
pub(super) struct Windows<'a> {
    matcher: &'a Matcher,
    name: &'a str,
    /// Declared media type and charset of the document itself.
    declared: (Option<&'a str>, Option<&'a str>),
    window_bytes: usize,
    scan: Scan,
    member: Member,
}

/// The member that is being read.
#[derive(Debug, Default)]
struct Member {
    path: String,
    origin: Origin,
    /// What has come and was not searched yet.
    bytes: Vec<u8>,
    /// Bytes searched before.
    offset: u64,
    /// Charset of the first window, which holds for all.
    charset: Option<&'static str>,
    /// Hits of the window before, which this one may repeat.
    repeated: Vec<Hit>,
}

impl<'a> Windows<'a> {
    pub(super) fn new(matcher: &'a Matcher, name: &'a str, declared: (Option<&'a str>, Option<&'a str>)) -> Self {
        let (scan, member) = (Scan::default(), Member::default());
        Self { matcher, name, declared, window_bytes: WINDOW_BYTES, scan, member }
    }

    /// Takes one step of the unpacking.
    pub(super) fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Start(path, origin) => {
                let mut bytes = std::mem::take(&mut self.member.bytes);
                bytes.clear();
                self.member = Member { path: path.to_owned(), origin, bytes, ..Member::default() };
            }
            Piece::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    let room = self.window_bytes.saturating_sub(self.member.bytes.len()).min(bytes.len());
                    let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
                    self.member.bytes.extend_from_slice(now);
                    bytes = later;
                    if self.member.bytes.len() >= self.window_bytes {
                        self.search_window();
                    }
                }
            }
            Piece::End => self.search_rest(),
            Piece::Odd(oddity) => self.odd(oddity),
        }
    }

    /// Returns everything that was found.
    pub(super) fn finish(self) -> Scan {
        self.scan
    }

    /// Drops what was found twice: a member that came in part may have come again.
    pub(super) fn drop_repeats(&mut self) {
        let mut known = HashSet::new();
        self.scan.hits.retain(|hit| {
            let place = (hit.member.clone(), hit.span.start, hit.span.end);
            known.insert((place, hit.organization.clone(), hit.entry.clone(), hit.field.clone()))
        });
    }

    fn odd(&mut self, oddity: Oddity) {
        if self.scan.oddities.len() < ODDITIES && !self.scan.oddities.contains(&oddity) {
            self.scan.oddities.push(oddity);
        }
    }

    /// Searches what has come up to the end of its last line.
    fn search_window(&mut self) {
        let declared = if self.member.origin == Origin::Document { self.declared.1 } else { None };
        let (charset, _) = match self.member.charset {
            Some(charset) => (charset, 0),
            None => charset_of(&self.member.bytes, declared),
        };
        self.member.charset = Some(charset);
        // The last byte is left out: whether a line ends behind it is not known yet.
        let length = self.member.bytes.len().saturating_sub(1);
        let end = piece_end(&self.member.bytes, charset, 0, length);
        let (cut, is_line_end) = (end.end.max(1), end.is_line_end);
        let resume = if is_line_end { cut } else { end.resume(OVERLAP_BYTES).max(1) };
        let rest = self.member.bytes.split_off(cut);
        let window = std::mem::replace(&mut self.member.bytes, rest);
        self.search(&window);
        if is_line_end {
            self.member.repeated.clear();
        }
        if let Some(overlap) = window.get(resume..) {
            self.member.bytes.splice(0..0, overlap.iter().copied());
        }
        self.member.offset += resume as u64;
    }

    fn search_rest(&mut self) {
        let bytes = std::mem::take(&mut self.member.bytes);
        if !bytes.is_empty() {
            self.search(&bytes);
        }
        self.member = Member { bytes, ..Member::default() };
    }

    fn search(&mut self, bytes: &[u8]) {
        let member = &mut self.member;
        let (media_type, charset) = if member.origin == Origin::Document { self.declared } else { (None, None) };
        let name = match member.origin {
            Origin::Document => self.name,
            Origin::File => &member.path,
            // Rendered text is no markup, whatever its sheet or table is called.
            Origin::Rendered => "rows.tsv",
        };
        let charset = if member.origin == Origin::Rendered { Some("utf-8") } else { member.charset.or(charset) };
        let mut scan = self.matcher.scan(&Document { bytes, name, media_type, charset });
        for hit in &mut scan.hits {
            hit.member.clone_from(&member.path);
            hit.span.start += member.offset;
            hit.span.end += member.offset;
            hit.row += member.offset;
        }
        let repeated = std::mem::take(&mut member.repeated);
        let is_same = |one: &Hit, other: &Hit| {
            (one.span, &one.organization, &one.entry, &one.field)
                == (other.span, &other.organization, &other.entry, &other.field)
        };
        scan.hits.retain(|hit| !repeated.iter().any(|known| is_same(known, hit)));
        let ends_at = member.offset + bytes.len() as u64;
        let is_late = |hit: &&Hit| hit.span.end + 2 * OVERLAP_BYTES as u64 >= ends_at;
        member.repeated = scan.hits.iter().filter(is_late).cloned().collect();
        let oddities = std::mem::take(&mut scan.oddities);
        self.scan.absorb(scan);
        for oddity in oddities {
            self.odd(oddity);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::watchlist::{Alerts, Anchors, Canary, Language, Organization, OrganizationId, Watchlist};

    fn matcher() -> Matcher {
        let fields = [("pan", "9990483834645856"), ("email", "vanta980@mail.example")];
        let canary = Canary {
            id: "c1".to_owned(),
            dataset: "customers".to_owned(),
            holders: Vec::new(),
            planted_at: None,
            retired_at: None,
            p: None,
            fields: fields.into(),
        };
        let organization = Organization {
            id: OrganizationId("bank".to_owned()),
            name: "bank".to_owned(),
            aliases: Vec::new(),
            language: Language::En,
            market_share: None,
            auditor: None,
            contacts: Vec::new(),
            custodians: Vec::new(),
            datasets: Vec::new(),
            anchors: Anchors::default(),
            alerts: Alerts::default(),
        };
        Matcher::compile(&[Watchlist { organization, canaries: vec![canary], deliveries: Vec::new() }])
    }

    fn searched(matcher: &Matcher, bytes: &[u8], window_bytes: usize) -> Vec<Hit> {
        let mut windows = Windows { window_bytes, ..Windows::new(matcher, "x.csv", (None, None)) };
        windows.take(Piece::Start("", Origin::Document));
        bytes.chunks(97).for_each(|chunk| windows.take(Piece::Bytes(chunk)));
        windows.take(Piece::End);
        windows.finish().hits
    }

    fn line() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "9990483834645856;Карта",
            "x;vanta980@mail.example;9990 4838 3464 5856",
            "0000111122223333;nobody@post.example",
            "",
            "номер 12",
        ])
    }

    proptest! {
        #[test]
        fn windows_find_what_the_whole_holds(lines in proptest::collection::vec(line(), 0..60), window_bytes in 200_usize..900, is_wide: bool) {
            let text = lines.join("\n");
            let wide = || "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
            let bytes: Vec<u8> = if is_wide { wide() } else { text.clone().into_bytes() };
            let matcher = matcher();
            let places = |hits: Vec<Hit>| -> Vec<(u64, u64, u64, String)> {
                hits.into_iter().map(|hit| (hit.span.start, hit.span.end, hit.row, hit.field)).collect()
            };
            let whole = matcher.scan(&Document { bytes: &bytes, name: "x.csv", media_type: None, charset: None });
            prop_assert_eq!(places(searched(&matcher, &bytes, window_bytes)), places(whole.hits));
        }
    }

    #[test]
    fn a_line_longer_than_a_window_is_searched_once_in_every_place() {
        let matcher = matcher();
        let line = format!("{}9990483834645856;{}", "7,".repeat(30_000), "8,".repeat(30_000));
        let found = searched(&matcher, line.as_bytes(), 20_000);
        assert_eq!(found.iter().map(|hit| hit.span.start).collect::<Vec<_>>(), vec![60_000]);
    }

    #[test]
    fn hits_name_their_members_and_floods_of_oddities_are_cut() {
        let matcher = matcher();
        let mut windows = Windows::new(&matcher, "x.zip", (Some("text/html"), Some("utf-16le")));
        for path in ["a.csv", "b/c.csv"] {
            windows.take(Piece::Start(path, Origin::File));
            windows.take(Piece::Bytes(b"x\n9990483834645856"));
            windows.take(Piece::End);
        }
        (0..500).for_each(|number| windows.take(Piece::Odd(Oddity::new("odd", number.to_string()))));
        let scan = windows.finish();
        let members: Vec<(&str, u64)> = scan.hits.iter().map(|hit| (hit.member.as_str(), hit.span.start)).collect();
        assert_eq!(members, vec![("a.csv", 2), ("b/c.csv", 2)]);
        assert_eq!(scan.oddities.len(), ODDITIES);
    }
}
