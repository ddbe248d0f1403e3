//! Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date in any of HTTP's three forms.

use std::time::Duration;

use jiff::{Timestamp, civil, fmt::rfc2822, tz::Offset};

/// Returns how long to wait from `now`; a date in the past is no wait at all, nonsense is `None`.
pub(super) fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large to count is a very long time, which the frontier caps.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    Some(Duration::try_from(date(value)?.duration_since(now)).unwrap_or_default())
}

/// Reads an HTTP date (RFC 9110 section 5.6.7).
fn date(value: &str) -> Option<Timestamp> {
    if let Ok(zoned) = rfc2822::parse(value) {
        return Some(zoned.timestamp());
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"].iter().find_map(|format| {
        let time = civil::DateTime::strptime(format, value).ok()?;
        Offset::UTC.to_timestamp(time).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_all_three_date_forms_are_read() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sat, 05 Nov 1994 08:49:37 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(parse(value, now), expected.map(Duration::from_secs), "{value:?}");
        }
    }
}
