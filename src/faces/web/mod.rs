//! The console: triage in a browser. One file per page, its template beside it; everything is served out of the binary.
//!
//! A page's handler takes an `actor::Actor`, whose scope goes into every query of a tenant's rows; a form's handler takes a
//! `posted::Posted`, which has checked that the form is one of ours. Errors are `problem::Problem`s. Pages work without
//! script; the script adds keys, times in the viewer's zone and what saves a click.
//!
//! Not here: what is done (`services`), what is kept (`ports::store`).

mod account;
mod actor;
mod api;
mod assets;
mod audit;
mod case;
mod case_acts;
mod chart;
mod enrolment;
mod export;
mod filter;
mod health;
mod inbox;
mod layout;
mod login;
mod memory;
mod overview;
mod posted;
mod problem;
mod public;
mod shield;
mod sign_on;
mod sites;
mod timeline;
mod tokens;
mod users;
mod viewer;
mod welcome;
mod words;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use url::Url;

use crate::ports::clock::Clock;
use crate::ports::evidence::Evidence;
use crate::ports::fetch::{FetchOptions, Fetcher};
use crate::ports::store::Store;
use crate::ports::vault::Vault;
use crate::services::access::oidc::Provider;
use crate::services::sourcing::Reach;

pub use memory::Memory;

/// Where the organization's own login sends people back, behind the console's address.
pub const SIGNED_ON: &str = sign_on::DONE;

/// What the pages work with.
#[derive(Debug)]
pub struct Console {
    /// The database.
    pub store: Store,
    /// Captured bodies.
    pub evidence: Evidence,
    /// Fingerprints and their keys.
    pub vault: Vault,
    /// The time.
    pub clock: Clock,
    /// Settings.
    pub options: Options,
    /// How a site is looked at before it is added.
    pub fetching: FetchOptions,
    /// Which sites may be added here.
    pub reach: Reach,
    /// The organization's own login, if there is one.
    pub provider: Option<Provider>,
    /// Where things are kept: its disk is watched.
    pub folder: PathBuf,
    /// What may be forgotten.
    pub memory: Memory,
}

impl Console {
    /// Makes what a site is looked at with: once, and not for long.
    pub(crate) fn fetcher(&self) -> Fetcher {
        Fetcher::new(self.fetching.clone(), self.clock.clone())
    }
}

/// `[console]`
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where people reach it, if that is not where it listens; with `https` cookies are sent over TLS only.
    pub url: Option<Url>,
    /// Whether passwords alone are enough.
    pub is_password_enough: bool,
    /// Whether the caller's address is what the last proxy says.
    pub is_behind_proxy: bool,
    /// Whether confirming a case and revealing values take two people.
    pub takes_two: bool,
    /// The organization's own login.
    pub oidc: Option<crate::domain::user::oidc::Settings>,
}

impl Options {
    /// Tells whether browsers reach the console over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.url.as_ref().is_some_and(|url| url.scheme() == "https")
    }
}

/// Puts all pages together.
pub fn router(console: Arc<Console>) -> Router {
    let pages = Router::new()
        .merge(account::routes())
        .merge(api::routes())
        .merge(assets::routes())
        .merge(audit::routes())
        .merge(case::routes())
        .merge(case_acts::routes())
        .merge(enrolment::routes())
        .merge(export::routes())
        .merge(health::routes())
        .merge(inbox::routes())
        .merge(login::routes())
        .merge(overview::routes())
        .merge(sign_on::routes())
        .merge(sites::routes())
        .merge(tokens::routes())
        .merge(users::routes())
        .merge(welcome::routes())
        .fallback(problem::no_such_page);
    let guarded = pages.layer(from_fn_with_state(Arc::clone(&console), shield::guard));
    // Links of mails work without a login, and dress their answers themselves.
    guarded.merge(public::routes()).with_state(console)
}

/// Serves the console until `stop` ends; requests in flight are answered.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    console: Arc<Console>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let service = router(console).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}
