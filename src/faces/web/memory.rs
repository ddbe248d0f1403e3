//! What the console remembers between two requests and may forget: how often programs asked, uploads that wait to be confirmed,
//! logins that are on their way, figures that take long to collect.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::overview::Figures;
use crate::domain::user::oidc::Attempt;
use crate::ports::store::console::{CaseCount, Scope};
use crate::ports::store::{Store, StoreError};
use crate::services::intake::upload::Checked;

/// Requests that a token may make at once, and in a second for long.
const BURST: f64 = 300.0;
const PER_SECOND: f64 = 50.0;
/// How long an upload waits.
const PATIENCE: SignedDuration = SignedDuration::from_mins(20);
/// How long somebody may take to log in elsewhere.
const LOGIN_PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// So many logins are on their way at once; the oldest goes first.
const LOGINS_LIMIT: usize = 10_000;
/// So many uploads wait at once; the oldest goes first.
const UPLOADS_LIMIT: usize = 16;
/// Figures are kept for so many times as long as they took to collect, and no longer than a minute: what is cheap is always new.
const FIGURES_SHARE: u32 = 50;
const FIGURES_KEPT: Duration = Duration::from_mins(1);
/// So many kinds of figures are kept at once.
const FIGURES_LIMIT: usize = 1_000;

/// Forgotten when the process ends.
#[derive(Debug, Default)]
pub struct Memory {
    buckets: Mutex<HashMap<String, (f64, Timestamp)>>,
    uploads: Mutex<HashMap<String, Waiting>>,
    logins: Mutex<HashMap<String, (Attempt, Timestamp)>>,
    /// By organization, empty for every one: the audit log's mark, and the counts as they were at it.
    counts: Mutex<HashMap<String, Counted>>,
    /// By organization, empty for every one: the revision of the watchlists, and what may be chosen at it.
    choices: Mutex<HashMap<String, (i64, Arc<Choices>)>>,
    /// By organization, empty for every one, and days.
    figures: Mutex<HashMap<(String, usize), Arc<Recent>>>,
}

/// Figures as they were, and until when they are taken for new; whoever asks meanwhile for the same waits for them.
type Recent = tokio::sync::Mutex<Option<(Instant, Arc<Figures>)>>;

/// The audit log's mark, and how many cases there were at it.
type Counted = (String, Arc<Vec<CaseCount>>);

/// By what of the watchlists cases may be narrowed.
#[derive(Debug)]
pub(crate) struct Choices {
    /// Ids and names.
    pub(crate) organizations: Vec<(String, String)>,
    /// Codes, sorted.
    pub(crate) custodians: Vec<String>,
}

/// An upload that was checked, and whose it is.
#[derive(Debug)]
struct Waiting {
    user: String,
    since: Timestamp,
    checked: Checked,
}

impl Memory {
    /// Counts a request; where there are too many, says for how many seconds to wait.
    pub(crate) fn admit(&self, token: &str, now: Timestamp) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > 10_000 {
            buckets.retain(|_, (_, at)| now.duration_since(*at) < SignedDuration::from_mins(1));
        }
        let (left, at) = buckets.entry(token.to_owned()).or_insert((BURST, now));
        let seconds = now.duration_since(*at).as_secs_f64().max(0.0);
        *left = seconds.mul_add(PER_SECOND, *left).min(BURST);
        *at = now;
        if *left < 1.0 {
            return Err(1);
        }
        *left -= 1.0;
        Ok(())
    }

    /// Keeps an upload until its user confirms it; `name` must not be guessable.
    pub(crate) fn keep(&self, name: String, user: &str, checked: Checked, now: Timestamp) {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.retain(|_, waiting| now.duration_since(waiting.since) < PATIENCE);
        if uploads.len() >= UPLOADS_LIMIT
            && let Some(oldest) = uploads.iter().min_by_key(|(_, waiting)| waiting.since).map(|(name, _)| name.clone())
        {
            uploads.remove(&oldest);
        }
        uploads.insert(name, Waiting { user: user.to_owned(), since: now, checked });
    }

    /// Counts cases, anew only when the audit log has grown since, as [`Store::revisions`] tells: no case changes its state without a
    /// row in it. How grave they are may be older.
    pub(crate) async fn case_counts(
        &self,
        (store, mark): (&Store, String),
        scope: &Scope,
    ) -> Result<Arc<Vec<CaseCount>>, StoreError> {
        let name = scope.organization().to_owned();
        let known = self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some((_, counts)) = known.filter(|(known, _)| *known == mark) {
            return Ok(counts);
        }
        let counts = Arc::new(store.case_counts(scope).await?);
        let kept = (mark, Arc::clone(&counts));
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).insert(name, kept);
        Ok(counts)
    }

    /// Returns what a scope's watchlists offer, read anew only when one has changed since, as [`Store::revisions`] tells.
    pub(crate) async fn choices(
        &self,
        (store, revision): (&Store, i64),
        scope: &Scope,
    ) -> Result<Arc<Choices>, StoreError> {
        let name = scope.organization().to_owned();
        let known = self.choices.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some((_, choices)) = known.filter(|(known, _)| *known == revision) {
            return Ok(choices);
        }
        let organizations = store.organizations(scope).await?;
        let codes = organizations.iter().flat_map(|organization| &organization.custodians);
        let custodians: BTreeSet<String> = codes.map(|custodian| custodian.code.clone()).collect();
        let choices = Arc::new(Choices {
            custodians: custodians.into_iter().collect(),
            organizations: organizations.into_iter().map(|one| (one.id.0, one.name)).collect(),
        });
        let kept = (revision, Arc::clone(&choices));
        self.choices.lock().unwrap_or_else(PoisonError::into_inner).insert(name, kept);
        Ok(choices)
    }

    /// Collects what the overview shows of so many days.
    pub(crate) async fn figures(
        &self,
        store: &Store,
        (scope, days): (&Scope, usize),
        now: Timestamp,
    ) -> Result<Arc<Figures>, StoreError> {
        let recent = {
            let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
            if figures.len() >= FIGURES_LIMIT {
                figures.clear();
            }
            Arc::clone(figures.entry((scope.organization().to_owned(), days)).or_default())
        };
        let mut recent = recent.lock().await;
        if let Some((_, figures)) = recent.as_ref().filter(|(until, _)| Instant::now() < *until) {
            return Ok(Arc::clone(figures));
        }
        let began = Instant::now();
        let figures = Arc::new(Figures::collect(store, scope, (now, days)).await?);
        let kept = (began.elapsed() * FIGURES_SHARE).min(FIGURES_KEPT);
        *recent = Some((Instant::now() + kept, Arc::clone(&figures)));
        Ok(figures)
    }

    /// Keeps a login that goes on elsewhere.
    pub(crate) fn begin_login(&self, attempt: Attempt, now: Timestamp) {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= LOGINS_LIMIT {
            logins.retain(|_, (_, since)| now.duration_since(*since) < LOGIN_PATIENCE);
        }
        if logins.len() >= LOGINS_LIMIT
            && let Some(oldest) = logins.iter().min_by_key(|(_, (_, since))| *since).map(|(state, _)| state.clone())
        {
            logins.remove(&oldest);
        }
        logins.insert(attempt.state.clone(), (attempt, now));
    }

    /// Gives a login back, once.
    pub(crate) fn end_login(&self, state: &str, now: Timestamp) -> Option<Attempt> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let (attempt, since) = logins.remove(state)?;
        (now.duration_since(since) < LOGIN_PATIENCE).then_some(attempt)
    }

    /// Gives an upload back to its user, once.
    pub(crate) fn give_back(&self, name: &str, user: &str, now: Timestamp) -> Option<Checked> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = uploads.get(name).is_some_and(|waiting| waiting.user == user);
        let waiting = is_own.then(|| uploads.remove(name)).flatten()?;
        (now.duration_since(waiting.since) < PATIENCE).then_some(waiting.checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_ask_much_at_once_but_not_for_long() {
        let memory = Memory::default();
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        let admitted = (0..400).filter(|_| memory.admit("T-1", at(0)).is_ok()).count();
        assert_eq!(admitted, 300);
        assert!(memory.admit("T-2", at(0)).is_ok(), "another token is another matter");
        let admitted = (0..400).filter(|_| memory.admit("T-1", at(2_000)).is_ok()).count();
        assert_eq!(admitted, 100);
    }

    #[test]
    fn a_login_elsewhere_is_finished_once_and_soon() {
        let memory = Memory::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let attempt = |state: &str| Attempt {
            state: state.to_owned(),
            nonce: String::new(),
            verifier: crate::domain::secret::Secret::new(String::new()),
            next: "/".to_owned(),
        };
        memory.begin_login(attempt("a"), at(0));
        memory.begin_login(attempt("b"), at(0));
        assert!(memory.end_login("c", at(1)).is_none());
        assert!(memory.end_login("a", at(1)).is_some() && memory.end_login("a", at(1)).is_none());
        assert!(memory.end_login("b", at(600)).is_none(), "it took too long");
    }
}
