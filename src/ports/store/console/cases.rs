//! Pages of cases, newest or gravest first, narrowed by whatever an analyst asks for; and how many there are.
//!
//! A list that is narrowed to states or levels is the sum of lists, each of which is one stretch of an index; so a page costs
//! the same wherever its rows lie.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::lines::{self, CaseLine};
use super::narrow::{self, Narrowed};
use super::{cut, only, page_size, within};
use crate::domain::case::State;
use crate::domain::severity::Severity;
use crate::domain::source::SourceId;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::console::Scope;
use crate::ports::store::sql::{Columns, KEYS, Statement};
use crate::ports::store::{Store, StoreError};

/// In which order cases are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Found last first.
    #[default]
    Newest,
    /// The gravest first, of those found last first.
    Gravest,
}

/// Which cases to list; what is not named does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseQuery {
    /// Only this organization's.
    pub organization: Option<OrganizationId>,
    /// Only in one of these states; empty for all.
    pub states: Vec<State>,
    /// Only of one of these levels; empty for all.
    pub severities: Vec<Severity>,
    /// Only offered for sale, or only not.
    pub offer: Option<bool>,
    /// Only seen on this source.
    pub source: Option<SourceId>,
    /// Only those of whose entries this custodian's copies hold one.
    pub custodian: Option<String>,
    /// Only first matched at that time or later.
    pub from: Option<Timestamp>,
    /// Only first matched before.
    pub until: Option<Timestamp>,
    /// Only with this as their id, an entry, the author of an offer, or in a thread's title.
    pub text: Option<String>,
    /// In which order.
    pub order: Order,
}

/// Where a page of cases ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseCursor {
    grave: i64,
    matched_ms: i64,
    id: String,
}

impl CaseCursor {
    /// Writes it for a URL.
    pub fn encode(&self) -> String {
        format!("{}.{}.{}", self.grave, self.matched_ms, self.id)
    }

    /// Reads what [`CaseCursor::encode`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let mut number = || parts.next()?.parse::<i64>().ok();
        let (grave, matched_ms) = (number()?, number()?);
        let id = crate::domain::case::parse_id(parts.next()?)?;
        Some(Self { grave, matched_ms, id })
    }

    /// What is listed first is greater.
    fn rank(&self, order: Order) -> (i64, i64, &str) {
        match order {
            Order::Newest => (0, self.matched_ms, &self.id),
            Order::Gravest => (self.grave, self.matched_ms, &self.id),
        }
    }
}

/// A page of cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CasePage {
    /// The cases, in order.
    pub cases: Vec<CaseLine>,
    /// Where the next page begins; `None` on the last.
    #[serde(skip)]
    pub next: Option<CaseCursor>,
}

/// How many cases of an organization stand somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseCount {
    /// Whose.
    pub organization: String,
    /// Where they stand.
    pub state: State,
    /// How grave; `None` while they are not weighed.
    pub severity: Option<Severity>,
    /// How many.
    pub cases: u64,
}

impl Store {
    /// Returns a page of the cases that live, of those that the scope admits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_page(
        &self,
        scope: &Scope,
        query: &CaseQuery,
        (after, limit): (Option<&CaseCursor>, u32),
    ) -> Result<CasePage, StoreError> {
        let Some(scope) = within(scope, query.organization.as_ref()) else {
            return Ok(CasePage { cases: Vec::new(), next: None });
        };
        let limit = page_size(limit);
        let mut connection = self.reader.acquire().await?;
        let Narrowed { few, conditions } = narrow::candidates(&mut connection, &scope, (query, self.dialect)).await?;
        let listing = Listing { scope: &scope, query, conditions: &conditions, after, limit };
        let mut cursors = match few {
            Some(ids) => listing.look_up(&mut connection, &ids).await?,
            None => listing.walk(&mut connection).await?,
        };
        cursors.sort_by(|one, other| other.rank(query.order).cmp(&one.rank(query.order)));
        let is_more = cut(&mut cursors, limit);
        let ids: Vec<String> = cursors.iter().map(|cursor| cursor.id.clone()).collect();
        let cases = lines::load(&mut connection, &ids).await?;
        Ok(CasePage { cases, next: cursors.pop().filter(|_| is_more) })
    }

    /// Counts the living cases of a scope by organization, state and level.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_counts(&self, scope: &Scope) -> Result<Vec<CaseCount>, StoreError> {
        let mut statement =
            Statement::new("SELECT organization, state, grave, COUNT(*) FROM leak_case WHERE merged_into IS NULL");
        if let Some(organization) = only(scope) {
            statement.bind(" AND organization = ", organization);
        }
        statement.push(" GROUP BY organization, state, grave ORDER BY organization, state, grave");
        let mut connection = self.reader.acquire().await?;
        statement.fetch(&mut connection).await?.iter().map(case_count).collect()
    }

    /// Tells whether a case is there and the scope admits it; returns the id of the living case and its organization.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_case(&self, scope: &Scope, id: &str) -> Result<Option<(String, OrganizationId)>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        match crate::ports::store::cases::living(&mut connection, id).await {
            Ok(living) if scope.covers(&living.organization) => {
                Ok(Some((living.id, OrganizationId(living.organization))))
            }
            Ok(_) | Err(StoreError::NoSuchCase { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Returns one line of a case, if it is there and the scope admits it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_line(&self, scope: &Scope, id: &str) -> Result<Option<CaseLine>, StoreError> {
        let Some((id, _)) = self.find_case(scope, id).await? else { return Ok(None) };
        let mut connection = self.reader.acquire().await?;
        Ok(lines::load(&mut connection, &[id]).await?.pop())
    }
}

fn case_count(row: &AnyRow) -> Result<CaseCount, StoreError> {
    let organization = row.text(0)?;
    Ok(CaseCount {
        state: State::parse(&row.text(1)?).ok_or_else(|| StoreError::damaged("case", &organization))?,
        severity: level(row.int(2)?),
        cases: row.count(3)?,
        organization,
    })
}

/// The store's number for a level.
pub(in crate::ports::store) const fn grave(severity: Severity) -> i64 {
    match severity {
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

/// Reads the number of [`grave`].
pub(super) fn level(number: i64) -> Option<Severity> {
    Severity::ALL.into_iter().find(|severity| grave(*severity) == number)
}

fn cursor(row: &AnyRow) -> Result<CaseCursor, StoreError> {
    Ok(CaseCursor { grave: row.int(0)?, matched_ms: row.int(1)?, id: row.text(2)? })
}

/// One stretch of an index: a state, a level, both or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    state: Option<State>,
    grave: Option<i64>,
}

/// A list of cases by the indexes.
struct Listing<'a> {
    scope: &'a Scope,
    query: &'a CaseQuery,
    /// Conditions that no index answers; the places of their values are filled in by [`narrow::Condition`].
    conditions: &'a [narrow::Condition],
    after: Option<&'a CaseCursor>,
    limit: u32,
}

impl Listing<'_> {
    /// Reads the list as far as the page goes.
    async fn walk(&self, connection: &mut AnyConnection) -> Result<Vec<CaseCursor>, StoreError> {
        let mut statement = Statement::new("");
        let stretches: Vec<Stretch> =
            stretches(self.query).into_iter().filter(|stretch| !self.is_over(*stretch)).collect();
        for (number, stretch) in stretches.iter().enumerate() {
            statement.push(if number == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
            statement.push("SELECT c.grave, c.first_matched_at, c.id FROM leak_case c");
            self.write(&mut statement, *stretch);
            statement.push(match (self.query.order, stretch.grave) {
                (Order::Gravest, None) => " ORDER BY c.grave DESC, c.first_matched_at DESC, c.id DESC",
                (Order::Gravest, Some(_)) | (Order::Newest, _) => " ORDER BY c.first_matched_at DESC, c.id DESC",
            });
            statement.bind(" LIMIT ", self.limit + 1);
            statement.push(") AS stretch");
        }
        // PostgreSQL merges the stretches then, and walks each only as far as it must.
        if stretches.len() > 1 {
            statement.push(match self.query.order {
                Order::Gravest => " ORDER BY grave DESC, first_matched_at DESC, id DESC",
                Order::Newest => " ORDER BY first_matched_at DESC, id DESC",
            });
            statement.bind(" LIMIT ", self.limit + 1);
        }
        if stretches.is_empty() {
            return Ok(Vec::new());
        }
        statement.fetch(connection).await?.iter().map(cursor).collect()
    }

    /// Picks the page out of these cases.
    async fn look_up(&self, connection: &mut AnyConnection, ids: &[String]) -> Result<Vec<CaseCursor>, StoreError> {
        let states: Vec<String> = self.query.states.iter().map(|state| state.as_str().to_owned()).collect();
        let levels = &self.query.severities;
        let mut cursors = Vec::new();
        for chunk in ids.chunks(KEYS) {
            // `LIMIT 256 OFFSET 0` takes nothing away; both databases find the cases by their ids first, and by nothing else.
            let mut statement = Statement::new(
                "SELECT c.grave, c.first_matched_at, c.id FROM (SELECT id, organization, state, grave, offer, \
                 first_matched_at, merged_into FROM leak_case WHERE ",
            );
            statement.bind_in("id", chunk);
            statement.push(" LIMIT 256 OFFSET 0) AS c");
            self.write(&mut statement, Stretch { state: None, grave: None });
            if !states.is_empty() {
                statement.push(" AND ");
                statement.bind_in("c.state", &states);
            }
            for (number, level) in levels.iter().enumerate() {
                statement.bind(if number == 0 { " AND c.grave IN (" } else { ", " }, grave(*level));
            }
            statement.push(if levels.is_empty() { "" } else { ")" });
            statement.push(match self.query.order {
                Order::Gravest => " ORDER BY c.grave DESC, c.first_matched_at DESC, c.id DESC",
                Order::Newest => " ORDER BY c.first_matched_at DESC, c.id DESC",
            });
            statement.bind(" LIMIT ", self.limit + 1);
            cursors.extend(statement.fetch(connection).await?.iter().map(cursor).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(cursors)
    }

    /// Tells whether a stretch lies wholly before the page.
    fn is_over(&self, stretch: Stretch) -> bool {
        let levels = self.after.map(|after| after.grave).zip(stretch.grave);
        self.query.order == Order::Gravest && levels.is_some_and(|(after, own)| own > after)
    }

    /// Writes the conditions on the cases `c`.
    fn write(&self, statement: &mut Statement, stretch: Stretch) {
        statement.push(" WHERE c.merged_into IS NULL");
        if let Some(organization) = only(self.scope) {
            statement.bind(" AND c.organization = ", organization);
        }
        if let Some(state) = stretch.state {
            statement.bind(" AND c.state = ", state.as_str());
        }
        if let Some(grave) = stretch.grave {
            statement.bind(" AND c.grave = ", grave);
        }
        self.begin_after(statement, stretch);
        if let Some(from) = self.query.from {
            statement.bind(" AND c.first_matched_at >= ", from);
        }
        if let Some(until) = self.query.until {
            statement.bind(" AND c.first_matched_at < ", until);
        }
        if let Some(offer) = self.query.offer {
            statement.bind(" AND c.offer = ", i64::from(offer));
        }
        for condition in self.conditions {
            condition.write(statement);
        }
    }

    fn begin_after(&self, statement: &mut Statement, stretch: Stretch) {
        let Some(after) = self.after else { return };
        let is_by_time = match (self.query.order, stretch.grave) {
            (Order::Gravest, Some(own)) if own < after.grave => return,
            (Order::Newest, _) | (Order::Gravest, Some(_)) => true,
            (Order::Gravest, None) => false,
        };
        if is_by_time {
            statement.bind(" AND (c.first_matched_at, c.id) < (", after.matched_ms);
        } else {
            statement.bind(" AND (c.grave, c.first_matched_at, c.id) < (", after.grave);
            statement.bind(", ", after.matched_ms);
        }
        statement.bind(", ", &after.id);
        statement.push(")");
    }
}

/// Returns the stretches whose sum is the list, each in the order of one index.
fn stretches(query: &CaseQuery) -> Vec<Stretch> {
    let mut levels: Vec<i64> = query.severities.iter().map(|severity| grave(*severity)).collect();
    if levels.is_empty() && !query.states.is_empty() && query.order == Order::Newest {
        levels = (0..=4).collect();
    }
    levels.sort_unstable_by_key(|level| Reverse(*level));
    levels.dedup();
    let states: Vec<Option<State>> = if query.states.is_empty() {
        vec![None]
    } else {
        State::ALL.into_iter().filter(|state| query.states.contains(state)).map(Some).collect()
    };
    let levels: Vec<Option<i64>> = if levels.is_empty() { vec![None] } else { levels.into_iter().map(Some).collect() };
    states.iter().flat_map(|state| levels.iter().map(|grave| Stretch { state: *state, grave: *grave })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = CaseCursor { grave: 3, matched_ms: 1_780_000_000_123, id: "C-7F3K9Q2M".to_owned() };
        assert_eq!(CaseCursor::parse(&cursor.encode()), Some(cursor));
        for strange in ["", "3", "3.4", "3.4.", "x.4.C-7F3K9Q2M", "3.99999999999999999999.C-7F3K9Q2M", "3.4.';--"] {
            assert_eq!(CaseCursor::parse(strange), None, "{strange}");
        }
    }

    #[test]
    fn every_narrowing_is_a_sum_of_stretches_in_index_order() {
        let of = |states: &[State], severities: &[Severity], order| {
            let query =
                CaseQuery { states: states.to_vec(), severities: severities.to_vec(), order, ..CaseQuery::default() };
            stretches(&query).len()
        };
        for (count, states, severities, order) in [
            (1, &[][..], &[][..], Order::Newest),
            (1, &[], &[], Order::Gravest),
            (5, &[State::New], &[], Order::Newest),
            (1, &[State::New, State::New], &[], Order::Gravest),
            (2, &[], &[Severity::High, Severity::Critical], Order::Newest),
            (4, &[State::New, State::Confirmed], &[Severity::High, Severity::Critical], Order::Gravest),
        ] {
            assert_eq!(of(states, severities, order), count, "{states:?} {severities:?} {order:?}");
        }
    }
}
