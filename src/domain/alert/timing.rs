//! When an alert that is due may go out: at once, after the quiet hours, with the day's others, when nobody has acknowledged.
//!
//! Times are given, never read. Not here: when a failed try is repeated (`retry`), keeping alerts (`ports::store`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::severity::Severity;
use crate::domain::watchlist::Alerts;

/// The span in which mails are counted.
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What is to become of an alert that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// It goes out.
    Now,
    /// It waits.
    Hold {
        /// Until then.
        until: Timestamp,
        /// It may share a mail with others that have waited.
        gathers: bool,
    },
}

/// What is known of an alert that is due.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// How grave its case is now.
    pub severity: Severity,
    /// Until when it was held before, if it was.
    pub held_until: Option<Timestamp>,
    /// Mails that went to its organization within the last hour, and when the first of them did.
    pub lately: (u64, Option<Timestamp>),
}

/// Decides over an alert to a person.
pub fn decide(alerts: &Alerts, due: Due, now: Timestamp) -> Timing {
    let is_waking = due.severity >= alerts.wake;
    let is_gathered = alerts.digest.is_some_and(|up_to| due.severity <= up_to) && !is_waking;
    if is_gathered {
        // What news brings forward before its time goes on waiting.
        let until = match due.held_until {
            Some(held) if held > now => Some(held),
            Some(_) => None,
            None => alerts.quiet.zone.next(alerts.digest_at, now),
        };
        if let Some(until) = until {
            return Timing::Hold { until, gathers: true };
        }
    }
    if !is_waking && let Some(until) = alerts.quiet.closes(now) {
        return Timing::Hold { until, gathers: is_gathered };
    }
    let (count, first) = due.lately;
    if count >= u64::from(alerts.most_per_hour) {
        let until = first.and_then(|first| first.checked_add(HOUR).ok()).filter(|until| *until > now);
        return Timing::Hold { until: until.unwrap_or_else(|| later(now, Duration::from_mins(5))), gathers: true };
    }
    Timing::Now
}

/// How another alert of the same case to somebody who is told before stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// It was sent then.
    Sent(Timestamp),
    /// It is to be sent then.
    Waiting(Timestamp),
    /// It never arrives.
    Lost,
}

/// Returns when somebody is told who is told only if nobody acknowledges within `after`: that long after the first mail to
/// those before was sent; at once if none of those can be reached.
pub fn escalates_at(after: Duration, before: &[Before], now: Timestamp) -> Timestamp {
    let sent = before.iter().filter_map(|one| if let Before::Sent(at) = one { Some(*at) } else { None }).min();
    let waiting = before.iter().filter_map(|one| if let Before::Waiting(at) = one { Some(*at) } else { None }).min();
    match (sent, waiting) {
        (Some(sent), _) => later(sent, after),
        // The others are tried meanwhile: their time counts from when they are told.
        (None, Some(waiting)) => later(waiting.max(now), after),
        (None, None) => now,
    }
}

fn later(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;
    use crate::domain::source::{Hours, Window, Zone};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Shanghai (UTC+8): quiet from 22:00 to 07:00, what is medium at most is gathered at 08:30.
    fn alerts() -> Alerts {
        let window = Window::try_from("22:00-07:00".to_owned()).unwrap();
        Alerts {
            quiet: Hours { zone: Zone::try_from("Asia/Shanghai".to_owned()).unwrap(), windows: vec![window] },
            digest: Some(Severity::Medium),
            digest_at: time(8, 30, 0, 0),
            most_per_hour: 3,
            ..Alerts::default()
        }
    }

    #[test]
    fn severity_hours_and_number_decide_when_an_alert_goes_out() {
        let hold = |until, gathers| Timing::Hold { until: at(until), gathers };
        let (noon, night) = ("2026-11-27T04:00:00Z", "2026-11-27T15:00:00Z");
        let (morning, opening) = ("2026-11-28T00:30:00Z", "2026-11-27T23:00:00Z");
        for (severity, held, count, now, expected) in [
            (Severity::Critical, None, 0, night, Timing::Now),
            (Severity::High, None, 0, noon, Timing::Now),
            (Severity::High, None, 0, night, hold(opening, false)),
            (Severity::High, Some(opening), 0, opening, Timing::Now),
            (Severity::Medium, None, 0, noon, hold(morning, true)),
            (Severity::Low, None, 0, night, hold(morning, true)),
            // News before its time changes nothing, unless the case has become graver.
            (Severity::Medium, Some(morning), 0, night, hold(morning, true)),
            (Severity::Critical, Some(morning), 0, night, Timing::Now),
            (Severity::Medium, Some(morning), 0, morning, Timing::Now),
            (Severity::Critical, None, 3, noon, hold("2026-11-27T04:20:00Z", true)),
            (Severity::Critical, None, 2, noon, Timing::Now),
        ] {
            let first = at(now).checked_sub(SignedDuration::from_mins(40)).unwrap();
            let due = Due { severity, held_until: held.map(at), lately: (count, Some(first)) };
            assert_eq!(decide(&alerts(), due, at(now)), expected, "{severity:?} {held:?} {count} {now}");
        }
    }

    #[test]
    fn an_organization_that_names_nothing_is_told_at_once() {
        let due = Due { severity: Severity::Low, held_until: None, lately: (29, None) };
        assert_eq!(decide(&Alerts::default(), due, at("2026-11-27T03:00:00Z")), Timing::Now);
    }

    #[test]
    fn the_next_is_told_when_those_before_had_their_time_or_cannot_be_reached() {
        let (now, hours) = (at("2026-11-27T10:00:00Z"), Duration::from_hours(4));
        let sent = at("2026-11-27T07:00:00Z");
        for (before, expected) in [
            (&[Before::Sent(sent), Before::Waiting(now)][..], at("2026-11-27T11:00:00Z")),
            (&[Before::Waiting(at("2026-11-27T12:00:00Z")), Before::Lost], at("2026-11-27T16:00:00Z")),
            (&[Before::Waiting(sent)], at("2026-11-27T14:00:00Z")),
            (&[Before::Lost], now),
            (&[], now),
        ] {
            assert_eq!(escalates_at(hours, before, now), expected, "{before:?}");
        }
    }
}
