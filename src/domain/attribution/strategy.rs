//! What a coalition may do with the copies it compares: the chance that it publishes what k of its c members hold.
//!
//! Not here: how much of it is published and seen (`likelihood`).

use super::numeric::binomial;

/// Most copies that are thought to be compared before publishing.
pub(super) const LARGEST_COALITION: usize = 4;

/// How a coalition publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// Each row comes from one member's copy.
    One,
    /// Everything that anyone holds.
    Union,
    /// Only what all hold: every difference is stripped.
    Intersect,
    /// Where the copies differ, a coin is thrown.
    Coin,
    /// What most of them hold; a coin where they are even.
    Majority,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 5] = [Self::One, Self::Union, Self::Intersect, Self::Coin, Self::Majority];

    /// Returns the chance that an item is published that `holders` of `size` members hold.
    pub fn published(self, holders: usize, size: usize) -> f64 {
        if holders == 0 || size == 0 {
            return 0.0;
        }
        if holders >= size {
            return 1.0;
        }
        match self {
            Self::One => super::numeric::count(holders) / super::numeric::count(size),
            Self::Union => 1.0,
            Self::Intersect => 0.0,
            Self::Coin => 0.5,
            Self::Majority if 2 * holders == size => 0.5,
            Self::Majority => f64::from(u8::from(2 * holders > size)),
        }
    }
}

/// One size and strategy: a row of the mixture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Play {
    /// Members.
    pub(super) size: usize,
    /// Chance to publish what k members hold.
    pub(super) theta: [f64; LARGEST_COALITION + 1],
    /// Its share of the mixture within its size, as a logarithm.
    pub(super) ln_share: f64,
}

impl Play {
    /// Returns `E θ(K + extra)` where K of `others` members hold an item, each with this chance.
    pub(super) fn expected(&self, extra: usize, others: usize, chance: f64) -> f64 {
        let mass = binomial(others, chance);
        (0..=others.min(LARGEST_COALITION)).map(|k| mass[k] * self.theta_of(k + extra)).sum()
    }

    /// Returns θ(k); the last of the table beyond it.
    pub(super) fn theta_of(&self, holders: usize) -> f64 {
        self.theta.get(holders).copied().unwrap_or(self.theta[LARGEST_COALITION])
    }
}

/// Lists the plays of coalitions of one size that differ from each other; their shares sum to one.
pub(super) fn plays(size: usize) -> Vec<Play> {
    let mut plays: Vec<Play> = Vec::new();
    for strategy in Strategy::ALL {
        let mut theta = [0.0; LARGEST_COALITION + 1];
        for (holders, chance) in theta.iter_mut().enumerate() {
            *chance = strategy.published(holders, size);
        }
        if plays.iter().all(|play| play.theta.map(f64::to_bits) != theta.map(f64::to_bits)) {
            plays.push(Play { size, theta, ln_share: 0.0 });
        }
    }
    let ln_share = -super::numeric::count(plays.len()).ln();
    for play in &mut plays {
        play.ln_share = ln_share;
    }
    plays
}

/// Returns the share of coalitions of this size in the mixture π, as a logarithm: .55, .25, .13, .07.
/// Coalitions leave more evidence than they need (whole dumps); a lone leaker may show a sample only.
pub(super) fn ln_share_of_size(size: usize) -> f64 {
    let share: f64 = match size {
        1 => 0.55,
        2 => 0.25,
        3 => 0.13,
        4 => 0.07,
        _ => 0.0,
    };
    share.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_leaker_has_one_play_and_a_pair_three() {
        assert_eq!([1, 2, 3, 4].map(|size| plays(size).len()), [1, 3, 5, 5]);
    }

    #[test]
    fn what_nobody_holds_is_never_published_and_what_all_hold_always() {
        for size in 1..=LARGEST_COALITION {
            for play in plays(size) {
                assert!(play.theta[0].abs() < 1e-12 && (play.theta[size] - 1.0).abs() < 1e-12);
                assert!(play.theta.windows(2).all(|pair| pair[0] <= pair[1]), "more holders, more published");
            }
        }
    }

    #[test]
    fn the_mixture_sums_to_one() {
        let total: f64 = (1..=LARGEST_COALITION).map(|size| ln_share_of_size(size).exp()).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }
}
