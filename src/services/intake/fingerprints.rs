//! The `fingerprints/` of a watchlist's folder: every file is read whole before any of them is taken.
//!
//! Not here: what a file holds (`domain::fingerprints`), where it is kept afterwards (`ports::vault`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{shown_path, unreadable};
use crate::domain::fingerprints::{Delivered, Enrolment, FingerprintSet, Fingerprints};
use crate::domain::watchlist::{OrganizationId, Problem, Problems, Watchlist};
use crate::ports::vault::Vault;

/// Twelve kinds in two epochs are 24.
const FILES_LIMIT: usize = 200;

/// A sound file of fingerprints.
#[derive(Debug, Clone)]
pub struct FingerprintFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is.
    pub enrolment: Enrolment,
    /// What it holds.
    pub set: Arc<FingerprintSet>,
}

/// Makes ready to be looked up what was found in folders, and notes what cannot be for want of its key.
pub fn fingerprints<'f>(
    files: impl IntoIterator<Item = &'f FingerprintFile>,
    vault: &Vault,
) -> (Fingerprints, Problems) {
    let (mut fingerprints, mut problems) = (Fingerprints::default(), Problems::default());
    for FingerprintFile { path, enrolment, set } in files {
        note_key(path, enrolment, vault, &mut problems);
        if let Ok(key) = vault.key(&enrolment.label) {
            // With another key it is not looked up, and that has just been noted.
            let _ = fingerprints.add(&key, Arc::clone(set));
        }
    }
    (fingerprints, problems)
}

/// Notes that a file cannot be looked up on this machine, if its key is missing or another one.
pub fn note_key(path: &Path, enrolment: &Enrolment, vault: &Vault, problems: &mut Problems) {
    if let Some(blind) = vault.keylessness(enrolment) {
        problems.push(Problem::new(&shown_path(path), blind.reason, blind.mend).as_note());
    }
}

/// Reads and checks every file.
pub(super) fn read(
    folder: &Path,
    organization: Option<&OrganizationId>,
    problems: &mut Problems,
) -> Vec<FingerprintFile> {
    let mut files: Vec<FingerprintFile> = Vec::new();
    for path in list(&folder.join("fingerprints"), problems) {
        if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            problems.push(Problem::new(&shown_path(&path), "is not a regular file", "put the file itself there"));
            continue;
        }
        let checked = Vault::inspect(&path).and_then(|(set, enrolment)| {
            organization.map_or(Ok(()), |organization| enrolment.label.require_organization(organization))?;
            Ok((set, enrolment))
        });
        match checked {
            Ok((set, enrolment)) => {
                let (kind, epoch) = (enrolment.label.kind, enrolment.label.epoch);
                let is_same = |known: &&FingerprintFile| {
                    known.enrolment.label.kind == kind && known.enrolment.label.epoch == epoch
                };
                if let Some(known) = files.iter().find(is_same) {
                    let reason = format!("holds {kind}, epoch {epoch}, as {} does", shown_path(&known.path));
                    problems.push(Problem::new(&shown_path(&path), reason, "make one file of both inputs"));
                }
                files.push(FingerprintFile { path, enrolment, set: Arc::new(set) });
            }
            Err(error) => problems.push(Problem::new(&shown_path(&path), error.to_string(), error.mend())),
        }
    }
    files
}

/// Reads and checks the files of what was delivered: `fingerprints/DELIVERY/*.dpf`.
pub(super) fn read_delivered(
    folder: &Path,
    watchlist: &Watchlist,
    problems: &mut Problems,
) -> Vec<(PathBuf, Delivered)> {
    let mut delivered: Vec<(PathBuf, Delivered)> = Vec::new();
    for delivery in &watchlist.deliveries {
        let own = folder.join("fingerprints").join(&delivery.id);
        if !is_plain(&delivery.id) || !own.is_dir() {
            continue;
        }
        for path in list(&own, problems) {
            let checked = Vault::inspect(&path).and_then(|(_, enrolment)| {
                enrolment.label.require_organization(&watchlist.organization.id)?;
                Ok(enrolment)
            });
            match checked {
                Ok(enrolment) => {
                    let one = Delivered { delivery: delivery.id.clone(), enrolment };
                    let label = &one.enrolment.label;
                    let is_same = |(_, known): &(PathBuf, Delivered)| {
                        known.delivery == one.delivery
                            && (known.enrolment.label.kind, known.enrolment.label.epoch) == (label.kind, label.epoch)
                    };
                    if delivered.iter().any(is_same) {
                        let reason =
                            format!("is another file of {}, epoch {} of this delivery", label.kind, label.epoch);
                        problems.push(Problem::new(&shown_path(&path), reason, "make one file of both inputs"));
                    }
                    delivered.push((path, one));
                }
                Err(error) => problems.push(Problem::new(&shown_path(&path), error.to_string(), error.mend())),
            }
        }
    }
    delivered
}

/// Notes folders among the fingerprints that belong to no delivery.
pub(super) fn note_strays(folder: &Path, watchlist: &Watchlist, problems: &mut Problems) {
    let Ok(entries) = fs::read_dir(folder.join("fingerprints")) else { return };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if watchlist.deliveries.iter().all(|delivery| delivery.id != name) {
            let mend = "name it as the delivery is named in deliveries.csv, or add the delivery there";
            problems.push(Problem::new(&shown_path(&path), "is the folder of no delivery", mend).as_note());
        }
    }
}

/// Tells whether an id may name a folder.
fn is_plain(id: &str) -> bool {
    !id.is_empty() && !id.starts_with('.') && !id.contains(['/', '\\'])
}

/// Lists the `.dpf` files in order; a key that lies beside them is noted.
fn list(folder: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    if folder.symlink_metadata().is_err() {
        return Vec::new();
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(unreadable(folder, &error));
            return Vec::new();
        }
    };
    let mut paths = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let has_extension = |wanted: &str| path.extension().is_some_and(|extension| extension == wanted);
        if has_extension("key") {
            let mend = "keep keys apart from what was made with them";
            problems.push(Problem::new(&shown_path(&path), "is a key beside its fingerprints", mend).as_note());
        }
        if has_extension("dpf") {
            paths.push(path);
        }
        if paths.len() > FILES_LIMIT {
            let reason = format!("holds more than {FILES_LIMIT} files of fingerprints");
            problems.push(Problem::new(&shown_path(folder), reason, "make one file for each kind and epoch"));
            return Vec::new();
        }
    }
    paths.sort();
    paths
}
