//! What is known of a case when its mail is written, in plain words.
//!
//! Everything here may stem from a hostile page or a careless file; `letter` cleans and bounds whatever it shows.

use jiff::Timestamp;
use jiff::civil::Date;
use url::Url;

use super::Tlp;
use crate::domain::attribution::{self, Report};
use crate::domain::listing::Price;
use crate::domain::matcher::{EntryKind, Verdict};
use crate::domain::severity::Assessment;
use crate::domain::source::{Network, Zone};
use crate::domain::watchlist::OrganizationId;

/// A case as its mail tells it.
#[derive(Debug, Clone)]
pub struct CaseFacts {
    /// Its id, as `C-7F3K9Q2M`.
    pub case: String,
    /// Whose records they are.
    pub organization: OrganizationId,
    /// The organization's name.
    pub organization_name: String,
    /// How far the mail may be passed on.
    pub tlp: Tlp,
    /// Entries that leaked, sorted by id.
    pub entries: Vec<EntryFact>,
    /// Custodians whose copies hold some of the entries.
    pub custodians: Vec<CustodianFact>,
    /// Places where they were seen.
    pub sightings: Vec<Sighting>,
    /// The offer, where a post makes one.
    pub offer: Option<Offer>,
    /// Whose data the places show, where it was counted.
    pub verdict: Option<Verdict>,
    /// Whose copy the rows are consistent with, where it was weighed.
    pub copy: Option<CopyFact>,
    /// How grave it is, and why.
    pub severity: Option<Assessment>,
    /// The seller, where other offers of his are known.
    pub seller: Option<SellerFact>,
    /// From when on what was seen is news: when this follow-up was queued; `None` for the first mail to this contact.
    pub news_since: Option<Timestamp>,
    /// The contact's OpenPGP key, armored: the mail is encrypted to it, and may hold hidden sites' addresses and
    /// custodians' names.
    pub sealed_to: Option<String>,
    /// The address by which the reader acknowledges it.
    pub acknowledge: Option<String>,
    /// The address of its page in the console, where the installation has one that others reach.
    pub page: Option<Url>,
    /// For a mail to somebody who is told because nobody has acknowledged: since when they could have.
    pub unanswered_since: Option<Timestamp>,
    /// The organization's time zone; times are shown by its clocks.
    pub zone: Zone,
}

/// One entry that leaked.
#[derive(Debug, Clone)]
pub struct EntryFact {
    /// Its id in the watchlist.
    pub id: String,
    /// What kind of entry.
    pub kind: EntryKind,
    /// Its values as they may be shown.
    pub values: Vec<MaskedValue>,
    /// Codes of the custodians whose copies hold it.
    pub holders: Vec<String>,
    /// When dyepack first saw it in this case.
    pub first_seen_at: Timestamp,
}

/// A field and its masked value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaskedValue {
    /// `pan`, `phone` ….
    pub field: String,
    /// First 6 and last 4 characters at most.
    pub masked: String,
}

/// How many of the entries one custodian's copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustodianFact {
    /// Its code.
    pub code: String,
    /// Its legal name, for a mail that is encrypted; `None` in every other.
    pub name: Option<String>,
    /// How many of the case's entries its copy holds.
    pub entries: u64,
}

/// Whose copy the rows are consistent with: codes only.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyFact {
    /// In one word.
    pub verdict: attribution::Verdict,
    /// Codes of the copies.
    pub codes: Vec<String>,
    /// Largest probability to name a copy that did not leak.
    pub epsilon: f64,
    /// Days between which the copy was taken.
    pub window: Option<(Date, Date)>,
    /// About how many more rows would decide.
    pub more_rows: Option<u64>,
    /// Whether the organization's own copy, or one upstream of all, is more than 1 % probable.
    pub upstream_not_excluded: bool,
}

impl CopyFact {
    /// Takes what a mail says from a report.
    pub fn of(report: &Report) -> Self {
        Self {
            verdict: report.verdict,
            codes: report.accused.iter().map(|accused| accused.code.clone()).collect(),
            epsilon: report.findings.epsilon,
            window: report.window,
            more_rows: report.more_rows,
            upstream_not_excluded: report.upstream_not_excluded,
        }
    }
}

/// One place where entries were seen.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The site.
    pub site: Site,
    /// Address of the post; shown defanged, and of hidden sites only in a mail that is encrypted.
    pub link: Option<Url>,
    /// In the post itself or in a file.
    pub place: Place,
    /// When the post was made, as the site tells it.
    pub posted_at: Option<Timestamp>,
    /// When dyepack first saw it there.
    pub first_seen_at: Timestamp,
}

/// A site as it may be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its label.
    pub label: String,
    /// The network it lives on.
    pub network: Network,
}

/// In what the entries were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The text of a post.
    Post,
    /// A file attached to it.
    Attachment,
}

/// A post offers the records.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// What it asks for, where it could be read.
    pub price: Option<Price>,
    /// On which of the sites; empty where that is not known.
    pub sites: Vec<Site>,
}

/// What is known of a seller beyond the case.
#[derive(Debug, Clone, Default)]
pub struct SellerFact {
    /// Kinds and short forms of what he is known by.
    pub marks: Vec<(String, String)>,
    /// His other offers, by site.
    pub before: Vec<SoldBefore>,
    /// Other cases of the same organization.
    pub own_cases: Vec<String>,
}

/// Other offers of a seller on one site.
#[derive(Debug, Clone)]
pub struct SoldBefore {
    /// The site.
    pub site: Site,
    /// How many posts.
    pub listings: u64,
    /// What kinds of data, each with how many posts.
    pub goods: Vec<(String, u64)>,
    /// The earliest.
    pub first_at: Timestamp,
    /// The latest.
    pub last_at: Timestamp,
}

impl CaseFacts {
    /// Counts the entries to be named in the first sentence: planted records where there are any, else all.
    pub fn records(&self) -> u64 {
        let canaries = self.entries.iter().filter(|entry| entry.kind == EntryKind::Canary).count();
        u64::try_from(if canaries > 0 { canaries } else { self.entries.len() }).unwrap_or(u64::MAX)
    }

    /// Returns the sites, each once: those new since the last mail first, then in the order they were seen.
    pub fn sites(&self) -> Vec<&Site> {
        let mut sightings: Vec<&Sighting> = self.sightings.iter().collect();
        sightings.sort_by_key(|sighting| (self.is_site_known(&sighting.site), sighting.first_seen_at));
        let mut sites: Vec<&Site> = Vec::new();
        for sighting in sightings {
            if !sites.contains(&&sighting.site) {
                sites.push(&sighting.site);
            }
        }
        sites
    }

    /// Tells whether something first seen then was in no earlier mail.
    pub fn is_new(&self, first_seen_at: Timestamp) -> bool {
        self.news_since.is_some_and(|news_since| first_seen_at >= news_since)
    }

    /// Tells whether the site was known to an earlier mail.
    pub fn is_site_known(&self, site: &Site) -> bool {
        self.news_since.is_some_and(|news_since| {
            self.sightings.iter().any(|sighting| sighting.site == *site && sighting.first_seen_at < news_since)
        })
    }

    /// Writes a time for the reader: by the organization's clocks, and in UTC: `2026-11-20 22:03 +08:00 (14:03 UTC)`.
    pub fn time(&self, at: Timestamp) -> String {
        show_time(&self.zone, at)
    }

    /// Returns the same case without any value, link or price: what is mailed when the guard objects to the full mail.
    #[must_use]
    pub fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.entries.iter_mut().for_each(|entry| entry.values.clear());
        bare.sightings.iter_mut().for_each(|sighting| sighting.link = None);
        bare.offer.iter_mut().for_each(|offer| offer.price = None);
        bare.seller.iter_mut().for_each(|seller| seller.marks.clear());
        bare
    }
}

/// Writes a time by a zone's clocks and in UTC; only once where they are the same.
pub(super) fn show_time(zone: &Zone, at: Timestamp) -> String {
    if *zone == Zone::default() {
        return at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    }
    let (local, utc) = (zone.show(at), at.strftime("%Y-%m-%d %H:%M").to_string());
    // Of another day the day is said, too.
    let is_same_day = local.get(..10) == utc.get(..10);
    let utc = if is_same_day { utc.get(11..).unwrap_or(&utc) } else { &utc };
    format!("{local} ({utc} UTC)")
}
