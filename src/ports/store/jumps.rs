//! A clock that was ahead and has been set back: what was planned by it is pulled back, else it would wait until time has
//! caught up.

use jiff::{SignedDuration, Timestamp};

use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError};

/// By less than this, clocks of several workers may differ.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(10);
/// Later than this many milliseconds from now, something waits for a person.
const FAR_MS: i64 = 100 * 365 * 86_400_000;

impl Store {
    /// Pulls everything that was planned by a clock that was ahead back by as much; returns by how much that was, or `None`
    /// if nothing on record lies in the future.
    ///
    /// # Errors
    /// When the database fails; nothing has changed then.
    pub async fn mend_clock(&self, now: Timestamp) -> Result<Option<SignedDuration>, StoreError> {
        const LATEST: &str = "SELECT MAX(CASE WHEN COALESCE(last_failure_at, 0) > COALESCE(last_success_at, 0) \
                              THEN last_failure_at ELSE last_success_at END) FROM source";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, LATEST, values![]).await?;
        let latest = row.map_or(Ok(None), |row| row.maybe_time(0))?.unwrap_or(now);
        let ahead = latest.duration_since(now);
        if ahead < TOLERANCE {
            return Ok(None);
        }
        let by = i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX);
        let far = now.as_millisecond().saturating_add(FAR_MS);
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        for statement in [
            "UPDATE frontier SET due_at = due_at - $2 WHERE due_at > $1 AND due_at < $3",
            "UPDATE frontier SET lease_until = lease_until - $2 WHERE lease_until > $1 AND lease_until < $3",
            "UPDATE source SET wait_until = wait_until - $2 WHERE wait_until > $1 AND wait_until < $3",
            "UPDATE source SET next_allowed_at = next_allowed_at - $2 WHERE next_allowed_at > $1 AND next_allowed_at < $3",
            "UPDATE source SET last_success_at = last_success_at - $2 WHERE last_success_at > $1 AND last_success_at < $3",
            "UPDATE source SET last_failure_at = last_failure_at - $2 WHERE last_failure_at > $1 AND last_failure_at < $3",
            "UPDATE source SET ready_at = 0 WHERE ready_at > $1 AND $2 > 0 AND ready_at < $3",
            "UPDATE alert SET due_at = due_at - $2 WHERE state = 'queued' AND due_at > $1 AND due_at < $3",
            "UPDATE alert SET lease_until = lease_until - $2 WHERE lease_until > $1 AND lease_until < $3",
            "UPDATE operator_mail SET due_at = due_at - $2 WHERE state = 'queued' AND due_at > $1 AND due_at < $3",
            "UPDATE operator_mail SET lease_until = lease_until - $2 WHERE lease_until > $1 AND lease_until < $3",
            "UPDATE ledger_head SET stamp_due_at = stamp_due_at - $2 WHERE stamp_due_at > $1 AND stamp_due_at < $3",
        ] {
            sql::execute(connection, statement, values![now, by, far]).await?;
        }
        write.commit().await?;
        Ok(Some(ahead))
    }
}
