//! Writes captures as WARC 1.1 (ISO 28500:2017): one gzip member a record, so that readers can seek.
//!
//! Bodies are kept with content and transfer coding undone, as they were matched; header fields that speak of the coding
//! are written under `X-Original-…`, so that a reader does not undo it twice.

use std::fmt::Write as _;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::Capture;

/// Fields that would no longer be true of the body as it is kept.
const CODING_FIELDS: [&str; 3] = ["content-encoding", "transfer-encoding", "content-length"];

/// Writes records to a file.
#[derive(Debug)]
pub struct Writer<W: Write> {
    to: W,
}

impl<W: Write> Writer<W> {
    /// Begins a file with its `warcinfo` record; `fields` describe it, one `name: value` each.
    ///
    /// # Errors
    /// What the destination says.
    pub fn begin(to: W, date: &str, fields: &[(&str, &str)]) -> io::Result<Self> {
        let mut writer = Self { to };
        let lines: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}: {}\r\n", one_line(value))).collect();
        let block = lines.concat().into_bytes();
        let id = record_id(&["warcinfo", date, &lines.concat()]);
        let head = [("WARC-Type", "warcinfo"), ("WARC-Record-ID", &id), ("WARC-Date", date)];
        writer.record(&head, "application/warc-fields", &block)?;
        Ok(writer)
    }

    /// Writes what was asked and what was answered, as two records that name each other.
    ///
    /// # Errors
    /// What the destination says.
    pub fn capture(&mut self, capture: &Capture, body: &[u8]) -> io::Result<()> {
        let id = capture.id();
        let date = capture.fetched_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (response_id, request_id) = (record_id(&["response", &id]), record_id(&["request", &id]));
        let url = one_line(&capture.url);
        let block = response_block(capture, body);
        let payload = digest_label(body);
        let head = [
            ("WARC-Type", "response"),
            ("WARC-Record-ID", &response_id),
            ("WARC-Date", &date),
            ("WARC-Target-URI", &url),
            ("WARC-Payload-Digest", &payload),
            ("X-Dyepack-Capture", &id),
            ("X-Dyepack-Route", &capture.route),
        ];
        self.record(&head, "application/http; msgtype=response", &block)?;
        // The record has the form of HTTP/1.1, whatever was spoken.
        let protocol = capture.protocol.as_deref().unwrap_or("HTTP/1.1").to_ascii_lowercase();
        let head = [
            ("WARC-Type", "request"),
            ("WARC-Record-ID", &request_id),
            ("WARC-Date", &date),
            ("WARC-Target-URI", &url),
            ("WARC-Concurrent-To", &response_id),
            ("WARC-Protocol", &protocol),
        ];
        self.record(&head, "application/http; msgtype=request", &request_block(capture))
    }

    /// Hands the destination back.
    pub fn finish(self) -> W {
        self.to
    }

    fn record(&mut self, head: &[(&str, &str)], content_type: &str, block: &[u8]) -> io::Result<()> {
        let mut member = GzEncoder::new(&mut self.to, Compression::default());
        write!(member, "WARC/1.1\r\n")?;
        for (name, value) in head {
            write!(member, "{name}: {value}\r\n")?;
        }
        write!(member, "WARC-Block-Digest: {}\r\n", digest_label(block))?;
        write!(member, "Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", block.len())?;
        member.write_all(block)?;
        member.write_all(b"\r\n\r\n")?;
        member.finish().map(drop)
    }
}

fn response_block(capture: &Capture, body: &[u8]) -> Vec<u8> {
    let mut block = format!("HTTP/1.1 {} {}\r\n", capture.status, reason(capture.status)).into_bytes();
    for (name, value) in &capture.headers {
        let prefix = if CODING_FIELDS.contains(&name.as_str()) { "X-Original-" } else { "" };
        // Values are Latin-1 decoded bytes; written back they are those bytes again.
        block.extend(format!("{prefix}{name}: ").into_bytes());
        block.extend(one_line(value).chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')));
        block.extend(b"\r\n");
    }
    block.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
    block.extend_from_slice(body);
    block
}

fn request_block(capture: &Capture) -> Vec<u8> {
    let url = url::Url::parse(&capture.url).ok();
    let target = url.as_ref().map_or("/", |url| url.path());
    let query = url.as_ref().and_then(|url| url.query()).map(|query| format!("?{query}")).unwrap_or_default();
    let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    let port = url.as_ref().and_then(url::Url::port).map(|port| format!(":{port}")).unwrap_or_default();
    let mut block = format!("{} {target}{query} HTTP/1.1\r\nHost: {host}{port}\r\n", one_line(&capture.method));
    for (name, value) in capture.request_headers.iter().filter(|(name, _)| name != "host") {
        // Writing to a string cannot fail.
        let _ = write!(block, "{name}: {}\r\n", one_line(value));
    }
    block.push_str("\r\n");
    block.into_bytes()
}

/// `sha256:` and the digest in base 32, as WARC readers expect it.
fn digest_label(bytes: &[u8]) -> String {
    format!("sha256:{}", base32(&Sha256::digest(bytes)))
}

/// RFC 4648 §6, with padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut group = [0_u8; 8];
        for (slot, byte) in group.iter_mut().skip(3).zip(chunk) {
            *slot = *byte;
        }
        let bits = u64::from_be_bytes(group);
        let digits = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let index = usize::try_from(bits >> (35 - 5 * place) & 31).unwrap_or(0);
            let letter = ALPHABET.get(index).copied().unwrap_or(b'A');
            text.push(if place < digits { char::from(letter) } else { '=' });
        }
    }
    text
}

/// A UUID drawn from what the record is (RFC 9562 §5.8: version 8): the same record has the same id in every export.
fn record_id(parts: &[&str]) -> String {
    let hash = super::ledger::digest_parts(parts);
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = from;
    }
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let number = u128::from_be_bytes(bytes);
    let part = |shift: u32, digits: usize| {
        let mask = (1_u128 << (digits * 4)) - 1;
        format!("{:0digits$x}", number >> shift & mask)
    };
    format!("<urn:uuid:{}-{}-{}-{}-{}>", part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12))
}

fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        403 => "Forbidden",
        404 => "Not Found",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;

    use super::*;
    use crate::domain::evidence::tests::page;

    #[test]
    fn base32_is_that_of_the_standard() {
        for (plain, coded) in [("", ""), ("f", "MY======"), ("fo", "MZXQ===="), ("foobar", "MZXW6YTBOI======")] {
            assert_eq!(base32(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_file_holds_what_was_asked_and_answered() {
        let page = page();
        let capture = Capture::of(&page);
        let mut writer = Writer::begin(Vec::new(), "2026-11-27T10:00:00Z", &[("software", "dyepack")]).unwrap();
        writer.capture(&capture, &page.body).unwrap();
        let packed = writer.finish();
        assert_eq!(packed.windows(3).filter(|bytes| bytes == &[0x1f, 0x8b, 8]).count(), 3, "one member a record");
        let mut text = String::new();
        MultiGzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text.matches("WARC/1.1\r\n").count(), 3);
        assert!(
            text.contains(
                "GET /t/1 HTTP/1.1\r\nHost: forum.example\r\naccept: text/html  X: y\r\ncookie: [hidden]\r\n\r\n"
            ),
            "{text}"
        );
        assert!(text.contains("Content-Length: 16\r\n\r\n<p>CARD 9999</p>"), "{text}");
        assert!(text.contains("X-Dyepack-Route: tor"));
    }
}
