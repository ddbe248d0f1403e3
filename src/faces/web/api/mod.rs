//! `/api/v1`: what the console does, for programs. JSON, described by `openapi.json`; problems are RFC 9457.
//!
//! A program shows a token that a user has made for it and does what the user may and the token is for. Not here: browsers'
//! sessions, which count for nothing here, so that no page of another site can use them.

mod account;
mod asked;
mod case_acts;
mod cases;
mod enrolment;
mod figures;
mod may;
mod program;
mod records;
mod sources;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::Console;
use super::problem::{Problem, Said};
use crate::domain::user::grant::Grant;
use program::Program;

/// The description of all of it.
pub(crate) const DESCRIPTION: &str = include_str!("openapi.json");

/// Where it is.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/api/v1/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION)))
        .route("/api/v1/me", get(me))
        .merge(account::routes())
        .merge(cases::routes())
        .merge(case_acts::routes())
        .merge(users::routes())
        .merge(records::routes())
        .merge(sources::routes())
        .merge(enrolment::routes())
        .merge(figures::routes())
}

/// Whom a token acts for.
#[derive(Debug, Serialize)]
struct Me<'a> {
    name: &'a str,
    role: &'a str,
    organization: Option<&'a str>,
    grants: Vec<&'a str>,
}

async fn me(program: Program) -> Result<Response, Problem> {
    json(&Me {
        name: &program.user.name,
        role: program.user.role.as_str(),
        organization: program.user.organization.as_ref().map(|own| own.0.as_str()),
        grants: program.grants.iter().map(|grant| grant.as_str()).collect(),
    })
}

/// A page of a list.
#[derive(Debug, Serialize)]
struct Page<T> {
    items: T,
    next: Option<String>,
}

/// Answers with a page of a list.
fn page<T: Serialize>(items: T, next: Option<String>) -> Result<Response, Problem> {
    json(&Page { items, next })
}

/// Answers with JSON.
fn json(content: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_string(content).map_err(|error| Problem::failed(&error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// Answers with JSON of a thing that has versions; with nothing if the program has this one.
fn tagged(headers: &HeaderMap, tag: &str, content: &impl Serialize) -> Result<Response, Problem> {
    let tag = format!("\"{tag}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|known| known.trim() == tag);
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { json(content)? };
    response.headers_mut().insert(header::ETAG, HeaderValue::from_str(&tag).map_err(|error| Problem::failed(&error))?);
    Ok(response)
}

/// Returns the version that a program's change is meant for.
fn matched(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let tag = value.to_str().ok().and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"'));
    tag.map(Some).ok_or_else(|| stale("If-Match is not the ETag of anything here"))
}

fn stale(what: &'static str) -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        Said::new(what, "版本不符"),
        Said::new("Get it again and use the ETag of that answer.", "请重新获取并使用该响应的 ETag。"),
    )
}

/// What a program asked cannot be understood.
fn misasked(what: impl Into<String>) -> Problem {
    let what = what.into();
    Problem::new(
        StatusCode::BAD_REQUEST,
        Said::new(what.clone(), what),
        Said::new("See /api/v1/openapi.json.", "请参阅 /api/v1/openapi.json。"),
    )
}

/// What a program asked is understood and cannot be done.
fn unfit(what: impl Into<String>) -> Problem {
    let what = what.into();
    Problem::refused(Said::new(what.clone(), what), Said::new("Nothing was changed.", "未作任何更改。"))
}

impl Program {
    /// Lets only programs on that may read.
    fn reads(&self) -> Result<(), Problem> {
        self.may(Grant::Read)
    }
}
