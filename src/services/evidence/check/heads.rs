//! Signed heads, checked: signature and key, the heads' own chain, the ledger as each says it was, and its time stamp.

use super::{Awaited, Check, Known};
use crate::domain::evidence::head::{self, Head};
use crate::domain::evidence::ledger::{Entry, sha256, sha256_bytes};
use crate::domain::evidence::timestamp;
use crate::ports::signing::{PublicKey, unbase64};
use crate::ports::store::HeadRow;
use crate::services::evidence::CustodyError;

impl Check<'_> {
    /// Reads all heads and checks what can be told of them alone.
    pub(super) async fn read_heads(&mut self, known: &Known) -> Result<(), CustodyError> {
        let mut previous = None;
        for row in self.store.heads().await? {
            let place = format!("head of {}", row.day);
            let Some(head) = Head::parse(&row.document) else {
                self.problem(place, "is not a head that dyepack writes");
                continue;
            };
            let fault = fault(&row, &head, previous.as_deref(), &known.keys);
            if let Some(fault) = fault {
                self.problem(place.clone(), fault);
            }
            previous = Some(head::digest(&row.document));
            self.heads.push(Awaited { place, head, row: Some(row), is_whole: fault.is_none() });
        }
        for (name, head) in &known.heads {
            let place = format!("head of {} in {name}", head.day);
            self.heads.push(Awaited { place, head: head.clone(), row: None, is_whole: true });
        }
        Ok(())
    }

    /// Compares the heads that end at this row with what has been read.
    pub(super) fn meet_heads(&mut self, number: i64, hash: &str) {
        let rows = u64::try_from(number).unwrap_or(0);
        let mut problems = Vec::new();
        for awaited in self.heads.iter_mut().filter(|awaited| awaited.head.rows == rows) {
            let is_same_count = |(kind, count): (&_, &u64)| self.counts.get(kind).copied().unwrap_or(0) == *count;
            if awaited.head.hash != hash {
                problems.push((awaited.place.clone(), "the ledger was another one when it was signed"));
            } else if !awaited.head.counts.iter().all(is_same_count) {
                problems.push((awaited.place.clone(), "the ledger held another number of rows of some kind"));
            } else {
                self.checked.heads += u64::from(awaited.is_whole);
                continue;
            }
            awaited.is_whole = false;
        }
        for (place, what) in problems {
            self.problem(place, what);
        }
    }

    /// Tells of heads that cover more rows than there are.
    pub(super) fn end_heads(&mut self) {
        let rows = self.checked.rows;
        let is_beyond = |awaited: &&Awaited| awaited.head.rows > rows || awaited.head.rows == 0;
        let beyond: Vec<String> = self.heads.iter().filter(is_beyond).map(|awaited| awaited.place.clone()).collect();
        for place in beyond {
            self.problem(place, "covers rows that the ledger does not have");
        }
    }

    pub(super) fn head(&mut self, entry: &Entry) {
        let is_it = self.kept(&entry.subject).is_some_and(|row| row.digest() == entry.digest);
        if !is_it {
            self.problem(format!("head of {}", entry.subject), "is not the one that the ledger names");
        }
        self.seen.heads.insert(entry.subject.clone());
    }

    pub(super) fn stamp(&mut self, entry: &Entry) {
        let whole = self.kept(&entry.subject).and_then(|row| {
            let (answer, at) = row.stamp.as_ref()?;
            let stamped = timestamp::check(answer, &sha256_bytes(row.document.as_bytes()), None).ok()?;
            Some(stamped == *at && sha256(answer) == entry.digest)
        });
        if whole == Some(true) {
            self.checked.stamps += 1;
        } else {
            self.problem(format!("time stamp of {}", entry.subject), "is not the one that was given for its head");
        }
        self.seen.stamps.insert(entry.subject.clone());
    }

    fn kept(&self, day: &str) -> Option<&HeadRow> {
        self.heads.iter().filter_map(|awaited| awaited.row.as_ref()).find(|row| row.day == day)
    }
}

/// What is wrong with a head that can be told without the ledger.
fn fault(row: &HeadRow, head: &Head, previous: Option<&str>, known: &[PublicKey]) -> Option<&'static str> {
    let key = PublicKey::parse(&row.public_key);
    let signature = unbase64(&row.signature);
    let (Some(key), Some(signature)) = (key, signature) else { return Some("its signature or key cannot be read") };
    if !key.verifies(row.document.as_bytes(), &signature) {
        return Some("its signature does not hold");
    }
    if key.fingerprint() != head.key {
        return Some("names another key than it is signed with");
    }
    if !known.is_empty() && !known.contains(&key) {
        return Some(
            "is signed with a key that is not this installation's; if the key was replaced, put the old public key beside \
             the new one as evidence-signing-NAME.pub.pem",
        );
    }
    let says = (head.day.to_string(), i64::try_from(head.rows).ok(), head.signed_at);
    if says != (row.day.clone(), Some(row.number), row.signed_at) {
        return Some("is kept under another day, number or time than it says");
    }
    (head.previous.as_deref() != previous).then_some("does not follow from the head before")
}
