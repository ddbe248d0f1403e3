//! Objects of JSON and its like: `{"name": …, "card": {"pan": …}}`, on one line or over many.
//!
//! The record is the object that stands in a list, on a line of its own, or in a map of equal objects; what it holds by a
//! key is part of it. Braces inside strings are rare, and cost no more than a record that is one line.

use std::ops::Range;

use super::Records;

/// Returns the record that holds a range.
pub(super) fn holding(records: &mut Records<'_>, range: &Range<usize>, floor: usize) -> Option<Range<usize>> {
    let text = records.text;
    let mut record: Option<Range<usize>> = None;
    let mut inner = range.clone();
    while let Some(start) = enclosing(text, inner.start, floor).filter(|start| is_object(text, *start)) {
        let ahead = records.ahead(inner.end);
        let closing = closing_brace(ahead);
        records.spend(closing.unwrap_or(ahead.len()));
        let Some(end) = closing.map(|at| inner.end + at + 1) else { break };
        inner = start..end;
        records.spend(inner.len());
        if is_list_of_objects(text, &inner, record.as_ref()) {
            break;
        }
        record = Some(inner.clone());
        if !is_part(text, &inner) {
            break;
        }
    }
    record
}

/// Returns where the record begins that is still open at the end of the text.
pub(super) fn unfinished(text: &str, floor: usize) -> Option<usize> {
    let mut record = None;
    let mut at = text.len();
    while let Some(start) = enclosing(text, at, floor).filter(|start| is_object(text, *start)) {
        record = Some(start);
        at = start;
        if key_before(text, start).is_none() {
            break;
        }
    }
    record
}

/// Finds the brace that is open at an offset.
fn enclosing(text: &str, at: usize, floor: usize) -> Option<usize> {
    let before = text.as_bytes().get(floor..at)?;
    let mut depth = 0_usize;
    memchr::memrchr2_iter(b'{', b'}', before)
        .find(|at| match (before.get(*at), depth) {
            (Some(b'{'), 0) => true,
            (Some(b'{'), _) => {
                depth -= 1;
                false
            }
            _ => {
                depth += 1;
                false
            }
        })
        .map(|at| floor + at)
}

fn closing_brace(ahead: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    memchr::memchr2_iter(b'{', b'}', ahead).find(|at| match (ahead.get(*at), depth) {
        (Some(b'}'), 0) => true,
        (Some(b'}'), _) => {
            depth -= 1;
            false
        }
        _ => {
            depth += 1;
            false
        }
    })
}

/// Tells an object from the braces of programs and styles: a key and a colon follow.
fn is_object(text: &str, start: usize) -> bool {
    first_key(text, start).is_some()
}

/// Returns the first key after a brace.
fn first_key(text: &str, start: usize) -> Option<&[u8]> {
    let bytes = text.as_bytes();
    let after = bytes.get(start + 1..(start + 129).min(bytes.len()))?.trim_ascii_start();
    let (key, rest) = if let (quote @ (b'"' | b'\''), rest) = after.split_first()? {
        let end = memchr::memchr(*quote, rest)?;
        (rest.get(..end)?, rest.get(end + 1..)?)
    } else {
        let end = after.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
        (after.get(..end)?, after.get(end..)?)
    };
    let rest = rest.trim_ascii_start();
    (!key.is_empty() && (rest.starts_with(b":") || rest.starts_with(b"=>"))).then_some(key)
}

/// Returns where the key begins that an object is the value of.
fn key_before(text: &str, start: usize) -> Option<usize> {
    let before = text.as_bytes().get(start.saturating_sub(128)..start)?.trim_ascii_end();
    let before = before.strip_suffix(b":")?.trim_ascii_end();
    let (last, head) = before.split_last()?;
    let key = match last {
        b'"' | b'\'' => memchr::memrchr(*last, head)?,
        _ => head.iter().rposition(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_')).map_or(0, |at| at + 1),
    };
    Some(start.saturating_sub(128) + key)
}

/// Tells whether an object is part of the one around it, not a record among its equals: the value of a key, or the only
/// element of a list that is.
fn is_part(text: &str, object: &Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let before = bytes.get(object.start.saturating_sub(64)..object.start).unwrap_or_default().trim_ascii_end();
    let after = after(bytes, object.end);
    if before.ends_with(b"[") {
        let list = object.start.saturating_sub(64) + before.len() - 1;
        return after.starts_with(b"]") && key_before(text, list).is_some();
    }
    key_before(text, object.start).is_some_and(|key| !is_among_equals(text, object, key))
}

/// Tells whether the sibling before or after begins with the same key: `{"k1": {"name": …}, "k2": {"name": …}}`.
fn is_among_equals(text: &str, object: &Range<usize>, key: usize) -> bool {
    let bytes = text.as_bytes();
    let own = first_key(text, object.start);
    let next = after(bytes, object.end).strip_prefix(b",").and_then(|rest| {
        let brace = memchr::memchr2(b'{', b',', rest)?;
        let at = object.end + after_offset(bytes, object.end) + 1 + brace;
        (rest.get(brace) == Some(&b'{')).then_some(at)
    });
    let head = bytes.get(key.saturating_sub(64)..key).unwrap_or_default().trim_ascii_end();
    let previous =
        head.strip_suffix(b",").map(<[u8]>::trim_ascii_end).filter(|head| head.ends_with(b"}")).and_then(|head| {
            let end = key.saturating_sub(64) + head.len() - 1;
            enclosing(text, end, super::boundary(text, end.saturating_sub(super::RECORD_BYTES)))
        });
    [next, previous].into_iter().flatten().any(|sibling| first_key(text, sibling) == own)
}

/// Tells whether an object holds a list of records, of which the one found inside is only one or none: then what stands
/// beside the list belongs to all of them, and to none alone.
fn is_list_of_objects(text: &str, object: &Range<usize>, inner: Option<&Range<usize>>) -> bool {
    let inside = text.as_bytes().get(object.clone()).unwrap_or_default();
    let is_list = |at: &usize| inside.get(at + 1..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
    let lists = memchr::memchr_iter(b'[', inside).filter(is_list);
    let is_many = |at: usize| {
        let rest = inside.get(at + 1..).unwrap_or_default();
        let brace = memchr::memchr(b'{', rest).unwrap_or_default();
        let end = rest.get(brace + 1..).and_then(closing_brace).map(|end| brace + end + 2);
        end.is_some_and(|end| rest.get(end..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b",")))
    };
    // Only lists outside of the record that was found already are looked at.
    let is_outside = |at: &usize| inner.is_none_or(|inner| !inner.contains(&(object.start + at)));
    lists.filter(is_outside).take(8).any(is_many)
}

fn after(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..(at + 256).min(bytes.len())).unwrap_or_default().trim_ascii_start()
}

fn after_offset(bytes: &[u8], at: usize) -> usize {
    let all = bytes.get(at..(at + 256).min(bytes.len())).unwrap_or_default();
    all.len() - all.trim_ascii_start().len()
}
