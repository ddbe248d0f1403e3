//! What a recipe has found so far: rows, posts, links and oddities, deduplicated and bounded.
//!
//! Recipes say what they found; here it becomes a `Reading`.

use std::collections::HashSet;

use scraper::ElementRef;

use crate::domain::forum::dates::Moment;
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::urls::{self, Place, PlaceKind};
use crate::domain::forum::{
    Attachment, Link, LinkKind, PageKind, Post, Reading, Standing, ThreadRef, ThreadRow, dom, post_text,
};
use crate::domain::oddity::Oddity;
use crate::domain::span::ByteSpan;

const LINK_LIMIT: usize = 2_000;
const POST_LIMIT: usize = 1_000;
const ROW_LIMIT: usize = 1_000;
const POST_LINK_LIMIT: usize = 200;

/// A reading in the making.
#[derive(Debug)]
pub(super) struct Harvest<'s, 'a> {
    sheet: &'s Sheet<'a>,
    reading: Reading,
    seen: HashSet<String>,
}

/// A row of a list of threads, as a recipe found it.
#[derive(Debug)]
pub(super) struct Row<'p> {
    /// The thread it leads to.
    pub(super) place: &'p Place,
    /// Title without prefix.
    pub(super) title: String,
    /// Who opened it.
    pub(super) author: Option<String>,
    /// Replies.
    pub(super) replies: Option<u64>,
    /// When it was opened.
    pub(super) created: Option<Moment>,
    /// When its last post was made.
    pub(super) last_post: Option<Moment>,
    /// What the row's icons say.
    pub(super) marks: RowMarks,
}

/// What a row's icons say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowMarks {
    /// Pinned.
    pub(super) sticky: bool,
    /// Closed.
    pub(super) locked: bool,
    /// Only points to where the thread went; its counts are not the thread's.
    pub(super) moved: bool,
}

/// A post, as a recipe found it.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The engine's number.
    pub(super) id: &'a str,
    /// Everything of the post.
    pub(super) element: ElementRef<'a>,
    /// What its author wrote, where that is shown.
    pub(super) body: Option<ElementRef<'a>>,
    /// Who wrote it.
    pub(super) author: Option<String>,
    /// When.
    pub(super) posted: Option<Moment>,
}

impl<'s, 'a> Harvest<'s, 'a> {
    /// Begins with nothing found.
    pub(super) fn new(sheet: &'s Sheet<'a>) -> Self {
        let reading = Reading {
            engine: sheet.engine,
            page: PageKind::Other,
            title: sheet.survey.title.clone(),
            thread: None,
            threads: Vec::new(),
            posts: Vec::new(),
            next: None,
            links: Vec::new(),
            oddities: Vec::new(),
            standing: Standing::Unclear,
        };
        let mut harvest = Self { sheet, reading, seen: HashSet::new() };
        if sheet.survey.is_cut {
            harvest.odd("links-cut", "more links than are read on one page");
        }
        harvest
    }

    /// Returns what was found so far.
    pub(super) const fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Ends the harvest.
    pub(super) fn finish(mut self, page: PageKind) -> Reading {
        self.reading.page = page;
        self.reading
    }

    /// Sets the title.
    pub(super) fn title(&mut self, title: String) {
        if !title.is_empty() {
            self.reading.title = title;
        }
    }

    /// Sets the thread whose posts these are.
    pub(super) fn thread(&mut self, place: &Place, board: Option<String>) {
        let first = first_page(self.sheet, place);
        self.reading.thread = Some(ThreadRef { key: first.key, url: first.url, board });
    }

    /// Notes an oddity, once for each code.
    pub(super) fn odd(&mut self, code: &str, detail: &str) {
        if !self.reading.oddities.iter().any(|oddity| oddity.code == code) {
            self.reading.oddities.push(Oddity::new(code, detail));
        }
    }

    /// Adds every board that the page links to.
    pub(super) fn boards(&mut self) {
        for anchor in &self.sheet.anchors {
            if let Some(place) = &anchor.place
                && place.kind == PlaceKind::Board
            {
                let first = first_page(self.sheet, place);
                self.link(Link {
                    key: first.link_key(),
                    url: first.url,
                    kind: LinkKind::Board,
                    post: None,
                    mark: None,
                    name: None,
                });
            }
        }
    }

    /// Adds a row and the link to its thread.
    pub(super) fn row(&mut self, row: Row<'_>) {
        let Row { place, title, author, replies, created, last_post, marks } = row;
        let place = first_page(self.sheet, place);
        if self.reading.threads.iter().any(|known| known.key == place.key) || self.reading.threads.len() >= ROW_LIMIT {
            return;
        }
        let stable = last_post.filter(|moment| moment.is_stable).map(|moment| moment.at.to_string());
        let mark = match (replies, stable) {
            (None, None) => None,
            (replies, stable) => {
                let replies = replies.map(|replies| replies.to_string()).unwrap_or_default();
                Some(format!("{replies}|{}", stable.unwrap_or_default()))
            }
        };
        self.link(Link {
            key: place.link_key(),
            url: urls::fetch_url(self.sheet.engine, &place),
            kind: LinkKind::Thread,
            post: None,
            mark: mark.filter(|_| !marks.moved),
            name: None,
        });
        if last_post.is_none() && !marks.moved {
            self.odd("date-unread", "the last post of a thread in the list has no date that could be read");
        }
        self.reading.threads.push(ThreadRow {
            key: place.key,
            title,
            url: place.url,
            author,
            replies: replies.filter(|_| !marks.moved),
            created_at: created.map(|moment| moment.at),
            last_post_at: last_post.map(|moment| moment.at),
            sticky: marks.sticky,
            locked: marks.locked,
        });
    }

    /// Sets the next page and adds its link.
    pub(super) fn next(&mut self, next: Option<Place>) {
        let Some(place) = next else { return };
        let kind = match place.kind {
            PlaceKind::Thread => LinkKind::Thread,
            PlaceKind::Board => LinkKind::Board,
            PlaceKind::Post | PlaceKind::Attachment | PlaceKind::Member => return,
        };
        self.reading.next = Some(place.url.clone());
        let url = urls::fetch_url(self.sheet.engine, &place);
        self.link(Link { key: place.link_key(), url, kind, post: None, mark: None, name: None });
    }

    /// Adds the posts of a thread, in page order.
    pub(super) fn posts(&mut self, thread: &Place, found: &[Found<'a>], skip: &dyn Fn(ElementRef<'_>) -> bool) {
        if found.len() > POST_LIMIT {
            self.odd("posts-cut", "more posts than are read on one page");
        }
        let found = found.get(..POST_LIMIT.min(found.len())).unwrap_or_default();
        let elements: Vec<ElementRef<'a>> = found.iter().map(|post| post.element).collect();
        for (post, span) in found.iter().zip(spans(self.sheet, &elements)) {
            let url = urls::post_url(self.sheet.engine, thread, post.id).unwrap_or_else(|| thread.url.clone());
            let attachments = attachments(self.sheet, post.element);
            for attachment in &attachments {
                self.link(Link {
                    key: attachment.key.clone(),
                    url: attachment.url.clone(),
                    kind: LinkKind::Attachment,
                    post: Some(post.id.to_owned()),
                    mark: None,
                    name: Some(attachment.name.clone()),
                });
            }
            if post.posted.is_none() {
                self.odd("date-unread", "a post has no date that could be read");
            }
            if post.author.is_none() {
                self.odd("author-unread", "a post has no author that could be read");
            }
            self.reading.posts.push(Post {
                id: post.id.to_owned(),
                url,
                author: post.author.clone(),
                posted_at: post.posted.map(|moment| moment.at),
                text: post.body.map(|body| post_text::read(body, skip)).unwrap_or_default(),
                attachments,
                links: post.body.map(|body| links(self.sheet, body, skip)).unwrap_or_default(),
                span,
            });
        }
    }

    /// Adds a post that was read otherwise.
    pub(super) fn post(&mut self, post: Post) {
        if self.reading.posts.len() < POST_LIMIT {
            self.reading.posts.push(post);
        } else {
            self.odd("posts-cut", "more posts than are read on one page");
        }
    }

    /// Adds a link unless its key is known.
    pub(super) fn link(&mut self, link: Link) {
        if self.reading.links.len() >= LINK_LIMIT {
            self.odd("links-cut", "more links than are read on one page");
        } else if self.seen.insert(link.key.clone()) {
            self.reading.links.push(link);
        }
    }
}

/// Returns the first page of the board or thread that a place belongs to.
fn first_page(sheet: &Sheet<'_>, place: &Place) -> Place {
    if place.is_first() {
        return place.clone();
    }
    let url = urls::first_page(sheet.engine, place).unwrap_or_else(|| place.url.clone());
    Place { page: 0, url, ..place.clone() }
}

/// Each post ends where the next begins, so that nothing on the page between the first and the last is without an owner.
pub(super) fn spans(sheet: &Sheet<'_>, elements: &[ElementRef<'_>]) -> Vec<ByteSpan> {
    let starts: Vec<Option<usize>> = elements.iter().map(|element| dom::begin(*element)).collect();
    let last = elements.last().map(|element| sheet.end(*element));
    starts
        .iter()
        .enumerate()
        .map(|(at, start)| {
            let Some(start) = *start else { return ByteSpan::new(0, 0) };
            let end = starts.iter().skip(at + 1).find_map(|next| *next).or(last).unwrap_or(start);
            sheet.raw(&(start..end.max(start)))
        })
        .collect()
}

/// Files attached anywhere in a post but in its quotes.
pub(super) fn attachments(sheet: &Sheet<'_>, post: ElementRef<'_>) -> Vec<Attachment> {
    let mut found: Vec<Attachment> = Vec::new();
    for element in dom::elements(post) {
        let address = match dom::name(element) {
            "a" => dom::attr(element, "href"),
            "img" => dom::attr(element, "zoomfile").or_else(|| dom::attr(element, "src")),
            _ => None,
        };
        let Some(address) = address else { continue };
        let is_stored = dom::attr(element, "zoomfile").is_some();
        let is_likely = ["attachment", "download/file.php"].iter().any(|part| address.contains(part));
        if !is_stored && !is_likely {
            continue;
        }
        let Some((key, url)) = attachment_key(sheet, element, address) else { continue };
        let name = file_name(element);
        if let Some(known) = found.iter_mut().find(|known| known.key == key) {
            if known.name.starts_with("attachment-") && name.is_some() {
                known.name = name.unwrap_or_default();
            }
            if !is_stored {
                known.url = url;
            }
        } else if !dom::ancestors(element).any(|around| dom::name(around) == "blockquote") {
            let name = name.unwrap_or_else(|| key.replace('/', "-"));
            found.push(Attachment { name, url, key });
        }
    }
    found
}

fn attachment_key(sheet: &Sheet<'_>, element: ElementRef<'_>, address: &str) -> Option<(String, url::Url)> {
    if let Some(place) = sheet.place(address) {
        return (place.kind == PlaceKind::Attachment).then(|| (place.link_key(), place.url));
    }
    dom::attr(element, "zoomfile")?;
    let number = dom::attr(element, "aid").or_else(|| dom::id(element).strip_prefix("aimg_"))?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let url = sheet.resolve(address)?;
    is_number.then(|| (format!("attachment/{number}"), url))
}

/// The name that a page shows for a file: the link's text, an image's title, a bold name nearby.
fn file_name(element: ElementRef<'_>) -> Option<String> {
    let has_extension = |name: &str| {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        (1..=8).contains(&extension.len()) && extension.chars().all(char::is_alphanumeric)
    };
    let text = dom::line(element);
    if has_extension(&text) {
        return Some(text);
    }
    let inner = dom::named(element, "img").find_map(|image| titled(image)).or_else(|| titled(element));
    if let Some(name) = inner.filter(|name| has_extension(name)) {
        return Some(name);
    }
    let is_generic = text.is_empty() || ["下载附件", "下載附件", "Download"].contains(&text.as_str());
    if !is_generic {
        return Some(text);
    }
    dom::ancestors(element)
        .take(4)
        .find_map(|around| dom::named(around, "strong").map(dom::line).find(|name| has_extension(name)))
}

fn titled(element: ElementRef<'_>) -> Option<String> {
    ["alt", "title"].into_iter().find_map(|key| {
        let value = dom::attr(element, key)?.split(['\r', '\n']).next()?.trim();
        let value = value.strip_prefix("Filename:").unwrap_or(value).trim();
        (!value.is_empty()).then(|| value.to_owned())
    })
}

/// Addresses that the author's own words link to.
fn links(sheet: &Sheet<'_>, body: ElementRef<'_>, skip: &dyn Fn(ElementRef<'_>) -> bool) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for anchor in dom::named(body, "a") {
        if links.len() >= POST_LINK_LIMIT {
            break;
        }
        let around = dom::ancestors(anchor).take_while(|around| around.id() != body.id());
        let is_others =
            skip(anchor) || around.into_iter().any(|around| post_text::is_never_text(around) || skip(around));
        let Some(href) = dom::attr(anchor, "href") else { continue };
        if is_others {
            continue;
        }
        let place = sheet.place(href);
        if place.as_ref().is_some_and(|place| matches!(place.kind, PlaceKind::Attachment | PlaceKind::Member)) {
            continue;
        }
        let url = place.map(|place| place.url).or_else(|| sheet.resolve_anywhere(href));
        if let Some(url) = url.map(String::from)
            && !links.contains(&url)
        {
            links.push(url);
        }
    }
    links
}
