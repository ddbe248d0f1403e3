//! Reads `deliveries.csv`: which custodian received what and when.

use std::collections::HashMap;

use jiff::civil::Date;

use super::canaries::{is_known_custodian, mend_unknown};
use super::problem::{Problem, Problems, shown};
use super::table::{Row, Shape, Table};
use super::{Chance, Deal, Delivery, OWNER, Organization, encoding, parse_date};

const SHAPE: Shape = Shape {
    required: &["dataset", "custodian", "delivered_at"],
    example: "delivery,dataset,custodian,delivered_at,rows",
};
/// Columns that are read where they are there.
const OPTIONAL: [&str; 9] =
    ["delivery", "rows", "selector", "sha256", "share", "key", "acknowledged_at", "returned_at", "destroyed_at"];
/// Every column that is read, in the order in which a fresh table has them.
pub const COLUMNS: [&str; 12] = [
    "delivery",
    "dataset",
    "custodian",
    "delivered_at",
    "rows",
    "selector",
    "sha256",
    "share",
    "key",
    "acknowledged_at",
    "returned_at",
    "destroyed_at",
];
const WORDS_LIMIT_CHARACTERS: usize = 200;

/// Reads the file; without an organization (its own file was refused) custodians and datasets are taken as they are.
/// A delivery without an id gets one of its dataset, custodian and day. They come back sorted by id.
pub(super) fn read(
    file: &str,
    bytes: &[u8],
    organization: Option<&Organization>,
    problems: &mut Problems,
) -> Option<Vec<Delivery>> {
    let before = problems.errors();
    let text = encoding::decode(file, bytes, problems)?;
    let table = Table::open(file, text, SHAPE, problems)?;
    for name in table.names().iter().map(String::as_str) {
        if !SHAPE.required.contains(&name) && !OPTIONAL.contains(&name) {
            let mend = "remove it, or leave it for people to read";
            problems.push(Problem::new(file, "the column is not read", mend).at(1, 1).named(name).as_note());
        }
    }
    let mut reader = Reader { table: &table, organization, line_of_id: HashMap::new(), deliveries: Vec::new() };
    table.each_row(&table.whole(), problems, |row, problems| reader.read_row(row, problems));
    let mut deliveries = reader.deliveries;
    deliveries.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    (problems.errors() == before).then_some(deliveries)
}

struct Reader<'a> {
    table: &'a Table<'a>,
    organization: Option<&'a Organization>,
    line_of_id: HashMap<String, u64>,
    deliveries: Vec<Delivery>,
}

impl Reader<'_> {
    fn read_row(&mut self, row: &Row<'_>, problems: &mut Problems) {
        let before = problems.errors();
        let index = |name: &str| self.table.index_of(name).unwrap_or(usize::MAX);
        let (dataset, custodian) = (row.text(index("dataset")), row.text(index("custodian")));
        self.check_parties(row, problems);
        let delivered_at = self.day(row, "delivered_at", problems);
        let delivery = Delivery {
            id: String::new(),
            dataset: dataset.to_owned(),
            custodian: custodian.to_owned(),
            delivered_at: delivered_at.unwrap_or_default(),
            rows: self.rows(row, problems),
            selector: self.words(row, "selector", problems),
            sha256: self.sha256(row, problems),
            share: self.share(row, problems),
            deal: self.deal(row, problems),
            acknowledged_at: self.later_day(row, "acknowledged_at", delivered_at, problems),
            returned_at: self.later_day(row, "returned_at", delivered_at, problems),
            destroyed_at: self.later_day(row, "destroyed_at", delivered_at, problems),
        };
        if delivery.share.is_some() && delivery.deal.is_none() && problems.errors() == before {
            let mend = "write the key that mint deliver wrote, or leave the share empty";
            let reason = "a share was drawn by a key, and there is none";
            problems.push(self.table.problem(row, index("share"), reason, mend));
        }
        let Some(delivered_at) = delivered_at.filter(|_| problems.errors() == before) else { return };
        let id = match row.text(index("delivery")) {
            "" => format!("{dataset}-{custodian}-{delivered_at}"),
            id => id.to_owned(),
        };
        if let Some(line) = self.line_of_id.get(&id) {
            let reason = format!("the delivery {} is there twice, first on line {line}", shown(&id));
            let at = self.table.index_of("delivery").unwrap_or_default();
            problems.push(self.table.problem(row, at, reason, "give one of them another id, or delete it"));
            return;
        }
        self.line_of_id.insert(id.clone(), row.start.line);
        self.deliveries.push(Delivery { id, ..delivery });
    }

    /// Returns a cell that is there and not empty.
    fn cell<'r>(&self, row: &'r Row<'_>, name: &str) -> Option<&'r str> {
        let text = self.table.index_of(name).map(|at| row.text(at))?;
        (!text.is_empty()).then_some(text)
    }

    fn day(&self, row: &Row<'_>, name: &str, problems: &mut Problems) -> Option<Date> {
        let at = self.table.index_of(name)?;
        match parse_date(row.text(at)) {
            Ok(date) => Some(date),
            Err(reason) => {
                let reason = format!("{} {reason}", shown(row.text(at)));
                problems.push(self.table.problem(row, at, reason, "write a day of the calendar as 2026-03-31"));
                None
            }
        }
    }

    fn later_day(&self, row: &Row<'_>, name: &str, from: Option<Date>, problems: &mut Problems) -> Option<Date> {
        self.cell(row, name)?;
        let day = self.day(row, name, problems)?;
        if from.is_some_and(|from| day < from) {
            let at = self.table.index_of(name).unwrap_or_default();
            let reason = format!("{day} is before it was delivered");
            problems.push(self.table.problem(row, at, reason, "mend one of the two days"));
        }
        Some(day)
    }

    fn rows(&self, row: &Row<'_>, problems: &mut Problems) -> Option<u64> {
        let rows = self.cell(row, "rows")?;
        let count = rows.parse::<u64>().ok().filter(|count| i64::try_from(*count).is_ok());
        let refusal = (format!("{} is not a number of rows", shown(rows)), "write digits only, as 250000");
        self.or_refused((row, "rows"), count, refusal, problems)
    }

    fn words(&self, row: &Row<'_>, name: &str, problems: &mut Problems) -> Option<String> {
        let text = self.cell(row, name)?;
        let is_short = text.chars().count() <= WORDS_LIMIT_CHARACTERS;
        let words = is_short.then(|| text.to_owned());
        self.or_refused((row, name), words, ("is longer than 200 characters".to_owned(), "say it in fewer"), problems)
    }

    fn sha256(&self, row: &Row<'_>, problems: &mut Problems) -> Option<String> {
        let text = self.cell(row, "sha256")?;
        let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digest = is_digest.then(|| text.to_ascii_lowercase());
        let mend = "write the 64 digits that sha256sum prints";
        self.or_refused((row, "sha256"), digest, (format!("{} is not a SHA-256", shown(text)), mend), problems)
    }

    fn share(&self, row: &Row<'_>, problems: &mut Problems) -> Option<Chance> {
        let text = self.cell(row, "share")?;
        let share = text.parse().ok().and_then(Chance::new);
        let mend = "write a number between 0 and 1, as 0.5, or leave it empty";
        self.or_refused((row, "share"), share, (format!("{} is not a share", shown(text)), mend), problems)
    }

    fn deal(&self, row: &Row<'_>, problems: &mut Problems) -> Option<Deal> {
        let text = self.cell(row, "key")?;
        // The cell is a secret: it is not shown.
        let mend = "write the key that mint deliver wrote, or leave it empty";
        self.or_refused((row, "key"), Deal::parse(text), ("is not the key of a delivery".to_owned(), mend), problems)
    }

    fn or_refused<T>(
        &self,
        (row, name): (&Row<'_>, &str),
        value: Option<T>,
        (reason, mend): (String, &str),
        problems: &mut Problems,
    ) -> Option<T> {
        if value.is_none() {
            let at = self.table.index_of(name).unwrap_or_default();
            problems.push(self.table.problem(row, at, reason, mend));
        }
        value
    }

    fn check_parties(&self, row: &Row<'_>, problems: &mut Problems) {
        let Some(organization) = self.organization else { return };
        let index = |name: &str| self.table.index_of(name).unwrap_or(usize::MAX);
        let (dataset, custodian) = (row.text(index("dataset")), row.text(index("custodian")));
        if !organization.datasets.iter().any(|known| known.id == dataset) {
            let known = organization.datasets.iter().map(|dataset| dataset.id.as_str());
            let reason = format!("the dataset {} is not in organization.toml", shown(dataset));
            let mend = mend_unknown("[[dataset]] with id", dataset, known);
            problems.push(self.table.problem(row, index("dataset"), reason, mend));
        }
        if !is_known_custodian(organization, custodian) {
            let known = organization.custodians.iter().map(|custodian| custodian.code.as_str()).chain([OWNER]);
            let reason = format!("the custodian {} is not in organization.toml", shown(custodian));
            let mend = mend_unknown("[[custodian]] with code", custodian, known);
            problems.push(self.table.problem(row, index("custodian"), reason, mend));
        }
    }
}
