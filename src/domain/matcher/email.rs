//! Mail addresses in a text: found by their `@`, compared whole, so their cost does not grow with the watchlist.

use std::ops::Range;

use super::table::{Table, hash};

const LOCAL_BYTES: usize = 64;
const HOST_BYTES: usize = 255;

/// Calls `found` with the range and the targets of every watched address in a folded text.
pub(super) fn walk(text: &str, table: &Table, found: &mut impl FnMut(Range<usize>, (u32, u32))) {
    if table.is_empty() {
        return;
    }
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'@', bytes) {
        let is_between = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|byte| is_any_member(*byte));
        if !is_between(at.checked_sub(1)) || !is_between(at.checked_add(1)) {
            continue;
        }
        // Addresses in other scripts are tried too: `почта@пример.рф`; the ASCII reading goes first.
        for member in [is_ascii_member as fn(u8) -> bool, is_any_member] {
            let range = around(bytes, at, member);
            let address = bytes.get(range.clone()).unwrap_or_default();
            if range.start < at
                && range.end > at + 1
                && let Some(targets) = table.find(hash(address), |key| key == address)
            {
                found(range, targets);
                break;
            }
        }
    }
}

fn around(bytes: &[u8], at: usize, member: fn(u8) -> bool) -> Range<usize> {
    let before = bytes.get(at.saturating_sub(LOCAL_BYTES)..at).unwrap_or_default();
    let local = before.iter().rev().take_while(|byte| member(**byte) || matches!(byte, b'%' | b'+')).count();
    let after = bytes.get(at + 1..(at + 1 + HOST_BYTES).min(bytes.len())).unwrap_or_default();
    let host = after.iter().take_while(|byte| member(**byte)).count();
    // Dots and dashes at the ends belong to the sentence.
    let is_edge = |byte: &u8| matches!(byte, b'.' | b'-' | b'_');
    let lead = before.get(before.len() - local..).unwrap_or_default().iter().take_while(|byte| is_edge(byte)).count();
    let trail = after.get(..host).unwrap_or_default().iter().rev().take_while(|byte| is_edge(byte)).count();
    at - local + lead..at + 1 + host - trail
}

const fn is_ascii_member(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

const fn is_any_member(byte: u8) -> bool {
    is_ascii_member(byte) || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_whole_and_alone() {
        let keys = ["quill161@inbox.example", "s.u+x@post.example", "квилл@почта.рф"];
        let table = Table::build((0_u32..).zip(keys).map(|(index, key)| (key, (index, index + 1))));
        for (text, expected) in [
            ("quill161@inbox.example", vec![0]),
            ("mail:quill161@inbox.example.", vec![0]),
            ("邮箱quill161@inbox.example有效", vec![0]),
            ("<s.u+x@post.example>;quill161@inbox.example:pass", vec![1, 0]),
            ("почта:квилл@почта.рф", vec![2]),
            ("quill161@inbox.example.org", vec![]),
            ("aquill161@inbox.example", vec![]),
            ("quill161@@inbox.example @ @x x@", vec![]),
            ("...quill161@inbox.example--", vec![0]),
        ] {
            let mut found = Vec::new();
            walk(text, &table, &mut |_, (index, _)| found.push(index));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_page_of_signs_takes_linear_time() {
        let table = Table::build([("a@b.example", (0, 1))].into_iter());
        let mut count = 0;
        walk(&"@".repeat(300_000), &table, &mut |_, _| count += 1);
        walk(&"a@".repeat(150_000), &table, &mut |_, _| count += 1);
        assert_eq!(count, 0);
    }
}
