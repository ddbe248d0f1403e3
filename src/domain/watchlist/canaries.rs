//! Reads `canaries.csv`: one row a planted record.

use std::hash::RandomState;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::{iter, mem, thread};

use jiff::civil::Date;

use super::claims::{Claim, Claims};
use super::problem::{Problem, Problems, is_shown_whole, shown};
use super::table::{Piece, Row, Shape, Table};
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
    let mut canaries = rows(file, bytes, (organization, problems), &|sound| sound.canary())?;
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
    rows(file, bytes, (organization, problems), &|_| ()).map(drop)
}

/// Makes something of each row, a long table in as many pieces as there are processors; `None` if an error was reported.
fn rows<T: Send>(
    file: &str,
    bytes: &[u8],
    (organization, problems): (Option<&Organization>, &mut Problems),
    keep: &(impl Fn(&Sound<'_>) -> T + Sync),
) -> Option<Vec<T>> {
    let text = encoding::decode(file, bytes, problems)?;
    let table = Table::open(file, text, SHAPE, problems)?;
    let columns = columns(&table);
    let identifying = columns.iter().filter(|column| column.is_identifying).count();
    if identifying == 0 {
        let mend = format!("add at least one of: {}", field::IDENTIFYING.join(", "));
        problems.push(Problem::new(file, "has no column that can identify a record", mend).at(1, 1));
        return None;
    }
    let hasher = RandomState::new();
    let read = |piece: &Piece<'_>| {
        let claims = Claims::counted(piece.rows_limit().saturating_mul(1 + identifying), hasher.clone());
        Reader::new((&table, &columns), organization, claims).read(piece, keep)
    };
    let mut parts = side_by_side(&table.pieces(thread::available_parallelism().map_or(1, NonZero::get)), read);
    if Claims::may_repeat(parts.iter_mut().map(|part| mem::take(&mut part.claims))) {
        // Nothing can come of the list, so there is time to find out which values they are.
        let reader = Reader::new((&table, &columns), organization, Claims::owned());
        let owned = reader.read(&table.whole(), &|_| ());
        for (part, problems) in
            parts.iter_mut().zip(iter::once(owned.problems).chain(iter::repeat_with(Problems::default)))
        {
            part.problems = problems;
        }
    }
    let before = problems.errors();
    let (mut made, mut unheld, mut other_accounts, mut rows) = (Vec::new(), 0, 0, 0);
    for part in parts {
        problems.append(part.problems);
        (unheld, other_accounts, rows) = (unheld + part.unheld, other_accounts + part.other_accounts, rows + part.rows);
        if made.is_empty() {
            made = part.made;
        } else {
            made.extend(part.made);
        }
    }
    if rows == 0 {
        problems.push(Problem::new(file, "holds a header and no canary", "add a row for each planted record").at(1, 1));
    }
    if problems.errors() > before {
        return None;
    }
    note_unheld(file, unheld, problems);
    note_other_accounts(file, other_accounts, problems);
    Some(made)
}

/// Reads each piece, all at once if there are several.
fn side_by_side<T: Send>(pieces: &[Piece<'_>], read: impl Fn(&Piece<'_>) -> T + Sync) -> Vec<T> {
    if let [piece] = pieces {
        return vec![read(piece)];
    }
    thread::scope(|scope| {
        let read = &read;
        let running: Vec<_> = pieces.iter().map(|piece| scope.spawn(move || read(piece))).collect();
        running.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

/// What came of a piece.
struct Part<T> {
    made: Vec<T>,
    rows: usize,
    problems: Problems,
    claims: Claims,
    unheld: usize,
    other_accounts: usize,
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
        (table, columns): (&'a Table<'a>, &'a [Column]),
        organization: Option<&'a Organization>,
        claims: Claims,
    ) -> Self {
        // `Table::open` has checked that the required columns are there.
        let index = |name: &str| table.index_of(name).unwrap_or(usize::MAX);
        Self {
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

    /// Makes something of each sound row of a piece.
    fn read<T>(mut self, piece: &Piece<'a>, keep: &impl Fn(&Sound<'_>) -> T) -> Part<T> {
        let (mut problems, mut made) = (Problems::default(), Vec::with_capacity(piece.rows_limit()));
        let table = self.table;
        let rows = table.each_row(piece, &mut problems, |row, problems| {
            made.extend(self.read_row(row, problems).map(|sound| keep(&sound)));
        });
        let Self { claims, unheld, other_accounts, .. } = self;
        Part { made, rows, problems, claims, unheld, other_accounts }
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
}

fn note_unheld(file: &str, unheld: usize, problems: &mut Problems) {
    if unheld > 0 {
        let reason = format!("{unheld} canaries name no holder, so an alert cannot say whose copy they came from");
        let mend = "fill their holders (OWNER is the organization itself)";
        problems.push(Problem::new(file, reason, mend).named("holders").as_note());
    }
}

fn note_other_accounts(file: &str, others: usize, problems: &mut Problems) {
    if others > 0 {
        let reason = format!("{others} canaries have an account number of another form than anchors.account tells");
        let mend = "plant numbers of the form that real ones have, or add their form";
        problems.push(Problem::new(file, reason, mend).named("account").as_note());
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
