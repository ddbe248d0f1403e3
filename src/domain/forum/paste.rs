//! Paste sites: one text on a page, its raw form, and lists of what was pasted lately.
//!
//! Told by structure: one `pre`, `textarea` or numbered list holds nearly all of the text, and a link leads to it raw.
//! A paste that is decrypted only in the browser is told, not guessed.

use scraper::ElementRef;
use url::Url;

use crate::domain::forum::generic::{self, items};
use crate::domain::forum::harvest::{self, Harvest};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::{Attachment, Link, LinkKind, PageKind, Post, Reading, dom, here, post_text};
use crate::domain::span::ByteSpan;

/// The text must be this large a share of what the page says, in percent.
const SHARE: usize = 40;
const LEAST_BYTES: usize = 20;
const ROW_LIMIT: usize = 500;
const ENOUGH_ROWS: usize = 5;

/// Reads a page of a paste site.
pub(super) fn read(sheet: &Sheet<'_>) -> Reading {
    let mut harvest = Harvest::new(sheet);
    if let Some(text) = bulk(sheet) {
        return paste(sheet, harvest, text);
    }
    if is_encrypted(sheet) {
        harvest.odd("encrypted-paste", "the paste is decrypted only in a browser that knows its key");
        return harvest.finish(PageKind::Other);
    }
    let rows = rows(sheet);
    if rows.len() < ENOUGH_ROWS {
        return generic::read(sheet);
    }
    harvest.title(here::document_title(sheet));
    for (link, url) in rows {
        let row = dom::ancestors(link).find(|around| matches!(dom::name(*around), "tr" | "li" | "div" | "p"));
        let posted = row.and_then(|row| sheet.moment_in(row, Some(link)));
        let author = row.and_then(items::author).filter(|name| *name != dom::line(link));
        let at = posted.map(|moment| moment.at);
        harvest.item(crate::domain::forum::ThreadRow {
            title: dom::line(link),
            author,
            created_at: at,
            ..generic::row(&url)
        });
    }
    generic::finish(sheet, harvest, PageKind::Board)
}

/// Signs of a paste site on a page of no known engine.
pub(super) fn signs(sheet: &Sheet<'_>) -> Vec<String> {
    let mut signs = Vec::new();
    let has_bulk = bulk(sheet).is_some();
    if has_bulk {
        signs.push("layout bulk-text".to_owned());
    }
    if raw_link(sheet).is_some() {
        signs.push("link raw".to_owned());
    }
    if is_encrypted(sheet) {
        signs.push("id cipher".to_owned());
    }
    let host = sheet.page.url.host_str().unwrap_or_default().to_ascii_lowercase();
    let title = sheet.survey.title.to_lowercase();
    if ["paste", "bin", "rentry"].iter().any(|word| host.contains(word)) || title.contains("paste") {
        signs.push("words paste".to_owned());
    }
    if !has_bulk && rows(sheet).len() >= ENOUGH_ROWS {
        signs.push("link short-ids".to_owned());
    }
    if signs.len() > 1 { signs } else { Vec::new() }
}

fn paste<'a>(sheet: &Sheet<'a>, mut harvest: Harvest<'_, 'a>, bulk: ElementRef<'a>) -> Reading {
    let text = text_of(bulk);
    harvest.title(title(sheet));
    let raw = raw_link(sheet);
    let body = dom::named(sheet.dom.root_element(), "body").next().unwrap_or(bulk);
    let byline = dom::elements(body).filter(|inner| !dom::is_within(*inner, bulk));
    let author = items::author(body).or_else(|| byline.into_iter().find_map(signed));
    let posted = sheet.moment_in(body, Some(bulk));
    let start = dom::begin(bulk).or_else(|| dom::ancestors(bulk).find_map(dom::begin));
    let whole = ByteSpan::new(0, sheet.page.body.len() as u64);
    let span = start.map_or(whole, |start| sheet.raw(&(start..sheet.end(bulk))));
    let name = raw.as_ref().and_then(|url| url.path_segments()?.next_back()).unwrap_or("raw").to_owned();
    let attachments: Vec<Attachment> = raw
        .into_iter()
        .map(|url| Attachment { name: name.clone(), key: format!("attachment{}", generic::path_of(&url)), url })
        .collect();
    if posted.is_none() {
        harvest.odd("date-unread", "the paste has no date that could be read");
    }
    harvest.post(Post {
        id: generic::digest(&text),
        url: generic::place(sheet).url,
        author,
        posted_at: posted.map(|moment| moment.at),
        links: harvest::links(sheet, bulk, &|_| false),
        attachments,
        price: None,
        text,
        span,
    });
    generic::finish(sheet, harvest, PageKind::Thread)
}

/// `by NAME`, `From NAME, 3 minutes ago`.
fn signed(element: ElementRef<'_>) -> Option<String> {
    let line = dom::line_up_to(element, 200);
    let rest = ["by: ", "by ", "from ", "author: ", "автор: "].iter().find_map(|word| {
        let head = line.get(..word.len())?;
        head.eq_ignore_ascii_case(word).then(|| line.get(word.len()..)).flatten()
    })?;
    let name = rest.split([',', '|', '·', '(']).next()?.split(" on ").next()?.trim();
    (!name.is_empty() && name.chars().count() <= 40 && line.len() < 200).then(|| name.to_owned())
}

/// The element that holds nearly all of the page's text; lines in a list are one text.
fn bulk<'a>(sheet: &Sheet<'a>) -> Option<ElementRef<'a>> {
    let root = sheet.dom.root_element();
    let length = |element: ElementRef<'_>| element.text().map(|text| text.trim().len()).sum::<usize>();
    let body = dom::named(root, "body").next().map_or(0, length);
    let is_plain = |element: &ElementRef<'_>| matches!(dom::name(*element), "pre" | "textarea" | "ol" | "code");
    let is_marked = |element: &ElementRef<'_>| {
        dom::name(*element) == "article"
            || ["code", "text_formatted", "paste"].iter().any(|class| dom::has_class(*element, class))
    };
    let largest = |is_text: &dyn Fn(&ElementRef<'_>) -> bool| {
        let sized =
            dom::elements(root).filter(|element| is_text(element)).take(200).map(|element| (length(element), element));
        // Among equals the outer: line breaks count in `pre`, not in the `code` within.
        let (size, element) = sized.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        (size >= LEAST_BYTES && size * 100 >= body * SHARE).then_some(element)
    };
    largest(&is_plain).or_else(|| largest(&is_marked))
}

fn text_of(bulk: ElementRef<'_>) -> String {
    let is_number = |inner: ElementRef<'_>| {
        ["linenumber", "line-number", "linenos", "lineno", "line-numbers"]
            .iter()
            .any(|class| dom::has_class(inner, class))
    };
    post_text::read(bulk, &is_number)
}

fn title(sheet: &Sheet<'_>) -> String {
    let marked = dom::elements(sheet.dom.root_element()).find(|element| {
        matches!(dom::name(*element), "h1" | "h2")
            || dom::class(*element).split_ascii_whitespace().any(|class| class.ends_with("title"))
    });
    marked.map(dom::line).filter(|title| !title.is_empty()).unwrap_or_else(|| here::document_title(sheet))
}

/// The link to the text alone.
fn raw_link(sheet: &Sheet<'_>) -> Option<Url> {
    let is_raw = |url: &Url, text: &str| {
        let path = url.path().to_ascii_lowercase();
        path.split('/').any(|part| part == "raw" || part == "plain")
            || text.trim().eq_ignore_ascii_case("raw")
            || text.eq_ignore_ascii_case("view raw")
    };
    let mut anchors = sheet.anchors.iter().take(400);
    anchors.find(|anchor| is_raw(&anchor.url, &dom::line_up_to(anchor.element, 30))).map(|anchor| anchor.url.clone())
}

/// Pages of sites that encrypt in the browser carry only the cipher text.
fn is_encrypted(sheet: &Sheet<'_>) -> bool {
    ["cipherdata", "pasteform", "prettymessage"].iter().filter(|id| sheet.by_id(id).is_some()).count() > 1
        || sheet.by_id("cipherdata").is_some()
}

/// Links to pastes in a list: short names of one length with letters and digits in them.
fn rows<'a>(sheet: &Sheet<'a>) -> Vec<(ElementRef<'a>, Url)> {
    let named = |url: &Url| {
        let last = url.path_segments()?.next_back()?;
        let is_id = (6..=16).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_mixed = last.bytes().any(|byte| byte.is_ascii_digit())
            || last.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
        let depth = url.path_segments()?.count();
        (is_id && is_mixed && url.query().is_none()).then_some((depth, last.len()))
    };
    let links: Vec<_> =
        sheet.anchors.iter().filter_map(|anchor| Some((named(&anchor.url)?, anchor))).take(ROW_LIMIT).collect();
    let mut lengths: Vec<(usize, usize)> = links.iter().map(|(shape, _)| *shape).collect();
    lengths.sort_unstable();
    let Some(usual) = lengths.get(lengths.len() / 2).copied() else { return Vec::new() };
    let mut seen = std::collections::HashSet::new();
    let mut rows = Vec::new();
    for (shape, anchor) in links {
        if shape == usual
            && !dom::line_up_to(anchor.element, 20).is_empty()
            && seen.insert(anchor.url.path().to_owned())
        {
            rows.push((anchor.element, anchor.url.clone()));
        }
    }
    rows
}

/// Reads a text served alone: the paste of the address without `raw`.
pub(super) fn raw(reading: Reading) -> Reading {
    let Some(url) = reading.posts.first().map(|post| post.url.clone()) else { return reading };
    let path: Vec<&str> = url.path().split('/').filter(|part| !matches!(*part, "raw" | "plain" | "view")).collect();
    let mut page = url.clone();
    page.set_path(&path.join("/"));
    if page.path() == url.path() {
        return reading;
    }
    let link: Link = generic::link(&page, LinkKind::Other);
    Reading { links: vec![link], ..reading }
}
