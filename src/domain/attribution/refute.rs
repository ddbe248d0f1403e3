//! Whether rows are this organization's at all, from how many of them match; and the older literature's guilt.

use super::numeric::count;

/// Returns ln of how much likelier `hits` of `rows` testable rows are if they are ours than if they are not:
/// `(ρ/β)^h · ((1−ρ)/(1−β))^(s−h)`. `genuine` is ρ, the share of our own rows that match; `base` is β, the share of foreign ones.
pub fn ln_ours(rows: u64, hits: u64, genuine: f64, base: f64) -> f64 {
    let inside = |rate: f64| rate.clamp(1e-12, 1.0 - 1e-12);
    let (genuine, base) = (inside(genuine), inside(base));
    let hits = hits.min(rows);
    let number = |rows: u64| count(usize::try_from(rows).unwrap_or(usize::MAX));
    number(hits) * (genuine / base).ln() + number(rows - hits) * ((1.0 - genuine) / (1.0 - base)).ln()
}

/// Returns the guilt of Papadimitriou and Garcia-Molina (IEEE TKDE 23(1), 2011): `1 − Π (1 − (1 − p)/|V_t|)` over the found
/// items that a custodian holds: `items` tells, for each number of holders, how many of those items have so many. It has
/// no error bound; it is shown for comparison only.
pub fn guilt(items: impl Iterator<Item = (usize, usize)>, guessed: f64) -> f64 {
    let innocent = |holders: usize| 1.0 - (1.0 - guessed) / count(holders.max(1));
    let ln_innocent = |(holders, items): (usize, usize)| count(items) * innocent(holders).max(1e-300).ln();
    1.0 - items.map(ln_innocent).sum::<f64>().exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_rows_tell_a_true_offer_from_a_forged_one() {
        let ours = ln_ours(10, 9, 0.9, 0.07).exp();
        let forged = ln_ours(10, 1, 0.9, 0.07).exp();
        assert!(ours > 1e5, "{ours}");
        assert!(forged < 1e-7, "{forged}");
        assert!(ln_ours(10, 12, 1.0, 0.0).is_finite() && ln_ours(0, 0, 0.5, 0.5).abs() < 1e-12);
    }

    #[test]
    fn guilt_grows_with_each_item_and_shrinks_with_its_holders() {
        assert!((guilt([(1, 1)].into_iter(), 0.2) - 0.8).abs() < 1e-12);
        assert!((guilt([(2, 2)].into_iter(), 0.0) - 0.75).abs() < 1e-12);
        assert!(guilt(std::iter::empty(), 0.2).abs() < 1e-12);
    }
}
