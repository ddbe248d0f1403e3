//! Forms: their fields, and the proof that they are ours.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};

use super::Console;
use super::actor::Actor;
use super::problem::Problem;

/// Name of the field that carries the session's form token.
pub(crate) const TOKEN: &str = "token";

/// The fields of a form, in order; one may stand there more than once.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads an URL-encoded form or query.
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// Returns a field, trimmed; empty if it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim())
    }

    /// Returns every value of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(field, _)| field == name).map(|(_, value)| value.trim()).collect()
    }

    /// Returns a field as it was typed.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }
}

/// A form of a logged-in user, sent by one of our own pages.
#[derive(Debug)]
pub(crate) struct Posted {
    /// Who sent it.
    pub(crate) actor: Actor,
    /// What it says.
    pub(crate) fields: Fields,
}

impl FromRequest<Arc<Console>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let actor = Actor::from_request_parts(&mut parts, console).await?;
        let request = Request::from_parts(parts, body);
        let body = Bytes::from_request(request, console).await.map_err(IntoResponse::into_response)?;
        let fields = Fields::parse(&body);
        if !is_token(&actor, fields.get(TOKEN)) {
            return Err(Problem::stale_form().into_response());
        }
        Ok(Self { actor, fields })
    }
}

/// Tells whether a form's token is that of the session that sends it.
pub(crate) fn is_token(actor: &Actor, token: &str) -> bool {
    // Both are digests of one key: equal length, and nothing is learned from where they differ.
    token.len() == actor.form_token.len()
        && token.bytes().zip(actor.form_token.bytes()).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}

/// The fields of a form that needs no session: logging in.
#[derive(Debug)]
pub(crate) struct OpenForm(pub(crate) Fields);

impl FromRequest<Arc<Console>> for OpenForm {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let body = Bytes::from_request(request, console).await.map_err(IntoResponse::into_response)?;
        Ok(Self(Fields::parse(&body)))
    }
}
