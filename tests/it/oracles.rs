//! Validity as others see it: python-stdnum 2.2 and phonenumbers 9.0.33 (the metadata that our crate carries) give the
//! same verdict on seeded strings, half of them random, half valid ones with a fault or none.
//!
//! `DYEPACK_ORACLE_STRINGS` sets the number of strings a kind. [`DIFFERENCES`] lists where the verdicts differ, and why.
#![expect(clippy::print_stdout, reason = "the counts of a long run are its result")]

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use dyepack::domain::identifier::{Kind, canonical, is_valid};

use crate::world::program::python;

/// Strings a kind in every run.
const STRINGS: usize = 2000;

/// What the oracle says of a string.
struct Verdict {
    is_valid: bool,
    reason: String,
}

/// A rule by which our verdict is another, on purpose.
struct Difference {
    kind: Kind,
    why: &'static str,
    /// Whether the rule covers a string on which we say `ours` and the oracle the opposite.
    covers: fn(text: &str, ours: bool, oracle: &Verdict) -> bool,
}

const DIFFERENCES: [Difference; 16] = [
    Difference {
        kind: Kind::Pan,
        why: "zeros alone have a right Luhn sum and are no card",
        covers: |text, ours, _| !ours && digits(text).bytes().all(|byte| byte == b'0'),
    },
    Difference {
        kind: Kind::Iban,
        why: "ISO 13616 gives check digits from 02 on; 00 and 01 only add up",
        covers: |text, ours, _| !ours && matches!(compact(text).get(2..4), Some("00" | "01")),
    },
    Difference {
        kind: Kind::ResidentId,
        why: "python-stdnum keeps a list of counties with their years, which is never whole; we ask for the province",
        covers: |_, ours, oracle| ours && oracle.reason == "InvalidComponent",
    },
    Difference {
        kind: Kind::ResidentId,
        why: "nobody who was born before 1850 or will be after 2099 has a number",
        covers: |text, ours, _| !ours && compact(text).get(6..10).is_some_and(|year| !("1850".."2100").contains(&year)),
    },
    Difference {
        kind: Kind::ResidentId,
        why: "numbers of 15 digits, given out until 1999, are still in old tables; python-stdnum refuses them",
        covers: |text, ours, oracle| ours && compact(text).len() == 15 && oracle.reason == "InvalidLength",
    },
    Difference {
        kind: Kind::ResidentId,
        why: "blanks between the parts do not count; python-stdnum counts them",
        covers: |text, ours, oracle| ours && text.contains(' ') && oracle.reason == "InvalidLength",
    },
    Difference {
        kind: Kind::Uscc,
        why: "GB 32100 has the registration authorities A, N and Y beside the digits",
        covers: |text, ours, _| ours && compact(text).starts_with(['A', 'N', 'Y']),
    },
    Difference {
        kind: Kind::Ssn,
        why: "a blank counts as a separator and separators may stand anywhere: python-stdnum reads 123-45-6789 only",
        covers: |text, ours, oracle| ours && oracle.reason == "InvalidFormat" && digits(text).len() == 9,
    },
    Difference {
        kind: Kind::Inn,
        why: "zeros alone have right sums and are nobody's number",
        covers: |text, ours, _| !ours && digits(text).bytes().all(|byte| byte == b'0'),
    },
    Difference {
        kind: Kind::Btc,
        why: "an address is one word: python-stdnum takes blanks out",
        covers: |text, ours, _| !ours && text.contains(' '),
    },
    Difference {
        kind: Kind::Btc,
        why: "BIP 173 forbids capitals among small letters; python-stdnum makes all small",
        covers: |text, ours, _| !ours && text.to_lowercase().starts_with("bc1") && text != text.to_lowercase(),
    },
    Difference {
        kind: Kind::Btc,
        why: "BIP 350: witness versions from 1 on are summed as bech32m; python-stdnum knows BIP 173 only",
        covers: |text, _, _| {
            compact(text).to_lowercase().strip_prefix("bc1").is_some_and(|rest| !rest.starts_with('q'))
        },
    },
    Difference {
        kind: Kind::Phone,
        why: "the trunk prefix 8 behind a country code (Belarus, Russia) may be part of the number; phonenumbers takes it off",
        covers: |text, ours, _| {
            let digits = digits(text);
            !ours && ["3758", "78"].iter().any(|begin| digits.starts_with(begin))
        },
    },
    Difference {
        kind: Kind::Phone,
        why: "phonenumbers asks for a plus or a country; we read what is written without by the habits of its readers",
        covers: |text, ours, oracle| ours && !text.starts_with('+') && oracle.reason == "InvalidFormat",
    },
    Difference {
        kind: Kind::Phone,
        why: "of a trunk prefix behind the country code we take one digit off; phonenumbers also knows the carriers of China, \
              Korea and Colombia, Belarus's second prefix, Hungary's 06, the areas that San Marino and Madagascar leave out, \
              and that the seven digits of North America have none",
        covers: |text, _, _| {
            let digits = digits(text);
            ["3750", "3758", "378", "570", "11", "3606", "8611", "8612", "86179", "8208", "261"]
                .iter()
                .any(|begin| digits.starts_with(begin))
        },
    },
    Difference {
        kind: Kind::Phone,
        why: "E.164 has fifteen digits at most; phonenumbers takes longer German numbers, which cannot be dialled from abroad",
        covers: |text, ours, _| !ours && digits(text).len() > 15,
    },
];

fn compact(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// `SplitMix64`: seeded, and good enough to draw strings.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let characters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| characters[self.below(characters.len())]).collect()
    }

    /// A string of a kind's alphabet and about its length.
    fn random(&mut self, kind: Kind) -> String {
        let extra = self.below(4);
        match kind {
            Kind::Iban => format!("{}{}", self.pick(&COUNTRIES), self.text("0123456789", 18 + extra)),
            Kind::ResidentId => self.text("0123456789", 17) + self.pick(&["0", "5", "X", "x", ""]),
            Kind::Uscc => self.text("19AY", 1) + &self.text("0123456789", 7) + &self.text(USCC, 10),
            Kind::Ssn => self.text("0123456789", 8 + extra / 2),
            Kind::Inn => self.text("0123456789", [9, 10, 11, 12][extra]),
            Kind::Btc => self.pick(&["1", "3", "bc1q", "bc1p"]).to_owned() + &self.text(BASE58, 24 + 5 * extra),
            Kind::Phone => format!("+{}", self.text("123456789", 1) + &self.text("0123456789", 6 + 2 * extra)),
            Kind::Pan
            | Kind::Account
            | Kind::NationalId
            | Kind::Snils
            | Kind::Passport
            | Kind::Email
            | Kind::Name
            | Kind::Address
            | Kind::Ltc
            | Kind::Eth
            | Kind::Trx
            | Kind::Xmr
            | Kind::Telegram
            | Kind::Tox
            | Kind::Session
            | Kind::Jabber
            | Kind::Other => self.text("0123456789", 13 + 2 * extra),
        }
    }

    /// A string that is valid in all but its check digits, which are drawn.
    fn nearly(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Pan => self.pick(&["4", "51", "2221", "62", "37"]).to_owned() + &self.text("0123456789", 14),
            Kind::Iban => {
                let (country, bban) = EXAMPLES[self.below(EXAMPLES.len())];
                let drawn: String = bban.chars().map(|character| self.alike(character)).collect();
                format!("{country}{:02}{drawn}", 98 - remainder(&format!("{drawn}{country}00")))
            }
            Kind::ResidentId => {
                let county =
                    self.pick(&["110105", "440524", "310101", "650102", "510104", "990101", "330106"]).to_owned();
                let (year, month, day) = (1900 + self.below(120), 1 + self.below(12), 1 + self.below(31));
                format!("{county}{year}{month:02}{day:02}{:03}{}", self.below(1000), self.pick(&CHECKS))
            }
            Kind::Uscc => self.pick(&["91", "92", "51", "11", "Y1"]).to_owned() + "110000" + &self.text(USCC, 10),
            Kind::Ssn => format!("{:03}-{:02}-{:04}", self.below(1000), self.below(100), self.below(10_000)),
            Kind::Inn => {
                let length = 10 + 2 * self.below(2);
                self.text("0123456789", length)
            }
            Kind::Btc => self.pick(&ADDRESSES).to_owned(),
            Kind::Phone => {
                let begin = self.pick(&CODES).to_owned();
                let length = 7 + self.below(5);
                format!("+{begin}{}", self.text("0123456789", length))
            }
            Kind::Account
            | Kind::NationalId
            | Kind::Snils
            | Kind::Passport
            | Kind::Email
            | Kind::Name
            | Kind::Address
            | Kind::Ltc
            | Kind::Eth
            | Kind::Trx
            | Kind::Xmr
            | Kind::Telegram
            | Kind::Tox
            | Kind::Session
            | Kind::Jabber
            | Kind::Other => self.random(kind),
        }
    }

    /// A character of the same class.
    fn alike(&mut self, character: char) -> char {
        let alphabet = if character.is_ascii_digit() { "0123456789" } else { "ABCDEFGHIJKLMNOPQRSTUVWXYZ" };
        self.text(alphabet, 1).chars().next().unwrap()
    }

    /// Changes, swaps, drops or doubles a character, puts a blank in, or nothing.
    fn damage(&mut self, text: &str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let at = self.below(characters.len().max(2) - 1);
        match self.below(10) {
            0 => characters[at] = self.alike(characters[at]),
            1 => characters.swap(at, at + 1),
            2 => drop(characters.remove(at)),
            3 => characters.insert(at, characters[at]),
            4 => characters.insert(at + 1, ' '),
            _ => {}
        }
        characters.into_iter().collect()
    }
}

const COUNTRIES: [&str; 8] = ["DE", "GB", "FR", "NO", "MT", "XX", "RU", "AE"];
const CHECKS: [&str; 11] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "X"];
const USCC: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Beginnings of numbers of thirty countries, those of our readers first.
const CODES: [&str; 40] = [
    "8613", "8615", "8618", "861", "8610", "8621", "86755", "79", "7495", "7812", "77", "1212", "1415", "1", "4420",
    "447", "4930", "4915", "331", "336", "3906", "393", "346", "4179", "46", "47", "48", "380", "375", "81", "82",
    "852", "853", "886", "91", "971", "972", "55", "52", "800",
];
/// One account number in the form of each of these countries.
const EXAMPLES: [(&str, &str); 24] = [
    ("AD", "00012030200359100100"),
    ("AE", "0331234567890123456"),
    ("AT", "1904300234573201"),
    ("BE", "539007547034"),
    ("BG", "BNBG96611020345678"),
    ("BR", "00360305000010009795493P1"),
    ("CH", "00762011623852957"),
    ("DE", "370400440532013000"),
    ("ES", "21000418450200051332"),
    ("FR", "20041010050500013M02606"),
    ("GB", "WEST12345698765432"),
    ("IT", "X0542811101000000123456"),
    ("JO", "CBJO0010000000000131000302"),
    ("KW", "CBKU0000000000001234560101"),
    ("KZ", "86125KZT5004100100"),
    ("LC", "HEMM000100010012001200023015"),
    ("MT", "MALT011000012345MTLCAST001S"),
    ("MU", "BOMM0101101030300200000MUR"),
    ("NL", "ABNA0417164300"),
    ("NO", "86011117947"),
    ("PL", "109010140000071219812874"),
    ("RU", "04452522540817810538091310419"),
    ("SC", "SSCB11010000000000001497USD"),
    ("UA", "3223130000026007233566001"),
];
/// Addresses of BIP 173, BIP 350 and the first block.
const ADDRESSES: [&str; 6] = [
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
];

/// ISO 7064 MOD 97-10, as anyone would write it.
fn remainder(text: &str) -> u32 {
    text.chars().fold(0, |rest, character| {
        let value = character.to_digit(36).unwrap();
        (rest * if value > 9 { 100 } else { 10 } + value) % 97
    })
}

fn strings(kind: Kind) -> Vec<String> {
    let count = std::env::var("DYEPACK_ORACLE_STRINGS").ok().and_then(|count| count.parse().ok()).unwrap_or(STRINGS);
    let mut dice = Dice(0x0d1e_9ac4 + kind as u64);
    let draw = |index: usize| {
        if index.is_multiple_of(2) {
            dice.random(kind)
        } else {
            let text = dice.nearly(kind);
            dice.damage(&text)
        }
    };
    (0..count).map(draw).collect()
}

fn ask(kind: Kind, strings: &[String]) -> Vec<Verdict> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/oracle.py");
    let mut child = Command::new(python()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = strings.iter().flat_map(|text| [kind.as_str(), "\t", text, "\n"]).collect::<String>();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let answers = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| {
        let line = line.unwrap();
        let (is_valid, reason) = line.split_once(' ').unwrap_or((&line, ""));
        Verdict { is_valid: is_valid == "1", reason: reason.to_owned() }
    });
    let answers: Vec<Verdict> = answers.collect();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success(), "the oracle failed: run tests/run once, which installs it");
    answers
}

/// Compares verdicts on one kind; a difference that no rule covers fails.
fn agree(kind: Kind) {
    let strings = strings(kind);
    let verdicts = ask(kind, &strings);
    assert_eq!(verdicts.len(), strings.len());
    let (mut valid, mut covered, mut wrong) = (0, vec![0; DIFFERENCES.len()], Vec::new());
    for (text, oracle) in strings.iter().zip(&verdicts) {
        let ours = canonical(kind, text).is_some_and(|form| is_valid(kind, &form));
        valid += usize::from(ours);
        if ours == oracle.is_valid {
            continue;
        }
        let rule = DIFFERENCES.iter().position(|rule| rule.kind == kind && (rule.covers)(text, ours, oracle));
        match rule {
            Some(rule) => covered[rule] += 1,
            None => wrong.push(format!("{text}: we say {ours}, the oracle {} {}", oracle.is_valid, oracle.reason)),
        }
    }
    let rules: Vec<String> = DIFFERENCES
        .iter()
        .zip(&covered)
        .filter(|(_, count)| **count > 0)
        .map(|(rule, count)| format!("{count} × {}", rule.why))
        .collect();
    println!("{}: {} strings, {valid} valid; {}", kind.as_str(), strings.len(), rules.join("; "));
    assert!(valid > strings.len() / 100, "{}: too few strings are valid", kind.as_str());
    let shown = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} verdicts of {} differ:\n{shown}", wrong.len(), kind.as_str());
}

#[test]
fn cards_are_valid_as_python_stdnum_says() {
    agree(Kind::Pan);
}

#[test]
fn ibans_are_valid_as_python_stdnum_says() {
    agree(Kind::Iban);
}

#[test]
fn resident_identity_numbers_are_valid_as_python_stdnum_says() {
    agree(Kind::ResidentId);
}

#[test]
fn company_codes_are_valid_as_python_stdnum_says() {
    agree(Kind::Uscc);
}

#[test]
fn social_security_numbers_are_valid_as_python_stdnum_says() {
    agree(Kind::Ssn);
}

#[test]
fn taxpayer_numbers_are_valid_as_python_stdnum_says() {
    agree(Kind::Inn);
}

#[test]
fn bitcoin_addresses_are_valid_as_python_stdnum_says() {
    agree(Kind::Btc);
}

#[test]
fn telephone_numbers_are_valid_as_phonenumbers_says() {
    agree(Kind::Phone);
}
