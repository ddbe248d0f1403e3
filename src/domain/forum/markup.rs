//! Bounds the markup of a page before it is parsed, and marks where each element begins in the text.
//!
//! An HTML parser takes quadratic time and memory on markup made to hurt it: elements nested a hundred thousand deep,
//! formatting elements that are never closed, tags with a million attributes. This pass follows the parser's own rule
//! for which end tag closes what, closely enough never to think the tree shallower than it is, and drops what goes too
//! deep. Scripts, styles and comments are left out; so is `noscript`, unless its attributes say that it holds the page
//! itself (Discourse, Flarum). Not here: reading the tree (`dom`).

use memchr::{memchr, memmem};

use crate::domain::oddity::Oddity;

/// The attribute that carries an element's byte offset in the decoded text; short enough to need no allocation.
pub(super) const OFFSET_ATTRIBUTE: &str = "dp-at";

const TEXT_LIMIT_BYTES: usize = 10 << 20;
const TAG_LIMIT: usize = 200_000;
const DEPTH_LIMIT: usize = 256;
const FORMATTING_LIMIT: usize = 8;
const ATTRIBUTE_LIMIT: usize = 64;
const TAG_LENGTH_LIMIT_BYTES: usize = 64 << 10;

/// Markup that a parser can take in linear time.
#[derive(Debug)]
pub(super) struct Bounded {
    /// The markup to parse.
    pub(super) html: String,
    /// What was left out.
    pub(super) oddities: Vec<Oddity>,
}

/// Bounds a page's markup; linear in its length.
pub(super) fn bound(text: &str) -> Bounded {
    let mut oddities = Vec::new();
    let mut end = text.len().min(TEXT_LIMIT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() {
        oddities.push(Oddity::new("page-cut", format!("only the first {end} bytes of the page were read")));
    }
    let text = text.get(..end).unwrap_or_default();
    let mut pass = Pass { text, out: String::with_capacity(text.len() + text.len() / 8), ..Pass::default() };
    pass.run();
    if pass.is_cut {
        oddities.push(Oddity::new("page-cut", format!("only the first {TAG_LIMIT} tags of the page were read")));
    }
    if pass.is_flattened {
        oddities.push(Oddity::new("markup-too-deep", "elements nested too deep were flattened"));
    }
    Bounded { html: pass.out, oddities }
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
}

#[derive(Debug, Default)]
struct Pass<'a> {
    text: &'a str,
    out: String,
    stack: Vec<Open<'a>>,
    skipped: Vec<&'a str>,
    formatting: usize,
    tags: usize,
    is_cut: bool,
    is_flattened: bool,
}

impl<'a> Pass<'a> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some(found) = self.find(b'<', at) {
            self.copy(at, found);
            if self.tags >= TAG_LIMIT {
                self.is_cut = true;
                return;
            }
            at = self.markup_at(found);
        }
        self.copy(at, self.text.len());
    }

    fn markup_at(&mut self, at: usize) -> usize {
        match self.byte(at + 1) {
            Some(b'!') => self.declaration(at),
            Some(b'?') => self.find(b'>', at).map_or(self.text.len(), |end| end + 1),
            Some(b'/') if self.byte(at + 2).is_some_and(|byte| byte.is_ascii_alphabetic()) => self.end_tag(at),
            Some(byte) if byte.is_ascii_alphabetic() => self.start_tag(at),
            Some(b'/') => {
                self.out.push_str("&lt;");
                at + 1
            }
            Some(_) | None => {
                self.tags += 1;
                self.out.push('<');
                at + 1
            }
        }
    }

    fn declaration(&mut self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let end_after = |from: usize, mark: &str| {
            let tail = rest.as_bytes().get(from..).unwrap_or_default();
            memmem::find(tail, mark.as_bytes()).map_or(self.text.len(), |found| at + from + found + mark.len())
        };
        if rest.starts_with("<!-->") || rest.starts_with("<!--->") {
            return at + rest.find('>').map_or(rest.len(), |end| end + 1);
        }
        if rest.starts_with("<!--") {
            return end_after(4, "-->");
        }
        let end = end_after(2, ">");
        if rest.get(2..9).is_some_and(|word| word.eq_ignore_ascii_case("doctype")) {
            self.copy(at, end);
        }
        end
    }

    fn start_tag(&mut self, at: usize) -> usize {
        self.tags += 1;
        let name = self.name(at + 1);
        let (end, attributes) = self.tag_end(at + 1 + name.len());
        let class = class_of(name);
        if name.eq_ignore_ascii_case("noscript") && attributes > 0 && self.stack.len() < DEPTH_LIMIT {
            self.stack.push(Open { name, class: Class::Special });
            self.emit_start(at, "div", end, (attributes, name.len()));
            return end;
        }
        match class {
            Class::Silent => return self.after_element(name, end).1,
            Class::TextOnly => {
                let (inner_end, after) = self.after_element(name, end);
                self.emit_start(at, name, end, (attributes, name.len()));
                let inner = self.text.get(end..inner_end).unwrap_or_default().replace('<', "&lt;");
                self.out.push_str(&inner);
                self.emit_end(name);
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
            self.stack.push(Open { name, class });
            self.formatting += usize::from(class == Class::Formatting);
        }
        self.emit_start(at, name, end, (attributes, name.len()));
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
            Class::Void | Class::Optional => self.emit_end(name),
            Class::Silent => {
                if let Some(index) = self.find_open(name, is_scope_boundary) {
                    self.close_down_to(index);
                    self.emit_end("div");
                }
            }
            Class::TextOnly | Class::Bare => {}
            Class::TablePart => {
                self.leave_cell();
                self.emit_end(name);
            }
            Class::Cell => {
                if self.leave_cell() {
                    self.emit_end(name);
                }
            }
            Class::Special => {
                if let Some(index) = self.find_open(name, is_scope_boundary) {
                    self.close_down_to(index);
                    self.emit_end(name);
                }
            }
            Class::Formatting => {
                if let Some(index) = self.find_open(name, is_scope_boundary) {
                    self.stack.remove(index);
                    self.formatting -= 1;
                    self.emit_end(name);
                }
            }
            Class::Ordinary => {
                let is_special = |open: &Open<'_>| matches!(open.class, Class::Special | Class::Cell);
                if let Some(index) = self.find_open(name, is_special) {
                    self.close_down_to(index);
                    self.emit_end(name);
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
            if let Some(Open { name, class: Class::Formatting }) = self.stack.get(at).copied() {
                self.emit_end(name);
                self.formatting -= 1;
            }
        }
    }

    /// Writes a start tag with the attributes that it has in the text, where its name may be of another length.
    fn emit_start(&mut self, at: usize, name: &str, end: usize, (attributes, length): (usize, usize)) {
        use std::fmt::Write as _;
        let inner_end = end.saturating_sub(1).max(at + 1 + length);
        let is_too_large = attributes > ATTRIBUTE_LIMIT || end - at > TAG_LENGTH_LIMIT_BYTES;
        self.out.push('<');
        self.out.push_str(name);
        if is_block(name) {
            // Writing to a string cannot fail.
            let _ = write!(self.out, " {OFFSET_ATTRIBUTE}={at} ");
        }
        if !is_too_large {
            self.copy(at + 1 + length, inner_end);
        }
        self.out.push('>');
    }

    fn emit_end(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn copy(&mut self, from: usize, to: usize) {
        self.out.push_str(self.text.get(from..to).unwrap_or_default());
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

    #[test]
    fn ordinary_markup_is_kept_and_marked() {
        let bounded = bound("<div id=a><b>x</b> < y<br></div>");
        assert_eq!(bounded.html, "<div dp-at=0  id=a><b>x</b> < y<br></div>");
        assert!(bounded.oddities.is_empty());
    }

    #[test]
    fn scripts_styles_and_comments_are_left_out() {
        let html = bound("a<script>if (a</b) '<div>'</SCRIPT>b<!-- <div> -->c<style>x</style>d<!-->e").html;
        assert_eq!(html, "abcde");
    }

    #[test]
    fn a_page_kept_for_readers_without_scripts_is_read() {
        let html = bound("<noscript>please</noscript><noscript id=x><p>page</noscript>end").html;
        assert_eq!(html, "<div dp-at=27  id=x><p dp-at=42 >page</div>end");
    }

    #[test]
    fn formatting_ends_with_its_parent() {
        assert_eq!(bound("<span><font>x</span>").html, "<span><font>x</font></span>");
        assert_eq!(bound("<div><a href=x>y</div>z").html, "<div dp-at=0 ><a href=x>y</a></div>z");
    }

    #[test]
    fn what_nests_too_deep_is_flattened() {
        let bounded = bound(&"<div>".repeat(100_000));
        assert_eq!(bounded.html.matches("<div").count(), DEPTH_LIMIT);
        assert_eq!(bounded.oddities.first().map(|oddity| oddity.code.as_str()), Some("markup-too-deep"));
    }

    #[test]
    fn a_tag_with_endless_attributes_keeps_only_its_name() {
        let tag = format!("<div {}>x", "a=b ".repeat(10_000));
        assert_eq!(bound(&tag).html, "<div dp-at=0 >x");
    }

    #[test]
    fn endless_tags_are_cut() {
        let bounded = bound(&"<br>".repeat(TAG_LIMIT + 10));
        assert_eq!(bounded.oddities.first().map(|oddity| oddity.code.as_str()), Some("page-cut"));
    }

    #[test]
    fn an_end_tag_in_a_quoted_value_is_text() {
        let html = "<a title=\"x > y\">z</a>";
        assert_eq!(bound(html).html, html);
    }
}
