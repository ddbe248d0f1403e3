//! Which files of fingerprints are enrolled; they come and go with the organization's watchlist.
//!
//! Not here: the files and the keys (`ports::vault`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::model::Changes;
use super::sql::{self, Columns, values};
use super::{Store, StoreError};
use crate::domain::fingerprints::{Checksum, Delivered, Enrolment, Label};
use crate::domain::identifier::{Epoch, FingerprintKind, KeyId};
use crate::domain::watchlist::OrganizationId;

impl Store {
    /// Returns what is enrolled, sorted by organization, kind and epoch.
    ///
    /// # Errors
    /// When the database fails or a row is damaged.
    pub async fn fingerprint_files(&self) -> Result<Vec<Enrolment>, StoreError> {
        load(&mut *self.reader.acquire().await?, "").await
    }

    /// Returns the files of what was delivered, of one organization or of all, sorted by delivery.
    ///
    /// # Errors
    /// When the database fails or a row is damaged.
    pub async fn delivered_files(&self, only: Option<&OrganizationId>) -> Result<Vec<Delivered>, StoreError> {
        let statement = "SELECT organization, kind, epoch, key_id, fingerprints, checksum, delivery FROM delivered_file \
                         WHERE $1 = '' OR organization = $1 ORDER BY organization, delivery, kind, epoch";
        let only = only.map_or("", |organization| organization.0.as_str());
        let mut connection = self.reader.acquire().await?;
        let rows = sql::fetch(&mut connection, statement, values![only]).await?;
        rows.iter().map(|row| Ok(Delivered { delivery: row.text(6)?, enrolment: enrolment(row)? })).collect()
    }
}

/// Puts the files of what was delivered in the place of the organization's last ones.
pub(super) async fn replace_delivered(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    delivered: &[Delivered],
) -> Result<(), StoreError> {
    let statement = "DELETE FROM delivered_file WHERE organization = $1";
    sql::execute(connection, statement, values![&organization.0]).await?;
    let row = |Delivered { delivery, enrolment }: &Delivered| {
        let Label { organization, kind, epoch, key_id } = &enrolment.label;
        let (key_id, checksum) = (key_id.to_string(), enrolment.checksum.to_string());
        values![&organization.0, delivery, kind.as_str(), epoch.0, key_id, enrolment.count, checksum]
    };
    let head =
        "INSERT INTO delivered_file (organization, delivery, kind, epoch, key_id, fingerprints, checksum) VALUES";
    sql::insert(connection, (head, ""), delivered.iter().map(row).collect()).await.map(drop)
}

/// Puts files in the place of the organization's last ones.
pub(super) async fn replace(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    enrolments: &[Enrolment],
    now: Timestamp,
) -> Result<Changes, StoreError> {
    let mut before: BTreeMap<(FingerprintKind, Epoch), Enrolment> = BTreeMap::new();
    for enrolment in load(connection, &organization.0).await? {
        before.insert((enrolment.label.kind, enrolment.label.epoch), enrolment);
    }
    let name = |kind: FingerprintKind, epoch: Epoch| format!("{kind}, epoch {epoch}");
    let mut changes = Changes::default();
    let mut rows = Vec::new();
    for enrolment in enrolments {
        let Label { organization, kind, epoch, key_id } = &enrolment.label;
        match before.remove(&(*kind, *epoch)) {
            Some(old) if old == *enrolment => continue,
            Some(_) => changes.changed.push(name(*kind, *epoch)),
            None => changes.added.push(name(*kind, *epoch)),
        }
        let (key_id, checksum) = (key_id.to_string(), enrolment.checksum.to_string());
        rows.push(values![&organization.0, kind.as_str(), epoch.0, key_id, enrolment.count, checksum, now]);
    }
    let head = "INSERT INTO fingerprint_file (organization, kind, epoch, key_id, fingerprints, checksum, imported_at) \
                VALUES";
    let tail = "ON CONFLICT (organization, kind, epoch) DO UPDATE SET key_id = excluded.key_id, \
                fingerprints = excluded.fingerprints, checksum = excluded.checksum, imported_at = excluded.imported_at";
    sql::insert(connection, (head, tail), rows).await?;
    for (kind, epoch) in before.into_keys() {
        let statement = "DELETE FROM fingerprint_file WHERE organization = $1 AND kind = $2 AND epoch = $3";
        sql::execute(connection, statement, values![&organization.0, kind.as_str(), epoch.0]).await?;
        changes.removed.push(name(kind, epoch));
    }
    Ok(changes)
}

async fn load(connection: &mut AnyConnection, only: &str) -> Result<Vec<Enrolment>, StoreError> {
    let statement = "SELECT organization, kind, epoch, key_id, fingerprints, checksum FROM fingerprint_file \
                     WHERE $1 = '' OR organization = $1";
    let rows = sql::fetch(connection, statement, values![only]).await?;
    let mut enrolments = Vec::new();
    for row in &rows {
        enrolments.push(enrolment(row)?);
    }
    enrolments.sort_by(|one, other| {
        let key = |enrolment: &Enrolment| {
            let label = &enrolment.label;
            (label.organization.clone(), label.kind, label.epoch)
        };
        key(one).cmp(&key(other))
    });
    Ok(enrolments)
}

fn enrolment(row: &AnyRow) -> Result<Enrolment, StoreError> {
    let organization = row.text(0)?;
    let damaged = || StoreError::damaged("fingerprint_file", &organization);
    let key_id = u64::from_str_radix(&row.text(3)?, 16).map_err(|_| damaged())?;
    Ok(Enrolment {
        label: Label {
            organization: OrganizationId(organization.clone()),
            kind: FingerprintKind::parse(&row.text(1)?).ok_or_else(damaged)?,
            epoch: Epoch(u32::try_from(row.int(2)?).map_err(|_| damaged())?),
            key_id: KeyId(key_id.to_be_bytes()),
        },
        count: u64::try_from(row.int(4)?).map_err(|_| damaged())?,
        checksum: Checksum::parse(&row.text(5)?).ok_or_else(damaged)?,
    })
}
