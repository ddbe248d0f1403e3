//! What is wrong with a watchlist's files: where, why, and how to mend it.
//!
//! Values of canaries never appear here in full: a file in the wrong place may hold real customers.

use std::fmt;

use serde::Serialize;

/// Most problems listed one by one; the rest is counted.
pub const LISTED_PROBLEMS: usize = 50;

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The watchlist is refused.
    Error,
    /// The watchlist is taken; somebody should know.
    Note,
}

/// One thing that is wrong, at one place of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as a person finds it: `watchlists/example-bank/canaries.csv`.
    pub file: String,
    /// Line, from 1; `None` where the file as a whole is meant.
    pub line: Option<u64>,
    /// Character of the line, from 1.
    pub column: Option<u64>,
    /// The column of the table, or the key of the TOML file.
    pub name: Option<String>,
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub mend: String,
}

impl Problem {
    /// Makes an error that concerns a whole file.
    pub fn new(file: &str, reason: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            file: printable(file),
            line: None,
            column: None,
            name: None,
            severity: Severity::Error,
            reason: printable(&reason.into()),
            mend: printable(&mend.into()),
        }
    }

    /// Places it at a line and a character of it, both from 1.
    #[must_use]
    pub fn at(mut self, line: u64, column: u64) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// Names the column or key it concerns.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(printable(name));
        self
    }

    /// Makes it a note: the watchlist is taken all the same.
    #[must_use]
    pub fn as_note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(formatter, ":{column}")?;
        }
        formatter.write_str(": ")?;
        if self.severity == Severity::Note {
            formatter.write_str("note: ")?;
        }
        if let Some(name) = &self.name {
            write!(formatter, "{name}: ")?;
        }
        write!(formatter, "{}; {}", self.reason, self.mend)
    }
}

/// All problems of one or more watchlists: the first [`LISTED_PROBLEMS`] in full, the rest counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    listed: Vec<Problem>,
    errors: usize,
    unlisted: usize,
}

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        if problem.severity == Severity::Error {
            self.errors = self.errors.saturating_add(1);
        }
        if self.listed.len() < LISTED_PROBLEMS {
            self.listed.push(problem);
        } else {
            self.unlisted = self.unlisted.saturating_add(1);
        }
    }

    /// Adds all of another list.
    pub fn append(&mut self, other: Self) {
        let listed_errors = other.listed.iter().filter(|problem| problem.severity == Severity::Error).count();
        for problem in other.listed {
            self.push(problem);
        }
        self.unlisted = self.unlisted.saturating_add(other.unlisted);
        self.errors = self.errors.saturating_add(other.errors.saturating_sub(listed_errors));
    }

    /// Returns those listed in full, in the order they were met.
    pub fn listed(&self) -> &[Problem] {
        &self.listed
    }

    /// Returns how many more there are than those listed.
    pub const fn unlisted(&self) -> usize {
        self.unlisted
    }

    /// Returns how many are errors, listed or not.
    pub const fn errors(&self) -> usize {
        self.errors
    }

    /// Tells whether there is any error, so that the watchlist is refused.
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Tells whether there is nothing to say at all.
    pub const fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        let mut problems = Self::default();
        problems.push(problem);
        problems
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.listed.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            problem.fmt(formatter)?;
        }
        if self.unlisted > 0 {
            write!(formatter, "\nand {} more", self.unlisted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Keeps what a file or its name holds from driving the terminal or filling it.
fn printable(text: &str) -> String {
    const LIMIT_CHARACTERS: usize = 400;
    text.chars().filter(|character| !character.is_control()).take(LIMIT_CHARACTERS).collect()
}

/// Quotes a cell for a message: words, codes and dates as they are, anything that may identify somebody only by its
/// beginning and length.
pub(super) fn shown(text: &str) -> String {
    if is_shown_whole(text) {
        return format!("\"{text}\"");
    }
    let start: String = text.chars().filter(|character| !character.is_control()).take(2).collect();
    format!("\"{start}…\" ({} characters)", text.chars().count())
}

/// Tells whether a cell is a word, code or date, which identifies nobody.
pub(super) fn is_shown_whole(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_plain = text.is_ascii() && !text.chars().any(|character| character == '@' || character.is_control());
    let is_word = text.len() <= 40 && digits < 7 && !text.contains(' ');
    let separators = text.chars().filter(|character| matches!(character, '-' | '/' | '.')).count();
    let is_date = text.len() <= 10 && digits <= 8 && separators == 2;
    is_plain && (is_word || is_date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_dates_are_shown_and_identifiers_are_not() {
        for text in ["H09", "customers", "2026-02-30", "31/12/2026", "next-week"] {
            assert_eq!(shown(text), format!("\"{text}\""));
        }
        for text in
            ["9999120000000018", "12014504193", "jo@post.example", "闻人知远", "Jo Wrenfield", "2026-02-30 1234567"]
        {
            assert!(!shown(text).contains(text), "{text} is shown");
        }
    }

    #[test]
    fn past_the_limit_problems_are_counted() {
        let mut problems = Problems::default();
        for line in 1..=60 {
            problems.push(Problem::new("canaries.csv", "is odd", "mend it").at(line, 1));
        }
        assert_eq!((problems.listed().len(), problems.unlisted(), problems.errors()), (50, 10, 60));
        assert!(problems.to_string().ends_with("\nand 10 more"));
        let mut all = Problems::default();
        all.push(Problem::new("organization.toml", "is odd", "mend it").as_note());
        all.append(problems);
        assert_eq!((all.listed().len(), all.unlisted(), all.errors()), (50, 11, 60));
    }

    #[test]
    fn a_problem_says_where_why_and_how_to_mend_it() {
        let problem = Problem::new("canaries.csv", "\"2026-02-30\" is not a date", "write it as 2026-03-31");
        assert_eq!(
            problem.at(3, 14).named("planted_at").to_string(),
            "canaries.csv:3:14: planted_at: \"2026-02-30\" is not a date; write it as 2026-03-31"
        );
    }
}
