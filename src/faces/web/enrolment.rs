//! Enrolment: organizations, their contacts, custodians and datasets; a watchlist is checked, shown as a difference, then taken.

use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Multipart, Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::Console;
use super::actor::Actor;
use super::layout::{Layout, Section, page};
use super::posted::{Fields, Posted, TOKEN, is_token};
use super::problem::{Problem, Said};
use crate::domain::user::Role;
use crate::domain::watchlist::{Changes, ContactRole, OrganizationId, Problem as Flaw, Severity};
use crate::ports::store::console::OrganizationOutline;
use crate::ports::store::console::Scope;
use crate::services::access;
use crate::services::intake::upload::{self, Checked, SentFile, UPLOAD_LIMIT_BYTES};

/// Names of what changes that are listed.
const LISTED: usize = 30;

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    let large = Router::new().route("/enrolment/upload", post(check)).layer(DefaultBodyLimit::max(UPLOAD_LIMIT_BYTES));
    Router::new()
        .route("/enrolment", get(list))
        .route("/enrolment/of/{organization}", get(show))
        .route("/enrolment/accept", post(accept))
        .merge(large)
}

fn may_enrol(role: Role) -> bool {
    role == Role::Admin
}

#[derive(Template)]
#[template(path = "enrolment.html")]
struct EnrolmentPage {
    l: Layout,
    is_admin: bool,
    outlines: Vec<OrganizationOutline>,
}

async fn list(
    State(console): State<Arc<Console>>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let outlines = console.store.organization_outlines(&actor.scope).await?;
    if let (Scope::Only(_), [only]) = (&actor.scope, outlines.as_slice()) {
        return Ok(Redirect::to(&format!("/enrolment/of/{}", only.organization.id)).into_response());
    }
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let note = (query.get("said") == "spent").then(|| {
        let english = "That upload is no longer here: it was confirmed, or waited too long. Upload it again.";
        actor.t(english, "该上传已失效（已确认或等待过久），请重新上传。").to_owned()
    });
    let l = actor.layout(Section::Enrolment, actor.t("Enrolment", "登记")).noting(note);
    page(&EnrolmentPage { l, is_admin: may_enrol(actor.user.role), outlines })
}

#[derive(Template)]
#[template(path = "organization.html")]
struct OrganizationPage {
    l: Layout,
    is_admin: bool,
    outline: OrganizationOutline,
}

async fn show(
    State(console): State<Arc<Console>>,
    actor: Actor,
    Path(organization): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let outlines = console.store.organization_outlines(&actor.scope).await?;
    let mut found = outlines.into_iter().filter(|outline| outline.organization.id.0 == organization);
    let outline = found.next().ok_or_else(Problem::missing)?;
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let note = (query.get("said") == "taken").then(|| {
        let english = "Taken: it is looked for from now on. New contacts are mailed once they are confirmed.";
        actor.t(english, "已生效，即刻开始监测。新联系人确认后才会收到邮件。").to_owned()
    });
    let l = actor.layout(Section::Enrolment, outline.organization.name.clone()).noting(note);
    page(&OrganizationPage { l, is_admin: may_enrol(actor.user.role), outline })
}

/// Files and fields of a form.
#[derive(Debug)]
struct Sent {
    actor: Actor,
    organization: Option<OrganizationId>,
    files: Vec<SentFile>,
}

impl FromRequest<Arc<Console>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let actor = Actor::from_request_parts(&mut parts, console).await?;
        let request = Request::from_parts(parts, body);
        let unreadable = |status| {
            Problem::new(
                status,
                Said::new("The upload cannot be read", "无法读取上传内容"),
                Said::new("Choose fewer or smaller files and try again.", "请减少文件数量或大小后重试。"),
            )
            .into_response()
        };
        let form = Multipart::from_request(request, console).await;
        let mut form = form.map_err(|refusal| unreadable(refusal.status()))?;
        let (mut files, mut token, mut organization) = (Vec::new(), String::new(), None);
        while let Some(field) = form.next_field().await.map_err(|refusal| unreadable(refusal.status()))? {
            let (name, file) = (field.name().unwrap_or_default().to_owned(), field.file_name().map(str::to_owned));
            let bytes = field.bytes().await.map_err(|refusal| unreadable(refusal.status()))?;
            match (name.as_str(), file) {
                ("files", Some(name)) if !name.is_empty() => files.push(SentFile { name, bytes: bytes.to_vec() }),
                (TOKEN, _) => token = String::from_utf8_lossy(&bytes).into_owned(),
                ("organization", _) => organization = OrganizationId::parse(String::from_utf8_lossy(&bytes).trim()),
                _ => {}
            }
        }
        if !is_token(&actor, &token) {
            return Err(Problem::stale_form().into_response());
        }
        Ok(Self { actor, organization, files })
    }
}

#[derive(Template)]
#[template(path = "upload.html")]
struct UploadPage {
    l: Layout,
    organization: String,
    is_new: bool,
    canaries: usize,
    fingerprints: Vec<(String, u64)>,
    flaws: Vec<Flaw>,
    more_flaws: usize,
    changes: Option<Changes>,
    /// Names the upload while it waits.
    upload: Option<String>,
}

impl UploadPage {
    fn is_error(flaw: &Flaw) -> bool {
        flaw.severity == Severity::Error
    }

    fn named(names: &[String]) -> String {
        let mut text = names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
        if names.len() > LISTED {
            let _ = write!(text, " … +{}", names.len() - LISTED);
        }
        text
    }

    fn groups<'a>(&self, changes: &'a Changes) -> Vec<(&'static str, &'a [String])> {
        let tongue = self.l.viewer.tongue;
        let groups = [
            (tongue.choose("canaries added", "新增诱饵"), changes.added.as_slice()),
            (tongue.choose("canaries changed", "更改诱饵"), changes.changed.as_slice()),
            (tongue.choose("canaries retired", "停用诱饵"), changes.retired.as_slice()),
            (tongue.choose("canaries removed", "移除诱饵"), changes.removed.as_slice()),
            (tongue.choose("else", "其他"), changes.other.as_slice()),
        ];
        groups.into_iter().filter(|(_, names)| !names.is_empty()).collect()
    }
}

async fn check(State(console): State<Arc<Console>>, sent: Sent) -> Result<Response, Problem> {
    let actor = &sent.actor;
    actor.must_be(may_enrol)?;
    let checked = upload::check(&console.store, sent.organization.as_ref(), sent.files).await;
    let checked = checked.map_err(|error| Problem::failed(&error))?;
    let organization = checked.organization.as_ref().map(|organization| organization.0.clone()).unwrap_or_default();
    let is_sound = checked.is_sound();
    let name = is_sound.then(|| access::token().map(|token| token.reveal().clone())).transpose();
    let name = name.map_err(|error| Problem::failed(&error))?;
    let upload_page = UploadPage {
        l: actor.layout(Section::Enrolment, actor.t("Check before it counts", "生效前检查")),
        organization,
        is_new: checked.is_new,
        canaries: checked.canaries,
        fingerprints: checked
            .fingerprints
            .iter()
            .map(|one| (format!("{}, {}", one.label.kind, one.label.epoch), one.count))
            .collect(),
        flaws: checked.problems.listed().to_vec(),
        more_flaws: checked.problems.unlisted(),
        changes: checked.changes.clone(),
        upload: name.clone(),
    };
    if let Some(name) = name {
        keep(&console, name, actor, checked);
    }
    let mut response = page(&upload_page)?;
    if !is_sound {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

fn keep(console: &Console, name: String, actor: &Actor, checked: Checked) {
    console.memory.keep(name, &actor.user.id, checked, console.clock.now());
}

async fn accept(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    let actor = &posted.actor;
    actor.must_be(may_enrol)?;
    let now = console.clock.now();
    let Some(checked) = console.memory.give_back(posted.fields.get("upload"), &actor.user.id, now) else {
        return Ok(Redirect::to("/enrolment?said=spent").into_response());
    };
    let taken = upload::accept((&console.store, &console.vault), &checked, now).await;
    let report = taken.map_err(|error| {
        let english = format!("Cannot {error}");
        Problem::refused(
            Said::new(english, format!("无法执行：{error}")),
            Said::new("Nothing was enrolled.", "未登记任何内容。"),
        )
    })?;
    let organization = report.ok_or_else(Problem::missing)?.organization;
    tracing::info!(by = actor.user.id, organization = organization.0, "a watchlist was enrolled");
    Ok(Redirect::to(&format!("/enrolment/of/{organization}?said=taken")).into_response())
}

fn role_word(l: &Layout, role: ContactRole) -> &'static str {
    let tongue = l.viewer.tongue;
    match role {
        ContactRole::Security => tongue.choose("security", "安全"),
        ContactRole::Privacy => tongue.choose("privacy", "隐私"),
        ContactRole::Executive => tongue.choose("executive", "管理层"),
    }
}

fn confirmed(outline: &OrganizationOutline) -> usize {
    outline.contacts.iter().filter(|contact| contact.confirmed_at.is_some()).count()
}
