//! The compiled form of all watchlists: every spelling of every value in one table each for numbers and addresses.
//!
//! One table serves all organizations, so the cost of a scan does not grow with their number. Anchors (BIN, mail domain,
//! names of the organization) are not compiled: by themselves they stand in every news item, and a mail for each would
//! teach people to ignore mails. They will open windows for strict extraction when fingerprints are matched.

use std::collections::BTreeMap;

use super::groups::Shape;
use super::literal::Literals;
use super::masked::Index;
use super::table::Table;
use super::verdict::Premises;
use crate::domain::identifier::{Form, Kind, Needle, needles};
use crate::domain::watchlist::{Canary, OrganizationId, Watchlist};

/// Everything that is looked for.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) organizations: Vec<OrganizationId>,
    /// How many canaries each organization has.
    pub(super) canaries: Vec<u32>,
    /// What is known of each organization before anything is seen.
    pub(super) premises: Vec<Premises>,
    /// Column names, each once.
    pub(super) fields: Vec<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) targets: Vec<Target>,
    pub(super) numbers: Table,
    pub(super) shape: Shape,
    pub(super) emails: Table,
    pub(super) masked: Index,
    pub(super) literals: Literals,
}

/// A canary.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) organization: u32,
    pub(super) id: Box<str>,
    /// Fields that are looked for only where another one was found.
    pub(super) companions: Box<[Companion]>,
}

/// A field that tells nothing alone.
#[derive(Debug)]
pub(super) struct Companion {
    pub(super) field: u32,
    pub(super) bits: u32,
    pub(super) spellings: Box<[Box<str>]>,
}

/// One field of one entry, under one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) entry: u32,
    pub(super) field: u32,
    pub(super) bits: u32,
    pub(super) stands_alone: bool,
}

/// Spellings on their way into a table.
type Spellings = Vec<(String, Target)>;

impl Compiled {
    /// Compiles watchlists; about 5 µs a value.
    pub(super) fn of(watchlists: &[Watchlist]) -> Self {
        let mut compiled = Self::default();
        let (mut numbers, mut emails, mut literals) = (Spellings::new(), Spellings::new(), Spellings::new());
        for watchlist in watchlists {
            let organization = number(compiled.organizations.len());
            compiled.organizations.push(watchlist.organization.id.clone());
            compiled.canaries.push(number(watchlist.canaries.len()));
            compiled.premises.push(Premises::of(watchlist));
            let rarity = Rarity::of(&watchlist.canaries);
            for canary in &watchlist.canaries {
                let entry = number(compiled.entries.len());
                let mut companions = Vec::new();
                for (field, value) in &canary.fields {
                    let field_number = compiled.field(field);
                    for needle in rarity.needles(field, value) {
                        let target =
                            Target { entry, field: field_number, bits: needle.bits, stands_alone: needle.stands_alone };
                        match needle.form {
                            Form::Compact => numbers.push((needle.text, target)),
                            Form::Email => emails.push((needle.text, target)),
                            Form::Literal => companions.push((needle.text, target)),
                        }
                    }
                }
                literals.extend(sought_everywhere(&companions));
                compiled.entries.push(Entry {
                    organization,
                    id: canary.id.as_str().into(),
                    companions: group_by_field(companions),
                });
            }
        }
        compiled.finish(numbers, emails, literals);
        compiled
    }

    fn finish(&mut self, mut numbers: Spellings, mut emails: Spellings, mut literals: Spellings) {
        for spellings in [&mut numbers, &mut emails, &mut literals] {
            spellings.sort_unstable();
            spellings.dedup();
        }
        let keys = self.append(&numbers);
        self.shape = Shape::of(keys.iter().map(|(text, _)| *text));
        let addresses = self.append(&emails);
        self.masked = Index::build(&keys, &addresses);
        self.numbers = Table::build(keys.into_iter());
        self.emails = Table::build(addresses.into_iter());
        self.literals = Literals::build(&self.append(&literals));
    }

    /// Stores the targets of sorted spellings; gives each distinct spelling with the range of its targets.
    fn append<'s>(&mut self, spellings: &'s Spellings) -> Vec<(&'s str, (u32, u32))> {
        let mut keys: Vec<(&str, (u32, u32))> = Vec::new();
        for (text, target) in spellings {
            let index = number(self.targets.len());
            self.targets.push(*target);
            match keys.last_mut() {
                Some((last, (_, end))) if *last == text.as_str() => *end = index + 1,
                Some(_) | None => keys.push((text, (index, index + 1))),
            }
        }
        keys
    }

    fn field(&mut self, name: &str) -> u32 {
        let known = self.fields.iter().position(|field| field == name);
        number(known.unwrap_or_else(|| {
            self.fields.push(name.to_owned());
            self.fields.len() - 1
        }))
    }

    /// Returns the targets of a range that a table gave.
    pub(super) fn targets(&self, (start, end): (u32, u32)) -> &[Target] {
        self.targets.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Of an entry whose fields are all companions but one, the others are sought everywhere: two of them make a hit, and the
/// weakest is then found beside any other.
fn sought_everywhere(companions: &[(String, Target)]) -> Vec<(String, Target)> {
    let Some((_, weakest)) = companions.iter().min_by_key(|(_, target)| target.bits) else { return Vec::new() };
    companions.iter().filter(|(_, target)| target.field != weakest.field).cloned().collect()
}

fn group_by_field(companions: Vec<(String, Target)>) -> Box<[Companion]> {
    let mut fields: BTreeMap<u32, (u32, Vec<Box<str>>)> = BTreeMap::new();
    for (text, target) in companions {
        let (_, spellings) = fields.entry(target.field).or_insert((target.bits, Vec::new()));
        spellings.push(text.into());
    }
    fields
        .into_iter()
        .map(|(field, (bits, spellings))| Companion { field, bits, spellings: spellings.into() })
        .collect()
}

/// How often a value occurs among an organization's own canaries: a branch or a city that many share tells little.
#[derive(Debug)]
struct Rarity<'a> {
    total: usize,
    counts: BTreeMap<(&'a str, &'a str), usize>,
}

impl<'a> Rarity<'a> {
    fn of(canaries: &'a [Canary]) -> Self {
        let mut counts = BTreeMap::new();
        for (field, value) in canaries.iter().flat_map(|canary| &canary.fields) {
            if Self::may_repeat(Kind::of_field(field)) {
                *counts.entry((field.as_str(), value.as_str())).or_default() += 1;
            }
        }
        counts.retain(|_, count| *count > 1);
        Self { total: canaries.len(), counts }
    }

    const fn may_repeat(kind: Kind) -> bool {
        matches!(kind, Kind::Name | Kind::Address | Kind::Other)
    }

    /// Lists a value's needles; one shared by `k` of `n` canaries tells at most log₂(n/k) bits.
    fn needles(&self, field: &str, value: &str) -> Vec<Needle> {
        let kind = Kind::of_field(field);
        let mut found = needles(kind, value);
        if let Some(count) = self.counts.get(&(field, value)) {
            let limit = (self.total / count).max(1).ilog2();
            for needle in &mut found {
                needle.bits = needle.bits.min(limit);
                needle.stands_alone = false;
            }
        }
        found
    }
}

/// Counts never reach four thousand million: a watchlist is bounded at intake.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
