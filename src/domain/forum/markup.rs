//! Bounds the markup of a page while it is parsed, and marks where each element begins in the text.
//!
//! Building an HTML tree takes quadratic time and memory on markup made to hurt it: elements nested a hundred thousand deep,
//! formatting elements that are never closed, tags with a million attributes. This pass follows the builder's own rule
//! for which end tag closes what, closely enough never to think the tree shallower than it is, and drops what goes too
//! deep. Scripts, styles and comments are left out; so is `noscript`, unless its attributes say that it holds the page
//! itself (Discourse, Flarum). What is left goes to the builder as it is met. Not here: attributes and references
//! (`tokens`), reading the tree (`dom`).

use std::ops::Range;

use memchr::{memchr, memmem};
use scraper::Html;

use super::tokens::Tokens;
use crate::domain::oddity::Oddity;
use crate::domain::text::html::COMMENT_END;

const TEXT_LIMIT_BYTES: usize = 10 << 20;
const TAG_LIMIT: usize = 200_000;
const DEPTH_LIMIT: usize = 256;
const FORMATTING_LIMIT: usize = 8;
const ATTRIBUTE_LIMIT: usize = 64;
const TAG_LENGTH_LIMIT_BYTES: usize = 64 << 10;

/// The tree of some markup.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The tree.
    pub(super) dom: Html,
    /// What was left out.
    pub(super) oddities: Vec<Oddity>,
}

/// Parses a page's markup; linear in its length.
pub(super) fn parse(text: &str) -> Parsed {
    let head = head(text);
    Pass::new(head, Tokens::of_document(head)).run(text.len())
}

/// Parses markup that stands within a page's body.
pub(super) fn parse_fragment(text: &str) -> Parsed {
    let head = head(text);
    Pass::new(head, Tokens::of_fragment(head)).run(text.len())
}

/// As much of a text as is read.
fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_LIMIT_BYTES)).unwrap_or(text)
}

/// How the parser treats an element, as far as the depth of the tree depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Has no content.
    Void,
    /// Closes by itself when its like begins.
    Optional,
    /// A part of a table below the cell.
    TablePart,
    /// A table cell.
    Cell,
    /// Goes on after its parent ends, unless closed.
    Formatting,
    /// An end tag of this kind closes all within.
    Special,
    /// Anything else.
    Ordinary,
    /// Dropped with its content.
    Silent,
    /// Only text within.
    TextOnly,
    /// The tag is dropped, the content kept.
    Bare,
}

#[derive(Debug, Clone, Copy)]
struct Open<'a> {
    name: &'a str,
    class: Class,
    /// Blanks within are shown as they are written.
    is_verbatim: bool,
}

#[derive(Debug)]
struct Pass<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    stack: Vec<Open<'a>>,
    skipped: Vec<&'a str>,
    formatting: usize,
    tags: usize,
    is_cut: bool,
    is_flattened: bool,
}

impl<'a> Pass<'a> {
    fn new(text: &'a str, tokens: Tokens<'a>) -> Self {
        Self {
            text,
            tokens,
            stack: Vec::new(),
            skipped: Vec::new(),
            formatting: 0,
            tags: 0,
            is_cut: false,
            is_flattened: false,
        }
    }

    /// Reads all; `whole` is how long the text was before it was cut.
    fn run(mut self, whole: usize) -> Parsed {
        self.walk();
        let mut oddities = Vec::new();
        let mut note = |is_so: bool, code: &str, detail: String| {
            if is_so {
                oddities.push(Oddity::new(code, detail));
            }
        };
        let length = self.text.len();
        note(length < whole, "page-cut", format!("only the first {length} bytes of the page were read"));
        note(self.is_cut, "page-cut", format!("only the first {TAG_LIMIT} tags of the page were read"));
        note(self.is_flattened, "markup-too-deep", "elements nested too deep were flattened".to_owned());
        Parsed { dom: self.tokens.finish(), oddities }
    }

    fn walk(&mut self) {
        let mut at = 0;
        while let Some(found) = self.find(b'<', at) {
            self.words(at..found);
            if self.tags >= TAG_LIMIT {
                self.is_cut = true;
                return;
            }
            at = self.markup_at(found);
        }
        self.words(at..self.text.len());
    }

    /// Text between tags.
    fn words(&mut self, range: Range<usize>) {
        let is_blank = self.text.as_bytes().get(range.clone()).is_some_and(|text| text.trim_ascii_start().is_empty());
        if is_blank && !self.stack.last().is_some_and(|open| open.is_verbatim) {
            self.tokens.blank(range);
        } else {
            self.tokens.text(range);
        }
    }

    fn open(&mut self, name: &'a str, class: Class, tag: Range<usize>) {
        let is_verbatim =
            self.stack.last().is_some_and(|open| open.is_verbatim) || is_verbatim(name, || self.text.get(tag));
        self.stack.push(Open { name, class, is_verbatim });
    }

    fn markup_at(&mut self, at: usize) -> usize {
        match self.byte(at + 1) {
            Some(b'!') => self.declaration(at),
            Some(b'?') => self.find(b'>', at).map_or(self.text.len(), |end| end + 1),
            Some(b'/') if self.byte(at + 2).is_some_and(|byte| byte.is_ascii_alphabetic()) => self.end_tag(at),
            Some(byte) if byte.is_ascii_alphabetic() => self.start_tag(at),
            Some(b'/') => self.literal(at),
            Some(_) | None => {
                self.tags += 1;
                self.literal(at)
            }
        }
    }

    /// A `<` that opens nothing.
    fn literal(&mut self, at: usize) -> usize {
        self.tokens.text(at..at + 1);
        at + 1
    }

    fn declaration(&mut self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        if rest.starts_with("<!-->") || rest.starts_with("<!--->") {
            return at + rest.find('>').map_or(rest.len(), |end| end + 1);
        }
        if rest.starts_with("<!--") {
            let tail = rest.as_bytes().get(4..).unwrap_or_default();
            return COMMENT_END.find(tail).map_or(self.text.len(), |found| at + 4 + found + 3);
        }
        let end = self.find(b'>', at + 2).map_or(self.text.len(), |end| end + 1);
        if rest.get(2..9).is_some_and(|word| word.eq_ignore_ascii_case("doctype")) {
            self.tokens.doctype(at..end);
        }
        end
    }

    fn start_tag(&mut self, at: usize) -> usize {
        self.tags += 1;
        let name = self.name(at + 1);
        let (end, attributes) = self.tag_end(at + 1 + name.len());
        let class = class_of(name);
        if name.eq_ignore_ascii_case("noscript") && attributes > 0 && self.stack.len() < DEPTH_LIMIT {
            self.open(name, Class::Special, at..end);
            self.start(at, "div", at + 1 + name.len()..end, attributes);
            return end;
        }
        match class {
            Class::Silent => return self.after_element(name, end).1,
            Class::TextOnly => {
                let (inner_end, after) = self.after_element(name, end);
                self.start(at, name, at + 1 + name.len()..end, attributes);
                self.tokens.text(end..inner_end);
                self.tokens.end(name);
                return after;
            }
            Class::Bare => return end,
            Class::TablePart | Class::Cell => self.leave_row(),
            // A link ends where the next begins.
            Class::Formatting if name.eq_ignore_ascii_case("a") => {
                if let Some(index) = self.find_open(name, is_scope_boundary) {
                    self.stack.remove(index);
                    self.formatting -= 1;
                }
            }
            Class::Formatting if self.formatting >= FORMATTING_LIMIT => {
                self.skipped.push(name);
                return end;
            }
            Class::Void | Class::Optional | Class::Formatting | Class::Special | Class::Ordinary => {}
        }
        if matches!(class, Class::Cell | Class::Formatting | Class::Special | Class::Ordinary) {
            if self.stack.len() >= DEPTH_LIMIT {
                self.is_flattened = true;
                self.skipped.push(name);
                return end;
            }
            self.open(name, class, at..end);
            self.formatting += usize::from(class == Class::Formatting);
        }
        self.start(at, name, at + 1 + name.len()..end, attributes);
        end
    }

    fn end_tag(&mut self, at: usize) -> usize {
        self.tags += 1;
        let name = self.name(at + 2);
        let (end, _) = self.tag_end(at + 2 + name.len());
        if self.skipped.last().is_some_and(|skipped| skipped.eq_ignore_ascii_case(name)) {
            self.skipped.pop();
            return end;
        }
        match class_of(name) {
            Class::Void | Class::Optional => self.tokens.end(name),
            Class::Silent => {
                if let Some(index) = self.find_open(name, is_scope_boundary) {
                    self.close_down_to(index);
                    self.tokens.end("div");
                }
            }
            Class::TextOnly | Class::Bare => {}
            Class::TablePart => {
                self.leave_cell();
                self.tokens.end(name);
            }
            Class::Cell => {
                if self.leave_cell() {
                    self.tokens.end(name);
                }
            }
            Class::Special => {
                if let Some(index) = self.find_open(name, is_scope_boundary) {
                    self.close_down_to(index);
                    self.tokens.end(name);
                }
            }
            Class::Formatting => {
                if let Some(index) = self.find_open(name, is_scope_boundary) {
                    self.stack.remove(index);
                    self.formatting -= 1;
                    self.tokens.end(name);
                }
            }
            Class::Ordinary => {
                let is_special = |open: &Open<'_>| matches!(open.class, Class::Special | Class::Cell);
                if let Some(index) = self.find_open(name, is_special) {
                    self.close_down_to(index);
                    self.tokens.end(name);
                }
            }
        }
        end
    }

    /// A cell or row begins: what was open within the table ends.
    fn leave_row(&mut self) {
        if let Some(table) = self.stack.iter().rposition(|open| open.name.eq_ignore_ascii_case("table")) {
            self.close_formatting_above(table + 1);
            self.stack.truncate(table + 1);
        }
    }

    fn leave_cell(&mut self) -> bool {
        let is_table = |open: &Open<'_>| open.name.eq_ignore_ascii_case("table");
        let cell = self.stack.iter().enumerate().rev().take_while(|(_, open)| !is_table(open));
        let Some(index) = cell.filter(|(_, open)| open.class == Class::Cell).map(|(index, _)| index).next() else {
            return false;
        };
        self.close_down_to(index);
        true
    }

    fn find_open(&self, name: &str, is_boundary: impl Fn(&Open<'_>) -> bool) -> Option<usize> {
        for (index, open) in self.stack.iter().enumerate().rev() {
            if open.name.eq_ignore_ascii_case(name) {
                return Some(index);
            }
            if is_boundary(open) {
                return None;
            }
        }
        None
    }

    fn close_down_to(&mut self, index: usize) {
        let is_formatting = self.stack.get(index).is_some_and(|open| open.class == Class::Formatting);
        self.close_formatting_above(index + 1);
        self.formatting -= usize::from(is_formatting);
        self.stack.truncate(index);
    }

    /// Formatting elements would go on after their parent; they are closed with it, so that they cannot pile up.
    fn close_formatting_above(&mut self, index: usize) {
        for at in (index..self.stack.len()).rev() {
            if let Some(Open { name, class: Class::Formatting, .. }) = self.stack.get(at).copied() {
                self.tokens.end(name);
                self.formatting -= 1;
            }
        }
    }

    /// Opens an element with the attributes that its tag has in the text.
    fn start(&mut self, at: usize, name: &str, inner: Range<usize>, attributes: usize) {
        let is_too_large = attributes > ATTRIBUTE_LIMIT || inner.end - at > TAG_LENGTH_LIMIT_BYTES;
        let kept = if is_too_large { inner.start..inner.start } else { inner };
        self.tokens.start(name, is_block(name).then_some(at), kept);
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn find(&self, byte: u8, from: usize) -> Option<usize> {
        memchr(byte, self.text.as_bytes().get(from..)?).map(|found| from + found)
    }

    fn name(&self, from: usize) -> &'a str {
        let rest = self.text.get(from..).unwrap_or_default();
        let is_end = |byte: &u8| matches!(byte, b'>' | b'/' | b'<') || byte.is_ascii_whitespace();
        let length = rest.bytes().take(64).position(|byte| is_end(&byte)).unwrap_or(rest.len().min(64));
        rest.get(..length).unwrap_or("x")
    }

    /// Returns where the tag ends (one past `>`) and how many attributes it has.
    fn tag_end(&self, from: usize) -> (usize, usize) {
        let bytes = self.text.as_bytes();
        let mut at = from;
        let mut attributes = 0;
        let mut is_after_equals = false;
        let mut was_space = false;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'>' => return (at + 1, attributes),
                b'"' | b'\'' if is_after_equals => {
                    let Some(close) = self.find(byte, at + 1) else { return (bytes.len(), attributes) };
                    at = close;
                    is_after_equals = false;
                    was_space = true;
                }
                b'=' => is_after_equals = true,
                byte if byte.is_ascii_whitespace() || byte == b'/' => was_space = true,
                _ => {
                    attributes += usize::from(was_space && !is_after_equals);
                    is_after_equals = false;
                    was_space = false;
                }
            }
            at += 1;
        }
        (bytes.len(), attributes)
    }

    /// Returns where an element's text ends and where the markup after its end tag begins.
    fn after_element(&self, name: &str, from: usize) -> (usize, usize) {
        let bytes = self.text.as_bytes();
        for found in memmem::find_iter(bytes.get(from..).unwrap_or_default(), b"</") {
            let at = from + found;
            let end = at + 2 + name.len();
            let is_name = bytes.get(at + 2..end).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
            if is_name && bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric()) {
                return (at, self.find(b'>', end).map_or(bytes.len(), |close| close + 1));
            }
        }
        (bytes.len(), bytes.len())
    }
}

fn is_scope_boundary(open: &Open<'_>) -> bool {
    open.class == Class::Cell
        || ["table", "caption", "object", "marquee", "applet"].iter().any(|name| open.name.eq_ignore_ascii_case(name))
}

/// Tells whether an element shows blanks as they are written; `tag` is its start tag.
fn is_verbatim<'a>(name: &str, tag: impl FnOnce() -> Option<&'a str>) -> bool {
    ["pre", "code", "listing"].iter().any(|verbatim| name.eq_ignore_ascii_case(verbatim))
        || (name.eq_ignore_ascii_case("span") && tag().is_some_and(|tag| tag.contains("white-space")))
}

fn is_block(name: &str) -> bool {
    const BLOCKS: [&str; 12] =
        ["div", "table", "tbody", "tr", "td", "li", "ul", "dl", "article", "section", "p", "blockquote"];
    BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block))
}

fn class_of(name: &str) -> Class {
    let mut lower = [0_u8; 16];
    let Some(target) = lower.get_mut(..name.len()) else { return Class::Ordinary };
    target.copy_from_slice(name.as_bytes());
    target.make_ascii_lowercase();
    match &*target {
        b"area" | b"base" | b"basefont" | b"bgsound" | b"br" | b"col" | b"embed" | b"hr" | b"image" | b"img"
        | b"input" | b"keygen" | b"link" | b"meta" | b"param" | b"source" | b"track" | b"wbr" => Class::Void,
        b"html" | b"head" | b"body" | b"p" | b"li" | b"dd" | b"dt" | b"option" | b"colgroup" => Class::Optional,
        b"tr" | b"tbody" | b"thead" | b"tfoot" => Class::TablePart,
        b"td" | b"th" => Class::Cell,
        b"b" | b"big" | b"code" | b"em" | b"font" | b"i" | b"nobr" | b"s" | b"small" | b"strike" | b"strong"
        | b"tt" | b"u" | b"a" => Class::Formatting,
        b"address" | b"applet" | b"article" | b"aside" | b"blockquote" | b"button" | b"caption" | b"center"
        | b"details" | b"dialog" | b"dir" | b"div" | b"dl" | b"fieldset" | b"figcaption" | b"figure" | b"footer"
        | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"header" | b"hgroup" | b"listing" | b"main" | b"marquee"
        | b"menu" | b"nav" | b"object" | b"ol" | b"pre" | b"search" | b"section" | b"select" | b"summary"
        | b"table" | b"ul" => Class::Special,
        b"script" | b"style" | b"noscript" | b"iframe" | b"noembed" | b"noframes" | b"xmp" => Class::Silent,
        b"title" | b"textarea" => Class::TextOnly,
        b"form" | b"svg" | b"math" | b"template" | b"frameset" | b"frame" | b"plaintext" => Class::Bare,
        _ => Class::Ordinary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in the body of the tree.
    fn body(text: &str) -> String {
        let html = parse(text).dom.html();
        let (_, body) = html.split_once("<body>").unwrap();
        body.strip_suffix("</body></html>").unwrap().to_owned()
    }

    #[test]
    fn ordinary_markup_is_kept_and_marked() {
        assert_eq!(body("<div id=a><b>x</b> < y<br></div>"), "<div dp-at=\"0\" id=\"a\"><b>x</b> &lt; y<br></div>");
        assert!(parse("<p>x").oddities.is_empty());
    }

    #[test]
    fn scripts_styles_and_comments_are_left_out() {
        let html = body("a<script>if (a</b) '<div>'</SCRIPT>b<!-- <div> -->c<style>x</style>d<!-->e");
        assert_eq!(html, "abcde");
    }

    #[test]
    fn a_page_kept_for_readers_without_scripts_is_read() {
        let html = body("<noscript>please</noscript><noscript id=x><p>page</noscript>end");
        assert_eq!(html, "<div dp-at=\"27\" id=\"x\"><p dp-at=\"42\">page</p></div>end");
    }

    #[test]
    fn formatting_ends_with_its_parent() {
        assert_eq!(body("<span><font>x</span>y"), "<span><font>x</font></span>y");
        assert_eq!(body("<div><a href=x>y</div>z"), "<div dp-at=\"0\"><a href=\"x\">y</a></div>z");
    }

    #[test]
    fn what_nests_too_deep_is_flattened() {
        let parsed = parse(&"<div>".repeat(100_000));
        assert_eq!(parsed.dom.html().matches("<div").count(), DEPTH_LIMIT);
        assert_eq!(parsed.oddities.first().map(|oddity| oddity.code.as_str()), Some("markup-too-deep"));
    }

    #[test]
    fn a_tag_with_endless_attributes_keeps_only_its_name() {
        let tag = format!("<div {}>x", "a=b ".repeat(10_000));
        assert_eq!(body(&tag), "<div dp-at=\"0\">x</div>");
    }

    #[test]
    fn endless_tags_and_texts_are_cut() {
        for endless in ["<br>".repeat(TAG_LIMIT + 10), "é".repeat(TEXT_LIMIT_BYTES)] {
            let parsed = parse(&endless);
            assert_eq!(parsed.oddities.first().map(|oddity| oddity.code.as_str()), Some("page-cut"));
        }
    }

    #[test]
    fn an_end_tag_in_a_quoted_value_is_text() {
        let html = "<a title=\"x > y\">z</a>";
        assert_eq!(body(html), html.replace(" > ", " &gt; "));
    }
}
