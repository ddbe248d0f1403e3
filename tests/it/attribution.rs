//! Whose copy leaked, from the crawl to the report: `attribute`, `attribute verify`, `case show`.

use crate::world::forum::{Content, Forum};
use crate::world::program::Installation;
use crate::world::{canary, write_watchlist};

/// Crawls a forum that offers these canaries of [`write_watchlist`]; returns the installation, the folder of the
/// watchlist and the case.
fn leaked(canaries: &[usize]) -> (Installation, tempfile::TempDir, std::path::PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let watchlist = write_watchlist(folder.path(), 6);
    let organization = watchlist.join("organization.toml");
    let text = std::fs::read_to_string(&organization).unwrap();
    std::fs::write(&organization, format!("{text}\n[[custodian]]\ncode = \"H02\"\nname = \"Hosting Two\"\n")).unwrap();
    let canaries_file = watchlist.join("canaries.csv");
    let text = std::fs::read_to_string(&canaries_file).unwrap();
    std::fs::write(&canaries_file, text.replace("c005,customers,H01", "c005,customers,H01|H02")).unwrap();
    let rows = canaries.iter().map(|number| {
        let (email, pan, phone) = canary(*number);
        format!("Planted Person {number};{pan};{phone};{email}")
    });
    let forum = Forum::serve(Content { threads: vec![vec![rows.collect::<Vec<_>>().join("<br />")]] });
    let installation = Installation::new();
    let url = forum.url();
    let output = installation.run(&["crawl", "--once", "--watchlist", watchlist.to_str().unwrap(), "--source", &url]);
    assert!(output.status.code().is_some_and(|code| code <= 1), "{}", String::from_utf8_lossy(&output.stderr));
    let case = installation.rows(&["case", "list"])[0]["id"].as_str().unwrap().to_owned();
    (installation, folder, watchlist, case)
}

#[test]
fn a_leak_of_one_copy_is_named_in_every_layout_and_verified_by_a_third_party() {
    let (installation, folder, watchlist, case) = leaked(&[0, 1, 2]);
    let output = installation.run(&["attribute", "--case", &case, "--format", "json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["verdict"], "copy_named", "{report}");
    assert_eq!(report["accused"][0]["code"], "H01");
    assert_eq!(report["hits"].as_array().unwrap().len(), 3);
    for key in ["lr_ours", "posterior", "window", "assumptions", "build"] {
        assert!(!report[key].is_null(), "{key} in {report}");
    }
    let page = folder.path().join("report.html");
    let output =
        installation.run(&["attribute", "--case", &case, "--format", "table", "--html", page.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    let page = std::fs::read_to_string(page).unwrap();
    let shown = String::from_utf8(installation.run(&["case", "show", &case, "--format", "table"]).stdout).unwrap();
    for (laid_out, words) in
        [(&said, "onsistent with the copy"), (&page, "onsistent with the copy"), (&shown, "whose copy")]
    {
        assert!(laid_out.contains(words) && laid_out.contains("H01"), "{laid_out}");
        assert!(
            !laid_out.contains("Hosting One") && !laid_out.contains(&canary(0).1),
            "a name or a value in {laid_out}"
        );
    }

    let kept = folder.path().join("report.json");
    std::fs::write(&kept, &text).unwrap();
    let third_party = Installation::new();
    let args = ["attribute", "verify", kept.to_str().unwrap(), "--watchlist", watchlist.to_str().unwrap()];
    assert_eq!(third_party.rows(&args)[0]["verified"], true);
    std::fs::write(&kept, text.replace("\"accused\":[{\"code\":\"H01\"", "\"accused\":[{\"code\":\"H02\"")).unwrap();
    assert_eq!(third_party.run(&args).status.code(), Some(1));
    std::fs::write(&kept, &text).unwrap();
    let canaries = watchlist.join("canaries.csv");
    let changed = std::fs::read_to_string(&canaries).unwrap().replace("c003,customers,H01", "c003,customers,H02");
    std::fs::write(&canaries, changed).unwrap();
    let output = third_party.run(&[&args[..], &["--format", "json"]].concat());
    assert!(String::from_utf8(output.stdout).unwrap().contains("not the one it was computed from"));
}

#[test]
fn a_canary_of_two_copies_names_neither() {
    let (installation, _folder, _watchlist, case) = leaked(&[5]);
    let report = &installation.rows(&["attribute", "--case", &case])[0];
    assert_eq!(report["verdict"], "cannot_tell", "{report}");
    assert_eq!(report["accused"].as_array().unwrap().len(), 0);
}

#[test]
fn wrong_use_is_told_apart_from_a_broken_environment() {
    let installation = Installation::new();
    for args in [
        &["attribute"][..],
        &["attribute", "--case", "C-00000000"],
        &["attribute", "--case", "C-00000000", "--epsilon", "2"],
        &["attribute", "verify", "nowhere.json", "--watchlist", "."],
    ] {
        assert_eq!(installation.run(args).status.code(), Some(2), "{args:?}");
    }
}
