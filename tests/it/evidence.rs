//! Evidence holds: what was captured is whole, any change is found, an export stands for itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dyepack::ports::evidence::Evidence;
use dyepack::ports::seal::Seal;
use dyepack::ports::store::Store;
use dyepack::services::evidence::{Checked, verify};
use rusqlite::types::Value;

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

/// Chance that is the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % limit
    }
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
fn any_changed_byte_of_an_export_is_found() {
    let installation = crawled();
    let export = export(&installation, &cases(&installation)[0]);
    let mut dice = Dice(7);
    // Each file once at a random place; the program that checks is told apart by its digest in the manifest.
    for file in files_below(&export).into_iter().filter(|file| !file.ends_with("check.py")) {
        let whole = fs::read(&file).unwrap();
        for _ in 0..6 {
            let mut changed = whole.clone();
            let at = dice.below(changed.len());
            changed[at] = if changed[at] == b'7' { b'8' } else { b'7' };
            if changed == whole {
                continue;
            }
            fs::write(&file, &changed).unwrap();
            let is_described = file.ends_with("manifest.json");
            let checked = check(&export);
            // Of the manifest, only what it says of the evidence is covered: not its own title lines.
            let text = String::from_utf8_lossy(&changed).into_owned();
            let covered = text.get(..at).is_none_or(|before| before.contains("\"ledger\""));
            assert!(!checked.status.success() || (is_described && !covered), "{} at {at}", file.display());
        }
        fs::write(&file, whole).unwrap();
    }
    assert!(check(&export).status.success());
}

#[test]
fn any_changed_byte_of_ten_thousand_in_captured_files_is_found() {
    let installation = crawled();
    let seal = Seal::load_or_create(&installation.data().join("dyepack.key")).unwrap();
    let evidence = Evidence::new(&installation.data(), seal);
    let files: Vec<(PathBuf, Vec<u8>)> = files_below(&installation.data().join("evidence"))
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    let mut dice = Dice(11);
    for round in 0..10_000 {
        let (path, whole) = &files[dice.below(files.len())];
        let mut changed = whole.clone();
        let at = dice.below(changed.len());
        changed[at] ^= 1 << dice.below(8);
        fs::write(path, &changed).unwrap();
        let digest = path.file_name().unwrap().to_str().unwrap();
        assert!(evidence.open(digest).is_err(), "round {round}: {digest} at {at}");
        fs::write(path, whole).unwrap();
    }
    assert!(
        files.len() > 2
            && files.iter().all(|(path, _)| { evidence.open(path.file_name().unwrap().to_str().unwrap()).is_ok() })
    );
}

/// Tables and columns that evidence stands on.
const COVERED: [(&str, &[&str]); 5] = [
    ("ledger", &["number", "at", "kind", "organization", "subject", "digest", "entry_hash", "hash"]),
    ("capture", &["id", "sealed_document"]),
    ("capture_hit", &["hit", "document"]),
    (
        "case_move",
        &["at", "organization", "leak_case", "from_state", "to_state", "who", "why", "previous_hash", "hash"],
    ),
    ("alert", &["sealed_frozen"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_change_of_the_rows_is_found() {
    let installation = crawled();
    let database = installation.data().join("dyepack.db");
    let seal = Seal::load_or_create(&installation.data().join("dyepack.key")).unwrap();
    let store = Store::open(&format!("sqlite:{}", database.display()), seal.clone()).await.unwrap();
    let evidence = Evidence::new(&installation.data(), seal);
    let whole = verify(&store, &evidence).await.unwrap();
    assert!(whole.problems.is_empty() && whole.mails > 0 && whole.hits > 3 && whole.moves > 0, "{whole:?}");
    let tables = rusqlite::Connection::open(&database).unwrap();
    tables.pragma_update(None, "foreign_keys", false).unwrap();
    let mut dice = Dice(13);
    for _ in 0..400 {
        let (table, columns) = COVERED[dice.below(COVERED.len())];
        let column = columns[dice.below(columns.len())];
        let keys = row_ids(&tables, table);
        let key = keys[dice.below(keys.len())];
        let text = format!("SELECT {column} FROM {table} WHERE rowid = {key}");
        let before: Value = tables.query_row(&text, [], |row| row.get(0)).unwrap();
        if before == Value::Null {
            continue;
        }
        let update = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = {key}");
        // A number that another row has already is refused by the database itself.
        if tables.execute(&update, [changed(&before, &mut dice)]).is_err() {
            continue;
        }
        let checked: Checked = verify(&store, &evidence).await.unwrap();
        assert!(!checked.problems.is_empty(), "{table}.{column} of row {key} was changed unseen");
        tables.execute(&update, [before]).unwrap();
    }
    // Rows taken away, the first and the last.
    for table in ["ledger", "capture", "capture_hit", "case_move"] {
        let keys = row_ids(&tables, table);
        for key in [keys[0], keys[keys.len() - 1]] {
            let here = format!("FROM {table} WHERE rowid = {key}");
            tables.execute_batch(&format!("CREATE TEMP TABLE kept AS SELECT * {here}; DELETE {here};")).unwrap();
            let checked = verify(&store, &evidence).await.unwrap();
            assert!(!checked.problems.is_empty(), "row {key} of {table} was taken away unseen");
            tables.execute_batch(&format!("INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept;")).unwrap();
        }
    }
    assert_eq!(verify(&store, &evidence).await.unwrap(), whole);
}

fn row_ids(tables: &rusqlite::Connection, table: &str) -> Vec<i64> {
    let filter = if table == "alert" { "WHERE sealed_frozen IS NOT NULL" } else { "" };
    let mut statement = tables.prepare(&format!("SELECT rowid FROM {table} {filter} ORDER BY rowid")).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn changed(before: &Value, dice: &mut Dice) -> Value {
    match before {
        Value::Null => Value::Text("x".to_owned()),
        Value::Integer(number) => Value::Integer(number ^ 1 << dice.below(20)),
        Value::Real(number) => Value::Real(number + 1.0),
        Value::Text(text) => {
            let at = dice.below(text.chars().count().max(1));
            let swapped = |character: char| if character == '0' { '1' } else { '0' };
            let characters = text.chars().enumerate();
            let text: String =
                characters.map(|(place, character)| if place == at { swapped(character) } else { character }).collect();
            Value::Text(if text.is_empty() { "0".to_owned() } else { text })
        }
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
            Value::Blob(bytes)
        }
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
    let rows = installation.rows(&["evidence", "verify"]);
    assert!(rows.iter().all(|row| row["ok"] == true), "{rows:?}");
}
