//! The ledger's rows: written at the end only, each with the hash of the row before.
//!
//! What a row's hash covers is told in `domain::evidence::ledger`.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::sql::{self, Columns, values};
use super::{Store, StoreError};
use crate::domain::evidence::ledger::{Entry, Kind, link};

/// Rows read at a time.
const PAGE: i64 = 1_000;

/// A row to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note<'a> {
    pub(super) kind: Kind,
    pub(super) organization: &'a str,
    pub(super) subject: &'a str,
    pub(super) digest: &'a str,
}

/// A row as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// What it says.
    pub entry: Entry,
    /// Hash of that, as kept.
    pub entry_hash: String,
    /// Hash of the row, as kept.
    pub hash: String,
}

impl LedgerRow {
    /// Tells whether the row is what its hashes say and follows from the row before.
    pub fn follows(&self, previous: &str, number: i64) -> bool {
        self.entry.number == number
            && self.entry.hash() == self.entry_hash
            && link(previous, &self.entry_hash) == self.hash
    }
}

impl Store {
    /// Returns the next rows of the ledger after a number, a thousand at most.
    ///
    /// # Errors
    /// When the database fails, or holds a row that cannot be one.
    pub async fn ledger_after(&self, number: i64) -> Result<Vec<LedgerRow>, StoreError> {
        let statement = "SELECT number, at, kind, organization, subject, digest, entry_hash, hash FROM ledger \
                         WHERE number > $1 ORDER BY number LIMIT $2";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![number, PAGE]).await?;
        rows.iter().map(ledger_row).collect()
    }

    /// Returns the number and hash of the last row written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ledger_head(&self) -> Result<(i64, String), StoreError> {
        head(&mut *self.reader.acquire().await?).await
    }
}

/// Writes rows at the ledger's end.
pub(super) async fn append(
    connection: &mut AnyConnection,
    notes: &[Note<'_>],
    at: Timestamp,
) -> Result<(), StoreError> {
    if notes.is_empty() {
        return Ok(());
    }
    // Writing the head first locks it: rows follow each other without gaps.
    sql::execute(connection, "UPDATE meta SET content = content WHERE name = 'ledger_head'", values![]).await?;
    let (mut number, mut previous) = head(connection).await?;
    let mut rows = Vec::with_capacity(notes.len());
    for note in notes {
        number += 1;
        let entry = Entry {
            number,
            at: at.as_millisecond(),
            kind: note.kind,
            organization: note.organization.to_owned(),
            subject: note.subject.to_owned(),
            digest: note.digest.to_owned(),
        };
        let entry_hash = entry.hash();
        previous = link(&previous, &entry_hash);
        let Entry { organization, subject, digest, .. } = &entry;
        rows.push(values![number, at, note.kind.as_str(), organization, subject, digest, entry_hash, &previous]);
    }
    let head = "INSERT INTO ledger (number, at, kind, organization, subject, digest, entry_hash, hash) VALUES";
    sql::insert(connection, (head, ""), rows).await?;
    let statement = "UPDATE meta SET content = $1 WHERE name = 'ledger_head'";
    sql::execute(connection, statement, values![format!("{number}:{previous}")]).await.map(drop)
}

async fn head(connection: &mut AnyConnection) -> Result<(i64, String), StoreError> {
    let damaged = || StoreError::damaged("ledger", "head");
    let row = sql::fetch_one(connection, "SELECT content FROM meta WHERE name = 'ledger_head'", values![]).await?;
    let text = row.ok_or_else(damaged)?.text(0)?;
    let (number, hash) = text.split_once(':').ok_or_else(damaged)?;
    Ok((number.parse().map_err(|_| damaged())?, hash.to_owned()))
}

fn ledger_row(row: &AnyRow) -> Result<LedgerRow, StoreError> {
    let (number, kind) = (row.int(0)?, row.text(2)?);
    let known = Kind::parse(&kind).ok_or_else(|| StoreError::damaged("ledger", number.to_string()))?;
    Ok(LedgerRow {
        entry: Entry {
            number,
            at: row.int(1)?,
            kind: known,
            organization: row.text(3)?,
            subject: row.text(4)?,
            digest: row.text(5)?,
        },
        entry_hash: row.text(6)?,
        hash: row.text(7)?,
    })
}
