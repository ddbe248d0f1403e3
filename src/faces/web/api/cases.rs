//! Cases: lists, one case, what is in it, whose copy it is and what was captured.
//!
//! Not here: what is done to cases (`case_acts`).

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use serde::Serialize;

use super::asked::Asked;
use super::may::{AtCase, By, Reads};
use super::program::Program;
use super::{json, misasked, page, tagged};
use crate::domain::attribution::EPSILON;
use crate::domain::case::State as CaseState;
use crate::domain::matcher::Verdict;
use crate::domain::severity::Severity;
use crate::domain::source::SourceId;
use crate::domain::watchlist::Language;
use crate::faces::web::Console;
use crate::faces::web::problem::Problem;
use crate::ports::store::console::{CaseCursor, CaseLine, CaseQuery, EntryPage, HitCursor, HitQuery, Order};
use crate::ports::store::desk::{CaseSheet, Note, Pledge, Silence};
use crate::ports::store::model::{AlertRow, CaseMove, SellerHistory};
use crate::services::attributing::{Terms, attribute_case};
use crate::services::disclosing::{self, Glimpse};

/// Where they are.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/api/v1/cases", get(list))
        .route("/api/v1/cases/counts", get(counts))
        .route("/api/v1/cases/{case}", get(show))
        .route("/api/v1/cases/{case}/entries", get(entries))
        .route("/api/v1/cases/{case}/sightings", get(sightings))
        .route("/api/v1/cases/{case}/hits", get(hits))
        .route("/api/v1/cases/{case}/evidence", get(evidence))
        .route("/api/v1/cases/{case}/attribution", get(attribution))
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
    By { program, .. }: By<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
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
    By { program, .. }: By<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Asked::parse(query.as_deref(), &[])?;
    page(console.store.case_counts(&program.scope).await?, None)
}

/// A case as programs see it: all of it that does not grow with its hits.
#[derive(Debug, Serialize)]
struct CaseShown<'a> {
    #[serde(flatten)]
    line: &'a CaseLine,
    language: Language,
    verdict: Option<&'a Verdict>,
    merged: &'a [String],
    seller: Option<&'a SellerHistory>,
    moves: &'a [CaseMove],
    alerts: &'a [AlertRow],
    assignee: Option<&'a str>,
    hold: Option<Hold<'a>>,
    notes: &'a [Note],
    silences: &'a [Silence],
    pledges: &'a [Pledge],
}

/// Who keeps all evidence of a case.
#[derive(Debug, Serialize)]
struct Hold<'a> {
    who: &'a str,
    why: &'a str,
}

impl<'a> CaseShown<'a> {
    fn of(sheet: &'a CaseSheet) -> Self {
        Self {
            line: &sheet.line,
            language: sheet.organization.language,
            verdict: sheet.verdict.as_ref(),
            merged: &sheet.merged,
            seller: sheet.seller.as_ref(),
            moves: &sheet.moves,
            alerts: &sheet.alerts,
            assignee: sheet.assignee.as_deref(),
            hold: sheet.hold.as_ref().map(|(who, why)| Hold { who, why }),
            notes: &sheet.notes,
            silences: &sheet.silences,
            pledges: &sheet.pledges,
        }
    }
}

async fn show(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Reads>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(&console, &program, (&case, &headers)).await
}

/// Answers with a case and its version: what people did to it, and what the crawl did.
pub(super) async fn answer(
    console: &Console,
    program: &Program,
    (case, headers): (&str, &HeaderMap),
) -> Result<Response, Problem> {
    let sheet = console.store.case_sheet(&program.scope, case).await?.ok_or_else(Problem::missing)?;
    tagged(headers, &format!("{}.{}", sheet.version, sheet.line.revision), &CaseShown::of(&sheet))
}

async fn entries(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::parse(query.as_deref(), &["cursor", "limit"])?;
    let after = asked.text("cursor").map(|cursor| EntryPage::parse_after(cursor).ok_or_else(bad_cursor)).transpose()?;
    let found = console.store.entry_page(&program.scope, &case, (after, asked.limit()?)).await?;
    let next = found.next_text();
    page(found.entries, next)
}

async fn sightings(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::parse(query.as_deref(), &["cursor", "limit"])?;
    let is_cursor = |text: &str| text.split_once('.').is_some_and(|(seen, _)| seen.parse::<i64>().is_ok());
    let after = asked.read("cursor", |text| is_cursor(text).then(|| text.to_owned()))?;
    let found = console.store.sighting_page(&program.scope, &case, (after.as_deref(), asked.limit()?)).await?;
    page(found.sightings, found.next)
}

async fn hits(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::parse(query.as_deref(), &["cursor", "limit"])?;
    let after = asked.read("cursor", HitCursor::parse)?;
    let query = HitQuery { case: Some(case), ..HitQuery::default() };
    let found = console.store.hit_page(&program.scope, &query, (after.as_ref(), asked.limit()?)).await?;
    page(found.hits, found.next.map(|next| next.encode()))
}

async fn all_hits(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::parse(query.as_deref(), &["organization", "cursor", "limit"])?;
    let after = asked.read("cursor", HitCursor::parse)?;
    let query = HitQuery { organization: asked.organization()?, ..HitQuery::default() };
    let found = console.store.hit_page(&program.scope, &query, (after.as_ref(), asked.limit()?)).await?;
    page(found.hits, found.next.map(|next| next.encode()))
}

fn bad_cursor() -> Problem {
    misasked("cursor is none of ours")
}

/// What was captured behind hits, and what it looks like around them; other people's data is veiled.
#[derive(Debug, Serialize)]
struct Captured<'a> {
    id: &'a str,
    url: &'a str,
    fetched_at: Timestamp,
    route: &'a str,
    body_sha256: &'a str,
    body_bytes: u64,
    hits: usize,
    /// `None` if it was not opened for this answer.
    is_whole: Option<bool>,
    excerpts: Vec<Excerpted<'a>>,
}

/// A hit in its surroundings.
#[derive(Debug, Serialize)]
struct Excerpted<'a> {
    entry: &'a str,
    field: &'a str,
    before: &'a str,
    hit: &'a str,
    after: &'a str,
    is_replayed: bool,
}

impl<'a> Captured<'a> {
    fn of(glimpse: &'a Glimpse) -> Self {
        let excerpted = |shown: &'a disclosing::Shown| Excerpted {
            entry: &shown.entry,
            field: &shown.field,
            before: &shown.excerpt.before,
            hit: &shown.excerpt.hit,
            after: &shown.excerpt.after,
            is_replayed: shown.is_replayed,
        };
        Self {
            id: &glimpse.id,
            url: &glimpse.capture.url,
            fetched_at: glimpse.capture.fetched_at,
            route: &glimpse.capture.route,
            body_sha256: &glimpse.capture.body_sha256,
            body_bytes: glimpse.capture.body_bytes,
            hits: glimpse.hits,
            is_whole: glimpse.is_whole,
            excerpts: glimpse.excerpts.iter().map(excerpted).collect(),
        }
    }
}

async fn evidence(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Asked::parse(query.as_deref(), &[])?;
    let at = (&program.scope, case.as_str());
    // What is looked at is noted before it is shown.
    console.store.note_viewing(at, (&program.user.name, "api"), console.clock.now()).await?;
    let glimpses = disclosing::glimpses((&console.store, &console.evidence), at).await?;
    page(glimpses.iter().map(Captured::of).collect::<Vec<_>>(), None)
}

/// Weighed on demand, for it may take a second.
async fn attribution(
    State(console): State<Arc<Console>>,
    AtCase { case, .. }: AtCase<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Asked::parse(query.as_deref(), &[])?;
    let terms = Terms { epsilon: EPSILON, rows: None };
    json(&attribute_case((&console.store, &console.vault), &case, terms).await?)
}
