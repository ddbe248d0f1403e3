//! The report of one case: what is answered, on what grounds, within which bound, and what is outside it.
//!
//! It holds everything that went in but the watchlist, so whoever holds the same watchlist computes the same report.
//! It names copies by code; canary values and custodians' names are not in it. Not here: how it is laid out (`faces`).

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::enrolled::{self, Enrolled, Role, role};
use super::findings::Findings;
use super::numeric::rounded;
use super::records::Records;
use super::{Answer, Evidence, Finding, Origin, Question, Standing, attribute, guilt, window};
use crate::domain::watchlist::{Deal, OWNER, Watchlist};

/// Largest probability to name a copy that did not leak, unless another is asked for.
pub const EPSILON: f64 = 1e-6;
/// Above this, "upstream is not excluded" is said.
const UPSTREAM: f64 = 0.01;
/// Above this no copy is named, whatever its e-value: the organization's own copy explains the findings better, and it holds what
/// every copy holds.
const RATHER_UPSTREAM: f64 = 0.5;
/// Above this the organization's own copy is named where no copy reaches the bound.
const SURELY_UPSTREAM: f64 = 0.99;
/// Origins below this probability are not listed.
const LEAST_LISTED: f64 = 1e-4;
const MOST_LISTED: usize = 10;
/// What the guilt of the older literature takes as the chance to guess a record.
const GUESSED: f64 = 0.2;

/// What the report says in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The findings are consistent with the copies accused, within the bound.
    CopyNamed,
    /// The findings are consistent with the organization's own copy, or one upstream of all deliveries.
    Upstream,
    /// No copy reaches the bound.
    CannotTell,
    /// The rows are foreign.
    NotOurs,
}

/// The answer about one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// In one word.
    pub verdict: Verdict,
    /// log10 of how much likelier the findings are if the rows are the organization's than if they are foreign.
    pub lr_ours: f64,
    /// Copies that the findings are consistent with, within the bound.
    pub accused: Vec<Accused>,
    /// The most probable origins.
    pub posterior: Vec<Weighed>,
    /// First and last day of the 95 % interval in which the copy was taken.
    pub window: Option<(Date, Date)>,
    /// What was found, and who holds it.
    pub hits: Vec<FoundAt>,
    /// Real customers' records that were weighed; `None` if none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<RecordLine>,
    /// What the answer rests on.
    pub assumptions: Vec<String>,
    /// What the bound does not cover.
    pub outside: Vec<String>,
    /// About how many more rows of the same kind would decide; `None` if they cannot, or none are needed.
    pub more_rows: Option<u64>,
    /// Whether the organization's own copy, or one upstream of all, is more than 1 % probable.
    pub upstream_not_excluded: bool,
    /// Every custodian, by code.
    pub custodians: Vec<CustodianLine>,
    /// What went in.
    pub findings: Findings,
    /// SHA-256 over the custodians, canaries and deliveries that were used.
    pub table_sha256: String,
    /// What computed it.
    pub build: String,
}

/// A copy that the findings are consistent with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accused {
    /// The custodian's code.
    pub code: String,
    /// E-value; the largest number there is if it does not fit.
    pub e: f64,
    /// Its logarithm.
    pub ln_e: f64,
    /// Chance that its unique canaries were hit by accident.
    pub p: f64,
}

/// How probable an origin is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    /// Codes of the copies; `OWNER` for the organization's own, `OTHER` for foreign data.
    pub copies: Vec<String>,
    /// Its probability.
    pub probability: f64,
}

/// A canary that was found, and who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundAt {
    /// Its id.
    pub canary: String,
    /// Codes of the custodians whose copies hold it.
    pub holders: Vec<String>,
    /// Information of its fields found together, in bits.
    pub bits: u32,
    /// `unique`, `drawn` or `shared`.
    pub role: String,
}

/// Real customers' records that were weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLine {
    /// What they are known by.
    pub kind: String,
    /// How many.
    pub found: u64,
    /// How many of them show a rendering that some copy was marked by.
    pub rendered: u64,
}

/// What is known of one custodian's copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustodianLine {
    /// Its code.
    pub code: String,
    /// ln of its e-value.
    pub ln_e: f64,
    /// Chance that its unique canaries were hit by accident.
    pub p: f64,
    /// Probability that its copy is among the sources.
    pub probability: f64,
    /// The guilt of Papadimitriou and Garcia-Molina, for comparison; it has no error bound.
    pub guilt: f64,
    /// Found canaries and records that its copy holds.
    pub holds: u64,
}

impl Report {
    /// Weighs a case's findings against a watchlist. The same input gives the same report, byte for byte.
    pub fn of(watchlist: &Watchlist, findings: &Findings) -> Self {
        let enrolled = Enrolled::new(watchlist, findings);
        let (mut evidence, unique, prior) = (enrolled.evidence(), enrolled.unique(), enrolled.prior());
        let (records, mut held) = (enrolled.records(), Held::planted(&enrolled));
        records.add_to(&mut evidence, |holders| held.add(holders));
        let answer = attribute(&Question {
            evidence: &evidence,
            unique: &unique,
            prior: &prior,
            rows: enrolled::rows_as_number(enrolled.rows),
            epsilon: findings.epsilon,
            ln_other: enrolled.ln_other(),
        });
        let within: Vec<usize> = positions(&answer, |standing| standing.finding == Finding::Named);
        let verdict = verdict(&answer, &within);
        let named = if verdict == Verdict::CopyNamed { within } else { Vec::new() };
        let suspects = if named.is_empty() { most_probable(&answer) } else { named.clone() };
        Self {
            verdict,
            lr_ours: rounded(answer.posterior.ln_ours / std::f64::consts::LN_10, 2),
            accused: named.iter().map(|at| accused(enrolled.codes[*at], &answer.standings[*at])).collect(),
            posterior: listed(&enrolled, &answer),
            window: taken(&enrolled, &records, &suspects),
            hits: hits(&enrolled),
            records: records.kind.map(|kind| RecordLine {
                kind: kind.as_str().to_owned(),
                found: records.found.len() as u64,
                rendered: records.rendered() as u64,
            }),
            assumptions: assumptions(&enrolled, &evidence, &records),
            outside: OUTSIDE.map(str::to_owned).to_vec(),
            more_rows: (verdict == Verdict::CannotTell).then(|| more_rows(&answer, &evidence, findings)).flatten(),
            upstream_not_excluded: answer.posterior.probability(&Origin::Owner) > UPSTREAM,
            custodians: lines(&enrolled, &answer, &held),
            table_sha256: digest(watchlist),
            findings: findings.clone(),
            build: concat!("dyepack ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Returns one line for lists: `consistent with the copy delivered to H07, error ≤ 1e-6, leaked between … and …`.
    pub fn line(&self) -> String {
        let codes: Vec<&str> = self.accused.iter().map(|accused| accused.code.as_str()).collect();
        let copies = match self.verdict {
            Verdict::NotOurs => return "the rows are not the organization's".to_owned(),
            Verdict::Upstream => {
                return "consistent with the organization's own copy, or one upstream of all deliveries".to_owned();
            }
            Verdict::CannotTell => {
                let more = self.more_rows.map(|rows| format!("; about {rows} more rows would do"));
                return format!("cannot tell whose copy leaked{}", more.unwrap_or_default());
            }
            Verdict::CopyNamed if codes.len() == 1 => format!("consistent with the copy delivered to {}", codes[0]),
            Verdict::CopyNamed => format!("consistent with the copies delivered to {}", codes.join(", ")),
        };
        let taken = self.window.map(|(from, to)| format!(", leaked between {from} and {to}")).unwrap_or_default();
        let upstream = if self.upstream_not_excluded { ", upstream not excluded" } else { "" };
        format!("{copies}, error ≤ {:e}{taken}{upstream}", self.findings.epsilon)
    }
}

/// What no bound on the draw can exclude.
const OUTSIDE: [&str; 5] = [
    "the copy may have been taken from the custodian by somebody else: a copy is named, never a person",
    "a sub-processor or successor to whom the custodian passed its copy counts as the custodian",
    "somebody who holds this copy may have published it to incriminate the custodian",
    "theft of the organization's mint table or of the delivery file before hand-over would show the same",
    "a leak upstream of all deliveries is covered by the posterior only, not by the error bound",
];

fn positions(answer: &Answer, is_meant: impl Fn(&Standing) -> bool) -> Vec<usize> {
    let standings = answer.standings.iter().enumerate();
    standings.filter(|(_, standing)| is_meant(standing)).map(|(at, _)| at).collect()
}

fn most_probable(answer: &Answer) -> Vec<usize> {
    match answer.posterior.origins.first() {
        Some((Origin::Copies(set), _)) => set.clone(),
        Some((Origin::Owner | Origin::Other, _)) | None => (0..answer.standings.len()).collect(),
    }
}

/// `within`: the copies that reach the bound.
fn verdict(answer: &Answer, within: &[usize]) -> Verdict {
    let upstream = answer.posterior.probability(&Origin::Owner);
    if upstream > if within.is_empty() { SURELY_UPSTREAM } else { RATHER_UPSTREAM } {
        Verdict::Upstream
    } else if !within.is_empty() {
        Verdict::CopyNamed
    } else if answer.posterior.probability(&Origin::Other) > 0.99 {
        Verdict::NotOurs
    } else {
        Verdict::CannotTell
    }
}

fn accused(code: &str, standing: &Standing) -> Accused {
    let e = rounded_e(standing.ln_e);
    Accused { code: code.to_owned(), e, ln_e: rounded(standing.ln_e, 3), p: rounded_p(standing.ln_p) }
}

/// Four digits of it, so that the last bits of sums do not show.
fn rounded_e(ln: f64) -> f64 {
    format!("{:.3e}", ln.min(700.0).exp()).parse().unwrap_or(f64::MAX)
}

fn rounded_p(ln: f64) -> f64 {
    format!("{:.3e}", ln.max(-700.0).exp()).parse().unwrap_or(1.0)
}

fn listed(enrolled: &Enrolled<'_>, answer: &Answer) -> Vec<Weighed> {
    let code = |at: &usize| enrolled.codes.get(*at).map_or_else(String::new, |code| (*code).to_owned());
    let listed = answer.posterior.origins.iter().filter(|(_, probability)| *probability >= LEAST_LISTED);
    let weighed = listed.take(MOST_LISTED).map(|(origin, probability)| {
        let copies = match origin {
            Origin::Copies(set) => set.iter().map(code).collect(),
            Origin::Owner => vec![OWNER.to_owned()],
            Origin::Other => vec!["OTHER".to_owned()],
        };
        Weighed { copies, probability: rounded(*probability, 4) }
    });
    weighed.collect()
}

/// For each custodian, how many of the found items it holds, by how many hold them.
struct Held(Vec<Vec<usize>>);

impl Held {
    fn planted(enrolled: &Enrolled<'_>) -> Self {
        let mut held = Self(vec![Vec::new(); enrolled.codes.len()]);
        for (canary, _) in enrolled.canaries.iter().filter(|(_, found)| found.is_some()) {
            held.add(&enrolled.holders(canary));
        }
        held
    }

    fn add(&mut self, holders: &[usize]) {
        for holder in holders {
            let Some(own) = self.0.get_mut(*holder) else { continue };
            if own.len() <= holders.len() {
                own.resize(holders.len() + 1, 0);
            }
            own[holders.len()] += 1;
        }
    }
}

fn lines(enrolled: &Enrolled<'_>, answer: &Answer, held: &Held) -> Vec<CustodianLine> {
    let of = |((at, standing), held): ((usize, &Standing), &Vec<usize>)| CustodianLine {
        code: enrolled.codes[at].to_owned(),
        ln_e: rounded(standing.ln_e, 3),
        p: rounded_p(standing.ln_p),
        probability: rounded(answer.posterior.marginals[at], 4),
        guilt: rounded(guilt(held.iter().copied().enumerate().filter(|(_, items)| *items > 0), GUESSED), 4),
        holds: held.iter().sum::<usize>() as u64,
    };
    answer.standings.iter().enumerate().zip(&held.0).map(of).collect()
}

fn hits(enrolled: &Enrolled<'_>) -> Vec<FoundAt> {
    let found = enrolled.canaries.iter().filter_map(|(canary, found)| Some((canary, (*found)?)));
    let hit = found.map(|(canary, bits)| FoundAt {
        canary: canary.id.clone(),
        holders: canary.holders.clone(),
        bits,
        role: match role(canary) {
            Role::Drawn => "drawn",
            Role::Unique => "unique",
            Role::Shared => "shared",
        }
        .to_owned(),
    });
    hit.collect()
}

fn taken(enrolled: &Enrolled<'_>, records: &Records<'_>, suspects: &[usize]) -> Option<(Date, Date)> {
    let (marks, first, last) = enrolled.marks(records, suspects);
    let window = window(&marks, first, last).filter(|_| !marks.is_empty())?;
    let day = |number: i32| {
        let days = jiff::Span::new().try_days(number).ok()?;
        Date::constant(1970, 1, 1).checked_add(days).ok()
    };
    Some((day(window.from)?, day(window.to)?))
}

/// Extrapolates the growth of the best e-value, or of the best chance hit, from the canaries seen so far.
fn more_rows(answer: &Answer, evidence: &Evidence, findings: &Findings) -> Option<u64> {
    let best_e = answer.standings.iter().map(|standing| standing.ln_e).fold(0.0, f64::max);
    let best_p = answer.standings.iter().map(|standing| -standing.ln_p).fold(0.0, f64::max);
    let share = (best_e / answer.ln_e_bound).max(best_p / -answer.ln_chance_bound);
    let rows = findings.rows.map_or_else(|| super::numeric::count(evidence.seen()), enrolled::rows_as_number);
    let more = rows * (1.0 / share - 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 10^12")]
    (share > 0.02 && (0.0..1e12).contains(&more)).then_some(more.ceil().max(1.0) as u64)
}

fn assumptions(enrolled: &Enrolled<'_>, evidence: &Evidence, records: &Records<'_>) -> Vec<String> {
    let (mut drawn, mut unique, mut shared) = (0, 0, 0);
    for (canary, _) in &enrolled.canaries {
        match role(canary) {
            Role::Drawn => drawn += 1,
            Role::Unique => unique += 1,
            Role::Shared => shared += 1,
        }
    }
    let mut said = vec![
        format!("the leak holds {} rows at most", enrolled.rows),
        format!("{} copies were delivered; the register names them all", evidence.custodians()),
    ];
    if drawn > 0 {
        said.push(format!(
            "{drawn} canaries were given to each custodian by a secret random choice; only these make e-values"
        ));
    }
    if unique > 0 {
        said.push(format!(
            "{unique} canaries are in one copy alone, with values drawn at random that foreign rows repeat by accident only"
        ));
    }
    if shared > 0 {
        said.push(format!(
            "{shared} canaries are in several copies without a record of a random draw: they enter the posterior only, and accuse nobody"
        ));
    }
    said.extend(of_records(records));
    let known = enrolled.canaries.iter().filter(|(_, found)| found.is_some()).count();
    if let Some(gone) = enrolled.findings.canaries.len().checked_sub(known).filter(|gone| *gone > 0) {
        said.push(format!("{gone} canaries that were found are enrolled no longer and were left out"));
    }
    said.push("before any evidence, the organization's own copy and foreign data are 5 % probable each".to_owned());
    said
}

fn of_records(records: &Records<'_>) -> Vec<String> {
    let Some(kind) = records.kind else { return Vec::new() };
    let mut said = Vec::new();
    let found = records.found.len();
    said.push(if records.is_drawn() {
        format!(
            "{found} customers' records were known by {kind}; which copy was given which was chosen at random by a secret of \
             its delivery; copies that were given theirs by rule are not accused by them"
        )
    } else {
        format!("{found} customers' records were known by {kind}; who was given which followed rules: they accuse nobody")
    });
    if kind.is_pair() && !records.is_drawn() {
        said.push("of pairs of masked values, fewer than one in ten belongs to several customers".to_owned());
    }
    if records.rendered() > 0 {
        said.push(format!(
            "{} of those rows are rendered in ways that a secret chose for each copy, independently of the others",
            records.rendered()
        ));
    }
    said
}

/// Digests what was used of the watchlist, so that a re-run with another table is noticed.
fn digest(watchlist: &Watchlist) -> String {
    let mut custodians: Vec<(&str, Option<f64>)> =
        watchlist.organization.custodians.iter().map(|custodian| (custodian.code.as_str(), custodian.prior)).collect();
    custodians.sort_by(|one, other| one.0.cmp(other.0));
    let rows: BTreeMap<&str, Option<u64>> =
        watchlist.organization.datasets.iter().map(|dataset| (dataset.id.as_str(), dataset.rows)).collect();
    let mut hash = Sha256::new();
    hash.update(format!("dyepack/attribution/1|{custodians:?}|{rows:?}"));
    for canary in &watchlist.canaries {
        let p = canary.p.map(f64::from);
        let days = (canary.planted_at, canary.retired_at);
        hash.update(format!("|{:?}", (&canary.id, &canary.dataset, &canary.holders, days, p)));
    }
    for delivery in &watchlist.deliveries {
        hash.update(format!("|{:?}", (&delivery.id, &delivery.dataset, &delivery.custodian, delivery.delivered_at)));
        let deal = delivery.deal.as_ref().map(Deal::text);
        let deal = deal.as_ref().map_or("", |deal| deal.reveal());
        hash.update(format!("|{:?}", (delivery.rows, delivery.share.map(f64::from), deal)));
    }
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    hash.finalize().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::enrolled::tests::{findings, watchlist};
    use super::*;
    use crate::domain::watchlist::Canary;

    fn holds(canary: &Canary, code: &str) -> bool {
        canary.holders.iter().any(|holder| holder == code)
    }

    #[test]
    fn a_dump_of_one_copy_names_it_and_the_time() {
        let watchlist = watchlist();
        let january = Date::constant(2026, 1, 5);
        let report = Report::of(
            &watchlist,
            &findings(&watchlist, |canary| holds(canary, "H02") && canary.planted_at == Some(january)),
        );
        assert_eq!(report.verdict, Verdict::CopyNamed);
        assert_eq!(report.accused.iter().map(|accused| accused.code.as_str()).collect::<Vec<_>>(), ["H02"]);
        let (from, to) = report.window.unwrap();
        assert!(from >= january && to < Date::constant(2026, 3, 2), "{from} {to}");
        assert_eq!(report.posterior[0].copies, ["H02"]);
        assert!(!report.upstream_not_excluded && report.lr_ours > 100.0);
        let line = report.line();
        assert!(
            line.starts_with("consistent with the copy delivered to H02, error ≤ 1e-6, leaked between 2026-"),
            "{line}"
        );
    }

    #[test]
    fn shared_canaries_without_a_record_of_a_draw_accuse_nobody() {
        let mut watchlist = watchlist();
        for canary in &mut watchlist.canaries {
            canary.p = None;
        }
        watchlist.canaries.retain(|canary| canary.holders.len() > 1);
        let report = Report::of(&watchlist, &findings(&watchlist, |canary| holds(canary, "H02")));
        assert_eq!((report.verdict, report.accused.len()), (Verdict::CannotTell, 0));
        assert_eq!(report.posterior[0].copies, ["H02"]);
        assert!(report.assumptions.iter().any(|said| said.contains("accuse nobody")), "{:?}", report.assumptions);
    }

    #[test]
    fn one_unique_canary_in_a_whole_row_is_enough_and_a_short_number_is_not() {
        let watchlist = watchlist();
        let mut findings = findings(&watchlist, |canary| canary.id == "u1001");
        findings.canaries[0].bits = 90;
        assert_eq!(
            Report::of(&watchlist, &findings).line().get(..44),
            Some("consistent with the copy delivered to H02, e")
        );
        findings.canaries[0].bits = 30;
        assert_eq!(Report::of(&watchlist, &findings).verdict, Verdict::CannotTell);
    }

    #[test]
    fn the_owners_own_copy_is_not_blamed_on_a_custodian() {
        let mut watchlist = watchlist();
        watchlist.canaries.retain(|canary| canary.p.is_some());
        let report = Report::of(&watchlist, &findings(&watchlist, |_| true));
        assert_eq!(report.verdict, Verdict::Upstream);
        assert_eq!(report.posterior[0].copies, [OWNER]);
        assert!(report.upstream_not_excluded);
        assert!(report.line().contains("own copy, or one upstream"), "{}", report.line());
    }

    #[test]
    fn where_the_marks_of_all_copies_are_found_together_no_copy_is_named() {
        // What each copy alone holds is in the organization's own, too.
        let watchlist = watchlist();
        let report = Report::of(&watchlist, &findings(&watchlist, |_| true));
        assert_eq!((report.verdict, report.accused.as_slice()), (Verdict::Upstream, [].as_slice()));
    }

    #[test]
    fn foreign_rows_are_told_and_a_little_evidence_says_how_much_more_is_needed() {
        let watchlist = watchlist();
        let mut foreign = findings(&watchlist, |canary| canary.id == "s1001");
        foreign.canaries[0].bits = 10;
        assert!(Report::of(&watchlist, &foreign).lr_ours < 0.0);
        let mut few = 0;
        let sampled: Vec<&Canary> =
            watchlist.canaries.iter().filter(|canary| canary.p.is_some() && holds(canary, "H03")).collect();
        let sampled: Vec<&str> = sampled.iter().step_by(6).map(|canary| canary.id.as_str()).collect();
        let sample =
            Findings { rows: Some(5000), ..findings(&watchlist, |canary| sampled.contains(&canary.id.as_str())) };
        let report = Report::of(&watchlist, &sample);
        few += sampled.len();
        assert_eq!(report.verdict, Verdict::CannotTell, "{few} canaries");
        assert!(report.more_rows.is_some_and(|rows| rows > 500), "{:?} {:?}", report.more_rows, report.custodians);
        assert!(report.line().contains("more rows would do"), "{}", report.line());
    }

    #[test]
    fn a_report_is_computed_again_to_the_byte_and_read_back() {
        let watchlist = watchlist();
        let findings = findings(&watchlist, |canary| holds(canary, "H01") || holds(canary, "H04"));
        let report = Report::of(&watchlist, &findings);
        let text = serde_json::to_string(&report).unwrap();
        let read: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&Report::of(&watchlist, &read.findings)).unwrap(), text);
        let codes: Vec<&str> = report.accused.iter().map(|accused| accused.code.as_str()).collect();
        assert_eq!(codes, ["H01", "H04"]);
        for secret in ["post.example", "Hosting"] {
            assert!(!text.contains(secret), "{secret} in the report");
        }
        let mut other = watchlist;
        other.canaries[3].holders = vec!["H03".to_owned()];
        assert_ne!(Report::of(&other, &read.findings).table_sha256, report.table_sha256);
    }
}
