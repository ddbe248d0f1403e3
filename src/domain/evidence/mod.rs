//! Evidence: what was captured behind a hit, how it hangs together, and the forms in which it is handed out.
//!
//! Not here: where bodies lie (`ports::evidence`), where captures and the ledger are kept (`ports::store`).

pub mod commitment;
mod der;
pub mod excerpt;
pub mod head;
pub mod ledger;
pub mod report;
pub mod timestamp;
pub mod warc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::page::{FetchedPage, Hop};
use crate::domain::span::ByteSpan;
use ledger::{hash_parts, sha256};

/// One answer, as it was received, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// What was asked for.
    pub requested: String,
    /// Where the answer came from, after redirects.
    pub url: String,
    /// Header fields of the request; of cookies and credentials only that there were some.
    pub request_headers: Vec<(String, String)>,
    /// How the request left: `direct`, `tor`, `i2p`, `proxy`.
    pub route: String,
    /// HTTP status.
    pub status: u16,
    /// Header fields of the answer, in order; of cookies only that there were some.
    pub headers: Vec<(String, String)>,
    /// When the answer was complete, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The site's clock less ours, in seconds, where its answer names a date.
    pub clock_offset_s: Option<i64>,
    /// SHA-256 (hex) of the body, transfer and content coding undone.
    pub body_sha256: String,
    /// Length of that body.
    pub body_bytes: u64,
    /// The program that captured it.
    pub tool: String,
    /// The protocol that was spoken; `None` in captures made before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// HTTP method.
    #[serde(default = "get")]
    pub method: String,
    /// Redirects on the way, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
}

impl Capture {
    /// Describes an answer and how it was asked for.
    pub fn of(page: &FetchedPage) -> Self {
        let asked = &page.asked;
        Self {
            requested: page.requested.to_string(),
            url: page.url.to_string(),
            request_headers: asked.headers.iter().map(hidden).collect(),
            route: asked.route.clone(),
            status: page.status,
            headers: page.headers.iter().map(hidden).collect(),
            fetched_at: page.fetched_at,
            clock_offset_s: clock_offset(page),
            body_sha256: sha256(&page.body),
            body_bytes: page.body.len() as u64,
            tool: concat!("dyepack/", env!("CARGO_PKG_VERSION")).to_owned(),
            protocol: Some(asked.protocol.clone()),
            method: asked.method.clone(),
            hops: asked.hops.clone(),
        }
    }

    /// Returns its identity: the hash of all that it says.
    pub fn id(&self) -> String {
        let headers = |fields: &[(String, String)]| {
            let lines: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            lines.concat()
        };
        let (status, at) = (self.status.to_string(), self.fetched_at.as_millisecond().to_string());
        let offset = self.clock_offset_s.map(|seconds| seconds.to_string()).unwrap_or_default();
        let bytes = self.body_bytes.to_string();
        let (request_headers, response_headers) = (headers(&self.request_headers), headers(&self.headers));
        let mut parts = vec![
            if self.protocol.is_some() { "capture/2" } else { "capture/1" },
            &self.requested,
            &self.url,
            &request_headers,
            &self.route,
            &status,
            &response_headers,
            &at,
            &offset,
            &self.body_sha256,
            &bytes,
            &self.tool,
        ];
        let hops: Vec<String> = self.hops.iter().map(|hop| format!("{} {}\n", hop.status, hop.url)).collect();
        let hops = hops.concat();
        if let Some(protocol) = &self.protocol {
            parts.extend([self.method.as_str(), protocol, &hops]);
        }
        hash_parts(&parts)
    }

    /// Returns the answer's media type with its parameters, if it names one.
    pub fn content_type(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str())
    }
}

fn get() -> String {
    "GET".to_owned()
}

/// A header field as it may be kept: who reads the site is not told, only that it was somebody.
fn hidden((name, value): &(String, String)) -> (String, String) {
    const SECRET: [&str; 6] =
        ["cookie", "cookie2", "set-cookie", "set-cookie2", "authorization", "proxy-authorization"];
    let value = if SECRET.contains(&name.as_str()) { "[hidden]" } else { value };
    (name.clone(), value.to_owned())
}

/// Seconds that the site's clock is ahead of ours (RFC 9110 §6.6.1: `Date` is when the answer was made).
fn clock_offset(page: &FetchedPage) -> Option<i64> {
    let date = page.header("date")?;
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(date.as_second() - page.fetched_at.as_second())
}

/// Where in a capture a hit lies, and how it is read from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exhibit {
    /// The hit.
    pub hit: String,
    /// The capture.
    pub capture: String,
    /// Whose hit it is.
    pub organization: String,
    /// Id of the entry.
    pub entry: String,
    /// Field of the entry.
    pub field: String,
    /// Masked value.
    pub masked: String,
    /// Member of an attachment; empty for the body itself.
    pub member: String,
    /// Raw bytes of the member.
    pub span: ByteSpan,
    /// Steps from these bytes to the value.
    pub steps: Vec<String>,
}

impl Exhibit {
    /// Hashes all that it says (hex): what the ledger holds of the hit.
    pub fn digest(&self) -> String {
        let (start, end) = (self.span.start.to_string(), self.span.end.to_string());
        let mut parts = vec![
            "exhibit/1",
            &self.hit,
            &self.capture,
            &self.organization,
            &self.entry,
            &self.field,
            &self.masked,
            &self.member,
            &start,
            &end,
        ];
        parts.extend(self.steps.iter().map(String::as_str));
        hash_parts(&parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::page::Asked;
    use url::Url;

    pub(super) fn page() -> FetchedPage {
        let url = Url::parse("https://forum.example/t/1").unwrap();
        FetchedPage {
            requested: url.clone(),
            url,
            status: 200,
            headers: vec![
                ("content-type".to_owned(), "text/html; charset=utf-8".to_owned()),
                ("date".to_owned(), "Fri, 27 Nov 2026 10:00:05 GMT".to_owned()),
                ("set-cookie".to_owned(), "sid=secret".to_owned()),
            ],
            body: b"<p>CARD 9999</p>".to_vec(),
            fetched_at: "2026-11-27T10:00:00Z".parse().unwrap(),
            asked: Asked {
                method: "GET".to_owned(),
                protocol: "HTTP/1.1".to_owned(),
                route: "tor".to_owned(),
                headers: vec![
                    ("accept".to_owned(), "text/html\r\nX: y".to_owned()),
                    ("cookie".to_owned(), "sid=secret".to_owned()),
                ],
                hops: vec![Hop { status: 302, url: "https://forum.example/old".to_owned() }],
            },
        }
    }

    #[test]
    fn a_capture_says_what_was_answered_and_keeps_no_cookie() {
        let capture = Capture::of(&page());
        assert_eq!(capture.clock_offset_s, Some(5));
        assert_eq!(capture.body_bytes, 16);
        let kept = serde_json::to_string(&capture).unwrap();
        assert!(!kept.contains("secret") && kept.contains("[\"cookie\",\"[hidden]\"]"), "{kept}");
        assert!(kept.contains("[\"set-cookie\",\"[hidden]\"]"), "{kept}");
        assert_eq!(serde_json::from_str::<Capture>(&kept).unwrap(), capture);
    }

    #[test]
    fn a_captures_identity_covers_all_it_says() {
        let capture = Capture::of(&page());
        let id = capture.id();
        let changed = [
            Capture { requested: "https://forum.example/".to_owned(), ..capture.clone() },
            Capture { route: "direct".to_owned(), ..capture.clone() },
            Capture { protocol: Some("HTTP/2.0".to_owned()), ..capture.clone() },
            Capture { protocol: None, ..capture.clone() },
            Capture { method: "POST".to_owned(), ..capture.clone() },
            Capture { hops: Vec::new(), ..capture.clone() },
            Capture { status: 404, ..capture.clone() },
            Capture { headers: Vec::new(), ..capture.clone() },
            Capture { request_headers: Vec::new(), ..capture.clone() },
            Capture { clock_offset_s: None, ..capture.clone() },
            Capture { body_sha256: sha256(b""), ..capture.clone() },
            Capture { tool: "x".to_owned(), ..capture.clone() },
        ];
        assert!(changed.iter().all(|other| other.id() != id));
        assert_eq!(capture.id(), id);
    }

    #[test]
    fn a_capture_made_before_requests_were_kept_whole_has_the_identity_it_had() {
        let text = r#"{"requested":"https://forum.example/","url":"https://forum.example/t/1","request_headers":
            [["user-agent","dyepack"]],"route":"direct","status":200,"headers":[["content-type","text/html"]],
            "fetched_at":"2026-11-27T10:00:00Z","clock_offset_s":null,"body_sha256":"ab","body_bytes":16,"tool":"dyepack/0.1.0"}"#;
        let capture: Capture = serde_json::from_str(text).unwrap();
        let parts = [
            "capture/1",
            "https://forum.example/",
            "https://forum.example/t/1",
            "user-agent: dyepack\n",
            "direct",
            "200",
            "content-type: text/html\n",
            "1795773600000",
            "",
            "ab",
            "16",
            "dyepack/0.1.0",
        ];
        assert_eq!(capture.id(), hash_parts(&parts));
    }

    #[test]
    fn an_exhibit_digests_its_steps_apart() {
        let exhibit = Exhibit {
            hit: "H-1".to_owned(),
            capture: "c".to_owned(),
            organization: "example-bank".to_owned(),
            entry: "CAN-1".to_owned(),
            field: "pan".to_owned(),
            masked: "9999".to_owned(),
            member: String::new(),
            span: ByteSpan::new(3, 7),
            steps: vec!["a".to_owned(), "b".to_owned()],
        };
        let joined = Exhibit { steps: vec!["ab".to_owned()], ..exhibit.clone() };
        let moved = Exhibit { span: ByteSpan::new(4, 7), ..exhibit.clone() };
        assert!(exhibit.digest() != joined.digest() && exhibit.digest() != moved.digest());
    }
}
