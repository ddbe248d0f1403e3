//! The register of custodians: terms, deliveries, notes, and what a leak of each copy would prove.

use std::path::Path;

use crate::world::program::Installation;
use crate::world::write_watchlist;

/// A watchlist with terms, deliveries, and a canary of its own for H01.
fn watchlist(folder: &Path) -> std::path::PathBuf {
    let watchlist = write_watchlist(folder, 30);
    let organization = watchlist.join("organization.toml");
    let text = std::fs::read_to_string(&organization).unwrap();
    let terms = "code = \"H01\"\nname = \"Hosting One\"\npurpose = \"hosting\"\nqualified_until = \"2026-06-30\"\n\
        contract_from = \"2025-01-01\"\ncontract_until = \"2030-01-01\"\nsub_processors = [\"Backup Vault Ltd\"]\n\
        retention = \"destroyed 90 days after the contract\"\nreviewed_at = \"2026-08-01\"\n\n\
        [[custodian]]\ncode = \"H02\"\nname = \"Hosting Two\"\n";
    std::fs::write(&organization, text.replace("code = \"H01\"\nname = \"Hosting One\"\n", terms)).unwrap();
    std::fs::write(
        watchlist.join("deliveries.csv"),
        "delivery,dataset,custodian,delivered_at,rows\nd1,customers,H01,2026-01-05,1000\nd2,customers,H02,2026-01-06,1000\n",
    )
    .unwrap();
    watchlist
}

#[test]
fn custodians_are_listed_with_what_they_hold_and_what_has_run_out() {
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let watchlist = watchlist(folder.path());
    let of = ["--watchlist", watchlist.to_str().unwrap(), "--on", "2026-09-01"];
    let rows = installation.rows(&[&["register", "list"][..], &of].concat());
    assert_eq!(rows[0]["engagement"]["sub_processors"], serde_json::json!(["Backup Vault Ltd"]));
    assert_eq!(rows[0]["overdue"], serde_json::json!(["qualification has lapsed"]));
    assert_eq!((rows[1]["held"].as_u64(), rows[1]["unacknowledged"].as_u64()), (Some(1), Some(1)));
    assert_eq!(rows[1]["overdue"], serde_json::json!(["no contract on record", "not reviewed for a year"]));

    let enrolled = installation.run(&["watchlist", "import", watchlist.to_str().unwrap()]);
    assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
    let shown = installation.rows(&["register", "show", "H01", "--on", "2026-09-01"]);
    assert_eq!(shown[0]["engagement"]["retention"], "destroyed 90 days after the contract");
    assert_eq!(shown[0]["delivered"][0]["id"], "d1");
    assert_eq!(installation.run(&["register", "show", "H09"]).status.code(), Some(2));
}

#[test]
fn what_is_noted_of_a_delivery_is_read_back_and_ends_the_exposure() {
    let (installation, folder) = (Installation::new(), tempfile::tempdir().unwrap());
    let watchlist = watchlist(folder.path());
    let of = ["--watchlist", watchlist.to_str().unwrap()];
    let noted = installation.rows(&[&["register", "acknowledged", "d1", "--at", "2026-01-07"][..], &of].concat());
    assert_eq!(noted[0]["noted"], "acknowledged");
    installation.rows(&[&["register", "destroyed", "d2", "--at", "2026-03-01"][..], &of].concat());
    for wrong in [&["register", "returned", "d9"][..], &["register", "returned", "d1", "--at", "2025-01-01"]] {
        assert_eq!(installation.run(&[wrong, &of].concat()).status.code(), Some(2), "{wrong:?}");
    }
    let table = std::fs::read_to_string(watchlist.join("deliveries.csv")).unwrap();
    assert!(table.contains("d1,customers,H01,2026-01-05,1000,2026-01-07,"), "{table}");
    let exposures = installation.rows(&[&["register", "exposure", "--on", "2026-09-01"][..], &of].concat());
    let held: Vec<&str> = exposures.iter().map(|one| one["custodian"].as_str().unwrap()).collect();
    assert_eq!(held, ["H01"], "H02 has destroyed its copy");
    assert_eq!(exposures[0]["unacknowledged"], 0);
    assert_eq!(exposures[0]["unique"], 30);
    let whole = exposures[0]["leaks"].as_array().unwrap().last().unwrap();
    assert_eq!(whole["named"], 1.0, "{}", exposures[0]);
    let output = installation.run(&[&["register", "exposure", "--format", "table"][..], &of].concat());
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("30 own") && table.contains("would be named"), "{table}");
}
