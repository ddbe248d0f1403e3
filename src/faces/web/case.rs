//! The page of a case: what leaked, whose copy, where and when, what stands behind it, who did what.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use jiff::Timestamp;

use super::Console;
use super::actor::Actor;
use super::layout::{Layout, Section, page};
use super::posted::Fields;
use super::problem::{Problem, Said};
use super::{timeline, words};
use crate::domain::attribution::EPSILON;
use crate::domain::case;
use crate::domain::matcher::Ownership;
use crate::ports::store::console::{EntryPage, SightingPage};
use crate::ports::store::desk::{CaseSheet, Pledge};
use crate::ports::store::model::{CaseEntry, CaseMove, Sighting};
use crate::services::attributing::{Terms, attribute_case};
use crate::services::disclosing::{self, Glimpse};
use crate::services::triage;

/// Entries, and places, that a page shows.
const ENTRIES: u32 = 40;
const PLACES: u32 = 25;
/// Views that a page tells of.
const VIEWINGS: u32 = 20;

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/cases/{id}", get(show))
        .route("/cases/{id}/version", get(version))
        .route("/cases/{id}/copy", get(copy))
}

/// A decision that came too late: what its maker wanted, and what was done meanwhile.
#[derive(Debug)]
pub(crate) struct Conflict {
    /// Where the case should have gone.
    pub(crate) to: case::State,
    /// Why.
    pub(crate) why: String,
    /// The audit log's row up to which the maker had seen the case.
    pub(crate) seen: i64,
}

/// A place, ready to be shown.
struct Place {
    sighting: Sighting,
    title: String,
    address: String,
    price: Option<String>,
}

/// A row of the history.
struct Step {
    at: Timestamp,
    who: String,
    what: String,
    why: String,
    /// Whether it came after what the maker of a decision had seen.
    is_news: bool,
}

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage<'a> {
    l: Layout,
    actor: &'a Actor,
    sheet: &'a CaseSheet,
    title: String,
    entries: Vec<Leaked>,
    next_entries: Option<String>,
    places: Vec<Place>,
    next_places: Option<String>,
    timeline: Option<timeline::Drawing>,
    glimpses: Vec<Glimpse>,
    history: Vec<Step>,
    moves: Vec<(case::State, &'static str)>,
    /// Who may be given the case.
    judges: Vec<String>,
    conflict: Option<Conflict>,
    undo: Option<i64>,
    /// The case that this one was just split off.
    split_from: Option<String>,
    /// The last ones.
    viewings: Vec<Viewing>,
}

/// An entry, ready to be shown.
struct Leaked {
    entry: CaseEntry,
    kind: &'static str,
    holders: String,
}

async fn show(
    State(console): State<Arc<Console>>,
    actor: Actor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    let Some((living, _)) = console.store.find_case(&actor.scope, &id).await? else { return Err(Problem::missing()) };
    if living != id {
        return Ok(Redirect::to(&format!("/cases/{living}")).into_response());
    }
    case_page(&console, &actor, &id, (&fields, None)).await
}

/// Writes the page, with a decision that came too late if there is one.
pub(crate) async fn case_page(
    console: &Console,
    actor: &Actor,
    id: &str,
    (fields, conflict): (&Fields, Option<Conflict>),
) -> Result<Response, Problem> {
    let (store, scope, now) = (&console.store, &actor.scope, console.clock.now());
    // What is looked at is noted before it is shown.
    store.note_viewing((scope, id), (&actor.user.name, "page"), now).await?;
    let role = actor.user.role;
    let sheet = async { store.case_sheet(scope, id).await?.ok_or_else(Problem::missing) };
    let (sheet, (entries, places), (glimpses, viewings)) =
        tokio::try_join!(sheet, lists(console, actor, id, fields), traces(console, actor, id))?;
    let judges = if role.may_judge() { judges(console, &sheet.line.organization).await? } else { Vec::new() };
    let state = sheet.line.state;
    let tongue = actor.viewer.tongue;
    let moves = state.possible_moves().into_iter().filter(|to| triage::may_move(role, state, *to));
    let split_from = match fields.get("off") {
        from if role.may_judge() && fields.get("said") == "split" => store.find_case(scope, from).await?,
        _ => None,
    };
    let split_from = split_from.map(|(from, _)| from).filter(|from| from != id);
    let undo = fields.get("undo").parse().ok().filter(|number| *number == sheet.version);
    let seen = conflict.as_ref().map(|conflict| conflict.seen);
    let status = if conflict.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let title = sheet.line.title.as_deref().map_or_else(|| actor.t("untitled", "无标题").to_owned(), words::plain);
    let shown_page = CasePage {
        l: actor.layout(Section::Cases, format!("{id} {title}")).noting(said(fields, actor)),
        timeline: timeline::draw(&sheet.line, &places.sightings, actor),
        history: history(&sheet, seen, actor),
        next_entries: entries.next_text(),
        entries: entries.entries.into_iter().map(|entry| shown(entry, &sheet, actor)).collect(),
        next_places: places.next.clone(),
        places: shown_places(places),
        moves: moves.map(|to| (to, words::move_to(tongue, to))).collect(),
        title,
        glimpses,
        judges,
        conflict,
        undo,
        split_from,
        viewings,
        actor,
        sheet: &sheet,
    };
    Ok((status, page(&shown_page)?).into_response())
}

/// Returns what grows with a case's hits: a page of its entries and one of its places.
async fn lists(
    console: &Console,
    actor: &Actor,
    id: &str,
    fields: &Fields,
) -> Result<(EntryPage, SightingPage), Problem> {
    let (store, scope) = (&console.store, &actor.scope);
    let after = EntryPage::parse_after(fields.get("entries"));
    let entries = store.entry_page(scope, id, (after, ENTRIES)).await?;
    let after = Some(fields.get("places")).filter(|after| !after.is_empty());
    Ok((entries, store.sighting_page(scope, id, (after, PLACES)).await?))
}

/// When, who, at what.
type Viewing = (Timestamp, String, String);

/// Returns what was captured of a case, and, for those who judge it, who looked at that.
async fn traces(console: &Console, actor: &Actor, id: &str) -> Result<(Vec<Glimpse>, Vec<Viewing>), Problem> {
    let (store, scope) = (&console.store, &actor.scope);
    let glimpses = disclosing::glimpses((store, &console.evidence), (scope, id)).await?;
    let may_judge = actor.user.role.may_judge();
    let viewings = if may_judge { store.viewings((scope, id), VIEWINGS).await? } else { Vec::new() };
    Ok((glimpses, viewings))
}

/// Names the users who may look after a case of an organization.
async fn judges(console: &Console, organization: &str) -> Result<Vec<String>, Problem> {
    let users = console.store.users().await?;
    let may = users.into_iter().filter(|user| user.disabled_at.is_none() && user.scope().covers(organization));
    Ok(may.map(|user| user.name).collect())
}

fn shown(entry: CaseEntry, sheet: &CaseSheet, actor: &Actor) -> Leaked {
    let named = |code: &String| {
        let custodian = sheet.organization.custodians.iter().find(|custodian| custodian.code == *code);
        custodian.map_or_else(|| code.clone(), |custodian| format!("{code} ({})", custodian.name))
    };
    Leaked {
        kind: words::kind(actor.viewer.tongue, entry.kind),
        holders: entry.holders.iter().map(named).collect::<Vec<_>>().join(", "),
        entry,
    }
}

fn shown_places(places: SightingPage) -> Vec<Place> {
    places
        .sightings
        .into_iter()
        .map(|sighting| Place {
            title: words::plain(sighting.thread_title.as_deref().unwrap_or_default()),
            address: words::defanged(&sighting.url),
            price: sighting.price.as_ref().map(|price| format!("{} {}", price.amount, price.currency)),
            sighting,
        })
        .collect()
}

fn history(sheet: &CaseSheet, seen: Option<i64>, actor: &Actor) -> Vec<Step> {
    let tongue = actor.viewer.tongue;
    let step = |row: &CaseMove| {
        let what = match (row.from.as_str(), row.to.as_str()) {
            ("", "new") => actor.t("opened", "立案").to_owned(),
            ("hold", "") => actor.t("released", "解除保全").to_owned(),
            ("", to) => words::act(tongue, to),
            (from, to) => format!("{} → {}", words::act(tongue, from), words::act(tongue, to)),
        };
        let case = if row.case == sheet.line.id { String::new() } else { format!(" ({})", row.case) };
        Step {
            at: row.at,
            who: row.who.clone(),
            what: format!("{what}{case}"),
            why: words::plain(&row.why),
            is_news: seen.is_some_and(|seen| row.number > seen),
        }
    };
    let mut history: Vec<Step> = sheet.moves.iter().map(step).collect();
    history.reverse();
    history
}

/// What a form that led here has done.
fn said(fields: &Fields, actor: &Actor) -> Option<String> {
    let text = match fields.get("said") {
        "moved" => actor.t("Moved.", "状态已更改。"),
        "undone" => actor.t("Taken back.", "已撤销。"),
        "late" => actor.t("It is too late to take that back; move the case instead.", "已无法撤销；请直接更改状态。"),
        "assigned" => actor.t("Assigned.", "已指派。"),
        "noted" => actor.t("Note kept.", "备注已保存。"),
        "silenced" => actor.t("These entries are not reported from that source any more.", "此来源不再报告这些条目。"),
        "unsilenced" => actor.t("They are looked for again.", "已恢复查找。"),
        "waits" => actor.t("Asked; a second person must agree.", "已提交；须由第二人同意。"),
        "seconded" => actor.t("Agreed.", "已同意。"),
        "merged" => actor.t("Merged.", "已合并。"),
        "split" => actor.t("Split off; this is the new case.", "已拆分；这是新案件。"),
        "held" => actor.t("On hold: its evidence stays.", "已保全：证据将保留。"),
        "released" => actor.t("The hold is gone.", "已解除保全。"),
        _ => return None,
    };
    Some(text.to_owned())
}

impl CasePage<'_> {
    fn state_name(&self) -> &'static str {
        words::state(self.l.viewer.tongue, self.sheet.line.state)
    }

    fn severity_name(&self) -> &'static str {
        words::severity(self.l.viewer.tongue, self.sheet.line.severity)
    }

    fn severity_class(&self) -> &'static str {
        words::severity_class(self.sheet.line.severity)
    }

    /// Why it is as grave as it is.
    fn reasons(&self) -> Option<String> {
        let assessment = self.sheet.severity.as_ref()?;
        let facts = &assessment.facts;
        let t = |english, chinese| self.l.t(english, chinese).to_owned();
        let mut reasons = Vec::new();
        for (is_so, text) in [
            (facts.offer, t("offered for sale", "出售")),
            (facts.exclusive, t("exclusive", "独家")),
            (facts.fresh, t("said to be fresh", "声称新鲜")),
            (facts.volume > 0, format!("{} {}", facts.volume, t("rows claimed", "行（声称）"))),
            (true, format!("{} {}", facts.entries, t("entries", "个条目"))),
        ] {
            if is_so {
                reasons.push(text);
            }
        }
        let rule = if assessment.rule.is_empty() { String::new() } else { format!(" [{}]", assessment.rule) };
        Some(format!("{}{rule}", reasons.join(", ")))
    }

    fn ownership(&self) -> Option<(&'static str, String)> {
        let verdict = self.sheet.verdict.as_ref()?;
        let numbers = format!(
            "{} {}, {} {}, log₁₀ LR {:+.1}{}",
            verdict.rows_tested,
            self.l.t("rows tested", "行已检测"),
            verdict.rows_hit,
            self.l.t("hit", "行命中"),
            verdict.log10_lr_ours,
            verdict
                .share
                .map(|share| format!(", {} {:.0} %", self.l.t("share", "占比"), share * 100.0))
                .unwrap_or_default(),
        );
        let is_told = verdict.verdict != Ownership::Unknown || verdict.rows_tested > 0;
        is_told.then(|| (words::ownership(self.l.viewer.tongue, verdict.verdict), numbers))
    }

    fn holders(&self) -> String {
        let holders = self.sheet.line.holders.iter().map(|(code, entries)| format!("{code} {entries}"));
        holders.collect::<Vec<_>>().join(", ")
    }

    fn conflict_to(&self, conflict: &Conflict) -> &'static str {
        words::state(self.l.viewer.tongue, conflict.to)
    }

    fn alert_state(&self, alert: &crate::ports::store::model::AlertRow) -> &'static str {
        words::alert_state(self.l.viewer.tongue, alert.state)
    }

    fn alert_reason(&self, alert: &crate::ports::store::model::AlertRow) -> &'static str {
        words::reason(self.l.viewer.tongue, alert.reason)
    }

    /// Whether this user may agree to what somebody asked for.
    fn may_second(&self, pledge: &Pledge) -> bool {
        self.actor.user.role.may_judge() && pledge.who != self.actor.user.name && pledge.seconded.is_none()
    }

    fn pledge_name(&self, pledge: &Pledge) -> &'static str {
        if pledge.what == triage::REVEAL {
            self.l.t("see full values", "查看完整值")
        } else {
            self.l.t("confirm the case", "确认案件")
        }
    }

    fn may_judge(&self) -> bool {
        self.actor.user.role.may_judge()
    }

    fn may_reveal(&self) -> bool {
        self.actor.user.role.may_reveal()
    }

    /// Whether there is something to split off.
    fn may_split(&self) -> bool {
        self.may_judge() && self.sheet.line.entries > 1
    }

    /// Whether the case is somebody's own.
    fn is_assignee(&self, name: &str) -> bool {
        self.sheet.assignee.as_deref() == Some(name)
    }
}

/// Tells the number of the audit log's last row about a case: an open page asks for it now and then.
async fn version(
    State(console): State<Arc<Console>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let version = console.store.case_version((&actor.scope, &id)).await?;
    Ok(version.to_string().into_response())
}

#[derive(Template)]
#[template(path = "case_copy.html")]
struct CopyPage {
    l: Layout,
    id: String,
    line: String,
    accused: Vec<String>,
    hint: Option<String>,
}

/// Whose copy it is: weighed on demand, for it may take a second.
async fn copy(State(console): State<Arc<Console>>, actor: Actor, Path(id): Path<String>) -> Result<Response, Problem> {
    let Some((id, _)) = console.store.find_case(&actor.scope, &id).await? else { return Err(Problem::missing()) };
    let terms = Terms { epsilon: EPSILON, rows: None };
    let report = attribute_case((&console.store, &console.vault), &id, terms).await?;
    let hint = report.more_rows.map(|rows| {
        let text = actor.t("rows more would name a copy with enough certainty", "行更多数据即可足够确定地指认副本");
        format!("{rows} {text}")
    });
    let line = report.line();
    let accused = report.accused.into_iter().map(|accused| accused.code).collect();
    let l = actor.layout(Section::Cases, format!("{id}: {}", actor.t("whose copy", "哪一份副本")));
    page(&CopyPage { l, id, line, accused, hint })
}

/// Says that a case's id is unknown where a form named it.
pub(crate) fn unknown_case() -> Problem {
    Problem::refused(
        Said::new("There is no such case here", "没有此案件"),
        Said::new("Check the id: C- and eight characters.", "请检查编号：C- 加八个字符。"),
    )
}
