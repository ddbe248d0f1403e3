//! Clean text that is full of numbers, hashes and encoded runs holds no hit.
//!
//! A few megabytes by default; `DYEPACK_TEST_PRECISION_MB` asks for more.

use dyepack::domain::matcher::{Document, Matcher};
use dyepack::domain::watchlist::{Alerts, Anchors, Canary, Language, Organization, OrganizationId, Watchlist};

/// A small generator of our own: the same text on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[usize::try_from(self.below(alphabet.len() as u64)).unwrap()])).collect()
    }
}

/// Sixteen digits that pass the Luhn check, from a range of real issuers or of the canaries' own.
fn card(dice: &mut Dice) -> String {
    let prefix = ["400000", "510510", "622202", "999904"][usize::try_from(dice.below(4)).unwrap()];
    let mut digits = format!("{prefix}{:09}", dice.below(1_000_000_000));
    let sum: u32 = digits.bytes().rev().enumerate().fold(0, |sum, (place, byte)| {
        let digit = u32::from(byte - b'0') * if place % 2 == 0 { 2 } else { 1 };
        sum + digit / 10 + digit % 10
    });
    digits.push(char::from_digit((10 - sum % 10) % 10, 10).unwrap());
    digits
}

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &[u8] = b"0123456789abcdef";

/// Numbers with as many decimals as a telephone number has digits.
fn decimals(dice: &mut Dice) -> String {
    format!("    {}.{:011},\n    0.{:010},", dice.below(999), dice.below(99_999_999_999), dice.below(9_999_999_999))
}

fn contact(dice: &mut Dice) -> String {
    format!(
        "user{}@post.example;+1{:010};138{:08}",
        dice.below(1 << 30),
        dice.below(9_999_999_999),
        dice.below(99_999_999)
    )
}

fn line(dice: &mut Dice) -> String {
    match dice.below(13) {
        0 => format!(
            ".c{} {{ margin: {}.{:06}px {}.{:04}em; }}",
            dice.below(99),
            dice.below(9),
            dice.below(999_999),
            dice.below(9),
            dice.below(9999)
        ),
        1 => format!(
            "order {} no. {:010} of 2026-{:02}-{:02}",
            dice.below(1 << 40),
            dice.below(9_999_999_999),
            dice.below(12) + 1,
            dice.below(28) + 1
        ),
        2 => dice.text(HEX, 64),
        3 => format!(
            "{} {}.{:09} GET /x?id={}&t=%20{:x} 200",
            1_760_000_000 + dice.below(1 << 25),
            dice.below(1 << 30),
            dice.below(999_999_999),
            dice.below(1 << 50),
            dice.roll()
        ),
        4 => format!(
            "    let x{} = table[{}] ^ 0x{:016x}; // \\u00{:02x}",
            dice.below(99),
            dice.below(4096),
            dice.roll(),
            dice.below(256)
        ),
        5 => format!("<img src=\"data:image/png;base64,{}\">", dice.text(BASE64, 600)),
        6 => format!(
            "libfoo{}-dev_{}.{}.{}-{}_amd64.deb {}",
            dice.below(99),
            dice.below(9),
            dice.below(99),
            dice.below(99),
            dice.below(9),
            dice.text(HEX, 40)
        ),
        7 => card(dice),
        8 => format!("{} {} {}", card(dice), card(dice), card(dice)),
        9 => contact(dice),
        10 => decimals(dice),
        11 => dice.text(BASE64, 76),
        _ => format!(
            "{:04} {:04}\n{:04} {:04} 一二三 {}",
            dice.below(9999),
            dice.below(9999),
            dice.below(9999),
            dice.below(9999),
            dice.text(b"0123456789 -.|\n", 60)
        ),
    }
}

fn matcher(dice: &mut Dice) -> (Matcher, Vec<String>) {
    let organization = Organization {
        id: OrganizationId("example-bank".to_owned()),
        name: "Example Bank".to_owned(),
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
    let cards: Vec<String> = (0..200).map(|_| card(dice)).collect();
    let canaries = cards.iter().enumerate().map(|(number, pan)| {
        let phone = format!("120{:08}", dice.below(99_999_999));
        let email = format!("{}@mail.example", dice.text(b"abcdefghijklmnop", 9));
        let account = format!("{:016}", dice.below(9_999_999_999_999_999));
        let fields =
            [("name", "Gideon Brackenholt"), ("pan", pan), ("phone", &phone), ("email", &email), ("account", &account)];
        Canary {
            id: format!("c{number}"),
            dataset: "customers".to_owned(),
            holders: Vec::new(),
            planted_at: None,
            retired_at: None,
            p: None,
            fields: fields.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        }
    });
    let canaries = canaries.collect();
    (Matcher::compile(&[Watchlist { organization, canaries, deliveries: Vec::new() }]), cards)
}

#[test]
fn clean_text_holds_no_hit() {
    let megabytes = std::env::var("DYEPACK_TEST_PRECISION_MB").ok().and_then(|value| value.parse().ok()).unwrap_or(2);
    let mut dice = Dice(0x5eed_1234_9876_abcd);
    let (matcher, cards) = matcher(&mut dice);
    let mut false_hits = Vec::new();
    for _ in 0..megabytes {
        for name in ["noise.txt", "noise.html"] {
            let mut text = String::new();
            while text.len() < 1 << 19 {
                text.push_str(&line(&mut dice));
                text.push('\n');
            }
            let scan = matcher.scan(&Document { bytes: text.as_bytes(), name, media_type: None, charset: None });
            // A drawn number may be a canary's: then it is there.
            let is_there = |entry: &str| {
                let number: usize = entry.trim_start_matches('c').parse().unwrap();
                text.contains(&cards[number])
            };
            false_hits.extend(scan.hits.into_iter().filter(|hit| !is_there(&hit.entry)));
        }
    }
    assert!(false_hits.len() <= 1, "{false_hits:#?}");
}
