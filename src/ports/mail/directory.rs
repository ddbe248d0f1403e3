//! Writes each mail as one `.eml` file into a folder.
//!
//! The file is named by the Message-ID and appears whole or not at all, so that a repeated attempt leaves one file.

use std::path::PathBuf;

use tokio::fs;
use tokio::io::AsyncWriteExt;

use super::error::SendError;

/// A folder for mails.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    folder: PathBuf,
}

impl Directory {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn place(&self) -> String {
        format!("the folder {}", self.folder.display())
    }

    /// Writes a mail and returns what was written where.
    pub(super) async fn write(&self, message: &[u8]) -> Result<String, SendError> {
        let failed =
            |error: std::io::Error| SendError::Folder { folder: self.folder.clone(), reason: error.to_string() };
        fs::create_dir_all(&self.folder).await.map_err(failed)?;
        let name = file_name(message);
        let (unfinished, finished) = (self.folder.join(format!(".{name}.part")), self.folder.join(&name));
        let mut file = fs::File::create(&unfinished).await.map_err(failed)?;
        file.write_all(message).await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        fs::rename(&unfinished, &finished).await.map_err(failed)?;
        Ok(format!("written to {}", finished.display()))
    }
}

/// `a-1f2e3d.dyepack.localhost.eml`, from the Message-ID.
fn file_name(message: &[u8]) -> String {
    let head = String::from_utf8_lossy(message.get(..message.len().min(8192)).unwrap_or_default()).into_owned();
    let id = head
        .lines()
        .find_map(|line| line.get(..11).filter(|name| name.eq_ignore_ascii_case("message-id:")).and(line.get(11..)))
        .unwrap_or("mail");
    let name: String = id
        .trim()
        .chars()
        .map(|c| if c == '@' { '.' } else { c })
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(120)
        .collect();
    format!("{}.eml", name.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_repeated_mail_leaves_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(folder.path().join("out"));
        let message = b"From: a@b\r\nMessage-ID: <../a-1@h>\r\n\r\nx\r\n";
        directory.write(message).await.unwrap();
        directory.write(message).await.unwrap();
        let mut entries = fs::read_dir(folder.path().join("out")).await.unwrap();
        let entry = entries.next_entry().await.unwrap().unwrap();
        assert_eq!(entry.file_name().to_string_lossy(), "a-1.h.eml");
        assert_eq!(fs::read(entry.path()).await.unwrap(), message);
        assert!(entries.next_entry().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let error = Directory::new(PathBuf::from("/dev/null/out")).write(b"x").await.unwrap_err();
        assert!(error.to_string().contains("/dev/null/out") && !error.is_permanent(), "{error}");
    }
}
