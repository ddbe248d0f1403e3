//! The next page of the same board or thread, by the page's own paging controls; pages are never probed.

use crate::domain::forum::dom;
use crate::domain::forum::sheet::{Anchor, Sheet};
use crate::domain::forum::urls::Place;

const NEXT_WORDS: [&str; 27] = [
    "next",
    "next page",
    "next »",
    "next ›",
    "next >",
    "next →",
    "next page →",
    "next page »",
    "nächste",
    "nächste >",
    "nächste seite",
    "weiter",
    "siguiente",
    "siguiente >",
    "página siguiente",
    "след. >",
    "»",
    "›",
    ">",
    "下一页",
    "下一頁",
    "下页",
    "след",
    "след.",
    "следующая",
    "вперёд",
    "далее",
];

/// Finds the next page of `here`.
pub(super) fn next(sheet: &Sheet<'_>, here: &Place) -> Option<Place> {
    let asked = sheet.asked.as_ref().filter(|asked| is_same(asked, here)).map_or(0, |asked| asked.page);
    let pages: Vec<(&Anchor<'_>, &Place)> = sheet
        .anchors
        .iter()
        .filter_map(|anchor| Some((anchor, anchor.place.as_ref()?)))
        .filter(|(_, place)| is_same(place, here) && !place.is_first())
        .collect();
    let labelled = pages.iter().find(|(anchor, _)| is_next(anchor)).map(|(_, place)| *place);
    let following = || {
        let after = shown(&pages).map_or(asked, |shown| shown);
        pages
            .iter()
            .filter(|(anchor, place)| place.page > after && is_numeric(&dom::line_up_to(anchor.element, 20)))
            .map(|(_, place)| *place)
            .min_by_key(|place| place.page)
    };
    let named = || sheet.survey.next.and_then(|href| sheet.place(href)).filter(|place| is_same(place, here));
    labelled.cloned().or_else(named).or_else(|| following().cloned()).filter(|place| place.page != asked)
}

fn is_same(place: &Place, here: &Place) -> bool {
    place.kind == here.kind && place.key == here.key
}

fn is_next(anchor: &Anchor<'_>) -> bool {
    let element = anchor.element;
    if dom::attr(element, "rel").is_some_and(|rel| rel.split_ascii_whitespace().any(|word| word == "next")) {
        return true;
    }
    let is_marked = |element| {
        let mut words = dom::class(element).split_ascii_whitespace();
        words.any(|word| word == "nxt" || word == "next" || word.ends_with("_next"))
    };
    if is_marked(element) || element.parent().and_then(scraper::ElementRef::wrap).is_some_and(is_marked) {
        return true;
    }
    let text = dom::line_up_to(element, 60).to_lowercase();
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{a0}');
    NEXT_WORDS.contains(&text)
}

/// The page shown, where the controls mark it: a number among the links that is no link itself.
fn shown(pages: &[(&Anchor<'_>, &Place)]) -> Option<u64> {
    let (anchor, _) = pages.iter().find(|(anchor, _)| is_numeric(&dom::line_up_to(anchor.element, 20)))?;
    let numbers = |list: scraper::ElementRef<'_>| {
        dom::elements(list)
            .filter(|inner| matches!(dom::name(*inner), "span" | "strong" | "b" | "em"))
            .filter(|inner| !dom::ancestors(*inner).any(|around| dom::name(around) == "a"))
            .map(|inner| dom::line_up_to(inner, 20))
            .find(|text| is_numeric(text))
            .and_then(|text| text.parse::<u64>().ok())
    };
    let number = dom::ancestors(anchor.element).take(3).find_map(numbers)?;
    // Where pages are counted in items, the number is turned into items by a link that shows both.
    let per_page = pages.iter().find_map(|(anchor, place)| {
        let page = dom::line_up_to(anchor.element, 20).parse::<u64>().ok().filter(|page| *page > 1)?;
        (place.page != page).then(|| place.page / (page - 1))
    });
    Some(per_page.map_or(number, |per_page| number.saturating_sub(1).saturating_mul(per_page)))
}

fn is_numeric(text: &str) -> bool {
    !text.is_empty() && text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit())
}
