//! Fingerprints from end to end: a key, a file made of invented customers, its import; and that no value is left anywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Invented: an unissued range, an impossible area, a reserved domain.
const CUSTOMERS: &str = "name,card,phone,email\n\
    Vera Sollund,9999 1200 0000 0018,13900000018,vera.sollund@post.example\n\
    闻人采薇,9999120000000026,13900000026,cw@post.example\n\
    Otto Braun,9999120000000027,13900000027,otto.braun@post.example\n";
/// Nothing of these may be found outside the input.
const VALUES: [&str; 7] = [
    "9999120000000018",
    "9999 1200 0000 0018",
    "9999120000000026",
    "13900000018",
    "Sollund",
    "vera.sollund",
    "闻人采薇",
];

struct Scene {
    folder: tempfile::TempDir,
    temporary: PathBuf,
}

/// What a run of the program left.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join("temporary");
        for name in ["temporary", "watchlists/example-bank/fingerprints"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("watchlists/example-bank");
        for name in ["organization.toml", "canaries.csv", "deliveries.csv"] {
            fs::copy(example.join(name), folder.path().join("watchlists/example-bank").join(name)).unwrap();
        }
        fs::create_dir(folder.path().join("bank")).unwrap();
        fs::write(folder.path().join("bank/customers.csv"), CUSTOMERS).unwrap();
        Self { folder, temporary }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_dyepack"))
            .args(["-vvv", "--format", "json", "--data"])
            .arg(self.path("data"))
            .args(args)
            .current_dir(self.folder.path())
            .env("TMPDIR", &self.temporary)
            .env_remove("DYEPACK_CONFIG")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        for value in VALUES {
            assert!(!out.contains(value) && !err.contains(value), "{args:?} tells {value}");
        }
        Run { code: output.status.code().unwrap(), out, err }
    }

    fn key(&self, epoch: &str) -> String {
        let run = self.run(&["init", "--organization", "example-bank", "--epoch", epoch]);
        assert_eq!(run.code, 0, "{}", run.err);
        format!("data/keys/example-bank-{epoch}.key")
    }

    fn fingerprint(&self, kind: &str, key: &str, out: &str) -> Run {
        let out = format!("watchlists/example-bank/fingerprints/{out}");
        let common = ["fingerprint", "--organization", "example-bank", "--in", "bank/customers.csv"];
        self.run(&[&common[..], &["--kind", kind, "--key", key, "--out", &out]].concat())
    }

    fn import(&self) -> Run {
        self.run(&["watchlist", "import", "watchlists/example-bank"])
    }
}

fn row(run: &Run) -> Value {
    assert_eq!(run.code, 0, "{}", run.err);
    serde_json::from_str(run.out.lines().next().unwrap()).unwrap()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn fingerprints_are_made_enrolled_listed_and_changed_and_no_value_is_left_anywhere() {
    let scene = Scene::new();
    let first = scene.key("1");
    assert_eq!(fs::metadata(scene.path(&first)).unwrap().permissions().mode() & 0o777, 0o600);
    let made = row(&scene.fingerprint("pan", &first, "pan-1.dpf"));
    assert_eq!((made["fingerprints"].as_u64(), made["refused"].as_u64()), (Some(2), Some(1)), "{made}");
    row(&scene.fingerprint("pan6l4|ph3l4", &first, "pairs-1.dpf"));
    let again = scene.fingerprint("pan", &first, "pan-1.dpf");
    assert!(again.code == 2 && again.err.contains("--force"), "{}", again.err);

    assert_eq!(row(&scene.import())["fingerprints"], 4);
    let list = || row(&scene.run(&["watchlist", "list"]))["fingerprints"].clone();
    assert_eq!(list(), 4);
    assert_eq!(fs::read_dir(scene.path("data/fingerprints")).unwrap().count(), 2);

    // A second epoch lives beside the first; then the first one goes.
    let second = scene.key("2");
    row(&scene.fingerprint("pan", &second, "pan-2.dpf"));
    assert_eq!(row(&scene.import())["fingerprints"], 6);
    fs::remove_file(scene.path("watchlists/example-bank/fingerprints/pan-1.dpf")).unwrap();
    let run = scene.import();
    assert!(run.err.contains("fingerprints of pan, epoch 1 removed"), "{}", run.err);
    assert_eq!(list(), 4);
    assert_eq!(fs::read_dir(scene.path("data/fingerprints")).unwrap().count(), 2, "nobody needs the first any more");

    for path in files(scene.folder.path()) {
        let bytes = fs::read(&path).unwrap();
        for value in VALUES {
            let is_there = bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(!is_there || path.ends_with("bank/customers.csv"), "{} holds {value}", path.display());
        }
    }
    assert_eq!(files(&scene.temporary), Vec::<PathBuf>::new());
}

#[test]
fn a_customer_in_a_leak_is_found_by_scan_and_the_value_is_masked() {
    let scene = Scene::new();
    let key = scene.key("1");
    for kind in ["pan", "phone"] {
        row(&scene.fingerprint(kind, &key, &format!("{kind}-1.dpf")));
    }
    let leak = "id,card,phone\n1,9999 1200 0000 0018,+86 139-0000-0026\n2,9999120000000109,\n";
    fs::write(scene.path("bank/leak.csv"), leak).unwrap();
    let run = scene.run(&["scan", "--watchlist", "watchlists", "bank/leak.csv"]);
    assert_eq!(run.code, 1, "{}", run.err);
    let rows: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hits: Vec<&Value> = rows.iter().filter(|row| row["kind"] == "fingerprint").collect();
    let fields: Vec<&str> = hits.iter().map(|hit| hit["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["pan", "phone"], "{}", run.out);
    assert!(hits[0]["entry"].as_str().unwrap().starts_with("fp:pan:"), "{}", hits[0]);
    assert_eq!(hits[0]["organization"], "example-bank");
    // Without the key nothing is looked up, and that is said.
    fs::remove_file(scene.path(&key)).unwrap();
    let run = scene.run(&["scan", "--watchlist", "watchlists", "bank/leak.csv"]);
    assert!(run.code == 0 && run.err.contains("is not on this machine"), "{}{}", run.out, run.err);
}

#[test]
fn a_customers_card_of_a_bin_that_the_watchlist_does_not_tell_is_found() {
    let scene = Scene::new();
    let key = scene.key("1");
    let toml = fs::read_to_string(scene.path("watchlists/example-bank/organization.toml")).unwrap();
    assert!(toml.contains("bin = [\"9999") && !toml.contains("\"4000"), "the bank tells other ranges");
    fs::write(scene.path("bank/customers.csv"), "card\n4000001234567899\n").unwrap();
    row(&scene.fingerprint("pan", &key, "pan-1.dpf"));
    fs::write(scene.path("bank/leak.csv"), "1;4000 0012 3456 7899\n2;4000001234567881\n").unwrap();
    let run = scene.run(&["scan", "--watchlist", "watchlists", "bank/leak.csv"]);
    let rows: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().filter(|row| row["kind"] == "fingerprint").count(), 1, "{}", run.out);
}

#[test]
fn a_missing_key_is_told_by_validate_import_and_check_with_a_remedy() {
    let scene = Scene::new();
    let key = scene.key("1");
    row(&scene.fingerprint("pan", &key, "pan-1.dpf"));
    fs::rename(scene.path(&key), scene.path("bank/kept-apart.key")).unwrap();
    for command in [&["watchlist", "validate", "watchlists/example-bank"][..], &["watchlist", "import", "watchlists"]] {
        let run = scene.run(command);
        assert_eq!(run.code, 0, "{}", run.err);
        let remedy =
            "data/keys/example-bank-1.key (mode 600), or name its file in DYEPACK_FINGERPRINT_KEY_EXAMPLE_BANK";
        assert!(run.err.contains("is not on this machine") && run.err.contains(remedy), "{}", run.err);
    }
    let told = |run: &Run| run.out.lines().find(|line| line.contains("fingerprints example-bank")).unwrap().to_owned();
    let run = scene.run(&["check"]);
    assert!(told(&run).contains("\"ok\":false") && told(&run).contains("is not on this machine"), "{}", run.out);
    fs::rename(scene.path("bank/kept-apart.key"), scene.path(&key)).unwrap();
    let run = scene.run(&["check"]);
    assert!(told(&run).contains("\"ok\":true"), "{}", run.out);
}

#[test]
fn a_damaged_or_foreign_file_is_refused_and_nothing_is_imported() {
    let scene = Scene::new();
    let key = scene.key("1");
    row(&scene.fingerprint("pan", &key, "pan-1.dpf"));
    assert_eq!(row(&scene.import())["fingerprints"], 2);
    let path = scene.path("watchlists/example-bank/fingerprints/pan-1.dpf");
    let sound = fs::read(&path).unwrap();
    let mut damaged = sound.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for (bytes, reason) in [
        (&damaged[..], "does not agree with its checksum"),
        (&sound[..sound.len() - 1], "bytes long where its header promises"),
        (b"card,phone\n", "is not a file of fingerprints"),
    ] {
        fs::write(&path, bytes).unwrap();
        let run = scene.import();
        assert!(run.code == 1 && run.err.contains(reason) && run.err.contains("nothing was imported"), "{}", run.err);
    }
    assert_eq!(row(&scene.run(&["watchlist", "list"]))["fingerprints"], 2, "what was enrolled stays");
    fs::write(&path, &sound).unwrap();
    fs::create_dir(scene.path("watchlists/other-bank")).unwrap();
    let toml = fs::read_to_string(scene.path("watchlists/example-bank/organization.toml")).unwrap();
    fs::write(scene.path("watchlists/other-bank/organization.toml"), toml.replace("example-bank", "other-bank"))
        .unwrap();
    fs::copy(scene.path("watchlists/example-bank/canaries.csv"), scene.path("watchlists/other-bank/canaries.csv"))
        .unwrap();
    fs::create_dir(scene.path("watchlists/other-bank/fingerprints")).unwrap();
    fs::copy(&path, scene.path("watchlists/other-bank/fingerprints/pan-1.dpf")).unwrap();
    let run = scene.run(&["watchlist", "validate", "watchlists/other-bank"]);
    let reason = "holds fingerprints of the organization example-bank, not of other-bank";
    assert!(run.code == 1 && run.err.contains(reason), "{}", run.err);
}

/// A dump in which everything is masked but the names; a part of its people are customers.
fn masked(people: std::ops::Range<u32>) -> String {
    let row = |number: u32| {
        let card = card_of(number);
        let (first, last) = (card.get(..6).unwrap(), card.get(12..).unwrap());
        format!("{first}******{last}|139****{:04}|G*** B***\n", 1000 + number)
    };
    people.map(row).collect()
}

/// Invented: an unissued range, its check digit right.
fn card_of(number: u32) -> String {
    let body = format!("99991200{:07}", number * 997);
    let sum: u32 = body.bytes().rev().zip(0..).fold(0, |sum, (byte, place)| {
        let digit = u32::from(byte - b'0');
        let doubled = if digit > 4 { 2 * digit - 9 } else { 2 * digit };
        sum + if place % 2 == 0 { doubled } else { digit }
    });
    format!("{body}{}", (10 - sum % 10) % 10)
}

#[test]
fn a_masked_dump_is_judged_by_pairs() {
    let scene = Scene::new();
    let customers: Vec<String> =
        (0..200).map(|number| format!("{},1390000{:04}", card_of(number), 1000 + number)).collect();
    fs::write(scene.path("bank/customers.csv"), format!("card,phone\n{}\n", customers.join("\n"))).unwrap();
    let key = scene.key("1");
    row(&scene.fingerprint("pan6l4|ph3l4", &key, "pairs-1.dpf"));
    for (name, people, verdict, code) in [
        ("ours.txt", 50..60, "ours", 1),
        ("others.txt", 5000..5010, "not_ours", 0),
        ("mixed.txt", 190..230, "mixed", 1),
    ] {
        fs::write(scene.path(name), masked(people)).unwrap();
        let run = scene.run(&["scan", "--watchlist", "watchlists/example-bank", name]);
        assert_eq!(run.code, code, "{name}: {}", run.err);
        let rows: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said = rows.iter().find(|row| row.get("verdict").is_some()).unwrap();
        assert_eq!(said["verdict"], verdict, "{name}: {said}");
        let hits: Vec<&Value> = rows.iter().filter(|row| row["kind"] == "fingerprint").collect();
        assert!(hits.iter().all(|hit| hit["field"] == "pan6l4|ph3l4" && !hit["steps"].as_array().unwrap().is_empty()));
        assert_eq!(hits.is_empty(), verdict == "not_ours", "{name}");
    }
}
