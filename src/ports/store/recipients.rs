//! Who an alert goes to: confirmed contacts at once or when nobody acknowledges, channels, and what becomes of alerts when
//! those change; alerts that wait for a later hour or share a mail.
//!
//! Not here: sending (`outbox`), when that hour is (`domain::alert::timing`), confirming (`contacts`).

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::model::AlertClaim;
use super::sql::{self, Columns, values};
use super::watchlists::parse;
use super::{Durability, Store, StoreError, ids};
use crate::domain::alert::AlertReason;
use crate::domain::alert::timing::Before;
use crate::domain::case::State;
use crate::domain::watchlist::{Channel, Contact, OrganizationId};

/// Most alerts that one mail tells of.
const BUNDLE_LIMIT: i64 = 40;

impl Store {
    /// Puts an alert off that was claimed, untried: it is due again at `until`; whether it may then share a mail.
    ///
    /// # Errors
    /// When the database fails; the lease runs out by itself then.
    pub async fn hold_alert(&self, claim: &AlertClaim, until: Timestamp, gathers: bool) -> Result<(), StoreError> {
        let statement = "UPDATE alert SET due_at = $1, held_until = $1, gathers = $2, lease = NULL, lease_until = NULL \
                         WHERE id = $3 AND lease = $4 AND state = 'queued' AND frozen_at IS NULL";
        let mut write = self.begin(Durability::Process).await?;
        let values = values![until, i64::from(gathers), &claim.id, &claim.lease];
        sql::execute(write.connection(), statement, values).await?;
        write.commit().await
    }

    /// Drops an alert that was claimed and need not be sent any more; says why in its last error.
    ///
    /// # Errors
    /// When the database fails; the lease runs out by itself then.
    pub async fn drop_alert(&self, claim: &AlertClaim, why: &str) -> Result<(), StoreError> {
        let statement = "UPDATE alert SET state = 'dropped', last_error = $1, lease = NULL, lease_until = NULL \
                         WHERE id = $2 AND lease = $3 AND state = 'queued'";
        let mut write = self.begin(Durability::Power).await?;
        sql::execute(write.connection(), statement, values![why, &claim.id, &claim.lease]).await?;
        write.commit().await
    }

    /// Returns the other alerts to the same contact that have waited as this one has and may share its mail, the oldest
    /// first. They are not leased: freezing the mail takes them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gathered_alerts(&self, claim: &AlertClaim, now: Timestamp) -> Result<Vec<AlertClaim>, StoreError> {
        let statement = "SELECT id FROM alert WHERE organization = $1 AND contact = $2 AND state = 'queued' AND gathers = 1 \
                         AND frozen_at IS NULL AND due_at <= $3 AND (lease IS NULL OR lease_until <= $3) AND id <> $4 \
                         ORDER BY created_at, id LIMIT $5";
        let values = values![&claim.organization.0, &claim.contact, now, &claim.id, BUNDLE_LIMIT];
        let mut connection = self.reader.acquire().await?;
        let mut claims = Vec::new();
        for row in sql::fetch(&mut connection, statement, values).await? {
            claims.push(self.alert_claim(&mut connection, &row.text(0)?).await?);
        }
        Ok(claims)
    }

    /// Counts the mails that went to an organization since then; and tells when the first of them did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mails_since(
        &self,
        organization: &OrganizationId,
        since: Timestamp,
    ) -> Result<(u64, Option<Timestamp>), StoreError> {
        let statement = "SELECT COUNT(*), MIN(sent_at) FROM alert WHERE organization = $1 AND sent_at > $2 \
                         AND bundle IS NULL AND contact NOT LIKE 'channel:%'";
        let row =
            sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![&organization.0, since]).await?;
        row.map_or(Ok((0, None)), |row| Ok((row.count(0)?, row.maybe_time(1)?)))
    }

    /// Tells how the alerts of the same case stand that go to people at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn told_before(&self, claim: &AlertClaim) -> Result<Vec<Before>, StoreError> {
        let statement = "SELECT state, due_at, sent_at FROM alert WHERE leak_case = $1 AND escalates = 0 AND contact <> '' \
                         AND contact NOT LIKE 'channel:%'";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![&claim.case]).await?;
        rows.iter()
            .map(|row| {
                Ok(match (row.text(0)?.as_str(), row.maybe_time(2)?) {
                    ("sent", Some(sent_at)) => Before::Sent(sent_at),
                    ("queued", _) => Before::Waiting(row.time(1)?),
                    (_, _) => Before::Lost,
                })
            })
            .collect()
    }
}

/// Somebody or something that is told.
struct Recipient {
    name: String,
    /// How long the others have before it is told; `None` is told at once.
    after: Option<Duration>,
}

/// Returns who is told: confirmed contacts, those first that are told at once, and channels. If all contacts are to be told
/// later, those who would be first are told at once.
async fn recipients(connection: &mut AnyConnection, organization: &str) -> Result<Vec<Recipient>, StoreError> {
    let statement = "SELECT address, document FROM contact WHERE organization = $1 AND confirmed_at IS NOT NULL \
                     ORDER BY confirmed_at, address";
    let mut contacts = Vec::new();
    for row in sql::fetch(connection, statement, values![organization]).await? {
        let address = row.text(0)?;
        let contact: Contact = parse("contact", &address, &row.text(1)?)?;
        contacts.push((contact.after.unwrap_or_default(), address));
    }
    contacts.sort_by_key(|(after, _)| *after);
    let first = contacts.first().map(|(after, _)| *after).unwrap_or_default();
    let contacts =
        contacts.into_iter().map(|(after, name)| Recipient { name, after: (after > first).then_some(after) });
    let mut recipients: Vec<Recipient> = contacts.collect();
    if recipients.is_empty() {
        recipients.push(Recipient { name: String::new(), after: None });
    }
    let statement = "SELECT name FROM channel WHERE organization = $1 ORDER BY name";
    for row in sql::fetch(connection, statement, values![organization]).await? {
        let name = format!("{}{}", Channel::PREFIX, row.text(0)?);
        recipients.push(Recipient { name, after: None });
    }
    Ok(recipients)
}

/// Queues an alert for each recipient; one row without a contact if there is no confirmed one. A recipient whose alert of
/// this case is not rendered yet gets no second one: the first will tell, and is looked at anew if it is held. Who is told
/// later is not told of a case that somebody looks after. Returns how many were queued.
pub(super) async fn queue(
    connection: &mut AnyConnection,
    (organization, case): (&str, &str),
    reason: AlertReason,
    (now, due): (Timestamp, Timestamp),
) -> Result<u64, StoreError> {
    let statement = "SELECT state FROM leak_case WHERE id = $1";
    let state = sql::fetch_one(connection, statement, values![case]).await?.map(|row| row.text(0)).transpose()?;
    let is_new = state.as_deref() == Some(State::New.as_str());
    let mut queued = 0;
    for recipient in recipients(connection, organization).await? {
        let Counts { before, waiting, told } = counts(connection, case, &recipient.name).await?;
        let later = recipient.after.filter(|_| told == 0);
        if waiting > 0 {
            let statement = "UPDATE alert SET due_at = $1 WHERE leak_case = $2 AND contact = $3 AND state = 'queued' \
                             AND frozen_at IS NULL AND escalates = 0 AND held_until IS NOT NULL AND due_at > $1";
            sql::execute(connection, statement, values![due, case, &recipient.name]).await?;
            continue;
        }
        if later.is_some() && !is_new {
            continue;
        }
        let id = ids::alert(case, &recipient.name, before);
        // How long the others have counts from when they were told: that is looked at then.
        let held = later.map(|after| due.checked_add(after).unwrap_or(Timestamp::MAX));
        let due = held.unwrap_or(due);
        let statement = "INSERT INTO alert (id, organization, leak_case, contact, reason, state, message_id, created_at, \
                         due_at, attempts, escalates, held_until) VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, 0, $9, $10) \
                         ON CONFLICT (id) DO NOTHING";
        let (message, escalates) = (ids::message(&id), i64::from(later.is_some()));
        let mut values = values![&id, organization, case, recipient.name, reason.as_str(), message, now, due];
        values.extend(values![escalates, held]);
        queued += sql::execute(connection, statement, values).await?;
    }
    Ok(queued)
}

/// Alerts of one case to one recipient.
struct Counts {
    before: u64,
    waiting: u64,
    told: u64,
}

async fn counts(connection: &mut AnyConnection, case: &str, contact: &str) -> Result<Counts, StoreError> {
    let statement = "SELECT COUNT(*), \
                     CAST(SUM(CASE WHEN state = 'queued' AND frozen_at IS NULL THEN 1 ELSE 0 END) AS BIGINT), \
                     CAST(SUM(CASE WHEN state IN ('queued', 'sent') AND frozen_at IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) \
                     FROM alert WHERE leak_case = $1 AND contact = $2";
    let row = sql::fetch_one(connection, statement, values![case, contact]).await?;
    let count = |index| row.as_ref().map_or(Ok(0), |row| row.count(index));
    Ok(Counts { before: count(0)?, waiting: count(1)?, told: count(2)? })
}

/// Tells whether any alert of a case was rendered: its content may have reached the organization.
pub(super) async fn is_told(connection: &mut AnyConnection, case: &str) -> Result<bool, StoreError> {
    let statement = "SELECT COUNT(*) FROM alert WHERE leak_case = $1 AND frozen_at IS NOT NULL";
    let row = sql::fetch_one(connection, statement, values![case]).await?;
    Ok(row.map_or(Ok(0), |row| row.count(0))? > 0)
}

/// Drops a case's alerts that are not rendered yet: the case it became part of tells instead.
pub(super) async fn drop_waiting(connection: &mut AnyConnection, case: &str) -> Result<(), StoreError> {
    let statement = "UPDATE alert SET state = 'dropped', lease = NULL, lease_until = NULL \
                     WHERE leak_case = $1 AND state = 'queued' AND frozen_at IS NULL";
    sql::execute(connection, statement, values![case]).await.map(drop)
}

/// Gives alerts that wait for a contact to the first confirmed one.
pub(super) async fn assign_waiting(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<(), StoreError> {
    let first = recipients(connection, &organization.0).await?.into_iter().next().map(|recipient| recipient.name);
    let Some(contact) = first.filter(|name| !name.is_empty()) else { return Ok(()) };
    // A case of which that contact has an unrendered alert already needs no second one.
    let statement = "UPDATE alert SET state = 'dropped' WHERE organization = $1 AND contact = '' AND state = 'queued' \
                     AND leak_case IN (SELECT leak_case FROM alert WHERE organization = $1 AND contact = $2 \
                     AND state = 'queued' AND frozen_at IS NULL)";
    sql::execute(connection, statement, values![&organization.0, &contact]).await?;
    let statement = "UPDATE alert SET contact = $2 WHERE organization = $1 AND contact = '' AND state = 'queued'";
    sql::execute(connection, statement, values![&organization.0, &contact]).await.map(drop)
}

/// Takes queued alerts from recipients that are no longer in the watchlist: rendered ones are dropped, and those of channels;
/// the others wait for, or go to, a confirmed contact.
pub(super) async fn withdraw(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    removed: &[String],
) -> Result<(), StoreError> {
    for contact in removed {
        let statement = "UPDATE alert SET state = 'dropped', lease = NULL, lease_until = NULL WHERE organization = $1 \
                         AND contact = $2 AND state = 'queued' AND (frozen_at IS NOT NULL OR escalates = 1 OR $3 = 1)";
        let is_channel = i64::from(contact.starts_with(Channel::PREFIX));
        sql::execute(connection, statement, values![&organization.0, contact, is_channel]).await?;
        let statement = "UPDATE alert SET contact = '', held_until = NULL, lease = NULL, lease_until = NULL \
                         WHERE organization = $1 AND contact = $2 AND state = 'queued'";
        sql::execute(connection, statement, values![&organization.0, contact]).await?;
        let statement = "DELETE FROM contact_question WHERE organization = $1 AND address = $2";
        sql::execute(connection, statement, values![&organization.0, contact]).await?;
    }
    assign_waiting(connection, organization).await
}
