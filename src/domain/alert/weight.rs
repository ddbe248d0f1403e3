//! What a mail says of how grave a case is, and of what its seller offered before.
//!
//! Not here: the rules (`severity`), who the seller's marks are kept from (`ports::store`).

use jiff::Timestamp;

use super::clean::{one_line, word};
use super::facts::{CaseFacts, SellerFact, SoldBefore};
use super::letter::defanged;
use super::phrases::{Phrases, fill};
use crate::domain::matcher::Ownership;
use crate::domain::severity::{Assessment, Severity};

/// Most sites of a seller that are named.
const SITES_SHOWN: usize = 4;

/// The line of the fact table about the severity and its reasons.
pub(super) fn severity_row(facts: &CaseFacts, phrases: &Phrases) -> Option<(String, String)> {
    let assessment = facts.severity.as_ref()?;
    Some((phrases.weight.severity.to_owned(), severity(assessment, phrases)))
}

/// The line about the seller, where other offers of his are known.
pub(super) fn seller_row(facts: &CaseFacts, phrases: &Phrases) -> Option<(String, String)> {
    let seller = facts.seller.as_ref().filter(|seller| !seller.before.is_empty())?;
    Some((phrases.weight.seller.to_owned(), seller_line(seller, phrases)))
}

/// `critical: offered for sale, said to be new, 120000 rows claimed (rule large-offer)`.
fn severity(assessment: &Assessment, phrases: &Phrases) -> String {
    let texts = &phrases.weight;
    let facts = &assessment.facts;
    let level = match assessment.severity {
        Severity::Low => texts.levels[0],
        Severity::Medium => texts.levels[1],
        Severity::High => texts.levels[2],
        Severity::Critical => texts.levels[3],
    };
    let verdict = match facts.verdict {
        Ownership::Ours => Some(texts.ours),
        Ownership::NotOurs => Some(texts.not_ours),
        Ownership::Mixed => Some(texts.mixed),
        Ownership::Unknown => None,
    };
    let said = [(facts.offer, texts.offered), (facts.exclusive, texts.exclusive), (facts.fresh, texts.fresh)];
    let mut reasons: Vec<String> =
        said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, reason)| reason.to_owned()).collect();
    if facts.volume > 0 {
        reasons.push(fill(texts.volume, &[("n", &facts.volume.to_string())]));
    }
    reasons.push(fill(texts.entries, &[("n", &facts.entries.to_string())]));
    reasons.extend(verdict.map(str::to_owned));
    let rule = word(&assessment.rule);
    let (reasons, rule) = (reasons.join(phrases.comma), if rule.is_empty() { "-".to_owned() } else { rule });
    fill(texts.because, &[("level", level), ("reasons", &reasons), ("rule", &rule)])
}

/// `seen before on forum[.]example: 3 offers (database 2, cards 1), 2026-01-02 to 2026-03-04; …; also in your cases C-…`.
fn seller_line(seller: &SellerFact, phrases: &Phrases) -> String {
    let texts = &phrases.weight;
    let mut parts: Vec<String> =
        seller.before.iter().take(SITES_SHOWN).map(|before| sold_before(before, phrases)).collect();
    if seller.before.len() > SITES_SHOWN {
        parts.push(fill(phrases.and_more, &[("n", &(seller.before.len() - SITES_SHOWN).to_string())]));
    }
    if !seller.own_cases.is_empty() {
        let cases: Vec<String> = seller.own_cases.iter().take(8).map(|case| word(case)).collect();
        parts.push(fill(texts.own_cases, &[("cases", &cases.join(", "))]));
    }
    let marks: Vec<String> =
        seller.marks.iter().take(4).map(|(kind, short)| one_line(&format!("{} {short}", word(kind)), 32)).collect();
    if !marks.is_empty() {
        parts.push(fill(texts.known_by, &[("marks", &marks.join(", "))]));
    }
    parts.join("; ")
}

fn sold_before(before: &SoldBefore, phrases: &Phrases) -> String {
    let goods: Vec<String> = before
        .goods
        .iter()
        .take(4)
        .map(|(goods, count)| format!("{} {count}", word(goods).replace('_', " ")))
        .collect();
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    fill(
        phrases.weight.before,
        &[
            ("site", &defanged(&before.site, phrases)),
            ("n", &before.listings.to_string()),
            ("goods", &goods.join(", ")),
            ("first", &day(before.first_at)),
            ("last", &day(before.last_at)),
        ],
    )
}
