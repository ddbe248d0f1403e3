//! What can go wrong with the store, in words that say how to mend it; never a password of a URL.

use crate::domain::case::State;
use crate::ports::seal::SealError;

/// Why the store cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no database that dyepack knows.
    #[error("use the database URL {place}: {reason}; write sqlite:/path/dyepack.db or postgres://user@host/name")]
    Url {
        /// The URL without password.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot be reached or opened.
    #[error("open the database {place}: {hint}")]
    Open {
        /// The URL without password.
        place: String,
        /// What to look at.
        hint: &'static str,
        /// What the driver said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database holds something else.
    #[error("use the database {place}: it holds tables of something else; name an empty one")]
    Foreign {
        /// The URL without password.
        place: String,
    },
    /// The database was written by a newer dyepack.
    #[error("use the database {place}: a newer dyepack wrote it; update this one, or restore a backup")]
    Newer {
        /// The URL without password.
        place: String,
    },
    /// The key does not open what the database holds.
    #[error("use the database {place}: it was sealed with another key; restore the key file that belongs to it")]
    OtherKey {
        /// The URL without password.
        place: String,
    },
    /// Another process holds the database's lock for too long.
    #[error("write to the database: another process has locked it; see whether a second dyepack or a backup hangs")]
    Locked,
    /// The store was closed.
    #[error("use the database: it was closed")]
    Closed,
    /// The claim no longer stands; claim again.
    #[error("record under this lease: it ran out and another worker may hold it, or things have changed since")]
    LostLease,
    /// There is no such organization.
    #[error("find the organization {id}; see: dyepack watchlist list")]
    NoSuchOrganization {
        /// What was asked for.
        id: String,
    },
    /// The organization has no such contact.
    #[error("find the contact {address} of {organization}; it must be in the watchlist first")]
    NoSuchContact {
        /// Whose.
        organization: String,
        /// What was asked for.
        address: String,
    },
    /// There is no such source.
    #[error("find the source {id}; see: dyepack source list")]
    NoSuchSource {
        /// What was asked for.
        id: String,
    },
    /// There is no such case.
    #[error("find the case {id}; see: dyepack case list")]
    NoSuchCase {
        /// What was asked for.
        id: String,
    },
    /// The case may not go there from where it stands.
    #[error("move the case {id} from {from} to {to}; from {from} it may go to {}", words(&from.possible_moves()))]
    ImpossibleMove {
        /// The case.
        id: String,
        /// Where it stands.
        from: State,
        /// Where it was to go.
        to: State,
    },
    /// The cases are one.
    #[error("merge the case {id} with itself")]
    SameCase {
        /// The case.
        id: String,
    },
    /// The cases belong to two organizations.
    #[error("merge {one} and {other}: they belong to two organizations")]
    OtherOrganization {
        /// One case.
        one: String,
        /// The other.
        other: String,
    },
    /// The case holds no such entry.
    #[error("split {entry} off the case {id}: it does not hold it; see: dyepack case show {id}")]
    NotInCase {
        /// The case.
        id: String,
        /// What was asked for.
        entry: String,
    },
    /// A case cannot be left without entries, nor one be opened without.
    #[error("split the case {id}: name some of its entries, not all; see: dyepack case show {id}")]
    NothingLeft {
        /// The case.
        id: String,
    },
    /// A row says something that cannot be.
    #[error("read {what} {id} from the database: it is damaged")]
    Damaged {
        /// What kind of thing.
        what: &'static str,
        /// Which one.
        id: String,
    },
    /// Sealing or opening failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database refused a statement or went away.
    #[error("get an answer from the database")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    pub(super) fn damaged(what: &'static str, id: impl Into<String>) -> Self {
        Self::Damaged { what, id: id.into() }
    }

    /// Tells whether the database has no room left.
    pub fn is_full(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        // SQLITE_FULL; PostgreSQL: disk_full.
        error.code().is_some_and(|code| matches!(code.as_ref(), "13" | "53100"))
    }

    /// Tells whether the same transaction may succeed when run again at once: it lost a race (deadlock, serialization).
    pub(super) fn is_lost_race(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        // PostgreSQL: serialization_failure, deadlock_detected, and a unique key that another worker wrote first.
        error.code().is_some_and(|code| matches!(code.as_ref(), "40001" | "40P01" | "23505"))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // SQLITE_BUSY and its extended codes.
        let is_locked = matches!(&error, sqlx::Error::Database(error)
            if error.code().is_some_and(|code| matches!(code.as_ref(), "5" | "261" | "517" | "773")));
        if is_locked { Self::Locked } else { Self::Database(error) }
    }
}

fn words(states: &[State]) -> String {
    states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ")
}
