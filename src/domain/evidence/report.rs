//! What an export says to people: one HTML page that prints well, and how to check it without dyepack.
//!
//! Everything that was crawled is shown as text only, other people's identifiers veiled (`excerpt`).

use std::fmt::Write as _;

use jiff::Timestamp;

use super::excerpt::Excerpt;
use super::{Capture, Exhibit};
use crate::domain::escape::html as escape;

/// Checks an export with nothing but Python; part of every export.
pub const CHECK_PROGRAM: &str = include_str!("check.py");

/// One hit, with what it was captured in.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// Where it lies.
    pub exhibit: &'a Exhibit,
    /// The capture.
    pub capture: &'a Capture,
    /// Surroundings; `None` where they cannot be shown as text (a member of an archive).
    pub excerpt: Option<Excerpt>,
    /// Whether its steps, replayed on the captured bytes, give the value again; `None` where they lie in a member.
    pub is_replayed: Option<bool>,
}

/// What a report is about.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// Case id.
    pub case: &'a str,
    /// Organization's name.
    pub organization: &'a str,
    /// When the export was made.
    pub at: Timestamp,
    /// Rows and last hash of the ledger.
    pub ledger: (u64, &'a str),
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-top:1px solid #ccc;padding-top:1rem}\
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600;vertical-align:top;padding:.15rem 1rem .15rem 0;white-space:nowrap}\
td{word-break:break-word}pre{white-space:pre-wrap;background:#f6f6f4;padding:.8rem;border-radius:4px}\
mark{background:#ffe08a;font-weight:600}code{font-size:.9em;word-break:break-all}\
@media print{h2{break-after:avoid}pre{border:1px solid #ccc}}";

/// Writes the report.
pub fn html(subject: &Subject<'_>, shown: &[Shown<'_>]) -> String {
    let mut page = String::with_capacity(4_000 + shown.len() * 2_000);
    let case = escape(subject.case);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Evidence of case {case}</title><style>{STYLE}</style></head><body>\
         <h1>Evidence of case {case}</h1><p>{} &middot; exported {} &middot; {} hits in {} captures</p>",
        escape(subject.organization),
        utc(subject.at),
        shown.len(),
        count_captures(shown),
    );
    page.push_str(
        "<p>Each hit below is a planted or fingerprinted record that was found at the place and time named. Its bytes are \
         in <code>captures.warc.gz</code>, as they were received; the steps say how they read as the value that is shown \
         masked. Other people&rsquo;s data around a hit is veiled here; the captures hold it as it was published, so keep \
         them under the same care as the data itself.</p>",
    );
    for (number, shown) in shown.iter().enumerate() {
        hit(&mut page, number + 1, shown);
    }
    let (rows, hash) = subject.ledger;
    let _ = writeln!(
        page,
        "<h2>How to check this without dyepack</h2><p>Run <code>python3 check.py</code> in this folder (Python 3, nothing \
         else). It reads <code>manifest.json</code>, <code>ledger.jsonl</code> and <code>captures.warc.gz</code> (WARC 1.1, \
         ISO 28500) and recomputes every digest: files, captured bodies, where each hit lies, and the chain of {rows} rows \
         that ends in <code>{}</code>. To see a hit by hand: unpack the capture, take the bytes named, apply the steps in \
         order.</p><p>The ledger is append-only: each row&rsquo;s hash covers the row before it. Rows of other \
         organizations appear by their hashes only.</p></body></html>",
        escape(hash),
    );
    page
}

fn hit(page: &mut String, number: usize, shown: &Shown<'_>) {
    let (exhibit, capture) = (shown.exhibit, shown.capture);
    let _ = write!(page, "<h2>{number}. {} {}</h2><table>", escape(&exhibit.entry), escape(&exhibit.field));
    let place = if exhibit.member.is_empty() { "the body itself".to_owned() } else { escape(&exhibit.member) };
    let offset = capture.clock_offset_s.map_or_else(
        || "the site names no time".to_owned(),
        |seconds| format!("the site&rsquo;s clock is {seconds:+} s from ours"),
    );
    let replayed = match shown.is_replayed {
        Some(true) => "yes, at export",
        Some(false) => "no",
        None => "not at export: it lies in a member of an archive",
    };
    let steps = if exhibit.steps.is_empty() { "none".to_owned() } else { escape(&exhibit.steps.join(" → ")) };
    let rows = [
        ("Value, masked", escape(&exhibit.masked)),
        ("Found in", escape(&defanged(&capture.url))),
        ("Received", format!("{} by route {}; {offset}", utc(capture.fetched_at), escape(&capture.route))),
        ("Body", format!("{} bytes, SHA-256 <code>{}</code>", capture.body_bytes, escape(&capture.body_sha256))),
        ("Bytes", format!("{}–{} of {place}", exhibit.span.start, exhibit.span.end)),
        ("Steps", steps),
        ("Steps give the value", replayed.to_owned()),
        ("Hit, capture", format!("<code>{}</code>, <code>{}</code>", escape(&exhibit.hit), escape(&exhibit.capture))),
    ];
    for (name, value) in rows {
        let _ = write!(page, "<tr><th>{name}</th><td>{value}</td></tr>");
    }
    page.push_str("</table>");
    if let Some(excerpt) = &shown.excerpt {
        let (before, after) = (escape(&excerpt.before), escape(&excerpt.after));
        let _ = write!(page, "<pre>{before}<mark>{}</mark>{after}</pre>", escape(&excerpt.hit));
    }
}

fn count_captures(shown: &[Shown<'_>]) -> usize {
    let mut captures: Vec<&str> = shown.iter().map(|shown| shown.exhibit.capture.as_str()).collect();
    captures.sort_unstable();
    captures.dedup();
    captures.len()
}

fn defanged(url: &str) -> String {
    url.replacen("http", "hxxp", 1).replace("://", "[://]").replace(".onion", "[.]onion")
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::evidence::tests::page;
    use crate::domain::span::ByteSpan;

    #[test]
    fn a_report_shows_crawled_text_as_text() {
        let capture = Capture::of(&page(), Vec::new(), "tor");
        let exhibit = Exhibit {
            hit: "H-1".to_owned(),
            capture: capture.id(),
            organization: "example-bank".to_owned(),
            entry: "<script>alert(1)</script>".to_owned(),
            field: "pan".to_owned(),
            masked: "9999".to_owned(),
            member: String::new(),
            span: ByteSpan::new(8, 12),
            steps: vec!["entities".to_owned()],
        };
        let excerpt =
            Excerpt { before: "<img src=x>".to_owned(), hit: "9999".to_owned(), after: "\u{202e}&".to_owned() };
        let shown = Shown { exhibit: &exhibit, capture: &capture, excerpt: Some(excerpt), is_replayed: Some(true) };
        let subject = Subject { case: "C-1", organization: "Example Bank", at: capture.fetched_at, ledger: (3, "abc") };
        let html = html(&subject, &[shown]);
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{202e}'), "{html}");
        assert!(html.contains("<mark>9999</mark>&amp;") && html.contains("hxxps[://]forum.example/t/1"), "{html}");
        assert!(html.contains("1 hits in 1 captures") && html.contains("+5 s"), "{html}");
    }
}
