//! Watchlists that come through a browser or the API: laid out in a folder that goes away, then read as any folder is.
//!
//! A key never comes this way: what looks like one is refused unread. Not here: what a sound file looks like (`domain`).

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Confirmation, ImportError, ImportReport, confirm, import, inspect, take};
use crate::domain::fingerprints::{Delivered, Enrolment};
use crate::domain::watchlist::{
    Changes, ORGANIZATION_LIMIT_BYTES, OrganizationId, Problem, Problems, TABLE_LIMIT_BYTES, Watchlist,
};
use crate::ports::store::{Store, StoreError};
use crate::ports::vault::Vault;

/// Largest upload: all files together. Larger files of fingerprints are enrolled at the command line.
pub const UPLOAD_LIMIT_BYTES: usize = 96 << 20;
const FILES_LIMIT: usize = 64;
/// How the file of a fingerprint key begins.
const KEY_MARK: &[u8] = b"dyepack-fingerprint-key";

/// A file as it was sent.
#[derive(Debug, Clone)]
pub struct SentFile {
    /// What its sender calls it; folders in it are left out.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What an upload would do.
#[derive(Debug)]
pub struct Checked {
    /// Whose watchlist it is, where that can be told.
    pub organization: Option<OrganizationId>,
    /// What is wrong, and what somebody should know.
    pub problems: Problems,
    /// What would change; `None` if it cannot be taken.
    pub changes: Option<Changes>,
    /// Whether the organization is not enrolled yet.
    pub is_new: bool,
    /// Canaries in it.
    pub canaries: usize,
    /// Files of fingerprints in it.
    pub fingerprints: Vec<Enrolment>,
    sound: Option<Sound>,
    /// Goes away with it, and the files in it.
    _folder: Option<TempDir>,
}

#[derive(Debug)]
struct Sound {
    watchlist: Option<Watchlist>,
    organization: OrganizationId,
    fingerprints: Vec<(PathBuf, Enrolment)>,
}

impl Checked {
    /// Tells whether it can be taken.
    pub const fn is_sound(&self) -> bool {
        self.sound.is_some()
    }
}

/// Why an upload cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The folder for it cannot be made.
    #[error("lay the files out: {0}")]
    Folder(#[source] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Work on another thread was stopped: the program's own fault.
    #[error("check the files: the work was stopped")]
    Stopped,
}

/// Checks the files of a watchlist, or files of fingerprints alone for an organization that is enrolled; changes nothing.
///
/// # Errors
/// When the files cannot be laid out or the database fails. What is wrong with the files is in the outcome.
pub async fn check(
    store: &Store,
    organization: Option<&OrganizationId>,
    files: Vec<SentFile>,
) -> Result<Checked, UploadError> {
    let mut problems = refused(&files);
    if problems.has_errors() {
        return Ok(unsound(organization.cloned(), problems));
    }
    let is_whole = files.iter().any(|file| !is_fingerprints(bare(&file.name)));
    if is_whole {
        let named = named_in(&files).or_else(|| organization.cloned());
        if let Some(wanted) = organization.filter(|wanted| named.as_ref() != Some(wanted)) {
            let mend = format!("upload it there, or write id = \"{wanted}\"");
            problems.push(Problem::new("organization.toml", "is another organization's", mend));
            return Ok(unsound(named, problems));
        }
        return check_whole(store, named, files).await;
    }
    let Some(organization) = organization else {
        let mend = "choose the organization, or upload organization.toml and canaries.csv with it";
        problems.push(Problem::new("upload", "holds fingerprints alone", mend));
        return Ok(unsound(None, problems));
    };
    let before = store.watchlist(organization).await?;
    if before.is_none() {
        let mend = "upload its organization.toml and canaries.csv first";
        problems.push(Problem::new("upload", format!("names {organization}, which is not enrolled"), mend));
        return Ok(unsound(Some(organization.clone()), problems));
    }
    let (folder, own) = (lay_out("fingerprints", files).await?, organization.clone());
    let path = folder.path().join("fingerprints");
    let read = tokio::task::spawn_blocking(move || {
        let mut problems = Problems::default();
        let read = super::fingerprints::read(&path, Some(&own), &mut problems);
        (read, problems)
    });
    let (read, found) = read.await.map_err(|_| UploadError::Stopped)?;
    let fingerprints: Vec<_> = read.into_iter().map(|file| (file.path, file.enrolment)).collect();
    Ok(checked(folder, (organization.clone(), None, fingerprints), &found, Some(Changes::default())))
}

async fn check_whole(
    store: &Store,
    named: Option<OrganizationId>,
    files: Vec<SentFile>,
) -> Result<Checked, UploadError> {
    let name = named.as_ref().map_or("upload", |organization| organization.0.as_str()).to_owned();
    let folder = lay_out(&name, files).await?;
    let path = folder.path().join(&name);
    let inspection = tokio::task::spawn_blocking(move || inspect(&path)).await.map_err(|_| UploadError::Stopped)?;
    let problems = here(&inspection.problems, folder.path());
    let Some(watchlist) = inspection.watchlist else { return Ok(unsound(named, problems)) };
    let organization = watchlist.organization.id.clone();
    let before = store.watchlist(&organization).await?;
    let changes = Changes::between(before.as_ref(), &watchlist);
    let fingerprints = inspection.fingerprints.into_iter().map(|file| (file.path, file.enrolment)).collect();
    let canaries = watchlist.canaries.len();
    let checked = checked(folder, (organization, Some(watchlist), fingerprints), &problems, Some(changes));
    Ok(Checked { is_new: before.is_none(), canaries, ..checked })
}

/// Takes what was checked: a whole watchlist in the place of the last one, fingerprints beside those of other kinds and
/// epochs. Contacts that are new wait to be confirmed.
///
/// # Errors
/// When the store fails or a file cannot be kept.
pub async fn accept(
    (store, vault): (&Store, &Vault),
    checked: &Checked,
    now: Timestamp,
) -> Result<Option<ImportReport>, ImportError> {
    let Some(sound) = &checked.sound else { return Ok(None) };
    take(vault, &sound.fingerprints).await?;
    let before = store.watchlist(&sound.organization).await?;
    let report = match (&sound.watchlist, &before) {
        (Some(watchlist), _) => import(store, watchlist, Confirmation::Awaited, now).await?,
        (None, Some(known)) => confirm(store, (before.as_ref(), known), Confirmation::Awaited, now).await?,
        (None, None) => return Ok(None),
    };
    if !sound.fingerprints.is_empty() {
        add_fingerprints(store, sound, now).await?;
    }
    Ok(Some(report))
}

async fn add_fingerprints(store: &Store, sound: &Sound, now: Timestamp) -> Result<(), ImportError> {
    let Some(watchlist) = store.watchlist(&sound.organization).await? else { return Ok(()) };
    let is_replaced = |known: &Enrolment| {
        let is_same = |new: &Enrolment| (new.label.kind, new.label.epoch) == (known.label.kind, known.label.epoch);
        sound.fingerprints.iter().any(|(_, new)| is_same(new))
    };
    let known = store.fingerprint_files().await?;
    let kept = known.into_iter().filter(|one| one.label.organization == sound.organization && !is_replaced(one));
    let all: Vec<Enrolment> = kept.chain(sound.fingerprints.iter().map(|(_, new)| new.clone())).collect();
    let delivered: Vec<Delivered> = store.delivered_files(Some(&sound.organization)).await?;
    store.enrol(&watchlist, (&all, &delivered), now).await?;
    Ok(())
}

fn checked(
    folder: TempDir,
    (organization, watchlist, fingerprints): (OrganizationId, Option<Watchlist>, Vec<(PathBuf, Enrolment)>),
    problems: &Problems,
    changes: Option<Changes>,
) -> Checked {
    let problems = here(problems, folder.path());
    let is_sound = !problems.has_errors();
    Checked {
        organization: Some(organization.clone()),
        changes: changes.filter(|_| is_sound),
        is_new: false,
        canaries: 0,
        fingerprints: fingerprints.iter().map(|(_, enrolment)| enrolment.clone()).collect(),
        sound: is_sound.then_some(Sound { watchlist, organization, fingerprints }),
        problems,
        _folder: Some(folder),
    }
}

fn unsound(organization: Option<OrganizationId>, problems: Problems) -> Checked {
    Checked {
        organization,
        problems,
        changes: None,
        is_new: false,
        canaries: 0,
        fingerprints: Vec::new(),
        sound: None,
        _folder: None,
    }
}

/// Names files as their sender does: where they were laid out is nobody's business.
fn here(problems: &Problems, folder: &std::path::Path) -> Problems {
    let mut told = Problems::default();
    let (root, unlisted) = (folder.display().to_string(), problems.unlisted());
    let hidden_errors = problems.errors();
    for problem in problems.listed() {
        let mut problem = problem.clone();
        let inner = problem.file.strip_prefix(&root).unwrap_or(&problem.file).trim_start_matches('/').to_owned();
        problem.file = inner.split_once('/').map_or(inner.clone(), |(_, file)| file.to_owned());
        told.push(problem);
    }
    let left = hidden_errors.saturating_sub(told.errors());
    if unlisted > 0 && left > 0 {
        told.push(Problem::new("upload", format!("has {left} more problems"), "mend those listed first"));
    }
    told
}

/// Refuses what may not come this way, before anything of it is written.
fn refused(files: &[SentFile]) -> Problems {
    let mut problems = Problems::default();
    if files.is_empty() {
        problems.push(Problem::new("upload", "holds no file", "choose organization.toml and canaries.csv"));
    }
    if files.len() > FILES_LIMIT {
        problems.push(Problem::new("upload", format!("holds more than {FILES_LIMIT} files"), "send fewer"));
    }
    for file in files {
        let name = bare(&file.name);
        let is_key = file.bytes.trim_ascii_start().starts_with(KEY_MARK) || has_extension(name, "key");
        let limit = match name {
            "organization.toml" => ORGANIZATION_LIMIT_BYTES,
            _ => TABLE_LIMIT_BYTES,
        };
        if is_key {
            let mend = "keep it where it is, and treat it as seen by whoever could read this connection";
            problems.push(Problem::new(name, "is a key, and keys never pass through here", mend));
        } else if place(name).is_none() {
            let mend = "send organization.toml, canaries.csv, deliveries.csv, files of fingerprints (.dpf), public keys (.asc)";
            problems.push(Problem::new(name, "is no file of a watchlist", mend));
        } else if file.bytes.len() as u64 > limit {
            let reason = format!("is larger than {} MB", limit >> 20);
            problems.push(Problem::new(name, reason, "enrol it at the command line: dyepack watchlist import"));
        }
    }
    problems
}

/// Where a file of a watchlist lies in its folder.
fn place(name: &str) -> Option<PathBuf> {
    let is_plain = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().count() <= 120
        && !name.chars().any(|character| character.is_control() || matches!(character, '/' | '\\'));
    let folder = match name {
        "organization.toml" | "canaries.csv" | "deliveries.csv" => "",
        _ if is_fingerprints(name) => "fingerprints",
        _ if has_extension(name, "asc") => "keys",
        _ => return None,
    };
    is_plain.then(|| PathBuf::from(folder).join(name))
}

fn is_fingerprints(name: &str) -> bool {
    has_extension(name, "dpf")
}

fn has_extension(name: &str, wanted: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case(wanted))
}

/// A browser that sends a folder names its files by their paths.
fn bare(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

fn named_in(files: &[SentFile]) -> Option<OrganizationId> {
    let file = files.iter().find(|file| bare(&file.name) == "organization.toml")?;
    let table: toml::Table = std::str::from_utf8(&file.bytes).ok()?.parse().ok()?;
    OrganizationId::parse(table.get("id")?.as_str()?)
}

async fn lay_out(name: &str, files: Vec<SentFile>) -> Result<TempDir, UploadError> {
    let name = name.to_owned();
    let laid = tokio::task::spawn_blocking(move || {
        let folder = tempfile::Builder::new().prefix("dyepack-upload-").tempdir()?;
        let root = folder.path().join(&name);
        for file in files {
            let Some(place) = place(bare(&file.name)) else { continue };
            // Alone, they lie in the folder itself.
            let place =
                if name == "fingerprints" { PathBuf::from("fingerprints").join(bare(&file.name)) } else { place };
            let path = root.join(place);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, file.bytes)?;
        }
        Ok(folder)
    });
    laid.await.map_err(|_| UploadError::Stopped)?.map_err(UploadError::Folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> SentFile {
        SentFile { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn files_find_their_place_and_nothing_leaves_the_folder() {
        for (name, expected) in [
            ("organization.toml", Some("organization.toml")),
            ("my-bank/canaries.csv", Some("canaries.csv")),
            ("C:\\lists\\pan-1.DPF", Some("fingerprints/pan-1.DPF")),
            ("soc.asc", Some("keys/soc.asc")),
            ("../../etc/passwd", None),
            ("..", None),
            (".dpf", None),
            ("notes.txt", None),
        ] {
            assert_eq!(place(bare(name)), expected.map(PathBuf::from), "{name}");
        }
    }

    #[test]
    fn a_key_is_refused_whatever_it_is_called() {
        let key = format!(" {} example-bank 1 {}", String::from_utf8_lossy(KEY_MARK), "0".repeat(64));
        for sent in [file("canaries.csv", &key), file("bank.key", "anything")] {
            let problems = refused(&[sent]);
            assert!(problems.listed()[0].reason.contains("is a key"), "{problems:?}");
        }
        assert!(refused(&[]).has_errors());
        assert!(!refused(&[file("canaries.csv", "canary\n")]).has_errors());
    }
}
