//! Tokens of programs: made for a user, shown once, counted while they are neither too old nor revoked.

use jiff::{SignedDuration, Timestamp};

use crate::domain::secret::Secret;
use crate::domain::user::Role;
use crate::domain::user::grant::Grant;
use crate::ports::seal::hex;
use crate::ports::store::{ApiToken, Store, StoreError};

/// How every token begins, so that it is known where it must not be.
pub const MARK: &str = "dyt_";
/// Longest time that a token counts, in days.
pub const DAYS_LIMIT: u32 = 366;
const LABEL_LIMIT: usize = 80;
/// So many tokens of one user count at once.
const TOKENS_LIMIT: usize = 50;

/// Why a token is not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It needs a name of one line.
    #[error("make a token without a name, or with one of more than {} characters", LABEL_LIMIT)]
    Label,
    /// It would do nothing, or more than its user may.
    #[error("make a token that may do nothing, or more than its user")]
    Grants,
    /// It would count too long, or not at all.
    #[error("make a token for less than a day or more than {} days", DAYS_LIMIT)]
    Days,
    /// There are too many.
    #[error("make more than {} tokens; revoke one first", TOKENS_LIMIT)]
    Many,
    /// The operating system gives no random numbers.
    #[error("get random numbers from the operating system")]
    Chance,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// What its user calls it.
    pub label: &'a str,
    /// What it may be used for.
    pub grants: Vec<Grant>,
    /// For how many days.
    pub days: u32,
}

/// Makes a token for a user; this is the only time it is seen.
///
/// # Errors
/// `Label`, `Grants`, `Days`, `Many`; when the database fails.
pub async fn make(
    store: &Store,
    (user, role): (&str, Role),
    wanted: Wanted<'_>,
    now: Timestamp,
) -> Result<(Secret<String>, ApiToken), TokenError> {
    let label = wanted.label.trim();
    if label.is_empty() || label.chars().count() > LABEL_LIMIT || label.chars().any(char::is_control) {
        return Err(TokenError::Label);
    }
    if wanted.grants.is_empty() || !wanted.grants.iter().all(|grant| grant.is_within(role)) {
        return Err(TokenError::Grants);
    }
    if !(1..=DAYS_LIMIT).contains(&wanted.days) {
        return Err(TokenError::Days);
    }
    let counting = store.api_tokens(user).await?;
    if counting.iter().filter(|token| token.revoked_at.is_none() && token.expires_at > now).count() >= TOKENS_LIMIT {
        return Err(TokenError::Many);
    }
    let (secret, name) = (chance::<32>()?, chance::<8>()?);
    let secret = Secret::new(format!("{MARK}{secret}"));
    let token = ApiToken {
        id: format!("T-{name}"),
        label: label.to_owned(),
        grants: wanted.grants,
        created_at: now,
        expires_at: now + SignedDuration::from_hours(24 * i64::from(wanted.days)),
        seen_at: None,
        revoked_at: None,
    };
    store.add_api_token(&secret, user, &token).await?;
    Ok((secret, token))
}

fn chance<const BYTES: usize>() -> Result<String, TokenError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| TokenError::Chance)?;
    Ok(hex(&bytes))
}
