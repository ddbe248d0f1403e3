//! Which range of the source a range of a view came from, kept as segments of equal step.
//!
//! A page of plain text is one segment; a run of full-width digits is one segment of step 3 → 1. Maps are made only
//! for documents in which something was found.

use std::ops::Range;

/// A map from byte offsets of a view to byte ranges of what it was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetMap {
    segments: Vec<Segment>,
}

/// Takes note of where a view's bytes come from while it is made: an [`OffsetMap`], or [`NoTrace`] when nobody will ask.
pub(super) trait Trace {
    /// Notes a copy; see [`OffsetMap::copy`].
    fn copy(&mut self, view: usize, source: usize, length: usize);
    /// Notes bytes made as one; see [`OffsetMap::atom`].
    fn atom(&mut self, view: usize, view_length: usize, source: Range<usize>);
    /// Notes that what stands at `view` was made again, from its old source up to `source_end`.
    fn remake(&mut self, view: usize, view_length: usize, source_end: usize);
    /// Appends the trace of a view that was appended at `view`.
    fn append(&mut self, other: &Self, view: usize);
    /// Forgets what was noted from `view` on.
    fn truncate(&mut self, view: usize);
}

/// Takes no notes.
#[derive(Debug, Default)]
pub(super) struct NoTrace;

impl Trace for NoTrace {
    fn copy(&mut self, _view: usize, _source: usize, _length: usize) {}
    fn atom(&mut self, _view: usize, _view_length: usize, _source: Range<usize>) {}
    fn remake(&mut self, _view: usize, _view_length: usize, _source_end: usize) {}
    fn append(&mut self, _other: &Self, _view: usize) {}
    fn truncate(&mut self, _view: usize) {}
}

/// From `view` on, up to the next segment, every `view_step` bytes were made from `source_step` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    view: usize,
    source: usize,
    view_step: usize,
    source_step: usize,
}

impl Trace for OffsetMap {
    /// Notes that `length` bytes of the view are a copy of the source, or at least of equal width character by character.
    fn copy(&mut self, view: usize, source: usize, length: usize) {
        if length > 0 {
            self.push(Segment { view, source, view_step: 1, source_step: 1 });
        }
    }

    /// Notes that `view_length` bytes were made, as one, from `source`; nothing if the view got no byte.
    fn atom(&mut self, view: usize, view_length: usize, source: Range<usize>) {
        if view_length > 0 {
            self.push(Segment {
                view,
                source: source.start,
                view_step: view_length,
                source_step: source.end.saturating_sub(source.start),
            });
        }
    }

    fn remake(&mut self, view: usize, view_length: usize, source_end: usize) {
        let start = self.atom_at(view).start;
        self.atom(view, view_length, start..source_end.max(start));
    }

    fn append(&mut self, other: &Self, view: usize) {
        for segment in &other.segments {
            self.push(Segment { view: segment.view + view, ..*segment });
        }
    }

    fn truncate(&mut self, view: usize) {
        self.segments.truncate(self.segments.partition_point(|segment| segment.view < view));
    }
}

impl OffsetMap {
    fn push(&mut self, segment: Segment) {
        if let Some(last) = self.segments.last() {
            let grown = segment.view.saturating_sub(last.view);
            let is_same_step = last.view_step == segment.view_step && last.source_step == segment.source_step;
            let is_next = grown % last.view_step == 0
                && last.source + grown / last.view_step * last.source_step == segment.source;
            if is_same_step && is_next {
                return;
            }
        }
        self.segments.push(segment);
    }

    /// Returns the source range that a non-empty range of the view was made from.
    ///
    /// Bytes of the source that left nothing in the view are inside only when they lie between kept ones.
    pub fn to_source(&self, view: &Range<usize>) -> Range<usize> {
        let start = self.atom_at(view.start).start;
        let end = if view.end > view.start { self.atom_at(view.end - 1).end } else { start };
        start..end.max(start)
    }

    fn atom_at(&self, view: usize) -> Range<usize> {
        let after = self.segments.partition_point(|segment| segment.view <= view);
        let Some(segment) = after.checked_sub(1).and_then(|index| self.segments.get(index)) else {
            return view..view + 1;
        };
        let steps = (view - segment.view) / segment.view_step;
        let start = segment.source + steps * segment.source_step;
        start..start + segment.source_step
    }

    /// Counts the segments: how irregular the view is.
    pub const fn len(&self) -> usize {
        self.segments.len()
    }

    /// Tells whether nothing was noted: the view is empty, or the source itself.
    pub const fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_steps_are_one_segment() {
        let mut map = OffsetMap::default();
        for digit in 0..16 {
            map.atom(digit, 1, 3 * digit..3 * digit + 3);
        }
        assert_eq!(map.len(), 1);
        assert_eq!(map.to_source(&(2..5)), 6..15);
    }

    #[test]
    fn dropped_source_bytes_count_only_between_kept_ones() {
        let mut map = OffsetMap::default();
        map.copy(0, 3, 4);
        map.copy(4, 10, 4);
        assert_eq!(map.to_source(&(0..4)), 3..7);
        assert_eq!(map.to_source(&(4..8)), 10..14);
        assert_eq!(map.to_source(&(3..5)), 6..11);
    }

    #[test]
    fn an_appended_map_keeps_its_sources() {
        let mut main = OffsetMap::default();
        main.copy(0, 0, 5);
        let mut extra = OffsetMap::default();
        extra.atom(0, 1, 7..13);
        main.append(&extra, 5);
        assert_eq!(main.to_source(&(5..6)), 7..13);
    }

    #[test]
    fn an_empty_map_is_the_identity() {
        assert_eq!(OffsetMap::default().to_source(&(4..9)), 4..9);
    }
}
