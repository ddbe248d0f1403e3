//! An SMTP server on loopback that keeps what it is sent: RFC 5321's minimum, one recipient list and one body a message.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Most bytes of one message that are kept.
const MESSAGE_LIMIT_BYTES: usize = 1 << 20;
/// Most bytes of one command line (RFC 5321 §4.5.3.1.4 asks for 512).
const LINE_LIMIT_BYTES: u64 = 4096;

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub(in crate::faces::cli) struct CaughtMail {
    /// Envelope recipients.
    pub(in crate::faces::cli) recipients: Vec<String>,
    /// The message, dots unstuffed.
    pub(in crate::faces::cli) message: String,
}

/// A catcher that listens.
#[derive(Debug)]
pub(in crate::faces::cli) struct RunningCatcher {
    /// Where.
    pub(in crate::faces::cli) address: SocketAddr,
    /// What arrives.
    pub(in crate::faces::cli) mails: mpsc::Receiver<CaughtMail>,
    /// Its server, which ends when this is dropped.
    pub(in crate::faces::cli) server: JoinSet<()>,
}

/// Listens on a free loopback port.
///
/// # Errors
/// When no loopback port can be had.
pub(in crate::faces::cli) async fn start() -> std::io::Result<RunningCatcher> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (sender, mails) = mpsc::channel(64);
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut sessions = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            sessions.spawn(async move { drop(converse(stream, sender).await) });
            while sessions.try_join_next().is_some() {}
        }
    });
    Ok(RunningCatcher { address, mails, server })
}

async fn converse(stream: TcpStream, sender: mpsc::Sender<CaughtMail>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut reader = BufReader::new(read);
    let mut recipients = Vec::new();
    write.write_all(b"220 demo ESMTP\r\n").await?;
    loop {
        let mut line = String::new();
        if (&mut reader).take(LINE_LIMIT_BYTES).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-demo\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "HELO" | "NOOP" => b"250 ok\r\n",
            "MAIL" | "RSET" => {
                recipients.clear();
                b"250 ok\r\n"
            }
            "RCPT" => {
                recipients.push(between(&line, '<', '>').to_owned());
                b"250 ok\r\n"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let message = body(&mut reader).await?;
                // The demo may have ended; then there is nobody to show the mail to.
                let _ = sender.send(CaughtMail { recipients: std::mem::take(&mut recipients), message }).await;
                b"250 kept\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"502 not here\r\n",
        };
        write.write_all(answer).await?;
    }
}

async fn body(reader: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<String> {
    let mut message = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.take(MESSAGE_LIMIT_BYTES as u64).read_until(b'\n', &mut line).await? == 0 || line == b".\r\n" {
            return Ok(String::from_utf8_lossy(&message).into_owned());
        }
        let line = line.strip_prefix(b".").unwrap_or(&line);
        if message.len() + line.len() <= MESSAGE_LIMIT_BYTES {
            message.extend_from_slice(line);
        }
    }
}

fn between(line: &str, open: char, close: char) -> &str {
    line.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map_or("", |(inside, _)| inside)
}
