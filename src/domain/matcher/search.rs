//! All walks over one folded text: numbers, addresses, literals, customers.

use std::ops::Range;

use super::compile::{Compiled, Target};
use super::row::{Find, Reading};
use super::scan::{Cut, TORN_BYTES};
use super::testing::{Depth, Print, Tally, Tester};
use super::{email, groups};
use crate::domain::identifier::Form;

/// Shorter values are equal to some of the numbers that programs list, `0, 0, 4, 0, 1022`, sooner or later.
const LISTED_BYTES: usize = 12;

/// Finds every spelling in a folded text.
pub(super) fn finds(compiled: &Compiled, text: &str, cut: &Cut) -> Vec<Find> {
    let mut search = Search { compiled, text, cut, finds: Vec::new(), last: None, tester: None };
    search.walk();
    search.finds
}

/// Finds every spelling and every customer in a folded text, and counts who could be one.
pub(super) fn finds_and_prints(
    compiled: &Compiled,
    text: &str,
    cut: &Cut,
    tally: &mut Tally,
) -> (Vec<Find>, Vec<Print>) {
    tested(compiled, text, cut, || Tester::new(&compiled.testing, tally, text.as_bytes(), cut.start as u64))
}

/// The same in a text within the view that was searched last.
pub(super) fn finds_and_prints_within(
    compiled: &Compiled,
    text: &str,
    cut: &Cut,
    (tally, depth): (&mut Tally, Depth),
) -> (Vec<Find>, Vec<Print>) {
    tested(compiled, text, cut, || Tester::within(&compiled.testing, tally, text.as_bytes(), depth))
}

fn tested<'a>(
    compiled: &'a Compiled,
    text: &'a str,
    cut: &'a Cut,
    tester: impl FnOnce() -> Tester<'a>,
) -> (Vec<Find>, Vec<Print>) {
    if compiled.testing.is_empty() {
        return (finds(compiled, text, cut), Vec::new());
    }
    let mut search = Search { compiled, text, cut, finds: Vec::new(), last: None, tester: Some(tester()) };
    search.walk();
    let prints = search.tester.map(Tester::finish).unwrap_or_default();
    (search.finds, prints)
}

/// Takes part in the walks over one text.
struct Search<'a> {
    compiled: &'a Compiled,
    text: &'a str,
    cut: &'a Cut,
    finds: Vec<Find>,
    /// What was compared last: in a list of one value it is compared once.
    last: Option<Compared<'a>>,
    tester: Option<Tester<'a>>,
}

/// A part of the text that was compared with a value, and what it stands for.
#[derive(Clone, Copy)]
struct Compared<'a> {
    found: &'a str,
    value: u32,
    form: Form,
    target: Option<Target>,
}

impl Search<'_> {
    fn walk(&mut self) {
        let (compiled, text) = (self.compiled, self.text);
        groups::Walk::over(text.as_bytes(), &compiled.numbers, &compiled.shape, &mut *self);
        if !compiled.emails.is_empty() || self.tester.is_some() {
            email::walk(text, &compiled.emails, self);
        }
        compiled.literals.walk(text, |range, value| {
            self.note(range, value, Form::Literal);
        });
    }

    /// Keeps what was found if it is a spelling of the value; tells whether it is.
    fn note(&mut self, range: Range<usize>, value: u32, form: Form) -> bool {
        let found = self.text.get(range.clone()).unwrap_or_default();
        let reading = if form == Form::Compact { Reading::Compact } else { Reading::Plain };
        let same = self.last.filter(|last| (last.value, last.form) == (value, form) && last.found == found);
        let target = same.map_or_else(|| self.target(found, value, form), |same| same.target);
        self.last = Some(Compared { found, value, form, target });
        let is_torn = (self.cut.is_cut_before && range.start < TORN_BYTES)
            || (self.cut.is_cut_after && range.end + TORN_BYTES > self.text.len());
        self.finds.extend(target.filter(|_| !is_torn).map(|target| Find { range, target, reading }));
        target.is_some()
    }
}

impl Search<'_> {
    fn target(&self, found: &str, value: u32, form: Form) -> Option<Target> {
        match form {
            Form::Compact => {
                let compact: String = found.chars().filter(char::is_ascii_alphanumeric).collect();
                let mut target = self.compiled.target(value, form, &compact);
                if let Some(target) = target.as_mut().filter(|_| compact.len() < LISTED_BYTES && found.contains(", ")) {
                    target.stands_alone = false;
                }
                target
            }
            Form::Email | Form::Literal => self.compiled.target(value, form, found),
        }
    }
}

impl groups::Listener for &mut Search<'_> {
    fn found(&mut self, range: Range<usize>, value: u32) {
        self.note(range, value, Form::Compact);
    }

    fn group(&mut self, range: Range<usize>) {
        if let Some(tester) = &mut self.tester {
            tester.group(range);
        }
    }

    fn cut(&mut self) {
        if let Some(tester) = &mut self.tester {
            tester.cut();
        }
    }
}

impl email::Listener for Search<'_> {
    fn address(&mut self, range: &Range<usize>) {
        if let Some(tester) = &mut self.tester {
            tester.email(range);
        }
    }

    fn found(&mut self, range: Range<usize>, value: u32) -> bool {
        self.note(range, value, Form::Email)
    }
}
