//! Takes one claim from its lease to its record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::lanes::{self, Lanes};
use super::lookout::Lookout;
use super::visit::{self, Page};
use super::{CrawlOptions, Ports, chain, idle, told};
use crate::domain::forum::LinkKind;
use crate::domain::frontier::{Rhythm, Trouble};
use crate::domain::source::{Network, Source, SourceId};
use crate::ports::fetch::{Expect, FetchError, Fetched, Request};
use crate::ports::store::StoreError;
use crate::ports::store::model::{Claim, Outcome, RecordPolicy, Recorded, Visit};

/// How long a source's settings are believed before they are read again.
const SOURCE_AGE: Duration = Duration::from_secs(10);
/// Longest time a visit waits for its source to recover before its claim is given back.
const PAUSE_LIMIT: Duration = Duration::from_mins(10);
/// Tries to record a visit; together they outlast a restart of the database.
const RECORD_TRIES: u32 = 10;

/// How a claim ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// A page was read (or had not changed) and recorded.
    Recorded(Recorded),
    /// The fetch failed, and that is on record.
    Failed { class: String, detail: String },
    /// Nothing is on record: the lease was lost or the store does not answer. The page will be claimed again.
    Lost,
    /// The claim was not begun; its lease is given back.
    Returned,
}

/// What a claim brought.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) ending: Ending,
    /// Bytes of a body that was read; `None` if it had not changed or nothing came.
    pub(super) body_bytes: Option<u64>,
    /// Codes of what was odd.
    pub(super) oddities: Vec<String>,
}

impl Done {
    const fn bare(ending: Ending) -> Self {
        Self { ending, body_bytes: None, oddities: Vec::new() }
    }
}

/// Everything that visits share; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    ports: Ports,
    policy: RecordPolicy,
    stop: watch::Receiver<bool>,
    lanes: Lanes,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Reading and matching at once: one a core.
    benches: Semaphore,
    sources: Mutex<HashMap<SourceId, (Instant, Arc<Source>)>>,
    /// Sources that asked to be left alone until then.
    pauses: Mutex<HashMap<SourceId, Instant>>,
}

impl Worker {
    pub(super) fn new(ports: Ports, options: &CrawlOptions, lanes: Lanes, stop: watch::Receiver<bool>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let shared = Shared { benches: Semaphore::new(cores), sources: Mutex::default(), pauses: Mutex::default() };
        Self { ports, policy: options.policy, stop, lanes, shared: Arc::new(shared) }
    }

    /// Fetches, reads, matches and records.
    pub(super) async fn fly(mut self, claim: Claim, lookout: Arc<Lookout>) -> Done {
        let source = match self.source(&claim.source).await {
            Ok(Some(source)) => source,
            Ok(None) => return Done::bare(Ending::Lost),
            Err(error) => {
                tracing::debug!(error = %chain(&error), source = %claim.source, "source not read");
                return Done::bare(Ending::Lost);
            }
        };
        if !self.wait_for(&source.id).await {
            return self.give_back(&claim).await;
        }
        let request = request(&claim, lookout.revision);
        let began_at = self.ports.clock.now();
        let fetched = self.ports.fetcher.fetch(&source, &request).await;
        let took = Duration::try_from(self.ports.clock.now().duration_since(began_at)).unwrap_or_default();
        match fetched {
            Ok(Fetched::Page(page)) => {
                let sandbox = self.ports.sandbox.clone();
                self.read(Page { fetched: page, claim, source, lookout, sandbox, took }).await
            }
            Ok(Fetched::Unchanged) => {
                let visit = visit::unchanged(&claim, &source, (self.ports.clock.now(), took));
                self.record(visit).await
            }
            Err(error) => match error.route() {
                Some(network) => self.rest(&claim, network, &error).await,
                None => self.fail(&claim, &source, &error, took).await,
            },
        }
    }

    async fn read(&self, page: Page) -> Done {
        let (claim, source) = (page.claim.clone(), Arc::clone(&page.source));
        let Ok(bench) = self.shared.benches.acquire().await else { return Done::bare(Ending::Lost) };
        let read = tokio::task::spawn_blocking(move || visit::read(&page)).await;
        drop(bench);
        if let Ok(visit) = read {
            return self.record(visit).await;
        }
        tracing::error!(source = %claim.source, key = %claim.link.key, "a page could not be read: the reader panicked");
        let detail = "the page could not be read; please report this as a bug".to_owned();
        self.record(self.failed(&claim, &source, Trouble::Standing, ("unreadable".to_owned(), detail))).await
    }

    /// Gives a network whose way in is down a rest; its sites are not blamed.
    async fn rest(&self, claim: &Claim, network: Network, error: &FetchError) -> Done {
        let now = self.ports.clock.now();
        if self.lanes.close(network, error, now) {
            tracing::warn!(network = network.word(), "{error}; its sources have a rest until it works again");
            lanes::note(&self.ports, network, Some(&error.to_string()), now).await;
        }
        self.give_back(claim).await
    }

    async fn fail(&self, claim: &Claim, source: &Source, error: &FetchError, took: Duration) -> Done {
        tracing::debug!(source = %source.id, class = error.class(), attempts = claim.attempts, "fetch failed");
        let trouble = error.trouble();
        if let (Trouble::Passing { retry_after: Some(wait) }, false) = (trouble, source.is_local()) {
            self.pause(&source.id, wait);
        }
        let visit = self.failed(claim, source, trouble, (error.class(), error.to_string()));
        self.record(Visit { took, ..visit }).await
    }

    fn failed(&self, claim: &Claim, source: &Source, trouble: Trouble, (class, detail): (String, String)) -> Visit {
        let at = self.ports.clock.now();
        // Chance that needs no source of chance: pages that failed together are spread, and a test sees the same each time.
        let spread = idle::hash(&(&claim.source, &claim.link.key, claim.attempts)) % 1000;
        let jitter = f64::from(u32::try_from(spread).unwrap_or(500)) / 1000.0;
        let due_again = Rhythm::of(source).retry(trouble, claim.attempts, jitter, at);
        let outcome = Outcome::Failed { class, detail };
        let (claim, took) = (claim.clone(), Duration::ZERO);
        Visit { claim, at, took, clock_ahead: None, outcome, due_again, due_again_if_new: due_again }
    }

    /// Records a visit, waiting out a database that is away; what cannot be recorded is fetched again later.
    async fn record(&self, visit: Visit) -> Done {
        let mut wait = Duration::from_millis(100);
        for _ in 0..RECORD_TRIES {
            let error = match self.ports.store.record(&visit, &self.policy).await {
                Ok(recorded) => return done(visit, recorded),
                Err(error) => error,
            };
            if matches!(error, StoreError::LostLease) {
                tracing::debug!(source = %visit.claim.source, "another worker took the page over");
                break;
            }
            if !may_pass(&error) {
                tracing::error!(source = %visit.claim.source, error = %chain(&error), "a visit cannot be recorded");
                break;
            }
            tracing::debug!(error = %chain(&error), "recording is tried again");
            sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(10));
        }
        Done::bare(Ending::Lost)
    }

    async fn give_back(&self, claim: &Claim) -> Done {
        if let Err(error) = self.ports.store.release(std::slice::from_ref(claim)).await {
            tracing::debug!(error = %chain(&error), "a lease was not released; it runs out by itself");
        }
        Done::bare(Ending::Returned)
    }

    async fn source(&self, id: &SourceId) -> Result<Option<Arc<Source>>, StoreError> {
        let known = self.shared.sources.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((read_at, source)) = known
            && read_at.elapsed() < SOURCE_AGE
        {
            return Ok(Some(source));
        }
        let Some(source) = self.ports.store.source(id).await?.map(Arc::new) else { return Ok(None) };
        let mut sources = self.shared.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.insert(id.clone(), (Instant::now(), Arc::clone(&source)));
        Ok(Some(source))
    }

    fn pause(&self, id: &SourceId, wait: Duration) {
        let until = Instant::now() + wait.min(PAUSE_LIMIT);
        let mut pauses = self.shared.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = pauses.entry(id.clone()).or_insert(until);
        *pause = until.max(*pause);
    }

    /// Waits while the source wants to be left alone; returns whether the visit may begin.
    async fn wait_for(&mut self, id: &SourceId) -> bool {
        let pause = self.shared.pauses.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied();
        if let Some(until) = pause {
            tokio::select! {
                () = sleep_until(until) => {}
                () = told(&mut self.stop) => {}
            }
        }
        !*self.stop.borrow()
    }
}

/// Tells whether the store may answer again if it is left alone for a while.
pub(super) fn may_pass(error: &StoreError) -> bool {
    matches!(error, StoreError::Locked | StoreError::Database(_) | StoreError::Open { .. })
}

fn request(claim: &Claim, revision: i64) -> Request {
    let expect = match claim.link.kind {
        LinkKind::Attachment => Expect::Attachment,
        LinkKind::Index | LinkKind::Board | LinkKind::Thread | LinkKind::Other => Expect::Page,
    };
    // A page that was matched against older watchlists is wanted again even if it did not change.
    let is_current = claim.body_digest.as_deref().is_some_and(|digest| visit::is_of_revision(digest, revision));
    let (etag, last_modified) =
        if is_current { (claim.etag.clone(), claim.last_modified.clone()) } else { (None, None) };
    Request { url: claim.link.url.clone(), expect, etag, last_modified }
}

fn done(visit: Visit, recorded: Recorded) -> Done {
    match visit.outcome {
        Outcome::Read(page) => Done {
            ending: Ending::Recorded(recorded),
            body_bytes: Some(page.body_bytes),
            oddities: page.oddities.into_iter().map(|oddity| oddity.code).collect(),
        },
        Outcome::Unchanged => Done::bare(Ending::Recorded(recorded)),
        Outcome::Failed { class, detail } => Done::bare(Ending::Failed { class, detail }),
    }
}
