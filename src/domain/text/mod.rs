//! Decode, unwrap, fold: views of a text, each with a map back to the original bytes.
//!
//! Bytes become text ([`decode`]), markup becomes lines (`html`), spellings become one spelling (`fold`). Every
//! stage can tell which of its input's bytes a range of its output came from, so that a find is told in raw bytes.
//! Not here: what is looked for (`matcher`), containers (`container`).

mod charset;
mod map;

pub use charset::{Decoded, decode, decode_known};
pub use map::OffsetMap;
