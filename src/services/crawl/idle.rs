//! When a crawl that is to end by itself has nothing left to do.
//!
//! It waits for retries and for leases of workers that died, but not for revisits: on a site with many lists one of them is
//! always due soon. So it ends when nothing that was new or failed has been visited for as long as its patience lasts.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Until;
use super::worker::Ending;
use crate::ports::store::model::Claim;

/// What to do when nothing is in flight and nothing can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Something that is worth waiting for is due soon.
    Waiting,
    /// The crawl is over.
    Over,
}

/// Remembers what was visited in this run, as far as needed to know when it is over.
#[derive(Debug)]
pub(super) struct Idle {
    until: Until,
    /// Hashes of the links read in this run; eight bytes each.
    read: HashSet<u64>,
    last_progress_at: Timestamp,
}

impl Idle {
    pub(super) fn new(until: Until, now: Timestamp) -> Self {
        Self { until, read: HashSet::new(), last_progress_at: now }
    }

    pub(super) fn is_endless(&self) -> bool {
        self.until == Until::Stopped
    }

    /// Starts waiting anew: the clock was set back, and what was noted lies in the future.
    pub(super) const fn begin_anew(&mut self, now: Timestamp) {
        self.last_progress_at = now;
    }

    /// Notes a visit: first readings and failures are progress, revisits are not.
    pub(super) fn visited(&mut self, claim: &Claim, ending: &Ending, now: Timestamp) {
        if self.is_endless() {
            return;
        }
        let is_progress = match ending {
            Ending::Recorded(_) | Ending::Gone | Ending::Skipped => {
                self.read.insert(hash(&(&claim.source, &claim.link.key)))
            }
            Ending::Failed { .. } => true,
            Ending::Lost | Ending::Returned => false,
        };
        if is_progress {
            self.last_progress_at = now;
        }
    }

    /// Decides whether what is due at `next_due` is worth waiting for.
    pub(super) fn quiet(&self, next_due: Timestamp, now: Timestamp) -> Quiet {
        match self.until {
            Until::Stopped => Quiet::Waiting,
            Until::NothingDue { patience } => {
                let patience = SignedDuration::try_from(patience).unwrap_or(SignedDuration::MAX);
                let is_soon = next_due.duration_since(now) <= patience;
                let is_fresh = next_due.duration_since(self.last_progress_at) <= patience;
                if is_soon && is_fresh { Quiet::Waiting } else { Quiet::Over }
            }
        }
    }

    /// Tells whether a store that has been away since then is waited for no longer.
    pub(super) fn gives_up_on_store(&self, since: Timestamp, now: Timestamp) -> bool {
        match self.until {
            Until::Stopped => false,
            Until::NothingDue { patience } => {
                Duration::try_from(now.duration_since(since)).is_ok_and(|away| away > patience)
            }
        }
    }
}

/// How long until something is due; nothing if it already is.
pub(super) fn wait(next_due: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(next_due.duration_since(now)).unwrap_or_default()
}

/// A number in `0.0..1.0` that is the same for the same value, and different enough for others.
pub(super) fn chance(value: &impl Hash) -> f64 {
    f64::from(u32::try_from(hash(value) % 1000).unwrap_or(500)) / 1000.0
}

pub(super) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
