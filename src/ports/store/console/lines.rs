//! One line a case, as lists show it: many cases in few statements.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;

use super::cases::level;
use crate::domain::case::State;
use crate::domain::severity::Severity;
use crate::ports::store::StoreError;
use crate::ports::store::rows::as_object;
use crate::ports::store::sql::{self, Columns};
use crate::ports::store::watchlists::parse;

/// A source, as people know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SourceName {
    /// Id; may be a live onion name.
    pub id: String,
    /// What people see.
    pub label: String,
}

/// A case in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseLine {
    /// Id, as `C-7F3K9Q2M`.
    pub id: String,
    /// Owner.
    pub organization: String,
    /// The owner's name.
    pub organization_name: String,
    /// State.
    pub state: State,
    /// How grave; `None` while it is not weighed.
    pub severity: Option<Severity>,
    /// Whether a post offers the records.
    pub offer: bool,
    /// Title of the thread where it was seen first, where there is one.
    pub title: Option<String>,
    /// Entries that leaked.
    pub entries: u64,
    /// Hits on record.
    pub hits: u64,
    /// Where it was seen, sorted by label.
    pub sources: Vec<SourceName>,
    /// Custodian codes whose copies hold the entries, with how many of the entries each holds; most first.
    #[serde(serialize_with = "as_object")]
    pub holders: Vec<(String, u64)>,
    /// Earliest post time.
    pub first_posted_at: Option<Timestamp>,
    /// First match.
    pub first_matched_at: Timestamp,
    /// First mail.
    pub first_mailed_at: Option<Timestamp>,
    /// When somebody first looked at it.
    pub first_acknowledged_at: Option<Timestamp>,
    /// First confirmation.
    pub first_confirmed_at: Option<Timestamp>,
    /// Grows with every change to the case.
    pub revision: i64,
}

/// Loads the lines of these cases, in their order; ids that are not there are left out.
pub(super) async fn load(connection: &mut AnyConnection, ids: &[String]) -> Result<Vec<CaseLine>, StoreError> {
    let head = "SELECT c.id, c.organization, o.name, c.state, c.grave, c.offer, \
                (SELECT COUNT(*) FROM case_entry e WHERE e.leak_case = c.id), \
                (SELECT COUNT(*) FROM hit h WHERE h.leak_case = c.id), \
                c.first_posted_at, c.first_matched_at, c.first_mailed_at, c.first_acknowledged_at, \
                c.first_confirmed_at, c.revision FROM leak_case c JOIN organization o ON o.id = c.organization \
                WHERE c.id IN";
    let mut lines = BTreeMap::new();
    for row in sql::fetch_in(connection, head, &[], ids).await? {
        let id = row.text(0)?;
        let line = CaseLine {
            organization: row.text(1)?,
            organization_name: row.text(2)?,
            state: State::parse(&row.text(3)?).ok_or_else(|| StoreError::damaged("case", &id))?,
            severity: level(row.int(4)?),
            offer: row.int(5)? != 0,
            title: None,
            entries: row.count(6)?,
            hits: row.count(7)?,
            sources: Vec::new(),
            holders: Vec::new(),
            first_posted_at: row.maybe_time(8)?,
            first_matched_at: row.time(9)?,
            first_mailed_at: row.maybe_time(10)?,
            first_acknowledged_at: row.maybe_time(11)?,
            first_confirmed_at: row.maybe_time(12)?,
            revision: row.int(13)?,
            id: id.clone(),
        };
        lines.insert(id, line);
    }
    note_sources(connection, ids, &mut lines).await?;
    note_holders(connection, ids, &mut lines).await?;
    Ok(ids.iter().filter_map(|id| lines.remove(id)).collect())
}

async fn note_sources(
    connection: &mut AnyConnection,
    ids: &[String],
    lines: &mut BTreeMap<String, CaseLine>,
) -> Result<(), StoreError> {
    let head = "SELECT s.leak_case, s.source, r.label, MIN(s.seen_at), MIN(t.title) FROM case_sighting s \
                JOIN source r ON r.id = s.source LEFT JOIN thread t ON t.source = s.source AND t.id = s.thread \
                WHERE s.leak_case IN";
    let mut firsts: BTreeMap<String, Timestamp> = BTreeMap::new();
    let rows = sql::fetch_groups(connection, (head, "GROUP BY s.leak_case, s.source, r.label"), (&[], ids)).await?;
    for row in rows {
        let (id, seen_at) = (row.text(0)?, row.time(3)?);
        let Some(line) = lines.get_mut(&id) else { continue };
        line.sources.push(SourceName { id: row.text(1)?, label: row.text(2)? });
        if firsts.get(&id).is_none_or(|first| seen_at < *first) {
            if let Some(title) = row.maybe_text(4)? {
                line.title = Some(title);
            }
            firsts.insert(id, seen_at);
        }
    }
    for line in lines.values_mut() {
        line.sources.sort_by(|one, other| (&one.label, &one.id).cmp(&(&other.label, &other.id)));
    }
    Ok(())
}

async fn note_holders(
    connection: &mut AnyConnection,
    ids: &[String],
    lines: &mut BTreeMap<String, CaseLine>,
) -> Result<(), StoreError> {
    let head = "SELECT e.leak_case, y.holders, COUNT(*) FROM case_entry e \
                JOIN canary y ON y.organization = e.organization AND y.id = e.entry \
                WHERE e.kind = 'canary' AND e.leak_case IN";
    let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for row in sql::fetch_groups(connection, (head, "GROUP BY e.leak_case, y.holders"), (&[], ids)).await? {
        let id = row.text(0)?;
        let codes: Vec<String> = parse("canary", &id, &row.text(1)?)?;
        let of_case = counts.entry(id).or_default();
        for code in codes {
            *of_case.entry(code).or_default() += row.count(2)?;
        }
    }
    for (id, of_case) in counts {
        let Some(line) = lines.get_mut(&id) else { continue };
        line.holders = of_case.into_iter().collect();
        line.holders.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    }
    Ok(())
}
