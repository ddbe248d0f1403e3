//! Leaks from a world of five organizations, from the watchlist to the report.

use dyepack::domain::attribution::Strategy;

use super::dice::Dice;
use super::world::{Leak, Left, Outcome, SHARES, World};

/// Rows of each table.
const ROWS: usize = 1_000_000;
const MONTHS: usize = 24;
const SIZES: [usize; 6] = [20, 50, 200, 1_000, 10_000, 1_000_000];

/// What became of leaks of one kind.
#[derive(Default)]
struct Tally {
    leaks: usize,
    all: usize,
    one: usize,
    windows: usize,
    covered: usize,
    innocent: usize,
    wrong: usize,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.leaks += 1;
        self.all += usize::from(outcome.named == outcome.leakers);
        self.one += usize::from(outcome.named > 0);
        self.windows += usize::from(outcome.is_in_window.is_some());
        self.covered += usize::from(outcome.is_in_window == Some(true));
        self.innocent += outcome.innocent;
        self.wrong += outcome.wrong;
    }

    fn say(&self, what: &str) {
        let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
        println!(
            "{what}: all leakers named {:.3}, at least one {:.3}, the day in the window {:.3} ({} leaks; of {} innocent copies {} named)",
            share(self.all, self.leaks),
            share(self.one, self.leaks),
            share(self.covered, self.windows),
            self.leaks,
            self.innocent,
            self.wrong
        );
    }
}

/// Leaks of every kind: which rows, how many, what is left in them, junk, coalitions, cleaning, rewriting.
pub(crate) fn world(trials: usize) {
    let (world, mut dice, mut all) = (World::new(ROWS, MONTHS), Dice(61), Tally::default());
    let mut of_kind: Vec<(usize, usize, Tally)> = Vec::new();
    for _ in 0..trials {
        let leak = Leak::any(&mut dice, &SIZES);
        let outcome = world.weigh(leak, &mut dice);
        all.add(&outcome);
        let kind = (leak.rows, leak.share);
        let at = of_kind.iter().position(|(rows, share, _)| (*rows, *share) == kind).unwrap_or_else(|| {
            of_kind.push((kind.0, kind.1, Tally::default()));
            of_kind.len() - 1
        });
        of_kind[at].2.add(&outcome);
    }
    of_kind.sort_by_key(|(rows, share, _)| (*share, *rows));
    for (rows, share, tally) in &of_kind {
        tally.say(&format!("share {}, {rows} rows published", SHARES[*share]));
    }
    all.say("all of them");
    one_leaker(&world, trials);
}

/// One leaker, by what is left in the rows, with a fifth of junk.
fn one_leaker(world: &World, trials: usize) {
    for (left, share, rows) in [
        (Left::Cards, 0, 50),
        (Left::Cards, 1, 50),
        (Left::Masked, 0, 60),
        (Left::Masked, 1, 60),
        (Left::Cards, 3, 50),
        (Left::Cards, 3, 1_000_000),
        (Left::Mail, 1, 1_000_000),
    ] {
        let (mut dice, mut tally) = (Dice(67), Tally::default());
        let trials = if rows > 1_000 { trials / 20 } else { trials };
        for _ in 0..trials.max(1) {
            let leak = Leak {
                left,
                share,
                rows,
                junk: 0.2,
                leakers: 1,
                strategy: Strategy::One,
                is_cleaned: false,
                rewritten: 0.1,
                ..Leak::any(&mut dice, &SIZES)
            };
            tally.add(&world.weigh(leak, &mut dice));
        }
        tally.say(&format!("one leaker, share {}, {left:?}, {rows} rows, a fifth junk", SHARES[share]));
    }
}
