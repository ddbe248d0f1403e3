//! What tests share: a forum to crawl, the program as a child process, a watchlist to enrol.

pub(crate) mod forum;
pub(crate) mod program;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A canary's e-mail, card and phone, by number.
pub(crate) fn canary(number: usize) -> (String, String, String) {
    (
        format!("planted{number:03}@mail.example"),
        // Spread as if drawn at random: numbers that are counted up name no copy.
        format!("999912{:010}", (number + 1) * 2_654_435_761 % 10_000_000_000),
        format!("+1555{:07}", (number + 1) * 7_654_321 % 10_000_000),
    )
}

/// Writes a watchlist of `count` canaries, `c000` and on, into `folder/test-bank`.
pub(crate) fn write_watchlist(folder: &Path, count: usize) -> PathBuf {
    let watchlist = folder.join("test-bank");
    std::fs::create_dir_all(&watchlist).unwrap();
    std::fs::write(
        watchlist.join("organization.toml"),
        "id = \"test-bank\"\nname = \"Test Bank\"\n\n[[contact]]\naddress = \"soc@test-bank.example\"\nrole = \"security\"\n\n\
         [[custodian]]\ncode = \"H01\"\nname = \"Hosting One\"\n\n[[dataset]]\nid = \"customers\"\nrows = 1000\n\
         issuer_unique = [\"pan\"]\nuniversal = [\"phone\", \"email\"]\n",
    )
    .unwrap();
    let mut csv = "canary,dataset,holders,planted_at,retired_at,name,phone,email,pan\n".to_owned();
    for number in 0..count {
        let (email, pan, phone) = canary(number);
        let _ = writeln!(csv, "c{number:03},customers,H01,2026-01-05,,Planted Person {number},{phone},{email},{pan}");
    }
    std::fs::write(watchlist.join("canaries.csv"), csv).unwrap();
    watchlist
}
