//! The inbox's filter: read from an address, written into one.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::posted::Fields;
use super::viewer::Tongue;
use super::words;
use crate::domain::case::State;
use crate::domain::severity::Severity;
use crate::domain::source::SourceId;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::console::{CaseCursor, CaseQuery, Order};

/// What an address asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// What the store is asked.
    pub(crate) query: CaseQuery,
    /// Where the page begins.
    pub(crate) after: Option<CaseCursor>,
    /// The days, as they were typed.
    pub(crate) from: String,
    /// The last day, included.
    pub(crate) until: String,
    /// Only open cases that the user looks after; nothing else of the filter counts then.
    pub(crate) is_mine: bool,
}

/// One value of a field that may be chosen.
#[derive(Debug)]
pub(crate) struct Choice {
    /// For the form.
    pub(crate) value: &'static str,
    /// For people.
    pub(crate) label: &'static str,
    /// Whether it is chosen.
    pub(crate) is_on: bool,
}

/// Longest name of a saved filter, in characters.
pub(crate) const NAME_LIMIT: usize = 60;

/// States of cases that somebody still works on.
const OPEN: [State; 3] = [State::New, State::Acknowledged, State::Confirmed];

impl Filter {
    /// Reads an address; what it says that is not known counts as not said. Without a state, open cases are asked for.
    pub(crate) fn read(fields: &Fields, zone: &TimeZone) -> Self {
        let mut states = Vec::new();
        let words = fields.all("state");
        for word in &words {
            match *word {
                "open" => states.extend(OPEN),
                word => states.extend(State::parse(word)),
            }
        }
        if words.is_empty() {
            states.extend(OPEN);
        }
        let mut severities: Vec<Severity> = fields.all("severity").into_iter().filter_map(Severity::parse).collect();
        severities.sort_unstable();
        severities.dedup();
        let states = State::ALL.into_iter().filter(|state| states.contains(state)).collect();
        let text = |name: &str| Some(fields.get(name)).filter(|text| !text.is_empty()).map(str::to_owned);
        let (from, until) = (day(fields.get("from")), day(fields.get("until")));
        let query = CaseQuery {
            organization: OrganizationId::parse(fields.get("organization")),
            states,
            severities,
            offer: match fields.get("offer") {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            },
            source: text("source").map(SourceId),
            custodian: text("custodian"),
            from: from.and_then(|day| begin(day, zone)),
            until: until.and_then(|day| day.tomorrow().ok()).and_then(|day| begin(day, zone)),
            text: text("q"),
            order: if fields.get("order") == "gravest" { Order::Gravest } else { Order::Newest },
        };
        Self {
            query,
            after: CaseCursor::parse(fields.get("after")),
            from: from.map(|day| day.to_string()).unwrap_or_default(),
            until: until.map(|day| day.to_string()).unwrap_or_default(),
            is_mine: fields.get("mine") == "yes",
        }
    }

    /// Tells whether the open cases are asked for.
    pub(crate) fn is_open(&self) -> bool {
        self.query.states == OPEN
    }

    /// Writes the address of the user's own cases.
    pub(crate) fn mine() -> String {
        address("mine=yes")
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let query = &self.query;
        let mut pairs = Vec::new();
        let mut say = |name, value: Option<String>| {
            if let Some(value) = value {
                pairs.push((name, value));
            }
        };
        if query.states.is_empty() {
            say("state", Some(String::new()));
        } else if !self.is_open() {
            for state in &query.states {
                say("state", Some(state.as_str().to_owned()));
            }
        }
        say("mine", self.is_mine.then(|| "yes".to_owned()));
        say("organization", query.organization.as_ref().map(|organization| organization.0.clone()));
        for severity in &query.severities {
            say("severity", Some(severity.as_str().to_owned()));
        }
        say("offer", query.offer.map(|offer| if offer { "yes" } else { "no" }.to_owned()));
        say("source", query.source.as_ref().map(|source| source.0.clone()));
        say("custodian", query.custodian.clone());
        say("from", Some(self.from.clone()).filter(|day| !day.is_empty()));
        say("until", Some(self.until.clone()).filter(|day| !day.is_empty()));
        say("q", query.text.clone());
        say("order", (query.order == Order::Gravest).then(|| "gravest".to_owned()));
        pairs
    }

    /// Writes the filter as a query, without the place of the page.
    pub(crate) fn query_text(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(self.pairs()).finish()
    }

    /// Writes the address of the filter's first page.
    pub(crate) fn url(&self) -> String {
        address(&self.query_text())
    }

    /// Writes the address of the page that begins after a case.
    pub(crate) fn at(&self, after: &CaseCursor) -> String {
        let mut pairs = self.pairs();
        pairs.push(("after", after.encode()));
        address(&url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    }

    /// Writes the address of the same filter with another value of a field.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> String {
        let mut pairs: Vec<_> =
            self.pairs().into_iter().filter(|(known, _)| *known != name && *known != "mine").collect();
        if value != "open" {
            pairs.push((name, value.to_owned()));
        }
        address(&url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    }

    /// Returns what a field may be.
    pub(crate) fn choices(&self, name: &str, tongue: Tongue) -> Vec<Choice> {
        let query = &self.query;
        match name {
            "severity" => Severity::ALL
                .into_iter()
                .rev()
                .map(|level| Choice {
                    value: level.as_str(),
                    label: words::severity(tongue, Some(level)),
                    is_on: query.severities.contains(&level),
                })
                .collect(),
            "offer" => [
                ("", tongue.choose("any", "不限"), query.offer.is_none()),
                ("yes", tongue.choose("yes", "是"), query.offer == Some(true)),
                ("no", tongue.choose("no", "否"), query.offer == Some(false)),
            ]
            .map(|(value, label, is_on)| Choice { value, label, is_on })
            .into(),
            _ => [
                ("", tongue.choose("newest first", "最新优先"), query.order == Order::Newest),
                ("gravest", tongue.choose("gravest first", "最严重优先"), query.order == Order::Gravest),
            ]
            .map(|(value, label, is_on)| Choice { value, label, is_on })
            .into(),
        }
    }

    /// Tells whether this organization is asked for.
    pub(crate) fn is_organization(&self, id: &str) -> bool {
        self.query.organization.as_ref().is_some_and(|organization| organization.0 == id)
    }

    /// Tells whether this source is asked for.
    pub(crate) fn is_source(&self, id: &str) -> bool {
        self.query.source.as_ref().is_some_and(|source| source.0 == id)
    }

    /// Tells whether this custodian is asked for.
    pub(crate) fn is_custodian(&self, code: &str) -> bool {
        self.query.custodian.as_deref() == Some(code)
    }

    /// Returns the words that are searched for.
    pub(crate) fn words(&self) -> &str {
        self.query.text.as_deref().unwrap_or_default()
    }

    /// Returns the states as hidden fields of a form need them.
    pub(crate) fn state_words(&self) -> Vec<&'static str> {
        if self.query.states.is_empty() {
            vec![""]
        } else if self.is_open() {
            Vec::new()
        } else {
            self.query.states.iter().map(|state| state.as_str()).collect()
        }
    }
}

/// Writes a query as it is saved under a name. A filter that filters nothing is the inbox itself.
pub(crate) fn saved_query(query: &str, zone: &TimeZone) -> String {
    let query = Filter::read(&Fields::parse(query.as_bytes()), zone).query_text();
    if query.is_empty() { "state=".to_owned() } else { query }
}

fn address(query: &str) -> String {
    if query.is_empty() { "/cases".to_owned() } else { format!("/cases?{query}") }
}

fn day(text: &str) -> Option<Date> {
    text.parse().ok()
}

/// Days begin where the viewer is.
fn begin(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    day.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}
