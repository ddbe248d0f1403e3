//! How an organization wants to be told: at which hours, gathered or at once, in which order, by which other channels.
//!
//! Not here: applying it (`alert::timing`), sending (`ports`). Secrets of channels come from files of their own.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Spanned;
use url::Url;

use super::organization::{Checker, is_code, is_inner_path};
use super::problem::shown;
use crate::domain::secret::Secret;
use crate::domain::severity::Severity;
use crate::domain::source::{Hours, Window, Zone};

/// Alerts of an hour, if the organization names no other number.
const MOST_PER_HOUR: u32 = 30;
/// Longest wait before the next contact is told.
const LONGEST_WAIT: Duration = Duration::from_hours(24 * 14);

/// How an organization wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alerts {
    /// Its time zone, and the hours at which nobody is to be woken.
    pub quiet: Hours,
    /// From this severity on an alert goes out in quiet hours too.
    pub wake: Severity,
    /// Up to this severity alerts are gathered into one mail a day; `None` sends every alert by itself.
    pub digest: Option<Severity>,
    /// When that mail is written, by the zone's clocks.
    pub digest_at: Time,
    /// Most mails to it within an hour; what is more is gathered.
    pub most_per_hour: u32,
    /// Other ways by which it is told.
    pub channels: Vec<Channel>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            quiet: Hours::default(),
            wake: Severity::Critical,
            digest: None,
            digest_at: Time::constant(8, 0, 0, 0),
            most_per_hour: MOST_PER_HOUR,
            channels: Vec::new(),
        }
    }
}

impl Alerts {
    /// Tells whether the organization has named nothing of it.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Another way than mail by which an organization is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its name, unique in the organization.
    pub name: String,
    /// What is spoken there.
    pub kind: ChannelKind,
    /// Where: `https://…` of a webhook, `syslog+tls://HOST:PORT`; the others have theirs in the secret.
    pub url: Option<String>,
    /// File of its secret, relative to the watchlist's folder.
    pub secret_file: Option<String>,
    /// What that file holds: the key that signs, the address that is one, the token.
    #[serde(serialize_with = "reveal", deserialize_with = "hide")]
    pub secret: Option<Secret<String>>,
    /// File of a certificate to trust besides the system's, relative to the watchlist's folder.
    pub ca_file: Option<String>,
    /// What that file holds, PEM.
    pub ca: Option<String>,
    /// Only cases of at least this severity are told there.
    pub from: Severity,
}

/// What is spoken at a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// JSON, signed with HMAC-SHA-256.
    Webhook,
    /// A message as Slack's incoming webhooks take it.
    Slack,
    /// The same for Mattermost.
    Mattermost,
    /// An adaptive card, as Teams' workflows take it.
    Teams,
    /// RFC 5424 over TLS (RFC 5425), with CEF in it.
    Syslog,
    /// An entry of a feed that is fetched with a token.
    Atom,
}

impl ChannelKind {
    /// Returns the word used in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Mattermost => "mattermost",
            Self::Teams => "teams",
            Self::Syslog => "syslog",
            Self::Atom => "atom",
        }
    }

    /// Tells whether the secret is an address to post to.
    pub const fn has_secret_address(self) -> bool {
        match self {
            Self::Slack | Self::Mattermost | Self::Teams => true,
            Self::Webhook | Self::Syslog | Self::Atom => false,
        }
    }
}

impl Channel {
    /// Begins the names by which the outbox knows channels; no mail address begins so.
    pub const PREFIX: &'static str = "channel:";

    /// Returns how the outbox names it.
    pub fn recipient(&self) -> String {
        format!("{}{}", Self::PREFIX, self.name)
    }

    /// Says what is wrong with a secret that was read for it; nothing of the secret itself.
    pub fn objection(&self, secret: &str) -> Option<&'static str> {
        match self.kind {
            ChannelKind::Slack | ChannelKind::Mattermost | ChannelKind::Teams => {
                address_objection(secret).map(|_| "does not hold one https:// address")
            }
            ChannelKind::Webhook | ChannelKind::Atom if secret.chars().count() < 20 => {
                Some("holds fewer than 20 characters")
            }
            ChannelKind::Atom if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) => {
                Some("holds other characters than letters, digits, - and _")
            }
            ChannelKind::Webhook | ChannelKind::Atom | ChannelKind::Syslog => None,
        }
    }
}

/// The document that a channel is kept in is sealed.
#[expect(clippy::ref_option, reason = "serde gives the field")]
fn reveal<S: Serializer>(secret: &Option<Secret<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::reveal).serialize(serializer)
}

fn hide<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAlerts {
    zone: Zone,
    quiet: Vec<Window>,
    wake: Option<Severity>,
    digest: Option<Severity>,
    digest_at: Option<Spanned<String>>,
    most_per_hour: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChannel {
    name: Spanned<String>,
    kind: Spanned<ChannelKind>,
    url: Option<Spanned<String>>,
    secret_file: Option<Spanned<String>>,
    ca_file: Option<Spanned<String>>,
    from: Option<Severity>,
}

impl Checker<'_> {
    /// Checks `[alerts]` and every `[[channel]]`.
    pub(super) fn alerts(&mut self, raw: RawAlerts, channels: Vec<RawChannel>) -> Alerts {
        let usual = Alerts::default();
        let digest_at = raw.digest_at.as_ref().and_then(|text| {
            let time = Time::strptime("%H:%M", text.get_ref().trim()).ok();
            if time.is_none() {
                let reason = format!("{} is not a time of the day", shown(text.get_ref()));
                self.report(text, "alerts.digest_at", reason, "write it as \"08:30\"");
            }
            time
        });
        if let Some(most) = raw.most_per_hour.as_ref().filter(|most| !(1..=10_000).contains(most.get_ref())) {
            self.report(
                most,
                "alerts.most_per_hour",
                "is not between 1 and 10000",
                "write how many mails an hour may bring",
            );
        }
        self.once("channel", channels.iter().map(|channel| (channel.name.get_ref().to_lowercase(), &channel.name)));
        Alerts {
            quiet: Hours { zone: raw.zone, windows: raw.quiet },
            wake: raw.wake.unwrap_or(usual.wake),
            digest: raw.digest,
            digest_at: digest_at.unwrap_or(usual.digest_at),
            most_per_hour: raw.most_per_hour.map_or(usual.most_per_hour, Spanned::into_inner),
            channels: channels.into_iter().map(|channel| self.channel(channel)).collect(),
        }
    }

    fn channel(&mut self, raw: RawChannel) -> Channel {
        if !is_code(raw.name.get_ref()) {
            let reason = format!("{} is not a name", shown(raw.name.get_ref()));
            self.report(&raw.name, "channel.name", reason, "use 1 to 32 letters, digits and . _ -, as siem");
        }
        let kind = *raw.kind.get_ref();
        let word = kind.as_str();
        for (key, path) in [("channel.secret_file", &raw.secret_file), ("channel.ca_file", &raw.ca_file)] {
            if let Some(path) = path.as_ref().filter(|path| !is_inner_path(path.get_ref())) {
                let mend = "name a file inside this folder, as secrets/siem.key";
                self.report(path, key, "leads out of the watchlist's folder", mend);
            }
        }
        let objection = raw.url.as_ref().and_then(|url| match kind {
            ChannelKind::Webhook => address_objection(url.get_ref()),
            ChannelKind::Syslog => syslog_objection(url.get_ref()),
            ChannelKind::Slack | ChannelKind::Mattermost | ChannelKind::Teams => {
                Some("does not belong here: this address is a secret; put it into the file of secret_file")
            }
            ChannelKind::Atom => Some("is not needed: the feed is fetched from dyepack"),
        });
        if let (Some(objection), Some(url)) = (objection, &raw.url) {
            self.report(url, "channel.url", objection, "mend it as watchlists/README.md shows");
        }
        let needs_url = matches!(kind, ChannelKind::Webhook | ChannelKind::Syslog);
        if needs_url && raw.url.is_none() {
            self.report(&raw.kind, "channel", format!("a {word} needs a url"), "add url = \"…\"");
        }
        if kind != ChannelKind::Syslog && raw.secret_file.is_none() {
            let mend = "add secret_file = \"secrets/…\"; secrets are never in this file";
            self.report(&raw.kind, "channel", format!("a {word} channel needs a secret_file"), mend);
        }
        Channel {
            name: raw.name.into_inner(),
            kind,
            url: raw.url.map(Spanned::into_inner),
            secret_file: raw.secret_file.map(Spanned::into_inner),
            secret: None,
            ca_file: raw.ca_file.map(Spanned::into_inner),
            ca: None,
            from: raw.from.unwrap_or(Severity::Low),
        }
    }

    /// Reads how long the others are given before a contact is told.
    pub(super) fn wait(&mut self, text: Option<&Spanned<String>>) -> Option<Duration> {
        let text = text?;
        let wait = text.get_ref().parse::<SignedDuration>().ok().and_then(|wait| Duration::try_from(wait).ok());
        let wait = wait.filter(|wait| (Duration::from_secs(1)..=LONGEST_WAIT).contains(wait));
        if wait.is_none() {
            let reason = format!("{} is no time up to two weeks", shown(text.get_ref()));
            self.report(text, "contact.after", reason, "write it as \"4h\" or \"90m\"");
        }
        wait
    }
}

/// What is wrong with an address to post to.
fn address_objection(text: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(text.trim()) else { return Some("is not an address") };
    let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if !url.username().is_empty() || url.password().is_some() {
        Some("holds a user name or password")
    } else if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        Some("does not begin with https://")
    } else {
        None
    }
}

fn syslog_objection(text: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(text.trim()) else { return Some("is not an address") };
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.username().is_empty();
    if url.scheme() != "syslog+tls" || url.host_str().is_none_or(str::is_empty) || !is_bare {
        Some("is not written as syslog+tls://HOST:PORT")
    } else {
        None
    }
}
