//! What every answer goes through: no foreign forms, strict headers, problems written out as pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Console;
use super::problem::Problem;
use super::viewer::Viewer;

/// No inline script or style, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Lets a request through and dresses the answer.
pub(crate) async fn guard(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let viewer = Viewer::of(request.headers());
    let is_api = request.uri().path().starts_with("/api/");
    let response = if is_foreign(request.method(), request.headers()) {
        Problem::foreign_form().into_response()
    } else {
        next.run(request).await
    };
    let mut response = match response.extensions().get::<Problem>() {
        Some(problem) if is_api => said_beside(&response, details(problem)),
        // The framework's own refusals: a method that is not served, a path that is no text.
        None if is_api && response.status().is_client_error() && !is_json(response.headers()) => {
            said_beside(&response, details(&Problem::bare(response.status())))
        }
        Some(problem) => problem.page(viewer),
        None => response,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if console.options.is_secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Tells whether a browser sent a change on behalf of another site: what `Sec-Fetch-Site` says, else whether `Origin` names
/// another host. Programs send neither.
fn is_foreign(method: &Method, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.split_once("://").map(|(_, host)| host) != text("host"),
        (None, None) => false,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/json")
}

/// Keeps what an answer says beside its body.
fn said_beside(before: &Response, mut written: Response) -> Response {
    for name in [header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = before.headers().get(&name) {
            written.headers_mut().insert(name, value.clone());
        }
    }
    written
}

/// RFC 9457.
fn details(problem: &Problem) -> Response {
    let english = Viewer::of(&HeaderMap::new());
    let body = serde_json::json!({
        "type": "about:blank",
        "title": problem.what.to(&english),
        "status": problem.status.as_u16(),
        "detail": problem.mend.to(&english),
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (problem.status, kind, body.to_string()).into_response()
}

/// Tells that an answer is what it was before; for assets.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> Option<StatusCode> {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok())?;
    (known == tag).then_some(StatusCode::NOT_MODIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_from_other_sites_are_refused() {
        for (lines, is_refused) in [
            (&[("sec-fetch-site", "same-origin")][..], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("origin", "http://127.0.0.1:8600"), ("host", "127.0.0.1:8600")], false),
            (&[("origin", "http://evil.example"), ("host", "127.0.0.1:8600")], true),
            (&[("origin", "null"), ("host", "127.0.0.1:8600")], true),
            (&[("host", "127.0.0.1:8600")], false),
        ] {
            let headers: HeaderMap =
                lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(is_foreign(&Method::POST, &headers), is_refused, "{lines:?}");
            assert!(!is_foreign(&Method::GET, &headers));
        }
    }
}
