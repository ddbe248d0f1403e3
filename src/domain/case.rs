//! Hits grouped into cases: one leak of one organization, across re-crawls, re-posts and quotes.
//!
//! Two hits belong to one case when they name the same entry or lie in the same place (a thread of a source, or a page
//! outside threads), and so on from hit to hit: cases are the connected parts of that graph, whatever the order of visits.
//! Not here: keeping them (`ports::store`), what a mail says (`alert`).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::alert::AlertReason;

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has looked yet.
    New,
    /// Somebody has seen it.
    Acknowledged,
    /// It is a leak.
    Confirmed,
    /// It is not.
    FalsePositive,
    /// Done.
    Closed,
}

impl State {
    /// Every state, in the order of a case's life.
    pub const ALL: [Self; 5] = [Self::New, Self::Acknowledged, Self::Confirmed, Self::FalsePositive, Self::Closed];

    /// Returns the word used in the store, on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::Confirmed => "confirmed",
            Self::FalsePositive => "false_positive",
            Self::Closed => "closed",
        }
    }

    /// Reads the word of [`State::as_str`]; `-` counts as `_`.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase().replace('-', "_");
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Tells whether an analyst may move a case from here to `to`: forward along
    /// `new → acknowledged → confirmed | false_positive → closed`, skipping allowed, or back to `acknowledged` to reopen it.
    pub const fn may_move_to(self, to: Self) -> bool {
        match (self, to) {
            (Self::New, Self::Acknowledged | Self::Confirmed | Self::FalsePositive)
            | (Self::Acknowledged, Self::Confirmed | Self::FalsePositive)
            | (Self::Confirmed, Self::FalsePositive | Self::Closed | Self::Acknowledged)
            | (Self::FalsePositive, Self::Confirmed | Self::Closed | Self::Acknowledged)
            | (Self::Closed, Self::Acknowledged) => true,
            (
                Self::New | Self::Acknowledged | Self::Confirmed | Self::FalsePositive | Self::Closed,
                Self::New | Self::Acknowledged | Self::Confirmed | Self::FalsePositive | Self::Closed,
            ) => false,
        }
    }
}

impl State {
    /// Lists where an analyst may move a case from here.
    pub fn possible_moves(self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|to| self.may_move_to(*to)).collect()
    }

    /// Tells whether an analyst has settled the case: more of the same is no news then.
    pub const fn is_settled(self) -> bool {
        match self {
            Self::FalsePositive | Self::Closed => true,
            Self::New | Self::Acknowledged | Self::Confirmed => false,
        }
    }

    /// Returns the state of two cases merged: the one that asks for more attention, so that a settled case never
    /// swallows an open one, and a verdict is not lost to a case that nobody has looked at.
    #[must_use]
    pub const fn merged_with(self, other: Self) -> Self {
        if self.attention() >= other.attention() { self } else { other }
    }

    const fn attention(self) -> u8 {
        match self {
            Self::FalsePositive => 0,
            Self::Closed => 1,
            Self::New => 2,
            Self::Acknowledged => 3,
            Self::Confirmed => 4,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a visit added to a case that was there before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// Entries that the case did not hold.
    pub entries: u64,
    /// Sources where it had not been seen.
    pub sources: u64,
    /// First posts that offer the records; 0 or 1.
    pub offers: u64,
}

impl News {
    /// Returns why the organization should be told, or `None` if it knows: re-posts and quotes of known entries on a known
    /// source are no news; for a settled case an offer of what was settled is none either.
    pub const fn reason(self, state: State) -> Option<AlertReason> {
        if self.entries > 0 {
            Some(AlertReason::NewEntries)
        } else if self.sources > 0 {
            Some(AlertReason::NewSource)
        } else if self.offers > 0 && !state.is_settled() {
            Some(AlertReason::FirstOffer)
        } else {
            None
        }
    }
}

/// A hit as far as grouping sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// What ties it to hits of the same entry.
    pub entry: String,
    /// What ties it to hits of the same place.
    pub place: String,
}

/// The living cases that new hits may join.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The case that holds an entry.
    pub by_entry: BTreeMap<String, String>,
    /// The case seen in a place.
    pub by_place: BTreeMap<String, String>,
    /// When each of these cases was opened, as a growing number.
    pub opened: BTreeMap<String, i64>,
}

/// Hits that belong together, and the cases they join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The oldest case concerned; `None` asks for a new one.
    pub into: Option<String>,
    /// Younger cases, now known to be the same leak.
    pub merged: Vec<String>,
    /// Positions of the hits, in order.
    pub hits: Vec<usize>,
}

/// Groups new hits with each other and with known cases.
pub fn group(nodes: &[Node], known: &Known) -> Vec<Cluster> {
    let mut parts = Parts::default();
    for (position, node) in nodes.iter().enumerate() {
        let own = parts.node(format!("h{position}"));
        for tie in [format!("e{}", node.entry), format!("p{}", node.place)] {
            let tie = parts.node(tie);
            parts.join(own, tie);
        }
        let cases = [known.by_entry.get(&node.entry), known.by_place.get(&node.place)];
        for case in cases.into_iter().flatten() {
            let case = parts.node(format!("c{case}"));
            parts.join(own, case);
        }
    }
    let mut clusters: BTreeMap<usize, Cluster> = BTreeMap::new();
    let empty = || Cluster { into: None, merged: Vec::new(), hits: Vec::new() };
    for position in 0..nodes.len() {
        let own = parts.node(format!("h{position}"));
        clusters.entry(parts.root(own)).or_insert_with(empty).hits.push(position);
    }
    for case in cases_by_age(known) {
        if let Some(node) = parts.nodes.get(&format!("c{case}")).copied()
            && let Some(cluster) = clusters.get_mut(&parts.root(node))
        {
            if cluster.into.is_none() { cluster.into = Some(case) } else { cluster.merged.push(case) }
        }
    }
    let mut clusters: Vec<Cluster> = clusters.into_values().collect();
    clusters.sort_by_key(|cluster| cluster.hits.first().copied());
    clusters
}

/// Derives a case's id from its first hit: `C-` and 8 characters of Crockford's base 32. `attempt` grows when the id is
/// taken by another case.
pub fn id(organization: &str, first_hit: &str, attempt: u32) -> String {
    let digest = Sha256::digest(format!("dyepack/case/1|{organization}|{first_hit}|{attempt}"));
    format!("C-{}", crockford(&digest, 8))
}

/// Reads a case's id as people type it: lower case, without the prefix, `O` for `0`, `I` or `L` for `1`.
pub fn parse_id(text: &str) -> Option<String> {
    let upper = text.trim().to_ascii_uppercase();
    let body = upper.strip_prefix("C-").unwrap_or(&upper);
    let body: String = body
        .chars()
        .map(|character| match character {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    (body.len() == 8 && body.bytes().all(|byte| CROCKFORD.contains(&byte))).then(|| format!("C-{body}"))
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Writes the first `5 × length` bits of `bytes` in Crockford's base 32.
pub fn crockford(bytes: &[u8], length: usize) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    (0..length)
        .map(|digit| (0..5).fold(0, |value, offset| value << 1 | bit(digit * 5 + offset)))
        .filter_map(|value| CROCKFORD.get(value).copied().map(char::from))
        .collect()
}

fn cases_by_age(known: &Known) -> Vec<String> {
    let mut cases: Vec<(i64, &String)> = known.opened.iter().map(|(case, opened)| (*opened, case)).collect();
    cases.sort();
    cases.into_iter().map(|(_, case)| case.clone()).collect()
}

/// Disjoint sets of named nodes.
#[derive(Default)]
struct Parts {
    nodes: BTreeMap<String, usize>,
    parents: Vec<usize>,
}

impl Parts {
    fn node(&mut self, name: String) -> usize {
        let next = self.parents.len();
        let node = *self.nodes.entry(name).or_insert(next);
        if node == next {
            self.parents.push(next);
        }
        node
    }

    fn root(&self, mut node: usize) -> usize {
        while let Some(parent) = self.parents.get(node).copied().filter(|parent| *parent != node) {
            node = parent;
        }
        node
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        let (low, high) = (one.min(other), one.max(other));
        if let Some(parent) = self.parents.get_mut(high) {
            *parent = low;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(entry: &str, place: &str) -> Node {
        Node { entry: entry.to_owned(), place: place.to_owned() }
    }

    fn known(cases: &[(&str, i64, &[&str], &[&str])]) -> Known {
        let mut known = Known::default();
        for (case, opened, entries, places) in cases {
            known.opened.insert((*case).to_owned(), *opened);
            known.by_entry.extend(entries.iter().map(|entry| ((*entry).to_owned(), (*case).to_owned())));
            known.by_place.extend(places.iter().map(|place| ((*place).to_owned(), (*case).to_owned())));
        }
        known
    }

    #[test]
    fn hits_of_one_thread_or_one_entry_are_one_case() {
        let nodes = [node("a", "1"), node("b", "1"), node("b", "2"), node("c", "3")];
        let clusters = group(&nodes, &Known::default());
        assert_eq!(clusters.iter().map(|cluster| cluster.hits.clone()).collect::<Vec<_>>(), [vec![0, 1, 2], vec![3]]);
    }

    #[test]
    fn a_hit_that_ties_two_cases_merges_the_younger_into_the_older() {
        let known = known(&[("C-Y", 7, &["a"], &["1"]), ("C-O", 3, &["b"], &["2"]), ("C-X", 1, &["z"], &["9"])]);
        let clusters = group(&[node("a", "2")], &known);
        assert_eq!(clusters, [Cluster { into: Some("C-O".to_owned()), merged: vec!["C-Y".to_owned()], hits: vec![0] }]);
    }

    #[test]
    fn only_new_entries_and_new_sources_are_news_of_a_settled_case() {
        let offer = News { offers: 1, ..News::default() };
        let source = News { sources: 1, ..offer };
        let entries = News { entries: 2, ..source };
        for (news, state, expected) in [
            (News::default(), State::New, None),
            (offer, State::Confirmed, Some(AlertReason::FirstOffer)),
            (offer, State::FalsePositive, None),
            (source, State::Closed, Some(AlertReason::NewSource)),
            (entries, State::FalsePositive, Some(AlertReason::NewEntries)),
        ] {
            assert_eq!(news.reason(state), expected, "{news:?} {state}");
        }
    }

    #[test]
    fn a_merged_case_never_hides_what_nobody_has_looked_at() {
        assert_eq!(State::FalsePositive.merged_with(State::New), State::New);
        assert_eq!(State::New.merged_with(State::Confirmed), State::Confirmed);
        assert_eq!(State::Closed.merged_with(State::FalsePositive), State::Closed);
    }

    #[test]
    fn a_case_id_is_read_as_people_type_it() {
        let id = id("example-bank", "hit", 0);
        assert_eq!(id.len(), 10);
        assert_eq!(parse_id(&id.to_lowercase()), Some(id.clone()));
        assert_eq!(parse_id("c-7f3k9q2o"), Some("C-7F3K9Q20".to_owned()));
        assert_eq!(parse_id("7F3KLQ2M"), Some("C-7F3K1Q2M".to_owned()));
        assert_eq!(parse_id("C-7F3K9Q2U"), None);
        assert_ne!(id, super::id("example-bank", "hit", 1));
    }

    #[test]
    fn every_state_is_read_back_from_its_word() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("false-positive"), Some(State::FalsePositive));
        assert_eq!(State::parse("open"), None);
    }

    #[test]
    fn a_case_closes_only_after_a_verdict() {
        assert!(!State::New.may_move_to(State::Closed));
        assert!(State::Confirmed.may_move_to(State::Closed));
        assert!(State::Closed.may_move_to(State::Acknowledged));
        assert!(!State::Acknowledged.may_move_to(State::New));
    }
}
