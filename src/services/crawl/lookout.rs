//! The compiled watchlists, swapped while the crawl runs when the store holds newer ones.
//!
//! Lists are read and compiled beside the crawl, which claims, fetches and scans on with the old ones until the new ones are
//! ready: a swap is one pointer.

use std::future::pending;
use std::sync::Arc;

use tokio::task::JoinSet;

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
    /// At most one look at the store.
    looking: JoinSet<Result<Option<Lookout>, CrawlError>>,
}

impl Lookouts {
    pub(super) fn new(store: Store, vault: Vault) -> Self {
        Self { store, vault, current: None, looking: JoinSet::new() }
    }

    pub(super) fn current(&self) -> Option<Arc<Lookout>> {
        self.current.clone()
    }

    /// Begins to look for newer watchlists and to compile them, unless that is under way already; costs one small query
    /// if nothing changed.
    pub(super) fn begin(&mut self) {
        if self.looking.is_empty() {
            let known = self.current.as_ref().map(|lookout| lookout.revision);
            self.looking.spawn(newer(self.store.clone(), self.vault.clone(), known));
        }
    }

    /// Waits for the look that was begun and takes what it brought; returns whether that was new. Waits for ever if no look was
    /// begun. May be cancelled.
    pub(super) async fn ended(&mut self) -> Result<bool, CrawlError> {
        let Some(looked) = self.looking.join_next().await else { return pending().await };
        let Some(lookout) = looked.map_err(|_| CrawlError::Lookout)?? else { return Ok(false) };
        tracing::info!(revision = lookout.revision, "watchlists compiled");
        self.current = Some(Arc::new(lookout));
        Ok(true)
    }

    /// Looks for newer watchlists and waits until they are compiled.
    pub(super) async fn refresh(&mut self) -> Result<bool, CrawlError> {
        self.begin();
        self.ended().await
    }
}

/// Compiles the watchlists if their revision is not the known one.
async fn newer(store: Store, vault: Vault, known: Option<i64>) -> Result<Option<Lookout>, CrawlError> {
    // The revision is read first: lists that change after it are compiled again at the next look.
    let revision = store.watchlist_revision().await.map_err(CrawlError::Store)?;
    if known == Some(revision) {
        return Ok(None);
    }
    let watchlists = store.watchlists().await.map_err(CrawlError::Store)?;
    let enrolled = store.fingerprint_files().await.map_err(CrawlError::Store)?;
    // Sets that are held already are taken over, not read again.
    let compiled = tokio::task::spawn_blocking(move || {
        let (fingerprints, blind) = vault.fingerprints(&enrolled);
        (Matcher::compile(&watchlists).with_fingerprints(&fingerprints), blind)
    });
    let (matcher, blind) = compiled.await.map_err(|_| CrawlError::Lookout)?;
    for Blind { enrolment, reason, mend } in blind {
        let Label { organization, kind, epoch, .. } = enrolment.label;
        tracing::warn!(%organization, %kind, %epoch, "fingerprints are not looked for: {reason}; {mend}");
    }
    Ok(Some(Lookout { revision, matcher }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::matcher::Document;
    use crate::domain::watchlist::{Canary, Watchlist};
    use crate::ports::clock::Clock;
    use crate::ports::seal::Seal;
    use crate::services::intake;

    fn watchlist(pans: std::ops::Range<u64>) -> Watchlist {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists/example-bank");
        let mut watchlist = intake::load(&folder).unwrap();
        let first = watchlist.canaries.first().unwrap().clone();
        let canary = |number: u64| Canary {
            id: format!("x{number:012}"),
            fields: [("pan".to_owned(), format!("9999{number:012}"))].into(),
            ..first.clone()
        };
        watchlist.canaries = pans.map(canary).collect();
        watchlist
    }

    fn finds(lookout: &Lookout, text: &str) -> bool {
        let document = Document { bytes: text.as_bytes(), name: "x.txt", media_type: None, charset: None };
        !lookout.matcher.scan(&document).hits.is_empty()
    }

    /// Enough that pages are scanned while they are read and compiled.
    const CANARIES: u64 = 20_000;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_changed_watchlist_is_swapped_in_while_the_old_one_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("lookout.db").display());
        let store = Store::open(&url, Seal::from_key(&[7; 32])).await.unwrap();
        let now = Clock::system().now();
        store.replace_watchlist(&watchlist(0..CANARIES), now).await.unwrap();
        let mut lookouts = Lookouts::new(store.clone(), Vault::new(folder.path(), Vec::new()));
        assert!(lookouts.current().is_none());
        lookouts.refresh().await.unwrap();
        let before = lookouts.current().unwrap();
        assert!(finds(&before, "9999000000000007") && !finds(&before, "9999000000020003"));

        lookouts.refresh().await.unwrap();
        assert!(Arc::ptr_eq(&before, &lookouts.current().unwrap()), "nothing changed, nothing is compiled");

        store.replace_watchlist(&watchlist(3..CANARIES + 5), now).await.unwrap();
        lookouts.begin();
        lookouts.begin();
        assert_eq!(lookouts.looking.len(), 1);
        // Pages are scanned with the old lists all the while: scanning waits for nothing.
        let mut scanned = 0;
        loop {
            let meanwhile = lookouts.current().unwrap();
            let scan = tokio::task::spawn_blocking(move || finds(&meanwhile, "9999000000000001"));
            tokio::select! {
                ended = lookouts.ended() => {
                    ended.unwrap();
                    break;
                }
                is_found = scan => {
                    assert!(is_found.unwrap(), "the old lists are looked for until the new ones are ready");
                    scanned += 1;
                }
            }
        }
        assert!(scanned > 0, "the new lists came before one page was scanned");
        let after = lookouts.current().unwrap();
        assert!(!finds(&after, "9999000000000001") && finds(&after, "9999000000020003"));
        assert!(finds(&after, "9999000000000007"), "what did not change is looked for as before");
        assert!(finds(&before, "9999000000000001"), "a visit under way keeps what it began with");
    }
}
