//! The compiled form of all watchlists: every spelling of every value in one table each for numbers and addresses.
//!
//! One table serves all organizations, so the cost of a scan does not grow with their number. Spellings are hashed and
//! forgotten; what is kept of a value is the value, and the few that a scan asks about are spelled again. Anchors (BIN, mail domain,
//! names of the organization) are not compiled: by themselves they stand in every news item, and a mail for each would
//! teach people to ignore mails.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

use super::literal::Literals;
use super::masked::Index;
use super::shape::{Letters, Shape};
use super::table::{Table, hash};
use super::testing::Testing;
use super::verdict::Premises;
use crate::domain::fingerprints::Fingerprints;
use crate::domain::identifier::{FingerprintKind, Form, Kind, Needle, STANDS_ALONE_BITS, needles};
use crate::domain::watchlist::{Anchors, Canary, OrganizationId, Watchlist};

/// Everything that is looked for.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) organizations: Vec<OrganizationId>,
    /// How many canaries each organization has.
    canaries: Vec<u32>,
    /// What is known of each organization before anything is seen.
    pub(super) premises: Vec<Premises>,
    /// Column names, each once.
    pub(super) fields: Vec<String>,
    /// The entries' ids, one after another.
    ids: String,
    entries: Vec<Entry>,
    /// The entries' values, one after another.
    texts: String,
    values: Vec<Value>,
    pub(super) numbers: Table,
    pub(super) shape: Shape,
    pub(super) emails: Table,
    pub(super) masked: Index,
    pub(super) literals: Literals,
    /// What each organization issues.
    anchors: Vec<Anchors>,
    pub(super) testing: Testing,
}

/// A canary; its id and its values begin where those of the one before end.
#[derive(Debug, Clone, Copy)]
struct Entry {
    organization: u32,
    id_end: u32,
    values_end: u32,
}

/// One field of a canary.
#[derive(Debug, Clone, Copy)]
struct Value {
    text_end: u32,
    field: u16,
    /// The most bits it may tell, because others have the same; [`UNLIMITED`] for what nobody shares.
    bits_limit: u8,
}

const UNLIMITED: u8 = u8::MAX;

/// A canary as a hit names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) organization: &'a OrganizationId,
    pub(super) id: &'a str,
}

/// A field that tells nothing alone, so that it is looked for only where another one was found.
#[derive(Debug)]
pub(super) struct Companion {
    pub(super) field: u32,
    pub(super) bits: u32,
    pub(super) spellings: Vec<String>,
}

/// One field of one entry, under one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) entry: u32,
    pub(super) field: u32,
    pub(super) bits: u32,
    pub(super) stands_alone: bool,
}

/// A share of an organization's canaries on its way into the compiled form.
#[derive(Debug, Default)]
struct Part {
    /// What was kept by the parts before.
    before: Sizes,
    fields: Vec<String>,
    ids: String,
    entries: Vec<Entry>,
    texts: String,
    values: Vec<Value>,
    shape: Shape,
    masked: Index,
    /// Hashes of spellings, each with its value.
    numbers: Vec<(u64, u32)>,
    emails: Vec<(u64, u32)>,
    literals: Vec<(String, u32)>,
}

/// How much some canaries come to.
#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    ids: usize,
    texts: usize,
    values: usize,
}

impl Sizes {
    fn of(canaries: &[Canary]) -> Self {
        canaries.iter().fold(Self::default(), |sizes, canary| Self {
            ids: sizes.ids + canary.id.len(),
            texts: sizes.texts + canary.fields.iter().map(|(_, value)| value.len()).sum::<usize>(),
            values: sizes.values + canary.fields.len(),
        })
    }

    const fn and(self, other: Self) -> Self {
        Self { ids: self.ids + other.ids, texts: self.texts + other.texts, values: self.values + other.values }
    }
}

/// Hashes of spellings of all canaries, as the parts hold them.
#[derive(Debug, Default)]
struct Spellings {
    numbers: Vec<Vec<(u64, u32)>>,
    emails: Vec<Vec<(u64, u32)>>,
    literals: Vec<(String, u32)>,
}

/// So many canaries are worth a thread of their own.
const PART_CANARIES: usize = 4096;

impl Compiled {
    /// Compiles watchlists, each in as many parts side by side as there are processors; about 1 µs of computing a value.
    pub(super) fn of(watchlists: &[Watchlist]) -> Self {
        let mut compiled = Self::default();
        let mut spellings = Spellings::default();
        for watchlist in watchlists {
            let organization = number(compiled.organizations.len());
            compiled.organizations.push(watchlist.organization.id.clone());
            compiled.canaries.push(number(watchlist.canaries.len()));
            compiled.premises.push(Premises::of(watchlist));
            compiled.anchors.push(watchlist.organization.anchors.clone());
            for part in parts(organization, &watchlist.canaries, compiled.sizes()) {
                compiled.take(part, &mut spellings);
            }
        }
        let Spellings { numbers, emails, literals } = spellings;
        thread::scope(|scope| {
            let Self { numbers: number_table, emails: email_table, masked, literals: literal_table, .. } =
                &mut compiled;
            scope.spawn(move || *number_table = Table::build(&numbers));
            scope.spawn(move || {
                *email_table = Table::build(&emails);
                masked.finish();
            });
            *literal_table = Literals::build(literals);
        });
        compiled.ids.shrink_to_fit();
        compiled.entries.shrink_to_fit();
        compiled.texts.shrink_to_fit();
        compiled.values.shrink_to_fit();
        compiled
    }

    const fn sizes(&self) -> Sizes {
        Sizes { ids: self.ids.len(), texts: self.texts.len(), values: self.values.len() }
    }

    /// Takes in a part that goes on where the last one ended.
    fn take(&mut self, part: Part, spellings: &mut Spellings) {
        let field = |name: &String| {
            let known = self.fields.iter().position(|field| field == name).unwrap_or_else(|| {
                self.fields.push(name.clone());
                self.fields.len() - 1
            });
            u16::try_from(known).unwrap_or(u16::MAX)
        };
        let fields: Vec<u16> = part.fields.iter().map(field).collect();
        self.ids.push_str(&part.ids);
        self.entries.extend(part.entries);
        self.texts.push_str(&part.texts);
        self.values.extend(part.values.into_iter().map(|value| {
            let field = fields.get(usize::from(value.field)).copied().unwrap_or(u16::MAX);
            Value { field, ..value }
        }));
        self.shape.join(&part.shape);
        self.masked.join(part.masked);
        spellings.numbers.push(part.numbers);
        spellings.emails.push(part.emails);
        spellings.literals.extend(part.literals);
    }

    /// Spells a value again.
    fn needles(&self, value: u32) -> Vec<Needle> {
        let index = value as usize;
        let Some(&Value { text_end, field, bits_limit }) = self.values.get(index) else { return Vec::new() };
        let start = index.checked_sub(1).and_then(|before| self.values.get(before)).map_or(0, |before| before.text_end);
        let text = self.texts.get(start as usize..text_end as usize).unwrap_or_default();
        let kind = self.fields.get(usize::from(field)).map_or(Kind::Other, |name| Kind::of_field(name));
        spelled((kind, text), bits_limit)
    }

    /// Tells what a text that was found stands for, if it is a spelling of this value.
    pub(super) fn target(&self, value: u32, form: Form, text: &str) -> Option<Target> {
        self.fitting(value, form, |own| own == text)
    }

    /// Tells what a value stands for, if one of its spellings fits.
    pub(super) fn fitting(&self, value: u32, form: Form, fits: impl Fn(&str) -> bool) -> Option<Target> {
        let needle = self.needles(value).into_iter().find(|needle| needle.form == form && fits(&needle.text))?;
        let entry = self.entries.partition_point(|entry| entry.values_end <= value);
        let field = u32::from(self.values.get(value as usize)?.field);
        Some(Target { entry: number(entry), field, bits: needle.bits, stands_alone: needle.stands_alone })
    }

    /// Counts the canaries of an entry's organization.
    pub(super) fn canaries(&self, entry: u32) -> u32 {
        let organization = self.entries.get(entry as usize).map(|entry| entry.organization as usize);
        organization.and_then(|organization| self.canaries.get(organization)).copied().unwrap_or_default()
    }

    /// Prepares to look values up among fingerprints.
    pub(super) fn test(&mut self, fingerprints: &Fingerprints) {
        self.testing = Testing::of(fingerprints, |organization| {
            let index = self.organizations.iter().position(|known| known == organization);
            index.and_then(|index| self.anchors.get(index))
        });
        let asked = |kinds: &[FingerprintKind]| kinds.iter().any(|kind| self.testing.has(*kind));
        let (short, iban) = (
            &[FingerprintKind::Account, FingerprintKind::NationalId, FingerprintKind::Passport],
            FingerprintKind::Iban,
        );
        let admitted = [
            (asked(short), 24, 5, Letters::Within),
            (
                asked(&[FingerprintKind::Pan, FingerprintKind::ResidentId, FingerprintKind::Phone]),
                19,
                10,
                Letters::AtEnd,
            ),
            (asked(&[iban]), 34, 10, Letters::Within),
        ];
        if let Some(longest) = self.testing.longest_account() {
            self.shape.admit(longest, 5, Letters::Within);
        }
        for (_, longest, digits, letters) in admitted.into_iter().filter(|(is_asked, ..)| *is_asked) {
            self.shape.admit(longest, digits, letters);
        }
    }

    /// Names an entry.
    pub(super) fn entry(&self, entry: u32) -> Option<Named<'_>> {
        let index = entry as usize;
        let &Entry { organization, id_end, .. } = self.entries.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.entries.get(before)).map_or(0, |before| before.id_end);
        let id = self.ids.get(start as usize..id_end as usize)?;
        Some(Named { organization: self.organizations.get(organization as usize)?, id })
    }

    /// Lists the fields of an entry that are looked for only where another one was found.
    pub(super) fn companions(&self, entry: u32) -> Vec<Companion> {
        let index = entry as usize;
        let Some(end) = self.entries.get(index).map(|entry| entry.values_end) else { return Vec::new() };
        let start =
            index.checked_sub(1).and_then(|before| self.entries.get(before)).map_or(0, |entry| entry.values_end);
        let mut companions: Vec<Companion> = Vec::new();
        for value in start..end {
            let field = self.values.get(value as usize).map_or(0, |value| u32::from(value.field));
            let (mut spellings, mut bits) = (Vec::new(), 0);
            for needle in self.needles(value).into_iter().filter(|needle| needle.form == Form::Literal) {
                bits = needle.bits;
                spellings.push(needle.text);
            }
            if !spellings.is_empty() {
                companions.push(Companion { field, bits, spellings });
            }
        }
        companions.sort_by_key(|companion| companion.field);
        companions
    }

    /// Tells how many bytes are kept.
    pub(super) fn bytes(&self) -> usize {
        self.ids.len()
            + self.entries.len() * size_of::<Entry>()
            + self.texts.len()
            + self.values.len() * size_of::<Value>()
            + self.numbers.bytes()
            + self.emails.bytes()
            + self.masked.bytes()
            + self.literals.bytes()
    }
}

/// Makes the parts of an organization's canaries, which go on where so much is kept already.
fn parts(organization: u32, canaries: &[Canary], kept: Sizes) -> Vec<Part> {
    let rarity = Rarity::of(canaries);
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let length = canaries.len().div_ceil(processors).max(PART_CANARIES);
    let starts = canaries.chunks(length).scan(kept, |before, chunk| {
        let start = *before;
        *before = start.and(Sizes::of(chunk));
        Some((start, chunk))
    });
    let starts: Vec<(Sizes, &[Canary])> = starts.collect();
    if let [(before, chunk)] = starts.as_slice() {
        return vec![Part::of(organization, chunk, &rarity, *before)];
    }
    thread::scope(|scope| {
        let rarity = &rarity;
        let spawn = |(before, chunk)| scope.spawn(move || Part::of(organization, chunk, rarity, before));
        let running: Vec<_> = starts.into_iter().map(spawn).collect();
        running.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

impl Part {
    fn of(organization: u32, canaries: &[Canary], rarity: &Rarity, before: Sizes) -> Self {
        let mut part = Self { before, ..Self::default() };
        for canary in canaries {
            part.add(canary, rarity);
            part.ids.push_str(&canary.id);
            let id_end = number(before.ids + part.ids.len());
            let values_end = number(before.values + part.values.len());
            part.entries.push(Entry { organization, id_end, values_end });
        }
        part
    }

    fn add(&mut self, canary: &Canary, rarity: &Rarity) {
        let mut companions: Vec<(Needle, u32)> = Vec::new();
        for (name, text) in canary.fields.iter() {
            let (field, kind) = self.field(name);
            let value = number(self.before.values + self.values.len());
            self.texts.push_str(text);
            let text_end = number(self.before.texts + self.texts.len());
            let bits_limit = rarity.bits_limit(kind, name, text);
            self.values.push(Value { text_end, field, bits_limit });
            for needle in spelled((kind, text), bits_limit) {
                self.masked.add(&needle, value);
                match needle.form {
                    Form::Compact => {
                        self.shape.add(&needle.text);
                        self.numbers.push((hash(needle.text.as_bytes()), value));
                    }
                    Form::Email => self.emails.push((hash(needle.text.as_bytes()), value)),
                    Form::Literal => companions.push((needle, value)),
                }
            }
        }
        self.literals.extend(sought_everywhere(companions));
    }

    /// Returns the number of a field among those of this part.
    fn field(&mut self, name: &str) -> (u16, Kind) {
        let known = self.fields.iter().position(|field| field == name).unwrap_or_else(|| {
            self.fields.push(name.to_owned());
            self.fields.len() - 1
        });
        (u16::try_from(known).unwrap_or(u16::MAX), Kind::of_field(name))
    }
}

/// Spells a value in all ways, none of which tells more than so many bits.
fn spelled((kind, text): (Kind, &str), bits_limit: u8) -> Vec<Needle> {
    let mut found = needles(kind, text);
    if bits_limit != UNLIMITED {
        for needle in &mut found {
            needle.bits = needle.bits.min(u32::from(bits_limit));
            needle.stands_alone = false;
        }
    }
    found
}

/// Of an entry's companions, those that must be sought everywhere: left out are the weakest, which make no hit even all
/// together, and one in any case, because it makes none alone.
fn sought_everywhere(mut companions: Vec<(Needle, u32)>) -> impl Iterator<Item = (String, u32)> {
    companions.sort_by_key(|(needle, value)| (needle.stands_alone, needle.bits, *value));
    let (mut left_out, mut sum) = (None, 0);
    companions.into_iter().filter_map(move |(needle, value)| {
        if !needle.stands_alone && left_out == Some(value) {
            return None;
        }
        if !needle.stands_alone && (left_out.is_none() || sum + needle.bits < STANDS_ALONE_BITS) {
            left_out = Some(value);
            sum += needle.bits;
            return None;
        }
        sum = STANDS_ALONE_BITS;
        Some((needle.text, value))
    })
}

/// Which values occur more than once among an organization's own canaries: a branch or a city that many share tells little.
#[derive(Debug)]
struct Rarity {
    total: usize,
    /// Hashes of fields and values that repeat, each with how often, sorted.
    repeated: Vec<(u64, usize)>,
}

impl Rarity {
    fn of(canaries: &[Canary]) -> Self {
        let may_repeat = |(field, _): &(&str, &str)| Self::may_repeat(Kind::of_field(field));
        let fields = canaries.iter().flat_map(|canary| canary.fields.iter()).filter(may_repeat);
        let mut hashes: Vec<u64> = fields.map(|(field, value)| Self::hash(field, value)).collect();
        hashes.sort_unstable();
        let repeated = hashes
            .chunk_by(|left, right| left == right)
            .filter(|equal| equal.len() > 1)
            .filter_map(|equal| Some((*equal.first()?, equal.len())))
            .collect();
        Self { total: canaries.len(), repeated }
    }

    const fn may_repeat(kind: Kind) -> bool {
        matches!(kind, Kind::Name | Kind::Address | Kind::Other)
    }

    /// A collision, once in 2⁶⁴ pairs, would only make two values worth a bit less.
    fn hash(field: &str, value: &str) -> u64 {
        hash(field.as_bytes()) ^ hash(value.as_bytes()).rotate_left(1)
    }

    /// A value shared by `k` of `n` canaries tells at most log₂(n/k) bits.
    fn bits_limit(&self, kind: Kind, field: &str, value: &str) -> u8 {
        if self.repeated.is_empty() || !Self::may_repeat(kind) {
            return UNLIMITED;
        }
        let hash = Self::hash(field, value);
        let Ok(index) = self.repeated.binary_search_by_key(&hash, |(hash, _)| *hash) else { return UNLIMITED };
        let count = self.repeated.get(index).map_or(1, |(_, count)| *count);
        u8::try_from((self.total / count).max(1).ilog2()).unwrap_or(UNLIMITED)
    }
}

/// Counts never reach four thousand million: a watchlist is bounded at intake.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
