//! A document as it is searched: decoded, unwrapped, folded.
//!
//! Not here: the way back to its raw bytes (`locate`, `replay`), texts within it (`layers`).

use super::charset::{Decoded, decode, decode_known};
use super::fold::{fold_into, fold_mapped};
use super::html::{Markup, unwrap_html, unwrap_html_mapped};
use super::layers::{Derived, Finder};
use super::locate::Locator;
use super::map::NoTrace;
use super::noise::is_noise;

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
    is_noise: bool,
    /// The folded text; what is searched.
    pub text: String,
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
        let is_noise = is_noise(decoded.text.as_bytes());
        Self { decoded, markup, is_noise, text: buffer }
    }

    /// Returns another charset that the bytes may be in: a second hypothesis, where the first is not proven.
    pub fn other_charset(&self) -> Option<&'static str> {
        if self.is_noise { None } else { self.decoded.other_charset() }
    }

    /// Visits every text within this one: behind transfer layers, in odd spellings. Bytes that are no text hold none.
    ///
    /// Costs a glance where there is none; all of them together are hardly longer than the view. A text is read with its
    /// lines joined only where `may_meet` tells that halves of numbers which meet then may be looked for.
    pub fn derive(&self, may_meet: &dyn Fn(&str) -> bool, visit: &mut dyn FnMut(&Derived<'_>)) {
        if !self.is_noise {
            Finder::new(self.text.len(), may_meet, visit).all(self.unfolded(), &self.text);
        }
    }

    /// Visits this text reversed, and with letters for digits: for pages that are flagged already.
    pub fn derive_deep(&self, visit: &mut dyn FnMut(&Derived<'_>)) {
        Finder::new(self.text.len(), &|_| false, visit).deep(&self.text);
    }

    fn unfolded(&self) -> &str {
        self.markup.as_ref().map_or(&*self.decoded.text, |markup| markup.text.as_str())
    }

    /// Makes the way back; costs as much as the view did, so only for views in which something was found.
    pub fn locator(&self) -> Locator<'_> {
        let markup = self.markup.as_ref().map(|_| unwrap_html_mapped(&self.decoded.text));
        let (_, folds) = fold_mapped(self.unfolded());
        Locator { decoded: &self.decoded, markup, folds }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::replay::{COMPACT, replay};
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
    fn noise_is_told_from_texts_of_every_kind() {
        let mut state = 7_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u8::try_from(state >> 24).unwrap()
        })
        .take(4096)
        .collect();
        assert!(View::new(&noise, None, Form::Plain, String::new()).is_noise);
        let chinese = "欧阳采薇，卡号９９９０，一手数据\r\n\t".repeat(90);
        let columns = "欧阳\u{1}9\u{1}12014504193\u{2}\n".repeat(90);
        let (gbk, _, _) = encoding_rs::GBK.encode(&chinese);
        let (japanese, _, _) = encoding_rs::ISO_2022_JP.encode(&chinese);
        let utf16: Vec<u8> = chinese.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let zeros = ["9990483834645856".as_bytes(), &[0; 400], &noise[..64]].concat();
        for text in [chinese.as_bytes(), columns.as_bytes(), &gbk, &japanese, &utf16, &zeros, &noise[..200]] {
            assert!(!View::new(text, None, Form::Plain, String::new()).is_noise, "{text:?}");
        }
    }

    #[test]
    fn what_ends_a_page_is_not_joined_with_its_attributes() {
        let page = b"<a title=MSz6YeH6JaHLDEyMDE0Nye>ZSw5OTkwNzcxMTIyMzM0NDY2LCwsMDAyNCAzNjY5MjE=";
        let view = View::new(page, None, Form::Markup, String::new());
        let locator = view.locator();
        let mut seen = 0;
        view.derive(&|_| true, &mut |derived| {
            let Some(at) = derived.text.find("0024 366921") else { return };
            let place = locator.derived(derived).place(&(at..at + 11));
            assert_eq!(replay(page, place.span, &place.steps).as_deref(), Some("0024 366921"));
            seen += 1;
        });
        assert!(seen > 0);
    }

    #[test]
    fn a_charset_with_states_is_read_again_from_the_middle() {
        let page = b"58\x1b(B5,\x1b$BO)\x00G\x1b(B58\x1b$B9f3$1q\x1b(B,\nzh2,\x00";
        let view = View::new(page, Some("iso-2022-jp"), Form::Plain, String::new());
        let locator = view.locator();
        for (at, character) in view.text.char_indices() {
            let place = locator.place(&(at..at + character.len_utf8()));
            assert!(replay(page, place.span, &place.steps).is_some(), "{character:?} {place:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_bytes_can_be_viewed_and_placed(
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
            escapes in prop::collection::vec("\x1b[(][BJI]|\x1b[$][B@]|[!-~]{2}|\x1b|\0", 0..40),
        ) {
            let escapes = escapes.concat().into_bytes();
            for (bytes, declared, form) in [
                (&bytes, None, Form::Plain),
                (&bytes, None, Form::Markup),
                (&escapes, Some("iso-2022-jp"), Form::Plain),
            ] {
                let view = View::new(bytes, declared, form, String::new());
                let locator = view.locator();
                for (at, character) in view.text.char_indices().step_by(17) {
                    let place = locator.place(&(at..at + character.len_utf8()));
                    prop_assert!(place.span.end <= bytes.len() as u64);
                    prop_assert!(replay(bytes, place.span, &place.steps).is_some());
                }
            }
        }
    }
}
