//! `case`: what leaked, as an analyst triages it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::context::Context;
use super::output::{Format, Output};
use super::{Exit, Failure};
use crate::domain::attribution::{self, EPSILON};
use crate::domain::case::State;
use crate::domain::matcher::{Ownership, Verdict};
use crate::domain::severity::Assessment;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::model::{
    AlertRow, AlertState, CaseDetail, CaseEntry, CaseFilter, CaseMove, CaseRow, OfferedBefore, SellerHistory, Sighting,
};
use crate::ports::store::{Store, StoreError};
use crate::services::attributing::{Terms, attribute_case};
use crate::services::triage::{self, TriageError};

/// Lists, shows and moves cases
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack case list --state new
  dyepack case show C-7F3K9Q2M
  dyepack case move C-7F3K9Q2M confirmed --why \"rows match our March export\"")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists cases, the newest first
    #[command(after_help = "Example:\n  dyepack case list --organization example-bank --state new")]
    List {
        /// Only this organization's
        #[arg(long, value_name = "ID")]
        organization: Option<String>,
        /// Only those in this state: new, acknowledged, confirmed, false-positive, closed
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<State>,
    },
    /// Shows everything known of a case: entries, copies, sightings, moves, alerts
    #[command(after_help = "Example:\n  dyepack case show C-7F3K9Q2M")]
    Show {
        /// The case's id; upper or lower case, with or without C-
        id: String,
    },
    /// Moves a case along new → acknowledged → confirmed | false-positive → closed, or back to acknowledged
    #[command(
        after_help = "Example:\n  dyepack case move C-7F3K9Q2M confirmed --why \"rows match our March export\"\n\nWho, when and why are kept in the audit log."
    )]
    Move {
        /// The case's id; upper or lower case, with or without C-
        id: String,
        /// Where to: acknowledged, confirmed, false-positive, closed
        #[arg(value_parser = state)]
        state: State,
        #[command(flatten)]
        step: Step,
    },
    /// Makes a case part of another: they are one leak
    #[command(
        after_help = "Example:\n  dyepack case merge C-2222AAAA --into C-7F3K9Q2M --why \"the same dump, renamed\""
    )]
    Merge {
        /// The case that becomes part of the other
        id: String,
        /// The case that stays
        #[arg(long, value_name = "ID")]
        into: String,
        #[command(flatten)]
        step: Step,
    },
    /// Splits entries off a case into a case of their own: they are another leak. What is found later keeps them apart
    #[command(
        after_help = "Example:\n  dyepack case split C-7F3K9Q2M CAN-0007 CAN-0009 --why \"an older leak, quoted in the thread\"\n\nNobody is mailed of what was told before. To undo it: dyepack case merge."
    )]
    Split {
        /// The case
        id: String,
        /// Entries that go; see: dyepack case show
        #[arg(required = true, value_name = "ENTRY")]
        entries: Vec<String>,
        #[command(flatten)]
        step: Step,
    },
    /// Keeps all evidence of a case, whatever the retention rules say
    #[command(after_help = "Example:\n  dyepack case hold C-7F3K9Q2M --why \"litigation, file 12/2026\"")]
    Hold {
        /// The case's id
        id: String,
        #[command(flatten)]
        step: Step,
    },
    /// Takes a hold away
    #[command(after_help = "Example:\n  dyepack case release C-7F3K9Q2M --why \"settled\"")]
    Release {
        /// The case's id
        id: String,
        #[command(flatten)]
        step: Step,
    },
}

/// Who does something to a case, and why; kept in the audit log.
#[derive(Debug, clap::Args)]
struct Step {
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Who does it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "operator")]
    who: String,
}

async fn hold(store: &Store, (id, step): (&str, &Step), is_held: bool, context: &Context) -> anyhow::Result<Exit> {
    let now = context.clock.now();
    let held = triage::hold_case(store, (id, is_held), (&step.who, &step.why), now).await.map_err(told)?;
    match (context.output.format(), is_held, held) {
        (Format::Json, _, _) => {
            for hold in store.holds().await? {
                context.output.json(&hold)?;
            }
        }
        (Format::Table, true, _) => context.output.line("on hold: nothing of it is purged until it is released")?,
        (Format::Table, false, true) => context.output.line("released: the retention rules count for it again")?,
        (Format::Table, false, false) => context.output.line("it was not on hold")?,
    }
    Ok(Exit::Done)
}

/// Tells what was wrong with what was typed from what failed.
fn told(error: TriageError) -> anyhow::Error {
    match error {
        TriageError::Store(error) => plain(error),
        TriageError::Unsaid(_)
        | TriageError::TooLong { .. }
        | TriageError::Forbidden
        | TriageError::Assignee(_)
        | TriageError::NotAsked => anyhow::Error::new(Failure::Usage(format!("cannot {error}"))),
    }
}

fn state(word: &str) -> Result<State, String> {
    let known = || State::ALL.map(State::as_str).join(", ");
    State::parse(word).ok_or_else(|| format!("is not a state; known are {}", known()))
}

/// Runs `case`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    match &args.action {
        Action::List { organization, state } => {
            let filter = CaseFilter { organization: organization.clone().map(OrganizationId), state: *state };
            let cases = store.cases(&filter).await?;
            let mut copies = Vec::with_capacity(cases.len());
            for case in &cases {
                copies.push(copy(&store, &case.id, context).await);
            }
            list(&cases, &copies, context.output)?;
            if cases.is_empty() {
                let is_narrowed = organization.is_some() || state.is_some();
                context.output.note(if is_narrowed {
                    "no case matches; leave out an option to see more"
                } else {
                    "no case yet: nothing that is enrolled was found; see: dyepack source list"
                });
            }
        }
        Action::Show { id } => {
            let missing = || plain(StoreError::NoSuchCase { id: id.clone() });
            let case = store.case(id).await?.ok_or_else(missing)?;
            show(&case, copy(&store, id, context).await.as_ref(), context)?;
        }
        Action::Merge { id, into, step } => {
            let now = context.clock.now();
            let merged = triage::merge_cases(&store, (id, into), (&step.who, &step.why), now).await;
            say(&merged.map_err(told)?, "holds both now", context)?;
        }
        Action::Split { id, entries, step } => {
            let (entries, now) = (entries.iter().cloned().collect(), context.clock.now());
            let split = triage::split_case(&store, (id, &entries), (&step.who, &step.why), now).await;
            say(&split.map_err(told)?, "holds them now", context)?;
        }
        Action::Hold { id, step } => return hold(&store, (id, step), true, context).await,
        Action::Release { id, step } => return hold(&store, (id, step), false, context).await,
        Action::Move { id, state, step } => {
            let moved = triage::move_case(&store, (id, *state), (&step.who, &step.why), context.clock.now()).await;
            let case = moved.map_err(told)?;
            match context.output.format() {
                Format::Json => context.output.json(&case.row)?,
                Format::Table => context.output.line(format_args!("{} is {} now", case.row.id, case.row.state))?,
            }
        }
    }
    Ok(Exit::Done)
}

/// Tells what became of a case.
fn say(case: &CaseDetail, what: &str, context: &Context) -> anyhow::Result<()> {
    match context.output.format() {
        Format::Json => context.output.json(&case.row)?,
        Format::Table => {
            let entries: Vec<&str> = case.leaked.iter().map(|entry| entry.entry.as_str()).collect();
            context.output.line(format_args!("{} {what}: {}", case.row.id, entries.join(", ")))?;
        }
    }
    Ok(())
}

/// Whose copy a case's rows are consistent with, as scripts read it.
#[derive(Debug, Serialize)]
pub(super) struct Copy {
    verdict: attribution::Verdict,
    accused: Vec<String>,
    window: Option<(Date, Date)>,
    more_rows: Option<u64>,
    /// The same in words.
    line: String,
}

/// A case with whose copy it is.
#[derive(Debug, Serialize)]
struct With<'a, T> {
    #[serde(flatten)]
    case: &'a T,
    copy: Option<&'a Copy>,
}

/// Weighs whose copy it is. It is an extra: what is known of the case is shown without it too.
async fn copy(store: &Store, id: &str, context: &Context) -> Option<Copy> {
    let terms = Terms { epsilon: EPSILON, rows: None };
    let report = attribute_case((store, &context.vault()), id, terms).await;
    let report =
        report.inspect_err(|error| tracing::warn!(case = id, %error, "whose copy it is cannot be told")).ok()?;
    Some(Copy {
        line: report.line(),
        verdict: report.verdict,
        accused: report.accused.into_iter().map(|accused| accused.code).collect(),
        window: report.window,
        more_rows: report.more_rows,
    })
}

/// Tells what the user asked wrongly (exit 2) from what failed around the product (exit 3).
pub(super) fn plain(error: StoreError) -> anyhow::Error {
    let is_usage = matches!(
        error,
        StoreError::NoSuchCase { .. }
            | StoreError::ImpossibleMove { .. }
            | StoreError::SameCase { .. }
            | StoreError::OtherOrganization { .. }
            | StoreError::NotInCase { .. }
            | StoreError::NothingLeft { .. }
    );
    if is_usage { anyhow::Error::new(Failure::Usage(format!("cannot {error}"))) } else { error.into() }
}

/// Writes a time in UTC, to the second; nothing for none.
pub(super) fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

/// Prints cases, one a row.
pub(super) fn list(cases: &[CaseRow], copies: &[Option<Copy>], output: Output) -> anyhow::Result<()> {
    let copies = copies.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    match output.format() {
        Format::Json => {
            for (case, copy) in cases.iter().zip(copies) {
                output.json(&With { case, copy })?;
            }
        }
        Format::Table if cases.is_empty() => {}
        Format::Table => {
            let headers = [
                "case",
                "organization",
                "state",
                "severity",
                "offer",
                "entries",
                "hits",
                "copies",
                "whose copy",
                "sources",
                "posted",
                "matched",
            ];
            output.table(&headers, &cases.iter().zip(copies).map(row).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

fn row((case, copy): (&CaseRow, Option<&Copy>)) -> Vec<String> {
    vec![
        case.id.clone(),
        case.organization.clone(),
        case.state.to_string(),
        case.severity.as_ref().map_or_else(String::new, |weighed| weighed.severity.as_str().to_owned()),
        yes(case.offer).to_owned(),
        case.entries.to_string(),
        case.hits.to_string(),
        copies(case),
        copy.map(whose_copy).unwrap_or_default(),
        case.sources.join(", "),
        time(case.first_posted_at),
        time(Some(case.first_matched_at)),
    ]
}

/// `H07` if it is named, `?` if it cannot be told, `not ours`.
fn whose_copy(copy: &Copy) -> String {
    match copy.verdict {
        attribution::Verdict::CopyNamed => copy.accused.join(", "),
        attribution::Verdict::Upstream => "OWNER".to_owned(),
        attribution::Verdict::CannotTell => "?".to_owned(),
        attribution::Verdict::NotOurs => "not ours".to_owned(),
    }
}

/// `H07 12, OWNER 12`: how many of the entries each copy holds.
fn copies(case: &CaseRow) -> String {
    case.holders.iter().map(|(code, entries)| format!("{code} {entries}")).collect::<Vec<_>>().join(", ")
}

const fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "" }
}

fn show(case: &CaseDetail, copy: Option<&Copy>, context: &Context) -> anyhow::Result<()> {
    if context.output.format() == Format::Json {
        return Ok(context.output.json(&With { case, copy })?);
    }
    let output = context.output;
    output.table(&["case", &case.row.id], &summary(case, copy.map_or("", |copy| &copy.line)))?;
    output.line("\nEntries that leaked")?;
    output
        .table(&["entry", "kind", "dataset", "copies that hold it", "values seen", "hits"], &entries(&case.leaked))?;
    output.line("\nSightings, times in UTC")?;
    let headers = ["posted", "source", "thread", "author", "offer", "attachment", "entries", "url"];
    output.table(&headers, &case.sightings.iter().map(sighting).collect::<Vec<_>>())?;
    if let Some(seller) = &case.seller {
        show_seller(seller, output)?;
    }
    output.line("\nMoves")?;
    output.table(&["at", "case", "from", "to", "who", "why"], &case.moves.iter().map(step).collect::<Vec<_>>())?;
    output.line("\nAlerts")?;
    output.table(
        &["alert", "to", "reason", "state", "tries", "sent", "last error"],
        &case.alerts.iter().map(alert).collect::<Vec<_>>(),
    )?;
    output.note(format_args!(
        "\nFrom {} it may go to {}: dyepack case move {} STATE --why TEXT",
        case.row.state,
        case.row.state.possible_moves().iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", "),
        case.row.id,
    ));
    Ok(())
}

/// Says who offers, and what the same seller offered elsewhere.
fn show_seller(seller: &SellerHistory, output: Output) -> anyhow::Result<()> {
    let marks: Vec<String> = seller.marks.iter().map(|mark| format!("{} {}", mark.kind, mark.short)).collect();
    output.line(format_args!("\nSeller, known by {}", marks.join(", ")))?;
    if seller.before.is_empty() {
        return Ok(output.line("no other offer of this seller is on record")?);
    }
    let row = |before: &OfferedBefore| {
        let goods: Vec<String> = before.goods.iter().map(|(goods, count)| format!("{goods} {count}")).collect();
        let (first, last) = (time(Some(before.first_at)), time(Some(before.last_at)));
        vec![before.source.clone(), before.listings.to_string(), goods.join(", "), first, last]
    };
    output.table(
        &["other offers on", "posts", "goods", "first", "last"],
        &seller.before.iter().map(row).collect::<Vec<_>>(),
    )?;
    if !seller.own_cases.is_empty() {
        output.line(format_args!("other cases with this seller: {}", seller.own_cases.join(", ")))?;
    }
    Ok(())
}

/// `critical, by rule fresh-offer: offer, fresh, 120000 rows claimed, 3 entries, strength 60`.
fn severity(assessment: &Assessment) -> String {
    let facts = &assessment.facts;
    let said = [(facts.offer, "offer"), (facts.exclusive, "exclusive"), (facts.fresh, "fresh")];
    let mut reasons: Vec<String> =
        said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, reason)| reason.to_owned()).collect();
    if facts.volume > 0 {
        reasons.push(format!("{} rows claimed", facts.volume));
    }
    reasons.push(format!("{} entries", facts.entries));
    reasons.push(format!("strength {}", facts.strength));
    match facts.verdict {
        Ownership::Ours => reasons.push("rows are ours".to_owned()),
        Ownership::NotOurs => reasons.push("rows are not ours".to_owned()),
        Ownership::Mixed => reasons.push("part of the rows is ours".to_owned()),
        Ownership::Unknown => {}
    }
    let rule = if assessment.rule.is_empty() { "none" } else { &assessment.rule };
    format!("{}, by rule {rule}: {}", assessment.severity.as_str(), reasons.join(", "))
}

fn summary(case: &CaseDetail, copy: &str) -> Vec<Vec<String>> {
    let row = &case.row;
    let facts = [
        ("organization", format!("{} ({})", case.organization_name, row.organization)),
        ("state", row.state.to_string()),
        ("severity", row.severity.as_ref().map_or_else(String::new, severity)),
        ("offered for sale", if row.offer { "yes" } else { "no" }.to_owned()),
        ("entries, hits", format!("{}, {}", row.entries, row.hits)),
        ("whose data", case.verdict.as_ref().map(whose).unwrap_or_default()),
        ("copies that hold them", copies(row)),
        ("whose copy", copy.to_owned()),
        ("first posted", time(row.first_posted_at)),
        ("first matched", time(Some(row.first_matched_at))),
        ("first mailed", time(row.first_mailed_at)),
        ("first confirmed", time(row.first_confirmed_at)),
        ("merged from", case.merged.join(", ")),
    ];
    let said = facts.into_iter().filter(|(_, fact)| !fact.is_empty());
    said.map(|(name, fact)| vec![name.to_owned(), fact]).collect()
}

/// `mixed, about 40 % of the rows: 41 of 100 rows tested, likelihood ratio 10^12.3`.
fn whose(verdict: &Verdict) -> String {
    let share = verdict.share.filter(|_| verdict.verdict == Ownership::Mixed);
    let share = share.map(|share| format!(", about {:.0} % of the rows", share * 100.0)).unwrap_or_default();
    format!(
        "{}{share}: {} of {} rows tested, likelihood ratio 10^{:.1}",
        verdict.verdict.as_str(),
        verdict.rows_hit,
        verdict.rows_tested,
        verdict.log10_lr_ours
    )
}

fn entries(entries: &[CaseEntry]) -> Vec<Vec<String>> {
    entries
        .iter()
        .map(|entry| {
            let values = entry.fields.iter().map(|(field, masked)| format!("{field} {masked}"));
            vec![
                entry.entry.clone(),
                format!("{:?}", entry.kind).to_lowercase(),
                entry.dataset.clone().unwrap_or_default(),
                entry.holders.join(", "),
                values.collect::<Vec<_>>().join(", "),
                entry.hits.to_string(),
            ]
        })
        .collect()
}

fn sighting(sighting: &Sighting) -> Vec<String> {
    let price = sighting.price.as_ref().map(|price| format!(", {} {}", price.amount, price.currency));
    vec![
        time(sighting.posted_at),
        sighting.source_label.clone(),
        sighting.thread_title.clone().or_else(|| sighting.thread.clone()).unwrap_or_default(),
        sighting.author.clone().unwrap_or_default(),
        format!("{}{}", yes(sighting.offer), price.unwrap_or_default()),
        sighting.attachment.clone().unwrap_or_default(),
        sighting.entries.to_string(),
        sighting.url.clone(),
    ]
}

fn step(step: &CaseMove) -> Vec<String> {
    let (from, to) = (step.from.clone(), step.to.clone());
    vec![time(Some(step.at)), step.case.clone(), from, to, step.who.clone(), step.why.clone()]
}

fn alert(alert: &AlertRow) -> Vec<String> {
    let state = match alert.state {
        AlertState::Queued => "queued",
        AlertState::WaitingForContact => "waiting for a contact",
        AlertState::Sent => "sent",
        AlertState::Dead => "given up",
        AlertState::Dropped => "dropped",
    };
    vec![
        alert.id.clone(),
        alert.contact.clone().unwrap_or_default(),
        alert.reason.as_str().to_owned(),
        state.to_owned(),
        alert.attempts.to_string(),
        time(alert.sent_at),
        alert.last_error.clone().unwrap_or_default(),
    ]
}
