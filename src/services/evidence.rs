//! Custody of evidence: checks that all of it is as it was written, and gathers what an export holds.
//!
//! Not here: writing it (`crawl` keeps bodies, the store writes rows), the files of an export (`faces::cli::evidence`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::evidence::ledger::Kind;
use crate::domain::evidence::{Capture, Exhibit};
use crate::domain::retention::Retention;
use crate::domain::watchlist::OrganizationId;
use crate::ports::evidence::{Evidence, EvidenceError};
use crate::ports::store::model::Old;
use crate::ports::store::{AuditVerdict, LedgerRow, Store, StoreError};

/// How long a body lies before it counts as left over: a visit keeps its body before it is recorded.
const LEFT_OVER_AFTER: Duration = Duration::from_hours(1);

/// Why evidence cannot be checked or gathered.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// The database failed, or there is no such case.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files cannot be used.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Rows of the ledger.
    pub rows: u64,
    /// Captures whose description and body are whole.
    pub captures: u64,
    /// Hits that lie where the ledger says.
    pub hits: u64,
    /// Moves that are as the ledger says.
    pub moves: u64,
    /// Mails that are as the ledger says.
    pub mails: u64,
    /// What is not as it was, in words: first the place, then what is wrong.
    pub problems: Vec<(String, String)>,
}

/// Checks the audit log, the ledger and everything that it names. Reads every captured body once.
///
/// # Errors
/// When the database cannot be read at all; whatever is damaged is a problem in the result instead.
pub async fn verify(store: &Store, evidence: &Evidence) -> Result<Checked, CustodyError> {
    let mut check = Check { store, evidence, checked: Checked::default(), seen: Seen::default() };
    if let AuditVerdict::Broken { number } = store.verify_audit().await? {
        check.problem(format!("audit log, row {number}"), "does not follow from the row before, or rows are missing");
    }
    check.ledger().await?;
    check.strays().await?;
    Ok(check.checked)
}

/// What the ledger names, as far as it is asked for later.
#[derive(Default)]
struct Seen {
    hits: BTreeSet<String>,
    /// Captures, with the digests of their bodies.
    captures: BTreeMap<String, String>,
    /// Mails, with their digests.
    mails: BTreeMap<String, String>,
    /// Captures and mails that a rule let go.
    purged: BTreeSet<String>,
}

struct Check<'a> {
    store: &'a Store,
    evidence: &'a Evidence,
    checked: Checked,
    seen: Seen,
}

impl Check<'_> {
    async fn ledger(&mut self) -> Result<(), CustodyError> {
        let (mut number, mut previous) = (0, String::new());
        loop {
            let rows = match self.store.ledger_after(number).await {
                Ok(rows) => rows,
                Err(StoreError::Damaged { .. }) => {
                    self.problem(format!("ledger, after row {number}"), "holds a row that dyepack never writes");
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            let Some(last) = rows.last() else { break };
            let (end, hash) = (last.entry.number, last.hash.clone());
            for row in rows {
                number += 1;
                if !row.follows(&previous, number) {
                    let place = format!("ledger, row {}", row.entry.number);
                    self.problem(place, "was changed, or does not follow from the row before");
                }
                previous.clone_from(&row.hash);
                self.row(row).await?;
            }
            (number, previous) = (end, hash);
        }
        self.checked.rows = u64::try_from(number).unwrap_or(0);
        if self.store.ledger_head().await? != (number, previous) {
            self.problem("ledger, end".to_owned(), "rows are missing after the last one");
        }
        self.mails().await?;
        self.captures().await
    }

    async fn mails(&mut self) -> Result<(), CustodyError> {
        for (id, digest) in std::mem::take(&mut self.seen.mails) {
            if self.seen.purged.contains(&id) {
                continue;
            }
            let frozen = self.store.frozen_digest(&id).await;
            if matches!(&frozen, Ok(Some(frozen)) if *frozen == digest) {
                self.checked.mails += 1;
            } else {
                self.problem(format!("mail {id}"), "is not what was written");
            }
        }
        Ok(())
    }

    async fn row(&mut self, row: LedgerRow) -> Result<(), CustodyError> {
        let entry = row.entry;
        match entry.kind {
            Kind::Capture => {
                self.seen.captures.insert(entry.subject, entry.digest);
            }
            Kind::Hit => {
                let exhibit = self.store.exhibit_of(&entry.subject).await;
                if matches!(&exhibit, Ok(Some(exhibit)) if exhibit.digest() == entry.digest) {
                    self.checked.hits += 1;
                } else {
                    self.problem(format!("hit {}", entry.subject), "does not lie where the ledger says");
                }
                self.seen.hits.insert(entry.subject);
            }
            Kind::Move | Kind::Commitment => {
                let number = entry.subject.parse().unwrap_or(0);
                if self.store.move_hash(number).await?.as_ref() == Some(&entry.digest) {
                    self.checked.moves += 1;
                } else {
                    self.problem(format!("audit log, row {number}"), "is not the row that the ledger names");
                }
            }
            Kind::Mail => {
                self.seen.mails.insert(entry.subject, entry.digest);
            }
            Kind::Purge => {
                self.seen.purged.insert(entry.subject);
            }
        }
        Ok(())
    }

    async fn captures(&mut self) -> Result<(), CustodyError> {
        for (id, digest) in std::mem::take(&mut self.seen.captures) {
            if self.seen.purged.contains(&id) {
                continue;
            }
            let place = format!("capture {id}");
            match self.store.capture_of(&id).await {
                Ok(Some(capture)) if capture.body_sha256 == digest => {
                    let evidence = self.evidence.clone();
                    let body = tokio::task::spawn_blocking(move || evidence.open(&digest)).await;
                    match body {
                        Ok(Ok(_)) => self.checked.captures += 1,
                        Ok(Err(error)) => self.problem(place, &error.to_string()),
                        Err(_) => self.problem(place, "cannot be read: the reader panicked"),
                    }
                }
                Ok(Some(_)) => self.problem(place, "names another body than the ledger"),
                Ok(None) => self.problem(place, "is missing"),
                Err(_) => self.problem(place, "was changed or sealed with another key"),
            }
        }
        Ok(())
    }

    /// Looks for rows that the ledger does not know of.
    async fn strays(&mut self) -> Result<(), CustodyError> {
        let recorded = self.store.exhibited_hits().await?;
        for hit in recorded.into_iter().filter(|hit| !self.seen.hits.contains(hit)).collect::<Vec<_>>() {
            self.problem(format!("hit {hit}"), "is not in the ledger");
        }
        Ok(())
    }

    fn problem(&mut self, place: String, what: &str) {
        self.checked.problems.push((place, what.to_owned()));
    }
}

/// All that an export of one case holds, but for the bodies.
#[derive(Debug, Clone)]
pub struct Dossier {
    /// Id of the living case.
    pub case: String,
    /// The organization's name.
    pub organization: String,
    /// Its id.
    pub organization_id: String,
    /// Where each hit lies.
    pub exhibits: Vec<Exhibit>,
    /// What was captured, each once.
    pub captures: Vec<Capture>,
}

/// Gathers what was captured of a case.
///
/// # Errors
/// `NoSuchCase`; when the database fails.
pub async fn gather(store: &Store, case: &str) -> Result<Dossier, CustodyError> {
    let found = store.case(case).await?.ok_or_else(|| StoreError::NoSuchCase { id: case.to_owned() })?;
    let (exhibits, captures) = store.exhibits(case).await?;
    let watchlist = store.watchlist(&OrganizationId(found.row.organization.clone())).await?;
    let organization = watchlist.map_or_else(|| found.row.organization.clone(), |list| list.organization.name);
    Ok(Dossier { case: found.row.id, organization, organization_id: found.row.organization, exhibits, captures })
}

/// Removes bodies that were kept for visits that were never recorded; returns how many.
///
/// # Errors
/// When the database or the files fail; what is left is removed the next time.
pub async fn sweep(store: &Store, evidence: &Evidence) -> Result<u64, CustodyError> {
    let digests = evidence.older_than(LEFT_OVER_AFTER)?;
    let mut removed = 0;
    for digest in store.unnamed_bodies(&digests).await? {
        evidence.remove(&digest)?;
        removed += 1;
    }
    Ok(removed)
}

/// Lets go of what is older than the rules allow; returns how much went. Every capture and mail that goes leaves a row in the
/// ledger.
///
/// A body goes only after the row that lets it go is on disk; one that is left by a crash is swept up later.
///
/// # Errors
/// When the database or the files fail; what went before stays gone.
pub async fn purge(store: &Store, evidence: &Evidence, rules: Retention, now: Timestamp) -> Result<Old, CustodyError> {
    let [captured, posts, mails] = rules.cutoffs(now);
    let mut gone = Old::default();
    if let Some(cutoff) = captured {
        gone.captures = store.count_old([captured, None, None]).await?.captures;
        while let Some(bodies) = store.purge_captures(cutoff, now).await? {
            for body in bodies {
                evidence.remove(&body)?;
            }
        }
    }
    (gone.posts, gone.mails) = store.purge_texts([posts, mails], now).await?;
    Ok(gone)
}
