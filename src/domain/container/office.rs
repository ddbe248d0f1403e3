//! Office documents that are zip archives inside: text documents and slides to lines, open spreadsheets to rows.
//!
//! Parts that hold no text of their own (pictures, embedded files, properties, link targets) stay ordinary members of
//! the archive. Not here: workbooks (`workbook`).

use std::collections::HashSet;
use std::io::Read;

use super::guard::Guard;
use super::xml::{Attributes, Ending, Token, walk};
use super::zipped::Archive;
use super::{Body, Origin, Piece, Place, Unpacker, push_inline};

/// What a zip archive is, by the parts it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Office Open XML: text stands in `t`.
    Open,
    /// `OpenDocument`: text stands in `p` and `h`.
    Document,
}

impl Unpacker<'_> {
    /// Gives the text of an office document; returns the names of the archive's members that it came from.
    pub(super) fn office(&mut self, place: &Place, archive: &mut Archive, body: &dyn Body) -> HashSet<Vec<u8>> {
        let has = |name: &str| archive.index_for_name(name).is_some();
        if has("xl/workbook.xml") {
            return self.workbook(place, archive);
        }
        if has("xl/workbook.bin") && self.binary_workbook(place, body) {
            return archive.file_names_raw().filter(|name| name.ends_with(b".bin")).map(<[u8]>::to_vec).collect();
        }
        let (dialect, is_text): (Dialect, fn(&str) -> bool) = if has("word/document.xml") {
            (Dialect::Open, is_word_part)
        } else if has("ppt/presentation.xml") {
            (Dialect::Open, is_slide)
        } else if has("content.xml") && (has("mimetype") || has("META-INF/manifest.xml")) {
            (Dialect::Document, |name| matches!(name, "content.xml" | "styles.xml"))
        } else {
            return HashSet::new();
        };
        let mut rendered = HashSet::new();
        for index in 0..archive.len() {
            let Some(Ok(name)) = archive.name_for_index(index).map(|name| name.map(std::borrow::Cow::into_owned))
            else {
                continue;
            };
            if is_text(&name)
                && self.may_open_another(place)
                && self.office_part(place, archive, (index, &name), dialect)
            {
                rendered.insert(name.into_bytes());
            }
        }
        rendered
    }

    /// Gives one part; false if it cannot be read to its end, so that it is searched as it stands too.
    fn office_part(
        &mut self,
        place: &Place,
        archive: &mut Archive,
        (index, name): (usize, &str),
        dialect: Dialect,
    ) -> bool {
        let Ok(member) = archive.by_index(index) else { return false };
        let packed_bytes = member.compressed_size();
        let inner = place.member(name.as_bytes());
        let mut guard = Guard::new(member, self, packed_bytes);
        let cut = guard.cut();
        let ending = match dialect {
            Dialect::Open => self.prose(&inner, &mut guard, dialect),
            Dialect::Document => self.open_document(place, &inner, &mut guard),
        };
        self.tell_cut(&inner, &cut);
        if ending == Ending::Broken {
            self.odd("member-unreadable", &inner, "a part of a document is damaged; what could be read is searched");
        }
        ending == Ending::Whole
    }

    fn prose(&mut self, place: &Place, reader: &mut dyn Read, dialect: Dialect) -> Ending {
        let mut lines = Lines::begin(self.visit, &place.path);
        let mut prose = Prose::new(dialect);
        let ending = walk(reader, &mut |token| {
            prose.take(&token, &mut lines);
            true
        });
        lines.end();
        ending
    }

    /// Gives the prose of an open document, and each of its tables as a member of its own if it is a spreadsheet.
    fn open_document(&mut self, place: &Place, inner: &Place, reader: &mut dyn Read) -> Ending {
        let mut lines = Lines::begin(self.visit, &inner.path);
        let mut prose = Prose::new(Dialect::Document);
        let mut sheet: Option<Cells> = None;
        let mut is_spreadsheet = false;
        let ending = walk(reader, &mut |token| {
            match (&token, &mut sheet) {
                (Token::Open("spreadsheet", _), _) => is_spreadsheet = true,
                (Token::Open("table", attributes), None) if is_spreadsheet => {
                    let name = attributes.get("name").unwrap_or_default();
                    lines.switch_to(&place.member(name.as_bytes()).path);
                    sheet = Some(Cells::default());
                }
                (Token::Close("table"), Some(_)) => sheet = None,
                (_, Some(cells)) => cells.take(&token, &mut lines),
                (_, None) => prose.take(&token, &mut lines),
            }
            true
        });
        lines.end();
        ending
    }
}

fn is_word_part(name: &str) -> bool {
    const TEXTS: [&str; 6] = ["document", "header", "footer", "footnotes", "endnotes", "comments"];
    let part = name.strip_prefix("word/").and_then(|name| name.strip_suffix(".xml"));
    part.is_some_and(|part| !part.contains('/') && TEXTS.iter().any(|text| part.starts_with(text)))
}

fn is_slide(name: &str) -> bool {
    let folders = ["ppt/slides/", "ppt/notesSlides/", "ppt/comments/"];
    let part = name.strip_suffix(".xml");
    let is_in = |folder: &&str| part.and_then(|part| part.strip_prefix(folder)).is_some_and(|file| !file.contains('/'));
    folders.iter().any(is_in)
}

/// A rendered member that is being written: what is written goes out in pieces. One that stays empty never begins.
pub(super) struct Lines<'v> {
    visit: &'v mut dyn FnMut(Piece<'_>),
    path: String,
    has_begun: bool,
    text: String,
}

const PIECE_BYTES: usize = 1 << 16;

impl<'v> Lines<'v> {
    pub(super) fn begin(visit: &'v mut dyn FnMut(Piece<'_>), path: &str) -> Self {
        Self { visit, path: path.to_owned(), has_begun: false, text: String::new() }
    }

    /// Ends the member and begins another.
    pub(super) fn switch_to(&mut self, path: &str) {
        self.close();
        path.clone_into(&mut self.path);
    }

    /// Adds text to the line.
    pub(super) fn push(&mut self, text: &str) {
        push_inline(&mut self.text, text);
    }

    pub(super) fn tab(&mut self) {
        self.text.push('\t');
    }

    pub(super) fn space(&mut self) {
        self.text.push(' ');
    }

    /// Ends the line.
    pub(super) fn newline(&mut self) {
        self.text.push('\n');
        if self.text.len() >= PIECE_BYTES {
            self.flush();
        }
    }

    /// Ends the member.
    pub(super) fn end(mut self) {
        self.close();
    }

    fn close(&mut self) {
        if !self.text.trim().is_empty() {
            self.flush();
        }
        self.text.clear();
        if self.has_begun {
            (self.visit)(Piece::End);
        }
        self.has_begun = false;
    }

    fn flush(&mut self) {
        if !self.has_begun {
            (self.visit)(Piece::Start(&self.path, Origin::Rendered));
        }
        self.has_begun = true;
        (self.visit)(Piece::Bytes(self.text.as_bytes()));
        self.text.clear();
    }
}

/// Reads paragraphs as lines and rows of tables as lines of tab-separated cells.
struct Prose {
    dialect: Dialect,
    cells: u32,
    /// Open tags that text counts in.
    texts: u32,
}

impl Prose {
    const fn new(dialect: Dialect) -> Self {
        Self { dialect, cells: 0, texts: 0 }
    }

    fn is_text(&self, name: &str) -> bool {
        match self.dialect {
            Dialect::Open => matches!(name, "t" | "delText" | "instrText"),
            Dialect::Document => matches!(name, "p" | "h"),
        }
    }

    fn take(&mut self, token: &Token<'_>, lines: &mut Lines<'_>) {
        match token {
            Token::Open(name, attributes) => self.open(name, attributes, lines),
            Token::Text(text) if self.texts > 0 => lines.push(text),
            Token::Text(_) => {}
            Token::Close(name) => {
                if self.is_text(name) {
                    self.texts = self.texts.saturating_sub(1);
                }
                match *name {
                    "p" | "h" if self.cells > 0 => lines.space(),
                    "tc" | "table-cell" => {
                        self.cells = self.cells.saturating_sub(1);
                        lines.tab();
                    }
                    "p" | "h" | "tr" | "table-row" => lines.newline(),
                    _ => {}
                }
            }
        }
    }

    fn open(&mut self, name: &str, attributes: &Attributes<'_>, lines: &mut Lines<'_>) {
        if self.is_text(name) {
            self.texts += 1;
        }
        match name {
            "tc" | "table-cell" => self.cells += 1,
            // A tab stop of a style names its place, a tab in a text does not.
            "tab" if attributes.get("val").is_none() && attributes.get("pos").is_none() => lines.tab(),
            "s" if self.dialect == Dialect::Document => lines.space(),
            "br" | "cr" | "line-break" if self.cells == 0 => lines.newline(),
            "br" | "cr" | "line-break" => lines.space(),
            "a" => {
                if let Some(target) = attributes.get("href") {
                    lines.push(&target);
                    lines.space();
                }
            }
            _ => {}
        }
    }
}

/// Reads the cells of a sheet: a number as it is stored, everything else as it is shown.
#[derive(Default)]
struct Cells {
    value: Option<String>,
    text: String,
    texts: u32,
    /// Cells that the one being read stands for.
    repeated: u32,
    /// Whether a cell stands before it in the row.
    is_behind: bool,
}

/// A run of equal cells is written as no more than this: only the order of cells matters to us.
const GAP_COLUMNS: u32 = 64;

impl Cells {
    fn take(&mut self, token: &Token<'_>, lines: &mut Lines<'_>) {
        match token {
            Token::Open("table-cell", attributes) => {
                let repeated = attributes.get("number-columns-repeated").and_then(|count| count.parse().ok());
                *self = Self { repeated: repeated.unwrap_or(1), is_behind: self.is_behind, ..Self::default() };
                self.value = attributes.get("value").or_else(|| attributes.get("date-value"));
            }
            Token::Open("p" | "h", _) => self.texts += 1,
            Token::Close("p" | "h") => {
                self.texts = self.texts.saturating_sub(1);
                self.text.push(' ');
            }
            Token::Open("s", _) => self.text.push(' '),
            Token::Text(text) if self.texts > 0 => self.text.push_str(text),
            Token::Close("table-cell") => {
                let shown = self
                    .value
                    .as_deref()
                    .map_or_else(|| self.text.trim_end().to_owned(), super::workbook::plain_number);
                if self.is_behind {
                    lines.tab();
                }
                lines.push(&shown);
                if shown.is_empty() {
                    (1..self.repeated.min(GAP_COLUMNS)).for_each(|_| lines.tab());
                }
                self.is_behind = true;
            }
            Token::Close("table-row") => {
                self.is_behind = false;
                lines.newline();
            }
            Token::Open(..) | Token::Close(_) | Token::Text(_) => {}
        }
    }
}
