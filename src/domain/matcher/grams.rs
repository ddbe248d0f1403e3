//! Many literals at once: eight bytes of each, where a word begins, looked up at every beginning of a word.
//!
//! Of the places at which words begin in a literal, the one is taken whose eight bytes are rarest among all literals, so that
//! ten thousand addresses of one city are told apart by their streets. Not here: literals without eight such bytes (`literal`
//! gives those to an automaton).

use std::ops::Range;

use super::table::{Table, hash};
use crate::domain::text::block::{BLOCK_BYTES, Edge, block_at, word_starts};

const GRAM_BYTES: usize = 8;
/// Counters of how often grams occur among literals; some share one.
const COUNTERS: usize = 1 << 20;

/// Literals, each found by one gram.
#[derive(Debug, Default)]
pub(super) struct Grams {
    table: Table,
    /// All literals, one after another.
    texts: String,
    literals: Vec<Literal>,
}

#[derive(Debug, Clone, Copy)]
struct Literal {
    /// Its number among all.
    number: u32,
    /// Where it ends among the texts; it begins where the one before ends.
    end: u32,
    /// Where its gram stands in it.
    offset: u32,
}

impl Grams {
    /// Takes the literals that have a gram; gives the numbers of the others.
    pub(super) fn build(texts: &[&str]) -> (Self, Vec<u32>) {
        let mut counts = vec![0_u16; COUNTERS];
        for (_, hash) in texts.iter().flat_map(|text| grams(text)) {
            if let Some(count) = counts.get_mut(counter(hash)) {
                *count = count.saturating_add(1);
            }
        }
        let (mut own, mut pairs, mut others) = (Self::default(), Vec::new(), Vec::new());
        for (number, text) in (0..).zip(texts) {
            let rarest = grams(text).min_by_key(|(_, hash)| counts.get(counter(*hash)).copied());
            let Some((offset, hash)) = rarest else {
                others.push(number);
                continue;
            };
            pairs.push((hash, u32::try_from(own.literals.len()).unwrap_or(u32::MAX)));
            own.texts.push_str(text);
            let end = u32::try_from(own.texts.len()).unwrap_or(u32::MAX);
            own.literals.push(Literal { number, end, offset });
        }
        own.table = Table::build(&[pairs]);
        (own, others)
    }

    /// Calls `found` with the range and the number of every literal in a folded text that may stand between boundaries.
    pub(super) fn walk(&self, text: &str, found: &mut impl FnMut(Range<usize>, u32)) {
        if self.table.is_empty() {
            return;
        }
        let bytes = text.as_bytes();
        let mut edge = Edge::default();
        for start in (0..bytes.len()).step_by(BLOCK_BYTES) {
            let (mut mask, next) = word_starts(&block_at(bytes, start), edge);
            edge = next;
            while mask != 0 {
                let at = start + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                let Some(gram) = bytes.get(at..).and_then(|rest| rest.first_chunk::<GRAM_BYTES>()) else { return };
                let hash = hash(gram);
                if self.table.may_hold(hash) {
                    self.compare(text, at, hash, found);
                }
            }
        }
    }

    fn compare(&self, text: &str, at: usize, hash: u64, found: &mut impl FnMut(Range<usize>, u32)) {
        for index in self.table.meanings(hash) {
            let Some(literal) = self.literals.get(index as usize) else { continue };
            let Some(start) = at.checked_sub(literal.offset as usize) else { continue };
            let own = self.text(index as usize);
            let range = start..start + own.len();
            if text.get(range.clone()) == Some(own) {
                found(range, literal.number);
            }
        }
    }

    fn text(&self, index: usize) -> &str {
        let end = |index: usize| self.literals.get(index).map_or(0, |literal| literal.end as usize);
        self.texts.get(index.checked_sub(1).map_or(0, end)..end(index)).unwrap_or_default()
    }

    /// Bytes kept.
    pub(super) const fn bytes(&self) -> usize {
        self.table.bytes() + self.texts.len() + self.literals.len() * size_of::<Literal>()
    }
}

/// Lists the grams of a literal, with their places: where a word surely begins in every text that holds the literal between
/// boundaries.
fn grams(text: &str) -> impl Iterator<Item = (u32, u64)> {
    let (mut mask, _) = word_starts(&block_at(text.as_bytes(), 0), Edge::default());
    std::iter::from_fn(move || {
        while mask != 0 {
            let at = mask.trailing_zeros();
            mask &= mask - 1;
            let rest = text.get(at as usize..)?;
            // A sign may follow a letter directly and is then no beginning; Han and whatever takes three bytes always is.
            let begins = |first: char| first.is_alphanumeric() || u32::from(first) >= 0x800;
            if let Some(gram) = rest.as_bytes().first_chunk::<GRAM_BYTES>()
                && rest.chars().next().is_some_and(begins)
            {
                return Some((at, hash(gram)));
            }
        }
        None
    })
}

fn counter(hash: u64) -> usize {
    usize::try_from(hash).unwrap_or_default() % COUNTERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_that_begin_alike_are_told_apart_by_what_they_do_not_share() {
        let texts: Vec<String> = (0..5000).map(|number| format!("北京市海淀区中关村大街{number}号")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (grams, others) = Grams::build(&texts);
        assert!(others.is_empty());
        let mut found = Vec::new();
        grams.walk(
            "北京市海淀区中关村大街4321号 北京市海淀区中关村大街 北京市海淀区",
            &mut |range, number| found.push((range.start, number)),
        );
        assert_eq!(found, vec![(0, 4321)]);
        let asked = grams.table.meanings(hash("北京市".as_bytes().first_chunk::<8>().unwrap())).count();
        assert!(asked < 100, "{asked} literals share the gram of a city");
    }

    #[test]
    fn what_is_too_short_for_a_gram_is_given_back() {
        let (grams, others) = Grams::build(&["anna", "欧阳", "欧阳采薇", "«»«»«»«»"]);
        assert_eq!(others, vec![0, 1, 3]);
        assert_eq!(grams.literals.len(), 1);
    }
}
