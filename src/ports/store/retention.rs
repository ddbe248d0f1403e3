//! What may go because it is old, and what must stay: holds, and purges that leave a row in the ledger.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;

use super::ledger::{self, Note};
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError, triage};
use crate::domain::evidence::ledger::{Kind, hash_parts};

/// Captures or mails purged in one transaction.
const BATCH: i64 = 200;

/// A case whose evidence must stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// The case.
    pub case: String,
    /// Since when.
    pub since: Timestamp,
    /// Who said so.
    pub who: String,
    /// Why.
    pub why: String,
}

/// What is old enough to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Old {
    /// Captures.
    pub captures: u64,
    /// Posts.
    pub posts: u64,
    /// Mails.
    pub mails: u64,
}

/// A row of the purge log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// Row of the ledger.
    pub row: i64,
    /// When.
    pub at: Timestamp,
    /// `capture`, `mail` or `posts`.
    pub what: &'static str,
    /// Whose; empty for what belongs to nobody alone.
    pub organization: String,
    /// Its id; how many, of posts.
    pub subject: String,
    /// SHA-256 (hex) of a capture's body, or over the names of posts.
    pub digest: String,
}

/// Captures older than `$1` of which every hit's case is settled and not on hold.
macro_rules! old_captures {
    () => {
        "FROM capture c WHERE c.purged_at IS NULL AND c.fetched_at < $1 AND NOT EXISTS (SELECT 1 FROM capture_hit x \
         JOIN hit h ON h.id = x.hit JOIN leak_case k ON k.id = h.leak_case \
         LEFT JOIN case_hold o ON o.leak_case = k.id \
         WHERE x.capture = c.id AND (o.leak_case IS NOT NULL OR k.state NOT IN ('closed', 'false_positive')))"
    };
}

/// Posts last changed before `$1` in which nothing was found.
macro_rules! old_posts {
    () => {
        "FROM post WHERE COALESCE(changed_at, seen_at) < $1 AND NOT EXISTS (SELECT 1 FROM hit h \
         WHERE h.source = post.source AND h.thread = post.thread AND h.post = post.id)"
    };
}

/// Mails sent or given up before `$1`, of cases that are settled and not on hold.
macro_rules! old_mails {
    () => {
        "FROM alert a WHERE a.sealed_frozen IS NOT NULL AND a.state <> 'queued' AND a.frozen_at < $1 AND NOT EXISTS \
         (SELECT 1 FROM leak_case k LEFT JOIN case_hold o ON o.leak_case = k.id WHERE k.id = a.leak_case \
         AND (o.leak_case IS NOT NULL OR k.state NOT IN ('closed', 'false_positive')))"
    };
}

impl Store {
    /// Puts a case on hold; a second hold changes nothing. Kept in the audit log.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn hold_case(&self, id: &str, (who, why): (&str, &str), now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = super::cases::living(connection, id).await?;
        let statement = "INSERT INTO case_hold (leak_case, since, who, why) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (leak_case) DO NOTHING";
        if sql::execute(connection, statement, values![&case.id, now, who, why]).await? > 0 {
            let step = triage::Step { from: "", to: "hold", who, why };
            triage::append(connection, (&case.organization, &case.id), step, now).await?;
        }
        write.commit().await
    }

    /// Takes a hold away; returns whether there was one. Kept in the audit log.
    ///
    /// # Errors
    /// `NoSuchCase`; when the database fails.
    pub async fn release_case(&self, id: &str, (who, why): (&str, &str), now: Timestamp) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let case = super::cases::living(connection, id).await?;
        let statement = "DELETE FROM case_hold WHERE leak_case = $1";
        let was_held = sql::execute(connection, statement, values![&case.id]).await? > 0;
        if was_held {
            let step = triage::Step { from: "hold", to: "", who, why };
            triage::append(connection, (&case.organization, &case.id), step, now).await?;
        }
        write.commit().await?;
        Ok(was_held)
    }

    /// Lists the cases on hold, the longest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        let statement = "SELECT leak_case, since, who, why FROM case_hold ORDER BY since, leak_case";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![]).await?;
        let hold = |row: &sqlx::any::AnyRow| {
            Ok(Hold { case: row.text(0)?, since: row.time(1)?, who: row.text(2)?, why: row.text(3)? })
        };
        rows.iter().map(hold).collect()
    }

    /// Counts what is older than the cutoffs (evidence, posts, mails) and may go.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_old(&self, [evidence, posts, mails]: [Option<Timestamp>; 3]) -> Result<Old, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let mut counts = [0; 3];
        for (count, (statement, cutoff)) in counts.iter_mut().zip([
            (concat!("SELECT COUNT(*) ", old_captures!()), evidence),
            (concat!("SELECT COUNT(*) ", old_posts!()), posts),
            (concat!("SELECT COUNT(*) ", old_mails!()), mails),
        ]) {
            let Some(cutoff) = cutoff else { continue };
            let row = sql::fetch_one(&mut connection, statement, values![cutoff]).await?;
            *count = row.map_or(Ok(0), |row| row.count(0))?;
        }
        let [captures, posts, mails] = counts;
        Ok(Old { captures, posts, mails })
    }

    /// Purges some captures that are older than the cutoff; returns the bodies that no capture names any more, to be removed
    /// after this. Nothing is left to purge when it returns `None`.
    ///
    /// # Errors
    /// When the database fails; nothing is purged then.
    pub async fn purge_captures(&self, cutoff: Timestamp, now: Timestamp) -> Result<Option<Vec<String>>, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = concat!("SELECT c.id, c.body_sha256 ", old_captures!(), " ORDER BY c.id LIMIT $2");
        let mut captures = Vec::new();
        for row in sql::fetch(connection, statement, values![cutoff, BATCH]).await? {
            captures.push((row.text(0)?, row.text(1)?));
        }
        if captures.is_empty() {
            return Ok(None);
        }
        let note = |(id, body)| Note { kind: Kind::Purge, organization: "", subject: id, digest: body };
        let notes: Vec<Note<'_>> = captures.iter().map(|(id, body)| note((id, body))).collect();
        ledger::append(connection, &notes, now).await?;
        for (id, _) in &captures {
            let statement = "UPDATE capture SET purged_at = $1, sealed_document = $2 WHERE id = $3";
            sql::execute(connection, statement, values![now, Vec::<u8>::new(), id]).await?;
        }
        let bodies: BTreeSet<String> = captures.into_iter().map(|(_, body)| body).collect();
        let bodies: Vec<String> = bodies.into_iter().collect();
        let head = "SELECT DISTINCT body_sha256 FROM capture WHERE purged_at IS NULL AND body_sha256 IN";
        let rows = sql::fetch_in(connection, head, &[], &bodies).await?;
        let named = rows.iter().map(|row| row.text(0)).collect::<Result<BTreeSet<_>, _>>()?;
        write.commit().await?;
        Ok(Some(bodies.into_iter().filter(|body| !named.contains(body)).collect()))
    }

    /// Purges posts in which nothing was found, and mails of settled cases; returns how many of each.
    ///
    /// # Errors
    /// When the database fails; what was purged before stays purged.
    pub async fn purge_texts(
        &self,
        [posts, mails]: [Option<Timestamp>; 2],
        now: Timestamp,
    ) -> Result<(u64, u64), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let posts = match posts {
            Some(cutoff) => purge_posts(connection, cutoff, now).await?,
            None => 0,
        };
        let mut purged = 0;
        if let Some(cutoff) = mails {
            let statement = concat!("SELECT a.id, a.organization ", old_mails!());
            for row in sql::fetch(connection, statement, values![cutoff]).await? {
                let (id, organization) = (row.text(0)?, row.text(1)?);
                let note = Note { kind: Kind::Purge, organization: &organization, subject: &id, digest: "" };
                ledger::append(connection, &[note], now).await?;
                let statement = "UPDATE alert SET sealed_frozen = NULL WHERE id = $1";
                purged += sql::execute(connection, statement, values![&id]).await?;
            }
        }
        write.commit().await?;
        Ok((posts, purged))
    }

    /// Returns what was purged and when, the oldest first: captures and mails by their ids, posts some at a time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purge_log(&self) -> Result<Vec<Purged>, StoreError> {
        let statement =
            "SELECT number, at, organization, subject, digest FROM ledger WHERE kind = 'purge' ORDER BY number";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![]).await?;
        let purged = |row: &sqlx::any::AnyRow| {
            let (organization, subject) = (row.text(2)?, row.text(3)?);
            // A mail's id tells it; a capture is told by the hash that is its id.
            let what = match subject.split_once(' ') {
                Some(_) => "posts",
                None if subject.starts_with("A-") => "mail",
                None => "capture",
            };
            Ok(Purged { row: row.int(0)?, at: row.time(1)?, what, organization, subject, digest: row.text(4)? })
        };
        rows.iter().map(purged).collect()
    }
}

/// Removes old posts, some at a time; each time leaves a row in the ledger with the hash of their names.
async fn purge_posts(connection: &mut AnyConnection, cutoff: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let mut purged = 0;
    loop {
        let statement = concat!("SELECT source, thread, id ", old_posts!(), " ORDER BY source, thread, id LIMIT $2");
        let mut names = Vec::new();
        for row in sql::fetch(connection, statement, values![cutoff, BATCH]).await? {
            let key = [row.text(0)?, row.text(1)?, row.text(2)?];
            let statement = "DELETE FROM post WHERE source = $1 AND thread = $2 AND id = $3";
            purged += sql::execute(connection, statement, values![&key[0], &key[1], &key[2]]).await?;
            names.extend(key);
        }
        if names.is_empty() {
            return Ok(purged);
        }
        let (subject, parts) = (format!("{} posts", names.len() / 3), names.iter().map(String::as_str));
        let digest = hash_parts(&parts.collect::<Vec<_>>());
        let note = Note { kind: Kind::Purge, organization: "", subject: &subject, digest: &digest };
        ledger::append(connection, &[note], now).await?;
    }
}
