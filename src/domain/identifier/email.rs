//! Mail addresses: the canonical form, the rules.
//!
//! Not here: signs that are written out (`text`), known addresses in a text (`matcher`).

use crate::domain::text::{fold, plain_addresses};

/// RFC 5321, 4.5.3.1.
const LOCAL_BYTES: usize = 64;
const HOST_BYTES: usize = 253;

/// Returns the canonical form of an address: lower case, host in ASCII, `@` and dots as signs.
pub fn canonical(value: &str) -> Option<String> {
    let folded = fold(value.trim());
    let plain = plain_addresses(&folded).unwrap_or(folded);
    let bare = plain.trim().trim_start_matches("mailto:").trim_start_matches("xmpp:");
    let (local, host) = bare.rsplit_once('@')?;
    if !(1..=LOCAL_BYTES).contains(&local.len())
        || !local.chars().all(|character| character == '.' || is_atom(character))
    {
        return None;
    }
    let host = ascii_host(host)?;
    Some(format!("{local}@{host}"))
}

fn ascii_host(host: &str) -> Option<String> {
    if host.is_empty() || host.len() > HOST_BYTES || host.contains(|c: char| c.is_whitespace() || c == '/') {
        return None;
    }
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | '。');
    if !host.chars().all(is_part) {
        return None;
    }
    if host.is_ascii() {
        return Some(host.to_ascii_lowercase());
    }
    match url::Host::parse(host).ok()? {
        url::Host::Domain(domain) => Some(domain),
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
    }
}

/// Tells whether a canonical address follows the rules of RFC 5321 for dotted names.
pub fn is_valid(canonical: &str) -> bool {
    let Some((local, host)) = canonical.rsplit_once('@') else { return false };
    (1..=LOCAL_BYTES).contains(&local.len()) && is_local(local) && is_host(host)
}

/// RFC 5322: atoms between dots.
fn is_local(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

/// RFC 5322's characters of atoms; letters of other scripts as RFC 6531 has them.
fn is_atom(character: char) -> bool {
    character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

/// Tells whether a text is a host name of at least two labels whose last is no number.
pub fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= HOST_BYTES
        && host.contains('.')
        && host.split('.').all(is_label)
        && last.len() >= 2
        && (last.bytes().all(|byte| byte.is_ascii_alphabetic()) || last.starts_with("xn--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_signs_has_no_canonical_form() {
        for address in ["138123@啕.(dot)i8", "a@b(dot)", "a@b..c d", "a@(at)"] {
            assert_eq!(canonical(address), None, "{address}");
        }
    }

    #[test]
    fn addresses_follow_the_rules() {
        for (address, valid) in [
            ("a@b.example", true),
            ("a.b+c@post.co.example", true),
            ("квилл@xn--80a1acny.xn--p1ai", true),
            ("a..b@post.example", false),
            (".a@post.example", false),
            ("a@post", false),
            ("a@post.1", false),
            ("a@-post.example", false),
            ("a@b", false),
            ("a", false),
        ] {
            assert_eq!(is_valid(address), valid, "{address}");
        }
    }
}
