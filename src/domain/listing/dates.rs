//! Dates that a listing names: when the data is from, when it was posted.

use std::sync::LazyLock;

use jiff::civil;
use serde::{Deserialize, Serialize};

use super::Found;
use super::forms::Forms;
use super::numbers::Number;
use super::post::{Part, Post};

/// A date, as exact as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated {
    /// Year.
    pub year: i16,
    /// Month, 1 to 12.
    pub month: Option<i8>,
    /// Day of the month.
    pub day: Option<i8>,
    /// What it dates.
    pub role: DateRole,
}

/// What a date dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateRole {
    /// The data: exported, dumped, breached then.
    Data,
    /// The post: a full date on a market or forum line.
    Post,
}

/// Names of months, folded; `"may"` must stand alone.
const MONTHS: [(&str, i8); 114] = [
    ("january", 1),
    ("february", 2),
    ("march", 3),
    ("april", 4),
    ("may", 5),
    ("june", 6),
    ("july", 7),
    ("august", 8),
    ("september", 9),
    ("october", 10),
    ("november", 11),
    ("december", 12),
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("sept", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
    ("январь", 1),
    ("февраль", 2),
    ("март", 3),
    ("апрель", 4),
    ("май", 5),
    ("июнь", 6),
    ("июль", 7),
    ("август", 8),
    ("сентябрь", 9),
    ("октябрь", 10),
    ("ноябрь", 11),
    ("декабрь", 12),
    ("января", 1),
    ("февраля", 2),
    ("марта", 3),
    ("апреля", 4),
    ("мая", 5),
    ("июня", 6),
    ("июля", 7),
    ("августа", 8),
    ("сентября", 9),
    ("октября", 10),
    ("ноября", 11),
    ("декабря", 12),
    ("янв", 1),
    ("фев", 2),
    ("мар", 3),
    ("апр", 4),
    ("июн", 6),
    ("июл", 7),
    ("авг", 8),
    ("сен", 9),
    ("окт", 10),
    ("ноя", 11),
    ("дек", 12),
    ("enero", 1),
    ("janeiro", 1),
    ("janvier", 1),
    ("januari", 1),
    ("ینایر", 1),
    ("febrero", 2),
    ("fevereiro", 2),
    ("fevrier", 2),
    ("februari", 2),
    ("فبرایر", 2),
    ("marzo", 3),
    ("marco", 3),
    ("mars", 3),
    ("maret", 3),
    ("مارس", 3),
    ("abril", 4),
    ("avril", 4),
    ("ابریل", 4),
    ("mayo", 5),
    ("maio", 5),
    ("mai", 5),
    ("mei", 5),
    ("مایو", 5),
    ("junio", 6),
    ("junho", 6),
    ("juin", 6),
    ("juni", 6),
    ("یونیو", 6),
    ("julio", 7),
    ("julho", 7),
    ("juillet", 7),
    ("juli", 7),
    ("یولیو", 7),
    ("agosto", 8),
    ("aout", 8),
    ("agustus", 8),
    ("اغسطس", 8),
    ("septiembre", 9),
    ("setembro", 9),
    ("septembre", 9),
    ("سبتمبر", 9),
    ("octubre", 10),
    ("outubro", 10),
    ("octobre", 10),
    ("oktober", 10),
    ("اکتوبر", 10),
    ("noviembre", 11),
    ("novembro", 11),
    ("novembre", 11),
    ("نوفمبر", 11),
    ("diciembre", 12),
    ("dezembro", 12),
    ("decembre", 12),
    ("desember", 12),
    ("دیسمبر", 12),
];

static MONTH_STARTS: LazyLock<Forms<i8>> = LazyLock::new(|| Forms::starting(MONTHS));
static MONTH_ENDS: LazyLock<Forms<i8>> = LazyLock::new(|| Forms::ending(MONTHS));

/// Finds the dates of a post, at most eight.
pub(super) fn find(post: &Post<'_>) -> Vec<Found<Dated>> {
    let mut dates = Vec::new();
    for part in post.parts() {
        let mut done = 0;
        for number in &part.numbers {
            if number.start < done || dates.len() >= 8 {
                continue;
            }
            if let Some((dated, start, end)) = date_at(part, number) {
                done = end;
                dates.push(Found { value: dated, at: part.source(start, end) });
            }
        }
    }
    dates
}

fn date_at(part: &Part<'_>, number: &Number) -> Option<(Dated, usize, usize)> {
    let text = part.words.text.as_str();
    let (start, rest) = (number.start, text.get(number.start..)?);
    // A year, two digits before 年, or a day: nothing else starts a date.
    let digits = number.digits_end - start;
    if !(digits == 4 || number.value <= 31.0 || rest.get(2..).is_some_and(|rest| rest.starts_with('年')) || digits >= 6)
    {
        return None;
    }
    let before = text.get(super::fold::floor_boundary(text, start.saturating_sub(24))..start)?;
    let numeric = numeric(rest).map(|(year, month, day, length)| (year, month, day, start, start + length));
    let found = numeric
        .or_else(|| han(rest, start, digits))
        .or_else(|| named(before, rest, start))
        .or_else(|| bare_year(text, number))?;
    let (year, month, day, start, end) = found;
    let is_real = (1990..=2040).contains(&year) && month.is_none_or(|month| (1..=12).contains(&month));
    let is_day = match (month, day) {
        (Some(month), Some(day)) => civil::Date::new(year, month, day).is_ok(),
        (_, day) => day.is_none(),
    };
    if !(is_real && is_day) {
        return None;
    }
    let line = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let label = text.get(line..start)?;
    let says_data =
        ["dump", "breach", "leak", "export", "导出", "выгруз", "hacked", "data", "database", "база", "数据"]
            .iter()
            .any(|word| label.contains(word));
    let role = if day.is_some() && !says_data { DateRole::Post } else { DateRole::Data };
    Some((Dated { year, month, day, role }, start, end))
}

type Parts = (i16, Option<i8>, Option<i8>, usize, usize);

/// `2024-05-01`, `2024/5/1`, `2024.05`, `01.05.2024`.
fn numeric(rest: &str) -> Option<(i16, Option<i8>, Option<i8>, usize)> {
    let length =
        rest.find(|sign: char| !(sign.is_ascii_digit() || matches!(sign, '-' | '/' | '.'))).unwrap_or(rest.len());
    let token = rest.get(..length)?.trim_end_matches(['-', '/', '.']);
    let separator = token.chars().find(|sign| !sign.is_ascii_digit())?;
    let parts: Vec<&str> = token.split(separator).collect();
    match parts.as_slice() {
        [year, month, day] if year.len() == 4 => {
            Some((year.parse().ok()?, Some(month.parse().ok()?), Some(day.parse().ok()?), token.len()))
        }
        [day, month, year] if year.len() == 4 => {
            let (day, month): (i8, i8) = (day.parse().ok()?, month.parse().ok()?);
            // Dots go day first; slashes may go either way, and the larger is the day.
            let (day, month) = if separator == '/' && day <= 12 && month > 12 { (month, day) } else { (day, month) };
            Some((year.parse().ok()?, Some(month), Some(day), token.len()))
        }
        [year, month] | [month, year] if year.len() == 4 && (1..=2).contains(&month.len()) => {
            Some((year.parse().ok()?, Some(month.parse().ok()?), None, token.len()))
        }
        _ => None,
    }
}

/// `2026年1月5日`, `18年`.
fn han(rest: &str, start: usize, digits: usize) -> Option<Parts> {
    let (year, after) = (rest.get(..digits)?, rest.get(digits..)?.strip_prefix('年')?);
    let short = year.len() == 2;
    if !(short || year.len() == 4) {
        return None;
    }
    let year: i16 = year.parse::<i16>().ok()? + if short { 2000 } else { 0 };
    let mut end = start + rest.len() - after.len();
    let number = |text: &str| text.find(|sign: char| !sign.is_ascii_digit()).filter(|length| (1..=2).contains(length));
    let month = number(after).filter(|length| after.get(*length..).is_some_and(|rest| rest.starts_with('月')));
    let Some(length) = month else { return Some((year, None, None, start, end)) };
    let month: i8 = after.get(..length)?.parse().ok()?;
    let after = after.get(length + '月'.len_utf8()..)?;
    end = start + rest.len() - after.len();
    let day = number(after).filter(|length| after.get(*length..).is_some_and(|rest| rest.starts_with(['日', '号'])));
    let Some(length) = day else { return Some((year, Some(month), None, start, end)) };
    Some((year, Some(month), Some(after.get(..length)?.parse().ok()?), start, end + length + '日'.len_utf8()))
}

/// `March 11, 2025`, `11 March 2025`, `Apr 2026`, `окт 2025`.
fn named(before: &str, rest: &str, start: usize) -> Option<Parts> {
    let digits = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len());
    let number: i16 = rest.get(..digits)?.parse().ok()?;
    let ahead = before.trim_end_matches([' ', '.', ',']);
    // `marzo de 2026`, `tháng 3 năm 2026`.
    let joined = [" de", " del", " nam"].into_iter().find_map(|word| ahead.strip_suffix(word)).filter(|_| digits == 4);
    let ahead = joined.unwrap_or(ahead);
    if let Some((rest, month)) = ahead.rsplit_once(' ').filter(|(rest, _)| joined.is_some() && rest.ends_with("thang"))
    {
        let from = start - (before.len() - rest.len()) - "thang".len();
        return Some((number, Some(month.parse().ok()?), None, from, start + 4));
    }
    let month_before = MONTH_ENDS.at_end(ahead, |_, rest| !rest.ends_with(|last: char| last.is_alphanumeric()));
    if let Some((name, month)) = month_before {
        let from = start - (before.len() - ahead.len()) - name.len();
        if digits == 4 {
            return Some((number, Some(month), None, from, start + 4));
        }
        let after = rest.get(digits..)?.trim_start_matches(['s', 't', 'n', 'd', 'r', 'h', ',', ' ']);
        let year: i16 = after.get(..4)?.parse().ok()?;
        return Some((
            year,
            Some(month),
            Some(i8::try_from(number).ok()?),
            from,
            start + (rest.len() - after.len()) + 4,
        ));
    }
    let after = rest.get(digits..)?.trim_start_matches(['s', 't', 'n', 'd', 'r', 'h', ' ']);
    let (name, month) = MONTH_STARTS.at_start(after, |_, _| true)?;
    let tail = after.get(name.len()..)?.trim_start_matches([' ', '.', ',']);
    let year: i16 = tail.get(..4)?.parse().ok()?;
    Some((year, Some(month), Some(i8::try_from(number).ok()?), start, start + (rest.len() - tail.len()) + 4))
}

/// Four digits that can only be a year.
fn bare_year(text: &str, number: &Number) -> Option<Parts> {
    let written = text.get(number.start..number.digits_end)?;
    let touches = |sign: Option<char>| {
        sign.is_some_and(|sign| matches!(sign, '$' | '€' | '.' | ',' | '-' | '+' | '/') || sign.is_ascii_alphanumeric())
    };
    let before = text.get(..number.start)?.chars().next_back();
    let after = text.get(number.end..)?.trim_start_matches(' ').chars().next();
    let is_year = written.len() == 4 && number.scale <= 1.0 && (2005.0..=2035.0).contains(&number.value);
    if !is_year
        || touches(before)
        || after.is_some_and(|sign| matches!(sign, '$' | '€' | '条' | '套' | '元'))
        || touches(text.get(number.end..)?.chars().next())
    {
        return None;
    }
    Some((written.parse().ok()?, None, None, number.start, number.digits_end))
}

#[cfg(test)]
mod tests {
    use super::super::Written;
    use super::*;

    fn first(text: &str) -> Option<(i16, Option<i8>, Option<i8>)> {
        let post = Post::new(&Written::new("title", text));
        find(&post).first().map(|found| (found.value.year, found.value.month, found.value.day))
    }

    #[test]
    fn dates_are_read_as_exactly_as_they_are_written() {
        for (text, date) in [
            ("exported Apr 2026", (2026, Some(4), None)),
            ("2026年1月导出", (2026, Some(1), None)),
            ("18年博彩数据", (2018, None, None)),
            ("выгрузка окт 2025", (2025, Some(10), None)),
            ("seller · March 11, 2025 · Market", (2025, Some(3), Some(11))),
            ("posted 2024-05-01", (2024, Some(5), Some(1))),
            ("от 01.05.2024", (2024, Some(5), Some(1))),
            ("bank database 2025 fresh", (2025, None, None)),
            ("11 June 2025", (2025, Some(6), Some(11))),
            ("marzo de 2026", (2026, Some(3), None)),
            ("mars 2026", (2026, Some(3), None)),
            ("março de 2026", (2026, Some(3), None)),
            ("Maret 2026", (2026, Some(3), None)),
            ("tháng 3 năm 2026", (2026, Some(3), None)),
            ("tháng 3/2026", (2026, Some(3), None)),
            ("مارس 2026", (2026, Some(3), None)),
        ] {
            assert_eq!(first(text), Some(date), "{text}");
        }
    }

    #[test]
    fn prices_and_counts_are_not_years() {
        for text in ["2000$ for all", "2024条", "version 3.2.1", "31.02.2024"] {
            assert_eq!(first(text), None, "{text}");
        }
    }
}
