//! One form for each value, however it is written, and whether that form is valid by public rules.
//!
//! Two spellings of one value have one canonical form; a canonical form is its own (design: fingerprints are made of it).

use super::wallet::{self, Currency};
use super::{Kind, check, email, handle, phone};
use crate::domain::text::fold;

/// A longer value is none of any kind.
const LONGEST_BYTES: usize = 1024;

/// Returns the canonical form of a value in any spelling (separators, full width, case), or `None` if it cannot be one.
///
/// | kind | form |
/// | --- | --- |
/// | `pan`, `account`, `ssn`, `inn`, `snils` | digits |
/// | `iban`, `uscc`, `national_id`, `passport` | capital letters and digits |
/// | `resident_id` | 18 characters; one of 15 digits is widened |
/// | `phone` | E.164 with `+`; a national number is read as [`phone::readings`] orders them |
/// | `email`, `jabber` | lower case, host in ASCII |
/// | `btc`, `ltc`, `trx`, `xmr` | as written; bech32 in lower case |
/// | `eth` | with the capitals of EIP-55, unless it has capitals already |
/// | `telegram` | lower case without `@` |
/// | `tox` capital, `session` small | hexadecimal digits |
/// | `name`, `address`, `other` | folded, one space between words; Chinese names without any |
pub fn canonical(kind: Kind, value: &str) -> Option<String> {
    let value = value.trim();
    if value.is_empty() || value.len() > LONGEST_BYTES {
        return None;
    }
    match kind {
        Kind::Pan => number(value, 12..=19),
        Kind::Account => account(value),
        Kind::Ssn => number(value, 9..=9),
        Kind::Inn => number(value, 10..=12).filter(|digits| digits.len() != 11),
        Kind::Snils => number(value, 11..=11),
        Kind::Iban => code(value).filter(|text| has_iban_shape(text.as_bytes())),
        Kind::Uscc => code(value).filter(|text| text.len() == 18),
        Kind::NationalId | Kind::Passport => code(value).filter(|text| (4..=24).contains(&text.len())),
        Kind::ResidentId => resident_id(&code(value)?),
        Kind::Phone => phone::canonical(value),
        Kind::Email | Kind::Jabber => email::canonical(value),
        Kind::Name => name(value),
        Kind::Address | Kind::Other => words(value),
        Kind::Btc => wallet::canonical(Currency::Btc, value),
        Kind::Ltc => wallet::canonical(Currency::Ltc, value),
        Kind::Eth => wallet::canonical(Currency::Eth, value),
        Kind::Trx => wallet::canonical(Currency::Trx, value),
        Kind::Xmr => wallet::canonical(Currency::Xmr, value),
        Kind::Telegram => handle::telegram(value),
        Kind::Tox => handle::tox(value),
        Kind::Session => handle::session(value),
    }
}

/// Tells whether a canonical form is valid by public rules; kinds without rules are valid as they are.
pub fn is_valid(kind: Kind, canonical: &str) -> bool {
    let bytes = canonical.as_bytes();
    match kind {
        Kind::Pan => check::pan(bytes),
        Kind::Iban => check::iban(bytes),
        Kind::ResidentId => bytes.len() == 18 && check::resident_id(bytes),
        Kind::Ssn => check::ssn(bytes),
        Kind::Uscc => check::uscc(bytes),
        Kind::Inn => check::inn(bytes),
        Kind::Snils => check::snils(bytes),
        Kind::Phone => phone::is_valid(canonical),
        Kind::Email | Kind::Jabber => email::is_valid(canonical),
        Kind::Btc => wallet::is_valid(Currency::Btc, canonical),
        Kind::Ltc => wallet::is_valid(Currency::Ltc, canonical),
        Kind::Eth => wallet::is_valid(Currency::Eth, canonical),
        Kind::Trx => wallet::is_valid(Currency::Trx, canonical),
        Kind::Xmr => wallet::is_valid(Currency::Xmr, canonical),
        Kind::Tox => handle::is_tox(canonical),
        Kind::Session => handle::is_session(canonical),
        Kind::Telegram => handle::is_telegram(canonical),
        Kind::Account | Kind::NationalId | Kind::Passport | Kind::Name | Kind::Address | Kind::Other => true,
    }
}

/// Keeps the digits of a value that has nothing else but separators.
fn number(value: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<String> {
    let digits = code(value)?;
    (lengths.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// Of an account's letters and digits only the digits count, as long as they are enough to tell accounts apart.
fn account(value: &str) -> Option<String> {
    let mut digits = code(value)?;
    digits.retain(|character| character.is_ascii_digit());
    (5..=40).contains(&digits.len()).then_some(digits)
}

/// Keeps capital letters and digits of a value that is ASCII once folded.
fn code(value: &str) -> Option<String> {
    let mut text = if value.is_ascii() { value.to_owned() } else { fold(value) };
    let is_other = |character: char| !character.is_ascii() && !is_separator(character);
    if text.contains(is_other) {
        return None;
    }
    text.retain(|character| character.is_ascii_alphanumeric());
    text.make_ascii_uppercase();
    (!text.is_empty()).then_some(text)
}

/// Signs beyond ASCII that stand between the groups of a number.
const fn is_separator(character: char) -> bool {
    matches!(character, '\u{b7}' | '\u{3001}' | '\u{3002}')
}

fn has_iban_shape(bytes: &[u8]) -> bool {
    let [country, region, first, second, ..] = bytes else { return false };
    (15..=34).contains(&bytes.len())
        && country.is_ascii_alphabetic()
        && region.is_ascii_alphabetic()
        && first.is_ascii_digit()
        && second.is_ascii_digit()
}

/// Widens the form of before 1999, which had two digits of the year and no check character.
fn resident_id(text: &str) -> Option<String> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.len() {
        18 => {
            let (body, last) = text.split_at_checked(17)?;
            (is_number(body) && last.bytes().all(|byte| byte.is_ascii_digit() || byte == b'X')).then(|| text.to_owned())
        }
        15 if is_number(text) => {
            let (region, rest) = text.split_at_checked(6)?;
            let mut wide = format!("{region}19{rest}");
            wide.push(char::from(check::resident_id_check(wide.as_bytes())?));
            Some(wide)
        }
        _ => None,
    }
}

fn name(value: &str) -> Option<String> {
    let mut folded = words(value)?;
    if folded.contains(|character: char| matches!(character, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')) {
        folded.retain(|character| !character.is_whitespace() && !is_separator(character));
    }
    Some(folded)
}

fn words(value: &str) -> Option<String> {
    let folded = fold(value).split_whitespace().collect::<Vec<_>>().join(" ");
    (!folded.is_empty()).then_some(folded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_value_have_one_form() {
        for (kind, form, spellings) in [
            (Kind::Pan, "4111111111111111", "4111 1111 1111 1111|4111-1111-1111-1111|４１１１１１１１１１１１１１１１"),
            (Kind::Iban, "GB82WEST12345698765432", "gb82 west 1234 5698 7654 32|GB82-WEST-12345698765432"),
            (Kind::Account, "6986859770124757", "EX6986859770124757|6986 8597 7012 4757"),
            (Kind::ResidentId, "11010519491231002X", "110105491231002|11010519491231002x|110105 19491231 002X"),
            (Kind::Passport, "AB1234567", "ab 1234567|AB-1234567"),
            (Kind::Ssn, "536904399", "536-90-4399|536 90 4399"),
            (Kind::Snils, "11223344595", "112-233-445 95|11223344595"),
            (Kind::Uscc, "91110000600037341L", "9 1 110000 600037341l"),
            (Kind::Phone, "+8613812345678", "138 1234 5678|+86 138-1234-5678|0086 13812345678|8613812345678"),
            (Kind::Phone, "+79001264097", "8 (900) 126-40-97|+7 900 126 40 97|79001264097"),
            (Kind::Phone, "+442079460018", "+44 (0)20 7946 0018|0044 20 7946 0018|+44 020 7946 0018"),
            (Kind::Phone, "+861012345678", "010-12345678|+86 10 1234 5678"),
            (Kind::Phone, "+12125550142", "(212) 555-0142|1-212-555-0142|+1 212 555 0142 ext. 77"),
            (Kind::Email, "quill@xn--80a1acny.xn--p1ai", "Quill@почта.рф|quill@xn--80a1acny.xn--p1ai"),
            (Kind::Email, "a.b@post.example", "A.B@Post.Example|a.b(at)post(dot)example|a.b艾特post点example"),
            (Kind::Name, "欧阳采薇", "欧阳 采薇|欧阳采薇 "),
            (Kind::Name, "gideon brackenholt", "Gideon  BRACKENHOLT"),
            (Kind::Telegram, "vendor_lynx", "@Vendor_Lynx|https://t.me/vendor_lynx|t.me/Vendor_Lynx"),
        ] {
            for spelling in spellings.split('|') {
                assert_eq!(canonical(kind, spelling).as_deref(), Some(form), "{spelling}");
            }
        }
    }

    #[test]
    fn what_cannot_be_of_a_kind_has_no_form() {
        for (kind, value) in [
            (Kind::Pan, "4111 1111"),
            (Kind::Pan, "4111 1111 1111 111a"),
            (Kind::Pan, "卡4111111111111111"),
            (Kind::Iban, "8237 0400 4405 3201 3000"),
            (Kind::Iban, "GB82"),
            (Kind::Inn, "12345678901"),
            (Kind::ResidentId, "1101051949123100X2"),
            (Kind::Phone, "12"),
            (Kind::Phone, "555-0119"),
            (Kind::Email, "post.example"),
            (Kind::Account, "a-1"),
            (Kind::Tox, "abc"),
            (Kind::Name, " \u{200b} "),
        ] {
            assert_eq!(canonical(kind, value), None, "{kind:?} {value}");
        }
    }

    #[test]
    fn a_value_made_wider_is_valid() {
        let wide = canonical(Kind::ResidentId, "110105491231002").unwrap();
        assert!(is_valid(Kind::ResidentId, &wide));
    }

    proptest! {
        #[test]
        fn a_canonical_form_is_its_own(text in "(\\PC|[ -~]|[０-９]|[0-9a-zA-Z@.+ -]){0,40}", digits in "[+0-9 ()-]{0,24}") {
            for kind in Kind::ALL {
                for text in [&text, &digits] {
                    if let Some(form) = canonical(kind, text) {
                        prop_assert_eq!(canonical(kind, &form), Some(form.clone()), "{:?}", kind);
                        let _ = is_valid(kind, &form);
                    }
                }
            }
        }
    }
}
