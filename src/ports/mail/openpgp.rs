//! Encrypts a mail to its contact's OpenPGP key: PGP/MIME (RFC 3156) around what RFC 9580 calls SEIPD version 1, which
//! every OpenPGP program in use reads.
//!
//! The library parses and encrypts; which part of a certificate may be encrypted to is decided here: bindings that verify,
//! flags that say encryption, neither revoked nor expired.

use jiff::Timestamp;
use pgp::composed::{ArmorOptions, Deserializable as _, MessageBuilder, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::KeyDetails as _;
use rand08::rngs::OsRng;

/// Largest certificate that is read.
const CERTIFICATE_LIMIT_BYTES: usize = 256 * 1024;

/// Why a certificate cannot be encrypted to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is none.
    #[error("is not an armored OpenPGP public key ({reason}); export it with: gpg --armor --export ADDRESS")]
    NotAKey {
        /// What the parser said.
        reason: String,
    },
    /// Its own signatures do not hold.
    #[error("carries a signature that does not hold; export it again")]
    Forged,
    /// Its owner has revoked it.
    #[error("is revoked; ask its owner for the new key")]
    Revoked,
    /// It has run out.
    #[error("expired on {}; ask its owner for the new key", at.strftime("%Y-%m-%d"))]
    Expired {
        /// When.
        at: Timestamp,
    },
    /// No part of it is meant for encryption.
    #[error("has no part that may be encrypted to; ask its owner for a key with an encryption subkey")]
    CannotEncrypt,
}

/// A certificate that may be encrypted to.
#[derive(Debug, Clone)]
pub struct Recipient {
    certificate: SignedPublicKey,
    /// Which subkey; the primary key itself if `None`.
    subkey: Option<usize>,
    /// When it runs out.
    expires_at: Option<Timestamp>,
}

impl Recipient {
    /// Reads an armored certificate and chooses what to encrypt to, as of a time.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn read(armored: &str, now: Timestamp) -> Result<Self, KeyFault> {
        if armored.len() > CERTIFICATE_LIMIT_BYTES {
            return Err(KeyFault::NotAKey { reason: "it is too large".to_owned() });
        }
        let (certificate, _) = SignedPublicKey::from_string(armored)
            .map_err(|error| KeyFault::NotAKey { reason: error.to_string().chars().take(120).collect() })?;
        certificate.verify_bindings().map_err(|_| KeyFault::Forged)?;
        if !certificate.details.revocation_signatures.is_empty() {
            return Err(KeyFault::Revoked);
        }
        let whole = lifetime(&certificate, primary_signatures(&certificate).as_slice());
        if let Some(at) = whole.filter(|at| *at <= now) {
            return Err(KeyFault::Expired { at });
        }
        let (subkey, own) = choose(&certificate, now)?;
        let expires_at = [whole, own].into_iter().flatten().min();
        Ok(Self { certificate, subkey, expires_at })
    }

    /// Returns when it runs out, if it does.
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Encrypts bytes; returns ASCII armor.
    ///
    /// # Errors
    /// What the library says; never anything of the content.
    pub fn encrypt(&self, plain: &[u8]) -> Result<String, String> {
        let wrap = |error: pgp::errors::Error| error.to_string();
        let mut builder = MessageBuilder::from_bytes("", plain.to_vec()).seipd_v1(OsRng, SymmetricKeyAlgorithm::AES256);
        match self.subkey.and_then(|place| self.certificate.public_subkeys.get(place)) {
            Some(subkey) => builder.encrypt_to_key(OsRng, subkey).map_err(wrap)?,
            None => builder.encrypt_to_key(OsRng, &self.certificate.primary_key).map_err(wrap)?,
        };
        builder.to_armored_string(OsRng, ArmorOptions::default()).map_err(wrap)
    }
}

/// The newest subkey that may be encrypted to, with when it runs out; else the primary key, if it may.
fn choose(certificate: &SignedPublicKey, now: Timestamp) -> Result<(Option<usize>, Option<Timestamp>), KeyFault> {
    let mut expired = None;
    let mut best: Option<(usize, i64, Option<Timestamp>)> = None;
    for (place, subkey) in certificate.public_subkeys.iter().enumerate() {
        let is_revoked = subkey.signatures.iter().any(|one| one.typ() == Some(SignatureType::SubkeyRevocation));
        if is_revoked || !may_encrypt(subkey) {
            continue;
        }
        let ends = lifetime(&subkey.key, &subkey.signatures.iter().collect::<Vec<_>>());
        if let Some(at) = ends.filter(|at| *at <= now) {
            expired = Some(at);
            continue;
        }
        let made = seconds(subkey.key.created_at());
        if best.is_none_or(|(_, newest, _)| made > newest) {
            best = Some((place, made, ends));
        }
    }
    if let Some((place, _, ends)) = best {
        return Ok((Some(place), ends));
    }
    let primary = primary_signatures(certificate);
    let is_flagged = latest(&primary).is_some_and(encrypts);
    if is_flagged && certificate.primary_key.algorithm().can_encrypt() {
        return Ok((None, None));
    }
    Err(expired.map_or(KeyFault::CannotEncrypt, |at| KeyFault::Expired { at }))
}

fn may_encrypt(subkey: &SignedPublicSubKey) -> bool {
    let signatures: Vec<&Signature> = subkey.signatures.iter().collect();
    subkey.key.algorithm().can_encrypt() && latest(&signatures).is_some_and(encrypts)
}

fn encrypts(signature: &Signature) -> bool {
    let flags = signature.key_flags();
    flags.encrypt_comms() || flags.encrypt_storage()
}

/// Signatures that speak of the primary key: on itself, and on its user ids.
fn primary_signatures(certificate: &SignedPublicKey) -> Vec<&Signature> {
    let details = &certificate.details;
    details.direct_signatures.iter().chain(details.users.iter().flat_map(|user| &user.signatures)).collect()
}

/// Of several signatures the latest counts (RFC 9580 §5.2.3.10).
fn latest<'a>(signatures: &[&'a Signature]) -> Option<&'a Signature> {
    signatures.iter().copied().max_by_key(|signature| signature.created().map_or(0, seconds))
}

/// When a key runs out by its latest signature.
fn lifetime(key: &impl pgp::types::KeyDetails, signatures: &[&Signature]) -> Option<Timestamp> {
    let lasts = latest(signatures)?.key_expiration_time()?;
    let lasts = std::time::Duration::from(lasts).as_secs();
    let ends = seconds(key.created_at()).checked_add(i64::try_from(lasts).ok()?)?;
    (lasts > 0).then(|| Timestamp::from_second(ends).ok()).flatten()
}

fn seconds(at: pgp::types::Timestamp) -> i64 {
    let since = std::time::SystemTime::from(at).duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
