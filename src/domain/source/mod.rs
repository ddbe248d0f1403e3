//! A site we may read: its network, its pace, its settings, and which URLs belong to it.
//!
//! Not here: how its pages are read (`forum`), when they are due (`frontier`), how they are fetched (`ports::fetch`).

mod hours;
mod pattern;
mod settings;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

pub use hours::{Hours, HoursError, Window, Zone};
pub(crate) use pattern::fits;
pub use pattern::{Pattern, PatternError};
pub use settings::{Budget, Rest, RobotsSettings, Settings, SettingsError, Spent};

/// Pace of a source on a real network when none is given: one request every two seconds.
pub const DEFAULT_PACE: Duration = Duration::from_secs(2);

/// A source's name in the store, in logs and on the command line: its host, with the port where it is not the usual one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId(pub String);

impl fmt::Display for SourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The network a host lives on; decided by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The open web.
    Open,
    /// Tor: `.onion`.
    Tor,
    /// I2P: `.i2p`.
    I2p,
}

impl Network {
    /// Every network.
    pub const ALL: [Self; 3] = [Self::Open, Self::Tor, Self::I2p];

    /// Returns the network's word in the store and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Tor => "tor",
            Self::I2p => "i2p",
        }
    }

    /// Returns the network's name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "the open web",
            Self::Tor => "Tor",
            Self::I2p => "I2P",
        }
    }

    /// Tells the network from a URL's host name.
    pub fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        match host.rsplit('.').next() {
            Some("onion") => Self::Tor,
            Some("i2p") => Self::I2p,
            _ => Self::Open,
        }
    }
}

/// A site we may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub id: SourceId,
    /// What people see in mails and tables; never a live onion URL.
    pub label: String,
    /// Where a crawl starts.
    pub start_url: Url,
    /// Least time between two requests.
    pub pace: Duration,
    /// Requests in flight at once.
    pub concurrency: u32,
    /// Everything else that the operator has set.
    pub settings: Settings,
}

/// Why a URL cannot be a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Not a URL at all.
    #[error("{text:?} is not a URL ({reason}); write it in full, as in https://forum.example/")]
    Url {
        /// What was given.
        text: String,
        /// What the parser said.
        reason: String,
    },
    /// Neither http nor https.
    #[error("{scheme}: is not a scheme that dyepack reads; use http or https")]
    Scheme {
        /// The scheme given.
        scheme: String,
    },
    /// No host.
    #[error("the URL names no host")]
    Host,
    /// A private or link-local address that is not loopback.
    #[error("{host} is a private address; only public sites and loopback (for trials) may be sources")]
    Private {
        /// The address given.
        host: String,
    },
}

/// Why a URL is not fetched for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another scheme than http(s).
    #[error("not http or https")]
    Scheme,
    /// Another host or port than the source's own.
    #[error("leads off the site")]
    OffSite,
}

impl Source {
    /// Makes a source from its start URL, with the default pace (none for a loopback address) and one connection
    /// (eight for a loopback address).
    ///
    /// # Errors
    /// `Url`, `Scheme`, `Host` or `Private` say what is wrong with the URL and how to mend it.
    pub fn from_url(text: &str) -> Result<Self, SourceError> {
        let mut start_url = Url::parse(text.trim())
            .map_err(|error| SourceError::Url { text: text.to_owned(), reason: error.to_string() })?;
        start_url.set_fragment(None);
        if !matches!(start_url.scheme(), "http" | "https") {
            return Err(SourceError::Scheme { scheme: start_url.scheme().to_owned() });
        }
        let host = start_url.host_str().ok_or(SourceError::Host)?.to_ascii_lowercase();
        let is_local = is_loopback(&start_url);
        if !is_local && host_address(&start_url).is_some_and(|address| !is_public(address)) {
            return Err(SourceError::Private { host });
        }
        let id = match start_url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let label = match Network::of(&start_url) {
            Network::Open => id.clone(),
            Network::Tor | Network::I2p => format!("{}…", host.chars().take(8).collect::<String>()),
        };
        let (pace, concurrency) = if is_local { (Duration::ZERO, 8) } else { (DEFAULT_PACE, 1) };
        Ok(Self { id: SourceId(id), label, start_url, pace, concurrency, settings: Settings::default() })
    }

    /// Returns the source with these settings; those that name a pace, a concurrency or a label replace what it has.
    #[must_use]
    pub fn with(mut self, settings: Settings) -> Self {
        self.pace = settings.pace_ms.map_or(self.pace, Duration::from_millis);
        self.concurrency = settings.concurrency.unwrap_or(self.concurrency);
        self.label = settings.label.clone().unwrap_or(self.label);
        self.settings = settings;
        self
    }

    /// Returns the network the source lives on.
    pub fn network(&self) -> Network {
        Network::of(&self.start_url)
    }

    /// Tells whether the source is a loopback address given by the operator: a trial.
    pub fn is_local(&self) -> bool {
        is_loopback(&self.start_url)
    }

    /// Checks that a URL belongs to this site: same host (a leading `www.` aside), and for a local source the same port.
    ///
    /// # Errors
    /// `Scheme` or `OffSite`; the caller drops the URL.
    pub fn admit(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme);
        }
        let bare = |url: &Url| {
            let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
            host.strip_prefix("www.").map_or(host.clone(), str::to_owned)
        };
        let is_same_port = url.port_or_known_default() == self.start_url.port_or_known_default();
        let is_upgrade = !self.is_local() && url.port().is_none() && self.start_url.port().is_none();
        if bare(url) == bare(&self.start_url) && (is_same_port || is_upgrade) { Ok(()) } else { Err(Refusal::OffSite) }
    }
}

/// Returns the wait until a source's next request: a pace and up to half of it more. `chance` lies in `0.0..1.0`.
pub fn wait(pace: Duration, chance: f64) -> Duration {
    let chance = if chance.is_finite() { chance.clamp(0.0, 1.0) } else { 0.0 };
    pace.saturating_add(pace.mul_f64(chance / 2.0))
}

/// Tells whether an address may be reached for a source that is not local (RFC 6890 special-purpose ranges are refused).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (18..20).contains(&b)))
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            // Only 2000::/3 is given out to hosts; of it, what translates, tunnels to or documents other addresses is not.
            let [first, second, ..] = v6.segments();
            (first & 0xe000) == 0x2000
                && !(first == 0x2002
                    || (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
                    || (first == 0x3fff && second < 0x1000))
        }
    }
}

fn host_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
        Host::Domain(_) => None,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_source_is_local_and_has_no_pace() {
        let source = Source::from_url("http://127.0.0.1:8101/index.php").unwrap();
        assert!(source.is_local());
        assert_eq!(source.pace, Duration::ZERO);
        assert_eq!(source.id.0, "127.0.0.1:8101");
    }

    #[test]
    fn requests_are_spread_but_never_come_faster_than_the_pace() {
        for (chance, expected_ms) in [(0.0, 4_000), (0.5, 5_000), (1.0, 6_000), (f64::NAN, 4_000), (9.0, 6_000)] {
            assert_eq!(wait(Duration::from_secs(4), chance), Duration::from_millis(expected_ms));
        }
    }

    #[test]
    fn urls_that_leave_the_site_are_refused() {
        let source = Source::from_url("https://forum.example/").unwrap();
        for (url, expected) in [
            ("https://forum.example/a", Ok(())),
            ("http://www.forum.example/a", Ok(())),
            ("https://forum.example:8443/a", Err(Refusal::OffSite)),
            ("https://other.example/", Err(Refusal::OffSite)),
            ("ftp://forum.example/", Err(Refusal::Scheme)),
            ("javascript:alert(1)", Err(Refusal::Scheme)),
        ] {
            assert_eq!(source.admit(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_local_source_reaches_only_its_own_port() {
        let source = Source::from_url("http://127.0.0.1:8101/").unwrap();
        assert!(source.admit(&Url::parse("http://127.0.0.1:8101/x").unwrap()).is_ok());
        assert!(source.admit(&Url::parse("http://127.0.0.1:22/").unwrap()).is_err());
        assert!(source.admit(&Url::parse("https://127.0.0.1/").unwrap()).is_err());
    }

    #[test]
    fn private_and_reserved_addresses_are_not_public() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("10.1.2.3", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("192.0.2.1", false),
            ("0.0.0.0", false),
            ("::1", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("64:ff9b:1::a00:1", false),
            ("::ffff:0:10.0.0.1", false),
            ("::10.0.0.1", false),
            ("2002:a00:1::", false),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", false),
            ("2001:db8::1", false),
            ("3fff::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            ("100::1", false),
            ("192.88.99.1", false),
            ("198.18.0.1", false),
            ("203.0.113.9", false),
            ("255.255.255.255", false),
            ("2a00:1450:4001:81b::200e", true),
            ("2606:4700::1111", true),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_source_url_that_cannot_work_says_why() {
        assert!(matches!(Source::from_url("forum.example"), Err(SourceError::Url { .. })));
        assert!(matches!(Source::from_url("ftp://forum.example"), Err(SourceError::Scheme { .. })));
        assert!(matches!(Source::from_url("http://10.0.0.1/"), Err(SourceError::Private { .. })));
    }
}
