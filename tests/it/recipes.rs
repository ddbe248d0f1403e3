//! Recipes against pages with their ground truth, where those are at hand: three boards as they were captured, and three
//! of other engines as they were rebuilt by hand.
#![expect(clippy::print_stdout, reason = "counts are shown with --nocapture")]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use dyepack::domain::forum::{self, Link, PageKind, Reading};
use dyepack::domain::page::{Asked, FetchedPage};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use crate::recipe_variants::{rename_classes, to_gbk};

/// A captured board.
struct Set {
    name: &'static str,
    folder: PathBuf,
    captures: Vec<Value>,
    truth: Value,
    /// Every page as it was read, by file; each is read once.
    readings: HashMap<String, Reading>,
}

/// How many of what was compared agreed.
#[derive(Default)]
struct Tally(HashMap<&'static str, (usize, usize)>);

impl Tally {
    fn note(&mut self, what: &'static str, is_right: bool, context: impl FnOnce() -> String) {
        let (right, all) = self.0.entry(what).or_default();
        *all += 1;
        if is_right {
            *right += 1;
        } else if *all - *right <= 5 {
            println!("{what}: {}", context());
        }
    }

    fn check(self, set: &str, least: f64) {
        let mut rows: Vec<_> = self.0.into_iter().collect();
        rows.sort_unstable();
        for (what, (right, all)) in &rows {
            println!("{set}: {what} {right}/{all}");
        }
        for (what, (right, all)) in rows {
            #[expect(clippy::cast_precision_loss, reason = "counts are small")]
            let share = right as f64 / all as f64;
            // A list shows one icon a row; where that is "new", the lock is not seen.
            let least = if what == "locked" { 0.97 } else { least };
            assert!(share >= least, "{set}: {what} {right}/{all}");
        }
    }
}

impl Set {
    fn open(name: &'static str) -> Option<Self> {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/forums")).join(name);
        let Ok(lines) = fs::read_to_string(folder.join("captures.jsonl")) else {
            println!("skipped: the captured board {name} is not at hand");
            return None;
        };
        let captures = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let truth = serde_json::from_str(&fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
        let mut set = Self { name, folder, captures, truth, readings: HashMap::new() };
        let readings = set.captures.iter().filter(|capture| !file(capture).starts_with("attachments"));
        set.readings =
            readings.map(|capture| (file(capture).to_owned(), forum::read(&set.page(capture), &set.start()))).collect();
        Some(set)
    }

    fn page(&self, capture: &Value) -> FetchedPage {
        let mut body = Vec::new();
        let packed = fs::read(self.folder.join(capture["file"].as_str().unwrap())).unwrap();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut body).unwrap();
        let url = Url::parse(address(capture)).unwrap();
        let headers = capture["headers"].as_array().into_iter().flatten();
        let headers =
            headers.map(|pair| (pair[0].as_str().unwrap().to_lowercase(), pair[1].as_str().unwrap().to_owned()));
        FetchedPage {
            requested: url.clone(),
            url,
            status: capture["status"].as_u64().map_or(200, |status| u16::try_from(status).unwrap()),
            headers: headers.collect(),
            body,
            fetched_at: time(&capture["fetched_utc"]).or_else(|| time(&self.truth["content_made_utc"])).unwrap(),
            asked: Asked::default(),
        }
    }

    fn start(&self) -> Url {
        Url::parse(self.truth["base_url"].as_str().unwrap()).unwrap()
    }

    fn rows(&self, what: &str) -> &Vec<Value> {
        self.truth[what].as_array().unwrap()
    }
}

fn file(capture: &Value) -> &str {
    capture["file"].as_str().unwrap()
}

/// The address asked for; rebuilt boards have nothing else of a request.
fn address(capture: &Value) -> &str {
    capture["request"]["url"].as_str().or(capture["url"].as_str()).unwrap()
}

/// Tells whether an address is the one that the truth writes, perhaps with letters that addresses must escape.
fn is_address(truth: &Value, url: &Url) -> bool {
    truth.as_str().and_then(|truth| Url::parse(truth).ok()).is_some_and(|truth| truth == *url)
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn is_near(read: Option<Timestamp>, truth: &Value, seconds: i64) -> bool {
    read.zip(time(truth)).is_some_and(|(read, truth)| read.duration_since(truth).as_secs().abs() <= seconds)
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn link_urls(blocks: &Value, found: &mut HashSet<String>) {
    for block in blocks.as_array().into_iter().flatten() {
        if block["type"] != "quote" {
            found.extend(
                block["links"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|link| link["url"].as_str().map(str::to_owned)),
            );
        }
    }
}

/// Posts of captured boards are read as they were written.
fn check_posts(set: &Set) {
    let mut tally = Tally::default();
    let readings = &set.readings;
    let hidden: HashSet<u64> =
        set.truth["hide_tag_posts"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    let is_discuz = set.name.starts_with("discuz");
    for truth in set.rows("posts") {
        let id = truth["id"].to_string();
        let file = truth["file"].as_str().unwrap();
        let is_guest = !file.contains("-user");
        let post = readings.get(file).and_then(|reading| reading.posts.iter().find(|post| post.id == id));
        tally.note("posts", post.is_some(), || format!("{file} {id}"));
        let Some(post) = post else { continue };
        let author = truth["author"].as_str();
        tally.note("authors", post.author.as_deref() == author, || format!("{file} {id} {:?} {author:?}", post.author));
        tally.note("times", is_near(post.posted_at, &truth["time_utc"], 60), || {
            format!("{file} {id} {:?} {}", post.posted_at, truth["time_utc"])
        });
        tally.note("addresses", is_address(&truth["permalink"], &post.url), || {
            format!("{} {}", post.url, truth["permalink"])
        });
        if !hidden.contains(&truth["id"].as_u64().unwrap()) {
            let (read, written) = (words(&post.text), words(truth["text"].as_str().unwrap()));
            tally.note("texts", read == written, || format!("{file} {id}\n  {read}\n  {written}"));
        }
        let mut links = HashSet::new();
        link_urls(&truth["blocks"], &mut links);
        let links: HashSet<String> = links.iter().map(|link| Url::parse(link).unwrap().to_string()).collect();
        let read: HashSet<String> = post.links.iter().cloned().collect();
        tally.note("links", links.is_subset(&read), || format!("{file} {id} {read:?} {links:?}"));
        let attachments = truth["attachments"].as_array().unwrap();
        if is_discuz && is_guest {
            continue;
        }
        let read: HashSet<(&str, &str)> =
            post.attachments.iter().map(|attachment| (attachment.name.as_str(), attachment.key.as_str())).collect();
        tally.note("attachment counts", attachments.len() == read.len(), || {
            format!("{file} {id} {read:?} {attachments:?}")
        });
        for attachment in attachments {
            let (name, key) = (attachment["name"].as_str().unwrap(), format!("attachment/{}", attachment["id"]));
            tally.note("attachments", read.contains(&(name, key.as_str())), || {
                format!("{file} {id} {name} {key} {read:?}")
            });
        }
    }
    tally.check(set.name, 0.99);
}

/// Lists of captured boards are read row by row.
fn check_lists(set: &Set) {
    let mut tally = Tally::default();
    let readings = &set.readings;
    let boards: HashMap<u64, &Value> =
        set.rows("boards").iter().map(|board| (board["id"].as_u64().unwrap(), board)).collect();
    for truth in set.rows("threads") {
        let board = boards[&truth["board_id"].as_u64().unwrap()];
        let id = truth["id"].to_string();
        let files = board["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap());
        let mut rows = files.filter_map(|file| readings.get(file)).flat_map(|reading| &reading.threads);
        let row = rows.find(|row| row.key == id);
        tally.note("threads", row.is_some(), || id.clone());
        let Some(row) = row else { continue };
        tally.note("titles", truth["title"] == row.title.as_str(), || format!("{id} {} {}", row.title, truth["title"]));
        tally.note("thread urls", is_address(&truth["url"], &row.url), || format!("{id} {} {}", row.url, truth["url"]));
        tally.note("openers", truth["author"].as_str() == row.author.as_deref(), || {
            format!("{id} {:?} {}", row.author, truth["author"])
        });
        tally.note("replies", truth["reply_count"].as_u64() == row.replies, || {
            format!("{id} {:?} {}", row.replies, truth["reply_count"])
        });
        // Some boards show only the day on which a thread was opened.
        let day = if set.name.starts_with("discuz") { 86_400 } else { 60 };
        // Version 3 of vBulletin shows none.
        let is_shown = !set.name.ends_with("vbulletin3");
        tally.note("opened", !is_shown || is_near(row.created_at, &truth["created_utc"], day), || {
            format!("{id} {:?} {}", row.created_at, truth["created_utc"])
        });
        tally.note("last posts", is_near(row.last_post_at, &truth["last_post_utc"], 60), || {
            format!("{id} {:?} {}", row.last_post_at, truth["last_post_utc"])
        });
        tally.note("sticky", truth["sticky"] == row.sticky, || format!("{id} {}", row.sticky));
        tally.note("locked", truth["locked"] == row.locked, || format!("{id} {}", row.locked));
    }
    for stub in set.truth["moved_stubs"].as_array().into_iter().flatten() {
        let target = stub["target_thread"].to_string();
        let lists = readings.values().filter(|reading| reading.threads.iter().any(|row| row.key == target));
        tally.note("moved stubs", lists.count() >= 2, || target.clone());
    }
    tally.check(set.name, 1.0);
}

/// Paging leads through every page of captured boards.
fn check_paging(set: &Set) {
    let mut tally = Tally::default();
    let readings = &set.readings;
    let urls: HashMap<&str, String> =
        set.captures.iter().map(|capture| (file(capture), Url::parse(address(capture)).unwrap().to_string())).collect();
    for listed in set.rows("boards").iter().chain(set.rows("threads")) {
        let files: Vec<&str> = listed["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
        for (at, file) in files.iter().enumerate() {
            let Some(reading) = readings.get(*file) else { continue };
            let next = reading.next.as_ref().map(Url::as_str);
            let expected = files.get(at + 1).map(|next| urls[next].replace("&extra=page%3D1", ""));
            tally.note("next pages", next == expected.as_deref(), || format!("{file} {next:?} {expected:?}"));
            let plain = |link: &Link| link.url.as_str().replace("&extra=page%3D1", "");
            let is_linked = next.is_none_or(|next| reading.links.iter().any(|link| plain(link) == next));
            tally.note("next links", is_linked, || (*file).to_owned());
        }
    }
    tally.check(set.name, 1.0);
}

/// Pages that say no are told by their words.
fn check_kinds(set: &Set) {
    let mut tally = Tally::default();
    for capture in &set.captures {
        let kind = capture["kind"].as_str().unwrap();
        let expected = match kind {
            "index" | "index-no-cookie" => PageKind::Index,
            "board" | "board-no-cookie" | "board-logged-in" => PageKind::Board,
            "thread" | "thread-no-cookie" | "thread-logged-in" => PageKind::Thread,
            "login-required" => PageKind::LoginRequired,
            "banned" | "banned-login" => PageKind::Denied,
            "error-thread-not-found" | "error-board-not-found" | "error-404" => PageKind::NotFound,
            _ => continue,
        };
        // A login answered in script form is no page.
        if capture["file"].as_str().unwrap().contains(".xml") {
            continue;
        }
        let reading = &set.readings[file(capture)];
        tally
            .note("kinds", reading.page == expected, || format!("{} {:?} {expected:?}", capture["file"], reading.page));
    }
    tally.check(set.name, 1.0);
}

/// No session token or detour is ever followed.
fn check_addresses(set: &Set) {
    const DETOURS: [&str; 24] = [
        "sid=",
        "PHPSESSID",
        "my_post_key",
        "formhash",
        "logout",
        "action=",
        "sortby=",
        "order",
        "datecut",
        "mode=",
        "print",
        "highlight",
        "hilit",
        "extra=",
        "pid=",
        "lastpost",
        "newpost",
        "search",
        "login",
        "posting",
        "reply",
        "report",
        "filter=",
        "authorid",
    ];
    let mut keys: HashMap<String, Url> = HashMap::new();
    let mut count = 0;
    for capture in &set.captures {
        if !set.readings.contains_key(file(capture)) {
            continue;
        }
        let reading = &set.readings[file(capture)];
        // A board's plain copy for search engines has addresses of its own.
        let is_archive = address(capture).contains("/archiver/");
        if reading.engine == forum::Engine::Generic || is_archive {
            continue;
        }
        for link in &reading.links {
            count += 1;
            // The one form in which threads of Discuz! are asked for.
            let address = link.url.as_str().replace("&extra=page%3D1", "");
            let is_attachment = link.kind == forum::LinkKind::Attachment;
            let detour = DETOURS
                .iter()
                .find(|detour| address.contains(*detour) && !(is_attachment && address.contains("mod=attachment")));
            assert_eq!(detour, None, "{} {address}", capture["file"]);
            let known = keys.entry(link.key.clone()).or_insert_with(|| link.url.clone());
            assert!(is_attachment || *known == link.url, "{} has two addresses: {known} {address}", link.key);
        }
    }
    println!("{}: {count} links, {} keys", set.name, keys.len());
    assert!(keys.len() > 150);
}

/// Every planted value lies in the span of its post.
fn check_spans(set: &Set) {
    let mut tally = Tally::default();
    let canaries: HashMap<&str, &Value> =
        set.rows("canaries").iter().map(|canary| (canary["id"].as_str().unwrap(), canary)).collect();
    let posts: HashMap<u64, &Value> =
        set.rows("posts").iter().map(|post| (post["id"].as_u64().unwrap(), post)).collect();
    let captures: HashMap<&str, &Value> =
        set.captures.iter().map(|capture| (capture["file"].as_str().unwrap(), capture)).collect();
    for occurrence in set.rows("canary_occurrences") {
        if occurrence["form"] != "exact" || !occurrence["attachment"].is_null() {
            continue;
        }
        let truth = posts[&occurrence["post"].as_u64().unwrap()];
        let page = set.page(captures[truth["file"].as_str().unwrap()]);
        let reading = &set.readings[file(truth)];
        let Some(post) =
            reading.posts.iter().find(|post| truth["id"] == serde_json::from_str::<Value>(&post.id).unwrap())
        else {
            continue;
        };
        let canary = canaries[occurrence["canary"].as_str().unwrap()];
        for field in occurrence["fields"].as_array().unwrap() {
            let value = canary[field.as_str().unwrap()].as_str().unwrap();
            let places: Vec<u64> =
                memchr::memmem::find_iter(&page.body, value.as_bytes()).map(|at| at as u64).collect();
            if places.is_empty() {
                continue;
            }
            tally.note("values in their post", places.iter().any(|at| post.span.contains(*at)), || {
                format!("{} {field}", post.id)
            });
            let body_begin = reading.posts.first().unwrap().span.start;
            let in_posts = places.iter().filter(|at| **at > body_begin);
            for at in in_posts {
                tally.note("values in some post", reading.posts.iter().any(|post| post.span.contains(*at)), || {
                    format!("{} {at}", truth["file"])
                });
            }
        }
    }
    tally.check(set.name, 0.99);
}

/// Posts read again from changed pages must be the same posts: other classes, another charset, read days later.
fn check_variants(set: &Set) {
    let mut tally = Tally::default();
    let guests = set.captures.iter().filter(|capture| matches!(capture["kind"].as_str(), Some("thread" | "board")));
    for capture in guests.step_by(9) {
        let original = &set.readings[file(capture)];
        let page = set.page(capture);
        let text = String::from_utf8(page.body.clone()).unwrap();
        let renamed = FetchedPage { body: rename_classes(&text).into_bytes(), ..page.clone() };
        let late = FetchedPage {
            fetched_at: page.fetched_at + SignedDuration::from_secs(112_345),
            headers: Vec::new(),
            ..page.clone()
        };
        let mut variants = vec![("renamed classes", renamed), ("read late", late)];
        if set.name.starts_with("discuz") {
            let headers = vec![("content-type".to_owned(), "text/html; charset=gbk".to_owned())];
            variants.push(("in gbk", FetchedPage { body: to_gbk(&text), headers, ..page }));
        }
        for (what, page) in variants {
            let reading = forum::read(&page, &set.start());
            tally.note(
                what,
                reading.posts.len() == original.posts.len() && reading.threads.len() == original.threads.len(),
                || file(capture).to_owned(),
            );
            tally.note(what, reading.next == original.next, || file(capture).to_owned());
            for (post, before) in reading.posts.iter().zip(&original.posts) {
                let is_same_text = post.text == before.text
                    || (what == "in gbk" && before.text.chars().any(|letter| letter > '\u{ffff}'));
                let is_same = post.id == before.id && post.author == before.author && is_same_text;
                let apart = post
                    .posted_at
                    .zip(before.posted_at)
                    .map(|(after, before)| after.duration_since(before).as_secs().abs());
                let is_near = apart.is_some_and(|apart| apart <= 60);
                tally.note(what, is_same && is_near, || format!("{} {post:?} {before:?}", file(capture)));
            }
            for (row, before) in reading.threads.iter().zip(&original.threads) {
                let apart = row
                    .last_post_at
                    .zip(before.last_post_at)
                    .map(|(after, before)| after.duration_since(before).as_secs().abs());
                let is_same = row.title == before.title && row.author == before.author && row.replies == before.replies;
                tally.note(what, is_same && apart.is_some_and(|apart| apart <= 60), || {
                    format!("{} {row:?} {before:?}", file(capture))
                });
            }
        }
    }
    tally.check(set.name, 0.99);
}

/// Boards rebuilt by hand show what their engine's pages are like, not all that a running one sends.
fn check_rebuilt(name: &'static str) {
    if let Some(set) = Set::open(name) {
        check_posts(&set);
        check_lists(&set);
        check_paging(&set);
        check_spans(&set);
    }
}

#[test]
fn a_rebuilt_xenforo_board_is_read_as_it_was_written() {
    check_rebuilt("reconstructed-xenforo");
}

#[test]
fn a_rebuilt_vbulletin_board_is_read_as_it_was_written() {
    check_rebuilt("reconstructed-vbulletin3");
}

#[test]
fn a_rebuilt_invision_board_is_read_as_it_was_written() {
    check_rebuilt("reconstructed-ips4");
}

fn check(name: &'static str) {
    if let Some(set) = Set::open(name) {
        check_posts(&set);
        check_lists(&set);
        check_paging(&set);
        check_kinds(&set);
        check_addresses(&set);
        check_spans(&set);
        check_variants(&set);
    }
}

#[test]
fn a_mybb_board_is_read_as_it_was_written() {
    check("mybb-1.8.37");
}

#[test]
fn a_phpbb_board_is_read_as_it_was_written() {
    check("phpbb-3.3.10");
}

#[test]
fn a_discuz_board_is_read_as_it_was_written() {
    check("discuz-x3.4-utf8");
}
