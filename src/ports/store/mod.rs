//! Everything remembered, and every SQL statement: organizations, sources, frontier, threads, posts, hits, cases, outbox.
//!
//! SQLite by default, PostgreSQL by URL; one text per query, one `migrations/`. One visit is one transaction.
//!
//! Durability on SQLite: WAL. Recording visits commits with `synchronous = NORMAL`: `kill -9` loses nothing; a power
//! failure may lose the last visits, which are then made again. What people or mail servers have seen (outbox, moves,
//! watchlists, confirmations) commits with `FULL`, which also makes every visit before it durable. On PostgreSQL
//! every commit outlives a crash of the server.

mod apart;
mod api_tokens;
mod attribution;
mod backfill;
mod canaries;
mod cases;
mod claims;
mod commitments;
pub mod console;
mod console_sessions;
mod contacts;
pub mod desk;
mod error;
mod evidence;
mod findings;
mod fingerprints;
mod heads;
mod health;
mod ids;
mod jumps;
mod ledger;
pub mod model;
mod open;
mod outbox;
mod packed;
mod rates;
mod recall;
mod recipients;
mod rekey;
mod retention;
mod robots;
mod rows;
mod sellers;
mod sessions;
mod severity;
mod sources;
mod sql;
mod subjects;
mod titles;
mod triage;
mod users;
mod visits;
mod watchkeeping;
mod watchlists;

use std::sync::Arc;

use sqlx::{Any, AnyConnection, AnyPool, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::secret::Secret;
use crate::domain::severity::Table;
use crate::ports::seal::Seal;

pub use api_tokens::ApiToken;
pub use attribution::Attributable;
pub use console_sessions::{ConsoleSession, Stage};
pub use contacts::{Answered, ContactRow, QuestionRow};
pub use error::StoreError;
pub use heads::HeadRow;
pub use health::HourRow;
pub use ledger::LedgerRow;
pub use rekey::{Reached, Resealed};
pub use sessions::News;
pub use sources::START_KEY;
pub use triage::{AuditVerdict, Told};
pub use users::{Changed, Credentials, InvitationKind, UserRow};
pub use watchkeeping::{OperatorMail, OperatorWay, Recipients, StandingAlarm, Turned};

/// The database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    reader: AnyPool,
    writer: AnyPool,
    ledger: AnyPool,
    /// Writers of this process take turns here, first come, first served; SQLite's own lock is not fair.
    turns: Arc<Semaphore>,
    dialect: Dialect,
    seal: Seal,
    /// Weighs the cases that are recorded.
    severity: Arc<Table>,
}

/// The two databases, where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Returns the function that tells at which character of a text another begins, 0 if nowhere.
    const fn place(self) -> &'static str {
        match self {
            Self::Sqlite => "INSTR",
            Self::Postgres => "STRPOS",
        }
    }

    const fn lock_suffix(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }
}

/// What a commit must outlive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// The process.
    Process,
    /// A power failure.
    Power,
}

/// A write transaction; rolled back when dropped.
struct Write {
    transaction: Transaction<'static, Any>,
    _turn: OwnedSemaphorePermit,
}

impl Write {
    fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

impl Store {
    /// Weighs cases by this table instead of the default one, from now on.
    #[must_use]
    pub fn with_severity(mut self, table: Table) -> Self {
        self.severity = Arc::new(table);
        self
    }

    async fn begin(&self, durability: Durability) -> Result<Write, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let pool = match durability {
            Durability::Process => &self.writer,
            Durability::Power => &self.ledger,
        };
        let transaction = match self.dialect {
            Dialect::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => pool.begin().await?,
        };
        Ok(Write { transaction, _turn: turn })
    }

    /// Closes all connections; what was committed stays.
    pub async fn close(&self) {
        self.turns.close();
        self.reader.close().await;
        self.writer.close().await;
        self.ledger.close().await;
    }

    fn seal_text(&self, plain: &str, context: &str) -> Result<Vec<u8>, StoreError> {
        match packed::pack(plain) {
            Some(packed) => Ok(self.seal.seal(&packed, context)?),
            None => Ok(self.seal.seal(plain.as_bytes(), context)?),
        }
    }

    fn open_text(&self, sealed: &[u8], context: &str) -> Result<Secret<String>, StoreError> {
        let opened = self.seal.open(sealed, context)?;
        let plain = packed::unpack(opened).ok_or_else(|| StoreError::damaged("sealed text", context))?;
        Ok(Secret::new(plain))
    }
}
