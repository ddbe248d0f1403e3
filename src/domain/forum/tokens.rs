//! Hands the pieces of a page to html5ever's tree builder: tags with their attributes, texts with their references read.
//!
//! The page is cut into tags once, by `markup`; what html5ever's own tokenizer would do after that, letter by letter, is done
//! here on whole slices, by the rules of the HTML Standard (section 13.2.5): names lower-case, the first of two
//! attributes of a name stands, line ends are `\n`, a reference without its semicolon is none in an attribute if it
//! goes on. Long texts and values are shared with the page. Not here: which tags there are (`markup`).

use std::cell::RefCell;
use std::ops::Range;

use ego_tree::{NodeId, Tree};
use html5ever::interface::ElementFlags;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Doctype, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts, TreeSink as _};
use html5ever::{Attribute, LocalName, QualName, local_name, ns};
use memchr::{memchr, memchr3};
use scraper::{Html, HtmlTreeSink, Node};

use crate::domain::text::entity;

/// The attribute that carries an element's byte offset in the decoded text; short enough to need no allocation.
pub(super) const OFFSET_ATTRIBUTE: &str = "dp-at";

/// Bytes of a page to a node of its tree, about: engines write forty to eighty.
const BYTES_A_NODE: usize = 40;
/// Nodes that room is made for at once, at most: a huge page may be one text.
const NODES_AHEAD: usize = 1 << 14;

/// A tree that grows as tokens are met.
pub(super) struct Tokens<'a> {
    text: &'a str,
    /// The same, for texts and values to share.
    shared: StrTendril,
    builder: TreeBuilder<NodeId, HtmlTreeSink>,
    /// The text that was met last and is not in the tree yet: pieces that follow each other go there at once.
    pending: Range<usize>,
    /// Blanks met after that, which are left out if they stand beside a tag that sets texts apart.
    blank: Range<usize>,
    /// Whether such a tag was the last thing met before the blanks.
    is_apart: bool,
}

impl std::fmt::Debug for Tokens<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tokens").field("pending", &self.pending).finish_non_exhaustive()
    }
}

impl<'a> Tokens<'a> {
    /// Starts a document.
    pub(super) fn of_document(text: &'a str) -> Self {
        let mut document = Html::new_document();
        // Growing moves everything.
        document.tree = Tree::with_capacity(Node::Document, (text.len() / BYTES_A_NODE).min(NODES_AHEAD));
        let sink = HtmlTreeSink::new(document);
        Self::new(text, TreeBuilder::new(sink, TreeBuilderOpts::default()))
    }

    /// Starts what stands within a body.
    pub(super) fn of_fragment(text: &'a str) -> Self {
        let sink = HtmlTreeSink::new(Html::new_fragment());
        let name = QualName::new(None, ns!(html), local_name!("body"));
        let body = sink.create_element(name, Vec::new(), ElementFlags::default());
        Self::new(text, TreeBuilder::new_for_fragment(sink, body, None, TreeBuilderOpts::default()))
    }

    fn new(text: &'a str, builder: TreeBuilder<NodeId, HtmlTreeSink>) -> Self {
        Self { text, shared: StrTendril::from_slice(text), builder, pending: 0..0, blank: 0..0, is_apart: false }
    }

    /// Appends blanks as they stand in the page. Those beside a tag that sets texts apart mean nothing: engines indent their markup,
    /// and every third node of a tree would be an indentation.
    pub(super) fn blank(&mut self, range: Range<usize>) {
        if self.blank.is_empty() {
            self.blank = range;
        }
    }

    /// Appends text as it stands in the page.
    pub(super) fn text(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.settle_blank(false);
        self.is_apart = false;
        if range.start == self.pending.end {
            self.pending.end = range.end;
        } else {
            self.flush();
            self.pending = range;
        }
    }

    /// Opens an element; `inner` is what stands between the tag's name and its end, the `>` included if there is one.
    pub(super) fn start(&mut self, name: &str, offset: Option<usize>, inner: Range<usize>) {
        let mut attributes = Vec::new();
        if let Some(offset) = offset {
            let value = StrTendril::from_slice(&offset.to_string());
            attributes.push(attribute(LocalName::from(OFFSET_ATTRIBUTE), value));
        }
        self.attributes(inner, &mut attributes);
        self.tag(TagKind::StartTag, name, attributes);
    }

    /// Closes an element.
    pub(super) fn end(&mut self, name: &str) {
        self.tag(TagKind::EndTag, name, Vec::new());
    }

    /// Notes which document type the page declares.
    pub(super) fn doctype(&mut self, range: Range<usize>) {
        let input = BufferQueue::default();
        input.push_back(self.share(&range));
        let tokenizer = Tokenizer::new(Declared::default(), TokenizerOpts::default());
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        if let Some(doctype) = tokenizer.sink.0.take() {
            self.put(Token::DoctypeToken(doctype));
        }
    }

    /// Ends the page.
    pub(super) fn finish(mut self) -> Html {
        self.put(Token::EOFToken);
        self.builder.end();
        self.builder.sink.finish()
    }

    fn tag(&mut self, kind: TagKind, name: &str, attrs: Vec<Attribute>) {
        let name = local(name);
        let is_apart = is_apart(&name);
        self.settle_blank(is_apart);
        self.put(Token::TagToken(Tag { kind, name, self_closing: false, attrs, had_duplicate_attributes: false }));
        self.is_apart = is_apart;
    }

    fn put(&mut self, token: Token) {
        self.settle_blank(true);
        self.flush();
        self.give(token);
    }

    /// Appends the blanks before a text or tag, unless they stand beside a tag that sets texts apart.
    fn settle_blank(&mut self, is_before_apart: bool) {
        let blank = std::mem::take(&mut self.blank);
        if blank.is_empty() || is_before_apart || self.is_apart {
            return;
        }
        if blank.start == self.pending.end {
            self.pending.end = blank.end;
        } else {
            self.flush();
            self.pending = blank;
        }
    }

    fn flush(&mut self) {
        let range = std::mem::take(&mut self.pending);
        if !range.is_empty() {
            let text = self.read(&range, Within::Text);
            if !text.is_empty() {
                self.give(Token::CharacterTokens(text));
            }
        }
    }

    /// What the builder asks of a tokenizer, to read raw text, is settled before: `markup` tells where raw text ends.
    fn give(&self, token: Token) {
        let _ = self.builder.process_token(token, 1);
    }

    /// Reads the attributes of a tag.
    fn attributes(&self, inner: Range<usize>, attributes: &mut Vec<Attribute>) {
        let bytes = self.text.as_bytes();
        let end =
            if bytes.get(inner.clone()).is_some_and(|inner| inner.ends_with(b">")) { inner.end - 1 } else { inner.end };
        let skip = |from: usize, is_skipped: fn(u8) -> bool| {
            let rest = bytes.get(from..end).unwrap_or_default();
            from + rest.iter().position(|byte| !is_skipped(*byte)).unwrap_or(rest.len())
        };
        let mut at = skip(inner.start, |byte| is_blank(byte) || byte == b'/');
        while at < end {
            // A name may begin with `=`.
            let name_end = skip(at + 1, |byte| !is_blank(byte) && !matches!(byte, b'/' | b'='));
            let name = local(self.text.get(at..name_end).unwrap_or_default());
            let mut value = name_end..name_end;
            at = skip(name_end, is_blank);
            if bytes.get(at..end).is_some_and(|rest| rest.starts_with(b"=")) {
                at = skip(at + 1, is_blank);
                value = match bytes.get(at..end) {
                    Some([quote @ (b'"' | b'\''), rest @ ..]) => {
                        at + 1..at + 1 + memchr(*quote, rest).unwrap_or(rest.len())
                    }
                    Some(_) | None => at..skip(at, |byte| !is_blank(byte)),
                };
                at = value.end + usize::from(value.start > at);
            }
            if attributes.iter().all(|known| known.name.local != name) {
                attributes.push(attribute(name, self.read(&value, Within::Attribute)));
            }
            at = skip(at, |byte| is_blank(byte) || byte == b'/');
        }
    }

    /// A piece of the page with references read and line ends made one.
    fn read(&self, range: &Range<usize>, within: Within) -> StrTendril {
        let written = self.text.get(range.clone()).unwrap_or_default();
        let Some(first) = memchr3(b'&', b'\r', 0, written.as_bytes()) else { return self.share(range) };
        let mut read = String::with_capacity(written.len());
        let (mut copied, mut at) = (0, first);
        while let Some(byte) = written.as_bytes().get(at) {
            let taken = match byte {
                b'&' => reference(written, at, within),
                b'\r' => {
                    let is_pair = written.as_bytes().get(at + 1) == Some(&b'\n');
                    Some(((if is_pair { None } else { Some('\n') }, None), 1))
                }
                _ => Some(((None, None), 1)),
            };
            if let Some(((first, second), length)) = taken {
                read.push_str(written.get(copied..at).unwrap_or_default());
                read.extend(first);
                read.extend(second);
                at += length;
                copied = at;
            } else {
                at += 1;
            }
            let rest = written.as_bytes().get(at..).unwrap_or_default();
            at = memchr3(b'&', b'\r', 0, rest).map_or(written.len(), |next| at + next);
        }
        read.push_str(written.get(copied..).unwrap_or_default());
        StrTendril::from(read)
    }

    /// A piece of the page as it stands.
    fn share(&self, range: &Range<usize>) -> StrTendril {
        let at = u32::try_from(range.start).unwrap_or(u32::MAX);
        let length = u32::try_from(range.len()).unwrap_or(u32::MAX);
        self.shared.try_subtendril(at, length).unwrap_or_default()
    }
}

/// Where a reference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Text,
    Attribute,
}

/// Up to two characters.
type Read = (Option<char>, Option<char>);

/// Reads the reference at a place: what it stands for and how long it is.
fn reference(written: &str, at: usize, within: Within) -> Option<(Read, usize)> {
    if !entity::may_begin(written.as_bytes(), at) {
        return None;
    }
    let rest = written.get(at..)?;
    let ((first, second), length) = entity::entity(rest)?;
    let is_open =
        within == Within::Attribute && !rest.starts_with("&#") && rest.as_bytes().get(length - 1) != Some(&b';');
    // An address may hold `&copy=1`.
    let goes_on = rest.as_bytes().get(length).is_some_and(|next| *next == b'=' || next.is_ascii_alphanumeric());
    (!(is_open && goes_on)).then_some(((Some(first), second), length))
}

/// Tells whether a tag sets what is written before it apart from what is written after it, with or without blanks.
pub(super) fn is_apart(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("div")
            | local_name!("p")
            | local_name!("br")
            | local_name!("li")
            | local_name!("td")
            | local_name!("th")
            | local_name!("dd")
    )
}

fn attribute(name: LocalName, value: StrTendril) -> Attribute {
    Attribute { name: QualName::new(None, ns!(), name), value }
}

/// The interned name, lower-case.
fn local(name: &str) -> LocalName {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        LocalName::from(name.to_ascii_lowercase())
    } else {
        LocalName::from(name)
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

/// Keeps the document type that it is told.
#[derive(Debug, Default)]
struct Declared(RefCell<Option<Doctype>>);

impl TokenSink for Declared {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        if let Token::DoctypeToken(doctype) = token {
            *self.0.borrow_mut() = Some(doctype);
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;
    use scraper::Html;

    use crate::domain::forum::markup;

    /// Both trees: ours, and that of html5ever's own tokenizer.
    fn both(text: &str) -> (String, String) {
        let ours = markup::parse(text).dom.html();
        (ours, Html::parse_document(text).html())
    }

    #[test]
    fn tags_and_references_are_read_as_by_the_tokenizer_of_html5ever() {
        for text in [
            "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\"><title>a &lt;b&gt; &amp c</title>x",
            "<a href=x?a=1&amp;b=2&copy=3&copy;4&notit;&not=5&#38&#x26;c>&copy=3&notit;&#38&#x26;&bogus; &</a>",
            "<a HREF='x' href=y Title = \"two\r\nlines\"data-x=/a/ checked =z ==w / b/c/>t</a>",
            "<span title='' id= class>x\r\ny\rz</span>\r.",
            "<b\tid\n=\n\"1\">a < b <1> &#0; &#x80; &#xD800;</b>",
            "<textarea>\na&amp;b<i></textarea><pre>\n\nx</pre>",
            "<IMG SRC=x onerror=\"a>b\"><br/><input value=\"&quot;&#39;&nbsp\">",
            "<html lang=en><head><meta charset=utf-8><link rel=x href=y></head><body class=c>\n x",
            "é<span data-é=ü>漢字&eacute;</span>",
            "",
        ] {
            let (ours, theirs) = both(text);
            assert_eq!(ours, theirs, "{text}");
        }
    }

    #[test]
    fn blanks_beside_tags_that_set_texts_apart_are_left_out() {
        let page = "<div>\n <b>a</b>\n<i>b</i> <br>\n<!-- -->\n</div>\n<pre>\n\n<b> </b>\n<br>\n</pre><b> </b>x";
        let html = markup::parse(page).dom.html();
        let (_, body) = html.split_once("<body>").unwrap();
        let kept = "<div dp-at=\"0\"><b>a</b>\n<i>b</i><br></div><pre>\n<b> </b>\n<br>\n</pre><b> </b>x</body></html>";
        assert_eq!(body, kept);
    }

    #[test]
    fn a_page_without_a_type_is_in_quirks_mode() {
        for (text, is_quirky) in [("<!doctype html>x", false), ("x", true), ("<!DOCTYPE html SYSTEM \"x\">", false)] {
            assert_eq!(markup::parse(text).dom.quirks_mode, Html::parse_document(text).quirks_mode, "{text}");
            let quirks = markup::parse(text).dom.quirks_mode == html5ever::tree_builder::QuirksMode::Quirks;
            assert_eq!(quirks, is_quirky, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_attributes_and_texts_are_read_as_by_the_tokenizer_of_html5ever(
            tags in prop::collection::vec(
                ("[a-z\\-]{1,3}|[A-Z]{2}|é", "( |\n|\t)?", "(=|= |=\n)?", "\"[^\"\0]{0,9}\"|'[^'\0]{0,9}'|[a-z0-9/&=;#]{0,5}", "[^<\0\u{feff}]{0,12}"),
                0..8,
            ),
            references in prop::collection::vec("&(#[0-9]{0,4}|#x[0-9a-f]{0,4}|amp|not|notin|copy|lt|[a-z]{1,4})[;=x ]?", 0..6),
        ) {
            let mut text = String::from("x");
            for (name, gap, equals, value, after) in tags {
                // A quotation mark outside of a value ends the tag elsewhere: that is the bounding pass's to say.
                let value = if equals.is_empty() { "" } else { &value };
                let _ = write!(text, "<span {name}{gap}{equals}{value} z>{after}</span>");
            }
            for reference in references {
                let _ = write!(text, "<i title=\"{reference}\" id={reference}>{reference}</i>");
            }
            let (ours, theirs) = both(&text);
            prop_assert_eq!(ours, theirs);
        }
    }
}
