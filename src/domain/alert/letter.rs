//! The mail as headings, facts, lists and cards, before it is plain text or HTML: both alternatives say the same.
//!
//! Everything that enters here is cleaned and bounded here; the renderers only lay out and escape.

use super::clean::{defang, defanged_link, masked_value, one_line, site_label, word};
use super::facts::{CaseFacts, CopyFact, CustodianFact, EntryFact, Place, Sighting, Site};
use super::phrases::{Phrases, Telling, fill};
use super::{AlertReason, Tlp, copy, weight};
use crate::domain::attribution;
use crate::domain::listing::Price;
use crate::domain::matcher::{EntryKind, Ownership, Verdict};
use crate::domain::source::Network;

/// Most entries that are listed.
const ENTRIES_SHOWN: usize = 20;
/// Most values shown of one entry.
const VALUES_SHOWN: usize = 8;
/// Most places that are listed.
const PLACES_SHOWN: usize = 5;
/// Most custodians that are listed.
const CUSTODIANS_SHOWN: usize = 20;
/// Most characters of a subject.
pub(super) const SUBJECT_CHARS: usize = 180;

/// A mail, laid out.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) language_tag: &'static str,
    pub(super) colon: &'static str,
    pub(super) subject: String,
    /// TLP label and, for a follow-up, that it is one.
    pub(super) badges: Vec<String>,
    pub(super) title: String,
    /// What happened, in one sentence.
    pub(super) lead: String,
    pub(super) notes: Vec<String>,
    /// What the reader may do at once.
    pub(super) action: Option<Action>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) sections: Vec<Section>,
    pub(super) footer: String,
}

/// What the reader may do at once.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) label: String,
    /// Where it is done; `None` for a page that does it itself.
    pub(super) address: Option<String>,
    pub(super) why: String,
}

/// A heading and what stands under it.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug)]
pub(super) enum Block {
    Paragraph(String),
    List(Vec<String>),
    /// Numbered; a command stands between backticks.
    Steps(Vec<String>),
    Cards(Vec<Card>),
    /// An aside in a smaller voice.
    Aside(String),
}

/// One record or place.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) title: String,
    pub(super) badge: Option<String>,
    pub(super) lines: Vec<String>,
}

impl Letter {
    /// Lays out the mail about a case.
    pub(super) fn about(facts: &CaseFacts, reason: AlertReason, (phrases, telling): (&Phrases, &Telling)) -> Self {
        let organization = one_line(&facts.organization_name, 80);
        let (count, sites) = (facts.records(), headline_sites(facts));
        let site = name_sites(&sites, phrases, |site| defanged(site, phrases));
        let lead = if facts.offer.is_some() { &phrases.lead_offer } else { &phrases.lead_found };
        let is_follow_up = reason != AlertReason::Opened || facts.news_since.is_some();
        let mut badges = vec![facts.tlp.as_str().to_owned()];
        if is_follow_up {
            badges.push(phrases.labels.follow_up.to_owned());
        }
        if facts.unanswered_since.is_some() {
            badges.push(telling.escalated.to_owned());
        }
        Self {
            language_tag: phrases.tag,
            colon: phrases.colon,
            subject: subject(facts, reason, phrases),
            badges,
            title: phrases.labels.title.to_owned(),
            lead: phrases.count(lead, count, &[("org", &organization), ("site", &site)]),
            notes: notes(facts, reason, (phrases, telling)),
            action: seen(facts.acknowledge.as_ref(), telling),
            facts: rows(facts, &organization, phrases),
            sections: vec![
                custodians(facts, phrases),
                places(facts, phrases),
                steps(facts, phrases),
                records(facts, phrases),
            ],
            footer: phrases.footer.to_owned(),
        }
    }

    /// Lays out the harmless mail of `alert test`.
    pub(super) fn test(phrases: &Phrases) -> Self {
        Self {
            language_tag: phrases.tag,
            colon: phrases.colon,
            subject: format!("[dyepack][{}] {}", Tlp::Clear.as_str(), phrases.test.subject),
            badges: vec![Tlp::Clear.as_str().to_owned()],
            title: phrases.test.title.to_owned(),
            lead: phrases.test.lead.to_owned(),
            notes: vec![phrases.test.more.to_owned()],
            action: None,
            facts: Vec::new(),
            sections: Vec::new(),
            footer: String::new(),
        }
    }
}

/// `[dyepack][TLP:AMBER+STRICT] Example Bank: 7 planted records offered for sale on forum.example (C-7F3K9Q2M)`.
fn subject(facts: &CaseFacts, reason: AlertReason, phrases: &Phrases) -> String {
    let is_follow_up = facts.news_since.is_some();
    let subjects = &phrases.subject;
    let counted = match (reason, is_follow_up) {
        (AlertReason::FirstOffer, true) => &subjects.now_offered,
        (AlertReason::NewSource, true) => &subjects.also_on,
        (AlertReason::NewEntries, true) => &subjects.more,
        (AlertReason::Opened, true)
        | (AlertReason::Opened | AlertReason::FirstOffer | AlertReason::NewSource | AlertReason::NewEntries, false) => {
            if facts.offer.is_some() {
                &subjects.offer
            } else {
                &subjects.found
            }
        }
    };
    let organization = one_line(&facts.organization_name, 48);
    let site = name_sites(&headline_sites(facts), phrases, |site| named(site, phrases));
    let case = word(&facts.case);
    let sentence = phrases.count(counted, facts.records(), &[("org", &organization), ("site", &site), ("case", &case)]);
    one_line(&format!("[dyepack][{}] {sentence}", facts.tlp.as_str()), SUBJECT_CHARS)
}

/// `[dyepack][TLP:AMBER+STRICT] Example Bank: encrypted alert (C-7F3K9Q2M)`: what may be read on the way.
pub(super) fn discreet_subject(facts: &CaseFacts, phrases: &Phrases) -> String {
    let (organization, case) = (one_line(&facts.organization_name, 48), word(&facts.case));
    let sentence = fill(phrases.subject.sealed, &[("org", &organization), ("case", &case)]);
    one_line(&format!("[dyepack][{}] {sentence}", facts.tlp.as_str()), SUBJECT_CHARS)
}

fn named(site: &Site, phrases: &Phrases) -> String {
    let label = site_label(site);
    match site.network {
        Network::Open => label,
        Network::Tor => fill(phrases.tor_site, &[("site", &label)]),
        Network::I2p => fill(phrases.i2p_site, &[("site", &label)]),
    }
}

pub(super) fn defanged(site: &Site, phrases: &Phrases) -> String {
    match site.network {
        Network::Open => defang(&site_label(site)),
        Network::Tor | Network::I2p => named(site, phrases),
    }
}

/// The sites of the first sentence: those that offer the records, else all.
pub(super) fn headline_sites(facts: &CaseFacts) -> Vec<&Site> {
    let offering = facts.offer.as_ref().map_or(&[][..], |offer| &offer.sites);
    let sites = facts.sites();
    if offering.is_empty() { sites } else { sites.into_iter().filter(|site| offering.contains(site)).collect() }
}

pub(super) fn name_sites(sites: &[&Site], phrases: &Phrases, name: impl Fn(&Site) -> String) -> String {
    let Some((first, others)) = sites.split_first() else { return phrases.unknown_site.to_owned() };
    let first = name(first);
    match u64::try_from(others.len()) {
        Ok(0) | Err(_) => first,
        Ok(others) => phrases.count(&phrases.and_other_sites, others, &[("site", &first)]),
    }
}

/// The button by which a case is acknowledged.
pub(super) fn seen(address: Option<&String>, telling: &Telling) -> Option<Action> {
    let address = address?;
    let (label, why) = (telling.seen.to_owned(), telling.seen_why.to_owned());
    Some(Action { label, address: Some(address.clone()), why })
}

fn notes(facts: &CaseFacts, reason: AlertReason, (phrases, telling): (&Phrases, &Telling)) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(since) = facts.unanswered_since {
        notes.push(fill(telling.unanswered, &[("time", &facts.time(since))]));
    }
    if facts.news_since.is_some() {
        let fresh = facts.entries.iter().filter(|entry| facts.is_new(entry.first_seen_at)).count();
        if fresh > 0 {
            notes.push(phrases.count(&phrases.new_entries, u64::try_from(fresh).unwrap_or(u64::MAX), &[]));
        }
        let new_sites: Vec<&Site> = facts.sites().into_iter().filter(|site| !facts.is_site_known(site)).collect();
        if !new_sites.is_empty() {
            let site = name_sites(&new_sites, phrases, |site| defanged(site, phrases));
            notes.push(fill(phrases.new_site, &[("site", &site)]));
        }
        if reason == AlertReason::FirstOffer {
            notes.push(phrases.new_offer.to_owned());
        }
    }
    let has_canaries = facts.entries.iter().any(|entry| entry.kind == EntryKind::Canary);
    if has_canaries && !facts.custodians.is_empty() {
        notes.push(phrases.planted.to_owned());
    }
    notes
}

fn rows(facts: &CaseFacts, organization: &str, phrases: &Phrases) -> Vec<(String, String)> {
    let labels = &phrases.labels;
    let price = facts.offer.as_ref().map(|offer| offer.price.as_ref().and_then(shown_price));
    let offered = match &price {
        Some(Some(price)) => fill(labels.yes_price, &[("price", price)]),
        Some(None) => labels.yes.to_owned(),
        None => labels.no.to_owned(),
    };
    let mut rows =
        vec![(labels.organization.to_owned(), organization.to_owned()), (labels.case.to_owned(), word(&facts.case))];
    rows.extend(weight::severity_row(facts, phrases));
    rows.extend([
        (labels.sharing.to_owned(), [facts.tlp.as_str(), phrases.comma, labels.sharing_rule].concat()),
        (labels.offered.to_owned(), offered),
        (labels.found.to_owned(), kinds(facts, phrases)),
    ]);
    if let Some(verdict) = &facts.verdict {
        rows.push((phrases.verdict.label.to_owned(), whose(verdict, phrases)));
    }
    rows.extend(copy::row(facts, phrases));
    rows.extend(weight::seller_row(facts, phrases));
    if let Some(first) = facts.sightings.iter().map(|sighting| sighting.first_seen_at).min() {
        rows.push((labels.first_seen.to_owned(), facts.time(first)));
    }
    rows
}

/// `consistent with your data: 9 of 10 rows tested are yours, likelihood ratio 10^8`.
fn whose(verdict: &Verdict, phrases: &Phrases) -> String {
    let texts = &phrases.verdict;
    let share = verdict.share.map_or_else(|| "?".to_owned(), |share| format!("{:.0}", share * 100.0));
    let said = match verdict.verdict {
        Ownership::Ours => texts.ours.to_owned(),
        Ownership::Mixed => fill(texts.mixed, &[("share", &share)]),
        Ownership::NotOurs => texts.not_ours.to_owned(),
        Ownership::Unknown => texts.unknown.to_owned(),
    };
    let (hit, tested) = (verdict.rows_hit.to_string(), verdict.rows_tested.to_string());
    let ratio = format!("10^{:.0}", verdict.log10_lr_ours);
    let basis = fill(texts.basis, &[("hit", &hit), ("tested", &tested), ("ratio", &ratio)]);
    [said.as_str(), phrases.colon, &basis].concat()
}

/// `card 7, phone 5`: how many entries show which field; entries that are no planted records are counted apart.
fn kinds(facts: &CaseFacts, phrases: &Phrases) -> String {
    let mut counts: Vec<(String, u64)> = Vec::new();
    let mut others = 0_u64;
    for entry in &facts.entries {
        if entry.kind != EntryKind::Canary {
            others += 1;
        }
        let mut fields: Vec<String> = entry.values.iter().map(|value| field_name(&value.field, phrases)).collect();
        fields.sort_unstable();
        fields.dedup();
        for field in fields {
            match counts.iter_mut().find(|(known, _)| *known == field) {
                Some((_, count)) => *count += 1,
                None => counts.push((field, 1)),
            }
        }
    }
    counts.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    let mut parts: Vec<String> = counts.iter().take(8).map(|(field, count)| format!("{field}\u{a0}{count}")).collect();
    if others > 0 {
        parts.push(format!("{}\u{a0}{others}", phrases.labels.other_matches));
    }
    if parts.is_empty() { facts.records().to_string() } else { parts.join(phrases.comma) }
}

fn field_name(field: &str, phrases: &Phrases) -> String {
    phrases
        .fields
        .iter()
        .find(|(key, _)| *key == field)
        .map_or_else(|| one_line(&word(field).replace('_', " "), 24), |(_, name)| (*name).to_owned())
}

fn shown_price(price: &Price) -> Option<String> {
    let currency: String = price.currency.chars().filter(char::is_ascii_alphabetic).take(5).collect();
    let is_sane = price.amount.is_finite() && (0.0..1e12).contains(&price.amount);
    let amount = format!("{:.8}", price.amount);
    let amount = amount.trim_end_matches('0').trim_end_matches('.');
    is_sane.then(|| format!("{amount} {}", currency.to_ascii_uppercase()).trim_end().to_owned())
}

fn custodians(facts: &CaseFacts, phrases: &Phrases) -> Section {
    let texts = &phrases.custodians;
    let total = facts.records();
    let mut held: Vec<_> = facts.custodians.iter().filter(|custodian| custodian.entries > 0).collect();
    held.sort_by(|a, b| b.entries.cmp(&a.entries).then_with(|| a.code.cmp(&b.code)));
    let named = |code: &str| match held.iter().find(|custodian| custodian.code == code) {
        _ if code == "OWNER" => texts.owner.to_owned(),
        Some(CustodianFact { name: Some(name), .. }) => format!("{} ({})", one_line(code, 32), one_line(name, 80)),
        Some(CustodianFact { name: None, .. }) | None => one_line(code, 32),
    };
    let shares = || {
        let mut shares: Vec<String> = held
            .iter()
            .take(CUSTODIANS_SHOWN)
            .map(|custodian| {
                let (n, total) = (custodian.entries.min(total).to_string(), total.to_string());
                fill(texts.share, &[("code", &named(&custodian.code)), ("n", &n), ("total", &total)])
            })
            .collect();
        push_more(&mut shares, held.len(), phrases);
        Block::List(shares)
    };
    // Where the copies were weighed, the fact above says which; counts alone would say less, or seem to say otherwise.
    let is_decided =
        |copy: &CopyFact| matches!(copy.verdict, attribution::Verdict::CopyNamed | attribution::Verdict::Upstream);
    let is_named = facts.copy.as_ref().is_some_and(is_decided);
    let mut blocks = match held.as_slice() {
        [_, _, ..] if is_named => vec![shares()],
        [] => vec![Block::Paragraph(texts.none.to_owned())],
        [only] if only.entries >= total => {
            vec![Block::Paragraph(phrases.count(&texts.one, total, &[("code", &named(&only.code))]))]
        }
        [only] => {
            let (n, total) = (only.entries.to_string(), total.to_string());
            let values = [("code", named(&only.code)), ("n", n), ("total", total)];
            let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
            vec![Block::Paragraph(fill(texts.part, &values))]
        }
        [first, second, ..] if first.entries >= total && second.entries < total => {
            let sentence = phrases.count(&texts.one_holds_all, total, &[("code", &named(&first.code))]);
            vec![Block::Paragraph(sentence), shares()]
        }
        [_, _, ..] => vec![Block::Paragraph(texts.several.to_owned()), shares()],
    };
    if !held.is_empty() {
        blocks.push(Block::Aside(texts.caution.to_owned()));
    }
    Section { heading: phrases.labels.copies.to_owned(), blocks }
}

fn places(facts: &CaseFacts, phrases: &Phrases) -> Section {
    let mut sightings: Vec<&Sighting> = facts.sightings.iter().collect();
    sightings.sort_by_key(|sighting| (!facts.is_new(sighting.first_seen_at), sighting.first_seen_at));
    let cards = sightings.iter().take(PLACES_SHOWN).map(|sighting| place(sighting, facts, phrases)).collect();
    let mut blocks = vec![Block::Cards(cards)];
    push_more_block(&mut blocks, sightings.len(), PLACES_SHOWN, phrases);
    Section { heading: phrases.labels.places.to_owned(), blocks }
}

fn place(sighting: &Sighting, facts: &CaseFacts, phrases: &Phrases) -> Card {
    let texts = &phrases.sightings;
    let place = match sighting.place {
        Place::Post => texts.in_post,
        Place::Attachment => texts.in_file,
    };
    let posted = sighting.posted_at.map_or_else(
        || texts.posted_unknown.to_owned(),
        |posted_at| fill(texts.posted, &[("time", &facts.time(posted_at))]),
    );
    let is_shown = sighting.site.network == Network::Open || facts.sealed_to.is_some();
    let link = sighting.link.as_ref().filter(|_| is_shown).and_then(defanged_link);
    Card {
        title: defanged(&sighting.site, phrases),
        badge: facts.is_new(sighting.first_seen_at).then(|| phrases.labels.new.to_owned()),
        lines: vec![
            [place, phrases.comma, &posted].concat(),
            fill(texts.seen, &[("time", &facts.time(sighting.first_seen_at))]),
            link.unwrap_or_else(|| texts.no_link.to_owned()),
        ],
    }
}

fn steps(facts: &CaseFacts, phrases: &Phrases) -> Section {
    let command = match &facts.page {
        Some(page) => page.to_string(),
        None => format!("dyepack case show {}", word(&facts.case)),
    };
    let steps = phrases.steps.iter().map(|step| fill(step, &[("command", &command)])).collect();
    Section { heading: phrases.labels.next.to_owned(), blocks: vec![Block::Steps(steps)] }
}

fn records(facts: &CaseFacts, phrases: &Phrases) -> Section {
    let mut entries: Vec<&EntryFact> = facts.entries.iter().collect();
    entries.sort_by(|a, b| {
        let rank = |entry: &EntryFact| (!facts.is_new(entry.first_seen_at), entry.kind);
        rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id))
    });
    let cards = entries.iter().take(ENTRIES_SHOWN).map(|entry| record(entry, facts, phrases)).collect();
    let mut blocks = vec![Block::Cards(cards)];
    push_more_block(&mut blocks, entries.len(), ENTRIES_SHOWN, phrases);
    Section { heading: phrases.labels.records.to_owned(), blocks }
}

fn record(entry: &EntryFact, facts: &CaseFacts, phrases: &Phrases) -> Card {
    let mut values = entry.values.clone();
    values.sort_unstable();
    values.dedup();
    let shown: Vec<String> = values
        .iter()
        .take(VALUES_SHOWN)
        .map(|value| format!("{} {}", field_name(&value.field, phrases), masked_value(value)))
        .collect();
    let mut lines = Vec::new();
    if !shown.is_empty() {
        lines.push(shown.join(" · "));
    }
    if !entry.holders.is_empty() {
        let codes: Vec<String> = entry.holders.iter().take(CUSTODIANS_SHOWN).map(|code| one_line(code, 32)).collect();
        lines.push(fill(phrases.labels.held_by, &[("codes", &codes.join(", "))]));
    }
    Card {
        title: one_line(&entry.id, 64),
        badge: facts.is_new(entry.first_seen_at).then(|| phrases.labels.new.to_owned()),
        lines,
    }
}

fn push_more(lines: &mut Vec<String>, all: usize, phrases: &Phrases) {
    if all > lines.len() {
        let more = (all - lines.len()).to_string();
        lines.push(fill(phrases.and_more, &[("n", &more)]));
    }
}

fn push_more_block(blocks: &mut Vec<Block>, all: usize, shown: usize, phrases: &Phrases) {
    if all > shown {
        let more = (all - shown).to_string();
        blocks.push(Block::Aside(fill(phrases.and_more, &[("n", &more)])));
    }
}
