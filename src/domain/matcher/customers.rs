//! Real customers' identifiers, by their fingerprints: values by shape and check digits, put into canonical form, hashed with
//! each organization's key, looked up.
//!
//! Not here: pairs of masked parts, which need rows; whether hits mean anything (`Scan::tested` gives the rate).

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::scan::{TORN_BYTES, first_character, is_image};
use super::{Document, EntryKind, FINGERPRINT_HITS, Hit, Scan, Tested};
use crate::domain::fingerprints::{FingerprintSet, Fingerprints};
use crate::domain::identifier::{
    Fingerprint, FingerprintKind, Hasher, Kind, Part, canonical, check, email, is_valid, mask, phone,
};
use crate::domain::span::ByteSpan;
use crate::domain::text::{COMPACT, Form, Place, View, charset_of, form_of, piece_end};
use crate::domain::watchlist::OrganizationId;

const PIECE_BYTES: usize = 1 << 18;
const OVERLAP_BYTES: usize = 4096;
/// Digits of one number, its separators left out.
const DIGITS: usize = 40;
/// Groups of one number: `12 34 56 78 90 12`.
const GROUPS: usize = 8;
/// Letters and digits of an IBAN (ISO 13616).
const IBAN: Range<usize> = 15..35;

/// What is looked up, and nothing if it is empty.
#[derive(Debug, Default)]
pub(super) struct Customers {
    pub(super) fingerprints: Fingerprints,
}

/// A value that could be somebody's.
struct Candidate {
    range: Range<usize>,
    kind: FingerprintKind,
    /// What it may mean; more than one for telephone numbers without a country.
    readings: Vec<String>,
}

impl Customers {
    /// Looks up all that one member holds; appends hits and counts what was tested.
    pub(super) fn scan_member(&self, document: &Document<'_>, scan: &mut Scan) {
        if self.fingerprints.is_empty() || is_image(document.bytes) {
            return;
        }
        let mut tally = Tally::default();
        if form_of(document.bytes, document.name, document.media_type) == Form::Markup {
            let view = View::new(document.bytes, document.charset, Form::Markup, String::new());
            self.scan_view(&view, (0, 0..view.text.len()), (scan, &mut tally));
        } else {
            let (charset, mut start) = charset_of(document.bytes, document.charset);
            let mut buffer = String::new();
            let mut is_cut_before = false;
            while start < document.bytes.len() {
                let piece = piece_end(document.bytes, charset, start, PIECE_BYTES);
                let view = View::of_piece(
                    document.bytes.get(start..piece.end).unwrap_or_default(),
                    charset,
                    Form::Plain,
                    buffer,
                );
                // What may be torn here is whole in the piece beside.
                let own = if is_cut_before { TORN_BYTES } else { 0 };
                let end = if piece.is_line_end { view.text.len() } else { view.text.len().saturating_sub(TORN_BYTES) };
                self.scan_view(&view, (start, own..end), (scan, &mut tally));
                is_cut_before = !piece.is_line_end;
                start = if piece.is_line_end { piece.end } else { piece.resume(OVERLAP_BYTES) };
                buffer = view.text;
            }
        }
        tally.add_to(&mut scan.tested);
    }

    fn scan_view(&self, view: &View<'_>, (start, own): (usize, Range<usize>), (scan, tally): (&mut Scan, &mut Tally)) {
        let wanted: Vec<FingerprintKind> = self.fingerprints.sets().iter().map(|(hasher, _)| hasher.kind()).collect();
        let mut candidates = candidates(&view.text, &wanted);
        candidates.retain(|candidate| candidate.range.start >= own.start && candidate.range.end <= own.end);
        let locator = LazyCell::new(|| view.locator());
        let mut told = scan.hits.iter().filter(|hit| hit.kind == EntryKind::Fingerprint).count();
        let mut hits: BTreeSet<(usize, &OrganizationId)> = BTreeSet::new();
        for (hasher, set) in self.fingerprints.sets() {
            let organization = &set.label.organization;
            let found = look_up(&candidates, hasher, set);
            for (at, candidate) in of_kind(&candidates, hasher.kind()) {
                let row = line_start(&view.text, candidate.range.start);
                tally.note(organization, candidate.kind, (row, at), found.contains_key(&at));
            }
            for (at, fingerprint) in found {
                let Some(candidate) = candidates.get(at).filter(|_| told < FINGERPRINT_HITS) else { break };
                if !hits.insert((at, organization)) {
                    continue;
                }
                told += 1;
                let row = first_character(&view.text, line_start(&view.text, candidate.range.start));
                let places = (locator.place(&candidate.range), locator.place(&row).span.start);
                let mut hit = candidate.hit(organization, fingerprint, places);
                let offset = start as u64;
                hit.span = ByteSpan::new(offset + hit.span.start, offset + hit.span.end);
                hit.row += offset;
                scan.hits.push(hit);
            }
        }
        tally.end_view();
    }
}

impl Candidate {
    fn hit(&self, organization: &OrganizationId, fingerprint: Fingerprint, (mut place, row): (Place, u64)) -> Hit {
        if self.kind != FingerprintKind::Email {
            place.steps.push(COMPACT.to_owned());
        }
        Hit {
            organization: organization.clone(),
            entry: format!("fp:{}:{fingerprint}", self.kind),
            kind: EntryKind::Fingerprint,
            field: self.kind.as_str().to_owned(),
            member: String::new(),
            span: place.span,
            masked: self.readings.first().map(|value| mask(kind_of(self.kind), value)).unwrap_or_default(),
            steps: place.steps,
            strength: strength(self.kind),
            row,
        }
    }
}

fn of_kind(candidates: &[Candidate], kind: FingerprintKind) -> impl Iterator<Item = (usize, &Candidate)> {
    candidates.iter().enumerate().filter(move |(_, candidate)| candidate.kind == kind)
}

/// Returns which candidates a set holds, each with the fingerprint of the reading that it holds.
fn look_up(candidates: &[Candidate], hasher: &Hasher, set: &FingerprintSet) -> BTreeMap<usize, Fingerprint> {
    let mut origins: Vec<usize> = Vec::new();
    let mut asked: Vec<Fingerprint> = Vec::new();
    for (at, candidate) in of_kind(candidates, hasher.kind()) {
        for reading in &candidate.readings {
            origins.push(at);
            asked.push(hasher.fingerprint(reading.as_bytes()));
        }
    }
    let mut found: BTreeMap<usize, Fingerprint> = BTreeMap::new();
    set.find_all(&asked, |at| {
        if let (Some(origin), Some(fingerprint)) = (origins.get(at), asked.get(at)) {
            found.entry(*origin).or_insert(*fingerprint);
        }
    });
    found
}

/// What has been tested in one member.
#[derive(Default)]
struct Tally(BTreeMap<(OrganizationId, Option<Kind>), Count>);

#[derive(Default)]
struct Count {
    /// By row and place, until the view is done.
    tested: BTreeMap<(usize, usize), bool>,
    values: u64,
    hits: u64,
    rows: u64,
    rows_hit: u64,
}

impl Tally {
    /// Two epochs test a value once.
    fn note(&mut self, organization: &OrganizationId, kind: FingerprintKind, place: (usize, usize), is_hit: bool) {
        for kind in [Some(kind_of(kind)), None] {
            let count = self.0.entry((organization.clone(), kind)).or_default();
            *count.tested.entry(place).or_default() |= is_hit;
        }
    }

    fn end_view(&mut self) {
        for count in self.0.values_mut() {
            let mut last = None;
            let mut is_row_hit = false;
            for ((row, _), is_hit) in std::mem::take(&mut count.tested) {
                if last != Some(row) {
                    count.rows += 1;
                    is_row_hit = false;
                    last = Some(row);
                }
                count.values += 1;
                count.hits += u64::from(is_hit);
                count.rows_hit += u64::from(is_hit && !is_row_hit);
                is_row_hit |= is_hit;
            }
        }
    }

    fn add_to(self, tested: &mut Vec<Tested>) {
        for ((organization, kind), Count { values, hits, rows, rows_hit, .. }) in self.0 {
            match tested.iter_mut().find(|known| known.organization == organization && known.kind == kind) {
                Some(known) => {
                    known.values += values;
                    known.hits += hits;
                    known.rows += rows;
                    known.rows_hit += rows_hit;
                }
                None => tested.push(Tested { organization, kind, values, hits, rows, rows_hit }),
            }
        }
    }
}

fn kind_of(kind: FingerprintKind) -> Kind {
    match kind.parts() {
        [Part::Whole(kind)] => *kind,
        _ => Kind::Other,
    }
}

/// About the bits that tell one person's value from all others'.
const fn strength(kind: FingerprintKind) -> u32 {
    match kind {
        FingerprintKind::Phone => 33,
        FingerprintKind::Pan
        | FingerprintKind::Account
        | FingerprintKind::Iban
        | FingerprintKind::ResidentId
        | FingerprintKind::NationalId
        | FingerprintKind::Passport
        | FingerprintKind::Email
        | FingerprintKind::Pan6l4Ph3l4
        | FingerprintKind::Ph3l4Nm
        | FingerprintKind::Ric6l4Nm
        | FingerprintKind::Ric6l4Ph3l4 => 40,
    }
}

fn line_start(text: &str, at: usize) -> usize {
    memchr::memrchr(b'\n', text.as_bytes().get(..at).unwrap_or_default()).map_or(0, |end| end + 1)
}

/// Finds what could be somebody's; in the order of the text for each kind.
fn candidates(text: &str, wanted: &[FingerprintKind]) -> Vec<Candidate> {
    let mut found = Vec::new();
    let is_wanted = |kind: FingerprintKind| wanted.contains(&kind);
    let numbers = [FingerprintKind::Pan, FingerprintKind::ResidentId, FingerprintKind::Phone, FingerprintKind::Account];
    if numbers.into_iter().any(is_wanted) {
        each_number(text, &mut |number| number.read(wanted, &mut found));
    }
    if is_wanted(FingerprintKind::Email) {
        emails(text, &mut found);
    }
    let codes = [FingerprintKind::Iban, FingerprintKind::NationalId, FingerprintKind::Passport];
    if codes.into_iter().any(is_wanted) {
        tokens(text, wanted, &mut found);
    }
    found.sort_by_key(|candidate| candidate.range.start);
    found
}

/// Groups of digits with at most two separators between them.
struct Number<'t> {
    text: &'t [u8],
    groups: Vec<Range<usize>>,
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')')
}

fn each_number(text: &str, take: &mut impl FnMut(&Number<'_>)) {
    let bytes = text.as_bytes();
    let mut number = Number { text: bytes, groups: Vec::new() };
    let mut at = 0;
    while let Some(start) = bytes.iter().skip(at).position(u8::is_ascii_digit).map(|skipped| at + skipped) {
        number.groups.clear();
        let (mut next, mut digits) = (start, 0);
        loop {
            let length = bytes.iter().skip(next).take_while(|byte| byte.is_ascii_digit()).count();
            at = next + length;
            digits += length;
            if digits > DIGITS || number.groups.len() == GROUPS {
                break;
            }
            number.groups.push(next..at);
            let gap = bytes.iter().skip(at).take(3).take_while(|byte| is_separator(**byte)).count();
            next = at + gap;
            if gap == 0 || gap > 2 || !bytes.get(next).is_some_and(u8::is_ascii_digit) {
                break;
            }
        }
        if !number.groups.is_empty() {
            take(&number);
        }
    }
}

impl Number<'_> {
    /// Reads the whole, else parts made of whole groups.
    fn read(&self, wanted: &[FingerprintKind], found: &mut Vec<Candidate>) {
        let count = self.groups.len();
        if self.read_part(0..count, wanted, found) || count == 1 {
            return;
        }
        let mut first = 0;
        while first < count {
            let longest = (first + 1..=count).rev().find(|end| self.read_part(first..*end, wanted, found));
            first = longest.unwrap_or(first + 1);
        }
    }

    /// Reads some groups as one value of each kind that they can be.
    fn read_part(&self, groups: Range<usize>, wanted: &[FingerprintKind], found: &mut Vec<Candidate>) -> bool {
        let groups = self.groups.get(groups).unwrap_or_default();
        let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return false };
        let mut range = first.start..last.end;
        let mut digits: Vec<u8> = Vec::with_capacity(DIGITS + 1);
        for group in groups {
            digits.extend_from_slice(self.text.get(group.clone()).unwrap_or_default());
        }
        let before = first.start.checked_sub(1).and_then(|at| self.text.get(at)).copied();
        let after = self.text.get(last.end).copied();
        let is_glued = before.is_some_and(|byte| byte.is_ascii_alphabetic());
        let is_open = after.is_some_and(|byte| byte.is_ascii_alphabetic());
        let count = found.len();
        let is_wanted = |kind: FingerprintKind| wanted.contains(&kind);
        if !is_glued && after == Some(b'x') && digits.len() == 17 && is_wanted(FingerprintKind::ResidentId) {
            digits.push(b'X');
            range.end += 1;
        }
        let value = String::from_utf8_lossy(&digits);
        let mut add = |kind: FingerprintKind, readings: Vec<String>| {
            if !readings.is_empty() {
                found.push(Candidate { range: range.clone(), kind, readings });
            }
        };
        if !is_glued && (15..=18).contains(&digits.len()) && is_wanted(FingerprintKind::ResidentId) {
            let read = canonical(Kind::ResidentId, &value).filter(|read| is_valid(Kind::ResidentId, read));
            add(FingerprintKind::ResidentId, read.into_iter().collect());
        }
        if !is_glued && !is_open && is_wanted(FingerprintKind::Pan) && check::pan(&digits) {
            add(FingerprintKind::Pan, vec![value.to_string()]);
        }
        if !is_glued && !is_open && (7..=18).contains(&digits.len()) && is_wanted(FingerprintKind::Phone) {
            let readings: Vec<String> = if before == Some(b'+') {
                canonical(Kind::Phone, &format!("+{value}")).into_iter().collect()
            } else {
                phone::readings(&digits).map(|number| number.as_str().to_owned()).collect()
            };
            add(FingerprintKind::Phone, readings.into_iter().filter(|number| phone::is_valid(number)).collect());
        }
        if !is_open && (5..=DIGITS).contains(&digits.len()) && is_wanted(FingerprintKind::Account) {
            add(FingerprintKind::Account, vec![value.to_string()]);
        }
        // An account can be any number: it does not keep its parts from being read.
        found.iter().skip(count).any(|candidate| candidate.kind != FingerprintKind::Account)
    }
}

fn emails(text: &str, found: &mut Vec<Candidate>) {
    let bytes = text.as_bytes();
    let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    for at in memchr::memchr_iter(b'@', bytes) {
        let before =
            bytes.get(..at).unwrap_or_default().iter().rev().take(64).take_while(|byte| is_local(byte)).count();
        let after = bytes.get(at + 1..).unwrap_or_default().iter().take(253).take_while(|byte| is_host(byte)).count();
        let whole = text.get(at - before..at + 1 + after).unwrap_or_default();
        let value = whole.trim_start_matches(['.', '-', '%', '+']).trim_end_matches(['.', '-']);
        let start = at - before + (whole.len() - whole.trim_start_matches(['.', '-', '%', '+']).len());
        if let Some(read) = email::canonical(value).filter(|read| email::is_valid(read)) {
            found.push(Candidate {
                range: start..start + value.len(),
                kind: FingerprintKind::Email,
                readings: vec![read],
            });
        }
    }
}

/// Reads runs of letters and digits: IBANs with blanks between their groups, passports, national numbers.
fn tokens(text: &str, wanted: &[FingerprintKind], found: &mut Vec<Candidate>) {
    let bytes = text.as_bytes();
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(start) = bytes.iter().skip(at).position(u8::is_ascii_alphanumeric).map(|skipped| at + skipped) {
        at = start + bytes.iter().skip(start).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        runs.push(start..at);
    }
    for (number, run) in runs.iter().enumerate() {
        let token = text.get(run.clone()).unwrap_or_default();
        if wanted.contains(&FingerprintKind::Iban) {
            found.extend(iban(text, runs.get(number..).unwrap_or_default()));
        }
        let digits = token.bytes().filter(u8::is_ascii_digit).count();
        if digits < 4 || token.len() > 24 {
            continue;
        }
        for kind in
            [FingerprintKind::NationalId, FingerprintKind::Passport].into_iter().filter(|kind| wanted.contains(kind))
        {
            let readings: Vec<String> = canonical(kind_of(kind), token).into_iter().collect();
            found.push(Candidate { range: run.clone(), kind, readings });
        }
    }
}

/// Reads an IBAN that begins with the first run.
fn iban(text: &str, runs: &[Range<usize>]) -> Option<Candidate> {
    let first = runs.first()?;
    let head = text.get(first.clone())?.as_bytes();
    let is_head = matches!(head, [a, b, c, d, ..] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic()
        && c.is_ascii_digit() && d.is_ascii_digit());
    if !is_head {
        return None;
    }
    let mut value = String::new();
    let mut end = first.start;
    for run in runs {
        let is_joined = value.is_empty() || matches!(text.get(end..run.start), Some(" " | "-"));
        if !is_joined || value.len() + run.len() >= IBAN.end {
            return None;
        }
        value.push_str(&text.get(run.clone())?.to_ascii_uppercase());
        end = run.end;
        if IBAN.contains(&value.len()) && check::iban(value.as_bytes()) {
            return Some(Candidate { range: first.start..end, kind: FingerprintKind::Iban, readings: vec![value] });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Matcher;
    use super::*;
    use crate::domain::fingerprints::Label;
    use crate::domain::identifier::{Epoch, FingerprintKey};
    use crate::domain::secret::Secret;
    use crate::domain::text::replay;

    fn matcher(epochs: &[u32], values: &[(FingerprintKind, &str)]) -> Matcher {
        let mut fingerprints = Fingerprints::default();
        for epoch in epochs {
            let bank = OrganizationId("bank".to_owned());
            let key = FingerprintKey::new(bank, Epoch(*epoch), Secret::new([7; 32]));
            for (kind, value) in values {
                let made = Hasher::new(&key, *kind).fingerprint(value.as_bytes());
                assert!(fingerprints.add(&key, Arc::new(FingerprintSet::of(Label::of(&key, *kind), vec![made]))));
            }
        }
        Matcher::default().with_fingerprints(fingerprints)
    }

    fn scan(matcher: &Matcher, text: &str, name: &str) -> Scan {
        matcher.scan(&Document { bytes: text.as_bytes(), name, media_type: None, charset: None })
    }

    #[test]
    fn customers_are_found_in_the_spellings_of_sellers() {
        for (kind, canonical, text) in [
            (FingerprintKind::Pan, "4000000000000002", "卡号4000000000000002有效"),
            (FingerprintKind::Pan, "4000000000000002", "<p>4000<b> 0000</b>&nbsp;0000-0002</p>"),
            (FingerprintKind::Pan, "4000000000000002", "4000000000000002 12/29 123 Jo"),
            (FingerprintKind::Pan, "4000000000000002", "４０００００００００００００００２"),
            (FingerprintKind::Phone, "+8613812345678", "电话13812345678微信"),
            (FingerprintKind::Phone, "+8613812345678", "+86 138-1234-5678"),
            (FingerprintKind::ResidentId, "11010519491231002X", "身份证11010519491231002x。"),
            (FingerprintKind::Email, "jo@post.example", "<Jo@Post.Example>,"),
            (FingerprintKind::Iban, "DE89370400440532013000", "IBAN DE89 3704 0044 0532 0130 00, Berlin"),
            (FingerprintKind::Account, "6986859770124757", "EX6986859770124757"),
            (FingerprintKind::Passport, "AB1234567", "passport ab1234567"),
        ] {
            let matcher = matcher(&[1, 2], &[(kind, canonical)]);
            let name = if text.starts_with("<p") { "x.html" } else { "x.txt" };
            let scan = scan(&matcher, text, name);
            let [hit] = scan.hits.as_slice() else { panic!("{text}: {:?}", scan.hits) };
            assert_eq!((hit.kind, hit.field.as_str()), (EntryKind::Fingerprint, kind.as_str()));
            assert!(hit.entry.starts_with(&format!("fp:{kind}:")) && hit.entry.len() == 4 + kind.as_str().len() + 16);
            assert!(!hit.masked.contains(canonical));
            assert!(replay(text.as_bytes(), hit.span, &hit.steps).is_some_and(|value| !value.is_empty()), "{hit:?}");
            let rates: Vec<(u64, u64)> = scan.tested.iter().map(|tested| (tested.hits, tested.rows_hit)).collect();
            assert_eq!(rates, [(1, 1), (1, 1)], "{text}");
        }
    }

    #[test]
    fn the_rate_is_counted_over_rows_and_two_epochs_count_once() {
        let matcher = matcher(&[1, 2], &[(FingerprintKind::Pan, "4000000000000002")]);
        let text = "4000000000000002,4000000000000010\n4000000000000028\nnone\n4000000000000002\n";
        let scan = scan(&matcher, text, "x.csv");
        let [of_kind, of_all] =
            [Some(Kind::Pan), None].map(|kind| scan.tested.iter().find(|tested| tested.kind == kind).unwrap());
        assert_eq!((of_kind.values, of_kind.hits, of_kind.rows, of_kind.rows_hit), (4, 2, 3, 2));
        assert_eq!((of_all.values, of_all.hits, of_all.rows, of_all.rows_hit), (4, 2, 3, 2));
        assert_eq!(scan.hits.len(), 2);
    }

    #[test]
    fn numbers_with_wrong_check_digits_or_glued_to_letters_are_not_tested() {
        let matcher = matcher(&[1], &[(FingerprintKind::Pan, "4000000000000002")]);
        for text in ["4000000000000003", "a4000000000000002", "4000000000000002f", "14000000000000002"] {
            assert_eq!(scan(&matcher, text, "x.txt"), Scan::default(), "{text}");
        }
    }

    #[test]
    fn values_are_found_once_wherever_a_long_text_is_cut() {
        let matcher = matcher(&[1], &[(FingerprintKind::Pan, "4000000000000002")]);
        for shift in [0, 3, 9, 17, 2000] {
            let filler = "ab ".repeat((PIECE_BYTES - 2100 + shift) / 3);
            let text = format!("{filler}4000000000000002 {filler}4000000000000002");
            assert_eq!(scan(&matcher, &text, "x.txt").hits.len(), 2, "{shift}");
        }
    }

    #[test]
    fn pages_of_digits_cost_little_and_tell_at_most_so_many_hits() {
        let all: Vec<(FingerprintKind, &str)> =
            FingerprintKind::ALL.iter().map(|kind| (*kind, "4000000000000002")).collect();
        let matcher = matcher(&[1], &all);
        let text = "4000000000000002\n".repeat(5000);
        let hits = scan(&matcher, &text, "x.txt").hits;
        assert_eq!(hits.len(), FINGERPRINT_HITS);
        for text in ["1".repeat(300_000), "1 ".repeat(150_000), "12-".repeat(100_000), "1@".repeat(150_000)] {
            assert!(scan(&matcher, &text, "x.txt").hits.is_empty());
        }
    }
}
