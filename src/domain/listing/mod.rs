//! Is this an offer to sell data, and what does it claim: price, volume, seller, contacts, freshness.
//!
//! Not here: whether the claim is true (`matcher` and `case` know that), who wrote it (`forum` reads authors).

mod fold;
mod layout;
mod numbers;
mod prices;
mod score;
mod vocabulary;

use serde::{Deserialize, Serialize};

pub use prices::{Price, PriceUnit};
pub use vocabulary::Concept;

use fold::Folded;

/// Bytes of a title that are read.
const TITLE_LIMIT: usize = 1_000;
/// Bytes of a text that are read: past that, it is goods rather than words.
const TEXT_LIMIT: usize = 32_000;

/// What a post says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// How likely it offers data for sale; 0..=1.
    pub sale: f64,
    /// The price asked.
    pub price: Option<Price>,
    /// The words that decided, weightiest first.
    pub cues: Vec<String>,
}

impl Listing {
    /// From this probability on, a post counts as an offer.
    pub const OFFER_FROM: f64 = 0.5;

    /// Tells whether the post counts as an offer.
    pub fn is_offer(&self) -> bool {
        self.sale >= Self::OFFER_FROM
    }
}

/// Reads a post; `title` may be empty, then the first line of the text counts as one.
pub fn read(title: &str, text: &str) -> Listing {
    let (title, text) = if title.trim().is_empty() { heading(text) } else { (title, text) };
    let (title, text) = (Folded::new(title, TITLE_LIMIT), Folded::new(text, TEXT_LIMIT));
    let (sale, cues) = score::score(&title, &text);
    let price = asked_price(&title, &text);
    Listing { sale, price, cues }
}

/// Splits off the first line where it may be a title.
fn heading(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.split_once('\n') {
        Some((first, rest)) if first.len() <= 400 => (first, rest),
        None if text.len() <= 400 => (text, ""),
        Some(_) | None => ("", text),
    }
}

fn asked_price(title: &Folded<'_>, text: &Folded<'_>) -> Option<Price> {
    let of = |folded: &Folded<'_>| {
        let lines = layout::lines(&folded.text);
        let numbers: Vec<_> = numbers::find(&folded.text)
            .into_iter()
            .filter(|number| layout::kind_at(&lines, number.start) == layout::LineKind::Prose)
            .collect();
        let found = prices::find(&folded.text, &numbers, &vocabulary::mentions(&folded.text));
        prices::asked(&found).cloned()
    };
    let (in_title, in_text) = (of(title), of(text));
    match (in_title, in_text) {
        (Some(title), Some(text)) if text.score > title.score + 2 => Some(text.price),
        (Some(title), _) => Some(title.price),
        (None, text) => text.map(|found| found.price),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_told_from_everything_else() {
        for (title, text, is_offer) in [
            (
                "[SELLING] Halden bank customer database 2025",
                "120k rows, name, phone, card. Price 900$, escrow ok",
                true,
            ),
            ("出一手银行理财客户数据", "共34万条，带身份证手机号，打包价 900U，可走担保", true),
            ("Продам базу клиентов банка", "120к строк, ФИО, телефон, карта. Цена 900$, гарант", true),
            ("Vendo base de datos de clientes de banco", "500k registros, precio 300 USD, contacto telegram", true),
            ("求购 银行客户数据", "高价收", false),
            ("Куплю базу клиентов банка", "Пишите в лс", false),
            ("Looking for bank customer data", "paying well", false),
            ("Free bank database 100k rows", "enjoy, download link below", false),
            ("How do banks notice a leak?", "I guess they plant fake customers", false),
            ("Guide: how to check a database before buying", "Step one: count the columns", false),
            ("Researchers say bank data breach exposed 2 million customers", "The company said on Monday", false),
            ("Not selling, just asking", "what would a bank database be worth?", false),
        ] {
            let listing = read(title, text);
            assert_eq!(listing.is_offer(), is_offer, "{title}: {listing:?}");
        }
    }
}
