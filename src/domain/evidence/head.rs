//! The signed head of a day: where the ledger ended, in a text that anybody can check with openssl.
//!
//! Each head names the one before it, so that the heads alone, as they were mailed, are a chain. Not here: signing
//! (`ports::signing`), when one is due (`services::evidence`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;

use super::ledger::{Kind, sha256};

/// First line of a head.
pub const TITLE: &str = "dyepack head 1";

/// Where the ledger ended on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The day (UTC).
    pub day: Date,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// Rows of the ledger that it covers.
    pub rows: u64,
    /// Hash (hex) of the last of them.
    pub hash: String,
    /// How many of them there are of each kind.
    pub counts: BTreeMap<Kind, u64>,
    /// SHA-256 (hex) of the text of the head before; `None` for the first.
    pub previous: Option<String>,
    /// SHA-256 (hex) of the public key it is signed with (DER).
    pub key: String,
}

impl Head {
    /// Writes what is signed: one `name: value` a line, in this order and no other.
    pub fn text(&self) -> String {
        let seconds = self.signed_at.strftime("%Y-%m-%dT%H:%M:%SZ");
        let previous = self.previous.as_deref().unwrap_or("none");
        let mut text = format!(
            "{TITLE}\nday: {}\nsigned-at: {seconds}\nrows: {}\nhash: {}\nprevious: {previous}\nkey: {}\n",
            self.day, self.rows, self.hash, self.key
        );
        for kind in Kind::ALL {
            let count = self.counts.get(&kind).copied().unwrap_or(0);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}: {count}", kind.as_str());
        }
        text
    }

    /// Reads what [`Head::text`] wrote; anything else is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return None;
        }
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
        let day = field("day")?.parse().ok()?;
        let signed_at = field("signed-at")?.parse().ok()?;
        let rows = field("rows")?.parse().ok()?;
        let hash = field("hash")?.to_owned();
        let previous = Some(field("previous")?.to_owned()).filter(|previous| previous != "none");
        let key = field("key")?.to_owned();
        let mut counts = BTreeMap::new();
        for kind in Kind::ALL {
            counts.insert(kind, field(kind.as_str())?.parse().ok()?);
        }
        let head = Self { day, signed_at, rows, hash, counts, previous, key };
        (head.text() == text).then_some(head)
    }

    /// Finds a head in a text that holds it, as a saved mail does.
    pub fn find(text: &str) -> Option<Self> {
        let from = text.match_indices(TITLE).find(|(at, _)| *at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n'))?.0;
        let count = 7 + Kind::ALL.len();
        let lines: Vec<&str> = text.get(from..)?.lines().take(count).map(str::trim_end).collect();
        Self::parse(&(lines.join("\n") + "\n"))
    }
}

/// Returns what the next head calls this one.
pub fn digest(text: &str) -> String {
    sha256(text.as_bytes())
}

/// Subject line of the mail that carries a head.
pub fn subject(head: &Head) -> String {
    format!("dyepack: signed head of {} ({} rows)", head.day, head.rows)
}

/// Writes the mail that carries a head, with how to check it.
pub fn letter(text: &str, signature: &str, key_pem: &str) -> String {
    format!(
        "This is the signed head of the chain of evidence. Keep it: it fixes everything that was on record when it was \
         signed, and nothing of that can be changed later without contradicting it. It holds counts and hashes only.\n\n\
         --- head.txt ---\n{text}--- head.sig (base64) ---\n{signature}\n--- key.pem ---\n{key_pem}--- end ---\n\n\
         To check the signature, save the three parts under these names, each line as it stands, and run:\n\n  \
         base64 -d head.sig > head.sig.bin\n  \
         openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in head.txt -sigfile head.sig.bin\n\n\
         The key must be the same in every mail (its SHA-256 is on the line \"key\"), and the line \"previous\" must be \
         what sha256sum head.txt says of the head before. Whoever runs dyepack checks the chain against this mail with: \
         dyepack evidence verify --head FILE\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            day: "2026-11-27".parse().unwrap(),
            signed_at: "2026-11-27T00:00:09Z".parse().unwrap(),
            rows: 12,
            hash: "ab".repeat(32),
            counts: Kind::ALL.into_iter().zip(1..).collect(),
            previous: None,
            key: "cd".repeat(32),
        }
    }

    #[test]
    fn a_head_is_read_as_it_is_written_and_in_no_other_way() {
        let text = head().text();
        assert_eq!(Head::parse(&text), Some(head()));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(changed).unwrap();
            assert_ne!(Head::parse(&changed), Some(head()), "{changed}");
        }
        assert_eq!(Head::parse(&format!("{text}\n")), None);
        assert_eq!(Head::parse(""), None);
    }

    #[test]
    fn a_head_is_found_in_a_mail_whatever_its_line_ends() {
        let previous = Head { previous: Some(digest("x")), ..head() };
        let mail = letter(&previous.text(), "c2ln", "-----BEGIN PUBLIC KEY-----\n");
        assert_eq!(Head::find(&mail.replace('\n', "\r\n")), Some(previous.clone()));
        assert_eq!(Head::find("nothing"), None);
        assert!(subject(&previous).contains("2026-11-27"));
    }
}
