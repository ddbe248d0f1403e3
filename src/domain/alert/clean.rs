//! Makes foreign text fit to be shown: one line, bounded, defanged, masked.

use url::{Host, Url};

use super::facts::{MaskedValue, Site};
use crate::domain::source::Network;

/// Characters of a site's hidden-service name that may be shown.
const HIDDEN_NAME_CHARS: usize = 8;
/// Most characters of a link that are shown.
const LINK_CHARS: usize = 120;
/// Most visible digits in a row that a masked value may show.
const VISIBLE_DIGITS: usize = 6;

/// Folds text into one line: control characters become spaces, invisible and direction characters go, runs of spaces
/// become one, and what is longer than `limit` characters is cut with an ellipsis.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let spaced: String =
        text.chars().take(limit.saturating_mul(4).saturating_add(64)).filter_map(shown).collect::<String>();
    let folded = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if folded.chars().count() <= limit {
        return folded;
    }
    folded.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

fn shown(character: char) -> Option<char> {
    match character {
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => None,
        '\u{2028}' | '\u{2029}' => Some(' '),
        control if control.is_control() => Some(' '),
        other => Some(other),
    }
}

/// Keeps letters, digits, `-`, `_` and `.` of ASCII: what a header field or a command may quote.
pub(super) fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).take(64).collect()
}

/// Puts a Message-ID into angle brackets, without anything that RFC 5322 §3.6.4 does not allow there.
pub(super) fn message_id(text: &str) -> String {
    let inner: String =
        text.chars().filter(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.@".contains(*c)).take(200).collect();
    if inner.contains('@') { format!("<{inner}>") } else { format!("<{inner}@dyepack.localhost>") }
}

/// Names a site: its label, cut to a few characters for hidden services whatever the label says.
pub(super) fn site_label(site: &Site) -> String {
    let label = one_line(&site.label, 64).to_ascii_lowercase();
    let label = label.split_once("://").map_or(label.as_str(), |(_, rest)| rest);
    let is_hidden = site.network != Network::Open || label.contains(".onion") || label.contains(".i2p");
    if is_hidden {
        let name = label.rsplit_once(".onion").or_else(|| label.rsplit_once(".i2p")).map_or(label, |(name, _)| name);
        return name.trim_end_matches('…').chars().take(HIDDEN_NAME_CHARS).chain(['…']).collect();
    }
    label.chars().filter(|c| !c.is_whitespace() && !"<>\"'&".contains(*c)).collect()
}

/// Breaks a host name so that no mail program makes a link of it: `forum[.]example`.
pub(super) fn defang(host: &str) -> String {
    host.replace('.', "[.]")
}

/// Writes an address so that nobody opens it by accident, and keeps only what cannot carry stolen
/// text: the host, plain path words, and numbers; everything else (title slugs, searches) is an ellipsis.
pub(super) fn defanged_link(url: &Url) -> Option<String> {
    let scheme = match url.scheme() {
        "http" => "hxxp",
        "https" => "hxxps",
        _ => return None,
    };
    let host = match url.host()? {
        Host::Domain(name) => defang(name),
        Host::Ipv4(address) => defang(&address.to_string()),
        Host::Ipv6(address) => format!("[{address}]"),
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let mut link = format!("{scheme}://{host}{port}");
    let mut is_cut = false;
    for segment in url.path().split('/').filter(|segment| !segment.is_empty()) {
        if !is_plain_segment(segment) {
            is_cut = true;
            break;
        }
        link.push('/');
        link.push_str(segment);
    }
    if is_cut {
        link.push_str("/…");
    } else {
        push_query(&mut link, url);
    }
    Some(one_line(&link, LINK_CHARS))
}

fn push_query(link: &mut String, url: &Url) {
    let mut separator = if url.path() == "/" { "/?" } else { "?" };
    for (key, value) in url.query_pairs().take(16) {
        if is_short_word(&key) && (is_short_number(&value) || (key == "mod" && is_short_word(&value))) {
            link.push_str(separator);
            link.extend([key.as_ref(), "=", value.as_ref()]);
            separator = "&";
        }
    }
    let fragment = url.fragment().unwrap_or_default();
    let number = fragment.trim_start_matches(|c: char| c.is_ascii_lowercase());
    if is_short_number(number) && fragment.len() - number.len() <= 5 {
        link.push('#');
        link.push_str(fragment);
    }
}

/// `showthread.php`, `thread-101-1-1.html`, `t`, `123`: one word of letters at most, then numbers.
fn is_plain_segment(segment: &str) -> bool {
    let stem = [".php", ".html", ".htm", ".asp", ".aspx", ".cgi"]
        .iter()
        .find_map(|extension| segment.strip_suffix(extension))
        .unwrap_or(segment);
    let mut parts = stem.split('-');
    let is_first_plain = parts.next().is_some_and(|first| is_short_word(first) || is_short_number(first));
    let digits = stem.chars().filter(char::is_ascii_digit).count();
    is_first_plain && digits <= 12 && parts.all(is_short_number)
}

fn is_short_word(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

fn is_short_number(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit())
}

/// Shows a masked value; one that is not masked after all is hidden whole.
pub(super) fn masked_value(value: &MaskedValue) -> String {
    let masked = one_line(&value.masked, 48);
    let is_masked = masked.chars().any(|c| matches!(c, '*' | '•' | '…' | '×' | '█'));
    let longest = masked.split(|c: char| !c.is_numeric()).map(|run| run.chars().count()).max().unwrap_or(0);
    if is_masked && longest <= VISIBLE_DIGITS { masked.replace('*', "•") } else { "•••".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_or_a_direction_mark_in_a_name_does_not_survive() {
        assert_eq!(one_line("Bank\r\nBcc: all@example.org\u{202e}x\u{200b}", 80), "Bank Bcc: all@example.orgx");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(message_id("a\r\nb>c@host"), "<abc@host>");
        assert_eq!(message_id("<a@b>"), "<a@b>");
        assert_eq!(word("C-7F3K9Q2M\r\nBcc: x"), "C-7F3K9Q2MBccx");
    }

    #[test]
    fn a_hidden_service_is_named_by_eight_characters_whatever_its_label_says() {
        let onion = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwx.onion";
        for (label, network) in
            [(onion, Network::Tor), (onion, Network::Open), ("http://abcdefghij.i2p/x", Network::I2p)]
        {
            let shown = site_label(&Site { label: label.to_owned(), network });
            assert_eq!(shown, "abcdefgh…");
        }
        assert_eq!(site_label(&Site { label: "Forum.Example".to_owned(), network: Network::Open }), "forum.example");
    }

    #[test]
    fn links_keep_numbers_and_lose_slugs() {
        for (address, shown) in [
            (
                "https://forum.example/showthread.php?tid=101&pid=1001#pid1001",
                "hxxps://forum[.]example/showthread.php?tid=101&pid=1001#pid1001",
            ),
            (
                "https://forum.example/forum.php?mod=viewthread&tid=7&q=ivanov",
                "hxxps://forum[.]example/forum.php?mod=viewthread&tid=7",
            ),
            ("http://127.0.0.1:8101/thread-101-1-1.html", "hxxp://127[.]0[.]0[.]1:8101/thread-101-1-1.html"),
            ("https://forum.example/threads/john-smith-4111111111111111.55/", "hxxps://forum[.]example/threads/…"),
            ("https://forum.example/4111111111111111", "hxxps://forum[.]example/…"),
            ("https://user:secret@forum.example/a@b.example?p=4111111111111111", "hxxps://forum[.]example/…"),
        ] {
            assert_eq!(defanged_link(&Url::parse(address).unwrap()).as_deref(), Some(shown), "{address}");
        }
        assert_eq!(defanged_link(&Url::parse("ftp://forum.example/").unwrap()), None);
    }

    #[test]
    fn a_value_that_is_not_masked_is_hidden_whole() {
        let show = |masked: &str| masked_value(&MaskedValue { field: "pan".to_owned(), masked: masked.to_owned() });
        assert_eq!(show("622202******1234"), "622202••••••1234");
        assert_eq!(show("6222021234567890"), "•••");
        assert_eq!(show("6222021*"), "•••");
        assert_eq!(show("su***@post.example"), "su•••@post.example");
    }
}
