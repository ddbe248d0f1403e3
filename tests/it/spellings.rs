//! The spelling matrix: every kind of identifier, in every spelling, charset and container, is found where it stands.
//!
//! Values are drawn from a seed, anew for each transform (`DYEPACK_SPELLINGS_SEED` draws others). Each transform meets each
//! charset, each container and each kind; what a charset cannot write, or a kind cannot be written as, is skipped by name
//! and counted.

use std::collections::BTreeMap;
use std::io::Write;

use dyepack::domain::matcher::{Document, Hit, Matcher};
use dyepack::domain::text::{fold, replay};
use dyepack::domain::watchlist::{Alerts, Anchors, Canary, Language, Organization, OrganizationId, Watchlist};
use dyepack::ports::sandbox::{Allowance, Sandbox};
use flate2::write::GzEncoder;

const KINDS: [&str; 10] =
    ["pan", "iban", "account", "resident_id", "national_id", "passport", "phone", "email", "name", "address"];
const CHARSETS: [&str; 4] = ["utf-8", "gb18030", "windows-1251", "utf-16le"];
const CONTAINERS: [&str; 6] = ["txt", "html", "csv", "jsonl", "gz", "zip"];

/// What a transform can be applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Any,
    Digits,
    Email,
    Name,
    Han,
}

type Transform = (&'static str, Of, fn(&str) -> String);

fn written<T>(units: impl IntoIterator<Item = T>, make: impl Fn(T) -> String) -> String {
    units.into_iter().map(make).collect()
}

fn each(value: &str, make: impl Fn(char) -> String) -> String {
    written(value.chars(), make)
}

fn bytes(value: &str, make: impl Fn(u8) -> String) -> String {
    written(value.bytes(), make)
}

fn shifted(value: &str, zero: u32) -> String {
    each(value, |c| c.to_digit(10).map_or(c, |digit| char::from_u32(zero + digit).unwrap()).to_string())
}

fn numerals(value: &str, table: &str) -> String {
    each(value, |c| c.to_digit(10).map_or(c, |digit| table.chars().nth(digit as usize).unwrap()).to_string())
}

fn grouped(value: &str, size: usize, separator: &str) -> String {
    let letters: Vec<char> = value.chars().collect();
    letters.chunks(size).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(separator)
}

fn swapped(value: &str, pairs: &str) -> String {
    let pairs: Vec<char> = pairs.chars().collect();
    each(value, |c| pairs.chunks(2).find(|pair| pair[0] == c).map_or(c, |pair| pair[1]).to_string())
}

fn base64(data: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quantum = |three: &[u8]| {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        let digit = |place: usize| if place <= three.len() { ALPHABET[bits >> (18 - 6 * place) & 63] } else { b'=' };
        [0, 1, 2, 3].map(|place| char::from(digit(place)))
    };
    data.chunks(3).flat_map(quantum).collect()
}

/// An encoded run holds the whole record: names prove nothing alone.
fn with_companion(value: &str) -> String {
    format!("{COMPANION} {value}")
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(data).unwrap();
    packer.finish().unwrap()
}

fn misread(value: &str, table: fn(u8) -> char) -> String {
    value.bytes().map(table).collect()
}

fn windows_1252(byte: u8) -> char {
    dyepack::domain::text::decode_known(&[byte], "windows-1252").text.chars().next().unwrap()
}

fn windows_1251(byte: u8) -> char {
    dyepack::domain::text::decode_known(&[byte], "windows-1251").text.chars().next().unwrap()
}

const TRANSFORMS: &[Transform] = &[
    ("plain", Of::Any, str::to_owned),
    ("upper case", Of::Any, str::to_uppercase),
    ("lower case", Of::Any, str::to_lowercase),
    ("mixed case", Of::Any, |v| {
        v.chars()
            .enumerate()
            .map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect()
    }),
    ("glued to Han", Of::Any, |v| format!("号码{v}有效")),
    ("glued to Cyrillic", Of::Digits, |v| format!("номер{v}годен")),
    ("in brackets", Of::Any, |v| format!("[{v}]")),
    ("in quotes", Of::Any, |v| format!("“{v}”")),
    ("after a full-width colon", Of::Any, |v| format!("号码：{v}。")),
    ("spaces by four", Of::Digits, |v| grouped(v, 4, " ")),
    ("dashes by four", Of::Digits, |v| grouped(v, 4, "-")),
    ("dots by four", Of::Digits, |v| grouped(v, 4, ".")),
    ("slashes by four", Of::Digits, |v| grouped(v, 4, "/")),
    ("underscores by four", Of::Digits, |v| grouped(v, 4, "_")),
    ("commas by three", Of::Digits, |v| grouped(v, 3, ",")),
    ("spaced dashes", Of::Digits, |v| grouped(v, 4, " - ")),
    ("two spaces", Of::Digits, |v| grouped(v, 4, "  ")),
    ("tabs", Of::Digits, |v| grouped(v, 4, "\t")),
    ("digit by digit", Of::Digits, |v| grouped(v, 1, " ")),
    ("dashes digit by digit", Of::Digits, |v| grouped(v, 1, "-")),
    ("middle dots", Of::Digits, |v| grouped(v, 4, "·")),
    ("en dashes", Of::Digits, |v| grouped(v, 4, "–")),
    ("em dashes", Of::Digits, |v| grouped(v, 4, "—")),
    ("no-break spaces", Of::Digits, |v| grouped(v, 4, "\u{a0}")),
    ("thin spaces", Of::Digits, |v| grouped(v, 4, "\u{2009}")),
    ("ideographic spaces", Of::Digits, |v| grouped(v, 4, "\u{3000}")),
    ("over lines", Of::Digits, |v| grouped(v, 4, "\n")),
    ("over indented lines", Of::Digits, |v| grouped(v, 4, "\r\n  ")),
    ("in columns", Of::Digits, |v| grouped(v, 4, " | ")),
    ("bars", Of::Digits, |v| grouped(v, 4, "|")),
    ("zero-width spaces", Of::Any, |v| grouped(v, 2, "\u{200b}")),
    ("zero-width joiners", Of::Any, |v| grouped(v, 1, "\u{200d}")),
    ("soft hyphens", Of::Any, |v| grouped(v, 3, "\u{ad}")),
    ("byte order marks", Of::Any, |v| grouped(v, 4, "\u{feff}")),
    ("bidi marks", Of::Any, |v| grouped(v, 2, "\u{202c}\u{202a}")),
    ("variation selectors", Of::Any, |v| grouped(v, 1, "\u{fe0f}")),
    ("tag characters", Of::Any, |v| grouped(v, 2, "\u{e0041}")),
    ("struck through", Of::Digits, |v| grouped(v, 1, "\u{336}")),
    ("full width", Of::Any, |v| {
        each(v, |c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xfee0).unwrap() } else { c }.to_string())
    }),
    ("Arabic digits", Of::Digits, |v| shifted(v, 0x660)),
    ("Persian digits", Of::Digits, |v| shifted(v, 0x6f0)),
    ("Devanagari digits", Of::Digits, |v| shifted(v, 0x966)),
    ("Thai digits", Of::Digits, |v| shifted(v, 0xe50)),
    ("bold digits", Of::Digits, |v| shifted(v, 0x1d7ce)),
    ("monospace digits", Of::Digits, |v| shifted(v, 0x1d7f6)),
    ("circled digits", Of::Digits, |v| numerals(v, "⓪①②③④⑤⑥⑦⑧⑨")),
    ("filled circles", Of::Digits, |v| numerals(v, "⓿❶❷❸❹❺❻❼❽❾")),
    ("superscripts", Of::Digits, |v| numerals(v, "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    ("everyday numerals", Of::Digits, |v| numerals(v, "〇一二三四五六七八九")),
    ("numerals with 零", Of::Digits, |v| numerals(v, "零一二三四五六七八九")),
    ("financial numerals", Of::Digits, |v| numerals(v, "零壹贰叁肆伍陆柒捌玖")),
    ("traditional numerals", Of::Digits, |v| numerals(v, "零壹貳叁肆伍陸柒捌玖")),
    ("numerals by four", Of::Digits, |v| grouped(&numerals(v, "〇一二三四五六七八九"), 4, "-")),
    ("percent", Of::Any, |v| bytes(v, |b| format!("%{b:02X}"))),
    ("percent twice", Of::Any, |v| bytes(v, |b| format!("%25{b:02x}"))),
    ("percent for some", Of::Any, |v| {
        each(v, |c| if matches!(c, '0'..='4' | '@' | '.') { format!("%{:02x}", u32::from(c)) } else { c.to_string() })
    }),
    ("backslash u", Of::Any, |v| written(v.encode_utf16(), |unit| format!("\\u{unit:04x}"))),
    ("backslash x", Of::Any, |v| bytes(v, |b| format!("\\x{b:02x}"))),
    ("after an escaped tab", Of::Any, |v| format!("\\t{v}\\t")),
    ("decimal entities", Of::Any, |v| each(v, |c| format!("&#{};", u32::from(c)))),
    ("hexadecimal entities", Of::Any, |v| each(v, |c| format!("&#x{:X};", u32::from(c)))),
    ("entities twice", Of::Any, |v| each(v, |c| format!("&amp;#{};", u32::from(c)))),
    ("quoted-printable", Of::Any, |v| bytes(v, |b| format!("={b:02X}"))),
    ("soft line breaks", Of::Digits, |v| grouped(v, 5, "=\r\n")),
    ("base64", Of::Any, |v| base64(with_companion(v).as_bytes())),
    ("base64 twice", Of::Any, |v| base64(base64(with_companion(v).as_bytes()).as_bytes())),
    ("hexadecimal", Of::Any, |v| bytes(&with_companion(v), |b| format!("{b:02x}"))),
    ("gzip in base64", Of::Any, |v| base64(&gzip(with_companion(v).as_bytes()))),
    ("read as windows-1252", Of::Han, |v| misread(v, windows_1252)),
    ("read as windows-1251", Of::Name, |v| misread(v, windows_1251)),
    ("look-alikes", Of::Name, |v| swapped(v, "еeоoрpсc")),
    ("disguised", Of::Email, |v| v.replace('@', " [at] ").replace('.', " [dot] ")),
];

/// Spellings of addresses and names that are no function of one character.
const MORE: &[Transform] = &[
    ("disguised with parentheses", Of::Email, |v| v.replace('@', "(at)").replace('.', "(dot)")),
    ("disguised in Chinese", Of::Email, |v| v.replace('@', "艾特").replace('.', "点")),
    ("disguised in Russian", Of::Email, |v| v.replace('@', " собака ").replace('.', " точка ")),
    ("disguised in words", Of::Email, |v| v.replace('@', " at ").replace('.', " dot ")),
    ("spaced sign", Of::Email, |v| v.replace('@', " @ ")),
    ("look-alikes in an address", Of::Email, |v| swapped(v, "aаeеpрcс")),
    ("traditional characters", Of::Han, |v| swapped(v, "欧歐阳陽采採龙龍华華国國里裡")),
    ("percent in GBK", Of::Han, |v| written(encode(v, "gb18030").unwrap(), |b| format!("%{b:02X}"))),
];

fn applies(of: Of, kind: &str) -> bool {
    match of {
        Of::Any => true,
        Of::Digits => !matches!(kind, "email" | "name" | "address"),
        Of::Email => kind == "email",
        Of::Name => kind == "name",
        Of::Han => kind == "address",
    }
}

/// Why a combination cannot exist, if it cannot.
fn impossible(transform: &str, kind: &str, container: &str) -> Option<&'static str> {
    let is_split = matches!(transform, "over lines" | "over indented lines" | "soft line breaks" | "tabs");
    let is_short = matches!(kind, "national_id" | "passport");
    match transform {
        _ if is_split && matches!(container, "csv" | "jsonl") => Some("a row is one line"),
        "soft line breaks" if container == "html" => Some("a page has no soft breaks"),
        "over lines" | "over indented lines" | "in columns" | "bars" if is_short => Some("too short for several rows"),
        "commas by three" if container == "csv" => Some("commas part fields"),
        _ => None,
    }
}

/// Writes a text in a charset; `None` if the charset lacks a character.
fn encode(text: &str, charset: &str) -> Option<Vec<u8>> {
    let encode = |encoding: &str| {
        text.chars()
            .map(|c| if c.is_ascii() { Some(vec![c as u8]) } else { table(encoding).get(&c).cloned() })
            .collect::<Option<Vec<_>>>()
    };
    match charset {
        "utf-8" => Some(text.as_bytes().to_vec()),
        "utf-16le" => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        _ => encode(charset).map(|pieces| pieces.concat()),
    }
}

/// The characters of a charset of one or two bytes, read off its decoder.
fn table(charset: &str) -> &'static BTreeMap<char, Vec<u8>> {
    use std::sync::LazyLock;
    static GB: LazyLock<BTreeMap<char, Vec<u8>>> = LazyLock::new(|| {
        let pairs = (0x81..=0xfe_u8).flat_map(|lead| (0x40..=0xfe_u8).map(move |trail| vec![lead, trail]));
        pairs.filter_map(|pair| Some((alone(&pair, "gb18030")?, pair))).collect()
    });
    static CYRILLIC: LazyLock<BTreeMap<char, Vec<u8>>> = LazyLock::new(|| {
        (0x80..=0xff_u8).filter_map(|byte| Some((alone(&[byte], "windows-1251")?, vec![byte]))).collect()
    });
    if charset == "gb18030" { &GB } else { &CYRILLIC }
}

fn alone(bytes: &[u8], charset: &str) -> Option<char> {
    let text = dyepack::domain::text::decode_known(bytes, charset).text.into_owned();
    let mut characters = text.chars();
    let first = characters.next().filter(|c| *c != '\u{fffd}')?;
    characters.next().is_none().then_some(first)
}

/// A row with a value in it, and a few words of the charset.
fn document(spelled: &str, container: &str, charset: &str) -> String {
    let filler = if charset == "windows-1251" { "данные клиентов" } else { "客户资料 данные" };
    let companion = COMPANION;
    match container {
        "html" => format!(
            "<html><body><p>{filler}</p><table><tr><td>{companion}</td><td>{spelled}</td></tr></table></body></html>"
        ),
        "csv" => format!("id;name;value\r\n1;{companion};{spelled}\r\n"),
        "jsonl" => format!("{{\"name\":\"{companion}\",\"value\":\"{spelled}\"}}\n"),
        _ => format!("{filler} {companion} {spelled} .\n"),
    }
}

/// Packs members into one container.
fn packed(members: &[(String, Vec<u8>)], container: &str) -> Vec<u8> {
    if container == "gz" {
        return gzip(&members.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<u8>>());
    }
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Draws a value of each kind that no institution has issued.
fn drawn(seed: u64) -> [(&'static str, String); 10] {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = move |count: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % count
    };
    KINDS.map(|kind| {
        let mut some = |table: &str, count: usize| -> String {
            let table: Vec<char> = table.chars().collect();
            (0..count).map(|_| table[below(table.len())]).collect()
        };
        let digits = "0123456789";
        let value = match kind {
            "pan" => format!("9990{}", some(digits, 12)),
            "iban" => format!("QZ{}99999999{}", some(digits, 2), some(digits, 12)),
            "account" => some(digits, 16),
            "resident_id" => format!("995868196405{}{}X", some("12", 1), some(digits, 4)),
            "national_id" => format!("000{}", some(digits, 6)),
            "passport" => format!("00{}", some(digits, 8)),
            "phone" => format!("120{}", some(digits, 8)),
            "email" => format!("{}.{}@mail.example", some("aepcnvtk", 6), some("aepcnvtk", 5)),
            "name" => format!("Ге{}он Ти{}еров", some("дрлт", 2), some("хозвмн", 4)),
            _ => some("欧阳路采薇里龙华国", 9),
        };
        (kind, value)
    })
}

fn matcher(values: &[(&'static str, String)]) -> Matcher {
    let watchlists: Vec<Watchlist> = values
        .iter()
        .map(|(kind, value)| {
            let organization = Organization {
                id: OrganizationId(kind.replace('_', "-")),
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
            let fields = [(*kind, value.as_str()), ("branch", COMPANION)];
            let canary = Canary {
                id: (*kind).to_owned(),
                dataset: "customers".to_owned(),
                holders: Vec::new(),
                planted_at: None,
                retired_at: None,
                p: None,
                fields: fields.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            };
            Watchlist { organization, canaries: vec![canary], deliveries: Vec::new() }
        })
        .collect();
    Matcher::compile(&watchlists)
}

/// A second field of every record: names and addresses prove nothing alone.
const COMPANION: &str = "77-4026-118";

/// Tells whether a hit of the kind is there and reads as the value where it says.
fn is_found(hits: &[Hit], kind: &str, value: &str, content: &[u8]) -> bool {
    let mut own = hits.iter().filter(|hit| hit.entry == kind && hit.field == kind);
    let bare = |text: &str| fold(text).chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    own.any(|hit| replay(content, hit.span, &hit.steps).is_some_and(|read| bare(&read) == bare(value)))
}

/// The search for all that one transform makes.
struct Matrix {
    matcher: Matcher,
    sandbox: Sandbox,
    values: [(&'static str, String); 10],
    tried: usize,
    missing: Vec<String>,
    skipped: BTreeMap<&'static str, u32>,
}

impl Matrix {
    /// Writes a value as the transform does; `None`, and counted, where that cannot be.
    fn content(&mut self, transform: &Transform, kind: &str, value: &str, place: (&str, &str)) -> Option<Vec<u8>> {
        let (name, _, spell) = transform;
        let (charset, container) = place;
        let reason = impossible(name, kind, container);
        let content = encode(&document(&spell(value), container, charset), charset).filter(|_| reason.is_none());
        if content.is_none() {
            *self.skipped.entry(reason.unwrap_or("the charset lacks a character")).or_default() += 1;
        }
        content
    }

    fn note(&mut self, found: bool, what: &str) {
        self.tried += 1;
        if !found {
            self.missing.push(what.to_owned());
        }
    }

    fn search(&self, bytes: &[u8], name: &str, charset: &str) -> Vec<Hit> {
        let document = Document { bytes, name, media_type: None, charset: Some(charset) };
        self.sandbox.search(&self.matcher, &document).hits
    }

    fn transform(&mut self, transform: &Transform) {
        let values: Vec<(&str, String)> =
            self.values.clone().into_iter().filter(|(kind, _)| applies(transform.1, kind)).collect();
        for charset in CHARSETS {
            for container in CONTAINERS {
                let what = |kind: &str| format!("{}, {charset}, {container}, {kind}", transform.0);
                let mut members = Vec::new();
                for (kind, value) in &values {
                    let Some(content) = self.content(transform, kind, value, (charset, container)) else { continue };
                    if matches!(container, "gz" | "zip") {
                        members.push((format!("{kind}.txt"), content));
                        continue;
                    }
                    let hits = self.search(&content, &format!("rows.{container}"), charset);
                    self.note(is_found(&hits, kind, value, &content), &what(kind));
                }
                if members.is_empty() {
                    continue;
                }
                let hits = self.search(&packed(&members, container), &format!("rows.{container}"), charset);
                let whole: Vec<u8> = members.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
                for (name, own) in &members {
                    let (kind, value) = values.iter().find(|(kind, _)| name.starts_with(kind)).unwrap();
                    let content = if container == "gz" { &whole } else { own };
                    self.note(is_found(&hits, kind, value, content), &what(kind));
                }
            }
        }
    }
}

#[test]
fn every_spelling_of_every_kind_is_found_in_every_charset_and_container() {
    let seed: u64 = std::env::var("DYEPACK_SPELLINGS_SEED").map_or(1, |seed| seed.parse().unwrap());
    let transforms: Vec<&Transform> = TRANSFORMS.iter().chain(MORE).collect();
    assert!(transforms.len() >= 60);
    let values = drawn(seed);
    let mut matrix = Matrix {
        matcher: matcher(&values),
        sandbox: Sandbox::new(env!("CARGO_BIN_EXE_dyepack").into(), Allowance::default()),
        values,
        tried: 0,
        missing: Vec::new(),
        skipped: BTreeMap::new(),
    };
    for (number, transform) in (1..).zip(transforms) {
        matrix.values = drawn(seed.wrapping_mul(1000) + number);
        matrix.matcher = matcher(&matrix.values);
        matrix.transform(transform);
    }
    let Matrix { tried, missing, skipped, .. } = matrix;
    assert!(tried > 10_000, "only {tried} combinations were tried; skipped: {skipped:?}");
    assert!(
        missing.len() * 1000 <= tried,
        "seed {seed}: {} of {tried} are missing (skipped: {skipped:?}): {missing:#?}",
        missing.len()
    );
}
