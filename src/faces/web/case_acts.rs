//! What is done to a case: moving it and taking that back, assigning, notes, silencing, revealing, a second person's consent,
//! holds, downloads.

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
use crate::ports::store::desk::{Expected, Judged, acts};
use crate::services::disclosing::{self, Value};
use crate::services::triage::{self, Decided};

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
    let why = "taken back";
    let undone = console.store.undo_move((&actor.scope, &id), number, (&actor.user.name, why), console.clock.now());
    let said = if undone.await?.is_some() { "undone" } else { "late" };
    Ok(back(&id, said))
}

async fn assign(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    actor.must_be(crate::domain::user::Role::may_judge)?;
    let (id, organization) = console.store.find_case(&actor.scope, &id).await?.ok_or_else(Problem::missing)?;
    let assignee = Some(fields.get("assignee")).filter(|name| !name.is_empty());
    if let Some(name) = assignee {
        let user = console.store.user(name).await?.filter(|user| user.name == name && user.disabled_at.is_none());
        if user.is_none_or(|user| !user.scope().covers(&organization.0)) {
            return Err(Problem::refused(
                Said::new("Nobody of that name may see this case", "没有可查看此案件的该用户"),
                Said::new("Go back and choose somebody else.", "请返回选择其他人。"),
            ));
        }
    }
    let expected = seen_version(fields);
    let case = (&actor.scope, id.as_str());
    match console.store.assign_case(case, (assignee, expected), &actor.user.name, console.clock.now()).await? {
        Judged::Done(_) => Ok(back(&id, "assigned")),
        Judged::Stale => Err(Problem::new(
            axum::http::StatusCode::CONFLICT,
            Said::new("Somebody changed the case meanwhile", "其他人已更改此案件"),
            Said::new("Nothing was assigned. Open it again to see what was done.", "未作指派。请重新打开查看更改。"),
        )),
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
    let actor = &posted.actor;
    actor.must_be(crate::domain::user::Role::may_judge)?;
    let why = Some(posted.fields.get("why")).filter(|why| !why.is_empty()).unwrap_or("–");
    let now = console.clock.now();
    console.store.unsilence_entries((&actor.scope, &id), (&actor.user.name, why), now).await?;
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
    actor.must_be(crate::domain::user::Role::may_judge)?;
    let asked = (triage::REVEAL, fields.get("asker"));
    let is_asked = console.store.second((&actor.scope, &id), asked, &actor.user.name, console.clock.now()).await?;
    if is_asked { Ok(back(&id, "seconded")) } else { Err(unknown_case()) }
}

async fn hold(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    actor.must_be(crate::domain::user::Role::may_judge)?;
    let id = living(&console, actor, &id).await?;
    let is_held = fields.get("hold") == "yes";
    let said = (actor.user.name.as_str(), fields.get("why"));
    triage::hold_case(&console.store, (&id, is_held), said, console.clock.now()).await?;
    Ok(back(&id, if is_held { "held" } else { "released" }))
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
