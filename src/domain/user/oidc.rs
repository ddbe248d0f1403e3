//! Single sign-on by `OpenID` Connect: what a provider says of itself, what it is asked, and whether its answer counts.
//!
//! `OpenID` Connect Core 1.0 §3.1 (code flow), Discovery 1.0 §4, RFC 7636 (PKCE). Not here: asking (`ports::fetch`), signatures
//! (`ports::jwt`), who may come in (`services::access`).

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::domain::secret::Secret;

/// How far the provider's clock and ours may lie apart.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// Longest subject (Core §2).
const SUBJECT_LIMIT: usize = 255;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `[console.oidc]`
#[derive(Debug, Clone)]
pub struct Settings {
    /// The provider's name for itself, letter for letter.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// What we prove it with; `None` for a public client.
    pub client_secret: Option<Secret<String>>,
    /// What the button calls the provider; its host without it.
    pub label: Option<String>,
    /// Only whom the provider counts in this group may come in.
    pub group: Option<String>,
    /// The claim that lists groups.
    pub groups_claim: String,
}

/// What a provider says of itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    /// Its name.
    pub issuer: String,
    /// Where people log in.
    pub authorization_endpoint: Url,
    /// Where a code becomes a token.
    pub token_endpoint: Url,
    /// Its keys.
    pub jwks_uri: Url,
    /// Where it tells what the token does not.
    pub userinfo_endpoint: Option<Url>,
    /// Where people log out.
    pub end_session_endpoint: Option<Url>,
    /// How we may prove who we are.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
}

impl Metadata {
    /// Tells whether the secret goes into the form rather than into the header.
    pub fn wants_secret_in_form(&self) -> bool {
        let supports = |method: &str| self.token_endpoint_auth_methods_supported.iter().any(|known| known == method);
        supports("client_secret_post") && !supports("client_secret_basic")
    }
}

/// A login on its way: what the answer must fit.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Names it; the browser keeps it, too.
    pub state: String,
    /// Must stand in the token.
    pub nonce: String,
    /// Proves that whoever redeems the code has asked for it.
    pub verifier: Secret<String>,
    /// Where the user wanted to go.
    pub next: String,
}

/// Returns where a provider tells about itself.
pub fn metadata_url(issuer: &str) -> Option<Url> {
    Url::parse(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).ok()
}

/// Returns where the browser goes to log in.
pub fn login_url(metadata: &Metadata, client_id: &str, redirect: &Url, attempt: &Attempt) -> Url {
    let mut url = metadata.authorization_endpoint.clone();
    url.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("scope", "openid email profile"),
        ("client_id", client_id),
        ("redirect_uri", redirect.as_str()),
        ("state", &attempt.state),
        ("nonce", &attempt.nonce),
        ("code_challenge", &challenge(attempt.verifier.reveal())),
        ("code_challenge_method", "S256"),
    ]);
    url
}

/// RFC 7636 §4.2, S256.
fn challenge(verifier: &str) -> String {
    let digest = Sha256::digest(verifier.as_bytes());
    let mut text = String::new();
    for three in digest.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            let at = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or_default();
            text.push(char::from(ALPHABET[at]));
        }
    }
    text
}

/// What an ID token says.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    azp: Option<String>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Why a token that is signed does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another provider made it.
    #[error("take the token: it is of another issuer")]
    Issuer,
    /// It was made for somebody else.
    #[error("take the token: it is for another client")]
    Audience,
    /// It is too old, or not valid yet.
    #[error("take the token: it does not count now; compare the clocks")]
    Time,
    /// It answers another login.
    #[error("take the token: it answers another login")]
    Nonce,
    /// It names nobody.
    #[error("take the token: it names nobody")]
    Subject,
}

/// Who has logged in at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Issuer and subject: never given to anybody else.
    pub subject: String,
    /// An address that the provider has verified, in lower case.
    pub email: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
}

impl Claims {
    /// Checks what the token says (Core §3.1.3.7) and returns who has logged in.
    ///
    /// # Errors
    /// `ClaimError` for the first thing that does not fit.
    pub fn check(&self, settings: &Settings, nonce: &str, now: Timestamp) -> Result<Identity, ClaimError> {
        if self.iss != settings.issuer {
            return Err(ClaimError::Issuer);
        }
        let (is_for_us, is_for_many) = match &self.aud {
            Audience::One(one) => (*one == settings.client_id, false),
            Audience::Many(many) => (many.contains(&settings.client_id), many.len() > 1),
        };
        let is_party = self.azp.as_ref().map_or(!is_for_many, |party| *party == settings.client_id);
        if !is_for_us || !is_party {
            return Err(ClaimError::Audience);
        }
        let time = |seconds: f64| SignedDuration::try_from_secs_f64(seconds).ok();
        let now = now.as_duration();
        let ends = time(self.exp).ok_or(ClaimError::Time)?;
        let begins = self.nbf.map(|seconds| time(seconds).ok_or(ClaimError::Time)).transpose()?;
        if ends.saturating_add(LEEWAY) <= now || begins.is_some_and(|begins| begins > now.saturating_add(LEEWAY)) {
            return Err(ClaimError::Time);
        }
        if self.nonce.as_deref() != Some(nonce) {
            return Err(ClaimError::Nonce);
        }
        if self.sub.is_empty() || self.sub.len() > SUBJECT_LIMIT || self.sub.chars().any(char::is_control) {
            return Err(ClaimError::Subject);
        }
        Ok(Identity {
            subject: format!("{} {}", self.iss, self.sub),
            email: verified_email(&self.more),
            groups: groups(&self.more, &settings.groups_claim),
        })
    }

    /// Takes what the provider tells beside the token; what it says of anybody else counts for nothing (Core §5.3.2).
    pub fn complete(&mut self, told: Map<String, Value>) {
        if told.get("sub").and_then(Value::as_str) == Some(&self.sub) {
            for (name, value) in told {
                self.more.entry(name).or_insert(value);
            }
        }
    }

    /// Tells whether the token leaves the address or the groups to be asked for.
    pub fn is_brief(&self, settings: &Settings) -> bool {
        verified_email(&self.more).is_none()
            || settings.group.is_some() && !self.more.contains_key(&settings.groups_claim)
    }
}

/// Some providers say `true`, some `"true"`.
fn verified_email(claims: &Map<String, Value>) -> Option<String> {
    let is_verified = match claims.get("email_verified") {
        Some(Value::Bool(is_verified)) => *is_verified,
        Some(Value::String(word)) => word == "true",
        Some(_) | None => false,
    };
    let email = claims.get("email")?.as_str()?.trim().to_lowercase();
    (is_verified && email.contains('@')).then_some(email)
}

fn groups(claims: &Map<String, Value>, name: &str) -> Vec<String> {
    match claims.get(name) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        Some(_) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> Settings {
        Settings {
            issuer: "https://login.example".to_owned(),
            client_id: "dyepack".to_owned(),
            client_secret: None,
            label: None,
            group: None,
            groups_claim: "groups".to_owned(),
        }
    }

    fn check(change: &Value) -> Result<Identity, ClaimError> {
        let mut claims = json!({"iss": "https://login.example", "sub": "7", "aud": "dyepack", "exp": 1_000, "nonce": "n",
                                "email": "Ann@Bank.example", "email_verified": true, "groups": ["soc"]});
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let claims: Claims = serde_json::from_value(claims).unwrap();
        claims.check(&settings(), "n", Timestamp::from_second(1_000).unwrap())
    }

    #[test]
    fn a_token_counts_only_for_us_now_and_for_this_login() {
        let good = check(&json!({})).unwrap();
        assert_eq!(good.subject, "https://login.example 7");
        assert_eq!(
            (good.email.as_deref(), good.groups.as_slice()),
            (Some("ann@bank.example"), &["soc".to_owned()][..])
        );
        for change in [
            json!({"aud": ["dyepack"]}),
            json!({"aud": ["other", "dyepack"], "azp": "dyepack"}),
            json!({"exp": 941, "nbf": 1_059}),
        ] {
            assert!(check(&change).is_ok(), "{change}");
        }
        for (change, error) in [
            (json!({"iss": "https://login.example/"}), ClaimError::Issuer),
            (json!({"aud": "other"}), ClaimError::Audience),
            (json!({"aud": ["dyepack", "other"]}), ClaimError::Audience),
            (json!({"azp": "other"}), ClaimError::Audience),
            (json!({"exp": 940}), ClaimError::Time),
            (json!({"exp": 1e300}), ClaimError::Time),
            (json!({"nbf": 1_061}), ClaimError::Time),
            (json!({"nonce": "m"}), ClaimError::Nonce),
            (json!({"nonce": null}), ClaimError::Nonce),
            (json!({"sub": ""}), ClaimError::Subject),
        ] {
            assert_eq!(check(&change), Err(error), "{change}");
        }
    }

    #[test]
    fn only_an_address_that_is_verified_says_who_somebody_is() {
        for (verified, is_known) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("yes"), false),
            (json!(null), false),
        ] {
            let identity = check(&json!({"email_verified": verified})).unwrap();
            assert_eq!(identity.email.is_some(), is_known, "{verified}");
        }
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn what_is_told_of_somebody_else_completes_nothing() {
        let mut claims: Claims = serde_json::from_value(json!({"iss": "i", "sub": "7", "aud": "a", "exp": 1})).unwrap();
        assert!(claims.is_brief(&settings()));
        let told = |value: Value| value.as_object().unwrap().clone();
        claims.complete(told(json!({"sub": "8", "email": "eve@bank.example", "email_verified": true})));
        assert!(claims.is_brief(&settings()));
        claims.complete(told(json!({"sub": "7", "email": "ann@bank.example", "email_verified": true})));
        assert!(!claims.is_brief(&settings()));
    }
}
