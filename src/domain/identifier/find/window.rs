//! A group of letters and digits with the few that follow it: what a number may be made of.

use std::ops::Range;

/// More groups than any grouping of any kind.
const GROUPS: usize = 10;
/// The longest grouped value is an IBAN.
const BYTES: usize = 40;

/// A run of ASCII letters and digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_number: bool,
}

impl Group {
    pub(super) const fn length(&self) -> usize {
        self.end - self.start
    }
}

/// A group and its followers, as long as only blanks, dashes, dots, slashes and brackets stand between.
#[derive(Debug)]
pub(super) struct Window<'t> {
    pub(super) text: &'t str,
    groups: [Group; GROUPS],
    lengths: [usize; GROUPS],
    count: usize,
}

/// The digits of some groups, without a heap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits {
    bytes: [u8; BYTES],
    count: usize,
}

impl std::ops::Deref for Digits {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }
}

impl<'t> Window<'t> {
    /// Reads the groups from `start` on; bounded work.
    pub(super) fn read(text: &'t str, start: usize) -> Self {
        let mut window = Self { text, groups: [Group::default(); GROUPS], lengths: [0; GROUPS], count: 0 };
        let bytes = text.as_bytes();
        let (mut at, mut total) = (start, 0);
        while window.count < GROUPS {
            let rest = bytes.get(at..).unwrap_or_default();
            let most = if window.count == 0 { rest.len() } else { BYTES + 1 };
            let length = rest.iter().take(most).take_while(|byte| byte.is_ascii_alphanumeric()).count();
            total += length;
            if length == 0 || (window.count > 0 && total > BYTES) {
                break;
            }
            let is_number = rest.iter().take(length).all(u8::is_ascii_digit);
            if let (Some(group), Some(place)) =
                (window.groups.get_mut(window.count), window.lengths.get_mut(window.count))
            {
                *group = Group { start: at, end: at + length, is_number };
                *place = length;
            }
            window.count += 1;
            let after = rest.get(length..).unwrap_or_default();
            let gap = after.iter().take(4).take_while(|byte| is_gap(**byte)).count();
            if gap == 0 || gap > 3 {
                break;
            }
            at += length + gap;
        }
        window
    }

    pub(super) fn groups(&self) -> &[Group] {
        self.groups.get(..self.count).unwrap_or_default()
    }

    /// Returns the lengths of the first `count` groups.
    pub(super) fn lengths(&self, count: usize) -> &[usize] {
        self.lengths.get(..count.min(self.count)).unwrap_or_default()
    }

    /// Returns the digits of the first `count` groups, forty at most.
    pub(super) fn digits(&self, count: usize) -> Digits {
        let mut digits = Digits { bytes: [0; BYTES], count: 0 };
        for byte in self.part(count).1.bytes().filter(u8::is_ascii_digit) {
            let Some(place) = digits.bytes.get_mut(digits.count) else { break };
            *place = byte;
            digits.count += 1;
        }
        digits
    }

    /// Returns the first group.
    pub(super) fn first(&self) -> Group {
        self.groups[0]
    }

    /// Returns where the first group ends; always past its start.
    pub(super) fn first_end(&self) -> usize {
        self.groups[0].end.max(self.groups[0].start + 1)
    }

    /// Returns the groups at the beginning that are numbers.
    pub(super) fn numbers(&self) -> &[Group] {
        let count = self.groups().iter().take_while(|group| group.is_number).count();
        self.groups().get(..count).unwrap_or_default()
    }

    /// Returns what stands between a group and the next.
    pub(super) fn gap(&self, index: usize) -> &'t str {
        let between = self.groups().get(index).zip(self.groups().get(index + 1));
        between.and_then(|(left, right)| self.text.get(left.end..right.start)).unwrap_or_default()
    }

    /// Returns the one gap that stands between all of the first `count` groups.
    pub(super) fn common_gap(&self, count: usize) -> Option<&'t str> {
        let gap = self.gap(0);
        (1..count.saturating_sub(1)).all(|index| self.gap(index) == gap).then_some(gap)
    }

    /// Returns the text from the first group to the last of `count`.
    pub(super) fn part(&self, count: usize) -> (Range<usize>, &'t str) {
        let start = self.first().start;
        let end = self.groups().get(count.saturating_sub(1)).map_or(start, |last| last.end);
        (start..end, self.text.get(start..end).unwrap_or_default())
    }

    /// Tells whether digits go on on either side behind a dash or a dot, so that what is between is a part of something.
    pub(super) fn is_part(&self, count: usize) -> bool {
        let (range, _) = self.part(count);
        self.goes_on_before() || joins(self.text.get(range.end..).unwrap_or_default().chars())
    }

    /// Tells whether a dash or a dot and a digit stand before.
    pub(super) fn goes_on_before(&self) -> bool {
        joins(self.text.get(..self.first().start).unwrap_or_default().chars().rev())
    }
}

fn joins(mut characters: impl Iterator<Item = char>) -> bool {
    matches!(characters.next(), Some('-' | '.' | '_'))
        && characters.next().is_some_and(|next| next.is_ascii_alphanumeric())
}

const fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_where_something_else_stands_between() {
        let window = Window::read("4111 1111-1111,1111", 0);
        assert_eq!(window.groups().len(), 3);
        assert_eq!((window.gap(0), window.gap(1), window.common_gap(3)), (" ", "-", None));
        assert_eq!(window.part(2), (0..9, "4111 1111"));
        assert!(window.is_part(2) && !window.is_part(3));
        assert_eq!(Window::read("1 2 3 4 5 6 7 8 9 10 11 12", 0).groups().len(), GROUPS);
        assert_eq!(Window::read("a", 1).groups().len(), 0);
    }
}
