//! Onion addresses of version 3 (Tor's rend-spec-v3, section 6): are they well formed, and one that nobody has.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use sha3::{Digest, Sha3_256};

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const VERSION: u8 = 3;
const LABEL_LENGTH: usize = 56;

/// Tells whether a host name is an onion address that can be: length, version and checksum are right.
pub(super) fn is_valid(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let label = host.strip_suffix(".onion").and_then(|rest| rest.rsplit('.').next());
    let bytes = label.filter(|label| label.len() == LABEL_LENGTH).and_then(decode);
    bytes.is_some_and(|bytes| match bytes.split_first_chunk::<32>() {
        Some((key, [first, second, VERSION])) => checksum(key) == [*first, *second],
        Some(_) | None => false,
    })
}

/// Makes an onion address that nobody has published: Tor, if it is well, looks it up and says so.
///
/// `None` if the operating system gives no random numbers.
pub(super) fn unpublished() -> Option<String> {
    let pair = Ed25519KeyPair::generate().ok()?;
    let key = pair.public_key().as_ref().first_chunk::<32>()?;
    let [first, second] = checksum(key);
    let mut bytes = key.to_vec();
    bytes.extend([first, second, VERSION]);
    Some(format!("{}.onion", encode(&bytes)))
}

fn checksum(key: &[u8; 32]) -> [u8; 2] {
    let digest = Sha3_256::new().chain_update(".onion checksum").chain_update(key).chain_update([VERSION]).finalize();
    [digest[0], digest[1]]
}

/// Base 32 (RFC 4648) of whole groups of five bytes, without padding.
fn encode(bytes: &[u8]) -> String {
    let bits = |group: &[u8]| group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let letter = |bits: u64, place: u32| usize::try_from(bits >> (place * 5) & 31).ok().and_then(|at| ALPHABET.get(at));
    let letters = |bits: u64| (0..8).rev().filter_map(move |place| letter(bits, place));
    bytes.chunks_exact(5).flat_map(|group| letters(bits(group))).copied().map(char::from).collect()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    for group in text.as_bytes().chunks_exact(8) {
        let mut bits = 0_u64;
        for letter in group {
            let value = ALPHABET.iter().position(|known| known == letter)?;
            bits = bits << 5 | value as u64;
        }
        bytes.extend(bits.to_be_bytes().iter().skip(3));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_by_their_checksum() {
        for (host, expected) in [
            // The example of rend-spec-v3.
            ("pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion", true),
            ("www.pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion.", true),
            ("PG6MMJIYJMCRSSLVYKFWNNTLARU7P5SVN6Y2YMMJU6NUBXNDF4PSCRYD.onion", true),
            ("pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscrye.onion", false),
            ("abcdefghabcdefgh.onion", false),
            ("forum.example", false),
            ("", false),
        ] {
            assert_eq!(is_valid(host), expected, "{host}");
        }
    }

    #[test]
    fn an_address_that_nobody_has_is_well_formed_and_another_each_time() {
        let (one, other) = (unpublished().unwrap(), unpublished().unwrap());
        assert!(is_valid(&one) && is_valid(&other), "{one} {other}");
        assert_ne!(one, other);
    }
}
