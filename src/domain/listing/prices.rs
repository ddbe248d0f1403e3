//! Prices: amounts of money in a text, and which of them is what is asked for the goods.

use serde::{Deserialize, Serialize};

use super::numbers::Number;
use super::vocabulary::{Concept, Mention};

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
}

/// Written forms, longest first where one starts another. `true`: letters must not follow (a word, not a sign).
const CURRENCIES: [(&str, &str, Shape); 79] = {
    use Shape::{Sign, Word};
    [
        ("usdt", "USDT", Word),
        ("us dollars", "USD", Word),
        ("us$", "USD", Sign),
        ("usd", "USD", Word),
        ("$usd", "USD", Word),
        ("$", "USD", Sign),
        ("dollars", "USD", Word),
        ("dollar", "USD", Word),
        ("bucks", "USD", Word),
        ("美元", "USD", Sign),
        ("美金", "USD", Sign),
        ("刀", "USD", Sign),
        ("долларов", "USD", Word),
        ("доллара", "USD", Word),
        ("баксов", "USD", Word),
        ("дол", "USD", Word),
        ("دولار", "USD", Word),
        ("دلار", "USD", Word),
        ("юсдт", "USDT", Word),
        ("tether", "USDT", Word),
        ("泰达币", "USDT", Sign),
        ("trc20", "USDT", Word),
        ("u", "USDT", Word),
        ("euros", "EUR", Word),
        ("euro", "EUR", Word),
        ("eur", "EUR", Word),
        ("евро", "EUR", Word),
        ("欧元", "EUR", Sign),
        ("€", "EUR", Sign),
        ("gbp", "GBP", Word),
        ("£", "GBP", Sign),
        ("英镑", "GBP", Sign),
        ("rmb", "CNY", Word),
        ("cny", "CNY", Word),
        ("人民币", "CNY", Sign),
        ("元", "CNY", Sign),
        ("块", "CNY", Sign),
        ("¥", "CNY", Sign),
        ("￥", "CNY", Sign),
        ("yuan", "CNY", Word),
        ("юаней", "CNY", Word),
        ("港币", "HKD", Sign),
        ("hkd", "HKD", Word),
        ("台币", "TWD", Sign),
        ("twd", "TWD", Word),
        ("рублей", "RUB", Word),
        ("рубля", "RUB", Word),
        ("рубль", "RUB", Word),
        ("руб", "RUB", Word),
        ("р", "RUB", Word),
        ("₽", "RUB", Sign),
        ("rub", "RUB", Word),
        ("грн", "UAH", Word),
        ("uah", "UAH", Word),
        ("₴", "UAH", Sign),
        ("тенге", "KZT", Word),
        ("btc", "BTC", Word),
        ("bitcoin", "BTC", Word),
        ("比特币", "BTC", Sign),
        ("биткоин", "BTC", Word),
        ("฿", "BTC", Sign),
        ("₿", "BTC", Sign),
        ("xmr", "XMR", Word),
        ("monero", "XMR", Word),
        ("门罗币", "XMR", Sign),
        ("eth", "ETH", Word),
        ("以太坊", "ETH", Sign),
        ("ltc", "LTC", Word),
        ("ton", "TON", Word),
        ("inr", "INR", Word),
        ("₹", "INR", Sign),
        ("brl", "BRL", Word),
        ("r$", "BRL", Sign),
        ("reais", "BRL", Word),
        ("vnd", "VND", Word),
        ("₫", "VND", Sign),
        ("idr", "IDR", Word),
        ("rp", "IDR", Word),
        ("تومان", "IRT", Word),
    ]
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Stands anywhere.
    Sign,
    /// Letters must not follow or go before.
    Word,
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
        let mut candidate = PriceFound {
            price: Price { amount: number.value, currency: currency.to_owned() },
            unit: unit_after(text, end),
            start,
            end,
            score: 0,
        };
        candidate.score = score(text, &mut candidate, mentions);
        found.push(candidate);
    }
    found
}

/// Returns the price asked: the surest, the first of equals.
pub(super) fn asked(found: &[PriceFound]) -> Option<&PriceFound> {
    found
        .iter()
        .filter(|price| price.score > 0)
        .reduce(|best, price| if price.score > best.score { price } else { best })
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

fn starting(text: &str) -> Option<(&'static str, usize)> {
    CURRENCIES.iter().filter(|(form, ..)| text.starts_with(form)).max_by_key(|(form, ..)| form.len()).and_then(
        |(form, code, shape)| {
            let next = text.get(form.len()..).and_then(|rest| rest.chars().next());
            let runs_on = *shape == Shape::Word && next.is_some_and(is_word);
            (!runs_on).then_some((*code, form.len()))
        },
    )
}

fn ending(text: &str) -> Option<(&'static str, usize)> {
    CURRENCIES
        .iter()
        .filter(|(form, ..)| !matches!(*form, "u" | "р" | "元" | "块" | "刀" | "ton") && text.ends_with(form))
        .max_by_key(|(form, ..)| form.len())
        .and_then(|(form, code, shape)| {
            let before = text.get(..text.len() - form.len()).and_then(|rest| rest.chars().next_back());
            let runs_on = *shape == Shape::Word && before.is_some_and(is_word);
            (!runs_on).then_some((*code, form.len()))
        })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() && !super::fold::is_han(character)
}

/// Words right after a price that say what it buys.
const UNITS: [(PriceUnit, &[&str]); 4] = [
    (
        PriceUnit::Month,
        &[
            "/month",
            "/mo",
            "per month",
            "monthly",
            "a month",
            "/月",
            "一个月",
            "每月",
            "包月",
            "в месяц",
            "/мес",
            "месяц",
        ],
    ),
    (
        PriceUnit::Thousand,
        &["/1k", "per 1k", "per k", "/k", "per 1000", "一千条", "за 1к", "за 1k", "за тысячу", "per thousand"],
    ),
    (
        PriceUnit::Piece,
        &[
            "each",
            "/line",
            "per line",
            "per record",
            "per card",
            "per piece",
            "/pc",
            "/each",
            "a piece",
            "/item",
            "per item",
            "一条",
            "/条",
            "一套",
            "/套",
            "一份",
            "/份",
            "每条",
            "一个",
            "за строку",
            "за шт",
            "за штуку",
            "/шт",
            "штука",
            "per gb",
            "за запись",
        ],
    ),
    (PriceUnit::Part, &["for half", "半库", "за половину"]),
];

fn unit_after(text: &str, end: usize) -> PriceUnit {
    let near: String = text.get(end..).unwrap_or_default().chars().take(14).collect();
    let near = near.trim_start();
    UNITS
        .iter()
        .find(|(_, forms)| forms.iter().any(|form| near.starts_with(form)))
        .map_or(PriceUnit::Whole, |(unit, _)| *unit)
}

/// Words before an amount that make it another's: a part, a balance, a loss.
const OTHERWISE: [&str; 64] = [
    "half",
    "半库",
    "половина",
    "половину",
    "drops to",
    "balance",
    "余额",
    "limit",
    "额度",
    "限额",
    "baланс",
    "баланс",
    "остат",
    "paid",
    "lost",
    "stole",
    "salary",
    "worth",
    "loan",
    "income",
    "revenue",
    "earn",
    "make",
    "made",
    "fine",
    "ransom",
    "赔",
    "罚款",
    "损失",
    "工资",
    "收入",
    "赚",
    "收益",
    "зарплат",
    "штраф",
    "ущерб",
    "перевод",
    "заработ",
    "минимал",
    "minimum",
    "min order",
    "起充",
    "deposit",
    "депозит",
    "refund",
    "profit",
    "spend",
    "cashout",
    "bail",
    "stolen",
    "каждый",
    "transfer",
    "loses",
    "cost me",
    "转账",
    "贷款",
    "欠",
    "存款",
    "discount",
    "credit of",
    "потерял",
    "украл",
    "bonus",
    "награда",
];

/// Words before an amount that make it what is asked.
const LABELS: [&str; 44] = [
    "price",
    "priced at",
    "asking",
    "cost",
    "start:",
    "start price",
    "blitz",
    "selling for",
    "for only",
    "only",
    "sell for",
    "whole base",
    "整库",
    "价格",
    "报价",
    "打包价",
    "一口价",
    "售价",
    "标价",
    "总价",
    "定价",
    "单价",
    "全套",
    "打包",
    "цена",
    "стоимость",
    "прайс",
    "блиц",
    "старт",
    "за все",
    "отдам за",
    "продам за",
    "precio",
    "preco",
    "valor",
    "prix",
    "harga",
    "gia",
    "سعر",
    "السعر",
    "قیمت",
    "all for",
    "sum:",
    "сумма",
];

fn score(text: &str, candidate: &mut PriceFound, mentions: &[Mention]) -> i32 {
    let line_start = text.get(..candidate.start).and_then(|text| text.rfind('\n')).map_or(0, |at| at + 1);
    let line_end =
        text.get(candidate.end..).and_then(|text| text.find('\n')).map_or(text.len(), |at| candidate.end + at);
    let near = super::fold::floor_boundary(text, candidate.start.saturating_sub(48)).max(line_start);
    let before = text.get(near..candidate.start).unwrap_or_default();
    let clause = before.rsplit(['.', '。', ';', '!', '?']).next().unwrap_or_default();
    let after: String = text.get(candidate.end..line_end).unwrap_or_default().chars().take(16).collect();
    let line = text.get(line_start..line_end).unwrap_or_default().trim();
    let mut score = 2;
    if LABELS.iter().any(|label| clause.contains(label)) {
        score += 4;
    }
    if OTHERWISE.iter().any(|word| clause.contains(word)) {
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
    // A line that holds little else is a price tag.
    if line.len() <= candidate.end - candidate.start + 4
        || text.get(candidate.end..).is_some_and(|rest| rest.starts_with(']'))
    {
        score += 5;
    }
    let sells = |mention: &Mention| {
        mention.start >= line_start
            && mention.end <= line_end
            && matches!(mention.concept, Concept::Sell | Concept::Price | Concept::Terms)
    };
    score + i32::from(mentions.iter().any(sells))
}

/// Reads all prices of a text that stands alone; used where no vocabulary was searched.
#[cfg(test)]
fn read(text: &str) -> Option<(f64, String)> {
    let folded = super::fold::Folded::new(text, 1 << 20);
    let found = find(&folded.text, &super::numbers::find(&folded.text), &super::vocabulary::mentions(&folded.text));
    asked(&found).map(|found| (found.price.amount, found.price.currency.clone()))
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
        ] {
            assert_eq!(read(text), Some((amount, currency.to_owned())), "{text}");
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
