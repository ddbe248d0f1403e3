//! How likely an outcome is when k of c copies hold the item.
//!
//! A canary is published at its batch's rate (share published × share found); a record that was seen came either from the
//! coalition's copies or is junk; a rendering is the copies' or was normalised. Not here: what follows (`evalue`, `posterior`).

use super::evidence::{Cell, Class, Counts, Evidence, ItemKind, Outcome};
use super::numeric::count;
use super::strategy::Play;

/// Chance that a canary is seen which no copy of the coalition holds: a second leak, a mirror of another case.
const STRAY: f64 = 1e-3;

/// How much of what was seen tells nothing about the copies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    /// Share of rows that are junk.
    pub(super) junk: f64,
    /// Share of renderings that the seller normalised.
    pub(super) normalised: f64,
    /// Its share of the mixture.
    share: f64,
}

impl Noise {
    /// Returns ln of the share of the mixture that this level has among as many as there are.
    pub(super) fn ln_share(self, levels: usize) -> f64 {
        if levels == 1 { 0.0 } else { self.share.ln() }
    }
}

/// The levels of noise that the mixture is made of.
const LEVELS: [Noise; 4] = [
    Noise { junk: 0.02, normalised: 0.02, share: 0.4 },
    Noise { junk: 0.2, normalised: 0.2, share: 0.3 },
    Noise { junk: 0.5, normalised: 0.5, share: 0.2 },
    Noise { junk: 0.8, normalised: 0.9, share: 0.1 },
];

/// Returns the levels of noise that matter to this evidence: one if there are only canaries.
pub(super) fn levels(evidence: &Evidence) -> &'static [Noise] {
    let has_rows = evidence.cells().iter().any(|cell| !is_canary(evidence.class_of(cell)));
    if has_rows { &LEVELS } else { &LEVELS[..1] }
}

/// Tells whether a class is of canaries, whose likelihoods know no noise.
pub(super) const fn is_canary(class: &Class) -> bool {
    match class.kind {
        ItemKind::Canary => true,
        ItemKind::Record | ItemKind::Variant => false,
    }
}

/// Tells whether a cell says anything: a record that was not seen does not.
pub(super) fn counts(cell: &Cell, class: &Class) -> bool {
    !matches!((class.kind, cell.outcome), (ItemKind::Record, Outcome::Unseen))
}

/// Returns the chance that a canary is seen, at this rate and chance to be published.
pub(super) fn canary_seen(rate: f64, published: f64) -> f64 {
    STRAY + (1.0 - STRAY) * rate * published
}

/// Returns the likelihood of a cell's outcome. `published` is θ(k) or its mean; `usual` its mean over the draw of all
/// members' holdings, which a seen record is compared with.
pub(super) fn of(cell: &Cell, class: &Class, (rate, noise): (f64, Noise), (published, usual): (f64, f64)) -> f64 {
    match (class.kind, cell.outcome) {
        (ItemKind::Canary, Outcome::Seen) => canary_seen(rate, published),
        (ItemKind::Canary, Outcome::Unseen) => 1.0 - canary_seen(rate, published),
        (ItemKind::Record, Outcome::Seen) => noise.junk + (1.0 - noise.junk) * published / usual.max(1e-9),
        (ItemKind::Record, Outcome::Unseen) => 1.0,
        (ItemKind::Variant, Outcome::Seen) => noise.normalised / 2.0 + (1.0 - noise.normalised) * published,
        (ItemKind::Variant, Outcome::Unseen) => noise.normalised / 2.0 + (1.0 - noise.normalised) * (1.0 - published),
    }
}

/// Returns the rate of each batch that explains how many of its canaries were seen, `known` of them (k of a set hold it)
/// known and `others` further members unknown. It depends on nothing else, so an e-value may use it.
pub(super) fn rates(evidence: &Evidence, play: &Play, known: Option<&[Counts]>) -> Vec<f64> {
    let mut seen = vec![0.0; evidence.batches()];
    let mut expected = vec![1e-12; evidence.batches()];
    for (at, cell) in evidence.cells().iter().enumerate() {
        let class = evidence.class_of(cell);
        if !matches!(class.kind, ItemKind::Canary) || !super::evalue::accuses(class) {
            continue;
        }
        if cell.outcome == Outcome::Seen {
            seen[class.batch] += count(cell.items);
        }
        let p = class.mean_p();
        expected[class.batch] += match known.and_then(|counts| counts.get(at)) {
            Some(counts) => {
                let mean = |k: usize| (1.0 - p) * play.theta_of(k) + p * play.theta_of(k + 1);
                counts.iter().enumerate().map(|(k, items)| count(*items) * mean(k)).sum()
            }
            None => count(cell.items) * play.expected(0, play.size, p),
        };
    }
    seen.iter().zip(&expected).map(|(seen, expected)| (seen / expected).clamp(1e-6, 0.995)).collect()
}
