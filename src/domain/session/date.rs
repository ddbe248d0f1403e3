//! Dates of cookies, in all the forms that servers write (RFC 6265 section 5.1.1).

use jiff::{Timestamp, civil, tz::Offset};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date: the first time, day, month and year among its words, in any order.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == ':'));
    for word in words.filter(|word| !word.is_empty()).take(16) {
        if time.is_none() && word.contains(':') {
            time = clock(word);
        } else if day.is_none() && word.len() <= 2 && word.parse::<i8>().is_ok() {
            day = word.parse::<i8>().ok();
        } else if month.is_none() && word.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            let start = word.get(..3).unwrap_or_default().to_ascii_lowercase();
            month = MONTHS.iter().position(|name| *name == start).and_then(|at| i8::try_from(at + 1).ok());
        } else if year.is_none() {
            year = word.parse::<i16>().ok();
        }
    }
    let year = match year? {
        short @ 0..70 => short + 2000,
        short @ 70..100 => short + 1900,
        full => full,
    };
    let (hour, minute, second) = time?;
    Offset::UTC.to_timestamp(civil::DateTime::new(year, month?, day?, hour, minute, second, 0).ok()?).ok()
}

fn clock(word: &str) -> Option<(i8, i8, i8)> {
    let mut parts = word.splitn(3, ':').map(|part| part.parse::<i8>().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_write_dates_in_many_ways() {
        for (text, expected) in [
            ("Sun, 21-Nov-2027 20:13:54 GMT", Some("2027-11-21T20:13:54Z")),
            ("Sun, 21 Nov 2027 20:13:54 GMT", Some("2027-11-21T20:13:54Z")),
            ("Sunday, 21-Nov-27 20:13:54 GMT", Some("2027-11-21T20:13:54Z")),
            ("Thu, 01 Jan 1970 00:00:01 GMT", Some("1970-01-01T00:00:01Z")),
            ("Sun Nov  6 08:49:37 1994", Some("1994-11-06T08:49:37Z")),
            ("Sun, 31-Feb-2027 20:13:54 GMT", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected.map(|at: &str| at.parse().unwrap()), "{text}");
        }
    }
}
