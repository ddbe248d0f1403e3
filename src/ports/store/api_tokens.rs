//! Tokens of programs: which there are, for whom they act, and when they were used; the token itself is not kept.

use jiff::{SignedDuration, Timestamp};
use sqlx::any::AnyRow;

use super::sql::{self, Columns, values};
use super::users::UserRow;
use super::{Durability, Store, StoreError};
use crate::domain::secret::Secret;
use crate::domain::user::grant::Grant;

/// How often it is noted that a token was used.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// A token, without what opens anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its name in the store.
    pub id: String,
    /// What its user calls it.
    pub label: String,
    /// What it may be used for.
    pub grants: Vec<Grant>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// When it was used last, to the minute.
    pub seen_at: Option<Timestamp>,
    /// Since when it counts no more.
    pub revoked_at: Option<Timestamp>,
}

impl Store {
    /// Keeps a token's digest and what it is for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_api_token(&self, secret: &Secret<String>, user: &str, token: &ApiToken) -> Result<(), StoreError> {
        let grants: Vec<&str> = token.grants.iter().map(|grant| grant.as_str()).collect();
        let digest = self.digest_of("api token", secret.reveal());
        let statement = "INSERT INTO api_token (id, digest, console_user, label, scopes, created_at, expires_at) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values =
            values![&token.id, digest, user, &token.label, grants.join(" "), token.created_at, token.expires_at];
        let mut write = self.begin(Durability::Power).await?;
        sql::execute(write.connection(), statement, values).await?;
        write.commit().await
    }

    /// Returns a token that counts and the user it acts for; notes that it was used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_token(
        &self,
        secret: &Secret<String>,
        now: Timestamp,
    ) -> Result<Option<(ApiToken, UserRow)>, StoreError> {
        let statement = "SELECT id, label, scopes, created_at, expires_at, seen_at, revoked_at, console_user \
                         FROM api_token WHERE digest = $1 AND revoked_at IS NULL AND expires_at > $2";
        let digest = self.digest_of("api token", secret.reveal());
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![digest, now]).await?;
        let Some(row) = row else { return Ok(None) };
        let token = api_token(&row)?;
        let user = self.user(&row.text(7)?).await?.filter(|user| user.disabled_at.is_none());
        if token.seen_at.is_none_or(|seen| seen + SEEN_EVERY < now) {
            let mut write = self.begin(Durability::Process).await?;
            let statement = "UPDATE api_token SET seen_at = $1 WHERE id = $2";
            sql::execute(write.connection(), statement, values![now, &token.id]).await?;
            write.commit().await?;
        }
        Ok(user.map(|user| (token, user)))
    }

    /// Returns a user's tokens, the newest first; those that were revoked or are too old are among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_tokens(&self, user: &str) -> Result<Vec<ApiToken>, StoreError> {
        let statement = "SELECT id, label, scopes, created_at, expires_at, seen_at, revoked_at FROM api_token \
                         WHERE console_user = $1 ORDER BY created_at DESC, id";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![user]).await?;
        rows.iter().map(api_token).collect()
    }

    /// Ends a token of a user; returns whether there was one that counted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_api_token(&self, user: &str, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let statement =
            "UPDATE api_token SET revoked_at = $1 WHERE id = $2 AND console_user = $3 AND revoked_at IS NULL";
        let mut write = self.begin(Durability::Power).await?;
        let changed = sql::execute(write.connection(), statement, values![now, id, user]).await?;
        write.commit().await?;
        Ok(changed > 0)
    }
}

fn api_token(row: &AnyRow) -> Result<ApiToken, StoreError> {
    let scopes = row.text(2)?;
    Ok(ApiToken {
        id: row.text(0)?,
        label: row.text(1)?,
        grants: scopes.split(' ').filter_map(Grant::parse).collect(),
        created_at: row.time(3)?,
        expires_at: row.time(4)?,
        seen_at: row.maybe_time(5)?,
        revoked_at: row.maybe_time(6)?,
    })
}
