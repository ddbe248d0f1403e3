//! One opening tag: its name, where it ends, whether it hides, and the attribute values worth reading.

use std::ops::Range;

use super::html_sink::is_telling;

/// What an element does to the lines around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Inline,
    Void,
    Block,
    Row,
    Cell,
    Line,
    Preformatted,
    Script,
    Style,
}

impl Effect {
    /// Returns the effect of an element; names of office documents count too.
    pub(super) fn of(name: &str) -> Self {
        let mut lower = [0_u8; 24];
        let Some(lower) = lower.get_mut(..name.len()) else { return Self::Inline };
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        match &*lower {
            b"br" | b"hr" | b"text:line-break" | b"w:br" => Self::Line,
            b"td" | b"th" | b"table:table-cell" | b"w:tc" => Self::Cell,
            b"tr" | b"table:table-row" | b"w:tr" => Self::Row,
            b"pre" | b"textarea" | b"listing" | b"xmp" => Self::Preformatted,
            b"script" => Self::Script,
            b"style" => Self::Style,
            b"img" | b"input" | b"wbr" | b"meta" | b"link" | b"base" | b"area" | b"col" | b"embed" | b"source"
            | b"track" | b"param" => Self::Void,
            b"p" | b"div" | b"li" | b"ul" | b"ol" | b"dl" | b"dt" | b"dd" | b"table" | b"thead" | b"tbody"
            | b"tfoot" | b"caption" | b"blockquote" | b"section" | b"article" | b"header" | b"footer" | b"nav"
            | b"aside" | b"main" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"form" | b"fieldset"
            | b"legend" | b"figure" | b"figcaption" | b"address" | b"center" | b"details" | b"summary" | b"dialog"
            | b"option" | b"select" | b"optgroup" | b"html" | b"head" | b"body" | b"title" | b"iframe" | b"frame"
            | b"object" | b"noscript" | b"menu" | b"dir" | b"cite" | b"text:p" | b"text:h" | b"w:p" => Self::Block,
            _ => Self::Inline,
        }
    }

    /// Tells whether the element has no content, so that it can neither hide nor hold anything.
    pub(super) const fn is_void(self) -> bool {
        matches!(self, Self::Void | Self::Line)
    }
}

/// An opening tag.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    /// One past its `>`.
    pub(super) end: usize,
    /// It asks browsers not to show its content.
    pub(super) is_hidden: bool,
    /// Attribute values that may hold something looked for.
    pub(super) values: Vec<Range<usize>>,
}

impl<'a> Tag<'a> {
    /// A tag of which only the extent is known.
    pub(super) fn without_attributes(source: &'a str, at: usize, end: usize) -> Self {
        let inside = at + 1..end.saturating_sub(1);
        let name = name_at(source, at + 1);
        let is_more = source.get(inside.clone()).is_some_and(is_telling);
        Self { name, end, is_hidden: false, values: if is_more { vec![inside] } else { Vec::new() } }
    }
}

/// Reads the tag whose `<` stands at `at`; `None` if the page ends before the tag does.
pub(super) fn read_tag(source: &str, at: usize) -> Option<Tag<'_>> {
    let bytes = source.as_bytes();
    let name = name_at(source, at + 1);
    let mut tag = Tag { name, end: 0, is_hidden: false, values: Vec::new() };
    let mut at = at + 1 + name.len();
    loop {
        match *bytes.get(at)? {
            b'>' => {
                tag.end = at + 1;
                return Some(tag);
            }
            byte if byte.is_ascii_whitespace() || byte == b'/' => at += 1,
            _ => at = attribute(source, at, &mut tag)?,
        }
    }
}

fn name_at(source: &str, at: usize) -> &str {
    let rest = source.get(at..).unwrap_or_default();
    let end = rest.bytes().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>' | b'<'));
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

/// Reads one attribute; gives the offset after it.
fn attribute(source: &str, at: usize, tag: &mut Tag<'_>) -> Option<usize> {
    let bytes = source.as_bytes();
    let skip = |from: usize, stop: fn(u8) -> bool| {
        bytes.get(from..).unwrap_or_default().iter().position(|byte| stop(*byte)).map(|length| from + length)
    };
    let name_end = skip(at + 1, |byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>' | b'='))?;
    let name = source.get(at..name_end).unwrap_or_default();
    let equals = skip(name_end, |byte| !byte.is_ascii_whitespace())?;
    if bytes.get(equals) != Some(&b'=') {
        tag.note(name, source, name_end..name_end);
        if is_telling(name) {
            tag.values.push(at..name_end);
        }
        return Some(name_end);
    }
    let open = skip(equals + 1, |byte| !byte.is_ascii_whitespace())?;
    let quote = bytes.get(open).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let (value, end) = if let Some(quote) = quote {
        let length = memchr::memchr(quote, bytes.get(open + 1..)?)?;
        (open + 1..open + 1 + length, open + 2 + length)
    } else {
        let end = skip(open, |byte| byte.is_ascii_whitespace() || byte == b'>')?;
        (open..end, end)
    };
    tag.note(name, source, value);
    Some(end)
}

impl Tag<'_> {
    fn note(&mut self, name: &str, source: &str, value: Range<usize>) {
        let text = source.get(value.clone()).unwrap_or_default();
        self.is_hidden |= match name.len() {
            6 => name.eq_ignore_ascii_case("hidden"),
            // Discuz! sprinkles posts with junk in this class and hides it by its style sheet.
            5 if name.eq_ignore_ascii_case("class") => text.split_ascii_whitespace().any(|class| class == "jammer"),
            5 if name.eq_ignore_ascii_case("style") => is_hiding_style(text),
            _ => false,
        };
        if is_telling(text) {
            self.values.push(value);
        }
    }
}

fn is_hiding_style(style: &str) -> bool {
    if style.len() < 11 {
        return false;
    }
    let plain: String = style
        .chars()
        .take(512)
        .filter(|character| !character.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    ["display:none", "visibility:hidden", "font-size:0;", "font-size:0px"].iter().any(|hiding| plain.contains(hiding))
        || plain.ends_with("font-size:0")
}
