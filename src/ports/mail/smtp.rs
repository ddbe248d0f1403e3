//! One conversation with a mail server, stage by stage, each bounded in time.
//!
//! lettre speaks the protocol; the stages are walked here, so that a failure names the one it happened in and nothing
//! waits for longer than it should (lettre's own time limit covers the connection only). Connections are not kept: an
//! alert is rare, and a stale connection would look like a failure.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::{Error, response::Response};
use tokio::time::timeout;

use super::MailOptions;
use super::address::{Security, Server};
use super::error::{MailError, SendError, Stage};
use crate::ports::tls;

/// Longest wait for one answer on this machine, and elsewhere.
const PATIENCE_LOOPBACK: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_mins(1);
/// A conversation may take this many times the wait for one answer.
const STAGES: u32 = 3;
/// Longest goodbye.
const FAREWELL: Duration = Duration::from_secs(2);
/// Most characters kept of what a server says.
const ANSWER_CHARS: usize = 300;

/// A mail server, ready to be spoken to; cheap to clone.
#[derive(Clone)]
pub(super) struct Smtp {
    server: Server,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    hello: ClientId,
    patience: Duration,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Smtp").field("server", &self.server).finish_non_exhaustive()
    }
}

/// An open connection whose work is done.
pub(super) struct Farewell(AsyncSmtpConnection);

impl std::fmt::Debug for Farewell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Farewell")
    }
}

impl Farewell {
    pub(super) async fn say(mut self) {
        // The mail is the server's now; whether it hears the goodbye does not matter.
        drop(timeout(FAREWELL, self.0.quit()).await);
    }
}

impl Smtp {
    pub(super) async fn new(server: &Server, options: &MailOptions) -> Result<Self, MailError> {
        let credentials = match (&options.user, &options.password) {
            (Some(user), Some(password)) => Some(Credentials::new(user.clone(), password.reveal().clone())),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(MailError::HalfCredentials),
        };
        let is_plain = server.security == Security::Plain;
        if is_plain && credentials.is_some() && !server.is_loopback {
            return Err(MailError::PasswordInTheClear { host: server.host.clone() });
        }
        let usual = if server.is_loopback { PATIENCE_LOOPBACK } else { PATIENCE };
        Ok(Self {
            server: server.clone(),
            tls: if is_plain { None } else { Some(tls_parameters(server).await?) },
            credentials,
            hello: ClientId::default(),
            patience: options.patience.unwrap_or(usual),
        })
    }

    pub(super) const fn is_loopback(&self) -> bool {
        self.server.is_loopback
    }

    pub(super) fn longest_attempt(&self) -> Duration {
        self.patience * STAGES
    }

    pub(super) fn place(&self) -> String {
        let security = match self.server.security {
            Security::Plain => "no encryption",
            Security::StartTls => "STARTTLS",
            Security::Tls => "TLS",
        };
        format!("the mail server {} ({security})", self.server.place())
    }

    /// Hands a message over; on success the server has answered 250 and is responsible for it.
    pub(super) async fn send(
        &self,
        from: &Address,
        to: &Address,
        message: &[u8],
    ) -> Result<(String, Farewell), SendError> {
        let limit = self.longest_attempt();
        match timeout(limit, self.converse(from, to, message)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.timed_out(Stage::Message, limit)),
        }
    }

    /// Connects, encrypts and logs in as for a mail, and says goodbye.
    pub(super) async fn knock(&self) -> Result<(), SendError> {
        let limit = self.longest_attempt();
        let opened = timeout(limit, self.open()).await.map_err(|_| self.timed_out(Stage::Message, limit))?;
        Farewell(opened?).say().await;
        Ok(())
    }

    async fn converse(&self, from: &Address, to: &Address, message: &[u8]) -> Result<(String, Farewell), SendError> {
        let mut connection = self.open().await?;
        let parameters = self.mail_parameters(&connection, &[from, to])?;
        let sender = Mail::new(Some(from.clone()), parameters);
        self.within(Stage::Sender, connection.command(sender)).await?;
        self.within(Stage::Recipient, connection.command(Rcpt::new(to.clone(), Vec::new()))).await?;
        self.within(Stage::Data, connection.command(Data)).await?;
        let response = self.within(Stage::Message, connection.message(message)).await?;
        Ok((self.receipt(&response), Farewell(connection)))
    }

    /// Connects, encrypts and logs in, as far as each was asked for.
    async fn open(&self) -> Result<AsyncSmtpConnection, SendError> {
        let mut connection = self.connect().await?;
        if self.server.security == Security::StartTls
            && let Some(tls) = &self.tls
        {
            if !connection.can_starttls() {
                return Err(SendError::NoStartTls { place: self.server.place() });
            }
            self.within(Stage::StartTls, connection.starttls(tls.clone(), &self.hello)).await?;
        }
        if let Some(credentials) = &self.credentials {
            self.log_in(&mut connection, credentials).await?;
        }
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let tls = if self.server.security == Security::Tls { self.tls.clone() } else { None };
        let place = (self.server.host.as_str(), self.server.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(place, Some(self.patience), &self.hello, tls, None);
        self.within(Stage::Connect, connecting).await
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection, credentials: &Credentials) -> Result<(), SendError> {
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        if connection.server_info().get_auth_mechanism(&mechanisms).is_none() {
            return Err(SendError::NoLogIn { place: self.server.place() });
        }
        self.within(Stage::LogIn, connection.auth(&mechanisms, credentials)).await.map(drop)
    }

    fn mail_parameters(
        &self,
        connection: &AsyncSmtpConnection,
        addresses: &[&Address],
    ) -> Result<Vec<MailParameter>, SendError> {
        if addresses.iter().all(|address| address.to_string().is_ascii()) {
            return Ok(Vec::new());
        }
        if connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Ok(vec![MailParameter::SmtpUtfEight]);
        }
        Err(SendError::NotAscii { place: self.server.place() })
    }

    fn receipt(&self, response: &Response) -> String {
        let words = one_line(&response.message().collect::<Vec<_>>().join(" "));
        format!("{} answered {}: {words}", self.server.place(), response.code())
    }

    async fn within<T>(&self, stage: Stage, step: impl Future<Output = Result<T, Error>>) -> Result<T, SendError> {
        match timeout(self.patience, step).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.read_error(stage, &error)),
            Err(_) => Err(self.timed_out(stage, self.patience)),
        }
    }

    fn timed_out(&self, stage: Stage, limit: Duration) -> SendError {
        SendError::TimedOut { place: self.server.place(), stage, seconds: limit.as_secs().max(1) }
    }

    /// Tells failures apart by what lies beneath: a reply code, an I/O error, an objection of TLS.
    fn read_error(&self, stage: Stage, error: &Error) -> SendError {
        let place = self.server.place();
        if let Some(code) = error.status() {
            let text = one_line(&error.source().map(ToString::to_string).unwrap_or_default());
            return SendError::Answer { place, stage, code: u16::from(code), text };
        }
        if let Some(reason) = causes(error).find_map(tls::objection) {
            return SendError::Tls { place, reason: in_plain_words(&reason) };
        }
        let reason = in_plain_words(&causes(error).last().map(ToString::to_string).unwrap_or_default());
        let kind = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        let is_tls_stage = stage == Stage::StartTls || (stage == Stage::Connect && self.tls.is_some());
        match (stage, kind) {
            (_, Some(io::ErrorKind::TimedOut)) => self.timed_out(stage, self.patience),
            (Stage::Connect, Some(io::ErrorKind::ConnectionRefused)) => SendError::Refused { place },
            (Stage::Connect, _) if reason.contains("lookup address") => SendError::Name { place },
            (Stage::StartTls | Stage::Connect, Some(io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof))
                if is_tls_stage =>
            {
                SendError::Tls { place, reason }
            }
            (Stage::Connect, Some(_)) => SendError::Unreachable { place, reason },
            (_, _) => SendError::Lost { place, stage, reason },
        }
    }
}

async fn tls_parameters(server: &Server) -> Result<TlsParameters, MailError> {
    tls::install();
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(path) = &server.ca {
        let unreadable = |reason: String| MailError::Certificate { path: path.clone(), reason };
        let pem = tokio::fs::read(path).await.map_err(|error| unreadable(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| unreadable(error.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| MailError::Tls { reason: error.to_string() })
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |cause| StdError::source(*cause))
}

/// Translates what the layers below say of the failures that operators meet most.
fn in_plain_words(reason: &str) -> String {
    let known = [
        ("incomplete response", "it said nothing more"),
        ("InvalidContentType", "it does not speak TLS on this port"),
        ("UnknownIssuer", "its certificate is issued by nobody that is trusted here"),
        ("NotValidForName", "its certificate is for another name"),
        ("Expired", "its certificate has expired"),
    ];
    known
        .into_iter()
        .find(|(said, _)| reason.contains(said))
        .map_or_else(|| one_line(reason), |(_, words)| words.to_owned())
}

/// What a server says is foreign text: one line, bounded, without control characters.
fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ANSWER_CHARS).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}
