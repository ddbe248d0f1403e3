//! Takes one claim from its lease to its record.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep};

use super::door::{Known, Pass, Sources, Viewer};
use super::lanes::{self, Lanes};
use super::lookout::Lookout;
use super::session::{Doubt, Turn};
use super::visit::{self, Page, Read};
use super::{CrawlOptions, Ports, chain, idle};
use crate::domain::forum::LinkKind;
use crate::domain::frontier::{RETRY_AFTER_LIMIT, Rhythm, Trouble};
use crate::domain::source::{Budget, Network, Rest, Source, Spent};
use crate::ports::evidence::EvidenceError;
use crate::ports::fetch::{FetchError, Fetched, Request};
use crate::ports::store::StoreError;
use crate::ports::store::model::{Claim, Outcome, RecordPolicy, Recorded, Visit};

/// Tries to record a visit; together they outlast a restart of the database.
const RECORD_TRIES: u32 = 10;

/// How a claim ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// A page was read (or had not changed) and recorded.
    Recorded(Recorded),
    /// The site says that there is no such page, and that is on record.
    Gone,
    /// It was not asked for, and that is on record.
    Skipped,
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
    pub(super) ports: Ports,
    policy: RecordPolicy,
    stop: watch::Receiver<bool>,
    lanes: Lanes,
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    /// Reading and matching at once: one a core.
    benches: Semaphore,
    pub(super) sources: Sources,
}

impl Worker {
    pub(super) fn new(ports: Ports, options: &CrawlOptions, lanes: Lanes, stop: watch::Receiver<bool>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let shared = Shared { benches: Semaphore::new(cores), sources: Sources::default() };
        Self { ports, policy: options.policy, stop, lanes, shared: Arc::new(shared) }
    }

    /// Fetches, reads, matches and records.
    pub(super) async fn fly(self, claim: Claim, lookout: Arc<Lookout>) -> Done {
        let known = match self.known(&claim.source).await {
            Ok(Some(known)) => known,
            Ok(None) => return Done::bare(Ending::Lost),
            Err(error) => {
                tracing::debug!(error = %chain(&error), source = %claim.source, "source not read");
                return Done::bare(Ending::Lost);
            }
        };
        if *self.stop.borrow() {
            return self.give_back(&claim).await;
        }
        match self.pass(&known, &claim).await {
            Ok(Pass::Go(viewer)) => self.fetch(claim, &known, viewer, lookout).await,
            Ok(other) => self.turn_back(&claim, &known, other).await,
            Err(error) => {
                tracing::debug!(error = %chain(&error), source = %claim.source, "the way in was not read");
                self.give_back(&claim).await
            }
        }
    }

    /// Ends a claim that was not, or is not to be, recorded as read.
    async fn turn_back(&self, claim: &Claim, known: &Known, pass: Pass) -> Done {
        match pass {
            Pass::Skip(class) => {
                let visit = self.planned(claim, &known.source, Trouble::Standing);
                self.record(Visit { outcome: Outcome::Skipped { class: class.to_owned() }, ..visit }).await
            }
            Pass::Fail(what, error) => match error.route() {
                Some(network) => self.rest(claim, network, &error).await,
                None => self.fail(claim, &known.source, (what, &error), Duration::ZERO).await,
            },
            Pass::Hold | Pass::Go(_) => self.give_back(claim).await,
        }
    }

    async fn fetch(&self, claim: Claim, known: &Known, viewer: Viewer, lookout: Arc<Lookout>) -> Done {
        let source = &known.source;
        let request = request(&claim, &visit::stamp(lookout.revision, viewer));
        let started = Instant::now();
        let fetched = self.ports.fetcher.fetch(source, &request).await;
        let bytes = if let Ok(Fetched::Page(page)) = &fetched { page.body.len() as u64 } else { 0 };
        let took = started.elapsed();
        self.spend(source, Spent { requests: 0, bytes, busy: took }).await;
        let done = match fetched {
            Ok(Fetched::Page(page)) => {
                let (sandbox, source) = (self.ports.sandbox.clone(), Arc::clone(source));
                self.read(Page { fetched: page, claim, source, lookout, sandbox, viewer, took }, known).await
            }
            Ok(Fetched::Unchanged) => {
                let visit = visit::unchanged(&claim, source, (self.ports.clock.now(), took));
                self.record(visit).await
            }
            Err(error @ FetchError::Http { status: 401 | 403, .. }) if viewer.is_member => {
                match self.has_lost(known, viewer, Doubt::Refuses).await {
                    Ok(true) => self.give_back(&claim).await,
                    Ok(false) => self.fail(&claim, source, ("", &error), took).await,
                    Err(pass) => self.turn_back(&claim, known, pass).await,
                }
            }
            Err(error) => match error.route() {
                Some(network) => self.rest(&claim, network, &error).await,
                None => self.fail(&claim, source, ("", &error), took).await,
            },
        };
        if viewer.is_member {
            self.keep_cookies(known, Turn::Usual).await;
        }
        done
    }

    async fn read(&self, page: Page, known: &Known) -> Done {
        let (claim, source, viewer) = (page.claim.clone(), Arc::clone(&page.source), page.viewer);
        let Ok(bench) = self.shared.benches.acquire().await else { return Done::bare(Ending::Lost) };
        let read = tokio::task::spawn_blocking(move || (visit::read(&page), page)).await;
        drop(bench);
        let Ok((Read { visit, doubt }, page)) = read else {
            tracing::error!(source = %claim.source, key = %claim.link.key, "a page could not be read: the reader panicked");
            let detail = "the page could not be read; please report this as a bug".to_owned();
            let outcome = Outcome::Failed { class: "unreadable".to_owned(), detail };
            return self.record(Visit { outcome, ..self.planned(&claim, &source, Trouble::Standing) }).await;
        };
        if let Some(doubt) = doubt.filter(|_| viewer.is_member) {
            match self.has_lost(known, viewer, doubt).await {
                Ok(true) => return self.give_back(&claim).await,
                Ok(false) => {}
                Err(pass) => return self.turn_back(&claim, known, pass).await,
            }
        }
        match self.keep_evidence(visit, page).await {
            Some(visit) => self.record(visit).await,
            None => self.give_back(&claim).await,
        }
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

    /// Keeps what was captured behind a find, on disk before the find is recorded. What cannot be kept is not recorded
    /// either, and fetched again later: on a full disk, when there is room.
    async fn keep_evidence(&self, mut visit: Visit, page: Page) -> Option<Visit> {
        let Some(capture) = visit::capture(&visit, &page) else { return Some(visit) };
        let (evidence, page) = (self.ports.evidence.clone(), Arc::new(page));
        let mut wait = Duration::from_millis(100);
        for _ in 0..RECORD_TRIES {
            let (evidence, page) = (evidence.clone(), Arc::clone(&page));
            match tokio::task::spawn_blocking(move || evidence.keep(&page.fetched.body)).await {
                Ok(Ok(_)) => {
                    if let Outcome::Read(read_page) = &mut visit.outcome {
                        read_page.capture = Some(Box::new(capture));
                    }
                    return Some(visit);
                }
                Ok(Err(error @ EvidenceError::Full { .. })) => {
                    tracing::error!(error = %chain(&error), "evidence is not kept; the page is read again later");
                    return None;
                }
                Ok(Err(error)) => tracing::error!(error = %chain(&error), "evidence is not kept; trying again"),
                Err(_) => tracing::error!("evidence is not kept: the keeper panicked"),
            }
            sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(10));
        }
        None
    }

    /// Records a failure; `what` says what failed, if it was not the page itself.
    async fn fail(&self, claim: &Claim, source: &Source, (what, error): (&str, &FetchError), took: Duration) -> Done {
        tracing::debug!(source = %source.id, class = error.class(), attempts = claim.attempts, "fetch failed");
        let trouble = error.trouble();
        if let Trouble::Passing { retry_after: Some(wait) } = trouble {
            self.leave_alone(source, error, wait).await;
        }
        let mut visit = Visit { took, ..self.planned(claim, source, trouble) };
        let is_page = what.is_empty();
        if is_page && trouble == Trouble::Gone && claim.link.kind != LinkKind::Index {
            visit.outcome = Outcome::Gone;
            return self.record(visit).await;
        }
        let detail = if is_page { error.to_string() } else { format!("{what}: {error}") };
        self.record(Visit { outcome: Outcome::Failed { class: error.class(), detail }, ..visit }).await
    }

    /// Leaves the whole source alone for as long as it asks, whoever crawls it. A trial on loopback that is merely busy is not
    /// waited for.
    async fn leave_alone(&self, source: &Source, error: &FetchError, wait: Duration) {
        if source.is_local() && !matches!(error, FetchError::Http { status: 429, .. }) {
            return;
        }
        let wait = SignedDuration::try_from(wait.min(RETRY_AFTER_LIMIT)).unwrap_or_default();
        let Ok(until) = self.ports.clock.now().checked_add(wait) else { return };
        if let Err(error) = self.ports.store.hold(&source.id, (Rest::RetryAfter, until)).await {
            tracing::debug!(error = %chain(&error), source = %source.id, "a pause was not kept");
        }
    }

    /// Notes what was spent on a source that has a budget for it.
    pub(super) async fn spend(&self, source: &Source, spent: Spent) {
        if source.settings.budget == Budget::default() {
            return;
        }
        if let Err(error) = self.ports.store.spend(source, spent, self.ports.clock.now()).await {
            tracing::debug!(error = %chain(&error), source = %source.id, "spending was not noted");
        }
    }

    /// Puts the cookies of all sources into the store that have changed.
    pub(super) async fn keep_all_cookies(&self) {
        for known in self.shared.sources.all() {
            self.keep_cookies(&known, Turn::Last).await;
        }
    }

    /// Plans the next try of a claim that brought nothing.
    fn planned(&self, claim: &Claim, source: &Source, trouble: Trouble) -> Visit {
        let at = self.ports.clock.now();
        // Chance that needs no source of chance: pages that failed together are spread, and a test sees the same each time.
        let jitter = idle::chance(&(&claim.source, &claim.link.key, claim.attempts));
        let due_again = Rhythm::of(source).retry(trouble, claim.attempts, jitter, at);
        let (claim, took, outcome) = (claim.clone(), Duration::ZERO, Outcome::Gone);
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
            if error.is_full() {
                tracing::error!("the database's disk is full; the page is read again later");
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
}

/// Tells whether the store may answer again if it is left alone for a while.
pub(super) fn may_pass(error: &StoreError) -> bool {
    matches!(error, StoreError::Locked | StoreError::Database(_) | StoreError::Open { .. })
}

fn request(claim: &Claim, stamp: &str) -> Request {
    let expect = visit::expected(claim.link.kind);
    // A page that was matched against older watchlists, or read by somebody else, is wanted again even if it did not change.
    let is_current = claim.body_digest.as_deref().is_some_and(|digest| visit::has_stamp(digest, stamp));
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
        Outcome::Gone => Done::bare(Ending::Gone),
        Outcome::Skipped { .. } => Done::bare(Ending::Skipped),
        Outcome::Failed { class, detail } => Done::bare(Ending::Failed { class, detail }),
    }
}
