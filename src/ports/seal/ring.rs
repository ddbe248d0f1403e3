//! The keys of a seal: one that seals, older ones that still open, each known by an id; and the file that holds them.
//!
//! ```text
//! dyepack-key-1 HEX            the key that seals
//! dyepack-old-key-1 HEX        a key that only opens; any number of these
//! dyepack-digest-key-1 HEX     what digests are keyed with, once it is no longer that of the first line
//! dyepack-rekey-unfinished     not everything is sealed with the first key yet
//! ```

use std::path::Path;
use std::sync::Arc;

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use sha2::{Digest, Sha256};

use super::{KEY_BYTES, SealError, hex, key_file, unhex};
use crate::domain::secret::Secret;

/// First word of a key file.
const KEY_MARK: &str = "dyepack-key-1";
const OLD_KEY_MARK: &str = "dyepack-old-key-1";
const DIGEST_KEY_MARK: &str = "dyepack-digest-key-1";
const UNFINISHED_MARK: &str = "dyepack-rekey-unfinished";

/// Tells a key; says nothing about it.
pub(super) type KeyId = [u8; 4];

/// A key, ready to be used.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: KeyId,
    pub(super) cipher: Arc<XChaCha20Poly1305>,
    bytes: Secret<[u8; KEY_BYTES]>,
}

impl Key {
    fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let digest = Sha256::new().chain_update(b"dyepack/key-id/1|").chain_update(bytes).finalize();
        let mut id = KeyId::default();
        for (to, from) in id.iter_mut().zip(digest) {
            *to = from;
        }
        Self { id, cipher: Arc::new(XChaCha20Poly1305::new(&bytes.into())), bytes: Secret::new(bytes) }
    }
}

/// All keys of a seal, as they are kept.
#[derive(Clone)]
pub(super) struct Ring {
    /// What seals.
    pub(super) current: Key,
    /// What only opens.
    pub(super) old: Vec<Key>,
    /// What digests are keyed with: that of the first key there ever was, so that what was digested stays comparable.
    pub(super) digest_key: Secret<[u8; KEY_BYTES]>,
    /// Whether something may still be sealed with an old key.
    pub(super) is_unfinished: bool,
}

impl Ring {
    pub(super) fn of(key: [u8; KEY_BYTES]) -> Self {
        let digest_key: [u8; KEY_BYTES] =
            Sha256::new().chain_update(b"dyepack/digest/1|").chain_update(key).finalize().into();
        Self { current: Key::new(key), old: Vec::new(), digest_key: Secret::new(digest_key), is_unfinished: false }
    }

    /// Makes a ring of one new key.
    pub(super) fn fresh() -> Result<Self, SealError> {
        Ok(Self::of(new_key()?))
    }

    /// Returns a ring that seals with a new key and opens with all of this one's.
    pub(super) fn turned(&self) -> Result<Self, SealError> {
        let old = std::iter::once(&self.current).chain(&self.old).cloned().collect();
        Ok(Self { current: Key::new(new_key()?), old, digest_key: self.digest_key.clone(), is_unfinished: true })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.old)
    }

    /// Reads a key file; `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, SealError> {
        let Some(text) = key_file::read(path)? else { return Ok(None) };
        Self::parse(&text).map(Some).ok_or_else(|| SealError::NotAKey { path: path.to_owned() })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.trim().lines();
        let mut ring = Self::of(unhex(lines.next()?.strip_prefix(KEY_MARK)?.trim())?);
        for line in lines {
            let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
            match mark {
                OLD_KEY_MARK => ring.old.push(Key::new(unhex(rest.trim())?)),
                DIGEST_KEY_MARK => ring.digest_key = Secret::new(unhex(rest.trim())?),
                UNFINISHED_MARK => ring.is_unfinished = true,
                _ => return None,
            }
        }
        Some(ring)
    }

    /// Writes what [`Ring::read`] reads.
    pub(super) fn text(&self) -> Secret<String> {
        let line = |mark: &str, key: &Secret<[u8; KEY_BYTES]>| format!("{mark} {}\n", hex(key.reveal()));
        let mut text = line(KEY_MARK, &self.current.bytes);
        for key in &self.old {
            text.push_str(&line(OLD_KEY_MARK, &key.bytes));
        }
        if Self::of(*self.current.bytes.reveal()).digest_key.reveal() != self.digest_key.reveal() {
            text.push_str(&line(DIGEST_KEY_MARK, &self.digest_key));
        }
        if self.is_unfinished {
            text.push_str(UNFINISHED_MARK);
            text.push('\n');
        }
        Secret::new(text)
    }
}

fn new_key() -> Result<[u8; KEY_BYTES], SealError> {
    let mut key = [0_u8; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|_| SealError::Chance)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_read_as_it_is_written() {
        let first = Ring::of([7; KEY_BYTES]);
        assert_eq!(
            first.text().reveal().lines().count(),
            1,
            "the form of files that were made before there were rings"
        );
        let turned = first.turned().unwrap().turned().unwrap();
        let again = Ring::parse(turned.text().reveal()).unwrap();
        assert!(again.is_unfinished && again.old.len() == 2);
        assert_eq!(again.digest_key.reveal(), first.digest_key.reveal());
        assert_eq!(
            again.keys().map(|key| key.id).collect::<Vec<_>>(),
            turned.keys().map(|key| key.id).collect::<Vec<_>>()
        );
        let alone = Ring { old: Vec::new(), is_unfinished: false, ..turned };
        let again = Ring::parse(alone.text().reveal()).unwrap();
        assert_eq!(again.digest_key.reveal(), first.digest_key.reveal());
        for text in ["", "dyepack-key-1 abc", "dyepack-old-key-1 00", &format!("{}x", first.text().reveal())] {
            assert!(Ring::parse(text).is_none(), "{text}");
        }
    }
}
