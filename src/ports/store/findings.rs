//! Hits and the cases they join: the rules of `domain::case`, applied in the visit's own transaction.
//!
//! Grouping is serial within an organization: its row is locked first, so that two workers never open two cases for one
//! leak. Not here: analysts' moves (`triage`), reading cases (`cases`), the outbox's rows (`outbox`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::model::{HitSeen, ReadPage, RecordPolicy, Recorded, Visit};
use super::sql::{self, Columns, Value, values};
use super::watchlists::json;
use super::{StoreError, apart, desk, ids, rates, recipients, triage};
use crate::domain::alert::AlertReason;
use crate::domain::case::{self, Cluster, Known, News, Node, State};
use crate::domain::forum::PageKind;
use crate::domain::listing::Listing;
use crate::domain::matcher::EntryKind;

/// Who the audit log names for what nobody did by hand.
const MACHINE: &str = "dyepack";

pub(super) const fn kind_word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Canary => "canary",
        EntryKind::Fingerprint => "fingerprint",
        EntryKind::Anchor => "anchor",
    }
}

pub(super) fn parse_kind(word: &str) -> Option<EntryKind> {
    [EntryKind::Canary, EntryKind::Fingerprint, EntryKind::Anchor].into_iter().find(|kind| kind_word(*kind) == word)
}

/// A hit with its identity and what its post says.
struct Found<'a> {
    id: String,
    place: String,
    seen: &'a HitSeen,
    posted_at: Option<Timestamp>,
    is_offer: bool,
}

/// One organization's part of a visit.
struct Scene<'a> {
    visit: &'a Visit,
    organization: &'a str,
    policy: RecordPolicy,
    /// Grows with every recording of the organization's hits.
    grouping: i64,
}

/// Organizations and their cases of which a visit told something.
pub(super) type Touched = BTreeSet<(String, String)>;

/// Records a visit's hits.
pub(super) async fn record(
    connection: &mut AnyConnection,
    visit: &Visit,
    page: &ReadPage,
    policy: RecordPolicy,
) -> Result<(Recorded, Touched), StoreError> {
    let mut by_organization: BTreeMap<&str, BTreeMap<String, Found<'_>>> = BTreeMap::new();
    for seen in &page.hits {
        let place = ids::place(seen, &visit.claim.link.key);
        let id = ids::hit(seen, &visit.claim.source, &place);
        let found = by_organization.entry(&seen.hit.organization.0).or_default();
        let is_first = found.get(&id).is_none_or(|known| seen.hit.span < known.seen.hit.span);
        if is_first {
            found.insert(id.clone(), Found { id, place, seen, posted_at: None, is_offer: false });
        }
    }
    let mut recorded = Recorded::default();
    let ids = |found: &BTreeMap<String, Found<'_>>| found.keys().cloned().collect::<Vec<_>>();
    let hits: BTreeMap<String, Vec<String>> =
        by_organization.iter().map(|(organization, found)| ((*organization).to_owned(), ids(found))).collect();
    for (organization, found) in by_organization {
        let found: Vec<Found<'_>> = found.into_values().collect();
        let scene = Scene { visit, organization, policy, grouping: 0 };
        let own = record_organization(connection, scene, page, found).await?;
        recorded.hits += own.hits;
        recorded.cases += own.cases;
        recorded.alerts += own.alerts;
    }
    let mut touched = rates::record(connection, visit, page, &hits).await?;
    let hits: Vec<String> = hits.into_values().flatten().collect();
    let statement = "SELECT DISTINCT organization, leak_case FROM hit WHERE id IN";
    for row in sql::fetch_in(connection, statement, &[], &hits).await? {
        touched.insert((row.text(0)?, row.text(1)?));
    }
    Ok((recorded, touched))
}

async fn record_organization(
    connection: &mut AnyConnection,
    mut scene: Scene<'_>,
    page: &ReadPage,
    mut found: Vec<Found<'_>>,
) -> Result<Recorded, StoreError> {
    scene.grouping = lock_organization(connection, scene.organization).await?;
    let silenced = desk::silenced(connection, scene.organization, &scene.visit.claim.source.0).await?;
    if !silenced.is_empty() {
        found.retain(|hit| !silenced.contains(&(kind_word(hit.seen.hit.kind).to_owned(), hit.seen.hit.entry.clone())));
    }
    read_posts(connection, &scene, &mut found).await?;
    let known = known_hits(connection, &found).await?;
    let (old, mut new): (Vec<Found<'_>>, Vec<Found<'_>>) =
        found.into_iter().partition(|hit| known.contains_key(&hit.id));
    let mut recorded = refresh(connection, &scene, &old, &known).await?;
    if new.is_empty() {
        return Ok(recorded);
    }
    let mut nodes: Vec<Node> = new.iter().map(|hit| node(&scene, page, hit)).collect();
    let known = known_cases(connection, &scene, &new, &nodes).await?;
    for (hit, place) in apart::separate(connection, &mut nodes, &known).await? {
        if let Some(hit) = new.get_mut(hit) {
            hit.place = ids::digest(&["apart", &hit.place, &place]);
        }
    }
    for (position, cluster) in case::group(&nodes, &known).into_iter().enumerate() {
        let hits: Vec<&Found<'_>> = cluster.hits.iter().filter_map(|hit| new.get(*hit)).collect();
        let own = join(connection, &scene, Joining { position, cluster: &cluster, hits: &hits, known: &known }).await?;
        recorded.hits += own.hits;
        recorded.cases += own.cases;
        recorded.alerts += own.alerts;
    }
    Ok(recorded)
}

/// Locks the organization's grouping until the transaction ends; returns its number.
pub(super) async fn lock_organization(connection: &mut AnyConnection, id: &str) -> Result<i64, StoreError> {
    let statement = "UPDATE organization SET groupings = groupings + 1 WHERE id = $1";
    if sql::execute(connection, statement, values![id]).await? == 0 {
        return Err(StoreError::NoSuchOrganization { id: id.to_owned() });
    }
    let row = sql::fetch_one(connection, "SELECT groupings FROM organization WHERE id = $1", values![id]).await?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Fills in when the hits' posts were made and whether they offer data; an attachment goes with its post.
async fn read_posts(
    connection: &mut AnyConnection,
    scene: &Scene<'_>,
    found: &mut [Found<'_>],
) -> Result<(), StoreError> {
    let source = &scene.visit.claim.source.0;
    let mut by_thread: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for hit in found.iter() {
        if let (Some(thread), Some(post)) = (&hit.seen.thread, &hit.seen.post) {
            by_thread.entry(thread).or_default().insert(post.clone());
        }
    }
    let mut posts = BTreeMap::new();
    for (thread, keys) in by_thread {
        let head = "SELECT id, posted_at, sale FROM post WHERE source = $1 AND thread = $2 AND id IN";
        let keys: Vec<String> = keys.into_iter().collect();
        for row in sql::fetch_in(connection, head, &[source.into(), thread.into()], &keys).await? {
            posts.insert((thread, row.text(0)?), (row.maybe_time(1)?, row.float(2)?));
        }
    }
    for hit in found {
        if let (Some(thread), Some(post)) = (&hit.seen.thread, &hit.seen.post)
            && let Some((posted_at, sale)) = posts.get(&(thread.as_str(), post.clone()))
        {
            hit.posted_at = *posted_at;
            hit.is_offer = *sale >= Listing::OFFER_FROM;
        }
    }
    Ok(())
}

async fn known_hits(
    connection: &mut AnyConnection,
    found: &[Found<'_>],
) -> Result<BTreeMap<String, String>, StoreError> {
    let keys: Vec<String> = found.iter().map(|hit| hit.id.clone()).collect();
    let rows = sql::fetch_in(connection, "SELECT id, leak_case FROM hit WHERE id IN", &[], &keys).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
}

/// Known hits add no entry and no place; but their post may have turned into an offer, or its time become known.
async fn refresh(
    connection: &mut AnyConnection,
    scene: &Scene<'_>,
    old: &[Found<'_>],
    known: &BTreeMap<String, String>,
) -> Result<Recorded, StoreError> {
    let mut by_case: BTreeMap<&String, Vec<&Found<'_>>> = BTreeMap::new();
    for hit in old {
        if let Some(case) = known.get(&hit.id) {
            by_case.entry(case).or_default().push(hit);
        }
    }
    let mut recorded = Recorded::default();
    for (case, hits) in by_case {
        let standing = Standing::load(connection, case).await?;
        let seen = standing.with_posts(&hits);
        if seen != standing {
            seen.save(connection, case).await?;
            let news = News { offers: u64::from(seen.offer && !standing.offer), ..News::default() };
            if let Some(reason) = news.reason(seen.state) {
                recorded.alerts += tell(connection, scene, case, reason).await?;
            }
        }
    }
    Ok(recorded)
}

fn entry_key(hit: &Found<'_>) -> String {
    format!("{}|{}", kind_word(hit.seen.hit.kind), hit.seen.hit.entry)
}

/// Hits of one thread belong together, and hits of one page outside threads; but a list of threads shows many leaks side by
/// side, so there only the entry ties.
fn node(scene: &Scene<'_>, page: &ReadPage, hit: &Found<'_>) -> Node {
    let entry = entry_key(hit);
    let place = match (&hit.seen.thread, page.page) {
        (Some(thread), _) => thread_key(thread),
        (None, Some(PageKind::Index | PageKind::Board)) => format!("entry|{entry}|{}", scene.visit.claim.link.key),
        (
            None,
            Some(PageKind::Thread | PageKind::LoginRequired | PageKind::Denied | PageKind::NotFound | PageKind::Other)
            | None,
        ) => format!("place|{}", hit.place),
    };
    Node { entry, place }
}

fn thread_key(thread: &str) -> String {
    format!("thread|{thread}")
}

/// Loads the living cases that the new hits may join.
async fn known_cases(
    connection: &mut AnyConnection,
    scene: &Scene<'_>,
    new: &[Found<'_>],
    nodes: &[Node],
) -> Result<Known, StoreError> {
    let (organization, source) = (scene.organization, &scene.visit.claim.source.0);
    let mut known = Known::default();
    let kinds: BTreeSet<EntryKind> = new.iter().map(|hit| hit.seen.hit.kind).collect();
    for kind in kinds {
        let of_kind = new.iter().filter(|hit| hit.seen.hit.kind == kind).map(|hit| hit.seen.hit.entry.clone());
        let entries: Vec<String> = of_kind.collect::<BTreeSet<_>>().into_iter().collect();
        let head = "SELECT entry, leak_case FROM case_entry WHERE organization = $1 AND kind = $2 AND entry IN";
        for row in sql::fetch_in(connection, head, &[organization.into(), kind_word(kind).into()], &entries).await? {
            known.by_entry.insert(format!("{}|{}", kind_word(kind), row.text(0)?), row.text(1)?);
        }
    }
    let threads: BTreeSet<String> = new.iter().filter_map(|hit| hit.seen.thread.clone()).collect();
    let threads: Vec<String> = threads.into_iter().collect();
    let head = "SELECT thread, leak_case FROM case_sighting WHERE organization = $1 AND source = $2 AND thread IN";
    for row in sql::fetch_in(connection, head, &[organization.into(), source.into()], &threads).await? {
        // Of two that are kept apart, always the same one has the thread.
        let case = row.text(1)?;
        let has = known.by_place.entry(thread_key(&row.text(0)?)).or_insert_with(|| case.clone());
        *has = case.min(std::mem::take(has));
    }
    let places = nodes.iter().filter_map(|node| node.place.strip_prefix("place|").map(str::to_owned));
    let places: Vec<String> = places.collect::<BTreeSet<_>>().into_iter().collect();
    let head = "SELECT place, leak_case FROM case_sighting WHERE organization = $1 AND source = $2 AND place IN";
    for row in sql::fetch_in(connection, head, &[organization.into(), source.into()], &places).await? {
        known.by_place.insert(format!("place|{}", row.text(0)?), row.text(1)?);
    }
    let cases: BTreeSet<String> = known.by_entry.values().chain(known.by_place.values()).cloned().collect();
    let cases: Vec<String> = cases.into_iter().collect();
    for row in sql::fetch_in(connection, "SELECT id, opened FROM leak_case WHERE id IN", &[], &cases).await? {
        known.opened.insert(row.text(0)?, row.int(1)?);
    }
    Ok(known)
}

/// Hits that belong together, on their way into a case.
struct Joining<'a> {
    position: usize,
    cluster: &'a Cluster,
    hits: &'a [&'a Found<'a>],
    known: &'a Known,
}

async fn join(connection: &mut AnyConnection, scene: &Scene<'_>, joining: Joining<'_>) -> Result<Recorded, StoreError> {
    let (case, mut standing) = match &joining.cluster.into {
        Some(case) => (case.clone(), Standing::load(connection, case).await?),
        None => open(connection, scene, &joining).await?,
    };
    let before = standing.clone();
    let mut news = News::default();
    let mut sources = sources_of(connection, &case).await?;
    for younger in &joining.cluster.merged {
        if apart::are(connection, younger, &case).await? {
            continue;
        }
        let untold = merge(connection, scene, (younger, &case), &mut standing).await?;
        news.entries += untold.entries;
        news.sources += untold.sources.difference(&sources).count() as u64;
        sources.extend(untold.sources);
    }
    let entries: BTreeSet<String> = joining.hits.iter().map(|hit| entry_key(hit)).collect();
    news.entries += entries.iter().filter(|entry| !joining.known.by_entry.contains_key(*entry)).count() as u64;
    news.sources += u64::from(!sources.contains(&scene.visit.claim.source.0));
    standing = standing.with_posts(joining.hits);
    news.offers = u64::from(standing.offer && !before.offer);
    standing.save(connection, &case).await?;
    if standing.state != before.state {
        let why = format!("merged with {}", joining.cluster.merged.join(", "));
        let step = triage::Step { from: before.state.as_str(), to: standing.state.as_str(), who: MACHINE, why: &why };
        triage::append(connection, (scene.organization, &case), step, scene.visit.at).await?;
    }
    let hits = insert_hits(connection, scene, &case, joining.hits).await?;
    let is_new = joining.cluster.into.is_none();
    let reason = if is_new { Some(AlertReason::Opened) } else { news.reason(standing.state) };
    let alerts = match reason {
        Some(reason) => tell(connection, scene, &case, reason).await?,
        None => 0,
    };
    Ok(Recorded { hits, cases: u64::from(is_new), alerts, ..Recorded::default() })
}

async fn tell(
    connection: &mut AnyConnection,
    scene: &Scene<'_>,
    case: &str,
    reason: AlertReason,
) -> Result<u64, StoreError> {
    let now = scene.visit.at;
    let due = now.checked_add(scene.policy.settle).unwrap_or(Timestamp::MAX);
    recipients::queue(connection, (scene.organization, case), reason, (now, due)).await
}

/// Opens a case; its id comes from the smallest of its hits' ids, so that it does not hang on their order in the page.
async fn open(
    connection: &mut AnyConnection,
    scene: &Scene<'_>,
    joining: &Joining<'_>,
) -> Result<(String, Standing), StoreError> {
    let first_hit = joining.hits.iter().map(|hit| hit.id.as_str()).min().unwrap_or_default();
    let opened = scene.grouping.saturating_mul(1_000_000).saturating_add(i64::try_from(joining.position).unwrap_or(0));
    let at = scene.visit.at;
    let mut attempt = 0;
    let id = loop {
        let id = case::id(scene.organization, first_hit, attempt);
        let statement = "INSERT INTO leak_case (id, organization, state, offer, opened, revision, first_matched_at) \
                         VALUES ($1, $2, $3, 0, $4, 0, $5) ON CONFLICT (id) DO NOTHING";
        let values = values![&id, scene.organization, State::New.as_str(), opened, at];
        if sql::execute(connection, statement, values).await? > 0 {
            break id;
        }
        attempt += 1;
    };
    let step = triage::Step { from: "", to: State::New.as_str(), who: MACHINE, why: "first hit" };
    triage::append(connection, (scene.organization, &id), step, at).await?;
    let standing = Standing::load(connection, &id).await?;
    Ok((id, standing))
}

/// What of a merged case its organization has not been told.
struct Untold {
    entries: u64,
    sources: BTreeSet<String>,
}

/// Makes the younger case part of the older one.
async fn merge(
    connection: &mut AnyConnection,
    scene: &Scene<'_>,
    (younger, older): (&str, &str),
    standing: &mut Standing,
) -> Result<Untold, StoreError> {
    let why = format!("shares an entry or a thread with {older}, which is older; merged into it");
    let merged = Standing::load(connection, younger).await?;
    standing.absorb(&merged);
    let untold = fold(connection, (younger, older)).await?;
    let step = triage::Step { from: merged.state.as_str(), to: triage::MERGED, who: MACHINE, why: &why };
    triage::append(connection, (scene.organization, younger), step, scene.visit.at).await?;
    Ok(untold)
}

/// Moves all that one case holds into another.
async fn fold(connection: &mut AnyConnection, (younger, older): (&str, &str)) -> Result<Untold, StoreError> {
    let statement = "UPDATE leak_case SET merged_into = $1, revision = revision + 1 WHERE id = $2 OR merged_into = $2";
    sql::execute(connection, statement, values![older, younger]).await?;
    let is_told = recipients::is_told(connection, younger).await?;
    recipients::drop_waiting(connection, younger).await?;
    let statement = "SELECT COUNT(*) FROM case_entry WHERE leak_case = $1";
    let row = sql::fetch_one(connection, statement, values![younger]).await?;
    let entries = row.map(|row| row.count(0)).transpose()?.unwrap_or(0);
    let sources = sources_of(connection, younger).await?;
    for statement in [
        "UPDATE hit SET leak_case = $1 WHERE leak_case = $2",
        "UPDATE case_entry SET leak_case = $1 WHERE leak_case = $2",
        "UPDATE case_sighting SET leak_case = $1 WHERE leak_case = $2",
    ] {
        sql::execute(connection, statement, values![older, younger]).await?;
    }
    apart::inherit(connection, younger, older).await?;
    rates::merge(connection, younger, older).await?;
    Ok(if is_told { Untold { entries: 0, sources: BTreeSet::new() } } else { Untold { entries, sources } })
}

/// Merges a case into another as an analyst says; what of it was not told yet is news of the one that stays.
pub(super) async fn merge_by_hand(
    connection: &mut AnyConnection,
    (organization, from, into): (&str, &str, &str),
    (who, why): (&str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    let (mut standing, merged) = (Standing::load(connection, into).await?, Standing::load(connection, from).await?);
    let before = standing.state;
    standing.absorb(&merged);
    let untold = fold(connection, (from, into)).await?;
    standing.save(connection, into).await?;
    let why = format!("merged into {into}: {why}");
    let step = triage::Step { from: merged.state.as_str(), to: triage::MERGED, who, why: &why };
    triage::append(connection, (organization, from), step, now).await?;
    if standing.state != before {
        let why = format!("merged with {from}");
        let step = triage::Step { from: before.as_str(), to: standing.state.as_str(), who, why: &why };
        triage::append(connection, (organization, into), step, now).await?;
    }
    let news = News { entries: untold.entries, sources: untold.sources.len() as u64, offers: 0 };
    if let Some(reason) = news.reason(standing.state) {
        recipients::queue(connection, (organization, into), reason, (now, now)).await?;
    }
    Ok(())
}

async fn sources_of(connection: &mut AnyConnection, case: &str) -> Result<BTreeSet<String>, StoreError> {
    let statement = "SELECT DISTINCT source FROM case_sighting WHERE leak_case = $1";
    sql::fetch(connection, statement, values![case]).await?.iter().map(|row| row.text(0)).collect()
}

async fn insert_hits(
    connection: &mut AnyConnection,
    scene: &Scene<'_>,
    case: &str,
    hits: &[&Found<'_>],
) -> Result<u64, StoreError> {
    let (organization, at) = (scene.organization, scene.visit.at);
    let source = &scene.visit.claim.source.0;
    let mut entries: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut sightings: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut rows = Vec::new();
    for hit in hits {
        let (seen, found) = (hit.seen, &hit.seen.hit);
        let kind = kind_word(found.kind);
        entries.entry(entry_key(hit)).or_insert_with(|| values![organization, kind, &found.entry, case, at]);
        sightings.entry(hit.place.clone()).or_insert_with(|| {
            let (thread, post, attachment) = (&seen.thread, &seen.post, &seen.attachment);
            values![organization, source, &hit.place, case, seen.url.as_str(), thread, post, attachment, at]
        });
        let mut row = values![&hit.id, organization, case, kind, &found.entry, &found.field, source, seen.url.as_str()];
        row.extend(values![&seen.thread, &seen.post, &seen.attachment, &found.member]);
        row.extend(values![found.span.start, found.span.end, &found.masked, json(&found.steps)?, found.strength, at]);
        row.extend(values![i64::from(found.renderings.number())]);
        rows.push(row);
    }
    let head = "INSERT INTO case_entry (organization, kind, entry, leak_case, added_at) VALUES";
    let tail = "ON CONFLICT (organization, kind, entry) DO NOTHING";
    sql::insert(connection, (head, tail), entries.into_values().collect()).await?;
    let head = "INSERT INTO case_sighting (organization, source, place, leak_case, url, thread, post, attachment, \
                seen_at) VALUES";
    let tail = "ON CONFLICT (organization, source, place) DO NOTHING";
    sql::insert(connection, (head, tail), sightings.into_values().collect()).await?;
    let head = "INSERT INTO hit (id, organization, leak_case, kind, entry, field, source, url, thread, post, attachment, \
                member, span_start, span_end, masked, steps, strength, seen_at, renderings) VALUES";
    sql::insert(connection, (head, "ON CONFLICT (id) DO NOTHING"), rows).await
}

/// What of a case changes when hits join it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    state: State,
    offer: bool,
    first_posted_at: Option<Timestamp>,
    first_matched_at: Timestamp,
    first_mailed_at: Option<Timestamp>,
    first_acknowledged_at: Option<Timestamp>,
    first_confirmed_at: Option<Timestamp>,
}

impl Standing {
    async fn load(connection: &mut AnyConnection, case: &str) -> Result<Self, StoreError> {
        let statement = "SELECT state, offer, first_posted_at, first_matched_at, first_mailed_at, first_confirmed_at, \
                         first_acknowledged_at FROM leak_case WHERE id = $1";
        let row = sql::fetch_one(connection, statement, values![case]).await?;
        let row = row.ok_or_else(|| StoreError::damaged("case", case))?;
        Ok(Self {
            state: State::parse(&row.text(0)?).ok_or_else(|| StoreError::damaged("case", case))?,
            offer: row.int(1)? != 0,
            first_posted_at: row.maybe_time(2)?,
            first_matched_at: row.time(3)?,
            first_mailed_at: row.maybe_time(4)?,
            first_confirmed_at: row.maybe_time(5)?,
            first_acknowledged_at: row.maybe_time(6)?,
        })
    }

    /// Writes it back; the case's revision grows, so that no mail is frozen from what was before.
    async fn save(&self, connection: &mut AnyConnection, case: &str) -> Result<(), StoreError> {
        let statement = "UPDATE leak_case SET state = $1, offer = $2, first_posted_at = $3, first_matched_at = $4, \
                         first_mailed_at = $5, first_confirmed_at = $6, first_acknowledged_at = $7, \
                         revision = revision + 1 WHERE id = $8";
        let values = values![
            self.state.as_str(),
            i64::from(self.offer),
            self.first_posted_at,
            self.first_matched_at,
            self.first_mailed_at,
            self.first_confirmed_at,
            self.first_acknowledged_at,
            case,
        ];
        sql::execute(connection, statement, values).await.map(drop)
    }

    #[must_use]
    fn with_posts(&self, hits: &[&Found<'_>]) -> Self {
        let posted = hits.iter().filter_map(|hit| hit.posted_at).chain(self.first_posted_at).min();
        Self { offer: self.offer || hits.iter().any(|hit| hit.is_offer), first_posted_at: posted, ..self.clone() }
    }

    fn absorb(&mut self, other: &Self) {
        let earlier = |one: Option<Timestamp>, other: Option<Timestamp>| one.into_iter().chain(other).min();
        self.state = self.state.merged_with(other.state);
        self.offer |= other.offer;
        self.first_posted_at = earlier(self.first_posted_at, other.first_posted_at);
        self.first_matched_at = self.first_matched_at.min(other.first_matched_at);
        self.first_mailed_at = earlier(self.first_mailed_at, other.first_mailed_at);
        self.first_acknowledged_at = earlier(self.first_acknowledged_at, other.first_acknowledged_at);
        self.first_confirmed_at = earlier(self.first_confirmed_at, other.first_confirmed_at);
    }
}
