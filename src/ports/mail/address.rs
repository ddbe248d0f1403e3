//! Where mail goes, as one URL: `smtp://`, `smtp+starttls://`, `smtps://`, `dir://`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use url::{Host, Url};

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailUrl {
    /// A mail server.
    Smtp(Server),
    /// A folder that gets one `.eml` file a mail.
    Directory(PathBuf),
}

/// A mail server and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// PEM file of a certificate to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// It is this machine.
    pub is_loopback: bool,
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// Upgraded before anything is said; never without.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// Why a mail URL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailUrlError {
    /// Not a URL, or one of another kind.
    #[error(
        "{text:?} is no mail URL ({reason}); use smtp://HOST:PORT, smtp+starttls://HOST, smtps://HOST or dir:///FOLDER"
    )]
    Form {
        /// What was given, without a password.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It holds a user name or password.
    #[error("the mail URL holds a user name or password; set [mail] user and password_file instead")]
    Credentials,
    /// It would send alerts readable by anybody on the way.
    #[error(
        "smtp://{host} would send alerts unencrypted over the network; use smtp+starttls:// or smtps://, \
         or write ?tls=none behind the URL if the way there is safe"
    )]
    PlainOverNetwork {
        /// The server.
        host: String,
    },
}

impl FromStr for MailUrl {
    type Err = MailUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let url = Url::parse(text).map_err(|error| form(text, &error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(MailUrlError::Credentials);
        }
        let (security, usual_port) = match url.scheme() {
            "smtp" => (Security::Plain, 25),
            "smtp+starttls" => (Security::StartTls, 587),
            "smtps" => (Security::Tls, 465),
            "dir" => return directory(text, &url),
            scheme => return Err(form(text, &format!("{scheme}: is not a way to send mail"))),
        };
        if !matches!(url.path(), "" | "/") {
            return Err(form(text, "a mail server has no path"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| form(text, "it names no host"))?;
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let is_loopback = is_loopback(&host);
        let (mut ca, mut is_plain_meant) = (None, false);
        for (key, value) in url.query_pairs() {
            match (key.as_ref(), value.as_ref()) {
                ("tls", "none") if security == Security::Plain => is_plain_meant = true,
                ("ca", file) if security != Security::Plain => ca = Some(PathBuf::from(file)),
                (key, _) => {
                    return Err(form(text, &format!("?{key} is not known here; there is ?tls=none and ?ca=FILE")));
                }
            }
        }
        if security == Security::Plain && !is_loopback && !is_plain_meant {
            return Err(MailUrlError::PlainOverNetwork { host });
        }
        Ok(Self::Smtp(Server { host, port: url.port().unwrap_or(usual_port), security, ca, is_loopback }))
    }
}

impl fmt::Display for MailUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(server) => {
                let scheme = match server.security {
                    Security::Plain => "smtp",
                    Security::StartTls => "smtp+starttls",
                    Security::Tls => "smtps",
                };
                write!(formatter, "{scheme}://{}", server.place())
            }
            Self::Directory(folder) => write!(formatter, "dir://{}", folder.display()),
        }
    }
}

impl Server {
    /// `127.0.0.1:25`, `[::1]:25`.
    pub(super) fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn directory(text: &str, url: &Url) -> Result<MailUrl, MailUrlError> {
    if url.host().is_some_and(|host| host != Host::Domain("")) {
        return Err(form(text, "write three slashes, as in dir:///var/mail"));
    }
    match url.to_file_path_lossless() {
        Some(folder) if folder.is_absolute() => Ok(MailUrl::Directory(folder)),
        Some(_) | None => Err(form(text, "the folder must be given in full, as in dir:///var/mail")),
    }
}

trait FilePath {
    fn to_file_path_lossless(&self) -> Option<PathBuf>;
}

impl FilePath for Url {
    /// `Url::to_file_path` knows `file:` only; the path is the same.
    fn to_file_path_lossless(&self) -> Option<PathBuf> {
        Self::parse(&format!("file://{}", self.path())).ok()?.to_file_path().ok()
    }
}

fn form(text: &str, reason: &str) -> MailUrlError {
    // What stands before an @ may be a password.
    let shown = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    MailUrlError::Form { text: shown.chars().take(120).collect(), reason: reason.to_owned() }
}

fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_its_port_and_protection() {
        for (text, port, security) in [
            ("smtp://127.0.0.1", 25, Security::Plain),
            ("smtp://localhost:2525", 2525, Security::Plain),
            ("smtp://[::1]:2525/", 2525, Security::Plain),
            ("smtp://mail.example?tls=none", 25, Security::Plain),
            ("smtp+starttls://mail.example", 587, Security::StartTls),
            ("smtps://mail.example?ca=/etc/ca.pem", 465, Security::Tls),
        ] {
            match text.parse().unwrap() {
                MailUrl::Smtp(server) => assert_eq!((server.port, server.security), (port, security), "{text}"),
                MailUrl::Directory(_) => panic!("{text} is no folder"),
            }
        }
        assert_eq!("dir:///var/mail%20out".parse(), Ok(MailUrl::Directory(PathBuf::from("/var/mail out"))));
    }

    #[test]
    fn plain_smtp_over_the_network_is_refused_unless_it_is_meant() {
        for text in ["smtp://mail.example", "smtp://192.0.2.1:25", "smtp://127.0.0.1.example"] {
            let error = text.parse::<MailUrl>().unwrap_err();
            assert!(matches!(error, MailUrlError::PlainOverNetwork { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_url_that_cannot_work_says_why_and_never_shows_a_password() {
        assert_eq!("smtps://soc:s3cret@mail.example".parse::<MailUrl>(), Err(MailUrlError::Credentials));
        for text in [
            "",
            "mail.example",
            "http://mail.example",
            "smtp://",
            "dir://var/mail",
            "smtps://h/x",
            "smtps://h?x=1",
            "soc:s3cret@mail.example",
            "smtps://h?tls=none",
        ] {
            let error = text.parse::<MailUrl>().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
