//! How much of a canary's values was drawn at random: only that much is a hit of it worth against chance, and against
//! whoever knows the habits of canaries from a copy of his own and makes rows up.
//!
//! Names, addresses and the words of mail addresses are drawn as those of customers are, so that customers, or guesses, repeat
//! them. The beginning that many canaries' numbers share is the range they were drawn from. Not here: what chance makes
//! of it (`chance`).

use std::collections::BTreeMap;

use crate::domain::identifier::{Kind, needles};
use crate::domain::watchlist::{Canary, Watchlist, is_identifying};

/// A beginning that one in so many values share is that of a range.
const RANGE_SHARE: usize = 16;
/// Days on which people are born, and the numbers given out on one: more than chance leaves of a resident identity number.
const RESIDENT_BITS: u32 = 24;

/// For each identifying field, what is compared of every canary's value, sorted.
#[derive(Debug)]
pub struct Randomness(BTreeMap<String, Vec<String>>);

impl Randomness {
    /// Learns from all canaries which beginnings their values share.
    pub fn of(watchlist: &Watchlist) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for canary in &watchlist.canaries {
            for (field, value) in canary.fields.iter().filter(|(field, _)| is_identifying(field)) {
                values.entry(field.to_owned()).or_default().push(compared(field, value));
            }
        }
        for values in values.values_mut() {
            values.sort_unstable();
        }
        Self(values)
    }

    /// Returns the random bits of a canary's fields that were found together, at most what was visible of them; `None` if
    /// none of them identifies: then it was not found, but a name or an address that customers have too.
    pub fn bits<'f>(&self, canary: &Canary, fields: impl Iterator<Item = &'f str>, visible: u32) -> Option<u32> {
        let identifying = fields.filter(|field| is_identifying(field));
        let bits: Vec<u32> =
            identifying.filter_map(|field| Some(self.bits_of(field, canary.fields.get(field)?))).collect();
        (!bits.is_empty()).then(|| bits.iter().sum::<u32>().min(visible))
    }

    fn bits_of(&self, field: &str, value: &str) -> u32 {
        let kind = Kind::of_field(field);
        let most = needles(kind, value).iter().map(|needle| needle.bits).max().unwrap_or_default();
        let compared = compared(field, value);
        // The last digit of a card follows from the others. Digits behind the words of a mail name begin with no range.
        let known = if kind == Kind::Email { 0 } else { self.range(field, &compared) + usize::from(kind == Kind::Pan) };
        let random = compared.len().saturating_sub(known);
        let bits = u32::try_from(random * 332 / 100).unwrap_or(u32::MAX).min(most);
        if kind == Kind::ResidentId { bits.min(RESIDENT_BITS) } else { bits }
    }

    /// Returns the length of the longest beginning that enough other canaries' values have.
    fn range(&self, field: &str, compared: &str) -> usize {
        let Some(values) = self.0.get(field) else { return 0 };
        let least = (values.len() / RANGE_SHARE).max(1);
        let sharing = |length: usize| {
            let Some(beginning) = compared.get(..length) else { return 0 };
            let from = values.partition_point(|value| value.as_str() < beginning);
            let others = values.get(from..).unwrap_or_default();
            others.partition_point(|value| value.starts_with(beginning)).saturating_sub(1)
        };
        (1..=compared.len()).take_while(|length| sharing(*length) >= least).last().unwrap_or_default()
    }
}

/// Returns what is compared of a value: its letters and digits; of an account number of the world the part behind the check
/// digits; of a mail address the digits of its name.
fn compared(field: &str, value: &str) -> String {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let kind = Kind::of_field(field);
    if kind == Kind::Email {
        let local = value.rsplit_once('@').map_or(value, |(local, _)| local);
        return local.chars().filter(char::is_ascii_digit).collect();
    }
    let plain = plain(value);
    if kind == Kind::Iban { plain.get(4..).unwrap_or_default().to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::super::enrolled::tests::watchlist;
    use super::*;

    /// As many canaries as `values`, each with that number.
    fn bits(field: &str, values: &[&str], visible: u32) -> Option<u32> {
        let mut watchlist = watchlist();
        let canary = watchlist.canaries.remove(0);
        let with = |value: &&str| Canary { fields: [(field, *value)].into(), ..canary.clone() };
        watchlist.canaries = values.iter().map(with).collect();
        Randomness::of(&watchlist).bits(&watchlist.canaries[0], [field].into_iter(), visible)
    }

    #[test]
    fn only_what_lies_behind_the_range_is_random() {
        let cards = ["9999 1273 8461 0923", "9999 1218 3362 4512", "9999 1290 2213 7781", "9999 1244 1029 3847"];
        // Nine digits behind 999912 and before the check digit; none of the first ones is shared here.
        assert_eq!(bits("pan", &cards, 90), Some(29));
        assert_eq!(bits("pan", &cards, 12), Some(12), "no more than was visible");
        let phones = ["+1 555 7375040", "+1 555 3012219", "+1 555 0868657"];
        assert_eq!(bits("phone", &phones, 90), Some(23));
        let counted = ["9999120010002000", "9999120010072003", "9999120010142006"];
        assert!(bits("pan", &counted, 90).is_some_and(|bits| bits <= 19), "numbers that were counted up are no draw");
        assert_eq!(bits("iban", &["DE1299999999123456", "DE7799999999987654"], 90), Some(19));
    }

    #[test]
    fn words_are_not_random_and_names_are_no_hit() {
        assert_eq!(bits("email", &["jo.wren@post.example"], 90), Some(0));
        assert_eq!(bits("email", &["wren4821@post.example", "jo77@post.example"], 90), Some(13));
        assert_eq!(bits("name", &["Jo Wren"], 90), None);
        assert_eq!(bits("address", &["12 Oak Road, Gullhaven"], 90), None);
    }
}
