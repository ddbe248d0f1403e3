//! Claims, fetches, reads, matches and records pages until nothing is due.
//!
//! The loop here decides what runs when; `worker` takes one claim through to its record, past the source's `door` (its
//! `robots` and its `session`), `room` looks after the disk, `visit` turns a page into what is recorded, `lookout` keeps the matcher in step with the
//! watchlists, `backfill` brings up to date what an earlier version recorded. Not here: mailing what was found (`alerting`).

mod backfill;
mod door;
mod idle;
mod lanes;
mod lookout;
mod progress;
mod robots;
mod room;
mod session;
mod visit;
mod worker;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

pub use progress::{Failures, Progress, Summary, Waiting};

use crate::domain::source::SourceId;
use crate::ports::clock::Clock;
use crate::ports::evidence::Evidence;
use crate::ports::fetch::Fetcher;
use crate::ports::sandbox::Sandbox;
use crate::ports::store::model::{Claim, ClaimRequest, RecordPolicy};
use crate::ports::store::{Store, StoreError};
use crate::ports::vault::Vault;
use idle::{Idle, Quiet};
use lanes::{Lanekeeper, Lanes};
use lookout::Lookouts;
use progress::Tally;
use room::Guard;
use worker::{Done, Worker};

/// Time between two looks at the watchlists' revision.
const LOOKOUT_POLL: Duration = Duration::from_millis(250);
/// Time between two counts of what is due, for the progress display.
const DUE_POLL: Duration = Duration::from_secs(2);
/// Longest wait before the store is asked for work again: another process may have added some.
const CLAIM_POLL: Duration = Duration::from_secs(1);
/// Time between two tries while a source has work but no free slot: its pace, or another source's, may free one.
const SLOT_POLL: Duration = Duration::from_millis(200);
/// Time between two looks for pages that were read before the watchlists grew.
const RECALL_POLL: Duration = Duration::from_secs(2);
/// Pages of one source that are recalled at once.
const RECALL_PAGES: u32 = 512;
/// Longest wait between two tries to reach the database.
const STORE_RETRY_LIMIT: Duration = Duration::from_secs(30);

/// The outside world that a crawl works with.
#[derive(Debug, Clone)]
pub struct Ports {
    /// Where work comes from and results go.
    pub store: Store,
    /// Where fingerprints and their keys lie.
    pub vault: Vault,
    /// How pages are fetched.
    pub fetcher: Fetcher,
    /// Where what was found is kept as it was received.
    pub evidence: Evidence,
    /// How attachments are unpacked.
    pub sandbox: Sandbox,
    /// What time it is.
    pub clock: Clock,
}

/// When a crawl ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is told to.
    Stopped,
    /// When nothing is due and nothing will be within this time, revisits aside.
    NothingDue {
        /// How long to wait for retries and for the leases of workers that died.
        patience: Duration,
    },
}

/// What a crawl is asked to do.
#[derive(Debug, Clone)]
pub struct CrawlOptions {
    /// Only this source; all of them if `None`.
    pub source: Option<SourceId>,
    /// When to end.
    pub until: Until,
    /// Name under which claims are leased.
    pub worker: String,
    /// Most pages in flight, over all sources.
    pub in_flight: u32,
    /// How long a lease holds without being renewed: after `kill -9`, how long its pages are out of reach.
    pub lease: Duration,
    /// How long pages in flight may take to end when the crawl is told to stop.
    pub drain: Duration,
    /// What is stored with a visit.
    pub policy: RecordPolicy,
    /// A folder on the disk that is not to be filled; `None` if nobody looks after that.
    pub folder: Option<PathBuf>,
    /// Bytes that this folder may take; as much as the disk has if `None`.
    pub budget_bytes: Option<u64>,
    /// Where progress is told.
    pub progress: watch::Sender<Progress>,
}

impl CrawlOptions {
    /// Patience of a crawl that ends by itself: longer than a lease and than the first retries.
    pub const PATIENCE: Duration = Duration::from_mins(1);

    /// Makes the usual options: all sources, until stopped.
    pub fn new(worker: impl Into<String>, policy: RecordPolicy) -> Self {
        Self {
            source: None,
            until: Until::Stopped,
            worker: worker.into(),
            in_flight: 64,
            lease: Duration::from_secs(30),
            drain: Duration::from_secs(10),
            policy,
            folder: None,
            budget_bytes: None,
            progress: watch::Sender::new(Progress::default()),
        }
    }
}

/// Why a crawl ended early.
#[derive(Debug, thiserror::Error)]
pub enum CrawlError {
    /// The store cannot be used; what was in flight will be fetched again.
    #[error("the store cannot be used")]
    Store(#[source] StoreError),
    /// Too little room is left to keep what would be found; what was in flight is kept, the rest is fetched the next time.
    #[error("the disk is nearly full: {room}; nothing is lost: make room and run it again")]
    Full {
        /// How much is left, and where.
        room: String,
    },
    /// The watchlists could not be compiled: the program's own fault.
    #[error("the watchlists cannot be compiled")]
    Lookout,
}

/// Crawls until `options.until`, or until `stop` turns true; then lets what is in flight end and releases its leases.
///
/// # Errors
/// `Store` if the store is damaged, or if it cannot be reached and the crawl is to end by itself; a crawl that runs until
/// stopped waits for the store instead.
pub async fn run(ports: Ports, options: CrawlOptions, stop: watch::Receiver<bool>) -> Result<Summary, CrawlError> {
    let now = ports.clock.now();
    let lookouts = Lookouts::new(ports.store.clone(), ports.vault.clone());
    let lanes = Lanes::default();
    let mut crawl = Crawl {
        idle: Idle::new(options.until, now),
        tally: Tally::new(options.progress.clone(), now),
        workers: Worker::new(ports.clone(), &options, lanes.clone(), stop.clone()),
        lanekeeper: Lanekeeper::new(ports.clone(), lanes.clone()),
        lanes,
        guard: Guard::new(options.folder.clone(), options.budget_bytes),
        latest: now,
        lookouts,
        flights: JoinSet::new(),
        claims: HashMap::new(),
        recall_at: Some(Instant::now()),
        store_failures: 0,
        store_down_since: None,
        ports,
        options,
        stop,
    };
    if let Err(error) = backfill::run(&crawl.ports.store, &crawl.stop).await {
        tracing::warn!(%error, "what an earlier version recorded is not up to date yet; the next start goes on");
    }
    crawl.mend_clock(now).await;
    let ended = crawl.work().await;
    crawl.drain().await;
    crawl.count_due().await;
    ended.map(|()| crawl.tally.summary(crawl.ports.clock.now()))
}

struct Crawl {
    ports: Ports,
    options: CrawlOptions,
    stop: watch::Receiver<bool>,
    lookouts: Lookouts,
    lanes: Lanes,
    lanekeeper: Lanekeeper,
    guard: Guard,
    /// The latest time that the clock has shown.
    latest: Timestamp,
    workers: Worker,
    flights: JoinSet<Done>,
    /// Whose lease each flight holds.
    claims: HashMap<Id, Claim>,
    idle: Idle,
    tally: Tally,
    /// When pages are recalled next; `None` when all were, until the watchlists change.
    recall_at: Option<Instant>,
    store_failures: u32,
    store_down_since: Option<Timestamp>,
}

impl Crawl {
    async fn work(&mut self) -> Result<(), CrawlError> {
        let mut lookout_tick = ticks(LOOKOUT_POLL);
        let mut due_tick = ticks(DUE_POLL);
        let mut renew_tick = ticks(self.options.lease / 3);
        // Claims are asked for when a flight ends, and at this time at the latest.
        let mut ask_at = Instant::now();
        while !*self.stop.borrow() {
            let has_room = self.flights.len() < self.capacity();
            tokio::select! {
                biased;
                () = told(&mut self.stop) => {}
                _ = renew_tick.tick() => self.renew().await,
                _ = lookout_tick.tick() => self.lookouts.begin(),
                looked = self.lookouts.ended() => {
                    if looked.as_ref().is_ok_and(|is_new| *is_new) {
                        self.recall_at = Some(Instant::now());
                    }
                    self.absorb(looked.map(drop))?;
                }
                Some(joined) = self.flights.join_next_with_id(), if !self.flights.is_empty() => {
                    self.land(joined);
                    while let Some(joined) = self.flights.try_join_next_with_id() {
                        self.land(joined);
                    }
                    ask_at = Instant::now();
                }
                () = sleep_until(ask_at), if has_room => match self.ask().await? {
                    Some(wait) => ask_at = Instant::now() + wait,
                    None => return Ok(()),
                },
                () = self.lanekeeper.opened() => {
                    self.tally.lanes(self.lanes.reasons());
                    ask_at = Instant::now();
                }
                _ = due_tick.tick() => self.count_due().await,
            }
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.options.in_flight).unwrap_or(usize::MAX).max(1)
    }

    /// Takes new claims; returns how long to wait before the next try, or `None` when the crawl is over.
    async fn ask(&mut self) -> Result<Option<Duration>, CrawlError> {
        let Some(lookout) = self.lookouts.current() else {
            let loaded = self.lookouts.refresh().await.map(drop);
            let wait = self.absorb(loaded)?;
            return Ok(Some(wait));
        };
        if let Some(room) = self.guard.shortage().await {
            return self.wait_for_room(room);
        }
        let now = self.ports.clock.now();
        if now < self.latest {
            self.mend_clock(now).await;
        }
        self.latest = now;
        let room = u32::try_from(self.capacity() - self.flights.len().min(self.capacity())).unwrap_or(u32::MAX);
        let request = ClaimRequest {
            worker: self.options.worker.clone(),
            limit: room,
            source: self.options.source.clone(),
            without: self.lanes.shut(),
            lease: self.options.lease,
            // Chance that needs no source of chance: it only has to differ from one request to the next.
            chance: idle::chance(&now),
        };
        let claimed = match self.ports.store.claim(&request, now).await {
            Ok(claims) => claims,
            Err(error) => return self.absorb(Err(CrawlError::Store(error))).map(Some),
        };
        self.store_answered();
        let is_full = claimed.len() >= usize::try_from(room).unwrap_or(usize::MAX);
        for claim in claimed {
            let flight = self.workers.clone().fly(claim.clone(), Arc::clone(&lookout));
            let id = self.flights.spawn(flight).id();
            self.claims.insert(id, claim);
        }
        self.tally.in_flight(self.flights.len());
        if is_full {
            return Ok(Some(CLAIM_POLL));
        }
        self.rest(now).await
    }

    /// Pulls back what was planned by a clock that was ahead and is no more.
    async fn mend_clock(&mut self, now: Timestamp) {
        match self.ports.store.mend_clock(now).await {
            Ok(None) => {}
            Ok(Some(by)) => {
                tracing::warn!("the clock was set back by {by:#}; what was planned by it is pulled back");
                self.idle.begin_anew(now);
            }
            Err(error) => tracing::warn!(error = %chain(&error), "whether the clock was set back cannot be told"),
        }
    }

    /// Begins nothing while the disk is nearly full; a crawl that is to end by itself ends when what is in flight has.
    fn wait_for_room(&mut self, room: String) -> Result<Option<Duration>, CrawlError> {
        self.tally.waiting_for_room();
        if self.flights.is_empty() && !self.idle.is_endless() {
            return Err(CrawlError::Full { room });
        }
        Ok(Some(CLAIM_POLL))
    }

    /// Decides what to do when the store had no more to give.
    async fn rest(&mut self, now: Timestamp) -> Result<Option<Duration>, CrawlError> {
        if self.recall(now).await {
            return Ok(Some(Duration::ZERO));
        }
        if let Some(recall_at) = self.recall_at.filter(|_| self.flights.is_empty()) {
            return Ok(Some(recall_at.saturating_duration_since(Instant::now()).min(CLAIM_POLL)));
        }
        let source = self.options.source.as_ref();
        let next_due = match self.ports.store.next_due(source, &self.lanes.shut()).await {
            Ok(next_due) => next_due,
            Err(error) => return self.absorb(Err(CrawlError::Store(error))).map(Some),
        };
        // What waits for a network is due when that is tried again.
        let next_try = self.lanes.next_try();
        self.tally.lanes(self.lanes.reasons());
        let Some(next_due) = next_due.into_iter().chain(next_try).min() else {
            return Ok((!self.flights.is_empty() || self.idle.is_endless()).then_some(CLAIM_POLL));
        };
        if !self.flights.is_empty() {
            // What is due already waits for a slot, and is asked for when a flight ends.
            let wait = idle::wait(next_due, now);
            return Ok(Some(if wait.is_zero() { SLOT_POLL } else { wait.min(CLAIM_POLL) }));
        }
        match self.idle.quiet(next_due, now) {
            Quiet::Over => Ok(None),
            Quiet::Waiting => {
                self.tally.waiting_until(next_due);
                Ok(Some(idle::wait(next_due, now).clamp(Duration::from_millis(10), CLAIM_POLL)))
            }
        }
    }

    /// Makes pages due that were read before the watchlists grew; returns whether there were any.
    async fn recall(&mut self, now: Timestamp) -> bool {
        if self.recall_at.is_none_or(|at| at > Instant::now()) {
            return false;
        }
        let recalled = self.ports.store.recall(self.options.source.as_ref(), RECALL_PAGES, now).await;
        self.recall_at = match &recalled {
            Ok(None) => None,
            Ok(Some(_)) | Err(_) => Some(Instant::now() + RECALL_POLL),
        };
        recalled.is_ok_and(|recalled| recalled.is_some_and(|pages| pages > 0))
    }

    fn land(&mut self, joined: Result<(Id, Done), JoinError>) {
        let now = self.ports.clock.now();
        match joined {
            Ok((id, done)) => {
                let claim = self.claims.remove(&id);
                if let Some(claim) = claim {
                    self.idle.visited(&claim, &done.ending, now);
                }
                self.tally.landed(&done);
            }
            Err(error) => {
                // The lease runs out and the page is claimed again.
                let claim = self.claims.remove(&error.id());
                let source = claim.map(|claim| claim.source.to_string()).unwrap_or_default();
                tracing::error!(source, "a visit ended in a panic");
            }
        }
        self.tally.in_flight(self.flights.len());
    }

    async fn renew(&mut self) {
        let claims: Vec<Claim> = self.claims.values().cloned().collect();
        if claims.is_empty() {
            return;
        }
        let now = self.ports.clock.now();
        if let Err(error) = self.ports.store.renew(&claims, self.options.lease, now).await {
            tracing::debug!(%error, claims = claims.len(), "leases were not renewed");
        }
    }

    async fn count_due(&mut self) {
        if !self.tally.has_audience() {
            return;
        }
        let due = self.ports.store.due(self.options.source.as_ref(), self.ports.clock.now()).await;
        if let Ok(due) = due {
            self.tally.due(due);
        }
    }

    fn store_answered(&mut self) {
        if self.store_down_since.take().is_some() {
            tracing::info!("the database answers again");
            self.tally.store_is_back();
        }
        self.store_failures = 0;
    }

    /// Takes a failure of the store: returns how long to wait, or the failure if waiting is no use.
    fn absorb(&mut self, outcome: Result<(), CrawlError>) -> Result<Duration, CrawlError> {
        let error = match outcome {
            Ok(()) => return Ok(Duration::ZERO),
            Err(error @ (CrawlError::Lookout | CrawlError::Full { .. })) => return Err(error),
            Err(CrawlError::Store(error)) => error,
        };
        let now = self.ports.clock.now();
        let since = *self.store_down_since.get_or_insert(now);
        if !worker::may_pass(&error) || self.idle.gives_up_on_store(since, now) {
            return Err(CrawlError::Store(error));
        }
        if self.store_failures == 0 {
            tracing::warn!(error = %chain(&error), "the database does not answer; waiting for it");
            self.tally.store_is_down();
        }
        self.store_failures = self.store_failures.saturating_add(1);
        let doubled = Duration::from_millis(250).saturating_mul(1 << self.store_failures.min(10));
        Ok(doubled.min(STORE_RETRY_LIMIT))
    }

    /// Lets flights end, aborts those that do not, and gives their leases back.
    async fn drain(&mut self) {
        let until_empty = async {
            while let Some(joined) = self.flights.join_next_with_id().await {
                if let Ok((id, done)) = joined {
                    self.claims.remove(&id);
                    self.tally.landed(&done);
                }
            }
        };
        if tokio::time::timeout(self.options.drain, until_empty).await.is_err() {
            self.flights.shutdown().await;
        }
        let left: Vec<Claim> = self.claims.drain().map(|(_, claim)| claim).collect();
        if !left.is_empty()
            && let Err(error) = self.ports.store.release(&left).await
        {
            tracing::warn!(error = %chain(&error), claims = left.len(), "leases were not released; they run out by themselves");
        }
        self.workers.keep_all_cookies().await;
        self.tally.in_flight(0);
    }
}

/// Ends when the crawl is told to stop; never, if whoever could tell it is gone.
async fn told(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|is_told| *is_told).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// An error with its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| {
        let error: &(dyn std::error::Error + 'static) = *error;
        error.source()
    });
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
