//! Which ids and values of a table are whose, by their hashes: of ten million values no letter is kept.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};

use super::field;
use super::table::{Row, Start, Table};
use crate::domain::hashed::HashedMap;

/// A cell whose content no other row may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'v> {
    pub(super) column: usize,
    /// Columns that identify share their values; an id meets ids only.
    pub(super) is_identifying: bool,
    /// The content as [`form`] gives it.
    pub(super) value: &'v str,
}

/// What was claimed so far. Hardly any table holds a value twice, so whether one does is told by the hashes alone; only
/// where two are the same it is worth knowing whose they are.
#[derive(Default)]
pub(super) struct Claims {
    hasher: RandomState,
    /// Keyed hashes of all that was claimed.
    hashes: Vec<u64>,
    owners: Option<Owners>,
}

/// Who had a value first.
#[derive(Default)]
struct Owners {
    /// Hash of a value to a row of `rows` and a column.
    first: HashedMap<(u32, u8)>,
    rows: Vec<Start>,
}

impl Claims {
    /// Counts only, of a part of a table; so many values are expected. All parts need the same hasher.
    pub(super) fn counted(values: usize, hasher: RandomState) -> Self {
        Self { hasher, hashes: Vec::with_capacity(values), owners: None }
    }

    /// Knows the owner of each value.
    pub(super) fn owned() -> Self {
        Self { hasher: RandomState::new(), hashes: Vec::new(), owners: Some(Owners::default()) }
    }

    /// Tells whether values that were counted in some parts may be the same; those that one row holds twice are told, too.
    pub(super) fn may_repeat(parts: impl Iterator<Item = Self>) -> bool {
        let mut hashes: Vec<u64> = Vec::new();
        for part in parts {
            if hashes.is_empty() {
                hashes = part.hashes;
            } else {
                hashes.extend(part.hashes);
            }
        }
        hashes.sort_unstable();
        hashes.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Takes a value for a row, or returns on which line and in which column another row has it, if owners are known. Rows
    /// come one after another.
    pub(super) fn claim<'t>(
        &mut self,
        table: &'t Table<'_>,
        row: &Row<'_>,
        claim: Claim<'_>,
    ) -> Option<(u64, &'t str)> {
        let own = if claim.is_identifying { usize::MAX } else { claim.column };
        let hash = self.hasher.hash_one((own, claim.value));
        if let Some(owners) = &mut self.owners {
            return owners.claim(hash, (table, row), claim);
        }
        self.hashes.push(hash);
        None
    }
}

impl Owners {
    fn claim<'t>(
        &mut self,
        hash: u64,
        (table, row): (&'t Table<'_>, &Row<'_>),
        claim: Claim<'_>,
    ) -> Option<(u64, &'t str)> {
        if self.rows.last().is_none_or(|last| last.line != row.start.line) {
            self.rows.push(row.start);
        }
        match self.first.entry(hash) {
            Entry::Vacant(free) => {
                // A table has at most 2,000,000 rows and 64 columns.
                let number = u32::try_from(self.rows.len() - 1).unwrap_or(u32::MAX);
                free.insert((number, u8::try_from(claim.column).unwrap_or(u8::MAX)));
                None
            }
            Entry::Occupied(taken) => {
                // Two values may have the same hash: the table is asked.
                let (number, other) = *taken.get();
                let (start, other) = (*self.rows.get(number as usize)?, usize::from(other));
                let name = table.names().get(other)?;
                let is_same = start.line != row.start.line
                    && (other == claim.column || (claim.is_identifying && field::is_identifying(name)))
                    && form(name, table.row_at(start)?.text(other)) == claim.value;
                is_same.then_some((start.line, name))
            }
        }
    }
}

/// Returns the form in which two values of a column are compared.
pub(super) fn form<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    if field::is_identifying(name) { Cow::Owned(field::comparable(name, value)) } else { Cow::Borrowed(value) }
}
