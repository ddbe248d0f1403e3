//! Bytes that are no text in any charset: packed, encrypted, programs.
//!
//! Such bytes are searched as they stand; not for what somebody disguised, and in one charset only.

/// So many control characters, and one for each so many bytes of ASCII: nobody writes that, but in what is packed,
/// encrypted or a program every tenth byte is one.
const NOISE_CONTROLS: usize = 64;
const NOISE_SHARE: usize = 8;
/// Tables that use control characters between their columns use one or two.
const NOISE_KINDS: u32 = 12;

/// Tells bytes that are no text in any charset: what stands in them plainly is found, but nobody disguised it.
///
/// Zeros do not count, which files of other kinds hold between their texts.
pub(super) fn is_noise(text: &[u8]) -> bool {
    let (mut controls, mut ascii) = (0, 0);
    // Sums that fit a byte are made sixteen or more at once.
    for chunk in text.chunks(128) {
        let sum =
            |class: fn(u8) -> bool| usize::from(chunk.iter().fold(0_u8, |sum, byte| sum + u8::from(class(*byte))));
        controls += sum(is_odd_control);
        ascii += sum(|byte| byte.wrapping_sub(1) < 0x7f);
    }
    controls >= NOISE_CONTROLS && controls * NOISE_SHARE > ascii && has_many_kinds(text)
}

/// Tells whether there are too many kinds of control characters for columns to be parted by them.
fn has_many_kinds(text: &[u8]) -> bool {
    let mut kinds = 0_u32;
    text.iter().filter(|byte| is_odd_control(**byte)).any(|byte| {
        kinds |= 1 << (byte & 31);
        kinds.count_ones() >= NOISE_KINDS
    })
}

/// Control characters other than white space, zero and the escape of ISO-2022-JP.
#[expect(clippy::needless_bitwise_bool, reason = "without branches sixteen bytes are compared at once")]
const fn is_odd_control(byte: u8) -> bool {
    let is_low = byte.wrapping_sub(1) < 0x1f;
    (is_low & (byte != b'\t') & (byte != b'\n') & (byte != b'\r') & (byte != 0x0c) & (byte != 0x1b)) | (byte == 0x7f)
}
