//! The spellings under which a planted value is looked for, and what finding one is worth.
//!
//! A canary's value need not be valid by public rules, so nothing here checks digits.

use super::{Kind, phone};
use crate::domain::text::fold;

/// A spelling that is looked for, and what finding it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// How it is compared.
    pub form: Form,
    /// The spelling, folded.
    pub text: String,
    /// Information in bits: how unlikely it is to stand somewhere by chance.
    pub bits: u32,
    /// Whether it counts without another field of its entry beside it.
    pub stands_alone: bool,
}

/// How a spelling is compared with a folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With runs of ASCII letters and digits, whatever the separators within.
    Compact,
    /// With whole mail addresses.
    Email,
    /// With the text as it stands, between boundaries.
    Literal,
}

/// From so many bits on (nine random digits have 29.9) a unique value is not taken for a number that happens to be equal:
/// a crawl of a million numbers a day against a hundred canaries then errs about once in ten days; shorter values need
/// another field of their entry beside them.
pub const STANDS_ALONE_BITS: u32 = 29;

/// Values with fewer digits are compared as they stand: their separators are part of them.
const COMPACT_DIGITS: usize = 5;
const COMPACT_BYTES: usize = 64;

/// Lists the spellings under which a planted value is looked for; none for a value too short to mean anything.
pub fn needles(kind: Kind, value: &str) -> Vec<Needle> {
    let folded = fold(value.trim());
    match kind {
        Kind::Email | Kind::Jabber => email(&folded),
        Kind::Phone => phone::spellings(&folded).into_iter().map(|(text, bits)| compact(kind, text, bits)).collect(),
        Kind::Name => names(&folded),
        Kind::Address => literal(&folded),
        Kind::Btc | Kind::Ltc | Kind::Eth | Kind::Trx | Kind::Xmr | Kind::Tox | Kind::Session | Kind::Telegram => {
            token(kind, &folded)
        }
        Kind::Pan
        | Kind::Iban
        | Kind::Account
        | Kind::ResidentId
        | Kind::NationalId
        | Kind::Ssn
        | Kind::Uscc
        | Kind::Inn
        | Kind::Snils
        | Kind::Passport => {
            let numbers = numbers(kind, &folded);
            if numbers.is_empty() { literal(&folded) } else { numbers }
        }
        Kind::Other => {
            let is_number = folded.is_ascii() && longest_letters(&folded) <= 4;
            let numbers = if is_number { numbers(kind, &folded) } else { Vec::new() };
            if numbers.is_empty() { literal(&folded) } else { numbers }
        }
    }
}

fn compact(kind: Kind, text: String, bits: u32) -> Needle {
    Needle { form: Form::Compact, text, bits, stands_alone: kind.is_unique() && bits >= STANDS_ALONE_BITS }
}

fn numbers(kind: Kind, folded: &str) -> Vec<Needle> {
    let whole: String = folded.chars().filter(char::is_ascii_alphanumeric).collect();
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < COMPACT_DIGITS || whole.len() > COMPACT_BYTES {
        return Vec::new();
    }
    let count = u32::try_from(digits.len()).unwrap_or(u32::MAX);
    let random = match kind {
        // The issuer's prefix is known and the last digit follows from the others, but the watchlist may not follow rules.
        Kind::Pan => count.saturating_sub(6).max(count / 2),
        // Region and birth date are far from random.
        Kind::ResidentId => count.saturating_sub(6),
        // Dates, amounts, postal codes.
        Kind::Other => count * 3 / 5,
        Kind::Iban
        | Kind::Account
        | Kind::NationalId
        | Kind::Ssn
        | Kind::Uscc
        | Kind::Inn
        | Kind::Snils
        | Kind::Passport
        | Kind::Phone
        | Kind::Email
        | Kind::Name
        | Kind::Address
        | Kind::Btc
        | Kind::Ltc
        | Kind::Eth
        | Kind::Trx
        | Kind::Xmr
        | Kind::Telegram
        | Kind::Tox
        | Kind::Session
        | Kind::Jabber => count,
    };
    let bits = random * 332 / 100;
    let mut found = vec![compact(kind, whole.clone(), bits)];
    if kind == Kind::Account && whole.len() > digits.len() && digits.len() >= 10 {
        found.push(compact(kind, digits, bits));
    }
    if kind == Kind::ResidentId && whole.len() == 18 {
        // The form of before 1999: two digits of the year, no check digit.
        if let (Some(region), Some(rest)) = (whole.get(..6), whole.get(8..17)) {
            found.push(compact(kind, format!("{region}{rest}"), bits));
        }
    }
    found
}

fn email(folded: &str) -> Vec<Needle> {
    let Some((local, host)) = folded.rsplit_once('@') else { return literal(folded) };
    if local.is_empty() || host.is_empty() || folded.contains(char::is_whitespace) {
        return literal(folded);
    }
    let bits = u32::try_from(local.chars().count().min(16)).unwrap_or(16) * 2 + 20;
    let needle =
        |text: String| Needle { form: Form::Email, text, bits: bits.max(STANDS_ALONE_BITS), stands_alone: true };
    let mut found = vec![needle(folded.to_owned())];
    if !host.is_ascii() {
        let ascii = url::Host::parse(host).ok().map(|host| host.to_string());
        found.extend(ascii.map(|host| needle(format!("{local}@{host}"))));
    }
    found
}

/// Addresses of wallets and messengers, as they stand; four bits a character.
fn token(kind: Kind, folded: &str) -> Vec<Needle> {
    let text = if kind == Kind::Telegram { folded.trim_start_matches('@') } else { folded };
    let bits = u32::try_from(text.len().min(16)).unwrap_or(16) * 4;
    let stands_alone = kind != Kind::Telegram && bits >= STANDS_ALONE_BITS;
    if bits < 16 { Vec::new() } else { vec![Needle { form: Form::Literal, text: text.to_owned(), bits, stands_alone }] }
}

fn names(folded: &str) -> Vec<Needle> {
    let mut found = literal(folded);
    let words: Vec<&str> = folded.split_whitespace().collect();
    if let (Some((last, rest)), Some(first)) = (words.split_last().filter(|(_, rest)| !rest.is_empty()), found.first())
    {
        let given = rest.join(" ");
        let bits = first.bits;
        for text in [format!("{last} {given}"), format!("{last}, {given}")] {
            found.push(Needle { form: Form::Literal, text, bits, stands_alone: false });
        }
    }
    found
}

/// About 1.5 bits a letter of names and addresses, 6 a Han character, 3 a digit.
fn literal(folded: &str) -> Vec<Needle> {
    let text = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    let halves: u32 = text
        .chars()
        .map(|character| match character {
            '0'..='9' => 6,
            _ if character.is_ascii_alphabetic() => 3,
            _ if u32::from(character) >= 0x2e80 => 12,
            _ if character.is_alphabetic() => 3,
            _ => 0,
        })
        .sum();
    let bits = (halves / 2).min(40);
    if bits < 4 { Vec::new() } else { vec![Needle { form: Form::Literal, text, bits, stands_alone: false }] }
}

fn longest_letters(text: &str) -> usize {
    text.split(|character: char| !character.is_ascii_alphabetic()).map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(kind: Kind, value: &str) -> Vec<String> {
        needles(kind, value).into_iter().map(|needle| needle.text).collect()
    }

    #[test]
    fn spellings_of_a_value() {
        for (kind, value, expected) in [
            (Kind::Pan, "9990 4838-3464 5856", vec!["9990483834645856"]),
            (Kind::Pan, "９９９０４８３８３４６４５８５６", vec!["9990483834645856"]),
            (Kind::Account, "EX6986859770124757", vec!["ex6986859770124757", "6986859770124757"]),
            (Kind::NationalId, "000-40-1022", vec!["000401022"]),
            (Kind::NationalId, "0024 366921", vec!["0024366921"]),
            (Kind::ResidentId, "99586819640530876X", vec!["99586819640530876x", "995868640530876"]),
            (Kind::Iban, "DE89 3704 0044 0532 0130 00", vec!["de89370400440532013000"]),
            (Kind::Email, "Quill161@Inbox.Example", vec!["quill161@inbox.example"]),
            (Kind::Email, "quill@почта.рф", vec!["quill@почта.рф", "quill@xn--80a1acny.xn--p1ai"]),
            (
                Kind::Name,
                "Gideon  Brackenholt",
                vec!["gideon brackenholt", "brackenholt gideon", "brackenholt, gideon"],
            ),
            (Kind::Name, "欧阳采薇", vec!["欧阳采薇"]),
            (Kind::Address, "12 Main St, 62704 Springfield", vec!["12 main st, 62704 springfield"]),
            (Kind::Other, "1985-03-12", vec!["19850312"]),
            (Kind::Other, "M", vec![]),
            (Kind::Ssn, "536-90-4399", vec!["536904399"]),
            (Kind::Snils, "112-233-445 95", vec!["11223344595"]),
            (Kind::Trx, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", vec!["tr7nhqjekqxgtci8q8zy4pl8otszgjlj6t"]),
            (Kind::Telegram, "@Vendor_Lynx", vec!["vendor_lynx"]),
            (Kind::Passport, "AB 1234567", vec!["ab1234567"]),
            (Kind::Passport, "AB12", vec!["ab12"]),
        ] {
            assert_eq!(texts(kind, value), expected, "{value}");
        }
    }

    #[test]
    fn a_value_stands_alone_only_when_it_is_unique_and_long() {
        for (kind, value, alone) in [
            (Kind::Pan, "9990483834645856", true),
            (Kind::NationalId, "000-40-1022", true),
            (Kind::Account, "123456", false),
            (Kind::Phone, "+1 (774) 555-0119", true),
            (Kind::Phone, "555-0119", false),
            (Kind::Email, "a@b.example", true),
            (Kind::Name, "Gideon Brackenholt", false),
            (Kind::Address, "12 Main Street, 62704 Springfield, Illinois", false),
            (Kind::Other, "1985-03-12", false),
        ] {
            assert_eq!(needles(kind, value).iter().any(|needle| needle.stands_alone), alone, "{value}");
        }
    }
}
