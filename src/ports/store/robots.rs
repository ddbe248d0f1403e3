//! What sites' robots.txt said when they were read last.

use std::time::Duration;

use jiff::Timestamp;

use super::claims::milliseconds;
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError};
use crate::domain::source::SourceId;

impl Store {
    /// Returns the robots.txt of a source as it was read last, and when; an empty text if the site has none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn robots(&self, source: &SourceId) -> Result<Option<(String, Timestamp)>, StoreError> {
        let statement = "SELECT text, fetched_at FROM robots WHERE source = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![&source.0]).await?;
        row.map(|row| Ok((row.text(0)?, row.time(1)?))).transpose()
    }

    /// Keeps a robots.txt and the wait between two requests that it asks for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_robots(
        &self,
        source: &SourceId,
        (text, crawl_delay): (&str, Duration),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let statement = "INSERT INTO robots (source, fetched_at, text) VALUES ($1, $2, $3) \
                         ON CONFLICT (source) DO UPDATE SET fetched_at = excluded.fetched_at, text = excluded.text";
        // PostgreSQL keeps no NUL in a text, and no rule holds one.
        let text = text.replace('\0', "");
        sql::execute(write.connection(), statement, values![&source.0, now, text]).await?;
        let statement = "UPDATE source SET crawl_delay_ms = $1 WHERE id = $2";
        sql::execute(write.connection(), statement, values![milliseconds(crawl_delay), &source.0]).await?;
        write.commit().await
    }
}
