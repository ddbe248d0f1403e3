//! How probable each coalition of copies is, next to the organization's own copy and foreign data.
//!
//! All evidence counts here, also what no secret choice stands behind; so a posterior never accuses (`evalue` does).
//! Every single copy and every pair is weighed; triples extend the best pairs. A triple is missed only if none of its
//! pairs is among the best. Beyond 200 custodians, pairs are those of the best 200 alone.

use super::evidence::{Counts, Evidence, ItemKind, Outcome};
use super::likelihood::{self, Noise};
use super::numeric::{count, log_sum_exp};
use super::overlaps::Overlaps;
use super::strategy::{Play, plays};

/// Pairs that are extended to triples.
const EXTENDED_PAIRS: usize = 64;
const PAIRED_CUSTODIANS: usize = 200;
/// Shares of coalitions of one, two and three copies.
const SHARE_OF_SIZE: [f64; 3] = [0.85, 0.10, 0.05];
/// Rates of publication times finding that the likelihood of a batch is averaged over.
const RATES: [f64; 16] = [0.98, 0.95, 0.9, 0.8, 0.65, 0.5, 0.35, 0.2, 0.1, 0.05, 0.02, 0.01, 3e-3, 1e-3, 1e-4, 1e-5];

/// What was thought before any evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// Weight of each custodian.
    pub custodians: Vec<f64>,
    /// Probability that the organization's own copy leaked, or one upstream of all.
    pub owner: f64,
    /// Probability that the rows are not ours.
    pub other: f64,
}

impl Prior {
    /// Weighs custodians alike; OWNER and OTHER get 5 % each.
    pub fn even(custodians: usize) -> Self {
        Self { custodians: vec![1.0; custodians], owner: 0.05, other: 0.05 }
    }
}

/// Where the rows may come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// These custodians' copies, one to three.
    Copies(Vec<usize>),
    /// The organization's own copy, which holds everything, or one upstream of all.
    Owner,
    /// Foreign data.
    Other,
}

/// Probabilities that sum to one over the origins that were weighed.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// Origins, the most probable first.
    pub origins: Vec<(Origin, f64)>,
    /// For each custodian, the probability that its copy is among the sources.
    pub marginals: Vec<f64>,
    /// ln of how much likelier the findings are if the rows are ours than if they are foreign.
    pub ln_ours: f64,
}

impl Posterior {
    /// Weighs origins. `ln_other` is ln of the likelihood of the findings in foreign data.
    pub fn of(evidence: &Evidence, prior: &Prior, ln_other: f64) -> Self {
        let model = Weigher::new(evidence, prior);
        let mut weighed = model.copies();
        let ours_before = (1.0 - prior.owner - prior.other).max(1e-9);
        for (_, weight) in &mut weighed {
            *weight += ours_before.ln();
        }
        weighed.push((Origin::Owner, prior.owner.ln() + model.ln_owner()));
        let ours: Vec<f64> = weighed.iter().map(|(_, weight)| *weight).collect();
        let ln_ours = log_sum_exp(&ours) - (1.0 - prior.other).ln() - ln_other;
        weighed.push((Origin::Other, prior.other.ln() + ln_other));
        let total = log_sum_exp(&weighed.iter().map(|(_, weight)| *weight).collect::<Vec<_>>());
        let mut origins: Vec<(Origin, f64)> =
            weighed.into_iter().map(|(origin, weight)| (origin, (weight - total).exp())).collect();
        origins.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let mut marginals = vec![0.0; evidence.custodians()];
        for (origin, probability) in &origins {
            if let Origin::Copies(set) = origin {
                for member in set {
                    marginals[*member] += probability;
                }
            }
        }
        Self { origins, marginals, ln_ours }
    }

    /// Returns the probability of an origin, 0 if it was not weighed.
    pub fn probability(&self, origin: &Origin) -> f64 {
        self.origins.iter().find(|(known, _)| known == origin).map_or(0.0, |(_, probability)| *probability)
    }
}

struct Weigher<'a> {
    evidence: &'a Evidence,
    levels: &'static [Noise],
    /// Prior weight of each custodian.
    weights: &'a [f64],
    /// ln of the sums over all sets of one, two and three custodians of the product of their weights.
    ln_all: [f64; 3],
    plays: [Vec<Known>; 3],
}

/// A play with the logarithms it needs.
struct Known {
    play: Play,
    /// For each rate and k: (seen, not seen).
    ln_canary: Vec<[(f64, f64); 4]>,
}

impl<'a> Weigher<'a> {
    fn new(evidence: &'a Evidence, prior: &'a Prior) -> Self {
        let weights = &prior.custodians;
        let power = |exponent: i32| weights.iter().map(|weight| weight.powi(exponent)).sum::<f64>();
        let (one, two, three) = (power(1), power(2), power(3));
        let sums = [one, (one * one - two) / 2.0, (one.powi(3) - 3.0 * one * two + 2.0 * three) / 6.0];
        let known = |size: usize| plays(size).into_iter().map(Known::new).collect::<Vec<_>>();
        Self {
            evidence,
            levels: likelihood::levels(evidence),
            weights,
            ln_all: sums.map(|sum| sum.max(1e-300).ln()),
            plays: [known(1), known(2), known(3)],
        }
    }

    /// Weighs sets of copies, prior included.
    fn copies(&self) -> Vec<(Origin, f64)> {
        let custodians = self.evidence.custodians();
        let mut overlaps = Overlaps::new(self.evidence);
        let mut singles: Vec<(Vec<usize>, f64)> =
            (0..custodians).map(|one| self.weighed(vec![one], &mut overlaps)).collect();
        let mut ranking = singles.clone();
        best_first(&mut ranking);
        let mut paired: Vec<usize> = ranking.iter().take(PAIRED_CUSTODIANS).map(|(set, _)| set[0]).collect();
        paired.sort_unstable();
        let mut pairs: Vec<(Vec<usize>, f64)> = Vec::new();
        for (at, one) in paired.iter().enumerate() {
            let with = paired.iter().skip(at + 1).map(|other| vec![*one, *other]);
            pairs.extend(with.map(|pair| self.weighed(pair, &mut overlaps)));
        }
        best_first(&mut pairs);
        let mut triples: Vec<Vec<usize>> = Vec::new();
        for (pair, _) in pairs.iter().take(EXTENDED_PAIRS) {
            for third in (0..custodians).filter(|third| !pair.contains(third)) {
                let mut triple = vec![pair[0], pair[1], third];
                triple.sort_unstable();
                triples.push(triple);
            }
        }
        triples.sort_unstable();
        triples.dedup();
        singles.extend(pairs);
        singles.extend(triples.into_iter().map(|triple| self.weighed(triple, &mut overlaps)));
        singles.into_iter().map(|(set, weight)| (Origin::Copies(set), weight)).collect()
    }

    fn weighed(&self, set: Vec<usize>, overlaps: &mut Overlaps<'_>) -> (Vec<usize>, f64) {
        let at = set.len() - 1;
        let ln_prior: f64 = set.iter().map(|member| self.weights.get(*member).copied().unwrap_or_default().ln()).sum();
        let ln_prior = SHARE_OF_SIZE[at].ln() + ln_prior - self.ln_all[at];
        let ln_likelihood = self.ln_likelihood(&overlaps.counts(&set), &set);
        (set, ln_prior + ln_likelihood)
    }

    /// The organization's own copy holds every item; of renderings it is not known which it holds.
    fn ln_owner(&self) -> f64 {
        let counts: Vec<Counts> = self.evidence.cells().iter().map(|cell| [0, cell.items, 0, 0, 0]).collect();
        self.ln_likelihood(&counts, &[])
    }

    /// Returns ln P(outcomes | set); an empty set stands for the organization's own copy.
    fn ln_likelihood(&self, counts: &[Counts], set: &[usize]) -> f64 {
        let size = set.len().max(1);
        let mut terms = Vec::new();
        for known in &self.plays[size - 1] {
            let canaries = self.ln_canaries(counts, known);
            for noise in self.levels {
                let rows = self.ln_rows(counts, (&known.play, *noise), set);
                terms.push(known.play.ln_share + noise.ln_share(self.levels.len()) + canaries + rows);
            }
        }
        log_sum_exp(&terms)
    }

    /// Canaries of one batch share a rate, which is averaged out.
    fn ln_canaries(&self, counts: &[Counts], known: &Known) -> f64 {
        let mut batches = vec![([0_usize; 4], [0_usize; 4]); self.evidence.batches()];
        for (cell, counts) in self.evidence.cells().iter().zip(counts) {
            let class = self.evidence.class_of(cell);
            if matches!(class.kind, ItemKind::Canary) {
                let batch = &mut batches[class.batch];
                let sums = match cell.outcome {
                    Outcome::Seen => &mut batch.0,
                    Outcome::Unseen => &mut batch.1,
                };
                sums.iter_mut().zip(counts).for_each(|(sum, items)| *sum += items);
            }
        }
        let of_batch = |(seen, unseen): &([usize; 4], [usize; 4])| {
            let each: Vec<f64> = known
                .ln_canary
                .iter()
                .map(|of_k| (0..4).map(|k| count(seen[k]) * of_k[k].0 + count(unseen[k]) * of_k[k].1).sum())
                .collect();
            log_sum_exp(&each) - count(RATES.len()).ln()
        };
        batches.iter().map(of_batch).sum()
    }

    fn ln_rows(&self, counts: &[Counts], (play, noise): (&Play, Noise), set: &[usize]) -> f64 {
        let mut sum = 0.0;
        for (cell, counts) in self.evidence.cells().iter().zip(counts) {
            let class = self.evidence.class_of(cell);
            let is_row = !matches!(class.kind, ItemKind::Canary) && likelihood::counts(cell, class);
            if !is_row {
                continue;
            }
            let is_variant = matches!(class.kind, ItemKind::Variant);
            if set.is_empty() || (is_variant && set.iter().any(|member| class.p[*member] <= 0.0)) {
                // A record of ours is as likely as any other; a rendering was drawn for nobody, or not for this copy.
                let even = if is_variant { 0.5_f64 } else { 1.0 };
                sum += count(cell.items) * even.ln();
                continue;
            }
            let usual = usual(play, set.iter().map(|member| class.p[*member]));
            for (k, items) in counts.iter().enumerate().filter(|(_, items)| **items > 0) {
                sum += count(*items) * likelihood::of(cell, class, (1.0, noise), (play.theta_of(k), usual)).ln();
            }
        }
        sum
    }
}

impl Known {
    fn new(play: Play) -> Self {
        let ln_canary = RATES.iter().map(|rate| {
            [0, 1, 2, 3].map(|k| {
                let seen = likelihood::canary_seen(*rate, play.theta_of(k));
                (seen.ln(), (1.0 - seen).ln())
            })
        });
        Self { ln_canary: ln_canary.collect(), play }
    }
}

/// Returns `E θ(K)` where each member holds an item with its own probability.
fn usual(play: &Play, chances: impl Iterator<Item = f64>) -> f64 {
    let mut mass = [1.0, 0.0, 0.0, 0.0];
    for p in chances {
        for k in (0..4).rev() {
            let below = if k == 0 { 0.0 } else { mass[k - 1] };
            mass[k] = mass[k] * (1.0 - p) + below * p;
        }
    }
    mass.iter().enumerate().map(|(k, mass)| mass * play.theta_of(k)).sum()
}

fn best_first(sets: &mut [(Vec<usize>, f64)]) {
    sets.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
}

#[cfg(test)]
mod tests {
    use super::super::evalue::tests::Dice;
    use super::*;
    use crate::domain::attribution::{Class, Draw, Strategy};

    const CUSTODIANS: usize = 15;

    /// Shared and unique canaries, as the first `leakers` publish them; none for OWNER's own copy.
    fn leak(dice: &mut Dice, leakers: &[usize], rate: f64) -> Evidence {
        let mut evidence = Evidence::new(CUSTODIANS);
        let class =
            |draw| Class { kind: ItemKind::Canary, draw, batch: 0, p: vec![0.6; CUSTODIANS], by_rule: Vec::new() };
        let (shared, unique) = (evidence.class(class(Draw::Random)), evidence.class(class(Draw::Rule)));
        for item in 0..300 + CUSTODIANS * 10 {
            let is_shared = item < 300;
            let holders: Vec<usize> = if is_shared {
                (0..CUSTODIANS).filter(|_| dice.chance(0.6)).collect()
            } else {
                vec![item % CUSTODIANS]
            };
            let held = leakers.iter().filter(|leaker| holders.contains(leaker)).count();
            let theta = if leakers.is_empty() { 1.0 } else { Strategy::One.published(held, leakers.len()) };
            let outcome = if dice.chance(rate * theta) { Outcome::Seen } else { Outcome::Unseen };
            evidence.push(if is_shared { shared } else { unique }, &holders, outcome);
        }
        evidence
    }

    #[test]
    fn the_true_origin_is_the_most_probable() {
        let prior = Prior::even(CUSTODIANS);
        for leakers in [vec![3], vec![2, 9], vec![0, 7, 14], vec![]] {
            let posterior = Posterior::of(&leak(&mut Dice(3), &leakers, 0.9), &prior, -5000.0);
            let expected = if leakers.is_empty() { Origin::Owner } else { Origin::Copies(leakers.clone()) };
            assert_eq!(posterior.origins[0].0, expected);
            assert!(posterior.origins[0].1 > 0.99 && posterior.ln_ours > 1000.0, "{leakers:?}");
            let sum: f64 = posterior.origins.iter().map(|(_, probability)| probability).sum();
            assert!((sum - 1.0).abs() < 1e-9);
            assert!(leakers.iter().all(|leaker| posterior.marginals[*leaker] > 0.99));
        }
    }

    #[test]
    fn without_evidence_the_posterior_is_the_prior() {
        let prior = Prior { custodians: vec![3.0, 1.0, 1.0], owner: 0.1, other: 0.2 };
        let posterior = Posterior::of(&Evidence::new(3), &prior, 0.0);
        assert!((posterior.probability(&Origin::Owner) - 0.1).abs() < 1e-9);
        assert!((posterior.probability(&Origin::Other) - 0.2).abs() < 1e-9);
        assert!((posterior.probability(&Origin::Copies(vec![0])) - 0.7 * 0.85 * 0.6).abs() < 1e-9);
        assert!(posterior.ln_ours.abs() < 1e-9);
    }

    #[test]
    fn records_of_known_delivery_point_at_the_copy_they_came_from() {
        let mut evidence = Evidence::new(CUSTODIANS);
        let p = vec![0.5; CUSTODIANS];
        let class =
            evidence.class(Class { kind: ItemKind::Record, draw: Draw::Rule, batch: 0, p, by_rule: Vec::new() });
        let mut dice = Dice(9);
        for _ in 0..60 {
            let is_junk = dice.chance(0.2);
            let holders: Vec<usize> =
                (0..CUSTODIANS).filter(|holder| dice.chance(0.5) || (*holder == 4 && !is_junk)).collect();
            evidence.push(class, &holders, Outcome::Seen);
        }
        let posterior = Posterior::of(&evidence, &Prior::even(CUSTODIANS), -100.0);
        assert!(posterior.marginals[4] > 0.9, "{:?}", posterior.marginals);
    }
}
