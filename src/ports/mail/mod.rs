//! Hands a finished mail to a transport: SMTP, or a directory.
//!
//! Not here: what a mail says (`domain::alert`), when it is tried again (`services::alerting`). A [`Mailer`] makes one
//! attempt, bounded in time, and says in plain words how it went.

mod address;
mod directory;
mod dkim;
mod error;
mod memory;
mod message;
mod openpgp;
mod smtp;

use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;

use crate::domain::alert::AlertMail;
use crate::domain::secret::Secret;

pub use address::{MailUrl, MailUrlError, Security};
pub use dkim::DkimOptions;
pub use error::{MailError, SendError, Stage};
pub use memory::Outcome;
pub use openpgp::{KeyFault, Recipient};

/// How mail leaves.
#[derive(Debug, Clone)]
pub struct MailOptions {
    /// Where to.
    pub url: MailUrl,
    /// The sender: `dyepack <dyepack@example-bank.example>`.
    pub from: String,
    /// SMTP user name; `None` sends without logging in.
    pub user: Option<String>,
    /// SMTP password.
    pub password: Option<Secret<String>>,
    /// Whose key signs the mails; `None` leaves signing to the mail server.
    pub dkim: Option<DkimOptions>,
    /// Longest wait for one answer of the server; `None` for 3 s on loopback and 60 s elsewhere.
    pub patience: Option<Duration>,
}

/// Sends mails one at a time; cheap to clone.
#[derive(Debug, Clone)]
pub struct Mailer {
    from: Mailbox,
    signer: Option<dkim::Signer>,
    transport: Transport,
}

#[derive(Debug, Clone)]
enum Transport {
    Smtp(smtp::Smtp),
    Directory(directory::Directory),
    Memory(memory::Memory),
}

/// Proof that the transport took responsibility for a mail; [`Accepted::close`] says goodbye to the server, after the
/// caller has written down that the mail is sent.
#[derive(Debug)]
pub struct Accepted {
    /// What the transport said: the server's answer, or the file written.
    pub receipt: String,
    farewell: Option<smtp::Farewell>,
}

impl Accepted {
    /// Ends the conversation politely; failing at it changes nothing.
    pub async fn close(self) {
        if let Some(farewell) = self.farewell {
            farewell.say().await;
        }
    }
}

impl Mailer {
    /// Prepares a transport; reads the certificate file that the URL names, opens no connection.
    ///
    /// # Errors
    /// `MailError` says which setting cannot work and how to mend it.
    pub async fn new(options: MailOptions) -> Result<Self, MailError> {
        let from = message::mailbox(&options.from)
            .ok_or_else(|| MailError::From { text: options.from.chars().take(200).collect() })?;
        let transport = match &options.url {
            MailUrl::Smtp(server) => Transport::Smtp(smtp::Smtp::new(server, &options).await?),
            MailUrl::Directory(folder) => Transport::Directory(directory::Directory::new(folder.clone())),
        };
        let signer = match &options.dkim {
            Some(dkim) => Some(
                dkim::Signer::new(dkim)
                    .ok_or_else(|| MailError::Dkim { domain: dkim.domain.chars().take(200).collect() })?,
            ),
            None => None,
        };
        Ok(Self { from, signer, transport })
    }

    /// Keeps mails in memory, for trials; the outcomes are played first, one an attempt.
    ///
    /// # Panics
    /// Never: the sender is fixed.
    pub fn memory(outcomes: Vec<Outcome>) -> Self {
        let from =
            Mailbox::new(Some("dyepack".to_owned()), Address::new("dyepack", "localhost").expect("is an address"));
        Self { from, signer: None, transport: Transport::Memory(memory::Memory::new(outcomes)) }
    }

    /// Returns what a memory mailer has accepted: recipient and message.
    pub fn remembered(&self) -> Vec<(String, Vec<u8>)> {
        match &self.transport {
            Transport::Memory(memory) => memory.accepted(),
            Transport::Smtp(_) | Transport::Directory(_) => Vec::new(),
        }
    }

    /// Puts a mail into MIME: the bytes to freeze, and to send the same at every try.
    ///
    /// # Errors
    /// `Recipient` if the contact's address is none.
    pub fn render(&self, mail: &AlertMail) -> Result<Vec<u8>, MailError> {
        message::render(mail, &self.from, self.signer.as_ref())
    }

    /// Makes one attempt at handing a rendered mail over.
    ///
    /// # Errors
    /// `SendError` tells at which stage it failed, whether a later try may succeed, and what to do.
    pub async fn send(&self, to: &str, message: &[u8]) -> Result<Accepted, SendError> {
        let to: Address = to.parse().map_err(|_| SendError::Recipient)?;
        match &self.transport {
            Transport::Smtp(smtp) => {
                let (receipt, farewell) = smtp.send(&self.from.email, &to, message).await?;
                Ok(Accepted { receipt, farewell: Some(farewell) })
            }
            Transport::Directory(directory) => {
                Ok(Accepted { receipt: directory.write(message).await?, farewell: None })
            }
            Transport::Memory(memory) => {
                memory.take(&to, message)?;
                Ok(Accepted { receipt: "kept in memory".to_owned(), farewell: None })
            }
        }
    }

    /// Tries the way out without sending anything: connects, encrypts, logs in. A folder is always there.
    ///
    /// # Errors
    /// `SendError` tells at which stage it failed and what to do.
    pub async fn knock(&self) -> Result<(), SendError> {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.knock().await,
            Transport::Directory(_) | Transport::Memory(_) => Ok(()),
        }
    }

    /// Tells whether mail stays on this machine: a trial, where nobody is bothered by quick retries.
    pub fn is_local(&self) -> bool {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.is_loopback(),
            Transport::Directory(_) | Transport::Memory(_) => true,
        }
    }

    /// Returns the longest time that one attempt can take.
    pub fn longest_attempt(&self) -> Duration {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.longest_attempt(),
            Transport::Directory(_) | Transport::Memory(_) => Duration::from_secs(5),
        }
    }

    /// Names the transport for people: `the mail server 127.0.0.1:25 (no encryption)`.
    pub fn place(&self) -> String {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.place(),
            Transport::Directory(directory) => directory.place(),
            Transport::Memory(_) => "memory".to_owned(),
        }
    }
}
