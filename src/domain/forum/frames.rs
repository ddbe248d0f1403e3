//! Posts whose theme dropped the ids that frame them: found by what marks each post, wherever that stands in it.

use std::collections::HashMap;

use scraper::ElementRef;

use crate::domain::forum::dom;

/// How far a post's frame may be from its mark where there is only one post.
const CLIMB_LIMIT: usize = 8;
const BLOCK_LIMIT: usize = 400;

/// Returns, for each mark, the largest element around it that holds no other mark; where there is but one mark, the
/// nearest that `is_whole` takes for a post.
pub(super) fn around<'a>(marks: &[ElementRef<'a>], is_whole: &dyn Fn(ElementRef<'a>) -> bool) -> Vec<ElementRef<'a>> {
    if let [mark] = marks {
        let whole = dom::ancestors(*mark).take(CLIMB_LIMIT).find(|around| is_whole(*around));
        return vec![whole.unwrap_or(*mark)];
    }
    let mut counts = HashMap::new();
    for mark in marks {
        for around in mark.ancestors() {
            *counts.entry(around.id()).or_insert(0_usize) += 1;
        }
    }
    let only = |mark: &ElementRef<'a>| {
        let inner = dom::ancestors(*mark).take_while(|around| counts.get(&around.id()) == Some(&1));
        inner.last().unwrap_or(*mark)
    };
    marks.iter().map(only).collect()
}

/// The element of a post that holds most text of its own: what its author wrote, where no id or class tells it.
pub(super) fn text_block(post: ElementRef<'_>) -> Option<ElementRef<'_>> {
    let own = |inner: ElementRef<'_>| -> usize {
        let is_inline = |child: &ElementRef<'_>| {
            matches!(dom::name(*child), "b" | "i" | "u" | "a" | "span" | "font" | "code" | "strong" | "em")
        };
        let inline =
            dom::children(inner).filter(is_inline).map(|child| dom::line_up_to(child, 400).len()).sum::<usize>();
        inline + inner.children().filter_map(|node| node.value().as_text().map(|text| text.trim().len())).sum::<usize>()
    };
    let is_block =
        |inner: &ElementRef<'_>| matches!(dom::name(*inner), "div" | "td" | "p" | "section" | "article" | "pre");
    let blocks = dom::elements(post).take(BLOCK_LIMIT).filter(is_block);
    let (size, block) = blocks.map(|inner| (own(inner), inner)).max_by_key(|(size, _)| *size)?;
    (size > 0).then_some(block)
}

#[cfg(test)]
mod tests {
    use scraper::Html;

    use super::*;

    #[test]
    fn a_frame_holds_its_own_mark_and_no_other() {
        let html = Html::parse_fragment(
            "<main><div id=a><p class=m>1</p></div><div id=b><i>x</i><p class=m>2</p></div></main>",
        );
        let marks: Vec<_> =
            dom::elements(html.root_element()).filter(|element| dom::has_class(*element, "m")).collect();
        let frames: Vec<&str> = around(&marks, &|_| false).into_iter().map(dom::id).collect();
        assert_eq!(frames, ["a", "b"]);
        let alone = around(&marks[..1], &|element| dom::name(element) == "main");
        assert_eq!(alone.first().map(|frame| dom::name(*frame)), Some("main"));
    }
}
