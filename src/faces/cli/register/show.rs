//! `register show`: one custodian, its terms and deliveries, and what was committed to.

use serde::Serialize;

use super::{Register, Row, day, span};
use crate::domain::watchlist::Delivery;
use crate::faces::cli::Failure;
use crate::faces::cli::context::Context;
use crate::faces::cli::output::{Format, printable};
use crate::ports::store::model::CaseMove;

/// A custodian, as scripts read it; the secret of a delivery is not in it.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    delivered: Vec<&'a Delivery>,
    commitments: Vec<CaseMove>,
}

pub(super) async fn run(register: &Register, code: &str, context: &Context) -> anyhow::Result<()> {
    let organization = &register.watchlist.organization;
    let Some(custodian) = organization.custodians.iter().find(|custodian| custodian.code == code) else {
        let known = organization.custodians.iter().map(|custodian| custodian.code.as_str()).collect::<Vec<_>>();
        let message = format!("there is no custodian {}; known are {}", printable(code), known.join(", "));
        return Err(Failure::Usage(message).into());
    };
    let store = context.open_store().await?;
    let mut delivered: Vec<&Delivery> =
        register.watchlist.deliveries.iter().filter(|one| one.custodian == code).collect();
    delivered.sort_by_key(|one| (one.delivered_at, &one.id));
    let shown =
        Shown { row: register.row(custodian), delivered, commitments: store.commitments(&organization.id).await? };
    match context.output.format() {
        Format::Json => context.output.json(&shown)?,
        Format::Table => table(&shown, context)?,
    }
    Ok(())
}

fn table(shown: &Shown<'_>, context: &Context) -> anyhow::Result<()> {
    let (output, custodian) = (context.output, shown.row.custodian);
    let terms = &custodian.engagement;
    let facts = [
        ("name", printable(&custodian.name)),
        ("purpose", printable(terms.purpose.as_deref().unwrap_or_default())),
        ("qualified", span(terms.qualified_at, terms.qualified_until)),
        ("contract", span(terms.contract_from, terms.contract_until)),
        ("sub-processors", printable(&terms.sub_processors.join(", "))),
        ("retention", printable(terms.retention.as_deref().unwrap_or_default())),
        ("last review", terms.reviewed_at.map(|day| day.to_string()).unwrap_or_default()),
        ("overdue", shown.row.overdue.join("; ")),
    ];
    let facts = facts.into_iter().filter(|(_, fact)| !fact.is_empty());
    let facts: Vec<Vec<String>> = facts.map(|(name, fact)| vec![name.to_owned(), fact]).collect();
    output.table(&["custodian", &custodian.code], &facts)?;
    output.line("\nDeliveries")?;
    let headers = ["delivery", "dataset", "delivered", "rows", "what", "share", "acknowledged", "ended"];
    output.table(&headers, &shown.delivered.iter().map(|one| delivery(one)).collect::<Vec<_>>())?;
    if !shown.commitments.is_empty() {
        output.line("\nCommitments in the audit log")?;
        let row =
            |step: &CaseMove| vec![step.number.to_string(), super::super::case::time(Some(step.at)), step.why.clone()];
        output.table(&["number", "at", "to"], &shown.commitments.iter().map(row).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn delivery(one: &Delivery) -> Vec<String> {
    let ended =
        [one.returned_at.map(|day| format!("returned {day}")), one.destroyed_at.map(|day| format!("destroyed {day}"))];
    vec![
        printable(&one.id),
        one.dataset.clone(),
        one.delivered_at.to_string(),
        one.rows.map(|rows| rows.to_string()).unwrap_or_default(),
        printable(one.selector.as_deref().unwrap_or("all")),
        one.share.map(|share| share.get().to_string()).unwrap_or_default(),
        day(one.acknowledged_at),
        ended.into_iter().flatten().collect::<Vec<_>>().join(", "),
    ]
}
