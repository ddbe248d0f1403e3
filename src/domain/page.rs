//! What one fetch brought back.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

/// The answer to one request, after redirects, with its body decompressed and bounded.
#[derive(Debug, Clone)]
pub struct FetchedPage {
    /// What was asked for.
    pub requested: Url,
    /// Where the answer came from, after redirects.
    pub url: Url,
    /// HTTP status code.
    pub status: u16,
    /// Header names (lower case) and values as received; values are Latin-1 decoded.
    pub headers: Vec<(String, String)>,
    /// The decoded (decompressed) body.
    pub body: Vec<u8>,
    /// When the answer was complete.
    pub fetched_at: Timestamp,
    /// What was sent to get it.
    pub asked: Asked,
}

/// What was sent to get an answer, as far as it may be kept: of cookies and credentials only that there were some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// HTTP method.
    pub method: String,
    /// The protocol that was spoken: `HTTP/1.1`, `HTTP/2.0`.
    pub protocol: String,
    /// How the request left: `direct`, `proxy`, `tor`, `i2p`.
    pub route: String,
    /// Header fields of the last request, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Redirects on the way, in order.
    pub hops: Vec<Hop>,
}

/// A redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// Its status.
    pub status: u16,
    /// Where it was met.
    pub url: String,
}

impl FetchedPage {
    /// Returns the first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns by how much our clock is ahead of the one that dated the answer; `None` if it has no date, or comes out of a
    /// cache.
    pub fn clock_ahead(&self) -> Option<SignedDuration> {
        let is_cached = self.header("age").is_some_and(|age| age.trim() != "0");
        let date = self.header("date").filter(|_| !is_cached)?;
        let dated = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date.trim()).ok()?;
        Some(self.fetched_at.duration_since(dated))
    }

    /// Returns the media type without parameters, lower case: `text/html`.
    pub fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// Returns the charset that the `Content-Type` header declares.
    pub fn declared_charset(&self) -> Option<&str> {
        let value = self.header("content-type")?;
        value.split(';').skip(1).find_map(|parameter| {
            let (key, charset) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case("charset").then(|| charset.trim().trim_matches('"'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_by_fresh_dates_only() {
        let page = |headers: &[(&str, &str)]| FetchedPage {
            requested: Url::parse("https://forum.example/").unwrap(),
            url: Url::parse("https://forum.example/").unwrap(),
            status: 200,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: Vec::new(),
            fetched_at: "2026-11-27T10:00:30Z".parse().unwrap(),
            asked: Asked::default(),
        };
        let date = ("date", "Fri, 27 Nov 2026 10:00:00 GMT");
        for (headers, expected) in [
            (vec![date], Some(30)),
            (vec![date, ("age", "0")], Some(30)),
            (vec![date, ("age", "600")], None),
            (vec![("date", "Fri, 27 Nov 2026 11:00:30 GMT")], Some(-3600)),
            (vec![("date", "yesterday")], None),
            (vec![], None),
        ] {
            assert_eq!(page(&headers).clock_ahead(), expected.map(SignedDuration::from_secs), "{headers:?}");
        }
    }
}
