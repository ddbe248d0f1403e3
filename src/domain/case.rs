//! Hits grouped into cases: one leak of one organization, across re-crawls, re-posts and quotes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has looked yet.
    New,
    /// Somebody has seen it.
    Acknowledged,
    /// It is a leak.
    Confirmed,
    /// It is not.
    FalsePositive,
    /// Done.
    Closed,
}

impl State {
    /// Every state, in the order of a case's life.
    pub const ALL: [Self; 5] = [Self::New, Self::Acknowledged, Self::Confirmed, Self::FalsePositive, Self::Closed];

    /// Returns the word used in the store, on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::Confirmed => "confirmed",
            Self::FalsePositive => "false_positive",
            Self::Closed => "closed",
        }
    }

    /// Reads the word of [`State::as_str`]; `-` counts as `_`.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase().replace('-', "_");
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Tells whether an analyst may move a case from here to `to`: forward along
    /// `new → acknowledged → confirmed | false_positive → closed`, skipping allowed, or back to `acknowledged` to reopen it.
    pub const fn may_move_to(self, to: Self) -> bool {
        match (self, to) {
            (Self::New, Self::Acknowledged | Self::Confirmed | Self::FalsePositive)
            | (Self::Acknowledged, Self::Confirmed | Self::FalsePositive)
            | (Self::Confirmed, Self::FalsePositive | Self::Closed | Self::Acknowledged)
            | (Self::FalsePositive, Self::Confirmed | Self::Closed | Self::Acknowledged)
            | (Self::Closed, Self::Acknowledged) => true,
            (
                Self::New | Self::Acknowledged | Self::Confirmed | Self::FalsePositive | Self::Closed,
                Self::New | Self::Acknowledged | Self::Confirmed | Self::FalsePositive | Self::Closed,
            ) => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_back_from_its_word() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("false-positive"), Some(State::FalsePositive));
        assert_eq!(State::parse("open"), None);
    }

    #[test]
    fn a_case_closes_only_after_a_verdict() {
        assert!(!State::New.may_move_to(State::Closed));
        assert!(State::Confirmed.may_move_to(State::Closed));
        assert!(State::Closed.may_move_to(State::Acknowledged));
        assert!(!State::Acknowledged.may_move_to(State::New));
    }
}
