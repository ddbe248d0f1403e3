//! Signed links: what a mail lets its reader do without a login, and nothing more.
//!
//! A token names what it is for, what it is about and when it runs out, under HMAC-SHA-256 with a key that only the
//! installation has. It is proof of having read the mail, no secret of the case. Not here: what following one does
//! (`services`), the pages (`faces`).

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use url::Url;

use crate::domain::case::crockford;
use crate::domain::secret::Secret;

/// How long a mail's link acknowledges its case.
pub const ACKNOWLEDGE_FOR: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How long a contact has to confirm an address.
pub const CONFIRM_FOR: SignedDuration = SignedDuration::from_hours(24 * 3);
/// Wrong codes after which a question is void.
pub const CODE_TRIES: u32 = 5;

/// Characters of a token's signature: 160 bits.
const MAC_CHARS: usize = 32;
/// Characters of a code: 40 bits.
const CODE_CHARS: usize = 8;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Says that somebody has seen a case.
    Acknowledge,
    /// Says that an address is read by who it should be.
    Confirm,
}

impl Purpose {
    /// Returns the word that stands in the address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Confirm => "confirm",
        }
    }

    /// Reads the word of [`Purpose::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Acknowledge, Self::Confirm].into_iter().find(|purpose| purpose.as_str() == word)
    }
}

/// Why a link does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// It was not made here, or is damaged.
    #[error("the link is not whole, or was not made here")]
    Unknown,
    /// Its time is over.
    #[error("the link has run out")]
    Expired,
}

/// Makes and reads links of one installation.
#[derive(Debug, Clone)]
pub struct LinkKey(Secret<[u8; 32]>);

impl LinkKey {
    /// Takes the installation's key.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(Secret::new(key))
    }

    /// Makes a token: `subject.expires.signature`, letters, digits, `-` and `.` only.
    pub fn token(&self, purpose: Purpose, subject: &str, expires: Timestamp) -> String {
        let expires = expires.as_second();
        format!("{subject}.{expires}.{}", self.sign(purpose, subject, expires))
    }

    /// Reads a token; returns what it is about.
    ///
    /// # Errors
    /// `Unknown` for what was not made here for this purpose, `Expired` for what was and has run out.
    pub fn read(&self, purpose: Purpose, token: &str, now: Timestamp) -> Result<String, LinkFault> {
        let mut parts = token.trim().rsplitn(3, '.');
        let (signature, expires, subject) = (parts.next(), parts.next(), parts.next());
        let (Some(signature), Some(expires), Some(subject)) = (signature, expires, subject) else {
            return Err(LinkFault::Unknown);
        };
        let expires: i64 = expires.parse().map_err(|_| LinkFault::Unknown)?;
        if !is_same(signature, &self.sign(purpose, subject, expires)) {
            return Err(LinkFault::Unknown);
        }
        if now.as_second() > expires { Err(LinkFault::Expired) } else { Ok(subject.to_owned()) }
    }

    /// Returns the code that may be read out instead of following a link.
    pub fn code(&self, subject: &str) -> String {
        let code = self.mac(&format!("dyepack/code/1|{subject}"), CODE_CHARS);
        let (head, tail) = code.split_at_checked(CODE_CHARS / 2).unwrap_or((&code, ""));
        format!("{head}-{tail}")
    }

    /// Compares a code as people type it: in any case, with or without the hyphen, `O` for `0`, `I` and `L` for `1`.
    pub fn is_code(&self, subject: &str, typed: &str) -> bool {
        let plain = |text: &str| -> String {
            let read = |character: char| match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            text.chars().filter(char::is_ascii_alphanumeric).map(read).collect()
        };
        is_same(&plain(typed), &plain(&self.code(subject)))
    }

    fn sign(&self, purpose: Purpose, subject: &str, expires: i64) -> String {
        self.mac(&format!("dyepack/link/1|{}|{subject}|{expires}", purpose.as_str()), MAC_CHARS)
    }

    fn mac(&self, text: &str, chars: usize) -> String {
        let mut mac = hmac(self.0.reveal());
        mac.update(text.as_bytes());
        crockford(&mac.finalize().into_bytes(), chars).to_ascii_lowercase()
    }
}

/// Where links lead: the address under which the installation's web pages are reached.
#[derive(Debug, Clone)]
pub struct Links {
    /// The address, up to its path.
    pub base: Url,
    /// What signs them.
    pub key: LinkKey,
}

impl Links {
    /// Returns the address that a mail shows.
    pub fn address(&self, purpose: Purpose, subject: &str, expires: Timestamp) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}/{}/{}", purpose.as_str(), self.key.token(purpose, subject, expires))
    }
}

/// Signs a message as the webhook's receiver checks it: HMAC-SHA-256 over `timestamp.body`, in hexadecimal digits.
pub fn sign_body(key: &[u8], timestamp: i64, body: &[u8]) -> String {
    let mut mac = hmac(key);
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Compares without telling by its time where two texts differ.
pub fn is_same(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes()).fold(0_u8, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && differences == 0
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_token_is_read_for_its_purpose_until_it_runs_out() {
        let key = LinkKey::new([7; 32]);
        let token = key.token(Purpose::Acknowledge, "A-7F3K", at(60));
        assert_eq!(key.read(Purpose::Acknowledge, &token, at(60)), Ok("A-7F3K".to_owned()));
        assert_eq!(key.read(Purpose::Acknowledge, &token, at(61)), Err(LinkFault::Expired));
        assert_eq!(key.read(Purpose::Confirm, &token, at(0)), Err(LinkFault::Unknown));
        assert_eq!(LinkKey::new([8; 32]).read(Purpose::Acknowledge, &token, at(0)), Err(LinkFault::Unknown));
    }

    #[test]
    fn a_token_with_any_character_changed_is_unknown() {
        let key = LinkKey::new([7; 32]);
        let token = key.token(Purpose::Acknowledge, "A-7F3K", at(60));
        for position in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.read(Purpose::Acknowledge, &changed, at(0)), Err(LinkFault::Unknown), "{changed}");
        }
        for text in ["", ".", "..", "A-7F3K", "A-7F3K.99999999999999999999.x", "A-7F3K.1."] {
            assert_eq!(key.read(Purpose::Acknowledge, text, at(0)), Err(LinkFault::Unknown), "{text}");
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let key = LinkKey::new([7; 32]);
        let code = key.code("question");
        assert_eq!(code.len(), 9);
        assert!(key.is_code("question", &code.to_uppercase()) && key.is_code("question", &code.replace('-', " ")));
        assert!(
            !key.is_code("another", &code)
                && !key.is_code("question", "")
                && !key.is_code("question", &code.replace('-', "").repeat(2))
        );
    }

    /// Computed with Python's `hmac`.
    #[test]
    fn a_body_is_signed_as_other_programs_check_it() {
        assert_eq!(sign_body(b"a key of twenty bytes", 1_780_000_000, b"{\"id\":\"A-1\"}"), PYTHON);
    }

    const PYTHON: &str = "bea5e8cc6a7559205376623f34982ba8733244b56a697fa411b92dedb5b37e84";
}
