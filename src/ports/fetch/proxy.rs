//! The address of a proxy, as the configuration names it.

use std::fmt;

use url::Url;

/// A proxy that resolves names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks.
    pub kind: ProxyKind,
    /// `HOST:PORT`.
    pub address: String,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP, with `CONNECT` for https.
    Http,
    /// SOCKS5; names go to it unresolved.
    Socks,
}

/// Why a proxy cannot be used as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// `socks5:` and `socks4:`, by the custom of other programs, mean that names are resolved on this machine.
    #[error("{scheme}:// would have this machine resolve the names, for all its network to see; write socks5h://")]
    Leaks {
        /// The scheme given.
        scheme: String,
    },
    /// Another scheme than the setting takes.
    #[error("{scheme}:// is no proxy of this kind; write HOST:PORT or {usual}HOST:PORT")]
    Scheme {
        /// The scheme given.
        scheme: String,
        /// What may be written.
        usual: &'static str,
    },
    /// No host and port.
    #[error("{text:?} is not HOST:PORT")]
    Address {
        /// What was given.
        text: String,
    },
    /// A password in a file that is no secret.
    #[error("it holds a user name or password; proxies that want one are not supported")]
    Credentials,
}

impl Proxy {
    /// Reads `HOST:PORT`, `socks5h://HOST:PORT` or `http://HOST:PORT`; `only` is what may be spoken, if not either.
    ///
    /// # Errors
    /// `Leaks`, `Scheme`, `Address` or `Credentials`, with what to write instead.
    pub fn parse(text: &str, only: Option<ProxyKind>) -> Result<Self, ProxyError> {
        let text = text.trim();
        let bad = || ProxyError::Address { text: text.chars().take(100).collect() };
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => (only.map_or("http", ProxyKind::scheme).to_owned(), text),
        };
        let kind = match scheme.as_str() {
            "http" => ProxyKind::Http,
            "socks5h" => ProxyKind::Socks,
            "socks5" | "socks" | "socks4" | "socks4a" => return Err(ProxyError::Leaks { scheme }),
            _ => return Err(ProxyError::Scheme { scheme, usual: "socks5h:// or http://" }),
        };
        if let Some(only) = only
            && only != kind
        {
            let usual = if only == ProxyKind::Socks { "socks5h://" } else { "http://" };
            return Err(ProxyError::Scheme { scheme, usual });
        }
        // Parsed under a scheme without a port of its own, so that port 80 is not taken away.
        let url = Url::parse(&format!("proxy://{}", rest.trim_end_matches('/'))).map_err(|_| bad())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ProxyError::Credentials);
        }
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        match (url.host_str(), url.port()) {
            (Some(host), Some(port)) if is_bare && !host.is_empty() => {
                Ok(Self { kind, address: format!("{}:{port}", host.to_ascii_lowercase()) })
            }
            _ => Err(bad()),
        }
    }

    /// Returns a SOCKS5 proxy at an address that is known to be one.
    pub fn socks(address: impl Into<String>) -> Self {
        Self { kind: ProxyKind::Socks, address: address.into() }
    }

    /// Returns an HTTP proxy at an address that is known to be one.
    pub fn http(address: impl Into<String>) -> Self {
        Self { kind: ProxyKind::Http, address: address.into() }
    }
}

impl ProxyKind {
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Socks => "socks5h",
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.kind.scheme(), self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port_and_never_resolves_here() {
        let socks = Some(ProxyKind::Socks);
        let http = Some(ProxyKind::Http);
        for (text, only, expected) in [
            ("127.0.0.1:9050", socks, Ok("socks5h://127.0.0.1:9050")),
            ("socks5h://Tor.local:9050/", socks, Ok("socks5h://tor.local:9050")),
            ("[::1]:9050", socks, Ok("socks5h://[::1]:9050")),
            ("127.0.0.1:80", http, Ok("http://127.0.0.1:80")),
            ("http://127.0.0.1:80", None, Ok("http://127.0.0.1:80")),
            ("socks5://127.0.0.1:9050", socks, Err("socks5h://")),
            ("SOCKS5://127.0.0.1:9050", None, Err("socks5h://")),
            ("socks4a://127.0.0.1:9050", socks, Err("socks5h://")),
            ("http://127.0.0.1:9050", socks, Err("socks5h://")),
            ("ftp://127.0.0.1:9050", None, Err("http://")),
            ("127.0.0.1", socks, Err("HOST:PORT")),
            ("127.0.0.1:9050/path", socks, Err("HOST:PORT")),
            ("127.0.0.1:99999", socks, Err("HOST:PORT")),
            ("user:secret@127.0.0.1:9050", socks, Err("password")),
            ("", http, Err("HOST:PORT")),
        ] {
            match (Proxy::parse(text, only), expected) {
                (Ok(proxy), Ok(expected)) => assert_eq!(proxy.to_string(), expected, "{text}"),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{text}: {error}"),
                (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
            }
        }
    }
}
