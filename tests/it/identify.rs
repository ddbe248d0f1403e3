//! The `identify` command: what it prints and how it ends.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn identify(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dyepack"))
        .arg("identify")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    drop(child.stdin.take().unwrap().write_all(input));
    child.wait_with_output().unwrap()
}

fn rows(output: &Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn offsets_are_raw_bytes_in_any_charset_and_in_pages() {
    let page = "<html><p>卡号：<b>４１１１</b>&nbsp;1111<i> 1111</i> 1111，电话 138&#49;2345678</p></html>";
    let (gbk, _, _) = encoding_rs::GBK.encode(page);
    for bytes in [page.as_bytes(), &gbk] {
        let found = rows(&identify(&["-"], bytes));
        let told: Vec<(&str, &str, bool)> = found
            .iter()
            .map(|row| (row["kind"].as_str().unwrap(), row["canonical"].as_str().unwrap(), row["valid"] == true))
            .collect();
        assert_eq!(told, [("pan", "4111111111111111", true), ("phone", "+8613812345678", true)]);
        let at = |row: &Value, key: &str| usize::try_from(row[key].as_u64().unwrap()).unwrap();
        let phone = &bytes[at(&found[1], "start")..at(&found[1], "end")];
        assert_eq!(phone, b"138&#49;2345678");
    }
}

#[test]
fn a_long_text_is_read_in_pieces_and_nothing_is_lost_or_told_twice() {
    for separator in ["\n", " "] {
        let mut text = String::new();
        let mut places = Vec::new();
        while text.len() < 3_000_000 {
            text.push_str(&"x".repeat(9_973 - separator.len()));
            text.push_str(separator);
            places.push(text.len());
            text.push_str("4111111111111111");
            text.push_str(separator);
        }
        let found = rows(&identify(&["-"], text.as_bytes()));
        let starts: Vec<usize> =
            found.iter().map(|row| usize::try_from(row["start"].as_u64().unwrap()).unwrap()).collect();
        assert_eq!(starts, places, "separator {separator:?}");
    }
}

#[test]
fn a_text_without_identifiers_prints_nothing_and_says_so() {
    let output = identify(&["-"], b"nothing here but 12 words");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no identifiers in 25 bytes"), "{output:?}");
    assert_eq!(identify(&["missing.txt"], b"").status.code(), Some(2));
}

#[test]
fn a_line_has_the_documented_shape_and_a_table_is_for_people() {
    let found = rows(&identify(&["-"], b"card: 4111 1111 1111 1112"));
    assert_eq!(found, [json!({"kind": "pan", "start": 6, "end": 25, "canonical": "4111111111111112", "valid": false})]);
    let output = identify(&["--format", "table", "-"], b"card: 4111 1111 1111 1111");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("canonical") && text.contains("4111111111111111") && text.contains("yes"), "{text}");
}
