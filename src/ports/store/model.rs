//! What goes into the store, in the words of the domain; what comes out is in `rows`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use url::Url;

use crate::domain::evidence::Capture;
use crate::domain::forum::{Engine, Link, LinkKind, PageKind};
use crate::domain::listing::Listing;
use crate::domain::matcher::{Hit, Rates};
use crate::domain::oddity::Oddity;
use crate::domain::secret::Secret;
use crate::domain::source::{Network, SourceId};

pub use super::retention::{Hold, Old, Purged};
pub use super::rows::{
    AlertClaim, AlertFilter, AlertRow, AlertState, CaseDetail, CaseEntry, CaseFilter, CaseMove, CaseRow, Changes,
    HitFilter, HitRow, OfferedBefore, PostRow, SellerHistory, SellerMark, SessionRow, Sighting, SourceRow,
    WatchlistChange,
};

/// A URL leased to one worker.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The source it belongs to.
    pub source: SourceId,
    /// The frontier's key of it.
    pub link: Link,
    /// For an attachment: the thread of the post that carries it.
    pub thread: Option<String>,
    /// Who holds the lease; a visit recorded under another lease is refused.
    pub lease: String,
    /// Failed tries before this one.
    pub attempts: u32,
    /// Time between its last reading and when it fell due now; `None` when it was never read.
    pub interval: Option<Duration>,
    /// `ETag` of the last answer.
    pub etag: Option<String>,
    /// `Last-Modified` of the last answer.
    pub last_modified: Option<String>,
    /// What [`ReadPage::body_digest`] was at the last reading.
    pub body_digest: Option<String>,
}

/// One fetch-and-read of a claim, recorded in one transaction.
#[derive(Debug, Clone)]
pub struct Visit {
    /// What was claimed.
    pub claim: Claim,
    /// When the answer was complete.
    pub at: Timestamp,
    /// How long fetching took.
    pub took: Duration,
    /// By how much our clock was ahead of the site's, if the answer told.
    pub clock_ahead: Option<SignedDuration>,
    /// How it went.
    pub outcome: Outcome,
    /// When the URL is due again; `None` for never.
    pub due_again: Option<Timestamp>,
    /// When it is due again if recording shows that the visit brought links or posts not seen before.
    pub due_again_if_new: Option<Timestamp>,
}

/// How a visit went.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The page was read.
    Read(Box<ReadPage>),
    /// The page is as it was (304, or the same digest): nothing new.
    Unchanged,
    /// The site says that there is no such thing; asked for again a few times, then given up.
    Gone,
    /// It was not asked for: its own rules or ours forbid it.
    Skipped {
        /// Stable word for the rule: `robots`, `pattern` ….
        class: String,
    },
    /// The fetch failed; to be tried again at `due_again`, or never.
    Failed {
        /// Stable word for the class of failure: `timeout`, `refused`, `http-503`, `too-large` ….
        class: String,
        /// A sentence for people.
        detail: String,
    },
}

/// What a visit found.
#[derive(Debug, Clone)]
pub struct ReadPage {
    /// HTTP status.
    pub status: u16,
    /// Validators for the next visit.
    pub etag: Option<String>,
    /// Validators for the next visit.
    pub last_modified: Option<String>,
    /// SHA-256 (hex) of the body, `@`, the watchlist revision it was matched against, and a mark of who read it.
    pub body_digest: String,
    /// That revision.
    pub matched: i64,
    /// Body length in bytes.
    pub body_bytes: u64,
    /// Recipe that read it; `None` for an attachment.
    pub engine: Option<Engine>,
    /// Kind of page; `None` for an attachment.
    pub page: Option<PageKind>,
    /// New work for the frontier, in page order.
    pub links: Vec<Link>,
    /// Key of the link to the next page of the same board or thread.
    pub next: Option<String>,
    /// Threads seen, in lists or on their own pages.
    pub threads: Vec<ThreadSeen>,
    /// Posts seen.
    pub posts: Vec<PostSeen>,
    /// Entries found, each with where.
    pub hits: Vec<HitSeen>,
    /// What was counted in it, by organization.
    pub rates: Vec<Rates>,
    /// What was odd.
    pub oddities: Vec<Oddity>,
    /// What was captured, if something was found: its body is kept already.
    pub capture: Option<Box<Capture>>,
}

/// A thread as one page shows it; absent fields leave what is stored.
#[derive(Debug, Clone)]
pub struct ThreadSeen {
    /// The engine's number or slug.
    pub key: String,
    /// Title.
    pub title: Option<String>,
    /// Canonical address.
    pub url: Url,
    /// Board's name.
    pub board: Option<String>,
    /// Who opened it.
    pub author: Option<String>,
    /// When.
    pub created_at: Option<Timestamp>,
    /// Replies as listed.
    pub replies: Option<u64>,
}

/// A post as one page shows it.
#[derive(Debug, Clone)]
pub struct PostSeen {
    /// The engine's number.
    pub key: String,
    /// Its thread.
    pub thread: String,
    /// Its own address.
    pub url: Url,
    /// Author.
    pub author: Option<String>,
    /// When it was made.
    pub posted_at: Option<Timestamp>,
    /// The author's own words; sealed at rest.
    pub text: Secret<String>,
    /// Whether it offers data.
    pub listing: Listing,
}

/// An offer recorded before sellers were marked.
#[derive(Debug, Clone)]
pub struct UnmarkedPost {
    /// Its source.
    pub source: SourceId,
    /// Title of its thread; empty if none is known.
    pub title: String,
    /// Name of its board; empty if none is known.
    pub board: String,
    /// The post; of its listing only the probability is as it was recorded.
    pub post: PostSeen,
}

/// A hit and where it was seen.
#[derive(Debug, Clone)]
pub struct HitSeen {
    /// What was found.
    pub hit: Hit,
    /// Address of the page or post.
    pub url: Url,
    /// Thread key.
    pub thread: Option<String>,
    /// Post key.
    pub post: Option<String>,
    /// Name of the attachment it was found in.
    pub attachment: Option<String>,
}

/// What recording a visit changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// Links new to the frontier.
    pub links: u64,
    /// Posts not seen before.
    pub posts: u64,
    /// Hits not seen before.
    pub hits: u64,
    /// Cases opened.
    pub cases: u64,
    /// Alerts queued.
    pub alerts: u64,
}

impl Recorded {
    /// Tells whether the visit brought links or posts not seen before.
    pub const fn is_news(&self) -> bool {
        self.links > 0 || self.posts > 0
    }
}

/// Rules that recording follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPolicy {
    /// How long an alert waits for more hits of its case before it is rendered.
    pub settle: Duration,
}

/// How many claims, for whom, how long.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Name of the worker.
    pub worker: String,
    /// Most claims to take in all.
    pub limit: u32,
    /// Only this source.
    pub source: Option<SourceId>,
    /// Nothing of these networks.
    pub without: Vec<Network>,
    /// How long the lease holds.
    pub lease: Duration,
    /// Spreads the next requests of the sources that are served; lies in `0.0..1.0`.
    pub chance: f64,
}

/// Returns the store's word for a kind of page.
pub const fn page_kind_word(kind: PageKind) -> &'static str {
    match kind {
        PageKind::Index => "index",
        PageKind::Board => "board",
        PageKind::Thread => "thread",
        PageKind::LoginRequired => "login-required",
        PageKind::Denied => "denied",
        PageKind::NotFound => "not-found",
        PageKind::Other => "other",
    }
}

/// Returns the store's word for a kind of link.
pub const fn link_kind_word(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Index => "index",
        LinkKind::Board => "board",
        LinkKind::Thread => "thread",
        LinkKind::Attachment => "attachment",
        LinkKind::Other => "other",
    }
}

/// Reads the word of [`link_kind_word`].
pub fn parse_link_kind(word: &str) -> Option<LinkKind> {
    LINK_KINDS.into_iter().find(|kind| link_kind_word(*kind) == word)
}

/// Every kind of link, in the order in which they are fetched.
pub const LINK_KINDS: [LinkKind; 5] =
    [LinkKind::Index, LinkKind::Board, LinkKind::Thread, LinkKind::Attachment, LinkKind::Other];
