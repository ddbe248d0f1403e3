//! Public previews of Telegram channels, `t.me/s/CHANNEL`: messages, newest last, paged backwards by `?before=`.
//!
//! Told apart by `data-post` and the classes of Telegram's own widget, which has no themes. What a message replies to, a
//! link's preview and a poll's bars are not its text. Documents are named, but only Telegram's programs can fetch them.

use scraper::ElementRef;

use crate::domain::forum::harvest::{Found, Harvest};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::urls::{Place, PlaceKind};
use crate::domain::forum::{Attachment, PageKind, Reading, dom, paging, urls};

/// Reads a page of a channel's preview.
pub(super) fn read(sheet: &Sheet<'_>) -> Reading {
    let mut harvest = Harvest::new(sheet);
    harvest.title(title(sheet));
    let messages: Vec<ElementRef<'_>> =
        dom::elements(sheet.dom.root_element()).filter(|element| number(*element).is_some()).collect();
    let found: Vec<Found<'_>> = messages.iter().filter_map(|message| found(sheet, *message)).collect();
    let Some(place) = channel(sheet, &messages) else {
        harvest.odd("no-preview", "Telegram shows no preview of this: private, restricted, a person or a bot");
        return harvest.finish(PageKind::Other);
    };
    harvest.thread(&place, None);
    harvest.posts(&place, &found, &is_not_own_words);
    harvest.next(before(sheet, &place));
    if messages.is_empty() {
        let is_history = dom::elements(sheet.dom.root_element()).any(|element| has_mark(element, "message_history"));
        let error = dom::elements(sheet.dom.root_element()).any(|element| has_mark(element, "message_error"));
        return harvest.finish(match (is_history, error) {
            (_, true) => PageKind::NotFound,
            (true, false) => PageKind::Thread,
            (false, false) => PageKind::Other,
        });
    }
    let mut reading = harvest.finish(PageKind::Thread);
    for (post, found) in reading.posts.iter_mut().zip(&found) {
        post.attachments = documents(sheet, found.element, &post.url);
        post.links.extend(forwarded_from(sheet, found.element));
    }
    reading
}

fn found<'a>(sheet: &Sheet<'a>, message: ElementRef<'a>) -> Option<Found<'a>> {
    let time = dom::named(message, "time").filter(|time| dom::attr(*time, "datetime").is_some()).last();
    let marked = |mark: &'static str| dom::elements(message).find(|inner| has_mark(*inner, mark) && !is_others(*inner));
    let signed = marked("from_author").or_else(|| marked("owner_name")).or_else(|| marked("message_author"));
    Some(Found {
        id: number(message)?,
        element: message,
        body: body(message),
        author: signed.map(dom::line).filter(|name| !name.is_empty()),
        posted: time.and_then(|time| sheet.moment(time, &|_| false)),
    })
}

/// The message's own text, else the poll or notice that stands in its place.
fn body(message: ElementRef<'_>) -> Option<ElementRef<'_>> {
    let own = |mark: &'static str| {
        dom::elements(message)
            .find(|inner| has_mark(*inner, mark) && !has_mark(*inner, "reply_text") && !is_others(*inner))
    };
    own("js-message_text")
        .or_else(|| own("message_text"))
        .or_else(|| own("message_poll"))
        .or_else(|| own("not_supported"))
}

/// `channel/51` → `51`.
fn number(element: ElementRef<'_>) -> Option<&str> {
    let (_, number) = dom::attr(element, "data-post")?.rsplit_once('/')?;
    (!number.is_empty() && number.len() <= 18 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// Tells whether an element belongs to what a message replies to, forwards or links to.
fn is_others(element: ElementRef<'_>) -> bool {
    let is_frame = |around: ElementRef<'_>| has_mark(around, "message_reply") || has_mark(around, "link_preview");
    dom::ancestors(element).take(8).any(is_frame)
}

fn is_not_own_words(element: ElementRef<'_>) -> bool {
    has_mark(element, "message_reply") || has_mark(element, "link_preview") || has_mark(element, "poll_option_percent")
}

fn has_mark(element: ElementRef<'_>, mark: &str) -> bool {
    dom::class(element).split_ascii_whitespace().any(|class| class.ends_with(mark))
}

fn title(sheet: &Sheet<'_>) -> String {
    let root = sheet.dom.root_element();
    let stated = dom::named(root, "meta").find(|meta| dom::attr(*meta, "property") == Some("og:title"));
    let stated = stated.and_then(|meta| dom::attr(meta, "content")).map(str::trim).filter(|title| !title.is_empty());
    let shown = || dom::elements(root).find(|element| has_mark(*element, "header_title")).map(dom::line);
    let document = || sheet.survey.title.trim_end_matches("Telegram").trim_end_matches([' ', '–', '-']).to_owned();
    stated.map(str::to_owned).or_else(shown).filter(|title| !title.is_empty()).unwrap_or_else(document)
}

/// The channel, by the address asked for, by what the page calls itself, by its messages.
fn channel(sheet: &Sheet<'_>, messages: &[ElementRef<'_>]) -> Option<Place> {
    let asked = sheet.asked.clone().filter(|place| place.kind == PlaceKind::Thread);
    let canonical = || sheet.survey.canonical.and_then(|href| sheet.place(href));
    let named = || {
        let main = dom::elements(sheet.dom.root_element()).find_map(|element| dom::attr(element, "data-url"));
        let first = messages.first().and_then(|message| dom::attr(*message, "data-post")?.split('/').next());
        let name = first.or_else(|| main.map(|url| url.trim_matches('/')))?;
        urls::place(sheet.engine, &sheet.page.url.join(&format!("/s/{name}")).ok()?)
    };
    asked.or_else(canonical).filter(|place| place.kind == PlaceKind::Thread).or_else(named)
}

/// The page with older messages.
fn before(sheet: &Sheet<'_>, here: &Place) -> Option<Place> {
    let root = sheet.dom.root_element();
    let stated = dom::named(root, "link").find(|link| dom::attr(*link, "rel") == Some("prev"));
    let stated = stated.and_then(|link| sheet.place(dom::attr(link, "href")?));
    let counted = || {
        let number = dom::elements(root).find_map(|element| dom::attr(element, "data-before"))?;
        urls::place(sheet.engine, &sheet.page.url.join(&format!("/s/{}?before={number}", here.key)).ok()?)
    };
    let place = stated.or_else(counted).or_else(|| paging::next(sheet, here))?;
    let is_older = here.is_first() || place.page < here.page;
    (place.key == here.key && is_older).then_some(place)
}

fn documents(sheet: &Sheet<'_>, message: ElementRef<'_>, own: &url::Url) -> Vec<Attachment> {
    let titles = dom::elements(message).filter(|inner| has_mark(*inner, "document_title") && !is_others(*inner));
    titles
        .filter_map(|title| {
            let link = dom::ancestors(title).take(4).find(|around| dom::name(*around) == "a");
            let url = link.and_then(|link| sheet.resolve_anywhere(dom::attr(link, "href")?));
            let name = dom::line(title);
            let key = format!("attachment/{}/{name}", number(message)?);
            (!name.is_empty()).then(|| Attachment { name, url: url.unwrap_or_else(|| own.clone()), key })
        })
        .collect()
}

/// Where a message was forwarded from.
fn forwarded_from(sheet: &Sheet<'_>, message: ElementRef<'_>) -> Option<String> {
    let link = dom::named(message, "a").find(|link| has_mark(*link, "forwarded_from_name"))?;
    sheet.resolve_anywhere(dom::attr(link, "href")?).map(String::from)
}
