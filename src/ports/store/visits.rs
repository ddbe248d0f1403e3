//! Recording a visit: links, threads, posts, hits, cases and alerts in one transaction, or nothing.
//!
//! A repeated visit writes nothing new: every row is keyed by what it is. Not here: hits and their cases (`findings`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;

use super::claims::kind_rank;
use super::model::{
    Claim, Outcome, PostRow, PostSeen, ReadPage, RecordPolicy, Recorded, ThreadSeen, Visit, link_kind_word,
};
use super::sql::{self, Columns, Value, values};
use super::watchlists::{json, parse};
use super::{Durability, Store, StoreError, rates, sellers, severity};
use crate::domain::forum::{Engine, Link, LinkKind};
use crate::domain::listing::Listing;
use crate::domain::matcher::Ownership;
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
        let mark = held_mark(connection, &visit.claim).await?;
        let recorded = match &visit.outcome {
            Outcome::Read(page) => self.record_page(connection, visit, page, policy).await?,
            Outcome::Unchanged | Outcome::Failed { .. } => Recorded::default(),
        };
        let planned = if recorded.is_news() { visit.due_again_if_new } else { visit.due_again };
        // The list of threads announced a change while this visit was under way: look again at once.
        let due = if mark == visit.claim.link.mark { planned } else { Some(visit.at) };
        settle_frontier(connection, visit, due).await?;
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
        record_threads(connection, source, &page.threads, visit.at).await?;
        recorded.posts = self.record_posts(connection, source, &page.posts, visit.at).await?;
        let (found, touched) = super::findings::record(connection, visit, page, policy).await?;
        for (organization, case) in touched {
            let organization = self.organization(connection, &organization).await?;
            let verdict = rates::verdict(connection, &organization, &case).await?;
            let verdict = verdict.map_or(Ownership::Unknown, |verdict| verdict.verdict);
            severity::assess(connection, &self.severity, (&case, verdict)).await?;
        }
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
                    sealed_listing, seen_at, goods, volume, is_fresh, is_exclusive) VALUES";
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
                         volume = $10, is_fresh = $11, is_exclusive = $12 WHERE source = $13 AND thread = $14 AND id = $15";
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
        let shown = Shown {
            text: post.text.reveal(),
            author: post.author.as_deref(),
            posted_at: post.posted_at.map(Timestamp::as_millisecond),
            url: post.url.as_str(),
            sale: post.listing.sale,
        };
        Ok(self.seal.digest(json(&shown)?.as_bytes()))
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

/// What a post promises, as its columns hold it: kind of goods, rows, freshness, exclusivity.
fn promises(listing: &Listing) -> Vec<Value> {
    let claims = &listing.claims;
    let goods = claims.goods.as_ref().filter(|_| listing.is_offer()).map(|found| found.value.as_str());
    values![goods, listing.rows(), i64::from(claims.fresh.is_some()), i64::from(claims.exclusive.is_some())]
}

/// Checks that the lease is still the claim's; returns the mark that the frontier holds now.
async fn held_mark(connection: &mut AnyConnection, claim: &Claim) -> Result<Option<String>, StoreError> {
    let statement = "SELECT mark FROM frontier WHERE source = $1 AND link_key = $2 AND lease = $3";
    let values = values![&claim.source.0, &claim.link.key, &claim.lease];
    sql::fetch_one(connection, statement, values).await?.ok_or(StoreError::LostLease)?.maybe_text(0)
}

/// Puts new links into the frontier, due now; returns how many there were. A known thread whose list entry changed is due
/// again; a known attachment takes its newest address, because the old one may have run out.
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
    for (key, link) in links {
        match known.get(key) {
            Some((url, mark)) => update_link(connection, visit, link, (url, mark.as_deref())).await?,
            None => rows.push(values![
                source,
                key,
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
            ]),
        }
    }
    let head = "INSERT INTO frontier (source, link_key, url, kind, kind_rank, thread, post, name, mark, found_at, due_at, \
                attempts) VALUES";
    sql::insert(connection, (head, "ON CONFLICT (source, link_key) DO NOTHING"), rows).await
}

async fn update_link(
    connection: &mut AnyConnection,
    visit: &Visit,
    link: &Link,
    (url, mark): (&str, Option<&str>),
) -> Result<(), StoreError> {
    let is_moved = link.kind == LinkKind::Attachment && url != link.url.as_str();
    let is_changed = link.mark.is_some() && link.mark.as_deref() != mark;
    if !is_moved && !is_changed {
        return Ok(());
    }
    let url = if is_moved { link.url.as_str() } else { url };
    let due = is_changed.then_some(visit.at);
    let statement = "UPDATE frontier SET url = $1, mark = COALESCE($2, mark), due_at = COALESCE($3, due_at) \
                     WHERE source = $4 AND link_key = $5";
    let values = values![url, &link.mark, due, &visit.claim.source.0, &link.key];
    sql::execute(connection, statement, values).await.map(drop)
}

/// The thread of the post that carries an attachment: told by the page that shows both.
fn thread_of(link: &Link, page: &ReadPage, claim: &Claim) -> Option<String> {
    let post = link.post.as_deref()?;
    let carrier = page.posts.iter().find(|shown| shown.key == post);
    carrier.map(|shown| shown.thread.clone()).or_else(|| claim.thread.clone())
}

async fn record_threads(
    connection: &mut AnyConnection,
    source: &SourceId,
    threads: &[ThreadSeen],
    at: Timestamp,
) -> Result<(), StoreError> {
    let threads: BTreeMap<&str, &ThreadSeen> = threads.iter().map(|thread| (thread.key.as_str(), thread)).collect();
    let keys: Vec<String> = threads.keys().map(|key| (*key).to_owned()).collect();
    let mut known = BTreeMap::new();
    let head = "SELECT id, title, board, author, created_at, replies FROM thread WHERE source = $1 AND id IN";
    for row in sql::fetch_in(connection, head, &[(&source.0).into()], &keys).await? {
        let shown = (row.maybe_text(1)?, row.maybe_text(2)?, row.maybe_text(3)?, row.maybe_int(4)?, row.maybe_int(5)?);
        known.insert(row.text(0)?, shown);
    }
    let mut rows = Vec::new();
    for (key, thread) in threads {
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
    sql::insert(connection, (head, tail), rows).await.map(drop)
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
            ]);
            "UPDATE frontier SET due_at = $1, lease = NULL, lease_until = NULL, attempts = 0, last_failure = NULL, \
             last_visited_at = $2, etag = $3, last_modified = $4, body_digest = $5, body_bytes = $6, status = $7, \
             oddities = $8 WHERE source = $9 AND link_key = $10 AND lease = $11"
        }
        Outcome::Unchanged => {
            values.extend(values![visit.at]);
            "UPDATE frontier SET due_at = $1, lease = NULL, lease_until = NULL, attempts = 0, last_failure = NULL, \
             last_visited_at = $2 WHERE source = $3 AND link_key = $4 AND lease = $5"
        }
        Outcome::Failed { class, .. } => {
            values.extend(values![class]);
            "UPDATE frontier SET due_at = $1, lease = NULL, lease_until = NULL, attempts = attempts + 1, \
             last_failure = $2 WHERE source = $3 AND link_key = $4 AND lease = $5"
        }
    };
    values.extend(values![&claim.source.0, &claim.link.key, &claim.lease]);
    match sql::execute(connection, statement, values).await? {
        0 => Err(StoreError::LostLease),
        _ => Ok(()),
    }
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
            "UPDATE source SET last_success_at = $2, engine = COALESCE($3, engine), ready_at = \
             CASE WHEN CAST($1 AS BIGINT) IS NULL THEN ready_at WHEN ready_at IS NULL OR ready_at > $1 THEN $1 \
             ELSE ready_at END WHERE id = $4",
            values![earliest, visit.at, page.engine.map(engine_word)],
        ),
        Outcome::Unchanged => (
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
        Engine::Generic => "generic",
    }
}

fn post_context(source: &SourceId, thread: &str, post: &str) -> String {
    super::ids::digest(&["post", &source.0, thread, post])
}

pub(super) fn listing_context(source: &SourceId, thread: &str, post: &str) -> String {
    super::ids::digest(&["listing", &source.0, thread, post])
}
