//! Reads the time: the wall clock, and fixed or shifted ones for tests.
#![expect(clippy::disallowed_methods, reason = "the one room that reads time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Tells the time; cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    System,
    Fixed(Arc<AtomicI64>),
    Shifted(SignedDuration),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands still until [`Clock::advance_to`] moves it.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Kind::Fixed(Arc::new(AtomicI64::new(at.as_millisecond()))))
    }

    /// A clock that runs like the machine's, but shows `at` now.
    pub fn shifted_to(at: Timestamp) -> Self {
        Self(Kind::Shifted(at.duration_since(Timestamp::now())))
    }

    /// Returns the time, to the millisecond.
    pub fn now(&self) -> Timestamp {
        let milliseconds = match &self.0 {
            Kind::System => Timestamp::now().as_millisecond(),
            Kind::Fixed(at) => at.load(Ordering::SeqCst),
            Kind::Shifted(by) => Timestamp::now().checked_add(*by).map_or(i64::MAX, Timestamp::as_millisecond),
        };
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
    }

    /// Moves a fixed clock; one that runs is left alone.
    pub fn advance_to(&self, at: Timestamp) {
        if let Kind::Fixed(stored) = &self.0 {
            stored.store(at.as_millisecond(), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_still_until_moved() {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        let later = Timestamp::from_second(60).unwrap();
        clock.advance_to(later);
        assert_eq!(clock.now(), later);
    }

    #[test]
    fn a_shifted_clock_runs_on_from_where_it_was_set() {
        let at: Timestamp = "2031-01-01T00:00:00Z".parse().unwrap();
        let clock = Clock::shifted_to(at);
        assert!(clock.now() >= at && clock.now() < at + SignedDuration::from_hours(1));
    }
}
