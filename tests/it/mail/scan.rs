//! Looks through every mail of the suite for what must not be readable on the way: sinks and memory mailers call it when
//! they end, whatever the test was about.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use mail_parser::{Message, MessageParser, MimeHeaders as _};

/// Digits in a row, whatever single separators stand between them, that no mail has a reason to show.
const DIGITS: usize = 13;

/// Values of the canaries that the repository's own watchlists plant, squeezed.
static PLANTED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut planted = BTreeSet::new();
    for name in ["example-bank", "example-insurer"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists").join(name).join("canaries.csv");
        let mut reader = csv::Reader::from_path(path).unwrap();
        let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        for row in reader.records() {
            for (column, value) in columns.iter().zip(row.unwrap().iter()) {
                let is_value =
                    !["canary", "dataset", "holders", "planted_at", "retired_at", "p"].contains(&column.as_str());
                let value = squeeze(value);
                if is_value && value.chars().count() >= if value.is_ascii() { 7 } else { 4 } {
                    planted.insert(value);
                }
            }
        }
    }
    assert!(planted.len() > 50, "the watchlists hold too little to look for");
    planted
});

/// Panics if a mail holds something in the clear that none may hold.
pub(crate) fn assert_harmless(message: &str) {
    if let Some(found) = objection(message) {
        panic!("a mail shows {found}:\n{message}");
    }
}

/// Says what of a mail can be read on the way and must not be.
pub(crate) fn objection(message: &str) -> Option<String> {
    let parsed = MessageParser::default().parse(message.as_bytes())?;
    let text = readable(&parsed);
    let lower = text.to_lowercase();
    for word in [".onion", ".i2p", "[.]onion", "password", "mallory", "hosting one", "stole"] {
        if lower.contains(word) {
            return Some(format!("{word:?}"));
        }
    }
    if let Some(digits) = long_number(&without_own_marks(&text)) {
        return Some(format!("the number {digits}"));
    }
    // The addresses that every test bank plants.
    let squeezed = squeeze(&text);
    if let Some(at) = squeezed.find("mailexample") {
        let before: String = squeezed.chars().take(squeezed.get(..at)?.chars().count()).collect();
        if before.chars().rev().take(3).all(|c| c.is_ascii_digit()) && before.contains("planted") {
            return Some("a planted address".to_owned());
        }
    }
    PLANTED.iter().find(|value| squeezed.contains(value.as_str())).map(|value| format!("the planted value {value}"))
}

/// Subject and every part that is not encrypted, decoded.
fn readable(message: &Message<'_>) -> String {
    let mut text = message.subject().unwrap_or_default().to_owned();
    for header in message.headers_raw().filter(|(name, _)| name.starts_with("X-") || *name == "List-Id") {
        text.push('\n');
        text.push_str(header.1);
    }
    for part in &message.parts {
        let is_sealed = part.attachment_name() == Some("encrypted.asc");
        if let Some(body) = part.text_contents().filter(|_| !is_sealed) {
            text.push('\n');
            text.push_str(body);
        }
    }
    text
}

/// Takes out the links by which a mail is answered and the hashes it quotes: they may hold any digits.
fn without_own_marks(text: &str) -> String {
    let is_link = |word: &str| word.contains("/acknowledge/") || word.contains("/confirm/");
    let is_hash = |word: &str| {
        word.len() == 64
            && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && word.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    let is_own = |word: &str| is_link(word) || is_hash(word);
    let line = |line: &str| line.split(' ').filter(|word| !is_own(word)).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn long_number(text: &str) -> Option<String> {
    let mut run = String::new();
    let mut is_gap = false;
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_digit() {
            run.push(character);
            is_gap = false;
        } else if matches!(character, ' ' | '-' | '.') && !is_gap && !run.is_empty() {
            is_gap = true;
        } else {
            if run.len() >= DIGITS {
                return Some(run);
            }
            run.clear();
            is_gap = false;
        }
    }
    None
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[test]
fn what_must_not_be_mailed_is_found_however_it_is_written() {
    let value = PLANTED.iter().find(|value| value.chars().all(|c| c.is_ascii_digit())).unwrap().clone();
    let spaced: Vec<String> = value.chars().map(String::from).collect();
    let mail = |body: &str| {
        format!(
            "From: a@b\r\nSubject: =?utf-8?q?one?=\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{body}\r\n"
        )
    };
    assert_eq!(objection(&mail("two planted records, 622202=E2=80=A2=E2=80=A21234, seen 2026-11-20 14:03 UTC")), None);
    let hash = "7976174664136d7ac1dd3e8d5556160955d74a4ddd4888a489679fd15eb2cb1c";
    assert_eq!(objection(&mail(&format!("hash: {hash}"))), None);
    assert!(objection(&mail(hash.get(..63).unwrap())).is_some(), "a shorter word is no hash");
    for body in [
        value.as_str(),
        &spaced.join("-"),
        "6222 0212 3456 7890",
        "62220212=\r\n34567890",
        "planted007@mail.example",
        "http://abcdefgh.onion/",
        "Hosting One Ltd",
    ] {
        assert!(objection(&mail(body)).is_some(), "{body} passes");
    }
}
