//! The way in: does a page know its reader, where is its login form, what stands in the way.
//!
//! Forms are found by structure, a password beside a name, whatever the engine; a few engines without forms have a way of
//! their own in `json`. Not here: how often it is tried (`domain::session`), the requests (`services::crawl`).

mod form;
mod json;
mod signs;

use serde::Serialize;
use url::Url;

use super::markup;
use super::sheet::Sheet;
use crate::domain::forum::overrides::Overrides;
use crate::domain::page::FetchedPage;
use crate::domain::secret::Secret;
use crate::domain::session::Account;
use crate::domain::source::Rest;
use crate::domain::text;

pub(super) use signs::standing;

/// Whom a page takes its reader for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It offers to log out, or says in its scripts who reads.
    Member,
    /// It offers to log in.
    Guest,
    /// It does not say.
    Unclear,
}

/// What a page shows of the way in.
#[derive(Debug, Clone)]
pub struct Doorway {
    /// Whom the page takes its reader for.
    pub standing: Standing,
    /// The way in, if it is on this page.
    pub form: Option<LoginForm>,
    /// Where the page says that one logs in.
    pub login_page: Option<Url>,
    /// What a machine cannot or may not do.
    pub obstacle: Option<Rest>,
}

/// A login form, ready but for the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginForm {
    action: Url,
    encoding: Encoding,
    fields: Vec<(String, Content)>,
    headers: Vec<(String, Secret<String>)>,
    /// A token that has to be asked for first.
    pub token: Option<Token>,
}

/// Where a token is asked for, and which header carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Answers with a JSON object.
    pub url: Url,
    key: &'static str,
    header: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Form,
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Fixed(Secret<String>),
    User,
    Password,
}

/// What is posted to log in; the only thing that is ever posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Where to.
    pub url: Url,
    /// `Content-Type` of the body.
    pub media_type: &'static str,
    /// The body.
    pub body: Secret<String>,
    /// Further headers.
    pub headers: Vec<(String, Secret<String>)>,
}

/// Looks for the way in on a page; forms that lead off the site of `source_start` are none.
pub fn doorway(page: &FetchedPage, source_start: &Url) -> Doorway {
    let decoded = text::decode(&page.body, page.declared_charset());
    let marked = form::marked(&decoded.text);
    let dom = markup::parse(&marked).dom;
    let overrides = Overrides::default();
    let sheet = Sheet::new(page, source_start, &decoded, &dom, &overrides);
    let found = form::best(&sheet);
    let form = json::way(&sheet, source_start).or_else(|| Some(json::with_token(&sheet, source_start, found.clone()?)));
    Doorway {
        standing: standing(&sheet),
        login_page: signs::login_page(&sheet),
        obstacle: signs::obstacle(&sheet, &decoded.text),
        form,
    }
}

impl LoginForm {
    /// Fills the form in; `token` is what [`LoginForm::token`] answered, if there is one.
    pub fn fill(&self, account: &Account, token: Option<&FetchedPage>) -> Submission {
        let pairs = self.fields.iter().map(|(name, content)| {
            let value = match content {
                Content::Fixed(value) => value.reveal(),
                Content::User => account.user.reveal(),
                Content::Password => account.password.reveal(),
            };
            (name.as_str(), value.as_str())
        });
        let (media_type, body) = match self.encoding {
            Encoding::Form => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                ("application/x-www-form-urlencoded", form.extend_pairs(pairs).finish())
            }
            Encoding::Json => ("application/json", json::object(pairs)),
        };
        let mut headers = self.headers.clone();
        if let (Some(wanted), Some(answer)) = (&self.token, token)
            && let Some(value) = json::member(&answer.body, wanted.key)
        {
            headers.push((wanted.header.to_owned(), Secret::new(value)));
        }
        Submission { url: self.action.clone(), media_type, body: Secret::new(body), headers }
    }
}

#[cfg(test)]
mod tests;
