//! Markup to lines of text: what a reader sees first, everything else after it.
//!
//! A tolerant tokenizer of our own: linear on any input, never fails, keeps offsets. Rows and blocks become lines, cells
//! are parted by tabs, inline tags vanish so that a value split by them is whole again. Hidden elements, attribute
//! values, scripts and comments follow as lines of their own: nothing is missed, and hidden junk cannot break a visible
//! value. Elements of XML that is neither a page nor an office document are cells, and records where one follows its like.
//! Not here: which part is a post (`forum`).

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::entity::{entity, may_begin};
use super::html_sink::{BORDER, Region, Sink};
use super::html_tag::{Effect, Tag, read_tag};
use super::map::{NoTrace, OffsetMap, Trace};

/// Ends a comment; prepared once, for pages hold hundreds.
pub(in crate::domain) static COMMENT_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("-->"));

/// The text of a page, in regions that need different steps to be read out of the raw bytes.
#[derive(Debug, Default)]
pub(super) struct Markup<T> {
    /// Lines, what is visible first.
    pub(super) text: String,
    /// Where each region starts in the text, ascending.
    pub(super) regions: Vec<(usize, Region)>,
    /// Where the text came from.
    pub(super) trace: T,
}

impl<T> Markup<T> {
    /// Returns the region that holds an offset of the text.
    pub(super) fn region(&self, at: usize) -> Region {
        let after = self.regions.partition_point(|(start, _)| *start <= at);
        after.checked_sub(1).and_then(|index| self.regions.get(index)).map_or(Region::Flow, |(_, region)| *region)
    }
}

/// Reads markup into text.
pub(super) fn unwrap_html(source: &str) -> Markup<NoTrace> {
    Reader::<NoTrace>::new(source).read()
}

/// Reads markup into text and tells where each byte came from.
pub(super) fn unwrap_html_mapped(source: &str) -> Markup<OffsetMap> {
    Reader::<OffsetMap>::new(source).read()
}

/// Reads an attribute's value: character references, and `%xx` if the region says so.
pub(super) fn unwrap_attribute(source: &str, region: Region) -> String {
    let mut sink = Sink::<NoTrace>::default();
    sink.attribute(source, 0..source.len(), region);
    sink.text
}

struct Reader<'a, T> {
    source: &'a str,
    at: usize,
    /// Where text begins that has been passed over and not been written yet.
    text_from: usize,
    flow: Sink<T>,
    hidden: Sink<T>,
    extra: Sink<T>,
    /// The element that hides what follows, and how many of its name are open.
    hider: Option<(&'a str, usize)>,
    preformatted: usize,
    /// The endings known to be missing, as bits.
    lacking: u8,
    elements: Elements<'a>,
}

/// What is known of the elements of a document that names them as it likes.
#[derive(Debug, Clone, Copy, Default)]
struct Elements<'a> {
    /// Whether it is one; told by what it begins with.
    are_own: bool,
    has_opened: bool,
    /// The last tag closed an element.
    has_closed: bool,
    /// The last element that was closed and held others.
    last_parent: &'a str,
}

/// What an element that stands for itself begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    Nothing,
    Cell,
    Record,
}

impl<'a> Elements<'a> {
    fn of(source: &str) -> Self {
        let source = source.trim_start_matches('\u{feff}').trim_start();
        let is_root = |at: &usize| source.as_bytes().get(at + 1).is_some_and(u8::is_ascii_alphabetic);
        let root = || memchr::memchr_iter(b'<', source.as_bytes()).take(64).find(is_root);
        let are_own = source.starts_with("<?xml")
            && root().and_then(|at| source.get(at + 1..)).is_some_and(|root| {
                let name: &str = root.split([' ', '>', '/', '\n', '\r', '\t']).next().unwrap_or_default();
                !name.contains(':') && Effect::of(name) == Effect::Inline
            });
        Self { are_own, ..Self::default() }
    }

    /// Takes a closing tag.
    fn close(&mut self, name: &'a str) {
        if self.has_closed {
            self.last_parent = name;
        }
        self.has_closed = true;
    }

    /// Takes an opening tag; tells what it begins.
    fn open(&mut self, name: &str) -> Begins {
        match std::mem::take(&mut self.has_closed) {
            _ if !self.are_own => Begins::Nothing,
            true if self.last_parent == name => Begins::Record,
            true => Begins::Cell,
            false if std::mem::replace(&mut self.has_opened, true) => Begins::Nothing,
            false => Begins::Record,
        }
    }
}

/// An ending that is known not to come any more; else every `<` of a hostile page would search to the end again.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Greater = 1,
    Comment = 2,
    Script = 4,
    Style = 8,
    /// A tag ran to the end of the page inside a quoted value: from there on quotes do not count.
    Quote = 16,
}

impl<'a, T: Trace + Default> Reader<'a, T> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            at: 0,
            text_from: 0,
            flow: Sink::with_capacity(source.len() / 2),
            hidden: Sink::default(),
            extra: Sink::default(),
            hider: None,
            preformatted: 0,
            lacking: 0,
            elements: Elements::of(source),
        }
    }

    fn read(mut self) -> Markup<T> {
        let bytes = self.source.as_bytes();
        while let Some(found) = next_sign(bytes, self.at) {
            self.at = found;
            let outcome = if bytes.get(self.at) == Some(&b'&') { self.reference() } else { self.angle() };
            match outcome {
                Some(()) => self.text_from = self.at,
                // A sign that opens nothing is text like what stands before it.
                None => self.at += 1,
            }
        }
        self.at = bytes.len();
        self.text();
        self.finish()
    }

    fn finish(self) -> Markup<T> {
        let mut markup = Markup { text: self.flow.text, regions: vec![(0, Region::Flow)], trace: self.flow.trace };
        for sink in [self.hidden, self.extra] {
            if sink.text.is_empty() {
                continue;
            }
            // This break stands nowhere; it must not be told as what would follow the last word.
            let end = self.source.len();
            markup.trace.atom(markup.text.len(), 1 + BORDER.len(), end..end);
            markup.text.push('\n');
            markup.text.push_str(BORDER);
            let start = markup.text.len();
            markup.text.push_str(&sink.text);
            markup.trace.append(&sink.trace, start);
            if sink.regions.is_empty() {
                markup.regions.push((start, Region::Flow));
            }
            markup.regions.extend(sink.regions.iter().map(|(at, region)| (start + at, *region)));
        }
        markup
    }

    fn sink(&mut self) -> &mut Sink<T> {
        if self.hider.is_some() { &mut self.hidden } else { &mut self.flow }
    }

    /// Writes the text that has been passed over since the last construct.
    fn text(&mut self) {
        let (source, range) = (self.source, self.text_from..self.at);
        if self.preformatted > 0 {
            self.sink().preformatted(source, range);
        } else {
            self.sink().words(source, range);
        }
    }

    fn reference(&mut self) -> Option<()> {
        let at = self.at;
        let (meaning, length) = entity(self.source.get(at..).filter(|_| may_begin(self.source.as_bytes(), at))?)?;
        self.text();
        self.sink().characters(meaning, at..at + length);
        self.at += length;
        Some(())
    }

    fn angle(&mut self) -> Option<()> {
        let rest = self.source.as_bytes().get(self.at + 1..)?;
        match rest.first()? {
            byte if byte.is_ascii_alphabetic() => self.open_tag(),
            b'/' if rest.get(1)?.is_ascii_alphabetic() => self.close_tag(),
            b'!' if rest.starts_with(b"!--") => self.comment(),
            b'!' if rest.starts_with(b"![CDATA[") => self.skip_to(self.at + b"<![CDATA[".len()),
            b'!' | b'?' | b'/' => {
                let end = self.greater(1)?;
                self.skip_to(end + 1)
            }
            _ => None,
        }
    }

    /// Passes over what is neither text nor has an effect; of a CDATA section only the signs around its content.
    #[expect(clippy::unnecessary_wraps, reason = "one of the steps of `angle`, of which others may decline")]
    fn skip_to(&mut self, end: usize) -> Option<()> {
        self.text();
        self.at = end;
        Some(())
    }

    /// Finds `>` from `skip` bytes ahead on; remembers when there is none.
    fn greater(&mut self, skip: usize) -> Option<usize> {
        if self.lacks(Ending::Greater) {
            return None;
        }
        let from = self.at + skip;
        let found = memchr::memchr(b'>', self.source.as_bytes().get(from..).unwrap_or_default());
        if found.is_none() {
            self.lacking |= Ending::Greater as u8;
        }
        found.map(|offset| from + offset)
    }

    const fn lacks(&self, ending: Ending) -> bool {
        self.lacking & ending as u8 != 0
    }

    /// `<!-->` and `<!--->` are whole comments; an unclosed one hides nothing from us.
    fn comment(&mut self) -> Option<()> {
        self.text();
        let inside = self.at + 2;
        let end = if self.lacks(Ending::Comment) {
            None
        } else {
            COMMENT_END.find(self.source.as_bytes().get(inside..)?).map(|length| inside + length)
        };
        if let Some(end) = end {
            self.extra.raw(self.source, (self.at + 4).min(end)..end);
            self.at = end + 3;
        } else {
            self.lacking |= Ending::Comment as u8;
            self.at += 4;
        }
        Some(())
    }

    fn close_tag(&mut self) -> Option<()> {
        let end = self.greater(2)?;
        self.text();
        let inner = self.source.get(self.at + 2..end).unwrap_or_default();
        let length = inner.bytes().position(|byte| byte.is_ascii_whitespace() || byte == b'/');
        let name = inner.get(..length.unwrap_or(inner.len())).unwrap_or_default();
        let at = self.at;
        self.at = end + 1;
        match Effect::of(name) {
            Effect::Preformatted => {
                self.preformatted = self.preformatted.saturating_sub(1);
                self.sink().block();
            }
            Effect::Block => self.sink().block(),
            Effect::Row => self.sink().row(),
            Effect::Line => self.sink().line(at),
            Effect::Inline | Effect::Void | Effect::Cell | Effect::Script | Effect::Style => {}
        }
        self.elements.close(name);
        if let Some((hider, depth)) = self.hider.filter(|(hider, _)| hider.eq_ignore_ascii_case(name)) {
            self.hider = if depth > 1 { Some((hider, depth - 1)) } else { None };
        }
        Some(())
    }

    fn open_tag(&mut self) -> Option<()> {
        let at = self.at;
        let tag = self.tag()?;
        self.text();
        self.at = tag.end;
        let effect = Effect::of(tag.name);
        match self.hider {
            Some((hider, depth)) if !effect.is_void() && hider.eq_ignore_ascii_case(tag.name) => {
                self.hider = Some((hider, depth + 1));
            }
            None if tag.is_hidden && !effect.is_void() => {
                self.hider = Some((tag.name, 1));
                self.hidden.row();
            }
            Some(_) | None => {}
        }
        for value in &tag.values {
            self.extra.attribute_line(self.source, value.clone());
        }
        let begins = self.elements.open(tag.name);
        if begins == Begins::Record {
            self.sink().row();
        }
        match effect {
            Effect::Inline if begins != Begins::Nothing => self.sink().cell(at),
            Effect::Preformatted => {
                self.preformatted += 1;
                self.sink().block();
            }
            Effect::Block => self.sink().block(),
            Effect::Row => self.sink().row(),
            Effect::Cell => self.sink().cell(at),
            Effect::Line => self.sink().line(at),
            Effect::Script => self.raw_text(tag.name, Ending::Script),
            Effect::Style => self.raw_text(tag.name, Ending::Style),
            Effect::Inline | Effect::Void => {}
        }
        Some(())
    }

    fn tag(&mut self) -> Option<Tag<'a>> {
        if !self.lacks(Ending::Quote) {
            if let Some(tag) = read_tag(self.source, self.at) {
                return Some(tag);
            }
            self.lacking |= Ending::Quote as u8;
        }
        let end = self.greater(1)?;
        Some(Tag::without_attributes(self.source, self.at, end + 1))
    }

    /// The content of `script` and `style` ends at their own closing tag, whatever stands inside.
    fn raw_text(&mut self, name: &str, ending: Ending) {
        if self.lacks(ending) {
            return;
        }
        let bytes = self.source.as_bytes();
        let content = bytes.get(self.at..).unwrap_or_default();
        let closes = |found: &usize| {
            let after = content.get(found + 2..).unwrap_or_default();
            after.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
        };
        let found = memchr::memmem::find_iter(content, b"</").find(closes);
        match found {
            Some(length) => {
                self.extra.raw(self.source, self.at..self.at + length);
                self.at += length;
            }
            None => self.lacking |= ending as u8,
        }
    }
}

/// Finds the next `<` or `&`; where one follows another, that takes no search.
fn next_sign(bytes: &[u8], from: usize) -> Option<usize> {
    if matches!(bytes.get(from), Some(b'<' | b'&')) {
        return Some(from);
    }
    memchr::memchr2(b'<', b'&', bytes.get(from..)?).map(|found| from + found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(source: &str) -> String {
        unwrap_html(source).text
    }

    #[test]
    fn a_page_reads_as_a_reader_sees_it() {
        for (source, lines) in [
            ("9990<b>4838</b>3464<i></i>5856", "9990483834645856"),
            ("a<br>b<br/>c<p>d</p>e", "a\nb\nc\nd\ne"),
            ("<ul><li>one<li>two</ul>three", "one\ntwo\nthree"),
            (
                "<table><tr><th>name</th><th>pan</th></tr><tr><td>A</td><td></td><td>B</td></tr></table>",
                "name\tpan\nA\t\tB",
            ),
            ("<table><tr><td>A<td>B<tr><td>C<td>D</table>", "A\tB\nC\tD"),
            ("<tr><td><p>A</p></td>\n <td><div>B</div><div>C</div></td></tr>", "A\tB\nC"),
            ("one\n   two <b> three</b>", "one two three"),
            ("<pre>one\n  two</pre>three", "one\n  two\nthree"),
            ("4111&nbsp;1111&#49;&#x31; &lt;b&gt; AT&T", "4111\u{a0}111111 <b> AT&T"),
            ("a<!-- 99901 --><b>b</b><!---->c", "abc\n\n\n 99901 "),
            ("a < b <3 </ > <> &", "a < b <3 <> &"),
            ("<![CDATA[<p>x</p>]]>", "x\n]]>"),
            (
                "<?xml version=\"1.0\"?><rows><row><n>A</n><c><p>1</p><q>2</q></c></row><row><n>B</n></row></rows>",
                "A\t1\t2\nB",
            ),
            ("<?xml version=\"1.0\"?><html><n>A</n><b>B</b></html>", "AB"),
            ("<?xml version=\"1.0\"?><w:document><w:p><w:r>A</w:r><w:r>B</w:r></w:p></w:document>", "AB"),
            ("<script>var pan = '99901';</script><style>p { width: 10 }</style>z", "z\n\n\nvar pan = '99901';"),
        ] {
            assert_eq!(text(source), lines, "{source}");
        }
    }

    #[test]
    fn hidden_junk_does_not_break_a_visible_value() {
        for junk in [
            r#"<font class="jammer">x9_</font>"#,
            r#"<span style="display: NONE">7 <span>8</span></span>"#,
            "<i hidden>7</i>",
            r"<span style='visibility:hidden'>7</span>",
        ] {
            let text = text(&format!("9990{junk}4838"));
            assert!(text.starts_with("99904838\n"), "{junk}: {text:?}");
            assert!(text.len() > 9, "{junk} is lost");
        }
    }

    #[test]
    fn attribute_values_follow_as_lines() {
        let text = text(
            r#"<a href="mailto:su%40post.example?x=1" class=quiet title='Карта &quot;9990&quot;'><input value=99904838>x</a>"#,
        );
        assert_eq!(text, "x\n\n\nmailto:su@post.example?x=1\n\n\nКарта \"9990\"\n\n\n99904838");
    }

    #[test]
    fn no_part_of_a_text_stands_behind_the_end_of_its_page() {
        for source in ["<a b=99904838>x", "<a b=99904838>x</ti", "<i hidden>7</i><a b=99904838>x"] {
            let markup = unwrap_html_mapped(source);
            for at in 0..markup.text.len() {
                let range = markup.trace.to_source(&(at..at + 1));
                assert!(range.end <= source.len(), "{source}: {at} stands at {range:?}");
            }
        }
    }

    #[test]
    fn broken_markup_loses_nothing() {
        for source in [
            "<a href=\"99904838",
            "<a b='1' c=\"99904838</a>",
            "<!-- 99904838",
            "<script>99904838",
            "<div 99904838",
            "<p>a<table><tr><td>99904838",
            "<![CDATA[99904838",
            "<pre><pre></pre>99904838",
            "<b/99904838",
        ] {
            assert!(text(source).contains("99904838"), "{source}: {:?}", text(source));
        }
    }

    #[test]
    fn hostile_pages_take_linear_time() {
        for piece in [
            "<",
            "<a ",
            "<a \"",
            "<a b='",
            "<!--",
            "<script>",
            "<style",
            "</",
            "<![CDATA[",
            "&#",
            "&amp",
            "<td>",
            "<a b=\"'>",
        ] {
            let page = piece.repeat(400_000 / piece.len());
            let _ = text(&page);
        }
    }

    fn scraps() -> impl Strategy<Value = String> {
        let piece = proptest::sample::select(vec![
            "<b>",
            "</b>",
            "<td>",
            "<tr>",
            "<p>",
            "<br>",
            "<pre>",
            "</pre>",
            "<span hidden>",
            "</span>",
            "<a href='x@y%40z&amp;12345'>",
            "<!--",
            "-->",
            "<script>",
            "</script>",
            "&nbsp;",
            "&#52;",
            "&",
            "<",
            ">",
            "'",
            "\"",
            " ",
            "\n",
            "4111",
            "张三",
            "é",
            "<i title=\"",
        ]);
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn every_word_of_the_view_is_told_where_it_stands(source in scraps()) {
            let plain = unwrap_html(&source);
            let mapped = unwrap_html_mapped(&source);
            prop_assert_eq!(&plain.text, &mapped.text);
            for word in ["4111", "张三", "é", "x@y"] {
                for (at, _) in mapped.text.match_indices(word) {
                    let range = mapped.trace.to_source(&(at..at + word.len()));
                    let cut = source.get(range).unwrap();
                    let again = match mapped.region(at) {
                        Region::Flow => unwrap_html(cut).text,
                        Region::Raw => cut.to_owned(),
                        region @ (Region::Attribute | Region::Link) => unwrap_attribute(cut, region),
                    };
                    prop_assert_eq!(again.as_str(), word);
                }
            }
        }
    }
}
