//! What a crawl has done so far, told while it runs and summed up at its end.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use super::worker::{Done, Ending};
use crate::domain::source::Network;

/// Oddity codes and failure classes told apart in a summary; hostile input cannot make more.
const KINDS_LIMIT: usize = 64;

/// How far a crawl has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Pages and attachments read, unchanged ones included.
    pub pages: u64,
    /// Pages that had not changed.
    pub unchanged: u64,
    /// Posts not seen before.
    pub posts: u64,
    /// Hits not seen before.
    pub hits: u64,
    /// Cases opened.
    pub cases: u64,
    /// Alerts queued.
    pub alerts: u64,
    /// Decompressed bytes read.
    pub bytes: u64,
    /// Pages that the site says are gone.
    pub gone: u64,
    /// URLs that were not asked for, because robots.txt or the source's settings forbid it.
    pub skipped: u64,
    /// Fetches that failed; most are tried again.
    pub failures: u64,
    /// The last failure, in words.
    pub last_failure: Option<String>,
    /// Pages in flight.
    pub in_flight: u64,
    /// URLs due now, at the last count.
    pub due: u64,
    /// Why nothing moves, in plain words, when nothing does.
    pub waiting: Option<Waiting>,
    /// Networks whose way in is down, and what is wrong; their sources have a rest and are not blamed.
    pub lanes_down: BTreeMap<Network, String>,
}

/// Why nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// Nothing is due before this time.
    Until(Timestamp),
    /// The database does not answer.
    Store,
    /// The disk is nearly full.
    Room,
}

/// What a crawl did.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Final figures.
    #[serde(flatten)]
    pub progress: Progress,
    /// Failures by class.
    pub failures_by_class: BTreeMap<String, Failures>,
    /// Code of oddity → how often.
    pub oddities: BTreeMap<String, u64>,
    /// How long it took.
    #[serde(rename = "duration_ms", serialize_with = "as_milliseconds")]
    pub duration: Duration,
}

fn as_milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Failures of one class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// How many.
    pub count: u64,
    /// The last one, in words.
    pub last: String,
}

/// Keeps the figures and tells them.
#[derive(Debug)]
pub(super) struct Tally {
    sender: watch::Sender<Progress>,
    failures_by_class: BTreeMap<String, Failures>,
    oddities: BTreeMap<String, u64>,
    started_at: Timestamp,
}

impl Tally {
    pub(super) fn new(sender: watch::Sender<Progress>, started_at: Timestamp) -> Self {
        Self { sender, failures_by_class: BTreeMap::new(), oddities: BTreeMap::new(), started_at }
    }

    pub(super) fn has_audience(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    pub(super) fn landed(&mut self, done: &Done) {
        for code in &done.oddities {
            if self.oddities.contains_key(code) || self.oddities.len() < KINDS_LIMIT {
                *self.oddities.entry(code.clone()).or_default() += 1;
            }
        }
        if let Ending::Failed { class, detail } = &done.ending
            && (self.failures_by_class.contains_key(class) || self.failures_by_class.len() < KINDS_LIMIT)
        {
            let failures = self.failures_by_class.entry(class.clone()).or_default();
            *failures = Failures { count: failures.count + 1, last: detail.clone() };
        }
        self.sender.send_modify(|progress| {
            progress.waiting = None;
            match &done.ending {
                Ending::Recorded(recorded) => {
                    progress.pages += 1;
                    progress.unchanged += u64::from(done.body_bytes.is_none());
                    progress.bytes += done.body_bytes.unwrap_or(0);
                    progress.posts += recorded.posts;
                    progress.hits += recorded.hits;
                    progress.cases += recorded.cases;
                    progress.alerts += recorded.alerts;
                }
                Ending::Failed { detail, .. } => {
                    progress.failures += 1;
                    progress.last_failure = Some(detail.clone());
                }
                Ending::Gone => progress.gone += 1,
                Ending::Skipped => progress.skipped += 1,
                Ending::Lost | Ending::Returned => {}
            }
        });
    }

    pub(super) fn in_flight(&self, flights: usize) {
        self.sender.send_modify(|progress| progress.in_flight = flights as u64);
    }

    pub(super) fn due(&self, due: u64) {
        self.sender.send_modify(|progress| progress.due = due);
    }

    pub(super) fn waiting_until(&self, at: Timestamp) {
        self.sender.send_modify(|progress| progress.waiting = Some(Waiting::Until(at)));
    }

    pub(super) fn waiting_for_room(&self) {
        self.sender.send_modify(|progress| progress.waiting = Some(Waiting::Room));
    }

    pub(super) fn lanes(&self, reasons: BTreeMap<Network, String>) {
        self.sender.send_if_modified(|progress| {
            let is_changed = progress.lanes_down != reasons;
            progress.lanes_down = reasons;
            is_changed
        });
    }

    pub(super) fn store_is_down(&self) {
        self.sender.send_modify(|progress| progress.waiting = Some(Waiting::Store));
    }

    pub(super) fn store_is_back(&self) {
        self.sender.send_modify(|progress| progress.waiting = None);
    }

    pub(super) fn summary(&self, now: Timestamp) -> Summary {
        Summary {
            progress: self.sender.borrow().clone(),
            failures_by_class: self.failures_by_class.clone(),
            oddities: self.oddities.clone(),
            duration: Duration::try_from(now.duration_since(self.started_at)).unwrap_or_default(),
        }
    }
}
