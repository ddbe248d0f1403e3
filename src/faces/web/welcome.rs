//! One-time links: a new user sets a password; the demo's link goes straight in.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Console;
use super::actor::Knock;
use super::layout::{Layout, Section, page};
use super::login::{go_on, refusal};
use super::posted::OpenForm;
use super::problem::Problem;
use super::viewer::Viewer;
use crate::domain::secret::Secret;
use crate::domain::user::password::{SHORTEST, Weakness};
use crate::services::access::{self, AccessError};

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/welcome/{token}", get(show).post(take_up))
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage<'a> {
    l: Layout,
    token: &'a str,
    user: &'a str,
    error: Option<String>,
    shortest: usize,
}

async fn show(
    State(console): State<Arc<Console>>,
    Path(token): Path<String>,
    knock: Knock,
) -> Result<Response, Problem> {
    let secret = Secret::new(token.clone());
    match access::open_door(&console.store, &secret, knock.caller(), console.clock.now()).await {
        Ok(Some(entered)) => Ok(go_on(&entered, "/", &console)),
        Ok(None) => form(&console, &token, None, &knock).await,
        Err(error) => refusal(error, &knock.viewer).and_then(|_| Err(Problem::missing())),
    }
}

async fn take_up(
    State(console): State<Arc<Console>>,
    Path(token): Path<String>,
    knock: Knock,
    OpenForm(fields): OpenForm,
) -> Result<Response, Problem> {
    if fields.raw("password") != fields.raw("again") {
        let error = knock.viewer.t("The two passwords differ.", "两次输入的密码不一致。").to_owned();
        return Ok(
            (StatusCode::UNPROCESSABLE_ENTITY, form(&console, &token, Some(error), &knock).await?).into_response()
        );
    }
    let (secret, password) = (Secret::new(token.clone()), Secret::new(fields.raw("password").to_owned()));
    let (is_wanted, now) = (!console.options.is_password_enough, console.clock.now());
    match access::take_up(&console.store, (&secret, password), is_wanted, knock.caller(), now).await {
        Ok(entered) => Ok(go_on(&entered, "/", &console)),
        Err(error) => {
            let (status, error) = refusal(error, &knock.viewer)?;
            Ok((status, form(&console, &token, Some(error), &knock).await?).into_response())
        }
    }
}

async fn form(console: &Console, token: &str, error: Option<String>, knock: &Knock) -> Result<Response, Problem> {
    let invited = console.store.invited(&Secret::new(token.to_owned()), console.clock.now()).await?;
    let Some((user, _)) = invited else {
        return refusal(AccessError::Link, &knock.viewer).and_then(|_| Err(Problem::missing()));
    };
    let title = knock.viewer.t("Welcome", "欢迎").to_owned();
    let l = Layout::new(knock.viewer.clone(), Section::None, title);
    page(&WelcomePage { l, token, user: &user.name, error, shortest: SHORTEST })
}

/// Says what is wrong with a new password.
pub(crate) fn weakness(weakness: Weakness, viewer: &Viewer) -> String {
    let (english, chinese) = match weakness {
        Weakness::Short => {
            ("It is too short: take 12 characters or more. A few words do.", "太短：至少 12 个字符，几个词即可。")
        }
        Weakness::Long => ("It is too long: take fewer than 1000 bytes.", "太长：请少于 1000 字节。"),
        Weakness::Simple => ("It is too simple: take a few words.", "太简单：请使用几个词。"),
        Weakness::Name => {
            ("It holds your name or the product's: take other words.", "包含您的用户名或产品名：请换其他词。")
        }
    };
    viewer.t(english, chinese).to_owned()
}
