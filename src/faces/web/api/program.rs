//! Which program asks: its token, the user it acts for, and how often it may.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::secret::Secret;
use crate::domain::user::grant::Grant;
use crate::faces::web::Console;
use crate::faces::web::problem::{Problem, Said};
use crate::ports::store::UserRow;
use crate::ports::store::console::Scope;
use crate::services::triage::Judge;

/// A program with a token that counts.
#[derive(Debug)]
pub(crate) struct Program {
    /// Whom it acts for.
    pub(crate) user: UserRow,
    /// Whose rows it may touch.
    pub(crate) scope: Scope,
    /// What it may do.
    pub(crate) grants: Vec<Grant>,
}

impl Program {
    /// Lets only programs on whose token is for it and whose user still may.
    ///
    /// # Errors
    /// A problem that names the scope.
    pub(crate) fn may(&self, grant: Grant) -> Result<(), Problem> {
        if self.grants.contains(&grant) && grant.is_within(self.user.role) {
            return Ok(());
        }
        let what = format!("this token may not: it needs the scope {}", grant.as_str());
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            Said::new(what.clone(), what),
            Said::new("Make another token, or ask an administrator for another role.", "请创建新的令牌或联系管理员。"),
        ))
    }

    /// Names the user to the services that decide.
    pub(crate) fn judge(&self, console: &Console) -> Judge<'_> {
        Judge { scope: &self.scope, who: &self.user.name, role: self.user.role, takes_two: console.options.takes_two }
    }

    /// Lets only programs on whose user sees every organization.
    ///
    /// # Errors
    /// A problem.
    pub(crate) fn sees_all(&self) -> Result<(), Problem> {
        match self.scope {
            Scope::Everything => Ok(()),
            Scope::Only(_) => Err(Problem::forbidden()),
        }
    }
}

impl FromRequestParts<Arc<Console>> for Program {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let secret = match given.split_once(' ') {
            Some((kind, secret)) if kind.eq_ignore_ascii_case("bearer") => Secret::new(secret.trim().to_owned()),
            Some(_) | None => return Err(unknown()),
        };
        let now = console.clock.now();
        let found =
            console.store.api_token(&secret, now).await.map_err(|error| Problem::from(error).into_response())?;
        let Some((token, user)) = found else { return Err(unknown()) };
        if let Err(wait) = console.memory.admit(&token.id, now) {
            return Err(too_often(wait));
        }
        Ok(Self { scope: user.scope(), user, grants: token.grants })
    }
}

fn unknown() -> Response {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        Said::new("show a token that counts: Authorization: Bearer …", "请提供有效令牌：Authorization: Bearer …"),
        Said::new("Make one in the console, under your account.", "请在控制台“我的账户”中创建。"),
    );
    let mut response = problem.into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn too_often(wait_seconds: u64) -> Response {
    let problem = Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        Said::new("too many requests", "请求过于频繁"),
        Said::new("Wait as many seconds as Retry-After says.", "请按 Retry-After 指定的秒数等待。"),
    );
    let mut response = problem.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_seconds));
    response
}
