//! What a handler is given once a request's right is checked: the program, and the case or the source that the address names.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::program::Program;
use crate::domain::source::SourceId;
use crate::domain::user::grant::Grant;
use crate::faces::web::Console;
use crate::faces::web::problem::Problem;

/// A right that a handler asks for.
pub(super) trait Right: Send + Sync {
    /// What the token must be for.
    const GRANT: Grant;
    /// Whether its user must see every organization.
    const SEES_ALL: bool = false;
}

/// Names rights: each a type, the grant it needs, and whether it is for those who see every organization.
macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident: $grant:ident, $all:literal;)*) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name;

        impl Right for $name {
            const GRANT: Grant = Grant::$grant;
            const SEES_ALL: bool = $all;
        })*
    };
}

rights! {
    /// Reading what the user sees.
    Reads: Read, false;
    /// Reading what belongs to no organization.
    ReadsAll: Read, true;
    /// Working on cases.
    Triages: Triage, false;
    /// Seeing full values.
    Reveals: Reveal, false;
    /// Managing sources.
    Sources: Sources, true;
    /// Managing users.
    Staffs: Users, true;
    /// Changing what is the user's own.
    Owns: Account, false;
}

/// A program that may.
#[derive(Debug)]
pub(super) struct By<R> {
    /// The program.
    pub(super) program: Program,
    right: PhantomData<R>,
}

impl<R: Right> FromRequestParts<Arc<Console>> for By<R> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        let program = Program::from_request_parts(parts, console).await?;
        let is_allowed = program.may(R::GRANT).and_then(|()| if R::SEES_ALL { program.sees_all() } else { Ok(()) });
        is_allowed.map_err(IntoResponse::into_response)?;
        Ok(Self { program, right: PhantomData })
    }
}

/// A program that may, at a case that it sees. What is another organization's is missing, as what is not there.
#[derive(Debug)]
pub(super) struct AtCase<R> {
    /// The program.
    pub(super) program: Program,
    /// The living case of the address.
    pub(super) case: String,
    right: PhantomData<R>,
}

impl<R: Right> FromRequestParts<Arc<Console>> for AtCase<R> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        let By { program, right } = By::<R>::from_request_parts(parts, console).await?;
        let named = segment(parts, console, "case").await?;
        let found = console.store.find_case(&program.scope, &named).await.map_err(Problem::from);
        let found = found.and_then(|found| found.ok_or_else(Problem::missing));
        let (case, _) = found.map_err(IntoResponse::into_response)?;
        Ok(Self { program, case, right })
    }
}

/// A program that may, at a source that is there.
#[derive(Debug)]
pub(super) struct AtSource<R> {
    /// The program.
    pub(super) program: Program,
    /// The source of the address.
    pub(super) source: SourceId,
    right: PhantomData<R>,
}

impl<R: Right> FromRequestParts<Arc<Console>> for AtSource<R> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        let By { program, right } = By::<R>::from_request_parts(parts, console).await?;
        let source = SourceId(segment(parts, console, "source").await?);
        let found = console.store.source(&source).await.map_err(Problem::from);
        let found = found.and_then(|found| found.ok_or_else(Problem::missing));
        found.map_err(IntoResponse::into_response)?;
        Ok(Self { program, source, right })
    }
}

/// Returns a part of the address.
async fn segment(parts: &mut Parts, console: &Arc<Console>, name: &str) -> Result<String, Response> {
    let path = Path::<BTreeMap<String, String>>::from_request_parts(parts, console).await;
    let Path(mut named) = path.map_err(IntoResponse::into_response)?;
    named.remove(name).ok_or_else(|| Problem::missing().into_response())
}
