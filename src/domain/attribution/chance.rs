//! Unique canaries: how likely so many hits of one custodian's own canaries are if its copy did not leak.
//!
//! Values are drawn at random, so foreign rows repeat one by accident only. Not here: which canaries are unique (`enrolled`).

use super::numeric::ln_poisson_tail;

/// A row repeats *some* of a canary's fields; that there are several ways to do so costs so many bits.
const WAYS_BITS: f64 = 7.0;

/// Hits of canaries that one custodian alone holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UniqueHits {
    /// How many such canaries it holds.
    pub canaries: usize,
    /// For each that was hit, the information in bits of the fields found together in one row.
    pub bits: Vec<u32>,
}

impl UniqueHits {
    /// Returns `ln p`: the chance that `rows` foreign rows show at least so many of the canaries at least so well.
    ///
    /// The best of "one hit as strong as the strongest", "two as strong as the second", …, times their number.
    pub fn ln_p(&self, rows: f64) -> f64 {
        let mut bits = self.bits.clone();
        bits.sort_unstable_by(|one, other| other.cmp(one));
        let tries = super::numeric::count(bits.len()).ln();
        let each = bits.iter().zip(1_u32..).map(|(bits, hits)| {
            let mean = rows * super::numeric::count(self.canaries) * (WAYS_BITS - f64::from(*bits)).exp2();
            ln_poisson_tail(mean, hits) + tries
        });
        each.fold(0.0, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_short_number_proves_nothing_and_a_whole_row_everything() {
        let bound = (1e-6_f64 / 40.0).ln();
        let ln_p = |bits: &[u32]| UniqueHits { canaries: 20, bits: bits.to_vec() }.ln_p(1e6);
        assert_eq!(ln_p(&[]).to_bits(), 0.0_f64.to_bits());
        assert!(ln_p(&[33]) > bound, "a card alone among a million rows");
        assert!(ln_p(&[33, 33, 33, 33]) > ln_p(&[60]));
        assert!(ln_p(&[90]) < bound);
        assert!(ln_p(&[90, 29]) <= bound, "a weak hit beside a strong one takes nothing away");
        assert!(ln_p(&[90, 90]) < ln_p(&[90]));
    }

    #[test]
    fn more_rows_and_more_canaries_make_chance_likelier() {
        let hits = UniqueHits { canaries: 20, bits: vec![50] };
        assert!(hits.ln_p(1e3) < hits.ln_p(1e6));
        assert!(hits.ln_p(1e6) < UniqueHits { canaries: 200, bits: vec![50] }.ln_p(1e6));
        assert!(hits.ln_p(f64::MAX) <= 0.0);
    }
}
