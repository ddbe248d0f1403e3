//! Discourse: topics, categories, lists, as it shows them to readers without scripts, with the data for scripts beside it.
//!
//! The plain view numbers posts within their topic and tells only the day of a topic's last post; the data has the numbers
//! that the engine itself uses and the exact times, and completes what was read.

use std::collections::{BTreeMap, HashMap};

use memchr::memmem;
use scraper::{ElementRef, Html};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::domain::forum::detect::Signs;
use crate::domain::forum::harvest::{Found, Harvest};
use crate::domain::forum::payload::{self, Written};
use crate::domain::forum::recipe::{self, Cells, Recipe};
use crate::domain::forum::route::{self, Paging, Route};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::urls::{self, Place, PlaceKind};
use crate::domain::forum::{PageKind, Reading, ThreadRow, dom, here, rows};

const RECIPE: Recipe = Recipe { posts, rows, is_list, message, title, is_not_own_words };

/// What tells Discourse.
pub(super) const SIGNS: Signs = Signs {
    generator: "discourse",
    credits: &["Discourse"],
    ids: &["data-preloaded", "data-discourse-setup", "main-outlet", "topic-title"],
    numbered: &["topic-list-item-"],
    attributes: &["data-preloaded", "data-discourse-setup", "data-category-id"],
    globals: &["discourse-assets", "discourse/config", "discourse_theme_id"],
    link,
};

fn link(route: &Route<'_>) -> Option<&'static str> {
    let (at, _) = route.after("t").or_else(|| route.after("c"))?;
    let is_numbered = route.rest(at + 1).iter().any(|segment| urls::digits(segment).is_some());
    let is_topic = route.segments.get(at - 1) == Some(&"t");
    is_numbered.then_some(if is_topic { "t/slug/N" } else { "c/slug/N" })
}

/// Understands an address.
pub(super) fn place(url: &Url) -> Option<Place> {
    let route = Route::of(url);
    if let Some((_, "default" | "short-url")) = route.after("uploads") {
        let key = (*route.segments.last()?).to_owned();
        let url = route.build(route.segments.len(), "", "");
        return Some(Place { kind: PlaceKind::Attachment, key, page: 0, url, is_plain: true });
    }
    if let Some((at, first)) = route.after("t") {
        // The slug may be left out.
        let is_bare =
            urls::digits(first).is_some() && route.rest(at + 1).iter().all(|next| urls::digits(next).is_some());
        let count = if is_bare { at + 1 } else { at + 2 };
        let key = urls::digits(route.segments.get(count - 1)?)?;
        let rest = route.rest(count);
        let is_known = matches!(rest, []) || matches!(rest, [number] if urls::digits(number).is_some());
        let place = route.place(PlaceKind::Thread, &key, count, (Paging::Query, route.page("page")));
        return is_known.then(|| Place { is_plain: rest.is_empty() && route.has_only(&["page"]), ..place });
    }
    if let Some((at, _)) = route.after("c") {
        let slugs = route.rest(at);
        let numbered = slugs.iter().position(|segment| urls::digits(segment).is_some());
        let count = numbered.map_or(slugs.len(), |index| index + 1);
        let key = numbered.and_then(|index| slugs.get(index).copied()).and_then(urls::digits);
        let key = key.unwrap_or_else(|| slugs.join("/"));
        let is_feed = slugs.iter().any(|segment| segment.contains('.'));
        let is_plain = count == slugs.len();
        return (!is_feed).then(|| board(&route, &key, at + count, is_plain));
    }
    if let Some((at, name)) = route.after("u") {
        return route.rest(at + 1).is_empty().then(|| route.place(PlaceKind::Member, name, at + 1, (Paging::Query, 0)));
    }
    // The start page lists the latest topics.
    matches!(route.segments.as_slice(), [] | ["latest"]).then(|| board(&route, "latest", route.segments.len(), true))
}

/// Lists count their further pages from 1, and the first not at all.
fn board(route: &Route<'_>, key: &str, count: usize, is_plain: bool) -> Place {
    let further = route.page("page");
    let query = if further > 0 { format!("page={further}") } else { String::new() };
    Place {
        kind: PlaceKind::Board,
        key: key.to_owned(),
        page: if further > 0 { further + 1 } else { 0 },
        url: route.build(count, if count == 0 { "/" } else { "" }, &query),
        is_plain: is_plain && route.has_only(&["page", "no_definitions"]),
    }
}

/// Reads a page of Discourse.
pub(super) fn read(sheet: &Sheet<'_>) -> Reading {
    let mut reading = recipe::read(sheet, &RECIPE);
    let told = sheet.numbered("post_").filter_map(|(number, post)| Some((number, dom::attr(post, "data-post-id")?)));
    rename(&mut reading, &told.map(|(number, id)| (number.to_owned(), id.to_owned())).collect());
    if let Some((attribute, start)) = preloaded(sheet.text()) {
        complete(sheet, &mut reading, &attribute, start);
    }
    let is_start = sheet.asked.as_ref().is_some_and(|asked| asked.key == "latest" && asked.is_first());
    if is_start && reading.page == PageKind::Board {
        reading.page = PageKind::Index;
    }
    reading
}

/// Finds the data for scripts: its JSON, and where its attribute's value lies in the page.
fn preloaded(text: &str) -> Option<(String, std::ops::Range<usize>)> {
    const MARK: &str = "data-preloaded=\"";
    let start = memmem::find(text.as_bytes(), MARK.as_bytes())? + MARK.len();
    let escaped = text.get(start..)?.split('"').next()?;
    // The parser knows the character references.
    let fragment = Html::parse_fragment(&format!("<i title=\"{escaped}\"></i>"));
    let element = dom::named(fragment.root_element(), "i").next()?;
    Some((dom::attr(element, "title")?.to_owned(), start..start + escaped.len()))
}

#[derive(Deserialize)]
struct Topic {
    id: u64,
    #[serde(default)]
    title: String,
    post_stream: Stream,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    posts: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    id: u64,
    username: Option<String>,
    created_at: Option<String>,
    #[serde(default)]
    cooked: String,
    #[serde(default)]
    post_number: u64,
    #[serde(default)]
    post_type: Option<u64>,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    users: Vec<User>,
    topic_list: Topics,
}

#[derive(Deserialize)]
struct User {
    id: i64,
    username: String,
}

#[derive(Deserialize)]
struct Topics {
    #[serde(default)]
    topics: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: u64,
    posts_count: Option<u64>,
    created_at: Option<String>,
    last_posted_at: Option<String>,
    #[serde(default)]
    pinned: bool,
    #[serde(default)]
    closed: bool,
    #[serde(default)]
    posters: Vec<Poster>,
}

#[derive(Deserialize)]
struct Poster {
    user_id: Option<i64>,
}

fn complete(sheet: &Sheet<'_>, reading: &mut Reading, json: &str, place: std::ops::Range<usize>) {
    // In order, so that a page reads the same each time.
    let stored: BTreeMap<String, Value> = serde_json::from_str(json).unwrap_or_default();
    for (name, value) in &stored {
        let Some(inner) = value.as_str() else { continue };
        if name.strip_prefix("topic_").is_some_and(|number| urls::digits(number).is_some()) {
            if let Ok(topic) = serde_json::from_str::<Topic>(inner) {
                complete_thread(sheet, reading, &topic, &place);
            }
        } else if name.starts_with("topic_list")
            && let Ok(listing) = serde_json::from_str::<Listing>(inner)
        {
            complete_rows(&mut reading.threads, &listing);
        }
    }
}

fn complete_rows(rows: &mut [ThreadRow], listing: &Listing) {
    let instant = |text: &Option<String>| text.as_deref().and_then(payload::instant);
    let topics: HashMap<String, &Listed> =
        listing.topic_list.topics.iter().map(|listed| (listed.id.to_string(), listed)).collect();
    let users: HashMap<i64, &str> = listing.users.iter().map(|user| (user.id, user.username.as_str())).collect();
    for row in rows {
        let Some(listed) = topics.get(&row.key) else { continue };
        row.created_at = instant(&listed.created_at).or(row.created_at);
        row.last_post_at = instant(&listed.last_posted_at).or(row.last_post_at);
        row.replies = listed.posts_count.map(|posts| posts.saturating_sub(1)).or(row.replies);
        row.sticky |= listed.pinned;
        row.locked |= listed.closed;
        let opener = listed.posters.first().and_then(|poster| users.get(&poster.user_id?).copied());
        row.author = opener.map(str::to_owned).or_else(|| row.author.take());
    }
}

fn complete_thread(sheet: &Sheet<'_>, reading: &mut Reading, topic: &Topic, place: &std::ops::Range<usize>) {
    if reading.posts.is_empty() {
        if let Some(read) = from_data(sheet, topic, place) {
            *reading = read;
        }
        return;
    }
    let ids: HashMap<String, String> =
        topic.post_stream.posts.iter().map(|post| (post.post_number.to_string(), post.id.to_string())).collect();
    rename(reading, &ids);
}

/// Puts the engine's own numbers in place of those within the topic.
fn rename(reading: &mut Reading, ids: &HashMap<String, String>) {
    let posts = reading.posts.iter_mut().map(|post| &mut post.id);
    let links = reading.links.iter_mut().filter_map(|link| link.post.as_mut());
    for number in posts.chain(links) {
        if let Some(id) = ids.get(number) {
            number.clone_from(id);
        }
    }
}

/// Reads a topic that only its data tells of.
fn from_data(sheet: &Sheet<'_>, topic: &Topic, within: &std::ops::Range<usize>) -> Option<Reading> {
    let here = here::place(sheet, PlaceKind::Thread).filter(|place| place.key == topic.id.to_string())?;
    let mut harvest = Harvest::new(sheet);
    harvest.boards();
    harvest.title(topic.title.clone());
    harvest.thread(&here, None);
    let raw = sheet.text().get(within.clone())?;
    let begins = begins(raw, within, &topic.post_stream.posts);
    for (at, post) in topic.post_stream.posts.iter().enumerate() {
        // Notes of what moderators did are posts of another type.
        if post.post_type.is_some_and(|kind| kind > 2) {
            continue;
        }
        let start = begins.get(at).copied().unwrap_or(within.end);
        let end = begins.get(at + 1).copied().filter(|end| *end > start).unwrap_or(within.end);
        let written = Written {
            id: post.id.to_string(),
            url: route::beneath(&here, &post.post_number.to_string()),
            author: post.username.clone(),
            posted_at: post.created_at.as_deref().and_then(payload::instant),
            html: &post.cooked,
            span: sheet.raw(&(start..end)),
        };
        payload::add(sheet, &mut harvest, written);
    }
    Some(harvest.finish(PageKind::Thread))
}

/// Where the data of each post begins; they stand in the order in which they are shown.
fn begins(raw: &str, within: &std::ops::Range<usize>, posts: &[Message]) -> Vec<usize> {
    let mut from = 0;
    let mut begins = Vec::with_capacity(posts.len());
    for post in posts {
        let mark = format!("{{\\&quot;id\\&quot;:{},", post.id);
        let found = raw.get(from..).and_then(|rest| memmem::find(rest.as_bytes(), mark.as_bytes()));
        // What is not found once is not sought again for the rest.
        from = found.map_or(raw.len(), |at| from + at + 1);
        begins.push(found.map_or(within.end, |_| within.start + from - 1));
    }
    begins
}

fn posts<'a>(sheet: &Sheet<'a>) -> Vec<Found<'a>> {
    sheet
        .outermost("post_")
        .into_iter()
        .filter_map(|(number, element)| {
            let body = dom::elements(element).find(|inner| {
                dom::attr(*inner, "itemprop").is_some_and(|property| matches!(property, "text" | "articleBody"))
                    || dom::has_class(*inner, "cooked")
                    || (dom::has_class(*inner, "post") && dom::name(*inner) == "div")
            })?;
            let author = recipe::member(sheet, element, Some(body)).or_else(|| named_author(element));
            let posted = recipe::posted(sheet, element, body, &|_| false);
            Some(Found { id: number, element, body: Some(body), author, posted })
        })
        .collect()
}

fn named_author(post: ElementRef<'_>) -> Option<String> {
    let author = dom::elements(post).find(|inner| dom::attr(*inner, "itemprop") == Some("author"))?;
    let name = dom::elements(author).find(|inner| dom::attr(*inner, "itemprop") == Some("name"))?;
    Some(dom::line_up_to(name, 120)).filter(|name| !name.is_empty())
}

/// Quotes come in an `aside` with their author's name; so do previews of links. What an image is called is no text.
fn is_not_own_words(element: ElementRef<'_>) -> bool {
    dom::name(element) == "aside"
        || (dom::name(element) == "div"
            && dom::has_class(element, "meta")
            && dom::named(element, "svg").next().is_some())
        || ["lightbox-wrapper", "onebox", "cooked-selection-barrier"].iter().any(|mark| dom::has_class(element, mark))
}

fn is_list(sheet: &Sheet<'_>) -> bool {
    recipe::is_asked(sheet, PlaceKind::Board) || sheet.numbered("topic-list-item-").next().is_some()
}

fn rows<'s, 'a>(sheet: &'s Sheet<'a>, harvest: &mut Harvest<'s, 'a>) {
    let row_of = |title: ElementRef<'a>| {
        dom::ancestors(title)
            .take(8)
            .find(|around| dom::name(*around) == "tr" || dom::numbered(dom::id(*around), "topic-list-item-").is_some())
            .or_else(|| {
                dom::ancestors(title).take(4).find(|around| dom::attr(*around, "itemprop") == Some("itemListElement"))
            })
    };
    for (row, anchor, place) in recipe::titles(sheet, row_of) {
        let cells = Cells::of(row, anchor.element);
        let mut read = cells.read(sheet, anchor, place, row);
        read.author = opener(sheet, row);
        read.created = None;
        let counted = dom::elements(row).find(|inner| dom::attr(*inner, "title") == Some("posts"));
        read.replies = counted.map_or(read.replies, |counted| rows::first_count(&dom::line_up_to(counted, 20)));
        harvest.row(read);
    }
}

/// Who posted is shown by pictures; the first opened the topic.
fn opener<'a>(sheet: &Sheet<'a>, row: ElementRef<'a>) -> Option<String> {
    let place = sheet.anchors_in(row).find(|anchor| recipe::is_member(anchor))?.place.as_ref()?;
    Some(place.key.clone())
}

fn message<'a>(sheet: &Sheet<'a>) -> Option<ElementRef<'a>> {
    let is_box = |element: &ElementRef<'_>| {
        dom::has_class(*element, "page-not-found") || dom::has_class(*element, "not-found-container")
    };
    let marked = dom::elements(sheet.dom.root_element()).find(is_box);
    marked.or_else(|| sheet.by_id("main-outlet").filter(|_| sheet.page.status >= 400))
}

/// The document's title has the name of the site behind it.
fn title(sheet: &Sheet<'_>) -> Option<String> {
    let heading = sheet.by_id("topic-title").and_then(|within| dom::named(within, "h1").next()).map(dom::line);
    let title = sheet.survey.title.trim();
    let own = title.rsplit_once(" - ").map_or(title, |(own, _)| own);
    heading.filter(|line| !line.is_empty()).or_else(|| Some(own.to_owned()).filter(|own| !own.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form_each() {
        for (text, expected) in [
            ("/t/some-slug/12", Some(("thread/12", "/t/some-slug/12", true))),
            ("/t/some-slug/12?page=2", Some(("thread/12/2", "/t/some-slug/12?page=2", true))),
            ("/t/some-slug/12/5", Some(("thread/12", "/t/some-slug/12", false))),
            ("/t/12/5", Some(("thread/12", "/t/12", false))),
            ("/c/goods/4", Some(("board/4", "/c/goods/4", true))),
            ("/c/goods/4?page=1", Some(("board/4/2", "/c/goods/4?page=1", true))),
            ("/c/goods/cards/5/l/top", Some(("board/5", "/c/goods/cards/5", false))),
            ("/c/goods", Some(("board/goods", "/c/goods", true))),
            ("/latest?no_definitions=true&page=1", Some(("board/latest/2", "/latest?page=1", true))),
            ("/latest?order=views", Some(("board/latest", "/latest", false))),
            ("/u/ada", Some(("member/ada", "/u/ada", true))),
            ("/uploads/short-url/abc.zip?dl=1", Some(("attachment/abc.zip", "/uploads/short-url/abc.zip", true))),
            ("/t/some-slug/12.rss", None),
            ("/t/some-slug/12/print", None),
            ("/c/goods/4.rss", None),
            ("/u/ada/summary", None),
            ("/tag/base", None),
            ("/session/sso", None),
        ] {
            let url = Url::parse("http://forum.example/").unwrap().join(text).unwrap();
            let found = place(&url).map(|place| (place.link_key(), place.url.to_string(), place.is_plain));
            let expected =
                expected.map(|(key, url, is_plain)| (key.to_owned(), format!("http://forum.example{url}"), is_plain));
            assert_eq!(found, expected, "{text}");
        }
    }
}
