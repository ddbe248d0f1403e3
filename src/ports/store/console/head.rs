//! What is known of a case without what is in it: its line, whose rows they are, who sells, what was merged.

use serde::Serialize;

use super::lines::{self, CaseLine};
use crate::domain::matcher::Verdict;
use crate::domain::watchlist::Language;
use crate::ports::store::console::Scope;
use crate::ports::store::model::{AlertRow, CaseMove, SellerHistory};
use crate::ports::store::sql::{self, Columns, values};
use crate::ports::store::{Store, StoreError, outbox, rates, sellers, triage};

/// A case without its entries, places and hits: of bounded size, whatever leaked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseHead {
    /// What lists show.
    #[serde(flatten)]
    pub line: CaseLine,
    /// Language of its organization's mails.
    pub language: Language,
    /// Whose data its places show, all together; `None` if nothing was counted there.
    pub verdict: Option<Verdict>,
    /// Ids of cases that were merged into this one.
    pub merged: Vec<String>,
    /// What is known of the seller, where an offer names one.
    pub seller: Option<SellerHistory>,
    /// Who moved it, when, why; the oldest first.
    pub moves: Vec<CaseMove>,
    /// Its alerts, the oldest first.
    pub alerts: Vec<AlertRow>,
}

impl Store {
    /// Returns the head of a case, if it is there and the scope covers it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_head(&self, scope: &Scope, id: &str) -> Result<Option<CaseHead>, StoreError> {
        let Some((id, organization)) = self.find_case(scope, id).await? else { return Ok(None) };
        let mut connection = self.reader.acquire().await?;
        // The line with its revision first: whatever is read after it is at least as new.
        let Some(line) = lines::load(&mut connection, std::slice::from_ref(&id)).await?.pop() else { return Ok(None) };
        let statement = "SELECT id FROM leak_case WHERE merged_into = $1 ORDER BY id";
        let rows = sql::fetch(&mut connection, statement, values![&id]).await?;
        let merged = rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
        let family: Vec<String> = merged.iter().chain([&id]).cloned().collect();
        let organization = self.organization(&mut connection, &organization.0).await?;
        Ok(Some(CaseHead {
            language: organization.language,
            verdict: rates::verdict(&mut connection, &organization, &id).await?,
            seller: sellers::history(&mut connection, (&organization.id.0, &id)).await?,
            moves: triage::moves_of(&mut connection, &family).await?,
            alerts: outbox::alerts_of(&mut connection, &family).await?,
            merged,
            line,
        }))
    }
}
