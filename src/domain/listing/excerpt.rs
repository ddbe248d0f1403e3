//! What of a long text is read closely: its start, its end, and the passages where the trade's words stand together.
//!
//! Phrases are looked for everywhere before; an offer hidden far down draws its passage in. Quotations are left out, of sample
//! rows the first few are kept.

use std::ops::Range;

use super::layout::{Line, LineKind};
use super::vocabulary::{Concept, Mention};

/// Texts up to this length are read closely from end to end.
pub(super) const WHOLE_LIMIT: usize = 2_400;
/// Bytes read closely at the start, at the end, and anywhere else.
const START: usize = 800;
const END: usize = 400;
const ELSEWHERE: usize = 1_000;
/// Longest passage.
const PASSAGE: usize = 240;
/// Sample rows that are kept.
const ROWS: usize = 4;

/// The lines whose phrases may count: none of a quotation, and of the sample rows of a long text the first few.
pub(super) fn searched(lines: &[Line], is_long: bool) -> impl Iterator<Item = &Line> {
    let mut rows_left = if is_long { ROWS } else { usize::MAX };
    lines.iter().filter(move |line| match line.kind {
        LineKind::Prose => true,
        LineKind::Quote => false,
        LineKind::Row => {
            let is_kept = rows_left > 0;
            rows_left = rows_left.saturating_sub(1);
            is_kept
        }
    })
}

/// A passage and how much the trade's words in it weigh.
struct Passage {
    range: Range<usize>,
    kind: LineKind,
    weight: u32,
}

/// Chooses the passages of a folded text that are read closely, in order.
pub(super) fn choose(text: &str, lines: &[Line], mentions: &[Mention]) -> Vec<Line> {
    let mut passages = passages(text, lines);
    weigh(&mut passages, text, mentions);
    let mut is_kept = vec![false; passages.len()];
    let prose = |passage: &&(usize, &Passage)| passage.1.kind == LineKind::Prose;
    let numbered: Vec<(usize, &Passage)> = passages.iter().enumerate().collect();
    let mut take = |chosen: &mut dyn Iterator<Item = &(usize, &Passage)>, budget: usize| {
        let mut left = budget;
        for (at, passage) in chosen {
            if left < passage.range.len() {
                break;
            }
            if let Some(kept) = is_kept.get_mut(*at).filter(|kept| !**kept) {
                *kept = true;
                left -= passage.range.len();
            }
        }
    };
    take(&mut numbered.iter().filter(prose), START);
    take(&mut numbered.iter().rev().filter(prose), END);
    let mut telling: Vec<(usize, &Passage)> =
        numbered.iter().filter(prose).filter(|(_, passage)| passage.weight > 0).copied().collect();
    telling.sort_by_key(|(_, passage)| std::cmp::Reverse(passage.weight));
    take(&mut telling.iter(), ELSEWHERE);
    take(&mut numbered.iter().filter(|(_, passage)| passage.kind == LineKind::Row).take(ROWS), ELSEWHERE);
    let kept = passages.into_iter().zip(is_kept).filter(|(_, kept)| *kept);
    kept.map(|(passage, _)| Line { range: passage.range, kind: passage.kind }).collect()
}

/// Lines outside quotations, long ones cut at blanks.
fn passages(text: &str, lines: &[Line]) -> Vec<Passage> {
    let mut passages = Vec::new();
    for line in lines.iter().filter(|line| line.kind != LineKind::Quote) {
        let mut start = line.range.start;
        while start < line.range.end {
            let limit = super::fold::floor_boundary(text, start + PASSAGE).min(line.range.end);
            let passage = text.get(start..limit).filter(|_| limit < line.range.end);
            let cut = passage.and_then(|passage| passage.rfind([' ', '。', '，', '\n']));
            let end = cut.map_or(limit, |cut| super::fold::floor_boundary(text, start + cut));
            let end = if end > start { end } else { limit };
            if text.get(start..end).is_some_and(|passage| !passage.trim().is_empty()) {
                passages.push(Passage { range: start..end, kind: line.kind, weight: 0 });
            }
            start = end.max(start + 1);
        }
    }
    passages
}

/// Adds up what the phrases in each passage weigh, each concept once, and an amount of money or an address.
fn weigh(passages: &mut [Passage], text: &str, mentions: &[Mention]) {
    let mut rest = mentions;
    for passage in passages {
        let before = rest.partition_point(|mention| mention.start < passage.range.start);
        let inside = rest.partition_point(|mention| mention.start < passage.range.end);
        let mut seen = [false; Concept::ALL.len()];
        for mention in rest.get(before..inside).unwrap_or_default() {
            if let Some(seen) = seen.get_mut(mention.concept as usize).filter(|seen| !**seen) {
                *seen = true;
                passage.weight += weight(mention.concept);
            }
        }
        let bytes = text.as_bytes().get(passage.range.clone()).unwrap_or_default();
        let has_sign = memchr::memchr2(b'$', b'@', bytes).is_some();
        passage.weight += u32::from(has_sign) * 2;
        rest = rest.get(inside..).unwrap_or_default();
    }
}

/// How much a concept says about what a post is for.
const fn weight(concept: Concept) -> u32 {
    match concept {
        Concept::Sell | Concept::Negated => 5,
        Concept::Buy | Concept::Free | Concept::Closed | Concept::Ransom => 4,
        Concept::Price | Concept::Contact | Concept::Escrow | Concept::Exclusive => 3,
        Concept::Database
        | Concept::Credentials
        | Concept::Cards
        | Concept::Identity
        | Concept::Leads
        | Concept::Lookup
        | Concept::Access
        | Concept::Corporate
        | Concept::Fresh
        | Concept::Sample
        | Concept::Terms => 2,
        Concept::News
        | Concept::Warn
        | Concept::Teach
        | Concept::Rules
        | Concept::Joke
        | Concept::Accounts
        | Concept::Tool
        | Concept::Service
        | Concept::Goods
        | Concept::Exchange
        | Concept::Field
        | Concept::Links => 1,
        Concept::Ask | Concept::Talk | Concept::Sector | Concept::Place => 0,
    }
}

/// Moves phrases from the text to the excerpt made of these lines; those that a cut went through are dropped.
pub(super) fn moved(mentions: &[Mention], chosen: &[Line], lines: &[Line]) -> Vec<Mention> {
    let mut moved = Vec::new();
    for (from, to) in chosen.iter().zip(lines) {
        let first = mentions.partition_point(|mention| mention.start < from.range.start);
        let inside = mentions.get(first..).unwrap_or_default().iter();
        let inside = inside.take_while(|mention| mention.end <= from.range.end);
        let shift = |at: usize| at - from.range.start + to.range.start;
        moved.extend(inside.map(|mention| Mention {
            start: shift(mention.start),
            end: shift(mention.end),
            ..*mention
        }));
    }
    moved
}

/// Where the chosen lines stand in the excerpt, each followed by a line end.
pub(super) fn placed(chosen: &[Line], text: &str) -> Vec<Line> {
    let mut start = 0;
    let place = |line: &Line| {
        let ends = text.get(line.range.clone()).is_some_and(|line| line.ends_with('\n'));
        let end = start + line.range.len() + usize::from(!ends);
        let placed = Line { range: start..end, kind: line.kind };
        start = end;
        placed
    };
    chosen.iter().map(place).collect()
}

/// Counts the lines of a kind; returns where the first starts and the last ends.
pub(super) fn extent(lines: &[Line], kind: LineKind) -> (usize, Range<usize>) {
    let mut of_kind = lines.iter().filter(|line| line.kind == kind);
    let first = of_kind.next();
    let (count, last) = of_kind.fold((usize::from(first.is_some()), first), |(count, _), line| (count + 1, Some(line)));
    let start = first.map_or(0, |line| line.range.start);
    (count, start..last.map_or(start, |line| line.range.end))
}

#[cfg(test)]
mod tests {
    use super::super::{layout, vocabulary};
    use super::*;

    #[test]
    fn a_passage_far_down_where_the_trades_words_meet_is_read() {
        let idle = "the mountain was quiet and we walked along the lake until it rained. ".repeat(100);
        let offer = "the customer database is still for sale, price 900$, escrow ok.";
        let text = format!("{idle}{offer} {idle}");
        let chosen = choose(&text, &layout::lines(&text), &vocabulary::mentions(&text));
        let length: usize = chosen.iter().map(|line| line.range.len()).sum();
        assert!(length <= WHOLE_LIMIT, "{length}");
        assert!(chosen.iter().any(|line| text.get(line.range.clone()).unwrap().contains("for sale")), "{chosen:?}");
    }

    #[test]
    fn quotations_are_left_out_and_rows_are_few() {
        let text = format!("{}{}fine\n", "> selling a database\n".repeat(90), "ada@mail.example:hunter2\n".repeat(90));
        let lines = layout::lines(&text);
        let chosen = choose(&text, &lines, &vocabulary::mentions(&text));
        assert!(chosen.iter().all(|line| line.kind != LineKind::Quote));
        assert_eq!(chosen.iter().filter(|line| line.kind == LineKind::Row).count(), ROWS);
        assert_eq!(extent(&lines, LineKind::Row).0, 90);
    }

    #[test]
    fn hostile_lines_are_cut_without_splitting_characters() {
        for text in ["数".repeat(4000), "a".repeat(9000), " ".repeat(9000), "é ".repeat(4000)] {
            let chosen = choose(&text, &layout::lines(&text), &vocabulary::mentions(&text));
            assert!(chosen.iter().all(|line| text.get(line.range.clone()).is_some()));
        }
    }
}
