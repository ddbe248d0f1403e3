//! Who is logged in to the console: one row a browser, known by a digest of its cookie.

use jiff::{SignedDuration, Timestamp};
use sqlx::any::AnyRow;

use super::sql::{self, Columns, values};
use super::users::UserRow;
use super::{Durability, Store, StoreError};
use crate::domain::secret::Secret;

/// A session ends when nothing was asked for so long.
const IDLE: SignedDuration = SignedDuration::from_hours(4);
/// How often it is noted that a session was seen.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// How far a login has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The password was right; a code is wanted.
    Code,
    /// The password was right; a second factor must be set up.
    Setup,
    /// Logged in.
    Full,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Code, Self::Setup, Self::Full];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Setup => "setup",
            Self::Full => "full",
        }
    }
}

/// A browser that is, or is being, logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSession {
    /// Its name in the store; tells nothing of the cookie.
    pub id: String,
    /// How far it has come.
    pub stage: Stage,
    /// When it began.
    pub created_at: Timestamp,
    /// When something was asked for last, to the minute.
    pub seen_at: Timestamp,
    /// When it ends in any case.
    pub expires_at: Timestamp,
    /// From where it began.
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
}

impl Store {
    /// Begins a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_console_session(
        &self,
        token: &Secret<String>,
        (user, stage): (&str, Stage),
        (address, agent): (&str, &str),
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        let statement = "DELETE FROM console_session WHERE expires_at < $1 OR seen_at < $2";
        sql::execute(connection, statement, values![now, now - IDLE]).await?;
        let statement = "INSERT INTO console_session (digest, console_user, stage, created_at, seen_at, expires_at, \
                         address, agent) VALUES ($1, $2, $3, $4, $4, $5, $6, $7)";
        let digest = self.digest_of("session", token.reveal());
        let values = values![digest, user, stage.as_str(), now, expires_at, address, agent];
        sql::execute(connection, statement, values).await?;
        write.commit().await
    }

    /// Returns the session of a cookie and whose it is, while it counts; notes that it was seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn console_session(
        &self,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<Option<(ConsoleSession, UserRow)>, StoreError> {
        let digest = self.digest_of("session", token.reveal());
        let mut connection = self.reader.acquire().await?;
        let statement = "SELECT digest, stage, created_at, seen_at, expires_at, address, agent, console_user \
                         FROM console_session WHERE digest = $1 AND expires_at >= $2 AND seen_at >= $3";
        let row = sql::fetch_one(&mut connection, statement, values![&digest, now, now - IDLE]).await?;
        drop(connection);
        let Some(row) = row else { return Ok(None) };
        let session = session(&row)?;
        let user = self.user(&row.text(7)?).await?.filter(|user| user.disabled_at.is_none());
        if session.seen_at + SEEN_EVERY < now {
            let mut write = self.begin(Durability::Process).await?;
            let statement = "UPDATE console_session SET seen_at = $1 WHERE digest = $2";
            sql::execute(write.connection(), statement, values![now, &digest]).await?;
            write.commit().await?;
        }
        Ok(user.map(|user| (session, user)))
    }

    /// Returns a user's sessions that count, the latest seen first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn console_sessions(&self, user: &str, now: Timestamp) -> Result<Vec<ConsoleSession>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let statement = "SELECT digest, stage, created_at, seen_at, expires_at, address, agent FROM console_session \
                         WHERE console_user = $1 AND expires_at >= $2 AND seen_at >= $3 ORDER BY seen_at DESC, digest";
        let rows = sql::fetch(&mut connection, statement, values![user, now, now - IDLE]).await?;
        rows.iter().map(session).collect()
    }

    /// Ends a session of a user, by its id; returns whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_console_session(&self, user: &str, id: &str) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let statement = "DELETE FROM console_session WHERE console_user = $1 AND digest = $2";
        let ended = sql::execute(write.connection(), statement, values![user, id]).await?;
        write.commit().await?;
        Ok(ended > 0)
    }

    /// Ends every session of a user; returns how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_console_sessions(&self, user: &str) -> Result<u64, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let statement = "DELETE FROM console_session WHERE console_user = $1";
        let ended = sql::execute(write.connection(), statement, values![user]).await?;
        write.commit().await?;
        Ok(ended)
    }

    /// Returns the token that forms of a session carry: no other site can know it.
    pub fn form_token(&self, session: &ConsoleSession) -> String {
        self.digest_of("form", &session.id)
    }
}

fn session(row: &AnyRow) -> Result<ConsoleSession, StoreError> {
    let (id, word) = (row.text(0)?, row.text(1)?);
    let stage = Stage::ALL.into_iter().find(|stage| stage.as_str() == word);
    Ok(ConsoleSession {
        stage: stage.ok_or_else(|| StoreError::damaged("console session", &id))?,
        created_at: row.time(2)?,
        seen_at: row.time(3)?,
        expires_at: row.time(4)?,
        address: row.text(5)?,
        agent: row.text(6)?,
        id,
    })
}
