//! Turns a fetched page into what is recorded of it: links, threads, posts, and hits given to the posts that hold them.
//!
//! Pure work for a blocking thread: no fetching, no store.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use url::Url;

use super::door::Viewer;
use super::lookout::Lookout;
use super::session::Doubt;
use crate::domain::evidence::Capture;
use crate::domain::forum::{self, Engine, Link, LinkKind, PageKind, Post, Reading, Standing, ThreadRow};
use crate::domain::frontier::{Rhythm, Seen, Trouble};
use crate::domain::listing::{self, Written};
use crate::domain::matcher::{Document, Hit, Rates, Scan};
use crate::domain::oddity::Oddity;
use crate::domain::page::FetchedPage;
use crate::domain::secret::Secret;
use crate::domain::source::Source;
use crate::ports::fetch::{self, Expect};
use crate::ports::sandbox::Sandbox;
use crate::ports::store::model::{Claim, HitSeen, Outcome, PostSeen, ReadPage, ThreadSeen, Visit};

/// Links taken from one page; a page with more is hostile or not a forum's.
const LINKS_LIMIT: usize = 5_000;

/// A page, whose it is, and what to look for on it.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) fetched: Box<FetchedPage>,
    pub(super) claim: Claim,
    pub(super) source: Arc<Source>,
    pub(super) lookout: Arc<Lookout>,
    pub(super) sandbox: Sandbox,
    pub(super) viewer: Viewer,
    /// How long fetching took.
    pub(super) took: Duration,
}

/// What came of a page.
#[derive(Debug)]
pub(super) struct Read {
    /// To be recorded.
    pub(super) visit: Visit,
    /// Why it may not be a member's page.
    pub(super) doubt: Option<Doubt>,
}

/// Reads and matches a page or an attachment.
pub(super) fn read(page: &Page) -> Read {
    let (claim, times) = (&page.claim, (page.fetched.fetched_at, page.took));
    let digest = digest(&page.fetched.body, &stamp(page.lookout.revision, page.viewer));
    if claim.body_digest.as_deref() == Some(digest.as_str()) {
        return Read { visit: unchanged(claim, &page.source, times), doubt: None };
    }
    let (read_page, standing) = match claim.link.kind {
        LinkKind::Attachment => (read_attachment(page, digest), Standing::Unclear),
        LinkKind::Index | LinkKind::Board | LinkKind::Thread | LinkKind::Other => read_page(page, digest),
    };
    let newest = read_page.posts.iter().filter_map(|post| post.posted_at).max();
    let kind = read_page.page;
    let doubt = match (kind, standing) {
        (Some(PageKind::LoginRequired), _) => Some(Doubt::Refuses),
        (_, Standing::Guest) => Some(Doubt::Looks),
        (_, Standing::Member | Standing::Unclear) => None,
    };
    let is_gone = kind == Some(PageKind::NotFound) && claim.link.kind != LinkKind::Index && read_page.hits.is_empty();
    let visit = if is_gone {
        let (at, took) = times;
        let due_again = Rhythm::of(&page.source).retry(Trouble::Gone, claim.attempts, 0.5, at);
        let (claim, outcome) = (claim.clone(), Outcome::Gone);
        Visit { claim, at, took, clock_ahead: None, outcome, due_again, due_again_if_new: due_again }
    } else {
        plan(claim, &page.source, times, (kind, newest), Outcome::Read(Box::new(read_page)))
    };
    Read { visit: Visit { clock_ahead: page.fetched.clock_ahead(), ..visit }, doubt }
}

/// Describes what was captured, if something was found in it.
pub(super) fn capture(visit: &Visit, page: &Page) -> Option<Capture> {
    let Outcome::Read(read_page) = &visit.outcome else { return None };
    (!read_page.hits.is_empty()).then(|| Capture::of(&page.fetched))
}

/// Tells what an address of this kind leads to.
pub(super) const fn expected(kind: LinkKind) -> Expect {
    match kind {
        LinkKind::Attachment => Expect::Attachment,
        LinkKind::Index | LinkKind::Board | LinkKind::Thread | LinkKind::Other => Expect::Page,
    }
}

/// Notes that a page is as it was.
pub(super) fn unchanged(claim: &Claim, source: &Source, times: (Timestamp, Duration)) -> Visit {
    plan(claim, source, times, (None, None), Outcome::Unchanged)
}

/// Names what a page was matched against and who saw it.
pub(super) fn stamp(revision: i64, viewer: Viewer) -> String {
    format!("{revision}{}", viewer.mark())
}

/// Tells whether a stored digest was made with this stamp.
pub(super) fn has_stamp(digest: &str, stamp: &str) -> bool {
    digest.rsplit_once('@').is_some_and(|(_, of)| of == stamp)
}

fn plan(
    claim: &Claim,
    source: &Source,
    (at, took): (Timestamp, Duration),
    (page, newest): (Option<PageKind>, Option<Timestamp>),
    outcome: Outcome,
) -> Visit {
    let seen = Seen { kind: claim.link.kind, page, interval: claim.interval, newest };
    let revisit = Rhythm::of(source).revisit(&seen, at);
    let (claim, due_again, due_again_if_new) = (claim.clone(), revisit.if_same, revisit.if_new);
    Visit { claim, at, took, clock_ahead: None, outcome, due_again, due_again_if_new }
}

fn digest(body: &[u8], stamp: &str) -> String {
    let mut text = String::with_capacity(72);
    for byte in Sha256::digest(body) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    let _ = write!(text, "@{stamp}");
    text
}

fn read_page(page: &Page, digest: String) -> (ReadPage, Standing) {
    let reading = forum::read_with(&page.fetched, &page.source.start_url, &page.source.settings.recipe);
    let (Scan { hits, oddities, .. }, rates) = scan(page, page.fetched.url.path());
    let (title, standing) = (reading.title.clone(), reading.standing);
    let mut read_page = bare(page, digest);
    read_page.next = next_key(&reading);
    read_page.rates = rates;
    read_page.engine = Some(reading.engine);
    read_page.page = Some(reading.page);
    read_page.hits = without_echoes(hits.into_iter().map(|hit| place(hit, &reading, &page.claim.link.url)).collect());
    read_page.threads = threads(&reading, &page.claim.link.key);
    read_page.oddities = reading.oddities.into_iter().chain(oddities).collect();
    if let Some(thread) = &reading.thread {
        let setting = Setting {
            title: &title,
            tags: &thread.labels.join(" "),
            board: thread.board.as_deref().unwrap_or_default(),
            page: &thread.page_title,
        };
        read_page.posts = reading.posts.into_iter().map(|post| post_seen(post, &thread.key, &setting)).collect();
    } else if !reading.posts.is_empty() {
        read_page.oddities.push(Oddity::new("posts-without-thread", "posts on a page that names no thread"));
        let key = page.claim.link.key.clone();
        let setting = Setting { title: &title, ..Setting::default() };
        read_page.posts = reading.posts.into_iter().map(|post| post_seen(post, &key, &setting)).collect();
    }
    read_page.links = admitted(reading.links, &page.source, &mut read_page.oddities);
    (read_page, standing)
}

/// The key of the link to the next page.
fn next_key(reading: &Reading) -> Option<String> {
    let next = reading.next.as_ref()?;
    let kind = if reading.thread.is_some() { LinkKind::Thread } else { LinkKind::Board };
    // The next page is the last link that a recipe adds; its address may differ from the one that is fetched.
    let link = reading.links.iter().rev().find(|link| link.url == *next);
    link.or_else(|| reading.links.iter().rev().find(|link| link.kind == kind)).map(|link| link.key.clone())
}

/// Drops links that leave the site, that act, or that the settings leave out, and all beyond the limit.
fn admitted(mut links: Vec<Link>, source: &Source, oddities: &mut Vec<Oddity>) -> Vec<Link> {
    links.retain(|link| {
        let is_attachment = link.kind == LinkKind::Attachment;
        source.admit(&link.url).is_ok() && !forum::acts(&link.url) && source.settings.follows(&link.url, is_attachment)
    });
    if links.len() > LINKS_LIMIT {
        oddities.push(Oddity::new("too-many-links", format!("{} links on one page", links.len())));
        links.truncate(LINKS_LIMIT);
    }
    links
}

/// Searches a page; only hits that may open a case stay, but all are counted in the rates.
fn scan(page: &Page, name: &str) -> (Scan, Vec<Rates>) {
    let media_type = page.fetched.media_type();
    let document = Document {
        bytes: &page.fetched.body,
        name,
        media_type: media_type.as_deref(),
        charset: page.fetched.declared_charset(),
    };
    let matcher = &page.lookout.matcher;
    let mut scan = page.sandbox.search(matcher, &document);
    let rates = matcher.rates(&scan);
    scan.hits.retain(|hit| matcher.may_open_case(hit, &rates));
    (scan, rates)
}

/// Gives a hit to the innermost post whose markup holds it; else to the page.
fn place(hit: Hit, reading: &Reading, page_url: &Url) -> HitSeen {
    let post = reading
        .posts
        .iter()
        .filter(|post| post.span.contains(hit.span.start))
        .min_by_key(|post| post.span.end - post.span.start);
    HitSeen {
        url: post.map_or(page_url, |post| &post.url).clone(),
        thread: reading.thread.as_ref().map(|thread| thread.key.clone()),
        post: post.map(|post| post.id.clone()),
        attachment: None,
        hit,
    }
}

/// Drops hits outside of posts that only repeat what a post of the same page says: engines copy the start of a post into
/// the head of the page.
fn without_echoes(mut hits: Vec<HitSeen>) -> Vec<HitSeen> {
    let value = |seen: &HitSeen| (seen.hit.organization.clone(), seen.hit.entry.clone(), seen.hit.field.clone());
    let in_posts: HashSet<_> = hits.iter().filter(|seen| seen.post.is_some()).map(value).collect();
    hits.retain(|seen| seen.post.is_some() || !in_posts.contains(&value(seen)));
    hits
}

fn threads(reading: &Reading, link_key: &str) -> Vec<ThreadSeen> {
    let board = (reading.page == PageKind::Board && !reading.title.is_empty()).then(|| reading.title.clone());
    let mut threads: Vec<ThreadSeen> = reading.threads.iter().map(|row| listed(row, board.as_ref())).collect();
    if let Some(thread) = &reading.thread {
        // Who opened it is told by the first post of its first page only.
        let is_first_page = link_key.split_once('/').is_some_and(|(_, key)| key == thread.key);
        let opening = reading.posts.first().filter(|_| is_first_page);
        threads.push(ThreadSeen {
            key: thread.key.clone(),
            title: (!reading.title.is_empty()).then(|| reading.title.clone()),
            url: thread.url.clone(),
            board: thread.board.clone(),
            author: opening.and_then(|post| post.author.clone()),
            created_at: opening.and_then(|post| post.posted_at),
            replies: None,
        });
    }
    threads
}

fn listed(row: &ThreadRow, board: Option<&String>) -> ThreadSeen {
    ThreadSeen {
        key: row.key.clone(),
        title: (!row.title.is_empty()).then(|| row.title.clone()),
        url: row.url.clone(),
        board: board.cloned(),
        author: row.author.clone(),
        created_at: row.created_at,
        replies: row.replies,
    }
}

/// What a page says of all its posts.
#[derive(Default)]
struct Setting<'a> {
    title: &'a str,
    tags: &'a str,
    board: &'a str,
    page: &'a str,
}

fn post_seen(post: Post, thread: &str, setting: &Setting<'_>) -> PostSeen {
    let Setting { title, tags, board, page } = *setting;
    PostSeen {
        listing: listing::read(&Written { title, text: &post.text, tags, board, page }),
        key: post.id,
        thread: thread.to_owned(),
        url: post.url,
        author: post.author,
        posted_at: post.posted_at,
        text: Secret::new(post.text),
    }
}

fn read_attachment(page: &Page, digest: String) -> ReadPage {
    let name = attachment_name(page);
    let mut read_page = bare(page, digest);
    if let Some(kind) = refusal(page, &name) {
        read_page.page = Some(kind);
        read_page.oddities.push(Oddity::new("attachment-refused", "the site shows a page in place of the file"));
        return read_page;
    }
    let (Scan { hits, oddities, .. }, rates) = scan(page, &name);
    read_page.rates = rates;
    let link = &page.claim.link;
    read_page.hits = hits
        .into_iter()
        .map(|hit| HitSeen {
            hit,
            url: link.url.clone(),
            thread: page.claim.thread.clone(),
            post: link.post.clone(),
            attachment: Some(name.clone()),
        })
        .collect();
    read_page.oddities = oddities;
    read_page
}

/// Tells whether the site showed one of its own pages instead of the file, and which kind.
fn refusal(page: &Page, name: &str) -> Option<PageKind> {
    let start = page.fetched.body.get(..page.fetched.body.len().min(256)).unwrap_or_default().to_ascii_lowercase();
    let looks_html = start.windows(5).any(|window| window == b"<html" || window == b"<!doc");
    if !looks_html && page.fetched.media_type().as_deref() != Some("text/html") {
        return None;
    }
    let reading = forum::read_with(&page.fetched, &page.source.start_url, &page.source.settings.recipe);
    let lower = name.to_ascii_lowercase();
    let is_html_file = [".html", ".htm", ".xhtml"].iter().any(|ending| lower.ends_with(ending));
    match reading.page {
        PageKind::LoginRequired | PageKind::Denied | PageKind::NotFound => Some(reading.page),
        PageKind::Index | PageKind::Board | PageKind::Thread | PageKind::Other => {
            (reading.engine != Engine::Generic && !is_html_file).then_some(PageKind::Denied)
        }
    }
}

fn attachment_name(page: &Page) -> String {
    let from_url = || page.fetched.url.path_segments().and_then(|mut parts| parts.next_back()).map(str::to_owned);
    page.claim.link.name.clone().or_else(from_url).unwrap_or_default()
}

fn bare(page: &Page, digest: String) -> ReadPage {
    let (etag, last_modified) = fetch::validators(&page.fetched);
    ReadPage {
        status: page.fetched.status,
        etag,
        last_modified,
        body_digest: digest,
        matched: page.lookout.revision,
        body_bytes: page.fetched.body.len() as u64,
        engine: None,
        page: None,
        links: Vec::new(),
        next: None,
        threads: Vec::new(),
        posts: Vec::new(),
        hits: Vec::new(),
        rates: Vec::new(),
        oddities: Vec::new(),
        capture: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::forum::ThreadRef;
    use crate::domain::matcher::EntryKind;
    use crate::domain::span::ByteSpan;
    use crate::domain::watchlist::OrganizationId;

    fn url(text: &str) -> Url {
        Url::parse("http://forum.example/").unwrap().join(text).unwrap()
    }

    fn post(id: &str, start: u64, end: u64) -> Post {
        Post {
            id: id.to_owned(),
            url: url(&format!("post/{id}")),
            author: Some(format!("author {id}")),
            posted_at: None,
            text: String::new(),
            attachments: Vec::new(),
            links: Vec::new(),
            price: None,
            span: ByteSpan::new(start, end),
        }
    }

    fn reading() -> Reading {
        Reading {
            engine: Engine::Mybb,
            signs: Vec::new(),
            page: PageKind::Thread,
            title: "Fresh base".to_owned(),
            thread: Some(ThreadRef {
                key: "101".to_owned(),
                url: url("thread/101"),
                board: None,
                labels: Vec::new(),
                page_title: String::new(),
            }),
            threads: Vec::new(),
            posts: vec![post("1", 100, 400), post("2", 200, 300), post("3", 500, 600)],
            next: None,
            links: Vec::new(),
            oddities: Vec::new(),
            standing: Standing::Unclear,
        }
    }

    fn hit(start: u64) -> Hit {
        Hit {
            organization: OrganizationId("example-bank".to_owned()),
            entry: "c1".to_owned(),
            kind: EntryKind::Canary,
            field: "email".to_owned(),
            member: String::new(),
            span: ByteSpan::new(start, start + 5),
            masked: "p…".to_owned(),
            steps: Vec::new(),
            strength: 40,
            renderings: crate::domain::renderings::Renderings::default(),
            row: 0,
        }
    }

    #[test]
    fn a_hit_belongs_to_the_innermost_post_that_holds_it() {
        for (start, expected) in [(250, Some("2")), (150, Some("1")), (500, Some("3")), (600, None), (0, None)] {
            let seen = place(hit(start), &reading(), &url("page"));
            assert_eq!(seen.post.as_deref(), expected, "{start}");
            assert_eq!(seen.thread.as_deref(), Some("101"));
            assert_eq!(seen.url, expected.map_or_else(|| url("page"), |id| url(&format!("post/{id}"))));
        }
    }

    #[test]
    fn a_copy_of_a_post_in_the_head_of_the_page_is_no_hit_of_its_own() {
        let seen = |start| place(hit(start), &reading(), &url("page"));
        assert_eq!(without_echoes(vec![seen(0), seen(250)]).len(), 1);
        assert_eq!(without_echoes(vec![seen(0)]).len(), 1);
    }

    #[test]
    fn the_opener_of_a_thread_is_told_by_its_first_page_only() {
        let author = |link_key| threads(&reading(), link_key).pop().unwrap().author;
        assert_eq!(author("thread/101").as_deref(), Some("author 1"));
        assert_eq!(author("thread/101/2"), None);
    }

    #[test]
    fn links_off_the_site_are_dropped_and_floods_of_links_cut() {
        let link =
            |url: Url| Link { key: url.to_string(), url, kind: LinkKind::Other, post: None, mark: None, name: None };
        let source = Source::from_url("http://forum.example/").unwrap();
        let mut links: Vec<Link> = (0..LINKS_LIMIT + 10).map(|number| link(url(&format!("{number}")))).collect();
        links.insert(0, link(Url::parse("http://cdn.example/x").unwrap()));
        let mut oddities = Vec::new();
        let admitted = admitted(links, &source, &mut oddities);
        assert_eq!(admitted.len(), LINKS_LIMIT);
        assert!(admitted.iter().all(|link| source.admit(&link.url).is_ok()));
        assert_eq!(oddities[0].code, "too-many-links");
    }

    #[test]
    fn a_digest_names_the_watchlists_it_was_matched_against_and_who_saw_the_page() {
        let guest = Viewer { is_member: false, generation: 0 };
        let member = Viewer { is_member: true, generation: 3 };
        let digest = digest(b"body", &stamp(12, member));
        assert!(has_stamp(&digest, &stamp(12, member)));
        assert!(!has_stamp(&digest, &stamp(12, guest)), "a guest's copy says nothing about a member's");
        assert!(!has_stamp(&digest, &stamp(2, member)));
        assert!(!has_stamp("damaged", &stamp(12, guest)));
    }
}
