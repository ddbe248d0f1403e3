//! Narrowing by what lies in other tables: sources, custodians' copies, words.
//!
//! Where few cases fit they are looked up; where many fit, a page fills quickly while the list is walked. Which of the two it
//! is, is found out by counting up to a limit.
//!
//! `LIMIT 1 OFFSET 0` in a condition changes nothing of what it says; PostgreSQL asks it of one case after the other then, and
//! does not first collect all that meet it.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::cases::CaseQuery;
use super::only;
use crate::domain::case;
use crate::ports::store::console::Scope;
use crate::ports::store::sql::{Columns, Statement};
use crate::ports::store::watchlists::json;
use crate::ports::store::{Dialect, StoreError, titles};

/// So many cases are few.
const FEW: usize = 1_024;
/// Longest word that is searched for, in characters.
const WORD_LIMIT: usize = 200;

/// What is left to do for a query.
pub(super) struct Narrowed {
    /// Look these up; `None`: walk the list.
    pub(super) few: Option<Vec<String>>,
    /// Conditions to be met.
    pub(super) conditions: Vec<Condition>,
}

/// A condition on `leak_case c` that no index of it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Source(String),
    Custodian(String),
    /// The words as they were typed.
    Words(Dialect, String),
}

impl Condition {
    pub(super) fn write(&self, statement: &mut Statement) {
        match self {
            Self::Source(source) => {
                statement.push(" AND EXISTS (SELECT 1 FROM case_sighting s WHERE s.leak_case = c.id");
                statement.bind(" AND s.source = ", source);
                statement.push(" LIMIT 1 OFFSET 0)");
            }
            Self::Custodian(pattern) => {
                statement.push(
                    " AND EXISTS (SELECT 1 FROM case_entry e JOIN canary y ON y.organization = e.organization \
                     AND y.id = e.entry WHERE e.leak_case = c.id AND e.kind = 'canary'",
                );
                statement.bind(" AND y.holders LIKE ", pattern);
                statement.push(" ESCAPE '!' LIMIT 1 OFFSET 0)");
            }
            Self::Words(dialect, text) => {
                statement.push(" AND (EXISTS (SELECT 1 FROM case_sighting s WHERE s.leak_case = c.id AND ");
                titles::holds(statement, (*dialect, "s.words"), &titles::fold(text));
                statement.push(
                    " LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1 FROM case_sighting s JOIN post p ON p.source = s.source \
                     AND p.thread = s.thread AND p.id = s.post WHERE s.leak_case = c.id AND p.sale >= 0.5",
                );
                statement.bind(" AND p.author = ", text);
                statement.push(" LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1 FROM case_entry e WHERE e.leak_case = c.id");
                statement.bind(" AND e.entry = ", text);
                statement.push(" LIMIT 1 OFFSET 0))");
            }
        }
    }
}

/// Finds out what a query's source, custodian and words leave to do.
pub(super) async fn candidates(
    connection: &mut AnyConnection,
    scope: &Scope,
    (query, dialect): (&CaseQuery, Dialect),
) -> Result<Narrowed, StoreError> {
    let (mut conditions, mut few) = (Vec::new(), None::<BTreeSet<String>>);
    let mut note = |found: BTreeSet<String>, condition: Condition| {
        if found.len() > FEW {
            conditions.push(condition);
        } else {
            few = Some(few.take().map_or(found.clone(), |known| known.intersection(&found).cloned().collect()));
        }
    };
    if let Some(source) = &query.source {
        let mut statement = Statement::new("SELECT DISTINCT leak_case FROM case_sighting WHERE ");
        statement.bind("source = ", &source.0);
        note(ids(connection, statement, scope, "organization").await?, Condition::Source(source.0.clone()));
    }
    if let Some(custodian) = &query.custodian {
        let pattern = format!("%{}%", escape(&json(custodian)?));
        let mut statement = Statement::new(
            "SELECT DISTINCT e.leak_case FROM canary y CROSS JOIN case_entry e WHERE e.organization = y.organization \
             AND e.kind = 'canary' AND e.entry = y.id",
        );
        statement.bind(" AND y.holders LIKE ", &pattern);
        statement.push(" ESCAPE '!'");
        note(ids(connection, statement, scope, "y.organization").await?, Condition::Custodian(pattern));
    }
    if let Some(text) = query.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let text: String = text.chars().take(WORD_LIMIT).collect();
        note(search(connection, scope, (dialect, &text)).await?, Condition::Words(dialect, text));
    }
    // Few of one kind may still have to meet the conditions that many meet.
    Ok(Narrowed { few: few.map(|ids| ids.into_iter().collect()), conditions })
}

/// Runs a statement that lists cases, within a scope and up to the limit.
async fn ids(
    connection: &mut AnyConnection,
    mut statement: Statement,
    scope: &Scope,
    column: &'static str,
) -> Result<BTreeSet<String>, StoreError> {
    if let Some(organization) = only(scope) {
        statement.push(" AND ");
        statement.push(column);
        statement.bind(" = ", organization);
    }
    statement.bind(" LIMIT ", FEW as u64 + 1);
    statement.fetch(connection).await?.iter().map(|row| row.text(0)).collect()
}

/// Finds cases by id, entry, author of an offer, or a part of a thread's title.
async fn search(
    connection: &mut AnyConnection,
    scope: &Scope,
    (dialect, text): (Dialect, &str),
) -> Result<BTreeSet<String>, StoreError> {
    let mut found = BTreeSet::new();
    if let Some(id) = case::parse_id(text) {
        let mut statement = Statement::new("SELECT COALESCE(merged_into, id) FROM leak_case WHERE ");
        statement.bind("id = ", &id);
        found.extend(ids(connection, statement, scope, "organization").await?);
    }
    let mut statement = Statement::new("SELECT DISTINCT leak_case FROM case_entry WHERE ");
    statement.bind("entry = ", text);
    found.extend(ids(connection, statement, scope, "organization").await?);
    let mut statement = Statement::new(
        "SELECT DISTINCT s.leak_case FROM post p CROSS JOIN case_sighting s WHERE s.source = p.source \
         AND s.thread = p.thread AND s.post = p.id AND p.author IS NOT NULL AND p.sale >= 0.5",
    );
    statement.bind(" AND p.author = ", text);
    found.extend(ids(connection, statement, scope, "s.organization").await?);
    if found.len() <= FEW {
        found.extend(titles::cases(connection, scope, (dialect, &titles::fold(text)), FEW).await?);
    }
    Ok(found)
}

/// Takes their meaning from the characters that mean something to LIKE.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        if matches!(character, '%' | '_' | '!') {
            escaped.push('!');
        }
        escaped.push(character);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_searched_for_as_themselves() {
        assert_eq!(escape("100%_!a"), "100!%!_!!a");
    }
}
