//! Reads a finished mail once more and objects if it holds what must not leave in the clear.
//!
//! Masking happens where hits are made and `letter` shows only what it cleaned; this is the second lock, for a mask
//! that masks too little or a name that slips in by another field.

use super::AlertMail;

/// Fewest letters and digits that make a value worth looking for; shorter ones stand in ordinary text by chance.
const SHORTEST: usize = 6;
/// The same for writing without letters of ASCII, where three characters are a name.
const SHORTEST_OTHER: usize = 3;

/// A number is looked for by its last digits: with or without a country prefix it is the same.
const LAST_DIGITS: usize = 10;

/// What must not be in a mail.
#[derive(Debug, Clone, Default)]
pub struct Forbidden {
    squeezed: Vec<String>,
}

/// Why a mail was held back; says nothing of the value itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// A full value, or a legal name.
    Value,
    /// A hidden service's address.
    HiddenService,
}

impl Forbidden {
    /// Takes full values and legal names, less those that stand in what the organization itself calls public (its name,
    /// codes, entry ids).
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>, public: &[&str]) -> Self {
        let public: Vec<String> = public.iter().map(|text| squeeze(text)).collect();
        let squeezed = values
            .into_iter()
            .map(|value| last_digits(squeeze(value)))
            .filter(|value| value.chars().count() >= if value.is_ascii() { SHORTEST } else { SHORTEST_OTHER })
            .filter(|value| !public.iter().any(|text| text.contains(value.as_str())))
            .collect();
        Self { squeezed }
    }

    /// Looks for forbidden content in every part of a mail, whatever separators stand between.
    pub fn find_in(&self, mail: &AlertMail) -> Option<Objection> {
        let headers = mail.headers.iter().map(|(_, value)| value.as_str());
        [mail.subject.as_str(), &mail.text, &mail.html]
            .into_iter()
            .chain(headers)
            .find_map(|part| self.find_in_text(part))
    }

    /// The same for one text.
    pub fn find_in_text(&self, text: &str) -> Option<Objection> {
        let lower = text.to_lowercase();
        if lower.contains(".onion") || lower.contains(".i2p") || lower.contains("[.]onion") {
            return Some(Objection::HiddenService);
        }
        let squeezed = squeeze(text);
        self.squeezed.iter().any(|value| squeezed.contains(value.as_str())).then_some(Objection::Value)
    }
}

/// Keeps letters and digits, lower case.
fn squeeze(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn last_digits(squeezed: String) -> String {
    let is_number = squeezed.bytes().all(|byte| byte.is_ascii_digit());
    match squeezed.len().checked_sub(LAST_DIGITS) {
        Some(start) if is_number => squeezed.get(start..).map(str::to_owned).unwrap_or(squeezed),
        Some(_) | None => squeezed,
    }
}
