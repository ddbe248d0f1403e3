//! A document as it is searched: decoded, unwrapped, folded; and the way back to its raw bytes.

use std::ops::Range;

use super::charset::{Decoded, decode, decode_known};
use super::fold::{fold, fold_into, fold_mapped};
use super::html::{Markup, unwrap_attribute, unwrap_html, unwrap_html_mapped};
use super::html_sink::Region;
use super::map::{NoTrace, OffsetMap};
use crate::domain::span::ByteSpan;

/// Whether a document is markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text as it stands.
    Plain,
    /// HTML or XML.
    Markup,
}

/// One folded text made from raw bytes.
#[derive(Debug)]
pub struct View<'a> {
    decoded: Decoded<'a>,
    markup: Option<Markup<NoTrace>>,
    /// The folded text; what is searched.
    pub text: String,
}

/// Where a range of a view stands in the raw bytes, and how to read it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Raw bytes.
    pub span: ByteSpan,
    /// Steps from those bytes to the range's text; see [`replay`].
    pub steps: Vec<String>,
}

impl<'a> View<'a> {
    /// Makes a view in a buffer, which is emptied first and can be taken back for the next view.
    pub fn new(bytes: &'a [u8], declared: Option<&str>, form: Form, buffer: String) -> Self {
        Self::of(decode(bytes, declared), form, buffer)
    }

    /// Makes a view of a piece of a document whose charset is known.
    pub fn of_piece(bytes: &'a [u8], charset: &str, form: Form, buffer: String) -> Self {
        Self::of(decode_known(bytes, charset), form, buffer)
    }

    fn of(decoded: Decoded<'a>, form: Form, mut buffer: String) -> Self {
        let markup = match form {
            Form::Plain => None,
            Form::Markup => Some(unwrap_html(&decoded.text)),
        };
        fold_into(markup.as_ref().map_or(&*decoded.text, |markup| markup.text.as_str()), &mut buffer);
        Self { decoded, markup, text: buffer }
    }

    /// Makes the way back; costs as much as the view did, so only for views in which something was found.
    pub fn locator(&self) -> Locator<'_> {
        let markup = self.markup.as_ref().map(|_| unwrap_html_mapped(&self.decoded.text));
        let unfolded = markup.as_ref().map_or(&*self.decoded.text, |markup| markup.text.as_str());
        let (_, folds) = fold_mapped(unfolded);
        Locator { decoded: &self.decoded, markup, folds }
    }
}

/// The way from a view back to its raw bytes.
#[derive(Debug)]
pub struct Locator<'a> {
    decoded: &'a Decoded<'a>,
    markup: Option<Markup<OffsetMap>>,
    folds: OffsetMap,
}

impl Locator<'_> {
    /// Returns where a non-empty range of the view's text stands in the raw bytes.
    pub fn place(&self, view: &Range<usize>) -> Place {
        let unfolded = self.folds.to_source(view);
        let mut steps = vec![format!("charset:{}", self.decoded.charset.to_ascii_lowercase())];
        let text = match &self.markup {
            None => unfolded,
            Some(markup) => {
                steps.extend(step_of(markup.region(unfolded.start)).map(str::to_owned));
                markup.trace.to_source(&unfolded)
            }
        };
        steps.push(FOLD.to_owned());
        Place { span: self.decoded.to_raw(&text), steps }
    }

    /// Returns a range of the view's text as it stood before it was folded.
    pub fn unfolded(&self, view: &Range<usize>) -> &str {
        let text = self.markup.as_ref().map_or(&*self.decoded.text, |markup| markup.text.as_str());
        text.get(self.folds.to_source(view)).unwrap_or_default()
    }
}

const HTML: &str = "html";
const ATTRIBUTE: &str = "html-attribute";
const LINK: &str = "html-link";
const FOLD: &str = "fold";
/// Keeps only ASCII letters and digits: separators within a number do not count.
pub const COMPACT: &str = "compact";

const fn step_of(region: Region) -> Option<&'static str> {
    match region {
        Region::Flow => Some(HTML),
        Region::Attribute => Some(ATTRIBUTE),
        Region::Link => Some(LINK),
        Region::Raw => None,
    }
}

/// Applies recorded steps to the raw bytes of a span; `None` for a span outside the document or an unknown step.
///
/// This is how anyone checks a hit against captured bytes: the result is the value that was found.
pub fn replay(document: &[u8], span: ByteSpan, steps: &[String]) -> Option<String> {
    let range = usize::try_from(span.start).ok()?..usize::try_from(span.end).ok()?;
    let (first, rest) = steps.split_first()?;
    let charset = first.strip_prefix("charset:")?;
    let mut text = if charset == "iso-2022-jp" {
        // What its bytes mean depends on the last escape sequence before them.
        let before = decode_known(document.get(..range.start)?, charset).text.into_owned();
        decode_known(document.get(..range.end)?, charset).text.get(before.len()..)?.to_owned()
    } else {
        decode_known(document.get(range)?, charset).text.into_owned()
    };
    for step in rest {
        text = match step.as_str() {
            HTML => unwrap_html(&text).text,
            ATTRIBUTE => unwrap_attribute(&text, Region::Attribute),
            LINK => unwrap_attribute(&text, Region::Link),
            FOLD => fold(&text),
            COMPACT => text.chars().filter(char::is_ascii_alphanumeric).collect(),
            _ => return None,
        };
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_placed_and_replayed_through_every_layer() {
        let page = "<p>卡号：<b>９９９０</b>&nbsp;4838<i>-</i>3464 5856有效</p>";
        let (gbk, _, _) = encoding_rs::GBK.encode(page);
        for (bytes, charset) in [(page.as_bytes(), "utf-8"), (&*gbk, "gbk")] {
            let view = View::new(bytes, Some(charset), Form::Markup, String::new());
            let at = view.text.find("9990 4838-3464 5856").unwrap();
            let place = view.locator().place(&(at..at + 19));
            let mut steps = place.steps.clone();
            steps.push(COMPACT.to_owned());
            assert_eq!(replay(bytes, place.span, &steps).as_deref(), Some("9990483834645856"));
            let start = usize::try_from(place.span.start).unwrap();
            assert_eq!(decode_known(bytes.get(..start).unwrap(), view.decoded.charset).text, "<p>卡号：<b>");
        }
    }

    #[test]
    fn a_span_outside_the_document_or_an_unknown_step_is_not_replayed() {
        let steps = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(replay(b"abc", ByteSpan::new(1, 9), &steps(&["charset:utf-8"])), None);
        assert_eq!(replay(b"abc", ByteSpan::new(0, 3), &steps(&["charset:utf-8", "rot13"])), None);
        assert_eq!(replay(b"abc", ByteSpan::new(0, 3), &[]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_bytes_can_be_viewed_and_placed(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            for form in [Form::Plain, Form::Markup] {
                let view = View::new(&bytes, None, form, String::new());
                let locator = view.locator();
                for (at, character) in view.text.char_indices().step_by(17) {
                    let place = locator.place(&(at..at + character.len_utf8()));
                    prop_assert!(place.span.end <= bytes.len() as u64);
                    prop_assert!(replay(&bytes, place.span, &place.steps).is_some());
                }
            }
        }
    }
}
