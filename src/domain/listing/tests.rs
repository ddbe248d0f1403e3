//! Claims about whole listings, on texts written for this purpose.

use super::*;

#[test]
fn offers_are_told_from_everything_else() {
    for (title, text, is_offer) in [
        ("[SELLING] Halden bank customer database 2025", "120k rows, name, phone, card. Price 900$, escrow ok", true),
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
        let listing = read(&Written::new(title, text));
        assert_eq!(listing.is_offer(), is_offer, "{title}: {listing:?}");
    }
}

#[test]
fn the_phrases_that_decided_are_told_with_their_places() {
    let text = "Selling a fresh customer database of a bank, 2M rows, price 500 USD, escrow accepted.";
    let phrases = read(&Written::new("Bank data", text)).claims.phrases;
    assert!(phrases.iter().any(|phrase| phrase.value == Concept::Sell.label()), "{phrases:?}");
    for Found { value, at } in phrases {
        let (start, end) = (usize::try_from(at.span.start).unwrap(), usize::try_from(at.span.end).unwrap());
        let whole = if at.place == Place::Title { "Bank data" } else { text };
        assert!(!whole.get(start..end).unwrap_or_default().is_empty(), "{value}");
    }
}
