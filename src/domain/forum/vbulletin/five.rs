//! vBulletin 5 and 6: topics, channels, index.
//!
//! Told apart by `data-node-id`, `itemprop`s and the generator. Channels have no number: any path that leads to no topic
//! and no service of the software may be one.

use jiff::Timestamp;
use scraper::ElementRef;
use url::Url;

use super::is_not_own_words;
use crate::domain::forum::dates::Moment;
use crate::domain::forum::detect::Signs;
use crate::domain::forum::dom;
use crate::domain::forum::harvest::{Found, Harvest};
use crate::domain::forum::recipe::{self, Cells, Recipe};
use crate::domain::forum::route::{self, Paging, Route};
use crate::domain::forum::rows;
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::urls::{self, Place, PlaceKind};

/// How pages of vBulletin 5 are read.
pub(in crate::domain::forum) const RECIPE: Recipe = Recipe { posts, rows, is_list, message, title, is_not_own_words };

/// What tells vBulletin 5.
pub(in crate::domain::forum) const SIGNS: Signs = Signs {
    generator: "vbulletin 5",
    credits: &["vBulletin"],
    ids: &["vb-page-body", "thread-view-tab", "channel-content-widget"],
    numbered: &[],
    attributes: &[
        "data-node-id",
        "data-vbnamecard",
        "data-node-publishdate",
        "data-widget-instance-id",
        "data-usergroupid",
    ],
    globals: &["pageData", "vBulletin.version", "core/js/"],
    link,
};

/// Segments of what is no channel.
const SERVICES: [&str; 33] = [
    "auth",
    "member",
    "members",
    "search",
    "login",
    "register",
    "lostpw",
    "help",
    "contact-us",
    "privacy",
    "terms",
    "filedata",
    "core",
    "activity",
    "node",
    "online",
    "settings",
    "pmchat",
    "privatemessage",
    "calendar",
    "report",
    "tag",
    "tags",
    "widget",
    "special",
    "userlist",
    "memberlist",
    "admincp",
    "modcp",
    "css",
    "js",
    "images",
    "hv",
];

fn link(route: &Route<'_>) -> Option<&'static str> {
    let is_file = route.segments.first() == Some(&"filedata") && route.value("id").is_some();
    let is_member = || route.after("member").is_some_and(|(_, slug)| route::leading(slug).is_some());
    if is_file {
        Some("filedata")
    } else if is_member() {
        Some("member/N-name")
    } else {
        None
    }
}

/// Understands an address.
pub(in crate::domain::forum) fn place(url: &Url) -> Option<Place> {
    let route = Route::of(url);
    if let Some((at, "fetch")) = route.after("filedata") {
        let key = urls::digits(route.value("id").or_else(|| route.value("filedataid"))?)?;
        let url = route.build(at + 1, "", &format!("id={key}"));
        return Some(Place { kind: PlaceKind::Attachment, key, page: 0, url, is_plain: true });
    }
    if let Some((at, slug)) = route.after("member") {
        let key = route::leading(slug)?;
        return Some(route.place(PlaceKind::Member, &key, at + 1, (Paging::Short, 0)));
    }
    let page = route.segments.last().and_then(|last| last.strip_prefix("page")).map_or(0, route::number);
    let count = route.segments.len() - usize::from(page > 0);
    let own = route.segments.get(..count)?;
    if own.is_empty() || own.iter().any(|segment| SERVICES.contains(segment) || segment.contains('.')) {
        return None;
    }
    let topic = own.last().and_then(|slug| slug.split_once('-')).and_then(|(number, _)| urls::digits(number));
    let (kind, key) = match topic {
        Some(key) => (PlaceKind::Thread, key),
        None => (PlaceKind::Board, own.join("/")),
    };
    let is_post = route.value("p").is_some();
    let place = route.place(kind, &key, count, (Paging::Short, page));
    Some(Place { is_plain: !is_post && route.has_only(&[]), ..place })
}

/// Returns the address of one post.
pub(in crate::domain::forum) fn post_url(thread: &Place, post: &str) -> Url {
    let url = urls::with_query(route::first_page(&thread.url), &format!("p={post}"));
    urls::with_fragment(url, &format!("post{post}"))
}

fn posts<'a>(sheet: &Sheet<'a>) -> Vec<Found<'a>> {
    let mut found: Vec<Found<'a>> = Vec::new();
    if !sheet.survey.attributes.contains("data-node-id") {
        return found;
    }
    for element in dom::named(sheet.dom.root_element(), "li") {
        let Some(id) = dom::attr(element, "data-node-id").filter(|id| urls::digits(id).is_some()) else { continue };
        if found.last().is_some_and(|last| dom::is_within(element, last.element)) {
            continue;
        }
        let Some(body) = dom::elements(element).find(is_body) else { continue };
        let named = dom::elements(element).find(|inner| dom::attr(*inner, "itemprop") == Some("author"));
        let name = named.and_then(|author| {
            let name = dom::elements(author).find(|inner| dom::attr(*inner, "itemprop") == Some("name"));
            name.map(|name| dom::line_up_to(name, 120)).filter(|name| !name.is_empty())
        });
        let author = name.or_else(|| recipe::member(sheet, element, Some(body)));
        let posted = published(element).or_else(|| recipe::posted(sheet, element, body, &is_note));
        found.push(Found { id, element, body: Some(body), author, posted });
    }
    found
}

fn is_body(element: &ElementRef<'_>) -> bool {
    dom::attr(*element, "itemprop") == Some("text") || dom::has_class(*element, "js-post__content-text")
}

fn published(post: ElementRef<'_>) -> Option<Moment> {
    let seconds = dom::attr(post, "data-node-publishdate")?.parse().ok()?;
    Timestamp::from_second(seconds).ok().map(|at| Moment { at, is_stable: true })
}

fn is_note(element: ElementRef<'_>) -> bool {
    dom::class(element).contains("edit")
}

fn is_list(sheet: &Sheet<'_>) -> bool {
    dom::named(sheet.dom.root_element(), "tr").any(|row| dom::attr(row, "data-node-id").is_some())
}

fn rows<'s, 'a>(sheet: &'s Sheet<'a>, harvest: &mut Harvest<'s, 'a>) {
    let row_of = |title: ElementRef<'a>| {
        dom::ancestors(title)
            .take(12)
            .find(|around| matches!(dom::name(*around), "tr" | "li") && dom::attr(*around, "data-node-id").is_some())
    };
    for (row, anchor, place) in recipe::titles(sheet, row_of) {
        harvest.row(Cells::of(row, anchor.element).read(sheet, anchor, place, row));
    }
    if harvest.reading().threads.is_empty() {
        rows::read(sheet, harvest);
    }
}

fn message<'a>(sheet: &Sheet<'a>) -> Option<ElementRef<'a>> {
    let is_error = |element: &ElementRef<'_>| {
        ["message-body", "b-error-page", "error-page-content"].iter().any(|mark| dom::has_class(*element, mark))
    };
    dom::elements(sheet.dom.root_element()).find(is_error)
}

fn title(sheet: &Sheet<'_>) -> Option<String> {
    dom::named(sheet.dom.root_element(), "h1").find_map(recipe::own_words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form_each() {
        for (text, expected) in [
            ("/forum/goods/12-some-title", Some(("thread/12", "/forum/goods/12-some-title", true))),
            ("/forum/goods/12-some-title/page2", Some(("thread/12/2", "/forum/goods/12-some-title/page2", true))),
            ("/forum/goods/12-some-title?p=34#post34", Some(("thread/12", "/forum/goods/12-some-title", false))),
            ("/forum/goods", Some(("board/forum/goods", "/forum/goods", true))),
            ("/forum/goods/page3", Some(("board/forum/goods/3", "/forum/goods/page3", true))),
            ("/member/7-ada", Some(("member/7", "/member/7-ada", true))),
            ("/filedata/fetch?id=5&d=1764681775", Some(("attachment/5", "/filedata/fetch?id=5", true))),
            ("/search?searchJSON=%7B%7D", None),
            ("/auth/logout?logouthash=a", None),
            ("/", None),
            ("/core/clear.gif", None),
        ] {
            let url = Url::parse("http://forum.example/").unwrap().join(text).unwrap();
            let found = place(&url).map(|place| (place.link_key(), place.url.to_string(), place.is_plain));
            let expected =
                expected.map(|(key, url, is_plain)| (key.to_owned(), format!("http://forum.example{url}"), is_plain));
            assert_eq!(found, expected, "{text}");
        }
    }
}
