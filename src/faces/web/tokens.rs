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
use super::problem::Problem;
use crate::domain::user::grant::Grant;
use crate::ports::store::ApiToken;
use crate::services::tokens::{self, Wanted};

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
        Grant::Triage => actor
            .viewer
            .tongue
            .choose("work on cases: move, assign, note, merge, split", "处理案件：更改状态、指派、备注、合并、拆分"),
        Grant::Reveal => actor
            .viewer
            .tongue
            .choose("see full values and take evidence away, with a reason", "说明原因后查看完整值和下载证据"),
        Grant::Sources => actor.viewer.tongue.choose("add and change sources", "添加和更改来源"),
        Grant::Enrol => actor.viewer.tongue.choose("enrol watchlists", "登记监测名单"),
        Grant::Users => actor.viewer.tongue.choose("invite and change users", "邀请和更改用户"),
        Grant::Account => actor.viewer.tongue.choose("your saved filters, sessions and tokens", "您的筛选、会话和令牌"),
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
    let (secret, token) = tokens::make(&console.store, user, wanted, console.clock.now()).await?;
    tracing::info!(by = actor.user.id, token = token.id, "a token was made");
    tokens_page(&console, actor, None, Some(secret.reveal().clone())).await
}

async fn revoke(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (actor, token) = (&posted.actor, posted.fields.get("id"));
    let is_revoked = console.store.revoke_api_token(&actor.user.id, token, console.clock.now()).await?;
    if is_revoked { Ok(Redirect::to("/account/tokens?said=revoked").into_response()) } else { Err(Problem::missing()) }
}
