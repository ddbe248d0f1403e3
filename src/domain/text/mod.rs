//! Decode, unwrap, fold: views of a text, each with a map back to the original bytes.
//!
//! Bytes become text ([`decode`]), markup becomes lines, spellings become one spelling ([`fold()`]); a [`View`] is all
//! three. Every stage can tell which bytes of its input a range of its output came from, so that a find is told in raw
//! bytes and can be read there again ([`replay`]). Not here: what is looked for (`matcher`), archives (`container`).

mod charset;
mod entity;
mod fold;
mod html;
mod html_sink;
mod html_tag;
mod map;
mod view;

pub use charset::{Decoded, PieceEnd, charset_of, decode, decode_known, piece_end};
pub use fold::fold;
pub use map::OffsetMap;
pub use view::{COMPACT, Form, Locator, Place, View, replay};
