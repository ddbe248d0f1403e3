//! Telephone numbers: the forms in which one number is written (with and without country code, exit code and trunk prefix),
//! and the international numbers that written digits can mean.
//!
//! A canary's number often must not exist: its spellings ask no plan. Not here: the plans (`plan`).

use super::plan;
use crate::domain::text::fold;

/// An international number: `+` and at most 15 digits (ITU-T E.164), without a heap.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct E164 {
    bytes: [u8; 16],
    length: u8,
}

impl E164 {
    /// Puts a country code and a national number together; `None` if there are more than 15 digits, or others.
    pub fn new(code: &[u8], national: &[u8]) -> Option<Self> {
        let mut number = Self { bytes: *b"+000000000000000", length: 1 };
        for byte in code.iter().chain(national) {
            *number.bytes.get_mut(usize::from(number.length)).filter(|_| byte.is_ascii_digit())? = *byte;
            number.length += 1;
        }
        Some(number)
    }

    /// Returns the number with its `+`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Returns the number with its `+`.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl std::fmt::Debug for E164 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "E164({} digits)", self.length - 1)
    }
}

/// Lists the international numbers that digits written without `+` can mean, the likeliest first; each has a possible
/// length for its country. No allocation; whether numbers are assigned is not asked ([`is_valid`]).
///
/// 1. behind an exit code (`00`, `011`, `810`), the number it says;
/// 2. eleven digits from `13` to `19`, a Chinese mobile; with a trunk zero, a Chinese area code;
/// 3. eleven digits after `7` or `8`, Russia or Kazakhstan;
/// 4. ten digits after 9, a Russian mobile;
/// 5. ten digits, or eleven after `1`, North America;
/// 6. ten digits after 6 to 9, an Indian mobile;
/// 7. from eleven digits on, a number whose `+` is missing.
pub fn readings(digits: &[u8]) -> impl Iterator<Item = E164> + use<> {
    let mut found: [Option<E164>; 6] = [None; 6];
    let mut count = 0;
    let mut add = |number: Option<E164>| {
        if let (Some(number), Some(place)) = (number, found.get(count))
            && place.is_none()
            && found.iter().flatten().all(|known| *known != number)
        {
            if let Some(place) = found.get_mut(count) {
                *place = Some(number);
            }
            count += 1;
        }
    };
    let exit = [&b"00"[..], b"011", b"810"].iter().find_map(|exit| digits.strip_prefix(*exit));
    if let Some(rest) = exit.filter(|rest| rest.len() >= 8) {
        add(international(rest));
    }
    match digits {
        [b'1', b'3'..=b'9', ..] if digits.len() == 11 => add(E164::new(b"86", digits)),
        [b'0', rest @ ..] if is_chinese_landline(rest) => add(E164::new(b"86", rest)),
        [b'7' | b'8', rest @ ..] if rest.len() == 10 && matches!(rest, [b'3' | b'4' | b'7'..=b'9', ..]) => {
            add(E164::new(b"7", rest));
        }
        [b'9', ..] if digits.len() == 10 => add(E164::new(b"7", digits)),
        _ => {}
    }
    let american = if digits.len() == 11 { digits.strip_prefix(b"1") } else { Some(digits) };
    if let Some(national @ [b'2'..=b'9', _, _, b'2'..=b'9', ..]) = american.filter(|national| national.len() == 10) {
        add(E164::new(b"1", national));
    }
    if digits.len() == 10 && matches!(digits, [b'6'..=b'9', ..]) {
        add(E164::new(b"91", digits));
    }
    if digits.len() >= 11 && !digits.starts_with(b"0") {
        add(international(digits));
    }
    found.into_iter().flatten()
}

/// Chinese area codes: 10 and 2x before eight digits, three digits from 31 to 99 before seven or eight.
const fn is_chinese_landline(digits: &[u8]) -> bool {
    match digits {
        [b'1', b'0', rest @ ..] | [b'2', b'0'..=b'9', rest @ ..] => rest.len() == 8,
        [b'3'..=b'9', _, _, rest @ ..] => rest.len() == 7 || rest.len() == 8,
        _ => false,
    }
}

/// Reads digits that begin with a country code; a trunk prefix behind it is dropped: `+44 020 …`.
fn international(digits: &[u8]) -> Option<E164> {
    let (code, national) = split(digits)?;
    E164::new(code, plan::national(code, national)?)
}

fn split(digits: &[u8]) -> Option<(&[u8], &[u8])> {
    digits.split_at_checked(calling_code_length(digits))
}

/// Returns the number that a written one means; `None` if it is none, or lacks what would tell its country.
pub(super) fn canonical(value: &str) -> Option<String> {
    let (digits, has_plus) = digits(value)?;
    if !has_plus {
        return readings(&digits).next().map(|number| number.as_str().to_owned());
    }
    let asked = (7..=15).contains(&digits.len()).then(|| E164::new(&digits, b"")).flatten();
    international(&digits).or(asked).map(|number| number.as_str().to_owned())
}

/// Returns the number that a written one means to people of a country; `calling_code` is theirs (`86`), and their trunk
/// prefix may stand before the number.
pub fn canonical_at_home(value: &str, calling_code: &str) -> Option<String> {
    let (digits, has_plus) = digits(value)?;
    let is_abroad = has_plus || digits.starts_with(b"00");
    let trunk: &[u8] = if calling_code == "7" { b"8" } else { b"0" };
    let is_possible = |national: &&[u8]| plan::is_possible(calling_code.as_bytes(), national.len());
    // `8613…` is a whole number without its plus before it is a number of another length.
    let bare = [Some(&digits[..]), digits.strip_prefix(trunk), digits.strip_prefix(calling_code.as_bytes())];
    let national = bare.into_iter().flatten().find(is_possible).filter(|_| !is_abroad);
    match national {
        Some(national) => {
            let number = E164::new(
                calling_code.as_bytes(),
                national.strip_prefix(trunk).filter(is_possible).unwrap_or(national),
            )?;
            Some(number.as_str().to_owned())
        }
        None => canonical(value),
    }
}

/// Returns the digits of an E.164 number that are dialled within its country.
pub(super) fn national(e164: &str) -> &str {
    let digits = e164.trim_start_matches('+');
    digits.get(calling_code_length(digits.as_bytes())..).unwrap_or_default()
}

/// Lists the first digits of a national number that the visible beginning of a masked one may be: as it stands, behind an exit
/// code, a country's code, a trunk prefix.
pub fn national_heads(first: &str) -> impl Iterator<Item = &str> {
    let abroad = first.strip_prefix("00").unwrap_or(first);
    let behind_code = abroad.get(calling_code_length(abroad.as_bytes())..);
    let behind_trunk = first.strip_prefix(['0', '8']);
    [Some(first), behind_code, behind_trunk].into_iter().flatten()
}

/// Takes the digits of a written number, and whether they follow a `+`; an extension is left out.
fn digits(value: &str) -> Option<(Vec<u8>, bool)> {
    let folded = fold(value);
    // `+44 (0)20 …`: the trunk zero is written and not dialled.
    let written = folded.trim().trim_start_matches("tel:").replace("(0)", "");
    let mut digits = Vec::with_capacity(15);
    for character in written.trim_start_matches('+').chars() {
        match character {
            '0'..='9' => digits.push(u8::try_from(character).unwrap_or(b'0')),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{b7}' | '~' => {}
            // `ext. 12`, `#12`, `доб. 12`, `转12`.
            _ if digits.len() >= 7 => break,
            _ => return None,
        }
    }
    (digits.len() <= 18 && !digits.is_empty()).then(|| (digits, written.starts_with('+')))
}

/// Tells whether an E.164 number is of a range that its country has given out.
pub fn is_valid(e164: &str) -> bool {
    let Some(digits) = e164.strip_prefix('+').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) else {
        return false;
    };
    let (code, national) = digits.split_at_checked(calling_code_length(digits.as_bytes())).unwrap_or_default();
    digits.len() <= 15 && plan::is_assigned(code.as_bytes(), national)
}

/// Numbers shorter than this are looked for only with their country code.
const NATIONAL_DIGITS: usize = 7;

/// Lists compact spellings of a folded number, each with its information in bits.
pub(super) fn spellings(folded: &str) -> Vec<(String, u32)> {
    // `+44 (0)20 …`: the trunk zero is written and not dialled.
    let digits: String = folded.replace("(0)", "").chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 5 {
        return Vec::new();
    }
    let international =
        if folded.trim_start().starts_with('+') { Some(digits.as_str()) } else { digits.strip_prefix("00") };
    let mut found = Spellings(Vec::new());
    match international {
        Some(number) => found.international(number),
        None => found.domestic(&digits),
    }
    found.0
}

struct Spellings(Vec<(String, u32)>);

impl Spellings {
    fn push(&mut self, prefix: &str, national: &str) {
        let text = format!("{prefix}{national}");
        // A country code says a little; a trunk or exit prefix says nothing.
        let code = prefix.trim_start_matches('0').len() * 2;
        let bits = u32::try_from(national.len() * 332 / 100 + code).unwrap_or(u32::MAX);
        if text.len() >= NATIONAL_DIGITS && !self.0.iter().any(|(known, _)| *known == text) {
            self.0.push((text, bits));
        }
    }

    fn international(&mut self, number: &str) {
        let code = number.get(..calling_code_length(number.as_bytes())).unwrap_or_default();
        let national = number.strip_prefix(code).unwrap_or(number);
        self.country(code, national);
    }

    fn country(&mut self, code: &str, national: &str) {
        self.push(code, national);
        self.push(&format!("00{code}"), national);
        if national.len() >= NATIONAL_DIGITS {
            self.push("", national);
            match code {
                "1" => {}
                "7" => self.push("8", national),
                _ => self.push("0", national),
            }
        }
    }

    /// A number without country code may be read as several countries'; each reading is looked for.
    fn domestic(&mut self, digits: &str) {
        let (first, rest) = (digits.get(..1).unwrap_or_default(), digits.get(1..).unwrap_or_default());
        match (digits.len(), first) {
            (11, "1") => {
                self.country("86", digits);
                self.country("1", rest);
            }
            (11, "7" | "8") => self.country("7", rest),
            (_, "0") => {
                self.push("", digits);
                self.push("", rest);
                self.push("86", rest);
                self.push("0086", rest);
            }
            (10, _) => {
                self.country("1", digits);
                self.country("7", digits);
                self.country("91", digits);
            }
            _ => {
                self.push("", digits);
                self.push("0", digits);
            }
        }
    }
}

/// Tells how many digits of an international number are its country code (ITU-T E.164, list of assigned codes).
fn calling_code_length(digits: &[u8]) -> usize {
    match digits {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_found_in_the_forms_people_write() {
        for (planted, written) in [
            ("+1 (774) 555-0119", "17745550119 7745550119 0017745550119"),
            ("12014504193", "12014504193 8612014504193 008612014504193 2014504193"),
            ("+86 120 1450 4193", "12014504193 8612014504193"),
            ("+7 000 126-40-97", "70001264097 80001264097 0001264097"),
            ("8 (900) 126-40-97", "79001264097 89001264097 9001264097"),
            ("774-555-0119", "17745550119 7745550119"),
            ("+44 (0)20 7946 0018", "442079460018 02079460018 2079460018"),
            ("0044 20 7946 0018", "442079460018 02079460018"),
            ("010-12345678", "01012345678 861012345678"),
            ("+852 1234 5678", "85212345678 12345678"),
        ] {
            let known: Vec<String> = spellings(planted).into_iter().map(|(text, _)| text).collect();
            for form in written.split(' ') {
                assert!(known.iter().any(|text| text == form), "{planted} as {form}: {known:?}");
            }
        }
    }

    #[test]
    fn written_digits_mean_what_people_of_a_country_mean() {
        for (written, meant) in [
            ("13812345678", "+8613812345678 +13812345678"),
            ("01012345678", "+861012345678"),
            ("075512345678", "+8675512345678"),
            ("89001264097", "+79001264097"),
            ("9001264097", "+79001264097 +919001264097"),
            ("2125550142", "+12125550142"),
            ("12125550142", "+12125550142"),
            ("008613812345678", "+8613812345678"),
            ("442079460018", "+442079460018"),
            ("85212345678", "+85212345678"),
            ("12345", ""),
            ("", ""),
        ] {
            let found: Vec<String> = readings(written.as_bytes()).map(|number| number.as_str().to_owned()).collect();
            assert_eq!(found.join(" "), meant, "{written}");
        }
    }

    #[test]
    fn a_national_number_is_read_at_home() {
        for (written, code, number) in [
            ("9001264097", "91", "+919001264097"),
            ("09001264097", "91", "+919001264097"),
            ("020 7946 0018", "44", "+442079460018"),
            ("13812345678", "86", "+8613812345678"),
            ("8613812345678", "86", "+8613812345678"),
            ("8 900 126-40-97", "7", "+79001264097"),
            ("+1 212 555 0142", "86", "+12125550142"),
        ] {
            assert_eq!(canonical_at_home(written, code).as_deref(), Some(number), "{written}");
        }
    }

    #[test]
    fn assigned_ranges_are_valid() {
        for (number, valid) in [
            ("+8613812345678", true),
            ("+8611012345678", false),
            ("+79161234567", true),
            ("+70001264097", false),
            ("+12125550142", true),
            ("+11235550142", false),
            ("+442079460018", true),
            ("+99912345678", false),
            ("+", false),
            ("13812345678", false),
        ] {
            assert_eq!(is_valid(number), valid, "{number}");
        }
    }

    #[test]
    fn a_short_national_form_tells_less() {
        let bits = |planted: &str, form: &str| spellings(planted).into_iter().find(|(text, _)| text == form).unwrap().1;
        assert!(bits("+852 1234 5678", "12345678") < 29);
        assert!(bits("+852 1234 5678", "85212345678") >= 29);
    }
}
