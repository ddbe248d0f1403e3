//! What an export says to people: one HTML page that prints well, and how to check it without dyepack.
//!
//! Everything that was crawled is shown as text only, other people's identifiers veiled (`excerpt`).

use std::fmt::Write as _;

use jiff::Timestamp;

use super::excerpt::Excerpt;
use super::{Capture, Exhibit};
use crate::domain::escape::html as escape;
use crate::domain::page::Hop;

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
    /// Fingerprint of the key that the export is signed with.
    pub key: &'a str,
    /// Signed heads that cover what is shown, the oldest first.
    pub heads: Vec<SignedHead>,
    /// When the planted records that were found had been committed to.
    pub committed: Vec<Committed>,
}

/// A signed head of the ledger.
#[derive(Debug, Clone)]
pub struct SignedHead {
    /// The day (UTC).
    pub day: String,
    /// Rows it covers.
    pub rows: i64,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// When a time-stamping authority says that it was there.
    pub stamped_at: Option<Timestamp>,
}

/// A commitment to a planted record.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The record.
    pub canary: String,
    /// Row of the ledger.
    pub row: i64,
    /// When that was written.
    pub at: Timestamp,
    /// Day of the first head that covers it.
    pub head: Option<String>,
    /// When the record was first captured.
    pub first_captured_at: Option<Timestamp>,
}

const STYLE: &str = "\
:root{color-scheme:light}*{box-sizing:border-box}\
body{font:15px/1.55 system-ui,'Segoe UI',Roboto,'Noto Sans','Noto Sans CJK SC',sans-serif;max-width:56rem;margin:0 auto;padding:2.5rem 1.25rem 4rem;color:#1c1f23;background:#fff}\
h1{font-size:1.65rem;line-height:1.2;margin:0 0 .35rem;word-break:keep-all}h2{font-size:1.15rem;margin:2.6rem 0 .6rem}\
h3{font-size:1rem;margin:0;display:flex;gap:.6rem;align-items:baseline;flex-wrap:wrap}h3 .number{color:#68707a;font-weight:400}\
p{margin:.5rem 0;max-width:46rem}.lead{color:#4a525c;margin-top:0}\
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1.4rem 0}\
.facts div{border:1px solid #dfe3e8;border-radius:6px;padding:.55rem .8rem}.facts b{display:block;font-size:1.25rem;line-height:1.3}.facts span{color:#5a636e;font-size:.85rem}\
section.hit{border:1px solid #dfe3e8;border-radius:8px;padding:1rem 1.1rem;margin:1rem 0}\
table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:.93rem}\
th,td{text-align:left;vertical-align:top;padding:.28rem .9rem .28rem 0;overflow-wrap:anywhere}\
.pairs th{width:11rem;font-weight:500;color:#5a636e;overflow-wrap:normal}\
.grid th{font-weight:600;border-bottom:1px solid #c9cfd6;overflow-wrap:normal}.grid td{border-bottom:1px solid #eef0f3}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f7f9;padding:.75rem .9rem;border-radius:6px;margin:.6rem 0 0;font:13px/1.5 ui-monospace,'Noto Sans Mono','Noto Sans Mono CJK SC',monospace}\
mark{background:#ffe08a;font-weight:600;padding:0 .15em}code{font:.86em ui-monospace,'Noto Sans Mono',monospace;overflow-wrap:anywhere}\
.yes{color:#10703a;font-weight:600}.no{color:#a8201a;font-weight:600}.quiet{color:#68707a}\
@media (max-width:40rem){.grid{display:block;overflow-x:auto}.grid td{white-space:nowrap}.pairs th{width:7.5rem}body{padding-top:1.5rem}}\
@media print{body{padding:0;max-width:none;font-size:11pt}section.hit{break-inside:avoid}h2{break-after:avoid}}";

/// Writes the report.
pub fn html(subject: &Subject<'_>, shown: &[Shown<'_>]) -> String {
    let mut page = String::with_capacity(8_000 + shown.len() * 2_000);
    let case = escape(subject.case);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Evidence of case {case}</title><style>{STYLE}</style></head><body>\
         <h1>Evidence of case&nbsp;{case}</h1><p class=\"lead\">{} &middot; exported {}</p>",
        escape(subject.organization),
        utc(subject.at),
    );
    facts(&mut page, subject, shown);
    page.push_str(
        "<p>Each hit below is a planted or fingerprinted record that was found at the place and time named. Its bytes are \
         in <code>captures.warc.gz</code>, as they were received; the steps say how they read as the value that is shown \
         masked. Other people&rsquo;s data around a hit is veiled here; the captures hold it as it was published, so keep \
         them under the same care as the data itself.</p>",
    );
    committed(&mut page, &subject.committed);
    page.push_str("<h2>What was found</h2>");
    for (number, shown) in shown.iter().enumerate() {
        hit(&mut page, number + 1, shown);
    }
    checking(&mut page, subject);
    page
}

fn facts(page: &mut String, subject: &Subject<'_>, shown: &[Shown<'_>]) {
    let times = || shown.iter().map(|shown| shown.capture.fetched_at);
    let day = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
    let stamped = subject.heads.iter().filter(|head| head.stamped_at.is_some()).count();
    let counts = [
        (shown.len().to_string(), "hits"),
        (count_captures(shown).to_string(), "captured pages and files"),
        (day(times().min()), "first captured"),
        (day(times().max()), "last captured"),
        (format!("{} ({stamped})", subject.heads.len()), "signed heads (time-stamped)"),
    ];
    page.push_str("<div class=\"facts\">");
    for (value, what) in counts {
        let _ = write!(page, "<div><b>{value}</b><span>{what}</span></div>");
    }
    page.push_str("</div>");
}

fn committed(page: &mut String, committed: &[Committed]) {
    if committed.is_empty() {
        return;
    }
    page.push_str(
        "<h2>Planted before the leak</h2><p>These records were invented and enrolled. When they were, a salted hash of them \
         was written into the chain; <code>canaries.json</code> opens it, and <code>check.py</code> recomputes it.</p>\
         <table class=\"grid\"><tr><th>Record</th><th>Committed to</th><th>Row</th><th>Covered by the head of</th>\
         <th>First captured</th></tr>",
    );
    for one in committed {
        let is_before = one.first_captured_at.is_some_and(|first| one.at < first);
        let first = one.first_captured_at.map_or_else(|| "–".to_owned(), utc);
        let verdict =
            if is_before { " <span class=\"yes\">later</span>" } else { " <span class=\"no\">not later</span>" };
        let head = one.head.as_deref().map_or_else(|| "<span class=\"quiet\">none yet</span>".to_owned(), escape);
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{head}</td><td>{first}{verdict}</td></tr>",
            escape(&one.canary),
            utc(one.at),
            one.row,
        );
    }
    page.push_str("</table>");
}

fn hit(page: &mut String, number: usize, shown: &Shown<'_>) {
    let (exhibit, capture) = (shown.exhibit, shown.capture);
    let _ = write!(
        page,
        "<section class=\"hit\"><h3><span class=\"number\">{number}</span>{} <code>{}</code></h3><table class=\"pairs\">",
        escape(&exhibit.entry),
        escape(&exhibit.field)
    );
    let place = if exhibit.member.is_empty() { "the body itself".to_owned() } else { escape(&exhibit.member) };
    let offset = capture.clock_offset_s.map_or_else(
        || "the site names no time".to_owned(),
        |seconds| format!("the site&rsquo;s clock is {seconds:+} s from ours"),
    );
    let replayed = match shown.is_replayed {
        Some(true) => "<span class=\"yes\">yes</span>, at export",
        Some(false) => "<span class=\"no\">no</span>",
        None => "not at export: it lies in a member of an archive",
    };
    let steps = if exhibit.steps.is_empty() { "none".to_owned() } else { escape(&exhibit.steps.join(" → ")) };
    let asked = match &capture.protocol {
        Some(protocol) => format!("{} over {}", escape(&capture.method), escape(protocol)),
        None => escape(&capture.method),
    };
    let hop = |hop: &Hop| format!("{} {}", hop.status, escape(&defanged(&hop.url)));
    let hops = capture.hops.iter().map(hop).collect::<Vec<_>>().join("<br>");
    let code = |text: &str| format!("<code>{}</code>", escape(text));
    let rows = [
        ("Value, masked", escape(&exhibit.masked)),
        ("Found in", escape(&defanged(&capture.url))),
        ("Redirected from", hops),
        ("Received", format!("{}; {offset}", utc(capture.fetched_at))),
        ("Asked", format!("{asked}, by route {}; answered {}", escape(&capture.route), capture.status)),
        ("Body", format!("{} bytes, SHA-256 {}", capture.body_bytes, code(&capture.body_sha256))),
        ("Bytes of the value", format!("{}–{} of {place}", exhibit.span.start, exhibit.span.end)),
        ("Steps", steps),
        ("Steps give the value", replayed.to_owned()),
        ("Captured by", escape(&capture.tool)),
        ("Hit", code(&exhibit.hit)),
        ("Capture", code(&exhibit.capture)),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(page, "<tr><th>{name}</th><td>{value}</td></tr>");
    }
    page.push_str("</table>");
    if let Some(excerpt) = &shown.excerpt {
        let (before, after) = (escape(&excerpt.before), escape(&excerpt.after));
        let _ = write!(page, "<pre>{before}<mark>{}</mark>{after}</pre>", escape(&excerpt.hit));
    }
    page.push_str("</section>");
}

fn checking(page: &mut String, subject: &Subject<'_>) {
    let (rows, hash) = subject.ledger;
    page.push_str("<h2>Signed heads</h2>");
    if subject.heads.is_empty() {
        page.push_str(
            "<p>No head was signed before this export: <code>dyepack evidence head --sign</code> signs one.</p>",
        );
    } else {
        page.push_str(
            "<p>Once a day the end of the chain is signed and mailed to the auditor. A head fixes every row before it.</p>\
             <table class=\"grid\"><tr><th>Day</th><th>Rows covered</th><th>Signed</th><th>Time-stamped</th></tr>",
        );
        for head in &subject.heads {
            let stamped = head.stamped_at.map_or_else(|| "<span class=\"quiet\">no</span>".to_owned(), utc);
            let (day, signed) = (escape(&head.day), utc(head.signed_at));
            let _ = write!(page, "<tr><td>{day}</td><td>{}</td><td>{signed}</td><td>{stamped}</td></tr>", head.rows);
        }
        page.push_str("</table>");
    }
    let _ = writeln!(
        page,
        "<h2>How to check this without dyepack</h2><p>Run <code>python3 check.py</code> in this folder (Python 3, nothing \
         else). It recomputes every digest: files, captured bodies, where each hit lies, commitments, heads, and the chain of \
         {rows} rows that ends in <code>{}</code>. Captures are WARC 1.1 (ISO 28500). To see a hit by hand: unpack the \
         capture, take the bytes named, apply the steps in order.</p><p>With other tools:</p><pre>sha256sum -c SHA256SUMS\n\
         openssl pkeyutl -verify -pubin -inkey signing.pub.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig\n\
         openssl pkeyutl -verify -pubin -inkey heads/DAY.pub.pem -rawin -in heads/DAY.txt -sigfile heads/DAY.sig\n\
         openssl ts -verify -in heads/DAY.tsr -data heads/DAY.txt -CAfile AUTHORITY.pem\n\
         openssl ts -verify -in manifest.json.tsr -data manifest.json -CAfile AUTHORITY.pem</pre>\
         <p>The key&rsquo;s SHA-256 is <code>{}</code>: compare it with the one in the mails that the auditor got. The chain is \
         append-only: each row&rsquo;s hash covers the row before it. Rows of other organizations appear by their hashes \
         only.</p></body></html>",
        escape(hash),
        escape(subject.key),
    );
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
        let capture = Capture::of(&page());
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
        let committed = Committed {
            canary: "<b>".to_owned(),
            row: 1,
            at: "2026-11-20T10:00:00Z".parse().unwrap(),
            head: None,
            first_captured_at: Some(capture.fetched_at),
        };
        let subject = Subject {
            case: "C-1",
            organization: "Example Bank",
            at: capture.fetched_at,
            ledger: (3, "abc"),
            key: "def",
            heads: Vec::new(),
            committed: vec![committed],
        };
        let html = html(&subject, &[shown]);
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{202e}'), "{html}");
        assert!(html.contains("<mark>9999</mark>&amp;") && html.contains("hxxps[://]forum.example/t/1"), "{html}");
        assert!(html.contains("<b>1</b><span>hits</span>") && html.contains("+5 s"), "{html}");
        assert!(html.contains("&lt;b&gt;") && html.contains("<span class=\"yes\">later</span>"), "{html}");
    }
}
