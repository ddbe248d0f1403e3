//! E-values with partners: the holdings of likely accomplices are used as they are.
//!
//! Sets of up to three of the most suspect others are weighed by how well they explain the outcomes with the custodian's own
//! holdings averaged out; then its own holdings are weighed within that mixture. A set with a strategy and a level of noise is
//! a term. Canaries do not depend on the noise, so what they tell is computed once for all its levels; what follows from the
//! probabilities of a draw alone is computed once for all custodians that share them. Not here: why it is sound (`evalue`).

use std::cell::OnceCell;

use super::evalue::{Cells, Group};
use super::evidence::{Cell, Counts, Evidence, Planes};
use super::likelihood::{self, Noise};
use super::numeric::{count, log_sum_exp};
use super::strategy::{LARGEST_COALITION, Play, ln_share_of_size, plays};

/// Partners are sought among so many of the most suspect others.
const PARTNER_POOL: usize = 8;
/// Sets of partners whose weight is below `e^-25` of the best are left out; as weights only lose, the bound stays.
const LEAST_LN_WEIGHT: f64 = -25.0;

/// The sets of likely partners, and what they explain.
pub(super) struct Partners<'a> {
    evidence: &'a Evidence,
    cells: &'a Cells,
    /// The most suspect custodians, one more than a pool has.
    pool: Vec<usize>,
    sets: Vec<Set>,
    /// What canaries tell, one part for each set and strategy.
    canaries: Vec<Part>,
    terms: Vec<Term>,
}

/// Up to three custodians.
struct Set {
    members: Vec<usize>,
    planes: Planes,
    /// For each cell, how many items k of them hold.
    counts: Vec<Counts>,
}

/// For each of some cells and k: likelihood of the outcome where k of a set hold the item, the custodian holding it or not.
struct Part(Vec<[(f64, f64); 4]>);

/// One set with one strategy and level of noise.
struct Term {
    set: usize,
    /// Its share of the mixture among sets of its size.
    ln_share: f64,
    /// Which of the parts of canaries.
    canaries: usize,
    rows: Part,
}

impl<'a> Partners<'a> {
    /// Ranks custodians by what they show alone: each one's rank then depends on the outcomes and its own holdings only.
    pub(super) fn new(evidence: &'a Evidence, cells: &'a Cells, alone: &[f64]) -> Self {
        let mut pool: Vec<usize> = (0..alone.len()).collect();
        pool.sort_by(|one, other| alone[*other].total_cmp(&alone[*one]).then(one.cmp(other)));
        pool.truncate(PARTNER_POOL + 1);
        let sets = subsets(&pool).into_iter().map(|members| {
            let planes = evidence.planes(&members, &cells.all);
            Set { counts: evidence.counts(&members), planes, members }
        });
        let mut partners =
            Self { evidence, cells, pool, sets: sets.collect(), canaries: Vec::new(), terms: Vec::new() };
        partners.add_terms();
        partners
    }

    /// Makes the terms of all sets: each strategy of a coalition of its members and one more, at each level of noise.
    fn add_terms(&mut self) {
        let levels = likelihood::levels(self.evidence);
        let known: Vec<Vec<(Play, Vec<f64>)>> = (1..=LARGEST_COALITION).map(|size| self.with_usual(size)).collect();
        for (at, set) in self.sets.iter().enumerate() {
            for (play, usual) in &known[set.members.len()] {
                let rates = likelihood::rates(self.evidence, play, Some(&set.counts));
                let part = |range: std::ops::Range<usize>, noise: Noise| {
                    let cells = self.cells.all.get(range.clone()).unwrap_or_default().iter();
                    let of_cell = |(at, usual): (&usize, &f64)| {
                        let cell = &self.evidence.cells()[*at];
                        let class = self.evidence.class_of(cell);
                        let of = |k: usize| {
                            likelihood::of(cell, class, (rates[class.batch], noise), (play.theta_of(k), *usual))
                        };
                        [0, 1, 2, 3].map(|k| (of(k + 1), of(k)))
                    };
                    Part(cells.zip(usual.iter().skip(range.start)).map(of_cell).collect())
                };
                self.canaries.push(part(0..self.cells.canaries, levels[0]));
                for noise in levels {
                    self.terms.push(Term {
                        set: at,
                        ln_share: ln_share_of_size(play.size) + play.ln_share + noise.ln_share(levels.len()),
                        canaries: self.canaries.len() - 1,
                        rows: part(self.cells.canaries..self.cells.all.len(), *noise),
                    });
                }
            }
        }
    }

    /// Returns the plays of a size with, for each cell, the mean chance that an item of it is published.
    fn with_usual(&self, size: usize) -> Vec<(Play, Vec<f64>)> {
        let usual = |play: &Play| {
            let p = self.cells().map(|cell| self.evidence.class_of(cell).mean_p());
            p.map(|p| play.expected(0, play.size, p)).collect()
        };
        plays(size).into_iter().map(|play| (play, usual(&play))).collect()
    }

    fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.all.iter().map(|at| &self.evidence.cells()[*at])
    }

    /// Returns `ln E_j` of each custodian; `None` if it has no possible partner.
    pub(super) fn ln_e_values(&self, groups: &[Group]) -> Vec<Option<f64>> {
        let mut found = vec![None; self.evidence.custodians()];
        for group in groups {
            let averaged = Averaged::new(self, &group.p);
            // Whoever is no likely partner itself has the same partners as the others of its kind.
            let usual = averaged.mixture(None);
            for custodian in &group.members {
                let own = self.pool.contains(custodian).then(|| averaged.mixture(Some(*custodian)));
                found[*custodian] = averaged.ln_e_value(*custodian, own.as_deref().unwrap_or(&usual));
            }
        }
        found
    }
}

/// What the terms say of custodians with the same probabilities, their own holdings averaged out.
struct Averaged<'p> {
    partners: &'p Partners<'p>,
    p: &'p [f64],
    canaries: Vec<Mean>,
    rows: Vec<Mean>,
}

/// A part with the custodian's own holdings averaged out.
struct Mean {
    /// For each cell and k, ln of the mean likelihood.
    ln_means: Vec<[f64; 4]>,
    /// How well it explains the outcomes.
    ln_explained: f64,
    /// Computed for terms that matter only.
    gains: OnceCell<Gains>,
}

/// What a part says if the custodian holds nothing, and for each cell and k what each item held adds: `ln ρ(1) − ln ρ(0)`.
struct Gains {
    ln_lacking: f64,
    of_cells: Vec<[f64; 4]>,
}

impl<'p> Averaged<'p> {
    fn new(partners: &'p Partners<'p>, p: &'p [f64]) -> Self {
        let mut averaged = Self { partners, p, canaries: Vec::new(), rows: Vec::new() };
        let first_row = partners.cells.canaries;
        for term in &partners.terms {
            if term.canaries == averaged.canaries.len() {
                averaged.canaries.push(averaged.mean(term.set, &partners.canaries[term.canaries], 0));
            }
            averaged.rows.push(averaged.mean(term.set, &term.rows, first_row));
        }
        averaged
    }

    /// The probabilities and counts of the cells of a part that begins with the given one.
    fn cells(&self, set: usize, first: usize) -> impl Iterator<Item = (f64, &Counts)> {
        let numbers = self.partners.cells.all.iter().zip(self.p).skip(first);
        numbers.map(move |(at, p)| (*p, &self.partners.sets[set].counts[*at]))
    }

    fn mean(&self, set: usize, part: &Part, first: usize) -> Mean {
        let (mut ln_means, mut ln_explained) = (Vec::with_capacity(part.0.len()), 0.0);
        for ((p, counts), likelihoods) in self.cells(set, first).zip(&part.0) {
            let mut of_cell = [0.0; 4];
            for ((ln_mean, items), (holding, lacking)) in of_cell.iter_mut().zip(counts).zip(likelihoods) {
                if *items > 0 {
                    *ln_mean = (p * holding + (1.0 - p) * lacking).ln();
                    ln_explained += count(*items) * *ln_mean;
                }
            }
            ln_means.push(of_cell);
        }
        Mean { ln_means, ln_explained, gains: OnceCell::new() }
    }

    fn gains(&self, set: usize, part: &Part, (mean, first): (&Mean, usize)) -> Gains {
        let (mut ln_lacking, mut of_cells) = (0.0, Vec::with_capacity(part.0.len()));
        for (((p, counts), likelihoods), ln_means) in self.cells(set, first).zip(&part.0).zip(&mean.ln_means) {
            let mut gains = [0.0; 4];
            // Where nothing was drawn, there is no evidence.
            if p > 0.0 && p < 1.0 {
                for (k, items) in counts.iter().take(4).enumerate().filter(|(_, items)| **items > 0) {
                    let (holding, lacking) = (likelihoods[k].0.ln(), likelihoods[k].1.ln());
                    ln_lacking += count(*items) * (lacking - ln_means[k]);
                    gains[k] = holding - lacking;
                }
            }
            of_cells.push(gains);
        }
        Gains { ln_lacking, of_cells }
    }

    /// Lists the terms that matter to a custodian, weighed; their weights sum to one before the light ones are left out.
    fn mixture(&self, custodian: Option<usize>) -> Vec<(usize, f64)> {
        let partners = self.partners;
        let others = partners.pool.iter().copied().filter(|member| Some(*member) != custodian);
        let pool: Vec<usize> = others.take(PARTNER_POOL).collect();
        // Each size has its share, whatever the number of sets of that size.
        let ln_sets = [1, 2, 3].map(|size| count(choose(pool.len(), size)).ln());
        let mut ours: Vec<(usize, f64)> = Vec::new();
        for (at, term) in partners.terms.iter().enumerate() {
            let members = &partners.sets[term.set].members;
            if members.iter().all(|member| pool.contains(member)) {
                let explained = self.canaries[term.canaries].ln_explained + self.rows[at].ln_explained;
                ours.push((at, term.ln_share + explained - ln_sets[members.len() - 1]));
            }
        }
        let weights: Vec<f64> = ours.iter().map(|(_, weight)| *weight).collect();
        let (total, most) = (log_sum_exp(&weights), weights.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        ours.retain(|(_, weight)| *weight >= most + LEAST_LN_WEIGHT);
        for (_, weight) in &mut ours {
            *weight -= total;
        }
        ours
    }

    fn ln_e_value(&self, custodian: usize, mixture: &[(usize, f64)]) -> Option<f64> {
        let partners = self.partners;
        let mut products = Vec::with_capacity(mixture.len());
        // Terms of one set follow each other, and among them those of one strategy.
        let mut shared: (Option<usize>, Vec<[f64; 4]>) = (None, Vec::new());
        let mut planted: (Option<usize>, f64) = (None, 0.0);
        for (at, ln_weight) in mixture {
            let term = &partners.terms[*at];
            if shared.0 != Some(term.set) {
                let planes = &partners.sets[term.set].planes;
                shared = (Some(term.set), partners.evidence.shared_with(planes, custodian, &partners.cells.all));
            }
            if planted.0 != Some(term.canaries) {
                let (part, mean) = (&partners.canaries[term.canaries], &self.canaries[term.canaries]);
                let gains = mean.gains.get_or_init(|| self.gains(term.set, part, (mean, 0)));
                planted = (Some(term.canaries), gains.ln_product(&shared.1));
            }
            let (mean, first) = (&self.rows[*at], partners.cells.canaries);
            let gains = mean.gains.get_or_init(|| self.gains(term.set, &term.rows, (mean, first)));
            products.push(ln_weight + planted.1 + gains.ln_product(shared.1.get(first..).unwrap_or_default()));
        }
        (!products.is_empty()).then(|| log_sum_exp(&products))
    }
}

impl Gains {
    fn ln_product(&self, held: &[[f64; 4]]) -> f64 {
        let mut sums = [0.0; 4];
        for (held, gains) in held.iter().zip(&self.of_cells) {
            for ((sum, held), gain) in sums.iter_mut().zip(held).zip(gains) {
                *sum += held * gain;
            }
        }
        self.ln_lacking + sums.iter().sum::<f64>()
    }
}

/// Lists the subsets of one to three members.
fn subsets(pool: &[usize]) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    for (first, one) in pool.iter().enumerate() {
        found.push(vec![*one]);
        for (second, other) in pool.iter().enumerate().skip(first + 1) {
            found.push(vec![*one, *other]);
            found.extend(pool.iter().skip(second + 1).map(|third| vec![*one, *other, *third]));
        }
    }
    found
}

fn choose(items: usize, of: usize) -> usize {
    (0..of).fold(1, |ways, taken| ways * items.saturating_sub(taken) / (taken + 1))
}
