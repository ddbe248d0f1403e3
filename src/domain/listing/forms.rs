//! Short words of one purpose (currencies, units, labels), found at a place of a text by their first or last byte.
//!
//! For a few dozen words next to a number or a name; phrases anywhere in a text are `vocabulary`'s.

/// Words with what each means, by the byte that a text is looked at first.
pub(super) struct Forms<T> {
    by_byte: Vec<Vec<(&'static str, T)>>,
    /// A bit for each pair of bytes that a word may meet a text with: nearly every place is told by one look.
    pairs: Vec<u64>,
}

impl<T: Copy> Forms<T> {
    /// Orders words by their first byte, for [`Forms::at_start`].
    pub(super) fn starting(words: impl IntoIterator<Item = (&'static str, T)>) -> Self {
        Self::by(words, |word| Edge::start(word.as_bytes()))
    }

    /// Orders words by their last byte, for [`Forms::at_end`].
    pub(super) fn ending(words: impl IntoIterator<Item = (&'static str, T)>) -> Self {
        Self::by(words, |word| Edge::end(word.as_bytes()))
    }

    fn by(words: impl IntoIterator<Item = (&'static str, T)>, edge: impl Fn(&str) -> Option<Edge>) -> Self {
        let mut forms = Self { by_byte: (0..256).map(|_| Vec::new()).collect(), pairs: vec![0; 1 << 10] };
        for (word, meaning) in words {
            let Some(Edge { outer, inner }) = edge(word) else { continue };
            // A word of one byte may be beside any.
            for inner in inner.map_or(0..=u8::MAX, |inner| inner..=inner) {
                let (slot, bit) = Edge { outer, inner: Some(inner) }.place();
                if let Some(slot) = forms.pairs.get_mut(slot) {
                    *slot |= bit;
                }
            }
            if let Some(list) = forms.by_byte.get_mut(usize::from(outer)) {
                list.push((word, meaning));
            }
        }
        for list in &mut forms.by_byte {
            list.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        }
        forms
    }

    fn of(&self, edge: Option<Edge>) -> &[(&'static str, T)] {
        let may_meet = |edge: &Edge| {
            let (slot, bit) = edge.place();
            self.pairs.get(slot).is_some_and(|slot| slot & bit != 0)
        };
        edge.filter(may_meet).and_then(|edge| self.by_byte.get(usize::from(edge.outer))).map_or(&[], Vec::as_slice)
    }

    /// Tells by two bytes whether a text may end with one of the words.
    pub(super) fn may_end(&self, text: &[u8]) -> bool {
        !self.of(Edge::end(text)).is_empty()
    }

    /// Finds the longest word that a text starts with and that `accept` takes, given the word and what follows it.
    pub(super) fn at_start(&self, text: &str, accept: impl Fn(&str, &str) -> bool) -> Option<(&'static str, T)> {
        let fits = |word: &str| text.strip_prefix(word).is_some_and(|rest| accept(word, rest));
        self.of(Edge::start(text.as_bytes())).iter().find(|(word, _)| fits(word)).copied()
    }

    /// Finds the longest word that a text ends with and that `accept` takes, given the word and what goes before it.
    pub(super) fn at_end(&self, text: &str, accept: impl Fn(&str, &str) -> bool) -> Option<(&'static str, T)> {
        let fits = |word: &str| text.strip_suffix(word).is_some_and(|rest| accept(word, rest));
        self.of(Edge::end(text.as_bytes())).iter().find(|(word, _)| fits(word)).copied()
    }
}

/// The two bytes at one end of a text, the second of which a text of one byte lacks.
#[derive(Clone, Copy)]
struct Edge {
    outer: u8,
    inner: Option<u8>,
}

impl Edge {
    fn start(bytes: &[u8]) -> Option<Self> {
        Some(Self { outer: *bytes.first()?, inner: bytes.get(1).copied() })
    }

    fn end(bytes: &[u8]) -> Option<Self> {
        let (outer, rest) = bytes.split_last()?;
        Some(Self { outer: *outer, inner: rest.last().copied() })
    }

    /// Which bit of the table it is. What is not there counts as zero, which no word holds, but words of one byte allow.
    fn place(self) -> (usize, u64) {
        let inner = self.inner.unwrap_or_default();
        (usize::from(self.outer) << 2 | usize::from(inner >> 6), 1 << (inner & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_word_that_is_accepted_wins() {
        let forms = Forms::starting([("us", 1), ("usd", 2), ("usdt", 3)]);
        assert_eq!(forms.at_start("usdt 5", |_, _| true), Some(("usdt", 3)));
        assert_eq!(forms.at_start("usdt 5", |_, rest| rest.starts_with('t')), Some(("usd", 2)));
        let forms = Forms::ending([("tg", 1), ("飞机", 2)]);
        assert_eq!(forms.at_end("联系飞机", |_, before| before == "联系"), Some(("飞机", 2)));
        assert_eq!(forms.at_end("", |_, _| true), None);
        let forms = Forms::ending([("a", 1), ("ba", 2)]);
        assert_eq!(
            ["a", "xa", "ba", "ab"].map(|text| forms.at_end(text, |_, _| true).map(|(_, form)| form)),
            [Some(1), Some(1), Some(2), None]
        );
    }
}
