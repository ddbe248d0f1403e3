//! Who reads a source: where its session stands and its cookies, sealed.

use jiff::Timestamp;

use super::ids::digest;
use super::model::SessionRow;
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError, sources};
use crate::domain::session::{Jar, Session, State};
use crate::domain::source::{Rest, SourceId};

impl Store {
    /// Returns the session of a source; `None` if it was never read as anybody.
    ///
    /// # Errors
    /// When the database fails or the cookies do not open.
    pub async fn session(&self, source: &SourceId) -> Result<Option<SessionRow>, StoreError> {
        let statement = "SELECT state, sealed_jar, imported_at, logged_in_at, login_day, logins, refusals, next_login_at \
                         FROM session WHERE source = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![&source.0]).await?;
        let Some(row) = row else { return Ok(None) };
        let damaged = || StoreError::damaged("session", &source.0);
        let jar = self.open_text(&row.bytes(1)?, &context(source))?;
        Ok(Some(SessionRow {
            session: Session {
                state: State::parse(&row.text(0)?).ok_or_else(damaged)?,
                logged_in_at: row.maybe_time(3)?,
                login_day: row.int(4)?,
                logins: u32::try_from(row.int(5)?).unwrap_or(u32::MAX),
                refusals: u32::try_from(row.int(6)?).unwrap_or(u32::MAX),
                next_login_at: row.maybe_time(7)?,
            },
            jar: Jar::from_json(jar.reveal()).ok_or_else(damaged)?,
            imported_at: row.time(2)?,
        }))
    }

    /// Keeps how a session fares. If a person is needed the source is left alone, in the same transaction; if it now is a
    /// member's, `news` says that pages which a guest was shown or refused are due again.
    ///
    /// Changes nothing if the operator has imported another session since `row` was read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_session(
        &self,
        source: &SourceId,
        row: &SessionRow,
        news: News,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let session = &row.session;
        let statement = "INSERT INTO session (source, state, sealed_jar, imported_at, logged_in_at, login_day, logins, \
                         refusals, next_login_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                         ON CONFLICT (source) DO UPDATE SET state = excluded.state, sealed_jar = excluded.sealed_jar, \
                         logged_in_at = excluded.logged_in_at, login_day = excluded.login_day, logins = excluded.logins, \
                         refusals = excluded.refusals, next_login_at = excluded.next_login_at \
                         WHERE session.imported_at = excluded.imported_at";
        let values = values![
            &source.0,
            session.state.as_str(),
            self.seal_text(row.jar.to_json().reveal(), &context(source))?,
            row.imported_at,
            session.logged_in_at,
            session.login_day,
            session.logins,
            session.refusals,
            session.next_login_at,
        ];
        if sql::execute(connection, statement, values).await? == 0 {
            return Ok(());
        }
        match session.state {
            State::Person(rest) => sources::hold(connection, &source.0, (rest, Timestamp::MAX)).await?,
            State::Lost => {
                if let Some(until) = session.wait(now) {
                    sources::hold(connection, &source.0, (Rest::Login, until)).await?;
                }
            }
            State::Unproven | State::Member => {}
        }
        if news == News::NewReader {
            // Files are the same for everybody; those that were refused are asked for again.
            let statement = "UPDATE frontier SET due_at = $1 WHERE source = $2 AND (kind <> 'attachment' \
                             OR page IS NOT NULL OR last_failure IN ('http-401', 'http-403'))";
            sql::execute(connection, statement, values![now, &source.0]).await?;
            sql::execute(connection, "UPDATE source SET ready_at = 0 WHERE id = $1", values![&source.0]).await?;
        }
        write.commit().await
    }

    /// Takes cookies that the operator brings; whatever kept the source from being read is forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn import_session(&self, source: &SourceId, jar: &Jar, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = "INSERT INTO session (source, state, sealed_jar, imported_at, login_day, logins, refusals) \
                         VALUES ($1, $2, $3, $4, 0, 0, 0) \
                         ON CONFLICT (source) DO UPDATE SET state = excluded.state, sealed_jar = excluded.sealed_jar, \
                         imported_at = excluded.imported_at, login_day = 0, logins = 0, refusals = 0, next_login_at = NULL";
        let sealed = self.seal_text(jar.to_json().reveal(), &context(source))?;
        sql::execute(connection, statement, values![&source.0, State::Unproven.as_str(), sealed, now]).await?;
        sources::free(connection, &source.0).await?;
        write.commit().await
    }

    /// Forgets the session of a source, cookies and history; it is read as nobody, or logged in to afresh. Returns whether
    /// there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_session(&self, source: &SourceId, now: Timestamp) -> Result<bool, StoreError> {
        let known = self.session(source).await?.is_some();
        if known {
            let mut write = self.begin(Durability::Power).await?;
            let connection = write.connection();
            // The row stays, so that a worker which still holds the cookies sees that they are to be dropped.
            let sealed = self.seal_text(Jar::default().to_json().reveal(), &context(source))?;
            let statement = "UPDATE session SET state = $1, sealed_jar = $2, imported_at = $3, logged_in_at = NULL, \
                             login_day = 0, logins = 0, refusals = 0, next_login_at = NULL WHERE source = $4";
            sql::execute(connection, statement, values![State::Lost.as_str(), sealed, now, &source.0]).await?;
            sources::free(connection, &source.0).await?;
            write.commit().await?;
        }
        Ok(known)
    }
}

/// Whether a session's change makes pages worth reading again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Somebody else reads the source from now on: a member after a guest.
    NewReader,
    /// The same reader as before.
    None,
}

pub(super) fn context(source: &SourceId) -> String {
    digest(&["session", &source.0])
}
