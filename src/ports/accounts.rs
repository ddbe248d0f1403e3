//! Reads login files: accounts and cookies that the operator supplies, never readable by everybody.
//!
//! Not here: what such a file may hold (`domain::session`), where cookies are kept afterwards (`store`).

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use url::Url;

use crate::domain::session::{Login, LoginError};

const LIMIT_BYTES: u64 = 8 << 20;

/// Why a login file cannot be used; never tells what it holds.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Everybody may read it.
    #[error("use the login file {path}: everybody may read it (mode {mode:03o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It cannot be read.
    #[error("read the login file {path} ({cause})")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It holds something else.
    #[error("use the login file {path}: {cause}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: LoginError,
    },
}

/// Reads a login file for a site.
///
/// # Errors
/// `Exposed`, `File` or `Content`, each naming the file and how to mend it.
pub async fn read(path: &Path, site: &Url, now: Timestamp) -> Result<Login, AccountError> {
    let wrap = |cause| AccountError::File { path: path.to_owned(), cause };
    let file = File::open(path).await.map_err(wrap)?;
    let mode = file.metadata().await.map_err(wrap)?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(AccountError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(LIMIT_BYTES).read_to_string(&mut text).await.map_err(wrap)?;
    Login::parse(&text, site, now).map_err(|cause| AccountError::Content { path: path.to_owned(), cause })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out their own files")]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_login_file_that_everybody_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login.toml");
        let (site, now) = (Url::parse("http://forum.example/").unwrap(), Timestamp::UNIX_EPOCH);
        fs::write(&path, "user = \"lurker\"\npassword = \"hunter2\"\n").unwrap();
        for (mode, is_good) in [(0o600, true), (0o640, true), (0o644, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read(&path, &site, now).await;
            assert_eq!(read.is_ok(), is_good, "{mode:o}");
            if let Err(error) = read {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "password = hunter2").unwrap();
        let error = read(&path, &site, now).await.unwrap_err();
        assert!(matches!(error, AccountError::Content { .. }) && !format!("{error:?} {error}").contains("hunter2"));
        assert!(matches!(read(&folder.path().join("none"), &site, now).await, Err(AccountError::File { .. })));
    }
}
