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
use super::problem::{Problem, Said};
use crate::domain::secret::Secret;
use crate::domain::user::Role;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::{InvitationKind, UserRow};
use crate::services::access::{self, AccessError};

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
    let outlines = console.store.organization_outlines(&actor.scope).await?;
    let named = outlines.into_iter().map(|outline| (outline.organization.id.0, outline.organization.name));
    let l = actor.layout(Section::Users, actor.t("Users", "用户")).noting(note);
    page(&UsersPage { l, own: actor.user.id.clone(), users, organizations: named.collect(), link })
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
    let token = made.map_err(refused)?;
    tracing::info!(by = actor.user.id, from = actor.address, "an invitation was made");
    users_page(&console, actor, None, Some((name, address(&console, &token)))).await
}

/// Invitations are shown as addresses of the console; where it is reached by no set address, only the path is known.
fn address(console: &Console, token: &Secret<String>) -> String {
    let base = console.options.url.as_ref().map_or("", |url| url.as_str().trim_end_matches('/'));
    format!("{base}/welcome/{}", token.reveal())
}

fn refused(error: AccessError) -> Problem {
    let mend = Said::new("Go back and mend it; nobody was added.", "请返回修改；未添加任何用户。");
    let what = match error {
        AccessError::Name(_) => {
            Said::new("A name has 2 to 80 letters, digits and . _ - + @", "用户名须为 2 至 80 个字母、数字或 . _ - + @")
        }
        AccessError::Taken(_) => Said::new("There is a user of that name", "用户名已存在"),
        AccessError::Organization => Said::new("A member belongs to one organization", "成员必须属于一个机构"),
        AccessError::Store(error) => return error.into(),
        AccessError::Wrong
        | AccessError::Blocked { .. }
        | AccessError::Weak(_)
        | AccessError::Link
        | AccessError::Chance => return Problem::failed(&error),
    };
    Problem::refused(what, mend)
}

async fn change(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    actor.must_be(only_admins)?;
    let user = console.store.user(fields.get("user")).await?.ok_or_else(Problem::missing)?;
    if user.id == actor.user.id {
        return Err(Problem::refused(
            Said::new("This is your own user", "这是您自己的账户"),
            Said::new("Let another administrator change it.", "请由其他管理员更改。"),
        ));
    }
    match fields.get("what") {
        "disable" | "enable" => {
            let disabled_at = (fields.get("what") == "disable").then(|| console.clock.now());
            console.store.change_user(&user.id, (user.role, user.organization.as_ref()), disabled_at).await?;
        }
        "factor" => console.store.set_totp(&user.id, None, &[]).await?,
        _ => return Err(Problem::missing()),
    }
    tracing::info!(by = actor.user.id, user = user.id, what = fields.get("what"), "a user was changed");
    Ok(Redirect::to("/users?said=changed").into_response())
}
