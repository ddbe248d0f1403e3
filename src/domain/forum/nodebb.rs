//! NodeBB 1 to 4: topics, categories, index, as the server renders them.
//!
//! Told apart by `component` and `data-` attributes, which its own scripts need whatever the theme, and by link shapes.

use jiff::Timestamp;
use scraper::ElementRef;
use url::Url;

use crate::domain::forum::dates::Moment;
use crate::domain::forum::detect::Signs;
use crate::domain::forum::harvest::{Found, Harvest, RowMarks};
use crate::domain::forum::recipe::{self, Cells, Recipe};
use crate::domain::forum::route::{Paging, Route};
use crate::domain::forum::sheet::{Anchor, Sheet};
use crate::domain::forum::urls::{self, Place, PlaceKind};
use crate::domain::forum::{dom, rows};

/// How pages of NodeBB are read.
pub(super) const RECIPE: Recipe = Recipe { posts, rows, is_list, message, title, is_not_own_words };

/// What tells NodeBB.
pub(super) const SIGNS: Signs = Signs {
    generator: "nodebb",
    credits: &["NodeBB"],
    ids: &[],
    numbered: &[],
    attributes: &["component", "data-pid", "data-tid", "data-cid", "data-nextstart", "data-widget-area"],
    globals: &["relative_path", "\"defaultLang\"", "csrf_token\\\"", "nodebb"],
    link,
};

fn link(route: &Route<'_>) -> Option<&'static str> {
    [("topic", "topic/N/slug"), ("category", "category/N/slug")].into_iter().find_map(|(name, sign)| {
        let (at, number) = route.after(name)?;
        (urls::digits(number).is_some() && !route.rest(at + 1).is_empty()).then_some(sign)
    })
}

/// Understands an address.
pub(super) fn place(url: &Url) -> Option<Place> {
    let route = Route::of(url);
    if let Some((at, folder)) = route.after("uploads")
        && url.path().contains("/assets/uploads/")
    {
        let name = *route.segments.last()?;
        let is_file = !matches!(folder, "profile" | "system" | "category" | "emoji") && at < route.segments.len();
        let url = route.build(route.segments.len(), "", "");
        let place = Place { kind: PlaceKind::Attachment, key: name.to_owned(), page: 0, url, is_plain: true };
        return is_file.then_some(place);
    }
    let is_own = |name: &str| {
        !route.segments.iter().any(|segment| matches!(*segment, "api" | "assets")) && route.after(name).is_some()
    };
    for (name, kind) in [("topic", PlaceKind::Thread), ("category", PlaceKind::Board)] {
        if is_own(name) {
            let (at, number) = route.after(name)?;
            let key = urls::digits(number)?;
            let rest = route.rest(at + 1);
            let count = at + 1 + usize::from(!rest.is_empty());
            // What follows the slug is a place in the list.
            let place = route.place(kind, &key, count, (Paging::Query, route.page("page")));
            return Some(Place { is_plain: rest.len() <= 1 && route.has_only(&["page"]), ..place });
        }
    }
    for (name, kind) in [("post", PlaceKind::Post), ("user", PlaceKind::Member), ("uid", PlaceKind::Member)] {
        if is_own(name) {
            let (at, key) = route.after(name)?;
            return route.rest(at + 1).is_empty().then(|| route.place(kind, key, at + 1, (Paging::Query, 0)));
        }
    }
    None
}

/// Returns the address of one post.
pub(super) fn post_url(thread: &Place, post: &str) -> Option<Url> {
    let route = Route::of(&thread.url);
    let (at, _) = route.after("topic")?;
    Some(route.build(at - 1, &format!("/post/{post}"), ""))
}

fn is_component(element: ElementRef<'_>, name: &str) -> bool {
    dom::attr(element, "component") == Some(name)
}

fn posts<'a>(sheet: &Sheet<'a>) -> Vec<Found<'a>> {
    if !sheet.survey.attributes.contains("data-pid") {
        return Vec::new();
    }
    let elements = dom::elements(sheet.dom.root_element()).filter(|element| is_component(*element, "post"));
    elements
        .filter_map(|element| {
            let id = dom::attr(element, "data-pid")?;
            let body = dom::elements(element)
                .find(|inner| is_component(*inner, "post/content") || dom::attr(*inner, "itemprop") == Some("text"));
            let name = dom::attr(element, "data-username").map(str::to_owned).filter(|name| !name.is_empty());
            let author = name.or_else(|| recipe::member(sheet, element, body));
            Some(Found { id, element, body, author, posted: posted(sheet, element) })
        })
        .collect()
}

/// In milliseconds on the post; for readers of markup, and for whoever looks at it.
fn posted<'a>(sheet: &Sheet<'a>, post: ElementRef<'a>) -> Option<Moment> {
    let told = dom::attr(post, "data-timestamp").and_then(|told| told.parse().ok());
    let told = told.and_then(|told| Timestamp::from_millisecond(told).ok()).map(|at| Moment { at, is_stable: true });
    let published = || {
        let meta = dom::named(post, "meta").find(|meta| dom::attr(*meta, "itemprop") == Some("datePublished"))?;
        sheet.clock.read(dom::attr(meta, "content")?)
    };
    let shown = || {
        let spans = dom::named(post, "span").filter(|span| dom::has_class(*span, "timeago"));
        spans.into_iter().find_map(|span| sheet.moment(span, &|_| false))
    };
    told.or_else(published).or_else(shown)
}

/// The line above a quote that its author did not write: `@ada said in Some topic:`.
fn is_not_own_words(element: ElementRef<'_>) -> bool {
    let is_above_quote = || dom::next(element).is_some_and(|next| dom::name(next) == "blockquote");
    dom::name(element) == "p"
        && is_above_quote()
        && dom::line_up_to(element, 300).ends_with(':')
        && dom::named(element, "a")
            .filter_map(|link| dom::attr(link, "href"))
            .any(|href| ["/post/", "/topic/", "/user/", "/uid/"].iter().any(|part| href.contains(part)))
}

fn is_list(sheet: &Sheet<'_>) -> bool {
    sheet.survey.attributes.contains("data-nextstart")
}

fn rows<'s, 'a>(sheet: &'s Sheet<'a>, harvest: &mut Harvest<'s, 'a>) {
    let row_of =
        |title: ElementRef<'a>| dom::ancestors(title).take(12).find(|around| is_component(*around, "category/topic"));
    for (row, anchor, place) in recipe::titles(sheet, row_of) {
        let cells = Cells::of(row, anchor.element);
        let mut read = cells.read(sheet, anchor, place, row);
        let created = created(sheet, cells.title, &place.key);
        read.author = opener(sheet, cells.title).or(read.author);
        read.replies = posts_counted(row, &cells).and_then(|posts| posts.checked_sub(1));
        read.created = created.or(read.created);
        read.last_post = read.last_post.or(read.created);
        // A thread that was moved is all there.
        read.marks = RowMarks { moved: false, ..read.marks };
        harvest.row(read);
    }
    if harvest.reading().threads.is_empty() {
        rows::read(sheet, harvest);
    }
}

/// The picture of who opened a thread has a name; its text is a letter.
fn opener<'a>(sheet: &Sheet<'a>, cell: ElementRef<'a>) -> Option<String> {
    let link = sheet.anchors_in(cell).find(|anchor| recipe::is_member(anchor))?.element;
    let named = |element: ElementRef<'_>| {
        ["title", "alt", "data-original-title"]
            .into_iter()
            .find_map(|key| dom::attr(element, key).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned))
    };
    dom::elements(link).find_map(named).or_else(|| Some(dom::line(link)).filter(|name| name.chars().count() > 1))
}

/// A link without words to the thread itself tells when it was opened; one to a place in it, when its last post was made.
fn created<'a>(sheet: &Sheet<'a>, cell: ElementRef<'a>, key: &str) -> Option<Moment> {
    let is_own = |anchor: &&Anchor<'a>| {
        anchor.place.as_ref().is_some_and(|place| place.kind == PlaceKind::Thread && place.key == key && place.is_plain)
    };
    let links: Vec<ElementRef<'a>> = sheet.anchors_in(cell).filter(is_own).map(|anchor| anchor.element).collect();
    let timed = links.iter().rev().filter(|link| dom::line_up_to(**link, 4).is_empty());
    timed.into_iter().find_map(|link| sheet.moment(*link, &|_| false))
}

/// Votes may stand before the posts, views after them; tool tips have the number in full.
fn posts_counted(row: ElementRef<'_>, cells: &Cells<'_>) -> Option<u64> {
    let marked = dom::elements(row).find(|inner| {
        dom::class(*inner).split_ascii_whitespace().any(|word| word == "stats-postcount" || word == "stats-posts")
    });
    let count = |element: ElementRef<'_>| {
        let full = dom::elements(element).find_map(|inner| dom::attr(inner, "title").and_then(rows::first_count));
        full.or_else(|| rows::first_count(&dom::line_up_to(element, 60)))
    };
    marked.and_then(count).or_else(|| {
        let is_count =
            |inner: &ElementRef<'_>| dom::attr(*inner, "title").is_some_and(|title| rows::count(title).is_some());
        let counts: Vec<ElementRef<'_>> =
            cells.after.iter().flat_map(|cell| dom::elements(*cell)).filter(is_count).collect();
        let at = counts.len().checked_sub(2)?;
        counts.get(at).copied().and_then(count)
    })
}

fn message<'a>(sheet: &Sheet<'a>) -> Option<ElementRef<'a>> {
    let is_alert =
        |element: &ElementRef<'_>| dom::has_class(*element, "alert") && dom::named(*element, "p").next().is_some();
    dom::elements(sheet.dom.root_element()).find(is_alert).filter(|_| sheet.page.status >= 400)
}

fn title(sheet: &Sheet<'_>) -> Option<String> {
    let root = sheet.dom.root_element();
    let marked = dom::elements(root).find(|element| is_component(*element, "topic/title")).map(dom::line);
    let heading = || dom::named(root, "h1").map(dom::line).find(|line| !line.is_empty());
    marked.filter(|line| !line.is_empty()).or_else(heading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form_each() {
        for (text, expected) in [
            ("/topic/12/some-slug", Some(("thread/12", "/topic/12/some-slug", true))),
            ("/topic/12/some-slug/5", Some(("thread/12", "/topic/12/some-slug", false))),
            ("/topic/12/some-slug?page=2", Some(("thread/12/2", "/topic/12/some-slug?page=2", true))),
            (
                "/topic/12/some-slug?page=2&sort=newest_to_oldest",
                Some(("thread/12/2", "/topic/12/some-slug?page=2", false)),
            ),
            ("/forum/category/4/goods?sort=most_posts", Some(("board/4", "/forum/category/4/goods", false))),
            ("/user/ada", Some(("member/ada", "/user/ada", true))),
            ("/post/34", Some(("post/34", "/post/34", true))),
            (
                "/assets/uploads/files/1764681775-base.zip",
                Some(("attachment/1764681775-base.zip", "/assets/uploads/files/1764681775-base.zip", true)),
            ),
            ("/user/ada/topics", None),
            ("/topic/12.rss", None),
            ("/category/4.rss", None),
            ("/recent", None),
            ("/logout", None),
        ] {
            let url = Url::parse("http://forum.example/").unwrap().join(text).unwrap();
            let found = place(&url).map(|place| (place.link_key(), place.url.to_string(), place.is_plain));
            let expected =
                expected.map(|(key, url, is_plain)| (key.to_owned(), format!("http://forum.example{url}"), is_plain));
            assert_eq!(found, expected, "{text}");
        }
    }
}
