//! Alarms that stand, and the operator's outbox: one message by each way when an alarm comes, one when it goes, in the same
//! transaction.
//!
//! Not here: what counts as unwell and what a mail says (`domain::health`).

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::claims::lease_name;
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError, ids};
use crate::domain::health::{Alarm, AlarmKind, Occasion, body, subject};

/// An alarm, and since when it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandingAlarm {
    /// What is not well.
    #[serde(flatten)]
    pub alarm: Alarm,
    /// Since when.
    pub since: Timestamp,
}

/// Where the operator is told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recipients<'a> {
    /// A mail address.
    pub mail: Option<&'a str>,
    /// The webhook of the settings.
    pub hook: bool,
}

/// What a look at the alarms changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turned {
    /// Alarms that have come.
    pub onsets: u64,
    /// Alarms that have gone.
    pub cleared: u64,
}

/// How the operator is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorWay {
    /// By mail.
    Mail,
    /// By a post to the operator's own webhook, whose address is known to the settings alone.
    Hook,
}

impl OperatorWay {
    /// What stands in the outbox for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Hook => "hook",
        }
    }
}

/// A mail to the operator, leased to be sent.
#[derive(Debug, Clone)]
pub struct OperatorMail {
    /// Its id.
    pub id: String,
    /// To whom; `hook` for a post.
    pub recipient: String,
    /// The same on every try.
    pub message_id: String,
    /// Message-ID of the mail about the onset, for the one that says it is over.
    pub thread_root: Option<String>,
    /// Subject line.
    pub subject: String,
    /// Text.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// Failed tries before this one.
    pub attempts: u32,
    /// Who sends it.
    pub lease: String,
}

impl Store {
    /// Puts the alarms that hold now on record: those that are new and those that no longer hold are told to `operator`
    /// by each of these ways, a mail address or [`OperatorWay::Hook`], by a row of the outbox in the same transaction.
    ///
    /// # Errors
    /// When the database fails; nothing is written then.
    pub async fn settle_alarms(
        &self,
        alarms: &[Alarm],
        operator: &Recipients<'_>,
        now: Timestamp,
    ) -> Result<Turned, StoreError> {
        let standing = self.standing_alarms().await?;
        let is_same = |one: &Alarm, other: &Alarm| (one.kind, &one.subject) == (other.kind, &other.subject);
        let is_settled = standing.len() == alarms.len()
            && standing.iter().all(|stands| alarms.iter().any(|alarm| is_same(alarm, &stands.alarm)));
        if is_settled {
            return Ok(Turned::default());
        }
        let mut turned = Turned::default();
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        for alarm in alarms {
            let statement = "INSERT INTO alarm (kind, subject, detail, mend, since) VALUES ($1, $2, $3, $4, $5) \
                             ON CONFLICT (kind, subject) DO NOTHING";
            let values = values![alarm.kind.word(), &alarm.subject, &alarm.detail, &alarm.mend, now];
            if sql::execute(connection, statement, values).await? > 0 {
                turned.onsets += 1;
                queue(connection, (alarm, Occasion::Onset), operator, (now, now)).await?;
            }
        }
        for StandingAlarm { alarm, since } in &standing {
            if alarms.iter().any(|held| is_same(held, alarm)) {
                continue;
            }
            let statement = "DELETE FROM alarm WHERE kind = $1 AND subject = $2 AND since = $3";
            if sql::execute(connection, statement, values![alarm.kind.word(), &alarm.subject, *since]).await? > 0 {
                turned.cleared += 1;
                queue(connection, (alarm, Occasion::Cleared), operator, (*since, now)).await?;
            }
        }
        write.commit().await?;
        Ok(turned)
    }

    /// Returns the alarms that stand, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing_alarms(&self) -> Result<Vec<StandingAlarm>, StoreError> {
        let statement = "SELECT kind, subject, detail, mend, since FROM alarm ORDER BY since, kind, subject";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![]).await?;
        rows.iter()
            .map(|row| {
                let word = row.text(0)?;
                let kind = AlarmKind::parse(&word).ok_or_else(|| StoreError::damaged("alarm", &word))?;
                let alarm = Alarm { kind, subject: row.text(1)?, detail: row.text(2)?, mend: row.text(3)? };
                Ok(StandingAlarm { alarm, since: row.time(4)? })
            })
            .collect()
    }

    /// Leases the message to the operator by one way that is due longest, if one is.
    ///
    /// # Errors
    /// When the database fails; nothing is leased then.
    pub async fn claim_operator_mail(
        &self,
        way: OperatorWay,
        worker: &str,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Option<OperatorMail>, StoreError> {
        const DUE: &str = "SELECT id, recipient, message_id, thread_root, subject, body, created_at, attempts \
                           FROM operator_mail WHERE state = 'queued' AND due_at <= $1 \
                           AND CASE recipient WHEN 'hook' THEN 'hook' ELSE 'mail' END = $2 \
                           AND (lease IS NULL OR lease_until <= $1) ORDER BY due_at, created_at, id LIMIT 1";
        if sql::fetch_one(&mut *self.reader.acquire().await?, DUE, values![now, way.word()]).await?.is_none() {
            return Ok(None);
        }
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        let rows = sql::fetch_locking(connection, DUE, self.dialect.lock_suffix(), values![now, way.word()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mail = mail(row, lease_name(worker)?)?;
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        let statement = "UPDATE operator_mail SET lease = $1, lease_until = $2 WHERE id = $3";
        sql::execute(connection, statement, values![&mail.lease, until, &mail.id]).await?;
        write.commit().await?;
        Ok(Some(mail))
    }

    /// Notes that a mail server took a mail to the operator.
    ///
    /// # Errors
    /// When the database fails; the mail may be sent again then, under the same Message-ID.
    pub async fn operator_mail_sent(&self, mail: &OperatorMail, now: Timestamp) -> Result<(), StoreError> {
        let statement = "UPDATE operator_mail SET state = 'sent', sent_at = $1, lease = NULL, lease_until = NULL, \
                         last_error = NULL WHERE id = $2";
        let mut write = self.begin(Durability::Power).await?;
        sql::execute(write.connection(), statement, values![now, &mail.id]).await?;
        write.commit().await
    }

    /// Notes that a mail to the operator could not be sent; to be tried again at `retry_at`, or given up.
    ///
    /// # Errors
    /// When the database fails; the lease runs out by itself then.
    pub async fn operator_mail_failed(
        &self,
        mail: &OperatorMail,
        error: &str,
        retry_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let state = if retry_at.is_some() { "queued" } else { "dead" };
        let statement = "UPDATE operator_mail SET state = $1, due_at = COALESCE($2, due_at), attempts = attempts + 1, \
                         last_error = $3, lease = NULL, lease_until = NULL WHERE id = $4 AND lease = $5";
        let mut write = self.begin(Durability::Power).await?;
        sql::execute(write.connection(), statement, values![state, retry_at, error, &mail.id, &mail.lease]).await?;
        write.commit().await
    }
}

async fn queue(
    connection: &mut AnyConnection,
    (alarm, occasion): (&Alarm, Occasion),
    operator: &Recipients<'_>,
    (since, now): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let id = |occasion: &str| {
        let since = since.as_millisecond().to_string();
        format!("O-{}", ids::base32(&["operator/1", alarm.kind.word(), &alarm.subject, &since, occasion], 16))
    };
    let onset = id("onset");
    let (id, root) = match occasion {
        Occasion::Onset => (onset, None),
        Occasion::Cleared => (id("cleared"), Some(ids::message(&onset))),
    };
    let text = body(alarm, occasion, since, now);
    let statement = "INSERT INTO operator_mail (id, recipient, message_id, thread_root, subject, body, state, created_at, \
                     due_at, attempts) VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $7, 0) ON CONFLICT (id) DO NOTHING";
    let hook = operator.hook.then(|| (OperatorWay::Hook.word(), format!("{id}-hook")));
    for (recipient, id) in operator.mail.map(|address| (address, id)).into_iter().chain(hook) {
        let values = values![&id, recipient, ids::message(&id), root.clone(), subject(alarm, occasion), &text, now];
        sql::execute(connection, statement, values).await?;
    }
    Ok(())
}

fn mail(row: &AnyRow, lease: String) -> Result<OperatorMail, StoreError> {
    Ok(OperatorMail {
        id: row.text(0)?,
        recipient: row.text(1)?,
        message_id: row.text(2)?,
        thread_root: row.maybe_text(3)?,
        subject: row.text(4)?,
        body: row.text(5)?,
        created_at: row.time(6)?,
        attempts: u32::try_from(row.int(7)?).unwrap_or(u32::MAX),
        lease,
    })
}
