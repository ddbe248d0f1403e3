//! Why a post was judged as it was: the phrases and traits that weighed most, in words for people.
//!
//! Only phrases of the vocabulary are shown, never free text of the post: cues may be stored and mailed.

use super::features::{Features, Meaning, NAMED, meaning};
use super::model::{ACTS, Model};
use super::post::{Part, Post};
use super::vocabulary::{Concept, Mention};
use super::{Found, Place};

/// How many cues are kept.
const KEPT: usize = 6;
/// What weighs no more did not decide.
const WEIGHS: f32 = 0.05;

/// Lists what decided, in words, and the phrases among it with their places: for an offer what spoke for it, otherwise what
/// spoke against it.
pub(super) fn cues(
    model: &Model,
    features: &Features,
    probabilities: &[f32; ACTS],
    post: &Post<'_>,
) -> (Vec<String>, Vec<Found<String>>) {
    let sale = probabilities.first().copied().unwrap_or_default();
    let sign = if sale >= 0.5 { 1.0 } else { -1.0 };
    // Against an offer speaks what speaks for its rivals, each as far as it is likely.
    let rest = (1.0 - sale).max(1e-6);
    let mut of_concept = [0.0_f32; Concept::ALL.len()];
    let mut of_setting = of_concept;
    let mut shapes: Vec<(f32, &'static str)> = Vec::new();
    // What has no name explains nothing.
    for (feature, value) in features.active.iter().filter(|(feature, _)| (*feature as usize) < NAMED) {
        let Some(weights) = model.weights.get(*feature as usize) else { continue };
        let rivals: f32 = weights.iter().zip(probabilities).skip(1).map(|(weight, share)| weight * share / rest).sum();
        let weight = (weights.first().copied().unwrap_or_default() - rivals) * value * sign;
        match meaning(*feature as usize) {
            Some(Meaning::Said(concept)) => credit(&mut of_concept, concept, weight),
            Some(Meaning::Pair(act, thing)) => {
                let both = [act, thing];
                #[expect(clippy::cast_precision_loss, reason = "one or two")]
                let share = weight / both.iter().flatten().count().max(1) as f32;
                both.into_iter().flatten().for_each(|concept| credit(&mut of_concept, concept, share));
            }
            Some(Meaning::Setting(concept)) => credit(&mut of_setting, concept, weight),
            Some(Meaning::Shape(label)) => shapes.push((weight, label)),
            None => {}
        }
    }
    let mut reasons: Vec<(f32, Reason<'_, '_>)> =
        shapes.into_iter().map(|(weight, label)| (weight, Reason::Shape(label))).collect();
    for (parts, weights) in [(&post.parts()[..], of_concept), (&post.setting.each_ref()[..], of_setting)] {
        let weighed = Concept::ALL.into_iter().zip(weights).filter(|(_, weight)| *weight > WEIGHS);
        reasons.extend(weighed.filter_map(|(concept, weight)| {
            let said = parts.iter().find_map(|part| Some((*part, part.first(concept)?)))?;
            Some((weight, Reason::Said(said.0, said.1)))
        }));
    }
    reasons.retain(|(weight, _)| *weight > WEIGHS);
    reasons.sort_by(|left, right| right.0.total_cmp(&left.0));
    reasons.truncate(KEPT);
    let words = reasons.iter().map(|(_, reason)| reason.words()).collect();
    (words, reasons.iter().filter_map(|(_, reason)| reason.phrase()).collect())
}

/// Something that decided.
enum Reason<'p, 'a> {
    Shape(&'static str),
    Said(&'p Part<'a>, &'p Mention),
}

impl Reason<'_, '_> {
    /// `offers for sale: “selling”`; where it is neither title nor text that says it, with its place.
    fn words(&self) -> String {
        match self {
            Self::Shape(label) => (*label).to_owned(),
            Self::Said(part, mention) => {
                let written = part.words.source(mention.start, mention.end).trim();
                let label = mention.concept.label();
                match part.place() {
                    Place::Title | Place::Text => format!("{label}: “{written}”"),
                    Place::Tags | Place::Board | Place::Page => {
                        format!("{label} ({}): “{written}”", part.place().as_str())
                    }
                }
            }
        }
    }

    /// What a phrase says, and where.
    fn phrase(&self) -> Option<Found<String>> {
        match self {
            Self::Shape(_) => None,
            Self::Said(part, mention) => {
                Some(Found { value: mention.concept.label().to_owned(), at: part.source(mention.start, mention.end) })
            }
        }
    }
}

fn credit(of_concept: &mut [f32; Concept::ALL.len()], concept: Concept, weight: f32) {
    if let Some(sum) = of_concept.get_mut(concept as usize) {
        *sum += weight;
    }
}
