//! Who asks: the logged-in user behind a request. Every page of a tenant's rows takes one.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::layout::{Layout, Section};
use super::problem::Problem;
use super::viewer::{Viewer, cookie};
use super::{Console, Options};
use crate::domain::secret::Secret;
use crate::domain::user::Role;
use crate::ports::store::console::Scope;
use crate::ports::store::{ConsoleSession, Stage, UserRow};
use crate::services::access::{Caller, Entered};
use crate::services::triage::Judge;

/// A logged-in user.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// The user.
    pub(crate) user: UserRow,
    /// Whose rows the user may see.
    pub(crate) scope: Scope,
    /// The browser's session.
    pub(crate) session: ConsoleSession,
    /// What forms carry.
    pub(crate) form_token: String,
    /// How pages are made.
    pub(crate) viewer: Viewer,
    /// From where.
    pub(crate) address: String,
}

impl Actor {
    /// Begins a page.
    pub(crate) fn layout(&self, section: Section, title: impl Into<String>) -> Layout {
        Layout::new(self.viewer.clone(), section, title.into()).of(self)
    }

    /// Chooses between the two wordings of a text.
    pub(crate) const fn t<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        self.viewer.t(english, chinese)
    }

    /// Names the user to the services that decide.
    pub(crate) fn judge(&self, console: &Console) -> Judge<'_> {
        Judge { scope: &self.scope, who: &self.user.name, role: self.user.role, takes_two: console.options.takes_two }
    }

    /// Lets only these roles on.
    ///
    /// # Errors
    /// A problem page that says who may.
    pub(crate) fn must_be(&self, is_allowed: impl Fn(Role) -> bool) -> Result<(), Problem> {
        if is_allowed(self.user.role) { Ok(()) } else { Err(Problem::forbidden()) }
    }
}

impl FromRequestParts<Arc<Console>> for Actor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        match session(parts, console).await.map_err(IntoResponse::into_response)? {
            Some((session, user)) if session.stage == Stage::Full => Ok(Self {
                scope: user.scope(),
                form_token: console.store.form_token(&session),
                viewer: Viewer::of(&parts.headers),
                address: address(parts, &console.options),
                user,
                session,
            }),
            Some((session, _)) => Err(Redirect::to(stage_page(session.stage)).into_response()),
            None if parts.method == Method::GET => Err(Redirect::to(&login_page(parts)).into_response()),
            None => Err(Problem::logged_out().into_response()),
        }
    }
}

/// Somebody whose password was right and who is not in yet.
#[derive(Debug)]
pub(crate) struct HalfIn {
    /// Who.
    pub(crate) user: UserRow,
    /// The half-done login.
    pub(crate) session: ConsoleSession,
    /// How pages are made.
    pub(crate) viewer: Viewer,
}

impl FromRequestParts<Arc<Console>> for HalfIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        match session(parts, console).await.map_err(IntoResponse::into_response)? {
            Some((session, user)) => Ok(Self { user, session, viewer: Viewer::of(&parts.headers) }),
            None => Err(Redirect::to("/login").into_response()),
        }
    }
}

/// From where a request comes; never fails.
#[derive(Debug)]
pub(crate) struct Knock {
    /// Network address.
    pub(crate) address: String,
    /// What the browser calls itself.
    pub(crate) agent: String,
    /// How pages are made.
    pub(crate) viewer: Viewer,
}

impl Knock {
    /// Names the caller to the services.
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller { address: &self.address, agent: &self.agent }
    }
}

impl FromRequestParts<Arc<Console>> for Knock {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Self::Rejection> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self {
            address: address(parts, &console.options),
            agent: agent.to_owned(),
            viewer: Viewer::of(&parts.headers),
        })
    }
}

/// Where a half-done login goes on.
pub(crate) const fn stage_page(stage: Stage) -> &'static str {
    match stage {
        Stage::Code => "/login/code",
        Stage::Setup => "/login/setup",
        Stage::Full => "/",
    }
}

/// Returns the headers that give the browser its session.
pub(crate) fn session_cookie(entered: &Entered, options: &Options) -> (header::HeaderName, String) {
    let (name, secure) = cookie_name(options);
    let token = entered.token.reveal();
    (header::SET_COOKIE, format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax{secure}"))
}

/// Returns the header that takes the session away.
pub(crate) fn no_session_cookie(options: &Options) -> (header::HeaderName, String) {
    let (name, secure) = cookie_name(options);
    (header::SET_COOKIE, format!("{name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}"))
}

fn cookie_name(options: &Options) -> (&'static str, &'static str) {
    if options.is_secure() { ("__Host-dyepack", "; Secure") } else { ("dyepack", "") }
}

async fn session(parts: &Parts, console: &Console) -> Result<Option<(ConsoleSession, UserRow)>, Problem> {
    let (name, _) = cookie_name(&console.options);
    let Some(token) = cookie(&parts.headers, name).filter(|token| !token.is_empty()) else { return Ok(None) };
    Ok(console.store.console_session(&Secret::new(token.to_owned()), console.clock.now()).await?)
}

/// After logging in, the page that was asked for comes.
fn login_page(parts: &Parts) -> String {
    let target = parts.uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    if target == "/" {
        return "/login".to_owned();
    }
    let next: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
    format!("/login?next={next}")
}

fn address(parts: &Parts, options: &Options) -> String {
    let told = options.is_behind_proxy.then(|| forwarded(&parts.headers)).flatten();
    let peer = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_string());
    told.or_else(peer).unwrap_or_default()
}

/// The last address is the one that our own proxy has seen; what stands before it anybody may have written.
fn forwarded(headers: &HeaderMap) -> Option<String> {
    let last = headers.get_all("x-forwarded-for").into_iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse::<std::net::IpAddr>().ok().map(|address| address.to_string())
}
