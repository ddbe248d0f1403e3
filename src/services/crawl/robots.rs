//! Reads a site's robots.txt once a day, by the source's own route, and keeps it in the store.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use url::Url;

use super::door::{Door, Rules};
use super::worker::Worker;
use crate::domain::robots::{self, Robots};
use crate::domain::source::{Source, Spent};
use crate::ports::fetch::{FetchError, Fetched, Request};
use crate::ports::store::StoreError;

/// How long what was read holds (RFC 9309 section 2.4).
const AGE: SignedDuration = SignedDuration::from_hours(24);
/// How long an older copy is used while the site does not answer.
const STALE_AGE: SignedDuration = SignedDuration::from_hours(1);

impl Worker {
    /// Returns the rules of a source; they are read from the site if what is known is older than a day.
    ///
    /// A site that has none (4xx, or a redirect to nowhere) allows everything; one that fails (5xx, no answer) allows nothing
    /// until it answers, unless an older copy is known (RFC 9309 section 2.3.1).
    pub(super) async fn robots(
        &self,
        source: &Source,
        door: &mut Door,
    ) -> Result<Result<Rules, FetchError>, StoreError> {
        let now = self.ports.clock.now();
        if let Some(rules) = door.robots.as_ref().filter(|rules| rules.good_until > now) {
            return Ok(Ok(rules.clone()));
        }
        let kept = self.ports.store.robots(&source.id).await?;
        let rules = match kept {
            Some((text, read_at)) if read_at.checked_add(AGE).is_ok_and(|until| until > now) => {
                self.rules(source, &text, read_at.checked_add(AGE).unwrap_or(now))
            }
            kept => match self.fetch_robots(source).await {
                Ok(text) => {
                    let mut rules = self.rules(source, &text, now.checked_add(AGE).unwrap_or(Timestamp::MAX));
                    rules.fetched_at = Some(Instant::now());
                    let delay = rules.robots.crawl_delay.unwrap_or(Duration::ZERO);
                    self.ports.store.keep_robots(&source.id, (&text, delay), now).await?;
                    rules
                }
                Err(error) => {
                    let Some((text, _)) = kept else { return Ok(Err(error)) };
                    self.rules(source, &text, now.checked_add(STALE_AGE).unwrap_or(Timestamp::MAX))
                }
            },
        };
        door.robots = Some(rules.clone());
        Ok(Ok(rules))
    }

    fn rules(&self, source: &Source, text: &str, good_until: Timestamp) -> Rules {
        let user_agent = source.settings.user_agent.as_deref().unwrap_or(self.ports.fetcher.user_agent());
        let robots = Arc::new(Robots::read(text, robots::product(user_agent)));
        Rules { robots, good_until, fetched_at: None }
    }

    async fn fetch_robots(&self, source: &Source) -> Result<String, FetchError> {
        let url = address(&source.start_url);
        let started = Instant::now();
        let fetched = self.ports.fetcher.fetch(source, &Request::page(url)).await;
        let bytes = if let Ok(Fetched::Page(page)) = &fetched { page.body.len() as u64 } else { 0 };
        self.spend(source, Spent { requests: 1, bytes, busy: started.elapsed() }).await;
        match fetched {
            Ok(Fetched::Page(page)) => {
                let read = page.body.get(..page.body.len().min(robots::LIMIT_BYTES)).unwrap_or_default();
                Ok(String::from_utf8_lossy(read).into_owned())
            }
            // Too many requests (429) says something about us, not about the file.
            Ok(Fetched::Unchanged)
            | Err(
                FetchError::OffSite { .. }
                | FetchError::TooManyRedirects { .. }
                | FetchError::RedirectLoop
                | FetchError::BadRedirect { .. }
                | FetchError::Http { status: 400..=428 | 430..=499, .. },
            ) => Ok(String::new()),
            Err(error) => Err(error),
        }
    }
}

fn address(start_url: &Url) -> Url {
    let mut url = start_url.clone();
    url.set_path("/robots.txt");
    url.set_query(None);
    url
}
