//! Recording a visit: links, threads, posts, hits, cases and alerts in one transaction, or nothing.
//!
//! A repeated visit writes nothing new: every row is keyed by what it is. Not here: hits and their cases (`findings`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;

use super::claims::kind_rank;
use super::model::{
    Claim, Outcome, PostRow, PostSeen, ReadPage, RecordPolicy, Recorded, ThreadSeen, Visit, link_kind_word,
    page_kind_word,
};
use super::sql::{self, Columns, Value, values};
use super::watchlists::{json, parse};
use super::{Durability, Store, StoreError, sellers, titles};
use crate::domain::forum::{Engine, Link, LinkKind};
use crate::domain::listing::Listing;
use crate::domain::source::SourceId;

/// How often a transaction that lost a race is run again.
const TRIES: u32 = 8;

impl Store {
    /// Records a visit and gives its lease back, in one transaction.
    ///
    /// # Errors
    /// `LostLease` if the lease is no longer the visit's; anything else leaves the URL leased and nothing written, and the
    /// same call may be made again.
    pub async fn record(&self, visit: &Visit, policy: &RecordPolicy) -> Result<Recorded, StoreError> {
        let mut tries = 1;
        loop {
            match self.record_once(visit, *policy).await {
                Err(error) if error.is_lost_race() && tries < TRIES => tries += 1,
                other => return other,
            }
        }
    }

    async fn record_once(&self, visit: &Visit, policy: RecordPolicy) -> Result<Recorded, StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        let held = held(connection, &visit.claim).await?;
        let recorded = match &visit.outcome {
            Outcome::Read(page) => self.record_page(connection, visit, page, policy).await?,
            Outcome::Unchanged | Outcome::Gone | Outcome::Skipped { .. } | Outcome::Failed { .. } => {
                Recorded::default()
            }
        };
        let planned = if recorded.is_news() { visit.due_again_if_new } else { visit.due_again };
        // The list of threads announced a change while this visit was under way: look again at once.
        let due = if held.mark == visit.claim.link.mark { planned } else { Some(visit.at) };
        settle_frontier(connection, visit, due).await?;
        settle_thread(connection, visit, held.is_thread_gone).await?;
        settle_source(connection, visit, &recorded, due).await?;
        super::health::note_visit(connection, visit, &recorded).await?;
        write.commit().await?;
        Ok(recorded)
    }

    async fn record_page(
        &self,
        connection: &mut AnyConnection,
        visit: &Visit,
        page: &ReadPage,
        policy: RecordPolicy,
    ) -> Result<Recorded, StoreError> {
        let source = &visit.claim.source;
        let mut recorded = Recorded { links: record_links(connection, visit, page).await?, ..Recorded::default() };
        let mut titled = record_threads(connection, source, &page.threads, visit.at).await?;
        recorded.posts = self.record_posts(connection, source, &page.posts, visit.at).await?;
        let (found, touched) = super::findings::record(connection, visit, page, policy).await?;
        if let Some(capture) = &page.capture {
            self.record_exhibits(connection, visit, (capture, &page.hits)).await?;
        }
        for (organization, case) in touched {
            self.weigh(connection, &organization, &case).await?;
        }
        // Hits that were known, too: another worker may have learned the title while the first of them was recorded.
        titled.extend(page.hits.iter().filter_map(|hit| hit.thread.clone()));
        titles::note(connection, &source.0, &titled.into_iter().collect::<Vec<_>>()).await?;
        Ok(Recorded { hits: found.hits, cases: found.cases, alerts: found.alerts, ..recorded })
    }

    async fn record_posts(
        &self,
        connection: &mut AnyConnection,
        source: &SourceId,
        posts: &[PostSeen],
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let posts: BTreeMap<(&str, &str), &PostSeen> =
            posts.iter().map(|post| ((post.thread.as_str(), post.key.as_str()), post)).collect();
        let threads: BTreeSet<&str> = posts.keys().map(|(thread, _)| *thread).collect();
        let mut known = BTreeMap::new();
        for thread in threads {
            let keys: Vec<String> =
                posts.keys().filter(|(own, _)| *own == thread).map(|(_, key)| (*key).to_owned()).collect();
            let head = "SELECT id, text_digest FROM post WHERE source = $1 AND thread = $2 AND id IN";
            for row in sql::fetch_in(connection, head, &[(&source.0).into(), thread.into()], &keys).await? {
                known.insert((thread.to_owned(), row.text(0)?), row.text(1)?);
            }
        }
        let (mut rows, mut changed) = (Vec::new(), Vec::new());
        for post in posts.into_values() {
            let digest = self.post_digest(post)?;
            match known.get(&(post.thread.clone(), post.key.clone())) {
                Some(old) if *old == digest => continue,
                Some(_) => self.update_post(connection, source, post, (digest, at)).await?,
                None => rows.push(self.post_values(source, post, digest, at)?),
            }
            changed.push(post);
        }
        self.record_marks(connection, source, &changed).await?;
        let head = "INSERT INTO post (source, thread, id, url, author, posted_at, sealed_text, text_digest, sale, \
                    sealed_listing, seen_at, goods, volume, is_fresh, is_exclusive, is_marked) VALUES";
        sql::insert(connection, (head, "ON CONFLICT (source, thread, id) DO NOTHING"), rows).await
    }

    fn post_values(
        &self,
        source: &SourceId,
        post: &PostSeen,
        digest: String,
        at: Timestamp,
    ) -> Result<Vec<Value>, StoreError> {
        let context = post_context(source, &post.thread, &post.key);
        let mut values = values![
            &source.0,
            &post.thread,
            &post.key,
            post.url.as_str(),
            &post.author,
            post.posted_at,
            self.seal_text(post.text.reveal(), &context)?,
            digest,
            post.listing.sale,
            self.seal_text(&json(&post.listing)?, &listing_context(source, &post.thread, &post.key))?,
            at,
        ];
        values.extend(promises(&post.listing));
        values.extend(values![1_i64]);
        Ok(values)
    }

    /// An edited post takes the new text; a date or author that a page no longer shows stays.
    async fn update_post(
        &self,
        connection: &mut AnyConnection,
        source: &SourceId,
        post: &PostSeen,
        (digest, at): (String, Timestamp),
    ) -> Result<(), StoreError> {
        let context = post_context(source, &post.thread, &post.key);
        let statement = "UPDATE post SET url = $1, author = COALESCE($2, author), posted_at = COALESCE($3, posted_at), \
                         sealed_text = $4, text_digest = $5, sale = $6, sealed_listing = $7, changed_at = $8, goods = $9, \
                         volume = $10, is_fresh = $11, is_exclusive = $12, is_marked = 1 WHERE source = $13 AND thread = $14 AND id = $15";
        let mut values = values![
            post.url.as_str(),
            &post.author,
            post.posted_at,
            self.seal_text(post.text.reveal(), &context)?,
            digest,
            post.listing.sale,
            self.seal_text(&json(&post.listing)?, &listing_context(source, &post.thread, &post.key))?,
            at,
        ];
        values.extend(promises(&post.listing));
        values.extend(values![&source.0, &post.thread, &post.key]);
        sellers::forget_marks(connection, (&source.0, &post.thread, &post.key)).await?;
        sql::execute(connection, statement, values).await.map(drop)
    }

    /// What tells an edited post from an unchanged one.
    fn post_digest(&self, post: &PostSeen) -> Result<String, StoreError> {
        #[derive(Serialize)]
        struct Shown<'a> {
            text: &'a str,
            author: Option<&'a str>,
            posted_at: Option<i64>,
            url: &'a str,
            sale: f64,
        }
        // The text is most of it, and is escaped faster apart.
        let text = post.text.reveal();
        let shown = Shown {
            text: "",
            author: post.author.as_deref(),
            posted_at: post.posted_at.map(Timestamp::as_millisecond),
            url: post.url.as_str(),
            sale: post.listing.sale,
        };
        let shown = json(&shown)?;
        let (before, after) = shown.split_once("\"\"").unwrap_or((&shown, ""));
        let mut whole = String::with_capacity(shown.len() + text.len() + text.len() / 8);
        whole.push_str(before);
        push_quoted(&mut whole, text);
        whole.push_str(after);
        Ok(self.seal.digest(whole.as_bytes()))
    }

    /// Returns the posts of a source, sorted by thread and time.
    ///
    /// # Errors
    /// When the database fails or a text does not open.
    pub async fn posts(&self, source: &SourceId) -> Result<Vec<PostRow>, StoreError> {
        let statement = "SELECT p.thread, p.id, p.url, p.author, p.posted_at, p.sealed_text, p.sealed_listing, p.seen_at, t.title \
                         FROM post p LEFT JOIN thread t ON t.source = p.source AND t.id = p.thread \
                         WHERE p.source = $1 ORDER BY p.thread, p.posted_at, p.id";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![&source.0]).await?;
        rows.iter()
            .map(|row| {
                let (thread, post) = (row.text(0)?, row.text(1)?);
                let context = post_context(source, &thread, &post);
                Ok(PostRow {
                    source: source.clone(),
                    thread_title: row.maybe_text(8)?,
                    url: row.text(2)?,
                    author: row.maybe_text(3)?,
                    posted_at: row.maybe_time(4)?,
                    text: self.open_text(&row.bytes(5)?, &context)?,
                    listing: parse(
                        "listing",
                        &post,
                        self.open_text(&row.bytes(6)?, &listing_context(source, &thread, &post))?.reveal(),
                    )?,
                    seen_at: row.time(7)?,
                    thread,
                    post,
                })
            })
            .collect()
    }
}

/// Appends a text as JSON writes it; runs without signs to escape are copied as they stand.
#[expect(clippy::needless_bitwise_bool, reason = "without branches many bytes are compared at once")]
fn push_quoted(json: &mut String, text: &str) {
    const CHUNK: usize = 32;
    let is_plain = |byte: u8| (byte >= b' ') & (byte != b'"') & (byte != b'\\');
    let (bytes, mut at, mut copied) = (text.as_bytes(), 0, 0);
    json.push('"');
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let chunks = rest.chunks_exact(CHUNK);
        let plain =
            chunks.take_while(|chunk| chunk.iter().fold(true, |all, byte| all & is_plain(*byte))).count() * CHUNK;
        let tail = rest.get(plain..).unwrap_or_default();
        at += plain + tail.iter().take(CHUNK).take_while(|byte| is_plain(**byte)).count();
        let Some(byte) = bytes.get(at).filter(|byte| !is_plain(**byte)) else { continue };
        json.push_str(text.get(copied..at).unwrap_or_default());
        match byte {
            b'"' => json.push_str("\\\""),
            b'\\' => json.push_str("\\\\"),
            b'\n' => json.push_str("\\n"),
            b'\r' => json.push_str("\\r"),
            b'\t' => json.push_str("\\t"),
            0x08 => json.push_str("\\b"),
            0x0c => json.push_str("\\f"),
            other => {
                // Writing to a string cannot fail.
                let _ = write!(json, "\\u{other:04x}");
            }
        }
        at += 1;
        copied = at;
    }
    json.push_str(text.get(copied..).unwrap_or_default());
    json.push('"');
}

/// What a post promises, as its columns hold it: kind of goods, rows, freshness, exclusivity.
pub(super) fn promises(listing: &Listing) -> Vec<Value> {
    let claims = &listing.claims;
    let goods = claims.goods.as_ref().filter(|_| listing.is_offer()).map(|found| found.value.as_str());
    values![goods, listing.rows(), i64::from(claims.fresh.is_some()), i64::from(claims.exclusive.is_some())]
}

/// What the store holds of a claim when its visit is recorded.
struct Held {
    /// What the list of threads says of it now.
    mark: Option<String>,
    /// It is the first page of a thread that was gone.
    is_thread_gone: bool,
}

/// Checks that the lease is still the claim's.
async fn held(connection: &mut AnyConnection, claim: &Claim) -> Result<Held, StoreError> {
    let statement = "SELECT mark, (SELECT COUNT(*) FROM thread WHERE source = $1 AND id = $4 AND gone_at IS NOT NULL) \
                     FROM frontier WHERE source = $1 AND link_key = $2 AND lease = $3";
    let values = values![&claim.source.0, &claim.link.key, &claim.lease, opened_thread(claim).unwrap_or_default()];
    let row = sql::fetch_one(connection, statement, values).await?.ok_or(StoreError::LostLease)?;
    Ok(Held { mark: row.maybe_text(0)?, is_thread_gone: row.int(1)? > 0 })
}

/// The thread whose first page a claim is.
fn opened_thread(claim: &Claim) -> Option<&str> {
    claim.link.key.strip_prefix("thread/").filter(|key| !key.contains('/'))
}

/// Puts new links into the frontier, due now; returns how many there were. A known thread whose list entry changed is due
/// again from its last known page on; a known attachment takes its newest address, because the old one may have run out.
///
/// A list that is read again goes on to its next page for as long as the last thread it shows is new or changed.
async fn record_links(connection: &mut AnyConnection, visit: &Visit, page: &ReadPage) -> Result<u64, StoreError> {
    let source = &visit.claim.source.0;
    let links: BTreeMap<&str, &Link> = page.links.iter().map(|link| (link.key.as_str(), link)).collect();
    let keys: Vec<String> = links.keys().map(|key| (*key).to_owned()).collect();
    let mut known = BTreeMap::new();
    let head = "SELECT link_key, url, mark FROM frontier WHERE source = $1 AND link_key IN";
    for row in sql::fetch_in(connection, head, &[source.into()], &keys).await? {
        known.insert(row.text(0)?, (row.text(1)?, row.maybe_text(2)?));
    }
    let mut rows = Vec::new();
    let mut changed = BTreeSet::new();
    for (key, link) in links {
        if let Some((url, mark)) = known.get(key) {
            if update_link(connection, visit, link, (url, mark.as_deref())).await? {
                changed.insert(key);
            }
        } else {
            changed.insert(key);
            rows.push(link_values(visit, page, link));
        }
    }
    let last_row = page.links.iter().rev().find(|link| link.kind == LinkKind::Thread);
    let is_list = matches!(visit.claim.link.kind, LinkKind::Index | LinkKind::Board);
    let goes_on = is_list && last_row.is_some_and(|link| changed.contains(link.key.as_str()));
    if let (Some(next), true) = (&page.next, goes_on) {
        let statement = "UPDATE frontier SET due_at = $1 WHERE source = $2 AND link_key = $3 AND due_at > $1";
        sql::execute(connection, statement, values![visit.at, source, next]).await?;
    }
    let head = "INSERT INTO frontier (source, link_key, url, kind, kind_rank, thread, post, name, mark, found_at, due_at, \
                attempts, series, part) VALUES";
    sql::insert(connection, (head, "ON CONFLICT (source, link_key) DO NOTHING"), rows).await
}

fn link_values(visit: &Visit, page: &ReadPage, link: &Link) -> Vec<Value> {
    let (series, part) = series_of(&link.key).unzip();
    values![
        &visit.claim.source.0,
        &link.key,
        link.url.as_str(),
        link_kind_word(link.kind),
        kind_rank(link.kind),
        thread_of(link, page, &visit.claim),
        &link.post,
        &link.name,
        &link.mark,
        visit.at,
        visit.at,
        0_i64,
        series,
        part,
    ]
}

/// Tells which board or thread a further page belongs to, and its number: `thread/101/3` → (`thread/101`, 3).
fn series_of(key: &str) -> Option<(&str, i64)> {
    let (series, part) = key.rsplit_once('/')?;
    let is_paged = ["board/", "thread/"].iter().any(|room| series.starts_with(room));
    Some((series, part.parse().ok().filter(|_| is_paged)?))
}

async fn update_link(
    connection: &mut AnyConnection,
    visit: &Visit,
    link: &Link,
    (url, mark): (&str, Option<&str>),
) -> Result<bool, StoreError> {
    let is_moved = link.kind == LinkKind::Attachment && url != link.url.as_str();
    let is_changed = link.mark.is_some() && link.mark.as_deref() != mark;
    if !is_moved && !is_changed {
        return Ok(false);
    }
    let source = &visit.claim.source.0;
    let url = if is_moved { link.url.as_str() } else { url };
    // A long thread grows at its end: its last known page is read again, and leads to those after it. The page takes the
    // mark too, so that a visit of it that is under way now is known to be too early.
    let resumed = if is_changed { resume(connection, source, link, visit.at).await? } else { 0 };
    let due = (is_changed && resumed == 0).then_some(visit.at);
    let statement = "UPDATE frontier SET url = $1, mark = COALESCE($2, mark), due_at = COALESCE($3, due_at) \
                     WHERE source = $4 AND link_key = $5";
    sql::execute(connection, statement, values![url, &link.mark, due, source, &link.key]).await?;
    Ok(is_changed)
}

/// Makes the last known page of a thread due; returns 0 if only its first is known.
async fn resume(connection: &mut AnyConnection, source: &str, link: &Link, at: Timestamp) -> Result<u64, StoreError> {
    let statement = "UPDATE frontier SET due_at = $1, mark = $2, gone_at = NULL WHERE source = $3 AND link_key = \
                     (SELECT link_key FROM frontier WHERE source = $3 AND series = $4 ORDER BY part DESC LIMIT 1)";
    sql::execute(connection, statement, values![at, &link.mark, source, &link.key]).await
}

/// The thread of the post that carries an attachment: told by the page that shows both.
fn thread_of(link: &Link, page: &ReadPage, claim: &Claim) -> Option<String> {
    let post = link.post.as_deref()?;
    let carrier = page.posts.iter().find(|shown| shown.key == post);
    carrier.map(|shown| shown.thread.clone()).or_else(|| claim.thread.clone())
}

/// Returns those of the threads whose titles are new.
async fn record_threads(
    connection: &mut AnyConnection,
    source: &SourceId,
    threads: &[ThreadSeen],
    at: Timestamp,
) -> Result<BTreeSet<String>, StoreError> {
    let threads: BTreeMap<&str, &ThreadSeen> = threads.iter().map(|thread| (thread.key.as_str(), thread)).collect();
    let keys: Vec<String> = threads.keys().map(|key| (*key).to_owned()).collect();
    let mut known = BTreeMap::new();
    let head = "SELECT id, title, board, author, created_at, replies FROM thread WHERE source = $1 AND id IN";
    for row in sql::fetch_in(connection, head, &[(&source.0).into()], &keys).await? {
        let shown = (row.maybe_text(1)?, row.maybe_text(2)?, row.maybe_text(3)?, row.maybe_int(4)?, row.maybe_int(5)?);
        known.insert(row.text(0)?, shown);
    }
    let (mut rows, mut titled) = (Vec::new(), BTreeSet::new());
    for (key, thread) in threads {
        let title = known.get(key).and_then(|(title, ..)| title.as_ref());
        if !adds_nothing(thread.title.as_ref(), title) {
            titled.insert(key.to_owned());
        }
        let created_at = thread.created_at.map(Timestamp::as_millisecond);
        let replies = thread.replies.map(|replies| i64::try_from(replies).unwrap_or(i64::MAX));
        let is_known = known.get(key).is_some_and(|(title, board, author, created, listed)| {
            adds_nothing(thread.title.as_ref(), title.as_ref())
                && adds_nothing(thread.board.as_ref(), board.as_ref())
                && adds_nothing(thread.author.as_ref(), author.as_ref())
                && adds_nothing(created_at.as_ref(), created.as_ref())
                && adds_nothing(replies.as_ref(), listed.as_ref())
        });
        if !is_known {
            rows.push(values![
                &source.0,
                key,
                thread.url.as_str(),
                &thread.title,
                &thread.board,
                &thread.author,
                created_at,
                replies,
                at,
            ]);
        }
    }
    let head = "INSERT INTO thread (source, id, url, title, board, author, created_at, replies, seen_at) VALUES";
    let tail = "ON CONFLICT (source, id) DO UPDATE SET title = COALESCE(excluded.title, thread.title), \
                board = COALESCE(excluded.board, thread.board), author = COALESCE(excluded.author, thread.author), \
                created_at = COALESCE(excluded.created_at, thread.created_at), \
                replies = COALESCE(excluded.replies, thread.replies)";
    sql::insert(connection, (head, tail), rows).await?;
    Ok(titled)
}

fn adds_nothing<T: PartialEq>(shown: Option<&T>, known: Option<&T>) -> bool {
    shown.is_none() || shown == known
}

/// Gives the lease back and notes how the visit went.
async fn settle_frontier(
    connection: &mut AnyConnection,
    visit: &Visit,
    due: Option<Timestamp>,
) -> Result<(), StoreError> {
    let claim = &visit.claim;
    let mut values = values![due];
    let statement = match &visit.outcome {
        Outcome::Read(page) => {
            values.extend(values![
                visit.at,
                &page.etag,
                &page.last_modified,
                &page.body_digest,
                page.body_bytes,
                i64::from(page.status),
                (!page.oddities.is_empty()).then(|| json(&page.oddities)).transpose()?,
                page.page.map(page_kind_word),
                page.matched,
            ]);
            "UPDATE frontier SET due_at = $1, lease = NULL, lease_until = NULL, attempts = 0, last_failure = NULL, \
             last_visited_at = $2, etag = $3, last_modified = $4, body_digest = $5, body_bytes = $6, status = $7, \
             oddities = $8, page = $9, matched = $10, gone_at = NULL \
             WHERE source = $11 AND link_key = $12 AND lease = $13"
        }
        Outcome::Unchanged => {
            values.extend(values![visit.at]);
            "UPDATE frontier SET due_at = $1, lease = NULL, lease_until = NULL, attempts = 0, last_failure = NULL, \
             last_visited_at = $2 WHERE source = $3 AND link_key = $4 AND lease = $5"
        }
        Outcome::Gone => {
            values.extend(values![visit.at]);
            "UPDATE frontier SET due_at = $1, lease = NULL, lease_until = NULL, attempts = attempts + 1, \
             last_failure = 'gone', gone_at = COALESCE(gone_at, $2) WHERE source = $3 AND link_key = $4 AND lease = $5"
        }
        Outcome::Failed { class, .. } | Outcome::Skipped { class } => {
            values.extend(values![class]);
            "UPDATE frontier SET due_at = $1, lease = NULL, lease_until = NULL, attempts = attempts + 1, \
             last_failure = $2 WHERE source = $3 AND link_key = $4 AND lease = $5"
        }
    };
    values.extend(values![&claim.source.0, &claim.link.key, &claim.lease]);
    if sql::execute(connection, statement, values).await? == 0 {
        return Err(StoreError::LostLease);
    }
    Ok(())
}

/// Notes on a thread that it is gone, or that it is there again.
async fn settle_thread(connection: &mut AnyConnection, visit: &Visit, was_gone: bool) -> Result<(), StoreError> {
    let Some(thread) = opened_thread(&visit.claim) else { return Ok(()) };
    let source = &visit.claim.source.0;
    let (statement, values) = match &visit.outcome {
        Outcome::Gone => (
            "UPDATE thread SET gone_at = $1 WHERE source = $2 AND id = $3 AND gone_at IS NULL",
            values![visit.at, source, thread],
        ),
        Outcome::Read(_) if was_gone => (
            "UPDATE thread SET gone_at = NULL WHERE source = $1 AND id = $2 AND gone_at IS NOT NULL",
            values![source, thread],
        ),
        Outcome::Read(_) | Outcome::Unchanged | Outcome::Skipped { .. } | Outcome::Failed { .. } => return Ok(()),
    };
    sql::execute(connection, statement, values).await.map(drop)
}

/// Notes on the source how the visit went, and that something may be due earlier than was known.
async fn settle_source(
    connection: &mut AnyConnection,
    visit: &Visit,
    recorded: &Recorded,
    due: Option<Timestamp>,
) -> Result<(), StoreError> {
    let source = &visit.claim.source.0;
    let has_links = matches!(&visit.outcome, Outcome::Read(page) if !page.links.is_empty());
    let earliest = if recorded.links > 0 || has_links { Some(visit.at) } else { due };
    let (statement, mut values) = match &visit.outcome {
        Outcome::Read(page) => (
            "UPDATE source SET last_success_at = $2, engine = COALESCE($3, engine), \
             clock_ahead_ms = COALESCE($4, clock_ahead_ms), clock_seen_at = COALESCE($5, clock_seen_at), ready_at = \
             CASE WHEN CAST($1 AS BIGINT) IS NULL THEN ready_at WHEN ready_at IS NULL OR ready_at > $1 THEN $1 \
             ELSE ready_at END WHERE id = $6",
            values![
                earliest,
                visit.at,
                page.engine.map(engine_word),
                super::health::clock_ahead(visit),
                visit.clock_ahead.map(|_| visit.at),
            ],
        ),
        Outcome::Skipped { .. } => (
            "UPDATE source SET ready_at = \
             CASE WHEN CAST($1 AS BIGINT) IS NULL THEN ready_at WHEN ready_at IS NULL OR ready_at > $1 THEN $1 \
             ELSE ready_at END WHERE id = $2",
            values![earliest],
        ),
        Outcome::Unchanged | Outcome::Gone => (
            "UPDATE source SET last_success_at = $2, ready_at = \
             CASE WHEN CAST($1 AS BIGINT) IS NULL THEN ready_at WHEN ready_at IS NULL OR ready_at > $1 THEN $1 \
             ELSE ready_at END WHERE id = $3",
            values![earliest, visit.at],
        ),
        Outcome::Failed { class, detail } => (
            "UPDATE source SET last_failure_at = $2, last_failure = $3, ready_at = \
             CASE WHEN CAST($1 AS BIGINT) IS NULL THEN ready_at WHEN ready_at IS NULL OR ready_at > $1 THEN $1 \
             ELSE ready_at END WHERE id = $4",
            values![earliest, visit.at, format!("{class}: {detail}")],
        ),
    };
    values.extend(values![source]);
    sql::execute(connection, statement, values).await.map(drop)
}

const fn engine_word(engine: Engine) -> &'static str {
    match engine {
        Engine::Mybb => "mybb",
        Engine::Phpbb => "phpbb",
        Engine::Discuz => "discuz",
        Engine::Smf => "smf",
        Engine::Xenforo => "xenforo",
        Engine::Vbulletin | Engine::Vbulletin5 => "vbulletin",
        Engine::Invision => "invision",
        Engine::Nodebb => "nodebb",
        Engine::Flarum => "flarum",
        Engine::Discourse => "discourse",
        Engine::Telegram => "telegram",
        Engine::Wordpress => "wordpress",
        Engine::Paste => "paste",
        Engine::Feed => "feed",
        Engine::Generic => "generic",
    }
}

pub(super) fn post_context(source: &SourceId, thread: &str, post: &str) -> String {
    super::ids::digest(&["post", &source.0, thread, post])
}

pub(super) fn listing_context(source: &SourceId, thread: &str, post: &str) -> String {
    super::ids::digest(&["listing", &source.0, thread, post])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_quoted_as_json_quotes_it() {
        let controls: String = (0_u8..0x30).chain(0x7e..0x80).map(char::from).collect();
        let long = "张三, selling \"9990\" \\ 4838;\n\t".repeat(40);
        for text in ["", "x", "a\nb", &controls, &long, &"y".repeat(100), &format!("{}\n", "z".repeat(32))] {
            let mut quoted = String::new();
            push_quoted(&mut quoted, text);
            assert_eq!(quoted, serde_json::to_string(text).unwrap());
        }
    }
}
