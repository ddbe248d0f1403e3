//! Users: who gets in, with which role; invitations. For administrators.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::Console;
use super::actor::Actor;
use super::layout::{Layout, Section, page};
use super::posted::{Fields, Posted};
use super::problem::Problem;
use crate::domain::secret::Secret;
use crate::domain::user::Role;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::{InvitationKind, UserRow};
use crate::services::access;
use crate::services::users::{self, UserEdit};

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/users", get(show)).route("/users/invite", post(invite)).route("/users/change", post(change))
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    l: Layout,
    own: String,
    users: Vec<UserRow>,
    /// Word and name of every role.
    roles: Vec<(&'static str, &'static str)>,
    /// Id and name of every organization.
    organizations: Vec<(String, String)>,
    /// A one-time link that was just made, and for whom.
    link: Option<(String, String)>,
}

fn only_admins(role: Role) -> bool {
    role == Role::Admin
}

async fn show(
    State(console): State<Arc<Console>>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    actor.must_be(only_admins)?;
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let note = (query.get("said") == "changed")
        .then(|| actor.t("Changed; the user's sessions ended.", "已更改；该用户的会话已结束。").to_owned());
    users_page(&console, &actor, note, None).await
}

async fn users_page(
    console: &Console,
    actor: &Actor,
    note: Option<String>,
    link: Option<(String, String)>,
) -> Result<Response, Problem> {
    let users = console.store.users().await?;
    let organizations = console.store.organizations(&actor.scope).await?;
    let named = organizations.into_iter().map(|one| (one.id.0, one.name));
    let l = actor.layout(Section::Users, actor.t("Users", "用户")).noting(note);
    let roles = Role::ALL.map(|role| (role.as_str(), l.role_name(role))).into();
    page(&UsersPage { l, own: actor.user.id.clone(), users, roles, organizations: named.collect(), link })
}

async fn invite(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    actor.must_be(only_admins)?;
    let now = console.clock.now();
    let name = fields.get("name").to_lowercase();
    let made = if fields.get("again").is_empty() {
        let role = Role::parse(fields.get("role")).ok_or_else(Problem::missing)?;
        let organization = OrganizationId::parse(fields.get("organization")).filter(|_| role == Role::Member);
        access::invite(&console.store, &name, role, organization.as_ref(), now).await
    } else {
        let user = console.store.user(fields.get("again")).await?.ok_or_else(Problem::missing)?;
        access::invite_again(&console.store, &user.id, InvitationKind::Password, now).await
    };
    let token = made?;
    tracing::info!(by = actor.user.id, from = actor.address, "an invitation was made");
    users_page(&console, actor, None, Some((name, address(&console, &token)))).await
}

/// Invitations are shown as addresses of the console; where it is reached by no set address, only the path is known.
pub(crate) fn address(console: &Console, token: &Secret<String>) -> String {
    let base = console.options.url.as_ref().map_or("", |url| url.as_str().trim_end_matches('/'));
    format!("{base}/welcome/{}", token.reveal())
}

async fn change(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    actor.must_be(only_admins)?;
    let (store, by, name, now) = (&console.store, &actor.user, fields.get("user"), console.clock.now());
    let what = fields.get("what");
    match what {
        "disable" | "enable" => {
            let edit = UserEdit { is_disabled: Some(what == "disable"), ..UserEdit::default() };
            users::change(store, by, name, &edit, now).await?;
        }
        "role" => {
            let role = Role::parse(fields.get("role")).ok_or_else(Problem::missing)?;
            // The choice of an organization stands beside every role, and counts for members.
            let organization = OrganizationId::parse(fields.get("organization")).filter(|_| role == Role::Member);
            let edit = UserEdit { role: Some(role), organization, is_disabled: None };
            users::change(store, by, name, &edit, now).await?;
        }
        "factor" => users::reset_factor(store, by, name).await.map(drop)?,
        "subject" => users::forget_subject(store, by, name).await.map(drop)?,
        "sessions" => users::end_sessions(store, by, name).await.map(drop)?,
        _ => return Err(Problem::missing()),
    }
    tracing::info!(by = by.id, user = name, what, "a user was changed");
    Ok(Redirect::to("/users?said=changed").into_response())
}

impl UsersPage {
    /// Whether a user has this role.
    fn is_in(user: &UserRow, role: &str) -> bool {
        user.role.as_str() == role
    }

    /// Whether a user belongs to this organization.
    fn is_of(user: &UserRow, organization: &str) -> bool {
        user.organization.as_ref().is_some_and(|own| own.0 == organization)
    }
}
