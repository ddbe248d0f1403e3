//! Who is behind an offer: posts linked by contacts and handles, across sites, languages and names.
//!
//! A contact or handle is kept as a keyed digest and a short form. What is told of a seller to one organization: its own
//! cases, and counts of public listings; never another organization's case, nor that there is one.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;
use url::Url;

use super::model::{OfferedBefore, PostSeen, SellerHistory, SellerMark};
use super::sql::{self, Columns, Value, values};
use super::{Store, StoreError};
use crate::domain::listing::Listing;
use crate::domain::source::{Network, SourceId};

/// Links followed from mark to post to mark: a seller's other handle, and that handle's other contact.
const STEPS: usize = 3;
/// Most posts that are followed: past that, it is not one seller but a bot or a common word.
const POSTS: usize = 500;
/// Shortest handle that is followed from site to site; shorter ones are too common.
const HANDLE_CHARS: usize = 6;
/// Names that many share.
const COMMON: [&str; 14] = [
    "admin",
    "administrator",
    "anonymous",
    "deleted",
    "guest",
    "hidden",
    "moderator",
    "seller",
    "support",
    "unknown",
    "vendor",
    "匿名用户",
    "游客用户",
    "аноним",
];

/// A post, as a key.
type PostKey = (String, String, String);

impl Store {
    /// Lists what marks the seller of an offer: its author and the contacts that are given.
    pub(super) fn marks(&self, source: &SourceId, post: &PostSeen) -> Vec<Vec<Value>> {
        if !post.listing.is_offer() {
            return Vec::new();
        }
        let contacts = post.listing.claims.contacts.iter().map(|found| {
            let contact = &found.value;
            (
                contact.kind.as_str(),
                self.seal.digest(format!("contact|{}", contact.digest).as_bytes()),
                contact.short.clone(),
            )
        });
        let handles = post.author.iter().chain(post.listing.claims.seller.iter().map(|found| &found.value));
        let handles = handles.map(|name| {
            let name = name.trim().to_lowercase();
            let is_telling = name.chars().count() >= HANDLE_CHARS && !COMMON.contains(&name.as_str());
            // A common name still tells a seller within its site.
            let scope = if is_telling { "" } else { source.0.as_str() };
            ("handle", self.seal.digest(format!("handle|{scope}|{name}").as_bytes()), short(&name))
        });
        let marks: BTreeMap<String, (&str, String)> =
            contacts.chain(handles).map(|(kind, mark, short)| (mark, (kind, short))).collect();
        let row = |(mark, (kind, short)): (String, (&str, String))| {
            values![mark, kind, short, &source.0, &post.thread, &post.key]
        };
        marks.into_iter().map(row).collect()
    }

    /// Writes the marks of posts; those of an edited post replace the old ones.
    pub(super) async fn record_marks(
        &self,
        connection: &mut AnyConnection,
        source: &SourceId,
        posts: &[&PostSeen],
    ) -> Result<(), StoreError> {
        let rows = posts.iter().flat_map(|post| self.marks(source, post)).collect();
        let head = "INSERT INTO seller_mark (mark, kind, short, source, thread, post) VALUES";
        sql::insert(connection, (head, "ON CONFLICT (source, thread, post, mark) DO NOTHING"), rows).await.map(drop)
    }
}

/// Removes the marks of a post that was edited.
pub(super) async fn forget_marks(
    connection: &mut AnyConnection,
    (source, thread, post): (&str, &str, &str),
) -> Result<(), StoreError> {
    let statement = "DELETE FROM seller_mark WHERE source = $1 AND thread = $2 AND post = $3";
    sql::execute(connection, statement, values![source, thread, post]).await.map(drop)
}

/// First and last characters of a handle.
fn short(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let first: String = characters.iter().take(2).collect();
    let last: String = characters.iter().skip(characters.len().saturating_sub(1).max(3)).collect();
    format!("{first}…{last}")
}

/// Returns what is known of the seller of a case's offers beyond this case; `None` if the case has no offer by anybody known.
pub(super) async fn history(
    connection: &mut AnyConnection,
    (organization, case): (&str, &str),
) -> Result<Option<SellerHistory>, StoreError> {
    let own = posts_of(connection, case).await?;
    let (marks, posts) = follow(connection, &own).await?;
    if marks.is_empty() {
        return Ok(None);
    }
    let others: Vec<&PostKey> = posts.difference(&own).collect();
    let mut history = SellerHistory { marks: marks.into_values().collect(), before: Vec::new(), own_cases: Vec::new() };
    history.marks.sort();
    history.marks.dedup();
    let mut by_source: BTreeMap<String, OfferedBefore> = BTreeMap::new();
    let mut cases = BTreeSet::new();
    for (source, thread, post) in others {
        let statement = "SELECT r.label, r.start_url, p.goods, COALESCE(p.posted_at, p.seen_at) FROM post p \
                         JOIN source r ON r.id = p.source WHERE p.source = $1 AND p.thread = $2 AND p.id = $3 \
                         AND p.sale >= $4";
        let values = values![source, thread, post, Listing::OFFER_FROM];
        let Some(row) = sql::fetch_one(connection, statement, values).await? else { continue };
        let (label, goods, at) = (row.text(0)?, row.maybe_text(2)?, row.time(3)?);
        let network = Url::parse(&row.text(1)?).map_or(Network::Open, |url| Network::of(&url));
        let fresh = || OfferedBefore {
            source: label.clone(),
            network,
            listings: 0,
            goods: Vec::new(),
            first_at: at,
            last_at: at,
        };
        let before = by_source.entry(label.clone()).or_insert_with(fresh);
        before.count(goods, at);
        let statement = "SELECT COALESCE(c.merged_into, c.id) FROM case_sighting s JOIN leak_case c ON c.id = s.leak_case \
                         WHERE s.organization = $1 AND s.source = $2 AND s.thread = $3 AND s.post = $4";
        for row in sql::fetch(connection, statement, values![organization, source, thread, post]).await? {
            cases.insert(row.text(0)?);
        }
    }
    cases.remove(case);
    history.own_cases = cases.into_iter().collect();
    history.before = by_source.into_values().collect();
    Ok(Some(history))
}

/// The posts in which a case was seen and that offer.
async fn posts_of(connection: &mut AnyConnection, case: &str) -> Result<BTreeSet<PostKey>, StoreError> {
    let statement = "SELECT s.source, s.thread, s.post FROM case_sighting s \
                     JOIN post p ON p.source = s.source AND p.thread = s.thread AND p.id = s.post \
                     WHERE s.leak_case = $1 AND p.sale >= $2";
    let rows = sql::fetch(connection, statement, values![case, Listing::OFFER_FROM]).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?, row.text(2)?))).collect()
}

/// Follows marks from posts to posts.
async fn follow(
    connection: &mut AnyConnection,
    from: &BTreeSet<PostKey>,
) -> Result<(BTreeMap<String, SellerMark>, BTreeSet<PostKey>), StoreError> {
    let mut marks: BTreeMap<String, SellerMark> = BTreeMap::new();
    let mut posts = from.clone();
    let mut edge: Vec<PostKey> = from.iter().cloned().collect();
    for _ in 0..STEPS {
        let mut fresh = Vec::new();
        for (source, thread, post) in &edge {
            let statement = "SELECT mark, kind, short FROM seller_mark WHERE source = $1 AND thread = $2 AND post = $3";
            for row in sql::fetch(connection, statement, values![source, thread, post]).await? {
                let (mark, kind, short) = (row.text(0)?, row.text(1)?, row.text(2)?);
                if marks.insert(mark.clone(), SellerMark { kind, short }).is_none() {
                    fresh.push(mark);
                }
            }
        }
        edge.clear();
        let head = "SELECT source, thread, post FROM seller_mark WHERE mark IN";
        for row in sql::fetch_in(connection, head, &[], &fresh).await? {
            let key = (row.text(0)?, row.text(1)?, row.text(2)?);
            if posts.len() < POSTS && posts.insert(key.clone()) {
                edge.push(key);
            }
        }
    }
    Ok((marks, posts))
}
