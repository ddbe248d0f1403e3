//! Enrols watchlists: reads their folders from disk within limits, and takes each whole or not at all.
//!
//! Not here: what a sound file looks like (`domain::watchlist`), how it is kept (`ports::store`).
#![expect(clippy::disallowed_methods, reason = "the room that opens an organization's files")]

mod channels;
mod fingerprints;
pub mod upload;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::domain::fingerprints::{Delivered, DpfError, Enrolment};
use crate::domain::watchlist::{
    Changes, Files, ORGANIZATION_LIMIT_BYTES, OrganizationId, Problem, Problems, TABLE_LIMIT_BYTES, Watchlist,
};
use crate::ports::mail::Recipient;
use crate::ports::store::{Store, StoreError};
use crate::ports::vault::Vault;

pub use fingerprints::{FingerprintFile, fingerprints, note_key};

const KEY_LIMIT_BYTES: u64 = 256 * 1024;
const ROOT_LIMIT_BYTES: u64 = 1024;
const FOLDERS_LIMIT: usize = 1000;
/// Who the audit log names for what an import writes into it.
const IMPORTER: &str = "watchlist import";

/// A folder as it was read.
#[derive(Debug)]
pub struct Inspection {
    /// The watchlist, if nothing is wrong with it.
    pub watchlist: Option<Watchlist>,
    /// Its files of fingerprints, those that are sound.
    pub fingerprints: Vec<FingerprintFile>,
    /// Files of the fingerprints of single deliveries' rows, those that are sound.
    pub delivered: Vec<(PathBuf, Delivered)>,
    /// Roots that commit to tables of planted records, by the name of the mint.
    pub roots: Vec<(String, String)>,
    /// What is wrong, and what somebody should know.
    pub problems: Problems,
}

/// Loads one watchlist's folder.
///
/// # Errors
/// All problems found, to be shown to whoever wrote the files; nothing of the folder may be used.
pub fn load(folder: &Path) -> Result<Watchlist, Problems> {
    let Inspection { watchlist, problems, .. } = inspect(folder);
    watchlist.ok_or(problems)
}

/// Reads one watchlist's folder and says all there is to say about it.
pub fn inspect(folder: &Path) -> Inspection {
    let mut problems = Problems::default();
    let name = match folder.canonicalize() {
        Ok(whole) if whole.is_dir() => {
            whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        }
        Ok(_) => {
            let mend = "name the folder that holds organization.toml and canaries.csv";
            problems.push(Problem::new(&shown_path(folder), "is not a folder", mend));
            return Inspection::none(problems);
        }
        Err(error) => {
            problems.push(unreadable(folder, &error));
            return Inspection::none(problems);
        }
    };
    let organization = required(&folder.join("organization.toml"), ORGANIZATION_LIMIT_BYTES, &mut problems);
    let canaries = required(&folder.join("canaries.csv"), TABLE_LIMIT_BYTES, &mut problems);
    let deliveries = read_bounded(&folder.join("deliveries.csv"), TABLE_LIMIT_BYTES, &mut problems);
    let path = format!("{}/", shown_path(folder));
    let files = Files {
        folder: &name,
        path: &path,
        organization: organization.as_deref(),
        canaries: canaries.as_deref(),
        deliveries: deliveries.as_deref(),
    };
    let mut watchlist = Watchlist::read(&files, &mut problems);
    if let Some(watchlist) = &mut watchlist {
        read_keys(folder, watchlist, &mut problems);
        channels::read(folder, watchlist, &mut problems);
    }
    let organization = watchlist.as_ref().map(|watchlist| &watchlist.organization.id);
    let fingerprints = fingerprints::read(folder, organization, &mut problems);
    let delivered = match &watchlist {
        Some(watchlist) => {
            fingerprints::note_strays(folder, watchlist, &mut problems);
            fingerprints::read_delivered(folder, watchlist, &mut problems)
        }
        None => Vec::new(),
    };
    let roots = roots(&folder.join("mints"), &mut problems);
    let watchlist = watchlist.filter(|_| !problems.has_errors());
    Inspection { watchlist, fingerprints, delivered, roots, problems }
}

impl Inspection {
    const fn none(problems: Problems) -> Self {
        Self { watchlist: None, fingerprints: Vec::new(), delivered: Vec::new(), roots: Vec::new(), problems }
    }
}

/// Reads the `mints/NAME.root` files: 64 hexadecimal digits each.
fn roots(folder: &Path, problems: &mut Problems) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut roots = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()).take(FOLDERS_LIMIT) {
        let (Some(name), true) = (path.file_stem(), path.extension().is_some_and(|extension| extension == "root"))
        else {
            continue;
        };
        let Some(bytes) = read_bounded(&path, ROOT_LIMIT_BYTES, problems) else { continue };
        let root = String::from_utf8_lossy(&bytes).trim().to_owned();
        if root.len() == 64 && root.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            roots.push((name.to_string_lossy().into_owned(), root));
        } else {
            let mend = "restore it: mint plan wrote it beside the sealed table";
            problems.push(Problem::new(&shown_path(&path), "is not the root of a mint", mend));
        }
    }
    roots.sort();
    roots
}

/// Lists the watchlists' folders that a path means: itself, if it holds a watchlist's file, else the folders in it that are
/// not hidden, sorted.
///
/// # Errors
/// A problem if the path cannot be read, or holds no folder at all.
pub fn folders(path: &Path) -> Result<Vec<PathBuf>, Problems> {
    if ["organization.toml", "canaries.csv"].iter().any(|name| path.join(name).symlink_metadata().is_ok()) {
        return Ok(vec![path.to_owned()]);
    }
    if path.is_file() {
        let mend = "name the folder that holds organization.toml and canaries.csv";
        return Err(Problem::new(&shown_path(path), "is not a folder", mend).into());
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| Problems::from(unreadable(path, &error)))? {
        let inner = entry.map_err(|error| Problems::from(unreadable(path, &error)))?.path();
        let is_hidden = inner.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !is_hidden && inner.is_dir() {
            folders.push(inner);
        }
        if folders.len() > FOLDERS_LIMIT {
            let reason = format!("holds more than {FOLDERS_LIMIT} folders");
            return Err(Problem::new(&shown_path(path), reason, "name the watchlist's own folder").into());
        }
    }
    if folders.is_empty() {
        let mend = "name a folder with organization.toml and canaries.csv in it, or a folder of such folders";
        return Err(Problem::new(&shown_path(path), "holds no watchlist", mend).into());
    }
    folders.sort();
    Ok(folders)
}

/// Who says that a contact's address is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// Whoever imports: the contacts may be mailed at once.
    Operator,
    /// The addresses themselves: new contacts are asked, and not told of anything until they have answered.
    Awaited,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// Whose watchlist it was.
    pub organization: OrganizationId,
    /// Whether the organization was enrolled for the first time.
    pub is_new: bool,
    /// What differs from the version on record before.
    pub changes: Changes,
    /// Contacts that became confirmed by this import.
    pub confirmed: Vec<String>,
    /// Contacts that are not mailed until somebody confirms them.
    pub awaited: Vec<String>,
}

impl ImportReport {
    /// Tells whether the import left everything as it was.
    pub const fn is_empty(&self) -> bool {
        !self.is_new && self.changes.is_empty() && self.confirmed.is_empty()
    }
}

/// Why a watchlist was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The store failed.
    #[error("keep it")]
    Store(#[from] StoreError),
    /// A file of fingerprints is not what it was when it was checked, or cannot be kept.
    #[error("take {}: it {cause}; {}", path.display(), cause.mend())]
    Fingerprints {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: DpfError,
    },
    /// Work on another thread was stopped: the program's own fault.
    #[error("take the fingerprints: the work was stopped")]
    Stopped,
}

/// Puts a watchlist in the place of the organization's last one, in one transaction; no other organization is touched, and
/// its own fingerprints stay. Then confirms its contacts, if the operator does; a second import mends a stop between the two.
///
/// # Errors
/// When the store fails.
pub async fn import(
    store: &Store,
    watchlist: &Watchlist,
    confirmation: Confirmation,
    now: Timestamp,
) -> Result<ImportReport, StoreError> {
    let before = store.watchlist(&watchlist.organization.id).await?;
    store.replace_watchlist(watchlist, now).await?;
    confirm(store, (before.as_ref(), watchlist), confirmation, now).await
}

/// A watchlist's folder, found sound.
#[derive(Debug, Clone)]
pub struct Folder {
    /// What it looks for.
    pub watchlist: Watchlist,
    /// Its files of fingerprints, and what they are.
    pub fingerprints: Vec<(PathBuf, Enrolment)>,
    /// The same of single deliveries.
    pub delivered: Vec<(PathBuf, Delivered)>,
    /// Roots of its mints, by name.
    pub roots: Vec<(String, String)>,
}

/// Imports as [`import`] does, and puts the folder's fingerprints in the place of the organization's last ones: their files
/// are copied first, enrolled in the same transaction, and those that nobody needs any more are removed last.
///
/// # Errors
/// When the store fails or a file cannot be kept; nothing is enrolled then.
pub async fn import_folder(
    (store, vault): (&Store, &Vault),
    folder: &Folder,
    confirmation: Confirmation,
    now: Timestamp,
) -> Result<ImportReport, ImportError> {
    let watchlist = &folder.watchlist;
    let organization = &watchlist.organization.id;
    let of_deliveries = folder.delivered.iter().map(|(path, one)| (path.clone(), one.enrolment.clone()));
    let fingerprints: Vec<(PathBuf, Enrolment)> = folder.fingerprints.iter().cloned().chain(of_deliveries).collect();
    take(vault, &fingerprints).await?;
    let before = store.watchlist(organization).await?;
    let enrolments: Vec<Enrolment> = folder.fingerprints.iter().map(|(_, enrolment)| enrolment.clone()).collect();
    let delivered: Vec<Delivered> = folder.delivered.iter().map(|(_, one)| one.clone()).collect();
    let change = store.enrol(watchlist, (&enrolments, &delivered), now).await?;
    for (mint, root) in &folder.roots {
        store.commit_mint(organization, (mint, root), IMPORTER, now).await?;
    }
    let mut report = confirm(store, (before.as_ref(), watchlist), confirmation, now).await?;
    let changes = change.fingerprints;
    for (names, word) in [(changes.added, "added"), (changes.changed, "changed"), (changes.removed, "removed")] {
        report.changes.other.extend(names.iter().map(|name| format!("fingerprints of {name} {word}")));
    }
    // An import of another organization may have tidied a file away before it was enrolled.
    let missing: Vec<_> = fingerprints.iter().filter(|(_, enrolment)| !vault.holds(enrolment)).cloned().collect();
    take(vault, &missing).await?;
    let mut enrolled = store.fingerprint_files().await?;
    enrolled.extend(store.delivered_files(None).await?.into_iter().map(|one| one.enrolment));
    if let Err(error) = vault.tidy(&enrolled) {
        tracing::warn!(%error, "files of fingerprints that are enrolled no more cannot be removed");
    }
    Ok(report)
}

async fn take(vault: &Vault, files: &[(PathBuf, Enrolment)]) -> Result<(), ImportError> {
    for (path, enrolment) in files {
        let (vault, from) = (vault.clone(), path.clone());
        let taken = tokio::task::spawn_blocking(move || vault.take(&from)).await.map_err(|_| ImportError::Stopped)?;
        let wrap = |cause| ImportError::Fingerprints { path: path.clone(), cause };
        if taken.map_err(wrap)? != *enrolment {
            return Err(wrap(DpfError::Checksum));
        }
    }
    Ok(())
}

async fn confirm(
    store: &Store,
    (before, watchlist): (Option<&Watchlist>, &Watchlist),
    confirmation: Confirmation,
    now: Timestamp,
) -> Result<ImportReport, StoreError> {
    let organization = &watchlist.organization.id;
    let changes = Changes::between(before, watchlist);
    let known = store.confirmed_contacts(organization).await?;
    let is_known = |address: &str| known.iter().any(|contact| contact.address == address);
    let (mut confirmed, mut awaited) = (Vec::new(), Vec::new());
    for contact in watchlist.organization.contacts.iter().filter(|contact| !is_known(&contact.address)) {
        match confirmation {
            Confirmation::Operator => {
                store.confirm_contact(organization, &contact.address, "operator", now).await?;
                confirmed.push(contact.address.clone());
            }
            Confirmation::Awaited => {
                ask_once(store, (organization, &contact.address), now).await?;
                awaited.push(contact.address.clone());
            }
        }
    }
    Ok(ImportReport { organization: organization.clone(), is_new: before.is_none(), changes, confirmed, awaited })
}

/// Asks an address whether it is right, unless a question is open that it may still answer.
async fn ask_once(
    store: &Store,
    (organization, address): (&OrganizationId, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows = store.contacts().await?;
    let own = rows.iter().find(|row| row.organization == organization.0 && row.address == address);
    let is_asked = own.and_then(|row| row.question.as_ref()).is_some_and(|question| question.expires_at > now);
    if !is_asked {
        store.ask_contact(organization, address, now).await?;
    }
    Ok(())
}

fn required(path: &Path, limit_bytes: u64, problems: &mut Problems) -> Option<Vec<u8>> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        problems.push(Problem::new(
            &shown_path(path),
            "is missing",
            "add it; watchlists/README.md shows what it holds",
        ));
        return None;
    }
    read_bounded(path, limit_bytes, problems)
}

/// Reads a regular file of at most `limit_bytes`; a missing one is `None` without a problem.
fn read_bounded(path: &Path, limit_bytes: u64, problems: &mut Problems) -> Option<Vec<u8>> {
    let kind = match path.symlink_metadata() {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            problems.push(unreadable(path, &error));
            return None;
        }
    };
    if !kind.is_file() {
        let what = if kind.is_symlink() {
            "is a symbolic link"
        } else if kind.is_dir() {
            "is a folder"
        } else {
            "is a device, pipe or socket"
        };
        problems.push(Problem::new(&shown_path(path), what, "put the file itself there"));
        return None;
    }
    match read_open(path, limit_bytes) {
        Ok(Some(bytes)) => Some(bytes),
        Ok(None) => {
            let reason = format!("is larger than {} MB", limit_bytes / (1024 * 1024));
            problems.push(Problem::new(&shown_path(path), reason, "enrol fewer rows; is it the right file?"));
            None
        }
        Err(error) => {
            problems.push(unreadable(path, &error));
            None
        }
    }
}

/// Returns the content, or `None` past the limit: told from the length where that is honest, else after the limit's bytes.
fn read_open(path: &Path, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > limit_bytes {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(limit_bytes + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit_bytes).then_some(bytes))
}

/// Reads each contact's key file, which must be a public key, never a private one.
fn read_keys(folder: &Path, watchlist: &mut Watchlist, problems: &mut Problems) {
    for contact in &mut watchlist.organization.contacts {
        let Some(file) = &contact.openpgp else { continue };
        let path = folder.join(file);
        let Some(bytes) = required(&path, KEY_LIMIT_BYTES, problems) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains("PRIVATE KEY BLOCK") {
            let mend = "remove it at once and put the public key there";
            problems.push(Problem::new(&shown_path(&path), "holds a private key", mend));
            continue;
        }
        // Whether it has run out is a matter of the day it is used.
        match Recipient::read(&text, Timestamp::UNIX_EPOCH) {
            Ok(_) => contact.key = Some(text),
            Err(fault) => {
                let said = fault.to_string();
                let (reason, mend) = said.split_once("; ").unwrap_or((&said, "export it again"));
                problems.push(Problem::new(&shown_path(&path), reason, mend));
            }
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let kind = error.kind();
    let file = shown_path(path);
    if kind == io::ErrorKind::NotFound {
        Problem::new(&file, "does not exist", "check the path")
    } else if kind == io::ErrorKind::PermissionDenied {
        Problem::new(&file, "may not be read", "give this user the right to read it")
    } else {
        Problem::new(&file, format!("cannot be read ({error})"), "check the disk and the path")
    }
}

fn shown_path(path: &Path) -> String {
    path.display().to_string().trim_end_matches('/').to_owned()
}
