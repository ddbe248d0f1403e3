//! Which values of a table are whose, by their hashes: of ten million values no letter is kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};

use super::field;
use super::table::{Row, Start, Table};

/// Who had a value first. Where two values have the same hash, the table is asked whether they are the same.
#[derive(Default)]
pub(super) struct Claims {
    hasher: RandomState,
    /// Hash of a value to a row of `rows` and a column.
    first: HashMap<u64, (u32, u8)>,
    rows: Vec<Start>,
}

impl Claims {
    /// Takes a value (as [`field::comparable`] gives it) for a row, or returns on which line and in which column another row
    /// has it. Rows come one after another.
    pub(super) fn claim<'t>(
        &mut self,
        table: &'t Table<'_>,
        row: &Row<'_>,
        (column, value): (usize, &str),
    ) -> Option<(u64, &'t str)> {
        if self.rows.last().is_none_or(|last| last.line != row.start.line) {
            self.rows.push(row.start);
        }
        match self.first.entry(self.hasher.hash_one(value)) {
            Entry::Vacant(free) => {
                // A table has at most 2,000,000 rows and 64 columns.
                let number = u32::try_from(self.rows.len() - 1).unwrap_or(u32::MAX);
                free.insert((number, u8::try_from(column).unwrap_or(u8::MAX)));
                None
            }
            Entry::Occupied(taken) => {
                let (number, column) = *taken.get();
                let start = *self.rows.get(number as usize)?;
                let name = table.names().get(usize::from(column))?;
                let is_same = start.line != row.start.line
                    && field::comparable(name, table.row_at(start)?.text(usize::from(column))) == value;
                is_same.then_some((start.line, name))
            }
        }
    }
}
