//! Which of several readings of the same characters are told.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::super::Kind;
use super::Identified;

/// Keeps the valid, then the longer, then the earlier of overlapping readings; of one range all valid kinds.
pub(super) fn resolve(mut found: Vec<Identified>) -> Vec<Identified> {
    found.sort_by_key(|one| (!one.is_valid, Reverse(one.range.len()), one.range.start, rank(one.kind)));
    // Start of what is taken, with its end and whether it is valid.
    let mut taken: BTreeMap<usize, (usize, bool)> = BTreeMap::new();
    let mut kinds: BTreeMap<(usize, usize), Vec<Kind>> = BTreeMap::new();
    found.retain(|one| {
        let (start, end) = (one.range.start, one.range.end);
        let known = kinds.entry((start, end)).or_default();
        let is_same = taken.get(&start) == Some(&(end, true)) && one.is_valid;
        let is_free = taken.range(..end).next_back().is_none_or(|(_, (last_end, _))| *last_end <= start);
        let is_kept = (is_same || is_free) && !known.contains(&one.kind);
        if is_kept {
            known.push(one.kind);
            taken.insert(start, (end, one.is_valid));
        }
        is_kept
    });
    found.sort_by_key(|one| (one.range.start, rank(one.kind)));
    found
}

/// The order in which kinds of one number are told: the more a check proves, the earlier.
const fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Iban => 0,
        Kind::ResidentId => 1,
        Kind::Pan => 2,
        Kind::Uscc => 3,
        Kind::Inn => 4,
        Kind::Snils => 5,
        Kind::Ssn => 6,
        Kind::Account => 7,
        Kind::NationalId => 8,
        Kind::Passport => 9,
        Kind::Phone => 10,
        Kind::Jabber => 11,
        Kind::Email => 12,
        Kind::Btc | Kind::Ltc | Kind::Eth | Kind::Trx | Kind::Xmr => 13,
        Kind::Telegram | Kind::Tox | Kind::Session => 14,
        Kind::Name | Kind::Address | Kind::Other => 15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: Kind, range: std::ops::Range<usize>, is_valid: bool) -> Identified {
        Identified { kind, range, canonical: String::new(), is_valid }
    }

    #[test]
    fn the_valid_then_the_longer_reading_wins_and_equal_ones_are_all_told() {
        let found = resolve(vec![
            one(Kind::Pan, 0..19, false),
            one(Kind::Phone, 0..11, true),
            one(Kind::Pan, 20..36, true),
            one(Kind::Phone, 22..33, true),
            one(Kind::Pan, 40..58, true),
            one(Kind::ResidentId, 40..58, true),
            one(Kind::Uscc, 40..58, false),
        ]);
        let told: Vec<(Kind, usize)> = found.iter().map(|one| (one.kind, one.range.start)).collect();
        assert_eq!(told, [(Kind::Phone, 0), (Kind::Pan, 20), (Kind::ResidentId, 40), (Kind::Pan, 40)]);
    }
}
