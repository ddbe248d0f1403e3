//! What is found in texts, what is not, and that no text is too much.

use proptest::prelude::*;

use super::*;

fn found(text: &str) -> Vec<String> {
    identify(text)
        .into_iter()
        .map(|one| format!("{} {} {}", one.kind.as_str(), one.canonical, if one.is_valid { "yes" } else { "no" }))
        .collect()
}

#[test]
fn identifiers_are_found_in_their_spellings() {
    for (text, expected) in [
        ("4111111111111111", "pan 4111111111111111 yes"),
        ("card 4111 1111 1111 1111 07/27 123", "pan 4111111111111111 yes"),
        ("4111-1111-1111-1111|07|27|123|Ada", "pan 4111111111111111 yes"),
        ("3782 822463 10005", "pan 378282246310005 yes"),
        ("卡号：６２２２０２１２３４５６７８９０１２８有效", "pan 6222021234567890128 yes"),
        ("6222 0212 3456 7890 128", "pan 6222021234567890128 yes"),
        ("2221000000000009 2720999999999996", "pan 2221000000000009 yes|pan 2720999999999996 yes"),
        ("card: 4111 1111 1111 1112", "pan 4111111111111112 no"),
        ("9990483834645856", "pan 9990483834645856 yes"),
        ("DE89 3704 0044 0532 0130 00", "iban DE89370400440532013000 yes"),
        ("iban:GB82WEST12345698765432.", "iban GB82WEST12345698765432 yes"),
        ("IBAN DE89 3704 0044 0532 0130 01", "iban DE89370400440532013001 no"),
        ("身份证11010519491231002X，男", "resident_id 11010519491231002X yes"),
        ("110105 19491231 002x", "resident_id 11010519491231002X yes"),
        ("110105491231002", "resident_id 11010519491231002X yes"),
        ("身份证号:110105194912310021", "resident_id 110105194912310021 no"),
        ("91110000600037341L", "uscc 91110000600037341L yes"),
        ("SSN 536-90-4399, 536-90-4398", "ssn 536904399 yes|ssn 536904398 yes"),
        ("ssn: 536904399", "ssn 536904399 yes"),
        ("ИНН 7707083893", "inn 7707083893 yes"),
        ("инн: 500100732259", "inn 500100732259 yes"),
        ("ИНН 7707083894", "inn 7707083894 no"),
        ("СНИЛС 112-233-445 95", "snils 11223344595 yes"),
        ("паспорт 4508 123456", "passport 4508123456 yes"),
        ("passport: AB1234567", "passport AB1234567 yes"),
        ("account 6986859770", "account 6986859770 yes"),
        ("13812345678", "phone +8613812345678 yes"),
        ("手机138-1234-5678有效", "phone +8613812345678 yes"),
        ("+86 138 1234 5678", "phone +8613812345678 yes"),
        ("8 (916) 123-45-67", "phone +79161234567 yes"),
        ("89161234567", "phone +79161234567 yes"),
        ("call (212) 555-0142 now", "phone +12125550142 yes"),
        ("+44 (0)20 7946 0018", "phone +442079460018 yes"),
        ("010-62345678", "phone +861062345678 yes"),
        ("tel 9161234567", "phone +79161234567 yes"),
        ("+99 9000 1234567", "phone +9990001234567 no"),
        (
            "write ada.q+x@Post.Example, or quill@почта.рф",
            "email ada.q+x@post.example yes|email quill@xn--80a1acny.xn--p1ai yes",
        ),
        ("邮箱ada@post.example有效", "email ada@post.example yes"),
        ("ada [at] post (dot) example", "email ada@post.example yes"),
        ("ada艾特post.example", "email ada@post.example yes"),
        ("jabber: lynx@post.example", "jabber lynx@post.example yes"),
        ("lynx@exploit.im", "jabber lynx@exploit.im yes"),
        ("tg @Vendor_Lynx", "telegram vendor_lynx yes"),
        ("https://t.me/s/vendor_lynx?x", "telegram vendor_lynx yes"),
        ("Telegram: lynx_99", "telegram lynx_99 yes"),
        ("BTC 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "btc 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa yes"),
        ("btc 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "btc 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb no"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "btc bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 yes"),
        ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "eth 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed yes"),
        ("0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "eth 0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed no"),
        ("USDT TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "trx TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t yes"),
    ] {
        assert_eq!(found(text).join("|"), expected, "{text}");
    }
}

#[test]
fn what_only_looks_like_an_identifier_is_not_told() {
    for text in [
        "0.4111111111111111",
        "order 1700000000000000 at 1700000000000",
        "2026-01-31 10:20:30.123456",
        "4111111111111112",
        "deadbeef4111111111111111cafe",
        "img_4111111111111111_x.png logo@2x.png",
        "@media (min-width: 1200px) @types/node react@18.2.0",
        "192.168.100.200 10.0.0.1",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
        "7707083893 11223344595 536904399",
        "d41d8cd98f00b204e9800998ecf8427e",
        "a look at the dot on top",
        "",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

#[test]
fn a_number_valid_as_several_kinds_is_told_as_each() {
    let both = (0..1000)
        .map(|serial| format!("62010219900307{serial:03}"))
        .map(|body| format!("{body}{}", char::from(super::super::check::resident_id_check(body.as_bytes()).unwrap())))
        .find(|number| super::super::check::pan(number.as_bytes()))
        .unwrap();
    assert_eq!(found(&both), [format!("resident_id {both} yes"), format!("pan {both} yes")]);
}

#[test]
fn ranges_are_bytes_of_what_was_given() {
    let text = "卡号：４１１１ 1111-1111 1111；Ada[at]post.example";
    let found: Vec<&str> = identify(text).iter().map(|one| text.get(one.range.clone()).unwrap()).collect();
    assert_eq!(found, ["Ada[at]post.example"]);
    let text = "卡号：４１１１ 1111 1111 1111；x";
    let found: Vec<&str> = identify(text).iter().map(|one| text.get(one.range.clone()).unwrap()).collect();
    assert_eq!(found, ["４１１１ 1111 1111 1111"]);
}

#[test]
fn an_identifier_does_not_show_itself_in_debug_output() {
    let text = format!("{:?}", identify("4111111111111111"));
    assert!(text.contains("4111********1111") && !text.contains("41111111"), "{text}");
}

#[test]
fn hostile_texts_take_linear_time() {
    for unit in ["4111 ", "1-", "@a.b", "+86", "a@", "[at]", "x1", "0x", "bc1q", "tg @", "1.1/", "card 4 ", "t.me/"] {
        let text = unit.repeat(200_000 / unit.len());
        let _ = identify(&text);
    }
}

proptest! {
    #[test]
    fn any_text_is_searched_and_ranges_are_its_own(
        text in "(\\PC|[ -~]|[0-9]{4}|[ -]|\\+|@|[at]|\\(dot\\)|card |0x|bc1q|[１-９]|\u{301}|\u{200b}){0,80}"
    ) {
        let mut end = 0;
        for one in identify(&text) {
            prop_assert!(text.get(one.range.clone()).is_some_and(|part| !part.is_empty()));
            prop_assert!(one.range.start >= end || one.range.end == end);
            end = one.range.end;
            prop_assert_eq!(canonical(one.kind, &one.canonical), Some(one.canonical.clone()));
            prop_assert_eq!(is_valid(one.kind, &one.canonical), one.is_valid);
        }
    }

    #[test]
    fn a_card_is_found_between_words_of_any_script(body in "4[0-9]{14}", before in "[卡号：а-я,|]{0,6}", after in "[有效，；а-я|]{0,6}") {
        let card = (0..10).map(|last| format!("{body}{last}")).find(|card| super::super::check::luhn(card.as_bytes())).unwrap();
        let text = format!("{before}{card}{after}");
        prop_assert!(identify(&text).iter().any(|one| one.kind == Kind::Pan && one.canonical == card), "{}", text);
    }
}
