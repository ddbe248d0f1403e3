//! Posts that a page carries as data for its scripts: JSON with the markup of each post in it.
//!
//! Not here: where an engine keeps the data and what its fields are called (the recipes).

use jiff::Timestamp;
use url::Url;

use crate::domain::forum::harvest::{self, Harvest};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::{Post, dom, markup, post_text, recipe};
use crate::domain::span::ByteSpan;

/// A post as data.
#[derive(Debug)]
pub(super) struct Written<'t> {
    /// The engine's number.
    pub(super) id: String,
    /// Its own address.
    pub(super) url: Url,
    /// Who wrote it.
    pub(super) author: Option<String>,
    /// When.
    pub(super) posted_at: Option<Timestamp>,
    /// The markup of what was written.
    pub(super) html: &'t str,
    /// Where it lies in the raw bytes of the page.
    pub(super) span: ByteSpan,
}

/// Adds a post that came as data; its markup is bounded and parsed like a page.
pub(super) fn add(sheet: &Sheet<'_>, harvest: &mut Harvest<'_, '_>, written: Written<'_>) {
    let parsed = markup::parse_fragment(written.html).dom;
    let body = parsed.root_element();
    recipe::note_hidden(harvest, &dom::line(body));
    harvest.post(Post {
        id: written.id,
        url: written.url,
        author: written.author,
        posted_at: written.posted_at,
        text: post_text::read(body, &|_| false),
        attachments: harvest::attachments(sheet, body, Some(body)),
        links: harvest::links(sheet, body, &|_| false),
        price: None,
        span: written.span,
    });
}

/// Reads an instant as scripts write it.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
