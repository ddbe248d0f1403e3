//! Who gets into the console: invitations, passwords, second factors, and limits on guessing.
//!
//! Not here: cookies and forms (`faces::web`), what a user may see (`domain::user`).

pub mod oidc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::secret::Secret;
use crate::domain::user::password::{self, Weakness};
use crate::domain::user::totp::{SECRET_BYTES, Totp};
use crate::domain::user::{Role, parse_name};
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::{Credentials, InvitationKind, Stage, Store, StoreError, UserRow};

/// How long a session lasts at most.
const SESSION: SignedDuration = SignedDuration::from_hours(16);
/// How long a half-done login lasts.
const HALF_LOGIN: SignedDuration = SignedDuration::from_mins(15);
/// How long an invitation counts.
pub const INVITATION: SignedDuration = SignedDuration::from_hours(72);
/// Failures that are free, for one user from one address, for one address, and for one user from anywhere.
const FREE: [u32; 3] = [5, 20, 50];
const RECOVERY_CODES: usize = 10;

/// Why somebody does not get in, or cannot be let in.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Name, password or code are wrong; which of them is not told.
    #[error("log in: the name, the password or the code is wrong")]
    Wrong,
    /// Too many failures; nobody may try before.
    #[error("log in before {until}: there were too many failures")]
    Blocked {
        /// When the next try is taken.
        until: Timestamp,
    },
    /// The name is none that a user may have.
    #[error("take the name {0:?}: it must have 2 to 80 letters, digits and . _ - + @")]
    Name(String),
    /// Another user has the name.
    #[error("add the user {0}: there is one of that name")]
    Taken(String),
    /// A member needs an organization; an administrator has none.
    #[error("add the user: a member belongs to one organization, others to none")]
    Organization,
    /// The password is too weak.
    #[error(transparent)]
    Weak(#[from] Weakness),
    /// The link is spent, too old, or was never made.
    #[error("use this link: it was used, is too old, or was never made; ask for another")]
    Link,
    /// The operating system gives no random numbers, or a thread died.
    #[error("get random numbers from the operating system")]
    Chance,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// From where somebody knocks.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Network address.
    pub address: &'a str,
    /// What the browser calls itself.
    pub agent: &'a str,
}

/// A session that began, for the browser's cookie.
#[derive(Debug)]
pub struct Entered {
    /// The cookie.
    pub token: Secret<String>,
    /// How far the login has come.
    pub stage: Stage,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Makes a token that cannot be guessed: 32 bytes of chance, in hexadecimal digits.
///
/// # Errors
/// `Chance`.
pub fn token() -> Result<Secret<String>, AccessError> {
    Ok(Secret::new(hexadecimal(&chance::<32>()?)))
}

/// Adds a user and returns the token of the link with which they set a password.
///
/// # Errors
/// `Name`, `Taken`, `Organization`; when the database fails.
pub async fn invite(
    store: &Store,
    name: &str,
    role: Role,
    organization: Option<&OrganizationId>,
    now: Timestamp,
) -> Result<Secret<String>, AccessError> {
    let sound = parse_name(name).ok_or_else(|| AccessError::Name(name.to_owned()))?;
    if (role == Role::Member) != organization.is_some() {
        return Err(AccessError::Organization);
    }
    let id = format!("U-{}", hexadecimal(&chance::<8>()?));
    if !store.add_user((&id, &sound), role, organization, now).await? {
        return Err(AccessError::Taken(sound));
    }
    invite_again(store, &id, InvitationKind::Password, now).await
}

/// Makes another link for a user: the first was lost, or the password is.
///
/// # Errors
/// When the database fails.
pub async fn invite_again(
    store: &Store,
    user: &str,
    kind: InvitationKind,
    now: Timestamp,
) -> Result<Secret<String>, AccessError> {
    let token = token()?;
    store.add_invitation(&token, (user, kind), (now, now + INVITATION)).await?;
    Ok(token)
}

/// Takes up an invitation: sets the password and logs in as far as setting up a second factor.
///
/// # Errors
/// `Link`, `Weak`; when the database fails.
pub async fn take_up(
    store: &Store,
    (token, password): (&Secret<String>, Secret<String>),
    is_second_factor_wanted: bool,
    caller: Caller<'_>,
    now: Timestamp,
) -> Result<Entered, AccessError> {
    let (user, kind) = store.invited(token, now).await?.ok_or(AccessError::Link)?;
    match kind {
        InvitationKind::Password => {}
        InvitationKind::Door => return Err(AccessError::Link),
    }
    set_password(store, &user, password).await?;
    let stage = if user.has_totp {
        Stage::Code
    } else if is_second_factor_wanted {
        Stage::Setup
    } else {
        Stage::Full
    };
    enter(store, (&user.id, stage), caller, now).await
}

/// Sets a password; all sessions of the user end.
///
/// # Errors
/// `Weak`; when the database fails.
pub async fn set_password(store: &Store, user: &UserRow, password: Secret<String>) -> Result<(), AccessError> {
    password::check(&password, &user.name)?;
    let salt = chance::<16>()?;
    let hash = tokio::task::spawn_blocking(move || password::hash(&password, salt)).await;
    let hash = hash.ok().flatten().ok_or(AccessError::Chance)?;
    Ok(store.set_password(&user.id, &Secret::new(hash)).await?)
}

/// Lets somebody in through a door: a link that logs in.
///
/// # Errors
/// `Link`; when the database fails.
pub async fn open_door(
    store: &Store,
    token: &Secret<String>,
    caller: Caller<'_>,
    now: Timestamp,
) -> Result<Option<Entered>, AccessError> {
    match store.invited(token, now).await? {
        Some((user, InvitationKind::Door)) => enter(store, (&user.id, Stage::Full), caller, now).await.map(Some),
        Some((_, InvitationKind::Password)) => Ok(None),
        None => Err(AccessError::Link),
    }
}

/// Checks name and password; begins a session that wants a code, or none where no second factor is set up.
///
/// # Errors
/// `Wrong`, `Blocked`; when the database fails.
pub async fn log_in(
    store: &Store,
    (name, password): (&str, Secret<String>),
    is_second_factor_wanted: bool,
    caller: Caller<'_>,
    now: Timestamp,
) -> Result<Entered, AccessError> {
    let name = parse_name(name).unwrap_or_default();
    let subjects = subjects(&name, caller.address);
    if let Some(until) = store.note_login_attempt(&subjects, now).await? {
        return Err(AccessError::Blocked { until });
    }
    let user = store.user(&name).await?.filter(|user| user.name == name && user.disabled_at.is_none());
    let hash = match &user {
        Some(user) => store.credentials(&user.id).await?.and_then(|credentials| credentials.password_hash),
        None => None,
    };
    let (is_known, hash) = match hash {
        Some(hash) => (true, hash.reveal().clone()),
        None => (false, password::NOBODY.to_owned()),
    };
    let is_right = tokio::task::spawn_blocking(move || password::is_right(&password, &hash)).await;
    let user = user.filter(|_| is_known && is_right.unwrap_or(false)).ok_or(AccessError::Wrong)?;
    let stage = match (user.has_totp, is_second_factor_wanted) {
        (true, _) => Stage::Code,
        (false, true) => Stage::Setup,
        (false, false) => Stage::Full,
    };
    if stage != Stage::Code {
        forget(store, &subjects).await?;
    }
    enter(store, (&user.id, stage), caller, now).await
}

/// Checks the second factor of a login whose password was right; a recovery code counts instead, once. Returns also how many
/// recovery codes are left, if one was taken.
///
/// # Errors
/// `Wrong`, `Blocked`; when the database fails.
pub async fn second_factor(
    store: &Store,
    user: &UserRow,
    code: &str,
    caller: Caller<'_>,
    now: Timestamp,
) -> Result<(Entered, Option<u64>), AccessError> {
    let subjects = subjects(&user.name, caller.address);
    if let Some(until) = store.note_login_attempt(&subjects, now).await? {
        return Err(AccessError::Blocked { until });
    }
    let left = match store.credentials(&user.id).await? {
        Some(Credentials { totp: Some(totp), totp_step, .. }) => match totp.verify(code, totp_step, now) {
            Some(step) if store.take_totp_step(&user.id, step).await? => None,
            Some(_) => return Err(AccessError::Wrong),
            None => {
                let code = tidy(code);
                Some(store.take_recovery_code(&user.id, &code, now).await?.ok_or(AccessError::Wrong)?)
            }
        },
        Some(_) | None => return Err(AccessError::Wrong),
    };
    forget(store, &subjects).await?;
    Ok((enter(store, (&user.id, Stage::Full), caller, now).await?, left))
}

/// Makes a secret for an authenticator app; it counts once [`set_up_totp`] has seen a code of it.
///
/// # Errors
/// `Chance`.
pub fn new_totp() -> Result<Totp, AccessError> {
    Ok(Totp::new(chance::<SECRET_BYTES>()?))
}

/// Sets up a second factor after a code of it was right; returns its recovery codes, which are shown once.
///
/// # Errors
/// `Wrong` if the code is not one of this secret now.
pub async fn set_up_totp(
    store: &Store,
    user: &str,
    (totp, code): (&Totp, &str),
    now: Timestamp,
) -> Result<Vec<String>, AccessError> {
    let step = totp.verify(code, 0, now).ok_or(AccessError::Wrong)?;
    let codes = (0..RECOVERY_CODES).map(|_| recovery_code()).collect::<Result<Vec<_>, _>>()?;
    let tidied: Vec<String> = codes.iter().map(|code| tidy(code)).collect();
    store.set_totp(user, Some(totp), &tidied).await?;
    store.take_totp_step(user, step).await?;
    Ok(codes)
}

/// Begins a session.
///
/// # Errors
/// When the database fails.
pub async fn enter(
    store: &Store,
    (user, stage): (&str, Stage),
    caller: Caller<'_>,
    now: Timestamp,
) -> Result<Entered, AccessError> {
    let token = token()?;
    let lasts = match stage {
        Stage::Full => SESSION,
        Stage::Code | Stage::Setup => HALF_LOGIN,
    };
    let agent: String = caller.agent.chars().take(200).collect();
    let expires_at = now + lasts;
    store.begin_console_session(&token, (user, stage), (caller.address, &agent), (now, expires_at)).await?;
    Ok(Entered { token, stage, expires_at })
}

fn subjects(name: &str, address: &str) -> Vec<(String, u32)> {
    let names = [format!("pair {name} {address}"), format!("address {address}"), format!("user {name}")];
    names.into_iter().zip(FREE).collect()
}

/// What a right login proves: this user at this address. Other failures of the address stay.
async fn forget(store: &Store, subjects: &[(String, u32)]) -> Result<(), StoreError> {
    let proved: Vec<String> =
        subjects.iter().map(|(subject, _)| subject.clone()).filter(|subject| !subject.starts_with("address")).collect();
    store.forget_login_attempts(&proved).await
}

/// Eight characters of 32, in two groups: 40 bits of chance.
fn recovery_code() -> Result<String, AccessError> {
    let word = crate::domain::case::crockford(&chance::<5>()?, 8).to_lowercase();
    let (head, tail) = word.split_at(4);
    Ok(format!("{head}-{tail}"))
}

/// Recovery codes are read as people type them.
fn tidy(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

fn hexadecimal(bytes: &[u8]) -> String {
    crate::ports::seal::hex(bytes)
}

fn chance<const BYTES: usize>() -> Result<[u8; BYTES], AccessError> {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| AccessError::Chance)?;
    Ok(bytes)
}
