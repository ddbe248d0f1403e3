//! Where captured bodies lie: one file for each, named by its SHA-256, compressed and sealed.
//!
//! A file is there whole or not at all, and on disk before the store names it; a body that is there already is not written
//! again. Not here: which captures there are (`ports::store`).
#![expect(clippy::disallowed_methods, reason = "the room that opens files of evidence")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::evidence::ledger::sha256;
use crate::ports::seal::{Seal, SealError};

/// Compression level: 3 packs pages seven times at 735 MB/s.
const LEVEL: i32 = 3;
/// Most bytes that one body may unpack to; attachments are bounded long before.
const BODY_LIMIT_BYTES: u64 = 512 << 20;

/// Bodies on this machine; cheap to clone.
#[derive(Debug, Clone)]
pub struct Evidence {
    folder: PathBuf,
    seal: Seal,
}

/// Why a body cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// No room is left.
    #[error("keep evidence in {folder}: the disk is full; make room, or name another folder with --data", folder = .folder.display())]
    Full {
        /// The folder.
        folder: PathBuf,
    },
    /// It is not there.
    #[error("read the evidence {digest}: its file is missing")]
    Missing {
        /// Its digest.
        digest: String,
    },
    /// It is not what it was.
    #[error("read the evidence {digest}: its file was changed or sealed with another key")]
    Changed {
        /// Its digest.
        digest: String,
    },
    /// The files cannot be used.
    #[error("use the evidence in {folder}", folder = .folder.display())]
    Files {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It cannot be sealed.
    #[error("seal evidence")]
    Seal(#[source] SealError),
}

impl EvidenceError {
    /// Tells whether one body is damaged, and the others may be whole.
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Changed { .. })
    }
}

/// What the files take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Files.
    pub files: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

impl Evidence {
    /// Keeps bodies in `evidence/` of a data directory; nothing is made yet.
    pub fn new(data_dir: &Path, seal: Seal) -> Self {
        Self { folder: data_dir.join("evidence"), seal }
    }

    /// Keeps a body and returns its SHA-256 (hex); it is on disk when this returns. Costs one write, or one look if it is
    /// there already.
    ///
    /// # Errors
    /// `Full` if the disk is, `Files` for other failures of the file system; nothing half is left.
    pub fn keep(&self, body: &[u8]) -> Result<String, EvidenceError> {
        let digest = sha256(body);
        let path = self.path(&digest);
        if path.is_file() {
            return Ok(digest);
        }
        let packed = zstd::bulk::compress(body, LEVEL).map_err(|cause| self.wrap(cause))?;
        let sealed = self.seal.seal(&packed, &context(&digest)).map_err(EvidenceError::Seal)?;
        self.write(&path, &sealed).map_err(|cause| self.wrap(cause))?;
        Ok(digest)
    }

    /// Returns a body, checked against its digest.
    ///
    /// # Errors
    /// `Missing` or `Changed`.
    pub fn open(&self, digest: &str) -> Result<Vec<u8>, EvidenceError> {
        let changed = || EvidenceError::Changed { digest: digest.to_owned() };
        let sealed = match fs::read(self.path(digest)) {
            Ok(sealed) => sealed,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Err(EvidenceError::Missing { digest: digest.to_owned() });
            }
            Err(cause) => return Err(self.wrap(cause)),
        };
        let packed = self.seal.open(&sealed, &context(digest)).map_err(|_| changed())?;
        let mut body = Vec::new();
        let decoder = zstd::Decoder::new(packed.as_slice()).map_err(|_| changed())?;
        decoder.take(BODY_LIMIT_BYTES).read_to_end(&mut body).map_err(|_| changed())?;
        if sha256(&body) == digest { Ok(body) } else { Err(changed()) }
    }

    /// Seals a body anew if it is not sealed with the key that seals now; returns whether it was. One that has gone meanwhile
    /// is done.
    ///
    /// # Errors
    /// `Changed` if it does not open; `Full` or `Files` if it cannot be written; the old file stays then.
    pub fn reseal(&self, digest: &str) -> Result<bool, EvidenceError> {
        let path = self.path(digest);
        let sealed = match fs::read(&path) {
            Ok(sealed) => sealed,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(cause) => return Err(self.wrap(cause)),
        };
        if self.seal.is_current(&sealed) {
            return Ok(false);
        }
        let changed = |_| EvidenceError::Changed { digest: digest.to_owned() };
        let packed = self.seal.open(&sealed, &context(digest)).map_err(changed)?;
        let anew = self.seal.seal(&packed, &context(digest)).map_err(EvidenceError::Seal)?;
        self.write(&path, &anew).map_err(|cause| self.wrap(cause))?;
        Ok(true)
    }

    /// Removes a body; one that is not there is removed already.
    ///
    /// # Errors
    /// `Files` if it cannot be removed.
    pub fn remove(&self, digest: &str) -> Result<(), EvidenceError> {
        match fs::remove_file(self.path(digest)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(self.wrap(cause)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Lists the digests of bodies that have lain here for at least `age`; what is not a body is passed over.
    ///
    /// # Errors
    /// `Files` if the folder cannot be read.
    pub fn older_than(&self, age: Duration) -> Result<Vec<String>, EvidenceError> {
        let mut digests = Vec::new();
        self.walk(|path, metadata| {
            let is_old = metadata.modified()?.elapsed().is_ok_and(|elapsed| elapsed >= age);
            if let Some(name) = path.file_name().and_then(|name| name.to_str())
                && is_old
                && is_digest(name)
            {
                digests.push(name.to_owned());
            }
            Ok(())
        })?;
        digests.sort_unstable();
        Ok(digests)
    }

    /// Adds up what the files take.
    ///
    /// # Errors
    /// `Files` if the folder cannot be read.
    pub fn usage(&self) -> Result<Usage, EvidenceError> {
        let mut usage = Usage::default();
        self.walk(|_, metadata| {
            usage.files += 1;
            usage.bytes += metadata.len();
            Ok(())
        })?;
        Ok(usage)
    }

    fn walk(&self, mut see: impl FnMut(&Path, &fs::Metadata) -> io::Result<()>) -> Result<(), EvidenceError> {
        let mut each = || -> io::Result<()> {
            if !self.folder.is_dir() {
                return Ok(());
            }
            for row in fs::read_dir(&self.folder)? {
                let row = row?.path();
                if !row.is_dir() {
                    continue;
                }
                for file in fs::read_dir(row)? {
                    let file = file?;
                    see(&file.path(), &file.metadata()?)?;
                }
            }
            Ok(())
        };
        each().map_err(|cause| self.wrap(cause))
    }

    fn write(&self, path: &Path, sealed: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let mut beside = tempfile::Builder::new().prefix(".keeping-").tempfile_in(folder)?;
        beside.write_all(sealed)?;
        beside.as_file().sync_all()?;
        beside.persist(path).map_err(|failed| failed.error)?;
        File::open(folder)?.sync_all()
    }

    fn path(&self, digest: &str) -> PathBuf {
        let name = if is_digest(digest) { digest } else { "none" };
        self.folder.join(name.get(..2).unwrap_or("no")).join(name)
    }

    fn wrap(&self, cause: io::Error) -> EvidenceError {
        let folder = self.folder.clone();
        let is_full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
        if is_full.contains(&cause.kind()) {
            EvidenceError::Full { folder }
        } else {
            EvidenceError::Files { folder, cause }
        }
    }
}

/// Names nothing outside the folder, whatever a damaged row says.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn context(digest: &str) -> String {
    format!("evidence/{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(folder: &Path) -> Evidence {
        Evidence::new(folder, Seal::from_key(&[7; 32]))
    }

    #[test]
    fn a_body_is_kept_once_sealed_and_given_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = evidence(folder.path());
        let body = "<p>9999 1200 4471 0031</p>".repeat(100);
        let digest = evidence.keep(body.as_bytes()).unwrap();
        assert_eq!(evidence.keep(body.as_bytes()).unwrap(), digest);
        assert_eq!(evidence.open(&digest).unwrap(), body.as_bytes());
        let usage = evidence.usage().unwrap();
        assert!(usage.files == 1 && usage.bytes < 200, "{usage:?}");
        let file = fs::read(evidence.path(&digest)).unwrap();
        assert!(!file.windows(4).any(|bytes| bytes == b"9999"));
        assert_eq!(evidence.older_than(Duration::ZERO).unwrap(), std::slice::from_ref(&digest));
        assert!(evidence.older_than(Duration::from_mins(1)).unwrap().is_empty());
        evidence.remove(&digest).unwrap();
        evidence.remove(&digest).unwrap();
        assert!(matches!(evidence.open(&digest), Err(EvidenceError::Missing { .. })));
    }

    #[test]
    fn any_change_of_any_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = evidence(folder.path());
        let digest = evidence.keep(b"body").unwrap();
        let path = evidence.path(&digest);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, changed).unwrap();
            assert!(matches!(evidence.open(&digest), Err(EvidenceError::Changed { .. })), "{at}");
        }
        fs::write(&path, whole.get(..whole.len() - 1).unwrap()).unwrap();
        assert!(evidence.open(&digest).is_err());
    }

    #[test]
    fn a_damaged_digest_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = evidence(folder.path());
        for digest in ["", "../../etc/passwd", "zz", &"A".repeat(64)] {
            assert!(evidence.open(digest).is_err(), "{digest}");
            assert!(evidence.path(digest).starts_with(folder.path()), "{digest}");
        }
    }

    #[test]
    fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = evidence(folder.path());
        assert_eq!(evidence.usage().unwrap(), Usage::default());
        evidence.keep(b"body").unwrap();
        fs::write(folder.path().join("evidence/README"), "x").unwrap();
        assert_eq!(evidence.older_than(Duration::ZERO).unwrap().len(), 1);
    }
}
