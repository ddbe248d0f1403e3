//! Telephone numbers: international ones by their plus, national ones by the habits of their countries or a word before.

use std::ops::Range;

use super::super::{Kind, phone};
use super::window::Window;
use super::{Finder, Identified};

/// What speaks for a run of groups being a telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A plus: told even if no country has given it out.
    International,
    /// Grouped, or begun, as people of some country do: told if valid.
    National,
    /// Nothing.
    Bare,
}

impl Finder<'_> {
    /// Notes the telephone number that begins with a window's first group.
    pub(super) fn phone(&mut self, window: &Window<'_>) {
        let numbers = window.numbers();
        let plus = plus_before(self.text, window.first().start);
        if numbers.is_empty() || (plus.is_none() && window.goes_on_before()) {
            return;
        }
        let start = plus.unwrap_or_else(|| bracket_before(self.text, window));
        let mut failed = None;
        for count in (1..=numbers.len()).rev() {
            let (part, _) = window.part(count);
            let digits = window.digits(count);
            if !(7..=18).contains(&digits.len()) || (plus.is_none() && window.is_part(count)) {
                continue;
            }
            let range = start..part.end;
            let form = if plus.is_some() { Form::International } else { form(window, count, &digits) };
            if form == Form::Bare && !self.words.say(start, Kind::Phone) {
                continue;
            }
            if self.note_phone(range.clone(), &digits, form) {
                return;
            }
            if form == Form::International && digits.len() <= 15 && failed.is_none() {
                failed = self.text.get(range.clone()).and_then(phone::canonical).map(|canonical| (range, canonical));
            }
        }
        let is_clear = self.text.as_bytes().get(start.wrapping_sub(1)).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if let Some((range, canonical)) = failed.filter(|_| is_clear) {
            self.found.push(Identified { kind: Kind::Phone, range, canonical, is_valid: false });
        }
    }

    /// Notes the likeliest of a number's readings that is given out.
    fn note_phone(&mut self, range: Range<usize>, digits: &[u8], form: Form) -> bool {
        let spelling = self.text.get(range.clone()).unwrap_or_default();
        let international = (form == Form::International).then(|| phone::canonical(spelling)).flatten();
        let mut national = (form != Form::International).then(|| phone::readings(digits)).into_iter().flatten();
        let valid = international.filter(|number| phone::is_valid(number)).or_else(|| {
            national.find(|number| phone::is_valid(number.as_str())).map(|number| number.as_str().to_owned())
        });
        let Some(canonical) = valid else { return false };
        self.found.push(Identified { kind: Kind::Phone, range, canonical, is_valid: true });
        true
    }
}

/// Returns where a plus before a place stands: `+86`, `+(86)`.
fn plus_before(text: &str, at: usize) -> Option<usize> {
    let before = text.as_bytes().get(..at)?;
    match before {
        [.., b'+'] => at.checked_sub(1),
        [.., b'+', b'('] => at.checked_sub(2),
        _ => None,
    }
}

/// Takes the bracket of an area code along: `(212) 555-0142`.
fn bracket_before(text: &str, window: &Window<'_>) -> usize {
    let start = window.first().start;
    let is_open = start.checked_sub(1).and_then(|at| text.as_bytes().get(at)) == Some(&b'(');
    if is_open && window.gap(0).starts_with(')') { start - 1 } else { start }
}

/// Tells how much a number's form says; see [`Form`].
fn form(window: &Window<'_>, count: usize, digits: &[u8]) -> Form {
    // Blanks alone also stand between the columns of any table.
    let is_marked = (0..count.saturating_sub(1)).any(|index| window.gap(index) != " ");
    let is_chinese = matches!(digits, [b'1', b'3'..=b'9', ..]);
    let is_national = match window.lengths(count) {
        [11] => is_chinese || matches!(digits, [b'7' | b'8', b'9', ..]),
        [3, 4, 4] => is_chinese,
        [13] | [2, 11] | [2, 3, 4, 4] => matches!(digits, [b'8', b'6', b'1', b'3'..=b'9', ..]),
        [3, 8] | [4, 7 | 8] => is_marked && digits.first() == Some(&b'0'),
        [3, 3, 4] | [3, 3, 2, 2] => is_marked,
        [1, 3, 3, 4] => is_marked && matches!(digits, [b'1' | b'7' | b'8', ..]),
        [1, 3, 3, 2, 2] | [1, 10] | [1, 3, 7] => matches!(digits, [b'7' | b'8', ..]),
        [2..=5, _, ..] if digits.starts_with(b"00") => true,
        [14 | 15] => digits.starts_with(b"0086"),
        _ => false,
    };
    if is_national { Form::National } else { Form::Bare }
}
