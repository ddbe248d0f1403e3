//! The items of one case as bits: which custodian holds which item, and which items were seen.
//!
//! Items of one class that were seen alike lie together (a cell), 64 to a word, so that counting how many items k of some
//! custodians hold costs a few instructions for 64 of them. Not here: what the counts mean (`likelihood`).

use super::numeric::count;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// A planted record: that it was *not* seen counts too.
    Canary,
    /// A real record of which it is known who received it: only seen ones count.
    Record,
    /// A real record delivered in one of two renderings: which of them was seen.
    Variant,
}

/// How it was decided who holds the items of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Draw {
    /// By a secret random choice, for each item and custodian alone: the class may accuse.
    Random,
    /// By a rule of business, or nobody knows: the class enters the posterior only.
    Rule,
}

/// Items that were drawn alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// What its items are.
    pub kind: ItemKind,
    /// How their holders were chosen.
    pub draw: Draw,
    /// Items of one batch were planted together and share the rate at which they are found.
    pub batch: usize,
    /// For each custodian, the probability that it was given an item (for a variant: the second rendering).
    pub p: Vec<f64>,
    /// Custodians of which it was no secret choice that they hold, or lack, these items: none of them is accused by them.
    pub by_rule: Vec<usize>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was found; for a variant: the second rendering was.
    Seen,
    /// It was not found; for a variant: the first rendering was found.
    Unseen,
}

/// The items of one class with one outcome.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) class: usize,
    pub(super) outcome: Outcome,
    pub(super) items: usize,
    /// For each custodian, a bit an item.
    columns: Vec<Vec<u64>>,
}

/// Everything that one case tells about whose copy it was.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    custodians: usize,
    classes: Vec<Class>,
    cells: Vec<Cell>,
}

/// For each cell and word, the items that exactly k members of a set hold: k = 0…3.
pub(super) type Planes = Vec<Vec<[u64; 4]>>;

/// How many items of a cell k members of a set hold: k = 0…4.
pub(super) type Counts = [usize; 5];

impl Class {
    /// Returns the mean over all custodians of the probability to hold an item.
    pub(super) fn mean_p(&self) -> f64 {
        if self.p.is_empty() { 0.0 } else { self.p.iter().sum::<f64>() / count(self.p.len()) }
    }

    /// Returns the probability with which a secret choice gave a custodian an item; 0 where none did.
    pub(super) fn drawn(&self, custodian: usize) -> f64 {
        let is_drawn = self.draw == Draw::Random && !self.by_rule.contains(&custodian);
        if is_drawn { self.p.get(custodian).copied().unwrap_or_default() } else { 0.0 }
    }
}

impl Evidence {
    /// Starts with no items, for this many custodians.
    pub fn new(custodians: usize) -> Self {
        Self { custodians, classes: Vec::new(), cells: Vec::new() }
    }

    /// Returns the number of custodians.
    pub const fn custodians(&self) -> usize {
        self.custodians
    }

    /// Adds a class, or finds the one that is equal to it; its number is what [`Evidence::push`] takes.
    pub fn class(&mut self, mut class: Class) -> usize {
        class.p.resize(self.custodians, 0.0);
        if let Some(known) = self.classes.iter().position(|known| *known == class) {
            return known;
        }
        self.classes.push(class);
        self.classes.len() - 1
    }

    /// Adds an item: who holds it (numbers of custodians; for a variant: who got the second rendering), and what became
    /// of it. An item counts once: the caller leaves out re-posts.
    pub fn push(&mut self, class: usize, holders: &[usize], outcome: Outcome) {
        let cell = match self.cells.iter().position(|cell| (cell.class, cell.outcome) == (class, outcome)) {
            Some(cell) => cell,
            None if class < self.classes.len() => {
                self.cells.push(Cell { class, outcome, items: 0, columns: vec![Vec::new(); self.custodians] });
                self.cells.len() - 1
            }
            None => return,
        };
        let cell = &mut self.cells[cell];
        let (word, bit) = (cell.items / 64, 1_u64 << (cell.items % 64));
        if bit == 1 {
            for column in &mut cell.columns {
                column.push(0);
            }
        }
        for holder in holders {
            if let Some(word) = cell.columns.get_mut(*holder).and_then(|column| column.get_mut(word)) {
                *word |= bit;
            }
        }
        cell.items += 1;
    }

    /// Counts items that were found: canaries and records; a variant is a mark of a record, not an item found.
    pub fn seen(&self) -> usize {
        let found = self.cells.iter().filter(|cell| {
            cell.outcome == Outcome::Seen && !matches!(self.classes[cell.class].kind, ItemKind::Variant)
        });
        found.map(|cell| cell.items).sum()
    }

    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub(super) fn class_of(&self, cell: &Cell) -> &Class {
        &self.classes[cell.class]
    }

    /// Returns one more than the largest number of a batch.
    pub(super) fn batches(&self) -> usize {
        self.classes.iter().map(|class| class.batch + 1).max().unwrap_or_default()
    }

    /// Counts, for each of these cells, the items that a custodian holds.
    pub(super) fn held_by(&self, custodian: usize, cells: &[usize]) -> Vec<usize> {
        cells.iter().map(|at| ones(self.cells[*at].column(custodian))).collect()
    }

    /// Counts, for each cell, the items that all of these custodians hold.
    pub(super) fn held_by_all(&self, custodians: &[usize]) -> Vec<usize> {
        self.cells.iter().map(|cell| cell.held_by_all(custodians)).collect()
    }

    /// Splits the items of each of these cells by how many of up to three custodians hold them.
    pub(super) fn planes(&self, set: &[usize], cells: &[usize]) -> Planes {
        cells.iter().map(|at| self.cells[*at].planes(set)).collect()
    }

    /// Counts, cell by cell, the items that k of up to three custodians hold.
    pub(super) fn counts(&self, set: &[usize]) -> Vec<Counts> {
        self.cells
            .iter()
            .map(|cell| {
                let mut counts = [0; 5];
                for word in 0..cell.items.div_ceil(64) {
                    for (k, plane) in cell.plane(word, set).iter().enumerate() {
                        counts[k] += ones(std::slice::from_ref(plane));
                    }
                }
                counts
            })
            .collect()
    }

    /// Counts, for each of these cells and k, the items of the plane that one more custodian holds too.
    pub(super) fn shared_with(&self, planes: &Planes, custodian: usize, cells: &[usize]) -> Vec<[f64; 4]> {
        cells
            .iter()
            .zip(planes)
            .map(|(at, planes)| {
                let mut counts = [0; 4];
                for (plane, held) in planes.iter().zip(self.cells[*at].column(custodian)) {
                    for (count, plane) in counts.iter_mut().zip(plane) {
                        *count += (plane & held).count_ones() as usize;
                    }
                }
                counts.map(count)
            })
            .collect()
    }
}

impl Cell {
    fn column(&self, custodian: usize) -> &[u64] {
        self.columns.get(custodian).map(Vec::as_slice).unwrap_or_default()
    }

    fn held_by_all(&self, custodians: &[usize]) -> usize {
        match custodians {
            [one] => ones(self.column(*one)),
            [one, other] => {
                let both = self.column(*one).iter().zip(self.column(*other));
                both.map(|(one, other)| (one & other).count_ones() as usize).sum()
            }
            [one, other, third] => {
                let all = self.column(*one).iter().zip(self.column(*other)).zip(self.column(*third));
                all.map(|((one, other), third)| (one & other & third).count_ones() as usize).sum()
            }
            several => {
                let column = |word: usize| {
                    let held = several.iter().map(|one| self.column(*one).get(word).copied().unwrap_or_default());
                    held.fold(u64::MAX, |all, one| all & one)
                };
                (0..self.items.div_ceil(64)).map(|word| column(word).count_ones() as usize).sum()
            }
        }
    }

    fn planes(&self, set: &[usize]) -> Vec<[u64; 4]> {
        (0..self.items.div_ceil(64)).map(|word| self.plane(word, set)).collect()
    }

    fn plane(&self, word: usize, set: &[usize]) -> [u64; 4] {
        let used = self.items - word * 64;
        let mut plane = [if used >= 64 { u64::MAX } else { (1 << used) - 1 }, 0, 0, 0];
        for member in set {
            let held = self.column(*member).get(word).copied().unwrap_or_default();
            for k in (1..4).rev() {
                plane[k] = (plane[k] & !held) | (plane[k - 1] & held);
            }
            plane[0] &= !held;
        }
        plane
    }
}

fn ones(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(draw: Draw) -> Class {
        Class { kind: ItemKind::Canary, draw, batch: 0, p: vec![0.5; 4], by_rule: Vec::new() }
    }

    #[test]
    fn counts_agree_with_counting_one_by_one() {
        let mut evidence = Evidence::new(4);
        let class = evidence.class(class(Draw::Random));
        let holders: Vec<Vec<usize>> = (0..200_usize)
            .map(|item| (0..4).filter(|custodian| (item * 7 + custodian * 13) % 5 < 2).collect())
            .collect();
        for held in &holders {
            evidence.push(class, held, Outcome::Seen);
        }
        for set in [vec![], vec![1], vec![0, 2], vec![0, 1, 3]] {
            let mut expected = [0; 5];
            for held in &holders {
                expected[set.iter().filter(|member| held.contains(member)).count()] += 1;
            }
            assert_eq!(evidence.counts(&set), [expected]);
            let shared = evidence.shared_with(&evidence.planes(&set, &[0]), 2, &[0]);
            let with = holders.iter().filter(|held| held.contains(&2)).count();
            assert!((shared[0].iter().sum::<f64>() - count(with)).abs() < 1e-9);
            let all = holders.iter().filter(|held| set.iter().all(|member| held.contains(member))).count();
            assert!(set.is_empty() || evidence.held_by_all(&set) == [all], "{set:?}");
        }
        assert_eq!(evidence.held_by(9, &[0]), [0], "nobody holds nothing");
    }

    #[test]
    fn equal_classes_are_one_and_unknown_ones_are_ignored() {
        let mut evidence = Evidence::new(4);
        assert_eq!(evidence.class(class(Draw::Random)), 0);
        assert_eq!(evidence.class(class(Draw::Rule)), 1);
        assert_eq!(evidence.class(class(Draw::Random)), 0);
        evidence.push(7, &[0], Outcome::Seen);
        assert_eq!((evidence.seen(), evidence.batches()), (0, 1));
    }
}
