//! What is open without a login: the pages of links in mails, and feeds behind their tokens.
//!
//! A link is its own proof. Opening one asks, only its button acts; what programs open that read mails before people do
//! changes nothing. Not here: what a link does (`services::answering`).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Console;
use crate::domain::alert::links::Purpose;
use crate::domain::alert::pages::{Page, render};
use crate::domain::watchlist::{Language, OrganizationId};
use crate::ports::store::StoreError;
use crate::services::answering::{self, Deed};

/// The pages bring their own style, as the mails do, and no script; nobody else may frame or index them.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // The address is the proof: it goes nowhere else.
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// The routes.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/acknowledge/{token}", get(open_acknowledge).post(press_acknowledge))
        .route("/confirm/{token}", get(open_confirm).post(press_confirm))
        .route("/feed/{organization}/{token}", get(feed))
}

async fn open_acknowledge(State(console): State<Arc<Console>>, Path(token): Path<String>) -> Response {
    answer(&console, (Purpose::Acknowledge, &token), Deed::Open).await
}

async fn press_acknowledge(State(console): State<Arc<Console>>, Path(token): Path<String>) -> Response {
    answer(&console, (Purpose::Acknowledge, &token), Deed::Press).await
}

async fn open_confirm(State(console): State<Arc<Console>>, Path(token): Path<String>) -> Response {
    answer(&console, (Purpose::Confirm, &token), Deed::Open).await
}

async fn press_confirm(State(console): State<Arc<Console>>, Path(token): Path<String>) -> Response {
    answer(&console, (Purpose::Confirm, &token), Deed::Press).await
}

async fn answer(console: &Console, link: (Purpose, &str), deed: Deed) -> Response {
    match answering::follow(&console.store, link, deed, console.clock.now()).await {
        Ok((page, language)) => {
            let status = match page {
                Page::Unknown => StatusCode::NOT_FOUND,
                Page::Expired => StatusCode::GONE,
                Page::AskSeen { .. }
                | Page::Seen { .. }
                | Page::WasSeen { .. }
                | Page::AskConfirm { .. }
                | Page::Confirmed { .. } => StatusCode::OK,
            };
            dressed(status, "text/html; charset=utf-8", render(&page, language))
        }
        Err(error) => failed(&error),
    }
}

async fn feed(State(console): State<Arc<Console>>, Path((organization, token)): Path<(String, String)>) -> Response {
    let Some(organization) = OrganizationId::parse(&organization) else { return nothing() };
    let token = token.strip_suffix(".atom").unwrap_or(&token);
    match answering::feed(&console.store, &organization, token, console.clock.now()).await {
        Ok(Some(feed)) => dressed(StatusCode::OK, "application/atom+xml; charset=utf-8", feed),
        Ok(None) => nothing(),
        Err(error) => failed(&error),
    }
}

fn nothing() -> Response {
    dressed(StatusCode::NOT_FOUND, "text/html; charset=utf-8", render(&Page::Unknown, Language::En))
}

fn failed(error: &StoreError) -> Response {
    tracing::error!(%error, "a link could not be answered");
    let text = "dyepack cannot answer now; please try again in a minute.\n".to_owned();
    dressed(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", text)
}

fn dressed(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
