//! What each custodian holds today, and what a leak of it would prove: computed before there is one.
//!
//! Leaks of each copy are made up with a fixed seed and weighed as a real one would be. Not here: weighing (`evalue`).

use jiff::civil::Date;
use serde::Serialize;

use super::chance::UniqueHits;
use super::enrolled::{Enrolled, Role, role};
use super::findings::{Findings, FoundCanary, FoundRecord};
use super::numeric::count;
use super::randomness::Randomness;
use super::report::EPSILON;
use super::{Finding, standings};
use crate::domain::identifier::FingerprintKind;
use crate::domain::renderings::Renderings;
use crate::domain::watchlist::{Canary, Delivery, Watchlist};

/// Sizes of leaks that are asked about.
const ASKED: [u64; 2] = [20, 200];
/// Sizes that are tried to find the smallest leak that names a copy.
const LADDER: [u64; 10] = [10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000, 1_000_000];
const TRIALS: u32 = 10;
/// Of ten leaks, so many must be named.
const ENOUGH: f64 = 0.95;
/// Shares of rows that are junk, and of the others that are found.
const JUNK: f64 = 0.2;
const FOUND: f64 = 0.9;
/// Rows whose rendering the seller changed, so that it shows the wrong copy as often as the right one.
const CHANGED: f64 = 0.1;
/// More records than this name whoever can be named.
const MOST_RECORDS: u64 = 1_000;
/// What a row shows at most, in bits.
const ROW_BITS: u32 = 90;

/// What one custodian holds of one dataset, and what its leak would prove.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exposure {
    /// The custodian's code.
    pub custodian: String,
    /// The dataset.
    pub dataset: String,
    /// Rows of the largest delivery it still holds, if the register tells.
    pub rows: Option<u64>,
    /// Since when it holds any of it.
    pub since: Date,
    /// Deliveries it still holds.
    pub deliveries: usize,
    /// Deliveries that it has not acknowledged.
    pub unacknowledged: usize,
    /// Planted records in its copy alone.
    pub unique: usize,
    /// Planted records that were drawn for each copy, and are in its.
    pub drawn: usize,
    /// The share of the dataset that was drawn for its copy, where a secret drew one.
    pub share: Option<f64>,
    /// Whether its rows are rendered in its own way.
    pub rendered: bool,
    /// What leaks of its copy would prove.
    pub leaks: Vec<Leak>,
    /// From how many rows on its copy would be named; `None` if not even all of them would.
    pub named_from: Option<u64>,
    /// The same in words, with what would help.
    pub advice: String,
}

/// What a leak of so many rows would prove.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Leak {
    /// Rows published; `None` for all.
    pub rows: Option<u64>,
    /// Of the leaks made up, the share in which the copy was named.
    pub named: f64,
}

impl Exposure {
    /// Weighs what every custodian holds on a day. `kinds` are the kinds of fingerprints that are enrolled: without any,
    /// rows of customers are not found.
    pub fn all(watchlist: &Watchlist, kinds: &[FingerprintKind], on: Date) -> Vec<Self> {
        let mut held: Vec<(&str, &str)> = watchlist
            .deliveries
            .iter()
            .filter(|delivery| delivery.is_held(on))
            .map(|delivery| (delivery.custodian.as_str(), delivery.dataset.as_str()))
            .collect();
        held.sort_unstable();
        held.dedup();
        let randomness = Randomness::of(watchlist);
        held.into_iter()
            .map(|(custodian, dataset)| Model::new((watchlist, &randomness), kinds, (custodian, dataset, on)).weigh())
            .collect()
    }
}

/// One custodian's copy of one dataset.
struct Model<'a> {
    watchlist: &'a Watchlist,
    randomness: &'a Randomness,
    custodian: &'a str,
    dataset: &'a str,
    on: Date,
    deliveries: Vec<&'a Delivery>,
    canaries: Vec<&'a Canary>,
    /// Rows of the copy.
    rows: u64,
    kind: Option<FingerprintKind>,
}

impl<'a> Model<'a> {
    fn new(
        (watchlist, randomness): (&'a Watchlist, &'a Randomness),
        kinds: &[FingerprintKind],
        (custodian, dataset, on): (&'a str, &'a str, Date),
    ) -> Self {
        let is_own = |one: &&Delivery| one.custodian == custodian && one.dataset == dataset && one.is_held(on);
        let deliveries: Vec<&Delivery> = watchlist.deliveries.iter().filter(is_own).collect();
        let holds = |canary: &&Canary| {
            let lives = canary.planted_at.is_none_or(|day| day <= on) && canary.retired_at.is_none_or(|day| on < day);
            lives && canary.dataset == dataset && canary.holders.iter().any(|holder| holder == custodian)
        };
        let size =
            watchlist.organization.datasets.iter().find(|known| known.id == dataset).and_then(|known| known.rows);
        let rows = deliveries.iter().filter_map(|one| one.rows).max().or(size).unwrap_or(1_000_000).max(1);
        let kind = deliveries.iter().filter_map(|one| Some(one.deal.as_ref()?.kind)).find(|kind| kinds.contains(kind));
        let canaries = watchlist.canaries.iter().filter(holds).collect();
        Self { watchlist, randomness, custodian, dataset, on, deliveries, canaries, rows, kind }
    }

    fn weigh(&self) -> Exposure {
        let all = self.named(self.rows);
        let named_from = (all >= ENOUGH).then(|| self.named_from());
        let named = |rows: u64| match named_from {
            Some(from) if rows >= from => 1.0,
            Some(_) | None if all > 0.0 => self.named(rows),
            Some(_) | None => 0.0,
        };
        let asked = ASKED.into_iter().filter(|rows| *rows < self.rows);
        let mut leaks: Vec<Leak> = asked.map(|rows| Leak { rows: Some(rows), named: named(rows) }).collect();
        leaks.push(Leak { rows: None, named: all });
        let of_role = |wanted: Role| self.canaries.iter().filter(|canary| role(canary) == wanted).count();
        let shares = self.deliveries.iter().filter_map(|one| one.share.map(f64::from));
        Exposure {
            custodian: self.custodian.to_owned(),
            dataset: self.dataset.to_owned(),
            rows: self.deliveries.iter().filter_map(|one| one.rows).max(),
            since: self.deliveries.iter().map(|one| one.delivered_at).min().unwrap_or(self.on),
            deliveries: self.deliveries.len(),
            unacknowledged: self.deliveries.iter().filter(|one| one.acknowledged_at.is_none()).count(),
            unique: of_role(Role::Unique),
            drawn: of_role(Role::Drawn),
            share: shares.reduce(f64::max),
            rendered: self.deliveries.iter().any(|one| one.deal.is_some()),
            advice: self.advice(named_from),
            leaks,
            named_from,
        }
    }

    /// Returns the smallest size of the ladder whose leaks are named; all of the copy is.
    fn named_from(&self) -> u64 {
        let sizes: Vec<u64> = LADDER.into_iter().filter(|rows| *rows < self.rows).chain([self.rows]).collect();
        let (mut low, mut high) = (0, sizes.len() - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.named(sizes[middle]) >= ENOUGH { high = middle } else { low = middle + 1 }
        }
        sizes[high]
    }

    /// Returns in how many of the leaks made up, of so many rows, the copy is named.
    fn named(&self, rows: u64) -> f64 {
        let mut dice = Dice::new(self.custodian, self.dataset, rows);
        let named = (0..TRIALS).filter(|_| self.is_named(&self.leak(rows, &mut dice))).count();
        count(named) / f64::from(TRIALS)
    }

    fn leak(&self, rows: u64, dice: &mut Dice) -> Findings {
        let rate = (super::enrolled::rows_as_number(rows) / super::enrolled::rows_as_number(self.rows)).min(1.0);
        let canaries = self.canaries.iter().filter(|_| dice.chance(rate * FOUND));
        let canaries = canaries.map(|canary| FoundCanary { canary: canary.id.clone(), bits: self.bits(canary) });
        Findings {
            organization: self.watchlist.organization.id.0.clone(),
            case: String::new(),
            epsilon: EPSILON,
            rows: Some(rows),
            published_by: self.on,
            canaries: canaries.collect(),
            others: 0,
            records: self.kind.map(|kind| self.records(kind, rows, dice)).unwrap_or_default(),
            filed: Vec::new(),
            tested: Vec::new(),
        }
    }

    /// Makes up rows of the copy, of which some are junk, and some are not found.
    fn records(&self, kind: FingerprintKind, rows: u64, dice: &mut Dice) -> Vec<FoundRecord> {
        let own = self.deliveries.iter().find_map(|one| Some((one.deal.as_ref()?, one.share)));
        let Some((deal, share)) = own else { return Vec::new() };
        let dealer = deal.dealer();
        let mut records = Vec::new();
        for _ in 0..rows.min(MOST_RECORDS) {
            let (is_junk, is_lost) = (dice.chance(JUNK), !dice.chance(FOUND));
            let mut tag = dice.next();
            if let Some(share) = share.filter(|_| !is_junk) {
                while !dealer.of(tag).is_given(share) {
                    tag = dice.next();
                }
            }
            let chosen = if dice.chance(CHANGED) { dice.next().to_be_bytes()[0] } else { dealer.of(tag).renderings() };
            // Most tables have at least one column that can be rendered in two ways: a day.
            let renderings = Renderings::from_number(u16::from_be_bytes([8, chosen & 8])).number();
            if !is_lost {
                records.push(FoundRecord {
                    entry: format!("fp:{kind}:{tag:016x}"),
                    renderings,
                    deliveries: Vec::new(),
                });
            }
        }
        records
    }

    fn is_named(&self, findings: &Findings) -> bool {
        let enrolled = Enrolled::new(self.watchlist, findings);
        let mut evidence = enrolled.evidence();
        enrolled.records().add_to(&mut evidence, |_| {});
        let unique: Vec<UniqueHits> = enrolled.unique();
        let rows = super::enrolled::rows_as_number(enrolled.rows);
        let standings = standings(&evidence, &unique, (rows, EPSILON));
        let own = enrolled.codes.iter().position(|code| *code == self.custodian);
        own.and_then(|own| standings.get(own)).is_some_and(|standing| standing.finding == Finding::Named)
    }

    fn bits(&self, canary: &Canary) -> u32 {
        let fields = canary.fields.iter().map(|(field, _)| field);
        self.randomness.bits(canary, fields, ROW_BITS).unwrap_or_default()
    }

    fn advice(&self, named_from: Option<u64>) -> String {
        let has_draw = self.deliveries.iter().any(|one| one.share.is_some());
        let help = match (self.canaries.is_empty(), has_draw) {
            (true, _) => {
                "plant canaries (mint plan), and deliver a random share of the rows, rendered (mint deliver --key)"
            }
            (false, false) => "deliver a random share of the rows, rendered (mint deliver --key)",
            (false, true) => "deliver a smaller share of the rows",
        };
        match named_from {
            Some(rows) if rows <= 50 => format!("its copy would be named from {rows} rows on"),
            Some(rows) if rows < self.rows => format!("its copy would be named from {rows} rows on; for fewer: {help}"),
            Some(_) => format!("its copy would be named if all of it leaked; for fewer rows: {help}"),
            None => format!("its copy could not be named at all: {help}"),
        }
    }
}

/// `SplitMix64`: the same leaks are made up every time.
struct Dice(u64);

impl Dice {
    fn new(custodian: &str, dataset: &str, rows: u64) -> Self {
        // FNV-1a.
        let words = custodian.bytes().chain([0]).chain(dataset.bytes());
        Self(words.fold(0xcbf2_9ce4_8422_2325 ^ rows, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn chance(&mut self, p: f64) -> bool {
        let high = u32::try_from(self.next() >> 32).unwrap_or_default();
        f64::from(high) / 4_294_967_296.0 < p
    }
}

#[cfg(test)]
mod tests {
    use super::super::enrolled::tests::watchlist;
    use super::*;
    use crate::domain::watchlist::{Chance, Deal};

    const ON: Date = Date::constant(2026, 4, 1);

    fn of(watchlist: &Watchlist, kinds: &[FingerprintKind], code: &str) -> Exposure {
        Exposure::all(watchlist, kinds, ON).into_iter().find(|exposure| exposure.custodian == code).unwrap()
    }

    #[test]
    fn canaries_alone_name_a_whole_copy_and_not_twenty_rows() {
        let exposure = of(&watchlist(), &[], "H02");
        assert_eq!((exposure.unique, exposure.deliveries, exposure.unacknowledged), (4, 1, 1));
        assert!(exposure.drawn > 50 && exposure.rows.is_none());
        assert_eq!(exposure.leaks.iter().map(|leak| leak.named).collect::<Vec<_>>(), [0.0, 0.0, 1.0]);
        assert!(exposure.named_from.is_some_and(|rows| rows >= 100_000), "{:?}", exposure.named_from);
        assert!(exposure.advice.contains("random share"), "{}", exposure.advice);
    }

    #[test]
    fn a_drawn_share_names_a_copy_from_a_sample() {
        let mut watchlist = watchlist();
        for (code, delivery) in (1_u8..).zip(&mut watchlist.deliveries) {
            let key = format!("pan-1:{}{code:02x}", "a1".repeat(15));
            (delivery.share, delivery.deal) = (Chance::new(0.5), Deal::parse(&key));
        }
        let exposure = of(&watchlist, &[FingerprintKind::Pan], "H02");
        assert!(exposure.named_from.is_some_and(|rows| (20..=200).contains(&rows)), "{exposure:?}");
        assert!(exposure.rendered && exposure.share == Some(0.5));
        assert_eq!(exposure, of(&watchlist, &[FingerprintKind::Pan], "H02"), "the same every time");
        let without = of(&watchlist, &[], "H02");
        assert!(without.named_from.is_some_and(|rows| rows > 1_000), "no fingerprint, no row: {without:?}");
    }

    #[test]
    fn what_was_returned_or_destroyed_is_no_exposure() {
        let mut watchlist = watchlist();
        watchlist.deliveries[0].destroyed_at = Some(Date::constant(2026, 3, 1));
        watchlist.deliveries[1].returned_at = Some(Date::constant(2026, 5, 1));
        let held: Vec<String> = Exposure::all(&watchlist, &[], ON).into_iter().map(|one| one.custodian).collect();
        assert_eq!(held, ["H02", "H03", "H04"]);
    }

    #[test]
    fn a_copy_without_marks_cannot_be_named_at_all() {
        let mut watchlist = watchlist();
        watchlist.canaries.clear();
        let exposure = of(&watchlist, &[], "H01");
        assert_eq!(exposure.named_from, None);
        assert!(exposure.advice.contains("could not be named at all: plant canaries"), "{}", exposure.advice);
    }
}
