//! Captures and where hits lie in them: written with the hits themselves, never changed.
//!
//! A capture is recorded only with a hit that is new, so that a thread crawled every day is captured once for each find.
//! Not here: bodies (`ports::evidence`).

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::ledger::{self, Note};
use super::model::{HitSeen, Visit};
use super::sql::{self, Columns, values};
use super::watchlists::{json, parse};
use super::{Store, StoreError, ids};
use crate::domain::evidence::ledger::Kind;
use crate::domain::evidence::{Capture, Exhibit};

impl Store {
    /// Returns what was captured of a case's hits: where each lies, and each capture once. A merged case's id names the
    /// case it is part of.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails or a capture does not open.
    pub async fn exhibits(&self, case: &str) -> Result<(Vec<Exhibit>, Vec<Capture>), StoreError> {
        let mut connection = self.reader.acquire().await?;
        let case = super::cases::living(&mut connection, case).await?;
        let statement = "SELECT x.document, x.hit FROM capture_hit x JOIN hit h ON h.id = x.hit \
                         WHERE h.leak_case = $1 AND x.organization = $2 ORDER BY h.seen_at, h.id";
        let rows = sql::fetch(&mut connection, statement, values![&case.id, &case.organization]).await?;
        let exhibits = rows
            .iter()
            .map(|row| parse("exhibit", &row.text(1)?, &row.text(0)?))
            .collect::<Result<Vec<Exhibit>, _>>()?;
        let ids: BTreeSet<String> = exhibits.iter().map(|exhibit| exhibit.capture.clone()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let head = "SELECT id, sealed_document FROM capture WHERE purged_at IS NULL AND id IN";
        let rows = sql::fetch_in(&mut connection, head, &[], &ids).await?;
        let captures = rows.iter().map(|row| self.capture(row)).collect::<Result<Vec<_>, _>>()?;
        Ok((exhibits, captures))
    }

    /// Returns one capture.
    ///
    /// # Errors
    /// When the database fails or the capture does not open.
    pub async fn capture_of(&self, id: &str) -> Result<Option<Capture>, StoreError> {
        let statement = "SELECT id, sealed_document FROM capture WHERE id = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![id]).await?;
        row.map(|row| self.capture(&row)).transpose()
    }

    /// Returns where one hit lies.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn exhibit_of(&self, hit: &str) -> Result<Option<Exhibit>, StoreError> {
        let statement = "SELECT document FROM capture_hit WHERE hit = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![hit]).await?;
        row.map(|row| parse("exhibit", hit, &row.text(0)?)).transpose()
    }

    /// Returns the ids of all hits of which it is recorded where they lie.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn exhibited_hits(&self) -> Result<Vec<String>, StoreError> {
        let rows = sql::fetch(&mut *self.reader.acquire().await?, "SELECT hit FROM capture_hit", values![]).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Returns the digest of the audit log's row that the ledger names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn move_hash(&self, number: i64) -> Result<Option<String>, StoreError> {
        let statement = "SELECT hash FROM case_move WHERE number = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![number]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Of these bodies, returns those that no capture names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unnamed_bodies(&self, digests: &[String]) -> Result<Vec<String>, StoreError> {
        let head = "SELECT DISTINCT body_sha256 FROM capture WHERE purged_at IS NULL AND body_sha256 IN";
        let rows = sql::fetch_in(&mut *self.reader.acquire().await?, head, &[], digests).await?;
        let named = rows.iter().map(|row| row.text(0)).collect::<Result<BTreeSet<_>, _>>()?;
        Ok(digests.iter().filter(|digest| !named.contains(*digest)).cloned().collect())
    }

    pub(super) fn capture(&self, row: &AnyRow) -> Result<Capture, StoreError> {
        let id = row.text(0)?;
        let capture: Capture = parse("capture", &id, self.open_text(&row.bytes(1)?, &context(&id))?.reveal())?;
        if capture.id() == id { Ok(capture) } else { Err(StoreError::damaged("capture", &id)) }
    }

    /// Records where a page's hits lie in what was captured, in the visit's own transaction; hits of which that is known
    /// are passed over.
    pub(super) async fn record_exhibits(
        &self,
        connection: &mut AnyConnection,
        visit: &Visit,
        (capture, hits): (&Capture, &[HitSeen]),
    ) -> Result<(), StoreError> {
        let id = capture.id();
        let exhibits = unknown(connection, exhibits(visit, &id, hits)).await?;
        if exhibits.is_empty() {
            return Ok(());
        }
        let sealed = self.seal_text(&json(capture)?, &context(&id))?;
        let statement = "INSERT INTO capture (id, source, body_sha256, body_bytes, fetched_at, sealed_document) \
                         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING";
        let source = &visit.claim.source.0;
        let values = values![&id, source, &capture.body_sha256, capture.body_bytes, capture.fetched_at, sealed];
        let is_new = sql::execute(connection, statement, values).await? > 0;
        let digests: Vec<String> = exhibits.iter().map(Exhibit::digest).collect();
        let mut notes = Vec::with_capacity(exhibits.len() + 1);
        if is_new {
            notes.push(Note { kind: Kind::Capture, organization: "", subject: &id, digest: &capture.body_sha256 });
        }
        let mut rows = Vec::with_capacity(exhibits.len());
        for (exhibit, digest) in exhibits.iter().zip(&digests) {
            rows.push(values![&exhibit.hit, &id, &exhibit.organization, json(exhibit)?]);
            notes.push(Note { kind: Kind::Hit, organization: &exhibit.organization, subject: &exhibit.hit, digest });
        }
        let head = "INSERT INTO capture_hit (hit, capture, organization, document) VALUES";
        sql::insert(connection, (head, "ON CONFLICT (hit) DO NOTHING"), rows).await?;
        ledger::append(connection, &notes, visit.at).await
    }
}

/// Describes where hits lie, one for each hit's id: of one value seen twice at one place, the first.
fn exhibits(visit: &Visit, capture: &str, hits: &[HitSeen]) -> Vec<Exhibit> {
    let mut by_id: BTreeMap<String, Exhibit> = BTreeMap::new();
    for seen in hits {
        let place = ids::place(seen, &visit.claim.link.key);
        let id = ids::hit(seen, &visit.claim.source, &place);
        let found = exhibit(&id, capture, seen);
        let first = by_id.entry(id).or_insert_with(|| found.clone());
        if found.span < first.span {
            *first = found;
        }
    }
    by_id.into_values().collect()
}

async fn unknown(connection: &mut AnyConnection, exhibits: Vec<Exhibit>) -> Result<Vec<Exhibit>, StoreError> {
    let ids: Vec<String> = exhibits.iter().map(|exhibit| exhibit.hit.clone()).collect();
    let rows = sql::fetch_in(connection, "SELECT hit FROM capture_hit WHERE hit IN", &[], &ids).await?;
    let known = rows.iter().map(|row| row.text(0)).collect::<Result<BTreeSet<_>, _>>()?;
    Ok(exhibits.into_iter().filter(|exhibit| !known.contains(&exhibit.hit)).collect())
}

fn exhibit(hit: &str, capture: &str, seen: &HitSeen) -> Exhibit {
    Exhibit {
        hit: hit.to_owned(),
        capture: capture.to_owned(),
        organization: seen.hit.organization.0.clone(),
        entry: seen.hit.entry.clone(),
        field: seen.hit.field.clone(),
        masked: seen.hit.masked.clone(),
        member: seen.hit.member.clone(),
        span: seen.hit.span,
        steps: seen.hit.steps.clone(),
    }
}

pub(super) fn context(id: &str) -> String {
    ids::digest(&["capture", id])
}
