//! Reads `canaries.csv`: one row a planted record.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::claims::Claims;
use super::problem::{Problem, Problems, is_shown_whole, shown};
use super::table::{Row, Shape, Table};
use super::{Canary, Chance, Fields, OWNER, Organization, encoding, field, fields, parse_date};

const SHAPE: Shape = Shape {
    required: &["canary", "dataset", "holders", "planted_at", "retired_at"],
    example: "canary,dataset,holders,planted_at,retired_at,name,phone,email,pan",
};
/// Read where it is there: the probability with which the canary was given to each custodian.
const P: &str = "p";
const ID_LIMIT_CHARACTERS: usize = 64;

/// Reads the file; without an organization (its own file was refused) custodians and datasets are taken as they are.
/// The canaries come back sorted by id.
pub(super) fn read(
    file: &str,
    bytes: &[u8],
    organization: Option<&Organization>,
    problems: &mut Problems,
) -> Option<Vec<Canary>> {
    let before = problems.errors();
    let text = encoding::decode(file, bytes, problems)?;
    let table = Table::open(file, text, SHAPE, problems)?;
    let mut reader = Reader::new(file, &table, organization);
    if reader.fields.iter().all(|(_, name)| !field::is_identifying(name)) {
        let mend = format!("add at least one of: {}", field::IDENTIFYING.join(", "));
        problems.push(Problem::new(file, "has no column that can identify a record", mend).at(1, 1));
        return None;
    }
    let rows = table.each_row(problems, |row, problems| reader.read_row(row, problems));
    if rows == 0 {
        problems.push(Problem::new(file, "holds a header and no canary", "add a row for each planted record").at(1, 1));
    }
    if problems.errors() > before {
        return None;
    }
    reader.note_unheld(problems);
    reader.note_other_accounts(problems);
    let mut canaries = reader.canaries;
    canaries.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Some(canaries)
}

struct Reader<'a> {
    file: &'a str,
    table: &'a Table<'a>,
    organization: Option<&'a Organization>,
    canary: usize,
    dataset: usize,
    holders: usize,
    planted_at: usize,
    retired_at: usize,
    p: Option<usize>,
    fields: Arc<[(usize, Arc<str>)]>,
    line_of_id: HashMap<Cow<'a, str>, u64>,
    values: Claims,
    /// The day that was read last, as most rows have the same.
    last_day: (String, Option<Date>),
    canaries: Vec<Canary>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str, table: &'a Table<'a>, organization: Option<&'a Organization>) -> Self {
        // `Table::open` has checked that the required columns are there.
        let index = |name: &str| table.index_of(name).unwrap_or(usize::MAX);
        let fields = table.names().iter().map(|name| fields::shared(name)).enumerate();
        Self {
            file,
            table,
            organization,
            canary: index("canary"),
            dataset: index("dataset"),
            holders: index("holders"),
            planted_at: index("planted_at"),
            retired_at: index("retired_at"),
            p: table.index_of(P),
            fields: fields.filter(|(_, name)| !SHAPE.required.contains(&&**name) && &**name != P).collect(),
            line_of_id: HashMap::with_capacity(table.rows_limit()),
            values: Claims::default(),
            last_day: Default::default(),
            canaries: Vec::with_capacity(table.rows_limit()),
        }
    }

    fn read_row(&mut self, row: &Row<'a>, problems: &mut Problems) {
        let before = problems.errors();
        let id = self.id(row, problems);
        let dataset = self.dataset(row, problems);
        let holders = self.holders(row, problems);
        let (planted_at, retired_at) = self.dates(row, problems);
        let p = self.p(row, problems);
        let fields = self.values(row, problems);
        if problems.errors() == before
            && let Some(id) = id
        {
            self.canaries.push(Canary { id, dataset, holders, planted_at, retired_at, p, fields });
        }
    }

    fn id(&mut self, row: &Row<'a>, problems: &mut Problems) -> Option<String> {
        let own = row.shared(self.canary);
        let id = own.as_ref();
        if id.is_empty() {
            let mend = "give each row an id of its own, or delete the row";
            problems.push(self.table.problem(row, self.canary, "the row has no id", mend));
            return None;
        }
        if !is_id(id) {
            let reason = format!("{} is not an id", shown(id));
            let mend = format!(
                "use 1 to {ID_LIMIT_CHARACTERS} letters, digits and . _ - / :, beginning with a letter or digit"
            );
            problems.push(self.table.problem(row, self.canary, reason, mend));
            return None;
        }
        if let Some(line) = self.line_of_id.get(id) {
            let reason = format!("the id {} is there twice, first on line {line}", shown(id));
            problems.push(self.table.problem(row, self.canary, reason, "give one of them another id, or delete it"));
            return None;
        }
        let id = id.to_owned();
        self.line_of_id.insert(own, row.start.line);
        Some(id)
    }

    fn dataset(&self, row: &Row<'_>, problems: &mut Problems) -> String {
        let id = row.text(self.dataset);
        if let Some(organization) = self.organization
            && !id.is_empty()
            && !organization.datasets.iter().any(|dataset| dataset.id == id)
        {
            let known = organization.datasets.iter().map(|dataset| dataset.id.as_str());
            let reason = format!("the dataset {} is not in organization.toml", shown(id));
            let mend = mend_unknown("[[dataset]] with id", id, known);
            problems.push(self.table.problem(row, self.dataset, reason, mend));
        }
        id.to_owned()
    }

    fn holders(&self, row: &Row<'_>, problems: &mut Problems) -> Vec<String> {
        let text = row.text(self.holders);
        let mut holders = Vec::new();
        for code in text.split('|').map(str::trim) {
            if text.is_empty() {
                break;
            }
            if code.is_empty() {
                let mend = "write the codes with one | between them, as H01|H02";
                problems.push(self.table.problem(row, self.holders, "names an empty custodian", mend));
            } else if !self.organization.is_none_or(|organization| is_known_custodian(organization, code)) {
                let known =
                    self.organization.map(|organization| organization.custodians.as_slice()).unwrap_or_default();
                let reason = format!("the custodian {} is not in organization.toml", shown(code));
                let known = known.iter().map(|custodian| custodian.code.as_str()).chain([OWNER]);
                let mend = mend_unknown("[[custodian]] with code", code, known);
                problems.push(self.table.problem(row, self.holders, reason, mend));
            } else {
                holders.push(code.to_owned());
            }
        }
        holders.sort_unstable();
        holders.dedup();
        holders
    }

    fn dates(&mut self, row: &Row<'_>, problems: &mut Problems) -> (Option<Date>, Option<Date>) {
        let mut date = |index: usize| {
            let text = row.text(index);
            if text.is_empty() {
                return None;
            }
            if self.last_day.0 == text {
                return self.last_day.1;
            }
            let day = parse_date(text)
                .map_err(|reason| {
                    let mend = "write a day of the calendar as 2026-03-31";
                    problems.push(self.table.problem(row, index, format!("{} {reason}", shown(text)), mend));
                })
                .ok();
            if day.is_some() {
                self.last_day = (text.to_owned(), day);
            }
            day
        };
        let planted_at = date(self.planted_at);
        let retired_at = date(self.retired_at);
        if let (Some(planted), Some(retired)) = (planted_at, retired_at)
            && retired < planted
        {
            let reason = format!("retired on {retired}, before it was planted on {planted}");
            problems.push(self.table.problem(row, self.retired_at, reason, "mend one of the two dates"));
        }
        (planted_at, retired_at)
    }

    fn p(&self, row: &Row<'_>, problems: &mut Problems) -> Option<Chance> {
        let index = self.p?;
        let text = row.text(index);
        let p = text.parse().ok().and_then(Chance::new);
        if p.is_none() && !text.is_empty() {
            let reason = format!("{} is not a probability between 0 and 1", shown(text));
            let mend = "leave it empty unless each custodian's share in the canary was drawn with it, as 0.6";
            problems.push(self.table.problem(row, index, reason, mend));
        }
        p
    }

    fn values(&mut self, row: &Row<'_>, problems: &mut Problems) -> Fields {
        let mut fields = Vec::with_capacity(self.fields.len());
        let mut has_identifying = false;
        for (index, name) in Arc::clone(&self.fields).iter() {
            let value = row.text(*index);
            if value.is_empty() {
                continue;
            }
            if field::is_identifying(name) {
                has_identifying = true;
                if let Some((reason, mend)) = self.claim(row, *index, name) {
                    problems.push(self.table.problem(row, *index, reason, mend));
                }
            }
            fields.push((Arc::clone(name), Box::from(value)));
        }
        if !has_identifying {
            let mend = format!("fill at least one of: {}", field::IDENTIFYING.join(", "));
            let reason = "the row holds nothing that can identify it (a name alone does not)";
            problems.push(self.table.problem(row, self.canary, reason, mend));
        }
        Fields::of(fields)
    }

    /// Takes an identifying value for this row, or tells why it cannot have it.
    fn claim(&mut self, row: &Row<'_>, index: usize, name: &str) -> Option<(String, &'static str)> {
        let value = row.text(index);
        let comparable = field::comparable(name, value);
        if let Some((reason, mend)) = field::weakness(name, value, &comparable) {
            return Some((reason.to_owned(), mend));
        }
        let (line, other) = self.values.claim(self.table, row, (index, &comparable))?;
        let reason = format!("the value is also that of {other} on line {line}; a find could not tell the two apart");
        Some((reason, "give every canary values of its own"))
    }

    fn note_unheld(&self, problems: &mut Problems) {
        let unheld = self.canaries.iter().filter(|canary| canary.holders.is_empty()).count();
        if unheld > 0 {
            let reason = format!("{unheld} canaries name no holder, so an alert cannot say whose copy they came from");
            let mend = "fill their holders (OWNER is the organization itself)";
            problems.push(Problem::new(self.file, reason, mend).named("holders").as_note());
        }
    }

    /// A planted account number of another form than real ones have is easily told from them by who sells them.
    fn note_other_accounts(&self, problems: &mut Problems) {
        let patterns = self.organization.map_or(&[][..], |organization| &organization.anchors.account);
        let accounts = self.canaries.iter().filter_map(|canary| canary.fields.get("account"));
        let is_other = |value: &&str| {
            let compact = field::comparable("account", value);
            !patterns.iter().any(|pattern| pattern.fits(compact.as_bytes()))
        };
        let others = if patterns.is_empty() { 0 } else { accounts.filter(is_other).count() };
        if others > 0 {
            let reason = format!("{others} canaries have an account number of another form than anchors.account tells");
            let mend = "plant numbers of the form that real ones have, or add their form";
            problems.push(Problem::new(self.file, reason, mend).named("account").as_note());
        }
    }
}

fn is_id(text: &str) -> bool {
    text.chars().count() <= ID_LIMIT_CHARACTERS
        && text.starts_with(char::is_alphanumeric)
        && text.chars().all(|character| character.is_alphanumeric() || matches!(character, '.' | '_' | '-' | '/' | ':'))
}

/// Tells whether a code is that of a custodian, or `OWNER`.
pub(super) fn is_known_custodian(organization: &Organization, code: &str) -> bool {
    code == OWNER || organization.custodians.iter().any(|custodian| custodian.code == code)
}

/// Says how to mend an unknown name: the known one that differs by case only, else how to add it.
pub(super) fn mend_unknown<'k>(what: &str, name: &str, known: impl Iterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.collect();
    if let Some(near) = known.iter().find(|code| code.eq_ignore_ascii_case(name)) {
        return format!("write {near}");
    }
    let listed = known.iter().take(8).copied().collect::<Vec<_>>().join(", ");
    let more = if known.len() > 8 { ", …" } else { "" };
    let add = if is_shown_whole(name) { format!("add a {what} = \"{name}\"") } else { format!("add a {what}") };
    if known.is_empty() { add } else { format!("write one of {listed}{more}, or {add}") }
}
