//! A new sealing key: everything is sealed anew, whatever instant the change is killed at, and nothing is lost.

use std::fs;
use std::time::{Duration, Instant};

use super::{cases, crawled, export, files_below};
use crate::world::program::Installation;

fn keys(installation: &Installation) -> Vec<String> {
    let text = fs::read_to_string(installation.data().join("dyepack.key")).unwrap();
    text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// What must be the same before and after.
fn outcome(installation: &Installation) -> Vec<serde_json::Value> {
    let mut rows = installation.rows(&["hit", "list"]);
    rows.extend(installation.rows(&["case", "list"]));
    rows.extend(installation.rows(&["watchlist", "list"]));
    let verified = installation.rows(&["evidence", "verify"]);
    assert!(verified.iter().all(|row| row["ok"] == true), "{verified:?}");
    rows.extend(verified);
    rows
}

#[test]
fn everything_is_sealed_anew_and_the_old_key_opens_nothing() {
    let installation = crawled();
    let before = outcome(&installation);
    let old = fs::read(installation.data().join("dyepack.key")).unwrap();
    let bodies: Vec<Vec<u8>> =
        files_below(&installation.data().join("evidence")).iter().map(|path| fs::read(path).unwrap()).collect();
    let rekeyed = installation.rows(&["evidence", "rekey"]).remove(0);
    assert!(
        rekeyed["values"].as_u64().unwrap() > 20 && rekeyed["bodies"].as_u64() == Some(bodies.len() as u64),
        "{rekeyed}"
    );
    assert_eq!(keys(&installation), ["dyepack-key-1", "dyepack-old-key-1", "dyepack-digest-key-1"]);
    assert_eq!(outcome(&installation), before);
    let after: Vec<Vec<u8>> =
        files_below(&installation.data().join("evidence")).iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(after.iter().all(|body| !bodies.contains(body)));
    installation.rows(&["evidence", "rekey", "--forget"]);
    assert_eq!(keys(&installation), ["dyepack-key-1", "dyepack-digest-key-1"]);
    assert_eq!(outcome(&installation), before);
    // Enrolling the same watchlists changes nothing: digests are those of before.
    let watchlists = installation.data().join("watchlists");
    let again = installation.rows(&["watchlist", "import", watchlists.to_str().unwrap()]);
    assert!(again.iter().all(|row| row["changes"]["added"] == serde_json::json!([])), "{again:?}");
    export(&installation, &cases(&installation)[0]);
    let new = fs::read(installation.data().join("dyepack.key")).unwrap();
    fs::write(installation.data().join("dyepack.key"), old).unwrap();
    assert_eq!(installation.run(&["case", "list"]).status.code(), Some(3), "the old key opens the store no more");
    fs::write(installation.data().join("dyepack.key"), new).unwrap();
    assert_eq!(outcome(&installation), before);
}

#[test]
fn a_change_of_keys_killed_at_any_instant_is_gone_on_with() {
    let installation = crawled();
    let before = outcome(&installation);
    let mut killed = 0;
    for round in 0_u64..40 {
        let mut child = installation.start(&["evidence", "rekey"]);
        let (begun, pause) = (Instant::now(), Duration::from_micros(1_500 * round));
        while begun.elapsed() < pause {
            std::hint::spin_loop();
        }
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever it had done, everything opens.
        if round % 8 == 7 {
            assert_eq!(outcome(&installation), before, "after {killed} kills");
        }
    }
    assert!(killed > 10, "{killed}");
    installation.rows(&["evidence", "rekey"]);
    assert!(!keys(&installation).contains(&"dyepack-rekey-unfinished".to_owned()));
    installation.rows(&["evidence", "rekey", "--forget"]);
    assert_eq!(outcome(&installation), before);
}

#[test]
fn a_damaged_value_stops_no_change_of_keys_and_is_told() {
    let installation = crawled();
    let body = files_below(&installation.data().join("evidence")).remove(0);
    let mut bytes = fs::read(&body).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&body, bytes).unwrap();
    let output = installation.run(&["evidence", "rekey", "--format", "json"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && said.contains(body.file_name().unwrap().to_str().unwrap()), "{said}");
    let forget = installation.run(&["evidence", "rekey", "--forget"]);
    assert_eq!(forget.status.code(), Some(2), "what does not open may need the old key");
}
