//! Sources as people manage them: tried before they are added, changed, read with cookies that a person brings.
//!
//! Not here: reading them for good (`crawl`), settings in files (`faces::cli`).

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::forum::{self, Reading};
use crate::domain::session::{Login, LoginError};
use crate::domain::source::{Settings, Source, SourceError, SourceId};
use crate::ports::fetch::{FetchError, Fetched, Fetcher, Request};
use crate::ports::store::{Store, StoreError};

/// Longest time between two requests: a day.
pub const PACE_LIMIT: Duration = Duration::from_hours(24);
/// Most requests at once.
pub const CONCURRENCY_LIMIT: u32 = 64;
const LABEL_LIMIT: usize = 200;

/// Whether a site on this machine's own loopback may be a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public sites only.
    Public,
    /// Loopback too: a trial on one machine.
    Trial,
}

/// What a site shows on a first look.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The source that would be added.
    pub source: Source,
    /// HTTP status.
    pub status: u16,
    /// Size of the page.
    pub bytes: usize,
    /// What its recipe reads.
    pub reading: Reading,
}

/// What a person may change of a source; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// What mails and tables call it.
    pub label: Option<String>,
    /// Least time between two requests.
    pub pace: Option<Duration>,
    /// Requests in flight at once.
    pub concurrency: Option<u32>,
}

/// Why a source is not tried, added or changed.
#[derive(Debug, thiserror::Error)]
pub enum SourcingError {
    /// The address cannot be a source's.
    #[error(transparent)]
    Address(#[from] SourceError),
    /// The site lives on this machine.
    #[error("read a site on this machine from here; add it at the command line: dyepack source add")]
    Local,
    /// A value cannot be taken.
    #[error("take this {what}: it {reason}")]
    Value {
        /// Which.
        what: &'static str,
        /// What it must be.
        reason: &'static str,
    },
    /// The site could not be read.
    #[error("read the site: {0}")]
    Fetch(#[source] Box<FetchError>),
    /// The cookies are none.
    #[error(transparent)]
    Cookies(#[from] LoginError),
    /// There is no such source, or the database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads an address as a source's.
///
/// # Errors
/// `Address`, `Local`.
pub fn source_of(url: &str, reach: Reach) -> Result<Source, SourcingError> {
    let source = Source::from_url(url)?;
    match reach {
        Reach::Public if source.is_local() => Err(SourcingError::Local),
        Reach::Public | Reach::Trial => Ok(source),
    }
}

/// Fetches a page once and reads it as a crawl would; keeps nothing.
///
/// # Errors
/// `Address`, `Local`, `Fetch`.
pub async fn preview(fetcher: &Fetcher, url: &str, reach: Reach) -> Result<Preview, SourcingError> {
    let source = source_of(url, reach)?;
    let answer = fetcher.fetch(&source, &Request::page(source.start_url.clone())).await;
    let page = match answer.map_err(|error| SourcingError::Fetch(Box::new(error)))? {
        Fetched::Page(page) => page,
        // Nothing was known of the page, so it cannot be as it was.
        Fetched::Unchanged => {
            return Err(SourcingError::Value { what: "site", reason: "answers 304 to a first request" });
        }
    };
    let (bytes, status) = (page.body.len(), page.status);
    let start_url = source.start_url.clone();
    // Hostile markup is read on a thread that may take its time.
    let read = tokio::task::spawn_blocking(move || forum::read_with(&page, &start_url, &Settings::default().recipe));
    let reading = read.await.map_err(|_| SourcingError::Value { what: "page", reason: "cannot be read" })?;
    Ok(Preview { source, status, bytes, reading })
}

/// Adds a source; returns whether it is new. A known one keeps its settings, but for those given.
///
/// # Errors
/// `Address`, `Local`, `Value`; when the database fails.
pub async fn add(
    store: &Store,
    url: &str,
    (edit, reach): (&Edit, Reach),
    now: Timestamp,
) -> Result<(Source, bool), SourcingError> {
    let bare = source_of(url, reach)?;
    let known = store.source(&bare.id).await?.unwrap_or_else(|| bare.clone());
    let source = edited(Source { start_url: bare.start_url, ..known }, edit)?;
    let is_new = store.add_source(&source, now).await?;
    Ok((source, is_new))
}

/// Changes a source.
///
/// # Errors
/// `Value`; `Store` for one that is not there.
pub async fn edit(store: &Store, id: &SourceId, edit: &Edit, now: Timestamp) -> Result<Source, SourcingError> {
    let source = try_edit(store, id, edit).await?;
    store.add_source(&source, now).await?;
    Ok(source)
}

/// Returns what an edit would make of a source; changes nothing.
///
/// # Errors
/// As [`edit`].
pub async fn try_edit(store: &Store, id: &SourceId, edit: &Edit) -> Result<Source, SourcingError> {
    let known = store.source(id).await?.ok_or_else(|| StoreError::NoSuchSource { id: id.0.clone() })?;
    edited(known, edit)
}

/// Takes cookies exported from a browser that is logged in; returns how many.
///
/// # Errors
/// `Cookies`, `Value`; `Store` for a source that is not there.
pub async fn import_session(store: &Store, id: &SourceId, text: &str, now: Timestamp) -> Result<usize, SourcingError> {
    let source = store.source(id).await?.ok_or_else(|| StoreError::NoSuchSource { id: id.0.clone() })?;
    match Login::parse(text, &source.start_url, now)? {
        Login::Cookies(jar) => {
            store.import_session(id, &jar, now).await?;
            Ok(jar.len())
        }
        Login::Account(_) => {
            Err(SourcingError::Value { what: "session", reason: "holds an account; give cookies of a browser" })
        }
    }
}

fn edited(source: Source, edit: &Edit) -> Result<Source, SourcingError> {
    let mut settings = source.settings.clone();
    if let Some(label) = &edit.label {
        let is_sound =
            !label.trim().is_empty() && label.chars().count() <= LABEL_LIMIT && !label.chars().any(char::is_control);
        if !is_sound {
            return Err(SourcingError::Value { what: "label", reason: "must be a short name of one line" });
        }
        settings.label = Some(label.trim().to_owned());
    }
    if let Some(pace) = edit.pace {
        if pace > PACE_LIMIT {
            return Err(SourcingError::Value { what: "pace", reason: "must be a day at most" });
        }
        if pace < Duration::from_millis(100) && !source.is_local() {
            return Err(SourcingError::Value { what: "pace", reason: "must be 100 ms at least" });
        }
        settings.pace_ms = Some(u64::try_from(pace.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(concurrency) = edit.concurrency {
        if !(1..=CONCURRENCY_LIMIT).contains(&concurrency) {
            return Err(SourcingError::Value { what: "concurrency", reason: "must lie between 1 and 64" });
        }
        settings.concurrency = Some(concurrency);
    }
    Ok(source.with(settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_what_it_changes_and_the_rest_stays() {
        let source = Source::from_url("https://forum.example/").unwrap();
        let slower = Edit { pace: Some(Duration::from_secs(9)), ..Edit::default() };
        let source = edited(source, &slower).unwrap();
        let named = edited(source, &Edit { label: Some(" market A ".to_owned()), ..Edit::default() }).unwrap();
        assert_eq!((named.pace, named.label.as_str(), named.concurrency), (Duration::from_secs(9), "market A", 1));
        for bad in [
            Edit { label: Some(" ".to_owned()), ..Edit::default() },
            Edit { pace: Some(Duration::from_hours(25)), ..Edit::default() },
            Edit { pace: Some(Duration::ZERO), ..Edit::default() },
            Edit { concurrency: Some(0), ..Edit::default() },
            Edit { concurrency: Some(65), ..Edit::default() },
        ] {
            assert!(matches!(edited(named.clone(), &bad), Err(SourcingError::Value { .. })), "{bad:?}");
        }
    }

    #[test]
    fn a_site_on_this_machine_is_a_source_only_in_a_trial() {
        for url in ["http://127.0.0.1:9/", "http://localhost/", "http://[::1]/"] {
            assert!(matches!(source_of(url, Reach::Public), Err(SourcingError::Local)), "{url}");
            assert!(source_of(url, Reach::Trial).is_ok());
        }
        assert!(matches!(source_of("http://10.0.0.1/", Reach::Trial), Err(SourcingError::Address(_))));
    }
}
