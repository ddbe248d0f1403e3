//! How a source fares, in plain words: what it last did, what it brings, why it waits, what would mend it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Alarm, Counts, LaneDown, Rests, SourcePast};

/// How a source fares, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fares {
    /// Nothing was tried yet.
    New,
    /// It is read.
    Well,
    /// It is left alone on purpose, or its network's way in is down.
    Waiting,
    /// It was read before, and the last tries failed.
    Failing,
    /// An alarm stands.
    Alarm,
}

/// How a source fares, in sentences; an empty one has nothing to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// In one word.
    pub fares: Fares,
    /// When it was last read.
    pub last_success: String,
    /// What it brings, against its own past.
    #[serde(rename = "yield")]
    pub brings: String,
    /// Why nothing happens now.
    pub waits: String,
    /// What would mend what is not well.
    pub mend: String,
}

impl Told {
    /// Returns everything in one line.
    pub fn line(&self) -> String {
        let parts = [&self.last_success, &self.brings, &self.waits, &self.mend];
        parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("; ")
    }
}

/// Tells how a source fares; `alarm` is the one that stands for it, if one does.
pub fn tell(source: &SourcePast, lanes_down: &[LaneDown], alarm: Option<&Alarm>, now: Timestamp) -> Told {
    let lane = lanes_down.iter().find(|lane| lane.network == source.network);
    let failure = source.last_failure.as_ref().filter(|(at, _)| Some(*at) > source.last_success_at);
    let waits_for_lane =
        lane.map(|lane| format!("waits for its network, since {}: {}", ago(lane.since, now), lane.reason));
    let rests = source.rests.as_ref().map(|rests| match rests {
        Rests::Paused => "paused by the operator".to_owned(),
        Rests::NeedsPerson(reason) => reason.clone(),
        Rests::Until(at, reason) => format!("{reason}; goes on {}", until(*at, now)),
    });
    let next = |word: &str| source.next_due_at.map(|due| format!("{word} {}", until(due, now)));
    let (waits, is_waiting) = match (rests.or(waits_for_lane), failure) {
        (Some(waits), _) => (waits, true),
        (None, Some((at, what))) => {
            let next = next("; next try").unwrap_or_default();
            (format!("failed {}: {what}{next}", ago(*at, now)), false)
        }
        (None, None) => (next("next visit").unwrap_or_default(), false),
    };
    let fares = match (alarm, is_waiting, failure, source.last_success_at) {
        (Some(_), _, _, _) => Fares::Alarm,
        (None, true, _, _) => Fares::Waiting,
        (None, false, Some(_), _) => Fares::Failing,
        (None, false, None, Some(_)) => Fares::Well,
        (None, false, None, None) => Fares::New,
    };
    let last_success = match (source.last_success_at, failure) {
        (Some(at), _) => format!("last read {}", ago(at, now)),
        (None, Some(_)) => "never read".to_owned(),
        (None, None) => "not read yet".to_owned(),
    };
    Told {
        fares,
        last_success,
        brings: brings(source),
        waits,
        mend: alarm.map(|alarm| alarm.mend.clone()).unwrap_or_default(),
    }
}

fn brings(source: &SourcePast) -> String {
    let Counts { read, fresh, .. } = source.recent;
    if read == 0 && source.before.read == 0 {
        return String::new();
    }
    let days = source.before_lasted.as_secs_f64() / 86_400.0;
    let usual = f64::from(u32::try_from(source.before.fresh).unwrap_or(u32::MAX)) / days;
    if days < 1.0 {
        return format!("{fresh} new posts today");
    }
    format!("{fresh} new posts today, {usual:.0} a day before")
}

/// `3 h ago`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let time = now.duration_since(at);
    if time < SignedDuration::from_secs(5) { "just now".to_owned() } else { format!("{} ago", lasted(time)) }
}

fn until(at: Timestamp, now: Timestamp) -> String {
    let time = at.duration_since(now);
    if time <= SignedDuration::ZERO { "now".to_owned() } else { format!("in {}", lasted(time)) }
}

/// `3 h`.
pub(super) fn lasted(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::AlarmKind;
    use crate::domain::source::Network;

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table of cases")]
    fn a_source_is_told_in_plain_words() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let at = |seconds: i64| now - SignedDuration::from_secs(seconds);
        let source = |success: Option<i64>, failure: Option<i64>| SourcePast {
            id: "forum.example".to_owned(),
            label: "forum.example".to_owned(),
            network: Network::Tor,
            added_at: at(30 * 86_400),
            recent: Counts { read: 9, fresh: 12, ..Counts::default() },
            before: Counts { read: 900, fresh: 280, ..Counts::default() },
            before_lasted: SignedDuration::from_hours(28 * 24),
            last_success_at: success.map(at),
            last_failure: failure.map(|seconds| (at(seconds), "the site answered 503".to_owned())),
            last_fresh_at: None,
            next_due_at: Some(at(-120)),
            rests: None,
            clock_ahead: None,
        };
        let fresh = SourcePast {
            recent: Counts::default(),
            before: Counts::default(),
            next_due_at: Some(at(9)),
            ..source(None, None)
        };
        let lane = LaneDown { network: Network::Tor, since: at(600), reason: "nothing answers".to_owned() };
        let alarm = Alarm {
            kind: AlarmKind::SourceDown,
            subject: String::new(),
            detail: String::new(),
            mend: "add its new address".to_owned(),
        };
        let spent = Rests::Until(at(-7_200), "the day's requests are spent".to_owned());
        for (source, lanes, alarm, fares, expected) in [
            (
                SourcePast { rests: Some(spent), ..source(Some(9000), None) },
                vec![],
                None,
                Fares::Waiting,
                "last read 2 h ago; 12 new posts today, 10 a day before; the day's requests are spent; goes on in 2 h",
            ),
            (fresh, vec![], None, Fares::New, "not read yet; next visit now"),
            (
                source(Some(600), Some(900)),
                vec![],
                None,
                Fares::Well,
                "last read 10 min ago; 12 new posts today, 10 a day before; next visit in 2 min",
            ),
            (
                source(Some(9000), Some(10)),
                vec![],
                None,
                Fares::Failing,
                "last read 2 h ago; 12 new posts today, 10 a day before; failed 10 s ago: the site answered 503; next try in 2 min",
            ),
            (
                source(Some(9000), None),
                vec![lane],
                None,
                Fares::Waiting,
                "last read 2 h ago; 12 new posts today, 10 a day before; waits for its network, since 10 min ago: nothing answers",
            ),
            (
                source(None, Some(1)),
                vec![],
                Some(&alarm),
                Fares::Alarm,
                "never read; 12 new posts today, 10 a day before; failed just now: the site answered 503; next try in 2 min; add its new address",
            ),
        ] {
            let told = tell(&source, &lanes, alarm, now);
            assert_eq!((told.fares, told.line().as_str()), (fares, expected));
        }
    }
}
