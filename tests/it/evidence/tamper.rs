//! Tamper drills: any single byte of any stored file, row or export is changed, and the change is found.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use dyepack::ports::evidence::Evidence;
use dyepack::ports::seal::Seal;
use dyepack::ports::store::Store;
use dyepack::services::evidence::{Known, verify};
use rusqlite::types::Value;

use super::authority::Authority;
use super::{cases, check, crawled, export, files_below};
use crate::world::program::{Installation, python};

/// Changes of stored bodies, of rows, and of files of exports: ten thousand and more in all.
const BODY_ROUNDS: usize = 5_000;
const ROW_ROUNDS: usize = 2_500;
const EXPORT_ROUNDS: usize = 1_500;

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

/// The demo's forum, crawled; the day's head signed and stamped.
fn certified() -> (Installation, Authority) {
    let (installation, authority) = (crawled(), Authority::start());
    fs::write(
        installation.data().join("dyepack.toml"),
        format!("[evidence]\ntimestamp_url = \"{}\"\n", authority.url("/")),
    )
    .unwrap();
    let head = installation.rows(&["evidence", "head", "--sign"]).remove(0);
    assert!(head["stamped_at"].is_string(), "{head}");
    (installation, authority)
}

#[test]
fn any_changed_byte_of_five_thousand_in_captured_files_is_found() {
    let installation = crawled();
    let seal = Seal::load_or_create(&installation.data().join("dyepack.key")).unwrap();
    let evidence = Evidence::new(&installation.data(), seal);
    let files: Vec<(PathBuf, Vec<u8>)> = files_below(&installation.data().join("evidence"))
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    let mut dice = Dice(11);
    for round in 0..BODY_ROUNDS {
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

/// Two exports, each changed so often: a case, and the proof of a planted record.
#[test]
fn any_changed_byte_of_three_thousand_in_exports_is_found_by_their_own_checker() {
    let (installation, _authority) = certified();
    let case = export(&installation, &cases(&installation)[0]);
    let proof = installation.data().join("proof");
    let organization = "example-bank";
    let canary =
        installation.rows(&["hit", "list"]).into_iter().find(|hit| hit["organization"] == organization).unwrap();
    let canary = canary["entry"].as_str().unwrap().to_owned();
    let proving = ["evidence", "prove", "--organization", organization, "--canary", &canary, "--out"];
    installation.rows(&[&proving[..], &[proof.to_str().unwrap()]].concat());
    for (folder, seed) in [(&case, "17"), (&proof, "19")] {
        assert!(check(folder).status.success());
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/servers/tamper.py");
        let rounds = EXPORT_ROUNDS.to_string();
        let drill = Command::new(python()).arg(script).arg(folder).args([&rounds, seed]).output().unwrap();
        let said = String::from_utf8_lossy(&drill.stdout).into_owned() + &String::from_utf8_lossy(&drill.stderr);
        assert!(drill.status.success() && said.contains("0 missed"), "{said}");
    }
}

/// Tables and columns that evidence stands on.
const COVERED: [(&str, &[&str]); 7] = [
    ("ledger", &["number", "at", "kind", "organization", "subject", "digest", "entry_hash", "hash"]),
    ("capture", &["id", "sealed_document"]),
    ("capture_hit", &["hit", "document"]),
    (
        "case_move",
        &["at", "organization", "leak_case", "from_state", "to_state", "who", "why", "previous_hash", "hash"],
    ),
    ("alert", &["sealed_frozen"]),
    ("ledger_head", &["day", "number", "document", "signature", "public_key", "stamp", "stamped_at", "signed_at"]),
    ("canary_leaf", &["organization", "commitment", "place", "canary", "leaf", "sealed_opening"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_change_of_the_rows_is_found() {
    let (installation, _authority) = certified();
    let database = installation.data().join("dyepack.db");
    let seal = Seal::load_or_create(&installation.data().join("dyepack.key")).unwrap();
    let store = Store::open(&format!("sqlite:{}", database.display()), seal.clone()).await.unwrap();
    let evidence = Evidence::new(&installation.data(), seal);
    let known = Known::default();
    let whole = verify(&store, &evidence, &known).await.unwrap();
    assert!(whole.problems.is_empty() && whole.mails > 0 && whole.hits > 3 && whole.moves > 0, "{whole:?}");
    assert!(whole.heads == 1 && whole.stamps == 1 && whole.commitments == 2, "{whole:?}");
    let tables = rusqlite::Connection::open(&database).unwrap();
    tables.pragma_update(None, "foreign_keys", false).unwrap();
    let (mut dice, mut changes) = (Dice(13), 0);
    while changes < ROW_ROUNDS {
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
        let checked = verify(&store, &evidence, &known).await;
        let is_found = checked.as_ref().map_or(true, |checked| !checked.problems.is_empty());
        assert!(is_found, "{table}.{column} of row {key} was changed unseen");
        tables.execute(&update, [before]).unwrap();
        changes += 1;
    }
    // Rows taken away, the first and the last.
    for table in ["ledger", "capture", "capture_hit", "case_move", "ledger_head", "canary_leaf"] {
        let keys = row_ids(&tables, table);
        for key in [keys[0], keys[keys.len() - 1]] {
            let here = format!("FROM {table} WHERE rowid = {key}");
            tables.execute_batch(&format!("CREATE TEMP TABLE kept AS SELECT * {here}; DELETE {here};")).unwrap();
            let checked = verify(&store, &evidence, &known).await.unwrap();
            assert!(!checked.problems.is_empty(), "row {key} of {table} was taken away unseen");
            tables.execute_batch(&format!("INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept;")).unwrap();
        }
    }
    assert_eq!(verify(&store, &evidence, &known).await.unwrap(), whole);
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
