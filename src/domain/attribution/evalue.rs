//! Evidence against one custodian with a proven bound: e-values.
//!
//! Who holds an item of a [`Draw::Random`] class was decided by a secret random choice. For a custodian whose copy did not
//! leak, the choice is independent of everything that was published and of what the others hold. So any product of factors
//! ρ(x), one an item, with `p·ρ(1) + (1 − p)·ρ(0) = 1`, has mean 1, and by Markov's inequality it reaches n/ε with
//! probability ε/n at most, whatever the thief did. The factors may depend on the outcomes and on the other custodians'
//! holdings, never on the custodian's own. Two such products are averaged:
//! - **alone**: the others' holdings are averaged out, over coalition sizes and strategies;
//! - **with partners**: the holdings of up to three likely partners are used as they are. Sets of partners are weighted by
//!   how well they explain the outcomes with the custodian's own holdings averaged out. Against coalitions this is much
//!   stronger (the joint decoder of fingerprinting codes).
//!
//! Not here: unique canaries (`chance`), the posterior.

use super::evidence::{Class, Draw, Evidence};
use super::likelihood::{self, Noise};
use super::numeric::{count, log_mean, log_sum_exp};
use super::partners::Partners;
use super::strategy::{LARGEST_COALITION, Play, ln_share_of_size, plays};

/// Tells whether a class may accuse.
pub(super) const fn accuses(class: &Class) -> bool {
    match class.draw {
        Draw::Random => true,
        Draw::Rule => false,
    }
}

/// Returns `ln E_j` for each custodian: the mean of `E_j` over an innocent custodian's random holdings is at most 1.
///
/// Takes time proportional to custodians × items / 64, times the sets of partners that matter (129 at most).
pub fn ln_e_values(evidence: &Evidence) -> Vec<f64> {
    let cells = Cells::of(evidence);
    let groups = Group::all(evidence, &cells.all);
    let alone = alone(evidence, &cells.all, &groups);
    let with_partners = Partners::new(evidence, &cells, &alone).ln_e_values(&groups);
    let both = alone.iter().zip(&with_partners);
    both.map(|(alone, partners)| partners.map_or(*alone, |partners| log_mean(*alone, partners))).collect()
}

/// The cells that may accuse and tell something, by their numbers.
pub(super) struct Cells {
    /// Canaries first: what they tell does not depend on the noise.
    pub(super) all: Vec<usize>,
    /// How many of them are of canaries.
    pub(super) canaries: usize,
}

impl Cells {
    fn of(evidence: &Evidence) -> Self {
        let told = |at: &usize| {
            let cell = &evidence.cells()[*at];
            let class = evidence.class_of(cell);
            accuses(class) && likelihood::counts(cell, class)
        };
        let is_canary = |at: &usize| likelihood::is_canary(evidence.class_of(&evidence.cells()[*at]));
        let (mut all, rows): (Vec<usize>, Vec<usize>) = (0..evidence.cells().len()).filter(told).partition(is_canary);
        let canaries = all.len();
        all.extend(rows);
        Self { all, canaries }
    }
}

/// Custodians that were given items with the same probabilities: what is averaged out is the same for them.
pub(super) struct Group {
    /// For each cell, that probability.
    pub(super) p: Vec<f64>,
    pub(super) members: Vec<usize>,
}

impl Group {
    fn all(evidence: &Evidence, cells: &[usize]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for custodian in 0..evidence.custodians() {
            let drawn = cells.iter().map(|at| evidence.class_of(&evidence.cells()[*at]).drawn(custodian));
            let p: Vec<f64> = drawn.collect();
            match groups.iter_mut().find(|known| known.p == p) {
                Some(known) => known.members.push(custodian),
                None => groups.push(Self { p, members: vec![custodian] }),
            }
        }
        groups
    }
}

/// Returns, for each custodian, the mean over sizes and strategies of the product with the others averaged out.
fn alone(evidence: &Evidence, cells: &[usize], groups: &[Group]) -> Vec<f64> {
    let held: Vec<Vec<f64>> = (0..evidence.custodians())
        .map(|custodian| evidence.held_by(custodian, cells).into_iter().map(count).collect())
        .collect();
    let levels = likelihood::levels(evidence);
    let mut terms = vec![Vec::new(); evidence.custodians()];
    for play in (1..=LARGEST_COALITION).flat_map(plays) {
        let rates = likelihood::rates(evidence, &play, None);
        for noise in levels {
            let ln_share = ln_share_of_size(play.size) + play.ln_share + noise.ln_share(levels.len());
            let factors = factors(evidence, cells, (&play, &rates, *noise));
            for group in groups {
                // What it says if the custodian holds nothing, and what each item held adds.
                let (mut ln_lacking, mut gains) = (ln_share, Vec::with_capacity(cells.len()));
                for ((at, p), factors) in cells.iter().zip(&group.p).zip(&factors) {
                    let ratios = ln_ratios(*p, *factors);
                    ln_lacking += count(evidence.cells()[*at].items) * ratios.1;
                    gains.push(ratios.0 - ratios.1);
                }
                for custodian in &group.members {
                    let gained = held[*custodian].iter().zip(&gains).map(|(held, gain)| held * gain);
                    terms[*custodian].push(ln_lacking + gained.sum::<f64>());
                }
            }
        }
    }
    terms.iter().map(|terms| log_sum_exp(terms)).collect()
}

/// Returns the likelihood of each cell's outcome, the custodian holding the item or not, its partners averaged out.
fn factors(evidence: &Evidence, cells: &[usize], (play, rates, noise): (&Play, &[f64], Noise)) -> Vec<(f64, f64)> {
    let of_cell = |at: &usize| {
        let cell = &evidence.cells()[*at];
        let class = evidence.class_of(cell);
        let p = class.mean_p();
        let usual = play.expected(0, play.size, p);
        let of = |own: usize| {
            let published = play.expected(own, play.size - 1, p);
            likelihood::of(cell, class, (rates[class.batch], noise), (published, usual))
        };
        (of(1), of(0))
    };
    cells.iter().map(of_cell).collect()
}

/// Returns `ln ρ(1)` and `ln ρ(0)`: each likelihood over their mean under the draw; no evidence where nothing was drawn.
fn ln_ratios(p: f64, (holding, lacking): (f64, f64)) -> (f64, f64) {
    if p <= 0.0 || p >= 1.0 {
        return (0.0, 0.0);
    }
    let ln_mean = (p * holding + (1.0 - p) * lacking).ln();
    (holding.ln() - ln_mean, lacking.ln() - ln_mean)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::attribution::{ItemKind, Outcome, Strategy};

    /// `SplitMix64`: the same numbers on every run.
    pub(in super::super) struct Dice(pub(in super::super) u64);

    impl Dice {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        }

        pub(in super::super) fn chance(&mut self, p: f64) -> bool {
            let [high, low] =
                [self.next() >> 32, self.next() >> 32].map(|part| u32::try_from(part).unwrap_or_default());
            (f64::from(high) + f64::from(low) / 4_294_967_296.0) / 4_294_967_296.0 < p
        }
    }

    /// An item before it is pushed: class, holders, outcome.
    type Raw = (Class, Vec<usize>, Outcome);

    const KINDS: [ItemKind; 3] = [ItemKind::Canary, ItemKind::Record, ItemKind::Variant];

    /// What a coalition of the first `leakers` publishes of items drawn for `custodians`.
    fn leak(
        dice: &mut Dice,
        (custodians, items): (usize, usize),
        kind: impl Fn(usize) -> ItemKind,
        thief: Thief,
    ) -> Vec<Raw> {
        (0..items)
            .filter_map(|item| {
                let kind = kind(item);
                let share = match kind {
                    ItemKind::Canary => [0.05, 0.3, 0.6, 0.8][item % 4],
                    ItemKind::Record => 0.4,
                    ItemKind::Variant => 0.5,
                };
                let p = vec![share; custodians];
                let holders: Vec<usize> = (0..custodians).filter(|_| dice.chance(share)).collect();
                let held = holders.iter().filter(|holder| **holder < thief.leakers).count();
                let is_seen = dice.chance(thief.rate * thief.strategy.published(held, thief.leakers));
                let outcome = if is_seen { Outcome::Seen } else { Outcome::Unseen };
                let is_lost = matches!((kind, outcome), (ItemKind::Record, Outcome::Unseen));
                (!is_lost).then_some((
                    Class { kind, draw: Draw::Random, batch: 0, p, by_rule: Vec::new() },
                    holders,
                    outcome,
                ))
            })
            .collect()
    }

    #[derive(Clone, Copy)]
    struct Thief {
        leakers: usize,
        strategy: Strategy,
        rate: f64,
    }

    fn evidence(custodians: usize, items: &[Raw]) -> Evidence {
        let mut evidence = Evidence::new(custodians);
        for (class, holders, outcome) in items {
            let class = evidence.class(class.clone());
            evidence.push(class, holders, *outcome);
        }
        evidence
    }

    /// Averages `E_j` over every way the draw may have gone for custodian `innocent`, all else as it is.
    fn mean_over_the_draw(custodians: usize, items: &[Raw], innocent: usize) -> f64 {
        let mut mean = 0.0;
        for draw in 0..1_u32 << items.len() {
            let (mut weight, mut redrawn) = (1.0, items.to_vec());
            for (at, (class, holders, _)) in redrawn.iter_mut().enumerate() {
                holders.retain(|holder| *holder != innocent);
                if draw >> at & 1 == 1 {
                    holders.push(innocent);
                    weight *= class.p[innocent];
                } else {
                    weight *= 1.0 - class.p[innocent];
                }
            }
            mean += weight * ln_e_values(&evidence(custodians, &redrawn))[innocent].exp();
        }
        mean
    }

    #[test]
    fn the_mean_e_value_of_an_innocent_copy_is_one_for_every_item_and_strategy() {
        for (seed, strategy) in (1..).zip(Strategy::ALL) {
            for kind in KINDS {
                for leakers in [1, 3] {
                    let mut dice = Dice(seed * 977 + leakers as u64);
                    let thief = Thief { leakers, strategy, rate: 0.9 };
                    let items: Vec<Raw> = leak(&mut dice, (4, 12), |_| kind, thief).into_iter().take(5).collect();
                    let mean = mean_over_the_draw(4, &items, 3);
                    assert!((mean - 1.0).abs() < 1e-9, "{kind:?} {strategy:?} {leakers}: {mean}");
                }
            }
        }
    }

    #[test]
    fn the_mean_e_value_is_one_whatever_was_published_in_any_mixture_with_any_shares() {
        let mut dice = Dice(5);
        for custodians in [3, 5, 11] {
            let mut items: Vec<Raw> = (0..5)
                .map(|item| {
                    let p = (0..custodians).map(|custodian| [0.05, 0.5, 0.9, 0.0][(item + custodian) % 4]).collect();
                    let class = Class {
                        kind: KINDS[item % 3],
                        draw: Draw::Random,
                        batch: item % 2,
                        p,
                        by_rule: vec![item % 3],
                    };
                    let holders = (0..custodians).filter(|_| dice.chance(0.5)).collect();
                    (class, holders, if dice.chance(0.5) { Outcome::Seen } else { Outcome::Unseen })
                })
                .collect();
            items[0].0.draw = Draw::Rule;
            let mean = mean_over_the_draw(custodians, &items, 2);
            assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        }
    }

    #[test]
    fn innocent_copies_exceed_a_bound_no_more_often_than_markov_allows() {
        let mut dice = Dice(11);
        let (mut tests, mut above) = (0.0, [0.0; 3]);
        for round in 0..60_usize {
            let thief = Thief { leakers: 1 + round % 3, strategy: Strategy::ALL[round % 5], rate: 0.7 };
            let items = leak(&mut dice, (8, 90), |item| KINDS[item % 3], thief);
            for ln_e in ln_e_values(&evidence(8, &items)).into_iter().skip(thief.leakers) {
                tests += 1.0;
                for (above, bound) in above.iter_mut().zip([2.0_f64, 10.0, 50.0]) {
                    *above += f64::from(u8::from(ln_e >= bound.ln()));
                }
            }
        }
        for (above, bound) in above.into_iter().zip([2.0, 10.0, 50.0]) {
            assert!(above / tests <= 1.0 / bound, "E ≥ {bound} in {above} of {tests}");
        }
    }

    #[test]
    fn leakers_are_found_alone_and_in_coalitions_and_nobody_else_is() {
        let bound = (9.0_f64 / 1e-6).ln();
        for (leakers, items, rate) in [(1, 300, 1.0), (2, 400, 1.0), (3, 600, 0.95)] {
            for strategy in Strategy::ALL {
                let mut dice = Dice(23);
                let items = leak(&mut dice, (9, items), |_| ItemKind::Canary, Thief { leakers, strategy, rate });
                let found = ln_e_values(&evidence(9, &items));
                let named: Vec<usize> = (0..9).filter(|custodian| found[*custodian] >= bound).collect();
                assert_eq!(named, (0..leakers).collect::<Vec<_>>(), "{leakers} {strategy:?}: {found:?}");
            }
        }
    }

    #[test]
    fn to_hold_what_was_seen_never_tells_less_than_to_lack_it() {
        let mut dice = Dice(31);
        let thief = Thief { leakers: 2, strategy: Strategy::One, rate: 0.8 };
        let items = leak(&mut dice, (6, 40), |item| KINDS[item % 3], thief);
        for at in 0..items.len() {
            let [lacking, holding] = [false, true].map(|is_held| {
                let mut changed = items.clone();
                changed[at].1.retain(|holder| *holder != 5);
                if is_held {
                    changed[at].1.push(5);
                }
                ln_e_values(&evidence(6, &changed))[5]
            });
            let gain = if items[at].2 == Outcome::Seen { holding - lacking } else { lacking - holding };
            assert!(gain >= -1e-9, "item {at}: {gain}");
        }
    }

    #[test]
    fn a_million_items_give_numbers() {
        let mut evidence = Evidence::new(3);
        for (kind, p) in KINDS.into_iter().zip([0.05, 0.9, 0.5]) {
            let class =
                evidence.class(Class { kind, draw: Draw::Random, batch: 0, p: vec![p; 3], by_rule: Vec::new() });
            for item in 0..340_000_usize {
                let outcome = if item % 3 == 0 { Outcome::Seen } else { Outcome::Unseen };
                evidence.push(class, if item % 3 == 0 { &[0, 1] } else { &[2] }, outcome);
            }
        }
        let found = ln_e_values(&evidence);
        assert!(found.iter().all(|ln_e| ln_e.is_finite()), "{found:?}");
        assert!(found[0] > 1e4 && found[2] < 0.0, "{found:?}");
    }

    #[test]
    fn no_evidence_is_worth_one() {
        assert!(ln_e_values(&Evidence::new(3)).iter().all(|ln_e| ln_e.abs() < 1e-12));
        assert!(ln_e_values(&Evidence::new(0)).is_empty());
        let mut rule = Evidence::new(2);
        let class = rule.class(Class {
            kind: ItemKind::Record,
            draw: Draw::Rule,
            batch: 0,
            p: vec![0.5; 2],
            by_rule: Vec::new(),
        });
        for _ in 0..50 {
            rule.push(class, &[0], Outcome::Seen);
        }
        assert!(ln_e_values(&rule).iter().all(|ln_e| ln_e.abs() < 1e-9), "what follows a rule accuses nobody");
    }
}
