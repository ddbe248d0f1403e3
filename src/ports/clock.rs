//! Reads the time: the wall clock, and a fixed one for tests.
#![expect(clippy::disallowed_methods, reason = "the one room that reads time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Tells the time; cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    System,
    Fixed(Arc<AtomicI64>),
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

    /// Returns the time, to the millisecond.
    pub fn now(&self) -> Timestamp {
        let milliseconds = match &self.0 {
            Kind::System => Timestamp::now().as_millisecond(),
            Kind::Fixed(at) => at.load(Ordering::SeqCst),
        };
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
    }

    /// Moves a fixed clock; a system clock is left alone.
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
}
