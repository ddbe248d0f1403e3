//! What a case found, as far as it tells whose copy leaked.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::cases::{Living, living};
use super::sql::{self, Columns, values};
use super::{Store, StoreError, rates};
use crate::domain::attribution::{EPSILON, Findings, FoundCanary, FoundRecord, Randomness, Tested};
use crate::domain::fingerprints::Delivered;
use crate::domain::matcher::KindRate;
use crate::domain::watchlist::{Canary, OrganizationId, Watchlist};

/// What was found of a case, and what its organization enrolled: all that a report is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributable {
    /// What was enrolled.
    pub watchlist: Watchlist,
    /// What was found.
    pub findings: Findings,
}

impl Store {
    /// Returns what is needed to tell whose copy a case's rows are from; the id of a merged case leads to the one it is
    /// part of. `find` tells which fingerprints the file of a delivery holds, by their tags; `None` if it cannot be read.
    ///
    /// # Errors
    /// When the database fails. A case that is not there is `None`.
    pub async fn attributable(
        &self,
        id: &str,
        (epsilon, rows): (f64, Option<u64>),
        find: impl Fn(&Delivered, &[u64]) -> Option<Vec<bool>>,
    ) -> Result<Option<Attributable>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let case = match living(&mut connection, id).await {
            Ok(case) => case,
            Err(StoreError::NoSuchCase { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let mut findings = self.findings(&mut connection, &case).await?;
        let shown = shown(&mut connection, &case.id).await?;
        drop(connection);
        (findings.epsilon, findings.rows) = (epsilon, rows);
        let organization = OrganizationId(case.organization);
        for one in self.delivered_files(Some(&organization)).await? {
            findings.look_up(&one, |tags| find(&one, tags));
        }
        let missing = || StoreError::NoSuchOrganization { id: organization.0.clone() };
        let watchlist = self.watchlist(&organization).await?.ok_or_else(missing)?;
        let all = shown.len() as u64;
        findings.canaries = canaries(&watchlist, shown);
        findings.others += all.saturating_sub(findings.canaries.len() as u64);
        Ok(Some(Attributable { watchlist, findings }))
    }

    /// Every entry once, however often it was seen.
    async fn findings(&self, connection: &mut AnyConnection, case: &Living) -> Result<Findings, StoreError> {
        let statement = "SELECT first_posted_at, first_matched_at FROM leak_case WHERE id = $1";
        let row = sql::fetch_one(connection, statement, values![&case.id]).await?;
        let row = row.ok_or_else(|| StoreError::damaged("case", &case.id))?;
        let (posted_at, matched_at) = (row.maybe_time(0)?, row.time(1)?);
        let published_by = posted_at.map_or(matched_at, |posted_at| posted_at.min(matched_at));
        let statement =
            "SELECT COUNT(*) FROM case_entry WHERE leak_case = $1 AND kind NOT IN ('canary', 'fingerprint')";
        let others = sql::fetch_one(connection, statement, values![&case.id]).await?;
        let organization = self.organization(connection, &case.organization).await?;
        let verdict = rates::verdict(connection, &organization, &case.id).await?;
        Ok(Findings {
            organization: case.organization.clone(),
            case: case.id.clone(),
            epsilon: EPSILON,
            rows: None,
            published_by: published_by.to_zoned(jiff::tz::TimeZone::UTC).date(),
            canaries: Vec::new(),
            others: others.map_or(Ok(0), |row| row.count(0))?,
            records: records(connection, &case.id).await?,
            filed: Vec::new(),
            tested: verdict.map(|verdict| verdict.by_kind.into_iter().map(tested).collect()).unwrap_or_default(),
        })
    }
}

/// Fields of one canary that stand in one row, and what is visible of them, in bits.
type Together = (BTreeSet<String>, u32);

/// Where a row stands, and what is visible of it: by these, rows of a canary are told apart.
type Row = (Vec<Option<String>>, u32);

/// Returns, for each canary of a case, what was found of it together. Rows are told apart by where they are and how much they
/// show: what two rows of one text show alike is counted as one row, which shows no more than either.
async fn shown(connection: &mut AnyConnection, case: &str) -> Result<BTreeMap<String, Vec<Together>>, StoreError> {
    let statement = "SELECT e.entry, h.url, h.post, h.attachment, h.member, h.strength, h.field FROM case_entry e \
                     LEFT JOIN hit h ON h.leak_case = e.leak_case AND h.kind = e.kind AND h.entry = e.entry \
                     WHERE e.leak_case = $1 AND e.kind = 'canary'";
    let mut rows: BTreeMap<String, BTreeMap<Row, BTreeSet<String>>> = BTreeMap::new();
    for row in sql::fetch(connection, statement, values![case]).await? {
        let of_canary = rows.entry(row.text(0)?).or_default();
        let Some(field) = row.maybe_text(6)? else { continue };
        let place = [row.maybe_text(1)?, row.maybe_text(2)?, row.maybe_text(3)?, row.maybe_text(4)?].into();
        let visible = u32::try_from(row.count(5)?).unwrap_or(u32::MAX);
        of_canary.entry((place, visible)).or_default().insert(field);
    }
    let together = |rows: BTreeMap<Row, BTreeSet<String>>| {
        rows.into_iter().map(|((_, visible), fields)| (fields, visible)).collect()
    };
    Ok(rows.into_iter().map(|(canary, rows)| (canary, together(rows))).collect())
}

/// Weighs what was found of canaries. One that is enrolled no longer, or whose hits are kept no longer, has no weight.
fn canaries(watchlist: &Watchlist, shown: BTreeMap<String, Vec<Together>>) -> Vec<FoundCanary> {
    let randomness = Randomness::of(watchlist);
    let enrolled: BTreeMap<&str, &Canary> =
        watchlist.canaries.iter().map(|canary| (canary.id.as_str(), canary)).collect();
    let found = shown.into_iter().filter_map(|(id, rows)| {
        let bits = match enrolled.get(id.as_str()).filter(|_| !rows.is_empty()) {
            Some(canary) => rows
                .iter()
                .filter_map(|(fields, visible)| randomness.bits(canary, fields.iter().map(String::as_str), *visible))
                .max()?,
            None => 0,
        };
        Some(FoundCanary { canary: id, bits })
    });
    found.collect()
}

fn tested(rate: KindRate) -> Tested {
    Tested { kind: rate.kind, rows: rate.rows.tested, hits: rate.rows.hit, base_rate: rate.base_rate }
}

/// Returns the fingerprints of a case. A row that was seen in two renderings tells nothing of them.
async fn records(connection: &mut AnyConnection, case: &str) -> Result<Vec<FoundRecord>, StoreError> {
    let statement = "SELECT e.entry, CAST(COALESCE(MIN(h.renderings), 0) AS BIGINT), \
                     CAST(COALESCE(MAX(h.renderings), 0) AS BIGINT) FROM case_entry e \
                     LEFT JOIN hit h ON h.leak_case = e.leak_case AND h.kind = e.kind AND h.entry = e.entry \
                     WHERE e.leak_case = $1 AND e.kind = 'fingerprint' GROUP BY e.entry";
    let mut records = Vec::new();
    for row in sql::fetch(connection, statement, values![case]).await? {
        let (least, most) = (row.int(1)?, row.int(2)?);
        let renderings = u16::try_from(most).ok().filter(|_| least == most).unwrap_or_default();
        records.push(FoundRecord { entry: row.text(0)?, renderings, deliveries: Vec::new() });
    }
    records.sort_unstable_by(|one, other| one.entry.cmp(&other.entry));
    Ok(records)
}
