//! Cases: lists, one case and what is in it, moves.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::asked::{Asked, Body};
use super::program::Program;
use super::{matched, misasked, page, tagged, unfit};
use crate::domain::case::State as CaseState;
use crate::domain::severity::Severity;
use crate::domain::source::SourceId;
use crate::domain::user::grant::Grant;
use crate::faces::web::Console;
use crate::faces::web::problem::{Problem, Said};
use crate::ports::store::console::{CaseCursor, CaseHead, CaseQuery, EntryPage, HitCursor, HitQuery, Order};
use crate::ports::store::desk::Expected;
use crate::services::triage::{self, Decided, Judge, TriageError};

/// Where they are.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/api/v1/cases", get(list))
        .route("/api/v1/cases/counts", get(counts))
        .route("/api/v1/cases/{case}", get(show))
        .route("/api/v1/cases/{case}/entries", get(entries))
        .route("/api/v1/cases/{case}/sightings", get(sightings))
        .route("/api/v1/cases/{case}/hits", get(hits))
        .route("/api/v1/cases/{case}/moves", post(move_case))
        .route("/api/v1/hits", get(all_hits))
}

const LIST: [&str; 12] = [
    "organization",
    "state",
    "severity",
    "offer",
    "source",
    "custodian",
    "from",
    "until",
    "q",
    "order",
    "cursor",
    "limit",
];

async fn list(
    State(console): State<Arc<Console>>,
    program: Program,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    let asked = Asked::parse(query.as_deref(), &LIST)?;
    let cursor = asked.read("cursor", CaseCursor::parse)?;
    let query = CaseQuery {
        organization: asked.organization()?,
        states: asked.list("state", state)?,
        severities: asked.list("severity", Severity::parse)?,
        offer: asked.read("offer", truth)?,
        source: asked.text("source").map(|id| SourceId(id.to_owned())),
        custodian: asked.text("custodian").map(str::to_owned),
        from: asked.time("from")?,
        until: asked.time("until")?,
        text: asked.text("q").map(str::to_owned),
        order: asked.read("order", order)?.unwrap_or_default(),
    };
    let found = console.store.case_page(&program.scope, &query, (cursor.as_ref(), asked.limit()?)).await?;
    page(found.cases, found.next.map(|next| next.encode()))
}

/// Exactly the words of the description.
fn state(word: &str) -> Option<CaseState> {
    CaseState::ALL.into_iter().find(|state| state.as_str() == word)
}

fn truth(word: &str) -> Option<bool> {
    match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn order(word: &str) -> Option<Order> {
    match word {
        "newest" => Some(Order::Newest),
        "gravest" => Some(Order::Gravest),
        _ => None,
    }
}

async fn counts(
    State(console): State<Arc<Console>>,
    program: Program,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    Asked::parse(query.as_deref(), &[])?;
    page(console.store.case_counts(&program.scope).await?, None)
}

async fn show(
    State(console): State<Arc<Console>>,
    program: Program,
    Path(case): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    program.reads()?;
    let (tag, head) = found(&console, &program, &case).await?;
    tagged(&headers, &tag, &head)
}

/// Returns a case and its version: what people did to it, and what the crawl did.
async fn found(console: &Console, program: &Program, case: &str) -> Result<(String, CaseHead), Problem> {
    let case = find(console, program, case).await?;
    let version = console.store.case_version((&program.scope, &case)).await?;
    let head = console.store.case_head(&program.scope, &case).await?.ok_or_else(Problem::missing)?;
    Ok((format!("{version}.{}", head.line.revision), head))
}

async fn entries(
    State(console): State<Arc<Console>>,
    program: Program,
    Path(case): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    let asked = Asked::parse(query.as_deref(), &["cursor", "limit"])?;
    let after = asked.text("cursor").map(|cursor| EntryPage::parse_after(cursor).ok_or_else(bad_cursor)).transpose()?;
    let case = find(&console, &program, &case).await?;
    let found = console.store.entry_page(&program.scope, &case, (after, asked.limit()?)).await?;
    let next = found.next_text();
    page(found.entries, next)
}

async fn sightings(
    State(console): State<Arc<Console>>,
    program: Program,
    Path(case): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    let asked = Asked::parse(query.as_deref(), &["cursor", "limit"])?;
    let is_cursor = |text: &str| text.split_once('.').is_some_and(|(seen, _)| seen.parse::<i64>().is_ok());
    let after = asked.read("cursor", |text| is_cursor(text).then(|| text.to_owned()))?;
    let case = find(&console, &program, &case).await?;
    let found = console.store.sighting_page(&program.scope, &case, (after.as_deref(), asked.limit()?)).await?;
    page(found.sightings, found.next)
}

async fn hits(
    State(console): State<Arc<Console>>,
    program: Program,
    Path(case): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    let asked = Asked::parse(query.as_deref(), &["cursor", "limit"])?;
    let after = asked.read("cursor", HitCursor::parse)?;
    let case = find(&console, &program, &case).await?;
    let query = HitQuery { case: Some(case), ..HitQuery::default() };
    let found = console.store.hit_page(&program.scope, &query, (after.as_ref(), asked.limit()?)).await?;
    page(found.hits, found.next.map(|next| next.encode()))
}

async fn all_hits(
    State(console): State<Arc<Console>>,
    program: Program,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    let asked = Asked::parse(query.as_deref(), &["organization", "cursor", "limit"])?;
    let after = asked.read("cursor", HitCursor::parse)?;
    let query = HitQuery { organization: asked.organization()?, ..HitQuery::default() };
    let found = console.store.hit_page(&program.scope, &query, (after.as_ref(), asked.limit()?)).await?;
    page(found.hits, found.next.map(|next| next.encode()))
}

/// What is another organization's is missing, as what is not there.
async fn find(console: &Console, program: &Program, case: &str) -> Result<String, Problem> {
    let found = console.store.find_case(&program.scope, case).await?;
    found.map(|(id, _)| id).ok_or_else(Problem::missing)
}

fn bad_cursor() -> Problem {
    misasked("cursor is none of ours")
}

/// Where a case is to go, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    to: CaseState,
    why: String,
}

async fn move_case(
    State(console): State<Arc<Console>>,
    program: Program,
    Path(case): Path<String>,
    headers: HeaderMap,
    Body(wanted): Body<Move>,
) -> Result<Response, Problem> {
    program.may(Grant::Triage)?;
    let case = find(&console, &program, &case).await?;
    let Some(tag) = matched(&headers)? else { return Err(unmatched()) };
    // What the crawl adds meanwhile is no reason to refuse a decision.
    let version = tag.split('.').next().and_then(|version| version.parse::<i64>().ok());
    let version = version.ok_or_else(|| super::stale("If-Match is not the ETag of this case"))?;
    let judge = Judge {
        scope: &program.scope,
        who: &program.user.name,
        role: program.user.role,
        takes_two: console.options.takes_two,
    };
    let wish = (wanted.to, Expected::Version(version));
    let decided = triage::judge(&console.store, judge, &case, wish, (&wanted.why, console.clock.now())).await;
    match decided.map_err(refused)? {
        Decided::Done(_) => {}
        Decided::Stale => return Err(super::stale("the case has changed since you looked at it")),
        Decided::Waits => return Err(waits()),
    }
    let (tag, head) = found(&console, &program, &case).await?;
    tagged(&HeaderMap::new(), &tag, &head)
}

fn refused(error: TriageError) -> Problem {
    match error {
        TriageError::Store(error) => error.into(),
        TriageError::Forbidden => Problem::forbidden(),
        TriageError::Unsaid(_) | TriageError::TooLong { .. } => unfit(format!("cannot {error}")),
    }
}

/// Confirming takes two people here.
fn waits() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        Said::new("this takes two people: it waits for the second", "此操作需要两人：等待第二人确认"),
        Said::new("Somebody else must confirm the case, too.", "须由另一人再次确认此案件。"),
    )
}

fn unmatched() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_REQUIRED,
        Said::new("say with If-Match which version of the case you have seen", "请用 If-Match 指明所见案件版本"),
        Said::new("Use the ETag of GET /api/v1/cases/{case}.", "请使用 GET /api/v1/cases/{case} 的 ETag。"),
    )
}
