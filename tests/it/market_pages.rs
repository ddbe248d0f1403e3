//! Readers without an engine against saved pages of markets and leak sites, where those are at hand.
#![expect(clippy::print_stdout, reason = "shares are shown with --nocapture")]

use std::fs;
use std::path::{Path, PathBuf};

use dyepack::domain::forum::{self, PageKind, Reading};
use dyepack::domain::page::{Asked, FetchedPage};
use serde_json::Value;
use url::Url;

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/pages"));
    if folder.is_dir() { Some(folder) } else { None }
}

fn lines(name: &str) -> Vec<Value> {
    let Some(folder) = folder() else {
        println!("skipped: the saved pages are not at hand");
        return Vec::new();
    };
    let text = fs::read_to_string(folder.join(name)).unwrap();
    if Path::new(name).extension().is_some_and(|extension| extension == "json") {
        return serde_json::from_str(&text).unwrap();
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read(file: &str) -> Reading {
    let body = fs::read(folder().unwrap().join(file)).unwrap();
    let home = forum::declared_home(&body, None).unwrap_or_else(|| Url::parse("http://unknown.invalid/").unwrap());
    let page = FetchedPage {
        requested: home.clone(),
        url: home.clone(),
        status: 200,
        headers: Vec::new(),
        body,
        fetched_at: "2026-11-21T20:13:30Z".parse().unwrap(),
        asked: Asked::default(),
    };
    forum::read(&page, &home)
}

/// Right and wanted, told and right: of each field.
#[derive(Default)]
struct Share {
    right: usize,
    wanted: usize,
    told: usize,
}

impl Share {
    fn note(&mut self, told: Option<&str>, wanted: &str, context: &str) {
        let is_right = told == Some(wanted);
        self.wanted += 1;
        self.told += usize::from(told.is_some());
        self.right += usize::from(is_right);
        if !is_right {
            println!("{context}: read {told:?}, wanted {wanted:?}");
        }
    }

    fn check(&self, what: &str) {
        println!("{what}: recall {}/{}, precision {}/{}", self.right, self.wanted, self.right, self.told);
        assert!(self.right * 20 >= self.wanted * 19, "{what}: {}/{}", self.right, self.wanted);
        assert!(self.right * 20 >= self.told * 19, "{what}: {} of {} told", self.right, self.told);
    }
}

#[test]
fn offers_on_markets_are_read() {
    let (mut titles, mut sellers, mut prices) = (Share::default(), Share::default(), Share::default());
    for wanted in lines("expected-fields.jsonl") {
        let file = wanted["file"].as_str().unwrap();
        let reading = read(file);
        let offer = reading.posts.first();
        titles.note(Some(reading.title.as_str()), wanted["title"].as_str().unwrap(), file);
        if let Some(seller) = wanted["seller"].as_str() {
            sellers.note(offer.and_then(|post| post.author.as_deref()), seller, file);
        }
        if let Some(price) = wanted["price"].as_f64() {
            let read = offer.and_then(|post| post.price.as_ref());
            let read = read.map(|price| format!("{:.2} {}", price.amount, price.currency));
            prices.note(read.as_deref(), &format!("{price:.2} {}", wanted["currency"].as_str().unwrap()), file);
        }
        assert_eq!((reading.posts.len(), reading.page), (1, PageKind::Thread), "{file}");
    }
    for (what, share) in [("title", titles), ("seller", sellers), ("price", prices)] {
        share.check(what);
    }
}

#[test]
fn items_of_leak_sites_are_read() {
    let [mut titles, mut dates, mut authors, mut links, mut texts] = <[Share; 5]>::default();
    for page in lines("leak-items.jsonl") {
        let file = page["file"].as_str().unwrap();
        let reading = read(file);
        let items = page["items"].as_array().unwrap();
        assert_eq!(reading.threads.len(), items.len(), "{file}: {:?}", reading.threads);
        if items.is_empty() {
            assert!(reading.posts.is_empty() && !reading.oddities.is_empty(), "{file}: {:?}", reading.posts);
        }
        for ((item, row), post) in items.iter().zip(&reading.threads).zip(&reading.posts) {
            let wanted = |key: &str| item[key].as_str().unwrap();
            titles.note(Some(&row.title), wanted("title"), file);
            let posted: jiff::Timestamp = wanted("posted").parse().unwrap();
            dates.note(row.created_at.map(|at| at.to_string()).as_deref(), &posted.to_string(), file);
            authors.note(row.author.as_deref(), wanted("author"), file);
            links.note(Some(row.url.as_str()), wanted("link"), file);
            texts.note(Some(post.text.as_str()), wanted("text"), file);
        }
    }
    for (what, share) in [("title", titles), ("date", dates), ("author", authors), ("link", links), ("text", texts)] {
        share.check(what);
    }
}

#[test]
fn pages_of_markets_are_told_apart() {
    for page in lines("manifest.json") {
        let file = page["file"].as_str().unwrap();
        let reading = read(file);
        let codes: Vec<&str> = reading.oddities.iter().map(|oddity| oddity.code.as_str()).collect();
        println!(
            "{file}: {:?} {:?}, {} rows ({} priced, {} by somebody), {} posts by {:?}, next {:?}, odd {codes:?}",
            reading.page,
            reading.title,
            reading.threads.len(),
            reading.threads.iter().filter(|row| row.price.is_some()).count(),
            reading.threads.iter().filter(|row| row.author.is_some()).count(),
            reading.posts.len(),
            reading.posts.first().and_then(|post| post.author.as_deref()),
            reading.next.as_ref().map(Url::as_str),
        );
        if std::env::var_os("SHOW_ROWS").is_some() {
            for row in &reading.threads {
                println!("   row {row:?}");
            }
            for post in &reading.posts {
                println!(
                    "   post {:?} {:?} {:?}",
                    post.author,
                    post.price,
                    post.text.chars().take(300).collect::<String>()
                );
            }
        }
    }
}
