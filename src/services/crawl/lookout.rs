//! The compiled watchlists, swapped while the crawl runs when the store holds newer ones.

use std::sync::Arc;

use super::CrawlError;
use crate::domain::matcher::Matcher;
use crate::ports::store::Store;

/// A matcher and the revision of the watchlists that it was compiled from.
#[derive(Debug)]
pub(super) struct Lookout {
    pub(super) revision: i64,
    pub(super) matcher: Matcher,
}

/// Holds the newest lookout; visits under way keep the one they began with.
#[derive(Debug)]
pub(super) struct Lookouts {
    store: Store,
    current: Option<Arc<Lookout>>,
}

impl Lookouts {
    pub(super) const fn new(store: Store) -> Self {
        Self { store, current: None }
    }

    pub(super) fn current(&self) -> Option<Arc<Lookout>> {
        self.current.clone()
    }

    /// Compiles the watchlists again if their revision changed; costs one small query if not.
    pub(super) async fn refresh(&mut self) -> Result<(), CrawlError> {
        // The revision is read first: lists that change after it are compiled again at the next look.
        let revision = self.store.watchlist_revision().await.map_err(CrawlError::Store)?;
        if self.current.as_ref().is_some_and(|lookout| lookout.revision == revision) {
            return Ok(());
        }
        let watchlists = self.store.watchlists().await.map_err(CrawlError::Store)?;
        let compiled = tokio::task::spawn_blocking(move || Matcher::compile(&watchlists)).await;
        let matcher = compiled.map_err(|_| CrawlError::Lookout)?;
        tracing::info!(revision, "watchlists compiled");
        self.current = Some(Arc::new(Lookout { revision, matcher }));
        Ok(())
    }
}
