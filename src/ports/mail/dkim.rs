//! Signs mails with the sender's domain key (DKIM, RFC 6376), relaxed in header and body: what survives relays.

use std::fmt;
use std::sync::Arc;

use lettre::Message;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm, DkimSigningKey, dkim_sign,
};
use lettre::message::header::HeaderName;

use crate::domain::secret::Secret;

/// Header fields that are signed; the others may be changed on the way.
const SIGNED: [&str; 8] = ["From", "To", "Subject", "Date", "Message-ID", "References", "List-Id", "Auto-Submitted"];

/// Whose key signs.
#[derive(Debug, Clone)]
pub struct DkimOptions {
    /// The domain: `bank.example`.
    pub domain: String,
    /// The selector: the key is published at `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// RSA in PKCS#1 PEM (`openssl genrsa -traditional 2048`), or 32 bytes of Ed25519 in base64.
    pub key: Secret<String>,
}

/// Signs mails; cheap to clone.
#[derive(Clone)]
pub(super) struct Signer(Arc<DkimConfig>);

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Signer([hidden])")
    }
}

impl Signer {
    /// Takes a key; `None` if it is neither of the two kinds, or the names could break a header.
    pub(super) fn new(options: &DkimOptions) -> Option<Self> {
        let is_name = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        };
        if !is_name(&options.domain) || !is_name(&options.selector) {
            return None;
        }
        let text = options.key.reveal().trim();
        let algorithm =
            if text.starts_with("-----BEGIN") { DkimSigningAlgorithm::Rsa } else { DkimSigningAlgorithm::Ed25519 };
        let key = DkimSigningKey::new(text, algorithm).ok()?;
        // The default, simple header canonicalisation, gives signatures that do not verify.
        let canonicalization =
            DkimCanonicalization { header: DkimCanonicalizationType::Relaxed, body: DkimCanonicalizationType::Relaxed };
        let headers = SIGNED.into_iter().map(HeaderName::new_from_ascii_str).collect();
        let config = DkimConfig::new(options.selector.clone(), options.domain.clone(), key, headers, canonicalization);
        Some(Self(Arc::new(config)))
    }

    /// Adds the signature.
    pub(super) fn sign(&self, message: &mut Message) {
        dkim_sign(message, &self.0);
    }
}
