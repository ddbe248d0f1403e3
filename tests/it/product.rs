//! The product as its users meet it: the demo, the check, one crawl on each database.

use std::collections::BTreeSet;

use crate::mail::sink::Sink;
use crate::postgres::Cluster;
use crate::world::forum::{Content, Forum};
use crate::world::program::Installation;
use crate::world::{canary, write_watchlist};

#[test]
fn the_demo_mails_each_organization_and_shows_its_cases() {
    let output = Installation::new().run(&["demo", "--once"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for expected in
        ["mail to soc@example-bank.example", "mail to anquan@example-insurer.example", "offered for sale", "C-"]
    {
        assert!(said.contains(expected), "no {expected:?} in:\n{said}");
    }
    let canaries = include_str!("../../watchlists/example-bank/canaries.csv");
    for value in
        canaries.split([',', '\n']).filter(|value| value.len() >= 16 && value.bytes().all(|byte| byte.is_ascii_digit()))
    {
        assert!(!said.contains(value), "a full value is shown");
    }
}

#[test]
fn check_names_what_is_missing_and_how_to_mend_it() {
    let installation = Installation::new();
    let output = installation.run(&["check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let finding = |check: &str| -> serde_json::Value {
        said.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .find(|row| row["check"] == check)
            .unwrap()
    };
    assert_eq!(finding("database")["ok"], true);
    for (check, mend) in [("watchlists", "watchlist import"), ("sources", "source add"), ("mail", "[mail]")] {
        assert_eq!(finding(check)["ok"], false);
        assert!(finding(check)["detail"].as_str().unwrap().contains(mend), "{said}");
    }
}

#[test]
fn a_starter_configuration_is_valid_and_never_overwritten() {
    let installation = Installation::new();
    assert!(installation.run(&["init"]).status.success());
    assert_eq!(installation.run(&["init"]).status.code(), Some(2));
    assert!(installation.rows(&["case", "list"]).is_empty(), "the file that init wrote is read");
}

#[test]
fn a_whole_crawl_finds_the_same_on_sqlite_and_on_postgresql() {
    let thread = |number: usize| {
        let (email, pan, phone) = canary(number % 3);
        vec![format!("selling base<br />Planted Person;{pan};{phone};{email}"), "thanks".to_owned()]
    };
    let forum = Forum::serve(Content { threads: (0..30).map(thread).collect() });
    let folder = tempfile::tempdir().unwrap();
    let watchlist = write_watchlist(folder.path(), 5);
    let cluster = Cluster::start();
    let found = [None, Some(cluster.database("crawl"))].map(|database| {
        let (installation, sink) = (Installation::new(), Sink::start(&[]));
        let installation = installation.on(database);
        let output = installation.run(&[
            "crawl",
            "--once",
            "--watchlist",
            watchlist.to_str().unwrap(),
            "--source",
            &forum.url(),
            "--mail",
            &sink.url("smtp"),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(sink.received().len(), installation.rows(&["case", "list"]).len());
        let row = |hit: &serde_json::Value| {
            ["entry", "field", "thread", "post", "start", "end"].map(|name| hit[name].to_string())
        };
        installation.rows(&["hit", "list"]).iter().map(row).collect::<BTreeSet<_>>()
    });
    let [on_sqlite, on_postgresql] = found;
    assert!(on_sqlite.len() >= 90, "too few hits: {}", on_sqlite.len());
    assert_eq!(on_sqlite, on_postgresql);
}
