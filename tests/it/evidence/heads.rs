//! Signed heads: one a day, mailed once, checked with openssl, stamped when the authority is there.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::authority::Authority;
use super::{cases, check, crawled, export};
use crate::mail::sink::Sink;
use crate::world::forum::{Content, Forum};
use crate::world::program::Installation;
use crate::world::{canary, write_watchlist};

/// One leak on a small forum, enrolled for a bank that names an auditor.
struct Scene {
    installation: Installation,
    forum: Forum,
    sink: Sink,
    watchlist: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let (email, pan, _) = canary(1);
        let content = Content { threads: vec![vec![format!("selling base: Planted Person 1;{pan};{email}")]] };
        let watchlist = tempfile::tempdir().unwrap();
        let folder = write_watchlist(watchlist.path(), 3);
        let path = folder.join("organization.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replacen("\n\n", "\nauditor = \"audit@test-bank.example\"\n\n", 1)).unwrap();
        Self { installation: Installation::new(), forum: Forum::serve(content), sink: Sink::start(&[]), watchlist }
    }

    fn crawl(&self, settings: &[(&str, &str)]) {
        let watchlist = self.watchlist.path().join("test-bank");
        let (source, mail) = (self.forum.url(), self.sink.url("smtp"));
        let arguments =
            ["crawl", "--once", "--watchlist", watchlist.to_str().unwrap(), "--source", &source, "--mail", &mail];
        let mut command = self.installation.command(&arguments);
        let output = command.envs(settings.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The mails that the auditor got, as text.
    fn audited(&self) -> Vec<String> {
        let to_auditor = |mail: &crate::mail::sink::Received| mail.to == ["audit@test-bank.example"];
        self.sink.received().into_iter().filter(to_auditor).map(|mail| mail.text()).collect()
    }
}

fn openssl_verifies(folder: &Path, name: &str) -> bool {
    let file = |ending: &str| folder.join(format!("{name}{ending}"));
    let checked = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"])
        .arg(file(".pub.pem"))
        .arg("-in")
        .arg(file(".txt"))
        .arg("-sigfile")
        .arg(file(".sig"))
        .output()
        .unwrap();
    checked.status.success()
}

#[test]
fn a_days_head_is_signed_mailed_to_the_auditor_once_and_openssl_verifies_it() {
    let scene = Scene::new();
    scene.crawl(&[]);
    scene.crawl(&[]);
    let mails = scene.audited();
    assert_eq!(mails.len(), 1, "{mails:?}");
    for private in ["99991200", "planted001", "Planted Person", "127.0.0.1"] {
        assert!(!mails[0].contains(private), "{private} is in the auditor's mail");
    }
    let out = scene.installation.data().join("head");
    let head = scene.installation.rows(&["evidence", "head", "--out", out.to_str().unwrap()]).remove(0);
    let name = format!("head-{}", head["day"].as_str().unwrap());
    assert!(openssl_verifies(&out, &name));
    let document = fs::read_to_string(out.join(format!("{name}.txt"))).unwrap();
    fs::write(out.join(format!("{name}.txt")), document.replace("day: 2", "day: 3")).unwrap();
    assert!(!openssl_verifies(&out, &name), "{document}");
    // The mail that the auditor kept is checked against the chain.
    let kept = out.join("kept.eml");
    fs::write(&kept, &mails[0]).unwrap();
    let verified = scene.installation.rows(&["evidence", "verify", "--head", kept.to_str().unwrap()]);
    let heads = verified.iter().find(|row| row["check"] == "heads").unwrap();
    assert_eq!(heads["detail"], "2 signed, and the ledger leads to them");
    let rows = document.lines().find_map(|line| line.strip_prefix("rows: ")).unwrap();
    fs::write(&kept, document.replace(&format!("rows: {rows}"), "rows: 1")).unwrap();
    let verified = scene.installation.run(&["evidence", "verify", "--head", kept.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(1), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn whoever_rewrites_the_whole_ledger_cannot_sign_it() {
    let scene = Scene::new();
    scene.crawl(&[]);
    // The key is replaced, and with it everything that it signs from now on.
    let key = scene.installation.data().join("evidence-signing.pem");
    fs::rename(&key, key.with_extension("old")).unwrap();
    let verified = scene.installation.run(&["evidence", "verify", "--format", "json"]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.code() == Some(1) && said.contains("not this installation's"), "{said}");
    fs::rename(key.with_extension("old"), &key).unwrap();
    let database = rusqlite::Connection::open(scene.installation.data().join("dyepack.db")).unwrap();
    database
        .execute_batch("UPDATE ledger_head SET document = replace(document, 'previous: none', 'previous: 00')")
        .unwrap();
    let verified = scene.installation.run(&["evidence", "verify", "--format", "json"]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.code() == Some(1) && said.contains("signature does not hold"), "{said}");
}

#[test]
fn a_head_is_stamped_by_an_authority_and_openssl_verifies_the_whole_chain() {
    let (scene, authority) = (Scene::new(), Authority::start());
    scene.crawl(&[("DYEPACK_TIMESTAMP_URL", &authority.url("/"))]);
    let out = scene.installation.data().join("head");
    let head = scene.installation.rows(&["evidence", "head", "--out", out.to_str().unwrap()]).remove(0);
    assert!(head["stamped_at"].is_string(), "{head}");
    let name = format!("head-{}", head["day"].as_str().unwrap());
    let (stamp, document) = (out.join(format!("{name}.tsr")), out.join(format!("{name}.txt")));
    assert!(authority.verifies(&stamp, &document));
    assert!(!authority.verifies(&stamp, &out.join(format!("{name}.pub.pem"))));
    assert!(!Authority::start().verifies(&stamp, &document), "another root is not that of the authority");
    let verified = scene.installation.rows(&["evidence", "verify"]);
    let stamps = verified.iter().find(|row| row["check"] == "time stamps").unwrap();
    assert_eq!(stamps["detail"], "1 of these heads, as the authority gave them");
}

#[test]
fn an_authority_that_is_down_or_lies_blocks_nothing_and_is_asked_again() {
    let (scene, authority) = (Scene::new(), Authority::start());
    let nobody = format!("http://127.0.0.1:{}/", crate::mail::sink::free_port());
    scene.crawl(&[("DYEPACK_TIMESTAMP_URL", &nobody)]);
    assert_eq!(scene.audited().len(), 1, "the head is mailed all the same");
    let stamp = |path: &str| {
        let mut command = scene.installation.command(&["evidence", "stamp"]);
        let output = command.env("DYEPACK_TIMESTAMP_URL", authority.url(path)).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for (path, says) in
        [("/busy", "503"), ("/other", "another digest"), ("/refuse", "refuses"), ("/replay", "another digest")]
    {
        let (code, said) = stamp(path);
        assert!(code == Some(1) && said.contains(says), "{path}: {said}");
    }
    let (code, said) = stamp("/");
    assert!(code == Some(0) && said.contains("1 heads stamped"), "{said}");
    assert_eq!(stamp("/").0, Some(0), "a second time there is nothing to do");
}

#[test]
fn an_export_is_signed_stamped_and_proves_that_its_canaries_were_there_before() {
    let (installation, authority) = (crawled(), Authority::start());
    installation.rows(&["evidence", "head", "--sign"]);
    let case = cases(&installation).remove(0);
    // The authority is down while the export is made.
    fs::write(
        installation.data().join("dyepack.toml"),
        format!("[evidence]\ntimestamp_url = \"http://127.0.0.1:{}/\"\n", crate::mail::sink::free_port()),
    )
    .unwrap();
    let folder = export(&installation, &case);
    assert!(check(&folder).status.success() && !folder.join("manifest.json.tsr").exists());
    fs::write(
        installation.data().join("dyepack.toml"),
        format!("[evidence]\ntimestamp_url = \"{}\"\n", authority.url("/")),
    )
    .unwrap();
    let stamped = installation.run(&["evidence", "stamp", folder.to_str().unwrap()]);
    assert!(stamped.status.success(), "{}", String::from_utf8_lossy(&stamped.stderr));
    assert!(authority.verifies(&folder.join("manifest.json.tsr"), &folder.join("manifest.json")));
    let checked = check(&folder);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && said.contains("manifest.json, stamped 20"), "{said}");
    let canaries: Vec<&str> = said.lines().filter(|line| line.starts_with("canary ")).collect();
    assert!(!canaries.is_empty() && canaries.iter().all(|line| line.contains("covered by the head of")), "{said}");
    let sums = Command::new("sha256sum").args(["--quiet", "-c", "SHA256SUMS"]).current_dir(&folder).output().unwrap();
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));
    let signed = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-inkey", "signing.pub.pem", "-rawin", "-in", "SHA256SUMS"])
        .args(["-sigfile", "SHA256SUMS.sig"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    // What was changed since is not stamped.
    fs::remove_file(folder.join("manifest.json.tsr")).unwrap();
    let refused = installation.run(&["evidence", "stamp", folder.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_canary_is_proved_by_a_folder_of_its_own_and_one_never_enrolled_is_not() {
    let scene = Scene::new();
    scene.crawl(&[]);
    let out = scene.installation.data().join("proof");
    let prove = |canary: &str, out: &Path| {
        let arguments = ["evidence", "prove", "--organization", "test-bank", "--canary", canary, "--out"];
        scene.installation.run(&[&arguments[..], &[out.to_str().unwrap()]].concat())
    };
    assert!(prove("c001", &out).status.success());
    let checked = check(&out);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        checked.status.success() && said.contains("canary c001: committed to by row 1, covered by the head of"),
        "{said}"
    );
    let opened = fs::read_to_string(out.join("canaries.json")).unwrap();
    assert!(opened.contains("planted001@mail.example") && !opened.contains("planted002@mail.example"));
    let refused = prove("c999", &scene.installation.data().join("none"));
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    // Another record in its place is not under the root.
    let changed = opened.replace("planted001@mail.example", "planted009@mail.example");
    fs::write(out.join("canaries.json"), changed).unwrap();
    let said = String::from_utf8_lossy(&check(&out).stdout).into_owned();
    assert!(said.contains("canary c001 is not under the root"), "{said}");
}
