//! Seals what must not lie readable at rest: post texts, canary values, frozen alerts.
//!
//! XChaCha20-Poly1305 with a random nonce; the context (table, column, row) is authenticated, so that a sealed value
//! cannot be moved to another place. Not here: where sealed values are kept (`store`), rotation of keys.
#![expect(clippy::disallowed_methods, reason = "the key file is opened here and nowhere else")]

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use crate::domain::secret::Secret;

/// First byte of everything sealed this way.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
/// First word of a key file.
const KEY_FILE_MARK: &str = "dyepack-key-1";

/// Seals and opens with one key; cheap to clone.
#[derive(Clone)]
pub struct Seal {
    cipher: Arc<XChaCha20Poly1305>,
    digest_key: Secret<[u8; KEY_BYTES]>,
}

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file may be read by others.
    #[error("use the key file {path}: others may read it (mode {mode:03o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a key file.
    #[error("use the key file {path}: it does not hold a dyepack key; restore it from a backup, or name another file")]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The key file cannot be read or made.
    #[error("open the key file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The operating system gives no random numbers.
    #[error("get random numbers from the operating system")]
    Chance,
    /// Not sealed with this key for this context, or changed since.
    #[error("open a sealed value: it was sealed with another key, or changed since")]
    Opened,
}

impl Seal {
    /// Makes a seal from a key in hand.
    pub fn from_key(key: &[u8; KEY_BYTES]) -> Self {
        let digest_key: [u8; KEY_BYTES] =
            Sha256::new().chain_update(b"dyepack/digest/1|").chain_update(key).finalize().into();
        Self { cipher: Arc::new(XChaCha20Poly1305::new(key.into())), digest_key: Secret::new(digest_key) }
    }

    /// Reads the key file, or makes one (mode 0600, complete or not at all) if there is none; missing folders are made.
    ///
    /// # Errors
    /// `Exposed` if others may read the file, `NotAKey` if it holds something else, `File` if it cannot be read or
    /// made, `Chance` if there is no randomness for a new key.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        match read_key(path)? {
            Some(key) => Ok(Self::from_key(key.reveal())),
            None => create_key(path),
        }
    }

    /// Seals bytes for one context; [`Seal::open`] needs the same context.
    ///
    /// # Errors
    /// `Chance` if there is no randomness for the nonce.
    pub fn seal(&self, plain: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::Chance)?;
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Opened)?;
        let mut envelope = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        envelope.push(VERSION);
        envelope.extend_from_slice(&nonce);
        envelope.extend_from_slice(&sealed);
        Ok(envelope)
    }

    /// Opens what [`Seal::seal`] made.
    ///
    /// # Errors
    /// `Opened` if the bytes were sealed with another key or for another context, or changed since.
    pub fn open(&self, envelope: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        let (version, rest) = envelope.split_first().ok_or(SealError::Opened)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Opened)?;
        if *version != VERSION {
            return Err(SealError::Opened);
        }
        let payload = Payload { msg: sealed, aad: context.as_bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Opened)
    }

    /// Returns a keyed digest (hex): equal for equal bytes, and telling nothing to who has not the key.
    pub fn digest(&self, plain: &[u8]) -> String {
        let inner = Sha256::new().chain_update(self.digest_key.reveal()).chain_update(plain).finalize();
        let outer = Sha256::new().chain_update(self.digest_key.reveal()).chain_update(inner).finalize();
        hex(&outer)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seal([hidden])")
    }
}

fn read_key(path: &Path) -> Result<Option<Secret<[u8; KEY_BYTES]>>, SealError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
            return Err(SealError::NotAKey { path: path.to_owned() });
        }
        Err(cause) => return Err(SealError::File { path: path.to_owned(), cause }),
    };
    let metadata = fs::metadata(path).map_err(|cause| SealError::File { path: path.to_owned(), cause })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SealError::Exposed { path: path.to_owned(), mode });
    }
    let key = text.trim().strip_prefix(KEY_FILE_MARK).and_then(|rest| unhex(rest.trim()));
    key.map(|key| Some(Secret::new(key))).ok_or_else(|| SealError::NotAKey { path: path.to_owned() })
}

/// Writes a new key beside its place and links it there, so that a crash leaves no half file and, of two processes
/// that start together, the slower takes the key of the faster.
fn create_key(path: &Path) -> Result<Seal, SealError> {
    let wrap = |cause| SealError::File { path: path.to_owned(), cause };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(wrap)?;
    let mut chance = [0_u8; KEY_BYTES + 8];
    getrandom::fill(&mut chance).map_err(|_| SealError::Chance)?;
    let (key, suffix) = chance.split_first_chunk::<KEY_BYTES>().ok_or(SealError::Chance)?;
    let beside = folder.join(format!(".key-{}", hex(suffix)));
    let written = write_new(&beside, &format!("{KEY_FILE_MARK} {}\n", hex(key)))
        .and_then(|()| fs::hard_link(&beside, path))
        .and_then(|()| File::open(folder)?.sync_all());
    let removed = fs::remove_file(&beside);
    match written {
        Ok(()) => removed.map_err(wrap)?,
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
        Err(cause) => return Err(wrap(cause)),
    }
    let key = read_key(path)?.ok_or_else(|| SealError::NotAKey { path: path.to_owned() })?;
    Ok(Seal::from_key(key.reveal()))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads the hexadecimal digits of a key.
pub(crate) fn unhex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    if digits.len() == 2 * KEY_BYTES { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_with_its_key_and_context_and_unchanged() {
        let seal = Seal::from_key(&[7; 32]);
        let mut envelope = seal.seal("卡号 4111".as_bytes(), "post/1").unwrap();
        assert_eq!(seal.open(&envelope, "post/1").unwrap(), "卡号 4111".as_bytes());
        assert!(seal.open(&envelope, "post/2").is_err());
        assert!(Seal::from_key(&[8; 32]).open(&envelope, "post/1").is_err());
        for length in 0..envelope.len() {
            assert!(seal.open(envelope.get(..length).unwrap(), "post/1").is_err());
        }
        *envelope.last_mut().unwrap() ^= 1;
        assert!(seal.open(&envelope, "post/1").is_err());
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time_but_digests_the_same() {
        let seal = Seal::from_key(&[7; 32]);
        assert_ne!(seal.seal(b"a", "x").unwrap(), seal.seal(b"a", "x").unwrap());
        assert_eq!(seal.digest(b"a"), seal.digest(b"a"));
        assert_ne!(seal.digest(b"a"), Seal::from_key(&[8; 32]).digest(b"a"));
    }

    #[test]
    fn a_key_file_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/store.key");
        let sealed = Seal::load_or_create(&path).unwrap().seal(b"a", "x").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Seal::load_or_create(&path).unwrap().open(&sealed, "x").unwrap(), b"a");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside the key");
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        Seal::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Seal::load_or_create(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        write_new(&path, "dyepack-key-1 abc\n").unwrap();
        assert!(matches!(Seal::load_or_create(&path), Err(SealError::NotAKey { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "dyepack-key-1 abc\n");
    }
}
