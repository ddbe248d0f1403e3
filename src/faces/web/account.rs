//! One's own user: the browsers that are logged in, and a new password.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::Console;
use super::actor::{Actor, Knock, session_cookie};
use super::layout::{Layout, Section, page};
use super::posted::{Fields, Posted};
use super::problem::{Problem, Said};
use super::viewer::ZONES;
use super::welcome;
use crate::domain::secret::Secret;
use crate::domain::user::password;
use crate::ports::store::{ConsoleSession, Stage};
use crate::services::access::{self, AccessError};

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/account", get(show))
        .route("/account/sessions", post(end_session))
        .route("/account/password", post(change_password))
        .route("/account/factor", post(replace_factor))
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    l: Layout,
    actor: Actor,
    sessions: Vec<ConsoleSession>,
    /// Zones that are offered.
    zones: [&'static str; ZONES.len()],
}

async fn show(
    State(console): State<Arc<Console>>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let sessions = console.store.console_sessions(&actor.user.id, console.clock.now()).await?;
    let note = match query.get("said") {
        "ended" => Some(actor.t("The session ended.", "会话已结束。").to_owned()),
        "password" => {
            let english = "The password is changed; every other session ended.";
            Some(actor.t(english, "密码已更改；其他会话均已结束。").to_owned())
        }
        _ => None,
    };
    let l = actor.layout(Section::Account, actor.t("Your account", "我的账户")).noting(note);
    page(&AccountPage { l, actor, sessions, zones: ZONES })
}

async fn end_session(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let is_ended = console.store.end_console_session(&posted.actor.user.id, posted.fields.get("session")).await?;
    if is_ended { Ok(Redirect::to("/account?said=ended").into_response()) } else { Err(Problem::missing()) }
}

/// Takes the second factor away after a code of it; setting up another comes next, and at the next login at the latest.
async fn replace_factor(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (user, now) = (&posted.actor.user, console.clock.now());
    let subjects = [(format!("change {}", user.id), 5)];
    let wrong = || {
        Problem::refused(
            Said::new("The code is wrong, or was used", "验证码不正确或已使用"),
            Said::new("Go back and type the next one.", "请返回输入下一个验证码。"),
        )
    };
    if console.store.note_login_attempt(&subjects, now).await?.is_some() {
        return Err(wrong());
    }
    let credentials = console.store.credentials(&user.id).await?.ok_or_else(Problem::missing)?;
    let totp = credentials.totp.ok_or_else(Problem::missing)?;
    let step = totp.verify(posted.fields.get("code"), credentials.totp_step, now).ok_or_else(wrong)?;
    if !console.store.take_totp_step(&user.id, step).await? {
        return Err(wrong());
    }
    console.store.forget_login_attempts(&[subjects[0].0.clone()]).await?;
    console.store.set_totp(&user.id, None, &[]).await?;
    Ok(Redirect::to("/login/setup").into_response())
}

async fn change_password(
    State(console): State<Arc<Console>>,
    knock: Knock,
    posted: Posted,
) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let now = console.clock.now();
    let subjects = [(format!("change {}", actor.user.id), 5)];
    let mend = || Said::new("Go back and try again; nothing was changed.", "请返回重试；未作任何更改。");
    if console.store.note_login_attempt(&subjects, now).await?.is_some() {
        return Err(Problem::refused(Said::new("Too many failures; wait a while", "失败次数过多，请稍候"), mend()));
    }
    let known = console.store.credentials(&actor.user.id).await?.and_then(|credentials| credentials.password_hash);
    let old = Secret::new(fields.raw("old").to_owned());
    let is_right = match known {
        Some(hash) => {
            tokio::task::spawn_blocking(move || password::is_right(&old, hash.reveal())).await.unwrap_or(false)
        }
        None => true,
    };
    if !is_right {
        return Err(Problem::refused(Said::new("The old password is wrong", "旧密码不正确"), mend()));
    }
    if fields.raw("password") != fields.raw("again") {
        return Err(Problem::refused(Said::new("The two passwords differ", "两次输入的密码不一致"), mend()));
    }
    let new = Secret::new(fields.raw("password").to_owned());
    match access::set_password(&console.store, &actor.user, new).await {
        Ok(()) => {}
        Err(AccessError::Weak(weakness)) => {
            let what = welcome::weakness(weakness, &actor.viewer);
            return Err(Problem::refused(Said::new(what.clone(), what), mend()));
        }
        Err(error) => return Err(Problem::failed(&error)),
    }
    console.store.forget_login_attempts(&[subjects[0].0.clone()]).await?;
    let entered = access::enter(&console.store, (&actor.user.id, Stage::Full), knock.caller(), now).await;
    let entered = entered.map_err(|error| Problem::failed(&error))?;
    Ok(([session_cookie(&entered, &console.options)], Redirect::to("/account?said=password")).into_response())
}
