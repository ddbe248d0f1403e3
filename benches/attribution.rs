//! The simulator of attribution: leaks of every kind against who is named, with fixed seeds.
//!
//! `cargo bench --bench attribution` runs every part briefly; `cargo bench --bench attribution -- PART [TRIALS]` one at length:
//! `dumps`, `rows`, `masked`, `renderings`, `framing`, `forged`, `windows`, `calibration`, `speed`, `identities [COUNT]`,
//! `innocent [TESTS]`.
//! docs/attribution.md holds the figures. Not here: text through the matcher (`tests/it/leaks.rs`).
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(clippy::cast_precision_loss, reason = "counts are small")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shares of small counts")]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Instant;

use dyepack::domain::attribution::{
    Class, Draw, EPSILON, Evidence, Findings, FoundRecord, ItemKind, Mark, Origin, Outcome, Posterior, Prior, Report,
    Strategy, ln_e_values, ln_ours, window,
};
use dyepack::domain::fingerprints::Fingerprints;
use dyepack::domain::mint::{Profiler, Request, Reserved, mint};
use dyepack::domain::watchlist::{Chance, Files, Problems, Watchlist};

const CUSTODIANS: usize = 20;
/// Holder probabilities of shared canaries, in turn.
const P: [f64; 4] = [0.05, 0.3, 0.6, 0.8];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let part = args.first().map_or("all", String::as_str);
    let count = |usual: usize| args.get(1).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let parts: [(&str, Part, usize); 11] = [
        ("dumps", dumps, 20),
        ("rows", rows, 20),
        ("masked", masked, 20),
        ("renderings", renderings, 20),
        ("framing", framing, 20),
        ("forged", forged, 10_000),
        ("windows", windows, 200),
        ("calibration", calibration, 50),
        ("speed", speed, 1),
        ("identities", identities, 100_000),
        ("innocent", innocent, 20_000),
    ];
    for (name, run, usual) in parts {
        if part == "all" || part == name {
            println!("\n{name}");
            run(count(usual));
        }
    }
}

/// Runs so many trials and prints what they show.
type Part = fn(usize);

/// `SplitMix64`: the same numbers on every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, p: f64) -> bool {
        self.share() < p
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.share() * bound as f64) as usize
    }
}

/// How a leak was made; the first `leakers` custodians did it.
#[derive(Clone, Copy)]
struct Leak {
    leakers: usize,
    strategy: Strategy,
    /// Share of the canaries that is published and found.
    rate: f64,
    /// Chance of any canary to be published by who does not hold it: guessed marks of others.
    guessed: f64,
}

impl Leak {
    fn shows(&self, held: usize, dice: &mut Dice) -> bool {
        dice.chance(self.rate * self.strategy.published(held, self.leakers)) || dice.chance(self.guessed)
    }
}

fn draw(custodians: usize, p: f64, dice: &mut Dice) -> Vec<usize> {
    (0..custodians).filter(|_| dice.chance(p)).collect()
}

fn plant(evidence: &mut Evidence, canaries: usize, leak: Leak, dice: &mut Dice) {
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
fn publish(evidence: &mut Evidence, (rows, share, junk): (usize, f64, f64), leakers: usize, dice: &mut Dice) {
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

fn bound(custodians: usize) -> f64 {
    (2.0 * custodians as f64 / EPSILON).ln()
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

fn dumps(trials: usize) {
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

fn rows(trials: usize) {
    println!("real records, one leaker, {trials} leaks each: named (top of the posterior)");
    for share in [0.3, 0.5, 0.8] {
        for junk in [0.0, 0.2, 0.8] {
            for rows in [20, 30, 50, 100, 300] {
                let (mut named, mut top, mut dice) = (Named::default(), 0, Dice(9));
                for _ in 0..trials {
                    let mut evidence = Evidence::new(CUSTODIANS);
                    publish(&mut evidence, (rows, share, junk), 1, &mut dice);
                    named.add(&evidence, 1);
                    let posterior = Posterior::of(&evidence, &Prior::even(CUSTODIANS), -1e3);
                    top += usize::from(posterior.marginals[1..].iter().all(|other| *other < posterior.marginals[0]));
                }
                println!(
                    "share {share}, junk {junk}, {rows:3} rows: {:.3} ({:.3}), innocent {}",
                    named.all as f64 / trials as f64,
                    top as f64 / trials as f64,
                    named.innocent
                );
            }
        }
    }
}

/// Rows with two masked fields: most lead to one record, some to a wrong one; those that lead to several are left out.
fn masked(trials: usize) {
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
fn renderings(trials: usize) {
    println!("renderings of real rows, whole copies, one leaker, {trials} leaks each: named");
    for (kinds, changed) in [(1, 0.1), (3, 0.1), (3, 0.5)] {
        for rows in [10, 25, 50, 100, 200] {
            let (mut named, mut dice) = (Named::default(), Dice(41));
            for _ in 0..trials {
                let mut evidence = Evidence::new(CUSTODIANS);
                let p = vec![0.5; CUSTODIANS];
                let class = Class { kind: ItemKind::Variant, draw: Draw::Random, batch: 0, p, by_rule: Vec::new() };
                let class = evidence.class(class);
                for _ in 0..rows * kinds {
                    let holders = draw(CUSTODIANS, 0.5, &mut dice);
                    let is_second = if dice.chance(changed) { dice.chance(0.5) } else { holders.contains(&0) };
                    let outcome = if is_second { Outcome::Seen } else { Outcome::Unseen };
                    evidence.push(class, &holders, outcome);
                }
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

/// Identities in three languages, every value from a reserved range.
fn identities(count: usize) {
    let mut profiler = Profiler::new("id,name,phone,email,card_no,address,birth_date,balance".split(','));
    for row in 0..3000_u32 {
        let name = ["Amelia Okafor", "王小明", "Ветров Лука Глебович"][row as usize % 3];
        let cells = [
            format!("{}", row * 1009),
            name.to_owned(),
            "+1 555 0100000".to_owned(),
            format!("user{row}@post.example"),
            "9999 1200 0000 0018".to_owned(),
            format!("{} Harbour Road, Gullhaven", row % 90 + 1),
            format!("19{:02}-04-{:02}", row % 60 + 40, row % 28 + 1),
            format!("{}.25", row * 31),
        ];
        profiler.row(cells.iter().map(String::as_str));
    }
    let mut profile = profiler.finish();
    let one = |text: &str| vec![text.to_owned()];
    profile.reserved = Reserved {
        pan: one("999912##########"),
        phone: ["+1 555 #######", "+86 120########", "+7 000 #######"].map(str::to_owned).to_vec(),
        email: one("mail.example-bank.example"),
        ..Reserved::default()
    };
    let request = Request {
        dataset: "customers".to_owned(),
        planted_at: "2026-03-02".parse().expect("a day"),
        custodians: (0..CUSTODIANS).map(|number| format!("H{number:02}")).collect(),
        unique: 0,
        shared: count.try_into().unwrap_or(u32::MAX),
        p: P.into_iter().filter_map(Chance::new).collect(),
        taken: HashSet::new(),
        customers: Fingerprints::default(),
    };
    let start = Instant::now();
    match mint(&profile, &request, &[7; 32]) {
        Ok(table) => println!("{} identities in {:.1} s", table.canaries.len(), start.elapsed().as_secs_f64()),
        Err(error) => println!("cannot {error}"),
    }
}

fn framing(trials: usize) {
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

fn forged(trials: usize) {
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

fn windows(trials: usize) {
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
                Mark { from: Some(from), until, outcome }
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
fn calibration(trials: usize) {
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

fn speed(_: usize) {
    report();
    for (custodians, records) in [(20, 1_000), (100, 100_000)] {
        let mut dice = Dice(31);
        let mut evidence = Evidence::new(custodians);
        plant(&mut evidence, 400, Leak { leakers: 1, strategy: Strategy::One, rate: 0.9, guessed: 0.0 }, &mut dice);
        publish(&mut evidence, (records, 0.5, 0.2), 1, &mut dice);
        let start = Instant::now();
        let found = ln_e_values(&evidence);
        let weighed = start.elapsed();
        let posterior = Posterior::of(&evidence, &Prior::even(custodians), -1e9);
        println!(
            "{custodians} custodians, {records} rows, 400 canaries: e-values {:.0} ms, with the posterior {:.0} ms (ln E {:.0}, top {:?})",
            weighed.as_secs_f64() * 1e3,
            start.elapsed().as_secs_f64() * 1e3,
            found[0],
            posterior.origins[0].0
        );
    }
}

/// A report from the watchlist and the findings on: 100 custodians, each with a drawn half, 10^5 records found.
fn report() {
    const MANY: usize = 100;
    let mut dice = Dice(43);
    let mut organization =
        "id = \"example-bank\"\nname = \"Example Bank\"\n[[contact]]\naddress = \"soc@bank.example\"\n\
        [[dataset]]\nid = \"customers\"\nrows = 1000000\n"
            .to_owned();
    let mut deliveries = "delivery,dataset,custodian,delivered_at,rows,share,key\n".to_owned();
    for number in 0..MANY {
        let _ = writeln!(organization, "[[custodian]]\ncode = \"H{number:02}\"\nname = \"Hosting {number}\"");
        let (high, low) = (dice.next(), dice.next());
        let _ = writeln!(
            deliveries,
            "d{number:02},customers,H{number:02},2026-01-05,500000,0.5,pan-1:{high:016x}{low:016x}"
        );
    }
    let canaries =
        "canary,dataset,holders,planted_at,retired_at,email\nc1,customers,H00,2026-01-05,,planted@bank.example\n";
    let files = Files {
        folder: "example-bank",
        path: "",
        organization: Some(organization.as_bytes()),
        canaries: Some(canaries.as_bytes()),
        deliveries: Some(deliveries.as_bytes()),
    };
    let mut problems = Problems::default();
    let Some(watchlist) = Watchlist::read(&files, &mut problems) else {
        println!("{problems}");
        return;
    };
    let delivery = &watchlist.deliveries[0];
    let is_given = |tag: &u64| {
        delivery.deal.as_ref().zip(delivery.share).is_some_and(|(deal, share)| deal.of(*tag).is_given(share))
    };
    let record = |tag: u64| FoundRecord { entry: format!("fp:pan:{tag:016x}"), renderings: 0, deliveries: Vec::new() };
    let findings = Findings {
        organization: "example-bank".to_owned(),
        case: "C-00000001".to_owned(),
        epsilon: EPSILON,
        rows: None,
        published_by: "2026-04-01".parse().expect("a day"),
        canaries: Vec::new(),
        others: 0,
        records: std::iter::repeat_with(|| dice.next()).filter(is_given).take(100_000).map(record).collect(),
        filed: Vec::new(),
        tested: Vec::new(),
    };
    let start = Instant::now();
    let report = Report::of(&watchlist, &findings);
    println!(
        "{MANY} custodians with drawn halves, {} records: whole report {:.0} ms, {}",
        findings.records.len(),
        start.elapsed().as_secs_f64() * 1e3,
        report.line()
    );
}

/// Innocent copies of a thousand, in leaks of all kinds: none may be named.
fn innocent(tests: usize) {
    const MANY: usize = 1000;
    let (mut dice, mut done, mut named, mut most) = (Dice(37), 0_usize, 0_usize, f64::NEG_INFINITY);
    let (mut leaks, start) = (0_usize, Instant::now());
    while done < tests {
        let leak = Leak {
            leakers: 1 + leaks % 3,
            strategy: Strategy::ALL[dice.below(5)],
            rate: [1.0, 0.9, 0.3, 0.05][dice.below(4)],
            guessed: [0.0, 0.0, 0.02, 0.3][dice.below(4)],
        };
        let mut evidence = Evidence::new(MANY);
        plant(&mut evidence, [60, 200, 400][dice.below(3)], leak, &mut dice);
        if leaks % 4 == 0 {
            let rows = (20 + dice.below(200), [0.3, 0.5, 0.8][dice.below(3)], [0.0, 0.2, 0.8][dice.below(3)]);
            publish(&mut evidence, rows, leak.leakers, &mut dice);
        }
        for ln_e in ln_e_values(&evidence).into_iter().skip(leak.leakers) {
            done += 1;
            named += usize::from(ln_e >= bound(MANY));
            most = most.max(ln_e);
        }
        leaks += 1;
    }
    println!(
        "{done} tests of innocent copies in {leaks} leaks: {named} named; largest ln E {most:.1}, bound {:.1}; {:.0} s",
        bound(MANY),
        start.elapsed().as_secs_f64()
    );
}
