//! Users of the console: who they are, their invitations, second factors and failed logins.
//!
//! Not here: their sessions (`console_sessions`).

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::console::Scope;
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError};
use crate::domain::secret::Secret;
use crate::domain::user::Role;
use crate::domain::user::totp::Totp;
use crate::domain::watchlist::OrganizationId;

/// A user of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Id, made by chance.
    pub id: String,
    /// What the user logs in with; one user's only.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// A member's organization.
    pub organization: Option<OrganizationId>,
    /// Whether a password is set: the invitation was taken up.
    pub has_password: bool,
    /// Whether an authenticator app is set up.
    pub has_totp: bool,
    /// Whether the user has come in by the organization's own login.
    pub has_subject: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it may not log in.
    pub disabled_at: Option<Timestamp>,
    /// When it was last seen.
    pub seen_at: Option<Timestamp>,
}

impl UserRow {
    /// Returns whose rows the user may touch. A member without an organization sees nothing.
    pub fn scope(&self) -> Scope {
        match (self.role, &self.organization) {
            (Role::Admin | Role::Analyst, None) => Scope::Everything,
            (Role::Admin | Role::Analyst | Role::Member, Some(own)) => Scope::Only(own.clone()),
            (Role::Member, None) => Scope::Only(OrganizationId(String::new())),
        }
    }
}

/// What a user proves who they are with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// argon2id, as a PHC string; `None` until the invitation is taken up.
    pub password_hash: Option<Secret<String>>,
    /// The authenticator app's secret.
    pub totp: Option<Totp>,
    /// The last step of which a code was taken.
    pub totp_step: i64,
}

/// How changing a user ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is done.
    Done,
    /// There is no such user.
    Missing,
    /// Nobody else could administer the console; nothing was changed.
    LastAdmin,
}

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationKind {
    /// To set a password and a second factor.
    Password,
    /// Straight in, as often as wanted until it ends: the demo's link.
    Door,
}

impl InvitationKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Door => "door",
        }
    }
}

/// Begins a statement that reads [`user_row`]s.
macro_rules! select_users {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, u.name, u.role, u.organization, ",
            "CAST(CASE WHEN u.password_hash IS NULL THEN 0 ELSE 1 END AS BIGINT), ",
            "CAST(CASE WHEN u.sealed_totp IS NULL THEN 0 ELSE 1 END AS BIGINT), u.created_at, u.disabled_at, ",
            "(SELECT MAX(s.seen_at) FROM console_session s WHERE s.console_user = u.id), ",
            "CAST(CASE WHEN u.oidc_subject IS NULL THEN 0 ELSE 1 END AS BIGINT) FROM console_user u ",
            $rest
        )
    };
}

impl Store {
    /// Adds a user who cannot log in yet; returns false, and changes nothing, if the name is taken.
    ///
    /// # Errors
    /// `NoSuchOrganization`; when the database fails.
    pub async fn add_user(
        &self,
        (id, name): (&str, &str),
        role: Role,
        organization: Option<&OrganizationId>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        if let Some(organization) = organization {
            must_be_enrolled(connection, organization).await?;
        }
        let statement = "INSERT INTO console_user (id, name, role, organization, totp_step, created_at) \
                         VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (name) DO NOTHING";
        let organization = organization.map(|organization| organization.0.as_str());
        let added = sql::execute(connection, statement, values![id, name, role.as_str(), organization, now]).await?;
        write.commit().await?;
        Ok(added > 0)
    }

    /// Returns every user, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let rows = sql::fetch(&mut connection, select_users!("ORDER BY u.name"), values![]).await?;
        rows.iter().map(user_row).collect()
    }

    /// Returns the user who logs in with this name, or has this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user(&self, name_or_id: &str) -> Result<Option<UserRow>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let statement = select_users!("WHERE u.name = $1 OR u.id = $1 ORDER BY u.name");
        sql::fetch_one(&mut connection, statement, values![name_or_id]).await?.as_ref().map(user_row).transpose()
    }

    /// Returns what a user proves who they are with.
    ///
    /// # Errors
    /// When the database fails or the second factor does not open.
    pub async fn credentials(&self, user: &str) -> Result<Option<Credentials>, StoreError> {
        let statement = "SELECT password_hash, sealed_totp, totp_step FROM console_user WHERE id = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![user]).await?;
        let Some(row) = row else { return Ok(None) };
        let totp = match row.maybe_bytes(1)? {
            Some(sealed) => {
                let text = self.open_text(&sealed, &totp_context(user))?;
                Some(Totp::from_base32(text.reveal()).ok_or_else(|| StoreError::damaged("second factor", user))?)
            }
            None => None,
        };
        let password_hash = row.maybe_text(0)?.map(Secret::new);
        Ok(Some(Credentials { password_hash, totp, totp_step: row.int(2)? }))
    }

    /// Sets a password; every session of the user ends, and every invitation is spent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_password(&self, user: &str, hash: &Secret<String>) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = "UPDATE console_user SET password_hash = $1 WHERE id = $2";
        sql::execute(connection, statement, values![hash.reveal(), user]).await?;
        sql::execute(connection, "DELETE FROM console_session WHERE console_user = $1", values![user]).await?;
        sql::execute(connection, "DELETE FROM invitation WHERE console_user = $1", values![user]).await?;
        write.commit().await
    }

    /// Sets up a second factor and its recovery codes, in place of what was there; `None` takes both away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_totp(&self, user: &str, totp: Option<&Totp>, codes: &[String]) -> Result<(), StoreError> {
        let sealed = totp.map(|totp| self.seal_text(totp.base32().reveal(), &totp_context(user))).transpose()?;
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = "UPDATE console_user SET sealed_totp = $1, totp_step = 0 WHERE id = $2";
        sql::execute(connection, statement, values![sealed, user]).await?;
        sql::execute(connection, "DELETE FROM recovery_code WHERE console_user = $1", values![user]).await?;
        let rows = codes.iter().map(|code| values![user, self.digest_of("recovery", code)]).collect();
        sql::insert(connection, ("INSERT INTO recovery_code (console_user, digest) VALUES", ""), rows).await?;
        write.commit().await
    }

    /// Takes a step of the second factor; returns false if it, or a later one, was taken before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_totp_step(&self, user: &str, step: i64) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let statement = "UPDATE console_user SET totp_step = $1 WHERE id = $2 AND totp_step < $1";
        let taken = sql::execute(write.connection(), statement, values![step, user]).await?;
        write.commit().await?;
        Ok(taken > 0)
    }

    /// Takes a recovery code; returns how many are left, or `None` if it is not one or was taken before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_recovery_code(&self, user: &str, code: &str, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement =
            "UPDATE recovery_code SET used_at = $1 WHERE console_user = $2 AND digest = $3 AND used_at IS NULL";
        let digest = self.digest_of("recovery", code);
        if sql::execute(connection, statement, values![now, user, digest]).await? == 0 {
            return Ok(None);
        }
        let statement = "SELECT COUNT(*) FROM recovery_code WHERE console_user = $1 AND used_at IS NULL";
        let left = sql::fetch_one(connection, statement, values![user]).await?;
        let left = left.map_or(Ok(0), |row| row.count(0))?;
        write.commit().await?;
        Ok(Some(left))
    }

    /// Changes what a user may do, and whether they may log in; their sessions end. The last administrator who can log in
    /// stays one.
    ///
    /// # Errors
    /// `NoSuchOrganization`; when the database fails.
    pub async fn change_user(
        &self,
        user: &str,
        (role, organization): (Role, Option<&OrganizationId>),
        disabled_at: Option<Timestamp>,
    ) -> Result<Changed, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        if let Some(organization) = organization {
            must_be_enrolled(connection, organization).await?;
        }
        let stays_admin = role == Role::Admin && disabled_at.is_none();
        if !stays_admin && is_last_admin(connection, user).await? {
            return Ok(Changed::LastAdmin);
        }
        let statement = "UPDATE console_user SET role = $1, organization = $2, disabled_at = $3 WHERE id = $4";
        let organization = organization.map(|organization| organization.0.as_str());
        let changed = sql::execute(connection, statement, values![role.as_str(), organization, disabled_at, user]);
        let changed = changed.await?;
        sql::execute(connection, "DELETE FROM console_session WHERE console_user = $1", values![user]).await?;
        if disabled_at.is_some() {
            sql::execute(connection, "DELETE FROM invitation WHERE console_user = $1", values![user]).await?;
        }
        write.commit().await?;
        Ok(if changed > 0 { Changed::Done } else { Changed::Missing })
    }

    /// Keeps a one-time link's token, by its digest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_invitation(
        &self,
        token: &Secret<String>,
        (user, kind): (&str, InvitationKind),
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        sql::execute(connection, "DELETE FROM invitation WHERE expires_at < $1", values![now]).await?;
        let statement = "INSERT INTO invitation (digest, console_user, kind, created_at, expires_at) \
                         VALUES ($1, $2, $3, $4, $5)";
        let digest = self.digest_of("invitation", token.reveal());
        sql::execute(connection, statement, values![digest, user, kind.as_str(), now, expires_at]).await?;
        write.commit().await
    }

    /// Returns whose a one-time link is, while it counts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invited(
        &self,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<Option<(UserRow, InvitationKind)>, StoreError> {
        let statement = "SELECT i.console_user, i.kind FROM invitation i \
                         JOIN console_user u ON u.id = i.console_user AND u.disabled_at IS NULL \
                         WHERE i.digest = $1 AND i.expires_at >= $2";
        let digest = self.digest_of("invitation", token.reveal());
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![digest, now]).await?;
        let Some(row) = row else { return Ok(None) };
        let (id, word) = (row.text(0)?, row.text(1)?);
        let kinds = [InvitationKind::Password, InvitationKind::Door];
        let kind = kinds.into_iter().find(|kind| kind.as_str() == word);
        let kind = kind.ok_or_else(|| StoreError::damaged("invitation", &id))?;
        Ok(self.user(&id).await?.map(|user| (user, kind)))
    }

    /// Notes a try to log in before it is made, so that tries at the same time count too. Returns until when nobody of these
    /// subjects may try, if that lies ahead; then the try does not count. Each subject comes with how many tries are free;
    /// further ones wait ever longer. Failures are forgotten after a day without one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_login_attempt(
        &self,
        subjects: &[(String, u32)],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let day_ago = now - SignedDuration::from_hours(24);
        sql::execute(connection, "DELETE FROM login_attempt WHERE last_at < $1", values![day_ago]).await?;
        let mut blocked_until = None;
        let mut counted = Vec::new();
        for (subject, free) in subjects {
            let statement = "SELECT failures, blocked_until FROM login_attempt WHERE subject = $1";
            let row = sql::fetch_one(connection, statement, values![subject]).await?;
            let (failures, until) = match row {
                Some(row) => (row.count(0)?, Some(row.time(1)?)),
                None => (0, None),
            };
            blocked_until = blocked_until.max(until.filter(|until| *until > now));
            counted.push((subject, failures + 1, wait(failures + 1, *free)));
        }
        if blocked_until.is_none() {
            for (subject, failures, wait) in counted {
                let statement = "INSERT INTO login_attempt (subject, failures, last_at, blocked_until) \
                                 VALUES ($1, $2, $3, $4) ON CONFLICT (subject) DO UPDATE SET \
                                 failures = excluded.failures, last_at = excluded.last_at, \
                                 blocked_until = excluded.blocked_until";
                sql::execute(connection, statement, values![subject, failures, now, now + wait]).await?;
            }
        }
        write.commit().await?;
        Ok(blocked_until)
    }

    /// Forgets the failed logins of subjects: one of them has proved who they are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_login_attempts(&self, subjects: &[String]) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        for subject in subjects {
            let statement = "DELETE FROM login_attempt WHERE subject = $1";
            sql::execute(write.connection(), statement, values![subject]).await?;
        }
        write.commit().await
    }

    /// Digests a token or code for keeping: who reads the database learns nothing of it.
    pub(super) fn digest_of(&self, purpose: &str, token: &str) -> String {
        self.seal.digest(format!("console/{purpose}/{token}").as_bytes())
    }
}

async fn must_be_enrolled(connection: &mut AnyConnection, organization: &OrganizationId) -> Result<(), StoreError> {
    let statement = "SELECT COUNT(*) FROM organization WHERE id = $1";
    let known = sql::fetch_one(connection, statement, values![&organization.0]).await?;
    if known.map_or(Ok(0), |row| row.count(0))? == 0 {
        return Err(StoreError::NoSuchOrganization { id: organization.0.clone() });
    }
    Ok(())
}

/// Tells whether a user is the only administrator who can log in. Locks all of them: two who demote each other follow one
/// another.
async fn is_last_admin(connection: &mut AnyConnection, user: &str) -> Result<bool, StoreError> {
    let statement = "UPDATE console_user SET role = role WHERE role = 'admin'";
    sql::execute(connection, statement, values![]).await?;
    let statement = "SELECT id FROM console_user WHERE role = 'admin' AND disabled_at IS NULL \
                     AND (password_hash IS NOT NULL OR oidc_subject IS NOT NULL)";
    let rows = sql::fetch(connection, statement, values![]).await?;
    let able = rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(able.as_slice() == [user])
}

/// 30 seconds after the first try too many, doubling up to a quarter of an hour.
fn wait(failures: u64, free: u32) -> SignedDuration {
    let Some(excess) = failures.checked_sub(u64::from(free)) else { return SignedDuration::ZERO };
    let doublings = u32::try_from(excess).unwrap_or(u32::MAX).min(5);
    SignedDuration::from_secs((30_i64 << doublings).min(900))
}

pub(super) fn totp_context(user: &str) -> String {
    format!("console_user/{user}/totp")
}

/// Reads a row of [`select_users`].
fn user_row(row: &AnyRow) -> Result<UserRow, StoreError> {
    let id = row.text(0)?;
    Ok(UserRow {
        name: row.text(1)?,
        role: Role::parse(&row.text(2)?).ok_or_else(|| StoreError::damaged("user", &id))?,
        organization: row.maybe_text(3)?.map(OrganizationId),
        has_password: row.int(4)? != 0,
        has_totp: row.int(5)? != 0,
        created_at: row.time(6)?,
        disabled_at: row.maybe_time(7)?,
        seen_at: row.maybe_time(8)?,
        has_subject: row.int(9)? != 0,
        id,
    })
}
