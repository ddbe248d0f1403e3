//! What a user is told when something cannot be done: what, why, and what to do next.

use std::borrow::Cow;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::layout::{Layout, Section};
use super::viewer::Viewer;
use crate::ports::store::StoreError;
use crate::services::access::AccessError;
use crate::services::disclosing::DisclosureError;
use crate::services::tokens::TokenError;
use crate::services::triage::TriageError;
use crate::services::users::UserError;

/// A text in both languages.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    english: Cow<'static, str>,
    chinese: Cow<'static, str>,
}

impl Said {
    /// Says the same in both languages.
    pub(crate) fn new(english: impl Into<Cow<'static, str>>, chinese: impl Into<Cow<'static, str>>) -> Self {
        Self { english: english.into(), chinese: chinese.into() }
    }

    /// Returns the wording for a viewer.
    pub(crate) fn to(&self, viewer: &Viewer) -> &str {
        viewer.t(&self.english, &self.chinese)
    }
}

/// Why a request cannot be fulfilled. Becomes a page (or, under `/api/`, problem details of RFC 9457) on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// What cannot be done.
    pub(crate) what: Said,
    /// How to mend it.
    pub(crate) mend: Said,
}

impl Problem {
    /// Makes a problem.
    pub(crate) fn new(status: StatusCode, what: Said, mend: Said) -> Self {
        Self { status, what, mend }
    }

    /// What is not there, or is another organization's: both look the same.
    pub(crate) fn missing() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Said::new("There is nothing here", "这里没有内容"),
            Said::new(
                "The address may be mistyped, or what it names was removed or is not yours to see.",
                "地址可能有误，或内容已删除，或您无权查看。",
            ),
        )
    }

    /// The role is not enough.
    pub(crate) fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            Said::new("Your role may not do this", "您的角色无权执行此操作"),
            Said::new("Ask an administrator to do it, or to change your role.", "请联系管理员代为操作或调整角色。"),
        )
    }

    /// The session ended while a form was open.
    pub(crate) fn logged_out() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            Said::new("You are logged out", "您已退出登录"),
            Said::new("Log in again; nothing was changed.", "请重新登录；未作任何更改。"),
        )
    }

    /// A form without the session's token.
    pub(crate) fn stale_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            Said::new("This form is too old", "表单已过期"),
            Said::new(
                "You have logged in anew since it was opened. Go back, reload the page and send it again.",
                "打开表单后您重新登录过。请返回、刷新页面后再提交。",
            ),
        )
    }

    /// A form that another site sent.
    pub(crate) fn foreign_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            Said::new("This came from another site", "请求来自其他网站"),
            Said::new(
                "Forms are taken from the console's own pages only. Behind a proxy, let it pass the Host header on.",
                "仅接受控制台自身页面的表单。若使用代理，请转发 Host 请求头。",
            ),
        )
    }

    /// What was typed cannot be taken.
    pub(crate) fn refused(what: Said, mend: Said) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, what, mend)
    }

    /// Something was done to a case that its reader has not seen.
    pub(crate) fn overtaken() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            Said::new("Somebody changed the case meanwhile", "其他人已更改此案件"),
            Said::new(
                "Nothing was done. Open it again to see what was changed.",
                "未执行任何操作。请重新打开查看更改。",
            ),
        )
    }

    /// A status that needs no more words.
    pub(crate) fn bare(status: StatusCode) -> Self {
        let what = status.canonical_reason().unwrap_or("This cannot be done");
        Self::new(
            status,
            Said::new(what, what),
            Said::new("See /api/v1/openapi.json.", "请参阅 /api/v1/openapi.json。"),
        )
    }

    /// Writes the page.
    pub(crate) fn page(&self, viewer: Viewer) -> Response {
        let what = self.what.to(&viewer).to_owned();
        let mend = self.mend.to(&viewer).to_owned();
        let layout = Layout::new(viewer, Section::None, what.clone());
        let page = ProblemPage { l: layout, status: self.status.as_u16(), what: &what, mend: &mend };
        (self.status, page.render().map(Html).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)).into_response()
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    l: Layout,
    status: u16,
    what: &'a str,
    mend: &'a str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        // `shield::guard` writes it in the viewer's language.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchCase { .. }
            | StoreError::NoSuchOrganization { .. }
            | StoreError::NoSuchContact { .. }
            | StoreError::NoSuchSource { .. } => Self::missing(),
            StoreError::ImpossibleMove { ref id, from, to } => Self::new(
                StatusCode::CONFLICT,
                Said::new(format!("{id} cannot go from {from} to {to}"), format!("{id} 不能从 {from} 变为 {to}")),
                Said::new(
                    "Somebody may have moved it meanwhile. Open the case to see how it stands.",
                    "其他人可能已更改状态。请打开案件查看当前状态。",
                ),
            ),
            StoreError::SameCase { .. }
            | StoreError::OtherOrganization { .. }
            | StoreError::NotInCase { .. }
            | StoreError::NothingLeft { .. } => Self::new(
                StatusCode::CONFLICT,
                Said::new(format!("cannot {error}"), format!("无法执行：{error}")),
                Said::new("Open the case to see what it holds.", "请打开案件查看其内容。"),
            ),
            StoreError::Locked => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Said::new("The database is busy", "数据库繁忙"),
                Said::new("Try again in a moment; nothing was changed.", "请稍后重试；未作任何更改。"),
            ),
            StoreError::Url { .. }
            | StoreError::Open { .. }
            | StoreError::Foreign { .. }
            | StoreError::Newer { .. }
            | StoreError::OtherKey { .. }
            | StoreError::Closed
            | StoreError::LostLease
            | StoreError::Damaged { .. }
            | StoreError::Seal(_)
            | StoreError::Database(_) => Self::failed(&error),
        }
    }
}

impl From<TriageError> for Problem {
    fn from(error: TriageError) -> Self {
        match error {
            TriageError::Store(error) => error.into(),
            TriageError::Forbidden => Self::forbidden(),
            TriageError::Assignee(_) => Self::refused(
                Said::new("Nobody of that name may see this case", "没有可查看此案件的该用户"),
                Said::new("Go back and choose somebody else.", "请返回选择其他人。"),
            ),
            TriageError::NotAsked => Self::new(
                StatusCode::CONFLICT,
                Said::new("Nobody else has asked for this", "没有其他人提出此请求"),
                Said::new("Open the case to see what waits for a second person.", "请打开案件查看待第二人同意的请求。"),
            ),
            TriageError::Unsaid(_) => Self::refused(
                Said::new("A reason is missing", "缺少原因"),
                Said::new("Go back and say why: it is kept in the audit log.", "请返回填写原因：将记入审计日志。"),
            ),
            TriageError::TooLong { limit, .. } => Self::refused(
                Said::new("The text is too long", "文本过长"),
                Said::new(format!("It may have {limit} characters."), format!("最多 {limit} 个字符。")),
            ),
        }
    }
}

impl From<DisclosureError> for Problem {
    fn from(error: DisclosureError) -> Self {
        match error {
            DisclosureError::Store(error) => error.into(),
            DisclosureError::TooLarge { .. } => Self::refused(
                Said::new("This is too large for one download", "内容过大，无法一次下载"),
                Said::new(
                    "On the server, run: dyepack evidence export --case ID --out DIR",
                    "请在服务器上运行：dyepack evidence export --case ID --out DIR",
                ),
            ),
            DisclosureError::Evidence(_) | DisclosureError::Write(_) | DisclosureError::Died => Self::failed(&error),
        }
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        let unchanged = Said::new("Nothing was changed.", "未作任何更改。");
        match error {
            UserError::Store(error) => error.into(),
            UserError::Unknown(_) => Self::missing(),
            UserError::Own => Self::refused(
                Said::new("This is your own user", "这是您自己的账户"),
                Said::new("Let another administrator change it.", "请由其他管理员更改。"),
            ),
            UserError::LastAdmin => Self::new(
                StatusCode::CONFLICT,
                Said::new("This is the last administrator", "这是最后一位管理员"),
                Said::new("Make somebody else an administrator first.", "请先指定另一位管理员。"),
            ),
            UserError::Organization => Self::refused(
                Said::new(
                    "A member belongs to one organization, others to none",
                    "成员必须属于一个机构，其他角色不属于机构",
                ),
                unchanged,
            ),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let what = match error {
            AccessError::Name(_) => Said::new(
                "A name has 2 to 80 letters, digits and . _ - + @",
                "用户名须为 2 至 80 个字母、数字或 . _ - + @",
            ),
            AccessError::Taken(_) => Said::new("There is a user of that name", "用户名已存在"),
            AccessError::Organization => Said::new("A member belongs to one organization", "成员必须属于一个机构"),
            AccessError::Store(StoreError::NoSuchOrganization { .. }) => {
                Said::new("That organization is not enrolled", "该机构尚未登记")
            }
            AccessError::Store(error) => return error.into(),
            AccessError::Wrong
            | AccessError::Blocked { .. }
            | AccessError::Weak(_)
            | AccessError::Link
            | AccessError::Chance => return Self::failed(&error),
        };
        Self::refused(what, Said::new("Mend it and try again; nobody was added.", "请修改后重试；未添加任何用户。"))
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Store(error) => error.into(),
            TokenError::Chance => Self::failed(&error),
            TokenError::Label | TokenError::Grants | TokenError::Days | TokenError::Many => Self::refused(
                Said::new(format!("Cannot {error}"), "无法创建令牌：名称、权限、期限或数量不符"),
                Said::new("Go back and mend it; no token was made.", "请返回修改；未创建令牌。"),
            ),
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::failed(&error)
    }
}

impl Problem {
    /// Something of ours failed: the log says what, the page does not.
    pub(crate) fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a page could not be made");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Said::new("Something failed here", "服务器出错"),
            Said::new(
                "It is in the log of dyepack. Try again; if it stays, ask whoever runs it to look there.",
                "详情已写入 dyepack 日志。请重试；若仍出错，请联系运维人员查看日志。",
            ),
        )
    }
}

/// Answers what no page answers.
pub(crate) async fn no_such_page() -> Problem {
    Problem::missing()
}
