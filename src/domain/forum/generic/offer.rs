//! A market's page about one thing: title, price, seller, description; and a page about one seller.
//!
//! Told by what it labels: price, seller, shipping, stock, payment, category, description.

use scraper::ElementRef;

use crate::domain::forum::generic::labels::{Label, Labels, label_of};
use crate::domain::forum::generic::lists::{self, Item};
use crate::domain::forum::generic::titles::{self, Titled};
use crate::domain::forum::generic::typed::Typed;
use crate::domain::forum::generic::{is_furniture, main_element, people};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::{dom, overrides, post_text, price};
use crate::domain::listing::Price;

/// Labels that pages about one thing carry; this many sorts of them tell it.
const TELLING: [Label; 7] =
    [Label::Price, Label::Seller, Label::Shipping, Label::Stock, Label::Payment, Label::Category, Label::Description];
const ENOUGH: usize = 3;
/// A text of this size describes.
const DESCRIPTION_BYTES: usize = 30;

/// One thing offered, or one who offers.
#[derive(Debug)]
pub(super) struct Offer {
    /// What it is called.
    pub(super) title: String,
    /// Who offers it.
    pub(super) seller: Option<String>,
    /// For how much.
    pub(super) price: Option<Price>,
    /// What is said of it.
    pub(super) text: String,
    /// It is about the seller, not about a thing.
    pub(super) is_profile: bool,
}

/// Reads a page about one thing or one seller; `None` if it is neither.
pub(super) fn read(sheet: &Sheet<'_>, items: &[Item<'_>], typed: &Typed) -> Option<Offer> {
    let is_item =
        |element: ElementRef<'_>| items.len() > 2 && items.iter().any(|item| item.element.id() == element.id());
    let body = dom::named(sheet.dom.root_element(), "body").next().unwrap_or(sheet.dom.root_element());
    let labels = Labels::of(body, &|element| lists::is_furniture(element) || is_item(element));
    let telling = labels.count(&TELLING);
    let price = overrides::priced(sheet, body).or_else(|| labels.price());
    let seller = seller_of(&labels);
    let is_profile = labels.has(Label::Membership) && telling <= ENOUGH && price.is_none();
    let priced_items = items.iter().filter(|item| item.price.is_some()).count();
    let is_list = priced_items > 3 && (price.is_none() || seller.is_none());
    if is_profile && !typed.is_product {
        return (labels.has(Label::Feedback) || seller.is_some()).then(|| profile(sheet, &labels, &is_item));
    }
    if is_list || !(typed.is_product || telling >= ENOUGH) {
        return None;
    }
    let titled = titles::of(sheet, &|element| within(element, &is_item));
    let seller = seller.or_else(|| linked_seller(sheet, body)).or_else(|| typed.author.clone());
    let marked = || {
        dom::elements(body).filter(|inner| is_price(*inner)).find_map(|inner| price::read(&dom::line_up_to(inner, 80)))
    };
    let price = price.or_else(|| typed.price.clone()).or_else(marked);
    let text = description(&labels).or_else(|| longest(body, &titled)).or_else(|| typed.text.clone());
    let text = text.unwrap_or_else(|| post_text::read(main_element(sheet), &is_furniture));
    Some(Offer { title: titled.text, seller, price, text, is_profile: false })
}

fn profile(sheet: &Sheet<'_>, labels: &Labels<'_>, is_item: &dyn Fn(ElementRef<'_>) -> bool) -> Offer {
    let titled = titles::of(sheet, &|element| within(element, is_item));
    let main = main_element(sheet);
    let named = people::linked(sheet, main).map(|(name, _)| name);
    // Beside the name, headings hold buttons and badges.
    let own: String = titled
        .element
        .map(|element| element.children().filter_map(|node| node.value().as_text().map(|text| &**text)).collect())
        .unwrap_or_default();
    let title =
        Some(own.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|own| own.len() > 1).unwrap_or(titled.text);
    let seller = seller_of(labels).or(named).or_else(|| people::name(&title));
    Offer { title, seller, price: None, text: post_text::read(main, &is_furniture), is_profile: true }
}

fn within(element: ElementRef<'_>, is_item: &dyn Fn(ElementRef<'_>) -> bool) -> bool {
    is_item(element) || dom::ancestors(element).any(is_item)
}

fn seller_of(labels: &Labels<'_>) -> Option<String> {
    labels.values(Label::Seller).find_map(|value| {
        let (text, element) = value.first()?;
        let link =
            std::iter::once(element).chain(dom::ancestors(element).take(2)).find(|around| dom::name(*around) == "a");
        people::name(&link.map_or(text, |link| dom::line_up_to(link, 120)))
    })
}

/// Somebody's profile linked under their own name, not in a menu.
fn linked_seller<'a>(sheet: &Sheet<'a>, body: ElementRef<'a>) -> Option<String> {
    let (name, link) = people::linked(sheet, body)?;
    let is_framed = dom::ancestors(link).any(|around| lists::is_furniture(around));
    (!is_framed).then_some(name)
}

fn is_price(element: ElementRef<'_>) -> bool {
    dom::class(element).to_ascii_lowercase().contains("price")
        || dom::attr(element, "itemprop").is_some_and(|property| property == "price")
}

/// The text behind the label that announces it: of the element there, and of those beside it up to the next heading.
fn description(labels: &Labels<'_>) -> Option<String> {
    let is_linked = |element: ElementRef<'_>| {
        std::iter::once(element).chain(dom::ancestors(element).take(3)).any(|around| dom::name(around) == "a")
    };
    labels.found.iter().filter(|found| found.label == Label::Description).find_map(|found| {
        let after = labels.pieces.get(found.at + 1..)?.iter().take(60);
        let mut told = after.filter(|piece| !is_linked(piece.element) && label_of(&piece.text).is_none());
        let first = told.next()?;
        let block = std::iter::once(first.element).chain(dom::ancestors(first.element)).find(|around| {
            matches!(dom::name(*around), "p" | "pre" | "div" | "td" | "dd" | "section" | "li" | "blockquote")
        })?;
        let mut text = post_text::read(block, &is_furniture);
        let beside = block.next_siblings().filter_map(ElementRef::wrap);
        for sibling in
            beside.take_while(|sibling| matches!(dom::name(*sibling), "p" | "pre" | "ul" | "ol" | "br" | "blockquote"))
        {
            text.push('\n');
            text.push_str(&post_text::read(sibling, &is_furniture));
        }
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    })
}

/// The longest text of one block, outside of menus.
fn longest(body: ElementRef<'_>, titled: &Titled<'_>) -> Option<String> {
    let is_text =
        |inner: &ElementRef<'_>| matches!(dom::name(*inner), "p" | "pre" | "td" | "dd" | "div" | "article" | "section");
    let own = |inner: ElementRef<'_>| -> usize {
        inner.children().filter_map(|node| node.value().as_text().map(|text| text.trim().len())).sum()
    };
    let is_title = |inner: ElementRef<'_>| titled.element.is_some_and(|title| dom::is_within(inner, title));
    let blocks = dom::elements(body).filter(is_text).filter(|inner| !is_title(*inner));
    let outside = blocks.filter(|inner| !dom::ancestors(*inner).any(|around| lists::is_furniture(around)));
    let block = outside.map(|inner| (own(inner), inner)).max_by_key(|(length, _)| *length)?;
    (block.0 >= DESCRIPTION_BYTES).then(|| post_text::read(block.1, &is_furniture))
}
