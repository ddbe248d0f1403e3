//! Watchlists and contacts: taken whole or not at all; one organization's list never touches another's.
//!
//! Canary values and custodians' names are sealed at rest.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::AnyConnection;

use super::model::{Changes, WatchlistChange};
use super::sql::{self, Columns, Value, values};
use super::{Durability, Store, StoreError};
use crate::domain::fingerprints::{Delivered, Enrolment};
use crate::domain::watchlist::{Canary, Channel, Contact, Deal, Delivery, Organization, OrganizationId, Watchlist};

impl Store {
    /// Puts a watchlist in the place of the organization's last one, in one transaction; its fingerprints stay.
    ///
    /// # Errors
    /// When the database fails; nothing has changed then.
    pub async fn replace_watchlist(
        &self,
        watchlist: &Watchlist,
        now: Timestamp,
    ) -> Result<WatchlistChange, StoreError> {
        self.replace(watchlist, None, now).await
    }

    /// Puts a watchlist and its files of fingerprints in the place of the organization's last ones, in one transaction.
    ///
    /// # Errors
    /// When the database fails; nothing has changed then.
    pub async fn enrol(
        &self,
        watchlist: &Watchlist,
        (fingerprints, delivered): (&[Enrolment], &[Delivered]),
        now: Timestamp,
    ) -> Result<WatchlistChange, StoreError> {
        self.replace(watchlist, Some((fingerprints, delivered)), now).await
    }

    async fn replace(
        &self,
        watchlist: &Watchlist,
        fingerprints: Option<(&[Enrolment], &[Delivered])>,
        now: Timestamp,
    ) -> Result<WatchlistChange, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let mut change = self.replace_organization(connection, &watchlist.organization, now).await?;
        let committed = Self::committed(connection, &watchlist.organization.id.0).await?;
        change.canaries = self.replace_canaries(connection, watchlist, now).await?;
        change.deliveries = self.replace_deliveries(connection, watchlist).await?;
        change.contacts = replace_contacts(connection, watchlist).await?;
        if let Some((fingerprints, delivered)) = fingerprints {
            let organization = &watchlist.organization.id;
            change.fingerprints = super::fingerprints::replace(connection, organization, fingerprints, now).await?;
            super::fingerprints::replace_delivered(connection, organization, delivered).await?;
        }
        let mut removed = replace_channels(connection, watchlist).await?;
        removed.extend_from_slice(&change.contacts.removed);
        if !removed.is_empty() {
            super::recipients::withdraw(connection, &watchlist.organization.id, &removed).await?;
        }
        if !change.is_empty() {
            let statement = "UPDATE meta SET content = CAST(CAST(content AS BIGINT) + 1 AS TEXT) \
                             WHERE name = 'watchlist_revision'";
            sql::execute(connection, statement, values![]).await?;
        }
        change.revision = revision(connection).await?;
        if change.has_new_entries() {
            super::recall::begin(connection, change.revision).await?;
        }
        // The ledger comes last: whoever holds its lock waits for nothing else.
        let uncommitted = uncommitted(watchlist, &change.canaries, &committed);
        self.commit_canaries(connection, (&watchlist.organization.id.0, &uncommitted), now).await?;
        write.commit().await?;
        Ok(change)
    }

    /// Returns an organization's watchlist as it was imported last.
    ///
    /// # Errors
    /// When the database fails or a row does not open.
    pub async fn watchlist(&self, organization: &OrganizationId) -> Result<Option<Watchlist>, StoreError> {
        Ok(self.load(Some(organization)).await?.pop())
    }

    /// Returns all watchlists, sorted by organization.
    ///
    /// # Errors
    /// When the database fails or a row does not open.
    pub async fn watchlists(&self) -> Result<Vec<Watchlist>, StoreError> {
        self.load(None).await
    }

    /// Returns a number that grows with every change to any watchlist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn watchlist_revision(&self) -> Result<i64, StoreError> {
        revision(&mut *self.reader.acquire().await?).await
    }

    /// Marks a contact as one that may be mailed; alerts that waited for a contact become sendable. Confirming twice keeps
    /// the first time.
    ///
    /// # Errors
    /// `NoSuchContact` if the watchlist does not name it.
    pub async fn confirm_contact(
        &self,
        organization: &OrganizationId,
        address: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        confirm(write.connection(), (organization, address), by, now).await?;
        let statement = "DELETE FROM contact_question WHERE organization = $1 AND address = $2";
        sql::execute(write.connection(), statement, values![&organization.0, address]).await?;
        write.commit().await
    }

    /// Returns the contacts that may be mailed, sorted by address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn confirmed_contacts(&self, organization: &OrganizationId) -> Result<Vec<Contact>, StoreError> {
        let statement = "SELECT document, address FROM contact \
                         WHERE organization = $1 AND confirmed_at IS NOT NULL ORDER BY address";
        let mut connection = self.reader.acquire().await?;
        let rows = sql::fetch(&mut connection, statement, values![&organization.0]).await?;
        rows.iter().map(|row| parse("contact", &row.text(1)?, &row.text(0)?)).collect()
    }

    async fn replace_organization(
        &self,
        connection: &mut AnyConnection,
        organization: &Organization,
        now: Timestamp,
    ) -> Result<WatchlistChange, StoreError> {
        let (id, document) = (&organization.id.0, json(organization)?);
        let digest = self.seal.digest(document.as_bytes());
        let sealed = self.seal_text(&document, &organization_context(id))?;
        // The upsert comes first: it locks the row, so that two imports of one organization follow each other.
        let statement = "INSERT INTO organization (id, name, sealed_document, document_digest, imported_at, groupings) \
                         VALUES ($1, $2, $3, '', $4, 0) ON CONFLICT (id) DO UPDATE SET groupings = organization.groupings";
        sql::execute(connection, statement, values![id, &organization.name, sealed.clone(), now]).await?;
        let statement = "SELECT document_digest FROM organization WHERE id = $1";
        let before = sql::fetch_one(connection, statement, values![id]).await?.map(|row| row.text(0)).transpose()?;
        let before = before.unwrap_or_default();
        let mut change = WatchlistChange { is_new: before.is_empty(), ..WatchlistChange::default() };
        if before != digest {
            change.is_organization_changed = !change.is_new;
            let statement = "UPDATE organization SET name = $1, sealed_document = $2, document_digest = $3, \
                             imported_at = $4 WHERE id = $5";
            sql::execute(connection, statement, values![&organization.name, sealed, digest, now, id]).await?;
        }
        Ok(change)
    }

    async fn replace_canaries(
        &self,
        connection: &mut AnyConnection,
        watchlist: &Watchlist,
        now: Timestamp,
    ) -> Result<Changes, StoreError> {
        let organization = &watchlist.organization.id.0;
        let statement = "SELECT id, document_digest, removed_at FROM canary WHERE organization = $1";
        let mut before = BTreeMap::new();
        for row in sql::fetch(connection, statement, values![organization]).await? {
            before.insert(row.text(0)?, (row.text(1)?, row.maybe_int(2)?.is_some()));
        }
        let mut changes = Changes::default();
        let mut rows = Vec::new();
        for canary in &watchlist.canaries {
            let document = json(canary)?;
            let digest = self.seal.digest(document.as_bytes());
            match before.remove(&canary.id) {
                Some((old, false)) if old == digest => continue,
                Some((_, false)) => changes.changed.push(canary.id.clone()),
                Some((_, true)) | None => changes.added.push(canary.id.clone()),
            }
            let sealed = self.seal_text(&document, &canary_context(organization, &canary.id))?;
            let holders = json(&canary.holders)?;
            rows.push(values![organization, &canary.id, &canary.dataset, holders, sealed, digest]);
        }
        let head = "INSERT INTO canary (organization, id, dataset, holders, sealed_document, document_digest) VALUES";
        let tail = "ON CONFLICT (organization, id) DO UPDATE SET dataset = excluded.dataset, \
                    holders = excluded.holders, sealed_document = excluded.sealed_document, \
                    document_digest = excluded.document_digest, removed_at = NULL";
        sql::insert(connection, (head, tail), rows).await?;
        for (id, (_, is_removed)) in before {
            if !is_removed {
                let statement = "UPDATE canary SET removed_at = $1 WHERE organization = $2 AND id = $3";
                sql::execute(connection, statement, values![now, organization, &id]).await?;
                changes.removed.push(id);
            }
        }
        changes.added.sort();
        changes.changed.sort();
        Ok(changes)
    }

    /// The secret of a delivery is sealed apart from what anybody may read of it.
    async fn replace_deliveries(
        &self,
        connection: &mut AnyConnection,
        watchlist: &Watchlist,
    ) -> Result<Changes, StoreError> {
        let organization = &watchlist.organization.id.0;
        let statement = "SELECT id, document, deal_digest FROM delivery WHERE organization = $1";
        let mut before = BTreeMap::new();
        for row in sql::fetch(connection, statement, values![organization]).await? {
            before.insert(row.text(0)?, (row.text(1)?, row.text(2)?));
        }
        let (mut changes, mut rows) = (Changes::default(), Vec::new());
        for delivery in &watchlist.deliveries {
            let (id, document) = (&delivery.id, json(delivery)?);
            let deal = delivery.deal.as_ref().map(Deal::text);
            let digest = deal.as_ref().map_or_else(String::new, |deal| self.seal.digest(deal.reveal().as_bytes()));
            match before.remove(id) {
                Some(old) if old == (document.clone(), digest.clone()) => continue,
                Some(_) => changes.changed.push(id.clone()),
                None => changes.added.push(id.clone()),
            }
            let context = deal_context(organization, id);
            let sealed = deal.map(|deal| self.seal_text(deal.reveal(), &context)).transpose()?;
            rows.push(values![organization, id, document, sealed, digest]);
        }
        let head = "INSERT INTO delivery (organization, id, document, sealed_deal, deal_digest) VALUES";
        let tail = "ON CONFLICT (organization, id) DO UPDATE SET document = excluded.document, \
                    sealed_deal = excluded.sealed_deal, deal_digest = excluded.deal_digest";
        sql::insert(connection, (head, tail), rows).await?;
        for id in before.into_keys() {
            let statement = "DELETE FROM delivery WHERE organization = $1 AND id = $2";
            sql::execute(connection, statement, values![organization, &id]).await?;
            changes.removed.push(id);
        }
        Ok(changes)
    }

    /// Reads lists as they stood at one moment: once more where one was changed meanwhile.
    async fn load(&self, only: Option<&OrganizationId>) -> Result<Vec<Watchlist>, StoreError> {
        let only = only.map_or("", |organization| organization.0.as_str());
        let mut connection = self.reader.acquire().await?;
        loop {
            let before = revision(&mut connection).await?;
            let watchlists = self.load_now(&mut connection, only).await?;
            if revision(&mut connection).await? == before {
                return Ok(watchlists);
            }
        }
    }

    async fn load_now(&self, connection: &mut AnyConnection, only: &str) -> Result<Vec<Watchlist>, StoreError> {
        let statement = "SELECT id, sealed_document FROM organization WHERE $1 = '' OR id = $1 ORDER BY id";
        let mut watchlists = Vec::new();
        for row in sql::fetch(connection, statement, values![only]).await? {
            let id = row.text(0)?;
            let document = self.open_text(&row.bytes(1)?, &organization_context(&id))?;
            let organization: Organization = parse("organization", &id, document.reveal())?;
            watchlists.push(Watchlist { organization, canaries: Vec::new(), deliveries: Vec::new() });
        }
        for watchlist in &mut watchlists {
            let organization = watchlist.organization.id.0.clone();
            watchlist.canaries = self.canaries(connection, &organization).await?;
            let statement = "SELECT id, document, sealed_deal FROM delivery WHERE organization = $1";
            for row in sql::fetch(connection, statement, values![&organization]).await? {
                let id = row.text(0)?;
                let mut delivery = parse::<Delivery>("delivery", &id, &row.text(1)?)?;
                if let Some(sealed) = row.maybe_bytes(2)? {
                    let text = self.open_text(&sealed, &deal_context(&organization, &id))?;
                    let deal = Deal::parse(text.reveal()).ok_or_else(|| StoreError::damaged("delivery", &id))?;
                    delivery.deal = Some(deal);
                }
                watchlist.deliveries.push(delivery);
            }
            watchlist.deliveries.sort_by(|one, other| one.id.cmp(&other.id));
        }
        Ok(watchlists)
    }
}

/// Records that are new, changed, or were enrolled before records were committed to.
fn uncommitted<'a>(watchlist: &'a Watchlist, changes: &Changes, committed: &BTreeSet<String>) -> Vec<&'a Canary> {
    let new: BTreeSet<&String> = changes.added.iter().chain(&changes.changed).collect();
    let is_open = |canary: &&Canary| new.contains(&canary.id) || !committed.contains(&canary.id);
    watchlist.canaries.iter().filter(is_open).collect()
}

/// Marks a contact as one that may be mailed.
pub(super) async fn confirm(
    connection: &mut AnyConnection,
    (organization, address): (&OrganizationId, &str),
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    // A visit that opens a case at this moment sees this contact, or its alert is seen here.
    super::findings::lock_organization(connection, &organization.0).await?;
    let statement = "UPDATE contact SET confirmed_at = COALESCE(confirmed_at, $1), \
                     confirmed_by = COALESCE(confirmed_by, $2) WHERE organization = $3 AND address = $4";
    let changed = sql::execute(connection, statement, values![now, by, &organization.0, address]).await?;
    if changed == 0 {
        return Err(StoreError::NoSuchContact { organization: organization.0.clone(), address: address.to_owned() });
    }
    super::recipients::assign_waiting(connection, organization).await
}

/// Puts the names of an organization's channels in the place of the last ones; returns how the outbox named those that went.
async fn replace_channels(connection: &mut AnyConnection, watchlist: &Watchlist) -> Result<Vec<String>, StoreError> {
    let organization = &watchlist.organization.id.0;
    let channels = &watchlist.organization.alerts.channels;
    let statement = "SELECT name FROM channel WHERE organization = $1";
    let mut removed = Vec::new();
    for row in sql::fetch(connection, statement, values![organization]).await? {
        let name = row.text(0)?;
        if !channels.iter().any(|channel| channel.name == name) {
            sql::execute(
                connection,
                "DELETE FROM channel WHERE organization = $1 AND name = $2",
                values![organization, &name],
            )
            .await?;
            removed.push(format!("{}{name}", Channel::PREFIX));
        }
    }
    let rows = channels.iter().map(|channel| values![organization, &channel.name]).collect();
    let head = "INSERT INTO channel (organization, name) VALUES";
    sql::insert(connection, (head, "ON CONFLICT (organization, name) DO NOTHING"), rows).await?;
    Ok(removed)
}

async fn revision(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let statement = "SELECT CAST(content AS BIGINT) FROM meta WHERE name = 'watchlist_revision'";
    let row = sql::fetch_one(connection, statement, values![]).await?;
    row.ok_or_else(|| StoreError::damaged("meta", "watchlist_revision"))?.int(0)
}

async fn replace_contacts(connection: &mut AnyConnection, watchlist: &Watchlist) -> Result<Changes, StoreError> {
    let organization = &watchlist.organization.id.0;
    let mut before = BTreeMap::new();
    let statement = "SELECT address, document FROM contact WHERE organization = $1";
    for row in sql::fetch(connection, statement, values![organization]).await? {
        before.insert(row.text(0)?, row.text(1)?);
    }
    let mut documents = BTreeMap::new();
    for contact in &watchlist.organization.contacts {
        documents.insert(contact.address.clone(), json(contact)?);
    }
    let mut changes = Changes::default();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for (address, document) in documents {
        match before.remove(&address) {
            Some(old) if old == document => continue,
            Some(_) => changes.changed.push(address.clone()),
            None => changes.added.push(address.clone()),
        }
        rows.push(values![organization, address, document]);
    }
    let head = "INSERT INTO contact (organization, address, document) VALUES";
    let tail = "ON CONFLICT (organization, address) DO UPDATE SET document = excluded.document";
    sql::insert(connection, (head, tail), rows).await?;
    for address in before.into_keys() {
        let statement = "DELETE FROM contact WHERE organization = $1 AND address = $2";
        sql::execute(connection, statement, values![organization, &address]).await?;
        changes.removed.push(address);
    }
    Ok(changes)
}

pub(super) fn organization_context(id: &str) -> String {
    format!("organization/{id}")
}

pub(super) fn deal_context(organization: &str, delivery: &str) -> String {
    format!("deal/{organization}/{delivery}")
}

pub(super) fn canary_context(organization: &str, id: &str) -> String {
    format!("canary/{organization}/{id}")
}

pub(super) fn json(document: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(|_| StoreError::damaged("document", ""))
}

pub(super) fn parse<T: DeserializeOwned>(what: &'static str, id: &str, document: &str) -> Result<T, StoreError> {
    serde_json::from_str(document).map_err(|_| StoreError::damaged(what, id))
}
