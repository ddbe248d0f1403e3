//! What else a listing claims: whose data it is, from when, with which columns, by whom.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};

use super::fold::is_han;
use super::layout::LineKind;
use super::post::{Part, Post};
use super::vocabulary::Concept;
use super::{Found, Goods};

/// Whose data it is said to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "owner", content = "name")]
pub enum Owner {
    /// An institution, as written.
    Organization(String),
    /// A host name, lower case.
    Domain(String),
    /// A country, by its two letters.
    Country(String),
    /// `bank`, `insurance`, `brokerage` ….
    Sector(String),
}

const LIMIT: usize = 16;

/// Finds institutions, domains, countries and sectors, each once.
pub(super) fn owners(post: &Post<'_>) -> Vec<Found<Owner>> {
    let mut owners: Vec<Found<Owner>> = Vec::new();
    let mut keep = |owner: Found<Owner>| {
        if owners.len() < LIMIT && !owners.iter().any(|known| known.value == owner.value) {
            owners.push(owner);
        }
    };
    for part in post.parts() {
        part.lines_of(LineKind::Prose).flat_map(|(line, range)| names(part, line, range.start)).for_each(&mut keep);
        domains(part).for_each(&mut keep);
        for mention in &part.mentions {
            let at = part.source(mention.start, mention.end);
            if mention.concept == Concept::Place {
                keep(Found { value: Owner::Country(mention.tag.to_owned()), at });
            } else if mention.concept == Concept::Sector {
                keep(Found { value: Owner::Sector(mention.tag.to_owned()), at });
            }
        }
    }
    owners
}

/// Words that end the name of an institution, folded.
const ENDINGS: [&str; 21] = [
    "bank",
    "credit union",
    "insurance",
    "brokerage",
    "bancorp",
    "financial",
    "securities",
    "банк",
    "банка",
    "страхование",
    "银行信用卡中心",
    "农村商业银行",
    "商业银行",
    "银行",
    "保险公司",
    "保险",
    "证券",
    "信用社",
    "集团",
    "基金",
    "信托",
];

static NAME_ENDINGS: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(ENDINGS).expect("a few short words fit an automaton"));

/// Names that end in a word of their trade: capitals before it in Latin and Cyrillic, Han characters in Chinese.
fn names<'a>(part: &'a Part<'_>, line: &'a str, offset: usize) -> impl Iterator<Item = Found<Owner>> + 'a {
    let mut taken = 0;
    let mut ends: Vec<(usize, usize)> =
        NAME_ENDINGS.find_overlapping_iter(line).map(|hit| (hit.start(), hit.end())).collect();
    ends.sort_unstable_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1)));
    ends.into_iter().filter_map(move |(at, end)| {
        if at < taken {
            return None;
        }
        let start = name_start(part, line.get(..at)?, offset)?;
        let next = line.get(end..)?.chars().next();
        let last = line.get(at..end)?.chars().next()?;
        if start >= at || (!is_han(last) && next.is_some_and(char::is_alphanumeric)) {
            return None;
        }
        taken = end;
        let name = part.words.source(offset + start, offset + end).trim();
        (name.chars().count() <= 40).then(|| Found {
            value: Owner::Organization(name.to_owned()),
            at: part.source(offset + start, offset + end),
        })
    })
}

/// Where a name that ends with `before` starts.
fn name_start(part: &Part<'_>, before: &str, offset: usize) -> Option<usize> {
    if before.chars().next_back().is_some_and(is_han) {
        let said = part
            .mentions
            .iter()
            .filter(|mention| mention.concept != Concept::Sector && mention.concept != Concept::Place);
        let floor = said
            .map(|mention| mention.end)
            .filter(|end| *end <= offset + before.len())
            .max()
            .unwrap_or(0)
            .saturating_sub(offset);
        let mut start = before.len();
        for (at, character) in before.char_indices().rev().take(8) {
            if at < floor
                || !is_han(character)
                || matches!(
                    character,
                    '的' | '了' | '在' | '和' | '与' | '出' | '卖' | '收' | '求' | '购' | '是' | '有' | '某' | '各'
                )
            {
                break;
            }
            start = at;
        }
        return (before.len() - start >= 6).then_some(start);
    }
    let mut start = None;
    for (at, word) in words_backwards(before).take(4) {
        let written = part.words.source(offset + at, offset + at + word.len());
        let first = written.chars().next()?;
        let joins = matches!(written, "&" | "of" | "and") && start.is_some();
        let is_capitalised = first.is_uppercase() && written.chars().skip(1).any(char::is_lowercase);
        if !joins && !is_capitalised {
            break;
        }
        if is_trade_word(&word.to_lowercase()) {
            break;
        }
        if !joins {
            start = Some(at);
        }
    }
    start
}

fn words_backwards(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut end = text.len();
    std::iter::from_fn(move || {
        let trimmed = text.get(..end)?.trim_end_matches([' ', '\'']);
        let start = trimmed.rfind([' ', ',', '|', '[', ']', '(', ':', '.', '/', '"', '!']).map_or(0, |at| at + 1);
        if start >= trimmed.len() {
            return None;
        }
        end = start;
        Some((start, trimmed.get(start..)?))
    })
}

fn is_trade_word(word: &str) -> bool {
    matches!(
        word,
        "selling"
            | "sell"
            | "for"
            | "sale"
            | "buying"
            | "free"
            | "leaked"
            | "database"
            | "the"
            | "from"
            | "fresh"
            | "new"
            | "wts"
            | "wtb"
            | "продам"
            | "куплю"
            | "продаю"
            | "база"
            | "базу"
            | "online"
            | "big"
            | "any"
            | "my"
            | "private"
            | "local"
            | "fake"
            | "mobile"
            | "central"
    )
}

/// Host names that are neither a contact's nor a place to put files.
fn domains<'a>(part: &'a Part<'_>) -> impl Iterator<Item = Found<Owner>> + 'a {
    const SKIPPED: [&str; 22] = [
        "t.me",
        "telegram.me",
        "gmail.com",
        "hotmail.com",
        "yahoo.com",
        "outlook.com",
        "protonmail.com",
        "proton.me",
        "mega.nz",
        "gofile.io",
        "anonfiles.com",
        "pastebin.com",
        "mediafire.com",
        "imgur.com",
        "prnt.sc",
        "ibb.co",
        "qq.com",
        "163.com",
        "mail.ru",
        "yandex.ru",
        "github.com",
        "google.com",
    ];
    const ENDS: [&str; 42] = [
        "com", "net", "org", "io", "co", "info", "biz", "ru", "su", "ua", "kz", "by", "cn", "tw", "hk", "jp", "kr",
        "in", "id", "vn", "th", "my", "sg", "ph", "us", "uk", "ca", "au", "de", "fr", "it", "es", "pt", "nl", "pl",
        "br", "mx", "ar", "tr", "ir", "bank", "example",
    ];
    let has_host = |line: &&(&str, &Range<usize>)| {
        line.0
            .as_bytes()
            .windows(2)
            .any(|pair| pair.first() == Some(&b'.') && pair.last().is_some_and(u8::is_ascii_lowercase))
    };
    part.lines_of(LineKind::Prose).filter(move |line| has_host(&line)).flat_map(move |(line, range)| {
        line.split(|sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '@'))).filter_map(
            move |token| {
                let host = token.trim_matches(['.', '-']);
                let (name, end) = host.rsplit_once('.')?;
                let is_host = !host.contains('@')
                    && name.len() >= 2
                    && name.chars().any(|letter| letter.is_ascii_alphabetic())
                    && ENDS.contains(&end);
                let bare = host.strip_prefix("www.").unwrap_or(host);
                if !is_host || SKIPPED.contains(&bare) {
                    return None;
                }
                let start = range.start + (host.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
                Some(Found { value: Owner::Domain(bare.to_owned()), at: part.source(start, start + host.len()) })
            },
        )
    })
}

/// Finds the columns that are listed, each once.
pub(super) fn fields(post: &Post<'_>) -> Vec<Found<String>> {
    let mut fields: Vec<Found<String>> = Vec::new();
    for part in post.parts() {
        for mention in
            part.mentions.iter().filter(|mention| mention.concept == Concept::Field && mention.tag != "columns")
        {
            if fields.len() < LIMIT * 2 && !fields.iter().any(|known| known.value == mention.tag) {
                fields.push(Found { value: mention.tag.to_owned(), at: part.source(mention.start, mention.end) });
            }
        }
    }
    fields
}

/// Tells what kind of data it is about: the most mentioned, the title counting threefold, the general word for data least.
pub(super) fn goods(post: &Post<'_>) -> Option<Found<Goods>> {
    let mut best: Option<(f64, Found<Goods>)> = None;
    for goods in Goods::ALL {
        let of_part =
            |part: &Part<'_>| part.mentions.iter().filter(|mention| mention.concept == goods.concept()).count();
        #[expect(clippy::cast_precision_loss, reason = "a count of phrases is small")]
        let count = (of_part(&post.head) * 3 + of_part(&post.body).min(4)) as f64;
        let weight = count * if goods == Goods::Database { 0.7 } else { 1.0 };
        let first = post.parts().into_iter().find_map(|part| {
            let mention = part.mentions.iter().find(|mention| mention.concept == goods.concept())?;
            Some(part.source(mention.start, mention.end))
        });
        if let Some(at) = first.filter(|_| best.as_ref().is_none_or(|(known, _)| weight > *known)) {
            best = Some((weight, Found { value: goods, at }));
        }
    }
    best.map(|(_, goods)| goods)
}

/// Finds where a concept is first mentioned.
pub(super) fn first(post: &Post<'_>, concept: Concept) -> Option<super::Source> {
    post.parts().into_iter().find_map(|part| {
        let mention = part.mentions.iter().find(|mention| mention.concept == concept)?;
        Some(part.source(mention.start, mention.end))
    })
}

/// Finds links that may be proof or download: `http(s)://…`, at most sixteen.
pub(super) fn links(post: &Post<'_>) -> Vec<Found<String>> {
    let mut links = Vec::new();
    for part in post.parts() {
        let text = part.plain.text.as_str();
        // A colon is rarer than an `h`.
        let schemes = text.bytes().enumerate().filter(|(_, byte)| *byte == b':').filter_map(|(colon, _)| {
            let before = text.get(..colon)?;
            let scheme = ["https", "http"].into_iter().find(|scheme| before.ends_with(scheme))?;
            Some(colon - scheme.len())
        });
        for at in schemes.take(LIMIT) {
            let rest = text.get(at..).unwrap_or_default();
            let length = rest
                .find(|sign: char| {
                    sign.is_whitespace() || matches!(sign, '"' | '<' | '>' | '，' | '。') || is_han(sign)
                })
                .unwrap_or(rest.len());
            if (rest.starts_with("http://") || rest.starts_with("https://")) && length > 10 && length <= 300 {
                links.push(Found {
                    value: part.plain.source(at, at + length).to_owned(),
                    at: part.plain_source(at, at + length),
                });
            }
        }
    }
    links.truncate(LIMIT);
    links
}

const SELLER_WORDS: [&str; 16] = [
    "sold by:",
    "sold by",
    "listed by:",
    "vendor:",
    "seller:",
    "vendor name:",
    "posted by:",
    "posted by",
    "item by",
    "卖家:",
    "商家:",
    "发布者:",
    "продавец:",
    "автор:",
    "vendedor:",
    "penjual:",
];

static SELLER_LABELS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let builder = AhoCorasick::builder().match_kind(aho_corasick::MatchKind::LeftmostLongest).build(SELLER_WORDS);
    builder.expect("a few short words fit an automaton")
});

/// Finds who sells, where the text of a market page names him: `Sold by X`, `卖家：X`, a line of its own by the price tag,
/// `X · date · section`.
pub(super) fn seller(post: &Post<'_>, tags: &[usize]) -> Option<Found<String>> {
    let body = &post.body;
    let text = body.words.text.as_str();
    let labelled = SELLER_LABELS.find_iter(text).filter_map(|label| {
        let at = label.start();
        let is_own_word = !text.get(..at)?.ends_with(|before: char| before.is_alphanumeric());
        let from = label.end();
        let blank = text.get(from..)?.len() - text.get(from..)?.trim_start_matches([' ', '@']).len();
        let start = from + blank;
        let length = text.get(start..)?.find(|sign: char| !is_name(sign)).unwrap_or(text.len() - start);
        (is_own_word && (2..=40).contains(&length)).then_some((start, start + length))
    });
    let found =
        labelled.min_by_key(|(start, _)| *start).or_else(|| beside_price_tag(body, tags)).or_else(|| dotted(body))?;
    let found = (found.0, found.0 + text.get(found.0..found.1)?.trim_end_matches(['.', '-']).len());
    Some(Found { value: body.words.source(found.0, found.1).to_owned(), at: body.source(found.0, found.1) })
}

fn is_name(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '-' | '.')
}

/// A single word on a line of its own right before or after the line of a price tag.
fn beside_price_tag(body: &Part<'_>, tags: &[usize]) -> Option<(usize, usize)> {
    let lines: Vec<_> = body.lines_of(LineKind::Prose).filter(|(line, _)| !line.trim().is_empty()).collect();
    if lines.len() > 6 {
        return None;
    }
    let tag = lines.iter().position(|(_, range)| tags.iter().any(|at| range.contains(at)))?;
    [tag.checked_sub(1), Some(tag + 1)].into_iter().flatten().find_map(|at| {
        let (line, range) = lines.get(at)?;
        let name = line.trim();
        let start = range.start + (line.len() - line.trim_start().len());
        (name.chars().all(is_name) && (2..=40).contains(&name.len()) && name.chars().any(char::is_alphabetic))
            .then_some((start, start + name.len()))
    })
}

/// The first of a line of parts set apart by dots or bars, where the others look like a date or a section.
fn dotted(body: &Part<'_>) -> Option<(usize, usize)> {
    let (line, range) = body.lines_of(LineKind::Prose).find(|(line, _)| !line.trim().is_empty())?;
    let (name, rest) = line.split_once(" · ")?;
    let name = name.trim();
    let start = range.start + (line.len() - line.trim_start().len());
    (!rest.trim().is_empty() && name.chars().all(|sign| is_name(sign) || sign == ' ') && (2..=40).contains(&name.len()))
        .then_some((start, start + name.len()))
}

/// Counts sample rows.
pub(super) fn samples(post: &Post<'_>) -> Option<Found<usize>> {
    post.body.rows_source().map(|(value, at)| Found { value, at })
}
