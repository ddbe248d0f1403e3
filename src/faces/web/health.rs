//! `/healthz` and `/readyz`, for what watches over the process; nothing of anybody's is told.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use super::Console;

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

/// Ready is who gets an answer from the database.
async fn ready(State(console): State<Arc<Console>>) -> (StatusCode, &'static str) {
    match console.store.ledger_head().await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
