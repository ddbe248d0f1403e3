//! Where sellers are reached: Telegram, Tox and Session by their own rules. Jabber addresses are written like mail (`email`).

use super::email;

/// Hosts whose addresses are Jabber's, and words in the names of others.
const JABBER_HOSTS: [&str; 7] =
    ["xmpp", "jabber", "exploit.im", "thesecure.biz", "conversations.im", "404.city", "draugr.de"];

/// Returns the canonical form of a Telegram handle or its link.
pub fn telegram(value: &str) -> Option<String> {
    let lower = value.trim().to_lowercase();
    let bare = ["https://", "http://", "tg://resolve?domain="]
        .iter()
        .fold(lower.as_str(), |rest, prefix| rest.strip_prefix(prefix).unwrap_or(rest));
    let bare = ["t.me/s/", "t.me/", "telegram.me/", "telegram.dog/"]
        .iter()
        .find_map(|prefix| bare.strip_prefix(prefix))
        .unwrap_or(bare);
    let name = bare.trim_start_matches('@').split(['/', '?']).next()?;
    ((4..=32).contains(&name.len()) && is_handle(name)).then(|| name.to_owned())
}

/// Tells whether a name can be a handle's: a letter, then letters, digits and `_`.
pub fn is_handle(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Checks Telegram's own rules: 4 to 32 characters, begun with a letter, no `_` at the end or twice.
pub fn is_telegram(name: &str) -> bool {
    (4..=32).contains(&name.len())
        && is_handle(name)
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !name.ends_with('_')
        && !name.contains("__")
}

/// Returns the canonical form of a Tox identifier.
pub fn tox(value: &str) -> Option<String> {
    let bare = value.trim().trim_start_matches("tox:");
    (bare.len() == 76 && bare.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| bare.to_ascii_uppercase())
}

/// Checks a Tox identifier: key, nospam and a sum in which all pairs of bytes cancel out.
pub fn is_tox(canonical: &str) -> bool {
    let mut sum = [0_u8; 4];
    for (place, byte) in canonical.bytes().enumerate() {
        let Some(digit) = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
            return false;
        };
        if let Some(part) = sum.get_mut(place % 4) {
            *part ^= digit;
        }
    }
    canonical.len() == 76 && sum == [0; 4] && canonical.bytes().any(|byte| byte != b'0')
}

/// Returns the canonical form of a Session identifier.
pub fn session(value: &str) -> Option<String> {
    let bare = value.trim();
    (bare.len() == 66 && bare.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| bare.to_ascii_lowercase())
}

/// Checks a Session identifier: a key after the prefix `05`; it has no check digits.
pub fn is_session(canonical: &str) -> bool {
    canonical.len() == 66 && canonical.starts_with("05") && canonical.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Tells whether a host is known to be Jabber's.
pub fn is_jabber_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    JABBER_HOSTS.iter().any(|word| host.contains(word)) && email::is_host(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_follow_their_rules() {
        for (name, is_valid) in [
            ("vendor_lynx", true),
            ("lynx9", true),
            ("9lynx", false),
            ("lynx_", false),
            ("ly__nx", false),
            ("abc", false),
        ] {
            assert_eq!(is_telegram(name), is_valid, "{name}");
        }
        assert_eq!(telegram("https://t.me/Vendor_Lynx/12").as_deref(), Some("vendor_lynx"));
        assert_eq!(telegram("@a b"), None);
    }

    #[test]
    fn a_tox_identifier_has_a_sum() {
        let body = "0123456789ABCDEF".repeat(4) + "8899AABB";
        let pairs = body.as_bytes().chunks(4).map(|pair| u16::from_str_radix(std::str::from_utf8(pair).unwrap(), 16));
        let right = format!("{body}{:04X}", pairs.fold(0, |sum, pair| sum ^ pair.unwrap()));
        assert!(is_tox(&right));
        assert_eq!(tox(&right.to_lowercase()), Some(right.clone()));
        assert!(!is_tox(&right.replace("0123", "0124").replacen("0124", "0123", 1)));
        assert!(!is_tox(&"0".repeat(76)) && !is_tox("é"));
    }

    #[test]
    fn a_session_identifier_is_a_key_with_a_prefix() {
        let written = format!("05{}", "AB12".repeat(16));
        assert!(is_session(&session(&written).unwrap()));
        assert!(!is_session(&format!("06{}", "ab12".repeat(16))));
        assert_eq!(session("05ab"), None);
    }

    #[test]
    fn hosts_of_jabber_are_known() {
        assert!(is_jabber_host("exploit.im") && is_jabber_host("xmpp.example") && !is_jabber_host("post.example"));
    }
}
