//! Charts as SVG made here: no script, no colours of their own (the style sheet gives them), a table of the same beside each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// A small line of days beside a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spark {
    values: Vec<u64>,
}

impl Spark {
    /// Sums what is given by day, for so many days up to now.
    pub(crate) fn of_days(points: impl Iterator<Item = (Timestamp, u64)>, now: Timestamp, days: i64) -> Self {
        let today = now.as_millisecond().div_euclid(DAY_MS);
        let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
        for (at, value) in points {
            *sums.entry(at.as_millisecond().div_euclid(DAY_MS)).or_default() += value;
        }
        let values = (today - days + 1..=today).map(|day| sums.get(&day).copied().unwrap_or(0)).collect();
        Self { values }
    }

    /// Draws it; `title` is what a screen reader says.
    pub(crate) fn svg(&self, title: &str) -> String {
        let (width, height) = (112_u64, 22_u64);
        let most = self.values.iter().copied().max().unwrap_or(0).max(1);
        let step = width / (self.values.len() as u64).max(1);
        let mut bars = String::new();
        for (position, value) in self.values.iter().enumerate() {
            let tall = if *value == 0 { 1 } else { (value * (height - 2)).div_ceil(most).max(2) };
            let class = if *value == 0 { "none" } else { "on" };
            let (x, y) = (position as u64 * step, height - tall);
            let _ =
                write!(bars, r#"<rect class="{class}" x="{x}" y="{y}" width="{}" height="{tall}"/>"#, step.max(2) - 1);
        }
        format!(
            r#"<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{}">{bars}</svg>"#,
            escape(title)
        )
    }
}

/// Stacked bars by day.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    /// Start of the first day, and how many days there are.
    pub(crate) first: Timestamp,
    /// How many days.
    pub(crate) days: usize,
    /// Names, the largest first, each with a value for every day.
    pub(crate) series: Vec<(String, Vec<u64>)>,
}

/// Colours that the style sheet has.
const COLOURS: usize = 6;

impl Stacks {
    /// Sums by name and day; names beyond the colours there are become one.
    pub(crate) fn of_days(
        points: impl Iterator<Item = (String, Timestamp, u64)>,
        (now, days): (Timestamp, usize),
        others: &str,
    ) -> Self {
        let today = now.as_millisecond().div_euclid(DAY_MS);
        let first_day = today - i64::try_from(days).unwrap_or(i64::MAX) + 1;
        let mut by_name: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (name, at, value) in points {
            let day = at.as_millisecond().div_euclid(DAY_MS) - first_day;
            let Some(place) = usize::try_from(day).ok().filter(|day| *day < days) else { continue };
            if let Some(sum) = by_name.entry(name).or_insert_with(|| vec![0; days]).get_mut(place) {
                *sum += value;
            }
        }
        let mut series: Vec<(String, Vec<u64>)> = by_name.into_iter().collect();
        series.sort_by_key(|(_, values)| std::cmp::Reverse(values.iter().sum::<u64>()));
        if series.len() > COLOURS {
            let rest = series.split_off(COLOURS - 1);
            let mut sums = vec![0; days];
            for (_, values) in rest {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
            series.push((others.to_owned(), sums));
        }
        let first = Timestamp::from_millisecond(first_day * DAY_MS).unwrap_or(now);
        Self { first, days, series }
    }

    /// Tells whether there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.iter().all(|(_, values)| values.iter().all(|value| *value == 0))
    }

    /// Draws them; `title` is what a screen reader says.
    pub(crate) fn svg(&self, title: &str) -> String {
        let (width, height, left, bottom) = (720_u64, 200_u64, 34_u64, 18_u64);
        let totals: Vec<u64> =
            (0..self.days).map(|day| self.series.iter().filter_map(|(_, values)| values.get(day)).sum()).collect();
        let top = nice(totals.iter().copied().max().unwrap_or(0));
        let (room, step) = (height - bottom - 8, (width - left) / (self.days as u64).max(1));
        let mut marks = String::new();
        for part in 0..=2 {
            let y = 8 + room - room * part / 2;
            let _ = write!(
                marks,
                r#"<line class="grid" x1="{left}" x2="{width}" y1="{y}" y2="{y}"/><text class="tick" x="{}" y="{}" text-anchor="end">{}</text>"#,
                left - 5,
                y + 4,
                top * part / 2
            );
        }
        for day in 0..self.days {
            let x = left + day as u64 * step;
            let mut base = 8 + room;
            for (number, (_, values)) in self.series.iter().enumerate() {
                let value = values.get(day).copied().unwrap_or(0);
                if value == 0 {
                    continue;
                }
                let tall = (value * room).div_ceil(top).max(1);
                base = base.saturating_sub(tall).max(8);
                let _ = write!(
                    marks,
                    r#"<rect class="s{number}" x="{}" y="{base}" width="{}" height="{tall}"/>"#,
                    x + 1,
                    step.max(3) - 2
                );
            }
            if day % 7 == 0 {
                let days = i64::try_from(day).unwrap_or(0);
                let at = Timestamp::from_millisecond(self.first.as_millisecond() + days * DAY_MS).unwrap_or(self.first);
                let _ =
                    write!(marks, r#"<text class="tick" x="{x}" y="{}">{}</text>"#, height - 4, at.strftime("%m-%d"));
            }
        }
        format!(
            r#"<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{}">{marks}</svg>"#,
            escape(title)
        )
    }
}

/// Bars beside each other, each as long as its share of the longest.
pub(crate) fn bar(value: u64, most: u64, class: &str) -> String {
    let width = (value * 200).div_ceil(most.max(1)).min(200);
    format!(
        r#"<svg class="hbar" viewBox="0 0 200 10" width="200" height="10" aria-hidden="true"><rect class="track" width="200" height="10"/><rect class="{class}" width="{width}" height="10"/></svg>"#
    )
}

/// The next of 2, 4, 10, 20, 40, 100 …: its half is a whole number, too.
fn nice(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for factor in [2, 4, 10] {
            let top = unit.saturating_mul(factor);
            if top >= most {
                return top;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millisecond(day * DAY_MS + 5).unwrap()
    }

    #[test]
    fn days_are_summed_and_what_lies_outside_is_left_out() {
        let points = [(at(10), 2), (at(10), 3), (at(8), 1), (at(2), 9), (at(11), 9)];
        assert_eq!(Spark::of_days(points.into_iter(), at(10), 4).values, [0, 1, 0, 5]);
    }

    #[test]
    fn names_beyond_the_colours_become_one() {
        let points = (0..9_u64).map(|number| (format!("n{number}"), at(3), number + 1));
        let stacks = Stacks::of_days(points, (at(3), 2), "others");
        assert_eq!(stacks.series.len(), COLOURS);
        assert_eq!(stacks.series[0], ("n8".to_owned(), vec![0, 9]));
        assert_eq!(stacks.series[5], ("others".to_owned(), vec![0, 1 + 2 + 3 + 4]));
        assert!(!stacks.is_empty() && Stacks::default().is_empty());
    }

    #[test]
    fn an_axis_ends_at_a_round_number() {
        let tops: Vec<u64> = [0, 1, 3, 5, 11, 21, 99, 101].map(nice).to_vec();
        assert_eq!(tops, [2, 2, 4, 10, 20, 40, 100, 200]);
        assert!(nice(u64::MAX) == u64::MAX);
    }

    #[test]
    fn what_a_site_calls_itself_is_text() {
        let spark = Spark { values: vec![1] };
        assert!(!spark.svg("\"><script>").contains("<script>"));
    }
}
