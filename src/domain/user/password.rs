//! Passwords: what is taken, and argon2id over it (RFC 9106).
//!
//! Costs follow the OWASP cheat sheet: 19 MiB, two passes, one lane. Hashing takes tens of milliseconds: call it on a
//! blocking thread.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::domain::secret::Secret;

/// Shortest password, in characters (NIST SP 800-63B asks for 8, for 15 where nothing else protects).
pub const SHORTEST: usize = 12;
/// Longest password that is hashed, in bytes.
pub const LONGEST_BYTES: usize = 1_000;

/// Hash of no password: verified against where there is no such user, so that both take as long.
pub const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZHllcGFjay9ub2JvZHkvMQ$p0Gvi5qQB1Z6V1m1cWc2tq0bq1bXb0m0cW1v0dS3c1w";

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Too short.
    #[error("take the password: it has fewer than {SHORTEST} characters")]
    Short,
    /// Too long.
    #[error("take the password: it has more than {LONGEST_BYTES} bytes")]
    Long,
    /// One character over and over, or a run of neighbours.
    #[error("take the password: it is too simple")]
    Simple,
    /// It holds the user's name or the product's.
    #[error("take the password: it holds the name")]
    Name,
}

/// Checks a new password.
///
/// # Errors
/// What is wrong with it.
pub fn check(password: &Secret<String>, name: &str) -> Result<(), Weakness> {
    let text = password.reveal();
    if text.len() > LONGEST_BYTES {
        return Err(Weakness::Long);
    }
    if text.chars().count() < SHORTEST {
        return Err(Weakness::Short);
    }
    let characters: Vec<u32> = text.chars().map(u32::from).collect();
    let neighbours = characters.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count();
    if neighbours * 4 >= (characters.len() - 1) * 3 {
        return Err(Weakness::Simple);
    }
    let lower = text.to_lowercase();
    let word = name.split('@').next().unwrap_or(name);
    if lower.contains("dyepack") || (word.chars().count() >= 4 && lower.contains(word)) {
        return Err(Weakness::Name);
    }
    Ok(())
}

/// Hashes a password with 16 bytes of chance; returns a PHC string.
pub fn hash(password: &Secret<String>, salt: [u8; 16]) -> Option<String> {
    let salt = SaltString::encode_b64(&salt).ok()?;
    hasher().hash_password(password.reveal().as_bytes(), &salt).ok().map(|hash| hash.to_string())
}

/// Tells whether a password is the one that was hashed; any text that is no hash is nobody's.
pub fn is_right(password: &Secret<String>, hash: &str) -> bool {
    let is_sound = password.reveal().len() <= LONGEST_BYTES;
    is_sound
        && PasswordHash::new(hash)
            .is_ok_and(|hash| hasher().verify_password(password.reveal().as_bytes(), &hash).is_ok())
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_password_is_known_by_its_hash_only() {
        let hashed = hash(&secret("correct horse battery"), [7; 16]).unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(is_right(&secret("correct horse battery"), &hashed));
        assert!(!is_right(&secret("correct horse batterz"), &hashed));
        assert!(!is_right(&secret(""), "") && !is_right(&secret("x"), "$argon2id$"));
        assert_ne!(hash(&secret("correct horse battery"), [8; 16]).unwrap(), hashed);
    }

    #[test]
    fn nobodys_hash_is_one_and_costs_as_much_as_any() {
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(!is_right(&secret("nobody"), NOBODY));
    }

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        for (password, weakness) in [
            ("short", Some(Weakness::Short)),
            ("aaaaaaaaaaaaaa", Some(Weakness::Simple)),
            ("abcdefghijklmn", Some(Weakness::Simple)),
            ("my dyepack passphrase", Some(Weakness::Name)),
            ("annberg and more 77", Some(Weakness::Name)),
            ("seven purple otters", None),
            ("十二个字的密码应该足够长了吧", None),
        ] {
            assert_eq!(check(&secret(password), "annberg@bank.example").err(), weakness, "{password}");
        }
    }
}
