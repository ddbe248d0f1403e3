//! The frame of every page: navigation, language, theme, times in the viewer's zone.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::actor::Actor;
use super::assets;
use super::problem::Problem;
use super::viewer::{Tongue, Viewer};
use crate::domain::user::Role;

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// None: logging in, problems.
    None,
    /// Cases.
    Cases,
    /// The audit log.
    Audit,
    /// Figures.
    Overview,
    /// Sites that are read.
    Sources,
    /// Organizations and what they enrol.
    Enrolment,
    /// Users.
    Users,
    /// One's own user.
    Account,
}

/// An entry of the navigation.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its section.
    pub(crate) section: Section,
    /// Where it leads.
    pub(crate) href: &'static str,
    /// What it is called.
    pub(crate) label: &'static str,
    /// The key that follows `g`.
    pub(crate) key: &'static str,
}

/// Who sees an entry.
type SeenBy = fn(Role) -> bool;

/// Section, address, key after `g`, both names, and who sees it.
const ENTRIES: &[(Section, &str, &str, [&str; 2], SeenBy)] = &[
    (Section::Cases, "/cases", "c", ["Cases", "案件"], |_| true),
    (Section::Overview, "/overview", "o", ["Overview", "总览"], |_| true),
    (Section::Sources, "/sources", "s", ["Sources", "来源"], |role| role != Role::Member),
    (Section::Enrolment, "/enrolment", "e", ["Enrolment", "登记"], |_| true),
    (Section::Audit, "/audit", "l", ["Audit log", "审计日志"], |_| true),
    (Section::Users, "/users", "u", ["Users", "用户"], |role| role == Role::Admin),
    (Section::Account, "/account", "a", ["Your account", "我的账户"], |_| true),
];

/// What the frame shows; templates call it `l`.
#[derive(Debug)]
pub(crate) struct Layout {
    /// How the page is made.
    pub(crate) viewer: Viewer,
    /// The page's title.
    pub(crate) title: String,
    /// Where it belongs.
    pub(crate) section: Section,
    /// Who is logged in.
    pub(crate) name: Option<String>,
    /// What forms carry.
    pub(crate) token: String,
    /// What the user may do.
    pub(crate) role: Option<Role>,
    /// What was just done, if the page is shown after a form.
    pub(crate) note: Option<String>,
    /// What changes with the assets.
    pub(crate) mark: &'static str,
}

impl Layout {
    /// Begins a page for somebody who is not logged in.
    pub(crate) fn new(viewer: Viewer, section: Section, title: String) -> Self {
        let token = String::new();
        Self { viewer, title, section, name: None, token, role: None, note: None, mark: assets::mark() }
    }

    /// Makes it the page of a logged-in user.
    pub(crate) fn of(mut self, actor: &Actor) -> Self {
        self.name = Some(actor.user.name.clone());
        self.token.clone_from(&actor.form_token);
        self.role = Some(actor.user.role);
        self
    }

    /// Says what was just done.
    pub(crate) fn noting(mut self, note: Option<String>) -> Self {
        self.note = note;
        self
    }

    /// Chooses between the two wordings of a text.
    pub(crate) const fn t<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        self.viewer.t(english, chinese)
    }

    /// Returns the language's tag.
    pub(crate) const fn lang(&self) -> &'static str {
        self.viewer.tongue.tag()
    }

    /// Tells whether the page is in Chinese.
    pub(crate) fn is_chinese(&self) -> bool {
        self.viewer.tongue == Tongue::Chinese
    }

    /// Names the viewer's time zone.
    pub(crate) fn zone_name(&self) -> &str {
        self.viewer.zone.iana_name().unwrap_or("UTC")
    }

    /// Names a role.
    pub(crate) const fn role_name(&self, role: Role) -> &'static str {
        match role {
            Role::Admin => self.viewer.tongue.choose("administrator", "管理员"),
            Role::Analyst => self.viewer.tongue.choose("analyst", "分析员"),
            Role::Member => self.viewer.tongue.choose("member", "成员"),
        }
    }

    /// Returns the navigation that the user may see.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let seen = ENTRIES.iter().filter(|(.., is_seen_by)| self.role.is_some_and(is_seen_by));
        seen.map(|(section, href, key, [english, chinese], _)| Entry {
            section: *section,
            href,
            key,
            label: self.viewer.t(english, chinese),
        })
        .collect()
    }

    /// Returns a time as markup: in the viewer's zone, UTC on hover.
    pub(crate) fn time(&self, at: &Timestamp) -> String {
        // Without a script nobody knows the viewer's zone, and it is said which one this is.
        let form = if self.viewer.zone == TimeZone::UTC { "%Y-%m-%d %H:%M UTC" } else { "%Y-%m-%d %H:%M" };
        let shown = at.to_zoned(self.viewer.zone.clone()).strftime(form);
        let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC");
        format!("<time datetime=\"{}\" title=\"{utc}\">{shown}</time>", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }

    /// Returns a time as markup, or a dash for none.
    pub(crate) fn maybe_time(&self, at: Option<&Timestamp>) -> String {
        at.map_or_else(|| "–".to_owned(), |at| self.time(at))
    }
}

/// Writes a page.
///
/// # Errors
/// When a template fails, which is a fault of ours.
pub(crate) fn page(template: &impl Template) -> Result<Response, Problem> {
    Ok(Html(template.render()?).into_response())
}
