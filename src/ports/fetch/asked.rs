//! What a request says, for the record: what we set and what the HTTP client adds by itself.
//!
//! Not here: which of it is kept (`domain::evidence` hides cookies and credentials).

use reqwest::cookie::CookieStore as _;
use reqwest::header::{ACCEPT_ENCODING, COOKIE, HeaderName, HeaderValue, USER_AGENT};

use super::cookies::Cookies;
use super::latin1;
use super::way::Way;
use crate::domain::page::Asked;
use crate::domain::source::Network;

/// What the client sends with the codings it was built with.
const CODINGS: &str = "zstd,gzip,deflate,br";

/// Describes a request that is about to leave; the protocol is known when it is answered.
pub(super) fn describe(request: &reqwest::Request, way: &Way, (user_agent, cookies): (&str, &Cookies)) -> Asked {
    let mut headers = request.headers().clone();
    let added = [
        (USER_AGENT, HeaderValue::from_str(user_agent).ok()),
        (ACCEPT_ENCODING, Some(HeaderValue::from_static(CODINGS))),
        (COOKIE, cookies.cookies(request.url())),
    ];
    for (name, value) in added {
        if let Some(value) = value.filter(|_| !headers.contains_key(&name)) {
            headers.insert(name, value);
        }
    }
    let field = |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), latin1(value));
    Asked {
        method: request.method().to_string(),
        protocol: String::new(),
        route: route(way).to_owned(),
        headers: headers.iter().map(field).collect(),
        hops: Vec::new(),
    }
}

fn route(way: &Way) -> &'static str {
    match (way.route.network, &way.route.proxy) {
        (Network::Open, None) => "direct",
        (Network::Open, Some(_)) => "proxy",
        (Network::Tor, _) => "tor",
        (Network::I2p, _) => "i2p",
    }
}
