//! What differs between two versions of one organization's watchlist.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Anchors, Canary, Watchlist};

/// The difference; each list holds ids, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Canaries that are new.
    pub added: Vec<String>,
    /// Canaries whose values, holders, dataset or planting day changed.
    pub changed: Vec<String>,
    /// Canaries that got a day of retirement, and changed in nothing else.
    pub retired: Vec<String>,
    /// Canaries that are gone.
    pub removed: Vec<String>,
    /// Everything else, in words: `contact soc@bank.example added`, `name changed`.
    pub other: Vec<String>,
}

impl Changes {
    /// Compares the version on record (`None` for a new organization) with the one given.
    pub fn between(before: Option<&Watchlist>, after: &Watchlist) -> Self {
        let mut changes = Self::default();
        changes.compare_canaries(before.map(|watchlist| watchlist.canaries.as_slice()).unwrap_or_default(), after);
        if let Some(before) = before {
            changes.compare_organizations(before, after);
            changes.compare_lists(before, after);
        }
        changes
    }

    /// Tells whether the two versions say the same.
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.changed.is_empty()
            && self.retired.is_empty()
            && self.removed.is_empty()
            && self.other.is_empty()
    }

    fn compare_canaries(&mut self, before: &[Canary], after: &Watchlist) {
        let mut known: BTreeMap<&str, &Canary> = before.iter().map(|canary| (canary.id.as_str(), canary)).collect();
        for canary in &after.canaries {
            let Some(old) = known.remove(canary.id.as_str()) else {
                self.added.push(canary.id.clone());
                continue;
            };
            if old == canary {
                continue;
            }
            let is_retired_only = old.retired_at.is_none()
                && canary.retired_at.is_some()
                && *old == Canary { retired_at: None, ..canary.clone() };
            if is_retired_only { &mut self.retired } else { &mut self.changed }.push(canary.id.clone());
        }
        self.removed = known.into_keys().map(str::to_owned).collect();
    }

    fn compare_organizations(&mut self, before: &Watchlist, after: &Watchlist) {
        let (old, new) = (&before.organization, &after.organization);
        let is_same_set = |one: &[String], other: &[String]| as_set(one) == as_set(other);
        for (word, is_same) in [
            ("name", old.name == new.name),
            ("aliases", is_same_set(&old.aliases, &new.aliases)),
            ("language", old.language == new.language),
            ("market_share", old.market_share == new.market_share),
            ("auditor", old.auditor == new.auditor),
        ] {
            if !is_same {
                self.other.push(format!("{word} changed"));
            }
        }
        let is_same_anchors = |pick: fn(&Anchors) -> &Vec<String>| is_same_set(pick(&old.anchors), pick(&new.anchors));
        for (word, is_same) in [
            ("anchors.bin", is_same_anchors(|anchors| &anchors.bin)),
            ("anchors.iban_bank", is_same_anchors(|anchors| &anchors.iban_bank)),
            ("anchors.mail_domain", is_same_anchors(|anchors| &anchors.mail_domain)),
            ("anchors.names", is_same_anchors(|anchors| &anchors.names)),
        ] {
            if !is_same {
                self.other.push(format!("{word} changed"));
            }
        }
    }

    fn compare_lists(&mut self, before: &Watchlist, after: &Watchlist) {
        let (old, new) = (&before.organization, &after.organization);
        self.compare("contact", &old.contacts, &new.contacts, |contact| &contact.address);
        self.compare("custodian", &old.custodians, &new.custodians, |custodian| &custodian.code);
        self.compare("dataset", &old.datasets, &new.datasets, |dataset| &dataset.id);
        self.compare("delivery", &before.deliveries, &after.deliveries, |delivery| &delivery.id);
    }

    fn compare<T: PartialEq>(&mut self, word: &str, before: &[T], after: &[T], key: fn(&T) -> &String) {
        let mut known: BTreeMap<&String, &T> = before.iter().map(|item| (key(item), item)).collect();
        for item in after {
            match known.remove(key(item)) {
                None => self.other.push(format!("{word} {} added", key(item))),
                Some(old) if old != item => self.other.push(format!("{word} {} changed", key(item))),
                Some(_) => {}
            }
        }
        self.other.extend(known.into_keys().map(|gone| format!("{word} {gone} removed")));
    }
}

fn as_set(words: &[String]) -> BTreeSet<&String> {
    words.iter().collect()
}
