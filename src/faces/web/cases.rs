//! The inbox: cases, the newest first.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{Redirect, Response};
use axum::routing::get;

use super::Console;
use super::actor::Actor;
use super::layout::{Layout, Section, page};
use super::problem::Problem;
use crate::ports::store::console::{CaseLine, CaseQuery};

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/", get(async |_: Actor| Redirect::to("/cases"))).route("/cases", get(show))
}

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage {
    l: Layout,
    cases: Vec<CaseLine>,
}

async fn show(State(console): State<Arc<Console>>, actor: Actor) -> Result<Response, Problem> {
    let cases = console.store.case_page(&actor.scope, &CaseQuery::default(), (None, 50)).await?.cases;
    page(&CasesPage { l: actor.layout(Section::Cases, actor.t("Cases", "案件")), cases })
}
