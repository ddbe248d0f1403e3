//! Which URL is due when: back-off and revisit as functions of `now`.
//!
//! Times and chance are given, never read: the same input always gives the same plan. Not here: who holds which URL
//! (`ports::store`), what a failure looks like on the wire (`ports::fetch`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::forum::{LinkKind, PageKind};
use crate::domain::source::Source;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Longest wait that a site's `Retry-After` is believed.
pub const RETRY_AFTER_LIMIT: Duration = Duration::from_hours(6);

/// What a failed fetch says about the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// May pass by itself: time-outs, broken connections, 5xx, 429.
    Passing {
        /// How long the site asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The site says that there is no such thing: 404, 410.
    Gone,
    /// Will be the same next time unless the site changes: refused access, off-site redirects, too large, bad TLS.
    Standing,
    /// Our own way out is missing or broken; it says nothing about the site.
    Route,
}

/// How often a source is asked: trials on loopback are quick, real sites are left in peace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// First retry of a passing failure.
    pub first_retry: Duration,
    /// What the wait is multiplied by at each further failure.
    pub retry_growth: u32,
    /// Longest wait between two tries of a passing failure.
    pub longest_retry: Duration,
    /// Interval of lists when nothing is known of them.
    pub list_start: Duration,
    /// Shortest interval of lists.
    pub list_min: Duration,
    /// Longest interval of lists.
    pub list_max: Duration,
}

impl Rhythm {
    /// Chooses the rhythm of a source.
    pub fn of(source: &Source) -> Self {
        if source.is_local() {
            Self {
                first_retry: Duration::from_millis(100),
                retry_growth: 2,
                longest_retry: 10 * MINUTE,
                list_start: 10 * MINUTE,
                list_min: 5 * MINUTE,
                list_max: HOUR,
            }
        } else {
            Self {
                first_retry: Duration::from_secs(30),
                retry_growth: 4,
                longest_retry: DAY,
                list_start: 30 * MINUTE,
                list_min: 10 * MINUTE,
                list_max: DAY,
            }
        }
    }

    /// Returns when to try again after a failure; `None` for never, the URL stays remembered.
    ///
    /// `attempts` counts the failures before this one; `jitter` lies in `0.0..1.0` and spreads tries that failed together.
    pub fn retry(&self, trouble: Trouble, attempts: u32, jitter: f64, now: Timestamp) -> Option<Timestamp> {
        let wait = match trouble {
            Trouble::Passing { retry_after } => {
                let wait = spread(grown(self.first_retry, self.retry_growth, attempts, self.longest_retry), jitter);
                // The site's own figure is a floor: never earlier, but not for ever.
                wait.max(retry_after.unwrap_or_default().min(RETRY_AFTER_LIMIT))
            }
            Trouble::Gone => match attempts {
                0 => HOUR,
                1 => DAY,
                2 => 7 * DAY,
                _ => return None,
            },
            Trouble::Standing => spread(grown(HOUR, 4, attempts, 7 * DAY), jitter),
            Trouble::Route => spread(grown(MINUTE, 2, attempts, 15 * MINUTE), jitter),
        };
        Some(after(now, wait))
    }

    /// Returns when a page that was read is due again.
    pub fn revisit(&self, seen: &Seen, now: Timestamp) -> Revisit {
        let (if_new, if_same) = match (seen.kind, seen.page) {
            (LinkKind::Attachment, None) => return Revisit { if_new: None, if_same: None },
            (_, Some(PageKind::NotFound)) | (LinkKind::Attachment, Some(_)) => (7 * DAY, 7 * DAY),
            (_, Some(PageKind::LoginRequired)) => (DAY, DAY),
            (_, Some(PageKind::Denied)) => (HOUR, adapted(seen.interval, HOUR, News::Nothing, (HOUR, DAY))),
            (LinkKind::Index | LinkKind::Board, _) => {
                let bounds = (self.list_min, self.list_max);
                (
                    adapted(seen.interval, self.list_start, News::Something, bounds),
                    adapted(seen.interval, self.list_start, News::Nothing, bounds),
                )
            }
            (LinkKind::Thread, _) => {
                // What was quiet for long will stay quiet; a bumped thread comes back by its list, not by the clock.
                let by_age = seen.newest.map_or(DAY, |newest| age(newest, now) / 8).clamp(6 * HOUR, 30 * DAY);
                (by_age, by_age.max(adapted(seen.interval, by_age, News::Nothing, (6 * HOUR, 30 * DAY))))
            }
            (LinkKind::Other, _) => (
                adapted(seen.interval, DAY, News::Something, (6 * HOUR, 30 * DAY)),
                adapted(seen.interval, DAY, News::Nothing, (6 * HOUR, 30 * DAY)),
            ),
        };
        Revisit { if_new: Some(after(now, if_new)), if_same: Some(after(now, if_same)) }
    }
}

/// What is known of a page when its next reading is planned.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// What the link was followed for.
    pub kind: LinkKind,
    /// What the page turned out to be; `None` for an attachment's content.
    pub page: Option<PageKind>,
    /// Time between the last reading and when it fell due.
    pub interval: Option<Duration>,
    /// When the newest post on it was made.
    pub newest: Option<Timestamp>,
}

/// When a page that was read is due again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revisit {
    /// If it brought something new.
    pub if_new: Option<Timestamp>,
    /// If it did not.
    pub if_same: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
enum News {
    Something,
    Nothing,
}

/// Halves the interval after news, grows it by half after none.
fn adapted(interval: Option<Duration>, start: Duration, news: News, (min, max): (Duration, Duration)) -> Duration {
    let adapted = match (interval, news) {
        (None, _) => start,
        (Some(interval), News::Something) => interval / 2,
        (Some(interval), News::Nothing) => interval.saturating_add(interval / 2),
    };
    adapted.clamp(min, max)
}

fn grown(first: Duration, growth: u32, attempts: u32, longest: Duration) -> Duration {
    growth.checked_pow(attempts).and_then(|factor| first.checked_mul(factor)).unwrap_or(longest).min(longest)
}

/// Spreads a wait over 75–125 % of itself.
fn spread(wait: Duration, jitter: f64) -> Duration {
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.5 };
    wait.mul_f64(0.75 + jitter / 2.0)
}

fn age(of: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(of)).unwrap_or_default()
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Rhythm {
        Rhythm::of(&Source::from_url("http://127.0.0.1:8101/").unwrap())
    }

    fn open() -> Rhythm {
        Rhythm::of(&Source::from_url("https://forum.example/").unwrap())
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn wait(rhythm: Rhythm, trouble: Trouble, attempts: u32) -> Option<Duration> {
        Some(age(now(), rhythm.retry(trouble, attempts, 0.5, now())?))
    }

    fn waits(rhythm: Rhythm, seen: Seen) -> (Option<Duration>, Option<Duration>) {
        let revisit = rhythm.revisit(&seen, now());
        (revisit.if_new.map(|at| age(now(), at)), revisit.if_same.map(|at| age(now(), at)))
    }

    const fn seen(kind: LinkKind) -> Seen {
        Seen { kind, page: None, interval: None, newest: None }
    }

    #[test]
    fn passing_failures_are_tried_again_at_growing_intervals_for_ever() {
        let passing = Trouble::Passing { retry_after: None };
        for (rhythm, attempts, expected) in [
            (local(), 0, Duration::from_millis(100)),
            (local(), 3, Duration::from_millis(800)),
            (local(), 4_000_000_000, 10 * MINUTE),
            (open(), 0, Duration::from_secs(30)),
            (open(), 1, 2 * MINUTE),
            (open(), 60, DAY),
        ] {
            assert_eq!(wait(rhythm, passing, attempts), Some(expected), "{attempts}");
        }
    }

    #[test]
    fn retry_after_is_a_floor_with_a_cap() {
        let passing = |seconds| Trouble::Passing { retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(wait(open(), passing(90), 0), Some(Duration::from_secs(90)));
        assert_eq!(wait(open(), passing(1), 0), Some(Duration::from_secs(30)));
        assert_eq!(wait(open(), passing(u64::MAX), 0), Some(RETRY_AFTER_LIMIT));
    }

    #[test]
    fn jitter_moves_a_retry_by_a_quarter_at_most_and_bad_jitter_by_nothing() {
        let passing = Trouble::Passing { retry_after: None };
        for (jitter, expected_ms) in [(0.0, 22_500), (1.0, 37_500), (7.0, 37_500), (f64::NAN, 30_000)] {
            let at = open().retry(passing, 0, jitter, now()).unwrap();
            assert_eq!(age(now(), at), Duration::from_millis(expected_ms), "{jitter}");
        }
    }

    #[test]
    fn what_is_gone_is_given_up_after_a_few_tries() {
        assert_eq!(wait(local(), Trouble::Gone, 0), Some(HOUR));
        assert_eq!(wait(local(), Trouble::Gone, 3), None);
        assert!(wait(local(), Trouble::Standing, 100).is_some());
    }

    #[test]
    fn lists_are_read_sooner_after_news_and_later_after_none() {
        let list = Seen { interval: Some(40 * MINUTE), ..seen(LinkKind::Board) };
        assert_eq!(waits(open(), list), (Some(20 * MINUTE), Some(60 * MINUTE)));
        let busy = Seen { interval: Some(MINUTE), ..seen(LinkKind::Index) };
        assert_eq!(waits(open(), busy).0, Some(10 * MINUTE));
        let dead = Seen { interval: Some(400 * DAY), ..seen(LinkKind::Index) };
        assert_eq!(waits(open(), dead).1, Some(DAY));
    }

    #[test]
    fn old_threads_are_read_seldom_and_attachments_once() {
        let thread =
            |days: i64| Seen { newest: Some(now() - SignedDuration::from_hours(24 * days)), ..seen(LinkKind::Thread) };
        assert_eq!(waits(open(), thread(0)).0, Some(6 * HOUR));
        assert_eq!(waits(open(), thread(80)).0, Some(10 * DAY));
        assert_eq!(waits(open(), thread(8000)).0, Some(30 * DAY));
        assert_eq!(waits(open(), seen(LinkKind::Attachment)), (None, None));
    }

    #[test]
    fn pages_that_say_no_are_asked_again_slowly() {
        for (page, expected) in
            [(PageKind::Denied, HOUR), (PageKind::LoginRequired, DAY), (PageKind::NotFound, 7 * DAY)]
        {
            assert_eq!(waits(local(), Seen { page: Some(page), ..seen(LinkKind::Thread) }).1, Some(expected));
        }
    }

    #[test]
    fn a_post_dated_in_the_future_does_not_break_the_plan() {
        let thread = Seen { newest: Some(Timestamp::MAX), ..seen(LinkKind::Thread) };
        assert_eq!(waits(open(), thread).0, Some(6 * HOUR));
    }
}
