//! Single sign-on: sends people to the organization's own login, checks what comes back, lets in whom somebody has invited.
//!
//! A user is known by the provider's subject once they have come in; the first time by an address that the provider has
//! verified and that an administrator has invited. Nobody is added, and no role is given. Not here: what the protocol says
//! (`domain::user::oidc`).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::{AccessError, Caller, Entered, enter, token};
use crate::domain::secret::Secret;
use crate::domain::source::Source;
use crate::domain::user::oidc::{Attempt, ClaimError, Claims, Identity, Metadata, Settings, login_url, metadata_url};
use crate::ports::fetch::{Ask, FetchError, Fetcher};
use crate::ports::jwt::{JwtError, Keys};
use crate::ports::store::{Stage, Store, StoreError};

/// How long is believed what the provider has said of itself.
const METADATA: SignedDuration = SignedDuration::from_hours(1);
/// Tries that are free, for one address.
const FREE: u32 = 20;

/// Why somebody does not get in by single sign-on.
#[derive(Debug, thiserror::Error)]
pub enum SignOnError {
    /// The provider cannot be asked.
    #[error("ask the login of the organization: {0}")]
    Unreachable(#[source] Box<FetchError>),
    /// What the provider says of itself cannot be used.
    #[error("use what the login of the organization says: {0}")]
    Strange(&'static str),
    /// The provider has another name than the settings say.
    #[error("use the login of the organization: it calls itself {0}; write that as [console.oidc] issuer")]
    Renamed(String),
    /// The provider does not take the code, or us.
    #[error(
        "log in: the login of the organization refused (status {status}); check [console.oidc] client_id and secret"
    )]
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// The token is not signed by the provider.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// The token does not count.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The provider does not count the user in the group.
    #[error("log in: the login of the organization does not count the user in the group {0}")]
    Group(String),
    /// The provider names no address that it has verified, and the subject is not known.
    #[error("log in: the login of the organization names no verified address")]
    Unverified,
    /// Nobody has invited the address, or the user is disabled.
    #[error("log in: nobody of this address is invited")]
    Uninvited {
        /// The address.
        email: String,
    },
    /// Too many tries, no random numbers, or the database failed.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<StoreError> for SignOnError {
    fn from(error: StoreError) -> Self {
        Self::Access(error.into())
    }
}

/// A provider, and what is known of it.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
    redirect: Url,
    fetcher: Fetcher,
    metadata: Mutex<Option<(Arc<Metadata>, Timestamp)>>,
    keys: Mutex<Option<Keys>>,
}

/// What a code is redeemed for.
#[derive(Debug, Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

impl Provider {
    /// Prepares to ask a provider; nothing is asked yet. People come back to `redirect`.
    pub fn new(settings: Settings, redirect: Url, fetcher: Fetcher) -> Self {
        Self { settings, redirect, fetcher, metadata: Mutex::new(None), keys: Mutex::new(None) }
    }

    /// Returns what the provider is called on buttons.
    pub fn label(&self) -> String {
        let host = || Url::parse(&self.settings.issuer).ok()?.host_str().map(str::to_owned);
        self.settings.label.clone().or_else(host).unwrap_or_default()
    }

    /// Begins a login: where the browser goes, and what its answer must fit.
    ///
    /// # Errors
    /// `Unreachable`, `Strange`, `Renamed`.
    pub async fn begin(&self, next: &str, now: Timestamp) -> Result<(Url, Attempt), SignOnError> {
        let metadata = self.metadata(now).await?;
        let attempt = Attempt {
            state: token()?.reveal().clone(),
            nonce: token()?.reveal().clone(),
            verifier: token()?,
            next: next.to_owned(),
        };
        Ok((login_url(&metadata, &self.settings.client_id, &self.redirect, &attempt), attempt))
    }

    /// Returns where people log out at the provider, if it was asked before and has such a place.
    pub async fn log_out_url(&self) -> Option<Url> {
        let mut url = self.metadata.lock().await.as_ref()?.0.end_session_endpoint.clone()?;
        let back = self.redirect.join("/login").ok()?;
        let pairs = [("client_id", self.settings.client_id.as_str()), ("post_logout_redirect_uri", back.as_str())];
        url.query_pairs_mut().extend_pairs(pairs);
        Some(url)
    }

    /// Redeems the code that came back, checks the token and begins a session of the user whom it names. The provider has
    /// checked a second factor, or not: that is its own matter.
    ///
    /// # Errors
    /// `SignOnError` tells why nobody comes in.
    pub async fn finish(
        &self,
        store: &Store,
        (attempt, code): (&Attempt, &str),
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<Entered, SignOnError> {
        let tried = format!("sign-on {}", caller.address);
        if let Some(until) = store.note_login_attempt(&[(tried.clone(), FREE)], now).await? {
            return Err(AccessError::Blocked { until }.into());
        }
        let identity = self.identity(attempt, code, now).await?;
        if let Some(group) = self.settings.group.as_ref().filter(|group| !identity.groups.contains(group)) {
            return Err(SignOnError::Group(group.clone()));
        }
        let user = invited(store, &identity).await?;
        store.forget_login_attempts(&[tried]).await?;
        Ok(enter(store, (&user, Stage::Full), caller, now).await?)
    }

    async fn identity(&self, attempt: &Attempt, code: &str, now: Timestamp) -> Result<Identity, SignOnError> {
        let metadata = self.metadata(now).await?;
        let tokens = self.redeem(&metadata, attempt, code).await?;
        let mut claims: Claims = self.open(&metadata, &tokens.id_token).await?;
        // Whether it counts is known before more is asked.
        let identity = claims.check(&self.settings, &attempt.nonce, now)?;
        let (Some(url), Some(bearer)) = (&metadata.userinfo_endpoint, tokens.access_token.map(Secret::new)) else {
            return Ok(identity);
        };
        if claims.is_brief(&self.settings) {
            let told = self.ask(url, Ask::Bearer(&bearer)).await?;
            // A signed answer is not understood, and not needed where the token itself says enough.
            if let Ok(told) = serde_json::from_slice(&told) {
                claims.complete(told);
            }
        }
        Ok(claims.check(&self.settings, &attempt.nonce, now)?)
    }

    async fn redeem(&self, metadata: &Metadata, attempt: &Attempt, code: &str) -> Result<Tokens, SignOnError> {
        let id = self.settings.client_id.as_str();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect.as_str()),
            ("code_verifier", attempt.verifier.reveal().as_str()),
        ];
        let client = match &self.settings.client_secret {
            Some(secret) if metadata.wants_secret_in_form() => {
                fields.extend([("client_id", id), ("client_secret", secret.reveal().as_str())]);
                None
            }
            Some(secret) => Some((id, secret)),
            None => {
                fields.push(("client_id", id));
                None
            }
        };
        let answer = self.ask(&metadata.token_endpoint, Ask::Form { fields: &fields, client }).await;
        if let Err(SignOnError::Unreachable(error)) = &answer
            && let FetchError::Http { status, .. } = error.as_ref()
            && (400..500).contains(status)
        {
            return Err(SignOnError::Refused { status: *status });
        }
        let answer = answer?;
        serde_json::from_slice(&answer).map_err(|_| SignOnError::Strange("it gives no ID token"))
    }

    /// Opens a token with the keys that are known; a key that is not makes them be fetched anew.
    async fn open(&self, metadata: &Metadata, token: &str) -> Result<Claims, SignOnError> {
        let mut known = self.keys.lock().await;
        match known.as_ref().map(|keys| keys.open(token)) {
            Some(Err(JwtError::UnknownKey)) | None => {}
            Some(opened) => return Ok(opened?),
        }
        let published = self.ask(&metadata.jwks_uri, Ask::Public).await?;
        let keys = Keys::parse(&published).ok_or(SignOnError::Strange("its keys are no key set"))?;
        let opened = keys.open(token);
        *known = Some(keys);
        Ok(opened?)
    }

    async fn metadata(&self, now: Timestamp) -> Result<Arc<Metadata>, SignOnError> {
        let mut known = self.metadata.lock().await;
        if let Some((metadata, since)) = known.as_ref()
            && now.duration_since(*since).abs() < METADATA
        {
            return Ok(Arc::clone(metadata));
        }
        let url = metadata_url(&self.settings.issuer).ok_or(SignOnError::Strange("the issuer is no address"))?;
        let told = self.ask(&url, Ask::Public).await?;
        let metadata: Metadata = serde_json::from_slice(&told)
            .map_err(|_| SignOnError::Strange("what it says of itself lacks something or is not JSON"))?;
        if metadata.issuer != self.settings.issuer {
            return Err(SignOnError::Renamed(metadata.issuer));
        }
        let places = [Some(&metadata.token_endpoint), Some(&metadata.jwks_uri), metadata.userinfo_endpoint.as_ref()];
        if !places.into_iter().flatten().all(|place| is_admissible(place, &url)) {
            return Err(SignOnError::Strange("it names an address that is not encrypted or not public"));
        }
        let metadata = Arc::new(metadata);
        *known = Some((Arc::clone(&metadata), now));
        Ok(metadata)
    }

    async fn ask(&self, url: &Url, ask: Ask<'_>) -> Result<Vec<u8>, SignOnError> {
        let answer = self.fetcher.ask_provider(url, ask).await;
        answer.map_err(|error| SignOnError::Unreachable(Box::new(error)))
    }
}

/// Only a provider on this machine may name places on it, or be spoken to unencrypted.
fn is_admissible(place: &Url, issuer: &Url) -> bool {
    let is_local = |url: &Url| Source::from_url(url.as_str()).is_ok_and(|source| source.is_local());
    if is_local(place) { is_local(issuer) } else { place.scheme() == "https" }
}

/// Finds the user: by the subject, or, once, by a verified address that was invited.
async fn invited(store: &Store, identity: &Identity) -> Result<String, SignOnError> {
    if let Some(user) = store.user_of_subject(&identity.subject).await? {
        return match user.disabled_at {
            None => Ok(user.id),
            Some(_) => Err(SignOnError::Uninvited { email: user.name }),
        };
    }
    let email = identity.email.clone().ok_or(SignOnError::Unverified)?;
    let user = store.user(&email).await?.filter(|user| user.name == email && user.disabled_at.is_none());
    match user {
        // Whoever is bound to another subject is somebody else, or was given the address after them.
        Some(user) if store.bind_subject(&user.id, &identity.subject).await? => Ok(user.id),
        Some(_) | None => Err(SignOnError::Uninvited { email }),
    }
}
