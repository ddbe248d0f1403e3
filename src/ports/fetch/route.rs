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
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

use super::cookies::Cookies;
use super::{FetchError, FetchOptions};
use crate::domain::source::{Network, Source, is_public};

/// Makes the HTTP client of one source: its own cookies, its own route, no system proxy, no redirects of its own.
pub(super) fn client(
    source: &Source,
    options: &FetchOptions,
    cookies: Arc<Cookies>,
) -> Result<reqwest::Client, FetchError> {
    let setup = |error: reqwest::Error| FetchError::Setup { detail: error.without_url().to_string() };
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .cookie_provider(cookies)
        .user_agent(&options.user_agent)
        .connect_timeout(options.limits.connection)
        .pool_max_idle_per_host(usize::try_from(source.concurrency).unwrap_or(1))
        .http2_max_header_list_size(64 * 1024);
    builder = match proxy(source, options)? {
        None if source.is_local() => builder.dns_resolver(Resolver::Loopback),
        None => builder.dns_resolver(Resolver::Public),
        Some(proxy) => {
            let host = proxy.host_str().unwrap_or_default().to_ascii_lowercase();
            builder.proxy(reqwest::Proxy::all(proxy).map_err(setup)?).dns_resolver(Resolver::Only(host))
        }
    };
    builder.build().map_err(setup)
}

/// Tells whether something listens at a proxy's address; sends nothing.
pub(super) async fn knock(address: &str, limit: Duration) -> std::io::Result<()> {
    match timeout(limit, TcpStream::connect(address)).await {
        Ok(connected) => connected.map(drop),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}

/// Returns the proxy that a source's requests must take; `None` for a direct connection.
///
/// # Errors
/// `NoRoute` if the source's network is only reached through a proxy and none is configured.
fn proxy(source: &Source, options: &FetchOptions) -> Result<Option<Url>, FetchError> {
    let network = source.network();
    let (scheme, address) = match network {
        Network::Open => return Ok(None),
        // `socks5h`: the name goes to Tor unresolved; plain `socks5` would ask the system resolver.
        Network::Tor => ("socks5h", options.tor_socks.as_deref()),
        Network::I2p => ("http", options.i2p_http.as_deref()),
    };
    let address = address.ok_or(FetchError::NoRoute { network })?;
    let setup = || FetchError::Setup { detail: format!("{address:?} is not HOST:PORT") };
    let mut proxy = Url::parse(&format!("{scheme}://{address}")).map_err(|_| setup())?;
    if proxy.port_or_known_default().is_none() || !proxy.has_host() {
        return Err(setup());
    }
    if network == Network::Tor {
        // Tor gives each pair of credentials its own circuit (IsolateSOCKSAuth): sources do not share one.
        proxy.set_username(&circuit(source)).map_err(|()| setup())?;
        proxy.set_password(Some("dyepack")).map_err(|()| setup())?;
    }
    Ok(Some(proxy))
}

fn circuit(source: &Source) -> String {
    let digest = Sha256::digest(format!("dyepack/circuit/1|{}", source.id));
    digest.iter().take(8).fold(String::new(), |mut name, byte| {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
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
enum Resolver {
    /// Direct route to public addresses.
    Public,
    /// Direct route of a local source.
    Loopback,
    /// A proxied route: only the proxy's own name is ever resolved.
    Only(String),
}

impl Resolver {
    async fn addresses(self, name: String) -> Result<Vec<SocketAddr>, ResolveError> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_hidden = [".onion", ".i2p"].iter().any(|ending| name.ends_with(ending));
        let is_ours = match &self {
            Self::Public | Self::Loopback => !is_hidden,
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
                Self::Only(_) => true,
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

    #[test]
    fn a_hidden_service_without_a_proxy_has_no_route() {
        let options = FetchOptions::default();
        for (url, network) in [("http://abcdefgh.onion/", Network::Tor), ("http://forum.i2p/", Network::I2p)] {
            assert_eq!(proxy(&source(url), &options), Err(FetchError::NoRoute { network }));
        }
        assert_eq!(proxy(&source("https://forum.example/"), &options), Ok(None));
    }

    #[test]
    fn tor_resolves_names_itself_and_gives_each_source_its_own_circuit() {
        let options = FetchOptions { tor_socks: Some("127.0.0.1:9050".to_owned()), ..FetchOptions::default() };
        let first = proxy(&source("http://abcdefgh.onion/"), &options).unwrap().unwrap();
        let second = proxy(&source("http://ijklmnop.onion/"), &options).unwrap().unwrap();
        assert_eq!(first.scheme(), "socks5h");
        assert_ne!(first.username(), second.username());
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
