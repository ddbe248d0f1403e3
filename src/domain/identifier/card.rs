//! Which card networks give out which numbers (ISO/IEC 7812 ranges, as the networks publish them).
//!
//! Not here: single issuers; a card of an unknown range may be one all the same.

/// Tells whether a network gives out numbers with this beginning and length.
pub(super) fn has_network(digits: &[u8]) -> bool {
    let first = |count: usize| {
        let digits = digits.get(..count).unwrap_or_default();
        digits.iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit.wrapping_sub(b'0')))
    };
    let length = digits.len();
    if length < 12 {
        return false;
    }
    match (first(2), first(4)) {
        // Visa.
        (40..=49, _) => matches!(length, 13 | 16 | 19),
        // Mastercard: the 5 series and the 2 series of 2017.
        (51..=55, _) | (_, 2221..=2720) => length == 16,
        // Mir.
        (_, 2200..=2204) => (16..=19).contains(&length),
        // American Express.
        (34 | 37, _) => length == 15,
        // Diners Club.
        (36 | 38 | 39, _) | (_, 3000..=3059 | 3095) => (14..=19).contains(&length),
        // JCB.
        (_, 3528..=3589) => (16..=19).contains(&length),
        // UnionPay, RuPay, Discover.
        (60 | 62 | 64 | 65 | 81 | 82, _) => (16..=19).contains(&length) || is_maestro(first(2), length),
        // Troy.
        (_, 9792) => length == 16,
        (two, _) => is_maestro(two, length),
    }
}

/// Maestro, and what was once its share of 6.
fn is_maestro(two: u32, length: usize) -> bool {
    matches!(two, 50 | 56..=58 | 60..=69) && (12..=19).contains(&length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_known_by_beginning_and_length() {
        for (digits, known) in [
            ("4111111111111111", true),
            ("411111111111111", false),
            ("5105105105105100", true),
            ("2221000000000009", true),
            ("2720999999999996", true),
            ("2721000000000004", false),
            ("2200000000000004", true),
            ("378282246310005", true),
            ("30569309025904", true),
            ("6222021234567890128", true),
            ("6759649826438453", true),
            ("9990483834645856", false),
            ("1700000000000", false),
            ("41", false),
        ] {
            assert_eq!(has_network(digits.as_bytes()), known, "{digits}");
        }
    }
}
