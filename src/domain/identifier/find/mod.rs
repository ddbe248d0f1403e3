//! Finds identifiers in a text by their own rules, without a watchlist: what `identify` shows.
//!
//! Strict: a shape that fails its check is told only where a word before it or its very form says what it is meant to be.
//! Values do not run over the end of a line or a cell. Not here: planted values in any spelling (`matcher`).

mod context;
mod mails;
mod numbers;
mod phones;
mod resolve;
mod tokens;
mod window;

use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;

use super::{Kind, canonical, is_valid, mask};
use crate::domain::text::{Form, View};
use context::Words;
use window::Window;

/// An identifier in a text.
#[derive(Clone, PartialEq, Eq)]
pub struct Identified {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes of what was given.
    pub range: Range<usize>,
    /// Its canonical form.
    pub canonical: String,
    /// Whether that is valid by public rules.
    pub is_valid: bool,
}

impl fmt::Debug for Identified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, range, canonical, is_valid } = self;
        write!(formatter, "{} {range:?} {} {is_valid}", kind.as_str(), mask(*kind, canonical))
    }
}

/// Finds the identifiers of a text, in order; of overlapping readings the valid, then the longer one.
///
/// A number that is valid as several kinds is told as each, in the order resident identity, card, company code, taxpayer,
/// insurance, social security, account, telephone.
pub fn identify(text: &str) -> Vec<Identified> {
    identify_view(&View::of_piece(text.as_bytes(), "utf-8", Form::Plain, String::new()))
}

/// Finds the identifiers of a view; ranges are raw bytes of the document it was made from.
pub fn identify_view(view: &View<'_>) -> Vec<Identified> {
    let locator = OnceCell::new();
    let written = |range: &Range<usize>| locator.get_or_init(|| view.locator()).unfolded(range).to_owned();
    let mut finder = Finder { text: &view.text, words: Words::of(&view.text), written: &written, found: Vec::new() };
    finder.run();
    let mut found = resolve::resolve(finder.found);
    if found.is_empty() {
        return found;
    }
    let locator = locator.get_or_init(|| view.locator());
    for identified in &mut found {
        let span = locator.place(&identified.range).span;
        identified.range =
            usize::try_from(span.start).unwrap_or(usize::MAX)..usize::try_from(span.end).unwrap_or(usize::MAX);
    }
    found
}

/// What is found so far in a folded text.
struct Finder<'a> {
    text: &'a str,
    words: Words<'a>,
    /// Tells how a range was written before it was folded: wallets have capitals.
    written: &'a dyn Fn(&Range<usize>) -> String,
    found: Vec<Identified>,
}

/// What is told of a shape that fails its check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weak {
    /// Its form alone says what it is meant to be.
    Told,
    /// Only beside a word that says so.
    ToldBesideWord,
    /// Nothing.
    Untold,
}

impl Finder<'_> {
    /// Goes over all groups of letters and digits that hold a digit, each with what follows it.
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(digit) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
            let digit = at + digit;
            let before = bytes.get(at..digit).unwrap_or_default();
            let start = digit - before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let window = Window::read(self.text, start);
            at = window.first_end();
            self.number(&window);
            self.phone(&window);
            self.token(&window);
        }
        self.mails();
        self.handles();
    }

    /// Notes what a spelling means as a kind, if its check passes or its failing is worth telling.
    fn note(&mut self, kind: Kind, range: Range<usize>, spelling: &str, weak: Weak) -> bool {
        let Some(canonical) = canonical(kind, spelling) else { return false };
        let is_valid = is_valid(kind, &canonical);
        let is_told = is_valid
            || match weak {
                Weak::Told => true,
                Weak::ToldBesideWord => self.words.say(range.start, kind),
                Weak::Untold => false,
            };
        if is_told {
            self.found.push(Identified { kind, range, canonical, is_valid });
        }
        is_told
    }
}

#[cfg(test)]
mod tests;
