//! The compiled watchlists, swapped while the crawl runs when the store holds newer ones.

use std::sync::Arc;

use super::CrawlError;
use crate::domain::fingerprints::Label;
use crate::domain::matcher::Matcher;
use crate::ports::store::Store;
use crate::ports::vault::{Blind, Vault};

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
    vault: Vault,
    current: Option<Arc<Lookout>>,
}

impl Lookouts {
    pub(super) const fn new(store: Store, vault: Vault) -> Self {
        Self { store, vault, current: None }
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
        let enrolled = self.store.fingerprint_files().await.map_err(CrawlError::Store)?;
        let vault = self.vault.clone();
        // The sets that the current lookout holds are taken over, not read again.
        let compiled = tokio::task::spawn_blocking(move || {
            let (fingerprints, blind) = vault.fingerprints(&enrolled);
            (Matcher::compile(&watchlists).with_fingerprints(fingerprints), blind)
        });
        let (matcher, blind) = compiled.await.map_err(|_| CrawlError::Lookout)?;
        for Blind { enrolment, reason, mend } in blind {
            let Label { organization, kind, epoch, .. } = enrolment.label;
            tracing::warn!(%organization, %kind, %epoch, "fingerprints are not looked for: {reason}; {mend}");
        }
        tracing::info!(revision, "watchlists compiled");
        self.current = Some(Arc::new(Lookout { revision, matcher }));
        Ok(())
    }
}
