//! What goes into the store and what comes out, in the words of the domain.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::domain::case::State;
use crate::domain::forum::{Engine, Link, LinkKind, PageKind};
use crate::domain::listing::Listing;
use crate::domain::matcher::Hit;
use crate::domain::oddity::Oddity;
use crate::domain::secret::Secret;
use crate::domain::source::{Source, SourceId};

/// A URL leased to one worker.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The source it belongs to.
    pub source: SourceId,
    /// The frontier's key of it.
    pub link: Link,
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
    /// SHA-256 (hex) of the body, `@`, and the watchlist revision it was matched against.
    pub body_digest: String,
    /// Body length in bytes.
    pub body_bytes: u64,
    /// Recipe that read it; `None` for an attachment.
    pub engine: Option<Engine>,
    /// Kind of page; `None` for an attachment.
    pub page: Option<PageKind>,
    /// New work for the frontier.
    pub links: Vec<Link>,
    /// Threads seen, in lists or on their own pages.
    pub threads: Vec<ThreadSeen>,
    /// Posts seen.
    pub posts: Vec<PostSeen>,
    /// Entries found, each with where.
    pub hits: Vec<HitSeen>,
    /// What was odd.
    pub oddities: Vec<Oddity>,
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

/// How many claims, for whom, how long.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Name of the worker.
    pub worker: String,
    /// Most claims to take in all.
    pub limit: u32,
    /// Only this source.
    pub source: Option<SourceId>,
    /// How long the lease holds.
    pub lease: Duration,
}

/// A source and how it fares.
#[derive(Debug, Clone)]
pub struct SourceRow {
    /// The site.
    pub source: Source,
    /// The engine seen last.
    pub engine: Option<String>,
    /// When it was added.
    pub added_at: Timestamp,
    /// Last page read.
    pub last_success_at: Option<Timestamp>,
    /// Last failure, in plain words.
    pub last_failure: Option<String>,
    /// When that was.
    pub last_failure_at: Option<Timestamp>,
    /// URLs known.
    pub urls: u64,
    /// URLs due now.
    pub due: u64,
    /// Posts on record.
    pub posts: u64,
}

/// A row of `hit list`.
#[derive(Debug, Clone, Serialize)]
pub struct HitRow {
    /// Id.
    pub id: String,
    /// Owner.
    pub organization: String,
    /// Entry id.
    pub entry: String,
    /// `canary`, `fingerprint`, `anchor`.
    pub kind: String,
    /// Field.
    pub field: String,
    /// Case id.
    pub case: String,
    /// Source id.
    pub source: String,
    /// Address of the page or post.
    pub url: String,
    /// Thread key.
    pub thread: Option<String>,
    /// Post key.
    pub post: Option<String>,
    /// Author of the post.
    pub author: Option<String>,
    /// When the post was made.
    pub posted_at: Option<Timestamp>,
    /// Attachment.
    pub attachment: Option<String>,
    /// Member of the attachment.
    pub member: String,
    /// First raw byte.
    pub start: u64,
    /// One past the last raw byte.
    pub end: u64,
    /// Masked value.
    pub masked: String,
    /// Steps from raw bytes to value.
    pub steps: Vec<String>,
    /// When it was first seen.
    pub seen_at: Timestamp,
}

/// A row of `case list`.
#[derive(Debug, Clone, Serialize)]
pub struct CaseRow {
    /// Id, as `C-7F3K9Q2M`.
    pub id: String,
    /// Owner.
    pub organization: String,
    /// State.
    pub state: State,
    /// Whether a post offers the records.
    pub offer: bool,
    /// Entries that leaked.
    pub entries: u64,
    /// Hits on record.
    pub hits: u64,
    /// Places it was seen: sources.
    pub sources: Vec<String>,
    /// Custodian codes whose copies hold the entries, with how many of the entries each holds.
    pub holders: Vec<(String, u64)>,
    /// Earliest post time.
    pub first_posted_at: Option<Timestamp>,
    /// First match.
    pub first_matched_at: Timestamp,
    /// First mail.
    pub first_mailed_at: Option<Timestamp>,
    /// First confirmation.
    pub first_confirmed_at: Option<Timestamp>,
}

/// Kept so that `LinkKind` has one spelling in the store.
pub const fn link_kind_word(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Index => "index",
        LinkKind::Board => "board",
        LinkKind::Thread => "thread",
        LinkKind::Attachment => "attachment",
        LinkKind::Other => "other",
    }
}
