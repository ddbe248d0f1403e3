//! Leaks as evidence: canaries, records and renderings of one leak against who is named.

use dyepack::domain::attribution::{
    Bounds, Class, Draw, EPSILON, Evidence, ItemKind, Mark, MarkKind, Origin, Outcome, Posterior, Prior, Strategy,
    ln_e_values, ln_ours, window,
};

use super::dice::Dice;

pub(crate) const CUSTODIANS: usize = 20;
/// Holder probabilities of shared canaries, in turn.
pub(crate) const P: [f64; 4] = [0.05, 0.3, 0.6, 0.8];

/// How a leak was made; the first `leakers` custodians did it.
#[derive(Clone, Copy)]
pub(crate) struct Leak {
    pub(crate) leakers: usize,
    pub(crate) strategy: Strategy,
    /// Share of the canaries that is published and found.
    pub(crate) rate: f64,
    /// Chance of any canary to be published by who does not hold it: guessed marks of others.
    pub(crate) guessed: f64,
}

impl Leak {
    fn shows(&self, held: usize, dice: &mut Dice) -> bool {
        dice.chance(self.rate * self.strategy.published(held, self.leakers)) || dice.chance(self.guessed)
    }
}

pub(crate) fn draw(custodians: usize, p: f64, dice: &mut Dice) -> Vec<usize> {
    (0..custodians).filter(|_| dice.chance(p)).collect()
}

pub(crate) fn plant(evidence: &mut Evidence, canaries: usize, leak: Leak, dice: &mut Dice) {
    let custodians = evidence.custodians();
    let classes = P.map(|p| {
        evidence.class(Class {
            kind: ItemKind::Canary,
            draw: Draw::Random,
            batch: 0,
            p: vec![p; custodians],
            by_rule: Vec::new(),
        })
    });
    for canary in 0..canaries {
        let holders = draw(custodians, P[canary % 4], dice);
        let held = holders.iter().filter(|holder| **holder < leak.leakers).count();
        let outcome = if leak.shows(held, dice) { Outcome::Seen } else { Outcome::Unseen };
        evidence.push(classes[canary % 4], &holders, outcome);
    }
}

/// Adds `rows` found rows of a table of which each custodian holds a random share; some are junk that nobody chose.
pub(crate) fn publish(
    evidence: &mut Evidence,
    (rows, share, junk): (usize, f64, f64),
    leakers: usize,
    dice: &mut Dice,
) {
    let custodians = evidence.custodians();
    let class = evidence.class(Class {
        kind: ItemKind::Record,
        draw: Draw::Random,
        batch: 0,
        p: vec![share; custodians],
        by_rule: Vec::new(),
    });
    for _ in 0..rows {
        let mut holders = draw(custodians, share, dice);
        let source = dice.below(leakers.max(1));
        if !dice.chance(junk) && !holders.contains(&source) {
            holders.push(source);
        }
        evidence.push(class, &holders, Outcome::Seen);
    }
}

/// Adds renderings as the first custodian's copy shows them; the seller rewrote some, so that they say nothing.
pub(crate) fn render(evidence: &mut Evidence, marks: usize, changed: f64, dice: &mut Dice) {
    let p = vec![0.5; evidence.custodians()];
    let class = Class { kind: ItemKind::Variant, draw: Draw::Random, batch: 0, p, by_rule: Vec::new() };
    let class = evidence.class(class);
    for _ in 0..marks {
        let holders = draw(evidence.custodians(), 0.5, dice);
        let is_second = if dice.chance(changed) { dice.chance(0.5) } else { holders.contains(&0) };
        evidence.push(class, &holders, if is_second { Outcome::Seen } else { Outcome::Unseen });
    }
}

pub(crate) fn bound(custodians: usize) -> f64 {
    Bounds::new(custodians, EPSILON).ln_e
}

/// Counts trials in which all leakers, at least one, and any innocent were named.
#[derive(Default)]
struct Named {
    all: usize,
    one: usize,
    innocent: usize,
}

impl Named {
    fn add(&mut self, evidence: &Evidence, leakers: usize) {
        let named: Vec<bool> =
            ln_e_values(evidence).into_iter().map(|ln_e| ln_e >= bound(evidence.custodians())).collect();
        self.all += usize::from(named[..leakers].iter().all(|is_named| *is_named));
        self.one += usize::from(named[..leakers].iter().any(|is_named| *is_named));
        self.innocent += named[leakers..].iter().filter(|is_named| **is_named).count();
    }
}

pub(crate) fn dumps(trials: usize) {
    println!("shared canaries, {trials} leaks each: all leakers named / at least one / innocent copies named");
    for (leakers, canaries, rate) in [
        (1, 100, 1.0),
        (1, 400, 0.3),
        (1, 400, 0.1),
        (2, 100, 1.0),
        (2, 200, 1.0),
        (2, 400, 1.0),
        (2, 400, 0.5),
        (2, 400, 0.3),
        (3, 200, 1.0),
        (3, 400, 1.0),
        (3, 600, 1.0),
        (3, 600, 0.5),
    ] {
        for strategy in Strategy::ALL {
            let mut dice = Dice(7);
            let mut named = Named::default();
            for _ in 0..trials {
                let mut evidence = Evidence::new(CUSTODIANS);
                plant(&mut evidence, canaries, Leak { leakers, strategy, rate, guessed: 0.0 }, &mut dice);
                named.add(&evidence, leakers);
            }
            let share = |count: usize| count as f64 / trials as f64;
            println!(
                "{canaries:4} canaries, {:3.0} % published, {leakers} leakers, {strategy:?}: {:.3} / {:.3} / {}",
                rate * 100.0,
                share(named.all),
                share(named.one),
                named.innocent
            );
            if leakers == 1 {
                break;
            }
        }
    }
}

/// Of the rows published, so many are of nobody and never found, and so many are the organization's but from no copy of the
/// leaker's; nine in ten of the organization's are found.
pub(crate) fn rows(trials: usize) {
    println!("real records, one leaker, {trials} leaks each: named (top of the posterior)");
    for share in [0.3, 0.5, 0.8] {
        for (foreign, stray) in [(0.0, 0.0), (0.2, 0.0), (0.0, 0.2), (0.8, 0.0)] {
            for rows in [30, 50, 100, 300] {
                let (mut named, mut top, mut dice) = (Named::default(), 0, Dice(9));
                for _ in 0..trials {
                    let mut evidence = Evidence::new(CUSTODIANS);
                    let found = (0..rows).filter(|_| dice.chance((1.0 - foreign) * 0.9)).count();
                    publish(&mut evidence, (found, share, stray / (1.0 - foreign)), 1, &mut dice);
                    named.add(&evidence, 1);
                    let posterior = Posterior::of(&evidence, &Prior::even(CUSTODIANS), -1e3);
                    top += usize::from(posterior.marginals[1..].iter().all(|other| *other < posterior.marginals[0]));
                }
                println!(
                    "share {share}, {rows:3} rows, {:2.0} % of nobody, {:2.0} % from no copy: {:.3} ({:.3}), innocent {}",
                    foreign * 100.0,
                    stray * 100.0,
                    named.all as f64 / trials as f64,
                    top as f64 / trials as f64,
                    named.innocent
                );
            }
        }
    }
}

/// Rows with two masked fields: most lead to one record, some to a wrong one; those that lead to several are left out.
pub(crate) fn masked(trials: usize) {
    println!("rows with two masked fields, one leaker, {trials} leaks each: named");
    for share in [0.3, 0.5] {
        for (rows, several, wrong) in [(60, 0.05, 0.02), (60, 0.3, 0.1)] {
            let (mut named, mut dice) = (Named::default(), Dice(13));
            for _ in 0..trials {
                let mut evidence = Evidence::new(CUSTODIANS);
                let single = (0..rows).filter(|_| !dice.chance(several)).count();
                publish(&mut evidence, (single, share, wrong), 1, &mut dice);
                named.add(&evidence, 1);
            }
            println!(
                "share {share}, {rows} rows, {:.0} % ambiguous, {:.0} % wrong: {:.3}, innocent {}",
                several * 100.0,
                wrong * 100.0,
                named.all as f64 / trials as f64,
                named.innocent
            );
        }
    }
}

/// Whole copies, each row rendered by its copy's own secret; the seller rewrites some renderings.
pub(crate) fn renderings(trials: usize) {
    println!("renderings of real rows, whole copies, one leaker, {trials} leaks each: named");
    for (kinds, changed) in [(1, 0.1), (3, 0.1), (3, 0.5)] {
        for rows in [10, 25, 50, 100, 200] {
            let (mut named, mut dice) = (Named::default(), Dice(41));
            for _ in 0..trials {
                let mut evidence = Evidence::new(CUSTODIANS);
                render(&mut evidence, rows * kinds, changed, &mut dice);
                named.add(&evidence, 1);
            }
            println!(
                "{kinds} a row, {:.0} % rewritten, {rows:3} rows: {:.3}, innocent {}",
                changed * 100.0,
                named.all as f64 / trials as f64,
                named.innocent
            );
        }
    }
}

/// The leakers remove what their classifier calls fake, at an area under its curve of .55: of canaries a little more than of
/// rows.
pub(crate) fn cleaned(trials: usize) {
    println!(
        "what a classifier calls fake is removed, whole dumps, {trials} leaks each: all leakers named / at least one"
    );
    for (leakers, canaries) in [(1, 200), (2, 400), (3, 600)] {
        for (removed, limit) in [(0.2, 0.84), (0.5, 0.0)] {
            let (mut named, mut dice) = (Named::default(), Dice(53));
            // Scores of canaries lie .178 above those of rows; whatever is above the limit is removed.
            let rate = (0..10_000).filter(|_| dice.normal() + 0.178 <= limit).count() as f64 / 1e4;
            for trial in 0..trials {
                let mut evidence = Evidence::new(CUSTODIANS);
                let leak = Leak { leakers, strategy: Strategy::ALL[trial % 5], rate, guessed: 0.0 };
                plant(&mut evidence, canaries, leak, &mut dice);
                named.add(&evidence, leakers);
            }
            println!(
                "{leakers} leakers, {canaries} canaries, {:.0} % of the rows and {:.0} % of the canaries removed: \
                 {:.3} / {:.3}, innocent {}",
                removed * 100.0,
                (1.0 - rate) * 100.0,
                named.all as f64 / trials as f64,
                named.one as f64 / trials as f64,
                named.innocent
            );
        }
    }
}

pub(crate) fn framing(trials: usize) {
    println!("a leaker adds guessed marks of others, {trials} leaks each: leaker named, innocent copies named");
    for guessed in [0.05, 0.2, 0.5] {
        let (mut named, mut dice) = (Named::default(), Dice(17));
        for _ in 0..trials {
            let mut evidence = Evidence::new(CUSTODIANS);
            plant(&mut evidence, 400, Leak { leakers: 1, strategy: Strategy::One, rate: 1.0, guessed }, &mut dice);
            named.add(&evidence, 1);
        }
        println!("{guessed}: {:.3}, innocent {}", named.all as f64 / trials as f64, named.innocent);
    }
}

pub(crate) fn forged(trials: usize) {
    let mut dice = Dice(19);
    let told = |rate: f64, dice: &mut Dice| {
        let hits = (0..10).filter(|_| dice.chance(rate)).count() as u64;
        ln_ours(10, hits, 0.9, 0.07)
    };
    let refuted = (0..trials).filter(|_| told(0.07, &mut dice) < -(100.0_f64.ln())).count();
    let confirmed = (0..trials).filter(|_| told(0.9, &mut dice) > 100.0_f64.ln()).count();
    println!(
        "ten rows, base rate 7 %: forged claims refuted {:.4}, true ones confirmed {:.4}",
        refuted as f64 / trials as f64,
        confirmed as f64 / trials as f64
    );
}

pub(crate) fn windows(trials: usize) {
    let (mut dice, mut covered, mut days) = (Dice(23), 0, 0);
    for trial in 0..trials {
        let rate = [1.0, 0.5, 0.1][trial % 3];
        let day = i32::try_from(dice.below(720)).unwrap_or_default();
        let marks: Vec<Mark> = (0..24 * 20)
            .map(|mark| {
                let from = mark / 20 * 30;
                let until = (mark % 4 == 0).then_some(from + 180);
                let lives = from <= day && until.is_none_or(|until| day < until);
                let outcome = if lives && dice.chance(rate) { Outcome::Seen } else { Outcome::Unseen };
                Mark { from: Some(from), until, outcome, kind: MarkKind::Counted }
            })
            .collect();
        if let Some(window) = window(&marks, 0, 719) {
            covered += usize::from(window.from <= day && day <= window.to);
            days += window.to - window.from + 1;
        }
    }
    println!(
        "24 plantings: the 95 % window holds the day in {:.3} of {trials}, {:.0} days long on average",
        covered as f64 / trials as f64,
        f64::from(days) / trials as f64
    );
}

/// Few rows, so that the posterior is undecided: of the copies given 20–80 %, so many should be the leaker.
pub(crate) fn calibration(trials: usize) {
    let mut dice = Dice(29);
    let mut bins = [(0_usize, 0.0, 0_usize); 5];
    for _ in 0..trials {
        let (leaker, noise) = (dice.below(CUSTODIANS), [0.02, 0.2, 0.5, 0.8][dice.below(4)]);
        let mut evidence = Evidence::new(CUSTODIANS);
        let class = evidence.class(Class {
            kind: ItemKind::Record,
            draw: Draw::Random,
            batch: 0,
            p: vec![0.5; CUSTODIANS],
            by_rule: Vec::new(),
        });
        for _ in 0..12 {
            let mut holders = draw(CUSTODIANS, 0.5, &mut dice);
            if !dice.chance(noise) && !holders.contains(&leaker) {
                holders.push(leaker);
            }
            evidence.push(class, &holders, Outcome::Seen);
        }
        let posterior = Posterior::of(&evidence, &Prior::even(CUSTODIANS), -1e3);
        let singles: f64 = (0..CUSTODIANS).map(|one| posterior.probability(&Origin::Copies(vec![one]))).sum();
        for one in 0..CUSTODIANS {
            let probability = posterior.probability(&Origin::Copies(vec![one])) / singles;
            let bin = &mut bins[((probability * 5.0) as usize).min(4)];
            *bin = (bin.0 + 1, bin.1 + probability, bin.2 + usize::from(one == leaker));
        }
    }
    for (count, sum, right) in bins.into_iter().filter(|(count, _, _)| *count > 0) {
        println!("said {:.3}, was {:.3} ({count} copies)", sum / count as f64, right as f64 / count as f64);
    }
}
