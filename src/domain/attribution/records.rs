//! Real customers' records that were found, and which copies were given them.
//!
//! Who was given a record follows from each delivery's own secret (`watchlist::Deal`), or from the file of fingerprints
//! that was enrolled for it; a delivery of which neither is known counts as the whole dataset. Only what a secret drew may
//! accuse. One kind of fingerprint is weighed, the one that tells most: two values of one row are one piece of evidence.
//! Not here: the mathematics (`evalue`, `posterior`), planted records (`enrolled`).

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::enrolled::{day_number, rows_as_number};
use super::findings::{Filed, Findings, FoundRecord};
use super::window::{Mark, MarkKind};
use super::{Class, Draw, Evidence, ItemKind, Outcome};
use crate::domain::fingerprints::Delivered;
use crate::domain::identifier::FingerprintKind;
use crate::domain::renderings::{Form, Renderings};
use crate::domain::watchlist::{Chance, Deal, Dealer, Delivery, Watchlist, least_left_out};

/// Records that are dealt with at a time.
const CHUNK: usize = 1024;
/// Of pairs of masked values given by rule, fewer than one in ten is that of several customers, any of whom may have brought
/// it into a copy. A draw decides by the pair itself, so it needs no such allowance.
const PAIR_EXPONENT: f64 = 1.1;

/// The records of one case that are weighed.
#[derive(Debug)]
pub(super) struct Records<'a> {
    /// What they are known by; `None` if no copy is known to have been given any of them.
    pub(super) kind: Option<FingerprintKind>,
    copies: Vec<Copy<'a>>,
    pub(super) found: Vec<Found<'a>>,
}

/// A record that was found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    tag: u64,
    renderings: Renderings,
    /// Deliveries whose enrolled file holds it.
    filed: &'a [String],
}

/// What one custodian was given by the day of the leak.
#[derive(Debug, Default)]
struct Copy<'a> {
    /// Secrets that chose its rows.
    draws: Vec<Drawing<'a>>,
    /// What chose the renderings of its latest delivery that was rendered.
    renderings: Option<Dealer>,
    /// Deliveries of which a file is enrolled.
    filed: Vec<&'a str>,
    /// Whether some delivery's rows are not known one by one.
    is_whole: bool,
    /// The share of the dataset that came by rule, as far as known.
    by_rule: f64,
    /// Days of the deliveries: of the whole, of drawn ones, of filed ones.
    days: Vec<(Source<'a>, Date)>,
}

/// A secret that chose rows.
#[derive(Debug)]
struct Drawing<'a> {
    deal: &'a Deal,
    dealer: Dealer,
    share: Chance,
}

/// What tells whether a delivery gave a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source<'a> {
    Whole,
    /// One of the copy's draws, with the share that this delivery gave.
    Drawn(usize, Chance),
    Filed(&'a str),
}

/// What the secrets of one copy decided of some records.
struct Dealing {
    is_given: Vec<bool>,
    /// What chose the renderings of each; none if nothing did.
    renderings: Vec<u8>,
}

impl<'a> Records<'a> {
    pub(super) fn new(watchlist: &'a Watchlist, findings: &'a Findings, codes: &[&str]) -> Self {
        let kinds = FingerprintKind::ALL.into_iter().filter(|kind| is_known(watchlist, findings, *kind));
        let count =
            |kind: &FingerprintKind| findings.records.iter().filter(|found| found.kind() == Some(*kind)).count();
        let kind = kinds.rev().max_by_key(count).filter(|kind| count(kind) > 0);
        let Some(kind) = kind else { return Self { kind: None, copies: Vec::new(), found: Vec::new() } };
        let copies = codes.iter().map(|code| Copy::of(watchlist, findings, (code, kind))).collect();
        let found = findings.records.iter().filter(|found| found.kind() == Some(kind));
        let found = found.filter_map(|found| {
            Some(Found {
                tag: found.tag()?,
                renderings: Renderings::from_number(found.renderings),
                filed: &found.deliveries,
            })
        });
        Self { kind: Some(kind), copies, found: found.collect() }
    }

    /// Counts records whose row shows a rendering that some copy was marked by.
    pub(super) fn rendered(&self) -> usize {
        let is_marked = self.copies.iter().any(|copy| copy.renderings.is_some());
        if is_marked { self.found.iter().filter(|found| !found.renderings.is_empty()).count() } else { 0 }
    }

    /// Tells whether any copy's rows were drawn by a secret.
    pub(super) fn is_drawn(&self) -> bool {
        self.copies.iter().any(|copy| !copy.draws.is_empty())
    }

    /// Adds each record, and each rendering of it, to the evidence; calls `held` with the holders of each.
    pub(super) fn add_to(&self, evidence: &mut Evidence, mut held: impl FnMut(&[usize])) {
        let variant = (self.rendered() > 0).then(|| {
            let p = self.copies.iter().map(|copy| if copy.renderings.is_some() { 0.5 } else { 0.0 });
            let p = p.collect();
            evidence.class(Class { kind: ItemKind::Variant, draw: Draw::Random, batch: 0, p, by_rule: Vec::new() })
        });
        // Records that the same files hold were drawn alike.
        let mut classes: BTreeMap<&[String], usize> = BTreeMap::new();
        let mut holders = Vec::new();
        for found in self.found.chunks(CHUNK) {
            let tags: Vec<u64> = found.iter().map(|found| found.tag).collect();
            let dealings: Vec<Dealing> = self.copies.iter().map(|copy| copy.deal(&tags)).collect();
            for (at, found) in found.iter().enumerate() {
                holders.clear();
                for (number, (copy, dealing)) in self.copies.iter().zip(&dealings).enumerate() {
                    if dealing.is_given[at] || copy.is_given_by_rule(found) {
                        holders.push(number);
                    }
                }
                let class = classes.entry(found.filed).or_insert_with(|| evidence.class(self.class(found)));
                evidence.push(*class, &holders, Outcome::Seen);
                held(&holders);
                if let Some(variant) = variant {
                    push_renderings(evidence, variant, found.renderings, |number| {
                        dealings.get(number).and_then(|dealing| dealing.renderings.get(at).copied())
                    });
                }
            }
        }
    }

    /// Returns what was drawn for whom of a record, and of others that the same files hold.
    fn class(&self, found: &Found<'_>) -> Class {
        let is_pair = self.kind.is_some_and(FingerprintKind::is_pair);
        let by_rule: Vec<usize> =
            (0..self.copies.len()).filter(|number| self.copies[*number].is_by_rule(found)).collect();
        let p = self.copies.iter().enumerate().map(|(number, copy)| match (by_rule.contains(&number), is_pair) {
            (false, _) => copy.drawn(),
            (true, false) => copy.by_rule.clamp(0.0, 1.0),
            (true, true) => 1.0 - (1.0 - copy.by_rule.clamp(0.0, 1.0)).powf(PAIR_EXPONENT),
        });
        Class { kind: ItemKind::Record, draw: Draw::Random, batch: 0, p: p.collect(), by_rule }
    }

    /// Returns from when on each found record was in the copies of these custodians.
    pub(super) fn marks(&self, custodians: &[usize]) -> Vec<Mark> {
        let copies = || custodians.iter().filter_map(|at| self.copies.get(*at));
        let first = |found: &Found<'_>| copies().filter_map(|copy| copy.first_day(found)).min();
        let mark = |day: Date| Mark {
            from: Some(day_number(day)),
            until: None,
            outcome: Outcome::Seen,
            kind: MarkKind::Sampled,
        };
        self.found.iter().filter_map(first).map(mark).collect()
    }
}

/// Tells whether something is known of who was given records of a kind.
fn is_known(watchlist: &Watchlist, findings: &Findings, kind: FingerprintKind) -> bool {
    let is_dealt = watchlist.deliveries.iter().any(|one| one.deal.as_ref().is_some_and(|deal| deal.kind == kind));
    is_dealt || findings.filed.iter().any(|filed| filed.kind == kind.as_str())
}

/// Each seen rendering of a row is an item: the copies whose secret chose the second form are its holders.
fn push_renderings(evidence: &mut Evidence, class: usize, seen: Renderings, chosen: impl Fn(usize) -> Option<u8>) {
    for (kind, form) in seen.forms() {
        let is_second = |number: &usize| chosen(*number).is_some_and(|bits| Form::of(bits, kind) == Form::Second);
        let holders: Vec<usize> = (0..evidence.custodians()).filter(is_second).collect();
        let outcome = match form {
            Form::First => Outcome::Unseen,
            Form::Second => Outcome::Seen,
        };
        evidence.push(class, &holders, outcome);
    }
}

impl<'a> Copy<'a> {
    fn of(watchlist: &'a Watchlist, findings: &'a Findings, (code, kind): (&str, FingerprintKind)) -> Self {
        let is_own = |one: &&Delivery| one.custodian == code && one.delivered_at <= findings.published_by;
        let mut own: Vec<&Delivery> = watchlist.deliveries.iter().filter(is_own).collect();
        own.sort_by(|one, other| other.delivered_at.cmp(&one.delivered_at).then_with(|| one.id.cmp(&other.id)));
        let mut copy = Self::default();
        for delivery in own {
            let deal = delivery.deal.as_ref().filter(|deal| deal.kind == kind);
            if copy.renderings.is_none() {
                copy.renderings = deal.map(Deal::dealer);
            }
            let is_filed = findings.filed.iter().any(|one| one.kind == kind.as_str() && one.delivery == delivery.id);
            let source = match (deal, delivery.share) {
                (Some(deal), Some(share)) => Source::Drawn(copy.draw(deal, share), share),
                (Some(_), None) | (None, _) if is_filed => Source::Filed(&delivery.id),
                (Some(_), None) | (None, _) => Source::Whole,
            };
            copy.add(source, part(watchlist, delivery));
            copy.days.push((source, delivery.delivered_at));
        }
        copy
    }

    /// Returns the place of a secret among the draws.
    fn draw(&mut self, deal: &'a Deal, share: Chance) -> usize {
        let known = self.draws.iter().position(|known| known.deal == deal);
        known.unwrap_or_else(|| {
            self.draws.push(Drawing { deal, dealer: deal.dealer(), share });
            self.draws.len() - 1
        })
    }

    fn add(&mut self, source: Source<'a>, part: f64) {
        match source {
            // The same secret gives the larger share the rows of the smaller one, too.
            Source::Drawn(at, share) => self.draws[at].share = share.max(self.draws[at].share),
            Source::Filed(delivery) => {
                self.filed.push(delivery);
                self.by_rule = self.by_rule.max(part);
            }
            Source::Whole => {
                self.is_whole = true;
                self.by_rule = self.by_rule.max(part);
            }
        }
    }

    /// Returns what this copy's secrets decided of records, by their tags.
    fn deal(&self, tags: &[u64]) -> Dealing {
        let by_latest = self.renderings.as_ref().map(|dealer| dealer.of_all(tags));
        let mut renderings: Vec<u8> = by_latest.iter().flatten().map(|dealt| dealt.renderings()).collect();
        let mut is_given = vec![false; tags.len()];
        for Drawing { dealer, share, .. } in &self.draws {
            let bound = least_left_out(*share);
            for (at, dealt) in dealer.of_all(tags).into_iter().enumerate() {
                if dealt.is_below(bound) && !is_given[at] {
                    (is_given[at], renderings[at]) = (true, dealt.renderings());
                }
            }
        }
        Dealing { is_given, renderings }
    }

    /// Tells whether this copy holds a record for another reason than a draw.
    fn is_given_by_rule(&self, found: &Found<'_>) -> bool {
        self.is_whole || self.filed.iter().any(|delivery| found.filed.iter().any(|known| known == delivery))
    }

    /// Tells whether no draw decided that this copy holds, or lacks, a record.
    fn is_by_rule(&self, found: &Found<'_>) -> bool {
        self.draws.is_empty() || self.is_given_by_rule(found)
    }

    /// Returns the probability with which its secrets gave it a record.
    fn drawn(&self) -> f64 {
        1.0 - self.draws.iter().map(|draw| 1.0 - draw.share.get()).product::<f64>()
    }

    fn first_day(&self, found: &Found<'_>) -> Option<Date> {
        let is_given = |source: &Source<'_>| match source {
            Source::Whole => true,
            Source::Drawn(at, share) => self.draws[*at].dealer.of(found.tag).is_given(*share),
            Source::Filed(delivery) => found.filed.iter().any(|known| known == delivery),
        };
        self.days.iter().filter(|(source, _)| is_given(source)).map(|(_, day)| *day).min()
    }
}

/// Returns which part of its dataset a delivery holds, as far as the register tells.
fn part(watchlist: &Watchlist, delivery: &Delivery) -> f64 {
    let dataset = watchlist.organization.datasets.iter().find(|dataset| dataset.id == delivery.dataset);
    match (delivery.rows, dataset.and_then(|dataset| dataset.rows).filter(|rows| *rows > 0)) {
        (Some(rows), Some(all)) => (rows_as_number(rows) / rows_as_number(all)).clamp(0.01, 1.0),
        (Some(_) | None, _) => 1.0,
    }
}

impl FoundRecord {
    /// Returns what the record is known by: `fp:pan:` and the tag.
    pub(super) fn kind(&self) -> Option<FingerprintKind> {
        let (kind, _) = self.entry.strip_prefix("fp:")?.rsplit_once(':')?;
        FingerprintKind::parse(kind)
    }

    /// Returns the tag of its fingerprint.
    pub(super) fn tag(&self) -> Option<u64> {
        tag_of(&self.entry)
    }
}

impl Findings {
    /// Notes which of the records a delivery held: `find` tells for each tag whether its file has it, or that it cannot be
    /// read, which leaves the delivery out. What was noted of it before is forgotten.
    pub fn look_up(&mut self, one: &Delivered, find: impl FnOnce(&[u64]) -> Option<Vec<bool>>) {
        let kind = one.enrolment.label.kind.as_str();
        let prefix = format!("fp:{kind}:");
        let own = self.records.iter_mut().filter(|record| record.entry.starts_with(&prefix));
        let mut own: Vec<(&mut FoundRecord, u64)> =
            own.filter_map(|record| record.tag().map(|tag| (record, tag))).collect();
        let tags: Vec<u64> = own.iter().map(|(_, tag)| *tag).collect();
        let Some(found) = find(&tags) else { return };
        for ((record, _), is_held) in own.iter_mut().zip(found) {
            record.deliveries.retain(|delivery| *delivery != one.delivery);
            if is_held {
                record.deliveries.push(one.delivery.clone());
                record.deliveries.sort_unstable();
            }
        }
        if !self.filed.iter().any(|filed| filed.delivery == one.delivery && filed.kind == kind) {
            self.filed.push(Filed { delivery: one.delivery.clone(), kind: kind.to_owned() });
        }
    }
}

/// Returns the tag of a fingerprint's entry, `fp:pan:0123456789abcdef`.
fn tag_of(entry: &str) -> Option<u64> {
    let (_, tag) = entry.strip_prefix("fp:")?.rsplit_once(':')?;
    u64::from_str_radix(tag, 16).ok().filter(|_| tag.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::super::enrolled::tests::{findings, watchlist};
    use super::super::report::Verdict;
    use super::super::{Report, ln_e_values};
    use super::*;
    use crate::domain::renderings::Rendering;

    const SHARE: f64 = 0.5;

    fn deal(code: u8) -> Deal {
        let key = "a1".repeat(15);
        Deal::parse(&format!("pan-1:{key}{code:02x}")).unwrap()
    }

    /// Four custodians, each with a drawn half of the table and renderings of its own.
    fn drawn() -> Watchlist {
        let mut watchlist = watchlist();
        watchlist.canaries.clear();
        for (code, delivery) in (1..).zip(&mut watchlist.deliveries) {
            (delivery.share, delivery.deal) = (Chance::new(SHARE), Some(deal(code)));
        }
        watchlist
    }

    fn record(tag: u64, renderings: Renderings, deliveries: &[&str]) -> FoundRecord {
        let deliveries = deliveries.iter().map(|&id| id.to_owned()).collect();
        FoundRecord { entry: format!("fp:pan:{tag:016x}"), renderings: renderings.number(), deliveries }
    }

    /// Records of the copy of one custodian, as it was rendered.
    fn copied(watchlist: &Watchlist, code: &str, rows: usize, is_rendered: bool) -> Vec<FoundRecord> {
        let delivery = watchlist.deliveries.iter().find(|delivery| delivery.custodian == code).unwrap();
        let deal = delivery.deal.as_ref().unwrap();
        let tags = (1..).map(|row: u64| row.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let own = tags.filter(|tag| delivery.share.is_none_or(|share| deal.of(*tag).is_given(share)));
        own.take(rows)
            .map(|tag| {
                let form = |kind, first, second| {
                    if Form::of(deal.of(tag).renderings(), kind) == Form::First { first } else { second }
                };
                let row = format!(
                    "{};{}",
                    form(Rendering::Date, "2026-03-01", "2026/3/1"),
                    form(Rendering::Zero, "12.50", "12.5")
                );
                record(tag, if is_rendered { Renderings::of(&row) } else { Renderings::default() }, &[])
            })
            .collect()
    }

    fn report(watchlist: &Watchlist, records: Vec<FoundRecord>) -> Report {
        Report::of(watchlist, &Findings { records, ..findings(watchlist, |_| false) })
    }

    fn accused(report: &Report) -> Vec<&str> {
        report.accused.iter().map(|accused| accused.code.as_str()).collect()
    }

    #[test]
    fn sixty_drawn_rows_name_the_copy_and_twelve_do_not() {
        let watchlist = drawn();
        let named = report(&watchlist, copied(&watchlist, "H03", 60, false));
        assert_eq!(accused(&named), ["H03"], "{:?}", named.custodians);
        assert_eq!(named.posterior[0].copies, ["H03"]);
        let few = report(&watchlist, copied(&watchlist, "H03", 12, false));
        assert_eq!((few.verdict, accused(&few).len()), (Verdict::CannotTell, 0), "{:?}", few.custodians);
        assert!(few.more_rows.is_some_and(|rows| (5..200).contains(&rows)), "{:?}", few.more_rows);
    }

    #[test]
    fn renderings_name_a_copy_of_which_everybody_has_the_same_rows() {
        let mut watchlist = drawn();
        for delivery in &mut watchlist.deliveries {
            delivery.share = None;
        }
        let plain = report(&watchlist, copied(&watchlist, "H02", 60, false));
        assert_eq!(accused(&plain).len(), 0, "{:?}", plain.custodians);
        let rendered = report(&watchlist, copied(&watchlist, "H02", 60, true));
        assert_eq!(accused(&rendered), ["H02"], "{:?}", rendered.custodians);
        assert!(rendered.assumptions.iter().any(|said| said.contains("rendered")), "{:?}", rendered.assumptions);
    }

    #[test]
    fn what_was_given_by_rule_tells_the_posterior_and_accuses_nobody() {
        let mut watchlist = drawn();
        for delivery in &mut watchlist.deliveries {
            (delivery.share, delivery.deal, delivery.rows) = (None, None, Some(500_000));
        }
        let ids: Vec<String> = watchlist.deliveries.iter().map(|delivery| delivery.id.clone()).collect();
        let mut found = findings(&watchlist, |_| false);
        found.filed = ids.iter().map(|id| Filed { delivery: id.clone(), kind: "pan".to_owned() }).collect();
        found.records = (0..80_u64)
            .map(|row| {
                let held = (0..4).filter(|at| *at == 1 || (row >> at) % 2 == 0).map(|at| ids[at].as_str());
                record(row.wrapping_mul(0x9e37_79b9_7f4a_7c15), Renderings::default(), &held.collect::<Vec<_>>())
            })
            .collect();
        let report = Report::of(&watchlist, &found);
        assert_eq!((report.verdict, accused(&report).len()), (Verdict::CannotTell, 0));
        assert_eq!(report.posterior[0].copies, ["H02"], "{:?}", report.posterior);
        assert!(report.custodians.iter().all(|line| line.ln_e.abs() < 1e-9), "{:?}", report.custodians);
    }

    #[test]
    fn the_mean_e_value_over_the_secret_of_an_innocent_copy_is_at_most_one() {
        let mut watchlist = drawn();
        let records = copied(&watchlist, "H01", 1, true);
        let (mut sum, secrets) = (0.0, 4000_u32);
        for secret in 0..secrets {
            let key = format!("{secret:032x}");
            watchlist.deliveries[2].deal = Deal::parse(&format!("pan-1:{key}"));
            let found = Findings { records: records.clone(), ..findings(&watchlist, |_| false) };
            let codes = ["H01", "H02", "H03", "H04"];
            let mut evidence = Evidence::new(4);
            Records::new(&watchlist, &found, &codes).add_to(&mut evidence, |_| {});
            sum += ln_e_values(&evidence)[2].exp();
        }
        let mean = sum / f64::from(secrets);
        assert!((0.9..1.1).contains(&mean), "{mean}");
    }

    #[test]
    fn ids_that_are_no_fingerprints_are_left_out() {
        for entry in ["", "fp:", "fp:pan:", "fp:pan:xyz", "fp:pan:123", "c1", "fp:pen:0123456789abcdef"] {
            let found = FoundRecord { entry: entry.to_owned(), renderings: 0, deliveries: Vec::new() };
            assert!(found.kind().is_none() || found.tag().is_none(), "{entry}");
        }
        let report = report(&drawn(), vec![record(7, Renderings::from_number(u16::MAX), &["nowhere"])]);
        assert_eq!(accused(&report).len(), 0);
    }
}
