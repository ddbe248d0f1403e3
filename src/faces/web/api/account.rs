//! What is a user's own: saved filters, browsers that are logged in, tokens. A program ends sessions and tokens; it never makes
//! a token, so that none outlives the days it was made for.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::asked::{Asked, Body};
use super::may::{By, Owns, Reads};
use super::{json, page};
use crate::domain::user::grant::Grant;
use crate::faces::web::Console;
use crate::faces::web::filter::{self, NAME_LIMIT};
use crate::faces::web::problem::Problem;
use crate::ports::store::{ApiToken, ConsoleSession};

/// Where they are.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/api/v1/filters", get(filters))
        .route("/api/v1/filters/{filter}", put(save_filter).delete(forget_filter))
        .route("/api/v1/me/sessions", get(sessions))
        .route("/api/v1/me/sessions/{session}", delete(end_session))
        .route("/api/v1/me/tokens", get(tokens))
        .route("/api/v1/me/tokens/{token}", delete(revoke_token))
}

/// A filter of the inbox that is saved under a name.
#[derive(Debug, Serialize)]
struct FilterShown<'a> {
    name: &'a str,
    query: &'a str,
}

async fn filters(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Asked::parse(query.as_deref(), &[])?;
    let saved = console.store.saved_filters(&program.user.id).await?;
    page(saved.iter().map(|(name, query)| FilterShown { name, query }).collect::<Vec<_>>(), None)
}

/// Longest query of a filter, in characters.
const QUERY_LIMIT: usize = 2_000;

/// What a filter asks for: what the inbox's address says behind its question mark.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    query: String,
}

async fn save_filter(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Owns>,
    Path(name): Path<String>,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Problem> {
    let is_name = !name.trim().is_empty() && name.chars().count() <= NAME_LIMIT && !name.chars().any(char::is_control);
    if !is_name {
        return Err(super::unfit("a filter's name has 1 to 60 characters"));
    }
    if wanted.query.chars().count() > QUERY_LIMIT {
        return Err(super::unfit("a filter's query has 2000 characters at most"));
    }
    let query = filter::saved_query(&wanted.query, &TimeZone::UTC);
    console.store.save_filter(&program.user.id, (&name, &query)).await?;
    json(&FilterShown { name: &name, query: &query })
}

async fn forget_filter(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Owns>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let saved = console.store.saved_filters(&program.user.id).await?;
    if !saved.iter().any(|(known, _)| *known == name) {
        return Err(Problem::missing());
    }
    console.store.save_filter(&program.user.id, (&name, "")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A browser that is logged in.
#[derive(Debug, Serialize)]
struct SessionShown<'a> {
    id: &'a str,
    created_at: Timestamp,
    seen_at: Timestamp,
    expires_at: Timestamp,
    address: &'a str,
    agent: &'a str,
}

impl<'a> From<&'a ConsoleSession> for SessionShown<'a> {
    fn from(session: &'a ConsoleSession) -> Self {
        Self {
            id: &session.id,
            created_at: session.created_at,
            seen_at: session.seen_at,
            expires_at: session.expires_at,
            address: &session.address,
            agent: &session.agent,
        }
    }
}

async fn sessions(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Asked::parse(query.as_deref(), &[])?;
    let sessions = console.store.console_sessions(&program.user.id, console.clock.now()).await?;
    page(sessions.iter().map(SessionShown::from).collect::<Vec<_>>(), None)
}

async fn end_session(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Owns>,
    Path(session): Path<String>,
) -> Result<Response, Problem> {
    gone(console.store.end_console_session(&program.user.id, &session).await?)
}

/// A token, without what opens anything.
#[derive(Debug, Serialize)]
struct TokenShown<'a> {
    id: &'a str,
    label: &'a str,
    grants: &'a [Grant],
    created_at: Timestamp,
    expires_at: Timestamp,
    seen_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl<'a> From<&'a ApiToken> for TokenShown<'a> {
    fn from(token: &'a ApiToken) -> Self {
        Self {
            id: &token.id,
            label: &token.label,
            grants: &token.grants,
            created_at: token.created_at,
            expires_at: token.expires_at,
            seen_at: token.seen_at,
            revoked_at: token.revoked_at,
        }
    }
}

async fn tokens(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Reads>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Asked::parse(query.as_deref(), &[])?;
    let tokens = console.store.api_tokens(&program.user.id).await?;
    page(tokens.iter().map(TokenShown::from).collect::<Vec<_>>(), None)
}

async fn revoke_token(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Owns>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    gone(console.store.revoke_api_token(&program.user.id, &token, console.clock.now()).await?)
}

fn gone(was_there: bool) -> Result<Response, Problem> {
    if was_there { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(Problem::missing()) }
}
