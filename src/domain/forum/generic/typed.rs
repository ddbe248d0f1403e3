//! What a page says of itself for machines: JSON-LD, `OpenGraph` and other `meta` elements.
//!
//! Scripts are not in the tree, so JSON-LD is read from the text of the page.

use memchr::memmem;
use serde_json::{Map, Value};

use crate::domain::forum::dom;
use crate::domain::forum::sheet::Sheet;
use crate::domain::listing::Price;

const BLOCK_LIMIT: usize = 8;
const BLOCK_LIMIT_BYTES: usize = 256 << 10;
const OBJECT_LIMIT: usize = 200;
const META_LIMIT: usize = 200;

/// What the page is said to be about; every part may be missing.
#[derive(Debug, Default)]
pub(super) struct Typed {
    /// It is a product or offer.
    pub(super) is_product: bool,
    /// Name or headline.
    pub(super) title: Option<String>,
    /// Author or seller.
    pub(super) author: Option<String>,
    /// When it was published, as written.
    pub(super) posted: Option<String>,
    /// What is asked.
    pub(super) price: Option<Price>,
    /// Its text.
    pub(super) text: Option<String>,
}

/// Collects what a page says of itself.
pub(super) fn of(sheet: &Sheet<'_>) -> Typed {
    let mut typed = Typed::default();
    for block in blocks(sheet.text()) {
        if let Ok(value) = serde_json::from_str::<Value>(block) {
            let mut budget = OBJECT_LIMIT;
            typed.take_json(&value, &mut budget);
        }
    }
    typed.take_meta(sheet);
    typed
}

fn blocks(text: &str) -> impl Iterator<Item = &str> {
    memmem::find_iter(text.as_bytes(), b"application/ld+json").take(BLOCK_LIMIT).filter_map(move |at| {
        let (_, rest) = text.get(at..)?.split_once('>')?;
        let (block, _) = rest.split_once("</script")?;
        (block.len() <= BLOCK_LIMIT_BYTES).then_some(block)
    })
}

impl Typed {
    fn take_json(&mut self, value: &Value, budget: &mut usize) {
        if *budget == 0 {
            return;
        }
        *budget -= 1;
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.take_json(value, budget)),
            Value::Object(object) => {
                let is = |kinds: &[&str]| {
                    kind_of(object).is_some_and(|kind| kinds.iter().any(|known| kind.ends_with(known)))
                };
                if is(&["Product", "Offer"]) {
                    self.is_product = true;
                    self.take_object(object);
                } else if is(&["Article", "BlogPosting", "DiscussionForumPosting", "SocialMediaPosting"]) {
                    self.take_object(object);
                }
                if let Some(graph) = object.get("@graph") {
                    self.take_json(graph, budget);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn take_object(&mut self, object: &Map<String, Value>) {
        let text = |keys: &[&str]| keys.iter().find_map(|key| text_of(object.get(*key)?));
        let offer = object.get("offers").map_or(Some(object), first_object);
        let person = |key: &str| named(object.get(key).or_else(|| offer?.get(key))?);
        self.title = self.title.take().or_else(|| text(&["headline", "name"]));
        self.author = self.author.take().or_else(|| person("seller")).or_else(|| person("author"));
        self.posted = self.posted.take().or_else(|| text(&["datePublished", "dateCreated"]));
        self.text = self.text.take().or_else(|| text(&["articleBody", "text", "description"]));
        let price = || {
            let amount = text_of(offer?.get("price").or_else(|| offer?.get("lowPrice"))?)?.parse().ok()?;
            let currency = text_of(offer?.get("priceCurrency")?)?;
            Some(Price { amount, currency })
        };
        self.price = self.price.take().or_else(price);
    }

    fn take_meta(&mut self, sheet: &Sheet<'_>) {
        let mut amount = None;
        let mut currency = None;
        for meta in dom::named(sheet.dom.root_element(), "meta").take(META_LIMIT) {
            let key = dom::attr(meta, "property").or_else(|| dom::attr(meta, "name")).unwrap_or_default();
            let content =
                || dom::attr(meta, "content").map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
            match key {
                "og:title" => self.title = self.title.take().or_else(content),
                "og:type" => self.is_product |= content().is_some_and(|kind| kind.contains("product")),
                "article:published_time" => self.posted = self.posted.take().or_else(content),
                "article:author" | "author" => {
                    let is_name = |name: &String| !name.contains("://");
                    self.author = self.author.take().or_else(|| content().filter(is_name));
                }
                "product:price:amount" | "og:price:amount" => amount = content().and_then(|text| text.parse().ok()),
                "product:price:currency" | "og:price:currency" => currency = content(),
                _ => {}
            }
        }
        let price = || amount.zip(currency).map(|(amount, currency)| Price { amount, currency });
        self.price = self.price.take().or_else(price);
    }
}

fn kind_of(object: &Map<String, Value>) -> Option<&str> {
    match object.get("@type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.first()?.as_str(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn first_object(value: &Value) -> Option<&Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        Value::Array(values) => values.first()?.as_object(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn named(value: &Value) -> Option<String> {
    text_of(value).or_else(|| text_of(first_object(value)?.get("name")?))
}
