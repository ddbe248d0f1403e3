//! The drill: an invented leak of an invented organization is put up where we can read it, and every step of the real
//! path must carry it on.
//!
//! The first steps are tried one by one, so that the one that fails is named; then the crawl and the mail go the whole way
//! by themselves. All of it works on a store of its own: tenants' cases never see it. Not here: the site and the mail
//! catcher, and running crawl and mail on them (`faces::cli::drill`).

mod script;

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::forum::{self, Reading};
use crate::domain::matcher::{Document, Matcher};
use crate::domain::page::FetchedPage;
use crate::domain::source::Source;
use crate::ports::clock::Clock;
use crate::ports::fetch::{Fetched, Fetcher, Request};
use crate::ports::store::model::{CaseFilter, HitFilter};
use crate::ports::store::{Store, StoreError};

pub use script::{ORGANIZATION, Script};

/// One step of the way, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its name.
    pub step: &'static str,
    /// Whether it carried the leak on.
    pub ok: bool,
    /// What was seen, in words.
    pub detail: String,
    /// How long it took.
    pub took_ms: u64,
}

/// Writes down steps as they end.
#[derive(Debug)]
pub struct Steps {
    clock: Clock,
    began_at: Timestamp,
    /// Those that have ended, in order.
    pub ended: Vec<Step>,
}

impl Steps {
    /// Begins the first step.
    pub fn begin(clock: Clock) -> Self {
        let began_at = clock.now();
        Self { clock, began_at, ended: Vec::new() }
    }

    /// Ends a step and begins the next; returns what the step brought, or `None` if it failed.
    pub fn end<T>(&mut self, step: &'static str, outcome: Result<(T, String), String>) -> Option<T> {
        let now = self.clock.now();
        let took_ms = u64::try_from(now.duration_since(self.began_at).as_millis()).unwrap_or(0);
        self.began_at = now;
        let (ok, detail, brought) = match outcome {
            Ok((brought, detail)) => (true, detail, Some(brought)),
            Err(detail) => (false, detail, None),
        };
        self.ended.push(Step { step, ok, detail, took_ms });
        brought
    }

    /// Returns the step that failed, if one did.
    pub fn failure(&self) -> Option<&Step> {
        self.ended.iter().find(|step| !step.ok)
    }

    /// Returns the time that all steps took.
    pub fn took(&self) -> Duration {
        Duration::from_millis(self.ended.iter().map(|step| step.took_ms).sum())
    }
}

/// Enrols the invented organization in the drill's own store, and adds the site.
///
/// # Errors
/// When that store fails.
pub async fn set_up(store: &Store, script: &Script, source: &Source, now: Timestamp) -> Result<(), StoreError> {
    let organization = &script.watchlist.organization;
    store.replace_watchlist(&script.watchlist, now).await?;
    for contact in &organization.contacts {
        store.confirm_contact(&organization.id, &contact.address, "drill", now).await?;
    }
    store.add_source(source, now).await.map(drop)
}

/// Takes the first steps one by one: the way into the network, the page, the recipe, the matcher. Returns whether all held.
pub async fn first_steps(steps: &mut Steps, fetcher: &Fetcher, source: &Source, script: &Script) -> bool {
    let network = source.network();
    let way = fetcher.try_lane(network).await.map(|_| ((), format!("into {}", network.name())));
    if steps.end("way", way.map_err(words)).is_none() {
        return false;
    }
    let Some(page) = steps.end("fetch", fetched(fetcher, source).await) else { return false };
    if steps.end("recipe", recognised(&page, source, script)).is_none() {
        return false;
    }
    steps.end("matcher", matched(&page, script)).is_some()
}

async fn fetched(fetcher: &Fetcher, source: &Source) -> Result<(Box<FetchedPage>, String), String> {
    let url = source.start_url.join(Script::THREAD).map_err(words)?;
    match fetcher.fetch(source, &Request::page(url)).await.map_err(words)? {
        Fetched::Page(page) => {
            let detail = format!("{} bytes", page.body.len());
            Ok((page, detail))
        }
        Fetched::Unchanged => Err("the site says that a page never read has not changed".to_owned()),
    }
}

/// Checks that the recipe sees the listing as it was written.
fn recognised(page: &FetchedPage, source: &Source, script: &Script) -> Result<((), String), String> {
    let Reading { engine, posts, oddities, .. } = forum::read(page, &source.start_url);
    let post = posts.first().ok_or("the recipe sees no post")?;
    if post.author.as_deref() != Some(Script::SELLER) {
        return Err("the recipe does not see who wrote the listing".to_owned());
    }
    if !post.text.contains(&script.card) || post.posted_at.is_none() {
        return Err("the recipe does not see what the listing says, or when".to_owned());
    }
    Ok(((), format!("{engine:?}, {} posts, {} oddities", posts.len(), oddities.len())))
}

/// Checks that the matcher finds the planted record.
fn matched(page: &FetchedPage, script: &Script) -> Result<((), String), String> {
    let matcher = Matcher::compile(std::slice::from_ref(&script.watchlist));
    let media_type = page.media_type();
    let document = Document {
        bytes: &page.body,
        name: "showthread.php",
        media_type: media_type.as_deref(),
        charset: page.declared_charset(),
    };
    let hits = matcher.scan(&document).hits;
    let is_planted = |entry: &str| script.watchlist.canaries.iter().any(|canary| canary.id == entry);
    let planted = hits.iter().filter(|hit| is_planted(&hit.entry)).count();
    if planted == 0 {
        Err("the planted record is not found".to_owned())
    } else {
        Ok(((), format!("{planted} fields of it found")))
    }
}

/// Checks that the crawl opened one case, with the record in the post and in the attached archive; returns its id.
///
/// # Errors
/// In words, what is missing.
pub async fn case(store: &Store) -> Result<(String, String), String> {
    let cases = store.cases(&CaseFilter::default()).await.map_err(words)?;
    let [case] = cases.as_slice() else { return Err(format!("{} cases were opened in place of one", cases.len())) };
    let hits = store.hits(&HitFilter::default()).await.map_err(words)?;
    let in_archive = hits.iter().filter(|hit| hit.attachment.is_some()).count();
    if in_archive == 0 {
        return Err("the record in the attached archive was not found".to_owned());
    }
    if hits.len() == in_archive {
        return Err("the record in the post was not found".to_owned());
    }
    let id = case.id.clone();
    Ok((id, format!("one, with {} hits, {in_archive} of them in the archive", hits.len())))
}

/// Checks that the mail that arrived tells of the case, to the right reader, without the record itself.
///
/// # Errors
/// In words, what is wrong with it.
pub fn mail(script: &Script, case: &str, recipients: &[String], text: &str) -> Result<((), String), String> {
    if !recipients.iter().any(|recipient| recipient == Script::CONTACT) {
        return Err("it went to somebody else".to_owned());
    }
    if !text.contains(case) {
        return Err("it does not name the case".to_owned());
    }
    if text.contains(&script.card) {
        return Err("it shows the planted card in full".to_owned());
    }
    Ok(((), "it names the case and hides the record".to_owned()))
}

fn words(error: impl Display) -> String {
    error.to_string()
}
