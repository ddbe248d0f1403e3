//! Sources: how each fares in plain words, what it brings, what may be done with it; adding one with a first look at it.

mod shown;
mod words;

pub(crate) use shown::{PreviewShown, SourceShown};
pub(crate) use words::lasted;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};

use crate::domain::health::{Alarm, Fares, Situation, SourcePast, Told, tell};
use crate::domain::session::State as SessionState;
use crate::domain::source::{Network, SourceId};
use crate::domain::user::Role;
use crate::faces::web::Console;
use crate::faces::web::actor::Actor;
use crate::faces::web::chart::Spark;
use crate::faces::web::layout::{Layout, Section, page};
use crate::faces::web::posted::{Fields, Posted};
use crate::faces::web::problem::{Problem, Said};
use crate::ports::store::HourRow;
use crate::ports::store::model::SourceRow;
use crate::services::sourcing::{self, Edit, SourcingError};
use crate::services::watchkeeping;
use words::Wording;

/// Sources on a page.
const ROWS: u32 = 50;
/// Days of a sparkline.
const SPARK_DAYS: i64 = 28;
/// Days of a source's history.
const HISTORY_DAYS: i64 = 14;

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/sources", get(list))
        .route("/sources/new", get(new).post(look))
        .route("/sources/add", post(add))
        .route("/sources/of/{source}", get(show))
        .route("/sources/of/{source}/change", post(change))
}

/// How all sources fare.
pub(crate) struct ToldAll {
    situation: Situation,
    alarms: Vec<Alarm>,
    now: Timestamp,
}

impl ToldAll {
    /// Returns a source's past and how it fares.
    pub(crate) fn of(&self, row: &SourceRow) -> Option<(&SourcePast, Told)> {
        let past = self.situation.sources.iter().find(|past| past.id == row.source.id.0)?;
        let alarm = self.alarm(past);
        Some((past, tell(past, &self.situation.lanes_down, alarm, self.now)))
    }

    fn alarm(&self, past: &SourcePast) -> Option<&Alarm> {
        self.alarms.iter().find(|alarm| alarm.subject == past.label && alarm.kind.is_of_source())
    }
}

/// Judges all sources as the watch does.
pub(crate) async fn tell_all(console: &Console) -> Result<ToldAll, Problem> {
    let options = watchkeeping::Options {
        worker: "console".to_owned(),
        operator: watchkeeping::Operator::default(),
        folder: console.folder.clone(),
        // What the disk may take is told by the watch; here sources are judged.
        budget_bytes: None,
        drills: None,
    };
    let now = console.clock.now();
    let (situation, alarms) = watchkeeping::judge(&console.store, &options, now).await?;
    Ok(ToldAll { situation, alarms, now })
}

/// Finds a source and how it fares.
pub(crate) async fn find(console: &Console, id: &SourceId) -> Result<SourceShown, Problem> {
    let (row, told) = found(console, id).await?;
    Ok(SourceShown::of(&row, told.of(&row)))
}

async fn found(console: &Console, id: &SourceId) -> Result<(SourceRow, ToldAll), Problem> {
    let row = console.store.source_row_of(id, console.clock.now()).await?.ok_or_else(Problem::missing)?;
    Ok((row, tell_all(console).await?))
}

/// Why a source is not taken, as a page.
pub(crate) fn refused(error: SourcingError) -> Problem {
    match error {
        SourcingError::Store(error) => error.into(),
        SourcingError::Local => Problem::refused(
            Said::new("The site lives on the machine of the console", "该站点位于控制台所在主机"),
            Said::new("Add it at the command line: dyepack source add", "请在命令行添加：dyepack source add"),
        ),
        SourcingError::Address(_)
        | SourcingError::Value { .. }
        | SourcingError::Fetch(_)
        | SourcingError::Cookies(_) => {
            let english = format!("Cannot {error}");
            Problem::refused(
                Said::new(english.clone(), format!("无法执行：{error}")),
                Said::new("Mend it and try again; nothing was changed.", "请修正后重试；未作任何更改。"),
            )
        }
    }
}

fn sees_sources(role: Role) -> bool {
    role != Role::Member
}

fn may_change(role: Role) -> bool {
    role == Role::Admin
}

/// A row of the list.
struct Row {
    shown: SourceShown,
    fares: Fares,
    waits: String,
    spark: Spark,
    fresh: u64,
}

#[derive(Template)]
#[template(path = "sites.html")]
struct SitesPage {
    l: Layout,
    is_admin: bool,
    text: String,
    rows: Vec<Row>,
    next: Option<String>,
}

async fn list(
    State(console): State<Arc<Console>>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    actor.must_be(sees_sources)?;
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let text = query.get("q").to_owned();
    let after = Some(query.get("after")).filter(|after| !after.is_empty()).map(|after| SourceId(after.to_owned()));
    let now = console.clock.now();
    let found = console.store.source_page(Some(&text), (after.as_ref(), ROWS), now).await?;
    let told = tell_all(&console).await?;
    let ids: Vec<SourceId> = found.sources.iter().map(|row| row.source.id.clone()).collect();
    let mut yields = console.store.yields(&ids, now - SignedDuration::from_hours(24 * SPARK_DAYS)).await?;
    let l = actor.layout(Section::Sources, actor.t("Sources", "来源")).noting(note(&actor, query.get("said")));
    let rows = found.sources.iter().map(|row| {
        let days = yields.remove(&row.source.id).unwrap_or_default();
        let (fares, waits) = told.of(row).map_or((Fares::New, String::new()), |(past, told_one)| {
            let wording = Wording { viewer: &actor.viewer, row, past, alarm: told.alarm(past), now };
            (told_one.fares, wording.waits())
        });
        let spark = Spark::of_days(days.iter().map(|day| (day.day, day.fresh)), now, SPARK_DAYS);
        let fresh = days.iter().map(|day| day.fresh).sum();
        Row { shown: SourceShown::of(row, told.of(row)), fares, waits, spark, fresh }
    });
    let rows = rows.collect();
    let next = found.next.map(|next| next.0);
    page(&SitesPage { l, is_admin: may_change(actor.user.role), text, rows, next })
}

fn note(actor: &Actor, said: &str) -> Option<String> {
    let note = match said {
        "added" => actor.t("Added; it is read from now on while a crawl runs.", "已添加；爬取程序运行时即开始读取。"),
        "changed" => actor.t("Changed.", "已更改。"),
        "paused" => actor.t("Paused: nothing more is asked of the site.", "已暂停：不再访问该站点。"),
        "resumed" => actor.t("It is read again.", "已恢复读取。"),
        "session" => actor.t("The cookies are kept, sealed; it is read again.", "Cookie 已加密保存；已恢复读取。"),
        "forgotten" => actor.t("The session is forgotten.", "会话已清除。"),
        _ => return None,
    };
    Some(note.to_owned())
}

#[derive(Template)]
#[template(path = "site_new.html")]
struct NewPage {
    l: Layout,
    url: String,
    error: Option<String>,
    seen: Option<PreviewShown>,
}

async fn new(State(_): State<Arc<Console>>, actor: Actor) -> Result<Response, Problem> {
    actor.must_be(may_change)?;
    let l = actor.layout(Section::Sources, actor.t("Add a source", "添加来源"));
    page(&NewPage { l, url: String::new(), error: None, seen: None })
}

async fn look(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let (actor, url) = (&posted.actor, posted.fields.get("url").to_owned());
    actor.must_be(may_change)?;
    let l = actor.layout(Section::Sources, actor.t("Add a source", "添加来源"));
    match sourcing::preview(&console.fetcher(), &url, console.reach).await {
        Ok(seen) => page(&NewPage { l, url, error: None, seen: Some(PreviewShown::of(&seen)) }),
        Err(SourcingError::Store(error)) => Err(error.into()),
        Err(error) => {
            let problem = refused(error);
            let error = Some(problem.what.to(&actor.viewer).to_owned());
            let mut response = page(&NewPage { l, url, error, seen: None })?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

async fn add(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    posted.actor.must_be(may_change)?;
    let (edit, url) = (edit(&posted.fields)?, posted.fields.get("url"));
    let added = sourcing::add(&console.store, url, (&edit, console.reach), console.clock.now()).await;
    let (source, _) = added.map_err(refused)?;
    tracing::info!(by = posted.actor.user.id, source = source.id.0, "a source was added or changed");
    Ok(back(&source.id, "added"))
}

fn edit(fields: &Fields) -> Result<Edit, Problem> {
    let given = |name: &str| Some(fields.get(name)).filter(|text| !text.is_empty());
    let bad = || {
        Problem::refused(
            Said::new("Pace and connections are numbers", "间隔和并发数须为数字"),
            Said::new("Go back and mend it.", "请返回修改。"),
        )
    };
    let pace = given("pace").map(|text| text.replace(',', ".").parse::<f64>().ok().filter(|pace| pace.is_finite()));
    let pace = pace.map(|pace| pace.ok_or_else(bad)).transpose()?;
    let concurrency = given("concurrency").map(|text| text.parse().map_err(|_| bad())).transpose()?;
    let pace = pace.map(|pace| std::time::Duration::try_from_secs_f64(pace).map_err(|_| bad())).transpose()?;
    Ok(Edit { label: given("label").map(str::to_owned), pace, concurrency })
}

fn back(id: &SourceId, said: &str) -> Response {
    let id: String = url::form_urlencoded::byte_serialize(id.0.as_bytes()).collect();
    Redirect::to(&format!("/sources/of/{id}?said={said}")).into_response()
}

#[derive(Template)]
#[template(path = "site.html")]
struct SitePage {
    l: Layout,
    is_admin: bool,
    shown: SourceShown,
    fares: Fares,
    waits: String,
    mend: String,
    spark: Spark,
    session: Option<(&'static str, Option<Timestamp>, usize)>,
    days: Vec<DayShown>,
    outcomes: Vec<(String, u64, u64, Timestamp)>,
}

/// One day of a source's history: for each hour whether it was up.
struct DayShown {
    day: Timestamp,
    hours: Vec<&'static str>,
    visits: u64,
    fresh: u64,
}

async fn show(
    State(console): State<Arc<Console>>,
    actor: Actor,
    Path(source): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    actor.must_be(sees_sources)?;
    let id = SourceId(source);
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let (row, told) = found(&console, &id).await?;
    let now = console.clock.now();
    let (fares, waits, mend) = told.of(&row).map_or((Fares::New, String::new(), String::new()), |(past, told_one)| {
        let wording = Wording { viewer: &actor.viewer, row: &row, past, alarm: told.alarm(past), now };
        (told_one.fares, wording.waits(), wording.mend())
    });
    let hours = console.store.source_hours(&id, now - SignedDuration::from_hours(24 * SPARK_DAYS)).await?;
    let spark = Spark::of_days(hours.iter().map(|hour| (hour.hour_at, hour.fresh)), now, SPARK_DAYS);
    let session = console.store.session(&id).await?.map(|session| {
        let state = match session.session.state {
            SessionState::Person(rest) => Wording::rest(&actor.viewer, rest),
            SessionState::Lost => actor.t("not logged in", "未登录"),
            SessionState::Unproven => actor.t("brought, not tried yet", "已导入，尚未验证"),
            SessionState::Member => actor.t("read as a member", "以会员身份读取"),
        };
        (state, session.session.logged_in_at, session.jar.len())
    });
    let l = actor.layout(Section::Sources, row.source.label.clone()).noting(note(&actor, query.get("said")));
    let shown = SourceShown::of(&row, told.of(&row));
    let (days, outcomes) = (days(&hours, now), outcomes(&hours));
    let is_admin = may_change(actor.user.role);
    page(&SitePage { l, is_admin, shown, fares, waits, mend, spark, session, days, outcomes })
}

impl DayShown {
    fn count(&self, mark: &str) -> usize {
        self.hours.iter().filter(|hour| **hour == mark).count()
    }
}

/// Folds hours into days of twenty-four marks, the newest day first.
fn days(hours: &[HourRow], now: Timestamp) -> Vec<DayShown> {
    let day_ms = 86_400_000;
    let today = now.as_millisecond().div_euclid(day_ms);
    (0..HISTORY_DAYS)
        .filter_map(|back| {
            let start = Timestamp::from_millisecond((today - back) * day_ms).ok()?;
            let of_day: Vec<&HourRow> =
                hours.iter().filter(|hour| hour.hour_at.as_millisecond().div_euclid(day_ms) == today - back).collect();
            let mark = |number: i64| {
                let of_hour = || of_day.iter().filter(move |hour| hour_of(hour.hour_at) == number);
                match (of_hour().any(|hour| hour.is_up()), of_hour().any(|hour| hour.outcome != "skipped")) {
                    (true, _) => "up",
                    (false, true) => "down",
                    (false, false) => "idle",
                }
            };
            Some(DayShown {
                day: start,
                hours: (0..24).map(mark).collect(),
                visits: of_day.iter().map(|hour| hour.visits).sum(),
                fresh: of_day.iter().map(|hour| hour.fresh).sum(),
            })
        })
        .collect()
}

fn hour_of(at: Timestamp) -> i64 {
    at.as_millisecond().rem_euclid(86_400_000) / 3_600_000
}

fn outcomes(hours: &[HourRow]) -> Vec<(String, u64, u64, Timestamp)> {
    let mut sums: std::collections::BTreeMap<&str, (u64, u64, Timestamp)> = std::collections::BTreeMap::new();
    for hour in hours {
        let sum = sums.entry(&hour.outcome).or_insert((0, 0, hour.last_at));
        *sum = (sum.0 + hour.visits, sum.1 + hour.took_ms, sum.2.max(hour.last_at));
    }
    let sums = sums
        .into_iter()
        .map(|(outcome, (visits, took, last))| (outcome.to_owned(), visits, took / visits.max(1), last));
    sums.collect()
}

async fn change(
    State(console): State<Arc<Console>>,
    Path(source): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    posted.actor.must_be(may_change)?;
    let (store, now, fields) = (&console.store, console.clock.now(), &posted.fields);
    let id = SourceId(source);
    store.source(&id).await?.ok_or_else(Problem::missing)?;
    let said = match fields.get("what") {
        "pause" => {
            store.pause(&id, now).await?;
            "paused"
        }
        "resume" => {
            store.resume(&id).await?;
            "resumed"
        }
        "edit" => {
            sourcing::edit(store, &id, &edit(fields)?, now).await.map_err(refused)?;
            "changed"
        }
        "session" => {
            sourcing::import_session(store, &id, fields.raw("cookies"), now).await.map_err(refused)?;
            "session"
        }
        "forget" => {
            store.forget_session(&id, now).await?;
            "forgotten"
        }
        _ => return Err(Problem::missing()),
    };
    tracing::info!(by = posted.actor.user.id, source = id.0, what = fields.get("what"), "a source was changed");
    Ok(back(&id, said))
}

/// Names how a source fares.
pub(crate) fn fares_name(l: &Layout, fares: Fares) -> &'static str {
    let tongue = l.viewer.tongue;
    match fares {
        Fares::New => tongue.choose("new", "未读取"),
        Fares::Well => tongue.choose("well", "正常"),
        Fares::Waiting => tongue.choose("waiting", "等待中"),
        Fares::Failing => tongue.choose("failing", "读取失败"),
        Fares::Alarm => tongue.choose("alarm", "告警"),
    }
}

/// The chip's class.
fn fares_class(fares: Fares) -> &'static str {
    match fares {
        Fares::New | Fares::Waiting => "fare",
        Fares::Well => "fare good",
        Fares::Failing => "fare warn",
        Fares::Alarm => "fare bad",
    }
}

fn network_name(l: &Layout, network: Network) -> &'static str {
    match network {
        Network::Open => l.viewer.tongue.choose("open web", "公开网络"),
        Network::Tor => "Tor",
        Network::I2p => "I2P",
    }
}

fn path_of(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/sources/of/{id}")
}

/// Writes milliseconds as seconds, as people type them.
fn seconds(milliseconds: u64) -> String {
    let (whole, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:03}").trim_end_matches('0').to_owned() }
}
