//! The fields of a canary: which of them identify, and when two values are the same value.
//!
//! Not here: finding them in text and their public check digits (`identifier`); a canary's value need not pass those.

/// Fields whose value stands alone: no two records share one.
pub const IDENTIFYING: [&str; 8] =
    ["resident_id", "national_id", "passport", "phone", "email", "pan", "account", "iban"];

/// Tells whether a field's value is enough to know the canary by.
pub fn is_identifying(field: &str) -> bool {
    IDENTIFYING.contains(&field)
}

/// Tells whether a text can be the name of a field: a lower-case letter, then at most 31 letters, digits and `_`.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|character: char| character.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Returns the form in which two values of identifying fields are compared: letters and digits only, lower case,
/// full-width digits as ASCII; a mail address keeps its punctuation.
pub(super) fn comparable(field: &str, value: &str) -> String {
    if value.is_ascii() {
        let mut folded = value.to_ascii_lowercase();
        if field != "email" {
            folded.retain(|character| character.is_ascii_alphanumeric());
        }
        return folded;
    }
    let folded = value.chars().map(|character| match character {
        '０'..='９' => char::from_u32(u32::from(character) - 0xFF10 + 0x30).unwrap_or(character),
        other => other,
    });
    if field == "email" {
        return folded.collect::<String>().to_lowercase();
    }
    folded.filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Tells what makes an identifying field's value useless: it would be found everywhere, or never. `comparable` is its
/// form made by [`comparable()`].
pub(super) fn weakness(field: &str, value: &str, comparable: &str) -> Option<(&'static str, &'static str)> {
    if value.contains(['*', '•', '…']) {
        return Some(("is masked", "enrol the whole value; dyepack masks it wherever it shows it"));
    }
    match field {
        "email" if !value.contains('@') => return Some(("is a mail address without @", "write it as name@domain")),
        "pan" | "phone" if !comparable.chars().all(|character| character.is_ascii_digit()) => {
            return Some((
                "holds something else than digits and separators",
                "write digits, blanks, - . ( ) and a leading +",
            ));
        }
        _ => {}
    }
    let least = if field == "pan" { 8 } else { 6 };
    if comparable.chars().count() < least {
        return Some(("is so short that it would be found by chance", "plant a longer value"));
    }
    let mut characters = comparable.chars();
    let first = characters.next();
    if characters.all(|character| Some(character) == first) {
        return Some(("repeats one character and would be found by chance", "plant a value drawn at random"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_compares_equal_however_it_is_written() {
        for (field, one, other) in [
            ("pan", "9999 1200 0000 0018", "9999-1200-0000-0018"),
            ("phone", "+1 (212) 555-0142", "1.212.555.0142"),
            ("pan", "９９９９120000000018", "9999120000000018"),
            ("resident_id", "00123419900101123x", "00123419900101123X"),
            ("email", "Jo.Wren@Post.Example", "jo.wren@post.example"),
        ] {
            assert_eq!(comparable(field, one), comparable(field, other));
        }
        assert_ne!(comparable("email", "j.o@post.example"), comparable("email", "jo@post.example"));
    }

    #[test]
    fn values_that_would_be_found_by_chance_or_never_are_weak() {
        for (field, value) in [
            ("pan", "999912******0018"),
            ("pan", "1234"),
            ("pan", "9999-ABCD-0000-0018"),
            ("phone", "0000000000"),
            ("phone", "120 CALL ME"),
            ("email", "post.example"),
            ("account", "17"),
        ] {
            assert!(weakness(field, value, &comparable(field, value)).is_some(), "{field} {value}");
        }
        for (field, value) in [
            ("pan", "0000 0045 5260 2247"),
            ("phone", "+7 000 126-40-97"),
            ("national_id", "000-40-1022"),
            ("account", "EX6986859770124757"),
        ] {
            assert_eq!(weakness(field, value, &comparable(field, value)), None, "{field} {value}");
        }
    }
}
