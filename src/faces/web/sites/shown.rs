//! Sources and first looks as programs and pages show them.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::forum::{Post, ThreadRow};
use crate::domain::health::{SourcePast, Told};
use crate::domain::oddity::Oddity;
use crate::domain::source::Network;
use crate::ports::store::model::SourceRow;
use crate::services::sourcing::Preview;

/// Threads and posts of a first look.
const LOOKED: usize = 5;

/// A source as programs see it.
#[derive(Debug, Serialize)]
pub(crate) struct SourceShown {
    pub(crate) id: String,
    pub(super) label: String,
    pub(super) url: String,
    pub(super) network: Network,
    pub(super) engine: Option<String>,
    pub(super) pace_ms: u64,
    pub(super) concurrency: u32,
    pub(super) added_at: Timestamp,
    pub(super) last_success_at: Option<Timestamp>,
    pub(super) last_failure: Option<String>,
    pub(super) last_failure_at: Option<Timestamp>,
    pub(super) next_due_at: Option<Timestamp>,
    pub(super) urls: u64,
    pub(super) due: u64,
    pub(super) gone: u64,
    pub(super) posts: u64,
    pub(super) paused_at: Option<Timestamp>,
    pub(super) rest: Option<&'static str>,
    pub(super) rest_until: Option<Timestamp>,
    pub(super) health: Option<Told>,
}

impl SourceShown {
    /// Puts together what is known.
    pub(crate) fn of(row: &SourceRow, told: Option<(&SourcePast, Told)>) -> Self {
        let (past, health) = told.unzip();
        Self {
            id: row.source.id.0.clone(),
            label: row.source.label.clone(),
            url: row.source.start_url.to_string(),
            network: row.source.network(),
            engine: row.engine.clone(),
            pace_ms: u64::try_from(row.source.pace.as_millis()).unwrap_or(u64::MAX),
            concurrency: row.source.concurrency,
            added_at: row.added_at,
            last_success_at: row.last_success_at,
            last_failure: row.last_failure.clone(),
            last_failure_at: row.last_failure_at,
            next_due_at: past.and_then(|past| past.next_due_at),
            urls: row.urls,
            due: row.due,
            gone: row.gone,
            posts: row.posts,
            paused_at: row.paused_at,
            rest: row.rest.map(|(rest, _)| rest.as_str()),
            rest_until: row.rest.map(|(_, until)| until).filter(|until| *until != Timestamp::MAX),
            health,
        }
    }

    /// What changes with what people set; not with what a crawl does.
    pub(crate) fn version(&self) -> String {
        let set = format!("{}|{}|{}|{}|{:?}", self.label, self.url, self.pace_ms, self.concurrency, self.paused_at);
        crate::domain::case::crockford(&crate::domain::evidence::ledger::digest_parts(&[&set]), 16)
    }
}

/// What a first look shows.
#[derive(Debug, Serialize)]
pub(crate) struct PreviewShown {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) url: String,
    pub(super) network: Network,
    pub(super) status: u16,
    pub(super) bytes: usize,
    pub(super) engine: serde_json::Value,
    pub(super) signs: Vec<String>,
    pub(super) page: serde_json::Value,
    pub(super) title: String,
    pub(super) threads: usize,
    pub(super) posts: usize,
    pub(super) links: usize,
    pub(super) first_threads: Vec<ThreadRow>,
    pub(super) first_posts: Vec<Post>,
    pub(super) oddities: Vec<Oddity>,
}

impl PreviewShown {
    /// Puts together what was read.
    pub(crate) fn of(seen: &Preview) -> Self {
        let reading = &seen.reading;
        let word = |value: Result<serde_json::Value, _>| value.unwrap_or_default();
        Self {
            id: seen.source.id.0.clone(),
            label: seen.source.label.clone(),
            url: seen.source.start_url.to_string(),
            network: seen.source.network(),
            status: seen.status,
            bytes: seen.bytes,
            engine: word(serde_json::to_value(reading.engine)),
            signs: reading.signs.clone(),
            page: word(serde_json::to_value(reading.page)),
            title: reading.title.clone(),
            threads: reading.threads.len(),
            posts: reading.posts.len(),
            links: reading.links.len(),
            first_threads: reading.threads.iter().take(LOOKED).cloned().collect(),
            first_posts: reading.posts.iter().take(LOOKED).cloned().collect(),
            oddities: reading.oddities.iter().take(LOOKED).cloned().collect(),
        }
    }

    pub(super) fn engine_word(&self) -> &str {
        self.engine.as_str().unwrap_or_default()
    }

    pub(super) fn page_word(&self) -> &str {
        self.page.as_str().unwrap_or_default()
    }

    /// Other people's data may stand in posts: only how much text there is, is shown.
    pub(super) fn length(post: &Post) -> usize {
        post.text.chars().count()
    }

    pub(super) fn is_understood(&self) -> bool {
        self.threads + self.posts + self.links > 0
    }
}
