//! Makes canaries for a dataset: who gets which is a secret random choice, what they are fits the table and is nobody.
//!
//! Chance is an argument (a seed), as are the profile of the table and the day. Not here: reading and writing tables
//! (`faces::cli::mint`), sealing what was minted (`ports::seal`), what the choice proves (`attribution`).

mod dice;
mod identity;
pub mod merkle;
mod names;
mod profile;
mod spelling;
mod wording;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::panic::resume_unwind;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use self::dice::Dice;
use self::identity::{Made, Maker, Marks, Model, enrolled};
use super::fingerprints::Fingerprints;
use super::watchlist::Chance;

pub use identity::comparable;
pub use profile::{Column, DateStyle, Form, Profile, Profiler, Reserved};
pub use spelling::Spelling;
pub use wording::{Place, Wording};

/// Lots in which records are made side by side.
const LOTS: usize = 8;
/// So few records are made in one lot, in which none meets another.
const FEW: usize = 1_000;
/// So many are made in a lot before it is told what the others took.
const MOST_IN_LOT: usize = 10_000;

/// Habits that names, addresses and numbers follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
    /// Russian.
    Ru,
}

impl Language {
    /// Tells the habit of a name by its letters.
    pub fn of(name: &str) -> Self {
        if name.chars().any(|letter| ('\u{3400}'..='\u{9fff}').contains(&letter)) {
            Self::Zh
        } else if name.chars().any(|letter| ('\u{400}'..='\u{4ff}').contains(&letter)) {
            Self::Ru
        } else {
            Self::En
        }
    }
}

/// Why nothing can be minted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MintError {
    /// A column identifies people, and nobody's values are known for it.
    #[error(
        "mint the column {column}: the profile reserves no range for {field}; add one under [reserved], as the comment there shows"
    )]
    NoRange {
        /// The column.
        column: String,
        /// What it holds.
        field: String,
    },
    /// A range leaves so few digits that chance would meet its values.
    #[error("mint from the range {range}: it leaves fewer than 4 random digits (#)")]
    NarrowRange {
        /// The range.
        range: String,
    },
    /// No value of a range passes the public check.
    #[error("mint from the range {range}: no value of it is a valid {field}")]
    NotAccepted {
        /// What it would hold.
        field: String,
        /// The range.
        range: String,
    },
    /// A range has no free value left.
    #[error("mint so many records: the ranges reserved for {field} have no free value left; reserve wider ones")]
    Exhausted {
        /// The field or key column.
        field: String,
    },
    /// No column identifies a record.
    #[error("mint a canary of this table: no column is known to identify a record; set field of one in the profile")]
    NothingIdentifying,
    /// Nobody is to receive a copy.
    #[error("mint for nobody: name the custodians that will receive copies")]
    NoCustodian,
}

/// What to mint.
#[derive(Debug, Clone)]
pub struct Request {
    /// The dataset.
    pub dataset: String,
    /// From when on the canaries are in the copies.
    pub planted_at: Date,
    /// Codes of the custodians that will receive copies.
    pub custodians: Vec<String>,
    /// Canaries for each custodian alone.
    pub unique: u32,
    /// Canaries that each custodian is given with a probability.
    pub shared: u32,
    /// Those probabilities, in turn.
    pub p: Vec<Chance>,
    /// Identifying values that are enrolled already, as [`comparable`] gives them.
    pub taken: HashSet<String>,
    /// Fingerprints of real customers: no canary has a value of theirs.
    pub customers: Fingerprints,
}

/// What was minted: sealed at rest, as whoever reads it knows every canary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The dataset.
    pub dataset: String,
    /// From when on they are in the copies.
    pub planted_at: Date,
    /// Names of the table's columns, in order.
    pub columns: Vec<String>,
    /// For each column, the watchlist's name for what it holds.
    pub fields: Vec<Option<String>>,
    /// The column whose numbers grow from row to row, if there is one.
    pub key: Option<usize>,
    /// The canaries, by id.
    pub canaries: Vec<Planted>,
}

/// One canary as it was minted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planted {
    /// Its id.
    pub id: String,
    /// Codes of the custodians whose copies hold it.
    pub holders: Vec<String>,
    /// The probability of the draw; `None` for one that is planted in one copy alone.
    pub p: Option<Chance>,
    /// Its cells, one a column.
    pub cells: Vec<String>,
    /// Where among the rows it stands, 0 to just under 1: the same in every copy, so that comparing them shows nothing.
    pub place: f64,
    /// Salt of its leaf in the commitment.
    pub salt: String,
}

impl Table {
    /// Returns the salted Merkle root that commits to the whole table.
    pub fn root(&self) -> merkle::Hash {
        let common = format!("{}|{}|", self.dataset, self.planted_at);
        let mut entry = String::new();
        let leaf = |canary: &Planted| {
            entry.clear();
            entry.push_str(&common);
            entry.push_str(&canary.id);
            for part in canary.holders.iter().chain(&canary.cells) {
                // The length keeps two parts apart, whatever they hold.
                let _ = write!(entry, "|{}:", part.len());
                entry.push_str(part);
            }
            let _ = write!(entry, "|{:?}", canary.p.map(f64::from));
            merkle::leaf(canary.salt.as_bytes(), entry.as_bytes())
        };
        let leaves: Vec<merkle::Hash> = self.canaries.iter().map(leaf).collect();
        merkle::root(&leaves)
    }

    /// Returns the canaries of one custodian's copy, in the order in which they stand.
    pub fn copy_of(&self, custodian: &str) -> Vec<&Planted> {
        let held = self.canaries.iter().filter(|canary| canary.holders.iter().any(|holder| holder == custodian));
        let mut held: Vec<&Planted> = held.collect();
        held.sort_by(|one, other| one.place.total_cmp(&other.place).then_with(|| one.id.cmp(&other.id)));
        held
    }
}

/// Mints a table. The same seed gives the same table; the seed must be secret and used once.
///
/// # Errors
/// `NoRange`, `NarrowRange`, `NotAccepted` or `Exhausted` if the reserved ranges do not do, `NothingIdentifying` if the table has
/// nothing to know a canary by, `NoCustodian` if nobody is to receive it.
pub fn mint(profile: &Profile, request: &Request, seed: &[u8; 32]) -> Result<Table, MintError> {
    if request.custodians.is_empty() {
        return Err(MintError::NoCustodian);
    }
    let model = Model::new(profile, &request.customers, request.planted_at)?;
    let [mut draw, mut labels] = ["draw", "labels"].map(|purpose| Dice::new(seed, purpose));
    let alone = request.custodians.iter().flat_map(|custodian| (0..request.unique).map(move |_| custodian));
    let alone = alone.map(|custodian| (vec![custodian.clone()], None));
    let shared = (0..request.shared).zip(request.p.iter().cycle()).map(|(_, p)| {
        let holders = request.custodians.iter().filter(|_| draw.chance(p.get())).cloned().collect();
        (holders, Some(*p))
    });
    let count = request.custodians.len() * request.unique as usize
        + if request.p.is_empty() { 0 } else { request.shared as usize };
    let (draws, records) = std::thread::scope(|scope| {
        let making = scope.spawn(|| records(&model, (count, enrolled(&request.taken, &model, count)), seed));
        let mut draws: Vec<(u64, Vec<String>, Option<Chance>)> =
            alone.chain(shared).map(|(holders, p)| (labels.wide() >> 16, holders, p)).collect();
        draws.sort_unstable_by_key(|(number, ..)| *number);
        draws.dedup_by_key(|(number, ..)| *number);
        (draws, making.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    // Who holds a record has nothing to do with what is in it, so the records need no order of their own.
    let plant = |((number, holders, p), cells): ((u64, Vec<String>, Option<Chance>), Vec<String>)| Planted {
        id: format!("m-{number:012x}"),
        holders,
        p,
        cells,
        place: labels.share(),
        salt: format!("{:016x}{:016x}", labels.wide(), labels.wide()),
    };
    let canaries = draws.into_iter().zip(records?).map(plant).collect();
    Ok(Table {
        dataset: request.dataset.clone(),
        planted_at: request.planted_at,
        columns: profile.columns.iter().map(|column| column.name.clone()).collect(),
        fields: profile.columns.iter().map(|column| column.field.clone()).collect(),
        key: profile.columns.iter().position(|column| matches!(column.form, Form::Key { .. })),
        canaries,
    })
}

/// Makes so many records in rounds of lots that have random choices of their own, side by side: how many processors there are
/// changes nothing. Where two lots met in a value, the later record is made anew in a next round.
fn records(
    model: &Model<'_>,
    (count, mut settled): (usize, Marks),
    seed: &[u8; 32],
) -> Result<Vec<Vec<String>>, MintError> {
    let mut records = Vec::with_capacity(count);
    for round in 0.. {
        let missing = count - records.len();
        let lots = if missing < FEW { 1 } else { LOTS };
        let lot = |number: usize| {
            let mut dice = Dice::new(seed, &format!("values/{round}/{number}"));
            let share = (missing / lots + usize::from(number < missing % lots)).min(MOST_IN_LOT);
            let mut maker = Maker::new(model, &settled, share);
            (0..share).map(|_| maker.record(&mut dice)).collect::<Result<Vec<Made>, MintError>>()
        };
        let made = std::thread::scope(|scope| {
            let lot = &lot;
            let running: Vec<_> = (0..lots).map(|number| scope.spawn(move || lot(number))).collect();
            let ended = running.into_iter().map(|running| running.join().unwrap_or_else(|panic| resume_unwind(panic)));
            ended.collect::<Result<Vec<Vec<Made>>, MintError>>()
        })?;
        records.extend(made.into_iter().flatten().filter_map(|made| made.settle(&mut settled)));
        if records.len() == count {
            break;
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identifier::check;

    fn profile() -> Profile {
        let mut profiler = Profiler::new("id,name,phone,email,card_no,iban,身份证,balance,branch".split(','));
        for row in 0..200_u32 {
            let name = ["Jo Wren", "王小明", "Иванов Иван Иванович"][row as usize % 3];
            let cells = [
                format!("{}", row * 1_000_003),
                name.to_owned(),
                "+1 555 0100000".to_owned(),
                "jo@post.example".to_owned(),
                "9999 1200 0000 0018".to_owned(),
                "DE00999999990000000000".to_owned(),
                "110103198402290000".to_owned(),
                format!("{}.25", row * 31),
                ["North", "South"][row as usize % 2].to_owned(),
            ];
            profiler.row(cells.iter().map(String::as_str));
        }
        let mut profile = profiler.finish();
        let one = |text: &str| vec![text.to_owned()];
        profile.reserved = Reserved {
            pan: one("999912##########"),
            phone: ["+1 555 #######", "+86 120########", "+7 000 #######"].map(str::to_owned).to_vec(),
            email: one("mail.example-bank.example"),
            iban: one("DE??99999999##########"),
            resident_id: one("110103"),
            ..Reserved::default()
        };
        profile
    }

    fn request(shared: u32) -> Request {
        Request {
            dataset: "customers".to_owned(),
            planted_at: Date::constant(2026, 3, 2),
            custodians: ["H01", "H02", "H03"].map(str::to_owned).to_vec(),
            unique: 5,
            shared,
            p: [0.05, 0.3, 0.6, 0.8].into_iter().filter_map(Chance::new).collect(),
            taken: HashSet::new(),
            customers: Fingerprints::default(),
        }
    }

    #[test]
    fn every_minted_value_passes_its_public_check_lies_in_a_reserved_range_and_is_unique() {
        let table = mint(&profile(), &request(300), &[1; 32]).unwrap();
        assert_eq!(table.canaries.len(), 315);
        let mut seen = HashSet::new();
        for canary in &table.canaries {
            let [id, name, phone, email, pan, iban, resident, balance, branch] = canary.cells.as_slice() else {
                panic!()
            };
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            assert!(digits(pan).starts_with("999912") && check::pan(digits(pan).as_bytes()), "{pan}");
            assert!(check::iban(iban.as_bytes()) && iban.get(4..12) == Some("99999999"), "{iban}");
            assert!(check::resident_id(resident.as_bytes()), "{resident}");
            assert!(email.ends_with("@mail.example-bank.example"));
            let language = Language::of(name);
            let country = match language {
                Language::En => "1555",
                Language::Zh => "86120",
                Language::Ru => "7000",
            };
            assert!(digits(phone).starts_with(country), "{name} {phone}");
            assert!(
                balance.ends_with(|last: char| last.is_ascii_digit()) && ["North", "South"].contains(&branch.as_str())
            );
            for value in [id, phone, email, pan, iban, resident] {
                assert!(seen.insert(comparable(value)), "{value} twice");
            }
        }
    }

    #[test]
    fn holders_are_drawn_with_their_probabilities_and_unique_ones_are_in_one_copy() {
        let table = mint(&profile(), &request(4000), &[2; 32]).unwrap();
        for p in [0.05, 0.3, 0.6, 0.8] {
            let drawn: Vec<&Planted> = table.canaries.iter().filter(|canary| canary.p == Chance::new(p)).collect();
            let held: usize = drawn.iter().map(|canary| canary.holders.len()).sum();
            let (expected, held) = (p * 3000.0, f64::from(u32::try_from(held).unwrap()));
            assert!(
                drawn.len() == 1000 && (held - expected).abs() < 4.0 * (expected * (1.0 - p)).sqrt(),
                "{p}: {held}"
            );
        }
        assert!(table.canaries.iter().filter(|canary| canary.p.is_none()).all(|canary| canary.holders.len() == 1));
        let copy = table.copy_of("H02");
        assert!(copy.windows(2).all(|pair| pair[0].place <= pair[1].place));
        assert!(copy.len() > 1500 && copy.len() < table.canaries.len());
    }

    #[test]
    fn the_same_seed_gives_the_same_table_and_its_root_commits_to_it() {
        let (profile, request) = (profile(), request(40));
        let table = mint(&profile, &request, &[3; 32]).unwrap();
        assert_eq!(mint(&profile, &request, &[3; 32]).unwrap(), table);
        assert_ne!(mint(&profile, &request, &[4; 32]).unwrap().root(), table.root());
        let mut changed = table.clone();
        changed.canaries[7].holders.push("H09".to_owned());
        assert_ne!(changed.root(), table.root());
        assert!(table.canaries.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn what_is_enrolled_already_is_not_minted_again() {
        let (profile, mut request) = (profile(), request(10));
        let first = mint(&profile, &request, &[5; 32]).unwrap();
        request.taken = first.canaries.iter().flat_map(|canary| &canary.cells).map(|cell| comparable(cell)).collect();
        let again = mint(&profile, &request, &[5; 32]).unwrap();
        let pan = |table: &Table| table.canaries.iter().map(|canary| canary.cells[4].clone()).collect::<HashSet<_>>();
        assert!(pan(&first).is_disjoint(&pan(&again)));
    }

    #[test]
    fn nothing_is_minted_from_ranges_that_do_not_do() {
        let change = |change: fn(&mut Profile)| {
            let mut profile = profile();
            change(&mut profile);
            mint(&profile, &request(4), &[6; 32]).unwrap_err().to_string()
        };
        for (profile, says) in [
            (change(|profile| profile.reserved.pan.clear()), "reserves no range for pan"),
            (change(|profile| profile.reserved.phone = vec!["+1 555 ##".to_owned()]), "fewer than 4 random digits"),
            (
                change(|profile| profile.reserved.iban = vec!["XX??1234####".to_owned()]),
                "no value of it is a valid iban",
            ),
            (change(|profile| profile.columns.truncate(2)), "no column is known to identify"),
        ] {
            assert!(profile.contains(says), "{profile}");
        }
    }
}
