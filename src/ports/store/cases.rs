//! Reading hits and cases: lists, and everything that an alert or an analyst needs to know of one case.
//!
//! Custodians appear by code only. Where a filter names an organization, nothing of another is returned.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::findings::parse_kind;
use super::model::{CaseDetail, CaseEntry, CaseFilter, CaseRow, HitFilter, HitRow, Sighting};
use super::sql::{self, Columns, values};
use super::visits::listing_context;
use super::watchlists::parse;
use super::{Store, StoreError, ids, outbox, rates, sellers, triage};
use crate::domain::case::{self, State};
use crate::domain::listing::Listing;
use crate::domain::source::SourceId;
use crate::domain::watchlist::Organization;

impl Store {
    /// Returns hits, the latest first seen at the end.
    ///
    /// # Errors
    /// `NoSuchCase` if the filter names a case that is not there.
    pub async fn hits(&self, filter: &HitFilter) -> Result<Vec<HitRow>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let case = match &filter.case {
            Some(case) => living(&mut connection, case).await?.id,
            None => String::new(),
        };
        let organization = filter.organization.as_ref().map_or("", |organization| organization.0.as_str());
        let source = filter.source.as_ref().map_or("", |source| source.0.as_str());
        let statement = "SELECT h.id, h.organization, h.entry, h.kind, h.field, h.leak_case, h.source, h.url, h.thread, \
                         h.post, p.author, p.posted_at, h.attachment, h.member, h.span_start, h.span_end, h.masked, \
                         h.steps, h.seen_at FROM hit h \
                         LEFT JOIN post p ON p.source = h.source AND p.thread = h.thread AND p.id = h.post \
                         WHERE ($1 = '' OR h.organization = $1) AND ($2 = '' OR h.leak_case = $2) \
                         AND ($3 = '' OR h.source = $3) ORDER BY h.seen_at, h.id";
        let rows = sql::fetch(&mut connection, statement, values![organization, &case, source]).await?;
        rows.iter().map(hit_row).collect()
    }

    /// Returns cases that live (those merged into others are part of them), the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cases(&self, filter: &CaseFilter) -> Result<Vec<CaseRow>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let organization = filter.organization.as_ref().map_or("", |organization| organization.0.as_str());
        let state = filter.state.map_or("", State::as_str);
        let statement = "SELECT id FROM leak_case WHERE merged_into IS NULL AND ($1 = '' OR organization = $1) \
                         AND ($2 = '' OR state = $2) ORDER BY first_matched_at DESC, id";
        let mut cases = Vec::new();
        for row in sql::fetch(&mut connection, statement, values![organization, state]).await? {
            cases.push(case_row(&mut connection, &row.text(0)?).await?);
        }
        Ok(cases)
    }

    /// Returns everything known of a case; the id of a merged case leads to the one it is part of, and people's ways of
    /// writing an id are understood.
    ///
    /// # Errors
    /// When the database fails. A case that is not there is `None`.
    pub async fn case(&self, id: &str) -> Result<Option<CaseDetail>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        match living(&mut connection, id).await {
            Ok(living) => self.detail(&mut connection, &living).await.map(Some),
            Err(StoreError::NoSuchCase { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    async fn detail(&self, connection: &mut AnyConnection, living: &Living) -> Result<CaseDetail, StoreError> {
        // The revision first: whatever is read after it is at least as new.
        let statement = "SELECT revision FROM leak_case WHERE id = $1";
        let revision = sql::fetch_one(connection, statement, values![&living.id]).await?;
        let revision = revision.map_or(Ok(0), |row| row.int(0))?;
        let organization = self.organization(connection, &living.organization).await?;
        let statement = "SELECT id FROM leak_case WHERE merged_into = $1 ORDER BY id";
        let merged: Vec<String> = sql::fetch(connection, statement, values![&living.id])
            .await?
            .iter()
            .map(|row| row.text(0))
            .collect::<Result<_, _>>()?;
        let family: Vec<String> = merged.iter().chain([&living.id]).cloned().collect();
        Ok(CaseDetail {
            row: case_row(connection, &living.id).await?,
            verdict: rates::verdict(connection, &organization, &living.id).await?,
            organization_name: organization.name,
            language: organization.language,
            revision,
            merged,
            leaked: leaked(connection, living).await?,
            sightings: self.sightings(connection, &living.id).await?,
            seller: sellers::history(connection, (&living.organization, &living.id)).await?,
            moves: triage::moves_of(connection, &family).await?,
            alerts: outbox::alerts_of(connection, &family).await?,
        })
    }

    /// Returns where a case was seen, the earliest post first.
    async fn sightings(&self, connection: &mut AnyConnection, case: &str) -> Result<Vec<Sighting>, StoreError> {
        let found_at = found_at(connection, case).await?;
        let statement = "SELECT s.source, r.label, s.url, s.thread, t.title, s.post, p.author, p.posted_at, p.sealed_listing, \
                         s.attachment, s.seen_at FROM case_sighting s \
                         JOIN source r ON r.id = s.source \
                         LEFT JOIN thread t ON t.source = s.source AND t.id = s.thread \
                         LEFT JOIN post p ON p.source = s.source AND p.thread = s.thread AND p.id = s.post \
                         WHERE s.leak_case = $1";
        let mut sightings = Vec::new();
        for row in sql::fetch(connection, statement, values![case]).await? {
            let (source, thread, post) = (row.text(0)?, row.maybe_text(3)?, row.maybe_text(5)?);
            let listing = match (row.maybe_bytes(8)?, &thread, &post) {
                (Some(sealed), Some(thread), Some(post)) => {
                    let context = listing_context(&SourceId(source.clone()), thread, post);
                    Some(parse::<Listing>("listing", case, self.open_text(&sealed, &context)?.reveal())?)
                }
                (_, _, _) => None,
            };
            let mut sighting = Sighting {
                source,
                source_label: row.text(1)?,
                url: row.text(2)?,
                thread,
                thread_title: row.maybe_text(4)?,
                post,
                author: row.maybe_text(6)?,
                posted_at: row.maybe_time(7)?,
                offer: listing.as_ref().is_some_and(Listing::is_offer),
                price: listing.and_then(|listing| listing.price),
                attachment: row.maybe_text(9)?,
                entries: 0,
                seen_at: row.time(10)?,
            };
            sighting.entries = found_at.get(&spot(&sighting)).map_or(0, |entries| entries.len() as u64);
            sightings.push(sighting);
        }
        sightings.sort_by(|one, other| order(one).cmp(&order(other)));
        Ok(sightings)
    }

    pub(super) async fn organization(
        &self,
        connection: &mut AnyConnection,
        id: &str,
    ) -> Result<Organization, StoreError> {
        let statement = "SELECT sealed_document FROM organization WHERE id = $1";
        let row = sql::fetch_one(connection, statement, values![id]).await?;
        let row = row.ok_or_else(|| StoreError::NoSuchOrganization { id: id.to_owned() })?;
        let document = self.open_text(&row.bytes(0)?, &super::watchlists::organization_context(id))?;
        parse("organization", id, document.reveal())
    }
}

/// A case that is not part of another.
pub(super) struct Living {
    pub(super) id: String,
    pub(super) organization: String,
}

/// Finds the living case of an id as people type it.
pub(super) async fn living(connection: &mut AnyConnection, id: &str) -> Result<Living, StoreError> {
    let missing = || StoreError::NoSuchCase { id: id.to_owned() };
    let parsed = case::parse_id(id).ok_or_else(missing)?;
    let statement = "SELECT COALESCE(merged_into, id), organization FROM leak_case WHERE id = $1";
    let row = sql::fetch_one(connection, statement, values![parsed]).await?.ok_or_else(missing)?;
    Ok(Living { id: row.text(0)?, organization: row.text(1)? })
}

pub(super) fn hit_row(row: &AnyRow) -> Result<HitRow, StoreError> {
    let id = row.text(0)?;
    Ok(HitRow {
        organization: row.text(1)?,
        entry: row.text(2)?,
        kind: row.text(3)?,
        field: row.text(4)?,
        case: row.text(5)?,
        source: row.text(6)?,
        url: row.text(7)?,
        thread: row.maybe_text(8)?,
        post: row.maybe_text(9)?,
        author: row.maybe_text(10)?,
        posted_at: row.maybe_time(11)?,
        attachment: row.maybe_text(12)?,
        member: row.text(13)?,
        start: row.count(14)?,
        end: row.count(15)?,
        masked: row.text(16)?,
        steps: parse("hit", &id, &row.text(17)?)?,
        seen_at: row.time(18)?,
        id,
    })
}

async fn case_row(connection: &mut AnyConnection, id: &str) -> Result<CaseRow, StoreError> {
    let statement = "SELECT organization, state, offer, first_posted_at, first_matched_at, first_mailed_at, \
                     first_confirmed_at, (SELECT COUNT(*) FROM case_entry e WHERE e.leak_case = c.id), \
                     (SELECT COUNT(*) FROM hit h WHERE h.leak_case = c.id), severity FROM leak_case c WHERE c.id = $1";
    let row = sql::fetch_one(connection, statement, values![id]).await?;
    let row = row.ok_or_else(|| StoreError::damaged("case", id))?;
    let statement = "SELECT DISTINCT source FROM case_sighting WHERE leak_case = $1 ORDER BY source";
    let sources = sql::fetch(connection, statement, values![id]).await?;
    let statement = "SELECT y.holders FROM case_entry e JOIN canary y ON y.organization = e.organization AND y.id = e.entry \
                     WHERE e.leak_case = $1 AND e.kind = 'canary'";
    let mut holders: BTreeMap<String, u64> = BTreeMap::new();
    for row in sql::fetch(connection, statement, values![id]).await? {
        let codes: BTreeSet<String> = parse("canary", id, &row.text(0)?)?;
        for code in codes {
            *holders.entry(code).or_default() += 1;
        }
    }
    let mut holders: Vec<(String, u64)> = holders.into_iter().collect();
    holders.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    Ok(CaseRow {
        id: id.to_owned(),
        organization: row.text(0)?,
        state: State::parse(&row.text(1)?).ok_or_else(|| StoreError::damaged("case", id))?,
        offer: row.int(2)? != 0,
        severity: row.maybe_text(9)?.map(|text| parse("case", id, &text)).transpose()?,
        entries: row.count(7)?,
        hits: row.count(8)?,
        sources: sources.iter().map(|row| row.text(0)).collect::<Result<_, _>>()?,
        holders,
        first_posted_at: row.maybe_time(3)?,
        first_matched_at: row.time(4)?,
        first_mailed_at: row.maybe_time(5)?,
        first_confirmed_at: row.maybe_time(6)?,
    })
}

/// Returns the entries of a case, with the fields that were seen of each.
async fn leaked(connection: &mut AnyConnection, living: &Living) -> Result<Vec<CaseEntry>, StoreError> {
    let statement = "SELECT e.kind, e.entry, y.dataset, y.holders FROM case_entry e \
                     LEFT JOIN canary y ON e.kind = 'canary' AND y.organization = e.organization AND y.id = e.entry \
                     WHERE e.leak_case = $1";
    let mut entries = BTreeMap::new();
    for row in sql::fetch(connection, statement, values![&living.id]).await? {
        let (word, entry) = (row.text(0)?, row.text(1)?);
        let kind = parse_kind(&word).ok_or_else(|| StoreError::damaged("case", &living.id))?;
        let holders = row.maybe_text(3)?.map(|codes| parse("canary", &entry, &codes)).transpose()?;
        let dataset = row.maybe_text(2)?;
        let holders = holders.unwrap_or_default();
        let fresh = CaseEntry { kind, entry: entry.clone(), dataset, holders, fields: Vec::new(), hits: 0 };
        entries.insert((kind, entry), fresh);
    }
    let statement = "SELECT kind, entry, field, masked FROM hit WHERE leak_case = $1 ORDER BY seen_at, id";
    for row in sql::fetch(connection, statement, values![&living.id]).await? {
        let (word, name) = (row.text(0)?, row.text(1)?);
        let kind = parse_kind(&word).ok_or_else(|| StoreError::damaged("hit", &living.id))?;
        if let Some(entry) = entries.get_mut(&(kind, name)) {
            let seen = (row.text(2)?, row.text(3)?);
            entry.hits += 1;
            if !entry.fields.iter().any(|(field, _)| *field == seen.0) {
                entry.fields.push(seen);
            }
        }
    }
    Ok(entries
        .into_values()
        .map(|mut entry| {
            entry.fields.sort();
            entry
        })
        .collect())
}

fn order(sighting: &Sighting) -> impl Ord {
    let posted_at = sighting.posted_at.unwrap_or(sighting.seen_at);
    (posted_at, sighting.source.clone(), sighting.url.clone(), sighting.attachment.clone())
}

/// Names a sighting's spot as hits name theirs.
fn spot(sighting: &Sighting) -> String {
    let parts =
        [&sighting.thread, &sighting.post, &sighting.attachment].map(|part| part.as_deref().unwrap_or_default());
    ids::digest(&[&sighting.source, &sighting.url, parts[0], parts[1], parts[2]])
}

/// Returns which entries were found at which spot.
async fn found_at(
    connection: &mut AnyConnection,
    case: &str,
) -> Result<BTreeMap<String, BTreeSet<String>>, StoreError> {
    let statement = "SELECT source, url, thread, post, attachment, kind, entry FROM hit WHERE leak_case = $1";
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in sql::fetch(connection, statement, values![case]).await? {
        let parts = [row.maybe_text(2)?, row.maybe_text(3)?, row.maybe_text(4)?].map(Option::unwrap_or_default);
        let spot = ids::digest(&[&row.text(0)?, &row.text(1)?, &parts[0], &parts[1], &parts[2]]);
        let entry = format!("{}|{}", row.text(5)?, row.text(6)?);
        found.entry(spot).or_default().insert(entry);
    }
    Ok(found)
}
