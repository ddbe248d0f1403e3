//! Sources: how they fare, a first look at one, adding, changing, pausing, sessions. For those who see every organization.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use jiff::SignedDuration;
use serde::Deserialize;

use super::asked::{Asked, Body};
use super::may::{AtSource, By, ReadsAll, Sources};
use super::{json, matched, page, tagged};
use crate::domain::source::SourceId;
use crate::faces::web::Console;
use crate::faces::web::problem::Problem;
use crate::faces::web::sites::{self, SourceShown};
use crate::services::sourcing::{self, Edit};

/// Where they are.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/api/v1/sources", get(list).post(add))
        .route("/api/v1/sources/preview", post(preview))
        .route("/api/v1/sources/{source}", get(show).patch(change))
        .route("/api/v1/sources/{source}/hours", get(hours))
        .route("/api/v1/sources/{source}/pause", post(pause))
        .route("/api/v1/sources/{source}/resume", post(resume))
        .route("/api/v1/sources/{source}/session", put(import_session).delete(forget_session))
}

async fn list(
    State(console): State<Arc<Console>>,
    _: By<ReadsAll>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::parse(query.as_deref(), &["q", "cursor", "limit"])?;
    let after = asked.text("cursor").map(|id| SourceId(id.to_owned()));
    let now = console.clock.now();
    let found = console.store.source_page(asked.text("q"), (after.as_ref(), asked.limit()?), now).await?;
    let told = sites::tell_all(&console).await?;
    let shown: Vec<SourceShown> = found.sources.iter().map(|row| SourceShown::of(row, told.of(row))).collect();
    page(shown, found.next.map(|id| id.0))
}

/// A source to be looked at or added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    url: String,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    pace_ms: Option<u64>,
    #[serde(default)]
    concurrency: Option<u32>,
}

/// What may be changed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    pace_ms: Option<u64>,
    #[serde(default)]
    concurrency: Option<u32>,
}

/// A page to be looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Looked {
    url: String,
}

/// Cookies as a browser exports them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cookies {
    cookies: String,
}

async fn add(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Sources>,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Problem> {
    let edit =
        Edit { label: wanted.label, pace: wanted.pace_ms.map(Duration::from_millis), concurrency: wanted.concurrency };
    let added = sourcing::add(&console.store, &wanted.url, (&edit, console.reach), console.clock.now()).await;
    let (source, is_new) = added.map_err(sites::refused)?;
    tracing::info!(by = program.user.id, source = source.id.0, "a source was added or changed");
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, answer(&console, &source.id).await?).into_response())
}

async fn preview(
    State(console): State<Arc<Console>>,
    _: By<Sources>,
    Body(looked): Body<Looked>,
) -> Result<Response, Problem> {
    let seen = sourcing::preview(&console.fetcher(), &looked.url, console.reach).await.map_err(sites::refused)?;
    json(&sites::PreviewShown::of(&seen))
}

async fn show(
    State(console): State<Arc<Console>>,
    AtSource { source, .. }: AtSource<ReadsAll>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shown = sites::find(&console, &source).await?;
    tagged(&headers, &shown.version(), &shown)
}

async fn change(
    State(console): State<Arc<Console>>,
    AtSource { program, source: id, .. }: AtSource<Sources>,
    headers: HeaderMap,
    Body(wanted): Body<Change>,
) -> Result<Response, Problem> {
    let shown = sites::find(&console, &id).await?;
    let edit =
        Edit { label: wanted.label, pace: wanted.pace_ms.map(Duration::from_millis), concurrency: wanted.concurrency };
    // A precondition is looked at only where the request would succeed without it (RFC 9110 section 13.2.1).
    sourcing::try_edit(&console.store, &id, &edit).await.map_err(sites::refused)?;
    if matched(&headers)?.is_some_and(|tag| tag != shown.version()) {
        return Err(super::stale("the source has changed"));
    }
    sourcing::edit(&console.store, &id, &edit, console.clock.now()).await.map_err(sites::refused)?;
    tracing::info!(by = program.user.id, source = id.0, "a source was changed");
    answer(&console, &id).await
}

async fn hours(
    State(console): State<Arc<Console>>,
    AtSource { source, .. }: AtSource<ReadsAll>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::parse(query.as_deref(), &["days"])?;
    let days = asked.number("days", 1..=400)?.unwrap_or(30);
    let since = console.clock.now() - SignedDuration::from_hours(24 * i64::from(days));
    page(console.store.source_hours(&source, since).await?, None)
}

async fn pause(
    State(console): State<Arc<Console>>,
    AtSource { program, source: id, .. }: AtSource<Sources>,
) -> Result<Response, Problem> {
    console.store.pause(&id, console.clock.now()).await?;
    tracing::info!(by = program.user.id, source = id.0, "a source was paused");
    answer(&console, &id).await
}

async fn resume(
    State(console): State<Arc<Console>>,
    AtSource { program, source: id, .. }: AtSource<Sources>,
) -> Result<Response, Problem> {
    console.store.resume(&id).await?;
    tracing::info!(by = program.user.id, source = id.0, "a source was resumed");
    answer(&console, &id).await
}

async fn import_session(
    State(console): State<Arc<Console>>,
    AtSource { program, source: id, .. }: AtSource<Sources>,
    Body(given): Body<Cookies>,
) -> Result<Response, Problem> {
    let now = console.clock.now();
    sourcing::import_session(&console.store, &id, &given.cookies, now).await.map_err(sites::refused)?;
    tracing::info!(by = program.user.id, source = id.0, "a session was imported");
    answer(&console, &id).await
}

async fn forget_session(
    State(console): State<Arc<Console>>,
    AtSource { program, source: id, .. }: AtSource<Sources>,
) -> Result<Response, Problem> {
    console.store.forget_session(&id, console.clock.now()).await?;
    tracing::info!(by = program.user.id, source = id.0, "a session was forgotten");
    answer(&console, &id).await
}

async fn answer(console: &Console, id: &SourceId) -> Result<Response, Problem> {
    let shown = sites::find(console, id).await?;
    tagged(&HeaderMap::new(), &shown.version(), &shown)
}
