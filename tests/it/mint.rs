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
    assert!(!text.contains("Jo Wren") && !text.contains("u7@"), "a row in the profile: {text}");
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

/// A table whose cards pass their check, with columns that can be rendered in two ways; its key and its fingerprints.
fn marked_bank(installation: &Installation, folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let (watchlist, table) = bank(folder);
    let mut rows = String::from("id,name,phone,email,card_no,opened,balance\n");
    for row in 0..600_u64 {
        let (body, day, cents) = (format!("99991300000{row:04}"), row % 28 + 1, row % 9 + 1);
        let card = (0..10).map(|last| format!("{body}{last}")).find(|card| luhn(card)).unwrap();
        let (id, phone, balance) = (5000 + row * 997, 1_000_000 + row * 7919, row * 13);
        writeln!(rows, "{id},Jo Wren,+1 555 {phone},u{row}@post.example,{card},2024-05-{day:02},{balance}.{cents}")
            .unwrap();
    }
    std::fs::write(&table, rows).unwrap();
    let initialised = installation.run(&["init", "--organization", "test-bank"]);
    assert!(initialised.status.success(), "{}", String::from_utf8_lossy(&initialised.stderr));
    let key = installation.data().join("keys/test-bank-1.key");
    let prints = watchlist.join("fingerprints");
    std::fs::create_dir_all(&prints).unwrap();
    let args =
        ["fingerprint", "--organization", "test-bank", "--kind", "pan", "--key", path(&key), "--in", path(&table)];
    installation.rows(&[&args[..], &["--column", "card_no", "--out", path(&prints.join("pan-1.dpf"))]].concat());
    (watchlist, table, key)
}

fn luhn(card: &str) -> bool {
    let sum: u32 = card
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let value = u32::from(digit - b'0') * if at % 2 == 1 { 2 } else { 1 };
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Delivers a drawn, rendered share to each of three custodians, before the day of the forum's posts: what is delivered
/// later cannot have leaked there.
fn deliver_marked(
    installation: &Installation,
    (watchlist, table, key): (&Path, &Path, &Path),
    mint: &str,
) -> Vec<PathBuf> {
    ["H01", "H02", "H03"]
        .map(|code| {
            let out = table.with_file_name(format!("for-{code}.csv"));
            let args = ["mint", "deliver", "--watchlist", path(watchlist), "--mint", mint, "--custodian", code];
            let day = ["--delivered-at", "2026-01-05"];
            let marks = ["--key", path(key), "--by", "card_no", "--share", "0.5", "--renderings", "date,zero,case"];
            let delivered =
                installation.rows(&[&args[..], &day, &marks, &["--in", path(table), "--out", path(&out)]].concat());
            assert!(delivered[0]["rendered"].as_u64().unwrap() > 150, "{}", delivered[0]);
            out
        })
        .to_vec()
}

#[test]
fn sixty_real_rows_of_a_marked_copy_name_it_without_any_canary() {
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let (watchlist, table, key) = marked_bank(&installation, folder.path());
    let mint = plan(&installation, folder.path(), (&watchlist, &table), "20");
    let copies = deliver_marked(&installation, (&watchlist, &table, &key), &mint);
    let deliveries = std::fs::read_to_string(watchlist.join("deliveries.csv")).unwrap();
    assert!(deliveries.contains(",0.5,pan-1:"), "{deliveries}");
    let texts: Vec<String> = copies.iter().map(|copy| std::fs::read_to_string(copy).unwrap()).collect();
    assert!(texts.iter().all(|copy| (200..420).contains(&copy.lines().count())), "about half of the rows each");
    assert!(texts[0].contains(",2024/5/") && texts[0].contains(",2024-05-"), "some rows are rendered otherwise");

    let leak: Vec<&str> =
        texts[2].lines().skip(1).filter(|row| row.contains("post.example")).step_by(3).take(60).collect();
    let forum = Forum::serve(Content { threads: vec![vec![leak.join("<br />")]] });
    installation.run(&["crawl", "--once", "--watchlist", path(&watchlist), "--source", &forum.url()]);
    let cases = installation.rows(&["case", "list"]);
    assert_eq!(cases[0]["copy"]["accused"], serde_json::json!(["H03"]), "{}", cases[0]);
    let case = cases[0]["id"].as_str().unwrap().to_owned();
    let output = installation.run(&["attribute", "--case", &case, "--format", "json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["accused"][0]["code"], "H03", "{report}");
    assert_eq!(report["hits"].as_array().unwrap().len(), 0, "no canary was among the rows");
    assert!(report["records"]["rendered"].as_u64().unwrap() > 50, "{}", report["records"]);
    let kept = folder.path().join("report.json");
    std::fs::write(&kept, &text).unwrap();
    let verified = Installation::new().rows(&["attribute", "verify", path(&kept), "--watchlist", path(&watchlist)]);
    assert_eq!(verified[0]["verified"], true, "{}", verified[0]);
}

#[test]
fn files_of_deliveries_tell_the_posterior_whose_rows_they_are_and_accuse_nobody() {
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let (watchlist, table, key) = marked_bank(&installation, folder.path());
    std::fs::write(
        watchlist.join("canaries.csv"),
        "canary,dataset,holders,planted_at,retired_at,email\nc1,customers,H01,2025-01-01,,planted1@mail.test-bank.example\n",
    )
    .unwrap();
    std::fs::write(
        watchlist.join("deliveries.csv"),
        "delivery,dataset,custodian,delivered_at,rows\nd1,customers,H01,2026-01-05,300\nd2,customers,H02,2026-01-05,300\n",
    )
    .unwrap();
    let source = std::fs::read_to_string(&table).unwrap();
    let with_holders: Vec<String> = source
        .lines()
        .enumerate()
        .map(|(at, row)| {
            let holders = ["copies", "H01|H02", "H02", "H01"][if at == 0 { 0 } else { 1 + at % 3 }];
            format!("{row},{holders}")
        })
        .collect();
    let listed = folder.path().join("holders.csv");
    std::fs::write(&listed, with_holders.join("\n")).unwrap();
    let args =
        ["fingerprint", "--organization", "test-bank", "--kind", "pan", "--key", path(&key), "--column", "card_no"];
    let rest = [
        "--in",
        path(&listed),
        "--holders-column",
        "copies",
        "--watchlist",
        path(&watchlist),
        "--dataset",
        "customers",
    ];
    let made = installation.rows(&[&args[..], &rest].concat());
    assert_eq!(made.iter().map(|row| row["fingerprints"].as_u64().unwrap()).collect::<Vec<_>>(), [400, 400]);
    assert!(watchlist.join("fingerprints/d2/pan-1.dpf").exists());

    // Rows that H02 received: every other of them went to H01, too.
    let leak: Vec<&str> = with_holders[1..]
        .iter()
        .filter(|row| row.contains("H02"))
        .take(60)
        .map(|row| row.rsplit_once(',').unwrap().0)
        .collect();
    let forum = Forum::serve(Content { threads: vec![vec![leak.join("<br />")]] });
    installation.run(&["crawl", "--once", "--watchlist", path(&watchlist), "--source", &forum.url()]);
    let case = installation.rows(&["case", "list"])[0]["id"].as_str().unwrap().to_owned();
    let report = &installation.rows(&["attribute", "--case", &case])[0];
    assert_eq!(report["verdict"], "cannot_tell", "{report}");
    assert_eq!(report["posterior"][0]["copies"], serde_json::json!(["H02"]), "{report}");
    assert_eq!(report["findings"]["filed"].as_array().unwrap().len(), 2);
}

#[test]
fn canaries_have_no_value_of_a_customer_and_their_root_is_in_the_audit_log() {
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let (watchlist, table, key) = marked_bank(&installation, folder.path());
    let mint = plan(&installation, folder.path(), (&watchlist, &table), "20");
    let shown = installation.rows(&["register", "show", "H01", "--watchlist", path(&watchlist)]);
    let why = shown[0]["commitments"][0]["why"].as_str().unwrap().to_owned();
    let root = std::fs::read_to_string(watchlist.join("mints").join(format!("{mint}.root"))).unwrap();
    assert_eq!(why, format!("mint {mint}, root {}", root.trim()));
    let profile = folder.path().join("customers.toml");
    let args = ["mint", "plan", "--watchlist", path(&watchlist), "--dataset", "customers", "--profile", path(&profile)];
    let prints = watchlist.join("fingerprints");
    // One in sixteen values of this range is a customer's.
    let text = std::fs::read_to_string(&profile).unwrap();
    std::fs::write(&profile, text.replace("999912##########", "99991300000#####")).unwrap();
    let checks = ["--fingerprints", path(&prints), "--key", path(&key), "--shared", "300", "--unique", "1"];
    let minted = installation.rows(&[&args[..], &checks].concat());
    assert_eq!(minted[0]["canaries"], 303);
    let canaries = std::fs::read_to_string(watchlist.join("canaries.csv")).unwrap();
    let customers = std::fs::read_to_string(&table).unwrap();
    let cards: BTreeSet<&str> = customers.lines().skip(1).filter_map(|row| row.split(',').nth(4)).collect();
    let planted: Vec<&str> = canaries.lines().filter(|line| line.contains("9999130")).collect();
    assert_eq!(planted.len(), 303);
    for line in planted {
        assert!(cards.iter().all(|card| !line.contains(card)), "{line}");
    }
}

/// `9999130000000018` as sellers of samples show it.
fn masked(value: &str, first: usize) -> String {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let hidden = "*".repeat(digits.len() - first - 4);
    format!("{}{hidden}{}", digits.get(..first).unwrap(), digits.get(digits.len() - 4..).unwrap())
}

#[test]
fn sixty_rows_with_two_masked_fields_name_a_copy_that_was_drawn_by_both() {
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let (watchlist, table, key) = marked_bank(&installation, folder.path());
    let text = std::fs::read_to_string(&table).unwrap().replace(",+1 555 ", ",+86 1389");
    std::fs::write(&table, text).unwrap();
    let args = ["fingerprint", "--organization", "test-bank", "--kind", "pan6l4-ph3l4", "--key", path(&key)];
    let out = watchlist.join("fingerprints/pairs-1.dpf");
    let from = ["--in", path(&table), "--column", "card_no,phone", "--out", path(&out)];
    assert_eq!(installation.rows(&[&args[..], &from].concat())[0]["fingerprints"], 600);
    let mint = plan(&installation, folder.path(), (&watchlist, &table), "20");
    let copies = ["H01", "H02", "H03"].map(|code| {
        let out = table.with_file_name(format!("pairs-{code}.csv"));
        let args = ["mint", "deliver", "--watchlist", path(&watchlist), "--mint", &mint, "--custodian", code];
        let marks = ["--key", path(&key), "--by", "card_no,phone", "--share", "0.5", "--delivered-at", "2026-01-05"];
        installation.rows(&[&args[..], &marks, &["--in", path(&table), "--out", path(&out)]].concat());
        std::fs::read_to_string(out).unwrap()
    });
    let deliveries = std::fs::read_to_string(watchlist.join("deliveries.csv")).unwrap();
    assert!(deliveries.contains(",0.5,pan6l4-ph3l4-1:"), "{deliveries}");
    let rows = copies[1].lines().skip(1).filter(|row| row.contains("post.example")).step_by(3).take(60);
    let sample: Vec<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            let phone = cells[2].replace("+86", "");
            format!("{};{};{}", cells[1], masked(&phone, 3), masked(cells[4], 6))
        })
        .collect();
    let forum = Forum::serve(Content { threads: vec![vec![sample.join("<br />")]] });
    installation.run(&["crawl", "--once", "--watchlist", path(&watchlist), "--source", &forum.url()]);
    let cases = installation.rows(&["case", "list"]);
    assert_eq!(cases[0]["copy"]["accused"], serde_json::json!(["H02"]), "{}", cases[0]);
}
