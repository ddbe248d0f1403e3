//! What a page labels: `Vendor: …`, `Price …`, `Ships from …`, in the words of ten languages.
//!
//! A label is a short text of its own and its value the text that follows, whatever the elements around them.

use ego_tree::iter::Edge;
use scraper::{ElementRef, Node};

use crate::domain::forum::{dom, price};
use crate::domain::listing::Price;

const TEXT_LIMIT: usize = 4_000;
const LABEL_LIMIT_BYTES: usize = 60;

/// What a label says of the text after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Label {
    /// What is asked.
    Price,
    /// Who offers it.
    Seller,
    /// From where and where to it is sent.
    Shipping,
    /// How many there are, how many were sold.
    Stock,
    /// How it is paid.
    Payment,
    /// What sort of thing it is.
    Category,
    /// What the seller says of it.
    Description,
    /// Since when somebody is a member, when they were last seen.
    Membership,
    /// What buyers say.
    Feedback,
}

const WORDS: [(Label, &[&str]); 9] = [
    (
        Label::Price,
        &[
            "price",
            "purchase price",
            "unit price",
            "price per item",
            "cost",
            "your price",
            "starting price",
            "цена",
            "стоимость",
            "价格",
            "價格",
            "售价",
            "preis",
            "prix",
            "precio",
            "preço",
            "prezzo",
            "fiyat",
            "cena",
            "価格",
        ],
    ),
    (
        Label::Seller,
        &[
            "vendor",
            "seller",
            "sold by",
            "seller name",
            "vendor name",
            "by vendor",
            "merchant",
            "posted by",
            "listed by",
            "offered by",
            "by",
            "продавец",
            "卖家",
            "賣家",
            "商家",
            "发布者",
            "verkäufer",
            "vendeur",
            "vendedor",
            "venditore",
            "satıcı",
            "sprzedawca",
            "出品者",
        ],
    ),
    (
        Label::Shipping,
        &[
            "ships from",
            "ships to",
            "ship to",
            "ship from",
            "shipping",
            "shipping options",
            "origin country",
            "origin",
            "delivery",
            "destination",
            "postage options",
            "shipping method",
            "доставка",
            "отправка",
            "发货地",
            "发货",
            "配送",
            "versand",
            "livraison",
            "envío",
            "envio",
            "spedizione",
            "kargo",
            "wysyłka",
            "配送方法",
        ],
    ),
    (
        Label::Stock,
        &[
            "quantity",
            "quantity left",
            "in stock",
            "stock",
            "available",
            "availability",
            "sold",
            "items sold",
            "sales",
            "ends in",
            "max quantity",
            "views",
            "наличие",
            "количество",
            "в наличии",
            "продано",
            "库存",
            "数量",
            "已售",
            "menge",
            "bestand",
            "quantité",
            "cantidad",
            "quantidade",
            "quantità",
            "stok",
            "ilość",
            "在庫",
        ],
    ),
    (
        Label::Payment,
        &[
            "payment",
            "payments",
            "escrow",
            "fe or escrow",
            "accepted payments",
            "accepted currencies",
            "payment method",
            "payment type",
            "accept",
            "оплата",
            "гарант",
            "付款方式",
            "支付方式",
            "担保",
            "zahlung",
            "paiement",
            "pago",
            "pagamento",
            "ödeme",
            "płatność",
            "支払方法",
        ],
    ),
    (
        Label::Category,
        &[
            "category",
            "categories",
            "product class",
            "class",
            "listing type",
            "type",
            "product type",
            "категория",
            "тип",
            "分类",
            "分類",
            "类别",
            "kategorie",
            "catégorie",
            "categoría",
            "categoria",
            "kategori",
            "kategoria",
            "カテゴリ",
        ],
    ),
    (
        Label::Description,
        &[
            "description",
            "product description",
            "listing details",
            "details",
            "product details",
            "item description",
            "listing description",
            "about this item",
            "about the product",
            "описание",
            "подробности",
            "商品描述",
            "商品详情",
            "描述",
            "详情",
            "beschreibung",
            "descripción",
            "descrição",
            "descrizione",
            "açıklama",
            "opis",
            "説明",
            "商品説明",
        ],
    ),
    (
        Label::Membership,
        &[
            "member since",
            "registered",
            "joined",
            "vendor since",
            "seller since",
            "last login",
            "last seen",
            "last active",
            "last online",
            "on the market since",
            "регистрация",
            "на сайте с",
            "последний визит",
            "注册时间",
            "最后登录",
            "mitglied seit",
            "membre depuis",
            "miembro desde",
            "membro desde",
            "üyelik",
        ],
    ),
    (
        Label::Feedback,
        &[
            "feedback",
            "positive feedback",
            "feedback ratings",
            "feedback rating",
            "ratings",
            "rating",
            "vendor rating",
            "reviews",
            "seller feedback ratings",
            "отзывы",
            "рейтинг",
            "评价",
            "評價",
            "bewertung",
            "bewertungen",
            "avis",
            "valoraciones",
            "avaliações",
            "valutazioni",
            "opinie",
            "レビュー",
        ],
    ),
];

/// A text of the page and the element it stands in.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    /// The element.
    pub(super) element: ElementRef<'a>,
    /// Its own text, white space folded.
    pub(super) text: String,
}

/// A label that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labelled {
    /// What it says.
    pub(super) label: Label,
    /// Its index among the pieces.
    pub(super) at: usize,
}

/// The texts of an element in page order, with the labels among them.
#[derive(Debug)]
pub(super) struct Labels<'a> {
    /// Texts in page order.
    pub(super) pieces: Vec<Piece<'a>>,
    /// Labels in page order.
    pub(super) found: Vec<Labelled>,
}

impl<'a> Labels<'a> {
    /// Collects the texts and labels of an element, leaving out what `skip` names.
    pub(super) fn of(element: ElementRef<'a>, skip: &dyn Fn(ElementRef<'_>) -> bool) -> Self {
        let pieces = pieces(element, skip);
        // Menus and tabs are links; of those only the tab with the description says what follows.
        let is_linked =
            |piece: &Piece<'a>| dom::ancestors(piece.element).take(3).any(|around| dom::name(around) == "a");
        let labelled = |(at, piece): (usize, &Piece<'a>)| {
            let label = label_of(&piece.text)?;
            let is_link = dom::name(piece.element) == "a" || is_linked(piece);
            (label == Label::Description || !is_link).then_some(Labelled { label, at })
        };
        let found = pieces.iter().enumerate().filter_map(labelled).collect();
        Self { pieces, found }
    }

    /// Tells whether a label of this sort was found.
    pub(super) fn has(&self, label: Label) -> bool {
        self.found.iter().any(|found| found.label == label)
    }

    /// Counts how many of these sorts of labels were found.
    pub(super) fn count(&self, labels: &[Label]) -> usize {
        labels.iter().filter(|label| self.has(**label)).count()
    }

    /// The values of a label: the rest of its own text, else the texts that follow.
    pub(super) fn values(&self, label: Label) -> impl Iterator<Item = Value<'_, 'a>> {
        let found = self.found.iter().filter(move |found| found.label == label);
        found.map(|found| Value { labels: self, at: found.at })
    }

    /// The first price that a label names.
    pub(super) fn price(&self) -> Option<Price> {
        self.values(Label::Price).find_map(|value| value.price())
    }
}

/// What follows a label.
#[derive(Debug)]
pub(super) struct Value<'l, 'a> {
    labels: &'l Labels<'a>,
    at: usize,
}

impl<'a> Value<'_, 'a> {
    /// The first text, with the element it stands in.
    pub(super) fn first(&self) -> Option<(String, ElementRef<'a>)> {
        let own = self.labels.pieces.get(self.at)?;
        if let Some(rest) = rest_of(&own.text) {
            return Some((rest.to_owned(), own.element));
        }
        let after = self.labels.pieces.get(self.at + 1..)?;
        let piece = after.iter().find(|piece| piece.text.chars().any(char::is_alphanumeric))?;
        Some((piece.text.clone(), piece.element))
    }

    /// The price in the next few texts.
    fn price(&self) -> Option<Price> {
        let own = self.labels.pieces.get(self.at)?;
        if let Some(found) = rest_of(&own.text).and_then(price::read) {
            return Some(found);
        }
        let after = self.labels.pieces.get(self.at + 1..).unwrap_or_default();
        let mut text = String::new();
        for piece in after.iter().take(4) {
            if label_of(&piece.text).is_some() {
                return None;
            }
            text.push(' ');
            text.push_str(&piece.text);
            if let Some(found) = price::read(&text) {
                return Some(found);
            }
        }
        None
    }
}

/// Tells what a text labels, alone (`Vendor`, `Price :`) or before its value (`Price: $20`).
pub(super) fn label_of(text: &str) -> Option<Label> {
    let is_short = text.len() <= LABEL_LIMIT_BYTES;
    let head = match split(text) {
        Some((head, _)) if head.len() <= LABEL_LIMIT_BYTES => head,
        None if is_short => text,
        Some(_) | None => return None,
    };
    let head = head.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
    WORDS.iter().find(|(_, words)| words.contains(&head.as_str())).map(|(label, _)| *label)
}

/// A label and its value within the same text.
fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once([':', '：']).or_else(|| text.split_once(" - "))
}

/// What follows a label within the same text.
fn rest_of(text: &str) -> Option<&str> {
    let (_, rest) = split(text)?;
    let rest = rest.trim();
    (!rest.is_empty()).then_some(rest)
}

fn pieces<'a>(element: ElementRef<'a>, skip: &dyn Fn(ElementRef<'_>) -> bool) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut skipping = None;
    for edge in element.traverse() {
        match edge {
            Edge::Open(node) if skipping.is_none() => match node.value() {
                Node::Text(text) => {
                    let mut line = String::new();
                    dom::push_words(&mut line, text);
                    let line = line.trim();
                    if let Some(element) = node.parent().and_then(ElementRef::wrap)
                        && !line.is_empty()
                    {
                        pieces.push(Piece { element, text: line.to_owned() });
                    }
                }
                Node::Element(_) => {
                    let Some(inner) = ElementRef::wrap(node) else { continue };
                    if matches!(dom::name(inner), "select" | "head" | "title") || dom::is_hidden(inner) || skip(inner) {
                        skipping = Some(node.id());
                    }
                }
                Node::Document
                | Node::Fragment
                | Node::Doctype(_)
                | Node::Comment(_)
                | Node::ProcessingInstruction(_) => {}
            },
            Edge::Close(node) if skipping == Some(node.id()) => skipping = None,
            Edge::Open(_) | Edge::Close(_) => {}
        }
        if pieces.len() >= TEXT_LIMIT {
            break;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use scraper::Html;

    use super::*;

    #[test]
    fn labels_are_read_whatever_the_elements_around_them() {
        for (html, seller, price) in [
            ("<dl><dt>Vendor</dt><dd><a>ada</a></dd><dt>Price</dt><dd>$20</dd></dl>", "ada", 20.0),
            ("<p>Sold by <b><a>ada</a> - </b></p><p>Price: 20 USD</p>", "ada", 20.0),
            ("<label>Seller :</label><span>ada</span><b>Purchase price:</b><i>USD</i><i>20.00</i>", "ada", 20.0),
            ("<table><tr><td>Продавец</td><td>ada</td><td>Цена</td><td>20 руб.</td></tr></table>", "ada", 20.0),
            ("<li>卖家：ada</li><li>价格：20元</li>", "ada", 20.0),
        ] {
            let dom = Html::parse_fragment(html);
            let labels = Labels::of(dom.root_element(), &|_| false);
            let name = labels.values(Label::Seller).find_map(|value| value.first()).map(|(name, _)| name);
            assert_eq!(name.as_deref(), Some(seller), "{html}");
            assert_eq!(labels.price().map(|price| price.amount), Some(price), "{html}");
        }
    }
}
