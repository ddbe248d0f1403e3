//! Recorded steps, taken again: how anyone checks a hit against captured bytes.

use super::blob::{Alphabet, Packing};
use super::charset::{decode_known, unended_length};
use super::deep::reversed;
use super::draft::rewritten;
use super::fold::fold;
use super::html::{unwrap_attribute, unwrap_html};
use super::html_sink::Region;
use super::layers::{CHARSET, CUT, FOLD, REVERSED};
use super::step::Step;
use crate::domain::span::ByteSpan;

const HTML: &str = "html";
const ATTRIBUTE: &str = "html-attribute";
const LINK: &str = "html-link";
/// Keeps only ASCII letters and digits: separators within a number do not count.
pub const COMPACT: &str = "compact";
/// What a packed run may unpack to.
const UNPACKED_BYTES: usize = 1 << 26;

pub(super) const fn step_of(region: Region) -> Option<&'static str> {
    match region {
        Region::Flow => Some(HTML),
        Region::Attribute => Some(ATTRIBUTE),
        Region::Link => Some(LINK),
        Region::Raw => None,
    }
}

/// Applies recorded steps to the raw bytes of a span; `None` for a span outside the document or an unknown step.
///
/// The result is the value that was found.
pub fn replay(document: &[u8], span: ByteSpan, steps: &[String]) -> Option<String> {
    let range = usize::try_from(span.start).ok()?..usize::try_from(span.end).ok()?;
    let (first, rest) = steps.split_first()?;
    let charset = first.strip_prefix(CHARSET)?;
    let text = if charset == "iso-2022-jp" {
        // What its bytes mean depends on the last escape sequence before them.
        let before = unended_length(document.get(..range.start)?, charset);
        decode_known(document.get(..range.end)?, charset).text.get(before..)?.to_owned()
    } else {
        decode_known(document.get(range)?, charset).text.into_owned()
    };
    let value = rest.iter().try_fold(Value::Text(text), |value, step| value.after(step))?;
    match value {
        Value::Text(text) => Some(text),
        Value::Bytes(_) => None,
    }
}

/// What the steps so far have made.
enum Value {
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    fn after(self, step: &str) -> Option<Self> {
        if let Some(range) = step.strip_prefix(CUT) {
            let (start, length) = range.split_once('+')?;
            let start: usize = start.parse().ok()?;
            let range = start..start.checked_add(length.parse().ok()?)?;
            return Some(match self {
                Self::Text(text) => Self::Text(text.get(range)?.to_owned()),
                Self::Bytes(bytes) => Self::Bytes(bytes.get(range)?.to_owned()),
            });
        }
        match self {
            Self::Text(text) => Self::of_text(&text, step),
            Self::Bytes(bytes) => Self::of_bytes(&bytes, step),
        }
    }

    fn of_text(text: &str, step: &str) -> Option<Self> {
        Some(Self::Text(match step {
            HTML => unwrap_html(text).text,
            ATTRIBUTE => unwrap_attribute(text, Region::Attribute),
            LINK => unwrap_attribute(text, Region::Link),
            FOLD => fold(text),
            COMPACT => text.chars().filter(char::is_ascii_alphanumeric).collect(),
            REVERSED => reversed(text),
            "base64" => return Some(Self::Bytes(Alphabet::Base64.decode(text.as_bytes()))),
            "hex" => return Some(Self::Bytes(Alphabet::Hex.decode(text.as_bytes()))),
            _ => {
                let step = Step::named(step)?;
                rewritten(text, |draft, range| step.rewrite(draft, range))
            }
        }))
    }

    fn of_bytes(bytes: &[u8], step: &str) -> Option<Self> {
        let packing = match step {
            "gzip" => Packing::Gzip,
            "zlib" => Packing::Zlib,
            _ => return Some(Self::Text(decode_known(bytes, step.strip_prefix(CHARSET)?).text.into_owned())),
        };
        Some(Self::Bytes(packing.unpack(bytes, UNPACKED_BYTES)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_outside_the_document_or_an_unknown_step_is_not_replayed() {
        let steps = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(replay(b"abc", ByteSpan::new(1, 9), &steps(&["charset:utf-8"])), None);
        assert_eq!(replay(b"abc", ByteSpan::new(0, 3), &steps(&["charset:utf-8", "rot13"])), None);
        assert_eq!(replay(b"abc", ByteSpan::new(0, 3), &steps(&["charset:utf-8", "cut:2+9"])), None);
        assert_eq!(replay(b"abc", ByteSpan::new(0, 3), &steps(&["charset:utf-8", "gzip"])), None);
        assert_eq!(replay(b"abc", ByteSpan::new(0, 3), &[]), None);
    }

    #[test]
    fn steps_are_taken_in_their_order() {
        let steps = ["charset:utf-8", "base64", "cut:1+4", "charset:utf-8", "percent", "fold"].map(str::to_owned);
        assert_eq!(replay(b"WyVFN10=", ByteSpan::new(0, 8), &steps).as_deref(), Some("%e7]"));
    }
}
