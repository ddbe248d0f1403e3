//! Users as administrators manage them: another role or organization, disabled, a second factor taken away, sessions ended.
//!
//! Not here: invitations and logging in (`access`).

use jiff::Timestamp;

use crate::domain::user::Role;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::{Changed, Store, StoreError, UserRow};

/// Why a user is not changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Nobody locks themselves out.
    #[error("change your own user; let another administrator do it")]
    Own,
    /// Nobody else could administer the console.
    #[error("take the last administrator's rights away; make another one first")]
    LastAdmin,
    /// A member needs an organization; an administrator has none.
    #[error("change the user: a member belongs to one organization, others to none")]
    Organization,
    /// There is no such user.
    #[error("find the user {0}")]
    Unknown(String),
    /// The database failed, or the organization is not enrolled.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an administrator changes of a user; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserEdit {
    /// What the user may do.
    pub role: Option<Role>,
    /// A member's organization; without a role that makes the user a member it must not be named.
    pub organization: Option<OrganizationId>,
    /// Whether the user may log in.
    pub is_disabled: Option<bool>,
}

/// Finds a user by name or id, whom somebody else wants to change.
///
/// # Errors
/// `Own`, `Unknown`; when the database fails.
pub async fn find(store: &Store, by: &UserRow, name_or_id: &str) -> Result<UserRow, UserError> {
    let user = store.user(name_or_id).await?.ok_or_else(|| UserError::Unknown(name_or_id.to_owned()))?;
    if user.id == by.id { Err(UserError::Own) } else { Ok(user) }
}

/// Changes a user; their sessions end.
///
/// # Errors
/// `Own`, `LastAdmin`, `Organization`, `Unknown`; `Store` for an organization that is not enrolled.
pub async fn change(
    store: &Store,
    by: &UserRow,
    name_or_id: &str,
    edit: &UserEdit,
    now: Timestamp,
) -> Result<UserRow, UserError> {
    let user = find(store, by, name_or_id).await?;
    let role = edit.role.unwrap_or(user.role);
    let organization = match role {
        Role::Member => Some(edit.organization.clone().or(user.organization).ok_or(UserError::Organization)?),
        Role::Admin | Role::Analyst if edit.organization.is_some() => return Err(UserError::Organization),
        Role::Admin | Role::Analyst => None,
    };
    let disabled_at = match edit.is_disabled {
        Some(true) => user.disabled_at.or(Some(now)),
        Some(false) => None,
        None => user.disabled_at,
    };
    match store.change_user(&user.id, (role, organization.as_ref()), disabled_at).await? {
        Changed::Done => {}
        Changed::Missing => return Err(UserError::Unknown(user.id)),
        Changed::LastAdmin => return Err(UserError::LastAdmin),
    }
    store.user(&user.id).await?.ok_or(UserError::Unknown(user.id))
}

/// Takes a user's second factor away: another is set up at the next login.
///
/// # Errors
/// `Own`, `Unknown`; when the database fails.
pub async fn reset_factor(store: &Store, by: &UserRow, name_or_id: &str) -> Result<UserRow, UserError> {
    let user = find(store, by, name_or_id).await?;
    store.set_totp(&user.id, None, &[]).await?;
    store.end_console_sessions(&user.id).await?;
    store.user(&user.id).await?.ok_or(UserError::Unknown(user.id))
}

/// Lets a user be bound anew to somebody at the organization's own login; their sessions end.
///
/// # Errors
/// `Own`, `Unknown`; when the database fails.
pub async fn forget_subject(store: &Store, by: &UserRow, name_or_id: &str) -> Result<UserRow, UserError> {
    let user = find(store, by, name_or_id).await?;
    store.forget_subject(&user.id).await?;
    store.user(&user.id).await?.ok_or(UserError::Unknown(user.id))
}

/// Ends every session of a user; returns how many there were.
///
/// # Errors
/// `Own`, `Unknown`; when the database fails.
pub async fn end_sessions(store: &Store, by: &UserRow, name_or_id: &str) -> Result<u64, UserError> {
    let user = find(store, by, name_or_id).await?;
    Ok(store.end_console_sessions(&user.id).await?)
}
