//! Whose data it is said to be: names of institutions, short names, domains, countries, sectors.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::{Deserialize, Serialize};

use super::Found;
use super::fold::is_han;
use super::layout::LineKind;
use super::post::{Part, Post};
use super::vocabulary::Concept;

/// Whose data it is said to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "owner", content = "name")]
pub enum Owner {
    /// An institution, as written.
    Organization(String),
    /// A short name in brackets after one.
    Alias(String),
    /// A host name, lower case.
    Domain(String),
    /// A country, by its two letters.
    Country(String),
    /// `bank`, `insurance`, `brokerage` ….
    Sector(String),
}

/// Most owners that are kept.
const LIMIT: usize = 16;
/// Longest name in characters.
const NAME_LIMIT: usize = 40;

/// Finds institutions, short names, domains, countries and sectors, each once.
pub(super) fn find(post: &Post<'_>) -> Vec<Found<Owner>> {
    let mut owners: Vec<Found<Owner>> = Vec::new();
    let mut keep = |owner: Found<Owner>| {
        if owners.len() < LIMIT && !owners.iter().any(|known| known.value == owner.value) {
            owners.push(owner);
        }
    };
    for part in post.parts() {
        for (line, range) in part.lines_of(LineKind::Prose) {
            for name in names(part, line, range.start).into_iter().chain(led_names(part, line, range.start)) {
                let written = |range: &Range<usize>| part.words.source(range.start, range.end).trim().to_owned();
                let found = |value, range: &Range<usize>| Found { value, at: part.source(range.start, range.end) };
                keep(found(Owner::Organization(written(&name)), &name));
                if let Some(alias) = alias_after(part, line, (range.start, name.end)) {
                    keep(found(Owner::Alias(written(&alias)), &alias));
                }
            }
        }
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
const ENDINGS: [&str; 32] = [
    "bank",
    "credit union",
    "insurance",
    "brokerage",
    "bancorp",
    "financial",
    "securities",
    "ltd",
    "llc",
    "gmbh",
    "inc",
    "corp",
    "plc",
    "holdings",
    "telecom",
    "airlines",
    "hospital",
    "university",
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

/// Words that begin one: `Banco del Lago`, `ngân hàng Sao Biển`, `بنك النخيل`.
const LEADS: [&str; 16] = [
    "bank",
    "banco",
    "banca",
    "banque",
    "caja",
    "seguros",
    "assurance",
    "assurances",
    "asuransi",
    "ngan hang",
    "bao hiem",
    "банк",
    "банка",
    "بنک",
    "مصرف",
    "بانک",
];

static NAME_ENDINGS: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(ENDINGS).expect("a few short words fit an automaton"));

static NAME_LEADS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let builder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(LEADS);
    builder.expect("a few short words fit an automaton")
});

/// Names that end in a word of their trade: capitals before it in Latin and Cyrillic, Han characters in Chinese.
fn names(part: &Part<'_>, line: &str, offset: usize) -> Vec<Range<usize>> {
    let mut taken = 0;
    let mut ends: Vec<(usize, usize)> =
        NAME_ENDINGS.find_overlapping_iter(line).map(|hit| (hit.start(), hit.end())).collect();
    ends.sort_unstable_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1)));
    let range = |(at, end): (usize, usize)| {
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
        (line.get(start..end)?.chars().count() <= NAME_LIMIT).then_some(offset + start..offset + end)
    };
    ends.into_iter().filter_map(range).collect()
}

/// Names that begin with a word of their trade: capitals after it; in Arabic script, which has none, the next word.
fn led_names(part: &Part<'_>, line: &str, offset: usize) -> Vec<Range<usize>> {
    let is_letter_before = |at: usize| line.get(..at).is_some_and(|before| before.ends_with(char::is_alphanumeric));
    let leads = NAME_LEADS.find_iter(line).filter(|lead| !is_letter_before(lead.start()));
    leads
        .filter_map(|lead| {
            let end = if line.get(lead.range())?.is_ascii() || is_cyrillic(line.get(lead.range())?) {
                capitals_after(part, line, (offset, lead.end()))?
            } else {
                word_after(part, line, (offset, lead.end()))?
            };
            (line.get(lead.start()..end)?.chars().count() <= NAME_LIMIT).then_some(offset + lead.start()..offset + end)
        })
        .collect()
}

fn is_cyrillic(word: &str) -> bool {
    word.starts_with(|first: char| matches!(first, '\u{400}'..='\u{4ff}'))
}

/// Tells whether a phrase of the trade, a column or a thing, covers a place: then it is no part of a name.
fn is_said(part: &Part<'_>, at: usize) -> bool {
    let is_name = |concept: Concept| matches!(concept, Concept::Sector | Concept::Place);
    let begun = part.mentions.partition_point(|mention| mention.start <= at);
    // They are in order of their ends, too.
    let near = part.mentions.get(..begun).unwrap_or_default().iter().rev().take_while(|mention| at < mention.end);
    near.into_iter().any(|mention| !is_name(mention.concept))
}

/// Where up to three capitalised words end, small joining words between.
fn capitals_after(part: &Part<'_>, line: &str, (offset, from): (usize, usize)) -> Option<usize> {
    const JOINING: [&str; 9] = ["de", "del", "du", "des", "la", "da", "do", "di", "of"];
    let (mut at, mut end, mut capitals) = (from, None, 0);
    for _ in 0..6 {
        let rest = line.get(at..)?;
        let blank = rest.len() - rest.trim_start_matches([' ', '«', '"']).len();
        let start = at + blank;
        let word = line.get(start..)?.split(|sign: char| !sign.is_alphanumeric()).next().unwrap_or_default();
        if (1..=2).contains(&blank) && JOINING.contains(&word) && capitals == 0 {
            at = start + word.len();
            continue;
        }
        let written = part.words.source(offset + start, offset + start + word.len());
        let is_capitalised = written.starts_with(char::is_uppercase) && written.chars().skip(1).any(char::is_lowercase);
        let is_next = (1..=4).contains(&blank) && is_capitalised && capitals < 3;
        if !is_next || is_trade_word(word) || is_said(part, offset + start) {
            break;
        }
        capitals += 1;
        at = start + word.len();
        end = Some(at);
    }
    end
}

/// Where the next word of at least three letters ends.
fn word_after(part: &Part<'_>, line: &str, (offset, from): (usize, usize)) -> Option<usize> {
    let start = from + line.get(from..)?.strip_prefix(' ').map(|_| 1)?;
    let word = line.get(start..)?.split(|sign: char| !sign.is_alphabetic()).next()?;
    (word.chars().count() >= 3 && !word.is_ascii() && !is_said(part, offset + start)).then_some(start + word.len())
}

/// A short name in brackets right after a name: `(CBL)`, `（简称北行）`.
fn alias_after(part: &Part<'_>, line: &str, (offset, end): (usize, usize)) -> Option<Range<usize>> {
    const OTHERS: [&str; 12] = ["sold", "wts", "wtb", "usa", "uk", "eu", "new", "vip", "hq", "db", "free", "update"];
    let at = end.checked_sub(offset)?;
    let rest = line.get(at..)?.trim_start_matches(' ');
    let inner = rest.strip_prefix('(')?.split_once(')')?.0;
    let short = inner.strip_prefix("简称").unwrap_or(inner).trim();
    let start = offset + (short.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    let written = part.words.source(start, start + short.len());
    let letters = short.chars().count();
    let is_short = (2..=10).contains(&letters) && short.chars().all(char::is_alphabetic);
    let is_name = written.chars().all(char::is_uppercase) || short.chars().all(is_han);
    (is_short && is_name && !OTHERS.contains(&short)).then_some(start..start + short.len())
}

/// Where a name that ends with `before` starts.
fn name_start(part: &Part<'_>, before: &str, offset: usize) -> Option<usize> {
    if before.chars().next_back().is_some_and(is_han) {
        let ended = part.mentions.partition_point(|mention| mention.end <= offset + before.len());
        let ended = part.mentions.get(..ended).unwrap_or_default();
        let said = ended.iter().rfind(|mention| !matches!(mention.concept, Concept::Sector | Concept::Place));
        let floor = said.map_or(0, |mention| mention.end).saturating_sub(offset);
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
            | "account"
            | "accounts"
            | "customer"
            | "customers"
            | "card"
            | "cards"
            | "data"
            | "drop"
            | "drops"
            | "log"
            | "login"
            | "logins"
            | "logs"
            | "transfer"
            | "transfers"
            | "statement"
            | "statements"
            | "with"
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

#[cfg(test)]
mod tests {
    use super::super::Written;
    use super::*;

    fn owners(text: &str) -> Vec<Owner> {
        find(&Post::new(&Written::new(text, ""))).into_iter().map(|found| found.value).collect()
    }

    #[test]
    fn institutions_are_named_in_every_language() {
        for (text, name) in [
            ("Selling Calder Brokerage Ltd clients", "Calder Brokerage Ltd"),
            ("出一手北岭银行理财客户数据", "北岭银行"),
            ("Продам базу клиентов Северный Кедр Банк", "Северный Кедр Банк"),
            ("Vendo base de datos del Banco del Lago", "Banco del Lago"),
            ("Vends fichier clients de la Banque du Rivage", "Banque du Rivage"),
            ("Jual database nasabah Bank Samudra", "Bank Samudra"),
            ("Bán dữ liệu khách hàng ngân hàng Sao Biển", "ngân hàng Sao Biển"),
            ("للبيع قاعدة بيانات عملاء بنك النخيل", "بنك النخيل"),
            ("فروش دیتابیس مشتریان بانک سپیده", "بانک سپیده"),
        ] {
            assert!(owners(text).contains(&Owner::Organization(name.to_owned())), "{text}: {:?}", owners(text));
        }
    }

    #[test]
    fn short_names_and_domains_belong_to_the_owner() {
        let found = owners("Calder Brokerage Ltd (CBL) clients, calderbrokerage.example");
        assert!(found.contains(&Owner::Alias("CBL".to_owned())), "{found:?}");
        assert!(found.contains(&Owner::Domain("calderbrokerage.example".to_owned())), "{found:?}");
        assert!(owners("北岭银行（简称北行）客户").contains(&Owner::Alias("北行".to_owned())));
    }

    #[test]
    fn goods_of_banks_are_no_banks() {
        for text in ["Bank Logins and Bank Accounts", "bank transfer", "Fresh Bank Logs", "Bank Customers Data"] {
            let named = owners(text).into_iter().any(|owner| matches!(owner, Owner::Organization(_)));
            assert!(!named, "{text}: {:?}", owners(text));
        }
    }
}
