//! What is in a case, a page at a time: entries, places, hits.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{cut, only, page_size, within};
use crate::domain::listing::Listing;
use crate::domain::matcher::EntryKind;
use crate::domain::source::SourceId;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::cases::hit_row;
use crate::ports::store::console::Scope;
use crate::ports::store::findings::{kind_word, parse_kind};
use crate::ports::store::model::{CaseEntry, HitRow, Sighting};
use crate::ports::store::sql::{self, Columns, Statement, values};
use crate::ports::store::visits::listing_context;
use crate::ports::store::watchlists::parse;
use crate::ports::store::{Store, StoreError};

/// Which hits to list; what is not named does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HitQuery {
    /// Only this organization's.
    pub organization: Option<OrganizationId>,
    /// Only this case's.
    pub case: Option<String>,
    /// Only of this entry of the case; its kind and id.
    pub entry: Option<(EntryKind, String)>,
}

/// Where a page of hits ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HitCursor {
    seen_ms: i64,
    id: String,
}

impl HitCursor {
    /// Writes it for a URL.
    pub fn encode(&self) -> String {
        format!("{}.{}", self.seen_ms, self.id)
    }

    /// Reads what [`HitCursor::encode`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (seen, id) = text.split_once('.')?;
        let is_id = id.starts_with("H-")
            && id.len() <= 40
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_id.then(|| Some(Self { seen_ms: seen.parse().ok()?, id: id.to_owned() })).flatten()
    }
}

/// A page of hits, those seen last first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HitPage {
    /// The hits.
    pub hits: Vec<HitRow>,
    /// Where the next page begins; `None` on the last.
    #[serde(skip)]
    pub next: Option<HitCursor>,
}

/// A page of a case's entries, sorted by kind and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<CaseEntry>,
    /// Kind and id of the last one; `None` on the last page.
    #[serde(skip)]
    pub next: Option<(EntryKind, String)>,
}

/// A page of the places where a case was seen, first seen first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SightingPage {
    /// The places.
    pub sightings: Vec<Sighting>,
    /// Where the next page begins, as a text to be given back; `None` on the last.
    #[serde(skip)]
    pub next: Option<String>,
}

impl Store {
    /// Returns a page of hits; none for a case that the scope does not admit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hit_page(
        &self,
        scope: &Scope,
        query: &HitQuery,
        (after, limit): (Option<&HitCursor>, u32),
    ) -> Result<HitPage, StoreError> {
        let none = HitPage { hits: Vec::new(), next: None };
        let Some(scope) = within(scope, query.organization.as_ref()) else { return Ok(none) };
        let limit = page_size(limit);
        let mut statement = Statement::new(
            "SELECT h.id, h.organization, h.entry, h.kind, h.field, h.leak_case, h.source, h.url, h.thread, \
             h.post, p.author, p.posted_at, h.attachment, h.member, h.span_start, h.span_end, h.masked, \
             h.steps, h.seen_at FROM hit h \
             LEFT JOIN post p ON p.source = h.source AND p.thread = h.thread AND p.id = h.post WHERE ",
        );
        match (&query.case, only(&scope)) {
            (Some(case), _) => {
                let Some((case, _)) = self.find_case(&scope, case).await? else { return Ok(none) };
                statement.bind("h.leak_case = ", case);
            }
            (None, Some(organization)) => statement.bind("h.organization = ", organization),
            (None, None) => statement.push("1 = 1"),
        }
        if let Some((kind, entry)) = &query.entry {
            statement.bind(" AND h.kind = ", kind_word(*kind));
            statement.bind(" AND h.entry = ", entry);
        }
        if let Some(after) = after {
            statement.bind(" AND (h.seen_at, h.id) < (", after.seen_ms);
            statement.bind(", ", &after.id);
            statement.push(")");
        }
        statement.push(" ORDER BY h.seen_at DESC, h.id DESC");
        statement.bind(" LIMIT ", limit + 1);
        let mut connection = self.reader.acquire().await?;
        let mut hits = statement.fetch(&mut connection).await?.iter().map(hit_row).collect::<Result<Vec<_>, _>>()?;
        let is_more = cut(&mut hits, limit);
        let last = hits.last().filter(|_| is_more);
        let next = last.map(|hit| HitCursor { seen_ms: hit.seen_at.as_millisecond(), id: hit.id.clone() });
        Ok(HitPage { hits, next })
    }

    /// Returns a page of a case's entries; none for a case that the scope does not admit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn entry_page(
        &self,
        scope: &Scope,
        case: &str,
        (after, limit): (Option<(EntryKind, &str)>, u32),
    ) -> Result<EntryPage, StoreError> {
        let none = EntryPage { entries: Vec::new(), next: None };
        let Some((case, _)) = self.find_case(scope, case).await? else { return Ok(none) };
        let limit = page_size(limit);
        let mut statement = Statement::new(
            "SELECT e.kind, e.entry, y.dataset, y.holders FROM case_entry e \
             LEFT JOIN canary y ON e.kind = 'canary' AND y.organization = e.organization AND y.id = e.entry WHERE ",
        );
        statement.bind("e.leak_case = ", &case);
        if let Some((kind, entry)) = after {
            statement.bind(" AND (e.kind, e.entry) > (", kind_word(kind));
            statement.bind(", ", entry);
            statement.push(")");
        }
        statement.push(" ORDER BY e.kind, e.entry");
        statement.bind(" LIMIT ", limit + 1);
        let mut connection = self.reader.acquire().await?;
        let mut entries = statement
            .fetch(&mut connection)
            .await?
            .iter()
            .map(|row| case_entry(row, &case))
            .collect::<Result<Vec<_>, _>>()?;
        let is_more = cut(&mut entries, limit);
        note_fields(&mut connection, &case, &mut entries).await?;
        let next = entries.last().filter(|_| is_more).map(|entry| (entry.kind, entry.entry.clone()));
        Ok(EntryPage { entries, next })
    }

    /// Returns a page of the places where a case was seen; none for a case that the scope does not admit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sighting_page(
        &self,
        scope: &Scope,
        case: &str,
        (after, limit): (Option<&str>, u32),
    ) -> Result<SightingPage, StoreError> {
        let none = SightingPage { sightings: Vec::new(), next: None };
        let Some((case, _)) = self.find_case(scope, case).await? else { return Ok(none) };
        let limit = page_size(limit);
        let mut statement = Statement::new(
            "SELECT s.source, r.label, s.url, s.thread, t.title, s.post, p.author, p.posted_at, p.sealed_listing, \
             s.attachment, s.seen_at, s.place FROM case_sighting s JOIN source r ON r.id = s.source \
             LEFT JOIN thread t ON t.source = s.source AND t.id = s.thread \
             LEFT JOIN post p ON p.source = s.source AND p.thread = s.thread AND p.id = s.post WHERE ",
        );
        statement.bind("s.leak_case = ", &case);
        if let Some((seen, place)) = after.and_then(|after| after.split_once('.')) {
            statement.bind(" AND (s.seen_at, s.place) > (", seen.parse::<i64>().unwrap_or(i64::MIN));
            statement.bind(", ", place);
            statement.push(")");
        }
        statement.push(" ORDER BY s.seen_at, s.place");
        statement.bind(" LIMIT ", limit + 1);
        let mut connection = self.reader.acquire().await?;
        let mut rows = statement.fetch(&mut connection).await?;
        let is_more = cut(&mut rows, limit);
        let last = rows.last().filter(|_| is_more);
        let next = last.map(|row| Ok::<_, StoreError>(format!("{}.{}", row.int(10)?, row.text(11)?))).transpose()?;
        let mut sightings = rows.iter().map(|row| self.sighting(row, &case)).collect::<Result<Vec<_>, _>>()?;
        count_entries(&mut connection, &case, &mut sightings).await?;
        Ok(SightingPage { sightings, next })
    }

    fn sighting(&self, row: &AnyRow, case: &str) -> Result<Sighting, StoreError> {
        let (source, thread, post) = (row.text(0)?, row.maybe_text(3)?, row.maybe_text(5)?);
        let listing = match (row.maybe_bytes(8)?, &thread, &post) {
            (Some(sealed), Some(thread), Some(post)) => {
                let context = listing_context(&SourceId(source.clone()), thread, post);
                Some(parse::<Listing>("listing", case, self.open_text(&sealed, &context)?.reveal())?)
            }
            (_, _, _) => None,
        };
        Ok(Sighting {
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
        })
    }
}

fn case_entry(row: &AnyRow, case: &str) -> Result<CaseEntry, StoreError> {
    let entry = row.text(1)?;
    Ok(CaseEntry {
        kind: parse_kind(&row.text(0)?).ok_or_else(|| StoreError::damaged("case", case))?,
        dataset: row.maybe_text(2)?,
        holders: row.maybe_text(3)?.map(|codes| parse("canary", &entry, &codes)).transpose()?.unwrap_or_default(),
        fields: Vec::new(),
        hits: 0,
        entry,
    })
}

/// Fills in the fields that were seen of each entry, and how often.
async fn note_fields(connection: &mut AnyConnection, case: &str, entries: &mut [CaseEntry]) -> Result<(), StoreError> {
    let kinds: BTreeSet<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
    let mut fields: BTreeMap<(EntryKind, String), Vec<_>> = BTreeMap::new();
    for kind in kinds {
        let head =
            "SELECT entry, field, MIN(masked), COUNT(*) FROM hit WHERE leak_case = $1 AND kind = $2 AND entry IN";
        let fixed = values![case, kind_word(kind)];
        let names: Vec<String> =
            entries.iter().filter(|entry| entry.kind == kind).map(|entry| entry.entry.clone()).collect();
        for row in sql::fetch_groups(connection, (head, "GROUP BY entry, field"), (&fixed, &names)).await? {
            let seen = (row.text(1)?, row.text(2)?, row.count(3)?);
            fields.entry((kind, row.text(0)?)).or_default().push(seen);
        }
    }
    for entry in entries {
        let mut seen = fields.remove(&(entry.kind, entry.entry.clone())).unwrap_or_default();
        seen.sort();
        entry.hits = seen.iter().map(|(_, _, hits)| hits).sum();
        entry.fields = seen.into_iter().map(|(field, masked, _)| (field, masked)).collect();
    }
    Ok(())
}

/// Counts the entries found at each of these places.
async fn count_entries(
    connection: &mut AnyConnection,
    case: &str,
    sightings: &mut [Sighting],
) -> Result<(), StoreError> {
    let urls: BTreeSet<String> = sightings.iter().map(|sighting| sighting.url.clone()).collect();
    let urls: Vec<String> = urls.into_iter().collect();
    let head = "SELECT url, COALESCE(thread, ''), COALESCE(post, ''), COALESCE(attachment, ''), \
                COUNT(DISTINCT kind || '|' || entry) FROM hit WHERE leak_case = $1 AND url IN";
    let tail = "GROUP BY url, COALESCE(thread, ''), COALESCE(post, ''), COALESCE(attachment, '')";
    let (mut counts, fixed) = (BTreeMap::new(), values![case]);
    for row in sql::fetch_groups(connection, (head, tail), (&fixed, &urls)).await? {
        counts.insert([row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?], row.count(4)?);
    }
    for sighting in sightings {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let spot = [sighting.url.clone(), part(&sighting.thread), part(&sighting.post), part(&sighting.attachment)];
        sighting.entries = counts.get(&spot).copied().unwrap_or(0);
    }
    Ok(())
}

impl EntryPage {
    /// Writes where the next page begins, for a URL.
    pub fn next_text(&self) -> Option<String> {
        self.next.as_ref().map(|(kind, entry)| format!("{}.{entry}", kind_word(*kind)))
    }

    /// Reads what [`EntryPage::next_text`] wrote.
    pub fn parse_after(text: &str) -> Option<(EntryKind, &str)> {
        let (kind, entry) = text.split_once('.')?;
        Some((parse_kind(kind)?, entry))
    }
}
