//! Words before a value that say what it is meant to be.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::super::Kind;

/// Words stand closer than this before their values.
const NEAR_BYTES: usize = 40;
/// Between a word and its value there is room for `number is:`.
const NEAR_CHARACTERS: usize = 14;

/// All announcing words of a text.
#[derive(Debug)]
pub(super) struct Words<'t> {
    text: &'t str,
    /// Where a word ends, and what it announces; in order.
    ends: Vec<(usize, Kind)>,
}

impl<'t> Words<'t> {
    /// Finds the words of a folded text in one pass.
    pub(super) fn of(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let is_letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
        let found = SEARCH.automaton.find_overlapping_iter(text).filter_map(|found| {
            let (kind, is_ascii) = *SEARCH.words.get(found.pattern().as_usize())?;
            let is_own = !is_ascii || !(is_letter(found.start().checked_sub(1)) || is_letter(Some(found.end())));
            is_own.then_some((found.end(), kind))
        });
        Self { text, ends: found.collect() }
    }

    /// Returns where words that announce a kind end.
    pub(super) fn ends_of(&self, kind: Kind) -> impl Iterator<Item = usize> {
        self.ends.iter().filter(move |(_, word_kind)| *word_kind == kind).map(|(end, _)| *end)
    }

    /// Tells whether a word right before a place announces a kind: only a few other letters may stand between, no long
    /// number and no end of a line or cell.
    pub(super) fn say(&self, at: usize, kind: Kind) -> bool {
        let after = self.ends.partition_point(|(end, _)| *end <= at);
        let before = self.ends.get(..after).unwrap_or_default().iter().rev();
        let near = before.take_while(|(end, _)| end + NEAR_BYTES >= at).take(16);
        near.filter(|(_, word_kind)| *word_kind == kind)
            .any(|(end, _)| is_close(self.text.get(*end..at).unwrap_or_default()))
    }
}

fn is_close(between: &str) -> bool {
    let digits = between.as_bytes().windows(4).any(|four| four.iter().all(u8::is_ascii_digit));
    !digits
        && !between.contains(['\n', '\t', '|', ';'])
        && between.chars().filter(|character| character.is_alphanumeric()).count() <= NEAR_CHARACTERS
}

struct Search {
    automaton: AhoCorasick,
    /// What each pattern announces, and whether it is written in ASCII letters.
    words: Vec<(Kind, bool)>,
}

static SEARCH: LazyLock<Search> = LazyLock::new(|| {
    let all = || WORDS.iter().flat_map(|(kind, words)| words.iter().map(|word| (*kind, *word)));
    let automaton = AhoCorasick::new(all().map(|(_, word)| word)).expect("a hundred short words fit any automaton");
    Search { automaton, words: all().map(|(kind, word)| (kind, word.is_ascii())).collect() }
});

/// Words, folded, and what they announce.
const WORDS: [(Kind, &[&str]); 18] = [
    (
        Kind::Pan,
        &[
            "card",
            "cards",
            "cc",
            "pan",
            "credit",
            "debit",
            "visa",
            "mastercard",
            "unionpay",
            "卡",
            "карта",
            "карты",
            "карте",
            "карту",
        ],
    ),
    (Kind::Iban, &["iban"]),
    (Kind::ResidentId, &["身份证", "证件", "身分证", "sfz", "id", "idcard", "resident id", "identity", "citizen id"]),
    (Kind::Ssn, &["ssn", "social security", "social", "itin"]),
    (Kind::Uscc, &["信用代码", "税号", "纳税人识别号", "uscc", "usci"]),
    (Kind::Inn, &["инн", "inn"]),
    (Kind::Snils, &["снилс", "snils"]),
    (Kind::Passport, &["passport", "护照", "паспорт", "паспорта", "загранпаспорт"]),
    (Kind::NationalId, &["national id", "nationalid", "nin", "cpf", "dni", "nric", "pesel", "aadhaar"]),
    (
        Kind::Phone,
        &[
            "phone",
            "phones",
            "tel",
            "mobile",
            "mob",
            "cell",
            "whatsapp",
            "手机",
            "电话",
            "联系方式",
            "тел",
            "телефон",
            "моб",
            "call",
            "sms",
        ],
    ),
    (
        Kind::Account,
        &[
            "account",
            "acct",
            "a/c",
            "acc",
            "账号",
            "账户",
            "帐号",
            "帐户",
            "счет",
            "счёт",
            "счета",
            "р/с",
            "л/с",
            "konto",
        ],
    ),
    (Kind::Jabber, &["jabber", "xmpp", "жаба", "джаббер", "otr", "omemo"]),
    (
        Kind::Telegram,
        &[
            "telegram",
            "tele",
            "tg",
            "tlgrm",
            "飞机",
            "飞机号",
            "纸飞机",
            "电报",
            "телеграмм",
            "телеграм",
            "телега",
            "тг",
        ],
    ),
    (Kind::Btc, &["btc", "bitcoin", "биткоин", "比特币"]),
    (Kind::Ltc, &["ltc", "litecoin"]),
    (Kind::Eth, &["eth", "ethereum", "erc20", "erc-20", "以太坊"]),
    (Kind::Trx, &["trx", "tron", "trc20", "trc-20", "usdt"]),
    (Kind::Xmr, &["xmr", "monero", "монеро", "门罗币"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_close_before_its_value_only() {
        for (text, kind, said) in [
            ("card number: 1", Kind::Pan, true),
            ("卡号1", Kind::Pan, true),
            ("номер карты 1", Kind::Pan, true),
            ("discard 1", Kind::Pan, false),
            ("card 41111, phone 1", Kind::Pan, false),
            ("card\n1", Kind::Pan, false),
            ("инн: 1", Kind::Inn, true),
            ("my card is known by all the people here 1", Kind::Pan, false),
        ] {
            assert_eq!(Words::of(text).say(text.len() - 1, kind), said, "{text}");
        }
    }
}
