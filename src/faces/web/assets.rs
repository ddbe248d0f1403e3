//! The style sheet, the script and the icon, out of the binary; their addresses carry what they are, so that they may be
//! kept for good.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::{Console, shield};

const STYLE: &str = include_str!("console.css");
const SCRIPT: &str = include_str!("console.js");
const ICON: &str = include_str!("icon.svg");

/// A mark that changes with any of them.
static MARK: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::new().chain_update(STYLE).chain_update(SCRIPT).chain_update(ICON).finalize();
    crate::domain::case::crockford(&digest, 10).to_lowercase()
});

/// Returns the mark that pages put into the assets' addresses.
pub(crate) fn mark() -> &'static str {
    &MARK
}

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/assets/console.css", get(async |headers: HeaderMap| asset(&headers, "text/css; charset=utf-8", STYLE)))
        .route(
            "/assets/console.js",
            get(async |headers: HeaderMap| asset(&headers, "text/javascript; charset=utf-8", SCRIPT)),
        )
        .route("/assets/icon.svg", get(async |headers: HeaderMap| asset(&headers, "image/svg+xml", ICON)))
}

fn asset(headers: &HeaderMap, kind: &'static str, text: &'static str) -> Response {
    let tag = format!("\"{}\"", mark());
    let kept = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    match shield::is_known(headers, &tag) {
        Some(status) => (status, kept).into_response(),
        None => (kept, text).into_response(),
    }
}
