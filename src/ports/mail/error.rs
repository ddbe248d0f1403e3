//! Why mail cannot be sent, in words that say what to do next.

use std::path::PathBuf;

use super::openpgp::KeyFault;

/// Why a transport cannot be used or a mail cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The sender is no mailbox.
    #[error("send mail from {text:?}: it is no mail address; set [mail] from, as in dyepack <dyepack@bank.example>")]
    From {
        /// What was given.
        text: String,
    },
    /// The contact's address is none.
    #[error("write a mail to this contact: its address is no mail address; mend it in organization.toml")]
    Recipient,
    /// A user without a password, or a password without a user.
    #[error("log in to the mail server: [mail] user and password_file must be given together")]
    HalfCredentials,
    /// The password would travel in the clear.
    #[error("log in to {host} without encryption: use smtp+starttls:// or smtps:// with a password")]
    PasswordInTheClear {
        /// The server.
        host: String,
    },
    /// The certificate file cannot be read.
    #[error("read the certificate {path}: {reason}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("set up TLS for mail: {reason}")]
    Tls {
        /// Why.
        reason: String,
    },
    /// The key that mails are signed with cannot be used.
    #[error(
        "sign mail as {domain}: [mail] dkim_key_file must hold an RSA key in PKCS#1 PEM (openssl genrsa -traditional 2048) or an Ed25519 key of 32 bytes in base64, and dkim_domain and dkim_selector plain names"
    )]
    Dkim {
        /// The domain.
        domain: String,
    },
    /// The contact's OpenPGP key cannot be used.
    #[error("encrypt to this contact: its OpenPGP key {0}")]
    Key(#[source] KeyFault),
    /// MIME could not be built.
    #[error("put the mail into MIME: {reason}")]
    Mime {
        /// Why.
        reason: String,
    },
}

/// How far an attempt had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Opening the connection, greeting included.
    Connect,
    /// Upgrading to TLS.
    StartTls,
    /// Logging in.
    LogIn,
    /// Naming the sender.
    Sender,
    /// Naming the recipient.
    Recipient,
    /// Asking to send the message.
    Data,
    /// Waiting for the answer after the message: the server may have taken it.
    Message,
}

impl Stage {
    /// Says what was being done.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::StartTls => "starting TLS",
            Self::LogIn => "logging in",
            Self::Sender => "naming the sender",
            Self::Recipient => "naming the recipient",
            Self::Data => "starting the message",
            Self::Message => "handing over the message",
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The recipient is no mail address.
    #[error("the recipient is no mail address; mend it in organization.toml")]
    Recipient,
    /// The server cannot take an address that is not ASCII.
    #[error("{place} cannot take addresses that are not ASCII (SMTPUTF8); give an ASCII address")]
    NotAscii {
        /// The server.
        place: String,
    },
    /// The server's name is not known.
    #[error("the name of the mail server {place} cannot be resolved: check [mail] url and DNS")]
    Name {
        /// The server.
        place: String,
    },
    /// Nobody listens there.
    #[error("connection refused by {place}: is the mail server running, and is the port right?")]
    Refused {
        /// The server.
        place: String,
    },
    /// The connection failed otherwise.
    #[error("{place} cannot be reached: {reason}")]
    Unreachable {
        /// The server.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// No answer in time.
    #[error("{place} did not answer within {seconds} s while {}", stage.as_str())]
    TimedOut {
        /// The server.
        place: String,
        /// How far it had come.
        stage: Stage,
        /// The limit.
        seconds: u64,
    },
    /// The TLS handshake failed.
    #[error(
        "no secure connection to {place}: {reason}; check that the URL's scheme fits the port and that the certificate \
         is valid for this name (a private one is trusted with ?ca=FILE)"
    )]
    Tls {
        /// The server.
        place: String,
        /// What TLS objected to.
        reason: String,
    },
    /// STARTTLS was asked for, and the server does not offer it.
    #[error("{place} does not offer STARTTLS; nothing was sent. Use smtps:// if it speaks TLS from the start")]
    NoStartTls {
        /// The server.
        place: String,
    },
    /// The server offers no way of logging in that we know.
    #[error("{place} offers neither AUTH PLAIN nor AUTH LOGIN here; leave out [mail] user if it asks for no login")]
    NoLogIn {
        /// The server.
        place: String,
    },
    /// The server said no.
    #[error("{place} answered {code} while {}: {text}", stage.as_str())]
    Answer {
        /// The server.
        place: String,
        /// How far it had come.
        stage: Stage,
        /// SMTP reply code.
        code: u16,
        /// The server's words, one line, bounded.
        text: String,
    },
    /// The connection broke.
    #[error("{place} dropped the connection while {}: {reason}", stage.as_str())]
    Lost {
        /// The server.
        place: String,
        /// How far it had come.
        stage: Stage,
        /// What the system said.
        reason: String,
    },
    /// The folder cannot be written to.
    #[error("cannot write to the mail folder {folder}: {reason}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
}

impl SendError {
    /// Tells whether no later try can succeed: the recipient or this very message was refused for good. A refusal that
    /// concerns us (login, sender, greeting) is not: the operator mends it and the alert still goes out.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Recipient => true,
            // RFC 4954 §6: 530, 534, 535, 538 speak of the login, whatever command they answer.
            Self::Answer { stage, code, .. } => {
                matches!(stage, Stage::Recipient | Stage::Data | Stage::Message)
                    && *code >= 500
                    && !matches!(code, 530 | 534 | 535 | 538)
            }
            Self::NotAscii { .. }
            | Self::Name { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Tls { .. }
            | Self::NoStartTls { .. }
            | Self::NoLogIn { .. }
            | Self::Lost { .. }
            | Self::Folder { .. } => false,
        }
    }

    /// Returns a stable word for logs, which hold neither addresses nor a server's words.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Recipient => "recipient",
            Self::NotAscii { .. } => "not-ascii",
            Self::Name { .. } => "name",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timeout",
            Self::Tls { .. } => "tls",
            Self::NoStartTls { .. } => "no-starttls",
            Self::NoLogIn { .. } => "no-login",
            Self::Answer { stage: Stage::LogIn, .. } | Self::Answer { code: 530 | 534 | 535 | 538, .. } => "login",
            Self::Answer { code, stage, text, .. } => {
                if is_greylisting(*code, *stage, text) {
                    "greylisted"
                } else if *code >= 500 {
                    "answer-5xx"
                } else {
                    "answer-4xx"
                }
            }
            // The server may have taken it.
            Self::Lost { stage: Stage::Message, .. } => "dropped",
            Self::Lost { .. } => "lost",
            Self::Folder { .. } => "folder",
        }
    }
}

/// A server that does not know us yet asks us to come again (RFC 6647): 450 or 451 at the recipient, or words that say so.
fn is_greylisting(code: u16, stage: Stage, text: &str) -> bool {
    let text = text.to_lowercase();
    let says_so = ["greylist", "graylist", "grey list", "gray list"].iter().any(|word| text.contains(word));
    let is_asked_again = text.contains("4.7.1") || text.contains("4.2.0");
    (400..500).contains(&code)
        && (says_so || (stage == Stage::Recipient && matches!(code, 450 | 451) && is_asked_again))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(stage: Stage, code: u16) -> SendError {
        SendError::Answer { place: "h:25".to_owned(), stage, code, text: String::new() }
    }

    #[test]
    fn failures_are_told_apart_in_one_word() {
        let said = |stage, code, text: &str| SendError::Answer {
            place: "h:25".to_owned(),
            stage,
            code,
            text: text.to_owned(),
        };
        let lost = |stage| SendError::Lost { place: "h:25".to_owned(), stage, reason: "gone".to_owned() };
        for (error, word) in [
            (said(Stage::Recipient, 451, "4.7.1 greylisted, try again later"), "greylisted"),
            (said(Stage::Recipient, 450, "4.2.0 come back in five minutes"), "greylisted"),
            (said(Stage::Message, 451, "Graylisted"), "greylisted"),
            (said(Stage::Recipient, 452, "4.2.2 mailbox full"), "answer-4xx"),
            (said(Stage::Message, 451, "4.3.0 disk full"), "answer-4xx"),
            (said(Stage::Recipient, 550, "5.1.1 no such user"), "answer-5xx"),
            (said(Stage::LogIn, 535, "5.7.8 wrong"), "login"),
            (said(Stage::Sender, 530, "5.7.0 log in first"), "login"),
            (lost(Stage::Message), "dropped"),
            (lost(Stage::Data), "lost"),
        ] {
            assert_eq!(error.class(), word, "{error}");
        }
    }

    #[test]
    fn only_a_lasting_refusal_of_recipient_or_message_ends_an_alert() {
        for (error, is_permanent) in [
            (answer(Stage::Recipient, 550), true),
            (answer(Stage::Message, 554), true),
            (answer(Stage::Recipient, 451), false),
            (answer(Stage::Recipient, 530), false),
            (answer(Stage::LogIn, 535), false),
            (answer(Stage::Connect, 554), false),
            (answer(Stage::Sender, 550), false),
            (SendError::Refused { place: "h:25".to_owned() }, false),
        ] {
            assert_eq!(error.is_permanent(), is_permanent, "{error}");
        }
    }
}
