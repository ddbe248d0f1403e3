//! Recipes against what captured boards do not show: other themes, languages, charsets, addresses, late reading, and
//! pages made to hurt the reader. The pages under `fixtures/forums` are our own.

use std::fs;
use std::path::PathBuf;

use dyepack::domain::forum::{self, LinkKind, PageKind, Reading};
use dyepack::domain::page::{Asked, FetchedPage};
use jiff::Timestamp;
use proptest::prelude::*;
use url::Url;

const BASE: &str = "http://forum.example/board/";

fn page(body: Vec<u8>, address: &str, fetched_at: &str) -> FetchedPage {
    let url = Url::parse(BASE).unwrap().join(address).unwrap();
    // No headers at all: read from a file, at a time that is given.
    FetchedPage {
        requested: url.clone(),
        url,
        status: 200,
        headers: Vec::new(),
        body,
        fetched_at: fetched_at.parse().unwrap(),
        asked: Asked::default(),
    }
}

fn read(body: Vec<u8>, address: &str, fetched_at: &str) -> Reading {
    forum::read(&page(body, address, fetched_at), &Url::parse(BASE).unwrap())
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/forums")).join(name)).unwrap()
}

fn at(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn keys(reading: &Reading, kind: LinkKind) -> Vec<&str> {
    reading.links.iter().filter(|link| link.kind == kind).map(|link| link.key.as_str()).collect()
}

fn has_oddity(reading: &Reading, code: &str) -> bool {
    reading.oddities.iter().any(|oddity| oddity.code == code)
}

#[test]
fn a_mybb_thread_in_another_theme_with_days_first_and_a_zone_is_read() {
    let reading = read(fixture("mybb/thread.html"), "showthread.php?tid=41", "2026-10-16T19:00:20Z");
    assert_eq!((reading.page, reading.title.as_str()), (PageKind::Thread, "Night market rules"));
    let thread = reading.thread.as_ref().unwrap();
    assert_eq!((thread.key.as_str(), thread.board.as_deref()), ("41", Some("Goods")));
    let [first, second] = reading.posts.as_slice() else { panic!("{:?}", reading.posts) };
    assert_eq!((first.id.as_str(), first.author.as_deref()), ("900", Some("Wren Tallow")));
    assert_eq!(first.posted_at, at("2026-10-13T18:15:00Z"), "the printed clock is three hours ahead of the fetch");
    assert_eq!(first.text, "Sample below.\nname\tcard\nInes Calloway\t9999120000000017\nmirror :fire:");
    assert_eq!(first.links, ["http://paste.example/abc"]);
    assert_eq!(
        first.attachments.first().map(|file| (file.name.as_str(), file.key.as_str())),
        Some(("base.zip", "attachment/31"))
    );
    assert_eq!((second.text.as_str(), second.posted_at), ("Still valid?", at("2026-10-15T05:00:00Z")));
    assert_eq!(reading.next.as_ref().map(Url::as_str), Some("http://forum.example/board/showthread.php?tid=41&page=2"));
    assert_eq!(keys(&reading, LinkKind::Attachment), ["attachment/31"]);
    assert_eq!(keys(&reading, LinkKind::Board), ["board/7"]);
}

#[test]
fn what_a_board_shows_beside_a_title_is_its_label() {
    let labels = |shown: &str| {
        let html = String::from_utf8(fixture("mybb/thread.html")).unwrap();
        let html = html.replacen("<nav>", &format!("<h2>{shown}</h2><nav>"), 1);
        read(html.into_bytes(), "showthread.php?tid=41", "2026-10-16T19:00:20Z").thread.unwrap().labels
    };
    assert_eq!(labels("<span class=\"x\"><strong>SELLING</strong></span>&nbsp;Night market rules"), ["SELLING"]);
    assert_eq!(labels("<a href=\"?prefix=4\">[出售]</a> <span>Night market rules</span>"), ["出售"]);
    assert!(labels("Night market rules").is_empty());
    assert!(labels("<a href=\"./\">Home</a> › <span>Night market rules</span>").is_empty());
}

#[test]
fn a_mybb_list_tells_pinned_moved_and_marks() {
    let reading = read(fixture("mybb/board.html"), "forumdisplay.php?fid=7", "2026-10-16T19:00:20Z");
    assert_eq!((reading.page, reading.title.as_str()), (PageKind::Board, "Goods"));
    let [pinned, moved] = reading.threads.as_slice() else { panic!("{:?}", reading.threads) };
    assert_eq!((pinned.title.as_str(), pinned.replies, pinned.sticky), ("Night market rules", Some(1_011), true));
    assert_eq!(pinned.last_post_at, at("2026-10-15T05:00:00Z"));
    assert_eq!((moved.title.as_str(), moved.replies, moved.sticky), ("Lost cat", None, false));
    let marks: Vec<_> =
        reading.links.iter().filter(|link| link.kind == LinkKind::Thread).map(|link| link.mark.as_deref()).collect();
    assert_eq!(marks, [Some("1011|2026-10-15T05:00:00Z"), None]);
    assert_eq!(reading.next.as_ref().and_then(Url::query), Some("fid=7&page=2"));
}

#[test]
fn a_russian_phpbb_topic_without_style_or_time_elements_is_read() {
    let reading = read(fixture("phpbb/thread.html"), "viewtopic.php?f=3&t=55", "2026-10-09T07:00:00Z");
    assert_eq!((reading.page, reading.title.as_str()), (PageKind::Thread, "Лодки"));
    let [first, second] = reading.posts.as_slice() else { panic!("{:?}", reading.posts) };
    assert_eq!((first.author.as_deref(), first.posted_at), (Some("Иней"), at("2026-10-02T05:58:00Z")));
    assert_eq!(first.text, "Строки ниже.\na\tb\nc\td\n🔥");
    assert_eq!(
        first.attachments.first().map(|file| file.url.as_str()),
        Some("http://forum.example/board/download/file.php?id=12")
    );
    assert_eq!((second.author.as_deref(), second.text.as_str()), (Some("Гость"), "Беру"));
    assert_eq!(
        second.posted_at,
        at("2026-10-04T20:10:00Z"),
        "yesterday by the board's clock, not by the time of reading"
    );
    assert_eq!(reading.next.as_ref().and_then(Url::query), Some("t=55&start=15"));
    assert!(reading.links.iter().all(|link| !link.url.as_str().contains("sid=")));
}

#[test]
fn hidden_copies_in_phpbb_rows_are_not_read_twice() {
    let reading = read(fixture("phpbb/board.html"), "viewforum.php?f=3", "2026-10-05T09:00:00Z");
    let [rules, boats] = reading.threads.as_slice() else { panic!("{:?}", reading.threads) };
    assert_eq!((rules.author.as_deref(), rules.created_at), (Some("warden"), at("2025-02-03T04:05:06Z")));
    assert!(rules.sticky && rules.locked);
    assert_eq!((boats.author.as_deref(), boats.replies, boats.locked), (Some("hoar"), Some(17), false));
    assert_eq!(boats.last_post_at, at("2026-10-04T20:10:00Z"));
    assert_eq!(reading.next.as_ref().and_then(Url::query), Some("f=3&start=50"));
}

/// Encodes a page as a GBK board sends it.
pub(crate) fn to_gbk(utf8: &str) -> Vec<u8> {
    encoding_rs::GBK
        .encode(&utf8.replacen("charset=utf-8", "charset=gbk", 1).replacen("charset=\"utf-8\"", "charset=\"gbk\"", 1))
        .0
        .into_owned()
}

#[test]
fn a_discuz_thread_with_static_addresses_is_read_in_utf8_and_gbk() {
    let utf8 = String::from_utf8(fixture("discuz/thread.html")).unwrap();
    for body in [to_gbk(&utf8), utf8.into_bytes()] {
        let reading = read(body.clone(), "thread-77-1-1.html", "2026-11-25T11:00:00Z");
        assert_eq!((reading.page, reading.title.as_str()), (PageKind::Thread, "渡口"));
        let [first, second] = reading.posts.as_slice() else { panic!("{:?}", reading.posts) };
        assert_eq!((first.author.as_deref(), first.posted_at), (Some("渡鸦"), at("2026-11-20T02:20:11Z")));
        assert_eq!(first.text, "样本如下\n姓名|卡号\n欧阳星|9999120000000025\n联系 tg");
        assert_eq!((second.author.as_deref(), second.posted_at), (Some("青石"), at("2026-11-21T19:43:00Z")));
        assert_eq!(second.text, "还在吗？");
        assert_eq!(
            second.attachments.first().map(|file| (file.name.as_str(), file.key.as_str())),
            Some(("表.xlsx", "attachment/61"))
        );
        assert!(has_oddity(&reading, "attachment-needs-login"));
        assert_eq!(reading.next.as_ref().map(Url::as_str), Some("http://forum.example/board/thread-77-2-1.html"));
        let card = memchr::memmem::find(&body, b"9999120000000025").unwrap() as u64;
        assert!(first.span.contains(card) && !second.span.contains(card));
        let file = memchr::memmem::find(&body, b"attach_61").unwrap() as u64;
        assert!(second.span.contains(file));
    }
}

#[test]
fn a_discuz_list_with_static_addresses_is_read() {
    let reading = read(fixture("discuz/board.html"), "forum-9-1.html", "2026-11-21T20:13:30Z");
    let [rules, ferry] = reading.threads.as_slice() else { panic!("{:?}", reading.threads) };
    assert!(rules.sticky && rules.locked && !ferry.sticky && !ferry.locked);
    assert_eq!((ferry.title.as_str(), ferry.replies, ferry.author.as_deref()), ("渡口", Some(12), Some("渡鸦")));
    assert_eq!(ferry.created_at, at("2026-11-20T02:20:00Z"));
    assert_eq!(ferry.last_post_at, at("2026-11-21T19:43:00Z"));
    assert_eq!(keys(&reading, LinkKind::Thread), ["thread/70", "thread/77"]);
    assert_eq!(keys(&reading, LinkKind::Board), ["board/9", "board/9/2"]);
}

#[test]
fn pages_that_refuse_are_told_apart() {
    for (name, expected) in [
        ("mybb/missing.html", PageKind::NotFound),
        ("phpbb/login.html", PageKind::LoginRequired),
        ("discuz/login.html", PageKind::LoginRequired),
    ] {
        assert_eq!(read(fixture(name), "x", "2026-11-21T20:13:30Z").page, expected, "{name}");
    }
}

#[test]
fn the_classes_of_a_theme_do_not_matter() {
    for (name, address) in [
        ("mybb/thread.html", "showthread.php?tid=41"),
        ("mybb/board.html", "forumdisplay.php?fid=7"),
        ("phpbb/thread.html", "viewtopic.php?t=55"),
        ("discuz/thread.html", "thread-77-1-1.html"),
        ("discuz/board.html", "forum-9-1.html"),
    ] {
        let original = String::from_utf8(fixture(name)).unwrap();
        let renamed = rename_classes(&original);
        let (before, after) = (
            read(original.into_bytes(), address, "2026-11-25T11:00:00Z"),
            read(renamed.into_bytes(), address, "2026-11-25T11:00:00Z"),
        );
        let posts = |reading: &Reading| {
            reading
                .posts
                .iter()
                .map(|post| (post.id.clone(), post.posted_at, post.attachments.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(posts(&before), posts(&after), "{name}");
        let rows = |reading: &Reading| {
            reading.threads.iter().map(|row| (row.key.clone(), row.replies, row.last_post_at)).collect::<Vec<_>>()
        };
        assert_eq!(rows(&before), rows(&after), "{name}");
        assert_eq!(before.next, after.next, "{name}");
    }
}

/// Gives every class attribute a value that says nothing.
pub(crate) fn rename_classes(html: &str) -> String {
    let mut pieces = html.split("class=\"");
    let mut renamed = pieces.next().unwrap_or_default().to_owned();
    for (at, piece) in pieces.enumerate() {
        let rest = piece.split_once('"').map_or(piece, |(_, rest)| rest);
        renamed.extend(["class=\"k", &at.to_string(), "\"", rest]);
    }
    renamed
}

#[test]
fn an_unknown_site_is_read_as_far_as_its_markup_tells() {
    let html = "<html><body><nav><a href=/logout>out</a><a href='mailto:a@b.example'>m</a><a href=/list?sid=1&page=2>more</a>\
        <a href='http://elsewhere.example/'>x</a></nav><main>\
        <div class=item id=comment-1><a rel=author href=/u/1>Ada</a><time datetime=2026-01-02T03:04:05Z>x</time><p>first words</p></div>\
        <div class=item id=comment-2><a rel=author href=/u/2>Bo</a><time datetime=2026-01-03T03:04:05Z>x</time><p>second words</p></div>\
        </main></body></html>";
    let reading = read(html.as_bytes().to_vec(), "topic/9", "2026-11-21T20:13:30Z");
    let [first, second] = reading.posts.as_slice() else { panic!("{:?}", reading.posts) };
    assert_eq!((first.author.as_deref(), first.posted_at), (Some("Ada"), at("2026-01-02T03:04:05Z")));
    assert!(second.text.contains("second words") && !second.text.contains("first"));
    assert_eq!(first.span.end, second.span.start);
    let urls: Vec<&str> = reading.links.iter().map(|link| link.url.as_str()).collect();
    assert!(urls.contains(&"http://forum.example/list?page=2"), "{urls:?}");
    assert!(urls.iter().all(|url| !url.contains("logout") && !url.contains("elsewhere") && !url.contains("mailto")));
}

fn read_with(overrides: &str, body: &[u8], address: &str) -> Reading {
    let overrides = toml::from_str(overrides).unwrap();
    let page = page(body.to_vec(), address, "2026-11-21T20:13:30Z");
    forum::read_with(&page, &Url::parse(BASE).unwrap(), &overrides)
}

#[test]
fn an_operators_selectors_go_before_a_recipes() {
    let html = b"<title>Cellar</title><div class=x><h4>T</h4><span class=w>Ivo</span><i class=d>2026-01-02 03:04</i>\
        <div class=b>one <a class=f href=/f/1>rows.csv</a></div></div>\
        <div class=x><span class=w>Una</span><div class=b>two</div></div><a class=go href=/t/1?p=2>&gt;&gt;</a>";
    let table = "title = 'h4'\npost = '.x'\nauthor = '.w'\ntime = '.d'\ntext = '.b'\nattachment = '.f'\nnext = '.go'";
    let reading = read_with(table, html, "t/1");
    let [first, second] = reading.posts.as_slice() else { panic!("{:?}", reading.posts) };
    assert_eq!((reading.title.as_str(), reading.page), ("T", PageKind::Thread));
    assert_eq!((first.author.as_deref(), first.posted_at), (Some("Ivo"), at("2026-01-02T03:04:00Z")));
    assert_eq!((second.author.as_deref(), second.text.as_str()), (Some("Una"), "two"));
    assert_eq!(first.attachments.first().map(|file| file.name.as_str()), Some("rows.csv"));
    assert_eq!(reading.next.as_ref().map(Url::as_str), Some("http://forum.example/t/1?p=2"));
    assert!(has_oddity(&reading, "selector-failed"), "the second post shows no time: {:?}", reading.oddities);
    let rows = b"<ul><li class=r><a href=/t/1>Boats</a> <b>$20</b> by <em>Ivo</em></li><li class=r><a href=/t/2>Oars</a></li></ul>";
    let reading = read_with("thread = '.r'\nthread_author = 'em'\nprice = 'b'", rows, "list");
    let [boats, oars] = reading.threads.as_slice() else { panic!("{:?}", reading.threads) };
    assert_eq!((boats.title.as_str(), boats.author.as_deref()), ("Boats", Some("Ivo")));
    assert_eq!(boats.price.as_ref().map(|price| price.amount), Some(20.0));
    assert_eq!((oars.title.as_str(), reading.page), ("Oars", PageKind::Board));
    assert!(has_oddity(&read_with("post = '.gone'", html, "t/1"), "selector-empty"));
}

#[test]
fn a_recipe_takes_an_operators_selector_for_one_part_of_its_posts() {
    let body = fixture("mybb/thread.html");
    let overrides = "author = '.nobody'\ntext = '[id^=pid_]'";
    let reading = read_with(overrides, &body, "showthread.php?tid=41");
    assert_eq!(reading.posts.first().and_then(|post| post.author.as_deref()), Some("Wren Tallow"));
    assert!(has_oddity(&reading, "selector-failed"));
    assert!(reading.signs.iter().any(|sign| sign == "id pid_"), "{:?}", reading.signs);
}

#[test]
fn bodies_that_are_no_pages_are_one_post_or_none() {
    for (media, body, posts) in [
        ("text/plain", "row one\nrow two", 1),
        ("application/json", "{\"a\": 1}", 1),
        ("application/zip", "PK\u{3}\u{4}", 0),
        ("image/png", "x", 0),
        ("text/plain", "", 0),
    ] {
        let mut page = page(body.as_bytes().to_vec(), "file", "2026-11-21T20:13:30Z");
        page.headers = vec![("content-type".to_owned(), media.to_owned())];
        let reading = forum::read(&page, &page.url);
        assert_eq!(reading.posts.len(), posts, "{media}");
        assert!(reading.posts.iter().all(|post| post.text == body && post.span.end == body.len() as u64));
    }
}

fn repeated(count: usize, markup: &str) -> String {
    (0..count).flat_map(|at| [markup.replace('#', &at.to_string())]).collect()
}

#[test]
fn pages_made_to_hurt_the_reader_are_bounded() {
    let mybb = "<script>var my_post_key</script><p>MyBB</p><a href='showthread.php?tid=1'>x</a>";
    let nested_posts = repeated(5_000, "<div id='post_#'><div id='pid_#'>x");
    let many_posts = repeated(3_000, "<div id='post_#'><div id='pid_#'>x</div></div>");
    let links = repeated(10_000, "<a href='/p#'>x</a>");
    let fonts = repeated(20_000, "<font color=#>");
    for (name, body, oddity) in [
        ("deep", "<div>".repeat(100_000), Some("markup-too-deep")),
        ("deep tables", "<table><tr><td>".repeat(30_000), Some("markup-too-deep")),
        ("fonts", fonts + &"<p>x".repeat(20_000), None),
        ("nested posts", format!("{mybb}{nested_posts}"), Some("markup-too-deep")),
        ("posts", format!("{mybb}{many_posts}"), Some("posts-cut")),
        ("links", links, Some("links-cut")),
        ("tags", "<br>".repeat(250_000), Some("page-cut")),
        ("attributes", format!("<a {}>x</a>", "b=c ".repeat(200_000)), None),
    ] {
        let reading = read(body.into_bytes(), "x", "2026-11-21T20:13:30Z");
        assert!(oddity.is_none_or(|code| has_oddity(&reading, code)), "{name}: {:?}", reading.oddities);
        assert!(reading.posts.len() <= 1_000 && reading.links.len() <= 2_000, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn mangled_pages_are_read_without_failing(
        which in 0_usize..6,
        cuts in proptest::collection::vec((0.0_f64..1.0, 0_usize..40, any::<[u8; 3]>()), 0..12),
    ) {
        let names = ["mybb/thread.html", "mybb/board.html", "phpbb/thread.html", "phpbb/board.html", "discuz/thread.html", "discuz/board.html"];
        let mut body = fixture(names[which]);
        for (place, length, bytes) in cuts {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small page")]
            let start = (place * body.len() as f64) as usize;
            let end = (start + length).min(body.len());
            body.splice(start..end, bytes);
        }
        let length = body.len() as u64;
        let reading = read(body, "showthread.php?tid=41", "2026-11-21T20:13:30Z");
        let mut last_end = 0;
        for post in &reading.posts {
            prop_assert!(post.span.start <= post.span.end && post.span.end <= length);
            prop_assert!(post.span.start >= last_end || post.span.start == 0, "posts do not overlap");
            last_end = post.span.end;
        }
        let unique: std::collections::HashSet<&str> = reading.links.iter().map(|link| link.key.as_str()).collect();
        prop_assert_eq!(unique.len(), reading.links.len());
    }
}

/// Themes and addresses of our own invention, each with what is to be read beside it.
#[test]
fn heavy_themes_and_rewritten_addresses_are_read() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/forums/themes"));
    let mut names: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    assert!(names.len() >= 8);
    for path in names {
        let truth: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let body = fs::read(path.with_extension("html")).unwrap();
        let reading = read(body, truth["address"].as_str().unwrap(), "2026-11-21T20:13:30Z");
        let name = path.file_stem().unwrap().display();
        assert_eq!(serde_json::to_value(reading.engine).unwrap(), truth["engine"], "{name}: {:?}", reading.signs);
        assert_eq!(serde_json::to_value(reading.page).unwrap(), truth["page"], "{name}");
        assert_eq!(reading.title, truth["title"], "{name}");
        let posts = truth["posts"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(reading.posts.len(), posts.len(), "{name}: {:?}", reading.posts);
        for (post, truth) in reading.posts.iter().zip(posts) {
            assert_eq!(post.author.as_deref(), truth["author"].as_str(), "{name}");
            assert_eq!(post.posted_at, truth["posted_at"].as_str().and_then(at), "{name}");
            assert_eq!(post.text, truth["text"], "{name}");
            assert!(truth["id"].is_null() || truth["id"] == post.id, "{name}: {}", post.id);
        }
        let rows = truth["threads"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(reading.threads.len(), rows.len(), "{name}: {:?}", reading.threads);
        for (row, truth) in reading.threads.iter().zip(rows) {
            assert_eq!(row.title, truth["title"], "{name}");
            assert_eq!(
                (row.author.as_deref(), row.replies),
                (truth["author"].as_str(), truth["replies"].as_u64()),
                "{name}"
            );
            assert_eq!(row.last_post_at, truth["last_post_at"].as_str().and_then(at), "{name}");
        }
        let next = truth["next"].as_str().map(|next| format!("{BASE}{next}"));
        assert_eq!(reading.next.map(String::from), next, "{name}");
    }
}

#[test]
fn a_known_engine_that_yields_nothing_is_told() {
    let shell = "<script>var my_post_key</script><p>Powered By MyBB</p><a href='showthread.php?tid=9'>x</a>";
    let blind = read(
        format!("{shell}<div class=lost>words nobody can place</div>").into_bytes(),
        "showthread.php?tid=41",
        "2026-11-21T20:13:30Z",
    );
    assert!(has_oddity(&blind, "layout-unknown"), "{:?}", blind.oddities);
    let board = |words: &str| {
        read(
            format!("<script>var my_post_key</script><p>Powered By MyBB</p>{words}").into_bytes(),
            "forumdisplay.php?fid=4",
            "2026-11-21T20:13:30Z",
        )
    };
    assert!(has_oddity(&board("<p>Salt</p>"), "layout-unknown"));
    assert!(!has_oddity(&board("<p>Sorry, but there are no threads in this forum.</p>"), "layout-unknown"));
    let slate = String::from_utf8(fixture("themes/mybb-slate-thread.html")).unwrap();
    let undated = slate.replace("10-28-2026, 06:40 PM", "lately").replace("10-29-2026, 01:05 AM", "since");
    let undated = read(undated.into_bytes(), "showthread.php?tid=88", "2026-11-21T20:13:30Z");
    assert_eq!(undated.posts.len(), 2);
    assert!(has_oddity(&undated, "no-dates"), "{:?}", undated.oddities);
}
