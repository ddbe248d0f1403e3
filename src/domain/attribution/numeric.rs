//! Sums of logarithms, and the two distributions that attribution needs.
//!
//! Every probability here is a natural logarithm, so that a product over a million items neither under- nor overflows.

/// Returns `ln Σ exp(v)`; minus infinity for no values.
pub(super) fn log_sum_exp(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    // What is smaller than e^-50 of the largest is below the last bit of the sum.
    let counted = values.iter().map(|value| value - most).filter(|less| *less > -50.0);
    most + counted.map(f64::exp).sum::<f64>().ln()
}

/// Returns `ln (exp(one) + exp(other)) / 2`.
pub(super) fn log_mean(one: f64, other: f64) -> f64 {
    log_sum_exp(&[one, other]) - std::f64::consts::LN_2
}

/// Returns P(K = k) for k = 0…4, K binomial with at most four trials.
pub(super) fn binomial(trials: usize, chance: f64) -> [f64; 5] {
    let mut mass = [1.0, 0.0, 0.0, 0.0, 0.0];
    for _ in 0..trials.min(4) {
        for k in (0..5).rev() {
            let below = if k == 0 { 0.0 } else { mass[k - 1] };
            mass[k] = mass[k] * (1.0 - chance) + below * chance;
        }
    }
    mass
}

/// Returns `ln P(X ≥ hits)` for X Poisson with this mean, never below the truth: 0 where the mean is no smaller than `hits`.
pub(super) fn ln_poisson_tail(mean: f64, hits: u32) -> f64 {
    let least = f64::from(hits);
    if hits == 0 || mean >= least {
        return 0.0;
    }
    if mean <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let mut ln_first = -mean;
    for factor in 1..=hits {
        ln_first += (mean / f64::from(factor)).ln();
    }
    // The terms after the first shrink by less than mean/(hits+1) each: a geometric series bounds them.
    let ratio = mean / (least + 1.0);
    (ln_first - (1.0 - ratio).ln()).min(0.0)
}

/// Counts as a number to calculate with; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of items are far below 2^53")]
pub(super) const fn count(items: usize) -> f64 {
    items as f64
}

/// Rounds, so that reports read well and do not differ in the last bits of a sum; half a unit away from zero.
pub(super) fn rounded(value: f64, decimals: i32) -> f64 {
    let unit = 10_f64.powi(decimals);
    let rounded = (value * unit).round() / unit;
    // Minus zero prints as one.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_logarithms_does_not_overflow() {
        assert!((log_sum_exp(&[1000.0, 1000.0]) - 1000.0 - std::f64::consts::LN_2).abs() < 1e-12);
        assert!((log_sum_exp(&[-1e6, f64::NEG_INFINITY]) + 1e6).abs() < 1e-6);
        assert!(log_sum_exp(&[]).is_infinite());
        assert!((log_mean(0.0, 0.0)).abs() < 1e-12);
    }

    #[test]
    fn the_poisson_tail_is_bounded_from_above_and_close() {
        for (mean, hits) in [(1e-9_f64, 1_u32), (0.01, 2), (0.5, 1), (2.0, 5), (3.0, 4), (20.0, 40)] {
            let mut term = (-mean).exp();
            let mut below = 0.0;
            for k in 0..hits {
                below += term;
                term *= mean / f64::from(k + 1);
            }
            let mut exact: f64 = 0.0;
            for k in hits..hits + 200 {
                exact += term;
                term *= mean / f64::from(k + 1);
            }
            let bound = ln_poisson_tail(mean, hits);
            assert!(bound >= exact.ln() - 1e-9 && bound < exact.ln() + 0.7, "{mean} {hits}: {bound} {}", exact.ln());
            assert!(below < 1.0 + 1e-9);
        }
        assert_eq!(ln_poisson_tail(5.0, 3).to_bits(), 0.0_f64.to_bits());
        assert!(ln_poisson_tail(0.0, 1).is_infinite());
    }

    #[test]
    fn the_binomial_sums_to_one() {
        for trials in 0..=4 {
            for chance in [0.0, 0.05, 0.5, 0.8, 1.0] {
                assert!((binomial(trials, chance).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
        assert!((binomial(3, 0.5)[2] - 0.375).abs() < 1e-12);
    }
}
