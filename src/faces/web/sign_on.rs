//! Single sign-on: to the organization's own login and back.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::Console;
use super::actor::Knock;
use super::login::{go_on, local, login_page, refusal};
use super::posted::Fields;
use super::problem::Problem;
use super::viewer::{Viewer, cookie};
use crate::services::access::oidc::{Provider, SignOnError};

/// Where the browser goes, and where it comes back.
pub(crate) const BEGIN: &str = "/login/oidc";
pub(crate) const DONE: &str = "/login/oidc/done";

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route(BEGIN, get(begin)).route(DONE, get(done))
}

fn provider(console: &Console) -> Result<&Provider, Problem> {
    console.provider.as_ref().ok_or_else(Problem::missing)
}

/// Another site's page cannot finish a login that this browser has not begun: its cookie names it.
fn cookie_name(console: &Console) -> (&'static str, &'static str) {
    if console.options.is_secure() { ("__Host-dyepack-login", "; Secure") } else { ("dyepack-login", "") }
}

async fn begin(
    State(console): State<Arc<Console>>,
    knock: Knock,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let now = console.clock.now();
    match provider(&console)?.begin(local(query.get("next")), now).await {
        Ok((url, attempt)) => {
            let (name, secure) = cookie_name(&console);
            let kept = format!("{name}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=600{secure}", attempt.state);
            console.memory.begin_login(attempt, now);
            Ok(([(header::SET_COOKIE, kept)], Redirect::to(url.as_str())).into_response())
        }
        Err(error) => refused(&console, error, &knock.viewer),
    }
}

async fn done(
    State(console): State<Arc<Console>>,
    knock: Knock,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let (provider, now) = (provider(&console)?, console.clock.now());
    let state = query.get("state");
    let is_own = cookie(&headers, cookie_name(&console).0) == Some(state);
    let attempt = console.memory.end_login(state, now).filter(|_| is_own && !state.is_empty());
    let Some(attempt) = attempt else {
        let english = "This login was begun elsewhere, took too long, or was finished before. Try again.";
        let text = knock.viewer.t(english, "此登录在别处发起、已超时或已完成。请重试。").to_owned();
        return told(&console, (StatusCode::FORBIDDEN, text), &knock.viewer);
    };
    if !query.get("error").is_empty() {
        let text = knock.viewer.t("The login was broken off at", "登录已在以下位置中止：");
        let code: String = query.get("error").chars().filter(char::is_ascii_graphic).take(60).collect();
        let text = format!("{text} {} ({code}).", provider.label());
        return told(&console, (StatusCode::FORBIDDEN, text), &knock.viewer);
    }
    let answer = (&attempt, query.get("code"));
    match provider.finish(&console.store, answer, knock.caller(), now).await {
        Ok(entered) => Ok(go_on(&entered, &attempt.next, &console)),
        Err(error) => refused(&console, error, &knock.viewer),
    }
}

/// Says why somebody does not come in; what an operator must mend is in the log, too.
fn refused(console: &Console, error: SignOnError, viewer: &Viewer) -> Result<Response, Problem> {
    let t = |english, chinese| viewer.t(english, chinese).to_owned();
    let ask = t(
        "Try again; if it stays, ask whoever runs dyepack to look at its log.",
        "请重试；若仍失败，请联系运维人员查看日志。",
    );
    let (status, text) = match error {
        SignOnError::Access(error) => refusal(error, viewer)?,
        SignOnError::Uninvited { email } => {
            let text = t(
                "is not invited here. Ask an administrator to invite exactly this address.",
                "尚未受邀。请管理员邀请此地址。",
            );
            (StatusCode::FORBIDDEN, format!("{email} {text}"))
        }
        SignOnError::Unverified => (
            StatusCode::FORBIDDEN,
            t(
                "Your organization's login does not say that your mail address is verified. Ask its administrators.",
                "机构登录未确认您的邮箱地址。请联系其管理员。",
            ),
        ),
        SignOnError::Group(group) => {
            let text = t("Your organization's login does not count you in the group", "机构登录未将您列入该组：");
            (StatusCode::FORBIDDEN, format!("{text} {group}."))
        }
        SignOnError::Claim(_) | SignOnError::Token(_) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a login by single sign-on was refused");
            let text = t("The answer of your organization's login does not count.", "机构登录的应答无效。");
            (StatusCode::FORBIDDEN, format!("{text} {ask}"))
        }
        SignOnError::Unreachable(_)
        | SignOnError::Strange(_)
        | SignOnError::Renamed(_)
        | SignOnError::Refused { .. } => {
            tracing::error!(error = &error as &dyn std::error::Error, "single sign-on does not work");
            let text = t("Your organization's login cannot be used now.", "目前无法使用机构登录。");
            (StatusCode::BAD_GATEWAY, format!("{text} {ask}"))
        }
    };
    told(console, (status, text), viewer)
}

fn told(console: &Console, (status, text): (StatusCode, String), viewer: &Viewer) -> Result<Response, Problem> {
    Ok((status, login_page(console, viewer, Some(text))?).into_response())
}
