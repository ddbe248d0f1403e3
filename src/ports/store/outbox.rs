//! The outbox: alert rows that commit with the hits they tell of, leased, frozen, sent, retried or given up.
//!
//! An alert is rendered once: what was frozen is sent on every try, under one Message-ID. Not here: what a mail says.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::claims::lease_name;
use super::ledger::{self, Note};
use super::model::{AlertClaim, AlertFilter, AlertRow, AlertState};
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError, ids};
use crate::domain::alert::AlertReason;
use crate::domain::evidence::ledger::{Kind, sha256};
use crate::domain::watchlist::OrganizationId;

/// What may be sent of the alerts `a`: a follow-up waits until the mail before it, of the same case to the same contact,
/// is sent or given up. No more than one of those is not frozen, so of two made at once the frozen one goes first.
macro_rules! in_turn {
    () => {
        "a.state = 'queued' AND a.contact <> '' AND NOT EXISTS (SELECT 1 FROM alert e \
         WHERE e.leak_case = a.leak_case AND e.contact = a.contact AND e.state = 'queued' AND (e.created_at < a.created_at \
         OR (e.created_at = a.created_at AND e.frozen_at IS NOT NULL AND a.frozen_at IS NULL)))"
    };
}

impl Store {
    /// Leases alerts that are due to contacts that are confirmed, the longest due first.
    ///
    /// # Errors
    /// When the database fails; nothing is leased then.
    pub async fn claim_alerts(
        &self,
        worker: &str,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<AlertClaim>, StoreError> {
        const DUE: &str = concat!(
            "SELECT a.id FROM alert a WHERE ",
            in_turn!(),
            " AND a.due_at <= $1 AND (a.lease IS NULL OR a.lease_until <= $1) ORDER BY a.due_at, a.id LIMIT $2"
        );
        let look = sql::fetch(&mut *self.reader.acquire().await?, DUE, values![now, 1_i64]).await?;
        if look.is_empty() {
            return Ok(Vec::new());
        }
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        let mut claims = Vec::new();
        for row in sql::fetch_locking(connection, DUE, self.dialect.lock_suffix(), values![now, limit]).await? {
            let id = row.text(0)?;
            let lease = lease_name(worker)?;
            let statement = "UPDATE alert SET lease = $1, lease_until = $2 WHERE id = $3";
            sql::execute(connection, statement, values![&lease, until, &id]).await?;
            let mut claim = self.alert_claim(connection, &id).await?;
            claim.lease = lease;
            claims.push(claim);
        }
        write.commit().await?;
        Ok(claims)
    }

    async fn alert_claim(&self, connection: &mut AnyConnection, id: &str) -> Result<AlertClaim, StoreError> {
        let statement = "SELECT a.leak_case, c.revision, a.organization, a.contact, a.reason, a.message_id, a.attempts, \
                         a.sealed_frozen, (SELECT MIN(f.message_id) FROM alert f WHERE f.leak_case = a.leak_case \
                         AND f.contact = a.contact AND f.reason = 'opened' AND f.frozen_at IS NOT NULL AND f.id <> a.id) \
                         FROM alert a JOIN leak_case c ON c.id = a.leak_case WHERE a.id = $1";
        let row = sql::fetch_one(connection, statement, values![id]).await?;
        let row = row.ok_or_else(|| StoreError::damaged("alert", id))?;
        let organization = OrganizationId(row.text(2)?);
        let language = self.organization(connection, &organization.0).await?.language;
        let sealed = row.maybe_bytes(7)?;
        Ok(AlertClaim {
            id: id.to_owned(),
            case: row.text(0)?,
            case_revision: row.int(1)?,
            organization,
            contact: row.text(3)?,
            language,
            reason: AlertReason::parse(&row.text(4)?).ok_or_else(|| StoreError::damaged("alert", id))?,
            message_id: row.text(5)?,
            attempts: attempts(&row, 6)?,
            thread_root: row.maybe_text(8)?,
            frozen: sealed.map(|sealed| self.seal.open(&sealed, &frozen_context(id))).transpose()?,
            lease: String::new(),
        })
    }

    /// Fixes an alert's content before the first try: every later try sends these bytes. Sealed at rest.
    ///
    /// # Errors
    /// `LostLease` if the lease ran out, the alert was overtaken, or the case changed since the claim: the alert is free
    /// then, and is to be claimed and rendered again.
    pub async fn freeze_alert(&self, claim: &AlertClaim, content: &[u8], now: Timestamp) -> Result<(), StoreError> {
        let sealed = self.seal.seal(content, &frozen_context(&claim.id))?;
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        // Locks the case, and waits for a visit that adds to it at this moment: what it found is in this mail or in a later one.
        let statement = "UPDATE leak_case SET revision = revision WHERE id = $1 AND revision = $2";
        let is_current = sql::execute(connection, statement, values![&claim.case, claim.case_revision]).await? > 0;
        let statement = "UPDATE alert SET sealed_frozen = $1, frozen_at = $2 \
                         WHERE id = $3 AND lease = $4 AND state = 'queued' AND sealed_frozen IS NULL";
        let values = values![sealed, now, &claim.id, &claim.lease];
        if is_current && sql::execute(connection, statement, values).await? > 0 {
            let (organization, digest) = (&claim.organization.0, sha256(content));
            let note = Note { kind: Kind::Mail, organization, subject: &claim.id, digest: &digest };
            ledger::append(connection, &[note], now).await?;
            return write.commit().await;
        }
        let statement = "UPDATE alert SET lease = NULL, lease_until = NULL WHERE id = $1 AND lease = $2";
        sql::execute(connection, statement, values![&claim.id, &claim.lease]).await?;
        write.commit().await?;
        Err(StoreError::LostLease)
    }

    /// Returns the SHA-256 (hex) of what was frozen; `None` for an alert that is not there or not written yet.
    ///
    /// # Errors
    /// When the database fails or the mail does not open.
    pub async fn frozen_digest(&self, alert: &str) -> Result<Option<String>, StoreError> {
        let statement = "SELECT sealed_frozen FROM alert WHERE id = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![alert]).await?;
        let sealed = row.map(|row| row.maybe_bytes(0)).transpose()?.flatten();
        let frozen = sealed.map(|sealed| self.seal.open(&sealed, &frozen_context(alert))).transpose()?;
        Ok(frozen.map(|frozen| sha256(&frozen)))
    }

    /// Notes that a mail server took the mail. Counts even if the lease has run out: what was sent was sent.
    ///
    /// # Errors
    /// When the database fails; the mail may be sent again then, under the same Message-ID.
    pub async fn alert_sent(&self, claim: &AlertClaim, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        // A case that was merged since passes the time on to the one it is part of.
        let statement = "UPDATE leak_case SET first_mailed_at = COALESCE(first_mailed_at, $1) \
                         WHERE id = $2 OR id = (SELECT merged_into FROM leak_case WHERE id = $2)";
        sql::execute(connection, statement, values![now, &claim.case]).await?;
        let statement = "UPDATE alert SET state = 'sent', sent_at = $1, lease = NULL, lease_until = NULL, \
                         last_error = NULL WHERE id = $2 AND state <> 'sent'";
        sql::execute(connection, statement, values![now, &claim.id]).await?;
        write.commit().await
    }

    /// Notes that a try failed; the alert is due again at `retry_at`, or given up if there is none.
    ///
    /// # Errors
    /// When the database fails; the lease runs out by itself then.
    pub async fn alert_failed(
        &self,
        claim: &AlertClaim,
        error: &str,
        retry_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let state = if retry_at.is_some() { "queued" } else { "dead" };
        let statement = "UPDATE alert SET state = $1, due_at = COALESCE($2, due_at), attempts = attempts + 1, \
                         last_error = $3, lease = NULL, lease_until = NULL \
                         WHERE id = $4 AND lease = $5 AND state = 'queued'";
        let mut write = self.begin(Durability::Power).await?;
        let values = values![state, retry_at, error, &claim.id, &claim.lease];
        sql::execute(write.connection(), statement, values).await?;
        write.commit().await
    }

    /// Gives alerts back untried.
    ///
    /// # Errors
    /// When the database fails; the leases run out by themselves then.
    pub async fn release_alerts(&self, claims: &[AlertClaim]) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        for claim in claims {
            let statement = "UPDATE alert SET lease = NULL, lease_until = NULL WHERE id = $1 AND lease = $2";
            sql::execute(write.connection(), statement, values![&claim.id, &claim.lease]).await?;
        }
        write.commit().await
    }

    /// Ends the settling of every queued alert: a crawl that is over waits for nothing more. Retries keep their times.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hurry_alerts(&self, now: Timestamp) -> Result<(), StoreError> {
        let statement = "UPDATE alert SET due_at = $1 WHERE state = 'queued' AND attempts = 0 AND due_at > $1";
        let mut write = self.begin(Durability::Process).await?;
        sql::execute(write.connection(), statement, values![now]).await?;
        write.commit().await
    }

    /// Returns alerts, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<AlertRow>, StoreError> {
        let organization = filter.organization.as_ref().map_or("", |organization| organization.0.as_str());
        let statement = "SELECT id, organization, leak_case, contact, reason, state, message_id, created_at, due_at, \
                         attempts, last_error, sent_at FROM alert WHERE $1 = '' OR organization = $1 \
                         ORDER BY created_at DESC, id";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![organization]).await?;
        rows.iter().map(alert_row).collect()
    }

    /// Counts the alerts that are still to be sent; those that wait for a contact are not among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pending_alerts(&self) -> Result<u64, StoreError> {
        let statement = "SELECT COUNT(*) FROM alert WHERE state = 'queued' AND contact <> ''";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![]).await?;
        row.map_or(Ok(0), |row| row.count(0))
    }

    /// Returns when the next alert can be claimed: its due time, or the end of the lease it is under.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_alert_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let statement = concat!(
            "SELECT MIN(CASE WHEN a.lease_until > a.due_at THEN a.lease_until ELSE a.due_at END) FROM alert a WHERE ",
            in_turn!()
        );
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![]).await?;
        row.map_or(Ok(None), |row| row.maybe_time(0))
    }
}

/// Queues an alert for each confirmed contact; one row without a contact if there is none. A contact whose alert of this
/// case is not rendered yet gets no second one: the first will tell. Returns how many were queued.
pub(super) async fn queue(
    connection: &mut AnyConnection,
    (organization, case): (&str, &str),
    reason: AlertReason,
    (now, due): (Timestamp, Timestamp),
) -> Result<u64, StoreError> {
    let mut contacts = confirmed(connection, organization).await?;
    if contacts.is_empty() {
        contacts.push(String::new());
    }
    let mut queued = 0;
    for contact in contacts {
        let statement = "SELECT COUNT(*), CAST(SUM(CASE WHEN state = 'queued' AND sealed_frozen IS NULL THEN 1 ELSE 0 END) \
                         AS BIGINT) FROM alert WHERE leak_case = $1 AND contact = $2";
        let row = sql::fetch_one(connection, statement, values![case, &contact]).await?;
        let (before, waiting) = row.map_or(Ok((0, 0)), |row| Ok::<_, StoreError>((row.count(0)?, row.count(1)?)))?;
        if waiting > 0 {
            continue;
        }
        let id = ids::alert(case, &contact, before);
        let statement = "INSERT INTO alert (id, organization, leak_case, contact, reason, state, message_id, created_at, \
                         due_at, attempts) VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, 0) \
                         ON CONFLICT (id) DO NOTHING";
        let values = values![&id, organization, case, contact, reason.as_str(), ids::message(&id), now, due];
        queued += sql::execute(connection, statement, values).await?;
    }
    Ok(queued)
}

/// Tells whether any alert of a case was rendered: its content may have reached the organization.
pub(super) async fn is_told(connection: &mut AnyConnection, case: &str) -> Result<bool, StoreError> {
    let statement = "SELECT COUNT(*) FROM alert WHERE leak_case = $1 AND sealed_frozen IS NOT NULL";
    let row = sql::fetch_one(connection, statement, values![case]).await?;
    Ok(row.map_or(Ok(0), |row| row.count(0))? > 0)
}

/// Drops a case's alerts that are not rendered yet: the case it became part of tells instead.
pub(super) async fn drop_waiting(connection: &mut AnyConnection, case: &str) -> Result<(), StoreError> {
    let statement = "UPDATE alert SET state = 'dropped', lease = NULL, lease_until = NULL \
                     WHERE leak_case = $1 AND state = 'queued' AND sealed_frozen IS NULL";
    sql::execute(connection, statement, values![case]).await.map(drop)
}

/// Gives alerts that wait for a contact to the first confirmed one.
pub(super) async fn assign_waiting(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<(), StoreError> {
    let Some(contact) = confirmed(connection, &organization.0).await?.into_iter().next() else { return Ok(()) };
    // A case of which that contact has an unrendered alert already needs no second one.
    let statement = "UPDATE alert SET state = 'dropped' WHERE organization = $1 AND contact = '' AND state = 'queued' \
                     AND leak_case IN (SELECT leak_case FROM alert WHERE organization = $1 AND contact = $2 \
                     AND state = 'queued' AND sealed_frozen IS NULL)";
    sql::execute(connection, statement, values![&organization.0, &contact]).await?;
    let statement = "UPDATE alert SET contact = $2 WHERE organization = $1 AND contact = '' AND state = 'queued'";
    sql::execute(connection, statement, values![&organization.0, &contact]).await.map(drop)
}

/// Takes queued alerts from contacts that are no longer in the watchlist: rendered ones are dropped, the others wait for, or
/// go to, a confirmed contact.
pub(super) async fn withdraw(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    removed: &[String],
) -> Result<(), StoreError> {
    for contact in removed {
        let statement = "UPDATE alert SET state = 'dropped', lease = NULL, lease_until = NULL WHERE organization = $1 \
                         AND contact = $2 AND state = 'queued' AND sealed_frozen IS NOT NULL";
        sql::execute(connection, statement, values![&organization.0, contact]).await?;
        let statement = "UPDATE alert SET contact = '', lease = NULL, lease_until = NULL \
                         WHERE organization = $1 AND contact = $2 AND state = 'queued'";
        sql::execute(connection, statement, values![&organization.0, contact]).await?;
    }
    assign_waiting(connection, organization).await
}

/// Returns the alerts of these cases, the oldest first.
pub(super) async fn alerts_of(connection: &mut AnyConnection, cases: &[String]) -> Result<Vec<AlertRow>, StoreError> {
    let head = "SELECT id, organization, leak_case, contact, reason, state, message_id, created_at, due_at, attempts, \
                last_error, sent_at FROM alert WHERE leak_case IN";
    let rows = sql::fetch_in(connection, head, &[], cases).await?;
    let mut alerts = rows.iter().map(alert_row).collect::<Result<Vec<_>, _>>()?;
    alerts.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    Ok(alerts)
}

async fn confirmed(connection: &mut AnyConnection, organization: &str) -> Result<Vec<String>, StoreError> {
    let statement = "SELECT address FROM contact WHERE organization = $1 AND confirmed_at IS NOT NULL ORDER BY confirmed_at, address";
    sql::fetch(connection, statement, values![organization]).await?.iter().map(|row| row.text(0)).collect()
}

pub(super) fn alert_row(row: &AnyRow) -> Result<AlertRow, StoreError> {
    let id = row.text(0)?;
    let contact = Some(row.text(3)?).filter(|contact| !contact.is_empty());
    let state = match (row.text(5)?.as_str(), &contact) {
        ("queued", Some(_)) => AlertState::Queued,
        ("queued", None) => AlertState::WaitingForContact,
        ("sent", _) => AlertState::Sent,
        ("dead", _) => AlertState::Dead,
        ("dropped", _) => AlertState::Dropped,
        (_, _) => return Err(StoreError::damaged("alert", id)),
    };
    Ok(AlertRow {
        organization: row.text(1)?,
        case: row.text(2)?,
        contact,
        reason: AlertReason::parse(&row.text(4)?).ok_or_else(|| StoreError::damaged("alert", &id))?,
        state,
        message_id: row.text(6)?,
        created_at: row.time(7)?,
        due_at: row.time(8)?,
        attempts: attempts(row, 9)?,
        last_error: row.maybe_text(10)?,
        sent_at: row.maybe_time(11)?,
        id,
    })
}

fn attempts(row: &AnyRow, index: usize) -> Result<u32, StoreError> {
    Ok(u32::try_from(row.int(index)?).unwrap_or(u32::MAX))
}

pub(super) fn frozen_context(id: &str) -> String {
    format!("alert/{id}")
}
