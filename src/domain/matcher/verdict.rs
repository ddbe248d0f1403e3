//! Whose data a listing shows: ours, not ours, partly ours, or not to be told, with the likelihood ratio.
//!
//! Of `s` testable rows `h` are ours. Genuine data of ours has hits at the rate ρ, anybody's data at the base rate β; with a
//! share `f` of our rows the rate is `f·ρ + (1−f)·β`, so `LR = (ρ/β)^h · ((1−ρ)/(1−β))^(s−h)` for `f = 1`. Canaries add a
//! Poisson term: they are expected as densely as they were planted, and in foreign data hardly ever. Refuting a false claim
//! counts as much as confirming a true one. Not here: finding and counting (`scan`), naming the copy (`attribution`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{EntryKind, Hit, Scan};
use crate::domain::identifier::{FingerprintKind, Kind, Part};
use crate::domain::watchlist::{Organization, OrganizationId, Watchlist};

/// ρ: of a hundred genuine rows so many are found. The rest were spelled beyond reading, or are customers who came after
/// the fingerprints were made.
pub(super) const GENUINE_RATE: f64 = 0.87;
/// β of what everybody has (telephones, addresses, identity numbers) where the organization tells no market share: the
/// largest issuers of the largest countries serve about so many of their people.
pub(super) const UNIVERSAL_RATE: f64 = 0.234;
/// β of what only this organization issues: slips of the pen, and numbers that two systems happen to share.
pub(super) const UNIQUE_RATE: f64 = 1e-4;
/// From this ratio on (as log₁₀, either way) a verdict is given: with one genuine claim in ten, as forums have it, a
/// verdict of `ours` is then wrong once in a hundred.
pub(super) const DECIDES: f64 = 3.0;
/// `ours` needs no part to be foreign: a mixture that explains the rows ten times better is `mixed`.
const MIXTURE: f64 = 1.0;
/// Shares that a mixture may have, all equally likely.
const SHARES: [f64; 11] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
/// Customers of an organization that does not tell how many: what pairs of masked values prove is not overrated then.
const CUSTOMERS: f64 = 1e8;
/// Kinds that only one issuer has, where the organization's datasets do not say.
const UNIQUE: [Kind; 3] = [Kind::Pan, Kind::Account, Kind::Iban];
/// A single row is never surer than this, whatever its strength: records are quoted, and tables are copied.
const ROW_BITS: u32 = 40;

/// Whose data it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// The rows are the organization's.
    Ours,
    /// They are somebody else's: a claim that names the organization is false.
    NotOurs,
    /// A part of them is.
    Mixed,
    /// Too few rows, or none that could be tested.
    #[default]
    Unknown,
}

impl Ownership {
    /// Returns the word used in output and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::NotOurs => "not_ours",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
        }
    }
}

/// What was counted in a listing for one organization; rates of several places add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Whose entries were looked for.
    pub organization: OrganizationId,
    /// Rows tested and hit by kind of fingerprint, as [`FingerprintKind::as_str`] spells it.
    pub kinds: BTreeMap<String, Rows>,
    /// Rows that hold a canary.
    pub canary_rows: u64,
    /// Their strengths, bounded each, in bits.
    pub canary_bits: u64,
    /// Rows that could hold one.
    pub rows: u64,
}

/// Rows that were tested, and how many of them are ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Rows with a value that could be looked up.
    pub tested: u64,
    /// Rows with a value that is ours.
    pub hit: u64,
}

impl Rates {
    /// Counts what a scan tells, by organization; one that nothing was tested for has none.
    pub(super) fn of(scan: &Scan, premises: &[Premises]) -> Vec<Self> {
        let mut found: BTreeMap<&OrganizationId, Self> = BTreeMap::new();
        for premises in premises.iter().filter(|premises| premises.counts_rows() && scan.rows > 0) {
            let none = Self::none(&premises.organization);
            found.insert(&premises.organization, Self { rows: scan.rows, ..none });
        }
        for tested in scan.tested.iter().filter(|tested| tested.rows > 0) {
            let rates = found.entry(&tested.organization).or_insert_with(|| Self::none(&tested.organization));
            match tested.kind {
                None => rates.rows = rates.rows.max(tested.rows),
                Some(kind) => {
                    let rows = rates.kinds.entry(kind.as_str().to_owned()).or_default();
                    rows.tested += tested.rows;
                    rows.hit += tested.rows_hit;
                }
            }
        }
        let mut rows: BTreeMap<(&OrganizationId, &str, u64), u32> = BTreeMap::new();
        for hit in scan.hits.iter().filter(|hit| hit.kind == EntryKind::Canary) {
            let strength = rows.entry((&hit.organization, &hit.member, hit.row)).or_default();
            *strength = hit.strength.max(*strength);
        }
        for ((organization, _, _), strength) in rows {
            let rates = found.entry(organization).or_insert_with(|| Self::none(organization));
            rates.rows = rates.rows.max(scan.rows);
            rates.canary_rows += 1;
            rates.canary_bits += u64::from(strength.min(ROW_BITS));
        }
        found.into_values().collect()
    }

    fn none(organization: &OrganizationId) -> Self {
        Self { organization: organization.clone(), kinds: BTreeMap::new(), canary_rows: 0, canary_bits: 0, rows: 0 }
    }

    /// Tells whether anything was looked up or found, rather than only passed over.
    pub fn is_telling(&self) -> bool {
        !self.kinds.is_empty() || self.canary_rows > 0
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (kind, rows) in &other.kinds {
            let own = self.kinds.entry(kind.clone()).or_default();
            own.tested += rows.tested;
            own.hit += rows.hit;
        }
        self.canary_rows += other.canary_rows;
        self.canary_bits += other.canary_bits;
        self.rows += other.rows;
    }
}

/// What is known of an organization before anything is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Premises {
    organization: OrganizationId,
    universal_rate: f64,
    unique: BTreeSet<String>,
    canaries: f64,
    customers: f64,
    /// Canaries in a row of the datasets, where their sizes are told.
    density: Option<f64>,
}

impl Premises {
    /// Reads them off a watchlist.
    pub fn of(watchlist: &Watchlist) -> Self {
        let mut planted: BTreeMap<String, u64> = BTreeMap::new();
        for canary in &watchlist.canaries {
            *planted.entry(canary.dataset.clone()).or_default() += 1;
        }
        Self::new(&watchlist.organization, &planted)
    }

    /// The same from an organization and how many canaries each of its datasets holds.
    pub fn new(organization: &Organization, planted: &BTreeMap<String, u64>) -> Self {
        let datasets = &organization.datasets;
        let told: BTreeSet<String> =
            datasets.iter().flat_map(|dataset| dataset.issuer_unique.iter().cloned()).collect();
        let usual = || UNIQUE.iter().map(|kind| kind.as_str().to_owned()).collect();
        let sized = datasets.iter().filter_map(|dataset| Some((dataset.rows?, *planted.get(&dataset.id)?)));
        let customers: f64 = datasets.iter().filter_map(|dataset| dataset.rows).map(float).sum();
        let (rows, sown) = sized.fold((0.0, 0.0), |(rows, sown), (size, own)| (rows + float(size), sown + float(own)));
        Self {
            organization: organization.id.clone(),
            universal_rate: organization.market_share.unwrap_or(UNIVERSAL_RATE).clamp(1e-6, 0.8),
            unique: if told.is_empty() { usual() } else { told },
            canaries: float(planted.values().sum::<u64>().max(1)),
            customers: if customers > 0.0 { customers } else { CUSTOMERS },
            density: (rows > 0.0 && sown > 0.0).then(|| (sown / rows).min(0.5)),
        }
    }

    /// Tells whether rows without a canary tell anything.
    pub(super) const fn counts_rows(&self) -> bool {
        self.density.is_some()
    }

    /// Whose they are.
    pub const fn organization(&self) -> &OrganizationId {
        &self.organization
    }

    /// Tells whether only this organization issues values of a kind; of a pair one part is enough.
    pub fn is_unique(&self, kind: &str) -> bool {
        let has_own = |part: &Part| self.unique.contains(part.kind().as_str());
        self.unique.contains(kind) || FingerprintKind::parse(kind).is_some_and(|kind| kind.parts().iter().any(has_own))
    }

    /// How often a stranger's value is found: the stranger is a customer here, too, or looks like one where values are masked.
    fn base_rate(&self, kind: &str) -> f64 {
        let base = if self.is_unique(kind) { UNIQUE_RATE } else { self.universal_rate };
        let pair = FingerprintKind::parse(kind).filter(|kind| kind.is_pair());
        let alike = pair.map_or(0.0, |pair| self.customers * (-f64::from(pair.bits())).exp2());
        (base + alike).min(0.8)
    }

    /// Gives the verdict on what was counted.
    pub fn judge(&self, rates: &Rates) -> Verdict {
        // Kinds of one row are not independent: only the one that could tell most is weighed, whatever it told.
        let telling = rates
            .kinds
            .iter()
            .max_by(|(one, rows), (other, more)| (self.could_tell(one, rows)).total_cmp(&self.could_tell(other, more)));
        let likelihood = |share: f64| {
            telling.map_or(0.0, |(kind, rows)| rows.log10_likelihood(mixed(share, self.base_rate(kind))))
                + self.canary_likelihood(rates, share)
        };
        let foreign = likelihood(0.0);
        let lr_ours = likelihood(1.0) - foreign;
        let lr_mixed = log10_mean(&SHARES.map(likelihood)) - foreign;
        let verdict = if lr_ours >= DECIDES && lr_ours + MIXTURE >= lr_mixed {
            Ownership::Ours
        } else if lr_mixed >= DECIDES {
            Ownership::Mixed
        } else if lr_ours <= -DECIDES {
            Ownership::NotOurs
        } else {
            Ownership::Unknown
        };
        let (rows_tested, rows_hit) =
            telling.map_or((rates.rows.max(rates.canary_rows), rates.canary_rows), |(_, rows)| (rows.tested, rows.hit));
        Verdict {
            organization: self.organization.clone(),
            verdict,
            log10_lr_ours: lr_ours,
            rows_tested,
            rows_hit,
            canary_rows: rates.canary_rows,
            share: telling.filter(|(_, rows)| rows.tested > 0).map(|(kind, rows)| {
                let base = self.base_rate(kind);
                ((rows.rate() - base) / (GENUINE_RATE - base)).clamp(0.0, 1.0)
            }),
            by_kind: rates
                .kinds
                .iter()
                .map(|(kind, rows)| KindRate { kind: kind.clone(), rows: *rows, base_rate: self.base_rate(kind) })
                .collect(),
        }
    }

    /// What the rows of a kind are expected to tell if they are ours, in log₁₀.
    fn could_tell(&self, kind: &str, rows: &Rows) -> f64 {
        let (rho, beta) = (GENUINE_RATE, self.base_rate(kind));
        float(rows.tested) * (rho * (rho / beta).log10() + (1.0 - rho) * ((1.0 - rho) / (1.0 - beta)).log10())
    }

    /// Canaries come as often as they were planted, by Poisson's law; by chance as often as their strengths allow. Where
    /// their density is not known, their absence tells nothing, and their number nothing about the share.
    fn canary_likelihood(&self, rates: &Rates, share: f64) -> f64 {
        let hits = float(rates.canary_rows);
        let rows = float(rates.rows.max(rates.canary_rows));
        let bits = float(rates.canary_bits) / hits.max(1.0);
        // So many hits at most are put down to chance: what it does not give is no sign of our data either.
        let chance = (rows * self.canaries * (-bits).exp2()).min(hits.max(1.0));
        let poisson =
            |mean: f64| if hits > 0.0 { hits * mean.max(1e-12).log10() } else { 0.0 } - mean / std::f64::consts::LN_10;
        match self.density {
            _ if share <= 0.0 => poisson(if hits > 0.0 { chance } else { 0.0 }),
            Some(density) => poisson(rows * share * density),
            None => poisson(hits),
        }
    }

    /// Tells whether a hit may open a case by itself: canaries may; a fingerprint of what only this organization issues may
    /// where chance does not explain so many of them; anything else only by the verdict.
    pub fn may_open_case(&self, hit: &Hit, rates: &Rates) -> bool {
        match hit.kind {
            EntryKind::Canary => true,
            EntryKind::Anchor => false,
            EntryKind::Fingerprint => {
                let is_proved = matches!(self.judge(rates).verdict, Ownership::Ours | Ownership::Mixed);
                let rows = rates.kinds.get(&hit.field).copied().unwrap_or_default();
                let by_chance = float(rows.tested) * self.base_rate(&hit.field);
                is_proved || (self.is_unique(&hit.field) && at_least(rows.hit.max(1), by_chance) <= 1e-3)
            }
        }
    }
}

impl Rows {
    fn rate(&self) -> f64 {
        float(self.hit.min(self.tested)) / float(self.tested.max(1))
    }

    fn log10_likelihood(&self, rate: f64) -> f64 {
        let hit = self.hit.min(self.tested);
        float(hit) * rate.log10() + float(self.tested - hit) * (1.0 - rate).log10()
    }
}

/// The rate of hits if so large a share of the rows is ours.
fn mixed(share: f64, base_rate: f64) -> f64 {
    share * GENUINE_RATE + (1.0 - share) * base_rate
}

fn log10_mean(logs: &[f64]) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| 10_f64.powf(log - largest)).sum();
    largest + (sum / count(logs.len().max(1))).log10()
}

/// Chance of `hits` or more where `mean` are expected, for few hits.
fn at_least(hits: u64, mean: f64) -> f64 {
    let (mut term, mut below) = ((-mean).exp(), 0.0);
    for number in 0..hits.min(1000) {
        below += term;
        term *= mean / (float(number) + 1.0);
    }
    (1.0 - below).max(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^52")]
const fn float(count: u64) -> f64 {
    count as f64
}

fn count(count: usize) -> f64 {
    float(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Whose data a listing shows, for one organization.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Who asks.
    pub organization: OrganizationId,
    /// The answer.
    pub verdict: Ownership,
    /// log₁₀ of how much likelier the rows are if all are ours than if none is.
    pub log10_lr_ours: f64,
    /// Rows that could be tested.
    pub rows_tested: u64,
    /// Rows of them that are ours.
    pub rows_hit: u64,
    /// Rows that hold a canary.
    pub canary_rows: u64,
    /// The share of rows that are ours, as the rate of hits tells it; needs fingerprints.
    pub share: Option<f64>,
    /// The same by kind of fingerprint.
    pub by_kind: Vec<KindRate>,
}

/// How often values of one kind are ours, and how often anybody's would be.
#[derive(Debug, Clone, PartialEq)]
pub struct KindRate {
    /// As [`FingerprintKind::as_str`] spells it.
    pub kind: String,
    /// Rows tested and hit.
    pub rows: Rows,
    /// β.
    pub base_rate: f64,
}

impl Verdict {
    /// Returns the likelihood ratio itself, within what a number can hold.
    pub fn lr_ours(&self) -> f64 {
        10_f64.powf(self.log10_lr_ours.clamp(-300.0, 300.0))
    }
}

/// As scripts read it: `{verdict, organization, lr_ours, log10_lr_ours, rows_tested, rows_hit, canary_rows, share,
/// by_kind: {phone: {tested, hit, base_rate}}}`.
impl Serialize for Verdict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Kinds {
            tested: u64,
            hit: u64,
            base_rate: f64,
        }
        #[derive(Serialize)]
        struct Fields<'v> {
            verdict: &'static str,
            organization: &'v str,
            lr_ours: f64,
            log10_lr_ours: f64,
            rows_tested: u64,
            rows_hit: u64,
            canary_rows: u64,
            share: Option<f64>,
            by_kind: BTreeMap<&'v str, Kinds>,
        }
        let kinds = self.by_kind.iter().map(|rate| {
            let kinds = Kinds { tested: rate.rows.tested, hit: rate.rows.hit, base_rate: rate.base_rate };
            (rate.kind.as_str(), kinds)
        });
        Fields {
            verdict: self.verdict.as_str(),
            organization: &self.organization.0,
            lr_ours: self.lr_ours(),
            log10_lr_ours: (self.log10_lr_ours * 1000.0).round() / 1000.0,
            rows_tested: self.rows_tested,
            rows_hit: self.rows_hit,
            canary_rows: self.canary_rows,
            share: self.share.map(|share| (share * 1000.0).round() / 1000.0),
            by_kind: kinds.collect(),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn premises(market_share: Option<f64>, density: Option<f64>) -> Premises {
        Premises {
            organization: OrganizationId("bank".to_owned()),
            universal_rate: market_share.unwrap_or(UNIVERSAL_RATE),
            unique: UNIQUE.iter().map(|kind| kind.as_str().to_owned()).collect(),
            canaries: 1000.0,
            customers: 1e6,
            density,
        }
    }

    fn rows(kinds: &[(&str, u64, u64)]) -> Rates {
        let mut rates = Rates::none(&OrganizationId("bank".to_owned()));
        let kinds = kinds.iter().map(|(kind, tested, hit)| ((*kind).to_owned(), Rows { tested: *tested, hit: *hit }));
        rates.kinds = kinds.collect();
        rates
    }

    fn canaries(rows: u64, canary_rows: u64) -> Rates {
        let none = Rates::none(&OrganizationId("bank".to_owned()));
        Rates { canary_rows, canary_bits: 33 * canary_rows, rows, ..none }
    }

    #[test]
    fn ten_unmasked_rows_tell_five_hundred_thousand_from_two_in_a_hundred_million() {
        let ratio = |hit| premises(None, None).judge(&rows(&[("phone", 10, hit)])).lr_ours();
        assert!((4.5e5..5.5e5).contains(&ratio(10)), "{}", ratio(10));
        assert!((1.8e-8..2.2e-8).contains(&ratio(0)), "{}", ratio(0));
    }

    #[test]
    fn rates_decide_and_counts_do_not() {
        let share = Some(0.07);
        for (kinds, expected) in [
            (vec![], Ownership::Unknown),
            (vec![("phone", 1, 1)], Ownership::Unknown),
            (vec![("phone", 3, 3)], Ownership::Ours),
            (vec![("phone", 10, 9)], Ownership::Ours),
            (vec![("phone", 10, 0)], Ownership::NotOurs),
            (vec![("phone", 100_000, 7_000)], Ownership::NotOurs),
            (vec![("phone", 100_000, 87_000)], Ownership::Ours),
            (vec![("phone", 100_000, 40_000)], Ownership::Mixed),
            (vec![("phone", 200, 60)], Ownership::Mixed),
            (vec![("pan", 100, 7)], Ownership::Mixed),
            (vec![("pan", 1, 1)], Ownership::Ours),
            (vec![("pan", 10_000, 1)], Ownership::NotOurs),
            (vec![("pan", 50, 0), ("phone", 50, 4)], Ownership::NotOurs),
            (vec![("pan6l4|ph3l4", 1, 1)], Ownership::Ours),
            (vec![("pan6l4|ph3l4", 10, 0)], Ownership::NotOurs),
            (vec![("ph3l4|nm", 2, 2)], Ownership::Unknown),
            (vec![("ph3l4|nm", 4, 4)], Ownership::Ours),
            (vec![("ric6l4|nm", 10, 0)], Ownership::NotOurs),
            (vec![("ric6l4|ph3l4", 100, 40)], Ownership::Mixed),
        ] {
            assert_eq!(premises(share, None).judge(&rows(&kinds)).verdict, expected, "{kinds:?}");
        }
    }

    #[test]
    fn canaries_confirm_and_their_absence_refutes_where_their_density_is_known() {
        for (density, rates, expected) in [
            (None, canaries(10, 1), Ownership::Ours),
            (None, canaries(100_000, 0), Ownership::Unknown),
            (Some(1e-3), canaries(100, 0), Ownership::Unknown),
            (Some(1e-3), canaries(10_000, 0), Ownership::NotOurs),
            (Some(1e-3), canaries(10_000, 10), Ownership::Ours),
            (Some(1e-3), canaries(100_000, 20), Ownership::Mixed),
            // Among so many rows that many canaries, so many numbers are equal by chance.
            (None, canaries(100_000_000, 10), Ownership::Unknown),
        ] {
            assert_eq!(premises(None, density).judge(&rates).verdict, expected, "{density:?} {rates:?}");
        }
    }

    #[test]
    fn the_share_of_our_rows_follows_from_the_rate() {
        let verdict = premises(Some(0.07), None).judge(&rows(&[("phone", 1000, 470)]));
        assert!(verdict.share.is_some_and(|share| (share - 0.5).abs() < 0.01), "{verdict:?}");
    }

    #[test]
    fn a_single_universal_hit_opens_no_case() {
        let hit = |kind, field: &str| Hit {
            organization: OrganizationId("bank".to_owned()),
            entry: "x".to_owned(),
            kind,
            field: field.to_owned(),
            member: String::new(),
            span: crate::domain::span::ByteSpan::new(0, 1),
            masked: String::new(),
            steps: Vec::new(),
            strength: 40,
            renderings: crate::domain::renderings::Renderings::default(),
            row: 0,
        };
        let premises = premises(Some(0.07), None);
        for (kind, field, rates, expected) in [
            (EntryKind::Canary, "phone", rows(&[]), true),
            (EntryKind::Fingerprint, "phone", rows(&[("phone", 1, 1)]), false),
            (EntryKind::Fingerprint, "phone", rows(&[("phone", 1000, 70)]), false),
            (EntryKind::Fingerprint, "phone", rows(&[("phone", 10, 10)]), true),
            (EntryKind::Fingerprint, "pan", rows(&[("pan", 5, 1)]), true),
            (EntryKind::Fingerprint, "pan", rows(&[("pan", 100_000, 3)]), false),
        ] {
            assert_eq!(premises.may_open_case(&hit(kind, field), &rates), expected, "{field} {rates:?}");
        }
    }

    proptest! {
        #[test]
        fn more_hits_never_speak_against_us(tested in 1_u64..1000, hit in 0_u64..1000, share in 0.001_f64..0.8) {
            let hit = hit.min(tested - 1);
            let ratio = |hit| premises(Some(share), None).judge(&rows(&[("phone", tested, hit)])).log10_lr_ours;
            prop_assert!(ratio(hit + 1) > ratio(hit));
            prop_assert!(ratio(hit).is_finite());
        }

        #[test]
        fn any_counts_give_a_finite_ratio(tested in any::<u32>(), hit in any::<u32>(), canary_rows in any::<u16>(), rows_seen in any::<u32>(), density in proptest::option::of(1e-9_f64..0.5)) {
            let mut rates = rows(&[("phone", u64::from(tested), u64::from(hit))]);
            rates.add(&canaries(u64::from(rows_seen), u64::from(canary_rows)));
            let verdict = premises(None, density).judge(&rates);
            prop_assert!(verdict.log10_lr_ours.is_finite() && verdict.lr_ours() > 0.0);
        }
    }
}
