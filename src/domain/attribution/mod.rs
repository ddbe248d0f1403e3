//! Which copy leaked, and when, with a bounded chance of naming a wrong one.
//!
//! [`Evidence`] holds the items of one case (planted records, real records of known delivery, renderings); [`attribute`]
//! weighs it. A copy is *named* only if its e-value reaches 2n/ε, or so many of its own unique canaries were hit that
//! chance explains it with probability ε/2n at most: over all n copies, a wrong one is named with probability ε at most,
//! whatever the thief does. Everything else that is known makes the posterior, which names nobody.
//! The unit named is a copy, never a person. Not here: reading what is enrolled (`enrolled`), the report (`report`),
//! making canaries (`mint`).

mod chance;
mod document;
mod enrolled;
mod evalue;
mod evidence;
mod likelihood;
mod numeric;
mod posterior;
mod refute;
mod report;
mod strategy;
mod window;

pub use chance::UniqueHits;
pub use document::Document;
pub use evalue::ln_e_values;
pub use evidence::{Class, Draw, Evidence, ItemKind, Outcome};
pub use posterior::{Origin, Posterior, Prior};
pub use refute::{guilt, ln_ours};
pub use report::{Accused, CustodianLine, EPSILON, Findings, FoundAt, FoundCanary, Report, Verdict, Weighed};
pub use strategy::Strategy;
pub use window::{Mark, Window, window};

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
    /// ln of the e-value that names a copy: 2n/ε.
    pub ln_e_bound: f64,
    /// ln of the chance of unique hits that names a copy: ε/2n.
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
    let custodians = question.evidence.custodians();
    let tests = 2.0 * numeric::count(custodians.max(1));
    let ln_e_bound = (tests / question.epsilon).ln();
    let ln_chance_bound = -ln_e_bound;
    let ln_e = ln_e_values(question.evidence);
    let standings = ln_e.into_iter().enumerate().map(|(custodian, ln_e)| {
        let ln_p = question.unique.get(custodian).map_or(0.0, |unique| unique.ln_p(question.rows));
        let finding = if ln_e >= ln_e_bound || ln_p <= ln_chance_bound { Finding::Named } else { Finding::Open };
        Standing { ln_e, ln_p, finding }
    });
    Answer {
        standings: standings.collect(),
        posterior: Posterior::of(question.evidence, question.prior, question.ln_other),
        ln_e_bound,
        ln_chance_bound,
    }
}
