//! Enrolling from disk: what a folder may hold, how a bad one is refused, and that the examples are sound.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dyepack::domain::watchlist::Watchlist;
use dyepack::ports::seal::Seal;
use dyepack::ports::store::Store;
use dyepack::services::intake::{self, Confirmation};
use jiff::Timestamp;

const ORGANIZATION: &str =
    "id = \"example-bank\"\nname = \"Example Bank\"\n[[contact]]\naddress = \"soc@example-bank.example\"\n";
const CANARIES: &str = "canary,dataset,holders,planted_at,retired_at,email\nc1,,OWNER,2026-01-31,,jo@post.example\n";

struct Folder {
    _root: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("example-bank");
        fs::create_dir(&path).unwrap();
        let folder = Self { _root: root, path };
        folder.write("organization.toml", ORGANIZATION);
        folder.write("canaries.csv", CANARIES);
        folder
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn refusal(&self) -> String {
        intake::load(&self.path).unwrap_err().to_string()
    }
}

fn example(name: &str) -> Watchlist {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists").join(name);
    let inspection = intake::inspect(&folder);
    assert!(inspection.problems.is_empty(), "{}", inspection.problems);
    inspection.watchlist.unwrap()
}

#[test]
fn the_example_watchlists_are_sound() {
    let bank = example("example-bank");
    assert_eq!((bank.canaries.len(), bank.organization.custodians.len(), bank.organization.datasets.len()), (40, 4, 2));
    assert_eq!(bank.deliveries.len(), 8);
    let insurer = example("example-insurer");
    assert_eq!((insurer.canaries.len(), insurer.deliveries.len()), (25, 5));
    for watchlist in [&bank, &insurer] {
        assert!(watchlist.canaries.iter().any(|canary| canary.holders.len() == 1));
        assert!(watchlist.canaries.iter().any(|canary| canary.holders.len() > 1));
        for canary in &watchlist.canaries {
            let ends_in_example = |value: &str| value.ends_with(".example");
            assert!(canary.fields.get("email").is_none_or(ends_in_example), "{} may reach somebody", canary.id);
            let is_unissued = |value: &str| ["9999", "9990", "0000"].iter().any(|range| value.starts_with(range));
            assert!(canary.fields.get("pan").is_none_or(is_unissued), "{} may be somebody's card", canary.id);
        }
    }
}

#[test]
fn every_canary_of_the_example_bank_was_delivered_to_its_holders_by_some_delivery() {
    let bank = example("example-bank");
    for canary in &bank.canaries {
        for holder in canary.holders.iter().filter(|holder| holder.as_str() != "OWNER") {
            let was_delivered = bank
                .deliveries
                .iter()
                .any(|delivery| delivery.dataset == canary.dataset && delivery.custodian == *holder);
            assert!(was_delivered, "{} is held by {holder}, who never got {}", canary.id, canary.dataset);
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let folder = Folder::new();
    fs::remove_file(folder.path.join("canaries.csv")).unwrap();
    assert!(folder.refusal().contains("canaries.csv: is missing"), "{}", folder.refusal());
    fs::remove_file(folder.path.join("organization.toml")).unwrap();
    assert!(folder.refusal().contains("organization.toml: is missing"), "{}", folder.refusal());
    assert!(intake::load(&folder.path.join("nowhere")).unwrap_err().to_string().contains("does not exist"));
    assert!(intake::load(&folder.path.join("canaries.csv")).is_err());
}

#[test]
fn a_folder_of_another_name_than_the_id_is_refused() {
    let folder = Folder::new();
    let other = folder.path.with_file_name("other-bank");
    fs::rename(&folder.path, &other).unwrap();
    let refusal = intake::load(&other).unwrap_err().to_string();
    assert!(
        refusal.contains("organization.toml:1:6: id: is \"example-bank\" in a folder called \"other-bank\""),
        "{refusal}"
    );
}

#[test]
fn a_file_over_the_limit_is_refused_without_being_read() {
    let folder = Folder::new();
    let table = fs::OpenOptions::new().write(true).open(folder.path.join("canaries.csv")).unwrap();
    table.set_len(800 * 1024 * 1024).unwrap();
    let started = std::time::Instant::now();
    assert!(folder.refusal().contains("canaries.csv: is larger than 512 MB"), "{}", folder.refusal());
    assert!(started.elapsed().as_millis() < 1000, "800 MB took {:?}", started.elapsed());
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_opened() {
    let folder = Folder::new();
    let table = folder.path.join("canaries.csv");
    fs::rename(&table, folder.path.join("elsewhere.csv")).unwrap();
    std::os::unix::fs::symlink(folder.path.join("elsewhere.csv"), &table).unwrap();
    assert!(folder.refusal().contains("canaries.csv: is a symbolic link"), "{}", folder.refusal());
    fs::remove_file(&table).unwrap();
    fs::create_dir(&table).unwrap();
    assert!(folder.refusal().contains("canaries.csv: is a folder"), "{}", folder.refusal());
    fs::remove_dir(&table).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(&table).unwrap();
    assert!(folder.refusal().contains("canaries.csv: is a device, pipe or socket"), "{}", folder.refusal());
}

#[test]
fn a_private_key_in_the_place_of_a_public_one_is_refused() {
    let folder = Folder::new();
    folder.write("organization.toml", format!("{ORGANIZATION}openpgp = \"keys/soc.asc\"\n"));
    assert!(folder.refusal().contains("keys/soc.asc: is missing"), "{}", folder.refusal());
    folder.write("keys/soc.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----");
    assert!(folder.refusal().contains("holds a private key"), "{}", folder.refusal());
    folder.write("keys/soc.asc", "ssh-rsa");
    assert!(folder.refusal().contains("is not an armored OpenPGP public key"), "{}", folder.refusal());
    folder.write("keys/soc.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----");
    assert!(folder.refusal().contains("is not an armored OpenPGP public key"), "{}", folder.refusal());
}

#[test]
fn a_file_that_holds_no_fingerprints_is_refused() {
    let folder = Folder::new();
    folder.write("fingerprints/pan.dpf", "x");
    let inspection = intake::inspect(&folder.path);
    assert!(inspection.watchlist.is_none());
    let reason = "pan.dpf: is not a file of fingerprints; make it with: dyepack fingerprint";
    assert!(inspection.problems.to_string().contains(reason), "{}", inspection.problems);
}

#[test]
fn a_path_means_one_watchlist_or_a_folder_of_them() {
    let folder = Folder::new();
    assert_eq!(intake::folders(&folder.path).unwrap(), std::slice::from_ref(&folder.path));
    let root = folder.path.parent().unwrap();
    fs::create_dir(root.join(".git")).unwrap();
    fs::write(root.join("README.md"), "").unwrap();
    assert_eq!(intake::folders(root).unwrap(), std::slice::from_ref(&folder.path));
    assert!(intake::folders(&root.join(".git")).unwrap_err().to_string().contains("holds no watchlist"));
    assert!(intake::folders(&root.join("nowhere")).unwrap_err().to_string().contains("does not exist"));
}

#[test]
fn the_worked_example_of_the_readme_is_sound() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists/README.md")).unwrap();
    let block = |start: &str| {
        let from = readme.split_once(start).unwrap_or_else(|| panic!("no block {start:?}")).1;
        format!("{}{}", start.split_once('\n').unwrap().1, from.split_once("```").unwrap().0)
    };
    let folder = Folder::new();
    folder.write("organization.toml", block("```toml\nid = "));
    folder.write("canaries.csv", block("```csv\ncanary,"));
    folder.write("deliveries.csv", block("```csv\ndelivery,"));
    let path = folder.path.with_file_name("acme-bank");
    fs::rename(&folder.path, &path).unwrap();
    let inspection = intake::inspect(&path);
    assert!(inspection.problems.is_empty(), "{}", inspection.problems);
    assert_eq!(inspection.watchlist.unwrap().canaries.len(), 3);
}

/// What a run of the program left: exit code, standard output, standard error.
struct Run {
    code: i32,
    out: String,
    err: String,
}

fn dyepack(data: &Path, args: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_dyepack"))
        .arg("--data")
        .arg(data)
        .args(args)
        .env_remove("DYEPACK_CONFIG")
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn validate_prints_one_line_a_watchlist_and_its_exit_code_tells() {
    let data = tempfile::tempdir().unwrap();
    let examples = format!("{}/watchlists", env!("CARGO_MANIFEST_DIR"));
    let run = dyepack(data.path(), &["watchlist", "validate", &examples]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        run.out,
        "{\"organization\":\"example-bank\",\"canaries\":40,\"fingerprints\":0,\"anchors\":6}\n\
         {\"organization\":\"example-insurer\",\"canaries\":25,\"fingerprints\":0,\"anchors\":4}\n"
    );
    let run = dyepack(data.path(), &["watchlist", "validate", "--format", "table", &examples]);
    assert!(run.out.contains("示例人寿保险"), "{}", run.out);

    let folder = Folder::new();
    folder.write("canaries.csv", format!("{CANARIES}c1,,OWNER,2026-02-30,,jo2@post.example\n"));
    let path = folder.path.to_str().unwrap();
    let run = dyepack(data.path(), &["watchlist", "validate", path]);
    assert_eq!(run.code, 1, "{}", run.err);
    let rows: Vec<serde_json::Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows[0]["line"].as_u64(), rows[0]["name"].as_str()), (Some(3), Some("canary")));
    assert_eq!((rows[1]["line"].as_u64(), rows[1]["column"].as_u64()), (Some(3), Some(11)));
    assert!(run.err.contains("canaries.csv:3:11: planted_at: \"2026-02-30\" is not in the calendar"), "{}", run.err);
    let run = dyepack(data.path(), &["watchlist", "validate", "--format", "table", path]);
    assert!(run.out.contains("canaries.csv:3:11: planted_at"), "{}", run.out);

    for wrong in [vec!["watchlist"], vec!["watchlist", "validate"], vec!["watchlist", "validate", "/nowhere/at/all"]] {
        assert_eq!(dyepack(data.path(), &wrong).code, 2, "{wrong:?}");
    }
}

async fn store(folder: &Path) -> Store {
    Store::open(&format!("sqlite:{}", folder.join("dyepack.db").display()), Seal::from_key(&[7; 32])).await.unwrap()
}

fn noon() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn importing_twice_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let store = store(data.path()).await;
    let bank = example("example-bank");
    let report = intake::import(&store, &bank, Confirmation::Operator, noon()).await.unwrap();
    assert!(report.is_new && report.changes.added.len() == 40);
    assert_eq!(report.confirmed, ["soc@example-bank.example", "privacy@example-bank.example"]);
    let revision = store.watchlist_revision().await.unwrap();
    let report = intake::import(&store, &bank, Confirmation::Operator, noon()).await.unwrap();
    assert!(report.is_empty(), "{report:?}");
    assert_eq!(store.watchlist_revision().await.unwrap(), revision);
    assert_eq!(store.watchlist(&bank.organization.id).await.unwrap(), Some(bank));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_list_updates_its_organization_and_no_other() {
    let data = tempfile::tempdir().unwrap();
    let store = store(data.path()).await;
    let (bank, insurer) = (example("example-bank"), example("example-insurer"));
    for watchlist in [&bank, &insurer] {
        intake::import(&store, watchlist, Confirmation::Operator, noon()).await.unwrap();
    }
    let mut edited = bank.clone();
    let mut moved = edited.canaries.remove(0);
    edited.canaries[0].fields.insert("name", "Perrin Oakmantle-Rye");
    edited.canaries[1].retired_at = Some("2026-11-20".parse().unwrap());
    moved.id = "eb-900".to_owned();
    edited.canaries.push(moved);
    edited.organization.name = "Example Bank AG".to_owned();
    edited.organization.contacts.remove(1);
    let report = intake::import(&store, &edited, Confirmation::Operator, noon()).await.unwrap();
    let changes = &report.changes;
    assert!(!report.is_new && report.confirmed.is_empty());
    assert_eq!(
        (changes.added.as_slice(), changes.removed.as_slice()),
        (&["eb-900".to_owned()][..], &["eb-001".to_owned()][..])
    );
    assert_eq!(
        (changes.changed.as_slice(), changes.retired.as_slice()),
        (&["eb-002".to_owned()][..], &["eb-003".to_owned()][..])
    );
    assert_eq!(changes.other, ["name changed", "contact privacy@example-bank.example removed"]);
    assert_eq!(store.watchlist(&bank.organization.id).await.unwrap(), Some(edited));
    assert_eq!(store.watchlist(&insurer.organization.id).await.unwrap(), Some(insurer));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_awaits_confirmation_leaves_new_contacts_unmailed() {
    let data = tempfile::tempdir().unwrap();
    let store = store(data.path()).await;
    let bank = example("example-bank");
    let report = intake::import(&store, &bank, Confirmation::Awaited, noon()).await.unwrap();
    assert_eq!(report.awaited.len(), 2);
    assert!(store.confirmed_contacts(&bank.organization.id).await.unwrap().is_empty());
    let report = intake::import(&store, &bank, Confirmation::Operator, noon()).await.unwrap();
    assert!(report.changes.is_empty() && report.confirmed.len() == 2);
    let report = intake::import(&store, &bank, Confirmation::Awaited, noon()).await.unwrap();
    assert!(report.is_empty() && report.awaited.is_empty(), "what was confirmed stays so");
}

#[test]
fn import_takes_all_or_nothing_and_says_what_changed() {
    let data = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists");
    for organization in ["example-bank", "example-insurer"] {
        fs::create_dir(root.path().join(organization)).unwrap();
        for file in ["organization.toml", "canaries.csv", "deliveries.csv"] {
            fs::copy(examples.join(organization).join(file), root.path().join(organization).join(file)).unwrap();
        }
    }
    let import =
        |more: &[&str]| dyepack(data.path(), &[&["watchlist", "import", root.path().to_str().unwrap()], more].concat());
    let list = || dyepack(data.path(), &["watchlist", "list"]);
    let empty = list();
    assert_eq!((empty.code, empty.out.as_str()), (0, ""), "{}", empty.err);
    assert!(empty.err.contains("watchlist import watchlists/example-bank"), "{}", empty.err);

    let bank = root.path().join("example-bank/canaries.csv");
    let sound = fs::read_to_string(&bank).unwrap();
    fs::write(&bank, sound.replacen("H01", "H77", 1)).unwrap();
    let run = import(&[]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("the custodian \"H77\" is not in organization.toml"), "{}", run.err);
    assert_eq!(list().out, "", "the sound insurer is not imported beside a bad bank");

    fs::write(&bank, &sound).unwrap();
    let run = import(&["--format", "table"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("example-bank: enrolled with 40 canaries, 6 anchors and 4 custodians"), "{}", run.out);
    assert!(run.out.contains("alerts go to soc@example-bank.example, privacy@"), "{}", run.out);
    assert!(import(&["--format", "table"]).out.contains("example-bank: nothing changed"));

    let without_last: Vec<&str> = sound.lines().take(40).collect();
    fs::write(&bank, without_last.join("\n")).unwrap();
    let run = import(&["--format", "table"]);
    assert!(run.out.contains("example-bank: 1 canary removed (eb-040)"), "{}", run.out);
    let run = list();
    assert!(run.out.contains("{\"organization\":\"example-bank\",\"canaries\":39,"), "{}", run.out);
    assert!(run.out.contains("{\"organization\":\"example-insurer\",\"canaries\":25,"), "{}", run.out);
}
