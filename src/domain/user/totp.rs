//! Time-based one-time passwords (RFC 6238): six digits, SHA-1, steps of 30 seconds, as every authenticator app has them.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;

use crate::domain::secret::Secret;

/// Bytes of a secret (RFC 4226 recommends 20).
pub const SECRET_BYTES: usize = 20;
const STEP_SECONDS: i64 = 30;
/// Steps before and after now that are taken too: clocks differ.
const LEEWAY: i64 = 1;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A secret that an authenticator app shares with us.
#[derive(Debug, Clone)]
pub struct Totp(Secret<[u8; SECRET_BYTES]>);

impl Totp {
    /// Takes a secret, made by chance.
    pub const fn new(secret: [u8; SECRET_BYTES]) -> Self {
        Self(Secret::new(secret))
    }

    /// Returns the step that a code belongs to, if it is right now or was a moment ago and is later than `used`: no code
    /// counts twice.
    pub fn verify(&self, code: &str, used: i64, now: Timestamp) -> Option<i64> {
        let digits: String = code.chars().filter(|character| !character.is_whitespace()).collect();
        let current = now.as_second() / STEP_SECONDS;
        let steps = current - LEEWAY..=current + LEEWAY;
        steps.filter(|step| *step > used).find(|step| is_same(&self.code(*step), &digits))
    }

    /// Returns the code of now.
    pub fn code_at(&self, now: Timestamp) -> String {
        self.code(now.as_second() / STEP_SECONDS)
    }

    fn code(&self, step: i64) -> String {
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(self.0.reveal()).expect("HMAC takes keys of any length");
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest.last().copied().unwrap_or(0) & 15);
        let word = digest.iter().skip(offset).take(4).fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
    }

    /// Returns the secret as people type it (RFC 4648 base 32).
    pub fn base32(&self) -> Secret<String> {
        let secret = self.0.reveal();
        let bit = |at: usize| u32::from(secret.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1));
        let digit = |digit: usize| (0..5).fold(0, |value, offset| value << 1 | bit(digit * 5 + offset)) as usize;
        let digits = (0..SECRET_BYTES * 8 / 5).filter_map(|at| BASE32.get(digit(at)).copied().map(char::from));
        Secret::new(digits.collect())
    }

    /// Reads what [`Totp::base32`] wrote.
    pub fn from_base32(text: &str) -> Option<Self> {
        let digits: Vec<u32> = text
            .bytes()
            .map(|byte| BASE32.iter().position(|known| *known == byte).and_then(|at| u32::try_from(at).ok()))
            .collect::<Option<_>>()?;
        let bit = |at: usize| digits.get(at / 5).map_or(0, |digit| digit >> (4 - at % 5) & 1);
        let byte = |at: usize| (0..8).fold(0, |value, offset| value << 1 | bit(at * 8 + offset));
        let bytes: Vec<u8> = (0..SECRET_BYTES).filter_map(|at| u8::try_from(byte(at)).ok()).collect();
        (digits.len() == SECRET_BYTES * 8 / 5).then(|| bytes.try_into().ok()).flatten().map(Self::new)
    }

    /// Returns the address that authenticator apps read from a QR code.
    pub fn uri(&self, name: &str, issuer: &str) -> Secret<String> {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (name, issuer) = (encode(name), encode(issuer));
        let secret = self.base32();
        Secret::new(format!("otpauth://totp/{issuer}:{name}?secret={}&issuer={issuer}", secret.reveal()))
    }
}

/// Compares without telling by time where texts differ.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let totp = Totp::new(*b"12345678901234567890");
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(totp.code_at(at(second)), code);
        }
    }

    #[test]
    fn a_code_counts_once_and_only_around_its_time() {
        let totp = Totp::new([9; SECRET_BYTES]);
        let now = at(1_780_000_000);
        let code = totp.code_at(now);
        let step = totp.verify(&code, 0, now).unwrap();
        assert_eq!(totp.verify(&code, step, now), None);
        assert_eq!(totp.verify(&code, 0, at(1_780_000_030)), Some(step));
        assert_eq!(totp.verify(&code, 0, at(1_780_000_090)), None);
        assert_eq!(totp.verify("", 0, now), None);
        let (head, tail) = code.split_at(3);
        assert_eq!(totp.verify(&format!("{head} {tail}"), 0, now), Some(step));
    }

    #[test]
    fn a_secret_is_typed_and_read_again() {
        let totp = Totp::new(*b"12345678901234567890");
        assert_eq!(totp.base32().reveal(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let again = Totp::from_base32(totp.base32().reveal()).unwrap();
        assert_eq!(again.code_at(at(59)), "287082");
        assert!(Totp::from_base32("GEZDG").is_none() && Totp::from_base32("1").is_none());
        assert!(
            totp.uri("ann@bank.example", "dyepack").reveal().starts_with("otpauth://totp/dyepack:ann%40bank.example?")
        );
    }
}
