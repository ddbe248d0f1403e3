//! Discuz!'s plain pages for search engines, under `archiver/`: lists of links, and posts one after another.
//!
//! Posts have neither frames nor numbers: each begins with a line that names its author and time.

use scraper::ElementRef;

use crate::domain::forum::harvest::{Harvest, Row, RowMarks};
use crate::domain::forum::sheet::Sheet;
use crate::domain::forum::urls::PlaceKind;
use crate::domain::forum::{PageKind, Post, Reading, dom, generic, here, markup, paging, post_text, rows};

/// Reads a page of the archive.
pub(super) fn read(sheet: &Sheet<'_>) -> Reading {
    let mut harvest = Harvest::new(sheet);
    harvest.boards();
    let heads: Vec<ElementRef<'_>> =
        dom::named(sheet.dom.root_element(), "p").filter(|line| dom::has_class(*line, "author")).collect();
    let heads = if heads.is_empty() { dated_lines(sheet) } else { heads };
    let title = sheet.survey.title.split(" - ").next().unwrap_or_default().trim().to_owned();
    harvest.title(title);
    if let Some(place) = here::place(sheet, PlaceKind::Thread).filter(|_| !heads.is_empty()) {
        harvest.thread(&place, here::board_name(sheet, heads.first().copied()));
        for (at, head) in heads.iter().enumerate() {
            if let Some(post) = post(sheet, &place.url, *head, heads.get(at + 1).copied()) {
                harvest.post(post);
            }
        }
        harvest.next(paging::next(sheet, &place));
        return harvest.finish(PageKind::Thread);
    }
    let mut is_list = false;
    for anchor in &sheet.anchors {
        let Some(place) = anchor.place.as_ref().filter(|place| place.kind == PlaceKind::Thread && place.is_first())
        else {
            continue;
        };
        let title = dom::line(anchor.element);
        let replies =
            anchor.element.next_sibling().and_then(|node| node.value().as_text().map(|text| text.trim().to_owned()));
        let replies = replies.and_then(|text| rows::count(text.trim_matches(['(', ')']).split([' ', '篇']).next()?));
        if !title.is_empty() {
            is_list = true;
            harvest.row(Row {
                place,
                title,
                author: None,
                replies,
                created: None,
                last_post: None,
                marks: RowMarks::default(),
            });
        }
    }
    let board = here::place(sheet, PlaceKind::Board).filter(|_| is_list);
    harvest.next(board.and_then(|board| paging::next(sheet, &board)));
    harvest.finish(if is_list { PageKind::Board } else { PageKind::Index })
}

/// Skins without the class still begin each post with a short line that holds a name and a time.
fn dated_lines<'a>(sheet: &Sheet<'a>) -> Vec<ElementRef<'a>> {
    let is_head = |line: &ElementRef<'a>| {
        dom::line_up_to(*line, 100).len() <= 100
            && dom::named(*line, "strong").next().is_some()
            && sheet.moment(*line, &|_| false).is_some()
    };
    dom::named(sheet.dom.root_element(), "p").filter(is_head).collect()
}

fn post<'a>(sheet: &Sheet<'a>, url: &url::Url, head: ElementRef<'a>, next: Option<ElementRef<'a>>) -> Option<Post> {
    let start = dom::begin(head)?;
    let end = next.and_then(|next| dom::begin(next)).unwrap_or_else(|| {
        let around = head.parent().and_then(ElementRef::wrap);
        around.map_or(sheet.text().len(), |around| sheet.end(around))
    });
    let html = sheet.text().get(start..end)?;
    // The head's own words are not the author's: what follows its end is.
    let (_, rest) = html.split_once("</p>")?;
    let dom = markup::parse_fragment(rest).dom;
    let text = post_text::read(dom.root_element(), &|inner| dom::name(inner) == "h3");
    let author = dom::named(head, "strong").next().map(dom::line).filter(|name| !name.is_empty());
    let posted = sheet.moment(head, &|inner| dom::name(inner) == "strong");
    Some(Post {
        id: generic::digest(&text),
        url: url.clone(),
        author,
        posted_at: posted.map(|moment| moment.at),
        text,
        attachments: Vec::new(),
        links: Vec::new(),
        price: None,
        span: sheet.raw(&(start..end)),
    })
}
