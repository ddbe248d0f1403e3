//! Reading a site as a member: where a session stands, how often logging in is tried, and when a person is needed.
//!
//! Pure: what pages say is told by `forum::login`, cookies are in `jar`. Not here: the requests (`services::crawl`).

mod date;
mod jar;
mod login;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use jar::{Cookie, Jar, JarError};
pub use login::{Account, Login, LoginError};

use crate::domain::source::Rest;

/// Most logins in a day; a site that forgets us more often is left alone until the next.
pub const LOGINS_A_DAY: u32 = 8;
/// Refusals in a row after which a person is needed: some engines ask for a captcha from the third on.
const REFUSALS: u32 = 2;
const LONGEST_WAIT: Duration = Duration::from_hours(6);

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody is logged in.
    Lost,
    /// Cookies were imported; whether they are good is not known yet.
    Unproven,
    /// The site knows us.
    Member,
    /// Nothing goes on before a person has seen to it.
    Person(Rest),
}

impl State {
    /// Returns the word that the store knows it by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Unproven => "unproven",
            Self::Member => "member",
            Self::Person(rest) => rest.as_str(),
        }
    }

    /// Reads the word of [`State::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Lost, Self::Unproven, Self::Member]
            .into_iter()
            .find(|state| state.as_str() == word)
            .or_else(|| Rest::parse(word).map(Self::Person))
    }
}

/// A session and the history that limits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Where it stands.
    pub state: State,
    /// When it last became a member's.
    pub logged_in_at: Option<Timestamp>,
    /// The day (from 1970 on, UTC) that `logins` counts.
    pub login_day: i64,
    /// Logins tried on that day.
    pub logins: u32,
    /// Refusals in a row.
    pub refusals: u32,
    /// Nothing is tried before.
    pub next_login_at: Option<Timestamp>,
}

impl Session {
    /// Makes a session that begins in this state.
    pub const fn new(state: State) -> Self {
        Self { state, logged_in_at: None, login_day: 0, logins: 0, refusals: 0, next_login_at: None }
    }

    /// Returns until when logging in must wait; `None` if it may be tried now.
    pub fn wait(&self, now: Timestamp) -> Option<Timestamp> {
        let is_spent = self.login_day == day(now) && self.logins >= LOGINS_A_DAY;
        let tomorrow = Timestamp::from_second((day(now) + 1) * 86_400).unwrap_or(Timestamp::MAX);
        let wait = if is_spent { Some(tomorrow) } else { self.next_login_at };
        wait.filter(|at| *at > now)
    }

    /// Counts a try, before its outcome is known; `first_wait` is the least time to the next.
    pub fn tried(&mut self, first_wait: Duration, now: Timestamp) {
        if self.login_day != day(now) {
            (self.login_day, self.logins) = (day(now), 0);
        }
        let growth = 4_u32.saturating_pow(self.logins.min(10));
        let wait = first_wait.saturating_mul(growth).min(LONGEST_WAIT);
        self.logins = self.logins.saturating_add(1);
        self.next_login_at = SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok());
    }

    /// Notes that the site knows us.
    pub fn entered(&mut self, now: Timestamp) {
        self.state = State::Member;
        self.logged_in_at = Some(now);
        self.refusals = 0;
    }

    /// Notes that the site does not know us any more.
    pub fn lost(&mut self) {
        self.state = State::Lost;
    }

    /// Notes that the site did not let us in: at what stands in the way, or after some refusals, a person is needed.
    pub fn turned_away(&mut self, obstacle: Option<Rest>) {
        self.refusals = self.refusals.saturating_add(1);
        self.state = match obstacle {
            Some(rest) => State::Person(rest),
            None if self.refusals >= REFUSALS => State::Person(Rest::Refused),
            None => State::Lost,
        };
    }
}

fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(86_400 * 20_000 + second).unwrap()
    }

    #[test]
    fn logging_in_is_tried_ever_more_seldom_and_so_often_a_day_at_most() {
        let mut session = Session::new(State::Lost);
        assert_eq!(session.wait(at(0)), None);
        session.tried(MINUTE, at(0));
        assert_eq!(session.wait(at(59)), Some(at(60)));
        assert_eq!(session.wait(at(60)), None);
        session.tried(MINUTE, at(60));
        assert_eq!(session.wait(at(61)), Some(at(300)));
        for _ in 2..LOGINS_A_DAY {
            session.tried(Duration::ZERO, at(400));
        }
        assert_eq!(session.wait(at(400)), Some(at(86_400)), "not before tomorrow");
        session.tried(Duration::ZERO, at(86_400));
        assert_eq!(session.logins, 1);
    }

    #[test]
    fn a_second_refusal_or_anything_in_the_way_needs_a_person() {
        let mut session = Session::new(State::Lost);
        session.turned_away(None);
        assert_eq!(session.state, State::Lost);
        session.turned_away(None);
        assert_eq!(session.state, State::Person(Rest::Refused));
        let mut session = Session::new(State::Lost);
        session.turned_away(Some(Rest::Captcha));
        assert_eq!(session.state, State::Person(Rest::Captcha));
    }

    #[test]
    fn a_login_that_works_forgets_refusals_but_not_the_tries_of_the_day() {
        let mut session = Session::new(State::Lost);
        session.tried(MINUTE, at(0));
        session.turned_away(None);
        session.tried(MINUTE, at(100));
        session.entered(at(100));
        assert_eq!((session.state, session.refusals, session.logins), (State::Member, 0, 2));
        session.lost();
        assert_eq!(session.state, State::Lost);
        assert!(session.wait(at(101)).is_some());
    }

    #[test]
    fn every_state_has_a_word() {
        for state in [State::Lost, State::Unproven, State::Member, State::Person(Rest::Captcha)] {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("other"), None);
    }
}
