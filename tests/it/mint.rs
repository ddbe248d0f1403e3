//! Canaries from the profile of a table to a delivered copy, and from its leak to the name of the copy.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::world::forum::{Content, Forum};
use crate::world::program::Installation;

const RESERVED: &str = "[reserved]\npan = [\"999912##########\"]\nphone = [\"+1 555 #######\", \"+86 120########\"]\n\
    email = [\"mail.test-bank.example\"]\n";

/// Writes a bank's table and a watchlist without canaries; returns their paths.
fn bank(folder: &Path) -> (PathBuf, PathBuf) {
    let watchlist = folder.join("test-bank");
    std::fs::create_dir_all(&watchlist).unwrap();
    let custodians =
        ["H01", "H02", "H03"].map(|code| format!("[[custodian]]\ncode = \"{code}\"\nname = \"Hosting {code}\"\n"));
    let organization = "id = \"test-bank\"\nname = \"Test Bank\"\n[[contact]]\naddress = \"soc@test-bank.example\"\n\
        [[dataset]]\nid = \"customers\"\nrows = 1000\n";
    std::fs::write(watchlist.join("organization.toml"), format!("{organization}{}", custodians.concat())).unwrap();
    let table = folder.join("customers.csv");
    let mut rows = String::new();
    for row in 0..400_u32 {
        let name = ["Jo Wren", "王小明"][row as usize % 2];
        let (id, phone, card) = (5000 + row * 997, 1_000_000 + row * 7919, row * 31);
        let (units, cents) = (row * 13, row % 100);
        writeln!(rows, "{id},{name},+1 555 {phone},u{row}@post.example,4000 0000 0000 {card:04},{units}.{cents:02}")
            .unwrap();
    }
    std::fs::write(&table, format!("id,name,phone,email,card_no,balance\n{rows}")).unwrap();
    (watchlist, table)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Profiles the table and plans a mint; returns its name.
fn plan(installation: &Installation, folder: &Path, (watchlist, table): (&Path, &Path), shared: &str) -> String {
    let profile = folder.join("customers.toml");
    let profiled = installation.rows(&["mint", "profile", "--in", path(table), "--out", path(&profile)]);
    assert_eq!(profiled[0]["reserve"], serde_json::json!(["phone", "email", "pan"]));
    let text = std::fs::read_to_string(&profile).unwrap();
    assert!(!text.contains("Wren") && !text.contains("u7@"), "a row in the profile: {text}");
    let (before, rest) = text.split_once("\n[reserved]\n").unwrap();
    let (_, after) = rest.split_once("\n[").unwrap();
    std::fs::write(&profile, format!("{before}\n{RESERVED}\n[{after}")).unwrap();
    let args = ["mint", "plan", "--watchlist", path(watchlist), "--dataset", "customers", "--profile", path(&profile)];
    let minted = installation.rows(&[&args[..], &["--unique", "3", "--shared", shared]].concat());
    assert_eq!(minted[0]["root"].as_str().map(str::len), Some(64));
    minted[0]["mint"].as_str().unwrap().to_owned()
}

fn deliver(installation: &Installation, (watchlist, table): (&Path, &Path), mint: &str, custodian: &str) -> PathBuf {
    let out = table.with_file_name(format!("for-{custodian}.csv"));
    let args = ["mint", "deliver", "--watchlist", path(watchlist), "--mint", mint, "--custodian", custodian];
    let delivered = installation.rows(&[&args[..], &["--in", path(table), "--out", path(&out)]].concat());
    let lines = std::fs::read_to_string(&out).unwrap().lines().count() as u64;
    assert_eq!(delivered[0]["rows"].as_u64(), Some(lines - 1));
    assert_eq!(delivered[0]["rows"].as_u64(), delivered[0]["canaries"].as_u64().map(|canaries| canaries + 400));
    out
}

#[test]
fn a_minted_copy_that_leaks_is_named() {
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let (watchlist, table) = bank(folder.path());
    let mint = plan(&installation, folder.path(), (&watchlist, &table), "60");
    let copies = ["H01", "H02", "H03"].map(|code| deliver(&installation, (&watchlist, &table), &mint, code));
    assert!(installation.run(&["watchlist", "validate", path(&watchlist)]).status.success());

    let rows = std::fs::read_to_string(&copies[1]).unwrap();
    let forum = Forum::serve(Content { threads: vec![vec![rows.lines().skip(1).collect::<Vec<_>>().join("<br />")]] });
    installation.run(&["crawl", "--once", "--watchlist", path(&watchlist), "--source", &forum.url()]);
    let case = installation.rows(&["case", "list"])[0]["id"].as_str().unwrap().to_owned();
    let report = &installation.rows(&["attribute", "--case", &case])[0];
    let accused: Vec<&str> =
        report["accused"].as_array().unwrap().iter().map(|accused| accused["code"].as_str().unwrap()).collect();
    assert_eq!(accused, ["H02"], "{report}");
}

#[test]
fn a_copy_holds_the_rows_in_their_order_and_its_own_canaries_where_they_belong() {
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let (watchlist, table) = bank(folder.path());
    let mint = plan(&installation, folder.path(), (&watchlist, &table), "40");
    let source = std::fs::read_to_string(&table).unwrap();
    let source: Vec<&str> = source.lines().collect();
    let mut emails = Vec::new();
    for custodian in ["H01", "H02"] {
        let copy = std::fs::read_to_string(deliver(&installation, (&watchlist, &table), &mint, custodian)).unwrap();
        let (planted, rows): (Vec<&str>, Vec<&str>) =
            copy.lines().partition(|row| row.contains("@mail.test-bank.example"));
        assert_eq!(rows, source, "the real rows are as they were");
        let keys: Vec<u64> = copy.lines().skip(1).map(|row| row.split(',').next().unwrap().parse().unwrap()).collect();
        assert!(keys.is_sorted(), "a canary stands out of order");
        emails.push(planted.iter().map(|row| row.split(',').nth(3).unwrap().to_owned()).collect::<BTreeSet<_>>());
        let suppressed = std::fs::read_to_string(format!(
            "{}.suppress.csv",
            folder.path().join(format!("for-{custodian}.csv")).display()
        ));
        assert_eq!(suppressed.unwrap().lines().count(), planted.len() + 1);
    }
    assert!(emails[0] != emails[1] && emails[0].intersection(&emails[1]).count() > 0);
    let deliveries = std::fs::read_to_string(watchlist.join("deliveries.csv")).unwrap();
    assert_eq!(deliveries.lines().count(), 3, "{deliveries}");
    let sealed = std::fs::read(watchlist.join("mints").join(format!("{mint}.mint"))).unwrap();
    assert!(!sealed.windows(16).any(|bytes| bytes == b"test-bank.exampl"), "the table is readable");
}

#[test]
fn nothing_is_written_when_a_mint_cannot_be() {
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let (watchlist, table) = bank(folder.path());
    let profile = folder.path().join("customers.toml");
    installation.rows(&["mint", "profile", "--in", path(&table), "--out", path(&profile)]);
    let args = ["mint", "plan", "--watchlist", path(&watchlist), "--dataset", "customers", "--profile", path(&profile)];
    let output = installation.run(&args);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("reserves no range for phone"));
    assert!(!watchlist.join("canaries.csv").exists() && !watchlist.join("mints").exists());
    assert_eq!(
        installation.run(&["mint", "profile", "--in", path(&table), "--out", path(&profile)]).status.code(),
        Some(2)
    );
}
