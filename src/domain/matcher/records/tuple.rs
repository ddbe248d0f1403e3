//! Tuples: `INSERT INTO … VALUES (…),(…)`, lists of lists in JSON or in a program.
//!
//! Told by what stands between two of them rather than by counting brackets, as values hold brackets of their own.

use std::ops::Range;

use super::Records;

/// Returns the tuple that holds a range.
pub(super) fn holding(records: &mut Records<'_>, range: &Range<usize>, floor: usize) -> Option<Range<usize>> {
    [(b'(', b')'), (b'[', b']')].into_iter().find_map(|brackets| between(records, range, floor, brackets))
}

fn between(
    records: &mut Records<'_>,
    range: &Range<usize>,
    floor: usize,
    (open, close): (u8, u8),
) -> Option<Range<usize>> {
    let bytes = records.text.as_bytes();
    let before = bytes.get(floor..range.start)?;
    let start = memchr::memrchr_iter(open, before).map(|at| floor + at).find(|at| begins(bytes, *at, (open, close)))?;
    let ahead = records.ahead(start + 1);
    let end = memchr::memchr_iter(close, ahead).map(|at| start + 1 + at).find(|at| ends(bytes, *at, (open, close)));
    records.spend(end.map_or(ahead.len(), |end| end - start));
    end.filter(|end| range.end <= *end).map(|end| start..end + 1)
}

/// A tuple begins after `VALUES`, after the list's own bracket, or after another tuple and a comma.
fn begins(bytes: &[u8], at: usize, (open, close): (u8, u8)) -> bool {
    let before = bytes.get(at.saturating_sub(64)..at).unwrap_or_default().trim_ascii_end();
    if open == b'(' && (before.ends_with(b"values") || before.ends_with(b"value")) {
        return true;
    }
    let is_in_list = before.ends_with(b"[");
    let is_after_another = before.strip_suffix(b",").is_some_and(|before| before.trim_ascii_end().ends_with(&[close]));
    is_in_list || is_after_another
}

/// A tuple ends before a comma and the next, or where the statement or the list does.
fn ends(bytes: &[u8], at: usize, (open, _): (u8, u8)) -> bool {
    let after = bytes.get(at + 1..(at + 65).min(bytes.len())).unwrap_or_default().trim_ascii_start();
    match after.split_first() {
        None | Some((b']', _)) => true,
        Some((b',', rest)) => rest.trim_ascii_start().first() == Some(&open),
        Some((b';', _)) => open == b'(',
        Some(_) => open == b'(' && (after.starts_with(b"on ") || after.starts_with(b"returning ")),
    }
}
