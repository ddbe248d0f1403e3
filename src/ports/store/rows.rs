//! What comes out of the store, in the words of the domain; re-exported by `model`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::domain::alert::AlertReason;
use crate::domain::case::State;
use crate::domain::listing::{Listing, Price};
use crate::domain::matcher::{EntryKind, Verdict};
use crate::domain::secret::Secret;
use crate::domain::session::{Jar, Session};
use crate::domain::severity::{Assessment, Severity};
use crate::domain::source::{Network, Rest, Source, SourceId};
use crate::domain::watchlist::{Alerts, Channel, Language, OrganizationId};

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
    /// Since when the operator has paused it.
    pub paused_at: Option<Timestamp>,
    /// Why it is left alone, and until when ([`Timestamp::MAX`]: until a person has seen to it).
    pub rest: Option<(Rest, Timestamp)>,
    /// The least wait that its robots.txt asks for.
    pub crawl_delay: Duration,
    /// Pages that the site says are gone.
    pub gone: u64,
}

/// Who reads a source, as the store keeps it.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Where it stands.
    pub session: Session,
    /// Its cookies.
    pub jar: Jar,
    /// When the operator last changed it; workers that have seen an earlier one take the cookies anew.
    pub imported_at: Timestamp,
}

/// What importing a watchlist changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WatchlistChange {
    /// The organization was not enrolled before.
    pub is_new: bool,
    /// Its names, custodians, datasets or anchors changed.
    pub is_organization_changed: bool,
    /// Canaries, by id.
    pub canaries: Changes,
    /// Deliveries, by id.
    pub deliveries: Changes,
    /// Contacts, by address.
    pub contacts: Changes,
    /// Files of fingerprints, by kind and epoch.
    pub fingerprints: Changes,
    /// The revision of all watchlists together after the import; grows only with a change.
    pub revision: i64,
}

impl WatchlistChange {
    /// Tells whether the import changed nothing.
    pub const fn is_empty(&self) -> bool {
        !self.is_new
            && !self.is_organization_changed
            && self.canaries.is_empty()
            && self.deliveries.is_empty()
            && self.contacts.is_empty()
            && self.fingerprints.is_empty()
    }

    /// Tells whether there is more to look for than before.
    pub fn has_new_entries(&self) -> bool {
        let is_more = |changes: &Changes| !changes.added.is_empty() || !changes.changed.is_empty();
        self.is_organization_changed || is_more(&self.canaries) || is_more(&self.fingerprints)
    }
}

/// Names of what changed, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Not there before.
    pub added: Vec<String>,
    /// There before, but different.
    pub changed: Vec<String>,
    /// No longer there.
    pub removed: Vec<String>,
}

impl Changes {
    /// Tells whether nothing changed.
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// A post on record.
#[derive(Debug, Clone)]
pub struct PostRow {
    /// Its source.
    pub source: SourceId,
    /// Thread key.
    pub thread: String,
    /// Title of the thread.
    pub thread_title: Option<String>,
    /// Post key.
    pub post: String,
    /// Its own address.
    pub url: String,
    /// Author.
    pub author: Option<String>,
    /// When it was made.
    pub posted_at: Option<Timestamp>,
    /// The author's own words.
    pub text: Secret<String>,
    /// Whether it offers data.
    pub listing: Listing,
    /// When it was first seen.
    pub seen_at: Timestamp,
}

/// Which hits to list.
#[derive(Debug, Clone, Default)]
pub struct HitFilter {
    /// Only this organization's.
    pub organization: Option<OrganizationId>,
    /// Only this case's; its id or that of a case merged into it.
    pub case: Option<String>,
    /// Only from this source.
    pub source: Option<SourceId>,
}

/// A row of `hit list`.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

/// Which cases to list.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    /// Only this organization's.
    pub organization: Option<OrganizationId>,
    /// Only in this state.
    pub state: Option<State>,
}

/// A row of `case list`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseRow {
    /// Id, as `C-7F3K9Q2M`.
    pub id: String,
    /// Owner.
    pub organization: String,
    /// State.
    pub state: State,
    /// Whether a post offers the records.
    pub offer: bool,
    /// How grave it is, by which rule, from what; `None` until something new is seen, for a case kept by an older version.
    pub severity: Option<Assessment>,
    /// Entries that leaked.
    pub entries: u64,
    /// Hits on record.
    pub hits: u64,
    /// Places it was seen: sources.
    pub sources: Vec<String>,
    /// Custodian codes whose copies hold the entries, with how many of the entries each holds.
    #[serde(serialize_with = "as_object")]
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

/// Everything known of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub row: CaseRow,
    /// Whose data its places show, all together; `None` if nothing was counted there.
    pub verdict: Option<Verdict>,
    /// The organization's name.
    pub organization_name: String,
    /// Language of its mails.
    pub language: Language,
    /// Grows with every change to the case.
    pub revision: i64,
    /// Ids of cases that were merged into this one.
    pub merged: Vec<String>,
    /// Entries that leaked, sorted by kind and id.
    pub leaked: Vec<CaseEntry>,
    /// Where it was seen, the earliest post first.
    pub sightings: Vec<Sighting>,
    /// What is known of the seller, where an offer names one.
    pub seller: Option<SellerHistory>,
    /// Who moved it, when, why; the oldest first.
    pub moves: Vec<CaseMove>,
    /// Its alerts, the oldest first.
    pub alerts: Vec<AlertRow>,
}

/// Who offers, as far as other posts tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SellerHistory {
    /// What the seller is known by.
    pub marks: Vec<SellerMark>,
    /// Other offers of the same seller, by site.
    pub before: Vec<OfferedBefore>,
    /// Other cases of the same organization.
    pub own_cases: Vec<String>,
}

/// A contact or a handle, in short.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SellerMark {
    /// `telegram`, `jabber` …, `handle`.
    pub kind: String,
    /// First and last characters.
    pub short: String,
}

/// Offers of one seller on one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfferedBefore {
    /// Label of the site.
    pub source: String,
    /// The network it lives on.
    pub network: Network,
    /// How many posts.
    pub listings: u64,
    /// What kinds of data, each with how many posts.
    #[serde(serialize_with = "as_object")]
    pub goods: Vec<(String, u64)>,
    /// The earliest.
    pub first_at: Timestamp,
    /// The latest.
    pub last_at: Timestamp,
}

impl OfferedBefore {
    /// Counts one more post.
    pub(super) fn count(&mut self, goods: Option<String>, at: Timestamp) {
        self.listings += 1;
        (self.first_at, self.last_at) = (self.first_at.min(at), self.last_at.max(at));
        let goods = goods.unwrap_or_else(|| "data".to_owned());
        match self.goods.iter_mut().find(|(known, _)| *known == goods) {
            Some((_, count)) => *count += 1,
            None => self.goods.push((goods, 1)),
        }
    }
}

/// An entry that leaked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseEntry {
    /// What kind of entry.
    pub kind: EntryKind,
    /// Its id.
    pub entry: String,
    /// The dataset a canary was planted in.
    pub dataset: Option<String>,
    /// Codes of the custodians whose copies hold it.
    pub holders: Vec<String>,
    /// Fields seen, each with its masked value.
    #[serde(serialize_with = "as_object")]
    pub fields: Vec<(String, String)>,
    /// Hits of it on record.
    pub hits: u64,
}

/// One place where a case was seen: a post, an attachment of it, or a page without posts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sighting {
    /// Source id.
    pub source: String,
    /// What people see of the source.
    pub source_label: String,
    /// Address of the page or post; a live one, not for mails.
    pub url: String,
    /// Thread key.
    pub thread: Option<String>,
    /// Title of the thread.
    pub thread_title: Option<String>,
    /// Post key.
    pub post: Option<String>,
    /// Author of the post.
    pub author: Option<String>,
    /// When the post was made.
    pub posted_at: Option<Timestamp>,
    /// Whether the post offers data.
    pub offer: bool,
    /// Price that the post names.
    pub price: Option<Price>,
    /// Name of the attachment.
    pub attachment: Option<String>,
    /// Entries found there.
    pub entries: u64,
    /// When it was first seen.
    pub seen_at: Timestamp,
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseMove {
    /// Its place in the log; from 1, without gaps.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Which case.
    pub case: String,
    /// From where; empty for a case being opened.
    pub from: String,
    /// To where; `merged` for a case that became part of another.
    pub to: String,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// SHA-256 over the row before and this one.
    pub hash: String,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Settling, or being sent.
    Queued,
    /// Not sendable: the organization has no confirmed contact.
    WaitingForContact,
    /// Handed to a mail server.
    Sent,
    /// Given up; see its last error.
    Dead,
    /// Overtaken: its case was merged, or its contact removed, before it was rendered.
    Dropped,
}

/// Which alerts to list.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Only this organization's.
    pub organization: Option<OrganizationId>,
}

/// A row of `alert list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertRow {
    /// Id.
    pub id: String,
    /// Whose case.
    pub organization: String,
    /// The case it was made for.
    pub case: String,
    /// To whom; `None` while there is no confirmed contact.
    pub contact: Option<String>,
    /// Why it was made.
    pub reason: AlertReason,
    /// Where it stands.
    pub state: AlertState,
    /// Message-ID of the mail, with angle brackets.
    pub message_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// Failed tries.
    pub attempts: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// What kind of failure that was: `greylisted`, `answer-4xx`, `answer-5xx`, `tls`, `dropped`, `timeout` ….
    pub failure: Option<String>,
    /// Until when it is held: for the quiet hours to end, for the day's mail, for others to acknowledge.
    pub held_until: Option<Timestamp>,
    /// Whether it is sent only if nobody acknowledges the case.
    pub escalates: bool,
}

/// An alert leased to one worker.
#[derive(Debug, Clone)]
pub struct AlertClaim {
    /// Id.
    pub id: String,
    /// The case it is about.
    pub case: String,
    /// The case's revision when the alert was claimed; content rendered from an older one is not frozen.
    pub case_revision: i64,
    /// Whose case.
    pub organization: OrganizationId,
    /// To whom; confirmed.
    pub contact: String,
    /// For a contact that is told only if nobody acknowledges: how long the others have.
    pub after: Option<Duration>,
    /// For a channel: which; `None` for a contact, and for a channel that is no longer in the watchlist.
    pub channel: Option<Channel>,
    /// The organization's name.
    pub organization_name: String,
    /// Language of the organization's mails.
    pub language: Language,
    /// How the organization wants to be told.
    pub alerts: Alerts,
    /// How grave the case is.
    pub severity: Severity,
    /// Where the case stands.
    pub case_state: State,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it was held.
    pub held_until: Option<Timestamp>,
    /// Whether it may share a mail with others that were held.
    pub gathers: bool,
    /// Whether it is sent only if nobody acknowledges the case.
    pub escalates: bool,
    /// Why it was made.
    pub reason: AlertReason,
    /// Message-ID of the mail, with angle brackets; the same on every try.
    pub message_id: String,
    /// Failed tries before this one.
    pub attempts: u32,
    /// Message-ID of the first mail about this case to this contact, for a follow-up.
    pub thread_root: Option<String>,
    /// What was frozen on an earlier try; to be sent as it is.
    pub frozen: Option<Vec<u8>>,
    /// Who holds the lease.
    pub lease: String,
}

/// Writes pairs as one JSON object, in their order.
pub(super) fn as_object<S: Serializer, V: Serialize>(pairs: &[(String, V)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}
