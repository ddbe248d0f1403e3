//! Several cases in one mail: what is not grave enough to be told by itself, or came in too great a number.

use super::clean::{one_line, word};
use super::facts::{CaseFacts, CustodianFact};
use super::letter::{Block, Card, Letter, SUBJECT_CHARS, Section, defanged, headline_sites, name_sites, seen};
use super::phrases::{Phrases, Telling, fill};
use crate::domain::severity::Severity;

/// Most copies that are named of a case.
const CODES_SHOWN: usize = 8;

/// Lays out the mail about several cases, the gravest first; there is at least one.
pub(super) fn letter(cases: &[CaseFacts], (phrases, telling): (&Phrases, &Telling)) -> Option<Letter> {
    let mut cases: Vec<&CaseFacts> = cases.iter().collect();
    cases.sort_by_key(|facts| std::cmp::Reverse(severity(facts)));
    let first = cases.first()?;
    let texts = &telling.digest;
    let organization = one_line(&first.organization_name, 80);
    let number = u64::try_from(cases.len()).unwrap_or(u64::MAX);
    let sentence = phrases.count(&texts.subject, number, &[("org", &one_line(&first.organization_name, 48))]);
    let cards = cases.iter().map(|facts| card(facts, (phrases, telling))).collect();
    Some(Letter {
        language_tag: phrases.tag,
        colon: phrases.colon,
        subject: one_line(&format!("[dyepack][{}] {sentence}", first.tlp.as_str()), SUBJECT_CHARS),
        badges: vec![first.tlp.as_str().to_owned()],
        title: texts.title.to_owned(),
        lead: phrases.count(&texts.lead, number, &[("org", &organization)]),
        notes: vec![texts.why.to_owned()],
        action: seen(first.acknowledge.as_ref(), telling),
        facts: vec![
            (phrases.labels.organization.to_owned(), organization),
            (
                phrases.labels.sharing.to_owned(),
                [first.tlp.as_str(), phrases.comma, phrases.labels.sharing_rule].concat(),
            ),
        ],
        sections: vec![
            Section { heading: texts.cases.to_owned(), blocks: vec![Block::Cards(cards)] },
            Section {
                heading: phrases.labels.next.to_owned(),
                blocks: vec![Block::Steps(texts.steps.iter().map(|step| (*step).to_owned()).collect())],
            },
        ],
        footer: phrases.footer.to_owned(),
    })
}

/// What of an encrypted one may be read on the way.
pub(super) fn discreet_subject(facts: &CaseFacts, telling: &Telling) -> String {
    let sentence = fill(telling.digest.sealed, &[("org", &one_line(&facts.organization_name, 48))]);
    one_line(&format!("[dyepack][{}] {sentence}", facts.tlp.as_str()), SUBJECT_CHARS)
}

fn severity(facts: &CaseFacts) -> Severity {
    facts.severity.as_ref().map_or(Severity::Low, |assessment| assessment.severity)
}

fn card(facts: &CaseFacts, (phrases, telling): (&Phrases, &Telling)) -> Card {
    let organization = one_line(&facts.organization_name, 80);
    let site = name_sites(&headline_sites(facts), phrases, |site| defanged(site, phrases));
    let lead = if facts.offer.is_some() { &phrases.lead_offer } else { &phrases.lead_found };
    let mut lines = vec![phrases.count(lead, facts.records(), &[("org", &organization), ("site", &site)])];
    let mut held: Vec<&CustodianFact> = facts.custodians.iter().filter(|one| one.entries > 0).collect();
    held.sort_by(|one, other| other.entries.cmp(&one.entries).then_with(|| one.code.cmp(&other.code)));
    let codes: Vec<String> = held.into_iter().take(CODES_SHOWN).map(|one| one_line(&one.code, 32)).collect();
    if !codes.is_empty() {
        lines.push(fill(telling.digest.copies, &[("codes", &codes.join(", "))]));
    }
    if let Some(first) = facts.sightings.iter().map(|sighting| sighting.first_seen_at).min() {
        lines.push([phrases.labels.first_seen, phrases.colon, &facts.time(first)].concat());
    }
    let level = match severity(facts) {
        Severity::Low => phrases.weight.levels[0],
        Severity::Medium => phrases.weight.levels[1],
        Severity::High => phrases.weight.levels[2],
        Severity::Critical => phrases.weight.levels[3],
    };
    Card { title: word(&facts.case), badge: Some(level.to_owned()), lines }
}
