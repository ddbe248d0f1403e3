//! What we look for, for one organization: validated, so that the rest need not check again.
//!
//! Not here: reading files from disk (`services::intake`), the compiled form (`matcher`).

mod alerts;
mod canaries;
mod changes;
mod claims;
mod deal;
mod deliveries;
mod encoding;
mod field;
mod fields;
mod organization;
mod problem;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::identifier::AccountPattern;

pub use alerts::{Alerts, Channel, ChannelKind};
pub use changes::Changes;
pub use deal::{Deal, Dealer, Dealt, least_left_out};
pub use deliveries::COLUMNS as DELIVERY_COLUMNS;
pub use field::{IDENTIFYING, is_identifying};
pub use fields::Fields;
pub use problem::{LISTED_PROBLEMS, Problem, Problems, Severity};

/// The code that stands for the organization itself among the holders of a canary.
pub const OWNER: &str = "OWNER";

/// Largest `canaries.csv` or `deliveries.csv`.
pub const TABLE_LIMIT_BYTES: u64 = 512 * 1024 * 1024;
/// Largest `organization.toml`.
pub const ORGANIZATION_LIMIT_BYTES: u64 = 1024 * 1024;

/// An organization's id: `^[a-z0-9-]{3,32}$`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrganizationId(pub String);

impl OrganizationId {
    /// Takes a text that is an id: 3 to 32 lower-case letters, digits and `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_sound = (3..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        is_sound.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Everything an organization enrols; parsed from its folder or from the store, always valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watchlist {
    /// Who it belongs to, whom to mail, which third parties hold copies.
    pub organization: Organization,
    /// Planted records, sorted by id.
    pub canaries: Vec<Canary>,
    /// Which custodian received what and when.
    pub deliveries: Vec<Delivery>,
}

/// The contents of a watchlist's folder.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// Name of the folder, which must be the organization's id.
    pub folder: &'a str,
    /// What messages put before a file's name: the path to the folder with a `/`, or nothing.
    pub path: &'a str,
    /// `organization.toml`; `None` if it could not be read, which the caller has reported.
    pub organization: Option<&'a [u8]>,
    /// `canaries.csv`; `None` as above.
    pub canaries: Option<&'a [u8]>,
    /// `deliveries.csv`; empty content is refused, `None` stands for no deliveries on record.
    pub deliveries: Option<&'a [u8]>,
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |bytes: Option<&[u8]>| bytes.map(<[u8]>::len);
        formatter
            .debug_struct("Files")
            .field("folder", &self.folder)
            .field("organization_bytes", &length(self.organization))
            .field("canaries_bytes", &length(self.canaries))
            .field("deliveries_bytes", &length(self.deliveries))
            .finish_non_exhaustive()
    }
}

impl Watchlist {
    /// Reads and checks a folder's files, all of them even when one is bad; reports every problem. There is a
    /// watchlist only if no error was reported and both `organization.toml` and `canaries.csv` were given.
    pub fn read(files: &Files<'_>, problems: &mut Problems) -> Option<Self> {
        let (organization, canaries, deliveries) = read_each(files, problems, canaries::read)?;
        Some(Self { organization, canaries, deliveries })
    }

    /// Tells whether there is a watchlist, and reports every problem, as [`Watchlist::read`] does; it takes less of a long list.
    pub fn is_sound(files: &Files<'_>, problems: &mut Problems) -> bool {
        read_each(files, problems, canaries::check).is_some()
    }
}

/// Reads and checks each file, the canaries in a way of the caller's; nothing comes of them if an error was reported.
fn read_each<C>(
    files: &Files<'_>,
    problems: &mut Problems,
    read: fn(&str, &[u8], Option<&Organization>, &mut Problems) -> Option<C>,
) -> Option<(Organization, C, Vec<Delivery>)> {
    let before = problems.errors();
    let named = |name: &str| format!("{}{name}", files.path);
    let organization = files
        .organization
        .and_then(|bytes| organization::read(&named("organization.toml"), bytes, files.folder, problems));
    let canaries =
        files.canaries.and_then(|bytes| read(&named("canaries.csv"), bytes, organization.as_ref(), problems));
    let deliveries = match files.deliveries {
        Some(bytes) => deliveries::read(&named("deliveries.csv"), bytes, organization.as_ref(), problems)?,
        None => Vec::new(),
    };
    let read = (organization?, canaries?, deliveries);
    (problems.errors() == before).then_some(read)
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id, the folder's name.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// Other names it goes by.
    pub aliases: Vec<String>,
    /// Language of its mails.
    pub language: Language,
    /// Its share of the market, the base rate for universal identifiers; 0..=1.
    pub market_share: Option<f64>,
    /// Whom to mail.
    pub contacts: Vec<Contact>,
    /// Who is mailed the signed head of the chain of evidence each day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auditor: Option<String>,
    /// Third parties that received copies; `OWNER` is implied.
    pub custodians: Vec<Custodian>,
    /// Its tables.
    pub datasets: Vec<Dataset>,
    /// Literals that belong to it.
    pub anchors: Anchors,
    /// How it wants to be told.
    #[serde(default, skip_serializing_if = "Alerts::is_usual")]
    pub alerts: Alerts,
}

/// Languages that mails are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
    /// Russian.
    Ru,
}

/// Somebody to mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Mail address.
    pub address: String,
    /// What they do.
    pub role: ContactRole,
    /// File of their OpenPGP key, relative to the watchlist's folder.
    pub openpgp: Option<String>,
    /// That key, armored: mails to them are encrypted to it.
    #[serde(default)]
    pub key: Option<String>,
    /// How long the others are given to acknowledge before this one is told; `None` is told at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Duration>,
}

/// What a contact does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactRole {
    /// Security operations.
    Security,
    /// Data protection.
    Privacy,
    /// Management.
    Executive,
}

/// A third party that received a copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Custodian {
    /// What alerts show.
    pub code: String,
    /// Its legal name; never mailed.
    pub name: String,
    /// How likely it leaks, before any evidence; 0..=1.
    pub prior: Option<f64>,
    /// On which terms it holds copies.
    #[serde(default)]
    pub engagement: Engagement,
}

/// On which terms a custodian holds copies: what an auditor asks for; sealed with its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engagement {
    /// What it needs the data for.
    pub purpose: Option<String>,
    /// When its fitness was established.
    pub qualified_at: Option<Date>,
    /// When that lapses.
    pub qualified_until: Option<Date>,
    /// First day of the contract.
    pub contract_from: Option<Date>,
    /// Last day of it.
    pub contract_until: Option<Date>,
    /// To whom it may pass its copy on; names, as sealed as its own.
    pub sub_processors: Vec<String>,
    /// What it must do with its copy in the end.
    pub retention: Option<String>,
    /// When it was looked at last.
    pub reviewed_at: Option<Date>,
}

/// One table of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its id.
    pub id: String,
    /// How many rows it has.
    pub rows: Option<u64>,
    /// Fields whose values only this organization issues.
    pub issuer_unique: Vec<String>,
    /// Fields that people carry from institution to institution.
    pub universal: Vec<String>,
}

/// Literals and forms that belong to the organization.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Anchors {
    /// First digits of its cards.
    pub bin: Vec<String>,
    /// `DE:99999999`: country and bank code.
    pub iban_bank: Vec<String>,
    /// Its mail domains.
    pub mail_domain: Vec<String>,
    /// Its names.
    pub names: Vec<String>,
    /// What its account numbers look like.
    #[serde(default)]
    pub account: Vec<AccountPattern>,
}

impl Anchors {
    /// Counts all of them.
    pub const fn len(&self) -> usize {
        self.bin.len() + self.iban_bank.len() + self.mail_domain.len() + self.names.len() + self.account.len()
    }

    /// Tells whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An invented record planted in copies of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Its id, unique in the organization.
    pub id: String,
    /// The table it was planted in.
    pub dataset: String,
    /// Codes of the custodians whose copies hold it.
    pub holders: Vec<String>,
    /// From when on it was in the copies.
    pub planted_at: Option<Date>,
    /// When it was taken out.
    pub retired_at: Option<Date>,
    /// With which probability each custodian was given it, if that was drawn by a secret random choice for each alone;
    /// only such a canary may name one of several holders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<Chance>,
    /// Its values as planted.
    pub fields: Fields,
}

/// A probability between 0 and 1, without both, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Chance(u32);

impl Chance {
    /// Takes a probability, rounded to millionths.
    pub fn new(p: f64) -> Option<Self> {
        let millionths = (p * 1e6).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 999,999")]
        (1.0..1e6).contains(&millionths).then_some(Self(millionths as u32))
    }

    /// Returns it in millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Returns it as a number.
    pub fn get(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl TryFrom<f64> for Chance {
    type Error = &'static str;

    fn try_from(p: f64) -> Result<Self, Self::Error> {
        Self::new(p).ok_or("is not a probability between 0 and 1")
    }
}

impl From<Chance> for f64 {
    fn from(chance: Chance) -> Self {
        chance.get()
    }
}

/// One hand-over of a dataset, or part of it, to one custodian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id, unique in the organization.
    pub id: String,
    /// What was delivered.
    pub dataset: String,
    /// To whom.
    pub custodian: String,
    /// When.
    pub delivered_at: Date,
    /// How many rows.
    pub rows: Option<u64>,
    /// Which part of the dataset, in words; `None` for all of it.
    #[serde(default)]
    pub selector: Option<String>,
    /// SHA-256 of the file that was handed over, in hexadecimal digits.
    #[serde(default)]
    pub sha256: Option<String>,
    /// With which probability each row of the selection was put into the copy, if that was drawn by [`Delivery::deal`].
    #[serde(default)]
    pub share: Option<Chance>,
    /// The secret that rows and renderings were chosen by; kept apart from the rest of the document.
    #[serde(skip)]
    pub deal: Option<Deal>,
    /// When the custodian acknowledged it.
    #[serde(default)]
    pub acknowledged_at: Option<Date>,
    /// When it was given back.
    #[serde(default)]
    pub returned_at: Option<Date>,
    /// When the custodian's copy was destroyed.
    #[serde(default)]
    pub destroyed_at: Option<Date>,
}

impl Delivery {
    /// Tells whether the custodian still holds what it was given, as far as the register knows.
    pub fn is_held(&self, on: Date) -> bool {
        let ended = [self.returned_at, self.destroyed_at].into_iter().flatten().min();
        self.delivered_at <= on && ended.is_none_or(|ended| on < ended)
    }
}

/// Reads a day: `2026-03-31`, or the UTC day of an RFC 3339 time.
fn parse_date(text: &str) -> Result<Date, &'static str> {
    let is_day = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let date = if is_day {
        text.parse::<Date>().map_err(|_| "is not in the calendar")?
    } else {
        let time: Timestamp = text.parse().map_err(|_| "is not a date")?;
        time.to_zoned(jiff::tz::TimeZone::UTC).date()
    };
    if (1970..=2200).contains(&date.year()) { Ok(date) } else { Err("is not in the years 1970 to 2200") }
}
