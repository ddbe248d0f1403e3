//! Flarum: discussions, tags, index. The page is data for scripts, in JSON:API; a plain copy of it, without times, stands
//! in `noscript` and is read where there is no data.
//!
//! Told apart by two ids and by link shapes; themes can change neither.

use std::collections::{HashMap, HashSet};

use memchr::memmem;
use scraper::ElementRef;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use url::Url;

use crate::domain::forum::dates::Moment;
use crate::domain::forum::detect::Signs;
use crate::domain::forum::harvest::{Found, Harvest, Row, RowMarks};
use crate::domain::forum::payload::{self, Written};
use crate::domain::forum::recipe::{self, Recipe};
use crate::domain::forum::route::{self, Paging, Route};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::urls::{Place, PlaceKind};
use crate::domain::forum::{PageKind, Reading, dom, here, paging};

/// How the plain copy of a page of Flarum is read.
const PLAIN: Recipe = Recipe { posts, rows, is_list, message, title, is_not_own_words: |_| false };

/// What tells Flarum.
pub(super) const SIGNS: Signs = Signs {
    generator: "flarum",
    credits: &["Flarum"],
    ids: &["flarum-content", "flarum-loading", "flarum-loading-error"],
    numbered: &[],
    attributes: &[],
    globals: &["flarum-json-payload", "flarum.core.app", "flarum.extensions"],
    link,
};

const POSTS_A_PAGE: u64 = 20;

fn link(route: &Route<'_>) -> Option<&'static str> {
    let (_, slug) = route.after("d")?;
    (slug.contains('-') && route::leading(slug).is_some()).then_some("d/N-slug")
}

/// Understands an address.
pub(super) fn place(url: &Url) -> Option<Place> {
    let route = Route::of(url);
    if url.path().contains("/assets/files/") {
        let key = (*route.segments.last()?).to_owned();
        let url = route.build(route.segments.len(), "", "");
        return Some(Place { kind: PlaceKind::Attachment, key, page: 0, url, is_plain: true });
    }
    let paging = (Paging::Query, route.page("page"));
    if let Some((at, slug)) = route.after("d") {
        let key = route::leading(slug)?;
        let is_plain = route.rest(at + 1).is_empty() && route.has_only(&["page"]);
        let is_known = route.rest(at + 1).len() <= 1;
        return is_known.then(|| Place { is_plain, ..route.place(PlaceKind::Thread, &key, at + 1, paging) });
    }
    for (name, kind) in [("t", PlaceKind::Board), ("u", PlaceKind::Member)] {
        if let Some((at, slug)) = route.after(name) {
            let place = route.place(kind, slug, at + 1, paging);
            let is_known = route.rest(at + 1).is_empty();
            return is_known.then(|| Place { is_plain: route.has_only(&["page"]), ..place });
        }
    }
    // The list of all discussions is the start page.
    let is_start = matches!(route.segments.as_slice(), [] | ["all"]);
    let is_list = is_start && route.has_only(&["page", "sort"]);
    let place = |count| route.place(PlaceKind::Board, "all", count, paging);
    is_list.then(|| Place { is_plain: route.has_only(&["page"]), ..place(route.segments.len()) })
}

#[derive(Deserialize)]
struct Payload<'t> {
    #[serde(borrow, default, rename = "apiDocument")]
    document: Option<Document<'t>>,
    #[serde(borrow, default)]
    resources: Vec<&'t RawValue>,
}

#[derive(Deserialize)]
struct Document<'t> {
    #[serde(borrow)]
    data: &'t RawValue,
    #[serde(borrow, default)]
    included: Vec<&'t RawValue>,
    #[serde(default)]
    links: Map<String, Value>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default)]
    attributes: Map<String, Value>,
    #[serde(default)]
    relationships: Map<String, Value>,
}

impl Resource {
    fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.attributes.get(name)?.as_u64()
    }

    fn is(&self, name: &str) -> bool {
        self.attributes.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn moment(&self, name: &str) -> Option<Moment> {
        payload::instant(self.text(name)?).map(|at| Moment { at, is_stable: true })
    }

    /// Ids of what it is related to.
    fn related(&self, name: &str) -> Vec<&str> {
        let data = self.relationships.get(name).and_then(|related| related.get("data"));
        let id = |related| Value::get(related, "id").and_then(Value::as_str);
        match data {
            Some(Value::Array(many)) => many.iter().filter_map(id).collect(),
            Some(one) => id(one).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

/// What a page's data holds.
struct Store {
    resources: Vec<Resource>,
    /// Where each is, by kind and id.
    places: HashMap<String, usize>,
}

impl Store {
    fn of(raw: &[&RawValue]) -> Self {
        let resources: Vec<Resource> = raw.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
        let name = |resource: &Resource| format!("{}/{}", resource.kind, resource.id);
        let places = resources.iter().enumerate().map(|(at, resource)| (name(resource), at)).collect();
        Self { resources, places }
    }

    fn find(&self, kind: &str, id: &str) -> Option<&Resource> {
        self.resources.get(*self.places.get(&format!("{kind}/{id}"))?)
    }

    fn name_of(&self, about: &Resource, relation: &str) -> Option<String> {
        let user = self.find("users", about.related(relation).first()?)?;
        user.text("displayName").or_else(|| user.text("username")).map(str::to_owned)
    }

    fn tag_of(&self, discussion: &Resource) -> Option<String> {
        let tags = discussion.related("tags");
        tags.iter().rev().find_map(|id| self.find("tags", id)?.text("name")).map(str::to_owned)
    }
}

/// Reads a page of Flarum.
pub(super) fn read(sheet: &Sheet<'_>) -> Reading {
    let Some(payload) = payload(sheet.text()) else { return recipe::read(sheet, &PLAIN) };
    let Some(document) = &payload.document else { return recipe::read(sheet, &PLAIN) };
    let everything: Vec<&RawValue> = payload.resources.iter().chain(&document.included).copied().collect();
    let store = Store::of(&everything);
    let mut harvest = Harvest::new(sheet);
    boards(sheet, &store, &mut harvest);
    harvest.boards();
    if let Ok(discussions) = serde_json::from_str::<Vec<Resource>>(document.data.get()) {
        return list(sheet, &store, harvest, (&discussions, document.links.contains_key("next")));
    }
    match serde_json::from_str::<Resource>(document.data.get()) {
        Ok(discussion) if discussion.kind == "discussions" => {
            thread(sheet, &store, harvest, (&discussion, &document.included))
        }
        Ok(_) | Err(_) => recipe::read(sheet, &PLAIN),
    }
}

fn payload(text: &str) -> Option<Payload<'_>> {
    let after = |mark: &str| memmem::find(text.as_bytes(), mark.as_bytes()).and_then(|at| text.get(at + mark.len()..));
    let scripted = after("\"flarum-json-payload\"").and_then(|rest| rest.split_once('>')).map(|(_, json)| json);
    // Before version 1 the data was an argument.
    let json = scripted.or_else(|| after("app.load("))?;
    serde_json::Deserializer::from_str(json).into_iter().next()?.ok()
}

fn address(sheet: &Sheet<'_>, store: &Store, path: &str) -> Option<Url> {
    let forum = store.resources.iter().find(|resource| resource.kind == "forums");
    let base = forum.and_then(|forum| forum.text("baseUrl")).unwrap_or_default();
    sheet.resolve(&format!("{base}{path}"))
}

fn boards(sheet: &Sheet<'_>, store: &Store, harvest: &mut Harvest<'_, '_>) {
    for tag in store.resources.iter().filter(|resource| resource.kind == "tags") {
        let board = tag.text("slug").and_then(|slug| address(sheet, store, &format!("/t/{slug}")));
        if let Some(board) = board.and_then(|url| place(&url)) {
            harvest.board(&board);
        }
    }
}

fn list(
    sheet: &Sheet<'_>,
    store: &Store,
    mut harvest: Harvest<'_, '_>,
    (discussions, has_more): (&[Resource], bool),
) -> Reading {
    let listed = sheet.asked.clone().filter(|asked| asked.kind == PlaceKind::Board);
    harvest.title(title(sheet).unwrap_or_default());
    let mut rows = 0;
    for discussion in discussions.iter().filter(|resource| resource.kind == "discussions") {
        let slug = discussion.text("slug").unwrap_or(&discussion.id);
        let Some(place) = address(sheet, store, &format!("/d/{slug}")).and_then(|url| place(&url)) else { continue };
        rows += 1;
        harvest.row(Row {
            place: &place,
            title: discussion.text("title").unwrap_or_default().to_owned(),
            author: store.name_of(discussion, "user"),
            replies: discussion.count("commentCount").map(|posts| posts.saturating_sub(1)),
            created: discussion.moment("createdAt"),
            last_post: discussion.moment("lastPostedAt"),
            marks: RowMarks { sticky: discussion.is("isSticky"), locked: discussion.is("isLocked"), moved: false },
        });
    }
    if let Some(listed) = &listed {
        let further = || has_more.then(|| further(listed)).flatten();
        harvest.next(paging::next(sheet, listed).or_else(further));
    }
    let is_start = listed.is_some_and(|listed| listed.key == "all" && listed.is_first());
    harvest.finish(match rows {
        _ if is_start => PageKind::Index,
        0 => recipe::kind(sheet, None, 0, false),
        _ => PageKind::Board,
    })
}

/// Where the data says that there is more, the next page.
fn further(place: &Place) -> Option<Place> {
    let mut url = place.url.clone();
    url.set_query(Some(&format!("page={}", place.page.max(1).checked_add(1)?)));
    self::place(&url)
}

fn thread(
    sheet: &Sheet<'_>,
    store: &Store,
    mut harvest: Harvest<'_, '_>,
    (discussion, included): (&Resource, &[&RawValue]),
) -> Reading {
    let slug = discussion.text("slug").unwrap_or(&discussion.id);
    let own = || address(sheet, store, &format!("/d/{slug}")).and_then(|url| place(&url));
    let asked = here::place(sheet, PlaceKind::Thread).filter(|place| place.key == discussion.id);
    let Some(place) = asked.or_else(own) else { return recipe::read(sheet, &PLAIN) };
    harvest.title(discussion.text("title").unwrap_or_default().to_owned());
    harvest.thread(&place, store.tag_of(discussion));
    let mut posts: Vec<(u64, Resource, &RawValue)> = included
        .iter()
        .filter_map(|raw| {
            let post = serde_json::from_str::<Resource>(raw.get()).ok().filter(|post| post.kind == "posts")?;
            let is_comment = post.text("contentType").is_none_or(|kind| kind == "comment");
            let is_here = post.related("discussion").first().is_none_or(|id| *id == discussion.id);
            (is_comment && is_here && post.text("contentHtml").is_some())
                .then(|| (post.count("number").unwrap_or(0), post, *raw))
        })
        .collect();
    posts.sort_by_key(|(number, _, _)| *number);
    let mut known: HashSet<&str> = HashSet::new();
    for (number, post, raw) in posts.iter().filter(|(_, post, _)| known.insert(&post.id)) {
        let url = if *number > 0 { route::beneath(&place, &number.to_string()) } else { place.url.clone() };
        let start = raw.get().as_ptr().addr().saturating_sub(sheet.text().as_ptr().addr());
        let written = Written {
            id: post.id.clone(),
            url,
            author: store.name_of(post, "user"),
            posted_at: post.moment("createdAt").map(|moment| moment.at),
            html: post.text("contentHtml").unwrap_or_default(),
            span: sheet.raw(&(start..start + raw.get().len())),
        };
        payload::add(sheet, &mut harvest, written);
    }
    let shown = place.page.max(1).saturating_mul(POSTS_A_PAGE);
    let has_more = u64::try_from(discussion.related("posts").len()).is_ok_and(|all| all > shown);
    harvest.next(paging::next(sheet, &place).or_else(|| has_more.then(|| further(&place)).flatten()));
    harvest.finish(PageKind::Thread)
}

/// The plain copy: for each post a heading with its author's name, and the text.
fn posts<'a>(sheet: &Sheet<'a>) -> Vec<Found<'a>> {
    const NUMBERS: [&str; 20] =
        ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20"];
    if sheet.survey.attributes.contains("data-number") {
        return rendered(sheet);
    }
    let Some(copy) = sheet.by_id("flarum-content") else { return Vec::new() };
    let heads = dom::named(copy, "h3").filter_map(|heading| {
        let element = dom::ancestors(heading)
            .find(|around| dom::children(*around).filter(|child| dom::name(*child) == "div").count() > 1)?;
        let body = dom::children(element)
            .filter(|child| !dom::is_within(heading, *child))
            .find(|child| dom::name(*child) == "div")?;
        Some((heading, element, body))
    });
    NUMBERS
        .into_iter()
        .zip(heads)
        .map(|(id, (heading, element, body))| {
            let author = Some(dom::line_up_to(heading, 120)).filter(|name| !name.is_empty());
            Found { id, element, body: Some(body), author, posted: None }
        })
        .collect()
}

/// What scripts have made of the data, where a page was saved from a browser.
fn rendered<'a>(sheet: &Sheet<'a>) -> Vec<Found<'a>> {
    let items = dom::named(sheet.dom.root_element(), "div").filter(|item| dom::attr(*item, "data-number").is_some());
    items
        .filter_map(|element| {
            let id = dom::attr(element, "data-id")?;
            let body = dom::elements(element).find(|inner| dom::has_class(*inner, "Post-body"))?;
            let author = recipe::member(sheet, element, Some(body));
            let told = dom::attr(element, "data-time").and_then(|told| sheet.clock.read(told));
            let posted = told.or_else(|| recipe::posted(sheet, element, body, &|_| false));
            Some(Found { id, element, body: Some(body), author, posted })
        })
        .collect()
}

fn rows<'s, 'a>(sheet: &'s Sheet<'a>, harvest: &mut Harvest<'s, 'a>) {
    let row_of = |title: ElementRef<'a>| dom::ancestors(title).take(4).find(|around| dom::name(*around) == "li");
    for (_, anchor, place) in recipe::titles(sheet, row_of) {
        let title = dom::line(anchor.element);
        let row = Row {
            place,
            title,
            author: None,
            replies: None,
            created: None,
            last_post: None,
            marks: RowMarks::default(),
        };
        harvest.row(row);
    }
}

fn is_list(sheet: &Sheet<'_>) -> bool {
    recipe::is_asked(sheet, PlaceKind::Board)
}

fn message<'a>(sheet: &Sheet<'a>) -> Option<ElementRef<'a>> {
    sheet.by_id("flarum-content").filter(|_| sheet.page.status >= 400)
}

/// The document's title without the forum's own name after it.
fn title(sheet: &Sheet<'_>) -> Option<String> {
    let title = sheet.survey.title.trim();
    let own = title.rsplit_once(" - ").map_or(title, |(own, _)| own);
    Some(recipe::without_page(own).to_owned()).filter(|own| !own.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form_each() {
        for (text, expected) in [
            ("/d/12-some-slug", Some(("thread/12", "/d/12-some-slug", true))),
            ("/d/12", Some(("thread/12", "/d/12", true))),
            ("/d/12-some-slug/5", Some(("thread/12", "/d/12-some-slug", false))),
            ("/d/12-some-slug?page=2", Some(("thread/12/2", "/d/12-some-slug?page=2", true))),
            ("/t/goods?sort=newest", Some(("board/goods", "/t/goods", false))),
            ("/t/goods?page=2", Some(("board/goods/2", "/t/goods?page=2", true))),
            ("/?page=2", Some(("board/all/2", "/?page=2", true))),
            ("/u/ada", Some(("member/ada", "/u/ada", true))),
            (
                "/assets/files/2026-01-02/1-base.zip",
                Some(("attachment/1-base.zip", "/assets/files/2026-01-02/1-base.zip", true)),
            ),
            ("/u/ada/discussions", None),
            ("/logout?token=a", None),
            ("/tags", None),
            ("/settings", None),
        ] {
            let url = Url::parse("http://forum.example/").unwrap().join(text).unwrap();
            let found = place(&url).map(|place| (place.link_key(), place.url.to_string(), place.is_plain));
            let expected =
                expected.map(|(key, url, is_plain)| (key.to_owned(), format!("http://forum.example{url}"), is_plain));
            assert_eq!(found, expected, "{text}");
        }
    }
}
