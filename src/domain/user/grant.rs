//! What a program may do with a token: never more than the user it acts for.

use serde::{Deserialize, Serialize};

use super::Role;

/// One thing a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// Read what the user sees.
    Read,
    /// Work on cases: move, assign, note, silence, hold, merge, split.
    Triage,
    /// See full values and take evidence away.
    Reveal,
    /// Add, change and pause sources.
    Sources,
    /// Enrol watchlists and fingerprints.
    Enrol,
    /// Invite and change users.
    Users,
    /// Change the user's own filters, end their sessions and tokens; never make a token.
    Account,
}

impl Grant {
    /// Every grant.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Triage, Self::Reveal, Self::Sources, Self::Enrol, Self::Users, Self::Account];

    /// Returns the word of the store, of forms and of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Reveal => "reveal",
            Self::Sources => "sources",
            Self::Enrol => "enrol",
            Self::Users => "users",
            Self::Account => "account",
        }
    }

    /// Reads the word of [`Grant::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == word)
    }

    /// Tells whether a user of the role can hand it to a program.
    pub const fn is_within(self, role: Role) -> bool {
        match (self, role) {
            (Self::Read | Self::Triage | Self::Account, _) | (_, Role::Admin) => true,
            (Self::Reveal, role) => role.may_reveal(),
            (Self::Sources | Self::Enrol | Self::Users, Role::Analyst | Role::Member) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_does_more_than_its_user() {
        for grant in Grant::ALL {
            assert_eq!(Grant::parse(grant.as_str()), Some(grant));
            assert!(grant.is_within(Role::Admin));
        }
        assert!(!Grant::Sources.is_within(Role::Analyst) && !Grant::Enrol.is_within(Role::Member));
        assert!(Grant::Triage.is_within(Role::Member), "members acknowledge their own cases");
        assert!(Grant::Reveal.is_within(Role::Analyst) && !Grant::Reveal.is_within(Role::Member));
        assert!(!Grant::Users.is_within(Role::Analyst));
        assert_eq!(Grant::parse("admin"), None);
    }
}
