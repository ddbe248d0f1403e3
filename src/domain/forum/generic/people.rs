//! Who is meant: names as pages show them, and links to profiles.

use scraper::ElementRef;
use url::Url;

use crate::domain::forum::dom;
use crate::domain::forum::sheet::Sheet;

const NAME_LIMIT: usize = 60;

/// Parts of addresses that lead to somebody's profile.
const PROFILE: [&str; 14] = [
    "user",
    "users",
    "u",
    "vendor",
    "vendors",
    "seller",
    "sellers",
    "member",
    "members",
    "profile",
    "author",
    "merchant",
    "contactmember",
    "u_id",
];

/// Cuts what pages print behind a name: ratings, levels, counts.
pub(super) fn name(text: &str) -> Option<String> {
    let name = text.split(['(', '[', '（', '|', '·', '★', '✓']).next()?;
    let name = name.trim_matches(|letter: char| letter.is_whitespace() || "-–—:,;@»«".contains(letter));
    let name = [" profile", "'s"].iter().fold(name, |name, end| {
        let kept = name
            .len()
            .checked_sub(end.len())
            .filter(|at| name.get(*at..).is_some_and(|tail| tail.eq_ignore_ascii_case(end)));
        kept.and_then(|at| name.get(..at)).unwrap_or(name)
    });
    let is_name = name.chars().any(char::is_alphanumeric) && name.chars().count() <= NAME_LIMIT;
    is_name.then(|| name.to_owned())
}

/// Tells whether an address leads to a profile.
pub(super) fn is_profile(url: &Url) -> bool {
    named_in(url).is_some()
}

/// The name that a profile's address carries: `/vendor/ada/`, `user.php?u_id=ada`.
fn named_in(url: &Url) -> Option<String> {
    let is_profile = |word: &str| {
        let word = word.to_ascii_lowercase();
        PROFILE.contains(&word.trim_end_matches(".php"))
    };
    let segments: Vec<&str> = url.path_segments()?.filter(|segment| !segment.is_empty()).collect();
    let at = segments.iter().position(|segment| is_profile(segment));
    let queried = || {
        let is_named = |key: &str| is_profile(key) || matches!(key, "name" | "id" | "uid");
        url.query_pairs().find(|(key, _)| is_named(key)).map(|(_, value)| value.into_owned())
    };
    match at {
        Some(at) => segments.get(at + 1).map(|segment| decoded(segment)).or_else(queried),
        None => url.query_pairs().find(|(key, _)| is_profile(key)).map(|(_, value)| value.into_owned()),
    }
    .filter(|name| !name.is_empty())
}

fn decoded(segment: &str) -> String {
    let query = format!("n={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The first person whose profile an element links to under their own name, but not the page's reader.
pub(super) fn linked<'a>(sheet: &Sheet<'a>, element: ElementRef<'a>) -> Option<(String, ElementRef<'a>)> {
    sheet.anchors_in(element).find_map(|anchor| {
        let named = named_in(&anchor.url)?;
        let shown = name(&dom::line_up_to(anchor.element, 120))?;
        let is_same = shown.to_lowercase().starts_with(&named.to_lowercase()) || is_number(&named);
        (is_same && !is_reader(anchor.element)).then_some((shown, anchor.element))
    })
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Tells whether a link to a profile is that of whoever is logged in.
pub(super) fn is_reader(link: ElementRef<'_>) -> bool {
    const GREETINGS: [&str; 8] =
        ["logged in", "log out", "logout", "welcome", "signed in", "вы вошли", "выход", "退出"];
    dom::ancestors(link).take(3).any(|around| {
        let words = dom::line_up_to(around, 200).to_lowercase();
        words.len() <= 200 && GREETINGS.iter().any(|greeting| words.contains(greeting))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_ratings_begin() {
        for (text, expected) in [
            ("DonaldDrug (100%)", Some("DonaldDrug")),
            ("ada [+577|0]", Some("ada")),
            ("europe", Some("europe")),
            ("夜航船（5）", Some("夜航船")),
            (" - ", None),
            ("(580)", None),
        ] {
            assert_eq!(name(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn profiles_are_known_by_their_addresses() {
        for (address, expected) in [
            ("/vendor/ada/", Some("ada")),
            ("/user.php?u_id=ada", Some("ada")),
            ("/contactMember?member=europe", Some("europe")),
            ("/u/ada%20lo", Some("ada lo")),
            ("/listing/7", None),
            ("/product.php?id=7", None),
        ] {
            let url = Url::parse("http://market.example").unwrap().join(address).unwrap();
            assert_eq!(named_in(&url).as_deref(), expected, "{address}");
        }
    }
}
