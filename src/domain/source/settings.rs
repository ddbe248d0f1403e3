//! What an operator may set for one source: a TOML file, unknown keys refused.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Hours, Network, Pattern};
use crate::domain::forum::Overrides;

const PACE_LIMIT_MS: u64 = 86_400_000;
const TEXT_LIMIT: usize = 200;

/// The settings of one source; whatever is not given stays as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What mails and tables call it.
    pub label: Option<String>,
    /// Least time between two requests.
    pub pace_ms: Option<u64>,
    /// Requests in flight at once.
    pub concurrency: Option<u32>,
    /// Who we say we are.
    pub user_agent: Option<String>,
    /// A file with the account or the cookies to read it with.
    pub login: Option<PathBuf>,
    /// Only addresses that fit one of these are followed; all if there are none. Attachments are not asked.
    pub follow: Vec<Pattern>,
    /// Addresses that fit one of these are never followed.
    pub skip: Vec<Pattern>,
    /// Whether its robots.txt is obeyed.
    pub robots: RobotsSettings,
    /// When it is read.
    pub hours: Hours,
    /// What may be spent on it in a day.
    pub budget: Budget,
    /// Selectors that go before the recipe's own.
    pub recipe: Overrides,
}

/// `[robots]`: obeyed on the open web unless a reason is given in writing, elsewhere only if asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RobotsSettings {
    /// Whether to obey it.
    pub obey: Option<bool>,
    /// Why not.
    pub reason: Option<String>,
}

/// `[budget]`: the most that may be spent in one day of the source's own zone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Requests.
    pub requests: Option<u64>,
    /// Bytes received, in millions.
    pub megabytes: Option<u64>,
    /// Minutes spent waiting for answers.
    pub minutes: Option<u64>,
}

/// What was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Requests.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Time spent waiting for answers.
    pub busy: Duration,
}

/// Why a source is not asked for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rest {
    /// It is not one of its hours.
    Hours,
    /// The day's requests are spent.
    Requests,
    /// The day's bytes are spent.
    Bytes,
    /// The day's time is spent.
    Time,
    /// The site asked us to wait.
    RetryAfter,
    /// Logging in did not work out and is tried again later.
    Login,
    /// The site wants a challenge solved before it lets anybody in.
    Captcha,
    /// The site wants a second proof of identity.
    TwoStep,
    /// The account is banned.
    Banned,
    /// The site does not take the user name and password.
    Refused,
    /// The cookies that were imported are not (or no longer) good.
    Cookies,
    /// There is no login form that we understand.
    NoForm,
    /// The login file is missing, readable by others or not understood.
    LoginFile,
}

impl Rest {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::Hours,
        Self::Requests,
        Self::Bytes,
        Self::Time,
        Self::RetryAfter,
        Self::Login,
        Self::Captcha,
        Self::TwoStep,
        Self::Banned,
        Self::Refused,
        Self::Cookies,
        Self::NoForm,
        Self::LoginFile,
    ];

    /// Returns the word that the store and JSON know it by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Requests => "budget-requests",
            Self::Bytes => "budget-bytes",
            Self::Time => "budget-time",
            Self::RetryAfter => "retry-after",
            Self::Login => "login",
            Self::Captcha => "person-captcha",
            Self::TwoStep => "person-two-step",
            Self::Banned => "person-banned",
            Self::Refused => "person-refused",
            Self::Cookies => "person-cookies",
            Self::NoForm => "person-no-form",
            Self::LoginFile => "person-login-file",
        }
    }

    /// Reads the word of [`Rest::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rest| rest.as_str() == word)
    }

    /// Tells whether nothing goes on before a person has seen to it.
    pub fn needs_person(self) -> bool {
        self.as_str().starts_with("person-")
    }

    /// Says in plain words why the source waits; `None` for the moment at which it goes on by itself.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Hours => "outside its hours of activity",
            Self::Requests => "the day's requests are spent",
            Self::Bytes => "the day's bytes are spent",
            Self::Time => "the day's time is spent",
            Self::RetryAfter => "the site asked us to wait",
            Self::Login => "logging in did not work out; it is tried again later",
            Self::Captcha => "needs a person: the site wants a captcha solved at login",
            Self::TwoStep => "needs a person: the site wants a second proof at login",
            Self::Banned => "needs a person: the account is banned",
            Self::Refused => "needs a person: the site does not take the user name and password",
            Self::Cookies => "needs a person: the cookies are not good any more",
            Self::NoForm => "needs a person: no login form was found that is understood",
            Self::LoginFile => "needs a person: the login file cannot be used",
        }
    }
}

/// Why settings are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML, an unknown key or a value of the wrong kind; the text names line and column.
    #[error("{0}")]
    Toml(String),
    /// A value that cannot be meant.
    #[error("line {line}: {key} {reason}")]
    Value {
        /// Line, from 1 on.
        line: usize,
        /// The key.
        key: &'static str,
        /// What is wrong and how to mend it.
        reason: &'static str,
    },
}

impl Settings {
    /// Reads settings as an operator wrote them.
    ///
    /// # Errors
    /// `Toml` or `Value`, with the line and how to mend it.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|error| SettingsError::Toml(error.to_string()))?;
        match settings.objection() {
            None => Ok(settings),
            Some((key, reason)) => Err(SettingsError::Value { line: line_of(text, key), key, reason }),
        }
    }

    fn objection(&self) -> Option<(&'static str, &'static str)> {
        let is_text = |text: &String| !text.trim().is_empty() && text.chars().count() <= TEXT_LIMIT;
        let is_header = |text: &String| is_text(text) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let robots = &self.robots;
        if self.pace_ms.is_some_and(|pace| pace > PACE_LIMIT_MS) {
            return Some(("pace_ms", "is at most 86400000, a day"));
        }
        if self.concurrency.is_some_and(|concurrency| !(1..=64).contains(&concurrency)) {
            return Some(("concurrency", "lies between 1 and 64"));
        }
        if self.label.as_ref().is_some_and(|label| !is_text(label)) {
            return Some(("label", "is a short name, not empty"));
        }
        if self.user_agent.as_ref().is_some_and(|agent| !is_header(agent)) {
            return Some((
                "user_agent",
                "is one line of plain ASCII, as in \"dyepack/0.1 (+https://bank.example/contact)\"",
            ));
        }
        if robots.obey == Some(false) && !robots.reason.as_ref().is_some_and(is_text) {
            return Some(("obey", "is only false with a written reason: add reason = \"…\" that says who allowed it"));
        }
        None
    }
}

impl RobotsSettings {
    /// Tells whether robots.txt is obeyed on a network.
    pub fn is_obeyed(&self, network: Network) -> bool {
        self.obey.unwrap_or(match network {
            Network::Open => true,
            Network::Tor | Network::I2p => false,
        })
    }
}

impl Settings {
    /// Tells whether an address may be followed, the site's own rules aside.
    pub fn follows(&self, url: &Url, is_attachment: bool) -> bool {
        let is_wanted = is_attachment || self.follow.is_empty() || self.follow.iter().any(|pattern| pattern.fits(url));
        is_wanted && !self.skip.iter().any(|pattern| pattern.fits(url))
    }

    /// Tells whether the source is left alone now, why, and until when; `spent` is what the running day has cost.
    pub fn rest(&self, spent: &Spent, now: Timestamp) -> Option<(Rest, Timestamp)> {
        if let Some(opening) = self.hours.next_opening(now) {
            return Some((Rest::Hours, opening));
        }
        let is_spent = |limit: Option<u64>, spent: u64| limit.is_some_and(|limit| spent >= limit);
        let budget = &self.budget;
        let reason = if is_spent(budget.requests, spent.requests) {
            Rest::Requests
        } else if is_spent(budget.megabytes.map(|limit| limit.saturating_mul(1_000_000)), spent.bytes) {
            Rest::Bytes
        } else if is_spent(budget.minutes.map(|limit| limit.saturating_mul(60)), spent.busy.as_secs()) {
            Rest::Time
        } else {
            return None;
        };
        Some((reason, self.hours.day(now).1))
    }
}

fn line_of(text: &str, key: &str) -> usize {
    text.lines().position(|line| line.trim_start().starts_with(key)).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_read_and_kept() {
        let text = "label = \"market A\"\npace_ms = 4000\nconcurrency = 2\nuser_agent = \"dyepack/0.1 (+x)\"\n\
                    login = \"a.toml\"\nfollow = [\"/forum/*\"]\nskip = [\"*/memes/*\"]\n\
                    [robots]\nobey = false\nreason = \"written consent of 2026-05-04\"\n\
                    [hours]\nzone = \"Europe/Moscow\"\nwindows = [\"08:30-12:00\", \"22:00-02:00\"]\n\
                    [budget]\nrequests = 5000\nmegabytes = 500\nminutes = 240\n";
        let settings = Settings::parse(text).unwrap();
        assert_eq!((settings.pace_ms, settings.concurrency), (Some(4000), Some(2)));
        assert!(!settings.robots.is_obeyed(Network::Open));
        let kept: Settings = serde_json::from_str(&serde_json::to_string(&settings).unwrap()).unwrap();
        assert_eq!(kept, settings);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line_and_a_mend() {
        for (text, said) in [
            ("\npacems = 5", "line 2"),
            ("pacems = 5", "expected one of"),
            ("\n\nconcurrency = 0", "line 3: concurrency lies between"),
            ("pace_ms = 99999999999", "line 1: pace_ms"),
            ("user_agent = \"a\\nb\"", "one line of plain ASCII"),
            ("[robots]\nobey = false", "line 2: obey is only false with a written reason"),
            ("[robots]\nobey = false\nreason = \"  \"", "written reason"),
            ("[hours]\nwindows = [\"8-9\"]", "08:30-12:00"),
            ("[hours]\nzone = \"Mars\"", "Europe/Moscow"),
            ("skip = [\"memes\"]", "begins with /"),
            ("[budget]\nrequest = 5", "line 2"),
        ] {
            let error = Settings::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn robots_are_obeyed_on_the_open_web_and_elsewhere_only_if_asked() {
        let usual = RobotsSettings::default();
        let asked = RobotsSettings { obey: Some(true), reason: None };
        for (settings, network, expected) in [
            (&usual, Network::Open, true),
            (&usual, Network::Tor, false),
            (&usual, Network::I2p, false),
            (&asked, Network::Tor, true),
        ] {
            assert_eq!(settings.is_obeyed(network), expected);
        }
    }

    #[test]
    fn a_spent_budget_rests_the_source_until_its_next_day() {
        let now: Timestamp = "2026-11-27T10:00:00Z".parse().unwrap();
        let settings = Settings::parse("[budget]\nrequests = 10\nmegabytes = 1\nminutes = 1").unwrap();
        let spent = |requests, bytes, seconds| Spent { requests, bytes, busy: Duration::from_secs(seconds) };
        let next_day = "2026-11-28T00:00:00Z".parse().unwrap();
        for (spent, expected) in [
            (spent(9, 999_999, 59), None),
            (spent(10, 0, 0), Some(Rest::Requests)),
            (spent(0, 1_000_000, 0), Some(Rest::Bytes)),
            (spent(0, 0, 60), Some(Rest::Time)),
        ] {
            assert_eq!(settings.rest(&spent, now), expected.map(|rest| (rest, next_day)));
        }
    }

    #[test]
    fn patterns_choose_what_is_followed() {
        let settings = Settings::parse("follow = [\"/forum/*\"]\nskip = [\"*print*\"]").unwrap();
        let url = |path: &str| Url::parse(&format!("http://forum.example{path}")).unwrap();
        assert!(settings.follows(&url("/forum/a"), false));
        assert!(!settings.follows(&url("/blog/a"), false));
        assert!(settings.follows(&url("/files/a.zip"), true));
        assert!(!settings.follows(&url("/forum/print"), true));
    }

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        for rest in Rest::ALL {
            assert_eq!(Rest::parse(rest.as_str()), Some(rest));
            assert_eq!(rest.needs_person(), rest.words().starts_with("needs a person"), "{rest:?}");
        }
    }
}
