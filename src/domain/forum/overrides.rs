//! What an operator knows better than a recipe: CSS selectors of one site, from its source's `[recipe]` table.
//!
//! Checked when they are read, so that a slip is told before the first crawl; applied before whatever a recipe finds.

use scraper::{ElementRef, Selector};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::forum::generic::items;
use crate::domain::forum::harvest::{Found, Harvest, Row, RowMarks};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::urls::PlaceKind;
use crate::domain::forum::{Engine, LinkKind, PageKind, Reading, ThreadRow, dom, generic, price, rows};

const LENGTH_LIMIT: usize = 400;
const ELEMENT_LIMIT: usize = 2_000;

/// Selectors that go before a recipe's own; each is optional, those for parts count from their post or row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// Reads the site by this recipe, whatever it looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// The thread's or board's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Css>,
    /// Each row of a list of threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<Css>,
    /// In a row: the link to the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_title: Option<Css>,
    /// In a row: who opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_author: Option<Css>,
    /// In a row: when its last post was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_time: Option<Css>,
    /// In a row: how many replies it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replies: Option<Css>,
    /// Each post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<Css>,
    /// In a post: who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Css>,
    /// In a post: when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Css>,
    /// In a post: its author's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Css>,
    /// In a post: links to attached files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Css>,
    /// In a post or row: what is asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Css>,
    /// The link to the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Css>,
}

impl Overrides {
    /// Tells whether nothing is overridden.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A CSS selector that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Css {
    written: String,
    selector: Selector,
}

/// Why a text is no usable CSS selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CssError {
    /// Nothing is written.
    #[error("an empty selector finds nothing; leave the key out instead")]
    Empty,
    /// Too long to be meant.
    #[error("a selector of {0} bytes is too long; at most {LENGTH_LIMIT} are read")]
    TooLong(usize),
    /// No selector by CSS's rules.
    #[error("{written:?} is no CSS selector ({reason}); write one as in `div.post > .author`")]
    Syntax {
        /// What was written.
        written: String,
        /// What the parser says.
        reason: String,
    },
}

impl TryFrom<String> for Css {
    type Error = CssError;

    fn try_from(written: String) -> Result<Self, CssError> {
        if written.trim().is_empty() {
            return Err(CssError::Empty);
        }
        if written.len() > LENGTH_LIMIT {
            return Err(CssError::TooLong(written.len()));
        }
        match Selector::parse(&written) {
            Ok(selector) => Ok(Self { written, selector }),
            Err(error) => Err(CssError::Syntax { written, reason: error.to_string() }),
        }
    }
}

impl From<Css> for String {
    fn from(css: Css) -> Self {
        css.written
    }
}

impl Css {
    /// Finds the first element within that matches, or the element itself.
    fn first<'a>(&self, around: ElementRef<'a>) -> Option<ElementRef<'a>> {
        if self.selector.matches(&around) { Some(around) } else { around.select(&self.selector).next() }
    }

    /// Finds all elements that match and lie in no other that does.
    fn outermost<'a>(&self, around: ElementRef<'a>) -> Vec<ElementRef<'a>> {
        let mut found: Vec<ElementRef<'a>> = Vec::new();
        for element in around.select(&self.selector).take(ELEMENT_LIMIT) {
            if found.last().is_none_or(|last| !dom::is_within(element, *last)) {
                found.push(element);
            }
        }
        found
    }
}

/// Lets the selectors for parts of a post go before what a recipe found; names those that find nothing.
pub(super) fn refine<'a>(sheet: &Sheet<'a>, found: &Found<'a>) -> (Found<'a>, Vec<&'static str>) {
    let overrides = sheet.overrides;
    let mut missed = Vec::new();
    let mut part = |css: &Option<Css>, name: &'static str| {
        let css = css.as_ref()?;
        let part = css.first(found.element);
        if part.is_none() {
            missed.push(name);
        }
        part
    };
    let author = part(&overrides.author, "author").map(dom::line).filter(|name| !name.is_empty());
    let posted = part(&overrides.time, "time").and_then(|element| sheet.moment(element, &|_| false));
    let body = part(&overrides.text, "text");
    let refined = Found {
        id: found.id,
        element: found.element,
        body: body.or(found.body),
        author: author.or_else(|| found.author.clone()),
        posted: posted.or(found.posted),
    };
    (refined, missed)
}

/// Links within a post that an operator says lead to attached files, with the names they show.
pub(super) fn attachments<'a>(sheet: &Sheet<'a>, post: ElementRef<'a>) -> Vec<(String, Url)> {
    let Some(css) = &sheet.overrides.attachment else { return Vec::new() };
    let named = |element: ElementRef<'a>| Some((dom::line_up_to(element, 200), target(sheet, element)?));
    css.outermost(post).into_iter().filter_map(named).collect()
}

/// Returns what an operator says is the price of a post or row.
pub(super) fn priced(sheet: &Sheet<'_>, around: ElementRef<'_>) -> Option<crate::domain::listing::Price> {
    price::read(&dom::line_up_to(sheet.overrides.price.as_ref()?.first(around)?, 200))
}

/// Reads what the selectors for posts, rows, title and paging find in place of what the recipe found.
pub(super) fn apply(sheet: &Sheet<'_>, reading: Reading) -> Reading {
    let overrides = sheet.overrides;
    let is_silent = matches!(reading.page, PageKind::LoginRequired | PageKind::Denied | PageKind::NotFound);
    let mut page = reading.page;
    let mut harvest = Harvest::resume(sheet, reading);
    let root = sheet.dom.root_element();
    if let Some(title) = overrides.title.as_ref().and_then(|css| css.first(root)) {
        harvest.title(dom::line(title));
    }
    let posts = overrides.post.as_ref().map(|css| css.outermost(root)).unwrap_or_default();
    let rows = overrides.thread.as_ref().map(|css| css.outermost(root)).unwrap_or_default();
    if !posts.is_empty() {
        page = PageKind::Thread;
        read_posts(sheet, &mut harvest, &posts);
    } else if !rows.is_empty() {
        page = PageKind::Board;
        read_rows(sheet, &mut harvest, &rows);
    } else if (overrides.post.is_some() || overrides.thread.is_some()) && !is_silent && page != PageKind::Index {
        harvest.odd("selector-empty", "the source's selectors find neither posts nor threads on this page");
    }
    if let Some(url) = overrides.next.as_ref().and_then(|css| css.first(root)).and_then(|next| target(sheet, next)) {
        let kind = if page == PageKind::Board { LinkKind::Board } else { LinkKind::Thread };
        harvest.next_url(generic::link(&url, kind));
    }
    harvest.finish(page)
}

fn read_posts<'a>(sheet: &Sheet<'a>, harvest: &mut Harvest<'_, 'a>, elements: &[ElementRef<'a>]) {
    let place = harvest.place().unwrap_or_else(|| generic::place(sheet));
    let posts: Vec<Found<'a>> = elements
        .iter()
        .map(|element| Found {
            id: own_number(sheet.engine, *element),
            element: *element,
            body: items::body(*element).or(Some(*element)),
            author: items::author(*element),
            posted: sheet.moment_in(*element, items::body(*element)),
        })
        .collect();
    harvest.clear_posts();
    harvest.thread(&place, None);
    harvest.posts(&place, &posts, &generic::is_furniture);
}

/// The number that an engine knows a post by stands at the end of its id; elsewhere the whole id names it.
fn own_number(engine: Engine, element: ElementRef<'_>) -> &str {
    let id = dom::id(element);
    let stem = id.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if engine == Engine::Generic { id } else { id.get(stem.len()..).unwrap_or_default() }
}

fn read_rows<'a>(sheet: &Sheet<'a>, harvest: &mut Harvest<'_, 'a>, elements: &[ElementRef<'a>]) {
    let overrides = sheet.overrides;
    harvest.clear_rows();
    for row in elements {
        let titled = overrides.thread_title.as_ref().map_or(Some(*row), |css| css.first(*row));
        let link = titled
            .and_then(|titled| sheet.anchors_in(titled).find(|anchor| !dom::line_up_to(anchor.element, 9).is_empty()));
        let Some((link, titled)) = link.zip(titled) else {
            harvest.odd("selector-empty", "a row of the list shows no link where the source's selectors point");
            continue;
        };
        let text = |css: &Option<Css>| css.as_ref().and_then(|css| css.first(*row)).map(dom::line);
        let title = if overrides.thread_title.is_some() { dom::line(titled) } else { dom::line(link.element) };
        let author = text(&overrides.thread_author).or_else(|| items::author(*row)).filter(|name| !name.is_empty());
        let dated = overrides.thread_time.as_ref().and_then(|css| css.first(*row));
        let last_post =
            dated.map_or_else(|| sheet.moment_in(*row, Some(titled)), |dated| sheet.moment(dated, &|_| false));
        let replies = text(&overrides.replies).and_then(|text| rows::count(&text));
        if let Some(place) = link.place.as_ref().filter(|place| place.kind == PlaceKind::Thread) {
            let marks = RowMarks::default();
            harvest.row(Row { place, title, author, replies, created: None, last_post, marks });
        } else {
            let last_post_at = last_post.map(|moment| moment.at);
            let price = priced(sheet, *row);
            harvest.item(ThreadRow { title, author, replies, last_post_at, price, ..generic::row(&link.url) });
        }
    }
}

/// Where an element leads: its own address or that of the first link within.
fn target<'a>(sheet: &Sheet<'a>, element: ElementRef<'a>) -> Option<Url> {
    let own = dom::attr(element, "href").or_else(|| dom::attr(element, "src"));
    let inner = || dom::named(element, "a").find_map(|link| dom::attr(link, "href"));
    sheet.resolve(own.or_else(inner)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_selector_is_told_when_it_is_read() {
        for (toml, said) in [
            ("post = \"div..post\"", "is no CSS selector"),
            ("post = \"\"", "finds nothing"),
            ("posts = \"div\"", "unknown field `posts`"),
            ("engine = \"phpnuke\"", "unknown variant"),
            ("next = 3", "invalid type"),
        ] {
            let error = toml::from_str::<Overrides>(toml).unwrap_err().to_string();
            assert!(error.contains(said), "{toml}: {error}");
        }
        let long = format!("post = \"{}\"", "a ".repeat(300));
        assert!(toml::from_str::<Overrides>(&long).unwrap_err().to_string().contains("too long"));
    }

    #[test]
    fn what_is_read_is_written_again() {
        let toml = "engine = \"mybb\"\npost = \"div.p\"\nnext = \"a[rel=next]\"\n";
        let overrides: Overrides = toml::from_str(toml).unwrap();
        assert!(!overrides.is_empty() && Overrides::default().is_empty());
        assert_eq!(toml::to_string(&overrides).unwrap(), toml);
    }
}
