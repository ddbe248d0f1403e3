//! Reads `deliveries.csv`: which custodian received what and when.

use std::collections::HashMap;

use super::canaries::{is_known_custodian, mend_unknown};
use super::problem::{Problem, Problems, shown};
use super::table::{Row, Shape, Table};
use super::{Delivery, OWNER, Organization, encoding, parse_date};

const SHAPE: Shape = Shape {
    required: &["dataset", "custodian", "delivered_at"],
    example: "delivery,dataset,custodian,delivered_at,rows",
};
/// Columns that are read where they are there.
const OPTIONAL: [&str; 2] = ["delivery", "rows"];

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
    table.each_row(problems, |row, problems| reader.read_row(row, problems));
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
        let delivered_at = match parse_date(row.text(index("delivered_at"))) {
            Ok(date) => Some(date),
            Err(reason) => {
                let reason = format!("{} {reason}", shown(row.text(index("delivered_at"))));
                let mend = "write a day of the calendar as 2026-03-31";
                problems.push(self.table.problem(row, index("delivered_at"), reason, mend));
                None
            }
        };
        let rows = row.text(index("rows"));
        let count = rows.parse::<u64>().ok().filter(|count| i64::try_from(*count).is_ok());
        if !rows.is_empty() && count.is_none() {
            let reason = format!("{} is not a number of rows", shown(rows));
            problems.push(self.table.problem(row, index("rows"), reason, "write digits only, as 250000"));
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
        self.line_of_id.insert(id.clone(), row.line);
        let (dataset, custodian) = (dataset.to_owned(), custodian.to_owned());
        self.deliveries.push(Delivery { id, dataset, custodian, delivered_at, rows: count });
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
