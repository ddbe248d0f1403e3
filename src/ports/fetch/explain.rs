//! Why there was no connection through a proxy: the site's fault, our proxy's, or nobody can tell.
//!
//! Tor's codes are those of its `SocksPort … ExtendedErrors` (proposal 304); ports without that option give the plain codes
//! of RFC 1928, which say less. Not here: asking (`socks`, `lane`).

use super::onion;
use super::socks::NoConnection;
use super::{FetchError, Phase, TimeLimits};
use crate::domain::source::Network;

/// What keeps a hidden service from being reached, as its network tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody has published the address lately.
    Unknown,
    /// It was published, and does not answer.
    Down,
    /// It lets in those with a client key only, and there is none.
    KeyWanted,
    /// The client key is not one that it knows.
    KeyWrong,
    /// There can be no such address.
    BadAddress,
    /// It is up, and offers nothing on this port.
    PortClosed,
}

impl Fault {
    /// Returns the stable word of the fault.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "site-unknown",
            Self::Down => "site-down",
            Self::KeyWanted => "key-wanted",
            Self::KeyWrong => "key-wrong",
            Self::BadAddress => "bad-address",
            Self::PortClosed => "port-closed",
        }
    }

    pub(super) const fn says(self) -> &'static str {
        match self {
            Self::Unknown => "is not known to its network: nobody has published this address lately",
            Self::Down => "was published and does not answer: the site, or its own way into the network, is down",
            Self::KeyWanted => "lets in those with a client key only, and our Tor has none for it",
            Self::KeyWrong => "does not know the client key that our Tor has for it",
            Self::BadAddress => "is no address that can be: a character is wrong or missing",
            Self::PortClosed => "is up, and offers nothing on this port",
        }
    }
}

/// Sorts a failure to connect to `host` (whole) into its class; `shown` is the host as people may see it.
pub(super) fn explain(
    failure: &NoConnection,
    (host, shown): (&str, &str),
    (network, proxy): (Network, &str),
    limits: &TimeLimits,
) -> FetchError {
    let shown = shown.to_owned();
    match failure {
        NoConnection::Down(_) | NoConnection::NotSocks | NoConnection::Unwelcome => route_down(failure, network, proxy),
        NoConnection::Silent => FetchError::Timeout { phase: Phase::Connection, limit: limits.connection },
        NoConnection::Refused(code) => match (network, *code) {
            (Network::Tor, 0x01) if !onion::is_valid(host) => {
                FetchError::Service { host: shown, fault: Fault::BadAddress }
            }
            (_, 0x01) | (Network::Open, 0x05) => FetchError::Refused { host: shown },
            (Network::Open, 0x04) => FetchError::Dns { host: shown },
            (Network::Tor | Network::I2p, code) => match fault(network, code) {
                Some(fault) => FetchError::Service { host: shown, fault },
                None => unreachable(shown, code),
            },
            (Network::Open, code) => unreachable(shown, code),
        },
    }
}

/// Tells that the proxy itself is the trouble.
pub(super) fn route_down(failure: &NoConnection, network: Network, proxy: &str) -> FetchError {
    let detail = match failure {
        NoConnection::Down(kind) => format!("nothing answers at {proxy} ({kind})"),
        NoConnection::NotSocks => format!("what answers at {proxy} does not speak SOCKS5"),
        NoConnection::Unwelcome => format!("{proxy} does not let us in"),
        NoConnection::Silent => format!("{proxy} takes connections and says nothing"),
        NoConnection::Refused(code) => format!("{proxy} builds no circuits (code {code:#04x})"),
    };
    FetchError::RouteDown { network, detail }
}

fn fault(network: Network, code: u8) -> Option<Fault> {
    Some(match (network, code) {
        (Network::I2p, 0x04) | (_, 0x06 | 0xf1 | 0xf2 | 0xf3 | 0xf7) => Fault::Down,
        (Network::I2p, 0x08) | (_, 0x04 | 0xf0) => Fault::Unknown,
        (_, 0x05) => Fault::PortClosed,
        (_, 0xf4) => Fault::KeyWanted,
        (_, 0xf5) => Fault::KeyWrong,
        (_, 0xf6) => Fault::BadAddress,
        (_, _) => return None,
    })
}

fn unreachable(host: String, code: u8) -> FetchError {
    FetchError::Unreachable { host, detail: format!("the proxy says {code:#04x}") }
}

/// What an I2P router's own HTTP proxy says in place of the site, if this is one of its pages; never content.
pub(super) fn i2p_proxy_page(status: u16, body: &[u8], host: &str) -> Option<FetchError> {
    let head = String::from_utf8_lossy(body.get(..body.len().min(16 * 1024)).unwrap_or_default()).to_lowercase();
    let title =
        head.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map(|(title, _)| title.trim());
    // i2pd names itself; the Java router's pages take their style from its console, under a name that no site can have.
    let is_i2pd = title == Some("i2pd http proxy");
    let is_java = status >= 400 && head.contains("://proxy.i2p/themes/");
    if !is_i2pd && !is_java {
        return None;
    }
    let says = |words: &[&str]| words.iter().any(|word| head.contains(word));
    let host = host.to_owned();
    Some(if says(&["host is down", "website unreachable", "website not reachable", "eepsite unreachable"]) {
        FetchError::Service { host, fault: Fault::Down }
    } else if says(&["host not found", "not found in address", "website unknown", "website not found"]) {
        FetchError::Service { host, fault: Fault::Unknown }
    } else {
        let detail = "the I2P router answered with a page of its own in place of the site's".to_owned();
        FetchError::Unreachable { host, detail }
    })
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    const VALID: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";

    fn class(failure: &NoConnection, host: &str, network: Network) -> String {
        explain(failure, (host, "pg6mmjiy…"), (network, "127.0.0.1:9050"), &TimeLimits::default()).class()
    }

    #[test]
    fn each_code_has_its_class() {
        let (tor, i2p, open) = (Network::Tor, Network::I2p, Network::Open);
        for (code, host, network, expected) in [
            (0x01, VALID, tor, "refused"),
            (0x01, "abcdefgh.onion", tor, "bad-address"),
            (0x04, VALID, tor, "site-unknown"),
            (0xf0, VALID, tor, "site-unknown"),
            (0x05, VALID, tor, "port-closed"),
            (0x06, VALID, tor, "site-down"),
            (0xf2, VALID, tor, "site-down"),
            (0xf3, VALID, tor, "site-down"),
            (0xf7, VALID, tor, "site-down"),
            (0xf4, VALID, tor, "key-wanted"),
            (0xf5, VALID, tor, "key-wrong"),
            (0xf6, VALID, tor, "bad-address"),
            (0x77, VALID, tor, "unreachable"),
            (0x04, "forum.i2p", i2p, "site-down"),
            (0x08, "forum.i2p", i2p, "site-unknown"),
            (0x04, "forum.example", open, "dns"),
            (0x05, "forum.example", open, "refused"),
            (0x06, "forum.example", open, "unreachable"),
        ] {
            assert_eq!(class(&NoConnection::Refused(code), host, network), expected, "{code:#x} {network:?}");
        }
    }

    #[test]
    fn a_proxy_that_is_no_proxy_is_our_own_trouble() {
        for (failure, expected) in [
            (NoConnection::Down(ErrorKind::ConnectionRefused), "route-down"),
            (NoConnection::NotSocks, "route-down"),
            (NoConnection::Unwelcome, "route-down"),
            (NoConnection::Silent, "timeout"),
        ] {
            assert_eq!(class(&failure, VALID, Network::Tor), expected);
        }
    }

    #[test]
    fn a_router_s_own_page_is_told_from_a_site_s() {
        let i2pd = |text: &str| format!("<html><head><title>I2Pd HTTP proxy</title></head><body>{text}</body></html>");
        let java = "<head><title>Website Unreachable</title><link href=\"http://proxy.i2p/themes/console/x.css\">";
        for (status, body, expected) in [
            (500, i2pd("<h1>Proxy error: Host is down</h1>"), Some("site-down")),
            (500, i2pd("<h1>Proxy error: Host not found</h1>"), Some("site-unknown")),
            (500, i2pd("<h1>Proxy error: Outproxy failure</h1>"), Some("unreachable")),
            (200, i2pd("Host x.i2p added to router's addressbook from helper"), Some("unreachable")),
            (504, java.to_owned(), Some("site-down")),
            (500, "<title>Our forum is down</title>".to_owned(), None),
            (200, "<title>Forum</title> how to set up the I2Pd HTTP proxy? Host not found".to_owned(), None),
        ] {
            let found = i2p_proxy_page(status, body.as_bytes(), "abcdefgh…").map(|error| error.class());
            assert_eq!(found.as_deref(), expected, "{body}");
        }
    }
}
