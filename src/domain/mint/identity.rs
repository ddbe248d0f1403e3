//! Makes records that fit a profile and are nobody: every value from a reserved range, every check digit right.

use std::collections::{BTreeMap, HashSet};
use std::mem::take;

use jiff::civil::Date;

use super::dice::Dice;
use super::names::{self, Name, Names};
use super::profile::{Column, Form, Profile};
use super::wording::{self, Drawn};
use super::{Language, MintError};
use crate::domain::fingerprints::Fingerprints;
use crate::domain::hashed::{HashedSet, set_with_room};
use crate::domain::identifier::{FingerprintKind, check};

/// What [`mark`] gives.
pub(super) type Marks = HashedSet;

/// Tries to draw a value that no other record has.
const TRIES: u32 = 64;
/// People who are tried for a habit of mail names, until one has a name that is free; then two digits more follow it, as
/// people add them to a name that is taken, and again after so many tries.
const PLAIN_TRIES: u32 = 4;
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
/// Random digits that a reserved range must leave: fewer would be met by chance.
const LEAST_DIGITS: usize = 4;

/// What records are made after: a profile made ready to draw from, and real customers.
#[derive(Debug)]
pub(super) struct Model<'a> {
    profile: &'a Profile,
    names: Names,
    /// How the columns' texts are put together, by column and language.
    drawn: BTreeMap<(usize, Language), Drawn>,
    /// The ranges of identifying columns, by column and language.
    ranges: BTreeMap<(usize, Language), Vec<&'a str>>,
    languages: Vec<(Language, f64)>,
    /// Real customers, whose values are not drawn.
    customers: &'a Fingerprints,
    today: Date,
}

/// Makes records, no value twice.
#[derive(Debug)]
pub(super) struct Maker<'a> {
    model: &'a Model<'a>,
    /// Identifying values of canaries that are there already, as [`mark`] gives them.
    settled: &'a Marks,
    /// Those of the records made here.
    taken: Marks,
    /// Those of the record that is being made.
    marks: Vec<u64>,
}

/// One record, and the marks of its identifying values.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) cells: Vec<String>,
    marks: Vec<u64>,
}

impl Made {
    /// Enters the record among the settled ones and returns its cells; `None` if another has a value of it.
    pub(super) fn settle(self, settled: &mut Marks) -> Option<Vec<String>> {
        if let Some(met) = self.marks.iter().position(|mark| !settled.insert(*mark)) {
            for mark in self.marks.iter().take(met) {
                settled.remove(mark);
            }
            return None;
        }
        Some(self.cells)
    }
}

/// A person who is nobody.
struct Person {
    language: Language,
    name: Name,
    birth: Date,
    /// Its mail address, if one was free.
    mail: Option<String>,
}

impl<'a> Model<'a> {
    /// Checks that each identifying column has a range to draw from, and that what is drawn passes its public check.
    pub(super) fn new(profile: &'a Profile, customers: &'a Fingerprints, today: Date) -> Result<Self, MintError> {
        let languages: Vec<(Language, f64)> =
            profile.languages.iter().map(|(language, share)| (*language, *share)).collect();
        let languages = if languages.is_empty() { vec![(Language::En, 1.0)] } else { languages };
        let mut identifying = 0;
        for column in &profile.columns {
            let Some(field) = column.field.as_deref() else { continue };
            if matches!(column.form, Form::Name | Form::Address) {
                continue;
            }
            identifying += 1;
            let ranges = profile.reserved.of(field);
            if ranges.is_empty() {
                return Err(MintError::NoRange { column: column.name.clone(), field: field.to_owned() });
            }
            for range in ranges {
                let digits = range.matches('#').count();
                let is_open = matches!(field, "email" | "resident_id");
                if !is_open && digits < LEAST_DIGITS {
                    return Err(MintError::NarrowRange { range: range.clone() });
                }
            }
        }
        if identifying == 0 {
            return Err(MintError::NothingIdentifying);
        }
        let of_column = |(at, column): (usize, &Column)| {
            let own = column.wording.iter().map(move |(language, wordings)| ((at, *language), Drawn::new(wordings)));
            own.collect::<Vec<_>>()
        };
        let drawn = profile.columns.iter().enumerate().flat_map(of_column).collect();
        let ranges_of = |(at, column): (usize, &'a Column)| {
            let field = column.field.as_deref().unwrap_or_default();
            let all = profile.reserved.of(field);
            [Language::En, Language::Zh, Language::Ru].map(|language| {
                let own: Vec<&str> =
                    all.iter().map(String::as_str).filter(|range| speaks(field, range, language)).collect();
                let ranges = if own.is_empty() { all.first().map(String::as_str).into_iter().collect() } else { own };
                ((at, language), ranges)
            })
        };
        let ranges = profile.columns.iter().enumerate().flat_map(ranges_of).collect();
        Ok(Self { profile, names: Names::new(), drawn, ranges, languages, customers, today })
    }

    /// Tells whether a value is that of a real customer, exactly as it would be found in a leak.
    fn is_customers(&self, field: &str, value: &str) -> bool {
        if self.customers.is_empty() {
            return false;
        }
        let Some(kind) = FingerprintKind::parse(field) else { return false };
        let canonical = kind.canonical([value], None);
        canonical.is_ok_and(|canonical| self.customers.holding(kind, canonical.as_bytes()).next().is_some())
    }

    /// A mail name where no plain one was free: a habit may leave few names, or a single one, so the more attempts failed,
    /// the more digits follow it.
    fn longer_mail_name(&self, column: usize, person: &Person, attempt: u32, dice: &mut Dice) -> String {
        let pattern = self.drawn.get(&(column, person.language)).and_then(|drawn| drawn.draw(dice));
        let mut name = mail_name(pattern.as_deref(), person, dice);
        name.extend((0..2 * (1 + attempt / PLAIN_TRIES)).map(|_| dice.digit()));
        name
    }

    /// A name as the table has them, or one of our own lists where it tells none.
    fn name(&self, language: Language, dice: &mut Dice) -> Name {
        let at = self.profile.columns.iter().position(|column| matches!(column.form, Form::Name));
        let drawn = at.and_then(|at| self.drawn.get(&(at, language))).and_then(|drawn| drawn.draw(dice));
        let Some(whole) = drawn else { return self.names.name(language, dice) };
        let mut words = wording::spelled(&whole);
        if words.len() < 2 {
            // How it is read is not known, or there is too little of it: any other will do for mail.
            words.extend(self.names.name(language, dice).words.into_iter().skip(words.len()));
        }
        Name { whole, words, given: usize::from(language == Language::Ru) }
    }

    /// Ages as the table has them, or as bank customers have them: 18 to 84, most in the middle.
    fn birth(&self, dice: &mut Dice) -> Date {
        let known = self.profile.columns.iter().find_map(|column| {
            let Form::Birth { quantiles, .. } = &column.form else { return None };
            (quantiles.len() > 1).then_some(quantiles)
        });
        if let Some(quantiles) = known {
            return self.day(between(quantiles, dice));
        }
        let age = 18.0 + 66.0 * (dice.share() + dice.share()) / 2.0;
        #[expect(clippy::cast_possible_truncation, reason = "at most 31,000")]
        let days = (age * 365.25) as i32;
        jiff::Span::new().try_days(days).ok().and_then(|days| self.today.checked_sub(days).ok()).unwrap_or(self.today)
    }

    /// Tells how many marks so many records have.
    fn marks_of(&self, records: usize) -> usize {
        let identifying = self.profile.columns.iter().filter(|column| column.field.is_some()).count();
        records.saturating_mul(identifying)
    }

    /// Returns a day by its number from 1970, today at most.
    fn day(&self, days: f64) -> Date {
        #[expect(clippy::cast_possible_truncation, reason = "days of these centuries")]
        let days = days as i32;
        let day =
            jiff::Span::new().try_days(days).ok().and_then(|days| Date::constant(1970, 1, 1).checked_add(days).ok());
        day.unwrap_or(self.today).min(self.today)
    }
}

/// Returns the marks of canaries that are enrolled, with room for so many records more.
pub(super) fn enrolled(values: &HashSet<String>, model: &Model<'_>, records: usize) -> Marks {
    let room = values.len().saturating_add(model.marks_of(records));
    let mut marks = set_with_room(room);
    marks.extend(values.iter().map(|value| mark(value)));
    marks
}

impl<'a> Maker<'a> {
    /// Prepares to make so many records, beside those that are settled.
    pub(super) fn new(model: &'a Model<'a>, settled: &'a Marks, records: usize) -> Self {
        let taken = set_with_room(model.marks_of(records));
        Self { model, settled, taken, marks: Vec::new() }
    }

    /// Makes one record, a cell for each column.
    pub(super) fn record(&mut self, dice: &mut Dice) -> Result<Made, MintError> {
        let person = self.person(dice);
        self.marks.clear();
        let columns = self.model.profile.columns.iter().enumerate();
        let cells: Result<Vec<String>, MintError> = columns.map(|column| self.cell(column, &person, dice)).collect();
        Ok(Made { cells: cells?, marks: take(&mut self.marks) })
    }

    /// Draws a person. The habit of its mail name is drawn first and people until one fits, so that habits which leave few
    /// free names are as frequent as in the table.
    fn person(&self, dice: &mut Dice) -> Person {
        let model = self.model;
        let language = dice.weighted(&model.languages).copied().unwrap_or(Language::En);
        let mut person = Person { language, name: model.name(language, dice), birth: model.birth(dice), mail: None };
        let column = model.profile.columns.iter().position(|column| column.field.as_deref() == Some("email"));
        let (Some(at), Some(domain)) = (column, dice.pick(&model.profile.reserved.email)) else { return person };
        let pattern = model.drawn.get(&(at, language)).and_then(|drawn| drawn.draw(dice));
        for _ in 0..PLAIN_TRIES {
            let address = format!("{}@{domain}", mail_name(pattern.as_deref(), &person, dice));
            if self.is_free("email", &address) {
                person.mail = Some(address);
                break;
            }
            // What is no part of a name does not change with the person.
            if pattern.as_deref().is_some_and(|pattern| !pattern.contains('{')) {
                break;
            }
            (person.name, person.birth) = (model.name(language, dice), model.birth(dice));
        }
        person
    }

    /// Tells whether nobody has a value: no canary, no customer.
    fn is_free(&self, field: &str, value: &str) -> bool {
        !self.is_taken(mark(value)) && !self.model.is_customers(field, value)
    }

    fn is_taken(&self, mark: u64) -> bool {
        self.taken.contains(&mark) || self.settled.contains(&mark)
    }

    /// Takes a value, unless another record has it.
    fn occupy(&mut self, mark: u64) -> bool {
        let is_free = !self.settled.contains(&mark) && self.taken.insert(mark);
        if is_free {
            self.marks.push(mark);
        }
        is_free
    }

    fn cell(&mut self, (at, column): (usize, &Column), person: &Person, dice: &mut Dice) -> Result<String, MintError> {
        let model = self.model;
        let is_needed = column.field.is_some() || matches!(column.form, Form::Key { .. });
        if !is_needed && !dice.chance(column.filled) {
            return Ok(String::new());
        }
        Ok(match &column.form {
            Form::Name => person.name.whole.clone(),
            Form::Address => {
                let drawn = model.drawn.get(&(at, person.language)).and_then(|drawn| drawn.address(dice));
                drawn.unwrap_or_else(|| model.names.address(person.language, dice))
            }
            Form::Birth { style, .. } => style.write(person.birth),
            Form::Identifier(shapes) => return self.identifier((at, column), shapes, person, dice),
            Form::Key { first, last } => self.key(column, (*first, *last), dice)?,
            Form::Category(values) => dice.weighted(values).cloned().unwrap_or_default(),
            Form::Amount { decimals, quantiles } => format!("{:.*}", usize::from(*decimals), amount(quantiles, dice)),
            Form::Day { style, quantiles } => style.write(model.day(between(quantiles, dice))),
            Form::Shape(shapes) => dice.weighted(shapes).map(|shape| fill_shape(shape, dice)).unwrap_or_default(),
        })
    }

    fn key(&mut self, column: &Column, (first, last): (i64, i64), dice: &mut Dice) -> Result<String, MintError> {
        let span = u32::try_from(last.saturating_sub(first)).unwrap_or(u32::MAX);
        let rows = u32::try_from(self.model.profile.rows).unwrap_or(u32::MAX);
        for _ in 0..TRIES {
            // Where every number is taken, canaries are the newest rows.
            let is_dense = span < rows.saturating_add(rows / 4);
            let number = if is_dense {
                last.saturating_add(1 + i64::from(dice.below((rows / 50).max(1_000))))
            } else {
                first.saturating_add(i64::from(dice.below(span)))
            };
            let text = number.to_string();
            if self.occupy(mark_of(&[&column.name, &text])) {
                return Ok(text);
            }
        }
        Err(MintError::Exhausted { field: column.name.clone() })
    }

    fn identifier(
        &mut self,
        (at, column): (usize, &Column),
        shapes: &[(String, f64)],
        person: &Person,
        dice: &mut Dice,
    ) -> Result<String, MintError> {
        let model = self.model;
        let field = column.field.as_deref().unwrap_or_default();
        let ranges = model.ranges.get(&(at, person.language)).map(Vec::as_slice).unwrap_or_default();
        for attempt in 0..TRIES {
            let range = dice.pick(ranges).copied().unwrap_or_default();
            let value = match field {
                "email" if attempt == 0 && person.mail.is_some() => person.mail.clone(),
                "email" => Some(format!("{}@{range}", model.longer_mail_name(at, person, attempt, dice))),
                "pan" => luhn(&fill(range, dice)),
                "iban" => iban(&fill(range, dice)),
                "resident_id" => resident_id(range, person.birth, dice),
                _ => Some(fill(range, dice)),
            };
            let value =
                value.ok_or_else(|| MintError::NotAccepted { field: field.to_owned(), range: range.to_owned() })?;
            if !model.is_customers(field, &value) && self.occupy(mark(&value)) {
                return Ok(dress(value, shapes, dice));
            }
        }
        Err(MintError::Exhausted { field: field.to_owned() })
    }
}

/// The part of a mail address before the `@`, in a habit of the table where one is told.
fn mail_name(pattern: Option<&str>, person: &Person, dice: &mut Dice) -> String {
    let words = &person.name.words;
    let habitual = pattern.and_then(|pattern| wording::mail_name(pattern, words, person.birth.year(), dice));
    habitual.unwrap_or_else(|| names::mail_name(&person.name, person.birth.year(), dice))
}

/// Returns the letters and digits of a value, in lower case: equal for equal values however they are written.
pub fn comparable(value: &str) -> String {
    if value.is_ascii() {
        let letters = value.bytes().filter(u8::is_ascii_alphanumeric);
        return letters.map(|letter| char::from(letter.to_ascii_lowercase())).collect();
    }
    value.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Digests what [`comparable`] gives: 10^7 values meet by accident once in 10^5 mints, and then one of them is drawn anew.
fn mark(value: &str) -> u64 {
    mark_of(&[value])
}

/// Digests several texts as one.
fn mark_of(parts: &[&str]) -> u64 {
    // FNV-1a, its bits spread at the end.
    let add = |mark: u64, byte: u8| (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mark = parts.iter().fold(FNV_BASIS, |mark, part| {
        if part.is_ascii() {
            let letters = part.bytes().filter(u8::is_ascii_alphanumeric);
            letters.map(|letter| letter.to_ascii_lowercase()).fold(mark, add)
        } else {
            comparable(part).bytes().fold(mark, add)
        }
    });
    (mark ^ (mark >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Tells whether a telephone range belongs to the country of a language; other fields do not depend on it.
fn speaks(field: &str, range: &str, language: Language) -> bool {
    let plain: String = range.chars().filter(|character| !character.is_whitespace()).collect();
    match (field, language) {
        ("phone", Language::Zh) => plain.starts_with("+86"),
        ("phone", Language::Ru) => plain.starts_with("+7"),
        ("phone", Language::En) => !plain.starts_with("+86") && !plain.starts_with("+7"),
        _ => true,
    }
}

/// Replaces each `#` by a random digit.
fn fill(range: &str, dice: &mut Dice) -> String {
    let mut value = String::with_capacity(range.len());
    value.extend(range.chars().map(|character| if character == '#' { dice.digit() } else { character }));
    value
}

fn fill_shape(shape: &str, dice: &mut Dice) -> String {
    let letter = |first: u8, dice: &mut Dice| char::from(first + u8::try_from(dice.below(26)).unwrap_or_default());
    shape
        .chars()
        .map(|class| match class {
            '9' => dice.digit(),
            'A' => letter(b'A', dice),
            'a' => letter(b'a', dice),
            other => other,
        })
        .collect()
}

/// Replaces the last digit by the Luhn digit.
fn luhn(number: &str) -> Option<String> {
    let mut digits: String = number.chars().filter(char::is_ascii_digit).collect();
    for last in '0'..='9' {
        digits.pop()?;
        digits.push(last);
        if check::pan(digits.as_bytes()) {
            return Some(digits);
        }
    }
    None
}

/// Replaces `??` by the check digits.
fn iban(number: &str) -> Option<String> {
    let plain: String =
        number.chars().filter(|character| !character.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let digits = check::iban_check(plain.replacen("??", "00", 1).as_bytes())?;
    let number = plain.replacen("??", &format!("{digits:02}"), 1);
    check::iban(number.as_bytes()).then_some(number)
}

fn resident_id(county: &str, birth: Date, dice: &mut Dice) -> Option<String> {
    let body = format!("{county}{:04}{:02}{:02}{:03}", birth.year(), birth.month(), birth.day(), 1 + dice.below(999));
    let last = check::resident_id_check(body.as_bytes())?;
    let number = format!("{body}{}", char::from(last));
    check::resident_id(number.as_bytes()).then_some(number)
}

/// Writes a value in one of the table's shapes, if it fits: same letters and digits, other separators.
fn dress(value: String, shapes: &[(String, f64)], dice: &mut Dice) -> String {
    let Some(shape) = dice.weighted(shapes).filter(|_| !value.contains('@')) else { return value };
    let plain = || value.chars().filter(char::is_ascii_alphanumeric);
    let is_place = |class: char| matches!(class, '9' | 'A' | 'a');
    let places = shape.chars().filter(|class| is_place(*class)).count();
    let country =
        if value.starts_with("+86") { 2 } else { usize::from(value.starts_with("+1") || value.starts_with("+7")) };
    // A national form leaves out the country code, and nothing else.
    let skipped = plain()
        .count()
        .checked_sub(places)
        .filter(|skipped| *skipped == 0 || (*skipped == country && country > 0 && !shape.starts_with('+')));
    let Some(skipped) = skipped else { return value };
    let mut rest = plain().skip(skipped);
    let mut dressed = String::with_capacity(shape.len());
    dressed.extend(shape.chars().map(|class| if is_place(class) { rest.next().unwrap_or(class) } else { class }));
    dressed
}

/// Draws an amount from quantiles: between two of them small ones are likelier than large ones, as amounts are.
fn amount(quantiles: &[f64], dice: &mut Dice) -> f64 {
    let Some((low, high)) = neighbours(quantiles, dice) else { return quantiles.first().copied().unwrap_or_default() };
    if low > 0.0 { low * (high / low).powf(dice.share()) } else { low + (high - low) * dice.share() }
}

/// Draws a number from quantiles, evenly between two of them.
fn between(quantiles: &[f64], dice: &mut Dice) -> f64 {
    let Some((low, high)) = neighbours(quantiles, dice) else { return quantiles.first().copied().unwrap_or_default() };
    low + (high - low) * dice.share()
}

fn neighbours(quantiles: &[f64], dice: &mut Dice) -> Option<(f64, f64)> {
    let pairs =
        u32::try_from(quantiles.len()).ok().and_then(|count| count.checked_sub(1)).filter(|pairs| *pairs > 0)?;
    let at = dice.below(pairs) as usize;
    Some((quantiles[at], quantiles[at + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_the_public_rules() {
        let mut dice = Dice::new(&[4; 32], "test");
        for _ in 0..200 {
            assert!(check::pan(luhn(&fill("999912##########", &mut dice)).unwrap().as_bytes()));
            assert!(check::iban(iban(&fill("DE??99999999##########", &mut dice)).unwrap().as_bytes()));
            let birth = Date::constant(1984, 2, 29);
            assert!(check::resident_id(resident_id("110103", birth, &mut dice).unwrap().as_bytes()));
        }
        assert_eq!(resident_id("990103", Date::constant(1984, 2, 29), &mut dice), None, "no such province");
        assert_eq!(iban("XX??1234"), None);
    }

    #[test]
    fn values_wear_the_table_s_shapes_and_stay_the_same_value() {
        let mut dice = Dice::new(&[4; 32], "test");
        for (value, shape, dressed) in [
            ("9999120000000018", "9999 9999 9999 9999", "9999 1200 0000 0018"),
            ("+8612014504193", "99999999999", "12014504193"),
            ("+1 555 0100 123", "+9 (999) 999-9999", "+1 (555) 010-0123"),
            ("+8612014504193", "+9 999 9999999", "+8612014504193"),
            ("+8612014504193", "9999999999", "+8612014504193"),
            ("+15550100123", "999-999-9999", "555-010-0123"),
            ("jo@post.example", "aa@aaaa.aaaaaaa", "jo@post.example"),
            ("9999120000000018", "999", "9999120000000018"),
        ] {
            assert_eq!(dress(value.to_owned(), &[(shape.to_owned(), 1.0)], &mut dice), dressed);
        }
        assert_eq!(comparable("9999 1200-0000/0018"), comparable("9999120000000018"));
    }
}
