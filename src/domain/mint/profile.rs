//! What the rows of a table look like, without any of them: marginals and formats, made on the organization's side.
//!
//! A value enters the profile only if at least [`LEAST_ROWS`] rows share it; amounts and days enter as rounded quantiles,
//! anything else as a shape (`AA-9999`). Not here: reading the table (`faces`), making records that fit (`identity`).

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Language;
use super::wording::{Wording, Wordings};

/// A value that fewer rows hold is not written down.
const LEAST_ROWS: u64 = 20;
/// Different values, shapes, that are counted for one column.
const MOST_VALUES: usize = 2_000;
const MOST_CATEGORIES: usize = 200;
const MOST_SHAPES: usize = 12;
/// Amounts and days that are kept to find quantiles.
const MOST_KEPT: usize = 8_192;
/// Quantiles at most; between two of them lie at least [`LEAST_ROWS`] rows.
const MOST_QUANTILES: usize = 101;

/// A table's profile; the organization adds the ranges that nobody's values lie in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Rows that were read.
    pub rows: u64,
    /// Ranges that canaries' values are drawn from.
    pub reserved: Reserved,
    /// Share of each language among names.
    pub languages: BTreeMap<Language, f64>,
    /// The columns, in their order.
    pub columns: Vec<Column>,
}

/// Ranges in which no real person's value lies: `#` stands for a random digit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reserved {
    /// Cards, as `999912##########`: reserved BIN ranges; the last digit is the check digit.
    pub pan: Vec<String>,
    /// Telephones, as `+1 555 01## ###`: numbers that the organization owns, or that are not given out.
    pub phone: Vec<String>,
    /// Domains that the organization owns and that take mail for any name.
    pub email: Vec<String>,
    /// `DE??99999999##########`: bank codes of the organization; `??` are the check digits.
    pub iban: Vec<String>,
    /// Accounts.
    pub account: Vec<String>,
    /// Six digits of a county that was abolished at least three years before the births; needs written consent.
    pub resident_id: Vec<String>,
    /// National numbers, as `000-##-####`.
    pub national_id: Vec<String>,
    /// Passports.
    pub passport: Vec<String>,
}

impl Reserved {
    /// Returns the ranges of a field; none if it has none.
    pub fn of(&self, field: &str) -> &[String] {
        match field {
            "pan" => &self.pan,
            "phone" => &self.phone,
            "email" => &self.email,
            "iban" => &self.iban,
            "account" => &self.account,
            "resident_id" => &self.resident_id,
            "national_id" => &self.national_id,
            "passport" => &self.passport,
            _ => &[],
        }
    }
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the table.
    pub name: String,
    /// The watchlist's name for what it holds; `None` for what does not identify anybody.
    pub field: Option<String>,
    /// Share of rows in which it is filled.
    pub filled: f64,
    /// What its values look like.
    pub form: Form,
    /// How names, addresses and mail names are put together, by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wording: BTreeMap<Language, Vec<Wording>>,
}

/// What a column's values look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Names of people.
    Name,
    /// Addresses.
    Address,
    /// Birth dates, by quantiles counted from 1970.
    Birth {
        /// How they are written.
        style: DateStyle,
        /// From the first to the last; none for those that bank customers have.
        #[serde(default)]
        quantiles: Vec<f64>,
    },
    /// Identifiers: made from the reserved ranges, written in these shapes.
    Identifier(Vec<(String, f64)>),
    /// Whole numbers that grow from row to row; canaries stand where their number belongs.
    Key {
        /// The first.
        first: i64,
        /// The last.
        last: i64,
    },
    /// A few values, each in many rows.
    Category(Vec<(String, f64)>),
    /// Numbers, by rounded quantiles.
    Amount {
        /// Decimals.
        decimals: u8,
        /// From the least to the largest.
        quantiles: Vec<f64>,
    },
    /// Days, by quantiles counted from 1970.
    Day {
        /// How they are written.
        style: DateStyle,
        /// From the first to the last.
        quantiles: Vec<f64>,
    },
    /// Anything else: `A` stands for a capital, `a` for a small letter, `9` for a digit.
    Shape(Vec<(String, f64)>),
}

/// How days are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateStyle {
    /// 2026-03-01
    Dashes,
    /// 2026/3/1
    Slashes,
    /// 01.03.2026
    Dots,
    /// 20260301
    Digits,
}

impl DateStyle {
    const ALL: [Self; 4] = [Self::Dashes, Self::Slashes, Self::Dots, Self::Digits];

    /// Writes a day.
    pub fn write(self, day: Date) -> String {
        let (year, month, day) = (day.year(), day.month(), day.day());
        match self {
            Self::Dashes => format!("{year:04}-{month:02}-{day:02}"),
            Self::Slashes => format!("{year}/{month}/{day}"),
            Self::Dots => format!("{day:02}.{month:02}.{year:04}"),
            Self::Digits => format!("{year:04}{month:02}{day:02}"),
        }
    }

    fn read(self, text: &str) -> Option<Date> {
        let parts: Vec<i16> = match self {
            Self::Digits if text.len() == 8 => [text.get(..4), text.get(4..6), text.get(6..)]
                .iter()
                .filter_map(|part| part.and_then(|part| part.parse().ok()))
                .collect(),
            Self::Digits => return None,
            Self::Dashes => text.split('-').filter_map(|part| part.parse().ok()).collect(),
            Self::Slashes => text.split('/').filter_map(|part| part.parse().ok()).collect(),
            Self::Dots => text.split('.').rev().filter_map(|part| part.parse().ok()).collect(),
        };
        let [year, month, day] = parts.as_slice() else { return None };
        let date = Date::new(*year, i8::try_from(*month).ok()?, i8::try_from(*day).ok()?).ok()?;
        // Written the same way again: `1.2.2026` is no day of this style.
        ((1850..=2200).contains(year) && self.write(date) == text).then_some(date)
    }
}

/// Reads rows and counts; memory does not grow with the table.
#[derive(Debug)]
pub struct Profiler {
    rows: u64,
    languages: BTreeMap<Language, u64>,
    columns: Vec<Counting>,
}

#[derive(Debug)]
struct Counting {
    name: String,
    field: Option<String>,
    filled: u64,
    values: Counts,
    shapes: Counts,
    styles: [u64; 4],
    numbers: u64,
    decimals: u8,
    kept: Kept,
    first: Option<i64>,
    last: Option<i64>,
    is_growing: bool,
    wordings: Wordings,
}

/// How often each of not too many texts was seen.
#[derive(Debug, Default)]
struct Counts {
    of: BTreeMap<String, u64>,
    others: u64,
}

impl Counts {
    fn add(&mut self, text: &str) {
        if let Some(count) = self.of.get_mut(text) {
            *count += 1;
        } else if self.of.len() < MOST_VALUES {
            self.of.insert(text.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }

    /// Returns the most frequent, with their shares; those that too few rows hold are left out.
    fn frequent(&self, most: usize) -> Vec<(String, f64)> {
        let mut list: Vec<(&String, u64)> =
            self.of.iter().map(|(text, count)| (text, *count)).filter(|(_, count)| *count >= LEAST_ROWS).collect();
        list.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        list.truncate(most);
        let total: u64 = list.iter().map(|(_, count)| count).sum();
        list.into_iter().map(|(text, count)| (text.clone(), share(count, total))).collect()
    }
}

/// Every n-th number, n doubling when there are too many.
#[derive(Debug)]
struct Kept {
    numbers: Vec<f64>,
    every: u64,
    seen: u64,
}

impl Kept {
    fn add(&mut self, number: f64) {
        if self.seen.is_multiple_of(self.every) {
            self.numbers.push(number);
            if self.numbers.len() > MOST_KEPT {
                let mut at = 0_usize;
                self.numbers.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.every *= 2;
            }
        }
        self.seen += 1;
    }

    /// Returns quantiles, rounded to multiples of a unit so that no row's own number is written down; none of too few rows.
    fn quantiles(&self, unit: fn(f64) -> f64) -> Vec<f64> {
        let mut sorted = self.numbers.clone();
        sorted.sort_by(f64::total_cmp);
        let steps = usize::try_from(self.seen / LEAST_ROWS).unwrap_or(usize::MAX).min(MOST_QUANTILES - 1);
        let Some(last) = sorted.len().checked_sub(1).filter(|_| steps > 0) else { return Vec::new() };
        let found: Vec<f64> = (0..=steps).filter_map(|step| sorted.get(step * last / steps).copied()).collect();
        spread(&found, unit)
    }
}

/// Rounds numbers that grow; those that differ and would be rounded to one are spread over the unit around it, so that what
/// is drawn between them does not pile up there.
fn spread(numbers: &[f64], unit: fn(f64) -> f64) -> Vec<f64> {
    let rounded = |number: f64| {
        let unit = unit(number);
        (number / unit).round() * unit
    };
    let mut found: Vec<f64> = Vec::with_capacity(numbers.len());
    for run in numbers.chunk_by(|one, other| rounded(*one).total_cmp(&rounded(*other)).is_eq()) {
        let (first, last) = (run.first().copied().unwrap_or_default(), run.last().copied().unwrap_or_default());
        let (middle, steps) = (rounded(first), f64::from(u32::try_from(run.len()).unwrap_or(u32::MAX)));
        let is_one = first.total_cmp(&last).is_eq();
        let at = (0_u32..).map(|step| (f64::from(step) + 0.5) / steps - 0.5);
        found.extend(run.iter().zip(at).map(|(_, at)| if is_one { middle } else { middle + at * unit(first) }));
    }
    found
}

const fn five_days(_: f64) -> f64 {
    5.0
}

/// Three digits.
fn three_digits(number: f64) -> f64 {
    if number == 0.0 { 1.0 } else { 10_f64.powf(number.abs().log10().floor() - 2.0) }
}

fn share(count: u64, total: u64) -> f64 {
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    (number(count) / number(total).max(1.0) * 1e4).round() / 1e4
}

impl Profiler {
    /// Starts with a table's header.
    pub fn new<'h>(header: impl Iterator<Item = &'h str>) -> Self {
        let columns = header.map(|name| Counting {
            name: name.to_owned(),
            field: field_of(name).map(str::to_owned),
            filled: 0,
            values: Counts::default(),
            shapes: Counts::default(),
            styles: [0; 4],
            numbers: 0,
            decimals: 0,
            kept: Kept { numbers: Vec::new(), every: 1, seen: 0 },
            first: None,
            last: None,
            is_growing: true,
            wordings: Wordings::default(),
        });
        Self { rows: 0, languages: BTreeMap::new(), columns: columns.collect() }
    }

    /// Counts one row.
    pub fn row<'r>(&mut self, cells: impl Iterator<Item = &'r str>) {
        self.rows += 1;
        let (mut name, mut mail, mut born) = (None, None, None);
        for (at, (column, cell)) in self.columns.iter_mut().zip(cells).enumerate() {
            let cell = cell.trim();
            if cell.is_empty() {
                continue;
            }
            match column.field.as_deref() {
                Some("name") => {
                    *self.languages.entry(Language::of(cell)).or_default() += 1;
                    name = name.or(Some(cell));
                }
                Some("birth_date") => born = DateStyle::ALL.iter().find_map(|style| style.read(cell)),
                Some("email") => mail = cell.split_once('@').map(|(local, _)| (at, local)),
                Some(_) | None => {}
            }
            column.add(cell);
        }
        if let (Some(name), Some((at, local))) = (name, mail)
            && let Some(column) = self.columns.get_mut(at)
        {
            column.wordings.add_mail_name(local, name, born.map(Date::year));
        }
    }

    /// Returns the profile, without any reserved range.
    pub fn finish(self) -> Profile {
        let (rows, names) = (self.rows, self.languages.values().sum::<u64>());
        let languages = self.languages.into_iter().map(|(language, count)| (language, share(count, names)));
        Profile {
            rows,
            reserved: Reserved::default(),
            languages: languages.collect(),
            columns: self.columns.into_iter().map(|column| column.finish(rows)).collect(),
        }
    }
}

impl Counting {
    fn add(&mut self, cell: &str) {
        self.filled += 1;
        match self.field.as_deref() {
            Some("name") => return self.wordings.add_name(cell),
            Some("address") => return self.wordings.add_address(cell),
            Some("email") => return,
            Some("birth_date") => {}
            Some(_) => {
                self.shapes.add(&shape(cell));
                return;
            }
            None => {
                self.values.add(cell);
                self.shapes.add(&shape(cell));
            }
        }
        let style = DateStyle::ALL.iter().position(|style| style.read(cell).is_some());
        if let Some(at) = style {
            self.styles[at] += 1;
        }
        if let Some(day) = style.and_then(|at| DateStyle::ALL[at].read(cell)) {
            self.kept.add(f64::from(days(day)));
        } else if let Some(number) = cell.parse::<f64>().ok().filter(|number| number.is_finite()) {
            self.numbers += 1;
            let decimals = cell.rsplit_once('.').map_or(0, |(_, decimals)| decimals.len());
            self.decimals = self.decimals.max(u8::try_from(decimals.min(6)).unwrap_or_default());
            self.kept.add(number);
            self.grow(cell.parse().ok());
        }
    }

    fn grow(&mut self, number: Option<i64>) {
        self.is_growing &= match (self.last, number) {
            (None, Some(_)) => true,
            (Some(last), Some(number)) => number > last,
            (_, None) => false,
        };
        self.first = self.first.or(number);
        self.last = number.or(self.last);
    }

    fn finish(self, rows: u64) -> Column {
        let (filled, form) = (share(self.filled, rows), self.form());
        let (field, wording) = (self.field.filter(|field| field != "birth_date"), self.wordings.finish(LEAST_ROWS));
        Column { name: self.name, field, filled, form, wording }
    }

    fn form(&self) -> Form {
        let style =
            || DateStyle::ALL.into_iter().zip(self.styles).max_by_key(|(_, count)| *count).map(|(style, _)| style);
        let days: u64 = self.styles.iter().sum();
        match self.field.as_deref() {
            Some("name") => return Form::Name,
            Some("address") => return Form::Address,
            Some("birth_date") => {
                let style = style().unwrap_or(DateStyle::Dashes);
                return Form::Birth { style, quantiles: self.kept.quantiles(five_days) };
            }
            Some(_) => return Form::Identifier(self.shapes.frequent(MOST_SHAPES)),
            None => {}
        }
        if self.filled > 0 && self.is_growing && self.numbers == self.filled && self.filled >= 2 {
            return Form::Key { first: self.first.unwrap_or_default(), last: self.last.unwrap_or_default() };
        }
        let categories = self.values.frequent(MOST_CATEGORIES);
        let few = self.values.others == 0 && self.values.of.len() <= MOST_CATEGORIES && !categories.is_empty();
        if few {
            Form::Category(categories)
        } else if days * 10 > self.filled * 9 {
            Form::Day { style: style().unwrap_or(DateStyle::Dashes), quantiles: self.kept.quantiles(five_days) }
        } else if self.numbers * 10 > self.filled * 9 && self.kept.seen >= LEAST_ROWS {
            Form::Amount { decimals: self.decimals, quantiles: self.kept.quantiles(three_digits) }
        } else {
            Form::Shape(self.shapes.frequent(MOST_SHAPES))
        }
    }
}

/// Counts days from 1 January 1970.
fn days(day: Date) -> i32 {
    let hours = day.duration_since(Date::constant(1970, 1, 1)).as_hours();
    i32::try_from(hours / 24).unwrap_or_default()
}

/// Returns a value's shape: letters and digits by class, the rest as it stands; long ones are cut.
fn shape(cell: &str) -> String {
    let class = |character: char| match character {
        '0'..='9' => '9',
        'A'..='Z' => 'A',
        'a'..='z' => 'a',
        other if other.is_alphanumeric() => 'a',
        other => other,
    };
    cell.chars().take(64).map(class).collect()
}

/// Guesses from a column's name what identifies people in it; the profile may be edited.
fn field_of(name: &str) -> Option<&'static str> {
    const WORDS: [(&str, &[&str]); 11] = [
        ("birth_date", &["birth", "dob", "生日", "出生", "рожд"]),
        ("email", &["mail", "邮箱", "почт"]),
        ("phone", &["phone", "mobile", "msisdn", "手机", "电话", "телефон"]),
        ("iban", &["iban"]),
        ("pan", &["pan", "card", "卡号", "карт"]),
        ("resident_id", &["resident_id", "id_card", "身份证"]),
        ("national_id", &["national_id", "ssn"]),
        ("passport", &["passport", "护照", "паспорт"]),
        ("account", &["account", "账号", "账户", "счет", "счёт"]),
        ("address", &["address", "地址", "адрес"]),
        ("name", &["name", "姓名", "фио", "имя"]),
    ];
    let name = name.trim().to_lowercase();
    let is_exact = |word: &&&str| name == **word;
    let exact = WORDS.iter().find(|(_, words)| words.iter().any(|word| is_exact(&word)));
    // "pan" is part of many words, so it counts whole only.
    let part = |words: &[&str]| words.iter().any(|word| word.len() > 3 && name.contains(word));
    exact.or_else(|| WORDS.iter().find(|(_, words)| part(words))).map(|(field, _)| *field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_holds_forms_and_frequent_values_and_no_row() {
        let mut profiler = Profiler::new("id,姓名,手机号,card_no,balance,opened,branch,note".split(','));
        for row in 0..400_u32 {
            let cells = [
                format!("{}", 1000 + row * 3),
                if row % 4 == 0 { "Jo Wren".to_owned() } else { "王小明".to_owned() },
                format!("+86 138{:08}", row * 7919),
                format!("6222 02{:02} {:04} {:04}", row % 100, row * 13 % 10_000, row),
                format!("{}.{:02}", row * 37, row % 100),
                format!("2024-{:02}-{:02}", row % 12 + 1, row % 28 + 1),
                ["North", "South"][row as usize % 2].to_owned(),
                format!("ref-{row:05}-secret{row}"),
            ];
            profiler.row(cells.iter().map(String::as_str));
        }
        let profile = profiler.finish();
        let forms: Vec<&Form> = profile.columns.iter().map(|column| &column.form).collect();
        assert!(matches!(forms[0], Form::Key { first: 1000, last: 2197 }), "{:?}", forms[0]);
        assert!(matches!(forms[1], Form::Name));
        assert_eq!(*forms[2], Form::Identifier(vec![("+99 99999999999".to_owned(), 1.0)]));
        assert!(matches!(forms[4], Form::Amount { decimals: 2, quantiles } if quantiles.len() == 21));
        assert!(matches!(forms[5], Form::Day { style: DateStyle::Dashes, .. } | Form::Category(_)));
        assert!(matches!(forms[6], Form::Category(values) if values.len() == 2));
        assert!(matches!(forms[7], Form::Shape(_)));
        assert_eq!(profile.languages.get(&Language::Zh).copied(), Some(0.75));
        let text = serde_json::to_string(&profile).unwrap();
        for secret in ["Jo Wren", "王小明", "secret399", "62220"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }

    #[test]
    fn quantiles_are_rounded_and_do_not_pile_up() {
        let close = |one: &[f64], other: &[f64]| one.iter().zip(other).all(|(one, other)| (one - other).abs() < 1e-6);
        assert!(close(&spread(&[1234.56, 1266.0, 98765.0], three_digits), &[1230.0, 1270.0, 98800.0]));
        assert!(
            close(&spread(&[0.0, 0.0, 100.0, 100.0], three_digits), &[0.0, 0.0, 100.0, 100.0]),
            "what many share stays"
        );
        let crowded = spread(&[1231.0, 1232.0, 1233.0, 1234.0], three_digits);
        assert!(close(&crowded, &[1226.25, 1228.75, 1231.25, 1233.75]), "{crowded:?}");
    }

    #[test]
    fn days_are_told_by_how_they_are_written() {
        let day = Date::constant(2026, 3, 1);
        for style in DateStyle::ALL {
            assert_eq!(style.read(&style.write(day)), Some(day));
        }
        assert_eq!(DateStyle::Dots.read("1.3.2026"), None);
        assert_eq!(DateStyle::Dashes.read("2026-02-30"), None);
    }

    #[test]
    fn columns_are_known_by_their_names() {
        for (name, field) in [
            ("Full_Name", Some("name")),
            ("card_number", Some("pan")),
            ("pan", Some("pan")),
            ("company", None),
            ("E-Mail", Some("email")),
            ("телефон", Some("phone")),
            ("身份证", Some("resident_id")),
            ("date_of_birth", Some("birth_date")),
            ("account_no", Some("account")),
            ("balance", None),
        ] {
            assert_eq!(field_of(name), field, "{name}");
        }
    }

    #[test]
    fn memory_stays_bounded_whatever_the_table_holds() {
        let mut profiler = Profiler::new(["x"].into_iter());
        for row in 0..20_000_u32 {
            profiler.row([format!("{}.5", row.wrapping_mul(2_654_435_761) % 100_000)].iter().map(String::as_str));
        }
        let column = &profiler.columns[0];
        assert!(column.values.of.len() <= MOST_VALUES && column.kept.numbers.len() <= MOST_KEPT + 1);
        assert!(matches!(profiler.finish().columns[0].form, Form::Amount { .. }));
    }
}
