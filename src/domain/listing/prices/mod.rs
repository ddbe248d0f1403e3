//! Prices: amounts of money in a text, and which of them is what is asked for the goods.

mod words;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};

use super::fold;
use super::forms::Forms;
use super::numbers::Number;
use super::vocabulary::{Concept, Mention};
use words::{CURRENCIES, LABELS, MONTH_BEFORE, OTHERWISE, UNITS};

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Amount in units of the currency.
    pub amount: f64,
    /// `USD`, `CNY`, `RUB`, `USDT`, `BTC` ….
    pub currency: String,
}

/// What a price buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriceUnit {
    /// Everything offered, or not said.
    #[default]
    Whole,
    /// A part: half of the base, a region.
    Part,
    /// One record, card, set of documents.
    Piece,
    /// A thousand records.
    Thousand,
    /// A month of access.
    Month,
}

/// A price found at some place of a folded text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PriceFound {
    pub(super) price: Price,
    pub(super) unit: PriceUnit,
    /// Folded bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// How sure it is that this is what is asked.
    pub(super) score: i32,
    /// It stands on a line that holds little else.
    pub(super) is_tag: bool,
}

/// Finds all amounts of money, in order of appearance.
pub(super) fn find(text: &str, numbers: &[Number], mentions: &[Mention]) -> Vec<PriceFound> {
    let mut found: Vec<PriceFound> = Vec::new();
    for (at, number) in numbers.iter().enumerate() {
        let floor = at.checked_sub(1).and_then(|before| numbers.get(before)).map_or(0, |before| before.end);
        let Some((currency, start, end)) = currency_of(text, number, floor) else { continue };
        if !(number.value > 0.0 && number.value < 1e12) {
            continue;
        }
        // Without accents, Vietnamese money and lines are one word: it is money where a price is announced.
        if text.get(start..end).is_some_and(|written| written.ends_with("dong")) && !is_announced(text, start) {
            continue;
        }
        let mut candidate = PriceFound {
            price: Price { amount: number.value, currency: currency.to_owned() },
            unit: unit(text, start, end),
            start,
            end,
            score: 0,
            is_tag: false,
        };
        candidate.score = score(text, &mut candidate, mentions);
        found.push(candidate);
    }
    found
}

/// Tells whether a word for price stands before a place, in the same clause.
fn is_announced(text: &str, at: usize) -> bool {
    let near = fold::floor_boundary(text, at.saturating_sub(48));
    let before = text.get(near..at).unwrap_or_default();
    let clause = before.rsplit(['.', '\n', '。', ';', '!', '?']).next().unwrap_or_default();
    HINTS.labels.is_match(clause)
}

/// Finds the currency written before or after a number.
fn currency_of(text: &str, number: &Number, floor: usize) -> Option<(&'static str, usize, usize)> {
    let after = text.get(number.end..)?;
    let blank = after.len() - after.trim_start_matches([' ', '[', '(', '\u{a0}']).len();
    let after_at = number.end + blank;
    let following = (blank <= 4).then(|| starting(text.get(after_at..)?)).flatten();
    if let Some((code, length)) = following.filter(|(code, _)| blank == 0 || *code != "RUB" || number.value >= 1.0) {
        return Some((code, number.start, after_at + length));
    }
    let before = text.get(floor..number.start)?.trim_end_matches([' ', ':', '\u{a0}', '(']);
    let (code, length) = ending(before)?;
    Some((code, floor + before.len() - length, number.end))
}

/// All written forms with their currency.
fn forms() -> impl Iterator<Item = (&'static str, &'static str)> {
    CURRENCIES.iter().flat_map(|(code, forms)| forms.iter().map(|form| (*form, *code)))
}

static FOLLOWING: LazyLock<Forms<&'static str>> = LazyLock::new(|| Forms::starting(forms()));
/// The short ones are too common as words to go before a number.
static LEADING: LazyLock<Forms<&'static str>> = LazyLock::new(|| {
    Forms::ending(forms().filter(|(form, _)| !matches!(*form, "u" | "р" | "元" | "块" | "刀" | "ton")))
});

fn starting(text: &str) -> Option<(&'static str, usize)> {
    let (form, code) = FOLLOWING.at_start(text, |_, _| true)?;
    let runs_on = form.ends_with(is_word) && text.get(form.len()..).is_some_and(|rest| rest.starts_with(is_word));
    (!runs_on).then_some((code, form.len()))
}

fn ending(text: &str) -> Option<(&'static str, usize)> {
    let (form, code) = LEADING.at_end(text, |_, _| true)?;
    let before = text.get(..text.len() - form.len());
    let runs_on = form.starts_with(is_word) && before.is_some_and(|rest| rest.ends_with(is_word));
    (!runs_on).then_some((code, form.len()))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() && !fold::is_han(character)
}

/// The words that go before amounts, ready to be searched.
struct Hints {
    labels: AhoCorasick,
    otherwise: AhoCorasick,
}

static HINTS: LazyLock<Hints> = LazyLock::new(|| {
    let automaton = |words: &[&str]| AhoCorasick::new(words).expect("a few dozen short words fit an automaton");
    Hints { labels: automaton(&LABELS), otherwise: automaton(&OTHERWISE) }
});

fn unit(text: &str, start: usize, end: usize) -> PriceUnit {
    let before = text.get(..start).unwrap_or_default().trim_end_matches([' ', ':', '-', '=']);
    if MONTH_BEFORE.iter().any(|word| before.ends_with(*word)) {
        return PriceUnit::Month;
    }
    let near = fold::first_characters(text.get(end..).unwrap_or_default(), 14).trim_start();
    UNITS
        .iter()
        .find(|(_, forms)| forms.iter().any(|form| near.starts_with(form)))
        .map_or(PriceUnit::Whole, |(unit, _)| *unit)
}

fn score(text: &str, candidate: &mut PriceFound, mentions: &[Mention]) -> i32 {
    let line_start = text.get(..candidate.start).and_then(|text| text.rfind('\n')).map_or(0, |at| at + 1);
    let line_end =
        text.get(candidate.end..).and_then(|text| text.find('\n')).map_or(text.len(), |at| candidate.end + at);
    let near = fold::floor_boundary(text, candidate.start.saturating_sub(48)).max(line_start);
    let before = text.get(near..candidate.start).unwrap_or_default();
    let clause = before.rsplit(['.', '。', ';', '!', '?']).next().unwrap_or_default();
    let after = fold::first_characters(text.get(candidate.end..line_end).unwrap_or_default(), 16);
    let line = text.get(line_start..line_end).unwrap_or_default().trim();
    let mut score = 2;
    if HINTS.labels.is_match(clause) {
        score += 4;
    }
    let is_other = HINTS.otherwise.is_match(clause);
    if is_other {
        score -= 6;
    }
    if ["for the whole", "за все", "for all", "全部", "for everything", "целиком"]
        .iter()
        .any(|word| after.contains(word))
    {
        score += 3;
    }
    if after.trim_start().starts_with("off")
        || after.contains("/day")
        || after.contains("a day")
        || after.contains("balance")
    {
        score -= 5;
    }
    if candidate.unit == PriceUnit::Part {
        score -= 2;
    }
    // A line that holds little else, or ends with the amount after a word or two, is a price tag.
    let is_bare = line.len() <= candidate.end - candidate.start + 4
        || text.get(candidate.end..).is_some_and(|rest| rest.starts_with(']'));
    let is_last = text.get(candidate.end..line_end).is_some_and(|rest| rest.trim().is_empty());
    candidate.is_tag = is_bare || (is_last && !is_other && line.split_whitespace().count() <= 4);
    if candidate.is_tag {
        score += 5;
    }
    let sells = |mention: &Mention| {
        mention.start >= line_start
            && mention.end <= line_end
            && matches!(mention.concept, Concept::Sell | Concept::Price | Concept::Terms)
    };
    let from = mentions.partition_point(|mention| mention.start < line_start);
    let near = mentions.get(from..).unwrap_or_default().iter().take_while(|mention| mention.start < line_end);
    score + i32::from(near.into_iter().any(sells))
}

/// Reads all prices of a text that stands alone; used where no vocabulary was searched.
#[cfg(test)]
fn read(text: &str) -> Option<(f64, String)> {
    let folded = fold::Folded::new(text, 1 << 20);
    let found = find(
        &folded.text,
        &super::numbers::find(&folded.text, std::iter::once(0..folded.text.len())),
        &super::vocabulary::mentions(&folded.text),
    );
    found
        .iter()
        .filter(|price| price.score > 0)
        .rev()
        .max_by_key(|price| price.score)
        .map(|found| (found.price.amount, found.price.currency.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_in_the_forms_of_the_trade() {
        for (text, amount, currency) in [
            ("Price is $6500 for the whole base. Half of it for $3250.", 6500.0, "USD"),
            ("整库 900 USDT，半库 450 USDT，可走担保。", 900.0, "USDT"),
            ("Цена 1200$ за всё, половина — 600$.", 1200.0, "USD"),
            ("打包价 900U", 900.0, "USDT"),
            ("27.68  [美元]  出售中  9/99", 27.68, "USD"),
            ("USD 5.71", 5.71, "USD"),
            ("฿0.000523", 0.000_523, "BTC"),
            ("Price: 1,485.00 USD/kg", 1485.0, "USD"),
            ("цена 15 000 руб", 15_000.0, "RUB"),
            ("asking 2.5k usd", 2500.0, "USD"),
            ("价格：3万元", 30_000.0, "CNY"),
            ("Precio: 400 €", 400.0, "EUR"),
            ("0.05 BTC only", 0.05, "BTC"),
            ("１２００美金", 1200.0, "USD"),
            ("Harga: Rp 500.000", 500_000.0, "IDR"),
            ("Giá: 30 triệu đồng", 30_000_000.0, "VND"),
            ("価格 NT$ 60,000", 60_000.0, "TWD"),
            ("قیمت: ۵۰۰ دلار", 500.0, "USD"),
            ("السعر: 1200 دولار", 1200.0, "USD"),
        ] {
            assert_eq!(read(text), Some((amount, currency.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_a_price_buys_is_read_in_every_language() {
        let first = |text: &str| {
            let folded = fold::Folded::new(text, 1 << 20);
            let numbers = super::super::numbers::find(&folded.text, std::iter::once(0..folded.text.len()));
            find(&folded.text, &numbers, &[]).first().map(|found| found.unit)
        };
        for (text, unit) in [
            ("0.5$ per line", PriceUnit::Piece),
            ("2$ a set", PriceUnit::Piece),
            ("5 руб за строку", PriceUnit::Piece),
            ("0.5元一条", PriceUnit::Piece),
            ("1€ por registro", PriceUnit::Piece),
            ("0,10 € par ligne", PriceUnit::Piece),
            ("500 rupiah per baris", PriceUnit::Piece),
            ("300$/month", PriceUnit::Month),
            ("包月 800U", PriceUnit::Month),
            ("20 000 рублей в месяц", PriceUnit::Month),
            ("200 dólares al mes", PriceUnit::Month),
            ("150 euros par mois", PriceUnit::Month),
            ("2.000.000 VND/tháng", PriceUnit::Month),
            ("100 دولار شهريا", PriceUnit::Month),
            ("ماهانه 100 دلار", PriceUnit::Month),
            ("5$ per 1k", PriceUnit::Thousand),
            ("900$ for all", PriceUnit::Whole),
        ] {
            assert_eq!(first(text), Some(unit), "{text}");
        }
    }

    #[test]
    fn amounts_of_something_else_are_not_prices() {
        for text in [
            "cards with balance $5000",
            "I lost $300 to a scammer",
            "贷款额度 5000 元",
            "перевод другу 5000 рублей",
            "18k rows",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
