//! What a program asks: parameters and bodies, strictly; what is not known is refused rather than overlooked.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::misasked;
use crate::domain::watchlist::OrganizationId;
use crate::faces::web::Console;
use crate::faces::web::problem::{Problem, Said};

/// Rows of a page when nothing is said.
const LIMIT: u32 = 50;
/// Longest parameter, in characters.
const TEXT_LIMIT: usize = 200;

/// The parameters of a request.
#[derive(Debug)]
pub(super) struct Asked(BTreeMap<String, String>);

impl Asked {
    /// Reads a query; each of the known names may stand there once.
    pub(super) fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut asked = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(misasked(format!("there is no parameter {}", short(&name))));
            }
            if value.chars().count() > TEXT_LIMIT {
                return Err(misasked(format!("{name} is too long")));
            }
            if name == "cursor" && value.is_empty() {
                return Err(misasked("cursor is empty: leave it out for the first page"));
            }
            if asked.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(misasked(format!("{name} is given more than once")));
            }
        }
        Ok(Self(asked))
    }

    /// Returns a parameter that is a text; an empty one says nothing.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Returns a parameter that one of ours must be able to read.
    pub(super) fn read<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        self.0
            .get(name)
            .map(|text| read(text).ok_or_else(|| misasked(format!("{name} cannot be {}", short(text)))))
            .transpose()
    }

    /// Returns a parameter that lists words, separated by commas.
    pub(super) fn list<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Problem> {
        let words = |text: &str| text.split(',').map(&read).collect::<Option<Vec<T>>>();
        Ok(self.read(name, words)?.unwrap_or_default())
    }

    /// Returns the organization asked for.
    pub(super) fn organization(&self) -> Result<Option<OrganizationId>, Problem> {
        self.read("organization", OrganizationId::parse)
    }

    /// Returns how many rows are asked for.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        Ok(self.number("limit", 1..=500)?.unwrap_or(LIMIT))
    }

    /// Returns a whole number.
    pub(super) fn number(&self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, Problem> {
        self.read(name, |text| plain_number(text)?.parse().ok().filter(|number| range.contains(number)))
    }

    /// Returns a time.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.read(name, |text| text.parse().ok())
    }
}

/// Only digits: a plus sign is none, in JSON as here.
fn plain_number(text: &str) -> Option<&str> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)
}

fn short(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// A body of JSON.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Console>> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Said::new("the body must be application/json", "正文必须为 application/json"),
                Said::new("See /api/v1/openapi.json.", "请参阅 /api/v1/openapi.json。"),
            )
            .into_response());
        }
        let bytes = bytes(request, console).await?;
        // A list of the members' values in their order would be read as the object, too.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(misasked("the body is no JSON object").into_response());
        }
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| misasked(format!("the body is not what it must be: {error}")).into_response())
    }
}

/// Reads a body up to the route's limit.
pub(super) async fn bytes(request: Request, console: &Arc<Console>) -> Result<Bytes, Response> {
    Bytes::from_request(request, console).await.map_err(|refusal| {
        let status = refusal.status();
        Problem::new(
            status,
            Said::new("the body cannot be taken", "无法接收正文"),
            Said::new("Send less.", "请减小正文。"),
        )
        .into_response()
    })
}
