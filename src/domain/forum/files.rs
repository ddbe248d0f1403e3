//! Which addresses are those of attached files, on any engine.
//!
//! Not here: what a file is called and to which post it belongs (`harvest`).

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// What they hold.
const MARKS: [&str; 12] = [
    "attachment.php?aid=",
    "attachment.php?attachmentid=",
    "attachment.php?id=",
    "mod=attachment",
    "download/file.php?",
    "action=dlattach",
    "/attachments/",
    "filedata/fetch?",
    "/assets/uploads/",
    "/assets/files/",
    "/uploads/default/",
    "/uploads/short-url/",
];

/// What addresses that may be a file's hold besides.
const LIKELY: &str = "attachment";

static FILES: LazyLock<AhoCorasick> = LazyLock::new(|| search(&MARKS));
static LIKELY_FILES: LazyLock<AhoCorasick> = LazyLock::new(|| search(&[MARKS.as_slice(), &[LIKELY]].concat()));

fn search(marks: &[&str]) -> AhoCorasick {
    AhoCorasick::new(marks).expect("a few short words fit an automaton")
}

/// Tells whether an address is an attached file's.
pub(super) fn is_file(address: &str) -> bool {
    FILES.is_match(address)
}

/// Tells whether an address may be an attached file's.
pub(super) fn may_be_file(address: &str) -> bool {
    LIKELY_FILES.is_match(address)
}
