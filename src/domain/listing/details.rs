//! What else a listing claims: which goods and columns, links, by whom. Whose data it is: `owners`.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::fold::is_han;
use super::layout::LineKind;
use super::post::{Part, Post};
use super::vocabulary::Concept;
use super::{Found, Goods};

const LIMIT: usize = 16;

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

/// Tells what kind of data it is about: the most mentioned, the title counting threefold, the general word for data least;
/// what labels and board say counts only where the post itself names nothing.
pub(super) fn goods(post: &Post<'_>) -> Option<Found<Goods>> {
    let mut best: Option<(f64, Found<Goods>)> = None;
    for goods in Goods::ALL {
        let of_part =
            |part: &Part<'_>| part.mentions.iter().filter(|mention| mention.concept == goods.concept()).count();
        #[expect(clippy::cast_precision_loss, reason = "a count of phrases is small")]
        let count = (of_part(&post.head) * 3 + of_part(&post.body).min(4)) as f64
            + post.setting.iter().map(of_part).sum::<usize>().min(9) as f64 / 100.0;
        let weight = count * if goods == Goods::Database { 0.7 } else { 1.0 };
        let at = first(post, goods.concept());
        if let Some(at) = at.filter(|_| best.as_ref().is_none_or(|(known, _)| weight > *known)) {
            best = Some((weight, Found { value: goods, at }));
        }
    }
    best.map(|(_, goods)| goods)
}

/// Finds where a concept is first mentioned.
pub(super) fn first(post: &Post<'_>, concept: Concept) -> Option<super::Source> {
    post.all_parts().into_iter().find_map(|part| {
        let mention = part.first(concept)?;
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
