//! Which copy leaked, and when, with a bounded chance of naming a wrong one.
//!
//! [`Evidence`] holds the items of one case (planted records, real records of known delivery, renderings); [`attribute`]
//! weighs it. A copy is *named* only if its e-value reaches n/.9ε, or so many of its own unique canaries were hit that
//! chance explains it with probability .1ε/n at most: over all n copies, a wrong one is named with probability ε at most,
//! whatever the thief does. Everything else that is known makes the posterior, which names nobody.
//! The unit named is a copy, never a person. Not here: reading what is enrolled (`enrolled`), the report (`report`),
//! making canaries (`mint`).

mod chance;
mod document;
mod enrolled;
mod evalue;
mod evidence;
mod exposure;
mod findings;
mod likelihood;
mod numeric;
mod overlaps;
mod partners;
mod posterior;
mod randomness;
mod records;
mod refute;
mod report;
mod strategy;
mod window;

pub use chance::UniqueHits;
pub use document::Document;
pub use evalue::ln_e_values;
pub use evidence::{Class, Draw, Evidence, ItemKind, Outcome};
pub use exposure::{Exposure, Leak};
pub use findings::{Filed, Findings, FoundCanary, FoundRecord, Tested};
pub use posterior::{Origin, Posterior, Prior};
pub use randomness::Randomness;
pub use refute::{guilt, ln_ours};
pub use report::{Accused, CustodianLine, EPSILON, FoundAt, RecordLine, Report, Verdict, Weighed};
pub use strategy::Strategy;
pub use window::{Mark, MarkKind, Window, window};

/// What is asked of one case.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Items, with who holds them and which were seen.
    pub evidence: &'a Evidence,
    /// Each custodian's hits of canaries that it alone holds.
    pub unique: &'a [UniqueHits],
    /// What was thought before.
    pub prior: &'a Prior,
    /// Rows that were published, as far as known; an upper bound where it is not.
    pub rows: f64,
    /// Largest probability, over all copies, to name one that did not leak.
    pub epsilon: f64,
    /// ln of the likelihood of the findings in foreign data.
    pub ln_other: f64,
}

/// What the evidence says of each copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// One for each custodian, in their order.
    pub standings: Vec<Standing>,
    /// How probable each origin is.
    pub posterior: Posterior,
    /// ln of the e-value that names a copy: n/.9ε.
    pub ln_e_bound: f64,
    /// ln of the chance of unique hits that names a copy: .1ε/n.
    pub ln_chance_bound: f64,
}

/// What the evidence says of one copy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// ln of its e-value.
    pub ln_e: f64,
    /// ln of the chance that its unique canaries were hit by accident.
    pub ln_p: f64,
    /// Whether it is named.
    pub finding: Finding,
}

/// Whether a copy is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The findings are consistent with this copy, within the bound.
    Named,
    /// They are not enough.
    Open,
}

/// Weighs the evidence of one case. Deterministic.
pub fn attribute(question: &Question<'_>) -> Answer {
    let bounds = Bounds::new(question.evidence.custodians(), question.epsilon);
    Answer {
        standings: standings(question.evidence, question.unique, (question.rows, question.epsilon)),
        posterior: Posterior::of(question.evidence, question.prior, question.ln_other),
        ln_e_bound: bounds.ln_e,
        ln_chance_bound: bounds.ln_chance,
    }
}

/// What names a copy. Nine tenths of the error are spent on e-values: a hit by chance is told by far or not at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// ln of the e-value from which on a copy is named.
    pub ln_e: f64,
    /// ln of the chance of hits up to which a copy is named.
    pub ln_chance: f64,
}

impl Bounds {
    /// Splits the error over all copies.
    pub fn new(copies: usize, epsilon: f64) -> Self {
        let each = epsilon / numeric::count(copies.max(1));
        Self { ln_e: -(0.9 * each).ln(), ln_chance: (0.1 * each).ln() }
    }
}

/// Tells of each copy whether it is named, without weighing other origins.
fn standings(evidence: &Evidence, unique: &[UniqueHits], (rows, epsilon): (f64, f64)) -> Vec<Standing> {
    let bounds = Bounds::new(evidence.custodians(), epsilon);
    let standings = ln_e_values(evidence).into_iter().enumerate().map(|(custodian, ln_e)| {
        let ln_p = unique.get(custodian).map_or(0.0, |unique| unique.ln_p(rows));
        let finding = if ln_e >= bounds.ln_e || ln_p <= bounds.ln_chance { Finding::Named } else { Finding::Open };
        Standing { ln_e, ln_p, finding }
    });
    standings.collect()
}
