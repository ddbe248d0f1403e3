//! Numbers as people write them: `1,485.00`, `15 000`, `500.000`, `2.5k`, `34万`, `4kk`, `1,2 млн`.

use std::ops::Range;
use std::sync::LazyLock;

use super::fold::is_han;
use super::forms::Forms;

/// A number of a folded text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    /// What the multiplier said: 1 where there is none.
    pub(super) scale: f64,
    /// Folded bytes, multiplier included.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where the digits end.
    pub(super) digits_end: usize,
}

/// Multipliers after a number; those that are words must not run on.
const SCALES: [(&str, f64); 50] = [
    ("亿", 1e8),
    ("千万", 1e7),
    ("百万", 1e6),
    ("十万", 1e5),
    ("万", 1e4),
    ("千", 1e3),
    ("百", 1e2),
    ("kkk", 1e9),
    ("kk", 1e6),
    ("k", 1e3),
    ("w", 1e4),
    ("mn", 1e6),
    ("mln", 1e6),
    ("mil", 1e6),
    ("mio", 1e6),
    ("mi", 1e6),
    ("millions", 1e6),
    ("million", 1e6),
    ("m", 1e6),
    ("billions", 1e9),
    ("billion", 1e9),
    ("bn", 1e9),
    ("b", 1e9),
    ("thousand", 1e3),
    ("тысяч", 1e3),
    ("тысячи", 1e3),
    ("тыс", 1e3),
    ("т", 1e3),
    ("ккк", 1e9),
    ("кк", 1e6),
    ("к", 1e3),
    ("млн", 1e6),
    ("миллионов", 1e6),
    ("миллиона", 1e6),
    ("млрд", 1e9),
    ("лям", 1e6),
    ("millones", 1e6),
    ("milhoes", 1e6),
    ("juta", 1e6),
    ("ribu", 1e3),
    ("trieu", 1e6),
    ("nghin", 1e3),
    ("ملیون", 1e6),
    ("میلیون", 1e6),
    ("ملیار", 1e9),
    ("میلیارد", 1e9),
    ("الف", 1e3),
    ("هزار", 1e3),
    ("milliers", 1e3),
    ("mille", 1e3),
];

/// Finds the numbers in some ranges of a folded text; at most 4000, which no honest prose holds.
pub(super) fn find(text: &str, ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Number> {
    let bytes = text.as_bytes();
    let mut numbers = Vec::new();
    for range in ranges {
        let mut at = range.start;
        while let Some(start) =
            bytes.get(at..range.end).and_then(|rest| rest.iter().position(u8::is_ascii_digit)).map(|found| at + found)
        {
            let digits_end = end_of_digits(bytes, start);
            let written = text.get(start..digits_end).unwrap_or_default();
            let (scale, end) = scale_after(text, digits_end);
            if let Some(value) = value_of(written) {
                numbers.push(Number { value: value * scale, scale, start, end, digits_end });
            }
            at = end.max(digits_end);
            if numbers.len() >= 4000 {
                return numbers;
            }
        }
    }
    numbers
}

/// Digits, with a separator only where digits follow; a blank only before exactly three digits.
fn end_of_digits(bytes: &[u8], start: usize) -> usize {
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let (mut at, mut group) = (start, start);
    loop {
        while is_digit(at) {
            at += 1;
        }
        let three = (1..=3).all(|next| is_digit(at + next)) && !is_digit(at + 4);
        match bytes.get(at) {
            Some(b',' | b'.') if is_digit(at + 1) => at += 1,
            Some(b' ' | b'\'') if three && at - group <= 3 => at += 1,
            Some(_) | None => return at,
        }
        group = at;
    }
}

/// Reads digits with separators: the last one is a decimal point unless exactly three digits follow it (and it is a comma,
/// a blank, or stands more than once).
fn value_of(written: &str) -> Option<f64> {
    let mut kept = [0_u8; 24];
    let mut length = 0;
    for byte in written.bytes().filter(|byte| !matches!(byte, b' ' | b'\'')) {
        *kept.get_mut(length)? = byte;
        length += 1;
    }
    let kept = kept.get(..length)?;
    let (commas, points) = kept.iter().fold((0, 0), |(commas, points), byte| {
        (commas + usize::from(*byte == b','), points + usize::from(*byte == b'.'))
    });
    let last = kept.iter().rposition(|byte| matches!(byte, b',' | b'.'));
    let fraction = last.map_or(0, |at| length - at - 1);
    let is_grouped = match (commas, points) {
        (0, 0) => true,
        (0, 1) => fraction == 3 && kept.first() != Some(&b'0') && length >= 5,
        (1, 0) => fraction == 3 && kept.first() != Some(&b'0'),
        (0, _) | (_, 0) => fraction == 3,
        (_, _) => false,
    };
    let mut plain = [0_u8; 24];
    let mut end = 0;
    for (at, byte) in kept.iter().enumerate() {
        let is_point = !is_grouped && last == Some(at);
        if is_point || byte.is_ascii_digit() {
            *plain.get_mut(end)? = if is_point { b'.' } else { *byte };
            end += 1;
        }
    }
    std::str::from_utf8(plain.get(..end)?).ok()?.parse().ok()
}

static SCALE_FORMS: LazyLock<Forms<f64>> = LazyLock::new(|| Forms::starting(SCALES));

fn scale_after(text: &str, end: usize) -> (f64, usize) {
    let rest = text.get(end..).unwrap_or_default();
    let blank = usize::from(rest.starts_with(' '));
    let found = SCALE_FORMS.at_start(rest.get(blank..).unwrap_or_default(), |form, after| {
        let is_letter = form.chars().all(|letter| !is_han(letter));
        // `100 m` is no million, nor is `5 b`: a single letter touches its number.
        let is_loose = blank == 1 && is_letter && form.chars().count() == 1 && form != "m" && form != "k";
        let runs_on = is_letter && after.starts_with(|next: char| next.is_alphanumeric() && !is_han(next));
        !is_loose && !runs_on
    });
    found.map_or((1.0, end), |(form, scale)| (scale, end + blank + form.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_habit() {
        for (text, value) in [
            ("1,485.00", 1485.0),
            ("15 000", 15_000.0),
            ("500.000", 500_000.0),
            ("0.000523", 0.000_523),
            ("1.234.567,89", 1_234_567.89),
            ("2.5k", 2500.0),
            ("34万条", 340_000.0),
            ("3亿", 3e8),
            ("4kk", 4e6),
            ("1,2 млн", 1_200_000.0),
            ("88w", 880_000.0),
            ("2.50 million", 2_500_000.0),
            ("37,500", 37_500.0),
            ("300m", 3e8),
            ("18kg", 18.0),
        ] {
            assert_eq!(
                find(text, std::iter::once(0..text.len())).first().map(|number| number.value),
                Some(value),
                "{text}"
            );
        }
    }

    #[test]
    fn a_year_and_a_price_side_by_side_stay_apart() {
        let values: Vec<f64> =
            find("2024 900$ 10 records", std::iter::once(0..20)).iter().map(|number| number.value).collect();
        assert_eq!(values, [2024.0, 900.0, 10.0]);
    }
}
