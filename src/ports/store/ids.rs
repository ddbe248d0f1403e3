//! Identities derived from content: the same find recorded twice is the same row.

use super::model::HitSeen;
use crate::domain::case::crockford;
use crate::domain::evidence::ledger::{digest_parts, hash_parts};
use crate::domain::source::SourceId;

/// Names where a hit lies. A post is the same on every page that shows it; an attachment is its frontier key, whatever it
/// is called or signed; on a thread's page outside of posts (its title) it is the thread; else it is the page.
pub(super) fn place(seen: &HitSeen, link_key: &str) -> String {
    match (&seen.attachment, &seen.thread, &seen.post) {
        (Some(_), _, _) => digest(&["attachment", link_key]),
        (None, Some(thread), Some(post)) => digest(&["post", thread, post]),
        (None, Some(thread), None) => digest(&["thread", thread]),
        (None, None, Some(_) | None) => digest(&["page", link_key]),
    }
}

/// Derives a hit's id. The span is not part of it: an edit elsewhere in a post moves the value and finds nothing new.
pub(super) fn hit(seen: &HitSeen, source: &SourceId, place: &str) -> String {
    let hit = &seen.hit;
    let parts = [
        "hit/1",
        hit.organization.0.as_str(),
        super::findings::kind_word(hit.kind),
        hit.entry.as_str(),
        hit.field.as_str(),
        source.0.as_str(),
        place,
        hit.member.as_str(),
    ];
    format!("H-{}", base32(&parts, 20))
}

/// Derives an alert's id: the how-manieth to this contact about this case.
pub(super) fn alert(case: &str, contact: &str, number: u64) -> String {
    format!("A-{}", base32(&["alert/1", case, contact, &number.to_string()], 16))
}

/// Derives the Message-ID of an alert, the same on every try.
pub(super) fn message(alert: &str) -> String {
    format!("<{}@dyepack.invalid>", alert.to_ascii_lowercase())
}

/// Hashes parts (hex), each with its length, so that no two lists of parts run together.
pub(super) fn digest(parts: &[&str]) -> String {
    hash_parts(parts)
}

pub(super) fn base32(parts: &[&str], length: usize) -> String {
    crockford(&digest_parts(parts), length)
}
