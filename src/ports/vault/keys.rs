//! Key files: `dyepack-fingerprint-key-1 ORGANIZATION EPOCH` and 64 hexadecimal digits, on one line, mode 0600.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Vault;
use crate::domain::fingerprints::Label;
use crate::domain::identifier::{Epoch, FingerprintKey};
use crate::domain::secret::Secret;
use crate::domain::watchlist::OrganizationId;
use crate::ports::seal::{hex, unhex};

/// First word of a key file.
const MARK: &str = "dyepack-fingerprint-key-1";

/// Why a key cannot be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none on this machine.
    #[error("the key of {organization}, epoch {epoch}, is not on this machine")]
    Missing {
        /// Whose.
        organization: OrganizationId,
        /// Which.
        epoch: Epoch,
    },
    /// Others may read it.
    #[error("the key file {path} may be read by others (mode {mode:03o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a key, or was changed.
    #[error(
        "{place} does not hold a fingerprint key; restore it, or make one with: dyepack init --organization ORGANIZATION"
    )]
    NotAKey {
        /// The file, or that it was given by a variable.
        place: String,
    },
    /// It is there already.
    #[error("the key file {path} is there already and was left alone; a new key needs a new epoch: --epoch NUMBER")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("the key file {path} cannot be used ({cause})")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Chance,
}

impl Vault {
    /// Returns the key of a label's organization and epoch: one given, or from the folder `keys`.
    ///
    /// # Errors
    /// `Missing` if there is none, else why one that is there cannot be used.
    pub fn key(&self, label: &Label) -> Result<FingerprintKey, KeyError> {
        let is_it = |key: &FingerprintKey| key.organization == label.organization && key.epoch == label.epoch;
        for given in self.given.iter() {
            let key = match parse(given.reveal()) {
                Some(key) => key,
                None if given.reveal().starts_with(MARK) => {
                    return Err(KeyError::NotAKey { place: "a DYEPACK_FINGERPRINT_KEY_… variable".to_owned() });
                }
                None => read_key(Path::new(given.reveal()))?,
            };
            if is_it(&key) {
                return Ok(key);
            }
        }
        let name = file_name(&label.organization, label.epoch);
        let folders = std::iter::once(self.folder.join("keys")).chain(self.more_keys.iter().cloned());
        let path = folders.map(|folder| folder.join(&name)).find(|path| path.symlink_metadata().is_ok());
        if let Some(path) = path {
            let key = read_key(&path)?;
            return if is_it(&key) { Ok(key) } else { Err(KeyError::NotAKey { place: path.display().to_string() }) };
        }
        Err(KeyError::Missing { organization: label.organization.clone(), epoch: label.epoch })
    }

    /// Says what to do when a label's key is missing.
    pub(super) fn key_mend(&self, label: &Label) -> String {
        let path = self.key_path(&label.organization, label.epoch);
        let variable = label.organization.0.to_ascii_uppercase().replace('-', "_");
        format!(
            "bring it from where the fingerprints were made to {} (mode 600), or name its file in \
             DYEPACK_FINGERPRINT_KEY_{variable}; until then these fingerprints are not looked for",
            path.display()
        )
    }

    /// Makes a random key file (mode 0600, complete or not at all) and returns where it is.
    ///
    /// # Errors
    /// `Exists` if there is one, which is left alone.
    pub fn make_key(&self, organization: &OrganizationId, epoch: Epoch) -> Result<PathBuf, KeyError> {
        let path = self.key_path(organization, epoch);
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|_| KeyError::Chance)?;
        let text = Secret::new(format!("{MARK} {organization} {epoch} {}\n", hex(&secret)));
        match write_new(&path, &text) {
            Ok(()) => Ok(path),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(KeyError::Exists { path }),
            Err(cause) => Err(KeyError::File { path, cause }),
        }
    }

    fn key_path(&self, organization: &OrganizationId, epoch: Epoch) -> PathBuf {
        self.folder.join("keys").join(file_name(organization, epoch))
    }
}

/// Reads a key file.
///
/// # Errors
/// `Exposed` if others may read it, `NotAKey` if it holds something else, `File` if it cannot be read.
pub fn read_key(path: &Path) -> Result<FingerprintKey, KeyError> {
    let wrap = |cause| KeyError::File { path: path.to_owned(), cause };
    let mode = fs::metadata(path).map_err(wrap)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let not_a_key = || KeyError::NotAKey { place: path.display().to_string() };
    let text = fs::read(path).map_err(wrap)?;
    let text = Secret::new(String::from_utf8(text).map_err(|_| not_a_key())?);
    parse(text.reveal()).ok_or_else(not_a_key)
}

fn parse(text: &str) -> Option<FingerprintKey> {
    let mut words = text.split_whitespace();
    if words.next() != Some(MARK) {
        return None;
    }
    let organization = OrganizationId::parse(words.next()?)?;
    let epoch = Epoch(words.next()?.parse().ok()?);
    let secret = Secret::new(unhex(words.next()?)?);
    words.next().is_none().then(|| FingerprintKey::new(organization, epoch, secret))
}

fn file_name(organization: &OrganizationId, epoch: Epoch) -> String {
    format!("{organization}-{epoch}.key")
}

/// Writes beside the place and links it there, so that a crash leaves no half key and nothing is overwritten.
fn write_new(path: &Path, text: &Secret<String>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = tempfile::Builder::new().prefix(".key-").tempfile_in(folder)?;
    let mut file = OpenOptions::new().write(true).mode(0o600).open(beside.path())?;
    file.write_all(text.reveal().as_bytes())?;
    file.sync_all()?;
    fs::hard_link(beside.path(), path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bank() -> OrganizationId {
        OrganizationId("example-bank".to_owned())
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_only_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path(), Vec::new());
        let path = vault.make_key(&bank(), Epoch(3)).unwrap();
        assert_eq!(path, folder.path().join("keys/example-bank-3.key"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let key = read_key(&path).unwrap();
        assert_eq!((key.organization.clone(), key.epoch), (bank(), Epoch(3)));
        assert!(matches!(vault.make_key(&bank(), Epoch(3)), Err(KeyError::Exists { .. })));
        assert_eq!(read_key(&path).unwrap(), key);
        assert_eq!(fs::read_dir(folder.path().join("keys")).unwrap().count(), 1, "nothing is left beside the key");
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path(), Vec::new());
        let path = vault.make_key(&bank(), Epoch(1)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_key(&path).unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for damaged in [String::new(), text.replace("bank 1", "bank"), text.trim_end().replace("key-1", "key-9"), {
            let mut short = text.clone();
            short.truncate(text.len() - 3);
            short
        }] {
            fs::write(&path, &damaged).unwrap();
            let error = read_key(&path).unwrap_err();
            assert!(matches!(error, KeyError::NotAKey { .. }), "{error}");
        }
    }
}
