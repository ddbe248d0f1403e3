//! Decode, unwrap, fold: views of a text, each with a map back to the original bytes.
//!
//! Bytes become text ([`decode`]), markup becomes lines, spellings become one spelling ([`fold()`]); a [`View`] is all
//! three. Texts within a text, behind transfer layers or odd spellings, are [`Derived`]. Every stage can tell which bytes of its input a range of its output came from, so that a find is told in raw
//! bytes and can be read there again ([`replay()`]). Not here: what is looked for (`matcher`), archives (`container`).

mod address;
mod blob;
pub(in crate::domain) mod block;
mod charset;
mod deep;
mod draft;
pub(in crate::domain) mod entity;
mod escape;
mod fold;
mod form;
mod han;
pub(in crate::domain) mod html;
mod html_sink;
mod html_tag;
mod layers;
mod lines;
mod locate;
mod look_alike;
mod map;
mod noise;
mod numeral;
mod replay;
mod step;
mod view;

pub use address::{plain_addresses, plain_addresses_mapped};
pub use charset::{Decoded, PieceEnd, charset_of, decode, decode_known, piece_end};
pub use fold::fold;
pub use form::form_of;
pub use layers::{Derived, Trust};
pub use locate::{DerivedLocator, Locator, Place};
pub use map::OffsetMap;
pub use replay::{COMPACT, replay};
pub use view::{Form, View};
