//! What an analyst changes of the grouping: cases merged and split by hand, and kept apart from then on.
//!
//! Not here: the grouping itself (`findings`), moves along the states (`triage`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::console::Scope;
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError, desk, findings, ids, recipients, titles, triage};
use crate::domain::alert::AlertReason;
use crate::domain::case::{self, Known, Node};
use crate::domain::listing::Listing;

impl Store {
    /// Merges a case into another, as an analyst says; returns the id of the one that stays, with what was moved into it.
    /// `None`, and nothing is changed, if the audit log says more of the first than its row that was seen last.
    ///
    /// # Errors
    /// `NoSuchCase`; `SameCase` if they are one already; `OtherOrganization` if they belong to two.
    pub async fn merge_cases(
        &self,
        scope: &Scope,
        (from, into, seen): (&str, &str, Option<i64>),
        (who, why): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let organization = desk::within(connection, scope, into).await?.organization;
        findings::lock_organization(connection, &organization).await?;
        let (from, into) = (desk::within(connection, scope, from).await?, desk::within(connection, scope, into).await?);
        if !is_as_seen(connection, &from.id, seen).await? {
            return Ok(None);
        }
        if from.organization != into.organization {
            return Err(StoreError::OtherOrganization { one: from.id, other: into.id });
        }
        if from.id == into.id {
            return Err(StoreError::SameCase { id: into.id });
        }
        for (one, other) in [(&from.id, &into.id), (&into.id, &from.id)] {
            let statement = "DELETE FROM case_apart WHERE one = $1 AND other = $2";
            sql::execute(connection, statement, values![one, other]).await?;
        }
        findings::merge_by_hand(connection, (&organization, &from.id, &into.id), (who, why), now).await?;
        self.weigh(connection, &organization, &into.id).await?;
        write.commit().await?;
        Ok(Some(into.id))
    }

    /// Splits entries off a case into a case of their own, as an analyst says, in the same state; the two are not tied
    /// together again by what is found later. Nobody is mailed of what was told before. Returns the new case's id; `None`, and
    /// nothing is changed, if the audit log says more of the case than its row that was seen last.
    ///
    /// # Errors
    /// `NoSuchCase`; `NotInCase` names an entry that the case does not hold; `NothingLeft` if it would be left empty.
    pub async fn split_case(
        &self,
        scope: &Scope,
        (id, entries, seen): (&str, &BTreeSet<String>, Option<i64>),
        (who, why): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let organization = desk::within(connection, scope, id).await?.organization;
        let grouping = findings::lock_organization(connection, &organization).await?;
        let old = desk::within(connection, scope, id).await?.id;
        if !is_as_seen(connection, &old, seen).await? {
            return Ok(None);
        }
        let moved = chosen(connection, &old, entries).await?;
        let state = state_of(connection, &old).await?;
        let fresh = open(connection, (&organization, &old), &moved, (&state, grouping, now)).await?;
        for (kind, entry) in &moved {
            for statement in [
                "UPDATE hit SET leak_case = $1 WHERE leak_case = $2 AND kind = $3 AND entry = $4",
                "UPDATE case_entry SET leak_case = $1 WHERE leak_case = $2 AND kind = $3 AND entry = $4",
            ] {
                sql::execute(connection, statement, values![&fresh, &old, kind, entry]).await?;
            }
        }
        share_sightings(connection, (&organization, &old, &fresh)).await?;
        let statement = "INSERT INTO case_rates (leak_case, source, link_key, organization, body_digest, document, seen_at) \
                         SELECT $1, source, link_key, organization, body_digest, document, seen_at FROM case_rates \
                         WHERE leak_case = $2 AND source IN (SELECT source FROM case_sighting WHERE leak_case = $1)";
        sql::execute(connection, statement, values![&fresh, &old]).await?;
        keep(connection, &old, &fresh).await?;
        if !recipients::is_told(connection, &old).await? {
            recipients::queue(connection, (&organization, &fresh), AlertReason::Opened, (now, now)).await?;
        }
        for case in [&old, &fresh] {
            recount(connection, case).await?;
            self.weigh(connection, &organization, case).await?;
        }
        for (case, from, why) in [
            (&fresh, "", format!("split off {old}: {why}")),
            (&old, state.as_str(), format!("{} entries split off into {fresh}: {why}", moved.len())),
        ] {
            let step = triage::Step { from, to: &state, who, why: &why };
            triage::append(connection, (&organization, case), step, now).await?;
        }
        titles::note_case(connection, (&organization, &fresh)).await?;
        write.commit().await?;
        Ok(Some(fresh))
    }
}

/// Locks a case and tells whether the row of the audit log that was seen last is still its last one.
async fn is_as_seen(connection: &mut AnyConnection, case: &str, seen: Option<i64>) -> Result<bool, StoreError> {
    desk::lock(connection, case).await?;
    Ok(match seen {
        Some(seen) => desk::version(connection, case).await? == seen,
        None => true,
    })
}

/// Takes the ties of place from hits whose cases are kept apart; returns which hits those are, and the case each stays with.
pub(super) async fn separate(
    connection: &mut AnyConnection,
    nodes: &mut [Node],
    known: &Known,
) -> Result<Vec<(usize, String)>, StoreError> {
    let cases: Vec<String> = known.opened.keys().cloned().collect();
    let mut apart = BTreeSet::new();
    for row in sql::fetch_in(connection, "SELECT one, other FROM case_apart WHERE one IN", &[], &cases).await? {
        apart.insert((row.text(0)?, row.text(1)?));
    }
    let mut separated = Vec::new();
    if apart.is_empty() {
        return Ok(separated);
    }
    let mut at_place: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (position, node) in nodes.iter_mut().enumerate() {
        let Some(own) = known.by_entry.get(&node.entry) else { continue };
        let here = at_place
            .entry(node.place.clone())
            .or_insert_with(|| known.by_place.get(&node.place).cloned().into_iter().collect());
        if here.iter().any(|case| apart.contains(&(own.clone(), case.clone()))) {
            node.place = format!("{}|{own}", node.place);
            separated.push((position, own.clone()));
        } else {
            here.insert(own.clone());
        }
    }
    Ok(separated)
}

/// Tells whether two cases are kept apart.
pub(super) async fn are(connection: &mut AnyConnection, one: &str, other: &str) -> Result<bool, StoreError> {
    let statement = "SELECT COUNT(*) FROM case_apart WHERE one = $1 AND other = $2";
    let row = sql::fetch_one(connection, statement, values![one, other]).await?;
    Ok(row.map_or(Ok(0), |row| row.count(0))? > 0)
}

/// Passes on from what a merged case was kept apart.
pub(super) async fn inherit(connection: &mut AnyConnection, younger: &str, older: &str) -> Result<(), StoreError> {
    let statement = "SELECT other FROM case_apart WHERE one = $1 AND other <> $2";
    let others = sql::fetch(connection, statement, values![younger, older]).await?;
    for row in others {
        keep(connection, older, &row.text(0)?).await?;
    }
    let statement = "DELETE FROM case_apart WHERE one = $1 OR other = $1";
    sql::execute(connection, statement, values![younger]).await.map(drop)
}

async fn keep(connection: &mut AnyConnection, one: &str, other: &str) -> Result<(), StoreError> {
    for (one, other) in [(one, other), (other, one)] {
        let statement = "INSERT INTO case_apart (one, other) VALUES ($1, $2) ON CONFLICT (one, other) DO NOTHING";
        sql::execute(connection, statement, values![one, other]).await?;
    }
    Ok(())
}

/// Finds the entries to split off, with their kinds.
async fn chosen(
    connection: &mut AnyConnection,
    case: &str,
    entries: &BTreeSet<String>,
) -> Result<Vec<(String, String)>, StoreError> {
    let statement = "SELECT kind, entry FROM case_entry WHERE leak_case = $1 ORDER BY kind, entry";
    let rows = sql::fetch(connection, statement, values![case]).await?;
    let held = rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<Vec<_>, StoreError>>()?;
    for entry in entries {
        if !held.iter().any(|(_, name)| name == entry) {
            return Err(StoreError::NotInCase { id: case.to_owned(), entry: entry.clone() });
        }
    }
    let moved: Vec<(String, String)> = held.iter().filter(|(_, name)| entries.contains(name)).cloned().collect();
    if moved.is_empty() || moved.len() == held.len() {
        return Err(StoreError::NothingLeft { id: case.to_owned() });
    }
    Ok(moved)
}

async fn state_of(connection: &mut AnyConnection, case: &str) -> Result<String, StoreError> {
    let row = sql::fetch_one(connection, "SELECT state FROM leak_case WHERE id = $1", values![case]).await?;
    row.ok_or_else(|| StoreError::damaged("case", case))?.text(0)
}

/// Opens the case that the entries go to; its times of being mailed and confirmed are those of the case they leave.
async fn open(
    connection: &mut AnyConnection,
    (organization, old): (&str, &str),
    moved: &[(String, String)],
    (state, grouping, now): (&str, i64, Timestamp),
) -> Result<String, StoreError> {
    let named: Vec<&str> = moved.iter().map(|(_, entry)| entry.as_str()).collect();
    let seed = ids::digest(&[&["split", old], named.as_slice()].concat());
    let mut attempt = 0;
    loop {
        let id = case::id(organization, &seed, attempt);
        let statement = "INSERT INTO leak_case (id, organization, state, offer, opened, revision, first_matched_at, \
                         first_mailed_at, first_confirmed_at) SELECT $1, organization, $2, 0, $3, 0, $4, first_mailed_at, \
                         first_confirmed_at FROM leak_case WHERE id = $5 ON CONFLICT (id) DO NOTHING";
        let values = values![&id, state, grouping.saturating_mul(1_000_000), now, old];
        if sql::execute(connection, statement, values).await? > 0 {
            return Ok(id);
        }
        attempt += 1;
    }
}

/// Gives the new case the sightings of its hits: whole where nothing else was seen there, else a row of its own.
async fn share_sightings(
    connection: &mut AnyConnection,
    (organization, old, fresh): (&str, &str, &str),
) -> Result<(), StoreError> {
    let (of_old, of_fresh) = (spots(connection, old).await?, spots(connection, fresh).await?);
    let statement =
        "SELECT source, place, url, thread, post, attachment, seen_at, words FROM case_sighting WHERE leak_case = $1";
    for row in sql::fetch(connection, statement, values![old]).await? {
        let (source, place) = (row.text(0)?, row.text(1)?);
        let spot =
            [Some(source.clone()), Some(row.text(2)?), row.maybe_text(3)?, row.maybe_text(4)?, row.maybe_text(5)?];
        if !of_fresh.contains(&spot) {
            continue;
        }
        if !of_old.contains(&spot) {
            let statement =
                "UPDATE case_sighting SET leak_case = $1 WHERE organization = $2 AND source = $3 AND place = $4";
            sql::execute(connection, statement, values![fresh, organization, &source, &place]).await?;
            continue;
        }
        let statement = "INSERT INTO case_sighting (organization, source, place, leak_case, url, thread, post, attachment, \
                         seen_at, words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (organization, source, place) DO NOTHING";
        let own_place = ids::digest(&["apart", &place, fresh]);
        let mut values = values![organization, &source, own_place, fresh, row.text(2)?, row.maybe_text(3)?];
        values.extend(values![row.maybe_text(4)?, row.maybe_text(5)?, row.time(6)?, row.maybe_text(7)?]);
        sql::execute(connection, statement, values).await?;
    }
    Ok(())
}

/// Where a case's hits lie: source, address, thread, post, attachment.
async fn spots(connection: &mut AnyConnection, case: &str) -> Result<BTreeSet<[Option<String>; 5]>, StoreError> {
    let statement = "SELECT DISTINCT source, url, thread, post, attachment FROM hit WHERE leak_case = $1";
    let rows = sql::fetch(connection, statement, values![case]).await?;
    rows.iter()
        .map(|row| {
            Ok([Some(row.text(0)?), Some(row.text(1)?), row.maybe_text(2)?, row.maybe_text(3)?, row.maybe_text(4)?])
        })
        .collect()
}

/// Tells anew from its hits and posts what a case's row says of them.
async fn recount(connection: &mut AnyConnection, case: &str) -> Result<(), StoreError> {
    let statement = "UPDATE leak_case SET revision = revision + 1, \
                     first_matched_at = COALESCE((SELECT MIN(h.seen_at) FROM hit h WHERE h.leak_case = $1), first_matched_at), \
                     first_posted_at = (SELECT MIN(p.posted_at) FROM case_sighting s JOIN post p ON p.source = s.source \
                     AND p.thread = s.thread AND p.id = s.post WHERE s.leak_case = $1), \
                     offer = (SELECT COUNT(*) FROM case_sighting s JOIN post p ON p.source = s.source \
                     AND p.thread = s.thread AND p.id = s.post WHERE s.leak_case = $1 AND p.sale >= $2) WHERE id = $1";
    sql::execute(connection, statement, values![case, Listing::OFFER_FROM]).await.map(drop)
}
