//! How a source is reached, and whose fault it is when it is not: the site's, or our own way into its network.
//!
//! Not here: what a proxy's answers mean (`explain`), how a way is tried (`lane`).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;
use url::Url;

use super::explain::explain;
use super::lane::{self, Answers, Seen};
use super::proxy::ProxyKind;
use super::route::{self, Circuit, Route};
use super::{FetchError, Fetcher, socks};
use crate::domain::source::{Network, Source};

/// Failures of the network in a row after which a source takes a fresh circuit.
const CIRCUIT_FAILURES: u32 = 2;

/// Ways that are kept with their connections; of more sources than that in rotation, the one served longest ago goes.
const WAYS_LIMIT: usize = 128;

/// How one source is reached; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) client: reqwest::Client,
    pub(super) route: Route,
    /// The login file of the account that reads it: another account takes another circuit.
    account: Option<PathBuf>,
    /// Failures of the network in a row.
    pub(super) failures: Arc<AtomicU32>,
}

impl Way {
    /// Tells whether an I2P router may speak in place of the site.
    pub(super) fn has_i2p_pages(&self) -> bool {
        let is_http = self.route.proxy.as_ref().is_some_and(|proxy| proxy.kind == ProxyKind::Http);
        self.route.network == Network::I2p && is_http
    }
}

impl Fetcher {
    /// Tries our own way into a network; the open web without a proxy is always there.
    ///
    /// # Errors
    /// `NoRoute` if there is none, `RouteDown` if it does not work, with what is wrong.
    pub async fn try_lane(&self, network: Network) -> Result<Answers, FetchError> {
        match (network, self.shared.options.proxy(network)) {
            (Network::Open, None) => Ok(Answers::Something),
            (Network::Tor | Network::I2p, None) => Err(FetchError::NoRoute { network }),
            (_, Some(proxy)) => {
                let answers = lane::look(network, proxy).await?;
                if network == Network::Tor {
                    lane::sign(proxy, self.shared.options.limits.connection).await?;
                    self.carried(network, |seen, now| seen.last_sign_at = Some(now));
                }
                Ok(answers)
            }
        }
    }

    /// Blames our own way into the network for a failure, unless there is a sign that it is well.
    pub(super) async fn judged(&self, way: &Way, error: FetchError, started_at: Timestamp) -> FetchError {
        if !error.may_be_the_route() {
            return error;
        }
        if way.failures.fetch_add(1, Ordering::Relaxed) >= CIRCUIT_FAILURES - 1 {
            way.failures.store(0, Ordering::Relaxed);
            way.route.renew();
        }
        let (network, Some(proxy)) = (way.route.network, &way.route.proxy) else { return error };
        if let Err(down) = lane::look(network, proxy).await {
            return down;
        }
        let has_sign = || self.seen().get(&network).is_some_and(|seen| seen.is_after(started_at));
        if network != Network::Tor || has_sign() {
            return error;
        }
        let _turn = self.shared.asking.lock().await;
        if has_sign() {
            return error;
        }
        match lane::sign(proxy, self.shared.options.limits.connection).await {
            Ok(()) => {
                self.carried(network, |seen, now| seen.last_sign_at = Some(now));
                error
            }
            Err(down) => down,
        }
    }

    pub(super) fn carried(&self, network: Network, note: impl FnOnce(&mut Seen, Timestamp)) {
        note(self.seen().entry(network).or_default(), self.shared.clock.now());
    }

    fn seen(&self) -> MutexGuard<'_, std::collections::HashMap<Network, Seen>> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn way(&self, source: &Source) -> Result<Way, FetchError> {
        let jar = self.jar(&source.id);
        let mut ways = self.shared.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let account = &source.settings.login;
        if let Some((used_at, way)) = ways.get_mut(&source.id).filter(|(_, way)| way.account == *account) {
            *used_at = Instant::now();
            return Ok(way.clone());
        }
        let options = &self.shared.options;
        let owner = format!("{}|{}", source.id, account.as_deref().unwrap_or(Path::new("")).display());
        let route =
            Route::of(source, options, Circuit::new(self.shared.circuit_key, owner, self.shared.clock.clone()))?;
        let client = route::client(source, &route, options, jar)?;
        let way = Way { client, route, account: account.clone(), failures: Arc::default() };
        if ways.len() >= WAYS_LIMIT {
            let oldest = ways.iter().min_by_key(|(_, (used_at, _))| *used_at).map(|(id, _)| id.clone());
            oldest.and_then(|oldest| ways.remove(&oldest));
        }
        ways.insert(source.id.clone(), (Instant::now(), way.clone()));
        Ok(way)
    }

    /// Finds out what the proxy said: the HTTP client keeps it to itself, so the proxy is asked once more, on the same circuit.
    pub(super) async fn explained(&self, way: &Way, url: &Url, error: FetchError) -> FetchError {
        let Some((proxy, name)) = way.route.socks().filter(|_| error.may_be_the_route() || error.route().is_some())
        else {
            return error;
        };
        if matches!(error, FetchError::Timeout { .. }) {
            return error;
        }
        let (host, shown) = (url.host_str().unwrap_or_default(), route::shown_host(url));
        let port = url.port_or_known_default().unwrap_or(80);
        let credentials = name.as_deref().map(|name| (name, route::CIRCUIT_PASSWORD));
        let limits = &self.shared.options.limits;
        match socks::probe(proxy, credentials, (host, port), limits.connection).await {
            Ok(()) => error,
            Err(failure) => explain(&failure, (host, &shown), (way.route.network, proxy), limits),
        }
    }
}
