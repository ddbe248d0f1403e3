//! What is done to a case: moving it and taking that back, assigning, notes, silences, holds, a second person's consent, merging
//! and splitting, revealing, taking evidence away.
//!
//! What depends on how a case stands is meant for a version (If-Match); a case that people have changed since is left as it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};

use super::asked::Body;
use super::cases::answer;
use super::may::{AtCase, Reads, Reveals, Triages};
use super::program::Program;
use super::{json, matched, page, stale};
use crate::domain::case::State as CaseState;
use crate::faces::web::Console;
use crate::faces::web::problem::{Problem, Said};
use crate::ports::store::desk::{Expected, acts};
use crate::services::disclosing::{self, Value};
use crate::services::triage::{self, Decided, Regrouped};

/// Where they are.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/api/v1/cases/{case}/moves", post(move_case))
        .route("/api/v1/cases/{case}/undo", post(undo))
        .route("/api/v1/cases/{case}/assignee", put(assign))
        .route("/api/v1/cases/{case}/notes", get(notes).post(note))
        .route("/api/v1/cases/{case}/silence", post(silence))
        .route("/api/v1/cases/{case}/unsilence", post(unsilence))
        .route("/api/v1/cases/{case}/hold", post(hold))
        .route("/api/v1/cases/{case}/release", post(release))
        .route("/api/v1/cases/{case}/second", post(second))
        .route("/api/v1/cases/{case}/merge", post(merge))
        .route("/api/v1/cases/{case}/split", post(split))
        .route("/api/v1/cases/{case}/reveal", post(reveal))
        .route("/api/v1/cases/{case}/warc", post(warc))
}

/// Why something is done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    why: String,
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
    AtCase { program, case, .. }: AtCase<Triages>,
    headers: HeaderMap,
    Body(wanted): Body<Move>,
) -> Result<Response, Problem> {
    let wish = (wanted.to, Expected::Version(seen(&headers)?));
    let why = (wanted.why.as_str(), console.clock.now());
    done(triage::judge(&console.store, program.judge(&console), &case, wish, why).await?)?;
    shown(&console, &program, &case).await
}

async fn undo(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let number = seen(&headers)?;
    let is_undone = triage::undo(&console.store, program.judge(&console), (&case, number), console.clock.now()).await?;
    if is_undone {
        return shown(&console, &program, &case).await;
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        Said::new("there is no move of yours to take back", "没有可撤销的更改"),
        Said::new(
            "Only the last thing done to a case is taken back, by who did it, within a quarter of an hour. Move it instead.",
            "仅可由本人在十五分钟内撤销最后一次更改。请直接更改状态。",
        ),
    ))
}

/// Who looks after a case; nobody with `null`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Assignee {
    #[serde(deserialize_with = "Option::deserialize")]
    assignee: Option<String>,
}

async fn assign(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    headers: HeaderMap,
    Body(wanted): Body<Assignee>,
) -> Result<Response, Problem> {
    let wish = (wanted.assignee.as_deref(), seen(&headers)?);
    done(triage::assign(&console.store, program.judge(&console), &case, wish, console.clock.now()).await?)?;
    shown(&console, &program, &case).await
}

async fn notes(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Reads>,
) -> Result<Response, Problem> {
    let sheet = console.store.case_sheet(&program.scope, &case).await?.ok_or_else(Problem::missing)?;
    page(sheet.notes, None)
}

/// A note.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
}

async fn note(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    Body(wanted): Body<Text>,
) -> Result<Response, Problem> {
    triage::note(&console.store, program.judge(&console), &case, (&wanted.text, console.clock.now())).await?;
    Ok((StatusCode::CREATED, shown(&console, &program, &case).await?).into_response())
}

/// Where a case's entries are not to be reported any more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Quiet {
    source: String,
    why: String,
}

/// How many entries something was done to.
#[derive(Debug, Serialize)]
struct Entries {
    entries: u64,
}

async fn silence(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    Body(wanted): Body<Quiet>,
) -> Result<Response, Problem> {
    let why = (wanted.why.as_str(), console.clock.now());
    let at = (case.as_str(), wanted.source.as_str());
    json(&Entries { entries: triage::silence(&console.store, program.judge(&console), at, why).await? })
}

async fn unsilence(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    Body(wanted): Body<Why>,
) -> Result<Response, Problem> {
    let why = (wanted.why.as_str(), console.clock.now());
    json(&Entries { entries: triage::unsilence(&console.store, program.judge(&console), &case, why).await? })
}

async fn hold(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    Body(wanted): Body<Why>,
) -> Result<Response, Problem> {
    let why = (wanted.why.as_str(), console.clock.now());
    triage::hold(&console.store, program.judge(&console), (&case, true), why).await?;
    shown(&console, &program, &case).await
}

async fn release(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    Body(wanted): Body<Why>,
) -> Result<Response, Problem> {
    let why = (wanted.why.as_str(), console.clock.now());
    triage::hold(&console.store, program.judge(&console), (&case, false), why).await?;
    shown(&console, &program, &case).await
}

/// Who asked for what is agreed to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asker {
    asker: String,
}

async fn second(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    Body(wanted): Body<Asker>,
) -> Result<Response, Problem> {
    let asked = (case.as_str(), wanted.asker.as_str());
    triage::second(&console.store, program.judge(&console), asked, console.clock.now()).await?;
    shown(&console, &program, &case).await
}

/// Which case another becomes part of, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    into: String,
    why: String,
}

async fn merge(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    headers: HeaderMap,
    Body(wanted): Body<Merge>,
) -> Result<Response, Problem> {
    let wish = (case.as_str(), wanted.into.as_str(), seen(&headers)?);
    let why = (wanted.why.as_str(), console.clock.now());
    let into = regrouped(triage::merge(&console.store, program.judge(&console), wish, why).await?)?;
    shown(&console, &program, &into).await
}

/// Which entries become a case of their own, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    entries: BTreeSet<String>,
    why: String,
}

async fn split(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Triages>,
    headers: HeaderMap,
    Body(wanted): Body<Split>,
) -> Result<Response, Problem> {
    let wish = (case.as_str(), &wanted.entries, seen(&headers)?);
    let why = (wanted.why.as_str(), console.clock.now());
    let fresh = regrouped(triage::split(&console.store, program.judge(&console), wish, why).await?)?;
    Ok((StatusCode::CREATED, shown(&console, &program, &fresh).await?).into_response())
}

/// A full value.
#[derive(Debug, Serialize)]
struct Full<'a> {
    entry: &'a str,
    field: &'a str,
    masked: &'a str,
    planted: Option<&'a str>,
    captured: Option<&'a str>,
}

impl<'a> From<&'a Value> for Full<'a> {
    fn from(value: &'a Value) -> Self {
        Self {
            entry: &value.entry,
            field: &value.field,
            masked: &value.masked,
            planted: value.planted.as_ref().map(|planted| planted.reveal().as_str()),
            captured: value.captured.as_ref().map(|captured| captured.reveal().as_str()),
        }
    }
}

async fn reveal(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Reveals>,
    Body(wanted): Body<Why>,
) -> Result<Response, Problem> {
    let asked = (case.as_str(), acts::REVEALED);
    let why = (wanted.why.as_str(), console.clock.now());
    done(triage::ask_to_see(&console.store, program.judge(&console), asked, why).await?)?;
    let values = disclosing::values((&console.store, &console.evidence), (&program.scope, &case)).await?;
    page(values.iter().map(Full::from).collect::<Vec<_>>(), None)
}

async fn warc(
    State(console): State<Arc<Console>>,
    AtCase { program, case, .. }: AtCase<Reveals>,
    Body(wanted): Body<Why>,
) -> Result<Response, Problem> {
    let asked = (case.as_str(), acts::DOWNLOADED);
    let why = (wanted.why.as_str(), console.clock.now());
    done(triage::ask_to_see(&console.store, program.judge(&console), asked, why).await?)?;
    let bytes = disclosing::warc_of((&console.store, &console.evidence), (&program.scope, &case)).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

async fn shown(console: &Console, program: &Program, case: &str) -> Result<Response, Problem> {
    answer(console, program, (case, &HeaderMap::new())).await
}

/// Returns the row of the audit log up to which the program has seen the case. What the crawl adds meanwhile is no reason to
/// refuse a decision.
fn seen(headers: &HeaderMap) -> Result<i64, Problem> {
    let Some(tag) = matched(headers)? else { return Err(unmatched()) };
    let version = tag.split('.').next().and_then(|version| version.parse::<i64>().ok());
    version.ok_or_else(|| stale("If-Match is not the ETag of this case"))
}

fn done(decided: Decided) -> Result<(), Problem> {
    match decided {
        Decided::Done(_) => Ok(()),
        Decided::Stale => Err(changed()),
        Decided::Waits => Err(waits()),
    }
}

fn regrouped(regrouped: Regrouped) -> Result<String, Problem> {
    match regrouped {
        Regrouped::Done(case) => Ok(case),
        Regrouped::Stale => Err(changed()),
    }
}

fn changed() -> Problem {
    stale("the case has changed since you looked at it")
}

/// It takes two people here.
fn waits() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        Said::new("this takes two people: it waits for the second", "此操作需要两人：等待第二人确认"),
        Said::new("Somebody else must agree, too.", "须由另一人同意。"),
    )
}

fn unmatched() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_REQUIRED,
        Said::new("say with If-Match which version of the case you have seen", "请用 If-Match 指明所见案件版本"),
        Said::new("Use the ETag of GET /api/v1/cases/{case}.", "请使用 GET /api/v1/cases/{case} 的 ETag。"),
    )
}
