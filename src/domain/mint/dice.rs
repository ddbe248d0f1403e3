//! Secret random choices from one seed: the stream of `ChaCha20` (RFC 8439) of a key that SHA-256 derives from it.
//!
//! Whoever holds the seed can repeat every choice; nobody else can tell them from chance. Not here: where the seed comes
//! from (the caller asks the operating system).

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest, Sha256};

use crate::domain::secret::Secret;

/// A stream of random choices.
#[derive(Debug)]
pub(super) struct Dice {
    stream: ChaCha20Rng,
    /// Decimal digits that were drawn together and not given yet, and how many.
    digits: Secret<(u32, u8)>,
}

/// Decimal digits that are drawn together.
const DIGITS: u8 = 9;

impl Dice {
    /// Starts the stream of a seed and a purpose: streams of different purposes have nothing to do with each other.
    pub(super) fn new(seed: &[u8; 32], purpose: &str) -> Self {
        let key = Sha256::new().chain_update(b"dyepack/mint/2|").chain_update(seed).chain_update(purpose).finalize();
        Self { stream: ChaCha20Rng::from_seed(key.into()), digits: Secret::new((0, 0)) }
    }

    /// Returns 32 random bits.
    pub(super) fn bits(&mut self) -> u32 {
        self.stream.next_u32()
    }

    /// Returns 64 random bits.
    pub(super) fn wide(&mut self) -> u64 {
        self.stream.next_u64()
    }

    /// Returns a number below `bound`, each equally likely; 0 for 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        // Lemire's method: the few values that would be too likely are thrown again.
        loop {
            let product = u64::from(self.bits()) * u64::from(bound);
            let (low, high) = (product & 0xFFFF_FFFF, product >> 32);
            // Only below the bound can it be one of them.
            let is_even = low >= u64::from(bound)
                || bound.wrapping_neg().checked_rem(bound).is_none_or(|threshold| low >= u64::from(threshold));
            if is_even {
                return u32::try_from(high).unwrap_or_default();
            }
        }
    }

    /// Returns a decimal digit.
    pub(super) fn digit(&mut self) -> char {
        let (digits, left) = match *self.digits.reveal() {
            (_, 0) => (self.below(10_u32.pow(DIGITS.into())), DIGITS),
            drawn => drawn,
        };
        self.digits = Secret::new((digits / 10, left - 1));
        char::from_digit(digits % 10, 10).unwrap_or('0')
    }

    /// Tells yes with this probability.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.share() < p
    }

    /// Returns a number from 0 to just under 1.
    pub(super) fn share(&mut self) -> f64 {
        let high = f64::from(self.bits());
        (high + f64::from(self.bits()) / 4_294_967_296.0) / 4_294_967_296.0
    }

    /// Picks one of a list.
    pub(super) fn pick<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        list.get(self.below(u32::try_from(list.len()).unwrap_or(u32::MAX)) as usize)
    }

    /// Picks one of a list by weight.
    pub(super) fn weighted<'l, T>(&mut self, list: &'l [(T, f64)]) -> Option<&'l T> {
        let total: f64 = list.iter().map(|(_, weight)| weight).sum();
        let mut left = self.share() * total;
        for (item, weight) in list {
            left -= weight;
            if left < 0.0 {
                return Some(item);
            }
        }
        list.last().map(|(item, _)| item)
    }

    /// Picks a place by weight, of which `sums` are the running sums; 0 for none.
    pub(super) fn among(&mut self, sums: &[f64]) -> usize {
        let at = self.share() * sums.last().copied().unwrap_or_default();
        sums.partition_point(|sum| *sum <= at).min(sums.len().saturating_sub(1))
    }

    /// Picks one of a list whose first are the most frequent, as names are: the n-th about as often as 1/(n+4).
    pub(super) fn frequent<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        let end = f64::from(u32::try_from(list.len()).unwrap_or(u32::MAX)) + 4.0;
        let rank = 4.0 * (end / 4.0).powf(self.share()) - 4.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the length of the list")]
        list.get((rank as usize).min(list.len().saturating_sub(1)))
    }
}

/// Returns the running sums of weights.
pub(super) fn sums(weights: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    weights
        .map(|weight| {
            sum += weight.max(0.0);
            sum
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_a_purpose() {
        let stream = |seed: u8, purpose: &str| {
            let mut dice = Dice::new(&[seed; 32], purpose);
            (0..20).map(|_| dice.bits()).collect::<Vec<_>>()
        };
        assert_eq!(stream(1, "a"), stream(1, "a"));
        assert_ne!(stream(1, "a"), stream(1, "b"));
        assert_ne!(stream(1, "a"), stream(2, "a"));
        assert!(!format!("{:?}", Dice::new(&[7; 32], "a")).contains('7'), "the seed does not print");
    }

    #[test]
    fn choices_are_even_and_within_bounds() {
        let mut dice = Dice::new(&[3; 32], "test");
        let mut faces = [0_u32; 6];
        for _ in 0..60_000 {
            faces[dice.below(6) as usize] += 1;
        }
        assert!(faces.iter().all(|times| (9_600..10_400).contains(times)), "{faces:?}");
        let mut digits = [0_u32; 10];
        for _ in 0..60_000 {
            digits[dice.digit().to_digit(10).unwrap() as usize] += 1;
        }
        assert!(digits.iter().all(|times| (5_650..6_350).contains(times)), "{digits:?}");
        let yes = (0..20_000).filter(|_| dice.chance(0.3)).count();
        assert!((5_700..6_300).contains(&yes), "{yes}");
        assert_eq!((dice.below(0), dice.below(1)), (0, 0));
        assert_eq!(dice.pick::<u8>(&[]), None);
        assert_eq!(dice.weighted(&[("a", 0.0), ("b", 1.0)]), Some(&"b"));
    }

    #[test]
    fn the_first_of_a_list_are_the_most_frequent() {
        let mut dice = Dice::new(&[5; 32], "test");
        let list: Vec<usize> = (0..100).collect();
        let mut times = [0_u32; 100];
        for _ in 0..50_000 {
            times[*dice.frequent(&list).unwrap()] += 1;
        }
        assert!(times[0] > 5 * times[60] && times[99] > 0, "{} {} {}", times[0], times[60], times[99]);
    }
}
