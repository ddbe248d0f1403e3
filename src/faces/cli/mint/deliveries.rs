//! `deliveries.csv` of a watchlist, changed by commands: a row added, or a cell filled. What would not be read is not written.

use std::path::Path;

use super::{organization_file, replace, unreadable, watchlist_table};
use crate::domain::watchlist::{DELIVERY_COLUMNS, Deal, Files, Problems, Watchlist};
use crate::faces::cli::Failure;

/// The table, as it is written.
#[derive(Debug)]
pub(in crate::faces::cli) struct Deliveries {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Deliveries {
    /// Reads a watchlist's table; one that is not there yet has no rows.
    pub(in crate::faces::cli) fn read(watchlist: &Path) -> anyhow::Result<Self> {
        let path = watchlist.join("deliveries.csv");
        let Some(bytes) = watchlist_table(&path)? else {
            return Ok(Self { header: DELIVERY_COLUMNS.map(str::to_owned).to_vec(), rows: Vec::new() });
        };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
        let header = reader.headers().map_err(|error| unreadable(&path, &error))?;
        let header = header.iter().map(|name| name.trim().to_owned()).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| unreadable(&path, &error))?;
            rows.push(record.iter().map(str::to_owned).collect());
        }
        Ok(Self { header, rows })
    }

    /// Returns the cell of a row, empty if there is none.
    fn cell<'r>(&self, row: &'r [String], name: &str) -> &'r str {
        let at = self.header.iter().position(|known| known == name);
        at.and_then(|at| row.get(at)).map_or("", |cell| cell.trim())
    }

    /// Returns the secret of the last delivery of a dataset to a custodian that has one.
    pub(super) fn deal_of(&self, dataset: &str, custodian: &str) -> Option<Deal> {
        let own = self
            .rows
            .iter()
            .filter(|row| self.cell(row, "dataset") == dataset && self.cell(row, "custodian") == custodian);
        let dealt = own.filter_map(|row| Some((self.cell(row, "delivered_at"), Deal::parse(self.cell(row, "key"))?)));
        dealt.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, deal)| deal)
    }

    /// Adds a row of named cells.
    pub(in crate::faces::cli) fn add(&mut self, cells: &[(&str, String)]) {
        self.rows.push(vec![String::new(); self.header.len()]);
        let at = self.rows.len() - 1;
        for (name, value) in cells {
            self.set(at, name, value);
        }
    }

    /// Fills a cell of the delivery with this id (which may follow from dataset, custodian and day); `false` if there is none.
    pub(in crate::faces::cli) fn fill(&mut self, id: &str, (name, value): (&str, &str)) -> bool {
        let own = |row: &Vec<String>| match self.cell(row, "delivery") {
            "" => {
                let [dataset, custodian, day] =
                    ["dataset", "custodian", "delivered_at"].map(|name| self.cell(row, name));
                format!("{dataset}-{custodian}-{day}") == id
            }
            known => known == id,
        };
        let found = self.rows.iter().position(own);
        if let Some(at) = found {
            self.set(at, name, value);
        }
        found.is_some()
    }

    fn set(&mut self, row: usize, name: &str, value: &str) {
        if value.is_empty() && !self.header.iter().any(|known| known == name) {
            return;
        }
        let column = self.header.iter().position(|known| known == name).unwrap_or_else(|| {
            self.header.push(name.to_owned());
            self.header.len() - 1
        });
        if let Some(row) = self.rows.get_mut(row) {
            row.resize(row.len().max(column + 1), String::new());
            value.clone_into(&mut row[column]);
        }
    }

    /// Writes the table, if the watchlist would be read with it.
    pub(in crate::faces::cli) fn write(&self, watchlist: &Path) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.header)?;
        for row in &self.rows {
            writer.write_record((0..self.header.len()).map(|at| row.get(at).map_or("", String::as_str)))?;
        }
        let bytes = writer.into_inner()?;
        check(watchlist, &bytes)?;
        replace(&watchlist.join("deliveries.csv"), &bytes)
    }
}

fn check(watchlist: &Path, deliveries: &[u8]) -> anyhow::Result<()> {
    let whole = watchlist.canonicalize().map_err(|error| unreadable(watchlist, &error))?;
    let folder = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let organization = organization_file(watchlist)?;
    let canaries = watchlist_table(&watchlist.join("canaries.csv"))?;
    let files = Files {
        folder: &folder,
        path: "",
        organization: Some(&organization),
        canaries: canaries.as_deref(),
        deliveries: Some(deliveries),
    };
    let mut problems = Problems::default();
    let is_read = Watchlist::read(&files, &mut problems).is_some() || canaries.is_none();
    if is_read && !problems.has_errors() {
        return Ok(());
    }
    Err(Failure::Usage(format!("deliveries.csv would not be read with this change:\n{problems}")).into())
}
