//! Reads `canaries.csv`: one row a planted record.

use std::sync::Arc;

use jiff::civil::Date;

use super::claims::{Claim, Claims};
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
    let mut canaries = Vec::new();
    each(file, bytes, (organization, problems), |sound, rows_limit| {
        if canaries.is_empty() {
            canaries.reserve(rows_limit);
        }
        canaries.push(sound.canary());
    })?;
    canaries.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Some(canaries)
}

/// Reports the same problems as [`read`], and makes no canaries.
pub(super) fn check(
    file: &str,
    bytes: &[u8],
    organization: Option<&Organization>,
    problems: &mut Problems,
) -> Option<()> {
    each(file, bytes, (organization, problems), |_, _| {})
}

/// Gives each sound row, with the most rows there can be; `None` if an error was reported.
fn each(
    file: &str,
    bytes: &[u8],
    (organization, problems): (Option<&Organization>, &mut Problems),
    mut keep: impl FnMut(&Sound<'_>, usize),
) -> Option<()> {
    let text = encoding::decode(file, bytes, problems)?;
    let table = Table::open(file, text, SHAPE, problems)?;
    let columns = columns(&table);
    let identifying = columns.iter().filter(|column| column.is_identifying).count();
    if identifying == 0 {
        let mend = format!("add at least one of: {}", field::IDENTIFYING.join(", "));
        problems.push(Problem::new(file, "has no column that can identify a record", mend).at(1, 1));
        return None;
    }
    let rows_limit = table.rows_limit();
    let claims = Claims::counted(rows_limit.saturating_mul(1 + identifying));
    let mut reader = Reader::new((file, &table, &columns), organization, claims);
    let mut met = reader.read_rows(|sound| keep(sound, rows_limit));
    if reader.claims.may_repeat() {
        // Nothing can come of the list, so there is time to find out which values they are.
        drop(met);
        met = Reader::new((file, &table, &columns), organization, Claims::owned()).read_rows(|_| {});
    }
    let is_sound = met.errors() == 0;
    problems.append(met);
    if is_sound {
        reader.note_unheld(problems);
        reader.note_other_accounts(problems);
    }
    is_sound.then_some(())
}

/// A column that holds values of the canaries.
struct Column {
    index: usize,
    name: Arc<str>,
    is_identifying: bool,
}

fn columns(table: &Table<'_>) -> Vec<Column> {
    let names = table.names().iter().map(|name| fields::shared(name)).enumerate();
    let columns = names.map(|(index, name)| Column { index, is_identifying: field::is_identifying(&name), name });
    columns.filter(|column| !SHAPE.required.contains(&&*column.name) && &*column.name != P).collect()
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
    columns: &'a [Column],
    claims: Claims,
    /// The day that was read last, as most rows have the same.
    last_day: (String, Option<Date>),
    /// Canaries that name no holder.
    unheld: usize,
    /// Those whose account number has another form than real ones.
    other_accounts: usize,
}

/// A row in which nothing is wrong.
struct Sound<'r> {
    row: &'r Row<'r>,
    columns: &'r [Column],
    id: &'r str,
    dataset: &'r str,
    holders: Vec<&'r str>,
    planted_at: Option<Date>,
    retired_at: Option<Date>,
    p: Option<Chance>,
}

impl Sound<'_> {
    fn canary(&self) -> Canary {
        let value = |column: &Column| match self.row.text(column.index) {
            "" => None,
            value => Some((Arc::clone(&column.name), Box::from(value))),
        };
        Canary {
            id: self.id.to_owned(),
            dataset: self.dataset.to_owned(),
            holders: self.holders.iter().map(|code| (*code).to_owned()).collect(),
            planted_at: self.planted_at,
            retired_at: self.retired_at,
            p: self.p,
            fields: Fields::of(self.columns.iter().filter_map(value).collect()),
        }
    }
}

impl<'a> Reader<'a> {
    fn new(
        (file, table, columns): (&'a str, &'a Table<'a>, &'a [Column]),
        organization: Option<&'a Organization>,
        claims: Claims,
    ) -> Self {
        // `Table::open` has checked that the required columns are there.
        let index = |name: &str| table.index_of(name).unwrap_or(usize::MAX);
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
            columns,
            claims,
            last_day: Default::default(),
            unheld: 0,
            other_accounts: 0,
        }
    }

    /// Gives each sound row, and returns what is wrong with the others.
    fn read_rows(&mut self, mut keep: impl FnMut(&Sound<'_>)) -> Problems {
        let mut problems = Problems::default();
        let table = self.table;
        let rows = table.each_row(&mut problems, |row, problems| {
            if let Some(sound) = self.read_row(row, problems) {
                keep(&sound);
            }
        });
        if rows == 0 {
            let mend = "add a row for each planted record";
            problems.push(Problem::new(self.file, "holds a header and no canary", mend).at(1, 1));
        }
        problems
    }

    fn read_row<'r>(&'r mut self, row: &'r Row<'_>, problems: &mut Problems) -> Option<Sound<'r>> {
        let before = problems.errors();
        let id = self.id(row, problems);
        let dataset = self.dataset(row, problems);
        let holders = self.holders(row, problems);
        let (planted_at, retired_at) = self.dates(row, problems);
        let p = self.p(row, problems);
        self.values(row, problems);
        let id = id.filter(|_| problems.errors() == before)?;
        self.unheld += usize::from(holders.is_empty());
        Some(Sound { row, columns: self.columns, id, dataset, holders, planted_at, retired_at, p })
    }

    fn id<'r>(&mut self, row: &'r Row<'_>, problems: &mut Problems) -> Option<&'r str> {
        let id = row.text(self.canary);
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
        let claim = Claim { column: self.canary, is_identifying: false, value: id };
        if let Some((line, _)) = self.claims.claim(self.table, row, claim) {
            let reason = format!("the id {} is there twice, first on line {line}", shown(id));
            problems.push(self.table.problem(row, self.canary, reason, "give one of them another id, or delete it"));
            return None;
        }
        Some(id)
    }

    fn dataset<'r>(&self, row: &'r Row<'_>, problems: &mut Problems) -> &'r str {
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
        id
    }

    fn holders<'r>(&self, row: &'r Row<'_>, problems: &mut Problems) -> Vec<&'r str> {
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
                holders.push(code);
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

    fn values(&mut self, row: &Row<'_>, problems: &mut Problems) {
        let mut has_identifying = false;
        for column in self.columns.iter().filter(|column| column.is_identifying) {
            let value = row.text(column.index);
            if value.is_empty() {
                continue;
            }
            has_identifying = true;
            if &*column.name == "account" {
                self.other_accounts += usize::from(self.is_other_account(value));
            }
            if let Some((reason, mend)) = self.claim(row, column) {
                problems.push(self.table.problem(row, column.index, reason, mend));
            }
        }
        if !has_identifying {
            let mend = format!("fill at least one of: {}", field::IDENTIFYING.join(", "));
            let reason = "the row holds nothing that can identify it (a name alone does not)";
            problems.push(self.table.problem(row, self.canary, reason, mend));
        }
    }

    /// Takes an identifying value for this row, or tells why it cannot have it.
    fn claim(&mut self, row: &Row<'_>, column: &Column) -> Option<(String, &'static str)> {
        let value = row.text(column.index);
        let comparable = field::comparable(&column.name, value);
        if let Some((reason, mend)) = field::weakness(&column.name, value, &comparable) {
            return Some((reason.to_owned(), mend));
        }
        let claim = Claim { column: column.index, is_identifying: true, value: &comparable };
        let (line, other) = self.claims.claim(self.table, row, claim)?;
        let reason = format!("the value is also that of {other} on line {line}; a find could not tell the two apart");
        Some((reason, "give every canary values of its own"))
    }

    /// A planted account number of another form than real ones have is easily told from them by who sells them.
    fn is_other_account(&self, value: &str) -> bool {
        let patterns = self.organization.map_or(&[][..], |organization| &organization.anchors.account);
        let compact = field::comparable("account", value);
        !patterns.is_empty() && !patterns.iter().any(|pattern| pattern.fits(compact.as_bytes()))
    }

    fn note_unheld(&self, problems: &mut Problems) {
        if self.unheld > 0 {
            let reason =
                format!("{} canaries name no holder, so an alert cannot say whose copy they came from", self.unheld);
            let mend = "fill their holders (OWNER is the organization itself)";
            problems.push(Problem::new(self.file, reason, mend).named("holders").as_note());
        }
    }

    fn note_other_accounts(&self, problems: &mut Problems) {
        if self.other_accounts > 0 {
            let reason = format!(
                "{} canaries have an account number of another form than anchors.account tells",
                self.other_accounts
            );
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
