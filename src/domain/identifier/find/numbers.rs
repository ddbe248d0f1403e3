//! Numbers with check digits: cards, IBANs, identity, company, tax and insurance numbers; accounts and passports by word.

use super::super::{Kind, card, check};
use super::window::{Group, Window};
use super::{Finder, Weak};

impl Finder<'_> {
    /// Notes the numbers that begin with a window's first group.
    pub(super) fn number(&mut self, window: &Window<'_>) {
        let first = window.first();
        if first.length() > 40 || first.length() == 0 {
            return;
        }
        self.cards(window);
        self.identity(window);
        self.iban(window);
        self.numbered_by_word(window);
        self.behind_letters(window);
    }

    fn cards(&mut self, window: &Window<'_>) {
        let numbers = window.numbers();
        for count in 1..=numbers.len() {
            let lengths = window.lengths(count);
            let total: usize = lengths.iter().sum();
            if total > 19 {
                break;
            }
            let is_printed = count > 1 && is_card_grouping(lengths) && is_card_gap(window.common_gap(count));
            if total < 12 || (count > 1 && !is_printed) || window.goes_on_before() || is_fraction(window, count) {
                continue;
            }
            let (range, spelling) = window.part(count);
            let digits = window.digits(count);
            // Behind the sixteen digits of most networks three more are a security code.
            if lengths == [4, 4, 4, 4, 3]
                && !matches!(*digits, [b'6' | b'8' | b'5', ..])
                && check::pan(digits.get(..16).unwrap_or_default())
            {
                continue;
            }
            let has_network = card::has_network(&digits);
            // Shorter numbers are often something else: product codes, times, references.
            let is_likely = match digits.len() {
                12..=14 => {
                    is_printed && has_network || digits.len() == 14 && digits.first() == Some(&b'3') && has_network
                }
                16 => has_network || !matches!(digits.first(), Some(b'0' | b'1')),
                _ => has_network,
            };
            if is_likely || self.words.say(range.start, Kind::Pan) {
                let weak = if is_printed && has_network { Weak::Told } else { Weak::ToldBesideWord };
                self.note(Kind::Pan, range, spelling, weak);
            }
        }
    }

    fn identity(&mut self, window: &Window<'_>) {
        let lengths = window.lengths(4);
        let numbers = window.numbers().len();
        if window.goes_on_before() {
            return;
        }
        for (count, is_shape) in [
            (1, matches!(lengths.first(), Some(15 | 18))),
            (2, lengths.starts_with(&[17, 1]) || lengths.starts_with(&[14, 4])),
            (3, lengths.starts_with(&[6, 8, 4])),
        ] {
            if is_shape && numbers + 1 >= count {
                let (range, spelling) = window.part(count);
                if spelling.len() == 15 && !check::resident_id(spelling.as_bytes()) {
                    continue;
                }
                let weak = if looks_like_resident_id(spelling) { Weak::ToldBesideWord } else { Weak::Untold };
                // Without a check digit a date and a province are little.
                if spelling.len() != 15
                    || self.words.say(range.start, Kind::ResidentId)
                    || !card::has_network(spelling.as_bytes())
                {
                    self.note(Kind::ResidentId, range, spelling, weak);
                }
            }
        }
        let is_clear = !window.is_part(1);
        let (range, spelling) = window.part(1);
        if spelling.len() == 18 && is_clear && looks_like_uscc(spelling) {
            self.note(Kind::Uscc, range, spelling, Weak::ToldBesideWord);
        }
        if lengths.starts_with(&[3, 2, 4])
            && numbers >= 3
            && window.gap(0) == "-"
            && window.gap(1) == "-"
            && !window.is_part(3)
        {
            let (range, spelling) = window.part(3);
            self.note(Kind::Ssn, range, spelling, Weak::ToldBesideWord);
        }
        if lengths.starts_with(&[3, 3, 3, 2]) && numbers >= 4 && window.gap(0) == "-" && window.gap(1) == "-" {
            let (range, spelling) = window.part(4);
            self.note(Kind::Snils, range, spelling, Weak::ToldBesideWord);
        }
    }

    fn iban(&mut self, window: &Window<'_>) {
        let (_, head) = window.part(1);
        let [first, second, third, fourth, ..] = head.as_bytes() else { return };
        let is_head = first.is_ascii_lowercase()
            && second.is_ascii_lowercase()
            && third.is_ascii_digit()
            && fourth.is_ascii_digit();
        if !is_head || window.goes_on_before() {
            return;
        }
        let mut best = None;
        for count in 1..=window.groups().len() {
            let is_printed = count == 1
                || (is_groups_of_four(window, count) && matches!(window.common_gap(count), Some(" " | "-" | ".")));
            let (range, spelling) = window.part(count);
            if !is_printed || spelling.len() < 15 {
                continue;
            }
            let mut bytes: Vec<u8> = spelling.bytes().filter(u8::is_ascii_alphanumeric).collect();
            bytes.make_ascii_uppercase();
            if check::iban(&bytes) {
                self.note(Kind::Iban, range, spelling, Weak::Untold);
                return;
            }
            if (15..=34).contains(&bytes.len()) {
                best = Some((range, spelling));
            }
        }
        if let Some((range, spelling)) = best {
            self.note_broken_iban(range, spelling);
        }
    }

    /// An IBAN that fails is told beside its word only.
    fn note_broken_iban(&mut self, range: std::ops::Range<usize>, spelling: &str) {
        self.note(Kind::Iban, range, spelling, Weak::ToldBesideWord);
    }

    /// Numbers that only a word before them tells from any other.
    fn numbered_by_word(&mut self, window: &Window<'_>) {
        let numbers = window.numbers();
        for count in 1..=numbers.len() {
            let (range, spelling) = window.part(count);
            let digits = spelling.bytes().filter(u8::is_ascii_digit).count();
            let kinds: &[Kind] = match (count, digits) {
                (1 | 3, 9) => &[Kind::Ssn],
                (1, 10 | 12) => &[Kind::Inn],
                (1, 11) => &[Kind::Snils],
                _ => &[],
            };
            for kind in kinds {
                if self.words.say(range.start, *kind) {
                    self.note(*kind, range.clone(), spelling, Weak::Told);
                }
            }
        }
        let (range, spelling) = window.part(1);
        let digits = spelling.bytes().filter(u8::is_ascii_digit).count();
        let letters = spelling.len() - digits;
        if (8..=20).contains(&digits) && letters <= 4 && self.words.say(range.start, Kind::Account) {
            self.note(Kind::Account, range.clone(), spelling, Weak::Untold);
        }
        if (6..=9).contains(&digits) && letters <= 2 && self.words.say(range.start, Kind::Passport) {
            self.note(Kind::Passport, range.clone(), spelling, Weak::Untold);
        }
        if (7..=14).contains(&digits) && letters <= 2 && self.words.say(range.start, Kind::NationalId) {
            self.note(Kind::NationalId, range, spelling, Weak::Untold);
        }
        // `45 08 123456`, `4508 123456`: the Russian one has a series before its number.
        let lengths = window.lengths(numbers.len().min(3));
        let count = if lengths.starts_with(&[4, 6]) { 2 } else { 3 };
        if (lengths.starts_with(&[4, 6]) || lengths == [2, 2, 6])
            && self.words.say(window.first().start, Kind::Passport)
        {
            let (range, spelling) = window.part(count);
            self.note(Kind::Passport, range, spelling, Weak::Untold);
        }
    }

    /// `card4111…`, `id110105…`: a word glued to its number.
    fn behind_letters(&mut self, window: &Window<'_>) {
        let (range, spelling) = window.part(1);
        let letters = spelling.bytes().take_while(u8::is_ascii_lowercase).count();
        let number = spelling.get(letters..).unwrap_or_default();
        let is_number = number.len() >= 11 && number.bytes().take(17).all(|byte| byte.is_ascii_digit());
        if !(2..=12).contains(&letters) || !is_number {
            return;
        }
        let start = range.start + letters;
        for kind in [Kind::Pan, Kind::ResidentId, Kind::Phone] {
            if self.words.say(start, kind) {
                self.note(kind, start..range.end, number, Weak::Untold);
            }
        }
    }
}

/// How cards are printed: fours with a rest, and the groups of American Express, Diners and long UnionPay numbers.
fn is_card_grouping(lengths: &[usize]) -> bool {
    let is_fours = lengths.split_last().is_some_and(|(last, fours)| {
        fours.len() >= 2 && fours.iter().all(|length| *length == 4) && (1..=4).contains(last)
    });
    is_fours || matches!(lengths, [4, 6, 4 | 5] | [6, 10 | 12 | 13] | [8, 8] | [4, 4, 5] | [4, 4, 4, 7] | [6, 6, 4])
}

fn is_card_gap(gap: Option<&str>) -> bool {
    matches!(gap, Some(" " | "-" | "." | " - "))
}

/// `0.4111111111111111`, `4111111111111111.25`.
fn is_fraction(window: &Window<'_>, count: usize) -> bool {
    let (range, _) = window.part(count);
    let after = window.text.as_bytes().get(range.end..).unwrap_or_default();
    matches!(after, [b'.' | b'_', next, ..] if next.is_ascii_alphanumeric())
}

fn is_groups_of_four(window: &Window<'_>, count: usize) -> bool {
    let lengths = window.groups().iter().take(count).map(Group::length);
    lengths.enumerate().all(|(index, length)| if index + 1 < count { length == 4 } else { (1..=4).contains(&length) })
}

/// Seventeen digits, a birth date among them, and a digit or `x`.
fn looks_like_resident_id(spelling: &str) -> bool {
    let bytes: Vec<u8> = spelling.bytes().filter(u8::is_ascii_alphanumeric).collect();
    bytes.len() == 18
        && bytes.iter().take(17).all(u8::is_ascii_digit)
        && matches!(bytes.get(6..8), Some(b"18" | b"19" | b"20"))
        && matches!(bytes.get(10..12), Some([b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2']))
}

/// Numbers of digits only are company codes when they begin as nearly all of these do.
fn looks_like_uscc(spelling: &str) -> bool {
    let has_letters = spelling.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_region = spelling.bytes().skip(2).take(6).all(|byte| byte.is_ascii_digit());
    is_region
        && (has_letters
            || ["91", "92", "93", "11", "12", "51", "52", "53"].iter().any(|begin| spelling.starts_with(begin)))
}
