//! A text that is made by rewriting parts of another.

use std::ops::Range;

use super::map::{NoTrace, Trace};

/// What has been written so far, and where it came from.
#[derive(Debug)]
pub(super) struct Draft<'a, T> {
    pub(super) source: &'a str,
    pub(super) text: String,
    pub(super) trace: T,
    /// How many places were written otherwise than they stood.
    pub(super) changes: usize,
    /// Whether bytes beyond ASCII were left that another charset may explain.
    pub(super) is_foreign: bool,
}

impl<'a, T: Trace + Default> Draft<'a, T> {
    pub(super) fn of(source: &'a str) -> Self {
        Self { source, text: String::new(), trace: T::default(), changes: 0, is_foreign: false }
    }

    /// Writes a part of the source as it stands.
    pub(super) fn copy(&mut self, range: Range<usize>) {
        if let Some(piece) = self.source.get(range.clone()).filter(|piece| !piece.is_empty()) {
            self.trace.copy(self.text.len(), range.start, piece.len());
            self.text.push_str(piece);
        }
    }

    /// Writes something else for a part of the source; nothing at all if that says nothing.
    pub(super) fn replace(&mut self, range: Range<usize>, characters: impl IntoIterator<Item = char>) {
        let view = self.text.len();
        self.text.extend(characters);
        self.trace.atom(view, self.text.len() - view, range);
        self.changes += 1;
    }

    /// Ends a part that is taken out of its surroundings.
    pub(super) fn end_line(&mut self, at: usize) {
        self.trace.atom(self.text.len(), 1, at..at);
        self.text.push('\n');
    }

    /// Takes back what was written from an offset on.
    pub(super) fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
        self.trace.truncate(length);
    }
}

/// Rewrites a whole text with something that rewrites a part of a draft.
pub(super) fn rewritten(source: &str, rewrite: impl Fn(&mut Draft<'_, NoTrace>, Range<usize>)) -> String {
    let mut draft = Draft::of(source);
    rewrite(&mut draft, 0..source.len());
    draft.text
}
