//! The `scan` command: what it prints and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const ORGANIZATION: &str =
    "id = \"example-bank\"\nname = \"Example Bank\"\n[[contact]]\naddress = \"soc@example-bank.example\"\n";
const CANARIES: &str = "canary,dataset,holders,planted_at,retired_at,name,email,pan\n\
    c1,,OWNER,2026-01-31,,Ada Quillfeather,ada.quill161@inbox.example,9990483834645856\n";

fn world() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let watchlist = root.path().join("watchlists/example-bank");
    fs::create_dir_all(&watchlist).unwrap();
    fs::write(watchlist.join("organization.toml"), ORGANIZATION).unwrap();
    fs::write(watchlist.join("canaries.csv"), CANARIES).unwrap();
    fs::create_dir_all(root.path().join("files/inner")).unwrap();
    fs::write(root.path().join("files/b.txt"), "卡号：９９９０ 4838-3464 5856 有效，Ada Quillfeather").unwrap();
    fs::write(root.path().join("files/inner/a.html"), "<p>mail: ADA.quill161<b>@</b>inbox.example</p>").unwrap();
    fs::write(root.path().join("files/clean.txt"), "Ada Quillfeather 9990483834645857").unwrap();
    root
}

fn scan(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dyepack"))
        .current_dir(folder)
        .args(["scan", "--data", "data"])
        .args(arguments)
        .output()
        .unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_scan_prints_hits_in_the_order_of_the_files_and_exits_with_one() {
    let world = world();
    let output = scan(world.path(), &["files", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found: Vec<(String, String, String)> = lines(&output)
        .iter()
        .filter(|row| row.get("verdict").is_none())
        .map(|row| ["path", "field", "masked"].map(|key| row[key].as_str().unwrap().to_owned()).into())
        .collect();
    let expected = [
        ("files/b.txt", "pan", "9990********5856"),
        ("files/b.txt", "name", "A*** Q***"),
        ("files/inner/a.html", "email", "ad***@inbox.example"),
    ];
    assert_eq!(found, expected.map(|(path, field, masked)| (path.to_owned(), field.to_owned(), masked.to_owned())));
    let first = &lines(&output)[0];
    assert_eq!((first["start"].as_u64(), first["end"].as_u64()), (Some(9), Some(36)));
    assert_eq!(first["steps"], serde_json::json!(["charset:utf-8", "fold", "compact"]));
    let all = format!("{output:?}");
    assert!(!all.contains("9990483834645856"), "a value is printed unmasked");
}

#[test]
fn a_scan_tells_whose_data_each_file_shows() {
    let world = world();
    let output = scan(world.path(), &["files", "--format", "json"]);
    let verdicts: Vec<Value> = lines(&output).into_iter().filter(|row| row.get("verdict").is_some()).collect();
    let said: Vec<(&str, &str)> =
        verdicts.iter().map(|row| (row["path"].as_str().unwrap(), row["verdict"].as_str().unwrap())).collect();
    assert_eq!(said, [("files/b.txt", "ours"), ("files/inner/a.html", "ours")]);
    assert!(verdicts.iter().all(|row| row["lr_ours"].as_f64().unwrap() > 1e3 && row["rows_tested"] == 1));
}

#[test]
fn a_dump_without_any_canary_is_refuted_where_their_density_is_known() {
    let world = world();
    let watchlist = world.path().join("watchlists/example-bank");
    let sized = format!("{ORGANIZATION}[[dataset]]\nid = \"customers\"\nrows = 1000\n");
    fs::write(watchlist.join("organization.toml"), sized).unwrap();
    fs::write(watchlist.join("canaries.csv"), CANARIES.replace("c1,,", "c1,customers,")).unwrap();
    let rows: Vec<String> = (0..20_000).map(|row| format!("{row},person{row}@post.example")).collect();
    fs::write(world.path().join("files/claimed.csv"), rows.join("\n")).unwrap();
    let output = scan(world.path(), &["files/claimed.csv", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = &lines(&output)[0];
    assert_eq!((said["verdict"].as_str(), said["rows_tested"].as_u64()), (Some("not_ours"), Some(20_000)));
}

#[test]
fn a_scan_that_finds_nothing_exits_with_zero_and_one_without_a_file_with_two() {
    let world = world();
    let output = scan(world.path(), &["files/clean.txt"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{output:?}");
    assert_eq!(scan(world.path(), &["missing.txt"]).status.code(), Some(2));
    assert_eq!(scan(world.path(), &["--watchlist", "nowhere", "files"]).status.code(), Some(2));
}

#[test]
fn a_table_names_what_was_found() {
    let world = world();
    let output = scan(world.path(), &["--watchlist", "watchlists/example-bank", "files/b.txt", "--format", "table"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("example-bank") && text.contains("9990********5856"), "{text}");
}
