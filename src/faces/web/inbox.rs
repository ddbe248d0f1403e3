//! The inbox: cases by whatever an analyst asks for, all of it in the address; several moved at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::Console;
use super::actor::Actor;
use super::filter::{Choice, Filter, NAME_LIMIT, saved_query};
use super::layout::{Layout, Section, page};
use super::memory::Choices;
use super::posted::{Fields, Posted};
use super::problem::{Problem, Said};
use super::words;
use crate::domain::case;
use crate::ports::store::StoreError;
use crate::ports::store::console::{CaseCount, CaseLine, CasePage, CaseQuery};
use crate::ports::store::desk::Expected;
use crate::services::triage::{self, Decided, TriageError};

/// Cases on a page.
const PAGE: u32 = 50;
/// Most cases that are moved at once.
const BULK: usize = 200;

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/", get(async |_: Actor| Redirect::to("/cases")))
        .route("/cases", get(show))
        .route("/cases/move", post(move_many))
        .route("/filters", post(save_filter))
}

/// A case in the list.
struct Row {
    line: CaseLine,
    state: &'static str,
    severity: &'static str,
    severity_class: &'static str,
    title: String,
    copies: String,
    sources: String,
    assignee: String,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    l: Layout,
    filter: Filter,
    rows: Vec<Row>,
    /// State tabs with their counts.
    tabs: Vec<Tab>,
    sources: Vec<(String, String)>,
    offered: Arc<Choices>,
    saved: Vec<(String, String)>,
    next: Option<String>,
    may_judge: bool,
    is_first_start: bool,
}

struct Tab {
    href: String,
    label: String,
    count: u64,
    is_here: bool,
}

async fn show(
    State(console): State<Arc<Console>>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    let filter = Filter::read(&fields, &actor.viewer.zone);
    let note = said(&fields, &actor);
    inbox(&console, &actor, filter, note).await
}

async fn inbox(console: &Console, actor: &Actor, filter: Filter, note: Option<String>) -> Result<Response, Problem> {
    let (list, surroundings) = (list(console, actor, &filter), Surroundings::read(console, actor));
    let ((cases, mut assignees), surroundings) = tokio::try_join!(list, surroundings)?;
    let Surroundings { counts, choices, sources, own, saved } = surroundings;
    let of_organization =
        |organization: &str| filter.query.organization.as_ref().is_none_or(|wanted| wanted.0 == organization);
    let mut by_state: BTreeMap<&str, u64> = BTreeMap::new();
    for count in counts.iter().filter(|count| of_organization(&count.organization)) {
        *by_state.entry(count.state.as_str()).or_default() += count.cases;
    }
    let l = actor.layout(Section::Cases, actor.t("Cases", "案件")).noting(note);
    page(&InboxPage {
        tabs: tabs(&filter, (&by_state, own), actor),
        next: cases.next.map(|next| filter.at(&next)),
        rows: cases
            .cases
            .into_iter()
            .map(|line| {
                let assignee = assignees.remove(&line.id).unwrap_or_default();
                row(line, assignee, actor)
            })
            .collect(),
        sources,
        offered: choices,
        saved,
        may_judge: actor.user.role.may_judge(),
        is_first_start: counts.is_empty(),
        filter,
        l,
    })
}

/// Returns the cases of a page, and who looks after them.
async fn list(
    console: &Console,
    actor: &Actor,
    filter: &Filter,
) -> Result<(CasePage, BTreeMap<String, String>), Problem> {
    let store = &console.store;
    let cases = if filter.is_mine {
        own_cases(console, actor).await?
    } else {
        store.case_page(&actor.scope, &filter.query, (filter.after.as_ref(), PAGE)).await?
    };
    let ids: Vec<String> = cases.cases.iter().map(|line| line.id.clone()).collect();
    let assignees = store.assignees(&actor.scope, &ids).await?;
    Ok((cases, assignees))
}

/// What stands around the list.
struct Surroundings {
    counts: Arc<Vec<CaseCount>>,
    choices: Arc<Choices>,
    sources: Vec<(String, String)>,
    /// Open cases that the user looks after.
    own: u64,
    saved: Vec<(String, String)>,
}

impl Surroundings {
    async fn read(console: &Console, actor: &Actor) -> Result<Self, Problem> {
        let (store, memory, scope) = (&console.store, &console.memory, &actor.scope);
        let (mark, revision) = store.revisions().await?;
        Ok(Self {
            counts: memory.case_counts((store, mark), scope).await?,
            choices: memory.choices((store, revision), scope).await?,
            sources: store.source_names(scope).await?,
            own: store.cases_of(scope, &actor.user.name, PAGE).await?.len() as u64,
            saved: store.saved_filters(&actor.user.id).await?,
        })
    }
}

/// The open cases that the user looks after: few enough for one page.
async fn own_cases(console: &Console, actor: &Actor) -> Result<CasePage, Problem> {
    let mut cases = Vec::new();
    for id in console.store.cases_of(&actor.scope, &actor.user.name, PAGE).await? {
        cases.extend(console.store.case_line(&actor.scope, &id).await?);
    }
    Ok(CasePage { cases, next: None })
}

fn row(line: CaseLine, assignee: String, actor: &Actor) -> Row {
    let tongue = actor.viewer.tongue;
    let most = |items: Vec<String>| {
        let rest = items.len().saturating_sub(3);
        let first = items.into_iter().take(3).collect::<Vec<_>>().join(", ");
        if rest > 0 { format!("{first} +{rest}") } else { first }
    };
    Row {
        state: words::state(tongue, line.state),
        severity: words::severity(tongue, line.severity),
        severity_class: words::severity_class(line.severity),
        title: words::plain(line.title.as_deref().unwrap_or(actor.t("untitled", "无标题"))),
        copies: most(line.holders.iter().map(|(code, entries)| format!("{code} {entries}")).collect()),
        assignee,
        sources: most(line.sources.iter().map(|source| words::defanged(&source.label)).collect()),
        line,
    }
}

fn tabs(filter: &Filter, (by_state, own): (&BTreeMap<&str, u64>, u64), actor: &Actor) -> Vec<Tab> {
    let total: u64 = by_state.values().sum();
    let open: u64 = ["new", "acknowledged", "confirmed"].iter().filter_map(|state| by_state.get(state)).sum();
    let mut tabs = vec![
        Tab {
            href: filter.with("state", "open"),
            label: actor.t("Open", "待处理").to_owned(),
            count: open,
            is_here: filter.is_open() && !filter.is_mine,
        },
        Tab {
            href: Filter::mine(),
            label: actor.t("Mine", "我负责的").to_owned(),
            count: own,
            is_here: filter.is_mine,
        },
        Tab {
            href: filter.with("state", ""),
            label: actor.t("All", "全部").to_owned(),
            count: total,
            is_here: filter.query.states.is_empty() && !filter.is_mine,
        },
    ];
    for state in case::State::ALL {
        let name = words::state(actor.viewer.tongue, state);
        let mut characters = name.chars();
        let label = characters.next().map(|first| first.to_uppercase().chain(characters).collect());
        tabs.push(Tab {
            href: filter.with("state", state.as_str()),
            label: label.unwrap_or_default(),
            count: by_state.get(state.as_str()).copied().unwrap_or(0),
            is_here: filter.query.states == [state] && !filter.is_mine,
        });
    }
    tabs
}

/// What a form that led here has done.
fn said(fields: &Fields, actor: &Actor) -> Option<String> {
    let count = fields.get("n");
    match fields.get("said") {
        "moved" if count.len() < 5 && count.bytes().all(|byte| byte.is_ascii_digit()) => Some(format!(
            "{count} {}",
            if count == "1" {
                actor.t("case moved.", "个案件已移动。")
            } else {
                actor.t("cases moved.", "个案件已移动。")
            }
        )),
        "saved" => Some(actor.t("Filter saved.", "筛选已保存。").to_owned()),
        "forgotten" => Some(actor.t("Filter removed.", "筛选已删除。").to_owned()),
        _ => None,
    }
}

#[derive(Template)]
#[template(path = "inbox_moved.html")]
struct MovedPage {
    l: Layout,
    moved: usize,
    to: &'static str,
    /// Cases that were not moved, each with the reason.
    left: Vec<(String, String)>,
    back: String,
}

async fn move_many(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let back = Filter::read(&Fields::parse(fields.get("query").as_bytes()), &actor.viewer.zone).url();
    let to = case::State::parse(fields.get("to")).ok_or_else(|| {
        Problem::refused(
            Said::new("Choose where the cases go", "请选择目标状态"),
            Said::new("Go back and choose a state.", "请返回选择状态。"),
        )
    })?;
    let chosen = fields.all("case");
    if chosen.is_empty() || chosen.len() > BULK {
        return Err(Problem::refused(
            Said::new("Choose some cases, 200 at most", "请选择案件，最多 200 个"),
            Said::new("Go back and tick them.", "请返回勾选。"),
        ));
    }
    let (mut moved, mut left) = (0, Vec::new());
    for chosen in chosen {
        // Each box says which state its line showed.
        let (id, seen) = chosen.split_once('@').unwrap_or((chosen, ""));
        let Some(seen) = case::State::parse(seen) else { continue };
        let judge = actor.judge(&console);
        let decided = triage::judge(
            &console.store,
            judge,
            id,
            (to, Expected::Seen(seen)),
            (fields.get("why"), console.clock.now()),
        );
        match decided.await {
            Ok(Decided::Done(_)) => moved += 1,
            Ok(Decided::Stale) => {
                let reason = actor.t("somebody moved it meanwhile", "其他人已更改状态");
                left.push((id.to_owned(), reason.to_owned()));
            }
            Ok(Decided::Waits) => {
                left.push((id.to_owned(), actor.t("waits for a second person", "等待第二人确认").to_owned()));
            }
            Err(TriageError::Store(StoreError::ImpossibleMove { id, from, .. })) => {
                let text = actor.t("cannot go there from", "无法从以下状态变更：");
                left.push((id, format!("{text} {}", words::state(actor.viewer.tongue, from))));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if left.is_empty() {
        let mark = if back.contains('?') { '&' } else { '?' };
        return Ok(Redirect::to(&format!("{back}{mark}said=moved&n={moved}")).into_response());
    }
    let l = actor.layout(Section::Cases, actor.t("Not all were moved", "部分案件未移动"));
    let to = words::state(actor.viewer.tongue, to);
    Ok((StatusCode::CONFLICT, page(&MovedPage { l, moved, to, left, back })?).into_response())
}

async fn save_filter(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (actor, fields) = (&posted.actor, &posted.fields);
    let filter = Filter::read(&Fields::parse(fields.get("query").as_bytes()), &actor.viewer.zone);
    let name: String = words::plain(fields.get("name")).chars().take(NAME_LIMIT).collect();
    if name.is_empty() {
        return Err(Problem::refused(
            Said::new("The filter has no name", "筛选没有名称"),
            Said::new("Go back and name it.", "请返回填写名称。"),
        ));
    }
    let is_removed = !fields.get("forget").is_empty();
    let query = if is_removed { String::new() } else { saved_query(fields.get("query"), &actor.viewer.zone) };
    console.store.save_filter(&actor.user.id, (&name, &query)).await?;
    let mark = if filter.url().contains('?') { '&' } else { '?' };
    let said = if is_removed { "forgotten" } else { "saved" };
    Ok(Redirect::to(&format!("{}{mark}said={said}", filter.url())).into_response())
}

impl InboxPage {
    fn choices(&self, name: &str) -> Vec<Choice> {
        self.filter.choices(name, self.l.viewer.tongue)
    }

    fn is_narrowed(&self) -> bool {
        self.filter.query != CaseQuery { states: self.filter.query.states.clone(), ..CaseQuery::default() }
    }
}
