//! What an organization has enrolled, in outline: names, contacts, custodians, datasets and how much is looked for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::watchlist::{Contact, Organization};
use crate::ports::store::console::Scope;
use crate::ports::store::sql::{self, Columns, values};
use crate::ports::store::watchlists::{organization_context, parse};
use crate::ports::store::{Store, StoreError};

/// An organization and how much of it is enrolled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrganizationOutline {
    /// Its names, custodians, datasets and anchors.
    pub organization: Organization,
    /// When its watchlist changed last.
    pub imported_at: Timestamp,
    /// Its contacts, and which of them may be mailed.
    pub contacts: Vec<ContactStanding>,
    /// Canaries that are looked for.
    pub canaries: u64,
    /// Fingerprints that are looked for.
    pub fingerprints: u64,
    /// Deliveries on record.
    pub deliveries: u64,
}

/// A contact, and whether it may be mailed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContactStanding {
    /// Who.
    #[serde(flatten)]
    pub contact: Contact,
    /// Since when it may be mailed; `None` while nobody has confirmed it.
    pub confirmed_at: Option<Timestamp>,
    /// Who confirmed it.
    pub confirmed_by: Option<String>,
}

impl Store {
    /// Returns the organizations that the scope admits, without what is counted of them; sorted by id.
    ///
    /// # Errors
    /// When the database fails or a row does not open.
    pub async fn organizations(&self, scope: &Scope) -> Result<Vec<Organization>, StoreError> {
        let statement = "SELECT id, sealed_document FROM organization WHERE $1 = '' OR id = $1 ORDER BY id";
        let rows = sql::fetch(&mut *self.reader.acquire().await?, statement, values![scope.organization()]).await?;
        rows.iter()
            .map(|row| {
                let id = row.text(0)?;
                let document = self.open_text(&row.bytes(1)?, &organization_context(&id))?;
                parse("organization", &id, document.reveal())
            })
            .collect()
    }

    /// Returns the organizations that the scope admits, sorted by id.
    ///
    /// # Errors
    /// When the database fails or a row does not open.
    pub async fn organization_outlines(&self, scope: &Scope) -> Result<Vec<OrganizationOutline>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let mut contacts: BTreeMap<String, Vec<ContactStanding>> = BTreeMap::new();
        let statement = "SELECT organization, address, document, confirmed_at, confirmed_by FROM contact \
                         WHERE $1 = '' OR organization = $1 ORDER BY organization, address";
        for row in sql::fetch(&mut connection, statement, values![scope.organization()]).await? {
            let standing = ContactStanding {
                contact: parse("contact", &row.text(1)?, &row.text(2)?)?,
                confirmed_at: row.maybe_time(3)?,
                confirmed_by: row.maybe_text(4)?,
            };
            contacts.entry(row.text(0)?).or_default().push(standing);
        }
        let statement = "SELECT o.id, o.sealed_document, o.imported_at, \
                         (SELECT COUNT(*) FROM canary y WHERE y.organization = o.id AND y.removed_at IS NULL), \
                         (SELECT CAST(SUM(f.fingerprints) AS BIGINT) FROM fingerprint_file f WHERE f.organization = o.id), \
                         (SELECT COUNT(*) FROM delivery d WHERE d.organization = o.id) FROM organization o \
                         WHERE $1 = '' OR o.id = $1 ORDER BY o.id";
        let mut outlines = Vec::new();
        for row in sql::fetch(&mut connection, statement, values![scope.organization()]).await? {
            let id = row.text(0)?;
            let document = self.open_text(&row.bytes(1)?, &organization_context(&id))?;
            outlines.push(OrganizationOutline {
                organization: parse("organization", &id, document.reveal())?,
                imported_at: row.time(2)?,
                contacts: contacts.remove(&id).unwrap_or_default(),
                canaries: row.count(3)?,
                fingerprints: row.count(4)?,
                deliveries: row.count(5)?,
            });
        }
        Ok(outlines)
    }
}
