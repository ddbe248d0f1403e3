//! Addresses of wallets and messengers: long tokens with a shape of their own, handles behind a link or a word.

use super::super::{Kind, handle};
use super::window::Window;
use super::{Finder, Weak};

/// What a link to Telegram begins with.
const LINKS: [&str; 3] = ["t.me/", "telegram.me/", "telegram.dog/"];
/// Paths of Telegram that are no handle.
const PATHS: [&str; 9] =
    ["joinchat", "addstickers", "addemoji", "share", "proxy", "socks", "login", "setlanguage", "iv"];

impl Finder<'_> {
    /// Notes the wallet or messenger address that a window's first group is.
    pub(super) fn token(&mut self, window: &Window<'_>) {
        let (range, folded) = window.part(1);
        let is_hex = || folded.bytes().all(|byte| byte.is_ascii_hexdigit());
        let begins = |letters: &[u8]| folded.as_bytes().first().is_some_and(|first| letters.contains(first));
        let shapes: &[(Kind, Weak)] = match folded.len() {
            42 if folded.starts_with("0x") => &[(Kind::Eth, Weak::Told)],
            76 if is_hex() => &[(Kind::Tox, Weak::Told)],
            66 if folded.starts_with("05") && is_hex() => &[(Kind::Session, Weak::Untold)],
            42 | 62 if folded.starts_with("bc1") => &[(Kind::Btc, Weak::Told)],
            43 | 63 if folded.starts_with("ltc1") => &[(Kind::Ltc, Weak::Told)],
            14..=90 if folded.starts_with("bc1") => &[(Kind::Btc, Weak::Untold)],
            15..=91 if folded.starts_with("ltc1") => &[(Kind::Ltc, Weak::Untold)],
            95 | 106 if begins(b"48") => &[(Kind::Xmr, Weak::Told)],
            34 if begins(b"t") => &[(Kind::Trx, Weak::ToldBesideWord)],
            26..=35 if begins(b"13") && !folded.contains('0') => &[(Kind::Btc, Weak::ToldBesideWord)],
            26..=35 if begins(b"lm") && !folded.contains('0') => &[(Kind::Ltc, Weak::ToldBesideWord)],
            _ => &[],
        };
        for (kind, weak) in shapes {
            let written = (self.written)(&range);
            self.note(*kind, range.clone(), &written, *weak);
        }
    }

    /// Notes Telegram handles: behind a link, or with `@` or after a word that says so.
    pub(super) fn handles(&mut self) {
        let text = self.text;
        for link in LINKS {
            for (at, _) in text.match_indices(link) {
                let is_own = text.get(..at).is_none_or(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric()));
                let rest = at + link.len();
                let rest = if text.get(rest..).is_some_and(|rest| rest.starts_with("s/")) { rest + 2 } else { rest };
                if is_own {
                    self.handle(rest);
                }
            }
        }
        for (at, _) in text.match_indices('@') {
            let is_own = !text
                .get(..at)
                .is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || ".-_/".contains(c)));
            if is_own && self.words.say(at, Kind::Telegram) {
                self.handle(at + 1);
            }
        }
        let ends: Vec<usize> = self.words.ends_of(Kind::Telegram).collect();
        for end in ends {
            let rest = text.get(end..).unwrap_or_default();
            let signs = rest.len() - rest.trim_start_matches([' ', ':', '-', '=']).len();
            let name = name(text, end + signs);
            // Without `@` a handle must not look like a word of the sentence.
            if (1..=3).contains(&signs) && name.contains(|c: char| c.is_ascii_digit() || c == '_') {
                self.handle(end + signs);
            }
        }
    }

    fn handle(&mut self, at: usize) {
        let name = name(self.text, at);
        if handle::is_telegram(name) && name.len() >= 5 && !PATHS.contains(&name) {
            self.note(Kind::Telegram, at..at + name.len(), name, Weak::Untold);
        }
    }
}

/// The letters, digits and underscores at a place, 33 at most.
fn name(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.bytes().take(33).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    rest.get(..length).unwrap_or_default()
}
