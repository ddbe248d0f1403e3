//! What was recorded before sellers were marked and cases were weighed, brought up to date in batches that commit one by one.
//!
//! Not here: reading the posts again (`services::crawl`).

use std::collections::BTreeSet;

use url::Url;

use super::model::{PostSeen, UnmarkedPost};
use super::sql::{self, Columns, values};
use super::{Durability, Store, StoreError, visits};
use crate::domain::listing::Listing;
use crate::domain::secret::Secret;
use crate::domain::source::SourceId;

impl Store {
    /// Returns offers whose sellers were not marked yet, with what was recorded of them but their claims.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unmarked_posts(&self, limit: u32) -> Result<Vec<UnmarkedPost>, StoreError> {
        let statement = "SELECT p.source, p.thread, p.id, p.url, p.author, p.posted_at, p.sealed_text, p.sale, t.title, t.board \
                         FROM post p LEFT JOIN thread t ON t.source = p.source AND t.id = p.thread \
                         WHERE p.is_marked = 0 AND p.sale >= 0.5 ORDER BY p.source, p.thread, p.id LIMIT $1";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![limit]).await?;
        rows.iter()
            .map(|row| {
                let source = SourceId(row.text(0)?);
                let (thread, key) = (row.text(1)?, row.text(2)?);
                // A text that does not open must not hold up the others: its author still marks it.
                let text = self.open_text(&row.bytes(6)?, &visits::post_context(&source, &thread, &key));
                Ok(UnmarkedPost {
                    title: row.maybe_text(8)?.unwrap_or_default(),
                    board: row.maybe_text(9)?.unwrap_or_default(),
                    post: PostSeen {
                        url: Url::parse(&row.text(3)?).map_err(|_| StoreError::damaged("post", &key))?,
                        author: row.maybe_text(4)?,
                        posted_at: row.maybe_time(5)?,
                        text: text.unwrap_or_else(|_| Secret::new(String::new())),
                        listing: Listing { sale: row.float(7)?, ..Listing::default() },
                        thread,
                        key,
                    },
                    source,
                })
            })
            .collect()
    }

    /// Marks the sellers of posts that were read again, keeps what they promise, and weighs the cases seen in them.
    ///
    /// # Errors
    /// When the database fails; then nothing of these posts is kept.
    pub async fn mark_posts(&self, posts: &[UnmarkedPost]) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        let mut cases = BTreeSet::new();
        for UnmarkedPost { source, post, .. } in posts {
            let key = || values![&source.0, &post.thread, &post.key];
            let statement = "UPDATE post SET goods = $1, volume = $2, is_fresh = $3, is_exclusive = $4, is_marked = 1 \
                             WHERE source = $5 AND thread = $6 AND id = $7";
            let mut promises = visits::promises(&post.listing);
            promises.extend(key());
            sql::execute(connection, statement, promises).await?;
            self.record_marks(connection, source, &[post]).await?;
            let statement = "SELECT s.organization, s.leak_case FROM case_sighting s JOIN leak_case c ON c.id = s.leak_case \
                             WHERE s.source = $1 AND s.thread = $2 AND s.post = $3 AND c.merged_into IS NULL";
            for row in sql::fetch(connection, statement, key()).await? {
                cases.insert((row.text(0)?, row.text(1)?));
            }
        }
        for (organization, case) in cases {
            self.weigh(connection, &organization, &case).await?;
        }
        write.commit().await
    }

    /// Weighs some of the cases that never were; returns how many.
    ///
    /// # Errors
    /// When the database fails; then none of these is.
    pub async fn weigh_unweighed(&self, limit: u32) -> Result<usize, StoreError> {
        let mut write = self.begin(Durability::Process).await?;
        let connection = write.connection();
        let statement = "SELECT organization, id FROM leak_case WHERE severity IS NULL AND merged_into IS NULL \
                         ORDER BY id LIMIT $1";
        let rows = sql::fetch(connection, statement, values![limit]).await?;
        for row in &rows {
            self.weigh(connection, &row.text(0)?, &row.text(1)?).await?;
        }
        write.commit().await?;
        Ok(rows.len())
    }
}
