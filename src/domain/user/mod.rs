//! Who works in the console: names, roles, and what a role may do.
//!
//! Not here: keeping users (`ports::store`), logging them in (`services::access`).

pub mod grant;
pub mod oidc;
pub mod password;
pub mod totp;

use serde::{Deserialize, Serialize};

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, users and sources included.
    Admin,
    /// Triage of every organization's cases.
    Analyst,
    /// Sees one organization, and acknowledges its cases.
    Member,
}

impl Role {
    /// Every role, the mightiest first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Analyst, Self::Member];

    /// Returns the word of the store, of forms and of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Analyst => "analyst",
            Self::Member => "member",
        }
    }

    /// Reads the word of [`Role::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Tells whether the role may see hidden values, after saying why.
    pub const fn may_reveal(self) -> bool {
        match self {
            Self::Admin | Self::Analyst => true,
            Self::Member => false,
        }
    }

    /// Tells whether the role decides what a case is, merges, splits and silences.
    pub const fn may_judge(self) -> bool {
        match self {
            Self::Admin | Self::Analyst => true,
            Self::Member => false,
        }
    }
}

/// Longest name of a user, in characters.
const NAME_LIMIT: usize = 80;

/// Takes the name that somebody logs in with: a mail address or a word; lower case, no spaces.
pub fn parse_name(text: &str) -> Option<String> {
    let name = text.trim().to_lowercase();
    let is_sound = (2..=NAME_LIMIT).contains(&name.chars().count())
        && name.chars().all(|character| character.is_alphanumeric() || "._-+@".contains(character));
    is_sound.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_or_addresses() {
        for (text, name) in [
            (" Ann.Berg@Bank.example ", Some("ann.berg@bank.example")),
            ("小李", Some("小李")),
            ("a b", None),
            ("x", None),
            ("<b>", None),
        ] {
            assert_eq!(parse_name(text).as_deref(), name);
        }
    }

    #[test]
    fn only_who_judges_reveals() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(role.may_judge(), role.may_reveal());
        }
    }
}
