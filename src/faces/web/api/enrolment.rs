//! Organizations and what they enrol: watchlists and files of fingerprints, checked before they are taken; never a key.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde::{Deserialize, Serialize};

use super::asked::{self, Asked, Body};
use super::program::Program;
use super::{json, misasked, page, tagged, unfit};
use crate::domain::user::grant::Grant;
use crate::domain::watchlist::{Changes, OrganizationId, Problem as Flaw};
use crate::faces::web::Console;
use crate::faces::web::problem::Problem;
use crate::ports::store::console::OrganizationOutline;
use crate::services::intake::upload::{self, Checked, SentFile, UPLOAD_LIMIT_BYTES};

/// Where they are.
pub(super) fn routes() -> Router<Arc<Console>> {
    let large = Router::new()
        .route("/api/v1/organizations/{organization}/watchlist", put(enrol))
        .route("/api/v1/organizations/{organization}/fingerprints", put(add_fingerprints))
        .layer(DefaultBodyLimit::max(UPLOAD_LIMIT_BYTES));
    Router::new()
        .route("/api/v1/organizations", get(list))
        .route("/api/v1/organizations/{organization}", get(show))
        .merge(large)
}

async fn list(
    State(console): State<Arc<Console>>,
    program: Program,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    program.reads()?;
    Asked::parse(query.as_deref(), &[])?;
    let outlines = console.store.organization_outlines(&program.scope).await?;
    page(outlines.iter().map(Shown::of).collect::<Vec<_>>(), None)
}

/// An organization as programs see it.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(flatten)]
    outline: &'a OrganizationOutline,
}

impl<'a> Shown<'a> {
    fn of(outline: &'a OrganizationOutline) -> Self {
        Self { id: &outline.organization.id.0, name: &outline.organization.name, outline }
    }
}

async fn show(
    State(console): State<Arc<Console>>,
    program: Program,
    Path(organization): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    program.reads()?;
    let outlines = console.store.organization_outlines(&program.scope).await?;
    let outline = outlines.iter().find(|outline| outline.organization.id.0 == organization);
    let outline = outline.ok_or_else(Problem::missing)?;
    tagged(&headers, &outline.imported_at.as_millisecond().to_string(), &Shown::of(outline))
}

/// The files of a watchlist, as texts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    files: BTreeMap<String, String>,
}

/// What an upload would do, or did.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    organization: &'a str,
    taken: bool,
    new: bool,
    canaries: usize,
    fingerprints: u64,
    problems: &'a [Flaw],
    more_problems: usize,
    changes: Option<&'a Changes>,
}

async fn enrol(
    State(console): State<Arc<Console>>,
    program: Program,
    Path(organization): Path<String>,
    RawQuery(query): RawQuery,
    Body(texts): Body<Texts>,
) -> Result<Response, Problem> {
    let (organization, is_trial) = wanted(&program, &organization, query.as_deref())?;
    let files = texts.files.into_iter().map(|(name, text)| SentFile { name, bytes: text.into_bytes() });
    settle(&console, &program, &organization, (files.collect(), is_trial)).await
}

async fn add_fingerprints(
    State(console): State<Arc<Console>>,
    program: Program,
    Path(organization): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Response> {
    let (organization, is_trial) =
        wanted(&program, &organization, query.as_deref()).map_err(IntoResponse::into_response)?;
    let bytes = asked::bytes(request, &console).await?.to_vec();
    let files = vec![SentFile { name: "upload.dpf".to_owned(), bytes }];
    settle(&console, &program, &organization, (files, is_trial)).await.map_err(IntoResponse::into_response)
}

fn wanted(program: &Program, organization: &str, query: Option<&str>) -> Result<(OrganizationId, bool), Problem> {
    program.may(Grant::Enrol)?;
    let asked = Asked::parse(query, &["dry_run"])?;
    let dry_run = asked.read("dry_run", |word| match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    })?;
    let id = OrganizationId::parse(organization)
        .ok_or_else(|| misasked("an organization's id has 3 to 32 lower-case letters, digits and -"))?;
    if !program.scope.covers(&id.0) {
        return Err(Problem::missing());
    }
    Ok((id, dry_run.unwrap_or(false)))
}

async fn settle(
    console: &Console,
    program: &Program,
    organization: &OrganizationId,
    (files, is_trial): (Vec<SentFile>, bool),
) -> Result<Response, Problem> {
    let checked = upload::check(&console.store, Some(organization), files).await;
    let checked = checked.map_err(|error| Problem::failed(&error))?;
    if !checked.is_sound() {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, outcome(organization, &checked, false)?).into_response());
    }
    if is_trial {
        return outcome(organization, &checked, false);
    }
    let ports = (&console.store, &console.vault);
    let taken =
        upload::accept(ports, &checked, console.clock.now()).await.map_err(|error| unfit(format!("cannot {error}")))?;
    tracing::info!(by = program.user.id, organization = organization.0, "a watchlist was enrolled");
    outcome(organization, &checked, taken.is_some())
}

fn outcome(organization: &OrganizationId, checked: &Checked, is_taken: bool) -> Result<Response, Problem> {
    json(&Outcome {
        organization: &organization.0,
        taken: is_taken,
        new: checked.is_new,
        canaries: checked.canaries,
        fingerprints: checked.fingerprints.iter().map(|enrolment| enrolment.count).sum(),
        problems: checked.problems.listed(),
        more_problems: checked.problems.unlisted(),
        changes: checked.changes.as_ref(),
    })
}
