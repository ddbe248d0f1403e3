//! What an operator gives us to read a site as a member: an account, or the cookies of a browser that is logged in.

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::{Jar, JarError};
use crate::domain::secret::Secret;

/// A login file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A name and a password.
    Account(Account),
    /// Cookies exported from a browser.
    Cookies(Jar),
}

/// An account on one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name to log in with.
    pub user: Secret<String>,
    /// Its password.
    pub password: Secret<String>,
}

/// Why a login file is not understood; never tells what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Neither an account nor cookies.
    #[error(
        "it is neither an account (user = \"…\" and password = \"…\", nothing else) nor cookies exported from a browser \
         (cookies.txt or JSON)"
    )]
    Form,
    /// Cookies that cannot be used.
    #[error(transparent)]
    Jar(#[from] JarError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    user: String,
    password: String,
}

impl Login {
    /// Reads a login file for a site, whichever of the forms it has.
    ///
    /// # Errors
    /// `Form` or `Jar`, saying how to mend it.
    pub fn parse(text: &str, site: &Url, now: Timestamp) -> Result<Self, LoginError> {
        if let Ok(File { user, password }) = toml::from_str(text) {
            if user.is_empty() || password.is_empty() {
                return Err(LoginError::Form);
            }
            return Ok(Self::Account(Account { user: Secret::new(user), password: Secret::new(password) }));
        }
        match Jar::import(text, site, now) {
            Ok(jar) => Ok(Self::Cookies(jar)),
            Err(JarError::Form) => Err(LoginError::Form),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_cookies_are_told_apart_by_what_they_hold() {
        let (site, now) = (Url::parse("http://forum.example/").unwrap(), Timestamp::UNIX_EPOCH);
        let parse = |text: &str| Login::parse(text, &site, now);
        let account = parse("user = \"lurker\"\npassword = \"hunter2\"\n").unwrap();
        assert!(matches!(&account, Login::Account(account) if account.user.reveal() == "lurker"));
        assert!(!format!("{account:?}").contains("hunter2") && !format!("{account:?}").contains("lurker"));
        assert!(matches!(parse("forum.example\tFALSE\t/\tFALSE\t0\tsid\tx"), Ok(Login::Cookies(_))));
        assert!(matches!(
            parse("[{\"domain\":\"forum.example\",\"name\":\"a\",\"value\":\"b\"}]"),
            Ok(Login::Cookies(_))
        ));
        for text in ["", "user = \"x\"", "user = \"\"\npassword = \"\"", "user = \"a\"\npassword = \"b\"\nhost = \"c\""]
        {
            assert_eq!(parse(text), Err(LoginError::Form), "{text}");
        }
    }
}
