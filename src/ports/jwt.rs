//! Signed tokens of other people's servers (RFC 7515, 7517, 7519): opened with the keys that the server publishes.
//!
//! RS256 and ES256 only: what a token says of its own algorithm decides nothing else. Not here: whether what it says counts
//! (`domain::user::oidc`).

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a token cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// It is none, or says what it must not.
    #[error("read the token: it is none that is understood")]
    Form,
    /// It is not signed as it must be.
    #[error("take the token: it is signed by neither RS256 nor ES256")]
    Algorithm,
    /// No key of its name is published; the keys may have changed.
    #[error("take the token: its key is not published")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("take the token: its signature is wrong")]
    Signature,
}

/// Keys that a server publishes.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<Jwk>);

impl Keys {
    /// Reads a key set; keys of kinds that are not known are left out. `None` if it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let set: Value = serde_json::from_slice(bytes).ok()?;
        let keys = set.get("keys")?.as_array()?.iter();
        Some(Self(keys.filter_map(|key| serde_json::from_value(key.clone()).ok()).collect()))
    }

    /// Opens a token and returns what it says.
    ///
    /// # Errors
    /// `UnknownKey` may go away when the keys are fetched anew; everything else does not.
    pub fn open<T: DeserializeOwned>(&self, token: &str) -> Result<T, JwtError> {
        let header = decode_header(token).map_err(|_| JwtError::Form)?;
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
            return Err(JwtError::Algorithm);
        }
        let mut validation = Validation::new(header.alg);
        // Times and names are checked with our clock and settings.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = self.named(header.kid.as_deref()).ok_or(JwtError::UnknownKey)?;
        let key = DecodingKey::from_jwk(key).map_err(|_| JwtError::UnknownKey)?;
        let opened = decode::<Value>(token, &key, &validation).map_err(|_| JwtError::Signature)?;
        serde_json::from_value(opened.claims).map_err(|_| JwtError::Form)
    }

    /// A token without a key's name is of the only key there is.
    fn named(&self, name: Option<&str>) -> Option<&Jwk> {
        let signs = |key: &&Jwk| !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
        let mut keys = self.0.iter().filter(signs);
        if let Some(name) = name {
            return keys.find(|key| key.common.key_id.as_deref() == Some(name));
        }
        keys.next().filter(|_| keys.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_and_what_is_not_signed_is_refused() {
        let keys = Keys::parse(br#"{"keys": [{"kty": "strange"}, {"kty": "oct", "k": "AAAA", "kid": "a"}]}"#).unwrap();
        for (token, error) in [
            ("", JwtError::Form),
            ("a.b.c", JwtError::Form),
            // {"alg":"none"}, {"alg":"HS256","kid":"a"}, {"alg":"RS256","kid":"b"}
            ("eyJhbGciOiJub25lIn0.e30.", JwtError::Form),
            ("eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.e30.AAAA", JwtError::Algorithm),
            ("eyJhbGciOiJSUzI1NiIsImtpZCI6ImIifQ.e30.AAAA", JwtError::UnknownKey),
        ] {
            assert_eq!(keys.open::<Value>(token), Err(error), "{token}");
        }
        // A shared secret is no key of RS256, whatever the token says.
        assert!(keys.open::<Value>("eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AAAA").is_err());
        assert!(Keys::parse(b"[]").is_none() && Keys::parse(b"<html>").is_none());
    }
}
