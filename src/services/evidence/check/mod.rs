//! Checks everything that is kept as evidence against the ledger, and the ledger against its signed heads.
//!
//! The ledger is read once, from its first row; what rows name is looked at as it is met.

mod heads;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::CustodyError;
use crate::domain::evidence::head::Head;
use crate::domain::evidence::ledger::{Entry, Kind};
use crate::ports::evidence::Evidence;
use crate::ports::signing::PublicKey;
use crate::ports::store::{AuditVerdict, HeadRow, LedgerRow, Store, StoreError};

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
    /// Commitments to planted records that are as the ledger says.
    pub commitments: u64,
    /// Signed heads that hold: signature, key, and the ledger as it was then.
    pub heads: u64,
    /// Time stamps that stamp their head and are as they came.
    pub stamps: u64,
    /// What is not as it was, in words: first the place, then what is wrong.
    pub problems: Vec<(String, String)>,
}

/// What is known from elsewhere, to check against.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The keys that heads may be signed with; none for any.
    pub keys: Vec<PublicKey>,
    /// Heads as they were mailed, each with a name for people.
    pub heads: Vec<(String, Head)>,
}

/// Checks the audit log, the ledger and everything that it names. Reads every captured body once.
///
/// # Errors
/// When the database cannot be read at all; whatever is damaged is a problem in the result instead.
pub async fn verify(store: &Store, evidence: &Evidence, known: &Known) -> Result<Checked, CustodyError> {
    let mut check = Check {
        store,
        evidence,
        checked: Checked::default(),
        seen: Seen::default(),
        heads: Vec::new(),
        counts: BTreeMap::new(),
    };
    check.read_heads(known).await?;
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
    /// Commitments to planted records.
    commitments: BTreeSet<String>,
    /// Days of heads and of stamps.
    heads: BTreeSet<String>,
    stamps: BTreeSet<String>,
}

struct Check<'a> {
    store: &'a Store,
    evidence: &'a Evidence,
    checked: Checked,
    seen: Seen,
    heads: Vec<Awaited>,
    /// Rows read so far, by kind.
    counts: BTreeMap<Kind, u64>,
}

/// A head that the ledger must lead to.
struct Awaited {
    place: String,
    head: Head,
    /// How it is kept; `None` for one that was brought along.
    row: Option<HeadRow>,
    is_whole: bool,
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
                *self.counts.entry(row.entry.kind).or_default() += 1;
                self.row(row).await?;
                self.meet_heads(number, &previous);
            }
            (number, previous) = (end, hash);
        }
        self.checked.rows = u64::try_from(number).unwrap_or(0);
        if self.store.ledger_head().await? != (number, previous) {
            self.problem("ledger, end".to_owned(), "rows are missing after the last one");
        }
        self.end_heads();
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
            Kind::Canaries => self.commitment(entry).await?,
            Kind::Head => self.head(&entry),
            Kind::Stamp => self.stamp(&entry),
        }
        Ok(())
    }

    async fn commitment(&mut self, entry: Entry) -> Result<(), CustodyError> {
        let (organization, number) = entry.subject.rsplit_once('/').unwrap_or_default();
        let root = self.store.committed_root(organization, number.parse().unwrap_or(0)).await;
        if matches!(&root, Ok(Some(root)) if *root == entry.digest) {
            self.checked.commitments += 1;
        } else {
            self.problem(format!("commitment {}", entry.subject), "its records are not those that were committed to");
        }
        self.seen.commitments.insert(entry.subject);
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
        for subject in self.store.commitment_subjects().await? {
            if !self.seen.commitments.contains(&subject) {
                self.problem(format!("commitment {subject}"), "is not in the ledger");
            }
        }
        for row in self.heads.iter().filter_map(|head| head.row.clone()).collect::<Vec<_>>() {
            if !self.seen.heads.contains(&row.day) {
                self.problem(format!("head of {}", row.day), "is not in the ledger");
            }
            if row.stamp.is_some() && !self.seen.stamps.contains(&row.day) {
                self.problem(format!("time stamp of {}", row.day), "is not in the ledger");
            }
        }
        Ok(())
    }

    fn problem(&mut self, place: String, what: &str) {
        self.checked.problems.push((place, what.to_owned()));
    }
}
