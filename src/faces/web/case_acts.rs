//! What is done to a case: moving it and taking that back, assigning, notes, silencing, revealing, a second person's consent,
//! holds, downloads, merging and splitting.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;

use super::Console;
use super::actor::Actor;
use super::case::{Conflict, case_page, unknown_case};
use super::layout::{Layout, Section, page};
use super::posted::{Fields, Posted};
use super::problem::{Problem, Said};
use crate::domain::case;
use crate::ports::store::desk::{Expected, acts};
use crate::services::disclosing::{self, Value};
use crate::services::triage::{self, Decided, Regrouped};

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/cases/{id}/move", post(move_case))
        .route("/cases/{id}/undo", post(undo))
        .route("/cases/{id}/assign", post(assign))
        .route("/cases/{id}/notes", post(note))
        .route("/cases/{id}/silence", post(silence))
        .route("/cases/{id}/unsilence", post(unsilence))
        .route("/cases/{id}/reveal", post(reveal))
        .route("/cases/{id}/second", post(second))
        .route("/cases/{id}/hold", post(hold))
        .route("/cases/{id}/merge", post(merge))
        .route("/cases/{id}/split", post(split))
        .route("/cases/{id}/warc", post(warc))
}

fn back(id: &str, said: &str) -> Response {
    Redirect::to(&format!("/cases/{id}?said={said}")).into_response()
}

/// Finds the case of an address; what is another organization's is not there.
async fn living(console: &Console, actor: &Actor, id: &str) -> Result<String, Problem> {
    console.store.find_case(&actor.scope, id).await?.map(|(id, _)| id).ok_or_else(Problem::missing)
}

fn seen_version(fields: &Fields) -> i64 {
    fields.get("version").parse().unwrap_or(-1)
}

async fn move_case(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let id = living(&console, actor, &id).await?;
    let to = case::State::parse(fields.get("to")).ok_or_else(|| {
        Problem::refused(
            Said::new("Choose where the case goes", "请选择目标状态"),
            Said::new("Go back and choose.", "请返回选择。"),
        )
    })?;
    let (seen, why, now) = (seen_version(fields), fields.get("why"), console.clock.now());
    let judge = actor.judge(&console);
    match triage::judge(&console.store, judge, &id, (to, Expected::Version(seen)), (why, now)).await? {
        Decided::Done(number) => {
            let source = fields.get("silence");
            let number = if to == case::State::FalsePositive && !source.is_empty() {
                triage::silence(&console.store, judge, (&id, source), (why, now)).await?;
                // What was silenced stays so: a move that did more than move is not taken back by a button.
                0
            } else {
                number
            };
            Ok(Redirect::to(&format!("/cases/{id}?said=moved&undo={number}")).into_response())
        }
        Decided::Waits => Ok(back(&id, "waits")),
        Decided::Stale => {
            let conflict = Conflict { to, why: why.to_owned(), seen };
            case_page(&console, actor, &id, (&Fields::default(), Some(conflict))).await
        }
    }
}

async fn undo(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let number = fields.get("number").parse().unwrap_or(-1);
    let undone = triage::undo(&console.store, actor.judge(&console), (&id, number), console.clock.now()).await?;
    Ok(back(&id, if undone { "undone" } else { "late" }))
}

async fn assign(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let assignee = Some(fields.get("assignee")).filter(|name| !name.is_empty());
    let wish = (assignee, seen_version(fields));
    match triage::assign(&console.store, actor.judge(&console), &id, wish, console.clock.now()).await? {
        Decided::Done(_) => Ok(back(&id, "assigned")),
        Decided::Stale | Decided::Waits => Err(Problem::overtaken()),
    }
}

async fn note(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let text = (posted.fields.raw("text"), console.clock.now());
    triage::note(&console.store, posted.actor.judge(&console), &id, text).await?;
    Ok(back(&id, "noted"))
}

async fn silence(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (judge, fields) = (posted.actor.judge(&console), &posted.fields);
    let reason = (fields.get("why"), console.clock.now());
    triage::silence(&console.store, judge, (&id, fields.get("source")), reason).await?;
    Ok(back(&id, "silenced"))
}

async fn unsilence(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let why = (posted.fields.get("why"), console.clock.now());
    triage::unsilence(&console.store, posted.actor.judge(&console), &id, why).await?;
    Ok(back(&id, "unsilenced"))
}

#[derive(Template)]
#[template(path = "case_reveal.html")]
struct RevealPage {
    l: Layout,
    id: String,
    why: String,
    values: Vec<Value>,
}

async fn reveal(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, why) = (&posted.actor, posted.fields.get("why"));
    let id = living(&console, actor, &id).await?;
    let asked =
        triage::ask_to_see(&console.store, actor.judge(&console), (&id, acts::REVEALED), (why, console.clock.now()));
    match asked.await? {
        Decided::Done(_) => {}
        Decided::Waits | Decided::Stale => return Ok(back(&id, "waits")),
    }
    let values = disclosing::values((&console.store, &console.evidence), (&actor.scope, &id)).await?;
    let l = actor.layout(Section::Cases, format!("{id}: {}", actor.t("full values", "完整值")));
    page(&RevealPage { l, id, why: why.to_owned(), values })
}

async fn second(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let asked = (id.as_str(), fields.get("asker"));
    triage::second(&console.store, actor.judge(&console), asked, console.clock.now()).await?;
    Ok(back(&id, "seconded"))
}

async fn hold(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let is_held = fields.get("hold") == "yes";
    let why = (fields.get("why"), console.clock.now());
    triage::hold(&console.store, actor.judge(&console), (&id, is_held), why).await?;
    Ok(back(&id, if is_held { "held" } else { "released" }))
}

/// Makes a case part of another.
async fn merge(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let id = living(&console, actor, &id).await?;
    let into = console.store.find_case(&actor.scope, fields.get("into")).await?.ok_or_else(unknown_case)?.0;
    let wish = (id.as_str(), into.as_str(), seen_version(fields));
    let why = (fields.get("why"), console.clock.now());
    match triage::merge(&console.store, actor.judge(&console), wish, why).await? {
        Regrouped::Done(into) => Ok(back(&into, "merged")),
        Regrouped::Stale => Err(Problem::overtaken()),
    }
}

/// Makes a case of its own out of some entries.
async fn split(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let id = living(&console, actor, &id).await?;
    let entries: BTreeSet<String> = fields.all("entry").into_iter().map(str::to_owned).collect();
    if entries.is_empty() {
        return Err(Problem::refused(
            Said::new("Choose the entries that make another case", "请选择要拆分的条目"),
            Said::new("Go back and tick them in the list.", "请返回在列表中勾选。"),
        ));
    }
    let wish = (id.as_str(), &entries, seen_version(fields));
    let why = (fields.get("why"), console.clock.now());
    match triage::split(&console.store, actor.judge(&console), wish, why).await? {
        Regrouped::Done(fresh) => Ok(Redirect::to(&format!("/cases/{fresh}?said=split&off={id}")).into_response()),
        Regrouped::Stale => Err(Problem::overtaken()),
    }
}

/// Gives everything that was captured of a case to who has said why.
async fn warc(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, why) = (&posted.actor, posted.fields.get("why"));
    let id = living(&console, actor, &id).await?;
    let judge = actor.judge(&console);
    let asked = triage::ask_to_see(&console.store, judge, (&id, acts::DOWNLOADED), (why, console.clock.now())).await?;
    match asked {
        Decided::Done(_) => {}
        Decided::Waits | Decided::Stale => return Ok(back(&id, "waits")),
    }
    let bytes = disclosing::warc_of((&console.store, &console.evidence), (&actor.scope, &id)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.warc.gz\"")),
    ];
    Ok((headers, bytes).into_response())
}
