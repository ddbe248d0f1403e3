//! How a value may be shown to people who look at a hit.

use super::Kind;

/// Masks a value for display.
///
/// - Numbers keep their first six and last four characters at most, and never more than half of them in all.
/// - A mail or Jabber address keeps its host and the first two characters before it (one of three or fewer): `su***@post.example`.
/// - A name keeps the first letter of each word: `G*** B***`; one without spaces keeps the first character, and the
///   last of three or more: `张*三`.
/// - A wallet, a Tox or a Session identifier keeps four characters at both ends, a Telegram handle two at the beginning.
/// - Anything else keeps a quarter of its characters, four at most, at the beginning.
pub fn mask(kind: Kind, value: &str) -> String {
    let value = value.trim();
    match kind {
        Kind::Email | Kind::Jabber => email(value),
        Kind::Name => name(value),
        Kind::Address | Kind::Other => {
            let length = value.chars().count();
            keep(value, (length / 4).min(4), 0)
        }
        Kind::Btc | Kind::Ltc | Kind::Eth | Kind::Trx | Kind::Xmr | Kind::Tox | Kind::Session => {
            let shown = (value.chars().count() / 4).min(4);
            keep(value, shown, shown)
        }
        Kind::Telegram => keep(value, (value.chars().count() / 3).min(2), 0),
        Kind::Pan
        | Kind::Iban
        | Kind::Account
        | Kind::ResidentId
        | Kind::NationalId
        | Kind::Ssn
        | Kind::Uscc
        | Kind::Inn
        | Kind::Snils
        | Kind::Passport
        | Kind::Phone => {
            let visible = value.chars().count() / 2;
            let last = (visible / 2).min(4);
            keep(value, (visible - last).min(6), last)
        }
    }
}

/// Keeps characters at both ends; the stars tell how many are hidden, up to twelve.
fn keep(value: &str, first: usize, last: usize) -> String {
    let characters: Vec<char> = value.chars().collect();
    let hidden = characters.len().saturating_sub(first + last);
    let head = characters.iter().take(first);
    let tail = characters.iter().skip(first + hidden);
    head.copied().chain(std::iter::repeat_n('*', hidden.min(12))).chain(tail.copied()).collect()
}

fn email(value: &str) -> String {
    let Some((local, host)) = value.rsplit_once('@') else { return keep(value, 0, 0) };
    let shown = match local.chars().count() {
        0 | 1 => 0,
        2 | 3 => 1,
        _ => 2,
    };
    let head: String = local.chars().take(shown).collect();
    format!("{head}***@{host}")
}

fn name(value: &str) -> String {
    let words: Vec<&str> = value.split_whitespace().collect();
    if let [word] = words.as_slice() {
        let length = word.chars().count();
        let is_han = word.chars().all(|character| u32::from(character) >= 0x2e80);
        return if is_han { keep(word, 1.min(length / 2), usize::from(length > 2)) } else { initial(word) };
    }
    words.iter().map(|word| initial(word)).collect::<Vec<_>>().join(" ")
}

fn initial(word: &str) -> String {
    let shown = usize::from(word.chars().count() > 1);
    word.chars().take(shown).chain("***".chars()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_masked_by_kind() {
        for (kind, value, masked) in [
            (Kind::Pan, "9990483834645856", "9990********5856"),
            (Kind::Pan, "9990483834645856123", "99904**********6123"),
            (Kind::NationalId, "000401022", "00*****22"),
            (Kind::Phone, "17745550119", "177******19"),
            (Kind::Email, "sundri654@post.example", "su***@post.example"),
            (Kind::Email, "su@post.example", "s***@post.example"),
            (Kind::Email, "nobody", "******"),
            (Kind::Name, "张三丰", "张*丰"),
            (Kind::Name, "张三", "张*"),
            (Kind::Name, "欧阳采薇", "欧**薇"),
            (Kind::Name, "Gideon Brackenholt", "G*** B***"),
            (Kind::Address, "12 Main Street", "12 ***********"),
            (Kind::Other, "ab", "**"),
            (Kind::Iban, "DE89370400440532013000", "DE8937************3000"),
            (Kind::ResidentId, "11010519491231002X", "11010*********002X"),
            (Kind::Ssn, "536904399", "53*****99"),
            (Kind::Uscc, "91110000600037341L", "91110*********341L"),
            (Kind::Inn, "7707083893", "770*****93"),
            (Kind::Snils, "11223344595", "112******95"),
            (Kind::Jabber, "lynx_shop@xmpp.example", "ly***@xmpp.example"),
            (Kind::Telegram, "vendor_lynx", "ve*********"),
            (Kind::Trx, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TR7N************Lj6t"),
        ] {
            assert_eq!(mask(kind, value), masked, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_kind_shows_more_than_six_and_four(value in "[0-9a-z]{1,80}") {
            for kind in [Kind::Pan, Kind::Iban, Kind::ResidentId, Kind::Ssn, Kind::Btc, Kind::Tox, Kind::Telegram, Kind::Other] {
                let masked = mask(kind, &value);
                let shown = masked.chars().filter(|character| *character != '*').count();
                prop_assert!(shown <= 10 && shown * 2 <= value.len());
            }
        }

        #[test]
        fn a_number_never_shows_more_than_half(value in "[0-9a-z]{1,40}") {
            let masked = mask(Kind::Account, &value);
            let shown = masked.chars().filter(|character| *character != '*').count();
            prop_assert!(shown * 2 <= value.len() && shown <= 10);
        }
    }
}
