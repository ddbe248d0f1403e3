//! How a page is read: one recipe file per engine; page in; threads, posts, links and oddities out.
//!
//! Not here: matching (`matcher` works on the raw bytes), fetching, scheduling.

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::domain::oddity::Oddity;
use crate::domain::span::ByteSpan;

/// The software a site runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// MyBB 1.8.
    Mybb,
    /// phpBB 3.x.
    Phpbb,
    /// Discuz! X3.
    Discuz,
    /// Anything else, read without a recipe of its own.
    Generic,
}

/// What kind of page was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageKind {
    /// The list of boards.
    Index,
    /// A list of threads.
    Board,
    /// Posts of one thread.
    Thread,
    /// The site asks for a login before it shows this.
    LoginRequired,
    /// The site says no: banned, no permission, flood control.
    Denied,
    /// The site says that there is no such thing.
    NotFound,
    /// A page with text but no posts, threads or boards.
    Other,
}

/// Everything read off one page.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The recipe that read it.
    pub engine: Engine,
    /// What kind of page it is.
    pub page: PageKind,
    /// Title of the thread or board, else of the document.
    pub title: String,
    /// On a thread's page, which thread; on a board's page, `None`.
    pub thread: Option<ThreadRef>,
    /// Threads listed, in page order.
    pub threads: Vec<ThreadRow>,
    /// Posts shown, in page order.
    pub posts: Vec<Post>,
    /// The next page of the same board or thread.
    pub next: Option<Url>,
    /// What to read next, canonical and deduplicated; holds `next`, boards, threads, thread pages, attachments.
    pub links: Vec<Link>,
    /// What could not be read as expected.
    pub oddities: Vec<Oddity>,
}

/// A thread, named the same from every page and every link that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadRef {
    /// The engine's own number or slug: `101`.
    pub key: String,
    /// Canonical address of its first page.
    pub url: Url,
    /// Its board's name where the page tells it.
    pub board: Option<String>,
}

/// One row of a list of threads.
#[derive(Debug, Clone, Serialize)]
pub struct ThreadRow {
    /// The engine's own number or slug.
    #[serde(skip)]
    pub key: String,
    /// Its title, without prefix.
    pub title: String,
    /// Canonical address of its first page.
    pub url: Url,
    /// Who opened it.
    pub author: Option<String>,
    /// Replies as the list counts them.
    pub replies: Option<u64>,
    /// When it was opened.
    pub created_at: Option<Timestamp>,
    /// When its last post was made.
    pub last_post_at: Option<Timestamp>,
    /// Pinned above the others.
    pub sticky: bool,
    /// Closed for replies.
    pub locked: bool,
}

/// One message.
#[derive(Debug, Clone, Serialize)]
pub struct Post {
    /// The engine's own number: `1001`; for the generic recipe a hash of its text.
    pub id: String,
    /// Its own address.
    pub url: Url,
    /// Who wrote it.
    pub author: Option<String>,
    /// When, in UTC.
    pub posted_at: Option<Timestamp>,
    /// The author's own words: no quotes, signatures, edit notes, captions or hidden junk.
    pub text: String,
    /// Files attached to it.
    pub attachments: Vec<Attachment>,
    /// Addresses its text links to.
    pub links: Vec<String>,
    /// Where its markup lies in the raw bytes of the page, signature and quotes included.
    #[serde(skip)]
    pub span: ByteSpan,
}

/// A file attached to a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// File name as shown.
    pub name: String,
    /// Where to fetch it now; may be signed and short-lived.
    pub url: Url,
    /// What stays the same when the address changes: `attachment/17`.
    #[serde(skip)]
    pub key: String,
}

/// Why a link is worth following.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// The start page.
    Index,
    /// A list of threads, or a further page of it.
    Board,
    /// A thread, or a further page of it.
    Thread,
    /// A file attached to a post.
    Attachment,
    /// Anything else on the site (generic recipe only).
    Other,
}

/// A link to follow, named by what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The same for every address of the same content; the frontier holds each key once.
    pub key: String,
    /// The address to fetch: canonical, without session ids or sort orders.
    pub url: Url,
    /// What it leads to.
    pub kind: LinkKind,
    /// For an attachment: the id of the post that carries it.
    pub post: Option<String>,
    /// For a thread's first page: what the list says of its size and last post (`replies|last_post_at`), so that an
    /// unchanged thread need not be read again.
    pub mark: Option<String>,
    /// File name of an attachment.
    pub name: Option<String>,
}
