//! Reads from the store what a mail tells, and has it written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use url::Url;

use super::Ports;
use crate::domain::alert::guard::Forbidden;
use crate::domain::alert::links::{ACKNOWLEDGE_FOR, Links, Purpose};
use crate::domain::alert::timing::Before;
use crate::domain::alert::{
    Addressing, AlertMail, CaseFacts, CopyFact, CustodianFact, EntryFact, MaskedValue, Offer, Place, SellerFact,
    Sighting, Site, SoldBefore, Tlp, compose, compose_digest,
};
use crate::domain::attribution::{EPSILON, Report};
use crate::domain::case::State;
use crate::domain::fingerprints::Delivered;
use crate::domain::matcher::EntryKind;
use crate::domain::source::Network;
use crate::domain::watchlist::Watchlist;
use crate::ports::mail::Recipient;
use crate::ports::store::model::{
    self, AlertClaim, AlertRow, AlertState, CaseDetail, HitFilter, OfferedBefore, SellerHistory,
};
use crate::ports::store::{Attributable, Store, StoreError};

/// What is known of an alert's case, ready to be told.
pub(super) struct Known {
    pub(super) facts: CaseFacts,
    forbidden: Forbidden,
    addressing: Addressing,
}

impl Known {
    /// Tells whether something must not leave in the clear.
    pub(super) fn forbids(&self, text: &str) -> bool {
        self.forbidden.find_in_text(text).is_some()
    }
}

/// Writes the mail of an alert, which may tell of others, too; `None` if its case is gone.
pub(super) async fn mail(
    ports: &Ports,
    claim: &AlertClaim,
    others: &[AlertClaim],
    now: Timestamp,
) -> Result<Option<AlertMail>, StoreError> {
    let Some(mut known) = known(ports, claim, now).await? else { return Ok(None) };
    known.facts.acknowledge = acknowledge_link(ports, claim, now).await?;
    if claim.escalates {
        known.facts.unanswered_since = Some(unanswered_since(ports, claim).await?);
    }
    if others.is_empty() {
        let mail = compose(&known.facts, &known.addressing, now);
        let Some(objection) = known.forbidden.find_in(&mail.outside()) else { return Ok(Some(mail)) };
        tracing::error!(
            alert = claim.id,
            ?objection,
            "the mail held what must not be mailed; sent without values and links"
        );
        return Ok(Some(compose(&known.facts.bare(), &known.addressing, now)));
    }
    digest(ports, (claim, known), others, now).await
}

/// Writes one mail about the cases of several alerts; it shows no values, and names neither places nor prices if the guard
/// objects to it.
async fn digest(
    ports: &Ports,
    (claim, first): (&AlertClaim, Known),
    others: &[AlertClaim],
    now: Timestamp,
) -> Result<Option<AlertMail>, StoreError> {
    let addressing = Addressing { thread_root: None, ..first.addressing.clone() };
    let link = first.facts.acknowledge.clone();
    let mut all = vec![first];
    for other in others {
        if let Some(mut known) = known(ports, other, now).await? {
            known.facts.acknowledge.clone_from(&link);
            all.push(known);
        }
    }
    let cases: Vec<CaseFacts> = all.iter().map(|known| known.facts.clone()).collect();
    let Some(mail) = compose_digest(&cases, &addressing, now) else { return Ok(None) };
    if all.iter().all(|known| known.forbidden.find_in(&mail.outside()).is_none()) {
        return Ok(Some(mail));
    }
    tracing::error!(alert = claim.id, "the mail held what must not be mailed; sent without names of places");
    let bare: Vec<CaseFacts> = cases.iter().map(|facts| CaseFacts { sightings: Vec::new(), ..facts.bare() }).collect();
    Ok(compose_digest(&bare, &addressing, now))
}

/// Returns the address by which a case is acknowledged that nobody has acknowledged yet.
pub(super) async fn acknowledge_link(
    ports: &Ports,
    claim: &AlertClaim,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let Some(base) = ports.links.as_ref().filter(|_| claim.case_state == State::New) else { return Ok(None) };
    let links = Links { base: base.clone(), key: ports.store.link_key().await? };
    let expires = now.checked_add(ACKNOWLEDGE_FOR).unwrap_or(Timestamp::MAX);
    Ok(Some(links.address(Purpose::Acknowledge, &claim.id, expires)))
}

/// Since when somebody could have acknowledged.
async fn unanswered_since(ports: &Ports, claim: &AlertClaim) -> Result<Timestamp, StoreError> {
    let before = ports.store.told_before(claim).await?;
    let sent = before.iter().filter_map(|one| match one {
        Before::Sent(at) => Some(*at),
        Before::Waiting(_) | Before::Lost => None,
    });
    Ok(sent.min().unwrap_or(claim.created_at))
}

/// Gathers what is known of an alert's case; `None` if it is gone.
pub(super) async fn known(ports: &Ports, claim: &AlertClaim, now: Timestamp) -> Result<Option<Known>, StoreError> {
    let (store, vault) = (&ports.store, &ports.vault);
    let Some(detail) = store.case(&claim.case).await? else { return Ok(None) };
    let find = |one: &Delivered, tags: &[u64]| vault.find_tags_or_warn(one, tags);
    let found = store.attributable(&claim.case, (EPSILON, None), find).await?;
    let (watchlist, copy) = match found {
        // Weighing takes long enough to hold up the others of this thread.
        Some(Attributable { watchlist, findings }) => spawn_blocking(move || {
            let copy = CopyFact::of(&Report::of(&watchlist, &findings));
            (Some(watchlist), Some(copy))
        })
        .await
        .map_err(|_| StoreError::Closed)?,
        None => (None, None),
    };
    let earlier = earlier_mails(&detail, claim);
    // A follow-up is queued by the first news after the mail before it was frozen: what is older was told.
    let own = detail.alerts.iter().find(|alert| alert.id == claim.id);
    let news_since = own.filter(|_| !earlier.is_empty()).map(|alert| alert.created_at);
    let first_seen = if news_since.is_some() { first_seen(store, &detail).await? } else { BTreeMap::new() };
    let base = ports.links.as_ref().map(|base| base.as_str().trim_end_matches('/'));
    let page = base.and_then(|base| Url::parse(&format!("{base}/cases/{}", claim.case)).ok());
    let facts = CaseFacts { copy, news_since, page, ..facts(&detail, claim, &first_seen) };
    let facts = sealed(facts, claim, watchlist.as_ref(), now);
    let addressing = Addressing {
        to: claim.contact.clone(),
        language: claim.language,
        reason: claim.reason,
        message_id: claim.message_id.clone(),
        thread_root: earlier.first().map(|alert| alert.message_id.clone()),
    };
    let forbidden = forbidden(&facts, watchlist.as_ref());
    Ok(Some(Known { facts, forbidden, addressing }))
}

/// For a contact with an OpenPGP key: what the mail may hold besides, and to whom it is encrypted. A key that can no longer be
/// used gets no detail at all: they were not meant to be read on the way.
fn sealed(facts: CaseFacts, claim: &AlertClaim, watchlist: Option<&Watchlist>, now: Timestamp) -> CaseFacts {
    let organization = watchlist.map(|watchlist| &watchlist.organization);
    let contacts = organization.iter().flat_map(|organization| &organization.contacts);
    let Some(key) = contacts.filter(|contact| contact.address == claim.contact).find_map(|contact| contact.key.clone())
    else {
        return facts;
    };
    if let Err(fault) = Recipient::read(&key, now) {
        tracing::error!(alert = claim.id, %fault, "the contact's OpenPGP key cannot be used; mailed without details");
        return facts.bare();
    }
    let name = |code: &str| {
        let custodians = organization.iter().flat_map(|organization| &organization.custodians);
        custodians.filter(|custodian| custodian.code == code).map(|custodian| custodian.name.clone()).next()
    };
    let named = |custodian: CustodianFact| CustodianFact { name: name(&custodian.code), ..custodian };
    CaseFacts { custodians: facts.custodians.into_iter().map(named).collect(), sealed_to: Some(key), ..facts }
}

/// The mails of this case that the contact has or will have before this one, the oldest first. An alert that is queued
/// and older is frozen: a contact gets no second one before.
fn earlier_mails<'a>(detail: &'a CaseDetail, claim: &AlertClaim) -> Vec<&'a AlertRow> {
    detail
        .alerts
        .iter()
        .take_while(|alert| alert.id != claim.id)
        .filter(|alert| alert.contact.as_ref() == Some(&claim.contact))
        .filter(|alert| match alert.state {
            AlertState::Sent | AlertState::Queued => true,
            AlertState::WaitingForContact | AlertState::Dead | AlertState::Dropped => false,
        })
        .collect()
}

/// When each entry was first seen, by kind and id.
async fn first_seen(store: &Store, detail: &CaseDetail) -> Result<BTreeMap<(String, String), Timestamp>, StoreError> {
    let filter = HitFilter { case: Some(detail.row.id.clone()), ..HitFilter::default() };
    let mut first_seen = BTreeMap::new();
    for hit in store.hits(&filter).await? {
        let seen_at = first_seen.entry((hit.kind, hit.entry)).or_insert(hit.seen_at);
        *seen_at = hit.seen_at.min(*seen_at);
    }
    Ok(first_seen)
}

fn facts(detail: &CaseDetail, claim: &AlertClaim, first_seen: &BTreeMap<(String, String), Timestamp>) -> CaseFacts {
    let entries = detail.leaked.iter().map(|entry| EntryFact {
        id: entry.entry.clone(),
        kind: entry.kind,
        values: entry
            .fields
            .iter()
            .map(|(field, masked)| MaskedValue { field: field.clone(), masked: masked.clone() })
            .collect(),
        holders: entry.holders.clone(),
        first_seen_at: first_seen
            .get(&(kind_word(entry.kind).to_owned(), entry.entry.clone()))
            .copied()
            .unwrap_or(detail.row.first_matched_at),
    });
    CaseFacts {
        case: detail.row.id.clone(),
        organization: claim.organization.clone(),
        organization_name: detail.organization_name.clone(),
        tlp: Tlp::default(),
        entries: entries.collect(),
        custodians: detail
            .row
            .holders
            .iter()
            .map(|(code, entries)| CustodianFact { code: code.clone(), name: None, entries: *entries })
            .collect(),
        sightings: detail.sightings.iter().map(sighting).collect(),
        offer: offer(detail),
        verdict: detail.verdict.clone(),
        copy: None,
        severity: detail.row.severity.clone(),
        seller: detail.seller.as_ref().map(seller),
        news_since: None,
        sealed_to: None,
        acknowledge: None,
        page: None,
        unanswered_since: None,
        zone: claim.alerts.quiet.zone.clone(),
    }
}

fn sighting(seen: &model::Sighting) -> Sighting {
    let link = Url::parse(&seen.url).ok();
    let network = link.as_ref().map_or(Network::Open, Network::of);
    Sighting {
        site: Site { label: seen.source_label.clone(), network },
        link,
        place: if seen.attachment.is_some() { Place::Attachment } else { Place::Post },
        posted_at: seen.posted_at,
        first_seen_at: seen.seen_at,
    }
}

fn seller(history: &SellerHistory) -> SellerFact {
    SellerFact {
        marks: history.marks.iter().map(|mark| (mark.kind.clone(), mark.short.clone())).collect(),
        before: history.before.iter().map(sold_before).collect(),
        own_cases: history.own_cases.clone(),
    }
}

fn sold_before(before: &OfferedBefore) -> SoldBefore {
    SoldBefore {
        site: Site { label: before.source.clone(), network: before.network },
        listings: before.listings,
        goods: before.goods.clone(),
        first_at: before.first_at,
        last_at: before.last_at,
    }
}

fn offer(detail: &CaseDetail) -> Option<Offer> {
    let offering = || detail.sightings.iter().filter(|seen| seen.offer);
    detail.row.offer.then(|| Offer {
        price: offering().find_map(|seen| seen.price.clone()),
        sites: offering().map(|seen| sighting(seen).site).collect(),
    })
}

/// What must not be in this mail: full values of the case's canaries, and every custodian's legal name.
fn forbidden(facts: &CaseFacts, watchlist: Option<&Watchlist>) -> Forbidden {
    let Some(watchlist) = watchlist else { return Forbidden::default() };
    let is_concerned = |id: &str| facts.entries.iter().any(|entry| entry.kind == EntryKind::Canary && entry.id == id);
    let canaries = watchlist.canaries.iter().filter(|canary| is_concerned(&canary.id));
    let values = canaries.flat_map(|canary| canary.fields.iter().map(|(_, value)| value));
    let organization = &watchlist.organization;
    let names = organization
        .custodians
        .iter()
        .flat_map(|custodian| custodian.engagement.sub_processors.iter().chain([&custodian.name]).map(String::as_str));
    let mut public = vec![organization.name.as_str(), organization.id.0.as_str()];
    public.extend(organization.aliases.iter().map(String::as_str));
    public.extend(organization.custodians.iter().map(|custodian| custodian.code.as_str()));
    public.extend(facts.entries.iter().map(|entry| entry.id.as_str()));
    public.extend(facts.sightings.iter().map(|sighting| sighting.site.label.as_str()));
    let sold_on = facts.seller.iter().flat_map(|seller| &seller.before);
    public.extend(sold_on.map(|before| before.site.label.as_str()));
    Forbidden::new(values.chain(names), &public)
}

/// The store's word for a kind of entry.
const fn kind_word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Canary => "canary",
        EntryKind::Fingerprint => "fingerprint",
        EntryKind::Anchor => "anchor",
    }
}
