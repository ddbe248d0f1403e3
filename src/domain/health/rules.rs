//! When something counts as not well.

use jiff::{SignedDuration, Timestamp};

use super::told::{ago, lasted};
use super::{Alarm, AlarmKind, Disk, DrillPast, LaneDown, RECENT, Rests, Situation, SourcePast, Undelivered};
use crate::domain::source::Network;

/// A past shorter than this is no past to compare with.
const PAST_LEAST: SignedDuration = SignedDuration::from_hours(24 * 4);
/// New posts a day from which on a fall can be told from chance.
const YIELD_LEAST: f64 = 15.0;
/// The yield has fallen if it is below this share of the usual.
const YIELD_SHARE: f64 = 0.2;
/// Posts that were to be expected while nothing came: e^-7 is one in a thousand.
const SILENCE: f64 = 7.0;
/// Nothing is silent before.
const SILENCE_LEAST: SignedDuration = SignedDuration::from_hours(24);
/// Pages from which on their kinds are judged.
const PAGES_LEAST: u64 = 5;
/// A source that has not been reached for so long is down.
const DOWN_AFTER: SignedDuration = SignedDuration::from_hours(12);
/// A network that is down for less is not told of: Tor restarts.
const LANE_AFTER: SignedDuration = SignedDuration::from_mins(2);
/// Clocks may disagree by so much.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(2);
/// One or two sites may be wrong themselves; when they alone tell, they must tell of more.
const CLOCK_TOLERANCE_FEW: SignedDuration = SignedDuration::from_mins(15);
/// Less room than this, or than this share, is little.
const DISK_LEAST_BYTES: u64 = 1 << 30;
const DISK_LEAST_PERCENT: u64 = 5;
/// Of a budget that was given, this share.
const BUDGET_LEAST_PERCENT: u64 = 20;
/// With so much room the share does not matter.
const DISK_AMPLE_BYTES: u64 = 20 << 30;

/// Returns everything that is not well, by kind and subject.
pub fn alarms(situation: &Situation, now: Timestamp) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> =
        situation.sources.iter().filter_map(|source| of_source(source, situation, now)).collect();
    alarms.extend(situation.lanes_down.iter().filter_map(|lane| of_lane(lane, now)));
    alarms.extend(open_web(&situation.sources, now));
    alarms.extend(clock(&situation.sources, now));
    alarms.extend(situation.disk.as_ref().and_then(disk));
    alarms.extend(situation.undelivered.iter().map(|one| undelivered(one, now)));
    alarms.extend(situation.drill.iter().flat_map(|drill| of_drill(drill, now)));
    alarms.sort_by(|one, other| (one.kind, &one.subject).cmp(&(other.kind, &other.subject)));
    alarms.dedup_by(|one, other| (one.kind, &one.subject) == (other.kind, &other.subject));
    alarms
}

/// One alarm a source at most: the first rule that holds explains the others.
fn of_source(source: &SourcePast, situation: &Situation, now: Timestamp) -> Option<Alarm> {
    if source.rests == Some(Rests::Paused) {
        return None;
    }
    // Its network is told of instead.
    if situation.lanes_down.iter().any(|lane| lane.network == source.network) {
        return None;
    }
    session(source)
        .or_else(|| down(source, now))
        .or_else(|| layout(source))
        .or_else(|| silence(source, now))
        .or_else(|| fall(source))
}

fn alarm(kind: AlarmKind, subject: &str, detail: String, mend: &str) -> Alarm {
    Alarm { kind, subject: subject.to_owned(), detail, mend: mend.to_owned() }
}

fn undelivered(one: &Undelivered, now: Timestamp) -> Alarm {
    let failure = one.failure.as_deref().unwrap_or("unknown");
    let detail = format!(
        "{} alerts given up and {} tried in vain, the oldest made {}; failure: {failure}",
        one.dead,
        one.late,
        ago(one.since, now)
    );
    let mend = "see dyepack alert list for the cause, mend it, then: dyepack alert retry --all; tell the organization meanwhile";
    alarm(AlarmKind::AlertUndelivered, &one.organization, detail, mend)
}

fn session(source: &SourcePast) -> Option<Alarm> {
    let mend = "log in with a browser and hand its cookies over: dyepack source session import";
    if let Some(Rests::NeedsPerson(reason)) = &source.rests {
        return Some(alarm(AlarmKind::SessionLost, &source.label, reason.clone(), mend));
    }
    let (recent, before) = (&source.recent, &source.before);
    let is_now = recent.login_wanted >= PAGES_LEAST && recent.login_wanted * 2 > recent.pages();
    // A board that always had a members' corner has not lost anything.
    let was_before = before.login_wanted * 4 > before.pages();
    (is_now && !was_before && before.read > 0).then(|| {
        let detail = format!("{} of its last {} pages ask for a login", recent.login_wanted, recent.pages());
        alarm(AlarmKind::SessionLost, &source.label, detail, mend)
    })
}

fn down(source: &SourcePast, now: Timestamp) -> Option<Alarm> {
    let (failed_at, failure) = source.last_failure.as_ref()?;
    let reached_at = source.last_success_at.unwrap_or(source.added_at);
    let is_down = *failed_at > reached_at && now.duration_since(reached_at) >= DOWN_AFTER && source.recent.failed > 0;
    is_down.then(|| {
        let since = match source.last_success_at {
            Some(at) => format!("gone since {}", ago(at, now)),
            None => format!("never reached, added {}", ago(source.added_at, now)),
        };
        let mend = "see whether it has moved, closed or shut us out; add its new address, or take it out";
        alarm(AlarmKind::SourceDown, &source.label, format!("{since}: {failure}"), mend)
    })
}

fn layout(source: &SourcePast) -> Option<Alarm> {
    let (recent, before) = (&source.recent, &source.before);
    let is_now = recent.unread >= PAGES_LEAST && recent.unread * 2 > recent.pages();
    let was_before = before.pages() >= PAGES_LEAST && before.unread * 2 > before.pages();
    (is_now && !was_before).then(|| {
        let detail = format!("of {} of its last {} pages nothing was understood", recent.unread, recent.pages());
        let mend = "look with dyepack source test at what is read; its theme or software may have changed";
        alarm(AlarmKind::LayoutUnknown, &source.label, detail, mend)
    })
}

fn per_hour(source: &SourcePast) -> Option<f64> {
    let is_past = source.before_lasted >= PAST_LEAST;
    let hours = source.before_lasted.as_secs_f64() / 3600.0;
    (is_past && source.before.fresh > 0).then(|| count(source.before.fresh) / hours)
}

fn silence(source: &SourcePast, now: Timestamp) -> Option<Alarm> {
    let quiet = now.duration_since(source.last_fresh_at?);
    let expected = per_hour(source)? * quiet.as_secs_f64() / 3600.0;
    let is_read = source.recent.read > 0;
    (is_read && quiet >= SILENCE_LEAST && expected >= SILENCE).then(|| {
        let detail = format!("nothing new for {}, in which {expected:.0} posts were to be expected", lasted(quiet));
        let mend = "look at it with a browser: is it quiet, or do we see less than its readers do?";
        alarm(AlarmKind::NothingNew, &source.label, detail, mend)
    })
}

fn fall(source: &SourcePast) -> Option<Alarm> {
    let usual = per_hour(source)? * RECENT.as_secs_f64() / 3600.0;
    let now = count(source.recent.fresh);
    (usual >= YIELD_LEAST && now < usual * YIELD_SHARE).then(|| {
        let detail = format!("{now:.0} new posts in a day; {usual:.0} are usual");
        let mend = "look with dyepack source health at what fails, and at the site with a browser";
        alarm(AlarmKind::YieldFell, &source.label, detail, mend)
    })
}

fn of_lane(lane: &LaneDown, now: Timestamp) -> Option<Alarm> {
    let mend = match lane.network {
        Network::Open => "mend [network] proxy, or start the proxy",
        Network::Tor => "start Tor, or mend [network] tor_socks; its sources wait and go on by themselves",
        Network::I2p => "start the I2P router, or mend [network] i2p_http; its sources wait and go on by themselves",
    };
    (now.duration_since(lane.since) >= LANE_AFTER).then(|| {
        let detail = format!("since {}: {}", ago(lane.since, now), lane.reason);
        alarm(AlarmKind::NetworkDown, lane.network.name(), detail, mend)
    })
}

/// The open web has no proxy to ask: it is down when nothing of it can be reached.
fn open_web(sources: &[SourcePast], now: Timestamp) -> Option<Alarm> {
    let tried: Vec<&SourcePast> = sources
        .iter()
        .filter(|source| {
            source.network == Network::Open && source.last_failure.is_some() | source.last_success_at.is_some()
        })
        .collect();
    let hour = SignedDuration::from_hours(1);
    let is_reached = |source: &&SourcePast| source.last_success_at.is_some_and(|at| now.duration_since(at) < hour);
    let is_failing = |source: &&SourcePast| {
        source.last_failure.as_ref().is_some_and(|(at, class)| {
            let is_network = ["dns", "unreachable", "timeout", "refused"].iter().any(|word| class.starts_with(word));
            is_network && now.duration_since(*at) < hour && Some(*at) > source.last_success_at
        })
    };
    let failing = tried.iter().copied().filter(|source| is_failing(source)).count();
    (failing >= 3 && !tried.iter().any(is_reached)).then(|| {
        let detail = format!("{failing} sites cannot be reached, and none can");
        let mend = "look at this machine's own connection and resolver";
        alarm(AlarmKind::NetworkDown, Network::Open.name(), detail, mend)
    })
}

fn clock(sources: &[SourcePast], now: Timestamp) -> Option<Alarm> {
    let is_recent = |at: Timestamp| now.duration_since(at).abs() <= RECENT;
    let mut ahead: Vec<SignedDuration> = sources
        .iter()
        .filter_map(|source| source.clock_ahead)
        .filter(|(_, at)| is_recent(*at))
        .map(|(ahead, _)| ahead)
        .collect();
    ahead.sort();
    let median = *ahead.get(ahead.len() / 2)?;
    let tolerance = if ahead.len() >= 3 { CLOCK_TOLERANCE } else { CLOCK_TOLERANCE_FEW };
    let sides = [ahead.first(), ahead.last()];
    // Of few, all must agree on the side.
    let is_agreed = ahead.len() >= 3
        || sides.into_iter().flatten().all(|one| one.abs() > tolerance && one.signum() == median.signum());
    (median.abs() > tolerance && is_agreed).then(|| {
        let side = if median.is_positive() { "ahead of" } else { "behind" };
        let detail = format!("it is {} {side} the clocks of {} sites", lasted(median.abs()), ahead.len());
        alarm(
            AlarmKind::ClockWrong,
            "this machine's clock",
            detail,
            "set it, and keep it set: timedatectl set-ntp true",
        )
    })
}

fn disk(disk: &Disk) -> Option<Alarm> {
    let percent = if disk.is_budget { BUDGET_LEAST_PERCENT } else { DISK_LEAST_PERCENT };
    let share = disk.size_bytes / 100 * percent;
    let is_below = |least: u64| !disk.is_budget && disk.free_bytes < least;
    let is_low = is_below(DISK_LEAST_BYTES) || disk.free_bytes < share.min(DISK_AMPLE_BYTES);
    (is_low && disk.size_bytes > 0).then(|| {
        let mebibytes = disk.free_bytes >> 20;
        let of =
            if disk.is_budget { format!(" of the budget of {} MiB", disk.size_bytes >> 20) } else { String::new() };
        let detail = format!("{mebibytes} MiB are left in {}{of}", disk.folder);
        alarm(
            AlarmKind::DiskLow,
            "the disk",
            detail,
            "make room, or move the data directory: what is found cannot be kept otherwise",
        )
    })
}

fn of_drill(drill: &DrillPast, now: Timestamp) -> Vec<Alarm> {
    let mend = "run dyepack drill and look at the step that fails";
    let patience = drill.every.saturating_add(drill.every).saturating_add(SignedDuration::from_mins(10));
    let mut alarms = Vec::new();
    for run in &drill.last {
        let subject = format!("the drill over {}", run.place);
        if let Some((step, detail)) = &run.failure {
            let whole = run
                .last_whole_at
                .map_or("never came through".to_owned(), |at| format!("came through {}", ago(at, now)));
            alarms.push(alarm(AlarmKind::DrillFailed, &subject, format!("at {step}: {detail}; {whole}"), mend));
        } else if now.duration_since(run.at) > patience {
            let detail = format!("the last one was {}", ago(run.at, now));
            alarms.push(alarm(AlarmKind::DrillMissing, &subject, detail, mend));
        }
    }
    let is_overdue = |since: Timestamp| drill.last.is_empty() && now.duration_since(since) > patience;
    if drill.since.is_some_and(is_overdue) {
        alarms.push(alarm(AlarmKind::DrillMissing, "the drill", "none has ever run".to_owned(), mend));
    }
    alarms
}

/// A count as a number to reckon with.
fn count(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::{Counts, DrillRun};
    use super::*;

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn now() -> Timestamp {
        "2026-11-27T12:00:00Z".parse().unwrap()
    }

    fn before(seconds: i64) -> Timestamp {
        now() - SignedDuration::from_secs(seconds)
    }

    /// A source that brings 48 posts a day and is well.
    fn source() -> SourcePast {
        SourcePast {
            id: "forum.example".to_owned(),
            label: "forum.example".to_owned(),
            network: Network::Open,
            added_at: before(30 * DAY),
            recent: Counts { read: 100, fresh: 40, ..Counts::default() },
            before: Counts { read: 2000, fresh: 28 * 48, failed: 20, ..Counts::default() },
            before_lasted: SignedDuration::from_hours(24 * 28),
            last_success_at: Some(before(60)),
            last_failure: Some((before(2 * DAY), "http-503: the site answered 503".to_owned())),
            last_fresh_at: Some(before(HOUR)),
            next_due_at: None,
            rests: None,
            clock_ahead: Some((SignedDuration::from_secs(1), before(60))),
        }
    }

    fn kinds(situation: &Situation) -> Vec<AlarmKind> {
        alarms(situation, now()).into_iter().map(|alarm| alarm.kind).collect()
    }

    fn of(source: SourcePast) -> Vec<AlarmKind> {
        kinds(&Situation { sources: vec![source], ..Situation::default() })
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table of cases")]
    fn a_source_is_judged_by_its_own_past() {
        let well = source;
        let counts = |recent| SourcePast { recent, ..well() };
        let some = Counts { read: 100, ..Counts::default() };
        for (what, source, expected) in [
            ("as usual", well(), None),
            ("a quiet day", counts(Counts { fresh: 12, ..some }), None),
            ("a fall", counts(Counts { fresh: 5, ..some }), Some(AlarmKind::YieldFell)),
            (
                "a fall of a source that never brought much",
                SourcePast { before: Counts { fresh: 28 * 3, ..well().before }, ..counts(some) },
                None,
            ),
            (
                "silence",
                SourcePast { last_fresh_at: Some(before(26 * HOUR)), ..counts(some) },
                Some(AlarmKind::NothingNew),
            ),
            (
                "silence of one that brings a post a week",
                SourcePast {
                    before: Counts { fresh: 4, ..well().before },
                    last_fresh_at: Some(before(5 * DAY)),
                    ..counts(some)
                },
                None,
            ),
            (
                "two months' silence of one that brings a post a week",
                SourcePast {
                    before: Counts { fresh: 4, ..well().before },
                    last_fresh_at: Some(before(60 * DAY)),
                    ..counts(some)
                },
                Some(AlarmKind::NothingNew),
            ),
            ("a new source", SourcePast { before_lasted: SignedDuration::from_hours(48), ..counts(some) }, None),
            (
                "pages not understood",
                counts(Counts { read: 2, unread: 9, ..Counts::default() }),
                Some(AlarmKind::LayoutUnknown),
            ),
            ("two pages not understood", counts(Counts { read: 1, unread: 2, fresh: 40, ..Counts::default() }), None),
            (
                "a site that never was understood",
                SourcePast {
                    recent: Counts { unread: 9, ..Counts::default() },
                    before: Counts { unread: 90, ..Counts::default() },
                    ..well()
                },
                None,
            ),
            (
                "log-in pages",
                counts(Counts { read: 4, login_wanted: 9, ..Counts::default() }),
                Some(AlarmKind::SessionLost),
            ),
            (
                "a members' corner that always was",
                SourcePast {
                    recent: Counts { read: 4, login_wanted: 9, fresh: 40, ..Counts::default() },
                    before: Counts { login_wanted: 900, ..well().before },
                    ..well()
                },
                None,
            ),
            (
                "a captcha",
                SourcePast { rests: Some(Rests::NeedsPerson("needs a person: a captcha".to_owned())), ..well() },
                Some(AlarmKind::SessionLost),
            ),
            (
                "silence of one that is paused",
                SourcePast { rests: Some(Rests::Paused), last_fresh_at: Some(before(26 * HOUR)), ..counts(some) },
                None,
            ),
        ] {
            assert_eq!(of(source), expected.into_iter().collect::<Vec<_>>(), "{what}");
        }
    }

    #[test]
    fn a_source_is_down_after_half_a_day_of_failures() {
        let failing = |success: Option<i64>, added: i64| SourcePast {
            added_at: before(added),
            last_success_at: success.map(before),
            last_failure: Some((before(60), "site-down: abcdefgh… was published and does not answer".to_owned())),
            recent: Counts { failed: 7, ..Counts::default() },
            last_fresh_at: None,
            ..source()
        };
        for (success, added, expected) in [
            (Some(HOUR), 30 * DAY, false),
            (Some(13 * HOUR), 30 * DAY, true),
            (None, HOUR, false),
            (None, 13 * HOUR, true),
        ] {
            assert_eq!(of(failing(success, added)).contains(&AlarmKind::SourceDown), expected, "{success:?} {added}");
        }
        let told =
            alarms(&Situation { sources: vec![failing(Some(2 * DAY), 30 * DAY)], ..Situation::default() }, now());
        assert!(told[0].detail.contains("gone since 2 days ago"), "{told:?}");
    }

    #[test]
    fn a_network_that_is_down_speaks_for_its_sources() {
        let onion = SourcePast {
            network: Network::Tor,
            last_success_at: Some(before(2 * DAY)),
            last_failure: Some((before(60), "timeout".to_owned())),
            recent: Counts { failed: 9, ..Counts::default() },
            ..source()
        };
        let down =
            |since| LaneDown { network: Network::Tor, since: before(since), reason: "nothing answers".to_owned() };
        let situation = |lanes_down| Situation { sources: vec![onion.clone()], lanes_down, ..Situation::default() };
        assert_eq!(kinds(&situation(vec![])), [AlarmKind::SourceDown]);
        assert_eq!(kinds(&situation(vec![down(600)])), [AlarmKind::NetworkDown]);
        assert_eq!(kinds(&situation(vec![down(60)])), [], "a restart is no alarm");
    }

    #[test]
    fn the_open_web_is_down_when_nothing_of_it_can_be_reached() {
        let site = |success: i64, class: &str| SourcePast {
            last_success_at: Some(before(success)),
            last_failure: Some((before(60), format!("{class}: …"))),
            ..source()
        };
        let sites = |sources| kinds(&Situation { sources, ..Situation::default() }).contains(&AlarmKind::NetworkDown);
        let dead = || site(2 * HOUR, "dns");
        assert!(sites(vec![dead(), dead(), site(2 * HOUR, "timeout")]));
        assert!(!sites(vec![dead(), dead(), dead(), site(600, "dns")]), "one is reached");
        assert!(!sites(vec![dead(), dead()]), "two may be down themselves");
        assert!(!sites(vec![site(2 * HOUR, "http-503"), site(2 * HOUR, "http-503"), site(2 * HOUR, "http-403")]));
    }

    #[test]
    fn the_clock_is_wrong_when_the_sites_agree_that_it_is() {
        let clock = |minutes: &[i64]| {
            let site = |minutes: &i64| SourcePast {
                clock_ahead: Some((SignedDuration::from_mins(*minutes), before(HOUR))),
                ..source()
            };
            kinds(&Situation { sources: minutes.iter().map(site).collect(), ..Situation::default() })
                .contains(&AlarmKind::ClockWrong)
        };
        for (minutes, expected) in [
            (&[0, 0, 0][..], false),
            (&[9, 9, 0], true),
            (&[-9, -9, -8, 0], true),
            (&[60, 0, 0], false),
            (&[9], false),
            (&[60], true),
            (&[60, 0], false),
            (&[60, -60], false),
            (&[], false),
        ] {
            assert_eq!(clock(minutes), expected, "{minutes:?}");
        }
    }

    #[test]
    fn the_disk_is_low_by_bytes_or_by_share() {
        let gib = |free: u64, size: u64| {
            disk(&Disk { folder: "/data".to_owned(), free_bytes: free << 30, size_bytes: size << 30, is_budget: false })
        };
        let budget =
            |free: u64| Disk { folder: "/data".to_owned(), free_bytes: free, size_bytes: 1000, is_budget: true };
        assert!(disk(&budget(201)).is_none() && disk(&budget(199)).unwrap().detail.contains("of the budget"));
        for (free, size, expected) in
            [(50, 100, false), (6, 100, false), (4, 100, true), (0, 100, true), (30, 4000, false), (19, 4000, true)]
        {
            assert_eq!(gib(free, size).is_some(), expected, "{free} of {size} GiB");
        }
    }

    #[test]
    fn a_drill_that_fails_or_stays_away_is_an_alarm() {
        let run = |at: i64, failure: Option<&str>| DrillRun {
            place: "this machine".to_owned(),
            at: before(at),
            failure: failure.map(|step| (step.to_owned(), "no case was opened".to_owned())),
            took_ms: 900,
            last_whole_at: None,
        };
        let drill = |since: Option<i64>, last| {
            let drill = DrillPast { every: SignedDuration::from_hours(24), since: since.map(before), last };
            kinds(&Situation { drill: Some(drill), ..Situation::default() })
        };
        assert_eq!(drill(Some(9 * DAY), vec![run(DAY, None)]), []);
        assert_eq!(drill(Some(9 * DAY), vec![run(HOUR, Some("match"))]), [AlarmKind::DrillFailed]);
        assert_eq!(drill(Some(9 * DAY), vec![run(3 * DAY, None)]), [AlarmKind::DrillMissing]);
        assert_eq!(drill(Some(9 * DAY), vec![]), [AlarmKind::DrillMissing]);
        assert_eq!(drill(Some(HOUR), vec![]), []);
        assert_eq!(drill(None, vec![]), []);
    }
}
