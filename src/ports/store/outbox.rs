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
use super::watchlists::parse;
use super::{Durability, Store, StoreError};
use crate::domain::alert::AlertReason;
use crate::domain::case::State;
use crate::domain::evidence::ledger::{Kind, sha256};
use crate::domain::health::Undelivered;
use crate::domain::severity::{Assessment, Severity};
use crate::domain::watchlist::OrganizationId;

/// What may be sent of the alerts `a`: a follow-up waits until the mail before it, of the same case to the same contact,
/// is sent or given up. No more than one of those is not frozen, so of two made at once the frozen one goes first.
macro_rules! in_turn {
    () => {
        "a.state = 'queued' AND a.contact <> '' AND a.bundle IS NULL AND NOT EXISTS (SELECT 1 FROM alert e \
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

    pub(super) async fn alert_claim(&self, connection: &mut AnyConnection, id: &str) -> Result<AlertClaim, StoreError> {
        let statement = "SELECT a.leak_case, c.revision, a.organization, a.contact, a.reason, a.message_id, a.attempts, \
                         a.sealed_frozen, (SELECT MIN(f.message_id) FROM alert f WHERE f.leak_case = a.leak_case \
                         AND f.contact = a.contact AND f.reason = 'opened' AND f.frozen_at IS NOT NULL AND f.id <> a.id), \
                         c.severity, c.state, a.created_at, a.held_until, a.gathers, a.escalates \
                         FROM alert a JOIN leak_case c ON c.id = a.leak_case WHERE a.id = $1";
        let row = sql::fetch_one(connection, statement, values![id]).await?;
        let row = row.ok_or_else(|| StoreError::damaged("alert", id))?;
        let organization = self.organization(connection, &row.text(2)?).await?;
        let sealed = row.maybe_bytes(7)?;
        let contact = row.text(3)?;
        let of_contact = organization.contacts.iter().find(|one| one.address == contact);
        let of_channel = organization.alerts.channels.iter().find(|channel| channel.recipient() == contact);
        let case = row.text(0)?;
        let weighed = row.maybe_text(9)?.map(|text| parse::<Assessment>("case", &case, &text)).transpose()?;
        Ok(AlertClaim {
            id: id.to_owned(),
            case_revision: row.int(1)?,
            severity: weighed.map_or(Severity::Low, |weighed| weighed.severity),
            case_state: State::parse(&row.text(10)?).ok_or_else(|| StoreError::damaged("case", &case))?,
            case,
            after: of_contact.and_then(|contact| contact.after),
            channel: of_channel.cloned(),
            organization: organization.id,
            organization_name: organization.name,
            language: organization.language,
            alerts: organization.alerts,
            contact,
            reason: AlertReason::parse(&row.text(4)?).ok_or_else(|| StoreError::damaged("alert", id))?,
            message_id: row.text(5)?,
            attempts: attempts(&row, 6)?,
            thread_root: row.maybe_text(8)?,
            created_at: row.time(11)?,
            held_until: row.maybe_time(12)?,
            gathers: row.int(13)? != 0,
            escalates: row.int(14)? != 0,
            frozen: sealed.map(|sealed| self.seal.open(&sealed, &frozen_context(id))).transpose()?,
            lease: String::new(),
        })
    }

    /// Fixes an alert's content before the first try: every later try sends these bytes. Sealed at rest. `others` are alerts
    /// to the same contact that the same mail tells of; they go where it goes.
    ///
    /// # Errors
    /// `LostLease` if the lease ran out, one of the alerts was overtaken, or a case changed since the claim: the alert is free
    /// then, and is to be claimed and rendered again.
    pub async fn freeze_alert(
        &self,
        claim: &AlertClaim,
        others: &[AlertClaim],
        content: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        if self.freeze(write.connection(), claim, others, (content, now)).await? {
            return write.commit().await;
        }
        drop(write);
        self.release_alerts(std::slice::from_ref(claim)).await?;
        Err(StoreError::LostLease)
    }

    async fn freeze(
        &self,
        connection: &mut AnyConnection,
        claim: &AlertClaim,
        others: &[AlertClaim],
        (content, now): (&[u8], Timestamp),
    ) -> Result<bool, StoreError> {
        let sealed = self.seal.seal(content, &frozen_context(&claim.id))?;
        for one in others.iter().chain([claim]) {
            // Locks the case, and waits for a visit that adds to it at this moment: what it found is in this mail or in a later one.
            let statement = "UPDATE leak_case SET revision = revision WHERE id = $1 AND revision = $2";
            if sql::execute(connection, statement, values![&one.case, one.case_revision]).await? == 0 {
                return Ok(false);
            }
        }
        let statement = "UPDATE alert SET sealed_frozen = $1, frozen_at = $2 \
                         WHERE id = $3 AND lease = $4 AND state = 'queued' AND frozen_at IS NULL";
        if sql::execute(connection, statement, values![sealed, now, &claim.id, &claim.lease]).await? == 0 {
            return Ok(false);
        }
        for other in others {
            let statement = "UPDATE alert SET bundle = $1, message_id = $2, frozen_at = $3 WHERE id = $4 \
                             AND state = 'queued' AND frozen_at IS NULL AND (lease IS NULL OR lease_until <= $3)";
            let values = values![&claim.id, &claim.message_id, now, &other.id];
            if sql::execute(connection, statement, values).await? == 0 {
                return Ok(false);
            }
        }
        let (organization, digest) = (&claim.organization.0, sha256(content));
        let note = Note { kind: Kind::Mail, organization, subject: &claim.id, digest: &digest };
        ledger::append(connection, &[note], now).await?;
        Ok(true)
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

    /// Notes that the mail was taken, and with it every alert that it tells of. Counts even if the lease has run out: what was
    /// sent was sent.
    ///
    /// # Errors
    /// When the database fails; the mail may be sent again then, under the same Message-ID.
    pub async fn alert_sent(&self, claim: &AlertClaim, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        // A case that was merged since passes the time on to the one it is part of.
        let statement = "UPDATE leak_case SET first_mailed_at = COALESCE(first_mailed_at, $1) \
                         WHERE id IN (SELECT leak_case FROM alert WHERE id = $2 OR bundle = $2) OR id IN (SELECT m.merged_into \
                         FROM leak_case m JOIN alert a ON a.leak_case = m.id WHERE a.id = $2 OR a.bundle = $2)";
        sql::execute(connection, statement, values![now, &claim.id]).await?;
        let statement = "UPDATE alert SET state = 'sent', sent_at = $1, lease = NULL, lease_until = NULL, \
                         last_error = NULL, failure = NULL WHERE (id = $2 OR bundle = $2) AND state <> 'sent'";
        sql::execute(connection, statement, values![now, &claim.id]).await?;
        write.commit().await
    }

    /// Notes that a try failed, why in words and in one word; the alert is due again at `retry_at`, or given up if there is
    /// none. Then whoever is told only if nobody acknowledges is told at once.
    ///
    /// # Errors
    /// When the database fails; the lease runs out by itself then.
    pub async fn alert_failed(
        &self,
        claim: &AlertClaim,
        (error, class): (&str, &str),
        retry_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let state = if retry_at.is_some() { "queued" } else { "dead" };
        let statement = "UPDATE alert SET state = $1, due_at = COALESCE($2, due_at), attempts = attempts + 1, \
                         last_error = $3, failure = $4, lease = NULL, lease_until = NULL \
                         WHERE id = $5 AND lease = $6 AND state = 'queued'";
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let values = values![state, retry_at, error, class, &claim.id, &claim.lease];
        let changed = sql::execute(connection, statement, values).await?;
        if changed > 0 && retry_at.is_none() {
            let statement =
                "UPDATE alert SET state = 'dead', last_error = $1, failure = $2 WHERE bundle = $3 AND state = 'queued'";
            sql::execute(connection, statement, values![error, class, &claim.id]).await?;
            let statement = "UPDATE alert SET due_at = created_at WHERE state = 'queued' AND escalates = 1 \
                             AND frozen_at IS NULL AND leak_case IN (SELECT leak_case FROM alert WHERE id = $1 OR bundle = $1)";
            sql::execute(connection, statement, values![&claim.id]).await?;
        }
        write.commit().await
    }

    /// Queues anew what was given up: this alert, or all; what its mail told of goes with it. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_alerts(&self, alert: Option<&str>, now: Timestamp) -> Result<u64, StoreError> {
        let statement = "UPDATE alert SET state = 'queued', due_at = $1, attempts = 0 WHERE state = 'dead' AND contact <> '' \
                         AND ($2 = '' OR id = $2 OR bundle = $2)";
        let mut write = self.begin(Durability::Power).await?;
        let queued = sql::execute(write.connection(), statement, values![now, alert.unwrap_or_default()]).await?;
        write.commit().await?;
        Ok(queued)
    }

    /// Returns what does not arrive of cases that nobody has acknowledged, by organization: given up, or tried in vain since
    /// `late_from` at least.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn undelivered(&self, late_from: Timestamp) -> Result<Vec<Undelivered>, StoreError> {
        let statement = "SELECT a.organization, CAST(SUM(CASE WHEN a.state = 'dead' THEN 1 ELSE 0 END) AS BIGINT), \
                         CAST(SUM(CASE WHEN a.state = 'queued' THEN 1 ELSE 0 END) AS BIGINT), MIN(a.created_at), MAX(a.failure) \
                         FROM alert a JOIN leak_case c ON c.id = a.leak_case WHERE c.state = 'new' AND a.bundle IS NULL \
                         AND (a.state = 'dead' OR (a.state = 'queued' AND a.attempts > 0 AND a.created_at <= $1)) \
                         GROUP BY a.organization ORDER BY a.organization";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![late_from]).await?;
        rows.iter()
            .map(|row| {
                Ok(Undelivered {
                    organization: row.text(0)?,
                    dead: row.count(1)?,
                    late: row.count(2)?,
                    since: row.time(3)?,
                    failure: row.maybe_text(4)?,
                })
            })
            .collect()
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

    /// Ends the settling of every queued alert: a crawl that is over waits for nothing more. Retries, and what is held for a
    /// later hour, keep their times.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hurry_alerts(&self, now: Timestamp) -> Result<(), StoreError> {
        let statement = "UPDATE alert SET due_at = $1 WHERE state = 'queued' AND attempts = 0 AND due_at > $1 \
                         AND held_until IS NULL";
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
                         attempts, last_error, sent_at, failure, held_until, escalates, frozen_at FROM alert WHERE $1 = '' OR organization = $1 \
                         ORDER BY created_at DESC, id";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![organization]).await?;
        rows.iter().map(alert_row).collect()
    }

    /// Returns what was written for a channel, the newest first: what a feed shows.
    ///
    /// # Errors
    /// When the database fails or an entry does not open.
    pub async fn written_for(
        &self,
        organization: &OrganizationId,
        recipient: &str,
        limit: u32,
    ) -> Result<Vec<(Timestamp, String)>, StoreError> {
        let statement = "SELECT id, sealed_frozen, frozen_at FROM alert WHERE organization = $1 AND contact = $2 \
                         AND state = 'sent' AND sealed_frozen IS NOT NULL ORDER BY frozen_at DESC, id LIMIT $3";
        let values = values![&organization.0, recipient, limit];
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values).await?;
        rows.iter()
            .map(|row| {
                let sealed = row.maybe_bytes(1)?.unwrap_or_default();
                let text = self.open_text(&sealed, &frozen_context(&row.text(0)?))?;
                Ok((row.time(2)?, text.reveal().clone()))
            })
            .collect()
    }

    /// Counts the alerts that are still to be sent; those that wait for a contact, or for a later hour, are not among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pending_alerts(&self, now: Timestamp) -> Result<u64, StoreError> {
        let statement = "SELECT COUNT(*) FROM alert WHERE state = 'queued' AND contact <> '' AND bundle IS NULL \
                         AND (held_until IS NULL OR held_until <= $1 OR frozen_at IS NOT NULL)";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![now]).await?;
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

/// Returns the alerts of these cases, the oldest first.
pub(super) async fn alerts_of(connection: &mut AnyConnection, cases: &[String]) -> Result<Vec<AlertRow>, StoreError> {
    let head = "SELECT id, organization, leak_case, contact, reason, state, message_id, created_at, due_at, attempts, \
                last_error, sent_at, failure, held_until, escalates, frozen_at FROM alert WHERE leak_case IN";
    let rows = sql::fetch_in(connection, head, &[], cases).await?;
    let mut alerts = rows.iter().map(alert_row).collect::<Result<Vec<_>, _>>()?;
    alerts.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    Ok(alerts)
}

pub(super) fn alert_row(row: &AnyRow) -> Result<AlertRow, StoreError> {
    let id = row.text(0)?;
    // What is written is no longer held, and what is over neither.
    let is_open = row.text(5)? == "queued" && row.maybe_int(15)?.is_none();
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
        failure: row.maybe_text(12)?,
        held_until: row.maybe_time(13)?.filter(|_| is_open),
        escalates: row.int(14)? != 0,
        id,
    })
}

fn attempts(row: &AnyRow, index: usize) -> Result<u32, StoreError> {
    Ok(u32::try_from(row.int(index)?).unwrap_or(u32::MAX))
}

pub(super) fn frozen_context(id: &str) -> String {
    format!("alert/{id}")
}
