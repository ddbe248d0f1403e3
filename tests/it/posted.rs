//! Leaks as people post them, one a file, all invented: `scan` finds each planted record in its row and says whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::world::program::Installation;

/// File, then what must be found in it: canary, and fields of one row each.
const LEAKS: &[(&str, &str)] = &[
    ("block.txt", "zh1.name zh1.pan zh1.phone"),
    ("block_ru.txt", "ru1.name ru1.passport ru1.phone"),
    ("block_ru_gb18030.txt", "ru1.name ru1.passport ru1.phone"),
    ("block_ru_utf-16.txt", "ru1.name ru1.passport ru1.phone"),
    ("block_ru_windows-1251.txt", "ru1.name ru1.passport ru1.phone"),
    ("caret.txt", "zh1.name zh1.pan zh1.phone zh2.name zh2.pan zh2.phone"),
    ("combo.txt", "en2.email zh1.email zh2.email"),
    ("fixed_width.txt", "en1.name en1.pan en1.phone"),
    ("float_card.csv", "en2.name en2.pan en2.phone zh1.name zh1.phone"),
    ("fullz.txt", "en1.address en1.name en1.pan en1.phone"),
    ("html.html", "en1.name en1.pan en1.phone"),
    ("html_masked.html", "zh1.name zh1.phone zh1.resident_id"),
    ("iban_split.txt", "en1.iban zh1.iban zh1.name"),
    ("ini.txt", "en2.account en2.name en2.phone"),
    ("insert.sql", "en1.name en1.pan en1.phone zh1.name zh1.phone"),
    ("json_escaped.json", "zh1.address zh1.name zh1.phone"),
    ("jsonl.jsonl", "en1.email en1.name en1.pan en1.phone"),
    ("last4.csv", ""),
    ("markdown.md", "zh2.name zh2.pan zh2.phone"),
    ("masked_block.txt", "zh2.name zh2.pan zh2.phone"),
    ("masked_dots.txt", "en1.name en1.pan en1.phone"),
    ("masked_email.txt", "zh1.email zh1.name zh1.pan"),
    ("masked_json.json", "en2.name en2.pan en2.phone"),
    ("masked_mid4.csv", "zh2.name zh2.phone zh2.resident_id"),
    ("masked_sql.sql", "ru1.pan ru1.phone"),
    ("masked_x.txt", "en1.name en1.pan en1.phone"),
    ("masked_zh.csv", "zh1.name zh1.pan zh1.phone"),
    ("masked_zh_gb18030.csv", "zh1.name zh1.pan zh1.phone"),
    ("masked_zh_utf-16.csv", "zh1.name zh1.pan zh1.phone"),
    ("mongo.json", "ru1.name ru1.passport ru1.phone"),
    ("name_address_only.txt", "en2.address en2.name"),
    ("pgcopy.sql", "ru1.name ru1.pan ru1.phone"),
    ("php_serialized.txt", "en1.name en1.pan en1.phone"),
    ("pipe.txt", "en1.name en1.pan en1.phone"),
    ("python_repr.txt", "en2.name en2.pan en2.phone"),
    ("quoted.csv", "en2.address en2.name en2.phone"),
    ("quoted_newline.csv", "en2.name en2.pan"),
    ("semicolon.csv", "ru1.email ru1.name ru1.pan ru1.phone"),
    ("semicolon_gb18030.csv", "ru1.email ru1.name ru1.pan ru1.phone"),
    ("semicolon_utf-16.csv", "ru1.email ru1.name ru1.pan ru1.phone"),
    ("semicolon_windows-1251.csv", "ru1.email ru1.name ru1.pan ru1.phone"),
    ("tabs.tsv", "zh1.name zh1.pan zh1.phone zh1.resident_id"),
    ("tabs_gb18030.tsv", "zh1.name zh1.pan zh1.phone zh1.resident_id"),
    ("tabs_utf-16.tsv", "zh1.name zh1.pan zh1.phone zh1.resident_id"),
    ("urlquery.txt", "en1.name en1.pan en1.phone"),
    ("vcard.vcf", "en1.email en1.phone"),
    ("xml.xml", "zh1.name zh1.phone zh1.resident_id"),
    ("yaml.yaml", "en1.account en1.name en1.phone"),
];

#[test]
fn every_posted_leak_is_found_row_by_row_and_judged_ours() {
    let installation = Installation::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/leaks");
    let (watchlist, files) = (folder.join("watchlists/leak-bank"), folder.join("files"));
    let (watchlist, files) = (watchlist.to_str().unwrap(), files.to_str().unwrap());
    let output = installation.run(&["scan", "--watchlist", watchlist, files, "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut ours: BTreeSet<String> = BTreeSet::new();
    for line in std::str::from_utf8(&output.stdout).unwrap().lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        let file = Path::new(&text("path")).file_name().unwrap().to_str().unwrap().to_owned();
        if row.get("verdict").is_some() {
            assert_eq!(text("verdict"), "ours", "{file}");
            ours.insert(file);
        } else {
            found.entry(file).or_default().insert(format!("{}.{}", text("entry"), text("field")));
        }
    }
    for (file, expected) in LEAKS {
        let told: Vec<String> = found.remove(*file).unwrap_or_default().into_iter().collect();
        assert_eq!(told.join(" "), *expected, "{file}");
        assert_eq!(ours.contains(*file), !expected.is_empty(), "{file}");
    }
    assert!(found.is_empty(), "files that are not listed: {:?}", found.keys());
}
