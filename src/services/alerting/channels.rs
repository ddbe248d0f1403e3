//! Sends what was frozen by the way that its recipient asks for: the mail server, a webhook or chat, a syslog server, a feed.

use url::Url;

use super::Ports;
use crate::domain::alert::AlertReason;
use crate::domain::alert::links::sign_body;
use crate::domain::alert::payload::{Notice, compose_payload, compose_test_payload};
use crate::domain::watchlist::{Channel, ChannelKind, Organization};
use crate::ports::fetch::{HookError, Post};
use crate::ports::mail::{Accepted, SendError};
use crate::ports::store::StoreError;
use crate::ports::store::model::AlertClaim;
use crate::ports::syslog::{self, SyslogError};

/// Why one attempt failed, by whatever way.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undelivered {
    #[error(transparent)]
    Mail(#[from] SendError),
    #[error(transparent)]
    Hook(#[from] HookError),
    #[error(transparent)]
    Syslog(#[from] SyslogError),
    /// The channel lacks what it needs; the import would have said so.
    #[error("the channel has no {0}; import its watchlist again")]
    Incomplete(&'static str),
}

impl Undelivered {
    pub(super) const fn is_permanent(&self) -> bool {
        match self {
            Self::Mail(error) => error.is_permanent(),
            Self::Hook(error) => error.is_permanent(),
            Self::Syslog(_) | Self::Incomplete(_) => false,
        }
    }

    pub(super) fn class(&self) -> &'static str {
        match self {
            Self::Mail(error) => error.class(),
            Self::Hook(error) => error.class(),
            Self::Syslog(error) => error.class(),
            Self::Incomplete(_) => "setup",
        }
    }
}

/// Writes what a channel is sent about an alert's case; `None` if the case is gone.
pub(super) async fn payload(
    ports: &Ports,
    claim: &AlertClaim,
    channel: &Channel,
) -> Result<Option<String>, StoreError> {
    let now = ports.clock.now();
    let Some(mut known) = super::facts::known(ports, claim, now).await? else { return Ok(None) };
    known.facts.acknowledge = super::facts::acknowledge_link(ports, claim, now).await?;
    let notice = Notice { id: &claim.id, reason: claim.reason, language: claim.language, at: now };
    let payload = compose_payload(channel.kind, &known.facts, &notice);
    if known.forbids(&payload) {
        tracing::error!(
            alert = claim.id,
            channel = channel.name,
            "the message held what must not be sent; sent without values and links"
        );
        return Ok(Some(compose_payload(channel.kind, &known.facts.bare(), &notice)));
    }
    Ok(Some(payload))
}

/// Makes one attempt.
pub(super) async fn send(ports: &Ports, claim: &AlertClaim, message: &[u8]) -> Result<Option<Accepted>, Undelivered> {
    match &claim.channel {
        None => Ok(Some(ports.mailer.send(&claim.contact, message).await?)),
        Some(channel) => send_to(ports, channel, &claim.id, message).await.map(|_| None),
    }
}

/// Sends a message to a channel once; returns how that went, in words.
pub(super) async fn send_to(ports: &Ports, channel: &Channel, id: &str, message: &[u8]) -> Result<String, Undelivered> {
    let secret =
        || channel.secret.as_ref().map(|secret| secret.reveal().as_str()).ok_or(Undelivered::Incomplete("secret"));
    let ca = channel.ca.as_deref();
    match channel.kind {
        // The entry is in the feed as soon as it is written.
        ChannelKind::Atom => Ok("it is in the feed".to_owned()),
        ChannelKind::Syslog => {
            let url = channel.url.as_deref().ok_or(Undelivered::Incomplete("url"))?;
            let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
            let may_be_private = ports.hooks.may_be_private(&host);
            Ok(syslog::send(&syslog::Server { url, ca, may_be_private }, message).await?)
        }
        ChannelKind::Webhook => {
            let url = parse(channel.url.as_deref().ok_or(Undelivered::Incomplete("url"))?)?;
            let timestamp = ports.clock.now().as_second();
            let headers = [
                ("dyepack-id", id.to_owned()),
                ("dyepack-timestamp", timestamp.to_string()),
                ("dyepack-signature", format!("v1={}", sign_body(secret()?.as_bytes(), timestamp, message))),
            ];
            Ok(ports.hooks.post(&Post { url: &url, headers: &headers, body: message, ca }).await?)
        }
        ChannelKind::Slack | ChannelKind::Mattermost | ChannelKind::Teams => {
            let url = parse(secret()?)?;
            Ok(ports.hooks.post(&Post { url: &url, headers: &[], body: message, ca }).await?)
        }
    }
}

/// Shows whether the way to a channel works, with a harmless message; says how it went.
///
/// # Errors
/// Why it did not work, in words that say what to do.
pub async fn test_channel(ports: &Ports, organization: &Organization, channel: &Channel) -> Result<String, String> {
    let now = ports.clock.now();
    let id = format!("T-{}", now.as_millisecond());
    let notice = Notice { id: &id, reason: AlertReason::Opened, language: organization.language, at: now };
    let message = compose_test_payload(channel.kind, &organization.id.0, &notice);
    send_to(ports, channel, &id, message.as_bytes()).await.map_err(|error| error.to_string())
}

fn parse(text: &str) -> Result<Url, Undelivered> {
    Url::parse(text.trim()).map_err(|_| Undelivered::Incomplete("address"))
}
