//! Any other site: repeated items where they are evident, else the main text; links on the same site.
//!
//! It knows no software, only what most share: items with numbered ids or in `article`s, `time` elements, links to
//! authors. Plain text and JSON are one post.

use scraper::ElementRef;
use url::Url;

use crate::domain::forum::harvest::{self, Harvest};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::{
    Engine, Link, LinkKind, PageKind, Post, Reading, Standing, ThreadRef, dom, here, items, post_text,
};
use crate::domain::oddity::Oddity;
use crate::domain::page::FetchedPage;
use crate::domain::span::ByteSpan;

const LINK_LIMIT: usize = 300;
const TEXT_LIMIT_BYTES: usize = 4 << 20;

/// Words in a link's address that lead away from content, or to the same content in another order.
const UNWANTED: [&str; 34] = [
    "logout",
    "logoff",
    "signout",
    "login",
    "signin",
    "signup",
    "register",
    "password",
    "calendar",
    "sort=",
    "sortby=",
    "order=",
    "orderby=",
    "print",
    "reply",
    "report",
    "quote",
    "delete",
    "edit",
    "search",
    "member",
    "profile",
    "user",
    "action=",
    "do=",
    "share",
    "feed",
    "rss",
    "whoposted",
    "highlight=",
    "lang=",
    "theme=",
    "vote",
    "subscribe",
];

/// Parameters that name a session or carry a token.
const SESSION: [&str; 12] = [
    "sid",
    "phpsessid",
    "s",
    "session",
    "sessionid",
    "jsessionid",
    "token",
    "csrf",
    "my_post_key",
    "formhash",
    "hash",
    "t_",
];

/// Reads any page as well as can be.
pub(super) fn read(sheet: &Sheet<'_>) -> Reading {
    let mut harvest = Harvest::new(sheet);
    let items = items::find(sheet);
    let main = main_element(sheet);
    let place = thread_of(sheet);
    if items.is_empty() {
        let text = post_text::read(main, &is_furniture);
        if !text.is_empty() {
            let span = span(sheet, main);
            harvest.post(post(sheet, &place.url, main, text, span));
        }
    } else {
        let spans = harvest::spans(sheet, &items);
        for (element, span) in items.iter().zip(spans) {
            let text = text_of(*element);
            if !text.is_empty() {
                harvest.post(post(sheet, &place.url, *element, text, span));
            }
        }
    }
    let attachments: Vec<Link> = harvest.reading().posts.iter().flat_map(attachment_links).collect();
    for link in attachments {
        harvest.link(link);
    }
    links(sheet, &mut harvest);
    let notice = here::notice(sheet, None).filter(|_| items.len() < 2 && is_short(sheet));
    let is_thread = items.len() > 1;
    let mut reading = harvest.finish(notice.unwrap_or(if is_thread { PageKind::Thread } else { PageKind::Other }));
    if is_thread {
        reading.thread = Some(place);
    }
    reading
}

/// Reads a body that is no markup as one post; nothing if it is no text.
pub(super) fn read_plain(page: &FetchedPage, text: &str) -> Reading {
    let mut reading = empty(page);
    let mut end = text.len().min(TEXT_LIMIT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() {
        reading.oddities.push(Oddity::new("page-cut", format!("only the first {end} bytes of the text were read")));
    }
    let text = text.get(..end).unwrap_or_default().trim();
    if !text.is_empty() {
        reading.posts.push(Post {
            id: digest(text),
            url: page.url.clone(),
            author: None,
            posted_at: None,
            text: text.to_owned(),
            attachments: Vec::new(),
            links: Vec::new(),
            span: ByteSpan::new(0, page.body.len() as u64),
        });
    }
    reading
}

/// A reading with nothing in it.
pub(super) fn empty(page: &FetchedPage) -> Reading {
    let name = page.url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    Reading {
        engine: Engine::Generic,
        page: crate::domain::forum::notice::of_status(page.status).unwrap_or(PageKind::Other),
        title: name.to_owned(),
        thread: None,
        threads: Vec::new(),
        posts: Vec::new(),
        next: None,
        links: Vec::new(),
        oddities: Vec::new(),
        standing: Standing::Unclear,
    }
}

fn thread_of(sheet: &Sheet<'_>) -> ThreadRef {
    let url = clean(&sheet.page.url);
    ThreadRef {
        key: url.path().to_owned() + url.query().map(|query| format!("?{query}")).as_deref().unwrap_or_default(),
        url,
        board: None,
    }
}

fn main_element<'a>(sheet: &Sheet<'a>) -> ElementRef<'a> {
    let root = sheet.dom.root_element();
    let named = dom::elements(root)
        .find(|element| dom::name(*element) == "main" || dom::attr(*element, "role") == Some("main"));
    let article = || dom::named(root, "article").next();
    named.or_else(article).or_else(|| dom::named(root, "body").next()).unwrap_or(root)
}

fn is_furniture(element: ElementRef<'_>) -> bool {
    matches!(dom::name(element), "nav" | "footer" | "aside" | "head" | "title")
        || ["signature", "sign", "bbCodeBlock-expandLink", "message-signature"]
            .iter()
            .any(|class| dom::has_class(element, class))
}

fn span(sheet: &Sheet<'_>, element: ElementRef<'_>) -> ByteSpan {
    let is_whole = dom::name(element) == "body" || dom::begin(element).is_none();
    let start = dom::begin(element).filter(|_| !is_whole);
    start
        .map_or_else(|| ByteSpan::new(0, sheet.page.body.len() as u64), |start| sheet.raw(&(start..sheet.end(element))))
}

fn post<'a>(sheet: &Sheet<'a>, url: &Url, element: ElementRef<'a>, text: String, span: ByteSpan) -> Post {
    let body = items::body(element);
    let is_outside = |inner: &ElementRef<'_>| body.is_none_or(|body| !dom::is_within(*inner, body));
    let is_time = |inner: &ElementRef<'_>| {
        matches!(dom::name(*inner), "time" | "abbr") || dom::attr(*inner, "data-time").is_some()
    };
    let times = dom::elements(element).filter(is_time).filter(is_outside).take(8);
    let short =
        || dom::elements(element).filter(is_outside).filter(|inner| dom::line_up_to(*inner, 60).len() <= 60).take(80);
    let posted = times
        .into_iter()
        .find_map(|time| sheet.moment(time, &|_| false))
        .or_else(|| short().find_map(|inner| sheet.moment(inner, &|_| false)));
    let mut own = url.clone();
    if !dom::id(element).is_empty() {
        own.set_fragment(Some(dom::id(element)));
    }
    Post {
        id: digest(&text),
        url: own,
        author: items::author(element),
        posted_at: posted.map(|moment| moment.at),
        attachments: harvest::attachments(sheet, element),
        links: Vec::new(),
        text,
        span,
    }
}

fn text_of(item: ElementRef<'_>) -> String {
    let whole = || post_text::read(item, &is_furniture);
    items::body(item)
        .map(|body| post_text::read(body, &is_furniture))
        .filter(|text| !text.is_empty())
        .unwrap_or_else(whole)
}

fn attachment_links(post: &Post) -> Vec<Link> {
    post.attachments
        .iter()
        .map(|attachment| Link {
            key: attachment.key.clone(),
            url: attachment.url.clone(),
            kind: LinkKind::Attachment,
            post: Some(post.id.clone()),
            mark: None,
            name: Some(attachment.name.clone()),
        })
        .collect()
}

fn links(sheet: &Sheet<'_>, harvest: &mut Harvest<'_, '_>) {
    let mut count = 0;
    for anchor in &sheet.anchors {
        let address = anchor.url.as_str().to_ascii_lowercase();
        let is_nofollow = dom::attr(anchor.element, "rel").is_some_and(|rel| rel.contains("nofollow"));
        if is_nofollow || UNWANTED.iter().any(|word| address.contains(word)) {
            continue;
        }
        if count >= LINK_LIMIT {
            harvest.odd("links-cut", "more links than are followed from one page");
            return;
        }
        count += 1;
        let url = clean(&anchor.url);
        let key = format!("other/{}{}", url.path(), url.query().map(|query| format!("?{query}")).unwrap_or_default());
        harvest.link(Link { key, url, kind: LinkKind::Other, post: None, mark: None, name: None });
    }
}

/// Drops the fragment and parameters that name a session; sorts the rest.
fn clean(url: &Url) -> Url {
    let mut pairs: Vec<(String, String)> = url
        .query_pairs()
        .take(16)
        .filter(|(key, _)| !SESSION.contains(&key.to_ascii_lowercase().as_str()) && !key.starts_with("utm_"))
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    pairs.sort();
    let mut clean = url.clone();
    clean.set_fragment(None);
    clean.set_query(None);
    if !pairs.is_empty() {
        clean.query_pairs_mut().extend_pairs(&pairs);
    }
    clean
}

fn is_short(sheet: &Sheet<'_>) -> bool {
    sheet.survey.lines.iter().map(|line| line.len()).sum::<usize>() < 4_000
}

/// A short, stable name for a text (FNV-1a, 64 bits): the same text at the same place is the same post.
fn digest(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}
