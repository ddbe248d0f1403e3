//! Alerts and the audit log.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;

use super::asked::Asked;
use super::page;
use super::program::Program;
use crate::faces::web::Console;
use crate::faces::web::problem::Problem;
use crate::ports::store::console::{AlertCursor, AlertQuery};
use crate::ports::store::model::AlertState;

/// Where they are.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/api/v1/alerts", get(alerts)).route("/api/v1/audit", get(audit))
}

async fn alerts(
    State(console): State<Arc<Console>>,
    program: Program,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    let asked = Asked::parse(query.as_deref(), &["organization", "state", "cursor", "limit"])?;
    let after = asked.read("cursor", AlertCursor::parse)?;
    let query = AlertQuery { organization: asked.organization()?, state: asked.read("state", state)? };
    let found = console.store.alert_page(&program.scope, &query, (after.as_ref(), asked.limit()?)).await?;
    page(found.alerts, found.next.map(|next| next.encode()))
}

fn state(word: &str) -> Option<AlertState> {
    match word {
        "queued" => Some(AlertState::Queued),
        "waiting_for_contact" => Some(AlertState::WaitingForContact),
        "sent" => Some(AlertState::Sent),
        "dead" => Some(AlertState::Dead),
        "dropped" => Some(AlertState::Dropped),
        _ => None,
    }
}

async fn audit(
    State(console): State<Arc<Console>>,
    program: Program,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    let asked = Asked::parse(query.as_deref(), &["cursor", "limit"])?;
    let before = asked.read("cursor", |text| text.parse::<i64>().ok().filter(|number| *number > 0))?;
    let found = console.store.audit_page(&program.scope, (before, asked.limit()?)).await?;
    page(found.moves, found.next.map(|number| number.to_string()))
}
