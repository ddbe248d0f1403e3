//! Commitments to planted records: written when records are enrolled or changed, so that each can later be shown to have been
//! there before it leaked.
//!
//! Not here: how a root is computed and a record proved (`domain::evidence::commitment`).

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::ledger::{self, Note};
use super::sql::{self, Columns, Value, values};
use super::watchlists::{json, parse};
use super::{Store, StoreError};
use crate::domain::evidence::commitment::{Opening, Proof, subject, unhex};
use crate::domain::evidence::ledger::Kind;
use crate::domain::mint::merkle::{self, Hash};
use crate::domain::watchlist::{Canary, OrganizationId};
use crate::ports::seal::SealError;

/// Leaves read at a time.
const PAGE: i64 = 2_000;

impl Store {
    /// Returns the ids of an organization's records that were committed to at some time.
    pub(super) async fn committed(
        connection: &mut AnyConnection,
        organization: &str,
    ) -> Result<BTreeSet<String>, StoreError> {
        let statement = "SELECT DISTINCT canary FROM canary_leaf WHERE organization = $1";
        sql::fetch(connection, statement, values![organization]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// Commits to records by a row in the ledger, in the transaction that enrols them.
    pub(super) async fn commit_canaries(
        &self,
        connection: &mut AnyConnection,
        (organization, canaries): (&str, &[&Canary]),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if canaries.is_empty() {
            return Ok(());
        }
        let statement = "SELECT COALESCE(MAX(commitment), 0) FROM canary_leaf WHERE organization = $1";
        let row = sql::fetch_one(connection, statement, values![organization]).await?;
        let commitment = row.map_or(Ok(0), |row| row.int(0))? + 1;
        let (mut leaves, mut rows) = (Vec::with_capacity(canaries.len()), Vec::with_capacity(canaries.len()));
        for (place, canary) in canaries.iter().enumerate() {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|_| SealError::Chance)?;
            let opening = Opening::of(canary, salt).map_err(|_| StoreError::damaged("canary", &canary.id))?;
            let leaf = opening.leaf();
            let sealed = self.seal_text(&json(&opening)?, &opening_context(organization, commitment, place as u64))?;
            leaves.push(leaf);
            rows.push(values![organization, commitment, place as u64, &canary.id, merkle::hex(&leaf), sealed]);
        }
        let head = "INSERT INTO canary_leaf (organization, commitment, place, canary, leaf, sealed_opening) VALUES";
        sql::insert(connection, (head, ""), rows).await?;
        let (subject, root) = (subject(organization, commitment), merkle::hex(&merkle::root(&leaves)));
        let note = Note { kind: Kind::Canaries, organization, subject: &subject, digest: &root };
        ledger::append(connection, &[note], now).await
    }

    /// Returns the root (hex) over a commitment's leaves as they are kept, if every opening is that of its leaf; `None` if
    /// one is not, or there are none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn committed_root(&self, organization: &str, commitment: i64) -> Result<Option<String>, StoreError> {
        let (mut leaves, mut next) = (Vec::new(), 0_u64);
        loop {
            let statement = "SELECT place, leaf, sealed_opening, canary FROM canary_leaf WHERE organization = $1 \
                             AND commitment = $2 AND place >= $3 ORDER BY place LIMIT $4";
            let values = values![organization, commitment, next, PAGE];
            let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let (place, leaf) = (row.count(0)?, row.text(1)?);
                let opening = self.opening(&row, 2, (organization, commitment, place));
                let is_whole = opening.is_ok_and(|opening| {
                    let named = parse::<Canary>("canary", "", &opening.entry).map(|canary| canary.id);
                    merkle::hex(&opening.leaf()) == leaf && named.ok() == row.text(3).ok()
                });
                if place != next || !is_whole {
                    return Ok(None);
                }
                leaves.extend(unhex(&leaf));
                next += 1;
            }
        }
        Ok((!leaves.is_empty()).then(|| merkle::hex(&merkle::root(&leaves))))
    }

    /// Returns the subjects of all commitments, as the ledger names them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commitment_subjects(&self) -> Result<Vec<String>, StoreError> {
        let statement = "SELECT DISTINCT organization, commitment FROM canary_leaf ORDER BY organization, commitment";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![]).await?;
        rows.iter().map(|row| Ok(subject(&row.text(0)?, row.int(1)?))).collect()
    }

    /// Proves that records were enrolled, by every commitment that names them, the first first; a record without any is left
    /// out. The records are opened by this.
    ///
    /// # Errors
    /// When the database fails or an opening does not open.
    pub async fn canary_proofs(
        &self,
        organization: &OrganizationId,
        canaries: &BTreeSet<String>,
    ) -> Result<Vec<Proof>, StoreError> {
        let canaries: Vec<String> = canaries.iter().cloned().collect();
        let mut connection = self.reader.acquire().await?;
        let head =
            "SELECT commitment, place, sealed_opening, canary FROM canary_leaf WHERE organization = $1 AND canary IN";
        let mut found = Vec::new();
        for row in sql::fetch_in(&mut connection, head, &[Value::from(&organization.0)], &canaries).await? {
            let (commitment, place) = (row.int(0)?, row.count(1)?);
            let opening = self.opening(&row, 2, (&organization.0, commitment, place))?;
            found.push((commitment, place, row.text(3)?, opening));
        }
        found.sort_by_key(|(commitment, place, _, _)| (*commitment, *place));
        let mut proofs = Vec::with_capacity(found.len());
        let mut of: (i64, Vec<Hash>) = (0, Vec::new());
        for (commitment, place, canary, opening) in found {
            if of.0 != commitment {
                of = (commitment, leaves(&mut connection, &organization.0, commitment).await?);
            }
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            let proof = Proof::of((&organization.0, &canary, commitment), opening, (&of.1, place));
            proofs.push(proof.ok_or_else(|| StoreError::damaged("commitment to canary", canary))?);
        }
        Ok(proofs)
    }

    fn opening(
        &self,
        row: &AnyRow,
        column: usize,
        (organization, commitment, place): (&str, i64, u64),
    ) -> Result<Opening, StoreError> {
        let context = opening_context(organization, commitment, place);
        parse("opening", &context, self.open_text(&row.bytes(column)?, &context)?.reveal())
    }
}

async fn leaves(connection: &mut AnyConnection, organization: &str, commitment: i64) -> Result<Vec<Hash>, StoreError> {
    let statement = "SELECT leaf FROM canary_leaf WHERE organization = $1 AND commitment = $2 ORDER BY place";
    let rows = sql::fetch(connection, statement, values![organization, commitment]).await?;
    let leaf = |row: &AnyRow| {
        let text = row.text(0)?;
        unhex(&text).ok_or_else(|| StoreError::damaged("leaf", text))
    };
    rows.iter().map(leaf).collect()
}

pub(super) fn opening_context(organization: &str, commitment: i64, place: u64) -> String {
    format!("opening/{organization}/{commitment}/{place}")
}
