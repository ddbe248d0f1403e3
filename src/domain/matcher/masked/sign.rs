//! The signs that people hide characters behind.

/// Tells how many bytes of a folded text from an offset are one sign; zero if none begins there.
///
/// `×` stands for `x`, a bullet was folded to a middle dot, `…` to three points.
pub(super) fn length(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..) {
        Some([b'*' | b'#' | b'x' | b'.', ..]) => 1,
        Some([0xc2, 0xb7, ..] | [0xc3, 0x97, ..]) => 2,
        // ● ○ ◯ ■ □ ▪ █ ▓ ▒ ░ ∗ ⁎
        Some(
            [0xe2, 0x97, 0x8f | 0x8b | 0xaf, ..]
            | [0xe2, 0x96, 0xa0 | 0xa1 | 0xaa | 0x88 | 0x91..=0x93, ..]
            | [0xe2, 0x88, 0x97, ..]
            | [0xe2, 0x81, 0x8e, ..],
        ) => 3,
        Some(_) | None => 0,
    }
}

/// Tells how many bytes two or more equal signs take from an offset; zero if there are fewer.
pub(super) fn run(bytes: &[u8], at: usize) -> usize {
    let length = length(bytes, at);
    let sign = bytes.get(at..at + length).unwrap_or_default();
    if length == 0 {
        return 0;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let count = rest.chunks_exact(length).take_while(|chunk| *chunk == sign).count();
    if count < 2 { 0 } else { count * length }
}

/// Finds the next run of signs; sixteen bytes at a time where there is none.
pub(super) fn next_run(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while at < bytes.len() {
        let rest = bytes.get(at..)?;
        let following = rest.get(1..).unwrap_or_default();
        let quiet = rest
            .chunks_exact(16)
            .zip(following.chunks_exact(16))
            .take_while(|(chunk, next)| {
                !chunk.iter().zip(*next).fold(false, |seen, (one, two)| seen | may_begin(*one, *two))
            })
            .count();
        at += quiet * 16;
        let end = (at + 16).min(bytes.len());
        while at < end {
            let length = run(bytes, at);
            if length > 0 {
                return Some((at, length));
            }
            at += 1;
        }
    }
    None
}

/// Two equal signs, or the first bytes of one beyond ASCII.
#[expect(clippy::needless_bitwise_bool, reason = "without branches sixteen bytes are compared at once")]
const fn may_begin(one: u8, two: u8) -> bool {
    let is_ascii = (one == b'*') | (one == b'#') | (one == b'x') | (one == b'.');
    let is_lead = (one == 0xc2) | (one == 0xc3) | (one == 0xe2);
    let is_second = (two == 0xb7) | (two == 0x97) | (two == 0x96) | (two == 0x88) | (two == 0x81);
    (is_ascii & (one == two)) | (is_lead & is_second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_sign_makes_a_run() {
        for signs in ["**", "####", "xx", "...", "···", "●●", "■■■", "██", "××", "∗∗"] {
            let text = format!("some words before it, 12345{signs}678");
            let at = text.find(signs).unwrap();
            assert_eq!(next_run(text.as_bytes(), 0), Some((at, signs.len())), "{signs}");
        }
        for text in ["a * b", "x y", "end. x", "a·b", "●", "中文字符"] {
            assert_eq!(next_run(text.as_bytes(), 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn runs_are_those_of_a_naive_search(text in "([*x#.●·é中]|[a-w ]){0,60}") {
            let bytes = text.as_bytes();
            let naive = (0..bytes.len()).map(|at| (at, run(bytes, at))).find(|(_, length)| *length > 0);
            prop_assert_eq!(next_run(bytes, 0), naive);
        }
    }
}
