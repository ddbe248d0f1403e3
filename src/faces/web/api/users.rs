//! Users: who gets in, with which role; invitations, sessions. For administrators.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::asked::{Asked, Body};
use super::may::{By, Staffs};
use super::{json, page};
use crate::domain::user::Role;
use crate::domain::watchlist::OrganizationId;
use crate::faces::web::Console;
use crate::faces::web::problem::Problem;
use crate::faces::web::users::address;
use crate::ports::store::{InvitationKind, UserRow};
use crate::services::access;
use crate::services::users::{self, UserEdit};

/// Where they are.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/api/v1/users", get(list).post(invite))
        .route("/api/v1/users/{user}", get(show).patch(change))
        .route("/api/v1/users/{user}/link", post(invite_again))
        .route("/api/v1/users/{user}/factor", delete(reset_factor))
        .route("/api/v1/users/{user}/sign_on", delete(forget_subject))
        .route("/api/v1/users/{user}/sessions", delete(end_sessions))
}

/// A user as programs see it.
#[derive(Debug, Serialize)]
struct UserShown<'a> {
    id: &'a str,
    name: &'a str,
    role: Role,
    organization: Option<&'a str>,
    /// Whether the invitation was taken up.
    is_active: bool,
    has_second_factor: bool,
    /// Whether the user has come in by the organization's own login.
    has_sign_on: bool,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
    seen_at: Option<Timestamp>,
}

impl<'a> From<&'a UserRow> for UserShown<'a> {
    fn from(user: &'a UserRow) -> Self {
        Self {
            id: &user.id,
            name: &user.name,
            role: user.role,
            organization: user.organization.as_ref().map(|own| own.0.as_str()),
            is_active: user.has_password || user.has_subject,
            has_second_factor: user.has_totp,
            has_sign_on: user.has_subject,
            created_at: user.created_at,
            disabled_at: user.disabled_at,
            seen_at: user.seen_at,
        }
    }
}

async fn list(
    State(console): State<Arc<Console>>,
    _: By<Staffs>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    Asked::parse(query.as_deref(), &[])?;
    let users = console.store.users().await?;
    page(users.iter().map(UserShown::from).collect::<Vec<_>>(), None)
}

async fn show(
    State(console): State<Arc<Console>>,
    _: By<Staffs>,
    Path(user): Path<String>,
) -> Result<Response, Problem> {
    json(&UserShown::from(&console.store.user(&user).await?.ok_or_else(Problem::missing)?))
}

/// Whom to invite.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invited {
    name: String,
    role: Role,
    #[serde(default)]
    organization: Option<String>,
}

/// Where an invited user sets a password; once, within three days.
#[derive(Debug, Serialize)]
struct Link<'a> {
    name: &'a str,
    link: String,
}

async fn invite(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Staffs>,
    Body(wanted): Body<Invited>,
) -> Result<Response, Problem> {
    let organization = wanted.organization.as_deref().map(organization).transpose()?;
    let name = wanted.name.to_lowercase();
    let made = access::invite(&console.store, &name, wanted.role, organization.as_ref(), console.clock.now()).await?;
    tracing::info!(by = program.user.id, "an invitation was made");
    let link = Link { name: name.trim(), link: address(&console, &made) };
    Ok((StatusCode::CREATED, json(&link)?).into_response())
}

async fn invite_again(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Staffs>,
    Path(user): Path<String>,
) -> Result<Response, Problem> {
    let user = users::find(&console.store, &program.user, &user).await?;
    let made = access::invite_again(&console.store, &user.id, InvitationKind::Password, console.clock.now()).await?;
    tracing::info!(by = program.user.id, user = user.id, "an invitation was made");
    json(&Link { name: &user.name, link: address(&console, &made) })
}

/// What may be changed; what is not named stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    organization: Option<String>,
    #[serde(default)]
    disabled: Option<bool>,
}

async fn change(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Staffs>,
    Path(user): Path<String>,
    Body(wanted): Body<Change>,
) -> Result<Response, Problem> {
    let organization = wanted.organization.as_deref().map(organization).transpose()?;
    let edit = UserEdit { role: wanted.role, organization, is_disabled: wanted.disabled };
    let user = users::change(&console.store, &program.user, &user, &edit, console.clock.now()).await?;
    tracing::info!(by = program.user.id, user = user.id, "a user was changed");
    json(&UserShown::from(&user))
}

async fn reset_factor(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Staffs>,
    Path(user): Path<String>,
) -> Result<Response, Problem> {
    let user = users::reset_factor(&console.store, &program.user, &user).await?;
    tracing::info!(by = program.user.id, user = user.id, "a second factor was taken away");
    json(&UserShown::from(&user))
}

async fn forget_subject(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Staffs>,
    Path(user): Path<String>,
) -> Result<Response, Problem> {
    let user = users::forget_subject(&console.store, &program.user, &user).await?;
    tracing::info!(by = program.user.id, user = user.id, "a user may be bound anew");
    json(&UserShown::from(&user))
}

/// How many sessions ended.
#[derive(Debug, Serialize)]
struct Ended {
    sessions: u64,
}

async fn end_sessions(
    State(console): State<Arc<Console>>,
    By { program, .. }: By<Staffs>,
    Path(user): Path<String>,
) -> Result<Response, Problem> {
    let sessions = users::end_sessions(&console.store, &program.user, &user).await?;
    tracing::info!(by = program.user.id, sessions, "a user's sessions were ended");
    json(&Ended { sessions })
}

fn organization(id: &str) -> Result<OrganizationId, Problem> {
    OrganizationId::parse(id)
        .ok_or_else(|| super::unfit("an organization's id has 3 to 32 lower-case letters, digits and -"))
}
