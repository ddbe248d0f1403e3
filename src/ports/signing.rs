//! Signs what leaves the chain of evidence: Ed25519 (RFC 8032), the key in a file of its own that openssl reads too.
//!
//! Not here: what is signed (`domain::evidence::head`, `faces::cli::evidence`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::domain::evidence::ledger::sha256;
use crate::ports::seal::{SealError, key_file};

const PRIVATE_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";
/// `SubjectPublicKeyInfo` of Ed25519 (RFC 8410 §4) up to the key's own 32 bytes.
const PUBLIC_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key file cannot be used.
    #[error(transparent)]
    File(#[from] SealError),
    /// The file holds no Ed25519 key.
    #[error("use the signing key {path}: it is no Ed25519 key in PEM; restore it from a backup", path = .path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gives no random numbers.
    #[error("make a signing key: the operating system gives no random numbers")]
    Chance,
}

/// A key that signs; cheap to clone.
#[derive(Clone)]
pub struct Signer {
    pair: Arc<Ed25519KeyPair>,
}

impl Signer {
    /// Reads the key file (PKCS #8 in PEM), or makes one (mode 0600) if there is none.
    ///
    /// # Errors
    /// When the file is not a key, may be read by others, or cannot be read or made.
    pub fn load_or_create(path: &Path) -> Result<Self, SigningError> {
        let text = if let Some(text) = key_file::read(path)? {
            text
        } else {
            let pair = Ed25519KeyPair::generate().map_err(|_| SigningError::Chance)?;
            let der = pair.to_pkcs8v1().map_err(|_| SigningError::Chance)?;
            key_file::create(path, &pem(PRIVATE_LABEL, der.as_ref()))?;
            key_file::read(path)?.unwrap_or_default()
        };
        let der = unpem(PRIVATE_LABEL, &text);
        let pair = der.and_then(|der| Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok());
        let pair = pair.ok_or_else(|| SigningError::NotAKey { path: path.to_owned() })?;
        Ok(Self { pair: Arc::new(pair) })
    }

    /// Signs a message: 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// Returns what its signatures are checked with.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.pair.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({})", self.public_key().fingerprint())
    }
}

/// What signatures are checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Writes it as `openssl pkey -pubout` does.
    pub fn pem(&self) -> String {
        pem(PUBLIC_LABEL, &self.der())
    }

    /// Reads what [`PublicKey::pem`] wrote, and in no other form.
    pub fn parse(text: &str) -> Option<Self> {
        let der = unpem(PUBLIC_LABEL, text)?;
        let key = Self(der.strip_prefix(&PUBLIC_HEAD)?.try_into().ok()?);
        (key.pem() == text).then_some(key)
    }

    /// Returns the SHA-256 (hex) of the key in DER: what people compare.
    pub fn fingerprint(&self) -> String {
        sha256(&self.der())
    }

    /// Tells whether a message was signed with this key's private one.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }

    fn der(&self) -> Vec<u8> {
        [&PUBLIC_HEAD[..], &self.0].concat()
    }
}

/// Writes bytes in base64 (RFC 4648 §4), on one line.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().chain(&[0, 0]).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for place in 0..4 {
            let letter = ALPHABET.get(bits >> (18 - 6 * place) & 63).copied().unwrap_or(b'A');
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// Reads what [`base64`] wrote, and in no other form; white space does not count.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.as_bytes().chunks(4) {
        let letters: Vec<u8> = group.iter().copied().take_while(|letter| *letter != b'=').collect();
        let mut bits = 0_u32;
        for place in 0..4 {
            bits = bits << 6 | u32::from(letters.get(place).map_or(Some(0), |letter| value(*letter))?);
        }
        bytes.extend(bits.to_be_bytes().iter().skip(1).take(letters.len().saturating_sub(1)));
    }
    (base64(&bytes) == text).then_some(bytes)
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64(der).as_bytes().chunks(64) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

fn unpem(label: &str, text: &str) -> Option<Vec<u8>> {
    let inner = text.split_once(&format!("-----BEGIN {label}-----"))?.1;
    unbase64(inner.split_once(&format!("-----END {label}-----"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!((base64(plain.as_bytes()).as_str(), unbase64(coded)), (coded, Some(plain.as_bytes().to_vec())));
        }
        for wrong in ["Zh==", "Zg=", "Z", "Zg==Zg==", "*"] {
            assert_eq!(unbase64(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_signature_holds_for_its_message_and_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence-signing.pem");
        let signer = Signer::load_or_create(&path).unwrap();
        let signature = signer.sign(b"head");
        let key = Signer::load_or_create(&path).unwrap().public_key();
        assert!(key.verifies(b"head", &signature) && !key.verifies(b"heae", &signature));
        assert_eq!(PublicKey::parse(&key.pem()), Some(key));
        let other = Signer::load_or_create(&folder.path().join("other.pem")).unwrap();
        assert!(!other.public_key().verifies(b"head", &signature));
        assert_eq!(PublicKey::parse(&key.pem().replace('\n', "\r\n")), None);
        assert!(!format!("{signer:?}").contains("PRIVATE"));
    }
}
