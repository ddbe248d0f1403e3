//! PDF documents to text, a page at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document, PlainTextOutput, output_doc_page};

use super::body::{Body, read_whole};
use super::{Origin, Piece, Place, Unpacker};

/// Pages read of one document.
const PAGES: usize = 20_000;

impl Unpacker<'_> {
    pub(super) fn pdf(&mut self, place: &Place, mut body: Box<dyn Body>) {
        let bytes = read_whole(&mut *body, self.order.limits.held_bytes);
        // The library's way to refuse a file is to panic.
        let opened = catch_unwind(AssertUnwindSafe(|| Document::load_mem(&bytes))).ok().and_then(Result::ok);
        drop(bytes);
        let Some(mut document) = opened else {
            self.odd("member-unreadable", place, "a PDF is damaged; it is searched as it stands");
            return self.give_body(place, &mut *body);
        };
        if document.is_encrypted() && !self.unlock(&mut document) {
            return self.odd_locked(place);
        }
        let pages: Vec<u32> = document.get_pages().into_keys().collect();
        if pages.len() > PAGES {
            self.odd("container-too-large", place, "a PDF has more pages than the limits allow; its rest is left out");
        }
        if !self.may_open_another(place) {
            return;
        }
        let (mut unread, mut letters) = (0_u32, 0_usize);
        (self.visit)(Piece::Start(&place.member(b"text").path, Origin::Rendered));
        for page in pages.into_iter().take(PAGES) {
            let text = catch_unwind(AssertUnwindSafe(|| page_text(&document, page))).ok().flatten();
            unread += u32::from(text.is_none());
            let text = text.unwrap_or_default();
            letters += text.trim().len();
            (self.visit)(Piece::Bytes(text.as_bytes()));
            (self.visit)(Piece::Bytes(b"\n"));
        }
        (self.visit)(Piece::End);
        if unread > 0 {
            self.odd("member-unreadable", place, &format!("{unread} pages of a PDF cannot be read"));
        }
        if letters == 0 {
            self.odd(
                "member-without-text",
                place,
                "a PDF holds no text, perhaps pictures of it; it is searched as it stands",
            );
            self.give_body(place, &mut *body);
        }
    }

    /// Opens an encrypted document with no password, as most are, or with one of those that are known.
    fn unlock(&mut self, document: &mut Document) -> bool {
        let mut opens =
            |password: &str| catch_unwind(AssertUnwindSafe(|| document.decrypt(password).is_ok())).unwrap_or_default();
        if opens("") {
            return true;
        }
        let opening = self.passwords().into_iter().find(|(_, password)| opens(password.reveal()));
        self.proven = opening.as_ref().map(|(number, _)| *number).or(self.proven);
        opening.is_some()
    }
}

fn page_text(document: &Document, page: u32) -> Option<String> {
    let mut text = String::new();
    let mut output = PlainTextOutput::new(&mut text);
    output_doc_page(document, &mut output, page).ok()?;
    Some(text)
}
