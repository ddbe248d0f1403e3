//! When the copy was taken: marks come and go, and what was found tells which were in the copy.
//!
//! Each day is weighed by the likelihood that a copy taken on it shows what was found. The answer runs from the first to the
//! last day that is not much less likely than the best, and holds 95 % of the weight at least: days that nothing tells apart
//! are all in it or all out, whatever was thought of them before. Days are numbers here; the calendar belongs to the caller.

use super::evidence::Outcome;
use super::likelihood::canary_seen;
use super::numeric::{count, log_sum_exp, rounded};

/// A mark that the copy held while it lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// First day in the copies; `None` for as long as there are copies.
    pub from: Option<i32>,
    /// First day no longer in them.
    pub until: Option<i32>,
    /// Whether it was found.
    pub outcome: Outcome,
    /// What it is.
    pub kind: MarkKind,
}

/// What a mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// One of marks of which it is known which were not found: how many were tells how much of the copy was published.
    Counted,
    /// One of the rows that were found, whatever others there are: it tells that it lived, and nothing else.
    Sampled,
}

/// The days between which the copy was taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// First day.
    pub from: i32,
    /// Last day.
    pub to: i32,
    /// Probability that the day lies between them, given that one of the days asked for is it.
    pub probability: f64,
}

/// Rates of publication times finding, over which the likelihood is averaged.
const RATES: [f64; 10] = [0.98, 0.9, 0.75, 0.5, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4];
/// Share of the weight that the window holds at least.
const COVER: f64 = 0.95;
/// A day that is less likely than the best by this factor may be left out.
const LEAST_RATIO: f64 = 0.05;
/// Longest span of days that is looked at.
const MOST_DAYS: i32 = 40_000;

/// Finds the days, among `first..=last`, on which the copy was taken; `None` if there are no such days.
pub fn window(marks: &[Mark], first: i32, last: i32) -> Option<Window> {
    let days =
        usize::try_from(last.checked_sub(first)?.checked_add(1)?.min(MOST_DAYS)).ok().filter(|days| *days > 0)?;
    let living = Living::count(marks, first, days);
    let ln_weights: Vec<f64> = (0..days).map(|day| living.ln_likelihood(day)).collect();
    let total = log_sum_exp(&ln_weights);
    let weights: Vec<f64> = ln_weights.iter().map(|weight| (weight - total).exp()).collect();
    let (start, end) = likely(&weights);
    let probability = rounded(weights[start..=end].iter().sum::<f64>().min(1.0), 4);
    let day = |at: usize| i32::try_from(at).map_or(last, |at| first + at);
    Some(Window { from: day(start), to: day(end), probability })
}

/// For each day, how many marks live that were found, and that were not.
struct Living {
    seen: Vec<i64>,
    unseen: Vec<i64>,
    sampled: Vec<i64>,
    all_seen: i64,
    all_unseen: i64,
    all_sampled: i64,
}

impl Living {
    fn count(marks: &[Mark], first: i32, days: usize) -> Self {
        let at = |day: i32| usize::try_from(day.saturating_sub(first)).unwrap_or(0).min(days);
        let [mut seen, mut unseen, mut sampled] = [0; 3].map(|steps| vec![steps; days + 1]);
        let (mut all_seen, mut all_unseen, mut all_sampled) = (0, 0, 0);
        for mark in marks {
            let (steps, all) = match (mark.kind, mark.outcome) {
                (MarkKind::Counted, Outcome::Seen) => (&mut seen, &mut all_seen),
                (MarkKind::Counted, Outcome::Unseen) => (&mut unseen, &mut all_unseen),
                (MarkKind::Sampled, Outcome::Seen) => (&mut sampled, &mut all_sampled),
                (MarkKind::Sampled, Outcome::Unseen) => continue,
            };
            *all += 1;
            steps[mark.from.map_or(0, at)] += 1;
            steps[mark.until.map_or(days, at)] -= 1;
        }
        for steps in [&mut seen, &mut unseen, &mut sampled] {
            let mut living = 0;
            for step in steps {
                living += *step;
                *step = living;
            }
        }
        Self { seen, unseen, sampled, all_seen, all_unseen, all_sampled }
    }

    fn ln_likelihood(&self, day: usize) -> f64 {
        let number = |marks: i64| count(usize::try_from(marks).unwrap_or_default());
        let (seen, unseen) = (number(self.seen[day]), number(self.unseen[day]));
        let (gone_seen, gone_unseen) = (number(self.all_seen) - seen, number(self.all_unseen) - unseen);
        let stray = canary_seen(0.0, 0.0);
        let gone_seen = gone_seen + number(self.all_sampled - self.sampled[day]);
        let gone = gone_seen * stray.ln() + gone_unseen * (1.0 - stray).ln();
        let each = RATES.map(|rate| {
            let found = canary_seen(rate, 1.0);
            seen * found.ln() + unseen * (1.0 - found).ln()
        });
        log_sum_exp(&each) + gone
    }
}

/// Finds the run from the first to the last of the days that are likely enough, or needed to hold the cover.
fn likely(weights: &[f64]) -> (usize, usize) {
    let mut days: Vec<(usize, f64)> = weights.iter().copied().enumerate().collect();
    days.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    let least = days.first().map_or(0.0, |(_, weight)| weight * LEAST_RATIO);
    let (mut start, mut end, mut held) = (weights.len().saturating_sub(1), 0, 0.0);
    for (day, weight) in days {
        if weight < least && held >= COVER {
            break;
        }
        (start, end, held) = (start.min(day), end.max(day), held + weight);
    }
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(from: i32, until: Option<i32>, outcome: Outcome) -> Mark {
        Mark { from: Some(from), until, outcome, kind: MarkKind::Counted }
    }

    #[test]
    fn rows_that_were_found_tell_nothing_of_canaries_that_were_not() {
        let mut marks: Vec<Mark> =
            (0..24_i32).flat_map(|month| (0..20).map(move |_| mark(month * 30, None, Outcome::Unseen))).collect();
        let rows = Mark { kind: MarkKind::Sampled, ..mark(0, None, Outcome::Seen) };
        marks.extend([rows; 50]);
        let window = window(&marks, 0, 719).unwrap();
        assert!(window.to > 500, "a sample of fifty rows holds no canary, whenever it was taken: {window:?}");
        marks.extend([Mark { kind: MarkKind::Sampled, ..mark(300, None, Outcome::Seen) }; 3]);
        assert!(super::window(&marks, 0, 719).unwrap().from >= 300, "rows that were delivered later");
    }

    #[test]
    fn a_copy_is_younger_than_what_it_holds_and_older_than_what_it_lacks() {
        let marks: Vec<Mark> = (0..24_i32)
            .flat_map(|month| {
                let outcome = if month < 10 { Outcome::Seen } else { Outcome::Unseen };
                (0..20).map(move |_| mark(month * 30, None, outcome))
            })
            .collect();
        let window = window(&marks, 0, 800).unwrap();
        assert_eq!((window.from, window.to), (270, 299));
        assert!(window.probability >= 0.95);
    }

    #[test]
    fn a_retired_mark_that_is_found_bounds_the_day_from_above() {
        let mut marks = vec![mark(100, Some(130), Outcome::Seen); 12];
        marks.extend([mark(130, None, Outcome::Unseen); 12]);
        let window = window(&marks, 0, 400).unwrap();
        assert!(window.from >= 100 && window.to < 130, "{window:?}");
    }

    #[test]
    fn without_marks_every_day_is_as_good_as_another() {
        let window = window(&[], 10, 109).unwrap();
        assert_eq!(window.to - window.from + 1, 100);
        assert_eq!(super::window(&[], 10, 9), None);
        assert!(super::window(&[], i32::MIN, i32::MAX).is_none());
    }
}
