//! Five organizations, each with twenty custodians and months of deliveries, and leaks of every kind from them,
//! weighed as a case would be: from the watchlist and the findings to the report.
//!
//! One customer in ten of an organization is one of any other, too, so a leak of one brings finds to all. What a leak looks
//! like as text is not here (`tests/it/leaks.rs`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dyepack::domain::attribution::{EPSILON, Findings, FoundCanary, FoundRecord, Report, Strategy, Tested};
use dyepack::domain::watchlist::{Canary, Dealer, Files, Problems, Watchlist};
use jiff::civil::Date;

use super::dice::{Dice, mixed};

pub(crate) const ORGANIZATIONS: usize = 5;
pub(crate) const CUSTODIANS: usize = 20;
/// A copy is taken in the second month or later, so that some plantings come before and some after.
const FIRST: usize = 1;
/// Canaries that are planted each month: for each copy by chance, and for each custodian alone.
const SHARED: usize = 20;
const P: [f64; 4] = [0.05, 0.3, 0.6, 0.8];
/// Rows that are found, of those that are ours and were published.
const RECALL: f64 = 0.9;
/// Of the rows and canaries, the share that somebody removes who has a classifier of this much shift between them: an area
/// under its curve of .55.
const REMOVED: f64 = 0.84;
const SHIFT: f64 = 0.178;

/// Shares of the table that each custodian is given; 1 is all of it, rendered.
pub(crate) const SHARES: [f64; 4] = [0.3, 0.5, 0.8, 1.0];

/// What is left in the rows to know a customer by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Whole cards.
    Cards,
    /// Cards and telephones, both masked.
    Masked,
    /// Mail addresses, which are not enrolled: only canaries are found.
    Mail,
}

/// Which rows are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    Contiguous,
    Random,
    City,
    Balance,
}

/// One leak.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leak {
    pub(crate) organization: usize,
    /// Which of [`SHARES`].
    pub(crate) share: usize,
    pub(crate) left: Left,
    pub(crate) pick: Pick,
    pub(crate) rows: usize,
    /// Share of what is published that nobody took from a copy: half of it rows of ours, half of nobody.
    pub(crate) junk: f64,
    pub(crate) leakers: usize,
    pub(crate) strategy: Strategy,
    /// Whether what a classifier calls fake is removed.
    pub(crate) is_cleaned: bool,
    /// Share of renderings that the seller rewrote.
    pub(crate) rewritten: f64,
}

impl Leak {
    /// Draws a leak.
    pub(crate) fn any(dice: &mut Dice, sizes: &[usize]) -> Self {
        Self {
            organization: dice.below(ORGANIZATIONS),
            share: dice.below(SHARES.len()),
            left: dice.pick(&[Left::Cards, Left::Cards, Left::Cards, Left::Masked, Left::Mail]),
            pick: dice.pick(&[Pick::Contiguous, Pick::Random, Pick::City, Pick::Balance]),
            rows: dice.pick(sizes),
            junk: dice.pick(&[0.0, 0.2, 0.8]),
            leakers: dice.pick(&[1, 1, 1, 2, 3]),
            strategy: dice.pick(&Strategy::ALL),
            is_cleaned: dice.chance(0.2),
            rewritten: dice.pick(&[0.1, 0.1, 0.5, 1.0]),
        }
    }
}

/// What became of one leak.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Leakers, and how many of them were named.
    pub(crate) leakers: usize,
    pub(crate) named: usize,
    /// Custodians of any organization whose copy did not leak, and how many of them were named.
    pub(crate) innocent: usize,
    pub(crate) wrong: usize,
    /// Whether the day on which the copies were taken lies in the window; `None` without one.
    pub(crate) is_in_window: Option<bool>,
}

/// The watchlists of one world: for each organization, share, and kind of deal.
pub(crate) struct World {
    /// Rows of each table.
    rows: usize,
    /// Deliveries to each custodian, a month apart.
    months: usize,
    organizations: Vec<Organization>,
}

struct Organization {
    seed: u64,
    /// For each share: by cards, by masked pairs.
    watchlists: Vec<[Watchlist; 2]>,
}

impl World {
    pub(crate) fn new(rows: usize, months: usize) -> Self {
        let organization = |number: usize| {
            let seed = mixed(number as u64 + 1);
            let watchlists =
                SHARES.map(|share| ["pan", "pan6l4-ph3l4"].map(|kind| watchlist(seed, (rows, months), (share, kind))));
            Organization { seed, watchlists: watchlists.into() }
        };
        Self { rows, months, organizations: (0..ORGANIZATIONS).map(organization).collect() }
    }

    /// Makes a leak and weighs what each organization finds of it.
    pub(crate) fn weigh(&self, leak: Leak, dice: &mut Dice) -> Outcome {
        let month = FIRST + dice.below(self.months - FIRST);
        let members: BTreeSet<usize> = std::iter::repeat_with(|| dice.below(CUSTODIANS)).take(leak.leakers).collect();
        let members: Vec<usize> = members.into_iter().collect();
        let mut outcome = Outcome { leakers: members.len(), ..Outcome::default() };
        let published = self.published(leak, &members, dice);
        for (number, organization) in self.organizations.iter().enumerate() {
            let watchlist = &organization.watchlists[leak.share][usize::from(leak.left == Left::Masked)];
            let is_own = number == leak.organization;
            let canaries =
                if is_own { planted(watchlist, leak, (&members, month), self.rows, dice) } else { Vec::new() };
            let findings = findings(watchlist, (leak, month), canaries, self.found(leak, (number, &published), dice));
            let report = Report::of(watchlist, &findings);
            let is_member = |code: &str| is_own && members.iter().any(|member| code == format!("H{member:02}"));
            let named = report.accused.iter().filter(|accused| is_member(&accused.code)).count();
            outcome.wrong += report.accused.len() - named;
            outcome.innocent += CUSTODIANS;
            if is_own {
                outcome.named = named;
                outcome.innocent -= members.len();
                let day = taken_on(month);
                outcome.is_in_window = report.window.map(|(from, to)| from <= day && day <= to);
            }
        }
        outcome
    }

    /// Returns the numbers of the rows that are published, with who of the coalition rendered each.
    fn published(&self, leak: Leak, members: &[usize], dice: &mut Dice) -> Vec<(usize, Option<usize>)> {
        let watchlist =
            &self.organizations[leak.organization].watchlists[leak.share][usize::from(leak.left == Left::Masked)];
        let dealers: Vec<Dealer> = members.iter().map(|member| dealer(watchlist, *member)).collect();
        let share = watchlist.deliveries[0].share;
        let holds = |row: usize| -> Vec<usize> {
            let tag = self.tag(leak.organization, row);
            let given = dealers
                .iter()
                .enumerate()
                .filter(|(_, dealer)| share.is_none_or(|share| dealer.of(tag).is_given(share)));
            given.map(|(at, _)| members[at]).collect()
        };
        let start = dice.below(self.rows);
        let (city, balance) = (dice.next() % 40, dice.next() % 16);
        let mut published = Vec::new();
        for step in 0..self.rows {
            // A step that has no common divisor with any even number of rows goes through all of them.
            let row = match leak.pick {
                Pick::Random => (start + step * 7919) % self.rows,
                Pick::Contiguous | Pick::City | Pick::Balance => (start + step) % self.rows,
            };
            let person = mixed(self.person(leak.organization, row));
            let is_meant = match leak.pick {
                Pick::Contiguous | Pick::Random => true,
                Pick::City => person % 40 == city,
                Pick::Balance => (person >> 32) % 16 == balance,
            };
            if !is_meant {
                continue;
            }
            if dice.chance(leak.junk) {
                if dice.chance(0.5) {
                    published.push((row, None));
                }
            } else {
                let held = holds(row);
                let is_removed = leak.is_cleaned && dice.normal() > REMOVED;
                if !held.is_empty() && !is_removed && dice.chance(leak.strategy.published(held.len(), members.len())) {
                    published.push((row, Some(dice.pick(&held))));
                }
            }
            if published.len() >= leak.rows {
                break;
            }
        }
        published
    }

    /// Returns what an organization finds of the rows published: its own customers, by its own fingerprints.
    fn found(
        &self,
        leak: Leak,
        (number, published): (usize, &[(usize, Option<usize>)]),
        dice: &mut Dice,
    ) -> Vec<FoundRecord> {
        let watchlist = &self.organizations[number].watchlists[leak.share][usize::from(leak.left == Left::Masked)];
        let kind = match leak.left {
            Left::Cards => "pan",
            Left::Masked => "pan6l4|ph3l4",
            Left::Mail => return Vec::new(),
        };
        // What is rendered as nobody's secret chose it tells nothing of anybody's, so any secret does for it.
        let dealers: Vec<Dealer> = (0..CUSTODIANS).map(|member| dealer(watchlist, member)).collect();
        let mut records = Vec::new();
        for (row, renderer) in published {
            let is_ours = self.person(number, *row) == self.person(leak.organization, *row);
            if !is_ours || !dice.chance(RECALL) {
                continue;
            }
            let tag = self.tag(number, *row);
            let chosen = match renderer {
                Some(member) if number == leak.organization && !dice.chance(leak.rewritten) => {
                    dealers[*member].of(tag).renderings()
                }
                Some(_) | None => dice.next().to_be_bytes()[0],
            };
            // Two columns that can be rendered: a day and an amount.
            let renderings = u16::from_be_bytes([0b1_1000, chosen & 0b1_1000]);
            records.push(FoundRecord { entry: format!("fp:{kind}:{tag:016x}"), renderings, deliveries: Vec::new() });
        }
        records
    }

    /// One in ten rows of two organizations is the same person.
    fn person(&self, organization: usize, row: usize) -> u64 {
        row as u64 * 10 + mixed(self.organizations[organization].seed ^ row as u64) % 10
    }

    fn tag(&self, organization: usize, row: usize) -> u64 {
        mixed(self.organizations[organization].seed.wrapping_add(mixed(self.person(organization, row))))
    }
}

fn dealer(watchlist: &Watchlist, custodian: usize) -> Dealer {
    watchlist.deliveries[custodian].deal.as_ref().expect("each delivery has a secret").dealer()
}

/// Returns the canaries of the copies of these custodians in a month that the leak shows.
fn planted(
    watchlist: &Watchlist,
    leak: Leak,
    (members, month): (&[usize], usize),
    rows: usize,
    dice: &mut Dice,
) -> Vec<FoundCanary> {
    let day = taken_on(month);
    let lives = |canary: &&Canary| {
        canary.planted_at.is_some_and(|planted| planted <= day) && canary.retired_at.is_none_or(|retired| day < retired)
    };
    // A leak of so many rows shows that share of the canaries among them.
    let rate = share_of(leak.rows, rows) * RECALL * (1.0 - leak.junk);
    let mut found = Vec::new();
    for canary in watchlist.canaries.iter().filter(lives) {
        let held =
            members.iter().filter(|member| canary.holders.iter().any(|code| *code == format!("H{member:02}"))).count();
        let is_removed = leak.is_cleaned && dice.normal() + SHIFT > REMOVED;
        if !is_removed && dice.chance(rate * leak.strategy.published(held, members.len())) {
            found
                .push(FoundCanary { canary: canary.id.clone(), bits: if leak.left == Left::Masked { 45 } else { 60 } });
        }
    }
    found
}

fn findings(
    watchlist: &Watchlist,
    (leak, month): (Leak, usize),
    canaries: Vec<FoundCanary>,
    records: Vec<FoundRecord>,
) -> Findings {
    let rows = leak.rows as u64;
    let hits = records.len() as u64;
    Findings {
        organization: watchlist.organization.id.0.clone(),
        case: "C-00000001".to_owned(),
        epsilon: EPSILON,
        rows: Some(rows),
        published_by: taken_on(month + 1),
        canaries,
        others: 0,
        tested: if leak.left == Left::Mail {
            Vec::new()
        } else {
            vec![Tested { kind: "pan".to_owned(), rows: rows.max(hits), hits, base_rate: 0.1 }]
        },
        records,
        filed: Vec::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "rows of a table")]
fn share_of(rows: usize, of: usize) -> f64 {
    (rows as f64 / of as f64).min(1.0)
}

/// The day of the month, in the middle of it, on which a copy is taken.
fn taken_on(month: usize) -> Date {
    first_of(month).checked_add(jiff::Span::new().days(14)).expect("a day of this century")
}

fn first_of(month: usize) -> Date {
    let months = i64::try_from(month).expect("two years");
    Date::constant(2024, 1, 5).checked_add(jiff::Span::new().months(months)).expect("a day of this century")
}

/// A watchlist as `mint plan` and `mint deliver` leave it.
fn watchlist(seed: u64, (rows, months): (usize, usize), (share, kind): (f64, &str)) -> Watchlist {
    let mut dice = Dice(seed);
    let mut organization = format!(
        "id = \"example-bank\"\nname = \"Example Bank\"\n[[contact]]\naddress = \"soc@bank.example\"\n\
        [[dataset]]\nid = \"customers\"\nrows = {rows}\n"
    );
    let mut deliveries = "delivery,dataset,custodian,delivered_at,rows,share,key\n".to_owned();
    let mut canaries = "canary,dataset,holders,planted_at,retired_at,p,email\n".to_owned();
    let keys: Vec<String> = (0..CUSTODIANS).map(|_| format!("{:016x}{:016x}", dice.next(), dice.next())).collect();
    for number in 0..CUSTODIANS {
        let _ = writeln!(organization, "[[custodian]]\ncode = \"H{number:02}\"\nname = \"Hosting {number}\"");
    }
    for month in 0..months {
        let day = first_of(month);
        for (number, key) in keys.iter().enumerate() {
            let share = if share < 1.0 { share.to_string() } else { String::new() };
            let _ = writeln!(deliveries, "d{month:02}{number:02},customers,H{number:02},{day},,{share},{kind}-1:{key}");
            let _ = writeln!(
                canaries,
                "u{month:02}{number:02},customers,H{number:02},{day},,,u{month}x{number}@own.example"
            );
        }
        for shared in 0..SHARED {
            let p = P[shared % 4];
            let holders: Vec<String> =
                (0..CUSTODIANS).filter(|_| dice.chance(p)).map(|number| format!("H{number:02}")).collect();
            let retired = if shared % 4 == 2 { first_of(month + 6).to_string() } else { String::new() };
            let _ = writeln!(
                canaries,
                "s{month:02}{shared:02},customers,{},{day},{retired},{p},s{month}x{shared}@own.example",
                holders.join("|")
            );
        }
    }
    let files = Files {
        folder: "example-bank",
        path: "",
        organization: Some(organization.as_bytes()),
        canaries: Some(canaries.as_bytes()),
        deliveries: Some(deliveries.as_bytes()),
    };
    let mut problems = Problems::default();
    Watchlist::read(&files, &mut problems).unwrap_or_else(|| panic!("{problems}"))
}
