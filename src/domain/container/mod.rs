//! Archives, mail and documents to members of text, within limits.
//!
//! Content is streamed: an archive in an archive costs no memory but that of its decoders, and only formats that must be
//! seen whole are held. What cannot be unpacked is given as it stands and named as an oddity: never silence. The parsers
//! behind this are not trusted with hostile bytes: `ports::sandbox` runs them in a process of their own. Not here: the text
//! inside (`text`), what is looked for (`matcher`), processes (`ports::sandbox`).

mod body;
mod compound;
mod guard;
mod kind;
mod mail;
mod office;
mod packed;
mod pdf;
mod rar;
mod seven;
mod sheets;
mod sqlite;
mod workbook;
mod xml;
mod zipped;

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

pub use body::{Body, Held};
pub use kind::{HEAD_BYTES, is_container, is_container_body, may_be_container};

use guard::Guard;
use kind::{CARRIED_BYTES, Ends, Kind};

use crate::domain::oddity::Oddity;
use crate::domain::secret::Secret;
use crate::domain::text::decode;

/// What a container may cost; the rest of one that costs more is left out, and named as an oddity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Containers within containers.
    pub depth: u32,
    /// Members in all.
    pub members: u32,
    /// Bytes of one member of a kind that cannot be streamed: a workbook in an archive, a PDF.
    pub held_bytes: u64,
    /// Unpacked bytes in all.
    pub total_bytes: u64,
    /// Unpacked bytes for each packed one; no real table of customers packs better than this.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 6, members: 100_000, held_bytes: 256 << 20, total_bytes: 16 << 30, ratio: 250 }
    }
}

/// Passwords tried on one archive; deriving a key takes a tenth of a second in some formats.
pub const PASSWORDS_LIMIT: usize = 200;

/// What is to be unpacked, and how.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// File name or URL path, a hint.
    pub name: String,
    /// What it may cost.
    pub limits: Limits,
    /// Passwords to try, the likeliest first.
    pub passwords: Vec<Secret<String>>,
    /// Whether documents are given as they stand, and no library reads them: one has ended the process before.
    pub is_careful: bool,
}

/// How a member's bytes came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Origin {
    /// They are the document itself.
    #[default]
    Document,
    /// A file of a container, as it was packed.
    File,
    /// Text written from a document's structure: rows as lines of tab-separated cells, paragraphs as lines.
    Rendered,
}

/// One step of what comes out of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A member begins. Its path inside the document: `data/part1.csv`, `clients`; empty for the document itself.
    Start(&'a str, Origin),
    /// Some more of its bytes.
    Bytes(&'a [u8]),
    /// It ends.
    End,
    /// Something could not be read as expected.
    Odd(Oddity),
}

/// Gives every member of a document to `visit`, or the document itself if it is no container.
pub fn unpack(order: &Order, mut body: Box<dyn Body>, visit: &mut dyn FnMut(Piece<'_>)) {
    let total_bytes = match body::length(&mut *body) {
        Ok(bytes) => order.limits.total_bytes.min(bytes.saturating_mul(order.limits.ratio).max(64 << 20)),
        Err(_) => order.limits.total_bytes,
    };
    let mut unpacker = Unpacker::new(order, total_bytes, visit);
    unpacker.open_body(&Place::top(&order.name), body);
}

/// Does what [`unpack`] does with a document that can only be read once, from its beginning.
pub fn unpack_stream(order: &Order, reader: &mut dyn Read, visit: &mut dyn FnMut(Piece<'_>)) {
    let mut unpacker = Unpacker::new(order, order.limits.total_bytes, visit);
    unpacker.open_stream(&Place::top(&order.name), reader);
}

/// Where the unpacker is.
#[derive(Debug, Clone)]
struct Place {
    path: String,
    name: String,
    depth: u32,
}

impl Place {
    fn top(name: &str) -> Self {
        Self { path: String::new(), name: name.to_owned(), depth: 0 }
    }

    /// The place of a member with this name; any charset, no control characters, bounded.
    fn member(&self, raw_name: &[u8]) -> Self {
        let name = clean_name(raw_name);
        let path = if self.path.is_empty() { name.clone() } else { format!("{}/{name}", self.path) };
        Self { path, name, depth: self.depth + 1 }
    }

    const fn origin(&self) -> Origin {
        if self.depth == 0 { Origin::Document } else { Origin::File }
    }
}

struct Unpacker<'v> {
    order: &'v Order,
    visit: &'v mut dyn FnMut(Piece<'_>),
    /// Members still allowed.
    members: u32,
    /// Bytes still allowed.
    budget: Rc<Cell<u64>>,
    /// Oddities told so far.
    told: Vec<(&'static str, u32)>,
    /// Which password opened the last archive.
    proven: Option<usize>,
}

impl<'v> Unpacker<'v> {
    fn new(order: &'v Order, total_bytes: u64, visit: &'v mut dyn FnMut(Piece<'_>)) -> Self {
        let budget = Rc::new(Cell::new(total_bytes));
        Self { order, visit, members: order.limits.members, budget, told: Vec::new(), proven: None }
    }

    /// Opens what can be read only once.
    fn open_stream(&mut self, place: &Place, reader: &mut dyn Read) {
        let head = match guard::read_up_to(reader, HEAD_BYTES as u64) {
            Ok(head) => head,
            Err(head) => return self.give(place, place.origin(), &mut head.as_slice()),
        };
        let kind = Kind::of(&Ends { head: &head, tail: &[] }, &place.name);
        let mut whole = head.as_slice().chain(reader);
        if matches!(kind, Kind::Plain) {
            return self.give(place, place.origin(), &mut whole);
        }
        if place.depth >= self.order.limits.depth {
            self.odd("container-too-deep", place, "a container within too many others is not unpacked");
            return self.give(place, place.origin(), &mut whole);
        }
        match kind {
            Kind::Packed(packing) => self.packed(packing, place, &mut whole),
            Kind::Tar => self.tar(place, &mut whole),
            Kind::Mbox => self.mbox(place, &mut whole),
            Kind::Plain
            | Kind::Zip
            | Kind::SevenZip
            | Kind::Rar
            | Kind::Compound
            | Kind::Pdf
            | Kind::Sqlite
            | Kind::Mail
            | Kind::Carrier
            | Kind::Unread(_) => self.hold(place, &mut whole),
        }
    }

    /// Takes into memory what must be seen whole.
    fn hold(&mut self, place: &Place, reader: &mut dyn Read) {
        let limit = self.order.limits.held_bytes;
        let bytes = match guard::read_up_to(reader, limit + 1) {
            Ok(bytes) if bytes.len() as u64 <= limit => bytes,
            Ok(bytes) => {
                let detail = "a packed document is too large to be unpacked; it is searched as it stands";
                self.odd("member-too-large", place, detail);
                return self.give(place, place.origin(), &mut bytes.as_slice().chain(reader));
            }
            Err(bytes) => {
                let detail = "a packed document takes more memory than it may have; its beginning is searched";
                self.odd("member-too-large", place, detail);
                return self.give(place, place.origin(), &mut bytes.as_slice());
            }
        };
        self.open_body(place, Box::new(Held::new(bytes)));
    }

    /// Opens what can be read at any place.
    fn open_body(&mut self, place: &Place, mut body: Box<dyn Body>) {
        let (head, tail) = body::ends(&mut *body);
        let ends = Ends { head: &head, tail: &tail };
        let mut kind = Kind::of(&ends, &place.name);
        if kind == Kind::Carrier {
            kind = kind::carried(&body::read_whole(&mut *body, CARRIED_BYTES.into()), &tail);
        }
        if place.depth >= self.order.limits.depth && !matches!(kind, Kind::Plain | Kind::Unread(_)) {
            self.odd("container-too-deep", place, "a container within too many others is not unpacked");
            return self.give_body(place, &mut *body);
        }
        match kind {
            Kind::Pdf | Kind::Sqlite if self.order.is_careful => {
                self.odd("container-unread", place, "a document is searched as it stands, to be safe");
                self.give_body(place, &mut *body);
            }
            Kind::Plain | Kind::Carrier => self.give_body(place, &mut *body),
            Kind::Unread(what) => {
                self.odd("container-unread", place, &format!("{what} is searched as it stands, not unpacked"));
                self.give_body(place, &mut *body);
            }
            Kind::Packed(packing) => self.packed(packing, place, &mut body),
            Kind::Tar => self.tar(place, &mut body),
            Kind::Mbox => self.mbox(place, &mut body),
            Kind::Zip => self.zip(place, body),
            Kind::SevenZip => self.seven(place, body),
            Kind::Rar => self.rar(place, body),
            Kind::Compound => self.compound(place, body),
            Kind::Pdf => self.pdf(place, body),
            Kind::Sqlite => self.sqlite(place, body),
            Kind::Mail => self.mail(place, body),
        }
    }

    /// Gives a member as it is.
    fn give(&mut self, place: &Place, origin: Origin, reader: &mut dyn Read) {
        (self.visit)(Piece::Start(&place.path, origin));
        let mut chunk = vec![0; 1 << 17];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(bytes) => (self.visit)(Piece::Bytes(chunk.get(..bytes).unwrap_or_default())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.odd("member-unreadable", place, "a file cannot be read to its end");
                    break;
                }
            }
        }
        (self.visit)(Piece::End);
    }

    /// Gives a whole document as it stands, from its first byte.
    fn give_body(&mut self, place: &Place, body: &mut dyn Body) {
        if body.rewind().is_err() {
            self.odd("member-unreadable", place, "a file cannot be read again from its beginning");
            return;
        }
        self.give(place, place.origin(), body);
    }

    /// Gives what stands before an archive in the same file: a program, a picture, or more than that.
    fn give_before(&mut self, place: &Place, body: &mut dyn Body, end: u64) {
        if end > 0 && body.rewind().is_ok() && self.may_open_another(place) {
            self.give(&place.member(b":before"), Origin::File, &mut body.take(end));
        }
    }

    /// Gives text that was written from a document's structure.
    fn give_text(&mut self, place: &Place, text: &str) {
        self.give(place, Origin::Rendered, &mut Cursor::new(text));
    }

    /// Gives the names and comments of an archive, which may hold what is looked for too.
    fn give_names(&mut self, place: &Place, names: &str) {
        if !names.trim().is_empty() && self.may_open_another(place) {
            self.give_text(&place.member(b":names"), names);
        }
    }

    /// Opens a member whose bytes come out of `reader`, which unpacks `packed_bytes` bytes.
    fn open_member(&mut self, place: &Place, reader: impl Read, packed_bytes: u64) {
        let mut guard = Guard::new(reader, self, packed_bytes);
        let cut = guard.cut();
        self.open_stream(place, &mut guard);
        self.tell_cut(place, &cut);
    }

    fn tell_cut(&mut self, place: &Place, cut: &Rc<Cell<guard::Cut>>) {
        match cut.get() {
            guard::Cut::No => {}
            guard::Cut::Limit => {
                self.odd("member-too-large", place, "a packed file grows beyond the limits; its beginning is searched");
            }
            guard::Cut::Broken => {
                self.odd("member-unreadable", place, "a packed file is damaged; what could be read of it is searched");
            }
        }
    }

    /// Takes one member off the allowance.
    fn may_open_another(&mut self, place: &Place) -> bool {
        if self.members == 0 || self.budget.get() == 0 {
            let detail = "a container holds more than the limits allow; its rest is left out";
            self.odd("container-too-large", place, detail);
            return false;
        }
        self.members -= 1;
        true
    }

    /// Returns the passwords with their numbers, the one that opened the last archive first.
    fn passwords(&self) -> Vec<(usize, Secret<String>)> {
        let listed = self.order.passwords.iter().cloned().enumerate().take(PASSWORDS_LIMIT);
        let (mut first, rest): (Vec<_>, Vec<_>) = listed.partition(|(index, _)| Some(*index) == self.proven);
        first.extend(rest);
        first
    }

    fn odd_locked(&mut self, place: &Place) {
        let count = self.order.passwords.len().min(PASSWORDS_LIMIT);
        let detail = match count {
            0 => "is encrypted, and no password is known".to_owned(),
            1 => "is encrypted, and the one password known does not open it".to_owned(),
            count => format!("is encrypted, and none of {count} passwords opens it"),
        };
        self.odd("member-encrypted", place, &detail);
    }

    /// Names an oddity and where it is; each code a few times at each depth, for a hostile archive has millions of them.
    fn odd(&mut self, code: &'static str, place: &Place, detail: &str) {
        const LIKE_THIS: usize = 8;
        if self.told.iter().filter(|told| **told == (code, place.depth)).count() >= LIKE_THIS {
            return;
        }
        self.told.push((code, place.depth));
        let detail =
            if place.path.is_empty() { detail.to_owned() } else { format!("{}: {detail}", shown(&place.path)) };
        (self.visit)(Piece::Odd(Oddity::new(code, detail)));
    }
}

/// Shows a path without the identifiers that may be in it: long numbers and mail addresses are blanked.
pub fn shown(path: &str) -> String {
    const SHOWN_CHARACTERS: usize = 120;
    let mut shown = String::new();
    for word in path.split_inclusive(['/', ' ', '_']) {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let is_private = word.contains('@');
        shown.extend(word.chars().map(|character| {
            let is_hidden = (digits > 8 && character.is_ascii_digit()) || (is_private && character.is_alphanumeric());
            if is_hidden { '*' } else { character }
        }));
    }
    match shown.char_indices().nth(SHOWN_CHARACTERS) {
        None => shown,
        Some((at, _)) => format!("{}…", shown.get(..at).unwrap_or_default()),
    }
}

/// Reads a member's name: any charset, no control characters, bounded.
fn clean_name(raw: &[u8]) -> String {
    const NAME_CHARACTERS: usize = 200;
    let decoded = decode(raw, None);
    let plain = decoded.text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character });
    plain.take(NAME_CHARACTERS).collect()
}

/// Adds a cell's or line's text, without what would break the line.
fn push_inline(line: &mut String, text: &str) {
    line.extend(text.chars().map(|character| if matches!(character, '\n' | '\r' | '\t') { ' ' } else { character }));
}

#[cfg(test)]
mod tests;
