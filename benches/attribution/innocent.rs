//! Innocent copies in leaks of all kinds: none may be named.

use std::time::Instant;

use dyepack::domain::attribution::{Evidence, Strategy, ln_e_values};

use super::cpu;
use super::dice::Dice;
use super::leaks::{Leak, bound, plant, publish, render};

/// Custodians of the leaks of one round: of a thousand, an innocent one costs least to test; of twenty, it is as usual.
const ROUND: [usize; 14] = [1000, 1000, 1000, 1000, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20];
/// E-values that are counted, for comparison with what Markov's inequality allows.
const LEVELS: [f64; 6] = [10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

struct Tally {
    leaks: usize,
    tests: usize,
    named: usize,
    above: [usize; 6],
    /// Largest ln E, from the bound.
    most: f64,
}

/// Makes leaks by one to three copies until so many innocent ones have been tested.
pub(crate) fn innocent(tests: usize) {
    let (mut dice, start) = (Dice(37), Instant::now());
    let mut tally = Tally { leaks: 0, tests: 0, named: 0, above: [0; 6], most: f64::NEG_INFINITY };
    let mut told = 0;
    while tally.tests < tests {
        for many in ROUND {
            tally.leak(many, &mut dice);
        }
        if tally.tests / 1_000_000 > told {
            told = tally.tests / 1_000_000;
            tally.say(start);
        }
    }
    tally.say(start);
    for (level, above) in LEVELS.into_iter().zip(tally.above) {
        println!("E of {level:.0} or more: {:.2e} of them; allowed {:.0e}", share(above, tally.tests), 1.0 / level);
    }
}

impl Tally {
    fn leak(&mut self, many: usize, dice: &mut Dice) {
        let leak = Leak {
            leakers: 1 + self.leaks % 3,
            strategy: dice.pick(&Strategy::ALL),
            rate: dice.pick(&[1.0, 0.9, 0.3, 0.05]),
            guessed: dice.pick(&[0.0, 0.0, 0.02, 0.3]),
        };
        let mut evidence = Evidence::new(many);
        plant(&mut evidence, dice.pick(&[60, 200, 400]), leak, dice);
        if dice.chance(0.3) {
            let how = (20 + dice.below(200), dice.pick(&[0.3, 0.5, 0.8]), dice.pick(&[0.0, 0.2, 0.8]));
            publish(&mut evidence, how, leak.leakers, dice);
        }
        if dice.chance(0.2) {
            render(&mut evidence, 20 + dice.below(100), dice.pick(&[0.1, 0.5]), dice);
        }
        for ln_e in ln_e_values(&evidence).into_iter().skip(leak.leakers) {
            self.tests += 1;
            self.named += usize::from(ln_e >= bound(many));
            self.most = self.most.max(ln_e - bound(many));
            for (above, level) in self.above.iter_mut().zip(LEVELS) {
                *above += usize::from(ln_e >= level.ln());
            }
        }
        self.leaks += 1;
    }

    fn say(&self, start: Instant) {
        println!(
            "{} tests of innocent copies in {} leaks: {} named; the nearest ln E was {:.1} below the bound; {:.0} s of CPU, {:.0} s",
            self.tests,
            self.leaks,
            self.named,
            -self.most,
            cpu(),
            start.elapsed().as_secs_f64()
        );
    }
}

fn share(count: usize, of: usize) -> f64 {
    count as f64 / of.max(1) as f64
}
