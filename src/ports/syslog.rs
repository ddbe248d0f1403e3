//! Sends a message to a syslog server over TLS: RFC 5425, one connection a message, octet-counted.
//!
//! The protocol has no answer: a message counts as sent once the server has read on to the end of the connection, or has
//! not objected for a while. Not here: the message (`domain::alert::payload`).
#![expect(clippy::disallowed_methods, reason = "opens its own connection and resolves its server's name")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::domain::source::is_public;
use crate::ports::tls;

/// Longest time for one message.
pub const SEND_LIMIT: Duration = Duration::from_secs(15);
/// How long a server may take to close the connection after us.
const FAREWELL: Duration = Duration::from_secs(2);
/// The port of RFC 5425.
const USUAL_PORT: u16 = 6514;

/// A server.
#[derive(Debug, Clone)]
pub struct Server<'a> {
    /// `syslog+tls://HOST:PORT`.
    pub url: &'a str,
    /// A certificate to trust besides the system's, PEM.
    pub ca: Option<&'a str>,
    /// Whether its address may be private.
    pub may_be_private: bool,
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyslogError {
    /// The address is none.
    #[error("the syslog server's address cannot be used; write syslog+tls://HOST:PORT")]
    Address,
    /// The address is in a private network.
    #[error("{host} is a private address; if that is meant, name it in [alert] private_hosts")]
    Private {
        /// The host.
        host: String,
    },
    /// The name is not known.
    #[error("the name {host} cannot be resolved")]
    Name {
        /// The host.
        host: String,
    },
    /// The connection failed or broke.
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
    /// It took too long.
    #[error("{host} did not take the message within {} s", SEND_LIMIT.as_secs())]
    TimedOut {
        /// The host.
        host: String,
    },
}

impl SyslogError {
    /// Returns a stable word for logs and lists.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Address => "setup",
            Self::Private { .. } => "private-address",
            Self::Name { .. } => "name",
            Self::Unreachable { .. } => "unreachable",
            Self::Tls { .. } => "tls",
            Self::TimedOut { .. } => "timeout",
        }
    }
}

/// Sends one message; returns to whom.
///
/// # Errors
/// `SyslogError` tells why it was not sent; it may be tried again.
pub async fn send(server: &Server<'_>, message: &[u8]) -> Result<String, SyslogError> {
    let url = url::Url::parse(server.url).map_err(|_| SyslogError::Address)?;
    let host = url.host_str().ok_or(SyslogError::Address)?.trim_matches(['[', ']']).to_ascii_lowercase();
    let port = url.port().unwrap_or(USUAL_PORT);
    match timeout(SEND_LIMIT, talk(server, (&host, port), message)).await {
        Ok(outcome) => outcome.map(|()| format!("sent to {host}:{port}")),
        Err(_) => Err(SyslogError::TimedOut { host }),
    }
}

async fn talk(server: &Server<'_>, (host, port): (&str, u16), message: &[u8]) -> Result<(), SyslogError> {
    let stream = dial(server, host, port).await?;
    let failed = |error: io::Error| match tls::objection(&error) {
        Some(reason) => SyslogError::Tls { host: host.to_owned(), reason },
        None => SyslogError::Unreachable { host: host.to_owned(), reason: error.to_string() },
    };
    let mut stream = tls::wrap(stream, host, server.ca).await.map_err(failed)?;
    let mut framed = format!("{} ", message.len()).into_bytes();
    framed.extend_from_slice(message);
    stream.write_all(&framed).await.map_err(failed)?;
    stream.shutdown().await.map_err(failed)?;
    let mut rest = [0_u8; 64];
    match timeout(FAREWELL, stream.read(&mut rest)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => Err(failed(error)),
        // Many servers close without a goodbye of TLS.
        Ok(Ok(_) | Err(_)) | Err(_) => Ok(()),
    }
}

async fn dial(server: &Server<'_>, host: &str, port: u16) -> Result<TcpStream, SyslogError> {
    let is_hidden = [".onion", ".i2p"].iter().any(|ending| host.ends_with(ending));
    let unknown = || SyslogError::Name { host: host.to_owned() };
    if is_hidden {
        return Err(unknown());
    }
    let found = lookup_host((host, port)).await.map_err(|_| unknown())?;
    let addresses: Vec<SocketAddr> = found.filter(|address| server.may_be_private || is_public(address.ip())).collect();
    if addresses.is_empty() {
        return Err(SyslogError::Private { host: host.to_owned() });
    }
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error.to_string()),
        }
    }
    Err(SyslogError::Unreachable { host: host.to_owned(), reason: last.unwrap_or_default() })
}
