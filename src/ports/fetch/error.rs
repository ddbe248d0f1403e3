//! Why a fetch failed, in classes that the caller acts on differently.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::TimeLimits;
use super::explain::Fault;
use super::route::ResolveError;
use crate::domain::frontier::Trouble;
use crate::domain::source::Network;
use crate::ports::tls;

/// Why nothing was brought back; messages name hosts as people may see them, and hold no cookie, query or credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The network of the source has no proxy configured; no socket was opened.
    #[error("{network} is not configured: name {key} in [network] of dyepack.toml", network = network.name(), key = proxy_key(*network))]
    NoRoute {
        /// The network.
        network: Network,
    },
    /// Our own way into the network does not work; the site is not to blame.
    #[error("our way to {network} is down: {detail}", network = network.name())]
    RouteDown {
        /// The network.
        network: Network,
        /// What is wrong with it.
        detail: String,
    },
    /// A hidden service cannot be reached, and its network says why.
    #[error("{host} {}", fault.says())]
    Service {
        /// The host, cut short.
        host: String,
        /// Why.
        fault: Fault,
    },
    /// The name does not resolve.
    #[error("{host} cannot be resolved")]
    Dns {
        /// The host.
        host: String,
    },
    /// The host is, or resolves to, an address that is not public.
    #[error("{host} is at a private address, which is never fetched")]
    PrivateAddress {
        /// The host.
        host: String,
    },
    /// Nothing listens there.
    #[error("{host} refuses connections")]
    Refused {
        /// The host.
        host: String,
    },
    /// No connection for another reason.
    #[error("{host} cannot be reached ({detail})")]
    Unreachable {
        /// The host.
        host: String,
        /// What the network said.
        detail: String,
    },
    /// TLS could not be set up or the certificate is not good.
    #[error("{host} offers no trustworthy TLS ({detail})")]
    Tls {
        /// The host.
        host: String,
        /// What TLS objected to.
        detail: String,
    },
    /// A time limit ran out.
    #[error("no {phase} within {} s", limit.as_secs_f64())]
    Timeout {
        /// What was waited for.
        phase: Phase,
        /// For how long.
        limit: Duration,
    },
    /// The connection broke before the answer began.
    #[error("the connection broke before an answer")]
    Reset,
    /// The answer broke off midway.
    #[error("the answer broke off after {received_bytes} bytes")]
    Truncated {
        /// Decompressed bytes until then.
        received_bytes: u64,
    },
    /// The body is larger than allowed.
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The body is compressed in a way that cannot be undone.
    #[error("the body cannot be decompressed ({encoding})")]
    Encoding {
        /// What the header says, or what failed.
        encoding: String,
    },
    /// More redirects than allowed.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// The limit.
        limit: u32,
    },
    /// A redirect leads back to where it came from.
    #[error("redirects run in a circle")]
    RedirectLoop,
    /// A redirect leads to another site, port or scheme.
    #[error("redirected off the site, to {to}")]
    OffSite {
        /// The host it leads to.
        to: String,
    },
    /// A redirect without a usable address.
    #[error("redirected to nowhere (status {status})")]
    BadRedirect {
        /// HTTP status.
        status: u16,
    },
    /// The site answered with an error.
    #[error("the site answered {status}")]
    Http {
        /// HTTP status.
        status: u16,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The answer is not HTTP as we know it.
    #[error("the answer is not valid HTTP ({detail})")]
    Protocol {
        /// What was wrong.
        detail: String,
    },
    /// The HTTP client could not be made from the options.
    #[error("the HTTP client cannot be set up ({detail})")]
    Setup {
        /// What was wrong.
        detail: String,
    },
}

/// What a time limit was set on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The connection, TLS included.
    Connection,
    /// The head of the answer.
    Answer,
    /// The next piece of the body.
    Progress,
    /// The whole page.
    Page,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Connection => "connection",
            Self::Answer => "answer",
            Self::Progress => "progress",
            Self::Page => "complete page",
        })
    }
}

impl FetchError {
    /// Returns the stable word of the class, as the store and the logs hold it.
    pub fn class(&self) -> String {
        match self {
            Self::NoRoute { .. } => "no-route",
            Self::RouteDown { .. } => "route-down",
            Self::Service { fault, .. } => fault.word(),
            Self::Dns { .. } => "dns",
            Self::PrivateAddress { .. } => "private-address",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Tls { .. } => "tls",
            Self::Timeout { phase: Phase::Progress, .. } => "stalled",
            Self::Timeout { phase: Phase::Connection | Phase::Answer | Phase::Page, .. } => "timeout",
            Self::Reset => "reset",
            Self::Truncated { .. } => "truncated",
            Self::TooLarge { .. } => "too-large",
            Self::Encoding { .. } => "encoding",
            Self::TooManyRedirects { .. } => "too-many-redirects",
            Self::RedirectLoop => "redirect-loop",
            Self::OffSite { .. } => "off-site",
            Self::BadRedirect { .. } => "bad-redirect",
            Self::Protocol { .. } => "protocol",
            Self::Setup { .. } => "setup",
            Self::Http { status, .. } => return format!("http-{status}"),
        }
        .to_owned()
    }

    /// Returns what the failure says about the next try.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::NoRoute { .. } | Self::RouteDown { .. } | Self::Setup { .. } => Trouble::Route,
            Self::Service { fault: Fault::Unknown | Fault::Down | Fault::PortClosed, .. }
            | Self::Dns { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Reset
            | Self::Truncated { .. }
            | Self::Protocol { .. } => Trouble::Passing { retry_after: None },
            Self::Http { status: 404 | 410, .. } => Trouble::Gone,
            Self::Http { status: 408 | 425 | 429 | 500..=599, retry_after } => {
                Trouble::Passing { retry_after: *retry_after }
            }
            Self::Service { fault: Fault::KeyWanted | Fault::KeyWrong | Fault::BadAddress, .. }
            | Self::PrivateAddress { .. }
            | Self::Tls { .. }
            | Self::TooLarge { .. }
            | Self::Encoding { .. }
            | Self::TooManyRedirects { .. }
            | Self::RedirectLoop
            | Self::OffSite { .. }
            | Self::BadRedirect { .. }
            | Self::Http { .. } => Trouble::Standing,
        }
    }

    /// Returns the network whose own way in is the trouble, not the site.
    pub const fn route(&self) -> Option<Network> {
        match self {
            Self::NoRoute { network } | Self::RouteDown { network, .. } => Some(*network),
            Self::Service { .. }
            | Self::Dns { .. }
            | Self::PrivateAddress { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Timeout { .. }
            | Self::Reset
            | Self::Truncated { .. }
            | Self::TooLarge { .. }
            | Self::Encoding { .. }
            | Self::TooManyRedirects { .. }
            | Self::RedirectLoop
            | Self::OffSite { .. }
            | Self::BadRedirect { .. }
            | Self::Http { .. }
            | Self::Protocol { .. }
            | Self::Setup { .. } => None,
        }
    }

    /// Tells whether a broken way into the network would look the same as this.
    pub(super) const fn may_be_the_route(&self) -> bool {
        matches!(
            self,
            Self::Service { fault: Fault::Down, .. }
                | Self::Dns { .. }
                | Self::Refused { .. }
                | Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Reset
                | Self::Truncated { .. }
        )
    }

    /// Sorts a failure of the HTTP client into its class.
    pub(super) fn sort(error: reqwest::Error, host: &str, route: (Network, &TimeLimits), stage: Stage) -> Self {
        let (network, limits) = route;
        let error = error.without_url();
        let host = host.to_owned();
        for cause in causes(&error) {
            if let Some(refused) = cause.downcast_ref::<ResolveError>() {
                return match refused {
                    ResolveError::Private => Self::PrivateAddress { host },
                    ResolveError::NotOurs | ResolveError::Unknown => Self::Dns { host },
                };
            }
            if let Some(detail) = tls::objection(cause) {
                return Self::Tls { host, detail };
            }
        }
        let io_kind = causes(&error).find_map(|cause| cause.downcast_ref::<io::Error>().map(io::Error::kind));
        match stage {
            Stage::Head if error.is_builder() => Self::Setup { detail: innermost(&error) },
            // The SOCKS connector keeps no cause of this one, only its text.
            Stage::Head if innermost(&error).contains("underlying connection") => Self::proxy_silent(network),
            Stage::Head if error.is_connect() => match io_kind {
                _ if error.is_timeout() => Self::Timeout { phase: Phase::Connection, limit: limits.connection },
                Some(io::ErrorKind::ConnectionRefused) if network != Network::Open => Self::proxy_silent(network),
                Some(io::ErrorKind::ConnectionRefused) => Self::Refused { host },
                _ => Self::Unreachable { host, detail: innermost(&error) },
            },
            Stage::Head => {
                let text = innermost(&error);
                let is_broken = io_kind.is_some() || text.contains("connection closed") || text.contains("canceled");
                if is_broken { Self::Reset } else { Self::Protocol { detail: text } }
            }
            Stage::Body { received_bytes } => {
                let is_cut = causes(&error).any(|cause| cause.to_string().contains("end of file"))
                    || matches!(
                        io_kind,
                        Some(
                            io::ErrorKind::UnexpectedEof
                                | io::ErrorKind::ConnectionReset
                                | io::ErrorKind::ConnectionAborted
                                | io::ErrorKind::BrokenPipe
                        )
                    );
                let is_decoding = matches!(io_kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
                if is_decoding && !is_cut {
                    Self::Encoding { encoding: innermost(&error) }
                } else {
                    Self::Truncated { received_bytes }
                }
            }
        }
    }
}

impl FetchError {
    fn proxy_silent(network: Network) -> Self {
        Self::RouteDown { network, detail: "the proxy does not answer".to_owned() }
    }
}

/// How far an answer had come when the HTTP client failed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stage {
    /// Before its head was complete.
    Head,
    /// In its body.
    Body {
        /// Decompressed bytes until then.
        received_bytes: u64,
    },
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    })
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let text = causes(error).last().map(ToString::to_string).unwrap_or_default();
    text.chars().filter(|character| !character.is_control()).take(200).collect()
}

const fn proxy_key(network: Network) -> &'static str {
    match network {
        Network::Open => "nothing",
        Network::Tor => "tor_socks",
        Network::I2p => "i2p_http or i2p_socks",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_next_follows_from_the_class() {
        let http = |status| FetchError::Http { status, retry_after: None };
        for (error, class, trouble) in [
            (http(404), "http-404", Trouble::Gone),
            (http(410), "http-410", Trouble::Gone),
            (http(503), "http-503", Trouble::Passing { retry_after: None }),
            (http(429), "http-429", Trouble::Passing { retry_after: None }),
            (http(403), "http-403", Trouble::Standing),
            (FetchError::Truncated { received_bytes: 1 }, "truncated", Trouble::Passing { retry_after: None }),
            (FetchError::NoRoute { network: Network::Tor }, "no-route", Trouble::Route),
            (
                FetchError::Timeout { phase: Phase::Progress, limit: Duration::ZERO },
                "stalled",
                Trouble::Passing { retry_after: None },
            ),
            (FetchError::Service { host: String::new(), fault: Fault::KeyWanted }, "key-wanted", Trouble::Standing),
        ] {
            assert_eq!((error.class().as_str(), error.trouble()), (class, trouble));
        }
    }

    #[test]
    fn a_missing_route_says_how_to_mend_it() {
        let message = FetchError::NoRoute { network: Network::I2p }.to_string();
        assert!(message.contains("i2p_http") && message.contains("dyepack.toml"), "{message}");
    }
}
