//! Patterns of addresses to follow or to skip: `*` stands for anything, all else for itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

const LIMIT_BYTES: usize = 200;

/// A pattern of path and query, from the first character to the last: `/forum/*`, `*action=print*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

/// Why a text is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pattern begins with / or * and has at most {LIMIT_BYTES} bytes, as in \"/forum/*\"")]
pub struct PatternError;

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        if text.len() <= LIMIT_BYTES && text.starts_with(['/', '*']) { Ok(Self(text)) } else { Err(PatternError) }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Pattern {
    /// Tells whether the path and query of an address fit.
    pub fn fits(&self, url: &Url) -> bool {
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        fits(self.0.as_bytes(), target.as_bytes())
    }
}

/// Matches `*` greedily with one point to go back to: never more than pattern times text steps.
pub(crate) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut of, mut back) = (0, 0, None);
    while at < text.len() {
        match pattern.get(of) {
            Some(b'*') => {
                back = Some((of + 1, at));
                of += 1;
            }
            Some(byte) if text.get(at) == Some(byte) => {
                at += 1;
                of += 1;
            }
            Some(_) | None => {
                let Some((after_star, from)) = back else { return false };
                back = Some((after_star, from + 1));
                (of, at) = (after_star, from + 1);
            }
        }
    }
    pattern.get(of..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_all_else_for_itself() {
        for (pattern, target, expected) in [
            ("/forum/*", "/forum/a", true),
            ("/forum/*", "/forum/", true),
            ("/forum/*", "/forum", false),
            ("*action=print*", "/misc.php?tid=1&action=print", true),
            ("/a*b*c", "/aXbXbXc", true),
            ("/a*b*c", "/aXbXbX", false),
            ("/t?p=1", "/t?p=1", true),
            ("/t", "/t?p=1", false),
            ("*", "/", true),
        ] {
            let url = Url::parse(&format!("http://forum.example{target}")).unwrap();
            assert_eq!(Pattern::try_from(pattern.to_owned()).unwrap().fits(&url), expected, "{pattern} {target}");
        }
        assert!(Pattern::try_from("forum".to_owned()).is_err());
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let text = "a".repeat(2_000);
        assert!(!fits("*a".repeat(90).as_bytes(), format!("{text}b").as_bytes()));
    }
}
