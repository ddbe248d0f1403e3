//! The forms in which one telephone number is written: with and without country code, exit code and trunk prefix.
//!
//! Not here: whether the number can exist; a canary's number often must not.

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
        let code = number.get(..calling_code_length(number)).unwrap_or_default();
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
fn calling_code_length(number: &str) -> usize {
    match number.as_bytes() {
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
    fn a_short_national_form_tells_less() {
        let bits = |planted: &str, form: &str| spellings(planted).into_iter().find(|(text, _)| text == form).unwrap().1;
        assert!(bits("+852 1234 5678", "12345678") < 29);
        assert!(bits("+852 1234 5678", "85212345678") >= 29);
    }
}
