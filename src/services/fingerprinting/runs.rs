//! An external sort of fingerprints: runs are sorted in memory and kept in one file without a name, then merged.
//!
//! Only fingerprints are written. The file is readable by its owner alone and has no name, so that nothing is left of it
//! however the program ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::domain::identifier::Fingerprint;

/// Fingerprints of one run: 512 MB.
pub(super) const RUN_RECORDS: usize = (512 << 20) / RECORD_BYTES;
const RECORD_BYTES: usize = 16;
/// What is read of a run, or written to the file, at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Fingerprints in any number, to be taken out in order.
#[derive(Debug)]
pub(super) struct Runs {
    folder: PathBuf,
    run_records: usize,
    /// Those that have not been written; once sealed, the last run.
    memory: Vec<u128>,
    file: Option<File>,
    /// Where each written run ends.
    ends: Vec<u64>,
}

impl Runs {
    /// Keeps runs of so many fingerprints in a folder, if there are more than one run.
    pub(super) const fn new(folder: PathBuf, run_records: usize) -> Self {
        Self { folder, run_records, memory: Vec::new(), file: None, ends: Vec::new() }
    }

    pub(super) fn extend(&mut self, fingerprints: &[u128]) -> io::Result<()> {
        let mut rest = fingerprints;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.run_records - self.memory.len()));
            self.memory.extend_from_slice(now);
            rest = later;
            if self.memory.len() == self.run_records {
                self.seal();
                // What repeats has made room.
                if self.memory.len() > self.run_records / 2 {
                    self.spill()?;
                }
            }
        }
        Ok(())
    }

    /// Sorts what is in memory.
    pub(super) fn seal(&mut self) {
        self.memory.sort_unstable();
        self.memory.dedup();
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.ends.is_empty()
    }

    /// Gives all fingerprints in order, each once; may be asked again.
    pub(super) fn merged(&self) -> io::Result<Merged<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut runs: Vec<Run<'_>> =
            starts.zip(&self.ends).map(|(at, end)| Run::stored(self.file.as_ref(), at, *end)).collect();
        runs.push(Run { memory: &self.memory, ..Run::stored(None, 0, 0) });
        let mut merged = Merged { heap: BinaryHeap::with_capacity(runs.len()), runs, last: None, failed: None };
        for run in 0..merged.runs.len() {
            merged.refill(run);
        }
        match merged.failed.take() {
            Some(error) => Err(error),
            None => Ok(merged),
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.folder)?,
        };
        let file = self.file.insert(file);
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        for records in self.memory.chunks(BUFFER_BYTES / RECORD_BYTES) {
            buffer.clear();
            for record in records {
                buffer.extend_from_slice(&record.to_be_bytes());
            }
            file.write_all(&buffer)?;
        }
        let before = self.ends.last().copied().unwrap_or_default();
        self.ends.push(before + (self.memory.len() * RECORD_BYTES) as u64);
        self.memory.clear();
        Ok(())
    }
}

/// All runs, merged.
pub(super) struct Merged<'r> {
    heap: BinaryHeap<Reverse<(u128, usize)>>,
    runs: Vec<Run<'r>>,
    last: Option<u128>,
    failed: Option<io::Error>,
}

impl Merged<'_> {
    /// Puts a run's next fingerprint on the heap.
    fn refill(&mut self, run: usize) {
        match self.runs.get_mut(run).map_or(Ok(None), Run::next) {
            Ok(Some(fingerprint)) => self.heap.push(Reverse((fingerprint, run))),
            Ok(None) => {}
            Err(error) => self.failed = Some(error),
        }
    }
}

impl Iterator for Merged<'_> {
    type Item = io::Result<Fingerprint>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.failed.take() {
                self.heap.clear();
                return Some(Err(error));
            }
            let Reverse((fingerprint, run)) = self.heap.pop()?;
            self.refill(run);
            if self.last != Some(fingerprint) {
                self.last = Some(fingerprint);
                return Some(Ok(Fingerprint(fingerprint.to_be_bytes())));
            }
        }
    }
}

/// One run while it is read: from the file, or from memory.
struct Run<'r> {
    file: Option<&'r File>,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    buffer_at: usize,
    memory: &'r [u128],
}

impl<'r> Run<'r> {
    const fn stored(file: Option<&'r File>, at: u64, end: u64) -> Self {
        Self { file, at, end, buffer: Vec::new(), buffer_at: 0, memory: &[] }
    }

    fn next(&mut self) -> io::Result<Option<u128>> {
        if let Some((first, rest)) = self.memory.split_first() {
            self.memory = rest;
            return Ok(Some(*first));
        }
        if self.buffer_at == self.buffer.len() {
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            self.buffer.resize(left.min(BUFFER_BYTES), 0);
            self.buffer_at = 0;
            if let Some(file) = self.file {
                file.read_exact_at(&mut self.buffer, self.at)?;
            }
            self.at += self.buffer.len() as u64;
        }
        let record = self.buffer.get(self.buffer_at..).and_then(<[u8]>::first_chunk::<RECORD_BYTES>);
        self.buffer_at += record.map_or(0, |record| record.len());
        Ok(record.map(|record| u128::from_be_bytes(*record)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_come_out_as_one_sorted_set_however_often_asked(
            batches in proptest::collection::vec(proptest::collection::vec(0_u128..500, 0..60), 0..20),
            run_records in 1_usize..80,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut runs = Runs::new(folder.path().to_owned(), run_records);
            for batch in &batches {
                runs.extend(batch).unwrap();
            }
            runs.seal();
            let expected: Vec<u128> = batches.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!(runs.is_empty(), expected.is_empty());
            for _ in 0..2 {
                let merged: Vec<u128> = runs.merged().unwrap().map(|one| u128::from_be_bytes(one.unwrap().0)).collect();
                prop_assert_eq!(&merged, &expected);
            }
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        }
    }
}
