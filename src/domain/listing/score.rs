//! A first scoring by hand: which concepts speak for an offer of data, and how much.

use super::fold::Folded;
use super::layout::{self, LineKind};
use super::vocabulary::{Concept, mentions};

/// Log-odds of a concept in the title and in the text.
const fn weights(concept: Concept) -> (f64, f64) {
    match concept {
        Concept::Sell => (2.6, 2.0),
        Concept::Database | Concept::Credentials | Concept::Cards | Concept::Identity | Concept::Leads => (1.6, 0.8),
        Concept::Lookup | Concept::Corporate => (1.2, 0.5),
        Concept::Price | Concept::Escrow | Concept::Exclusive => (0.8, 0.8),
        Concept::Fresh | Concept::Sample | Concept::Contact | Concept::Terms => (0.4, 0.4),
        Concept::Field => (0.3, 0.4),
        Concept::Sector => (0.2, 0.1),
        Concept::Buy => (-4.0, -1.2),
        Concept::Free => (-4.0, -1.0),
        Concept::Negated => (-5.0, -4.0),
        Concept::News => (-2.0, -1.0),
        Concept::Ransom | Concept::Teach => (-2.5, -1.2),
        Concept::Ask => (-1.8, -0.8),
        Concept::Talk => (-1.0, -0.8),
        Concept::Rules => (-2.5, -1.0),
        Concept::Joke | Concept::Warn => (-1.5, -1.0),
        Concept::Closed => (-0.4, -0.2),
        Concept::Access | Concept::Accounts => (-0.8, -0.4),
        Concept::Tool | Concept::Service | Concept::Goods | Concept::Exchange | Concept::Links => (-1.6, -0.7),
    }
}

/// Scores a post: probability, and the phrases that decided, weightiest first.
pub(super) fn score(title: &Folded<'_>, text: &Folded<'_>) -> (f64, Vec<String>) {
    let mut odds = -2.2;
    let mut reasons: Vec<(f64, String)> = Vec::new();
    for (folded, in_title) in [(title.unmasked(), true), (text.unmasked(), false)] {
        let lines = layout::lines(&folded.text);
        let mut counted: Vec<(Concept, u32)> = Vec::new();
        for mention in mentions(&folded.text) {
            if layout::kind_at(&lines, mention.start) != LineKind::Prose {
                continue;
            }
            let (high, low) = weights(mention.concept);
            let known = counted.iter().filter(|(concept, _)| *concept == mention.concept).count();
            if known >= 3 || counted.contains(&(mention.concept, mention.phrase)) {
                continue;
            }
            counted.push((mention.concept, mention.phrase));
            let weight = if in_title { high } else { low } / f64::from(u32::try_from(known + 1).unwrap_or(1));
            odds += weight;
            let phrase = folded.source(mention.start, mention.end);
            reasons.push((weight, format!("{} “{phrase}”", mention.concept.label())));
        }
    }
    let sale = 1.0 / (1.0 + (-odds).exp());
    let sign = if sale >= 0.5 { 1.0 } else { -1.0 };
    reasons.sort_by(|left, right| (right.0 * sign).total_cmp(&(left.0 * sign)));
    let mut cues: Vec<String> = Vec::new();
    for (weight, reason) in reasons {
        if weight * sign > 0.0 && !cues.contains(&reason) {
            cues.push(reason);
        }
    }
    cues.truncate(6);
    (sale, cues)
}
