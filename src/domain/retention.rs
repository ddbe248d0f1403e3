//! How long things are kept, by kind; what is not named is kept for ever.
//!
//! Not here: what is on hold and what a purge removes (`ports::store`).

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

/// Longest time that can be given.
const DAYS_LIMIT: u32 = 36_500;

/// `[retention]` of the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Captured pages and files of cases that are closed.
    pub evidence_days: Option<u32>,
    /// Texts of posts in which nothing was found.
    pub posts_days: Option<u32>,
    /// Mails as they were sent.
    pub mails_days: Option<u32>,
    /// Mebibytes that the data directory may take; as much as the disk has if there is no such line.
    pub budget_mib: Option<u32>,
}

/// A number of days that cannot be a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[retention] {key} = {days}: write 1 to 36500, or leave the line out to keep for ever")]
pub struct RetentionError {
    /// Which rule.
    pub key: &'static str,
    /// What was given.
    pub days: u32,
}

impl Retention {
    /// Checks the numbers.
    ///
    /// # Errors
    /// The first that is none.
    pub fn checked(self) -> Result<Self, RetentionError> {
        for (key, days) in
            [("evidence_days", self.evidence_days), ("posts_days", self.posts_days), ("mails_days", self.mails_days)]
        {
            if let Some(days) = days.filter(|days| !(1..=DAYS_LIMIT).contains(days)) {
                return Err(RetentionError { key, days });
            }
        }
        if self.budget_mib == Some(0) {
            return Err(RetentionError { key: "budget_mib", days: 0 });
        }
        Ok(self)
    }

    /// Returns the bytes that the data directory may take.
    pub fn budget_bytes(self) -> Option<u64> {
        self.budget_mib.map(|mebibytes| u64::from(mebibytes) << 20)
    }

    /// Tells whether nothing is ever deleted.
    pub const fn keeps_everything(self) -> bool {
        self.evidence_days.is_none() && self.posts_days.is_none() && self.mails_days.is_none()
    }

    /// Returns what is older than its rule allows, by kind: evidence, posts, mails.
    pub fn cutoffs(self, now: Timestamp) -> [Option<Timestamp>; 3] {
        [self.evidence_days, self.posts_days, self.mails_days].map(|days| {
            let age = Duration::from_secs(u64::from(days?) * 86_400);
            now.checked_sub(age).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_rule_is_kept_for_ever() {
        let now: Timestamp = "2026-11-27T10:00:00Z".parse().unwrap();
        assert_eq!(Retention::default().cutoffs(now), [None; 3]);
        let rules = Retention { posts_days: Some(30), ..Retention::default() };
        assert_eq!(rules.cutoffs(now)[1], Some("2026-10-28T10:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_rule_of_no_days_is_refused() {
        for days in [0, 36_501] {
            let error = Retention { mails_days: Some(days), ..Retention::default() }.checked().unwrap_err();
            assert!(error.to_string().contains("mails_days"), "{error}");
        }
        assert!(Retention { mails_days: Some(1), ..Retention::default() }.checked().is_ok());
    }
}
