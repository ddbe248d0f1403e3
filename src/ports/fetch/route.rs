//! Which way a source's requests leave the machine, and what may never be reached that way.
//!
//! Not here: the requests themselves (`mod.rs`).
#![expect(
    clippy::disallowed_methods,
    reason = "the one room that opens sockets and resolves names, each on its source's own route"
)]

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::cookies::Cookies;
use super::proxy::{Proxy, ProxyKind};
use super::{FetchError, FetchOptions};
use crate::domain::source::{Network, Source, is_public};
use crate::ports::clock::Clock;

/// Goes with the user name; what it is does not matter.
pub(super) const CIRCUIT_PASSWORD: &str = "dyepack";

/// The way of one source's requests: through which proxy, on which circuit.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) network: Network,
    /// `None` for a direct connection.
    pub(super) proxy: Option<Proxy>,
    circuit: Arc<Circuit>,
}

impl Route {
    /// Chooses the way of a source's requests.
    ///
    /// # Errors
    /// `NoRoute` if the source's network is only reached through a proxy and none is configured.
    pub(super) fn of(source: &Source, options: &FetchOptions, circuit: Circuit) -> Result<Self, FetchError> {
        let network = source.network();
        let proxy = match network {
            Network::Open if source.is_local() => None,
            Network::Open => options.open.clone(),
            Network::Tor | Network::I2p => {
                Some(options.proxy(network).cloned().ok_or(FetchError::NoRoute { network })?)
            }
        };
        Ok(Self { network, proxy, circuit: Arc::new(circuit) })
    }

    /// Returns the SOCKS proxy on the way, if there is one, and the credentials that name the circuit.
    pub(super) fn socks(&self) -> Option<(&str, Option<String>)> {
        let proxy = self.proxy.as_ref().filter(|proxy| proxy.kind == ProxyKind::Socks)?;
        // I2P's proxies take connections without credentials only.
        let name = (self.network != Network::I2p).then(|| self.circuit.name());
        Some((&proxy.address, name))
    }

    /// Leaves the circuit in use for a fresh one.
    pub(super) fn renew(&self) {
        self.circuit.turn.fetch_add(1, Ordering::Relaxed);
    }

    fn proxy_url(&self) -> Option<Url> {
        let mut url = Url::parse(&self.proxy.as_ref()?.to_string()).ok()?;
        if let Some((_, Some(name))) = self.socks() {
            url.set_username(&name).ok()?;
            url.set_password(Some(CIRCUIT_PASSWORD)).ok()?;
        }
        Some(url)
    }
}

/// What tells the circuits of one source and account from all others: Tor gives each user name its own (`IsolateSOCKSAuth`).
#[derive(Debug)]
pub(super) struct Circuit {
    key: [u8; 32],
    /// The source, and the account that reads it.
    owner: String,
    clock: Clock,
    turn: AtomicU32,
}

impl Circuit {
    pub(super) const fn new(key: [u8; 32], owner: String, clock: Clock) -> Self {
        Self { key, owner, clock, turn: AtomicU32::new(0) }
    }

    /// The user name: the same for a day, unless the circuit is renewed; says nothing to those without the key.
    fn name(&self) -> String {
        let day = self.clock.now().as_second().div_euclid(86_400);
        let turn = self.turn.load(Ordering::Relaxed);
        let mut digest = Sha256::new();
        digest.update(self.key);
        digest.update(format!("dyepack/circuit/2|{day}|{turn}|{}", self.owner));
        digest.finalize().iter().take(8).fold(String::new(), |mut name, byte| {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
            name
        })
    }
}

/// Makes the HTTP client of one source: its own cookies, its own route, no system proxy, no redirects of its own.
pub(super) fn client(
    source: &Source,
    route: &Route,
    options: &FetchOptions,
    cookies: Arc<Cookies>,
) -> Result<reqwest::Client, FetchError> {
    let setup = |error: reqwest::Error| FetchError::Setup { detail: error.without_url().to_string() };
    // I2P's tunnels end with the answer: a connection that is used again hangs.
    let idle = if route.network == Network::I2p { 0 } else { usize::try_from(source.concurrency).unwrap_or(1) };
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .cookie_provider(cookies)
        .user_agent(&options.user_agent)
        .connect_timeout(options.limits.connection)
        .pool_max_idle_per_host(idle)
        .http2_max_header_list_size(64 * 1024);
    builder = match &route.proxy {
        None if source.is_local() => builder.dns_resolver(Resolver::Loopback),
        None => builder.dns_resolver(Resolver::Public),
        Some(proxy) => {
            let url = route.proxy_url();
            let host = url.as_ref().and_then(Url::host_str).map(str::to_ascii_lowercase);
            let setup = || FetchError::Setup { detail: format!("{proxy} cannot be used as a proxy") };
            let host = host.ok_or_else(setup)?;
            let route = route.clone();
            // A proxy that could not be named would be no proxy: the resolver refuses the site's name then.
            builder.proxy(reqwest::Proxy::custom(move |_| route.proxy_url())).dns_resolver(Resolver::Only(host))
        }
    };
    builder.build().map_err(setup)
}

/// Connects to a proxy's address.
pub(super) async fn dial(address: &str) -> std::io::Result<TcpStream> {
    TcpStream::connect(address).await
}

/// Checks that a URL, of a request or of any redirect, may be fetched for a source.
pub(super) fn admit(source: &Source, url: &Url) -> Result<(), FetchError> {
    source.admit(url).map_err(|_| FetchError::OffSite { to: shown_host(url) })?;
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if may_reach(source.is_local(), address) {
        Ok(())
    } else {
        Err(FetchError::PrivateAddress { host: shown_host(url) })
    }
}

const fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address.is_loopback(),
    }
}

fn may_reach(is_local: bool, address: IpAddr) -> bool {
    if is_local { is_loopback(address) } else { is_public(address) }
}

/// Returns a URL's host as people may see it: an onion or I2P name is cut short.
pub(super) fn shown_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("no host");
    match Network::of(url) {
        Network::Open => host.to_owned(),
        Network::Tor | Network::I2p => format!("{}…", host.chars().take(8).collect::<String>()),
    }
}

/// Why a name was not resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResolveError {
    /// All its addresses are private (or, for a local source, none is loopback).
    #[error("resolves to no address that may be reached")]
    Private,
    /// The name must not be resolved on this route.
    #[error("must not be resolved here")]
    NotOurs,
    /// The resolver knows no such name.
    #[error("does not resolve")]
    Unknown,
}

/// Resolves names for one route and hides the addresses that it may not reach.
#[derive(Debug, Clone)]
pub(super) enum Resolver {
    /// Direct route to public addresses.
    Public,
    /// Direct route of a local source.
    Loopback,
    /// Direct route to a host of which the operator says that it may be anywhere.
    Any,
    /// A proxied route: only the proxy's own name is ever resolved.
    Only(String),
}

impl Resolver {
    async fn addresses(self, name: String) -> Result<Vec<SocketAddr>, ResolveError> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_hidden = [".onion", ".i2p"].iter().any(|ending| name.ends_with(ending));
        let is_ours = match &self {
            Self::Public | Self::Loopback | Self::Any => !is_hidden,
            Self::Only(proxy) => !is_hidden && *proxy == name,
        };
        if !is_ours {
            return Err(ResolveError::NotOurs);
        }
        let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| ResolveError::Unknown)?;
        let admitted: Vec<SocketAddr> = found
            .filter(|address| match self {
                Self::Public => may_reach(false, address.ip()),
                Self::Loopback => may_reach(true, address.ip()),
                Self::Only(_) | Self::Any => true,
            })
            .collect();
        if admitted.is_empty() { Err(ResolveError::Private) } else { Ok(admitted) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str().to_owned()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn source(url: &str) -> Source {
        Source::from_url(url).unwrap()
    }

    #[tokio::test]
    async fn a_public_name_at_a_loopback_address_is_refused() {
        assert_eq!(Resolver::Public.addresses("localhost".to_owned()).await, Err(ResolveError::Private));
        assert!(Resolver::Loopback.addresses("localhost".to_owned()).await.is_ok());
    }

    #[tokio::test]
    async fn hidden_names_and_names_behind_a_proxy_never_reach_the_resolver() {
        let proxied = Resolver::Only("localhost".to_owned());
        assert!(proxied.clone().addresses("localhost".to_owned()).await.is_ok());
        for (resolver, name) in [
            (proxied.clone(), "forum.example"),
            (proxied, "abcdefgh.onion"),
            (Resolver::Public, "abcdefgh.onion"),
            (Resolver::Public, "ABCDEFGH.ONION."),
            (Resolver::Loopback, "forum.i2p"),
        ] {
            assert_eq!(resolver.addresses(name.to_owned()).await, Err(ResolveError::NotOurs), "{name}");
        }
    }

    fn route(url: &str, options: &FetchOptions) -> Result<Route, FetchError> {
        let source = source(url);
        Route::of(&source, options, Circuit::new([1; 32], source.id.0.clone(), Clock::fixed(Timestamp::UNIX_EPOCH)))
    }

    #[test]
    fn a_hidden_service_without_a_proxy_has_no_route() {
        let options = FetchOptions { open: Some(Proxy::http("127.0.0.1:3128")), ..FetchOptions::default() };
        for (url, network) in [("http://abcdefgh.onion/", Network::Tor), ("http://forum.i2p/", Network::I2p)] {
            assert_eq!(route(url, &options).unwrap_err(), FetchError::NoRoute { network });
        }
        let proxy = |url| route(url, &options).unwrap().proxy;
        assert_eq!(proxy("https://forum.example/"), options.open);
        assert_eq!(proxy("http://127.0.0.1:8101/"), None, "a trial on this machine takes no proxy");
        assert_eq!(route("https://forum.example/", &FetchOptions::default()).unwrap().proxy, None);
    }

    #[test]
    fn tor_resolves_names_itself_and_gives_each_source_its_own_circuit() {
        let options = FetchOptions { tor: Some(Proxy::socks("127.0.0.1:9050")), ..FetchOptions::default() };
        let first = route("http://abcdefgh.onion/", &options).unwrap();
        let (url, second) = (first.proxy_url().unwrap(), route("http://ijklmnop.onion/", &options).unwrap());
        assert_eq!(url.scheme(), "socks5h");
        assert_eq!(url, first.proxy_url().unwrap());
        assert_ne!(url.username(), second.proxy_url().unwrap().username());
        first.renew();
        assert_ne!(url, first.proxy_url().unwrap(), "a renewed circuit has another name");
    }

    #[test]
    fn a_circuit_lasts_a_day_and_its_name_is_keyed() {
        let name = |key, second| {
            let clock = Clock::fixed(Timestamp::from_second(second).unwrap());
            Circuit::new([key; 32], "abcdefgh.onion".to_owned(), clock).name()
        };
        assert_eq!(name(1, 0), name(1, 86_399));
        assert_ne!(name(1, 0), name(1, 86_400));
        assert_ne!(name(1, 0), name(2, 0));
    }

    #[test]
    fn i2p_by_socks_is_asked_without_credentials() {
        let options = FetchOptions { i2p: Some(Proxy::socks("127.0.0.1:4447")), ..FetchOptions::default() };
        let route = route("http://forum.i2p/", &options).unwrap();
        assert_eq!(route.proxy_url().unwrap().as_str(), "socks5h://127.0.0.1:4447");
    }

    #[test]
    fn no_redirect_leads_to_a_private_address_or_another_port() {
        let open = source("https://8.8.8.8/");
        let local = source("http://127.0.0.1:8101/");
        let url = |text: &str| Url::parse(text).unwrap();
        assert_eq!(admit(&open, &url("https://8.8.8.8/a")), Ok(()));
        assert_eq!(admit(&local, &url("http://127.0.0.1:8101/a")), Ok(()));
        for (source, target) in [
            (&open, "http://127.0.0.1/"),
            (&open, "http://169.254.169.254/latest"),
            (&local, "http://127.0.0.1:22/"),
            (&local, "http://10.0.0.1:8101/"),
            (&local, "file:///etc/passwd"),
        ] {
            assert!(matches!(admit(source, &url(target)), Err(FetchError::OffSite { .. })), "{target}");
        }
    }
}
