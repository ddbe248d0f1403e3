//! Why a post was judged as it was: the phrases and traits that weighed most, in words for people.
//!
//! Only phrases of the vocabulary are shown, never free text of the post: cues may be stored and mailed.

use super::features::{Features, Meaning, meaning};
use super::model::{ACTS, Model};
use super::post::{Part, Post};
use super::vocabulary::Concept;
use super::{Found, Place, Source};

/// How many cues are kept.
const KEPT: usize = 6;

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
    for (feature, value) in &features.active {
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
    let mut reasons: Vec<(f32, String, Option<Found<String>>)> =
        shapes.into_iter().map(|(weight, label)| (weight, label.to_owned(), None)).collect();
    for (parts, weights) in [(&post.parts()[..], of_concept), (&post.setting.each_ref()[..], of_setting)] {
        reasons.extend(Concept::ALL.into_iter().zip(weights).filter_map(|(concept, weight)| {
            let (words, at) = phrase(parts, concept)?;
            Some((weight, words, Some(Found { value: concept.label().to_owned(), at })))
        }));
    }
    reasons.retain(|(weight, ..)| *weight > 0.05);
    reasons.sort_by(|left, right| right.0.total_cmp(&left.0));
    let (words, phrases): (Vec<_>, Vec<_>) =
        reasons.into_iter().take(KEPT).map(|(_, words, phrase)| (words, phrase)).unzip();
    (words, phrases.into_iter().flatten().collect())
}

fn credit(of_concept: &mut [f32; Concept::ALL.len()], concept: Concept, weight: f32) {
    if let Some(sum) = of_concept.get_mut(concept as usize) {
        *sum += weight;
    }
}

/// `offers for sale: “selling”`; where it is neither title nor text that says it, with its place.
fn phrase(parts: &[&Part<'_>], concept: Concept) -> Option<(String, Source)> {
    let (part, mention) = parts.iter().find_map(|part| Some((part, part.first(concept)?)))?;
    let written = part.words.source(mention.start, mention.end).trim();
    let words = match part.place() {
        Place::Title | Place::Text => format!("{}: “{written}”", concept.label()),
        Place::Tags | Place::Board | Place::Page => {
            format!("{} ({}): “{written}”", concept.label(), part.place().as_str())
        }
    };
    Some((words, part.source(mention.start, mention.end)))
}
