//! Addresses that are asked whether they are right, and the key that signs links.
//!
//! Not here: what the question says (`domain::alert::pages`), who answers (`services::contacts`).

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::sql::{self, Columns, values};
use super::watchlists::{self, parse};
use super::{Durability, Store, StoreError};
use crate::domain::alert::links::{CODE_TRIES, CONFIRM_FOR, LinkKey};
use crate::domain::case::crockford;
use crate::domain::watchlist::{Contact, ContactRole, OrganizationId};
use crate::ports::seal::SealError;

/// What is read of questions.
macro_rules! questions {
    () => {
        "SELECT id, organization, address, asked_at, expires_at, sent_at, attempts, last_error, wrong FROM contact_question"
    };
}
/// A contact and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContactRow {
    /// Whose.
    pub organization: String,
    /// Mail address.
    pub address: String,
    /// What they do.
    pub role: ContactRole,
    /// How long the others are given before this one is told, in seconds; `None` is told at once.
    pub after_seconds: Option<u64>,
    /// When it was confirmed; `None` is not mailed.
    pub confirmed_at: Option<Timestamp>,
    /// By whom: `operator`, `link`, `code`.
    pub confirmed_by: Option<String>,
    /// The question that is open, if one is.
    pub question: Option<QuestionRow>,
}

/// A question whether an address is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuestionRow {
    /// Its id; what link and code are about.
    #[serde(skip)]
    pub id: String,
    /// Whose contact.
    pub organization: String,
    /// Who is asked.
    pub address: String,
    /// When.
    pub asked_at: Timestamp,
    /// Until when it may be answered.
    pub expires_at: Timestamp,
    /// When its mail was sent; `None` while it is to be.
    pub sent_at: Option<Timestamp>,
    /// Failed tries.
    pub attempts: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Wrong codes so far.
    pub wrong: u32,
}

/// What an answer brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// The contact is confirmed.
    Confirmed(QuestionRow),
    /// The code is wrong; so many tries are left.
    Wrong {
        /// Tries left.
        left: u32,
    },
    /// Its time is over, or too many codes were wrong.
    Expired,
    /// There is no such question, or it is answered.
    Unknown,
}

impl Store {
    /// Returns all contacts, by organization and address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn contacts(&self) -> Result<Vec<ContactRow>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let questions =
            sql::fetch(&mut connection, concat!(questions!(), " ORDER BY organization, address"), values![]).await?;
        let questions = questions.iter().map(question).collect::<Result<Vec<_>, _>>()?;
        let statement = "SELECT organization, address, document, confirmed_at, confirmed_by FROM contact \
                         ORDER BY organization, address";
        let rows = sql::fetch(&mut connection, statement, values![]).await?;
        rows.iter()
            .map(|row| {
                let (organization, address) = (row.text(0)?, row.text(1)?);
                let contact: Contact = parse("contact", &address, &row.text(2)?)?;
                let is_its = |one: &&QuestionRow| (&one.organization, &one.address) == (&organization, &address);
                Ok(ContactRow {
                    question: questions.iter().find(is_its).cloned(),
                    role: contact.role,
                    after_seconds: contact.after.map(|after| after.as_secs()),
                    confirmed_at: row.maybe_time(3)?,
                    confirmed_by: row.maybe_text(4)?,
                    organization,
                    address,
                })
            })
            .collect()
    }

    /// Asks a contact whether its address is right: the question takes the place of an older one and its mail is due now.
    ///
    /// # Errors
    /// `NoSuchContact` if the watchlist does not name it.
    pub async fn ask_contact(
        &self,
        organization: &OrganizationId,
        address: &str,
        now: Timestamp,
    ) -> Result<QuestionRow, StoreError> {
        let mut chance = [0_u8; 16];
        getrandom::fill(&mut chance).map_err(|_| StoreError::Seal(SealError::Chance))?;
        let id = format!("Q-{}", crockford(&chance, 25));
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = "SELECT COUNT(*) FROM contact WHERE organization = $1 AND address = $2";
        let known = sql::fetch_one(connection, statement, values![&organization.0, address]).await?;
        if known.map_or(Ok(0), |row| row.count(0))? == 0 {
            return Err(StoreError::NoSuchContact {
                organization: organization.0.clone(),
                address: address.to_owned(),
            });
        }
        let expires_at = now.checked_add(CONFIRM_FOR).unwrap_or(Timestamp::MAX);
        let statement = "INSERT INTO contact_question (organization, address, id, asked_at, expires_at, due_at) \
                         VALUES ($1, $2, $3, $4, $5, $4) ON CONFLICT (organization, address) DO UPDATE SET id = excluded.id, \
                         asked_at = excluded.asked_at, expires_at = excluded.expires_at, wrong = 0, \
                         due_at = excluded.due_at, attempts = 0, sent_at = NULL, last_error = NULL";
        sql::execute(connection, statement, values![&organization.0, address, &id, now, expires_at]).await?;
        let asked = by_id(connection, &id).await?;
        write.commit().await?;
        asked.ok_or_else(|| StoreError::damaged("question", &id))
    }

    /// Takes the next question whose mail is due; it is due again after `lease`, unless it is noted how it went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_question(&self, lease: Duration, now: Timestamp) -> Result<Option<QuestionRow>, StoreError> {
        const DUE: &str = concat!(
            questions!(),
            " WHERE sent_at IS NULL AND due_at <= $1 AND expires_at > $1 ORDER BY due_at, id LIMIT 1"
        );
        if sql::fetch_one(&mut *self.reader.acquire().await?, DUE, values![now]).await?.is_none() {
            return Ok(None);
        }
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        let rows = sql::fetch_locking(connection, DUE, self.dialect.lock_suffix(), values![now]).await?;
        let Some(asked) = rows.first().map(question).transpose()? else { return Ok(None) };
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        let statement = "UPDATE contact_question SET due_at = $1 WHERE id = $2";
        sql::execute(connection, statement, values![until, &asked.id]).await?;
        write.commit().await?;
        Ok(Some(asked))
    }

    /// Notes how sending a question went: sent, or failed and due again at `retry_at`; never again if there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn question_tried(
        &self,
        id: &str,
        outcome: Result<(), (&str, Option<Timestamp>)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        match outcome {
            Ok(()) => {
                let statement = "UPDATE contact_question SET sent_at = $1, last_error = NULL WHERE id = $2";
                sql::execute(connection, statement, values![now, id]).await?;
            }
            Err((error, retry_at)) => {
                let statement =
                    "UPDATE contact_question SET attempts = attempts + 1, last_error = $1, due_at = $2 WHERE id = $3";
                sql::execute(connection, statement, values![error, retry_at.unwrap_or(Timestamp::MAX), id]).await?;
            }
        }
        write.commit().await
    }

    /// Returns an open question, whether its time is over or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn question(&self, id: &str) -> Result<Option<QuestionRow>, StoreError> {
        by_id(&mut *self.reader.acquire().await?, id).await
    }

    /// Ends a question by its link: the contact is confirmed, once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn answer_by_link(&self, id: &str, now: Timestamp) -> Result<Answered, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let Some(asked) = locked(connection, id).await? else { return Ok(Answered::Unknown) };
        if now > asked.expires_at {
            return Ok(Answered::Expired);
        }
        confirm(connection, &asked, "link", now).await?;
        write.commit().await?;
        Ok(Answered::Confirmed(asked))
    }

    /// Answers an address's question by a code, which `is_right` judges; too many wrong ones end it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn answer_by_code(
        &self,
        (organization, address): (&OrganizationId, &str),
        is_right: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<Answered, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = "SELECT id FROM contact_question WHERE organization = $1 AND address = $2";
        let row = sql::fetch_one(connection, statement, values![&organization.0, address]).await?;
        let Some(row) = row else { return Ok(Answered::Unknown) };
        let Some(asked) = locked(connection, &row.text(0)?).await? else { return Ok(Answered::Unknown) };
        if now > asked.expires_at || asked.wrong >= CODE_TRIES {
            return Ok(Answered::Expired);
        }
        if is_right(&asked.id) {
            confirm(connection, &asked, "code", now).await?;
            write.commit().await?;
            return Ok(Answered::Confirmed(asked));
        }
        let statement = "UPDATE contact_question SET wrong = wrong + 1 WHERE id = $1";
        sql::execute(connection, statement, values![&asked.id]).await?;
        write.commit().await?;
        Ok(Answered::Wrong { left: CODE_TRIES - 1 - asked.wrong })
    }

    /// Returns the key that signs links, made at the first call; sealed at rest, the same for all processes.
    ///
    /// # Errors
    /// When the database fails, or there is no randomness for a new key.
    pub async fn link_key(&self) -> Result<LinkKey, StoreError> {
        const CONTEXT: &str = "meta/link_key";
        let statement = "SELECT sealed_content FROM meta WHERE name = 'link_key'";
        if let Some(row) = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![]).await? {
            return self.read_link_key(&row, CONTEXT);
        }
        let mut fresh = [0_u8; 32];
        getrandom::fill(&mut fresh).map_err(|_| StoreError::Seal(SealError::Chance))?;
        let sealed = self.seal.seal(&fresh, CONTEXT)?;
        let mut write = self.begin(Durability::Power).await?;
        let insert = "INSERT INTO meta (name, content, sealed_content) VALUES ('link_key', '', $1) ON CONFLICT (name) DO NOTHING";
        sql::execute(write.connection(), insert, values![sealed]).await?;
        let row = sql::fetch_one(write.connection(), statement, values![]).await?;
        write.commit().await?;
        self.read_link_key(&row.ok_or_else(|| StoreError::damaged("meta", "link_key"))?, CONTEXT)
    }

    fn read_link_key(&self, row: &AnyRow, context: &str) -> Result<LinkKey, StoreError> {
        let key = self.seal.open(&row.maybe_bytes(0)?.unwrap_or_default(), context)?;
        let key: [u8; 32] = key.try_into().map_err(|_| StoreError::damaged("meta", "link_key"))?;
        Ok(LinkKey::new(key))
    }
}

fn question(row: &AnyRow) -> Result<QuestionRow, StoreError> {
    let number = |index| Ok::<_, StoreError>(u32::try_from(row.int(index)?).unwrap_or(u32::MAX));
    Ok(QuestionRow {
        id: row.text(0)?,
        organization: row.text(1)?,
        address: row.text(2)?,
        asked_at: row.time(3)?,
        expires_at: row.time(4)?,
        sent_at: row.maybe_time(5)?,
        attempts: number(6)?,
        last_error: row.maybe_text(7)?,
        wrong: number(8)?,
    })
}

async fn by_id(connection: &mut AnyConnection, id: &str) -> Result<Option<QuestionRow>, StoreError> {
    let row = sql::fetch_one(connection, concat!(questions!(), " WHERE id = $1"), values![id]).await?;
    row.as_ref().map(question).transpose()
}

/// Locks a question: of two answers at once, one comes second and finds none.
async fn locked(connection: &mut AnyConnection, id: &str) -> Result<Option<QuestionRow>, StoreError> {
    sql::execute(connection, "UPDATE contact_question SET wrong = wrong WHERE id = $1", values![id]).await?;
    by_id(connection, id).await
}

async fn confirm(
    connection: &mut AnyConnection,
    asked: &QuestionRow,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let organization = OrganizationId(asked.organization.clone());
    watchlists::confirm(connection, (&organization, &asked.address), by, now).await?;
    sql::execute(connection, "DELETE FROM contact_question WHERE id = $1", values![&asked.id]).await.map(drop)
}
