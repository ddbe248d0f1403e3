//! One's own tokens for programs: made with scopes, shown once, revoked.

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
use crate::domain::user::grant::Grant;
use crate::ports::store::ApiToken;
use crate::services::tokens::{self, TokenError, Wanted};

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/account/tokens", get(show).post(make)).route("/account/tokens/revoke", post(revoke))
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    l: Layout,
    grants: Vec<(Grant, &'static str)>,
    tokens: Vec<(ApiToken, bool)>,
    /// The one just made; never seen again.
    made: Option<String>,
}

async fn show(
    State(console): State<Arc<Console>>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let note =
        (query.get("said") == "revoked").then(|| actor.t("The token counts no more.", "令牌已失效。").to_owned());
    tokens_page(&console, &actor, note, None).await
}

async fn tokens_page(
    console: &Console,
    actor: &Actor,
    note: Option<String>,
    made: Option<String>,
) -> Result<Response, Problem> {
    let now = console.clock.now();
    let tokens = console.store.api_tokens(&actor.user.id).await?;
    let counts = |token: &ApiToken| token.revoked_at.is_none() && token.expires_at > now;
    let grants = Grant::ALL.into_iter().filter(|grant| grant.is_within(actor.user.role));
    let name = |grant: Grant| match grant {
        Grant::Read => actor.viewer.tongue.choose("read what you see", "读取您可见的内容"),
        Grant::Triage => actor.viewer.tongue.choose("move cases", "更改案件状态"),
        Grant::Sources => actor.viewer.tongue.choose("add and change sources", "添加和更改来源"),
        Grant::Enrol => actor.viewer.tongue.choose("enrol watchlists", "登记监测名单"),
    };
    page(&TokensPage {
        l: actor.layout(Section::Account, actor.t("Tokens for programs", "程序令牌")).noting(note),
        grants: grants.map(|grant| (grant, name(grant))).collect(),
        tokens: tokens.into_iter().map(|token| (token.clone(), counts(&token))).collect(),
        made,
    })
}

async fn make(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let grants = Grant::ALL.into_iter().filter(|grant| !fields.get(grant.as_str()).is_empty()).collect();
    let days = fields.get("days").parse().unwrap_or(0);
    let wanted = Wanted { label: fields.get("label"), grants, days };
    let user = (actor.user.id.as_str(), actor.user.role);
    let (secret, token) = tokens::make(&console.store, user, wanted, console.clock.now()).await.map_err(refused)?;
    tracing::info!(by = actor.user.id, token = token.id, "a token was made");
    tokens_page(&console, actor, None, Some(secret.reveal().clone())).await
}

fn refused(error: TokenError) -> Problem {
    match error {
        TokenError::Store(error) => error.into(),
        TokenError::Chance => Problem::failed(&error),
        TokenError::Label | TokenError::Grants | TokenError::Days | TokenError::Many => Problem::refused(
            Said::new(format!("Cannot {error}"), "无法创建令牌：名称、权限、期限或数量不符"),
            Said::new("Go back and mend it; no token was made.", "请返回修改；未创建令牌。"),
        ),
    }
}

async fn revoke(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (actor, token) = (&posted.actor, posted.fields.get("id"));
    let is_revoked = console.store.revoke_api_token(&actor.user.id, token, console.clock.now()).await?;
    if is_revoked { Ok(Redirect::to("/account/tokens?said=revoked").into_response()) } else { Err(Problem::missing()) }
}
