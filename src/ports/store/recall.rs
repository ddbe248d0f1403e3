//! Pages that were read before the watchlists grew are read again.
//!
//! A hit must be replayable on the captured bytes, and of a page only its posts' texts are kept, so that what is new is not
//! looked for in the store: the pages themselves are due again, the oldest reading first, a few at a time, at their source's
//! pace, behind everything that is due anyway.

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError};
use crate::domain::source::SourceId;

/// URLs that are due on a source, from which on nothing is recalled.
const BUSY: u32 = 16;

impl Store {
    /// Makes pages due that were matched against older watchlists, up to `limit` of each source that is neither busy nor at
    /// rest; returns how many, or `None` if no page is left to recall. Pages that fail come back by themselves.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recall(
        &self,
        source: Option<&SourceId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let only = source.map_or("", |source| source.0.as_str());
        let mut connection = self.reader.acquire().await?;
        let statement = "SELECT content FROM meta WHERE name = 'recall_revision'";
        let Some(row) = sql::fetch_one(&mut connection, statement, values![]).await? else { return Ok(None) };
        let revision: i64 = row.text(0)?.parse().map_err(|_| StoreError::damaged("meta", "recall_revision"))?;
        let statement = "SELECT s.id, (SELECT COUNT(*) FROM frontier f WHERE f.source = s.id AND f.due_at <= $1) \
                         FROM source s WHERE ($2 = '' OR s.id = $2) AND s.paused_at IS NULL \
                         AND (s.wait_until IS NULL OR s.wait_until <= $1) AND EXISTS \
                         (SELECT 1 FROM frontier f WHERE f.source = s.id AND f.last_visited_at IS NOT NULL \
                         AND f.gone_at IS NULL AND f.attempts = 0 AND f.matched < $3)";
        let rows = sql::fetch(&mut connection, statement, values![now, only, revision]).await?;
        drop(connection);
        let (mut recalled, mut is_over) = (0, true);
        for row in rows {
            is_over = false;
            if row.count(1)? < u64::from(BUSY) {
                recalled += self.recall_from(&row.text(0)?, (revision, limit), now).await?;
            }
        }
        Ok((!is_over).then_some(recalled))
    }

    async fn recall_from(
        &self,
        source: &str,
        (revision, limit): (i64, u32),
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let statement = "UPDATE frontier SET due_at = $1 WHERE source = $2 AND link_key IN \
                         (SELECT link_key FROM frontier WHERE source = $2 AND last_visited_at IS NOT NULL \
                         AND gone_at IS NULL AND attempts = 0 AND matched < $3 AND lease IS NULL AND (due_at IS NULL OR due_at > $1) \
                         ORDER BY last_visited_at, link_key LIMIT $4)";
        let recalled = sql::execute(write.connection(), statement, values![now, source, revision, limit]).await?;
        if recalled > 0 {
            sql::execute(write.connection(), "UPDATE source SET ready_at = 0 WHERE id = $1", values![source]).await?;
        }
        write.commit().await?;
        Ok(recalled)
    }
}

/// Notes that pages matched against earlier watchlists than this are to be read again.
pub(super) async fn begin(connection: &mut AnyConnection, revision: i64) -> Result<(), StoreError> {
    let statement = "INSERT INTO meta (name, content) VALUES ('recall_revision', $1) \
                     ON CONFLICT (name) DO UPDATE SET content = excluded.content";
    sql::execute(connection, statement, values![revision.to_string()]).await.map(drop)
}
