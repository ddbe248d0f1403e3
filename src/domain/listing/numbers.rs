//! Numbers as people write them: `1,485.00`, `15 000`, `500.000`, `2.5k`, `34万`, `4kk`, `1,2 млн`.

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
const SCALES: [(&str, f64); 44] = [
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
    ("mil lineas", 1e3),
    ("millones", 1e6),
    ("milhoes", 1e6),
    ("juta", 1e6),
    ("ribu", 1e3),
    ("trieu", 1e6),
    ("nghin", 1e3),
    ("مليون", 1e6),
];

/// Finds the numbers of a folded text; at most 4000, which no honest prose holds.
pub(super) fn find(text: &str) -> Vec<Number> {
    let bytes = text.as_bytes();
    let mut numbers = Vec::new();
    let mut at = 0;
    while let Some(start) =
        bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)).map(|found| at + found)
    {
        let digits_end = end_of_digits(bytes, start);
        let written = text.get(start..digits_end).unwrap_or_default();
        let (scale, end) = scale_after(text, digits_end);
        if let Some(value) = value_of(written) {
            numbers.push(Number { value: value * scale, scale, start, end, digits_end });
        }
        at = end.max(digits_end);
        if numbers.len() >= 4000 {
            break;
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
    let written = written.replace([' ', '\''], "");
    if written.len() > 24 {
        return None;
    }
    let (commas, points) = (written.matches(',').count(), written.matches('.').count());
    let last = written.rfind([',', '.']);
    let fraction = last.map_or(0, |at| written.len() - at - 1);
    let is_grouped = match (commas, points) {
        (0, 0) => true,
        (0, 1) => fraction == 3 && !written.starts_with('0') && written.len() >= 5,
        (1, 0) => fraction == 3 && !written.starts_with('0'),
        (0, _) | (_, 0) => fraction == 3,
        (_, _) => false,
    };
    let plain: String = match last {
        Some(at) if !is_grouped => {
            let (whole, part) = (written.get(..at)?, written.get(at + 1..)?);
            format!("{}.{part}", whole.replace([',', '.'], ""))
        }
        Some(_) | None => written.replace([',', '.'], ""),
    };
    plain.parse().ok()
}

fn scale_after(text: &str, end: usize) -> (f64, usize) {
    let rest = text.get(end..).unwrap_or_default();
    let blank = usize::from(rest.starts_with(' '));
    let rest = rest.get(blank..).unwrap_or_default();
    let first = rest.as_bytes().first();
    let best = SCALES
        .iter()
        .filter(|(form, _)| form.as_bytes().first() == first && rest.starts_with(form))
        .filter(|(form, _)| {
            let is_letter = form.chars().all(|letter| !super::fold::is_han(letter));
            let next = rest.get(form.len()..).and_then(|rest| rest.chars().next());
            // `100 m` is no million, nor is `5 b`: a single letter touches its number.
            let is_loose = blank == 1 && form.chars().count() == 1 && is_letter && *form != "m" && *form != "k";
            let runs_on = is_letter && next.is_some_and(|next| next.is_alphanumeric() && !super::fold::is_han(next));
            !is_loose && !runs_on
        })
        .max_by_key(|(form, _)| form.len());
    best.map_or((1.0, end), |(form, scale)| (*scale, end + blank + form.len()))
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
            assert_eq!(find(text).first().map(|number| number.value), Some(value), "{text}");
        }
    }

    #[test]
    fn a_year_and_a_price_side_by_side_stay_apart() {
        let values: Vec<f64> = find("2024 900$ 10 records").iter().map(|number| number.value).collect();
        assert_eq!(values, [2024.0, 900.0, 10.0]);
    }
}
