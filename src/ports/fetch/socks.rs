//! A SOCKS5 client (RFC 1928, RFC 1929) that keeps the reply code, which the HTTP client throws away.
//!
//! Not here: what a code means on which network (`explain`).

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::route::dial;

const VERSION: u8 = 5;
const NO_CREDENTIALS: u8 = 0;
const CREDENTIALS: u8 = 2;
const CONNECT: u8 = 1;
const DOMAIN: u8 = 3;

/// Name and password; Tor gives each pair its own circuit.
pub(super) type Credentials<'a> = Option<(&'a str, &'a str)>;

/// Why there is no connection through the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoConnection {
    /// Nothing answers at the proxy's address.
    Down(io::ErrorKind),
    /// What answers does not speak SOCKS5.
    NotSocks,
    /// The proxy takes no connection like ours: it refuses the credentials, or the lack of them.
    Unwelcome,
    /// The proxy says why, by its code.
    Refused(u8),
    /// No answer within the time given.
    Silent,
}

impl From<io::Error> for NoConnection {
    fn from(error: io::Error) -> Self {
        // The proxy hung up in the middle of the handshake.
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::NotSocks } else { Self::Down(error.kind()) }
    }
}

/// Shakes hands with the proxy and goes no further.
pub(super) async fn greet(proxy: &str, credentials: Credentials<'_>, limit: Duration) -> Result<(), NoConnection> {
    timeout(limit, greeted(proxy, credentials)).await.unwrap_or(Err(NoConnection::Silent)).map(drop)
}

/// Asks the proxy for a connection to `host`, whose name it resolves itself; the connection is dropped at once.
pub(super) async fn probe(
    proxy: &str,
    credentials: Credentials<'_>,
    (host, port): (&str, u16),
    limit: Duration,
) -> Result<(), NoConnection> {
    let asked = async {
        let mut stream = greeted(proxy, credentials).await?;
        let length = u8::try_from(host.len()).map_err(|_| NoConnection::Refused(1))?;
        let mut request = vec![VERSION, CONNECT, 0, DOMAIN, length];
        request.extend_from_slice(host.as_bytes());
        request.extend_from_slice(&port.to_be_bytes());
        stream.write_all(&request).await?;
        let mut reply = [0_u8; 2];
        stream.read_exact(&mut reply).await?;
        match reply {
            [VERSION, 0] => Ok(()),
            [VERSION, code] => Err(NoConnection::Refused(code)),
            _ => Err(NoConnection::NotSocks),
        }
    };
    timeout(limit, asked).await.unwrap_or(Err(NoConnection::Silent))
}

async fn greeted(proxy: &str, credentials: Credentials<'_>) -> Result<TcpStream, NoConnection> {
    let mut stream = dial(proxy).await.map_err(|error| NoConnection::Down(error.kind()))?;
    let method = if credentials.is_some() { CREDENTIALS } else { NO_CREDENTIALS };
    stream.write_all(&[VERSION, 1, method]).await?;
    let mut chosen = [0_u8; 2];
    stream.read_exact(&mut chosen).await?;
    match (chosen, credentials) {
        ([VERSION, NO_CREDENTIALS], None) => {}
        ([VERSION, CREDENTIALS], Some(credentials)) => log_in(&mut stream, credentials).await?,
        ([VERSION, _], _) => return Err(NoConnection::Unwelcome),
        _ => return Err(NoConnection::NotSocks),
    }
    Ok(stream)
}

async fn log_in(stream: &mut TcpStream, (name, password): (&str, &str)) -> Result<(), NoConnection> {
    let mut request = vec![1];
    for text in [name, password] {
        request.push(u8::try_from(text.len()).map_err(|_| NoConnection::Unwelcome)?);
        request.extend_from_slice(text.as_bytes());
    }
    stream.write_all(&request).await?;
    let mut reply = [0_u8; 2];
    stream.read_exact(&mut reply).await?;
    if reply[1] == 0 { Ok(()) } else { Err(NoConnection::Unwelcome) }
}
