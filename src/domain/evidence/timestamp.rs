//! Time stamps of a time-stamping authority (RFC 3161): the request, and what its answer must say.
//!
//! Checked here: status, digest, nonce, time. The authority's signature and certificates are checked with
//! `openssl ts -verify`, by whoever trusts that authority.

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::der::{BOOLEAN, CONTEXT_0, INTEGER, OCTETS, OID, Reader, SEQUENCE, SET, TIME, UTF8, element};

/// Media type of a request.
pub const QUERY_TYPE: &str = "application/timestamp-query";

/// 2.16.840.1.101.3.4.2.1
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// 1.2.840.113549.1.9.16.1.4
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];

/// Why an answer is no time stamp of what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampFault {
    /// It is not an answer of RFC 3161.
    #[error("it is not a time stamp of RFC 3161")]
    Form,
    /// The authority refuses.
    #[error("the authority refuses (status {status}{said})")]
    Refused {
        /// Its status.
        status: u64,
        /// What it says, behind a colon.
        said: String,
    },
    /// It stamps something else.
    #[error("it stamps another digest")]
    Digest,
    /// It answers another request.
    #[error("it answers another request: its nonce differs")]
    Nonce,
}

/// What an authority certifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// SHA-256 of what was stamped.
    pub digest: [u8; 32],
    /// When, by the authority's clock.
    pub at: Timestamp,
    /// The nonce of the request, without leading zeros.
    pub nonce: Option<Vec<u8>>,
}

/// Writes the request to stamp a SHA-256; the authority's certificate is asked for, too.
pub fn query(digest: &[u8; 32], nonce: &[u8; 8]) -> Vec<u8> {
    let algorithm = element(SEQUENCE, &[element(OID, SHA256), element(0x05, &[])].concat());
    let imprint = element(SEQUENCE, &[algorithm, element(OCTETS, digest)].concat());
    let parts = [element(INTEGER, &[1]), imprint, element(INTEGER, &positive(nonce)), element(BOOLEAN, &[0xff])];
    element(SEQUENCE, &parts.concat())
}

/// Reads an answer.
///
/// # Errors
/// `Form` or `Refused`.
pub fn read(answer: &[u8]) -> Result<Stamp, StampFault> {
    let mut parts = Reader(answer).enter(SEQUENCE).ok_or(StampFault::Form)?;
    let mut status = parts.enter(SEQUENCE).ok_or(StampFault::Form)?;
    let code = status.take(INTEGER).and_then(number).ok_or(StampFault::Form)?;
    // 0 is granted, 1 granted with modifications.
    if code > 1 {
        let said = status.enter(SEQUENCE).and_then(|mut texts| texts.take(UTF8)).map(String::from_utf8_lossy);
        let said = said.map_or_else(String::new, |said| format!(": {}", said.chars().take(200).collect::<String>()));
        return Err(StampFault::Refused { status: code, said });
    }
    token(&mut parts).ok_or(StampFault::Form)
}

/// Checks that an answer stamps this digest, for the request with this nonce (any, if none is given); returns when.
///
/// # Errors
/// What is wrong with it.
pub fn check(answer: &[u8], digest: &[u8; 32], nonce: Option<&[u8; 8]>) -> Result<Timestamp, StampFault> {
    let stamp = read(answer)?;
    if stamp.digest != *digest {
        return Err(StampFault::Digest);
    }
    let is_own = nonce.is_none_or(|nonce| stamp.nonce.as_deref() == Some(significant(nonce)));
    if is_own { Ok(stamp.at) } else { Err(StampFault::Nonce) }
}

/// `ContentInfo` → `SignedData` → `TSTInfo`.
fn token(parts: &mut Reader<'_>) -> Option<Stamp> {
    let mut content = parts.enter(SEQUENCE)?;
    if content.take(OID)? != SIGNED_DATA {
        return None;
    }
    let mut signed = content.enter(CONTEXT_0)?.enter(SEQUENCE)?;
    signed.take(INTEGER)?;
    signed.take(SET)?;
    let mut inner = signed.enter(SEQUENCE)?;
    if inner.take(OID)? != TST_INFO {
        return None;
    }
    let octets = inner.enter(CONTEXT_0)?.take(OCTETS)?;
    let mut stamp = Reader(octets).enter(SEQUENCE)?;
    stamp.take(INTEGER)?;
    stamp.take(OID)?;
    let mut imprint = stamp.enter(SEQUENCE)?;
    if imprint.enter(SEQUENCE)?.take(OID)? != SHA256 {
        return None;
    }
    let digest = imprint.take(OCTETS)?.try_into().ok()?;
    stamp.take(INTEGER)?;
    let at = time(stamp.take(TIME)?)?;
    // Accuracy and ordering may stand before the nonce.
    stamp.maybe(SEQUENCE);
    stamp.maybe(BOOLEAN);
    let nonce = stamp.maybe(INTEGER).map(|nonce| significant(nonce).to_vec());
    Some(Stamp { digest, at, nonce })
}

/// `20261127101500Z`, with or without a fraction of a second.
fn time(content: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let whole = text.split('.').next()?;
    let civil = DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn number(content: &[u8]) -> Option<u64> {
    (content.len() <= 8).then(|| content.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// An unsigned number as DER writes it: as short as can be, and with a zero before a high bit.
fn positive(bytes: &[u8]) -> Vec<u8> {
    let digits = significant(bytes);
    let is_high = digits.first().is_none_or(|first| *first >= 0x80);
    if is_high { [&[0], digits].concat() } else { digits.to_vec() }
}

fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer as an authority writes it, but for signature and certificates.
    fn answer(status: u8, digest: &[u8; 32], nonce: &[u8]) -> Vec<u8> {
        let algorithm = element(SEQUENCE, &[element(OID, SHA256), element(0x05, &[])].concat());
        let imprint = element(SEQUENCE, &[algorithm, element(OCTETS, digest)].concat());
        let parts = [
            element(INTEGER, &[1]),
            element(OID, &[0x2a, 3, 4]),
            imprint,
            element(INTEGER, &[9]),
            element(TIME, b"20261127101500.25Z"),
            element(SEQUENCE, &element(INTEGER, &[1])),
            element(BOOLEAN, &[0xff]),
            element(INTEGER, &positive(nonce)),
        ];
        let info = element(SEQUENCE, &parts.concat());
        let inner = [element(OID, TST_INFO), element(CONTEXT_0, &element(OCTETS, &info))].concat();
        let signed = [element(INTEGER, &[3]), element(SET, &[]), element(SEQUENCE, &inner)].concat();
        let content = [element(OID, SIGNED_DATA), element(CONTEXT_0, &element(SEQUENCE, &signed))].concat();
        let said = element(SEQUENCE, &element(UTF8, "no such policy".as_bytes()));
        let state = [element(INTEGER, &[status]), said].concat();
        element(SEQUENCE, &[element(SEQUENCE, &state), element(SEQUENCE, &content)].concat())
    }

    #[test]
    fn an_answer_counts_for_its_own_request_only() {
        for nonce in [[0, 0, 1, 2, 3, 4, 5, 6], [0xff; 8], [0; 8]] {
            let whole = answer(0, &[7; 32], &nonce);
            let at: Timestamp = "2026-11-27T10:15:00Z".parse().unwrap();
            assert_eq!(check(&whole, &[7; 32], Some(&nonce)), Ok(at));
            assert_eq!(check(&whole, &[7; 32], None), Ok(at));
            assert_eq!(check(&whole, &[8; 32], Some(&nonce)), Err(StampFault::Digest));
            assert_eq!(check(&whole, &[7; 32], Some(&[9; 8])), Err(StampFault::Nonce));
        }
        let refused = check(&answer(2, &[7; 32], &[1; 8]), &[7; 32], None).unwrap_err();
        assert_eq!(refused.to_string(), "the authority refuses (status 2: no such policy)");
    }

    #[test]
    fn what_is_cut_off_is_no_answer() {
        let whole = answer(1, &[7; 32], &[1; 8]);
        for length in 0..whole.len() {
            assert!(read(whole.get(..length).unwrap()).is_err(), "{length}");
        }
        assert!(read(b"<html>").is_err());
    }

    #[test]
    fn a_request_is_the_one_that_openssl_writes() {
        // openssl ts -query -digest 00…1f -sha256 -cert, its nonce replaced.
        let digest: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let request = query(&digest, &[0x80, 1, 2, 3, 4, 5, 6, 7]);
        let head = [0x30, 0x44, 2, 1, 1, 0x30, 0x31, 0x30, 0x0d, 6, 9];
        assert_eq!(request.get(..11), Some(&head[..]));
        assert_eq!(request.get(20..24), Some(&[5, 0, 4, 0x20][..]));
        assert_eq!(request.get(56..), Some(&[2, 9, 0, 0x80, 1, 2, 3, 4, 5, 6, 7, 1, 1, 0xff][..]));
    }
}
