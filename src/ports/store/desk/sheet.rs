//! All of a case that does not grow with its hits: what a page about it begins with.

use sqlx::AnyConnection;

use super::asides::{Note, Pledge, Silence, pledges_of, silences_of};
use super::version;
use crate::domain::matcher::Verdict;
use crate::domain::severity::Assessment;
use crate::domain::watchlist::Organization;
use crate::ports::store::console::{CaseLine, Scope};
use crate::ports::store::model::{AlertRow, CaseMove, SellerHistory};
use crate::ports::store::sql::{self, Columns, values};
use crate::ports::store::watchlists::parse;
use crate::ports::store::{Store, StoreError, outbox, rates, sellers, triage};

/// A case without its entries, places and hits, which come in pages.
#[derive(Debug, Clone)]
pub struct CaseSheet {
    /// What lists show.
    pub line: CaseLine,
    /// Its organization: names, custodians.
    pub organization: Organization,
    /// How grave, by which rule, from what.
    pub severity: Option<Assessment>,
    /// Whose data its places show.
    pub verdict: Option<Verdict>,
    /// Cases that were merged into it.
    pub merged: Vec<String>,
    /// Who offers.
    pub seller: Option<SellerHistory>,
    /// The audit log's rows about it, the oldest first.
    pub moves: Vec<CaseMove>,
    /// Its mails, the oldest first.
    pub alerts: Vec<AlertRow>,
    /// The last row of the audit log about it: what [`super::Expected::Version`] names.
    pub version: i64,
    /// Who looks after it.
    pub assignee: Option<String>,
    /// Who keeps all its evidence, and why.
    pub hold: Option<(String, String)>,
    /// What people wrote down, the oldest first.
    pub notes: Vec<Note>,
    /// What is not looked for any more because of it.
    pub silences: Vec<Silence>,
    /// What waits for a second person.
    pub pledges: Vec<Pledge>,
}

impl Store {
    /// Returns a case without what grows with its hits; `None` if it is not there or outside the scope.
    ///
    /// # Errors
    /// When the database fails or a row does not open.
    pub async fn case_sheet(&self, scope: &Scope, id: &str) -> Result<Option<CaseSheet>, StoreError> {
        let Some(line) = self.case_line(scope, id).await? else { return Ok(None) };
        let mut connection = self.reader.acquire().await?;
        let organization = self.organization(&mut connection, &line.organization).await?;
        let statement = "SELECT severity, assignee, (SELECT h.who FROM case_hold h WHERE h.leak_case = c.id), \
                         (SELECT h.why FROM case_hold h WHERE h.leak_case = c.id) FROM leak_case c WHERE c.id = $1";
        let row = sql::fetch_one(&mut connection, statement, values![&line.id]).await?;
        let row = row.ok_or_else(|| StoreError::NoSuchCase { id: line.id.clone() })?;
        let merged = merged(&mut connection, &line.id).await?;
        let family: Vec<String> = merged.iter().chain([&line.id]).cloned().collect();
        Ok(Some(CaseSheet {
            severity: row.maybe_text(0)?.map(|text| parse("case", &line.id, &text)).transpose()?,
            assignee: row.maybe_text(1)?,
            hold: row.maybe_text(2)?.zip(row.maybe_text(3)?),
            verdict: rates::verdict(&mut connection, &organization, &line.id).await?,
            seller: sellers::history(&mut connection, (&line.organization, &line.id)).await?,
            version: version(&mut connection, &line.id).await?,
            moves: triage::moves_of(&mut connection, &family).await?,
            alerts: outbox::alerts_of(&mut connection, &family).await?,
            notes: self.notes_of(&mut connection, &family).await?,
            silences: silences_of(&mut connection, &line.id).await?,
            pledges: pledges_of(&mut connection, &line.id).await?,
            merged,
            organization,
            line,
        }))
    }
}

async fn merged(connection: &mut AnyConnection, case: &str) -> Result<Vec<String>, StoreError> {
    let statement = "SELECT id FROM leak_case WHERE merged_into = $1 ORDER BY id";
    sql::fetch(connection, statement, values![case]).await?.iter().map(|row| row.text(0)).collect()
}
