//! Evidence holds: what was captured is whole, any change is found, an export stands for itself.

mod authority;
mod drills;
mod heads;
mod rekey;
mod requests;
mod tamper;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::world::program::{Installation, python};

/// The demo's forum, crawled: two organizations, posts, attachments, mails.
fn crawled() -> Installation {
    let installation = Installation::new();
    let output = installation.run(&["demo", "--once"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    installation
}

fn cases(installation: &Installation) -> Vec<String> {
    let rows = installation.rows(&["case", "list"]);
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn export(installation: &Installation, case: &str) -> PathBuf {
    let out = installation.data().join(format!("export-{case}"));
    let said = installation.rows(&["evidence", "export", "--case", case, "--out", out.to_str().unwrap()]);
    assert_eq!(said[0]["case"], case);
    out
}

fn check(export: &Path) -> Output {
    Command::new(python()).arg(export.join("check.py")).output().unwrap()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn a_crawl_leaves_evidence_of_every_hit_and_it_verifies() {
    let installation = crawled();
    let rows = installation.rows(&["evidence", "verify"]);
    assert!(rows.iter().all(|row| row["ok"] == true), "{rows:?}");
    let hits: BTreeSet<String> =
        installation.rows(&["hit", "list"]).iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    let mut exhibited = BTreeSet::new();
    for case in cases(&installation) {
        let listed = installation.rows(&["evidence", "list", "--case", &case]);
        exhibited.extend(listed.iter().map(|row| row["hit"].as_str().unwrap().to_owned()));
    }
    assert_eq!(exhibited, hits, "every hit is exhibited, under its own case");
}

#[test]
fn an_export_checks_without_dyepack_and_shows_no_whole_value() {
    let installation = crawled();
    for case in cases(&installation) {
        let export = export(&installation, &case);
        let checked = check(&export);
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(checked.status.success() && said.contains(": whole"), "{said}");
        let warcio = Command::new(python())
            .args(["-m", "warcio.cli", "check", "-v"])
            .arg(export.join("captures.warc.gz"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&warcio.stdout).into_owned();
        assert!(warcio.status.success() && said.contains("digest pass"), "{said}{:?}", warcio.stderr);
        assert!(!said.contains("failed"), "{said}");
        let report = fs::read_to_string(export.join("report.html")).unwrap();
        for name in ["example-bank", "example-insurer"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists").join(name).join("canaries.csv");
            let canaries = fs::read_to_string(path).unwrap();
            let long = |value: &&str| value.len() >= 10 && value.bytes().any(|byte| byte.is_ascii_digit());
            for value in canaries.lines().skip(1).flat_map(|line| line.split(',')).filter(long) {
                let is_time = value.starts_with("20") && value.contains('-');
                assert!(is_time || !report.contains(value), "a whole value is in the report of {case}");
            }
        }
        assert!(!report.contains("<script") && !report.contains("<img"));
    }
}

#[test]
fn an_export_names_no_other_organization() {
    let installation = crawled();
    for row in installation.rows(&["case", "list"]) {
        let (case, own) = (row["id"].as_str().unwrap(), row["organization"].as_str().unwrap());
        let other = if own == "example-bank" { "example-insurer" } else { "example-bank" };
        let export = export(&installation, case);
        for name in ["ledger.jsonl", "manifest.json", "report.html"] {
            let text = fs::read_to_string(export.join(name)).unwrap();
            assert!(!text.contains(&format!("\"{other}\"")), "{name} of {case} names {other}");
        }
    }
}

#[test]
fn exporting_into_a_folder_that_is_there_or_for_no_case_is_refused() {
    let installation = crawled();
    let case = cases(&installation).remove(0);
    let out = export(&installation, &case);
    let out = out.to_str().unwrap();
    for (case, said) in [(case.as_str(), "is there already"), ("C-00000000", "case list")] {
        let output = installation.run(&["evidence", "export", "--case", case, "--out", out]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(said), "{error}");
    }
}

#[test]
fn what_is_old_goes_with_a_row_in_the_ledger_and_what_is_held_stays() {
    let installation = crawled();
    fs::write(
        installation.data().join("dyepack.toml"),
        "[retention]\nevidence_days = 1\nposts_days = 1\nmails_days = 1\n",
    )
    .unwrap();
    let purge = |arguments: &[&str]| installation.rows(&[&["evidence", "purge"], arguments].concat())[0].clone();
    let none = serde_json::json!({"captures": 0, "posts": 0, "mails": 0});
    assert_eq!(purge(&["--dry-run"]), none, "nothing is a day old");
    let database = rusqlite::Connection::open(installation.data().join("dyepack.db")).unwrap();
    database
        .execute_batch("UPDATE capture SET fetched_at = 0; UPDATE alert SET frozen_at = 0; UPDATE post SET seen_at = 0")
        .unwrap();
    let posts = purge(&["--dry-run"]);
    assert!(posts["captures"] == 0 && posts["mails"] == 0, "no case is settled: {posts}");
    let cases = cases(&installation);
    for case in &cases {
        installation.rows(&["case", "move", case, "false-positive", "--why", "a drill"]);
    }
    let said = installation.rows(&["case", "hold", &cases[0], "--why", "litigation"]);
    assert_eq!(said[0]["case"], cases[0].as_str());
    let before = files_below(&installation.data().join("evidence")).len();
    let gone = purge(&[]);
    assert!(gone["captures"].as_u64().unwrap() > 0 && gone["posts"].as_u64().unwrap() > 0, "{gone}");
    let after = files_below(&installation.data().join("evidence")).len();
    assert!(after < before && after > 0, "{after} of {before}");
    assert!(!installation.rows(&["evidence", "list", "--case", &cases[0]]).is_empty());
    let rows = installation.rows(&["evidence", "verify"]);
    assert!(rows.iter().all(|row| row["ok"] == true), "{rows:?}");
    installation.rows(&["case", "release", &cases[0], "--why", "settled"]);
    purge(&[]);
    assert_eq!(files_below(&installation.data().join("evidence")).len(), 0);
    assert_eq!(purge(&[]), none);
    let log = installation.rows(&["evidence", "purge", "--log"]);
    let whats: BTreeSet<&str> = log.iter().map(|row| row["what"].as_str().unwrap()).collect();
    assert_eq!(whats, BTreeSet::from(["capture", "mail", "posts"]), "{log:?}");
    let rows = installation.rows(&["evidence", "verify"]);
    assert!(rows.iter().all(|row| row["ok"] == true), "{rows:?}");
}
