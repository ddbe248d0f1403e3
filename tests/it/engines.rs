//! Recipes of engines that no captured board shows: pages of our own after each version's stock markup, in several
//! languages, each with what must be read from it beside it.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use dyepack::domain::forum::{self, PageKind, Reading};
use dyepack::domain::page::{Asked, FetchedPage};
use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

use crate::recipe_variants::rename_classes;

const BASE: &str = "http://forum.example/board/";

/// Pages with their truth; those in `TOLD_BY_STRUCTURE` are read the same under any theme.
const PAGES: [&str; 21] = [
    "smf20/thread",
    "smf20/board",
    "smf21/thread",
    "smf21/board",
    "xenforo1/thread",
    "xenforo1/board",
    "xenforo2/thread",
    "vbulletin3/thread",
    "vbulletin3/board",
    "vbulletin4/thread",
    "vbulletin4/board",
    "vbulletin5/thread",
    "vbulletin5/board",
    "invision/thread",
    "invision/board",
    "nodebb/thread",
    "nodebb/board",
    "flarum/thread",
    "flarum/board",
    "discourse/thread",
    "discourse/board",
];

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/forums"))
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.html"))).unwrap()
}

fn truth(name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

fn read(body: Vec<u8>, address: &str, fetched_at: &str, status: u16) -> Reading {
    let url = Url::parse(BASE).unwrap().join(address).unwrap();
    let fetched_at = fetched_at.parse().unwrap();
    let page = FetchedPage {
        requested: url.clone(),
        url,
        status,
        headers: Vec::new(),
        body,
        fetched_at,
        asked: Asked::default(),
    };
    forum::read(&page, &Url::parse(BASE).unwrap())
}

fn read_fixture(name: &str, body: Vec<u8>) -> Reading {
    let truth = truth(name);
    read(body, truth["url"].as_str().unwrap(), truth["fetched_at"].as_str().unwrap(), 200)
}

/// An address as the truth writes it: from the board's own.
fn short(url: &Url) -> String {
    url.as_str().strip_prefix(BASE).unwrap_or(url.as_str()).to_owned()
}

/// What was read, in the form of the truth.
fn seen(reading: &Reading) -> Value {
    let posts = reading.posts.iter().map(|post| {
        let files: Vec<_> = post.attachments.iter().map(|file| json!([file.name, file.key])).collect();
        json!({"id": post.id, "url": short(&post.url), "author": post.author, "posted_at": post.posted_at,
            "text": post.text, "attachments": files, "links": post.links})
    });
    let threads = reading.threads.iter().map(|row| {
        json!({"key": row.key, "title": row.title, "url": short(&row.url), "author": row.author,
            "replies": row.replies, "created_at": row.created_at, "last_post_at": row.last_post_at,
            "sticky": row.sticky, "locked": row.locked})
    });
    json!({"engine": reading.engine, "page": reading.page, "title": reading.title,
        "thread": reading.thread.as_ref().map(|thread| &thread.key),
        "board": reading.thread.as_ref().and_then(|thread| thread.board.as_ref()),
        "posts": posts.collect::<Vec<_>>(), "threads": threads.collect::<Vec<_>>(),
        "next": reading.next.as_ref().map(short),
        "links": reading.links.iter().map(|link| link.key.as_str()).collect::<Vec<_>>()})
}

#[test]
fn every_engine_is_read_as_its_pages_say() {
    let mut wrong = Vec::new();
    for name in PAGES {
        let seen = seen(&read_fixture(name, fixture(name)));
        for (field, expected) in truth(name).as_object().unwrap() {
            let is_sorted = field == "links";
            let sorted = |value: &Value| -> HashSet<String> {
                value.as_array().into_iter().flatten().map(Value::to_string).collect()
            };
            let is_same = if is_sorted { sorted(&seen[field]) == sorted(expected) } else { seen[field] == *expected };
            if !matches!(field.as_str(), "url" | "fetched_at") && !is_same {
                wrong.push(format!("{name}: {field}\n  read     {}\n  expected {expected}", seen[field]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_page_tells_what_told_its_engine() {
    for name in PAGES {
        let signs = read_fixture(name, fixture(name)).signs;
        assert!(signs.len() >= 2, "{name}: {signs:?}");
    }
}

#[test]
fn the_classes_of_a_theme_do_not_matter() {
    let mut wrong = Vec::new();
    for name in PAGES {
        let plain = String::from_utf8(fixture(name)).unwrap();
        let (before, after) = (
            seen(&read_fixture(name, plain.clone().into_bytes())),
            seen(&read_fixture(name, rename_classes(&plain).into_bytes())),
        );
        for field in ["engine", "page", "thread", "next"] {
            if before[field] != after[field] {
                wrong.push(format!("{name}: {field} {} {}", before[field], after[field]));
            }
        }
        let each = |value: &Value, list: &str, fields: [&str; 4]| -> Vec<Value> {
            value[list].as_array().unwrap().iter().map(|row| json!(fields.map(|field| row[field].clone()))).collect()
        };
        for (list, fields) in [
            ("posts", ["id", "author", "posted_at", "attachments"]),
            ("threads", ["key", "title", "replies", "last_post_at"]),
        ] {
            let (before, after) = (each(&before, list, fields), each(&after, list, fields));
            if before != after {
                wrong.push(format!("{name}: {list}\n  {before:?}\n  {after:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_planted_lies_in_the_span_of_its_post() {
    for name in PAGES {
        let body = fixture(name);
        let cards: Vec<usize> = memchr::memmem::find_iter(&body, b"9999120000000017").collect();
        if cards.is_empty() {
            continue;
        }
        let reading = read_fixture(name, body);
        let holds = |post: &forum::Post| cards.iter().any(|card| post.span.contains(*card as u64));
        let holding: Vec<bool> = reading.posts.iter().map(holds).collect();
        assert_eq!(holding, [true, false], "{name}: {cards:?}");
    }
}

/// A page on which an engine says something, and no more.
fn says(engine: &str, words: &str) -> Vec<u8> {
    let signs = match engine {
        "xenforo" => {
            "<html id='XF' data-template='error' data-cookie-prefix='xf_'><div class='blockMessage blockMessage--error'>#</div>"
        }
        "vbulletin" => {
            "<meta name=generator content='vBulletin 3.8.7'><script>SECURITYTOKEN</script><div class='panelsurround'>#</div>"
        }
        "vbulletin5" => {
            "<meta name=generator content='vBulletin 5.6.4'><body id='vb-page-body' data-usergroupid=1><p>#</p>"
        }
        "invision" => {
            "<body data-pageapp=core><div id='ipsLayout_body'><div id='ipsLayout_mainArea'><div id='elError'>#</div></div></div>"
        }
        "nodebb" => {
            "<a href='/topic/1/a'>x</a><div component='x' data-cid=1 class='alert'><strong>!</strong><p>#</p></div>"
        }
        "flarum" => "<noscript id='flarum-content'><p>#</p></noscript><script>flarum.core.app</script>",
        "discourse" => {
            "<meta name=generator content='Discourse 3.2'><div id='main-outlet'><div class='page-not-found'>#</div></div>"
        }
        _ => "<script>smf_scripturl smf_theme_url</script><div id='fatal_error'>#</div>",
    };
    signs.replace('#', words).into_bytes()
}

/// What engines say instead of what was asked for, with which status, and what it means.
const REFUSALS: [(&str, &str, u16, PageKind); 13] = [
    ("xenforo", "You must be logged-in to do that.", 403, PageKind::LoginRequired),
    ("xenforo", "The requested thread could not be found.", 404, PageKind::NotFound),
    ("xenforo", "You have been banned. Reason: spam", 403, PageKind::Denied),
    (
        "vbulletin",
        "You are not logged in or you do not have permission to access this page.",
        200,
        PageKind::LoginRequired,
    ),
    (
        "vbulletin",
        "No Thread specified. If you followed a valid link, please notify the administrator",
        200,
        PageKind::NotFound,
    ),
    ("vbulletin5", "You do not have permission to access this page.", 200, PageKind::LoginRequired),
    (
        "invision",
        "Sorry, you do not have permission to view this topic. Error code: 2F173H/H",
        403,
        PageKind::LoginRequired,
    ),
    ("invision", "We could not locate the item you are trying to view. Error code: 2F173H/1", 404, PageKind::NotFound),
    (
        "nodebb",
        "It seems like you have stumbled upon a page that you do not have access to. Perhaps you should try logging in?",
        403,
        PageKind::LoginRequired,
    ),
    ("nodebb", "No such thing", 404, PageKind::NotFound),
    ("flarum", "You do not have permission to access this page. Try logging in.", 403, PageKind::LoginRequired),
    ("discourse", "Oops! That page doesn’t exist or is private.", 404, PageKind::NotFound),
    (
        "smf",
        "The topic or board you are looking for appears to be either missing or off limits to you.",
        404,
        PageKind::NotFound,
    ),
];

#[test]
fn pages_that_refuse_are_told_apart() {
    for (engine, words, status, expected) in REFUSALS {
        let reading = read(says(engine, words), "x", "2026-11-21T20:13:30Z", status);
        assert_eq!(reading.page, expected, "{engine}: {words} ({:?})", reading.signs);
        let word = serde_json::to_value(reading.engine).unwrap();
        assert_eq!(word, engine.trim_end_matches('5'), "{:?}", reading.signs);
    }
    let off_limits = read(fixture("smf21/off-limits"), "index.php?topic=9.0", "2026-11-21T20:13:30Z", 200);
    assert_eq!(off_limits.page, PageKind::LoginRequired);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn mangled_pages_are_read_without_failing(
        which in 0_usize..PAGES.len(),
        cuts in proptest::collection::vec((0.0_f64..1.0, 0_usize..60, any::<[u8; 3]>()), 0..16),
    ) {
        let name = PAGES[which];
        let mut body = fixture(name);
        for (place, length, bytes) in cuts {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small page")]
            let start = (place * body.len() as f64) as usize;
            let end = (start + length).min(body.len());
            body.splice(start..end, bytes);
        }
        let length = body.len() as u64;
        let reading = read_fixture(name, body);
        for post in &reading.posts {
            prop_assert!(post.span.start <= post.span.end && post.span.end <= length);
        }
        let unique: HashSet<&str> = reading.links.iter().map(|link| link.key.as_str()).collect();
        prop_assert_eq!(unique.len(), reading.links.len());
    }

    #[test]
    fn any_bytes_with_the_signs_of_an_engine_are_read_without_failing(
        which in 0_usize..PAGES.len(),
        noise in proptest::collection::vec(any::<u8>(), 0..2_000),
        at in 0.0_f64..1.0,
    ) {
        let mut body = fixture(PAGES[which]);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small page")]
        let place = (at * body.len() as f64) as usize;
        body.truncate(place);
        body.extend(noise);
        let length = body.len() as u64;
        let reading = read_fixture(PAGES[which], body);
        prop_assert!(reading.posts.iter().all(|post| post.span.end <= length));
    }
}
