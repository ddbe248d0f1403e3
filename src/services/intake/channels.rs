//! Reads what a channel's files hold: its secret, which only its owner may read, and a certificate to trust.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{required, shown_path};
use crate::domain::secret::Secret;
use crate::domain::watchlist::{Problem, Problems, Watchlist};

/// Largest secret or certificate.
const LIMIT_BYTES: u64 = 64 * 1024;

/// Fills in every channel's secret and certificate; says what is wrong with a file, and nothing of what it holds.
pub(super) fn read(folder: &Path, watchlist: &mut Watchlist, problems: &mut Problems) {
    for channel in &mut watchlist.organization.alerts.channels {
        if let Some(file) = &channel.secret_file {
            let path = folder.join(file);
            if let Some(secret) = secret(&path, problems) {
                if let Some(objection) = channel.objection(&secret) {
                    let mend = "watchlists/README.md says what it must hold";
                    problems.push(Problem::new(&shown_path(&path), objection, mend));
                }
                channel.secret = Some(Secret::new(secret));
            }
        }
        if let Some(file) = &channel.ca_file {
            let path = folder.join(file);
            let Some(bytes) = required(&path, LIMIT_BYTES, problems) else { continue };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.contains("BEGIN CERTIFICATE") && !text.contains("PRIVATE KEY") {
                channel.ca = Some(text);
            } else {
                let mend = "put the certificate of the authority there, in PEM, and nothing else";
                problems.push(Problem::new(&shown_path(&path), "does not hold a certificate alone", mend));
            }
        }
    }
}

fn secret(path: &Path, problems: &mut Problems) -> Option<String> {
    let bytes = required(path, LIMIT_BYTES, problems)?;
    let mode = path.metadata().map(|metadata| metadata.permissions().mode() & 0o077).unwrap_or_default();
    if mode != 0 {
        let mend = format!("run: chmod 600 {}", shown_path(path));
        problems.push(Problem::new(&shown_path(path), "is a secret that others may read", mend));
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Ok(_) | Err(_) => {
            problems.push(Problem::new(&shown_path(path), "holds no secret", "write it on one line"));
            None
        }
    }
}
