//! The sentences of a mail, by language; placeholders in braces are filled in one pass.

mod en;
mod ru;
mod telling;
mod zh;

use crate::domain::watchlist::Language;

pub(super) use telling::{Telling, telling};

/// A sentence in its three grammatical numbers: one, few, many.
pub(super) type Counted = [&'static str; 3];

/// Everything a mail says, in one language.
#[derive(Debug)]
pub(super) struct Phrases {
    /// RFC 5646.
    pub(super) tag: &'static str,
    /// Between a fact and its value, and between items, as the language writes them.
    pub(super) colon: &'static str,
    pub(super) comma: &'static str,
    /// Which form of a [`Counted`] a number takes.
    pub(super) form: fn(u64) -> usize,
    /// `{org}`, `{n}`, `{site}`, `{case}`.
    pub(super) subject: Subjects,
    /// First sentences: `{org}`, `{n}`, `{site}`.
    pub(super) lead_offer: Counted,
    pub(super) lead_found: Counted,
    /// Said after the lead where the entries are planted records.
    pub(super) planted: &'static str,
    /// `{n}`.
    pub(super) new_entries: Counted,
    /// `{site}`.
    pub(super) new_site: &'static str,
    pub(super) new_offer: &'static str,
    /// `{site}`, `{n}`.
    pub(super) and_other_sites: Counted,
    /// `{site}`.
    pub(super) tor_site: &'static str,
    pub(super) i2p_site: &'static str,
    pub(super) unknown_site: &'static str,
    pub(super) labels: Labels,
    pub(super) verdict: Verdicts,
    pub(super) copy: Copies,
    pub(super) weight: Weight,
    pub(super) custodians: Custodians,
    pub(super) sightings: Sightings,
    pub(super) steps: [&'static str; 3],
    /// `{n}`.
    pub(super) and_more: &'static str,
    /// Field name to what people call it.
    pub(super) fields: &'static [(&'static str, &'static str)],
    pub(super) footer: &'static str,
    pub(super) test: TestMail,
}

/// Subjects by what is new.
#[derive(Debug)]
pub(super) struct Subjects {
    pub(super) offer: Counted,
    pub(super) found: Counted,
    pub(super) now_offered: Counted,
    pub(super) also_on: Counted,
    pub(super) more: Counted,
    /// Outside of an encrypted mail.
    pub(super) sealed: &'static str,
}

/// Headings and the names of facts.
#[derive(Debug)]
pub(super) struct Labels {
    pub(super) title: &'static str,
    pub(super) follow_up: &'static str,
    pub(super) organization: &'static str,
    pub(super) case: &'static str,
    pub(super) sharing: &'static str,
    pub(super) sharing_rule: &'static str,
    pub(super) offered: &'static str,
    pub(super) yes: &'static str,
    /// `{price}`.
    pub(super) yes_price: &'static str,
    pub(super) no: &'static str,
    pub(super) found: &'static str,
    pub(super) first_seen: &'static str,
    pub(super) copies: &'static str,
    pub(super) records: &'static str,
    pub(super) places: &'static str,
    pub(super) next: &'static str,
    pub(super) new: &'static str,
    /// `{codes}`.
    pub(super) held_by: &'static str,
    pub(super) other_matches: &'static str,
}

/// What is said of whose data it is.
#[derive(Debug)]
pub(super) struct Verdicts {
    pub(super) label: &'static str,
    pub(super) ours: &'static str,
    /// `{share}`.
    pub(super) mixed: &'static str,
    pub(super) not_ours: &'static str,
    pub(super) unknown: &'static str,
    /// `{hit}`, `{tested}`, `{ratio}`.
    pub(super) basis: &'static str,
}

/// What is said of whose copy it was.
#[derive(Debug)]
pub(super) struct Copies {
    /// `{codes}`, `{epsilon}`.
    pub(super) one: &'static str,
    pub(super) several: &'static str,
    /// `{from}`, `{to}`.
    pub(super) between: &'static str,
    pub(super) upstream: &'static str,
    pub(super) own: &'static str,
    pub(super) cannot_tell: &'static str,
    /// `{n}`.
    pub(super) more: &'static str,
    pub(super) not_ours: &'static str,
}

/// How grave it is, and what is known of the seller.
#[derive(Debug)]
pub(super) struct Weight {
    pub(super) severity: &'static str,
    /// Low, medium, high, critical.
    pub(super) levels: [&'static str; 4],
    /// `{level}`, `{reasons}`, `{rule}`.
    pub(super) because: &'static str,
    pub(super) offered: &'static str,
    pub(super) exclusive: &'static str,
    pub(super) fresh: &'static str,
    /// `{n}`.
    pub(super) volume: &'static str,
    /// `{n}`.
    pub(super) entries: &'static str,
    pub(super) ours: &'static str,
    pub(super) not_ours: &'static str,
    pub(super) mixed: &'static str,
    pub(super) seller: &'static str,
    /// `{site}`, `{n}`, `{goods}`, `{first}`, `{last}`.
    pub(super) before: &'static str,
    /// `{cases}`.
    pub(super) own_cases: &'static str,
    /// `{marks}`.
    pub(super) known_by: &'static str,
}

/// What is said of whose copy it may be: careful words only.
#[derive(Debug)]
pub(super) struct Custodians {
    /// `{code}`, `{n}`.
    pub(super) one: Counted,
    /// The only known copy holds a part: `{code}`, `{n}`, `{total}`.
    pub(super) part: &'static str,
    /// One code holds all, others hold some: `{code}`, `{n}`.
    pub(super) one_holds_all: Counted,
    pub(super) several: &'static str,
    pub(super) none: &'static str,
    /// `{code}`, `{n}`, `{total}`.
    pub(super) share: &'static str,
    pub(super) owner: &'static str,
    pub(super) caution: &'static str,
}

/// Words about places.
#[derive(Debug)]
pub(super) struct Sightings {
    pub(super) in_post: &'static str,
    pub(super) in_file: &'static str,
    /// `{time}`.
    pub(super) posted: &'static str,
    pub(super) posted_unknown: &'static str,
    /// `{time}`.
    pub(super) seen: &'static str,
    pub(super) no_link: &'static str,
}

/// The harmless mail of `alert test`.
#[derive(Debug)]
pub(super) struct TestMail {
    pub(super) subject: &'static str,
    pub(super) title: &'static str,
    pub(super) lead: &'static str,
    pub(super) more: &'static str,
}

/// Returns the sentences of a language.
pub(super) const fn of(language: Language) -> &'static Phrases {
    match language {
        Language::En => &en::PHRASES,
        Language::Zh => &zh::PHRASES,
        Language::Ru => &ru::PHRASES,
    }
}

impl Phrases {
    /// Picks the form for `n` and fills it.
    pub(super) fn count(&self, counted: &Counted, n: u64, values: &[(&str, &str)]) -> String {
        let number = n.to_string();
        let template = counted.get((self.form)(n)).copied().unwrap_or(counted[2]);
        let mut all = vec![("n", number.as_str())];
        all.extend_from_slice(values);
        fill(template, &all)
    }
}

/// Puts values for the names in braces, in one pass: a value's own braces stay as they are.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, tail)) = after.split_once('}') else { break };
        filled.push_str(values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value));
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_braces_is_not_filled_again() {
        assert_eq!(fill("{a} and {b}", &[("a", "{b}"), ("b", "x")]), "{b} and x");
    }

    #[test]
    fn russian_numbers_take_the_right_form() {
        let form = |n| (of(Language::Ru).form)(n);
        for (n, expected) in [(1, 0), (2, 1), (4, 1), (5, 2), (11, 2), (12, 2), (21, 0), (22, 1), (111, 2), (112, 2)] {
            assert_eq!(form(n), expected, "{n}");
        }
    }
}
