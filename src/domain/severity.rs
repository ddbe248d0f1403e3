//! How grave a case is: a table of rules that an operator can change, and which rule fired.
//!
//! The table is TOML, part of the configuration; `severity.toml` is the one used where none is given. Not here: gathering
//! the facts of a case (`ports::store`), telling people (`alert`, `faces`).

use serde::{Deserialize, Serialize};

/// The table used where the configuration gives none, as it is written.
pub const DEFAULT: &str = include_str!("severity.toml");

/// How soon somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// When there is time.
    Low,
    /// This week.
    Medium,
    /// Today.
    High,
    /// Now.
    Critical,
}

impl Severity {
    /// Every level, the mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Returns the word used in the table, the store and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads the word of [`Severity::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

/// Whether the rows offered are the organization's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They are.
    Ours,
    /// They are somebody else's.
    NotOurs,
    /// A part is.
    Mixed,
    /// Nothing could be tested, or too little.
    #[default]
    Unknown,
}

/// What is known of a case when it is weighed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// A post offers the records.
    pub offer: bool,
    /// To one buyer only.
    pub exclusive: bool,
    /// Said to be new or never sold.
    pub fresh: bool,
    /// Rows claimed; 0 if none are.
    pub volume: u64,
    /// Entries of the watchlist that were seen.
    pub entries: u64,
    /// Bits of the surest hit.
    pub strength: u64,
    /// Whose rows they are.
    pub verdict: Verdict,
}

/// The outcome: how grave, by which rule, from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// How grave.
    pub severity: Severity,
    /// Name of the rule that fired; empty if none did.
    pub rule: String,
    /// What the case was weighed by.
    pub facts: Facts,
}

/// One rule; a condition that is `None` does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(rename = "rule")]
    name: String,
    level: Severity,
    offer: Option<bool>,
    exclusive: Option<bool>,
    fresh: Option<bool>,
    verdict: Option<Vec<Verdict>>,
    volume: Option<u64>,
    entries: Option<u64>,
    strength: Option<u64>,
}

impl Rule {
    fn holds(&self, facts: &Facts) -> bool {
        self.offer.is_none_or(|wanted| wanted == facts.offer)
            && self.exclusive.is_none_or(|wanted| wanted == facts.exclusive)
            && self.fresh.is_none_or(|wanted| wanted == facts.fresh)
            && self.verdict.as_ref().is_none_or(|wanted| wanted.contains(&facts.verdict))
            && self.volume.is_none_or(|least| facts.volume >= least)
            && self.entries.is_none_or(|least| facts.entries >= least)
            && self.strength.is_none_or(|least| facts.strength >= least)
    }
}

/// The rules, in order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Table {
    rules: Vec<Rule>,
}

impl Default for Table {
    fn default() -> Self {
        #[derive(Deserialize)]
        struct File {
            severity: Table,
        }
        toml::from_str::<File>(DEFAULT).map_or(Self { rules: Vec::new() }, |file| file.severity)
    }
}

impl Table {
    /// Weighs a case: the first rule that holds decides. Where none does, it is low.
    pub fn assess(&self, facts: Facts) -> Assessment {
        let fired = self.rules.iter().find(|rule| rule.holds(&facts));
        Assessment {
            severity: fired.map_or(Severity::Low, |rule| rule.level),
            rule: fired.map_or_else(String::new, |rule| rule.name.clone()),
            facts,
        }
    }

    /// Returns how many rules there are.
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// Tells whether there is no rule: then everything is low.
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(facts: Facts) -> (Severity, String) {
        let assessment = Table::default().assess(facts);
        (assessment.severity, assessment.rule)
    }

    #[test]
    fn the_first_rule_of_the_default_table_that_holds_decides() {
        let none = Facts::default();
        let offer = Facts { offer: true, entries: 1, strength: 60, ..none.clone() };
        for (facts, severity, rule) in [
            (none.clone(), Severity::Low, "weak-match"),
            (Facts { strength: 60, ..none.clone() }, Severity::Medium, "sure-match"),
            (Facts { entries: 5, ..none.clone() }, Severity::High, "many-records"),
            (Facts { fresh: true, ..none }, Severity::Low, "weak-match"),
            (offer.clone(), Severity::High, "offer"),
            (Facts { fresh: true, ..offer.clone() }, Severity::Critical, "fresh-offer"),
            (Facts { volume: 100_000, ..offer.clone() }, Severity::Critical, "large-offer"),
            (Facts { exclusive: true, fresh: true, ..offer.clone() }, Severity::Critical, "sold-exclusively"),
            (Facts { verdict: Verdict::Ours, ..offer.clone() }, Severity::Critical, "ours-and-offered"),
            (Facts { verdict: Verdict::NotOurs, fresh: true, ..offer }, Severity::Low, "refuted"),
        ] {
            assert_eq!(fired(facts.clone()), (severity, rule.to_owned()), "{facts:?}");
        }
    }

    #[test]
    fn an_operators_table_replaces_the_default() {
        let table: Table = Table {
            rules: vec![Rule {
                name: "all".to_owned(),
                level: Severity::Medium,
                offer: Some(false),
                exclusive: None,
                fresh: None,
                verdict: None,
                volume: None,
                entries: None,
                strength: None,
            }],
        };
        assert_eq!(table.assess(Facts::default()).rule, "all");
        let assessment = table.assess(Facts { offer: true, ..Facts::default() });
        assert_eq!((assessment.severity, assessment.rule.as_str()), (Severity::Low, ""));
    }

    #[test]
    fn levels_are_read_as_they_are_written() {
        assert!(Severity::ALL.into_iter().all(|level| Severity::parse(level.as_str()) == Some(level)));
    }
}
