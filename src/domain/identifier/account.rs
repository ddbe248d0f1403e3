//! What an organization's own account numbers look like: `62\d{17}`, `[A-Z]{2}\d{8,12}`.
//!
//! A small language, read without backtracking: letters and digits, `\d`, `[A-Z0-9]`, each perhaps `{n}` or `{m,n}` times.
//! A pattern is compared with a whole value without its separators, so there is nothing to anchor.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Letters and digits of one value at most; each is one bit of a set of states.
const LONGEST: usize = 40;
/// More letters in a row are a word.
const LETTERS: usize = 4;
/// A shorter value stands in every text.
const SHORTEST: usize = 6;

/// The form of an account number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPattern {
    text: String,
    places: Vec<Place>,
}

/// One letter or digit of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Bit `n` allows the digit `n`, bit `10 + n` the letter `n`.
    allowed: u64,
    may_be_missing: bool,
}

/// Bits of all digits.
const DIGITS: u64 = (1 << 10) - 1;

impl AccountPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, as it fits after the pattern.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut places = Vec::new();
        let mut rest = text.chars();
        while let Some(sign) = rest.next() {
            let allowed = match sign {
                '\\' if rest.next() == Some('d') => DIGITS,
                '\\' => return Err("has a backslash without d"),
                '[' => class(&mut rest).ok_or("has brackets that do not list letters and digits, as [A-Z0-9]")?,
                _ => bit(sign).map(|bit| 1 << bit).ok_or("holds a sign that is no capital letter or digit")?,
            };
            let (least, most) = if rest.as_str().starts_with('{') {
                let (inside, after) =
                    rest.as_str().get(1..).and_then(|inside| inside.split_once('}')).ok_or("lacks a }")?;
                rest = after.chars();
                times(inside).ok_or("has braces that do not say how often, as {17} or {8,12}")?
            } else {
                (1, 1)
            };
            if places.len() + most > LONGEST {
                return Err("may be longer than 40 letters and digits");
            }
            places.extend((0..most).map(|at| Place { allowed, may_be_missing: at >= least }));
        }
        let least = |is_counted: fn(&Place) -> bool| {
            places.iter().filter(|place| !place.may_be_missing && is_counted(place)).count()
        };
        if least(|_| true) < SHORTEST {
            return Err("may be shorter than 6 letters and digits");
        }
        if least(|place| place.allowed & !DIGITS == 0) < SHORTEST - 1 {
            return Err("asks for fewer than 5 digits");
        }
        let is_word = |places: &[Place]| places.iter().all(|place| place.allowed & DIGITS == 0);
        if places.windows(LETTERS + 1).any(is_word) {
            return Err("has more than 4 letters in a row");
        }
        Ok(Self { text: text.to_owned(), places })
    }

    /// Tells whether a value of ASCII letters (of either case) and digits has this form.
    pub fn fits(&self, value: &[u8]) -> bool {
        if value.len() > self.places.len() {
            return false;
        }
        // Bit `n` tells that the places before `n` may be used up.
        let mut states = self.passing(1);
        for byte in value {
            let Some(bit) = bit(char::from(byte.to_ascii_uppercase())) else { return false };
            let taking = self.places.iter().enumerate().filter(|(_, place)| place.allowed >> bit & 1 == 1);
            let next = taking.fold(0, |next, (at, _)| next | (states >> at & 1) << (at + 1));
            states = self.passing(next);
        }
        states >> self.places.len() & 1 == 1
    }

    /// Returns the most letters and digits a value has.
    pub const fn longest(&self) -> usize {
        self.places.len()
    }

    /// Adds the states that missing places lead to.
    fn passing(&self, states: u64) -> u64 {
        let missing = self.places.iter().enumerate().filter(|(_, place)| place.may_be_missing);
        missing.fold(states, |states, (at, _)| states | (states >> at & 1) << (at + 1))
    }
}

impl fmt::Display for AccountPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for AccountPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for AccountPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

fn bit(sign: char) -> Option<u32> {
    match sign {
        '0'..='9' => Some(u32::from(sign) - u32::from('0')),
        'A'..='Z' => Some(u32::from(sign) - u32::from('A') + 10),
        _ => None,
    }
}

/// Reads what stands in brackets: signs, and ranges of them.
fn class(rest: &mut std::str::Chars<'_>) -> Option<u64> {
    let (inside, after) = rest.as_str().split_once(']')?;
    *rest = after.chars();
    let mut allowed = 0;
    let mut signs = inside.chars().peekable();
    while let Some(first) = signs.next() {
        let first = bit(first)?;
        let last = if signs.next_if_eq(&'-').is_some() { bit(signs.next()?)? } else { first };
        let is_range = first <= last && (first < 10) == (last < 10);
        allowed |= is_range.then(|| (first..=last).fold(0, |bits, bit| bits | 1_u64 << bit))?;
    }
    (allowed != 0).then_some(allowed)
}

/// Reads `17` or `8,12`.
fn times(inside: &str) -> Option<(usize, usize)> {
    let (least, most) = inside.split_once(',').unwrap_or((inside, inside));
    let number = |text: &str| text.parse().ok().filter(|number| *number <= LONGEST && text.len() <= 2);
    let (least, most) = (number(least)?, number(most)?);
    (least <= most && most > 0).then_some((least, most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_fit_whole_values() {
        for (pattern, fitting, others) in [
            (
                r"62\d{17}",
                &["6212345678901234567"][..],
                &["621234567890123456", "62123456789012345678", "6312345678901234567"][..],
            ),
            (r"[A-Z]{2}\d{8,12}", &["EX12345678", "ex123456789012"], &["EX1234567", "E112345678", "EX1234567890123"]),
            (r"4[07-9]0\d{0,2}12345", &["40012345", "4801212345", "4001212345"], &["41012345", "40012346"]),
            (r"123456X", &["123456x"], &["1234567", "123456"]),
            (r"\d{6,8}[A-F0-9]", &["1234567", "123456F", "123456789"], &["123456G", "12345F"]),
        ] {
            let parsed = AccountPattern::parse(pattern).unwrap();
            assert!(fitting.iter().all(|value| parsed.fits(value.as_bytes())), "{pattern}");
            assert!(!others.iter().any(|value| parsed.fits(value.as_bytes())), "{pattern}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (pattern, says) in [
            ("", "shorter"),
            (r"62\d{3}", "shorter"),
            (r"62\d{0,17}", "shorter"),
            ("ABCDEFGH", "fewer than 5 digits"),
            ("[A-Z]{5}123456", "more than 4 letters"),
            (r"\d{41}", "braces"),
            (r"\d{39}\d{2}", "longer than 40"),
            (r"\d{17", "lacks a }"),
            (r"\d{x}", "braces"),
            (r"\d{3,2}", "braces"),
            (r"\w{17}", "backslash"),
            ("[z]123456", "brackets"),
            ("[9-A]123456", "brackets"),
            ("[]123456", "brackets"),
            ("[12", "brackets"),
            ("^62.*", "no capital letter"),
            ("62 123456", "no capital letter"),
        ] {
            assert!(AccountPattern::parse(pattern).unwrap_err().contains(says), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_any_value_compared(pattern in "[\\\\d\\[\\]{},0-9A-Z-]{0,60}", value in "[0-9A-Za-z]{0,50}") {
            if let Ok(parsed) = AccountPattern::parse(&pattern) {
                prop_assert!(parsed.longest() <= LONGEST);
                let _ = parsed.fits(value.as_bytes());
            }
        }

        #[test]
        fn a_counted_run_of_digits_fits_by_its_length(least in 6_usize..12, more in 0_usize..8, value in "[0-9]{0,24}") {
            let parsed = AccountPattern::parse(&format!(r"\d{{{least},{}}}", least + more)).unwrap();
            prop_assert_eq!(parsed.fits(value.as_bytes()), (least..=least + more).contains(&value.len()));
        }
    }
}
