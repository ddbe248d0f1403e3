//! Is our own way into a network well? Asked before a site is blamed, and again while a network is given a rest.
//!
//! The second sign that Tor is well needs no third party: it is asked for an onion address that nobody has. A Tor that
//! works says so within seconds, from the directory; one that has no circuits cannot.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::explain::route_down;
use super::proxy::{Proxy, ProxyKind};
use super::route::{CIRCUIT_PASSWORD, dial};
use super::socks::{self, NoConnection};
use super::{FetchError, onion};
use crate::domain::source::Network;

/// Longest wait for what is on this machine, or near.
const NEAR: Duration = Duration::from_secs(5);
/// What Tor's SOCKS port answers to those who take it for an HTTP proxy.
const TOR_SAYS: &[u8] = b"Tor is not an HTTP Proxy";

/// When a network was last seen to carry something.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) last_page_at: Option<Timestamp>,
    pub(super) last_sign_at: Option<Timestamp>,
}

impl Seen {
    /// Tells whether the network carried anything after that time.
    pub(super) fn is_after(&self, since: Timestamp) -> bool {
        [self.last_page_at, self.last_sign_at].into_iter().flatten().any(|at| at >= since)
    }
}

/// What answers at a proxy's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Tor's own SOCKS port.
    Tor,
    /// Some other SOCKS proxy.
    Socks,
    /// Something that takes connections.
    Something,
}

/// Looks at a proxy without going through it.
pub(super) async fn look(network: Network, proxy: &Proxy) -> Result<Answers, FetchError> {
    let down = |failure: &NoConnection| route_down(failure, network, &proxy.address);
    match proxy.kind {
        ProxyKind::Http => match timeout(NEAR, dial(&proxy.address)).await {
            Ok(Ok(_)) => Ok(Answers::Something),
            Ok(Err(error)) => Err(down(&NoConnection::Down(error.kind()))),
            Err(_) => Err(down(&NoConnection::Down(io::ErrorKind::TimedOut))),
        },
        ProxyKind::Socks => {
            let credentials = (network != Network::I2p).then_some(("dyepack", CIRCUIT_PASSWORD));
            let greeted = socks::greet(&proxy.address, credentials, NEAR).await;
            match greeted {
                // An open web's SOCKS proxy may know no credentials.
                Err(NoConnection::Unwelcome) if network == Network::Open => Ok(Answers::Socks),
                Err(failure) => Err(down(&failure)),
                Ok(()) if is_tor(&proxy.address).await => Ok(Answers::Tor),
                Ok(()) => Ok(Answers::Socks),
            }
        }
    }
}

/// Waits for a sign that Tor carries traffic.
pub(super) async fn sign(proxy: &Proxy, limit: Duration) -> Result<(), FetchError> {
    let chance = || FetchError::Setup { detail: "the operating system gives no random numbers".to_owned() };
    let nobody = onion::unpublished().ok_or_else(chance)?;
    // A name of its own: a new circuit, whatever the others are worth.
    let name = nobody.get(..16).unwrap_or_default();
    let asked = socks::probe(&proxy.address, Some((name, CIRCUIT_PASSWORD)), (&nobody, 80), limit).await;
    match asked {
        Ok(()) | Err(NoConnection::Refused(0x04 | 0xf0)) => Ok(()),
        Err(NoConnection::Silent) => {
            let detail = format!(
                "it takes connections at {} and builds no circuits within {} s: is it connected to its network?",
                proxy.address,
                limit.as_secs()
            );
            Err(FetchError::RouteDown { network: Network::Tor, detail })
        }
        Err(failure) => Err(route_down(&failure, Network::Tor, &proxy.address)),
    }
}

/// Asks for a page as of an HTTP proxy: Tor's SOCKS port says what it is.
async fn is_tor(address: &str) -> bool {
    let asked = async {
        let mut stream = dial(address).await?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer).await?;
        Ok::<_, io::Error>(answer.windows(TOR_SAYS.len()).any(|window| window == TOR_SAYS))
    };
    matches!(timeout(NEAR, asked).await, Ok(Ok(true)))
}
