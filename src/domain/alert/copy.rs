//! What a mail says of whose copy it was: one line, codes only, with its error.
//!
//! Not here: the weighing (`attribution`).

use super::clean::one_line;
use super::facts::{CaseFacts, CopyFact};
use super::phrases::{Phrases, fill};
use crate::domain::attribution::Verdict;

/// Most copies that are named.
const CODES_SHOWN: usize = 8;

/// The line of the fact table, if it was weighed.
pub(super) fn row(facts: &CaseFacts, phrases: &Phrases) -> Option<(String, String)> {
    let copy = facts.copy.as_ref()?;
    Some((phrases.labels.copies.to_owned(), line(copy, phrases)))
}

/// `consistent with the copy delivered to H07, error ≤ 1e-6, leaked between 2026-03-03 and 2026-03-09`.
fn line(copy: &CopyFact, phrases: &Phrases) -> String {
    let texts = &phrases.copy;
    match copy.verdict {
        Verdict::CopyNamed => {
            let codes: Vec<String> = copy.codes.iter().take(CODES_SHOWN).map(|code| one_line(code, 32)).collect();
            let (codes, epsilon) = (codes.join(", "), format!("{:e}", copy.epsilon));
            let sentence = if copy.codes.len() == 1 { texts.one } else { texts.several };
            let mut parts = vec![fill(sentence, &[("codes", &codes), ("epsilon", &epsilon)])];
            if let Some((from, to)) = copy.window {
                parts.push(fill(texts.between, &[("from", &from.to_string()), ("to", &to.to_string())]));
            }
            if copy.upstream_not_excluded {
                parts.push(texts.upstream.to_owned());
            }
            parts.join(phrases.comma)
        }
        Verdict::Upstream => texts.own.to_owned(),
        Verdict::CannotTell => match copy.more_rows {
            Some(rows) => [texts.cannot_tell, phrases.comma, &fill(texts.more, &[("n", &rows.to_string())])].concat(),
            None => texts.cannot_tell.to_owned(),
        },
        Verdict::NotOurs => texts.not_ours.to_owned(),
    }
}
