//! What stands between a claim and its fetch: the source's settings, its robots.txt and its session.
//!
//! One visit at a time is at the door of a source, so that robots.txt is read once and nobody logs in twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::session::Membership;
use super::worker::Worker;
use crate::domain::forum::{LinkKind, acts};
use crate::domain::robots::Robots;
use crate::domain::source::{Source, SourceId};
use crate::ports::fetch::FetchError;
use crate::ports::store::StoreError;
use crate::ports::store::model::Claim;

/// How long a source's settings and session are believed before they are read again.
pub(super) const SOURCE_AGE: Duration = Duration::from_secs(10);
/// Sources that are remembered; those that were looked at longest ago are read again when they are served again.
const KNOWN_LIMIT: usize = 1_024;

/// A source as a worker knows it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) source: Arc<Source>,
    pub(super) door: Arc<tokio::sync::Mutex<Door>>,
    read_at: Instant,
}

/// What a worker has learnt about getting into one source.
#[derive(Debug, Default)]
pub(super) struct Door {
    pub(super) robots: Option<Rules>,
    pub(super) membership: Membership,
}

/// A robots.txt in force.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) robots: Arc<Robots>,
    /// When it has to be read again.
    pub(super) good_until: Timestamp,
    /// When this process read it from the site; `None` if it came from the store.
    pub(super) fetched_at: Option<Instant>,
}

/// As whom a page is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Viewer {
    /// A member's session is used.
    pub(super) is_member: bool,
    /// Which of the source's sessions, in this process.
    pub(super) generation: u64,
}

impl Viewer {
    /// Returns the mark that tells a member's digests from a guest's.
    pub(super) const fn mark(self) -> &'static str {
        if self.is_member { "m" } else { "" }
    }
}

/// Whether a claim's page may be fetched now.
#[derive(Debug)]
pub(super) enum Pass {
    /// Yes, as this viewer.
    Go(Viewer),
    /// Not this address, by the rule of this name.
    Skip(&'static str),
    /// What has to come first failed; the words say what.
    Fail(&'static str, FetchError),
    /// Not now: the claim is given back.
    Hold,
}

/// The sources that a worker knows; at most [`KNOWN_LIMIT`].
#[derive(Debug, Default)]
pub(super) struct Sources(Mutex<HashMap<SourceId, Known>>);

impl Sources {
    fn get(&self, id: &SourceId) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Returns the sources that are known now.
    pub(super) fn all(&self) -> Vec<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn put(&self, source: Source) -> Known {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = source.id.clone();
        let door = sources.get(&id).map(|known| Arc::clone(&known.door)).unwrap_or_default();
        if sources.len() >= KNOWN_LIMIT {
            // A door that somebody stands at is not taken away.
            let idle = sources.iter().filter(|(_, known)| Arc::strong_count(&known.door) == 1);
            let oldest = idle.min_by_key(|(_, known)| known.read_at).map(|(id, _)| id.clone());
            oldest.and_then(|oldest| sources.remove(&oldest));
        }
        let known = Known { source: Arc::new(source), door, read_at: Instant::now() };
        sources.insert(id, known.clone());
        known
    }
}

impl Worker {
    /// Returns a source and its door; `None` if there is no such source any more.
    pub(super) async fn known(&self, id: &SourceId) -> Result<Option<Known>, StoreError> {
        if let Some(known) = self.shared.sources.get(id)
            && known.read_at.elapsed() < SOURCE_AGE
        {
            return Ok(Some(known));
        }
        let source = self.ports.store.source(id).await?;
        Ok(source.map(|source| self.shared.sources.put(source)))
    }

    /// Decides whether a claim's page may be fetched now, and as whom; reads robots.txt and logs in if that has to come first.
    pub(super) async fn pass(&self, known: &Known, claim: &Claim) -> Result<Pass, StoreError> {
        let (source, link) = (&known.source, &claim.link);
        let is_start = link.kind == LinkKind::Index;
        if !is_start && acts(&link.url) {
            return Ok(Pass::Skip("acts"));
        }
        if !is_start && !source.settings.follows(&link.url, link.kind == LinkKind::Attachment) {
            return Ok(Pass::Skip("pattern"));
        }
        let came_at = Instant::now();
        let mut door = known.door.lock().await;
        if source.settings.robots.is_obeyed(source.network()) {
            let rules = match self.robots(source, &mut door).await? {
                Ok(rules) => rules,
                Err(error) => return Ok(Pass::Fail("robots.txt", error)),
            };
            if !rules.robots.allows(&link.url) {
                return Ok(Pass::Skip("robots"));
            }
            let is_paced = !source.pace.is_zero() || rules.robots.crawl_delay.is_some();
            if is_paced && rules.fetched_at.is_some_and(|fetched_at| fetched_at >= came_at) {
                // Reading robots.txt was this turn's request.
                return Ok(Pass::Hold);
            }
        }
        self.enter(source, &mut door).await
    }
}
