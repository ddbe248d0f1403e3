//! The audit log: everything that people did to cases, the newest first, and whether its chain of hashes holds.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;

use super::Console;
use super::actor::Actor;
use super::layout::{Layout, Section, page};
use super::posted::Fields;
use super::problem::Problem;
use super::words;
use crate::domain::user::Role;
use crate::ports::store::AuditVerdict;
use crate::ports::store::model::CaseMove;

/// Rows on a page.
const PAGE: u32 = 100;

/// Where it is.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/audit", get(show))
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditLogPage {
    l: Layout,
    rows: Vec<(CaseMove, String)>,
    next: Option<i64>,
    /// Rows checked, or the first that does not follow; only if it was asked for.
    verdict: Option<Result<u64, i64>>,
    may_check: bool,
}

async fn show(
    State(console): State<Arc<Console>>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    let before = fields.get("before").parse().ok();
    let moves = console.store.audit_page(&actor.scope, (before, PAGE)).await?;
    let may_check = actor.user.role == Role::Admin;
    // The chain runs through every organization's rows: who checks it learns only whether it holds.
    let verdict = if may_check && fields.get("check") == "yes" {
        Some(match console.store.verify_audit().await? {
            AuditVerdict::Whole { rows } => Ok(rows),
            AuditVerdict::Broken { number } => Err(number),
        })
    } else {
        None
    };
    let tongue = actor.viewer.tongue;
    let named = |row: CaseMove| {
        let what = match (row.from.as_str(), row.to.as_str()) {
            ("", "new") => actor.t("opened", "立案").to_owned(),
            ("hold", "") => actor.t("released", "解除保全").to_owned(),
            ("", to) => words::act(tongue, to),
            (from, to) => format!("{} → {}", words::act(tongue, from), words::act(tongue, to)),
        };
        (row, what)
    };
    let rows = moves.moves.into_iter().map(named).collect();
    let l = actor.layout(Section::Audit, actor.t("Audit log", "审计日志"));
    page(&AuditLogPage { l, rows, next: moves.next, verdict, may_check })
}
