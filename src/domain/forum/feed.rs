//! Feeds: RSS 0.9x, 1.0 and 2.0, Atom, JSON Feed. Each item is a row that leads to its page, and a post with its text.
//!
//! Feeds in the wild are seldom well-formed: names count without their prefixes, ends are not checked, and what was read
//! before a fault stays.

use jiff::Timestamp;
use jiff::tz::Offset;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use url::Url;

use crate::domain::forum::dates::{Clock, DayOrder};
use crate::domain::forum::{
    Attachment, Engine, LinkKind, PageKind, Post, Reading, ThreadRef, ThreadRow, generic, markup, post_text,
};
use crate::domain::oddity::Oddity;
use crate::domain::page::FetchedPage;
use crate::domain::text::Decoded;

const ITEM_LIMIT: usize = 1_000;
const FIELD_LIMIT_BYTES: usize = 1 << 20;
const DEPTH_LIMIT: usize = 64;

/// Tells whether a text is a feed, by its first elements.
pub(super) fn is_feed(text: &str) -> bool {
    let head: String = text.chars().take(2_000).collect::<String>().to_ascii_lowercase();
    let starts = head.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']).starts_with('<');
    let is_page = head.contains("<html") && !head.contains("<rss");
    starts && !is_page && ["<rss", "<feed", "<rdf:rdf", "<channel"].iter().any(|root| head.contains(root))
}

/// Tells whether a text is a JSON Feed.
pub(super) fn is_json_feed(text: &str) -> bool {
    text.chars().take(400).collect::<String>().contains("jsonfeed.org/version/")
}

/// Reads a feed in XML.
pub(super) fn read(page: &FetchedPage, site: &Url, decoded: &Decoded<'_>) -> Reading {
    let mut walk = Walk::default();
    walk.run(&decoded.text);
    // An item that the feed's end cuts off was read as far as it goes.
    if let Some((item, start)) = walk.current.take() {
        walk.items.push((item, start..decoded.text.len()));
    }
    let mut feed = Feed::new(page, site, &walk.root);
    feed.reading.title = walk.title;
    if let Some(fault) = walk.fault {
        feed.reading.oddities.push(Oddity::new("feed-broken", fault));
    }
    for (item, range) in walk.items {
        let span = decoded.to_raw(&range);
        feed.take(item, span);
    }
    feed.finish()
}

/// Reads a JSON Feed.
pub(super) fn read_json(page: &FetchedPage, site: &Url, text: &str) -> Reading {
    let mut feed = Feed::new(page, site, "json");
    let parsed = serde_json::from_str::<Value>(text);
    let Ok(value) = parsed else {
        feed.reading.oddities.push(Oddity::new("feed-broken", "the feed is no valid JSON"));
        return feed.finish();
    };
    let string = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    feed.reading.title = string(&value, "title").unwrap_or_default();
    let whole = crate::domain::span::ByteSpan::new(0, page.body.len() as u64);
    for entry in value["items"].as_array().into_iter().flatten().take(ITEM_LIMIT) {
        let author = entry["authors"].get(0).or_else(|| entry.get("author"));
        let item = Item {
            id: string(entry, "id"),
            title: string(entry, "title"),
            link: string(entry, "url"),
            author: author.and_then(|author| string(author, "name")),
            date: string(entry, "date_published").or_else(|| string(entry, "date_modified")),
            content: string(entry, "content_html").or_else(|| string(entry, "content_text")),
            summary: string(entry, "summary"),
            files: entry["attachments"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|file| string(file, "url"))
                .collect(),
        };
        feed.take(item, whole);
    }
    feed.finish()
}

/// One item, as written.
#[derive(Debug, Default)]
struct Item {
    id: Option<String>,
    title: Option<String>,
    link: Option<String>,
    author: Option<String>,
    date: Option<String>,
    content: Option<String>,
    summary: Option<String>,
    files: Vec<String>,
}

impl Item {
    fn set(&mut self, name: &str, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let text = || Some(text.to_owned());
        match name {
            "title" => self.title = self.title.take().or_else(text),
            "link" => self.link = self.link.take().or_else(text),
            "guid" | "id" => self.id = self.id.take().or_else(text),
            "creator" | "author" | "name" => self.author = self.author.take().or_else(text),
            "pubdate" | "published" => self.date = text(),
            "date" | "updated" | "modified" => self.date = self.date.take().or_else(text),
            "encoded" | "content" => self.content = self.content.take().or_else(text),
            "description" | "summary" => self.summary = self.summary.take().or_else(text),
            _ => {}
        }
    }
}

/// A walk over the XML.
#[derive(Debug, Default)]
struct Walk {
    root: String,
    title: String,
    items: Vec<(Item, std::ops::Range<usize>)>,
    fault: Option<String>,
    open: Vec<String>,
    text: String,
    current: Option<(Item, usize)>,
}

impl Walk {
    fn run(&mut self, text: &str) {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.expand_empty_elements = true;
        loop {
            let start = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
            match reader.read_event() {
                Ok(Event::Eof) => return,
                Ok(event) => {
                    let end = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
                    self.take(&event, start..end);
                }
                Err(error) => {
                    self.fault = Some(format!("the feed is not well-formed: {error}"));
                    return;
                }
            }
            if self.items.len() >= ITEM_LIMIT {
                self.fault = Some(format!("only the first {ITEM_LIMIT} items were read"));
                return;
            }
        }
    }

    fn take(&mut self, event: &Event<'_>, range: std::ops::Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range.start),
            Event::End(_) => self.end(range.end),
            Event::Text(text) => self.push(text),
            Event::CData(text) => self.push(text),
            Event::GeneralRef(name) => {
                let character = match &**name {
                    "lt" => "<".to_owned(),
                    "gt" => ">".to_owned(),
                    "quot" => "\"".to_owned(),
                    "apos" => "'".to_owned(),
                    // HTML's names stay as they are: most texts of feeds are HTML.
                    "amp" => "&".to_owned(),
                    other => format!("&{other};"),
                };
                self.push(&character);
            }
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Eof => {}
        }
    }

    fn push(&mut self, text: &str) {
        if self.text.len() + text.len() <= FIELD_LIMIT_BYTES {
            self.text.push_str(text);
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, at: usize) {
        let name = tag.local_name().as_ref().to_ascii_lowercase();
        if self.root.is_empty() {
            self.root.clone_from(&name);
        }
        if matches!(name.as_str(), "item" | "entry") && self.current.is_none() {
            self.current = Some((Item::default(), at));
        }
        if let Some((item, _)) = &mut self.current {
            let value = |key: &str| {
                let found = tag
                    .attributes()
                    .with_checks(false)
                    .filter_map(Result::ok)
                    .find(|pair| pair.key.local_name().as_ref() == key)?;
                Some(found.value.replace("&amp;", "&"))
            };
            match name.as_str() {
                "link" => {
                    let rel = value("rel").unwrap_or_default();
                    match (value("href"), rel.as_str()) {
                        (Some(href), "" | "alternate") => item.set("link", &href),
                        (Some(href), "enclosure") => item.files.push(href),
                        (Some(_) | None, _) => {}
                    }
                }
                "enclosure" => item.files.extend(value("url")),
                _ => {}
            }
        }
        // Markup within a text (Atom's xhtml) is part of the text that holds it.
        if self.is_in_text() {
            self.push(" ");
        } else {
            self.text.clear();
        }
        if self.open.len() < DEPTH_LIMIT {
            self.open.push(name);
        }
    }

    fn is_in_text(&self) -> bool {
        self.open
            .iter()
            .any(|name| matches!(name.as_str(), "content" | "summary" | "encoded" | "description" | "title"))
    }

    fn end(&mut self, at: usize) {
        let Some(name) = self.open.pop() else { return };
        if self.is_in_text() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        if matches!(name.as_str(), "item" | "entry") {
            if let Some((item, start)) = self.current.take() {
                self.items.push((item, start..at));
            }
        } else if let Some((item, _)) = &mut self.current {
            item.set(&name, &text);
        } else if name == "title" && self.title.is_empty() {
            text.trim().clone_into(&mut self.title);
        }
    }
}

/// A feed in the making.
struct Feed<'p> {
    page: &'p FetchedPage,
    site: &'p Url,
    clock: Clock,
    reading: Reading,
}

impl<'p> Feed<'p> {
    fn new(page: &'p FetchedPage, site: &'p Url, root: &str) -> Self {
        let reading = Reading {
            engine: Engine::Feed,
            signs: vec![format!("root {root}")],
            page: PageKind::Board,
            ..generic::empty(page)
        };
        let clock = Clock { now: page.fetched_at, offset: Offset::UTC, order: DayOrder::DayFirst };
        Self { page, site, clock, reading }
    }

    fn take(&mut self, item: Item, span: crate::domain::span::ByteSpan) {
        let url = item.link.as_ref().or(item.id.as_ref()).and_then(|link| self.page.url.join(link.trim()).ok());
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https")).unwrap_or_else(|| self.page.url.clone());
        let posted_at = item.date.as_ref().and_then(|date| self.date(date));
        if posted_at.is_none() {
            self.odd("date-unread", "an item of the feed has no date that could be read");
        }
        let content = item.content.or(item.summary).unwrap_or_default();
        let text = plain(&content);
        let title = item.title.map(|title| plain(&title).replace('\n', " ")).unwrap_or_default();
        let author = item.author.map(|author| name_of(&author)).filter(|name| !name.is_empty());
        let attachments: Vec<Attachment> = item.files.iter().filter_map(|file| self.file(file)).collect();
        let is_on_site = url.host_str() == self.site.host_str();
        if is_on_site && url != self.page.url {
            let known = generic::row(&url);
            if !self.reading.threads.iter().any(|row| row.key == known.key) {
                self.reading.links.push(generic::link(&url, LinkKind::Thread));
                self.reading.threads.push(ThreadRow {
                    title: title.clone(),
                    author: author.clone(),
                    created_at: posted_at,
                    ..known
                });
            }
        } else {
            let key = format!("{}#{}", url, self.reading.threads.len());
            self.reading.threads.push(ThreadRow {
                key,
                title: title.clone(),
                url: url.clone(),
                author: author.clone(),
                created_at: posted_at,
                ..generic::row(&url)
            });
        }
        let id = item.id.as_deref().filter(|id| !id.is_empty() && id.len() <= 200);
        let text = if text.is_empty() { title } else { text };
        let id = generic::digest(id.unwrap_or(&text));
        self.reading.posts.push(Post {
            id,
            url,
            author,
            posted_at,
            text,
            attachments,
            links: Vec::new(),
            price: None,
            span,
        });
    }

    fn date(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        let rfc2822 = || jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
        text.parse().ok().or_else(rfc2822).or_else(|| self.clock.read(text).map(|moment| moment.at))
    }

    fn file(&self, file: &str) -> Option<Attachment> {
        let url = self.page.url.join(file.trim()).ok()?;
        let name = url.path_segments()?.next_back()?.to_owned();
        Some(Attachment { name, key: format!("attachment{}", generic::path_of(&url)), url })
    }

    fn odd(&mut self, code: &str, detail: &str) {
        if !self.reading.oddities.iter().any(|oddity| oddity.code == code) {
            self.reading.oddities.push(Oddity::new(code, detail));
        }
    }

    fn finish(mut self) -> Reading {
        let key = generic::path_of(&self.page.url);
        let page_title = self.reading.title.clone();
        self.reading.thread =
            Some(ThreadRef { key, url: self.page.url.clone(), board: None, labels: Vec::new(), page_title });
        self.reading
    }
}

/// `ada@mail.example (Ada Lo)` → `Ada Lo`.
fn name_of(author: &str) -> String {
    let author = author.trim();
    match author.split_once('(') {
        Some((address, name)) if address.contains('@') => name.trim_end_matches(')').trim().to_owned(),
        Some(_) | None => author.to_owned(),
    }
}

/// The words of a text that may be HTML.
fn plain(text: &str) -> String {
    if !text.contains(['<', '&']) {
        return text.trim().to_owned();
    }
    post_text::read(markup::parse_fragment(text).dom.root_element(), &|_| false)
}
