//! What one fetch brought back.

use jiff::Timestamp;
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
}

impl FetchedPage {
    /// Returns the first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
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
