//! What was counted in the pages and files of a case, and the verdict on all of it together.
//!
//! One row a case and URL: a page read again replaces what it told before. Not here: the mathematics (`domain::matcher`).

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::StoreError;
use super::findings::Touched;
use super::model::{ReadPage, Visit};
use super::sql::{self, Columns, values};
use super::watchlists::{json, parse};
use crate::domain::matcher::{Premises, Rates, Verdict};
use crate::domain::watchlist::Organization;

/// Files the rates of a visit with the cases that its hits belong to, or, where nothing was found, with those seen in
/// its thread before: rows that are not ours count as much.
pub(super) async fn record(
    connection: &mut AnyConnection,
    visit: &Visit,
    page: &ReadPage,
    hits: &BTreeMap<String, Vec<String>>,
) -> Result<Touched, StoreError> {
    let mut touched = Touched::new();
    let source = &visit.claim.source.0;
    let thread = visit.claim.thread.as_ref().or_else(|| page.posts.first().map(|post| &post.thread));
    for rates in page.rates.iter().filter(|rates| rates.is_telling()) {
        let organization = &rates.organization.0;
        let rows = match (hits.get(organization), thread) {
            (Some(hits), _) => {
                sql::fetch_in(connection, "SELECT DISTINCT leak_case FROM hit WHERE id IN", &[], hits).await?
            }
            (None, Some(thread)) => {
                let statement = "SELECT DISTINCT leak_case FROM case_sighting \
                                 WHERE organization = $1 AND source = $2 AND thread = $3";
                sql::fetch(connection, statement, values![organization, source, thread]).await?
            }
            (None, None) => Vec::new(),
        };
        let cases: std::collections::BTreeSet<String> = rows.iter().map(|row| row.text(0)).collect::<Result<_, _>>()?;
        for case in cases {
            file(connection, visit, page, (&case, rates)).await?;
            touched.insert((organization.clone(), case));
        }
    }
    Ok(touched)
}

async fn file(
    connection: &mut AnyConnection,
    visit: &Visit,
    page: &ReadPage,
    (case, rates): (&str, &Rates),
) -> Result<(), StoreError> {
    let (source, key, document) = (&visit.claim.source.0, &visit.claim.link.key, json(rates)?);
    let statement = "SELECT document FROM case_rates WHERE leak_case = $1 AND source = $2 AND link_key = $3";
    let known = sql::fetch_one(connection, statement, values![case, source, key]).await?;
    if known.map(|row| row.text(0)).transpose()?.as_ref() == Some(&document) {
        return Ok(());
    }
    // The revision watched against stands behind the body's own digest.
    let body = page.body_digest.split('@').next().unwrap_or_default();
    let statement = "INSERT INTO case_rates (leak_case, source, link_key, organization, body_digest, document, seen_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (leak_case, source, link_key) DO UPDATE SET \
                     body_digest = excluded.body_digest, document = excluded.document, seen_at = excluded.seen_at";
    let values = values![case, source, key, &rates.organization.0, body, document, visit.at];
    sql::execute(connection, statement, values).await?;
    // No mail is frozen with the verdict of before.
    sql::execute(connection, "UPDATE leak_case SET revision = revision + 1 WHERE id = $1", values![case])
        .await
        .map(drop)
}

/// Gives the rates of a merged case to the one it is part of.
pub(super) async fn merge(connection: &mut AnyConnection, younger: &str, older: &str) -> Result<(), StoreError> {
    let statement = "DELETE FROM case_rates WHERE leak_case = $1 AND EXISTS (SELECT 1 FROM case_rates o \
                     WHERE o.leak_case = $2 AND o.source = case_rates.source AND o.link_key = case_rates.link_key)";
    sql::execute(connection, statement, values![younger, older]).await?;
    let statement = "UPDATE case_rates SET leak_case = $1 WHERE leak_case = $2";
    sql::execute(connection, statement, values![older, younger]).await.map(drop)
}

/// Judges all that was counted in a case; copies of one file count once. `None` if nothing was.
pub(super) async fn verdict(
    connection: &mut AnyConnection,
    organization: &Organization,
    case: &str,
) -> Result<Option<Verdict>, StoreError> {
    let statement = "SELECT body_digest, document FROM case_rates WHERE leak_case = $1 ORDER BY seen_at, link_key";
    let mut by_body: BTreeMap<String, Rates> = BTreeMap::new();
    for row in sql::fetch(connection, statement, values![case]).await? {
        let rates = parse::<Rates>("rates", case, &row.text(1)?)?;
        by_body.entry(row.text(0)?).or_insert(rates);
    }
    let total = by_body.into_values().reduce(|mut total, rates| {
        total.add(&rates);
        total
    });
    let Some(total) = total else { return Ok(None) };
    let statement =
        "SELECT dataset, COUNT(*) FROM canary WHERE organization = $1 AND removed_at IS NULL GROUP BY dataset";
    let mut planted = BTreeMap::new();
    for row in sql::fetch(connection, statement, values![&organization.id.0]).await? {
        planted.insert(row.text(0)?, row.count(1)?);
    }
    Ok(Some(Premises::new(organization, &planted).judge(&total)))
}
