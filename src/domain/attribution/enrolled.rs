//! Turns what is enrolled and what a case found into evidence.
//!
//! A canary with a probability `p` was given to each custodian by a secret random choice (`mint`): it may name one of its
//! holders. A canary of one holder alone names it through chance hits. Any other canary was given out nobody knows how:
//! it enters the posterior only. Not here: the mathematics (`evalue`, `chance`, `posterior`), the words (`report`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::findings::Findings;
use super::records::Records;
use super::window::{Mark, MarkKind};
use super::{Class, Draw, Evidence, ItemKind, Outcome, Prior, UniqueHits};
use crate::domain::watchlist::{Canary, Chance, OWNER, Watchlist};

/// Batches of fewer canaries share their dataset's rate.
const LEAST_BATCH: usize = 30;
/// Rows that a leak of unknown size is taken to have, unless its datasets have more.
pub(super) const ROWS_ASSUMED: u64 = 1_000_000;
/// What [`UniqueHits`] allows for a canary's fields.
const WAYS_BITS: f64 = 7.0;

/// One case against one watchlist.
#[derive(Debug)]
pub(super) struct Enrolled<'a> {
    /// Codes of the custodians, sorted.
    pub(super) codes: Vec<&'a str>,
    /// Canaries that were planted by the day of the leak, by id, with how well each was found.
    pub(super) canaries: Vec<(&'a Canary, Option<u32>)>,
    /// Rows published, or an upper bound.
    pub(super) rows: u64,
    watchlist: &'a Watchlist,
    pub(super) findings: &'a Findings,
}

/// What role a canary plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Given to each custodian with a probability of its own.
    Drawn,
    /// Held by one custodian alone.
    Unique,
    /// Held by some, nobody knows why by those.
    Shared,
}

impl<'a> Enrolled<'a> {
    pub(super) fn new(watchlist: &'a Watchlist, findings: &'a Findings) -> Self {
        let mut codes: Vec<&str> =
            watchlist.organization.custodians.iter().map(|custodian| custodian.code.as_str()).collect();
        codes.sort_unstable();
        let bits: BTreeMap<&str, u32> =
            findings.canaries.iter().map(|found| (found.canary.as_str(), found.bits)).collect();
        let canaries: Vec<(&Canary, Option<u32>)> = watchlist
            .canaries
            .iter()
            .map(|canary| (canary, bits.get(canary.id.as_str()).copied()))
            .filter(|(canary, found)| {
                found.is_some() || canary.planted_at.is_none_or(|day| day <= findings.published_by)
            })
            .collect();
        let datasets: BTreeSet<&str> =
            canaries.iter().filter(|(_, found)| found.is_some()).map(|(canary, _)| canary.dataset.as_str()).collect();
        let largest = watchlist.organization.datasets.iter().filter(|dataset| datasets.contains(dataset.id.as_str()));
        let tested = findings.tested.iter().map(|tested| tested.rows);
        let known = largest.filter_map(|dataset| dataset.rows).chain(tested);
        let rows = known.chain([ROWS_ASSUMED]).max().unwrap_or(ROWS_ASSUMED);
        Self { codes, canaries, rows: findings.rows.unwrap_or(rows), watchlist, findings }
    }

    /// Returns the numbers of the custodians that hold a canary.
    pub(super) fn holders(&self, canary: &Canary) -> Vec<usize> {
        canary.holders.iter().filter_map(|code| self.codes.binary_search(&code.as_str()).ok()).collect()
    }

    pub(super) fn evidence(&self) -> Evidence {
        let mut evidence = Evidence::new(self.codes.len());
        let (batches, parties) = (self.batches(), self.parties());
        let mut classes: BTreeMap<(Planting<'_>, Option<Chance>), usize> = BTreeMap::new();
        for (canary, found) in &self.canaries {
            let planting = planting(canary);
            let class = *classes.entry((planting, canary.p)).or_insert_with(|| {
                let took_part = parties.get(&planting);
                let chance = |code: &&str| match (canary.p, took_part) {
                    (Some(p), Some(took_part)) if took_part.contains(code) => p.get(),
                    (Some(_) | None, _) => 0.0,
                };
                let draw = if canary.p.is_some() { Draw::Random } else { Draw::Rule };
                let p = self.codes.iter().map(chance).collect();
                evidence.class(Class {
                    kind: ItemKind::Canary,
                    draw,
                    batch: batches.of(canary),
                    p,
                    by_rule: Vec::new(),
                })
            });
            let outcome = if found.is_some() { Outcome::Seen } else { Outcome::Unseen };
            evidence.push(class, &self.holders(canary), outcome);
        }
        evidence
    }

    /// Returns the real records that were found, with who was given them.
    pub(super) fn records(&self) -> Records<'a> {
        Records::new(self.watchlist, self.findings, &self.codes)
    }

    /// Returns each custodian's hits of canaries that it alone holds.
    pub(super) fn unique(&self) -> Vec<UniqueHits> {
        let mut unique = vec![UniqueHits::default(); self.codes.len()];
        for (canary, found) in self.canaries.iter().filter(|(canary, _)| role(canary) == Role::Unique) {
            for holder in self.holders(canary) {
                unique[holder].canaries += 1;
                unique[holder].bits.extend(found);
            }
        }
        unique
    }

    pub(super) fn prior(&self) -> Prior {
        let given: BTreeMap<&str, f64> = self
            .watchlist
            .organization
            .custodians
            .iter()
            .filter_map(|custodian| Some((custodian.code.as_str(), custodian.prior?)))
            .collect();
        let usual =
            if given.is_empty() { 1.0 } else { given.values().sum::<f64>() / super::numeric::count(given.len()) };
        let weight = |code: &&str| given.get(code).copied().unwrap_or(usual).max(1e-6);
        Prior { custodians: self.codes.iter().map(weight).collect(), ..Prior::even(0) }
    }

    /// Returns ln of the likelihood of the findings in foreign data: each canary is hit by accident.
    pub(super) fn ln_other(&self) -> f64 {
        let rows = rows_as_number(self.rows);
        let ln_hit = |bits: u32| (rows * (WAYS_BITS - f64::from(bits)).exp2()).min(1.0).ln();
        let planted: f64 = self.canaries.iter().filter_map(|(_, found)| *found).map(ln_hit).sum();
        planted - self.findings.ln_ours()
    }

    /// Returns the marks that the copies of these custodians held, and the days to look at.
    pub(super) fn marks(&self, records: &Records<'_>, custodians: &[usize]) -> (Vec<Mark>, i32, i32) {
        let last = day_number(self.findings.published_by);
        let mut marks = Vec::new();
        for (canary, found) in &self.canaries {
            if self.holders(canary).iter().any(|holder| custodians.contains(holder)) {
                let outcome = if found.is_some() { Outcome::Seen } else { Outcome::Unseen };
                let (from, until) = (canary.planted_at.map(day_number), canary.retired_at.map(day_number));
                marks.push(Mark { from, until, outcome, kind: MarkKind::Counted });
            }
        }
        let codes: Vec<&str> = custodians.iter().filter_map(|custodian| self.codes.get(*custodian).copied()).collect();
        let deliveries = self.watchlist.deliveries.iter().filter(|one| codes.contains(&one.custodian.as_str()));
        let days = deliveries.map(|delivery| day_number(delivery.delivered_at));
        marks.extend(records.marks(custodians));
        let first = days.chain(marks.iter().filter_map(|mark| mark.from)).min().unwrap_or(last);
        (marks, first.min(last), last)
    }

    /// Returns who took part in each draw: the custodians of which canaries of their own were planted with it; where
    /// there are none, those that received the dataset; where nothing is known, all. Neither depends on the draw.
    fn parties(&self) -> BTreeMap<Planting<'a>, BTreeSet<&'a str>> {
        let mut parties: BTreeMap<Planting<'_>, BTreeSet<&str>> = BTreeMap::new();
        for (canary, _) in &self.canaries {
            let own = parties.entry(planting(canary)).or_default();
            if role(canary) == Role::Unique {
                own.extend(canary.holders.iter().map(String::as_str));
            }
        }
        for ((dataset, _), own) in &mut parties {
            if own.is_empty() {
                let received = self.watchlist.deliveries.iter().filter(|delivery| delivery.dataset == *dataset);
                own.extend(received.map(|delivery| delivery.custodian.as_str()));
            }
            if own.is_empty() {
                own.extend(&self.codes);
            }
        }
        parties
    }

    fn batches(&self) -> Batches<'a> {
        let mut sizes: BTreeMap<Planting<'_>, usize> = BTreeMap::new();
        for (canary, _) in &self.canaries {
            *sizes.entry(planting(canary)).or_default() += 1;
        }
        sizes.retain(|_, size| *size >= LEAST_BATCH);
        let datasets: BTreeSet<&str> = self.canaries.iter().map(|(canary, _)| canary.dataset.as_str()).collect();
        Batches { large: sizes.into_keys().collect(), datasets: datasets.into_iter().collect() }
    }
}

/// Dataset and day: canaries that were planted together.
type Planting<'a> = (&'a str, Option<Date>);

fn planting(canary: &Canary) -> Planting<'_> {
    (canary.dataset.as_str(), canary.planted_at)
}

/// Which plantings have a rate of their own.
struct Batches<'a> {
    large: Vec<Planting<'a>>,
    datasets: Vec<&'a str>,
}

impl Batches<'_> {
    fn of(&self, canary: &Canary) -> usize {
        match self.large.binary_search(&planting(canary)) {
            Ok(at) => self.datasets.len() + at,
            Err(_) => self.datasets.binary_search(&canary.dataset.as_str()).unwrap_or_default(),
        }
    }
}

/// Tells which role a canary plays. One that OWNER's copy holds too is nobody's alone.
pub(super) fn role(canary: &Canary) -> Role {
    match (canary.p, canary.holders.as_slice()) {
        (Some(_), _) => Role::Drawn,
        (None, [holder]) if holder != OWNER => Role::Unique,
        (None, _) => Role::Shared,
    }
}

pub(super) fn rows_as_number(rows: u64) -> f64 {
    super::numeric::count(usize::try_from(rows).unwrap_or(usize::MAX))
}

/// Counts days from 1 January 1970.
pub(super) fn day_number(day: Date) -> i32 {
    let hours = day.duration_since(Date::constant(1970, 1, 1)).as_hours();
    i32::try_from(hours / 24).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::domain::attribution::{FoundCanary, report};
    use crate::domain::watchlist::{Files, Problems};

    /// Four custodians; two plantings of shared canaries drawn with .6, two unique ones a custodian and planting.
    pub(in super::super) fn watchlist() -> Watchlist {
        let mut organization =
            "id = \"example-bank\"\nname = \"Example Bank\"\n[[contact]]\naddress = \"soc@example-bank.example\"\n\
            [[dataset]]\nid = \"customers\"\nrows = 1000000\n"
                .to_owned();
        let mut canaries = "canary,dataset,holders,planted_at,retired_at,p,email\n".to_owned();
        for custodian in 1..=4 {
            writeln!(organization, "[[custodian]]\ncode = \"H{custodian:02}\"\nname = \"Hosting {custodian}\"")
                .unwrap();
        }
        for (month, day) in [(1, "2026-01-05"), (2, "2026-03-02")] {
            for shared in 0..80_u32 {
                let mixed = (shared + month * 101).wrapping_mul(2_654_435_761) >> 8;
                let holders: Vec<String> = (1..=4)
                    .filter(|custodian| (mixed >> (custodian * 4)) % 16 < 10)
                    .map(|code| format!("H{code:02}"))
                    .collect();
                let (id, holders) = (month * 1000 + shared, holders.join("|"));
                writeln!(canaries, "s{id},customers,{holders},{day},,0.6,shared{id}x@post.example").unwrap();
            }
            for own in 0..8 {
                let (id, code) = (month * 1000 + own, own % 4 + 1);
                writeln!(canaries, "u{id},customers,H{code:02},{day},,,unique{id}x@post.example").unwrap();
            }
        }
        let deliveries = b"dataset,custodian,delivered_at\ncustomers,H01,2026-01-05\ncustomers,H02,2026-01-05\ncustomers,H03,2026-01-05\ncustomers,H04,2026-01-05\n";
        let files = Files {
            folder: "example-bank",
            path: "",
            organization: Some(organization.as_bytes()),
            canaries: Some(canaries.as_bytes()),
            deliveries: Some(deliveries),
        };
        let mut problems = Problems::default();
        Watchlist::read(&files, &mut problems).unwrap_or_else(|| panic!("{problems}"))
    }

    /// What a case finds if exactly these canaries leaked.
    pub(in super::super) fn findings(watchlist: &Watchlist, leaked: impl Fn(&Canary) -> bool) -> Findings {
        let found = watchlist.canaries.iter().filter(|canary| leaked(canary));
        Findings {
            organization: "example-bank".to_owned(),
            case: "C-7F3K9Q2M".to_owned(),
            epsilon: report::EPSILON,
            rows: None,
            published_by: Date::constant(2026, 4, 1),
            canaries: found.map(|canary| FoundCanary { canary: canary.id.clone(), bits: 60 }).collect(),
            others: 0,
            records: Vec::new(),
            filed: Vec::new(),
            tested: Vec::new(),
        }
    }

    #[test]
    fn a_canary_plays_the_role_its_row_gives_it() {
        let watchlist = watchlist();
        let role_of = |holders: &[&str], p: Option<f64>| {
            let holders = holders.iter().map(|&code| code.to_owned()).collect();
            role(&Canary { holders, p: p.and_then(Chance::new), ..watchlist.canaries[0].clone() })
        };
        assert_eq!(role_of(&["H01"], None), Role::Unique);
        assert_eq!(role_of(&["H01"], Some(0.05)), Role::Drawn);
        assert_eq!(role_of(&[], Some(0.05)), Role::Drawn);
        assert_eq!(role_of(&["H01", "H02"], None), Role::Shared);
        assert_eq!(role_of(&["OWNER"], None), Role::Shared);
        assert_eq!(role_of(&["H01", "OWNER"], None), Role::Shared);
    }

    #[test]
    fn only_custodians_that_took_part_in_a_draw_are_weighed_by_it() {
        let mut watchlist = watchlist();
        watchlist.canaries.retain(|canary| canary.holders != ["H04"]);
        let findings = findings(&watchlist, |canary| canary.holders.contains(&"H01".to_owned()));
        let report = super::super::Report::of(&watchlist, &findings);
        let ln_e: Vec<f64> = report.custodians.iter().map(|line| line.ln_e).collect();
        assert!(ln_e[0] > 20.0 && ln_e[1] != 0.0, "{ln_e:?}");
        assert_eq!(ln_e[3].to_bits(), 0.0_f64.to_bits(), "H04 has no canary of its own: it was not in the draw");
    }

    #[test]
    fn canaries_planted_after_publication_are_left_out() {
        let watchlist = watchlist();
        let mut findings = findings(&watchlist, |_| false);
        let all = Enrolled::new(&watchlist, &findings).canaries.len();
        findings.published_by = Date::constant(2026, 2, 1);
        assert_eq!(Enrolled::new(&watchlist, &findings).canaries.len() * 2, all);
        assert_eq!(day_number(Date::constant(2026, 1, 1)), 20_454);
    }
}
