//! Posts to the addresses of an organization's channels: one request, no redirects, bounded in time and size.
//!
//! Private addresses are refused, also behind names, unless the operator has named the host. Not here: what is posted
//! (`domain::alert::payload`), when it is tried again (`services::alerting`).
#![expect(
    clippy::disallowed_methods,
    reason = "the one other client that leaves this machine, on the open web's route"
)]

use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use tokio::time::timeout;
use url::{Host, Url};

use super::route::Resolver;
use super::{FetchOptions, Proxy};
use crate::domain::source::{Network, is_public};
use crate::ports::tls;

/// Longest time for one post.
pub const POST_LIMIT: Duration = Duration::from_secs(20);
/// Most characters of an answer that are told.
const ANSWER_CHARS: usize = 120;

/// Posts; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    user_agent: String,
    proxy: Option<Proxy>,
    private: Vec<String>,
}

/// One post.
#[derive(Debug, Clone)]
pub struct Post<'a> {
    /// Where to.
    pub url: &'a Url,
    /// Further header fields.
    pub headers: &'a [(&'static str, String)],
    /// JSON.
    pub body: &'a [u8],
    /// A certificate to trust besides the system's, PEM.
    pub ca: Option<&'a str>,
}

/// Why a post did not arrive. None of its words holds more of the address than the host: the rest may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// The address is in a private network.
    #[error("{host} is a private address; if that is meant, name it in [alert] private_hosts")]
    Private {
        /// The host.
        host: String,
    },
    /// A hidden service is never posted to.
    #[error("{host} is no address of the open web")]
    Hidden {
        /// The host.
        host: String,
    },
    /// The client cannot be made.
    #[error("cannot post to {host}: {reason}")]
    Setup {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// The name is not known.
    #[error("the name {host} cannot be resolved")]
    Name {
        /// The host.
        host: String,
    },
    /// The connection failed.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// The TLS handshake failed.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// What TLS objected to.
        reason: String,
    },
    /// No answer in time.
    #[error("{host} did not answer within {} s", POST_LIMIT.as_secs())]
    TimedOut {
        /// The host.
        host: String,
    },
    /// It was answered otherwise than with success.
    #[error("{host} answered {status}{}{text}", if text.is_empty() { "" } else { ": " })]
    Answer {
        /// The host.
        host: String,
        /// HTTP status.
        status: u16,
        /// The answer's beginning, one line.
        text: String,
    },
}

impl HookError {
    /// Tells whether no later try can succeed: the receiver says that it is gone for good.
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Answer { status: 410, .. })
    }

    /// Returns a stable word for logs and lists.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Private { .. } => "private-address",
            Self::Hidden { .. } => "hidden-address",
            Self::Setup { .. } => "setup",
            Self::Name { .. } => "name",
            Self::Unreachable { .. } => "unreachable",
            Self::Tls { .. } => "tls",
            Self::TimedOut { .. } => "timeout",
            Self::Answer { status: 401 | 403, .. } => "login",
            Self::Answer { status: 429, .. } => "too-many",
            Self::Answer { status: 500.., .. } => "answer-5xx",
            Self::Answer { .. } => "answer-4xx",
        }
    }
}

impl Hooks {
    /// Prepares to post on the open web's route; `private` names the hosts that may have private addresses.
    pub fn new(options: &FetchOptions, private: Vec<String>) -> Self {
        let private = private.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { user_agent: options.user_agent.clone(), proxy: options.open.clone(), private }
    }

    /// Tells whether the operator has named a host as one that may have a private address.
    pub fn may_be_private(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        self.private.iter().any(|named| named.trim_matches(['[', ']']) == host)
    }

    /// Posts once; returns what was answered, in a word.
    ///
    /// # Errors
    /// `HookError` tells why it did not arrive.
    pub async fn post(&self, post: &Post<'_>) -> Result<String, HookError> {
        let host = self.admit(post.url)?;
        let client = self.client(post, &host)?;
        let mut request = client.post(post.url.clone()).header(CONTENT_TYPE, "application/json");
        for (name, value) in post.headers {
            let value = HeaderValue::from_str(value).map_err(|_| HookError::Setup {
                host: host.clone(),
                reason: format!("the header {name} is no text"),
            })?;
            request = request.header(HeaderName::from_static(name), value);
        }
        let answered = timeout(POST_LIMIT, request.body(post.body.to_vec()).send()).await;
        let answered = answered.map_err(|_| HookError::TimedOut { host: host.clone() })?;
        let mut response = answered.map_err(|error| sorted(&error, &host))?;
        let status = response.status();
        if status.is_success() {
            return Ok(format!("{host} answered {}", status.as_u16()));
        }
        let beginning = timeout(Duration::from_secs(3), response.chunk()).await.ok().and_then(Result::ok).flatten();
        let text = one_line(&String::from_utf8_lossy(&beginning.unwrap_or_default()));
        Err(HookError::Answer { host, status: status.as_u16(), text })
    }

    fn admit(&self, url: &Url) -> Result<String, HookError> {
        let host = url.host_str().unwrap_or("no host").to_owned();
        if Network::of(url) != Network::Open {
            return Err(HookError::Hidden { host: host.chars().take(8).chain(['…']).collect() });
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        let is_refused = address.is_some_and(|address| !is_public(address)) && !self.may_be_private(&host);
        if is_refused { Err(HookError::Private { host }) } else { Ok(host) }
    }

    fn client(&self, post: &Post<'_>, host: &str) -> Result<reqwest::Client, HookError> {
        let setup = |reason: String| HookError::Setup { host: host.to_owned(), reason };
        let is_private = self.may_be_private(host);
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .user_agent(&self.user_agent)
            .pool_max_idle_per_host(0)
            .connect_timeout(POST_LIMIT / 2);
        builder = match self.proxy.as_ref().filter(|_| !is_private) {
            None if is_private => builder.dns_resolver(Resolver::Any),
            None => builder.dns_resolver(Resolver::Public),
            Some(proxy) => {
                let url = Url::parse(&proxy.to_string()).map_err(|error| setup(error.to_string()))?;
                let own = url.host_str().unwrap_or_default().to_ascii_lowercase();
                let proxy =
                    reqwest::Proxy::all(url.as_str()).map_err(|error| setup(error.without_url().to_string()))?;
                builder.proxy(proxy).dns_resolver(Resolver::Only(own))
            }
        };
        if let Some(pem) = post.ca {
            let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
            builder = builder.tls_certs_merge(certificates.map_err(|error| setup(error.to_string()))?);
        }
        builder.build().map_err(|error| setup(error.without_url().to_string()))
    }
}

fn sorted(error: &reqwest::Error, host: &str) -> HookError {
    let host = host.to_owned();
    if error.is_timeout() {
        return HookError::TimedOut { host };
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    let mut reason = String::new();
    while let Some(one) = cause {
        if let Some(objection) = tls::objection(one) {
            return HookError::Tls { host, reason: one_line(&objection) };
        }
        match one.downcast_ref::<super::route::ResolveError>() {
            Some(super::route::ResolveError::Private) => return HookError::Private { host },
            Some(super::route::ResolveError::NotOurs | super::route::ResolveError::Unknown) => {
                return HookError::Name { host };
            }
            None => reason = one.to_string(),
        }
        cause = one.source();
    }
    HookError::Unreachable { host, reason: one_line(&reason) }
}

/// What a server says is foreign text: one line, bounded, without control characters.
fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ANSWER_CHARS).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}
