//! How the seller wants to be reached or paid: handles, addresses, keys, wallets.
//!
//! A contact is kept as a digest, by which sellers are linked across sites, and a short form that people can read; the
//! contact as written is at hand while the post is, and is not serialised. What handles, addresses and wallets look like is
//! `identifier`'s; here is where they stand in a post and whose they are.

use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::forms::Forms;
use super::layout::LineKind;
use super::post::Part;
use super::{Found, Source};
use crate::domain::identifier::{email, handle, wallet};
use crate::domain::secret::Secret;

/// What a contact is reached by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactKind {
    /// `@handle`, `t.me/handle`.
    Telegram,
    /// 76 hexadecimal digits.
    Tox,
    /// `05` and 64 hexadecimal digits.
    Session,
    /// `name@host`, said to be XMPP.
    Jabber,
    /// `name@host`.
    Email,
    /// A fingerprint, or a key block.
    Pgp,
    /// A Bitcoin, Ethereum, Tron, Monero or Litecoin address.
    Wallet,
    /// Wickr.
    Wickr,
    /// Discord.
    Discord,
    /// ICQ.
    Icq,
    /// QQ.
    Qq,
    /// `WeChat`.
    Wechat,
    /// `WhatsApp`, by number.
    Whatsapp,
    /// Signal.
    Signal,
    /// Threema.
    Threema,
    /// Skype.
    Skype,
}

impl ContactKind {
    /// Returns the word of JSON and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Telegram => "telegram",
            Self::Tox => "tox",
            Self::Session => "session",
            Self::Jabber => "jabber",
            Self::Email => "email",
            Self::Pgp => "pgp",
            Self::Wallet => "wallet",
            Self::Wickr => "wickr",
            Self::Discord => "discord",
            Self::Icq => "icq",
            Self::Qq => "qq",
            Self::Wechat => "wechat",
            Self::Whatsapp => "whatsapp",
            Self::Signal => "signal",
            Self::Threema => "threema",
            Self::Skype => "skype",
        }
    }
}

/// A contact: linkable, readable in short, complete only in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// What it is reached by.
    pub kind: ContactKind,
    /// First and last characters: `@ve…nx`.
    pub short: String,
    /// SHA-256 of kind and canonical form, 32 hexadecimal digits: equal for equal contacts everywhere.
    pub digest: String,
    /// As written; gone once stored.
    #[serde(skip, default = "nothing")]
    pub written: Secret<String>,
}

const fn nothing() -> Secret<String> {
    Secret::new(String::new())
}

impl Contact {
    /// Makes a contact from its written form.
    pub fn new(kind: ContactKind, written: &str) -> Self {
        let canonical = canonical(kind, written);
        let hash = Sha256::digest(format!("dyepack/contact/1|{}|{canonical}", kind.as_str()));
        Self { kind, short: short(written), digest: hex(&hash), written: Secret::new(written.to_owned()) }
    }

    /// Returns the digest under a key of the operator, for stores that leave his hands.
    pub fn keyed(&self, key: &[u8]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
        mac.update(self.digest.as_bytes());
        hex(&mac.finalize().into_bytes())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Folds what does not tell contacts apart: case (but of wallets), `@`, the host of a link.
fn canonical(kind: ContactKind, written: &str) -> String {
    let bare = written.trim_start_matches('@');
    let known = match kind {
        ContactKind::Telegram => handle::telegram(written),
        ContactKind::Tox => handle::tox(written),
        ContactKind::Session => handle::session(written),
        ContactKind::Jabber | ContactKind::Email => email::canonical(written),
        ContactKind::Wallet => wallet_of(written),
        ContactKind::Pgp | ContactKind::Whatsapp | ContactKind::Icq => {
            Some(bare.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase())
        }
        ContactKind::Wickr
        | ContactKind::Discord
        | ContactKind::Qq
        | ContactKind::Wechat
        | ContactKind::Signal
        | ContactKind::Threema
        | ContactKind::Skype => None,
    };
    known.unwrap_or_else(|| bare.to_lowercase())
}

/// Returns the canonical form of a wallet's address whose own sum is right.
fn wallet_of(written: &str) -> Option<String> {
    wallet::Currency::ALL.into_iter().find_map(|currency| {
        wallet::canonical(currency, written).filter(|canonical| wallet::is_valid(currency, canonical))
    })
}

fn short(written: &str) -> String {
    let characters: Vec<char> = written.chars().collect();
    let (lead, tail) = if characters.len() >= 8 { (3, 2) } else { (2, 0) };
    let first: String = characters.iter().take(lead).collect();
    let last: String = characters.iter().skip(characters.len().saturating_sub(tail)).collect();
    format!("{first}…{last}")
}

/// Words that announce a contact, and of which kind.
const LABELS: [(ContactKind, &[&str]); 15] = [
    (
        ContactKind::Telegram,
        &[
            "telegram",
            "tele",
            "tlgrm",
            "tg",
            "飞机号",
            "飞机",
            "纸飞机",
            "电报",
            "телеграмм",
            "телеграм",
            "телега",
            "тг",
            "تلگرام",
            "تلیجرام",
            "تیلیجرام",
        ],
    ),
    (ContactKind::Session, &["session id", "session", "сессия"]),
    (ContactKind::Tox, &["tox id", "qtox", "tox", "токс"]),
    (ContactKind::Jabber, &["jabber", "xmpp", "жаба", "джаббер", "otr"]),
    (ContactKind::Email, &["e-mail", "email", "mail", "邮箱", "почта", "correo"]),
    (ContactKind::Pgp, &["pgp fingerprint", "fingerprint", "pgp", "gpg"]),
    (ContactKind::Wickr, &["wickr me", "wickr"]),
    (ContactKind::Discord, &["discord"]),
    (ContactKind::Icq, &["icq"]),
    (ContactKind::Qq, &["qq号", "qq"]),
    (ContactKind::Wechat, &["wechat", "微信号", "微信", "vx"]),
    (ContactKind::Whatsapp, &["whatsapp", "whats app"]),
    (ContactKind::Signal, &["signal"]),
    (ContactKind::Threema, &["threema"]),
    (ContactKind::Skype, &["skype"]),
];

static LABEL_FORMS: LazyLock<Forms<ContactKind>> =
    LazyLock::new(|| Forms::ending(LABELS.iter().flat_map(|(kind, words)| words.iter().map(|word| (*word, *kind)))));

/// Finds the contacts of a part outside quotations and sample rows, each once, in order of appearance.
pub(super) fn find(part: &Part<'_>) -> Vec<Found<Contact>> {
    let text = part.plain.text.as_str();
    let mut found: Vec<Found<Contact>> = Vec::new();
    let recognised = tokens(text).filter_map(|token| Some((token.start, recognise(part, &token)?)));
    for (token_start, (kind, start, end)) in recognised.chain(keys(text)) {
        let kind_of_line = part.kind_in_plain(token_start);
        let is_others = match kind_of_line {
            LineKind::Prose => false,
            LineKind::Row => label_before(text, token_start).is_none(),
            LineKind::Quote => true,
        };
        if is_others {
            continue;
        }
        let source: Source = part.plain_source(start, end);
        let written = part.plain.source(start, end);
        // A shop repeats its contact under each of its offers.
        if found.iter().any(|known| known.value.kind == kind && known.value.written.reveal() == written) {
            continue;
        }
        let contact = Contact::new(kind, written);
        if !found.iter().any(|known| known.value.digest == contact.digest) {
            found.push(Found { value: contact, at: source });
        }
        if found.len() >= 32 {
            break;
        }
    }
    found
}

/// A run of characters that handles and addresses are made of.
struct Token<'a> {
    text: &'a str,
    start: usize,
}

fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let is_part = |byte: &u8| IS_PART.get(usize::from(*byte)).is_some_and(|is_part| *is_part);
    let bytes = text.as_bytes();
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + bytes.get(rest..)?.iter().position(is_part)?;
        let after = bytes.get(start..)?;
        rest = start + after.iter().position(|byte| !is_part(byte)).unwrap_or(after.len());
        Some(Token { text: text.get(start..rest)?, start })
    })
}

/// Which bytes handles and addresses are made of.
static IS_PART: LazyLock<Vec<bool>> = LazyLock::new(|| {
    let is_part = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'.' | b'_' | b'-' | b'+' | b'/' | b':' | b'#' | b'*')
    };
    (0..=u8::MAX).map(is_part).collect()
});

/// Finds fingerprints of OpenPGP keys, ten groups of four digits, and whole keys: where the reader is to look, kind and place.
fn keys(text: &str) -> Vec<(usize, (ContactKind, usize, usize))> {
    const HEAD: &str = "-----begin pgp public key block-----";
    let mut keys = Vec::new();
    if let Some(at) = text.find(HEAD) {
        let body = text.get(at + HEAD.len()..).unwrap_or_default();
        let body = body.get(..super::fold::floor_boundary(body, KEY_LIMIT)).unwrap_or_default();
        let body = body.split("-----").next().unwrap_or_default();
        let start = at + HEAD.len() + (body.len() - body.trim_start().len());
        if body.trim().len() >= 64 {
            keys.push((at, (ContactKind::Pgp, start, start + body.trim().len())));
        }
    }
    if !(text.contains("pgp") || text.contains("gpg") || text.contains("fingerprint")) {
        return keys;
    }
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for token in tokens(text) {
        let follows = groups.last().is_some_and(|(_, end)| {
            text.get(*end..token.start).is_some_and(|gap| gap.len() <= 2 && gap.bytes().all(|sign| sign == b' '))
        });
        let is_group = token.text.len() == 4 && token.text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !(is_group && follows) {
            groups.clear();
        }
        if is_group {
            groups.push((token.start, token.start + 4));
        }
        if let ([(start, _), .., (_, end)], 10) = (groups.as_slice(), groups.len()) {
            keys.push((*start, (ContactKind::Pgp, *start, *end)));
            groups.clear();
        }
    }
    keys
}

/// Bytes of a key that are read.
const KEY_LIMIT: usize = 20_000;

/// Tells what a token is, and which bytes of the text the contact itself takes.
fn recognise(part: &Part<'_>, token: &Token<'_>) -> Option<(ContactKind, usize, usize)> {
    let text = part.plain.text.as_str();
    // `telegram:@name` is one token: what follows the last colon or link prefix counts.
    let mut body = token.text;
    if body.len() < 4 {
        return None;
    }
    // Most tokens are words.
    if body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let (at, label) = (token.start, label_before(text, token.start));
        let by_shape = shape(body, label, || part.plain.source(at, at + body.len()));
        return by_shape.or_else(|| labelled(body, label?)).map(|kind| (kind, at, at + body.len()));
    }
    let prefixes = ["https://", "http://", "t.me/", "telegram.me/", "tg://resolve?domain="];
    for prefix in prefixes.into_iter().filter(|_| token.text.contains('/')) {
        if let Some(at) = body.find(prefix) {
            let rest = body.get(at + prefix.len()..)?;
            if prefix.starts_with('t') {
                let name = rest.split(['/', ':', '.']).next()?;
                let is_invite = name.starts_with('+') || name == "joinchat" || name == "s";
                return (is_handle(name) && !is_invite).then(|| span(text, name, ContactKind::Telegram));
            }
            if !rest.contains("t.me/") {
                return None;
            }
            body = rest;
        }
    }
    let body = body.rsplit_once(':').filter(|(_, rest)| rest.len() >= 4).map_or(body, |(_, rest)| rest);
    let body = body
        .trim_start_matches(['-', '.', '/', '*', '_', ':', '#'])
        .trim_end_matches(['-', '.', '/', '*', ':', '+', '#']);
    if body.contains("**") {
        return None;
    }
    let at = offset_in(text, body);
    let label = label_before(text, at);
    if let Some(name) = body.strip_prefix('@') {
        let name = name.split(['@', '/', '.', ':', '*', '#']).next()?;
        let kind = label
            .filter(|kind| {
                matches!(kind, ContactKind::Discord | ContactKind::Wickr | ContactKind::Session | ContactKind::Signal)
            })
            .unwrap_or(ContactKind::Telegram);
        return is_handle(name).then_some((kind, at, at + 1 + name.len()));
    }
    let by_shape = shape(body, label, || part.plain.source(at, at + body.len()));
    by_shape.or_else(|| labelled(body, label?)).map(|kind| (kind, at, at + body.len()))
}

fn span(text: &str, part: &str, kind: ContactKind) -> (ContactKind, usize, usize) {
    let at = offset_in(text, part);
    (kind, at, at + part.len())
}

/// Where a slice of `text` lies in it.
fn offset_in(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

fn is_handle(name: &str) -> bool {
    (4..=32).contains(&name.len()) && handle::is_handle(name)
}

/// What a token is by its shape alone; wallets need the letters as they were written.
fn shape<'a>(body: &str, label: Option<ContactKind>, written: impl Fn() -> &'a str) -> Option<ContactKind> {
    if body.contains('@') {
        let address = email::canonical(body).filter(|address| email::is_valid(address))?;
        let is_jabber =
            label == Some(ContactKind::Jabber) || address.rsplit('@').next().is_some_and(handle::is_jabber_host);
        return Some(if is_jabber { ContactKind::Jabber } else { ContactKind::Email });
    }
    match body.len() {
        76 if handle::tox(body).is_some() => Some(ContactKind::Tox),
        66 if handle::is_session(body) => Some(ContactKind::Session),
        40 if label == Some(ContactKind::Pgp) && body.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Some(ContactKind::Pgp)
        }
        14..=106 if body.starts_with(['0', '1', '3', '4', '8', 'b', 'l', 'm', 't']) => {
            wallet_of(written()).map(|_| ContactKind::Wallet)
        }
        _ => None,
    }
}

/// What a token is because a word before it says so.
fn labelled(body: &str, label: ContactKind) -> Option<ContactKind> {
    let is_name = (4..=40).contains(&body.len())
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-#".contains(&byte))
        && LABEL_FORMS.at_end(body, |word, _| word == body).is_none()
        && !matches!(
            body,
            "only"
                | "contact"
                | "support"
                | "here"
                | "below"
                | "username"
                | "channel"
                | "group"
                | "accepted"
                | "number"
                | "with"
                | "access"
                | "from"
                | "shop"
                | "store"
                | "list"
                | "bot"
                | "data"
                | "base"
                | "leads"
                | "account"
                | "accounts"
                | "logs"
                | "combo"
                | "users"
        );
    let digits = body.bytes().filter(u8::is_ascii_digit).count();
    let is_number = (8..=15).contains(&digits) && digits + 2 >= body.len();
    match label {
        ContactKind::Telegram => is_name && is_handle(body) && (digits > 0 || body.contains('_') || body.len() >= 5),
        ContactKind::Signal => is_name || is_number,
        ContactKind::Wickr | ContactKind::Discord | ContactKind::Skype => is_name,
        ContactKind::Threema => is_name && body.len() == 8,
        ContactKind::Wechat => is_name && body.len() >= 6,
        ContactKind::Icq => (5..=10).contains(&digits) && digits == body.len() - body.matches('-').count(),
        ContactKind::Qq => (5..=11).contains(&digits) && digits == body.len(),
        ContactKind::Whatsapp => is_number,
        ContactKind::Tox
        | ContactKind::Session
        | ContactKind::Jabber
        | ContactKind::Email
        | ContactKind::Pgp
        | ContactKind::Wallet => false,
    }
    .then_some(label)
}

/// The word right before a place that announces a contact: `telegram:`, `飞机 `, `xmpp -`.
fn label_before(text: &str, at: usize) -> Option<ContactKind> {
    let before = text.as_bytes().get(..at)?;
    // Most places are told by the word before them alone, without a look at its letters.
    let is_gap = |byte: &&u8| byte.is_ascii() && !byte.is_ascii_alphanumeric();
    let gap = before.iter().rev().take_while(is_gap).count();
    let word = before.get(..at - gap)?;
    if gap >= 40 || (word.last()?.is_ascii() && !LABEL_FORMS.may_end(word)) {
        return None;
    }
    let start = super::fold::floor_boundary(text, at.saturating_sub(40));
    let near = text.get(start..at)?;
    let near = near.rsplit('\n').next()?.trim_end_matches(|sign: char| !sign.is_alphanumeric());
    // An unlabelled name must follow its label closely; `: ` or ` ` between is close.
    (text.get(start..at)?.len() - near.len() < 40).then_some(())?;
    let is_own_word =
        |word: &str, before: &str| !word.is_ascii() || !before.ends_with(|last: char| last.is_ascii_alphanumeric());
    LABEL_FORMS.at_end(near, is_own_word).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::super::Written;
    use super::super::post::Post;
    use super::*;

    fn kinds(text: &str) -> Vec<(ContactKind, String)> {
        let post = Post::new(&Written::new("title", text));
        find(&post.body).into_iter().map(|found| (found.value.kind, found.value.written.reveal().clone())).collect()
    }

    #[test]
    fn contacts_of_every_kind_are_found_as_written() {
        let session = format!("05{}", "ab12".repeat(16));
        let tox = "0123456789ABCDEF".repeat(5).get(..76).unwrap().to_owned();
        for (text, kind, written) in [
            ("tg: @Vendor_Lynx, fast", ContactKind::Telegram, "@Vendor_Lynx"),
            ("write to t.me/vendor_lynx", ContactKind::Telegram, "vendor_lynx"),
            ("飞机 @lynx_shop 联系", ContactKind::Telegram, "@lynx_shop"),
            ("Telegram: vendorlynx99", ContactKind::Telegram, "vendorlynx99"),
            ("XMPP lynx@xmpp.example (OMEMO only)", ContactKind::Jabber, "lynx@xmpp.example"),
            ("mail lynx@post.example", ContactKind::Email, "lynx@post.example"),
            ("wickr lynx.example", ContactKind::Wickr, "lynx.example"),
            ("QQ：123456789", ContactKind::Qq, "123456789"),
            ("ICQ 123-456-789", ContactKind::Icq, "123-456-789"),
            ("whatsapp +15550100200", ContactKind::Whatsapp, "+15550100200"),
            (
                "pay 0x00112233445566778899aabbccddeeff00112233",
                ContactKind::Wallet,
                "0x00112233445566778899aabbccddeeff00112233",
            ),
            ("signal +15550100222", ContactKind::Signal, "+15550100222"),
            ("تليجرام nakhil_55", ContactKind::Telegram, "nakhil_55"),
            (
                "BTC bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
                ContactKind::Wallet,
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            ),
            (
                "PGP: 1A2B 3C4D 5E6F 7081 92A3  B4C5 D6E7 F809 1021 3243",
                ContactKind::Pgp,
                "1A2B 3C4D 5E6F 7081 92A3  B4C5 D6E7 F809 1021 3243",
            ),
            (&format!("Session: {session}"), ContactKind::Session, &session),
            (&format!("tox {tox}"), ContactKind::Tox, &tox),
        ] {
            assert_eq!(kinds(text), [(kind, written.to_owned())], "{text}");
        }
    }

    #[test]
    fn addresses_in_sample_rows_and_quotations_are_not_contacts() {
        assert_eq!(kinds("ada@mail.example:hunter2"), []);
        assert_eq!(kinds("ada lovelace,ada@mail.example,+1 555 0100,9990123412341234,07/27"), []);
        assert_eq!(kinds("> tg @seller_one\nis he honest?"), []);
    }

    #[test]
    fn a_key_block_is_known_again() {
        let body = "mQINBFexampleexampleexampleexampleexampleexampleexampleexample\nexampleexample=abcd";
        let block = format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{body}\n-----END PGP PUBLIC KEY BLOCK-----");
        let found = kinds(&format!("write to me\n{block}\nbye"));
        assert_eq!(found, [(ContactKind::Pgp, body.to_owned())]);
    }

    #[test]
    fn the_same_contact_links_whatever_its_spelling() {
        let digest = |kind, text| Contact::new(kind, text).digest;
        assert_eq!(digest(ContactKind::Telegram, "@Vendor_Lynx"), digest(ContactKind::Telegram, "vendor_lynx"));
        assert_eq!(
            digest(ContactKind::Telegram, "https://t.me/Vendor_Lynx"),
            digest(ContactKind::Telegram, "vendor_lynx")
        );
        assert_ne!(digest(ContactKind::Telegram, "vendor_lynx"), digest(ContactKind::Wickr, "vendor_lynx"));
    }

    #[test]
    fn what_is_stored_of_a_contact_is_not_the_contact() {
        let contact = Contact::new(ContactKind::Telegram, "@vendor_lynx_2026");
        let stored = serde_json::to_string(&contact).unwrap();
        assert!(!stored.contains("vendor_lynx") && stored.contains("@ve…26"), "{stored}");
        assert_ne!(contact.keyed(b"one"), contact.keyed(b"two"));
    }
}
