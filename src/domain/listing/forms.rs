//! Short words of one purpose (currencies, units, labels), found at a place of a text by their first or last byte.
//!
//! For a few dozen words next to a number or a name; phrases anywhere in a text are `vocabulary`'s.

/// Words with what each means, by the byte that a text is looked at first.
pub(super) struct Forms<T> {
    by_byte: Vec<Vec<(&'static str, T)>>,
}

impl<T: Copy> Forms<T> {
    /// Orders words by their first byte, for [`Forms::at_start`].
    pub(super) fn starting(words: impl IntoIterator<Item = (&'static str, T)>) -> Self {
        Self::by(words, |word| word.as_bytes().first().copied())
    }

    /// Orders words by their last byte, for [`Forms::at_end`].
    pub(super) fn ending(words: impl IntoIterator<Item = (&'static str, T)>) -> Self {
        Self::by(words, |word| word.as_bytes().last().copied())
    }

    fn by(words: impl IntoIterator<Item = (&'static str, T)>, byte: impl Fn(&str) -> Option<u8>) -> Self {
        let mut by_byte: Vec<Vec<(&'static str, T)>> = (0..256).map(|_| Vec::new()).collect();
        for (word, meaning) in words {
            if let Some(list) = byte(word).and_then(|byte| by_byte.get_mut(usize::from(byte))) {
                list.push((word, meaning));
            }
        }
        for list in &mut by_byte {
            list.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        }
        Self { by_byte }
    }

    fn of(&self, byte: Option<&u8>) -> &[(&'static str, T)] {
        byte.and_then(|byte| self.by_byte.get(usize::from(*byte))).map_or(&[], Vec::as_slice)
    }

    /// Finds the longest word that a text starts with and that `accept` takes, given the word and what follows it.
    pub(super) fn at_start(&self, text: &str, accept: impl Fn(&str, &str) -> bool) -> Option<(&'static str, T)> {
        let fits = |word: &str| text.strip_prefix(word).is_some_and(|rest| accept(word, rest));
        self.of(text.as_bytes().first()).iter().find(|(word, _)| fits(word)).copied()
    }

    /// Finds the longest word that a text ends with and that `accept` takes, given the word and what goes before it.
    pub(super) fn at_end(&self, text: &str, accept: impl Fn(&str, &str) -> bool) -> Option<(&'static str, T)> {
        let fits = |word: &str| text.strip_suffix(word).is_some_and(|rest| accept(word, rest));
        self.of(text.as_bytes().last()).iter().find(|(word, _)| fits(word)).copied()
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
    }
}
