//! Pages of alerts and of the audit log, the newest first.

use serde::Serialize;

use super::{cut, only, page_size, within};
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::console::Scope;
use crate::ports::store::model::{AlertRow, AlertState, CaseMove};
use crate::ports::store::outbox::alert_row;
use crate::ports::store::sql::Statement;
use crate::ports::store::triage::case_move;
use crate::ports::store::{Store, StoreError};

/// Which alerts to list; what is not named does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Only this organization's.
    pub organization: Option<OrganizationId>,
    /// Only those that stand there.
    pub state: Option<AlertState>,
}

/// Where a page of alerts ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertCursor {
    created_ms: i64,
    id: String,
}

impl AlertCursor {
    /// Writes it for a URL.
    pub fn encode(&self) -> String {
        format!("{}.{}", self.created_ms, self.id)
    }

    /// Reads what [`AlertCursor::encode`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (created, id) = text.split_once('.')?;
        let is_id = id.starts_with("A-")
            && id.len() <= 40
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_id.then(|| Some(Self { created_ms: created.parse().ok()?, id: id.to_owned() })).flatten()
    }
}

/// A page of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertPage {
    /// The alerts.
    pub alerts: Vec<AlertRow>,
    /// Where the next page begins; `None` on the last.
    #[serde(skip)]
    pub next: Option<AlertCursor>,
}

/// A page of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditPage {
    /// Its rows.
    pub moves: Vec<CaseMove>,
    /// Number of the last row; `None` on the last page.
    #[serde(skip)]
    pub next: Option<i64>,
}

impl Store {
    /// Returns a page of the alerts that the scope admits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn alert_page(
        &self,
        scope: &Scope,
        query: &AlertQuery,
        (after, limit): (Option<&AlertCursor>, u32),
    ) -> Result<AlertPage, StoreError> {
        let Some(scope) = within(scope, query.organization.as_ref()) else {
            return Ok(AlertPage { alerts: Vec::new(), next: None });
        };
        let limit = page_size(limit);
        let mut statement = Statement::new(
            "SELECT id, organization, leak_case, contact, reason, state, message_id, created_at, due_at, attempts, \
             last_error, sent_at, failure, held_until, escalates, frozen_at FROM alert WHERE ",
        );
        match only(&scope) {
            Some(organization) => statement.bind("organization = ", organization),
            None => statement.push("1 = 1"),
        }
        statement.push(match query.state {
            None => "",
            Some(AlertState::Queued) => " AND state = 'queued' AND contact <> ''",
            Some(AlertState::WaitingForContact) => " AND state = 'queued' AND contact = ''",
            Some(AlertState::Sent) => " AND state = 'sent'",
            Some(AlertState::Dead) => " AND state = 'dead'",
            Some(AlertState::Dropped) => " AND state = 'dropped'",
        });
        if let Some(after) = after {
            statement.bind(" AND (created_at, id) < (", after.created_ms);
            statement.bind(", ", &after.id);
            statement.push(")");
        }
        statement.push(" ORDER BY created_at DESC, id DESC");
        statement.bind(" LIMIT ", limit + 1);
        let mut connection = self.reader.acquire().await?;
        let mut alerts =
            statement.fetch(&mut connection).await?.iter().map(alert_row).collect::<Result<Vec<_>, _>>()?;
        let is_more = cut(&mut alerts, limit);
        let last = alerts.last().filter(|_| is_more);
        let next =
            last.map(|alert| AlertCursor { created_ms: alert.created_at.as_millisecond(), id: alert.id.clone() });
        Ok(AlertPage { alerts, next })
    }

    /// Returns a page of the audit log's rows that the scope admits, those before row `before` if it is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_page(
        &self,
        scope: &Scope,
        (before, limit): (Option<i64>, u32),
    ) -> Result<AuditPage, StoreError> {
        let limit = page_size(limit);
        let mut statement =
            Statement::new("SELECT number, at, leak_case, from_state, to_state, who, why, hash FROM case_move WHERE ");
        statement.bind("number < ", before.unwrap_or(i64::MAX));
        if let Some(organization) = only(scope) {
            statement.bind(" AND organization = ", organization);
        }
        statement.push(" ORDER BY number DESC");
        statement.bind(" LIMIT ", limit + 1);
        let mut connection = self.reader.acquire().await?;
        let mut moves = statement.fetch(&mut connection).await?.iter().map(case_move).collect::<Result<Vec<_>, _>>()?;
        let is_more = cut(&mut moves, limit);
        Ok(AuditPage { next: moves.last().filter(|_| is_more).map(|step| step.number), moves })
    }
}
