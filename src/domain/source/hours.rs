//! The hours at which a source is read: windows of its own local day.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

/// When a source is read; without windows, always. The zone also says when a day of its budget begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hours {
    /// The time zone that the windows are in.
    pub zone: Zone,
    /// Windows of a day.
    pub windows: Vec<Window>,
}

/// A time zone by its usual name: `Europe/Moscow`; UTC if none is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

/// From one time of the day to another: `08:30-12:00`; one that ends before it begins goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    from: Time,
    to: Time,
}

/// Why hours cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// No such zone.
    #[error("{0:?} is not a time zone; write it as in \"Europe/Moscow\" or \"UTC\"")]
    Zone(String),
    /// Not a window.
    #[error("{0:?} is not a window; write it as in \"08:30-12:00\"")]
    Window(String),
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl TryFrom<String> for Zone {
    type Error = HoursError;

    fn try_from(name: String) -> Result<Self, HoursError> {
        TimeZone::get(&name).map(Self).map_err(|_| HoursError::Zone(name))
    }
}

impl Zone {
    /// Returns when the clocks of the zone show that time next, after `now`.
    pub fn next(&self, time: Time, now: Timestamp) -> Option<Timestamp> {
        let today = now.to_zoned(self.0.clone()).date();
        let days = [Some(today), today.checked_add(1.day()).ok(), today.checked_add(2.days()).ok()];
        let moments = days.into_iter().flatten().filter_map(|day| day.to_datetime(time).to_zoned(self.0.clone()).ok());
        moments.map(|moment| moment.timestamp()).find(|moment| *moment > now)
    }

    /// Writes a time as the zone's clocks show it, with its difference to UTC: `2026-11-20 22:03 +08:00`.
    pub fn show(&self, at: Timestamp) -> String {
        at.to_zoned(self.0.clone()).strftime("%Y-%m-%d %H:%M %:z").to_string()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0.iana_name().unwrap_or("UTC").to_owned()
    }
}

impl TryFrom<String> for Window {
    type Error = HoursError;

    fn try_from(text: String) -> Result<Self, HoursError> {
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let ends = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
        match ends {
            Some((from, to)) if from != to => Ok(Self { from, to }),
            Some(_) | None => Err(HoursError::Window(text)),
        }
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        format!("{}-{}", window.from.strftime("%H:%M"), window.to.strftime("%H:%M"))
    }
}

impl Window {
    fn holds(self, time: Time) -> bool {
        if self.from < self.to { time >= self.from && time < self.to } else { time >= self.from || time < self.to }
    }
}

impl Hours {
    /// Returns when a window opens next; `None` if one is open now.
    pub fn next_opening(&self, now: Timestamp) -> Option<Timestamp> {
        let local = self.local(now);
        if self.windows.is_empty() || self.windows.iter().any(|window| window.holds(local.time())) {
            return None;
        }
        let today = local.date();
        let days = [Some(today), today.checked_add(1.day()).ok(), today.checked_add(2.days()).ok()];
        let openings = days.into_iter().flatten().flat_map(|day| {
            let zone = &self.zone.0;
            self.windows.iter().filter_map(move |window| day.to_datetime(window.from).to_zoned(zone.clone()).ok())
        });
        openings.map(|opening| opening.timestamp()).filter(|opening| *opening > now).min()
    }

    /// Returns when the windows that are open now are all closed; `None` if none is open.
    pub fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = now;
        // Windows may follow each other without a gap; so many that they never close are as good as always open.
        for _ in 0..=self.windows.len() * 2 {
            let time = self.local(at).time();
            let Some(open) = self.windows.iter().find(|window| window.holds(time)) else { break };
            at = self.zone.next(open.to, at)?;
        }
        (at > now).then_some(at)
    }

    /// Returns the number of the local day (from 1970 on) and when the next one begins.
    pub fn day(&self, now: Timestamp) -> (i64, Timestamp) {
        let local = self.local(now);
        let number = local.date().to_datetime(Time::midnight()).to_zoned(TimeZone::UTC);
        let number = number.map_or(0, |midnight| midnight.timestamp().as_second().div_euclid(86_400));
        let next = local.date().checked_add(1.day()).ok().and_then(|day| day.to_zoned(self.zone.0.clone()).ok());
        (number, next.map_or(Timestamp::MAX, |next| next.timestamp()))
    }

    fn local(&self, now: Timestamp) -> Zoned {
        now.to_zoned(self.zone.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(zone: &str, windows: &[&str]) -> Hours {
        let window = |text: &&str| Window::try_from((*text).to_owned()).unwrap();
        Hours { zone: Zone::try_from(zone.to_owned()).unwrap(), windows: windows.iter().map(window).collect() }
    }

    #[test]
    fn a_source_is_read_in_its_own_local_hours() {
        // Moscow is three hours ahead of UTC, all year; New York changes its clock on 8 March 2026 at 07:00 UTC.
        for (zone, windows, now, expected) in [
            ("Europe/Moscow", &["08:30-12:00"][..], "2026-11-27T05:30:00Z", None),
            ("Europe/Moscow", &["08:30-12:00"], "2026-11-27T05:29:00Z", Some("2026-11-27T05:30:00Z")),
            ("Europe/Moscow", &["08:30-12:00"], "2026-11-27T09:00:00Z", Some("2026-11-28T05:30:00Z")),
            ("UTC", &["22:00-02:00"], "2026-11-27T01:59:00Z", None),
            ("UTC", &["22:00-02:00"], "2026-11-27T02:00:00Z", Some("2026-11-27T22:00:00Z")),
            ("UTC", &["20:00-21:00", "06:00-07:00"], "2026-11-27T10:00:00Z", Some("2026-11-27T20:00:00Z")),
            ("America/New_York", &["09:00-10:00"], "2026-03-07T20:00:00Z", Some("2026-03-08T13:00:00Z")),
            ("UTC", &[], "2026-11-27T10:00:00Z", None),
        ] {
            let opening = hours(zone, windows).next_opening(now.parse().unwrap());
            assert_eq!(opening, expected.map(|at: &str| at.parse().unwrap()), "{zone} {windows:?} {now}");
        }
    }

    #[test]
    fn windows_that_follow_each_other_close_together() {
        for (zone, windows, now, expected) in [
            ("Asia/Shanghai", &["22:00-07:00"][..], "2026-11-27T15:00:00Z", Some("2026-11-27T23:00:00Z")),
            ("Asia/Shanghai", &["22:00-07:00"], "2026-11-27T22:59:00Z", Some("2026-11-27T23:00:00Z")),
            ("Asia/Shanghai", &["22:00-07:00"], "2026-11-27T23:00:00Z", None),
            ("UTC", &["20:00-00:00", "00:00-06:00"], "2026-11-27T21:00:00Z", Some("2026-11-28T06:00:00Z")),
            // New York's clocks go back on 1 November 2026: the night is an hour longer.
            ("America/New_York", &["22:00-06:00"], "2026-11-01T02:00:00Z", Some("2026-11-01T11:00:00Z")),
            ("UTC", &[], "2026-11-27T10:00:00Z", None),
        ] {
            let closing = hours(zone, windows).closes(now.parse().unwrap());
            assert_eq!(closing, expected.map(|at: &str| at.parse().unwrap()), "{zone} {windows:?} {now}");
        }
        assert!(
            hours("UTC", &["00:00-12:00", "12:00-00:00"]).closes("2026-11-27T10:00:00Z".parse().unwrap()).is_some()
        );
    }

    #[test]
    fn a_day_begins_at_the_local_midnight() {
        let day = |zone, now: &str| hours(zone, &[]).day(now.parse().unwrap());
        let (utc, next) = day("UTC", "1970-01-03T23:59:59Z");
        assert_eq!((utc, next.to_string().as_str()), (2, "1970-01-04T00:00:00Z"));
        let (tokyo, next) = day("Asia/Tokyo", "1970-01-03T23:59:59Z");
        assert_eq!((tokyo, next.to_string().as_str()), (3, "1970-01-04T15:00:00Z"));
    }

    #[test]
    fn nonsense_is_refused_and_what_is_accepted_is_written_as_it_was_read() {
        for text in ["", "8-9", "08:00", "25:00-26:00", "08:00-08:00", "a-b"] {
            assert!(Window::try_from(text.to_owned()).is_err(), "{text}");
        }
        let window = Window::try_from("08:30 - 12:00".to_owned()).unwrap();
        assert_eq!(String::from(window), "08:30-12:00");
        assert!(Zone::try_from("Mars/Olympus".to_owned()).is_err());
        assert_eq!(String::from(Zone::try_from("Asia/Shanghai".to_owned()).unwrap()), "Asia/Shanghai");
    }
}
