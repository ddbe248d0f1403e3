//! What we look for, for one organization: validated, so that the rest need not check again.
//!
//! Not here: reading files from disk (`services::intake`), the compiled form (`matcher`).

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// An organization's id: `^[a-z0-9-]{3,32}$`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrganizationId(pub String);

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
    /// Third parties that received copies; `OWNER` is implied.
    pub custodians: Vec<Custodian>,
    /// Its tables.
    pub datasets: Vec<Dataset>,
    /// Literals that belong to it.
    pub anchors: Anchors,
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

/// Literals that belong to the organization.
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
}

impl Anchors {
    /// Counts all literals.
    pub const fn len(&self) -> usize {
        self.bin.len() + self.iban_bank.len() + self.mail_domain.len() + self.names.len()
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
    /// Field name (`name`, `pan`, `phone` …) to value as planted.
    pub fields: BTreeMap<String, String>,
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
}
