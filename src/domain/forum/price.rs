//! The price that a short text on a market page shows: `$1,106.71`, `USD 5.70`, `฿0.00079 (€7.28)`, `1 500 руб.`.
//!
//! Not here: prices within what people write (`listing`), which needs the words around them.

use crate::domain::listing::Price;

const TEXT_LIMIT: usize = 400;

/// Currencies by mark or word, with whether they are money of a state: that is preferred where a page shows both.
const CURRENCIES: [(&str, &str, bool); 50] = [
    ("$", "USD", true),
    ("us$", "USD", true),
    ("usd", "USD", true),
    ("dollar", "USD", true),
    ("dollars", "USD", true),
    ("美元", "USD", true),
    ("€", "EUR", true),
    ("eur", "EUR", true),
    ("euro", "EUR", true),
    ("euros", "EUR", true),
    ("£", "GBP", true),
    ("gbp", "GBP", true),
    ("¥", "CNY", true),
    ("￥", "CNY", true),
    ("cny", "CNY", true),
    ("rmb", "CNY", true),
    ("元", "CNY", true),
    ("jpy", "JPY", true),
    ("円", "JPY", true),
    ("₽", "RUB", true),
    ("rub", "RUB", true),
    ("руб", "RUB", true),
    ("р", "RUB", true),
    ("рублей", "RUB", true),
    ("₴", "UAH", true),
    ("uah", "UAH", true),
    ("грн", "UAH", true),
    ("aud", "AUD", true),
    ("cad", "CAD", true),
    ("chf", "CHF", true),
    ("inr", "INR", true),
    ("₹", "INR", true),
    ("pln", "PLN", true),
    ("zł", "PLN", true),
    ("brl", "BRL", true),
    ("try", "TRY", true),
    ("₺", "TRY", true),
    ("usdt", "USDT", false),
    ("usdc", "USDC", false),
    ("฿", "BTC", false),
    ("₿", "BTC", false),
    ("btc", "BTC", false),
    ("bitcoin", "BTC", false),
    ("mbtc", "mBTC", false),
    ("xmr", "XMR", false),
    ("ltc", "LTC", false),
    ("bch", "BCH", false),
    ("eth", "ETH", false),
    ("dash", "DASH", false),
    ("doge", "DOGE", false),
];

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Word(String),
}

/// Reads the price that a short text shows: the first in money of a state, else the first.
pub(super) fn read(text: &str) -> Option<Price> {
    let tokens = tokens(text);
    let mut found: Vec<(Price, bool)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Token::Number(amount) = token else { continue };
        let before = at.checked_sub(1).and_then(|before| currency(tokens.get(before)?));
        // A currency between two numbers belongs to the second if it is a sign, to the first if it is a word.
        let is_taken = at.checked_sub(2).is_some_and(|at| matches!(tokens.get(at), Some(Token::Number(_))));
        let before = before.filter(|_| !is_taken || !is_word(tokens.get(at.saturating_sub(1))));
        let Some((currency, is_state)) = before.or_else(|| currency(tokens.get(at + 1)?)) else { continue };
        if *amount > 0.0 && *amount < 1e12 {
            found.push((Price { amount: *amount, currency: currency.to_owned() }, is_state));
        }
    }
    let state = found.iter().position(|(_, is_state)| *is_state);
    found.into_iter().nth(state.unwrap_or(0)).map(|(price, _)| price)
}

/// Tells whether a text is nothing but the name of a currency.
pub(super) fn is_currency(text: &str) -> bool {
    tokens(text).iter().all(|token| currency(token).is_some())
}

fn is_word(token: Option<&Token>) -> bool {
    matches!(token, Some(Token::Word(word)) if word.chars().all(char::is_alphabetic))
}

fn currency(token: &Token) -> Option<(&'static str, bool)> {
    let Token::Word(word) = token else { return None };
    CURRENCIES.iter().find(|(mark, _, _)| mark == word).map(|(_, code, is_state)| (*code, *is_state))
}

fn tokens(text: &str) -> Vec<Token> {
    let letters: Vec<char> = text.chars().take(TEXT_LIMIT).collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at).copied() {
        let start = at;
        if letter.is_ascii_digit() {
            at = number_end(&letters, start);
            let written: String = letters.get(start..at).unwrap_or_default().iter().collect();
            let mut amount = amount(&written);
            if let Some(factor) = letters.get(at).copied().and_then(factor)
                && !letters.get(at + 1).is_some_and(|next| next.is_alphanumeric())
            {
                amount *= factor;
                at += 1;
            }
            tokens.push(Token::Number(amount));
        } else if letter.is_alphabetic() {
            at += letters.iter().skip(start).take_while(|letter| letter.is_alphabetic()).count();
            let word: String = letters.get(start..at).unwrap_or_default().iter().collect();
            tokens.push(Token::Word(word.to_lowercase()));
        } else {
            if !letter.is_whitespace() && letter != '.' {
                tokens.push(Token::Word(letter.to_string()));
            }
            at += 1;
        }
    }
    tokens
}

/// Where a number ends: separators belong to it only between digits, blanks only before three of them.
fn number_end(letters: &[char], start: usize) -> usize {
    let is_digit = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    let mut at = start;
    while let Some(letter) = letters.get(at) {
        let is_group = || (1..=3).all(|ahead| is_digit(at + ahead)) && !is_digit(at + 4);
        let is_inner = match letter {
            '0'..='9' => true,
            '.' | ',' | '\'' => is_digit(at + 1),
            ' ' | '\u{a0}' | '\u{202f}' => is_group(),
            _ => false,
        };
        if !is_inner {
            break;
        }
        at += 1;
    }
    at
}

/// Reads a number with separators: the last mark is the decimal point unless it repeats or three digits follow a comma.
fn amount(written: &str) -> f64 {
    let is_mark = |letter: char| matches!(letter, '.' | ',');
    let decimal = written.rfind(is_mark).filter(|at| {
        let mark = written.get(*at..=*at).unwrap_or_default();
        let after = written.len() - at - 1;
        let is_only = written.matches(mark).count() == 1;
        is_only && (mark == "." || after != 3 || written.contains('.'))
    });
    let (whole, fraction) = decimal
        .map_or((written, ""), |at| (written.get(..at).unwrap_or_default(), written.get(at + 1..).unwrap_or_default()));
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    format!("{}.{}", digits(whole), digits(fraction)).parse().unwrap_or(0.0)
}

const fn factor(letter: char) -> Option<f64> {
    match letter {
        'k' | 'K' => Some(1e3),
        'm' | 'M' => Some(1e6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_as_markets_show_them() {
        for (text, expected) in [
            ("$1,106.71", Some((1_106.71, "USD"))),
            ("USD 5.70 (including 2.70 transaction fee)", Some((5.7, "USD"))),
            ("฿0.000787 (€7.28)", Some((7.28, "EUR"))),
            ("60.55 USD/Each (0.00690305 BTC/Each)", Some((60.55, "USD"))),
            ("1 500 руб.", Some((1_500.0, "RUB"))),
            ("1.234,50 €", Some((1_234.5, "EUR"))),
            ("3,000 USDT", Some((3_000.0, "USDT"))),
            ("0.05 BTC", Some((0.05, "BTC"))),
            ("$2k", Some((2_000.0, "USD"))),
            ("300元", Some((300.0, "CNY"))),
            ("￥1,200", Some((1_200.0, "CNY"))),
            ("0.023162 BTC / 3.441156 LTC", Some((0.023_162, "BTC"))),
            ("12 x xtc pills", None),
            ("Level 5", None),
            ("$0", None),
            ("", None),
        ] {
            let read = read(text).map(|price| (price.amount, price.currency));
            assert_eq!(read, expected.map(|(amount, currency)| (amount, currency.to_owned())), "{text}");
        }
    }
}
