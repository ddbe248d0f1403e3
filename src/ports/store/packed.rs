//! Long texts are packed before they are sealed, because what is sealed does not pack.
//!
//! A packed text begins with a byte that no text begins with, so that texts kept by older versions are read as they stand.

use std::cell::RefCell;

use zstd::bulk::{Compressor, decompress};

/// First byte of a packed text; UTF-8 has no such byte.
const MARK: u8 = 0xff;
/// Shorter texts are kept as they stand: to pack one takes some 12 µs, and a post of half this length is a quarter shorter then.
const LEAST_BYTES: usize = 1024;
/// The fastest level; the next ones take longer and save a tenth.
const LEVEL: i32 = 1;
/// What a packed text may unpack to: more than a page may hold.
const LIMIT_BYTES: usize = 1 << 30;
/// Length of the unpacked text, behind the mark.
const LENGTH_BYTES: usize = 4;

thread_local! {
    /// Made once for each thread: to make one takes longer than to pack a post.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
}

/// Packs a text; `None` where nothing would be gained.
pub(super) fn pack(plain: &str) -> Option<Vec<u8>> {
    if plain.len() < LEAST_BYTES || plain.len() > LIMIT_BYTES {
        return None;
    }
    let length = u32::try_from(plain.len()).ok()?;
    let frame = COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(plain.as_bytes()).ok())?;
    let mut packed = Vec::with_capacity(1 + LENGTH_BYTES + frame.len());
    packed.push(MARK);
    packed.extend_from_slice(&length.to_le_bytes());
    packed.extend_from_slice(&frame);
    (packed.len() < plain.len()).then_some(packed)
}

/// Returns the text, which need not be packed; `None` if it is neither.
pub(super) fn unpack(kept: Vec<u8>) -> Option<String> {
    let Some(rest) = kept.strip_prefix(&[MARK]) else { return String::from_utf8(kept).ok() };
    let (length, frame) = rest.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= LIMIT_BYTES)?;
    let plain = decompress(frame, length).ok().filter(|plain| plain.len() == length)?;
    String::from_utf8(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_packed_or_not() {
        let long = "张三, selling 9990 4838; ".repeat(400);
        for text in ["", "short", &long] {
            let kept = pack(text).unwrap_or_else(|| text.as_bytes().to_vec());
            assert_eq!(unpack(kept).as_deref(), Some(text));
        }
        assert!(pack(&long).is_some_and(|packed| packed.len() < long.len() / 10));
    }

    #[test]
    fn nothing_is_packed_that_would_not_shrink() {
        let mut state = 7_u32;
        let noise: String = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_u32(0x4e00 + (state >> 17)).unwrap_or('x')
        })
        .take(300)
        .collect();
        assert!(pack(&noise).is_none_or(|packed| packed.len() < noise.len()));
        assert!(pack("a short text").is_none());
    }

    #[test]
    fn what_was_damaged_is_no_text() {
        let packed = pack(&"abc".repeat(900)).unwrap();
        for cut in [1, 3, 6, packed.len() - 1] {
            assert_eq!(unpack(packed[..cut].to_vec()), None);
        }
        assert_eq!(unpack(vec![MARK, 0xff, 0xff, 0xff, 0xff, 1]), None);
        assert_eq!(unpack(vec![b'a', 0x80]), None);
    }
}
