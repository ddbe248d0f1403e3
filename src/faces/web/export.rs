//! The list of cases that the inbox shows, as CSV, safe to open in a spreadsheet: no cell of it can be a formula.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;

use super::Console;
use super::actor::Actor;
use super::filter::Filter;
use super::posted::Fields;
use super::problem::Problem;
use crate::domain::severity::Severity;
use crate::ports::store::console::CaseLine;

/// Most rows of a file.
const ROWS_LIMIT: usize = 20_000;
const PAGE: u32 = 500;

/// Where it is.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/cases.csv", get(export))
}

async fn export(
    State(console): State<Arc<Console>>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    let wanted = Filter::read(&fields, &actor.viewer.zone).query;
    let mut text = String::from("\u{feff}");
    row(&mut text, &HEAD.map(str::to_owned));
    let (mut after, mut rows) = (None, 0);
    while rows < ROWS_LIMIT {
        let found = console.store.case_page(&actor.scope, &wanted, (after.as_ref(), PAGE)).await?;
        found.cases.iter().for_each(|case| row(&mut text, &cells(case)));
        rows += found.cases.len();
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    tracing::info!(by = actor.user.id, rows, "cases were exported");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"cases.csv\""),
    ];
    Ok((headers, text).into_response())
}

const HEAD: [&str; 14] = [
    "case",
    "organization",
    "state",
    "severity",
    "offer",
    "title",
    "entries",
    "hits",
    "sources",
    "custodians",
    "posted",
    "matched",
    "mailed",
    "acknowledged",
];

fn cells(case: &CaseLine) -> [String; 14] {
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    [
        case.id.clone(),
        case.organization.clone(),
        case.state.as_str().to_owned(),
        case.severity.map_or("", Severity::as_str).to_owned(),
        if case.offer { "yes" } else { "no" }.to_owned(),
        case.title.clone().unwrap_or_default(),
        case.entries.to_string(),
        case.hits.to_string(),
        case.sources.iter().map(|source| source.label.as_str()).collect::<Vec<_>>().join("; "),
        case.holders.iter().map(|(code, entries)| format!("{code}: {entries}")).collect::<Vec<_>>().join("; "),
        time(case.first_posted_at),
        time(Some(case.first_matched_at)),
        time(case.first_mailed_at),
        time(case.first_acknowledged_at),
    ]
}

fn row(text: &mut String, cells: &[String]) {
    let quoted: Vec<String> = cells.iter().map(|cell| quote(cell)).collect();
    text.push_str(&quoted.join(","));
    text.push_str("\r\n");
}

/// Quotes a cell. One that a spreadsheet would take for a formula gets an apostrophe before it, also where the sign that makes
/// it one stands behind blanks; full-width signs count, for some programs fold them.
fn quote(cell: &str) -> String {
    let flat: String = cell.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let first = flat.trim_start().chars().next();
    let is_formula =
        first.is_some_and(|first| "=+-@|%＝＋－＠".contains(first)) || cell.starts_with(['\t', '\r', '\n']);
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", flat.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, expected) in [
            ("=HYPERLINK(\"http://evil.example\")", "\"'=HYPERLINK(\"\"http://evil.example\"\")\""),
            ("  +1-1", "\"'  +1-1\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"' =1\""),
            ("\r\n=1", "\"'  =1\""),
            ("＝1", "\"'＝1\""),
            ("|cmd", "\"'|cmd\""),
            ("C-7F3K9Q2M", "\"C-7F3K9Q2M\""),
            ("a, \"b\"\nc", "\"a, \"\"b\"\" c\""),
            ("", "\"\""),
        ] {
            assert_eq!(quote(cell), expected, "{cell:?}");
        }
    }
}
