//! Signed heads of the ledger, their mails and their time stamps; each leaves a row in the ledger itself.
//!
//! Not here: what a head says (`domain::evidence::head`), signing it, asking an authority.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::ledger::{self, Note};
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError, ids};
use crate::domain::evidence::head::{self, Head};
use crate::domain::evidence::ledger::{Kind, hash_parts, sha256};

const COLUMNS: &str = "day, number, signed_at, document, signature, public_key, stamp, stamped_at, stamp_due_at, \
                       stamp_attempts, stamp_error";

/// A head as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRow {
    /// The day (UTC), `2026-11-27`.
    pub day: String,
    /// The last row of the ledger that it covers.
    pub number: i64,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// What was signed.
    pub document: String,
    /// The signature, in base64.
    pub signature: String,
    /// The key that it is checked with, in PEM.
    pub public_key: String,
    /// A time-stamping authority's answer, and when it says the head was there.
    pub stamp: Option<(Vec<u8>, Timestamp)>,
    /// When the authority is asked next; `None` when it is not.
    pub stamp_due_at: Option<Timestamp>,
    /// How often it was asked in vain.
    pub stamp_attempts: u32,
    /// What went wrong the last time.
    pub stamp_error: Option<String>,
}

impl HeadRow {
    /// Hashes all of it but the stamp (hex): what the ledger holds of it.
    pub fn digest(&self) -> String {
        hash_parts(&["head/1", &self.day, &self.document, &self.signature, &self.public_key])
    }
}

impl Store {
    /// Counts the rows of the ledger up to a number, by kind.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ledger_counts(&self, number: i64) -> Result<BTreeMap<Kind, u64>, StoreError> {
        let statement = "SELECT kind, COUNT(*) FROM ledger WHERE number <= $1 GROUP BY kind";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![number]).await?;
        let count = |row: &AnyRow| {
            let word = row.text(0)?;
            let kind = Kind::parse(&word).ok_or_else(|| StoreError::damaged("ledger", word))?;
            Ok((kind, row.count(1)?))
        };
        rows.iter().map(count).collect()
    }

    /// Returns all heads, by the rows they cover.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heads(&self) -> Result<Vec<HeadRow>, StoreError> {
        let statement = select("ORDER BY number, day");
        let rows = sql::fetch_made(&mut *self.reader.acquire().await?, statement, values![]).await?;
        rows.iter().map(head_row).collect()
    }

    /// Returns the newest head.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_head(&self) -> Result<Option<HeadRow>, StoreError> {
        let statement = select("ORDER BY number DESC, day DESC LIMIT 1");
        let rows = sql::fetch_made(&mut *self.reader.acquire().await?, statement, values![]).await?;
        rows.first().map(head_row).transpose()
    }

    /// Tells whether there is a head of that day.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_head(&self, day: &str) -> Result<bool, StoreError> {
        let statement = "SELECT COUNT(*) FROM ledger_head WHERE day = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![day]).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))? > 0)
    }

    /// Puts a day's head on record, and a mail with it to each recipient into the outbox, in one transaction; if the day has
    /// a head already, nothing happens. Returns whether it was taken.
    ///
    /// # Errors
    /// When the database fails; nothing is written then.
    pub async fn record_head(&self, row: &HeadRow, recipients: &[String], now: Timestamp) -> Result<bool, StoreError> {
        let parsed = Head::parse(&row.document).ok_or_else(|| StoreError::damaged("head", &row.day))?;
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = "INSERT INTO ledger_head (day, number, signed_at, document, signature, public_key, stamp_due_at, \
                         stamp_attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT (day) DO NOTHING";
        let HeadRow { day, number, document, signature, public_key, .. } = row;
        let values = values![day, *number, row.signed_at, document, signature, public_key, row.stamp_due_at];
        if sql::execute(connection, statement, values).await? == 0 {
            return Ok(false);
        }
        for recipient in recipients {
            let id = format!("O-{}", ids::base32(&["operator/1", "head", day, recipient], 16));
            let statement = "INSERT INTO operator_mail (id, recipient, message_id, subject, body, state, created_at, due_at, \
                             attempts) VALUES ($1, $2, $3, $4, $5, 'queued', $6, $6, 0) ON CONFLICT (id) DO NOTHING";
            let (subject, body) = (head::subject(&parsed), head::letter(document, signature, public_key));
            let values = values![&id, recipient, ids::message(&id), subject, body, now];
            sql::execute(connection, statement, values).await?;
        }
        let digest = row.digest();
        ledger::append(connection, &[Note { kind: Kind::Head, organization: "", subject: day, digest: &digest }], now)
            .await?;
        write.commit().await?;
        Ok(true)
    }

    /// Returns the heads of which an authority is to be asked now, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heads_to_stamp(&self, now: Timestamp) -> Result<Vec<HeadRow>, StoreError> {
        let statement = select("WHERE stamp IS NULL AND stamp_due_at <= $1 ORDER BY number");
        let rows = sql::fetch_made(&mut *self.reader.acquire().await?, statement, values![now]).await?;
        rows.iter().map(head_row).collect()
    }

    /// Keeps an authority's answer; the first one counts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_stamp(
        &self,
        day: &str,
        (stamp, stamped_at): (&[u8], Timestamp),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = "UPDATE ledger_head SET stamp = $1, stamped_at = $2, stamp_due_at = NULL, stamp_error = NULL \
                         WHERE day = $3 AND stamp IS NULL";
        if sql::execute(connection, statement, values![stamp.to_vec(), stamped_at, day]).await? > 0 {
            let digest = sha256(stamp);
            let note = Note { kind: Kind::Stamp, organization: "", subject: day, digest: &digest };
            ledger::append(connection, &[note], now).await?;
        }
        write.commit().await
    }

    /// Notes that an authority was asked in vain, and when it is asked again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stamp_failed(&self, day: &str, error: &str, retry_at: Timestamp) -> Result<(), StoreError> {
        let statement = "UPDATE ledger_head SET stamp_attempts = stamp_attempts + 1, stamp_error = $1, stamp_due_at = $2 \
                         WHERE day = $3 AND stamp IS NULL";
        let mut write = self.begin(Durability::Process).await?;
        sql::execute(write.connection(), statement, values![error, retry_at, day]).await?;
        write.commit().await
    }

    /// Makes heads due to be stamped that were signed while no authority was configured; returns how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn want_stamps(&self, now: Timestamp) -> Result<u64, StoreError> {
        let missing = "FROM ledger_head WHERE stamp IS NULL AND stamp_due_at IS NULL";
        let count =
            sql::fetch_made(&mut *self.reader.acquire().await?, format!("SELECT COUNT(*) {missing}"), values![])
                .await?
                .first()
                .map_or(Ok(0), |row| row.count(0))?;
        if count == 0 {
            return Ok(0);
        }
        let statement = "UPDATE ledger_head SET stamp_due_at = $1 WHERE stamp IS NULL AND stamp_due_at IS NULL";
        let mut write = self.begin(Durability::Process).await?;
        let wanted = sql::execute(write.connection(), statement, values![now]).await?;
        write.commit().await?;
        Ok(wanted)
    }
}

impl Store {
    /// Makes every missing stamp due now that was asked for in vain before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hurry_stamps(&self, now: Timestamp) -> Result<(), StoreError> {
        let statement = "UPDATE ledger_head SET stamp_due_at = $1 WHERE stamp IS NULL AND stamp_due_at > $1";
        let mut write = self.begin(Durability::Process).await?;
        sql::execute(write.connection(), statement, values![now]).await?;
        write.commit().await
    }
}

fn select(rest: &str) -> String {
    format!("SELECT {COLUMNS} FROM ledger_head {rest}")
}

fn head_row(row: &AnyRow) -> Result<HeadRow, StoreError> {
    let stamp = row.maybe_bytes(6)?.filter(|stamp| !stamp.is_empty());
    let stamped_at = row.maybe_time(7)?;
    Ok(HeadRow {
        day: row.text(0)?,
        number: row.int(1)?,
        signed_at: row.time(2)?,
        document: row.text(3)?,
        signature: row.text(4)?,
        public_key: row.text(5)?,
        stamp: stamp.map(|stamp| (stamp, stamped_at.unwrap_or_default())),
        stamp_due_at: row.maybe_time(8)?,
        stamp_attempts: u32::try_from(row.int(9)?).unwrap_or(u32::MAX),
        stamp_error: row.maybe_text(10)?,
    })
}
