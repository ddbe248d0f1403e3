//! How many items of each cell k members of a set hold, from how many each holds, each two, and all three.
//!
//! Whatever can be told from smaller sets is: of a set's items, only those that all its members hold are counted anew.
//! Not here: the items (`evidence`).

use std::collections::BTreeMap;

use super::evidence::{Counts, Evidence};

/// Counts of the items that custodians hold alone and in pairs.
pub(super) struct Overlaps<'a> {
    evidence: &'a Evidence,
    /// For each custodian and cell.
    singles: Vec<Vec<usize>>,
    /// For each pair that was asked for, the lower number first.
    pairs: BTreeMap<(usize, usize), Vec<usize>>,
}

impl<'a> Overlaps<'a> {
    pub(super) fn new(evidence: &'a Evidence) -> Self {
        let singles = (0..evidence.custodians()).map(|one| evidence.held_by_all(&[one])).collect();
        Self { evidence, singles, pairs: BTreeMap::new() }
    }

    /// Counts, cell by cell, the items that k of one to three custodians hold.
    pub(super) fn counts(&mut self, set: &[usize]) -> Vec<Counts> {
        let evidence = self.evidence;
        match set {
            [one] => {
                let counts = evidence.cells().iter().zip(&self.singles[*one]);
                counts.map(|(cell, one)| [cell.items - one, *one, 0, 0, 0]).collect()
            }
            [one, other] => {
                let both = self.both(*one, *other).clone();
                let of_cell = |(at, both): (usize, usize)| {
                    let sum = self.singles[*one][at] + self.singles[*other][at];
                    [evidence.cells()[at].items + both - sum, sum - 2 * both, both, 0, 0]
                };
                both.into_iter().enumerate().map(of_cell).collect()
            }
            [one, other, third] => {
                let all = evidence.held_by_all(set);
                let pairs = [(one, other), (one, third), (other, third)];
                let pairs = pairs.map(|(one, other)| self.both(*one, *other).clone());
                let of_cell = |(at, all): (usize, usize)| {
                    let sum: usize = set.iter().map(|member| self.singles[*member][at]).sum();
                    let twos: usize = pairs.iter().map(|pair| pair[at]).sum();
                    let (two, one) = (twos - 3 * all, sum + 3 * all - 2 * twos);
                    [evidence.cells()[at].items - one - two - all, one, two, all, 0]
                };
                all.into_iter().enumerate().map(of_cell).collect()
            }
            _ => evidence.counts(set),
        }
    }

    fn both(&mut self, one: usize, other: usize) -> &Vec<usize> {
        let pair = (one.min(other), one.max(other));
        self.pairs.entry(pair).or_insert_with(|| self.evidence.held_by_all(&[pair.0, pair.1]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Class, Draw, ItemKind, Outcome};
    use super::*;

    #[test]
    fn counts_are_those_of_counting_one_by_one() {
        let mut evidence = Evidence::new(5);
        for kind in [ItemKind::Canary, ItemKind::Record] {
            let class =
                evidence.class(Class { kind, draw: Draw::Random, batch: 0, p: vec![0.5; 5], by_rule: Vec::new() });
            for item in 0..150_usize {
                let holders: Vec<usize> = (0..5).filter(|one| (item * 11 + one * 17 + item / 7) % 5 < 3).collect();
                evidence.push(class, &holders, Outcome::Seen);
            }
        }
        let mut overlaps = Overlaps::new(&evidence);
        for set in [vec![4], vec![0, 3], vec![3, 0], vec![0, 1, 2], vec![2, 3, 4], vec![0, 1, 2]] {
            assert_eq!(overlaps.counts(&set), evidence.counts(&set), "{set:?}");
        }
    }
}
